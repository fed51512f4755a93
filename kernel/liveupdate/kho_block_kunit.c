// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of block sets. Also built on the host, see
 * tools/testing/selftests/liveupdate/host.
 */
#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kho_block.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "kho_libs.h"

#define ENTRY_SIZE	40UL
#define PER_BLOCK	((PAGE_SIZE - 16) / ENTRY_SIZE)
#define MAX_PAGES	256

/* The pages that exist. A block is at one of them, or nowhere. */
struct block_test {
	struct kho_block_set bs;
	struct kho_block_header_ser *pages[MAX_PAGES];
	unsigned int nr_pages;
	int live;
	int fail_after;	/* -1: never */
	int freed_incoming;
	unsigned int lookups;
};

static struct kho_block_header_ser *page_alloc(void)
{
	struct block_test *bt = kunit_get_current_test()->priv;
	struct kho_block_header_ser *ser;

	if (!bt->fail_after || bt->nr_pages == MAX_PAGES)
		return ERR_PTR(-ENOMEM);
	if (bt->fail_after > 0)
		bt->fail_after--;
	ser = (void *)get_zeroed_page(GFP_KERNEL);
	if (!ser)
		return ERR_PTR(-ENOMEM);
	bt->pages[bt->nr_pages++] = ser;
	bt->live++;
	return ser;
}

static void page_free(struct kho_block_header_ser *ser, bool incoming)
{
	struct kunit *test = kunit_get_current_test();
	struct block_test *bt = test->priv;
	unsigned int i;

	for (i = 0; i < bt->nr_pages; i++) {
		if (bt->pages[i] != ser)
			continue;
		bt->pages[i] = bt->pages[--bt->nr_pages];
		bt->live--;
		bt->freed_incoming += incoming;
		free_page((unsigned long)ser);
		return;
	}
	KUNIT_FAIL(test, "freed what was not allocated");
}

static bool page_valid(u64 phys)
{
	struct block_test *bt = kunit_get_current_test()->priv;
	unsigned int i;

	bt->lookups++;
	for (i = 0; i < bt->nr_pages; i++)
		if (virt_to_phys(bt->pages[i]) == phys)
			return true;
	return false;
}

static int block_test_init(struct kunit *test)
{
	struct block_test *bt = kunit_kzalloc(test, sizeof(*bt), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, bt);
	test->priv = bt;
	bt->fail_after = -1;
	kunit_activate_static_stub(test, kho_block_alloc_page, page_alloc);
	kunit_activate_static_stub(test, kho_block_free_page, page_free);
	kunit_activate_static_stub(test, kho_block_page_valid, page_valid);
	kho_block_set_init(&bt->bs, ENTRY_SIZE);
	return 0;
}

static void block_test_exit(struct kunit *test)
{
	struct block_test *bt = test->priv;

	kho_block_set_destroy(&bt->bs);
	KUNIT_EXPECT_EQ(test, bt->live, 0);
	KUNIT_EXPECT_EQ(test, bt->bs.nblocks, 0);
	KUNIT_EXPECT_EQ(test, kho_block_set_head_pa(&bt->bs), 0);
	KUNIT_EXPECT_TRUE(test, kho_block_set_is_empty(&bt->bs));
	kunit_deactivate_static_stub(test, kho_block_alloc_page);
	kunit_deactivate_static_stub(test, kho_block_free_page);
	kunit_deactivate_static_stub(test, kho_block_page_valid);
}

/* Write entries 0 ... @count - 1. */
static void fill(struct kunit *test, u64 count)
{
	struct block_test *bt = test->priv;
	struct kho_block_set_it it;
	u64 i;

	KUNIT_ASSERT_EQ(test, kho_block_set_grow(&bt->bs, count), 0);
	kho_block_set_it_init(&it, &bt->bs);
	for (i = 0; i < count; i++) {
		void *entry = kho_block_set_it_reserve_entry(&it);

		KUNIT_ASSERT_NOT_NULL(test, entry);
		memset(entry, i + 1, ENTRY_SIZE);
	}
}

