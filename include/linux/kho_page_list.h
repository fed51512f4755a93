/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A list of pages that is handed over in the format of a vmalloc area, without being
 * one: for an array that is written and read from its beginning to its end. Nothing
 * is mapped, and the list grows page by page.
 *
 * Old kernel: append pages, hand over a copy of @kv. New kernel: restore the list from
 * that copy, walk it. Both: destroy it. There is no locking in here: the caller
 * serializes. See kernel/liveupdate/kho_page_list.c.
 */
#ifndef LINUX_KHO_PAGE_LIST_H
#define LINUX_KHO_PAGE_LIST_H

#include <linux/kho/abi/kexec_handover.h>
#include <linux/types.h>

/**
 * struct kho_page_list - a list of pages; empty if all zero
 * @kv: descriptor
 * @last: outgoing: the last chunk
 * @used: outgoing: entries in it
 * @incoming: the pages came from the previous kernel
 */
struct kho_page_list {
	struct kho_vmalloc kv;
	struct kho_vmalloc_chunk *last;
	unsigned int used;
	bool incoming;
};

/**
 * struct kho_page_list_it - a position in a list
 * @chunk: the current chunk, NULL at the end
 * @i: index of the next block in it
 * @page: index of the next page in that
 * @pages: number of pages of a block
 */
struct kho_page_list_it {
	const struct kho_vmalloc_chunk *chunk;
	unsigned int i;
	unsigned int page;
	unsigned int pages;
};

void *kho_page_list_append(struct kho_page_list *list);
int kho_page_list_restore(struct kho_page_list *list,
			  const struct kho_vmalloc *kv);
void kho_page_list_destroy(struct kho_page_list *list);

void kho_page_list_it_init(struct kho_page_list_it *it,
			   const struct kho_page_list *list);
void *kho_page_list_it_next(struct kho_page_list_it *it);

#endif /* LINUX_KHO_PAGE_LIST_H */
