// SPDX-License-Identifier: GPL-2.0
/*
 * luo_systemd: what systemd 261 and 262 do, in their order, as one scenario; the numbers
 * are those of what existing clients rely on. The last process of the old kernel saves the
 * descriptor store, PID 1 of the new one takes it back, a service has a session of its own.
 */
#define _GNU_SOURCE
#include <linux/magic.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "luo_common.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL	0x0008U
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC	0x0020
#endif

#define ALL_SEALS	(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)
#define STORE		40
#define UNIT_SESSION	"vmm-with-a-na-0123456789abcdef01234567"
#define TEXT		"{\"fdStore\":{\"unit\":[1,2,3]}}"

static bool is_memfd(int i)
{
	return i % 4 == 1;
}

/* C5, C20: is this a session, and which: GET_NAME first, then the link. */
static bool is_session(int fd, char *name)
{
	char path[64], link[256];
	struct statfs fs;
	ssize_t n;
	int ret = luo_try_name(fd, name);

	LU_CHECK(!ret || ret == -ENOTTY, "GET_NAME: %s", strerror(-ret));
	LU_OK(fstatfs(fd, &fs));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = LU_OK(readlink(path, link, sizeof(link) - 1));
	link[n] = '\0';
	if (fs.f_type != ANON_INODE_FS_MAGIC || strncmp(link, LUO_LINK, strlen(LUO_LINK))) {
		LU_CHECK(ret, "GET_NAME answers for %s", link);
		return false;
	}
	LU_EQ(ret, 0);
	LU_CHECK(!strcmp(link + strlen(LUO_LINK), name), "the link says %s, GET_NAME %s", link,
		 name);
	return true;
}

/* LUOSession=: PID 1 makes it for the unit, which preserves on its own and ends. */
static int unit_session(int dev)
{
	int pair[2], session, kept;
	char name[64];
	pid_t pid;

	session = luo_create(dev, UNIT_SESSION);
	LU_OK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
	pid = LU_OK(fork());
	if (!pid) {
		int mine, ram;

		luo_close(session);
		luo_close(dev);
		LU_OK(setresgid(1000, 1000, 1000));
		LU_OK(setresuid(1000, 1000, 1000));
		mine = luo_receive_fd(pair[1]);
		LU_CHECK(is_session(mine, name), "what came is no session");
		ram = luo_memfd("guest-ram", 0, 8 << 20, 77);
		luo_preserve(mine, ram, 0xdeadbeefcafe0001);
		luo_close(ram);
		/* C15: it gives the session back for the store and ends (C14, C9). */
		luo_send_fd(pair[1], mine);
		_exit(0);
	}
	luo_send_fd(pair[0], session);
	luo_close(session);
	kept = luo_receive_fd(pair[0]);
	luo_reap(pid);
	return kept;
}

