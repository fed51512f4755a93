// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live update of PCI devices: enumeration takes an incoming function as it is.
 *
 * A function that came over from the previous kernel is running. What enumeration
 * would find out by writing, or set up as it pleases, comes from the registers and from
 * the record instead. Software always follows the hardware: registers decide, the record
 * only gives what a register does not tell, such as the size of a BAR.
 *
 * Life cycle: pci_lu_adopt_begin() when the function is recognised, before anything has
 * written to it; then the hooks in the order of enumeration; pci_lu_adopt_end() when it is
 * finished, abandoned or gone. ACS stays adopted for as long as the function exists. In the
 * old kernel, pci_lu_power_hold() and pci_lu_power_release() keep what is preserved in D0.
 *
 * Who may call: the hooks in the PCI core that drivers/pci/liveupdate.h lists, under
 * pci_rescan_remove_lock or at boot; the begin, end, hold and release functions: the
 * other parts of live update, under pci_lu_lock; pci_lu_adopt_state(): under the device lock.
 *
 * What can fail: pci_lu_power_hold(), which undoes itself. The others report what they
 * could not take over and leave it alone: a BAR that somebody else has got stays where it
 * is, unusable. Nothing is ever moved or reset to make it fit.
 */

#define pr_fmt(fmt) "PCI: liveupdate: " fmt

#include <linux/pci.h>
#include <linux/pm_runtime.h>

#include "pci.h"

/* In pci_lu_in.fixed: set if mmio_always_on is to be cleared again, no resource */
#define PCI_LU_VF_BARS	BIT(31)

static_assert(DEVICE_COUNT_RESOURCE < 31);

static atomic_t pci_lu_nr_held = ATOMIC_INIT(0);

/* Whoever is running fixups before drivers are bound; there is one at a time */
static struct task_struct *pci_lu_fixup_task;

static const struct pci_state_bar_ser *
pci_lu_bar_record(const struct pci_dev *dev, unsigned int pos)
{
	const struct pci_lu_in *in = dev->lu_in;
	const struct pci_state_bar_ser *bars = in->is_bridge ? in->bridge.bars : in->device.bars;
	unsigned int nr = in->is_bridge ? 2 : PCI_STD_NUM_BARS;

	if (pos == (in->is_bridge ? PCI_ROM_ADDRESS1 : PCI_ROM_ADDRESS))
		return &bars[nr];
	if (pos < PCI_BASE_ADDRESS_0 || pos >= PCI_BASE_ADDRESS_0 + nr * 4)
		return NULL;
	return &bars[(pos - PCI_BASE_ADDRESS_0) / 4];
}

static u64 pci_lu_bar_address(struct pci_dev *dev, struct resource *res, unsigned int pos,
			      bool rom)
{
	u32 lo, hi = 0;

	pci_read_config_dword(dev, pos, &lo);
	if (PCI_POSSIBLE_ERROR(lo))
		return 0;
	if (rom)
		return lo & PCI_ROM_ADDRESS_MASK;

	if (lo & PCI_BASE_ADDRESS_SPACE_IO) {
		res->flags = (lo & ~PCI_BASE_ADDRESS_IO_MASK) | IORESOURCE_IO |
			     IORESOURCE_SIZEALIGN;
		return lo & PCI_BASE_ADDRESS_IO_MASK;
	}

	res->flags = (lo & ~PCI_BASE_ADDRESS_MEM_MASK) | IORESOURCE_MEM |
		     IORESOURCE_SIZEALIGN;
	if (lo & PCI_BASE_ADDRESS_MEM_PREFETCH)
		res->flags |= IORESOURCE_PREFETCH;
	if ((lo & PCI_BASE_ADDRESS_MEM_TYPE_MASK) == PCI_BASE_ADDRESS_MEM_TYPE_64) {
		res->flags |= IORESOURCE_MEM_64;
		pci_read_config_dword(dev, pos + 4, &hi);
	}
	return (u64)hi << 32 | (lo & (u32)PCI_BASE_ADDRESS_MEM_MASK);
}

/*
 * The BAR is enabled or not as it is, and its ROM too: without IORESOURCE_ROM_ENABLE nobody
 * feels called upon to switch the ROM off.
 */
bool __pci_lu_adopt_bar(struct pci_dev *dev, struct resource *res, unsigned int pos)
{
	const struct pci_state_bar_ser *bar = pci_lu_bar_record(dev, pos);
	bool rom = res == &dev->resource[PCI_ROM_RESOURCE];
	const char *name = pci_resource_name(dev, res - dev->resource);
	struct pci_bus_region region, back;
	u64 address;

	if (!bar) {
		/*
		 * A BAR of virtual functions. There are none, so it decodes nothing and
		 * may be sized, but without turning off the decoding of the device.
		 */
		if (!dev->mmio_always_on) {
			dev->mmio_always_on = 1;
			dev->lu_in->fixed |= PCI_LU_VF_BARS;
		}
		return false;
	}

	res->name = pci_name(dev);
	address = bar->size ? pci_lu_bar_address(dev, res, pos, rom) : 0;
	if (!bar->size || (!address && !rom)) {
		res->flags = 0;
		return true;
	}

	if (!is_power_of_2(bar->size) || address & (bar->size - 1)) {
		pci_err(dev, "liveupdate: %s at %#llx does not have the size %#llx that it was handed over with; not usable\n",
			name, address, bar->size);
		res->flags = 0;
		return true;
	}

	region.start = address;
	region.end = address + bar->size - 1;
	pcibios_bus_to_resource(dev->bus, res, &region);
	pcibios_resource_to_bus(dev->bus, &back, res);
	if (back.start != region.start) {
		pci_err(dev, "liveupdate: %s at %#llx is out of reach of the host bridge; not usable\n",
			name, address);
		res->flags = 0;
		return true;
	}

	pci_info(dev, "%s %pR: kept\n", name, res);
	return true;
}

