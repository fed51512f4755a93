// SPDX-License-Identifier: GPL-2.0-only
/*
 * KHO: marking memory as preserved, in the old kernel.
 *
 * A preserved block is 1 << order pages at an address aligned to its size, and a
 * bit in the outgoing tree. A folio is one block; a range of pages is split into
 * the largest blocks that it has room for. What is in the tree at the moment of
 * the jump survives; there is no other step.
 *
 * Process context, any time after kho_init(). No reference is taken: the caller
 * keeps the memory allocated and in place until it unpreserves it. There is no
 * count either: two owners must not preserve the same page, and the next kernel
 * refuses a map where blocks overlap. Slab memory must not be preserved.
 *
 * Preserve calls fail on memory that cannot survive, and when a tree page cannot
 * be allocated; everything they did is undone then. Unpreserve calls never fail.
 */

#include <linux/bug.h>
#include <linux/export.h>
#include <linux/gfp.h>
#include <linux/hugetlb.h>
#include <linux/kexec_handover.h>
#include <linux/log2.h>
#include <linux/memremap.h>
#include <linux/mm.h>

#include "kho_internal.h"

/**
 * kho_split_order - order of the first block of a range of pages
 * @pfn: first page frame
 * @nr_pages: pages in the range, not 0
 *
 * Return: the largest order that @pfn is aligned to and the range has room for.
 */
unsigned int kho_split_order(unsigned long pfn, unsigned long nr_pages)
{
	unsigned int order = ilog2(nr_pages);

	return pfn ? min_t(unsigned int, order, __ffs(pfn)) : order;
}

/* A block has one node: the next kernel initialises its struct pages as such. */
static bool kho_in_one_node(unsigned long pfn, unsigned int order)
{
	unsigned long last = pfn + (1UL << order) - 1;
	int nid = pfn_to_nid(pfn);

	/* Nodes may be interleaved, by sections at the finest. */
	for (; pfn < last; pfn = SECTION_ALIGN_UP(pfn + 1)) {
		if (pfn_to_nid(pfn) != nid)
			return false;
	}
	return pfn_to_nid(last) == nid;
}

static unsigned int kho_block_order(unsigned long pfn, unsigned long nr_pages)
{
	unsigned int order = kho_split_order(pfn, nr_pages);

	if (IS_ENABLED(CONFIG_NUMA)) {
		while (order && !kho_in_one_node(pfn, order))
			order--;
	}
	return order;
}

/*
 * Memory that was plugged in later is in no memory map that the next kernel gets,
 * so its sections would not exist there when it starts.
 */
static bool kho_in_boot_memory(unsigned long pfn, unsigned long nr_pages)
{
	unsigned long end = pfn + nr_pages;

	for (; pfn < end; pfn = SECTION_ALIGN_UP(pfn + 1)) {
		struct mem_section *ms;

		if (pfn_to_section_nr(pfn) >= NR_MEM_SECTIONS)
			return false;
		ms = __pfn_to_section(pfn);
		if (!early_section(ms) || !online_section(ms))
			return false;
	}
	return true;
}

/* Is a block of @order preserved that has anything in [start, last]? */
static bool kho_order_in_use(const struct kho_radix_view *view, u64 start,
			     u64 last, unsigned int order)
{
	struct kho_radix_cursor cursor = {
		.end = kho_radix_encode_key(last, order) + 1,
	};
	unsigned long first, run_last;

	return kho_radix_next_run(view, &cursor,
				  kho_radix_encode_key(start, order), &first,
				  &run_last);
}

#ifdef CONFIG_KEXEC_HANDOVER_DEBUG
/* Is any page of the block in another block already? */
static bool kho_is_doubled(unsigned long pfn, unsigned int order)
{
	u64 start = PFN_PHYS(pfn), last = start + (PAGE_SIZE << order) - 1;
	struct kho_radix_view view;

	guard(mutex)(&kho_out.tree.lock);
	view = kho_radix_view_of(&kho_out.tree);
	for (unsigned int o = 0; o < 64 - PAGE_SHIFT; o++) {
		/* That very block is no other one. */
		if (o != order && kho_order_in_use(&view, start, last, o))
			return true;
	}
	return false;
}
#else
static bool kho_is_doubled(unsigned long pfn, unsigned int order)
{
	return false;
}
#endif

static int kho_add_block(unsigned long pfn, unsigned int order)
{
	if (WARN_ONCE(kho_is_doubled(pfn, order),
		      "page frame %#lx, order %u: preserved twice\n", pfn, order))
		return -EEXIST;
	return kho_radix_add_key(&kho_out.tree,
				 kho_radix_encode_key(PFN_PHYS(pfn), order));
}

static void kho_del_block(unsigned long pfn, unsigned int order)
{
	kho_radix_del_key(&kho_out.tree,
			  kho_radix_encode_key(PFN_PHYS(pfn), order));
}

