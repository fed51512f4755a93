// SPDX-License-Identifier: GPL-2.0
/* luo_common: what the tests of /dev/liveupdate share; see luo_common.h. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <sys/klog.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "luo_common.h"

#define PAGE	4096
#define WORDS	(PAGE / sizeof(uint64_t))
#define CHUNK	(64 * PAGE)

int luo_ioctl(int fd, unsigned long cmd, void *arg)
{
	int ret = ioctl(fd, cmd, arg);

	return ret < 0 ? -errno : ret;
}

int luo_try_open(int flags)
{
	int fd = open(LUO_DEV, O_RDWR | O_CLOEXEC | flags);

	return fd < 0 ? -errno : fd;
}

int luo_open(void)
{
	int fd = luo_try_open(0);

	LU_CHECK(fd >= 0, "%s: %s", LUO_DEV, strerror(-fd));
	return fd;
}

int luo_try_create(int dev, const char *name)
{
	struct liveupdate_ioctl_create_session arg = { .size = sizeof(arg), .fd = -EBADF };
	int ret;

	memcpy(arg.name, name, strnlen(name, sizeof(arg.name)));
	ret = luo_ioctl(dev, LIVEUPDATE_IOCTL_CREATE_SESSION, &arg);
	return ret < 0 ? ret : arg.fd;
}

int luo_create(int dev, const char *name)
{
	int fd = luo_try_create(dev, name);

	LU_CHECK(fd >= 0, "session '%s': %s", name, strerror(-fd));
	return fd;
}

int luo_try_retrieve(int dev, const char *name)
{
	struct liveupdate_ioctl_retrieve_session arg = { .size = sizeof(arg), .fd = -EBADF };
	int ret;

	memcpy(arg.name, name, strnlen(name, sizeof(arg.name)));
	ret = luo_ioctl(dev, LIVEUPDATE_IOCTL_RETRIEVE_SESSION, &arg);
	return ret < 0 ? ret : arg.fd;
}

int luo_retrieve(int dev, const char *name)
{
	int fd = luo_try_retrieve(dev, name);

	LU_CHECK(fd >= 0, "session '%s': %s", name, strerror(-fd));
	return fd;
}

void luo_expect_without_files(int (*call)(int dev, const char *name), int dev, const char *name,
			      int want)
{
	static const char file_max[] = "/proc/sys/fs/file-max";
	char old[32];
	pid_t pid;

	snprintf(old, sizeof(old), "%s", lu_read(file_max));
	lu_write(file_max, "0");
	pid = LU_OK(fork());
	if (!pid) {
		LU_OK(setresuid(1000, 1000, 1000));
		LU_EQ(call(dev, name), want);
		_exit(0);
	}
	luo_reap(pid);
	lu_write(file_max, old);
}

int luo_try_preserve(int session, int fd, uint64_t token)
{
	struct liveupdate_session_preserve_fd arg = {
		.size = sizeof(arg), .fd = fd, .token = token,
	};

	return luo_ioctl(session, LIVEUPDATE_SESSION_PRESERVE_FD, &arg);
}

void luo_preserve(int session, int fd, uint64_t token)
{
	int ret = luo_try_preserve(session, fd, token);

	LU_CHECK(!ret, "token %#llx: %s", (unsigned long long)token, strerror(-ret));
}

int luo_try_take(int session, uint64_t token)
{
	struct liveupdate_session_retrieve_fd arg = {
		.size = sizeof(arg), .fd = -EBADF, .token = token,
	};
	int ret = luo_ioctl(session, LIVEUPDATE_SESSION_RETRIEVE_FD, &arg);

	return ret < 0 ? ret : arg.fd;
}

int luo_take(int session, uint64_t token)
{
	int fd = luo_try_take(session, token);

	LU_CHECK(fd >= 0, "token %#llx: %s", (unsigned long long)token, strerror(-fd));
	return fd;
}

int luo_try_finish(int session)
{
	struct liveupdate_session_finish arg = { .size = sizeof(arg) };

	return luo_ioctl(session, LIVEUPDATE_SESSION_FINISH, &arg);
}

void luo_finish(int session)
{
	int ret = luo_try_finish(session);

	LU_CHECK(!ret, "finish: %s", strerror(-ret));
}

int luo_try_name(int session, char *name)
{
	struct liveupdate_session_get_name arg = { .size = sizeof(arg) };
	int ret = luo_ioctl(session, LIVEUPDATE_SESSION_GET_NAME, &arg);

	memcpy(name, arg.name, sizeof(arg.name));
	return ret;
}

int luo_next_fd(void)
{
	int fd = LU_OK(dup(1));

	close(fd);
	return fd;
}

void luo_close(int fd)
{
	LU_CHECK(!close(fd), "descriptor %d: %m", fd);
}

uint64_t luo_random(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

static uint64_t page_seed(uint64_t seed, uint64_t page)
{
	uint64_t state = seed * 0x2545f4914f6cdd1d + page;

	return luo_random(&state) | 1;
}

void luo_fill(int fd, off_t from, off_t size, uint64_t seed)
{
	static uint64_t buf[CHUNK / sizeof(uint64_t)];

	for (off_t at = from; at < from + size;) {
		size_t len = from + size - at < CHUNK ? from + size - at : CHUNK;

		LU_CHECK(!(at % PAGE), "%lld is not the start of a page", (long long)at);
		for (size_t i = 0; i < len; i += PAGE) {
			uint64_t x = page_seed(seed, (at + i) / PAGE);

			for (size_t w = 0; w < WORDS; w++)
				buf[i / sizeof(x) + w] = x + w;
		}
		LU_CHECK(pwrite(fd, buf, len, at) == (ssize_t)len, "write at %lld: %m",
			 (long long)at);
		at += len;
	}
}

void luo_verify(int fd, off_t from, off_t size, uint64_t seed)
{
	static uint64_t buf[CHUNK / sizeof(uint64_t)];
	uint64_t want[WORDS];

	for (off_t at = from; at < from + size;) {
		size_t len = from + size - at < CHUNK ? from + size - at : CHUNK;

		LU_CHECK(pread(fd, buf, len, at) == (ssize_t)len, "read at %lld: %m",
			 (long long)at);
		for (size_t i = 0; i < len; i += PAGE) {
			uint64_t x = page_seed(seed, (at + i) / PAGE);
			size_t part = len - i < PAGE ? len - i : PAGE;

			for (size_t w = 0; w < WORDS; w++)
				want[w] = x + w;
			LU_CHECK(!memcmp((char *)buf + i, want, part),
				 "the page at %lld is wrong: it begins with %#llx, not %#llx",
				 (long long)(at + i), (unsigned long long)buf[i / sizeof(x)],
				 (unsigned long long)x);
		}
		at += len;
	}
}

void luo_verify_zero(int fd, off_t from, off_t size)
{
	static char buf[CHUNK], zero[CHUNK];

	for (off_t at = from; at < from + size;) {
		size_t len = from + size - at < CHUNK ? from + size - at : CHUNK;

		LU_CHECK(pread(fd, buf, len, at) == (ssize_t)len, "read at %lld: %m",
			 (long long)at);
		LU_CHECK(!memcmp(buf, zero, len), "there is something in the hole at %lld",
			 (long long)at);
		at += len;
	}
}

off_t luo_size(int fd)
{
	struct stat st;

	LU_OK(fstat(fd, &st));
	return st.st_size;
}

int luo_memfd(const char *name, unsigned int flags, off_t size, uint64_t seed)
{
	int fd = LU_OK(memfd_create(name, MFD_CLOEXEC | flags));

	LU_OK(ftruncate(fd, size));
	luo_fill(fd, 0, size, seed);
	return fd;
}

int luo_stamped_memfd(off_t size, uint64_t seed)
{
	int fd = LU_OK(memfd_create("stamped", MFD_CLOEXEC));
	uint64_t *map;

	LU_OK(ftruncate(fd, size));
	if (!size)
		return fd;
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	LU_CHECK(map != MAP_FAILED, "mmap: %m");
	for (off_t page = 0; page < size / PAGE; page++) {
		map[page * WORDS] = page_seed(seed, page);
		map[page * WORDS + WORDS - 1] = ~page_seed(seed, page);
	}
	munmap(map, size);
	return fd;
}

void luo_check_stamp(int fd, off_t size, uint64_t seed)
{
	uint64_t *map;

	LU_EQ(luo_size(fd), size);
	if (!size)
		return;
	map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	LU_CHECK(map != MAP_FAILED, "mmap: %m");
	for (off_t page = 0; page < size / PAGE; page++) {
		uint64_t x = page_seed(seed, page);

		LU_CHECK(map[page * WORDS] == x && map[page * WORDS + WORDS - 1] == ~x,
			 "page %lld of seed %lld is wrong: %#llx", (long long)page,
			 (long long)seed, (unsigned long long)map[page * WORDS]);
	}
	munmap(map, size);
}

/* Pages with a gap behind, and @data at the end of the pages. */
static char *pages_with_gap(const void *data, size_t len)
{
	size_t size = (len + PAGE - 1) / PAGE * PAGE;
	char *p = mmap(NULL, size + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);

	LU_CHECK(p != MAP_FAILED, "mmap: %m");
	LU_OK(mprotect(p + size, PAGE, PROT_NONE));
	return memcpy(p + size - len, data, len);
}

