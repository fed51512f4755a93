// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test of kexec handover, over a real kexec.
 *
 * In a kernel that got nothing from such a test: preserve folios of all orders
 * with random contents. In the next one: restore them, hold them against their
 * checksum, and free all of it. The format is shared with mainline's test, so that
 * either one can follow the other.
 *
 * Unloading the module takes back what was preserved.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/init.h>
#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/kho/abi/kexec_handover.h>
#include <linux/libfdt.h>
#include <linux/liveupdate_format.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/vmalloc.h>

#include <net/checksum.h>

#define KHO_TEST_NAME		"kho_test"
#define KHO_TEST_COMPATIBLE	"kho-test-v1"
#define KHO_TEST_MAGIC		0x4b484f21 /* "KHO!" */

liveupdate_format(kho_test, SUBTREE, KHO_TEST_COMPATIBLE);

static ulong max_mem = 2 * (PAGE_SIZE << MAX_PAGE_ORDER);
module_param(max_mem, ulong, 0444);
MODULE_PARM_DESC(max_mem, "bytes of memory to preserve");

/**
 * struct kho_test - what is preserved, or restored
 * @fdt: the blob
 * @info: address | order of each folio, in a vmalloc area
 * @info_preserved: descriptor of that area
 * @nr: number of folios
 * @csum: checksum over all of them
 */
struct kho_test {
	void *fdt;
	u64 *info;
	struct kho_vmalloc info_preserved;
	u32 nr;
	__wsum csum;
};

/* Valid as long as @fdt is not NULL. */
static struct kho_test kho_test_saved;

static struct folio *kho_test_folio(u64 info)
{
	return pfn_folio(PHYS_PFN(info));
}

static __wsum kho_test_csum(struct folio *folio, __wsum csum)
{
	return csum_partial(folio_address(folio), folio_size(folio), csum);
}

static void kho_test_drop_folios(struct kho_test *test)
{
	while (test->nr) {
		struct folio *folio = kho_test_folio(test->info[--test->nr]);

		kho_unpreserve_folio(folio);
		folio_put(folio);
	}
}

static int kho_test_add_folio(struct kho_test *test, size_t *left)
{
	unsigned int order = get_random_u32_below(MAX_PAGE_ORDER + 1);
	struct folio *folio;
	int err;

	do {
		folio = folio_alloc(GFP_KERNEL | __GFP_NOWARN, order);
	} while (!folio && order--);
	if (!folio)
		return -ENOMEM;

	err = kho_preserve_folio(folio);
	if (err) {
		folio_put(folio);
		return err;
	}

	get_random_bytes(folio_address(folio), folio_size(folio));
	test->csum = kho_test_csum(folio, test->csum);
	test->info[test->nr++] = PFN_PHYS(folio_pfn(folio)) | folio_order(folio);
	*left -= min(*left, folio_size(folio));
	return 0;
}

static int kho_test_describe(const struct kho_test *test)
{
	const u32 magic = KHO_TEST_MAGIC;
	void *fdt = test->fdt;
	int err;

	err = fdt_create(fdt, PAGE_SIZE);
	err = err ?: fdt_finish_reservemap(fdt);
	err = err ?: fdt_begin_node(fdt, "");
	err = err ?: fdt_property_string(fdt, "compatible", KHO_TEST_COMPATIBLE);
	err = err ?: fdt_property(fdt, "magic", &magic, sizeof(magic));
	err = err ?: fdt_begin_node(fdt, "data");
	err = err ?: fdt_property(fdt, "nr_folios", &test->nr, sizeof(test->nr));
	err = err ?: fdt_property(fdt, "folios_info", &test->info_preserved,
				  sizeof(test->info_preserved));
	err = err ?: fdt_property(fdt, "csum", &test->csum, sizeof(test->csum));
	err = err ?: fdt_end_node(fdt);
	err = err ?: fdt_end_node(fdt);
	err = err ?: fdt_finish(fdt);
	return err ? -ENOMEM : 0;
}

