// SPDX-License-Identifier: GPL-2.0
/*
 * luo_incoming: sessions on the other side of the jump: every errno of retrieving and
 * finishing in its order, the life cycle, faulting answers, lists, discarding. Each
 * case has sessions of its own, so that one jump can serve them all.
 */
#define _GNU_SOURCE
#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "luo_common.h"

#define MACHINE	"mem=512M flavour=prod " LUO_ON

#define RETRIEVE	LIVEUPDATE_IOCTL_RETRIEVE_SESSION
#define OVERCOMMIT	"/proc/sys/vm/overcommit_"

/* A session with @files files of 8 KiB: token i, seed i. */
static int make(int dev, const char *name, int files)
{
	int session = luo_create(dev, name);

	for (int i = 0; i < files; i++) {
		int fd = luo_memfd("x", 0, 8192, i);

		luo_preserve(session, fd, i);
		luo_close(fd);
	}
	return session;
}

static void check_file(int session, int i)
{
	int fd = luo_take(session, i);

	LU_EQ(luo_size(fd), 8192);
	luo_verify(fd, 0, 8192, i);
	luo_close(fd);
}

static struct liveupdate_ioctl_retrieve_session retrieve_arg(const char *name)
{
	struct liveupdate_ioctl_retrieve_session arg = { .size = sizeof(arg), .fd = -EBADF };

	strcpy((char *)arg.name, name);
	return arg;
}

static void errors_before(struct lu_run *run)
{
	int dev = luo_open();

	make(dev, "errors", 3);
	make(dev, "errors2", 3);
	luo_close(dev);
	(void)run;
}