/* May [@pfn, @pfn + @nr_pages) be preserved, and are we ready for it? */
static int kho_may_preserve(unsigned long pfn, unsigned long nr_pages)
{
	if (!kho_is_enabled())
		return -EOPNOTSUPP;
	if (!kho_out.tree.root)
		return -EINVAL;
	if (!nr_pages || nr_pages > (PHYS_ADDR_MAX >> PAGE_SHIFT) - pfn)
		return -EINVAL;
	if (!kho_in_boot_memory(pfn, nr_pages))
		return -EINVAL;
	/* The next kernel is loaded over it. */
	if (WARN_ONCE(kho_scratch_overlap(PFN_PHYS(pfn), nr_pages << PAGE_SHIFT),
		      "page frame %#lx, %lu pages: in KHO scratch\n",
		      pfn, nr_pages))
		return -EINVAL;
	return 0;
}

/*
 * @good is a section of which all may be preserved, which the caller remembers while it
 * has a reference to a folio in it.
 */
static int kho_may_preserve_folio(struct folio *folio, unsigned long *good)
{
	unsigned long pfn = folio_pfn(folio), section = pfn_to_section_nr(pfn);
	unsigned int order = folio_order(folio);
	int err;

	if (section != *good) {
		err = kho_may_preserve(pfn, 1UL << order);
		if (err)
			return err;
		if (!kho_scratch_overlap(PFN_PHYS(section_nr_to_pfn(section)),
					 PAGE_SIZE * PAGES_PER_SECTION))
			*good = section;
	}
	if (folio_test_slab(folio) || folio_is_zone_device(folio))
		return -EINVAL;
	if (order > MAX_PAGE_ORDER || folio_test_hugetlb(folio))
		return -EOPNOTSUPP;
	if (WARN_ONCE(kho_is_doubled(pfn, order),
		      "page frame %#lx, order %u: preserved twice\n", pfn, order))
		return -EEXIST;
	return 0;
}

static unsigned long kho_folio_key(struct folio *folio)
{
	return kho_radix_encode_key(PFN_PHYS(folio_pfn(folio)),
				    folio_order(folio));
}

/**
 * kho_preserve_folios - preserve several folios
 * @folios: the folios, none of which is preserved yet
 * @nr: how many they are
 *
 * This is kho_preserve_folio() for each of them, at less cost.
 *
 * Context: process context, may sleep.
 * Return: see kho_preserve_folio(). None of them is preserved after an error.
 */
int kho_preserve_folios(struct folio **folios, unsigned int nr)
{
	unsigned long good = NR_MEM_SECTIONS;
	unsigned int i;
	int err;

	for (i = 0; i < nr; i++) {
		err = kho_may_preserve_folio(folios[i], &good);
		if (err)
			return err;
	}

	guard(mutex)(&kho_out.tree.lock);
	for (i = 0; i < nr; i++) {
		err = kho_radix_add_key_locked(&kho_out.tree,
					       kho_folio_key(folios[i]));
		if (err) {
			while (i--)
				kho_radix_del_key_locked(&kho_out.tree,
							 kho_folio_key(folios[i]));
			return err;
		}
	}
	return 0;
}
EXPORT_SYMBOL_GPL(kho_preserve_folios);

/**
 * kho_preserve_folio - preserve a folio
 * @folio: the folio
 *
 * Preserving the same folio again is no error, and undone by unpreserving it
 * once. Folios that the page allocator cannot have made as a whole, and those
 * with an optimised memmap, cannot be restored and are refused.
 *
 * Context: process context, may sleep.
 * Return: 0; -EOPNOTSUPP if KHO is disabled or the folio is of a kind that cannot
 * be preserved; -EINVAL before kho_init() and for memory that does not survive
 * (scratch, hotplugged, slab); -ENOMEM; with CONFIG_KEXEC_HANDOVER_DEBUG, -EEXIST if
 * another block has a page of it already
 */
int kho_preserve_folio(struct folio *folio)
{
	return kho_preserve_folios(&folio, 1);
}
EXPORT_SYMBOL_GPL(kho_preserve_folio);

/**
 * kho_unpreserve_folio - undo kho_preserve_folio()
 * @folio: the folio, of the order that it was preserved with
 *
 * Context: process context, may sleep.
 */
void kho_unpreserve_folio(struct folio *folio)
{
	if (kho_out.tree.root)
		kho_del_block(folio_pfn(folio), folio_order(folio));
}
EXPORT_SYMBOL_GPL(kho_unpreserve_folio);

/**
 * kho_folio_is_preserved - was kho_preserve_folio() called on it?
 * @folio: the folio
 *
 * Context: process context, may sleep.
 * Return: true if it was, and it was not unpreserved since
 */
