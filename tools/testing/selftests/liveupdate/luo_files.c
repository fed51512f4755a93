// SPDX-License-Identifier: GPL-2.0
/*
 * luo_files: the files of an outgoing session: what can be preserved, under which
 * tokens, what is refused and why, and how it is given up again.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

#include "luo_common.h"

#define MACHINE	"mem=512M flavour=prod " LUO_ON

#ifndef __NR_memfd_secret
#define __NR_memfd_secret 447
#endif

static unsigned int count_files(int session)
{
	struct liveupdate_file_info info[64];
	struct liveupdate_session_list_files arg = {
		.size = sizeof(arg), .entries = (uintptr_t)info, .entry_size = sizeof(info[0]),
		.count = ARRAY_LEN(info),
	};

	LU_EQ(luo_ioctl(session, LIVEUPDATE_SESSION_LIST_FILES, &arg), 0);
	return arg.count;
}

static int try_unpreserve(int session, uint64_t token)
{
	struct liveupdate_session_unpreserve_fd arg = { .size = sizeof(arg), .token = token };

	return luo_ioctl(session, LIVEUPDATE_SESSION_UNPRESERVE_FD, &arg);
}

/* While it is preserved a memfd has one size. */
static bool is_frozen(int fd)
{
	off_t size = luo_size(fd);

	if (!ftruncate(fd, size + 1)) {
		LU_OK(ftruncate(fd, size));
		return false;
	}
	LU_EQ(errno, EPERM);
	return true;
}

static void tokens(struct lu_run *run)
{
	static const uint64_t list[] = {
		0, 1, ~0ull, ~0ull - 1, 1ull << 63, 1ull << 32, 0x100000001, 0xfeedf00dcafebee0,
		LONG_MAX, UINT32_MAX,
	};
	int dev = luo_open(), a = luo_create(dev, "a"), b = luo_create(dev, "b");

	(void)run;
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		luo_preserve(a, luo_memfd("x", 0, 4096, i), list[i]);
		LU_EQ(luo_try_preserve(a, luo_memfd("x", 0, 4096, i), list[i]), -EEXIST);
	}
	LU_EQ(count_files(a), ARRAY_LEN(list));
	/* Another session has tokens of its own. */
	for (size_t i = 0; i < ARRAY_LEN(list); i++)
		luo_preserve(b, luo_memfd("x", 0, 4096, i), list[i]);
	luo_close(a);
	for (size_t i = 0; i < ARRAY_LEN(list); i++)
		LU_EQ(luo_try_preserve(b, 0, list[i]), -EEXIST);
	luo_close(b);
	luo_close(dev);
}

LU_TEST(c10_any_token, MACHINE, tokens);

