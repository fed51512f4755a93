// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exerciser of kexec handover: preserves memory of all kinds on behalf of the
 * selftests in tools/testing/selftests/liveupdate, and verifies it after the jump.
 *
 * There is at most one set of items, in /sys/kernel/debug/kho_exercise:
 *
 *	do		verbs, one for each write(); fails with the errno of the verb
 *	state		counters of this kernel and of its outgoing handover
 *	items		where the items are: kind, address, pages, seed
 *	figures		what the last "bench" measured
 *	mutations	names for "mutate"
 *
 *	alloc SEED [KIND]	none -> held: allocate a set, fill it from the seed.
 *				KIND is folio, pages, vmalloc, tree, or all
 *	preserve		held -> preserved, and published
 *	unpreserve		preserved -> held
 *	free			held -> none
 *	restore			none -> held: what the previous kernel preserved;
 *				-EBADMSG if its contents are wrong
 *	verify			held: look at the contents again
 *	refill SEED		held: new contents
 *	region NAME SEED	fill the reserve_mem= region
 *	region_check NAME SEED	and verify it
 *	bench ORDER COUNT	time preserving and unpreserving
 *	scatter COUNT ORDER	preserve one page in each of so many blocks
 *	twice			preserve memory that is preserved
 *	scratch			preserve a page of scratch
 *	try PHYS		can this page be preserved?
 *	claimed PHYS PAGES SEED	is an item of the previous kernel kept out of use?
 *				-ENOENT if not, -EBADMSG if its contents are wrong
 *	mutate NAME		damage the handover just before the jump
 *
 * kho_exercise_range=START,SIZE reserves a range on a cold boot that becomes an
 * item of its own: this is how a range gets to span two nodes. Of more than 512M
 * one word in each page is looked at. kho_exercise_claim=START,SIZE reserves a range
 * on any boot, as the firmware may do it to what is preserved. kho_exercise_fail=STEP,
 * which is tree, fdt or metadata, makes that step of kho_init() fail.
 *
 * A verb that fails has undone what it did, except for restore. All verbs are
 * serialized. Only for test machines: some of these verbs are weapons.
 */

#define pr_fmt(fmt) "kho_exercise: " fmt

#include <linux/cleanup.h>
#include <linux/debugfs.h>
#include <linux/gfp.h>
#include <linux/init.h>
#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/kho/abi/kexec_handover.h>
#include <linux/kho_block.h>
#include <linux/kho_radix_tree.h>
#include <linux/memblock.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "../kernel/liveupdate/kho_internal.h"
#include "kho_exercise.h"

enum ex_kind {
	EX_FOLIO,
	EX_PAGES,
	EX_VMALLOC,
	EX_ALLOC,	/* kho_alloc_preserve(): exists only while preserved */
	EX_NR_KINDS,
};

#define EX_TREE		BIT(EX_NR_KINDS)	/* besides the kinds of items */
#define EX_ALL		(BIT(EX_NR_KINDS + 1) - 1)

/**
 * struct ex_item - a piece of memory
 * @list: in ex.items
 * @kind: how it was allocated, and is preserved
 * @preserved: it is
 * @order: of a folio
 * @nr_pages: its size
 * @seed: what its contents are made of
 * @phys: its address, unless vmalloc
 * @virt: its address
 * @kv: descriptor of a preserved vmalloc area
 */
struct ex_item {
	struct list_head list;
	enum ex_kind kind;
	bool preserved;
	unsigned int order;
	unsigned long nr_pages;
	u64 seed;
	phys_addr_t phys;
	void *virt;
	struct kho_vmalloc kv;
};

enum ex_state { EX_NONE, EX_HELD, EX_PRESERVED };

static const char * const ex_state_str[] = { "none", "held", "preserved" };

static DEFINE_MUTEX(ex_lock);

