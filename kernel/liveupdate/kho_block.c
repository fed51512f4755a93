// SPDX-License-Identifier: GPL-2.0-only
/*
 * Block sets: records of one size in linked pages, for the next kernel.
 *
 * Life cycle: outgoing: init, grow, write entries, shrink, hand over the address
 * of the first block; destroy if the update is called off. Incoming: init,
 * restore, read entries, destroy.
 *
 * Callers: process context, the caller serializes. Grow and restore can fail,
 * and leave the set as it was before, or empty. What a restore refuses is not
 * freed: it cannot be known whose memory a broken chain leads to, so it stays
 * reserved until the next boot. Neither is what it has no memory for.
 */
#include <kunit/static_stub.h>
#include <kunit/visibility.h>
#include <linux/align.h>
#include <linux/bug.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/kho_block.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "kho_internal.h"
#include "kho_libs.h"

/*
 * Longer than this is no chain that anyone made. A chain beyond KHO_MAX_BLOCKS
 * is followed that far in order to tell one that is too long from one that has
 * no end: a cycle among the first KHO_MAX_BLOCKS blocks is found before.
 */
#define KHO_BLOCK_MAX_STEPS	(4 * KHO_MAX_BLOCKS)

VISIBLE_IF_KUNIT struct kho_block_header_ser *kho_block_alloc_page(void)
{
	KUNIT_STATIC_STUB_REDIRECT(kho_block_alloc_page);

	return kho_alloc_preserve(KHO_BLOCK_SIZE);
}

VISIBLE_IF_KUNIT void kho_block_free_page(struct kho_block_header_ser *ser,
					  bool incoming)
{
	KUNIT_STATIC_STUB_REDIRECT(kho_block_free_page, ser, incoming);

	if (incoming)
		kho_restore_free(ser);
	else
		kho_unpreserve_free(ser);
}

/* Is there a preserved page of the size of a block, which is still ours? */
VISIBLE_IF_KUNIT bool kho_block_page_valid(u64 phys)
{
	KUNIT_STATIC_STUB_REDIRECT(kho_block_page_valid, phys);

	return IS_ALIGNED(phys, KHO_BLOCK_SIZE) &&
	       kho_range_is_stamped(phys, KHO_BLOCK_SIZE >> PAGE_SHIFT);
}

static void *kho_block_entry(struct kho_block_set *bs, struct kho_block *block,
			     u64 i)
{
	return (void *)(block->ser + 1) + i * bs->entry_size;
}

static struct kho_block *kho_block_last(struct kho_block_set *bs)
{
	if (list_empty(&bs->blocks))
		return NULL;
	return list_last_entry(&bs->blocks, struct kho_block, list);
}

static u64 kho_block_needed(struct kho_block_set *bs, u64 count)
{
	return count / bs->count_per_block + !!(count % bs->count_per_block);
}

/* Where the address of the block after the last one belongs. */
static void kho_block_set_tail(struct kho_block_set *bs, u64 phys)
{
	struct kho_block *last = kho_block_last(bs);

	if (last)
		last->ser->next = phys;
	else
		bs->head_pa = phys;
}

static int kho_block_append(struct kho_block_set *bs,
			    struct kho_block_header_ser *ser)
{
	struct kho_block *block;

	block = kmalloc(sizeof(*block), GFP_KERNEL);
	if (!block)
		return -ENOMEM;
	block->ser = ser;
	kho_block_set_tail(bs, virt_to_phys(ser));
	list_add_tail(&block->list, &bs->blocks);
	bs->nblocks++;
	return 0;
}

static void kho_block_drop_last(struct kho_block_set *bs)
{
	struct kho_block *block = kho_block_last(bs);

	list_del(&block->list);
	bs->nblocks--;
	kho_block_set_tail(bs, 0);
	kho_block_free_page(block->ser, bs->incoming);
	kfree(block);
}

static void kho_block_shrink_to(struct kho_block_set *bs, long nblocks)
{
	while (bs->nblocks > nblocks)
		kho_block_drop_last(bs);
}

/**
 * kho_block_set_init - make an empty set
 * @bs: the set
 * @entry_size: size of a record; at least one has to fit into a block
 */
