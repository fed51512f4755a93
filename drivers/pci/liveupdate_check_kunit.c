// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the checks of PCI handover records. Also built on the host, see
 * tools/testing/selftests/liveupdate/host.
 */
#include <kunit/test.h>
#include <linux/string.h>

#include "liveupdate_check.h"

#define KEY(bus, slot)	(((bus) << 8) | ((slot) << 3))

static struct pci_state_head_ser good_head(void)
{
	return (struct pci_state_head_ser){
		.magic = PCI_STATE_MAGIC,
		.size = sizeof(struct pci_state_head_ser),
		.device_size = sizeof(struct pci_state_device_ser),
		.bridge_size = sizeof(struct pci_state_bridge_ser),
		.chunk_size = sizeof(struct pci_state_chunk_ser),
		.devices = 0x1000,
		.nr_devices = 2,
		.bridges = 0x2000,
		.nr_bridges = 1,
		.chunks = 0x3000,
		.nr_chunks = 9,
	};
}

static struct pci_state_device_ser good_device(void)
{
	return (struct pci_state_device_ser){
		.id = {
			.key = KEY(2, 3), .parent = KEY(0, 1),
			.vendor = 0x1234, .device = 0x11e8, .class = 0x00ff00,
		},
		.format = "edu-v1",
		.driver = "pci-lu-stub",
		.bars = {
			{ .address = 0xfe000000, .size = 0x100000 },
			{ .address = 0x7000000000, .size = 0x40000000, .flags = 0xc },
			{ },
			{ .address = 0xc000, .size = 0x20, .flags = 1 },
			{ },
			{ },
			{ .address = 0xfe200000, .size = 0x10000, .flags = 1 },
		},
		.config = { .first = 3, .length = 500 },
	};
}

static struct pci_state_bridge_ser good_bridge(void)
{
	return (struct pci_state_bridge_ser){
		.id = {
			.key = KEY(0, 1), .parent = PCI_STATE_ROOT,
			.vendor = 0x1b36, .device = 0x000c, .class = 0x060400,
			.hdr_type = 1, .root_uid = "0",
		},
		.nr_devices = 1,
		.primary = 0, .secondary = 2, .subordinate = 4,
		.windows = PCI_STATE_WINDOW_PREF,
		.bars = { { .address = 0xfe400000, .size = 0x1000 } },
	};
}

#define EXPECT_HEAD(test, good, change) do {				\
	struct pci_state_head_ser r = good_head();			\
									\
	r.change;							\
	KUNIT_EXPECT_EQ_MSG(test, !pci_lu_check_head(&r), good, #change); \
} while (0)

static void check_head(struct kunit *test)
{
	EXPECT_HEAD(test, true, size += 0);
	EXPECT_HEAD(test, true, size += 8);
	EXPECT_HEAD(test, true, device_size += 16);
	EXPECT_HEAD(test, true, bridge_size = 4080);
	EXPECT_HEAD(test, true, optional = -1);
	EXPECT_HEAD(test, true, reserved[3] = 1);

	EXPECT_HEAD(test, false, magic++);
	EXPECT_HEAD(test, false, size -= 8);
	EXPECT_HEAD(test, false, size += 1);
	EXPECT_HEAD(test, false, size = 4088);
	EXPECT_HEAD(test, false, required = 1);
	EXPECT_HEAD(test, false, required = 1ULL << 63);
	EXPECT_HEAD(test, false, device_size -= 8);
	EXPECT_HEAD(test, false, device_size = 4088);
	EXPECT_HEAD(test, false, bridge_size = 0);
	EXPECT_HEAD(test, false, chunk_size += 8);
	EXPECT_HEAD(test, false, devices = 0);
	EXPECT_HEAD(test, false, nr_devices = 0);
	EXPECT_HEAD(test, false, nr_devices = 1ULL << 40);
	EXPECT_HEAD(test, false, bridges = 0);
	EXPECT_HEAD(test, false, nr_chunks = 0);
}

#define EXPECT_DEVICE(test, good, change) do {				\
	struct pci_state_device_ser r = good_device();			\
									\
	r.change;							\
	KUNIT_EXPECT_EQ_MSG(test, !pci_lu_check_device(&r, 6), good,	\
			    #change);					\
} while (0)

