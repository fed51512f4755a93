// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live update of PCI devices: what the new kernel finds.
 *
 * Life cycle: before the first scan the records are taken over from the previous kernel
 * into a table. Each function that is set up is looked up there by its address, and
 * compared before the first write to it: is it the same one, in the same place, in the
 * same state? Then it is incoming, and enumeration leaves it alone. Else it is reported,
 * and treated as any new one. When all drivers had their turn, what is missing is
 * reported, too. A function that is removed does not survive, and is quiet from then on.
 * A record leaves the table when its device is finished, that of a bridge with the
 * last device below it.
 *
 * Who may call: initcalls, the set-up and release of functions, liveupdate_life.c. All
 * state is under pci_lu_lock. Nothing here can fail.
 */
#define pr_fmt(fmt) "PCI: liveupdate: " fmt

#include <linux/cleanup.h>
#include <linux/export.h>
#include <linux/init.h>
#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/kobject.h>
#include <linux/lockdep.h>
#include <linux/pci.h>
#include <linux/pci_liveupdate.h>
#include <linux/printk.h>
#include <linux/string.h>

#include "liveupdate_internal.h"

DEFINE_STATIC_KEY_FALSE(pci_lu_any_incoming_key);
unsigned long pci_lu_nr_incoming;

static DEFINE_XARRAY(pci_lu_table);

/* From before the first scan until all functions were found */
static bool pci_lu_sweeping;

/* What has to be as it was, and what may change with interrupts being off */
#define PCI_LU_COMMAND	(PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER)

/**
 * pci_lu_in_take - take over the records of the previous kernel
 * @data: address of the head, not trusted
 *
 * Return: 0, even if not all records are good; -EINVAL if there is no good head
 */
int pci_lu_in_take(u64 data)
{
	struct pci_state_head_ser *head;
	struct pci_lu_in *in;
	unsigned long key;
	const char *why;

	if (kho_restorable_order(data)) {
		pr_err("the previous kernel left no head where it should be: no device survives\n");
		return -EINVAL;
	}
	head = phys_to_virt(data);
	why = pci_lu_check_head(head);
	if (why) {
		pr_err("what the previous kernel left cannot be used, no device survives: %s\n",
		       why);
		return -EINVAL;
	}

	guard(mutex)(&pci_lu_lock);
	pci_lu_table_read(&pci_lu_table, head);
	kho_restore_free(head);
	xa_for_each(&pci_lu_table, key, in)
		pci_lu_nr_incoming++;
	return 0;
}

/* There were devices; what could be made of them is in the table by now */
void __init pci_lu_in_begin(void)
{
	pci_lu_sweeping = true;
	static_branch_enable(&pci_lu_any_incoming_key);
}

struct pci_lu_in *pci_lu_in_find(u64 key)
{
	lockdep_assert_held(&pci_lu_lock);
	return key < PCI_LU_KEY_LIMIT ? xa_load(&pci_lu_table, key) : NULL;
}

struct pci_lu_in *pci_lu_in_any_device(void)
{
	struct pci_lu_in *in;
	unsigned long key;

	lockdep_assert_held(&pci_lu_lock);
	xa_for_each(&pci_lu_table, key, in) {
		if (!in->is_bridge)
			return in;
	}
	return NULL;
}

/* The function of a record, unless it is being released right now */
struct pci_dev *pci_lu_in_dev_get(struct pci_lu_in *in)
{
	lockdep_assert_held(&pci_lu_lock);
	if (!in->dev || !kobject_get_unless_zero(&in->dev->dev.kobj))
		return NULL;
	return in->dev;
}

static void pci_lu_in_leave_one(struct pci_lu_in *in, enum pci_lu_state state)
{
	WRITE_ONCE(in->state, state);
	WRITE_ONCE(pci_lu_nr_incoming, pci_lu_nr_incoming - 1);
	if (in->dev)
		pci_lu_adopt_end(in->dev);
}

/* Out of the table. The record itself lives on as long as its function. */
void pci_lu_in_drop(struct pci_lu_in *in)
{
	lockdep_assert_held(&pci_lu_lock);
	if (xa_load(&pci_lu_table, in->key) != in)
		return;
	xa_erase(&pci_lu_table, in->key);
	pci_lu_in_put(in);
}

