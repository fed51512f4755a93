// SPDX-License-Identifier: GPL-2.0
/*
 * luo_race: threads and processes that do everything to the same few sessions and
 * files at once, also while the machine jumps. What nobody disturbs has to come through
 * whole, and everything has to end in time.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "luo_common.h"

#define PROD	"mem=512M cpus=2 flavour=prod " LUO_ON
#define DEBUG	"mem=1G cpus=2 flavour=debug " LUO_ON
#define SLOTS	4
#define FILES	4
#define TOKENS	6

/* Descriptors change hands between threads: closed by one, used by another. */
static _Atomic int slots[SLOTS];
static int files[FILES];
static _Atomic int dev = -1;
static _Atomic bool stop;
static _Atomic unsigned long ops[16];

static unsigned int pick(uint64_t *rng, unsigned int n)
{
	return luo_random(rng) % n;
}

static void bad(const char *what, int ret)
{
	LU_FAIL("%s: %s", what, strerror(-ret));
}

/* One of these is the answer of a call that may meet any other. */
static void allow(const char *what, int ret, const int *list)
{
	if (ret >= 0)
		return;
	for (; *list; list++)
		if (ret == -*list)
			return;
	bad(what, ret);
}

#define ALLOW(what, call, ...)							\
	({									\
		int _ret = call;						\
										\
		allow(what, _ret, (const int []){ __VA_ARGS__, 0 });		\
		_ret;								\
	})

static void replace_slot(uint64_t *rng, int fd)
{
	int old = atomic_exchange(&slots[pick(rng, SLOTS)], fd);

	if (old >= 0)
		close(old);
}

/*
 * Sessions of the previous kernel, one page each. So many that some are left when the machine
 * jumps, as nobody takes more than one in 10 ms.
 */
#define STOCK	300

static const char *stock_name(int nr)
{
	static __thread char name[64];

	snprintf(name, sizeof(name), "stock %d", nr);
	return name;
}

static void make_stock(int device)
{
	for (int i = 0; i < STOCK; i++) {
		int session = luo_create(device, stock_name(i));
		int fd = luo_memfd("stock", 0, 4096, 5000 + i);

		luo_preserve(session, fd, 0);
		luo_close(fd);
	}
}

static void check_stock(int session, int nr)
{
	int fd = luo_take(session, 0);

	LU_EQ(luo_size(fd), 4096);
	luo_verify(fd, 0, 4096, 5000 + nr);
	luo_close(fd);
}

static bool may_take_stock(void)
{
	static _Atomic double last;
	double now = luo_seconds(), before = last;

	return now > before + 0.01 && atomic_compare_exchange_strong(&last, &before, now);
}

static int try_discard(int device, const char *name)
{
	struct liveupdate_ioctl_discard_session arg = { .size = sizeof(arg) };

	strcpy((char *)arg.name, name);
	return luo_ioctl(device, LIVEUPDATE_IOCTL_DISCARD_SESSION, &arg);
}

static void list_all(int fd, uint64_t *rng)
{
	struct liveupdate_session_info info[8];
	struct liveupdate_ioctl_list_sessions arg = {
		.size = sizeof(arg), .direction = pick(rng, 2), .entries = (uintptr_t)info,
		.entry_size = sizeof(info[0]),
	};
	struct liveupdate_file_info file[8];
	struct liveupdate_ioctl_list_files of = {
		.size = sizeof(of), .direction = arg.direction, .entries = (uintptr_t)file,
		.entry_size = sizeof(file[0]), .count = 8,
	};

	do {
		arg.count = 8;
		if (ALLOW("list", luo_ioctl(fd, LIVEUPDATE_IOCTL_LIST_SESSIONS, &arg), EBADF) < 0)
			return;
		for (unsigned int i = 0; i < arg.count; i++) {
			LU_CHECK(info[i].name[0] && !info[i].name[63], "a name of nonsense");
			memcpy(of.name, info[i].name, sizeof(of.name));
			of.cookie = 0;
			of.count = 8;
			ALLOW("list files", luo_ioctl(fd, LIVEUPDATE_IOCTL_LIST_FILES, &of),
			      EBADF, ENOENT);
		}
	} while (arg.count && pick(rng, 8));
}

