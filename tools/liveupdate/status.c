// SPDX-License-Identifier: GPL-2.0-only
/*
 * luctl: status: is it on, and if not why; what there is in both directions; what is
 * loaded, and can it take over.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "luctl.h"

struct totals {
	uint64_t sessions, files, waiting, damaged;
};

static bool count(int dev, unsigned int direction, struct totals *totals)
{
	struct sessions sessions;

	memset(totals, 0, sizeof(*totals));
	if (!device_sessions(dev, direction, &sessions))
		return false;
	for (size_t i = 0; i < sessions.nr; i++) {
		totals->sessions++;
		totals->files += sessions.list[i].files;
		totals->waiting += !(sessions.list[i].flags & LIVEUPDATE_SESSION_INFO_FINISHED);
		totals->damaged += !!(sessions.list[i].flags & LIVEUPDATE_SESSION_INFO_DAMAGED);
	}
	return true;
}

/* Why nothing can be listed, NULL if it can. */
static const char *count_all(struct totals *totals)
{
	const char *why = NULL;
	int dev = device_try(O_RDONLY), pid;

	if (dev == -EBUSY) {
		pid = device_holder();
		if (!pid)
			return "another process has the device open; ask again as root for which";
		return text("process %d (%s) has /dev/liveupdate open; end it, or ask it", pid,
			    process_name(pid));
	}
	if (dev == -EACCES || dev == -EPERM)
		return "only root may open /dev/liveupdate; run luctl as root";
	if (dev < 0)
		return text("the device cannot be opened: %s; luctl list says what to do",
			    strerror(-dev));
	for (unsigned int d = 0; d < NR_DIRECTIONS; d++)
		if (!count(dev, d, &totals[d]))
			why = "this kernel has no lists; ask the programs that preserve";
	close(dev);
	return why;
}

static void print_live_update(const struct host *host)
{
	json_object("live_update");
	json_string("state", host_state_name(host->state));
	json_string("reason", *host->reason ? host->reason : NULL);
	json_string("remedy", host->remedy);
	json_string("release", host->release);
	json_number("number", host->number);
	json_close();
	if (opt_json)
		return;
	printf("live update: %s%s%s", colour(host->remedy ? RED : GREEN),
	       host->state == HOST_NONE ? "not in this kernel" : host_state_name(host->state),
	       colour(PLAIN));
	if (host->remedy && host->state != HOST_NONE)
		printf(": %s", host->reason);
	printf("\n");
	if (host->remedy)
		printf("what to do:  %s\n", host->remedy);
	printf("kernel:      Linux %s", host->release);
	if (host->number)
		printf(", reached by %s in a row", count_of(host->number, "live update"));
	printf("\n");
}

static void print_sessions(const struct totals *totals, const char *why)
{
	static const char * const titles[] = { "outgoing:   ", "incoming:   " };

	json_string("not_listed", why);
	for (unsigned int d = 0; d < NR_DIRECTIONS; d++) {
		json_object(direction_name(d));
		if (!why) {
			json_number("sessions", totals[d].sessions);
			json_number("files", totals[d].files);
			if (d == LIVEUPDATE_INCOMING) {
				json_number("unfinished", totals[d].waiting);
				json_number("damaged", totals[d].damaged);
			}
		}
		json_close();
		if (opt_json)
			continue;
		if (why) {
			printf("%s cannot be listed: %s\n", titles[d], why);
			continue;
		}
		printf("%s %s, %s", titles[d], count_of(totals[d].sessions, "session"),
		       count_of(totals[d].files, "file"));
		if (d == LIVEUPDATE_INCOMING && totals[d].waiting)
			printf(", %s%" PRIu64 " of them not finished%s", colour(YELLOW),
			       totals[d].waiting, colour(PLAIN));
		if (totals[d].damaged)
			printf(", %s%" PRIu64 " damaged%s", colour(RED), totals[d].damaged,
			       colour(PLAIN));
		printf("\n");
	}
}

static void print_image(const struct host *host)
{
	const struct loaded *loaded = loaded_get();
	const char *takes_over = NULL, *why = NULL;
	struct check check = { 0 };

	if (!host->image_loaded)
		why = "none is loaded; luctl load loads one";
	else if (!loaded)
		why = "loaded, but not by luctl, so what it takes over is unknown; use luctl load";
	if (loaded && (access(loaded->image, R_OK) || loaded->changed)) {
		takes_over = "unknown";
	} else if (loaded) {
		static const char * const answers[] = {
			[YES] = "yes", [NOTE] = "yes", [DOUBT] = "unknown", [NO] = "no",
		};

		loaded_check(&check);
		takes_over = answers[check_level(&check)];
	}
	json_object("next");
	json_bool("loaded", host->image_loaded);
	json_string("image", loaded ? loaded->image : NULL);
	json_string("takes_over", host->image_loaded ? takes_over ?: "unknown" : NULL);
	json_close();
	if (opt_json)
		return;
	if (why)
		printf("next kernel: %s\n", why);
	else if (strcmp(takes_over, "yes"))
		printf("next kernel: %s, takes everything over: %s%s%s; luctl check says why\n",
		       shown(loaded->image), colour(YELLOW), takes_over, colour(PLAIN));
	else
		printf("next kernel: %s, takes everything over: %syes%s\n", shown(loaded->image),
		       colour(GREEN), colour(PLAIN));
}

int cmd_status(int argc, char **argv)
{
	const struct host *host = host_get();
	struct totals totals[NR_DIRECTIONS];

	(void)argv;
	if (argc > 1)
		return ST_USAGE;
	json_begin("status");
	print_live_update(host);
	if (!host->remedy)
		print_sessions(totals, count_all(totals));
	print_image(host);
	json_end();
	return host->remedy ? ST_OFF : ST_OK;
}
