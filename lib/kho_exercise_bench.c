// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exerciser of kexec handover: what it counts and what it times, and requests that
 * are to be refused.
 *
 * Figures are in cycles of the processor's own clock and of the last "bench"; the
 * caller serializes. Nothing of this preserves anything beyond the call, except
 * for ex_scatter().
 */

#include <linux/gfp.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/kexec_handover.h>
#include <linux/kho_radix_tree.h>
#include <linux/memory_hotplug.h>
#include <linux/memblock.h>
#include <linux/mm.h>
#include <linux/page-isolation.h>
#include <linux/pagemap.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/timex.h>

#include <asm/kexec_handover.h>

#include "../kernel/liveupdate/kho_internal.h"
#include "kho_exercise.h"

/* Counters */

u64 ex_mix(u64 seed, u64 nr)
{
	return (seed + 1) * 0x9e3779b97f4a7c15ULL ^ (nr + 1) * 0xbf58476d1ce4e5b9ULL;
}

int ex_hash_key(unsigned long key, void *hash)
{
	*(u64 *)hash = ex_mix(*(u64 *)hash, key);
	return 0;
}

struct ex_count {
	u64 blocks, pages, hash, nodes;
	unsigned int max_order;
};

static int ex_count_block(unsigned long key, void *data)
{
	struct ex_count *count = data;
	unsigned int order;

	kho_radix_decode_key(key, &order);
	count->blocks++;
	count->pages += 1ULL << order;
	count->max_order = max(count->max_order, order);
	return ex_hash_key(key, &count->hash);
}

static int ex_count_node(phys_addr_t phys, void *data)
{
	((struct ex_count *)data)->nodes++;
	return 0;
}

static const struct kho_radix_walk_cb ex_count_cb = {
	.leaf = ex_count_block,
	.node = ex_count_node,
};

static struct ex_count ex_count_out(void)
{
	struct ex_count count = {};

	if (kho_out.tree.root)
		kho_radix_walk_tree(&kho_out.tree, &ex_count_cb, &count);
	return count;
}

/* Is a page of scratch in the hands of someone who may keep it? */
static bool ex_is_pinned(struct page *page)
{
	struct folio *folio = page_folio(page);

	if (PageReserved(page))
		return false;
	/* Those of the pool have no reference, and cannot be moved. */
	if (folio_test_hugetlb(folio) && folio_order(folio) > MAX_PAGE_ORDER)
		return true;
	if (!folio_ref_count(folio))
		return false;
	if (PageTable(page) || folio_test_slab(folio))
		return true;
	return !folio_test_lru(folio) && !folio_mapping(folio) &&
	       !folio_test_swapbacked(folio);
}

void ex_show_scratch(struct seq_file *m)
{
	unsigned long pfn, end, blocks = 0, not_cma = 0, pinned = 0;

	for (unsigned int i = 0; i < kho_scratch_cnt; i++) {
		pfn = PHYS_PFN(kho_scratch[i].addr);
		end = pfn + PHYS_PFN(kho_scratch[i].size);
		for (; pfn < end; pfn++) {
			struct page *page = pfn_to_page(pfn);

			pinned += ex_is_pinned(page);
			if (!pageblock_aligned(pfn))
				continue;
			blocks++;
			not_cma += get_pageblock_migratetype(page) != MIGRATE_CMA;
			cond_resched();
		}
	}
	seq_printf(m, "scratch_pageblocks: %lu\nscratch_not_cma: %lu\nscratch_pinned: %lu\n",
		   blocks, not_cma, pinned);
}

void ex_show_out(struct seq_file *m)
{
	struct ex_count count = ex_count_out();

	seq_printf(m, "blocks: %llu\nblock_pages: %llu\nblock_hash: %llu\ntree_nodes: %llu\n",
		   count.blocks, count.pages, count.hash, count.nodes);
	seq_printf(m, "max_order: %u\n", count.max_order);
}

/* Benchmarks */

static struct {
	u64 blocks, cold, preserve, unpreserve, nodes;
} ex_figures;

void ex_show_figures(struct seq_file *m)
{
	seq_printf(m, "blocks: %llu\npreserve_cold: %llu\npreserve: %llu\nunpreserve: %llu\n",
		   ex_figures.blocks, ex_figures.cold, ex_figures.preserve,
		   ex_figures.unpreserve);
	seq_printf(m, "metadata_bytes: %llu\n", ex_figures.nodes * PAGE_SIZE);
}

/*
 * Blocks that the page allocator does not have are taken from whoever has the
 * memory; nobody notices, since they are not preserved for the jump.
 */
static unsigned long ex_borrow_blocks(struct page **blocks, unsigned long nr,
				      unsigned int order)
{
	unsigned long pfn, found = 0;

	for (pfn = 1UL << order; found < nr && pfn < max_pfn; pfn += 1UL << order) {
		struct page *page = pfn_to_online_page(pfn);

		if (!page || !pfn_to_online_page(pfn + (1UL << order) - 1) ||
		    kho_scratch_overlap(PFN_PHYS(pfn), PAGE_SIZE << order) ||
		    PageSlab(page))
			continue;
		blocks[found++] = page;
	}
	return found;
}