static void shut_down(struct lu_run *run)
{
	int dev, session, token = 0, saved = 0, store[STORE], map, unit;
	char name[64];

	(void)run;
	/* PID 1 opens it for a moment only, when a unit starts. */
	dev = luo_open();
	unit = unit_session(dev);
	luo_close(dev);
	LU_CHECK(is_session(unit, name) && !strcmp(name, UNIT_SESSION), "it is %s", name);

	/* What units have put into the store. */
	for (int i = 0; i < STORE; i++) {
		if (is_memfd(i)) {
			store[i] = luo_memfd("stored", MFD_ALLOW_SEALING, 10000 + i, i);
			LU_EQ(lseek(store[i], i, SEEK_SET), i);
			if (i % 8 == 1)
				LU_OK(fcntl(store[i], F_ADD_SEALS, ALL_SEALS));
		} else if (i % 4 == 2) {
			store[i] = LU_OK(eventfd(0, EFD_CLOEXEC));
		} else {
			store[i] = LU_OK(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
		}
		LU_CHECK(!is_session(store[i], name), "descriptor %d is taken for a session", i);
	}

	/* systemd-shutdown, alone in the machine. */
	dev = luo_open();
	session = luo_create(dev, "systemd");
	/* C6, C21: what does not work is skipped, its token is the next one's. */
	for (int i = 0; i < STORE; i++) {
		int ret = luo_try_preserve(session, store[i], token + 1);

		if (!is_memfd(i)) {
			LU_EQ(ret, -ENOENT);
			continue;
		}
		LU_EQ(ret, 0);
		token++;
		saved++;
	}
	/* C7: one of them was stored twice. */
	LU_EQ(luo_try_preserve(session, store[1], token + 1), -EBUSY);
	/* A session is kept open, not preserved. */
	LU_EQ(luo_try_preserve(session, unit, token + 1), -ENOENT);
	LU_EQ(saved, 10);
	/* C22: the map, last, at token 0 (C10). */
	map = LU_OK(memfd_create("luo-fdstore", MFD_CLOEXEC | MFD_NOEXEC_SEAL));
	LU_EQ(write(map, TEXT, strlen(TEXT)), (long)strlen(TEXT));
	LU_OK(fcntl(map, F_ADD_SEALS, ALL_SEALS));
	luo_preserve(session, map, 0);
	/* C14: nothing of its own is open but the sessions; C16: and the device. */
	for (int i = 0; i < STORE; i++)
		luo_close(store[i]);
	luo_close(map);
}

static void boot(struct lu_run *run)
{
	char path[64], text[64] = "", name[64];
	int dev, session, map, again, fd, unit, pair[2], nr = 0, next;
	pid_t pid;

	(void)run;
	dev = luo_open();
	session = luo_retrieve(dev, "systemd");
	LU_EQ(fcntl(session, F_GETFD), FD_CLOEXEC);
	/* C24: made anew at once. */
	next = luo_create(dev, "systemd");
	/* The map, read through a descriptor of its own. */
	map = luo_take(session, 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", map);
	again = LU_OK(open(path, O_RDONLY | O_CLOEXEC));
	LU_EQ(read(again, text, sizeof(text)), (long)strlen(TEXT));
	LU_CHECK(!strcmp(text, TEXT), "the map is %s", text);
	LU_EQ(fcntl(map, F_GET_SEALS) & (ALL_SEALS | F_SEAL_EXEC), ALL_SEALS | F_SEAL_EXEC);
	luo_close(again);
	/* C11: all of the store. */
	for (int i = 0; i < STORE; i++) {
		if (!is_memfd(i))
			continue;
		fd = luo_take(session, ++nr);
		LU_EQ(luo_size(fd), 10000 + i);
		LU_EQ(lseek(fd, 0, SEEK_CUR), i);
		LU_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
		LU_EQ(fcntl(fd, F_GET_SEALS), i % 8 == 1 ? ALL_SEALS : 0);
		luo_verify(fd, 0, 10000 + i, i);
		if (i == 1)
			LU_EQ(luo_try_preserve(next, fd, 1), -EBUSY);
		luo_close(fd);
	}
	LU_EQ(luo_try_take(session, nr + 1), -ENOENT);
	/* Sessions of others, by their names, for later. */
	unit = luo_retrieve(dev, UNIT_SESSION);
	LU_CHECK(is_session(unit, name) && !strcmp(name, UNIT_SESSION), "it is %s", name);
	LU_EQ(luo_try_retrieve(dev, "no-such-unit"), -ENOENT);
	luo_finish(session);
	luo_finish(session);
	luo_close(session);
	luo_close(dev);
	luo_preserve(next, map, 0);

	/* The service starts much later, without the device. */
	LU_OK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
	pid = LU_OK(fork());
	if (!pid) {
		int mine, ram, other;

		luo_close(unit);
		LU_OK(setresgid(1000, 1000, 1000));
		LU_OK(setresuid(1000, 1000, 1000));
		mine = luo_receive_fd(pair[1]);
		LU_CHECK(is_session(mine, name), "what came is no session");
		ram = luo_take(mine, 0xdeadbeefcafe0001);
		/* C13. */
		other = luo_take(mine, 0xdeadbeefcafe0001);
		LU_EQ(luo_size(other), 8 << 20);
		luo_verify(ram, 0, 8 << 20, 77);
		luo_finish(mine);
		/* C17: RAM is there to be written. */
		luo_fill(ram, 0, 8 << 20, 78);
		luo_verify(other, 0, 8 << 20, 78);
		_exit(0);
	}
	luo_send_fd(pair[0], unit);
	luo_close(unit);
	luo_reap(pid);
	dev = luo_open();
	LU_EQ(luo_try_retrieve(dev, UNIT_SESSION), -ENOENT);
	LU_EQ(luo_try_retrieve(dev, "systemd"), -ENOENT);
}

LU_TEST(c_shutdown_and_boot, "mem=1G flavour=prod+debug " LUO_ON, shut_down, boot);

/* Its own test: an unprivileged user, and a device that everybody may open. */
static void user_before(struct lu_run *run)
{
	int dev, session, fd;

	LU_OK(chmod(LUO_DEV, 0777));
	LU_OK(setresgid(1000, 1000, 1000));
	LU_OK(setresuid(1000, 1000, 1000));
	dev = luo_open();
	session = luo_create(dev, "test-session");
	for (int i = 1; i < 4; i++) {
		fd = LU_OK(memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
		LU_EQ(dprintf(fd, "hello %d", i), 7);
		LU_OK(fcntl(fd, F_ADD_SEALS, ALL_SEALS));
		luo_preserve(session, fd, i);
	}
	/* Only root can jump; a root that has nothing to do with it. */
	(void)run;
}

static void user_jump(struct lu_run *run)
{
	int pair[2];
	pid_t pid;
	char c;

	LU_OK(pipe2(pair, O_CLOEXEC));
	pid = LU_OK(fork());
	if (!pid) {
		user_before(run);
		LU_EQ(write(pair[1], "x", 1), 1);
		for (;;)
			pause();
	}
	LU_EQ(read(pair[0], &c, 1), 1);
}

static void user_after(struct lu_run *run)
{
	char text[16] = "";
	int dev, session;

	LU_OK(chmod(LUO_DEV, 0777));
	LU_OK(setresgid(1000, 1000, 1000));
	LU_OK(setresuid(1000, 1000, 1000));
	dev = luo_open();
	session = luo_retrieve(dev, "test-session");
	for (int i = 1; i < 4; i++) {
		int fd = luo_take(session, i);

		LU_EQ(lseek(fd, 0, SEEK_SET), 0);
		LU_EQ(read(fd, text, sizeof(text)), 7);
		LU_EQ(text[6], '0' + i);
		LU_EQ(fcntl(fd, F_GET_SEALS), ALL_SEALS);
	}
	luo_finish(session);
	(void)run;
}

LU_TEST(c_unprivileged, "mem=512M flavour=prod " LUO_ON, user_jump, user_after);

LU_MAIN
