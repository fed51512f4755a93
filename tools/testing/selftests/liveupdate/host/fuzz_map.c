// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz targets: map of preserved memory and array of scratch areas.
 *
 * A machine with some RAM and scratch gets a tree of preserved blocks that is
 * valid; it is mutated, then checked. The opinion to hold this against has no
 * more in common with it than the format: it makes lists of all pages and all
 * blocks, sorts them and looks at neighbours.
 */
#include <asm/kexec_handover.h>

#include "kho_libs.h"
#include "fuzz.h"

#define MiB		BIT(20)
#define GiB		BIT(30)
#define TOP		(KHO_TREE_MAX_DEPTH - 1)

#define MAX_NODES	128
#define MAX_BLOCKS	48

/* The machine */

static const struct ram {
	u64 start, end;
	int nid;
} ram[] = {
	{ 0, 640 * 1024, 0 },
	{ 1 * MiB, 2 * GiB, 0 },
	{ 2 * GiB, 3 * GiB, 0 },	/* adjacent, same node */
	{ 4 * GiB, 6 * GiB, 0 },
	{ 6 * GiB, 9 * GiB, 1 },	/* adjacent, other node */
	{ 1024 * GiB, 1025 * GiB, 2 },
};

static struct { u64 start, end; } scratch[2];

/*
 * Pages of the tree have memory of their own, to be seen by ASan. Other RAM can
 * be read as well: it is all zero, all ones, or noise.
 */
static u64 *memory[MAX_NODES];
static u64 node_phys[MAX_NODES];
static unsigned int nr_nodes;
static u64 other[3][PAGE_SIZE / 8];
static u64 window;	/* the tree is in these 4 MiB, blocks are not */
static u64 calls;

static u64 *page_at(u64 phys)
{
	unsigned int i;

	for (i = 0; i < nr_nodes; i++)
		if (node_phys[i] == phys)
			return memory[i];
	return other[(phys >> PAGE_SHIFT) % 3];
}

static const struct ram *ram_of(u64 phys)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ram); i++)
		if (phys >= ram[i].start && phys < ram[i].end)
			return &ram[i];
	return NULL;
}

static const void *env_map(phys_addr_t phys, void *ctx)
{
	calls++;
	FUZZ_ASSERT(!(phys % PAGE_SIZE) && ram_of(phys));
	return page_at(phys);
}

static bool env_ram_at(phys_addr_t phys, phys_addr_t *end, int *nid, void *ctx)
{
	const struct ram *r = ram_of(phys);

	calls++;
	if (!r)
		return false;
	*end = r->end;
	*nid = r->nid;
	return true;
}

static bool in_scratch(u64 start, u64 end)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(scratch); i++)
		if (scratch[i].start < scratch[i].end &&
		    start < scratch[i].end && end > scratch[i].start)
			return true;
	return false;
}

static bool env_forbidden(phys_addr_t phys, phys_addr_t size, void *ctx)
{
	calls++;
	FUZZ_ASSERT(ram_of(phys) && ram_of(phys + size - 1));
	return in_scratch(phys, phys + size);
}

static const struct kho_map_env env = {
	.map = env_map,
	.ram_at = env_ram_at,
	.forbidden = env_forbidden,
};

/* All of [start, end) in RAM, in one node? */
static bool sound_ram(u64 start, u64 end)
{
	const struct ram *first = ram_of(start), *r;
	u64 at;

	if (end <= start)
		return false;
	for (at = start; at < end; at = r->end) {
		r = ram_of(at);
		if (!r || r->nid != first->nid)
			return false;
	}
	return true;
}

/* The tree, written by hand */

static u64 new_node(struct rng *rng)
{
	unsigned int i;
	u64 phys;

	FUZZ_ASSERT(nr_nodes < MAX_NODES);
	do {
		phys = window + rng_below(rng, 1024) * PAGE_SIZE;
		for (i = 0; i < nr_nodes && node_phys[i] != phys; i++)
			;
	} while (i < nr_nodes);
	if (!memory[nr_nodes])
		memory[nr_nodes] = malloc(PAGE_SIZE);
	memset(memory[nr_nodes], 0, PAGE_SIZE);
	node_phys[nr_nodes++] = phys;
	return phys;
}

