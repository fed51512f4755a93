// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the previous kernel left, record by record: is it sound?
 *
 * Any context, nothing is changed, nothing but the record itself is looked at.
 */
#include <linux/string.h>

#include "luo_records.h"

static const char * const luo_reject_strs[LUO_REJECT_MAX] = {
	[LUO_ACCEPTED] = "it is sound",

	[LUO_ROOT_SIZE] = "the root record is too short",
	[LUO_ROOT_FORMAT] = "the format is not " LUO_ABI_COMPATIBLE,

	[LUO_NAME_EMPTY] = "the name is empty",
	[LUO_NAME_ENDLESS] = "the name has no end",
	[LUO_NAME_TWICE] = "there is another one of that name",

	[LUO_FILES_CHAIN] = "the records of its files are not preserved or malformed",
	[LUO_FILES_COUNT] = "it has another number of files than it says",

	[LUO_FORMAT_EMPTY] = "the name of the data format is empty",
	[LUO_FORMAT_ENDLESS] = "the name of the data format has no end",
	[LUO_TOKEN_TWICE] = "there is another one with that token",

	[LUO_TABLE_PAGE] = "the table is not a preserved page",
	[LUO_TABLE_PAGES] = "the table does not say that it has one page",
	[LUO_TABLE_COUNT] = "the table has more entries than it has room for",
	[LUO_FLB_COUNT] = "no file depends on it",
	[LUO_FLB_TWICE] = "there is another one of that data format",
};

/**
 * luo_reject_str - say why in words
 * @why: the reason
 *
 * Return: a clause for a line of log
 */
const char *luo_reject_str(enum luo_reject why)
{
	return luo_reject_strs[why];
}

static enum luo_reject luo_check_text(const char *text, size_t room,
				      enum luo_reject empty,
				      enum luo_reject endless)
{
	if (!text[0])
		return empty;
	return strnlen(text, room) == room ? endless : LUO_ACCEPTED;
}

/**
 * luo_check_root - is this the root record?
 * @ser: the record
 * @size: how many bytes there are of it
 *
 * Return: LUO_ACCEPTED, or what is wrong
 */
enum luo_reject luo_check_root(const struct luo_ser *ser, size_t size)
{
	if (size < sizeof(*ser))
		return LUO_ROOT_SIZE;
	if (strncmp(ser->compatible, LUO_ABI_COMPATIBLE,
		    sizeof(ser->compatible)))
		return LUO_ROOT_FORMAT;
	return LUO_ACCEPTED;
}

/**
 * luo_check_session - is this the record of a session?
 * @ser: the record; its file set is for luo_check_file_set()
 *
 * Return: LUO_ACCEPTED, or what is wrong
 */
enum luo_reject luo_check_session(const struct luo_session_ser *ser)
{
	return luo_check_text(ser->name, sizeof(ser->name), LUO_NAME_EMPTY,
			      LUO_NAME_ENDLESS);
}

/**
 * luo_check_file - is this the record of a file?
 * @ser: the record; @ser->data is for the handler
 *
 * Return: LUO_ACCEPTED, or what is wrong
 */
enum luo_reject luo_check_file(const struct luo_file_ser *ser)
{
	return luo_check_text(ser->compatible, sizeof(ser->compatible),
			      LUO_FORMAT_EMPTY, LUO_FORMAT_ENDLESS);
}

/**
 * luo_check_flb_table - is this the head of a table of FLBs?
 * @ser: the head of a page
 *
 * Return: LUO_ACCEPTED, or what is wrong
 */
enum luo_reject luo_check_flb_table(const struct luo_flb_header_ser *ser)
{
	if (ser->pgcnt != LUO_FLB_PGCNT)
		return LUO_TABLE_PAGES;
	return ser->count <= LUO_FLB_MAX ? LUO_ACCEPTED : LUO_TABLE_COUNT;
}

/**
 * luo_check_flb - is this the record of an FLB?
 * @ser: the record; @ser->data is for the FLB
 *
 * Return: LUO_ACCEPTED, or what is wrong
 */
enum luo_reject luo_check_flb(const struct luo_flb_ser *ser)
{
	enum luo_reject why;

	why = luo_check_text(ser->name, sizeof(ser->name), LUO_FORMAT_EMPTY,
			     LUO_FORMAT_ENDLESS);
	if (why)
		return why;
	return ser->count ? LUO_ACCEPTED : LUO_FLB_COUNT;
}