static void look(int session)
{
	char path[64], text[4096];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", session);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	while (read(fd, text, sizeof(text)) > 0)
		;
	close(fd);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", session);
	if (readlink(path, text, sizeof(text)) < 0)
		return;
}

/* A descriptor number may be another file's by the time it is used: any errno of any file. */
#define STRANGER	EBADF, ENOTTY, EINVAL

static void one_op(uint64_t *rng, bool incoming)
{
	int session = atomic_load(&slots[pick(rng, SLOTS)]), file = files[pick(rng, FILES)];
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "race %u", pick(rng, SLOTS + 2));
	switch (pick(rng, incoming ? 15 : 11)) {
	case 0:
	case 1:
		fd = ALLOW("create", luo_try_create(dev, name), EEXIST, EBADF);
		if (fd >= 0)
			replace_slot(rng, fd);
		break;
	case 2:
		replace_slot(rng, -1);
		break;
	case 3:
	case 4:
	case 5:
		ALLOW("preserve", luo_try_preserve(session, file, pick(rng, TOKENS)), STRANGER,
		      EEXIST, EBUSY);
		break;
	case 6: {
		struct liveupdate_session_unpreserve_fd arg = {
			.size = sizeof(arg), .token = pick(rng, TOKENS),
		};

		ALLOW("unpreserve", luo_ioctl(session, LIVEUPDATE_SESSION_UNPRESERVE_FD, &arg),
		      STRANGER, ENOENT);
		break;
	}
	case 7:
		look(session);
		break;
	case 8:
		list_all(dev, rng);
		break;
	case 9:
		/* Against what preserve and freeze hold. */
		if (ftruncate(file, pick(rng, 64) * 4096))
			LU_EQ(errno, EPERM);
		if (pwrite(file, name, sizeof(name), pick(rng, 64) * 4096) < 0)
			LU_EQ(errno, EPERM);
		break;
	case 10:
		if (fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			      pick(rng, 32) * 4096, 8 * 4096))
			LU_EQ(errno, EPERM);
		break;
	case 11:
		if (may_take_stock())
			strcpy(name, stock_name(pick(rng, STOCK)));
		fd = ALLOW("retrieve session", luo_try_retrieve(dev, name), ENOENT, EINVAL, EBADF);
		if (fd >= 0)
			replace_slot(rng, fd);
		break;
	case 12:
		fd = ALLOW("take", luo_try_take(session, pick(rng, TOKENS)), STRANGER, ENOENT);
		if (fd >= 0)
			close(fd);
		break;
	case 13:
		if (!pick(rng, 10))
			ALLOW("finish", luo_try_finish(session), STRANGER);
		break;
	case 14:
		if (may_take_stock())
			strcpy(name, stock_name(pick(rng, STOCK)));
		ALLOW("discard", try_discard(dev, name), ENOENT, EINVAL, EBADF);
		break;
	}
}

static _Atomic bool with_incoming;

static void *worker(void *arg)
{
	uintptr_t nr = (uintptr_t)arg;
	uint64_t rng = nr * 1000 + 17;

	while (!stop) {
		one_op(&rng, with_incoming);
		ops[nr]++;
	}
	return NULL;
}

#define THREADS	6

static pthread_t threads[THREADS];

static void start(bool incoming)
{
	with_incoming = incoming;
	for (int i = 0; i < SLOTS; i++)
		slots[i] = -1;
	for (int i = 0; i < FILES; i++)
		files[i] = luo_memfd("race", 0, (1 + i * 10) * 4096, i);
	for (uintptr_t i = 0; i < THREADS; i++)
		LU_EQ(pthread_create(&threads[i], NULL, worker, (void *)i), 0);
}

static void finish(void)
{
	unsigned long all = 0;
	double begin = luo_seconds();

	stop = true;
	for (int i = 0; i < THREADS; i++) {
		LU_EQ(pthread_join(threads[i], NULL), 0);
		LU_CHECK(ops[i] > 10, "thread %d did only %lu calls", i, ops[i]);
		all += ops[i];
	}
	lu_note("%lu calls, ended after %.2f s", all, luo_seconds() - begin);
	LU_CHECK(luo_seconds() - begin < 20, "it took %.0f s to end", luo_seconds() - begin);
	for (int i = 0; i < SLOTS; i++)
		if (slots[i] >= 0)
			close(slots[i]);
	/* Nothing holds any of the files any more. */
	for (int i = 0; i < FILES; i++)
		LU_OK(ftruncate(files[i], 0));
}

