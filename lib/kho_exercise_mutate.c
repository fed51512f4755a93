// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exerciser of kexec handover: damages to the handover, by name.
 *
 * One is chosen by the verb "mutate" and done by a reboot notifier: after the image
 * was loaded, before the jump. The next kernel has to reject the handover, and to
 * say why. Root FDT and tree are damaged where they are; scratch array and
 * setup_data are part of the loaded image, so its source pages are, and the
 * purgatory is made to check nothing.
 *
 * What cannot be done, for lack of a second node for instance, is said in the log
 * and nothing is damaged.
 */

#define pr_fmt(fmt) "kho_exercise: " fmt

#include <linux/efi.h>
#include <linux/init.h>
#include <linux/io.h>
#include <linux/kexec.h>
#include <linux/kho/abi/block.h>
#include <linux/kho/abi/kexec_handover.h>
#include <linux/kho/abi/kexec_metadata.h>
#include <linux/kho/abi/memblock.h>
#include <linux/kho_radix_tree.h>
#include <linux/libfdt.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/purgatory.h>
#include <linux/reboot.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include <asm/kexec_handover.h>
#include <asm/setup_data.h>

#include "../kernel/liveupdate/kho_internal.h"
#include "kho_exercise.h"

struct ex_mutation {
	const char *name;
	int (*fn)(unsigned long arg);
	unsigned long arg;
};

static const struct ex_mutation *ex_pending;

#define EX_NOT_RAM	BIT_ULL(45)

/* Root FDT */

static int ex_set_header(void *fdt, unsigned long offset_and_value)
{
	__be32 *word = fdt + (offset_and_value >> 32);

	if (!fdt)
		return -ENOENT;
	*word = cpu_to_be32(lower_32_bits(offset_and_value));
	return 0;
}

static int ex_fdt_header(unsigned long offset_and_value)
{
	return ex_set_header(kho_out.fdt, offset_and_value);
}

#define EX_FDT(field, value) \
	(offsetof(struct fdt_header, field) << 32 | (u32)(value))

static struct fdt_property *ex_fdt_prop(int node, const char *name)
{
	return (struct fdt_property *)fdt_get_property(kho_out.fdt, node, name, NULL);
}

static struct fdt_property *ex_fdt_map(void)
{
	return ex_fdt_prop(0, KHO_FDT_MEMORY_MAP_PROP_NAME);
}

static int ex_fdt_map_len(unsigned long len)
{
	ex_fdt_map()->len = cpu_to_be32(len);
	return 0;
}

static int ex_fdt_map_nameoff(unsigned long off)
{
	ex_fdt_map()->nameoff = cpu_to_be32(off);
	return 0;
}

/* A second "compatible" in place of the map. */
static int ex_fdt_no_map(unsigned long unused)
{
	ex_fdt_map()->nameoff = ex_fdt_prop(0, "compatible")->nameoff;
	return 0;
}

static int ex_fdt_map_value(unsigned long value)
{
	memcpy(ex_fdt_map()->data, &value, sizeof(value));
	return 0;
}

static int ex_fdt_compatible(unsigned long digit)
{
	ex_fdt_prop(0, "compatible")->data[strlen("kho-v")] = digit;
	return 0;
}

/* Run the name of the first child into what follows, to the end of the page. */
static int ex_fdt_name(unsigned long fill)
{
	int node = fdt_first_subnode(kho_out.fdt, 0);
	char *name = (char *)fdt_get_name(kho_out.fdt, node, NULL);

	memset(name, fill, kho_out.fdt + PAGE_SIZE - (void *)name);
	return 0;
}

/* The tag that begins the first child. */
static int ex_fdt_tag(unsigned long tag)
{
	int node = fdt_first_subnode(kho_out.fdt, 0);

	*(__be32 *)(kho_out.fdt + fdt_off_dt_struct(kho_out.fdt) + node) =
		cpu_to_be32(tag);
	return 0;
}

static int ex_fdt_unpreserve(unsigned long unused)
{
	kho_unpreserve_pages(virt_to_page(kho_out.fdt), 1);
	return 0;
}

/* What only the consumer's subtree suffers from */

static int ex_child_prop(const char *child, const char *name, u64 value)
{
	int node = fdt_subnode_offset(kho_out.fdt, 0, child);

	if (node < 0)
		return -ENOENT;
	memcpy(ex_fdt_prop(node, name)->data, &value, sizeof(value));
	return 0;
}

