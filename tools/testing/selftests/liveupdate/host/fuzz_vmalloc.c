// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target: vmalloc areas, and lists of pages in their format. A chain of chunks is
 * made, mutated, and taken over as the one or the other.
 */
#include <linux/kho/abi/kexec_handover.h>
#include <linux/kho_page_list.h>

#include "kho_internal.h"
#include "fuzz.h"
#include "preserved.h"

static const char *const outcomes[] = {
	"area untouched", "area mutated and accepted", "area with a bad descriptor",
	"area with a bad chain", "area with a page twice", "no memory",
	"list untouched", "list mutated and accepted", "list with a bad descriptor",
	"list with a bad chain", "list with a page twice", NULL,
};

enum { UNTOUCHED, ACCEPTED, DESCRIPTOR, BAD, TWICE, NO_MEMORY, LIST };

/* What is in the area: blocks, chunks from @first_chunk on, and @others up to @end. */
static u64 blocks[HOST_AREA_PAGES];
static unsigned int nr_blocks, first_chunk, others, end;
static int before[HOST_AREA_PAGES];

static u64 page_of_area(unsigned int i)
{
	return HOST_AREA + i * PAGE_SIZE;
}

/* A block is preserved as such, or in pieces of 1 << @step pages. */
static void make_block(unsigned int i, unsigned int order, unsigned int step)
{
	unsigned int n;

	blocks[nr_blocks++] = page_of_area(i);
	for (n = 0; n < 1U << order; n += 1 << step)
		area_preserve(i + n, step);
}

/* Returns whether all chunks but the last one are full. */
static bool make(struct rng *rng, struct kho_vmalloc *kv)
{
	unsigned int order = rng_once_in(rng, 2) ? rng_below(rng, 5) : 0, per, i, j, nr;
	bool in_pieces;

	nr = 1 + rng_below(rng, 12);
	per = rng_once_in(rng, 4) ? 1 + rng_below(rng, 6) : KHO_VMALLOC_SIZE;
	if (!order && rng_once_in(rng, 40)) {
		nr = KHO_VMALLOC_SIZE * (1 + rng_below(rng, 2)) + rng_below(rng, 3) - 1;
		per = KHO_VMALLOC_SIZE;
	}
	in_pieces = rng_once_in(rng, 3);
	nr_blocks = 0;
	for (i = 0; i < nr; i++)
		make_block(i << order, order, in_pieces ? rng_below(rng, order + 1) : order);
	for (i = nr - 1; i; i--) {
		u64 block = blocks[i];

		j = rng_below(rng, i + 1);
		blocks[i] = blocks[j];
		blocks[j] = block;
	}
	first_chunk = nr << order;
	others = chain_make(kv, first_chunk, blocks, nr, order, per);
	if (rng_once_in(rng, 4))
		kv->flags = 1 + rng_below(rng, 3);

	/* Pages that do not belong to it: a folio, a page, one that is not preserved, pages. */
	end = ALIGN(others, 4);
	area_preserve(end, 2);
	area_preserve(end + 4, 0);
	host_area_alloc(end + 5);
	page_set_state(page_of_area(end + 5), PAGE_PLAIN);
	for (end += 6, i = 0; i < 5; i++)
		area_preserve(end++, 0);
	return per == KHO_VMALLOC_SIZE;
}

static u64 any_phys(struct rng *rng)
{
	u64 phys = page_of_area(rng_below(rng, end));

	switch (rng_below(rng, 10)) {
	case 0:
		return rng_interesting(rng);
	case 1:
		return phys + (8 << rng_below(rng, 9));
	case 2:
		return 0;
	case 3:
		return page_of_area(first_chunk + rng_below(rng, others - first_chunk));
	case 4:
		return page_of_area(others + rng_below(rng, end - others));
	case 5:
		return page_of_area(end + rng_below(rng, 3));
	case 6:
		return phys;
	default:
		return blocks[rng_below(rng, nr_blocks)];
	}
}

static void mutate(struct rng *rng, struct kho_vmalloc *kv)
{
	u64 *chunk = phys_to_virt(page_of_area(first_chunk +
					       rng_below(rng, others - first_chunk)));
	unsigned int i = rng_below(rng, min(nr_blocks + 1, 8U));

	switch (rng_below(rng, 10)) {
	case 0:
		kv->total_pages = rng_interesting(rng);
		break;
	case 1:
		kv->total_pages += rng_below(rng, 9) - 4;
		break;
	case 2:
		kv->order = rng_once_in(rng, 4) ? rng_interesting(rng) : rng_below(rng, 12);
		break;
	case 3:
		kv->flags = rng_once_in(rng, 4) ? rng_interesting(rng) : rng_below(rng, 5);
		break;
	case 4:
		kv->first.phys = any_phys(rng);
		break;
	case 5:
		chunk[0] = any_phys(rng);
		break;
	case 6:
		/* One less, here and there. */
		chunk[1 + i] = 0;
		kv->total_pages -= 1U << kv->order % 32;
		break;
	default:
		chunk[1 + i] = any_phys(rng);
	}
}

static void look(void)
{
	for (unsigned int i = 0; i < end; i++)
		before[i] = page_state(page_of_area(i));
}

