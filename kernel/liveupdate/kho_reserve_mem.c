// SPDX-License-Identifier: GPL-2.0-only
/*
 * KHO: reserve_mem= regions, which are at the same place in the next kernel if that
 * asks for them under the same name with the same size.
 *
 * Early boot: the regions of the previous kernel are read and checked once, while
 * the incoming map is at hand. mm/memblock.c then asks for each region of the
 * command line whether it is one of these, allocates it anew if not, and tells
 * about all of them. In the end, at late_initcall, all of them are preserved and
 * published for the next kernel; if that fails, they do not survive, which is
 * said. What is not asked for stays reserved in this boot and goes no further.
 *
 * All but the last in one thread, before there is any other.
 */

#define pr_fmt(fmt) "KHO: " fmt

#include <linux/align.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/kho/abi/memblock.h>
#include <linux/liveupdate_format.h>
#include <linux/libfdt.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/string.h>

#include "kho_internal.h"

liveupdate_format(memblock, SUBTREE, MEMBLOCK_KHO_NODE_COMPATIBLE);
liveupdate_format(reserve_mem, SUBTREE, RESERVE_MEM_KHO_NODE_COMPATIBLE);

static struct kho_region kho_regions_in[KHO_REGIONS_MAX] __initdata;
static unsigned int kho_nr_regions_in __initdata;

static struct kho_region kho_regions[KHO_REGIONS_MAX] __initdata;
static unsigned int kho_nr_regions __initdata;

static bool __init kho_region_is_preserved(u64 phys, u64 size, const void *map)
{
	return kho_is_preserved(map, phys, size);
}

void __init kho_reserve_mem_check_incoming(const struct kho_map *map)
{
	unsigned int nr_bad;
	phys_addr_t phys;
	size_t size;

	if (kho_retrieve_subtree(MEMBLOCK_KHO_FDT, &phys, &size))
		return;
	if (!kho_regions_check(phys_to_virt(phys), size)) {
		pr_warn("reserve_mem= regions of the previous kernel are ignored: no \"%s\" device tree\n",
			MEMBLOCK_KHO_NODE_COMPATIBLE);
		return;
	}
	kho_nr_regions_in = kho_regions_read(phys_to_virt(phys),
					     kho_region_is_preserved, map,
					     kho_regions_in, &nr_bad);
	while (nr_bad--)
		pr_warn("a reserve_mem= region of the previous kernel is ignored: it is not described properly, or not preserved\n");
}

/**
 * kho_reserve_mem_revive - is this region one of the previous kernel?
 * @name: its name
 * @size: the size that is wanted
 * @align: the alignment that is wanted
 * @start: gets its address
 *
 * Return: true if so; it is going to be reserved by KHO. False if a new region
 * has to be allocated.
 */
bool __init kho_reserve_mem_revive(const char *name, phys_addr_t size,
				   phys_addr_t align, phys_addr_t *start)
{
	const struct kho_region *region;
	unsigned int i;

	for (i = 0; i < kho_nr_regions_in; i++) {
		region = &kho_regions_in[i];
		if (!strcmp(region->name, name))
			break;
	}
	if (i == kho_nr_regions_in)
		return false;

	if (region->size != size || !IS_ALIGNED(region->start, align)) {
		pr_warn("reserve_mem=%s begins empty: the region of the previous kernel, %pa bytes at %pa, is not what is asked for\n",
			name, &region->size, &region->start);
		return false;
	}

	pr_info("Revived memory reservation '%s' from KHO\n", name);
	*start = region->start;
	return true;
}

/**
 * kho_reserve_mem_claim - keep regions that were revived from being restored as well
 * @map: the incoming map
 *
 * A region can begin in the middle of a block: in a page that it shares with the one
 * before it, or, in a forged record, in anybody's.
 */
void __init kho_reserve_mem_claim(const struct kho_map *map)
{
	for (unsigned int i = 0; i < kho_nr_regions; i++) {
		const struct kho_region *region = &kho_regions[i];
		struct kho_map_run block;

		kho_stamp_clear(region->start, region->size);
		if (kho_map_find(map, region->start, &block))
			kho_stamp_clear(block.start, PAGE_SIZE);
	}
}

