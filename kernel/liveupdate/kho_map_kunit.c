// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the checks of what a previous kernel left: map of preserved
 * memory and scratch array. Also built on the host, see
 * tools/testing/selftests/liveupdate/host.
 */
#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/align.h>
#include <linux/bits.h>
#include <linux/gfp.h>
#include <linux/kho_radix_tree.h>
#include <linux/pfn.h>
#include <linux/string.h>

#include <asm/kexec_handover.h>

#include "kho_libs.h"

#define GiB		BIT(30)
#define TOP		(KHO_TREE_MAX_DEPTH - 1)

/*
 * A machine: 2 GiB in node 0, a hole, 2 GiB in node 1 in two pieces that are
 * adjacent, then 1 GiB in node 0. Scratch from 64 to 128 MiB.
 */
static const struct {
	phys_addr_t start, end;
	int nid;
} ram[] = {
	{ 0, 2 * GiB, 0 },
	{ 3 * GiB, 4 * GiB, 1 },
	{ 4 * GiB, 5 * GiB, 1 },
	{ 5 * GiB, 6 * GiB, 0 },
};

#define SCRATCH_START	(64UL << 20)
#define SCRATCH_END	(128UL << 20)

/* Pages of the tree are at TREE + n pages. */
#define TREE		0x10000000UL
#define MAX_TREE_PAGES	64
#define MAX_RANGES	64

struct map_test {
	struct kho_map map;
	struct kho_map_iter it;
	struct kho_map_env env;
	struct kho_rejection rej;
	u64 *pages[MAX_TREE_PAGES];
	unsigned int nr_pages;
	unsigned int calls;
	int live;
	int fail_after;	/* -1: never */
	phys_addr_t ranges[MAX_RANGES][2];
	unsigned int nr_ranges;
};

static bool env_ram_at(phys_addr_t phys, phys_addr_t *end, int *nid, void *ctx)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ram); i++) {
		if (phys < ram[i].start || phys >= ram[i].end)
			continue;
		*end = ram[i].end;
		*nid = ram[i].nid;
		return true;
	}
	return false;
}

static const void *env_map(phys_addr_t phys, void *ctx)
{
	struct map_test *mt = ctx;
	phys_addr_t end;
	int nid;

	mt->calls++;
	if (!IS_ALIGNED(phys, PAGE_SIZE) || !env_ram_at(phys, &end, &nid, NULL))
		KUNIT_FAIL(kunit_get_current_test(), "followed without a check");
	if (phys < TREE || phys >= TREE + mt->nr_pages * PAGE_SIZE)
		return NULL;
	return mt->pages[(phys - TREE) / PAGE_SIZE];
}

static bool env_forbidden(phys_addr_t phys, phys_addr_t size, void *ctx)
{
	return phys < SCRATCH_END && phys + size > SCRATCH_START;
}

static struct kho_radix_node *counted_alloc(void)
{
	struct map_test *mt = kunit_get_current_test()->priv;
	struct kho_radix_node *node;

	if (!mt->fail_after)
		return NULL;
	if (mt->fail_after > 0)
		mt->fail_after--;
	node = (void *)get_zeroed_page(GFP_KERNEL);
	if (node)
		mt->live++;
	return node;
}

static void counted_free(struct kho_radix_node *node)
{
	struct map_test *mt = kunit_get_current_test()->priv;

	mt->live--;
	free_page((unsigned long)node);
}

/* The tree is written here by hand, with nothing but what the format says. */

static phys_addr_t new_page(struct kunit *test)
{
	struct map_test *mt = test->priv;

	KUNIT_ASSERT_LT(test, mt->nr_pages, MAX_TREE_PAGES);
	mt->pages[mt->nr_pages] = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, mt->pages[mt->nr_pages]);
	return TREE + mt->nr_pages++ * PAGE_SIZE;
}

static u64 *page_of(struct map_test *mt, phys_addr_t phys)
{
	return mt->pages[(phys - TREE) / PAGE_SIZE];
}

