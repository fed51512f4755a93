/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Handover format "pci-lu-stub-v1": what the reference driver says about its device.
 *
 * It is the format of the u64 in the device's record, which is the address of a
 * preserved allocation with one struct pci_lu_stub_ser. Little endian, reserved fields
 * are 0. The driver's file has a format of its own, PCI_LU_STUB_FILE_COMPATIBLE, whose
 * u64 is the key of the device and nothing else.
 *
 * A changed layout or meaning needs a new string.
 */
#ifndef LINUX_KHO_ABI_PCI_LU_STUB_H
#define LINUX_KHO_ABI_PCI_LU_STUB_H

#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/types.h>

#define PCI_LU_STUB_COMPATIBLE		"pci-lu-stub-v1"
#define PCI_LU_STUB_FILE_COMPATIBLE	"pci-lu-stub-file-v1"

/**
 * struct pci_lu_stub_map_ser - memory that the device may access
 * @token: of the memfd, in the session that the device's file is in
 * @offset: in the memfd, a multiple of the page size
 * @length: a multiple of the page size
 * @address: what the device knows it by
 */
struct pci_lu_stub_map_ser {
	u64 token;
	u64 offset;
	u64 length;
	u64 address;
};

static_assert(sizeof(struct pci_lu_stub_map_ser) == 32);
static_assert(offsetof(struct pci_lu_stub_map_ser, token) == 0);
static_assert(offsetof(struct pci_lu_stub_map_ser, offset) == 8);
static_assert(offsetof(struct pci_lu_stub_map_ser, length) == 16);
static_assert(offsetof(struct pci_lu_stub_map_ser, address) == 24);

/**
 * struct pci_lu_stub_ser - a device
 * @updates: number of updates that it went through, this one included
 * @nr_maps: number of @maps
 * @maps: in the order in which they were made
 */
struct pci_lu_stub_ser {
	u64 updates;
	u64 nr_maps;
	struct pci_lu_stub_map_ser maps[];
};

static_assert(sizeof(struct pci_lu_stub_ser) == 16);
static_assert(offsetof(struct pci_lu_stub_ser, updates) == 0);
static_assert(offsetof(struct pci_lu_stub_ser, nr_maps) == 8);
static_assert(offsetof(struct pci_lu_stub_ser, maps) == 16);

#endif /* LINUX_KHO_ABI_PCI_LU_STUB_H */
