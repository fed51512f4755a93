// SPDX-License-Identifier: GPL-2.0-only
/*
 * The files of one session, on their way to the next kernel.
 *
 * A file is preserved by its handler and stays so until it is dropped, or the whole
 * set is, or the next kernel has it. At the reboot the files are frozen, oldest
 * first, and their records written into blocks that were allocated with them.
 *
 * All with the mutex of the session, and between luo_enter() and luo_leave() or
 * from the reboot: so nothing changes while files are frozen. Preserving and
 * freezing can fail; what fails has undone what it did, newest first. Undoing
 * cannot fail.
 *
 * Files are found by token and by number in trees of their set, and by the identity
 * of what is behind them in a tree of all sets: trees, since there is nothing to allocate for
 * them, hence nothing that could fail, and nothing to resize.
 */

#define pr_fmt(fmt) "luo: " fmt

#include <linux/bug.h>
#include <linux/cleanup.h>
#include <linux/export.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kho_block.h>
#include <linux/liveupdate.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "luo_file.h"
#include "luo_gate.h"
#include "luo_internal.h"

/* A file needs another one: that cannot be dropped before. */
struct luo_file_dep {
	struct luo_file_dep *next;
	struct luo_file *on;
};

/* All files that cannot be preserved again, by what is behind them. */
static struct rb_root luo_files_by_id = RB_ROOT;
static DEFINE_MUTEX(luo_files_lock);

/* Both ways: the set and its trees */

/**
 * luo_file_set_init - make an empty set
 * @set: the set
 * @session: whose files it is for
 */
void luo_file_set_init(struct luo_file_set *set,
		       struct liveupdate_session *session)
{
	*set = (struct luo_file_set) {
		.files = LIST_HEAD_INIT(set->files),
		.by_token = RB_ROOT,
		.by_nr = RB_ROOT,
		.session = session,
	};
	kho_block_set_init(&set->blocks, sizeof(struct luo_file_ser));
}

/**
 * luo_file_set_destroy - end of a set
 * @set: the set, without any files
 */
void luo_file_set_destroy(struct luo_file_set *set)
{
	WARN_ON_ONCE(set->count);
	kho_block_set_destroy(&set->blocks);
}

struct luo_file *luo_file_find(struct luo_file_set *set, u64 token)
{
	struct rb_node *node = set->by_token.rb_node;

	luo_assert_held(set);

	while (node) {
		struct luo_file *file = rb_entry(node, struct luo_file, by_token);

		if (token == file->token)
			return file;
		node = token < file->token ? node->rb_left : node->rb_right;
	}
	return NULL;
}

int luo_file_insert(struct luo_file_set *set, struct luo_file *file)
{
	struct rb_node **link = &set->by_token.rb_node, *parent = NULL;

	luo_assert_held(set);

	while (*link) {
		struct luo_file *pos = rb_entry(*link, struct luo_file, by_token);

		if (file->token == pos->token)
			return -EEXIST;
		parent = *link;
		link = file->token < pos->token ? &parent->rb_left :
						  &parent->rb_right;
	}
	rb_link_node(&file->by_token, parent, link);
	rb_insert_color(&file->by_token, &set->by_token);

	/* Youngest ones go to the right. */
	parent = rb_last(&set->by_nr);
	rb_link_node(&file->by_nr, parent, parent ? &parent->rb_right :
						    &set->by_nr.rb_node);
	rb_insert_color(&file->by_nr, &set->by_nr);
	list_add_tail(&file->list, &set->files);
	file->nr = ++set->last_nr;
	set->count++;
	return 0;
}

void luo_file_remove(struct luo_file *file)
{
	struct luo_file_set *set = file->set;

	luo_assert_held(set);

	rb_erase(&file->by_token, &set->by_token);
	rb_erase(&file->by_nr, &set->by_nr);
	list_del(&file->list);
	set->count--;
}

int luo_file_claim_id(struct luo_file *file, struct file *filp)
{
	struct rb_node **link = &luo_files_by_id.rb_node, *parent = NULL;

	file->id = luo_handler_id(file->fh, filp);

	guard(mutex)(&luo_files_lock);
	while (*link) {
		struct luo_file *pos = rb_entry(*link, struct luo_file, by_id);

		if (file->id == pos->id)
			return -EBUSY;
		parent = *link;
		link = file->id < pos->id ? &parent->rb_left :
					    &parent->rb_right;
	}
	rb_link_node(&file->by_id, parent, link);
	rb_insert_color(&file->by_id, &luo_files_by_id);
	file->has_id = true;
	return 0;
}

void luo_file_release_id(struct luo_file *file)
{
	if (!file->has_id)
		return;

	guard(mutex)(&luo_files_lock);
	rb_erase(&file->by_id, &luo_files_by_id);
	file->has_id = false;
}

