// SPDX-License-Identifier: GPL-2.0
/*
 * luo_handler: what the core owes to a handler of files, seen through the exerciser: which
 * callbacks are called, in which order, and what is undone when one of them fails.
 */
#define _GNU_SOURCE
#include <sys/syscall.h>

#include "formats_common.h"
#include "luo_common.h"

#define MACHINE	"mem=1G " LUO_ON
#define PROD	"mem=512M flavour=prod " LUO_ON

static void fill(int fd, uint64_t seed)
{
	LU_EQ(pwrite(fd, &seed, sizeof(seed), 8), sizeof(seed));
}

static void verify(int fd, uint64_t value)
{
	uint64_t got = 0;

	LU_EQ(luo_ex_value(fd), value);
	LU_EQ(pread(fd, &got, sizeof(got), 8), sizeof(got));
	LU_EQ(got, value * 3);
}

static int new_file(uint64_t value)
{
	int fd = luo_ex_new(value);

	fill(fd, value * 3);
	return fd;
}

static void check_fdinfo(int session, const char *line)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", session);
	LU_CHECK(strstr(lu_read(path), line), "no '%s' in: %s", line, lu_read(path));
}

static void order(struct lu_run *run)
{
	int dev = luo_open(), session, fd[3];

	(void)run;
	luo_ex("clear");
	session = luo_create(dev, "order");
	for (int i = 0; i < 3; i++) {
		fd[i] = new_file(i);
		luo_preserve(session, fd[i], i);
	}
	luo_ex_expect("flb_preserve,preserve 0,preserve 1,preserve 2,");
	luo_ex("clear");
	LU_EQ(luo_ioctl(session, LIVEUPDATE_SESSION_UNPRESERVE_FD,
			&(struct liveupdate_session_unpreserve_fd){ .size = 16, .token = 1 }), 0);
	luo_ex_expect("unpreserve 1,");
	luo_preserve(session, fd[1], 1);
	luo_ex("clear");
	/* Newest first. */
	luo_close(session);
	luo_ex_expect("unpreserve 1,unpreserve 2,unpreserve 0,flb_unpreserve,");
	luo_close(dev);
}

LU_TEST(callbacks_in_order, MACHINE, order);

/* Whatever a callback of preserve returns is what the caller gets; nothing is left. */
static void preserve_fails(struct lu_run *run)
{
	static const int errnos[] = {
		EPERM, ENOENT, EIO, ENOMEM, EBUSY, EEXIST, EINVAL, ENOSPC, EOPNOTSUPP,
	};
	int dev = luo_open(), session = luo_create(dev, "fails"), fd = new_file(7), other;
	int next = luo_next_fd();

	(void)run;
	luo_ex("clear");
	for (size_t i = 0; i < ARRAY_LEN(errnos); i++) {
		luo_ex("fail preserve 7 %d", -errnos[i]);
		LU_EQ(luo_try_preserve(session, fd, 1), -errnos[i]);
		luo_ex_expect("flb_preserve,preserve 7,flb_unpreserve,");
		luo_ex("clear");
		luo_ex("fail flb_preserve flb %d", -errnos[i]);
		LU_EQ(luo_try_preserve(session, fd, 1), -errnos[i]);
		luo_ex_expect("flb_preserve,");
		luo_ex("clear");
	}
	LU_EQ(luo_next_fd(), next);
	/* Token and file are free; with the FLB in use it stays so. */
	other = new_file(8);
	luo_preserve(session, other, 2);
	luo_ex("clear");
	luo_ex("fail preserve 7 %d", -EIO);
	LU_EQ(luo_try_preserve(session, fd, 1), -EIO);
	luo_ex_expect("preserve 7,");
	luo_preserve(session, fd, 1);
	/* Anything but 0 is a failure (R23). */
	luo_ex("fail preserve any 5");
	LU_CHECK(luo_try_preserve(session, new_file(9), 3) < 0, "a positive value is a success");
	luo_close(session);
	luo_close(dev);
}

LU_TEST(preserve_fails, MACHINE, preserve_fails);

