// SPDX-License-Identifier: GPL-2.0-only
/*
 * File handlers: who knows how to carry which kind of file over.
 *
 * A handler is registered by its subsystem at boot or when its module is loaded,
 * and unregistered when the module goes. Being registered does not pin the module;
 * each file that a handler has got does, so there is none left when it is
 * unregistered. Files find their handler by asking each one in turn in the old
 * kernel, and by the name of the data format in the new one. A handler that comes
 * late finds files of the previous kernel that were waiting for it.
 *
 * Process context, may sleep. Callbacks run without luo_register_rwsem, apart from
 * can_preserve() and get_id(). Only registering can fail, it has done nothing then.
 */

#define pr_fmt(fmt) "luo: " fmt

#include <linux/cleanup.h>
#include <linux/export.h>
#include <linux/fs.h>
#include <linux/liveupdate.h>
#include <linux/lockdep.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "formats.h"
#include "luo_internal.h"

DECLARE_RWSEM(luo_register_rwsem);

static LIST_HEAD(luo_handlers);

static struct liveupdate_file_handler *luo_handler_by_name(const char *name)
{
	struct liveupdate_file_handler *fh;

	lockdep_assert_held(&luo_register_rwsem);

	list_for_each_entry(fh, &luo_handlers, list)
		if (!strcmp(fh->compatible, name))
			return fh;
	return NULL;
}

static struct liveupdate_file_handler *luo_handler_by_file(struct file *file)
{
	struct liveupdate_file_handler *fh;

	lockdep_assert_held(&luo_register_rwsem);

	list_for_each_entry(fh, &luo_handlers, list)
		if (fh->ops->can_preserve(fh, file))
			return fh;
	return NULL;
}

static struct liveupdate_file_handler *
luo_handler_pin(struct liveupdate_file_handler *fh)
{
	return fh && try_module_get(fh->ops->owner) ? fh : NULL;
}

/**
 * luo_handler_of_file - find the handler that can carry a file over
 * @file: the file
 *
 * Return: the first one that says so, its module pinned until luo_handler_put();
 * NULL if none does, or if its module is about to go
 */
struct liveupdate_file_handler *luo_handler_of_file(struct file *file)
{
	guard(rwsem_read)(&luo_register_rwsem);
	return luo_handler_pin(luo_handler_by_file(file));
}

/**
 * luo_handler_of_format - find the handler of a data format
 * @compatible: name of the format
 *
 * Return: the handler, its module pinned until luo_handler_put(), or NULL
 */
struct liveupdate_file_handler *luo_handler_of_format(const char *compatible)
{
	guard(rwsem_read)(&luo_register_rwsem);
	return luo_handler_pin(luo_handler_by_name(compatible));
}

/**
 * luo_handler_put - let the module of a handler go
 * @fh: the handler, or NULL
 */
void luo_handler_put(struct liveupdate_file_handler *fh)
{
	if (fh)
		module_put(fh->ops->owner);
}

/**
 * luo_handler_id - identity of what is behind a file
 * @fh: the handler of the file
 * @file: the file
 *
 * Return: the id
 */
unsigned long luo_handler_id(struct liveupdate_file_handler *fh,
			     struct file *file)
{
	return fh->ops->get_id ? fh->ops->get_id(file) : (unsigned long)file;
}

/**
 * luo_handler_file_id - identity of what is behind any file
 * @file: the file
 * @id: where to put it
 *
 * Return: false if there is no handler for the file
 */
bool luo_handler_file_id(struct file *file, unsigned long *id)
{
	struct liveupdate_file_handler *fh;

	guard(rwsem_read)(&luo_register_rwsem);
	fh = luo_handler_by_file(file);
	if (fh)
		*id = luo_handler_id(fh, file);
	return fh;
}

/**
 * luo_handlers_show - list the data formats that can be restored
 * @buf: one page
 *
 * Return: number of characters in it
 */
ssize_t luo_handlers_show(char *buf)
{
	struct liveupdate_file_handler *fh;
	ssize_t len = 0;

	guard(rwsem_read)(&luo_register_rwsem);
	list_for_each_entry(fh, &luo_handlers, list)
		len += sysfs_emit_at(buf, len, "%s\n", fh->compatible);
	return len;
}

/* With luo_register_rwsem held. */
bool luo_handler_is_registered(struct liveupdate_file_handler *fh)
{
	struct liveupdate_file_handler *pos;

	lockdep_assert_held(&luo_register_rwsem);

	list_for_each_entry(pos, &luo_handlers, list)
		if (pos == fh)
			return true;
	return false;
}

static bool luo_handler_is_complete(const struct liveupdate_file_handler *fh)
{
	const struct liveupdate_file_ops *ops = fh->ops;

	return ops && ops->can_preserve && ops->preserve && ops->unpreserve &&
	       ops->retrieve && ops->finish && fh->compatible[0] &&
	       memchr(fh->compatible, '\0', sizeof(fh->compatible));
}

/* It works, but the kernel before does not hand over what it does not know of. */
void luo_warn_undeclared(enum liveupdate_format_kind kind, const char *format,
			 const struct module *owner)
{
	if (!owner && !formats_declared(kind, format))
		pr_warn("format %s is not declared: previous kernels will refuse to hand it over to this one\n",
			format);
}

int luo_handler_register(struct liveupdate_file_handler *fh)
{
	if (!luo_handler_is_complete(fh))
		return -EINVAL;

	guard(rwsem_write)(&luo_register_rwsem);
	if (luo_handler_by_name(fh->compatible)) {
		pr_err("there is a handler of files of format %s already\n",
		       fh->compatible);
		return -EEXIST;
	}
	INIT_LIST_HEAD(&fh->flb_list);
	fh->counted = false;
	list_add_tail(&fh->list, &luo_handlers);
	return 0;
}

void luo_handler_unregister(struct liveupdate_file_handler *fh)
{
	guard(rwsem_write)(&luo_register_rwsem);
	if (WARN_ON_ONCE(!luo_handler_is_registered(fh)))
		return;
	luo_flb_unregister_all(fh);
	list_del(&fh->list);
}

/**
 * liveupdate_register_file_handler - offer to carry a kind of file over
 * @fh: the handler; static, @ops and @compatible filled in
 *
 * Context: process context, may sleep, from initcalls on; not from a callback.
 * Return: 0; -EOPNOTSUPP if live update is off, -EINVAL if a mandatory callback
 * is missing or @compatible is empty or not terminated, -EEXIST if there is a
 * handler of that format already
 */
int liveupdate_register_file_handler(struct liveupdate_file_handler *fh)
{
	int err;

	if (!liveupdate_enabled())
		return -EOPNOTSUPP;
	err = luo_handler_register(fh);
	if (err)
		return err;
	luo_warn_undeclared(LIVEUPDATE_FORMAT_FILE, fh->compatible, fh->ops->owner);
	liveupdate_test_register(fh);
	return 0;
}
EXPORT_SYMBOL_GPL(liveupdate_register_file_handler);

/**
 * liveupdate_unregister_file_handler - undo liveupdate_register_file_handler()
 * @fh: the handler; has no files any more. It loses its FLBs.
 *
 * Context: process context, may sleep; not from a callback.
 */
void liveupdate_unregister_file_handler(struct liveupdate_file_handler *fh)
{
	if (liveupdate_enabled())
		luo_handler_unregister(fh);
}
EXPORT_SYMBOL_GPL(liveupdate_unregister_file_handler);
