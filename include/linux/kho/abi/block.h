/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Handover format of block sets: records of one size in linked pages.
 *
 * Each block is one preserved page: a header, then the entries without any
 * padding. A writer links no block without an entry, so that an empty set is no
 * block at all; a reader puts up with an empty last one. Any change needs a new
 * KHO_FDT_COMPATIBLE (kexec_handover.h); the format of the entries is the consumer's.
 */
#ifndef LINUX_KHO_ABI_BLOCK_H
#define LINUX_KHO_ABI_BLOCK_H

#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/types.h>

#include <asm/page.h>

#define KHO_BLOCK_SIZE		PAGE_SIZE
#define KHO_MAX_BLOCKS		10000

/**
 * struct kho_block_header_ser - head of a block
 * @next: address of the next block, 0 for none
 * @count: number of valid entries in this block
 */
struct kho_block_header_ser {
	u64 next;
	u64 count;
} __packed;

static_assert(sizeof(struct kho_block_header_ser) == 16);
static_assert(offsetof(struct kho_block_header_ser, next) == 0);
static_assert(offsetof(struct kho_block_header_ser, count) == 8);

#endif /* LINUX_KHO_ABI_BLOCK_H */
