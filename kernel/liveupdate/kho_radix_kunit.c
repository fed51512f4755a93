// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the radix tree. Also built on the host, see
 * tools/testing/selftests/liveupdate/host.
 */
#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/bitops.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kho_radix_tree.h>
#include <linux/string.h>

#include "kho_libs.h"

#define MAX_KEY		((1UL << KHO_RADIX_KEY_WIDTH) - 1)
#define LEAF_KEYS	BIT(KHO_BITMAP_SIZE_LOG2)

/* Nodes are counted, and their allocation can fail. */
struct radix_test {
	struct kho_radix_tree tree;
	int live;
	int fail_after;	/* -1: never */
};

static struct kho_radix_node *counted_alloc(void)
{
	struct radix_test *rt = kunit_get_current_test()->priv;
	struct kho_radix_node *node;

	if (!rt->fail_after)
		return NULL;
	if (rt->fail_after > 0)
		rt->fail_after--;
	node = (void *)get_zeroed_page(GFP_KERNEL);
	if (node)
		rt->live++;
	return node;
}

static void counted_free(struct kho_radix_node *node)
{
	struct radix_test *rt = kunit_get_current_test()->priv;

	rt->live--;
	free_page((unsigned long)node);
}

static int radix_test_init(struct kunit *test)
{
	struct radix_test *rt = kunit_kzalloc(test, sizeof(*rt), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, rt);
	rt->fail_after = -1;
	test->priv = rt;
	kunit_activate_static_stub(test, kho_radix_alloc_node, counted_alloc);
	kunit_activate_static_stub(test, kho_radix_free_node, counted_free);
	return kho_radix_init_tree(&rt->tree, NULL);
}

static void radix_test_exit(struct kunit *test)
{
	struct radix_test *rt = test->priv;

	kho_radix_destroy_tree(&rt->tree);
	KUNIT_EXPECT_NULL(test, rt->tree.root);
	KUNIT_EXPECT_EQ(test, rt->live, 0);
	kunit_deactivate_static_stub(test, kho_radix_alloc_node);
	kunit_deactivate_static_stub(test, kho_radix_free_node);
}

struct trace {
	unsigned long keys[16];
	phys_addr_t nodes[32];
	unsigned int nr_keys, nr_nodes;
	int stop_at;	/* number of calls, 0: never */
};

static int trace_key(unsigned long key, void *data)
{
	struct trace *trace = data;

	trace->keys[trace->nr_keys++] = key;
	return trace->nr_keys == trace->stop_at ? 77 : 0;
}

static int trace_node(phys_addr_t phys, void *data)
{
	struct trace *trace = data;

	trace->nodes[trace->nr_nodes++] = phys;
	return 0;
}

static const struct kho_radix_walk_cb trace_all = {
	.leaf = trace_key,
	.node = trace_node,
};

static bool has(struct kho_radix_tree *tree, unsigned long key)
{
	struct kho_radix_view view = kho_radix_view_of(tree);

	return kho_radix_has_key(&view, key);
}

static void test_parameters(struct kunit *test)
{
	static const struct {
		unsigned int page_shift, width, table, bitmap, depth;
		unsigned int shifts[5];
	} params[] = {
		{ 12, 53, 9, 15, 6, { 15, 24, 33, 42, 51 } },
		{ 14, 51, 11, 17, 5, { 17, 28, 39, 50 } },
		{ 16, 49, 13, 19, 4, { 19, 32, 45 } },
	};
	const unsigned int depth = KHO_TREE_MAX_DEPTH;
	unsigned int i, level;

	for (i = 0; i < ARRAY_SIZE(params); i++) {
		if (params[i].page_shift != PAGE_SHIFT)
			continue;
		KUNIT_EXPECT_EQ(test, KHO_RADIX_KEY_WIDTH, params[i].width);
		KUNIT_EXPECT_EQ(test, KHO_TABLE_SIZE_LOG2, params[i].table);
		KUNIT_EXPECT_EQ(test, KHO_BITMAP_SIZE_LOG2, params[i].bitmap);
		KUNIT_EXPECT_EQ(test, depth, params[i].depth);
		for (level = 1; level < depth; level++)
			KUNIT_EXPECT_EQ(test, kho_radix_shift(level),
					params[i].shifts[level - 1]);
		return;
	}
	KUNIT_FAIL(test, "unexpected page size");
}

