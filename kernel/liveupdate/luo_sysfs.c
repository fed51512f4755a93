// SPDX-License-Identifier: GPL-2.0-only
/*
 * LUO: /sys/kernel/liveupdate, see Documentation/ABI/testing/sysfs-kernel-liveupdate.
 *
 * Life cycle: made at late_initcall, stays. It is there with LUO off, too: it says
 * why. Without memory for it there is no such directory, and nothing else misses it.
 */

#define pr_fmt(fmt) "luo: " fmt

#include <linux/err.h>
#include <linux/init.h>
#include <linux/kobject.h>
#include <linux/printk.h>
#include <linux/sysfs.h>

#include "formats.h"
#include "luo_internal.h"

static ssize_t state_show(struct kobject *kobj, struct kobj_attribute *attr,
			  char *buf)
{
	const char *state = "on";

	if (!luo_status.enabled)
		state = "off";
	else if (luo_status.incoming_err)
		state = "error";
	return sysfs_emit(buf, "%s\n", state);
}

static ssize_t reason_show(struct kobject *kobj, struct kobj_attribute *attr,
			   char *buf)
{
	return sysfs_emit(buf, "%s\n", luo_status.reason ?: "");
}

static ssize_t number_show(struct kobject *kobj, struct kobj_attribute *attr,
			   char *buf)
{
	return sysfs_emit(buf, "%llu\n", luo_status.number);
}

static ssize_t handlers_show(struct kobject *kobj, struct kobj_attribute *attr,
			     char *buf)
{
	return luo_handlers_show(buf);
}

static ssize_t timeline_show(struct kobject *kobj, struct kobj_attribute *attr,
			     char *buf)
{
	return luo_timeline_show(buf);
}

static struct kobj_attribute luo_state = __ATTR_RO(state);
static struct kobj_attribute luo_reason = __ATTR_RO(reason);
static struct kobj_attribute luo_number = __ATTR_RO(number);
static struct kobj_attribute luo_handlers = __ATTR_RO(handlers);
static struct kobj_attribute luo_timeline = __ATTR_RO(timeline);

static struct attribute *luo_attrs[] = {
	&luo_state.attr,
	&luo_reason.attr,
	&luo_number.attr,
	&luo_handlers.attr,
	&luo_timeline.attr,
	NULL
};

/* There may be more of them than fit into a page. */
static ssize_t formats_read(struct file *file, struct kobject *kobj,
			    struct bin_attribute *attr, char *buf, loff_t pos,
			    size_t count)
{
	return formats_show(buf, pos, count);
}

static BIN_ATTR_RO(formats, 0);

static struct bin_attribute *luo_bin_attrs[] = {
	&bin_attr_formats,
	NULL
};

static const struct attribute_group luo_group = {
	.attrs = luo_attrs,
	.bin_attrs = luo_bin_attrs,
};
__ATTRIBUTE_GROUPS(luo);

static int __init luo_sysfs_init(void)
{
	struct kobject *dir;
	int err = -ENOMEM;

	dir = kobject_create_and_add("liveupdate", kernel_kobj);
	if (dir)
		err = sysfs_create_groups(dir, luo_groups);
	if (err) {
		kobject_put(dir);
		pr_warn("no /sys/kernel/liveupdate: %pe\n", ERR_PTR(err));
	}
	return err;
}
late_initcall(luo_sysfs_init);
