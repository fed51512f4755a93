// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the root FDT. Also built on the host, see
 * tools/testing/selftests/liveupdate/host.
 */
#include <kunit/test.h>
#include <linux/kho/abi/kexec_handover.h>
#include <linux/libfdt.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "kho_libs.h"

#define MAP	0x123456000UL

static int fdt_test_init(struct kunit *test)
{
	/* The exact size, so that sanitizers see whoever goes beyond it. */
	test->priv = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, test->priv);
	KUNIT_ASSERT_EQ(test, kho_fdt_create(test->priv, PAGE_SIZE, MAP), 0);
	return 0;
}

static enum kho_reject check(const void *fdt, size_t size)
{
	struct kho_rejection rej = { .why = KHO_REJECT_MAX };
	phys_addr_t map = 0;
	int err;

	err = kho_fdt_check(fdt, size, &map, &rej);
	if (err ? rej.why == KHO_ACCEPTED : rej.why != KHO_ACCEPTED || !map)
		return KHO_REJECT_MAX;
	return rej.why;
}

static void test_create(struct kunit *test)
{
	struct kho_rejection rej;
	void *fdt = test->priv;
	phys_addr_t map;
	u64 phys, len;
	const void *prop;
	int size;

	KUNIT_EXPECT_EQ(test, kho_fdt_check(fdt, PAGE_SIZE, &map, &rej), 0);
	KUNIT_EXPECT_EQ(test, map, MAP);
	KUNIT_EXPECT_EQ(test, rej.why, KHO_ACCEPTED);
	KUNIT_EXPECT_EQ(test, kho_fdt_map(fdt), MAP);
	KUNIT_EXPECT_EQ(test, kho_fdt_find(fdt, "a", &phys, &len), -ENOENT);
	KUNIT_EXPECT_EQ(test, kho_fdt_create(fdt, 64, MAP), -ENOMEM);

	/* As the format has it. */
	KUNIT_ASSERT_EQ(test, kho_fdt_create(fdt, PAGE_SIZE, MAP), 0);
	KUNIT_EXPECT_STREQ(test, fdt_get_name(fdt, 0, NULL), "");
	prop = fdt_getprop(fdt, 0, "compatible", &size);
	KUNIT_ASSERT_NOT_NULL(test, prop);
	KUNIT_EXPECT_EQ(test, size, 7);
	KUNIT_EXPECT_STREQ(test, (const char *)prop, "kho-v4");
	prop = fdt_getprop(fdt, 0, "preserved-memory-map", &size);
	KUNIT_ASSERT_NOT_NULL(test, prop);
	KUNIT_EXPECT_EQ(test, size, 8);
	KUNIT_EXPECT_EQ(test, get_unaligned((const u64 *)prop), MAP);
}

