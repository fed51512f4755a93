// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live update of PCI devices: what becomes of an incoming device.
 *
 * It waits for a driver that knows its format; no other one may bind. A file handler
 * retrieves it and, with the session, finishes it: then it is a device as any other.
 * If nobody wants it, it is abandoned: bus mastering goes off, it is reset, and any
 * driver may have it. That happens if somebody says so in sysfs, if it is finished
 * without having been retrieved, or if all files that could stand for it are finished.
 *
 * Process context, may sleep. Abandoning takes the device lock, and pci_lu_lock inside
 * of it. Retrieve can fail and has changed nothing then.
 */
#define pr_fmt(fmt) "PCI: liveupdate: " fmt

#include <linux/cleanup.h>
#include <linux/device.h>
#include <linux/export.h>
#include <linux/pci.h>
#include <linux/pci_liveupdate.h>
#include <linux/pm_runtime.h>
#include <linux/printk.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "liveupdate_internal.h"

bool pci_lu_driver_accepts(const struct pci_driver *drv, const char *format)
{
	const char * const *name;

	if (!drv->liveupdate || !drv->liveupdate->accepts)
		return false;
	for (name = drv->liveupdate->accepts; *name; name++) {
		if (!strcmp(*name, format))
			return true;
	}
	return false;
}

/**
 * pci_lu_may_probe - may this driver bind to this device?
 * @dev: the device or bridge
 * @drv: the driver
 *
 * If it may, it finds what the previous kernel saved of the device.
 *
 * Return: 0; -EBUSY if the device runs since the previous kernel and @drv does not know
 * its format. Never -EPROBE_DEFER, which would be tried for ever.
 */
int pci_lu_may_probe(struct pci_dev *dev, const struct pci_driver *drv)
{
	const struct pci_state_device_ser *rec = pci_lu_incoming_device(dev);

	if (!rec)
		return 0;
	if (pci_lu_driver_accepts(drv, rec->format)) {
		pci_lu_adopt_state(dev);
		return 0;
	}
	pci_info(dev, "liveupdate: kept from driver %s: it runs with state %s; bind a driver that accepts it, or write 1 to liveupdate/abandon\n",
		 drv->name, rec->format);
	return -EBUSY;
}

/* With a reference */
static struct pci_dev *pci_lu_find_device(u64 key)
{
	struct pci_lu_in *in;

	guard(mutex)(&pci_lu_lock);
	in = pci_lu_in_find(key);
	if (!in || in->is_bridge)
		return ERR_PTR(-ENOENT);
	if (in->state == PCI_LU_ABANDONED)
		return ERR_PTR(-ENODEV);
	return pci_lu_in_dev_get(in) ?: ERR_PTR(-ENODEV);
}

/* Under the device lock, so that its driver stays until pci_lu_driver_gone() */
static int pci_lu_retrieve_locked(struct pci_dev *dev)
{
	struct pci_lu_in *in = dev->lu_in;
	int err;

	device_lock_assert(&dev->dev);
	guard(mutex)(&pci_lu_lock);
	if (in->state == PCI_LU_RETRIEVED)
		return -EBUSY;
	if (in->state != PCI_LU_INCOMING || in->dev != dev)
		return -ENODEV;
	if (!dev->driver || !device_is_bound(&dev->dev) ||
	    !pci_lu_driver_accepts(dev->driver, in->device.format))
		return -EAGAIN;
	err = pci_lu_refuse_retrieve(dev);
	if (err)
		return err;
	WRITE_ONCE(in->state, PCI_LU_RETRIEVED);
	return 0;
}

/**
 * pci_liveupdate_retrieve - a file stands for this device again
 * @key: pci_liveupdate_key() of the device in the previous kernel
 *
 * Called by retrieve() of a file handler, which calls pci_liveupdate_unretrieve() if it
 * fails afterwards.
 *
 * Context: process context, may sleep, takes the device lock.
 * Return: the device, with a reference that is the caller's to put; -ENOENT if nothing
 * is known of it, or not any more; -ENODEV if it did not survive, the log says why;
 * -EAGAIN if no driver is bound that accepts its format, try again when there is one;
 * -EOPNOTSUPP if an IOMMU translates its addresses now; -EBUSY if a file stands for it
 * already
 */
struct pci_dev *pci_liveupdate_retrieve(u64 key)
{
	struct pci_dev *dev = pci_lu_find_device(key);
	int err;

