// SPDX-License-Identifier: GPL-2.0-only
/*
 * File-lifecycle-bound objects (FLBs): state that files share.
 *
 * Old kernel: an FLB is linked to the handlers whose files depend on it. It is
 * preserved with the first of these files and unpreserved when the last one, and
 * the last user of the object, are gone. At the reboot FLBs are frozen after all
 * files, and written to the table: one page, which exists from boot on.
 *
 * New kernel: the table is copied and its page freed at boot. An FLB finds its
 * entry by the name of its data format when it is first wanted, is retrieved then,
 * and finished with the last file that depended on it.
 *
 * How many files depend on an FLB and how many users have got its object is
 * counted apart: only the former is handed over.
 *
 * Process context, may sleep. Callbacks run under luo_register_rwsem and under the
 * lock of the FLB in that direction. Preserve, freeze and retrieve can fail; a
 * preserve or freeze of several FLBs that fails half way has undone the first half.
 */

#define pr_fmt(fmt) "luo: " fmt

#include <kunit/visibility.h>
#include <linux/align.h>
#include <linux/cleanup.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/liveupdate.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "kho_internal.h"
#include "luo_internal.h"
#include "luo_records.h"

/**
 * struct luo_flb_link - files of a handler depend on an FLB
 * @list: in &liveupdate_file_handler.flb_list, in the order of registration
 * @flb: the FLB
 * @seq: ascending in the order of registration, of all links
 * @files: number of files that made the FLB's count go up by this link; under the
 *	FLB's outgoing lock
 */
struct luo_flb_link {
	struct list_head list;
	struct liveupdate_flb *flb;
	u64 seq;
	u64 files;
};

/**
 * struct luo_flb_incoming - what the previous kernel left of an FLB
 * @lock: protects what follows @name
 * @name: its data format
 * @data: as it was handed over
 * @files: number of files that depend on it and are not finished
 * @users: number of liveupdate_flb_get_incoming() that were not put
 * @obj: the object; only if @status is 1
 * @status: as &liveupdate_file_op_args.retrieve_status
 * @finished: there is nothing left of it
 */
struct luo_flb_incoming {
	struct mutex lock; /* see above */
	char name[LIVEUPDATE_FLB_COMPAT_LENGTH];
	u64 data;
	u64 files;
	u64 users;
	void *obj;
	int status;
	bool finished;
};

/* Protected by luo_register_rwsem. */
static LIST_HEAD(luo_flbs);
static unsigned int luo_nr_flbs;
static u64 luo_flb_seq;

/* Set at boot; luo_flb_in if there is a table, be it without a sound entry. */
static struct luo_flb_header_ser *luo_flb_table;
static struct luo_flb_incoming *luo_flb_in;
static unsigned int luo_nr_flb_in;

static struct luo_flb_ser *luo_flb_entries(struct luo_flb_header_ser *table)
{
	return (struct luo_flb_ser *)(table + 1);
}

/* Outgoing */

static int luo_flb_preserve(struct liveupdate_flb *flb)
{
	struct liveupdate_flb_op_args args = { .flb = flb };
	int err;

	lockdep_assert_held(&flb->outgoing.lock);

	if (!try_module_get(flb->ops->owner))
		return -ENODEV;
	err = luo_op_error(flb->ops->preserve(&args));
	if (err) {
		module_put(flb->ops->owner);
		return err;
	}
	flb->outgoing.data = args.data;
	flb->outgoing.required = args.required;
	flb->outgoing.obj = args.obj;
	return 0;
}

/* Something does not need the object any more: is this the end of it? */
static void luo_flb_unpreserve_unused(struct liveupdate_flb *flb)
{
	struct liveupdate_flb_op_args args = {
		.flb = flb,
		.data = flb->outgoing.data,
		.obj = flb->outgoing.obj,
	};

	lockdep_assert_held(&flb->outgoing.lock);

	if (flb->outgoing.files || flb->outgoing.users)
		return;
	flb->ops->unpreserve(&args);
	flb->outgoing.data = 0;
	flb->outgoing.required = 0;
	flb->outgoing.obj = NULL;
	module_put(flb->ops->owner);
}