/* The entry of the table of @level on the way to @key; tables are made. */
static u64 *slot_of(struct kunit *test, unsigned long key, unsigned int level)
{
	struct map_test *mt = test->priv;
	u64 *slot, *page = mt->pages[0];
	unsigned int at;

	for (at = TOP;; at--) {
		slot = &page[key >> ((at - 1) * KHO_TABLE_SIZE_LOG2 +
				     KHO_BITMAP_SIZE_LOG2) &
			     (PAGE_SIZE / 8 - 1)];
		if (at == level)
			return slot;
		if (!*slot)
			*slot = new_page(test);
		page = page_of(mt, *slot);
	}
}

static void put_key(struct kunit *test, unsigned long key)
{
	u64 *slot = slot_of(test, key, 1);

	if (!*slot)
		*slot = new_page(test);
	key &= PAGE_SIZE * 8 - 1;
	page_of(test->priv, *slot)[key / 64] |= 1ULL << (key % 64);
}

static void put(struct kunit *test, phys_addr_t phys, unsigned int order)
{
	put_key(test, kho_radix_encode_key(phys, order));
}

static int check(struct kunit *test)
{
	struct map_test *mt = test->priv;

	kho_map_release(&mt->map);
	mt->rej.why = KHO_REJECT_MAX;
	return kho_map_check(&mt->map, &mt->env, TREE, &mt->rej);
}

static void expect_rejected(struct kunit *test, enum kho_reject why,
			    phys_addr_t where)
{
	struct map_test *mt = test->priv;

	KUNIT_EXPECT_EQ(test, check(test), -EINVAL);
	KUNIT_EXPECT_STREQ(test, kho_reject_str(mt->rej.why),
			   kho_reject_str(why));
	KUNIT_EXPECT_EQ(test, mt->rej.where, where);
}

static void expect_accepted(struct kunit *test)
{
	struct map_test *mt = test->priv;

	KUNIT_EXPECT_EQ(test, check(test), 0);
	KUNIT_EXPECT_STREQ(test, kho_reject_str(mt->rej.why),
			   kho_reject_str(KHO_ACCEPTED));
}

static int map_test_init(struct kunit *test)
{
	struct map_test *mt = kunit_kzalloc(test, sizeof(*mt), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, mt);
	test->priv = mt;
	mt->fail_after = -1;
	mt->env = (struct kho_map_env){
		.map = env_map,
		.ram_at = env_ram_at,
		.forbidden = env_forbidden,
		.ctx = mt,
	};
	kunit_activate_static_stub(test, kho_radix_alloc_node, counted_alloc);
	kunit_activate_static_stub(test, kho_radix_free_node, counted_free);
	new_page(test);
	return 0;
}

static void map_test_exit(struct kunit *test)
{
	struct map_test *mt = test->priv;

	kho_map_release(&mt->map);
	kho_map_release(&mt->map);
	KUNIT_EXPECT_EQ(test, mt->live, 0);
	kunit_deactivate_static_stub(test, kho_radix_alloc_node);
	kunit_deactivate_static_stub(test, kho_radix_free_node);
}

static void test_reasons(struct kunit *test)
{
	unsigned int why;

	for (why = 0; why < KHO_REJECT_MAX; why++)
		KUNIT_EXPECT_NOT_NULL(test, kho_reject_str(why));
	KUNIT_EXPECT_NOT_NULL(test, kho_reject_str(KHO_REJECT_MAX));
}

static void test_empty(struct kunit *test)
{
	struct map_test *mt = test->priv;
	const u64 depth = KHO_TREE_MAX_DEPTH;
	struct kho_map_run run;
	phys_addr_t start, end;

	expect_accepted(test);
	KUNIT_EXPECT_EQ(test, mt->map.nr_nodes, 1);
	KUNIT_EXPECT_EQ(test, mt->map.nr_blocks, 0);
	kho_map_iter_init(&mt->it, &mt->map);
	KUNIT_EXPECT_FALSE(test, kho_map_next_run(&mt->it, &run));
	KUNIT_EXPECT_FALSE(test, kho_map_next_range(&mt->it, &start, &end));
	KUNIT_EXPECT_FALSE(test, kho_map_find(&mt->map, PAGE_SIZE, &run));

	/* Deletion leaves tables and leaves behind. */
	put(test, PAGE_SIZE, 0);
	page_of(mt, *slot_of(test, kho_radix_encode_key(PAGE_SIZE, 0), 1))[0] = 0;
	expect_accepted(test);
	KUNIT_EXPECT_EQ(test, mt->map.nr_nodes, depth);
	KUNIT_EXPECT_EQ(test, mt->map.nr_blocks, 0);
}

