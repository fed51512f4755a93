// SPDX-License-Identifier: GPL-2.0
/*
 * memfd_rules: what user space may do with a memfd while it is preserved, and that it
 * may do everything again afterwards.
 */
#define _GNU_SOURCE
#include <linux/falloc.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "luo_common.h"

#define MACHINE	"mem=512M flavour=prod " LUO_ON
#define SIZE	(16 * 4096)

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

/* One preserved memfd of SIZE with seed 1. */
static int preserved(int *dev, int *session, unsigned int flags)
{
	int fd = luo_memfd("rules", flags, SIZE, 1);

	*dev = luo_open();
	*session = luo_create(*dev, "rules");
	luo_preserve(*session, fd, 1);
	return fd;
}

static char *map_all(int fd, int prot, int flags)
{
	char *map = mmap(NULL, SIZE, prot, flags, fd, 0);

	LU_CHECK(map != MAP_FAILED, "mmap with %#x, %#x: %m", prot, flags);
	return map;
}

static void reads_and_writes(struct lu_run *run)
{
	int dev, session, fd = preserved(&dev, &session, 0), pair[2];
	char *shared, *private, buf[4096];
	pid_t pid;

	(void)run;
	luo_verify(fd, 0, SIZE, 1);
	luo_fill(fd, 0, SIZE, 2);
	luo_verify(fd, 0, SIZE, 2);
	LU_EQ(pwrite(fd, "x", 1, SIZE - 1), 1);
	LU_EQ(pread(fd, buf, sizeof(buf), SIZE), 0);
	LU_EQ(pread(fd, buf, sizeof(buf), SIZE - 1), 1);
	LU_EQ(buf[0], 'x');

	shared = map_all(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	memset(shared, 'a', SIZE);
	private = map_all(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	memset(private, 'b', SIZE);
	LU_EQ(shared[5000], 'a');
	pid = LU_OK(fork());
	if (!pid) {
		shared[4999] = 'c';
		_exit(private[4999] != 'b');
	}
	luo_reap(pid);
	LU_EQ(shared[4999], 'c');
	LU_OK(mlock(shared, SIZE));
	LU_OK(munlock(shared, SIZE));
	LU_OK(msync(shared, SIZE, MS_SYNC));
	LU_OK(fsync(fd));
	LU_OK(madvise(shared, SIZE, MADV_DONTNEED));
	LU_EQ(shared[4999], 'c');
	/* Neither of these may move a page. */
	madvise(shared, SIZE, MADV_PAGEOUT);
	madvise(shared, SIZE, MADV_COLLAPSE);
	LU_EQ(shared[4999], 'c');
	munmap(private, SIZE);
	munmap(shared, SIZE);

	/* From and to other files. */
	LU_OK(pipe(pair));
	LU_EQ(splice(fd, &(loff_t){ 4096 }, pair[1], NULL, 4096, 0), 4096);
	LU_EQ(splice(pair[0], NULL, fd, &(loff_t){ 0 }, 4096, 0), 4096);
	LU_EQ(pread(fd, buf, 1, 903), 1);
	LU_EQ(buf[0], 'c');
	close(pair[0]);
	close(pair[1]);
	luo_close(session);
	luo_close(dev);
}

LU_TEST(reads_and_writes, MACHINE, reads_and_writes);

static void check_size(int fd)
{
	struct stat st;

	LU_OK(fstat(fd, &st));
	LU_EQ(st.st_size, SIZE);
	LU_EQ(st.st_blocks, SIZE / 512);
}

/* A write over the end: all of it is refused, or what is behind the end. */
static void over_the_end(int fd, off_t at, size_t len)
{
	static char buf[SIZE];
	ssize_t n = pwrite(fd, buf, len, at);

	if (n < 0)
		LU_EQ(errno, EPERM);
	else
		LU_CHECK(n > 0 && at + n <= SIZE, "a write of %zu at %lld wrote %zd", len,
			 (long long)at, n);
	check_size(fd);
}

static void no_growth(struct lu_run *run)
{
	int dev, session, fd = preserved(&dev, &session, 0), append, pair[2];
	char name[64];

	(void)run;
	LU_EQ(pwrite(fd, "x", 1, SIZE), -1);
	LU_EQ(errno, EPERM);
	LU_EQ(pwrite(fd, "x", 1, 1ll << 40), -1);
	LU_EQ(errno, EPERM);
	over_the_end(fd, SIZE - 1, 2);
	over_the_end(fd, SIZE - 4096, 4097);
	over_the_end(fd, SIZE - 3 * 4096, 5 * 4096);
	over_the_end(fd, 0, SIZE);
	LU_EQ(lseek(fd, 0, SEEK_END), SIZE);
	LU_EQ(write(fd, "x", 1), -1);
	LU_EQ(errno, EPERM);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	append = LU_OK(open(name, O_WRONLY | O_APPEND | O_CLOEXEC));
	LU_EQ(write(append, "x", 1), -1);
	LU_EQ(errno, EPERM);
	LU_OK(pipe(pair));
	LU_EQ(write(pair[1], "xyz", 3), 3);
	LU_EQ(splice(pair[0], NULL, fd, &(loff_t){ SIZE }, 3, 0), -1);
	LU_EQ(errno, EPERM);
	/* The size. */
	LU_OK(ftruncate(fd, SIZE));
	LU_OK(truncate(name, SIZE));
	for (int i = 0; i < 4; i++) {
		off_t size = (off_t []){ 0, SIZE - 1, SIZE + 1, 1ll << 40 }[i];

		LU_EQ(ftruncate(fd, size), -1);
		LU_EQ(errno, EPERM);
		LU_EQ(truncate(name, size), -1);
		LU_EQ(errno, EPERM);
	}
	LU_EQ(open(name, O_RDWR | O_TRUNC), -1);
	LU_EQ(errno, EPERM);
	check_size(fd);
	luo_close(session);

	/* All of it is allowed again. */
	LU_EQ(write(append, "x", 1), 1);
	LU_EQ(pwrite(fd, "x", 1, 3 * SIZE), 1);
	LU_OK(ftruncate(fd, 1));
	luo_close(append);
	luo_close(dev);
}

LU_TEST(one_size, MACHINE, no_growth);

static void no_holes(struct lu_run *run)
{
	static const int modes[] = {
		0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
	};
	static const int unsupported[] = {
		FALLOC_FL_COLLAPSE_RANGE, FALLOC_FL_ZERO_RANGE, FALLOC_FL_INSERT_RANGE,
		FALLOC_FL_UNSHARE_RANGE, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
	};
	int dev, session, fd = preserved(&dev, &session, 0);
	char *map = map_all(fd, PROT_READ | PROT_WRITE, MAP_SHARED);

	(void)run;
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		for (off_t at = 0; at < 2 * SIZE; at += SIZE / 2) {
			LU_CHECK(fallocate(fd, modes[i], at, 4096) && errno == EPERM,
				 "mode %#x at %lld: %m", modes[i], (long long)at);
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(unsupported); i++)
		LU_CHECK(fallocate(fd, unsupported[i], 0, 4096) && errno == EOPNOTSUPP,
			 "mode %#x: %m", unsupported[i]);
	LU_EQ(madvise(map, 4096, MADV_REMOVE), -1);
	LU_EQ(errno, EPERM);
	luo_verify(fd, 0, SIZE, 1);
	check_size(fd);
	luo_close(session);
	LU_OK(madvise(map, 4096, MADV_REMOVE));
	LU_OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 4096));
	luo_verify_zero(fd, 0, 8192);
	luo_verify(fd, 8192, SIZE - 8192, 1);
	LU_OK(fallocate(fd, 0, SIZE, SIZE));
	luo_close(dev);
}

