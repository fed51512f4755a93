// SPDX-License-Identifier: GPL-2.0-only
/*
 * KHO: the scratch areas, the only memory that the next kernel may be loaded to
 * and that it may use before it knows what was preserved.
 *
 * Life cycle: a cold boot reserves the areas as the last thing before the page
 * allocator gets its memory, and at fs_initcall hands them to it as CMA
 * pageblocks: movable pages may use them, and nothing that could be preserved. A
 * KHO boot takes the areas of its predecessor over as they are, so they are the
 * same along a chain of kexecs. They never change after that.
 *
 * kho_scratch_overlap() may be called at any time, also before there are areas.
 * All else is for boot. Reserving can fail; then nothing is reserved, there are
 * no areas, and KHO is disabled.
 *
 * Size by default: what this kernel itself took from memblock, because the next
 * one is likely to take as much before it knows what was preserved, times two,
 * because it comes on top of the segments that are loaded: kernel, initrd and
 * all. Each byte counts once, for the area that it is going to be looked for in:
 * below 4G (ARCH_LOW_ADDRESS_LIMIT), on a certain node, or anywhere else. What is
 * in proportion to memory (memmap, KASAN's shadow) or was asked for (crashkernel,
 * CMA, gigantic pages) does not count: the next kernel allocates it when it knows
 * the gaps between preserved blocks, and the place of the same thing in this
 * kernel is such a gap. A kernel that cares for gaps less than this one does (see
 * kho_extend_scratch()) can need more if a large share of memory is preserved in
 * small blocks: kho_scratch= is for that.
 */

#define pr_fmt(fmt) "KHO: " fmt

#include <linux/cma.h>
#include <linux/crash_reserve.h>
#include <linux/init.h>
#include <linux/initrd.h>
#include <linux/kernel.h>
#include <linux/kmemleak.h>
#include <linux/memblock.h>
#include <linux/nodemask.h>
#include <linux/overflow.h>
#include <linux/page-isolation.h>
#include <linux/sizes.h>

#include <asm/sections.h>

#include "../../mm/internal.h"
#include "kho_internal.h"

#define KHO_LOW_END	((phys_addr_t)ARCH_LOW_ADDRESS_LIMIT + 1)

struct kho_scratch *kho_scratch;
unsigned int kho_scratch_cnt;

/* The areas are this boot's and still memblock's. */
static bool kho_scratch_reserved __initdata;

/**
 * kho_scratch_overlap - is memory in scratch?
 * @phys: start of a range
 * @size: its size
 *
 * Return: true if any byte of the range is in a scratch area.
 */
bool kho_scratch_overlap(phys_addr_t phys, size_t size)
{
	unsigned int i;

	for (i = 0; i < kho_scratch_cnt; i++) {
		struct kho_scratch *area = &kho_scratch[i];

		if (area->size && phys < area->addr + area->size &&
		    area->addr < phys + size)
			return true;
	}

	return false;
}

/* Command line */

static enum {
	KHO_SIZE_DEFAULT,
	KHO_SIZE_SCALE,
	KHO_SIZE_FIXED,
} kho_size_mode __initdata;

/* KHO_SIZE_SCALE: in percent */
static unsigned int kho_size_scale __initdata;

/* KHO_SIZE_FIXED */
static struct {
	phys_addr_t low;
	phys_addr_t global;
	phys_addr_t node;
} kho_size __initdata;

static int __init kho_parse_scale(const char *p, size_t digits)
{
	char number[11] = "";
	unsigned int scale;

	if (!digits || digits >= sizeof(number) || strspn(p, "0123456789") != digits)
		return -EINVAL;
	memcpy(number, p, digits);
	if (kstrtouint(number, 10, &scale) || !scale)
		return -EINVAL;

	kho_size_mode = KHO_SIZE_SCALE;
	kho_size_scale = scale;
	pr_notice("scratch scale is %u%%\n", scale);

	return 0;
}

static int __init kho_parse_fixed(char *p)
{
	phys_addr_t size[3];
	char *end;
	int i;

	for (i = 0; i < ARRAY_SIZE(size); i++) {
		size[i] = memparse(p, &end);
		if (end == p || *end != (i < ARRAY_SIZE(size) - 1 ? ',' : '\0'))
			return -EINVAL;
		p = end + 1;
	}
	if (!(size[0] | size[1] | size[2]))
		return -EINVAL;

	kho_size_mode = KHO_SIZE_FIXED;
	kho_size.low = size[0];
	kho_size.global = size[1];
	kho_size.node = size[2];
	pr_notice("scratch areas: lowmem: %lluMiB global: %lluMiB pernode: %lluMiB\n",
		  (u64)size[0] >> 20, (u64)size[1] >> 20, (u64)size[2] >> 20);

	return 0;
}

/* kho_scratch=nn% or kho_scratch=low[KMG],global[KMG],pernode[KMG] */
static int __init kho_parse_scratch(char *p)
{
	size_t len;

	if (!p || !*p)
		return -EINVAL;

	len = strlen(p);
	if (p[len - 1] == '%')
		return kho_parse_scale(p, len - 1);

	return kho_parse_fixed(p);
}
early_param("kho_scratch", kho_parse_scratch);

