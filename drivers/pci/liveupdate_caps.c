// SPDX-License-Identifier: GPL-2.0
/*
 * What live update knows about capabilities: which of them a device may have in use when
 * it is preserved, and of which saved registers have a format for the next kernel.
 *
 * A capability that nobody here knows might hold state that the next kernel's
 * enumeration destroys, or that lets the device do what the next kernel does not
 * expect. So the rule is: known, and either without anything to lose, or carried, or
 * not in use. Everything else is a reason to refuse.
 *
 * Who may call: anyone, with the device in D0. Nothing is written to it.
 */

#include <linux/pci.h>

#include "liveupdate.h"
#include "liveupdate_caps.h"
#include "pci.h"

/* A device that has it uses it. */
#define PCI_LU_PRESENT		0xff

#define PCI_LU_MCAST_CTRL	0x06
#define PCI_LU_MCAST_ENABLE	0x8000
#define PCI_LU_TPH_CTRL		0x08
#define PCI_LU_TPH_ENABLE	0x0300

/**
 * struct pci_lu_cap - a capability
 * @id: of the capability
 * @name: for messages
 * @reg: offset of the 16-bit register that says whether it is in use; 0: there is
 *	nothing to lose, or it is carried; PCI_LU_PRESENT: being there is being in use
 * @mask: the bits of that register that say so
 * @min: saved registers, version 1: fewest bytes; 0: the PCI core saves none
 * @max: most bytes
 *
 * Saved registers are in the order in which the PCI core has them, little-endian and
 * packed. Where what is saved changes, so does the version.
 */
struct pci_lu_cap {
	u16 id;
	const char *name;
	u8 reg;
	u16 mask;
	u16 min;
	u16 max;
};

static const struct pci_lu_cap pci_lu_normal[] = {
	{ PCI_CAP_ID_PM, "Power Management" },
	{ PCI_CAP_ID_VPD, "Vital Product Data" },
	{ PCI_CAP_ID_SLOTID, "Slot Identification" },
	{ PCI_CAP_ID_MSI, "MSI" },
	/* command */
	{ PCI_CAP_ID_PCIX, "PCI-X", .min = 2, .max = 2 },
	{ PCI_CAP_ID_HT, "HyperTransport" },
	{ PCI_CAP_ID_VNDR, "Vendor-Specific" },
	{ PCI_CAP_ID_DBG, "Debug Port" },
	{ PCI_CAP_ID_SHPC, "Standard Hot-Plug Controller" },
	{ PCI_CAP_ID_SSVID, "Bridge Subsystem" },
	/* control of: device, link, slot, root, device 2, link 2, slot 2 */
	{ PCI_CAP_ID_EXP, "PCI Express", .min = 14, .max = 14 },
	{ PCI_CAP_ID_MSIX, "MSI-X" },
	{ PCI_CAP_ID_SATA, "SATA" },
	{ PCI_CAP_ID_AF, "Advanced Features" },
	{ PCI_CAP_ID_EA, "Enhanced Allocation", .reg = PCI_LU_PRESENT },
};