static void expect_entries(struct kunit *test, struct kho_block_set *bs,
			   u64 count)
{
	struct kho_block_set_it it;
	u8 want[ENTRY_SIZE];
	void *entry;
	u64 i;

	kho_block_set_it_init(&it, bs);
	for (i = 0; i < count; i++) {
		entry = kho_block_set_it_read_entry(&it);
		KUNIT_ASSERT_NOT_NULL(test, entry);
		memset(want, i + 1, ENTRY_SIZE);
		KUNIT_EXPECT_MEMEQ(test, entry, want, ENTRY_SIZE);
	}
	KUNIT_EXPECT_NULL(test, kho_block_set_it_read_entry(&it));
	KUNIT_EXPECT_NULL(test, kho_block_set_it_read_entry(&it));
}

/* As the next kernel would, from the address alone. */
static int restore_as_incoming(struct kunit *test, struct kho_block_set *in)
{
	struct block_test *bt = test->priv;
	u64 head = kho_block_set_head_pa(&bt->bs);

	kho_block_set_init(in, ENTRY_SIZE);
	return kho_block_set_restore(in, head);
}

/* The pages now belong to the incoming set. */
static void forget_outgoing(struct kunit *test)
{
	struct block_test *bt = test->priv;
	struct kho_block *block, *next;

	list_for_each_entry_safe(block, next, &bt->bs.blocks, list)
		kfree(block);
	kho_block_set_init(&bt->bs, ENTRY_SIZE);
}

static u64 *header(struct kunit *test, unsigned int n)
{
	struct block_test *bt = test->priv;

	return (u64 *)bt->pages[n];
}

static void test_init(struct kunit *test)
{
	struct kho_block_set bs = KHO_BLOCK_SET_INIT(bs, ENTRY_SIZE);
	struct kho_block_set_it it;

	KUNIT_EXPECT_EQ(test, bs.count_per_block, PER_BLOCK);
	KUNIT_EXPECT_EQ(test, bs.entry_size, ENTRY_SIZE);
	KUNIT_EXPECT_TRUE(test, kho_block_set_is_empty(&bs));
	KUNIT_EXPECT_EQ(test, kho_block_set_head_pa(&bs), 0);
	kho_block_set_it_init(&it, &bs);
	KUNIT_EXPECT_NULL(test, kho_block_set_it_reserve_entry(&it));
	KUNIT_EXPECT_NULL(test, kho_block_set_it_read_entry(&it));
	KUNIT_EXPECT_NULL(test, kho_block_set_it_prev(&it));
	kho_block_set_destroy(&bs);
	kho_block_set_shrink(&bs, 0);
	kho_block_set_clear(&bs);

	kho_block_set_init(&bs, PAGE_SIZE - 16);
	KUNIT_EXPECT_EQ(test, bs.count_per_block, 1);
	kho_block_set_init(&bs, 1);
	KUNIT_EXPECT_EQ(test, bs.count_per_block, PAGE_SIZE - 16);
}

static void test_round_trip(struct kunit *test)
{
	static const u64 counts[] = {
		1, PER_BLOCK - 1, PER_BLOCK, PER_BLOCK + 1, 3 * PER_BLOCK, 0,
	};
	struct block_test *bt = test->priv;
	struct kho_block_set in;
	unsigned int i;
	int pages;

	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		fill(test, counts[i]);
		pages = (counts[i] + PER_BLOCK - 1) / PER_BLOCK;
		KUNIT_EXPECT_EQ(test, bt->bs.nblocks, pages);
		expect_entries(test, &bt->bs, counts[i]);

		KUNIT_ASSERT_EQ(test, restore_as_incoming(test, &in), 0);
		forget_outgoing(test);
		KUNIT_EXPECT_EQ(test, in.nblocks, pages);
		expect_entries(test, &in, counts[i]);

		bt->freed_incoming = 0;
		kho_block_set_destroy(&in);
		KUNIT_EXPECT_EQ(test, bt->freed_incoming, pages);
		KUNIT_EXPECT_EQ(test, bt->live, 0);
	}
}

