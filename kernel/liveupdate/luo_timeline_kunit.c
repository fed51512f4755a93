// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the blackout clock: what is believed of a previous kernel's time
 * line, and which times are told.
 */
#include <kunit/test.h>
#include <linux/kho/abi/timeline.h>
#include <linux/limits.h>
#include <linux/string.h>
#include <linux/time64.h>

#include "luo_timeline.h"

#define CLOCK	LUO_TIMELINE_CLOCK_X86_TSC
#define HZ_2G	2000000000ULL

static const struct luo_timeline_ser sound = {
	.compatible = LUO_TIMELINE_COMPATIBLE,
	.clock = CLOCK,
	.hz = HZ_2G,
	.freeze_start = 1000,
	.freeze_end = 3000,
	.jump = 5000,
};

static void parses(struct kunit *test)
{
	struct luo_timeline t = {};

	KUNIT_EXPECT_NULL(test, luo_timeline_parse(&t, &sound, sizeof(sound)));
	KUNIT_EXPECT_EQ(test, t.stamps[LUO_PHASE_FREEZE_START], 1000);
	KUNIT_EXPECT_EQ(test, t.stamps[LUO_PHASE_FREEZE_END], 3000);
	KUNIT_EXPECT_EQ(test, t.stamps[LUO_PHASE_JUMP], 5000);
	KUNIT_EXPECT_EQ(test, t.clock, CLOCK);
	KUNIT_EXPECT_EQ(test, t.hz, HZ_2G);

	/* A later writer may append. */
	KUNIT_EXPECT_NULL(test, luo_timeline_parse(&t, &sound, PAGE_SIZE));
}

static void refuses(struct kunit *test)
{
	static const struct luo_timeline none;
	struct luo_timeline t = {};
	struct luo_timeline_ser ser;
	size_t i;

	for (i = 0; i < sizeof(sound); i++)
		KUNIT_EXPECT_NOT_NULL(test, luo_timeline_parse(&t, &sound, i));

	for (i = 0; i < sizeof(ser.compatible); i++) {
		ser = sound;
		ser.compatible[i] ^= 1;
		KUNIT_EXPECT_NOT_NULL(test, luo_timeline_parse(&t, &ser, sizeof(ser)));
	}

	ser = sound;
	ser.freeze_start = 0;
	KUNIT_EXPECT_NOT_NULL(test, luo_timeline_parse(&t, &ser, sizeof(ser)));
	ser = sound;
	ser.freeze_end = 0;
	KUNIT_EXPECT_NOT_NULL(test, luo_timeline_parse(&t, &ser, sizeof(ser)));
	ser = sound;
	ser.jump = 0;
	KUNIT_EXPECT_NOT_NULL(test, luo_timeline_parse(&t, &ser, sizeof(ser)));
	ser = sound;
	ser.freeze_start = U64_MAX;
	KUNIT_EXPECT_NOT_NULL(test, luo_timeline_parse(&t, &ser, sizeof(ser)));
	ser = sound;
	ser.freeze_end = ser.jump + 1;
	KUNIT_EXPECT_NOT_NULL(test, luo_timeline_parse(&t, &ser, sizeof(ser)));

	KUNIT_EXPECT_MEMEQ(test, &t, &none, sizeof(t));
}

static void fill(struct kunit *test, struct luo_timeline *t)
{
	*t = (struct luo_timeline){};
	KUNIT_ASSERT_NULL(test, luo_timeline_parse(t, &sound, sizeof(sound)));
	t->stamps[LUO_PHASE_START] = 5000 + HZ_2G;
	t->stamps[LUO_PHASE_KHO_READY] = 5000 + 2 * HZ_2G;
}

static void expect_ns(struct kunit *test, const struct luo_timeline *t,
		      enum luo_phase phase, u64 hz, u64 expected)
{
	u64 ns = 0;

	KUNIT_EXPECT_EQ(test, luo_timeline_ns(t, phase, CLOCK, hz, &ns), 0);
	KUNIT_EXPECT_EQ(test, ns, expected);
}

