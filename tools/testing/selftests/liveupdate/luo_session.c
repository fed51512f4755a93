// SPDX-License-Identifier: GPL-2.0
/*
 * luo_session: outgoing sessions: their names, how they look from outside, what may
 * be asked of them, lists and fdinfo. luo_incoming has the other side of the jump.
 */
#define _GNU_SOURCE
#include <linux/magic.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "luo_common.h"

#define MACHINE	"mem=512M flavour=prod " LUO_ON

static void check_link(int session, const char *name)
{
	char path[64], link[256], want[256];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", session);
	n = LU_OK(readlink(path, link, sizeof(link) - 1));
	link[n] = '\0';
	snprintf(want, sizeof(want), LUO_LINK "%s", name);
	LU_CHECK(!strcmp(link, want), "the link is '%s', not '%s'", link, want);
}

static void check_name(int session, const char *name)
{
	char got[LIVEUPDATE_SESSION_NAME_LENGTH], want[LIVEUPDATE_SESSION_NAME_LENGTH] = "";

	strcpy(want, name);
	memset(got, 0x55, sizeof(got));
	LU_EQ(luo_try_name(session, got), 0);
	LU_CHECK(!memcmp(got, want, sizeof(want)), "its name is '%.64s', not '%s'", got, name);
}

static void names(struct lu_run *run)
{
	struct liveupdate_ioctl_create_session arg = { .size = sizeof(arg) };
	char name[LIVEUPDATE_SESSION_NAME_LENGTH + 1];
	int dev = luo_open(), next = luo_next_fd(), session;

	(void)run;
	/* Each length. */
	for (int len = 1; len < LIVEUPDATE_SESSION_NAME_LENGTH; len++) {
		memset(name, 'a' + len % 26, len);
		name[len] = '\0';
		session = luo_create(dev, name);
		check_link(session, name);
		check_name(session, name);
		luo_close(session);
	}
	/* Each byte. */
	for (int c = 1; c < 256; c++) {
		snprintf(name, sizeof(name), "%c", c);
		session = luo_create(dev, name);
		check_link(session, name);
		check_name(session, name);
		luo_close(session);
	}
	for (int c = 1; c < 256; c += 63) {
		for (int i = 0; i < 63; i++)
			name[i] = c + i < 256 ? c + i : 1;
		name[63] = '\0';
		session = luo_create(dev, name);
		check_link(session, name);
		check_name(session, name);
		luo_close(session);
	}
	/* None, and one without an end. */
	LU_EQ(luo_try_create(dev, ""), -EINVAL);
	memset(name, 'x', 64);
	name[64] = '\0';
	LU_EQ(luo_try_create(dev, name), -EINVAL);
	LU_EQ(luo_next_fd(), next);
	/* What is behind the end does not count. */
	strcpy((char *)arg.name, "end");
	memset(arg.name + 4, 1, 60);
	LU_EQ(luo_ioctl(dev, LIVEUPDATE_IOCTL_CREATE_SESSION, &arg), 0);
	LU_EQ(luo_try_create(dev, "end"), -EEXIST);
	check_name(arg.fd, "end");
	luo_close(arg.fd);
	luo_close(dev);
}

LU_TEST(names, MACHINE, names);

static void uniqueness(struct lu_run *run)
{
	int dev = luo_open(), a, b, copy;

	(void)run;
	a = luo_create(dev, "name");
	b = luo_next_fd();
	for (int i = 0; i < 3; i++) {
		LU_EQ(luo_try_create(dev, "name"), -EEXIST);
		LU_EQ(luo_next_fd(), b);
	}
	luo_close(luo_create(dev, "nam"));
	luo_close(luo_create(dev, "name "));
	luo_close(luo_create(dev, "Name"));
	/* Free at once with the last close. */
	copy = LU_OK(fcntl(a, F_DUPFD_CLOEXEC, 0));
	luo_close(a);
	LU_EQ(luo_try_create(dev, "name"), -EEXIST);
	luo_close(copy);
	a = luo_create(dev, "name");
	/* It lives without the device, and no new one can be made without it. */
	luo_close(dev);
	check_name(a, "name");
	luo_preserve(a, luo_memfd("x", 0, 4096, 1), 1);
	dev = luo_open();
	LU_EQ(luo_try_create(dev, "name"), -EEXIST);
	/* An outgoing session is none that can be retrieved. */
	LU_EQ(luo_try_retrieve(dev, "name"), -ENOENT);
	LU_EQ(luo_try_retrieve(dev, ""), -ENOENT);
	luo_close(a);
	luo_close(dev);
}

