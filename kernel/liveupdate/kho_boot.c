// SPDX-License-Identifier: GPL-2.0-only
/*
 * KHO: the incoming handover, from the moment that the firmware tables are read
 * to the moment that the page allocator gets its memory.
 *
 * kho_populate()		Architecture code found a handover. The root FDT and
 *				the array of scratch areas are checked. From here on
 *				memblock gives out nothing but scratch.
 * kho_memory_init_early()	There is a direct map, and memory has node ids. The
 *				map of preserved memory is checked, all of it. Then
 *				gaps in it can be given out, too.
 * kho_memory_init()		The last moment of memblock. Preserved blocks are
 *				reserved and stamped for kho_restore_*(). A cold
 *				boot reserves scratch here instead.
 *
 * What comes in is untrusted. The first two can reject it; it is rejected as a
 * whole, with one line in the log, and the boot goes on as a cold boot. What the
 * map says to be preserved is not given out even so, as far as it can be read:
 * someone, a device for one, may still be using it.
 *
 * All of this runs before there is a second CPU. Only the address of the root FDT
 * and the scratch areas live on after boot, and do not change.
 */

#define pr_fmt(fmt) "KHO: " fmt

#include <linux/crash_dump.h>
#include <linux/export.h>
#include <linux/init.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/memblock.h>
#include <linux/mm.h>
#include <linux/page-isolation.h>
#include <linux/sizes.h>

#include <asm/sections.h>
#ifdef CONFIG_X86
#include <asm/e820/api.h>
#endif

#include "../../mm/internal.h"
#include "kho_internal.h"
#include "kho_libs.h"
#include "luo_timeline.h"

/* 0 if this is no KHO boot */
static phys_addr_t kho_in_fdt __ro_after_init;
static bool kho_in_accepted __ro_after_init;

/**
 * is_kho_boot - did this kernel take memory over from a previous one?
 *
 * Valid once setup_arch() has read the firmware tables. A handover can still be
 * rejected until kho_memory_init_early(), it is false after that.
 *
 * Return: true if there is an incoming handover, whatever kho= says.
 */
bool is_kho_boot(void)
{
	return kho_in_fdt;
}
EXPORT_SYMBOL_GPL(is_kho_boot);

const void *kho_incoming_fdt(void)
{
	return kho_in_accepted ? phys_to_virt(kho_in_fdt) : NULL;
}

/* What is only needed until kho_memory_init() */
static struct {
	phys_addr_t scratch;
	unsigned int nr_scratch;
	phys_addr_t map_root;
	struct kho_map map;
	struct kho_map_iter iter;
} kho_in __initdata;

/* Step 1: root FDT and scratch */

/*
 * Only x86 knows its RAM this early. Elsewhere the firmware's map may come after
 * the handover.
 */
static bool __init kho_may_be_ram(phys_addr_t start, phys_addr_t size)
{
	if (start + size < start)
		return false;
#ifdef CONFIG_X86
	return e820__mapped_all(start, start + size, E820_TYPE_RAM);
#else
	return true;
#endif
}

/* There is no kho_scratch yet that kho_scratch_overlap() could use. */
static bool __init kho_contains(const struct kho_scratch *areas, unsigned int nr,
				phys_addr_t phys, phys_addr_t size)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (phys >= areas[i].addr && size <= areas[i].size &&
		    phys - areas[i].addr <= areas[i].size - size)
			return true;

	return false;
}

static const char * __init kho_check_fdt(phys_addr_t phys, u64 len)
{
	struct kho_rejection rej;
	const char *why = NULL;
	void *fdt;

	/* Also if the previous kernel has pages of another size. */
	if (!phys || !PAGE_ALIGNED(phys) || len != PAGE_SIZE)
		return "the FDT is not one page";
	if (!kho_may_be_ram(phys, PAGE_SIZE))
		return "the FDT is not in RAM";

	fdt = early_memremap(phys, len);
	if (!fdt)
		return "the FDT cannot be mapped";

	if (kho_fdt_check(fdt, len, &kho_in.map_root, &rej))
		why = kho_reject_str(rej.why);

	early_memunmap(fdt, len);

	return why;
}

