// SPDX-License-Identifier: GPL-2.0-only
/*
 * The files of one session, as they come from the previous kernel.
 *
 * Their records are read once, and the blocks which held them freed. A file waits to
 * be retrieved, by user space or by another file that needs it; finishing ends what
 * the core knows of all files of the session, newest first, retrieved or not.
 *
 * What the previous kernel left is not trusted: a record that is unsound is
 * reported and left out. A file whose format nobody knows is no such case. It waits
 * for its handler, which is looked for again whenever the file is wanted; if there is
 * none when the session is finished, the file is dropped, and its memory stays
 * reserved since nobody knows where it is.
 *
 * All with the mutex of the session. Retrieving can fail, for this time or for good;
 * see struct liveupdate_file_ops.
 */

#define pr_fmt(fmt) "luo: " fmt

#include <linux/cleanup.h>
#include <linux/export.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kho_block.h>
#include <linux/liveupdate.h>
#include <linux/lockdep.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "luo_file.h"
#include "luo_internal.h"
#include "luo_records.h"

/* There is no way back to what the previous kernel left. */
#define LUO_GFP_IN	(GFP_KERNEL | __GFP_NOFAIL)

/* Look for the handler of a file that has none. False if there still is none. */
static bool luo_file_resolve(struct luo_file *file)
{
	if (!file->fh) {
		file->fh = luo_handler_of_format(file->compatible);
		if (!file->fh)
			return false;
		kfree(file->compatible);
		file->compatible = NULL;
	}
	return true;
}

/* Deserialize */

static enum luo_reject luo_file_accept(struct luo_file_set *set,
				       const struct luo_file_ser *ser)
{
	enum luo_reject why = luo_check_file(ser);
	struct luo_file *file;

	if (why)
		return why;
	file = kzalloc(sizeof(*file), LUO_GFP_IN);
	file->set = set;
	file->token = ser->token;
	file->serialized_data = ser->data;
	if (luo_file_insert(set, file)) {
		kfree(file);
		return LUO_TOKEN_TWICE;
	}
	file->fh = luo_handler_of_format(ser->compatible);
	if (!file->fh)
		file->compatible = kstrdup(ser->compatible, LUO_GFP_IN);
	return LUO_ACCEPTED;
}

static void luo_file_set_unsound(struct luo_file_set *set, enum luo_reject why)
{
	set->damaged = true;
	pr_err("session %*pE of the previous kernel is damaged: %s\n",
	       luo_file_set_name_len(set), luo_file_set_name(set),
	       luo_reject_str(why));
}

/* Each unsound record gets a line, as long as they do not flood the log. */
static void luo_file_unsound(struct luo_file_set *set, u64 nr,
			     const struct luo_file_ser *ser,
			     enum luo_reject why)
{
	set->damaged = true;
	pr_err_ratelimited("session %*pE of the previous kernel: file %llu (token %#llx, %*pE) is left out: %s. Its memory stays reserved until the next reboot\n",
			   luo_file_set_name_len(set), luo_file_set_name(set),
			   nr, ser->token,
			   luo_text_len(ser->compatible), ser->compatible, luo_reject_str(why));
}

/* One line for what may be thousands of files. */
static void luo_file_set_report_unknown(struct luo_file_set *set)
{
	const struct luo_file *file, *first = NULL;
	u64 count = 0;

	list_for_each_entry(file, &set->files, list) {
		if (file->fh)
			continue;
		if (!count++)
			first = file;
	}
	if (count)
		pr_warn("session %*pE of the previous kernel: no handler so far for %llu of %llu files (first: token %#llx, %*pE)\n",
			luo_file_set_name_len(set), luo_file_set_name(set),
			count, set->count,
			first->token, (int)strlen(first->compatible),
			first->compatible);
}

static void luo_file_set_read(struct luo_file_set *set, u64 count)
{
	const struct luo_file_ser *ser;
	struct kho_block_set_it it;
	enum luo_reject why;
	u64 nr = 0;

	kho_block_set_it_init(&it, &set->blocks);
	while ((ser = kho_block_set_it_read_entry(&it))) {
		why = luo_file_accept(set, ser);
		if (why)
			luo_file_unsound(set, nr, ser, why);
		nr++;
		cond_resched();
	}
	if (nr != count)
		luo_file_set_unsound(set, LUO_FILES_COUNT);
	luo_file_set_report_unknown(set);
}

/**
 * luo_file_set_deserialize - take over the files of a session
 * @set: the set, just initialised
 * @ser: its description; not trusted
 *
 * What is unsound is reported and left out, and @set->damaged says so.
 *
 * Return: 0; -ENOMEM: nothing has changed and it can be tried again
 */
int luo_file_set_deserialize(struct luo_file_set *set,
			     const struct luo_file_set_ser *ser)
{
	int err;

	luo_assert_held(set);

	err = kho_block_set_restore(&set->blocks, ser->files);
	if (err == -ENOMEM)
		return err;
	if (err)
		luo_file_set_unsound(set, LUO_FILES_CHAIN);
	else
		luo_file_set_read(set, ser->count);
	kho_block_set_destroy(&set->blocks);
	return 0;
}

