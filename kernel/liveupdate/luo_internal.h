/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the live update orchestrator (LUO) share.
 *
 * luo_core.c		whether it is on, the root blob both ways, the reboot
 * luo_device.c		/dev/liveupdate: its opener and its ioctls
 * luo_ioctl.c		tables of ioctls, and their dispatcher
 * luo_session.c	sessions: both lists, create, retrieve, discard, freeze
 * luo_session_in.c	sessions as the previous kernel left them
 * luo_session_fd.c	the descriptor of a session and its ioctls
 * luo_list.c		what the list ioctls have in common
 * luo_file.c ...	the files of one session, handlers
 * luo_flb.c		state shared by files
 * luo_gate.c ...	whether the next kernel can take it over; see luo_gate.h
 * luo_sysfs.c		/sys/kernel/liveupdate
 * luo_timeline.c	the blackout clock
 *
 * Lock order, outermost first:
 *
 *   luo_serialize_rwsem	readers: everything that may change a session or
 *				its files, between luo_enter() and luo_leave();
 *				writer: liveupdate_reboot()
 *   luo_sessions.rwsem		the sessions of one direction: their names, their
 *				order, their records, and retrieved
 *   liveupdate_session.mutex	the files of a session
 *   luo_images_lock		what is known of images that are loaded
 *   luo_register_rwsem		handlers, FLBs, and the links between them
 *   luo_flb mutexes		an FLB's state, one each way
 *   inode locks of handlers, then KHO's
 *   luo_files_lock		the objects that are preserved or retrieved; nothing
 *				is taken under it
 *
 * User memory is touched under none of them.
 */
#ifndef _LINUX_LUO_INTERNAL_H
#define _LINUX_LUO_INTERNAL_H

#include <linux/kho/abi/luo.h>
#include <linux/kho_block.h>
#include <linux/list.h>
#include <linux/liveupdate.h>
#include <linux/liveupdate_format.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/refcount.h>
#include <linux/rwsem.h>
#include <linux/string.h>
#include <uapi/linux/liveupdate.h>

#include "luo_records.h"
#include "luo_timeline.h"

struct file;
struct seq_file;

/*
 * For "%*pE", together with the array itself: text from user space or from the
 * previous kernel, of at most the size of its array.
 */
#define luo_text_len(array)	((int)strnlen(array, sizeof(array)))

/**
 * struct luo_file_set - the files of one session
 * @files: struct luo_file, in the order they were preserved
 * @by_token: the same, sorted by token
 * @by_nr: the same, sorted by &luo_file.nr
 * @count: number of them
 * @last_nr: &luo_file.nr of the youngest one ever
 * @current_file: outgoing: the one whose callback may ask for tokens now
 * @finishing: incoming: nothing can be retrieved now
 * @damaged: incoming: something of what the previous kernel left was unsound
 * @blocks: outgoing: their records, with room for @count
 * @session: whose files they are
 */
struct luo_file_set {
	struct list_head files;
	struct rb_root by_token;
	struct rb_root by_nr;
	u64 count;
	u64 last_nr;
	struct luo_file *current_file;
	bool finishing;
	bool damaged;
	struct kho_block_set blocks;
	struct liveupdate_session *session;
};

/**
 * struct liveupdate_session - a named set of preserved files
 * @name: padded with NULs, the last byte is one
 * @hash: of @name
 * @id: ascending in the order the sessions came into being, from 1 on
 * @by_name: in luo_sessions.by_name
 * @by_id: in luo_sessions.by_id
 * @ref: the list's and the descriptor's together, and passing ones
 * @incoming: came from the previous kernel (never changes)
 * @retrieved: incoming: there is a descriptor, or somebody is discarding it;
 *	under luo_sessions.rwsem, stable while there is a descriptor
 * @finished: incoming: under @mutex
 * @ser: outgoing: its record, while a reboot freezes it
 * @pending: incoming: where its files are, as long as they are not in @files
 * @mutex: protects @files
 * @files: its files
 */
struct liveupdate_session {
	char name[LIVEUPDATE_SESSION_NAME_LENGTH];
	u64 hash;
	u64 id;
	struct rb_node by_name;
	struct rb_node by_id;
	refcount_t ref;
	bool incoming;
	bool retrieved;
	bool finished;
	struct luo_session_ser *ser;
	struct luo_file_set_ser pending;
	struct mutex mutex; /* see above */
	struct luo_file_set files;
};

/**
 * struct luo_sessions - all sessions of one direction
 * @rwsem: protects all of this
 * @by_name: sorted by hash and name
 * @by_id: sorted by id, that is the order they came into being in
 * @last_id: id of the youngest one ever
 * @count: number of sessions
 * @blocks: outgoing: their records, with room for @count
 */
struct luo_sessions {
	struct rw_semaphore rwsem; /* see above */
	struct rb_root by_name;
	struct rb_root by_id;
	u64 last_id;
	u64 count;
	struct kho_block_set blocks;
};

