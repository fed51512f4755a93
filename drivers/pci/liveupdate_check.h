/* SPDX-License-Identifier: GPL-2.0-only */
/* Pure checks of PCI handover records, see liveupdate_check.c */
#ifndef DRIVERS_PCI_LIVEUPDATE_CHECK_H
#define DRIVERS_PCI_LIVEUPDATE_CHECK_H

#include <linux/kho/abi/pci.h>

#define PCI_LU_KEY_LIMIT	0x1000000000000ULL

static inline u8 pci_lu_key_bus(u64 key)
{
	return key >> 8;
}

static inline u64 pci_lu_key_segment(u64 key)
{
	return key >> 16;
}

/* NULL if all is well, else what is wrong */
const char *pci_lu_check_head(const struct pci_state_head_ser *head);
const char *pci_lu_check_device(const struct pci_state_device_ser *rec,
				u64 nr_chunks);
const char *pci_lu_check_bridge(const struct pci_state_bridge_ser *rec);
const char *pci_lu_check_parent(const struct pci_state_id_ser *id,
				const struct pci_state_bridge_ser *parent);
const char *pci_lu_check_chunk(const struct pci_state_chunk_ser *chunk,
			       u64 key, u16 kind, u32 index, u32 length);
bool pci_lu_chunk_is_possible(const struct pci_state_chunk_ser *chunk);
const char *pci_lu_check_config(const void *buf, u32 length);

/* Bytes of chunk @index of a state of @length bytes, and the number of its chunks */
u32 pci_lu_chunk_bytes(u32 index, u32 length);
u32 pci_lu_nr_chunks(u32 length);

#endif /* DRIVERS_PCI_LIVEUPDATE_CHECK_H */