	if (IS_ERR(dev))
		return dev;
	scoped_guard(device, &dev->dev)
		err = pci_lu_retrieve_locked(dev);
	if (!err)
		return dev;
	pci_dev_put(dev);
	return ERR_PTR(err);
}
EXPORT_SYMBOL_GPL(pci_liveupdate_retrieve);

/* False if no file stands for it */
static bool pci_lu_take_back(struct pci_dev *dev)
{
	struct pci_lu_in *in = dev->lu_in;

	if (!in || READ_ONCE(in->state) != PCI_LU_RETRIEVED)
		return false;

	guard(mutex)(&pci_lu_lock);
	if (in->state != PCI_LU_RETRIEVED)
		return false;
	WRITE_ONCE(in->state, PCI_LU_INCOMING);
	return true;
}

/**
 * pci_liveupdate_unretrieve - undo pci_liveupdate_retrieve()
 * @dev: what it returned; the reference stays the caller's to put
 *
 * For retrieve() of a file handler that fails after all: nobody stands for the device,
 * which runs on, so that it can be retrieved again, or be abandoned.
 *
 * Context: process context, may sleep.
 */
void pci_liveupdate_unretrieve(struct pci_dev *dev)
{
	pci_lu_take_back(dev);
}
EXPORT_SYMBOL_GPL(pci_liveupdate_unretrieve);

/* Its driver was removed, with the device lock held. The file has nothing to stand for. */
void pci_lu_in_driver_gone(struct pci_dev *dev)
{
	if (pci_lu_take_back(dev))
		pci_err(dev, "liveupdate: driver %s has let go of a device that a file stands for, and it is running; write 1 to its liveupdate/abandon\n",
			dev->driver->name);
}

/**
 * pci_liveupdate_can_finish - may this device be finished?
 * @key: as for pci_liveupdate_retrieve()
 *
 * Called by can_finish() of a file handler. A device that is running and that nobody has
 * retrieved would go on writing to memory that is freed with the files of the same
 * session.
 *
 * Return: false if it runs and nobody has retrieved it: it has to be retrieved, or
 * abandoned in sysfs, first
 */
bool pci_liveupdate_can_finish(u64 key)
{
	struct pci_lu_in *in;

	guard(mutex)(&pci_lu_lock);
	in = pci_lu_in_find(key);
	if (!in || in->state != PCI_LU_INCOMING || !in->dev)
		return true;
	pci_warn(in->dev, "liveupdate: not finished: nobody has retrieved it, and it is running; retrieve it, or write 1 to its liveupdate/abandon\n");
	return false;
}
EXPORT_SYMBOL_GPL(pci_liveupdate_can_finish);

static void pci_lu_driver_finish(struct pci_dev *dev, struct pci_lu_in *in)
{
	struct pci_driver *drv = dev->driver;

	if (drv && device_is_bound(&dev->dev) && drv->liveupdate &&
	    drv->liveupdate->finish &&
	    pci_lu_driver_accepts(drv, in->device.format))
		drv->liveupdate->finish(dev, in->device.data);
}

/* DMA ends here; what was in flight has arrived or is dropped by the reset */
static void pci_lu_quiesce(struct pci_dev *dev)
{
	int err;

	pci_clear_master(dev);
	if (pci_is_pcie(dev) && !pci_wait_for_pending_transaction(dev))
		pci_warn(dev, "liveupdate: transactions are still pending\n");
	pci_cfg_access_lock(dev);
	err = pci_reset_function_locked(dev);
	pci_cfg_access_unlock(dev);
	if (err)
		pci_warn(dev, "liveupdate: abandoned without a reset (%d): it cannot do DMA any more, but keeps its state\n",
			 err);
	else
		pci_info(dev, "liveupdate: abandoned and reset\n");
}

/* Under the device lock. False if there was nothing to abandon. */
static bool pci_lu_abandon_locked(struct pci_dev *dev, struct pci_lu_in *in)
{
	device_lock_assert(&dev->dev);
	scoped_guard(mutex, &pci_lu_lock) {
		if (in->state != PCI_LU_INCOMING)
			return false;
		pm_runtime_get_noresume(&dev->dev);
		/* From here on the guards let the reset through */
		pci_lu_in_leave(in, PCI_LU_ABANDONED);
	}
	pci_lu_quiesce(dev);
	pci_lu_driver_finish(dev, in);
	pm_runtime_put(&dev->dev);
	return !dev->driver;
}

