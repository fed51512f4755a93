/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A set of unsigned long keys in a radix tree made of whole pages, which can
 * be handed over to the next kernel as it is.
 *
 * Keys have at most KHO_RADIX_KEY_WIDTH bits. All calls but the inline helpers
 * are for process context, or early boot, and may sleep.
 */
#ifndef LINUX_KHO_RADIX_TREE_H
#define LINUX_KHO_RADIX_TREE_H

#include <linux/errno.h>
#include <linux/kho/abi/kexec_handover.h>
#include <linux/log2.h>
#include <linux/lockdep_types.h>
#include <linux/mutex_types.h>
#include <linux/types.h>

/* The key of a preserved block; @order is at most 63 - PAGE_SHIFT. */
static inline unsigned long kho_radix_encode_key(phys_addr_t phys,
						 unsigned int order)
{
	unsigned int shift = PAGE_SHIFT + order;

	return (1UL << (64 - shift)) | ((unsigned long)phys >> shift);
}

/*
 * The block of a key, which must not be 0. Not all keys are blocks: key 1, one
 * block over the whole address space, gives the order 64 - PAGE_SHIFT.
 */
static inline phys_addr_t kho_radix_decode_key(unsigned long key,
					       unsigned int *order)
{
	unsigned int shift = 64 - ilog2(key);

	*order = shift - PAGE_SHIFT;
	return shift < 64 ? key << shift : 0;
}

/**
 * struct kho_radix_tree - a tree
 * @root: the table at the top, NULL as long as there is no tree
 * @lock: serializes all calls on this tree
 * @leaf: the leaf that was used last, NULL for none
 * @leaf_key: its lowest key
 */
struct kho_radix_tree {
	struct kho_radix_node *root;
	struct mutex lock; /* see above */
	struct kho_radix_node *leaf;
	unsigned long leaf_key;
};

/**
 * struct kho_radix_walk_cb - what to call on a walk
 * @leaf: for each key, in ascending order; optional
 * @node: for the address of each page of the tree, a parent before its
 *	children; optional
 *
 * Both are called with the tree locked and may sleep. A value other than 0
 * ends the walk.
 */
struct kho_radix_walk_cb {
	int (*leaf)(unsigned long key, void *data);
	int (*node)(phys_addr_t phys, void *data);
};

#ifdef CONFIG_KEXEC_HANDOVER

int __kho_radix_init_tree(struct kho_radix_tree *tree,
			  struct kho_radix_node *root, const char *name,
			  struct lock_class_key *key);

/**
 * kho_radix_init_tree - begin with a new tree, or adopt one
 * @tree: the tree
 * @root: its root page, not checked in any way; NULL for a new, empty tree
 *
 * Each caller's trees have a lock class of their own, so one tree may be
 * filled while another one is walked.
 *
 * Return: 0, -ENOMEM
 */
#define kho_radix_init_tree(tree, root)				\
({								\
	static struct lock_class_key __kho_radix_key;		\
								\
	__kho_radix_init_tree(tree, root, #tree, &__kho_radix_key);	\
})

void kho_radix_destroy_tree(struct kho_radix_tree *tree);
int kho_radix_add_key(struct kho_radix_tree *tree, unsigned long key);
void kho_radix_del_key(struct kho_radix_tree *tree, unsigned long key);
bool kho_radix_contains(struct kho_radix_tree *tree, unsigned long key);
bool kho_radix_next_key(struct kho_radix_tree *tree, unsigned long from,
			unsigned long *key);
int kho_radix_walk_tree(struct kho_radix_tree *tree,
			const struct kho_radix_walk_cb *cb, void *data);

#else /* !CONFIG_KEXEC_HANDOVER */

static inline int kho_radix_init_tree(struct kho_radix_tree *tree,
				      struct kho_radix_node *root)
{
	return 0;
}

static inline void kho_radix_destroy_tree(struct kho_radix_tree *tree) { }

static inline int kho_radix_add_key(struct kho_radix_tree *tree,
				    unsigned long key)
{
	return -EOPNOTSUPP;
}

static inline void kho_radix_del_key(struct kho_radix_tree *tree,
				     unsigned long key) { }

static inline bool kho_radix_contains(struct kho_radix_tree *tree,
				      unsigned long key)
{
	return false;
}

static inline bool kho_radix_next_key(struct kho_radix_tree *tree,
				      unsigned long from, unsigned long *key)
{
	return false;
}

static inline int kho_radix_walk_tree(struct kho_radix_tree *tree,
				      const struct kho_radix_walk_cb *cb,
				      void *data)
{
	return -EOPNOTSUPP;
}

#endif /* CONFIG_KEXEC_HANDOVER */

#endif /* LINUX_KHO_RADIX_TREE_H */
