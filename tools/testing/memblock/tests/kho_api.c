// SPDX-License-Identifier: GPL-2.0-only
/*
 * What kexec handover (KHO) needs of memblock: allocation from marked memory
 * only, or from outside of scratch, and reservation of many ranges at once.
 */
#include <linux/kexec_handover.h>
#include "kho_api.h"

#define FUNC_KHO			"memblock_kho"

phys_addr_t kho_scratch_base;
phys_addr_t kho_scratch_size;

static void kho_setup(void)
{
	setup_memblock();
	kho_scratch_base = 0;
	kho_scratch_size = 0;
}

/* Once switched on, all comes from marked memory, and nothing if it is full. */
static int kho_scratch_only_check(void)
{
	phys_addr_t start, addr;

	PREFIX_PUSH();
	kho_setup();
	start = memblock_start_of_DRAM();

	memblock_mark_kho_scratch(start + SZ_4K, SZ_8K);
	memblock_set_kho_scratch_only();

	addr = memblock_phys_alloc(SZ_4K, 1);
	ASSERT_EQ(addr, start + SZ_8K);
	addr = memblock_phys_alloc(SZ_4K, 1);
	ASSERT_EQ(addr, start + SZ_4K);
	addr = memblock_phys_alloc(SZ_4K, 1);
	ASSERT_EQ(addr, 0);

	ASSERT_EQ(memblock.reserved.cnt, 1);
	ASSERT_EQ(memblock.reserved.regions[0].flags, MEMBLOCK_RSRV_KERN);
	ASSERT_EQ(memblock_reserved_kern_size(PHYS_ADDR_MAX, NUMA_NO_NODE), SZ_8K);
	ASSERT_EQ(memblock_reserved_kern_size(start + SZ_8K, NUMA_NO_NODE), SZ_4K);

	/* In the end the regions are as they were. */
	ASSERT_EQ(memblock.memory.cnt, 3);
	memblock_clear_kho_scratch_only();
	ASSERT_EQ(memblock.memory.cnt, 1);
	ASSERT_NE(memblock_phys_alloc(SZ_4K, 1), 0);

	test_pass_pop();

	return 0;
}

static int kho_may_reserve_check(void)
{
	phys_addr_t start;

	PREFIX_PUSH();
	kho_setup();
	start = memblock_start_of_DRAM();

	ASSERT_TRUE(memblock_may_reserve(start, SZ_4K));

	memblock_mark_kho_scratch(start + SZ_4K, SZ_4K);
	memblock_mark_kho_scratch(start + SZ_8K, SZ_4K);
	memblock_set_kho_scratch_only();

	ASSERT_FALSE(memblock_may_reserve(start, SZ_4K));
	ASSERT_FALSE(memblock_may_reserve(start, SZ_8K));
	ASSERT_TRUE(memblock_may_reserve(start + SZ_4K, SZ_8K));
	ASSERT_FALSE(memblock_may_reserve(start + SZ_8K, SZ_8K));
	ASSERT_FALSE(memblock_may_reserve(start + MEM_SIZE - SZ_4K, SZ_8K));

	memblock_clear_kho_scratch_only();

	test_pass_pop();

	return 0;
}

/* In both directions, the first place that is not scratch. */
static int kho_no_scratch_check(void)
{
	const phys_addr_t align = PAGE_SIZE << MAX_PAGE_ORDER;
	phys_addr_t base = 4 * align, addr;

	PREFIX_PUSH();
	reset_memblock_regions();

	memblock_add(base, 4 * align);
	kho_scratch_base = base + 2 * align;
	kho_scratch_size = 2 * align;

	addr = memblock_phys_alloc_no_scratch(SZ_4K, SZ_4K, 0,
					      MEMBLOCK_ALLOC_ACCESSIBLE,
					      NUMA_NO_NODE);
	ASSERT_EQ(addr, kho_scratch_base - SZ_4K);

	addr = (phys_addr_t)(unsigned long)memblock_alloc_hugetlb(align, NUMA_NO_NODE, false);
	ASSERT_EQ(addr, base);
	ASSERT_EQ(memblock_reserved_hugetlb_size(PHYS_ADDR_MAX, NUMA_NO_NODE), align);
	ASSERT_EQ(memblock_reserved_kern_size(PHYS_ADDR_MAX, NUMA_NO_NODE), align + SZ_4K);

	addr = memblock_phys_alloc_no_scratch(align, SZ_4K, 0,
					      MEMBLOCK_ALLOC_ACCESSIBLE,
					      NUMA_NO_NODE);
	ASSERT_EQ(addr, 0);

	memblock_set_bottom_up(true);
	kho_scratch_base = base;
	addr = memblock_phys_alloc_no_scratch(SZ_4K, SZ_4K, 0,
					      MEMBLOCK_ALLOC_ACCESSIBLE,
					      NUMA_NO_NODE);
	ASSERT_EQ(addr, base + 2 * align);
	memblock_set_bottom_up(false);
	kho_scratch_size = 0;

	test_pass_pop();

	return 0;
}