/**
 * pci_lu_in_leave - a device is not incoming any more
 * @in: an incoming or retrieved device
 * @state: what it is now
 *
 * So are bridges above it that no other incoming device is below.
 */
void pci_lu_in_leave(struct pci_lu_in *in, enum pci_lu_state state)
{
	struct pci_lu_in *parent = in->parent, *next;

	lockdep_assert_held(&pci_lu_lock);
	pci_lu_in_leave_one(in, state);
	in->parent = NULL;
	for (; parent; parent = next) {
		next = parent->parent;
		if (--parent->nr_devices)
			continue;
		pci_lu_in_leave_one(parent, PCI_LU_FINISHED);
		parent->parent = NULL;
		pci_lu_in_drop(parent);
	}
}

static const char *pci_lu_compare_place(struct pci_dev *dev,
					const struct pci_lu_in *in,
					const struct pci_state_id_ser *was,
					const struct pci_state_id_ser *is)
{
	const struct pci_dev *parent = dev->bus->self;

	if (is->parent != was->parent ||
	    strncmp(is->root_uid, was->root_uid, sizeof(is->root_uid)))
		return "moved: it is not below the bridge that it was below";
	if (parent && (parent->lu_in != in->parent || !pci_lu_incoming(parent)))
		return "the bridge above it did not survive";
	return NULL;
}

static const char *pci_lu_compare_id(struct pci_dev *dev,
				     const struct pci_state_id_ser *was,
				     const struct pci_state_id_ser *is)
{
	if (is->vendor == was->vendor && is->device == was->device &&
	    is->subsystem_vendor == was->subsystem_vendor &&
	    is->subsystem_device == was->subsystem_device &&
	    is->class == was->class && is->revision == was->revision &&
	    is->hdr_type == was->hdr_type && is->dsn == was->dsn)
		return NULL;
	pci_warn(dev, "liveupdate: was [%04x:%04x] subsystem [%04x:%04x] class %#08x revision %02x serial %016llx\n",
		 was->vendor, was->device, was->subsystem_vendor,
		 was->subsystem_device, was->class, was->revision, was->dsn);
	pci_warn(dev, "liveupdate: is  [%04x:%04x] subsystem [%04x:%04x] class %#08x revision %02x serial %016llx\n",
		 is->vendor, is->device, is->subsystem_vendor,
		 is->subsystem_device, is->class, is->revision, is->dsn);
	return "foreign: it is another device";
}

static const char *pci_lu_compare_bars(struct pci_dev *dev,
				       const struct pci_state_bar_ser *bars,
				       int nr)
{
	struct pci_state_bar_ser is;
	int i;

	for (i = 0; i < nr; i++) {
		if (!bars[i].size)
			continue;
		pci_lu_read_bar(dev, i, &is);
		if (is.address == bars[i].address && is.flags == bars[i].flags)
			continue;
		pci_warn(dev, "liveupdate: BAR %d was at %#llx, flags %#x, and is at %#llx, flags %#x\n",
			 i, bars[i].address, bars[i].flags, is.address,
			 is.flags);
		return "changed: a BAR is not where it was";
	}
	return NULL;
}

static const char *pci_lu_compare_command(struct pci_dev *dev, u16 was)
{
	u16 is;

	pci_read_config_word(dev, PCI_COMMAND, &is);
	if (!((is ^ was) & PCI_LU_COMMAND))
		return NULL;
	pci_warn(dev, "liveupdate: Command register was %#06x and is %#06x\n",
		 was, is);
	return "changed: it was reset or turned off";
}

static const char *pci_lu_compare_buses(struct pci_dev *dev,
					const struct pci_state_bridge_ser *was)
{
	u8 primary, secondary, subordinate;

	pci_read_config_byte(dev, PCI_PRIMARY_BUS, &primary);
	pci_read_config_byte(dev, PCI_SECONDARY_BUS, &secondary);
	pci_read_config_byte(dev, PCI_SUBORDINATE_BUS, &subordinate);
	if (primary == was->primary && secondary == was->secondary &&
	    subordinate == was->subordinate)
		return NULL;
	pci_warn(dev, "liveupdate: buses were %02x, %02x-%02x and are %02x, %02x-%02x\n",
		 was->primary, was->secondary, was->subordinate, primary,
		 secondary, subordinate);
	return "changed: bus numbers are not what they were";
}