static void check_device(struct kunit *test)
{
	EXPECT_DEVICE(test, true, id.revision = 7);
	EXPECT_DEVICE(test, true, id.parent = PCI_STATE_ROOT);
	EXPECT_DEVICE(test, true, optional = -1);
	EXPECT_DEVICE(test, true, data = -1);
	EXPECT_DEVICE(test, true, driver[0] = 0);
	EXPECT_DEVICE(test, true, irq_type = 3);

	EXPECT_DEVICE(test, false, id.key = 1ULL << 48);
	EXPECT_DEVICE(test, false, id.key = KEY(0, 3));
	EXPECT_DEVICE(test, false, id.parent = KEY(2, 3));
	EXPECT_DEVICE(test, false, id.parent = 1ULL << 48);
	EXPECT_DEVICE(test, false, id.parent |= 1 << 16);
	EXPECT_DEVICE(test, false, id.vendor = 0);
	EXPECT_DEVICE(test, false, id.vendor = 0xffff);
	EXPECT_DEVICE(test, false, id.class = 1 << 24);
	EXPECT_DEVICE(test, false, id.hdr_type = 1);
	EXPECT_DEVICE(test, false, id.hdr_type = 0x80);
	EXPECT_DEVICE(test, false, required = 4);
	EXPECT_DEVICE(test, false, format[0] = 0);
	EXPECT_DEVICE(test, false, format[1] = '\n');
	EXPECT_DEVICE(test, false, format[2] = 0xe4);
	EXPECT_DEVICE(test, false, driver[3] = 0x1b);
	EXPECT_DEVICE(test, false, irq_type = 4);
}

static void check_text(struct kunit *test)
{
	struct pci_state_device_ser dev = good_device();

	memset(dev.format, 'x', sizeof(dev.format));
	KUNIT_EXPECT_NOT_NULL(test, pci_lu_check_device(&dev, 6));
	dev.format[sizeof(dev.format) - 1] = 0;
	KUNIT_EXPECT_NULL(test, pci_lu_check_device(&dev, 6));
	memset(dev.driver, 'x', sizeof(dev.driver));
	KUNIT_EXPECT_NOT_NULL(test, pci_lu_check_device(&dev, 6));
	dev.driver[sizeof(dev.driver) - 1] = 0;
	memset(dev.id.root_uid, 'x', sizeof(dev.id.root_uid));
	KUNIT_EXPECT_NOT_NULL(test, pci_lu_check_device(&dev, 6));
}

static void check_bars(struct kunit *test)
{
	EXPECT_DEVICE(test, true, bars[0].size = 0);
	EXPECT_DEVICE(test, true, bars[0].flags = 8);
	EXPECT_DEVICE(test, true, bars[6].flags = 0);
	EXPECT_DEVICE(test, true, bars[1].address = -0x40000000ULL);

	EXPECT_DEVICE(test, false, bars[0].size = 0x180000);
	EXPECT_DEVICE(test, false, bars[0].address += 0x80000);
	EXPECT_DEVICE(test, false, bars[0].address = 1ULL << 32);
	EXPECT_DEVICE(test, false, bars[0].address = 0xfff00000 + (1ULL << 32));
	EXPECT_DEVICE(test, false, bars[0].flags = 0x10);
	EXPECT_DEVICE(test, false, bars[1].size = 0x20000000000);
	EXPECT_DEVICE(test, false, bars[2].size = 0x1000);
	EXPECT_DEVICE(test, false, bars[3].address = 0x1000000000);
	EXPECT_DEVICE(test, false, bars[5] =
		      ((struct pci_state_bar_ser){ .size = 0x1000, .flags = 4 }));
	EXPECT_DEVICE(test, false, bars[6].flags = 2);
}

static void check_refs(struct kunit *test)
{
	EXPECT_DEVICE(test, true, config.length = 0);
	EXPECT_DEVICE(test, true, config.length = 3 * PCI_STATE_CHUNK_BYTES);
	EXPECT_DEVICE(test, true, initial.first = -1);

	EXPECT_DEVICE(test, false, config.length = 3 * PCI_STATE_CHUNK_BYTES + 1);
	EXPECT_DEVICE(test, false, config.length = -1);
	EXPECT_DEVICE(test, false, config.first = 4);
	EXPECT_DEVICE(test, false, config.first = -1);
	EXPECT_DEVICE(test, false, initial =
		      ((struct pci_state_ref_ser){ .first = 6, .length = 1 }));
}

