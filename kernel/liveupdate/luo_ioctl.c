// SPDX-License-Identifier: GPL-2.0-only
/*
 * LUO: the dispatcher of ioctls, for the device and for sessions.
 *
 * Life cycle of a call: look the command up, copy its structure in, reserve a
 * descriptor if it gives one, execute it, copy the structure out, install the
 * descriptor. The order of the checks is ABI, since each has an errno of its own.
 *
 * What fails before or in execute has no effect. If the answer cannot be copied out,
 * the dispatcher has the operation aborted: who made a session, or took one, has not;
 * a descriptor is closed again; what was done to the files of a session stays done.
 * User memory is touched without any lock.
 */

#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/minmax.h>
#include <linux/uaccess.h>

#include "luo_internal.h"
#include "luo_ioctl.h"

/* What gives a descriptor has it where union luo_ioctl_arg has it. */
static_assert(offsetof(struct liveupdate_ioctl_create_session, fd) ==
	      offsetof(union luo_ioctl_arg, head.fd));
static_assert(offsetof(struct liveupdate_ioctl_retrieve_session, fd) ==
	      offsetof(union luo_ioctl_arg, head.fd));
static_assert(offsetof(struct liveupdate_session_retrieve_fd, fd) ==
	      offsetof(union luo_ioctl_arg, head.fd));

/* The command words of mainline, and its layouts. */
static_assert(LIVEUPDATE_IOCTL_CREATE_SESSION == 0xBA00);
static_assert(LIVEUPDATE_IOCTL_RETRIEVE_SESSION == 0xBA01);
static_assert(LIVEUPDATE_SESSION_PRESERVE_FD == 0xBA40);
static_assert(LIVEUPDATE_SESSION_RETRIEVE_FD == 0xBA41);
static_assert(LIVEUPDATE_SESSION_FINISH == 0xBA42);
static_assert(LIVEUPDATE_SESSION_GET_NAME == 0xBA43);
static_assert(LIVEUPDATE_SESSION_NAME_LENGTH == 64);
static_assert(sizeof(struct liveupdate_ioctl_create_session) == 72);
static_assert(offsetof(struct liveupdate_ioctl_create_session, name) == 8);
static_assert(sizeof(struct liveupdate_ioctl_retrieve_session) == 72);
static_assert(offsetof(struct liveupdate_ioctl_retrieve_session, name) == 8);
static_assert(sizeof(struct liveupdate_session_preserve_fd) == 16);
static_assert(offsetof(struct liveupdate_session_preserve_fd, fd) == 4);
static_assert(offsetof(struct liveupdate_session_preserve_fd, token) == 8);
static_assert(sizeof(struct liveupdate_session_retrieve_fd) == 16);
static_assert(offsetof(struct liveupdate_session_retrieve_fd, token) == 8);
static_assert(sizeof(struct liveupdate_session_finish) == 8);
static_assert(offsetof(struct liveupdate_session_finish, reserved) == 4);
static_assert(sizeof(struct liveupdate_session_get_name) == 72);
static_assert(offsetof(struct liveupdate_session_get_name, reserved) == 4);
static_assert(offsetof(struct liveupdate_session_get_name, name) == 8);

/* Our own. */
static_assert(sizeof(struct liveupdate_session_info) == 80);
static_assert(sizeof(struct liveupdate_file_info) == 120);
static_assert(sizeof(struct liveupdate_ioctl_list_sessions) == 32);
static_assert(sizeof(struct liveupdate_ioctl_list_files) == 96);
static_assert(sizeof(struct liveupdate_ioctl_discard_session) == 72);
static_assert(sizeof(struct liveupdate_session_list_files) == 32);
static_assert(sizeof(struct liveupdate_session_unpreserve_fd) == 16);
static_assert(LIVEUPDATE_FILE_FORMAT_LENGTH == LIVEUPDATE_HNDL_COMPAT_LENGTH);

static const struct luo_ioctl_op *luo_ioctl_find(const struct luo_ioctl_table *table,
						 unsigned int nr)
{
	const struct luo_ioctl_op *op;

	if (nr < table->first || nr - table->first >= table->count)
		return NULL;
	op = &table->ops[nr - table->first];
	return op->execute ? op : NULL;
}

static bool luo_ioctl_fits(const struct luo_ioctl_op *op,
			   const struct liveupdate_session *session)
{
	if (!session)
		return true;
	return session->incoming ? op->incoming : op->outgoing;
}

static int luo_ioctl_execute(const struct luo_ioctl_op *op, struct luo_ucmd *ucmd)
{
	int err;

	if (!op->locked)
		return op->execute(ucmd);

	err = luo_enter();
	if (err)
		return err;
	err = -EINTR;
	if (mutex_lock_killable(&ucmd->session->mutex))
		goto leave;
	err = op->execute(ucmd);
	mutex_unlock(&ucmd->session->mutex);
leave:
	luo_leave();
	return err;
}

static void luo_ioctl_abort(const struct luo_ioctl_op *op, struct luo_ucmd *ucmd)
{
	if (op->abort)
		op->abort(ucmd);
	else if (ucmd->file)
		fput(ucmd->file);
}

/* @size is what both sides know of the structure. */
static int luo_ioctl_answer(const struct luo_ioctl_op *op, struct luo_ucmd *ucmd,
			    void __user *user, size_t size)
{
	int err;

	err = luo_ioctl_execute(op, ucmd);
	if (err)
		return err;
	if (copy_to_user(user, &ucmd->arg, size)) {
		luo_ioctl_abort(op, ucmd);
		return -EFAULT;
	}
	return 0;
}

static int luo_ioctl_answer_fd(const struct luo_ioctl_op *op, struct luo_ucmd *ucmd,
			       void __user *user, size_t size)
{
	int fd, err;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	ucmd->arg.head.fd = fd;
	err = luo_ioctl_answer(op, ucmd, user, size);
	if (err) {
		put_unused_fd(fd);
		return err;
	}
	fd_install(fd, ucmd->file);
	return 0;
}

/**
 * luo_ioctl - do an ioctl
 * @table: what there is for this descriptor
 * @cmd: command word
 * @arg: user address of its structure
 * @session: whose descriptor it is, NULL for the device
 *
 * Return: 0 or a negative errno
 */
long luo_ioctl(const struct luo_ioctl_table *table, unsigned int cmd,
	       unsigned long arg, struct liveupdate_session *session)
{
	void __user *user = (void __user *)arg;
	struct luo_ucmd ucmd = { .session = session };
	const struct luo_ioctl_op *op;
	u32 size;
	int err;

	op = luo_ioctl_find(table, _IOC_NR(cmd));
	if (!op)
		return -EINVAL;
	if (get_user(size, (u32 __user *)user))
		return -EFAULT;
	if (cmd != _IO(LIVEUPDATE_IOCTL_TYPE, _IOC_NR(cmd)))
		return -ENOIOCTLCMD;
	if (!luo_ioctl_fits(op, session))
		return -EINVAL;
	if (size < op->min_size)
		return -EINVAL;
	err = copy_struct_from_user(&ucmd.arg, op->size, user, size);
	if (err)
		return err;

	size = min(size, op->size);
	if (op->gives_fd)
		return luo_ioctl_answer_fd(op, &ucmd, user, size);
	return luo_ioctl_answer(op, &ucmd, user, size);
}
