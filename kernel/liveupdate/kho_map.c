// SPDX-License-Identifier: GPL-2.0-only
/*
 * The map of preserved memory as the previous kernel left it.
 *
 * Life cycle: kho_map_check() holds all of it against the machine, in time
 * linear in its size whatever is in it, and never follows a pointer that was not
 * checked. After that it is iterated in order of addresses, as often as needed.
 * kho_map_release() ends it, for an accepted and for a rejected map alike.
 *
 * Pure: reads memory through struct kho_map_env only. Needs memory for the set
 * of tree pages, about one page per 128 MiB with tree pages in it. The caller
 * serializes. Rules of a sound map:
 *
 * - each page of the tree is page aligned, in RAM, not forbidden (in scratch),
 *   and reached once;
 * - each block is in RAM, in one NUMA node and not forbidden;
 * - no block overlaps another one or a page of the tree.
 *
 * The array of scratch areas, which says what is forbidden, is checked here too.
 */
#include <linux/align.h>
#include <linux/array_size.h>
#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/pfn.h>
#include <linux/string.h>

#include <asm/kexec_handover.h>

#include "kho_libs.h"

/* Orders that a block can have: 0 and up. */
#define KHO_MAP_NR_ORDERS	(64 - PAGE_SHIFT)

static const char * const kho_reject_strs[KHO_REJECT_MAX] = {
	[KHO_ACCEPTED]			= "all is well",
	[KHO_NO_MEMORY]			= "there is no memory to check the map",
	[KHO_FDT_SIZE]			= "the FDT does not have the size of one page",
	[KHO_FDT_UNALIGNED]		= "the FDT is not aligned",
	[KHO_FDT_HEADER]		= "the FDT has a bad header",
	[KHO_FDT_STRUCTURE]		= "the FDT is malformed",
	[KHO_FDT_FORMAT]		= "the format is not " KHO_FDT_COMPATIBLE,
	[KHO_FDT_NO_MAP]		= "the FDT has no map of preserved memory",
	[KHO_SCRATCH_LENGTH]		= "the scratch array is empty or cut off",
	[KHO_SCRATCH_UNALIGNED]		= "the scratch array is not aligned",
	[KHO_SCRATCH_TOO_MANY]		= "there are too many scratch areas",
	[KHO_SCRATCH_NONE]		= "all scratch areas are empty",
	[KHO_SCRATCH_AREA_UNALIGNED]	= "a scratch area is not aligned",
	[KHO_SCRATCH_AREA_WRAPS]	= "a scratch area exceeds the address space",
	[KHO_SCRATCH_AREA_OVERLAPS]	= "two scratch areas overlap",
	[KHO_NODE_UNALIGNED]		= "a page of the map is not page aligned",
	[KHO_NODE_NOT_RAM]		= "a page of the map is not in RAM",
	[KHO_NODE_FORBIDDEN]		= "a page of the map is in scratch",
	[KHO_NODE_TWICE]		= "a page of the map is linked twice",
	[KHO_NODE_TOO_WIDE]		= "the map has keys that are too wide",
	[KHO_BLOCK_TOO_BIG]		= "a preserved block has a bad order",
	[KHO_BLOCK_NOT_RAM]		= "a preserved block is not in RAM",
	[KHO_BLOCK_FORBIDDEN]		= "a preserved block is in scratch",
	[KHO_BLOCK_SPANS_NODES]		= "a preserved block spans NUMA nodes",
	[KHO_BLOCK_OVERLAPS]		= "two preserved blocks overlap",
	[KHO_BLOCK_IS_NODE]		= "a preserved block overlaps a page of the map",
};

/**
 * kho_reject_str - say a reason in words
 * @why: the reason
 *
 * Return: a clause for the log
 */
const char *kho_reject_str(enum kho_reject why)
{
	return why < KHO_REJECT_MAX ? kho_reject_strs[why] : "?";
}

static int kho_reject(struct kho_rejection *rej, enum kho_reject why, u64 where)
{
	rej->why = why;
	rej->where = where;
	return why == KHO_NO_MEMORY ? -ENOMEM : -EINVAL;
}

/* Scratch array */

static bool kho_scratch_intersect(const struct kho_scratch *a,
				  const struct kho_scratch *b)
{
	return a->size && b->size && a->addr < b->addr + b->size &&
	       b->addr < a->addr + a->size;
}