/* One object is preserved while another needs it. */
static void depends(struct lu_run *run)
{
	struct liveupdate_session_unpreserve_fd drop = { .size = sizeof(drop), .token = 1 };
	int dev = luo_open(), session = luo_create(dev, "depends");
	int a = new_file(1), b = new_file(2);

	(void)run;
	luo_ex("clear");
	luo_ex("depend 2 1");
	/* The other one has to be there first, in the same session. */
	LU_EQ(luo_try_preserve(session, b, 2), -ENOENT);
	luo_preserve(session, a, 1);
	luo_preserve(session, b, 2);
	LU_EQ(luo_ioctl(session, LIVEUPDATE_SESSION_UNPRESERVE_FD, &drop), -EBUSY);
	drop.token = 2;
	LU_EQ(luo_ioctl(session, LIVEUPDATE_SESSION_UNPRESERVE_FD, &drop), 0);
	drop.token = 1;
	LU_EQ(luo_ioctl(session, LIVEUPDATE_SESSION_UNPRESERVE_FD, &drop), 0);
	luo_preserve(session, a, 1);
	luo_preserve(session, b, 2);
	luo_ex("clear");
	luo_close(session);
	luo_ex_expect("unpreserve 2,unpreserve 1,flb_unpreserve,");
	session = luo_create(dev, "depends");
	luo_ex("depend 2 1");
	luo_preserve(session, a, 1);
	LU_EQ(luo_try_preserve(luo_create(dev, "other"), b, 2), -ENOENT);
	luo_close(session);
	luo_close(dev);
}

LU_TEST(dependencies, MACHINE, depends);

/* The other side. */
static void before(struct lu_run *run)
{
	int dev = luo_open(), session = luo_create(dev, "one");

	luo_ex("clear");
	luo_ex("depend 12 11");
	for (int i = 1; i <= 4; i++)
		luo_preserve(session, new_file(i), i);
	session = luo_create(dev, "two");
	luo_preserve(session, new_file(11), 11);
	luo_preserve(session, new_file(12), 12);
	luo_preserve(session, luo_memfd("beside", 0, 8192, 5), 13);
	session = luo_create(dev, "stubborn");
	luo_preserve(session, new_file(21), 21);
	luo_preserve(session, luo_memfd("beside", 0, 8192, 6), 22);
	session = luo_create(dev, "last");
	luo_preserve(session, new_file(31), 31);
	(void)run;
}