static void order(struct lu_run *run)
{
	struct liveupdate_session_preserve_fd arg = { .size = sizeof(arg), .token = 3 };
	int dev = luo_open(), session = luo_create(dev, "order"), fd = luo_memfd("x", 0, 4096, 1);
	int gone = luo_next_fd(), pipes[2], path, logged;
	char name[64];

	(void)run;
	luo_preserve(session, fd, 1);
	/* EEXIST comes before EBADF, ENOENT and EBUSY. */
	LU_EQ(luo_try_preserve(session, -1, 1), -EEXIST);
	LU_EQ(luo_try_preserve(session, fd, 1), -EEXIST);
	LU_OK(pipe2(pipes, O_CLOEXEC));
	LU_EQ(luo_try_preserve(session, pipes[0], 1), -EEXIST);
	close(pipes[0]);
	close(pipes[1]);
	/* EBADF. */
	LU_EQ(luo_try_preserve(session, -1, 2), -EBADF);
	LU_EQ(luo_try_preserve(session, gone, 2), -EBADF);
	LU_EQ(luo_try_preserve(session, INT32_MAX, 2), -EBADF);
	LU_EQ(luo_try_preserve(session, INT32_MIN, 2), -EBADF);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	path = LU_OK(open(name, O_PATH | O_CLOEXEC));
	LU_EQ(luo_try_preserve(session, path, 2), -EBADF);
	luo_close(path);
	/* EBUSY, for the object and not for the descriptor. */
	LU_EQ(luo_try_preserve(session, fd, 2), -EBUSY);
	/* None of them has left anything. */
	LU_EQ(count_files(session), 1);
	luo_preserve(session, luo_memfd("x", 0, 4096, 1), 2);

	/* A copy-out that faults: it is preserved nevertheless, and the log says so. */
	logged = luo_log_count("is preserved, but its caller", NULL, 0);
	arg.fd = luo_memfd("x", 0, 4096, 3);
	LU_EQ(luo_ioctl(session, LIVEUPDATE_SESSION_PRESERVE_FD,
			luo_read_only(&arg, sizeof(arg))), -EFAULT);
	LU_EQ(luo_log_count("is preserved, but its caller", NULL, 0), logged + 1);
	LU_EQ(luo_try_preserve(session, -1, 3), -EEXIST);
	LU_EQ(luo_try_preserve(session, arg.fd, 4), -EBUSY);
	LU_CHECK(is_frozen(arg.fd), "it is not preserved");
	LU_EQ(count_files(session), 3);
	luo_close(session);
	luo_close(dev);
}

LU_TEST(errors_in_order, MACHINE, order);

/* One memfd is one object, however it is held. */
static void c7_twice(struct lu_run *run)
{
	int dev = luo_open(), a = luo_create(dev, "a"), b = luo_create(dev, "b");
	int fd = luo_memfd("x", 0, 8192, 5), copy = LU_OK(dup(fd)), again, ro;
	char name[64];

	(void)run;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	again = LU_OK(open(name, O_RDWR | O_CLOEXEC));
	ro = LU_OK(open(name, O_RDONLY | O_CLOEXEC));
	luo_preserve(a, fd, 1);
	LU_EQ(luo_try_preserve(a, fd, 2), -EBUSY);
	LU_EQ(luo_try_preserve(a, copy, 2), -EBUSY);
	LU_EQ(luo_try_preserve(a, again, 2), -EBUSY);
	LU_EQ(luo_try_preserve(a, ro, 2), -EBUSY);
	LU_EQ(luo_try_preserve(b, fd, 1), -EBUSY);
	LU_EQ(luo_try_preserve(b, again, 1), -EBUSY);
	/* The first stays valid. */
	LU_CHECK(is_frozen(fd), "the first is not preserved any more");
	LU_EQ(count_files(a), 1);
	LU_EQ(count_files(b), 0);
	luo_close(a);
	luo_preserve(b, again, 1);
	LU_EQ(luo_try_preserve(b, fd, 2), -EBUSY);
	luo_close(b);
	b = luo_create(dev, "b");
	luo_preserve(b, copy, 1);
	luo_close(b);
	LU_CHECK(!is_frozen(fd), "it is still preserved");
	luo_verify(fd, 0, 8192, 5);
	luo_close(dev);
}

LU_TEST(c7_same_object_twice, MACHINE, c7_twice);

struct kind {
	const char *what;
	int fd;
};

