/* SPDX-License-Identifier: GPL-2.0-only */
/* What the previous kernel preserved, see preserved.c. */
#ifndef HOST_PRESERVED_H
#define HOST_PRESERVED_H

/* What a page is: nothing of KHO's, within or at the start of a block, taken over. */
#define PAGE_PLAIN	(-1)
#define PAGE_WITHIN	(-2)
#define PAGE_TAKEN	(-3)

/* PAGE_*, or the order of the preserved block that begins there. */
int page_state(u64 phys);
void page_set_state(u64 phys, int state);

/* Allocate a block of the area, of 1 << order pages from page @i on, and preserve it. */
u64 area_preserve(unsigned int i, unsigned int order);
/* Free all pages of the area that are left below @end. */
void area_free(unsigned int end);

/* Is the range as kho_range_is_stamped() wants it? An opinion, page by page. */
bool range_is_preserved(u64 phys, u64 nr_pages);

/*
 * A chain of chunks as of a vmalloc area: make one of the @nr blocks of 1 << @order pages
 * at @blocks, @per of them in each chunk, from page @i of the area on. Returns the page
 * after its last one.
 */
struct kho_vmalloc;
unsigned int chain_make(struct kho_vmalloc *kv, unsigned int i, const u64 *blocks,
			unsigned int nr, unsigned int order, unsigned int per);

/* An opinion: what is to become of it? */
enum chain { CHAIN_SOUND, CHAIN_DESCRIPTOR, CHAIN_BAD, CHAIN_TWICE };

/*
 * @is_area: as a vmalloc area, which must have no more chunks than it needs, plus one.
 * @pages gets the addresses of its pages, *@nr of them; for at most HOST_AREA_PAGES.
 */
enum chain chain_judge(const struct kho_vmalloc *kv, bool is_area, u64 *pages,
		       unsigned int *nr);

#endif /* HOST_PRESERVED_H */
