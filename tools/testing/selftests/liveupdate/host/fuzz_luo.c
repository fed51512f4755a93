// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target: records of the live update orchestrator. One of any kind is made,
 * mutated and judged, in memory of exactly its size.
 */
#include <linux/kho/abi/luo.h>

#include "fuzz.h"
#include "luo_records.h"

/* The reasons that a single record can be rejected for. */
static const struct {
	enum luo_reject why;
	const char *name;
} reasons[] = {
	{ LUO_ACCEPTED, "accepted" },
	{ LUO_ROOT_SIZE, "root too short" },
	{ LUO_ROOT_FORMAT, "root of another format" },
	{ LUO_NAME_EMPTY, "session without name" },
	{ LUO_NAME_ENDLESS, "session with a name without end" },
	{ LUO_FORMAT_EMPTY, "no format" },
	{ LUO_FORMAT_ENDLESS, "format without end" },
	{ LUO_TABLE_PAGES, "table of other than one page" },
	{ LUO_TABLE_COUNT, "table with too many entries" },
	{ LUO_FLB_COUNT, "FLB that nothing depends on" },
};

static const char *outcomes[ARRAY_SIZE(reasons) + 1];

static void __attribute__((constructor)) name_outcomes(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		outcomes[i] = reasons[i].name;
}

static unsigned int outcome(enum luo_reject why)
{
	unsigned int i = 0;

	while (i < ARRAY_SIZE(reasons) && reasons[i].why != why)
		i++;
	FUZZ_ASSERT(i < ARRAY_SIZE(reasons));
	return i;
}

/* Opinions, by nothing but what the format says. */

static u64 number(const u8 *p, size_t at)
{
	u64 value = 0;

	for (int i = 7; i >= 0; i--)
		value = value << 8 | p[at + i];
	return value;
}

static enum luo_reject text(const u8 *p, size_t room, enum luo_reject empty,
			    enum luo_reject endless)
{
	size_t len = 0;

	while (len < room && p[len])
		len++;
	return !len ? empty : len == room ? endless : LUO_ACCEPTED;
}

static enum luo_reject root(const u8 *p, size_t size)
{
	if (size < 32)
		return LUO_ROOT_SIZE;
	return memcmp(p, "luo-v5", 7) ? LUO_ROOT_FORMAT : LUO_ACCEPTED;
}

static enum luo_reject session(const u8 *p)
{
	return text(p, 64, LUO_NAME_EMPTY, LUO_NAME_ENDLESS);
}

static enum luo_reject file(const u8 *p)
{
	return text(p, 48, LUO_FORMAT_EMPTY, LUO_FORMAT_ENDLESS);
}

static enum luo_reject table(const u8 *p)
{
	if (number(p, 0) != 1)
		return LUO_TABLE_PAGES;
	return number(p, 8) > (PAGE_SIZE - 16) / 64 ? LUO_TABLE_COUNT :
						      LUO_ACCEPTED;
}

static enum luo_reject flb(const u8 *p)
{
	enum luo_reject why = text(p, 48, LUO_FORMAT_EMPTY, LUO_FORMAT_ENDLESS);

	return why ? why : number(p, 56) ? LUO_ACCEPTED : LUO_FLB_COUNT;
}

static void mutate(struct rng *rng, u8 *p, size_t size)
{
	u64 value = rng_interesting(rng);
	size_t at = rng_below(rng, size), i;

	switch (rng_below(rng, 5)) {
	case 0:
		p[at] ^= 1 << rng_below(rng, 8);
		break;
	case 1:
		p[at] = 0;
		break;
	case 2:
		for (i = 0; i + 16 < size; i++)
			p[i] = p[i] ? p[i] : 'x';
		break;
	case 3:
		p[0] = 0;
		break;
	default:
		at -= at % 8;
		for (i = 0; i < 8 && at + i < size; i++)
			p[at + i] = value >> 8 * i;
		break;
	}
}

static unsigned int run(struct rng *rng)
{
	static const size_t sizes[] = { 32, 80, 64, 16, 64 };
	unsigned int kind = rng_below(rng, ARRAY_SIZE(sizes));
	unsigned int mutations = rng_below(rng, 4);
	size_t size = sizes[kind];
	enum luo_reject why, want;
	u8 *p;

	if (!kind && rng_once_in(rng, 4))
		size = 1 + rng_below(rng, size);
	p = calloc(1, size);
	FUZZ_ASSERT(p);
	memcpy(p, "luo-v5", min(size, 6));
	if (kind == 3) {
		memset(p, 0, size);
		p[0] = 1;
	} else if (kind == 4) {
		p[56] = 1;
	}
	while (mutations--)
		mutate(rng, p, size);

	switch (kind) {
	case 0:
		want = root(p, size);
		why = luo_check_root((void *)p, size);
		break;
	case 1:
		want = session(p);
		why = luo_check_session((void *)p);
		break;
	case 2:
		want = file(p);
		why = luo_check_file((void *)p);
		break;
	case 3:
		want = table(p);
		why = luo_check_flb_table((void *)p);
		break;
	default:
		want = flb(p);
		why = luo_check_flb((void *)p);
		break;
	}
	FUZZ_ASSERT(why == want);
	FUZZ_ASSERT(luo_reject_str(why));
	free(p);
	return outcome(why);
}

FUZZ_TARGET(fuzz_luo) = {
	.name = "luo",
	.run = run,
	.outcomes = outcomes,
};
