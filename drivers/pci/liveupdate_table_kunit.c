// SPDX-License-Identifier: GPL-2.0-only
/* KUnit tests of the table of PCI handover records */
#include <kunit/test.h>
#include <linux/pci.h>
#include <linux/string.h>
#include <linux/xarray.h>

#include "liveupdate_internal.h"

#define KEY(bus, slot)	(((bus) << 8) | ((slot) << 3))

struct table_test {
	struct xarray table;
	struct pci_state_chunk_ser chunks[4];
	void *chunk_array[4];
};

static const char *add_bridge(struct table_test *tt, u64 key, u64 parent,
			      u8 secondary, u8 subordinate)
{
	struct pci_state_bridge_ser rec = {
		.id = {
			.key = key, .parent = parent, .hdr_type = 1,
			.vendor = 0x1b36, .class = 0x060400,
		},
		.nr_devices = 7,
		.primary = pci_lu_key_bus(key),
		.secondary = secondary,
		.subordinate = subordinate,
	};

	return pci_lu_table_add_bridge(&tt->table, &rec, sizeof(rec));
}

static const char *add_device(struct table_test *tt, u64 key, u64 parent,
			      u32 first, u32 length)
{
	struct pci_state_device_ser rec = {
		.id = { .key = key, .parent = parent, .vendor = 0x1234, },
		.format = "test-v1",
		.config = { .first = first, .length = length },
	};

	return pci_lu_table_add_device(&tt->table, &rec, sizeof(rec),
				       tt->chunk_array, 4);
}

static u32 below(struct table_test *tt, u64 key)
{
	struct pci_lu_in *in = xa_load(&tt->table, key);

	return in ? in->nr_devices : -1;
}

/* A root port, a switch with two ports, a device below each, one on the root bus */
static void table_tree(struct kunit *test)
{
	struct table_test *tt = test->priv;
	struct pci_lu_in *in;

	KUNIT_EXPECT_NULL(test, add_device(tt, KEY(3, 0), KEY(2, 0), 0, 0));
	KUNIT_EXPECT_NULL(test, add_device(tt, KEY(4, 0), KEY(2, 1), 0, 0));
	KUNIT_EXPECT_NULL(test, add_device(tt, KEY(4, 1), KEY(2, 1), 0, 0));
	KUNIT_EXPECT_NULL(test, add_device(tt, KEY(0, 4), PCI_STATE_ROOT, 0, 0));
	KUNIT_EXPECT_NULL(test, add_bridge(tt, KEY(2, 1), KEY(1, 0), 4, 4));
	KUNIT_EXPECT_NULL(test, add_bridge(tt, KEY(2, 0), KEY(1, 0), 3, 3));
	KUNIT_EXPECT_NULL(test, add_bridge(tt, KEY(1, 0), KEY(0, 1), 2, 4));
	KUNIT_EXPECT_NULL(test, add_bridge(tt, KEY(0, 1), PCI_STATE_ROOT, 1, 4));
	pci_lu_table_link(&tt->table);

	KUNIT_EXPECT_EQ(test, below(tt, KEY(0, 1)), 3);
	KUNIT_EXPECT_EQ(test, below(tt, KEY(1, 0)), 3);
	KUNIT_EXPECT_EQ(test, below(tt, KEY(2, 0)), 1);
	KUNIT_EXPECT_EQ(test, below(tt, KEY(2, 1)), 2);
	in = xa_load(&tt->table, KEY(4, 1));
	KUNIT_ASSERT_NOT_NULL(test, in);
	KUNIT_EXPECT_PTR_EQ(test, in->parent, xa_load(&tt->table, KEY(2, 1)));
	in = xa_load(&tt->table, KEY(0, 4));
	KUNIT_ASSERT_NOT_NULL(test, in);
	KUNIT_EXPECT_NULL(test, in->parent);
}

/* What is below a bridge without a record goes, and so do empty bridges */
static void table_broken_path(struct kunit *test)
{
	struct table_test *tt = test->priv;

	KUNIT_EXPECT_NULL(test, add_device(tt, KEY(3, 0), KEY(2, 0), 0, 0));
	KUNIT_EXPECT_NULL(test, add_device(tt, KEY(0, 4), PCI_STATE_ROOT, 0, 0));
	KUNIT_EXPECT_NULL(test, add_bridge(tt, KEY(2, 0), KEY(1, 0), 3, 3));
	KUNIT_EXPECT_NULL(test, add_bridge(tt, KEY(0, 1), PCI_STATE_ROOT, 1, 4));
	KUNIT_EXPECT_NULL(test, add_bridge(tt, KEY(0, 2), PCI_STATE_ROOT, 8, 8));
	pci_lu_table_link(&tt->table);

	KUNIT_EXPECT_NULL(test, xa_load(&tt->table, KEY(3, 0)));
	KUNIT_EXPECT_NULL(test, xa_load(&tt->table, KEY(2, 0)));
	KUNIT_EXPECT_NULL(test, xa_load(&tt->table, KEY(0, 1)));
	KUNIT_EXPECT_NULL(test, xa_load(&tt->table, KEY(0, 2)));
	KUNIT_EXPECT_NOT_NULL(test, xa_load(&tt->table, KEY(0, 4)));
}

