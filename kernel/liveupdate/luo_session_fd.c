// SPDX-License-Identifier: GPL-2.0-only
/*
 * LUO: the descriptor of a session.
 *
 * Life cycle: made by an ioctl of the device, at most one open file for each session
 * at a time. It can be passed on in all ways that descriptors can; the last close
 * releases the session.
 *
 * The text of its link in /proc, "anon_inode:[luo_session] NAME", is ABI: clients tell
 * sessions by it. The name is in it byte for byte. Each session has an inode of its
 * own, so that fstat() tells two descriptors of one session from those of two. To
 * security modules it is as private as the one that anonymous files share: they are
 * not asked whether it may be made, either. What they can forbid is the device.
 *
 * Whoever has the descriptor may call the ioctls, at the same time even; those that
 * change something take turns at the session's mutex.
 */

#define pr_fmt(fmt) "luo: " fmt

#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/lockdep.h>
#include <linux/mount.h>
#include <linux/printk.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include "luo_internal.h"
#include "luo_ioctl.h"

#define LUO_SESSION_CLASS	"[luo_session] "

/* Where anonymous files live. */
static struct vfsmount *luo_session_mnt __ro_after_init;

static int luo_session_preserve_fd(struct luo_ucmd *ucmd)
{
	struct liveupdate_session_preserve_fd *arg = &ucmd->arg.preserve_fd;

	lockdep_assert_held(&luo_serialize_rwsem);
	return luo_file_preserve(&ucmd->session->files, arg->token, arg->fd);
}

/* The caller may take it for refused. */
static void luo_session_preserve_unanswered(struct luo_ucmd *ucmd)
{
	pr_warn_ratelimited("session %*pE: the file with token %#llx is preserved, but its caller could not be told so: its memory was not writable\n",
			    luo_text_len(ucmd->session->name), ucmd->session->name,
			    ucmd->arg.preserve_fd.token);
}

static int luo_session_unpreserve_fd(struct luo_ucmd *ucmd)
{
	struct liveupdate_session_unpreserve_fd *arg = &ucmd->arg.unpreserve_fd;

	lockdep_assert_held(&luo_serialize_rwsem);
	if (arg->reserved)
		return -EINVAL;
	return luo_file_unpreserve(&ucmd->session->files, arg->token);
}

static int luo_session_retrieve_fd(struct luo_ucmd *ucmd)
{
	int err;

	err = luo_file_retrieve(&ucmd->session->files,
				ucmd->arg.retrieve_fd.token, &ucmd->file);
	if (!err)
		luo_timeline_stamp(LUO_PHASE_FIRST_RETRIEVE);
	return err;
}

static int luo_session_finish_all(struct luo_ucmd *ucmd)
{
	if (ucmd->arg.finish.reserved)
		return -EINVAL;
	return luo_session_finish(ucmd->session);
}

static int luo_session_get_name(struct luo_ucmd *ucmd)
{
	struct liveupdate_session_get_name *arg = &ucmd->arg.get_name;

	if (arg->reserved)
		return -EINVAL;
	memcpy(arg->name, ucmd->session->name, sizeof(arg->name));
	return 0;
}

static int luo_session_list_files(struct luo_ucmd *ucmd)
{
	struct liveupdate_session_list_files *arg = &ucmd->arg.session_list_files;
	struct luo_list list = {
		.cookie = arg->cookie,
		.entries = arg->entries,
		.entry_size = arg->entry_size,
		.count = arg->count,
	};
	int err;

	if (arg->reserved)
		return -EINVAL;
	err = luo_list_files(&list, ucmd->session);
	arg->cookie = list.cookie;
	arg->count = list.count;
	return err;
}

#define LUO_SESSION_OP(_cmd, _fn, _struct, _last, ...)				\
	LUO_IOCTL_OP(LIVEUPDATE_CMD_SESSION_BASE, _cmd, _fn, _struct, _last,	\
		     __VA_ARGS__)