LU_TEST(no_holes, MACHINE, no_holes);

static void seals(struct lu_run *run)
{
	int dev, session, fd = preserved(&dev, &session, MFD_ALLOW_SEALING);

	(void)run;
	/* The pins are in the way of this one, as for any pinned memfd. */
	LU_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	LU_EQ(errno, EBUSY);
	LU_EQ(fcntl(fd, F_GET_SEALS), 0);
	LU_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
	LU_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
	LU_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
	LU_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE);
	luo_close(session);
	LU_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL));
	LU_EQ(fcntl(fd, F_GET_SEALS),
	      F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE | F_SEAL_WRITE | F_SEAL_SEAL);
	/* What is sealed can be preserved, too. */
	session = luo_create(dev, "sealed");
	luo_preserve(session, fd, 1);
	luo_verify(fd, 0, SIZE, 1);
	LU_EQ(pwrite(fd, "x", 1, 0), -1);
	LU_EQ(errno, EPERM);
	luo_close(session);
	luo_close(dev);
}

LU_TEST(seals, MACHINE, seals);

static void seeks(struct lu_run *run)
{
	int dev, session, fd = preserved(&dev, &session, 0);

	(void)run;
	LU_EQ(lseek(fd, 77, SEEK_SET), 77);
	LU_EQ(lseek(fd, 1, SEEK_CUR), 78);
	LU_EQ(lseek(fd, 5, SEEK_END), SIZE + 5);
	LU_EQ(lseek(fd, 0, SEEK_DATA), 0);
	LU_EQ(lseek(fd, 0, SEEK_HOLE), SIZE);
	luo_close(session);
	luo_close(dev);
}