static void errors_after(struct lu_run *run)
{
	struct liveupdate_ioctl_retrieve_session arg = retrieve_arg("errors");
	struct liveupdate_session_retrieve_fd file = { .size = sizeof(file), .fd = -EBADF };
	struct liveupdate_session_finish finish = { .size = sizeof(finish) };
	struct {
		struct liveupdate_session_finish arg;
		unsigned char tail[8];
	} big = { .arg = { .size = sizeof(big) } };
	struct {
		struct liveupdate_session_preserve_fd arg;
		unsigned char tail[8];
	} preserve = { .tail = { 1, 1, 1, 1, 1, 1, 1, 1 } };
	char name[LIVEUPDATE_SESSION_NAME_LENGTH + 1];
	int dev = luo_open(), next = luo_next_fd(), session;
	struct rlimit old, none;

	/* EMFILE comes first, for the session ... */
	LU_OK(getrlimit(RLIMIT_NOFILE, &old));
	none = old;
	none.rlim_cur = next;
	LU_OK(setrlimit(RLIMIT_NOFILE, &none));
	LU_EQ(luo_try_retrieve(dev, "errors"), -EMFILE);
	LU_EQ(luo_try_retrieve(dev, "never was"), -EMFILE);
	LU_OK(setrlimit(RLIMIT_NOFILE, &old));
	/* ENOENT: no such name, none, one without an end. */
	LU_EQ(luo_try_retrieve(dev, "never was"), -ENOENT);
	LU_EQ(luo_try_retrieve(dev, ""), -ENOENT);
	memset(name, 'x', 64);
	name[64] = '\0';
	LU_EQ(luo_try_retrieve(dev, name), -ENOENT);
	luo_expect_without_files(luo_try_retrieve, dev, "never was", -ENOENT);
	luo_expect_without_files(luo_try_retrieve, dev, "errors", -ENFILE);
	LU_EQ(luo_next_fd(), next);

	/* A faulting answer loses nothing (R6). */
	for (int i = 0; i < 3; i++)
		LU_EQ(luo_ioctl(dev, RETRIEVE, luo_read_only(&arg, sizeof(arg))), -EFAULT);
	LU_EQ(luo_next_fd(), next);
	session = luo_retrieve(dev, "errors");
	LU_EQ(session, next);
	LU_EQ(fcntl(session, F_GETFD), FD_CLOEXEC);
	/* EINVAL: somebody has it. */
	LU_EQ(luo_try_retrieve(dev, "errors"), -EINVAL);
	luo_expect_without_files(luo_try_retrieve, dev, "errors", -EINVAL);
	LU_EQ(luo_ioctl(dev, RETRIEVE, luo_read_only(&arg, sizeof(arg))), -EINVAL);

	/* What is not for an incoming session, before its size and tail. */
	LU_EQ(luo_try_preserve(session, 0, 77), -EINVAL);
	for (preserve.arg.size = 0; preserve.arg.size <= sizeof(preserve); preserve.arg.size++) {
		LU_EQ(luo_ioctl(session, LIVEUPDATE_SESSION_PRESERVE_FD, &preserve), -EINVAL);
		LU_EQ(luo_ioctl(session, LIVEUPDATE_SESSION_UNPRESERVE_FD, &preserve), -EINVAL);
	}

	/* ... and for a file. */
	next = luo_next_fd();
	none.rlim_cur = next;
	LU_OK(setrlimit(RLIMIT_NOFILE, &none));
	LU_EQ(luo_try_take(session, 0), -EMFILE);
	LU_EQ(luo_try_take(session, 12345), -EMFILE);
	LU_OK(setrlimit(RLIMIT_NOFILE, &old));
	LU_EQ(luo_try_take(session, 3), -ENOENT);
	LU_EQ(luo_try_take(session, ~0ull), -ENOENT);
	LU_EQ(luo_next_fd(), next);
	file.token = 1;
	for (int i = 0; i < 3; i++)
		LU_EQ(luo_ioctl(session, LIVEUPDATE_SESSION_RETRIEVE_FD,
				luo_read_only(&file, sizeof(file))), -EFAULT);
	LU_EQ(luo_next_fd(), next);
	check_file(session, 1);
	for (file.size = 0; file.size < sizeof(file); file.size++)
		LU_EQ(luo_ioctl(session, LIVEUPDATE_SESSION_RETRIEVE_FD, &file), -EINVAL);

	/* ENOSPC: no memory may be promised any more. It passes. */
	lu_write(OVERCOMMIT "kbytes", "1");
	lu_write(OVERCOMMIT "memory", "2");
	for (int i = 0; i < 3; i++)
		LU_EQ(luo_try_take(session, 0), -ENOSPC);
	lu_write(OVERCOMMIT "memory", "0");
	lu_write(OVERCOMMIT "ratio", "50");
	check_file(session, 0);

	/* Finish: size, tail, reserved. */
	for (finish.size = 0; finish.size < sizeof(finish); finish.size++)
		LU_EQ(luo_ioctl(session, LIVEUPDATE_SESSION_FINISH, &finish), -EINVAL);
	big.tail[3] = 1;
	LU_EQ(luo_ioctl(session, LIVEUPDATE_SESSION_FINISH, &big), -E2BIG);
	big.tail[3] = 0;
	for (unsigned int bit = 1; bit; bit <<= 1) {
		finish.reserved = bit;
		LU_EQ(luo_ioctl(session, LIVEUPDATE_SESSION_FINISH, &finish), -EINVAL);
	}
	/* None of them has finished it. */
	check_file(session, 2);
	LU_EQ(luo_ioctl(session, LIVEUPDATE_SESSION_FINISH, &big), 0);
	LU_EQ(luo_try_take(session, 0), -ENOENT);
	LU_EQ(luo_try_take(session, 2), -ENOENT);
	LU_EQ(luo_try_preserve(session, 0, 77), -EINVAL);
	/* Again is clean (C12). */
	luo_finish(session);
	luo_finish(session);
	LU_EQ(luo_try_retrieve(dev, "errors"), -EINVAL);
	luo_close(session);
	LU_EQ(luo_try_retrieve(dev, "errors"), -ENOENT);

	/* A faulting answer of finish: it is done. */
	session = luo_retrieve(dev, "errors2");
	finish = (struct liveupdate_session_finish){ .size = sizeof(finish) };
	LU_EQ(luo_ioctl(session, LIVEUPDATE_SESSION_FINISH,
			luo_read_only(&finish, sizeof(finish))), -EFAULT);
	LU_EQ(luo_try_take(session, 0), -ENOENT);
	luo_close(session);
	luo_close(dev);
	(void)run;
}

LU_TEST(errors_in_order, MACHINE, errors_before, errors_after);

static void life_before(struct lu_run *run)
{
	int dev = luo_open();

	make(dev, "life closed", 3);
	make(dev, "life taken", 3);
	make(dev, "life empty", 0);
	make(dev, "life late", 2);
	make(dev, "life twin", 1);
	luo_close(make(dev, "life gone", 1));
	luo_close(dev);
	(void)run;
}