static const struct luo_ioctl_op luo_session_ops[] = {
	LUO_SESSION_OP(LIVEUPDATE_SESSION_PRESERVE_FD, luo_session_preserve_fd,
		       struct liveupdate_session_preserve_fd, token,
		       .outgoing = true, .locked = true,
		       .abort = luo_session_preserve_unanswered),
	LUO_SESSION_OP(LIVEUPDATE_SESSION_RETRIEVE_FD, luo_session_retrieve_fd,
		       struct liveupdate_session_retrieve_fd, token,
		       .incoming = true, .locked = true, .gives_fd = true),
	LUO_SESSION_OP(LIVEUPDATE_SESSION_FINISH, luo_session_finish_all,
		       struct liveupdate_session_finish, reserved,
		       .incoming = true, .locked = true),
	LUO_SESSION_OP(LIVEUPDATE_SESSION_GET_NAME, luo_session_get_name,
		       struct liveupdate_session_get_name, name,
		       .incoming = true, .outgoing = true),
	LUO_SESSION_OP(LIVEUPDATE_SESSION_LIST_FILES, luo_session_list_files,
		       struct liveupdate_session_list_files, count,
		       .incoming = true, .outgoing = true),
	LUO_SESSION_OP(LIVEUPDATE_SESSION_UNPRESERVE_FD, luo_session_unpreserve_fd,
		       struct liveupdate_session_unpreserve_fd, token,
		       .outgoing = true, .locked = true),
};

static const struct luo_ioctl_table luo_session_table = {
	.ops = luo_session_ops,
	.first = LIVEUPDATE_CMD_SESSION_BASE,
	.count = ARRAY_SIZE(luo_session_ops),
};

static long luo_session_ioctl(struct file *file, unsigned int cmd,
			      unsigned long arg)
{
	return luo_ioctl(&luo_session_table, cmd, arg, file->private_data);
}

static int luo_session_fd_release(struct inode *inode, struct file *file)
{
	/* There is none if luo_session_file_abort() has seen to it. */
	if (file->private_data)
		luo_session_release(file->private_data);
	return 0;
}

#ifdef CONFIG_PROC_FS
static void luo_session_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct liveupdate_session *session = file->private_data;

	if (mutex_lock_killable(&session->mutex))
		return;
	seq_printf(m, "luo-session:\t%*pE\n", luo_text_len(session->name),
		   session->name);
	seq_printf(m, "luo-direction:\t%s\n",
		   session->incoming ? "incoming" : "outgoing");
	if (session->incoming)
		seq_printf(m, "luo-finished:\t%d\nluo-damaged:\t%d\n",
			   session->finished, session->files.damaged);
	seq_printf(m, "luo-files:\t%llu\n", session->files.count);
	luo_file_set_show(&session->files, m);
	mutex_unlock(&session->mutex);
}
#endif

static const struct file_operations luo_session_fops = {
	.owner = THIS_MODULE,
	.release = luo_session_fd_release,
	.unlocked_ioctl = luo_session_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
#ifdef CONFIG_PROC_FS
	.show_fdinfo = luo_session_show_fdinfo,
#endif
};

int __init luo_session_fd_init(void)
{
	struct file *file;

	file = anon_inode_getfile(LUO_SESSION_CLASS, &luo_session_fops, NULL, O_RDWR);
	if (IS_ERR(file))
		return PTR_ERR(file);
	luo_session_mnt = mntget(file->f_path.mnt);
	fput(file);
	return 0;
}

void __init luo_session_fd_exit(void)
{
	mntput(luo_session_mnt);
}

/**
 * luo_session_file - open a session
 * @session: the session; belongs to the file from now on
 *
 * Return: the file, or what alloc_anon_inode() and alloc_file_pseudo() fail with
 */
struct file *luo_session_file(struct liveupdate_session *session)
{
	char text[sizeof(LUO_SESSION_CLASS) - 1 + sizeof(session->name)];
	struct inode *inode;
	struct file *file;

	inode = alloc_anon_inode(luo_session_mnt->mnt_sb);
	if (IS_ERR(inode))
		return ERR_CAST(inode);
	memcpy(text, LUO_SESSION_CLASS, sizeof(LUO_SESSION_CLASS) - 1);
	memcpy(text + sizeof(LUO_SESSION_CLASS) - 1, session->name,
	       sizeof(session->name));
	file = alloc_file_pseudo(inode, luo_session_mnt, text, O_RDWR,
				 &luo_session_fops);
	if (IS_ERR(file)) {
		iput(inode);
		return file;
	}
	file->private_data = session;
	return file;
}

/**
 * luo_session_file_abort - undo of luo_session_file() and of what it was called for
 * @file: nobody but the caller has ever seen it
 */
void luo_session_file_abort(struct file *file)
{
	struct liveupdate_session *session = file->private_data;

	file->private_data = NULL;
	fput(file);
	luo_session_abort(session);
}