void *luo_at_edge(const void *data, size_t len)
{
	return pages_with_gap(data, len);
}

void *luo_read_only(const void *data, size_t len)
{
	char *p = pages_with_gap(data, len);

	LU_OK(mprotect((void *)((uintptr_t)p & -PAGE), (len + PAGE - 1) / PAGE * PAGE, PROT_READ));
	return p;
}

#define EXERCISER	"/sys/kernel/debug/luo_exercise/"
#define EX_NEW		_IOW('L', 0x70, uint64_t)
#define EX_VALUE	_IOR('L', 0x71, uint64_t)

int luo_ex_try(const char *fmt, ...)
{
	char verb[128];
	va_list args;
	int fd, ret;

	va_start(args, fmt);
	vsnprintf(verb, sizeof(verb), fmt, args);
	va_end(args);
	fd = open(EXERCISER "do", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		lu_skip("%s: %s (CONFIG_LIVEUPDATE_EXERCISE)", EXERCISER, strerror(errno));
	ret = write(fd, verb, strlen(verb)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

int luo_ex_new(uint64_t value)
{
	int dir = open(EXERCISER "new", O_RDWR | O_CLOEXEC), fd;

	if (dir < 0)
		lu_skip("%s: %s (CONFIG_LIVEUPDATE_EXERCISE)", EXERCISER, strerror(errno));
	fd = LU_OK(ioctl(dir, EX_NEW, &value));
	close(dir);
	return fd;
}

uint64_t luo_ex_value(int fd)
{
	uint64_t value;

	LU_OK(ioctl(fd, EX_VALUE, &value));
	return value;
}

const char *luo_ex_log(void)
{
	static char log[1 << 16];
	char *p;

	snprintf(log, sizeof(log), "%s", lu_read(EXERCISER "log"));
	for (p = log; (p = strchr(p, '\n')); p++)
		*p = ',';
	return log;
}

void luo_ex_expect(const char *want)
{
	const char *got = luo_ex_log();

	LU_CHECK(!strcmp(got, want), "the callbacks were '%s', not '%s'", got, want);
}

void luo_load_next(struct lu_run *run)
{
	char cmdline[4096];

	LU_CHECK(snprintf(cmdline, sizeof(cmdline), "%s%s%s lu.stage=%d lu.state=%s", lu_cmdline(),
			  run->append[0] ? " " : "", run->append, run->stage + 1, run->state) <
		 (int)sizeof(cmdline), "the command line is too long");
	LU_EQ(lu_kexec_load("/boot/bzImage", cmdline, 0), 0);
}

int luo_try_jump(void)
{
	LU_EQ(reboot(RB_KEXEC), -1);
	return -errno;
}

static char *read_log(void)
{
	static char *log;
	static int room;
	int n;

	if (!log) {
		room = klogctl(10 /* SYSLOG_ACTION_SIZE_BUFFER */, NULL, 0);
		LU_CHECK(room > 0, "the kernel log: %m");
		log = malloc(room + 1);
		LU_CHECK(log, "no memory for the kernel log");
	}
	n = klogctl(3 /* SYSLOG_ACTION_READ_ALL */, log, room);
	LU_CHECK(n >= 0, "the kernel log: %m");
	log[n] = '\0';
	return log;
}

int luo_log_count(const char *text, char *line, size_t room)
{
	char *log = read_log(), *next;
	int count = 0;

	for (; *log; log = next) {
		next = log + strcspn(log, "\n");
		if (*next)
			*next++ = '\0';
		/* What this program has said itself does not count. */
		if (strstr(log, "] lu: ") || !strstr(log, text))
			continue;
		if (!count++ && line)
			snprintf(line, room, "%s", log);
	}
	return count;
}

bool luo_log_silent(void)
{
	return !luo_log_count("] luo: ", NULL, 0) && !luo_log_count("memfd_luo: ", NULL, 0);
}

void luo_send_fd(int sock, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = "", byte = 'x';
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	LU_EQ(sendmsg(sock, &msg, 0), 1);
}

int luo_receive_fd(int sock)
{
	char control[CMSG_SPACE(sizeof(int))] = "", byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	int fd;

	LU_EQ(recvmsg(sock, &msg, MSG_CMSG_CLOEXEC), 1);
	LU_CHECK(CMSG_FIRSTHDR(&msg), "no descriptor came");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

double luo_seconds(void)
{
	struct timespec ts;

	LU_OK(clock_gettime(CLOCK_MONOTONIC, &ts));
	return ts.tv_sec + ts.tv_nsec * 1e-9;
}

void luo_reap(pid_t pid)
{
	int status;

	LU_OK(waitpid(pid, &status, 0));
	LU_CHECK(!status, "the child ended with status %#x", status);
}

long long luo_update(void)
{
	return strtoll(lu_read(LUO_SYSFS "number"), NULL, 0);
}

long long luo_free_memory(void)
{
	long long now, before = -1;

	/* Or up to an eighth of all memory is kept in lists of the processors. */
	lu_write("/proc/sys/vm/percpu_pagelist_high_fraction", "1000000");
	for (int i = 0; i < 20; i++) {
		now = lu_read_key("/proc/meminfo", "MemFree");
		if (before >= 0 && llabs(now - before) < 64)
			break;
		before = now;
		usleep(300000);
	}
	return now;
}