#define EXPECT_BRIDGE(test, good, change) do {				\
	struct pci_state_bridge_ser r = good_bridge();			\
									\
	r.change;							\
	KUNIT_EXPECT_EQ_MSG(test, !pci_lu_check_bridge(&r), good, #change); \
} while (0)

static void check_bridge(struct kunit *test)
{
	EXPECT_BRIDGE(test, true, subordinate = 2);
	EXPECT_BRIDGE(test, true, optional = 1);
	EXPECT_BRIDGE(test, true, windows = 7);

	EXPECT_BRIDGE(test, false, id.hdr_type = 0);
	EXPECT_BRIDGE(test, false, id.hdr_type = 2);
	EXPECT_BRIDGE(test, false, required = 1);
	EXPECT_BRIDGE(test, false, nr_devices = 0);
	EXPECT_BRIDGE(test, false, primary = 1);
	EXPECT_BRIDGE(test, false, secondary = 0);
	EXPECT_BRIDGE(test, false, subordinate = 1);
	EXPECT_BRIDGE(test, false, windows = 8);
	EXPECT_BRIDGE(test, false, bars[0].size = 3);
	EXPECT_BRIDGE(test, false, bars[1] =
		      ((struct pci_state_bar_ser){ .size = 0x1000, .flags = 4 }));
}

static void check_parent(struct kunit *test)
{
	struct pci_state_bridge_ser bridge = good_bridge();
	struct pci_state_device_ser dev = good_device();

	KUNIT_EXPECT_NULL(test, pci_lu_check_parent(&dev.id, &bridge));
	KUNIT_EXPECT_NOT_NULL(test, pci_lu_check_parent(&dev.id, NULL));
	bridge.secondary = 1;
	KUNIT_EXPECT_NOT_NULL(test, pci_lu_check_parent(&dev.id, &bridge));
	dev.id.parent = PCI_STATE_ROOT;
	KUNIT_EXPECT_NULL(test, pci_lu_check_parent(&dev.id, NULL));
}

static void check_chunks(struct kunit *test)
{
	struct pci_state_chunk_ser chunk = {
		.key = 5, .index = 2, .kind = PCI_STATE_CHUNK_CONFIG,
		.length = 52,
	};

	KUNIT_EXPECT_EQ(test, pci_lu_nr_chunks(0), 0);
	KUNIT_EXPECT_EQ(test, pci_lu_nr_chunks(1), 1);
	KUNIT_EXPECT_EQ(test, pci_lu_nr_chunks(PCI_STATE_CHUNK_BYTES), 1);
	KUNIT_EXPECT_EQ(test, pci_lu_nr_chunks(PCI_STATE_CHUNK_BYTES + 1), 2);
	KUNIT_EXPECT_EQ(test, pci_lu_nr_chunks(-1), 19173962);
	KUNIT_EXPECT_EQ(test, pci_lu_chunk_bytes(0, 500), PCI_STATE_CHUNK_BYTES);
	KUNIT_EXPECT_EQ(test, pci_lu_chunk_bytes(2, 500), 52);
	KUNIT_EXPECT_EQ(test, pci_lu_chunk_bytes(1, 448), PCI_STATE_CHUNK_BYTES);

	KUNIT_EXPECT_NULL(test, pci_lu_check_chunk(&chunk, 5, 1, 2, 500));
	KUNIT_EXPECT_NOT_NULL(test, pci_lu_check_chunk(&chunk, 6, 1, 2, 500));
	KUNIT_EXPECT_NOT_NULL(test, pci_lu_check_chunk(&chunk, 5, 2, 2, 500));
	KUNIT_EXPECT_NOT_NULL(test, pci_lu_check_chunk(&chunk, 5, 1, 1, 500));
	KUNIT_EXPECT_NOT_NULL(test, pci_lu_check_chunk(&chunk, 5, 1, 2, 501));
	KUNIT_EXPECT_TRUE(test, pci_lu_chunk_is_possible(&chunk));
	chunk.length = 0;
	KUNIT_EXPECT_FALSE(test, pci_lu_chunk_is_possible(&chunk));
	chunk.length = 225;
	KUNIT_EXPECT_FALSE(test, pci_lu_chunk_is_possible(&chunk));
	chunk.kind = PCI_STATE_CHUNK_UNUSED;
	chunk.length = 0;
	KUNIT_EXPECT_FALSE(test, pci_lu_chunk_is_possible(&chunk));
	chunk = (struct pci_state_chunk_ser){ };
	KUNIT_EXPECT_TRUE(test, pci_lu_chunk_is_possible(&chunk));
	chunk = (struct pci_state_chunk_ser){
		.key = 5, .index = 2, .kind = PCI_STATE_CHUNK_CONFIG,
	};
	chunk.length = 0xffff;
	KUNIT_EXPECT_NOT_NULL(test, pci_lu_check_chunk(&chunk, 5, 1, 2, 500));
}