static int luo_flb_link_get(struct luo_flb_link *link)
{
	struct liveupdate_flb *flb = link->flb;
	int err;

	guard(mutex)(&flb->outgoing.lock);
	if (!flb->outgoing.files && !flb->outgoing.users) {
		err = luo_flb_preserve(flb);
		if (err)
			return err;
	}
	flb->outgoing.files++;
	link->files++;
	return 0;
}

static void luo_flb_link_put(struct luo_flb_link *link, u64 files)
{
	struct liveupdate_flb *flb = link->flb;

	guard(mutex)(&flb->outgoing.lock);
	if (!files)
		return;
	link->files -= files;
	flb->outgoing.files -= files;
	luo_flb_unpreserve_unused(flb);
}

/**
 * luo_flb_file_preserve - a file is about to be preserved
 * @fh: its handler
 * @seq: which FLBs the file has, for luo_flb_file_unpreserve()
 *
 * Return: 0; -ENODEV if the module of an FLB is about to go, or whatever preserving
 * an FLB fails with
 */
int luo_flb_file_preserve(struct liveupdate_file_handler *fh, u64 *seq)
{
	struct luo_flb_link *link;
	int err;

	down_read(&luo_register_rwsem);
	WRITE_ONCE(fh->counted, true);
	list_for_each_entry(link, &fh->flb_list, list) {
		err = luo_flb_link_get(link);
		if (err)
			goto err_put;
	}
	*seq = luo_flb_seq;
	up_read(&luo_register_rwsem);
	return 0;

err_put:
	list_for_each_entry_continue_reverse(link, &fh->flb_list, list)
		luo_flb_link_put(link, 1);
	up_read(&luo_register_rwsem);
	return err;
}

/**
 * luo_flb_file_unpreserve - a file was unpreserved
 * @fh: its handler
 * @seq: what luo_flb_file_preserve() said
 */
void luo_flb_file_unpreserve(struct liveupdate_file_handler *fh, u64 seq)
{
	struct luo_flb_link *link;

	guard(rwsem_read)(&luo_register_rwsem);
	list_for_each_entry_reverse(link, &fh->flb_list, list)
		if (link->seq <= seq)
			luo_flb_link_put(link, 1);
}

/**
 * luo_flb_for_each - look at the FLBs that a file depends on
 * @fh: its handler
 * @seq: what luo_flb_file_preserve() said; U64_MAX before that
 * @visit: called for each of them
 * @arg: for @visit
 */
void luo_flb_for_each(struct liveupdate_file_handler *fh, u64 seq,
		      void (*visit)(struct liveupdate_flb *flb, u64 required,
				    void *arg), void *arg)
{
	struct luo_flb_link *link;

	guard(rwsem_read)(&luo_register_rwsem);
	list_for_each_entry(link, &fh->flb_list, list) {
		if (link->seq > seq)
			continue;
		guard(mutex)(&link->flb->outgoing.lock);
		visit(link->flb, link->flb->outgoing.required, arg);
	}
}

/**
 * luo_flb_is_preserved - is a certain FLB preserved?
 * @prefix: what its format begins with
 *
 * Return: true if a file depends on such an FLB
 */
bool luo_flb_is_preserved(const char *prefix)
{
	struct liveupdate_flb *flb;

	guard(rwsem_read)(&luo_register_rwsem);
	list_for_each_entry(flb, &luo_flbs, list) {
		guard(mutex)(&flb->outgoing.lock);
		if (flb->outgoing.files && str_has_prefix(flb->compatible, prefix))
			return true;
	}
	return false;
}

/**
 * liveupdate_flb_get_outgoing - use the object of an FLB that is preserved
 * @flb: the FLB
 * @objp: where to put it
 *
 * The object stays until liveupdate_flb_put_outgoing(), which does not make the
 * FLB go over: only files do.
 *
 * Context: process context, may sleep; not from a callback of an FLB.
 * Return: 0; -EOPNOTSUPP if live update is off, -ENOENT if the FLB is not preserved,
 * or has no object
 */