/*
 * Nothing is lost, nothing is ours. What was taken for a time may be preserved as single
 * pages now.
 */
static void check_unharmed(bool as_it_was)
{
	for (unsigned int i = 0; i < end; i++) {
		int now = page_state(page_of_area(i));

		FUZZ_ASSERT(before[i] == PAGE_PLAIN || host_page_exists(page_of_area(i)));
		FUZZ_ASSERT(now == before[i] ||
			    (!as_it_was && before[i] != PAGE_PLAIN && !now));
	}
}

/* All of these were taken, and as many chunks, and nothing else was. */
static void check_taken(const u64 *pages, unsigned int nr)
{
	unsigned int taken = 0, i;

	for (i = 0; i < nr; i++)
		FUZZ_ASSERT(page_state(pages[i]) == PAGE_TAKEN);
	for (i = 0; i < end; i++) {
		int now = page_state(page_of_area(i));

		FUZZ_ASSERT(now == before[i] ||
			    (now == PAGE_TAKEN && before[i] != PAGE_PLAIN));
		taken += now == PAGE_TAKEN;
	}
	FUZZ_ASSERT(taken > nr);
}

static bool claim(const struct kho_vmalloc *kv, const u64 *want, unsigned int nr,
		  bool undo)
{
	struct page **pages = kho_vmalloc_claim(kv);
	unsigned int i;

	if (!pages)
		return false;
	FUZZ_ASSERT(nr == kv->total_pages);
	for (i = 0; i < nr; i++)
		FUZZ_ASSERT(virt_to_phys(pages[i]) == want[i]);
	check_taken(want, nr);
	if (undo)
		kho_vmalloc_unclaim(kv, pages);
	else
		kvfree(pages);
	return true;
}

static enum chain run_area(struct rng *rng, struct kho_vmalloc *kv, bool *no_memory)
{
	static u64 want[HOST_AREA_PAGES];
	enum chain verdict;
	unsigned int nr;

	verdict = chain_judge(kv, true, want, &nr);
	if (verdict == CHAIN_SOUND && rng_once_in(rng, 8)) {
		host_fail_after = 0;
		FUZZ_ASSERT(!claim(kv, want, nr, true));
		host_fail_after = -1;
		check_unharmed(true);
		*no_memory = true;
	}
	FUZZ_ASSERT(claim(kv, want, nr, true) == (verdict == CHAIN_SOUND));
	check_unharmed(verdict == CHAIN_BAD || verdict == CHAIN_DESCRIPTOR);
	if (verdict == CHAIN_SOUND) {
		look();
		FUZZ_ASSERT(claim(kv, want, nr, false));
	}
	return verdict;
}

static enum chain run_list(struct kho_vmalloc *kv)
{
	static u64 want[HOST_AREA_PAGES];
	struct kho_page_list list = { };
	struct kho_page_list_it it;
	enum chain verdict;
	unsigned int nr, i;
	int err;

	verdict = chain_judge(kv, false, want, &nr);
	err = kho_page_list_restore(&list, kv);
	FUZZ_ASSERT(err == (verdict == CHAIN_SOUND ? 0 : -EINVAL));
	if (err) {
		check_unharmed(verdict == CHAIN_DESCRIPTOR);
		return verdict;
	}
	check_taken(want, nr);
	kho_page_list_it_init(&it, &list);
	for (i = 0; i < nr; i++) {
		void *page = kho_page_list_it_next(&it);

		FUZZ_ASSERT(page && virt_to_phys(page) == want[i]);
	}
	FUZZ_ASSERT(!kho_page_list_it_next(&it));
	kho_page_list_destroy(&list);
	FUZZ_ASSERT(!list.kv.first.phys);
	for (i = 0; i < nr; i++)
		FUZZ_ASSERT(!host_page_exists(want[i]));
	for (i = 0; i < end; i++)
		FUZZ_ASSERT(page_state(page_of_area(i)) != PAGE_TAKEN);
	return verdict;
}

static unsigned int run(struct rng *rng)
{
	static const unsigned int by_verdict[] = {
		[CHAIN_DESCRIPTOR] = DESCRIPTOR, [CHAIN_BAD] = BAD, [CHAIN_TWICE] = TWICE,
	};
	unsigned int mutations = rng_below(rng, 4), i, outcome;
	bool is_list = rng_once_in(rng, 2), no_memory = false, full;
	struct kho_vmalloc kv;
	enum chain verdict;

	full = make(rng, &kv);
	for (i = 0; i < mutations; i++)
		mutate(rng, &kv);
	look();
	verdict = is_list ? run_list(&kv) : run_area(rng, &kv, &no_memory);
	area_free(end);
	FUZZ_ASSERT(verdict == CHAIN_SOUND || mutations || !full);

	if (verdict != CHAIN_SOUND)
		outcome = by_verdict[verdict];
	else
		outcome = mutations ? ACCEPTED : UNTOUCHED;
	return no_memory ? NO_MEMORY : outcome + is_list * LIST;
}

FUZZ_TARGET(fuzz_vmalloc) = {
	.name = "vmalloc",
	.run = run,
	.outcomes = outcomes,
};
