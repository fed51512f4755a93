// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target: memfds. Descriptor, records and folios of a file are made, mutated, checked
 * and taken over. The chain that the records are in has a target of its own, fuzz_vmalloc.c.
 */
#include "../../../../../mm/memfd_luo.h"

#include "kho_internal.h"
#include "fuzz.h"
#include "preserved.h"

#define PER_PAGE	(PAGE_SIZE / 16)

/* What is said of a file, in the order in which it is found out; by outcome. */
static const char *const reasons[] = {
	NULL,
	"its size is out of range",
	"its position is out of range",
	"it has more folios than pages",
	"it is open for nothing",
	"it has more folios than records",
	"its records are not preserved",
	"a folio has unknown flags",
	"a folio is beyond the end of the file",
	"a folio is not preserved",
	"a folio is not aligned",
};

enum {
	SOUND, SIZE, POSITION, FOLIOS, MODE, RECORDS, CHAIN, FLAGS, BEYOND, NOT_PRESERVED,
	NOT_ALIGNED, NR_REASONS, UNTOUCHED = NR_REASONS, NO_FOLIOS,
};

static const char *outcomes[NO_FOLIOS + 2];

static void __attribute__((constructor)) name_outcomes(void)
{
	memcpy(outcomes, reasons, sizeof(reasons));
	outcomes[SOUND] = "mutated and accepted";
	outcomes[UNTOUCHED] = "untouched";
	outcomes[NO_FOLIOS] = "no folios";
}

/* The area: folios, pages of records from @first_page on, then chunks up to @end. */
static unsigned int first_page, nr_pages, end;

static u64 page_of_area(unsigned int i)
{
	return HOST_AREA + i * PAGE_SIZE;
}

static u64 *record_of(unsigned int i)
{
	return (u64 *)phys_to_virt(page_of_area(first_page + i / PER_PAGE)) + i % PER_PAGE * 2;
}

/* Folios of this and that order, each with a record, and records without any. */
static void make(struct rng *rng, struct memfd_luo_ser *ser)
{
	unsigned int nr = rng_below(rng, rng_once_in(rng, 30) ? 600 : 12), i, at = 0;
	static u64 records[1024][2], pages[8];
	u64 index = rng_below(rng, 100), pos;

	for (i = 0; i < nr; i++) {
		unsigned int order = nr > 100 ? 0 : rng_once_in(rng, 3) ? rng_below(rng, 4) : 0;

		if (rng_once_in(rng, 8)) {
			records[i][0] = 0;
			records[i][1] = rng_next(rng);
			continue;
		}
		at = ALIGN(at, 1U << order);
		index = ALIGN(index, 1ULL << order);
		records[i][0] = area_preserve(at, order) / PAGE_SIZE |
				rng_below(rng, 4) << 52;
		records[i][1] = index;
		at += 1 << order;
		index += (1 << order) + (rng_once_in(rng, 4) ? rng_below(rng, 9) : 0);
	}
	*ser = (struct memfd_luo_ser){
		.size = (index + nr + 1) * PAGE_SIZE - rng_below(rng, PAGE_SIZE),
		.flags = rng_below(rng, 4) << 29, .nr_folios = nr, .seals = rng_below(rng, 64),
	};
	ser->pos = rng_below(rng, ser->size);
	if (ser->flags >> 30 == 3)
		ser->flags = 0;
	first_page = at;
	nr_pages = DIV_ROUND_UP(nr, PER_PAGE);
	end = at;
	if (!nr)
		return;
	for (i = 0; i < nr_pages; i++)
		pages[i] = area_preserve(first_page + i, 0);
	end = chain_make(&ser->folios, first_page + nr_pages, pages, nr_pages, 0, 511);
	for (i = 0; i < nr; i++) {
		pos = rng_below(rng, i + 1);
		memcpy(record_of(i), record_of(pos), 16);
		memcpy(record_of(pos), records[i], 16);
	}
}

static void mutate_record(struct rng *rng, u64 *record)
{
	u64 pfn = record[0] << 12 >> 12;

	switch (rng_below(rng, 6)) {
	case 0:
		record[0] ^= 1ULL << rng_below(rng, 64);
		break;
	case 1:
		record[1] = rng_once_in(rng, 2) ? rng_interesting(rng) : rng_below(rng, 256);
		break;
	case 2:
		record[1] += rng_below(rng, 9) - 4;
		break;
	case 3:
		pfn = rng_interesting(rng);
		record[0] = record[0] >> 52 << 52 | pfn << 12 >> 12;
		break;
	default:
		pfn = page_of_area(rng_below(rng, end + 1)) / PAGE_SIZE;
		record[0] = record[0] >> 52 << 52 | pfn;
	}
}