int liveupdate_flb_get_outgoing(struct liveupdate_flb *flb, void **objp)
{
	if (!liveupdate_enabled())
		return -EOPNOTSUPP;
	/* Pairs with luo_flb_register(). */
	if (!smp_load_acquire(&flb->ready))
		return -ENOENT;

	guard(mutex)(&flb->outgoing.lock);
	if (!flb->outgoing.obj)
		return -ENOENT;
	flb->outgoing.users++;
	*objp = flb->outgoing.obj;
	return 0;
}
EXPORT_SYMBOL_GPL(liveupdate_flb_get_outgoing);

/**
 * liveupdate_flb_put_outgoing - undo liveupdate_flb_get_outgoing()
 * @flb: the FLB
 *
 * Context: process context, may sleep; not from a callback of an FLB.
 */
void liveupdate_flb_put_outgoing(struct liveupdate_flb *flb)
{
	if (!liveupdate_enabled())
		return;

	guard(mutex)(&flb->outgoing.lock);
	if (WARN_ON_ONCE(!flb->outgoing.users))
		return;
	flb->outgoing.users--;
	luo_flb_unpreserve_unused(flb);
}
EXPORT_SYMBOL_GPL(liveupdate_flb_put_outgoing);

/* Freeze */

static int luo_flb_freeze_one(struct liveupdate_flb *flb)
{
	struct liveupdate_flb_op_args args = {
		.flb = flb,
		.data = flb->outgoing.data,
		.obj = flb->outgoing.obj,
	};
	int err = 0;

	lockdep_assert_held(&flb->outgoing.lock);

	if (flb->ops->freeze)
		err = luo_op_error(flb->ops->freeze(&args));
	if (err) {
		pr_err("the update is called off: the object %s that files depend on cannot be frozen (%pe)\n",
		       flb->compatible, ERR_PTR(err));
		return err;
	}
	flb->outgoing.data = args.data;
	flb->outgoing.frozen = true;
	return 0;
}

static void luo_flb_unfreeze_one(struct liveupdate_flb *flb)
{
	struct liveupdate_flb_op_args args = {
		.flb = flb,
		.data = flb->outgoing.data,
		.obj = flb->outgoing.obj,
	};

	lockdep_assert_held(&flb->outgoing.lock);

	flb->outgoing.frozen = false;
	if (flb->ops->unfreeze)
		flb->ops->unfreeze(&args);
}

/* Freeze an FLB and write its entry. 0 if nothing depends on it, 1 if it has one. */
static int luo_flb_serialize(struct liveupdate_flb *flb,
			     struct luo_flb_ser *ser)
{
	int err;

	guard(mutex)(&flb->outgoing.lock);
	if (!flb->outgoing.files) {
		if (flb->outgoing.users)
			pr_warn("the object %s is in use, but no file depends on it: it will not survive\n",
				flb->compatible);
		return 0;
	}
	err = luo_flb_freeze_one(flb);
	if (err)
		return err;

	strscpy_pad(ser->name, flb->compatible);
	ser->data = flb->outgoing.data;
	ser->count = flb->outgoing.files;
	return 1;
}

/**
 * luo_flb_freeze - freeze all FLBs that go over, and write the table
 *
 * Last step of a reboot that can fail. The table has room for all of them.
 *
 * Return: 0, or what an FLB failed with: those before it are unfrozen again, and
 * the table is empty
 */
