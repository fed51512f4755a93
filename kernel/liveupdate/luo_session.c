// SPDX-License-Identifier: GPL-2.0-only
/*
 * LUO: sessions, those made for the next kernel and those of the previous one.
 *
 * Life cycle: an outgoing session is created with a descriptor and lives as long as
 * that; with the last close its files are unpreserved. An incoming one is there from
 * the first open of the device on, is retrieved with a descriptor, and goes with
 * the last close of that, which finishes it, or when it is discarded. If it cannot be
 * finished at that moment it is as if it had never been retrieved.
 *
 * Each direction has its names and its order. A name is looked up in a tree sorted by
 * hash, which cannot fail and grows without anybody waiting; the order is the order
 * of ids, which is also what makes lists resumable.
 *
 * Callers: the device and the descriptors, in process context; the reboot. Creating
 * can fail for lack of memory and undoes itself. The reboot can fail in a file's
 * freeze, and unfreezes in reverse what was frozen before.
 */

#define pr_fmt(fmt) "luo: " fmt

#include <linux/atomic.h>
#include <linux/bug.h>
#include <linux/cleanup.h>
#include <linux/err.h>
#include <linux/lockdep.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/stringhash.h>

#include "luo_gate.h"
#include "luo_internal.h"

static struct luo_sessions luo_outgoing = {
	.rwsem = __RWSEM_INITIALIZER(luo_outgoing.rwsem),
	.blocks = KHO_BLOCK_SET_INIT(luo_outgoing.blocks,
				     sizeof(struct luo_session_ser)),
};

static struct luo_sessions luo_incoming = {
	.rwsem = __RWSEM_INITIALIZER(luo_incoming.rwsem),
};

/* Incoming sessions that are not finished. */
static atomic64_t luo_nr_unfinished = ATOMIC64_INIT(0);

struct luo_name {
	u64 hash;
	const char *name;
};

static u64 luo_name_hash(const char *name)
{
	return hashlen_string(NULL, name);
}

static int luo_name_cmp(const void *key, const struct rb_node *node)
{
	const struct liveupdate_session *session =
		rb_entry(node, struct liveupdate_session, by_name);
	const struct luo_name *name = key;

	if (name->hash != session->hash)
		return name->hash < session->hash ? -1 : 1;
	return strcmp(name->name, session->name);
}

static int luo_session_cmp(struct rb_node *new, const struct rb_node *node)
{
	const struct liveupdate_session *session =
		rb_entry(new, struct liveupdate_session, by_name);
	struct luo_name name = { session->hash, session->name };

	return luo_name_cmp(&name, node);
}

static struct luo_sessions *luo_sessions_of(bool incoming)
{
	return incoming ? &luo_incoming : &luo_outgoing;
}

static struct liveupdate_session *luo_session_lookup(struct luo_sessions *sessions,
						     const char *text)
{
	struct luo_name name = { luo_name_hash(text), text };
	struct rb_node *node;

	lockdep_assert_held(&sessions->rwsem);
	node = rb_find(&name, &sessions->by_name, luo_name_cmp);
	return rb_entry_safe(node, struct liveupdate_session, by_name);
}

static int luo_session_insert(struct luo_sessions *sessions,
			      struct liveupdate_session *session)
{
	struct rb_node *last, **link;

	lockdep_assert_held_write(&sessions->rwsem);
	if (rb_find_add(&session->by_name, &sessions->by_name, luo_session_cmp))
		return -EEXIST;

	session->id = ++sessions->last_id;
	last = rb_last(&sessions->by_id);
	link = last ? &last->rb_right : &sessions->by_id.rb_node;
	rb_link_node(&session->by_id, last, link);
	rb_insert_color(&session->by_id, &sessions->by_id);
	sessions->count++;
	return 0;
}

static void luo_session_remove(struct luo_sessions *sessions,
			       struct liveupdate_session *session)
{
	lockdep_assert_held_write(&sessions->rwsem);
	rb_erase(&session->by_name, &sessions->by_name);
	rb_erase(&session->by_id, &sessions->by_id);
	sessions->count--;
	if (!session->incoming)
		kho_block_set_shrink(&sessions->blocks, sessions->count);
}

struct liveupdate_session *luo_session_alloc(const char *name, bool incoming)
{
	struct liveupdate_session *session;

	session = kzalloc(sizeof(*session), GFP_KERNEL_ACCOUNT);
	if (!session)
		return NULL;
	memcpy(session->name, name, sizeof(session->name));
	session->hash = luo_name_hash(session->name);
	session->incoming = incoming;
	refcount_set(&session->ref, 1);
	mutex_init(&session->mutex);
	luo_file_set_init(&session->files, session);
	return session;
}

void luo_session_put(struct liveupdate_session *session)
{
	if (session && refcount_dec_and_test(&session->ref)) {
		mutex_destroy(&session->mutex);
		kfree(session);
	}
}

struct liveupdate_session *luo_session_find(const char *name, bool incoming)
{
	struct luo_sessions *sessions = luo_sessions_of(incoming);
	struct liveupdate_session *session;

