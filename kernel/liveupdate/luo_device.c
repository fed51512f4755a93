// SPDX-License-Identifier: GPL-2.0-only
/*
 * LUO: /dev/liveupdate.
 *
 * Life cycle: the node appears at late_initcall and stays. One open file at a time;
 * the first open makes sessions of what the previous kernel left. Sessions live on
 * when the device is closed. To the blackout clock the first open is the first one for
 * writing: who only reads lists is not who was waited for.
 *
 * Who comes while it is open waits a moment for the holder to go, unless O_NONBLOCK
 * says otherwise, and gets EBUSY then: tools that look something up hold the device
 * for milliseconds, and a service manager does not try again. The moment begins when
 * the holder has got the device: what the first one has to read may take longer.
 *
 * This is no misc device because misc_open() keeps a mutex of all misc devices around
 * our open, and ours may wait, and may take its time to read thousands of sessions.
 * An open of a character device of its own keeps nobody else waiting.
 *
 * Who may open it is up to the permissions of the node: root only, by default.
 */

#define pr_fmt(fmt) "luo: " fmt

#include <linux/bitops.h>
#include <linux/cdev.h>
#include <linux/cleanup.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/moduleparam.h>
#include <linux/string.h>
#include <linux/wait.h>

#include "luo_internal.h"
#include "luo_ioctl.h"

#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX "liveupdate."

static unsigned int luo_open_wait_ms = 200;
module_param_named(open_wait_ms, luo_open_wait_ms, uint, 0644);
MODULE_PARM_DESC(open_wait_ms, "Milliseconds that open() waits for the holder of /dev/liveupdate");

#define LUO_DEVICE_OPEN		0
#define LUO_DEVICE_READING	1 /* its holder has not got it yet */
static unsigned long luo_device_state;
static DECLARE_WAIT_QUEUE_HEAD(luo_device_wait);

static bool luo_device_trylock(void)
{
	return !test_and_set_bit_lock(LUO_DEVICE_OPEN, &luo_device_state);
}

static bool luo_device_is_reading(void)
{
	return test_bit(LUO_DEVICE_READING, &luo_device_state);
}

static void luo_device_clear(unsigned int bit)
{
	clear_bit_unlock(bit, &luo_device_state);
	/* Against the condition of a waiter that is going to sleep. */
	smp_mb__after_atomic();
	wake_up(&luo_device_wait);
}

static void luo_device_unlock(void)
{
	luo_device_clear(LUO_DEVICE_OPEN);
}

static int luo_device_lock(bool nonblock)
{
	unsigned int ms = READ_ONCE(luo_open_wait_ms);
	long left;

	if (luo_device_trylock())
		return 0;
	if (nonblock || !ms)
		return -EBUSY;

	do {
		left = wait_event_killable(luo_device_wait, !luo_device_is_reading());
		if (left)
			return left;
		left = wait_event_killable_timeout(luo_device_wait,
						   luo_device_trylock(),
						   msecs_to_jiffies(ms));
	} while (!left && luo_device_is_reading());
	if (left < 0)
		return left;
	return left ? 0 : -EBUSY;
}

static int luo_device_read_sessions(void)
{
	int err;

	set_bit(LUO_DEVICE_READING, &luo_device_state);
	err = luo_sessions_deserialize();
	luo_device_clear(LUO_DEVICE_READING);
	return err;
}

static int luo_device_open(struct inode *inode, struct file *file)
{
	int err;

	err = luo_device_lock(file->f_flags & O_NONBLOCK);
	if (err)
		return err;
	err = luo_status.incoming_err ?: luo_device_read_sessions();
	if (err) {
		luo_device_unlock();
		return err;
	}
	if (file->f_mode & FMODE_WRITE)
		luo_timeline_stamp(LUO_PHASE_FIRST_OPEN);
	return 0;
}

static int luo_device_release(struct inode *inode, struct file *file)
{
	luo_device_unlock();
	return 0;
}

/*
 * A name from user space, which is an array of bytes with a NUL somewhere, padded. False
 * if it is empty or there is no NUL.
 */
static bool luo_name_get(char (*name)[LIVEUPDATE_SESSION_NAME_LENGTH],
			 const __u8 *from)
{
	return strscpy_pad(*name, (const char *)from) > 0;
}

static int luo_device_give(struct luo_ucmd *ucmd,
			   struct liveupdate_session *session)
{
	if (IS_ERR(session))
		return PTR_ERR(session);
	ucmd->file = luo_session_file(session);
	if (IS_ERR(ucmd->file)) {
		luo_session_abort(session);
		return PTR_ERR(ucmd->file);
	}
	return 0;
}

static void luo_device_take_back(struct luo_ucmd *ucmd)
{
	luo_session_file_abort(ucmd->file);
}

static int luo_device_create_session(struct luo_ucmd *ucmd)
{
	char name[LIVEUPDATE_SESSION_NAME_LENGTH];

	if (!luo_name_get(&name, ucmd->arg.create_session.name))
		return -EINVAL;
	return luo_device_give(ucmd, luo_session_create(name));
}

