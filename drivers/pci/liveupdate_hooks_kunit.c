// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of what the PCI core does to a function that came from the previous kernel,
 * or is frozen: liveupdate_adopt.c and liveupdate_guard.c behind the calls that enumeration,
 * drivers and users make. The configuration space is an array that counts writes.
 */
#include <kunit/test.h>
#include <linux/cleanup.h>
#include <linux/delay.h>
#include <linux/pci.h>
#include <linux/pci_liveupdate.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "liveupdate_internal.h"
#include "pci.h"

#define EXP		0x40	/* PCI Express capability */
#define ACS		0x100	/* ACS, the only extended one */
#define LTR		0x110	/* or, where that is tested, LTR behind it */
#define DPC		0x120	/* and DPC */
#define BAR_ADDRESS	0xfe000000
#define BAR_SIZE	SZ_64K
#define HIGH_ADDRESS	0x380000000000ULL

/**
 * struct fake - a function and all it needs
 * @config: its configuration space
 * @writable: bits of it that can be written
 * @writes: number of writes
 * @host: host bridge
 * @bus: where it is
 * @window: what the bus has in addresses
 * @dev: the function
 * @in: its record
 * @out: or its own
 * @sriov: what it needs to have virtual functions
 */
struct fake {
	u8 config[PCI_CFG_SPACE_EXP_SIZE];
	u8 writable[PCI_CFG_SPACE_EXP_SIZE];
	unsigned int writes;
	struct pci_host_bridge host;
	struct pci_bus bus;
	struct resource window;
	struct pci_dev dev;
	struct pci_lu_in in;
	struct pci_lu_out out;
	struct pci_sriov sriov;
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
	struct fake *fake = container_of(bus, struct fake, bus);

	fake->writes++;
	for (; size--; where++, val >>= 8)
		fake->config[where] = (fake->config[where] & ~fake->writable[where]) |
				      (val & fake->writable[where]);
	return PCIBIOS_SUCCESSFUL;
}

static struct pci_ops fake_ops = { .read = fake_read, .write = fake_write };

static void put16(struct fake *fake, int where, u16 val)
{
	memcpy(fake->config + where, &val, sizeof(val));
}

static void put32(struct fake *fake, int where, u32 val)
{
	memcpy(fake->config + where, &val, sizeof(val));
}

static u16 get16(struct fake *fake, int where)
{
	u16 val;

	memcpy(&val, fake->config + where, sizeof(val));
	return val;
}

static void put_bar(struct fake *fake, int bar, u64 address, u32 flags, u64 size)
{
	int reg = PCI_BASE_ADDRESS_0 + 4 * bar;
	u64 mask = ~(size - 1);

	put32(fake, reg, address | flags);
	memcpy(fake->writable + reg, &mask, flags & PCI_BASE_ADDRESS_MEM_TYPE_64 ? 8 : 4);
	if (flags & PCI_BASE_ADDRESS_MEM_TYPE_64)
		put32(fake, reg + 4, address >> 32);
	fake->in.device.bars[bar] = (struct pci_state_bar_ser){
		.address = address, .size = size, .flags = flags,
	};
}

static struct fake *new_fake(struct kunit *test)
{
	struct fake *fake = kunit_kzalloc(test, sizeof(*fake), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fake);
	put32(fake, PCI_VENDOR_ID, 0x11e81234);
	put16(fake, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
				 PCI_COMMAND_INTX_DISABLE);
	put16(fake, PCI_STATUS, PCI_STATUS_CAP_LIST);
	fake->config[PCI_INTERRUPT_PIN] = 1;
	fake->config[PCI_CAPABILITY_LIST] = EXP;
	fake->config[EXP] = PCI_CAP_ID_EXP;
	put16(fake, EXP + PCI_EXP_FLAGS, 2);
	put32(fake, ACS, 0x10000 | PCI_EXT_CAP_ID_ACS);
	put16(fake, ACS + PCI_ACS_CAP, 0x7f);
	memset(fake->writable + PCI_COMMAND, 0xff, 2);
	memset(fake->writable + ACS + PCI_ACS_CTRL, 0xff, 2);
	memset(fake->writable + EXP, 0xff, 0x3c);

	INIT_LIST_HEAD(&fake->host.windows);
	INIT_LIST_HEAD(&fake->bus.devices);
	INIT_LIST_HEAD(&fake->bus.resources);
	INIT_LIST_HEAD(&fake->bus.slots);
	fake->window = DEFINE_RES_MEM(BAR_ADDRESS, SZ_1M);
	fake->bus.resource[0] = &fake->window;
	fake->bus.bridge = &fake->host.dev;
	fake->bus.ops = &fake_ops;