static void converts(struct kunit *test)
{
	struct luo_timeline t;
	u64 ns;

	fill(test, &t);
	expect_ns(test, &t, LUO_PHASE_FREEZE_START, HZ_2G, 0);
	expect_ns(test, &t, LUO_PHASE_FREEZE_END, HZ_2G, 1000);
	expect_ns(test, &t, LUO_PHASE_JUMP, HZ_2G, 2000);
	expect_ns(test, &t, LUO_PHASE_START, HZ_2G, 2000 + NSEC_PER_SEC);
	expect_ns(test, &t, LUO_PHASE_KHO_READY, HZ_2G, 2000 + 2 * NSEC_PER_SEC);
	KUNIT_EXPECT_EQ(test, luo_timeline_ns(&t, LUO_PHASE_FIRST_OPEN, CLOCK, HZ_2G, &ns),
			-ENODATA);

	/* A century later the last session is finished. */
	t.stamps[LUO_PHASE_LAST_FINISH] = 1000 + HZ_2G * 3155760000ULL;
	expect_ns(test, &t, LUO_PHASE_LAST_FINISH, HZ_2G, NSEC_PER_SEC * 3155760000ULL);

	/* Another calibration: the previous kernel's is older, and so better. */
	expect_ns(test, &t, LUO_PHASE_START, HZ_2G + HZ_2G / 200, 2000 + NSEC_PER_SEC);
	expect_ns(test, &t, LUO_PHASE_START, HZ_2G - HZ_2G / 200, 2000 + NSEC_PER_SEC);
}

static void expect_unknown(struct kunit *test, const struct luo_timeline *t,
			   enum luo_phase phase, u64 clock, u64 hz)
{
	u64 ns;

	KUNIT_EXPECT_EQ(test, luo_timeline_ns(t, phase, clock, hz, &ns), -ERANGE);
}

static void doubts(struct kunit *test)
{
	enum luo_phase phase;
	struct luo_timeline t;

	fill(test, &t);
	for (phase = 0; phase <= LUO_PHASE_KHO_READY; phase++) {
		expect_unknown(test, &t, phase, LUO_TIMELINE_CLOCK_ARM64_CNTVCT, HZ_2G);
		expect_unknown(test, &t, phase, CLOCK, HZ_2G + HZ_2G / 50);
		expect_unknown(test, &t, phase, CLOCK, HZ_2G - HZ_2G / 50);
		expect_unknown(test, &t, phase, CLOCK, 1);
		expect_unknown(test, &t, phase, CLOCK, U64_MAX);
		expect_unknown(test, &t, phase, CLOCK, 0);
	}

	t.hz = 0;
	expect_unknown(test, &t, LUO_PHASE_JUMP, CLOCK, 0);
	expect_unknown(test, &t, LUO_PHASE_JUMP, CLOCK, HZ_2G);

	/* The counter was set back by the way, or to something else. */
	fill(test, &t);
	t.stamps[LUO_PHASE_START] = 4999;
	expect_unknown(test, &t, LUO_PHASE_START, CLOCK, HZ_2G);
	expect_unknown(test, &t, LUO_PHASE_KHO_READY, CLOCK, HZ_2G);
	fill(test, &t);
	t.stamps[LUO_PHASE_START] = 5000 + 3600 * HZ_2G;
	expect_unknown(test, &t, LUO_PHASE_START, CLOCK, HZ_2G);
	fill(test, &t);
	t.stamps[LUO_PHASE_KHO_READY] = t.stamps[LUO_PHASE_START] - 1;
	expect_unknown(test, &t, LUO_PHASE_KHO_READY, CLOCK, HZ_2G);

	/* Too long ago for nanoseconds in a word. */
	fill(test, &t);
	t.hz = 1;
	t.stamps[LUO_PHASE_START] = t.stamps[LUO_PHASE_JUMP];
	t.stamps[LUO_PHASE_LAST_FINISH] = U64_MAX;
	expect_unknown(test, &t, LUO_PHASE_LAST_FINISH, CLOCK, 100);

	/* Nothing came from the previous kernel. */
	t = (struct luo_timeline){};
	t.stamps[LUO_PHASE_START] = 5000;
	expect_unknown(test, &t, LUO_PHASE_START, CLOCK, HZ_2G);
}

static struct kunit_case luo_timeline_cases[] = {
	KUNIT_CASE(parses),
	KUNIT_CASE(refuses),
	KUNIT_CASE(converts),
	KUNIT_CASE(doubts),
	{}
};

static struct kunit_suite luo_timeline_suite = {
	.name = "luo_timeline",
	.test_cases = luo_timeline_cases,
};

kunit_test_suite(luo_timeline_suite);
