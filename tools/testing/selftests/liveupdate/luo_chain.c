// SPDX-License-Identifier: GPL-2.0
/*
 * luo_chain: kernels that follow one another: what has to come over, what must not, and
 * that no update costs memory or depends on the one before.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "formats_common.h"
#include "luo_common.h"

#define PROD	"mem=512M flavour=prod " LUO_ON
#define BOTH	"mem=1G " LUO_ON

static int make(int dev, const char *name, int files, uint64_t seed)
{
	int session = luo_create(dev, name);

	for (int i = 0; i < files; i++) {
		int fd = luo_memfd("chain", 0, 4096, seed + i);

		luo_preserve(session, fd, i);
		luo_close(fd);
	}
	return session;
}

/* Takes, verifies and finishes what make() has made. */
static void take(int dev, const char *name, int files, uint64_t seed)
{
	int session = luo_retrieve(dev, name);

	for (int i = 0; i < files; i++) {
		int fd = luo_take(session, i);

		LU_EQ(luo_size(fd), 4096);
		luo_verify(fd, 0, 4096, seed + i);
		luo_close(fd);
	}
	LU_EQ(luo_try_take(session, files), -ENOENT);
	luo_finish(session);
	luo_close(session);
}

static void check_number(struct lu_run *run)
{
	char text[64];

	LU_EQ(luo_update(), run->stage);
	if (run->stage) {
		snprintf(text, sizeof(text), "%d", run->stage);
		LU_CHECK(luo_log_count("] luo: ", NULL, 0) > 0, "the log does not speak of it");
	}
}

/* What the objects of lib/tests/liveupdate.c say of themselves: each of them so often. */
static void check_objects(const char *what, int count)
{
	char text[64];

	for (int i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), "test: liveupdate-test-flb-v%d: %s", i, what);
		LU_CHECK(luo_log_count(text, NULL, 0) == count, "'%s' is there %d times, not %d",
			 text, luo_log_count(text, NULL, 0), count);
	}
}

static void simple(struct lu_run *run)
{
	bool last = run->stage + 1 == run->nr_stages;
	int dev;

	check_number(run);
	dev = luo_open();
	if (run->stage)
		take(dev, "simple", 3, run->stage * 100);
	luo_close(make(dev, "not this one", 2, 0));
	/* C16: the device stays open over the jump. */
	if (!last)
		make(dev, "simple", 3, (run->stage + 1) * 100);
	check_objects("found data", !!run->stage);
	check_objects("finished", !!run->stage);
	check_objects("preserved", last ? 1 : 2);
	check_objects("unpreserved", 1);
}

LU_TEST(simple, BOTH "flavour=prod+debug ", simple, simple, simple);

/* The update number counts kernels, not sessions. */
static void nothing(struct lu_run *run)
{
	check_number(run);
}

LU_TEST(nothing_preserved, PROD, nothing, nothing, nothing, nothing);

/* At and beside the borders of the blocks of records, in one chain. */
#define SESSIONS_PER_BLOCK	51
#define FILES_PER_BLOCK		63

static const int session_counts[] = {
	SESSIONS_PER_BLOCK - 1, SESSIONS_PER_BLOCK, SESSIONS_PER_BLOCK + 1,
	2 * SESSIONS_PER_BLOCK, 2 * SESSIONS_PER_BLOCK + 1, 300,
};

static void sessions(struct lu_run *run)
{
	int dev = luo_open(), nr;
	char name[32];

	if (run->stage) {
		nr = session_counts[run->stage - 1];
		for (int i = 0; i < nr; i++) {
			/* From both ends. */
			int which = i % 2 ? nr - 1 - i / 2 : i / 2;

			snprintf(name, sizeof(name), "session %d", which);
			take(dev, name, which % 3, which);
		}
		snprintf(name, sizeof(name), "session %d", nr);
		LU_EQ(luo_try_retrieve(dev, name), -ENOENT);
	}
	if (run->stage + 1 == run->nr_stages)
		return;
	nr = session_counts[run->stage];
	for (int i = 0; i < nr; i++) {
		snprintf(name, sizeof(name), "session %d", i);
		make(dev, name, i % 3, i);
	}
	/* One that goes leaves no room, nor does one that never comes (R1): an empty block. */
	luo_close(luo_create(dev, "goes"));
	LU_EQ(luo_try_create(dev, "session 0"), -EEXIST);
}

LU_TEST(borders_of_sessions, PROD, sessions, sessions, sessions, sessions, sessions, sessions,
	sessions);

