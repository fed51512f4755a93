// SPDX-License-Identifier: GPL-2.0-only
/*
 * KHO: reserve_mem= regions as the previous kernel describes them.
 *
 * Nothing is changed, nothing but the blob is looked at. What is preserved is asked
 * for.
 */
#include <linux/align.h>
#include <linux/kho/abi/memblock.h>
#include <linux/libfdt.h>
#include <linux/limits.h>
#include <linux/string.h>
#include <linux/types.h>

#include "kho_libs.h"

/**
 * kho_regions_check - is this a device tree of ours?
 * @fdt: the blob, readable for @size bytes
 * @size: what its subtree says
 *
 * Return: true if so; libfdt keeps within its total size then
 */
bool kho_regions_check(const void *fdt, size_t size)
{
	return IS_ALIGNED((unsigned long)fdt, sizeof(u64)) &&
	       size >= sizeof(struct fdt_header) && size <= INT_MAX &&
	       !fdt_check_header(fdt) && fdt_version(fdt) >= 17 &&
	       !(fdt_off_dt_struct(fdt) % FDT_TAGSIZE) &&
	       fdt_totalsize(fdt) <= size &&
	       !fdt_node_check_compatible(fdt, 0, MEMBLOCK_KHO_NODE_COMPATIBLE);
}

/* They may share a page, but not a byte. */
static bool kho_region_overlaps(const struct kho_region *region,
				const struct kho_region *others, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		const struct kho_region *other = &others[i];

		if (region->start < other->start + other->size &&
		    other->start < region->start + region->size)
			return true;
	}
	return false;
}

/**
 * kho_regions_read - read and check all regions
 * @fdt: a blob that kho_regions_check() has taken
 * @preserved: does all of this range lie in preserved memory? Not if it wraps, or
 *	is empty.
 * @ctx: handed to @preserved
 * @regions: gets those that are sound; room for KHO_REGIONS_MAX
 * @nr_bad: gets the number of those before the last one of these that are not
 *
 * Return: the number of those that are sound
 */
unsigned int kho_regions_read(const void *fdt,
			      bool (*preserved)(u64 phys, u64 size, const void *ctx),
			      const void *ctx, struct kho_region *regions,
			      unsigned int *nr_bad)
{
	unsigned int nr = 0;
	int node;

	*nr_bad = 0;
	fdt_for_each_subnode(node, fdt, 0) {
		struct kho_region *region = &regions[nr];
		const char *name;

		if (nr == KHO_REGIONS_MAX)
			break;
		name = fdt_get_name(fdt, node, NULL);
		if (name && *name && strscpy(region->name, name) > 0 &&
		    !fdt_node_check_compatible(fdt, node,
					       RESERVE_MEM_KHO_NODE_COMPATIBLE) &&
		    kho_fdt_get_u64(fdt, node, RESERVE_MEM_KHO_START_PROP_NAME,
				    &region->start) &&
		    kho_fdt_get_u64(fdt, node, RESERVE_MEM_KHO_SIZE_PROP_NAME,
				    &region->size) &&
		    preserved(region->start, region->size, ctx) &&
		    !kho_region_overlaps(region, regions, nr))
			nr++;
		else
			(*nr_bad)++;
	}
	return nr;
}
