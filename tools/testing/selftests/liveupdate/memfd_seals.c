// SPDX-License-Identifier: GPL-2.0
/*
 * memfd_seals: what of a memfd besides its contents goes over: seals in every
 * combination, the x bits, the position, the mode of the descriptor, its name.
 */
#define _GNU_SOURCE
#include <sys/stat.h>

#include "luo_common.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL	0x0008U
#endif
#ifndef MFD_EXEC
#define MFD_EXEC	0x0010U
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC	0x0020
#endif

#define MACHINE	"mem=1G " LUO_ON
#define CONTENT	(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)
#define COMBINATIONS	32	/* SEAL, SHRINK, GROW, WRITE, FUTURE_WRITE */

static int add_seals(int fd, int seals)
{
	/* F_SEAL_SEAL last, or nothing could follow it. */
	LU_OK(fcntl(fd, F_ADD_SEALS, seals));
	return fcntl(fd, F_GET_SEALS);
}

static void seals_before(struct lu_run *run)
{
	int dev = luo_open(), session = luo_create(dev, "seals"), fd;

	for (int seals = 0; seals < COMBINATIONS; seals++) {
		fd = luo_memfd("exec", MFD_ALLOW_SEALING, 8192, seals);
		LU_EQ(add_seals(fd, seals), seals);
		luo_preserve(session, fd, seals);
		luo_close(fd);

		fd = luo_memfd("noexec", MFD_NOEXEC_SEAL, 8192, seals);
		LU_EQ(add_seals(fd, seals), seals | F_SEAL_EXEC);
		luo_preserve(session, fd, seals | F_SEAL_EXEC);
		luo_close(fd);
	}
	/* Sealed against chmod while it is executable: this implies all of CONTENT. */
	fd = luo_memfd("program", MFD_EXEC | MFD_ALLOW_SEALING, 8192, 7);
	LU_EQ(add_seals(fd, F_SEAL_EXEC), F_SEAL_EXEC | CONTENT);
	luo_preserve(session, fd, 100);
	/* Not sealable. */
	luo_preserve(session, luo_memfd("plain", 0, 8192, 8), 101);
	/* Sealed after it was preserved (R5). */
	fd = luo_memfd("later", MFD_ALLOW_SEALING, 8192, 9);
	luo_preserve(session, fd, 102);
	LU_EQ(add_seals(fd, F_SEAL_GROW), F_SEAL_GROW);
	LU_EQ(add_seals(fd, F_SEAL_SEAL), F_SEAL_GROW | F_SEAL_SEAL);
	(void)run;
}

/* What @fd allows, against what its @seals say. */
static void check_behaviour(int fd, int seals)
{
	off_t size = luo_size(fd);
	void *map;
	char c;

	LU_EQ(pread(fd, &c, 1, 0), 1);
	LU_EQ(pwrite(fd, &c, 1, 0), seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE) ? -1 : 1);
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	LU_EQ(map == MAP_FAILED, !!(seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)));
	if (map != MAP_FAILED) {
		*(volatile char *)map = c;
		munmap(map, size);
	}
	LU_EQ(ftruncate(fd, size + 4096), seals & F_SEAL_GROW ? -1 : 0);
	if (!(seals & F_SEAL_GROW) && !(seals & F_SEAL_SHRINK))
		LU_OK(ftruncate(fd, size));
	LU_EQ(ftruncate(fd, size - 4096), seals & F_SEAL_SHRINK ? -1 : 0);
	if (seals & F_SEAL_SEAL)
		LU_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), -1);
	else
		LU_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
}

static int mode_of(int fd)
{
	struct stat st;

	LU_OK(fstat(fd, &st));
	return st.st_mode & 07777;
}