static const char * __init kho_check_areas(const struct kho_scratch *areas,
					   phys_addr_t phys, u64 len,
					   phys_addr_t fdt_phys)
{
	unsigned int i, nr = len / sizeof(*areas);

	for (i = 0; i < nr; i++)
		if (areas[i].size && !kho_may_be_ram(areas[i].addr, areas[i].size))
			return "a scratch area is not in RAM";

	if (!kho_contains(areas, nr, phys, len))
		return "the scratch array is not in scratch";
	if (!kho_contains(areas, nr, __pa_symbol(_text), _end - _text))
		return "this kernel was not loaded to scratch";
	if (kho_contains(areas, nr, fdt_phys, PAGE_SIZE))
		return "the FDT is in scratch";

	for (i = 0; i < nr; i++) {
		if (memblock_add(areas[i].addr, areas[i].size) ||
		    memblock_mark_kho_scratch(areas[i].addr, areas[i].size)) {
			memblock_clear_kho_scratch(0, PHYS_ADDR_MAX);
			return "memblock cannot take the scratch areas";
		}
	}

	return NULL;
}

static const char * __init kho_check_scratch(phys_addr_t phys, u64 len,
					     phys_addr_t fdt_phys)
{
	const u64 align = PAGE_SIZE << MAX_PAGE_ORDER;
	struct kho_rejection rej;
	unsigned int max_areas;
	const char *why;
	void *areas;

	/* Each one can split a region of RAM, and memblock cannot grow yet. */
	max_areas = (memblock.memory.max - memblock.memory.cnt) / 2;
	if (len > max_areas * sizeof(struct kho_scratch))
		return kho_reject_str(KHO_SCRATCH_TOO_MANY);
	if (!IS_ALIGNED(phys, __alignof__(struct kho_scratch)))
		return kho_reject_str(KHO_SCRATCH_UNALIGNED);
	if (!len || !kho_may_be_ram(phys, len))
		return "the scratch array is not in RAM";

	areas = early_memremap(phys, len);
	if (!areas)
		return "the scratch array cannot be mapped";

	if (kho_scratch_check(areas, len, max_areas, align, &rej))
		why = kho_reject_str(rej.why);
	else
		why = kho_check_areas(areas, phys, len, fdt_phys);

	early_memunmap(areas, len);

	return why;
}

/**
 * kho_populate - there is a handover from the previous kernel
 * @fdt_phys: where its root FDT is
 * @fdt_len: the room of that
 * @scratch_phys: where its array of scratch areas is
 * @scratch_len: length of that in bytes
 *
 * Called by architecture code, before anything is allocated from memblock.
 */
void __init kho_populate(phys_addr_t fdt_phys, u64 fdt_len,
			 phys_addr_t scratch_phys, u64 scratch_len)
{
	const char *why;

	luo_timeline_stamp(LUO_PHASE_START);

	if (is_kho_boot()) {
		pr_warn("ignoring a second handover\n");
		return;
	}

	why = kho_check_fdt(fdt_phys, fdt_len);
	if (!why)
		why = kho_check_scratch(scratch_phys, scratch_len, fdt_phys);
	if (why) {
		pr_err("what the previous kernel handed over is lost: %s; disabling KHO revival\n",
		       why);
		return;
	}

	memblock_reserve(scratch_phys, scratch_len);
	memblock_set_kho_scratch_only();

	kho_in_fdt = fdt_phys;
	kho_in.scratch = scratch_phys;
	kho_in.nr_scratch = scratch_len / sizeof(struct kho_scratch);

	pr_info("found kexec handover data.\n");
}

/* What is in use there by now may have a type of its own, but is no less RAM. */
static bool __init kho_is_still_ram(const struct memblock_region *r)
{
#ifdef CONFIG_X86
	return e820__mapped_all(r->base, r->base + r->size, 0) &&
	       !e820__mapped_any(r->base, r->base + r->size, E820_TYPE_RESERVED);
#else
	return true;
#endif
}

/**
 * kho_ram_is_known - the map of RAM is as the command line wants it
 *
 * Called by architecture code if that is later than kho_populate(), before RAM is
 * added to memblock: mem= and the like may leave nothing of scratch.
 */
void __init kho_ram_is_known(void)
{
	struct memblock_type *type = &memblock.memory;
	struct memblock_region *r;
	bool gone = false;

	if (!is_kho_boot())
		return;

	for_each_mem_region(r)
		gone |= memblock_is_kho_scratch(r) && !kho_is_still_ram(r);
	if (!gone)
		return;

	pr_err("what the previous kernel handed over is lost: %s; disabling KHO revival\n",
	       "a scratch area is not in RAM");
	memblock_phys_free(kho_in.scratch,
			   kho_in.nr_scratch * sizeof(struct kho_scratch));
	for (r = type->regions + type->cnt; r-- > type->regions; )
		if (memblock_is_kho_scratch(r))
			memblock_remove(r->base, r->size);
	memblock_clear_kho_scratch_only();
	kho_in_fdt = 0;
}

/* Step 2: the map of preserved memory */