static void test_order_of_blocks(struct kunit *test)
{
	struct map_test *mt = test->priv;
	/* Of all orders, across leaves and NUMA nodes, touching or not. */
	static const struct kho_map_run blocks[] = {
		{ 0x0000, 0, 0 },		/* page 0 counts, too */
		{ 0x4000, 0, 2 },
		{ 0x8000, 0, 0 },
		{ 0x9000, 0, 0 },
		{ 0xa000, 0, 1 },
		{ 0x200000, 0, 9 },
		{ 0x400000, 0, 9 },
		{ 0x600000, 0, 0 },
		{ 1 * GiB, 0, 18 },
		{ 3 * GiB, 0, 18 },
		{ 4 * GiB, 0, 18 },
		{ 5 * GiB, 0, 0 },
	};
	static const struct kho_map_run runs[] = {
		{ 0x0000, 0x1000, 0 },
		{ 0x4000, 0x8000, 2 },
		{ 0x8000, 0xa000, 0 },
		{ 0xa000, 0xc000, 1 },
		{ 0x200000, 0x600000, 9 },
		{ 0x600000, 0x601000, 0 },
		{ 1 * GiB, 2 * GiB, 18 },
		{ 3 * GiB, 5 * GiB, 18 },	/* two pieces of one node */
		{ 5 * GiB, 5 * GiB + 0x1000, 0 },
	};
	static const phys_addr_t ranges[][2] = {
		{ 0x0000, 0x1000 },
		{ 0x4000, 0xc000 },
		{ 0x200000, 0x601000 },
		{ 1 * GiB, 2 * GiB },
		{ 3 * GiB, 5 * GiB + 0x1000 },
	};
	phys_addr_t start, end, pages = 0;
	struct kho_map_run run;
	unsigned int i;

	if (PAGE_SHIFT != 12)
		kunit_skip(test, "addresses are for 4 KiB pages");
	for (i = 0; i < ARRAY_SIZE(blocks); i++) {
		put(test, blocks[i].start, blocks[i].order);
		pages += 1UL << blocks[i].order;
	}
	expect_accepted(test);
	KUNIT_EXPECT_EQ(test, mt->map.nr_blocks, ARRAY_SIZE(blocks));
	KUNIT_EXPECT_EQ(test, mt->map.nr_pages, pages);

	kho_map_iter_init(&mt->it, &mt->map);
	for (i = 0; i < ARRAY_SIZE(runs); i++) {
		KUNIT_ASSERT_TRUE(test, kho_map_next_run(&mt->it, &run));
		KUNIT_EXPECT_EQ(test, run.start, runs[i].start);
		KUNIT_EXPECT_EQ(test, run.end, runs[i].end);
		KUNIT_EXPECT_EQ(test, run.order, runs[i].order);
	}
	KUNIT_EXPECT_FALSE(test, kho_map_next_run(&mt->it, &run));
	KUNIT_EXPECT_FALSE(test, kho_map_next_run(&mt->it, &run));

	kho_map_iter_init(&mt->it, &mt->map);
	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		KUNIT_ASSERT_TRUE(test, kho_map_next_range(&mt->it, &start,
							   &end));
		KUNIT_EXPECT_EQ(test, start, ranges[i][0]);
		KUNIT_EXPECT_EQ(test, end, ranges[i][1]);
	}
	KUNIT_EXPECT_FALSE(test, kho_map_next_range(&mt->it, &start, &end));
	KUNIT_EXPECT_FALSE(test, kho_map_next_range(&mt->it, &start, &end));

	KUNIT_ASSERT_TRUE(test, kho_map_find(&mt->map, 0x5fffff, &run));
	KUNIT_EXPECT_EQ(test, run.start, 0x400000);
	KUNIT_EXPECT_EQ(test, run.end, 0x600000);
	KUNIT_EXPECT_EQ(test, run.order, 9);
	KUNIT_EXPECT_FALSE(test, kho_map_find(&mt->map, 0x601000, &run));
	KUNIT_EXPECT_FALSE(test, kho_map_find(&mt->map, ~0UL, &run));
}

