// SPDX-License-Identifier: GPL-2.0
/*
 * luo_freeze: the freeze fails at each file of each session, and at the object that they
 * share. What was frozen is unfrozen in reverse order, the machine goes on as if nothing
 * had been, and the next attempt brings everything over.
 */
#define _GNU_SOURCE
#include <linux/kexec.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "luo_common.h"

#define SESSIONS	3
#define FILES		3

static uint64_t value_of(int k, int m)
{
	return 100 + k * 10 + m;
}

static int dev, session[SESSIONS], file[SESSIONS][FILES], memfd[SESSIONS];

/* In each session: file 0, a sparse memfd, the other files. */
static void make_all(void)
{
	char name[32];

	dev = luo_open();
	luo_ex("clear");
	for (int k = 0; k < SESSIONS; k++) {
		snprintf(name, sizeof(name), "session %d", k);
		session[k] = luo_create(dev, name);
		memfd[k] = luo_memfd("frozen", 0, 8192, k);
		LU_OK(ftruncate(memfd[k], 64 << 20));
		for (int m = 0; m < FILES; m++) {
			file[k][m] = luo_ex_new(value_of(k, m));
			luo_preserve(session[k], file[k][m], m);
			if (!m)
				luo_preserve(session[k], memfd[k], 1000);
		}
	}
}

/* Everything is as before, and can be used. */
static void check_all_alive(int round)
{
	char name[32];

	for (int k = 0; k < SESSIONS; k++) {
		snprintf(name, sizeof(name), "session %d", k);
		LU_EQ(luo_try_create(dev, name), -EEXIST);
		LU_EQ(luo_try_preserve(session[k], -1, 0), -EEXIST);
		LU_EQ(luo_try_preserve(session[k], file[k][1], 77), -EBUSY);
		luo_verify(memfd[k], 0, 8192, k);
		LU_EQ(ftruncate(memfd[k], 0), -1);
		LU_EQ(errno, EPERM);
		/* A hole that is filled does not wait for anything. */
		luo_fill(memfd[k], (1 + round) << 20, 4096, round);
	}
	/* Sessions and files come and go. */
	luo_close(luo_create(dev, "comes and goes"));
	luo_preserve(session[0], luo_memfd("x", 0, 4096, 1), 500);
	LU_EQ(luo_ioctl(session[0], LIVEUPDATE_SESSION_UNPRESERVE_FD,
			&(struct liveupdate_session_unpreserve_fd){ .size = 16, .token = 500 }), 0);
}

static int index_of(int k, int m)
{
	return k * FILES + m;
}

/* What has to be logged when @failing is the first that cannot be frozen. */
static const char *expected(int failing)
{
	static char text[2048];

	text[0] = '\0';
	for (int i = 0; i <= failing && i < SESSIONS * FILES; i++)
		sprintf(text + strlen(text), "freeze %llu,",
			(unsigned long long)value_of(i / FILES, i % FILES));
	if (failing == SESSIONS * FILES)
		strcat(text, "flb_freeze,");
	for (int i = failing - 1; i >= 0; i--)
		sprintf(text + strlen(text), "unfreeze %llu,",
			(unsigned long long)value_of(i / FILES, i % FILES));
	return text;
}

static void each_before(struct lu_run *run)
{
	static const int errnos[] = { EIO, ENOMEM, EBUSY, EAGAIN };
	int round = 0, err;

	make_all();
	lu_set(run, "rounds", "%d", SESSIONS * FILES + 2);
	luo_load_next(run);
	for (int k = 0; k < SESSIONS; k++) {
		for (int m = 0; m < FILES; m++, round++) {
			err = errnos[round % ARRAY_LEN(errnos)];
			luo_ex("clear");
			luo_ex("fail freeze %llu %d", (unsigned long long)value_of(k, m), -err);
			LU_EQ(luo_try_jump(), -err);
			luo_ex_expect(expected(index_of(k, m)));
			check_all_alive(round);
		}
	}
	luo_ex("clear");
	luo_ex("fail flb_freeze flb %d", -EIO);
	LU_EQ(luo_try_jump(), -EIO);
	luo_ex_expect(expected(SESSIONS * FILES));
	check_all_alive(round++);
	/* Neither is a positive value a success (R23). */
	luo_ex("clear");
	luo_ex("fail freeze %llu 1", (unsigned long long)value_of(1, 1));
	LU_CHECK(luo_try_jump() < 0, "it jumped");
	luo_ex_expect(expected(index_of(1, 1)));
	check_all_alive(round++);
	LU_EQ(round, lu_get_num(run, "rounds"));
	LU_CHECK(!luo_log_count("luo_exercise: ", NULL, 0), "the exerciser complains");
	/* One that is gone is no trouble for those that stay. */
	luo_close(luo_create(dev, "gone"));
	for (int k = 0; k < SESSIONS; k++)
		for (int m = 0; m < FILES; m++)
			LU_EQ(pwrite(file[k][m], "late", 4, 0), 4);
}