static void mutate(struct rng *rng, struct memfd_luo_ser *ser)
{
	u64 value = rng_interesting(rng);

	switch (rng_below(rng, 12)) {
	case 0:
		ser->size = rng_once_in(rng, 2) ? value : ser->size - value % (4 * PAGE_SIZE);
		break;
	case 1:
		ser->pos = value;
		break;
	case 2:
		ser->nr_folios = rng_once_in(rng, 2) ? value : ser->nr_folios + value % 600;
		break;
	case 3:
		ser->flags = value << 27;
		break;
	case 4:
		ser->folios.total_pages = rng_below(rng, 4);
		break;
	case 5:
		ser->folios.first.phys = rng_once_in(rng, 2) ? value :
					 page_of_area(rng_below(rng, end + 1));
		break;
	default:
		if (ser->nr_folios && nr_pages)
			mutate_record(rng, record_of(rng_below(rng, ser->nr_folios) %
						     (nr_pages * PER_PAGE)));
	}
}

/* What is to be found out about it? */
static unsigned int judge(const struct memfd_luo_ser *ser)
{
	bool used[HOST_AREA_PAGES] = { };
	static u64 pages[HOST_AREA_PAGES];
	u64 file_pages, i, n, phys;
	unsigned int nr;

	if (ser->size >> 63)
		return SIZE;
	if (ser->pos >> 63)
		return POSITION;
	file_pages = ser->size / PAGE_SIZE + !!(ser->size % PAGE_SIZE);
	if (ser->nr_folios > file_pages)
		return FOLIOS;
	if (ser->flags >> 30 == 3)
		return MODE;
	if (!ser->nr_folios)
		return NO_FOLIOS;
	if (ser->nr_folios > (u64)ser->folios.total_pages * PER_PAGE)
		return RECORDS;
	if (chain_judge(&ser->folios, false, pages, &nr) != CHAIN_SOUND)
		return CHAIN;

	/* Pages of the chain itself are taken, too. */
	for (i = 0; i < nr; i++)
		used[(pages[i] - HOST_AREA) / PAGE_SIZE] = true;
	for (phys = ser->folios.first.phys; phys; phys = *(u64 *)phys_to_virt(phys))
		used[(phys - HOST_AREA) / PAGE_SIZE] = true;
	for (i = 0; i < ser->nr_folios; i++) {
		u64 *record = (u64 *)phys_to_virt(pages[i / PER_PAGE]) + i % PER_PAGE * 2;
		int order;

		phys = record[0] << 12;
		if (!phys)
			continue;
		if (record[0] >> 54)
			return FLAGS;
		if (record[1] >= file_pages)
			return BEYOND;
		order = page_state(phys);
		if (order < 0 || used[(phys - HOST_AREA) / PAGE_SIZE])
			return NOT_PRESERVED;
		for (n = 0; n < 1ULL << order; n++)
			used[(phys - HOST_AREA) / PAGE_SIZE + n] = true;
		if (record[1] % (1ULL << order))
			return NOT_ALIGNED;
	}
	return SOUND;
}

/* All folios are the file's, and it can go over its records. */
static void use(const struct memfd_luo_ser *ser, const struct memfd_luo_records *records)
{
	const struct memfd_luo_folio_ser *record;
	struct memfd_luo_it it;
	u64 n = 0;

	memfd_luo_it_init(&it, records);
	while ((record = memfd_luo_it_next(&it))) {
		n++;
		FUZZ_ASSERT(!record->pfn || page_state(PFN_PHYS(record->pfn)) == PAGE_TAKEN);
	}
	FUZZ_ASSERT(n == ser->nr_folios);
}

static unsigned int run(struct rng *rng)
{
	unsigned int mutations = rng_below(rng, 3), want, i;
	struct memfd_luo_records records = { };
	struct memfd_luo_ser ser;
	const char *why;
	int err;

	make(rng, &ser);
	for (i = 0; i < mutations; i++)
		mutate(rng, &ser);
	want = judge(&ser);
	err = memfd_luo_check(&ser, &records, &why);
	if (want == SOUND || want == NO_FOLIOS) {
		FUZZ_ASSERT(!err);
	} else {
		FUZZ_ASSERT(!strcmp(why, reasons[want]));
		FUZZ_ASSERT(err == (want == NOT_PRESERVED ? -EIO : -EINVAL));
	}
	FUZZ_ASSERT((want == SOUND) == !!records.list.kv.first.phys);
	if (want == SOUND) {
		use(&ser, &records);
		kho_page_list_destroy(&records.list);
	}
	area_free(end);
	FUZZ_ASSERT(want == SOUND || want == NO_FOLIOS || mutations);
	return want == SOUND && !mutations ? UNTOUCHED : want;
}

FUZZ_TARGET(fuzz_memfd) = {
	.name = "memfd",
	.run = run,
	.outcomes = outcomes,
};