/* Runs end with their leaf, ranges do not. */
static void test_across_leaves(struct kunit *test)
{
	struct map_test *mt = test->priv;
	phys_addr_t at = 3 * (PAGE_SIZE << KHO_BITMAP_SIZE_LOG2);
	phys_addr_t start, end;
	struct kho_map_run run;

	if (at >= 2 * GiB)
		kunit_skip(test, "a leaf is larger than the machine");
	put(test, at - 2 * PAGE_SIZE, 0);
	put(test, at - PAGE_SIZE, 0);
	put(test, at, 0);
	expect_accepted(test);
	kho_map_iter_init(&mt->it, &mt->map);
	KUNIT_ASSERT_TRUE(test, kho_map_next_run(&mt->it, &run));
	KUNIT_EXPECT_EQ(test, run.end, at);
	kho_map_iter_init(&mt->it, &mt->map);
	KUNIT_ASSERT_TRUE(test, kho_map_next_range(&mt->it, &start, &end));
	KUNIT_EXPECT_EQ(test, start, at - 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, end, at + PAGE_SIZE);
}

static void test_nodes(struct kunit *test)
{
	struct map_test *mt = test->priv;
	phys_addr_t node, from = 0;
	unsigned int i;

	put(test, PAGE_SIZE, 0);
	put(test, PAGE_SIZE << 9, 9);
	expect_accepted(test);
	KUNIT_EXPECT_EQ(test, mt->map.nr_nodes, mt->nr_pages);
	for (i = 0; i < mt->nr_pages; i++) {
		KUNIT_ASSERT_TRUE(test, kho_map_next_node(&mt->map, from,
							  &node));
		KUNIT_EXPECT_EQ(test, node, TREE + i * PAGE_SIZE);
		from = node + 1;
	}
	KUNIT_EXPECT_FALSE(test, kho_map_next_node(&mt->map, from, &node));
	KUNIT_EXPECT_FALSE(test, kho_map_next_node(&mt->map, ~0UL, &node));
}

/* Each kind of bad pointer, at each level. */
static void test_bad_pointers(struct kunit *test)
{
	static const struct {
		u64 phys;
		enum kho_reject why;
	} bad[] = {
		{ TREE + 8, KHO_NODE_UNALIGNED },
		{ TREE + PAGE_SIZE / 2, KHO_NODE_UNALIGNED },
		{ 1, KHO_NODE_UNALIGNED },
		{ ~0UL, KHO_NODE_UNALIGNED },
		{ ~0UL << PAGE_SHIFT, KHO_NODE_NOT_RAM },
		{ 2 * GiB, KHO_NODE_NOT_RAM },
		{ 6 * GiB, KHO_NODE_NOT_RAM },
		{ SCRATCH_START, KHO_NODE_FORBIDDEN },
		{ SCRATCH_END - PAGE_SIZE, KHO_NODE_FORBIDDEN },
		{ 1 * GiB, KHO_NODE_NOT_RAM },	/* cannot be read */
		{ TREE, KHO_NODE_TWICE },	/* the root: a cycle */
		{ TREE + PAGE_SIZE, KHO_NODE_TWICE },
	};
	struct map_test *mt = test->priv;
	unsigned long key = kho_radix_encode_key(PAGE_SIZE, 0);
	unsigned int i, level;

	put(test, PAGE_SIZE << 9, 9);
	put_key(test, key);
	expect_accepted(test);

	for (level = 1; level <= TOP; level++) {
		u64 *slot = slot_of(test, key, level);
		u64 good = *slot;

		for (i = 0; i < ARRAY_SIZE(bad); i++) {
			*slot = bad[i].phys;
			expect_rejected(test, bad[i].why, bad[i].phys);
		}
		*slot = good;
	}
	expect_accepted(test);

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		if (bad[i].why == KHO_NODE_TWICE)
			continue;
		kho_map_release(&mt->map);
		KUNIT_EXPECT_EQ(test, kho_map_check(&mt->map, &mt->env,
						    bad[i].phys, &mt->rej),
				-EINVAL);
		KUNIT_EXPECT_EQ(test, mt->rej.why, bad[i].why);
	}
}