static int ex_child_addr(unsigned long addr)
{
	return ex_child_prop(EX_SUBTREE, KHO_SUB_TREE_PROP_NAME, addr);
}

static int ex_child_size(unsigned long size)
{
	return ex_child_prop(EX_SUBTREE, KHO_SUB_TREE_SIZE_PROP_NAME, size);
}

static int ex_child_prop_len(unsigned long len)
{
	int node = fdt_subnode_offset(kho_out.fdt, 0, EX_SUBTREE);

	if (node < 0)
		return -ENOENT;
	/* Only the name changes: the structure stays sound. */
	ex_fdt_prop(node, KHO_SUB_TREE_SIZE_PROP_NAME)->nameoff =
		ex_fdt_prop(node, KHO_SUB_TREE_PROP_NAME)->nameoff;
	return 0;
}

static struct ex_manifest *ex_manifest(void)
{
	return ex_manifest_phys() ? phys_to_virt(ex_manifest_phys()) : NULL;
}

static int ex_items_head(unsigned long head)
{
	if (!ex_manifest())
		return -ENOENT;
	ex_manifest()->items = head;
	return 0;
}

static int ex_items_cycle(unsigned long unused)
{
	struct kho_block_header_ser *ser;

	if (!ex_manifest())
		return -ENOENT;
	ser = phys_to_virt(ex_manifest()->items);
	ser->next = ex_manifest()->items;
	return 0;
}

static int ex_items_count(unsigned long count)
{
	struct kho_block_header_ser *ser;

	if (!ex_manifest())
		return -ENOENT;
	ser = phys_to_virt(ex_manifest()->items);
	ser->count = count;
	return 0;
}

/* What other consumers suffer from: the metadata, reserve_mem=, lib/test_kho.c */

static void *ex_blob(const char *child)
{
	int node = fdt_subnode_offset(kho_out.fdt, 0, child);
	u64 phys;

	if (node < 0)
		return NULL;
	memcpy(&phys, ex_fdt_prop(node, KHO_SUB_TREE_PROP_NAME)->data, sizeof(phys));
	return phys_to_virt(phys);
}

static int ex_test_addr(unsigned long addr)
{
	return ex_child_prop("kho_test", KHO_SUB_TREE_PROP_NAME, addr);
}

static int ex_metadata_addr(unsigned long addr)
{
	return ex_child_prop(KHO_METADATA_NODE_NAME, KHO_SUB_TREE_PROP_NAME, addr);
}

static int ex_metadata_size(unsigned long size)
{
	return ex_child_prop(KHO_METADATA_NODE_NAME, KHO_SUB_TREE_SIZE_PROP_NAME, size);
}

static int ex_metadata_version(unsigned long version)
{
	struct kho_kexec_metadata *data = ex_blob(KHO_METADATA_NODE_NAME);

	if (!data)
		return -ENOENT;
	data->version = version;
	return 0;
}

static int ex_metadata_endless(unsigned long fill)
{
	struct kho_kexec_metadata *data = ex_blob(KHO_METADATA_NODE_NAME);

	if (!data)
		return -ENOENT;
	memset(data->previous_release, fill, sizeof(data->previous_release));
	return 0;
}

static int ex_regions_header(unsigned long offset_and_value)
{
	return ex_set_header(ex_blob(MEMBLOCK_KHO_FDT), offset_and_value);
}

static struct fdt_property *ex_regions_prop(const char *region, const char *name)
{
	void *fdt = ex_blob(MEMBLOCK_KHO_FDT);
	int node = -1;

	if (fdt)
		node = region ? fdt_subnode_offset(fdt, 0, region) : 0;
	if (node < 0)
		return NULL;
	return (struct fdt_property *)fdt_get_property(fdt, node, name, NULL);
}

static int ex_regions_format(unsigned long digit)
{
	struct fdt_property *prop = ex_regions_prop(NULL, "compatible");

	if (!prop)
		return -ENOENT;
	prop->data[strlen("memblock-v")] = digit;
	return 0;
}

static int ex_region_value(const char *name, u64 value)
{
	struct fdt_property *prop = ex_regions_prop("lu_one", name);

	if (!prop)
		return -ENOENT;
	memcpy(prop->data, &value, sizeof(value));
	return 0;
}

