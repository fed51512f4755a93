// SPDX-License-Identifier: GPL-2.0
/*
 * kho_mutate: what the previous kernel left is untrusted. Each stage damages the
 * handover just before the jump; the next one must have made a cold boot because
 * of that, with one line that says why, and goes on with the next damage.
 */
#define _GNU_SOURCE
#include <sys/mman.h>

#include "kho_common.h"

struct damage {
	const char *name, *why;
};

#define STAGES_15(fn) fn, fn, fn, fn, fn, fn, fn, fn, fn, fn, fn, fn, fn, fn, fn
#define STAGES_20(fn) STAGES_15(fn), fn, fn, fn, fn, fn

static void check_rejected(const struct damage *damage)
{
	/* If it was not even recognised, nobody can say that it is lost. */
	const char *said = strncmp(damage->why, "setup: ", 7) ? KHO_LOST : damage->why;
	char line[256] = "";
	int count = kho_log_count(said, line, sizeof(line));

	LU_CHECK(count == 1, "after %s the log has %d lines of '%s'", damage->name, count, said);
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
	{ "fdt_size_short", "FDT is not one page" },
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
	{ "block_overlap", "two preserved blocks overlap" },
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
	{ "scratch_array_outside", "scratch array is not in scratch" },
	{ "scratch_no_kernel", "this kernel was not loaded to scratch" },
	{ "setup_short", "setup: kho_data entry is too short" },
};

static void scratch_damage(struct lu_run *run)
{
	DAMAGE(scratch_damages);
}

LU_TEST(scratch, "mem=512M flavour=prod append=kho=on append=kho_scratch=64M,64M,16M timeout=200",
	STAGES_15(scratch_damage), scratch_damage);

/*
 * What a rejected map says to be preserved may still be in use by someone, a device
 * for one: as far as the map can be read it is not given away, however scarce memory
 * gets.
 */
static const struct damage claimed_damages[] = {
	{ "tree_node_shared", "page of the map is linked twice" },
	{ "block_not_ram", "preserved block is not in RAM" },
	{ "block_overlap", "two preserved blocks overlap" },
	{ "fdt_not_preserved", "FDT is not preserved" },
};

/* Nearly all that is free, and written to. */
static void use_memory(void)
{
	long long size = lu_read_key("/proc/meminfo", "MemAvailable") * 1024 / 10 * 8;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	LU_CHECK(p != MAP_FAILED, "%lld bytes: %m", size);
	memset(p, 0xff, size);
	munmap(p, size);
}

static void claimed(struct lu_run *run)
{
	int nr = sizeof(claimed_damages) / sizeof(claimed_damages[0]);

	LU_EQ(run->nr_stages, nr + 1);
	if (run->stage) {
		check_rejected(&claimed_damages[run->stage - 1]);
		use_memory();
		LU_EQ(kho_try_claimed(run), 0);
	}
	kho_do("alloc %d", 10 + run->stage);
	kho_note_items(run);
	kho_do("preserve");
	if (run->stage < nr)
		kho_do("mutate %s", claimed_damages[run->stage].name);
}

LU_TEST(claimed, "mem=512M flavour=prod append=kho=on timeout=120",
	claimed, claimed, claimed, claimed, claimed);

/* One of each sort with all checks of the kernel on. */
static const struct damage debug_damages[] = {
	{ "fdt_name_endless", "malformed" },
	{ "tree_node_cyclic", "linked twice" },
	{ "block_overlap", "two preserved blocks overlap" },
	{ "scratch_not_ram", "scratch area is not in RAM" },
};

static void debug_damage(struct lu_run *run)
{
	DAMAGE(debug_damages);
}