static int make_kinds(struct kind *kind, int dev, int session)
{
	int nr = 0, pair[2];

#define KIND(text, expr)						\
	do {								\
		kind[nr].what = text;					\
		kind[nr].fd = expr;					\
		if (kind[nr].fd >= 0)					\
			nr++;						\
		else							\
			lu_note("no %s here: %m", text);		\
	} while (0)

	KIND("stream socket", socket(AF_UNIX, SOCK_STREAM, 0));
	KIND("datagram socket", socket(AF_UNIX, SOCK_DGRAM, 0));
	KIND("internet socket", socket(AF_INET, SOCK_STREAM, 0));
	LU_OK(pipe(pair));
	KIND("pipe", pair[0]);
	KIND("writing end of a pipe", pair[1]);
	KIND("eventfd", eventfd(0, 0));
	KIND("timerfd", timerfd_create(CLOCK_MONOTONIC, 0));
	KIND("epoll", epoll_create1(0));
	KIND("pidfd", syscall(SYS_pidfd_open, getpid(), 0));
	KIND("terminal", 1);
	KIND("null", open("/dev/null", O_RDWR));
	KIND("zero", open("/dev/zero", O_RDWR));
	KIND("directory", open("/tmp", O_RDONLY));
	KIND("proc file", open("/proc/self/status", O_RDONLY));
	KIND("sysfs file", open("/sys/kernel/kexec_loaded", O_RDONLY));
	KIND("program", open("/proc/self/exe", O_RDONLY));
	KIND("file in tmpfs", open("/tmp/linked", O_RDWR | O_CREAT, 0600));
	KIND("file in rootfs", open("/in_rootfs", O_RDWR | O_CREAT, 0600));
	KIND("hugetlb memfd", memfd_create("huge", MFD_HUGETLB));
	KIND("secret memory", syscall(__NR_memfd_secret, 0));
	KIND("device", dev);
	KIND("session", session);
	return nr;
}

static bool has_kind(const struct kind *kind, int nr, const char *what)
{
	for (int i = 0; i < nr; i++)
		if (!strcmp(kind[i].what, what))
			return true;
	return false;
}

static void unsupported(struct lu_run *run)
{
	int dev = luo_open(), session = luo_create(dev, "none"), nr, next, fd;
	struct kind kind[32];

	(void)run;
	nr = make_kinds(kind, dev, session);
	LU_CHECK(nr >= 18, "only %d kinds of files", nr);
	LU_CHECK(has_kind(kind, nr, "hugetlb memfd"), "no hugetlb memfd (CONFIG_HUGETLBFS)");
	next = luo_next_fd();
	fd = luo_memfd("x", 0, 4096, 1);
	for (int i = 0; i < nr; i++) {
		LU_CHECK(luo_try_preserve(session, kind[i].fd, 7) == -ENOENT,
			 "a %s: %s", kind[i].what,
			 strerror(-luo_try_preserve(session, kind[i].fd, 7)));
		LU_EQ(count_files(session), 0);
		/* C21: its token is for the next one. */
		luo_preserve(session, fd, 7);
		LU_EQ(try_unpreserve(session, 7), 0);
	}
	luo_close(fd);
	LU_EQ(luo_next_fd(), next);
	luo_close(session);
	/* It holds no reference to any of them. */
	luo_close(dev);
	luo_close(luo_try_open(O_NONBLOCK));
}

LU_TEST(c6_unsupported, MACHINE, unsupported);

static double rate(int session, int fd, int calls)
{
	double begin = luo_seconds();

	for (int i = 0; i < calls; i++)
		LU_EQ(luo_try_preserve(session, fd, i), -ENOENT);
	return (luo_seconds() - begin) / calls;
}