/* Sizes */

/*
 * Boot memory of this kernel by where the next one is going to look for it.
 * Signed, as what does not count is subtracted by estimate.
 */
static struct {
	s64 low;
	s64 global;
	s64 node[MAX_NUMNODES];
} kho_used __initdata;

static void __init kho_count(phys_addr_t start, phys_addr_t end, int nid, int sign)
{
	phys_addr_t low = clamp(KHO_LOW_END, start, end);

	kho_used.low += sign * (s64)(low - start);
	if (numa_valid_node(nid))
		kho_used.node[nid] += sign * (s64)(end - low);
	else
		kho_used.global += sign * (s64)(end - low);
}

/* Count what of [start, end) the kernel uses for itself. */
static void __init kho_count_range(phys_addr_t start, phys_addr_t end, int sign)
{
	struct memblock_region *r;

	for_each_reserved_mem_region(r) {
		phys_addr_t from = max(start, r->base);
		phys_addr_t to = min(end, r->base + r->size);

		if (from < to && (r->flags & MEMBLOCK_RSRV_KERN) &&
		    !(r->flags & MEMBLOCK_RSRV_HUGETLB))
			kho_count(from, to, memblock_get_region_node(r), sign);
	}
}

static int __init kho_discount_cma(struct cma *cma, void *unused)
{
	phys_addr_t base = cma_get_base(cma);

	kho_count_range(base, base + cma_get_size(cma), -1);
	return 0;
}

/* It was taken from as far up on the node as possible. */
static void __init kho_discount_memmap(int nid)
{
	pg_data_t *pgdat = NODE_DATA(nid);
	phys_addr_t size, end;

	size = (u64)pgdat->node_present_pages * sizeof(struct page);
	if (IS_ENABLED(CONFIG_KASAN_GENERIC))
		size += PFN_PHYS(pgdat->node_present_pages) / 8;

	end = PFN_PHYS(pgdat_end_pfn(pgdat));
	kho_count(end - min(size, end), end, nid, -1);
}

static void __init kho_discount_crashkernel(void)
{
	if (!IS_ENABLED(CONFIG_CRASH_RESERVE))
		return;
	if (crashk_res.end)
		kho_count_range(crashk_res.start, crashk_res.end + 1, -1);
	if (crashk_low_res.end)
		kho_count_range(crashk_low_res.start, crashk_low_res.end + 1, -1);
}

static void __init kho_count_used(void)
{
	int nid;

	kho_count_range(0, PHYS_ADDR_MAX, 1);

	kho_discount_crashkernel();
	cma_for_each_area(kho_discount_cma, NULL);
	for_each_node_state(nid, N_MEMORY)
		kho_discount_memmap(nid);
}

/* The least: what is loaded, what it is unpacked to, and a little to begin with. */
static phys_addr_t __init kho_size_image(void)
{
	phys_addr_t size = _end - _text;

	if (IS_ENABLED(CONFIG_BLK_DEV_INITRD))
		size += initrd_end - initrd_start;

	return 2 * size + SZ_16M;
}

static phys_addr_t __init kho_size_default(s64 used, phys_addr_t memory)
{
	phys_addr_t limit = max_t(phys_addr_t, memory / 64, SZ_64M);

	return used > 0 ? min_t(phys_addr_t, 2 * used, limit) : 0;
}

static phys_addr_t __init kho_scale(phys_addr_t limit, int nid)
{
	u64 used = memblock_reserved_kern_size(limit, nid) -
		   memblock_reserved_hugetlb_size(limit, nid);
	u64 size;

	if (check_mul_overflow(used, (u64)kho_size_scale, &size))
		return PHYS_ADDR_MAX / 2;

	return size / 100;
}

static phys_addr_t __init kho_size_low(void)
{
	switch (kho_size_mode) {
	case KHO_SIZE_FIXED:
		return kho_size.low;
	case KHO_SIZE_SCALE:
		return kho_scale(ARCH_LOW_ADDRESS_LIMIT, NUMA_NO_NODE);
	default:
		return max_t(s64, 2 * kho_used.low, kho_size_image());
	}
}

static phys_addr_t __init kho_size_global(phys_addr_t low)
{
	switch (kho_size_mode) {
	case KHO_SIZE_FIXED:
		return kho_size.global;
	case KHO_SIZE_SCALE:
		return kho_scale(PHYS_ADDR_MAX, NUMA_NO_NODE) - low;
	default:
		return kho_size_default(kho_used.global, memblock_phys_mem_size());
	}
}

static phys_addr_t __init kho_size_node(int nid)
{
	switch (kho_size_mode) {
	case KHO_SIZE_FIXED:
		return kho_size.node;
	case KHO_SIZE_SCALE:
		return kho_scale(PHYS_ADDR_MAX, nid);
	default:
		return kho_size_default(kho_used.node[nid],
					PFN_PHYS(node_present_pages(nid)));
	}
}

/* Reserve */

