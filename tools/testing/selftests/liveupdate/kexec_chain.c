// SPDX-License-Identifier: GPL-2.0
/*
 * kexec_chain: plain kexecs of one machine, one after the other; nothing is
 * kept. What fails here is not ours: it shows that machine, base and frame work.
 */
#define _GNU_SOURCE
#include <sys/stat.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lu_test.h"

/* Each boot has an id of its own: a stage that finds the old one did not jump. */
static void fresh_kernel(struct lu_run *run)
{
	char id[64];

	snprintf(id, sizeof(id), "%.36s", lu_read("/proc/sys/kernel/random/boot_id"));
	if (run->stage)
		LU_CHECK(strcmp(id, lu_get(run, "id")), "the kernel is that of the stage before");
	lu_set(run, "id", "%s", id);
	lu_set(run, "kernels", "%lld", run->stage ? lu_get_num(run, "kernels") + 1 : 1);
}

static void last_kernel(struct lu_run *run)
{
	fresh_kernel(run);
	LU_EQ(lu_get_num(run, "kernels"), run->nr_stages);
}

LU_TEST(three, "mem=512M flavour=prod+debug", fresh_kernel, fresh_kernel, fresh_kernel,
	last_kernel);

static void two_nodes(struct lu_run *run)
{
	struct stat st;

	LU_OK(stat("/sys/devices/system/node/node1", &st));
	LU_CHECK(lu_read_key("/sys/devices/system/node/node1/meminfo", "Node 1 MemTotal") > 100000,
		 "node 1 has no memory");
	if (run->stage + 1 < run->nr_stages)
		fresh_kernel(run);
	else
		last_kernel(run);
}

LU_TEST(numa, "mem=768M cpus=2 numa=2 flavour=prod", two_nodes, two_nodes, two_nodes, two_nodes);

/* A boot without a word of complaint; the runner reads the log. */
static void nothing(struct lu_run *run)
{
	lu_set(run, "unused", "%d", 1);
}

LU_TEST(boot_is_clean, "mem=512M own", nothing);

LU_MAIN