static const struct vector {
	u64 phys;
	unsigned int order;
	unsigned long key;
	unsigned int index[5];	/* of level 5, 4, ... 1 */
	unsigned int bit;
} vectors[] = {
	{ 0x1000, 0, 0x10000000000001, { 2, 0, 0, 0, 0 }, 1 },
	{ 0x123456000, 0, 0x10000000123456, { 2, 0, 0, 0, 36 }, 13398 },
	{ 0x100002000, 1, 0x8000000080001, { 1, 0, 0, 0, 16 }, 1 },
	{ 0x200000, 9, 0x80000000001, { 0, 2, 0, 0, 0 }, 1 },
	{ 0x7fe00000, 9, 0x800000003ff, { 0, 2, 0, 0, 0 }, 1023 },
	{ 0x40000000, 18, 0x400000001, { 0, 0, 2, 0, 0 }, 1 },
};

static void test_key_vectors(struct kunit *test)
{
	unsigned int i, order;

	if (PAGE_SHIFT != 12)
		kunit_skip(test, "vectors are for 4 KiB pages");

	for (i = 0; i < ARRAY_SIZE(vectors); i++) {
		KUNIT_EXPECT_EQ(test, kho_radix_encode_key(vectors[i].phys,
							   vectors[i].order),
				vectors[i].key);
		KUNIT_EXPECT_EQ(test, kho_radix_decode_key(vectors[i].key,
							   &order),
				vectors[i].phys);
		KUNIT_EXPECT_EQ(test, order, vectors[i].order);
	}
}

/* Where the bit is, read with nothing but what the format says. */
static void test_layout_vectors(struct kunit *test)
{
	struct radix_test *rt = test->priv;
	unsigned int i, j;

	if (PAGE_SHIFT != 12)
		kunit_skip(test, "vectors are for 4 KiB pages");

	for (i = 0; i < ARRAY_SIZE(vectors); i++)
		KUNIT_ASSERT_EQ(test, kho_radix_add_key(&rt->tree,
							vectors[i].key), 0);

	for (i = 0; i < ARRAY_SIZE(vectors); i++) {
		u64 *page = (u64 *)rt->tree.root;

		for (j = 0; j < 5; j++) {
			KUNIT_ASSERT_NE(test, page[vectors[i].index[j]], 0);
			page = phys_to_virt(page[vectors[i].index[j]]);
		}
		KUNIT_EXPECT_TRUE(test, page[vectors[i].bit / 64] >>
				  (vectors[i].bit % 64) & 1);
	}
}

static void test_key_round_trip(struct kunit *test)
{
	unsigned int order, got;
	phys_addr_t phys, last;

	for (order = 0; order < 64 - PAGE_SHIFT; order++) {
		last = ~0UL << (PAGE_SHIFT + order);
		for (phys = 0;; phys = last) {
			unsigned long key = kho_radix_encode_key(phys, order);

			KUNIT_EXPECT_LE(test, key, MAX_KEY);
			KUNIT_EXPECT_EQ(test, kho_radix_decode_key(key, &got),
					phys);
			KUNIT_EXPECT_EQ(test, got, order);
			if (phys == last)
				break;
		}
	}
	KUNIT_EXPECT_EQ(test, kho_radix_decode_key(1, &got), 0);
	KUNIT_EXPECT_EQ(test, got, 64 - PAGE_SHIFT);
}