static void seals_after(struct lu_run *run)
{
	int dev = luo_open(), session = luo_retrieve(dev, "seals"), fd;

	for (int seals = 0; seals < COMBINATIONS; seals++) {
		fd = luo_take(session, seals);
		luo_verify(fd, 0, 8192, seals);
		LU_EQ(fcntl(fd, F_GET_SEALS), seals);
		LU_EQ(mode_of(fd), 0777);
		check_behaviour(fd, seals);
		luo_close(fd);

		/* R4: it must not become read-only because it cannot be executed. */
		fd = luo_take(session, seals | F_SEAL_EXEC);
		luo_verify(fd, 0, 8192, seals);
		LU_EQ(fcntl(fd, F_GET_SEALS), seals | F_SEAL_EXEC);
		if ((seals & CONTENT) != CONTENT) {
			LU_EQ(mode_of(fd) & 0111, 0);
			LU_EQ(fchmod(fd, 0777), -1);
			LU_EQ(errno, EPERM);
		}
		check_behaviour(fd, seals);
		luo_close(fd);
	}
	fd = luo_take(session, 100);
	LU_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_EXEC | CONTENT);
	LU_EQ(mode_of(fd), 0777);
	luo_verify(fd, 0, 8192, 7);
	fd = luo_take(session, 101);
	LU_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL);
	check_behaviour(fd, F_SEAL_SEAL);
	fd = luo_take(session, 102);
	LU_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_GROW | F_SEAL_SEAL);
	luo_finish(session);
	luo_close(session);
	luo_close(dev);
	(void)run;
}

LU_TEST(all_combinations, MACHINE "flavour=prod+debug ", seals_before, seals_after);

/* Where new memfds cannot be executed an old one with all seals cannot, either. */
static void noexec_before(struct lu_run *run)
{
	int dev = luo_open(), session = luo_create(dev, "noexec"), fd;

	fd = luo_memfd("map", MFD_NOEXEC_SEAL, 8192, 1);
	LU_EQ(add_seals(fd, CONTENT), CONTENT | F_SEAL_EXEC);
	luo_preserve(session, fd, 1);
	fd = luo_memfd("plain", MFD_EXEC, 8192, 2);
	luo_preserve(session, fd, 2);
	(void)run;
}

static void noexec_after(struct lu_run *run)
{
	int dev = luo_open(), session = luo_retrieve(dev, "noexec"), fd;

	lu_write("/proc/sys/vm/memfd_noexec", "2");
	fd = luo_take(session, 1);
	LU_EQ(mode_of(fd) & 0111, 0);
	LU_EQ(fcntl(fd, F_GET_SEALS), CONTENT | F_SEAL_EXEC);
	luo_verify(fd, 0, 8192, 1);
	/* It is about memfd_create(), which this is not. */
	fd = luo_take(session, 2);
	luo_verify(fd, 0, 8192, 2);
	luo_finish(session);
	(void)run;
}

LU_TEST(memfd_noexec, MACHINE "flavour=prod", noexec_before, noexec_after);

static int reopen(int fd, int flags)
{
	char name[64];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	return LU_OK(open(name, flags | O_CLOEXEC));
}

static void descriptor_before(struct lu_run *run)
{
	int dev = luo_open(), session = luo_create(dev, "descriptor"), fd, i;
	static const off_t at[] = { 0, 1, 4095, 4096, 5000, 8192, 1 << 20, 1ll << 40 };

	/* The position, where it is at the jump. */
	for (i = 0; i < (int)ARRAY_LEN(at); i++) {
		fd = luo_memfd("x", 0, 8192, i);
		LU_EQ(lseek(fd, at[i], SEEK_SET), at[i]);
		luo_preserve(session, fd, i);
	}
	fd = luo_memfd("x", 0, 8192, 8);
	LU_EQ(lseek(fd, 1, SEEK_SET), 1);
	luo_preserve(session, fd, 8);
	LU_EQ(lseek(fd, 4321, SEEK_SET), 4321);
	fd = luo_memfd("x", 0, 8192, 9);
	luo_preserve(session, fd, 9);
	LU_EQ(write(fd, "12345", 5), 5);

	/* The mode: of the description that was preserved (R16). */
	fd = luo_memfd("x", 0, 8192, 20);
	luo_preserve(session, reopen(fd, O_RDONLY), 20);
	fd = luo_memfd("x", 0, 8192, 21);
	luo_preserve(session, reopen(fd, O_RDWR | O_APPEND | O_NONBLOCK), 21);
	fd = luo_memfd("x", 0, 8192, 23);
	luo_preserve(session, reopen(fd, O_WRONLY), 23);
	/* The client's own flags and others of its descriptors do not matter. */
	fd = luo_memfd("x", 0, 8192, 22);
	LU_OK(fcntl(fd, F_SETFD, 0));
	reopen(fd, O_RDONLY);
	luo_preserve(session, fd, 22);
	(void)run;
}