	fake->dev.bus = &fake->bus;
	fake->dev.cfg_size = PCI_CFG_SPACE_EXP_SIZE;
	fake->dev.hdr_type = PCI_HEADER_TYPE_NORMAL;
	fake->dev.pcie_cap = EXP;
	fake->dev.pcie_flags_reg = 2;
	fake->dev.pcie_mpss = 2;
	spin_lock_init(&fake->dev.pcie_cap_lock);
	device_initialize(&fake->dev.dev);
	dev_set_name(&fake->dev.dev, "fake");
	list_add_tail(&fake->dev.bus_list, &fake->bus.devices);
	return fake;
}

static void make_incoming(struct fake *fake)
{
	fake->in.dev = &fake->dev;
	fake->in.adopted = true;
	fake->in.state = PCI_LU_INCOMING;
	fake->in.device.command = get16(fake, PCI_COMMAND);
	fake->dev.lu_in = &fake->in;
	scoped_guard(mutex, &pci_lu_lock)
		pci_lu_adopt_begin(&fake->dev);
}

static void make_finished(struct fake *fake)
{
	guard(mutex)(&pci_lu_lock);
	fake->in.state = PCI_LU_FINISHED;
	pci_lu_adopt_end(&fake->dev);
}

static void make_frozen(struct fake *fake)
{
	fake->out.dev = &fake->dev;
	fake->out.state = PCI_LU_FROZEN;
	fake->dev.lu_out = &fake->out;
}

static struct fake *new_incoming(struct kunit *test)
{
	struct fake *fake = new_fake(test);

	make_incoming(fake);
	return fake;
}

static int read_base(struct fake *fake, int bar)
{
	return __pci_read_base(&fake->dev, pci_bar_unknown, &fake->dev.resource[bar],
			       PCI_BASE_ADDRESS_0 + 4 * bar);
}

static void check_bar(struct kunit *test, struct fake *fake, int bar, u64 address, u64 size,
		      unsigned long flags)
{
	struct resource *res = &fake->dev.resource[bar];

	KUNIT_EXPECT_EQ(test, res->start, address);
	KUNIT_EXPECT_EQ(test, resource_size(res), size);
	KUNIT_EXPECT_EQ(test, res->flags & flags, flags);
}

/* The same BARs, sized and adopted: the same resources. */
static void bars(struct kunit *test)
{
	for (int incoming = 0; incoming < 2; incoming++) {
		struct fake *fake = new_fake(test);

		put_bar(fake, 0, BAR_ADDRESS, 0, BAR_SIZE);
		put_bar(fake, 1, HIGH_ADDRESS, PCI_BASE_ADDRESS_MEM_TYPE_64 |
			PCI_BASE_ADDRESS_MEM_PREFETCH, SZ_8G);
		put_bar(fake, 3, 0xc000, PCI_BASE_ADDRESS_SPACE_IO, 32);
		fake->writable[PCI_BASE_ADDRESS_3] &= ~3;
		if (incoming)
			make_incoming(fake);

		KUNIT_EXPECT_EQ(test, read_base(fake, 0), 0);
		KUNIT_EXPECT_EQ(test, read_base(fake, 1), 1);
		KUNIT_EXPECT_EQ(test, read_base(fake, 3), 0);
		KUNIT_EXPECT_EQ(test, read_base(fake, 4), 0);
		KUNIT_EXPECT_EQ(test, !fake->writes, incoming);
		check_bar(test, fake, 0, BAR_ADDRESS, BAR_SIZE,
			  IORESOURCE_MEM | IORESOURCE_SIZEALIGN);
		check_bar(test, fake, 1, HIGH_ADDRESS, SZ_8G, IORESOURCE_MEM |
			  IORESOURCE_PREFETCH | IORESOURCE_MEM_64 | IORESOURCE_SIZEALIGN);
		check_bar(test, fake, 3, 0xc000, 32, IORESOURCE_IO | IORESOURCE_SIZEALIGN);
		KUNIT_EXPECT_EQ(test, fake->dev.resource[4].flags, 0);
	}
}

static void bars_that_do_not_fit(struct kunit *test)
{
	struct fake *fake = new_fake(test);

	put_bar(fake, 0, BAR_ADDRESS, 0, BAR_SIZE);
	put_bar(fake, 1, BAR_ADDRESS, 0, BAR_SIZE);
	put_bar(fake, 2, 0, 0, BAR_SIZE);
	fake->in.device.bars[0].size = BAR_SIZE + 1;
	fake->in.device.bars[1].size = SZ_1G;
	make_incoming(fake);
	for (int bar = 0; bar < 3; bar++) {
		KUNIT_EXPECT_EQ(test, read_base(fake, bar), 0);
		KUNIT_EXPECT_EQ(test, fake->dev.resource[bar].flags, 0);
	}
	KUNIT_EXPECT_EQ(test, fake->writes, 0);
}