void __pci_lu_adopt_windows(struct pci_dev *bridge)
{
	u8 windows = bridge->lu_in->bridge.windows;
	struct resource res = { .flags = IORESOURCE_BUS };
	u32 buses;

	pci_read_config_dword(bridge, PCI_PRIMARY_BUS, &buses);
	res.start = (buses >> 8) & 0xff;
	res.end = (buses >> 16) & 0xff;
	pci_info(bridge, "PCI bridge to %pR: windows kept\n", &res);

	bridge->io_window = !!(windows & PCI_STATE_WINDOW_IO);
	bridge->pref_window = !!(windows & PCI_STATE_WINDOW_PREF);
	bridge->pref_64_window = !!(windows & PCI_STATE_WINDOW_PREF_64);
}

/* What pci_configure_device() would only find out while it sets it up */
void __pci_lu_adopt_settings(struct pci_dev *dev)
{
	struct pci_dev *bridge = pci_upstream_bridge(dev);
	u16 devctl2;

	pci_configure_aspm_l1ss(dev);

	if (!pci_is_pcie(dev))
		return;
	pcie_capability_read_word(dev, PCI_EXP_DEVCTL2, &devctl2);
	if (devctl2 & PCI_EXP_DEVCTL2_LTR_EN &&
	    (pci_pcie_type(dev) == PCI_EXP_TYPE_ROOT_PORT || (bridge && bridge->ltr_path)))
		dev->ltr_path = 1;
}

/* INTx was disabled at freeze: if it is, it can be, and there is no need to try. */
int pci_lu_adopt_intx(struct pci_dev *dev, u16 command)
{
	u8 pin;

	pci_read_config_byte(dev, PCI_INTERRUPT_PIN, &pin);
	return pin && !dev->lu_in->is_bridge && !(command & PCI_COMMAND_INTX_DISABLE);
}

void __pci_lu_adopt_ari(struct pci_dev *bridge)
{
	u16 devctl2;

	pcie_capability_read_word(bridge, PCI_EXP_DEVCTL2, &devctl2);
	bridge->ari_enabled = !!(devctl2 & PCI_EXP_DEVCTL2_ARI);
}

/*
 * Also called when the configuration is restored after a reset, for which the value that
 * came over is as good as it was before.
 */
bool __pci_lu_adopt_acs(struct pci_dev *dev)
{
	const struct pci_lu_in *in = dev->lu_in;
	const struct pci_state_express_ser *express =
		in->is_bridge ? &in->bridge.express : &in->device.express;

	if (pci_lu_incoming(dev))
		return true;
	if (!in->adopted || READ_ONCE(in->state) != PCI_LU_FINISHED ||
	    !dev->acs_cap || !(express->present & PCI_STATE_HAS_ACS))
		return false;

	pci_write_config_word(dev, dev->acs_cap + PCI_ACS_CTRL, express->acs);
	return true;
}

void __pci_lu_adopt_power(struct pci_dev *dev)
{
	struct pci_lu_in *in = dev->lu_in;

	guard(mutex)(&pci_lu_lock);

	if (in->fixed & PCI_LU_VF_BARS) {
		in->fixed &= ~PCI_LU_VF_BARS;
		dev->mmio_always_on = 0;
	}
	if (!pci_lu_incoming(dev))
		return;

	pci_update_current_state(dev, PCI_D0);
	if (dev->current_state != PCI_D0)
		pci_err(dev, "liveupdate: in %s, but was handed over in D0; its state may be lost\n",
			pci_power_name(dev->current_state));

	pm_runtime_get_noresume(&dev->dev);
	in->held = true;
}

/**
 * pci_lu_adopt_state - a driver that accepts an incoming device is about to probe it
 * @dev: the device
 *
 * The core has saved what it found of the device. Now what is saved of it, and brought back
 * by pci_restore_state() until the driver saves it, is what the previous kernel saved.
 */
void pci_lu_adopt_state(struct pci_dev *dev)
{
	const struct pci_lu_in *in = dev->lu_in;
	struct pci_saved_state *state;
	int err;

	state = pci_lu_state_read(dev, in->config, in->device.config.length);
	err = PTR_ERR_OR_ZERO(state);
	if (!err && state)
		err = pci_load_and_free_saved_state(dev, &state);
	if (err)
		pci_err(dev, "liveupdate: configuration state of the previous kernel is lost (%d)\n",
			err);
}