struct liveupdate_file_op_args luo_file_args(const struct luo_file *file)
{
	return (struct liveupdate_file_op_args) {
		.handler = file->fh,
		.retrieve_status = file->retrieve_status,
		.file = file->file,
		.serialized_data = file->serialized_data,
		.required = file->required,
		.device_format = file->device_format,
		.private_data = file->private_data,
		.session = file->set->session,
	};
}

static const char *luo_file_format(const struct luo_file *file)
{
	return file->fh ? file->fh->compatible : file->compatible;
}

static void luo_file_info(const struct luo_file *file,
			  struct liveupdate_file_info *info)
{
	*info = (struct liveupdate_file_info) {
		.token = file->token,
		.status = min(file->retrieve_status, 0),
		.required = file->required,
	};
	strscpy((char *)info->format, luo_file_format(file),
		sizeof(info->format));
	strscpy((char *)info->device_format, file->device_format ?: "",
		sizeof(info->device_format));
	if (!file->fh)
		info->flags |= LIVEUPDATE_FILE_INFO_NO_HANDLER;
	if (file->retrieve_status > 0)
		info->flags |= LIVEUPDATE_FILE_INFO_RETRIEVED;
}

/* The first file above @nr, or NULL. */
static struct luo_file *luo_file_after(struct luo_file_set *set, u64 nr)
{
	struct rb_node *node = set->by_nr.rb_node;
	struct luo_file *found = NULL;