/* BARs of virtual functions are sized, but decoding stays on. */
static void vf_bars(struct kunit *test)
{
	struct fake *fake = new_incoming(test);
	struct resource res = { };

	__pci_read_base(&fake->dev, pci_bar_unknown, &res, 0x200);
	KUNIT_EXPECT_EQ(test, fake->writes, 2);
	KUNIT_EXPECT_TRUE(test, fake->dev.mmio_always_on);
	pci_lu_adopt_power(&fake->dev);
	KUNIT_EXPECT_FALSE(test, fake->dev.mmio_always_on);
	KUNIT_EXPECT_TRUE(test, fake->in.held);
	make_finished(fake);
	KUNIT_EXPECT_FALSE(test, fake->in.held);
}

static void resources(struct kunit *test)
{
	struct fake *fake = new_fake(test);
	struct resource *res = &fake->dev.resource[0];
	struct resource other = DEFINE_RES_MEM(BAR_ADDRESS, BAR_SIZE);

	put_bar(fake, 0, BAR_ADDRESS, 0, BAR_SIZE);
	make_incoming(fake);
	read_base(fake, 0);
	__pci_lu_claim_bus(&fake->bus);
	KUNIT_EXPECT_PTR_EQ(test, res->parent, &fake->window);
	KUNIT_EXPECT_TRUE(test, res->flags & IORESOURCE_PCI_FIXED);
	KUNIT_EXPECT_EQ(test, request_resource(&fake->window, &other), -EBUSY);
	__pci_lu_claim_bus(&fake->bus);

	KUNIT_EXPECT_EQ(test, pci_assign_resource(&fake->dev, 0), 0);
	pci_update_resource(&fake->dev, 0);
	pci_reassigndev_resource_alignment(&fake->dev);
	KUNIT_EXPECT_EQ(test, res->start, BAR_ADDRESS);
	KUNIT_EXPECT_EQ(test, fake->writes, 0);

	make_finished(fake);
	KUNIT_EXPECT_FALSE(test, res->flags & IORESOURCE_PCI_FIXED);
	KUNIT_EXPECT_EQ(test, fake->in.fixed, 0);
}

/* Somebody was there first. */
static void taken(struct kunit *test)
{
	struct fake *fake = new_fake(test);
	struct resource other = DEFINE_RES_MEM(BAR_ADDRESS, SZ_4K);

	KUNIT_ASSERT_EQ(test, request_resource(&fake->window, &other), 0);
	put_bar(fake, 0, BAR_ADDRESS, 0, BAR_SIZE);
	make_incoming(fake);
	read_base(fake, 0);
	__pci_lu_claim_device(&fake->dev);
	KUNIT_EXPECT_NULL(test, fake->dev.resource[0].parent);
	KUNIT_EXPECT_EQ(test, pci_assign_resource(&fake->dev, 0), 0);
	KUNIT_EXPECT_EQ(test, fake->writes, 0);
	make_finished(fake);
	release_resource(&other);
}

static void acs(struct kunit *test)
{
	struct fake *fake = new_fake(test);

	put16(fake, ACS + PCI_ACS_CTRL, PCI_ACS_SV | PCI_ACS_UF);
	fake->in.device.express.present = PCI_STATE_HAS_ACS;
	fake->in.device.express.acs = PCI_ACS_SV | PCI_ACS_UF;
	make_incoming(fake);
	pci_acs_init(&fake->dev);
	KUNIT_EXPECT_EQ(test, fake->dev.acs_cap, ACS);
	KUNIT_EXPECT_EQ(test, fake->writes, 0);

	/* A reset after finish. */
	make_finished(fake);
	put16(fake, ACS + PCI_ACS_CTRL, 0);
	pci_acs_init(&fake->dev);
	KUNIT_EXPECT_EQ(test, get16(fake, ACS + PCI_ACS_CTRL), PCI_ACS_SV | PCI_ACS_UF);
}

/* The record of @fake becomes that of a bridge. */
static struct fake *new_bridge(struct kunit *test)
{
	struct fake *fake = new_fake(test);

	fake->dev.hdr_type = PCI_HEADER_TYPE_BRIDGE;
	fake->dev.pcie_flags_reg = PCI_EXP_TYPE_ROOT_PORT << 4 | 2;
	put16(fake, EXP + PCI_EXP_FLAGS, fake->dev.pcie_flags_reg);
	fake->in.is_bridge = true;
	return fake;
}