static int luo_device_retrieve_session(struct luo_ucmd *ucmd)
{
	char name[LIVEUPDATE_SESSION_NAME_LENGTH];

	if (!luo_name_get(&name, ucmd->arg.retrieve_session.name))
		return -ENOENT;
	return luo_device_give(ucmd, luo_session_retrieve(name));
}

static int luo_device_list_sessions(struct luo_ucmd *ucmd)
{
	struct liveupdate_ioctl_list_sessions *arg = &ucmd->arg.list_sessions;
	struct luo_list list = {
		.cookie = arg->cookie,
		.entries = arg->entries,
		.entry_size = arg->entry_size,
		.count = arg->count,
	};
	int err;

	if (arg->direction > LIVEUPDATE_INCOMING)
		return -EINVAL;
	err = luo_list_sessions(&list, arg->direction == LIVEUPDATE_INCOMING);
	arg->cookie = list.cookie;
	arg->count = list.count;
	return err;
}

static int luo_device_list_files(struct luo_ucmd *ucmd)
{
	struct liveupdate_ioctl_list_files *arg = &ucmd->arg.list_files;
	struct luo_list list = {
		.cookie = arg->cookie,
		.entries = arg->entries,
		.entry_size = arg->entry_size,
		.count = arg->count,
	};
	char name[LIVEUPDATE_SESSION_NAME_LENGTH];
	struct liveupdate_session *session;
	int err;

	if (arg->direction > LIVEUPDATE_INCOMING)
		return -EINVAL;
	if (!luo_name_get(&name, arg->name))
		return -ENOENT;
	session = luo_session_find(name, arg->direction == LIVEUPDATE_INCOMING);
	if (!session)
		return -ENOENT;
	err = luo_list_files(&list, session);
	luo_session_put(session);
	arg->cookie = list.cookie;
	arg->count = list.count;
	return err;
}

static int luo_device_discard_session(struct luo_ucmd *ucmd)
{
	char name[LIVEUPDATE_SESSION_NAME_LENGTH];

	if (ucmd->arg.discard_session.reserved)
		return -EINVAL;
	if (!luo_name_get(&name, ucmd->arg.discard_session.name))
		return -ENOENT;
	return luo_session_discard(name);
}

#define LUO_DEVICE_OP(_cmd, _fn, _struct, _last, ...)				\
	LUO_IOCTL_OP(LIVEUPDATE_CMD_BASE, _cmd, _fn, _struct, _last, __VA_ARGS__)

static const struct luo_ioctl_op luo_device_ops[] = {
	LUO_DEVICE_OP(LIVEUPDATE_IOCTL_CREATE_SESSION, luo_device_create_session,
		      struct liveupdate_ioctl_create_session, name,
		      .gives_fd = true, .abort = luo_device_take_back),
	LUO_DEVICE_OP(LIVEUPDATE_IOCTL_RETRIEVE_SESSION, luo_device_retrieve_session,
		      struct liveupdate_ioctl_retrieve_session, name,
		      .gives_fd = true, .abort = luo_device_take_back),
	LUO_DEVICE_OP(LIVEUPDATE_IOCTL_LIST_SESSIONS, luo_device_list_sessions,
		      struct liveupdate_ioctl_list_sessions, count),
	LUO_DEVICE_OP(LIVEUPDATE_IOCTL_LIST_FILES, luo_device_list_files,
		      struct liveupdate_ioctl_list_files, name),
	LUO_DEVICE_OP(LIVEUPDATE_IOCTL_DISCARD_SESSION, luo_device_discard_session,
		      struct liveupdate_ioctl_discard_session, name),
};

static const struct luo_ioctl_table luo_device_table = {
	.ops = luo_device_ops,
	.first = LIVEUPDATE_CMD_BASE,
	.count = ARRAY_SIZE(luo_device_ops),
};

static long luo_device_ioctl(struct file *file, unsigned int cmd,
			     unsigned long arg)
{
	return luo_ioctl(&luo_device_table, cmd, arg, NULL);
}

static const struct file_operations luo_device_fops = {
	.owner = THIS_MODULE,
	.open = luo_device_open,
	.release = luo_device_release,
	.unlocked_ioctl = luo_device_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static const struct class luo_class = {
	.name = "liveupdate",
};

static struct cdev luo_cdev;

int __init luo_device_init(void)
{
	struct device *dev;
	dev_t devt;
	int err;

	err = luo_session_fd_init();
	if (err)
		return err;
	err = class_register(&luo_class);
	if (err)
		goto err_session_fd;
	err = alloc_chrdev_region(&devt, 0, 1, "liveupdate");
	if (err)
		goto err_class;

	cdev_init(&luo_cdev, &luo_device_fops);
	err = cdev_add(&luo_cdev, devt, 1);
	if (err)
		goto err_region;

	/* Mode 0600 of root is what a class without an opinion gets. */
	dev = device_create(&luo_class, NULL, devt, NULL, "liveupdate");
	err = PTR_ERR_OR_ZERO(dev);
	if (err)
		goto err_cdev;
	return 0;

err_cdev:
	cdev_del(&luo_cdev);
err_region:
	unregister_chrdev_region(devt, 1);
err_class:
	class_unregister(&luo_class);
err_session_fd:
	luo_session_fd_exit();
	return err;
}
