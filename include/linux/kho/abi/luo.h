/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Handover format "luo-v5": the live update orchestrator's sessions, files and
 * file-bound objects.
 *
 * The KHO subtree LUO_KHO_ENTRY_NAME is a struct luo_ser in a page of its own. It
 * leads to the sessions, a set of KHO blocks (block.h), each of which leads to its
 * files, another set of blocks; and to the table of file-bound objects (FLBs),
 * one page. Each of these pages is preserved as a folio of order 0.
 *
 * Everything is packed and in native (little endian) byte order, addresses are
 * physical, 0 for none. Strings are NUL-terminated and not empty; what follows the
 * NUL has no meaning and is zero. Any change of a layout, a name or a meaning in
 * this file needs a new LUO_ABI_COMPATIBLE. A kernel takes over exactly its own
 * string. What &luo_file_ser.data and &luo_flb_ser.data lead to is the format of
 * the handler, which has a string of its own next to it.
 */
#ifndef LINUX_KHO_ABI_LUO_H
#define LINUX_KHO_ABI_LUO_H

#include <linux/align.h>
#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/types.h>
#include <uapi/linux/liveupdate.h>

#include <asm/page.h>

#define LUO_KHO_ENTRY_NAME		"LUO"
#define LUO_ABI_COMPATIBLE		"luo-v5"
#define LUO_ABI_COMPAT_LEN		ALIGN(sizeof(LUO_ABI_COMPATIBLE), 8)

/* Room for the strings of file handlers and FLBs, the NUL included. */
#define LIVEUPDATE_HNDL_COMPAT_LENGTH	48
#define LIVEUPDATE_FLB_COMPAT_LENGTH	48

/**
 * struct luo_ser - where everything else is
 * @compatible: LUO_ABI_COMPATIBLE
 * @liveupdate_num: how many updates in a row the kernel that gets this has behind
 *	it, at least 1
 * @sessions_pa: first block of struct luo_session_ser
 * @flbs_pa: table of FLBs
 */
struct luo_ser {
	char compatible[LUO_ABI_COMPAT_LEN];
	u64 liveupdate_num;
	u64 sessions_pa;
	u64 flbs_pa;
} __packed;

static_assert(sizeof(struct luo_ser) == 32);
static_assert(offsetof(struct luo_ser, compatible) == 0);
static_assert(offsetof(struct luo_ser, liveupdate_num) == 8);
static_assert(offsetof(struct luo_ser, sessions_pa) == 16);
static_assert(offsetof(struct luo_ser, flbs_pa) == 24);

/**
 * struct luo_file_set_ser - the files of a session
 * @files: first block of struct luo_file_ser
 * @count: number of files in all blocks, 0 exactly if there is none
 */
struct luo_file_set_ser {
	u64 files;
	u64 count;
} __packed;

static_assert(sizeof(struct luo_file_set_ser) == 16);
static_assert(offsetof(struct luo_file_set_ser, files) == 0);
static_assert(offsetof(struct luo_file_set_ser, count) == 8);

/**
 * struct luo_session_ser - a session, unique by its name
 * @name: its name
 * @file_set_ser: its files
 */
struct luo_session_ser {
	char name[LIVEUPDATE_SESSION_NAME_LENGTH];
	struct luo_file_set_ser file_set_ser;
} __packed;

static_assert(sizeof(struct luo_session_ser) == 80);
static_assert(offsetof(struct luo_session_ser, name) == 0);
static_assert(offsetof(struct luo_session_ser, file_set_ser) == 64);

/**
 * struct luo_file_ser - a file, unique in its session by its token
 * @compatible: the format of @data
 * @data: whatever the file handler of that format needs
 * @token: the name that user space knows it by
 */
struct luo_file_ser {
	char compatible[LIVEUPDATE_HNDL_COMPAT_LENGTH];
	u64 data;
	u64 token;
} __packed;

static_assert(sizeof(struct luo_file_ser) == 64);
static_assert(offsetof(struct luo_file_ser, compatible) == 0);
static_assert(offsetof(struct luo_file_ser, data) == 48);
static_assert(offsetof(struct luo_file_ser, token) == 56);

/**
 * struct luo_flb_header_ser - head of the table of FLBs
 * @pgcnt: pages that the table has, always 1
 * @count: number of struct luo_flb_ser that follow, at most LUO_FLB_MAX
 */
struct luo_flb_header_ser {
	u64 pgcnt;
	u64 count;
} __packed;

static_assert(sizeof(struct luo_flb_header_ser) == 16);
static_assert(offsetof(struct luo_flb_header_ser, pgcnt) == 0);
static_assert(offsetof(struct luo_flb_header_ser, count) == 8);

/**
 * struct luo_flb_ser - an FLB, unique by its name
 * @name: the format of @data
 * @data: whatever the FLB of that format needs
 * @count: number of files, in all sessions, that depend on it; not 0
 */
struct luo_flb_ser {
	char name[LIVEUPDATE_FLB_COMPAT_LENGTH];
	u64 data;
	u64 count;
} __packed;

static_assert(sizeof(struct luo_flb_ser) == 64);
static_assert(offsetof(struct luo_flb_ser, name) == 0);
static_assert(offsetof(struct luo_flb_ser, data) == 48);
static_assert(offsetof(struct luo_flb_ser, count) == 56);

#define LUO_FLB_PGCNT	1
#define LUO_FLB_MAX	((PAGE_SIZE - sizeof(struct luo_flb_header_ser)) / \
			 sizeof(struct luo_flb_ser))

#ifdef CONFIG_LIVEUPDATE_TEST
#define LIVEUPDATE_TEST_FLB_COMPATIBLE(i)	"liveupdate-test-flb-v" #i
#endif

#endif /* LINUX_KHO_ABI_LUO_H */
