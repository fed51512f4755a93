// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live update of PCI devices: how the live update core drives it.
 *
 * All preserved devices together are one file-bound object: it comes with the first file
 * whose handler depends on it and goes with the last. The core asks it to freeze
 * when all files are frozen. In the new kernel the records are taken over before the
 * first scan, and what no file ever stood for is abandoned with the last file.
 *
 * What devices are in it is up to the file handlers: see liveupdate_out.c and
 * liveupdate_life.c. The parts are listed in liveupdate.h.
 */
#define pr_fmt(fmt) "PCI: liveupdate: " fmt

#include <linux/crash_dump.h>
#include <linux/export.h>
#include <linux/init.h>
#include <linux/liveupdate.h>
#include <linux/liveupdate_format.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/pci_liveupdate.h>
#include <linux/printk.h>

#include "liveupdate_internal.h"

/* Protects which function is in which state, in both directions; see liveupdate.h */
DEFINE_MUTEX(pci_lu_lock);

/* What is understood, and may be written: of all records, in one word. */
#define PCI_LU_REQUIRED		(PCI_STATE_HEAD_REQUIRED | \
				 PCI_STATE_DEVICE_REQUIRED | \
				 PCI_STATE_BRIDGE_REQUIRED)

static int pci_lu_flb_preserve(struct liveupdate_flb_op_args *argp)
{
	argp->required = PCI_LU_REQUIRED;
	return pci_lu_out_begin(&argp->data);
}

static void pci_lu_flb_unpreserve(struct liveupdate_flb_op_args *argp)
{
	pci_lu_out_end();
}

static int pci_lu_flb_freeze(struct liveupdate_flb_op_args *argp)
{
	return pci_lu_out_freeze();
}

static void pci_lu_flb_unfreeze(struct liveupdate_flb_op_args *argp)
{
	pci_lu_out_unfreeze();
}

static int pci_lu_flb_retrieve(struct liveupdate_flb_op_args *argp)
{
	argp->obj = argp->flb;
	return pci_lu_in_take(argp->data);
}

static void pci_lu_flb_finish(struct liveupdate_flb_op_args *argp)
{
	pci_lu_abandon_rest();
}

static const struct liveupdate_flb_ops pci_lu_flb_ops = {
	.preserve = pci_lu_flb_preserve,
	.unpreserve = pci_lu_flb_unpreserve,
	.freeze = pci_lu_flb_freeze,
	.unfreeze = pci_lu_flb_unfreeze,
	.retrieve = pci_lu_flb_retrieve,
	.finish = pci_lu_flb_finish,
	.owner = THIS_MODULE,
};

static struct liveupdate_flb pci_lu_flb = {
	.ops = &pci_lu_flb_ops,
	.compatible = PCI_STATE_COMPATIBLE,
};

/* What all formats of such an object begin with, of whichever kernel. */
#define PCI_LU_ANY_FORMAT	"pci-"

static_assert(sizeof(PCI_STATE_COMPATIBLE) <= LIVEUPDATE_FLB_COMPAT_LENGTH);
liveupdate_format_features(pci_state, FLB, PCI_STATE_COMPATIBLE,
			   LIVEUPDATE_FORMAT_READ | LIVEUPDATE_FORMAT_WRITE,
			   PCI_LU_REQUIRED, 0);

/**
 * pci_liveupdate_register - the files of this handler stand for PCI devices
 * @fh: the handler, registered with liveupdate_register_file_handler()
 *
 * Has to come before pci_liveupdate_preserve(), which the handler calls in its
 * preserve().
 *
 * Return: 0 or what liveupdate_register_flb() returns; -EOPNOTSUPP if live update is off
 */
int pci_liveupdate_register(struct liveupdate_file_handler *fh)
{
	return liveupdate_register_flb(fh, &pci_lu_flb);
}
EXPORT_SYMBOL_GPL(pci_liveupdate_register);

/**
 * pci_liveupdate_unregister - undo pci_liveupdate_register()
 * @fh: the handler
 */
void pci_liveupdate_unregister(struct liveupdate_file_handler *fh)
{
	liveupdate_unregister_flb(fh, &pci_lu_flb);
}
EXPORT_SYMBOL_GPL(pci_liveupdate_unregister);

/**
 * pci_liveupdate_key - what a device is known by in the next kernel
 * @dev: the device
 *
 * Return: the key, for the file handler to hand over
 */
u64 pci_liveupdate_key(const struct pci_dev *dev)
{
	return pci_lu_key(pci_domain_nr(dev->bus), dev->bus->number,
			  dev->devfn);
}
EXPORT_SYMBOL_GPL(pci_liveupdate_key);

/*
 * Before any bus is scanned. A crash kernel looks at what the crashed one left
 * running, and must not take it over.
 */
static int __init pci_lu_init(void)
{
	void *obj;
	int err;

	if (!liveupdate_enabled() || is_kdump_kernel())
		return 0;
	err = liveupdate_flb_get_incoming(&pci_lu_flb, &obj);
	/* Devices that run, and nobody here knows which. */
	if (err == -ENOENT && liveupdate_flb_any_incoming(PCI_LU_ANY_FORMAT))
		err = -EPROTONOSUPPORT;
	if (err == -ENOENT || err == -ENODATA || err == -EOPNOTSUPP)
		return 0;
	if (err == -EPROTONOSUPPORT)
		pr_err("the previous kernel left devices in a format that this one does not read: they are lost\n");
	else if (err)
		pr_err("devices of the previous kernel are lost (%d)\n", err);
	else
		liveupdate_flb_put_incoming(&pci_lu_flb);
	pci_lu_in_begin();
	return 0;
}
postcore_initcall(pci_lu_init);