static void test_add_del(struct kunit *test)
{
	static const unsigned long keys[] = {
		0, 1, LEAF_KEYS - 1, LEAF_KEYS, MAX_KEY / 2, MAX_KEY - 1,
		MAX_KEY,
	};
	struct radix_test *rt = test->priv;
	unsigned int i;
	int live;

	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		KUNIT_EXPECT_FALSE(test, has(&rt->tree, keys[i]));
		KUNIT_EXPECT_EQ(test, kho_radix_add_key(&rt->tree, keys[i]), 0);
		KUNIT_EXPECT_TRUE(test, has(&rt->tree, keys[i]));
	}
	live = rt->live;
	for (i = 0; i < ARRAY_SIZE(keys); i++)
		KUNIT_EXPECT_EQ(test, kho_radix_add_key(&rt->tree, keys[i]), 0);
	KUNIT_EXPECT_EQ(test, rt->live, live);

	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		kho_radix_del_key(&rt->tree, keys[i]);
		KUNIT_EXPECT_FALSE(test, has(&rt->tree, keys[i]));
		if (i + 1 < ARRAY_SIZE(keys))
			KUNIT_EXPECT_TRUE(test, has(&rt->tree, keys[i + 1]));
	}
}

static void test_too_wide(struct kunit *test)
{
	struct radix_test *rt = test->priv;
	struct trace trace = { };

	KUNIT_EXPECT_EQ(test, kho_radix_add_key(&rt->tree, MAX_KEY + 1),
			-ERANGE);
	KUNIT_EXPECT_EQ(test, kho_radix_add_key(&rt->tree, ~0UL), -ERANGE);
	kho_radix_del_key(&rt->tree, MAX_KEY + 1);
	KUNIT_EXPECT_FALSE(test, has(&rt->tree, MAX_KEY + 1));
	KUNIT_EXPECT_EQ(test, kho_radix_walk_tree(&rt->tree, &trace_all,
						  &trace), 0);
	KUNIT_EXPECT_EQ(test, trace.nr_nodes, 1);
	KUNIT_EXPECT_EQ(test, trace.nr_keys, 0);
}

/* Each allocation fails once; the tree is the same afterwards. */
static void test_no_memory(struct kunit *test)
{
	static const unsigned long first[] = { 0, LEAF_KEYS, MAX_KEY };
	struct radix_test *rt = test->priv;
	const int depth = KHO_TREE_MAX_DEPTH;
	struct trace *before, *after;
	const unsigned long key = 5;
	unsigned int i;
	int nth, live, err;

	before = kunit_kzalloc(test, sizeof(*before), GFP_KERNEL);
	after = kunit_kzalloc(test, sizeof(*after), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, before);
	KUNIT_ASSERT_NOT_NULL(test, after);

	/* Nothing there, the tables there, nothing but the top there. */
	for (i = 0; i < ARRAY_SIZE(first); i++) {
		if (i)
			KUNIT_ASSERT_EQ(test, kho_radix_add_key(&rt->tree,
								first[i]), 0);
		memset(before, 0, sizeof(*before));
		kho_radix_walk_tree(&rt->tree, &trace_all, before);
		live = rt->live;

		for (nth = 0;; nth++) {
			rt->fail_after = nth;
			err = kho_radix_add_key(&rt->tree, key);
			rt->fail_after = -1;
			if (!err)
				break;
			KUNIT_EXPECT_EQ(test, err, -ENOMEM);
			KUNIT_EXPECT_EQ(test, rt->live, live);
			memset(after, 0, sizeof(*after));
			kho_radix_walk_tree(&rt->tree, &trace_all, after);
			KUNIT_EXPECT_MEMEQ(test, before, after,
					   sizeof(*after));
		}
		KUNIT_EXPECT_TRUE(test, has(&rt->tree, key));
		KUNIT_EXPECT_EQ(test, rt->live, live + nth);
		KUNIT_EXPECT_EQ(test, nth, i == 1 ? 1 : depth - 1);

		kho_radix_destroy_tree(&rt->tree);
		KUNIT_ASSERT_EQ(test, rt->live, 0);
		KUNIT_ASSERT_EQ(test, kho_radix_init_tree(&rt->tree, NULL), 0);
	}

	kho_radix_destroy_tree(&rt->tree);
	rt->fail_after = 0;
	KUNIT_EXPECT_EQ(test, kho_radix_init_tree(&rt->tree, NULL), -ENOMEM);
	KUNIT_EXPECT_NULL(test, rt->tree.root);
	rt->fail_after = -1;
}