int luo_flb_freeze(void)
{
	struct luo_flb_ser *entry = luo_flb_entries(luo_flb_table);
	struct liveupdate_flb *flb;
	unsigned int count = 0;
	int ret;

	down_read(&luo_register_rwsem);
	list_for_each_entry(flb, &luo_flbs, list) {
		ret = luo_flb_serialize(flb, &entry[count]);
		if (ret < 0)
			goto err_unfreeze;
		count += ret;
	}
	luo_flb_table->count = count;
	up_read(&luo_register_rwsem);
	return 0;

err_unfreeze:
	list_for_each_entry_continue_reverse(flb, &luo_flbs, list) {
		scoped_guard(mutex, &flb->outgoing.lock) {
			if (flb->outgoing.frozen)
				luo_flb_unfreeze_one(flb);
		}
	}
	memset(entry, 0, LUO_FLB_MAX * sizeof(*entry));
	up_read(&luo_register_rwsem);
	return ret;
}

/**
 * luo_flb_setup_outgoing - make the table of FLBs
 * @ser: root record, where its address belongs
 *
 * Return: 0, or what kho_alloc_preserve() fails with
 */
int luo_flb_setup_outgoing(struct luo_ser *ser)
{
	struct luo_flb_header_ser *table = kho_alloc_preserve(PAGE_SIZE);

	if (IS_ERR(table))
		return PTR_ERR(table);
	table->pgcnt = LUO_FLB_PGCNT;
	ser->flbs_pa = virt_to_phys(table);
	luo_flb_table = table;
	return 0;
}

/**
 * luo_flb_teardown_outgoing - undo luo_flb_setup_outgoing()
 * @ser: root record
 */
void luo_flb_teardown_outgoing(struct luo_ser *ser)
{
	ser->flbs_pa = 0;
	kho_unpreserve_free(luo_flb_table);
	luo_flb_table = NULL;
}

/* Incoming */

/* Entries are found by this once for each FLB, and there are at most a few. */
static struct luo_flb_incoming *luo_flb_in_by_name(const char *name)
{
	for (unsigned int i = 0; i < luo_nr_flb_in; i++)
		if (!strcmp(luo_flb_in[i].name, name))
			return &luo_flb_in[i];
	return NULL;
}

static struct luo_flb_incoming *luo_flb_in_of(struct liveupdate_flb *flb)
{
	struct luo_flb_incoming *in = READ_ONCE(flb->incoming);

	if (!in) {
		in = luo_flb_in_by_name(flb->compatible);
		WRITE_ONCE(flb->incoming, in);
	}
	return in;
}

static int luo_flb_retrieve(struct liveupdate_flb *flb,
			    struct luo_flb_incoming *in)
{
	struct liveupdate_flb_op_args args = { .flb = flb, .data = in->data };
	int err;

	lockdep_assert_held(&in->lock);

	if (in->finished)
		return -ENODATA;
	if (in->status)
		return min(in->status, 0);
	if (!try_module_get(flb->ops->owner))
		return -ENODEV;
	err = luo_op_error(flb->ops->retrieve(&args));
	if (err) {
		module_put(flb->ops->owner);
		if (!liveupdate_error_is_transient(err))
			in->status = err;
		return err;
	}
	in->obj = args.obj;
	in->status = 1;
	return 0;
}

/* Something does not need the object any more: is this the end of it? */
static void luo_flb_finish_unused(struct liveupdate_flb *flb,
				  struct luo_flb_incoming *in)
{
	struct liveupdate_flb_op_args args = { .flb = flb };
	int err;

	lockdep_assert_held(&in->lock);

	if (in->files || in->users || in->finished)
		return;
	err = luo_flb_retrieve(flb, in);
	/* Whoever gets and puts it next tries again. */
	if (liveupdate_error_is_transient(err)) {
		pr_warn("the object %s was never retrieved and cannot be now (%pe): its memory stays reserved until somebody uses the object\n",
			flb->compatible, ERR_PTR(err));
		return;
	}
	in->finished = true;
	if (err) {
		pr_warn("the object %s was never retrieved and cannot be (%pe): its memory stays reserved until the next reboot\n",
			flb->compatible, ERR_PTR(err));
		return;
	}
	args.obj = in->obj;
	flb->ops->finish(&args);
	in->obj = NULL;
	module_put(flb->ops->owner);
}

/**
 * luo_flb_file_finish - a file of the previous kernel was finished
 * @fh: its handler
 */