LU_TEST(unique_names, MACHINE, uniqueness);

static void no_such_incoming(struct lu_run *run)
{
	char name[LIVEUPDATE_SESSION_NAME_LENGTH + 1];
	int dev = luo_open(), next = luo_next_fd();

	(void)run;
	memset(name, 'x', 64);
	name[64] = '\0';
	LU_EQ(luo_try_retrieve(dev, name), -ENOENT);
	LU_EQ(luo_try_retrieve(dev, ""), -ENOENT);
	LU_EQ(luo_try_retrieve(dev, "never was"), -ENOENT);
	LU_EQ(luo_next_fd(), next);
	luo_close(dev);
}

LU_TEST(retrieve_after_cold_boot, MACHINE, no_such_incoming);

static void looks(struct lu_run *run)
{
	int dev = luo_open(), a = luo_create(dev, "one"), b = luo_create(dev, "two"), copy, ep;
	struct epoll_event event = { .events = EPOLLIN };
	struct stat st_a, st_b, st;
	struct statfs fs;

	(void)run;
	LU_OK(fstatfs(a, &fs));
	LU_EQ(fs.f_type, ANON_INODE_FS_MAGIC);
	LU_OK(fstat(a, &st_a));
	LU_OK(fstat(b, &st_b));
	LU_EQ(st_a.st_dev, st_b.st_dev);
	LU_CHECK(st_a.st_ino != st_b.st_ino, "two sessions have inode %lld",
		 (long long)st_a.st_ino);
	copy = LU_OK(dup(a));
	LU_OK(fstat(copy, &st));
	LU_EQ(st.st_ino, st_a.st_ino);
	luo_close(copy);
	LU_EQ(fcntl(a, F_GETFL) & O_ACCMODE, O_RDWR);
	LU_EQ(fcntl(a, F_GETFD), FD_CLOEXEC);

	/* Nothing but ioctls. */
	LU_EQ(read(a, &st, 1), -1);
	LU_EQ(errno, EINVAL);
	LU_EQ(write(a, &st, 1), -1);
	LU_EQ(errno, EINVAL);
	LU_CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, a, 0) == MAP_FAILED, "it can be mapped");
	LU_EQ(errno, ENODEV);
	ep = LU_OK(epoll_create1(EPOLL_CLOEXEC));
	LU_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, a, &event), -1);
	LU_EQ(errno, EPERM);
	luo_close(ep);
	/* It cannot be opened again through /proc. */
	{
		char path[64];

		snprintf(path, sizeof(path), "/proc/self/fd/%d", a);
		LU_CHECK(open(path, O_RDWR | O_CLOEXEC) < 0, "it can be opened again");
	}
	luo_close(a);
	luo_close(b);
	luo_close(dev);
}

LU_TEST(looks, MACHINE, looks);

static const char *fdinfo(int fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	return lu_read(path);
}

static void shows(struct lu_run *run)
{
	int dev = luo_open(), session = luo_create(dev, "shown \n\033[1m");
	const char *text;

	(void)run;
	luo_preserve(session, luo_memfd("x", 0, 4096, 1), 0x1234567);
	luo_preserve(session, luo_memfd("x", 0, 4096, 1), ~0ull);
	text = fdinfo(session);
	LU_CHECK(strstr(text, "pos:") && strstr(text, "ino:"), "the generic lines are missing");
	LU_CHECK(strstr(text, "shown"), "the name is missing: %s", text);
	/* One line is one line, and no terminal is told anything. */
	LU_CHECK(!strchr(text, '\033'), "the name is not escaped: %s", text);
	LU_CHECK(!strstr(text, "shown \n"), "the name is not escaped: %s", text);
	LU_CHECK(strstr(text, "outgoing"), "the direction is missing: %s", text);
	LU_CHECK(strstr(text, "memfd-v2"), "the format is missing: %s", text);
	LU_CHECK(strstr(text, "1234567"), "a token is missing: %s", text);
	LU_CHECK(strstr(text, "ffffffffffffffff"), "a token is missing: %s", text);
	luo_close(session);
	luo_close(dev);
}

