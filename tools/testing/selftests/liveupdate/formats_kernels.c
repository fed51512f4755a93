// SPDX-License-Identifier: GPL-2.0
/*
 * formats_kernels: the same as formats_pair, between kernels that were built to differ:
 * none of them has an edited table, and none is told on its command line what it is.
 */
#include "formats_common.h"
#include "luo_common.h"

#define PROD		"/boot/bzImage"
#define BUMPED		"/boot/bzImage.bumped"
#define OPTIONAL	"/boot/bzImage.optional"
#define REQUIRED	"/boot/bzImage.required"
#define V1		"luo-exercise-v1"

static int try_load(const char *image)
{
	return lu_kexec_load(image, lu_cmdline(), 0);
}

static void next(struct lu_run *run, const char *image)
{
	snprintf(run->image, sizeof(run->image), "%s", image);
}

/* A memfd, which every kernel reads, in a session; gives the session. */
static int keep_memory(int dev)
{
	int session = luo_create(dev, "memory");

	luo_preserve(session, luo_memfd("m", 0, 65536, 3), 3);
	return session;
}

static void check_memory(int dev)
{
	int session = luo_retrieve(dev, "memory");

	luo_verify(luo_take(session, 3), 0, 65536, 3);
	luo_finish(session);
	luo_close(session);
}

static int keep_file(int dev, uint64_t value)
{
	int session = luo_create(dev, "file"), file = luo_ex_new(value);

	luo_preserve(session, file, value);
	luo_close(file);
	return session;
}

static void check_file(int dev, uint64_t value)
{
	int session = luo_retrieve(dev, "file");

	LU_EQ(luo_ex_value(luo_take(session, value)), value);
	luo_finish(session);
	luo_close(session);
}

static void plain(struct lu_run *run)
{
	int dev = luo_open();

	keep_memory(dev);
	keep_file(dev, 1);
	LU_EQ(try_load(BUMPED), -EPROTONOSUPPORT);
	LU_EQ(formats_refused("file", 1, "does not read format " V1), 1);
	LU_EQ(try_load(OPTIONAL), 0);
	next(run, REQUIRED);
}

/* Its data has a feature that no other kernel knows. */
static void required(struct lu_run *run)
{
	int dev = luo_open(), session;

	check_memory(dev);
	check_file(dev, 1);
	keep_memory(dev);
	session = keep_file(dev, 2);
	LU_EQ(try_load(PROD), -EPROTONOSUPPORT);
	LU_EQ(formats_refused("file", 2, "lacks the features 0x1 of format " V1), 1);
	LU_EQ(try_load(OPTIONAL), -EPROTONOSUPPORT);
	LU_EQ(try_load(REQUIRED), 0);
	/* The file is given up, the rest goes. */
	luo_close(session);
	next(run, BUMPED);
}

static void bumped(struct lu_run *run)
{
	int dev = luo_open(), session;

	check_memory(dev);
	LU_EQ(luo_try_retrieve(dev, "file"), -ENOENT);
	keep_memory(dev);
	session = keep_file(dev, 3);
	LU_EQ(try_load(PROD), -EPROTONOSUPPORT);
	LU_EQ(formats_refused("file", 3, "does not read format luo-exercise-v2"), 1);
	luo_close(session);
	/* Now the kernel is there first. */
	LU_EQ(try_load(OPTIONAL), 0);
	session = luo_create(dev, "file");
	LU_EQ(luo_try_preserve(session, luo_ex_new(4), 4), -EPROTONOSUPPORT);
	luo_close(session);
	next(run, OPTIONAL);
}

/* Its data has a feature that nobody needs to know. */
static void optional(struct lu_run *run)
{
	int dev = luo_open();

	check_memory(dev);
	keep_memory(dev);
	keep_file(dev, 5);
	next(run, PROD);
}

static void plain_again(struct lu_run *run)
{
	int dev = luo_open();

	check_memory(dev);
	check_file(dev, 5);
	LU_EQ(luo_update(), 4);
	(void)run;
}

LU_TEST(all, "mem=1G flavour=prod image=bumped image=optional image=required timeout=100 " LUO_ON,
	plain, required, bumped, optional, plain_again);

LU_MAIN