static const char *pci_lu_compare_windows(struct pci_dev *dev,
					  const struct pci_state_bridge_ser *was)
{
	struct pci_state_bridge_ser is = { };

	pci_lu_read_windows(dev, &is);
	if (is.io_base == was->io_base && is.io_limit == was->io_limit &&
	    is.io_base_upper == was->io_base_upper &&
	    is.io_limit_upper == was->io_limit_upper &&
	    is.memory_base == was->memory_base &&
	    is.memory_limit == was->memory_limit &&
	    is.pref_base == was->pref_base &&
	    is.pref_limit == was->pref_limit &&
	    is.pref_base_upper == was->pref_base_upper &&
	    is.pref_limit_upper == was->pref_limit_upper)
		return NULL;
	pci_warn(dev, "liveupdate: windows were io %02x-%02x mem %04x-%04x pref %08x%04x-%08x%04x\n",
		 was->io_base, was->io_limit, was->memory_base,
		 was->memory_limit, was->pref_base_upper, was->pref_base,
		 was->pref_limit_upper, was->pref_limit);
	pci_warn(dev, "liveupdate: windows are  io %02x-%02x mem %04x-%04x pref %08x%04x-%08x%04x\n",
		 is.io_base, is.io_limit, is.memory_base, is.memory_limit,
		 is.pref_base_upper, is.pref_base, is.pref_limit_upper,
		 is.pref_limit);
	return "changed: its windows are not what they were";
}

static const char *pci_lu_compare_power(struct pci_dev *dev)
{
	int pos = pci_find_capability(dev, PCI_CAP_ID_PM);
	u16 pmcsr;

	if (!pos)
		return NULL;
	pci_read_config_word(dev, pos + PCI_PM_CTRL, &pmcsr);
	if (!(pmcsr & PCI_PM_CTRL_STATE_MASK))
		return NULL;
	return "changed: it was powered down";
}

/* Reporting of errors is turned on and off on the way; and ARI is not known yet */
static const char *pci_lu_compare_express(struct pci_dev *dev,
					  const struct pci_state_express_ser *was)
{
	const u16 devctl = PCI_EXP_DEVCTL_PAYLOAD | PCI_EXP_DEVCTL_READRQ |
			   PCI_EXP_DEVCTL_EXT_TAG | PCI_EXP_DEVCTL_RELAX_EN |
			   PCI_EXP_DEVCTL_NOSNOOP_EN;
	struct pci_state_express_ser is = { };

	pci_lu_record_express(dev, &is);
	if ((is.present ^ was->present) & ~PCI_STATE_HAS_ARI)
		return "changed: it has other capabilities";
	if (!((is.devctl ^ was->devctl) & devctl) && is.acs == was->acs)
		return NULL;
	pci_warn(dev, "liveupdate: Device Control was %#06x and is %#06x, ACS Control was %#06x and is %#06x\n",
		 was->devctl, is.devctl, was->acs, is.acs);
	return "changed: packet sizes or access control are not what they were";
}

static const char *pci_lu_compare_bridge(struct pci_dev *dev,
					 const struct pci_state_bridge_ser *was)
{
	const char *why;

	why = pci_lu_compare_buses(dev, was);
	if (!why)
		why = pci_lu_compare_windows(dev, was);
	if (!why)
		why = pci_lu_compare_bars(dev, was->bars, 2);
	if (!why)
		why = pci_lu_compare_express(dev, &was->express);
	return why ?: pci_lu_compare_command(dev, was->command);
}