static void put_key(struct rng *rng, u64 key)
{
	u64 *page = memory[0];
	unsigned int level;

	for (level = TOP; level; level--) {
		u64 *slot = &page[key >> ((level - 1) * 9 + 15) & 511];

		if (*slot % PAGE_SIZE || !ram_of(*slot))
			return;
		if (!*slot) {
			if (nr_nodes > MAX_NODES - 8)
				return;
			*slot = new_node(rng);
		}
		page = page_at(*slot);
		if (page == other[0] || page == other[1] || page == other[2])
			return;
	}
	page[(key & 0x7fff) / 64] |= 1ULL << key % 64;
}

static u64 key_of(u64 phys, unsigned int order)
{
	return 1ULL << (52 - order) | phys >> (12 + order);
}

struct range {
	u64 start, end;
	bool node;
};

static struct range made[MAX_BLOCKS];
static unsigned int nr_made;

static u64 any_phys(struct rng *rng)
{
	const struct ram *r = &ram[rng_below(rng, ARRAY_SIZE(ram))];
	u64 phys;

	switch (rng_below(rng, 6)) {
	case 0:
		phys = r->start + rng_below(rng, 16 * PAGE_SIZE);
		break;
	case 1:
		phys = r->end - rng_below(rng, 16 * PAGE_SIZE);
		break;
	case 2:
		phys = nr_made ? made[rng_below(rng, nr_made)].end : 0;
		break;
	case 3:
		phys = scratch[rng_below(rng, 2)].start -
		       rng_below(rng, 4) * PAGE_SIZE;
		break;
	default:
		phys = r->start + rng_below(rng, r->end - r->start);
		break;
	}
	return phys & -PAGE_SIZE;
}

static void put_valid_block(struct rng *rng)
{
	unsigned int order = rng_below(rng, 3) ? rng_below(rng, 4) :
			     rng_below(rng, 20), i;
	u64 size = PAGE_SIZE << order;
	u64 start = any_phys(rng) & -size;
	u64 end = start + size;

	if (nr_made == MAX_BLOCKS || !sound_ram(start, end) ||
	    in_scratch(start, end) ||
	    (start < window + 4 * MiB && end > window))
		return;
	for (i = 0; i < nr_made; i++)
		if (start < made[i].end && end > made[i].start)
			return;
	if (nr_nodes > MAX_NODES - 8)
		return;
	made[nr_made++] = (struct range){ start, end };
	put_key(rng, key_of(start, order));
}

static void make(struct rng *rng)
{
	unsigned int n = rng_below(rng, 24);

	nr_nodes = 0;
	nr_made = 0;
	scratch[0].start = 16 * MiB;
	scratch[0].end = 32 * MiB;
	scratch[1].start = 4 * GiB + 4 * MiB * rng_below(rng, 256);
	scratch[1].end = scratch[1].start + 4 * MiB * rng_below(rng, 16);
	do {
		window = any_phys(rng) & -(4 * MiB);
	} while (!sound_ram(window, window + 4 * MiB) ||
		 in_scratch(window, window + 4 * MiB));
	new_node(rng);
	while (n--)
		put_valid_block(rng);
}

static u64 any_pointer(struct rng *rng)
{
	switch (rng_below(rng, 10)) {
	case 0:
		return 0;
	case 1:
		return rng_interesting(rng);
	case 2:
		return node_phys[rng_below(rng, nr_nodes)] +
		       (1 << rng_below(rng, 12));
	case 3:
		return nr_made ? made[rng_below(rng, nr_made)].start : 1;
	case 4:
		return scratch[0].start + rng_below(rng, 4) * PAGE_SIZE;
	case 5:
		return any_phys(rng);
	case 6:
		return new_node(rng);
	default:
		return node_phys[rng_below(rng, nr_nodes)];
	}
}