static void ari(struct kunit *test)
{
	struct fake *fake = new_fake(test), *bridge = new_bridge(test);

	make_incoming(bridge);
	fake->bus.self = &bridge->dev;
	put16(bridge, EXP + PCI_EXP_DEVCTL2, PCI_EXP_DEVCTL2_ARI);
	pci_configure_ari(&fake->dev);
	KUNIT_EXPECT_TRUE(test, bridge->dev.ari_enabled);
	put16(bridge, EXP + PCI_EXP_DEVCTL2, 0);
	pci_configure_ari(&fake->dev);
	KUNIT_EXPECT_FALSE(test, bridge->dev.ari_enabled);
	KUNIT_EXPECT_EQ(test, bridge->writes, 0);
}

static void windows(struct kunit *test)
{
	struct fake *bridge = new_bridge(test);

	bridge->in.bridge.windows = PCI_STATE_WINDOW_IO | PCI_STATE_WINDOW_PREF |
				    PCI_STATE_WINDOW_PREF_64;
	make_incoming(bridge);
	KUNIT_EXPECT_TRUE(test, pci_lu_adopt_windows(&bridge->dev));
	KUNIT_EXPECT_TRUE(test, bridge->dev.io_window);
	KUNIT_EXPECT_TRUE(test, bridge->dev.pref_window);
	KUNIT_EXPECT_TRUE(test, bridge->dev.pref_64_window);
	KUNIT_EXPECT_EQ(test, bridge->writes, 0);
}

static void settings(struct kunit *test)
{
	struct fake *bridge = new_bridge(test);

	put16(bridge, EXP + PCI_EXP_DEVCTL2, PCI_EXP_DEVCTL2_LTR_EN);
	make_incoming(bridge);
	KUNIT_EXPECT_TRUE(test, pci_lu_adopt_settings(&bridge->dev));
	KUNIT_EXPECT_TRUE(test, bridge->dev.ltr_path);
	KUNIT_EXPECT_EQ(test, pcie_set_mps(&bridge->dev, 128), -EBUSY);
	KUNIT_EXPECT_EQ(test, pcie_set_readrq(&bridge->dev, 128), -EBUSY);
	KUNIT_EXPECT_EQ(test, pci_configure_extended_tags(&bridge->dev, NULL), 0);
	KUNIT_EXPECT_EQ(test, pcie_failed_link_retrain(&bridge->dev), -ENOTTY);
	KUNIT_EXPECT_EQ(test, bridge->writes, 0);

	make_finished(bridge);
	KUNIT_EXPECT_EQ(test, pcie_set_mps(&bridge->dev, 128), 0);
}

static void bus_master(struct kunit *test)
{
	struct fake *fake = new_incoming(test);

	KUNIT_EXPECT_TRUE(test, fake->dev.is_busmaster);
	KUNIT_EXPECT_EQ(test, pci_lu_adopt_intx(&fake->dev, PCI_COMMAND_INTX_DISABLE), 0);
	KUNIT_EXPECT_EQ(test, pci_lu_adopt_intx(&fake->dev, 0), 1);
	fake->config[PCI_INTERRUPT_PIN] = 0;
	KUNIT_EXPECT_EQ(test, pci_lu_adopt_intx(&fake->dev, 0), 0);
}

/* A fixup writes to a function that is incoming, and to one that is not. */
static void fixups(struct kunit *test)
{
	struct fake *fake = new_incoming(test), *other = new_fake(test);

	static_branch_inc(&pci_lu_any_incoming_key);
	WRITE_ONCE(pci_lu_nr_incoming, pci_lu_nr_incoming + 1);
	pci_lu_fixups_begin(pci_fixup_header);
	KUNIT_EXPECT_EQ(test, pci_write_config_byte(&fake->dev, PCI_COMMAND, 0), 0);
	KUNIT_EXPECT_EQ(test, pci_write_config_word(&fake->dev, PCI_COMMAND, 0), 0);
	KUNIT_EXPECT_EQ(test, pci_write_config_dword(&fake->dev, PCI_COMMAND, 0), 0);
	KUNIT_EXPECT_EQ(test, fake->writes, 0);
	pci_write_config_word(&other->dev, PCI_COMMAND, 0);
	KUNIT_EXPECT_EQ(test, other->writes, 1);
	pci_lu_fixups_end(pci_fixup_header);

	pci_write_config_word(&fake->dev, PCI_COMMAND, 0);
	KUNIT_EXPECT_EQ(test, fake->writes, 1);
	pci_lu_fixups_begin(pci_fixup_enable);
	pci_write_config_word(&fake->dev, PCI_COMMAND, 0);
	KUNIT_EXPECT_EQ(test, fake->writes, 2);
	pci_lu_fixups_end(pci_fixup_enable);
	WRITE_ONCE(pci_lu_nr_incoming, pci_lu_nr_incoming - 1);
	static_branch_dec(&pci_lu_any_incoming_key);
}

