// SPDX-License-Identifier: GPL-2.0-only
/*
 * KHO's new kernel, as kho_restore.c makes it look: which blocks are preserved, and
 * which were taken over. What is not allocated is not preserved.
 */
#include <linux/kho/abi/kexec_handover.h>

#include "kho_internal.h"
#include "fuzz.h"
#include "preserved.h"

static signed char states[HOST_PAGES];
/* Of folios that were taken over. */
static unsigned char orders[HOST_PAGES];

static void __attribute__((constructor)) all_plain(void)
{
	memset(states, PAGE_PLAIN, sizeof(states));
}

static signed char *state_of(u64 phys)
{
	return phys >= HOST_PHYS_BASE && PHYS_PFN(phys - HOST_PHYS_BASE) < HOST_PAGES ?
	       &states[PHYS_PFN(phys - HOST_PHYS_BASE)] : NULL;
}

int page_state(u64 phys)
{
	signed char *state = state_of(phys);

	return !state || phys % PAGE_SIZE || !host_page_exists(phys) ? PAGE_PLAIN : *state;
}

void page_set_state(u64 phys, int state)
{
	FUZZ_ASSERT(host_page_exists(phys));
	*state_of(phys) = state;
}

u64 area_preserve(unsigned int i, unsigned int order)
{
	u64 phys = HOST_AREA + i * PAGE_SIZE;
	unsigned int n;

	for (n = 0; n < 1U << order; n++) {
		host_area_alloc(i + n);
		page_set_state(phys + n * PAGE_SIZE, n ? PAGE_WITHIN : (int)order);
	}
	return phys;
}

void area_free(unsigned int end)
{
	u64 phys;

	for (phys = HOST_AREA; phys < HOST_AREA + end * PAGE_SIZE; phys += PAGE_SIZE) {
		if (!host_page_exists(phys))
			continue;
		page_set_state(phys, PAGE_PLAIN);
		host_page_free(phys_to_virt(phys));
	}
}

/* Each page is the start of a block that ends in the range, or within such a one. */
bool range_is_preserved(u64 phys, u64 nr_pages)
{
	u64 i, end = 0;

	for (i = 0; i < nr_pages; i++) {
		int state = page_state(phys + i * PAGE_SIZE);

		if (i < end && state == PAGE_WITHIN)
			continue;
		if (i < end || state < 0)
			return false;
		end = i + (1ULL << state);
	}
	return nr_pages && end == nr_pages;
}

bool kho_range_is_stamped(phys_addr_t phys, unsigned long nr_pages)
{
	unsigned long nr;

	for (; nr_pages; nr_pages -= nr, phys += nr << PAGE_SHIFT) {
		int state = page_state(phys);

		nr = state < 0 ? 0 : 1UL << state;
		if (!nr || nr > nr_pages)
			return false;
		if (nr == nr_pages)
			return true;
	}
	return false;
}

bool kho_take_pages(struct page *page, unsigned long nr_pages)
{
	u64 phys = virt_to_phys(page);
	unsigned long i;

	for (i = 0; i < nr_pages;) {
		int state = page_state(phys + i * PAGE_SIZE);
		unsigned long end = i + (1UL << max(state, 0));

		if (state < 0 || end > nr_pages) {
			kho_unrestore_pages(page, i);
			return false;
		}
		for (; i < end; i++)
			page_set_state(phys + i * PAGE_SIZE, PAGE_TAKEN);
	}
	return true;
}

bool kho_take_page(phys_addr_t phys, struct page *near)
{
	FUZZ_ASSERT(!near || page_state(virt_to_phys(near)) == PAGE_TAKEN);
	return !page_state(phys) && kho_take_pages(virt_to_page(phys_to_virt(phys)), 1);
}

void kho_unrestore_pages(struct page *page, unsigned long nr_pages)
{
	u64 phys = virt_to_phys(page);

	for (; nr_pages--; phys += PAGE_SIZE) {
		FUZZ_ASSERT(page_state(phys) == PAGE_TAKEN);
		page_set_state(phys, 0);
	}
}

