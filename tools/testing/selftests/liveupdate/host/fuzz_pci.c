// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target: the checks of PCI handover records. A good record is mutated; what is
 * accepted then must have all that the kernel relies on without looking again.
 */
#include "../../../../../drivers/pci/liveupdate_check.h"

#include "fuzz.h"

static const char *const outcomes[] = {
	"head accepted", "head refused", "device accepted", "device refused",
	"bridge accepted", "bridge refused", "chain followed", "state accepted",
	"state refused", NULL,
};

enum { HEAD, NO_HEAD, DEVICE, NO_DEVICE, BRIDGE, NO_BRIDGE, CHAIN, STATE, NO_STATE };

#define NR_CHUNKS	40

static void mutate(struct rng *rng, void *rec, size_t size)
{
	unsigned int n = 1 + rng_below(rng, 3);
	u64 value;
	size_t at, width;

	while (n--) {
		width = 1 << rng_below(rng, 4);
		at = rng_below(rng, size / width) * width;
		value = rng_interesting(rng);
		if (rng_once_in(rng, 3)) {
			value = 0;
			memcpy(&value, rec + at, width);
			value ^= 1ULL << rng_below(rng, width * 8);
		}
		memcpy(rec + at, &value, width);
	}
}

static void is_text(const char *text, size_t size)
{
	size_t i;

	for (i = 0; i < size && text[i]; i++)
		FUZZ_ASSERT(text[i] >= 0x20 && text[i] < 0x7f);
	FUZZ_ASSERT(i < size);
}

static void are_bars(const struct pci_state_bar_ser *bars, int nr)
{
	for (int i = 0; i < nr; i++) {
		bool is_64 = i < nr - 1 && (bars[i].flags & 7) == 4;

		if (!bars[i].size)
			continue;
		FUZZ_ASSERT(__builtin_popcountll(bars[i].size) == 1);
		FUZZ_ASSERT(!(bars[i].address % bars[i].size));
		FUZZ_ASSERT(bars[i].flags < 16);
		if (is_64)
			FUZZ_ASSERT(i + 2 < nr && !bars[i + 1].size);
		else
			FUZZ_ASSERT(bars[i].address <= 0xffffffff &&
				    bars[i].size <= 0x100000000 - bars[i].address);
	}
}

static void is_id(const struct pci_state_id_ser *id)
{
	FUZZ_ASSERT(id->key >> 48 == 0);
	FUZZ_ASSERT(id->vendor && id->vendor != 0xffff);
	is_text(id->root_uid, sizeof(id->root_uid));
	if (id->parent == PCI_STATE_ROOT)
		return;
	FUZZ_ASSERT(id->parent >> 16 == id->key >> 16);
	FUZZ_ASSERT((id->parent & 0xff00) < (id->key & 0xff00));
}

static unsigned int fuzz_head(struct rng *rng)
{
	struct pci_state_head_ser head = {
		.magic = PCI_STATE_MAGIC, .size = sizeof(head),
		.device_size = sizeof(struct pci_state_device_ser),
		.bridge_size = sizeof(struct pci_state_bridge_ser),
		.chunk_size = sizeof(struct pci_state_chunk_ser),
		.devices = 0x1000, .nr_devices = 1 + rng_below(rng, 1000),
		.chunks = 0x3000, .nr_chunks = 1 + rng_below(rng, 1000),
	};

	if (!rng_once_in(rng, 10))
		mutate(rng, &head, sizeof(head));
	if (pci_lu_check_head(&head))
		return NO_HEAD;
	FUZZ_ASSERT(head.magic == PCI_STATE_MAGIC && !head.required);
	FUZZ_ASSERT(head.size >= sizeof(head) && head.size <= 4096);
	FUZZ_ASSERT(head.device_size >= sizeof(struct pci_state_device_ser));
	FUZZ_ASSERT(head.device_size <= 4080 && head.bridge_size <= 4080);
	FUZZ_ASSERT(head.bridge_size >= sizeof(struct pci_state_bridge_ser));
	FUZZ_ASSERT(head.chunk_size == sizeof(struct pci_state_chunk_ser));
	FUZZ_ASSERT(head.nr_chunks < 1ULL << 32);
	return HEAD;
}

static struct pci_state_bridge_ser any_bridge(struct rng *rng, u64 parent, u8 bus)
{
	u8 secondary = bus + 1 + rng_below(rng, 4);

	return (struct pci_state_bridge_ser){
		.id = {
			.key = bus << 8 | rng_below(rng, 256), .parent = parent,
			.vendor = 0x8086, .class = 0x060400, .hdr_type = 1,
		},
		.nr_devices = 1 + rng_below(rng, 5),
		.primary = bus, .secondary = secondary,
		.subordinate = secondary + rng_below(rng, 5),
	};
}

static unsigned int fuzz_bridge(struct rng *rng)
{
	struct pci_state_bridge_ser rec = any_bridge(rng, PCI_STATE_ROOT, 0);

	if (!rng_once_in(rng, 10))
		mutate(rng, &rec, sizeof(rec));
	if (pci_lu_check_bridge(&rec))
		return NO_BRIDGE;
	is_id(&rec.id);
	are_bars(rec.bars, 3);
	FUZZ_ASSERT(!rec.required && rec.nr_devices);
	FUZZ_ASSERT(rec.secondary > (rec.id.key >> 8 & 0xff));
	FUZZ_ASSERT(rec.secondary <= rec.subordinate);
	return BRIDGE;
}

