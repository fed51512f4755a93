// SPDX-License-Identifier: GPL-2.0-only
/*
 * KHO: vmalloc areas.
 *
 * Old kernel: kho_preserve_vmalloc() preserves all pages of an area and writes
 * their addresses into a chain of preserved chunk pages, to which a struct
 * kho_vmalloc points. That struct goes into the consumer's own data. It may fail;
 * nothing is left of it then. kho_unpreserve_vmalloc() undoes it, and never fails.
 *
 * New kernel: kho_restore_vmalloc() makes a new area of these very pages, freed by
 * vfree(). Descriptor and chunks are untrusted, see kho_vmalloc_in.c: all of it is
 * checked before the first page is taken. If it fails, nothing was taken and all stays
 * reserved.
 *
 * Callers: process context, may sleep; the caller keeps the area as it is from
 * preserve to unpreserve.
 */

#define pr_fmt(fmt) "KHO: " fmt

#include <linux/export.h>
#include <linux/kexec_handover.h>
#include <linux/kho/abi/kexec_handover.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/vmalloc.h>

#include "../../mm/internal.h"
#include "kho_internal.h"

#define KHO_VM_FLAGS		(VM_ALLOC | VM_ALLOW_HUGE_VMAP)

static u16 kho_flags_from_vm(unsigned long vm_flags)
{
	u16 flags = 0;

	if (vm_flags & VM_ALLOC)
		flags |= KHO_VMALLOC_ALLOC;
	if (vm_flags & VM_ALLOW_HUGE_VMAP)
		flags |= KHO_VMALLOC_HUGE_VMAP;
	return flags;
}

static unsigned long kho_flags_to_vm(u16 flags)
{
	unsigned long vm_flags = 0;

	if (flags & KHO_VMALLOC_ALLOC)
		vm_flags |= VM_ALLOC;
	if (flags & KHO_VMALLOC_HUGE_VMAP)
		vm_flags |= VM_ALLOW_HUGE_VMAP;
	return vm_flags;
}

/* The order that every block of the area has: what it was allocated with, or 0. */
static unsigned int kho_vm_order(const struct vm_struct *vm)
{
	unsigned int order = 0;

#ifdef CONFIG_HAVE_ARCH_HUGE_VMALLOC
	order = vm->page_order;
#endif
	if (!order || order > MAX_PAGE_ORDER)
		return 0;
	for (unsigned int i = 0; i < vm->nr_pages; i++) {
		unsigned int in_block = i & ((1U << order) - 1);

		if (page_to_pfn(vm->pages[i]) !=
		    page_to_pfn(vm->pages[i - in_block]) + in_block)
			return 0;
		if (!in_block && !IS_ALIGNED(page_to_pfn(vm->pages[i]),
					     1UL << order))
			return 0;
	}
	return IS_ALIGNED(vm->nr_pages, 1U << order) ? order : 0;
}

static struct kho_vmalloc_chunk *kho_append_chunk(struct kho_vmalloc *kv,
						  struct kho_vmalloc_chunk *last)
{
	struct kho_vmalloc_chunk *chunk;

	chunk = kho_alloc_preserve(sizeof(*chunk));
	if (IS_ERR(chunk))
		return chunk;
	if (last)
		KHOSER_STORE_PTR(last->hdr.next, chunk);
	else
		KHOSER_STORE_PTR(kv->first, chunk);
	return chunk;
}

/**
 * kho_preserve_vmalloc - preserve a vmalloc area
 * @ptr: address in the area, all of which is preserved
 * @preservation: filled in; to be handed over to kho_restore_vmalloc()
 *
 * Context: process context, may sleep.
 * Return: 0; -EOPNOTSUPP if KHO is disabled or the area is not plain vmalloc()
 * memory; -EINVAL if @ptr is in no vmalloc area; -ENOMEM, and those of
 * kho_preserve_pages(). @preservation is empty after an error.
 */