static void life_after(struct lu_run *run)
{
	int dev = luo_open(), session, fd[3], twin, late, status;
	struct stat st_a, st_b;
	char name[64];
	pid_t pid;

	/* What was closed before the jump did not come. */
	LU_EQ(luo_try_retrieve(dev, "life gone"), -ENOENT);

	/* Incoming and outgoing are two name spaces (C24). */
	session = luo_retrieve(dev, "life twin");
	LU_EQ(luo_try_name(session, name), 0);
	LU_CHECK(!strcmp(name, "life twin"), "its name is %s", name);
	twin = luo_create(dev, "life twin");
	LU_EQ(luo_try_create(dev, "life twin"), -EEXIST);
	LU_EQ(luo_try_retrieve(dev, "life twin"), -EINVAL);
	LU_OK(fstat(session, &st_a));
	LU_OK(fstat(twin, &st_b));
	LU_CHECK(st_a.st_ino != st_b.st_ino, "two sessions are one inode");
	/* What is retrieved and not finished is busy, retrieved as often as one likes (C13). */
	fd[0] = luo_take(session, 0);
	fd[1] = luo_take(session, 0);
	LU_CHECK(fd[0] != fd[1], "the same descriptor twice");
	LU_EQ(fcntl(fd[0], F_GETFD), FD_CLOEXEC);
	LU_EQ(fcntl(fd[1], F_GETFD), FD_CLOEXEC);
	LU_EQ(lseek(fd[0], 123, SEEK_SET), 123);
	LU_EQ(lseek(fd[1], 0, SEEK_CUR), 123);
	LU_EQ(luo_try_preserve(twin, fd[0], 0), -EBUSY);
	luo_close(fd[0]);
	luo_close(fd[1]);
	/* Closed by everyone it is still the session's. */
	fd[2] = luo_take(session, 0);
	LU_EQ(lseek(fd[2], 0, SEEK_CUR), 123);
	luo_verify(fd[2], 0, 8192, 0);
	LU_EQ(luo_try_preserve(twin, fd[2], 0), -EBUSY);
	luo_finish(session);
	luo_verify(fd[2], 0, 8192, 0);
	luo_preserve(twin, fd[2], 0);
	LU_EQ(luo_try_take(session, 0), -ENOENT);
	luo_close(session);
	LU_EQ(luo_try_retrieve(dev, "life twin"), -ENOENT);
	luo_close(twin);
	LU_OK(ftruncate(fd[2], 0));

	/* Closing is finishing; what was taken lives on. */
	session = luo_retrieve(dev, "life closed");
	fd[0] = luo_take(session, 2);
	fd[1] = luo_take(session, 0);
	luo_close(session);
	LU_EQ(luo_try_retrieve(dev, "life closed"), -ENOENT);
	luo_verify(fd[0], 0, 8192, 2);
	luo_verify(fd[1], 0, 8192, 0);
	twin = luo_create(dev, "life closed");
	luo_preserve(twin, fd[0], 9);
	luo_close(twin);

	/* So does the end of its holder. */
	pid = LU_OK(fork());
	if (!pid) {
		session = luo_retrieve(dev, "life taken");
		check_file(session, 1);
		raise(SIGKILL);
	}
	LU_OK(waitpid(pid, &status, 0));
	LU_CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "the child ended with %#x",
		 status);
	LU_EQ(luo_try_retrieve(dev, "life taken"), -ENOENT);

	session = luo_retrieve(dev, "life empty");
	LU_EQ(luo_try_take(session, 0), -ENOENT);
	luo_finish(session);
	luo_finish(session);
	luo_close(session);

	/* Without the device, and after others were made. */
	late = luo_retrieve(dev, "life late");
	luo_close(dev);
	check_file(late, 1);
	check_file(late, 0);
	luo_finish(late);
	luo_close(late);
	(void)run;
}

LU_TEST(life_cycle, MACHINE, life_before, life_after);

/* What fdinfo says: all of @lines, and these words about the first file, or nothing. */
static void check_fdinfo(int session, const char *lines, const char *file)
{
	char path[64], want[64];
	const char *text;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", session);
	text = lu_read(path);
	LU_CHECK(strstr(text, lines), "no '%s' in: %s", lines, text);
	snprintf(want, sizeof(want), "luo-file:\t0x0 memfd-v2 %s\n", file ?: "");
	LU_CHECK(file ? !!strstr(text, want) : !strstr(text, "luo-file:"),
		 "of the file it says: %s", text);
}