LU_TEST(seeks, MACHINE, seeks);

static void empty(struct lu_run *run)
{
	int dev = luo_open(), session = luo_create(dev, "empty"), fd, one;
	char c;

	(void)run;
	fd = LU_OK(memfd_create("empty", MFD_CLOEXEC));
	luo_preserve(session, fd, 1);
	LU_EQ(read(fd, &c, 1), 0);
	LU_EQ(write(fd, "x", 1), -1);
	LU_EQ(errno, EPERM);
	LU_EQ(ftruncate(fd, 1), -1);
	LU_EQ(errno, EPERM);
	LU_OK(ftruncate(fd, 0));
	one = luo_memfd("one", 0, 1, 1);
	luo_preserve(session, one, 2);
	LU_EQ(pwrite(one, "x", 1, 0), 1);
	LU_EQ(pwrite(one, "xy", 2, 0) == 2, false);
	LU_EQ(luo_size(one), 1);
	luo_close(session);
	LU_EQ(write(fd, "x", 1), 1);
	luo_close(dev);
}

LU_TEST(empty_and_one_byte, MACHINE, empty);

/* Holes may be filled; what fills them is kept when the session is closed. */
static void sparse(struct lu_run *run)
{
	int dev = luo_open(), session = luo_create(dev, "sparse"), fd;
	off_t size = 5ll << 30;
	struct stat st;
	char *map, c;

	(void)run;
	fd = LU_OK(memfd_create("sparse", MFD_CLOEXEC));
	LU_OK(ftruncate(fd, size));
	luo_fill(fd, 4096, 4096, 3);
	luo_fill(fd, 3ll << 30, 8192, 3);
	luo_preserve(session, fd, 1);
	LU_OK(fstat(fd, &st));
	LU_EQ(st.st_blocks, 3 * 8);
	LU_EQ(lseek(fd, 0, SEEK_DATA), 4096);
	LU_EQ(lseek(fd, 8192, SEEK_DATA), 3ll << 30);
	/* By a write, a store, a look. */
	luo_fill(fd, 1ll << 30, 4096, 4);
	map = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 2ll << 30);
	LU_CHECK(map != MAP_FAILED, "mmap: %m");
	map[8192] = 'x';
	c = ((volatile char *)map)[65536];
	LU_EQ(c, 0);
	LU_EQ(pread(fd, &c, 1, 4ll << 30), 1);
	LU_EQ(c, 0);
	LU_EQ(pwrite(fd, "x", 1, size - 1), 1);
	LU_EQ(pwrite(fd, "x", 1, size), -1);
	LU_EQ(errno, EPERM);
	/* A read and a sealed hole. */
	luo_close(session);
	luo_verify(fd, 4096, 4096, 3);
	luo_verify(fd, 3ll << 30, 8192, 3);
	luo_verify(fd, 1ll << 30, 4096, 4);
	LU_EQ(map[8192], 'x');
	munmap(map, 1 << 20);
	LU_OK(ftruncate(fd, 8192));
	luo_verify(fd, 4096, 4096, 3);
	luo_close(dev);
}