static void check_refused(struct kunit *test, struct fake *fake)
{
	struct pci_dev *dev = &fake->dev;

	dev->reset_methods[0] = 1;
	dev->current_state = PCI_D0;
	dev->resource[PCI_ROM_RESOURCE].flags = IORESOURCE_MEM;
	KUNIT_EXPECT_TRUE(test, pci_lu_pinned(dev));
	KUNIT_EXPECT_EQ(test, pci_reset_function(dev), -EBUSY);
	KUNIT_EXPECT_EQ(test, pci_reset_function_locked(dev), -EBUSY);
	KUNIT_EXPECT_EQ(test, pci_try_reset_function(dev), -EBUSY);
	KUNIT_EXPECT_EQ(test, __pci_reset_function_locked(dev), -EBUSY);
	KUNIT_EXPECT_EQ(test, pcie_flr(dev), -EBUSY);
	KUNIT_EXPECT_EQ(test, pci_bridge_secondary_bus_reset(dev), -EBUSY);
	KUNIT_EXPECT_EQ(test, pci_set_power_state(dev, PCI_D3hot), -EBUSY);
	KUNIT_EXPECT_EQ(test, pci_enable_rom(dev), -EBUSY);
	KUNIT_EXPECT_EQ(test, pci_set_vga_state(dev, true, PCI_COMMAND_IO, 0), -EBUSY);
	KUNIT_EXPECT_TRUE(test, pci_lu_refuse_bus(&fake->bus, "test"));
	KUNIT_EXPECT_TRUE(test, pci_lu_refuse_slot(&fake->bus, 0));
	KUNIT_EXPECT_FALSE(test, pci_lu_refuse_slot(&fake->bus, 1));
	KUNIT_EXPECT_TRUE(test, pci_lu_refuse_slot(&fake->bus, U16_MAX));
	KUNIT_EXPECT_TRUE(test, pci_lu_refuse_resize(dev));
	put16(fake, PCI_COMMAND, 0);
	KUNIT_EXPECT_EQ(test, pci_resize_resource(dev, 0, 0, 0), -EBUSY);
	KUNIT_EXPECT_TRUE(test, pci_lu_refuse_preserved(dev, "test"));
	KUNIT_EXPECT_EQ(test, fake->writes, 0);
}

static void guards_incoming(struct kunit *test)
{
	check_refused(test, new_incoming(test));
}

static void guards_frozen(struct kunit *test)
{
	struct fake *fake = new_fake(test);

	make_frozen(fake);
	KUNIT_EXPECT_TRUE(test, pci_lu_frozen_device(&fake->dev));
	check_refused(test, fake);
}

/* Preserved, not frozen: works as ever, but has to stay. */
static void guards_outgoing(struct kunit *test)
{
	struct fake *fake = new_fake(test);

	make_frozen(fake);
	fake->out.state = PCI_LU_OUTGOING;
	KUNIT_EXPECT_FALSE(test, pci_lu_pinned(&fake->dev));
	KUNIT_EXPECT_FALSE(test, pci_lu_refuse(&fake->dev, "test"));
	KUNIT_EXPECT_FALSE(test, pci_lu_refuse_bus(&fake->bus, "test"));
	KUNIT_EXPECT_TRUE(test, pci_lu_refuse_preserved(&fake->dev, "test"));
	KUNIT_EXPECT_TRUE(test, pci_lu_refuse_slot(&fake->bus, 0));
	KUNIT_EXPECT_TRUE(test, pci_lu_refuse_resize(&fake->dev));
#ifdef CONFIG_PCI_IOV
	fake->dev.is_physfn = 1;
	fake->dev.sriov = &fake->sriov;
	KUNIT_EXPECT_EQ(test, pci_enable_sriov(&fake->dev, 1), -EBUSY);
#endif
	KUNIT_EXPECT_EQ(test, fake->writes, 0);
}

/* What cannot be preserved at all; nothing of it can be had in a virtual machine. */
static void refused_device(struct kunit *test)
{
	struct fake *fake = new_fake(test);
	struct pci_dev *dev = &fake->dev;

	KUNIT_EXPECT_EQ(test, pci_lu_refuse_device(dev), 0);
	dev->pri_enabled = 1;
	KUNIT_EXPECT_EQ(test, pci_lu_refuse_device(dev), -EOPNOTSUPP);
	dev->pri_enabled = 0;
	dev->pasid_enabled = 1;
	KUNIT_EXPECT_EQ(test, pci_lu_refuse_device(dev), -EOPNOTSUPP);
	dev->pasid_enabled = 0;
	dev->non_compliant_bars = 1;
	KUNIT_EXPECT_EQ(test, pci_lu_refuse_device(dev), -EOPNOTSUPP);
	dev->non_compliant_bars = 0;
	put32(fake, PCI_VENDOR_ID, U32_MAX);
	KUNIT_EXPECT_EQ(test, pci_lu_refuse_device(dev), -ENODEV);
	KUNIT_EXPECT_EQ(test, fake->writes, 0);
}

