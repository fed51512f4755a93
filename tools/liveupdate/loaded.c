// SPDX-License-Identifier: GPL-2.0-only
/*
 * luctl: what luctl load has loaded.
 *
 * The kernel does not tell what is loaded, so luctl load leaves a note in /run for luctl
 * run and luctl status. It is gone with the next boot, as the image is. Somebody else may
 * load another image behind our back: the note then speaks of the wrong one, and it is
 * the kernel's own gates that count.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "luctl.h"

#define NOTE_DIR	"/run/luctl"
#define NOTE_FILE	NOTE_DIR "/loaded"

/* What tells one file from another, without reading it. */
static char *identity(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return text("%s", "gone");
	return text("%" PRIu64 ":%" PRIu64 ":%" PRId64 ":%" PRId64 ".%09ld", (uint64_t)st.st_dev,
		    (uint64_t)st.st_ino, (int64_t)st.st_size, (int64_t)st.st_mtim.tv_sec,
		    st.st_mtim.tv_nsec);
}

const struct loaded *loaded_get(void)
{
	static struct loaded loaded;
	char *note, *field[4];

	if (!host_get()->image_loaded)
		return NULL;
	note = host_read(NOTE_FILE);
	if (!note)
		return NULL;
	/* Four lines, the last of which may hold anything. */
	for (int i = 0; i < 4; i++) {
		field[i] = note;
		note = i < 3 ? strchr(note, '\n') : note + strlen(note);
		if (!note)
			return NULL;
		if (i < 3)
			*note++ = '\0';
	}
	loaded.image = field[0];
	loaded.initrd = *field[1] ? field[1] : NULL;
	loaded.changed = strcmp(field[2], identity(field[0]));
	loaded.cmdline = field[3];
	return &loaded;
}

void loaded_set(const char *image, const char *initrd, const char *cmdline)
{
	char *path = realpath(image, NULL), *ramdisk = initrd ? realpath(initrd, NULL) : NULL;
	char *new = host_path(NOTE_FILE ".new");
	int fd = -1;

	if (!path || strchr(path, '\n') || (ramdisk && strchr(ramdisk, '\n')))
		errno = EINVAL;
	else if (!mkdir(host_path(NOTE_DIR), 0755) || errno == EEXIST)
		fd = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || dprintf(fd,
			      "%s\n%s\n%s\n%s",
			      path, ramdisk ?: "", identity(path), cmdline) < 0 ||
	    rename(new, host_path(NOTE_FILE)))
		warn("%s cannot be written: %m; luctl run will not check once more what was loaded",
		     NOTE_FILE);
	if (fd >= 0)
		close(fd);
}

void loaded_forget(void)
{
	unlink(host_path(NOTE_FILE));
}

void loaded_check(struct check *check)
{
	const struct loaded *loaded = loaded_get();

	if (loaded)
		check->cmdline = loaded->cmdline;
	if (loaded && !loaded->changed)
		check->image = image_open(loaded->image);
	check_all(check);
	if (check->image)
		return;
	if (loaded)
		find(check, DOUBT,
		     "%s has changed since it was loaded, so the loaded image cannot be looked into; load it again",
		     shown(loaded->image));
	else
		find(check, DOUBT,
		     "an image is loaded, but luctl did not load it: what it reads cannot be told; use luctl load");
	if (check_refuses_unknown(check))
		find(check, NO,
		     "an image of which luctl cannot tell what it reads is refused while there may be sessions, as liveupdate.unknown=refuse is set; use luctl load, or set it to warn");
}