LU_TEST(sparse, MACHINE, sparse);

/* Fallocated and never touched; the pages behind the end are not preserved. */
static void fallocated(struct lu_run *run)
{
	int dev = luo_open(), session = luo_create(dev, "fallocated"), fd;

	(void)run;
	fd = LU_OK(memfd_create("fallocated", MFD_CLOEXEC));
	LU_OK(fallocate(fd, 0, 0, 1 << 20));
	LU_OK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 1 << 20, 1 << 20));
	luo_preserve(session, fd, 1);
	luo_verify_zero(fd, 0, 1 << 20);
	luo_fill(fd, 8192, 4096, 1);
	luo_close(session);
	luo_verify_zero(fd, 0, 8192);
	luo_verify(fd, 8192, 4096, 1);
	luo_verify_zero(fd, 12288, (1 << 20) - 12288);
	LU_OK(ftruncate(fd, 2 << 20));
	luo_verify_zero(fd, 1 << 20, 1 << 20);
	luo_close(dev);
}

LU_TEST(fallocated, MACHINE, fallocated);

/* The whole table again after each of many rounds: nothing of the state sticks. */
static void rounds(struct lu_run *run)
{
	int dev = luo_open(), fd = luo_memfd("rounds", 0, SIZE, 1);

	(void)run;
	for (int i = 0; i < 20; i++) {
		int session = luo_create(dev, "rounds");

		luo_preserve(session, fd, i);
		LU_EQ(ftruncate(fd, SIZE + 4096), -1);
		LU_EQ(errno, EPERM);
		luo_close(session);
		LU_OK(ftruncate(fd, SIZE + 4096));
		LU_OK(ftruncate(fd, SIZE));
	}
	luo_verify(fd, 0, SIZE, 1);
	luo_close(dev);
}

LU_TEST(rounds, MACHINE, rounds);

/* Memory of a preserved file fails: no jump until it is given up; the others go over. */
static volatile sig_atomic_t failures;

static void failed(int sig)
{
	failures += sig == SIGBUS;
}