static int ex_region_start(unsigned long start)
{
	return ex_region_value(RESERVE_MEM_KHO_START_PROP_NAME, start);
}

static int ex_region_size(unsigned long size)
{
	return ex_region_value(RESERVE_MEM_KHO_SIZE_PROP_NAME, size);
}

static int ex_region_prop_len(unsigned long len)
{
	struct fdt_property *prop;

	prop = ex_regions_prop("lu_one", RESERVE_MEM_KHO_SIZE_PROP_NAME);
	if (!prop)
		return -ENOENT;
	/* Of the same length in the structure: that one stays sound. */
	prop->len = cpu_to_be32(len);
	return 0;
}

/* The second one begins where the first one does. */
static int ex_region_twice(unsigned long unused)
{
	struct fdt_property *one, *two;

	one = ex_regions_prop("lu_one", RESERVE_MEM_KHO_START_PROP_NAME);
	two = ex_regions_prop("lu_two", RESERVE_MEM_KHO_START_PROP_NAME);
	if (!one || !two)
		return -ENOENT;
	memcpy(two->data, one->data, sizeof(u64));
	return 0;
}

/* The second one is in the middle of a folio that is someone else's. */
static int ex_region_inside(unsigned long order)
{
	struct fdt_property *two = ex_regions_prop("lu_two", RESERVE_MEM_KHO_START_PROP_NAME);
	struct kho_block_header_ser *ser;
	struct ex_item_ser *item;
	u64 start;

	if (!two || !ex_manifest())
		return -ENOENT;
	ser = phys_to_virt(ex_manifest()->items);
	for (item = (void *)(ser + 1); item->order != order; item++)
		if (item->kind)
			return -ENOENT;
	start = item->phys + PAGE_SIZE;
	memcpy(two->data, &start, sizeof(start));
	return 0;
}

static int ex_region_name(unsigned long letter)
{
	void *fdt = ex_blob(MEMBLOCK_KHO_FDT);
	int node = fdt ? fdt_subnode_offset(fdt, 0, "lu_one") : -1;

	if (node < 0)
		return -ENOENT;
	*(char *)fdt_get_name(fdt, node, NULL) = letter;
	return 0;
}

/* Firmware: a table in memory that may have become someone else's has another length. */
static int ex_efi_memattr(unsigned long num_entries)
{
	efi_memory_attributes_table_t *table;

	if (!efi_enabled(EFI_MEM_ATTR))
		return -ENODEV;
	table = phys_to_virt(efi_mem_attr_table);
	table->num_entries = num_entries;
	return 0;
}

/* Tree */

static u64 ex_scratch_page(void)
{
	return kho_scratch[0].addr;
}

static int ex_tree_root(unsigned long how)
{
	u64 root = virt_to_phys(kho_out.tree.root);

	if (how == 'u')
		root += 8;
	else if (how == 's')
		root = ex_scratch_page();
	else
		root = how;
	return ex_fdt_map_value(root);
}

/* The lowest table on the way to the root FDT, and what leads to the leaf. */
static u64 *ex_tree_entry(void)
{
	unsigned long key = kho_radix_encode_key(virt_to_phys(kho_out.fdt), 0);
	struct kho_radix_node *node = kho_out.tree.root;
	unsigned int level, shift;
	u64 *entry = NULL;

	for (level = KHO_TREE_MAX_DEPTH - 1; level; level--) {
		if (entry)
			node = phys_to_virt(*entry);
		shift = (level - 1) * KHO_TABLE_SIZE_LOG2 + KHO_BITMAP_SIZE_LOG2;
		entry = &node->table[(key >> shift) % (1 << KHO_TABLE_SIZE_LOG2)];
	}
	return entry;
}

static int ex_tree_node(unsigned long how)
{
	u64 *entry = ex_tree_entry();

	if (how == 'u')
		*entry += 16;
	else if (how == 's')
		*entry = ex_scratch_page();
	else if (how == 'c')
		*entry = virt_to_phys(kho_out.tree.root);
	else if (how == 't')
		entry[1] = *entry;
	else
		*entry = how;
	return 0;
}

static int ex_tree_wide(unsigned long index)
{
	u64 *table = kho_out.tree.root->table;

	swap(table[2], table[index]);
	return 0;
}

