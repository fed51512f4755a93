// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of reserve_mem= regions as they come in: which device trees and which of
 * their nodes are believed.
 */
#include <kunit/test.h>
#include <linux/kho/abi/memblock.h>
#include <linux/libfdt.h>
#include <linux/string.h>

#include "kho_libs.h"

#define ROOM		2048
#define START		0x100000ULL
#define END		0x200000ULL

struct node {
	const char *name;
	const char *compatible;
	u64 start;
	u64 size;
};

static bool is_inside(u64 phys, u64 size, const void *ctx)
{
	return size && phys >= START && phys < END && size <= END - phys;
}

static void *make(struct kunit *test, const char *compatible,
		  const struct node *nodes, unsigned int nr)
{
	void *fdt = kunit_kzalloc(test, ROOM, GFP_KERNEL);
	int err;

	KUNIT_ASSERT_NOT_NULL(test, fdt);
	err = fdt_create(fdt, ROOM);
	err = err ?: fdt_finish_reservemap(fdt);
	err = err ?: fdt_begin_node(fdt, "");
	err = err ?: fdt_property_string(fdt, "compatible", compatible);
	for (unsigned int i = 0; i < nr; i++) {
		err = err ?: fdt_begin_node(fdt, nodes[i].name);
		err = err ?: fdt_property_string(fdt, "compatible",
						 nodes[i].compatible);
		err = err ?: fdt_property(fdt, RESERVE_MEM_KHO_START_PROP_NAME,
					  &nodes[i].start, sizeof(u64));
		err = err ?: fdt_property(fdt, RESERVE_MEM_KHO_SIZE_PROP_NAME,
					  &nodes[i].size, sizeof(u64));
		err = err ?: fdt_end_node(fdt);
	}
	err = err ?: fdt_end_node(fdt);
	err = err ?: fdt_finish(fdt);
	KUNIT_ASSERT_EQ(test, err, 0);
	return fdt;
}

static void checks_the_tree(struct kunit *test)
{
	void *fdt = make(test, MEMBLOCK_KHO_NODE_COMPATIBLE, NULL, 0);
	size_t size = fdt_totalsize(fdt);

	KUNIT_EXPECT_TRUE(test, kho_regions_check(fdt, size));
	KUNIT_EXPECT_TRUE(test, kho_regions_check(fdt, ROOM));
	KUNIT_EXPECT_FALSE(test, kho_regions_check(fdt, size - 1));
	KUNIT_EXPECT_FALSE(test, kho_regions_check(fdt, 0));
	memmove(fdt + 4, fdt, size);
	KUNIT_EXPECT_FALSE(test, kho_regions_check(fdt + 4, size));
	memset(fdt, 0, ROOM);
	KUNIT_EXPECT_FALSE(test, kho_regions_check(fdt, ROOM));

	fdt = make(test, RESERVE_MEM_KHO_NODE_COMPATIBLE, NULL, 0);
	KUNIT_EXPECT_FALSE(test, kho_regions_check(fdt, fdt_totalsize(fdt)));
}

static void reads(struct kunit *test)
{
	static const char ours[] = RESERVE_MEM_KHO_NODE_COMPATIBLE;
	static const struct node nodes[] = {
		{ "first", ours, START, 0x1800 },
		{ "a_name_too_long_", ours, START + 0x10000, 0x1000 },
		{ "other_format", "reserve-mem-v0", START + 0x20000, 0x1000 },
		{ "not_preserved", ours, END - 0x1000, 0x1001 },
		{ "empty", ours, START + 0x30000, 0 },
		{ "wraps", ours, START + 0x40000, -START },
		{ "overlaps", ours, START + 0x17ff, 1 },
		{ "shares_a_page_", ours, START + 0x1800, END - START - 0x1800 },
	};
	void *fdt = make(test, MEMBLOCK_KHO_NODE_COMPATIBLE, nodes,
			 ARRAY_SIZE(nodes));
	struct kho_region regions[KHO_REGIONS_MAX];
	unsigned int nr_bad;

	KUNIT_ASSERT_TRUE(test, kho_regions_check(fdt, ROOM));
	KUNIT_ASSERT_EQ(test, kho_regions_read(fdt, is_inside, NULL, regions,
					       &nr_bad), 2);
	KUNIT_EXPECT_EQ(test, nr_bad, 6);
	KUNIT_EXPECT_STREQ(test, regions[0].name, "first");
	KUNIT_EXPECT_EQ(test, regions[0].start, START);
	KUNIT_EXPECT_EQ(test, regions[0].size, 0x1800);
	KUNIT_EXPECT_STREQ(test, regions[1].name, "shares_a_page_");
	KUNIT_EXPECT_EQ(test, regions[1].start, START + 0x1800);
	KUNIT_EXPECT_EQ(test, regions[1].size, END - START - 0x1800);
}

static void has_a_limit(struct kunit *test)
{
	struct kho_region regions[KHO_REGIONS_MAX];
	struct node nodes[KHO_REGIONS_MAX + 1];
	unsigned int nr_bad;
	char names[ARRAY_SIZE(nodes)][2] = {};
	void *fdt;

	for (unsigned int i = 0; i < ARRAY_SIZE(nodes); i++) {
		names[i][0] = 'a' + i;
		nodes[i] = (struct node){ names[i], RESERVE_MEM_KHO_NODE_COMPATIBLE,
					  START + i, 1 };
	}
	fdt = make(test, MEMBLOCK_KHO_NODE_COMPATIBLE, nodes, ARRAY_SIZE(nodes));
	KUNIT_ASSERT_EQ(test, kho_regions_read(fdt, is_inside, NULL, regions,
					       &nr_bad), KHO_REGIONS_MAX);
	KUNIT_EXPECT_EQ(test, nr_bad, 0);
	KUNIT_EXPECT_STREQ(test, regions[KHO_REGIONS_MAX - 1].name, "h");
}

static struct kunit_case kho_regions_cases[] = {
	KUNIT_CASE(checks_the_tree),
	KUNIT_CASE(reads),
	KUNIT_CASE(has_a_limit),
	{}
};

static struct kunit_suite kho_regions_suite = {
	.name = "kho_regions",
	.test_cases = kho_regions_cases,
};

kunit_test_suite(kho_regions_suite);
