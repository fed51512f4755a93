/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Live update: files and other objects that survive kexec.
 *
 * User space puts file descriptors into sessions (uapi/linux/liveupdate.h). A file
 * handler knows how to carry one kind of file over: it preserves the file in the
 * old kernel and restores it in the new one. A file-lifecycle-bound object (FLB) is
 * global state that the files of one or several handlers share; it is preserved
 * with the first of them and finished with the last.
 *
 * Registering: process context, may sleep, from initcalls on; not from a callback.
 * With live update off (liveupdate=on is not on the command line) or not built in,
 * everything returns -EOPNOTSUPP, which a caller takes for success. What is for
 * callbacks only does so if it is not built in; nobody calls it when it is off.
 */
#ifndef LINUX_LIVEUPDATE_H
#define LINUX_LIVEUPDATE_H

#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/kho/abi/luo.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <uapi/linux/liveupdate.h>

struct file;
struct kimage;
struct liveupdate_file_handler;
struct liveupdate_flb;
struct liveupdate_session;
struct module;

/**
 * struct liveupdate_file_op_args - arguments of file handler callbacks
 * @handler: the handler
 * @retrieve_status: can_finish(), finish(): 0 if the file was never retrieved, 1 if
 *	it was, a negative errno if retrieve() failed for good
 * @file: the file. Set by retrieve(), with one reference that goes to the caller;
 *	NULL in can_finish() and finish() unless it was retrieved
 * @serialized_data: what is handed over to the next kernel: set by preserve(), may
 *	be changed by freeze(), given to all others
 * @required: what the next kernel has to understand to read that, see
 *	liveupdate_format_features(): set by preserve(), 0 by default. The file is
 *	refused if the kernel that is loaded does not. Not handed over.
 * @device_format: the format of the state of the device that the file stands for, NULL
 *	by default: set by preserve(), stays valid until unpreserve(). The file is refused
 *	if the kernel that is loaded does not read it. Not handed over.
 * @private_data: whatever the handler wants to remember in the old kernel: set by
 *	preserve(), given to unpreserve(), freeze() and unfreeze()
 * @session: the session that the file is in, for liveupdate_get_token_outgoing()
 *	and liveupdate_get_file_incoming()
 */
struct liveupdate_file_op_args {
	struct liveupdate_file_handler *handler;
	int retrieve_status;
	struct file *file;
	u64 serialized_data;
	u64 required;
	const char *device_format;
	void *private_data;
	struct liveupdate_session *session;
};

/**
 * struct liveupdate_file_ops - how to carry one kind of file over
 *
 * All callbacks run in process context and may sleep. All but @can_preserve and
 * @get_id run under the mutex of the session, so no two of them run for the files
 * of one session at the same time; those of files in different sessions may. The
 * module @owner is pinned from before @preserve until after @unpreserve, and in the
 * new kernel from when the file was found until after @finish.
 *
 * @can_preserve: Can this handler carry @file over? The first handler to say so,
 *	in the order of registration, gets the file. Called for any file that
 *	anybody tries to preserve: a cheap look at what kind of file it is, under the
 *	lock of all registrations. Mandatory.
 *
 * @preserve: Old kernel, somebody wants to have the file handed over. Everything
 *	that can be refused is refused here: allocate and preserve what the next
 *	kernel needs, set @serialized_data and @private_data of the arguments. The
 *	file goes on being used; what must not happen to it any more is blocked by
 *	the handler. The core holds a reference of the file until after
 *	@unpreserve. Returns 0, or a negative errno with everything undone.
 *	Mandatory.
 *
 * @unpreserve: Old kernel, the file will not be handed over after all. Undo
 *	@preserve. Cannot fail; never called between @freeze and @unfreeze.
 *	Mandatory.
 *
 * @freeze: Old kernel, the jump is imminent, devices and user space are still
 *	alive. Record what may have changed since @preserve; may change
 *	@serialized_data. This is the last step that may fail; files are frozen in
 *	the order in which they were preserved. Returns 0; everything else calls the
 *	update off, after all files that were frozen before are unfrozen, newest
 *	first. A file whose @freeze fails has undone it itself. Optional.
 *
 * @unfreeze: Old kernel, the update was called off after @freeze of this file.
 *	Undo it: the file is as after @preserve and may be frozen again. Cannot
 *	fail. Optional.
 *
 * @retrieve: New kernel, user space or another handler wants the file. Make it from
 *	@serialized_data, which comes from another kernel and is not to be trusted,
 *	and set @file. Called at most once with success. A transient error, see
 *	liveupdate_error_is_transient(), has to leave all that was preserved as it
 *	was: it is not remembered, and retrieve() is called again when somebody asks
 *	again. Any other error is final: what can be freed has been freed, and the
 *	errno is returned for ever. Mandatory.
 *
 * @can_finish: New kernel, may @finish be called now? If any file of a session says
 *	no, none of them is finished. No side effects: nothing is retrieved while
 *	files are asked. Optional, default yes.
 *
 * @finish: New kernel, the session gives the file up, newest first. With
 *	@retrieve_status 0, free all that was preserved for it; with 1, the file
 *	lives on with whoever holds it and may be preserved again from now on;
 *	negative, @retrieve has cleaned up already. Cannot fail. Mandatory.
 *
 * @get_id: Identity of what is behind @file: while an object with this id is
 *	preserved or retrieved but not finished, it cannot be preserved again. The
 *	address of an object in the kernel; the same for all files of it, from
 *	@preserve to @unpreserve and from @retrieve to @finish. Must not sleep.
 *	Optional, default is @file itself.
 *
 * @owner: the module that all of these are in
 */
