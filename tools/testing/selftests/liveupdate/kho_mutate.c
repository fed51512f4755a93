// SPDX-License-Identifier: GPL-2.0
/*
 * kho_mutate: what the previous kernel left is untrusted. Each stage damages the
 * handover just before the jump; the next one must have made a cold boot because
 * of that, with one line that says why, and goes on with the next damage.
 */
#define _GNU_SOURCE
#include "kho_common.h"

struct damage {
	const char *name, *why;
};

#define STAGES_15(fn) fn, fn, fn, fn, fn, fn, fn, fn, fn, fn, fn, fn, fn, fn, fn
#define STAGES_20(fn) STAGES_15(fn), fn, fn, fn, fn, fn

static void check_rejected(const struct damage *damage)
{
	char line[256] = "";
	int count = kho_log_count(KHO_LOST, line, sizeof(line));

	LU_CHECK(count == 1, "after %s the log has %d lines of '%s'", damage->name, count,
		 KHO_LOST);
	LU_CHECK(strstr(line, damage->why), "after %s the log says '%s' and not '%s'",
		 damage->name, line, damage->why);
	lu_note("%s: %s", damage->name, line);
	kho_check_cold();
}

static void damage(struct lu_run *run, const struct damage *list, int nr)
{
	LU_CHECK(run->nr_stages == nr + 1, "%d stages for %d damages", run->nr_stages, nr);
	if (run->stage)
		check_rejected(&list[run->stage - 1]);
	/* All is as ever in this kernel. */
	kho_do("alloc %d", run->stage);
	kho_do("preserve");
	if (run->stage < nr)
		kho_do("mutate %s", list[run->stage].name);
}

#define DAMAGE(list) damage(run, list, sizeof(list) / sizeof(list[0]))

static const struct damage fdt_damages[] = {
	{ "fdt_magic", "header" },
	{ "fdt_totalsize_0", "header" },
	{ "fdt_totalsize_huge", "F" },
	{ "fdt_struct_offset", "header" },
	{ "fdt_struct_size", "header" },
	{ "fdt_strings_size", "header" },
	{ "fdt_version", "header" },
	{ "fdt_name_endless", "malformed" },
	{ "fdt_name_empty", "malformed" },
	{ "fdt_tag", "malformed" },
	{ "fdt_tag_end", "malformed" },
	{ "fdt_prop_len_huge", "malformed" },
	{ "fdt_prop_len_short", "no map" },
	{ "fdt_prop_name", "malformed" },
	{ "fdt_no_map", "no map" },
	{ "fdt_map_null", "no map" },
	{ "fdt_format", "format is not kho-v4" },
	{ "fdt_not_preserved", "FDT is not preserved" },
	{ "fdt_addr_not_ram", "FDT is not in RAM" },
	{ "fdt_addr_unaligned", "FDT is not one page" },
	{ "fdt_addr_in_scratch", "FDT is in scratch" },
	{ "fdt_size_0", "FDT is not one page" },
	{ "fdt_size_huge", "FDT is not one page" },
};

static void fdt_damage(struct lu_run *run)
{
	DAMAGE(fdt_damages);
}

LU_TEST(root_fdt, "mem=512M flavour=prod append=kho=on timeout=200",
	STAGES_20(fdt_damage), fdt_damage, fdt_damage, fdt_damage, fdt_damage);

static const struct damage tree_damages[] = {
	{ "tree_root_not_ram", "page of the map is not in RAM" },
	{ "tree_root_unaligned", "page of the map is not page aligned" },
	{ "tree_root_in_scratch", "page of the map is in scratch" },
	{ "tree_node_not_ram", "page of the map is not in RAM" },
	{ "tree_node_unaligned", "page of the map is not page aligned" },
	{ "tree_node_in_scratch", "page of the map is in scratch" },
	{ "tree_node_cyclic", "page of the map is linked twice" },
	{ "tree_node_shared", "page of the map is linked twice" },
	{ "tree_key_too_wide", "keys that are too wide" },
	{ "block_not_ram", "preserved block is not in RAM" },
	{ "block_not_ram_huge", "preserved block is not in RAM" },
	{ "block_in_scratch", "preserved block is in scratch" },
	{ "block_around_scratch", "preserved block is in scratch" },
	{ "block_overlap", "overlap" },
	{ "block_is_node", "preserved block overlaps a page of the map" },
	{ "block_order", "preserved block has a bad order" },
	{ "block_key_0", "preserved block has a bad order" },
	{ "block_spans_nodes", "preserved block spans NUMA nodes" },
};