static void each_after(struct lu_run *run)
{
	int rounds = lu_get_num(run, "rounds"), fd;
	char name[32], text[8] = "";

	dev = luo_open();
	LU_EQ(luo_update(), 1);
	for (int k = 0; k < SESSIONS; k++) {
		snprintf(name, sizeof(name), "session %d", k);
		session[k] = luo_retrieve(dev, name);
		for (int m = 0; m < FILES; m++) {
			fd = luo_take(session[k], m);
			LU_EQ(luo_ex_value(fd), value_of(k, m));
			LU_EQ(pread(fd, text, 4, 0), 4);
			LU_CHECK(!strcmp(text, "late"), "file %d of session %d says %s", m, k,
				 text);
		}
		fd = luo_take(session[k], 1000);
		luo_verify(fd, 0, 8192, k);
		for (int i = 0; i < rounds; i++)
			luo_verify(fd, (1 + i) << 20, 4096, i);
		LU_EQ(luo_try_take(session[k], 500), -ENOENT);
		luo_finish(session[k]);
	}
	LU_EQ(luo_try_retrieve(dev, "comes and goes"), -ENOENT);
	LU_EQ(luo_try_retrieve(dev, "gone"), -ENOENT);
	LU_CHECK(!luo_log_count("luo_exercise: ", NULL, 0), "the exerciser complains");
}

LU_TEST(at_each_file, "mem=1G timeout=100 leaks=first " LUO_ON, each_before, each_after);

/* Tasks that do something while it is frozen, and is unfrozen again. */
static _Atomic bool stop;
static _Atomic unsigned long turns[4];

static void *user(void *arg)
{
	uintptr_t nr = (uintptr_t)arg;
	off_t at = 0;
	char name[32];
	char *map;

	map = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, memfd[nr % SESSIONS], 0);
	LU_CHECK(map != MAP_FAILED, "mmap: %m");
	snprintf(name, sizeof(name), "user %d", (int)nr);
	while (!stop) {
		switch (nr) {
		case 0:
			/* Fills holes by writing. */
			LU_EQ(pwrite(memfd[0], "w", 1, (32 << 20) + at), 1);
			break;
		case 1:
			/* By storing. */
			map[(32 << 20) + at] = 's';
			break;
		case 2:
			luo_close(luo_create(dev, name));
			break;
		case 3: {
			int s = luo_create(dev, name), fd = luo_memfd("x", 0, 4096, 1);

			luo_preserve(s, fd, 1);
			luo_close(fd);
			luo_close(s);
			break;
		}
		}
		at = (at + 4096) % (16 << 20);
		turns[nr]++;
	}
	return NULL;
}

static void busy_before(struct lu_run *run)
{
	unsigned long seen[4];
	pthread_t thread[4];

	make_all();
	lu_set(run, "tries", "%d", 40);
	luo_load_next(run);
	for (uintptr_t i = 0; i < 4; i++)
		LU_EQ(pthread_create(&thread[i], NULL, user, (void *)i), 0);
	for (int i = 0; i < 40; i++) {
		luo_ex("clear");
		luo_ex("fail freeze %llu %d", (unsigned long long)value_of(2, 2), -EIO);
		LU_EQ(luo_try_jump(), -EIO);
		/* Everybody goes on. */
		for (int n = 0; n < 4; n++)
			seen[n] = turns[n];
		for (int n = 0; n < 4; n++) {
			double begin = luo_seconds();

			while (turns[n] == seen[n]) {
				LU_CHECK(luo_seconds() - begin < 20, "task %d is stuck", n);
				usleep(1000);
			}
		}
	}
	stop = true;
	for (int i = 0; i < 4; i++)
		LU_EQ(pthread_join(thread[i], NULL), 0);
	lu_note("turns: %lu %lu %lu %lu", turns[0], turns[1], turns[2], turns[3]);
}