static void looks_before(struct lu_run *run)
{
	int dev = luo_open();
	char name[64];

	memset(name, 'n', 63);
	name[63] = '\0';
	check_fdinfo(make(dev, name, 1), "n\nluo-direction:\toutgoing\nluo-files:\t1\n",
		     "preserved");
	make(dev, "looks\t\001 \xff/..", 1);
	luo_close(dev);
	(void)run;
}

static void looks_after(struct lu_run *run)
{
	static const char *const odd = "looks\t\001 \xff/..";
	char name[64], path[64], link[256], want[256];
	int dev = luo_open(), session;
	struct statfs fs;
	ssize_t n;

	memset(name, 'n', 63);
	name[63] = '\0';
	for (int i = 0; i < 2; i++) {
		if (i)
			strcpy(name, odd);
		session = luo_retrieve(dev, name);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", session);
		n = LU_OK(readlink(path, link, sizeof(link) - 1));
		link[n] = '\0';
		snprintf(want, sizeof(want), LUO_LINK "%s", name);
		LU_CHECK(!strcmp(link, want), "the link is %s", link);
		LU_OK(fstatfs(session, &fs));
		LU_EQ(fs.f_type, ANON_INODE_FS_MAGIC);
		check_fdinfo(session, "luo-direction:\tincoming\nluo-finished:\t0\n"
			     "luo-damaged:\t0\nluo-files:\t1\n", "waiting");
		luo_close(luo_take(session, 0));
		check_fdinfo(session, "luo-finished:\t0\n", "retrieved");
		luo_finish(session);
		check_fdinfo(session, "luo-finished:\t1\nluo-damaged:\t0\nluo-files:\t0\n",
			     NULL);
		luo_close(session);
	}
	luo_close(dev);
	(void)run;
}

LU_TEST(looks, MACHINE, looks_before, looks_after);

static void discard_before(struct lu_run *run)
{
	int dev = luo_open(), session = luo_create(dev, "discard big"), fd;

	fd = luo_stamped_memfd(96 << 20, 4);
	luo_preserve(session, fd, 1);
	make(dev, "discard small", 2);
	make(dev, "discard held", 2);
	make(dev, "discard empty", 0);
	luo_close(dev);
	(void)run;
}

static int try_discard(int dev, const char *name)
{
	struct liveupdate_ioctl_discard_session arg = { .size = sizeof(arg) };

	strcpy((char *)arg.name, name);
	return luo_ioctl(dev, LIVEUPDATE_IOCTL_DISCARD_SESSION, &arg);
}

static bool find_session(int dev, const char *name, struct liveupdate_session_info *info)
{
	struct liveupdate_ioctl_list_sessions arg = {
		.size = sizeof(arg), .direction = LIVEUPDATE_INCOMING,
		.entries = (uintptr_t)info, .entry_size = sizeof(*info), .count = 1,
	};

	for (;;) {
		LU_EQ(luo_ioctl(dev, LIVEUPDATE_IOCTL_LIST_SESSIONS, &arg), 0);
		if (!arg.count)
			return false;
		if (!strcmp((char *)info->name, name))
			return true;
	}
}