LU_TEST(fdinfo, MACHINE, shows);

/* The session's dispatcher, with what an outgoing session allows. */
static void framing(struct lu_run *run)
{
	struct {
		struct liveupdate_session_retrieve_fd arg;
		unsigned char tail[16];
	} big = { .arg = { .size = sizeof(big) } };
	struct liveupdate_session_finish finish = { .size = sizeof(finish) };
	struct liveupdate_session_get_name name = { .size = sizeof(name) };
	struct liveupdate_session_preserve_fd file = { .size = sizeof(file), .fd = -1 };
	int dev = luo_open(), session = luo_create(dev, "framing");

	(void)run;
	/* 1: the number. */
	for (unsigned int nr = 0; nr < 256; nr++) {
		bool known = (nr >= 0x40 && nr <= 0x43) ||
			     nr == LIVEUPDATE_CMD_SESSION_LIST_FILES ||
			     nr == LIVEUPDATE_CMD_SESSION_UNPRESERVE_FD;

		LU_CHECK(luo_ioctl(session, _IO(0xBA, nr), NULL) == (known ? -EFAULT : -EINVAL),
			 "number %#x", nr);
	}
	/* 2, 3: the size, the whole word. */
	LU_EQ(luo_ioctl(session, LIVEUPDATE_SESSION_FINISH, luo_at_edge(&finish, 3)), -EFAULT);
	LU_EQ(luo_ioctl(session, _IOW(0xBA, 0x42, finish), &finish), -ENOTTY);
	LU_EQ(luo_ioctl(session, _IO(0xBB, 0x42), &finish), -ENOTTY);
	LU_EQ(luo_ioctl(session, _IO(0xBB, 0x40), &file), -ENOTTY);
	/* 4: the direction, before the size and the tail. */
	LU_EQ(luo_ioctl(session, LIVEUPDATE_SESSION_FINISH, &finish), -EINVAL);
	big.tail[0] = 1;
	LU_EQ(luo_ioctl(session, LIVEUPDATE_SESSION_RETRIEVE_FD, &big), -EINVAL);
	big.tail[0] = 0;
	LU_EQ(luo_ioctl(session, LIVEUPDATE_SESSION_RETRIEVE_FD, &big), -EINVAL);
	LU_EQ(luo_ioctl(session, LIVEUPDATE_SESSION_RETRIEVE_FD,
			luo_at_edge(&file, 8)), -EINVAL);
	/* 5: the smallest size. */
	for (file.size = 0; file.size < sizeof(file); file.size++)
		LU_EQ(luo_ioctl(session, LIVEUPDATE_SESSION_PRESERVE_FD, &file), -EINVAL);
	for (name.size = 0; name.size < sizeof(name); name.size++)
		LU_EQ(luo_ioctl(session, LIVEUPDATE_SESSION_GET_NAME, &name), -EINVAL);
	/* 6: the copy. */
	big.arg.fd = -1;
	for (unsigned int i = 0; i < sizeof(big.tail); i++) {
		big.tail[i] = 1;
		LU_EQ(luo_ioctl(session, LIVEUPDATE_SESSION_PRESERVE_FD, &big), -E2BIG);
		big.tail[i] = 0;
	}
	LU_EQ(luo_ioctl(session, LIVEUPDATE_SESSION_PRESERVE_FD, &big), -EBADF);
	LU_EQ(luo_ioctl(session, LIVEUPDATE_SESSION_PRESERVE_FD,
			luo_at_edge(&file, sizeof(file) - 1)), -EFAULT);

	/* GET_NAME: reserved, and the copy-out. */
	name.reserved = 1;
	LU_EQ(luo_ioctl(session, LIVEUPDATE_SESSION_GET_NAME, &name), -EINVAL);
	name.reserved = 0x80000000;
	LU_EQ(luo_ioctl(session, LIVEUPDATE_SESSION_GET_NAME, &name), -EINVAL);
	name.reserved = 0;
	LU_EQ(luo_ioctl(session, LIVEUPDATE_SESSION_GET_NAME,
			luo_read_only(&name, sizeof(name))), -EFAULT);
	check_name(session, "framing");
	luo_close(session);
	luo_close(dev);
}

