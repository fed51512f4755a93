/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of KHO share among themselves.
 *
 * kho_core.c		enable flag, start of the outgoing side
 * kho_preserve.c	mark memory as preserved		(old kernel)
 * kho_restore.c	take preserved memory over		(new kernel)
 * kho_vmalloc.c	both, for vmalloc areas
 * kho_vmalloc_in.c	check what came in as a vmalloc area
 * kho_page_list.c	both, for arrays in the format of vmalloc areas
 * kho_subtree.c	blobs by name in the root FDT, both sides
 * kho_metadata.c	release and count of the previous kernel
 * kho_reserve_mem.c	reserve_mem= regions, both sides
 * kho_kexec.c		kexec_file_load(): segments inside scratch
 * kho_debugfs.c	/sys/kernel/debug/kho
 * kho_boot.c		incoming handover in early boot
 * kho_scratch.c	scratch areas: size, reserve, overlap, release
 * kho_libs.h		pure parts: root FDT, radix tree, incoming map, regions
 *
 * Lock order: kho_out.lock, then kho_out.tree.lock. Neither is held when a
 * consumer is called.
 */
#ifndef KHO_INTERNAL_H
#define KHO_INTERNAL_H

#include <linux/bits.h>
#include <linux/kexec_handover.h>
#include <linux/kho_radix_tree.h>
#include <linux/mm_types.h>
#include <linux/mutex.h>
#include <linux/types.h>

#include <asm/kexec_handover.h>

#include "kho_libs.h"

/**
 * struct kho_out - what this kernel prepares for the next one
 * @tree: preserved blocks; root is NULL until kho_init() made it
 * @lock: protects @fdt's contents
 * @fdt: the root FDT, one preserved page; NULL until it can be edited
 */
struct kho_out {
	struct kho_radix_tree tree;
	struct mutex lock; /* see above */
	void *fdt;
};

/* kho_core.c */
extern struct kho_out kho_out;

/* Stop producing for this boot. What was received is not affected. */
void kho_disable(void);
/* Was it disabled? False if nobody ever asked for it. Until init memory is freed. */
bool kho_has_failed(void);

/* kho_boot.c */

/*
 * The incoming root FDT. NULL if this is no KHO boot, and until
 * kho_memory_init_early() has accepted what came in.
 */
const void *kho_incoming_fdt(void);

/* kho_scratch.c */
extern struct kho_scratch *kho_scratch;
extern unsigned int kho_scratch_cnt;

/* Cold boot, from kho_memory_init(): size and reserve. Disables KHO on failure. */
void kho_scratch_reserve(void);
/*
 * Cold boot, from kho_init(): either give the areas to the page allocator as
 * CMA pageblocks, or give them up altogether. Both are no-ops if the areas are
 * not reserved in memblock by this boot, that is on a KHO boot.
 */
void kho_scratch_release_cma(void);
void kho_scratch_free(void);

/*
 * The stamp: what kho_memory_init() leaves in page->private of the first page
 * of each preserved block, and what kho_restore_*() wants to see there.
 */
#define KHO_STAMP_MAGIC		0x4b484f50UL /* "KHOP" */

static inline unsigned long kho_stamp(unsigned int order)
{
	return KHO_STAMP_MAGIC << 32 | order;
}

static inline bool kho_is_stamp(unsigned long private)
{
	return private >> 32 == KHO_STAMP_MAGIC;
}

static inline unsigned int kho_stamp_order(unsigned long private)
{
	return lower_32_bits(private);
}

static inline void kho_stamp_page(struct page *page, unsigned int order)
{
	page->private = kho_stamp(order);
}

/* Blocks that begin in [start, start + size) cannot be restored any more. */
static inline void kho_stamp_clear(phys_addr_t start, phys_addr_t size)
{
	unsigned long pfn;

	for (pfn = PHYS_PFN(start); pfn < PFN_UP(start + size); pfn++)
		pfn_to_page(pfn)->private = 0;
}

/* kho_subtree.c */
int kho_subtree_init(void);
void kho_subtree_exit(void);

/*
 * From kho_memory_init_early(), once the incoming map was accepted: find out
 * which blobs lie in preserved memory. No other one can be retrieved.
 */
void kho_subtree_check_incoming(const struct kho_map *map);

/* Does all of this range lie in preserved blocks of an accepted map? */
bool kho_is_preserved(const struct kho_map *map, u64 phys, u64 size);

/* Next incoming subtree that can be retrieved; @offset as for kho_fdt_next(). */
bool kho_subtree_next_incoming(int *offset, struct kho_fdt_child *child);

/* kho_preserve.c */
unsigned int kho_split_order(unsigned long pfn, unsigned long nr_pages);
/* Does the next kernel need any of it, because it is preserved, or to start in? */
bool kho_range_in_use(u64 start, u64 end);

/* kho_restore.c */
bool kho_range_is_stamped(phys_addr_t phys, unsigned long nr_pages);
bool kho_take_pages(struct page *page, unsigned long nr_pages);
bool kho_take_page(phys_addr_t phys, struct page *near);
void kho_unrestore_pages(struct page *page, unsigned long nr_pages);

/* kho_vmalloc_in.c */
bool kho_vmalloc_is_sound(const struct kho_vmalloc *kv);
struct page **kho_vmalloc_claim(const struct kho_vmalloc *kv);
void kho_vmalloc_unclaim(const struct kho_vmalloc *kv, struct page **pages);

/* kho_metadata.c */
void kho_metadata_receive(void);
int kho_metadata_publish(void);

/* kho_reserve_mem.c; right after kho_subtree_check_incoming() */
void kho_reserve_mem_check_incoming(const struct kho_map *map);
void kho_reserve_mem_claim(const struct kho_map *map);
/* Is a region going to be handed over? From late_initcall on. */
bool kho_reserve_mem_is_preserved(void);

/* kho_debugfs.c; adding and removing with kho_out.lock held */
#ifdef CONFIG_KEXEC_HANDOVER_DEBUGFS
void kho_debugfs_init(void);
void kho_debugfs_add_subtree(const char *name, void *data, size_t size);
void kho_debugfs_remove_subtree(void *data);
#else
static inline void kho_debugfs_init(void) { }
static inline void kho_debugfs_add_subtree(const char *name, void *data,
					   size_t size) { }
static inline void kho_debugfs_remove_subtree(void *data) { }
#endif

#endif /* KHO_INTERNAL_H */