bool kho_folio_is_preserved(struct folio *folio)
{
	return kho_out.tree.root &&
	       kho_radix_contains(&kho_out.tree, kho_folio_key(folio));
}
EXPORT_SYMBOL_GPL(kho_folio_is_preserved);

/* Delete the blocks below @stop from the split of [@pfn, @end). */
static void kho_del_blocks(unsigned long pfn, unsigned long stop,
			   unsigned long end)
{
	while (pfn < stop) {
		unsigned int order = kho_block_order(pfn, end - pfn);

		kho_del_block(pfn, order);
		pfn += 1UL << order;
	}
}

/**
 * kho_preserve_pages - preserve a range of pages
 * @page: the first page
 * @nr_pages: number of pages
 *
 * For pages with a reference count each: kho_restore_pages() returns them like
 * that, whatever order they were allocated with.
 *
 * Context: process context, may sleep.
 * Return: 0; -EOPNOTSUPP if KHO is disabled; -EINVAL before kho_init(), for an
 * empty range and for memory that does not survive (scratch, hotplugged, slab);
 * -ENOMEM; with CONFIG_KEXEC_HANDOVER_DEBUG, -EEXIST if another block has a page of it
 * already. Nothing is preserved by a call that failed.
 */
int kho_preserve_pages(struct page *page, unsigned long nr_pages)
{
	unsigned long start = page_to_pfn(page);
	unsigned long pfn = start, end = start + nr_pages;
	int err;

	err = kho_may_preserve(start, nr_pages);
	if (err)
		return err;
	if (PageSlab(page) || is_zone_device_page(page))
		return -EINVAL;

	while (pfn < end) {
		unsigned int order = kho_block_order(pfn, end - pfn);

		err = kho_add_block(pfn, order);
		if (err) {
			kho_del_blocks(start, pfn, end);
			return err;
		}
		pfn += 1UL << order;
	}
	return 0;
}
EXPORT_SYMBOL_GPL(kho_preserve_pages);

/**
 * kho_unpreserve_pages - undo kho_preserve_pages()
 * @page: the same first page
 * @nr_pages: the same number; part of a range cannot be unpreserved
 *
 * Context: process context, may sleep.
 */
void kho_unpreserve_pages(struct page *page, unsigned long nr_pages)
{
	unsigned long pfn = page_to_pfn(page);

	if (kho_out.tree.root)
		kho_del_blocks(pfn, pfn + nr_pages, pfn + nr_pages);
}
EXPORT_SYMBOL_GPL(kho_unpreserve_pages);

/**
 * kho_alloc_preserve - allocate memory for the next kernel
 * @size: bytes
 *
 * Context: process context, may sleep.
 * Return: zeroed memory of a power of two of pages, contiguous and preserved, to
 * be freed by kho_unpreserve_free() here or kho_restore_free() in the next
 * kernel; or an ERR_PTR(): -EINVAL if @size is 0, -E2BIG if it is beyond what
 * the page allocator has, -ENOMEM, and those of kho_preserve_folio().
 */
void *kho_alloc_preserve(size_t size)
{
	struct folio *folio;
	unsigned int order;
	int err;

	if (!kho_is_enabled())
		return ERR_PTR(-EOPNOTSUPP);
	if (!size)
		return ERR_PTR(-EINVAL);
	order = get_order(size);
	if (order > MAX_PAGE_ORDER)
		return ERR_PTR(-E2BIG);

	folio = folio_alloc(GFP_KERNEL | __GFP_ZERO, order);
	if (!folio)
		return ERR_PTR(-ENOMEM);
	err = kho_preserve_folio(folio);
	if (err) {
		folio_put(folio);
		return ERR_PTR(err);
	}
	return folio_address(folio);
}
EXPORT_SYMBOL_GPL(kho_alloc_preserve);

/**
 * kho_unpreserve_free - free what kho_alloc_preserve() gave
 * @mem: the memory, or NULL
 *
 * Context: process context, may sleep.
 */
void kho_unpreserve_free(void *mem)
{
	struct folio *folio;

	if (!mem)
		return;
	folio = virt_to_folio(mem);
	kho_unpreserve_folio(folio);
	folio_put(folio);
}
EXPORT_SYMBOL_GPL(kho_unpreserve_free);

bool kho_range_in_use(u64 start, u64 end)
{
	struct kho_radix_view view;

	if (!kho_is_enabled() || !kho_out.tree.root || start >= end)
		return false;
	if (kho_scratch_overlap(start, end - start))
		return true;

	guard(mutex)(&kho_out.tree.lock);
	view = kho_radix_view_of(&kho_out.tree);
	for (unsigned int order = 0; order < 64 - PAGE_SHIFT; order++)
		if (kho_order_in_use(&view, start, end - 1, order))
			return true;
	return false;
}