LU_TEST(framing, MACHINE, framing);

/* A session in other processes: sent, inherited, in another user namespace. */
static void c15_sent(struct lu_run *run)
{
	int dev = luo_open(), session = luo_create(dev, "sent"), pair[2], sem[2];
	pid_t pid;
	char c;

	(void)run;
	luo_preserve(session, luo_memfd("x", 0, 4096, 1), 1);
	LU_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	LU_OK(pipe2(sem, O_CLOEXEC));
	pid = LU_OK(fork());
	if (!pid) {
		int mine;

		luo_close(session);
		luo_close(dev);
		close(pair[0]);
		LU_OK(setresuid(1000, 1000, 1000));
		LU_OK(unshare(CLONE_NEWUSER));
		mine = luo_receive_fd(pair[1]);
		check_name(mine, "sent");
		check_link(mine, "sent");
		luo_preserve(mine, luo_memfd("x", 0, 4096, 1), 2);
		LU_EQ(luo_try_preserve(mine, 0, 1), -EEXIST);
		LU_EQ(write(pair[1], "y", 1), 1);
		/* Until the parent has looked. */
		close(sem[1]);
		LU_EQ(read(sem[0], &c, 1), 0);
		_exit(0);
	}
	close(pair[1]);
	close(sem[0]);
	luo_send_fd(pair[0], session);
	luo_close(session);
	LU_EQ(read(pair[0], &c, 1), 1);
	LU_EQ(luo_try_create(dev, "sent"), -EEXIST);
	close(sem[1]);
	luo_reap(pid);
	luo_close(luo_create(dev, "sent"));

	/* In flight it lives, too. */
	session = luo_create(dev, "sent");
	LU_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sem));
	luo_send_fd(sem[0], session);
	luo_close(session);
	LU_EQ(luo_try_create(dev, "sent"), -EEXIST);
	close(sem[0]);
	close(sem[1]);
	luo_close(luo_create(dev, "sent"));
	luo_close(dev);
}

LU_TEST(c15_sent, MACHINE, c15_sent);

/* Killing the holder unpreserves. */
static void killed(struct lu_run *run)
{
	int dev = luo_open(), fd = luo_memfd("x", 0, 8192, 1), ready[2];
	pid_t pid;
	char c;

	(void)run;
	LU_OK(pipe2(ready, O_CLOEXEC));
	pid = LU_OK(fork());
	if (!pid) {
		luo_preserve(luo_create(dev, "killed"), fd, 1);
		LU_EQ(write(ready[1], "x", 1), 1);
		pause();
	}
	close(ready[1]);
	LU_EQ(read(ready[0], &c, 1), 1);
	LU_EQ(luo_try_create(dev, "killed"), -EEXIST);
	LU_EQ(ftruncate(fd, 0), -1);
	LU_EQ(errno, EPERM);
	LU_OK(kill(pid, SIGKILL));
	LU_OK(waitpid(pid, NULL, 0));
	luo_close(luo_create(dev, "killed"));
	luo_verify(fd, 0, 8192, 1);
	LU_OK(ftruncate(fd, 0));
	luo_close(dev);
}

LU_TEST(killed_holder, MACHINE, killed);