/**
 * kho_scratch_check - may an array of scratch areas that came in be used?
 * @scratch: the array
 * @bytes: its length
 * @max_areas: how many areas the caller can deal with; a small number
 * @align: alignment of start and size of an area, a power of two
 * @rej: gets the reason if not
 *
 * Areas of size 0 are legal and mean nothing, but not all can be like that.
 * Whether the areas are in RAM is left to the caller, who may have no other
 * source of that than the firmware.
 *
 * Return: 0, -EINVAL
 */
int kho_scratch_check(const struct kho_scratch *scratch, u64 bytes,
		      unsigned int max_areas, u64 align,
		      struct kho_rejection *rej)
{
	u64 nr = bytes / sizeof(*scratch);
	bool usable = false;
	unsigned int i, j;

	if (!IS_ALIGNED((unsigned long)scratch, sizeof(u64)))
		return kho_reject(rej, KHO_SCRATCH_UNALIGNED, 0);
	if (!nr || bytes % sizeof(*scratch))
		return kho_reject(rej, KHO_SCRATCH_LENGTH, bytes);
	if (nr > max_areas)
		return kho_reject(rej, KHO_SCRATCH_TOO_MANY, nr);

	for (i = 0; i < nr; i++) {
		const struct kho_scratch *area = &scratch[i];

		if (!area->size)
			continue;
		usable = true;

		if (!IS_ALIGNED(area->addr | area->size, align))
			return kho_reject(rej, KHO_SCRATCH_AREA_UNALIGNED, i);
		if (area->addr + area->size <= area->addr)
			return kho_reject(rej, KHO_SCRATCH_AREA_WRAPS, i);
		for (j = 0; j < i; j++) {
			if (kho_scratch_intersect(area, &scratch[j]))
				return kho_reject(rej,
						  KHO_SCRATCH_AREA_OVERLAPS, i);
		}
	}
	if (!usable)
		return kho_reject(rej, KHO_SCRATCH_NONE, 0);
	rej->why = KHO_ACCEPTED;
	return 0;
}

/* The tree */

/* The piece of RAM that was looked at last. */
struct kho_map_ram {
	phys_addr_t start;
	phys_addr_t end;
	int nid;
};

static bool kho_map_ram_at(const struct kho_map_env *env,
			   struct kho_map_ram *ram, phys_addr_t phys)
{
	if (phys >= ram->start && phys < ram->end)
		return true;
	ram->start = phys;
	ram->end = phys;
	return env->ram_at(phys, &ram->end, &ram->nid, env->ctx) &&
	       ram->end > phys;
}

/* Is [@start, @end) in RAM, and in one node? */
static enum kho_reject kho_map_check_ram(const struct kho_map_env *env,
					 struct kho_map_ram *ram,
					 phys_addr_t start, phys_addr_t end)
{
	phys_addr_t at = start;
	int nid = 0;

	if (end <= start)
		return KHO_BLOCK_NOT_RAM;

	while (at < end) {
		if (!kho_map_ram_at(env, ram, at))
			return KHO_BLOCK_NOT_RAM;
		if (at == start)
			nid = ram->nid;
		else if (ram->nid != nid)
			return KHO_BLOCK_SPANS_NODES;
		at = ram->end;
	}
	return KHO_ACCEPTED;
}

/* May @phys be a page of the tree? If so it is remembered as being one. */
static enum kho_reject kho_map_add_node(struct kho_map *map,
					struct kho_map_ram *ram,
					phys_addr_t phys)
{
	const struct kho_map_env *env = map->env;
	struct kho_radix_view seen = kho_radix_view_of(&map->nodes);

	if (!IS_ALIGNED(phys, PAGE_SIZE))
		return KHO_NODE_UNALIGNED;
	if (kho_map_check_ram(env, ram, phys, phys + PAGE_SIZE))
		return KHO_NODE_NOT_RAM;
	if (env->forbidden(phys, PAGE_SIZE, env->ctx))
		return KHO_NODE_FORBIDDEN;
	if (kho_radix_has_key(&seen, PHYS_PFN(phys)))
		return KHO_NODE_TWICE;
	if (!env->map(phys, env->ctx))
		return KHO_NODE_NOT_RAM;
	if (kho_radix_add_key(&map->nodes, PHYS_PFN(phys)))
		return KHO_NO_MEMORY;
	map->nr_nodes++;
	return KHO_ACCEPTED;
}

