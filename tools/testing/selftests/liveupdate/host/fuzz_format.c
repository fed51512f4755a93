// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target: the table of handover formats in the image of a kernel. An image of
 * x86 or arm64, or a table alone, is made, mutated and searched, in memory of exactly
 * its size; what is found is held against a reading by another way.
 */
#include "format_table.h"
#include "fuzz.h"

enum { OK, NO_TABLE, UNSOUND, READ, UNKNOWN, FEATURES, ENTRIES_GREW, NR };

static const char *const outcomes[NR + 1] = {
	[OK] = "image with a table",
	[NO_TABLE] = "image without a table",
	[UNSOUND] = "image with an unsound table",
	[READ] = "format is read",
	[UNKNOWN] = "format is not known",
	[FEATURES] = "feature is not known",
	[ENTRIES_GREW] = "entries of a later version",
};

#define INFO_AT		64

struct buf {
	u8 *data;
	size_t size;
};

static void put(struct buf *buf, size_t at, u64 value, size_t width)
{
	if (at > buf->size || width > buf->size - at)
		return;
	for (size_t i = 0; i < width; i++)
		buf->data[at + i] = value >> 8 * i;
}

static u64 get(const struct buf *buf, size_t at, size_t width)
{
	u64 value = 0;

	FUZZ_ASSERT(at <= buf->size && width <= buf->size - at);
	for (size_t i = width; i--;)
		value = value << 8 | buf->data[at + i];
	return value;
}

static void puts_at(struct buf *buf, size_t at, const char *text)
{
	memcpy(buf->data + at, text, strlen(text));
}

/* A table of @nr entries at @at; its size. */
static size_t make_table(struct buf *buf, size_t at, unsigned int nr,
			 size_t head, size_t entry, struct rng *rng)
{
	char name[32];

	puts_at(buf, at, "LiveUpdateTable");
	put(buf, at + 16, head + nr * entry, 4);
	put(buf, at + 20, head, 4);
	put(buf, at + 24, entry, 4);
	for (unsigned int i = 0; i < nr; i++) {
		size_t e = at + head + i * entry;

		snprintf(name, sizeof(name), "format-v%u",
			 (unsigned int)rng_below(rng, 4));
		puts_at(buf, e, name);
		put(buf, e + 48, 1 + rng_below(rng, 4), 4);
		put(buf, e + 52, rng_below(rng, 4), 4);
		put(buf, e + 56, rng_below(rng, 8), 8);
	}
	return head + nr * entry;
}

static void mutate(struct rng *rng, struct buf *buf, size_t table)
{
	static const u8 fields[] = { 16, 20, 24, 28, 32, 79, 80, 84 };
	size_t at = rng_below(rng, buf->size);

	switch (rng_below(rng, 6)) {
	case 0:
		buf->data[at] ^= 1 << rng_below(rng, 8);
		break;
	case 1:
		put(buf, table + fields[rng_below(rng, sizeof(fields))],
		    rng_interesting(rng), 4);
		break;
	case 2:
		/* The sizes of kernel_info and of its item. */
		put(buf, table - 20 + 4 * rng_below(rng, 5),
		    rng_interesting(rng), 4);
		break;
	case 3:
		put(buf, 0x268, rng_interesting(rng), 4);
		break;
	case 4:
		if (buf->size > 1)
			buf->size = 1 + rng_below(rng, buf->size - 1);
		break;
	default:
		for (size_t i = 0; i < 48 && table + 32 + i < buf->size; i++)
			buf->data[table + 32 + i] |= 0x40;
		break;
	}
}

/* Another way to look a format up: byte by byte, by the sizes in the head. */
static unsigned int lookup(const struct buf *buf, size_t table, u32 kind,
			   const char *name, u64 required)
{
	size_t at = table + get(buf, table + 20, 4);
	size_t end = table + get(buf, table + 16, 4);
	bool known = false;

	for (; at < end; at += get(buf, table + 24, 4)) {
		if (get(buf, at + 48, 4) != kind || !(get(buf, at + 52, 4) & 1) ||
		    strcmp((char *)buf->data + at, name))
			continue;
		known = true;
		if (!(required & ~get(buf, at + 56, 8)))
			return READ;
	}
	return known ? FEATURES : UNKNOWN;
}

static unsigned int ask(struct rng *rng, const struct buf *buf,
			const struct format_table *table)
{
	static const unsigned int results[] = {
		[FORMAT_READ] = READ,
		[FORMAT_UNKNOWN] = UNKNOWN,
		[FORMAT_FEATURES] = FEATURES,
	};
	size_t at = (const u8 *)table->data - buf->data;
	u64 required = rng_below(rng, 8), lacking = 0;
	u32 kind = 1 + rng_below(rng, 4);
	enum format_verdict verdict;
	unsigned int want;
	char name[16];

	snprintf(name, sizeof(name), "format-v%u", (unsigned int)rng_below(rng, 4));
	verdict = format_table_reads(table, kind, name, required, &lacking);
	want = lookup(buf, at, kind, name, required);
	FUZZ_ASSERT(results[verdict] == want);
	FUZZ_ASSERT((verdict == FORMAT_FEATURES) == !!lacking);
	FUZZ_ASSERT(!(lacking & ~required));
	return want;
}