/* Most entries are 0: prefer those which are not. */
static u64 *any_word(struct rng *rng)
{
	u64 *page = memory[rng_below(rng, nr_nodes)];
	unsigned int i = rng_below(rng, 512), n;

	if (rng_once_in(rng, 4))
		return &page[i];
	for (n = 0; n < 512 && !page[i]; n++)
		i = (i + 1) % 512;
	return &page[i];
}

static void mutate(struct rng *rng, u64 *root)
{
	if (nr_nodes > MAX_NODES - 8)
		return;
	switch (rng_below(rng, 12)) {
	case 0:
		if (rng_once_in(rng, 4))
			*root = any_pointer(rng);
		else
			put_key(rng, key_of(4 * GiB, 20));
		break;
	case 1:
		*any_word(rng) ^= 1ULL << rng_below(rng, 64);
		break;
	case 2:
		*any_word(rng) = rng_interesting(rng);
		break;
	case 3:	/* a block anywhere, of any order */
		put_key(rng, key_of(any_phys(rng), rng_below(rng, 10)));
		break;
	case 4:
		put_key(rng, key_of(any_phys(rng), rng_below(rng, 52)));
		break;
	case 5:	/* over another one */
		if (nr_made)
			put_key(rng, key_of(made[rng_below(rng, nr_made)].start,
					    rng_below(rng, 12)));
		break;
	case 6:	/* over the tree */
		put_key(rng, key_of(node_phys[rng_below(rng, nr_nodes)],
				    rng_below(rng, 4)));
		break;
	case 7:	/* a key that is no block */
		put_key(rng, rng_below(rng, 4));
		break;
	case 8:	/* in scratch */
		put_key(rng, key_of(scratch[0].start +
				    rng_below(rng, 16 * MiB),
				    rng_below(rng, 4)));
		break;
	case 9:	/* one bit beyond the width of a key */
		if (rng_once_in(rng, 4))
			memory[0][4 + rng_below(rng, 508)] = any_pointer(rng);
		break;
	default:
		*any_word(rng) = any_pointer(rng);
		break;
	}
}

/* The opinion */

static struct {
	struct range *ranges;
	unsigned int nr, room;
	u64 nr_blocks, nr_bits, nr_nodes;
	bool bad;	/* anything at all */
} truth;

static void note(u64 start, u64 end, bool node)
{
	if (truth.nr == truth.room) {
		truth.room = 2 * truth.room + 64;
		truth.ranges = realloc(truth.ranges, truth.room *
				       sizeof(*truth.ranges));
	}
	truth.ranges[truth.nr++] = (struct range){ start, end, node };
}

static void judge_key(u64 key)
{
	unsigned int order;
	u64 start, size;

	truth.nr_bits++;
	truth.nr_blocks++;
	if (key < 2) {
		truth.bad = true;
		return;
	}
	order = 52 - (63 - __builtin_clzll(key));
	start = key << (12 + order);
	size = PAGE_SIZE << order;
	if (!sound_ram(start, start + size) || in_scratch(start, start + size))
		truth.bad = true;
	else
		note(start, start + size, false);
}

static void judge_node(u64 phys, unsigned int level, u64 base)
{
	unsigned int i, bit;
	u64 *page;

	if (phys % PAGE_SIZE || !ram_of(phys) ||
	    in_scratch(phys, phys + PAGE_SIZE)) {
		truth.bad = true;
		return;
	}
	for (i = 0; i < truth.nr; i++) {
		if (truth.ranges[i].node && truth.ranges[i].start == phys) {
			truth.bad = true;
			return;
		}
	}
	note(phys, phys + PAGE_SIZE, true);
	truth.nr_nodes++;
	page = page_at(phys);
	for (i = 0; i < 512; i++) {
		if (!page[i])
			continue;
		if (level == TOP && i >= 4) {
			truth.bad = true;
		} else if (level) {
			judge_node(page[i], level - 1,
				   base | (u64)i << ((level - 1) * 9 + 15));
		} else {
			for (bit = 0; bit < 64; bit++)
				if (page[i] >> bit & 1)
					judge_key(base + i * 64 + bit);
		}
	}
}

