// SPDX-License-Identifier: GPL-2.0
/*
 * luo_device: /dev/liveupdate itself: whether it is there, who may open it, and in
 * which order its dispatcher finds fault with a call.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "luo_common.h"

#define MACHINE	"mem=512M flavour=prod " LUO_ON

/* How long an opener waits for the holder; the module parameter is in milliseconds. */
#define WAIT_PARAMETER	"/sys/module/liveupdate/parameters/open_wait_ms"

static void no_node(void)
{
	struct stat st;

	LU_EQ(luo_try_open(0), -ENOENT);
	LU_EQ(stat(LUO_DEV, &st), -1);
}

static void off_says_why(const char *word)
{
	const char *reason;

	LU_CHECK(!strcmp(lu_read(LUO_SYSFS "state"), "off\n"), "the state is not off");
	reason = lu_read(LUO_SYSFS "reason");
	LU_CHECK(strstr(reason, word), "%sreason does not speak of %s: %s", LUO_SYSFS, word,
		 reason);
}

/* Off means off: no node, no word in the log. */
static void absent(struct lu_run *run)
{
	(void)run;
	no_node();
	LU_CHECK(luo_log_silent(), "the log speaks of it");
	off_says_why("liveupdate=on");
}

LU_TEST(absent_by_default, "own flavour=prod+debug append=kho=on", absent);
LU_TEST(absent_when_off, "own flavour=prod append=kho=on append=liveupdate=off", absent);
LU_TEST(absent_without_anything, "own flavour=prod", absent);

static void absent_without_kho(struct lu_run *run)
{
	(void)run;
	no_node();
	LU_EQ(luo_log_count("] luo: ", NULL, 0), 1);
	off_says_why("kho=on is not on the kernel's command line");
}

LU_TEST(absent_with_kho_off, "own flavour=prod+debug append=kho=off append=liveupdate=on",
	absent_without_kho);
LU_TEST(absent_without_kho, "own flavour=prod append=liveupdate=on", absent_without_kho);

/* Asked for in vain, which is another thing; luctl goes by these words. */
static void absent_for_kho(struct lu_run *run)
{
	(void)run;
	no_node();
	LU_EQ(luo_log_count("] luo: ", NULL, 0), 1);
	off_says_why("kexec handover could not be set up\n");
}

LU_TEST(absent_without_scratch, "own flavour=prod append=kho_scratch=8G,0,0 " LUO_ON,
	absent_for_kho);
LU_TEST(absent_without_tree, "own flavour=prod append=kho_exercise_fail=tree " LUO_ON,
	absent_for_kho);

static void spelled(struct lu_run *run)
{
	(void)run;
	luo_close(luo_open());
}

LU_TEST(on_as_1, "own flavour=prod append=kho=on append=liveupdate=1", spelled);
LU_TEST(on_as_y, "own flavour=prod append=kho=on append=liveupdate=y", spelled);

static void node(struct lu_run *run)
{
	struct stat st;
	int dev;

	(void)run;
	LU_OK(stat(LUO_DEV, &st));
	LU_EQ(st.st_mode, S_IFCHR | 0600);
	LU_EQ(st.st_uid, 0);
	LU_EQ(st.st_gid, 0);
	dev = luo_open();
	LU_EQ(read(dev, &st, 1), -1);
	LU_EQ(errno, EINVAL);
	LU_EQ(write(dev, &st, 1), -1);
	LU_EQ(errno, EINVAL);
	LU_CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, dev, 0) == MAP_FAILED, "it can be mapped");
	LU_EQ(errno, ENODEV);
	LU_EQ(luo_update(), 0);
	LU_CHECK(!strcmp(lu_read(LUO_SYSFS "state"), "on\n"), "the state is not on");
	LU_CHECK(!strcmp(lu_read(LUO_SYSFS "reason"), "\n"), "there is a reason");
	LU_CHECK(strstr(lu_read(LUO_SYSFS "handlers"), "memfd-v2"), "memfds have no handler");
	/* Any open mode does. */
	luo_close(dev);
	luo_close(LU_OK(open(LUO_DEV, O_RDONLY | O_CLOEXEC)));
	luo_close(LU_OK(open(LUO_DEV, O_WRONLY | O_CLOEXEC)));
}

LU_TEST(node, MACHINE, node);