/* Protected by ex_lock. */
static struct {
	enum ex_state state;
	struct list_head items;
	unsigned long nr_items;
	u64 seed;
	struct kho_radix_tree tree;
	u64 tree_keys;
	u64 tree_hash;
	unsigned long tree_preserved;	/* pages of the tree, while preserved */
	struct kho_block_set ser;
	struct ex_manifest *manifest;
} ex = {
	.items = LIST_HEAD_INIT(ex.items),
	.ser = KHO_BLOCK_SET_INIT(ex.ser, sizeof(struct ex_item_ser)),
};

/* kho_exercise_range=, if this boot reserved it. */
static phys_addr_t ex_range_start __ro_after_init;
static phys_addr_t ex_range_size __ro_after_init;

static int __init ex_parse_range(char *p)
{
	phys_addr_t start, size;

	start = memparse(p, &p);
	if (*p++ != ',')
		return -EINVAL;
	size = memparse(p, &p);
	/* After a kexec the range is preserved, or it was given up. */
	if (is_kho_boot() || memblock_reserve(start, size))
		return 0;
	ex_range_start = start;
	ex_range_size = size;
	return 0;
}
early_param("kho_exercise_range", ex_parse_range);

phys_addr_t ex_manifest_phys(void)
{
	return ex.manifest ? virt_to_phys(ex.manifest) : 0;
}

/* Contents */

static u64 ex_random(u64 *state)
{
	u64 x = *state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	*state = x;
	return x;
}

/* Of what is very large a word in each page has to do. */
static size_t ex_step(size_t bytes)
{
	return bytes > SZ_512M ? PAGE_SIZE / sizeof(u64) - 3 : 1;
}

static void ex_fill(u64 *p, size_t bytes, u64 seed)
{
	u64 state = seed ?: 1;

	for (size_t i = 0; i < bytes / sizeof(*p); i += ex_step(bytes)) {
		p[i] = ex_random(&state);
		if (!(i % SZ_128K))
			cond_resched();
	}
}

static bool ex_check(const u64 *p, size_t bytes, u64 seed)
{
	u64 state = seed ?: 1;

	for (size_t i = 0; i < bytes / sizeof(*p); i += ex_step(bytes)) {
		if (p[i] != ex_random(&state))
			return false;
		if (!(i % SZ_128K))
			cond_resched();
	}
	return true;
}

static bool ex_check_item(const struct ex_item *item)
{
	if (ex_check(item->virt, item->nr_pages << PAGE_SHIFT, item->seed))
		return true;
	pr_err("wrong contents: kind %u, %lu pages at %pa\n", item->kind,
	       item->nr_pages, &item->phys);
	return false;
}

static int ex_verify(void)
{
	struct ex_item *item;

	list_for_each_entry(item, &ex.items, list)
		if (!ex_check_item(item))
			return -EBADMSG;
	return 0;
}

static void ex_refill(u64 seed)
{
	struct ex_item *item;
	u64 nr = 0;

	ex.seed = seed;
	list_for_each_entry(item, &ex.items, list) {
		item->seed = ex_mix(seed, nr++);
		ex_fill(item->virt, item->nr_pages << PAGE_SHIFT, item->seed);
	}
}

/* Allocating and freeing items */

static void ex_free_pages(struct page *page, unsigned long nr_pages)
{
	/* What was reserved at boot stays so. */
	for (; nr_pages--; page++)
		if (!PageReserved(page))
			__free_page(page);
}

static void ex_free_item(struct ex_item *item)
{
	switch (item->kind) {
	case EX_FOLIO:
		folio_put(pfn_folio(PHYS_PFN(item->phys)));
		break;
	case EX_PAGES:
		ex_free_pages(pfn_to_page(PHYS_PFN(item->phys)), item->nr_pages);
		break;
	case EX_VMALLOC:
		vfree(item->virt);
		break;
	default:
		break;
	}
	list_del(&item->list);
	ex.nr_items--;
	kfree(item);
}

static struct ex_item *ex_new_item(enum ex_kind kind, unsigned long nr_pages)
{
	struct ex_item *item = kzalloc(sizeof(*item), GFP_KERNEL);

	if (!item)
		return NULL;
	item->kind = kind;
	item->nr_pages = nr_pages;
	item->seed = ex_mix(ex.seed, ex.nr_items);
	return item;
}