/**
 * struct kho_map_walk - one walk over a tree that cannot be trusted
 * @map: the map
 * @ram: where the walk is
 * @claim: NULL to stop at the first flaw; else skip what is bad and collect
 *	here, as keys of blocks, what is good
 * @rej: gets the first flaw; @why is KHO_NO_MEMORY if @claim is incomplete
 */
struct kho_map_walk {
	struct kho_map *map;
	struct kho_map_ram ram;
	struct kho_radix_tree *claim;
	struct kho_rejection *rej;
};

static int kho_map_claim_block(struct kho_map_walk *walk, unsigned long key)
{
	const struct kho_map_env *env = walk->map->env;
	unsigned int order;
	phys_addr_t phys, size;

	if (key < 2)
		return 0;
	phys = kho_radix_decode_key(key, &order);
	size = (phys_addr_t)PAGE_SIZE << order;
	if (kho_map_check_ram(env, &walk->ram, phys, phys + size) ||
	    env->forbidden(phys, size, env->ctx))
		return 0;
	if (kho_radix_add_key(walk->claim, key))
		return kho_reject(walk->rej, KHO_NO_MEMORY, phys);
	return 0;
}

static int kho_map_claim_leaf(struct kho_map_walk *walk,
			      const struct kho_radix_leaf *leaf,
			      unsigned long base)
{
	unsigned long bits;
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(leaf->bitmap); i++) {
		for (bits = leaf->bitmap[i]; bits; bits &= bits - 1) {
			err = kho_map_claim_block(walk,
						  base + i * 64 + __ffs(bits));
			if (err)
				return err;
		}
	}
	return 0;
}

static int kho_map_walk_node(struct kho_map_walk *walk, phys_addr_t phys,
			     unsigned int level, unsigned long base)
{
	const struct kho_map_env *env = walk->map->env;
	const struct kho_radix_node *node;
	enum kho_reject why;
	unsigned int i;
	int err;

	why = kho_map_add_node(walk->map, &walk->ram, phys);
	if (why == KHO_NO_MEMORY || (why && !walk->claim))
		return kho_reject(walk->rej, why, phys);
	if (why)
		return 0;

	if (walk->claim) {
		err = kho_map_claim_block(walk, kho_radix_encode_key(phys, 0));
		if (err)
			return err;
	}

	node = env->map(phys, env->ctx);
	if (!level)
		return walk->claim ?
		       kho_map_claim_leaf(walk, (const void *)node, base) : 0;

	for (i = 0; i < ARRAY_SIZE(node->table); i++) {
		if (!node->table[i])
			continue;
		if (i >= kho_radix_fanout(level)) {
			if (walk->claim)
				break;
			return kho_reject(walk->rej, KHO_NODE_TOO_WIDE, phys);
		}
		err = kho_map_walk_node(walk, node->table[i], level - 1,
					base + ((unsigned long)i <<
						kho_radix_shift(level)));
		if (err)
			return err;
	}
	return 0;
}

/* Iteration: the runs of each order are a stream, the streams are merged. */

static bool kho_map_stream_next(const struct kho_radix_view *view,
				struct kho_map_stream *stream)
{
	struct kho_map_run *run = &stream->run;
	unsigned int shift = PAGE_SHIFT + run->order;
	unsigned long marker = 1UL << (64 - shift);
	unsigned long first, last;

	if (!kho_radix_next_run(view, &stream->cursor,
				marker | run->end >> shift, &first, &last))
		return false;

	run->start = first << shift;
	run->end = (last + 1) << shift;
	return true;
}

static void kho_map_iter_init_view(struct kho_map_iter *it,
				   struct kho_radix_view view)
{
	struct kho_map_stream *stream;
	unsigned int order;

	memset(it, 0, sizeof(*it));
	it->view = view;
	for (order = 0; order < KHO_MAP_NR_ORDERS; order++) {
		stream = &it->streams[it->nr_streams];
		*stream = (struct kho_map_stream){
			.run.order = order,
			/* Keys of the next lower order follow right after. */
			.cursor.end = 2UL << (64 - PAGE_SHIFT - order),
		};
		if (kho_map_stream_next(&it->view, stream))
			it->nr_streams++;
	}
}