static void fail_page(int fd, int page)
{
	char *map = map_all(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	struct sigaction act = { .sa_handler = failed };

	LU_OK(sigaction(SIGBUS, &act, NULL));
	/* It is held, so it cannot be taken out of use. */
	LU_EQ(madvise(map + page * 4096, 4096, MADV_HWPOISON), -1);
	LU_EQ(errno, EBUSY);
	LU_EQ(failures, 1);
	LU_OK(munmap(map, SIZE));
}

static void fails_before(struct lu_run *run)
{
	int dev, session, fd = preserved(&dev, &session, 0), sound;
	char buf[4096];

	sound = luo_memfd("sound", 0, SIZE, 2);
	luo_preserve(luo_create(dev, "sound"), sound, 1);
	luo_load_next(run);
	fail_page(fd, 3);
	LU_EQ(luo_try_jump(), -EIO);
	/* What was frozen goes on; what has failed has failed for all. */
	luo_verify(sound, 0, SIZE, 2);
	luo_verify(fd, 0, 3 * 4096, 1);
	LU_EQ(pread(fd, buf, sizeof(buf), 3 * 4096), -1);
	LU_EQ(errno, EIO);
	luo_close(session);
	session = luo_create(dev, "again");
	LU_EQ(luo_try_preserve(session, fd, 1), -EIO);
	luo_close(session);
}

static void fails_after(struct lu_run *run)
{
	int dev = luo_open(), session = luo_retrieve(dev, "sound");

	(void)run;
	LU_EQ(luo_try_retrieve(dev, "rules"), -ENOENT);
	LU_EQ(luo_try_retrieve(dev, "again"), -ENOENT);
	luo_verify(luo_take(session, 1), 0, SIZE, 2);
	luo_finish(session);
}

LU_TEST(memory_fails, MACHINE, fails_before, fails_after);

/* Hundredths of a second that a process has spent in the kernel. */
static long system_ticks(pid_t pid)
{
	char path[32], text[512];
	long ticks;
	FILE *f;
	int got;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	LU_CHECK(f && fgets(text, sizeof(text), f), "%s: %m", path);
	fclose(f);
	got = sscanf(strrchr(text, ')') + 1,
		     " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %ld", &ticks);
	LU_EQ(got, 1);
	return ticks;
}

/* A preserve that takes long ends with its caller, and leaves nothing. */
static void killable(struct lu_run *run)
{
	off_t size = 1200ll << 20;
	int dev = luo_open(), fd = luo_stamped_memfd(size, 5), session, status;
	double begin, whole, part;
	bool killed = false;
	pid_t pid;

	(void)run;
	session = luo_create(dev, "whole");
	begin = luo_seconds();
	luo_preserve(session, fd, 1);
	whole = luo_seconds() - begin;
	luo_close(session);
	LU_OK(ftruncate(fd, size));

	/* It may be through before. What is preserved does not grow. */
	for (int i = 0; i < 20; i++) {
		session = luo_create(dev, "killed");
		pid = LU_OK(fork());
		if (!pid)
			_exit(luo_try_preserve(session, fd, 1) != 0);
		/* It does nothing else that takes the kernel's time. */
		for (begin = luo_seconds(); system_ticks(pid) < 5; usleep(1000))
			LU_CHECK(luo_seconds() - begin < 60, "the preserve does not begin");
		LU_OK(kill(pid, SIGKILL));
		begin = luo_seconds();
		LU_OK(waitpid(pid, &status, 0));
		part = luo_seconds() - begin;
		killed = !ftruncate(fd, size + 4096);
		if (killed)
			break;
		luo_close(session);
	}
	LU_CHECK(killed, "it went on to the end each time");
	LU_CHECK(WIFSIGNALED(status), "it was not killed, and failed");
	lu_note("preserving 1200 MiB takes %.2f s, it died after %.2f s", whole, part);
	/* Nothing of it is left. */
	LU_OK(ftruncate(fd, size));
	luo_check_stamp(fd, size, 5);
	luo_preserve(session, fd, 1);
	luo_close(session);
	luo_close(dev);
}

LU_TEST(killed_in_preserve, "mem=2G cpus=2 flavour=prod " LUO_ON, killable);

/* So does a retrieve; the next one goes on from there. */
#define LARGE	(800ll << 20)

static void killed_before(struct lu_run *run)
{
	int dev = luo_open();

	luo_preserve(luo_create(dev, "killed"), luo_stamped_memfd(LARGE, 6), 1);
	(void)run;
}

static void killed_after(struct lu_run *run)
{
	int dev = luo_open(), session = luo_retrieve(dev, "killed"), status;
	double died, rest;
	pid_t pid;

	(void)run;
	pid = LU_OK(fork());
	if (!pid)
		_exit(luo_try_take(session, 1) < 0);
	usleep(5000);
	LU_OK(kill(pid, SIGKILL));
	died = luo_seconds();
	LU_OK(waitpid(pid, &status, 0));
	died = luo_seconds() - died;
	rest = luo_seconds();
	luo_check_stamp(luo_take(session, 1), LARGE, 6);
	rest = luo_seconds() - rest;
	lu_note("killed after 5 ms, it died %.0f ms later; the rest took %.0f ms", died * 1e3,
		rest * 1e3);
	LU_CHECK(!WIFSIGNALED(status) || died < rest, "it has gone on to the end");
	luo_finish(session);
}

LU_TEST(killed_in_retrieve, "mem=2G cpus=2 flavour=prod " LUO_ON, killed_before, killed_after);

/* All of it once more with all checks of the kernel on, in one go for the sake of time. */
static void all(struct lu_run *run)
{
	reads_and_writes(run);
	no_growth(run);
	no_holes(run);
	seals(run);
	seeks(run);
	empty(run);
	sparse(run);
	fallocated(run);
	rounds(run);
}

LU_TEST(all_debug, "mem=1G flavour=debug timeout=200 " LUO_ON, all);

LU_MAIN