/* A refusal costs about nothing, and the same in a full session. */
static void cheap(struct lu_run *run)
{
	int dev = luo_open(), session = luo_create(dev, "cheap"), sock, full;
	char name[LIVEUPDATE_SESSION_NAME_LENGTH];
	double begin, base, empty, many;
	long long slab;

	(void)run;
	sock = LU_OK(socket(AF_UNIX, SOCK_STREAM, 0));
	begin = luo_seconds();
	for (int i = 0; i < 5000; i++)
		LU_EQ(luo_try_name(session, name), 0);
	base = (luo_seconds() - begin) / 5000;
	rate(session, sock, 1000);
	slab = luo_free_memory();
	empty = rate(session, sock, 20000);
	slab -= luo_free_memory();
	full = luo_create(dev, "full");
	for (int i = 0; i < 300; i++) {
		int fd = luo_memfd("x", 0, 0, 1);

		luo_preserve(full, fd, 0x1000000 + i);
		luo_close(fd);
	}
	many = rate(full, sock, 5000);
	lu_note("GET_NAME %.1f us, refusal %.1f us, of 300 files %.1f us, %lld KiB less free",
		base * 1e6, empty * 1e6, many * 1e6, slab);
	LU_CHECK(empty < base * 20, "a refusal takes %.1f us, a GET_NAME %.1f us", empty * 1e6,
		 base * 1e6);
	LU_CHECK(many < empty * 2, "among 300 files it takes %.1f us, not %.1f us", many * 1e6,
		 empty * 1e6);
	LU_CHECK(slab < 2048, "20000 refusals cost %lld KiB", slab);
	luo_close(full);
	luo_close(session);
	luo_close(dev);
}

LU_TEST(c6_refusal_is_cheap, MACHINE, cheap);

