// SPDX-License-Identifier: GPL-2.0-only
/*
 * Radix tree of whole pages: a set of keys that the next kernel can read.
 *
 * Life cycle: init, add/del/lookup/walk at will, destroy. The tree that lists
 * preserved memory is never destroyed: it is live, and what is in it at the
 * moment of the jump is what the next kernel sees. This is why a new branch is
 * completed before it is linked: there is no moment at which the tree is not
 * valid, and nothing to undo in it if memory runs out.
 *
 * Callers: process context or early boot; everything but kho_radix_next_run()
 * takes the mutex of the tree. Only init and add can fail, and leave the tree
 * as it was if they do.
 *
 * Nodes come from memblock before the slab allocator is up and from the page
 * allocator afterwards. Never from kmalloc(): slab pages cannot be handed over,
 * and KFENCE's may be inside scratch.
 */
#include <kunit/static_stub.h>
#include <kunit/visibility.h>
#include <linux/align.h>
#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/bug.h>
#include <linux/cleanup.h>
#include <linux/export.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kho_radix_tree.h>
#include <linux/memblock.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "kho_libs.h"

#define KHO_RADIX_TOP		(KHO_TREE_MAX_DEPTH - 1)
#define KHO_RADIX_LEAF_BITS	BIT(KHO_BITMAP_SIZE_LOG2)

unsigned int kho_radix_shift(unsigned int level)
{
	return (level - 1) * KHO_TABLE_SIZE_LOG2 + KHO_BITMAP_SIZE_LOG2;
}

unsigned int kho_radix_fanout(unsigned int level)
{
	unsigned int bits = KHO_RADIX_KEY_WIDTH - kho_radix_shift(level);

	return 1U << min_t(unsigned int, bits, KHO_TABLE_SIZE_LOG2);
}

static unsigned int kho_radix_index(unsigned long key, unsigned int level)
{
	return (key >> kho_radix_shift(level)) &
	       ((1U << KHO_TABLE_SIZE_LOG2) - 1);
}

static unsigned long kho_radix_bit(unsigned long key)
{
	return key & (KHO_RADIX_LEAF_BITS - 1);
}

static unsigned long *kho_radix_bitmap(struct kho_radix_node *node)
{
	return (unsigned long *)((struct kho_radix_leaf *)node)->bitmap;
}

static bool kho_radix_key_valid(unsigned long key)
{
	return !(key >> KHO_RADIX_KEY_WIDTH);
}

/* Not inlined: only what is __ref may call what is gone after boot. */
static noinline void * __ref kho_radix_alloc_early(void)
{
	return memblock_alloc(PAGE_SIZE, PAGE_SIZE);
}

static noinline void __ref kho_radix_free_early(void *node)
{
	memblock_free(node, PAGE_SIZE);
}

VISIBLE_IF_KUNIT struct kho_radix_node *kho_radix_alloc_node(void)
{
	KUNIT_STATIC_STUB_REDIRECT(kho_radix_alloc_node);

	if (slab_is_available())
		return (void *)get_zeroed_page(GFP_KERNEL);
	return kho_radix_alloc_early();
}

VISIBLE_IF_KUNIT void kho_radix_free_node(struct kho_radix_node *node)
{
	KUNIT_STATIC_STUB_REDIRECT(kho_radix_free_node, node);

	if (!slab_is_available())
		kho_radix_free_early(node);
	else if (PageReserved(virt_to_page(node)))
		free_reserved_page(virt_to_page(node));
	else
		free_page((unsigned long)node);
}

static void kho_radix_free_branch(struct kho_radix_node *node,
				  unsigned int level)
{
	unsigned int i;

	for (i = 0; level && i < ARRAY_SIZE(node->table); i++) {
		if (node->table[i])
			kho_radix_free_branch(phys_to_virt(node->table[i]),
					      level - 1);
	}
	kho_radix_free_node(node);
}