static void after(struct lu_run *run)
{
	struct liveupdate_file_info info[8];
	struct liveupdate_session_list_files list = {
		.size = sizeof(list), .entries = (uintptr_t)info, .entry_size = sizeof(info[0]),
		.count = 8,
	};
	int dev = luo_open(), one, two, stubborn, last, fd;

	luo_ex("clear");
	one = luo_retrieve(dev, "one");
	/* What may be over soon is tried again (R7) ... */
	luo_ex("fail retrieve 1 %d", -ENOMEM);
	LU_EQ(luo_try_take(one, 1), -ENOMEM);
	luo_ex("fail retrieve 1 %d", -ENOSPC);
	LU_EQ(luo_try_take(one, 1), -ENOSPC);
	luo_ex("fail retrieve 1 %d", -EINTR);
	LU_EQ(luo_try_take(one, 1), -EINTR);
	fd = luo_take(one, 1);
	verify(fd, 1);
	/* ... what failed for good is not, and is told again. */
	luo_ex("fail retrieve 2 %d", -EIO);
	luo_ex("clear");
	luo_ex("fail retrieve 2 %d", -EIO);
	LU_EQ(luo_try_take(one, 2), -EIO);
	LU_EQ(luo_try_take(one, 2), -EIO);
	luo_ex_expect("retrieve 2,");
	LU_EQ(luo_ioctl(one, LIVEUPDATE_SESSION_LIST_FILES, &list), 0);
	LU_EQ(list.count, 4);
	LU_EQ(info[0].flags, LIVEUPDATE_FILE_INFO_RETRIEVED);
	LU_EQ(info[0].status, 0);
	LU_EQ(info[1].status, -EIO);
	LU_EQ(info[2].status, 0);
	check_fdinfo(one, "luo-file:\t0x1 luo-exercise-v1 retrieved\n"
		     "luo-file:\t0x2 luo-exercise-v1 failed -5\n"
		     "luo-file:\t0x3 luo-exercise-v1 waiting\n");
	verify(luo_take(one, 3), 3);
	/* One object in two sessions is busy. */
	LU_EQ(luo_try_preserve(luo_create(dev, "again"), fd, 1), -EBUSY);

	/* C18: finish is refused, nothing has changed. */
	luo_ex("clear");
	luo_ex("fail can_finish 3 1");
	LU_EQ(luo_try_finish(one), -EBUSY);
	verify(luo_take(one, 4), 4);
	verify(luo_take(one, 3), 3);
	luo_ex("clear");
	luo_finish(one);
	/* All are asked, then all are finished, newest first. */
	luo_ex_expect("can_finish 1,can_finish 0,can_finish 3,can_finish 4,"
		      "finish 4,finish 3,finish 0,finish 1,");
	luo_preserve(luo_create(dev, "again2"), fd, 1);

	/* The dependent one brings the other with it. */
	two = luo_retrieve(dev, "two");
	luo_ex("clear");
	verify(luo_take(two, 12), 12);
	luo_ex_expect("retrieve 12,retrieve 11,");
	verify(luo_take(two, 11), 11);
	luo_ex_expect("retrieve 12,retrieve 11,");
	luo_verify(luo_take(two, 13), 0, 8192, 5);
	luo_finish(two);

	/* U14: a close that cannot finish leaves it as if nobody had taken it. */
	stubborn = luo_retrieve(dev, "stubborn");
	luo_ex("fail can_finish 21 1");
	luo_close(stubborn);
	stubborn = luo_retrieve(dev, "stubborn");
	LU_EQ(luo_try_retrieve(dev, "stubborn"), -EINVAL);
	verify(luo_take(stubborn, 21), 21);
	luo_ex("fail can_finish 21 1");
	luo_close(stubborn);
	stubborn = luo_retrieve(dev, "stubborn");
	verify(luo_take(stubborn, 21), 21);
	luo_verify(luo_take(stubborn, 22), 0, 8192, 6);
	luo_ex("clear");
	luo_close(stubborn);
	LU_EQ(luo_try_retrieve(dev, "stubborn"), -ENOENT);
	luo_ex_expect("can_finish 21,finish 21,");

	/* With the last file its FLB ends, and not before; also unless anyone asked for it. */
	last = luo_retrieve(dev, "last");
	luo_ex("clear");
	luo_ex("flb get_incoming");
	luo_ex("flb put_incoming");
	luo_ex_expect("flb_retrieve,");
	luo_close(last);
	luo_ex_expect("flb_retrieve,can_finish 31,finish 31,flb_finish,");
	LU_EQ(luo_ex_try("flb get_incoming"), -ENODATA);
	LU_CHECK(!luo_log_count("luo_exercise: ", NULL, 0), "the exerciser complains");
	(void)run;
}

LU_TEST(incoming_callbacks, MACHINE, before, after);

/* A discard that a file refuses. */
static void discard_before(struct lu_run *run)
{
	luo_preserve(luo_create(luo_open(), "kept"), new_file(5), 1);
	(void)run;
}

static void discard_after(struct lu_run *run)
{
	struct liveupdate_ioctl_discard_session arg = { .size = sizeof(arg), .name = "kept" };
	int dev = luo_open();

	luo_ex("clear");
	luo_ex("fail can_finish any 1");
	LU_EQ(luo_ioctl(dev, LIVEUPDATE_IOCTL_DISCARD_SESSION, &arg), -EBUSY);
	luo_ex("clear");
	/* R2: nobody has asked for the FLB before. */
	LU_EQ(luo_ioctl(dev, LIVEUPDATE_IOCTL_DISCARD_SESSION, &arg), 0);
	luo_ex_expect("can_finish 5,finish 5,flb_retrieve,flb_finish,");
	LU_EQ(luo_try_retrieve(dev, "kept"), -ENOENT);
	(void)run;
}

LU_TEST(discard_refused, PROD, discard_before, discard_after);