/* A child that sits on the device until it is told to leave it after @ms. */
static pid_t holder(int ms)
{
	int ready[2];
	pid_t pid;
	char c;

	LU_OK(pipe2(ready, O_CLOEXEC));
	pid = LU_OK(fork());
	if (!pid) {
		int dev = luo_open();

		close(ready[0]);
		LU_EQ(write(ready[1], "x", 1), 1);
		usleep(ms * 1000);
		close(dev);
		_exit(0);
	}
	close(ready[1]);
	LU_EQ(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return pid;
}

static void stop(pid_t pid)
{
	LU_OK(kill(pid, SIGKILL));
	LU_OK(waitpid(pid, NULL, 0));
}

static void exclusive(struct lu_run *run)
{
	int dev = luo_open(), copy, pair[2];
	pid_t pid;

	(void)run;
	/* Also for the same process. */
	LU_EQ(luo_try_open(O_NONBLOCK), -EBUSY);
	LU_EQ(luo_try_open(0), -EBUSY);
	/* Each open mode is the same. */
	LU_EQ(open(LUO_DEV, O_RDONLY | O_NONBLOCK), -1);
	LU_EQ(errno, EBUSY);

	/* The last close counts: of a copy ... */
	copy = LU_OK(fcntl(dev, F_DUPFD_CLOEXEC, 0));
	luo_close(dev);
	LU_EQ(luo_try_open(O_NONBLOCK), -EBUSY);
	/* ... of a child's ... */
	LU_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	pid = LU_OK(fork());
	if (!pid) {
		char c;

		close(pair[0]);
		_exit(read(pair[1], &c, 1) != 0);
	}
	luo_close(copy);
	LU_EQ(luo_try_open(O_NONBLOCK), -EBUSY);
	close(pair[0]);
	close(pair[1]);
	luo_reap(pid);
	/* ... and O_PATH is no open. */
	copy = LU_OK(open(LUO_DEV, O_PATH | O_CLOEXEC));
	dev = luo_try_open(O_NONBLOCK);
	LU_CHECK(dev >= 0, "after the last close: %s", strerror(-dev));
	luo_close(copy);
	luo_close(dev);
	for (int i = 0; i < 100; i++)
		luo_close(luo_try_open(O_NONBLOCK));
}

LU_TEST(exclusive, MACHINE, exclusive);

static void waits(struct lu_run *run)
{
	long long ms = strtoll(lu_read(WAIT_PARAMETER), NULL, 0);
	double begin, took;
	pid_t pid;
	int dev;

	(void)run;
	LU_EQ(ms, 200);
	pid = holder(1000000);

	begin = luo_seconds();
	LU_EQ(luo_try_open(O_NONBLOCK), -EBUSY);
	took = luo_seconds() - begin;
	LU_CHECK(took < 0.15, "O_NONBLOCK took %.3f s", took);

	begin = luo_seconds();
	LU_EQ(luo_try_open(0), -EBUSY);
	took = luo_seconds() - begin;
	LU_CHECK(took >= 0.19 && took < 1.5, "EBUSY came after %.3f s", took);
	stop(pid);

	/* The holder goes meanwhile. */
	lu_write(WAIT_PARAMETER, "20000");
	pid = holder(300);
	begin = luo_seconds();
	dev = luo_open();
	took = luo_seconds() - begin;
	LU_CHECK(took < 10, "the device was free after 0.3 s, the opener got it after %.3f s",
		 took);
	luo_reap(pid);

	/* It is not fair, but whoever waits gets it, one after the other. */
	for (int i = 0; i < 8; i++) {
		pid = LU_OK(fork());
		if (!pid) {
			luo_close(dev);
			dev = luo_open();
			usleep(10000);
			_exit(0);
		}
	}
	luo_close(dev);
	for (int i = 0; i < 8; i++) {
		int status;

		LU_OK(wait(&status));
		LU_EQ(status, 0);
	}

	/* No wait at all, if one wants. */
	lu_write(WAIT_PARAMETER, "0");
	dev = luo_open();
	begin = luo_seconds();
	LU_EQ(luo_try_open(0), -EBUSY);
	took = luo_seconds() - begin;
	LU_CHECK(took < 0.15, "a wait of 0 took %.3f s", took);
	luo_close(dev);
	lu_write(WAIT_PARAMETER, "200");
}

LU_TEST(waits_for_the_holder, MACHINE, waits);

static void killed_opener(struct lu_run *run)
{
	static const char *const others[] = {
		"/dev/loop-control", "/dev/fuse", "/dev/autofs", "/dev/rtc0", "/dev/null",
	};
	int dev = luo_open();
	double begin;
	pid_t pid;

	(void)run;
	lu_write(WAIT_PARAMETER, "60000");
	for (int i = 0; i < 5; i++) {
		pid = LU_OK(fork());
		if (!pid) {
			luo_close(dev);
			_exit(luo_try_open(0) >= 0);
		}
		usleep(100000);
		LU_EQ(waitpid(pid, NULL, WNOHANG), 0);
		begin = luo_seconds();
		stop(pid);
		LU_CHECK(luo_seconds() - begin < 5, "the opener died after %.1f s",
			 luo_seconds() - begin);
	}
	/* A waiting opener holds up no other misc device. */
	pid = LU_OK(fork());
	if (!pid) {
		luo_close(dev);
		_exit(luo_try_open(0) >= 0);
	}
	usleep(100000);
	begin = luo_seconds();
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		int fd = open(others[i], O_RDWR | O_CLOEXEC);

		if (fd >= 0)
			close(fd);
	}
	LU_CHECK(luo_seconds() - begin < 10, "other misc devices had to wait");
	stop(pid);
	/* None of them holds it now. */
	luo_close(dev);
	luo_close(luo_try_open(O_NONBLOCK));
	lu_write(WAIT_PARAMETER, "200");
}

