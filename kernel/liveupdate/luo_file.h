/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One file in a session: what luo_file.c (old kernel) and luo_file_in.c (new
 * kernel) share.
 */
#ifndef _LINUX_LUO_FILE_H
#define _LINUX_LUO_FILE_H

#include <linux/list.h>
#include <linux/liveupdate.h>
#include <linux/lockdep.h>
#include <linux/rbtree.h>
#include <linux/string.h>
#include <linux/types.h>

#include "luo_internal.h"

#define luo_assert_held(set)	lockdep_assert_held(&(set)->session->mutex)

struct luo_file_dep;

/**
 * struct luo_file - a file in a session
 * @list: in &luo_file_set.files
 * @by_token: in &luo_file_set.by_token
 * @by_nr: in &luo_file_set.by_nr
 * @by_id: in the tree of all files that cannot be preserved again; if @has_id
 * @set: whose file it is
 * @token: user space's name of it
 * @nr: ascending in the order of @list, from 1 on; 0 while it is not there yet
 * @id: of what is behind it
 * @has_id: that is claimed
 * @busy: incoming: being retrieved
 * @retrieve_status: incoming: as &liveupdate_file_op_args.retrieve_status
 * @fh: its handler, whose module is pinned; incoming: NULL if there is none so far
 * @compatible: incoming: the data format while there is no handler, else NULL
 * @file: with a reference; incoming: NULL unless retrieved
 * @serialized_data: of the handler
 * @required: outgoing: of the handler
 * @device_format: outgoing: of the handler
 * @private_data: outgoing: of the handler
 * @flb_seq: outgoing: for luo_flb_file_unpreserve()
 * @deps: outgoing: the files that it depends on
 * @dependents: outgoing: number of files that depend on it
 */
struct luo_file {
	struct list_head list;
	struct rb_node by_token;
	struct rb_node by_nr;
	struct rb_node by_id;
	struct luo_file_set *set;
	u64 token;
	u64 nr;
	unsigned long id;
	bool has_id;
	bool busy;
	int retrieve_status;
	struct liveupdate_file_handler *fh;
	char *compatible;
	struct file *file;
	u64 serialized_data;
	u64 required;
	const char *device_format;
	void *private_data;
	u64 flb_seq;
	struct luo_file_dep *deps;
	unsigned int dependents;
};

/* The one with that token, or NULL. */
struct luo_file *luo_file_find(struct luo_file_set *set, u64 token);
/* To the end of the set. -EEXIST: the token is in use. */
int luo_file_insert(struct luo_file_set *set, struct luo_file *file);
void luo_file_remove(struct luo_file *file);

/* -EBUSY: something with that id is preserved, or retrieved and not finished. */
int luo_file_claim_id(struct luo_file *file, struct file *filp);
void luo_file_release_id(struct luo_file *file);

/* For "%*pE", together with the name: it may be of any bytes. */
static inline const char *luo_file_set_name(const struct luo_file_set *set)
{
	return set->session->name;
}

static inline int luo_file_set_name_len(const struct luo_file_set *set)
{
	return strlen(set->session->name);
}

/* For callbacks. */
struct liveupdate_file_op_args luo_file_args(const struct luo_file *file);

#endif /* _LINUX_LUO_FILE_H */
