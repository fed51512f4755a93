// SPDX-License-Identifier: GPL-2.0
/*
 * pci-lu-stub: a driver that carries its device over a live update, and little else.
 *
 * It is the example of Documentation/PCI/liveupdate.rst, and what the tests drive. It
 * binds to QEMU's "edu" device by id and to any other one by driver_override, and gives
 * user space a file for each device (uapi/linux/pci_lu_stub.h): BARs to map, memory
 * of a memfd for the device to access, an eventfd for its interrupt.
 *
 * Life cycle: struct stub lives from probe() until the driver and the last file have let
 * go of it. Old kernel: preserving a file preserves its device, which has the PCI layer
 * call stub_prepare(); from then on what is mapped stays as it is, and remove() waits.
 * New kernel: probe() finds the device running and takes what was handed over; the file
 * comes back by retrieve, with the same memory mapped again; nobody else can open the
 * device before.
 *
 * Locks: stub->lock protects everything in struct stub that is not constant. The PCI
 * layer comes to its callbacks with a lock of its own held, so nothing of it, nor of
 * live update, is called under stub->lock. @maps does not change while preserved is set.
 */

#include <linux/cleanup.h>
#include <linux/dma-mapping.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/interrupt.h>
#include <linux/kexec_handover.h>
#include <linux/kho/abi/pci_lu_stub.h>
#include <linux/liveupdate.h>
#include <linux/liveupdate_format.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pci_liveupdate.h>
#include <linux/slab.h>

#include "pci-lu-stub.h"

static struct pci_driver stub_driver;

static void stub_note(struct stub *stub, const char *callback)
{
	size_t used = strlen(stub->history);

	lockdep_assert_held(&stub->lock);
	snprintf(stub->history + used, sizeof(stub->history) - used, "%s ", callback);
}

/* Live update: the device */

static int stub_prepare(struct pci_dev *pdev, u64 *data)
{
	struct stub *stub = pci_get_drvdata(pdev);
	struct pci_lu_stub_ser *out;
	struct stub_map *map;
	size_t i = 0;

	guard(mutex)(&stub->lock);
	stub_note(stub, "prepare");
	if (stub->fail_prepare)
		return xchg(&stub->fail_prepare, 0);
	if (stub->initial && pci_liveupdate_set_initial_state(pdev, stub->initial))
		return -ENOMEM;

	out = kho_alloc_preserve(struct_size(out, maps, stub->nr_maps));
	if (IS_ERR(out))
		return PTR_ERR(out);
	out->updates = stub->updates + 1;
	out->nr_maps = stub->nr_maps;
	list_for_each_entry(map, &stub->maps, list)
		out->maps[i++] = (struct pci_lu_stub_map_ser) {
			.token = map->token,
			.offset = map->offset,
			.length = map->length,
			.address = map->address,
		};
	stub->out = out;
	*data = virt_to_phys(out);
	return 0;
}

static void stub_cancel(struct pci_dev *pdev, u64 data)
{
	struct stub *stub = pci_get_drvdata(pdev);

	guard(mutex)(&stub->lock);
	stub_note(stub, "cancel");
	kho_unpreserve_free(stub->out);
	stub->out = NULL;
}

static int stub_freeze(struct pci_dev *pdev, u64 *data)
{
	struct stub *stub = pci_get_drvdata(pdev);

	guard(mutex)(&stub->lock);
	stub_note(stub, "freeze");
	if (stub->fail_freeze)
		return xchg(&stub->fail_freeze, 0);
	/* The handler has ended when this returns; the PCI layer silences the device. */
	if (stub->listener)
		disable_irq(stub->irq);
	return 0;
}

static void stub_unfreeze(struct pci_dev *pdev, u64 data)
{
	struct stub *stub = pci_get_drvdata(pdev);

	guard(mutex)(&stub->lock);
	stub_note(stub, "unfreeze");
	if (stub->listener)
		enable_irq(stub->irq);
}

/* It was reset, with its configuration put back as it was: now as it was at first. */
static void stub_give_up(struct stub *stub)
{
	lockdep_assert_held(&stub->lock);

	if (stub->initial && !pci_load_saved_state(stub->pdev, stub->initial))
		pci_restore_state(stub->pdev);
	/* Nobody has come for the memory that the device accesses: it is about to go. */
	if (stub->in->nr_maps) {
		pci_clear_master(stub->pdev);
		pci_info(stub->pdev, "its file was never retrieved; it can do no DMA now\n");
	}
}