static void busy_after(struct lu_run *run)
{
	int fd;

	LU_EQ(lu_get_num(run, "tries"), 40);
	dev = luo_open();
	for (int k = 0; k < SESSIONS; k++) {
		char name[32], c;

		snprintf(name, sizeof(name), "session %d", k);
		session[k] = luo_retrieve(dev, name);
		fd = luo_take(session[k], 1000);
		luo_verify(fd, 0, 8192, k);
		if (k > 1)
			continue;
		LU_EQ(pread(fd, &c, 1, 32 << 20), 1);
		LU_EQ(c, k ? 's' : 'w');
	}
}

LU_TEST(busy_machine, "mem=1G cpus=2 flavour=prod+debug " LUO_ON, busy_before, busy_after);

/*
 * Whoever waits for a hole of a frozen memfd may have another one locked that is still to
 * be frozen, since it is copying from the one to the other.
 */
#define HOLES	(64 << 20)

static void *copier(void *arg)
{
	char *map = mmap(NULL, HOLES, PROT_READ, MAP_SHARED, memfd[0], 0);

	LU_CHECK(map != MAP_FAILED, "mmap: %m");
	/* Around and around, so as to be at it at the jump. */
	for (off_t at = 4096; !stop; at = at % (HOLES - 8192) + 4096, turns[0]++) {
		LU_EQ(pwrite(memfd[2], map + at, 4096, 0), 4096);
		usleep(100);
	}
	return arg;
}

/* Seals are part of what is handed over: none is added any more. */
static void *sealer(void *arg)
{
	while (!stop) {
		if (!fcntl(memfd[0], F_ADD_SEALS, 0))
			turns[1]++;
		else if (errno == EBUSY)
			turns[2]++;
		else
			LU_FAIL("F_ADD_SEALS: %m");
		usleep(100);
	}
	return arg;
}