/* A node of @level and what is needed below it for @key alone. */
static struct kho_radix_node *kho_radix_new_branch(unsigned long key,
						   unsigned int level)
{
	struct kho_radix_node *node, *child = NULL;
	unsigned int i;

	for (i = 0; i <= level; i++) {
		node = kho_radix_alloc_node();
		if (!node)
			goto err_free;

		if (i)
			node->table[kho_radix_index(key, i)] =
				virt_to_phys(child);
		else
			__set_bit(kho_radix_bit(key), kho_radix_bitmap(node));
		child = node;
	}
	return node;

err_free:
	if (child)
		kho_radix_free_branch(child, i - 1);
	return NULL;
}

/* Use kho_radix_init_tree(). */
int __kho_radix_init_tree(struct kho_radix_tree *tree,
			  struct kho_radix_node *root, const char *name,
			  struct lock_class_key *key)
{
	__mutex_init(&tree->lock, name, key);
	tree->leaf = NULL;
	tree->root = root ?: kho_radix_alloc_node();
	return tree->root ? 0 : -ENOMEM;
}
EXPORT_SYMBOL_GPL(__kho_radix_init_tree);

/**
 * kho_radix_destroy_tree - free all pages of a tree
 * @tree: the tree, with its nodes allocated by this kernel; may be without root
 */
void kho_radix_destroy_tree(struct kho_radix_tree *tree)
{
	if (!tree->root)
		return;

	scoped_guard(mutex, &tree->lock) {
		kho_radix_free_branch(tree->root, KHO_RADIX_TOP);
		tree->root = NULL;
		tree->leaf = NULL;
	}
}
EXPORT_SYMBOL_GPL(kho_radix_destroy_tree);

/*
 * The leaf that @key belongs to, if it is there. Keys come in runs, nodes stay until
 * the tree is destroyed: the leaf of the last call is most often the right one.
 */
static struct kho_radix_node *kho_radix_find_leaf(struct kho_radix_tree *tree,
						  unsigned long key)
{
	unsigned long leaf_key = key - kho_radix_bit(key);
	struct kho_radix_node *node = tree->root;
	unsigned int level;
	u64 phys;

	lockdep_assert_held(&tree->lock);

	if (tree->leaf && tree->leaf_key == leaf_key)
		return tree->leaf;
	for (level = KHO_RADIX_TOP; level; level--) {
		phys = node->table[kho_radix_index(key, level)];
		if (!phys)
			return NULL;
		node = phys_to_virt(phys);
	}
	tree->leaf = node;
	tree->leaf_key = leaf_key;
	return node;
}

/* There is no leaf for @key: make it, with all the nodes above it, and the key. */
static int kho_radix_add_branch(struct kho_radix_tree *tree, unsigned long key)
{
	struct kho_radix_node *node = tree->root, *branch;
	unsigned int level;
	u64 *slot;

	for (level = KHO_RADIX_TOP; level; level--) {
		slot = &node->table[kho_radix_index(key, level)];
		if (!*slot)
			break;
		node = phys_to_virt(*slot);
	}
	branch = kho_radix_new_branch(key, level - 1);
	if (!branch)
		return -ENOMEM;
	WRITE_ONCE(*slot, virt_to_phys(branch));
	return 0;
}

/* kho_radix_add_key() for one who holds the lock already. */
int kho_radix_add_key_locked(struct kho_radix_tree *tree, unsigned long key)
{
	struct kho_radix_node *leaf;

	if (!kho_radix_key_valid(key))
		return -ERANGE;

	leaf = kho_radix_find_leaf(tree, key);
	if (!leaf)
		return kho_radix_add_branch(tree, key);
	__set_bit(kho_radix_bit(key), kho_radix_bitmap(leaf));
	return 0;
}

/**
 * kho_radix_add_key - add a key
 * @tree: the tree
 * @key: the key; adding it again changes nothing
 *
 * Return: 0; -ENOMEM, -ERANGE if the key is too wide, -EINVAL if there is no
 * root. On failure the tree is as before.
 */
int kho_radix_add_key(struct kho_radix_tree *tree, unsigned long key)
{
	if (WARN_ON_ONCE(!tree->root))
		return -EINVAL;

	guard(mutex)(&tree->lock);
	return kho_radix_add_key_locked(tree, key);
}
EXPORT_SYMBOL_GPL(kho_radix_add_key);