static int no_range(phys_addr_t start, phys_addr_t end, void *data)
{
	return 0;
}

/* All entries of all tables lead to one page below: found at once. */
static void test_tables_linked_twice(struct kunit *test)
{
	struct map_test *mt = test->priv;
	unsigned int i, level;

	for (level = TOP; level; level--) {
		phys_addr_t next = new_page(test);
		u64 *page = mt->pages[mt->nr_pages - 2];

		for (i = 0; i < kho_radix_fanout(level); i++)
			page[i] = next;
	}
	expect_rejected(test, KHO_NODE_TWICE,
			TREE + (mt->nr_pages - 1) * PAGE_SIZE);
	KUNIT_EXPECT_LT(test, mt->calls, 100);

	/* And what remains of it is what is in there once. */
	memset(mt->pages[mt->nr_pages - 1], 0xff, PAGE_SIZE);
	mt->calls = 0;
	check(test);
	kho_map_salvage(&mt->map, no_range, NULL);
	KUNIT_EXPECT_LT(test, mt->calls, 100);
}

static void test_too_wide(struct kunit *test)
{
	struct map_test *mt = test->priv;
	unsigned int i = kho_radix_fanout(TOP);

	mt->pages[0][i] = new_page(test);
	expect_rejected(test, KHO_NODE_TOO_WIDE, TREE);
	mt->pages[0][i] = 0;
	mt->pages[0][PAGE_SIZE / 8 - 1] = TREE + PAGE_SIZE;
	expect_rejected(test, KHO_NODE_TOO_WIDE, TREE);
}

static void test_bad_orders(struct kunit *test)
{
	unsigned int order;

	for (order = 63 - PAGE_SHIFT; order > 30; order--) {
		put(test, 0, order);
		expect_rejected(test, KHO_BLOCK_NOT_RAM, 0);
	}
	put_key(test, 1);
	expect_rejected(test, KHO_BLOCK_TOO_BIG, 1);
	put_key(test, 0);
	expect_rejected(test, KHO_BLOCK_TOO_BIG, 0);
}

static void bad_block(struct kunit *test, phys_addr_t phys, unsigned int order,
		      enum kho_reject why)
{
	put(test, PAGE_SIZE, 0);
	put(test, phys, order);
	expect_rejected(test, why, phys);
}

#define BLOCK_TEST(name, phys, order, why)	\
static void test_##name(struct kunit *test)	\
{						\
	bad_block(test, phys, order, why);	\
}

BLOCK_TEST(block_in_hole, 2 * GiB, 0, KHO_BLOCK_NOT_RAM)
BLOCK_TEST(block_above, 6 * GiB, 0, KHO_BLOCK_NOT_RAM)
BLOCK_TEST(block_last_page, ~0UL << PAGE_SHIFT, 0, KHO_BLOCK_NOT_RAM)
BLOCK_TEST(block_top_half, 1UL << 63, 63 - PAGE_SHIFT, KHO_BLOCK_NOT_RAM)
BLOCK_TEST(block_into_hole, 0, 32 - PAGE_SHIFT, KHO_BLOCK_NOT_RAM)
BLOCK_TEST(block_out_of_hole, 2 * GiB, 31 - PAGE_SHIFT, KHO_BLOCK_NOT_RAM)
BLOCK_TEST(block_spans_nodes, 4 * GiB, 31 - PAGE_SHIFT, KHO_BLOCK_SPANS_NODES)
BLOCK_TEST(block_first_scratch, SCRATCH_START, 0, KHO_BLOCK_FORBIDDEN)
BLOCK_TEST(block_last_scratch, SCRATCH_END - PAGE_SIZE, 0, KHO_BLOCK_FORBIDDEN)
BLOCK_TEST(block_over_scratch, SCRATCH_START, 26 - PAGE_SHIFT,
	   KHO_BLOCK_FORBIDDEN)

static void test_block_beside_scratch(struct kunit *test)
{
	put(test, SCRATCH_START - PAGE_SIZE, 0);
	put(test, SCRATCH_END, 0);
	expect_accepted(test);
}