void kho_block_set_init(struct kho_block_set *bs, size_t entry_size)
{
	*bs = (struct kho_block_set){
		.blocks = LIST_HEAD_INIT(bs->blocks),
		.entry_size = entry_size,
		.count_per_block = entry_size ? KHO_BLOCK_ENTRIES(entry_size) :
						0,
	};
	WARN_ON_ONCE(!bs->count_per_block);
}
EXPORT_SYMBOL_GPL(kho_block_set_init);

/**
 * kho_block_set_grow - make room for records
 * @bs: the set, outgoing
 * @count: number of records that there has to be room for in all
 *
 * Return: 0; -ENOMEM, -ENOSPC if the set would have more than KHO_MAX_BLOCKS
 * blocks, -EINVAL if the set is incoming, or what kho_alloc_preserve() fails
 * with. On failure the set is as before.
 */
int kho_block_set_grow(struct kho_block_set *bs, u64 count)
{
	struct kho_block_header_ser *ser;
	long before = bs->nblocks;
	u64 needed;
	int err;

	if (WARN_ON_ONCE(bs->incoming || !bs->count_per_block))
		return -EINVAL;
	needed = kho_block_needed(bs, count);
	if (needed > KHO_MAX_BLOCKS)
		return -ENOSPC;

	while (bs->nblocks < needed) {
		ser = kho_block_alloc_page();
		if (IS_ERR(ser)) {
			err = PTR_ERR(ser);
			goto err_shrink;
		}
		err = kho_block_append(bs, ser);
		if (err) {
			kho_block_free_page(ser, false);
			goto err_shrink;
		}
	}
	return 0;

err_shrink:
	kho_block_shrink_to(bs, before);
	return err;
}
EXPORT_SYMBOL_GPL(kho_block_set_grow);

/**
 * kho_block_set_shrink - give up room that is not needed
 * @bs: the set
 * @count: number of records that there has to be room for; the others must have
 *	been removed, last one first
 */
void kho_block_set_shrink(struct kho_block_set *bs, u64 count)
{
	u64 needed;

	if (WARN_ON_ONCE(!bs->count_per_block))
		return;
	needed = kho_block_needed(bs, count);
	if (needed < bs->nblocks)
		kho_block_shrink_to(bs, needed);
}
EXPORT_SYMBOL_GPL(kho_block_set_shrink);

/* The blocks stay where they are, as if they had never been in the set. */
static void kho_block_forget(struct kho_block_set *bs)
{
	struct kho_block *block, *next;

	list_for_each_entry_safe(block, next, &bs->blocks, list)
		kfree(block);
	INIT_LIST_HEAD(&bs->blocks);
	bs->nblocks = 0;
	bs->head_pa = 0;
}

/*
 * Only the last block may be empty. None that we write is, but there are writers
 * that grow a set for an entry which never comes.
 */
static bool kho_block_count_valid(struct kho_block_set *bs,
				  const struct kho_block_header_ser *ser)
{
	return ser->count <= bs->count_per_block && (ser->count || !ser->next);
}

/*
 * Follow a chain that cannot be trusted. Every so often, at intervals that double,
 * the current block becomes the one that must not come again; so a cycle is
 * noticed after at most three times its length, without any memory.
 */
static int kho_block_check_chain(struct kho_block_set *bs, u64 head_pa,
				 long *nblocks)
{
	const struct kho_block_header_ser *ser;
	u64 phys, mark = 0;
	long n = 0, next_mark = 1;

	for (phys = head_pa; phys; phys = ser->next) {
		if (phys == mark || n == KHO_BLOCK_MAX_STEPS)
			return -EINVAL;
		if (!kho_block_page_valid(phys))
			return -EINVAL;
		ser = phys_to_virt(phys);
		if (!kho_block_count_valid(bs, ser))
			return -EINVAL;

		if (++n == next_mark) {
			mark = phys;
			next_mark *= 2;
		}
	}
	*nblocks = n;
	return n > KHO_MAX_BLOCKS ? -ENOSPC : 0;
}

/**
 * kho_block_set_restore - take over a set from the previous kernel
 * @bs: the set, just initialised
 * @head_pa: address of its first block, 0 for an empty set; not trusted
 *
 * Return: 0; -EINVAL if the chain leads to anything but preserved blocks, has no
 * end, or has a block with an impossible number of entries, -ENOSPC if there are
 * more than KHO_MAX_BLOCKS blocks, -ENOMEM. Nothing is freed then, the set is empty,
 * and after -ENOMEM it can be tried again.
 */