	while (node) {
		struct luo_file *file = rb_entry(node, struct luo_file, by_nr);

		if (file->nr > nr) {
			found = file;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return found;
}

/**
 * luo_file_set_list - describe files in the order they were preserved
 * @set: the set
 * @cookie: where to begin, and where to go on: the number of a file
 * @info: where to put it
 * @room: number of files that there is room for
 *
 * Return: number of files described
 */
unsigned int luo_file_set_list(struct luo_file_set *set, u64 *cookie,
			       struct liveupdate_file_info *info,
			       unsigned int room)
{
	struct luo_file *file;
	unsigned int n = 0;

	luo_assert_held(set);

	file = luo_file_after(set, *cookie);
	if (!file)
		return 0;
	list_for_each_entry_from(file, &set->files, list) {
		if (n == room)
			break;
		luo_file_info(file, &info[n++]);
		*cookie = file->nr;
	}
	return n;
}

/**
 * luo_file_set_show - describe all files in text, for fdinfo
 * @set: the set
 * @m: where to
 */
void luo_file_set_show(struct luo_file_set *set, struct seq_file *m)
{
	struct luo_file *file;

	luo_assert_held(set);

	list_for_each_entry(file, &set->files, list) {
		cond_resched();
		seq_printf(m, "luo-file:\t%#llx %*pE ", file->token,
			   (int)strlen(luo_file_format(file)),
			   luo_file_format(file));
		if (!set->session->incoming)
			seq_puts(m, "preserved\n");
		else if (file->retrieve_status > 0)
			seq_puts(m, "retrieved\n");
		else if (file->retrieve_status)
			seq_printf(m, "failed %d\n", file->retrieve_status);
		else
			seq_puts(m, file->fh ? "waiting\n" : "unknown\n");
	}
}

/* Outgoing: dependencies */

static void luo_file_drop_deps(struct luo_file *file)
{
	struct luo_file_dep *dep;

	while ((dep = file->deps)) {
		file->deps = dep->next;
		dep->on->dependents--;
		kfree(dep);
	}
}

static int luo_file_add_dep(struct luo_file *file, struct luo_file *on)
{
	struct luo_file_dep *dep;

	for (dep = file->deps; dep; dep = dep->next)
		if (dep->on == on)
			return 0;
	dep = kmalloc(sizeof(*dep), GFP_KERNEL);
	if (!dep)
		return -ENOMEM;
	dep->on = on;
	dep->next = file->deps;
	file->deps = dep;
	on->dependents++;
	return 0;
}

/* Those of other sets may go at any time. */
static struct luo_file *luo_file_by_id(struct luo_file_set *set,
				       unsigned long id)
{
	struct rb_node *node;

	guard(mutex)(&luo_files_lock);
	node = luo_files_by_id.rb_node;
	while (node) {
		struct luo_file *file = rb_entry(node, struct luo_file, by_id);

		if (id == file->id)
			return file->set == set ? file : NULL;
		node = id < file->id ? node->rb_left : node->rb_right;
	}
	return NULL;
}

/**
 * liveupdate_get_token_outgoing - token of a file in the same session
 * @s: the session, from the arguments of the callback
 * @file: a file that the one at hand needs; any file of the same object
 * @tokenp: where to put the token, which can be handed over
 *
 * User space has to preserve that one first. If it is asked for in preserve(), the
 * file at hand depends on it from then on, so that it is not dropped first. In freeze()
 * nothing can be dropped, and a token is good for this freeze only.
 *
 * Context: preserve() or freeze() of a file handler.
 * Return: 0; -ENOENT if @file is not preserved in that session, or was so later than
 * the file at hand; -EINVAL if the session is not going to the next kernel; -ENOMEM
 */
int liveupdate_get_token_outgoing(struct liveupdate_session *s,
				  struct file *file, u64 *tokenp)
{
	struct luo_file_set *set = &s->files;
	struct luo_file *current_file = set->current_file, *on = NULL;
	unsigned long id;
	int err;

	luo_assert_held(set);

	if (s->incoming)
		return -EINVAL;
	if (luo_handler_file_id(file, &id))
		on = luo_file_by_id(set, id);
	if (!on || on == current_file)
		return -ENOENT;
	/* It has no number before it is preserved. */
	if (current_file && current_file->nr) {
		if (on->nr > current_file->nr)
			return -ENOENT;
	} else if (current_file) {
		err = luo_file_add_dep(current_file, on);
		if (err)
			return err;
	}
	*tokenp = on->token;
	return 0;
}
EXPORT_SYMBOL_GPL(liveupdate_get_token_outgoing);

/* Outgoing: preserve and unpreserve */

static int luo_file_call_preserve(struct luo_file *file)
{
	struct liveupdate_file_op_args args = luo_file_args(file);
	int err;

	file->set->current_file = file;
	err = luo_op_error(file->fh->ops->preserve(&args));
	file->set->current_file = NULL;
	if (err) {
		luo_file_drop_deps(file);
		return err;
	}
	file->serialized_data = args.serialized_data;
	file->required = args.required;
	file->device_format = args.device_format;
	file->private_data = args.private_data;
	return 0;
}

static void luo_file_call_unpreserve(struct luo_file *file)
{
	struct liveupdate_file_op_args args = luo_file_args(file);

	file->fh->ops->unpreserve(&args);
	luo_file_drop_deps(file);
}

/* @file has its token and its handler; all else is undone on failure. */
static int luo_file_do_preserve(struct luo_file *file)
{
	int err;

	err = luo_gate_file(file, false);
	if (err)
		return err;
	err = luo_file_claim_id(file, file->file);
	if (err)
		return err;
	err = luo_flb_file_preserve(file->fh, &file->flb_seq);
	if (err)
		goto err_id;
	err = luo_file_call_preserve(file);
	if (err)
		goto err_flb;
	/* Now it is known which features it takes. */
	err = luo_gate_file(file, true);
	if (err)
		goto err_preserve;
	return 0;

err_preserve:
	luo_file_call_unpreserve(file);
err_flb:
	luo_flb_file_unpreserve(file->fh, file->flb_seq);
err_id:
	luo_file_release_id(file);
	return err;
}

/* Consumes the reference of @filp if it succeeds. */
static int luo_file_add(struct luo_file_set *set, u64 token, struct file *filp)
{
	struct liveupdate_file_handler *fh;
	struct luo_file *file;
	int err;

	fh = luo_handler_of_file(filp);
	if (!fh)
		return -ENOENT;
	file = kzalloc(sizeof(*file), GFP_KERNEL);
	if (!file) {
		err = -ENOMEM;
		goto err_handler;
	}
	file->set = set;
	file->token = token;
	file->fh = fh;
	file->file = filp;
	err = luo_file_do_preserve(file);
	if (err)
		goto err_free;
	WARN_ON_ONCE(luo_file_insert(set, file));
	return 0;

err_free:
	kfree(file);
err_handler:
	luo_handler_put(fh);
	return err;
}

/**
 * luo_file_preserve - preserve what is behind a descriptor
 * @set: the set that it goes to
 * @token: token, unique in the set
 * @fd: the descriptor, of the current task
 *
 * Return: 0; -EEXIST if the token is in use; -ENOSPC if there are too many files;
 * -EBADF; -ENOENT if no handler can carry it over; -EBUSY if it is preserved
 * already, or retrieved and not finished; -EPROTONOSUPPORT if the kernel that is
 * loaded cannot take it over; -ENOMEM; or what an FLB or the handler refuses with
 */
int luo_file_preserve(struct luo_file_set *set, u64 token, int fd)
{
	struct file *filp;
	int err;

	luo_assert_held(set);

	if (luo_file_find(set, token))
		return -EEXIST;
	err = kho_block_set_grow(&set->blocks, set->count + 1);
	if (err)
		return err;
	filp = fget(fd);
	if (!filp) {
		err = -EBADF;
		goto err_shrink;
	}
	err = luo_file_add(set, token, filp);
	if (err)
		goto err_put;
	return 0;

err_put:
	fput(filp);
err_shrink:
	kho_block_set_shrink(&set->blocks, set->count);
	return err;
}

static void luo_file_drop(struct luo_file *file)
{
	struct luo_file_set *set = file->set;

	luo_file_call_unpreserve(file);
	luo_flb_file_unpreserve(file->fh, file->flb_seq);
	luo_file_release_id(file);
	luo_handler_put(file->fh);
	luo_file_remove(file);
	kho_block_set_shrink(&set->blocks, set->count);
	fput(file->file);
	kfree(file);
}

/**
 * luo_file_unpreserve - drop one file
 * @set: the set that it is in
 * @token: its token
 *
 * Return: 0; -ENOENT if there is no such token; -EBUSY if another file of the set
 * depends on it
 */
int luo_file_unpreserve(struct luo_file_set *set, u64 token)
{
	struct luo_file *file = luo_file_find(set, token);

	if (!file)
		return -ENOENT;
	if (file->dependents)
		return -EBUSY;
	luo_file_drop(file);
	return 0;
}

/**
 * luo_file_unpreserve_all - drop all files, newest first
 * @set: the set
 */
void luo_file_unpreserve_all(struct luo_file_set *set)
{
	struct luo_file *file, *prev;

	luo_assert_held(set);

	list_for_each_entry_safe_reverse(file, prev, &set->files, list) {
		luo_file_drop(file);
		cond_resched();
	}
}

/* Outgoing: freeze and unfreeze */

static int luo_file_freeze(struct luo_file *file)
{
	struct liveupdate_file_op_args args = luo_file_args(file);
	int err;

	if (!file->fh->ops->freeze)
		return 0;
	file->set->current_file = file;
	err = luo_op_error(file->fh->ops->freeze(&args));
	file->set->current_file = NULL;
	if (err)
		pr_err("the update is called off: in session %*pE the file with token %#llx (%s) cannot be frozen (%pe). Drop the file or the session, and try again\n",
		       luo_file_set_name_len(file->set), luo_file_set_name(file->set),
		       file->token,
		       file->fh->compatible, ERR_PTR(err));
	else
		file->serialized_data = args.serialized_data;
	return err;
}

static void luo_file_unfreeze(struct luo_file *file)
{
	struct liveupdate_file_op_args args = luo_file_args(file);

	if (file->fh->ops->unfreeze)
		file->fh->ops->unfreeze(&args);
}

static void luo_file_serialize(const struct luo_file *file,
			       struct luo_file_ser *ser)
{
	strscpy_pad(ser->compatible, file->fh->compatible);
	ser->data = file->serialized_data;
	ser->token = file->token;
}

/**
 * luo_file_set_freeze - freeze all files, oldest first, and write their records
 * @set: the set
 * @ser: where the set is described for the next kernel; zero to begin with
 *
 * Return: 0, or what a file fails with: those before it are unfrozen again, newest
 * first, the records are gone, and @ser is zero
 */
int luo_file_set_freeze(struct luo_file_set *set,
			struct luo_file_set_ser *ser)
{
	struct kho_block_set_it it;
	struct luo_file_ser *record;
	struct luo_file *file;
	int err;

	luo_assert_held(set);

	kho_block_set_it_init(&it, &set->blocks);
	list_for_each_entry(file, &set->files, list) {
		record = kho_block_set_it_reserve_entry(&it);
		err = WARN_ON_ONCE(!record) ? -ENOSPC : luo_file_freeze(file);
		if (err)
			goto err_unfreeze;
		luo_file_serialize(file, record);
		cond_resched();
	}
	ser->files = kho_block_set_head_pa(&set->blocks);
	ser->count = set->count;
	return 0;

err_unfreeze:
	list_for_each_entry_continue_reverse(file, &set->files, list) {
		luo_file_unfreeze(file);
		cond_resched();
	}
	kho_block_set_clear(&set->blocks);
	return err;
}

/**
 * luo_file_set_unfreeze - undo luo_file_set_freeze()
 * @set: the set
 * @ser: its description
 */
void luo_file_set_unfreeze(struct luo_file_set *set,
			   struct luo_file_set_ser *ser)
{
	struct luo_file *file;

	luo_assert_held(set);

	list_for_each_entry_reverse(file, &set->files, list) {
		luo_file_unfreeze(file);
		cond_resched();
	}
	kho_block_set_clear(&set->blocks);
	*ser = (struct luo_file_set_ser) { };
}