static const int file_counts[] = {
	0, 1, FILES_PER_BLOCK - 1, FILES_PER_BLOCK, FILES_PER_BLOCK + 1,
	2 * FILES_PER_BLOCK, 2 * FILES_PER_BLOCK + 1, 500,
};

static void files_before(struct lu_run *run)
{
	int dev = luo_open(), session, fd = luo_memfd("x", 0, 4096, 0);
	char name[32];

	for (size_t i = 0; i < ARRAY_LEN(file_counts); i++) {
		snprintf(name, sizeof(name), "files %zu", i);
		session = make(dev, name, file_counts[i], i * 1000);
		/* A failed one leaves no room, one that was dropped neither. */
		LU_EQ(luo_try_preserve(session, -1, 9999), -EBADF);
		luo_preserve(session, fd, 9999);
		LU_EQ(luo_ioctl(session, LIVEUPDATE_SESSION_UNPRESERVE_FD,
				&(struct liveupdate_session_unpreserve_fd){
					.size = 16, .token = 9999 }), 0);
	}
	(void)run;
}

static void files_after(struct lu_run *run)
{
	int dev = luo_open();
	char name[32];

	for (size_t i = 0; i < ARRAY_LEN(file_counts); i++) {
		snprintf(name, sizeof(name), "files %zu", i);
		take(dev, name, file_counts[i], i * 1000);
	}
	(void)run;
}

LU_TEST(borders_of_files, PROD, files_before, files_after);
LU_TEST(borders_debug, "mem=1G flavour=+debug " LUO_ON, files_before, files_after);

/* Ten updates: the old memory is handed on, new one comes, each kernel has as much. */
#define OLD_PAGES	512

static void ten(struct lu_run *run)
{
	int dev = luo_open(), old = -1, session = -1, fd, fresh;
	bool last = run->stage + 1 == run->nr_stages;
	long long total;

	LU_EQ(luo_update(), run->stage);
	if (run->stage) {
		old = luo_retrieve(dev, "ten");
		fd = luo_take(old, 1);
		LU_EQ(luo_size(fd), OLD_PAGES * 4096);
		/* One page more of it is of each kernel. */
		for (int i = 0; i < run->stage; i++)
			luo_verify(fd, i * 4096, 4096, 100 + i);
		luo_verify(fd, run->stage * 4096, (OLD_PAGES - run->stage) * 4096, 1);
		fresh = luo_take(old, 2);
		luo_verify(fresh, 0, 3 << 20, run->stage - 1);
		luo_close(fresh);
		luo_finish(old);
		luo_close(old);
		for (int i = 0; i < 60; i++) {
			char name[32];

			snprintf(name, sizeof(name), "many %d", i);
			take(dev, name, 1, i);
		}
		total = lu_read_key("/proc/meminfo", "MemTotal");
		lu_note("update %d: %lld KiB in all, %lld KiB free", run->stage, total,
			luo_free_memory());
		if (run->stage == 1)
			lu_set(run, "total", "%lld", total);
		else
			LU_EQ(total, lu_get_num(run, "total"));
	} else {
		fd = luo_memfd("old", 0, OLD_PAGES * 4096, 1);
	}
	luo_fill(fd, run->stage * 4096, 4096, 100 + run->stage);
	if (last)
		return;
	session = luo_create(dev, "ten");
	luo_preserve(session, fd, 1);
	luo_preserve(session, luo_memfd("fresh", 0, 3 << 20, run->stage), 2);
	for (int i = 0; i < 60; i++) {
		char name[32];

		snprintf(name, sizeof(name), "many %d", i);
		make(dev, name, 1, i);
	}
}

LU_TEST(ten_updates, PROD "append=nokaslr timeout=150", ten, ten, ten, ten, ten, ten, ten, ten,
	ten, ten, ten);
LU_TEST(some_updates_debug, "mem=1G flavour=+debug append=nokaslr " LUO_ON, ten, ten, ten, ten);

/* Two kernels of different build; which one the other is, LU_OTHER says. */
static void builds(struct lu_run *run)
{
	simple(run);
	strcpy(run->image, run->stage % 2 ? "/boot/bzImage" : "/boot/bzImage.other");
}

LU_TEST(two_builds, "mem=1G flavour=prod image=other " LUO_ON, builds, builds, builds, builds);

/* Nobody opens the device in the second kernel: what came is gone in the third. */
static void ignored_before(struct lu_run *run)
{
	make(luo_open(), "ignored", 2, 1);
	(void)run;
}