/*
 * luo_core.c
 */

/**
 * struct luo_status - what became of LUO in this boot
 * @enabled: sessions can be made and retrieved; goes from true to false at most,
 *	and not after late_initcall
 * @reason: why it is not enabled, or why there is nothing to retrieve; in the
 *	user's words; NULL if all is well
 * @number: number of live updates up to this kernel, 0 after a cold boot
 * @incoming_err: what the previous kernel left could not be read
 */
struct luo_status {
	bool enabled;
	const char *reason;
	u64 number;
	int incoming_err;
};

extern struct luo_status luo_status;
extern struct rw_semaphore luo_serialize_rwsem;

/*
 * Around each change of a session or its files. luo_enter() waits for a reboot in
 * progress, which may be forever: only a fatal signal ends that (-EINTR).
 * luo_enter_release() is for what cannot fail. If it returns false, there is
 * nothing to be left: everything must stay as it is for the next kernel.
 */
int luo_enter(void);
bool luo_enter_release(void);
void luo_leave(void);

/*
 * luo_session.c. Names are padded with NULs and as long as the array they are in.
 */

struct liveupdate_session *luo_session_create(const char *name);
struct liveupdate_session *luo_session_retrieve(const char *name);
/* Undo of these two. */
void luo_session_abort(struct liveupdate_session *session);
/* The last descriptor was closed. */
void luo_session_release(struct liveupdate_session *session);
/* With the mutex of the session. */
int luo_session_finish(struct liveupdate_session *session);
int luo_session_discard(const char *name);

/* With a reference of its own: the session may be gone from its list meanwhile. */
struct liveupdate_session *luo_session_find(const char *name, bool incoming);
void luo_session_put(struct liveupdate_session *session);

/* Sessions with an id above *@cookie. Returns how many of @info were filled. */
unsigned int luo_session_list(bool incoming, u64 *cookie,
			      struct liveupdate_session_info *info,
			      unsigned int room);

/* For luo_session_in.c: a session that nobody else knows of yet. */
struct liveupdate_session *luo_session_alloc(const char *name, bool incoming);
int luo_session_insert_incoming(struct liveupdate_session *session);
/* The first one with an id above @id, or NULL. The opener of the device keeps it. */
struct liveupdate_session *luo_session_next_incoming(u64 id);

/*
 * From the reboot. A freeze that fails has rolled itself back; *sessions_pa is what
 * to hand over.
 */
int luo_sessions_freeze(u64 *sessions_pa);
void luo_sessions_unfreeze(void);
u64 luo_sessions_outgoing(void);
/* Outgoing ones in their order, each with its mutex. */
void luo_sessions_for_each(void (*visit)(struct liveupdate_session *session,
					 void *arg), void *arg);
/* Those of the previous kernel that nobody finished, read or not. */
u64 luo_sessions_unfinished(void);

/*
 * luo_session_in.c. The first one is for boot. The second one makes sessions of
 * what that has found, and does nothing more once it succeeded; -ENOMEM and -EINTR
 * are all that it fails with, and it goes on where it stopped then. The opener of
 * the device serializes.
 */
int luo_sessions_receive(u64 sessions_pa);
int luo_sessions_deserialize(void);
u64 luo_sessions_unread(void);

/* luo_session_fd.c; abort undoes what made @file's session, too. */
int luo_session_fd_init(void);
void luo_session_fd_exit(void);
struct file *luo_session_file(struct liveupdate_session *session);
void luo_session_file_abort(struct file *file);

/*
 * luo_list.c
 */

/**
 * struct luo_list - what the caller of a list ioctl asks for
 * @cookie: where to begin, and where to go on
 * @entries: user address of the first entry
 * @entry_size: size of an entry in user space
 * @count: entries there is room for, and how many were filled
 */
struct luo_list {
	u64 cookie;
	u64 entries;
	u32 entry_size;
	u32 count;
};

int luo_list_sessions(struct luo_list *list, bool incoming);
int luo_list_files(struct luo_list *list, struct liveupdate_session *session);

/* luo_device.c */
int luo_device_init(void);

/*
 * luo_file.c. All but init: with the mutex of the session.
 */

/* What a callback returned: 0 or a negative errno. */
static inline int luo_op_error(int ret)
{
	return ret > 0 ? -EIO : ret;
}

/* The set is empty after the second one, which needs an empty list of files. */
void luo_file_set_init(struct luo_file_set *set,
		       struct liveupdate_session *session);
void luo_file_set_destroy(struct luo_file_set *set);

/* Outgoing, between luo_enter() and luo_leave(). */
int luo_file_preserve(struct luo_file_set *set, u64 token, int fd);
int luo_file_unpreserve(struct luo_file_set *set, u64 token);
void luo_file_unpreserve_all(struct luo_file_set *set);

/*
 * Outgoing, from the reboot. A freeze that fails has rolled itself back, and *ser
 * is zero. An empty set is zero in @ser, too.
 */