/**
 * kho_reserve_mem_add - note a region for the next kernel
 * @name: its name
 * @start: its address
 * @size: its size
 */
void __init kho_reserve_mem_add(const char *name, phys_addr_t start,
				phys_addr_t size)
{
	struct kho_region *region;

	if (kho_nr_regions == KHO_REGIONS_MAX)
		return;
	region = &kho_regions[kho_nr_regions++];
	strscpy(region->name, name);
	region->start = start;
	region->size = size;
}

static bool __init kho_page_is_in(unsigned long pfn, unsigned int nr_regions)
{
	for (unsigned int i = 0; i < nr_regions; i++) {
		const struct kho_region *region = &kho_regions[i];

		if (pfn >= PHYS_PFN(region->start) &&
		    pfn < PFN_UP(region->start + region->size))
			return true;
	}
	return false;
}

/*
 * All pages that region @i has a part of. A region may begin or end inside a page,
 * so that another one has its share of it; a page must be preserved once only.
 */
static unsigned long __init kho_region_pages(unsigned int i, struct page **page)
{
	unsigned long pfn = PHYS_PFN(kho_regions[i].start);
	unsigned long end = PFN_UP(kho_regions[i].start + kho_regions[i].size);

	if (kho_page_is_in(pfn, i))
		pfn++;
	if (end > pfn && kho_page_is_in(end - 1, i))
		end--;
	*page = pfn_to_page(pfn);
	return end - pfn;
}

static bool kho_regions_preserved __ro_after_init;

bool kho_reserve_mem_is_preserved(void)
{
	return kho_regions_preserved;
}

static int __init kho_regions_describe(void *fdt)
{
	int err;

	err = fdt_create(fdt, PAGE_SIZE);
	err = err ?: fdt_finish_reservemap(fdt);
	err = err ?: fdt_begin_node(fdt, "");
	err = err ?: fdt_property_string(fdt, "compatible",
					 MEMBLOCK_KHO_NODE_COMPATIBLE);
	for (unsigned int i = 0; i < kho_nr_regions; i++) {
		const struct kho_region *region = &kho_regions[i];

		err = err ?: fdt_begin_node(fdt, region->name);
		err = err ?: fdt_property_string(fdt, "compatible",
						 RESERVE_MEM_KHO_NODE_COMPATIBLE);
		err = err ?: fdt_property(fdt, RESERVE_MEM_KHO_START_PROP_NAME,
					  &region->start, sizeof(region->start));
		err = err ?: fdt_property(fdt, RESERVE_MEM_KHO_SIZE_PROP_NAME,
					  &region->size, sizeof(region->size));
		err = err ?: fdt_end_node(fdt);
	}
	err = err ?: fdt_end_node(fdt);
	err = err ?: fdt_finish(fdt);
	return err ? -ENOMEM : 0;
}

static int __init kho_reserve_mem_init(void)
{
	unsigned long nr;
	struct page *page;
	unsigned int i;
	void *fdt;
	int err;

	if (!kho_is_enabled() || !kho_nr_regions)
		return 0;

	fdt = kho_alloc_preserve(PAGE_SIZE);
	if (IS_ERR(fdt)) {
		err = PTR_ERR(fdt);
		goto err_report;
	}
	err = kho_regions_describe(fdt);
	if (err)
		goto err_free;

	for (i = 0; i < kho_nr_regions; i++) {
		nr = kho_region_pages(i, &page);
		err = nr ? kho_preserve_pages(page, nr) : 0;
		if (err)
			goto err_unpreserve;
	}

	err = kho_add_subtree(MEMBLOCK_KHO_FDT, fdt, fdt_totalsize(fdt));
	if (err)
		goto err_unpreserve;
	kho_regions_preserved = true;
	return 0;

err_unpreserve:
	while (i--) {
		nr = kho_region_pages(i, &page);
		if (nr)
			kho_unpreserve_pages(page, nr);
	}
err_free:
	kho_unpreserve_free(fdt);
err_report:
	pr_err("reserve_mem= regions will be empty after a kexec: they cannot be preserved (%pe)\n",
	       ERR_PTR(err));
	return 0;
}
late_initcall(kho_reserve_mem_init);
