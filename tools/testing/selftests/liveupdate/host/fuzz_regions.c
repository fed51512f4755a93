// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target: reserve_mem= regions. A device tree with sound regions and others is read,
 * as it is, and mutated byte by byte.
 */
#include <linux/kho/abi/memblock.h>

#include "kho_libs.h"
#include "fuzz.h"

#define MAX_NODES	12
#define PRESERVED	0x100000000ULL
#define PRESERVED_END	0x100010000ULL

static const char *const outcomes[] = {
	"all sound", "some refused", "too many", "mutated and accepted",
	"not aligned", "not a device tree", NULL,
};

enum { SOUND, REFUSED, TOO_MANY, ACCEPTED, UNALIGNED, NO_TREE };

static bool preserved(u64 phys, u64 size, const void *ctx)
{
	FUZZ_ASSERT(ctx == outcomes);
	return size && phys >= PRESERVED && phys < PRESERVED_END &&
	       size <= PRESERVED_END - phys;
}

/* What is to come out of it, and how many are to be refused before the last one. */
struct model {
	struct kho_region regions[KHO_REGIONS_MAX];
	unsigned int nr, bad, nodes;
};

static void expect(struct model *m, const char *name, u64 start, u64 size, bool bad)
{
	unsigned int i;

	if (m->nr == KHO_REGIONS_MAX)
		return;
	bad |= !preserved(start, size, outcomes);
	for (i = 0; i < m->nr && !bad; i++)
		bad = start < m->regions[i].start ?
		      m->regions[i].start - start < size :
		      start - m->regions[i].start < m->regions[i].size;
	if (bad) {
		m->bad++;
		return;
	}
	strcpy(m->regions[m->nr].name, name);
	m->regions[m->nr].start = start;
	m->regions[m->nr++].size = size;
}

static void prop(void *fdt, const char *name, u64 value, int len)
{
	u64 values[2] = { value, value };

	FUZZ_ASSERT(!fdt_property(fdt, name, values, len));
}

static void make_node(struct rng *rng, void *fdt, struct model *m, unsigned int i)
{
	u64 start = PRESERVED + i * 0x1000 + rng_below(rng, 0x100);
	u64 size = 1 + rng_below(rng, 0xe00);
	const char *format = "reserve-mem-v1";
	int start_len = 8, size_len = 8;
	bool bad = true;
	char name[32];

	snprintf(name, sizeof(name), "region%u", i);
	switch (rng_below(rng, 24)) {
	case 0:
		strcpy(name, rng_once_in(rng, 2) ? "" : "a-name-of-sixteen");
		name[16] = '\0';
		break;
	case 1:
		format = rng_once_in(rng, 2) ? "reserve-mem-v2" : NULL;
		break;
	case 2:
		start_len = rng_below(rng, 17);
		bad = start_len != 8;
		break;
	case 3:
		size_len = rng_below(rng, 17);
		bad = size_len != 8;
		break;
	case 4:
		/* None at all. */
		start_len = -1;
		break;
	default:
		bad = false;
		if (rng_once_in(rng, 6))
			start = rng_once_in(rng, 2) ? rng_interesting(rng) :
				PRESERVED + rng_below(rng, PRESERVED_END - PRESERVED);
		if (rng_once_in(rng, 6))
			size = rng_once_in(rng, 2) ? rng_interesting(rng) : 0x1000;
	}
	FUZZ_ASSERT(!fdt_begin_node(fdt, name));
	if (format)
		FUZZ_ASSERT(!fdt_property_string(fdt, "compatible", format));
	if (start_len >= 0)
		prop(fdt, "start", start, start_len);
	prop(fdt, "size", size, size_len);
	FUZZ_ASSERT(!fdt_end_node(fdt));
	expect(m, name, start, size, bad);
}

static void make(struct rng *rng, void *fdt, struct model *m)
{
	unsigned int i;

	*m = (struct model){ .nodes = rng_below(rng, MAX_NODES + 1) };
	FUZZ_ASSERT(!fdt_create(fdt, PAGE_SIZE) && !fdt_finish_reservemap(fdt));
	FUZZ_ASSERT(!fdt_begin_node(fdt, ""));
	FUZZ_ASSERT(!fdt_property_string(fdt, "compatible", "memblock-v1"));
	for (i = 0; i < m->nodes; i++)
		make_node(rng, fdt, m, i);
	FUZZ_ASSERT(!fdt_end_node(fdt) && !fdt_finish(fdt));
}

/* Whatever was read: what is relied on is so. */
static void check(const struct kho_region *regions, unsigned int nr)
{
	unsigned int i, j;

	FUZZ_ASSERT(nr <= KHO_REGIONS_MAX);
	for (i = 0; i < nr; i++) {
		FUZZ_ASSERT(*regions[i].name);
		FUZZ_ASSERT(strnlen(regions[i].name, KHO_REGION_NAME_SIZE) <
			    KHO_REGION_NAME_SIZE);
		FUZZ_ASSERT(preserved(regions[i].start, regions[i].size, outcomes));
		for (j = 0; j < i; j++)
			FUZZ_ASSERT(regions[i].start + regions[i].size <= regions[j].start ||
				    regions[j].start + regions[j].size <= regions[i].start);
	}
}

static void check_untouched(const struct model *m, const struct kho_region *regions,
			    unsigned int nr, unsigned int nr_bad)
{
	unsigned int i;

	FUZZ_ASSERT(nr == m->nr && nr_bad == m->bad);
	for (i = 0; i < nr; i++) {
		FUZZ_ASSERT(!strcmp(regions[i].name, m->regions[i].name));
		FUZZ_ASSERT(regions[i].start == m->regions[i].start);
		FUZZ_ASSERT(regions[i].size == m->regions[i].size);
	}
}

static unsigned int run(struct rng *rng)
{
	unsigned int mutations = rng_once_in(rng, 2) ? rng_below(rng, 4) : 0, nr, nr_bad, i;
	struct kho_region *regions;
	static u64 buffer[512];
	unsigned int off = 0;
	size_t size, room;
	struct model m;
	bool sound;
	void *mem;

	memset(buffer, 0, sizeof(buffer));
	make(rng, buffer, &m);
	size = fdt_totalsize(buffer);
	for (i = 0; i < mutations; i++)
		fuzz_mutate_fdt(rng, (u8 *)buffer);
	room = mutations && rng_once_in(rng, 4) ? rng_below(rng, size + 1) : size;
	if (rng_once_in(rng, 32))
		off = 1 + rng_below(rng, 7);

	/* Exactly that much memory, for ASan. */
	mem = malloc(off + room + !(off + room));
	regions = malloc(KHO_REGIONS_MAX * sizeof(*regions));
	memcpy(mem + off, buffer, room);
	sound = kho_regions_check(mem + off, room);
	FUZZ_ASSERT(!sound || !off);
	FUZZ_ASSERT(sound || off || mutations);
	nr = 0;
	if (sound) {
		FUZZ_ASSERT(fdt_version(mem) >= 17 && !(fdt_off_dt_struct(mem) % 4));
		nr = kho_regions_read(mem, preserved, outcomes, regions, &nr_bad);
		check(regions, nr);
		if (!mutations)
			check_untouched(&m, regions, nr, nr_bad);
	}
	free(regions);
	free(mem);

	if (!sound)
		return off ? UNALIGNED : NO_TREE;
	if (mutations)
		return ACCEPTED;
	return m.nr + m.bad < m.nodes ? TOO_MANY : m.bad ? REFUSED : SOUND;
}

FUZZ_TARGET(fuzz_regions) = {
	.name = "regions",
	.run = run,
	.outcomes = outcomes,
};