static void descriptor_after(struct lu_run *run)
{
	int dev = luo_open(), session = luo_retrieve(dev, "descriptor"), fd, i;
	static const off_t at[] = { 0, 1, 4095, 4096, 5000, 8192, 1 << 20, 1ll << 40 };
	char name[64], link[256], buf[8];
	ssize_t n;

	for (i = 0; i < (int)ARRAY_LEN(at); i++) {
		fd = luo_take(session, i);
		LU_EQ(lseek(fd, 0, SEEK_CUR), at[i]);
		luo_verify(fd, 0, 8192, i);
	}
	fd = luo_take(session, 8);
	LU_EQ(lseek(fd, 0, SEEK_CUR), 4321);
	fd = luo_take(session, 9);
	LU_EQ(lseek(fd, 0, SEEK_CUR), 5);
	LU_EQ(pread(fd, buf, 5, 0), 5);
	LU_CHECK(!memcmp(buf, "12345", 5), "what was written is not there");

	fd = luo_take(session, 20);
	LU_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	LU_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	LU_EQ(pwrite(fd, "x", 1, 0), -1);
	LU_EQ(errno, EBADF);
	LU_CHECK(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED,
		 "a read-only descriptor can be mapped writable");
	LU_EQ(errno, EACCES);
	LU_EQ(ftruncate(fd, 0), -1);
	luo_verify(fd, 0, 8192, 20);
	fd = luo_take(session, 23);
	LU_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_WRONLY);
	LU_EQ(pread(fd, buf, 1, 0), -1);
	LU_EQ(errno, EBADF);
	LU_CHECK(mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED,
		 "a write-only descriptor can be mapped");
	LU_EQ(errno, EACCES);
	LU_EQ(pwrite(fd, "x", 1, 8191), 1);
	fd = reopen(fd, O_RDONLY);
	luo_verify(fd, 0, 4096, 23);
	LU_EQ(pread(fd, buf, 8, 8190), 2);
	LU_EQ(buf[1], 'x');
	fd = luo_take(session, 21);
	LU_EQ(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK), O_RDWR);
	fd = luo_take(session, 22);
	LU_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
	LU_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	LU_EQ(pwrite(fd, "x", 1, 0), 1);

	/* Tools look for this prefix (R18). */
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	n = LU_OK(readlink(name, link, sizeof(link) - 1));
	link[n] = '\0';
	LU_CHECK(!strncmp(link, "/memfd:", 7), "its link is %s", link);
	luo_finish(session);
	(void)run;
}

LU_TEST(descriptor, MACHINE "flavour=prod", descriptor_before, descriptor_after);

/* The owner is whoever retrieves it. */
static void owner_before(struct lu_run *run)
{
	int dev = luo_open(), session = luo_create(dev, "owner"), fd = luo_memfd("x", 0, 4096, 1);

	LU_OK(fchown(fd, 4711, 4712));
	LU_OK(fchmod(fd, 0700));
	luo_preserve(session, fd, 1);
	(void)run;
}

static void owner_after(struct lu_run *run)
{
	int dev = luo_open(), session = luo_retrieve(dev, "owner"), fd;
	struct stat st;

	LU_OK(setresgid(1001, 1001, 1001));
	LU_OK(setresuid(1000, 1000, 1000));
	fd = luo_take(session, 1);
	LU_OK(fstat(fd, &st));
	LU_EQ(st.st_uid, 1000);
	LU_EQ(st.st_gid, 1001);
	LU_EQ(st.st_mode, S_IFREG | 0777);
	LU_EQ(st.st_nlink, 0);
	luo_verify(fd, 0, 4096, 1);
	(void)run;
}

LU_TEST(owner, MACHINE "flavour=prod", owner_before, owner_after);

LU_MAIN