static void test_add_find_del(struct kunit *test)
{
	void *fdt = test->priv;
	struct kho_fdt_child child;
	int node, size, offset = 0;
	const void *prop;
	u64 phys, len;

	KUNIT_EXPECT_EQ(test, kho_fdt_add(fdt, PAGE_SIZE, "one", 0x1000, 1), 0);
	KUNIT_EXPECT_EQ(test, kho_fdt_add(fdt, PAGE_SIZE, "two", 0x2008, 73), 0);
	KUNIT_EXPECT_EQ(test, kho_fdt_add(fdt, PAGE_SIZE, "one", 0x3000, 3),
			-EEXIST);
	KUNIT_EXPECT_EQ(test, check(fdt, PAGE_SIZE), KHO_ACCEPTED);

	KUNIT_EXPECT_EQ(test, kho_fdt_find(fdt, "one", &phys, &len), 0);
	KUNIT_EXPECT_EQ(test, phys, 0x1000);
	KUNIT_EXPECT_EQ(test, len, 1);
	KUNIT_EXPECT_EQ(test, kho_fdt_find(fdt, "two", &phys, &len), 0);
	KUNIT_EXPECT_EQ(test, phys, 0x2008);
	KUNIT_EXPECT_EQ(test, len, 73);
	KUNIT_EXPECT_EQ(test, kho_fdt_find(fdt, "tw", &phys, &len), -ENOENT);

	/* As the format has it. */
	node = fdt_subnode_offset(fdt, 0, "two");
	KUNIT_ASSERT_GT(test, node, 0);
	prop = fdt_getprop(fdt, node, "preserved-data", &size);
	KUNIT_ASSERT_NOT_NULL(test, prop);
	KUNIT_EXPECT_EQ(test, size, 8);
	KUNIT_EXPECT_EQ(test, get_unaligned((const u64 *)prop), 0x2008);
	prop = fdt_getprop(fdt, node, "blob-size", &size);
	KUNIT_ASSERT_NOT_NULL(test, prop);
	KUNIT_EXPECT_EQ(test, size, 8);
	KUNIT_EXPECT_EQ(test, get_unaligned((const u64 *)prop), 73);

	KUNIT_EXPECT_EQ(test, kho_fdt_del(fdt, PAGE_SIZE, 0x3000), -ENOENT);
	KUNIT_EXPECT_EQ(test, kho_fdt_del(fdt, PAGE_SIZE, 0x1000), 0);
	KUNIT_EXPECT_EQ(test, kho_fdt_del(fdt, PAGE_SIZE, 0x1000), -ENOENT);
	KUNIT_EXPECT_EQ(test, kho_fdt_find(fdt, "one", &phys, &len), -ENOENT);
	KUNIT_EXPECT_TRUE(test, kho_fdt_next(fdt, &offset, &child));
	KUNIT_EXPECT_STREQ(test, child.name, "two");
	KUNIT_EXPECT_TRUE(test, child.ok);
	KUNIT_EXPECT_FALSE(test, kho_fdt_next(fdt, &offset, &child));
}