static const void * __init kho_env_map(phys_addr_t phys, void *ctx)
{
	return phys_to_virt(phys);
}

static bool __init kho_env_ram_at(phys_addr_t phys, phys_addr_t *end, int *nid,
				  void *ctx)
{
	unsigned long start_pfn, end_pfn;

	if (!memblock_is_map_memory(phys))
		return false;

	*nid = memblock_search_pfn_nid(PHYS_PFN(phys), &start_pfn, &end_pfn);
	*end = PFN_PHYS(end_pfn);

	return true;
}

static bool __init kho_env_forbidden(phys_addr_t phys, phys_addr_t size, void *ctx)
{
	return kho_scratch_overlap(phys, size);
}

static const struct kho_map_env kho_env __initconst = {
	.map = kho_env_map,
	.ram_at = kho_env_ram_at,
	.forbidden = kho_env_forbidden,
};

/* Ranges of a rejected map, to be kept out of use */
struct kho_claim {
	unsigned long nr;
	unsigned long at;
	struct {
		phys_addr_t start;
		phys_addr_t end;
	} *ranges;
};

static int __init kho_claim_add(phys_addr_t start, phys_addr_t end, void *data)
{
	struct kho_claim *claim = data;

	if (claim->ranges) {
		if (claim->at == claim->nr)
			return -ENOSPC;
		claim->ranges[claim->at].start = start;
		claim->ranges[claim->at].end = end;
		claim->at++;
	} else {
		claim->nr++;
	}

	return 0;
}

static bool __init kho_claim_next(phys_addr_t *start, phys_addr_t *end, void *data)
{
	struct kho_claim *claim = data;

	if (claim->at == claim->nr)
		return false;

	*start = claim->ranges[claim->at].start;
	*end = claim->ranges[claim->at].end;
	claim->at++;

	return true;
}

static int __init kho_reserve_claims(void)
{
	struct kho_claim claim = {};
	size_t size;
	int err;

	err = kho_map_salvage(&kho_in.map, kho_claim_add, &claim);
	if (err || !claim.nr)
		return err;

	size = claim.nr * sizeof(*claim.ranges);
	claim.ranges = memblock_alloc_raw(size, SMP_CACHE_BYTES);
	if (!claim.ranges)
		return -ENOMEM;

	err = kho_map_salvage(&kho_in.map, kho_claim_add, &claim);
	/*
	 * Without scratch, memory of ours may have come from what is claimed now:
	 * freeing it afterwards would take it out of the claim.
	 */
	kho_map_release(&kho_in.map);
	if (!err) {
		claim.at = 0;
		err = memblock_reserve_sorted(kho_claim_next, &claim, claim.nr,
					      MEMBLOCK_NONE);
	}
	if (is_kho_boot())
		memblock_free(claim.ranges, size);

	return err;
}

static void __init kho_keep_claims(void)
{
	if (kho_reserve_claims())
		pr_warn("memory that the previous kernel preserved is reused\n");
	kho_map_release(&kho_in.map);
}

static void __init kho_reject(const char *why, phys_addr_t where)
{
	pr_err("what the previous kernel handed over is lost: %s (%pa); disabling KHO revival\n",
	       why, &where);

	kho_keep_claims();
	memblock_clear_kho_scratch_only();
	kho_scratch_cnt = 0;
	kho_scratch = NULL;
	kho_in_fdt = 0;
}

/*
 * Gaps between preserved blocks and pages of the map, for memory that has to be
 * allocated before the blocks can be reserved. Scratch may be too small for all
 * that: the memmap alone is more than 1.5 % of memory. But the memmap of the
 * previous kernel, which was not preserved, is always a gap.
 *
 * Gaps have to be so large that there are not too many regions in memblock.
 */
#define KHO_GAP_MIN_SHIFT	21
#define KHO_GAP_MAX_SHIFT	30
#define KHO_MAX_GAPS		1024

struct kho_gap_iter {
	phys_addr_t at;
	phys_addr_t block_start;
	phys_addr_t block_end;
	phys_addr_t node;
};

static void __init kho_next_block(struct kho_gap_iter *gap)
{
	if (!kho_map_next_range(&kho_in.iter, &gap->block_start, &gap->block_end)) {
		gap->block_start = PHYS_ADDR_MAX;
		gap->block_end = PHYS_ADDR_MAX;
	}
}

static void __init kho_next_node(struct kho_gap_iter *gap, phys_addr_t from)
{
	if (!kho_map_next_node(&kho_in.map, from, &gap->node))
		gap->node = PHYS_ADDR_MAX;
}