/* The names of a direction in one string, with a comma behind each. */
static const char *listed(int dev, unsigned int direction, unsigned int room)
{
	struct liveupdate_session_info info[64];
	struct liveupdate_ioctl_list_sessions arg = {
		.size = sizeof(arg), .direction = direction, .entries = (uintptr_t)info,
		.entry_size = sizeof(info[0]),
	};
	static char text[65536];

	text[0] = '\0';
	for (;;) {
		memset(info, 0xff, sizeof(info));
		arg.count = room;
		LU_EQ(luo_ioctl(dev, LIVEUPDATE_IOCTL_LIST_SESSIONS, &arg), 0);
		LU_CHECK(arg.count <= room, "%u entries in an array of %u", arg.count, room);
		if (!arg.count)
			return text;
		for (unsigned int i = 0; i < arg.count; i++) {
			LU_EQ(info[i].reserved, 0);
			LU_EQ(info[i].flags, 0);
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%.63s:%llu,",
				 info[i].name, (unsigned long long)info[i].files);
		}
	}
}

static void lists(struct lu_run *run)
{
	struct liveupdate_session_info info[4];
	struct liveupdate_ioctl_list_sessions arg = {
		.size = sizeof(arg), .entries = (uintptr_t)info, .entry_size = sizeof(info[0]),
		.count = 4,
	}, bad;
	int dev = luo_open(), session[40], next;
	static char want[4096];
	char name[32];

	(void)run;
	LU_CHECK(!strcmp(listed(dev, LIVEUPDATE_OUTGOING, 8), ""), "%s",
		 listed(dev, LIVEUPDATE_OUTGOING, 8));
	LU_CHECK(!strcmp(listed(dev, LIVEUPDATE_INCOMING, 8), ""), "%s",
		 listed(dev, LIVEUPDATE_INCOMING, 8));
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "session %d", i);
		session[i] = luo_create(dev, name);
		for (int f = 0; f < i % 4; f++)
			luo_preserve(session[i], luo_memfd("x", 0, 4096, 1), f);
		snprintf(want + strlen(want), sizeof(want) - strlen(want), "%s:%d,", name, i % 4);
	}
	next = luo_next_fd();
	/* In the order they were made, whatever the room. */
	for (unsigned int room = 1; room <= 64; room = room * 3 - (room > 30)) {
		const char *got = listed(dev, LIVEUPDATE_OUTGOING, room);

		LU_CHECK(!strcmp(got, want), "with room for %u: %s", room, got);
	}
	LU_CHECK(!strcmp(listed(dev, LIVEUPDATE_INCOMING, 8), ""), "they are not incoming");
	LU_EQ(luo_next_fd(), next);

	/* Those that go or come while one lists disturb nobody else. */
	LU_EQ(luo_ioctl(dev, LIVEUPDATE_IOCTL_LIST_SESSIONS, &arg), 0);
	LU_EQ(arg.count, 4);
	LU_CHECK(!strcmp((char *)info[3].name, "session 3"), "%s", info[3].name);
	for (int i = 1; i < 5; i++)
		luo_close(session[i]);
	luo_close(luo_create(dev, "in between"));
	LU_EQ(luo_ioctl(dev, LIVEUPDATE_IOCTL_LIST_SESSIONS, &arg), 0);
	LU_EQ(arg.count, 4);
	LU_CHECK(!strcmp((char *)info[0].name, "session 5"), "%s", info[0].name);
	LU_CHECK(!strcmp((char *)info[3].name, "session 8"), "%s", info[3].name);

	/* What is wrong with the question. */
	for (unsigned int direction = 2; direction; direction <<= 1) {
		bad = arg;
		bad.direction = direction;
		LU_EQ(luo_ioctl(dev, LIVEUPDATE_IOCTL_LIST_SESSIONS, &bad), -EINVAL);
	}
	for (unsigned int size = 0; size < sizeof(info[0]); size += 4) {
		bad = arg;
		bad.entry_size = size;
		LU_EQ(luo_ioctl(dev, LIVEUPDATE_IOCTL_LIST_SESSIONS, &bad), -EINVAL);
	}
	bad = arg;
	bad.entries = 0;
	LU_EQ(luo_ioctl(dev, LIVEUPDATE_IOCTL_LIST_SESSIONS, &bad), -EFAULT);
	bad = arg;
	bad.entries = -4096ull;
	bad.count = ~0u;
	LU_EQ(luo_ioctl(dev, LIVEUPDATE_IOCTL_LIST_SESSIONS, &bad), -EFAULT);
	bad = arg;
	bad.count = 0;
	LU_EQ(luo_ioctl(dev, LIVEUPDATE_IOCTL_LIST_SESSIONS, &bad), 0);
	LU_EQ(bad.count, 0);
	bad = arg;
	bad.cookie = ~0ull;
	LU_EQ(luo_ioctl(dev, LIVEUPDATE_IOCTL_LIST_SESSIONS, &bad), 0);
	LU_EQ(bad.count, 0);
	for (int i = 0; i < 40; i++)
		if (!i || i > 4)
			luo_close(session[i]);
	luo_close(dev);
}

