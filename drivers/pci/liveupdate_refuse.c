// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live update of PCI devices: what cannot be preserved.
 *
 * Called at preserve, in the old kernel, for a device and for each bridge above it that
 * no other device has brought in before; and at retrieve, in the new one, for what might have
 * come in between. Reads configuration space, changes nothing. Each refusal says in the log
 * what is in the way and what to do about it.
 */
#include <linux/iommu.h>
#include <linux/pci.h>

#include "liveupdate_internal.h"
#include "pci.h"

/*
 * Root ports of some Intel chipsets have ACS in places of their own, which
 * pci_enable_acs() writes in the next kernel, too: isolation would change under DMA.
 */
static bool pci_lu_has_acs_quirk(struct pci_dev *dev)
{
	return dev->vendor == PCI_VENDOR_ID_INTEL && pci_is_pcie(dev) &&
	       pci_pcie_type(dev) == PCI_EXP_TYPE_ROOT_PORT &&
	       pci_dev_specific_acs_enabled(dev, 0) >= 0;
}

/* Tables that nobody carries over would be gone, and the next kernel makes others. */
static bool pci_lu_is_translated(struct pci_dev *dev)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(&dev->dev);

	return domain && domain->type != IOMMU_DOMAIN_IDENTITY;
}

/* What was chosen for it in sysfs the next kernel does not know, but what both boot with. */
static bool pci_lu_will_be_translated(struct pci_dev *dev)
{
	return iommu_get_domain_for_dev(&dev->dev) && !iommu_default_passthrough();
}

static bool pci_lu_has_vfs(struct pci_dev *dev)
{
	return dev->is_physfn && pci_num_vf(dev);
}

/**
 * pci_lu_refuse_device - can this device be preserved?
 * @dev: the device
 *
 * Return: 0; -EOPNOTSUPP, -EBUSY if it may work later, -ENODEV if it does not answer; the
 * reason is in the log
 */
int pci_lu_refuse_device(struct pci_dev *dev)
{
	const char *what;

	if (dev->hdr_type != PCI_HEADER_TYPE_NORMAL) {
		pci_err(dev, "liveupdate: not preserved: bridges are preserved with the devices below them only\n");
		return -EOPNOTSUPP;
	}
	if (dev->is_virtfn) {
		pci_err(dev, "liveupdate: not preserved: virtual functions cannot be carried over yet\n");
		return -EOPNOTSUPP;
	}
	if (pci_lu_has_vfs(dev)) {
		pci_err(dev, "liveupdate: not preserved: it has virtual functions, remove them through sriov_numvfs\n");
		return -EBUSY;
	}
	if (dev->pri_enabled || dev->pasid_enabled) {
		pci_err(dev, "liveupdate: not preserved: it uses page requests or PASIDs\n");
		return -EOPNOTSUPP;
	}
	if (pci_lu_is_translated(dev)) {
		pci_err(dev, "liveupdate: not preserved: an IOMMU translates its addresses, which cannot be carried over yet; boot with iommu=pt\n");
		return -EOPNOTSUPP;
	}
	if (pci_lu_will_be_translated(dev)) {
		pci_err(dev, "liveupdate: not preserved: an IOMMU would translate its addresses in the next kernel, which does not know of its iommu_group/type; boot with iommu=pt\n");
		return -EOPNOTSUPP;
	}
	if (dev->non_compliant_bars || dev->no_command_memory) {
		pci_err(dev, "liveupdate: not preserved: its BARs do not behave\n");
		return -EOPNOTSUPP;
	}
	if (pci_dev_is_disconnected(dev) || !pci_device_is_present(dev)) {
		pci_err(dev, "liveupdate: not preserved: it does not answer\n");
		return -ENODEV;
	}

	what = pci_lu_state_unsupported(dev);
	if (what) {
		pci_err(dev, "liveupdate: not preserved: it uses %s, which cannot be carried over\n",
			what);
		return -EOPNOTSUPP;
	}
	return 0;
}

/**
 * pci_lu_refuse_retrieve - can a file stand for this device again?
 * @dev: an incoming device
 *
 * Return: 0, or -EOPNOTSUPP; the reason is in the log
 */
int pci_lu_refuse_retrieve(struct pci_dev *dev)
{
	if (!pci_lu_is_translated(dev))
		return 0;
	pci_err(dev, "liveupdate: not retrieved: an IOMMU translates its addresses, as it did not in the previous kernel: its DMA does not arrive; write identity to iommu_group/type with no driver bound, or 1 to liveupdate/abandon\n");
	return -EOPNOTSUPP;
}

/**
 * pci_lu_refuse_bridge - can this bridge be preserved?
 * @bridge: the bridge
 * @dev: the device below it that it is wanted for
 *
 * Return: 0, or -EOPNOTSUPP; the reason is in the log
 */
int pci_lu_refuse_bridge(struct pci_dev *bridge, struct pci_dev *dev)
{
	u8 primary, secondary, subordinate;

	if (bridge->hdr_type != PCI_HEADER_TYPE_BRIDGE) {
		pci_err(dev, "liveupdate: not preserved: %s above it is a CardBus bridge\n",
			pci_name(bridge));
		return -EOPNOTSUPP;
	}
	if (pci_lu_has_acs_quirk(bridge)) {
		pci_err(dev, "liveupdate: not preserved: access control of %s above it is not where the standard has it\n",
			pci_name(bridge));
		return -EOPNOTSUPP;
	}
	pci_read_config_byte(bridge, PCI_PRIMARY_BUS, &primary);
	pci_read_config_byte(bridge, PCI_SECONDARY_BUS, &secondary);
	pci_read_config_byte(bridge, PCI_SUBORDINATE_BUS, &subordinate);
	if ((primary && primary != bridge->bus->number) ||
	    secondary <= bridge->bus->number || subordinate < secondary ||
	    secondary != bridge->subordinate->number) {
		pci_err(dev, "liveupdate: not preserved: bus numbers %02x, %02x-%02x of %s above it make no sense\n",
			primary, secondary, subordinate, pci_name(bridge));
		return -EOPNOTSUPP;
	}
	return 0;
}
