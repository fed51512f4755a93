// SPDX-License-Identifier: GPL-2.0-only
/*
 * KHO: taking preserved memory over, in the new kernel.
 *
 * kho_memory_init() reserved all preserved blocks and stamped the first struct
 * page of each with magic and order. Restoring a block takes the stamp away, so it
 * works once, and makes the block ordinary allocated memory that belongs to the
 * caller. What nobody restores stays allocated until the next boot. Restored
 * memory is not preserved for the kernel after this one.
 *
 * Any context that may sleep, from early_initcall on. The addresses come from
 * what the old kernel left, so they are checked in every respect: NULL comes back
 * for an address that no block begins at, and nothing has changed then.
 */

#define pr_fmt(fmt) "KHO: " fmt

#include <linux/export.h>
#include <linux/kexec_handover.h>
#include <linux/memblock.h>
#include <linux/mm.h>
#include <linux/pgalloc_tag.h>
#include <linux/printk.h>

#include "../../mm/internal.h"
#include "kho_internal.h"

/*
 * Until struct pages are all initialised, only those of reserved memory can be
 * looked at: any other may still hold what was in its memory before, stamps of a
 * previous kernel included.
 */
static bool __ref kho_page_is_initialised(unsigned long pfn)
{
#ifdef CONFIG_DEFERRED_STRUCT_PAGE_INIT
	if (static_branch_unlikely(&deferred_pages))
		return memblock_is_reserved(PFN_PHYS(pfn));
#endif
	return true;
}

/*
 * The first page of the stamped block that begins at @phys, or NULL. @private is
 * the stamp. @near is NULL or a page that the caller has restored and not given to
 * anybody since: no other one of its section needs to be looked up.
 */
static __always_inline struct page *
kho_stamped_page(phys_addr_t phys, struct page *near, unsigned long *private)
{
	unsigned long pfn = PHYS_PFN(phys);
	struct page *page;

	if (!PAGE_ALIGNED(phys))
		return NULL;
	if (near && pfn_to_section_nr(page_to_pfn(near)) == pfn_to_section_nr(pfn))
		page = pfn_to_page(pfn);
	else
		page = pfn_to_online_page(pfn);
	if (!page || !kho_page_is_initialised(pfn))
		return NULL;
	*private = READ_ONCE(page->private);
	return kho_is_stamp(*private) ? page : NULL;
}

/**
 * kho_range_is_stamped - can this range be restored?
 * @phys: start
 * @nr_pages: number of pages
 *
 * Return: true if the range is not empty and consists of whole preserved blocks
 * which are not restored yet.
 */
bool kho_range_is_stamped(phys_addr_t phys, unsigned long nr_pages)
{
	if (!nr_pages)
		return false;

	while (nr_pages) {
		unsigned long private, nr;

		if (!kho_stamped_page(phys, NULL, &private))
			return false;
		nr = 1UL << kho_stamp_order(private);
		if (nr > nr_pages)
			return false;
		nr_pages -= nr;
		phys += nr << PAGE_SHIFT;
	}
	return true;
}

/* Take the stamp. False if someone else was faster. */
static bool kho_claim(struct page *page, unsigned long stamp)
{
	return cmpxchg(&page->private, stamp, 0) == stamp;
}

/* Blocks may be larger than the page allocator's, and then span zones. */
static void kho_account(struct page *page, unsigned int order, bool add)
{
	long step = 1L << min_t(unsigned int, order, MAX_PAGE_ORDER);
	unsigned long i;

	for (i = 0; i < 1UL << order; i += step)
		adjust_managed_page_count(page + i, add ? step : -step);
}

static struct page *__kho_tag(struct page *page, unsigned int order)
{
	pgalloc_tag_add(page, current, 1U << order);
	return page;
}

/*
 * For allocation profiling this is an allocation like any other. It must not be left
 * without a tag: splitting a large folio passes the tag of its head on to the parts.
 */
static void kho_tag(struct page *page, unsigned int order)
{
	alloc_hooks(__kho_tag(page, order));
}

static bool kho_is_folio(struct page *page, unsigned int order)
{
	struct page *last = page + (1UL << order) - 1;

	return !order ||
	       (order <= MAX_PAGE_ORDER && page_zone(page) == page_zone(last));
}

/**
 * kho_restorable_order - look at what kho_restore_folio() would give
 * @phys: an address
 *
 * While this is not negative, the memory is as the old kernel left it, and nobody's.
 *
 * Context: any that may sleep.
 * Return: the order of the folio that is preserved at @phys; -ENOENT if there is none,
 * or if it was restored before
 */
int kho_restorable_order(phys_addr_t phys)
{
	unsigned long private;
	struct page *page = kho_stamped_page(phys, NULL, &private);

	if (!page || !kho_is_folio(page, kho_stamp_order(private)))
		return -ENOENT;
	return kho_stamp_order(private);
}
EXPORT_SYMBOL_GPL(kho_restorable_order);