/* What is in the pages, read with nothing but what the format says. */
static void test_layout(struct kunit *test)
{
	struct block_test *bt = test->priv;

	fill(test, PER_BLOCK + 2);
	KUNIT_ASSERT_EQ(test, bt->nr_pages, 2);
	KUNIT_EXPECT_EQ(test, kho_block_set_head_pa(&bt->bs),
			virt_to_phys(bt->pages[0]));
	KUNIT_EXPECT_EQ(test, header(test, 0)[0], virt_to_phys(bt->pages[1]));
	KUNIT_EXPECT_EQ(test, header(test, 0)[1], PER_BLOCK);
	KUNIT_EXPECT_EQ(test, header(test, 1)[0], 0);
	KUNIT_EXPECT_EQ(test, header(test, 1)[1], 2);
	KUNIT_EXPECT_EQ(test, ((u8 *)header(test, 0))[16], 1);
	KUNIT_EXPECT_EQ(test, ((u8 *)header(test, 0))[16 + ENTRY_SIZE - 1], 1);
	KUNIT_EXPECT_EQ(test, ((u8 *)header(test, 0))[16 + ENTRY_SIZE], 2);
	KUNIT_EXPECT_EQ(test, ((u8 *)header(test, 1))[16 + 2 * ENTRY_SIZE], 0);
}

static void test_grow_shrink(struct kunit *test)
{
	struct block_test *bt = test->priv;

	KUNIT_EXPECT_EQ(test, kho_block_set_grow(&bt->bs, 0), 0);
	KUNIT_EXPECT_TRUE(test, kho_block_set_is_empty(&bt->bs));
	KUNIT_EXPECT_EQ(test, kho_block_set_grow(&bt->bs, 3 * PER_BLOCK), 0);
	KUNIT_EXPECT_EQ(test, bt->bs.nblocks, 3);
	KUNIT_EXPECT_EQ(test, kho_block_set_grow(&bt->bs, 1), 0);
	KUNIT_EXPECT_EQ(test, bt->bs.nblocks, 3);

	kho_block_set_shrink(&bt->bs, 3 * PER_BLOCK);
	KUNIT_EXPECT_EQ(test, bt->bs.nblocks, 3);
	kho_block_set_shrink(&bt->bs, ~0ULL);
	KUNIT_EXPECT_EQ(test, bt->bs.nblocks, 3);
	kho_block_set_shrink(&bt->bs, 2 * PER_BLOCK + 1);
	KUNIT_EXPECT_EQ(test, bt->bs.nblocks, 3);
	kho_block_set_shrink(&bt->bs, 2 * PER_BLOCK);
	KUNIT_EXPECT_EQ(test, bt->bs.nblocks, 2);
	KUNIT_EXPECT_EQ(test, header(test, 1)[0], 0);
	KUNIT_EXPECT_EQ(test, bt->live, 2);
	kho_block_set_shrink(&bt->bs, 0);
	KUNIT_EXPECT_EQ(test, kho_block_set_head_pa(&bt->bs), 0);
	KUNIT_EXPECT_EQ(test, bt->live, 0);
}

static void test_grow_fails(struct kunit *test)
{
	struct block_test *bt = test->priv;
	u64 head;
	int nth;

	fill(test, 2 * PER_BLOCK);
	head = kho_block_set_head_pa(&bt->bs);
	for (nth = 0; nth < 3; nth++) {
		bt->fail_after = nth;
		KUNIT_EXPECT_EQ(test, kho_block_set_grow(&bt->bs,
							 5 * PER_BLOCK),
				-ENOMEM);
		bt->fail_after = -1;
		KUNIT_EXPECT_EQ(test, bt->bs.nblocks, 2);
		KUNIT_EXPECT_EQ(test, bt->live, 2);
		KUNIT_EXPECT_EQ(test, kho_block_set_head_pa(&bt->bs), head);
		KUNIT_EXPECT_EQ(test, header(test, 1)[0], 0);
		expect_entries(test, &bt->bs, 2 * PER_BLOCK);
	}
	KUNIT_EXPECT_EQ(test, kho_block_set_grow(&bt->bs, KHO_MAX_BLOCKS *
						 PER_BLOCK + 1), -ENOSPC);
	KUNIT_EXPECT_EQ(test, kho_block_set_grow(&bt->bs, ~0ULL), -ENOSPC);
	KUNIT_EXPECT_EQ(test, bt->bs.nblocks, 2);

	kho_block_set_destroy(&bt->bs);
	bt->fail_after = 0;
	KUNIT_EXPECT_EQ(test, kho_block_set_grow(&bt->bs, 1), -ENOMEM);
	KUNIT_EXPECT_EQ(test, kho_block_set_head_pa(&bt->bs), 0);
}

