// SPDX-License-Identifier: GPL-2.0-only
/*
 * LUO: the sessions as the previous kernel left them.
 *
 * Life cycle: at boot the chain of their records is checked and taken over. At the
 * first open of the device each record becomes a session; then the chain is freed;
 * then each session gets its files. That late because file handlers may come with
 * modules, and in this order because a record of a file may claim to be where a
 * record of a session is: it is not preserved any more then, and refused.
 *
 * What can fail: a record that makes no sense costs only that session, which is
 * reported and left out; its memory stays reserved. Lack of memory, or a fatal
 * signal, stops it, and the next open goes on from there.
 *
 * Callers: early_initcall; then the opener of the device, of which there is one at a
 * time, plus the reboot for luo_sessions_unread().
 */

#define pr_fmt(fmt) "luo: " fmt

#include <linux/cleanup.h>
#include <linux/errno.h>
#include <linux/init.h>
#include <linux/printk.h>
#include <linux/sched/signal.h>

#include "luo_internal.h"
#include "luo_records.h"

/**
 * struct luo_unread - how far it has got
 * @blocks: the records; empty when all have been read
 * @it: before the next one
 * @next: its number
 * @count: number of records
 * @filled: id of the last session that has its files
 * @done: all have
 */
struct luo_unread {
	struct kho_block_set blocks;
	struct kho_block_set_it it;
	u64 next;
	u64 count;
	u64 filled;
	bool done;
};

static struct luo_unread luo_unread = {
	.blocks = KHO_BLOCK_SET_INIT(luo_unread.blocks,
				     sizeof(struct luo_session_ser)),
};

int __init luo_sessions_receive(u64 sessions_pa)
{
	struct luo_unread *unread = &luo_unread;
	int err;

	err = kho_block_set_restore(&unread->blocks, sessions_pa);
	if (err)
		return err;

	kho_block_set_it_init(&unread->it, &unread->blocks);
	while (kho_block_set_it_read_entry(&unread->it))
		unread->count++;
	kho_block_set_it_init(&unread->it, &unread->blocks);
	return 0;
}

u64 luo_sessions_unread(void)
{
	return luo_unread.count - READ_ONCE(luo_unread.next);
}

/* @why is set if the record was left out. */
static int luo_session_read(const struct luo_session_ser *ser,
			    enum luo_reject *why)
{
	char name[LIVEUPDATE_SESSION_NAME_LENGTH];
	struct liveupdate_session *session;

	*why = luo_check_session(ser);
	if (*why)
		return 0;

	strscpy_pad(name, ser->name);
	session = luo_session_alloc(name, true);
	if (!session)
		return -ENOMEM;
	session->pending = ser->file_set_ser;
	if (luo_session_insert_incoming(session)) {
		luo_session_put(session);
		*why = LUO_NAME_TWICE;
	}
	return 0;
}

static int luo_sessions_read(struct luo_unread *unread)
{
	const struct luo_session_ser *ser;
	enum luo_reject why;
	int err;

	while ((ser = kho_block_set_it_read_entry(&unread->it))) {
		err = luo_session_read(ser, &why);
		if (err) {
			kho_block_set_it_prev(&unread->it);
			return err;
		}
		if (why)
			pr_warn("session %llu of the previous kernel, \"%*pE\", is left out, its memory stays reserved until the next reboot: %s\n",
				unread->next, luo_text_len(ser->name), ser->name,
				luo_reject_str(why));
		WRITE_ONCE(unread->next, unread->next + 1);
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}

	kho_block_set_destroy(&unread->blocks);
	kho_block_set_it_init(&unread->it, &unread->blocks);
	return 0;
}

static int luo_session_fill(struct liveupdate_session *session)
{
	guard(mutex)(&session->mutex);
	return luo_file_set_deserialize(&session->files, &session->pending);
}

static int luo_sessions_fill(struct luo_unread *unread)
{
	struct liveupdate_session *session;
	int err;

	while ((session = luo_session_next_incoming(unread->filled))) {
		err = luo_session_fill(session);
		if (err)
			return err;
		unread->filled = session->id;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

int luo_sessions_deserialize(void)
{
	struct luo_unread *unread = &luo_unread;
	int err;

	if (unread->done)
		return 0;
	err = luo_enter();
	if (err)
		return err;
	err = luo_sessions_read(unread);
	if (!err)
		err = luo_sessions_fill(unread);
	unread->done = !err;
	luo_leave();
	return err;
}
