// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the checks of what the previous kernel left, record by record. Also
 * built on the host, see tools/testing/selftests/liveupdate/host.
 */
#include <kunit/test.h>
#include <linux/kho/abi/luo.h>
#include <linux/string.h>

#include "luo_records.h"

static void root(struct kunit *test)
{
	struct luo_ser ser = { .compatible = LUO_ABI_COMPATIBLE };
	size_t size;

	for (size = 0; size < sizeof(ser); size++)
		KUNIT_EXPECT_EQ(test, luo_check_root(&ser, size), LUO_ROOT_SIZE);
	KUNIT_EXPECT_EQ(test, luo_check_root(&ser, size), LUO_ACCEPTED);
	KUNIT_EXPECT_EQ(test, luo_check_root(&ser, PAGE_SIZE), LUO_ACCEPTED);

	/* What comes after the NUL has no meaning. */
	ser.compatible[sizeof(ser.compatible) - 1] = 'x';
	KUNIT_EXPECT_EQ(test, luo_check_root(&ser, sizeof(ser)), LUO_ACCEPTED);

	for (size_t i = 0; i < sizeof(LUO_ABI_COMPATIBLE); i++) {
		ser = (struct luo_ser) { .compatible = LUO_ABI_COMPATIBLE };
		ser.compatible[i] ^= 1;
		KUNIT_EXPECT_EQ(test, luo_check_root(&ser, sizeof(ser)),
				LUO_ROOT_FORMAT);
	}
}

static void session(struct kunit *test)
{
	struct luo_session_ser ser = { .name = "x" };

	KUNIT_EXPECT_EQ(test, luo_check_session(&ser), LUO_ACCEPTED);
	memset(ser.name, 0xff, sizeof(ser.name) - 1);
	KUNIT_EXPECT_EQ(test, luo_check_session(&ser), LUO_ACCEPTED);
	memset(ser.name, 'x', sizeof(ser.name));
	KUNIT_EXPECT_EQ(test, luo_check_session(&ser), LUO_NAME_ENDLESS);
	ser.name[0] = '\0';
	KUNIT_EXPECT_EQ(test, luo_check_session(&ser), LUO_NAME_EMPTY);
}

static void file(struct kunit *test)
{
	struct luo_file_ser ser = { .compatible = "x", .data = ~0ULL };

	KUNIT_EXPECT_EQ(test, luo_check_file(&ser), LUO_ACCEPTED);
	memset(ser.compatible, 'x', sizeof(ser.compatible) - 1);
	KUNIT_EXPECT_EQ(test, luo_check_file(&ser), LUO_ACCEPTED);
	memset(ser.compatible, 'x', sizeof(ser.compatible));
	KUNIT_EXPECT_EQ(test, luo_check_file(&ser), LUO_FORMAT_ENDLESS);
	ser.compatible[0] = '\0';
	KUNIT_EXPECT_EQ(test, luo_check_file(&ser), LUO_FORMAT_EMPTY);
}

static void flb_table(struct kunit *test)
{
	struct luo_flb_header_ser ser = { .pgcnt = 1 };

	KUNIT_EXPECT_EQ(test, luo_check_flb_table(&ser), LUO_ACCEPTED);
	ser.count = LUO_FLB_MAX;
	KUNIT_EXPECT_EQ(test, luo_check_flb_table(&ser), LUO_ACCEPTED);
	ser.count++;
	KUNIT_EXPECT_EQ(test, luo_check_flb_table(&ser), LUO_TABLE_COUNT);
	ser.count = ~0ULL;
	KUNIT_EXPECT_EQ(test, luo_check_flb_table(&ser), LUO_TABLE_COUNT);
	ser.pgcnt = 0;
	KUNIT_EXPECT_EQ(test, luo_check_flb_table(&ser), LUO_TABLE_PAGES);
	ser.pgcnt = 2;
	KUNIT_EXPECT_EQ(test, luo_check_flb_table(&ser), LUO_TABLE_PAGES);
}

static void flb(struct kunit *test)
{
	struct luo_flb_ser ser = { .name = "x", .count = 1 };

	KUNIT_EXPECT_EQ(test, luo_check_flb(&ser), LUO_ACCEPTED);
	ser.count = 0;
	KUNIT_EXPECT_EQ(test, luo_check_flb(&ser), LUO_FLB_COUNT);
	memset(ser.name, 'x', sizeof(ser.name));
	KUNIT_EXPECT_EQ(test, luo_check_flb(&ser), LUO_FORMAT_ENDLESS);
	ser.name[0] = '\0';
	KUNIT_EXPECT_EQ(test, luo_check_flb(&ser), LUO_FORMAT_EMPTY);
}

/* Each reason can be told. */
static void reasons(struct kunit *test)
{
	for (int why = 0; why < LUO_REJECT_MAX; why++)
		KUNIT_EXPECT_NOT_NULL(test, luo_reject_str(why));
}

static struct kunit_case luo_records_cases[] = {
	KUNIT_CASE(root),
	KUNIT_CASE(session),
	KUNIT_CASE(file),
	KUNIT_CASE(flb_table),
	KUNIT_CASE(flb),
	KUNIT_CASE(reasons),
	{}
};

static struct kunit_suite luo_records_suite = {
	.name = "luo_records",
	.test_cases = luo_records_cases,
};

kunit_test_suite(luo_records_suite);