void luo_flb_file_finish(struct liveupdate_file_handler *fh)
{
	struct luo_flb_incoming *in;
	struct luo_flb_link *link;

	guard(rwsem_read)(&luo_register_rwsem);
	WRITE_ONCE(fh->counted, true);
	list_for_each_entry_reverse(link, &fh->flb_list, list) {
		in = luo_flb_in_of(link->flb);
		if (!in)
			continue;
		scoped_guard(mutex, &in->lock) {
			if (in->files) {
				in->files--;
				luo_flb_finish_unused(link->flb, in);
			}
		}
	}
}

/**
 * liveupdate_flb_get_incoming - use what the previous kernel left of an FLB
 * @flb: the FLB; does not have to be registered
 * @objp: where to put the object
 *
 * Retrieves the object if nobody has done that yet. It stays until
 * liveupdate_flb_put_incoming().
 *
 * Context: process context, may sleep, from initcalls on; not from a callback of
 * an FLB.
 * Return: 0; -EOPNOTSUPP if live update is off; -ENODATA if the previous kernel left
 * no table of FLBs, or this one is finished; -ENOENT if it left none of this format;
 * -ENODEV if the module of the FLB is about to go; or what retrieving it fails or
 * failed with
 */
int liveupdate_flb_get_incoming(struct liveupdate_flb *flb, void **objp)
{
	struct luo_flb_incoming *in;
	int err;

	if (!liveupdate_enabled())
		return -EOPNOTSUPP;
	in = luo_flb_in_of(flb);
	if (!in)
		return luo_flb_in ? -ENOENT : -ENODATA;

	guard(mutex)(&in->lock);
	err = luo_flb_retrieve(flb, in);
	if (err)
		return err;
	in->users++;
	*objp = in->obj;
	return 0;
}
EXPORT_SYMBOL_GPL(liveupdate_flb_get_incoming);

/**
 * liveupdate_flb_put_incoming - undo liveupdate_flb_get_incoming()
 * @flb: the FLB
 *
 * Context: process context, may sleep; not from a callback of an FLB.
 */
void liveupdate_flb_put_incoming(struct liveupdate_flb *flb)
{
	struct luo_flb_incoming *in;

	if (!liveupdate_enabled())
		return;
	in = luo_flb_in_of(flb);
	if (WARN_ON_ONCE(!in))
		return;

	guard(mutex)(&in->lock);
	if (WARN_ON_ONCE(!in->users))
		return;
	in->users--;
	luo_flb_finish_unused(flb, in);
}
EXPORT_SYMBOL_GPL(liveupdate_flb_put_incoming);

/**
 * liveupdate_flb_any_incoming - did the previous kernel leave an FLB of this kind?
 * @prefix: what the names of its formats begin with, with or without a version
 *
 * For who gets -ENOENT from liveupdate_flb_get_incoming(): there may be one that is in
 * a format which nobody here reads.
 *
 * Context: any, from initcalls on.
 * Return: true if there is or was one
 */
bool liveupdate_flb_any_incoming(const char *prefix)
{
	for (unsigned int i = 0; i < luo_nr_flb_in; i++)
		if (str_has_prefix(luo_flb_in[i].name, prefix))
			return true;
	return false;
}
EXPORT_SYMBOL_GPL(liveupdate_flb_any_incoming);

static enum luo_reject luo_flb_accept(const struct luo_flb_ser *ser)
{
	struct luo_flb_incoming *in = &luo_flb_in[luo_nr_flb_in];
	enum luo_reject why = luo_check_flb(ser);

	if (why)
		return why;
	if (luo_flb_in_by_name(ser->name))
		return LUO_FLB_TWICE;

	mutex_init(&in->lock);
	strscpy(in->name, ser->name);
	in->data = ser->data;
	in->files = ser->count;
	luo_nr_flb_in++;
	return LUO_ACCEPTED;
}

/**
 * luo_flb_read_table - take over the sound entries of a table
 * @table: a page; not trusted
 *
 * Return: LUO_ACCEPTED, or what is wrong with the table as a whole
 */
