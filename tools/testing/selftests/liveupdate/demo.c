// SPDX-License-Identifier: GPL-2.0
/*
 * demo: a live update in front of the user's eyes; ./lu demo prints what it tells.
 *
 * A plain kexec so far: a new kernel in the same machine, and nothing but
 * what stands on its command line comes along.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "lu_test.h"

static const char *boot_id(void)
{
	static char id[16];

	snprintf(id, sizeof(id), "%.8s", lu_read("/proc/sys/kernel/random/boot_id"));
	return id;
}

static double uptime(void)
{
	struct timespec now;

	LU_OK(clock_gettime(CLOCK_BOOTTIME, &now));
	return now.tv_sec + now.tv_nsec / 1e9;
}

static void old_kernel(struct lu_run *run)
{
	struct utsname uts;

	LU_OK(uname(&uts));
	lu_tell("This machine runs Linux %s, boot %s, up for %.1f s.", uts.release, boot_id(),
		uptime());
	lu_set(run, "id", "%s", boot_id());
	lu_set(run, "count", "%d", 41);
	lu_tell("A program in it has counted to 41 and writes that down for the next kernel.");
	lu_tell("Now the next kernel is loaded beside this one (kexec_file_load) and started.");
}

static void new_kernel(struct lu_run *run)
{
	struct utsname uts;

	LU_OK(uname(&uts));
	LU_CHECK(strcmp(boot_id(), lu_get(run, "id")), "the same kernel still runs");
	lu_tell("Linux %s has taken over, boot %s, up for %.1f s; the machine was never reset.",
		uts.release, boot_id(), uptime());
	lu_tell("Survived: the note on the command line. The program counts on: %lld.",
		lu_get_num(run, "count") + 1);
}

LU_TEST(update, "mem=1G", old_kernel, new_kernel);

LU_MAIN
