// SPDX-License-Identifier: GPL-2.0-only
/*
 * The root FDT: one page that says where the map of preserved memory is and
 * which blobs there are.
 *
 * Life cycle: outgoing, created empty, then edited in place while the next
 * kernel may start at any moment; incoming, checked once, then only read.
 * Pure: works on the buffer that it is given and allocates nothing. The caller
 * serializes. A failed edit leaves the FDT with the same nodes as before.
 *
 * Values are native u64 and need not be aligned.
 */
#include <linux/align.h>
#include <linux/bug.h>
#include <linux/ctype.h>
#include <linux/errno.h>
#include <linux/kho/abi/kexec_handover.h>
#include <linux/libfdt.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "kho_libs.h"

/* What libfdt writes; an older one would have no size of its structure block. */
#define KHO_FDT_VERSION		17

/* Below the root and below each of its children: nothing else is nested. */
#define KHO_FDT_DEPTH_CHILD	2

/* Also what may be shown in a log or as the name of a file. */
static bool kho_fdt_name_valid(const char *name)
{
	if (!*name)
		return false;
	for (; *name; name++) {
		if (!isascii(*name) || !isgraph(*name) || *name == '/')
			return false;
	}
	return true;
}

/**
 * kho_fdt_get_u64 - read a property that is a number
 * @fdt: a device tree; not trusted
 * @node: the node
 * @name: of the property
 * @val: gets the number
 *
 * Return: false if there is no such property, or if it is of another size
 */
bool kho_fdt_get_u64(const void *fdt, int node, const char *name, u64 *val)
{
	const void *prop;
	int len;

	prop = fdt_getprop(fdt, node, name, &len);
	if (!prop || len != sizeof(*val))
		return false;
	*val = get_unaligned((const u64 *)prop);
	return true;
}

/**
 * kho_fdt_create - write a root FDT without any subtree
 * @fdt: where to
 * @size: room there
 * @map: address of the root page of the map
 *
 * Return: 0, -ENOMEM if it does not fit
 */
int kho_fdt_create(void *fdt, size_t size, phys_addr_t map)
{
	u64 val = map;
	int err;

	err = fdt_create(fdt, size);
	err = err ?: fdt_finish_reservemap(fdt);
	err = err ?: fdt_begin_node(fdt, "");
	err = err ?: fdt_property_string(fdt, "compatible", KHO_FDT_COMPATIBLE);
	err = err ?: fdt_property(fdt, KHO_FDT_MEMORY_MAP_PROP_NAME, &val,
				  sizeof(val));
	err = err ?: fdt_end_node(fdt);
	err = err ?: fdt_finish(fdt);

	return err ? -ENOMEM : 0;
}

/**
 * kho_fdt_add - add a subtree
 * @fdt: the FDT, made by kho_fdt_create()
 * @size: room there
 * @name: name of the subtree, printable, without '/'
 * @phys: address of its blob
 * @len: size of its blob
 *
 * Return: 0; -EEXIST if the name is taken, -EINVAL if it is no name, -ENOMEM
 * if there is no more room
 */
int kho_fdt_add(void *fdt, size_t size, const char *name, u64 phys, u64 len)
{
	int node, err;

	if (!kho_fdt_name_valid(name))
		return -EINVAL;
	if (fdt_open_into(fdt, fdt, size))
		return -ENOMEM;

	node = fdt_add_subnode(fdt, 0, name);
	if (node < 0) {
		err = node;
		goto out_pack;
	}

	err = fdt_setprop(fdt, node, KHO_SUB_TREE_PROP_NAME, &phys,
			  sizeof(phys));
	err = err ?: fdt_setprop(fdt, node, KHO_SUB_TREE_SIZE_PROP_NAME, &len,
				 sizeof(len));
	if (err)
		fdt_del_node(fdt, node);

out_pack:
	fdt_pack(fdt);
	if (err == -FDT_ERR_EXISTS)
		return -EEXIST;
	return err ? -ENOMEM : 0;
}

/**
 * kho_fdt_del - remove the subtree with a given blob
 * @fdt: the FDT, made by kho_fdt_create()
 * @size: room there
 * @phys: address of the blob
 *
 * Return: 0, -ENOENT
 */
int kho_fdt_del(void *fdt, size_t size, u64 phys)
{
	int node;
	u64 val;

	fdt_for_each_subnode(node, fdt, 0) {
		if (!kho_fdt_get_u64(fdt, node, KHO_SUB_TREE_PROP_NAME, &val) ||
		    val != phys)
			continue;
		if (WARN_ON_ONCE(fdt_open_into(fdt, fdt, size)))
			return -ENOENT;
		fdt_del_node(fdt, node);
		fdt_pack(fdt);
		return 0;
	}
	return -ENOENT;
}

static bool kho_fdt_header_ok(const void *fdt)
{
	return !fdt_check_header(fdt) &&
	       fdt_version(fdt) == KHO_FDT_VERSION &&
	       !(fdt_off_dt_struct(fdt) % FDT_TAGSIZE);
}

/*
 * All of the structure block up to its end: well-formed, with one root and no
 * grandchildren, each string inside its block. *@offset is where it is not.
 */
