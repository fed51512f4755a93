// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts of a preserved device: off before the jump, and back on if it is called off.
 *
 * A vector that stays on would hit whatever the next kernel has at that number, so
 * at freeze every source of interrupts of the device is masked and turned off in the
 * device itself. The next kernel finds what it finds after power-on: nothing enabled, in
 * hardware and in software. An edge that gets lost meanwhile is made up for by the one
 * who listens: it is signalled once at finish.
 *
 * Life cycle: pci_lu_irq_freeze() at freeze, after the driver's own; then either the
 * jump, or pci_lu_irq_unfreeze(), before the driver's own. What software knows
 * (handlers, vectors, masks) stays untouched, which is why the way back cannot fail.
 *
 * Who may call: the PCI live update core, with the device in D0 and kept there, and
 * nobody requesting or freeing its vectors. May sleep. Nothing here can fail.
 */

#include <linux/msi.h>
#include <linux/pci.h>

#include "liveupdate.h"
#include "msi/msi.h"
#include "pci.h"

static u16 pci_lu_intx_off(struct pci_dev *dev)
{
	u16 cmd;

	pci_read_config_word(dev, PCI_COMMAND, &cmd);
	if (dev->pin && !(cmd & PCI_COMMAND_INTX_DISABLE))
		pci_write_config_word(dev, PCI_COMMAND, cmd | PCI_COMMAND_INTX_DISABLE);
	return cmd;
}

/*
 * Masks are written to the device only, past the driver's own (pci_msi_mask() and the
 * like keep them), which are for the way back.
 */
static u16 pci_lu_msi_off(struct pci_dev *dev)
{
	u16 ctrl;

	if (!dev->msi_cap)
		return 0;
	pci_read_config_word(dev, dev->msi_cap + PCI_MSI_FLAGS, &ctrl);
	if (!(ctrl & PCI_MSI_FLAGS_ENABLE))
		return ctrl;

	if (ctrl & PCI_MSI_FLAGS_MASKBIT)
		pci_write_config_dword(dev, dev->msi_cap + (ctrl & PCI_MSI_FLAGS_64BIT ?
				       PCI_MSI_MASK_64 : PCI_MSI_MASK_32), U32_MAX);
	pci_write_config_word(dev, dev->msi_cap + PCI_MSI_FLAGS, ctrl & ~PCI_MSI_FLAGS_ENABLE);
	return ctrl;
}

#ifdef CONFIG_PCI_MSI
static void pci_lu_msix_mask(struct pci_dev *dev)
{
	struct msi_desc *desc;

	if (!dev->msix_enabled)
		return;
	msi_lock_descs(&dev->dev);
	msi_for_each_desc(desc, &dev->dev, MSI_DESC_ALL)
		pci_msix_write_vector_ctrl(desc, desc->pci.msix_ctrl |
					   PCI_MSIX_ENTRY_CTRL_MASKBIT);
	msi_unlock_descs(&dev->dev);
}
#else
static void pci_lu_msix_mask(struct pci_dev *dev) { }
#endif

static u16 pci_lu_msix_off(struct pci_dev *dev)
{
	u16 ctrl;

	if (!dev->msix_cap)
		return 0;
	pci_read_config_word(dev, dev->msix_cap + PCI_MSIX_FLAGS, &ctrl);
	if (!(ctrl & PCI_MSIX_FLAGS_ENABLE))
		return ctrl;

	pci_write_config_word(dev, dev->msix_cap + PCI_MSIX_FLAGS, ctrl | PCI_MSIX_FLAGS_MASKALL);
	pci_lu_msix_mask(dev);
	pci_write_config_word(dev, dev->msix_cap + PCI_MSIX_FLAGS,
			      (ctrl | PCI_MSIX_FLAGS_MASKALL) & ~PCI_MSIX_FLAGS_ENABLE);
	return ctrl;
}

/**
 * pci_lu_irq_freeze - turn all interrupts of a device off for the jump
 * @dev: the device
 * @out: gets the registers as they were
 *
 * INTx first, or a device could fall back to it when MSI goes.
 */
void pci_lu_irq_freeze(struct pci_dev *dev, struct pci_lu_out *out)
{
	out->command = pci_lu_intx_off(dev);
	out->msi = pci_lu_msi_off(dev);
	out->msix = pci_lu_msix_off(dev);
}

/**
 * pci_lu_irq_unfreeze - the jump was called off: undo pci_lu_irq_freeze()
 * @dev: the device
 * @out: what that filled in
 */
void pci_lu_irq_unfreeze(struct pci_dev *dev, const struct pci_lu_out *out)
{
	u16 cmd;

	pci_restore_msi_state(dev);
	/* Enabled behind the kernel's back: there is nothing to restore it from. */
	if (out->msi & PCI_MSI_FLAGS_ENABLE && !dev->msi_enabled)
		pci_write_config_word(dev, dev->msi_cap + PCI_MSI_FLAGS, out->msi);
	if (out->msix & PCI_MSIX_FLAGS_ENABLE && !dev->msix_enabled)
		pci_write_config_word(dev, dev->msix_cap + PCI_MSIX_FLAGS, out->msix);

	pci_read_config_word(dev, PCI_COMMAND, &cmd);
	if (dev->pin && (cmd ^ out->command) & PCI_COMMAND_INTX_DISABLE)
		pci_write_config_word(dev, PCI_COMMAND, cmd ^ PCI_COMMAND_INTX_DISABLE);
}
