// SPDX-License-Identifier: GPL-2.0-only
/* Fuzz target: the radix tree against a sorted array. */
#include "kho_libs.h"
#include "fuzz.h"

#define MAX_KEYS	64
#define LEAF_KEYS	BIT(KHO_BITMAP_SIZE_LOG2)

static const char *const outcomes[] = {
	"all went well", "no memory once", NULL,
};

static unsigned long keys[MAX_KEYS];
static unsigned int nr_keys;

/* Of the first key that is not below @key. */
static unsigned int index_of(unsigned long key)
{
	unsigned int i;

	for (i = 0; i < nr_keys && keys[i] < key; i++)
		;
	return i;
}

static bool model_has(unsigned long key)
{
	unsigned int i = index_of(key);

	return i < nr_keys && keys[i] == key;
}

/* Clusters around borders of leaves and tables. */
static unsigned long any_key(struct rng *rng)
{
	unsigned long key = rng_below(rng, 3) <<
			    (rng_below(rng, KHO_RADIX_KEY_WIDTH));

	if (nr_keys && rng_once_in(rng, 3))
		key = keys[rng_below(rng, nr_keys)];
	key += rng_below(rng, 5) - 2;
	if (rng_once_in(rng, 100))
		return rng_next(rng);
	return key & ((1UL << KHO_RADIX_KEY_WIDTH) - 1);
}

static unsigned int walked;

static int walk_key(unsigned long key, void *data)
{
	FUZZ_ASSERT(walked < nr_keys && keys[walked] == key);
	walked++;
	return 0;
}

static int walk_node(phys_addr_t phys, void *data)
{
	FUZZ_ASSERT(host_page_exists(phys));
	++*(unsigned int *)data;
	return 0;
}

static void check(struct kho_radix_tree *tree)
{
	unsigned int nodes = 0;

	walked = 0;
	FUZZ_ASSERT(!kho_radix_walk_tree(tree, &(struct kho_radix_walk_cb){
		.leaf = walk_key, .node = walk_node }, &nodes));
	FUZZ_ASSERT(walked == nr_keys);
	FUZZ_ASSERT(nodes == host_pages_live);
}

static bool add(struct rng *rng, struct kho_radix_tree *tree)
{
	unsigned long key = any_key(rng);
	unsigned int i;
	int err;

	if (nr_keys == MAX_KEYS)
		return true;
	if (rng_once_in(rng, 4))
		host_fail_after = rng_below(rng, KHO_TREE_MAX_DEPTH);
	err = kho_radix_add_key(tree, key);
	host_fail_after = -1;
	if (key >> KHO_RADIX_KEY_WIDTH) {
		FUZZ_ASSERT(err == -ERANGE);
		return true;
	}
	if (err) {
		FUZZ_ASSERT(err == -ENOMEM);
		FUZZ_ASSERT(!model_has(key));
		check(tree);
		return false;
	}
	i = index_of(key);
	if (!model_has(key)) {
		memmove(&keys[i + 1], &keys[i],
			(nr_keys++ - i) * sizeof(keys[0]));
		keys[i] = key;
	}
	return true;
}

static void del(struct rng *rng, struct kho_radix_tree *tree)
{
	unsigned int i;

	if (!nr_keys)
		return;
	i = rng_below(rng, nr_keys);
	kho_radix_del_key(tree, keys[i]);
	memmove(&keys[i], &keys[i + 1], (--nr_keys - i) * sizeof(keys[0]));
}

/* The cursor stays from one lookup to the next, at random places; its end does not. */
static void look(struct rng *rng, struct kho_radix_tree *tree,
		 struct kho_radix_cursor *cursor)
{
	struct kho_radix_view view = kho_radix_view_of(tree);
	unsigned long from = any_key(rng), key, first, last, end;
	unsigned int i = index_of(from);

	cursor->end = rng_once_in(rng, 2) ? any_key(rng) : 0;
	if (rng_once_in(rng, 4))
		cursor = NULL;
	FUZZ_ASSERT(kho_radix_has_key(&view, from) == model_has(from));
	if (i == nr_keys) {
		FUZZ_ASSERT(!kho_radix_next_key(tree, from, &key));
		FUZZ_ASSERT(!kho_radix_next_run(&view, cursor, from, &first,
						&last));
		return;
	}
	FUZZ_ASSERT(kho_radix_next_key(tree, from, &key));
	FUZZ_ASSERT(key == keys[i]);

	for (end = keys[i]; i + 1 < nr_keys && keys[i + 1] == end + 1; i++) {
		if (!(keys[i + 1] % LEAF_KEYS))
			break;
		end++;
	}
	if (cursor && cursor->end && cursor->end <= key) {
		FUZZ_ASSERT(!kho_radix_next_run(&view, cursor, from, &first, &last));
		return;
	}
	if (cursor && cursor->end && cursor->end <= end)
		end = cursor->end - 1;
	FUZZ_ASSERT(kho_radix_next_run(&view, cursor, from, &first, &last));
	FUZZ_ASSERT(first == key && last == end);
}

static unsigned int run(struct rng *rng)
{
	unsigned int ops = rng_below(rng, 50);
	struct kho_radix_cursor cursor = { };
	struct kho_radix_tree tree;
	bool failed = false;

	nr_keys = 0;
	FUZZ_ASSERT(!kho_radix_init_tree(&tree, NULL));
	while (ops--) {
		switch (rng_below(rng, 6)) {
		case 0 ... 2:
			failed |= !add(rng, &tree);
			break;
		case 3:
			del(rng, &tree);
			break;
		default:
			look(rng, &tree, &cursor);
			break;
		}
	}
	check(&tree);
	kho_radix_destroy_tree(&tree);
	return failed;
}

FUZZ_TARGET(fuzz_radix) = {
	.name = "radix",
	.run = run,
	.outcomes = outcomes,
};
