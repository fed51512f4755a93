// SPDX-License-Identifier: GPL-2.0
/*
 * luo_scale: many sessions, many files, much memory across a jump. The last thousand
 * must not take longer than the first: nothing may look at all the others.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "luo_common.h"

#define MACHINE	"icount flavour=prod timeout=150 " LUO_ON
#define BATCH	1000
#define BATCHES	10
#define COUNT	(BATCHES * BATCH)

static void many_descriptors(void)
{
	struct rlimit limit = { 65536, 65536 };

	LU_OK(setrlimit(RLIMIT_NOFILE, &limit));
}

/* Does @one for 0 ... COUNT - 1, and looks whether it slows down. */
static void each(const char *what, void (*one)(int i))
{
	double took[BATCHES], begin, best = 1e9;
	char text[256] = "";

	for (int batch = 0; batch < BATCHES; batch++) {
		begin = luo_seconds();
		for (int i = 0; i < BATCH; i++)
			one(batch * BATCH + i);
		took[batch] = (luo_seconds() - begin) / BATCH * 1e6;
		snprintf(text + strlen(text), sizeof(text) - strlen(text), " %.0f", took[batch]);
	}
	lu_note("%s, us each:%s", what, text);
	/* A disturbed batch says nothing; all of the second half would have to be slow. */
	for (int batch = BATCHES / 2; batch < BATCHES; batch++)
		best = took[batch] < best ? took[batch] : best;
	LU_CHECK(best < 3 * (took[0] < took[1] ? took[0] : took[1]) + 5,
		 "%s slows down:%s us each", what, text);
}

static int dev, session[COUNT], memfd[COUNT];

static void make_memfd(int i)
{
	memfd[i] = LU_OK(memfd_create("scale", MFD_CLOEXEC));
	LU_EQ(pwrite(memfd[i], &i, sizeof(i), 0), sizeof(i));
}

static void create_session(int i)
{
	char name[32];

	snprintf(name, sizeof(name), "session %d", i);
	session[i] = luo_create(dev, name);
}

static void preserve_own(int i)
{
	luo_preserve(session[i], memfd[i], i);
	luo_close(memfd[i]);
}

static void preserve_all(int i)
{
	luo_preserve(session[0], memfd[i], i * 0x9e3779b97f4a7c15ull);
	luo_close(memfd[i]);
}

static void retrieve_session(int i)
{
	char name[32];

	/* In an order that is not theirs. */
	i = i * 7919ll % COUNT;
	snprintf(name, sizeof(name), "session %d", i);
	session[i] = luo_retrieve(dev, name);
}

static void check(int fd, int i)
{
	int got = -1;

	LU_EQ(pread(fd, &got, sizeof(got), 0), sizeof(got));
	LU_EQ(got, i);
	LU_EQ(luo_size(fd), sizeof(got));
	luo_close(fd);
}

static void take_own(int i)
{
	check(luo_take(session[i], i), i);
}

static void take_all(int i)
{
	i = i * 7919ll % COUNT;
	check(luo_take(session[0], i * 0x9e3779b97f4a7c15ull), i);
}

static void finish(int i)
{
	luo_finish(session[i]);
	luo_close(session[i]);
}

static void sessions_before(struct lu_run *run)
{
	many_descriptors();
	dev = luo_open();
	each("memfd_create", make_memfd);
	each("create", create_session);
	each("preserve", preserve_own);
	LU_EQ(luo_try_create(dev, "session 5000"), -EEXIST);
	(void)run;
}

static pid_t opener(void)
{
	pid_t pid = LU_OK(fork());

	if (!pid) {
		luo_open();
		_exit(0);
	}
	usleep(2000);
	return pid;
}

/* The first open is killed, the second one reads on, the third one waits for that. */
static void open_in_turns(void)
{
	double begin, died, rest;
	int status;
	pid_t pid;

	lu_write("/sys/module/liveupdate/parameters/open_wait_ms", "20");
	pid = opener();
	begin = luo_seconds();
	LU_OK(kill(pid, SIGKILL));
	LU_OK(waitpid(pid, &status, 0));
	died = luo_seconds() - begin;
	begin = luo_seconds();
	pid = opener();
	dev = luo_open();
	rest = luo_seconds() - begin;
	/* On a busy host it is the other way round. */
	luo_close(dev);
	luo_reap(pid);
	dev = luo_open();
	lu_note("killed after 2 ms, it died %.0f ms later; the others took %.0f ms", died * 1e3,
		rest * 1e3);
	LU_CHECK(!WIFSIGNALED(status) || died < rest, "it has gone on to the end");
}

static void sessions_after(struct lu_run *run)
{
	many_descriptors();
	open_in_turns();
	each("retrieve session", retrieve_session);
	each("retrieve file", take_own);
	each("finish", finish);
	LU_EQ(luo_try_retrieve(dev, "session 0"), -ENOENT);
	(void)run;
}

LU_TEST(ten_thousand_sessions, "mem=1G " MACHINE, sessions_before, sessions_after);

/* Readers in turn, each of which goes through all of the list, entry by entry. */
static double list_by(int readers)
{
	struct liveupdate_file_info info;
	struct liveupdate_session_list_files arg[2];
	double begin = luo_seconds();

	for (int r = 0; r < readers; r++)
		arg[r] = (struct liveupdate_session_list_files){ .size = sizeof(arg[r]) };
	for (int i = 0; i < COUNT; i++) {
		for (int r = 0; r < readers; r++) {
			arg[r].entries = (uintptr_t)&info;
			arg[r].entry_size = sizeof(info);
			arg[r].count = 1;
			LU_EQ(luo_ioctl(session[0], LIVEUPDATE_SESSION_LIST_FILES, &arg[r]), 0);
			LU_EQ(arg[r].count, 1);
			LU_EQ(info.token, i * 0x9e3779b97f4a7c15ull);
		}
	}
	return (luo_seconds() - begin) / COUNT / readers * 1e6;
}