/* Retrieve */

static void luo_file_retrieve_failed(struct luo_file *file, int err)
{
	if (liveupdate_error_is_transient(err))
		return;
	file->retrieve_status = err;
	pr_err_ratelimited("session %*pE: the file with token %#llx (%s) is lost: it cannot be retrieved (%pe)\n",
			   luo_file_set_name_len(file->set), luo_file_set_name(file->set),
			   file->token,
			   file->fh->compatible, ERR_PTR(err));
}

static int luo_file_do_retrieve(struct luo_file *file, struct file **filep)
{
	struct liveupdate_file_op_args args = luo_file_args(file);
	int err;

	file->busy = true;
	err = luo_op_error(file->fh->ops->retrieve(&args));
	file->busy = false;
	if (!err && WARN_ON_ONCE(!args.file))
		err = -EIO;
	if (err) {
		luo_file_retrieve_failed(file, err);
		return err;
	}
	file->file = get_file(args.file);
	file->retrieve_status = 1;
	if (luo_file_claim_id(file, file->file))
		pr_warn("session %*pE: the file with token %#llx is another one's, too\n",
			luo_file_set_name_len(file->set), luo_file_set_name(file->set),
			file->token);
	*filep = args.file;
	return 0;
}

/**
 * luo_file_retrieve - get a file
 * @set: the set that it is in
 * @token: its token
 * @filep: where to put it, with a reference for the caller
 *
 * Return: 0; -ENOENT if there is no such token, or no handler so far; -ELOOP if the
 * file is being retrieved, that is if it needs itself; or what its handler fails or
 * failed with
 */
int luo_file_retrieve(struct luo_file_set *set, u64 token, struct file **filep)
{
	struct luo_file *file = luo_file_find(set, token);

	if (!file)
		return -ENOENT;
	if (file->busy)
		return -ELOOP;
	if (file->retrieve_status < 0)
		return file->retrieve_status;
	if (file->retrieve_status > 0) {
		*filep = get_file(file->file);
		return 0;
	}
	if (set->finishing || !luo_file_resolve(file))
		return -ENOENT;
	return luo_file_do_retrieve(file, filep);
}

/**
 * liveupdate_get_file_incoming - get a file of the same session
 * @s: the session, from the arguments of the callback
 * @token: token of a file that the one at hand needs
 * @filep: where to put it, with a reference for the caller
 *
 * Retrieves the file if nobody has done that yet. User space may retrieve both in
 * any order.
 *
 * Context: retrieve() of a file handler. In can_finish() and finish() it only gives
 * files that were retrieved before, and -ENOENT for others.
 * Return: 0; -EINVAL if the session did not come from the previous kernel; otherwise
 * as luo_file_retrieve()
 */
int liveupdate_get_file_incoming(struct liveupdate_session *s, u64 token,
				 struct file **filep)
{
	lockdep_assert_held(&s->mutex);

	return s->incoming ? luo_file_retrieve(&s->files, token, filep) :
			     -EINVAL;
}
EXPORT_SYMBOL_GPL(liveupdate_get_file_incoming);

/* Finish */

static bool luo_file_can_finish(struct luo_file *file)
{
	struct liveupdate_file_op_args args;

	if (!luo_file_resolve(file) || !file->fh->ops->can_finish)
		return true;
	args = luo_file_args(file);
	return file->fh->ops->can_finish(&args);
}

static void luo_file_finish(struct luo_file *file)
{
	struct liveupdate_file_op_args args = luo_file_args(file);

	if (file->fh) {
		file->fh->ops->finish(&args);
		luo_flb_file_finish(file->fh);
	}
	luo_file_release_id(file);
	if (file->file)
		fput(file->file);
	luo_handler_put(file->fh);
	luo_file_remove(file);
	kfree(file->compatible);
	kfree(file);
}

static void luo_file_set_report_dropped(struct luo_file_set *set, u64 dropped,
					u64 token)
{
	if (dropped)
		pr_warn("session %*pE: %llu files dropped for lack of a handler (first: token %#llx). Their memory stays reserved until the next reboot\n",
			luo_file_set_name_len(set), luo_file_set_name(set),
			dropped, token);
}

/**
 * luo_file_set_finish - the session gives up its files
 * @set: the set
 *
 * Return: 0; -EBUSY if a file cannot be finished yet: nothing has changed
 */
int luo_file_set_finish(struct luo_file_set *set)
{
	struct luo_file *file, *prev;
	u64 dropped = 0, token = 0;

	luo_assert_held(set);

	set->finishing = true;
	list_for_each_entry(file, &set->files, list) {
		if (!luo_file_can_finish(file)) {
			set->finishing = false;
			return -EBUSY;
		}
		cond_resched();
	}

	list_for_each_entry_safe_reverse(file, prev, &set->files, list) {
		if (!file->fh) {
			dropped++;
			token = file->token;
		}
		luo_file_finish(file);
		cond_resched();
	}
	set->finishing = false;
	luo_file_set_report_dropped(set, dropped, token);
	return 0;
}