struct liveupdate_file_ops {
	bool (*can_preserve)(struct liveupdate_file_handler *handler,
			     struct file *file);
	int (*preserve)(struct liveupdate_file_op_args *args);
	void (*unpreserve)(struct liveupdate_file_op_args *args);
	int (*freeze)(struct liveupdate_file_op_args *args);
	void (*unfreeze)(struct liveupdate_file_op_args *args);
	int (*retrieve)(struct liveupdate_file_op_args *args);
	bool (*can_finish)(struct liveupdate_file_op_args *args);
	void (*finish)(struct liveupdate_file_op_args *args);
	unsigned long (*get_id)(struct file *file);
	struct module *owner;
};

/* Which walk of the gate (luo_gate.c) has seen a format, with which features. */
struct luo_gate_mark {
	u64 walk;
	u64 required;
	bool refused;
};

/**
 * struct liveupdate_file_handler - one kind of file
 * @ops: its callbacks
 * @compatible: names the format of what is handed over, never a driver or a
 *	kernel. A file goes to the handler with the very same string in the next
 *	kernel, so any change of the format needs a new one. Declare it with
 *	liveupdate_format(), or the kernel before will not hand such files over.
 *
 * Static; the caller fills in @ops and @compatible and keeps its hands off the rest.
 */
struct liveupdate_file_handler {
	const struct liveupdate_file_ops *ops;
	const char compatible[LIVEUPDATE_HNDL_COMPAT_LENGTH];

	/* private: */
	struct list_head list;
	struct list_head flb_list;
	bool counted;
	struct luo_gate_mark mark;
};

/**
 * struct liveupdate_flb_op_args - arguments of FLB callbacks
 * @flb: the FLB
 * @data: what is handed over to the next kernel: set by preserve(), may be changed
 *	by freeze(), given to unpreserve(), unfreeze() and retrieve()
 * @required: what the next kernel has to understand to read that, as for files: set
 *	by preserve(), 0 by default
 * @obj: the live object: set by preserve() and retrieve(), given to all others
 */
struct liveupdate_flb_op_args {
	struct liveupdate_flb *flb;
	u64 data;
	u64 required;
	void *obj;
};

/**
 * struct liveupdate_flb_ops - how to carry an FLB over
 *
 * All callbacks run in process context and may sleep, under the lock of all
 * registrations and that of the FLB: they must not register anything, nor get or put
 * an FLB. The module @owner is pinned from before @preserve until after
 * @unpreserve, and in the new kernel from before @retrieve until after @finish.
 *
 * @preserve: Old kernel, the first file that depends on it is about to be preserved.
 *	Set @data, and @obj if liveupdate_flb_get_outgoing() is to find it. Returns
 *	0, or a negative errno with everything undone; the file is refused then.
 *	Mandatory.
 *
 * @unpreserve: Old kernel, the last file that depends on it, and the last user, are
 *	gone. Undo @preserve. Cannot fail. Mandatory.
 *
 * @freeze: Old kernel, every file that depends on it is frozen, the table of FLBs is
 *	about to be written; may change @data. FLBs are frozen in the order of their
 *	registration. Returns 0; everything else calls the update off, after the FLBs
 *	that were frozen before, newest first, and then all files, are unfrozen. An
 *	FLB whose @freeze fails has undone it itself. Optional.
 *
 * @unfreeze: Old kernel, the update was called off after @freeze. Undo it. Cannot
 *	fail. Optional.
 *
 * @retrieve: New kernel, somebody wants the object, or the last file is finished and
 *	nobody ever wanted it. Make it from @data, which comes from another kernel
 *	and is not to be trusted, and set @obj. A transient error, see
 *	liveupdate_error_is_transient(), has to leave all that was preserved as it
 *	was, and retrieve() is called again when somebody wants the object again; any
 *	other one is final. Mandatory.
 *
 * @finish: New kernel, the last file that depends on it is finished, and the last
 *	user gone. Only after @retrieve succeeded. Free @obj and all that was
 *	preserved for it. @data is not given. Cannot fail. Mandatory.
 *
 * @owner: the module that all of these are in
 */
