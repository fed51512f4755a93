// SPDX-License-Identifier: GPL-2.0-only
/*
 * luctl: list, show and discard: the sessions, in either direction.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "luctl.h"

static void __attribute__((noreturn)) die_no_lists(void)
{
	die(ST_FAILED,
	    "this kernel cannot list sessions; ask the programs that made them");
}

static const char *state_of(unsigned int direction, const struct session *session)
{
	if (direction == LIVEUPDATE_OUTGOING)
		return "for the next kernel";
	if (session->flags & LIVEUPDATE_SESSION_INFO_FINISHED)
		return "finished";
	return session->flags & LIVEUPDATE_SESSION_INFO_RETRIEVED ? "retrieved" : "waiting";
}

static void session_json(unsigned int direction, const struct session *session)
{
	json_string("name", session->name);
	json_string("direction", direction_name(direction));
	json_number("files", session->files);
	if (direction == LIVEUPDATE_INCOMING) {
		json_bool("retrieved", session->flags & LIVEUPDATE_SESSION_INFO_RETRIEVED);
		json_bool("finished", session->flags & LIVEUPDATE_SESSION_INFO_FINISHED);
		json_bool("damaged", session->flags & LIVEUPDATE_SESSION_INFO_DAMAGED);
	}
}

int cmd_list(int argc, char **argv)
{
	struct sessions sessions[NR_DIRECTIONS];
	int dev, width = 16;

	(void)argv;
	if (argc > 1)
		return ST_USAGE;
	dev = device_open(O_RDONLY);
	for (unsigned int d = 0; d < NR_DIRECTIONS; d++)
		if (!device_sessions(dev, d, &sessions[d]))
			die_no_lists();
	close(dev);

	json_begin("list");
	json_array("sessions");
	for (unsigned int d = 0; d < NR_DIRECTIONS; d++) {
		for (size_t i = 0; i < sessions[d].nr; i++) {
			json_object(NULL);
			session_json(d, &sessions[d].list[i]);
			json_close();
			if ((int)strlen(shown(sessions[d].list[i].name)) > width)
				width = strlen(shown(sessions[d].list[i].name));
		}
	}
	json_close();
	json_end();
	if (opt_json)
		return ST_OK;
	if (!sessions[0].nr && !sessions[1].nr) {
		printf("no sessions\n");
		return ST_OK;
	}
	printf("%s%-*s  %-9s  %5s  %s%s\n", colour(BOLD), width, "SESSION", "DIRECTION", "FILES",
	       "STATE", colour(PLAIN));
	for (unsigned int d = 0; d < NR_DIRECTIONS; d++)
		for (size_t i = 0; i < sessions[d].nr; i++) {
			const struct session *session = &sessions[d].list[i];

			printf("%-*s  %-9s  %5" PRIu64 "  %s%s\n", width, shown(session->name),
			       direction_name(d), session->files, state_of(d, session),
			       session->flags & LIVEUPDATE_SESSION_INFO_DAMAGED ? ", damaged" : "");
		}
	return ST_OK;
}

static const struct session *find_session(const struct sessions *sessions, const char *name)
{
	for (size_t i = 0; i < sessions->nr; i++)
		if (!strcmp(sessions->list[i].name, name))
			return &sessions->list[i];
	return NULL;
}

static void show_file(const struct file *file)
{
	json_object(NULL);
	json_number("token", file->token);
	json_string("format", file->format);
	json_bool("handler", !(file->flags & LIVEUPDATE_FILE_INFO_NO_HANDLER));
	json_bool("retrieved", file->flags & LIVEUPDATE_FILE_INFO_RETRIEVED);
	json_string("error", file->status ? strerror(-file->status) : NULL);
	json_close();
	if (opt_json)
		return;
	printf("  %20" PRIu64 "  %-24s", file->token, shown(file->format));
	if (file->status)
		printf("  %slost: %s%s", colour(RED), strerror(-file->status), colour(PLAIN));
	else if (file->flags & LIVEUPDATE_FILE_INFO_NO_HANDLER)
		printf("  %sno driver for it here, yet%s", colour(YELLOW), colour(PLAIN));
	else if (file->flags & LIVEUPDATE_FILE_INFO_RETRIEVED)
		printf("  retrieved");
	putchar('\n');
}

static void show_session(int dev, unsigned int direction, const struct session *session)
{
	int holder = session_holder(direction, session->name);
	struct files files;

	if (!device_files(dev, direction, session->name, &files))
		files.nr = 0;
	json_object(NULL);
	session_json(direction, session);
	if (holder) {
		json_object("held_by");
		json_number("pid", holder);
		json_string("command", process_name(holder));
		json_close();
	} else {
		json_null("held_by");
	}
	json_array("list");
	if (!opt_json) {
		printf("%s%s%s: %s, %s, %s", colour(BOLD), shown(session->name),
		       colour(PLAIN), direction_name(direction), state_of(direction, session),
		       count_of(session->files, "file"));
		if (holder)
			printf(", held by process %d (%s)", holder, process_name(holder));
		if (session->flags & LIVEUPDATE_SESSION_INFO_DAMAGED)
			printf(", %sdamaged%s", colour(RED), colour(PLAIN));
		putchar('\n');
		if (files.nr)
			printf("  %s%20s  FORMAT%s\n", colour(BOLD), "TOKEN", colour(PLAIN));
	}
	for (size_t i = 0; i < files.nr; i++)
		show_file(&files.list[i]);
	json_close();
	json_close();
}

int cmd_show(int argc, char **argv)
{
	struct sessions sessions;
	bool found = false;
	int dev;

	if (argc != 2)
		return ST_USAGE;
	dev = device_open(O_RDONLY);
	json_begin("show");
	json_array("sessions");
	for (unsigned int d = 0; d < NR_DIRECTIONS; d++) {
		const struct session *session;

		if (!device_sessions(dev, d, &sessions))
			die_no_lists();
		session = find_session(&sessions, argv[1]);
		if (!session)
			continue;
		found = true;
		show_session(dev, d, session);
	}
	json_close();
	close(dev);
	if (!found)
		die(ST_NONE, "there is no session %s; luctl list shows all", shown(argv[1]));
	json_end();
	return ST_OK;
}

int cmd_discard(int argc, char **argv)
{
	struct liveupdate_ioctl_discard_session discard = { .size = sizeof(discard) };
	const struct session *session;
	struct sessions sessions;
	int dev, pid;

	if (argc != 2)
		return ST_USAGE;
	session_name((char *)discard.name, argv[1]);
	dev = device_open(O_RDWR);
	if (ioctl(dev, LIVEUPDATE_IOCTL_DISCARD_SESSION, &discard)) {
		int err = errno;

		pid = session_holder(err == ENOENT ? LIVEUPDATE_OUTGOING : LIVEUPDATE_INCOMING,
				     argv[1]);
		if (err == ENOTTY)
			die(ST_FAILED,
			    "this kernel cannot discard sessions; reboot to get their memory back");
		if (err == EBUSY)
			die(ST_BUSY,
			    "session %s cannot be given up yet: a file in it is not ready; try again later",
			    shown(argv[1]));
		if (err == EINVAL && !pid)
			die(ST_BUSY, "session %s is retrieved; end the process that has it instead",
			    shown(argv[1]));
		if (err == EINVAL)
			die(ST_BUSY,
			    "session %s is retrieved, process %d (%s) has it; end that process instead",
			    shown(argv[1]), pid, process_name(pid));
		if (err != ENOENT)
			die(ST_FAILED, "session %s cannot be given up: %s; see the kernel's log",
			    shown(argv[1]), strerror(err));
		if (!device_sessions(dev, LIVEUPDATE_OUTGOING, &sessions))
			die_no_lists();
		session = find_session(&sessions, argv[1]);
		if (session && pid)
			die(ST_BUSY,
			    "session %s is for the next kernel, and process %d (%s) has it; it is gone when that process ends",
			    shown(argv[1]), pid, process_name(pid));
		if (session)
			die(ST_BUSY,
			    "session %s is for the next kernel; it is gone when whoever has it closes it",
			    shown(argv[1]));
		die(ST_NONE, "there is no session %s of the previous kernel; luctl list shows all",
		    shown(argv[1]));
	}
	close(dev);
	json_begin("discard");
	json_string("session", argv[1]);
	json_end();
	if (!opt_json && !opt_quiet)
		printf("session %s is given up, its memory is free\n", shown(argv[1]));
	return ST_OK;
}
