/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Handover format "kho-v4": root FDT, preserved-memory radix tree, vmalloc
 * descriptor.
 *
 * Two kernels read this. Everything is in native (little endian) byte order
 * but the FDT container itself; values of FDT properties are native too and
 * may be unaligned. Any change of a layout, a name or a meaning in this file,
 * in block.h or of the scratch array (asm/kexec_handover.h) needs a new
 * KHO_FDT_COMPATIBLE. A kernel takes over exactly its own string.
 */
#ifndef LINUX_KHO_ABI_KEXEC_HANDOVER_H
#define LINUX_KHO_ABI_KEXEC_HANDOVER_H

#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/io.h>
#include <linux/log2.h>
#include <linux/math.h>
#include <linux/stddef.h>
#include <linux/types.h>

#include <asm/page.h>

/*
 * The root FDT, one page:
 *
 *	/ {
 *		compatible = "kho-v4";
 *		preserved-memory-map = <u64: address of the radix tree's root>;
 *		name {
 *			preserved-data = <u64: address of the blob>;
 *			blob-size = <u64: bytes>;
 *		};
 *		...
 *	};
 *
 * Names are unique, there is nothing below the first level, all properties
 * are mandatory.
 */
#define KHO_FDT_COMPATIBLE		"kho-v4"
#define KHO_FDT_MEMORY_MAP_PROP_NAME	"preserved-memory-map"
#define KHO_SUB_TREE_PROP_NAME		"preserved-data"
#define KHO_SUB_TREE_SIZE_PROP_NAME	"blob-size"

/*
 * The radix tree: a set of keys. Each node is one page. A table holds the
 * physical addresses of its children, 0 for none; a leaf is a bitmap. The depth
 * is fixed, the root is a table of level KHO_TREE_MAX_DEPTH - 1, leaves are
 * level 0. The lowest KHO_BITMAP_SIZE_LOG2 bits of a key are the bit in the
 * leaf, each KHO_TABLE_SIZE_LOG2 bits above them the index in a table.
 *
 * A preserved block of 1 << order pages at an address aligned to its size is
 * the key (address >> shift) | (1 << (64 - shift)), shift = PAGE_SHIFT + order.
 * No page is in two blocks. The pages of the tree are not in the tree.
 */
#define KHO_RADIX_KEY_WIDTH	(64 - PAGE_SHIFT + 1)
#define KHO_TABLE_SIZE_LOG2	const_ilog2(PAGE_SIZE / sizeof(u64))
#define KHO_BITMAP_SIZE_LOG2	(PAGE_SHIFT + const_ilog2(BITS_PER_BYTE))
#define KHO_TREE_MAX_DEPTH						\
	(DIV_ROUND_UP(KHO_RADIX_KEY_WIDTH - KHO_BITMAP_SIZE_LOG2,	\
		      KHO_TABLE_SIZE_LOG2) + 1)

struct kho_radix_node {
	u64 table[1 << KHO_TABLE_SIZE_LOG2];
};

struct kho_radix_leaf {
	u64 bitmap[(1 << KHO_BITMAP_SIZE_LOG2) / 64];
};

static_assert(sizeof(struct kho_radix_node) == PAGE_SIZE);
static_assert(offsetof(struct kho_radix_node, table) == 0);
static_assert(sizeof(struct kho_radix_leaf) == PAGE_SIZE);
static_assert(offsetof(struct kho_radix_leaf, bitmap) == 0);

/*
 * A pointer in a handed over structure: stored as physical address, 0 is NULL.
 */
#define DECLARE_KHOSER_PTR(name, type)	\
	union {				\
		u64 phys;		\
		type ptr;		\
	} name

#define KHOSER_STORE_PTR(dest, val)				\
do {								\
	typeof((dest).ptr) __khoser = (val);			\
								\
	(dest).phys = __khoser ? virt_to_phys(__khoser) : 0;	\
} while (0)

#define KHOSER_LOAD_PTR(src)						\
({									\
	typeof(src) *__khoser = &(src);					\
									\
	(typeof(__khoser->ptr))(__khoser->phys ?			\
				phys_to_virt(__khoser->phys) : NULL);	\
})

/*
 * A vmalloc area: a list of chunks with the addresses of its blocks, each of
 * 1 << order pages, in the order of their virtual addresses. A 0 ends a chunk
 * early. The last chunk may be empty. Chunks and blocks are preserved.
 */
#define KHO_VMALLOC_ALLOC	0x1
#define KHO_VMALLOC_HUGE_VMAP	0x2

#define KHO_VMALLOC_SIZE	((PAGE_SIZE - sizeof(u64)) / sizeof(u64))

struct kho_vmalloc_chunk;

struct kho_vmalloc_hdr {
	DECLARE_KHOSER_PTR(next, struct kho_vmalloc_chunk *);
};

struct kho_vmalloc_chunk {
	struct kho_vmalloc_hdr hdr;
	u64 phys[KHO_VMALLOC_SIZE];
};

static_assert(sizeof(struct kho_vmalloc_chunk) == PAGE_SIZE);
static_assert(offsetof(struct kho_vmalloc_chunk, hdr.next) == 0);
static_assert(offsetof(struct kho_vmalloc_chunk, phys) == 8);

struct kho_vmalloc {
	DECLARE_KHOSER_PTR(first, struct kho_vmalloc_chunk *);
	u32 total_pages;
	u16 flags;
	u16 order;
};

static_assert(sizeof(struct kho_vmalloc) == 16);
static_assert(offsetof(struct kho_vmalloc, first) == 0);
static_assert(offsetof(struct kho_vmalloc, total_pages) == 8);
static_assert(offsetof(struct kho_vmalloc, flags) == 12);
static_assert(offsetof(struct kho_vmalloc, order) == 14);

#endif /* LINUX_KHO_ABI_KEXEC_HANDOVER_H */