static void test_names(struct kunit *test)
{
	static const char * const bad[] = {
		"", "a/b", "/", "with space", "line\n", "\x80", "\x01",
	};
	void *fdt = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_EQ(test, kho_fdt_add(fdt, PAGE_SIZE, bad[i],
						  0x1000, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, kho_fdt_add(fdt, PAGE_SIZE, "LUO", 0x1000, 1), 0);
	KUNIT_EXPECT_EQ(test, kho_fdt_add(fdt, PAGE_SIZE, "kexec-metadata",
					  0x2000, 1), 0);
}

static void test_full(struct kunit *test)
{
	void *fdt = test->priv;
	char name[] = "subtree-0000";
	unsigned int i, n;
	u64 phys, len;
	int err;

	for (n = 0; n < PAGE_SIZE; n++) {
		name[8] = 'a' + n / 26 / 26;
		name[9] = 'a' + n / 26 % 26;
		name[10] = 'a' + n % 26;
		err = kho_fdt_add(fdt, PAGE_SIZE, name, 0x1000 * (n + 1), n);
		if (err)
			break;
	}
	KUNIT_EXPECT_EQ(test, err, -ENOMEM);
	KUNIT_EXPECT_GE(test, n, 50);
	KUNIT_EXPECT_EQ(test, check(fdt, PAGE_SIZE), KHO_ACCEPTED);
	KUNIT_EXPECT_EQ(test, kho_fdt_find(fdt, name, &phys, &len), -ENOENT);

	/* Any room in between: half an entry is not left behind. */
	for (i = 1; i < 100; i++) {
		char longer[128] = { };

		memset(longer, 'x', i);
		err = kho_fdt_add(fdt, PAGE_SIZE, longer, 0x1234, 1);
		KUNIT_EXPECT_EQ(test, check(fdt, PAGE_SIZE), KHO_ACCEPTED);
		KUNIT_EXPECT_EQ(test, kho_fdt_find(fdt, longer, &phys, &len),
				err ? -ENOENT : 0);
		if (!err)
			kho_fdt_del(fdt, PAGE_SIZE, 0x1234);
	}

	for (i = 0; i < n; i++)
		KUNIT_EXPECT_EQ(test, kho_fdt_del(fdt, PAGE_SIZE,
						  0x1000 * (i + 1)), 0);
	KUNIT_EXPECT_EQ(test, kho_fdt_map(fdt), MAP);
	for (i = 0; i < 1000; i++) {
		KUNIT_ASSERT_EQ(test, kho_fdt_add(fdt, PAGE_SIZE, name, 0x1000,
						  1), 0);
		KUNIT_ASSERT_EQ(test, kho_fdt_del(fdt, PAGE_SIZE, 0x1000), 0);
	}
	KUNIT_EXPECT_EQ(test, check(fdt, PAGE_SIZE), KHO_ACCEPTED);
}

static void test_header(struct kunit *test)
{
	void *fdt = test->priv;
	u32 size = fdt_totalsize(fdt);
	fdt32_t *word = fdt;
	unsigned int i;

	KUNIT_EXPECT_EQ(test, check(fdt, size), KHO_ACCEPTED);
	KUNIT_EXPECT_EQ(test, check(fdt, size - 1), KHO_FDT_SIZE);
	KUNIT_EXPECT_EQ(test, check(fdt, 39), KHO_FDT_SIZE);
	KUNIT_EXPECT_EQ(test, check(fdt, 0), KHO_FDT_SIZE);
	KUNIT_EXPECT_EQ(test, check(fdt, PAGE_SIZE + 1), KHO_FDT_SIZE);
	KUNIT_EXPECT_EQ(test, check(fdt + 4, PAGE_SIZE - 4),
			KHO_FDT_UNALIGNED);

	/* Each word but the boot CPU, which means nothing. */
	for (i = 0; i < 10; i++) {
		fdt32_t good = word[i];

		if (i == 7)
			continue;
		word[i] = cpu_to_fdt32(0x7fffff01);
		KUNIT_EXPECT_NE_MSG(test, check(fdt, PAGE_SIZE), KHO_ACCEPTED,
				    "word %u", i);
		word[i] = good;
	}
	KUNIT_EXPECT_EQ(test, check(fdt, PAGE_SIZE), KHO_ACCEPTED);
	fdt_set_version(fdt, 16);
	KUNIT_EXPECT_EQ(test, check(fdt, PAGE_SIZE), KHO_FDT_HEADER);
	fdt_set_version(fdt, 17);
	fdt_set_off_dt_struct(fdt, fdt_off_dt_struct(fdt) + 1);
	fdt_set_size_dt_struct(fdt, fdt_size_dt_struct(fdt) - 1);
	KUNIT_EXPECT_EQ(test, check(fdt, PAGE_SIZE), KHO_FDT_HEADER);
}

/* An FDT that says anything, made with libfdt. */
static void begin(void *fdt, const char *compatible, int len)
{
	u64 map = MAP;

	fdt_create(fdt, PAGE_SIZE);
	fdt_finish_reservemap(fdt);
	fdt_begin_node(fdt, "");
	if (compatible)
		fdt_property(fdt, "compatible", compatible, len);
	fdt_property(fdt, "preserved-memory-map", &map, sizeof(map));
}

static void child(void *fdt, const char *name, int data_len, int size_len)
{
	u64 val[2] = { 0x1000, 0 };

	fdt_begin_node(fdt, name);
	if (data_len)
		fdt_property(fdt, "preserved-data", val, data_len);
	if (size_len)
		fdt_property(fdt, "blob-size", val, size_len);
	fdt_end_node(fdt);
}

static enum kho_reject finish(void *fdt)
{
	fdt_end_node(fdt);
	fdt_finish(fdt);
	return check(fdt, PAGE_SIZE);
}

static void test_format(struct kunit *test)
{
	void *fdt = test->priv;

	begin(fdt, "kho-v4", 7);
	KUNIT_EXPECT_EQ(test, finish(fdt), KHO_ACCEPTED);
	begin(fdt, "kho-v3", 7);
	KUNIT_EXPECT_EQ(test, finish(fdt), KHO_FDT_FORMAT);
	begin(fdt, "kho-v40", 8);
	KUNIT_EXPECT_EQ(test, finish(fdt), KHO_FDT_FORMAT);
	begin(fdt, "kho-v4", 6);
	KUNIT_EXPECT_EQ(test, finish(fdt), KHO_FDT_FORMAT);
	begin(fdt, "kho-v5\0kho-v4", 14);
	KUNIT_EXPECT_EQ(test, finish(fdt), KHO_FDT_FORMAT);
	begin(fdt, NULL, 0);
	KUNIT_EXPECT_EQ(test, finish(fdt), KHO_FDT_FORMAT);
}

static void test_map_property(struct kunit *test)
{
	void *fdt = test->priv;
	u64 map[2] = { MAP, 0 };
	int len;

	for (len = 0; len <= 16; len += 4) {
		fdt_create(fdt, PAGE_SIZE);
		fdt_finish_reservemap(fdt);
		fdt_begin_node(fdt, "");
		fdt_property(fdt, "compatible", "kho-v4", 7);
		fdt_property(fdt, "preserved-memory-map", map, len);
		KUNIT_EXPECT_EQ(test, finish(fdt),
				len == 8 ? KHO_ACCEPTED : KHO_FDT_NO_MAP);
	}
	KUNIT_ASSERT_EQ(test, kho_fdt_create(fdt, PAGE_SIZE, 0), 0);
	KUNIT_EXPECT_EQ(test, check(fdt, PAGE_SIZE), KHO_FDT_NO_MAP);
	KUNIT_EXPECT_EQ(test, kho_fdt_map(fdt), 0);
}

/* A broken subtree costs that subtree. */
static void test_broken_child(struct kunit *test)
{
	void *fdt = test->priv;
	struct kho_fdt_child c;
	int offset = 0, n = 0;
	u64 phys, len;

	begin(fdt, "kho-v4", 7);
	child(fdt, "good", 8, 8);
	child(fdt, "no-data", 0, 8);
	child(fdt, "no-size", 8, 0);
	child(fdt, "short-data", 4, 8);
	child(fdt, "short-size", 8, 4);
	child(fdt, "long-data", 16, 8);
	child(fdt, "long-size", 8, 16);
	child(fdt, "twice", 8, 8);
	child(fdt, "twice", 8, 8);
	child(fdt, "bad name", 8, 8);
	child(fdt, "x", 8, 8);
	KUNIT_ASSERT_EQ(test, finish(fdt), KHO_ACCEPTED);

	KUNIT_EXPECT_EQ(test, kho_fdt_find(fdt, "good", &phys, &len), 0);
	KUNIT_EXPECT_EQ(test, kho_fdt_find(fdt, "x", &phys, &len), 0);
	KUNIT_EXPECT_EQ(test, kho_fdt_find(fdt, "no-data", &phys, &len),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, kho_fdt_find(fdt, "no-size", &phys, &len),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, kho_fdt_find(fdt, "short-data", &phys, &len),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, kho_fdt_find(fdt, "short-size", &phys, &len),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, kho_fdt_find(fdt, "long-data", &phys, &len),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, kho_fdt_find(fdt, "long-size", &phys, &len),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, kho_fdt_find(fdt, "twice", &phys, &len),
			-EINVAL);
	while (kho_fdt_next(fdt, &offset, &c))
		n += c.ok;
	KUNIT_EXPECT_EQ(test, n, 4);
}

static void test_blob_range(struct kunit *test)
{
	void *fdt = test->priv;
	u64 phys, len;

	KUNIT_ASSERT_EQ(test, kho_fdt_add(fdt, PAGE_SIZE, "null", 0, 8), 0);
	KUNIT_ASSERT_EQ(test, kho_fdt_add(fdt, PAGE_SIZE, "wraps", ~0ULL - 6,
					  8), 0);
	KUNIT_EXPECT_EQ(test, kho_fdt_find(fdt, "null", &phys, &len), -EINVAL);
	KUNIT_EXPECT_EQ(test, kho_fdt_find(fdt, "wraps", &phys, &len),
			-EINVAL);
}

static void test_structure(struct kunit *test)
{
	void *fdt = test->priv;
	fdt32_t *tags;
	u32 i, n;

	/* Nothing is nested below a child. */
	begin(fdt, "kho-v4", 7);
	fdt_begin_node(fdt, "a");
	child(fdt, "b", 8, 8);
	fdt_end_node(fdt);
	KUNIT_EXPECT_EQ(test, finish(fdt), KHO_FDT_STRUCTURE);

	/* A node is closed once too often, or not at all; a second root. */
	begin(fdt, "kho-v4", 7);
	child(fdt, "a", 8, 8);
	KUNIT_ASSERT_EQ(test, finish(fdt), KHO_ACCEPTED);
	tags = fdt + fdt_off_dt_struct(fdt);
	n = fdt_size_dt_struct(fdt) / 4;
	KUNIT_ASSERT_EQ(test, fdt32_to_cpu(tags[n - 1]), FDT_END);
	KUNIT_ASSERT_EQ(test, fdt32_to_cpu(tags[n - 2]), FDT_END_NODE);
	tags[n - 2] = cpu_to_fdt32(FDT_NOP);
	KUNIT_EXPECT_EQ(test, check(fdt, PAGE_SIZE), KHO_FDT_STRUCTURE);
	tags[n - 2] = cpu_to_fdt32(FDT_END);
	KUNIT_EXPECT_EQ(test, check(fdt, PAGE_SIZE), KHO_FDT_STRUCTURE);
	tags[n - 2] = cpu_to_fdt32(FDT_END_NODE);
	tags[n - 1] = cpu_to_fdt32(FDT_END_NODE);
	KUNIT_EXPECT_EQ(test, check(fdt, PAGE_SIZE), KHO_FDT_STRUCTURE);
	tags[n - 1] = cpu_to_fdt32(FDT_BEGIN_NODE);
	KUNIT_EXPECT_EQ(test, check(fdt, PAGE_SIZE), KHO_FDT_STRUCTURE);
	tags[n - 1] = cpu_to_fdt32(FDT_END);

	/* Any other tag, anywhere, must do no harm. */
	for (i = 0; i < n; i++) {
		fdt32_t good = tags[i];
		u32 tag;

		for (tag = 0; tag < 12; tag++) {
			struct kho_fdt_child c;
			int offset = 0;

			tags[i] = cpu_to_fdt32(tag);
			if (check(fdt, PAGE_SIZE) != KHO_ACCEPTED)
				continue;
			while (kho_fdt_next(fdt, &offset, &c))
				;
		}
		tags[i] = good;
	}
	KUNIT_EXPECT_EQ(test, check(fdt, PAGE_SIZE), KHO_ACCEPTED);

	/* No end at all. */
	for (i = 0; i < n; i++)
		tags[i] = cpu_to_fdt32(FDT_NOP);
	KUNIT_EXPECT_EQ(test, check(fdt, PAGE_SIZE), KHO_FDT_STRUCTURE);
	tags[0] = cpu_to_fdt32(FDT_END);
	KUNIT_EXPECT_EQ(test, check(fdt, PAGE_SIZE), KHO_FDT_STRUCTURE);
}

static void test_strings(struct kunit *test)
{
	void *fdt = test->priv;
	char *strings;

	strings = fdt + fdt_off_dt_strings(fdt);
	strings[fdt_size_dt_strings(fdt) - 1] = 'x';
	KUNIT_EXPECT_EQ(test, check(fdt, PAGE_SIZE), KHO_FDT_STRUCTURE);
}

static struct kunit_case kho_fdt_cases[] = {
	KUNIT_CASE(test_create),
	KUNIT_CASE(test_add_find_del),
	KUNIT_CASE(test_names),
	KUNIT_CASE(test_full),
	KUNIT_CASE(test_header),
	KUNIT_CASE(test_format),
	KUNIT_CASE(test_map_property),
	KUNIT_CASE(test_broken_child),
	KUNIT_CASE(test_blob_range),
	KUNIT_CASE(test_structure),
	KUNIT_CASE(test_strings),
	{ }
};

static struct kunit_suite kho_fdt_suite = {
	.name = "kho_fdt",
	.init = fdt_test_init,
	.test_cases = kho_fdt_cases,
};

kunit_test_suite(kho_fdt_suite);