/* R8: a handler that is not there costs its own files, and may come later. */
static void late_before(struct lu_run *run)
{
	int dev = luo_open(), session = luo_create(dev, "mixed");

	luo_preserve(session, luo_memfd("x", 0, 8192, 1), 1);
	luo_preserve(session, new_file(2), 2);
	luo_preserve(session, new_file(3), 3);
	luo_preserve(luo_create(dev, "memfds"), luo_memfd("x", 0, 8192, 4), 4);
	luo_preserve(luo_create(dev, "unknown"), new_file(5), 5);
	luo_preserve(luo_create(dev, "dropped"), new_file(6), 6);
	strcpy(run->append, "luo_exercise.late=1");
}

static void late_after(struct lu_run *run)
{
	struct liveupdate_file_info info[8];
	struct liveupdate_session_list_files list = {
		.size = sizeof(list), .entries = (uintptr_t)info, .entry_size = sizeof(info[0]),
		.count = 8,
	};
	int dev = luo_open(), mixed, memfds, unknown;

	memfds = luo_retrieve(dev, "memfds");
	luo_verify(luo_take(memfds, 4), 0, 8192, 4);
	luo_finish(memfds);
	mixed = luo_retrieve(dev, "mixed");
	luo_verify(luo_take(mixed, 1), 0, 8192, 1);
	LU_EQ(luo_try_take(mixed, 2), -ENOENT);
	LU_EQ(luo_ioctl(mixed, LIVEUPDATE_SESSION_LIST_FILES, &list), 0);
	LU_EQ(list.count, 3);
	LU_EQ(info[0].flags, LIVEUPDATE_FILE_INFO_RETRIEVED);
	LU_EQ(info[1].flags, LIVEUPDATE_FILE_INFO_NO_HANDLER);
	LU_EQ(info[2].status, 0);
	check_fdinfo(mixed, "luo-file:\t0x2 luo-exercise-v1 unknown\n");
	LU_CHECK(!strcmp((char *)info[1].format, "luo-exercise-v1"), "%.48s", info[1].format);
	LU_CHECK(luo_log_count("luo-exercise-v1", NULL, 0) > 0, "the log does not say which");
	/* Without it a session can be given up, and the log says what that costs. */
	luo_close(luo_retrieve(dev, "dropped"));
	LU_EQ(luo_try_retrieve(dev, "dropped"), -ENOENT);

	luo_ex("register");
	verify(luo_take(mixed, 2), 2);
	verify(luo_take(mixed, 3), 3);
	luo_finish(mixed);
	unknown = luo_retrieve(dev, "unknown");
	verify(luo_take(unknown, 5), 5);
	luo_finish(unknown);
	(void)run;
}

LU_TEST(handler_comes_late, MACHINE "flavour=prod+debug ", late_before, late_after);

/* No handler, no file; twice the same handler; the error is the errno. */
static void registers(struct lu_run *run)
{
	int dev = luo_open(), session = luo_create(dev, "registers"), fd = new_file(1);

	LU_EQ(luo_ex_try("register"), -EEXIST);
	luo_preserve(session, fd, 1);
	luo_close(session);
	luo_ex("unregister");
	session = luo_create(dev, "registers");
	LU_EQ(luo_try_preserve(session, fd, 1), -ENOENT);
	luo_ex("register");
	luo_preserve(session, fd, 1);
	luo_close(session);
	(void)run;
}

LU_TEST(registration, MACHINE "own flavour=prod+debug", registers);

/* R3: who looks at the outgoing object is no file that depends on it. */
static void flb_before(struct lu_run *run)
{
	int dev = luo_open();

	luo_ex("clear");
	LU_EQ(luo_ex_try("flb get_outgoing"), -ENOENT);
	luo_preserve(luo_create(dev, "flb"), new_file(1), 1);
	luo_ex("flb get_outgoing");
	luo_ex("flb get_outgoing");
	luo_ex_expect("flb_preserve,preserve 1,");
	(void)run;
}