static void ex_add_item(struct ex_item *item)
{
	list_add_tail(&item->list, &ex.items);
	ex.nr_items++;
}

/* Pages with a reference each that do not begin at an aligned address. */
static struct page *ex_alloc_pages(unsigned long nr_pages)
{
	struct page *page;
	void *virt;

	if (nr_pages < MAX_ORDER_NR_PAGES) {
		virt = alloc_pages_exact((nr_pages + 1) << PAGE_SHIFT,
					 GFP_KERNEL | __GFP_NOWARN);
		page = virt ? virt_to_page(virt) : NULL;
	} else {
		page = alloc_contig_pages(nr_pages + 1, GFP_KERNEL | __GFP_NOWARN,
					  numa_mem_id(), NULL);
	}
	if (!page)
		return NULL;
	__free_page(page);
	return page + 1;
}

static int ex_alloc_item(enum ex_kind kind, unsigned long nr_pages,
			 unsigned int order, bool huge)
{
	struct ex_item *item = ex_new_item(kind, nr_pages);
	struct folio *folio;
	struct page *page;

	if (!item)
		return -ENOMEM;
	switch (kind) {
	case EX_FOLIO:
		folio = folio_alloc(GFP_KERNEL | __GFP_NOWARN, order);
		if (folio) {
			item->order = order;
			item->virt = folio_address(folio);
		}
		break;
	case EX_PAGES:
		page = ex_alloc_pages(nr_pages);
		if (page)
			item->virt = page_address(page);
		break;
	default:
		if (huge)
			item->virt = vmalloc_huge(nr_pages << PAGE_SHIFT, GFP_KERNEL);
		else
			item->virt = vmalloc(nr_pages << PAGE_SHIFT);
		break;
	}
	if (!item->virt) {
		kfree(item);
		return -ENOMEM;
	}
	if (kind != EX_VMALLOC)
		item->phys = virt_to_phys(item->virt);
	ex_fill(item->virt, nr_pages << PAGE_SHIFT, item->seed);
	ex_add_item(item);
	return 0;
}

static int ex_alloc_range(void)
{
	struct ex_item *item;

	if (!ex_range_size)
		return 0;
	item = ex_new_item(EX_PAGES, PHYS_PFN(ex_range_size));
	if (!item)
		return -ENOMEM;
	item->phys = ex_range_start;
	item->virt = phys_to_virt(ex_range_start);
	ex_fill(item->virt, ex_range_size, item->seed);
	ex_add_item(item);
	return 0;
}

static const struct kho_radix_walk_cb ex_hash_cb = { .leaf = ex_hash_key };

static int ex_alloc_tree(void)
{
	u64 state = ex_mix(ex.seed, U32_MAX);
	int err;

	err = kho_radix_init_tree(&ex.tree, NULL);
	for (ex.tree_keys = 0; !err && ex.tree_keys < 40; ex.tree_keys++)
		err = kho_radix_add_key(&ex.tree, ex_random(&state) >>
					(64 - KHO_RADIX_KEY_WIDTH));
	if (err) {
		kho_radix_destroy_tree(&ex.tree);
		return err;
	}
	ex.tree_hash = 0;
	kho_radix_walk_tree(&ex.tree, &ex_hash_cb, &ex.tree_hash);
	return 0;
}

static void ex_free(void)
{
	struct ex_item *item, *next;

	list_for_each_entry_safe_reverse(item, next, &ex.items, list)
		ex_free_item(item);
	kho_radix_destroy_tree(&ex.tree);
	ex.state = EX_NONE;
}

