// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of KHO's preserve, restore, vmalloc and subtree calls.
 *
 * A kexec is played by stamping pages as kho_memory_init() does. What needs the
 * outgoing side is skipped without kho=on.
 */

#include <kunit/test.h>

#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/kho_page_list.h>
#include <linux/kho/abi/kexec_handover.h>
#include <linux/memblock.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "kho_internal.h"

static void kho_test_needs_outgoing(struct kunit *test)
{
	if (!kho_is_enabled())
		kunit_skip(test, "needs kho=on");
}

/* Split */

struct kho_split_case {
	unsigned long pfn;
	unsigned long nr;
	unsigned int orders[8];
	unsigned int nr_orders;
};

static const struct kho_split_case kho_split_cases[] = {
	{ 1, 1, { 0 }, 1 },
	{ 1, 7, { 0, 1, 2 }, 3 },
	{ 0x100, 0x180, { 8, 7 }, 2 },
	{ 0x40000, 0x40000, { 18 }, 1 },
	{ 0, 8, { 3 }, 1 },
	{ 0, 7, { 2, 1, 0 }, 3 },
	{ 3, 6, { 0, 2, 0 }, 3 },
	{ 0x7ffff, 3, { 0, 1 }, 2 },
};

static void kho_split_test(struct kunit *test)
{
	for (int i = 0; i < ARRAY_SIZE(kho_split_cases); i++) {
		const struct kho_split_case *c = &kho_split_cases[i];
		unsigned long pfn = c->pfn, end = c->pfn + c->nr;
		unsigned int n;

		for (n = 0; pfn < end; n++) {
			unsigned int order = kho_split_order(pfn, end - pfn);

			KUNIT_ASSERT_LT(test, n, c->nr_orders);
			KUNIT_EXPECT_EQ(test, order, c->orders[n]);
			pfn += 1UL << order;
		}
		KUNIT_EXPECT_EQ(test, n, c->nr_orders);
		KUNIT_EXPECT_EQ(test, pfn, end);
	}
}

static void kho_stamp_test(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, kho_stamp(0), 0x4b484f5000000000UL);
	KUNIT_EXPECT_EQ(test, kho_stamp(18), 0x4b484f5000000012UL);
	KUNIT_EXPECT_TRUE(test, kho_is_stamp(kho_stamp(52)));
	KUNIT_EXPECT_EQ(test, kho_stamp_order(kho_stamp(52)), 52);
	KUNIT_EXPECT_FALSE(test, kho_is_stamp(0));
	KUNIT_EXPECT_FALSE(test, kho_is_stamp(0x4b484f50));
}

/* Preserve */

static bool kho_test_has(phys_addr_t phys, unsigned int order)
{
	unsigned long key = kho_radix_encode_key(phys, order), found;

	return kho_radix_next_key(&kho_out.tree, key, &found) && found == key;
}

static void kho_preserve_folio_test(struct kunit *test)
{
	kho_test_needs_outgoing(test);
	for (unsigned int order = 0; order <= 4; order++) {
		struct folio *folio = folio_alloc(GFP_KERNEL, order);
		phys_addr_t phys;

		KUNIT_ASSERT_NOT_NULL(test, folio);
		phys = PFN_PHYS(folio_pfn(folio));
		KUNIT_EXPECT_EQ(test, kho_preserve_folio(folio), 0);
		KUNIT_EXPECT_EQ(test, kho_preserve_folio(folio), 0);
		KUNIT_EXPECT_TRUE(test, kho_test_has(phys, order));
		KUNIT_EXPECT_EQ(test, folio_ref_count(folio), 1);
		kho_unpreserve_folio(folio);
		KUNIT_EXPECT_FALSE(test, kho_test_has(phys, order));
		folio_put(folio);
	}
}

