/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PCI devices that are not touched while the kernel under them is replaced.
 *
 * For drivers: struct pci_liveupdate_ops. For file handlers, which decide which
 * device is preserved and when: pci_liveupdate_*(). Both are described, with an
 * example, in Documentation/PCI/liveupdate.rst.
 *
 * A device is known by its key, segment << 16 | bus << 8 | devfn, which is the
 * same in both kernels.
 */
#ifndef LINUX_PCI_LIVEUPDATE_H
#define LINUX_PCI_LIVEUPDATE_H

#include <linux/err.h>
#include <linux/errno.h>
#include <linux/types.h>

struct liveupdate_file_handler;
struct pci_dev;
struct pci_saved_state;

/**
 * struct pci_liveupdate_ops - how a driver carries its device over an update
 *
 * Pointed to by &pci_driver.liveupdate. All callbacks run in process context and may
 * sleep. All but @finish run one at a time, all devices together: they wait for
 * nothing that takes long. The device lock is held in @finish of a device that is
 * abandoned, and else it is not: no callback takes it.
 *
 * A driver must not let go of its device between @prepare and @cancel: it defers
 * remove() until its file is closed, which the session keeps open. If it does all the
 * same, the device does not survive, none of these is called any more, and no update
 * happens until the session is closed. No callback may call pci_liveupdate_preserve(),
 * pci_liveupdate_unpreserve(), pci_liveupdate_retrieve() or pci_liveupdate_finish().
 *
 * In the new kernel a driver finds out in its probe() that the device is running:
 * pci_liveupdate_incoming() is true, pci_liveupdate_data() gives what @prepare or
 * @freeze left. From there until @finish the driver must not reset the device, nor
 * take away its power, its memory decoding or its bus mastering.
 *
 * @compatible: Names the format of the u64 that @prepare gives, and of everything
 *	that it stands for. It names data, never a driver or a kernel; a changed format
 *	needs a new one. At most 47 bytes. Mandatory.
 *
 * @accepts: The formats that this driver can take over, NULL terminated, usually with
 *	@compatible among them. Only a driver that accepts the format of a device can
 *	be bound to it until it is finished or abandoned. NULL: none.
 *
 * @prepare: Old kernel, somebody wants the device to be preserved. Everything that
 *	can be refused is refused here: allocate and preserve whatever @freeze is
 *	going to need. Sets what is handed over. The device goes on working. Returns
 *	0, or a negative errno with everything undone. Mandatory.
 *
 * @freeze: Old kernel, all files are frozen, the jump is imminent. The driver stops
 *	to take or give requests, frees or masks its interrupts, and writes down what
 *	changed since @prepare; DMA goes on. The PCI layer turns off what is left of
 *	interrupts afterwards. May change what is handed over. The last step that may
 *	fail; returns 0, or a negative errno with everything undone. Optional.
 *
 * @unfreeze: Old kernel, the update was called off after @freeze. Interrupts are
 *	back as @freeze left them. Undo @freeze. Cannot fail. Optional.
 *
 * @cancel: Old kernel, the device will not be preserved after all. Undo @prepare;
 *	gets what was to be handed over. Cannot fail. Mandatory.
 *
 * @finish: New kernel, the device belongs to this driver now as any other: what was
 *	handed over is not needed any more, whoever listens to an interrupt of the
 *	device is signalled once, since an edge may have been lost. Gets what was
 *	handed over. Also called when the device is abandoned while the driver is
 *	bound, then after it was reset. Cannot fail. Optional.
 */
struct pci_liveupdate_ops {
	const char *compatible;
	const char * const *accepts;
	int (*prepare)(struct pci_dev *dev, u64 *data);
	int (*freeze)(struct pci_dev *dev, u64 *data);
	void (*unfreeze)(struct pci_dev *dev, u64 data);
	void (*cancel)(struct pci_dev *dev, u64 data);
	void (*finish)(struct pci_dev *dev, u64 data);
};

#ifdef CONFIG_PCI_LIVEUPDATE

/* File handlers: registration */
int pci_liveupdate_register(struct liveupdate_file_handler *fh);
void pci_liveupdate_unregister(struct liveupdate_file_handler *fh);

/* File handlers: old kernel */
u64 pci_liveupdate_key(const struct pci_dev *dev);
int pci_liveupdate_preserve(struct pci_dev *dev);
void pci_liveupdate_unpreserve(struct pci_dev *dev);

/* File handlers: new kernel */
struct pci_dev *pci_liveupdate_retrieve(u64 key);
void pci_liveupdate_unretrieve(struct pci_dev *dev);
bool pci_liveupdate_can_finish(u64 key);
void pci_liveupdate_finish(u64 key);

/* Drivers */
bool pci_liveupdate_outgoing(struct pci_dev *dev);
bool pci_liveupdate_frozen(struct pci_dev *dev);
bool pci_liveupdate_incoming(struct pci_dev *dev);
int pci_liveupdate_data(struct pci_dev *dev, const char **format, u64 *data);
int pci_liveupdate_set_initial_state(struct pci_dev *dev,
				     const struct pci_saved_state *state);
struct pci_saved_state *pci_liveupdate_get_initial_state(struct pci_dev *dev);

#else /* !CONFIG_PCI_LIVEUPDATE */

static inline int pci_liveupdate_register(struct liveupdate_file_handler *fh)
{
	return -EOPNOTSUPP;
}

static inline void
pci_liveupdate_unregister(struct liveupdate_file_handler *fh) { }

static inline u64 pci_liveupdate_key(const struct pci_dev *dev)
{
	return 0;
}

static inline int pci_liveupdate_preserve(struct pci_dev *dev)
{
	return -EOPNOTSUPP;
}

static inline void pci_liveupdate_unpreserve(struct pci_dev *dev) { }

static inline struct pci_dev *pci_liveupdate_retrieve(u64 key)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static inline void pci_liveupdate_unretrieve(struct pci_dev *dev) { }

static inline bool pci_liveupdate_can_finish(u64 key)
{
	return true;
}

static inline void pci_liveupdate_finish(u64 key) { }

static inline bool pci_liveupdate_outgoing(struct pci_dev *dev)
{
	return false;
}

static inline bool pci_liveupdate_frozen(struct pci_dev *dev)
{
	return false;
}

static inline bool pci_liveupdate_incoming(struct pci_dev *dev)
{
	return false;
}

static inline int pci_liveupdate_data(struct pci_dev *dev, const char **format,
				      u64 *data)
{
	return -ENOENT;
}

static inline int
pci_liveupdate_set_initial_state(struct pci_dev *dev,
				 const struct pci_saved_state *state)
{
	return -EOPNOTSUPP;
}

static inline struct pci_saved_state *
pci_liveupdate_get_initial_state(struct pci_dev *dev)
{
	return NULL;
}

#endif /* CONFIG_PCI_LIVEUPDATE */

#endif /* LINUX_PCI_LIVEUPDATE_H */
