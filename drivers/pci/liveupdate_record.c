// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live update of PCI devices: a device or a bridge becomes a record.
 *
 * Called at freeze, in the old kernel, when nothing may fail for want of memory any
 * more: only reads configuration space. What identifies a function is read here for
 * the new kernel, too, so that both read it in the same way. The records are empty
 * before.
 */
#include <linux/acpi.h>
#include <linux/pci.h>
#include <linux/pci_liveupdate.h>
#include <linux/string.h>

#include "liveupdate_internal.h"
#include "pci.h"

static void pci_lu_record_root(struct pci_dev *dev, struct pci_state_id_ser *id)
{
	struct pci_host_bridge *host = pci_find_host_bridge(dev->bus);
	struct acpi_device *adev = ACPI_COMPANION(&host->dev);
	const char *uid = adev ? acpi_device_uid(adev) : NULL;

	if (uid)
		strscpy(id->root_uid, uid);
}

static void pci_lu_record_subsystem(struct pci_dev *dev,
				    struct pci_state_id_ser *id)
{
	int pos = PCI_SUBSYSTEM_VENDOR_ID;

	if (id->hdr_type == PCI_HEADER_TYPE_BRIDGE) {
		pos = pci_find_capability(dev, PCI_CAP_ID_SSVID);
		if (!pos)
			return;
		pos += PCI_SSVID_VENDOR_ID;
	}
	pci_read_config_word(dev, pos, &id->subsystem_vendor);
	pci_read_config_word(dev, pos + 2, &id->subsystem_device);
}

/**
 * pci_lu_record_id - who and where is this?
 * @dev: a device or bridge; bus, devfn, cfg_size and hdr_type are all that has to be set
 * @id: filled
 */
void pci_lu_record_id(struct pci_dev *dev, struct pci_state_id_ser *id)
{
	struct pci_dev *parent = dev->bus->self;
	u32 class;

	memset(id, 0, sizeof(*id));
	id->key = pci_lu_key(pci_domain_nr(dev->bus), dev->bus->number,
			     dev->devfn);
	id->parent = PCI_STATE_ROOT;
	if (parent)
		id->parent = pci_lu_key(pci_domain_nr(parent->bus),
					parent->bus->number, parent->devfn);
	else
		pci_lu_record_root(dev, id);

	pci_read_config_word(dev, PCI_VENDOR_ID, &id->vendor);
	pci_read_config_word(dev, PCI_DEVICE_ID, &id->device);
	pci_read_config_dword(dev, PCI_CLASS_REVISION, &class);
	id->class = class >> 8;
	id->revision = class;
	id->hdr_type = dev->hdr_type;
	pci_lu_record_subsystem(dev, id);
	id->dsn = pci_get_dsn(dev);
}

/**
 * pci_lu_read_bar - read a base address register
 * @dev: a device or bridge
 * @i: number of the BAR
 * @bar: address and flags are filled, nothing else
 */
void pci_lu_read_bar(struct pci_dev *dev, int i, struct pci_state_bar_ser *bar)
{
	int reg = PCI_BASE_ADDRESS_0 + 4 * i;
	u32 low, high = 0;
	u32 mask;

	pci_read_config_dword(dev, reg, &low);
	mask = low & PCI_BASE_ADDRESS_SPACE_IO ? (u32)PCI_BASE_ADDRESS_IO_MASK :
						 (u32)PCI_BASE_ADDRESS_MEM_MASK;
	if (!(low & PCI_BASE_ADDRESS_SPACE_IO) &&
	    (low & PCI_BASE_ADDRESS_MEM_TYPE_MASK) == PCI_BASE_ADDRESS_MEM_TYPE_64)
		pci_read_config_dword(dev, reg + 4, &high);
	bar->address = (u64)high << 32 | (low & mask);
	bar->flags = low & ~mask;
}

/**
 * pci_lu_record_bars - read the base address registers
 * @dev: a device or bridge, its resources are known
 * @bars: filled: @nr registers, and the ROM after them
 * @nr: number of BARs
 * @rom_reg: register of the ROM
 */
void pci_lu_record_bars(struct pci_dev *dev, struct pci_state_bar_ser *bars,
			int nr, int rom_reg)
{
	struct pci_state_bar_ser *rom = &bars[nr];
	u32 value;
	int i;

	for (i = 0; i < nr; i++) {
		if (!pci_resource_len(dev, i) || !pci_resource_flags(dev, i))
			continue;
		/* One that got no address is not in use, and has nothing to keep */
		if (!dev->resource[i].parent)
			continue;
		pci_lu_read_bar(dev, i, &bars[i]);
		bars[i].size = pci_resource_len(dev, i);
	}

	/* A ROM that the kernel keeps a copy of, or that got no address, is not ours */
	pci_read_config_dword(dev, rom_reg, &value);
	if (pci_resource_len(dev, PCI_ROM_RESOURCE) &&
	    pci_resource_flags(dev, PCI_ROM_RESOURCE) & IORESOURCE_MEM &&
	    !(pci_resource_flags(dev, PCI_ROM_RESOURCE) & IORESOURCE_ROM_SHADOW)) {
		rom->size = pci_resource_len(dev, PCI_ROM_RESOURCE);
		rom->address = value & PCI_ROM_ADDRESS_MASK & ~(rom->size - 1);
		rom->flags = value & PCI_ROM_ADDRESS_ENABLE;
	}
}

static void pci_lu_record_ext(struct pci_dev *dev, u16 cap, int reg, u16 *value,
			      struct pci_state_express_ser *ex, u16 present)
{
	int pos = pci_find_ext_capability(dev, cap);

