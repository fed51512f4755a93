// SPDX-License-Identifier: GPL-2.0-only
/* Fuzz target: the root FDT, as reader and as writer. */
#include "kho_libs.h"
#include "fuzz.h"

#define MAX_CHILDREN	12
#define MAP		0x12345000

static const char *const outcomes[] = {
	"untouched", "mutated and accepted", "bad size", "bad header",
	"bad structure", "bad format", "no map", NULL,
};

enum { UNTOUCHED, ACCEPTED, SIZE, HEADER, STRUCTURE, FORMAT, NO_MAP };

struct model {
	unsigned int nr;
	struct {
		char name[24];
		u64 phys, size;
	} children[MAX_CHILDREN];
};

static int find(struct model *m, const char *name)
{
	unsigned int i;

	for (i = 0; i < m->nr; i++)
		if (!strcmp(m->children[i].name, name))
			return i;
	return -1;
}

/* Subtrees come and go. */
static void make(struct rng *rng, void *fdt, struct model *m)
{
	unsigned int ops = rng_below(rng, 16), i;

	m->nr = 0;
	FUZZ_ASSERT(!kho_fdt_create(fdt, PAGE_SIZE, MAP));
	while (ops--) {
		char name[24] = { };
		u64 phys, size;
		int err;

		if (m->nr && rng_once_in(rng, 4)) {
			i = rng_below(rng, m->nr);
			FUZZ_ASSERT(!kho_fdt_del(fdt, PAGE_SIZE,
						 m->children[i].phys));
			memmove(&m->children[i], &m->children[i + 1],
				(--m->nr - i) * sizeof(m->children[0]));
			continue;
		}
		if (m->nr == MAX_CHILDREN)
			continue;
		snprintf(name, sizeof(name), "%.*sn%llu",
			 (int)rng_below(rng, 8), "abcdefgh",
			 rng_below(rng, 8));
		phys = (rng_next(rng) >> 20 & ~0xfffULL) + 0x1000 + m->nr;
		size = rng_below(rng, 1 << 20);
		for (i = 0; i < m->nr; i++)
			if (m->children[i].phys == phys)
				phys++;
		err = kho_fdt_add(fdt, PAGE_SIZE, name, phys, size);
		FUZZ_ASSERT(err == (find(m, name) < 0 ? 0 : -EEXIST));
		if (err)
			continue;
		memcpy(m->children[m->nr].name, name, sizeof(name));
		m->children[m->nr].phys = phys;
		m->children[m->nr++].size = size;
	}
}

static void check_untouched(const void *fdt, struct model *m)
{
	struct kho_fdt_child child;
	unsigned int i, n = 0;
	u64 phys, size;
	int offset = 0;

	FUZZ_ASSERT(kho_fdt_map(fdt) == MAP);
	for (i = 0; i < m->nr; i++) {
		FUZZ_ASSERT(!kho_fdt_find(fdt, m->children[i].name, &phys,
					  &size));
		FUZZ_ASSERT(phys == m->children[i].phys);
		FUZZ_ASSERT(size == m->children[i].size);
	}
	while (kho_fdt_next(fdt, &offset, &child)) {
		FUZZ_ASSERT(child.ok);
		FUZZ_ASSERT(find(m, child.name) >= 0);
		n++;
	}
	FUZZ_ASSERT(n == m->nr);
}

/* Use all of what was accepted. */
static void use(const void *fdt, size_t size)
{
	struct kho_fdt_child child;
	unsigned int n = 0;
	int offset = 0, err;
	u64 phys, len;

	FUZZ_ASSERT(kho_fdt_map(fdt));
	while (kho_fdt_next(fdt, &offset, &child)) {
		FUZZ_ASSERT(++n < size);
		FUZZ_ASSERT(child.name);
		FUZZ_ASSERT(child.name >= (const char *)fdt);
		FUZZ_ASSERT(child.name + strlen(child.name) <
			    (const char *)fdt + size);
		err = kho_fdt_find(fdt, child.name, &phys, &len);
		FUZZ_ASSERT(!err || err == -EINVAL);
		FUZZ_ASSERT(err || (child.ok && child.phys == phys &&
				    child.size == len && phys &&
				    phys + len >= phys));
	}
	err = kho_fdt_find(fdt, "LUO", &phys, &len);
	FUZZ_ASSERT(!err || err == -ENOENT || err == -EINVAL);
}

