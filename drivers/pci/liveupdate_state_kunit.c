// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of the saved configuration state on its way to the next kernel, with a
 * device whose configuration space is an array.
 */

#include <kunit/test-bug.h>
#include <kunit/test.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "liveupdate.h"
#include "liveupdate_check.h"
#include "pci.h"

#define SPACE		256
#define HEADER		(sizeof(struct pci_state_cap_ser) + 64)

/**
 * struct fake - a device
 * @config: its configuration space
 * @bus: where it is
 * @dev: the device
 * @buf: a list
 */
struct fake {
	u8 config[SPACE];
	struct pci_bus bus;
	struct pci_dev dev;
	u8 buf[512] __aligned(8);
};

static int fake_read(struct pci_bus *bus, unsigned int devfn, int where, int size, u32 *val)
{
	struct fake *fake = container_of(bus, struct fake, bus);

	*val = 0;
	memcpy(val, fake->config + where, size);
	return PCIBIOS_SUCCESSFUL;
}

static int fake_write(struct pci_bus *bus, unsigned int devfn, int where, int size, u32 val)
{
	struct kunit *test = kunit_get_current_test();

	KUNIT_FAIL(test, "write of %#x to %#x", val, where);
	return PCIBIOS_SUCCESSFUL;
}

static struct pci_ops fake_ops = { .read = fake_read, .write = fake_write };

static void add_buffer(struct kunit *test, struct fake *fake, u16 id, bool extended, size_t size)
{
	struct pci_cap_saved_state *cap;

	cap = kunit_kzalloc(test, sizeof(*cap) + size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, cap);
	cap->cap.cap_nr = id;
	cap->cap.cap_extended = extended;
	cap->cap.size = size;
	hlist_add_head(&cap->next, &fake->dev.saved_cap_space);
}

/* A header of 0, 1, 2 ..., and one capability that is saved for real: PCI-X. */
static struct fake *new_fake(struct kunit *test)
{
	struct fake *fake = kunit_kzalloc(test, sizeof(*fake), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fake);
	for (int i = 0; i < 64; i++)
		fake->config[i] = i;
	fake->config[PCI_STATUS] = PCI_STATUS_CAP_LIST;
	fake->config[PCI_HEADER_TYPE] = PCI_HEADER_TYPE_NORMAL;
	fake->config[PCI_CAPABILITY_LIST] = 0x40;
	fake->config[0x40] = PCI_CAP_ID_PCIX;
	fake->config[0x42] = 0xcd;
	fake->config[0x43] = 0xab;
	fake->bus.ops = &fake_ops;
	fake->dev.bus = &fake->bus;
	fake->dev.cfg_size = SPACE;
	fake->dev.hdr_type = PCI_HEADER_TYPE_NORMAL;
	device_initialize(&fake->dev.dev);
	dev_set_name(&fake->dev.dev, "fake");
	add_buffer(test, fake, PCI_CAP_ID_PCIX, false, 2);
	return fake;
}

static struct pci_cap_saved_state *buffer(struct fake *fake, u16 id, bool extended)
{
	struct pci_cap_saved_state *cap;

	hlist_for_each_entry(cap, &fake->dev.saved_cap_space, next)
		if (cap->cap.cap_nr == id && cap->cap.cap_extended == extended)
			return cap;
	return NULL;
}

static u32 write_now(struct kunit *test, struct fake *fake)
{
	int length;

	KUNIT_ASSERT_LE(test, pci_lu_state_size(&fake->dev), sizeof(fake->buf));
	length = pci_lu_state_write(&fake->dev, NULL, fake->buf, sizeof(fake->buf));
	KUNIT_ASSERT_GT(test, length, 0);
	KUNIT_EXPECT_LE(test, length, pci_lu_state_size(&fake->dev));
	KUNIT_EXPECT_NULL(test, pci_lu_check_config(fake->buf, length));
	return length;
}

/* Another entry behind a list of @length; its new length. */
static u32 append(struct fake *fake, u32 length, u16 id, u8 space, u8 version, u16 size, u8 fill)
{
	struct pci_state_cap_ser ser = {
		.id = id, .space = space, .version = version, .length = size,
	};

	memcpy(fake->buf + length, &ser, sizeof(ser));
	memset(fake->buf + length + sizeof(ser), fill, size);
	return length + sizeof(ser) + ALIGN(size, 8);
}