VISIBLE_IF_KUNIT enum luo_reject
luo_flb_read_table(struct luo_flb_header_ser *table)
{
	const struct luo_flb_ser *ser = luo_flb_entries(table);
	enum luo_reject why = luo_check_flb_table(table);

	if (why)
		return why;
	/* Nobody could tell what to do if this small piece of memory failed. */
	luo_flb_in = kcalloc(table->count, sizeof(*luo_flb_in),
			     GFP_KERNEL | __GFP_NOFAIL);
	for (u64 i = 0; i < table->count; i++) {
		why = luo_flb_accept(&ser[i]);
		if (why)
			pr_err("object %llu (%*pE) of the previous kernel is left out: %s. Its memory stays reserved until the next reboot\n",
			       i, luo_text_len(ser[i].name), ser[i].name, luo_reject_str(why));
	}
	return LUO_ACCEPTED;
}

/**
 * luo_flb_setup_incoming - take over the table of FLBs, at boot
 * @flbs_pa: its address, or 0; not trusted
 */
void luo_flb_setup_incoming(u64 flbs_pa)
{
	enum luo_reject why = LUO_TABLE_PAGE;

	if (!flbs_pa)
		return;
	if (IS_ALIGNED(flbs_pa, PAGE_SIZE) && kho_range_is_stamped(flbs_pa, 1)) {
		why = luo_flb_read_table(phys_to_virt(flbs_pa));
		/* An unsound one may be something else's, such as a block of sessions. */
		if (!why)
			kho_restore_free(phys_to_virt(flbs_pa));
	}
	if (why)
		pr_err("the objects that files of the previous kernel depend on are lost: %s. Their memory stays reserved until the next reboot\n",
		       luo_reject_str(why));
}

#if IS_ENABLED(CONFIG_KUNIT)
/* What tests replace, and put back. */
struct luo_flb_header_ser *
luo_flb_swap_table(struct luo_flb_header_ser *table)
{
	swap(luo_flb_table, table);
	return table;
}

void luo_flb_forget_incoming(void)
{
	kfree(luo_flb_in);
	luo_flb_in = NULL;
	luo_nr_flb_in = 0;
}
#endif

/* Registration */

static struct luo_flb_link *luo_flb_find_link(struct liveupdate_file_handler *fh,
					      struct liveupdate_flb *flb)
{
	struct luo_flb_link *link;

	lockdep_assert_held(&luo_register_rwsem);

	list_for_each_entry(link, &fh->flb_list, list)
		if (link->flb == flb)
			return link;
	return NULL;
}

/* May an FLB that is not linked to anything, yet, be? */
static int luo_flb_may_add(struct liveupdate_flb *flb)
{
	struct liveupdate_flb *pos;

	lockdep_assert_held(&luo_register_rwsem);

	if (luo_nr_flbs == LUO_FLB_MAX)
		return -ENOSPC;
	list_for_each_entry(pos, &luo_flbs, list)
		if (!strcmp(pos->compatible, flb->compatible))
			return -EEXIST;
	return 0;
}

static void luo_flb_add(struct liveupdate_flb *flb)
{
	lockdep_assert_held_write(&luo_register_rwsem);

	if (!flb->ready) {
		mutex_init(&flb->outgoing.lock);
		/* Pairs with liveupdate_flb_get_outgoing(). */
		smp_store_release(&flb->ready, true);
	}
	list_add_tail(&flb->list, &luo_flbs);
	luo_nr_flbs++;
}

static void luo_flb_del_link(struct luo_flb_link *link)
{
	lockdep_assert_held_write(&luo_register_rwsem);

	/* The files that are left do without. */
	luo_flb_link_put(link, link->files);
	list_del(&link->list);
	if (!--link->flb->links) {
		list_del(&link->flb->list);
		luo_nr_flbs--;
	}
	kfree(link);
}