/* Only reads. NULL if it is the same, else a reason, with details in the log. */
static const char *pci_lu_compare(struct pci_dev *dev,
				  const struct pci_lu_in *in)
{
	const struct pci_state_id_ser *was = in->is_bridge ? &in->bridge.id :
							     &in->device.id;
	struct pci_state_id_ser is;
	const char *why;

	pci_lu_record_id(dev, &is);
	why = pci_lu_compare_id(dev, was, &is);
	if (!why)
		why = pci_lu_compare_place(dev, in, was, &is);
	if (!why)
		why = pci_lu_compare_power(dev);
	if (why)
		return why;
	if (in->is_bridge)
		return pci_lu_compare_bridge(dev, &in->bridge);
	why = pci_lu_compare_bars(dev, in->device.bars, PCI_STD_NUM_BARS);
	if (!why)
		why = pci_lu_compare_express(dev, &in->device.express);
	return why ?: pci_lu_compare_command(dev, in->device.command);
}

static bool pci_lu_recognise(struct pci_dev *dev)
{
	struct pci_lu_in *in;

	guard(mutex)(&pci_lu_lock);
	in = pci_lu_in_find(pci_lu_key(pci_domain_nr(dev->bus),
				       dev->bus->number, dev->devfn));
	if (!in || in->state == PCI_LU_ABANDONED)
		return false;
	in->lost = pci_lu_compare(dev, in);
	if (in->lost) {
		pci_err(dev, "liveupdate: it does not survive, it is treated as a new one: %s\n",
			in->lost);
		return false;
	}

	kref_get(&in->kref);
	in->dev = dev;
	in->adopted = true;
	WRITE_ONCE(dev->lu_in, in);
	if (in->is_bridge)
		pci_info(dev, "liveupdate: kept as it is, for %u devices below it\n",
			 in->nr_devices);
	else
		pci_info(dev, "liveupdate: kept as it is, format %s\n",
			 in->device.format);
	pci_lu_adopt_begin(dev);
	return true;
}

/*
 * The previous kernel took bus mastering from every device that it did not hand over. One
 * that has it, but is not recognised, writes to memory that nobody keeps for it much
 * longer: its record was bad, or its file will be finished without it.
 */
static void pci_lu_stop_dma(struct pci_dev *dev)
{
	u16 command;

	if (dev->hdr_type != PCI_HEADER_TYPE_NORMAL)
		return;
	pci_read_config_word(dev, PCI_COMMAND, &command);
	if (PCI_POSSIBLE_ERROR(command) || !(command & PCI_COMMAND_MASTER))
		return;
	pci_write_config_word(dev, PCI_COMMAND, command & ~PCI_COMMAND_MASTER);
	pci_warn(dev, "liveupdate: it was able to do DMA, but nothing stands for it: bus mastering turned off\n");
}

/**
 * pci_lu_setup_device - a function is being set up, nothing was written to it yet
 * @dev: the function; header type and size of the configuration space are known
 */
void pci_lu_setup_device(struct pci_dev *dev)
{
	if (!static_branch_unlikely(&pci_lu_any_incoming_key))
		return;
	if (!pci_lu_sweeping && !pci_lu_any_incoming())
		return;
	if (!pci_lu_recognise(dev))
		pci_lu_stop_dma(dev);
}

/* There is no function any more; or, if a new one was recognised, @dev is none of it */
static bool pci_lu_in_lose(struct pci_dev *dev)
{
	struct pci_lu_in *in = dev->lu_in;

	lockdep_assert_held(&pci_lu_lock);
	if (in->dev != dev)
		return false;
	if (pci_lu_incoming(dev)) {
		in->lost = "it was removed";
		pci_lu_adopt_end(dev);
	}
	in->dev = NULL;
	return true;
}

/**
 * pci_lu_stop_device - a function is being removed
 * @dev: the function; its driver is gone
 *
 * What may not be removed was refused before: this is the host bridge that goes, or a
 * slot whose driver does not ask. Nobody will be able to give it up afterwards.
 */
void pci_lu_stop_device(struct pci_dev *dev)
{
	if (!pci_lu_incoming(dev))
		return;
	pci_clear_master(dev);

	guard(mutex)(&pci_lu_lock);
	if (pci_lu_in_lose(dev))
		pci_err(dev, "liveupdate: removed before it was finished: it does not survive, bus mastering turned off\n");
}

