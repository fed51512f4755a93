// SPDX-License-Identifier: GPL-2.0-only
/*
 * KHO: a list of pages in the format of a vmalloc area.
 *
 * What kho_preserve_vmalloc() leaves for the next kernel is a chain of chunks with
 * the addresses of pages, and nothing of it says that the pages were ever mapped. So
 * an array that nobody needs at consecutive addresses can be made without a vmalloc
 * area: an entry in a chunk for each page, as they come. The same goes for reading
 * it, whoever wrote it.
 *
 * Old kernel: kho_page_list_append() may fail, and the list is as before then. New
 * kernel: kho_page_list_restore() checks all of the chain, which is untrusted, and takes
 * it over; if it fails, everything stays as it was. kho_page_list_destroy() undoes
 * either of them and never fails.
 *
 * Callers: process context, may sleep.
 */

#include <linux/errno.h>
#include <linux/export.h>
#include <linux/gfp.h>
#include <linux/kexec_handover.h>
#include <linux/kho_page_list.h>
#include <linux/mm.h>
#include <linux/sched.h>

#include "kho_internal.h"

/* Not zeroed: for such a page nearly all of the time would be spent on that. */
static void *kho_page_list_alloc(void)
{
	struct page *page = alloc_page(GFP_KERNEL);
	int err;

	if (!page)
		return ERR_PTR(-ENOMEM);
	err = kho_preserve_pages(page, 1);
	if (err) {
		__free_page(page);
		return ERR_PTR(err);
	}
	return page_address(page);
}

static void kho_page_list_free(const struct kho_page_list *list, u64 phys,
			       unsigned long nr_pages)
{
	struct page *page = pfn_to_page(PHYS_PFN(phys));
	unsigned long i;

	if (!list->incoming)
		kho_unpreserve_pages(page, nr_pages);
	for (i = 0; i < nr_pages; i++)
		__free_page(page + i);
}

static struct kho_vmalloc_chunk *kho_page_list_chunk(struct kho_page_list *list)
{
	struct kho_vmalloc_chunk *chunk = list->last;

	if (chunk && list->used < KHO_VMALLOC_SIZE)
		return chunk;

	chunk = kho_page_list_alloc();
	if (IS_ERR(chunk))
		return chunk;
	chunk->hdr.next.phys = 0;
	chunk->phys[0] = 0;
	if (list->last)
		KHOSER_STORE_PTR(list->last->hdr.next, chunk);
	else
		KHOSER_STORE_PTR(list->kv.first, chunk);
	list->last = chunk;
	list->used = 0;
	return chunk;
}

/**
 * kho_page_list_append - make a list longer by a page
 * @list: an outgoing list
 *
 * Context: process context, may sleep.
 * Return: the page, which is preserved and not initialised; or an ERR_PTR(): -ENOMEM,
 * -EFBIG, and those of kho_preserve_pages().
 */
void *kho_page_list_append(struct kho_page_list *list)
{
	struct kho_vmalloc_chunk *chunk;
	void *page;

	if (list->kv.total_pages == U32_MAX)
		return ERR_PTR(-EFBIG);

	/* If there is no page for a new chunk, it stays empty, which is allowed. */
	chunk = kho_page_list_chunk(list);
	if (IS_ERR(chunk))
		return chunk;
	page = kho_page_list_alloc();
	if (IS_ERR(page))
		return page;

	chunk->phys[list->used++] = virt_to_phys(page);
	if (list->used < KHO_VMALLOC_SIZE)
		chunk->phys[list->used] = 0;
	list->kv.flags = KHO_VMALLOC_ALLOC;
	list->kv.total_pages++;
	return page;
}
EXPORT_SYMBOL_GPL(kho_page_list_append);

/* Check and take pages that are one entry of @chunk. */
static bool kho_page_list_take(u64 phys, unsigned long nr_pages,
			       const struct kho_vmalloc_chunk *chunk)
{
	if (nr_pages == 1)
		return kho_take_page(phys, virt_to_page(chunk));
	return IS_ALIGNED(phys, nr_pages << PAGE_SHIFT) &&
	       kho_range_is_stamped(phys, nr_pages) &&
	       kho_take_pages(pfn_to_page(PHYS_PFN(phys)), nr_pages);
}

static void kho_page_list_untake(u64 phys, unsigned long nr_pages)
{
	kho_unrestore_pages(pfn_to_page(PHYS_PFN(phys)), nr_pages);
}

/*
 * Undo kho_page_list_restore(), which took @nr_chunks, all but the last one with all
 * of their entries, and that with @used.
 */
