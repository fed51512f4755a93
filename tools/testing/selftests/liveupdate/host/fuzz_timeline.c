// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target: the blackout clock. A blob of the previous kernel is mutated and read, and
 * times are told from it, held against arithmetic of 128 bits.
 */
#include <linux/kho/abi/timeline.h>

#include "fuzz.h"
#include "luo_timeline.h"

static const char *const outcomes[] = {
	"time", "not reached", "unknown", "too short", "another version",
	"stamp missing", "not in order", NULL,
};

enum { TIME, NOT_REACHED, UNKNOWN, SHORT, VERSION, MISSING, ORDER };

typedef unsigned __int128 u128;

/* An opinion, byte by byte. */

static u64 number(const u8 *p, size_t at)
{
	u64 value = 0;

	for (int i = 7; i >= 0; i--)
		value = value << 8 | p[at + i];
	return value;
}

static unsigned int judge(const u8 *p, size_t size)
{
	if (size < 16)
		return SHORT;
	if (memcmp(p, "luo-timeline-v1", 16))
		return VERSION;
	if (size < 56)
		return SHORT;
	if (!number(p, 32) || !number(p, 40) || !number(p, 48))
		return MISSING;
	return number(p, 32) <= number(p, 40) && number(p, 40) <= number(p, 48) ? TIME : ORDER;
}

static unsigned int judge_ns(const u64 *stamps, u64 old_clock, u64 old_hz,
			     unsigned int phase, u64 clock, u64 hz, u64 *ns)
{
	u128 since = stamps[phase] - stamps[0];
	u128 apart = old_hz < hz ? hz - old_hz : old_hz - hz;

	if (!stamps[phase])
		return NOT_REACHED;
	if (!stamps[0] || old_clock != clock || !old_hz || !hz || apart * 100 > hz)
		return UNKNOWN;
	if (stamps[3] < stamps[2] || stamps[3] - stamps[2] >= (u128)3600 * old_hz)
		return UNKNOWN;
	if (phase > 3 && stamps[phase] < stamps[3])
		return UNKNOWN;
	/* Seconds, so that nanoseconds are sure to be in a word. */
	if (since / old_hz >= 18446744073ULL)
		return UNKNOWN;
	*ns = since * 1000000000 / old_hz;
	return TIME;
}

static u64 any_hz(struct rng *rng)
{
	return rng_once_in(rng, 4) ? rng_interesting(rng) : 1 + rng_below(rng, 4000000000ULL);
}

/* Any phase of what came in and what may have happened since. */
static unsigned int tell(struct rng *rng, struct luo_timeline *t)
{
	unsigned int phase, want;
	u64 hz, ns = 0, want_ns = 0, clock;
	int err;

	for (phase = LUO_PHASE_START; phase < LUO_NR_PHASES; phase++) {
		u64 last = t->stamps[phase - 1];

		t->stamps[phase] = rng_once_in(rng, 20) ? rng_interesting(rng) :
				   last + rng_below(rng, 1ULL << rng_below(rng, 45));
		if (rng_once_in(rng, 20))
			t->stamps[phase] = 0;
	}
	hz = rng_once_in(rng, 8) ? any_hz(rng) : t->hz + rng_below(rng, t->hz / 90 + 1) -
	     (rng_once_in(rng, 2) ? t->hz / 90 : 0);
	clock = rng_once_in(rng, 20) ? rng_below(rng, 4) : t->clock;
	phase = rng_below(rng, LUO_NR_PHASES);

	want = judge_ns(t->stamps, t->clock, t->hz, phase, clock, hz, &want_ns);
	err = luo_timeline_ns(t, phase, clock, hz, &ns);
	FUZZ_ASSERT(err == (want == TIME ? 0 : want == UNKNOWN ? -ERANGE : -ENODATA));
	FUZZ_ASSERT(ns == want_ns);
	return want;
}

static unsigned int run(struct rng *rng)
{
	static const struct luo_timeline none;
	unsigned int mutations = rng_below(rng, 3), want;
	struct luo_timeline_ser ser = {
		.compatible = "luo-timeline-v1", .clock = rng_below(rng, 3),
		.hz = any_hz(rng), .freeze_start = 1 + rng_below(rng, 1ULL << 40),
	};
	struct luo_timeline timeline = { };
	size_t size = sizeof(ser), at;
	const char *why;
	u64 value;
	u8 *p;

	ser.freeze_end = ser.freeze_start + rng_below(rng, 1 << 30);
	ser.jump = ser.freeze_end + rng_below(rng, 1 << 30);
	while (mutations--) {
		value = rng_interesting(rng);
		at = rng_below(rng, sizeof(ser) / 8) * 8;
		switch (rng_below(rng, 4)) {
		case 0:
			size = rng_below(rng, sizeof(ser));
			break;
		case 1:
			((u8 *)&ser)[rng_below(rng, sizeof(ser))] ^= 1 << value % 8;
			break;
		case 2:
			value = 0;
			fallthrough;
		default:
			/* Of the string, only now and then. */
			if (at >= 16 || rng_once_in(rng, 4))
				memcpy((u8 *)&ser + at, &value, 8);
		}
	}

	/* Exactly that much memory, for ASan. */
	p = malloc(size + !size);
	memcpy(p, &ser, size);
	want = judge(p, size);
	why = luo_timeline_parse(&timeline, (void *)p, size);
	free(p);
	FUZZ_ASSERT(!why == (want == TIME));
	if (why) {
		FUZZ_ASSERT(!memcmp(&timeline, &none, sizeof(none)));
		return want;
	}
	FUZZ_ASSERT(timeline.stamps[0] == ser.freeze_start &&
		    timeline.stamps[1] == ser.freeze_end && timeline.stamps[2] == ser.jump &&
		    timeline.clock == ser.clock && timeline.hz == ser.hz);
	return tell(rng, &timeline);
}

FUZZ_TARGET(fuzz_timeline) = {
	.name = "timeline",
	.run = run,
	.outcomes = outcomes,
};