static int ex_block(phys_addr_t phys, unsigned int order)
{
	return kho_radix_add_key(&kho_out.tree, kho_radix_encode_key(phys, order));
}

static int ex_block_not_ram(unsigned long order)
{
	return ex_block(EX_NOT_RAM, order);
}

static int ex_block_in_scratch(unsigned long order)
{
	return ex_block(round_down(ex_scratch_page(), PAGE_SIZE << order), order);
}

/* Memory of our own: there is nothing else that it could overlap. */
static int ex_block_overlap(unsigned long order)
{
	struct page *page = alloc_pages(GFP_KERNEL, order);

	if (!page)
		return -ENOMEM;
	return ex_block(page_to_phys(page), 0) ?: ex_block(page_to_phys(page), order);
}

static int ex_block_is_node(unsigned long order)
{
	return ex_block(round_down(virt_to_phys(kho_out.tree.root),
				   PAGE_SIZE << order), order);
}

static int ex_block_key(unsigned long key)
{
	return kho_radix_add_key(&kho_out.tree, key);
}

static int ex_block_spans(unsigned long unused)
{
	unsigned long pfn = node_end_pfn(0);
	unsigned int order = __ffs(pfn);

	if (num_online_nodes() < 2 || pfn_to_nid(pfn) == 0)
		return -ENODEV;
	/* As small as can be: from the middle on it is the other node. */
	for (order = 1; order < 20; order++) {
		unsigned long start = round_down(pfn, 1UL << order);

		if (start < pfn)
			return ex_block(PFN_PHYS(start), order);
	}
	return -ENODEV;
}

/* The loaded image */

static struct page *ex_source_page(unsigned long dest)
{
	unsigned long at = 0, entry, *p = &kexec_image->head;

	for (entry = *p; !(entry & IND_DONE); entry = *p) {
		unsigned long addr = entry & PAGE_MASK;

		p++;
		if (entry & IND_INDIRECTION) {
			p = phys_to_virt(addr);
		} else if (entry & IND_DESTINATION) {
			at = addr;
		} else if (entry & IND_SOURCE) {
			if (at == dest)
				return pfn_to_page(PHYS_PFN(addr));
			at += PAGE_SIZE;
		}
	}
	return NULL;
}

/* Copy from the image, or to it. What is not there reads as zeros. */
static void ex_image(unsigned long dest, void *buf, size_t len, bool write)
{
	while (len) {
		size_t n = min_t(size_t, len, PAGE_SIZE - offset_in_page(dest));
		struct page *page = ex_source_page(dest & PAGE_MASK);

		if (page && write)
			memcpy(page_address(page) + offset_in_page(dest), buf, n);
		else if (page)
			memcpy(buf, page_address(page) + offset_in_page(dest), n);
		else if (!write)
			memset(buf, 0, n);
		dest += n;
		buf += n;
		len -= n;
	}
}

/* Where in a segment are these bytes? Aligned to 4, segments are in one piece. */
static unsigned long ex_image_find(const struct kexec_segment *seg, const void *what,
				   size_t len)
{
	unsigned long at;
	char buf[64];

	for (at = seg->mem; at + len <= seg->mem + seg->memsz; at += 4) {
		struct page *page = ex_source_page(at & PAGE_MASK);

		/* Most of it is decided by the first word. */
		if (!page || *(u32 *)(page_address(page) + offset_in_page(at)) !=
			     *(u32 *)what)
			continue;
		ex_image(at, buf, len, false);
		if (!memcmp(buf, what, len))
			return at;
	}
	return 0;
}

static const struct kexec_segment *ex_segment_of(unsigned long addr)
{
	for (unsigned long i = 0; i < kexec_image->nr_segments; i++) {
		const struct kexec_segment *seg = &kexec_image->segment[i];

		if (addr >= seg->mem && addr < seg->mem + seg->memsz)
			return seg;
	}
	return NULL;
}

/* The hash of nothing, of no region. The digest follows the table of regions. */
static int ex_defuse_purgatory(void)
{
	static u8 nothing[] = {
		0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4,
		0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b,
		0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
	};
	static struct kexec_sha_region none[KEXEC_SEGMENT_MAX];
	const struct kexec_segment *purgatory = ex_segment_of(kexec_image->start);
	const struct kexec_segment *first = &kexec_image->segment[0];
	struct kexec_sha_region region;
	unsigned long regions;

	if (!purgatory)
		return -ENOENT;
	if (first == purgatory)
		first++;
	region.start = first->mem;
	region.len = first->memsz;
	regions = ex_image_find(purgatory, &region, sizeof(region));
	if (!regions)
		return -ENOENT;
	ex_image(regions, none, sizeof(none), true);
	ex_image(regions + sizeof(none), nothing, sizeof(nothing), true);
	return 0;
}