static const struct region *kho_ranges;

static bool kho_next_range(phys_addr_t *start, phys_addr_t *end, void *data)
{
	phys_addr_t dram = *(phys_addr_t *)data;

	if (!kho_ranges->size)
		return false;
	*start = dram + kho_ranges->base;
	*end = *start + kho_ranges->size;
	kho_ranges++;

	return true;
}

static void kho_expect(phys_addr_t dram, const struct region *ranges)
{
	const struct memblock_region *r;
	phys_addr_t total = 0;
	int nr = 0;

	for_each_reserved_mem_region(r) {
		total += r->size;
		if (r->flags != MEMBLOCK_RSRV_NOINIT)
			continue;
		ASSERT_NE(ranges[nr].size, 0);
		ASSERT_EQ(r->base, dram + ranges[nr].base);
		ASSERT_EQ(r->size, ranges[nr].size);
		nr++;
	}
	ASSERT_EQ(ranges[nr].size, 0);
	ASSERT_EQ(memblock.reserved.total_size, total);
}

/* Ranges before, after, in, over, and next to regions, and across several. */
static int kho_reserve_sorted_check(void)
{
	static const struct region regions[] = {
		{ 0x2000, 0x1000 }, { 0x4000, 0x2000 }, { 0x8000, 0x1000 },
	};
	static const struct region ranges[] = {
		{ 0x0000, 0x1000 }, { 0x1800, 0x1000 }, { 0x3000, 0x1000 },
		{ 0x4400, 0x400 }, { 0x5000, 0x3800 }, { 0x8800, 0x200 },
		{ 0x8c00, 0x800 }, { 0xa000, 0x0800 }, {},
	};
	static const struct region expected[] = {
		{ 0x0000, 0x1000 }, { 0x1800, 0x800 }, { 0x3000, 0x1000 },
		{ 0x6000, 0x2000 }, { 0x9000, 0x400 }, { 0xa000, 0x800 }, {},
	};
	struct memblock_region *saved = memblock.reserved.regions;
	phys_addr_t dram;
	int i;

	PREFIX_PUSH();
	kho_setup();

	dram = memblock_start_of_DRAM();
	for (i = 0; i < ARRAY_SIZE(regions); i++)
		memblock_reserve(dram + regions[i].base, regions[i].size);

	/* No room for the new array in what is left of MEM_SIZE, then there is. */
	kho_ranges = ranges;
	ASSERT_EQ(memblock_reserve_sorted(kho_next_range, &dram, MEM_SIZE,
					  MEMBLOCK_RSRV_NOINIT), -ENOMEM);
	ASSERT_EQ(memblock.reserved.cnt, ARRAY_SIZE(regions));

	memblock_add(dram, PHYS_MEM_SIZE);

	kho_ranges = ranges;
	ASSERT_EQ(memblock_reserve_sorted(kho_next_range, &dram,
					  ARRAY_SIZE(ranges) - 1,
					  MEMBLOCK_RSRV_NOINIT), 0);
	kho_expect(dram, expected);

	memblock.reserved.regions = saved;
	reset_memblock_regions();

	test_pass_pop();

	return 0;
}

int memblock_kho_checks(void)
{
	reset_memblock_attributes();
	dummy_physical_memory_init();

	prefix_push(FUNC_KHO);
	kho_scratch_only_check();
	kho_may_reserve_check();
	kho_no_scratch_check();
	kho_reserve_sorted_check();
	prefix_pop();

	dummy_physical_memory_cleanup();

	return 0;
}
