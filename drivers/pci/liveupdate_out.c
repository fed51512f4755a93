// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live update of PCI devices: what the old kernel is going to hand over.
 *
 * Life cycle: the file-bound object begins with the first file that depends on it.
 * Then devices come and go, each with all bridges above it; a bridge is there as long
 * as one device below it is, in whichever session. With each one, room for its record
 * is made, so freeze only has to write. Freeze asks every driver, turns interrupts
 * off and writes the records; unfreeze goes all the way back. The object ends
 * with the last file.
 *
 * Who may call: file handlers preserve and unpreserve, the file-bound object does the
 * rest. Process context, may sleep. Preserve and freeze can fail; both have undone
 * what they did then.
 */
#include <linux/cleanup.h>
#include <linux/device.h>
#include <linux/export.h>
#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/list.h>
#include <linux/liveupdate.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/pci_liveupdate.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "liveupdate_internal.h"

/* Under pci_lu_lock; nothing but @head says that the object is there */
static struct {
	struct pci_state_head_ser *head;
	struct kho_block_set devices;
	struct kho_block_set bridges;
	struct kho_block_set chunks;
	struct list_head device_list;
	struct list_head bridge_list;
	u64 nr_devices;
	u64 nr_bridges;
	u64 nr_chunks;
	void *buf;
	u32 buf_size;
	bool frozen;
} pci_lu_now = {
	.device_list = LIST_HEAD_INIT(pci_lu_now.device_list),
	.bridge_list = LIST_HEAD_INIT(pci_lu_now.bridge_list),
};

int pci_lu_out_begin(u64 *data)
{
	struct pci_state_head_ser *head;

	guard(mutex)(&pci_lu_lock);
	if (WARN_ON_ONCE(pci_lu_now.head))
		return -EBUSY;
	head = kho_alloc_preserve(PAGE_SIZE);
	if (IS_ERR(head))
		return PTR_ERR(head);

	memset(head, 0, PAGE_SIZE);
	kho_block_set_init(&pci_lu_now.devices,
			   sizeof(struct pci_state_device_ser));
	kho_block_set_init(&pci_lu_now.bridges,
			   sizeof(struct pci_state_bridge_ser));
	kho_block_set_init(&pci_lu_now.chunks,
			   sizeof(struct pci_state_chunk_ser));
	pci_lu_now.head = head;
	*data = virt_to_phys(head);
	return 0;
}

static struct pci_lu_out *pci_lu_out_get(struct pci_dev *dev)
{
	struct pci_lu_out *out = dev->lu_out;

	lockdep_assert_held(&pci_lu_lock);
	if (out)
		return out;
	out = kzalloc(sizeof(*out), GFP_KERNEL);
	if (!out)
		return NULL;
	out->dev = dev;
	INIT_LIST_HEAD(&out->list);
	/* Predicates look at it without a lock */
	smp_store_release(&dev->lu_out, out);
	return out;
}

/* Its record goes; one that is frozen already has to wait for unfreeze */
static void pci_lu_bridge_forget(struct pci_lu_out *out)
{
	list_del_init(&out->list);
	kho_block_set_shrink(&pci_lu_now.bridges, --pci_lu_now.nr_bridges);
	if (!out->dev)
		kfree(out);
}

static void pci_lu_bridge_put(struct pci_dev *bridge)
{
	struct pci_lu_out *out = bridge->lu_out;

	if (--out->nr_devices)
		return;
	pci_lu_power_release(bridge);
	WRITE_ONCE(out->state, PCI_LU_NONE);
	if (!pci_lu_now.frozen)
		pci_lu_bridge_forget(out);
}

static int pci_lu_bridge_get(struct pci_dev *bridge, struct pci_dev *dev)
{
	struct pci_lu_out *out = pci_lu_out_get(bridge);
	int err;

	if (!out)
		return -ENOMEM;
	if (out->nr_devices) {
		out->nr_devices++;
		return 0;
	}

	err = pci_lu_refuse_bridge(bridge, dev);
	if (err)
		return err;
	err = kho_block_set_grow(&pci_lu_now.bridges, pci_lu_now.nr_bridges + 1);
	if (err)
		return err;
	err = pci_lu_power_hold(bridge);
	if (err) {
		pci_err(dev, "liveupdate: not preserved: no full power for %s above it (%d)\n",
			pci_name(bridge), err);
		goto err_shrink;
	}
	pci_lu_now.nr_bridges++;
	list_add_tail(&out->list, &pci_lu_now.bridge_list);
	out->nr_devices = 1;
	out->is_bridge = true;
	WRITE_ONCE(out->state, PCI_LU_OUTGOING);
	return 0;

err_shrink:
	kho_block_set_shrink(&pci_lu_now.bridges, pci_lu_now.nr_bridges);
	return err;
}