static void stub_finish(struct pci_dev *pdev, u64 data)
{
	struct stub *stub = pci_get_drvdata(pdev);

	guard(mutex)(&stub->lock);
	stub_note(stub, "finish");

	if (stub->in && !stub->retrieved)
		stub_give_up(stub);
	/* An interrupt may have been lost on the way. */
	if (stub->listener)
		eventfd_signal(stub->listener);
	kfree(stub->in);
	WRITE_ONCE(stub->in, NULL);
	wake_up_all(&stub->let_go);
}

static const char * const stub_accepts[] = { PCI_LU_STUB_COMPATIBLE, NULL };

static const struct pci_liveupdate_ops stub_liveupdate_ops = {
	.compatible = PCI_LU_STUB_COMPATIBLE,
	.accepts = stub_accepts,
	.prepare = stub_prepare,
	.cancel = stub_cancel,
	.freeze = stub_freeze,
	.unfreeze = stub_unfreeze,
	.finish = stub_finish,
};

/* What the previous kernel left, checked and copied. */
static struct pci_lu_stub_ser *stub_take_over(u64 data)
{
	struct pci_lu_stub_ser *ser, *in = ERR_PTR(-EINVAL);
	struct folio *folio;

	if (!data || !PAGE_ALIGNED(data))
		return in;
	/* Looks whether it is memory, and was preserved as one piece. */
	folio = kho_restore_folio(data);
	if (!folio)
		return in;
	ser = folio_address(folio);
	if (ser->nr_maps <= (folio_size(folio) - sizeof(*ser)) / sizeof(ser->maps[0])) {
		in = kmemdup(ser, struct_size(ser, maps, ser->nr_maps), GFP_KERNEL);
		in = in ?: ERR_PTR(-ENOMEM);
	}
	folio_put(folio);
	return in;
}

/* Live update: the file */

static bool stub_can_preserve(struct liveupdate_file_handler *handler, struct file *file)
{
	return stub_file_is_ours(file);
}

static unsigned long stub_get_id(struct file *file)
{
	return (unsigned long)stub_of_file(file);
}

static void stub_unpreserve_maps(struct stub *stub)
{
	scoped_guard(mutex, &stub->lock)
		WRITE_ONCE(stub->preserved, false);
	wake_up_all(&stub->let_go);
}

/* From here on what the device may access stays as it is. */
static int stub_preserve_maps(struct stub *stub, struct liveupdate_session *session)
{
	struct stub_map *map;
	int ret;

	scoped_guard(mutex, &stub->lock) {
		if (stub->gone)
			return -ENODEV;
		stub->preserved = true;
	}
	list_for_each_entry(map, &stub->maps, list) {
		ret = liveupdate_get_token_outgoing(session, map->memfd, &map->token);
		if (ret) {
			pci_warn(stub->pdev,
				 "cannot be preserved: it may access memory of a memfd that is not; preserve that one first, in the same session\n");
			stub_unpreserve_maps(stub);
			return ret;
		}
	}
	return 0;
}

static int stub_preserve(struct liveupdate_file_op_args *args)
{
	struct stub *stub = stub_of_file(args->file);
	int ret;

	ret = stub_preserve_maps(stub, args->session);
	if (ret)
		return ret;
	ret = pci_liveupdate_preserve(stub->pdev);
	if (ret) {
		stub_unpreserve_maps(stub);
		return ret;
	}
	args->serialized_data = pci_liveupdate_key(stub->pdev);
	args->device_format = PCI_LU_STUB_COMPATIBLE;
	return 0;
}

static void stub_unpreserve(struct liveupdate_file_op_args *args)
{
	struct stub *stub = stub_of_file(args->file);

	pci_liveupdate_unpreserve(stub->pdev);
	stub_unpreserve_maps(stub);
}

/*
 * Map again what the previous kernel had mapped; all or nothing. Under the device
 * lock, and before anybody has a file to ask for more.
 */
static int stub_map_again(struct stub *stub, struct liveupdate_session *session)
{
	int ret = 0;

	device_lock_assert(&stub->pdev->dev);

	for (u64 i = 0; i < stub->in->nr_maps && !ret; i++) {
		const struct pci_lu_stub_map_ser *ser = &stub->in->maps[i];
		struct file *memfd;
		u64 address;

		ret = liveupdate_get_file_incoming(session, ser->token, &memfd);
		if (ret)
			break;
		scoped_guard(mutex, &stub->lock)
			ret = stub_map_add(stub, memfd, ser->offset, ser->length, &address);
		fput(memfd);
		if (!ret && address != ser->address)
			ret = -EINVAL;
	}
	return ret;
}

static int stub_give_file(struct stub *stub, struct liveupdate_file_op_args *args)
{
	struct file *file = stub_file_create(stub);

	if (IS_ERR(file))
		return PTR_ERR(file);
	stub->retrieved = true;
	args->file = file;
	return 0;
}