LU_TEST(killed_while_waiting, MACHINE, killed_opener);

#define CREATE	LIVEUPDATE_IOCTL_CREATE_SESSION
#define STRANGE(type, nr)	_IOC(_IOC_NONE, type, nr, 0)

static struct liveupdate_ioctl_create_session create_arg(const char *name)
{
	struct liveupdate_ioctl_create_session arg = { .size = sizeof(arg), .fd = -EBADF };

	strcpy((char *)arg.name, name);
	return arg;
}

/* The device's own numbers; all others are unknown before anything is read. */
static bool known_number(unsigned int nr)
{
	return nr <= LIVEUPDATE_CMD_RETRIEVE_SESSION ||
	       (nr >= LIVEUPDATE_CMD_LIST_SESSIONS && nr <= LIVEUPDATE_CMD_DISCARD_SESSION);
}

static void framing(struct lu_run *run)
{
	struct liveupdate_ioctl_create_session arg = create_arg("framing");
	struct {
		struct liveupdate_ioctl_create_session arg;
		unsigned char tail[8192];
	} big = { .arg = create_arg("framing") };
	int dev = luo_open(), fd, next;
	char *odd;

	(void)run;
	/* 1: the number comes first. */
	for (unsigned int nr = 0; nr < 256; nr++) {
		int want = known_number(nr) ? -EFAULT : -EINVAL;

		LU_CHECK(luo_ioctl(dev, STRANGE(0xBA, nr), NULL) == want, "number %#x", nr);
		LU_CHECK(luo_ioctl(dev, STRANGE('x', nr), (void *)-4096ul) == want,
			 "number %#x of another type", nr);
		LU_CHECK(luo_ioctl(dev, _IOC(3, 0xBA, nr, 72), (void *)-1ul) == want,
			 "number %#x with direction", nr);
	}
	/* 2: then the size is read. */
	LU_EQ(luo_ioctl(dev, CREATE, NULL), -EFAULT);
	LU_EQ(luo_ioctl(dev, CREATE, luo_at_edge("\110\0\0", 3)), -EFAULT);
	/* 3: then the whole word, whatever the size. */
	for (unsigned int size = 0; size <= 80; size += 8) {
		arg.size = size;
		LU_EQ(luo_ioctl(dev, _IOWR(0xBA, 0, arg), &arg), -ENOTTY);
		LU_EQ(luo_ioctl(dev, _IO(0xBB, 0), &arg), -ENOTTY);
		LU_EQ(luo_ioctl(dev, _IO('T', 1), &arg), -ENOTTY);
		LU_EQ(luo_ioctl(dev, _IOC(0, 0xBA, 1, 1), &arg), -ENOTTY);
		LU_EQ(luo_ioctl(dev, _IOC(0, 0xBA, 0x20, 40), &arg), -ENOTTY);
	}
	/* 5: then the smallest size, which is the whole struct. */
	for (unsigned int size = 0; size < sizeof(arg); size++) {
		arg.size = size;
		LU_CHECK(luo_ioctl(dev, CREATE, &arg) == -EINVAL, "a size of %u", size);
		LU_CHECK(luo_ioctl(dev, LIVEUPDATE_IOCTL_RETRIEVE_SESSION, &arg) == -EINVAL,
			 "a size of %u", size);
	}
	/* 6: then the copy; what the kernel does not know has to be zero. */
	next = luo_next_fd();
	big.arg.name[0] = '\0';
	for (unsigned int i = 0; i < sizeof(big.tail); i += i < 16 ? 1 : 977) {
		big.tail[i] = 0x80;
		big.arg.size = sizeof(big.arg) + i + 1;
		LU_EQ(luo_ioctl(dev, CREATE, &big), -E2BIG);
		big.arg.size = sizeof(big);
		LU_EQ(luo_ioctl(dev, CREATE, &big), -E2BIG);
		/* Not before it. */
		big.arg.size = sizeof(big.arg) + i;
		LU_EQ(luo_ioctl(dev, CREATE, &big), -EINVAL);
		big.tail[i] = 0;
	}
	/* A tail that cannot be read, and a struct that cannot. */
	arg = create_arg("framing");
	arg.size = sizeof(arg) + 1;
	LU_EQ(luo_ioctl(dev, CREATE, luo_at_edge(&arg, sizeof(arg))), -EFAULT);
	arg.size = UINT_MAX;
	LU_EQ(luo_ioctl(dev, CREATE, luo_at_edge(&arg, sizeof(arg))), -EFAULT);
	arg.size = sizeof(arg);
	LU_EQ(luo_ioctl(dev, CREATE, luo_at_edge(&arg, sizeof(arg) - 1)), -EFAULT);
	LU_EQ(luo_next_fd(), next);

	/* It is taken where it ends, and at any address. */
	fd = luo_ioctl(dev, CREATE, luo_at_edge(&arg, sizeof(arg)));
	LU_EQ(fd, 0);
	luo_close(next);
	odd = (char *)&big + 1;
	memcpy(odd, &arg, sizeof(arg));
	LU_EQ(luo_ioctl(dev, CREATE, odd), 0);
	memcpy(&arg, odd, sizeof(arg));
	luo_close(arg.fd);
	luo_close(dev);
}

