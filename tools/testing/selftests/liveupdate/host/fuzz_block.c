// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target: block sets. A set is filled, handed over, mutated and restored.
 * KHO itself is a list of the pages which are preserved.
 */
#include <linux/kho_block.h>

#include "fuzz.h"
#include "preserved.h"

#define MAX_PAGES	(KHO_MAX_BLOCKS + 8)

static const char *const outcomes[] = {
	"untouched", "mutated and accepted", "refused", "too long",
	"no memory", NULL,
};

enum { UNTOUCHED, ACCEPTED, REFUSED, TOO_LONG, NO_MEMORY };

static void *pages[MAX_PAGES];
static unsigned int nr_pages;
static bool incoming;

void *kho_alloc_preserve(size_t size)
{
	void *page;

	FUZZ_ASSERT(size == PAGE_SIZE && nr_pages < MAX_PAGES);
	page = host_page_alloc();
	if (!page)
		return ERR_PTR(-ENOMEM);
	page_set_state(virt_to_phys(page), 0);
	pages[nr_pages++] = page;
	return page;
}

static void drop(void *mem)
{
	unsigned int i = nr_pages;

	/* Mostly from the end, or from the start. */
	while (i-- && pages[i] != mem)
		;
	FUZZ_ASSERT(i < nr_pages);
	memmove(&pages[i], &pages[i + 1], (--nr_pages - i) * sizeof(pages[0]));
	host_page_free(mem);
}

void kho_unpreserve_free(void *mem)
{
	FUZZ_ASSERT(!incoming);
	drop(mem);
}

void kho_restore_free(void *mem)
{
	FUZZ_ASSERT(incoming);
	drop(mem);
}

static size_t any_entry_size(struct rng *rng)
{
	switch (rng_below(rng, 4)) {
	case 0:
		return PAGE_SIZE - 16 - rng_below(rng, 3);
	case 1:
		return 1 + rng_below(rng, PAGE_SIZE - 16);
	default:
		return 200 + rng_below(rng, 800);
	}
}

/* Returns the number of entries, which are numbered by their first byte. */
static u64 fill(struct rng *rng, struct kho_block_set *bs)
{
	u64 room = rng_below(rng, 8 * bs->count_per_block);
	struct kho_block_set_it it;
	u64 i, count;
	u8 *entry;
	int err;

	if (rng_once_in(rng, 8))
		host_fail_after = rng_below(rng, 20);
	err = kho_block_set_grow(bs, room);
	host_fail_after = -1;
	if (err) {
		FUZZ_ASSERT(err == -ENOMEM && !nr_pages);
		FUZZ_ASSERT(!kho_block_set_head_pa(bs));
		room = 0;
	}
	count = rng_once_in(rng, 2) ? room : rng_below(rng, room + 1);
	kho_block_set_it_init(&it, bs);
	for (i = 0; i < count; i++) {
		entry = kho_block_set_it_reserve_entry(&it);
		FUZZ_ASSERT(entry);
		memset(entry, i, bs->entry_size);
	}
	for (i = rng_below(rng, 20); i && count; i--) {
		entry = kho_block_set_it_prev(&it);
		FUZZ_ASSERT(entry && *entry == (u8)(count - 1));
		count--;
		if (!rng_once_in(rng, 4))
			continue;
		FUZZ_ASSERT(kho_block_set_it_reserve_entry(&it) == entry);
		count++;
	}
	/* Close the last block after the last entry that is to stay. */
	if (count) {
		FUZZ_ASSERT(kho_block_set_it_prev(&it));
		FUZZ_ASSERT(kho_block_set_it_reserve_entry(&it));
	}
	kho_block_set_shrink(bs, count);
	return count;
}

static void forget(struct kho_block_set *bs)
{
	struct kho_block *block, *next;

	list_for_each_entry_safe(block, next, &bs->blocks, list)
		kfree(block);
}

static u64 any_phys(struct rng *rng)
{
	u64 phys = virt_to_phys(pages[rng_below(rng, nr_pages)]);

	switch (rng_below(rng, 8)) {
	case 0:
		return rng_interesting(rng);
	case 1:
		return phys + (8 << rng_below(rng, 9));
	case 2:
		return phys + PAGE_SIZE;
	case 3:
		return 0;
	default:
		return phys;
	}
}

static void mutate(struct rng *rng, u64 *head)
{
	u64 *header = pages[rng_below(rng, nr_pages)];

	switch (rng_below(rng, 5)) {
	case 0:
		*head = any_phys(rng);
		break;
	case 1:
		header[1] = rng_interesting(rng);
		break;
	case 2:
		header[1] += rng_below(rng, 5) - 2;
		break;
	default:
		header[0] = any_phys(rng);
		break;
	}
}