static void churn(struct lu_run *run)
{
	dev = luo_open();
	start(false);
	sleep(10);
	finish();
	for (int i = 0; i < SLOTS + 2; i++) {
		char name[64];

		snprintf(name, sizeof(name), "race %d", i);
		luo_close(luo_create(dev, name));
	}
	(void)run;
}

LU_TEST(outgoing, PROD, churn);
LU_TEST(outgoing_debug, DEBUG, churn);

/* Everybody wants the device. */
static void *opener(void *arg)
{
	unsigned long got = 0;

	while (!stop) {
		int fd = luo_try_open(got % 2 ? O_NONBLOCK : 0);

		if (fd >= 0) {
			/* Nobody else has it now. */
			int other = atomic_exchange(&dev, fd);

			LU_CHECK(other == -1, "two have the device");
			ALLOW("create", luo_try_create(fd, "mine"), EEXIST);
			other = atomic_exchange(&dev, -1);
			LU_CHECK(other == fd, "two have the device");
			close(fd);
			got++;
		} else {
			LU_EQ(fd, -EBUSY);
		}
	}
	lu_note("opened %lu times", got);
	/* Eight opens in ten seconds: nobody starves when all are quick. */
	LU_CHECK(got > 8, "opener %lu got it only %lu times", (unsigned long)(uintptr_t)arg, got);
	return NULL;
}

static void openers(struct lu_run *run)
{
	for (uintptr_t i = 0; i < THREADS; i++)
		LU_EQ(pthread_create(&threads[i], NULL, opener, (void *)i), 0);
	sleep(10);
	stop = true;
	for (int i = 0; i < THREADS; i++)
		LU_EQ(pthread_join(threads[i], NULL), 0);
	(void)run;
}

LU_TEST(openers, PROD, openers);
LU_TEST(openers_debug, DEBUG, openers);

/* What nobody touches. */
static void make_quiet(int device)
{
	int session = luo_create(device, "quiet");

	for (int i = 0; i < 20; i++) {
		int fd = luo_memfd("quiet", 0, i * 4096 + i, 1000 + i);

		luo_preserve(session, fd, i);
		luo_close(fd);
	}
}

static void take_quiet(int device)
{
	int session = luo_retrieve(device, "quiet");

	for (int i = 0; i < 20; i++) {
		int fd = luo_take(session, i);

		LU_EQ(luo_size(fd), i * 4096 + i);
		luo_verify(fd, 0, i * 4096 + i, 1000 + i);
		luo_close(fd);
	}
	luo_finish(session);
	luo_close(session);
}

static void many_before(struct lu_run *run)
{
	int device = luo_open();

	make_quiet(device);
	make_stock(device);
	for (int i = 0; i < SLOTS + 2; i++) {
		char name[64];
		int session;

		snprintf(name, sizeof(name), "race %d", i);
		session = luo_create(device, name);
		for (int f = 0; f < TOKENS; f++)
			luo_preserve(session, luo_memfd("race", 0, f * 4096, f), f);
	}
	(void)run;
}

static void many_after(struct lu_run *run)
{
	dev = luo_open();
	start(true);
	sleep(10);
	finish();
	take_quiet(dev);
	(void)run;
}

LU_TEST(incoming, PROD, many_before, many_after);
LU_TEST(incoming_debug, DEBUG, many_before, many_after);

/*
 * Against the jump. Threads go on; processes that hold sessions, outgoing ones and such as
 * came, are killed and made anew until the machine is gone. Whatever came over has
 * to be in order.
 */
static void hold_stock(uint64_t *rng)
{
	int nr = pick(rng, STOCK);
	int session = ALLOW("retrieve session", luo_try_retrieve(dev, stock_name(nr)), ENOENT,
			    EINVAL);

	if (session < 0)
		return;
	check_stock(session, nr);
	usleep(pick(rng, 20000));
	if (pick(rng, 2))
		luo_finish(session);
	luo_close(session);
}