static void discard_after(struct lu_run *run)
{
	struct liveupdate_ioctl_discard_session arg = {
		.size = sizeof(arg), .reserved = 1, .name = "discard small",
	};
	long long free, total;
	struct liveupdate_session_info info;
	int dev = luo_open(), session;

	/* Lists tell what is there, before and after somebody takes it. */
	LU_CHECK(find_session(dev, "discard held", &info), "it is not listed");
	LU_EQ(info.files, 2);
	LU_EQ(info.flags, 0);
	session = luo_retrieve(dev, "discard held");
	LU_CHECK(find_session(dev, "discard held", &info), "it is not listed");
	LU_EQ(info.flags, LIVEUPDATE_SESSION_INFO_RETRIEVED);
	LU_EQ(try_discard(dev, "discard held"), -EINVAL);
	luo_finish(session);
	LU_CHECK(find_session(dev, "discard held", &info), "it is not listed");
	LU_EQ(info.flags, LIVEUPDATE_SESSION_INFO_RETRIEVED | LIVEUPDATE_SESSION_INFO_FINISHED);
	LU_EQ(info.files, 0);
	luo_close(session);
	LU_CHECK(!find_session(dev, "discard held", &info), "it is still listed");
	LU_EQ(try_discard(dev, "discard held"), -ENOENT);
	LU_EQ(try_discard(dev, "never was"), -ENOENT);
	LU_EQ(try_discard(dev, ""), -ENOENT);
	LU_EQ(luo_ioctl(dev, LIVEUPDATE_IOCTL_DISCARD_SESSION, &arg), -EINVAL);
	LU_CHECK(find_session(dev, "discard small", &info), "it is gone");

	/* Its memory returns to the system. */
	free = luo_free_memory();
	total = lu_read_key("/proc/meminfo", "MemTotal");
	LU_EQ(try_discard(dev, "discard big"), 0);
	free = luo_free_memory() - free;
	total = lu_read_key("/proc/meminfo", "MemTotal") - total;
	lu_note("%lld KiB free again, %lld KiB more in all", free, total);
	LU_CHECK(total >= 96 << 10, "of 96 MiB only %lld KiB are the system's again", total);
	LU_CHECK(free > 94 << 10, "of 96 MiB only %lld KiB are free again", free);
	LU_EQ(try_discard(dev, "discard big"), -ENOENT);
	LU_EQ(luo_try_retrieve(dev, "discard big"), -ENOENT);
	LU_EQ(try_discard(dev, "discard empty"), 0);
	LU_EQ(try_discard(dev, "discard small"), 0);
	LU_CHECK(!find_session(dev, "discard small", &info), "it is still listed");
	/* The name is free, and was for an outgoing one all the time. */
	session = luo_create(dev, "discard small");
	LU_EQ(try_discard(dev, "discard small"), -ENOENT);
	luo_close(session);
	luo_close(dev);
	(void)run;
}

LU_TEST(list_and_discard, MACHINE, discard_before, discard_after);

static void list_before(struct lu_run *run)
{
	int dev = luo_open();

	make(dev, "list", 70);
	luo_close(dev);
	(void)run;
}

static void list_after(struct lu_run *run)
{
	struct liveupdate_file_info info[100];
	struct liveupdate_ioctl_list_files by_name = {
		.size = sizeof(by_name), .direction = LIVEUPDATE_INCOMING, .name = "list",
		.entries = (uintptr_t)info, .entry_size = sizeof(info[0]), .count = 100,
	};
	struct liveupdate_session_list_files arg = {
		.size = sizeof(arg), .entries = (uintptr_t)info, .entry_size = sizeof(info[0]),
		.count = 100,
	};
	int dev = luo_open(), session;

	/* Before anyone has taken it. */
	LU_EQ(luo_ioctl(dev, LIVEUPDATE_IOCTL_LIST_FILES, &by_name), 0);
	LU_EQ(by_name.count, 70);
	for (int i = 0; i < 70; i++) {
		LU_EQ(info[i].token, i);
		LU_EQ(info[i].flags, 0);
		LU_EQ(info[i].status, 0);
		LU_CHECK(!strcmp((char *)info[i].format, "memfd-v2"), "%.48s", info[i].format);
	}
	by_name.direction = LIVEUPDATE_OUTGOING;
	LU_EQ(luo_ioctl(dev, LIVEUPDATE_IOCTL_LIST_FILES, &by_name), -ENOENT);

	session = luo_retrieve(dev, "list");
	check_file(session, 33);
	LU_EQ(luo_ioctl(session, LIVEUPDATE_SESSION_LIST_FILES, &arg), 0);
	LU_EQ(arg.count, 70);
	for (int i = 0; i < 70; i++)
		LU_EQ(info[i].flags, i == 33 ? LIVEUPDATE_FILE_INFO_RETRIEVED : 0);
	luo_finish(session);
	arg.cookie = 0;
	LU_EQ(luo_ioctl(session, LIVEUPDATE_SESSION_LIST_FILES, &arg), 0);
	LU_EQ(arg.count, 0);
	luo_close(session);
	luo_close(dev);
	(void)run;
}

LU_TEST(list_files, MACHINE, list_before, list_after);

static void all_before(struct lu_run *run)
{
	errors_before(run);
	life_before(run);
	looks_before(run);
	list_before(run);
	discard_before(run);
}

static void all_after(struct lu_run *run)
{
	errors_after(run);
	life_after(run);
	looks_after(run);
	list_after(run);
	discard_after(run);
}

LU_TEST(all_at_once, "mem=1G flavour=debug " LUO_ON, all_before, all_after);

LU_MAIN