static void flb_after(struct lu_run *run)
{
	int dev = luo_open();

	luo_ex("clear");
	/* Out of memory at the end: who wants it next gets it, and it is finished then. */
	luo_ex("fail flb_retrieve flb %d", -ENOMEM);
	luo_close(luo_retrieve(dev, "flb"));
	luo_ex_expect("can_finish 1,finish 1,flb_retrieve,");
	luo_ex("flb get_incoming");
	luo_ex_expect("can_finish 1,finish 1,flb_retrieve,flb_retrieve,");
	luo_ex("flb put_incoming");
	luo_ex_expect("can_finish 1,finish 1,flb_retrieve,flb_retrieve,flb_finish,");
	LU_EQ(luo_ex_try("flb get_incoming"), -ENODATA);
	LU_EQ(luo_ex_try("flb get_outgoing"), -ENOENT);
	(void)run;
}

LU_TEST(flb_is_counted_in_files, PROD, flb_before, flb_after);

/* A handler and an FLB in a module, which is pinned by what is preserved and by nothing else. */
#define MODULE		"liveupdate_module"
#define MODULE_FILE	"/sys/kernel/debug/" MODULE
#define MODULE_VALUE	"4711\n"

static void add_module(void)
{
	lu_add_module("/lu/" MODULE ".ko");
}

static int remove_module(void)
{
	return syscall(SYS_delete_module, MODULE, O_NONBLOCK) < 0 ? -errno : 0;
}

static int try_preserve_of_module(int session, uint64_t token)
{
	int fd = LU_OK(open(MODULE_FILE, O_RDONLY | O_CLOEXEC));
	int ret = luo_try_preserve(session, fd, token);

	luo_close(fd);
	return ret;
}

static void preserve_of_module(int session, uint64_t token)
{
	LU_EQ(try_preserve_of_module(session, token), 0);
}

/* The image does not say what modules read: a word on each format, or a refusal. */
static void load_without_module(int session)
{
	static const char unknown[] = "/sys/module/liveupdate/parameters/unknown";
	static const char format[] = "does not read format liveupdate-module-v1";
	static const char said[] = "luo: session module: it is not known whether the file with "
				   "token 0x1 can go over: the loaded kernel reads format ";

	LU_EQ(lu_kexec_load("/boot/bzImage", lu_cmdline(), 0), 0);
	LU_EQ(luo_log_count("liveupdate-module-v1 with a module, or not at all", NULL, 0), 1);
	LU_EQ(luo_log_count("liveupdate-module-flb-v1 with a module, or not at all", NULL, 0), 1);
	LU_EQ(luo_log_count(said, NULL, 0), 2);
	LU_EQ(luo_log_count("it is not known whether", NULL, 0), 2);
	/* Each at preserve once, though it is asked twice. */
	preserve_of_module(session, 4);
	LU_EQ(luo_log_count("token 0x4 can go over", NULL, 0), 2);
	LU_EQ(luo_log_count("it is not known whether", NULL, 0), 4);

	lu_write(unknown, "refuse");
	LU_EQ(luo_try_jump(), -EPROTONOSUPPORT);
	LU_EQ(formats_refused("module", 1, format), 1);
	LU_EQ(luo_log_count("cannot go over", NULL, 0), 2);
	LU_EQ(lu_kexec_load("/boot/bzImage", lu_cmdline(), 0), -EPROTONOSUPPORT);
	LU_EQ(luo_log_count("cannot go over", NULL, 0), 4);
	LU_EQ(try_preserve_of_module(session, 3), -EPROTONOSUPPORT);
	LU_EQ(luo_log_count("it is not known whether", NULL, 0), 4);
	lu_write(unknown, "warn");
}

static void module_before(struct lu_run *run)
{
	int dev = luo_open(), session = luo_create(dev, "module");

	add_module();
	LU_EQ(remove_module(), 0);
	add_module();
	preserve_of_module(session, 1);
	LU_EQ(remove_module(), -EWOULDBLOCK);
	luo_close(session);
	LU_EQ(remove_module(), 0);

	add_module();
	lu_write(MODULE_FILE, MODULE_VALUE);
	session = luo_create(dev, "module");
	preserve_of_module(session, 1);
	preserve_of_module(session, 2);
	LU_EQ(remove_module(), -EWOULDBLOCK);
	load_without_module(session);
	(void)run;
}

