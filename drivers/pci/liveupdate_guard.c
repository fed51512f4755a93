// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live update of PCI devices: nothing resets, removes or powers down what is handed over.
 *
 * From freeze to the jump, and in the new kernel until it is finished or abandoned, a
 * function and the bridges above it are pinned: pci_lu_pinned(). Whatever could disturb
 * them asks here first. What a user asked for is refused with -EBUSY and a line that says
 * what to do. What the hardware asks for, an error to recover from or a change in a slot, is
 * put off until nothing below the port is pinned any more, and happens then.
 *
 * Life cycle: a deferred request lives in pci_lu_deferred until it is done, which
 * pci_lu_deferred_work() finds out by looking once a second while there is any; one that is
 * pending at the jump is lost, the new kernel looks at its slots anyway. The notifier that
 * refuses suspend is there for good, with live update on.
 *
 * Who may call: the hooks in the PCI core that drivers/pci/liveupdate.h lists; process
 * context, or a threaded interrupt handler for pci_lu_defer_*(). Refusing takes no lock
 * that outlives the call, so what has already begun when a device is frozen goes on. Resets
 * ask with access to configuration space locked, by which freeze finds one under way.
 *
 * Nothing in here can fail.
 */

#define pr_fmt(fmt) "PCI: liveupdate: " fmt

#include <linux/cleanup.h>
#include <linux/list.h>
#include <linux/liveupdate.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/suspend.h>
#include <linux/workqueue.h>

#include "pci.h"
#ifdef CONFIG_HOTPLUG_PCI_PCIE
#include "hotplug/pciehp.h"
#endif

static const char *pci_lu_advice(const struct pci_dev *dev)
{
	if (pci_lu_incoming(dev))
		return "it came from the previous kernel; finish its session or abandon it";
	if (pci_lu_frozen(dev))
		return "it is frozen for a live update";
	return "it is preserved for a live update; close its session first";
}

bool __pci_lu_refuse(struct pci_dev *dev, const char *what)
{
	pci_warn(dev, "liveupdate: %s refused: %s\n", what, pci_lu_advice(dev));
	return true;
}

/* A bridge is pinned if anything below it is; a root bus has no bridge. */
static struct pci_dev *pci_lu_pinned_on(struct pci_bus *bus)
{
	struct pci_dev *dev;

	if (bus->self)
		return pci_lu_pinned(bus->self) ? bus->self : NULL;

	guard(rwsem_read)(&pci_bus_sem);
	list_for_each_entry(dev, &bus->devices, bus_list)
		if (pci_lu_pinned(dev))
			return dev;
	return NULL;
}

bool pci_lu_refuse_bus(struct pci_bus *bus, const char *what)
{
	struct pci_dev *dev = pci_lu_pinned_on(bus);

	return dev && __pci_lu_refuse(dev, what);
}

bool pci_lu_refuse_slot(struct pci_bus *bus, int device)
{
	struct pci_dev *dev;

	guard(rwsem_read)(&pci_bus_sem);
	list_for_each_entry(dev, &bus->devices, bus_list)
		if ((device > PCI_SLOT(0xff) || PCI_SLOT(dev->devfn) == device) &&
		    pci_lu_refuse_preserved(dev, "switching off its slot"))
			return true;
	return false;
}

bool pci_lu_refuse_rescan(struct pci_bus *bus)
{
	struct pci_bus *root = NULL;

	if (bus)
		return pci_lu_refuse_bus(bus, "rescan of its bus");

	while ((root = pci_find_next_bus(root)))
		if (pci_lu_refuse_bus(root, "rescan of all buses"))
			return true;
	return false;
}

/* Resizing looks for room by moving the windows of the bridges above, too. */
bool pci_lu_refuse_resize(struct pci_dev *dev)
{
	struct pci_dev *bridge = pci_upstream_bridge(dev);

	return pci_lu_refuse_preserved(dev, "resizing of a BAR") ||
	       (bridge && pci_lu_refuse_preserved(bridge, "resizing of a BAR below"));
}

/**
 * struct pci_lu_deferred - something that waits for a function to be finished
 * @list: in pci_lu_deferred
 * @port: the port that must not be pinned any more
 * @dev: where the error was found, NULL for an event in the slot of @port
 * @state: state of the channel that the error was reported with
 * @reset: how to reset the link
 * @events: what happened in the slot
 */
struct pci_lu_deferred {
	struct list_head list;
	struct pci_dev *port;
	struct pci_dev *dev;
	pci_channel_state_t state;
	pci_ers_result_t (*reset)(struct pci_dev *dev);
	u32 events;
};

static void pci_lu_deferred_work(struct work_struct *work);

static DEFINE_MUTEX(pci_lu_deferred_lock); /* protects the list */
static LIST_HEAD(pci_lu_deferred);
static DECLARE_DELAYED_WORK(pci_lu_deferred_dwork, pci_lu_deferred_work);