static u64 __init kho_scratch_total(void)
{
	unsigned int i;
	u64 total = 0;

	for (i = 0; i < kho_scratch_cnt; i++)
		total += kho_scratch[i].size;

	return total;
}

/* Size 0 is no area, and no failure. */
static int __init kho_scratch_alloc(phys_addr_t size, phys_addr_t end, int nid)
{
	const phys_addr_t align = max_t(phys_addr_t, CMA_MIN_ALIGNMENT_BYTES,
					PAGE_SIZE << MAX_PAGE_ORDER);
	struct kho_scratch *area = &kho_scratch[kho_scratch_cnt];

	if (!size)
		return 0;

	area->size = round_up(size, align);
	area->addr = memblock_alloc_range_nid(area->size, align, 0, end, nid, true);
	if (!area->addr)
		return -ENOMEM;
	kho_scratch_cnt++;

	return 0;
}

static int __init kho_scratch_alloc_areas(void)
{
	phys_addr_t size, low = kho_size_low();
	int nid;

	if (kho_scratch_alloc(low, ARCH_LOW_ADDRESS_LIMIT, NUMA_NO_NODE)) {
		pr_err("no room for a lowmem scratch area of %lluMiB\n",
		       (u64)low >> 20);
		return -ENOMEM;
	}

	size = kho_size_global(low);
	if (kho_scratch_alloc(size, MEMBLOCK_ALLOC_ACCESSIBLE, NUMA_NO_NODE)) {
		pr_err("no room for a global scratch area of %lluMiB\n",
		       (u64)size >> 20);
		return -ENOMEM;
	}

	for_each_node_state(nid, N_MEMORY) {
		size = kho_size_node(nid);
		if (kho_scratch_alloc(size, MEMBLOCK_ALLOC_ACCESSIBLE, nid)) {
			pr_err("no room for a scratch area of %lluMiB on node %d\n",
			       (u64)size >> 20, nid);
			return -ENOMEM;
		}
	}

	if (kho_size_mode == KHO_SIZE_DEFAULT &&
	    kho_scratch_total() > memblock_phys_mem_size() / 2) {
		pr_err("scratch would take %lluMiB, more than half of memory; kho_scratch= can set a size\n",
		       kho_scratch_total() >> 20);
		return -ENOMEM;
	}

	return kho_scratch_cnt ? 0 : -ENOMEM;
}

void __init kho_scratch_reserve(void)
{
	size_t size = (num_node_state(N_MEMORY) + 2) * sizeof(*kho_scratch);
	unsigned int i;

	kho_count_used();

	kho_scratch = memblock_alloc(PAGE_ALIGN(size), PAGE_SIZE);
	if (!kho_scratch) {
		pr_err("no room for the array of scratch areas\n");
		goto err_disable;
	}

	if (kho_scratch_alloc_areas())
		goto err_free;

	kho_scratch_reserved = true;
	pr_info("scratch: %lluMiB in %u area(s), for movable memory until kexec\n",
		kho_scratch_total() >> 20, kho_scratch_cnt);
	return;

err_free:
	for (i = 0; i < kho_scratch_cnt; i++)
		memblock_phys_free(kho_scratch[i].addr, kho_scratch[i].size);
	kho_scratch_cnt = 0;
	memblock_free(kho_scratch, PAGE_ALIGN(size));
	kho_scratch = NULL;
err_disable:
	pr_warn("Failed to reserve scratch area, disabling kexec handover\n");
	kho_disable();
}

/* Release */

static void __init kho_scratch_each_pageblock(void (*fn)(struct page *page))
{
	unsigned long pfn, end;
	unsigned int i;

	for (i = 0; i < kho_scratch_cnt; i++) {
		pfn = PHYS_PFN(kho_scratch[i].addr);
		end = pfn + PHYS_PFN(kho_scratch[i].size);
		for (; pfn < end; pfn += pageblock_nr_pages)
			fn(pfn_to_page(pfn));
	}
}

void __init kho_scratch_release_cma(void)
{
	unsigned int i;

	if (!kho_scratch_reserved)
		return;
	kho_scratch_reserved = false;

	/* The page allocator may unmap what is free: nothing to scan there. */
	for (i = 0; i < kho_scratch_cnt; i++)
		kmemleak_ignore_phys(kho_scratch[i].addr);

	kho_scratch_each_pageblock(init_cma_reserved_pageblock);
}

static void __init kho_make_movable(struct page *page)
{
	set_pageblock_migratetype(page, MIGRATE_MOVABLE);
}

void __init kho_scratch_free(void)
{
	unsigned int i;

	if (!kho_scratch_reserved)
		return;
	kho_scratch_reserved = false;

	kho_scratch_each_pageblock(kho_make_movable);

	for (i = 0; i < kho_scratch_cnt; i++) {
		struct kho_scratch *area = &kho_scratch[i];

		kmemleak_free_part_phys(area->addr, area->size);
		free_reserved_area(phys_to_virt(area->addr),
				   phys_to_virt(area->addr + area->size), -1, NULL);
	}

	/* The array itself is not worth the trouble. */
	kho_scratch_cnt = 0;
	kho_scratch = NULL;
}