static void test_next_key(struct kunit *test)
{
	static const unsigned long keys[] = {
		3, 4, LEAF_KEYS - 1, LEAF_KEYS, 3 * LEAF_KEYS + 7,
		1UL << (KHO_RADIX_KEY_WIDTH - 3), MAX_KEY,
	};
	struct radix_test *rt = test->priv;
	unsigned long key = 0, from = 0;
	unsigned int i;

	KUNIT_EXPECT_FALSE(test, kho_radix_next_key(&rt->tree, 0, &key));

	/* One that leaves an empty leaf behind, in the way. */
	KUNIT_ASSERT_EQ(test, kho_radix_add_key(&rt->tree, 2 * LEAF_KEYS), 0);
	kho_radix_del_key(&rt->tree, 2 * LEAF_KEYS);
	for (i = 0; i < ARRAY_SIZE(keys); i++)
		KUNIT_ASSERT_EQ(test, kho_radix_add_key(&rt->tree, keys[i]), 0);

	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		KUNIT_ASSERT_TRUE(test, kho_radix_next_key(&rt->tree, from,
							   &key));
		KUNIT_EXPECT_EQ(test, key, keys[i]);
		KUNIT_ASSERT_TRUE(test, kho_radix_next_key(&rt->tree, keys[i],
							   &key));
		KUNIT_EXPECT_EQ(test, key, keys[i]);
		from = key + 1;
	}
	KUNIT_EXPECT_FALSE(test, kho_radix_next_key(&rt->tree, from, &key));
	KUNIT_EXPECT_FALSE(test, kho_radix_next_key(&rt->tree, ~0UL, &key));
}

static void test_next_run(struct kunit *test)
{
	static const unsigned long runs[][2] = {
		{ 0, 0 }, { 2, 70 }, { LEAF_KEYS - 3, LEAF_KEYS - 1 },
		{ LEAF_KEYS, LEAF_KEYS + 1 }, { MAX_KEY, MAX_KEY },
	};
	struct radix_test *rt = test->priv;
	unsigned long key, first, last, from = 0;
	struct kho_radix_cursor cursor = { };
	struct kho_radix_view view;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(runs); i++)
		for (key = runs[i][0]; key <= runs[i][1]; key++)
			KUNIT_ASSERT_EQ(test, kho_radix_add_key(&rt->tree, key),
					0);

	view = kho_radix_view_of(&rt->tree);
	for (i = 0; i < ARRAY_SIZE(runs); i++) {
		KUNIT_ASSERT_TRUE(test, kho_radix_next_run(&view, NULL, from, &first,
							   &last));
		KUNIT_EXPECT_EQ(test, first, runs[i][0]);
		KUNIT_EXPECT_EQ(test, last, runs[i][1]);
		from = last + 1;
	}
	KUNIT_EXPECT_FALSE(test, kho_radix_next_run(&view, NULL, from, &first,
						    &last));
	KUNIT_ASSERT_TRUE(test, kho_radix_next_run(&view, NULL, 5, &first, &last));
	KUNIT_EXPECT_EQ(test, first, 5);
	KUNIT_EXPECT_EQ(test, last, 70);

	/* An end within the run, right before one, and right behind the only one. */
	cursor.end = 60;
	KUNIT_ASSERT_TRUE(test, kho_radix_next_run(&view, &cursor, 5, &first, &last));
	KUNIT_EXPECT_EQ(test, first, 5);
	KUNIT_EXPECT_EQ(test, last, 59);
	KUNIT_EXPECT_FALSE(test, kho_radix_next_run(&view, &cursor, 60, &first, &last));
	cursor.end = LEAF_KEYS - 3;
	KUNIT_EXPECT_FALSE(test, kho_radix_next_run(&view, &cursor, 71, &first, &last));
	cursor.end = LEAF_KEYS + 1;
	KUNIT_ASSERT_TRUE(test, kho_radix_next_run(&view, &cursor, LEAF_KEYS, &first,
						   &last));
	KUNIT_EXPECT_EQ(test, last, LEAF_KEYS);
}