/* A run may cross nodes as long as no block of it does. */
static void test_run_across_nodes(struct kunit *test)
{
	struct map_test *mt = test->priv;

	put(test, 5 * GiB - 2 * PAGE_SIZE, 0);
	put(test, 5 * GiB - PAGE_SIZE, 0);
	put(test, 5 * GiB, 0);
	put(test, 5 * GiB + PAGE_SIZE, 0);
	expect_accepted(test);
	KUNIT_EXPECT_EQ(test, mt->map.nr_blocks, 4);

	/* The bad one of a run is named. */
	put(test, 2 * GiB - PAGE_SIZE, 0);
	put(test, 2 * GiB, 0);
	expect_rejected(test, KHO_BLOCK_NOT_RAM, 2 * GiB);
}

static void test_overlap(struct kunit *test)
{
	put(test, 0x200000, 21 - PAGE_SHIFT);
	expect_accepted(test);
	put(test, 0x400000, 0);
	put(test, 0x200000 - PAGE_SIZE, 0);
	expect_accepted(test);
	put(test, 0x400000 - PAGE_SIZE, 0);
	expect_rejected(test, KHO_BLOCK_OVERLAPS, 0x400000 - PAGE_SIZE);
}

static void test_overlap_same_start(struct kunit *test)
{
	put(test, 0x200000, 21 - PAGE_SHIFT);
	put(test, 0x200000, 0);
	expect_rejected(test, KHO_BLOCK_OVERLAPS, 0x200000);
}

static void test_block_is_node(struct kunit *test)
{
	struct map_test *mt = test->priv;

	put(test, TREE, 0);
	expect_rejected(test, KHO_BLOCK_IS_NODE, TREE);
	/* Those around it are good. */
	*slot_of(test, kho_radix_encode_key(TREE, 0), TOP) = 0;
	put(test, TREE - PAGE_SIZE, 0);
	put(test, TREE + MAX_TREE_PAGES * PAGE_SIZE, 0);
	expect_accepted(test);
	put(test, TREE, 24 - PAGE_SHIFT);
	expect_rejected(test, KHO_BLOCK_IS_NODE, TREE);
	KUNIT_EXPECT_GT(test, mt->map.nr_nodes, 1);
}

static void test_no_memory(struct kunit *test)
{
	struct map_test *mt = test->priv;
	const int depth = KHO_TREE_MAX_DEPTH;
	int nth, err;

	put(test, PAGE_SIZE, 0);
	for (nth = 0;; nth++) {
		mt->fail_after = nth;
		err = check(test);
		mt->fail_after = -1;
		if (!err)
			break;
		KUNIT_EXPECT_EQ(test, err, -ENOMEM);
		KUNIT_EXPECT_EQ(test, mt->rej.why, KHO_NO_MEMORY);
		kho_map_release(&mt->map);
		KUNIT_EXPECT_EQ(test, mt->live, 0);
	}
	KUNIT_EXPECT_EQ(test, nth, depth);
}

static int take_range(phys_addr_t start, phys_addr_t end, void *data)
{
	struct map_test *mt = data;

	if (mt->nr_ranges == MAX_RANGES)
		return 77;
	mt->ranges[mt->nr_ranges][0] = start;
	mt->ranges[mt->nr_ranges++][1] = end;
	return 0;
}

/* In test_salvage(): part of what is good. */
static bool is_good_range(struct map_test *mt, unsigned int i)
{
	phys_addr_t start = mt->ranges[i][0], end = mt->ranges[i][1];

	return (start >= PAGE_SIZE && end <= 3 * PAGE_SIZE) ||
	       (start >= 0x200000 && end <= 0x400000) ||
	       (start >= TREE && end <= TREE + mt->nr_pages * PAGE_SIZE);
}