LU_TEST(list_sessions, MACHINE, lists);

/* Entries of another size than the kernel's: a longer one is zeroed behind. */
static void long_entries(struct lu_run *run)
{
	struct {
		struct liveupdate_session_info info;
		unsigned char more[104];
	} entry[3];
	struct liveupdate_ioctl_list_sessions arg = {
		.size = sizeof(arg), .entries = (uintptr_t)entry, .entry_size = sizeof(entry[0]),
		.count = 3,
	};
	int dev = luo_open(), a = luo_create(dev, "a"), b = luo_create(dev, "b");

	(void)run;
	memset(entry, 0xff, sizeof(entry));
	LU_EQ(luo_ioctl(dev, LIVEUPDATE_IOCTL_LIST_SESSIONS, &arg), 0);
	LU_EQ(arg.count, 2);
	for (int i = 0; i < 3; i++)
		for (size_t n = 0; n < sizeof(entry[i].more); n++)
			LU_EQ(entry[i].more[n], i < 2 ? 0 : 0xff);
	LU_CHECK(!strcmp((char *)entry[1].info.name, "b"), "%s", entry[1].info.name);
	/* More than a page is too much, whatever is in it. */
	arg.entry_size = sysconf(_SC_PAGESIZE) + 1;
	LU_EQ(luo_ioctl(dev, LIVEUPDATE_IOCTL_LIST_SESSIONS, &arg), -E2BIG);
	luo_close(a);
	luo_close(b);
	luo_close(dev);
}

LU_TEST(list_with_longer_entries, MACHINE, long_entries);

static unsigned int list_files(int fd, bool by_name, unsigned int room, char *text, size_t size)
{
	struct liveupdate_file_info info[16];
	struct liveupdate_ioctl_list_files dev_arg = {
		.size = sizeof(dev_arg), .direction = LIVEUPDATE_OUTGOING, .name = "files",
		.entries = (uintptr_t)info, .entry_size = sizeof(info[0]),
	};
	struct liveupdate_session_list_files arg = {
		.size = sizeof(arg), .entries = (uintptr_t)info, .entry_size = sizeof(info[0]),
	};
	unsigned int count = 0, n;

	text[0] = '\0';
	do {
		memset(info, 0xff, sizeof(info));
		dev_arg.count = room;
		arg.count = room;
		if (by_name) {
			LU_EQ(luo_ioctl(fd, LIVEUPDATE_IOCTL_LIST_FILES, &dev_arg), 0);
			n = dev_arg.count;
		} else {
			LU_EQ(luo_ioctl(fd, LIVEUPDATE_SESSION_LIST_FILES, &arg), 0);
			n = arg.count;
		}
		LU_CHECK(n <= room, "%u entries in an array of %u", n, room);
		for (unsigned int i = 0; i < n; i++) {
			static const char format[48] = "memfd-v2", none[48];

			LU_CHECK(!memcmp(info[i].format, format, 48), "%.48s", info[i].format);
			LU_CHECK(!memcmp(info[i].device_format, none, 48), "it has a device");
			LU_EQ(info[i].required, 0);
			LU_EQ(info[i].status, 0);
			LU_EQ(info[i].flags, 0);
			snprintf(text + strlen(text), size - strlen(text), "%llx,",
				 (unsigned long long)info[i].token);
		}
		count += n;
	} while (n);
	return count;
}

