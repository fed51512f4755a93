// SPDX-License-Identifier: GPL-2.0-only
/*
 * KHO: subtrees, the blobs that are found by name.
 *
 * The root FDT has one child for each: name, address, size. The outgoing one is a
 * preserved page that is edited in place, under kho_out.lock, from kho_init() to
 * the jump. It is complete whenever nobody holds that lock. A jump does not wait for
 * the lock: who may jump while a consumer is still adding or removing, may leave it half
 * edited, for the next kernel to reject. The blob belongs to the consumer, who
 * preserves it separately, and keeps it until the subtree is removed. Adding fails when
 * the page is full; removing never fails.
 *
 * The incoming one is read only. Which of its blobs lie in preserved memory is
 * found out early, while the incoming map is at hand; other ones are not given
 * to anybody. Retrieving takes nothing over and works any number of times.
 */

#define pr_fmt(fmt) "KHO: " fmt

#include <linux/bitmap.h>
#include <linux/cleanup.h>
#include <linux/export.h>
#include <linux/init.h>
#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/printk.h>
#include <linux/string.h>

#include "kho_internal.h"

/* The incoming root FDT, and its usable children by the offset of their node. */
static const void *kho_in_fdt __ro_after_init;
static DECLARE_BITMAP(kho_in_usable, PAGE_SIZE / sizeof(u32)) __ro_after_init;

int __init kho_subtree_init(void)
{
	void *fdt = kho_alloc_preserve(PAGE_SIZE);
	int err;

	if (IS_ERR(fdt))
		return PTR_ERR(fdt);
	err = kho_fdt_create(fdt, PAGE_SIZE, virt_to_phys(kho_out.tree.root));
	if (err) {
		kho_unpreserve_free(fdt);
		return err;
	}
	scoped_guard(mutex, &kho_out.lock)
		kho_out.fdt = fdt;
	return 0;
}

void __init kho_subtree_exit(void)
{
	void *fdt;

	scoped_guard(mutex, &kho_out.lock) {
		fdt = kho_out.fdt;
		kho_out.fdt = NULL;
	}
	kho_unpreserve_free(fdt);
}

/**
 * kho_add_subtree - publish a blob for the next kernel
 * @name: name it is retrieved by
 * @blob: the blob, in the direct map, preserved by the caller
 * @size: its size in bytes
 *
 * Context: process context, may sleep.
 * Return: 0; -EOPNOTSUPP if KHO is disabled; -EINVAL before kho_init() and for
 * arguments that no kernel could retrieve; -EEXIST if @name is taken; -ENOMEM if
 * there is no room for one more
 */
int kho_add_subtree(const char *name, void *blob, size_t size)
{
	int err;

	if (!kho_is_enabled())
		return -EOPNOTSUPP;
	if (!name || !size || !virt_addr_valid(blob))
		return -EINVAL;

	guard(mutex)(&kho_out.lock);
	if (!kho_out.fdt)
		return -EINVAL;
	err = kho_fdt_add(kho_out.fdt, PAGE_SIZE, name, virt_to_phys(blob), size);
	if (err)
		return err;
	kho_debugfs_add_subtree(name, blob, size);
	return 0;
}
EXPORT_SYMBOL_GPL(kho_add_subtree);

/**
 * kho_remove_subtree - undo kho_add_subtree()
 * @blob: the blob; nothing happens if there is no subtree for it
 *
 * Context: process context, may sleep.
 */
void kho_remove_subtree(void *blob)
{
	if (!kho_is_enabled() || !virt_addr_valid(blob))
		return;

	guard(mutex)(&kho_out.lock);
	if (!kho_out.fdt)
		return;
	if (!kho_fdt_del(kho_out.fdt, PAGE_SIZE, virt_to_phys(blob)))
		kho_debugfs_remove_subtree(blob);
}
EXPORT_SYMBOL_GPL(kho_remove_subtree);

bool __init kho_is_preserved(const struct kho_map *map, u64 phys, u64 size)
{
	struct kho_map_run block;
	u64 end;

	if (!size || check_add_overflow(phys, size, &end))
		return false;
	while (phys < end) {
		if (!kho_map_find(map, phys, &block))
			return false;
		phys = block.end;
	}
	return true;
}

void __init kho_subtree_check_incoming(const struct kho_map *map)
{
	const void *fdt = kho_incoming_fdt();
	struct kho_fdt_child child;
	int offset = 0;
	u64 phys, size;
	const char *why;

	kho_in_fdt = fdt;
	while (kho_fdt_next(fdt, &offset, &child)) {
		if (!child.name)
			continue;
		if (kho_fdt_find(fdt, child.name, &phys, &size))
			why = "its address or size is missing, or its name is not unique";
		else if (!kho_is_preserved(map, phys, size))
			why = "its data is not in preserved memory";
		else
			why = NULL;

		if (why)
			pr_warn("subtree '%*pE' of the previous kernel is ignored: %s\n",
				(int)strlen(child.name), child.name, why);
		else
			__set_bit(offset / sizeof(u32), kho_in_usable);
	}
}

static bool kho_subtree_is_usable(int offset)
{
	return test_bit(offset / sizeof(u32), kho_in_usable);
}

bool kho_subtree_next_incoming(int *offset, struct kho_fdt_child *child)
{
	if (!kho_in_fdt)
		return false;
	while (kho_fdt_next(kho_in_fdt, offset, child)) {
		if (kho_subtree_is_usable(*offset))
			return true;
	}
	return false;
}

/**
 * kho_retrieve_subtree - find a blob of the previous kernel
 * @name: name that kho_add_subtree() was given
 * @phys: address of the blob
 * @size: its size in bytes; may be NULL
 *
 * The blob lies in preserved memory. What it says is still untrusted.
 *
 * Context: any, as soon as kho_memory_init_early() is through.
 * Return: 0; -ENOENT if this is no KHO boot or there is no such subtree; -EINVAL
 * if @phys is NULL or the subtree is broken
 */
int kho_retrieve_subtree(const char *name, phys_addr_t *phys, size_t *size)
{
	struct kho_fdt_child child;
	int offset = 0;

	if (!kho_in_fdt)
		return -ENOENT;
	if (!phys)
		return -EINVAL;

	while (kho_fdt_next(kho_in_fdt, &offset, &child)) {
		if (!child.name || strcmp(child.name, name))
			continue;
		if (!kho_subtree_is_usable(offset))
			return -EINVAL;
		*phys = child.phys;
		if (size)
			*size = child.size;
		return 0;
	}
	return -ENOENT;
}
EXPORT_SYMBOL_GPL(kho_retrieve_subtree);