static void load(struct kunit *test, struct fake *fake, u32 length)
{
	struct pci_saved_state *state = pci_lu_state_read(&fake->dev, fake->buf, length);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, state);
	KUNIT_EXPECT_EQ(test, pci_load_and_free_saved_state(&fake->dev, &state), 0);
}

static void round_trip(struct kunit *test)
{
	struct fake *fake = new_fake(test), *next = new_fake(test);
	u32 length = write_now(test, fake);

	/* The next kernel finds the device in another state. */
	memset(next->config, 0x11, 4);
	next->config[0x42] = 0;
	memcpy(next->buf, fake->buf, sizeof(fake->buf));
	load(test, next, length);
	KUNIT_EXPECT_MEMEQ(test, next->dev.saved_config_space, fake->config, 64);
	KUNIT_EXPECT_MEMEQ(test, buffer(next, PCI_CAP_ID_PCIX, false)->cap.data, "\xcd\xab", 2);
	KUNIT_EXPECT_TRUE(test, next->dev.state_saved);
}

/* What was saved before stays saved, and what was not does not become so. */
static void leaves_buffers_alone(struct kunit *test)
{
	struct fake *fake = new_fake(test);
	struct pci_saved_state *state;
	u32 length;

	fake->dev.saved_config_space[5] = 0x12345678;
	memcpy(buffer(fake, PCI_CAP_ID_PCIX, false)->cap.data, "\x01\x02", 2);
	length = write_now(test, fake);
	KUNIT_EXPECT_EQ(test, fake->dev.saved_config_space[5], 0x12345678);
	KUNIT_EXPECT_MEMEQ(test, buffer(fake, PCI_CAP_ID_PCIX, false)->cap.data, "\x01\x02", 2);
	KUNIT_EXPECT_FALSE(test, fake->dev.state_saved);

	fake->dev.state_saved = true;
	state = pci_lu_state_read(&fake->dev, fake->buf, length);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, state);
	KUNIT_EXPECT_EQ(test, fake->dev.saved_config_space[5], 0x12345678);
	KUNIT_EXPECT_TRUE(test, fake->dev.state_saved);
	kfree(state);
}

static void given_state(struct kunit *test)
{
	struct fake *fake = new_fake(test);
	struct pci_saved_state *state, *copy;
	u32 now = write_now(test, fake);
	u8 *as_now;
	int length;

	as_now = kunit_kmalloc(test, now, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, as_now);
	memcpy(as_now, fake->buf, now);
	KUNIT_ASSERT_EQ(test, pci_save_state(&fake->dev), 0);
	state = pci_store_saved_state(&fake->dev);
	KUNIT_ASSERT_NOT_NULL(test, state);
	copy = pci_lu_state_dup(&fake->dev, state);
	kfree(state);
	KUNIT_ASSERT_NOT_NULL(test, copy);

	/* It moves on; its capabilities stay where they are. */
	memset(fake->config + PCI_BASE_ADDRESS_0, 0x77, 24);
	fake->config[0x42] = 0;
	length = pci_lu_state_write(&fake->dev, copy, fake->buf, sizeof(fake->buf));
	kfree(copy);
	KUNIT_ASSERT_EQ(test, length, now);
	KUNIT_EXPECT_MEMEQ(test, fake->buf, as_now, now);
}

static void no_room(struct kunit *test)
{
	struct fake *fake = new_fake(test);

	for (u32 size = 0; size < pci_lu_state_size(&fake->dev); size += 8)
		KUNIT_EXPECT_EQ(test, pci_lu_state_write(&fake->dev, NULL, fake->buf, size),
				-ENOSPC);
}