static void __init kho_gap_iter_init(struct kho_gap_iter *gap)
{
	kho_map_iter_init(&kho_in.iter, &kho_in.map);
	gap->at = 0;
	kho_next_block(gap);
	kho_next_node(gap, 0);
}

static bool __init kho_next_gap(struct kho_gap_iter *gap, phys_addr_t *start,
				phys_addr_t *end)
{
	phys_addr_t memory_end = memblock_end_of_DRAM();

	while (gap->at < memory_end) {
		*start = gap->at;
		*end = min3(gap->block_start, gap->node, memory_end);

		if (gap->block_start < gap->node) {
			gap->at = gap->block_end;
			kho_next_block(gap);
		} else if (gap->node < PHYS_ADDR_MAX) {
			gap->at = gap->node + PAGE_SIZE;
			kho_next_node(gap, gap->at);
		} else {
			gap->at = memory_end;
		}

		if (*start < *end)
			return true;
	}

	return false;
}

/* The smallest size of gap for which there are not too many. */
static unsigned int __init kho_gap_shift(void)
{
	unsigned int nr[KHO_GAP_MAX_SHIFT + 1] = {};
	struct kho_gap_iter gap;
	phys_addr_t start, end;
	unsigned int shift;

	kho_gap_iter_init(&gap);
	while (kho_next_gap(&gap, &start, &end))
		for (shift = KHO_GAP_MIN_SHIFT; shift <= KHO_GAP_MAX_SHIFT; shift++)
			if (round_up(start, BIT_ULL(shift)) < round_down(end, BIT_ULL(shift)))
				nr[shift]++;

	for (shift = KHO_GAP_MIN_SHIFT; shift < KHO_GAP_MAX_SHIFT; shift++)
		if (nr[shift] <= KHO_MAX_GAPS)
			break;

	return shift;
}

static void __init kho_extend_scratch(void)
{
	const u64 size = BIT_ULL(kho_gap_shift());
	unsigned int nr = KHO_MAX_GAPS;
	struct kho_gap_iter gap;
	phys_addr_t start, end;

	kho_gap_iter_init(&gap);
	while (kho_next_gap(&gap, &start, &end) && nr) {
		start = round_up(start, size);
		end = round_down(end, size);
		if (start >= end)
			continue;
		if (memblock_mark_kho_scratch(start, end - start)) {
			pr_warn("no memory to use gaps in preserved memory during boot\n");
			break;
		}
		nr--;
	}
}

/**
 * kho_memory_init_early - check and use the map of preserved memory
 *
 * Called by architecture code, when the direct map is complete and memory has
 * node ids, and before large allocations.
 */
void __init kho_memory_init_early(void)
{
	struct kho_rejection rej;
	struct kho_map_run block;

	if (!is_kho_boot()) {
		/* The FDT was sound, scratch was not: at least keep off the blocks. */
		if (kho_in.map_root) {
			kho_map_check(&kho_in.map, &kho_env, kho_in.map_root, &rej);
			kho_keep_claims();
		}
		return;
	}

	kho_scratch = phys_to_virt(kho_in.scratch);
	kho_scratch_cnt = kho_in.nr_scratch;

	if (kho_map_check(&kho_in.map, &kho_env, kho_in.map_root, &rej)) {
		kho_reject(kho_reject_str(rej.why), rej.where);
		return;
	}
	if (!kho_map_find(&kho_in.map, kho_in_fdt, &block) || block.order) {
		kho_reject("the FDT is not preserved", kho_in_fdt);
		return;
	}
	kho_in_accepted = true;

	kho_extend_scratch();
	kho_subtree_check_incoming(&kho_in.map);
	kho_reserve_mem_check_incoming(&kho_in.map);
}

/* Step 3: reserve and stamp */

static bool __init kho_next_range(phys_addr_t *start, phys_addr_t *end, void *unused)
{
	return kho_map_next_range(&kho_in.iter, start, end);
}

static void __init kho_init_neighbour(unsigned long pfn)
{
	if (memblock_is_map_memory(PFN_PHYS(pfn)) && pfn_valid(pfn))
		init_deferred_page(pfn, early_pfn_to_nid(pfn));
}

/*
 * Pages of [start, end) can be restored and freed before deferred struct pages
 * are initialised. The buddy allocator then looks at the buddies of what is in
 * there, which therefore have to be sane: at most two for each order.
 */
static void __init kho_init_neighbours(unsigned long start, unsigned long end)
{
	unsigned long first, last, size;

	for (size = 1; size < MAX_ORDER_NR_PAGES; size <<= 1) {
		first = round_up(start, size);
		last = round_down(end, size) - size;
		if (first + size > end)
			break;

		if ((first ^ size) < start || (first ^ size) >= end)
			kho_init_neighbour(first ^ size);
		if (last != first && (last ^ size) >= end)
			kho_init_neighbour(last ^ size);
	}
}