static void test_clear(struct kunit *test)
{
	struct block_test *bt = test->priv;
	unsigned int i;

	fill(test, PER_BLOCK + 1);
	kho_block_set_clear(&bt->bs);
	KUNIT_EXPECT_EQ(test, bt->bs.nblocks, 2);
	KUNIT_EXPECT_EQ(test, header(test, 0)[0], virt_to_phys(bt->pages[1]));
	KUNIT_EXPECT_EQ(test, header(test, 0)[1], 0);
	KUNIT_EXPECT_EQ(test, header(test, 1)[1], 0);
	for (i = 2; i < PAGE_SIZE / 8; i++)
		KUNIT_EXPECT_EQ(test, header(test, 0)[i], 0);
	expect_entries(test, &bt->bs, 0);
	fill(test, PER_BLOCK + 1);
	expect_entries(test, &bt->bs, PER_BLOCK + 1);
}

static void test_iterate(struct kunit *test)
{
	struct block_test *bt = test->priv;
	struct kho_block_set_it it;
	u64 i;

	fill(test, 2 * PER_BLOCK);
	kho_block_set_it_init(&it, &bt->bs);
	KUNIT_EXPECT_NULL(test, kho_block_set_it_prev(&it));
	for (i = 0; i < 2 * PER_BLOCK; i++)
		KUNIT_ASSERT_NOT_NULL(test, kho_block_set_it_read_entry(&it));
	KUNIT_EXPECT_NULL(test, kho_block_set_it_read_entry(&it));
	KUNIT_EXPECT_NULL(test, kho_block_set_it_reserve_entry(&it));
	for (i = 2 * PER_BLOCK; i; i--) {
		u8 *entry = kho_block_set_it_prev(&it);

		KUNIT_ASSERT_NOT_NULL(test, entry);
		KUNIT_EXPECT_EQ(test, *entry, (u8)i);
	}
	KUNIT_EXPECT_NULL(test, kho_block_set_it_prev(&it));
	KUNIT_EXPECT_EQ(test, header(test, 0)[1], PER_BLOCK);
	KUNIT_EXPECT_EQ(test, header(test, 1)[1], PER_BLOCK);

	/* Reserving again from there counts anew. */
	KUNIT_EXPECT_NOT_NULL(test, kho_block_set_it_reserve_entry(&it));
	KUNIT_EXPECT_EQ(test, header(test, 0)[1], 1);
}

/* A block of an incoming set need not be full. */
static void test_partial_blocks(struct kunit *test)
{
	struct block_test *bt = test->priv;
	struct kho_block_set_it it;
	struct kho_block_set in;
	unsigned int n = 0;

	fill(test, 3 * PER_BLOCK);
	header(test, 0)[1] = 1;
	header(test, 1)[1] = 2;
	KUNIT_ASSERT_EQ(test, restore_as_incoming(test, &in), 0);
	forget_outgoing(test);
	kho_block_set_it_init(&it, &in);
	while (kho_block_set_it_read_entry(&it))
		n++;
	KUNIT_EXPECT_EQ(test, n, 3 + PER_BLOCK);
	kho_block_set_destroy(&in);
	KUNIT_EXPECT_EQ(test, bt->live, 0);
}

/* A writer may have grown the set for an entry that never came. */
static void test_empty_tail(struct kunit *test)
{
	struct block_test *bt = test->priv;
	struct kho_block_set in;

	fill(test, PER_BLOCK);
	KUNIT_ASSERT_EQ(test, kho_block_set_grow(&bt->bs, PER_BLOCK + 1), 0);
	KUNIT_ASSERT_EQ(test, restore_as_incoming(test, &in), 0);
	forget_outgoing(test);
	KUNIT_EXPECT_EQ(test, in.nblocks, 2);
	expect_entries(test, &in, PER_BLOCK);
	kho_block_set_destroy(&in);
	KUNIT_EXPECT_EQ(test, bt->live, 0);
}