/**
 * kho_map_iter_init - begin to go through the preserved memory
 * @it: the iterator
 * @map: the map, accepted
 */
void kho_map_iter_init(struct kho_map_iter *it, const struct kho_map *map)
{
	kho_map_iter_init_view(it, (struct kho_radix_view){
		.map = map->env->map,
		.ctx = map->env->ctx,
		.root = map->root,
	});
}

/**
 * kho_map_next_run - next blocks
 * @it: the iterator
 * @run: gets blocks of one order that lie back to back, up to one leaf of them
 *
 * Return: false at the end
 */
bool kho_map_next_run(struct kho_map_iter *it, struct kho_map_run *run)
{
	struct kho_map_stream *stream, *lowest = it->streams;

	if (!it->nr_streams)
		return false;

	for (stream = it->streams + 1; stream < it->streams + it->nr_streams;
	     stream++) {
		if (stream->run.start < lowest->run.start)
			lowest = stream;
	}
	*run = lowest->run;

	if (!kho_map_stream_next(&it->view, lowest))
		*lowest = it->streams[--it->nr_streams];
	return true;
}

/**
 * kho_map_next_range - next contiguous preserved memory
 * @it: the iterator
 * @start: gets its start
 * @end: gets its end, exclusive
 *
 * Return: false at the end
 */
bool kho_map_next_range(struct kho_map_iter *it, phys_addr_t *start,
			phys_addr_t *end)
{
	struct kho_map_run *ahead = &it->ahead;

	if (!ahead->end && !kho_map_next_run(it, ahead))
		return false;

	*start = ahead->start;
	*end = ahead->end;
	while (kho_map_next_run(it, ahead)) {
		if (ahead->start > *end)
			return true;
		*end = max(*end, ahead->end);
	}
	ahead->end = 0;
	return true;
}

/**
 * kho_map_next_node - next page of the tree itself
 * @map: the map
 * @from: where to begin
 * @node: gets the first page of the tree at or above @from
 *
 * Return: false if there is none
 */
bool kho_map_next_node(struct kho_map *map, phys_addr_t from, phys_addr_t *node)
{
	struct kho_radix_view view = kho_radix_view_of(&map->nodes);
	unsigned long first, last;

	/* PFN_UP() would wrap at the top. */
	if (!kho_radix_next_run(&view, NULL, PHYS_PFN(from) + !IS_ALIGNED(from, PAGE_SIZE),
				&first, &last))
		return false;
	*node = PFN_PHYS(first);
	return true;
}

/**
 * kho_map_find - which preserved block is it?
 * @map: the map, accepted
 * @phys: an address
 * @block: gets the block that the address lies in
 *
 * Return: false if it is not preserved
 */
bool kho_map_find(const struct kho_map *map, phys_addr_t phys,
		  struct kho_map_run *block)
{
	struct kho_radix_view view = {
		.map = map->env->map,
		.ctx = map->env->ctx,
		.root = map->root,
	};
	phys_addr_t size;
	unsigned int order;

	for (order = 0; order < KHO_MAP_NR_ORDERS; order++) {
		if (!kho_radix_has_key(&view, kho_radix_encode_key(phys, order)))
			continue;
		size = (phys_addr_t)PAGE_SIZE << order;
		block->start = ALIGN_DOWN(phys, size);
		block->end = block->start + size;
		block->order = order;
		return true;
	}
	return false;
}

/* A run is checked as a whole if possible, else block by block. */
static enum kho_reject kho_map_check_run_ram(const struct kho_map_env *env,
					     struct kho_map_ram *ram,
					     struct kho_map_run *run)
{
	phys_addr_t size = (phys_addr_t)PAGE_SIZE << run->order;
	enum kho_reject why;
	phys_addr_t block;

	if (run->end <= run->start)
		return KHO_BLOCK_NOT_RAM;
	if (!kho_map_check_ram(env, ram, run->start, run->end))
		return KHO_ACCEPTED;

	for (block = run->start; block < run->end; block += size) {
		why = kho_map_check_ram(env, ram, block, block + size);
		if (why) {
			run->start = block;
			return why;
		}
	}
	return KHO_ACCEPTED;
}

