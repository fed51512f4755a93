// SPDX-License-Identifier: GPL-2.0-only
/*
 * luctl: /dev/liveupdate and its lists.
 *
 * Only one process can have the device open, so it is held for as short as possible.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "luctl.h"

#define DEVICE		"/dev/liveupdate"
#define SESSION_LINK	"anon_inode:[luo_session] "
#define WAIT_MS		2000
#define STEP_MS		50
#define AT_A_TIME	64

const char *direction_name(unsigned int direction)
{
	return direction == LIVEUPDATE_OUTGOING ? "outgoing" : "incoming";
}

/* Of the two sessions that can have a name, is it the one of this direction? */
static bool is_of_direction(const char *pid, const char *fd, const char *direction)
{
	char *info = host_read(text("/proc/%s/fdinfo/%s", pid, fd));

	return info && strstr(info, text("\nluo-direction:\t%s\n", direction));
}

/* The process with a descriptor whose link is @want; of a session of @direction, if any. */
static int find_holder(const char *want, const char *direction)
{
	char path[300], link[300];
	struct dirent *process, *fd;
	DIR *proc, *fds;
	int found = 0;

	proc = opendir(host_path("/proc"));
	while (proc && !found && (process = readdir(proc))) {
		if (!isdigit((unsigned char)process->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "%s/proc/%.20s/fd", opt_root, process->d_name);
		fds = opendir(path);
		while (fds && !found && (fd = readdir(fds))) {
			ssize_t len = readlinkat(dirfd(fds), fd->d_name, link, sizeof(link) - 1);

			if (len <= 0)
				continue;
			link[len] = '\0';
			if (!strcmp(link, want) &&
			    (!direction ||
			     is_of_direction(process->d_name, fd->d_name, direction)))
				found = atoi(process->d_name);
		}
		if (fds)
			closedir(fds);
	}
	if (proc)
		closedir(proc);
	return found;
}

int device_holder(void)
{
	return find_holder(DEVICE, NULL);
}

int session_holder(unsigned int direction, const char *name)
{
	return find_holder(text(SESSION_LINK "%s", name), direction_name(direction));
}

const char *process_name(int pid)
{
	char *name = host_read(text("/proc/%d/comm", pid));

	if (!name)
		return "?";
	name[strcspn(name, "\n")] = '\0';
	return shown(name);
}

int device_try(int mode)
{
	struct timespec pause = { .tv_nsec = STEP_MS * 1000000L };

	for (int waited = 0;; waited += STEP_MS) {
		int fd = open(host_path(DEVICE), mode | O_CLOEXEC);

		if (fd >= 0)
			return fd;
		if (errno != EBUSY || waited >= WAIT_MS)
			return -errno;
		nanosleep(&pause, NULL);
	}
}

int device_open(int mode)
{
	int fd, pid;

	host_must_be_on();
	fd = device_try(mode);
	switch (fd) {
	case -EBUSY:
		pid = device_holder();
		if (pid)
			die(ST_BUSY,
			    "/dev/liveupdate is open in process %d (%s), and only one can have it; end that process, or ask it",
			    pid, process_name(pid));
		die(ST_BUSY,
		    "/dev/liveupdate is open in another process, and only one can have it; try again as root to see which");
	case -EACCES:
	case -EPERM:
		die(ST_PERMISSION, "/dev/liveupdate cannot be opened: %s; run luctl as root",
		    strerror(-fd));
	case -ENOENT:
		die(ST_OFF,
		    "there is no /dev/liveupdate although live update is on; mount devtmpfs on /dev");
	default:
		if (fd < 0)
			die(ST_FAILED,
			    "/dev/liveupdate cannot be opened: %s; see what the kernel's log says of \"luo:\"",
			    strerror(-fd));
	}
	return fd;
}

void session_name(char *field, const char *name)
{
	if (!*name || strlen(name) >= LIVEUPDATE_SESSION_NAME_LENGTH)
		die(ST_USAGE, "%s: the name of a session has 1 to 63 bytes; give another one",
		    shown(name));
	memset(field, 0, LIVEUPDATE_SESSION_NAME_LENGTH);
	strcpy(field, name);
}

static bool no_lists(void)
{
	return errno == ENOTTY || errno == EINVAL;
}

bool device_sessions(int dev, unsigned int direction, struct sessions *sessions)
{
	struct liveupdate_session_info infos[AT_A_TIME];
	struct liveupdate_ioctl_list_sessions list = {
		.size = sizeof(list), .direction = direction,
		.entries = (uintptr_t)infos, .entry_size = sizeof(infos[0]),
	};

	memset(sessions, 0, sizeof(*sessions));
	do {
		list.count = AT_A_TIME;
		if (ioctl(dev, LIVEUPDATE_IOCTL_LIST_SESSIONS, &list)) {
			if (no_lists())
				return false;
			die(ST_FAILED, "the sessions cannot be listed: %m; try again");
		}
		sessions->list = must_grow(sessions->list, (sessions->nr + list.count) *
					   sizeof(sessions->list[0]));
		for (unsigned int i = 0; i < list.count; i++) {
			struct session *session = &sessions->list[sessions->nr++];

			memcpy(session->name, infos[i].name, sizeof(session->name));
			session->name[sizeof(session->name) - 1] = '\0';
			session->files = infos[i].files;
			session->flags = infos[i].flags;
		}
	} while (list.count);
	return true;
}

bool device_files(int dev, unsigned int direction, const char *name, struct files *files)
{
	struct liveupdate_file_info infos[AT_A_TIME];
	struct liveupdate_ioctl_list_files list = {
		.size = sizeof(list), .direction = direction,
		.entries = (uintptr_t)infos, .entry_size = sizeof(infos[0]),
	};

	memset(files, 0, sizeof(*files));
	session_name((char *)list.name, name);
	do {
		list.count = AT_A_TIME;
		if (ioctl(dev, LIVEUPDATE_IOCTL_LIST_FILES, &list)) {
			/* It may have gone just now. */
			if (no_lists() || errno == ENOENT)
				return false;
			die(ST_FAILED, "the files of session %s cannot be listed: %m; try again",
			    shown(name));
		}
		files->list = must_grow(files->list,
					(files->nr + list.count) * sizeof(files->list[0]));
		for (unsigned int i = 0; i < list.count; i++) {
			struct file *file = &files->list[files->nr++];

			file->token = infos[i].token;
			memcpy(file->format, infos[i].format, sizeof(file->format));
			file->format[sizeof(file->format) - 1] = '\0';
			file->status = infos[i].status;
			file->flags = infos[i].flags;
			file->required = infos[i].required;
			memcpy(file->device_format, infos[i].device_format,
			       sizeof(file->device_format));
			file->device_format[sizeof(file->device_format) - 1] = '\0';
		}
	} while (list.count);
	return true;
}

int device_create(int dev, const char *name)
{
	struct liveupdate_ioctl_create_session create = { .size = sizeof(create) };

	session_name((char *)create.name, name);
	if (!ioctl(dev, LIVEUPDATE_IOCTL_CREATE_SESSION, &create))
		return create.fd;
	return -errno;
}

int device_retrieve(int dev, const char *name)
{
	struct liveupdate_ioctl_retrieve_session retrieve = { .size = sizeof(retrieve) };

	session_name((char *)retrieve.name, name);
	if (!ioctl(dev, LIVEUPDATE_IOCTL_RETRIEVE_SESSION, &retrieve))
		return retrieve.fd;
	return -errno;
}