/* A root port whose access control is a quirk's, and one with bus numbers that make no sense. */
static void refused_bridge(struct kunit *test)
{
	struct fake *fake = new_fake(test), *below = new_fake(test);
	struct pci_dev *dev = &fake->dev;

	dev->hdr_type = PCI_HEADER_TYPE_BRIDGE;
	dev->pcie_flags_reg = PCI_EXP_TYPE_ROOT_PORT << 4 | 2;
	dev->subordinate = &below->bus;
	below->bus.number = 1;
	fake->config[PCI_SECONDARY_BUS] = 1;
	fake->config[PCI_SUBORDINATE_BUS] = 1;
	KUNIT_EXPECT_EQ(test, pci_lu_refuse_bridge(dev, &below->dev), 0);
	dev->vendor = PCI_VENDOR_ID_INTEL;
	dev->device = 0x1c10;
	KUNIT_EXPECT_EQ(test, pci_lu_refuse_bridge(dev, &below->dev), -EOPNOTSUPP);
	dev->vendor = 0;
	fake->config[PCI_SUBORDINATE_BUS] = 0;
	KUNIT_EXPECT_EQ(test, pci_lu_refuse_bridge(dev, &below->dev), -EOPNOTSUPP);
	fake->config[PCI_SUBORDINATE_BUS] = 1;
	dev->hdr_type = PCI_HEADER_TYPE_CARDBUS;
	KUNIT_EXPECT_EQ(test, pci_lu_refuse_bridge(dev, &below->dev), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, fake->writes, 0);
}

static void guards_none(struct kunit *test)
{
	struct fake *fake = new_fake(test);

	KUNIT_EXPECT_FALSE(test, pci_lu_pinned(&fake->dev));
	KUNIT_EXPECT_FALSE(test, pci_lu_refuse_preserved(&fake->dev, "test"));
	KUNIT_EXPECT_FALSE(test, pci_lu_refuse_bus(&fake->bus, "test"));
	KUNIT_EXPECT_FALSE(test, pci_lu_refuse_slot(&fake->bus, 0));
	KUNIT_EXPECT_FALSE(test, pci_lu_refuse_resize(&fake->dev));
	KUNIT_EXPECT_FALSE(test, pci_lu_defer_hotplug(&fake->dev, 1));
}

static void add_buffer(struct kunit *test, struct fake *fake, u16 id, bool extended, u16 size)
{
	struct pci_cap_saved_state *cap = kunit_kzalloc(test, sizeof(*cap) + size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, cap);
	cap->cap.cap_nr = id;
	cap->cap.cap_extended = extended;
	cap->cap.size = size;
	hlist_add_head(&cap->next, &fake->dev.saved_cap_space);
}

static void put_saved(struct fake *fake, u8 header, u16 express, u32 ltr)
{
	fake->config[PCI_CACHE_LINE_SIZE] = header;
	put16(fake, EXP + PCI_EXP_DEVCTL, express);
	put32(fake, LTR + PCI_LTR_MAX_SNOOP_LAT, ltr);
}

/* An incoming one with a header, PCI Express and LTR in its record, in this order. */
static struct fake *new_saved(struct kunit *test)
{
	struct fake *fake = new_fake(test);
	int length, size;

	put32(fake, ACS, LTR << 20 | 0x10000 | PCI_EXT_CAP_ID_ACS);
	put32(fake, LTR, 0x10000 | PCI_EXT_CAP_ID_LTR);
	fake->writable[PCI_CACHE_LINE_SIZE] = 0xff;
	memset(fake->writable + LTR + PCI_LTR_MAX_SNOOP_LAT, 0xff, 4);
	add_buffer(test, fake, PCI_EXT_CAP_ID_LTR, true, 4);
	add_buffer(test, fake, PCI_CAP_ID_EXP, false, 14);
	put_saved(fake, 0x10, 0x2810, 0x10031003);

	size = pci_lu_state_size(&fake->dev);
	fake->in.config = kunit_kzalloc(test, size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fake->in.config);
	length = pci_lu_state_write(&fake->dev, NULL, fake->in.config, size);
	KUNIT_ASSERT_EQ(test, length, size);
	fake->in.device.config.length = length;
	strscpy(fake->in.device.format, "test-v1");
	make_incoming(fake);
	return fake;
}

