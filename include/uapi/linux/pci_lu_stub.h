/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * /dev/pci-lu-stub/SEGMENT:BUS:DEVICE.FUNCTION: a PCI device in the hands of user space,
 * which can be preserved over a live update like any other file of a session.
 *
 * BAR n is mapped with mmap() at offset PCI_LU_STUB_BAR(n). Each ioctl takes a struct
 * that begins with its size; errors are those of /dev/liveupdate: EINVAL for an
 * unknown number or a size that is too small, E2BIG for a tail that is not zero.
 */
#ifndef _UAPI_LINUX_PCI_LU_STUB_H
#define _UAPI_LINUX_PCI_LU_STUB_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define PCI_LU_STUB_IOCTL_TYPE	0xBA

#define PCI_LU_STUB_BAR(n)	((__u64)(n) << 40)

enum {
	PCI_LU_STUB_CMD_BASE = 0x80,
	PCI_LU_STUB_CMD_INFO = PCI_LU_STUB_CMD_BASE,
	PCI_LU_STUB_CMD_MAP,
	PCI_LU_STUB_CMD_UNMAP,
	PCI_LU_STUB_CMD_IRQ,
};

/**
 * struct pci_lu_stub_info - what became of the device
 * @size: of this struct
 * @reserved: 0
 * @updates: out: number of updates that it went through
 * @nr_maps: out: number of pieces of memory that it may access
 * @nr_irqs: out: number of interrupts that it raised since the driver was bound
 */
struct pci_lu_stub_info {
	__u32 size;
	__u32 reserved;
	__aligned_u64 updates;
	__aligned_u64 nr_maps;
	__aligned_u64 nr_irqs;
};

#define PCI_LU_STUB_INFO	_IO(PCI_LU_STUB_IOCTL_TYPE, PCI_LU_STUB_CMD_INFO)

/**
 * struct pci_lu_stub_map - give memory of a memfd to the device
 * @size: of this struct
 * @fd: the memfd
 * @offset: in it, a multiple of the page size
 * @length: a multiple of the page size; it has to be contiguous memory (EINVAL), as one
 *	page always is
 * @address: out: what the device has to use
 *
 * EBUSY while the device is preserved. For the device to be preserved, the memfd has
 * to be, before it and in the same session; it is mapped again with it.
 */
struct pci_lu_stub_map {
	__u32 size;
	__s32 fd;
	__aligned_u64 offset;
	__aligned_u64 length;
	__aligned_u64 address;
};

#define PCI_LU_STUB_MAP		_IO(PCI_LU_STUB_IOCTL_TYPE, PCI_LU_STUB_CMD_MAP)

/**
 * struct pci_lu_stub_unmap - take memory back
 * @size: of this struct
 * @reserved: 0
 * @address: of PCI_LU_STUB_MAP
 *
 * The caller has to see to it that the device does not use it any more. ENOENT if there
 * is no such mapping, EBUSY while the device is preserved.
 */
struct pci_lu_stub_unmap {
	__u32 size;
	__u32 reserved;
	__aligned_u64 address;
};

#define PCI_LU_STUB_UNMAP	_IO(PCI_LU_STUB_IOCTL_TYPE, PCI_LU_STUB_CMD_UNMAP)

/**
 * struct pci_lu_stub_irq - listen to the interrupt of the device
 * @size: of this struct
 * @fd: an eventfd, or -1 to listen no more
 *
 * The first of its vectors, or its INTx, which is masked when it fires and unmasked by
 * this ioctl. EBUSY while the device is preserved.
 */
struct pci_lu_stub_irq {
	__u32 size;
	__s32 fd;
};

#define PCI_LU_STUB_IRQ		_IO(PCI_LU_STUB_IOCTL_TYPE, PCI_LU_STUB_CMD_IRQ)

#endif /* _UAPI_LINUX_PCI_LU_STUB_H */