static void ignored(struct lu_run *run)
{
	check_number(run);
}

static void ignored_after(struct lu_run *run)
{
	int dev = luo_open();

	check_number(run);
	LU_EQ(luo_try_retrieve(dev, "ignored"), -ENOENT);
	take(dev, "x", 0, 0);
}

static void ignored_makes(struct lu_run *run)
{
	int dev = luo_open();

	/* It was made out of nothing that came. */
	luo_create(dev, "x");
	LU_EQ(luo_try_create(dev, "x"), -EEXIST);
	(void)run;
}

LU_TEST(never_opened, PROD, ignored_before, ignored, ignored_makes, ignored_after);

/* Retrieved and not finished, or never retrieved: not forwarded, and the log says it. */
static void unfinished_before(struct lu_run *run)
{
	int dev = luo_open();

	make(dev, "held", 2, 1);
	make(dev, "waits", 2, 1);
	make(dev, "good", 2, 1);
	(void)run;
}

static void unfinished(struct lu_run *run)
{
	int dev = luo_open(), held = luo_retrieve(dev, "held");

	luo_take(held, 0);
	take(dev, "good", 2, 1);
	make(dev, "good", 2, 2);
	(void)run;
}

static void unfinished_after(struct lu_run *run)
{
	int dev = luo_open();

	LU_EQ(luo_try_retrieve(dev, "held"), -ENOENT);
	LU_EQ(luo_try_retrieve(dev, "waits"), -ENOENT);
	take(dev, "good", 2, 2);
	(void)run;
}

LU_TEST(not_finished, PROD "expect=luo:\\x202\\x20sessions\\x20of\\x20the\\x20previous\\x20kernel",
	unfinished_before, unfinished, unfinished_after);

/* The second kernel has it off: no panic, no node; the third is as after a cold boot. */
static void off_before(struct lu_run *run)
{
	make(luo_open(), "off", 2, 1);
	strcpy(run->append, "liveupdate=off");
	formats_jump_unsure(run);
}

static void off(struct lu_run *run)
{
	LU_EQ(luo_try_open(0), -ENOENT);
	strcpy(run->append, "liveupdate=on");
}

static void off_after(struct lu_run *run)
{
	int dev = luo_open();

	LU_EQ(luo_try_retrieve(dev, "off"), -ENOENT);
	take(dev, "off2", 0, 0);
	(void)run;
}

static void on_again(struct lu_run *run)
{
	int dev = luo_open();

	LU_EQ(luo_update(), 0);
	LU_EQ(luo_try_retrieve(dev, "off"), -ENOENT);
	luo_create(dev, "off2");
	(void)run;
}

LU_TEST(off_in_between, PROD, off_before, off, on_again, off_after);

static void no_kho_before(struct lu_run *run)
{
	make(luo_open(), "off", 2, 1);
	strcpy(run->append, "kho=off");
	formats_jump_unsure(run);
}

static void no_kho(struct lu_run *run)
{
	LU_EQ(luo_try_open(0), -ENOENT);
	strcpy(run->append, "kho=on");
}

LU_TEST(kho_off_in_between, PROD, no_kho_before, no_kho, on_again, off_after);

/* C9: the creator is gone, its descriptor lives on in another process. */
static void orphan_before(struct lu_run *run)
{
	int dev = luo_open(), sem[2], status;
	pid_t pid;
	char c;

	/* It stays here, in flight, when its creator is dead. */
	LU_OK(pipe2(sem, O_CLOEXEC));
	pid = LU_OK(fork());
	if (!pid) {
		pid_t heir;
		int session = make(dev, "orphan", 3, 7);

		heir = LU_OK(fork());
		if (!heir) {
			LU_EQ(write(sem[1], "x", 1), 1);
			close(1);
			for (;;)
				pause();
		}
		luo_close(session);
		_exit(0);
	}
	LU_OK(waitpid(pid, &status, 0));
	LU_EQ(status, 0);
	LU_EQ(read(sem[0], &c, 1), 1);
	LU_EQ(luo_try_create(dev, "orphan"), -EEXIST);
	/* And this one goes with its holder. */
	pid = LU_OK(fork());
	if (!pid) {
		make(dev, "killed", 1, 8);
		LU_EQ(write(sem[1], "x", 1), 1);
		for (;;)
			pause();
	}
	LU_EQ(read(sem[0], &c, 1), 1);
	LU_OK(kill(pid, SIGKILL));
	LU_OK(waitpid(pid, &status, 0));
	(void)run;
}