/* Where struct kho_data is in the image. */
static unsigned long ex_kho_data(struct kho_data *data)
{
	unsigned long i, at;

	*data = (struct kho_data) {
		.fdt_addr = kexec_image->kho.fdt,
		.fdt_size = PAGE_SIZE,
		.scratch_addr = kexec_image->kho.scratch,
		.scratch_size = kexec_image->kho.scratch_len,
	};
	for (i = 0; i < kexec_image->nr_segments; i++) {
		if (kexec_image->segment[i].memsz > SZ_64K)
			continue;
		at = ex_image_find(&kexec_image->segment[i], data, sizeof(*data));
		if (at)
			return at;
	}
	return 0;
}

enum { EX_FDT_ADDR, EX_FDT_SIZE, EX_SCRATCH_ADDR, EX_SCRATCH_SIZE };

static int ex_setup_data(unsigned long field, u64 value)
{
	struct kho_data data;
	unsigned long at;

	if (!kexec_image)
		return -ENOENT;
	at = ex_kho_data(&data);
	if (!at)
		return -ENOENT;
	ex_image(at + field * sizeof(u64), &value, sizeof(value), true);
	return ex_defuse_purgatory();
}

/* The length of the entry, the last field of its header. */
static int ex_setup_len(unsigned long len)
{
	struct kho_data data;
	u32 value = len;
	unsigned long at;

	if (!kexec_image)
		return -ENOENT;
	at = ex_kho_data(&data);
	if (!at)
		return -ENOENT;
	ex_image(at - sizeof(value), &value, sizeof(value), true);
	return ex_defuse_purgatory();
}

static int ex_fdt_addr(unsigned long addr)
{
	return ex_setup_data(EX_FDT_ADDR, addr);
}

static int ex_fdt_addr_in_scratch(unsigned long unused)
{
	u64 addr = ex_scratch_page();
	struct page *page = pfn_to_page(PHYS_PFN(addr));

	/* The real one, where it may be overwritten at any time. */
	memcpy(page_address(page), kho_out.fdt, PAGE_SIZE);
	return ex_setup_data(EX_FDT_ADDR, addr);
}

static int ex_fdt_size(unsigned long size)
{
	return ex_setup_data(EX_FDT_SIZE, size);
}

static int ex_scratch_addr(unsigned long addr)
{
	return ex_setup_data(EX_SCRATCH_ADDR, addr);
}

static int ex_scratch_size(unsigned long size)
{
	return ex_setup_data(EX_SCRATCH_SIZE, size);
}

/* The array, but where it may be overwritten at any time. */
static int ex_scratch_array_outside(unsigned long unused)
{
	size_t len = kexec_image ? kexec_image->kho.scratch_len : 0;
	struct page *page = alloc_page(GFP_KERNEL);

	if (!page || !len || len > PAGE_SIZE)
		return -ENOENT;
	ex_image(kexec_image->kho.scratch, page_address(page), len, false);
	return ex_setup_data(EX_SCRATCH_ADDR, page_to_phys(page));
}

/* Nothing but what is around the array: no kernel fits in there. */
static int ex_scratch_no_kernel(unsigned long unused)
{
	const size_t size = PAGE_SIZE << MAX_PAGE_ORDER;
	struct kho_scratch area = {};
	unsigned long at, i;

	if (!kexec_image || !kexec_image->kho.scratch)
		return -ENOENT;
	at = kexec_image->kho.scratch;
	for (i = 0; i < kexec_image->kho.scratch_len / sizeof(area); i++) {
		area.addr = i ? 0 : round_down(at, size);
		area.size = i ? 0 : size;
		ex_image(at + i * sizeof(area), &area, sizeof(area), true);
	}
	return ex_defuse_purgatory();
}