LU_TEST(framing, MACHINE, framing);

static void answer(struct lu_run *run)
{
	struct {
		struct liveupdate_ioctl_create_session arg;
		unsigned char tail[5000];
	} big = {}, before;
	int dev = luo_open(), next;

	(void)run;
	/* A bigger struct with zeroes behind is fine, and the tail is left alone. */
	memset(&big.arg, 0xa5, sizeof(big.arg));
	big.arg.size = sizeof(big);
	big.arg.fd = INT_MIN;
	strcpy((char *)big.arg.name, "answer");
	before = big;
	next = luo_next_fd();
	LU_EQ(luo_ioctl(dev, CREATE, &big), 0);
	LU_EQ(big.arg.fd, next);
	LU_EQ(fcntl(big.arg.fd, F_GETFD), FD_CLOEXEC);
	before.arg.fd = next;
	/* The whole struct comes back, with what was put in. */
	LU_CHECK(!memcmp(&before, &big, sizeof(big)), "the input fields have changed");
	luo_close(big.arg.fd);

	/* An error leaves it all as it was. */
	big.arg.name[0] = '\0';
	before = big;
	LU_EQ(luo_ioctl(dev, CREATE, &big), -EINVAL);
	LU_CHECK(!memcmp(&before, &big, sizeof(big)), "an error has changed the struct");
	LU_EQ(luo_next_fd(), next);
	luo_close(dev);
}

LU_TEST(answer, MACHINE, answer);

static void generic(struct lu_run *run)
{
	int dev = luo_open(), on = 1;

	(void)run;
	/* These are the VFS's, before us. */
	LU_EQ(luo_ioctl(dev, FIONCLEX, NULL), 0);
	LU_EQ(fcntl(dev, F_GETFD), 0);
	LU_EQ(luo_ioctl(dev, FIOCLEX, NULL), 0);
	LU_EQ(fcntl(dev, F_GETFD), FD_CLOEXEC);
	LU_EQ(luo_ioctl(dev, FIONBIO, &on), 0);
	LU_EQ(isatty(dev), 0);
	LU_EQ(errno, ENOTTY);
	/* A session's command on the device, and the other way round. */
	LU_EQ(luo_try_finish(dev), -EINVAL);
	LU_EQ(luo_try_preserve(dev, 0, 0), -EINVAL);
	on = luo_create(dev, "generic");
	LU_EQ(luo_try_create(on, "x"), -EINVAL);
	LU_EQ(luo_try_retrieve(on, "x"), -EINVAL);
	luo_close(on);
	luo_close(dev);
}

