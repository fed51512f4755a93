// SPDX-License-Identifier: GPL-2.0-only
/*
 * KHO: what the previous kernel says to be a vmalloc area, or a list of pages.
 *
 * All of it is untrusted. kho_vmalloc_claim() checks descriptor, chunks and blocks
 * before it takes the first page; if it fails, everything can be restored as before,
 * or, if something was listed twice, as single pages. kho_vmalloc_unclaim() undoes it
 * and never fails; what it gives back can be restored as single pages.
 *
 * Callers: process context, may sleep.
 */

#include <linux/cleanup.h>
#include <linux/gfp.h>
#include <linux/kho/abi/kexec_handover.h>
#include <linux/memblock.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "kho_internal.h"

#define KHO_VMALLOC_FLAGS	(KHO_VMALLOC_ALLOC | KHO_VMALLOC_HUGE_VMAP)

/**
 * kho_vmalloc_is_sound - does a descriptor make sense, whatever it leads to?
 * @kv: the descriptor
 *
 * Return: true if so
 */
bool kho_vmalloc_is_sound(const struct kho_vmalloc *kv)
{
	return kv->total_pages && kv->total_pages <= max_pfn &&
	       kv->order <= MAX_PAGE_ORDER &&
	       IS_ALIGNED(kv->total_pages, 1U << kv->order) &&
	       kv->flags && !(kv->flags & ~KHO_VMALLOC_FLAGS);
}

/*
 * Check descriptor, chunks and blocks against each other and against what is
 * preserved, and give the pages. NULL if there is anything wrong.
 */
static struct page **kho_vmalloc_pages(const struct kho_vmalloc *kv)
{
	struct page **pages __free(kvfree) = NULL;
	unsigned int nr = 0, chunks, order = kv->order;
	u64 phys;

	if (!kho_vmalloc_is_sound(kv))
		return NULL;

	/* One more: the last one may be empty. */
	chunks = DIV_ROUND_UP(kv->total_pages >> order, KHO_VMALLOC_SIZE) + 1;
	pages = kvmalloc_array(kv->total_pages, sizeof(*pages),
			       GFP_KERNEL | __GFP_NOWARN);
	if (!pages)
		return NULL;

	for (phys = kv->first.phys; phys; chunks--) {
		const struct kho_vmalloc_chunk *chunk;

		if (!chunks || !kho_range_is_stamped(phys, 1))
			return NULL;
		chunk = phys_to_virt(phys);
		for (int i = 0; i < KHO_VMALLOC_SIZE && chunk->phys[i]; i++) {
			unsigned long pfn = PHYS_PFN(chunk->phys[i]);

			if (kv->total_pages - nr < 1U << order ||
			    !IS_ALIGNED(chunk->phys[i], PAGE_SIZE << order) ||
			    !kho_range_is_stamped(chunk->phys[i], 1UL << order))
				return NULL;
			for (unsigned int j = 0; j < 1U << order; j++)
				pages[nr++] = pfn_to_page(pfn + j);
		}
		phys = chunk->hdr.next.phys;
		cond_resched();
	}
	return nr == kv->total_pages ? no_free_ptr(pages) : NULL;
}

/* Undo kho_vmalloc_take(), which got up to page @nr and up to chunk @stop. */
static void kho_vmalloc_untake(const struct kho_vmalloc *kv,
			       struct page **pages, unsigned int nr, u64 stop)
{
	u64 phys = kv->first.phys;

	while (phys != stop) {
		struct kho_vmalloc_chunk *chunk = phys_to_virt(phys);

		kho_unrestore_pages(virt_to_page(chunk), 1);
		phys = chunk->hdr.next.phys;
	}
	while (nr--)
		kho_unrestore_pages(pages[nr], 1);
}

/* Take blocks and chunks, each of which is preserved, but maybe listed twice. */
static bool kho_vmalloc_take(const struct kho_vmalloc *kv, struct page **pages)
{
	unsigned int step = 1U << kv->order, i;
	u64 phys = kv->first.phys;

	for (i = 0; i < kv->total_pages; i += step) {
		if (!kho_take_pages(pages[i], step))
			goto undo;
		cond_resched();
	}
	while (phys) {
		struct kho_vmalloc_chunk *chunk = phys_to_virt(phys);

		if (!kho_take_pages(virt_to_page(chunk), 1))
			goto undo;
		phys = chunk->hdr.next.phys;
	}
	return true;

undo:
	kho_vmalloc_untake(kv, pages, i, phys);
	return false;
}

/**
 * kho_vmalloc_claim - check a vmalloc area and take all of its pages and chunks over
 * @kv: its descriptor, untrusted
 *
 * Return: its pages, in their order; NULL if it is not sound, or without memory
 */
struct page **kho_vmalloc_claim(const struct kho_vmalloc *kv)
{
	struct page **pages = kho_vmalloc_pages(kv);

	if (pages && kho_vmalloc_take(kv, pages))
		return pages;
	kvfree(pages);
	return NULL;
}

/**
 * kho_vmalloc_unclaim - undo kho_vmalloc_claim()
 * @kv: the descriptor
 * @pages: what that returned
 */
void kho_vmalloc_unclaim(const struct kho_vmalloc *kv, struct page **pages)
{
	kho_vmalloc_untake(kv, pages, kv->total_pages, 0);
	kvfree(pages);
}