static void kho_preserve_pages_test(struct kunit *test)
{
	struct page *page;
	phys_addr_t phys;

	kho_test_needs_outgoing(test);
	page = alloc_pages(GFP_KERNEL, 4);
	KUNIT_ASSERT_NOT_NULL(test, page);
	phys = page_to_phys(page);

	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page + 1, -1UL), -EINVAL);

	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page + 1, 14), 0);
	KUNIT_EXPECT_FALSE(test, kho_test_has(phys, 0));
	KUNIT_EXPECT_TRUE(test, kho_test_has(phys + PAGE_SIZE, 0));
	KUNIT_EXPECT_TRUE(test, kho_test_has(phys + 2 * PAGE_SIZE, 1));
	KUNIT_EXPECT_TRUE(test, kho_test_has(phys + 4 * PAGE_SIZE, 2));
	KUNIT_EXPECT_TRUE(test, kho_test_has(phys + 8 * PAGE_SIZE, 2));
	KUNIT_EXPECT_TRUE(test, kho_test_has(phys + 12 * PAGE_SIZE, 1));
	KUNIT_EXPECT_TRUE(test, kho_test_has(phys + 14 * PAGE_SIZE, 0));
	KUNIT_EXPECT_FALSE(test, kho_test_has(phys + 15 * PAGE_SIZE, 0));

	kho_unpreserve_pages(page + 1, 14);
	for (int i = 0; i < 16; i++)
		for (unsigned int order = 0; order <= __ffs(16 | i); order++)
			KUNIT_EXPECT_FALSE(test, kho_test_has(phys + i * PAGE_SIZE,
							      order));
	__free_pages(page, 4);
}

static void kho_preserve_refusals_test(struct kunit *test)
{
	struct page *page;
	void *slab;

	kho_test_needs_outgoing(test);
	slab = kmalloc(64, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, slab);
	KUNIT_EXPECT_EQ(test, kho_preserve_folio(virt_to_folio(slab)), -EINVAL);
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(virt_to_page(slab), 1), -EINVAL);
	kfree(slab);

	/* Beyond the end of memory. */
	page = pfn_to_page(max_pfn - 1);
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page, SZ_1T >> PAGE_SHIFT),
			-EINVAL);
}

static void kho_alloc_preserve_test(struct kunit *test)
{
	struct folio *folio;
	phys_addr_t phys;
	void *mem;

	kho_test_needs_outgoing(test);
	KUNIT_EXPECT_EQ(test, PTR_ERR(kho_alloc_preserve(0)), -EINVAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR(kho_alloc_preserve((PAGE_SIZE << MAX_PAGE_ORDER) + 1)),
			-E2BIG);

	mem = kho_alloc_preserve(PAGE_SIZE + 1);
	KUNIT_ASSERT_FALSE(test, IS_ERR(mem));
	folio = virt_to_folio(mem);
	phys = virt_to_phys(mem);
	KUNIT_EXPECT_EQ(test, folio_order(folio), 1);
	KUNIT_EXPECT_NULL(test, memchr_inv(mem, 0, 2 * PAGE_SIZE));
	KUNIT_EXPECT_TRUE(test, kho_test_has(phys, 1));
	kho_unpreserve_free(mem);
	KUNIT_EXPECT_FALSE(test, kho_test_has(phys, 1));
	kho_unpreserve_free(NULL);
	kho_restore_free(NULL);
}