static int ex_alloc_items(unsigned int kinds)
{
	static const unsigned int pages[] = { 1, 7, 255, 513, 3 * MAX_ORDER_NR_PAGES + 5 };
	static const unsigned int areas[] = { 1, KHO_VMALLOC_SIZE, KHO_VMALLOC_SIZE + 90 };
	unsigned int i, order;
	int err = 0;

	for (order = 0; !err && (kinds & BIT(EX_FOLIO)) && order <= MAX_PAGE_ORDER; order++)
		for (i = 0; !err && i < (order < 4 ? 12 : order < 9 ? 3 : 1); i++)
			err = ex_alloc_item(EX_FOLIO, 1UL << order, order, false);
	for (i = 0; !err && (kinds & BIT(EX_PAGES)) && i < ARRAY_SIZE(pages); i++)
		err = ex_alloc_item(EX_PAGES, pages[i], 0, false);
	if (!err && (kinds & BIT(EX_PAGES)))
		err = ex_alloc_range();
	for (i = 0; !err && (kinds & BIT(EX_VMALLOC)) && i < ARRAY_SIZE(areas); i++)
		err = ex_alloc_item(EX_VMALLOC, areas[i], 0, false);
	if (!err && (kinds & BIT(EX_VMALLOC)))
		err = ex_alloc_item(EX_VMALLOC, SZ_4M >> PAGE_SHIFT, 0, true);
	if (!err && (kinds & EX_TREE))
		err = ex_alloc_tree();
	return err;
}

static int ex_alloc(u64 seed, unsigned int kinds)
{
	int err;

	ex.seed = seed;
	ex.tree_keys = 0;
	err = ex_alloc_items(kinds);
	if (err)
		ex_free();
	else
		ex.state = EX_HELD;
	return err;
}

/* Preserving */

static int ex_preserve_item(struct ex_item *item)
{
	switch (item->kind) {
	case EX_FOLIO:
		return kho_preserve_folio(pfn_folio(PHYS_PFN(item->phys)));
	case EX_PAGES:
		return kho_preserve_pages(pfn_to_page(PHYS_PFN(item->phys)),
					  item->nr_pages);
	case EX_VMALLOC:
		return kho_preserve_vmalloc(item->virt, &item->kv);
	default:
		return 0;
	}
}

static void ex_unpreserve_item(struct ex_item *item)
{
	item->preserved = false;
	switch (item->kind) {
	case EX_FOLIO:
		kho_unpreserve_folio(pfn_folio(PHYS_PFN(item->phys)));
		break;
	case EX_PAGES:
		kho_unpreserve_pages(pfn_to_page(PHYS_PFN(item->phys)),
				     item->nr_pages);
		break;
	case EX_VMALLOC:
		kho_unpreserve_vmalloc(&item->kv);
		break;
	default:
		kho_unpreserve_free(item->virt);
		ex_free_item(item);
		break;
	}
}

static int ex_alloc_preserve(unsigned long nr_pages)
{
	struct ex_item *item = ex_new_item(EX_ALLOC, nr_pages);
	void *virt;

	if (!item)
		return -ENOMEM;
	virt = kho_alloc_preserve(nr_pages << PAGE_SHIFT);
	if (IS_ERR(virt)) {
		kfree(item);
		return PTR_ERR(virt);
	}
	item->virt = virt;
	item->phys = virt_to_phys(virt);
	item->preserved = true;
	ex_fill(virt, nr_pages << PAGE_SHIFT, item->seed);
	ex_add_item(item);
	return 0;
}

static int ex_preserve_node(phys_addr_t phys, void *unused)
{
	int err = kho_preserve_pages(pfn_to_page(PHYS_PFN(phys)), 1);

	ex.tree_preserved += !err;
	return err;
}

static int ex_unpreserve_node(phys_addr_t phys, void *unused)
{
	if (!ex.tree_preserved)
		return 1;
	ex.tree_preserved--;
	kho_unpreserve_pages(pfn_to_page(PHYS_PFN(phys)), 1);
	return 0;
}

static const struct kho_radix_walk_cb ex_preserve_cb = { .node = ex_preserve_node };
static const struct kho_radix_walk_cb ex_unpreserve_cb = { .node = ex_unpreserve_node };

static void ex_unpreserve(void)
{
	struct ex_item *item, *next;

	if (ex.manifest) {
		kho_remove_subtree(ex.manifest);
		kho_unpreserve_free(ex.manifest);
		ex.manifest = NULL;
	}
	kho_block_set_destroy(&ex.ser);
	if (ex.tree.root)
		kho_radix_walk_tree(&ex.tree, &ex_unpreserve_cb, NULL);
	list_for_each_entry_safe_reverse(item, next, &ex.items, list)
		if (item->preserved)
			ex_unpreserve_item(item);
	ex.state = EX_HELD;
}