static int stub_retrieve_file(struct stub *stub, struct liveupdate_file_op_args *args)
{
	int ret;

	scoped_guard(mutex, &stub->lock) {
		if (!stub->in || stub->gone)
			return -ENODEV;
	}
	ret = stub_map_again(stub, args->session);

	guard(mutex)(&stub->lock);
	if (!ret)
		ret = xchg(&stub->fail_retrieve, 0) ?: stub_give_file(stub, args);
	if (ret)
		stub_map_remove_all(stub);
	return ret;
}

static int stub_retrieve(struct liveupdate_file_op_args *args)
{
	struct pci_dev *pdev;
	int ret;

	pdev = pci_liveupdate_retrieve(args->serialized_data);
	if (IS_ERR(pdev))
		return PTR_ERR(pdev);
	/* Another driver that accepts the format does not have our files. */
	scoped_guard(device, &pdev->dev)
		ret = pdev->driver == &stub_driver ?
		      stub_retrieve_file(pci_get_drvdata(pdev), args) : -EAGAIN;
	if (ret)
		pci_liveupdate_unretrieve(pdev);
	pci_dev_put(pdev);
	return ret;
}

static bool stub_can_finish(struct liveupdate_file_op_args *args)
{
	return pci_liveupdate_can_finish(args->serialized_data);
}

static void stub_file_finish(struct liveupdate_file_op_args *args)
{
	pci_liveupdate_finish(args->serialized_data);
}

static const struct liveupdate_file_ops stub_file_ops = {
	.can_preserve = stub_can_preserve,
	.get_id = stub_get_id,
	.preserve = stub_preserve,
	.unpreserve = stub_unpreserve,
	.retrieve = stub_retrieve,
	.can_finish = stub_can_finish,
	.finish = stub_file_finish,
	.owner = THIS_MODULE,
};

static struct liveupdate_file_handler stub_handler = {
	.ops = &stub_file_ops,
	.compatible = PCI_LU_STUB_FILE_COMPATIBLE,
};

liveupdate_format(pci_lu_stub, DEVICE, PCI_LU_STUB_COMPATIBLE);
liveupdate_format(pci_lu_stub_file, FILE, PCI_LU_STUB_FILE_COMPATIBLE);

/* For the tests: lu_stub/ in the folder of the device */

static ssize_t history_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct stub *stub = dev_get_drvdata(dev);

	guard(mutex)(&stub->lock);
	return sysfs_emit(buf, "%s\n", stub->history);
}
static DEVICE_ATTR_RO(history);

/* "prepare ERRNO", "freeze ERRNO" or "retrieve ERRNO": the next one fails. */
static ssize_t fail_store(struct device *dev, struct device_attribute *attr, const char *buf,
			  size_t count)
{
	struct stub *stub = dev_get_drvdata(dev);
	unsigned int error;
	char step[16];

	if (sscanf(buf, "%15s %u", step, &error) != 2 || !error || error > MAX_ERRNO)
		return -EINVAL;
	guard(mutex)(&stub->lock);
	if (!strcmp(step, "prepare"))
		stub->fail_prepare = -(int)error;
	else if (!strcmp(step, "freeze"))
		stub->fail_freeze = -(int)error;
	else if (!strcmp(step, "retrieve"))
		stub->fail_retrieve = -(int)error;
	else
		return -EINVAL;
	return count;
}
static DEVICE_ATTR_WO(fail);

static struct attribute *stub_attrs[] = {
	&dev_attr_history.attr,
	&dev_attr_fail.attr,
	NULL
};

static const struct attribute_group stub_group = {
	.name = "lu_stub",
	.attrs = stub_attrs,
};

static const struct attribute_group *stub_groups[] = { &stub_group, NULL };

/* The driver */

/*
 * Nothing of this touches a device that is running: what is on stays on, and is only
 * made known to the PCI core.
 */
static int stub_take(struct pci_dev *pdev)
{
	int ret;

	ret = pci_enable_device(pdev);
	if (ret)
		return ret;
	ret = pci_request_regions(pdev, STUB_NAME);
	if (ret)
		goto disable;
	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (ret)
		goto release;
	return 0;

release:
	pci_release_regions(pdev);
disable:
	if (!pci_liveupdate_incoming(pdev))
		pci_disable_device(pdev);
	return ret;
}

/* A device that is running goes on; somebody else may have it. */
static void stub_leave(struct pci_dev *pdev)
{
	bool incoming = pci_liveupdate_incoming(pdev);

	if (!incoming)
		pci_clear_master(pdev);
	pci_release_regions(pdev);
	if (!incoming)
		pci_disable_device(pdev);
}