static bool luo_flb_is_complete(const struct liveupdate_flb *flb)
{
	const struct liveupdate_flb_ops *ops = flb->ops;

	return ops && ops->preserve && ops->unpreserve && ops->retrieve &&
	       ops->finish && flb->compatible[0] &&
	       memchr(flb->compatible, '\0', sizeof(flb->compatible));
}

int luo_flb_register(struct liveupdate_file_handler *fh,
		     struct liveupdate_flb *flb)
{
	struct luo_flb_link *link __free(kfree) = NULL;
	int err;

	if (WARN_ON(!luo_flb_is_complete(flb)))
		return -EINVAL;

	guard(rwsem_write)(&luo_register_rwsem);
	if (WARN_ON(!luo_handler_is_registered(fh)))
		return -EINVAL;
	link = kzalloc(sizeof(*link), GFP_KERNEL);
	if (!link)
		return -ENOMEM;
	if (luo_flb_find_link(fh, flb))
		return -EEXIST;
	if (!flb->links) {
		err = luo_flb_may_add(flb);
		if (err)
			return err;
		luo_flb_add(flb);
	}
	if (fh->counted)
		pr_warn("%s is registered with %s late: files that were preserved before do without it, those that were finished before keep it\n",
			flb->compatible, fh->compatible);
	flb->links++;
	link->flb = flb;
	link->seq = ++luo_flb_seq;
	list_add_tail(&no_free_ptr(link)->list, &fh->flb_list);
	return 0;
}

void luo_flb_unregister(struct liveupdate_file_handler *fh,
			struct liveupdate_flb *flb)
{
	struct luo_flb_link *link;

	guard(rwsem_write)(&luo_register_rwsem);
	link = luo_handler_is_registered(fh) ? luo_flb_find_link(fh, flb) : NULL;
	if (link)
		luo_flb_del_link(link);
	else
		pr_warn("%s is unregistered from %s, which it is not registered with\n",
			flb->compatible, fh->compatible);
}

/* The handler goes; with luo_register_rwsem held. */
void luo_flb_unregister_all(struct liveupdate_file_handler *fh)
{
	struct luo_flb_link *link, *next;

	lockdep_assert_held_write(&luo_register_rwsem);

	list_for_each_entry_safe_reverse(link, next, &fh->flb_list, list)
		luo_flb_del_link(link);
}

/**
 * liveupdate_register_flb - let the files of a handler depend on an FLB
 * @fh: the handler, registered
 * @flb: the FLB; static, @ops and @compatible filled in. May be registered with
 *	several handlers.
 *
 * To be called right after @fh is registered: files that were preserved before do not
 * depend on it, and those of the previous kernel that were finished before still count,
 * so that it is never finished. The log has a warning then.
 *
 * Context: process context, may sleep, from initcalls on; not from a callback.
 * Return: 0; -EOPNOTSUPP if live update is off; -EINVAL if a mandatory callback is
 * missing, @compatible is empty or not terminated, or @fh is not registered; -ENOMEM;
 * -EEXIST if it is registered with @fh already, or if there is another FLB of that
 * format; -ENOSPC if there are too many FLBs
 */
int liveupdate_register_flb(struct liveupdate_file_handler *fh,
			    struct liveupdate_flb *flb)
{
	int err;

	if (!liveupdate_enabled())
		return -EOPNOTSUPP;
	err = luo_flb_register(fh, flb);
	if (!err)
		luo_warn_undeclared(LIVEUPDATE_FORMAT_FLB, flb->compatible,
				    flb->ops->owner);
	return err;
}
EXPORT_SYMBOL_GPL(liveupdate_register_flb);

/**
 * liveupdate_unregister_flb - undo liveupdate_register_flb()
 * @fh: the handler
 * @flb: the FLB
 *
 * Context: process context, may sleep; not from a callback.
 */
void liveupdate_unregister_flb(struct liveupdate_file_handler *fh,
			       struct liveupdate_flb *flb)
{
	if (liveupdate_enabled())
		luo_flb_unregister(fh, flb);
}
EXPORT_SYMBOL_GPL(liveupdate_unregister_flb);
