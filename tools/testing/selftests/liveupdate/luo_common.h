/* SPDX-License-Identifier: GPL-2.0 */
/*
 * luo_common: what the tests of /dev/liveupdate share: its ioctls as functions, memory
 * that can be told from any other, and pages that fault.
 *
 * luo_try_*() give a descriptor, 0 or a negative errno; their namesakes without
 * "try" fail the case on an error. Everything may be called by anyone.
 */
#ifndef LUO_COMMON_H
#define LUO_COMMON_H

#include <errno.h>
#include <fcntl.h>
#include <linux/liveupdate.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include "lu_test.h"

#define LUO_DEV		"/dev/liveupdate"
#define LUO_SYSFS	"/sys/kernel/liveupdate/"
#define LUO_LINK	"anon_inode:[luo_session] "
/* Words for a machine that has it on. */
#define LUO_ON		"append=kho=on append=liveupdate=on "

#define ARRAY_LEN(a)	(sizeof(a) / sizeof((a)[0]))

int luo_ioctl(int fd, unsigned long cmd, void *arg);

int luo_try_open(int flags);
int luo_open(void);

int luo_try_create(int dev, const char *name);
int luo_create(int dev, const char *name);
int luo_try_retrieve(int dev, const char *name);
int luo_retrieve(int dev, const char *name);

/* @call, one of these, by a user for whom the system has no more files, gives @want. */
void luo_expect_without_files(int (*call)(int dev, const char *name), int dev, const char *name,
			      int want);

/* Of a session; take is RETRIEVE_FD. */
int luo_try_preserve(int session, int fd, uint64_t token);
void luo_preserve(int session, int fd, uint64_t token);
int luo_try_take(int session, uint64_t token);
int luo_take(int session, uint64_t token);
int luo_try_finish(int session);
void luo_finish(int session);
int luo_try_name(int session, char *name);

/* A number for an open that failed: the descriptor was closed, errno kept. */
int luo_next_fd(void);
void luo_close(int fd);

/*
 * Contents of whole pages made of a seed and the page's number; stamp and
 * check_stamp touch only the first and the last word of each page.
 */
int luo_memfd(const char *name, unsigned int flags, off_t size, uint64_t seed);
void luo_fill(int fd, off_t from, off_t size, uint64_t seed);
void luo_verify(int fd, off_t from, off_t size, uint64_t seed);
void luo_verify_zero(int fd, off_t from, off_t size);
int luo_stamped_memfd(off_t size, uint64_t seed);
void luo_check_stamp(int fd, off_t size, uint64_t seed);
off_t luo_size(int fd);

/* A copy of @data that can be read but not written; at a page's end, if @edge. */
void *luo_read_only(const void *data, size_t len);
/* A copy of @data that ends where nothing is mapped. */
void *luo_at_edge(const void *data, size_t len);

/* A pseudo random number; the state is the caller's. */
uint64_t luo_random(uint64_t *state);

/*
 * lib/luo_exercise.c: a verb, which is skipped if there is no exerciser; a new file;
 * the callbacks since "clear", with a comma between.
 */
int __attribute__((format(printf, 1, 2))) luo_ex_try(const char *fmt, ...);
#define luo_ex(...)								\
	do {									\
		int _ret = luo_ex_try(__VA_ARGS__);				\
										\
		if (_ret)							\
			LU_FAIL("luo_ex(%s): %s", #__VA_ARGS__, strerror(-_ret));	\
	} while (0)
int luo_ex_new(uint64_t value);
uint64_t luo_ex_value(int fd);
const char *luo_ex_log(void);
void luo_ex_expect(const char *log);

/* reboot(KEXEC) that has to fail: its negative errno. The image is loaded before. */
void luo_load_next(struct lu_run *run);
int luo_try_jump(void);

/* How often the kernel log of this boot has @text; @line gets the first such line. */
int luo_log_count(const char *text, char *line, size_t room);
/* Nothing that begins with "luo: " or "memfd_luo: " in the log of this boot. */
bool luo_log_silent(void);

/* A descriptor for whoever is at the other end of a socket; one that came that way. */
void luo_send_fd(int sock, int fd);
int luo_receive_fd(int sock);

double luo_seconds(void);
/* Wait for a child that has to exit with 0. */
void luo_reap(pid_t pid);

/* KiB of free memory; begins with keeping less of it in lists of the processors. */
long long luo_free_memory(void);

/* The update that this kernel is, 0 after a cold boot. */
long long luo_update(void);

#endif /* LUO_COMMON_H */