static u32 add_cap(u8 *buf, u32 pos, u16 id, u8 space, u16 length)
{
	struct pci_state_cap_ser cap = {
		.id = id, .space = space, .version = 1, .length = length,
	};

	memcpy(buf + pos, &cap, sizeof(cap));
	return pos + sizeof(cap) + ((length + 7) & ~7);
}

static void check_config(struct kunit *test)
{
	u8 buf[200] = { };
	u32 end;

	KUNIT_EXPECT_NOT_NULL(test, pci_lu_check_config(buf, 0));
	end = add_cap(buf, 0, 0, PCI_STATE_CAP_HEADER, 64);
	KUNIT_EXPECT_EQ(test, end, 72);
	KUNIT_EXPECT_NULL(test, pci_lu_check_config(buf, end));
	KUNIT_EXPECT_NOT_NULL(test, pci_lu_check_config(buf, end - 8));
	KUNIT_EXPECT_NOT_NULL(test, pci_lu_check_config(buf, end + 4));

	end = add_cap(buf, end, 0x10, PCI_STATE_CAP_NORMAL, 14);
	KUNIT_EXPECT_EQ(test, end, 96);
	KUNIT_EXPECT_NULL(test, pci_lu_check_config(buf, end));
	KUNIT_EXPECT_NOT_NULL(test, pci_lu_check_config(buf, end - 1));
	KUNIT_EXPECT_NULL(test, pci_lu_check_config(buf, add_cap(buf, end, 7, 1, 0)));
	KUNIT_EXPECT_NOT_NULL(test, pci_lu_check_config(buf, add_cap(buf, end, 7, 3, 0)));
	add_cap(buf, end, 7, 1, 0xffff);
	KUNIT_EXPECT_NOT_NULL(test, pci_lu_check_config(buf, sizeof(buf)));
	end = add_cap(buf, end, 0, PCI_STATE_CAP_HEADER, 64);
	KUNIT_EXPECT_NOT_NULL(test, pci_lu_check_config(buf, end));

	add_cap(buf, 0, 0, PCI_STATE_CAP_NORMAL, 64);
	KUNIT_EXPECT_NOT_NULL(test, pci_lu_check_config(buf, 72));
	add_cap(buf, 0, 1, PCI_STATE_CAP_HEADER, 64);
	KUNIT_EXPECT_NOT_NULL(test, pci_lu_check_config(buf, 72));
	add_cap(buf, 0, 0, PCI_STATE_CAP_HEADER, 60);
	KUNIT_EXPECT_NOT_NULL(test, pci_lu_check_config(buf, 72));
}

static struct kunit_case pci_lu_check_cases[] = {
	KUNIT_CASE(check_head),
	KUNIT_CASE(check_device),
	KUNIT_CASE(check_text),
	KUNIT_CASE(check_bars),
	KUNIT_CASE(check_refs),
	KUNIT_CASE(check_bridge),
	KUNIT_CASE(check_parent),
	KUNIT_CASE(check_chunks),
	KUNIT_CASE(check_config),
	{}
};

static struct kunit_suite pci_lu_check_suite = {
	.name = "pci_liveupdate_check",
	.test_cases = pci_lu_check_cases,
};

kunit_test_suite(pci_lu_check_suite);