static bool kho_fdt_structure_ok(const void *fdt, int *offset)
{
	const struct fdt_property *prop;
	int next = 0, depth = 0, len;
	u32 tag;

	do {
		*offset = next;
		tag = fdt_next_tag(fdt, *offset, &next);
		if (next < 0)
			return false;

		switch (tag) {
		case FDT_BEGIN_NODE:
			/* The second one at the top is not the root any more. */
			if (depth == KHO_FDT_DEPTH_CHILD || (!depth && *offset))
				return false;
			depth++;
			break;
		case FDT_END_NODE:
			if (!depth--)
				return false;
			break;
		case FDT_PROP:
			prop = fdt_offset_ptr(fdt, *offset, sizeof(*prop));
			if (!depth || !prop ||
			    !fdt_get_string(fdt, fdt32_to_cpu(prop->nameoff),
					    &len))
				return false;
			break;
		}
	} while (tag != FDT_END);

	return !depth && *offset;
}

static int kho_fdt_reject(struct kho_rejection *rej, enum kho_reject why,
			  u64 where)
{
	rej->why = why;
	rej->where = where;
	return -EINVAL;
}

/**
 * kho_fdt_check - may a root FDT that came in be read?
 * @fdt: the FDT
 * @size: bytes that are readable there, at most one page
 * @map: gets the address of the root page of the map, only checked not to be 0
 * @rej: gets the reason if not
 *
 * Nothing is said about each subtree: kho_fdt_find() refuses a broken one, and
 * the others are good.
 *
 * Return: 0, -EINVAL
 */
int kho_fdt_check(const void *fdt, size_t size, phys_addr_t *map,
		  struct kho_rejection *rej)
{
	const char *compatible;
	int len, offset;

	if (size < sizeof(struct fdt_header) || size > PAGE_SIZE)
		return kho_fdt_reject(rej, KHO_FDT_SIZE, size);
	if (!IS_ALIGNED((unsigned long)fdt, sizeof(u64)))
		return kho_fdt_reject(rej, KHO_FDT_UNALIGNED, 0);
	if (!kho_fdt_header_ok(fdt))
		return kho_fdt_reject(rej, KHO_FDT_HEADER, 0);
	if (fdt_totalsize(fdt) > size)
		return kho_fdt_reject(rej, KHO_FDT_SIZE, fdt_totalsize(fdt));
	if (!kho_fdt_structure_ok(fdt, &offset))
		return kho_fdt_reject(rej, KHO_FDT_STRUCTURE, offset);

	compatible = fdt_getprop(fdt, 0, "compatible", &len);
	if (!compatible || len != sizeof(KHO_FDT_COMPATIBLE) ||
	    memcmp(compatible, KHO_FDT_COMPATIBLE, len))
		return kho_fdt_reject(rej, KHO_FDT_FORMAT, 0);

	*map = kho_fdt_map(fdt);
	if (!*map)
		return kho_fdt_reject(rej, KHO_FDT_NO_MAP, 0);
	rej->why = KHO_ACCEPTED;
	return 0;
}

/**
 * kho_fdt_map - where the map of preserved memory is
 * @fdt: the FDT
 *
 * Return: address of the root page of the map, 0 if there is none
 */
phys_addr_t kho_fdt_map(const void *fdt)
{
	u64 map;

	if (!kho_fdt_get_u64(fdt, 0, KHO_FDT_MEMORY_MAP_PROP_NAME, &map))
		return 0;
	return map;
}

/**
 * kho_fdt_next - go through the subtrees
 * @fdt: the FDT
 * @offset: 0 to begin with, then private
 * @child: gets the subtree
 *
 * Return: false at the end
 */
bool kho_fdt_next(const void *fdt, int *offset, struct kho_fdt_child *child)
{
	int node;

	node = *offset ? fdt_next_subnode(fdt, *offset) :
			 fdt_first_subnode(fdt, 0);
	if (node < 0)
		return false;
	*offset = node;

	child->name = fdt_get_name(fdt, node, NULL);
	child->ok = child->name && kho_fdt_name_valid(child->name) &&
		    kho_fdt_get_u64(fdt, node, KHO_SUB_TREE_PROP_NAME,
				    &child->phys) &&
		    kho_fdt_get_u64(fdt, node, KHO_SUB_TREE_SIZE_PROP_NAME,
				    &child->size) &&
		    child->phys && child->phys + child->size >= child->phys;
	if (!child->ok) {
		child->phys = 0;
		child->size = 0;
	}
	return true;
}

/**
 * kho_fdt_find - look a subtree up
 * @fdt: the FDT
 * @name: its name
 * @phys: gets the address of the blob
 * @len: gets the size of the blob
 *
 * Return: 0; -ENOENT if there is none; -EINVAL if a property of it is missing or
 * has the wrong size, if the blob is at 0 or beyond the end of the address
 * space, or if there are two of that name
 */
int kho_fdt_find(const void *fdt, const char *name, u64 *phys, u64 *len)
{
	struct kho_fdt_child child, found;
	bool seen = false;
	int offset = 0;

	while (kho_fdt_next(fdt, &offset, &child)) {
		if (!child.name || strcmp(child.name, name))
			continue;
		if (seen || !child.ok)
			return -EINVAL;
		found = child;
		seen = true;
	}
	if (!seen)
		return -ENOENT;

	*phys = found.phys;
	*len = found.size;
	return 0;
}
