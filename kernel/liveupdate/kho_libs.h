/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pure parts of KHO: they work on what they are given and nothing else, so
 * that they run in the kernel at any time and on the host under sanitizers
 * (tools/testing/selftests/liveupdate/host).
 *
 * kho_fdt.c	the root FDT, both directions
 * kho_map.c	the map of preserved memory as it comes in, and the array of
 *		scratch areas: check first, then iterate
 * kho_radix.c	the radix tree; here only its lookup in someone else's tree
 * kho_regions.c	reserve_mem= regions as they come in
 *
 * Everything that is "checked" is untrusted until the check has returned 0.
 */
#ifndef KHO_LIBS_H
#define KHO_LIBS_H

#include <linux/kconfig.h>
#include <linux/kho_radix_tree.h>
#include <linux/types.h>

struct kho_block_header_ser;
struct kho_scratch;

/* Why something that came in was rejected. */
enum kho_reject {
	KHO_ACCEPTED,
	KHO_NO_MEMORY,

	KHO_FDT_SIZE,
	KHO_FDT_UNALIGNED,
	KHO_FDT_HEADER,
	KHO_FDT_STRUCTURE,
	KHO_FDT_FORMAT,
	KHO_FDT_NO_MAP,

	KHO_SCRATCH_LENGTH,
	KHO_SCRATCH_UNALIGNED,
	KHO_SCRATCH_TOO_MANY,
	KHO_SCRATCH_NONE,
	KHO_SCRATCH_AREA_UNALIGNED,
	KHO_SCRATCH_AREA_WRAPS,
	KHO_SCRATCH_AREA_OVERLAPS,

	KHO_NODE_UNALIGNED,
	KHO_NODE_NOT_RAM,
	KHO_NODE_FORBIDDEN,
	KHO_NODE_TWICE,
	KHO_NODE_TOO_WIDE,

	KHO_BLOCK_TOO_BIG,
	KHO_BLOCK_NOT_RAM,
	KHO_BLOCK_FORBIDDEN,
	KHO_BLOCK_SPANS_NODES,
	KHO_BLOCK_OVERLAPS,
	KHO_BLOCK_IS_NODE,

	KHO_REJECT_MAX,
};

/**
 * struct kho_rejection - what is wrong, and where
 * @why: the rule that was broken
 * @where: physical address for the map, index for scratch areas, offset in the
 *	structure block for the FDT
 */
struct kho_rejection {
	enum kho_reject why;
	u64 where;
};

/* For the one line of log: a clause such as "a page of the map is not in RAM". */
const char *kho_reject_str(enum kho_reject why);

/* kho_fdt.c: the root FDT. @size is the room of the buffer, PAGE_SIZE. */

/**
 * struct kho_fdt_child - a subtree as the root FDT describes it
 * @name: points into the FDT
 * @phys: address of the blob
 * @size: its size in bytes
 * @ok: both properties are there and have the right size; otherwise @phys and
 *	@size are 0
 */
struct kho_fdt_child {
	const char *name;
	u64 phys;
	u64 size;
	bool ok;
};

int kho_fdt_create(void *fdt, size_t size, phys_addr_t map);
int kho_fdt_add(void *fdt, size_t size, const char *name, u64 phys, u64 len);
int kho_fdt_del(void *fdt, size_t size, u64 phys);

int kho_fdt_check(const void *fdt, size_t size, phys_addr_t *map,
		  struct kho_rejection *rej);
bool kho_fdt_get_u64(const void *fdt, int node, const char *name, u64 *val);
/* These three for an FDT that was checked, or that we made. */
phys_addr_t kho_fdt_map(const void *fdt);
int kho_fdt_find(const void *fdt, const char *name, u64 *phys, u64 *len);
bool kho_fdt_next(const void *fdt, int *offset, struct kho_fdt_child *child);

/* kho_map.c: the array of scratch areas */

int kho_scratch_check(const struct kho_scratch *scratch, u64 bytes,
		      unsigned int max_areas, u64 align,
		      struct kho_rejection *rej);

/* kho_map.c: the map of preserved memory */

/**
 * struct kho_map_env - what the map is held against
 * @map: gives a page for reading, or NULL if that is not possible. Called for
 *	page aligned addresses in RAM only. What it gave stays readable.
 * @ram_at: is @phys RAM? If so, give the end (exclusive, above @phys) of a piece
 *	of RAM around it that lies in one NUMA node, and the id of that node. The
 *	piece need not be the largest one.
 * @forbidden: is any byte of the range where neither a preserved block nor a
 *	page of the map may be (scratch)? The range is in RAM.
 * @ctx: handed to all of them
 */
struct kho_map_env {
	const void *(*map)(phys_addr_t phys, void *ctx);
	bool (*ram_at)(phys_addr_t phys, phys_addr_t *end, int *nid, void *ctx);
	bool (*forbidden)(phys_addr_t phys, phys_addr_t size, void *ctx);
	void *ctx;
};

/**
 * struct kho_map_run - preserved blocks of one order, one right after the other
 * @start: address of the first block
 * @end: end of the last one, exclusive
 * @order: their order
 */