/* shmem files without a name are accepted, whoever made them. */
static void by_products(struct lu_run *run)
{
	int dev = luo_open(), session = luo_create(dev, "shmem"), fd, tmp;

	(void)run;
	fd = LU_OK(open("/tmp/goes", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
	LU_OK(ftruncate(fd, 8192));
	LU_EQ(luo_try_preserve(session, fd, 1), -ENOENT);
	LU_OK(unlink("/tmp/goes"));
	luo_fill(fd, 0, 8192, 3);
	luo_preserve(session, fd, 1);
	tmp = LU_OK(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
	luo_preserve(session, tmp, 2);
	LU_CHECK(is_frozen(fd), "the unlinked file is not preserved");
	luo_close(session);
	LU_CHECK(!is_frozen(fd), "the unlinked file is still preserved");
	luo_verify(fd, 0, 8192, 3);
	luo_close(dev);
}

LU_TEST(unlinked_files, MACHINE, by_products);

/* C14: the descriptor may go; C8, C17: closing the session undoes it all at once. */
static void held(struct lu_run *run)
{
	int dev = luo_open(), session = luo_create(dev, "held"), fd, other;
	char name[64], *map;
	long long free;

	(void)run;
	fd = luo_memfd("x", 0, 1 << 20, 9);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	luo_preserve(session, fd, 1);
	map = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	LU_CHECK(map != MAP_FAILED, "mmap: %m");
	luo_close(fd);
	LU_EQ(luo_try_preserve(session, -1, 1), -EEXIST);
	map[12345] = 'x';
	luo_close(session);
	LU_EQ(map[12345], 'x');
	memset(map, 'y', 1 << 20);
	munmap(map, 1 << 20);

	/* Memory that only the session holds goes with it. */
	session = luo_create(dev, "held");
	fd = luo_stamped_memfd(64 << 20, 1);
	luo_preserve(session, fd, 1);
	luo_close(fd);
	free = luo_free_memory();
	luo_close(session);
	free = luo_free_memory() - free;
	LU_CHECK(free > 60 << 10, "of 64 MiB only %lld KiB are free again", free);

	/* A file that others hold is theirs again. */
	session = luo_create(dev, "held");
	fd = luo_memfd("x", MFD_ALLOW_SEALING, 1 << 20, 10);
	other = LU_OK(dup(fd));
	luo_preserve(session, fd, 1);
	luo_close(fd);
	LU_CHECK(is_frozen(other), "it is not preserved");
	luo_close(session);
	luo_verify(other, 0, 1 << 20, 10);
	luo_fill(other, 0, 1 << 20, 11);
	LU_OK(fallocate(other, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
	luo_verify_zero(other, 0, 4096);
	LU_OK(ftruncate(other, 2 << 20));
	LU_OK(fcntl(other, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW));
	luo_close(other);
	luo_close(dev);
}

LU_TEST(c14_c17_held_by_the_session, MACHINE, held);

static void drop_one(struct lu_run *run)
{
	struct liveupdate_session_unpreserve_fd arg = { .size = sizeof(arg), .token = 5 };
	struct liveupdate_file_info info[64];
	struct liveupdate_session_list_files list = {
		.size = sizeof(list), .entries = (uintptr_t)info, .entry_size = sizeof(info[0]),
		.count = ARRAY_LEN(info),
	};
	int dev = luo_open(), session = luo_create(dev, "drop"), fd[10];

	(void)run;
	LU_EQ(try_unpreserve(session, 0), -ENOENT);
	for (int i = 0; i < 10; i++) {
		fd[i] = luo_memfd("x", 0, 8192, i);
		luo_preserve(session, fd[i], i);
	}
	LU_EQ(try_unpreserve(session, 10), -ENOENT);
	arg.reserved = 1;
	LU_EQ(luo_ioctl(session, LIVEUPDATE_SESSION_UNPRESERVE_FD, &arg), -EINVAL);
	LU_CHECK(is_frozen(fd[5]), "it was dropped");
	/* From the middle, the front and the end. */
	LU_EQ(try_unpreserve(session, 5), 0);
	LU_EQ(try_unpreserve(session, 0), 0);
	LU_EQ(try_unpreserve(session, 9), 0);
	LU_EQ(try_unpreserve(session, 5), -ENOENT);
	for (int i = 0; i < 10; i++)
		LU_EQ(is_frozen(fd[i]), i != 5 && i && i != 9);
	luo_verify(fd[5], 0, 8192, 5);
	/* Token and object are free; it is the newest file now. */
	luo_preserve(session, fd[5], 0);
	luo_preserve(session, fd[0], 5);
	LU_EQ(luo_ioctl(session, LIVEUPDATE_SESSION_LIST_FILES, &list), 0);
	LU_EQ(list.count, 9);
	LU_EQ(info[0].token, 1);
	LU_EQ(info[6].token, 8);
	LU_EQ(info[7].token, 0);
	LU_EQ(info[8].token, 5);
	/* One after the other, over the border of a block. */
	for (int i = 100; i < 170; i++) {
		int one = luo_memfd("x", 0, 4096, i);

		luo_preserve(session, one, i);
		luo_close(one);
	}
	for (int i = 100; i < 170; i++)
		LU_EQ(try_unpreserve(session, i), 0);
	LU_EQ(count_files(session), 9);
	luo_close(session);
	for (int i = 0; i < 10; i++)
		LU_CHECK(!is_frozen(fd[i]), "file %d is still preserved", i);
	luo_close(dev);
}

LU_TEST(drop_one_file, MACHINE, drop_one);

/* Over and over: nothing is left behind. */
static void again_and_again(struct lu_run *run)
{
	int dev = luo_open(), fd = luo_memfd("x", 0, 1 << 20, 2);
	long long before = 0, after;

	(void)run;
	for (int i = 0; i < 300; i++) {
		int session = luo_create(dev, "again");

		luo_preserve(session, fd, i);
		if (i % 3 == 0)
			LU_EQ(try_unpreserve(session, i), 0);
		luo_close(session);
		if (i == 50)
			before = luo_free_memory();
	}
	after = luo_free_memory();
	LU_CHECK(before - after < 2048, "250 rounds cost %lld KiB", before - after);
	luo_verify(fd, 0, 1 << 20, 2);
	luo_close(dev);
}

LU_TEST(again_and_again, MACHINE, again_and_again);

/* All of it once more with all checks of the kernel on, in one go for the sake of time. */
static void all(struct lu_run *run)
{
	tokens(run);
	order(run);
	c7_twice(run);
	unsupported(run);
	by_products(run);
	held(run);
	drop_one(run);
	again_and_again(run);
}

LU_TEST(all_debug, "mem=1G flavour=debug timeout=200 " LUO_ON, all);

LU_MAIN