static void hold(int nr)
{
	uint64_t rng = getpid();
	char name[64];
	int session;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned int i = 0; ; i++) {
		if (with_incoming && !pick(&rng, 4))
			hold_stock(&rng);
		snprintf(name, sizeof(name), "held %d", nr);
		session = luo_try_create(dev, name);
		if (session < 0) {
			LU_EQ(session, -EEXIST);
			continue;
		}
		for (int f = 0; f < 5; f++) {
			int fd = luo_memfd("held", 0, (1 + f) * 4096, nr * 10 + f);

			luo_preserve(session, fd, f);
			luo_close(fd);
		}
		if (pick(&rng, 2))
			luo_close(session);
		else if (pick(&rng, 2))
			_exit(0);
		else
			usleep(pick(&rng, 20000));
	}
}

static void *breeder(void *arg)
{
	uint64_t rng = 5;
	pid_t child[4] = { 0 };

	for (;;) {
		int nr = pick(&rng, 4);

		if (child[nr] > 0) {
			int status;

			kill(child[nr], SIGKILL);
			LU_OK(waitpid(child[nr], &status, 0));
			LU_CHECK(!WIFEXITED(status) || !WEXITSTATUS(status),
				 "a holder ended with %#x", status);
		}
		child[nr] = fork();
		if (!child[nr])
			hold(nr);
		usleep(pick(&rng, 30000));
	}
	return arg;
}

/* Every session that came, and every file in it; the stock only if it is not raced for. */
static void take_what_came(int device, bool leave_stock)
{
	static struct liveupdate_session_info info[STOCK + 32];
	struct liveupdate_ioctl_list_sessions arg = {
		.size = sizeof(arg), .direction = LIVEUPDATE_INCOMING,
		.entries = (uintptr_t)info, .entry_size = sizeof(info[0]), .count = ARRAY_LEN(info),
	};

	LU_EQ(luo_ioctl(device, LIVEUPDATE_IOCTL_LIST_SESSIONS, &arg), 0);
	lu_note("%u sessions came", arg.count);
	LU_CHECK(arg.count >= STOCK && arg.count < ARRAY_LEN(info), "%u sessions came", arg.count);
	for (unsigned int i = 0; i < arg.count; i++) {
		const char *name = (char *)info[i].name;
		int session, nr, fd;

		LU_EQ(info[i].flags, 0);
		if (!strcmp(name, "quiet") || (leave_stock && !strncmp(name, "stock ", 6)))
			continue;
		session = luo_retrieve(device, name);
		if (sscanf(name, "stock %d", &nr) == 1) {
			check_stock(session, nr);
		} else if (sscanf(name, "held %d", &nr) == 1) {
			/* Preserved one after the other: none is missing in between. */
			for (unsigned int f = 0; f < info[i].files; f++) {
				fd = luo_take(session, f);
				LU_EQ(luo_size(fd), (1 + f) * 4096);
				luo_verify(fd, 0, (1 + f) * 4096, nr * 10 + f);
				luo_close(fd);
			}
		} else {
			unsigned int got = 0;

			for (int token = 0; token < TOKENS; token++) {
				fd = luo_try_take(session, token);
				if (fd == -ENOENT)
					continue;
				LU_CHECK(fd >= 0, "%s, token %d: %s", name, token, strerror(-fd));
				close(fd);
				got++;
			}
			LU_EQ(got, info[i].files);
		}
		luo_finish(session);
		luo_close(session);
	}
}

static void against_jump(struct lu_run *run)
{
	bool last = run->stage + 1 == run->nr_stages;
	pthread_t thread;

	dev = luo_open();
	if (run->stage) {
		take_quiet(dev);
		take_what_came(dev, !last);
	}
	if (last)
		return;
	make_quiet(dev);
	make_stock(dev);
	start(run->stage);
	LU_EQ(pthread_create(&thread, NULL, breeder, NULL), 0);
	usleep(300000);
}

LU_TEST(against_the_jump, PROD "timeout=100", against_jump, against_jump, against_jump,
	against_jump, against_jump);
LU_TEST(against_the_jump_debug, DEBUG "timeout=100", against_jump, against_jump, against_jump);

LU_MAIN