static const char * const saved_accepts[] = { "test-v1", NULL };
static const struct pci_liveupdate_ops saved_ops = { .accepts = saved_accepts };
static const struct pci_driver saved_driver = { .name = "test", .liveupdate = &saved_ops };

/* Until its driver saves it, it goes back to what the previous kernel saved. */
static void restored(struct kunit *test)
{
	struct fake *fake = new_saved(test);
	u32 *header = fake->in.config + sizeof(struct pci_state_cap_ser);

	/* A BAR stays where it is, whatever was saved. */
	put_bar(fake, 0, BAR_ADDRESS, 0, BAR_SIZE);
	header[PCI_BASE_ADDRESS_0 / 4] = BAR_ADDRESS + BAR_SIZE;
	put_saved(fake, 0, 0, 0);
	pci_save_state(&fake->dev);
	KUNIT_EXPECT_EQ(test, pci_lu_may_probe(&fake->dev, &saved_driver), 0);
	KUNIT_EXPECT_EQ(test, fake->writes, 0);
	KUNIT_EXPECT_TRUE(test, fake->dev.state_saved);
	make_finished(fake);

	pci_restore_state(&fake->dev);
	KUNIT_EXPECT_EQ(test, get16(fake, PCI_BASE_ADDRESS_0 + 2), BAR_ADDRESS >> 16);
	KUNIT_EXPECT_EQ(test, fake->config[PCI_CACHE_LINE_SIZE], 0x10);
	KUNIT_EXPECT_EQ(test, get16(fake, EXP + PCI_EXP_DEVCTL), 0x2810);
	KUNIT_EXPECT_EQ(test, get16(fake, LTR + PCI_LTR_MAX_SNOOP_LAT), 0x1003);
	KUNIT_EXPECT_EQ(test, get16(fake, LTR + PCI_LTR_MAX_NOSNOOP_LAT), 0x1003);
}

/* One of a later version stays as it is; and of a list that is none, all do. */
static void restored_in_part(struct kunit *test)
{
	struct fake *fake = new_saved(test);
	struct pci_state_cap_ser *header = fake->in.config;
	struct pci_state_cap_ser *express = fake->in.config + sizeof(*header) + header->length;

	put_saved(fake, 0x20, 0x5810, 0);
	KUNIT_ASSERT_EQ(test, express->id, PCI_CAP_ID_EXP);
	express->version++;
	KUNIT_EXPECT_EQ(test, pci_lu_may_probe(&fake->dev, &saved_driver), 0);
	make_finished(fake);
	pci_restore_state(&fake->dev);
	KUNIT_EXPECT_EQ(test, fake->config[PCI_CACHE_LINE_SIZE], 0x10);
	KUNIT_EXPECT_EQ(test, get16(fake, EXP + PCI_EXP_DEVCTL), 0x5810);
	KUNIT_EXPECT_EQ(test, get16(fake, LTR + PCI_LTR_MAX_SNOOP_LAT), 0x1003);

	fake = new_saved(test);
	header = fake->in.config;
	header->version++;
	KUNIT_EXPECT_EQ(test, pci_lu_may_probe(&fake->dev, &saved_driver), 0);
	KUNIT_EXPECT_FALSE(test, fake->dev.state_saved);
	KUNIT_EXPECT_EQ(test, fake->writes, 0);
	make_finished(fake);
}

#if defined(CONFIG_PCIEAER) && defined(CONFIG_PCIE_DPC)
static bool is_forgotten(struct fake *fake)
{
	return kref_read(&fake->dev.dev.kobj.kref) == 1;
}

static bool is_refused(struct pci_dev *dev)
{
	return pcie_do_recovery(dev, pci_channel_io_frozen, dpc_reset_link) ==
	       PCI_ERS_RESULT_DISCONNECT;
}

/*
 * AER, DPC and EDR come to recovery with an error that a port has found, or something below
 * it; DPC and EDR with dpc_reset_link(), which lets the port out of containment.
 */