	if (!pos)
		return;
	pci_read_config_word(dev, pos + reg, value);
	ex->present |= present;
}

/**
 * pci_lu_record_express - read the control registers that keep their values
 * @dev: a device or bridge
 * @ex: empty before; filled
 */
void pci_lu_record_express(struct pci_dev *dev, struct pci_state_express_ser *ex)
{
	if (!pci_is_pcie(dev))
		return;

	ex->present = PCI_STATE_HAS_EXPRESS;
	pcie_capability_read_word(dev, PCI_EXP_FLAGS, &ex->flags);
	pcie_capability_read_word(dev, PCI_EXP_DEVCTL, &ex->devctl);
	if (pcie_cap_has_lnkctl(dev)) {
		pcie_capability_read_word(dev, PCI_EXP_LNKCTL, &ex->lnkctl);
		ex->present |= PCI_STATE_HAS_LINK;
	}
	if ((ex->flags & PCI_EXP_FLAGS_VERS) >= 2) {
		pcie_capability_read_word(dev, PCI_EXP_DEVCTL2, &ex->devctl2);
		if (pcie_cap_has_lnkctl2(dev))
			pcie_capability_read_word(dev, PCI_EXP_LNKCTL2,
						  &ex->lnkctl2);
		ex->present |= PCI_STATE_HAS_EXPRESS2;
	}
	if (dev->ari_enabled)
		ex->present |= PCI_STATE_HAS_ARI;
	pci_lu_record_ext(dev, PCI_EXT_CAP_ID_ACS, PCI_ACS_CTRL, &ex->acs, ex,
			  PCI_STATE_HAS_ACS);
	pci_lu_record_ext(dev, PCI_EXT_CAP_ID_ATS, PCI_ATS_CTRL, &ex->ats, ex,
			  PCI_STATE_HAS_ATS);
	pci_lu_record_ext(dev, PCI_EXT_CAP_ID_PASID, PCI_PASID_CTRL, &ex->pasid,
			  ex, PCI_STATE_HAS_PASID);
}

/**
 * pci_lu_record_device - write the record of a frozen device
 * @out: the device
 * @rec: all but @rec->config and @rec->initial is filled
 */
void pci_lu_record_device(const struct pci_lu_out *out,
			  struct pci_state_device_ser *rec)
{
	struct pci_dev *dev = out->dev;

	pci_lu_record_id(dev, &rec->id);
	strscpy(rec->format, out->ops->compatible);
	strscpy(rec->driver, dev->driver->name);
	rec->data = out->data;
	pci_lu_record_bars(dev, rec->bars, PCI_STD_NUM_BARS, PCI_ROM_ADDRESS);
	pci_lu_record_express(dev, &rec->express);
	pci_read_config_word(dev, PCI_COMMAND, &rec->command);
	rec->irq_type = out->irq_type;
	rec->irq_count = out->irq_count;
}

/**
 * pci_lu_read_windows - read the windows of a bridge
 * @dev: the bridge
 * @rec: the registers are filled, nothing else
 */
void pci_lu_read_windows(struct pci_dev *dev, struct pci_state_bridge_ser *rec)
{
	pci_read_config_byte(dev, PCI_IO_BASE, &rec->io_base);
	pci_read_config_byte(dev, PCI_IO_LIMIT, &rec->io_limit);
	pci_read_config_word(dev, PCI_IO_BASE_UPPER16, &rec->io_base_upper);
	pci_read_config_word(dev, PCI_IO_LIMIT_UPPER16, &rec->io_limit_upper);
	pci_read_config_word(dev, PCI_MEMORY_BASE, &rec->memory_base);
	pci_read_config_word(dev, PCI_MEMORY_LIMIT, &rec->memory_limit);
	pci_read_config_word(dev, PCI_PREF_MEMORY_BASE, &rec->pref_base);
	pci_read_config_word(dev, PCI_PREF_MEMORY_LIMIT, &rec->pref_limit);
	pci_read_config_dword(dev, PCI_PREF_BASE_UPPER32, &rec->pref_base_upper);
	pci_read_config_dword(dev, PCI_PREF_LIMIT_UPPER32,
			      &rec->pref_limit_upper);
}

/**
 * pci_lu_record_bridge - write the record of a bridge
 * @out: the bridge
 * @rec: filled
 */
void pci_lu_record_bridge(const struct pci_lu_out *out,
			  struct pci_state_bridge_ser *rec)
{
	struct pci_dev *dev = out->dev;

	pci_lu_record_id(dev, &rec->id);
	rec->nr_devices = out->nr_devices;
	pci_read_config_byte(dev, PCI_PRIMARY_BUS, &rec->primary);
	pci_read_config_byte(dev, PCI_SECONDARY_BUS, &rec->secondary);
	pci_read_config_byte(dev, PCI_SUBORDINATE_BUS, &rec->subordinate);
	rec->windows = (dev->io_window ? PCI_STATE_WINDOW_IO : 0) |
		       (dev->pref_window ? PCI_STATE_WINDOW_PREF : 0) |
		       (dev->pref_64_window ? PCI_STATE_WINDOW_PREF_64 : 0);
	pci_read_config_word(dev, PCI_COMMAND, &rec->command);
	pci_read_config_word(dev, PCI_BRIDGE_CONTROL, &rec->bridge_control);
	pci_lu_read_windows(dev, rec);
	pci_lu_record_express(dev, &rec->express);
	pci_lu_record_bars(dev, rec->bars, 2, PCI_ROM_ADDRESS1);
}