/* kho_radix_del_key() for one who holds the lock already. */
void kho_radix_del_key_locked(struct kho_radix_tree *tree, unsigned long key)
{
	struct kho_radix_node *leaf;

	if (!kho_radix_key_valid(key))
		return;

	leaf = kho_radix_find_leaf(tree, key);
	if (!WARN_ON(!leaf))
		__clear_bit(kho_radix_bit(key), kho_radix_bitmap(leaf));
}

/**
 * kho_radix_del_key - remove a key that was added
 * @tree: the tree
 * @key: the key
 *
 * No page is freed before kho_radix_destroy_tree().
 */
void kho_radix_del_key(struct kho_radix_tree *tree, unsigned long key)
{
	if (WARN_ON(!tree->root))
		return;

	guard(mutex)(&tree->lock);
	kho_radix_del_key_locked(tree, key);
}
EXPORT_SYMBOL_GPL(kho_radix_del_key);

/**
 * kho_radix_contains - is a key in the tree?
 * @tree: the tree
 * @key: the key
 *
 * Return: true if it is
 */
bool kho_radix_contains(struct kho_radix_tree *tree, unsigned long key)
{
	struct kho_radix_node *leaf;

	if (WARN_ON_ONCE(!tree->root) || !kho_radix_key_valid(key))
		return false;

	guard(mutex)(&tree->lock);

	leaf = kho_radix_find_leaf(tree, key);
	return leaf && test_bit(kho_radix_bit(key), kho_radix_bitmap(leaf));
}
EXPORT_SYMBOL_GPL(kho_radix_contains);

static const void *kho_radix_own_page(phys_addr_t phys, void *ctx)
{
	return phys_to_virt(phys);
}

struct kho_radix_view kho_radix_view_of(const struct kho_radix_tree *tree)
{
	return (struct kho_radix_view){
		.map = kho_radix_own_page,
		.root = virt_to_phys(tree->root),
	};
}

bool kho_radix_has_key(const struct kho_radix_view *view, unsigned long key)
{
	const struct kho_radix_node *node = view->map(view->root, view->ctx);
	unsigned int level;
	u64 phys;

	if (!kho_radix_key_valid(key))
		return false;

	for (level = KHO_RADIX_TOP; node && level; level--) {
		phys = node->table[kho_radix_index(key, level)];
		node = phys ? view->map(phys, view->ctx) : NULL;
	}
	return node && test_bit(kho_radix_bit(key), (const unsigned long *)node);
}

/* The leaf of the cursor is the one that @from, which is below its end, belongs to. */
static bool kho_radix_leaf_run(const struct kho_radix_cursor *cursor,
			       unsigned long from, unsigned long *first,
			       unsigned long *last)
{
	unsigned long size = KHO_RADIX_LEAF_BITS;
	unsigned long bit, end;

	if (cursor->end)
		size = min(size, cursor->end - cursor->base);

	bit = find_next_bit(cursor->leaf, size, kho_radix_bit(from));
	if (bit >= size)
		return false;
	end = find_next_zero_bit(cursor->leaf, size, bit);
	*first = cursor->base + bit;
	*last = cursor->base + end - 1;
	return true;
}

/* The node at @phys of @level is the one that @from belongs to. */
static bool kho_radix_node_run(const struct kho_radix_view *view,
			       struct kho_radix_cursor *cursor,
			       phys_addr_t phys, unsigned int level,
			       unsigned long from, unsigned long *first,
			       unsigned long *last)
{
	const struct kho_radix_node *node = view->map(phys, view->ctx);
	unsigned int i, shift;

	if (!node)
		return false;
	if (!level) {
		cursor->leaf = (const unsigned long *)node;
		cursor->base = from - kho_radix_bit(from);
		return kho_radix_leaf_run(cursor, from, first, last);
	}

	shift = kho_radix_shift(level);
	for (i = kho_radix_index(from, level); i < kho_radix_fanout(level);
	     i++) {
		if (cursor->end && from >= cursor->end)
			break;
		if (node->table[i] &&
		    kho_radix_node_run(view, cursor, node->table[i], level - 1,
				       from, first, last))
			return true;
		from = ((from >> shift) + 1) << shift;
	}
	return false;
}

