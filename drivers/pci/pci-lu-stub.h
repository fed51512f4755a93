/* SPDX-License-Identifier: GPL-2.0 */
/* pci-lu-stub: what the driver and its file share; see pci-lu-stub.c. */
#ifndef DRIVERS_PCI_LU_STUB_H
#define DRIVERS_PCI_LU_STUB_H

#include <linux/atomic.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/wait.h>

struct eventfd_ctx;
struct file;
struct folio;
struct pci_dev;
struct pci_lu_stub_ser;

#define STUB_NAME	"pci-lu-stub"

/**
 * struct stub_map - memory of a memfd that the device may access
 * @list: in stub.maps
 * @memfd: where it is from
 * @folio: pinned
 * @offset: in @memfd
 * @length: bytes
 * @address: what the device knows it by
 * @token: of @memfd; while the device is preserved
 */
struct stub_map {
	struct list_head list;
	struct file *memfd;
	struct folio *folio;
	u64 offset;
	u64 length;
	dma_addr_t address;
	u64 token;
};

/**
 * struct stub - a device
 * @kref: one for the driver, one for each file
 * @pdev: the device, with a reference
 * @misc: its file
 * @name: of @misc
 * @node: path of @misc in /dev
 * @lock: protects what follows
 * @maps: of struct stub_map
 * @nr_maps: number of these
 * @updates: number of updates that the device went through
 * @nr_irqs: number of interrupts
 * @listener: who listens, NULL if nobody does
 * @irq: the Linux interrupt, 0 if there is none
 * @intx: it is INTx
 * @files: open ones
 * @gone: the driver has let go of the device
 * @preserved: what the device may access and who listens stays as it is
 * @let_go: remove() waits for the session to be done with it
 * @out: what is handed over, from prepare to cancel
 * @in: what was handed over, from probe() to finish
 * @initial: configuration of the device before it had a driver that carries it, what it
 *	goes back to when it is given up; may be NULL
 * @retrieved: what was handed over has a file again
 * @fail_prepare: errno for the next prepare, 0 for none
 * @fail_freeze: errno for the next freeze, 0 for none
 * @fail_retrieve: errno for the next retrieve, 0 for none
 * @history: callbacks that were called, oldest first, for the tests
 */
struct stub {
	struct kref kref;
	struct pci_dev *pdev;
	struct miscdevice misc;
	char name[32];
	char node[32];

	struct mutex lock;	/* protects all that follows */
	struct list_head maps;
	u64 nr_maps;
	u64 updates;
	atomic64_t nr_irqs;
	struct eventfd_ctx *listener;
	int irq;
	bool intx;
	struct list_head files;
	bool gone;
	bool preserved;
	wait_queue_head_t let_go;
	struct pci_lu_stub_ser *out;
	struct pci_lu_stub_ser *in;
	struct pci_saved_state *initial;
	bool retrieved;
	int fail_prepare;
	int fail_freeze;
	int fail_retrieve;
	char history[256];
};

struct stub *stub_alloc(struct pci_dev *pdev);
void stub_put(struct stub *stub);

int stub_map_add(struct stub *stub, struct file *memfd, u64 offset, u64 length, u64 *address);
void stub_map_remove_all(struct stub *stub);
void stub_irq_stop(struct stub *stub);

bool stub_file_is_ours(struct file *file);
struct stub *stub_of_file(struct file *file);
struct file *stub_file_create(struct stub *stub);
void stub_file_revoke_all(struct stub *stub);

#endif /* DRIVERS_PCI_LU_STUB_H */