static void tree_damage(struct lu_run *run)
{
	DAMAGE(tree_damages);
}

LU_TEST(tree, "cpus=2 numa=500M,524M flavour=prod append=kho=on timeout=200",
	STAGES_15(tree_damage), tree_damage, tree_damage, tree_damage, tree_damage);

static const struct damage scratch_damages[] = {
	{ "scratch_unaligned", "scratch area is not aligned" },
	{ "scratch_size_unaligned", "scratch area is not aligned" },
	{ "scratch_not_ram", "scratch area is not in RAM" },
	{ "scratch_wraps", "exceeds the address space" },
	{ "scratch_overlap", "scratch areas overlap" },
	{ "scratch_empty", "scratch areas are empty" },
	{ "scratch_count_0", "scratch array is" },
	{ "scratch_count_huge", "too many scratch areas" },
	{ "scratch_count_many", "too many scratch areas" },
	{ "scratch_length", "scratch array is empty or cut off" },
	{ "scratch_addr_not_ram", "scratch array is not in RAM" },
	{ "scratch_addr_unaligned", "scratch array is not aligned" },
	{ "scratch_addr_low", "scratch" },
};

static void scratch_damage(struct lu_run *run)
{
	DAMAGE(scratch_damages);
}

LU_TEST(scratch, "mem=512M flavour=prod append=kho=on append=kho_scratch=64M,64M,16M timeout=200",
	scratch_damage, scratch_damage, scratch_damage, scratch_damage, scratch_damage,
	scratch_damage, scratch_damage, scratch_damage, scratch_damage, scratch_damage,
	scratch_damage, scratch_damage, scratch_damage, scratch_damage);

/* One of each sort with all checks of the kernel on. */
static const struct damage debug_damages[] = {
	{ "fdt_name_endless", "malformed" },
	{ "tree_node_cyclic", "linked twice" },
	{ "block_overlap", "overlap" },
	{ "scratch_not_ram", "scratch area is not in RAM" },
};

static void debug_damage(struct lu_run *run)
{
	DAMAGE(debug_damages);
}

LU_TEST(some_of_each, "mem=1G flavour=debug append=kho=on append=kho_scratch=192M,64M,16M",
	debug_damage, debug_damage, debug_damage, debug_damage, debug_damage);

/*
 * A bad record costs that record: the handover is accepted, its consumer is told,
 * and the rest goes on.
 */
static const struct {
	const char *name;
	int err;
} child_damages[] = {
	{ "child_not_ram", -EINVAL },
	{ "child_not_preserved", -EINVAL },
	{ "child_size", -EINVAL },
	{ "child_no_size", -EINVAL },
	{ "items_not_ram", -EINVAL },
	{ "items_not_preserved", -EINVAL },
	{ "items_cyclic", -EINVAL },
	/* A last block may be empty; whose records they were finds that they are not there. */
	{ "items_count_0", -EBADMSG },
	{ "items_count_huge", -EINVAL },
};

static void child_damage(struct lu_run *run)
{
	int nr = sizeof(child_damages) / sizeof(child_damages[0]);

	LU_EQ(run->nr_stages, nr + 1);
	if (run->stage) {
		kho_check_update(run->stage);
		LU_EQ(kho_try("restore"), child_damages[run->stage - 1].err);
		kho_try("free");
	}
	kho_do("alloc %d", run->stage);
	kho_do("preserve");
	if (run->stage < nr)
		kho_do("mutate %s", child_damages[run->stage].name);
}

LU_TEST(one_subtree, "mem=512M flavour=prod append=kho=on timeout=120",
	child_damage, child_damage, child_damage, child_damage, child_damage, child_damage,
	child_damage, child_damage, child_damage, child_damage);

LU_MAIN
