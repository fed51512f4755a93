/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Records of one size in linked pages, which are handed over to the next kernel.
 *
 * Old kernel: grow the set to the number of records before anything is written
 * (only this can fail), then reserve an entry for each record with an iterator.
 * Hand over kho_block_set_head_pa(). Every block in the set must have an entry
 * then: shrink the set to what was really written.
 *
 * New kernel: restore the set from that address, read with an iterator, destroy
 * it. There is no locking in here: the caller serializes.
 */
#ifndef LINUX_KHO_BLOCK_H
#define LINUX_KHO_BLOCK_H

#include <linux/errno.h>
#include <linux/kho/abi/block.h>
#include <linux/list.h>
#include <linux/types.h>

/**
 * struct kho_block - one block of a set
 * @list: in &kho_block_set.blocks
 * @ser: the page that is handed over
 */
struct kho_block {
	struct list_head list;
	struct kho_block_header_ser *ser;
};

/**
 * struct kho_block_set - a set of records
 * @blocks: its blocks, in order
 * @nblocks: number of blocks
 * @head_pa: address of the first block, 0 if there is none
 * @entry_size: size of a record
 * @count_per_block: number of records that a block has room for
 * @incoming: the blocks came from the previous kernel
 */
struct kho_block_set {
	struct list_head blocks;
	long nblocks;
	u64 head_pa;
	size_t entry_size;
	u64 count_per_block;
	bool incoming;
};

/**
 * struct kho_block_set_it - a position in a set, between two entries
 * @bs: the set
 * @block: the current block, NULL if the set is empty
 * @i: index of the next entry in this block
 */
struct kho_block_set_it {
	struct kho_block_set *bs;
	struct kho_block *block;
	u64 i;
};

#define KHO_BLOCK_ENTRIES(size)						\
	((KHO_BLOCK_SIZE - sizeof(struct kho_block_header_ser)) / (size))

#define KHO_BLOCK_SET_INIT(name, size) {			\
	.blocks = LIST_HEAD_INIT((name).blocks),		\
	.entry_size = (size),					\
	.count_per_block = KHO_BLOCK_ENTRIES(size),		\
}

#ifdef CONFIG_KEXEC_HANDOVER

void kho_block_set_init(struct kho_block_set *bs, size_t entry_size);
int kho_block_set_grow(struct kho_block_set *bs, u64 count);
void kho_block_set_shrink(struct kho_block_set *bs, u64 count);
int kho_block_set_restore(struct kho_block_set *bs, u64 head_pa);
void kho_block_set_destroy(struct kho_block_set *bs);
void kho_block_set_clear(struct kho_block_set *bs);

void kho_block_set_it_init(struct kho_block_set_it *it,
			   struct kho_block_set *bs);
void *kho_block_set_it_reserve_entry(struct kho_block_set_it *it);
void *kho_block_set_it_read_entry(struct kho_block_set_it *it);
void *kho_block_set_it_prev(struct kho_block_set_it *it);

#else /* !CONFIG_KEXEC_HANDOVER */

static inline void kho_block_set_init(struct kho_block_set *bs,
				      size_t entry_size) { }

static inline int kho_block_set_grow(struct kho_block_set *bs, u64 count)
{
	return -EOPNOTSUPP;
}

static inline void kho_block_set_shrink(struct kho_block_set *bs, u64 count) { }

static inline int kho_block_set_restore(struct kho_block_set *bs, u64 head_pa)
{
	return -EOPNOTSUPP;
}

static inline void kho_block_set_destroy(struct kho_block_set *bs) { }

static inline void kho_block_set_clear(struct kho_block_set *bs) { }

static inline void kho_block_set_it_init(struct kho_block_set_it *it,
					 struct kho_block_set *bs) { }

static inline void *kho_block_set_it_reserve_entry(struct kho_block_set_it *it)
{
	return NULL;
}

static inline void *kho_block_set_it_read_entry(struct kho_block_set_it *it)
{
	return NULL;
}

static inline void *kho_block_set_it_prev(struct kho_block_set_it *it)
{
	return NULL;
}

#endif /* CONFIG_KEXEC_HANDOVER */

/* What to hand over: the address of the first block, 0 for an empty set. */
static inline u64 kho_block_set_head_pa(struct kho_block_set *bs)
{
	return bs->head_pa;
}

static inline bool kho_block_set_is_empty(struct kho_block_set *bs)
{
	return !bs->nblocks;
}

#endif /* LINUX_KHO_BLOCK_H */