static void module_after(struct lu_run *run)
{
	int dev = luo_open(), session = luo_retrieve(dev, "module"), fd;
	char text[16] = "";

	/* They wait for it. */
	LU_EQ(luo_try_take(session, 1), -ENOENT);
	add_module();
	fd = luo_take(session, 1);
	LU_EQ(read(fd, text, sizeof(text) - 1), strlen(MODULE_VALUE));
	LU_CHECK(!strcmp(text, MODULE_VALUE), "it holds %s", text);
	luo_close(fd);
	LU_EQ(remove_module(), -EWOULDBLOCK);
	LU_EQ(luo_log_count("liveupdate module: ", NULL, 0), 0);
	/* The second one was never retrieved. */
	luo_finish(session);
	LU_EQ(luo_log_count("liveupdate module: the object is finished", NULL, 0), 1);
	LU_EQ(luo_log_count("liveupdate module: ", NULL, 0), 1);
	LU_EQ(remove_module(), 0);
	(void)run;
}

LU_TEST(module, PROD "module=lib/tests/liveupdate_module.ko", module_before, module_after);

/* A module that is about to go: its files and what it could restore are nobody's. */
#define MODULE_SYSFS	"/sys/module/" MODULE "/"

static pid_t begin_to_remove(void)
{
	double begin = luo_seconds();
	pid_t pid;

	lu_write(MODULE_SYSFS "parameters/linger", "1");
	pid = LU_OK(fork());
	if (!pid) {
		LU_EQ(remove_module(), 0);
		_exit(0);
	}
	while (strcmp(lu_read(MODULE_SYSFS "initstate"), "going\n")) {
		LU_CHECK(luo_seconds() - begin < 30, "the module does not begin to go");
		usleep(1000);
	}
	return pid;
}

static void end_removal(pid_t pid)
{
	lu_write(MODULE_SYSFS "parameters/linger", "0");
	luo_reap(pid);
}

static void going_before(struct lu_run *run)
{
	int dev = luo_open(), session = luo_create(dev, "going"), next;
	pid_t pid;

	add_module();
	pid = begin_to_remove();
	next = luo_next_fd();
	LU_EQ(try_preserve_of_module(session, 1), -ENOENT);
	LU_EQ(luo_next_fd(), next);
	/* Its token is for the next one. */
	luo_preserve(session, luo_memfd("x", 0, 4096, 1), 1);
	end_removal(pid);
	add_module();
	lu_write(MODULE_FILE, MODULE_VALUE);
	preserve_of_module(session, 2);
	LU_EQ(remove_module(), -EWOULDBLOCK);
	(void)run;
}

static void going_after(struct lu_run *run)
{
	struct liveupdate_file_info info[2];
	struct liveupdate_session_list_files list = {
		.size = sizeof(list), .entries = (uintptr_t)info, .entry_size = sizeof(info[0]),
		.count = 2,
	};
	int dev = luo_open(), session = luo_retrieve(dev, "going");
	pid_t pid;

	add_module();
	pid = begin_to_remove();
	for (int i = 0; i < 3; i++)
		LU_EQ(luo_try_take(session, 2), -ENOENT);
	LU_EQ(luo_ioctl(session, LIVEUPDATE_SESSION_LIST_FILES, &list), 0);
	LU_EQ(list.count, 2);
	LU_EQ(info[1].flags, LIVEUPDATE_FILE_INFO_NO_HANDLER);
	LU_EQ(info[1].status, 0);
	/* It holds up nothing else. */
	luo_verify(luo_take(session, 1), 0, 4096, 1);
	end_removal(pid);
	/* Nothing is lost by that. */
	LU_EQ(luo_try_take(session, 2), -ENOENT);
	add_module();
	luo_close(luo_take(session, 2));
	LU_EQ(remove_module(), -EWOULDBLOCK);
	luo_finish(session);
	LU_EQ(remove_module(), 0);
	(void)run;
}

LU_TEST(module_is_going, PROD "module=lib/tests/liveupdate_module.ko", going_before, going_after);

LU_MAIN