/* Struct pages of a block, and the type of its pageblocks. */
static void __init kho_init_block(unsigned long pfn, unsigned int order)
{
	int nid = early_pfn_to_nid(pfn);
	unsigned long i;

	if (!IS_ENABLED(CONFIG_DEFERRED_STRUCT_PAGE_INIT))
		return;

	for (i = 0; i < 1UL << order; i++)
		init_deferred_page(pfn + i, nid);

	/* Its first page may be deferred for longer. */
	if (!pageblock_aligned(pfn))
		set_pageblock_migratetype(pfn_to_page(pfn),
					  kho_scratch_migratetype(pageblock_start_pfn(pfn),
								  MIGRATE_MOVABLE));
}

/*
 * Something else in this boot, the firmware that is, may have a claim to memory
 * of a block. Such a block is not stamped, so it cannot be restored. Blocks and
 * regions are in order, so each is looked at once.
 */
static bool __init kho_is_reserved_for_us(struct memblock_region **region,
					  phys_addr_t start, phys_addr_t end)
{
	struct memblock_type *type = &memblock.reserved;
	struct memblock_region *r = *region;

	while (r < type->regions + type->cnt && r->base + r->size <= start)
		r++;
	*region = r;

	return r < type->regions + type->cnt && r->base <= start &&
	       end <= r->base + r->size && r->flags == MEMBLOCK_RSRV_NOINIT;
}

static void __init kho_stamp_all(void)
{
	struct memblock_region *region = memblock.reserved.regions;
	unsigned long nr = 0, nr_lost = 0;
	struct kho_map_run run;
	phys_addr_t start, end;

	if (IS_ENABLED(CONFIG_DEFERRED_STRUCT_PAGE_INIT)) {
		kho_map_iter_init(&kho_in.iter, &kho_in.map);
		while (kho_map_next_range(&kho_in.iter, &start, &end))
			kho_init_neighbours(PHYS_PFN(start), PHYS_PFN(end));
	}

	kho_map_iter_init(&kho_in.iter, &kho_in.map);
	while (kho_map_next_run(&kho_in.iter, &run)) {
		for (start = run.start; start < run.end; start = end) {
			end = start + (PAGE_SIZE << run.order);
			/* Nobody else does it, not even if the block is lost. */
			kho_init_block(PHYS_PFN(start), run.order);
			if (kho_is_reserved_for_us(&region, start, end)) {
				kho_stamp_page(pfn_to_page(PHYS_PFN(start)),
					       run.order);
				nr++;
			} else {
				nr_lost++;
			}
		}
	}

	/* What this kernel itself uses nobody restores, whatever a record says. */
	kho_stamp_clear(kho_in_fdt, PAGE_SIZE);
	kho_reserve_mem_claim(&kho_in.map);

	if (nr_lost)
		pr_err("%lu of %lu preserved blocks are lost: the firmware claims memory in them now\n",
		       nr_lost, nr + nr_lost);
}

static void __init kho_reserve_preserved(void)
{
	unsigned long nr = 0;
	phys_addr_t start, end;
	int err;

	kho_map_iter_init(&kho_in.iter, &kho_in.map);
	while (kho_map_next_range(&kho_in.iter, &start, &end))
		nr++;

	kho_map_iter_init(&kho_in.iter, &kho_in.map);
	err = memblock_reserve_sorted(kho_next_range, NULL, nr,
				      MEMBLOCK_RSRV_NOINIT);
	if (err)
		panic("KHO: cannot reserve %lu ranges of preserved memory (%pe), going on would corrupt them; use a larger kho_scratch= for the first boot\n",
		      nr, ERR_PTR(err));

	kho_stamp_all();
	pr_info("%llu preserved pages in %lu ranges\n",
		kho_in.map.nr_pages, nr);

	kho_map_release(&kho_in.map);
}

/**
 * kho_memory_init - keep preserved memory from the page allocator
 *
 * Called right before memblock releases its memory to the page allocator. If
 * nothing was handed over, this is where scratch for the next kernel is reserved.
 */
void __init kho_memory_init(void)
{
	if (kho_is_enabled() && is_kdump_kernel()) {
		pr_info("disabled in the kdump kernel\n");
		kho_disable();
	}

	if (is_kho_boot())
		kho_reserve_preserved();
	else if (kho_is_enabled())
		kho_scratch_reserve();

	luo_timeline_stamp(LUO_PHASE_KHO_READY);
}