LU_TEST(some_of_each, "mem=2G flavour=debug append=kho=on append=kho_scratch=192M,64M,16M",
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

/*
 * The same for what KHO itself hands over: the handover is accepted, one line says
 * what is ignored, and everything else is there.
 */
static const struct {
	const char *name, *why;
	bool one, two;		/* which of the regions are revived */
} own_damages[] = {
	{ "metadata_not_preserved",
	  "'kexec-metadata' of the previous kernel is ignored: its data is not in preserved memory",
	  true, true },
	{ "metadata_short", "metadata of the previous kernel is ignored: 8 bytes are too short",
	  true, true },
	{ "metadata_version", "metadata of the previous kernel is ignored: version 9 is not known",
	  true, true },
	{ "metadata_endless", "exec from: xxxxxxxx", true, true },
	{ "regions_magic", "regions of the previous kernel are ignored", false, false },
	{ "regions_totalsize", "regions of the previous kernel are ignored", false, false },
	{ "regions_format", "regions of the previous kernel are ignored", false, false },
	{ "region_not_preserved", "region of the previous kernel is ignored", false, true },
	{ "region_huge", "region of the previous kernel is ignored", false, true },
	{ "region_wraps", "region of the previous kernel is ignored", false, true },
	{ "region_prop_len", "region of the previous kernel is ignored", false, true },
	{ "region_twice", "region of the previous kernel is ignored", true, false },
	{ "region_smaller", "reserve_mem=lu_one begins empty", false, true },
	/* Nobody asks for it. That is the business of the command line. */
	{ "region_renamed", "Revived memory reservation 'lu_two'", false, true },
};

static void check_region(const char *name, int seed, bool revived)
{
	char line[80];

	snprintf(line, sizeof(line), "Revived memory reservation '%s' from KHO", name);
	LU_EQ(lu_dmesg_has(line), revived);
	LU_EQ(kho_try("region_check %s %d", name, seed), revived ? 0 : -EBADMSG);
}

static void own_damage(struct lu_run *run)
{
	int nr = sizeof(own_damages) / sizeof(own_damages[0]), last = run->stage - 1;

	LU_EQ(run->nr_stages, nr + 1);
	if (run->stage) {
		LU_CHECK(!lu_dmesg_has(KHO_LOST), "%s: all of it is lost", own_damages[last].name);
		LU_EQ(kho_state("kho_boot"), 1);
		LU_CHECK(kho_log_count(own_damages[last].why, NULL, 0) == 1,
			 "%s: the log has no '%s'", own_damages[last].name, own_damages[last].why);
		check_region("lu_one", 10 + last, own_damages[last].one);
		check_region("lu_two", 50 + last, own_damages[last].two);
		kho_do("restore");
		kho_do("free");
		kho_check_kernel();
	}
	kho_do("region lu_one %d", 10 + run->stage);
	kho_do("region lu_two %d", 50 + run->stage);
	kho_do("alloc %d", run->stage);
	kho_do("preserve");
	if (run->stage < nr)
		kho_do("mutate %s", own_damages[run->stage].name);
}

LU_TEST(own_subtrees, "mem=512M flavour=prod append=kho=on append=reserve_mem=4M:4096:lu_one "
	"append=reserve_mem=12K:4096:lu_two timeout=120",
	STAGES_15(own_damage));

/*
 * A region may lie in the middle of a block that is someone else's as well. It is the region
 * that gets it: the block would take the region with it when it is freed.
 */
static void to_inside(struct lu_run *run)
{
	kho_do("alloc 1");
	kho_do("preserve");
	kho_do("mutate region_inside");
	(void)run;
}

static void from_inside(struct lu_run *run)
{
	kho_check_update(1);
	LU_CHECK(lu_dmesg_has("Revived memory reservation 'lu_two'"), "it is not revived");
	LU_EQ(kho_try("restore"), -EINVAL);
	LU_EQ(kho_log_count("kho_exercise: not restored: kind 0, 8 pages", NULL, 0), 1);
	kho_do("verify");
	kho_do("free");
	kho_check_kernel();
	(void)run;
}

LU_TEST(region_inside_block, "mem=512M flavour=prod append=kho=on "
	"append=reserve_mem=12K:4096:lu_two", to_inside, from_inside);

/* lib/test_kho.c says in the log whether its data came over; it did not, here. */
static void test_saves(struct lu_run *run)
{
	LU_CHECK(lu_dmesg_has("test_kho: preserved "), "it preserved nothing");
	kho_do("mutate test_not_preserved");
	(void)run;
}

static void test_fails(struct lu_run *run)
{
	LU_CHECK(lu_dmesg_has("test_kho: KHO restore failed"), "it does not say so");
	LU_CHECK(!lu_dmesg_has("KHO restore succeeded"), "it is content");
	(void)run;
}

LU_TEST(test_module, "mem=512M flavour=prod append=kho=on", test_saves, test_fails);

LU_MAIN