static unsigned long ex_alloc_blocks(struct page **blocks, unsigned long nr,
				     unsigned int order)
{
	unsigned long found = 0;

	if (order > MAX_PAGE_ORDER)
		return ex_borrow_blocks(blocks, nr, order);
	while (found < nr) {
		blocks[found] = alloc_pages(GFP_KERNEL | __GFP_NOWARN, order);
		if (!blocks[found])
			break;
		found++;
	}
	return found;
}

static int ex_bench_round(struct page **blocks, unsigned long nr, unsigned int order,
			  bool cold)
{
	cycles_t begin, preserve, unpreserve;
	struct ex_count before = {};
	unsigned long i;
	int err;

	if (cold)
		before = ex_count_out();
	begin = get_cycles();
	for (i = 0; i < nr; i++) {
		err = kho_preserve_pages(blocks[i], 1UL << order);
		if (err)
			break;
	}
	preserve = get_cycles() - begin;
	if (cold)
		ex_figures.nodes = ex_count_out().nodes - before.nodes;
	nr = i;
	begin = get_cycles();
	for (i = 0; i < nr; i++)
		kho_unpreserve_pages(blocks[i], 1UL << order);
	unpreserve = get_cycles() - begin;
	if (err)
		return err;

	if (cold)
		ex_figures.cold = preserve;
	ex_figures.preserve += preserve;
	ex_figures.unpreserve += unpreserve;
	return 0;
}

/* Once with an empty tree, then again. Blocks are per round, cycles too. */
int ex_bench(unsigned int order, unsigned long count)
{
	struct page **blocks;
	unsigned long nr, i;
	int err;

	if (!count || order > 30)
		return -EINVAL;
	blocks = kvcalloc(count, sizeof(*blocks), GFP_KERNEL);
	if (!blocks)
		return -ENOMEM;
	nr = ex_alloc_blocks(blocks, count, order);

	memset(&ex_figures, 0, sizeof(ex_figures));
	ex_figures.blocks = nr;
	err = nr ? ex_bench_round(blocks, nr, order, true) : -ENOSPC;
	ex_figures.preserve = 0;
	ex_figures.unpreserve = 0;
	/* As many blocks as were asked for, if need be the same ones again. */
	for (i = 0; !err && i < count / nr; i++)
		err = ex_bench_round(blocks, nr, order, false);
	if (!err) {
		ex_figures.preserve /= i;
		ex_figures.unpreserve /= i;
	}

	if (order <= MAX_PAGE_ORDER)
		for (i = 0; i < nr; i++)
			__free_pages(blocks[i], order);
	kvfree(blocks);
	return err;
}

/* These are left to the next kernel, which has no use for them. */
static int ex_scatter_page(struct page *block, unsigned int order)
{
	split_page(block, order);
	for (unsigned int i = 1; i < 1U << order; i++)
		__free_page(block + i);
	return kho_preserve_pages(block, 1);
}

/* All blocks are taken before anything is given back: each one is another one. */
int ex_scatter(unsigned long count, unsigned int order)
{
	struct page **blocks;
	unsigned long nr, i;
	int err;

	if (!count || !order || order > MAX_PAGE_ORDER)
		return -EINVAL;
	blocks = kvcalloc(count, sizeof(*blocks), GFP_KERNEL);
	if (!blocks)
		return -ENOMEM;

	nr = ex_alloc_blocks(blocks, count, order);
	err = nr < count ? -ENOMEM : 0;
	for (i = 0; i < nr && !err; i++)
		err = ex_scatter_page(blocks[i], order);
	for (; i < nr; i++)
		__free_pages(blocks[i], order);
	kvfree(blocks);
	return err;
}

/* Requests that are to be refused */

/* A page, and the block that it is the first half of. */
int ex_twice(void)
{
	struct page *page = alloc_pages(GFP_KERNEL, 1);
	int err;

	if (!page)
		return -ENOMEM;
	err = kho_preserve_pages(page, 1);
	if (!err) {
		err = kho_preserve_pages(page, 2);
		if (!err)
			kho_unpreserve_pages(page, 2);
		kho_unpreserve_pages(page, 1);
	}
	__free_pages(page, 1);
	return err;
}

int ex_preserve_scratch(void)
{
	if (!kho_scratch_cnt)
		return -ENOENT;
	return kho_preserve_pages(pfn_to_page(PHYS_PFN(kho_scratch[0].addr)), 1);
}

int ex_try(phys_addr_t phys)
{
	struct page *page = pfn_to_online_page(PHYS_PFN(phys));
	int err;

	if (!page)
		return -ENOENT;
	err = kho_preserve_pages(page, 1);
	if (!err)
		kho_unpreserve_pages(page, 1);
	return err;
}

static int __init ex_parse_claim(char *p)
{
	phys_addr_t start = memparse(p, &p);

	return *p++ == ',' ? memblock_reserve(start, memparse(p, &p)) : -EINVAL;
}
early_param("kho_exercise_claim", ex_parse_claim);