static const struct pci_lu_cap pci_lu_extended[] = {
	/* uncorrectable mask, severity, correctable mask, control; root command */
	{ PCI_EXT_CAP_ID_ERR, "Advanced Error Reporting", .min = 16, .max = 20 },
	/* port, each channel, arbitration tables: as long as the device has them */
	{ PCI_EXT_CAP_ID_VC, "Virtual Channel", .min = 1, .max = 4096 },
	{ PCI_EXT_CAP_ID_DSN, "Device Serial Number" },
	{ PCI_EXT_CAP_ID_PWR, "Power Budgeting" },
	{ PCI_EXT_CAP_ID_RCLD, "Root Complex Link Declaration" },
	{ PCI_EXT_CAP_ID_RCILC, "Root Complex Internal Link Control" },
	{ PCI_EXT_CAP_ID_RCEC, "Root Complex Event Collector" },
	{ PCI_EXT_CAP_ID_MFVC, "Multi-Function Virtual Channel", .min = 1, .max = 4096 },
	{ PCI_EXT_CAP_ID_VC9, "Virtual Channel (9)", .min = 1, .max = 4096 },
	{ PCI_EXT_CAP_ID_RCRB, "Root Complex Register Block" },
	{ PCI_EXT_CAP_ID_VNDR, "Vendor-Specific" },
	{ PCI_EXT_CAP_ID_CAC, "Configuration Access" },
	{ PCI_EXT_CAP_ID_ACS, "Access Control Services" },
	{ PCI_EXT_CAP_ID_ARI, "Alternative Routing-ID" },
	{ PCI_EXT_CAP_ID_ATS, "Address Translation Services" },
	{ PCI_EXT_CAP_ID_SRIOV, "SR-IOV", .reg = PCI_SRIOV_CTRL, .mask = PCI_SRIOV_CTRL_VFE },
	{ PCI_EXT_CAP_ID_MCAST, "Multicast",
	  .reg = PCI_LU_MCAST_CTRL, .mask = PCI_LU_MCAST_ENABLE },
	{ PCI_EXT_CAP_ID_PRI, "Page Request Interface",
	  .reg = PCI_PRI_CTRL, .mask = PCI_PRI_CTRL_ENABLE },
	{ PCI_EXT_CAP_ID_AMD_XXX, "AMD" },
	{ PCI_EXT_CAP_ID_REBAR, "Resizable BAR" },
	{ PCI_EXT_CAP_ID_DPA, "Dynamic Power Allocation" },
	{ PCI_EXT_CAP_ID_TPH, "TPH Requester",
	  .reg = PCI_LU_TPH_CTRL, .mask = PCI_LU_TPH_ENABLE },
	/* maximum latencies */
	{ PCI_EXT_CAP_ID_LTR, "Latency Tolerance Reporting", .min = 4, .max = 4 },
	{ PCI_EXT_CAP_ID_SECPCI, "Secondary PCI Express" },
	{ PCI_EXT_CAP_ID_PASID, "Process Address Space ID",
	  .reg = PCI_PASID_CTRL, .mask = PCI_PASID_CTRL_ENABLE },
	/* control */
	{ PCI_EXT_CAP_ID_DPC, "Downstream Port Containment", .min = 2, .max = 2 },
	/* control 2, control 1 */
	{ PCI_EXT_CAP_ID_L1SS, "L1 PM Substates", .min = 8, .max = 8 },
	/* control */
	{ PCI_EXT_CAP_ID_PTM, "Precision Time Measurement", .min = 4, .max = 4 },
	{ PCI_EXT_CAP_ID_DVSEC, "Designated Vendor-Specific" },
	{ PCI_EXT_CAP_ID_DLF, "Data Link Feature" },
	{ PCI_EXT_CAP_ID_PL_16GT, "Physical Layer 16.0 GT/s" },
	{ PCI_EXT_CAP_ID_NPEM, "Native PCIe Enclosure Management" },
	{ PCI_EXT_CAP_ID_PL_32GT, "Physical Layer 32.0 GT/s" },
	{ PCI_EXT_CAP_ID_DOE, "Data Object Exchange",
	  .reg = PCI_DOE_STATUS, .mask = PCI_DOE_STATUS_BUSY },
};

static const struct pci_lu_cap *pci_lu_cap_find(u16 id, bool extended)
{
	const struct pci_lu_cap *table = extended ? pci_lu_extended : pci_lu_normal;
	size_t count = extended ? ARRAY_SIZE(pci_lu_extended) : ARRAY_SIZE(pci_lu_normal);

	for (size_t i = 0; i < count; i++)
		if (table[i].id == id)
			return &table[i];
	return NULL;
}

/**
 * pci_lu_cap_name - name of a capability, for messages
 * @id: of the capability
 * @extended: it is an extended one
 *
 * Return: the name, also if there is none
 */
const char *pci_lu_cap_name(u16 id, bool extended)
{
	const struct pci_lu_cap *cap = pci_lu_cap_find(id, extended);

	return cap ? cap->name : "an unknown capability";
}

/**
 * pci_lu_cap_known - is it a capability that this kernel knows?
 * @id: of the capability
 * @extended: it is an extended one
 *
 * Return: is it?
 */