/* Restore refuses and touches nothing. */
static void expect_refused(struct kunit *test, u64 head, int err)
{
	struct block_test *bt = test->priv;
	struct kho_block_set in;
	int live = bt->live;

	kho_block_set_init(&in, ENTRY_SIZE);
	KUNIT_EXPECT_EQ(test, kho_block_set_restore(&in, head), err);
	KUNIT_EXPECT_TRUE(test, kho_block_set_is_empty(&in));
	KUNIT_EXPECT_EQ(test, kho_block_set_head_pa(&in), 0);
	KUNIT_EXPECT_EQ(test, bt->live, live);
	KUNIT_EXPECT_EQ(test, bt->freed_incoming, 0);
	kho_block_set_destroy(&in);
	KUNIT_EXPECT_EQ(test, bt->live, live);
}

static void test_bad_links(struct kunit *test)
{
	struct block_test *bt = test->priv;
	unsigned int n, i;
	u64 head, good, bad[5];

	fill(test, 3 * PER_BLOCK);
	head = kho_block_set_head_pa(&bt->bs);
	bad[0] = head + 8;
	bad[1] = 1;
	bad[2] = ~0ULL;
	bad[3] = ~0ULL << PAGE_SHIFT;
	bad[4] = 0xdead000;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		expect_refused(test, bad[i], -EINVAL);
		for (n = 0; n < 3; n++) {
			good = header(test, n)[0];
			header(test, n)[0] = bad[i];
			expect_refused(test, head, -EINVAL);
			header(test, n)[0] = good;
		}
	}
}

static void test_bad_counts(struct kunit *test)
{
	struct block_test *bt = test->priv;
	static const u64 bad[] = { 0, PER_BLOCK + 1, ~0ULL, 1ULL << 32 };
	unsigned int n, i;

	fill(test, 3 * PER_BLOCK);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		for (n = 0; n < 3; n++) {
			u64 good = header(test, n)[1];

			if (n == 2 && !bad[i])
				continue;
			header(test, n)[1] = bad[i];
			expect_refused(test, kho_block_set_head_pa(&bt->bs),
				       -EINVAL);
			header(test, n)[1] = good;
		}
	}
}

/* Each block of a chain in turn leads back to each one before it. */
static void test_cycles(struct kunit *test)
{
	struct block_test *bt = test->priv;
	const unsigned int len = 40;
	unsigned int from, to;

	fill(test, len * PER_BLOCK);
	for (from = 0; from < len; from++) {
		u64 good = header(test, from)[0];

		for (to = 0; to <= from; to++) {
			header(test, from)[0] = virt_to_phys(bt->pages[to]);
			bt->lookups = 0;
			expect_refused(test, kho_block_set_head_pa(&bt->bs),
				       -EINVAL);
			KUNIT_EXPECT_LE(test, bt->lookups, 3 * (from + 1));
		}
		header(test, from)[0] = good;
	}
}

static struct kunit_case kho_block_cases[] = {
	KUNIT_CASE(test_init),
	KUNIT_CASE(test_round_trip),
	KUNIT_CASE(test_layout),
	KUNIT_CASE(test_grow_shrink),
	KUNIT_CASE(test_grow_fails),
	KUNIT_CASE(test_clear),
	KUNIT_CASE(test_iterate),
	KUNIT_CASE(test_partial_blocks),
	KUNIT_CASE(test_empty_tail),
	KUNIT_CASE(test_bad_links),
	KUNIT_CASE(test_bad_counts),
	KUNIT_CASE(test_cycles),
	{ }
};

static struct kunit_suite kho_block_suite = {
	.name = "kho_block",
	.init = block_test_init,
	.exit = block_test_exit,
	.test_cases = kho_block_cases,
};

kunit_test_suite(kho_block_suite);