#ifdef CONFIG_HOTPLUG_PCI_PCIE
static void pci_lu_replay_hotplug(struct pci_dev *port, u32 events)
{
	struct device *service;

	guard(device)(&port->dev);
	service = pcie_port_find_device(port, PCIE_PORT_SERVICE_HP);
	if (service)
		pciehp_request(get_service_data(to_pcie_device(service)), events);
}
#else
static void pci_lu_replay_hotplug(struct pci_dev *port, u32 events) { }
#endif

#ifdef CONFIG_PCIEAER
static void pci_lu_replay_recovery(struct pci_lu_deferred *d)
{
	pcie_do_recovery(d->dev, d->state, d->reset);
}
#else
static void pci_lu_replay_recovery(struct pci_lu_deferred *d) { }
#endif

static void pci_lu_replay(struct pci_lu_deferred *d)
{
	if (device_is_registered(&d->port->dev)) {
		pci_info(d->port, "liveupdate: going on with what was put off\n");
		if (!d->dev)
			pci_lu_replay_hotplug(d->port, d->events);
		else if (device_is_registered(&d->dev->dev))
			pci_lu_replay_recovery(d);
	}
	pci_dev_put(d->dev);
	pci_dev_put(d->port);
	kfree(d);
}

static void pci_lu_deferred_work(struct work_struct *work)
{
	struct pci_lu_deferred *d, *next;
	LIST_HEAD(ready);

	scoped_guard(mutex, &pci_lu_deferred_lock) {
		list_for_each_entry_safe(d, next, &pci_lu_deferred, list)
			if (!pci_lu_pinned(d->port))
				list_move_tail(&d->list, &ready);
		if (!list_empty(&pci_lu_deferred))
			schedule_delayed_work(&pci_lu_deferred_dwork, HZ);
	}

	list_for_each_entry_safe(d, next, &ready, list)
		pci_lu_replay(d);
}

static struct pci_lu_deferred *pci_lu_get_deferred(struct pci_dev *port, struct pci_dev *dev)
{
	struct pci_lu_deferred *d;

	lockdep_assert_held(&pci_lu_deferred_lock);

	list_for_each_entry(d, &pci_lu_deferred, list)
		if (d->port == port && d->dev == dev)
			return d;

	d = kzalloc(sizeof(*d), GFP_KERNEL | __GFP_NOFAIL);
	d->port = pci_dev_get(port);
	d->dev = pci_dev_get(dev);
	list_add_tail(&d->list, &pci_lu_deferred);
	schedule_delayed_work(&pci_lu_deferred_dwork, HZ);
	return d;
}

/**
 * pci_lu_defer_recovery - an error was found: may what is below the port be reset?
 * @port: the port, or @dev itself if it is not below one
 * @dev: where the error was found
 * @state: the worse of two is kept
 * @reset: how to reset the link
 *
 * Return: true if recovery has to wait
 */
bool pci_lu_defer_recovery(struct pci_dev *port, struct pci_dev *dev,
			   pci_channel_state_t state,
			   pci_ers_result_t (*reset)(struct pci_dev *dev))
{
	struct pci_lu_deferred *d;

	if (!pci_lu_pinned(port))
		return false;

	pci_err(port, "liveupdate: error recovery for %s put off: %s\n",
		pci_name(dev), pci_lu_advice(port));

	guard(mutex)(&pci_lu_deferred_lock);
	d = pci_lu_get_deferred(port, dev);
	if (!d->reset || state == pci_channel_io_frozen) {
		d->state = state;
		d->reset = reset;
	}
	return true;
}

/**
 * pci_lu_defer_hotplug - something happened in a slot: may it be switched off?
 * @port: the port with the slot
 * @events: PCI_EXP_SLTSTA_* and the slot driver's own
 *
 * Return: true if it has to wait
 */
bool pci_lu_defer_hotplug(struct pci_dev *port, u32 events)
{
	struct pci_lu_deferred *d;

	if (!pci_lu_pinned(port))
		return false;

	pci_warn(port, "liveupdate: change in its slot (%#x) put off: %s\n",
		 events, pci_lu_advice(port));

	guard(mutex)(&pci_lu_deferred_lock);
	d = pci_lu_get_deferred(port, NULL);
	d->events |= events;
	return true;
}

static int pci_lu_pm_notify(struct notifier_block *nb, unsigned long action, void *unused)
{
	switch (action) {
	case PM_SUSPEND_PREPARE:
	case PM_HIBERNATION_PREPARE:
	case PM_RESTORE_PREPARE:
		if (!pci_lu_any_outgoing() && !pci_lu_any_incoming())
			return NOTIFY_DONE;
		pr_warn("suspend refused: there are PCI devices that are preserved, or came from the previous kernel and are not finished; finish or close their sessions\n");
		return notifier_from_errno(-EBUSY);
	default:
		return NOTIFY_DONE;
	}
}

static struct notifier_block pci_lu_pm_notifier = {
	.notifier_call = pci_lu_pm_notify,
};

static int __init pci_lu_guard_init(void)
{
	if (!liveupdate_enabled())
		return 0;
	return register_pm_notifier(&pci_lu_pm_notifier);
}
device_initcall(pci_lu_guard_init);