static phys_addr_t kho_map_node_from(struct kho_map *map, phys_addr_t from)
{
	phys_addr_t node;

	return kho_map_next_node(map, from, &node) ? node : ~(phys_addr_t)0;
}

static int kho_map_check_blocks(struct kho_map *map, struct kho_rejection *rej)
{
	const struct kho_map_env *env = map->env;
	phys_addr_t done = 0, node;
	struct kho_map_ram ram = { };
	struct kho_map_run run;
	unsigned long first, last;
	enum kho_reject why;

	kho_map_iter_init(&map->it, map);
	node = kho_map_node_from(map, 0);

	/* No block has key 0, and that of key 1 would be all there is. */
	if (kho_radix_next_run(&map->it.view, NULL, 0, &first, &last) &&
	    first < 2)
		return kho_reject(rej, KHO_BLOCK_TOO_BIG, first);

	while (kho_map_next_run(&map->it, &run)) {
		why = kho_map_check_run_ram(env, &ram, &run);
		if (why)
			return kho_reject(rej, why, run.start);
		if (run.start < done)
			return kho_reject(rej, KHO_BLOCK_OVERLAPS, run.start);
		if (env->forbidden(run.start, run.end - run.start, env->ctx))
			return kho_reject(rej, KHO_BLOCK_FORBIDDEN, run.start);

		if (node < run.start)
			node = kho_map_node_from(map, run.start);
		if (node < run.end)
			return kho_reject(rej, KHO_BLOCK_IS_NODE, node);

		done = run.end;
		map->nr_blocks += (run.end - run.start) >>
				  (PAGE_SHIFT + run.order);
		map->nr_pages += PHYS_PFN(run.end - run.start);
	}
	return 0;
}

static int kho_map_walk(struct kho_map *map, struct kho_radix_tree *claim,
			struct kho_rejection *rej)
{
	struct kho_map_walk walk = { .map = map, .claim = claim, .rej = rej };

	map->nr_nodes = 0;
	if (kho_radix_init_tree(&map->nodes, NULL))
		return kho_reject(rej, KHO_NO_MEMORY, map->root);
	return kho_map_walk_node(&walk, map->root, KHO_TREE_MAX_DEPTH - 1, 0);
}

/**
 * kho_map_check - is this a sound map of preserved memory?
 * @map: gets what the other calls need. To be released in any case.
 * @env: what to hold it against; must stay until the release
 * @root: address of the root of its tree, in no way checked
 * @rej: gets the reason if not
 *
 * Return: 0, -EINVAL; -ENOMEM if it could not be checked
 */
int kho_map_check(struct kho_map *map, const struct kho_map_env *env,
		  phys_addr_t root, struct kho_rejection *rej)
{
	int err;

	memset(map, 0, sizeof(*map));
	map->env = env;
	map->root = root;
	rej->why = KHO_ACCEPTED;

	/* First all pointers, so that blocks can be held against all pages. */
	err = kho_map_walk(map, NULL, rej);
	if (err)
		return err;
	return kho_map_check_blocks(map, rej);
}

/**
 * kho_map_release - end of a map
 * @map: the map; kho_map_check() was called, with any result
 */
void kho_map_release(struct kho_map *map)
{
	kho_radix_destroy_tree(&map->nodes);
}

/**
 * kho_map_salvage - what of a rejected map makes sense
 * @map: the map, rejected, not released
 * @fn: called for each range that must not be given away
 * @data: handed to @fn
 *
 * Sorting needs memory: at most about two pages for each sound page of the map.
 *
 * Return: 0, what @fn returned if it is not 0, or -ENOMEM if there was no memory
 * to find all ranges
 */
int kho_map_salvage(struct kho_map *map,
		    int (*fn)(phys_addr_t start, phys_addr_t end, void *data),
		    void *data)
{
	struct kho_rejection rej;
	struct kho_radix_tree claim;
	phys_addr_t start, end;
	int incomplete, err = 0;

	if (kho_radix_init_tree(&claim, NULL))
		return -ENOMEM;
	kho_radix_destroy_tree(&map->nodes);
	incomplete = kho_map_walk(map, &claim, &rej);

	kho_map_iter_init_view(&map->it, kho_radix_view_of(&claim));
	while (!err && kho_map_next_range(&map->it, &start, &end))
		err = fn(start, end, data);

	kho_radix_destroy_tree(&claim);
	return err ?: incomplete;
}
