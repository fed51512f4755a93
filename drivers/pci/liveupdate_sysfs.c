// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live update of PCI devices: liveupdate/ in the folder of a device.
 *
 * state and compatible are there for every function while live update is on; abandon
 * for those that were incoming when they appeared. Described in
 * Documentation/ABI/testing/sysfs-bus-pci-liveupdate.
 */
#include <linux/kstrtox.h>
#include <linux/liveupdate.h>
#include <linux/pci.h>
#include <linux/pci_liveupdate.h>
#include <linux/sysfs.h>

#include "liveupdate_internal.h"

static const char * const pci_lu_state_names[] = {
	[PCI_LU_NONE]		= "none",
	[PCI_LU_OUTGOING]	= "outgoing",
	[PCI_LU_FROZEN]		= "frozen",
	[PCI_LU_INCOMING]	= "incoming",
	[PCI_LU_RETRIEVED]	= "retrieved",
	[PCI_LU_FINISHED]	= "finished",
	[PCI_LU_ABANDONED]	= "abandoned",
};

static enum pci_lu_state pci_lu_in_state(const struct pci_dev *dev)
{
	return dev->lu_in ? READ_ONCE(dev->lu_in->state) : PCI_LU_NONE;
}

static enum pci_lu_state pci_lu_out_state(const struct pci_dev *dev)
{
	const struct pci_lu_out *out = READ_ONCE(dev->lu_out);

	return out ? READ_ONCE(out->state) : PCI_LU_NONE;
}

static ssize_t state_show(struct device *d, struct device_attribute *attr,
			  char *buf)
{
	const struct pci_dev *dev = to_pci_dev(d);
	enum pci_lu_state in = pci_lu_in_state(dev);
	enum pci_lu_state out = pci_lu_out_state(dev);

	if (out == PCI_LU_NONE)
		return sysfs_emit(buf, "%s\n", pci_lu_state_names[in]);
	if (in == PCI_LU_RETRIEVED)
		return sysfs_emit(buf, "%s %s\n", pci_lu_state_names[in],
				  pci_lu_state_names[out]);
	return sysfs_emit(buf, "%s\n", pci_lu_state_names[out]);
}
static DEVICE_ATTR_RO(state);

static ssize_t compatible_show(struct device *d, struct device_attribute *attr,
			       char *buf)
{
	struct pci_dev *dev = to_pci_dev(d);
	const struct pci_state_device_ser *rec = pci_lu_incoming_device(dev);
	const struct pci_lu_out *out;

	if (rec)
		return sysfs_emit(buf, "%s\n", rec->format);

	guard(mutex)(&pci_lu_lock);
	out = dev->lu_out;
	return sysfs_emit(buf, "%s\n",
			  out && out->ops ? out->ops->compatible : "");
}
static DEVICE_ATTR_RO(compatible);

static ssize_t abandon_store(struct device *d, struct device_attribute *attr,
			     const char *buf, size_t count)
{
	bool yes;
	int err;

	err = kstrtobool(buf, &yes);
	if (err)
		return err;
	if (!yes)
		return -EINVAL;
	err = pci_lu_abandon(to_pci_dev(d));
	return err ?: count;
}
static DEVICE_ATTR_WO(abandon);

static struct attribute *pci_lu_attrs[] = {
	&dev_attr_state.attr,
	&dev_attr_compatible.attr,
	&dev_attr_abandon.attr,
	NULL
};

static umode_t pci_lu_attr_visible(struct kobject *kobj,
				   struct attribute *attr, int i)
{
	const struct pci_dev *dev = to_pci_dev(kobj_to_dev(kobj));

	if (attr == &dev_attr_abandon.attr && !pci_lu_incoming_device(dev))
		return 0;
	return attr->mode;
}

static bool pci_lu_group_visible(struct kobject *kobj)
{
	return liveupdate_enabled();
}

DEFINE_SYSFS_GROUP_VISIBLE(pci_lu);

const struct attribute_group pci_lu_group = {
	.name = "liveupdate",
	.attrs = pci_lu_attrs,
	.is_visible = SYSFS_GROUP_VISIBLE(pci_lu),
};