static void lists_files(struct lu_run *run)
{
	struct liveupdate_ioctl_list_files arg = {
		.size = sizeof(arg), .direction = LIVEUPDATE_OUTGOING, .name = "none",
	};
	int dev = luo_open(), session = luo_create(dev, "files");
	struct liveupdate_file_info info[2];
	char want[1024] = "", got[1024];

	(void)run;
	LU_EQ(list_files(session, false, 3, got, sizeof(got)), 0);
	for (int i = 0; i < 20; i++) {
		uint64_t token = i ? ~0ull / i : 0;

		luo_preserve(session, luo_memfd("x", 0, 4096, 1), token);
		snprintf(want + strlen(want), sizeof(want) - strlen(want), "%llx,",
			 (unsigned long long)token);
	}
	for (unsigned int room = 1; room <= 16; room++) {
		LU_EQ(list_files(session, false, room, got, sizeof(got)), 20);
		LU_CHECK(!strcmp(got, want), "%s", got);
		LU_EQ(list_files(dev, true, room, got, sizeof(got)), 20);
		LU_CHECK(!strcmp(got, want), "%s", got);
	}
	arg.entry_size = sizeof(struct liveupdate_file_info);
	LU_EQ(luo_ioctl(dev, LIVEUPDATE_IOCTL_LIST_FILES, &arg), -ENOENT);
	strcpy((char *)arg.name, "files");
	arg.direction = LIVEUPDATE_INCOMING;
	LU_EQ(luo_ioctl(dev, LIVEUPDATE_IOCTL_LIST_FILES, &arg), -ENOENT);
	arg.direction = 2;
	LU_EQ(luo_ioctl(dev, LIVEUPDATE_IOCTL_LIST_FILES, &arg), -EINVAL);
	arg.direction = LIVEUPDATE_OUTGOING;
	arg.entry_size = 8;
	LU_EQ(luo_ioctl(dev, LIVEUPDATE_IOCTL_LIST_FILES, &arg), -EINVAL);
	arg.entry_size = sizeof(struct liveupdate_file_info);
	arg.count = 1;
	LU_EQ(luo_ioctl(dev, LIVEUPDATE_IOCTL_LIST_FILES, &arg), -EFAULT);
	/* An entry as the first version had it. */
	memset(info, 0xff, sizeof(info));
	arg.entries = (uintptr_t)info;
	arg.entry_size = 64;
	LU_EQ(luo_ioctl(dev, LIVEUPDATE_IOCTL_LIST_FILES, &arg), 0);
	LU_EQ(arg.count, 1);
	LU_EQ(info[0].flags, 0);
	LU_EQ(info[0].required, ~0ull);
	luo_close(session);
	luo_close(dev);
}

LU_TEST(list_files, MACHINE, lists_files);

/* Discarding is for what came in; nothing has, here. */
static void discards_nothing(struct lu_run *run)
{
	struct liveupdate_ioctl_discard_session arg = { .size = sizeof(arg), .name = "mine" };
	int dev = luo_open(), session = luo_create(dev, "mine");

	(void)run;
	LU_EQ(luo_ioctl(dev, LIVEUPDATE_IOCTL_DISCARD_SESSION, &arg), -ENOENT);
	arg.reserved = 1;
	LU_EQ(luo_ioctl(dev, LIVEUPDATE_IOCTL_DISCARD_SESSION, &arg), -EINVAL);
	check_name(session, "mine");
	luo_close(session);
	luo_close(dev);
}

LU_TEST(discard_is_not_for_outgoing, MACHINE, discards_nothing);

/* All of it once more with all checks of the kernel on, in one go for the sake of time. */
static void all(struct lu_run *run)
{
	names(run);
	uniqueness(run);
	no_such_incoming(run);
	looks(run);
	shows(run);
	framing(run);
	c15_sent(run);
	killed(run);
	lists(run);
	long_entries(run);
	lists_files(run);
	discards_nothing(run);
}

LU_TEST(all_debug, "mem=1G flavour=debug timeout=200 " LUO_ON, all);

LU_MAIN