/* Everything that the table says is inside the image. */
static void check_bounds(const struct buf *buf, const struct format_table *table)
{
	size_t at = (const u8 *)table->data - buf->data;
	struct liveupdate_format format;

	FUZZ_ASSERT(at < buf->size && table->size <= buf->size - at);
	FUZZ_ASSERT(table->head_size + (u64)table->nr * table->entry_size ==
		    table->size);
	for (u32 i = 0; i < table->nr; i++) {
		format_table_entry(table, i, &format);
		FUZZ_ASSERT(format.name[0]);
		FUZZ_ASSERT(memchr(format.name, 0, sizeof(format.name)));
	}
}

static size_t build(struct rng *rng, struct buf *buf, unsigned int kind,
		    size_t head, size_t entry)
{
	unsigned int nr = rng_below(rng, 6), setup = rng_below(rng, 3);
	size_t code = ((setup ?: 4) + 1) * 512, info = code + INFO_AT, table, size;

	buf->size = code + INFO_AT + 64 + head + nr * entry;
	buf->data = calloc(1, buf->size);
	FUZZ_ASSERT(buf->data);
	if (kind == 1) {
		puts_at(buf, 0x38, "ARM\x64");
		table = 0x200;
		/* Where the magic number is nothing but a string. */
		if (rng_once_in(rng, 2))
			puts_at(buf, 0x100, "LiveUpdateTable");
		size = make_table(buf, table, nr, head, entry, rng);
		buf->size = table + size;
		return table;
	}
	buf->data[0x1f1] = setup;
	puts_at(buf, 0x202, "HdrS");
	put(buf, 0x206, 0x20f, 2);
	put(buf, 0x268, INFO_AT, 4);
	puts_at(buf, info, "LToP");
	put(buf, info + 4, 16, 4);
	table = info + 16;
	if (rng_once_in(rng, 2)) {
		puts_at(buf, table, "what");
		put(buf, table + 4, 12, 4);
		table += 12;
	}
	puts_at(buf, table, "LUft");
	size = make_table(buf, table + 8, nr, head, entry, rng);
	put(buf, table + 4, size + 8, 4);
	put(buf, info + 8, table + 8 + size - info, 4);
	buf->size = table + 8 + size;
	return table + 8;
}

static unsigned int run(struct rng *rng)
{
	size_t head = 32 + 8 * rng_below(rng, 2), entry = 72 + 8 * rng_below(rng, 2);
	unsigned int kind = rng_below(rng, 3), mutations = rng_below(rng, 4), ret;
	bool mutated = mutations;
	struct format_table table = { };
	enum format_image found;
	const char *why = NULL;
	struct buf buf, exact;
	size_t at;

	at = build(rng, &buf, kind, head, entry);
	while (mutations--)
		mutate(rng, &buf, at);
	/* Exactly as much as there is: any access beyond it is seen. */
	exact = (struct buf) { malloc(buf.size), buf.size };
	FUZZ_ASSERT(exact.data);
	memcpy(exact.data, buf.data, buf.size);
	free(buf.data);

	if (kind == 2) {
		size_t from = min(at, exact.size);

		why = format_table_check(exact.data + from, exact.size - from,
					 &table);
		found = why ? FORMAT_IMAGE_UNSOUND : FORMAT_IMAGE_OK;
	} else if (kind == 1) {
		found = format_table_in_arm64_image(exact.data, exact.size,
						    &table, &why);
	} else {
		found = format_table_in_bzimage(exact.data, exact.size, &table,
						&why);
	}
	FUZZ_ASSERT((found == FORMAT_IMAGE_UNSOUND) == !!why);
	FUZZ_ASSERT(mutated || found == FORMAT_IMAGE_OK);

	switch (found) {
	case FORMAT_IMAGE_NO_TABLE:
		ret = NO_TABLE;
		break;
	case FORMAT_IMAGE_UNSOUND:
		ret = UNSOUND;
		break;
	default:
		check_bounds(&exact, &table);
		ret = ask(rng, &exact, &table);
		if (rng_once_in(rng, 4))
			ret = table.entry_size > 72 ? ENTRIES_GREW : OK;
		break;
	}
	free(exact.data);
	return ret;
}

FUZZ_TARGET(fuzz_format) = {
	.name = "format",
	.run = run,
	.outcomes = outcomes,
};
