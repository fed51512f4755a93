// SPDX-License-Identifier: GPL-2.0
/*
 * The example of Documentation/userspace-api/liveupdate.rst: text that survives
 * a live update.
 *
 *	luo_example save NAME TEXT	keeps TEXT in the session NAME, and waits
 *	luo_example load NAME		in the next kernel: prints the text
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/liveupdate.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Which of the session's files it is. Any number; there is only one file here. */
#define TOKEN	1

static int open_device(void)
{
	int dev = open("/dev/liveupdate", O_RDWR | O_CLOEXEC);

	if (dev < 0)
		err(1, "/dev/liveupdate");
	return dev;
}

static void save(const char *name, const char *text)
{
	struct liveupdate_ioctl_create_session create = { .size = sizeof(create) };
	struct liveupdate_session_preserve_fd preserve = { .size = sizeof(preserve) };
	int dev, fd;

	fd = memfd_create("text", MFD_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		err(1, "memfd");

	/* The device is open as briefly as possible: only one process can have it. */
	dev = open_device();
	strncpy((char *)create.name, name, sizeof(create.name) - 1);
	if (ioctl(dev, LIVEUPDATE_IOCTL_CREATE_SESSION, &create))
		err(1, "session %s", name);
	close(dev);

	preserve.fd = fd;
	preserve.token = TOKEN;
	if (ioctl(create.fd, LIVEUPDATE_SESSION_PRESERVE_FD, &preserve))
		err(1, "preserve");
	/* The session has it now. */
	close(fd);

	printf("%s is preserved as long as process %d runs\n", name, getpid());
	fflush(stdout);
	/* create.fd stays open until the update. */
	pause();
}

static void load(const char *name)
{
	struct liveupdate_ioctl_retrieve_session retrieve = { .size = sizeof(retrieve) };
	struct liveupdate_session_retrieve_fd take = { .size = sizeof(take) };
	struct liveupdate_session_finish finish = { .size = sizeof(finish) };
	struct stat st;
	char *text;
	int dev;

	dev = open_device();
	strncpy((char *)retrieve.name, name, sizeof(retrieve.name) - 1);
	if (ioctl(dev, LIVEUPDATE_IOCTL_RETRIEVE_SESSION, &retrieve))
		err(1, "session %s", name);
	close(dev);

	take.token = TOKEN;
	if (ioctl(retrieve.fd, LIVEUPDATE_SESSION_RETRIEVE_FD, &take))
		err(1, "retrieve");

	/* All that is wanted is here: the rest, if there were any, can go. */
	if (ioctl(retrieve.fd, LIVEUPDATE_SESSION_FINISH, &finish))
		err(1, "finish");
	close(retrieve.fd);

	/* An ordinary memfd from here on. */
	if (fstat(take.fd, &st))
		err(1, "memfd");
	text = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, take.fd, 0);
	if (text == MAP_FAILED)
		err(1, "memfd");
	printf("%.*s\n", (int)st.st_size, text);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "save"))
		save(argv[2], argv[3]);
	else if (argc == 3 && !strcmp(argv[1], "load"))
		load(argv[2]);
	else
		errx(2, "usage: %s save NAME TEXT | load NAME", argv[0]);
	return 0;
}