	guard(rwsem_read)(&sessions->rwsem);
	session = luo_session_lookup(sessions, name);
	if (session)
		refcount_inc(&session->ref);
	return session;
}

static int luo_session_insert_outgoing(struct liveupdate_session *session)
{
	struct luo_sessions *sessions = &luo_outgoing;
	int err;

	guard(rwsem_write)(&sessions->rwsem);
	err = luo_session_insert(sessions, session);
	if (err)
		return err;
	err = kho_block_set_grow(&sessions->blocks, sessions->count);
	if (err)
		luo_session_remove(sessions, session);
	return err;
}

/**
 * luo_session_create - make an empty session for the next kernel
 * @name: its name
 *
 * Return: the session; -EPROTONOSUPPORT if the kernel that is loaded would lose it,
 * -EEXIST if the name is in use, -ENOMEM, -EINTR, or what kho_block_set_grow() fails with
 */
struct liveupdate_session *luo_session_create(const char *name)
{
	struct liveupdate_session *session;
	int err;

	session = luo_session_alloc(name, false);
	if (!session)
		return ERR_PTR(-ENOMEM);

	err = luo_enter();
	if (err)
		goto err_put;
	err = luo_gate_session(session) ?: luo_session_insert_outgoing(session);
	luo_leave();
	if (err)
		goto err_put;
	return session;

err_put:
	luo_session_put(session);
	return ERR_PTR(err);
}

/* Claim an incoming session, as the one that may do something with it. */
static struct liveupdate_session *luo_session_claim(const char *name)
{
	struct liveupdate_session *session;

	guard(rwsem_write)(&luo_incoming.rwsem);
	session = luo_session_lookup(&luo_incoming, name);
	if (!session)
		return ERR_PTR(-ENOENT);
	if (session->retrieved)
		return ERR_PTR(-EINVAL);
	session->retrieved = true;
	return session;
}

static void luo_session_unclaim(struct liveupdate_session *session)
{
	guard(rwsem_write)(&luo_incoming.rwsem);
	session->retrieved = false;
}

/**
 * luo_session_retrieve - take a session of the previous kernel
 * @name: its name
 *
 * Return: the session; -ENOENT if there is none, -EINVAL if someone else has it,
 * -EINTR
 */
struct liveupdate_session *luo_session_retrieve(const char *name)
{
	struct liveupdate_session *session;
	int err;

	err = luo_enter();
	if (err)
		return ERR_PTR(err);
	session = luo_session_claim(name);
	luo_leave();
	return session;
}

static void luo_session_release_outgoing(struct liveupdate_session *session)
{
	lockdep_assert_held(&luo_serialize_rwsem);
	scoped_guard(mutex, &session->mutex) {
		luo_file_unpreserve_all(&session->files);
		luo_file_set_destroy(&session->files);
	}
	scoped_guard(rwsem_write, &luo_outgoing.rwsem)
		luo_session_remove(&luo_outgoing, session);
	luo_session_put(session);
}

int luo_session_finish(struct liveupdate_session *session)
{
	int err;

	lockdep_assert_held(&luo_serialize_rwsem);
	lockdep_assert_held(&session->mutex);
	if (session->finished)
		return 0;
	err = luo_file_set_finish(&session->files);
	if (err)
		return err;
	session->finished = true;
	luo_timeline_finished(atomic64_dec_return(&luo_nr_unfinished));
	return 0;
}

/* Finish a session that is claimed, and take it from the list; or unclaim it. */
static int luo_session_drop(struct liveupdate_session *session)
{
	int err;

	scoped_guard(mutex, &session->mutex) {
		err = luo_session_finish(session);
		if (!err)
			luo_file_set_destroy(&session->files);
	}
	if (err) {
		luo_session_unclaim(session);
		return err;
	}
	scoped_guard(rwsem_write, &luo_incoming.rwsem)
		luo_session_remove(&luo_incoming, session);
	luo_session_put(session);
	return 0;
}

void luo_session_release(struct liveupdate_session *session)
{
	if (!luo_enter_release())
		return;
	if (!session->incoming)
		luo_session_release_outgoing(session);
	else if (luo_session_drop(session))
		pr_warn("session \"%*pE\" was closed while a file in it cannot be finished yet; it can be retrieved again\n",
			luo_text_len(session->name), session->name);
	luo_leave();
}

void luo_session_abort(struct liveupdate_session *session)
{
	if (session->incoming)
		luo_session_unclaim(session);
	else
		luo_session_release(session);
}

/**
 * luo_session_discard - give up a session of the previous kernel
 * @name: its name
 *
 * Return: 0; -ENOENT if there is none, -EINVAL if it is retrieved, -EBUSY if a file
 * cannot be finished yet, -EINTR
 */
int luo_session_discard(const char *name)
{
	struct liveupdate_session *session;
	int err;

	err = luo_enter();
	if (err)
		return err;
	session = luo_session_claim(name);
	err = PTR_ERR_OR_ZERO(session);
	if (!err)
		err = luo_session_drop(session);
	luo_leave();
	return err;
}