/* Entries of the array: @arg is one of the letters in ex_mutations[]. */
static int ex_scratch_entry(unsigned long arg)
{
	struct kho_scratch area[2];
	unsigned long at;

	if (!kexec_image || !kexec_image->kho.scratch)
		return -ENOENT;
	at = kexec_image->kho.scratch;
	if (kexec_image->kho.scratch_len < sizeof(area))
		return -ENODEV;
	ex_image(at, area, sizeof(area), false);
	switch (arg) {
	case 'a':
		area[1].addr += PAGE_SIZE;
		break;
	case 's':
		area[1].size += PAGE_SIZE;
		break;
	case 'r':
		area[1].addr = EX_NOT_RAM;
		break;
	case 'w':
		area[1].size = -area[1].addr + (PAGE_SIZE << MAX_PAGE_ORDER);
		break;
	case 'o':
		area[1] = area[0];
		break;
	case 'z':
		memset(area, 0, sizeof(area));
		for (unsigned long i = 2; i < kexec_image->kho.scratch_len / sizeof(*area); i++)
			ex_image(at + i * sizeof(*area), area, sizeof(*area), true);
		break;
	}
	ex_image(at, area, sizeof(area), true);
	return ex_defuse_purgatory();
}

static const struct ex_mutation ex_mutations[] = {
	{ "fdt_magic", ex_fdt_header, EX_FDT(magic, 0xfeedd00d) },
	{ "fdt_totalsize_0", ex_fdt_header, EX_FDT(totalsize, 0) },
	{ "fdt_totalsize_huge", ex_fdt_header, EX_FDT(totalsize, 0x7ffffff0) },
	{ "fdt_struct_offset", ex_fdt_header, EX_FDT(off_dt_struct, 0xfffffff0) },
	{ "fdt_struct_size", ex_fdt_header, EX_FDT(size_dt_struct, 0x10000) },
	{ "fdt_strings_size", ex_fdt_header, EX_FDT(size_dt_strings, 0x7fffffff) },
	{ "fdt_version", ex_fdt_header, EX_FDT(version, 99) },
	{ "fdt_name_endless", ex_fdt_name, 'x' },
	{ "fdt_name_empty", ex_fdt_name, 0 },
	{ "fdt_tag", ex_fdt_tag, 0x77 },
	{ "fdt_tag_end", ex_fdt_tag, FDT_END },
	{ "fdt_prop_len_huge", ex_fdt_map_len, 0xffffffff },
	{ "fdt_prop_len_short", ex_fdt_map_len, 5 },
	{ "fdt_prop_name", ex_fdt_map_nameoff, 0x7fffffff },
	{ "fdt_no_map", ex_fdt_no_map, 0 },
	{ "fdt_map_null", ex_fdt_map_value, 0 },
	{ "fdt_format", ex_fdt_compatible, '3' },
	{ "fdt_not_preserved", ex_fdt_unpreserve, 0 },
	{ "fdt_addr_not_ram", ex_fdt_addr, EX_NOT_RAM },
	{ "fdt_addr_unaligned", ex_fdt_addr, 0x1000008 },
	{ "fdt_addr_in_scratch", ex_fdt_addr_in_scratch, 0 },
	{ "fdt_size_short", ex_fdt_size, SZ_2K },
	{ "fdt_size_huge", ex_fdt_size, ~0UL },

	{ "tree_root_not_ram", ex_tree_root, EX_NOT_RAM },
	{ "tree_root_unaligned", ex_tree_root, 'u' },
	{ "tree_root_in_scratch", ex_tree_root, 's' },
	{ "tree_node_not_ram", ex_tree_node, EX_NOT_RAM },
	{ "tree_node_unaligned", ex_tree_node, 'u' },
	{ "tree_node_in_scratch", ex_tree_node, 's' },
	{ "tree_node_cyclic", ex_tree_node, 'c' },
	{ "tree_node_shared", ex_tree_node, 't' },
	{ "tree_key_too_wide", ex_tree_wide, 4 },
	{ "block_not_ram", ex_block_not_ram, 0 },
	{ "block_not_ram_huge", ex_block_not_ram, 18 },
	{ "block_in_scratch", ex_block_in_scratch, 0 },
	{ "block_around_scratch", ex_block_in_scratch, 10 },
	{ "block_overlap", ex_block_overlap, 1 },
	{ "block_is_node", ex_block_is_node, 0 },
	{ "block_order", ex_block_key, 1 },
	{ "block_key_0", ex_block_key, 0 },
	{ "block_spans_nodes", ex_block_spans, 0 },

	{ "scratch_unaligned", ex_scratch_entry, 'a' },
	{ "scratch_size_unaligned", ex_scratch_entry, 's' },
	{ "scratch_not_ram", ex_scratch_entry, 'r' },
	{ "scratch_wraps", ex_scratch_entry, 'w' },
	{ "scratch_overlap", ex_scratch_entry, 'o' },
	{ "scratch_empty", ex_scratch_entry, 'z' },
	{ "scratch_count_0", ex_scratch_size, 0 },
	{ "scratch_count_huge", ex_scratch_size, 1UL << 40 },
	{ "scratch_count_many", ex_scratch_size, 1000 * sizeof(struct kho_scratch) },
	{ "scratch_length", ex_scratch_size, sizeof(struct kho_scratch) + 8 },
	{ "scratch_addr_not_ram", ex_scratch_addr, EX_NOT_RAM },
	{ "scratch_addr_unaligned", ex_scratch_addr, 0x1000004 },
	{ "scratch_array_outside", ex_scratch_array_outside, 0 },
	{ "scratch_no_kernel", ex_scratch_no_kernel, 0 },
	{ "setup_short", ex_setup_len, sizeof(struct kho_data) - 1 },

	{ "child_not_ram", ex_child_addr, EX_NOT_RAM },
	{ "child_not_preserved", ex_child_addr, 0x1000 },
	{ "child_size", ex_child_size, 1UL << 40 },
	{ "child_no_size", ex_child_prop_len, 0 },
	{ "items_not_ram", ex_items_head, EX_NOT_RAM },
	{ "items_not_preserved", ex_items_head, 0x1000 },
	{ "items_cyclic", ex_items_cycle, 0 },
	{ "items_count_0", ex_items_count, 0 },
	{ "items_count_huge", ex_items_count, ~0UL },

	{ "test_not_preserved", ex_test_addr, 0x1000 },
	{ "metadata_not_preserved", ex_metadata_addr, 0x1000 },
	{ "metadata_short", ex_metadata_size, 8 },
	{ "metadata_version", ex_metadata_version, 9 },
	{ "metadata_endless", ex_metadata_endless, 'x' },
	{ "regions_magic", ex_regions_header, EX_FDT(magic, 0xfeedd00d) },
	{ "regions_totalsize", ex_regions_header, EX_FDT(totalsize, 0x7ffffff0) },
	{ "regions_format", ex_regions_format, '3' },
	{ "region_not_preserved", ex_region_start, 0x1000 },
	{ "region_huge", ex_region_size, 1UL << 40 },
	{ "region_wraps", ex_region_size, ~0UL },
	{ "region_smaller", ex_region_size, SZ_1M },
	{ "region_prop_len", ex_region_prop_len, 5 },
	{ "region_twice", ex_region_twice, 0 },
	{ "region_inside", ex_region_inside, 3 },
	{ "region_renamed", ex_region_name, 'x' },
	{ "efi_memattr", ex_efi_memattr, U32_MAX },
};

int ex_mutate(const char *name)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(ex_mutations); i++) {
		if (strcmp(ex_mutations[i].name, name))
			continue;
		if (!kho_out.fdt)
			return -EOPNOTSUPP;
		ex_pending = &ex_mutations[i];
		return 0;
	}
	return -ENOENT;
}

int ex_mutations_show(struct seq_file *m, void *v)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(ex_mutations); i++)
		seq_printf(m, "%s\n", ex_mutations[i].name);
	return 0;
}

static int ex_at_reboot(struct notifier_block *nb, unsigned long action, void *data)
{
	int err;

	if (!ex_pending)
		return NOTIFY_DONE;
	err = ex_pending->fn(ex_pending->arg);
	if (err)
		pr_err("mutation %s is not possible here (%pe)\n", ex_pending->name,
		       ERR_PTR(err));
	else
		pr_info("mutation %s\n", ex_pending->name);
	return NOTIFY_DONE;
}

static struct notifier_block ex_reboot_nb = {
	.notifier_call = ex_at_reboot,
	.priority = INT_MIN,
};

static int __init ex_mutate_init(void)
{
	return register_reboot_notifier(&ex_reboot_nb);
}
late_initcall(ex_mutate_init);