void fuzz_mutate_fdt(struct rng *rng, u8 *fdt)
{
	u32 struct_off = fdt_off_dt_struct(fdt) % PAGE_SIZE & ~3;
	u32 size = fdt_totalsize(fdt) % PAGE_SIZE ?: 1;
	u32 words = min((u32)(PAGE_SIZE - struct_off) / 4, (size + 3) / 4);
	u32 *word = (u32 *)(fdt + struct_off) + rng_below(rng, words ?: 1);
	u32 from, to, len;

	switch (rng_below(rng, 8)) {
	case 0:	/* a bit */
		fdt[rng_below(rng, size)] ^= 1 << rng_below(rng, 8);
		break;
	case 1:	/* a byte */
		fdt[rng_below(rng, size)] = rng_next(rng);
		break;
	case 2:	/* the header */
		word = (u32 *)fdt + rng_below(rng, 10);
		*word = cpu_to_fdt32(rng_once_in(rng, 2) ?
				     fdt32_to_cpu(*word) +
				     rng_below(rng, 33) - 16 :
				     rng_interesting(rng));
		break;
	case 3:	/* a tag */
		*word = cpu_to_fdt32(rng_once_in(rng, 4) ? FDT_END :
				     rng_below(rng, 6));
		break;
	case 4:	/* a length, an offset, a tag */
		*word = cpu_to_fdt32(rng_interesting(rng));
		break;
	case 5:	/* a little more, or less */
		*word = cpu_to_fdt32(fdt32_to_cpu(*word) + rng_below(rng, 17) -
				     8);
		break;
	case 6:	/* a copy of a piece of it */
		from = rng_below(rng, size) & ~3;
		to = rng_below(rng, size) & ~3;
		len = min(rng_below(rng, 128), PAGE_SIZE - max(from, to));
		memmove(fdt + to, fdt + from, len);
		break;
	case 7: /* what is in the last strings */
		fdt[size - 1 - rng_below(rng, min(size, 40U))] =
			rng_once_in(rng, 2) ? 'x' : 0;
		break;
	}
}

static unsigned int run(struct rng *rng)
{
	static const unsigned int by_reason[KHO_REJECT_MAX] = {
		[KHO_ACCEPTED] = ACCEPTED,
		[KHO_FDT_SIZE] = SIZE,
		[KHO_FDT_HEADER] = HEADER,
		[KHO_FDT_STRUCTURE] = STRUCTURE,
		[KHO_FDT_FORMAT] = FORMAT,
		[KHO_FDT_NO_MAP] = NO_MAP,
	};
	static u64 buffer[PAGE_SIZE / 8];
	unsigned int mutations = rng_below(rng, 5), i;
	struct kho_rejection rej;
	size_t size = PAGE_SIZE;
	phys_addr_t map = 0;
	struct model m;
	void *fdt;
	int err;

	memset(buffer, 0, sizeof(buffer));
	make(rng, buffer, &m);
	for (i = 0; i < mutations; i++)
		fuzz_mutate_fdt(rng, (u8 *)buffer);
	if (mutations && rng_once_in(rng, 4))
		size = rng_below(rng, PAGE_SIZE + 1);
	else if (rng_once_in(rng, 2))
		size = min(fdt_totalsize(buffer), (u32)PAGE_SIZE);

	/* Exactly that much memory, for ASan. */
	fdt = malloc(size ?: 1);
	memcpy(fdt, buffer, size);
	err = kho_fdt_check(fdt, size, &map, &rej);
	FUZZ_ASSERT(!err == (rej.why == KHO_ACCEPTED));
	FUZZ_ASSERT(err || map);
	if (!err)
		use(fdt, size);
	if (!mutations) {
		FUZZ_ASSERT(!err);
		check_untouched(fdt, &m);
	}
	free(fdt);

	if (!mutations)
		return UNTOUCHED;
	FUZZ_ASSERT(by_reason[rej.why]);
	return by_reason[rej.why];
}

FUZZ_TARGET(fuzz_fdt) = {
	.name = "fdt",
	.run = run,
	.outcomes = outcomes,
};