/* A set of bridges in any disorder: no way up through it may be without an end */
static unsigned int fuzz_chain(struct rng *rng)
{
	struct pci_state_bridge_ser recs[8], *at, *up;
	unsigned int i, nr = 0, steps;

	for (i = 0; i < ARRAY_SIZE(recs); i++) {
		recs[nr] = any_bridge(rng, nr ? recs[nr - 1].id.key : PCI_STATE_ROOT,
				      nr ? recs[nr - 1].secondary : 0);
		if (rng_once_in(rng, 4))
			mutate(rng, &recs[nr], sizeof(recs[nr]));
		if (rng_once_in(rng, 4) && nr)
			recs[nr].id.parent = recs[rng_below(rng, nr)].id.key;
		if (!pci_lu_check_bridge(&recs[nr]))
			nr++;
	}
	for (i = 0; i < nr; i++) {
		steps = 0;
		for (at = &recs[i]; at; at = up) {
			FUZZ_ASSERT(steps++ < 256);
			for (up = recs; up < recs + nr; up++)
				if (up->id.key == at->id.parent)
					break;
			if (up == recs + nr || pci_lu_check_parent(&at->id, up))
				up = NULL;
			else if (at->id.parent != PCI_STATE_ROOT)
				FUZZ_ASSERT(up->secondary == (at->id.key >> 8 & 0xff));
		}
	}
	return CHAIN;
}

static unsigned int fuzz_device(struct rng *rng)
{
	struct pci_state_device_ser rec = {
		.id = {
			.key = 0x10200, .parent = 0x10008, .vendor = 0x1234,
			.device = 0x11e8, .class = 0xff00,
		},
		.format = "edu-v1", .driver = "stub", .command = 0x406,
		.bars = {
			{ .address = 0xfe000000, .size = 0x100000 },
			{ .address = 0x100000000, .size = 0x10000000, .flags = 4 },
		},
		.config = { .first = 2, .length = rng_below(rng, 3000) },
		.initial = { .first = 20, .length = rng_below(rng, 3000) },
	};
	u64 end;

	if (!rng_once_in(rng, 10))
		mutate(rng, &rec, sizeof(rec));
	if (pci_lu_check_device(&rec, NR_CHUNKS))
		return NO_DEVICE;
	is_id(&rec.id);
	is_text(rec.format, sizeof(rec.format));
	is_text(rec.driver, sizeof(rec.driver));
	FUZZ_ASSERT(rec.format[0] && !rec.required);
	are_bars(rec.bars, PCI_STATE_NR_BARS);
	end = rec.config.first + (rec.config.length + 223ULL) / 224;
	FUZZ_ASSERT(!rec.config.length || end <= NR_CHUNKS);
	end = rec.initial.first + (rec.initial.length + 223ULL) / 224;
	FUZZ_ASSERT(!rec.initial.length || end <= NR_CHUNKS);
	return DEVICE;
}

static unsigned int fuzz_state(struct rng *rng)
{
	struct pci_state_cap_ser cap = {
		.space = PCI_STATE_CAP_HEADER, .version = 1, .length = 64,
	};
	unsigned int i, caps = rng_below(rng, 5), outcome = NO_STATE;
	u32 size = 72, pos;
	char *buf;

	/* Exactly as large as it is, so that one byte too far is noticed */
	buf = calloc(1, 8 + 5 * 64 + 72);
	memcpy(buf, &cap, sizeof(cap));
	for (i = 0; i < caps; i++) {
		cap.space = rng_below(rng, 2);
		cap.id = 1 + rng_below(rng, 40);
		cap.length = rng_below(rng, 56);
		memcpy(buf + size, &cap, sizeof(cap));
		size += 8 + (cap.length + 7) / 8 * 8;
	}
	if (rng_once_in(rng, 3))
		size = rng_below(rng, size + 1);
	buf = realloc(buf, size ?: 1);
	if (size >= 8 && !rng_once_in(rng, 3))
		mutate(rng, buf, size);

	if (!pci_lu_check_config(buf, size)) {
		for (pos = 0; pos < size; pos += 8 + (cap.length + 7) / 8 * 8) {
			FUZZ_ASSERT(size - pos >= 8);
			memcpy(&cap, buf + pos, sizeof(cap));
			FUZZ_ASSERT((cap.space == PCI_STATE_CAP_HEADER) == !pos);
			FUZZ_ASSERT(pos || cap.length == 64);
		}
		FUZZ_ASSERT(size && pos == size);
		outcome = STATE;
	}
	free(buf);
	return outcome;
}

static unsigned int run(struct rng *rng)
{
	switch (rng_below(rng, 5)) {
	case 0:
		return fuzz_head(rng);
	case 1:
		return fuzz_device(rng);
	case 2:
		return fuzz_bridge(rng);
	case 3:
		return fuzz_chain(rng);
	default:
		return fuzz_state(rng);
	}
}

FUZZ_TARGET(fuzz_pci) = {
	.name = "pci",
	.run = run,
	.outcomes = outcomes,
};