static void test_walk(struct kunit *test)
{
	static const unsigned long keys[] = {
		9, LEAF_KEYS + 1, 1UL << (KHO_RADIX_KEY_WIDTH - 2), MAX_KEY - 1,
		MAX_KEY,
	};
	struct radix_test *rt = test->priv;
	struct trace trace = { };
	unsigned int i;

	/* From the last to the first: the walk sorts. */
	for (i = ARRAY_SIZE(keys); i--;)
		KUNIT_ASSERT_EQ(test, kho_radix_add_key(&rt->tree, keys[i]), 0);

	KUNIT_EXPECT_EQ(test, kho_radix_walk_tree(&rt->tree, &trace_all,
						  &trace), 0);
	KUNIT_ASSERT_EQ(test, trace.nr_keys, ARRAY_SIZE(keys));
	for (i = 0; i < ARRAY_SIZE(keys); i++)
		KUNIT_EXPECT_EQ(test, trace.keys[i], keys[i]);
	KUNIT_EXPECT_EQ(test, trace.nr_nodes, rt->live);
	KUNIT_EXPECT_EQ(test, trace.nodes[0], virt_to_phys(rt->tree.root));

	/* Both callbacks are optional. */
	trace = (struct trace){ };
	KUNIT_EXPECT_EQ(test, kho_radix_walk_tree(&rt->tree,
						  &(struct kho_radix_walk_cb){ },
						  &trace), 0);
	KUNIT_EXPECT_EQ(test, kho_radix_walk_tree(&rt->tree,
						  &(struct kho_radix_walk_cb){
							  .node = trace_node,
						  }, &trace), 0);
	KUNIT_EXPECT_EQ(test, trace.nr_nodes, rt->live);
	KUNIT_EXPECT_EQ(test, trace.nr_keys, 0);

	/* A value ends the walk. */
	trace = (struct trace){ .stop_at = 2 };
	KUNIT_EXPECT_EQ(test, kho_radix_walk_tree(&rt->tree, &trace_all,
						  &trace), 77);
	KUNIT_EXPECT_EQ(test, trace.nr_keys, 2);
}

static void test_adopt(struct kunit *test)
{
	struct radix_test *rt = test->priv;
	struct kho_radix_tree other;

	KUNIT_ASSERT_EQ(test, kho_radix_add_key(&rt->tree, 42), 0);
	KUNIT_ASSERT_EQ(test, kho_radix_init_tree(&other, rt->tree.root), 0);
	KUNIT_EXPECT_PTR_EQ(test, other.root, rt->tree.root);
	KUNIT_EXPECT_TRUE(test, has(&other, 42));
}

static int fill_other(unsigned long key, void *data)
{
	return kho_radix_add_key(data, key + 1);
}

/* One tree is filled while another one is walked: no lockdep splat. */
static void test_nested(struct kunit *test)
{
	struct radix_test *rt = test->priv;
	struct kho_radix_tree other;

	KUNIT_ASSERT_EQ(test, kho_radix_init_tree(&other, NULL), 0);
	KUNIT_EXPECT_EQ(test, kho_radix_add_key(&rt->tree, 42), 0);
	KUNIT_EXPECT_EQ(test, kho_radix_walk_tree(&rt->tree,
						  &(struct kho_radix_walk_cb){
							  .leaf = fill_other,
						  }, &other), 0);
	KUNIT_EXPECT_TRUE(test, has(&other, 43));
	kho_radix_destroy_tree(&other);
	kho_radix_destroy_tree(&other);
}

static struct kunit_case kho_radix_cases[] = {
	KUNIT_CASE(test_parameters),
	KUNIT_CASE(test_key_vectors),
	KUNIT_CASE(test_layout_vectors),
	KUNIT_CASE(test_key_round_trip),
	KUNIT_CASE(test_add_del),
	KUNIT_CASE(test_too_wide),
	KUNIT_CASE(test_no_memory),
	KUNIT_CASE(test_next_key),
	KUNIT_CASE(test_next_run),
	KUNIT_CASE(test_walk),
	KUNIT_CASE(test_adopt),
	KUNIT_CASE(test_nested),
	{ }
};

static struct kunit_suite kho_radix_suite = {
	.name = "kho_radix",
	.init = radix_test_init,
	.exit = radix_test_exit,
	.test_cases = kho_radix_cases,
};

kunit_test_suite(kho_radix_suite);