static void kho_page_list_unrestore(const struct kho_vmalloc *kv,
				    unsigned long nr_chunks, unsigned int used)
{
	u64 phys = kv->first.phys, next;

	for (; nr_chunks; nr_chunks--, phys = next) {
		struct kho_vmalloc_chunk *chunk = phys_to_virt(phys);
		unsigned int nr = nr_chunks == 1 ? used : KHO_VMALLOC_SIZE;

		for (unsigned int i = 0; i < nr && chunk->phys[i]; i++)
			kho_page_list_untake(chunk->phys[i], 1UL << kv->order);
		next = chunk->hdr.next.phys;
		kho_page_list_untake(phys, 1);
	}
}

/**
 * kho_page_list_restore - take a list of pages, or a vmalloc area, over
 * @list: filled in
 * @kv: what the old kernel handed over
 *
 * The pages come as those of a list, whatever they were in the old kernel.
 *
 * Context: process context, may sleep.
 * Return: 0; -EINVAL if @kv is not sound or lists something that is not preserved or
 * was restored before. Everything stays reserved then.
 */
int kho_page_list_restore(struct kho_page_list *list,
			  const struct kho_vmalloc *kv)
{
	struct kho_page_list in = { .kv = *kv, .incoming = true };
	unsigned long nr_chunks = 0, step;
	unsigned int i = 0;
	u32 nr = 0;
	u64 phys;

	if (!kho_vmalloc_is_sound(&in.kv))
		return -EINVAL;

	/* Each page can be taken only once, so there is an end to any chain. */
	step = 1UL << in.kv.order;
	for (phys = in.kv.first.phys; phys;) {
		struct kho_vmalloc_chunk *chunk;

		if (!kho_take_page(phys, NULL))
			goto undo;
		nr_chunks++;
		chunk = phys_to_virt(phys);
		for (i = 0; i < KHO_VMALLOC_SIZE && chunk->phys[i]; i++) {
			if (nr == in.kv.total_pages ||
			    !kho_page_list_take(chunk->phys[i], step, chunk))
				goto undo;
			nr += step;
		}
		phys = chunk->hdr.next.phys;
		if (phys)
			cond_resched();
	}
	if (nr != in.kv.total_pages)
		goto undo;
	*list = in;
	return 0;

undo:
	kho_page_list_unrestore(&in.kv, nr_chunks, i);
	return -EINVAL;
}
EXPORT_SYMBOL_GPL(kho_page_list_restore);

/**
 * kho_page_list_destroy - free a list with all its pages
 * @list: the list, empty afterwards
 *
 * Context: process context, may sleep.
 */
void kho_page_list_destroy(struct kho_page_list *list)
{
	u64 phys = list->kv.first.phys;

	while (phys) {
		struct kho_vmalloc_chunk *chunk = phys_to_virt(phys);
		u64 next = chunk->hdr.next.phys;

		for (int i = 0; i < KHO_VMALLOC_SIZE && chunk->phys[i]; i++)
			kho_page_list_free(list, chunk->phys[i],
					   1UL << list->kv.order);
		kho_page_list_free(list, phys, 1);
		phys = next;
		if (phys)
			cond_resched();
	}
	*list = (struct kho_page_list){};
}
EXPORT_SYMBOL_GPL(kho_page_list_destroy);

/**
 * kho_page_list_it_init - begin with a walk over a list
 * @it: the position
 * @list: the list; stays as it is during the walk
 */
void kho_page_list_it_init(struct kho_page_list_it *it,
			   const struct kho_page_list *list)
{
	u64 first = list->kv.first.phys;

	*it = (struct kho_page_list_it){
		.chunk = first ? phys_to_virt(first) : NULL,
		.pages = 1U << list->kv.order,
	};
}
EXPORT_SYMBOL_GPL(kho_page_list_it_init);

/**
 * kho_page_list_it_next - next page of a list
 * @it: the position
 *
 * Return: the page, NULL at the end
 */
void *kho_page_list_it_next(struct kho_page_list_it *it)
{
	if (it->page == it->pages) {
		it->page = 0;
		it->i++;
	}
	while (it->chunk &&
	       (it->i == KHO_VMALLOC_SIZE || !it->chunk->phys[it->i])) {
		u64 next = it->chunk->hdr.next.phys;

		it->chunk = next ? phys_to_virt(next) : NULL;
		it->i = 0;
	}
	if (!it->chunk)
		return NULL;
	return phys_to_virt(it->chunk->phys[it->i] +
			    ((u64)it->page++ << PAGE_SHIFT));
}
EXPORT_SYMBOL_GPL(kho_page_list_it_next);