static void recovery(struct kunit *test)
{
	for (int frozen = 0; frozen < 2; frozen++) {
		struct fake *port = new_bridge(test), *below = new_fake(test);

		put32(port, ACS, DPC << 20 | 0x10000 | PCI_EXT_CAP_ID_ACS);
		put32(port, DPC, 0x10000 | PCI_EXT_CAP_ID_DPC);
		put16(port, DPC + PCI_EXP_DPC_STATUS, PCI_EXP_DPC_STATUS_TRIGGER);
		port->dev.dpc_cap = DPC;
		below->bus.parent = &port->bus;
		below->bus.self = &port->dev;
		if (frozen)
			make_frozen(port);
		else
			make_incoming(port);

		KUNIT_EXPECT_TRUE(test, is_refused(&port->dev));
		KUNIT_EXPECT_TRUE(test, is_refused(&below->dev));
		KUNIT_EXPECT_FALSE(test, test_bit(PCI_DPC_RECOVERED, &port->dev.priv_flags));
		KUNIT_EXPECT_EQ(test, port->writes + below->writes, 0);
		KUNIT_EXPECT_FALSE(test, is_forgotten(port) || is_forgotten(below));

		/* Put off, and as neither of them is there any more, forgotten. */
		if (frozen)
			port->out.state = PCI_LU_OUTGOING;
		else
			make_finished(port);
		for (int i = 0; i < 50 && !(is_forgotten(port) && is_forgotten(below)); i++)
			msleep(100);
		KUNIT_ASSERT_TRUE(test, is_forgotten(port) && is_forgotten(below));
		KUNIT_EXPECT_EQ(test, port->writes + below->writes, 0);
	}
}
#endif

/* It goes; and when a new one was recognised meanwhile, that one is left alone. */
static void removed(struct kunit *test)
{
	struct fake *fake = new_incoming(test), *again = new_fake(test);

	pci_lu_stop_device(&fake->dev);
	KUNIT_EXPECT_FALSE(test, get16(fake, PCI_COMMAND) & PCI_COMMAND_MASTER);
	KUNIT_EXPECT_NOT_NULL(test, fake->in.lost);
	KUNIT_EXPECT_NULL(test, fake->in.dev);

	fake->in.lost = NULL;
	fake->in.dev = &again->dev;
	fake->in.fixed = BIT(0);
	pci_lu_stop_device(&fake->dev);
	KUNIT_EXPECT_PTR_EQ(test, fake->in.dev, &again->dev);
	KUNIT_EXPECT_EQ(test, fake->in.fixed, BIT(0));
	KUNIT_EXPECT_NULL(test, fake->in.lost);
}

/* A driver that lets go of a device takes its file's hold on it along. */
static void driver_gone(struct kunit *test)
{
	struct fake *fake = new_incoming(test);
	struct pci_driver drv = { .name = "test" };

	fake->dev.driver = &drv;
	fake->in.state = PCI_LU_RETRIEVED;
	pci_lu_driver_gone(&fake->dev);
	KUNIT_EXPECT_EQ(test, fake->in.state, PCI_LU_INCOMING);
	make_finished(fake);
	pci_lu_driver_gone(&fake->dev);
	KUNIT_EXPECT_EQ(test, fake->in.state, PCI_LU_FINISHED);
}

static void mailbox(struct kunit *test)
{
	struct fake *fake = new_fake(test);

	put32(fake, ACS, 0x10000 | PCI_EXT_CAP_ID_DOE);
	KUNIT_EXPECT_NULL(test, pci_lu_state_unsupported(&fake->dev));
	put16(fake, ACS + PCI_DOE_STATUS, PCI_DOE_STATUS_BUSY);
	KUNIT_EXPECT_STREQ(test, pci_lu_state_unsupported(&fake->dev), "Data Object Exchange");
}

static struct kunit_case pci_lu_hooks_cases[] = {
	KUNIT_CASE(bars),
	KUNIT_CASE(bars_that_do_not_fit),
	KUNIT_CASE(vf_bars),
	KUNIT_CASE(resources),
	KUNIT_CASE(taken),
	KUNIT_CASE(acs),
	KUNIT_CASE(ari),
	KUNIT_CASE(windows),
	KUNIT_CASE(settings),
	KUNIT_CASE(bus_master),
	KUNIT_CASE(fixups),
	KUNIT_CASE(guards_incoming),
	KUNIT_CASE(guards_frozen),
	KUNIT_CASE(guards_outgoing),
	KUNIT_CASE(refused_device),
	KUNIT_CASE(refused_bridge),
	KUNIT_CASE(guards_none),
	KUNIT_CASE(restored),
	KUNIT_CASE(restored_in_part),
#if defined(CONFIG_PCIEAER) && defined(CONFIG_PCIE_DPC)
	KUNIT_CASE(recovery),
#endif
	KUNIT_CASE(removed),
	KUNIT_CASE(driver_gone),
	KUNIT_CASE(mailbox),
	{ }
};

static struct kunit_suite pci_lu_hooks_suite = {
	.name = "pci_liveupdate_hooks",
	.test_cases = pci_lu_hooks_cases,
};

kunit_test_suite(pci_lu_hooks_suite);

MODULE_DESCRIPTION("KUnit tests of what the PCI core does not do to pinned functions");
MODULE_LICENSE("GPL");