/**
 * kho_restore_folio_near - take over a folio that was preserved
 * @phys: its address
 * @near: a folio which the caller has restored and not given to anybody since, or
 *	NULL. It keeps its part of memory online, so that this need not be looked up
 *	again if they are in the same one.
 *
 * Context: may sleep.
 * Return: the folio, of the order that it was preserved with, with one reference
 * which is the caller's; NULL if no folio was preserved there, or if it was
 * restored before.
 */
struct folio *kho_restore_folio_near(phys_addr_t phys, struct folio *near)
{
	unsigned long private, i;
	unsigned int order;
	struct page *page;

	page = kho_stamped_page(phys, near ? &near->page : NULL, &private);
	if (!page)
		goto refuse;
	order = kho_stamp_order(private);
	if (!kho_is_folio(page, order) || !kho_claim(page, private))
		goto refuse;

	set_page_count(page, 1);
	for (i = 1; i < 1UL << order; i++)
		set_page_count(page + i, 0);
	if (order)
		prep_compound_page(page, order);
	kho_tag(page, order);
	kho_account(page, order, true);
	return page_folio(page);

refuse:
	pr_warn_ratelimited("no folio to restore at %pa: not preserved as one, or restored before\n",
			    &phys);
	return NULL;
}
EXPORT_SYMBOL_GPL(kho_restore_folio_near);

/**
 * kho_restore_folio - take over a folio that was preserved
 * @phys: its address
 *
 * Context: may sleep.
 * Return: see kho_restore_folio_near()
 */
struct folio *kho_restore_folio(phys_addr_t phys)
{
	return kho_restore_folio_near(phys, NULL);
}
EXPORT_SYMBOL_GPL(kho_restore_folio);

/* Undo kho_restore_pages(): as single pages the range can be restored again. */
void kho_unrestore_pages(struct page *page, unsigned long nr_pages)
{
	unsigned long i;

	for (i = 0; i < nr_pages; i++) {
		kho_account(page + i, 0, false);
		pgalloc_tag_sub(page + i, 1);
		kho_stamp_page(page + i, 0);
	}
}

/*
 * What kho_restore_pages() does, silently. The range must have been checked;
 * this fails only if parts of it were restored since.
 */
bool kho_take_pages(struct page *page, unsigned long nr_pages)
{
	unsigned long done = 0, i;

	while (done < nr_pages) {
		struct page *head = page + done;
		unsigned long private = READ_ONCE(head->private);
		unsigned int order = kho_stamp_order(private);

		if (!kho_is_stamp(private) ||
		    1UL << order > nr_pages - done ||
		    !kho_claim(head, private)) {
			kho_unrestore_pages(page, done);
			return false;
		}

		for (i = 0; i < 1UL << order; i++) {
			set_page_count(head + i, 1);
			kho_tag(head + i, 0);
		}
		kho_account(head, order, true);
		done += 1UL << order;
	}
	return true;
}

/* kho_restore_pages() for a block of a single page, silently; @near: kho_stamped_page() */
bool kho_take_page(phys_addr_t phys, struct page *near)
{
	unsigned long private;
	struct page *page = kho_stamped_page(phys, near, &private);

	if (!page || kho_stamp_order(private) || !kho_claim(page, private))
		return false;
	set_page_count(page, 1);
	kho_tag(page, 0);
	kho_account(page, 0, true);
	return true;
}

/**
 * kho_restore_pages - take over a range that kho_preserve_pages() preserved
 * @phys: its start
 * @nr_pages: its number of pages
 *
 * Context: may sleep.
 * Return: the first page; each page has one reference which is the caller's.
 * NULL if the range is not exactly one or more preserved ranges, or if any of it
 * was restored before; nothing is restored then.
 */
struct page *kho_restore_pages(phys_addr_t phys, unsigned long nr_pages)
{
	struct page *page = pfn_to_page(PHYS_PFN(phys));

	if (kho_range_is_stamped(phys, nr_pages) &&
	    kho_take_pages(page, nr_pages))
		return page;

	pr_warn_ratelimited("no %lu pages to restore at %pa: not preserved as such, or restored before\n",
			    nr_pages, &phys);
	return NULL;
}
EXPORT_SYMBOL_GPL(kho_restore_pages);

/**
 * kho_restore_free - free what the old kernel got from kho_alloc_preserve()
 * @mem: its address in the direct map, or NULL
 *
 * Context: may sleep.
 */
void kho_restore_free(void *mem)
{
	struct folio *folio;

	if (!mem)
		return;
	folio = kho_restore_folio(__pa(mem));
	if (folio)
		folio_put(folio);
}
EXPORT_SYMBOL_GPL(kho_restore_free);