/* What is near is a folio that was taken over. */
struct folio *kho_restore_folio_near(phys_addr_t phys, struct folio *near)
{
	int order = page_state(phys);

	FUZZ_ASSERT(!near || page_state(virt_to_phys(near)) == PAGE_TAKEN);
	if (order < 0)
		return NULL;
	for (unsigned int i = 0; i < 1U << order; i++)
		page_set_state(phys + i * PAGE_SIZE, PAGE_TAKEN);
	orders[PHYS_PFN(phys - HOST_PHYS_BASE)] = order;
	return phys_to_virt(phys);
}

bool folio_test_large(struct folio *folio)
{
	return folio_nr_pages(folio) > 1;
}

unsigned long folio_nr_pages(struct folio *folio)
{
	return 1UL << orders[PHYS_PFN(virt_to_phys(folio) - HOST_PHYS_BASE)];
}

void folio_set_large_rmappable(struct folio *folio)
{
	FUZZ_ASSERT(folio_test_large(folio));
}

/* Nobody is an old kernel here. */
int kho_preserve_pages(struct page *page, unsigned long nr_pages)
{
	abort();
}

void kho_unpreserve_pages(struct page *page, unsigned long nr_pages)
{
	abort();
}

/* The format, number by number: a chunk is the address of the next one and 511 more. */

static u64 number(u64 phys, unsigned int i)
{
	return ((u64 *)phys_to_virt(phys))[i];
}

unsigned int chain_make(struct kho_vmalloc *kv, unsigned int i, const u64 *blocks,
			unsigned int nr, unsigned int order, unsigned int per)
{
	u64 *link = &kv->first.phys, *chunk = NULL;
	unsigned int n;

	*kv = (struct kho_vmalloc){
		.total_pages = nr << order, .flags = 1, .order = order,
	};
	for (n = 0; n < nr; n++) {
		if (n % per == 0) {
			*link = area_preserve(i++, 0);
			chunk = phys_to_virt(*link);
			link = chunk;
		}
		chunk[1 + n % per] = blocks[n];
	}
	return i;
}

static bool use(bool *used, u64 phys, unsigned int nr)
{
	bool twice = false;

	for (; nr--; phys += PAGE_SIZE) {
		bool *page = &used[PHYS_PFN(phys - HOST_AREA)];

		twice |= *page;
		*page = true;
	}
	return twice;
}

enum chain chain_judge(const struct kho_vmalloc *kv, bool is_area, u64 *pages,
		       unsigned int *nr)
{
	u64 room = PAGE_SIZE / 8 - 1, step = 1ULL << kv->order % 64, max_chunks, phys;
	bool used[HOST_AREA_PAGES] = { };
	bool twice = false;
	u64 chunks = 0;

	*nr = 0;
	if (!kv->total_pages || kv->total_pages > max_pfn || kv->order > 10 ||
	    kv->total_pages % step || !kv->flags || kv->flags > 3)
		return CHAIN_DESCRIPTOR;
	max_chunks = (kv->total_pages / step + room - 1) / room + 1;
	for (phys = kv->first.phys; phys; phys = number(phys, 0)) {
		if (page_state(phys) || (is_area && ++chunks > max_chunks))
			return CHAIN_BAD;
		if (use(used, phys, 1)) {
			twice = true;
			/* Without a limit a circle has no other end. */
			if (!is_area)
				return CHAIN_TWICE;
		}
		for (u64 i = 1; i <= room && number(phys, i); i++) {
			u64 block = number(phys, i);

			if (block % (step * PAGE_SIZE) || *nr + step > kv->total_pages ||
			    !range_is_preserved(block, step))
				return CHAIN_BAD;
			twice |= use(used, block, step);
			for (u64 n = 0; n < step; n++, ++*nr)
				if (*nr < HOST_AREA_PAGES)
					pages[*nr] = block + n * PAGE_SIZE;
		}
	}
	if (*nr != kv->total_pages)
		return CHAIN_BAD;
	return twice ? CHAIN_TWICE : CHAIN_SOUND;
}