int luo_file_set_freeze(struct luo_file_set *set,
			struct luo_file_set_ser *ser);
void luo_file_set_unfreeze(struct luo_file_set *set,
			   struct luo_file_set_ser *ser);

/*
 * Incoming. Deserialize never refuses: what is unsound is reported and left out,
 * its memory stays reserved, and set->damaged says so. Two sets may claim the same
 * chain of blocks. Only -ENOMEM is an error: nothing was consumed then, the set is
 * as it was after luo_file_set_init(), and it can be tried again.
 */
int luo_file_set_deserialize(struct luo_file_set *set,
			     const struct luo_file_set_ser *ser);
int luo_file_retrieve(struct luo_file_set *set, u64 token, struct file **filep);
/* -EBUSY: nothing has changed. */
int luo_file_set_finish(struct luo_file_set *set);

/*
 * Both ways. List gives the files after *@cookie, which it moves on; 0 is the
 * beginning, the rest is up to luo_file.c. Returns how many of @info were filled.
 * Show is for fdinfo: a line for each file.
 */
unsigned int luo_file_set_list(struct luo_file_set *set, u64 *cookie,
			       struct liveupdate_file_info *info,
			       unsigned int room);
void luo_file_set_show(struct luo_file_set *set, struct seq_file *m);

/*
 * luo_handler.c
 */

/*
 * Handlers, FLBs, and the links between them. FLB callbacks run under it.
 */
extern struct rw_semaphore luo_register_rwsem;

/* The handler of a file, or of a data format, with its module pinned. Or NULL. */
struct liveupdate_file_handler *luo_handler_of_file(struct file *file);
struct liveupdate_file_handler *luo_handler_of_format(const char *compatible);
void luo_handler_put(struct liveupdate_file_handler *fh);

/* Identity of what is behind a file of this handler. */
unsigned long luo_handler_id(struct liveupdate_file_handler *fh,
			     struct file *file);
bool luo_handler_file_id(struct file *file, unsigned long *id);

/* Names of the data formats that can be restored, one on each line. For sysfs. */
ssize_t luo_handlers_show(char *buf);

/* A format of what was registered has to be in the table of formats. */
void luo_warn_undeclared(enum liveupdate_format_kind kind, const char *format,
			 const struct module *owner);

/* For liveupdate_register_*() and tests: whether LUO is enabled or not. */
int luo_handler_register(struct liveupdate_file_handler *fh);
void luo_handler_unregister(struct liveupdate_file_handler *fh);
bool luo_handler_is_registered(struct liveupdate_file_handler *fh);
int luo_flb_register(struct liveupdate_file_handler *fh,
		     struct liveupdate_flb *flb);
void luo_flb_unregister(struct liveupdate_file_handler *fh,
			struct liveupdate_flb *flb);
void luo_flb_unregister_all(struct liveupdate_file_handler *fh);

#ifdef CONFIG_LIVEUPDATE_TEST
/* lib/tests/liveupdate.c: a handler was registered. */
void liveupdate_test_register(struct liveupdate_file_handler *fh);
#else
static inline void
liveupdate_test_register(struct liveupdate_file_handler *fh) { }
#endif

/*
 * luo_flb.c
 */

/* Makes the table and puts it into @ser; the other one is its undo. */
int luo_flb_setup_outgoing(struct luo_ser *ser);
void luo_flb_teardown_outgoing(struct luo_ser *ser);
/* At boot; not trusted, 0 for none. An unsound table is reported and left out. */
void luo_flb_setup_incoming(u64 flbs_pa);
/*
 * A file of this handler comes or goes. *@seq says which FLBs the handler had when
 * the file came: those linked to it later have nothing to do with the file.
 */
int luo_flb_file_preserve(struct liveupdate_file_handler *fh, u64 *seq);
void luo_flb_file_unpreserve(struct liveupdate_file_handler *fh, u64 seq);
void luo_flb_file_finish(struct liveupdate_file_handler *fh);
/* The FLBs of such a file, and the features that reading each one takes. */
void luo_flb_for_each(struct liveupdate_file_handler *fh, u64 seq,
		      void (*visit)(struct liveupdate_flb *flb, u64 required,
				    void *arg), void *arg);
/* Does a file depend on an FLB whose format begins like this? */
bool luo_flb_is_preserved(const char *prefix);
/*
 * From the reboot, after all files froze: freeze the FLBs, then write the table.
 * If it fails it has rolled itself back.
 */
int luo_flb_freeze(void);

#if IS_ENABLED(CONFIG_KUNIT)
enum luo_reject luo_flb_read_table(struct luo_flb_header_ser *table);
struct luo_flb_header_ser *luo_flb_swap_table(struct luo_flb_header_ser *table);
void luo_flb_forget_incoming(void);
#endif

#endif /* _LINUX_LUO_INTERNAL_H */