/* What is good of a map in which much is bad. */
static void test_salvage(struct kunit *test)
{
	struct map_test *mt = test->priv;
	unsigned long key = kho_radix_encode_key(BIT(49), 0);
	unsigned long other = kho_radix_encode_key(BIT(50), 0);
	unsigned int i;
	int nth, err;

	put(test, PAGE_SIZE, 0);
	put(test, 2 * PAGE_SIZE, 0);
	put(test, 0x200000, 21 - PAGE_SHIFT);	/* both of two that overlap */
	put(test, 0x300000, 0);
	put(test, SCRATCH_START, 0);		/* not in scratch */
	put(test, 2 * GiB, 0);			/* not in the hole */
	put(test, 0, 40 - PAGE_SHIFT);		/* not everything */
	put(test, BIT(63), 63 - PAGE_SHIFT);	/* not what wraps */
	put(test, TREE, 0);			/* the tree once */
	put_key(test, 0);
	put_key(test, 1);
	mt->pages[0][PAGE_SIZE / 8 - 1] = TREE;	/* not what is too wide */
	*slot_of(test, key, 2) = TREE + 1;
	*slot_of(test, other, 1) = TREE;

	KUNIT_EXPECT_EQ(test, check(test), -EINVAL);
	for (i = 0; i < 2; i++) {
		mt->nr_ranges = 0;
		KUNIT_EXPECT_EQ(test, kho_map_salvage(&mt->map, take_range, mt),
				0);
		KUNIT_ASSERT_EQ(test, mt->nr_ranges, 3);
		KUNIT_EXPECT_EQ(test, mt->ranges[0][0], PAGE_SIZE);
		KUNIT_EXPECT_EQ(test, mt->ranges[0][1], 3 * PAGE_SIZE);
		KUNIT_EXPECT_EQ(test, mt->ranges[1][0], 0x200000);
		KUNIT_EXPECT_EQ(test, mt->ranges[1][1], 0x400000);
		KUNIT_EXPECT_EQ(test, mt->ranges[2][0], TREE);
		KUNIT_EXPECT_EQ(test, mt->ranges[2][1],
				TREE + mt->nr_pages * PAGE_SIZE);
	}

	/* The caller may stop it. */
	mt->nr_ranges = MAX_RANGES;
	KUNIT_EXPECT_EQ(test, kho_map_salvage(&mt->map, take_range, mt), 77);

	for (nth = 0;; nth++) {
		KUNIT_EXPECT_EQ(test, check(test), -EINVAL);
		mt->nr_ranges = 0;
		mt->fail_after = nth;
		err = kho_map_salvage(&mt->map, take_range, mt);
		mt->fail_after = -1;
		if (!err)
			break;
		KUNIT_EXPECT_EQ(test, err, -ENOMEM);
		/* As far as it went, it is right. */
		for (i = 0; i < mt->nr_ranges; i++)
			KUNIT_EXPECT_TRUE(test, is_good_range(mt, i));
	}
	KUNIT_EXPECT_EQ(test, mt->nr_ranges, 3);
}

/* Nothing can be said about a map whose root is bad. */
static void test_salvage_nothing(struct kunit *test)
{
	struct map_test *mt = test->priv;

	KUNIT_EXPECT_EQ(test, kho_map_check(&mt->map, &mt->env, 0x123, &mt->rej),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, kho_map_salvage(&mt->map, take_range, mt), 0);
	KUNIT_EXPECT_EQ(test, mt->nr_ranges, 0);
}

/* Scratch array */

#define ALIGN_SCRATCH	(4UL << 20)

static enum kho_reject check_scratch(const void *scratch, u64 bytes)
{
	struct kho_rejection rej = { .why = KHO_REJECT_MAX };
	int err = kho_scratch_check(scratch, bytes, 8, ALIGN_SCRATCH, &rej);

	if (err ? rej.why == KHO_ACCEPTED : rej.why != KHO_ACCEPTED)
		return KHO_REJECT_MAX;
	return rej.why;
}

