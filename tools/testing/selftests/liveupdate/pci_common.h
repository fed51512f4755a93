/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pci_common: what the tests of PCI devices that survive share: functions as sysfs has
 * them, the files of pci-lu-stub, and what the host (vm/pcitrace.py) is asked.
 *
 * A function is named as in sysfs, 0000:00:01.0. pci_try_*() give 0, a descriptor or a
 * negative errno; everything else fails the case on an error.
 */
#ifndef PCI_COMMON_H
#define PCI_COMMON_H

#include <linux/pci_lu_stub.h>
#include <stdbool.h>
#include <stdint.h>

#include "lu_test.h"
#include "luo_common.h"

#define PCI_MAX		256
#define PCI_BDF		16

/* Words for a machine whose PCI the host watches. */
#define PCI_TRACE							\
	"qemu=-trace qemu=pci_cfg_write qemu=-trace qemu=pci_update_mappings_add "	\
	"qemu=-trace qemu=pci_update_mappings_del qemu=-trace qemu=serial_write "	\
	"qemu=-trace qemu=handle_qmp_command qemu=-trace qemu=qdev_reset "		\
	"qemu=-trace qemu=resettable_reset "
/* And whose slots its hands are in: those of ACPI, or those of PCIe itself. */
#define PCI_ACPI_QTEST	"qemu=-qtest qemu=unix:qtest,server=on,wait=off "
#define PCI_NATIVE_HOTPLUG						\
	"qemu=-global qemu=ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off "
#define PCI_QTEST	PCI_NATIVE_HOTPLUG PCI_ACPI_QTEST

/* What the debug kernel would take long for, and not see more. */
#define PCI_PROD	"flavour=prod "

struct pci_set {
	int nr;
	char bdf[PCI_MAX][PCI_BDF];
};

/* All functions with these ids, in order; either may be -1 for any. */
void pci_find(struct pci_set *set, int vendor, int device);
/* The bridges above it, the one on the root bus last; their number. */
int pci_bridges(const char *bdf, struct pci_set *set);

bool pci_there(const char *bdf);
const char *pci_path(const char *bdf, const char *file);
/* A small file of it, without the newline; valid until the next call. */
const char *pci_attr(const char *bdf, const char *file);
int pci_try_set(const char *bdf, const char *file, const char *text);
void pci_set_attr(const char *bdf, const char *file, const char *text);
/* Name of its driver, empty if it has none. */
const char *pci_driver(const char *bdf);
void pci_unbind(const char *bdf);
int pci_try_bind(const char *bdf, const char *driver);
/* Whoever has it, it belongs to pci-lu-stub afterwards. */
void pci_bind_stub(const char *bdf);
uint32_t pci_config(const char *bdf, int offset, int size);
int pci_try_config(const char *bdf, int offset, int size, uint32_t value);
/* Where a capability is; 0 if it has none of these. */
#define PCI_CAP_MSI	0x05
#define PCI_CAP_EXPRESS	0x10
#define PCI_CAP_MSIX	0x11
#define PCI_EXT_ACS	0x0d
int pci_capability(const char *bdf, int id);
int pci_ext_capability(const char *bdf, int id);
uint64_t pci_bar(const char *bdf, int bar);

int pci_try_open(const char *bdf);
int pci_open(const char *bdf);
volatile void *pci_map_bar(int fd, int bar, size_t size);
int pci_try_map(int fd, int memfd, uint64_t offset, uint64_t length, uint64_t *address);
uint64_t pci_map(int fd, int memfd, uint64_t offset, uint64_t length);
int pci_try_unmap(int fd, uint64_t address);
int pci_try_listen(int fd, int eventfd);
struct pci_lu_stub_info pci_info(int fd);

/* A session by name. */
int pci_create(const char *name);
int pci_retrieve(const char *name);

/* What an eventfd has counted, 0 if nothing within @ms. */
uint64_t pci_events(int eventfd, int ms);

/* The host watches the function and all above it; and compares with what was then. */
void pci_watch(const char *bdf);
void pci_compare(const char *bdf);
void pci_compare_one(const char *bdf);
/* "clean", or which writes the table in the documentation does not allow. */
void pci_audit(const char *from, const char *to);

/*
 * The ends of a carry: in the old kernel, when all is preserved; in the new one,
 * first of all, then the host holds everything against what was before.
 */
void pci_leave(const struct pci_set *set);
void pci_arrive(const struct pci_set *set);

#endif /* PCI_COMMON_H */