int kho_preserve_vmalloc(void *ptr, struct kho_vmalloc *preservation)
{
	struct kho_vmalloc_chunk *chunk = NULL;
	struct kho_vmalloc kv = {};
	unsigned int i, used = 0;
	struct vm_struct *vm;
	int err;

	*preservation = kv;
	if (!kho_is_enabled())
		return -EOPNOTSUPP;
	vm = find_vm_area(ptr);
	if (!vm)
		return -EINVAL;
	if ((vm->flags & ~KHO_VM_FLAGS) || !vm->pages || !vm->nr_pages)
		return -EOPNOTSUPP;

	kv.flags = kho_flags_from_vm(vm->flags);
	kv.order = kho_vm_order(vm);

	for (i = 0; i < vm->nr_pages; i += 1U << kv.order) {
		if (!chunk || used == KHO_VMALLOC_SIZE) {
			chunk = kho_append_chunk(&kv, chunk);
			if (IS_ERR(chunk)) {
				err = PTR_ERR(chunk);
				goto err_undo;
			}
			used = 0;
		}

		err = kho_preserve_pages(vm->pages[i], 1UL << kv.order);
		if (err)
			goto err_undo;
		chunk->phys[used++] = page_to_phys(vm->pages[i]);
		cond_resched();
	}

	kv.total_pages = vm->nr_pages;
	*preservation = kv;
	return 0;

err_undo:
	kho_unpreserve_vmalloc(&kv);
	return err;
}
EXPORT_SYMBOL_GPL(kho_preserve_vmalloc);

/**
 * kho_unpreserve_vmalloc - undo kho_preserve_vmalloc()
 * @preservation: what that filled in; empty afterwards
 *
 * Context: process context, may sleep.
 */
void kho_unpreserve_vmalloc(struct kho_vmalloc *preservation)
{
	struct kho_vmalloc_chunk *chunk = KHOSER_LOAD_PTR(preservation->first);

	while (chunk) {
		struct kho_vmalloc_chunk *next = KHOSER_LOAD_PTR(chunk->hdr.next);

		for (int i = 0; i < KHO_VMALLOC_SIZE && chunk->phys[i]; i++)
			kho_unpreserve_pages(pfn_to_page(PHYS_PFN(chunk->phys[i])),
					     1UL << preservation->order);
		kho_unpreserve_free(chunk);
		chunk = next;
		cond_resched();
	}
	*preservation = (struct kho_vmalloc){};
}
EXPORT_SYMBOL_GPL(kho_unpreserve_vmalloc);

static void kho_vmalloc_free_chunks(const struct kho_vmalloc *kv)
{
	u64 phys = kv->first.phys;

	while (phys) {
		struct kho_vmalloc_chunk *chunk = phys_to_virt(phys);

		phys = chunk->hdr.next.phys;
		free_page((unsigned long)chunk);
	}
}

/**
 * kho_restore_vmalloc - take over a vmalloc area
 * @preservation: what kho_preserve_vmalloc() filled in, in the old kernel
 *
 * Context: process context, may sleep.
 * Return: address of the new area, to be freed by vfree(); NULL if @preservation
 * is not sound, or if there is not enough memory. Everything stays reserved then.
 */
void *kho_restore_vmalloc(const struct kho_vmalloc *preservation)
{
	struct kho_vmalloc kv = *preservation;
	struct page **pages;
	void *addr;

	pages = kho_vmalloc_claim(&kv);
	if (!pages)
		goto refuse;

	addr = vmalloc_adopt_pages(pages, kv.total_pages, kv.order,
				   kho_flags_to_vm(kv.flags));
	if (!addr)
		goto err_claim;

	kho_vmalloc_free_chunks(&kv);
	return addr;

err_claim:
	kho_vmalloc_unclaim(&kv, pages);
refuse:
	pr_warn_ratelimited("no vmalloc area to restore at %#llx: not as preserved, or no memory\n",
			    kv.first.phys);
	return NULL;
}
EXPORT_SYMBOL_GPL(kho_restore_vmalloc);