static void test_scratch(struct kunit *test)
{
	struct kho_scratch s[9] = {
		{ 8 * ALIGN_SCRATCH, 2 * ALIGN_SCRATCH },
		{ 0x123, 0 },
		{ 4 * ALIGN_SCRATCH, 4 * ALIGN_SCRATCH },
		{ 10 * ALIGN_SCRATCH, ALIGN_SCRATCH },
	};
	const u64 size = sizeof(s[0]);

	KUNIT_EXPECT_EQ(test, size, 16);
	KUNIT_EXPECT_EQ(test, check_scratch(s, 4 * size), KHO_ACCEPTED);
	KUNIT_EXPECT_EQ(test, check_scratch(s, 8 * size), KHO_ACCEPTED);
	KUNIT_EXPECT_EQ(test, check_scratch(s, 9 * size),
			KHO_SCRATCH_TOO_MANY);
	KUNIT_EXPECT_EQ(test, check_scratch(s, ~15ULL), KHO_SCRATCH_TOO_MANY);
	KUNIT_EXPECT_EQ(test, check_scratch(s, 0), KHO_SCRATCH_LENGTH);
	KUNIT_EXPECT_EQ(test, check_scratch(s, 15), KHO_SCRATCH_LENGTH);
	KUNIT_EXPECT_EQ(test, check_scratch(s, 17), KHO_SCRATCH_LENGTH);
	KUNIT_EXPECT_EQ(test, check_scratch((void *)s + 4, size),
			KHO_SCRATCH_UNALIGNED);
	KUNIT_EXPECT_EQ(test, check_scratch(s + 1, size), KHO_SCRATCH_NONE);

	s[0].addr += PAGE_SIZE;
	KUNIT_EXPECT_EQ(test, check_scratch(s, 4 * size),
			KHO_SCRATCH_AREA_UNALIGNED);
	s[0].addr -= PAGE_SIZE;
	s[0].size += PAGE_SIZE;
	KUNIT_EXPECT_EQ(test, check_scratch(s, 4 * size),
			KHO_SCRATCH_AREA_UNALIGNED);
	s[0].size = 2 * ALIGN_SCRATCH;

	s[3].addr -= ALIGN_SCRATCH;
	KUNIT_EXPECT_EQ(test, check_scratch(s, 4 * size),
			KHO_SCRATCH_AREA_OVERLAPS);
	s[3] = s[0];
	KUNIT_EXPECT_EQ(test, check_scratch(s, 4 * size),
			KHO_SCRATCH_AREA_OVERLAPS);
	s[3] = (struct kho_scratch){ 0, 64 * ALIGN_SCRATCH };
	KUNIT_EXPECT_EQ(test, check_scratch(s, 4 * size),
			KHO_SCRATCH_AREA_OVERLAPS);
	s[3] = (struct kho_scratch){ -ALIGN_SCRATCH, ALIGN_SCRATCH };
	KUNIT_EXPECT_EQ(test, check_scratch(s, 4 * size),
			KHO_SCRATCH_AREA_WRAPS);
	s[3] = (struct kho_scratch){ -ALIGN_SCRATCH, 2 * ALIGN_SCRATCH };
	KUNIT_EXPECT_EQ(test, check_scratch(s, 4 * size),
			KHO_SCRATCH_AREA_WRAPS);
}

static struct kunit_case kho_map_cases[] = {
	KUNIT_CASE(test_reasons),
	KUNIT_CASE(test_empty),
	KUNIT_CASE(test_order_of_blocks),
	KUNIT_CASE(test_across_leaves),
	KUNIT_CASE(test_nodes),
	KUNIT_CASE(test_bad_pointers),
	KUNIT_CASE(test_tables_linked_twice),
	KUNIT_CASE(test_too_wide),
	KUNIT_CASE(test_bad_orders),
	KUNIT_CASE(test_block_in_hole),
	KUNIT_CASE(test_block_above),
	KUNIT_CASE(test_block_last_page),
	KUNIT_CASE(test_block_top_half),
	KUNIT_CASE(test_block_into_hole),
	KUNIT_CASE(test_block_out_of_hole),
	KUNIT_CASE(test_block_spans_nodes),
	KUNIT_CASE(test_block_first_scratch),
	KUNIT_CASE(test_block_last_scratch),
	KUNIT_CASE(test_block_over_scratch),
	KUNIT_CASE(test_block_beside_scratch),
	KUNIT_CASE(test_run_across_nodes),
	KUNIT_CASE(test_overlap),
	KUNIT_CASE(test_overlap_same_start),
	KUNIT_CASE(test_block_is_node),
	KUNIT_CASE(test_no_memory),
	KUNIT_CASE(test_salvage),
	KUNIT_CASE(test_salvage_nothing),
	KUNIT_CASE(test_scratch),
	{ }
};

static struct kunit_suite kho_map_suite = {
	.name = "kho_map",
	.init = map_test_init,
	.exit = map_test_exit,
	.test_cases = kho_map_cases,
};

kunit_test_suite(kho_map_suite);
