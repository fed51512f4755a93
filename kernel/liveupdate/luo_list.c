// SPDX-License-Identifier: GPL-2.0-only
/*
 * LUO: what the list ioctls have in common.
 *
 * A list is copied out in batches of about a page: no lock is held while user memory
 * is touched, and none for long. The cookie is where the next batch begins.
 *
 * Callers: ioctls, in process context, without any lock. A failure half way changes
 * nothing but user memory.
 */

#include <linux/cleanup.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "luo_internal.h"

/* What the first version of these structures ended with. */
#define LUO_SESSION_INFO_MIN offsetofend(struct liveupdate_session_info, reserved)
#define LUO_FILE_INFO_MIN offsetofend(struct liveupdate_file_info, flags)

/**
 * struct luo_list_source - where entries come from
 * @size: size of an entry
 * @min_size: the least of it that user space must know
 * @incoming: sessions: the direction
 * @session: files: the session, NULL for sessions
 */
struct luo_list_source {
	u32 size;
	u32 min_size;
	bool incoming;
	struct liveupdate_session *session;
};

/* Next entries after *@cookie to @buf, their number or an error. */
static int luo_list_next(const struct luo_list_source *source, u64 *cookie,
			 void *buf, unsigned int room)
{
	int n;

	if (!source->session)
		return luo_session_list(source->incoming, cookie, buf, room);

	if (mutex_lock_killable(&source->session->mutex))
		return -EINTR;
	n = luo_file_set_list(&source->session->files, cookie, buf, room);
	mutex_unlock(&source->session->mutex);
	return n;
}

static int luo_list_copy(const struct luo_list_source *source,
			 const struct luo_list *list, u32 first,
			 const void *buf, unsigned int n)
{
	u32 known = min(source->size, list->entry_size);
	unsigned int i;

	for (i = 0; i < n; i++) {
		void __user *to = u64_to_user_ptr(list->entries +
						  (u64)(first + i) * list->entry_size);

		if (copy_to_user(to, buf + i * source->size, known) ||
		    clear_user(to + known, list->entry_size - known))
			return -EFAULT;
	}
	return 0;
}

static int luo_list(struct luo_list *list, const struct luo_list_source *source)
{
	unsigned int batch = PAGE_SIZE / source->size;
	u64 cookie = list->cookie;
	u32 done = 0;
	int n, err;

	if (list->entry_size < source->min_size)
		return -EINVAL;
	if (list->entry_size > PAGE_SIZE)
		return -E2BIG;

	void *buf __free(kfree) = kmalloc_array(batch, source->size, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;

	while (done < list->count) {
		n = luo_list_next(source, &cookie, buf,
				  min(batch, list->count - done));
		if (n < 0)
			return n;
		if (!n)
			break;
		err = luo_list_copy(source, list, done, buf, n);
		if (err)
			return err;
		done += n;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	list->cookie = cookie;
	list->count = done;
	return 0;
}

/**
 * luo_list_sessions - list all sessions of one direction
 * @list: what user space asks for; updated
 * @incoming: which direction
 *
 * Return: 0; -EINVAL or -E2BIG if the size of an entry makes no sense, -EFAULT,
 * -ENOMEM, -EINTR
 */
int luo_list_sessions(struct luo_list *list, bool incoming)
{
	return luo_list(list, &(struct luo_list_source){
		.size = sizeof(struct liveupdate_session_info),
		.min_size = LUO_SESSION_INFO_MIN,
		.incoming = incoming,
	});
}

/**
 * luo_list_files - list the files of one session
 * @list: what user space asks for; updated
 * @session: the session, with a reference or a descriptor
 *
 * Return: as luo_list_sessions()
 */
int luo_list_files(struct luo_list *list, struct liveupdate_session *session)
{
	return luo_list(list, &(struct luo_list_source){
		.size = sizeof(struct liveupdate_file_info),
		.min_size = LUO_FILE_INFO_MIN,
		.session = session,
	});
}