/**
 * kho_radix_next_run - first run of consecutive keys at or above a key
 * @view: a tree that is sound, in whatever memory it is. Not locked here.
 * @cursor: remembers the leaf from one call to the next, and says where to end; may
 *	be NULL
 * @from: where to begin
 * @first: first key found
 * @last: last one of the keys that follow without a gap, within one leaf and below
 *	the end
 *
 * Going through a tree in this way is linear in its size.
 *
 * Return: false if there is no such key
 */
bool kho_radix_next_run(const struct kho_radix_view *view,
			struct kho_radix_cursor *cursor, unsigned long from,
			unsigned long *first, unsigned long *last)
{
	struct kho_radix_cursor none = { };

	if (!kho_radix_key_valid(from))
		return false;
	if (!cursor)
		cursor = &none;
	if (cursor->end && from >= cursor->end)
		return false;
	if (cursor->leaf && cursor->base == from - kho_radix_bit(from) &&
	    kho_radix_leaf_run(cursor, from, first, last))
		return true;
	return kho_radix_node_run(view, cursor, view->root, KHO_RADIX_TOP, from,
				  first, last);
}

/**
 * kho_radix_next_key - lowest key that is not below another one
 * @tree: the tree
 * @from: where to begin
 * @key: the key found
 *
 * A walk that can be interrupted: the tree is not locked between two calls.
 *
 * Return: false if there is no such key
 */
bool kho_radix_next_key(struct kho_radix_tree *tree, unsigned long from,
			unsigned long *key)
{
	struct kho_radix_view view;
	unsigned long last;

	if (WARN_ON_ONCE(!tree->root))
		return false;

	guard(mutex)(&tree->lock);
	view = kho_radix_view_of(tree);
	return kho_radix_next_run(&view, NULL, from, key, &last);
}
EXPORT_SYMBOL_GPL(kho_radix_next_key);

static int kho_radix_walk_leaf(struct kho_radix_node *node, unsigned long base,
			       const struct kho_radix_walk_cb *cb, void *data)
{
	unsigned long bit;
	int err;

	if (!cb->leaf)
		return 0;

	for_each_set_bit(bit, kho_radix_bitmap(node), KHO_RADIX_LEAF_BITS) {
		err = cb->leaf(base + bit, data);
		if (err)
			return err;
	}
	return 0;
}

static int kho_radix_walk_node(struct kho_radix_node *node, unsigned int level,
			       unsigned long base,
			       const struct kho_radix_walk_cb *cb, void *data)
{
	unsigned int i;
	int err;

	if (cb->node) {
		err = cb->node(virt_to_phys(node), data);
		if (err)
			return err;
	}
	if (!level)
		return kho_radix_walk_leaf(node, base, cb, data);

	for (i = 0; i < kho_radix_fanout(level); i++) {
		if (!node->table[i])
			continue;
		err = kho_radix_walk_node(phys_to_virt(node->table[i]),
					  level - 1,
					  base | (unsigned long)i << kho_radix_shift(level),
					  cb, data);
		if (err)
			return err;
	}
	return 0;
}

/**
 * kho_radix_walk_tree - visit all nodes and all keys
 * @tree: the tree; locked until the walk is over
 * @cb: what to call
 * @data: handed to the callbacks
 *
 * Return: 0, or the first value other than 0 that a callback returned;
 * -EINVAL if there is no root
 */
int kho_radix_walk_tree(struct kho_radix_tree *tree,
			const struct kho_radix_walk_cb *cb, void *data)
{
	if (WARN_ON_ONCE(!tree->root))
		return -EINVAL;

	guard(mutex)(&tree->lock);
	return kho_radix_walk_node(tree->root, KHO_RADIX_TOP, 0, cb, data);
}
EXPORT_SYMBOL_GPL(kho_radix_walk_tree);