int luo_session_insert_incoming(struct liveupdate_session *session)
{
	guard(rwsem_write)(&luo_incoming.rwsem);
	if (luo_session_insert(&luo_incoming, session))
		return -EEXIST;
	atomic64_inc(&luo_nr_unfinished);
	return 0;
}

/* The first session with an id above @id. */
static struct rb_node *luo_session_after(struct luo_sessions *sessions, u64 id)
{
	struct rb_node *node = sessions->by_id.rb_node, *found = NULL;

	while (node) {
		if (rb_entry(node, struct liveupdate_session, by_id)->id > id) {
			found = node;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return found;
}

struct liveupdate_session *luo_session_next_incoming(u64 id)
{
	guard(rwsem_read)(&luo_incoming.rwsem);
	return rb_entry_safe(luo_session_after(&luo_incoming, id),
			     struct liveupdate_session, by_id);
}

/* Not with the session's mutex: a preserve may keep that for long. */
static void luo_session_describe(const struct liveupdate_session *session,
				 struct liveupdate_session_info *info)
{
	*info = (struct liveupdate_session_info){
		.files = READ_ONCE(session->files.count),
	};
	memcpy(info->name, session->name, sizeof(info->name));
	if (session->retrieved)
		info->flags |= LIVEUPDATE_SESSION_INFO_RETRIEVED;
	if (READ_ONCE(session->finished))
		info->flags |= LIVEUPDATE_SESSION_INFO_FINISHED;
	if (READ_ONCE(session->files.damaged))
		info->flags |= LIVEUPDATE_SESSION_INFO_DAMAGED;
}

unsigned int luo_session_list(bool incoming, u64 *cookie,
			      struct liveupdate_session_info *info,
			      unsigned int room)
{
	struct luo_sessions *sessions = luo_sessions_of(incoming);
	struct liveupdate_session *session;
	struct rb_node *node;
	unsigned int n = 0;

	guard(rwsem_read)(&sessions->rwsem);
	for (node = luo_session_after(sessions, *cookie); node && n < room;
	     node = rb_next(node)) {
		session = rb_entry(node, struct liveupdate_session, by_id);
		luo_session_describe(session, &info[n++]);
		*cookie = session->id;
	}
	return n;
}

static int luo_session_freeze(struct liveupdate_session *session,
			      struct kho_block_set_it *it)
{
	struct luo_session_ser *ser = kho_block_set_it_reserve_entry(it);

	if (WARN_ON_ONCE(!ser))
		return -ENOSPC;

	memcpy(ser->name, session->name, sizeof(ser->name));
	session->ser = ser;
	guard(mutex)(&session->mutex);
	return luo_file_set_freeze(&session->files, &ser->file_set_ser);
}

/* Undo it for this session and those before it, and forget the records of all. */
static void luo_sessions_unfreeze_from(struct rb_node *node)
{
	struct liveupdate_session *session;

	for (; node; node = rb_prev(node)) {
		session = rb_entry(node, struct liveupdate_session, by_id);
		guard(mutex)(&session->mutex);
		luo_file_set_unfreeze(&session->files,
				      &session->ser->file_set_ser);
	}
	kho_block_set_clear(&luo_outgoing.blocks);
}

int luo_sessions_freeze(u64 *sessions_pa)
{
	struct liveupdate_session *session;
	struct kho_block_set_it it;
	struct rb_node *node;
	int err;

	lockdep_assert_held_write(&luo_serialize_rwsem);
	guard(rwsem_write)(&luo_outgoing.rwsem);

	kho_block_set_it_init(&it, &luo_outgoing.blocks);
	for (node = rb_first(&luo_outgoing.by_id); node; node = rb_next(node)) {
		session = rb_entry(node, struct liveupdate_session, by_id);
		err = luo_session_freeze(session, &it);
		if (err) {
			luo_sessions_unfreeze_from(rb_prev(node));
			return err;
		}
	}
	*sessions_pa = kho_block_set_head_pa(&luo_outgoing.blocks);
	return 0;
}

void luo_sessions_unfreeze(void)
{
	lockdep_assert_held_write(&luo_serialize_rwsem);
	guard(rwsem_write)(&luo_outgoing.rwsem);
	luo_sessions_unfreeze_from(rb_last(&luo_outgoing.by_id));
}

u64 luo_sessions_outgoing(void)
{
	guard(rwsem_read)(&luo_outgoing.rwsem);
	return luo_outgoing.count;
}

void luo_sessions_for_each(void (*visit)(struct liveupdate_session *session,
					 void *arg), void *arg)
{
	struct liveupdate_session *session;
	struct rb_node *node;

	guard(rwsem_read)(&luo_outgoing.rwsem);
	for (node = rb_first(&luo_outgoing.by_id); node; node = rb_next(node)) {
		session = rb_entry(node, struct liveupdate_session, by_id);
		guard(mutex)(&session->mutex);
		visit(session, arg);
	}
}

u64 luo_sessions_unfinished(void)
{
	return atomic64_read(&luo_nr_unfinished) + luo_sessions_unread();
}