LU_TEST(generic_ioctls, MACHINE, generic);

static void no_descriptors(struct lu_run *run)
{
	struct liveupdate_ioctl_create_session arg = create_arg("");
	struct rlimit old, none;
	int dev = luo_open(), session;

	(void)run;
	LU_OK(getrlimit(RLIMIT_NOFILE, &old));
	none = old;
	none.rlim_cur = luo_next_fd();
	LU_OK(setrlimit(RLIMIT_NOFILE, &none));
	/* Before the name is looked at. */
	LU_EQ(luo_ioctl(dev, CREATE, &arg), -EMFILE);
	LU_EQ(luo_try_create(dev, "x"), -EMFILE);
	LU_EQ(luo_ioctl(dev, LIVEUPDATE_IOCTL_RETRIEVE_SESSION, &arg), -EMFILE);
	/* But after the framing. */
	arg.size--;
	LU_EQ(luo_ioctl(dev, CREATE, &arg), -EINVAL);
	LU_OK(setrlimit(RLIMIT_NOFILE, &old));
	/* ENFILE comes after all that is wrong with the name. */
	luo_expect_without_files(luo_try_create, dev, "x", -ENFILE);
	luo_expect_without_files(luo_try_create, dev, "", -EINVAL);
	session = luo_create(dev, "x");
	luo_expect_without_files(luo_try_create, dev, "x", -EEXIST);
	luo_close(session);
	luo_close(dev);
}

LU_TEST(no_descriptor_left, MACHINE, no_descriptors);

/* A copy-out that faults undoes the session. */
static void faulting_answer(struct lu_run *run)
{
	struct liveupdate_ioctl_create_session arg = create_arg("faulting");
	int dev = luo_open(), next = luo_next_fd();

	(void)run;
	for (int i = 0; i < 60; i++) {
		LU_EQ(luo_ioctl(dev, CREATE, luo_read_only(&arg, sizeof(arg))), -EFAULT);
		LU_EQ(luo_next_fd(), next);
	}
	luo_close(luo_create(dev, "faulting"));
	luo_close(dev);
}

LU_TEST(faulting_answer, MACHINE, faulting_answer);

/* Permissions of the node are all there is. */
static void permissions(struct lu_run *run)
{
	struct stat st;
	pid_t pid;

	(void)run;
	LU_OK(stat(LUO_DEV, &st));
	pid = LU_OK(fork());
	if (!pid) {
		LU_OK(setresgid(1000, 1000, 1000));
		LU_OK(setresuid(1000, 1000, 1000));
		LU_EQ(luo_try_open(0), -EACCES);
		_exit(0);
	}
	luo_reap(pid);
	LU_OK(chmod(LUO_DEV, 0777));
	pid = LU_OK(fork());
	if (!pid) {
		int dev, session;

		LU_OK(setresgid(1000, 1000, 1000));
		LU_OK(setresuid(1000, 1000, 1000));
		dev = luo_open();
		session = luo_create(dev, "mine");
		luo_preserve(session, luo_memfd("mine", 0, 4096, 1), 1);
		LU_EQ(unshare(CLONE_NEWUSER), 0);
		luo_preserve(session, luo_memfd("mine", 0, 4096, 1), 2);
		luo_close(luo_create(dev, "more"));
		_exit(0);
	}
	luo_reap(pid);
	LU_OK(chmod(LUO_DEV, st.st_mode & 07777));
}

LU_TEST(permissions, MACHINE, permissions);