static int by_start(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* Leaves what is sound, sorted. */
static void judge(u64 root)
{
	u64 end = 0;
	unsigned int i;

	truth.nr = 0;
	truth.nr_blocks = 0;
	truth.nr_bits = 0;
	truth.nr_nodes = 0;
	truth.bad = false;
	judge_node(root, TOP, 0);
	if (truth.nr)
		qsort(truth.ranges, truth.nr, sizeof(*truth.ranges), by_start);
	for (i = 0; i < truth.nr; i++) {
		if (truth.ranges[i].start < end)
			truth.bad = true;
		end = max(end, truth.ranges[i].end);
	}
}

/* Next union of sound ranges, of blocks only or of all. */
static bool next_truth(unsigned int *i, bool nodes, u64 *start, u64 *end)
{
	const struct range *r = truth.ranges;

	while (*i < truth.nr && !nodes && r[*i].node)
		++*i;
	if (*i >= truth.nr)
		return false;
	*start = r[*i].start;
	*end = r[*i].end;
	for (++*i; *i < truth.nr; ++*i) {
		if (!nodes && r[*i].node)
			continue;
		if (r[*i].start > *end)
			break;
		*end = max(*end, r[*i].end);
	}
	return true;
}

/* What it says, against that */

static void check_accepted(struct rng *rng, struct kho_map *map)
{
	static struct kho_map_iter it;
	phys_addr_t start, end, at, node;
	struct kho_map_run run, block;
	u64 want_start, want_end, n = 0;
	unsigned int i = 0, j;

	kho_map_iter_init(&it, map);
	while (kho_map_next_range(&it, &start, &end)) {
		FUZZ_ASSERT(next_truth(&i, false, &want_start, &want_end));
		FUZZ_ASSERT(start == want_start && end == want_end);
	}
	FUZZ_ASSERT(!next_truth(&i, false, &want_start, &want_end));

	i = 0;
	kho_map_iter_init(&it, map);
	while (kho_map_next_run(&it, &run)) {
		u64 size = PAGE_SIZE << run.order;

		for (at = run.start; at < run.end; at += size) {
			while (truth.ranges[i].node)
				i++;
			FUZZ_ASSERT(truth.ranges[i].start == at);
			FUZZ_ASSERT(truth.ranges[i].end == at + size);
			i++;
			n++;
		}
		FUZZ_ASSERT(kho_map_find(map, run.end - 1, &block));
		FUZZ_ASSERT(block.end == run.end && block.order == run.order);
	}
	FUZZ_ASSERT(n == truth.nr_blocks && n == map->nr_blocks);
	FUZZ_ASSERT(map->nr_nodes == truth.nr_nodes);

	at = 0;
	for (j = 0; j < truth.nr; j++) {
		if (!truth.ranges[j].node)
			continue;
		FUZZ_ASSERT(kho_map_next_node(map, at, &node));
		FUZZ_ASSERT(node == truth.ranges[j].start);
		FUZZ_ASSERT(!kho_map_find(map, node, &block));
		at = node + 1;
	}
	FUZZ_ASSERT(!kho_map_next_node(map, at, &node));
}

static int salvage_one(phys_addr_t start, phys_addr_t end, void *data)
{
	u64 want_start, want_end;

	FUZZ_ASSERT(next_truth(data, true, &want_start, &want_end));
	FUZZ_ASSERT(start == want_start && end == want_end);
	return 0;
}

static int salvage_some(phys_addr_t start, phys_addr_t end, void *data)
{
	phys_addr_t *last = data;

	FUZZ_ASSERT(start < end && start >= *last);
	FUZZ_ASSERT(!in_scratch(start, end));
	FUZZ_ASSERT(ram_of(start) && ram_of(end - 1));
	*last = end;
	return 0;
}

static void check_salvage(struct rng *rng, struct kho_map *map)
{
	u64 want_start, want_end;
	phys_addr_t last = 0;
	unsigned int i = 0;
	int err;

	if (rng_once_in(rng, 8)) {
		host_fail_after = rng_below(rng, 40);
		err = kho_map_salvage(map, salvage_some, &last);
		host_fail_after = -1;
		FUZZ_ASSERT(!err || err == -ENOMEM);
	}
	FUZZ_ASSERT(!kho_map_salvage(map, salvage_one, &i));
	FUZZ_ASSERT(!next_truth(&i, true, &want_start, &want_end));
}

static const char *const map_outcomes[] = {
	"untouched", "mutated and accepted",
	"tree page unaligned", "tree page not RAM", "tree page in scratch",
	"tree page twice", "key too wide", "block too big", "block not RAM",
	"block in scratch", "block spans nodes", "blocks overlap",
	"block over tree page", "no memory", NULL,
};

static unsigned int run(struct rng *rng)
{
	static const unsigned int by_reason[KHO_REJECT_MAX] = {
		[KHO_ACCEPTED] = 1,
		[KHO_NODE_UNALIGNED] = 2,
		[KHO_NODE_NOT_RAM] = 3,
		[KHO_NODE_FORBIDDEN] = 4,
		[KHO_NODE_TWICE] = 5,
		[KHO_NODE_TOO_WIDE] = 6,
		[KHO_BLOCK_TOO_BIG] = 7,
		[KHO_BLOCK_NOT_RAM] = 8,
		[KHO_BLOCK_FORBIDDEN] = 9,
		[KHO_BLOCK_SPANS_NODES] = 10,
		[KHO_BLOCK_OVERLAPS] = 11,
		[KHO_BLOCK_IS_NODE] = 12,
		[KHO_NO_MEMORY] = 13,
	};
	unsigned int mutations = rng_below(rng, 4), i;
	struct kho_rejection rej;
	static struct kho_map map;
	bool starve;
	u64 root;
	int err;

	if (!other[2][0]) {
		struct rng noise = { };

		memset(other[1], 0xff, PAGE_SIZE);
		for (i = 0; i < 512; i++)
			other[2][i] = rng_next(&noise) & rng_next(&noise);
	}

	make(rng);
	root = node_phys[0];
	for (i = 0; i < mutations; i++)
		mutate(rng, &root);
	judge(root);
	starve = rng_once_in(rng, 50);

	calls = 0;
	if (starve)
		host_fail_after = rng_below(rng, 8);
	err = kho_map_check(&map, &env, root, &rej);
	host_fail_after = -1;
	FUZZ_ASSERT(!err == (rej.why == KHO_ACCEPTED));
	FUZZ_ASSERT((err == -ENOMEM) == (rej.why == KHO_NO_MEMORY));
	FUZZ_ASSERT(calls < 2000 + 100 * (truth.nr_nodes + truth.nr_bits));
	if (err == -ENOMEM) {
		FUZZ_ASSERT(starve);
	} else {
		FUZZ_ASSERT(!err == !truth.bad);
		if (!err)
			check_accepted(rng, &map);
	}
	calls = 0;
	check_salvage(rng, &map);
	FUZZ_ASSERT(calls < 2000 + 200 * (truth.nr_nodes + truth.nr_bits));
	kho_map_release(&map);

	if (!mutations && !err)
		return 0;
	FUZZ_ASSERT(mutations || starve);
	FUZZ_ASSERT(by_reason[rej.why]);
	return by_reason[rej.why];
}

FUZZ_TARGET(fuzz_map) = {
	.name = "map",
	.run = run,
	.outcomes = map_outcomes,
};

/* The array of scratch areas */

static const char *const scratch_outcomes[] = {
	"untouched", "mutated and accepted", "bad length", "unaligned array",
	"too many", "none", "unaligned area", "wraps", "overlap", NULL,
};

#define MAX_AREAS	20
#define ALIGN_AREAS	(4 * MiB)

static enum kho_reject judge_areas(const struct kho_scratch *s, unsigned int n)
{
	enum kho_reject why = KHO_SCRATCH_NONE;
	unsigned int i, j;

	for (i = 0; i < n; i++) {
		if (!s[i].size)
			continue;
		if (why == KHO_SCRATCH_NONE)
			why = KHO_ACCEPTED;
		if (s[i].addr % ALIGN_AREAS || s[i].size % ALIGN_AREAS)
			return KHO_SCRATCH_AREA_UNALIGNED;
		if (s[i].addr > -s[i].size - 1)
			return KHO_SCRATCH_AREA_WRAPS;
		for (j = 0; j < i; j++)
			if (s[j].size &&
			    max(s[i].addr, s[j].addr) <
			    min(s[i].addr + s[i].size, s[j].addr + s[j].size))
				return KHO_SCRATCH_AREA_OVERLAPS;
	}
	return why;
}

static unsigned int run_scratch(struct rng *rng)
{
	unsigned int n = 1 + rng_below(rng, MAX_AREAS + 2), i;
	unsigned int mutations = rng_below(rng, 3);
	u64 bytes = n * sizeof(struct kho_scratch), at = 0;
	struct kho_scratch *areas, *area;
	struct kho_rejection rej;
	bool shifted = false;
	enum kho_reject want;
	char *buffer;
	int err;

	buffer = calloc(1, bytes + 8);
	areas = (struct kho_scratch *)buffer;
	for (i = 0; i < n; i++) {
		at += rng_below(rng, 3) * ALIGN_AREAS;
		areas[i].addr = at;
		areas[i].size = rng_below(rng, 4) * ALIGN_AREAS;
		at += areas[i].size;
	}
	if (!mutations)
		areas[0].size = 0, areas[n - 1].size = ALIGN_AREAS;
	for (i = 0; i < mutations; i++) {
		area = &areas[rng_below(rng, n)];
		switch (rng_below(rng, 8)) {
		case 0:
			area->addr = rng_interesting(rng);
			break;
		case 1:
			area->size = rng_interesting(rng);
			break;
		case 2:
			area->addr = areas[rng_below(rng, n)].addr;
			break;
		case 3:
			area->addr = -ALIGN_AREAS * rng_below(rng, 4);
			break;
		case 4:
			bytes = rng_below(rng, bytes + 1);
			break;
		case 5:
			memset(areas, 0, n * sizeof(*areas));
			break;
		case 6:
			area->size += ALIGN_AREAS * rng_below(rng, 4);
			break;
		case 7:
			shifted = true;
			break;
		}
	}
	if (shifted) {
		memmove(buffer + 4, buffer, bytes);
		areas = (struct kho_scratch *)(buffer + 4);
		want = KHO_SCRATCH_UNALIGNED;
	} else if (!bytes || bytes % 16) {
		want = KHO_SCRATCH_LENGTH;
	} else if (bytes / 16 > MAX_AREAS) {
		want = KHO_SCRATCH_TOO_MANY;
	} else {
		want = judge_areas(areas, bytes / 16);
	}
	err = kho_scratch_check(areas, bytes, MAX_AREAS, ALIGN_AREAS, &rej);
	FUZZ_ASSERT(rej.why == want);
	FUZZ_ASSERT(!err == !want);
	free(buffer);
	if (!mutations && !err)
		return 0;
	return err ? rej.why - KHO_SCRATCH_LENGTH + 2 : 1;
}

FUZZ_TARGET(fuzz_scratch) = {
	.name = "scratch",
	.run = run_scratch,
	.outcomes = scratch_outcomes,
};
