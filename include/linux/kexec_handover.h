/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kexec handover (KHO): memory that survives kexec.
 *
 * The old kernel preserves memory and publishes blobs ("subtrees") by name; the
 * new kernel looks a blob up by name and restores the memory it points to.
 *
 * Preserve, unpreserve and subtree calls: process context, may sleep, from
 * fs_initcall on. No call takes a reference: the caller keeps the memory
 * allocated and where it is until it unpreserves it or kexec happens.
 * With KHO disabled (kho=off) or not built in they return -EOPNOTSUPP.
 */
#ifndef LINUX_KEXEC_HANDOVER_H
#define LINUX_KEXEC_HANDOVER_H

#include <linux/err.h>
#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/pfn.h>
#include <linux/types.h>

struct folio;
struct kho_vmalloc;
struct page;

#ifdef CONFIG_KEXEC_HANDOVER

bool kho_is_enabled(void);
bool is_kho_boot(void);

int kho_preserve_folio(struct folio *folio);
int kho_preserve_folios(struct folio **folios, unsigned int nr);
void kho_unpreserve_folio(struct folio *folio);
bool kho_folio_is_preserved(struct folio *folio);
int kho_preserve_pages(struct page *page, unsigned long nr_pages);
void kho_unpreserve_pages(struct page *page, unsigned long nr_pages);
int kho_preserve_vmalloc(void *ptr, struct kho_vmalloc *preservation);
void kho_unpreserve_vmalloc(struct kho_vmalloc *preservation);
void *kho_alloc_preserve(size_t size);
void kho_unpreserve_free(void *mem);

void kho_restore_free(void *mem);
int kho_restorable_order(phys_addr_t phys);
struct folio *kho_restore_folio(phys_addr_t phys);
struct folio *kho_restore_folio_near(phys_addr_t phys, struct folio *near);
struct page *kho_restore_pages(phys_addr_t phys, unsigned long nr_pages);
void *kho_restore_vmalloc(const struct kho_vmalloc *preservation);

int kho_add_subtree(const char *name, void *blob, size_t size);
void kho_remove_subtree(void *blob);
int kho_retrieve_subtree(const char *name, phys_addr_t *phys, size_t *size);

bool kho_scratch_overlap(phys_addr_t phys, size_t size);

void kho_populate(phys_addr_t fdt_phys, u64 fdt_len,
		  phys_addr_t scratch_phys, u64 scratch_len);
void kho_ram_is_known(void);
void kho_memory_init_early(void);
void kho_memory_init(void);

/*
 * reserve_mem= regions over kexec, see kernel/liveupdate/kho_reserve_mem.c.
 * kho_reserve_mem_revive() is tried before a new region is allocated;
 * kho_reserve_mem_add() tells KHO each region that came into being, old or new.
 */
bool kho_reserve_mem_revive(const char *name, phys_addr_t size,
			    phys_addr_t align, phys_addr_t *start);
void kho_reserve_mem_add(const char *name, phys_addr_t start, phys_addr_t size);

#else /* !CONFIG_KEXEC_HANDOVER */

static inline bool kho_is_enabled(void)
{
	return false;
}

static inline bool is_kho_boot(void)
{
	return false;
}

static inline int kho_preserve_folio(struct folio *folio)
{
	return -EOPNOTSUPP;
}

static inline int kho_preserve_folios(struct folio **folios, unsigned int nr)
{
	return -EOPNOTSUPP;
}

static inline void kho_unpreserve_folio(struct folio *folio) { }

static inline bool kho_folio_is_preserved(struct folio *folio)
{
	return false;
}

static inline int kho_preserve_pages(struct page *page, unsigned long nr_pages)
{
	return -EOPNOTSUPP;
}

static inline void kho_unpreserve_pages(struct page *page,
					unsigned long nr_pages) { }

static inline int kho_preserve_vmalloc(void *ptr,
				       struct kho_vmalloc *preservation)
{
	return -EOPNOTSUPP;
}

static inline void kho_unpreserve_vmalloc(struct kho_vmalloc *preservation) { }

static inline void *kho_alloc_preserve(size_t size)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static inline void kho_unpreserve_free(void *mem) { }

static inline void kho_restore_free(void *mem) { }

static inline int kho_restorable_order(phys_addr_t phys)
{
	return -ENOENT;
}

static inline struct folio *kho_restore_folio(phys_addr_t phys)
{
	return NULL;
}

static inline struct folio *kho_restore_folio_near(phys_addr_t phys,
						   struct folio *near)
{
	return NULL;
}

static inline struct page *kho_restore_pages(phys_addr_t phys,
					     unsigned long nr_pages)
{
	return NULL;
}

static inline void *kho_restore_vmalloc(const struct kho_vmalloc *preservation)
{
	return NULL;
}

static inline int kho_add_subtree(const char *name, void *blob, size_t size)
{
	return -EOPNOTSUPP;
}

static inline void kho_remove_subtree(void *blob) { }

static inline int kho_retrieve_subtree(const char *name, phys_addr_t *phys,
				       size_t *size)
{
	return -EOPNOTSUPP;
}

static inline bool kho_scratch_overlap(phys_addr_t phys, size_t size)
{
	return false;
}

static inline void kho_populate(phys_addr_t fdt_phys, u64 fdt_len,
				phys_addr_t scratch_phys, u64 scratch_len) { }

static inline void kho_ram_is_known(void) { }

static inline void kho_memory_init_early(void) { }

static inline void kho_memory_init(void) { }

static inline bool kho_reserve_mem_revive(const char *name, phys_addr_t size,
					  phys_addr_t align, phys_addr_t *start)
{
	return false;
}

static inline void kho_reserve_mem_add(const char *name, phys_addr_t start,
				       phys_addr_t size) { }

#endif /* CONFIG_KEXEC_HANDOVER */

/**
 * kho_scratch_migratetype - initial migrate type of a pageblock
 * @pfn: first page frame of the pageblock
 * @mt: the type it gets when it is not scratch
 *
 * Scratch must never hold an unmovable page: the next kernel is loaded over it.
 *
 * Return: MIGRATE_CMA if the pageblock touches a scratch area, else @mt.
 */
static inline enum migratetype kho_scratch_migratetype(unsigned long pfn,
						       enum migratetype mt)
{
#ifdef CONFIG_KEXEC_HANDOVER
	if (kho_scratch_overlap(PFN_PHYS(pfn), pageblock_nr_pages << PAGE_SHIFT))
		return MIGRATE_CMA;
#endif
	return mt;
}

#endif /* LINUX_KEXEC_HANDOVER_H */