static int ex_serialize(void)
{
	struct kho_block_set_it it;
	struct ex_item *item;
	int err;

	err = kho_block_set_grow(&ex.ser, ex.nr_items);
	if (err)
		return err;
	kho_block_set_it_init(&it, &ex.ser);
	list_for_each_entry(item, &ex.items, list) {
		struct ex_item_ser *ser = kho_block_set_it_reserve_entry(&it);

		*ser = (struct ex_item_ser) {
			.kind = item->kind,
			.order = item->order,
			.nr_pages = item->nr_pages,
			.seed = item->seed,
			.phys = item->phys,
			.kv = item->kv,
		};
	}

	ex.manifest = kho_alloc_preserve(sizeof(*ex.manifest));
	if (IS_ERR(ex.manifest)) {
		err = PTR_ERR(ex.manifest);
		ex.manifest = NULL;
		return err;
	}
	*ex.manifest = (struct ex_manifest) {
		.magic = EX_MAGIC,
		.seed = ex.seed,
		.nr_items = ex.nr_items,
		.items = kho_block_set_head_pa(&ex.ser),
		.tree = ex.tree.root ? virt_to_phys(ex.tree.root) : 0,
		.tree_keys = ex.tree_keys,
		.tree_hash = ex.tree_hash,
	};
	return kho_add_subtree(EX_SUBTREE, ex.manifest, sizeof(*ex.manifest));
}

static int ex_preserve(void)
{
	struct ex_item *item;
	int err = 0;

	list_for_each_entry(item, &ex.items, list) {
		err = ex_preserve_item(item);
		if (err)
			goto err_undo;
		item->preserved = true;
	}
	if (ex.tree.root)
		err = kho_radix_walk_tree(&ex.tree, &ex_preserve_cb, NULL);
	err = err ?: ex_alloc_preserve(1);
	err = err ?: ex_alloc_preserve(4);
	err = err ?: ex_alloc_preserve(256);
	err = err ?: ex_serialize();
	if (err)
		goto err_undo;
	ex.state = EX_PRESERVED;
	return 0;

err_undo:
	ex_unpreserve();
	return err;
}

/* Restoring */

static int ex_restore_item(const struct ex_item_ser *ser)
{
	struct ex_item *item = ex_new_item(ser->kind, ser->nr_pages);
	struct folio *folio;
	struct page *page;
	bool ok;

	if (!item)
		return -ENOMEM;
	item->order = ser->order;
	item->seed = ser->seed;
	item->phys = ser->phys;

	switch (ser->kind) {
	case EX_FOLIO:
		folio = kho_restore_folio(ser->phys);
		if (folio && folio_order(folio) == ser->order)
			item->virt = folio_address(folio);
		break;
	case EX_PAGES:
		page = kho_restore_pages(ser->phys, ser->nr_pages);
		if (page)
			item->virt = page_address(page);
		break;
	case EX_VMALLOC:
		item->virt = kho_restore_vmalloc(&ser->kv);
		break;
	case EX_ALLOC:
		item->virt = phys_to_virt(ser->phys);
		ok = ex_check_item(item);
		kho_restore_free(item->virt);
		kfree(item);
		return ok ? 0 : -EBADMSG;
	default:
		break;
	}
	if (!item->virt) {
		pr_err("not restored: kind %u, %llu pages at %#llx\n", ser->kind,
		       ser->nr_pages, ser->phys);
		kfree(item);
		return -EINVAL;
	}
	ex_add_item(item);
	return ex_check_item(item) ? 0 : -EBADMSG;
}

static int ex_restore_node(phys_addr_t phys, void *unused)
{
	return kho_restore_pages(phys, 1) ? 0 : -EINVAL;
}

static const struct kho_radix_walk_cb ex_restore_cb = {
	.leaf = ex_hash_key,
	.node = ex_restore_node,
};

