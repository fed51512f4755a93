/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the previous kernel left, record by record: is it sound?
 *
 * Pure: works on what it is given and nothing else, so that it runs in the kernel
 * at any time and on the host under sanitizers
 * (tools/testing/selftests/liveupdate/host). Addresses in the records are left to
 * whoever follows them; so is what can only be seen in comparison to others, such
 * as duplicates.
 */
#ifndef _LINUX_LUO_RECORDS_H
#define _LINUX_LUO_RECORDS_H

#include <linux/kho/abi/luo.h>
#include <linux/types.h>

/* Why a record was rejected. */
enum luo_reject {
	LUO_ACCEPTED,

	LUO_ROOT_SIZE,
	LUO_ROOT_FORMAT,

	LUO_NAME_EMPTY,
	LUO_NAME_ENDLESS,
	LUO_NAME_TWICE,

	LUO_FILES_CHAIN,
	LUO_FILES_COUNT,

	LUO_FORMAT_EMPTY,
	LUO_FORMAT_ENDLESS,
	LUO_TOKEN_TWICE,

	LUO_TABLE_PAGE,
	LUO_TABLE_PAGES,
	LUO_TABLE_COUNT,
	LUO_FLB_COUNT,
	LUO_FLB_TWICE,

	LUO_REJECT_MAX,
};

/* For the one line of log: a clause such as "its name is empty". */
const char *luo_reject_str(enum luo_reject why);

enum luo_reject luo_check_root(const struct luo_ser *ser, size_t size);
enum luo_reject luo_check_session(const struct luo_session_ser *ser);
enum luo_reject luo_check_file(const struct luo_file_ser *ser);
enum luo_reject luo_check_flb_table(const struct luo_flb_header_ser *ser);
enum luo_reject luo_check_flb(const struct luo_flb_ser *ser);

#endif /* _LINUX_LUO_RECORDS_H */