static void files_before(struct lu_run *run)
{
	double one, two;

	many_descriptors();
	dev = luo_open();
	session[0] = luo_create(dev, "files");
	each("memfd_create", make_memfd);
	each("preserve", preserve_all);
	one = list_by(1);
	two = list_by(2);
	lu_note("an entry of the list, us: %.1f, two readers in turn: %.1f", one, two);
	LU_CHECK(two < 3 * one + 5, "%.1f us with one reader, %.1f us with two", one, two);
	LU_EQ(luo_try_preserve(session[0], -1, 0), -EEXIST);
	(void)run;
}

static void files_after(struct lu_run *run)
{
	double begin;

	many_descriptors();
	begin = luo_seconds();
	dev = luo_open();
	lu_note("deserialize: %.0f us each", (luo_seconds() - begin) / COUNT * 1e6);
	session[0] = luo_retrieve(dev, "files");
	each("retrieve file", take_all);
	begin = luo_seconds();
	luo_finish(session[0]);
	lu_note("finish: %.0f us each", (luo_seconds() - begin) / COUNT * 1e6);
	(void)run;
}

LU_TEST(ten_thousand_files, "mem=1G " MACHINE, files_before, files_after);

/* Undone again, without any jump. */
static void close_session(int i)
{
	luo_close(session[i]);
}

static void undone(struct lu_run *run)
{
	long long free;
	double begin;

	many_descriptors();
	dev = luo_open();
	for (int round = 0; round < 2; round++) {
		free = luo_free_memory();
		each("memfd_create", make_memfd);
		each("create", create_session);
		each("preserve", preserve_own);
		each("close", close_session);
		each("memfd_create", make_memfd);
		session[0] = luo_create(dev, "files");
		each("preserve", preserve_all);
		begin = luo_seconds();
		luo_close(session[0]);
		lu_note("close: %.0f us each", (luo_seconds() - begin) / COUNT * 1e6);
		free -= luo_free_memory();
	}
	/* The slabs stay filled; what they hold now the first round has left there. */
	LU_CHECK(free < 8 << 10, "the second round has cost %lld KiB", free);
	(void)run;
}

LU_TEST(undone, "mem=1G " MACHINE, undone);

/* As many as the handover format has room for: 51 in each of 10 000 blocks. */
#define MAX_SESSIONS	(51 * 10000)

static int try_create_nr(int i)
{
	char name[32];

	snprintf(name, sizeof(name), "session %d", i);
	return luo_try_create(dev, name);
}

static void full(struct lu_run *run)
{
	struct rlimit limit = { 1 << 20, 1 << 20 };
	int last = -1, fd, n;

	LU_OK(setrlimit(RLIMIT_NOFILE, &limit));
	dev = luo_open();
	for (n = 0; (fd = try_create_nr(n)) >= 0; n++)
		last = fd;
	LU_EQ(fd, -ENOSPC);
	LU_EQ(n, MAX_SESSIONS);
	/* Those that are there are there, and each one that goes makes room. */
	LU_EQ(try_create_nr(0), -EEXIST);
	LU_EQ(try_create_nr(n), -ENOSPC);
	luo_close(last);
	LU_EQ(try_create_nr(n), last);
	LU_EQ(try_create_nr(n - 1), -ENOSPC);
	(void)run;
}

LU_TEST(all_sessions, "mem=2G own flavour=+prod timeout=300 " LUO_ON, full);

#define MEMFDS	1000

static void gigabyte_before(struct lu_run *run)
{
	double begin = luo_seconds();

	many_descriptors();
	dev = luo_open();
	session[0] = luo_create(dev, "gigabyte");
	for (int i = 0; i < MEMFDS; i++)
		memfd[i] = luo_stamped_memfd(1 << 20, i);
	lu_note("fill: %.0f us each", (luo_seconds() - begin) / MEMFDS * 1e6);
	begin = luo_seconds();
	for (int i = 0; i < MEMFDS; i++) {
		luo_preserve(session[0], memfd[i], i);
		luo_close(memfd[i]);
	}
	lu_note("preserve: %.0f us each", (luo_seconds() - begin) / MEMFDS * 1e6);
	(void)run;
}

static void gigabyte_after(struct lu_run *run)
{
	double begin = luo_seconds();

	many_descriptors();
	dev = luo_open();
	session[0] = luo_retrieve(dev, "gigabyte");
	for (int i = 0; i < MEMFDS; i++)
		memfd[i] = luo_take(session[0], i);
	lu_note("retrieve: %.0f us each", (luo_seconds() - begin) / MEMFDS * 1e6);
	begin = luo_seconds();
	luo_finish(session[0]);
	lu_note("finish: %.0f us each", (luo_seconds() - begin) / MEMFDS * 1e6);
	for (int i = 0; i < MEMFDS; i++)
		luo_check_stamp(memfd[i], 1 << 20, i);
	(void)run;
}

LU_TEST(thousand_of_1_mib, "mem=2G " MACHINE, gigabyte_before, gigabyte_after);

LU_MAIN