/* All bridges above @dev but those from @end on; NULL: all */
static void pci_lu_bridges_put(struct pci_dev *dev, struct pci_dev *end)
{
	struct pci_dev *bridge;

	for (bridge = dev->bus->self; bridge != end; bridge = bridge->bus->self)
		pci_lu_bridge_put(bridge);
}

static int pci_lu_bridges_get(struct pci_dev *dev)
{
	struct pci_dev *bridge;
	int err;

	for (bridge = dev->bus->self; bridge; bridge = bridge->bus->self) {
		err = pci_lu_bridge_get(bridge, dev);
		if (err) {
			pci_lu_bridges_put(dev, bridge);
			return err;
		}
	}
	return 0;
}

/* One buffer for the configuration state of any device, so that freeze needs none */
static int pci_lu_buf_grow(u32 size)
{
	void *buf;

	if (size <= pci_lu_now.buf_size)
		return 0;
	buf = kvmalloc(size, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	kvfree(pci_lu_now.buf);
	pci_lu_now.buf = buf;
	pci_lu_now.buf_size = size;
	return 0;
}

static int pci_lu_room_get(struct pci_lu_out *out)
{
	int err;

	out->state_size = pci_lu_state_size(out->dev);
	out->nr_chunks = pci_lu_nr_chunks(out->state_size) *
			 (out->initial ? 2 : 1);
	err = pci_lu_buf_grow(out->state_size);
	if (err)
		return err;
	err = kho_block_set_grow(&pci_lu_now.devices, pci_lu_now.nr_devices + 1);
	if (err)
		return err;
	err = kho_block_set_grow(&pci_lu_now.chunks,
				 pci_lu_now.nr_chunks + out->nr_chunks);
	if (err) {
		kho_block_set_shrink(&pci_lu_now.devices, pci_lu_now.nr_devices);
		return err;
	}
	pci_lu_now.nr_devices++;
	pci_lu_now.nr_chunks += out->nr_chunks;
	return 0;
}

static void pci_lu_device_forget(struct pci_lu_out *out)
{
	list_del_init(&out->list);
	pci_lu_now.nr_chunks -= out->nr_chunks;
	kho_block_set_shrink(&pci_lu_now.chunks, pci_lu_now.nr_chunks);
	kho_block_set_shrink(&pci_lu_now.devices, --pci_lu_now.nr_devices);
	if (!out->dev)
		kfree(out);
}

/* What a reader would refuse must not be found out by the next kernel */
static int pci_lu_record_is_good(struct pci_lu_out *out)
{
	struct pci_state_device_ser *rec __free(kfree) =
		kzalloc(sizeof(*rec), GFP_KERNEL);
	const char *why;

	if (!rec)
		return -ENOMEM;
	pci_lu_record_device(out, rec);
	why = pci_lu_check_device(rec, 0);
	if (!why)
		return 0;
	pci_err(out->dev, "liveupdate: not preserved: no kernel would take it over: %s\n",
		why);
	return -EOPNOTSUPP;
}

static const struct pci_liveupdate_ops *pci_lu_ops(struct pci_dev *dev)
{
	const struct pci_driver *drv = dev->driver;
	const struct pci_liveupdate_ops *ops;

	if (!drv || !device_is_bound(&dev->dev)) {
		pci_err(dev, "liveupdate: not preserved: no driver is bound\n");
		return NULL;
	}
	ops = drv->liveupdate;
	if (!ops || !ops->compatible || !ops->prepare || !ops->cancel) {
		pci_err(dev, "liveupdate: not preserved: driver %s does not know how to\n",
			drv->name);
		return NULL;
	}
	if (strlen(ops->compatible) >= PCI_STATE_FORMAT_LENGTH) {
		pci_err(dev, "liveupdate: not preserved: format %s of driver %s is too long\n",
			ops->compatible, drv->name);
		return NULL;
	}
	return ops;
}

static int pci_lu_preserve_check(struct pci_dev *dev)
{
	if (!liveupdate_enabled())
		return -EOPNOTSUPP;
	if (WARN_ONCE(!pci_lu_now.head,
		      "pci_liveupdate_register() was not called for this file handler\n"))
		return -EINVAL;
	if (pci_lu_now.frozen || pci_lu_outgoing(dev))
		return -EBUSY;
	if (dev->lu_in && READ_ONCE(dev->lu_in->state) == PCI_LU_INCOMING) {
		pci_err(dev, "liveupdate: not preserved: nobody has retrieved it since the last update\n");
		return -EBUSY;
	}
	return 0;
}

static int pci_lu_preserve_held(struct pci_lu_out *out)
{
	struct pci_dev *dev = out->dev;
	int err;

	err = pci_lu_power_hold(dev);
	if (err) {
		pci_err(dev, "liveupdate: not preserved: no full power for it (%d)\n",
			err);
		return err;
	}
	err = pci_lu_refuse_device(dev);
	if (err)
		goto err_release;
	err = out->ops->prepare(dev, &out->data);
	if (err) {
		pci_err(dev, "liveupdate: not preserved: driver %s refuses (%d)\n",
			dev->driver->name, err);
		goto err_initial;
	}
	err = pci_lu_record_is_good(out);
	if (err)
		goto err_cancel;
	err = pci_lu_room_get(out);
	if (err)
		goto err_cancel;
	return 0;

err_cancel:
	out->ops->cancel(dev, out->data);
err_initial:
	kfree(out->initial);
	out->initial = NULL;
err_release:
	pci_lu_power_release(dev);
	return err;
}

/**
 * pci_liveupdate_preserve - carry a device over the next update
 * @dev: the device; its driver has &pci_driver.liveupdate, is bound and stays so
 *
 * Called by preserve() of a file handler for which pci_liveupdate_register() was
 * called. The bridges above the device are preserved along with it. The device keeps
 * working; from now on it and the bridges stay in full power. If the device is
 * refused, the log says why.
 *
 * Context: process context, may sleep, not under the device lock and not from a
 * callback of &struct pci_liveupdate_ops.
 * Return: 0; -EOPNOTSUPP if live update is off, or if the device or its driver cannot do
 * it; -EBUSY if the device is preserved already, was not retrieved since the last
 * update, or if an update is under way; -ENODEV if it does not answer; -ENOMEM,
 * -ENOSPC, or whatever prepare() of the driver returns.
 */
int pci_liveupdate_preserve(struct pci_dev *dev)
{
	const struct pci_liveupdate_ops *ops;
	struct pci_lu_out *out;
	int err;

	guard(mutex)(&pci_lu_lock);
	err = pci_lu_preserve_check(dev);
	if (err)
		return err;
	ops = pci_lu_ops(dev);
	if (!ops)
		return -EOPNOTSUPP;
	out = pci_lu_out_get(dev);
	if (!out)
		return -ENOMEM;
	err = pci_lu_bridges_get(dev);
	if (err)
		return err;

	out->ops = ops;
	out->data = 0;
	err = pci_lu_preserve_held(out);
	if (err) {
		out->ops = NULL;
		pci_lu_bridges_put(dev, NULL);
		return err;
	}
	list_add_tail(&out->list, &pci_lu_now.device_list);
	WRITE_ONCE(out->state, PCI_LU_OUTGOING);
	return 0;
}
EXPORT_SYMBOL_GPL(pci_liveupdate_preserve);

static void pci_lu_out_drop(struct pci_lu_out *out)
{
	lockdep_assert_held(&pci_lu_lock);
	if (out->ops)
		out->ops->cancel(out->dev, out->data);
	out->ops = NULL;
	kfree(out->initial);
	out->initial = NULL;
	WRITE_ONCE(out->state, PCI_LU_NONE);
	pci_lu_power_release(out->dev);
	pci_lu_bridges_put(out->dev, NULL);
	if (!pci_lu_now.frozen)
		pci_lu_device_forget(out);
}

/**
 * pci_liveupdate_unpreserve - do not carry a device over the next update after all
 * @dev: the device; nothing happens if it is not preserved
 *
 * Undoes pci_liveupdate_preserve(); called by unpreserve() of the file handler.
 *
 * Context: as pci_liveupdate_preserve().
 */
void pci_liveupdate_unpreserve(struct pci_dev *dev)
{
	guard(mutex)(&pci_lu_lock);
	if (!pci_lu_outgoing(dev) || dev->lu_out->is_bridge)
		return;
	if (WARN_ON_ONCE(pci_lu_now.frozen))
		return;
	pci_lu_out_drop(dev->lu_out);
}
EXPORT_SYMBOL_GPL(pci_liveupdate_unpreserve);

/**
 * pci_liveupdate_set_initial_state - what a device goes back to when it is given up
 * @dev: the device
 * @state: from pci_store_saved_state(), usually when the driver took the device over
 *
 * For drivers, from prepare() only. Where this is not called, nothing is handed over:
 * whoever gives the device up in the next kernel has to know by itself what state it
 * wants.
 *
 * Return: 0 or -ENOMEM
 */
int pci_liveupdate_set_initial_state(struct pci_dev *dev,
				     const struct pci_saved_state *state)
{
	struct pci_saved_state *copy;

	lockdep_assert_held(&pci_lu_lock);
	copy = pci_lu_state_dup(dev, state);
	if (!copy)
		return -ENOMEM;
	kfree(dev->lu_out->initial);
	dev->lu_out->initial = copy;
	return 0;
}
EXPORT_SYMBOL_GPL(pci_liveupdate_set_initial_state);

/**
 * pci_liveupdate_outgoing - is this device going to be handed over?
 * @dev: the device
 *
 * Return: true from preserve to unpreserve
 */
bool pci_liveupdate_outgoing(struct pci_dev *dev)
{
	return pci_lu_outgoing(dev);
}
EXPORT_SYMBOL_GPL(pci_liveupdate_outgoing);

/**
 * pci_liveupdate_frozen - is this device about to be handed over?
 * @dev: the device
 *
 * Return: true from freeze to unfreeze, or to the end of this kernel
 */
bool pci_liveupdate_frozen(struct pci_dev *dev)
{
	return pci_lu_frozen(dev);
}
EXPORT_SYMBOL_GPL(pci_liveupdate_frozen);

/**
 * pci_lu_driver_gone - a driver was removed from a device
 * @dev: the device
 *
 * One that was preserved is not any more, and since whoever preserved it believes
 * that it is, no update can happen until they have unpreserved it. There is no driver
 * left whose cancel() could be called: it has broken its contract. One that was
 * retrieved is as if it had not been.
 */
void pci_lu_driver_gone(struct pci_dev *dev)
{
	pci_lu_in_driver_gone(dev);
	if (!pci_lu_outgoing(dev))
		return;

	guard(mutex)(&pci_lu_lock);
	if (!dev->lu_out->ops)
		return;
	pci_err(dev, "liveupdate: driver %s has let go of a preserved device: it does not survive, close its session\n",
		dev->driver->name);
	dev->lu_out->ops = NULL;
}

/* The function itself goes away; a bridge does after all that is below it */
void pci_lu_out_release(struct pci_dev *dev)
{
	struct pci_lu_out *out = dev->lu_out;

	if (!out)
		return;

	guard(mutex)(&pci_lu_lock);
	if (out->state != PCI_LU_NONE && !WARN_ON_ONCE(out->is_bridge)) {
		pci_err(dev, "liveupdate: a preserved device was removed\n");
		pci_lu_out_drop(out);
	}
	dev->lu_out = NULL;
	out->dev = NULL;
	if (list_empty(&out->list))
		kfree(out);
}

static void pci_lu_record_irqs(struct pci_lu_out *out)
{
	struct pci_dev *dev = out->dev;
	u16 command;

	out->irq_type = 0;
	out->irq_count = 0;
	if (dev->msix_enabled || dev->msi_enabled) {
		out->irq_type = dev->msix_enabled ? 3 : 2;
		while (pci_irq_vector(dev, out->irq_count) >= 0)
			out->irq_count++;
		return;
	}
	pci_read_config_word(dev, PCI_COMMAND, &command);
	if (dev->pin && !(command & PCI_COMMAND_INTX_DISABLE)) {
		out->irq_type = 1;
		out->irq_count = 1;
	}
}

static void pci_lu_unfreeze_device(struct pci_lu_out *out)
{
	WRITE_ONCE(out->state, PCI_LU_OUTGOING);
	if (!out->ops)
		return;
	pci_lu_irq_unfreeze(out->dev, out);
	if (out->ops->unfreeze)
		out->ops->unfreeze(out->dev, out->data);
}

/*
 * Who resets it holds this lock, and asks under it: a reset is over, or is seen here, or
 * will be refused. The device lock is no such sign: a remove() that waits for the session
 * holds it.
 */
static int pci_lu_freeze_hardware(struct pci_lu_out *out)
{
	if (!pci_cfg_access_trylock(out->dev)) {
		pci_err(out->dev, "liveupdate: it is being reset, or the like: try again when that is over\n");
		return -EBUSY;
	}
	WRITE_ONCE(out->state, PCI_LU_FROZEN);
	pci_cfg_access_unlock(out->dev);
	return 0;
}

static int pci_lu_freeze_device(struct pci_lu_out *out)
{
	struct pci_dev *dev = out->dev;
	int err;

	if (!out->ops) {
		pci_err(dev, "liveupdate: it lost its driver after it was preserved: close the session that it is in\n");
		return -ENODEV;
	}
	if (pci_dev_is_disconnected(dev) || !pci_device_is_present(dev)) {
		pci_err(dev, "liveupdate: it does not answer any more: close the session that it is in\n");
		return -ENODEV;
	}
	if (dev->current_state != PCI_D0) {
		pci_err(dev, "liveupdate: it is in power state %s and not in D0\n",
			pci_power_name(dev->current_state));
		return -EBUSY;
	}
	pci_lu_record_irqs(out);
	if (out->ops->freeze) {
		err = out->ops->freeze(dev, &out->data);
		if (err) {
			pci_err(dev, "liveupdate: driver %s could not freeze it (%d)\n",
				dev->driver->name, err);
			return err;
		}
	}
	err = pci_lu_freeze_hardware(out);
	if (err) {
		if (out->ops->unfreeze)
			out->ops->unfreeze(dev, out->data);
		return err;
	}
	pci_lu_irq_freeze(dev, out);
	return 0;
}

/* @nr chunks, those that are not needed stay unused */
static void pci_lu_write_chunks(struct kho_block_set_it *it, u64 key, u16 kind,
				const void *buf, u32 length, u32 nr)
{
	struct pci_state_chunk_ser *chunk;
	u32 i;

	for (i = 0; i < nr; i++) {
		chunk = kho_block_set_it_reserve_entry(it);
		if (i >= pci_lu_nr_chunks(length))
			continue;
		chunk->key = key;
		chunk->kind = kind;
		chunk->index = i;
		chunk->length = pci_lu_chunk_bytes(i, length);
		memcpy(chunk->bytes, buf + i * PCI_STATE_CHUNK_BYTES,
		       chunk->length);
	}
}

static int pci_lu_write_state(struct pci_lu_out *out,
			      const struct pci_saved_state *state, u64 key,
			      u16 kind, struct pci_state_ref_ser *ref,
			      struct kho_block_set_it *it, u32 *first)
{
	u32 nr = pci_lu_nr_chunks(out->state_size);
	int length;

	length = pci_lu_state_write(out->dev, state, pci_lu_now.buf,
				    out->state_size);
	if (length < 0) {
		pci_err(out->dev, "liveupdate: configuration state cannot be saved (%d)\n",
			length);
		return length;
	}
	pci_lu_write_chunks(it, key, kind, pci_lu_now.buf, length, nr);
	ref->first = *first;
	ref->length = length;
	*first += nr;
	return 0;
}

static int pci_lu_write_device(struct pci_lu_out *out,
			       struct kho_block_set_it *devices,
			       struct kho_block_set_it *chunks, u32 *first)
{
	struct pci_state_device_ser *rec;
	int err;

	rec = kho_block_set_it_reserve_entry(devices);
	pci_lu_record_device(out, rec);
	err = pci_lu_write_state(out, NULL, rec->id.key, PCI_STATE_CHUNK_CONFIG,
				 &rec->config, chunks, first);
	if (!err && out->initial)
		err = pci_lu_write_state(out, out->initial, rec->id.key,
					 PCI_STATE_CHUNK_INITIAL, &rec->initial,
					 chunks, first);
	return err;
}

static void pci_lu_write_head(void)
{
	struct pci_state_head_ser *head = pci_lu_now.head;

	*head = (struct pci_state_head_ser){
		.magic = PCI_STATE_MAGIC,
		.size = sizeof(*head),
		.device_size = sizeof(struct pci_state_device_ser),
		.bridge_size = sizeof(struct pci_state_bridge_ser),
		.chunk_size = sizeof(struct pci_state_chunk_ser),
		.devices = kho_block_set_head_pa(&pci_lu_now.devices),
		.nr_devices = pci_lu_now.nr_devices,
		.bridges = kho_block_set_head_pa(&pci_lu_now.bridges),
		.nr_bridges = pci_lu_now.nr_bridges,
		.chunks = kho_block_set_head_pa(&pci_lu_now.chunks),
		.nr_chunks = pci_lu_now.nr_chunks,
	};
}

static void pci_lu_clear(void)
{
	kho_block_set_clear(&pci_lu_now.devices);
	kho_block_set_clear(&pci_lu_now.bridges);
	kho_block_set_clear(&pci_lu_now.chunks);
	memset(pci_lu_now.head, 0, sizeof(*pci_lu_now.head));
}

static int pci_lu_write(void)
{
	struct kho_block_set_it devices, bridges, chunks;
	struct pci_lu_out *out;
	u32 first = 0;
	int err;

	kho_block_set_it_init(&devices, &pci_lu_now.devices);
	kho_block_set_it_init(&bridges, &pci_lu_now.bridges);
	kho_block_set_it_init(&chunks, &pci_lu_now.chunks);

	list_for_each_entry(out, &pci_lu_now.device_list, list) {
		err = pci_lu_write_device(out, &devices, &chunks, &first);
		if (err) {
			pci_lu_clear();
			return err;
		}
	}
	list_for_each_entry(out, &pci_lu_now.bridge_list, list)
		pci_lu_record_bridge(out, kho_block_set_it_reserve_entry(&bridges));
	pci_lu_write_head();
	return 0;
}

int pci_lu_out_freeze(void)
{
	struct pci_lu_out *out, *bridge;
	int err;

	mutex_lock(&pci_lu_lock);
	/* First, or the bus below one might be reset with a device on it that is frozen */
	list_for_each_entry(bridge, &pci_lu_now.bridge_list, list) {
		err = pci_lu_freeze_hardware(bridge);
		if (err)
			goto err_bridges;
	}
	list_for_each_entry(out, &pci_lu_now.device_list, list) {
		err = pci_lu_freeze_device(out);
		if (err)
			goto err_devices;
	}
	/* No entry, so that what follows goes back over all of them */
	out = list_entry(&pci_lu_now.device_list, struct pci_lu_out, list);
	err = pci_lu_write();
	if (err)
		goto err_devices;

	pci_lu_now.frozen = true;
	mutex_unlock(&pci_lu_lock);
	return 0;

err_devices:
	list_for_each_entry_continue_reverse(out, &pci_lu_now.device_list, list)
		pci_lu_unfreeze_device(out);
err_bridges:
	list_for_each_entry_continue_reverse(bridge, &pci_lu_now.bridge_list, list)
		WRITE_ONCE(bridge->state, PCI_LU_OUTGOING);
	mutex_unlock(&pci_lu_lock);
	return err;
}

void pci_lu_out_unfreeze(void)
{
	struct pci_lu_out *out, *next;

	guard(mutex)(&pci_lu_lock);
	pci_lu_now.frozen = false;
	pci_lu_clear();
	list_for_each_entry_safe_reverse(out, next, &pci_lu_now.bridge_list, list) {
		if (out->state == PCI_LU_FROZEN)
			WRITE_ONCE(out->state, PCI_LU_OUTGOING);
		else
			pci_lu_bridge_forget(out);
	}
	list_for_each_entry_safe_reverse(out, next, &pci_lu_now.device_list, list) {
		if (out->state == PCI_LU_FROZEN)
			pci_lu_unfreeze_device(out);
		else if (out->state == PCI_LU_NONE)
			pci_lu_device_forget(out);
	}
}

void pci_lu_out_end(void)
{
	struct pci_lu_out *out, *next;

	guard(mutex)(&pci_lu_lock);
	list_for_each_entry_safe(out, next, &pci_lu_now.device_list, list) {
		pci_err(out->dev, "liveupdate: still preserved, but no file is\n");
		pci_lu_out_drop(out);
	}
	kho_block_set_destroy(&pci_lu_now.devices);
	kho_block_set_destroy(&pci_lu_now.bridges);
	kho_block_set_destroy(&pci_lu_now.chunks);
	kho_unpreserve_free(pci_lu_now.head);
	pci_lu_now.head = NULL;
	kvfree(pci_lu_now.buf);
	pci_lu_now.buf = NULL;
	pci_lu_now.buf_size = 0;
}