struct liveupdate_flb_ops {
	int (*preserve)(struct liveupdate_flb_op_args *argp);
	void (*unpreserve)(struct liveupdate_flb_op_args *argp);
	int (*freeze)(struct liveupdate_flb_op_args *argp);
	void (*unfreeze)(struct liveupdate_flb_op_args *argp);
	int (*retrieve)(struct liveupdate_flb_op_args *argp);
	void (*finish)(struct liveupdate_flb_op_args *argp);
	struct module *owner;
};

struct luo_flb_incoming;

/**
 * struct liveupdate_flb - state that files share
 * @ops: its callbacks
 * @compatible: names the format of what is handed over, as for file handlers
 *
 * Static; the caller fills in @ops and @compatible and keeps its hands off the rest.
 */
struct liveupdate_flb {
	const struct liveupdate_flb_ops *ops;
	const char compatible[LIVEUPDATE_FLB_COMPAT_LENGTH];

	/* private: */
	struct list_head list;
	unsigned int links;
	bool ready;
	struct {
		struct mutex lock; /* protects all of this */
		u64 files;
		u64 users;
		u64 data;
		u64 required;
		void *obj;
		bool frozen;
	} outgoing;
	struct luo_gate_mark mark;
	struct luo_flb_incoming *incoming;
};

/**
 * liveupdate_error_is_transient - may a retrieve be tried again after this error?
 * @err: negative errno
 *
 * Return: true for errors that say something about this moment or the caller, and
 * not about what was handed over
 */
static inline bool liveupdate_error_is_transient(int err)
{
	switch (err) {
	case -ENOMEM:
	case -ENOSPC:
	case -EDQUOT:
	case -ENFILE:
	case -EACCES:
	case -EPERM:
	case -EAGAIN:
	case -EINTR:
	case -ERESTARTSYS:
	case -ERESTARTNOINTR:
		return true;
	default:
		return false;
	}
}

#ifdef CONFIG_LIVEUPDATE

bool liveupdate_enabled(void);
int liveupdate_reboot(void);
void liveupdate_jump(void);

/* From kexec_file_load() and kexec_load(), and when the image goes. */
int liveupdate_image_load(const struct kimage *image);
void liveupdate_image_free(const struct kimage *image);

int liveupdate_register_file_handler(struct liveupdate_file_handler *fh);
void liveupdate_unregister_file_handler(struct liveupdate_file_handler *fh);

int liveupdate_register_flb(struct liveupdate_file_handler *fh,
			    struct liveupdate_flb *flb);
void liveupdate_unregister_flb(struct liveupdate_file_handler *fh,
			       struct liveupdate_flb *flb);

int liveupdate_flb_get_incoming(struct liveupdate_flb *flb, void **objp);
void liveupdate_flb_put_incoming(struct liveupdate_flb *flb);
bool liveupdate_flb_any_incoming(const char *prefix);
int liveupdate_flb_get_outgoing(struct liveupdate_flb *flb, void **objp);
void liveupdate_flb_put_outgoing(struct liveupdate_flb *flb);

int liveupdate_get_token_outgoing(struct liveupdate_session *s,
				  struct file *file, u64 *tokenp);
int liveupdate_get_file_incoming(struct liveupdate_session *s, u64 token,
				 struct file **filep);

#else /* !CONFIG_LIVEUPDATE */

static inline bool liveupdate_enabled(void)
{
	return false;
}

static inline int liveupdate_reboot(void)
{
	return 0;
}

static inline void liveupdate_jump(void) { }

static inline int liveupdate_image_load(const struct kimage *image)
{
	return 0;
}

static inline void liveupdate_image_free(const struct kimage *image) { }

static inline int
liveupdate_register_file_handler(struct liveupdate_file_handler *fh)
{
	return -EOPNOTSUPP;
}

static inline void
liveupdate_unregister_file_handler(struct liveupdate_file_handler *fh) { }

static inline int liveupdate_register_flb(struct liveupdate_file_handler *fh,
					  struct liveupdate_flb *flb)
{
	return -EOPNOTSUPP;
}

static inline void liveupdate_unregister_flb(struct liveupdate_file_handler *fh,
					     struct liveupdate_flb *flb) { }

static inline int liveupdate_flb_get_incoming(struct liveupdate_flb *flb,
					      void **objp)
{
	return -EOPNOTSUPP;
}

static inline void liveupdate_flb_put_incoming(struct liveupdate_flb *flb) { }

static inline bool liveupdate_flb_any_incoming(const char *prefix)
{
	return false;
}

static inline int liveupdate_flb_get_outgoing(struct liveupdate_flb *flb,
					      void **objp)
{
	return -EOPNOTSUPP;
}

static inline void liveupdate_flb_put_outgoing(struct liveupdate_flb *flb) { }

static inline int liveupdate_get_token_outgoing(struct liveupdate_session *s,
						struct file *file, u64 *tokenp)
{
	return -EOPNOTSUPP;
}

static inline int liveupdate_get_file_incoming(struct liveupdate_session *s,
					       u64 token, struct file **filep)
{
	return -EOPNOTSUPP;
}

#endif /* CONFIG_LIVEUPDATE */

#endif /* LINUX_LIVEUPDATE_H */