static void orphan_after(struct lu_run *run)
{
	int dev = luo_open();

	LU_EQ(luo_try_retrieve(dev, "killed"), -ENOENT);
	take(dev, "orphan", 3, 7);
	(void)run;
}

LU_TEST(c9_orphan, PROD, orphan_before, orphan_after);

/* R7: who retrieves is charged; if it may not have so much, somebody else may. */
#define CGROUP	"/sys/fs/cgroup/luo/"

static void small_before(struct lu_run *run)
{
	int dev = luo_open(), session = luo_create(dev, "small");

	luo_preserve(session, luo_memfd("big", 0, 48 << 20, 6), 1);
	luo_preserve(session, luo_memfd("little", 0, 4096, 7), 2);
	(void)run;
}

static void small_after(struct lu_run *run)
{
	int dev = luo_open(), session = luo_retrieve(dev, "small"), fd, status;
	volatile int *refused;
	pid_t pid;

	if (mkdir("/sys/fs/cgroup/luo", 0755))
		lu_skip("no cgroups: %m");
	lu_write("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	lu_write(CGROUP "memory.max", "8M");
	refused = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	LU_CHECK(refused != MAP_FAILED, "mmap: %m");
	for (int i = 0; i < 3; i++) {
		pid = LU_OK(fork());
		if (!pid) {
			/* Here, since later there is no memory for it. */
			*refused += 0;
			lu_write(CGROUP "cgroup.procs", "0");
			LU_EQ(luo_try_take(session, 1), -ENOMEM);
			++*refused;
			/* The rest is not hurt. */
			luo_verify(luo_take(session, 2), 0, 4096, 7);
			_exit(0);
		}
		LU_OK(waitpid(pid, &status, 0));
		/* Memory control may kill it; nothing must be lost by that. */
		LU_CHECK(!status || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL),
			 "the child ended with %#x", status);
		lu_note("in a cgroup of 8 MiB: %s", status ? "killed" : "not killed");
	}
	LU_CHECK(*refused, "nobody has seen ENOMEM");
	fd = luo_take(session, 1);
	LU_EQ(luo_size(fd), 48 << 20);
	luo_verify(fd, 0, 48 << 20, 6);
	luo_verify(luo_take(session, 2), 0, 4096, 7);
	luo_finish(session);
	luo_fill(fd, 0, 48 << 20, 8);
	luo_close(fd);
	(void)run;
}

LU_TEST(retrieved_in_small_cgroup, BOTH "flavour=prod+debug ", small_before, small_after);

/* Nothing is retrieved and finished by closing; its memory is there again. */
static void dropped_before(struct lu_run *run)
{
	int dev = luo_open(), session = luo_create(dev, "dropped");

	luo_preserve(session, luo_stamped_memfd(100 << 20, 6), 1);
	session = luo_create(dev, "dropped2");
	luo_preserve(session, luo_stamped_memfd(100 << 20, 6), 1);
	(void)run;
}

static void dropped_after(struct lu_run *run)
{
	int dev = luo_open(), session;
	long long free;

	/* C12: finish with memfds that nobody wanted. */
	session = luo_retrieve(dev, "dropped");
	free = luo_free_memory();
	luo_finish(session);
	free = luo_free_memory() - free;
	LU_CHECK(free > 98 << 10, "of 100 MiB only %lld KiB are free again", free);
	luo_close(session);
	/* Nor one that was begun with, as far as memory could be promised. */
	session = luo_retrieve(dev, "dropped2");
	free = luo_free_memory();
	lu_write("/proc/sys/vm/overcommit_kbytes", "16384");
	lu_write("/proc/sys/vm/overcommit_memory", "2");
	LU_EQ(luo_try_take(session, 1), -ENOSPC);
	lu_write("/proc/sys/vm/overcommit_memory", "0");
	luo_close(session);
	free = luo_free_memory() - free;
	LU_CHECK(free > 98 << 10, "of 100 MiB only %lld KiB are free again", free);
	(void)run;
}

LU_TEST(c12_dropped, PROD, dropped_before, dropped_after);

/* C19: the image is loaded before there is any session. */
static void early_before(struct lu_run *run)
{
	luo_load_next(run);
	make(luo_open(), "early", 3, 19);
	LU_FAIL("reboot: %s", strerror(-luo_try_jump()));
}

static void early_after(struct lu_run *run)
{
	take(luo_open(), "early", 3, 19);
	(void)run;
}

LU_TEST(c19_loaded_early, PROD, early_before, early_after);

LU_MAIN