/*
 * IORESOURCE_PCI_FIXED keeps everything that assigns addresses away, until the function is
 * finished.
 */
static void pci_lu_claim_resource(struct pci_dev *dev, int i)
{
	struct resource *res = &dev->resource[i];
	const char *name = pci_resource_name(dev, i);

	if (!(res->flags & (IORESOURCE_IO | IORESOURCE_MEM)))
		return;

	if (!(res->flags & IORESOURCE_PCI_FIXED)) {
		res->flags |= IORESOURCE_PCI_FIXED;
		dev->lu_in->fixed |= BIT(i);
	}

	if (res->parent || !res->start)
		return;
	if (!pci_claim_resource(dev, i))
		return;
	if (i == PCI_ROM_RESOURCE)
		return;
	pci_err(dev, "liveupdate: %s %pR cannot be claimed; not moved, not usable until the session is finished\n",
		name, res);
}

void __pci_lu_claim_device(struct pci_dev *dev)
{
	int i;

	for (i = 0; i <= PCI_ROM_RESOURCE; i++)
		pci_lu_claim_resource(dev, i);
	for (i = PCI_BRIDGE_RESOURCES; i <= PCI_BRIDGE_RESOURCE_END; i++)
		pci_lu_claim_resource(dev, i);
}

/* From the top: every bridge above an incoming device is incoming. */
void __pci_lu_claim_bus(struct pci_bus *bus)
{
	struct pci_dev *dev;

	list_for_each_entry(dev, &bus->devices, bus_list) {
		if (!pci_lu_incoming(dev))
			continue;
		__pci_lu_claim_device(dev);
		if (dev->subordinate)
			__pci_lu_claim_bus(dev->subordinate);
	}
}

/*
 * A fixup that writes has done so when the previous kernel booted, and what it wrote is
 * still there; meanwhile the device was set up and is running. What a fixup does to
 * software, and to functions that are not incoming, is needed as ever.
 */
void __pci_lu_fixups_begin(enum pci_fixup_pass pass)
{
	if (pass <= pci_fixup_final)
		WRITE_ONCE(pci_lu_fixup_task, current);
}

void __pci_lu_fixups_end(enum pci_fixup_pass pass)
{
	if (pass <= pci_fixup_final)
		WRITE_ONCE(pci_lu_fixup_task, NULL);
}

bool __pci_lu_drop_write(const struct pci_dev *dev, int where, u32 value)
{
	if (READ_ONCE(pci_lu_fixup_task) != current || !pci_lu_incoming(dev))
		return false;
	pci_info(dev, "liveupdate: write of %#x to %#05x by a fixup suppressed\n", value, where);
	return true;
}

/**
 * pci_lu_adopt_begin - an incoming function was recognised
 * @dev: the function, which is being set up
 */
void pci_lu_adopt_begin(struct pci_dev *dev)
{
	const struct pci_lu_in *in = dev->lu_in;
	u16 command = in->is_bridge ? in->bridge.command : in->device.command;

	lockdep_assert_held(&pci_lu_lock);

	dev->is_busmaster = !!(command & PCI_COMMAND_MASTER);
}

/**
 * pci_lu_adopt_end - an incoming function becomes one like any other
 * @dev: the function; may be about to be freed, or never have been added
 */
void pci_lu_adopt_end(struct pci_dev *dev)
{
	struct pci_lu_in *in = dev->lu_in;
	int i;

	lockdep_assert_held(&pci_lu_lock);

	for (i = 0; i < DEVICE_COUNT_RESOURCE; i++)
		if (in->fixed & BIT(i))
			dev->resource[i].flags &= ~IORESOURCE_PCI_FIXED;
	in->fixed = 0;

	if (!in->held)
		return;
	in->held = false;
	if (device_is_registered(&dev->dev))
		pm_runtime_put(&dev->dev);
	else
		pm_runtime_put_noidle(&dev->dev);
}

/**
 * pci_lu_power_hold - a function is being preserved: to D0, and kept there
 * @dev: the device, or a bridge above it
 *
 * Return: 0; -EBUSY if it is in another state nevertheless, or whatever resuming returns
 */
int pci_lu_power_hold(struct pci_dev *dev)
{
	int err;

	lockdep_assert_held(&pci_lu_lock);

	err = pm_runtime_resume_and_get(&dev->dev);
	if (err < 0)
		return err;

	pci_update_current_state(dev, PCI_D0);
	if (dev->current_state != PCI_D0) {
		pm_runtime_put(&dev->dev);
		return -EBUSY;
	}

	atomic_inc(&pci_lu_nr_held);
	return 0;
}

/**
 * pci_lu_power_release - undo pci_lu_power_hold()
 * @dev: the function
 */
void pci_lu_power_release(struct pci_dev *dev)
{
	lockdep_assert_held(&pci_lu_lock);

	atomic_dec(&pci_lu_nr_held);
	pm_runtime_put(&dev->dev);
}

/* Is there any function that is going to be handed over, frozen or not? */
bool pci_lu_any_outgoing(void)
{
	return atomic_read(&pci_lu_nr_held);
}