static void on_exec(struct lu_run *run)
{
	char state[64];
	int dev, status;
	pid_t pid;

	if (run->state[0]) {
		/* This is the program that was executed. */
		dev = lu_get_num(run, "dev");
		luo_close(luo_create(dev, "of_child"));
		LU_EQ(luo_try_create(dev, "kept"), -EEXIST);
		LU_EQ(luo_try_preserve(lu_get_num(run, "gone"), 0, 0), -EBADF);
		luo_preserve(lu_get_num(run, "kept"), luo_memfd("x", 0, 4096, 1), 1);
		_exit(0);
	}
	dev = luo_open();
	LU_OK(fcntl(dev, F_SETFD, 0));
	pid = LU_OK(fork());
	if (!pid) {
		int kept = luo_create(dev, "kept"), gone = luo_create(dev, "gone");

		LU_OK(fcntl(kept, F_SETFD, 0));
		snprintf(state, sizeof(state), "dev=%d;kept=%d;gone=%d;", dev, kept, gone);
		execl("/proc/self/exe", "luo_device", "--stage", "exec", "0", state, NULL);
		LU_FAIL("exec: %m");
	}
	LU_OK(waitpid(pid, &status, 0));
	LU_EQ(status, 0);
	luo_close(luo_create(dev, "kept"));
	luo_close(luo_create(dev, "gone"));
	luo_close(dev);
}

LU_TEST(exec, MACHINE, on_exec);

/* One system call the 32-bit way. A machine without it kills us. */
static long call32(unsigned int nr, unsigned int a, unsigned int b, unsigned int c)
{
	long ret;

	asm volatile("int $0x80" : "=a" (ret) : "a" (nr), "b" (a), "c" (b), "d" (c)
		     : "memory", "r8", "r9", "r10", "r11");
	return (int)ret;
}

#define NR32_IOCTL	54
#define NR32_GETPID	20

static bool have_call32(void)
{
	pid_t pid = LU_OK(fork());
	int status;

	if (!pid) {
		signal(SIGSEGV, _exit);
		_exit(call32(NR32_GETPID, 0, 0, 0) != getpid());
	}
	LU_OK(waitpid(pid, &status, 0));
	return !status;
}

static void compat(struct lu_run *run)
{
	struct liveupdate_ioctl_create_session *arg;
	struct liveupdate_session_preserve_fd *file;
	struct liveupdate_session_get_name *name;
	int dev, session;
	char *low;

	(void)run;
	if (!have_call32())
		lu_skip("no 32-bit system calls (CONFIG_IA32_EMULATION)");
	low = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	LU_CHECK(low != MAP_FAILED, "mmap: %m");
	dev = luo_open();
	arg = (void *)low;
	*arg = create_arg("compat");
	LU_EQ(call32(NR32_IOCTL, dev, CREATE, (uintptr_t)arg), 0);
	session = arg->fd;
	LU_EQ(call32(NR32_IOCTL, dev, CREATE, (uintptr_t)arg), -EEXIST);
	LU_EQ(call32(NR32_IOCTL, dev, CREATE, 0), -EFAULT);
	LU_EQ(call32(NR32_IOCTL, dev, _IO(0xBA, 9), 0), -EINVAL);
	LU_EQ(call32(NR32_IOCTL, dev, _IO(0xBB, 0), (uintptr_t)arg), -ENOTTY);

	file = (void *)low;
	*file = (struct liveupdate_session_preserve_fd){
		.size = sizeof(*file), .fd = luo_memfd("x", 0, 4096, 1), .token = ~0ull,
	};
	LU_EQ(call32(NR32_IOCTL, session, LIVEUPDATE_SESSION_PRESERVE_FD, (uintptr_t)file), 0);
	LU_EQ(luo_try_preserve(session, file->fd, ~0ull), -EEXIST);
	name = (void *)low;
	*name = (struct liveupdate_session_get_name){ .size = sizeof(*name) };
	LU_EQ(call32(NR32_IOCTL, session, LIVEUPDATE_SESSION_GET_NAME, (uintptr_t)name), 0);
	LU_CHECK(!strcmp((char *)name->name, "compat"), "its name is %s", name->name);
	LU_EQ(call32(NR32_IOCTL, session, LIVEUPDATE_SESSION_FINISH, (uintptr_t)name), -EINVAL);
	luo_close(session);
	luo_close(dev);
}

LU_TEST(compat, MACHINE, compat);

/* All of it once more with all checks of the kernel on, in one go for the sake of time. */
static void all(struct lu_run *run)
{
	node(run);
	exclusive(run);
	waits(run);
	killed_opener(run);
	framing(run);
	answer(run);
	generic(run);
	no_descriptors(run);
	faulting_answer(run);
	permissions(run);
	compat(run);
}

LU_TEST(all_debug, "mem=1G flavour=debug timeout=200 " LUO_ON, all);

LU_MAIN