bool pci_lu_cap_known(u16 id, bool extended)
{
	return pci_lu_cap_find(id, extended);
}

/**
 * pci_lu_cap_has_format - is this what version 1 of its saved registers looks like?
 * @id: of the capability
 * @extended: it is an extended one
 * @size: bytes of its saved registers
 *
 * Return: is it?
 */
bool pci_lu_cap_has_format(u16 id, bool extended, size_t size)
{
	const struct pci_lu_cap *cap = pci_lu_cap_find(id, extended);

	return cap && cap->min && size >= cap->min && size <= cap->max;
}

static bool pci_lu_cap_in_use(struct pci_dev *dev, u16 pos, u16 id, bool extended)
{
	const struct pci_lu_cap *cap = pci_lu_cap_find(id, extended);
	u16 value;

	if (!cap) {
		pci_info(dev, "liveupdate: %scapability %#x at %#x is not known to this kernel\n",
			 extended ? "extended " : "", id, pos);
		return true;
	}
	if (!cap->reg)
		return false;
	if (cap->reg == PCI_LU_PRESENT)
		return true;
	pci_read_config_word(dev, pos + cap->reg, &value);
	return value & cap->mask;
}

static const char *pci_lu_normal_in_use(struct pci_dev *dev)
{
	int ttl = (PCI_CFG_SPACE_SIZE - PCI_STD_HEADER_SIZEOF) / 4;
	u16 status, head;
	u8 pos;

	pci_read_config_word(dev, PCI_STATUS, &status);
	if (!(status & PCI_STATUS_CAP_LIST))
		return NULL;
	pci_read_config_byte(dev, PCI_CAPABILITY_LIST, &pos);
	for (pos &= ~3; pos >= PCI_STD_HEADER_SIZEOF && ttl--; pos = head >> 8 & ~3) {
		pci_read_config_word(dev, pos, &head);
		if ((head & 0xff) == 0xff)
			return NULL;
		if (pci_lu_cap_in_use(dev, pos, head & 0xff, false))
			return pci_lu_cap_name(head & 0xff, false);
	}
	return NULL;
}

static const char *pci_lu_extended_in_use(struct pci_dev *dev)
{
	int ttl = (PCI_CFG_SPACE_EXP_SIZE - PCI_CFG_SPACE_SIZE) / 8;
	int pos = PCI_CFG_SPACE_SIZE;
	u32 head;

	if (dev->cfg_size <= PCI_CFG_SPACE_SIZE)
		return NULL;
	for (; pos >= PCI_CFG_SPACE_SIZE && ttl--; pos = PCI_EXT_CAP_NEXT(head)) {
		pci_read_config_dword(dev, pos, &head);
		if (!head || PCI_POSSIBLE_ERROR(head))
			return NULL;
		/* The first one may be there to point to the next only. */
		if (PCI_EXT_CAP_ID(head) &&
		    pci_lu_cap_in_use(dev, pos, PCI_EXT_CAP_ID(head), true))
			return pci_lu_cap_name(PCI_EXT_CAP_ID(head), true);
	}
	return NULL;
}

static const char *pci_lu_saved_without_format(struct pci_dev *dev)
{
	const struct pci_cap_saved_state *tmp;

	hlist_for_each_entry(tmp, &dev->saved_cap_space, next)
		if (!pci_lu_cap_has_format(tmp->cap.cap_nr, tmp->cap.cap_extended,
					   tmp->cap.size))
			return pci_lu_cap_name(tmp->cap.cap_nr, tmp->cap.cap_extended);
	return NULL;
}

/**
 * pci_lu_state_unsupported - is there a capability in use that cannot be carried?
 * @dev: the device, its capabilities initialised
 *
 * Return: a capability, named for a message; NULL if there is none
 */
const char *pci_lu_state_unsupported(struct pci_dev *dev)
{
	const char *what = pci_lu_normal_in_use(dev);

	what = what ?: pci_lu_extended_in_use(dev);
	return what ?: pci_lu_saved_without_format(dev);
}