/**
 * pci_lu_release_device - a function goes away
 * @dev: the function, nobody has a reference of it any more
 */
void pci_lu_release_device(struct pci_dev *dev)
{
	struct pci_lu_in *in = dev->lu_in;

	pci_lu_out_release(dev);
	if (!in)
		return;

	guard(mutex)(&pci_lu_lock);
	pci_lu_in_lose(dev);
	dev->lu_in = NULL;
	pci_lu_in_put(in);
}

/**
 * pci_liveupdate_incoming - does this device run since the previous kernel?
 * @dev: the device
 *
 * Return: true until it is finished or abandoned
 */
bool pci_liveupdate_incoming(struct pci_dev *dev)
{
	return pci_lu_incoming_device(dev);
}
EXPORT_SYMBOL_GPL(pci_liveupdate_incoming);

/**
 * pci_liveupdate_data - what the previous kernel's driver handed over
 * @dev: the device
 * @format: set to the format of @data, valid as long as the device is; may be NULL
 * @data: set to what prepare() or freeze() left; to be checked before use as anything
 *	that comes from another kernel
 *
 * Return: 0, or -ENOENT if the device is not incoming
 */
int pci_liveupdate_data(struct pci_dev *dev, const char **format, u64 *data)
{
	const struct pci_state_device_ser *rec = pci_lu_incoming_device(dev);

	if (!rec)
		return -ENOENT;
	if (format)
		*format = rec->format;
	*data = rec->data;
	return 0;
}
EXPORT_SYMBOL_GPL(pci_liveupdate_data);

/**
 * pci_liveupdate_get_initial_state - what a device goes back to when it is given up
 * @dev: an incoming device
 *
 * Return: what pci_liveupdate_set_initial_state() was given, for
 * pci_load_saved_state(), to be freed with kfree(); NULL if there is none, an
 * ERR_PTR() if the device has other capabilities than before
 */
struct pci_saved_state *pci_liveupdate_get_initial_state(struct pci_dev *dev)
{
	const struct pci_state_device_ser *rec = pci_lu_incoming_device(dev);

	if (!rec || !dev->lu_in->initial)
		return NULL;
	return pci_lu_state_read(dev, dev->lu_in->initial, rec->initial.length);
}
EXPORT_SYMBOL_GPL(pci_liveupdate_get_initial_state);

/*
 * A serial number tells where a device went; without one nobody knows. Not under
 * pci_lu_lock: the walk may drop the last reference of a function, which takes it.
 */
static void pci_lu_report_moved(struct xarray *lost)
{
	struct pci_dev *dev = NULL;
	char name[PCI_LU_NAME_SIZE];
	void *key;
	u64 dsn;

	for_each_pci_dev(dev) {
		if (pci_lu_incoming(dev))
			continue;
		dsn = pci_get_dsn(dev);
		key = dsn ? xa_load(lost, dsn) : NULL;
		if (key)
			pci_err(dev, "liveupdate: was %s before, a device that moves does not survive\n",
				pci_lu_key_name(xa_to_value(key), name));
	}
}

/* What is not there, and the keys of those that have a serial number, by that */
static void __init pci_lu_report_missing(struct xarray *lost)
{
	char name[PCI_LU_NAME_SIZE];
	struct pci_lu_in *in;
	unsigned long key;

	guard(mutex)(&pci_lu_lock);
	pci_lu_sweeping = false;
	xa_for_each(&pci_lu_table, key, in) {
		if (in->adopted)
			continue;
		if (!in->lost) {
			in->lost = "missing";
			pr_err("%s %s is missing, it does not survive\n",
			       in->is_bridge ? "bridge" : "device",
			       pci_lu_key_name(key, name));
		}
		if (!in->is_bridge && in->device.id.dsn)
			xa_store(lost, in->device.id.dsn, xa_mk_value(key), GFP_KERNEL);
	}
}

static int __init pci_lu_report(void)
{
	struct xarray lost;

	xa_init(&lost);
	pci_lu_report_missing(&lost);
	if (!xa_empty(&lost))
		pci_lu_report_moved(&lost);
	xa_destroy(&lost);
	return 0;
}
late_initcall(pci_lu_report);