static int kho_test_save(struct kho_test *test)
{
	size_t left = max_mem;
	void *fdt;
	int err;

	/* As if all were of order 0. */
	test->info = vcalloc(DIV_ROUND_UP(max_mem, PAGE_SIZE), sizeof(*test->info));
	if (!test->info)
		return -ENOMEM;
	while (left) {
		err = kho_test_add_folio(test, &left);
		if (err)
			goto err_folios;
	}
	err = kho_preserve_vmalloc(test->info, &test->info_preserved);
	if (err)
		goto err_folios;

	fdt = kho_alloc_preserve(PAGE_SIZE);
	if (IS_ERR(fdt)) {
		err = PTR_ERR(fdt);
		goto err_info;
	}
	test->fdt = fdt;
	err = kho_test_describe(test);
	if (err)
		goto err_fdt;
	err = kho_add_subtree(KHO_TEST_NAME, fdt, fdt_totalsize(fdt));
	if (err)
		goto err_fdt;

	pr_info("preserved %u folios\n", test->nr);
	return 0;

err_fdt:
	kho_unpreserve_free(test->fdt);
	test->fdt = NULL;
err_info:
	kho_unpreserve_vmalloc(&test->info_preserved);
err_folios:
	kho_test_drop_folios(test);
	vfree(test->info);
	return err;
}

static void kho_test_unsave(struct kho_test *test)
{
	if (!test->fdt)
		return;
	kho_remove_subtree(test->fdt);
	kho_unpreserve_free(test->fdt);
	kho_unpreserve_vmalloc(&test->info_preserved);
	kho_test_drop_folios(test);
	vfree(test->info);
}

static bool kho_test_prop(const void *fdt, int node, const char *name,
			  void *val, int size)
{
	const void *prop;
	int len;

	prop = fdt_getprop(fdt, node, name, &len);
	if (!prop || len != size)
		return false;
	memcpy(val, prop, size);
	return true;
}

static bool kho_test_parse(const void *fdt, size_t size, struct kho_test *test)
{
	u32 magic;
	int node;

	if (size < sizeof(struct fdt_header) || fdt_check_header(fdt) ||
	    fdt_totalsize(fdt) > size ||
	    fdt_node_check_compatible(fdt, 0, KHO_TEST_COMPATIBLE) ||
	    !kho_test_prop(fdt, 0, "magic", &magic, sizeof(magic)) ||
	    magic != KHO_TEST_MAGIC)
		return false;

	node = fdt_subnode_offset(fdt, 0, "data");
	return node >= 0 &&
	       kho_test_prop(fdt, node, "nr_folios", &test->nr,
			     sizeof(test->nr)) &&
	       kho_test_prop(fdt, node, "folios_info", &test->info_preserved,
			     sizeof(test->info_preserved)) &&
	       kho_test_prop(fdt, node, "csum", &test->csum, sizeof(test->csum));
}

/* Take all folios, whatever is wrong with any, so that none is left behind. */
static bool kho_test_verify(const struct kho_test *test)
{
	__wsum csum = 0;
	bool ok = true;

	for (u32 i = 0; i < test->nr; i++) {
		phys_addr_t phys = test->info[i] & PAGE_MASK;
		unsigned int order = test->info[i] & ~PAGE_MASK;
		struct folio *folio = kho_restore_folio(phys);

		if (!folio) {
			ok = false;
			continue;
		}
		if (folio_order(folio) != order) {
			pr_err("folio %u has order %u, not %u\n", i,
			       folio_order(folio), order);
			ok = false;
		}
		csum = kho_test_csum(folio, csum);
		folio_put(folio);
	}
	return ok && csum == test->csum;
}

static bool kho_test_restore(phys_addr_t phys, size_t size)
{
	struct kho_test test = {};
	struct folio *folio;
	bool ok;

	/* First of all, it is only ours if it was not restored before. */
	folio = kho_restore_folio(phys);
	if (!folio)
		return false;
	ok = size <= folio_size(folio) &&
	     kho_test_parse(folio_address(folio), size, &test);
	folio_put(folio);
	if (!ok)
		return false;

	test.info = kho_restore_vmalloc(&test.info_preserved);
	if (!test.info)
		return false;
	ok = test.nr <= ((u64)test.info_preserved.total_pages << PAGE_SHIFT) /
			sizeof(*test.info);
	ok = ok && kho_test_verify(&test);
	vfree(test.info);
	return ok;
}

static int __init kho_test_init(void)
{
	phys_addr_t phys;
	size_t size;
	int err;

	if (!kho_is_enabled())
		return 0;

	err = kho_retrieve_subtree(KHO_TEST_NAME, &phys, &size);
	if (err == -ENOENT)
		return kho_test_save(&kho_test_saved);

	if (!err && kho_test_restore(phys, size)) {
		pr_info("KHO restore succeeded\n");
		return 0;
	}
	pr_err("KHO restore failed\n");
	return err ?: -EINVAL;
}
module_init(kho_test_init);

static void __exit kho_test_exit(void)
{
	kho_test_unsave(&kho_test_saved);
}
module_exit(kho_test_exit);

MODULE_DESCRIPTION("Test of kexec handover");
MODULE_LICENSE("GPL");