/* From before its first update, if it went through any; without it nothing is restored. */
static struct pci_saved_state *stub_initial_state(struct pci_dev *pdev)
{
	struct pci_saved_state *state;

	if (pci_liveupdate_incoming(pdev)) {
		state = pci_liveupdate_get_initial_state(pdev);
		return IS_ERR(state) ? NULL : state;
	}
	pci_save_state(pdev);
	return pci_store_saved_state(pdev);
}

static int stub_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct stub *stub;
	u64 data;
	int ret;

	stub = stub_alloc(pdev);
	if (!stub)
		return -ENOMEM;
	ret = stub_take(pdev);
	if (ret)
		goto put;
	stub->initial = stub_initial_state(pdev);
	pci_set_master(pdev);
	pci_set_drvdata(pdev, stub);

	if (!pci_liveupdate_data(pdev, NULL, &data)) {
		stub->in = stub_take_over(data);
		if (IS_ERR(stub->in)) {
			ret = PTR_ERR(stub->in);
			stub->in = NULL;
			pci_err(pdev, "what the previous kernel left cannot be used (%pe); abandon it\n",
				ERR_PTR(ret));
			goto leave;
		}
		stub->updates = stub->in->updates;
	}
	ret = misc_register(&stub->misc);
	if (ret)
		goto leave;
	return 0;

leave:
	stub_leave(pdev);
put:
	stub_put(stub);
	return ret;
}

/* A session has the device; to close or to finish that is what ends it. */
static bool stub_held(const struct stub *stub)
{
	return READ_ONCE(stub->preserved) || (READ_ONCE(stub->in) && READ_ONCE(stub->retrieved));
}

static void stub_remove(struct pci_dev *pdev)
{
	struct stub *stub = pci_get_drvdata(pdev);

	misc_deregister(&stub->misc);
	wait_event(stub->let_go, !stub_held(stub));

	scoped_guard(mutex, &stub->lock) {
		stub_file_revoke_all(stub);
		stub_irq_stop(stub);
		stub_leave(pdev);
		stub_map_remove_all(stub);
	}
	stub_put(stub);
}

static pci_ers_result_t stub_error_detected(struct pci_dev *pdev, pci_channel_state_t state)
{
	switch (state) {
	case pci_channel_io_normal:
		return PCI_ERS_RESULT_CAN_RECOVER;
	case pci_channel_io_frozen:
		return PCI_ERS_RESULT_NEED_RESET;
	default:
		return PCI_ERS_RESULT_DISCONNECT;
	}
}

/* Back to what was saved last: by probe(), or by the previous kernel at the jump. */
static pci_ers_result_t stub_slot_reset(struct pci_dev *pdev)
{
	pci_restore_state(pdev);
	pci_set_master(pdev);
	/* For the next time. */
	pci_save_state(pdev);
	return PCI_ERS_RESULT_RECOVERED;
}

/* Comes after finish only: while the device is handed over, recovery waits. */
static const struct pci_error_handlers stub_error_handlers = {
	.error_detected = stub_error_detected,
	.slot_reset = stub_slot_reset,
};

static const struct pci_device_id stub_ids[] = {
	{ PCI_DEVICE(0x1234, 0x11e8) },	/* QEMU edu */
	{ }
};
MODULE_DEVICE_TABLE(pci, stub_ids);

static struct pci_driver stub_driver = {
	.name = STUB_NAME,
	.id_table = stub_ids,
	.probe = stub_probe,
	.remove = stub_remove,
	.err_handler = &stub_error_handlers,
	.liveupdate = &stub_liveupdate_ops,
	.dev_groups = stub_groups,
};

static int __init stub_init(void)
{
	int ret;

	ret = liveupdate_register_file_handler(&stub_handler);
	if (ret)
		return ret;
	ret = pci_liveupdate_register(&stub_handler);
	if (ret)
		goto handler;
	ret = pci_register_driver(&stub_driver);
	if (ret)
		goto flb;
	return 0;

flb:
	pci_liveupdate_unregister(&stub_handler);
handler:
	liveupdate_unregister_file_handler(&stub_handler);
	return ret;
}
module_init(stub_init);

static void __exit stub_exit(void)
{
	pci_unregister_driver(&stub_driver);
	pci_liveupdate_unregister(&stub_handler);
	liveupdate_unregister_file_handler(&stub_handler);
}
module_exit(stub_exit);

MODULE_DESCRIPTION("Reference driver for live update of PCI devices");
MODULE_LICENSE("GPL");