/* Any driver may have it now. Not under the device lock. */
static void pci_lu_reprobe(struct pci_dev *dev)
{
	if (device_attach(&dev->dev) < 0)
		pci_warn(dev, "liveupdate: no driver could be bound after it was abandoned\n");
}

/**
 * pci_lu_abandon - give an incoming device up
 * @dev: the device
 *
 * Return: 0; -EBUSY if a file stands for it, -ENODEV if it is not incoming
 */
int pci_lu_abandon(struct pci_dev *dev)
{
	struct pci_lu_in *in = dev->lu_in;
	bool reprobe;

	if (!pci_lu_incoming_device(dev))
		return -ENODEV;
	if (READ_ONCE(in->state) == PCI_LU_RETRIEVED) {
		pci_warn(dev, "liveupdate: not abandoned: a file stands for it, finish its session instead\n");
		return -EBUSY;
	}
	scoped_guard(device, &dev->dev)
		reprobe = pci_lu_abandon_locked(dev, in);
	if (reprobe)
		pci_lu_reprobe(dev);
	return 0;
}

/*
 * Retrieved: its driver is there, or pci_lu_in_driver_gone() would have taken that back.
 * It may be waiting in remove() for the file to be closed, with the device lock held.
 */
static bool pci_lu_finish_retrieved(struct pci_dev *dev, struct pci_lu_in *in)
{
	scoped_guard(mutex, &pci_lu_lock) {
		if (in->state != PCI_LU_RETRIEVED)
			return false;
		pci_lu_in_leave(in, PCI_LU_FINISHED);
	}
	pci_lu_driver_finish(dev, in);
	return true;
}

static void pci_lu_finish_dev(struct pci_dev *dev, struct pci_lu_in *in)
{
	bool reprobe;

	if (pci_lu_finish_retrieved(dev, in))
		return;
	scoped_guard(device, &dev->dev)
		reprobe = pci_lu_abandon_locked(dev, in);
	if (reprobe)
		pci_lu_reprobe(dev);
}

/**
 * pci_liveupdate_finish - the session gives the device up
 * @key: as for pci_liveupdate_retrieve(); nothing happens if there is no such device, or
 *	if it is finished
 *
 * Called by finish() of a file handler, whatever became of the device. If it was
 * retrieved, it belongs to its driver from now on. Else it is abandoned: quiesced,
 * reset, and given to whichever driver wants it. Either way the driver's finish() is
 * called, if one is bound that accepts the format.
 *
 * Context: process context, may sleep; takes the device lock unless the device was
 * retrieved.
 */
void pci_liveupdate_finish(u64 key)
{
	struct pci_dev *dev = NULL;
	struct pci_lu_in *in;

	scoped_guard(mutex, &pci_lu_lock) {
		in = pci_lu_in_find(key);
		if (!in || in->is_bridge)
			return;
		kref_get(&in->kref);
		dev = pci_lu_in_dev_get(in);
	}
	if (dev)
		pci_lu_finish_dev(dev, in);
	scoped_guard(mutex, &pci_lu_lock) {
		if (in->state == PCI_LU_INCOMING || in->state == PCI_LU_RETRIEVED)
			pci_lu_in_leave(in, PCI_LU_ABANDONED);
		pci_lu_in_drop(in);
		pci_lu_in_put(in);
	}
	pci_dev_put(dev);
}
EXPORT_SYMBOL_GPL(pci_liveupdate_finish);

static void pci_lu_rest_work_fn(struct work_struct *work)
{
	char name[PCI_LU_NAME_SIZE];
	struct pci_lu_in *in;
	u64 key;

	while (1) {
		scoped_guard(mutex, &pci_lu_lock) {
			in = pci_lu_in_any_device();
			if (!in)
				return;
			key = in->key;
		}
		pr_warn("all files are finished, but none stood for %s\n",
			pci_lu_key_name(key, name));
		pci_liveupdate_finish(key);
	}
}

static DECLARE_WORK(pci_lu_rest_work, pci_lu_rest_work_fn);

/* All files are finished. Later, since the caller has locks that probing may want. */
void pci_lu_abandon_rest(void)
{
	bool any;

	scoped_guard(mutex, &pci_lu_lock)
		any = pci_lu_in_any_device();
	if (any)
		schedule_work(&pci_lu_rest_work);
}