struct kho_map_run {
	phys_addr_t start;
	phys_addr_t end;
	unsigned int order;
};

/* A radix tree in memory that is not necessarily ours. */
struct kho_radix_view {
	const void *(*map)(phys_addr_t phys, void *ctx);
	void *ctx;
	phys_addr_t root;
};

/*
 * The leaf that a lookup ended at: the next one probably ends there, too. Nothing from
 * key @end on is looked at, if it is not 0.
 */
struct kho_radix_cursor {
	const unsigned long *leaf;
	unsigned long base;
	unsigned long end;
};

/* Private. More than 1 KiB: keep it off the stack. */
struct kho_map_iter {
	struct kho_radix_view view;
	unsigned int nr_streams;
	struct kho_map_stream {
		struct kho_map_run run;
		struct kho_radix_cursor cursor;
	} streams[64 - PAGE_SHIFT];
	struct kho_map_run ahead;
};

/**
 * struct kho_map - an incoming map. More than 1 KiB: keep it off the stack.
 * @env: what it is held against
 * @root: address of the root of its radix tree
 * @nodes: page frame numbers of the pages of that tree
 * @nr_nodes: number of these pages
 * @nr_blocks: number of preserved blocks
 * @nr_pages: number of preserved pages
 * @it: for internal use
 *
 * The counts are complete only if the map was accepted.
 */
struct kho_map {
	const struct kho_map_env *env;
	phys_addr_t root;
	struct kho_radix_tree nodes;
	u64 nr_nodes;
	u64 nr_blocks;
	u64 nr_pages;
	struct kho_map_iter it;
};

int kho_map_check(struct kho_map *map, const struct kho_map_env *env,
		  phys_addr_t root, struct kho_rejection *rej);
void kho_map_release(struct kho_map *map);

/* For an accepted map. All in ascending order of addresses. */
void kho_map_iter_init(struct kho_map_iter *it, const struct kho_map *map);
/* The same iterator cannot be used for both of these. */
bool kho_map_next_run(struct kho_map_iter *it, struct kho_map_run *run);
bool kho_map_next_range(struct kho_map_iter *it, phys_addr_t *start,
			phys_addr_t *end);
/* First page of the tree at or above @from. */
bool kho_map_next_node(struct kho_map *map, phys_addr_t from,
		       phys_addr_t *node);
/* The preserved block that @phys lies in. */
bool kho_map_find(const struct kho_map *map, phys_addr_t phys,
		  struct kho_map_run *block);

/*
 * For a rejected map that is not released yet: call @fn for each range of RAM
 * that it claims in a sane way, tree pages included, so that the range is not
 * given away. Ascending, disjoint, not adjacent. Stops when @fn returns non-zero
 * and returns that; -ENOMEM if there was no memory to find all of them.
 */
int kho_map_salvage(struct kho_map *map,
		    int (*fn)(phys_addr_t start, phys_addr_t end, void *data),
		    void *data);

/* kho_radix.c: for several keys under one lock of a tree with a root */

int kho_radix_add_key_locked(struct kho_radix_tree *tree, unsigned long key);
void kho_radix_del_key_locked(struct kho_radix_tree *tree, unsigned long key);

/* kho_radix.c: lookup in a tree that is sound, without any lock */

struct kho_radix_view kho_radix_view_of(const struct kho_radix_tree *tree);
bool kho_radix_has_key(const struct kho_radix_view *view, unsigned long key);
/*
 * The first run of consecutive keys at or above @from, within one leaf. @cursor is
 * zeroed to begin with, but for @cursor->end, or NULL.
 */
bool kho_radix_next_run(const struct kho_radix_view *view,
			struct kho_radix_cursor *cursor, unsigned long from,
			unsigned long *first, unsigned long *last);

/*
 * Of a table of @level: 1 << shift keys are below each entry, fanout entries can
 * be in use (fewer than there are at the top, because of the width of a key).
 */
unsigned int kho_radix_shift(unsigned int level);
unsigned int kho_radix_fanout(unsigned int level);

/* kho_regions.c: reserve_mem= regions. As in mm/memblock.c, which allows no more. */

#define KHO_REGIONS_MAX		8
#define KHO_REGION_NAME_SIZE	16

/**
 * struct kho_region - a region
 * @name: its name
 * @start: its address
 * @size: its size in bytes
 */
struct kho_region {
	char name[KHO_REGION_NAME_SIZE];
	phys_addr_t start;
	phys_addr_t size;
};

bool kho_regions_check(const void *fdt, size_t size);
unsigned int kho_regions_read(const void *fdt,
			      bool (*preserved)(u64 phys, u64 size, const void *ctx),
			      const void *ctx, struct kho_region *regions,
			      unsigned int *nr_bad);

#if IS_ENABLED(CONFIG_KUNIT)
/* What tests replace. */
struct kho_radix_node *kho_radix_alloc_node(void);
void kho_radix_free_node(struct kho_radix_node *node);
struct kho_block_header_ser *kho_block_alloc_page(void);
void kho_block_free_page(struct kho_block_header_ser *ser, bool incoming);
bool kho_block_page_valid(u64 phys);
#endif

#endif /* KHO_LIBS_H */