/* An opinion: what should become of it, and how many entries are there? */
static int judge(u64 phys, u64 per_block, u64 *entries, unsigned int *blocks)
{
	static u64 seen[MAX_PAGES];
	unsigned int n = 0, i;
	u64 *header;

	*entries = 0;
	for (; phys; phys = header[0]) {
		if (phys % PAGE_SIZE || !host_page_exists(phys))
			return -EINVAL;
		/* A chain longer than a few is made by us, and has no cycle. */
		for (i = 0; i < min(n, 100U); i++)
			if (seen[i] == phys)
				return -EINVAL;
		seen[n++] = phys;
		header = phys_to_virt(phys);
		if (header[1] > per_block || (!header[1] && header[0]))
			return -EINVAL;
		*entries += header[1];
	}
	*blocks = n;
	return n > KHO_MAX_BLOCKS ? -ENOSPC : 0;
}

static unsigned int restore(struct rng *rng, size_t entry_size, u64 head,
			    bool untouched)
{
	unsigned int before = nr_pages, blocks = 0;
	struct kho_block_set_it it;
	struct kho_block_set bs;
	u64 entries, i;
	int err, want;
	u8 *entry;

	kho_block_set_init(&bs, entry_size);
	want = judge(head, bs.count_per_block, &entries, &blocks);
	if (!want && blocks && rng_once_in(rng, 10)) {
		want = -ENOMEM;
		host_fail_after = rng_below(rng, blocks);
	}
	err = kho_block_set_restore(&bs, head);
	host_fail_after = -1;
	FUZZ_ASSERT(err == want);
	if (err) {
		FUZZ_ASSERT(kho_block_set_is_empty(&bs));
		FUZZ_ASSERT(!kho_block_set_head_pa(&bs));
		FUZZ_ASSERT(nr_pages == before);
		if (err == -ENOMEM) {
			/* A second try goes as if there had not been a first. */
			FUZZ_ASSERT(!kho_block_set_restore(&bs, head));
			kho_block_set_destroy(&bs);
			FUZZ_ASSERT(nr_pages == before - blocks);
		}
		return err == -ENOMEM ? NO_MEMORY :
		       err == -ENOSPC ? TOO_LONG : REFUSED;
	}

	FUZZ_ASSERT(bs.nblocks == blocks);
	kho_block_set_it_init(&it, &bs);
	for (i = 0; i < entries; i++) {
		entry = kho_block_set_it_read_entry(&it);
		FUZZ_ASSERT(entry);
		if (untouched) {
			FUZZ_ASSERT(entry[0] == (u8)i);
			FUZZ_ASSERT(entry[entry_size - 1] == (u8)i);
		}
	}
	FUZZ_ASSERT(!kho_block_set_it_read_entry(&it));
	kho_block_set_destroy(&bs);
	FUZZ_ASSERT(nr_pages == before - blocks);
	return untouched ? UNTOUCHED : ACCEPTED;
}

/* A chain at the limit, or just beyond it. */
static unsigned int long_chain(struct rng *rng)
{
	unsigned int n = KHO_MAX_BLOCKS - 1 + rng_below(rng, 3), i;
	struct kho_block_set bs;
	u64 next = 0;
	u64 *header;

	for (i = 0; i < n; i++) {
		header = kho_alloc_preserve(PAGE_SIZE);
		header[0] = next;
		header[1] = 1;
		next = virt_to_phys(header);
	}
	incoming = true;
	if (rng_once_in(rng, 3)) {
		/* In a circle: back to any block of it. */
		header = pages[0];
		header[0] = virt_to_phys(pages[rng_below(rng, n)]);
		kho_block_set_init(&bs, 8);
		FUZZ_ASSERT(kho_block_set_restore(&bs, next) == -EINVAL);
		return REFUSED;
	}
	return restore(rng, 8, next, false);
}

static unsigned int run(struct rng *rng)
{
	unsigned int outcome, mutations = rng_below(rng, 4), i;
	size_t entry_size = any_entry_size(rng);
	struct kho_block_set bs;
	u64 head;

	incoming = false;
	nr_pages = 0;
	if (rng_once_in(rng, 800)) {
		outcome = long_chain(rng);
		goto out;
	}

	kho_block_set_init(&bs, entry_size);
	fill(rng, &bs);
	if (rng_once_in(rng, 10)) {
		kho_block_set_destroy(&bs);
		FUZZ_ASSERT(!nr_pages);
		return UNTOUCHED;
	}
	head = kho_block_set_head_pa(&bs);
	forget(&bs);
	incoming = true;
	for (i = 0; nr_pages && i < mutations; i++)
		mutate(rng, &head);
	outcome = restore(rng, entry_size, head, !mutations);

out:
	while (nr_pages)
		host_page_free(pages[--nr_pages]);
	return outcome;
}

FUZZ_TARGET(fuzz_block) = {
	.name = "block",
	.run = run,
	.outcomes = outcomes,
};