static int ex_restore_tree(const struct ex_manifest *m)
{
	u64 hash = 0;
	int err;

	if (!m->tree)
		return 0;
	err = kho_radix_init_tree(&ex.tree, phys_to_virt(m->tree));
	err = err ?: kho_radix_walk_tree(&ex.tree, &ex_restore_cb, &hash);
	ex.tree_keys = m->tree_keys;
	ex.tree_hash = hash;
	return err ?: hash == m->tree_hash ? 0 : -EBADMSG;
}

static int ex_restore(void)
{
	struct ex_item_ser *ser;
	struct kho_block_set_it it;
	struct kho_block_set set;
	struct ex_manifest m;
	phys_addr_t phys;
	u64 nr = 0;
	size_t size;
	int err;

	err = kho_retrieve_subtree(EX_SUBTREE, &phys, &size);
	if (err)
		return err;
	if (size != sizeof(m))
		return -EINVAL;
	m = *(struct ex_manifest *)phys_to_virt(phys);
	if (m.magic != EX_MAGIC)
		return -EBADMSG;
	kho_restore_free(phys_to_virt(phys));

	kho_block_set_init(&set, sizeof(*ser));
	err = kho_block_set_restore(&set, m.items);
	if (err)
		return err;
	ex.seed = m.seed;
	ex.state = EX_HELD;
	kho_block_set_it_init(&it, &set);
	while ((ser = kho_block_set_it_read_entry(&it))) {
		int ret = ex_restore_item(ser);

		err = err ?: ret;
		nr++;
	}
	kho_block_set_destroy(&set);
	if (!err && nr != m.nr_items)
		err = -EBADMSG;
	return err ?: ex_restore_tree(&m);
}

/*
 * Of a handover that was rejected nothing can be restored, but it may still be in use
 * by someone.
 */
static int ex_claimed(phys_addr_t phys, unsigned long nr_pages, u64 seed)
{
	unsigned long pfn = PHYS_PFN(phys);

	for (unsigned long i = 0; i < nr_pages; i++) {
		struct page *page = pfn_to_online_page(pfn + i);

		if (!page || !PageReserved(page))
			return -ENOENT;
	}
	return ex_check(phys_to_virt(phys), nr_pages << PAGE_SHIFT, seed) ? 0 : -EBADMSG;
}

/* reserve_mem= */

static int ex_region(const char *name, u64 seed, bool check)
{
	phys_addr_t start, size;

	if (!reserve_mem_find_by_name(name, &start, &size))
		return -ENOENT;
	if (check)
		return ex_check(phys_to_virt(start), size, seed) ? 0 : -EBADMSG;
	ex_fill(phys_to_virt(start), size, seed);
	return 0;
}

/* Files */

static unsigned int ex_nr_huge(void)
{
	struct ex_item *item;
	unsigned int nr = 0;

	list_for_each_entry(item, &ex.items, list)
		nr += item->preserved && item->kv.order;
	return nr;
}

