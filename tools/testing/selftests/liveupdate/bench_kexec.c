// SPDX-License-Identifier: GPL-2.0
/*
 * bench_kexec: what a plain kexec costs; the measure of all that comes on top.
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lu_test.h"

#define CALLS	1000

static void old_kernel(struct lu_run *run)
{
	unsigned long long begin;
	int i;

	(void)run;
	/* Once unmeasured: the second time finds everything in place. */
	for (int round = 0; round < 2; round++) {
		begin = lu_clock();
		for (i = 0; i < CALLS; i++)
			syscall(SYS_getppid);
		begin = lu_clock() - begin;
	}
	lu_figure("syscall", (double)begin / CALLS, "call", NULL);

	begin = lu_clock();
	LU_EQ(lu_kexec_load("/boot/bzImage", lu_cmdline(), 0), 0);
	lu_figure("load", lu_clock() - begin, "image", NULL);
}

static void new_kernel(struct lu_run *run)
{
	(void)run;
}

LU_TEST(plain, "mem=1G", old_kernel, new_kernel);

LU_MAIN
