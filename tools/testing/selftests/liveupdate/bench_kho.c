// SPDX-License-Identifier: GPL-2.0
/*
 * bench_kho: what the handover costs, per block and per update.
 */
#define _GNU_SOURCE
#include "kho_common.h"

/* test_kho would preserve something in every other kernel. */
#define QUIET	" append=kho=on append=initcall_blacklist=kho_test_init"

static void order(const char *name, int order, int count)
{
	double blocks;
	char figure[64];

	kho_do("bench %d %d", order, count);
	blocks = kho_figure("blocks");
	LU_CHECK(blocks > 0, "no memory for blocks of order %d", order);
	/* The first time tables of the tree have to be allocated. */
	snprintf(figure, sizeof(figure), "preserve_first_%s", name);
	lu_figure(figure, kho_figure("preserve_cold") / blocks, "block", NULL);
	snprintf(figure, sizeof(figure), "preserve_%s", name);
	lu_figure(figure, kho_figure("preserve") / blocks, "block", NULL);
	snprintf(figure, sizeof(figure), "unpreserve_%s", name);
	lu_figure(figure, kho_figure("unpreserve") / blocks, "block", NULL);
	snprintf(figure, sizeof(figure), "metadata_%s_bytes", name);
	lu_figure(figure, kho_figure("metadata_bytes") / blocks, "block", NULL);
}

static void blocks(struct lu_run *run)
{
	order("4k", 0, 65536);
	order("2m", 9, 512);
	order("1g", 18, 1024);
	(void)run;
}

LU_TEST(blocks, "mem=6G" QUIET, blocks);

/* An update that preserves nothing, from a cold boot and from one like itself. */
static void nothing(struct lu_run *run)
{
	(void)run;
}

LU_TEST(empty, "mem=1G bound=1.05" QUIET, nothing, nothing, nothing);

/*
 * Boot time by preserved blocks: single pages, no two of them together. From the
 * second update on each one finds a kernel that took over as well.
 *
 * The 4n blocks reach into memory whose struct pages are initialised late, n and 2n do
 * not: what lies between them is freed page by page there, by deferred_free_pages() of
 * mm/mm_init.c. That is 540 instructions a block.
 */
#define N	8192

static const int counts[] = { 0, 0, N, 2 * N, 4 * N };

static void boot(struct lu_run *run)
{
	unsigned long long now = lu_clock();
	static const char * const names[] = { "", "", "", "n", "2n", "4n" };
	double per_block;
	char key[16];

	if (run->stage == 2)
		lu_set(run, "base", "%llu", now - lu_get_num(run, "jump"));
	if (run->stage > 2) {
		long long extra = now - lu_get_num(run, "jump") - lu_get_num(run, "base");

		snprintf(key, sizeof(key), "%s_blocks", names[run->stage]);
		per_block = (double)extra / counts[run->stage - 1];
		lu_figure(key, per_block, "block", NULL);
		/* It has to be linear; quadratic would be twice and four times as much. */
		if (run->stage == 3)
			lu_set(run, "per_block", "%.0f", per_block);
		else
			LU_CHECK(per_block <= 1.3 * lu_get_num(run, "per_block"),
				 "%.0f for each of %d blocks, %s for each of %d", per_block,
				 counts[run->stage - 1], lu_get(run, "per_block"), N);
	}
	if (run->stage + 1 < run->nr_stages) {
		if (counts[run->stage])
			kho_do("scatter %d 1", counts[run->stage]);
		lu_set(run, "jump", "%llu", lu_clock());
	}
}

LU_TEST(boot, "mem=1G" QUIET, boot, boot, boot, boot, boot, boot);

LU_MAIN