static void kho_subtree_test(struct kunit *test)
{
	phys_addr_t phys;
	void *blob;

	kho_test_needs_outgoing(test);
	blob = kho_alloc_preserve(PAGE_SIZE);
	KUNIT_ASSERT_FALSE(test, IS_ERR(blob));

	KUNIT_EXPECT_EQ(test, kho_add_subtree(NULL, blob, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, kho_add_subtree("", blob, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, kho_add_subtree("a/b", blob, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, kho_add_subtree("kunit", NULL, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, kho_add_subtree("kunit", blob, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, kho_add_subtree("kunit", blob, 100), 0);
	KUNIT_EXPECT_EQ(test, kho_add_subtree("kunit", blob, 100), -EEXIST);
	kho_remove_subtree(blob);
	kho_remove_subtree(blob);
	KUNIT_EXPECT_EQ(test, kho_add_subtree("kunit", blob, 100), 0);
	kho_remove_subtree(blob);

	/* What goes out does not come in. */
	KUNIT_EXPECT_EQ(test, kho_retrieve_subtree("kunit", &phys, NULL),
			-ENOENT);
	kho_unpreserve_free(blob);
}

/* Fill the root FDT up, and see that it is whole and usable afterwards. */
static void kho_subtree_full_test(struct kunit *test)
{
	char name[] = "kunit-000";
	unsigned int nr, i;
	void *blobs;
	int err = 0;

	kho_test_needs_outgoing(test);
	blobs = kho_alloc_preserve(PAGE_SIZE);
	KUNIT_ASSERT_FALSE(test, IS_ERR(blobs));

	for (nr = 0; !err && nr < 999; nr++) {
		snprintf(name, sizeof(name), "kunit-%03u", nr);
		err = kho_add_subtree(name, blobs + nr, 1);
	}
	KUNIT_EXPECT_EQ(test, err, -ENOMEM);
	nr--;
	KUNIT_EXPECT_GT(test, nr, 30);
	KUNIT_EXPECT_EQ(test, kho_add_subtree("kunit-000", blobs, 1), -EEXIST);

	for (i = 0; i < nr; i++)
		kho_remove_subtree(blobs + i);
	KUNIT_EXPECT_EQ(test, kho_add_subtree("kunit-000", blobs, 1), 0);
	kho_remove_subtree(blobs);
	kho_unpreserve_free(blobs);
}

/* Restore */

/* A block of the previous kernel, as it is after kho_memory_init(). */
static struct page *kho_test_block(unsigned int order)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_ZERO, order);

	if (!page)
		return NULL;
	split_page(page, order);
	adjust_managed_page_count(page, -(1L << order));
	kho_stamp_page(page, order);
	return page;
}

static void kho_restore_folio_test(struct kunit *test)
{
	for (unsigned int order = 0; order <= 3; order++) {
		struct page *page = kho_test_block(order);
		struct folio *folio;
		phys_addr_t phys;

		KUNIT_ASSERT_NOT_NULL(test, page);
		phys = page_to_phys(page);
		KUNIT_EXPECT_NULL(test, kho_restore_folio(phys + 8));
		KUNIT_EXPECT_NULL(test, kho_restore_folio(phys + PAGE_SIZE));
		KUNIT_EXPECT_EQ(test, kho_restorable_order(phys + 8), -ENOENT);
		KUNIT_EXPECT_EQ(test, kho_restorable_order(phys), order);
		folio = kho_restore_folio(phys);
		KUNIT_ASSERT_NOT_NULL(test, folio);
		KUNIT_EXPECT_PTR_EQ(test, folio_page(folio, 0), page);
		KUNIT_EXPECT_EQ(test, folio_order(folio), order);
		KUNIT_EXPECT_EQ(test, folio_ref_count(folio), 1);
		KUNIT_EXPECT_NULL(test, kho_restore_folio(phys));
		KUNIT_EXPECT_EQ(test, kho_restorable_order(phys), -ENOENT);
		folio_put(folio);
	}
	KUNIT_EXPECT_NULL(test, kho_restore_folio(0));
	KUNIT_EXPECT_NULL(test, kho_restore_folio(PHYS_ADDR_MAX & PAGE_MASK));
}

static void kho_restore_pages_test(struct kunit *test)
{
	unsigned long managed = totalram_pages();
	struct page *page = kho_test_block(3);
	phys_addr_t phys;

	/* As if a node boundary was in the middle: 2 + 2 + 4. */
	KUNIT_ASSERT_NOT_NULL(test, page);
	phys = page_to_phys(page);
	kho_stamp_page(page, 1);
	kho_stamp_page(page + 2, 1);
	kho_stamp_page(page + 4, 2);

	KUNIT_EXPECT_FALSE(test, kho_range_is_stamped(phys, 0));
	KUNIT_EXPECT_FALSE(test, kho_range_is_stamped(phys, 9));
	KUNIT_EXPECT_NULL(test, kho_restore_pages(phys, 7));
	KUNIT_EXPECT_NULL(test, kho_restore_pages(phys, 3));
	KUNIT_EXPECT_NULL(test, kho_restore_pages(phys + PAGE_SIZE, 7));
	KUNIT_EXPECT_TRUE(test, kho_range_is_stamped(phys, 8));

	KUNIT_EXPECT_PTR_EQ(test, kho_restore_pages(phys, 8), page);
	KUNIT_EXPECT_NULL(test, kho_restore_pages(phys, 8));
	for (int i = 0; i < 8; i++) {
		KUNIT_EXPECT_EQ(test, page_ref_count(page + i), 1);
		KUNIT_EXPECT_EQ(test, page_private(page + i), 0);
		__free_page(page + i);
	}
	KUNIT_EXPECT_EQ(test, totalram_pages(), managed);
}

/* vmalloc */

#define KHO_TEST_BLOCKS	4

struct kho_test_area {
	struct kho_vmalloc kv;
	struct kho_vmalloc_chunk *chunk;
	struct page *blocks[KHO_TEST_BLOCKS];
};

static void kho_test_area_init(struct kunit *test, struct kho_test_area *area,
			       unsigned int order)
{
	struct page *page = kho_test_block(0);

	KUNIT_ASSERT_NOT_NULL(test, page);
	area->chunk = page_address(page);
	for (int i = 0; i < KHO_TEST_BLOCKS; i++) {
		page = kho_test_block(order);
		KUNIT_ASSERT_NOT_NULL(test, page);
		*(int *)page_address(page) = i;
		area->blocks[i] = page;
		area->chunk->phys[i] = page_to_phys(page);
	}
	area->kv = (struct kho_vmalloc){
		.first.phys = virt_to_phys(area->chunk),
		.total_pages = KHO_TEST_BLOCKS << order,
		.flags = KHO_VMALLOC_ALLOC | (order ? KHO_VMALLOC_HUGE_VMAP : 0),
		.order = order,
	};
}

static void kho_restore_vmalloc_test(struct kunit *test)
{
	for (unsigned int order = 0; order <= 2; order += 2) {
		unsigned long managed = totalram_pages();
		struct kho_test_area area;
		void *addr;

		kho_test_area_init(test, &area, order);
		addr = kho_restore_vmalloc(&area.kv);
		KUNIT_ASSERT_NOT_NULL(test, addr);
		for (int i = 0; i < KHO_TEST_BLOCKS; i++)
			KUNIT_EXPECT_EQ(test, *(int *)(addr + (i << order) * PAGE_SIZE), i);
		KUNIT_EXPECT_NULL(test, kho_restore_vmalloc(&area.kv));
		vfree(addr);
		KUNIT_EXPECT_EQ(test, totalram_pages(), managed);
	}
}

/* The same thing without a mapping. */
static void kho_page_list_restore_test(struct kunit *test)
{
	for (unsigned int order = 0; order <= 2; order += 2) {
		unsigned long managed = totalram_pages();
		struct kho_page_list_it it;
		struct kho_page_list list;
		struct kho_test_area area;
		struct page *page;
		int *mem;

		kho_test_area_init(test, &area, order);
		/* A chunk may end early, and the last one be empty. */
		page = kho_test_block(0);
		KUNIT_ASSERT_NOT_NULL(test, page);
		area.chunk->hdr.next.phys = page_to_phys(page);
		((struct kho_vmalloc_chunk *)page_address(page))->phys[0] =
			area.chunk->phys[KHO_TEST_BLOCKS - 1];
		area.chunk->phys[KHO_TEST_BLOCKS - 1] = 0;
		area.chunk = page_address(page);
		page = kho_test_block(0);
		KUNIT_ASSERT_NOT_NULL(test, page);
		area.chunk->hdr.next.phys = page_to_phys(page);

		KUNIT_ASSERT_EQ(test, kho_page_list_restore(&list, &area.kv), 0);
		kho_page_list_it_init(&it, &list);
		for (int i = 0; i < KHO_TEST_BLOCKS << order; i++) {
			mem = kho_page_list_it_next(&it);
			KUNIT_ASSERT_NOT_NULL(test, mem);
			if (IS_ALIGNED(i, 1 << order))
				KUNIT_EXPECT_EQ(test, *mem, i >> order);
		}
		KUNIT_EXPECT_NULL(test, kho_page_list_it_next(&it));
		KUNIT_EXPECT_NULL(test, kho_page_list_it_next(&it));
		KUNIT_EXPECT_EQ(test, kho_page_list_restore(&list, &area.kv), -EINVAL);
		kho_page_list_destroy(&list);
		KUNIT_EXPECT_EQ(test, totalram_pages(), managed);
		kho_page_list_destroy(&list);
	}
}

/* Whatever is wrong, nothing is taken, and a sound descriptor works later. */
static void kho_restore_vmalloc_bad_test(struct kunit *test)
{
	struct kho_page_list list;
	struct kho_test_area area;
	struct kho_vmalloc kv;
	u64 was;
	void *addr;

	kho_test_area_init(test, &area, 0);
#define KHO_TEST_BAD(what, change) do {					\
	kv = area.kv;							\
	change;								\
	KUNIT_EXPECT_NULL_MSG(test, kho_restore_vmalloc(&kv), what);	\
	KUNIT_EXPECT_EQ(test, kho_page_list_restore(&list, &kv),	\
			-EINVAL);					\
} while (0)
	KHO_TEST_BAD("no pages", kv.total_pages = 0);
	KHO_TEST_BAD("too few", kv.total_pages--);
	KHO_TEST_BAD("too many", kv.total_pages++);
	KHO_TEST_BAD("absurdly many", kv.total_pages = U32_MAX);
	KHO_TEST_BAD("order", kv.order = 1);
	KHO_TEST_BAD("absurd order", kv.order = U16_MAX);
	KHO_TEST_BAD("unknown flag", kv.flags |= 4);
	KHO_TEST_BAD("no flag", kv.flags = 0);
	KHO_TEST_BAD("no chunk", kv.first.phys = 0);
	KHO_TEST_BAD("unaligned chunk", kv.first.phys += 8);
	KHO_TEST_BAD("chunk not preserved",
		     kv.first.phys = virt_to_phys(test) & PAGE_MASK);
	KHO_TEST_BAD("chunk nowhere", kv.first.phys = ~0UL & PAGE_MASK);

	area.chunk->hdr.next.phys = virt_to_phys(area.chunk);
	KHO_TEST_BAD("cycle", kv.order = 0);
	area.chunk->hdr.next.phys = 1;
	KHO_TEST_BAD("next unaligned", kv.order = 0);
	area.chunk->hdr.next.phys = 0;

	was = area.chunk->phys[1];
	area.chunk->phys[1] = was + 1;
	KHO_TEST_BAD("block unaligned", kv.order = 0);
	area.chunk->phys[1] = area.chunk->phys[0];
	KHO_TEST_BAD("block twice", kv.order = 0);
	area.chunk->phys[1] = virt_to_phys(area.chunk);
	KHO_TEST_BAD("chunk is block", kv.order = 0);
	area.chunk->phys[1] = 0;
	KHO_TEST_BAD("ends early", kv.order = 0);
	area.chunk->phys[1] = was;
#undef KHO_TEST_BAD

	KUNIT_EXPECT_TRUE(test, kho_range_is_stamped(virt_to_phys(area.chunk), 1));
	for (int i = 0; i < KHO_TEST_BLOCKS; i++)
		KUNIT_EXPECT_TRUE(test, kho_range_is_stamped(page_to_phys(area.blocks[i]), 1));
	addr = kho_restore_vmalloc(&area.kv);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	vfree(addr);
}

static void kho_preserve_vmalloc_test(struct kunit *test)
{
	/* One chunk and a half. */
	const unsigned int nr = KHO_VMALLOC_SIZE * 3 / 2;
	const struct kho_vmalloc_chunk *first, *second;
	struct kho_vmalloc kv;
	phys_addr_t phys, chunk;
	void *addr;
	int on_stack;

	kho_test_needs_outgoing(test);
	KUNIT_EXPECT_EQ(test, kho_preserve_vmalloc(&on_stack, &kv),
			IS_ENABLED(CONFIG_VMAP_STACK) ? -EOPNOTSUPP : -EINVAL);
	KUNIT_EXPECT_EQ(test, kho_preserve_vmalloc(NULL, &kv), -EINVAL);

	addr = vmalloc(nr * PAGE_SIZE);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	KUNIT_ASSERT_EQ(test, kho_preserve_vmalloc(addr + 5, &kv), 0);
	KUNIT_EXPECT_EQ(test, kv.total_pages, nr);
	KUNIT_EXPECT_EQ(test, kv.flags, KHO_VMALLOC_ALLOC);
	KUNIT_EXPECT_EQ(test, kv.order, 0);

	chunk = kv.first.phys;
	first = phys_to_virt(chunk);
	KUNIT_EXPECT_TRUE(test, kho_test_has(chunk, 0));
	KUNIT_ASSERT_NE(test, first->hdr.next.phys, 0);
	second = phys_to_virt(first->hdr.next.phys);
	KUNIT_EXPECT_EQ(test, second->hdr.next.phys, 0);
	for (unsigned int i = 0; i < nr; i++) {
		phys = page_to_phys(vmalloc_to_page(addr + i * PAGE_SIZE));
		KUNIT_EXPECT_EQ(test, phys, i < KHO_VMALLOC_SIZE ?
				first->phys[i] : second->phys[i - KHO_VMALLOC_SIZE]);
		KUNIT_EXPECT_TRUE(test, kho_test_has(phys, 0));
	}

	kho_unpreserve_vmalloc(&kv);
	KUNIT_EXPECT_FALSE(test, kho_test_has(phys, 0));
	KUNIT_EXPECT_FALSE(test, kho_test_has(chunk, 0));
	KUNIT_EXPECT_EQ(test, kv.first.phys, 0);
	kho_unpreserve_vmalloc(&kv);
	vfree(addr);
}

/* One chunk and two pages. */
static void kho_page_list_test(struct kunit *test)
{
	const unsigned int nr = KHO_VMALLOC_SIZE + 2;
	const struct kho_vmalloc_chunk *first, *second;
	struct kho_page_list list = {};
	struct kho_page_list_it it;
	phys_addr_t phys;
	int *mem;

	kho_test_needs_outgoing(test);
	for (unsigned int i = 0; i < nr; i++) {
		mem = kho_page_list_append(&list);
		KUNIT_ASSERT_FALSE(test, IS_ERR(mem));
		*mem = i;
	}
	KUNIT_EXPECT_EQ(test, list.kv.total_pages, nr);
	KUNIT_EXPECT_EQ(test, list.kv.flags, KHO_VMALLOC_ALLOC);
	KUNIT_EXPECT_EQ(test, list.kv.order, 0);

	first = phys_to_virt(list.kv.first.phys);
	KUNIT_ASSERT_NE(test, first->hdr.next.phys, 0);
	second = phys_to_virt(first->hdr.next.phys);
	KUNIT_EXPECT_EQ(test, second->hdr.next.phys, 0);
	KUNIT_EXPECT_EQ(test, second->phys[2], 0);
	KUNIT_EXPECT_TRUE(test, kho_test_has(list.kv.first.phys, 0));
	KUNIT_EXPECT_TRUE(test, kho_test_has(first->hdr.next.phys, 0));

	kho_page_list_it_init(&it, &list);
	for (unsigned int i = 0; i < nr; i++) {
		mem = kho_page_list_it_next(&it);
		KUNIT_ASSERT_NOT_NULL(test, mem);
		KUNIT_EXPECT_EQ(test, *mem, i);
		phys = virt_to_phys(mem);
		KUNIT_EXPECT_TRUE(test, kho_test_has(phys, 0));
	}
	KUNIT_EXPECT_NULL(test, kho_page_list_it_next(&it));

	kho_page_list_destroy(&list);
	KUNIT_EXPECT_FALSE(test, kho_test_has(phys, 0));
	KUNIT_EXPECT_EQ(test, list.kv.first.phys, 0);
	kho_page_list_it_init(&it, &list);
	KUNIT_EXPECT_NULL(test, kho_page_list_it_next(&it));
}

/* Huge pages, if the machine has got some. */
static void kho_preserve_huge_vmalloc_test(struct kunit *test)
{
	const struct kho_vmalloc_chunk *chunk;
	struct kho_vmalloc kv;
	void *addr;

	kho_test_needs_outgoing(test);
	addr = vmalloc_huge(4 * PMD_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	KUNIT_ASSERT_EQ(test, kho_preserve_vmalloc(addr, &kv), 0);
	KUNIT_EXPECT_EQ(test, kv.flags,
			KHO_VMALLOC_ALLOC | KHO_VMALLOC_HUGE_VMAP);
	KUNIT_EXPECT_EQ(test, kv.total_pages, 4 * PMD_SIZE / PAGE_SIZE);
	chunk = KHOSER_LOAD_PTR(kv.first);
	KUNIT_EXPECT_TRUE(test, kho_test_has(chunk->phys[0], kv.order));
	if (kv.order)
		KUNIT_EXPECT_EQ(test, chunk->phys[4], 0);
	kho_unpreserve_vmalloc(&kv);
	vfree(addr);
}

static void kho_disabled_test(struct kunit *test)
{
	struct page *page;
	struct kho_vmalloc kv;
	phys_addr_t phys;

	if (kho_is_enabled())
		kunit_skip(test, "needs kho=off");
	page = alloc_page(GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_EXPECT_EQ(test, kho_preserve_folio(page_folio(page)), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page, 1), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, kho_preserve_vmalloc(page, &kv), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, PTR_ERR(kho_alloc_preserve(1)), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, kho_add_subtree("kunit", page_address(page), 1),
			-EOPNOTSUPP);
	kho_unpreserve_folio(page_folio(page));
	kho_unpreserve_pages(page, 1);
	kho_remove_subtree(page_address(page));
	KUNIT_EXPECT_EQ(test, kho_retrieve_subtree("kunit", &phys, NULL), -ENOENT);
	__free_page(page);
}

static struct kunit_case kho_core_cases[] = {
	KUNIT_CASE(kho_split_test),
	KUNIT_CASE(kho_stamp_test),
	KUNIT_CASE(kho_preserve_folio_test),
	KUNIT_CASE(kho_preserve_pages_test),
	KUNIT_CASE(kho_preserve_refusals_test),
	KUNIT_CASE(kho_alloc_preserve_test),
	KUNIT_CASE(kho_subtree_test),
	KUNIT_CASE(kho_subtree_full_test),
	KUNIT_CASE(kho_restore_folio_test),
	KUNIT_CASE(kho_restore_pages_test),
	KUNIT_CASE(kho_restore_vmalloc_test),
	KUNIT_CASE(kho_page_list_restore_test),
	KUNIT_CASE(kho_restore_vmalloc_bad_test),
	KUNIT_CASE(kho_preserve_vmalloc_test),
	KUNIT_CASE(kho_page_list_test),
	KUNIT_CASE(kho_preserve_huge_vmalloc_test),
	KUNIT_CASE(kho_disabled_test),
	{}
};

static struct kunit_suite kho_core_suite = {
	.name = "kho_core",
	.test_cases = kho_core_cases,
};

kunit_test_suite(kho_core_suite);

MODULE_DESCRIPTION("KUnit tests of kexec handover");
MODULE_LICENSE("GPL");
