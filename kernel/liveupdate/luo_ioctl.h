/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ioctl tables of LUO and their dispatcher, see luo_ioctl.c.
 */
#ifndef _LINUX_LUO_IOCTL_H
#define _LINUX_LUO_IOCTL_H

#include <linux/build_bug.h>
#include <linux/ioctl.h>
#include <linux/stddef.h>
#include <linux/types.h>
#include <uapi/linux/liveupdate.h>

struct file;
struct liveupdate_session;

/* The longest of the structures, and what those that give a descriptor begin with. */
union luo_ioctl_arg {
	struct {
		__u32 size;
		__s32 fd;
	} head;
	struct liveupdate_ioctl_create_session create_session;
	struct liveupdate_ioctl_retrieve_session retrieve_session;
	struct liveupdate_ioctl_list_sessions list_sessions;
	struct liveupdate_ioctl_list_files list_files;
	struct liveupdate_ioctl_discard_session discard_session;
	struct liveupdate_session_preserve_fd preserve_fd;
	struct liveupdate_session_retrieve_fd retrieve_fd;
	struct liveupdate_session_finish finish;
	struct liveupdate_session_get_name get_name;
	struct liveupdate_session_list_files session_list_files;
	struct liveupdate_session_unpreserve_fd unpreserve_fd;
};

/**
 * struct luo_ucmd - an ioctl on its way
 * @session: whose descriptor it is for, NULL for the device
 * @file: set by an operation that gives a descriptor
 * @arg: the argument, zero beyond what user space knows of it
 */
struct luo_ucmd {
	struct liveupdate_session *session;
	struct file *file;
	union luo_ioctl_arg arg;
};

/**
 * struct luo_ioctl_op - an ioctl
 * @size: size of its structure
 * @min_size: size of the first version of that
 * @outgoing: for sessions: it is for outgoing ones
 * @incoming: for sessions: it is for incoming ones
 * @locked: for sessions: between luo_enter() and luo_leave(), and with the mutex
 * @gives_fd: it sets @file of its argument, and user space gets a descriptor of it
 * @execute: does it; 0 or a negative errno with everything undone. NULL if there is no
 *	such ioctl
 * @abort: after a successful @execute whose answer cannot be delivered: undo it, or
 *	say that it stays; NULL if there is nothing to undo but the reference of @file
 */
struct luo_ioctl_op {
	u16 size;
	u16 min_size;
	u8 outgoing:1;
	u8 incoming:1;
	u8 locked:1;
	u8 gives_fd:1;
	int (*execute)(struct luo_ucmd *ucmd);
	void (*abort)(struct luo_ucmd *ucmd);
};

/**
 * struct luo_ioctl_table - the ioctls of a descriptor
 * @ops: by number, from @first on
 * @first: number of the first one
 * @count: number of entries
 */
struct luo_ioctl_table {
	const struct luo_ioctl_op *ops;
	unsigned int first;
	unsigned int count;
};

/* They have no direction and no size in their command words. */
#define LUO_IOCTL_OP(_first, _cmd, _fn, _struct, _last, ...)			\
	[_IOC_NR(_cmd) - (_first)] = {						\
		.size = sizeof(_struct) +					\
			BUILD_BUG_ON_ZERO(sizeof(_struct) >			\
					  sizeof(union luo_ioctl_arg)) +	\
			BUILD_BUG_ON_ZERO(offsetof(_struct, size)),		\
		.min_size = offsetofend(_struct, _last),			\
		.execute = (_fn),						\
		__VA_ARGS__							\
	}

long luo_ioctl(const struct luo_ioctl_table *table, unsigned int cmd,
	       unsigned long arg, struct liveupdate_session *session);

#endif /* _LINUX_LUO_IOCTL_H */