/* userfaultfd() does not wait for a hole, it has to be tried again. */
static void *filler(void *arg)
{
	char *map = mmap(NULL, HOLES, PROT_READ | PROT_WRITE, MAP_SHARED, memfd[0], 0);
	struct uffdio_register area = {
		.range = { (uintptr_t)map, HOLES }, .mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct uffdio_zeropage zero = { .range.len = 4096 };
	int fd = LU_OK(syscall(SYS_userfaultfd, O_CLOEXEC));

	LU_CHECK(map != MAP_FAILED, "mmap: %m");
	LU_OK(ioctl(fd, UFFDIO_API, &(struct uffdio_api){ .api = UFFD_API }));
	LU_OK(ioctl(fd, UFFDIO_REGISTER, &area));
	/* From the end on, towards what the copier fills. */
	for (off_t at = HOLES - 4096; at && !stop; usleep(100)) {
		zero.range.start = (uintptr_t)map + at;
		if (!ioctl(fd, UFFDIO_ZEROPAGE, &zero) || errno == EEXIST)
			at -= 4096;
		else if (errno == EAGAIN)
			turns[3]++;
		else
			LU_FAIL("UFFDIO_ZEROPAGE: %m");
	}
	return arg;
}

static void copying_before(struct lu_run *run)
{
	pthread_t thread[3];
	double begin;

	dev = luo_open();
	session[0] = luo_create(dev, "copying");
	for (int k = 0; k < SESSIONS; k++) {
		memfd[k] = luo_memfd("copying", MFD_ALLOW_SEALING, 4096, k);
		LU_OK(ftruncate(memfd[k], HOLES));
		luo_preserve(session[0], memfd[k], k);
	}
	luo_preserve(session[0], luo_ex_new(7), 7);
	/* The one between them takes its time. */
	luo_fill(memfd[1], 4096, HOLES - 4096, 1);
	luo_load_next(run);
	LU_EQ(pthread_create(&thread[0], NULL, copier, NULL), 0);
	LU_EQ(pthread_create(&thread[1], NULL, sealer, NULL), 0);
	LU_EQ(pthread_create(&thread[2], NULL, filler, NULL), 0);
	/* Until each was seen to meet the freeze. */
	for (int i = 0; i < 5 || (i < 100 && !(turns[2] && turns[3])); i++) {
		unsigned long seen;

		luo_ex("fail freeze 7 %d", -EIO);
		begin = luo_seconds();
		LU_EQ(luo_try_jump(), -EIO);
		LU_CHECK(luo_seconds() - begin < 20, "it took %.1f s", luo_seconds() - begin);
		seen = turns[0];
		for (begin = luo_seconds(); turns[0] == seen; usleep(1000))
			LU_CHECK(luo_seconds() - begin < 20, "the copier is stuck");
	}
	lu_note("turns: %lu; seals: %lu, while frozen: %lu, holes: %lu", turns[0], turns[1],
		turns[2], turns[3]);
	LU_CHECK(turns[1] && turns[2], "seals could %s be added", turns[1] ? "always" : "never");
	LU_CHECK(turns[3], "no hole had to be filled again");
	luo_ex("clear");
}

static void copying_after(struct lu_run *run)
{
	dev = luo_open();
	session[0] = luo_retrieve(dev, "copying");
	luo_verify(luo_take(session[0], 0), 0, 4096, 0);
	luo_verify(luo_take(session[0], 1), 0, HOLES, 1);
	luo_finish(session[0]);
	(void)run;
}

LU_TEST(copying_between_memfds, "mem=1G cpus=2 flavour=prod " LUO_ON, copying_before,
	copying_after);

/* What comes into holes is where it can stay: nothing is moved during the freeze. */
static void nothing_moves(struct lu_run *run)
{
	long long moved;

	dev = luo_open();
	session[0] = luo_create(dev, "stays");
	memfd[0] = luo_memfd("stays", 0, 4096, 1);
	LU_OK(ftruncate(memfd[0], HOLES));
	luo_preserve(session[0], memfd[0], 1);
	luo_preserve(session[0], luo_ex_new(7), 7);
	luo_load_next(run);
	luo_fill(memfd[0], 4096, HOLES - 4096, 1);
	luo_ex("fail freeze 7 %d", -EIO);
	moved = lu_read_key("/proc/vmstat", "pgmigrate_success");
	LU_EQ(luo_try_jump(), -EIO);
	moved = lu_read_key("/proc/vmstat", "pgmigrate_success") - moved;
	LU_CHECK(!moved, "%lld pages were moved", moved);
	exit(0);
}

LU_TEST(nothing_moves, "mem=1G append=movablecore=500M flavour=prod " LUO_ON, nothing_moves,
	nothing_moves);

/* A reboot that is refused for other reasons touches nothing. */
static void no_image(struct lu_run *run)
{
	make_all();
	luo_ex("clear");
	LU_EQ(luo_try_jump(), -EINVAL);
	luo_ex_expect("");
	check_all_alive(0);
	(void)run;
}

LU_TEST(without_an_image, "mem=1G flavour=prod+debug own " LUO_ON, no_image);

/* R11: an image of the old system call cannot carry anything, which has to be said. */
static void wrong_image(struct lu_run *run)
{
	static char code[4096];
	struct kexec_segment {
		const void *buf;
		size_t bufsz;
		const void *mem;
		size_t memsz;
	} segment = { code, sizeof(code), (void *)0x1000000, sizeof(code) };

	make_all();
	LU_OK(syscall(SYS_kexec_load, 0x1000000, 1, &segment, KEXEC_ARCH_DEFAULT));
	luo_ex("fail freeze any %d", -EIO);
	LU_EQ(luo_try_jump(), -EIO);
	LU_EQ(luo_log_count("luo: 3 sessions are going to be lost", NULL, 0), 1);
	check_all_alive(0);
	LU_OK(syscall(SYS_kexec_load, 0, 0, NULL, KEXEC_ARCH_DEFAULT));
	/* Not with one that can. */
	luo_ex("fail freeze any %d", -EIO);
	luo_load_next(run);
	LU_EQ(luo_try_jump(), -EIO);
	LU_EQ(luo_log_count("luo: 3 sessions are going to be lost", NULL, 0), 1);
	exit(0);
}

/* The second stage is there for an image to be at hand. */
LU_TEST(image_of_kexec_load, "mem=512M flavour=prod " LUO_ON, wrong_image, wrong_image);

LU_MAIN