static int state_show(struct seq_file *m, void *v)
{
	phys_addr_t text = __pa_symbol(_text);

	lru_add_drain_all();
	drain_all_pages(NULL);

	guard(mutex)(&ex_lock);
	seq_printf(m, "state: %s\nitems: %lu\nseed: %llu\n", ex_state_str[ex.state],
		   ex.nr_items, ex.seed);
	seq_printf(m, "kho_boot: %d\nenabled: %d\n", is_kho_boot(), kho_is_enabled());
	seq_printf(m, "managed: %lu\nfree: %lu\nvmalloc: %lu\n", totalram_pages(),
		   global_zone_page_state(NR_FREE_PAGES), vmalloc_nr_pages());
	seq_printf(m, "slab: %lu\n",
		   global_node_page_state_pages(NR_SLAB_RECLAIMABLE_B) +
		   global_node_page_state_pages(NR_SLAB_UNRECLAIMABLE_B));
	seq_printf(m, "range: %d\nhuge: %u\ntext: 0x%llx\ntext_in_scratch: %d\n",
		   !!ex_range_size, ex_nr_huge(), (u64)text,
		   kho_scratch_overlap(text, _end - _text));
	ex_show_out(m);
	ex_show_scratch(m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(state);

static int items_show(struct seq_file *m, void *v)
{
	struct ex_item *item;

	guard(mutex)(&ex_lock);
	list_for_each_entry(item, &ex.items, list)
		seq_printf(m, "%u %llu %lu %llu\n", item->kind, (u64)item->phys,
			   item->nr_pages, item->seed);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(items);

/* Verbs */

static int ex_kinds(const char *name)
{
	static const char * const names[] = { "folio", "pages", "vmalloc", "alloc", "tree" };

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(name, names[i]))
			return BIT(i);
	return EX_ALL;
}

static int ex_in_state(enum ex_state state)
{
	return ex.state == state ? 0 : -EBUSY;
}

static int ex_do(char *line)
{
	char verb[16], name[32] = "";
	u64 a = 0, b = 0, c = 0;

	if (sscanf(line, "%15s %llu %llu %llu", verb, &a, &b, &c) < 2)
		sscanf(line, "%15s %31s %llu", verb, name, &b);
	else
		sscanf(line, "%*s %*s %31s", name);

	guard(mutex)(&ex_lock);
	if (!strcmp(verb, "alloc"))
		return ex_in_state(EX_NONE) ?: ex_alloc(a, ex_kinds(name));
	if (!strcmp(verb, "preserve"))
		return ex_in_state(EX_HELD) ?: ex_preserve();
	if (!strcmp(verb, "restore"))
		return ex_in_state(EX_NONE) ?: ex_restore();
	if (!strcmp(verb, "verify"))
		return ex_in_state(EX_HELD) ?: ex_verify();
	if (!strcmp(verb, "region"))
		return ex_region(name, b, false);
	if (!strcmp(verb, "region_check"))
		return ex_region(name, b, true);
	if (!strcmp(verb, "bench"))
		return ex_bench(a, b);
	if (!strcmp(verb, "scatter"))
		return ex_scatter(a, b);
	if (!strcmp(verb, "twice"))
		return ex_twice();
	if (!strcmp(verb, "scratch"))
		return ex_preserve_scratch();
	if (!strcmp(verb, "try"))
		return ex_try(a);
	if (!strcmp(verb, "claimed"))
		return ex_claimed(a, b, c);
	if (!strcmp(verb, "mutate"))
		return ex_mutate(name);

	if (!strcmp(verb, "unpreserve") && ex.state == EX_PRESERVED) {
		ex_unpreserve();
		return 0;
	}
	if (!strcmp(verb, "free") && ex.state == EX_HELD) {
		ex_free();
		return 0;
	}
	if (!strcmp(verb, "refill") && ex.state == EX_HELD) {
		ex_refill(a);
		return 0;
	}
	return -EINVAL;
}

static ssize_t ex_do_write(struct file *file, const char __user *buf, size_t count,
			   loff_t *pos)
{
	char line[80];
	int err;

	if (count >= sizeof(line))
		return -EINVAL;
	if (copy_from_user(line, buf, count))
		return -EFAULT;
	line[count] = '\0';
	err = ex_do(line);
	return err ?: count;
}

static const struct file_operations ex_do_fops = {
	.open = simple_open,
	.write = ex_do_write,
	.llseek = noop_llseek,
};

static int ex_figures_show(struct seq_file *m, void *v)
{
	guard(mutex)(&ex_lock);
	ex_show_figures(m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(ex_figures);
DEFINE_SHOW_ATTRIBUTE(ex_mutations);

static int __init ex_init(void)
{
	struct dentry *dir = debugfs_create_dir("kho_exercise", NULL);

	debugfs_create_file("do", 0200, dir, NULL, &ex_do_fops);
	debugfs_create_file("state", 0400, dir, NULL, &state_fops);
	debugfs_create_file("items", 0400, dir, NULL, &items_fops);
	debugfs_create_file("figures", 0400, dir, NULL, &ex_figures_fops);
	debugfs_create_file("mutations", 0400, dir, NULL, &ex_mutations_fops);
	return 0;
}
late_initcall(ex_init);