/* Each is named in the log and left out; what follows is taken. */
static void not_restorable(struct kunit *test)
{
	struct fake *fake = new_fake(test);
	u32 length = HEADER;

	add_buffer(test, fake, PCI_CAP_ID_EXP, false, 14);
	write_now(test, fake);
	length = append(fake, length, 0x7f, PCI_STATE_CAP_NORMAL, 1, 4, 0xee);
	length = append(fake, length, PCI_EXT_CAP_ID_LTR, PCI_STATE_CAP_EXTENDED, 1, 4, 0xee);
	length = append(fake, length, PCI_CAP_ID_EXP, PCI_STATE_CAP_NORMAL, 2, 14, 0xee);
	length = append(fake, length, PCI_CAP_ID_EXP, PCI_STATE_CAP_NORMAL, 1, 16, 0xee);
	length = append(fake, length, PCI_CAP_ID_EXP, PCI_STATE_CAP_NORMAL, 1, 0, 0xee);
	length = append(fake, length, PCI_CAP_ID_PCIX, PCI_STATE_CAP_EXTENDED, 1, 2, 0xee);
	length = append(fake, length, PCI_CAP_ID_PCIX, PCI_STATE_CAP_NORMAL, 1, 2, 0x66);
	load(test, fake, length);
	KUNIT_EXPECT_MEMEQ(test, buffer(fake, PCI_CAP_ID_PCIX, false)->cap.data, "\x66\x66", 2);
	KUNIT_EXPECT_MEMEQ(test, buffer(fake, PCI_CAP_ID_EXP, false)->cap.data,
			   "\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 14);
}

static int read_error(struct fake *fake, u32 length)
{
	return PTR_ERR_OR_ZERO(pci_lu_state_read(&fake->dev, fake->buf, length));
}

static void malformed(struct kunit *test)
{
	struct fake *fake = new_fake(test);
	u32 length = write_now(test, fake);
	struct pci_state_cap_ser *header = (void *)fake->buf;
	struct pci_state_cap_ser *second = (void *)fake->buf + HEADER;

	KUNIT_EXPECT_NULL(test, pci_lu_state_read(&fake->dev, fake->buf, 0));
	for (u32 cut = 1; cut < length; cut++)
		if (cut != HEADER)
			KUNIT_EXPECT_EQ(test, read_error(fake, cut), -EINVAL);
	header->version = 2;
	KUNIT_EXPECT_EQ(test, read_error(fake, length), -EINVAL);
	header->version = 1;
	header->space = PCI_STATE_CAP_NORMAL;
	KUNIT_EXPECT_EQ(test, read_error(fake, length), -EINVAL);
	header->space = PCI_STATE_CAP_HEADER;
	second->space = PCI_STATE_CAP_HEADER;
	KUNIT_EXPECT_EQ(test, read_error(fake, length), -EINVAL);
	second->space = PCI_STATE_CAP_NORMAL;
	second->length = U16_MAX;
	KUNIT_EXPECT_EQ(test, read_error(fake, length), -EINVAL);
}

/* What is in use has to be known. */
static void unsupported(struct kunit *test)
{
	struct fake *fake = new_fake(test);

	KUNIT_EXPECT_NULL(test, pci_lu_state_unsupported(&fake->dev));
	fake->config[0x40] = PCI_CAP_ID_EA;
	KUNIT_EXPECT_STREQ(test, pci_lu_state_unsupported(&fake->dev), "Enhanced Allocation");
	fake->config[0x40] = 0x7f;
	KUNIT_EXPECT_NOT_NULL(test, pci_lu_state_unsupported(&fake->dev));
	fake->config[0x40] = PCI_CAP_ID_PCIX;

	/* A list without end. */
	fake->config[0x41] = 0x40;
	KUNIT_EXPECT_NULL(test, pci_lu_state_unsupported(&fake->dev));

	/* Saved by the core, unknown here. */
	add_buffer(test, fake, PCI_CAP_ID_MSI, false, 4);
	KUNIT_EXPECT_STREQ(test, pci_lu_state_unsupported(&fake->dev), "MSI");
}

static struct kunit_case state_cases[] = {
	KUNIT_CASE(round_trip),
	KUNIT_CASE(leaves_buffers_alone),
	KUNIT_CASE(given_state),
	KUNIT_CASE(no_room),
	KUNIT_CASE(not_restorable),
	KUNIT_CASE(malformed),
	KUNIT_CASE(unsupported),
	{ }
};

static struct kunit_suite state_suite = {
	.name = "pci_liveupdate_state",
	.test_cases = state_cases,
};

kunit_test_suite(state_suite);