int kho_block_set_restore(struct kho_block_set *bs, u64 head_pa)
{
	struct kho_block_header_ser *ser;
	long nblocks;
	u64 phys;
	int err;

	if (WARN_ON_ONCE(bs->nblocks || !bs->count_per_block))
		return -EINVAL;
	bs->incoming = true;

	err = kho_block_check_chain(bs, head_pa, &nblocks);
	if (err)
		return err;

	for (phys = head_pa; phys; phys = ser->next) {
		ser = phys_to_virt(phys);
		err = kho_block_append(bs, ser);
		if (err)
			goto err_forget;
	}
	return 0;

err_forget:
	kho_block_forget(bs);
	return err;
}
EXPORT_SYMBOL_GPL(kho_block_set_restore);

/**
 * kho_block_set_destroy - free all blocks
 * @bs: the set; empty afterwards
 */
void kho_block_set_destroy(struct kho_block_set *bs)
{
	kho_block_shrink_to(bs, 0);
}
EXPORT_SYMBOL_GPL(kho_block_set_destroy);

/**
 * kho_block_set_clear - remove all records, but keep the room
 * @bs: the set
 */
void kho_block_set_clear(struct kho_block_set *bs)
{
	struct kho_block *block;

	list_for_each_entry(block, &bs->blocks, list) {
		block->ser->count = 0;
		memset(block->ser + 1, 0, KHO_BLOCK_SIZE - sizeof(*block->ser));
	}
}
EXPORT_SYMBOL_GPL(kho_block_set_clear);

/**
 * kho_block_set_it_init - go before the first entry
 * @it: the iterator
 * @bs: the set
 */
void kho_block_set_it_init(struct kho_block_set_it *it,
			   struct kho_block_set *bs)
{
	it->bs = bs;
	it->block = list_first_entry_or_null(&bs->blocks, struct kho_block,
					     list);
	it->i = 0;
}
EXPORT_SYMBOL_GPL(kho_block_set_it_init);

/* To the next block if entry @it->i is beyond @limit. False at the very end. */
static bool kho_block_set_it_settle(struct kho_block_set_it *it, u64 limit)
{
	if (!it->block)
		return false;
	if (it->i < limit)
		return true;
	if (list_is_last(&it->block->list, &it->bs->blocks))
		return false;
	it->block = list_next_entry(it->block, list);
	it->i = 0;
	return true;
}

/**
 * kho_block_set_it_reserve_entry - next entry, for writing
 * @it: the iterator
 *
 * The block has all its entries up to and including this one afterwards.
 *
 * Return: the entry, NULL if there is no more room
 */
void *kho_block_set_it_reserve_entry(struct kho_block_set_it *it)
{
	if (!kho_block_set_it_settle(it, it->bs->count_per_block))
		return NULL;
	it->block->ser->count = it->i + 1;
	return kho_block_entry(it->bs, it->block, it->i++);
}
EXPORT_SYMBOL_GPL(kho_block_set_it_reserve_entry);

/**
 * kho_block_set_it_read_entry - next entry, for reading
 * @it: the iterator
 *
 * Return: the entry, NULL if there are no more
 */
void *kho_block_set_it_read_entry(struct kho_block_set_it *it)
{
	struct kho_block_set *bs = it->bs;

	if (!it->block)
		return NULL;
	if (!kho_block_set_it_settle(it, min(it->block->ser->count,
					     bs->count_per_block)))
		return NULL;
	/* The other blocks of an outgoing set may still be empty. */
	if (it->i >= it->block->ser->count)
		return NULL;
	return kho_block_entry(bs, it->block, it->i++);
}
EXPORT_SYMBOL_GPL(kho_block_set_it_read_entry);

/**
 * kho_block_set_it_prev - one entry back
 * @it: the iterator
 *
 * From the beginning of a block this goes to the last slot of the one before it.
 * No block loses an entry by this.
 *
 * Return: the entry that comes next now, NULL at the very beginning
 */
void *kho_block_set_it_prev(struct kho_block_set_it *it)
{
	if (!it->block)
		return NULL;
	if (!it->i) {
		if (list_is_first(&it->block->list, &it->bs->blocks))
			return NULL;
		it->block = list_prev_entry(it->block, list);
		it->i = it->bs->count_per_block;
	}
	return kho_block_entry(it->bs, it->block, --it->i);
}
EXPORT_SYMBOL_GPL(kho_block_set_it_prev);