/* A device is no bridge; a bridge is not above what is on another bus */
static void table_wrong_parent(struct kunit *test)
{
	struct table_test *tt = test->priv;

	KUNIT_EXPECT_NULL(test, add_device(tt, KEY(0, 4), PCI_STATE_ROOT, 0, 0));
	KUNIT_EXPECT_NULL(test, add_device(tt, KEY(3, 0), KEY(0, 4), 0, 0));
	KUNIT_EXPECT_NULL(test, add_bridge(tt, KEY(0, 1), PCI_STATE_ROOT, 1, 4));
	KUNIT_EXPECT_NULL(test, add_device(tt, KEY(2, 0), KEY(0, 1), 0, 0));
	KUNIT_EXPECT_NULL(test, add_device(tt, KEY(1, 0), KEY(0, 1), 0, 0));
	pci_lu_table_link(&tt->table);

	KUNIT_EXPECT_NULL(test, xa_load(&tt->table, KEY(3, 0)));
	KUNIT_EXPECT_NULL(test, xa_load(&tt->table, KEY(2, 0)));
	KUNIT_EXPECT_EQ(test, below(tt, KEY(0, 1)), 1);
}

static void table_duplicate(struct kunit *test)
{
	struct table_test *tt = test->priv;

	KUNIT_EXPECT_NULL(test, add_device(tt, KEY(0, 4), PCI_STATE_ROOT, 0, 0));
	KUNIT_EXPECT_NOT_NULL(test, add_device(tt, KEY(0, 4), PCI_STATE_ROOT, 0, 0));
	KUNIT_EXPECT_NOT_NULL(test, add_bridge(tt, KEY(0, 4), PCI_STATE_ROOT, 1, 4));
}

static void table_state(struct kunit *test)
{
	struct table_test *tt = test->priv;
	struct pci_state_cap_ser header = {
		.space = PCI_STATE_CAP_HEADER, .length = 64,
	};
	struct pci_state_cap_ser cap = { .id = 7, .length = 160 };
	struct pci_lu_in *in;
	int i;

	for (i = 0; i < 2; i++)
		tt->chunks[1 + i] = (struct pci_state_chunk_ser){
			.key = KEY(0, 4), .index = i,
			.kind = PCI_STATE_CHUNK_CONFIG,
			.length = i ? 16 : PCI_STATE_CHUNK_BYTES,
		};
	memcpy(tt->chunks[1].bytes, &header, sizeof(header));
	memcpy(tt->chunks[1].bytes + 72, &cap, sizeof(cap));
	memset(tt->chunks[2].bytes, 0x5a, 16);

	KUNIT_EXPECT_NULL(test, add_device(tt, KEY(0, 4), PCI_STATE_ROOT, 1, 240));
	in = xa_load(&tt->table, KEY(0, 4));
	KUNIT_ASSERT_NOT_NULL(test, in);
	KUNIT_ASSERT_NOT_NULL(test, in->config);
	KUNIT_EXPECT_EQ(test, memcmp(in->config + 224, tt->chunks[2].bytes, 16), 0);

	KUNIT_EXPECT_NOT_NULL(test, add_device(tt, KEY(0, 5), PCI_STATE_ROOT, 1, 240));
	tt->chunks[1].key = KEY(0, 5);
	tt->chunks[2].key = KEY(0, 5);
	KUNIT_EXPECT_NOT_NULL(test, add_device(tt, KEY(0, 5), PCI_STATE_ROOT, 1, 232));
	tt->chunks[2].length = 8;
	KUNIT_EXPECT_NOT_NULL(test, add_device(tt, KEY(0, 5), PCI_STATE_ROOT, 1, 232));
	KUNIT_EXPECT_NOT_NULL(test, add_device(tt, KEY(0, 5), PCI_STATE_ROOT, 4, 8));
	KUNIT_EXPECT_NULL(test, xa_load(&tt->table, KEY(0, 5)));
}

static int table_test_init(struct kunit *test)
{
	struct table_test *tt = kunit_kzalloc(test, sizeof(*tt), GFP_KERNEL);
	int i;

	if (!tt)
		return -ENOMEM;
	xa_init(&tt->table);
	for (i = 0; i < ARRAY_SIZE(tt->chunks); i++)
		tt->chunk_array[i] = &tt->chunks[i];
	test->priv = tt;
	return 0;
}

static void table_test_exit(struct kunit *test)
{
	struct table_test *tt = test->priv;
	struct pci_lu_in *in;
	unsigned long key;

	if (!tt)
		return;
	xa_for_each(&tt->table, key, in)
		pci_lu_in_put(in);
	xa_destroy(&tt->table);
}

static struct kunit_case pci_lu_table_cases[] = {
	KUNIT_CASE(table_tree),
	KUNIT_CASE(table_broken_path),
	KUNIT_CASE(table_wrong_parent),
	KUNIT_CASE(table_duplicate),
	KUNIT_CASE(table_state),
	{}
};

static struct kunit_suite pci_lu_table_suite = {
	.name = "pci_liveupdate_table",
	.init = table_test_init,
	.exit = table_test_exit,
	.test_cases = pci_lu_table_cases,
};

kunit_test_suite(pci_lu_table_suite);
