// SPDX-License-Identifier: GPL-2.0
/*
 * kho_chain: memory of all kinds crosses update after update, on machines of all
 * shapes. Each stage but the first verifies what the one before preserved, then
 * either frees it and preserves a new set, or hands the same memory on, with its
 * contents or with new ones.
 */
#define _GNU_SOURCE
#include <stdlib.h>

#include "kho_common.h"

static void preserve_next(struct lu_run *run)
{
	switch (run->stage % 3) {
	case 0:
		if (run->stage)
			kho_do("free");
		kho_do("alloc %d", 1000 + run->stage);
		break;
	case 1:
		break;
	case 2:
		kho_do("refill %d", 2000 + run->stage);
		break;
	}
	kho_do("verify");
	kho_do("preserve");
	kho_check_child("kho_exercise");
}

#define VMALLOC_KIND	2	/* of items */
#define VMALLOC_NOISE	512	/* pages; stacks of tasks that come and go */

/* Restored areas count as any other, until they are freed. */
static void check_vmalloc(long long before, long long pages)
{
	long long rise = kho_state("vmalloc") - before;

	LU_CHECK(llabs(rise - pages) <= VMALLOC_NOISE,
		 "vmalloc has %lld pages more than at first, not %lld", rise, pages);
}

static void update(struct lu_run *run)
{
	bool last = run->stage + 1 == run->nr_stages;
	long long vmalloc = 0;

	if (run->stage) {
		kho_check_update(run->stage);
		if (last)
			vmalloc = kho_state("vmalloc");
		kho_do("restore");
		kho_do("verify");
		/* The same memory is not to be had twice. */
		LU_EQ(kho_try("restore"), -EBUSY);
	} else {
		kho_check_cold();
	}
	if (last) {
		LU_CHECK(kho_item_pages(VMALLOC_KIND) > 2 * VMALLOC_NOISE, "too few to tell");
		check_vmalloc(vmalloc, kho_item_pages(VMALLOC_KIND));
		kho_do("free");
		check_vmalloc(vmalloc, 0);
	} else {
		preserve_next(run);
	}
	kho_check_kernel();
}

#define DEFERRED	"deferred pages initialised in "

static void deferred(struct lu_run *run)
{
	LU_CHECK(lu_dmesg_has(DEFERRED), "no struct page was set up later");
	update(run);
}

LU_TEST(five_updates, "mem=1G cpus=2 flavour=prod+debug append=kho=on", deferred, deferred,
	deferred, deferred, deferred, deferred);

static void nodes(struct lu_run *run)
{
	long long pages = kho_state("range");

	/* Otherwise there is nothing that spans two nodes. */
	if (!run->stage)
		LU_EQ(pages, 1);
	update(run);
}

/*
 * The verdict of lib/test_kho.c, which speaks the format of mainline's module of that
 * name: it preserves in each kernel that gets nothing of it.
 */
static void verdict(struct lu_run *run)
{
	LU_EQ(lu_dmesg_has("test_kho: preserved "), !(run->stage % 2));
	LU_EQ(lu_dmesg_has("test_kho: KHO restore succeeded"), run->stage % 2);
	LU_CHECK(!lu_dmesg_has("KHO restore failed"), "the log says that it failed");
}

LU_TEST(test_module, "mem=1G flavour=prod+debug append=kho=on", verdict, verdict, verdict, verdict);

/* The range spans the end of node 0. */
LU_TEST(two_nodes, "mem=1G cpus=2 numa=2 append=kho=on append=page_poison=1 "
	"append=kho_exercise_range=0x1fd01000,0x603000",
	nodes, nodes, nodes, nodes);
LU_TEST(three_nodes, "cpus=3 numa=512M,512M,512M flavour=prod+debug append=kho=on "
	"append=kho_exercise_range=0x1fd01000,0x603000",
	nodes, nodes, nodes);
LU_TEST(memoryless_node, "flavour=prod cpus=3 numa=512M,0,512M append=kho=on "
	"append=kho_exercise_range=0x1fd01000,0x603000",
	nodes, nodes, nodes);

static void gigantic(struct lu_run *run)
{
	LU_EQ(lu_read_key("/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", ""), 1);
	update(run);
}

LU_TEST(large_machine, "mem=6G cpus=2 flavour=prod+debug append=kho=on append=hugepagesz=1G "
	"append=hugepages=1",
	gigantic, gigantic, gigantic);

static void options(struct lu_run *run)
{
	LU_EQ(lu_read_key("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", ""), 32);
	LU_CHECK(lu_read_key("/sys/kernel/debug/swiotlb/io_tlb_nslabs", "") > 0,
		 "there is no swiotlb");
	LU_CHECK(lu_dmesg_has("cma: Reserved 32 MiB"), "there is no CMA area");
	update(run);
}

LU_TEST(boot_options, "mem=2G cpus=2 flavour=prod+debug append=kho=on append=hugepages=32 "
	"append=swiotlb=force append=cma=32M",
	options, options, options);

static void gigantic_cma(struct lu_run *run)
{
	LU_CHECK(lu_dmesg_has("hugetlb_cma: reserved 1024 MiB"), "there is no hugetlb_cma");
	update(run);
}

LU_TEST(hugetlb_cma, "mem=6G cpus=2 flavour=prod append=kho=on append=hugetlb_cma=1G",
	gigantic_cma, gigantic_cma, gigantic_cma);

/* All struct pages are set up in one go, early_page_ext says so. */
static void check_not_deferred(void)
{
	LU_CHECK(!lu_dmesg_has(DEFERRED), "struct pages were set up later");
}

static void not_deferred(struct lu_run *run)
{
	check_not_deferred();
	update(run);
}

LU_TEST(no_deferred_init, "mem=2G cpus=2 flavour=+debug append=kho=on append=early_page_ext",
	not_deferred, not_deferred, not_deferred);

/*
 * Blocks that are larger than any of the page allocator's: the range is made of one of
 * order 12, 18, 17, 16, 15, 14 and 13 each. Vmalloc areas have large pages, too.
 */
static void large_blocks(struct lu_run *run)
{
	update(run);
	if (run->stage + 1 < run->nr_stages) {
		LU_EQ(kho_state("max_order"), 18);
		LU_CHECK(kho_state("huge") > 0, "no vmalloc area has large pages");
	}
}

LU_TEST(large_blocks, "mem=6G flavour=prod append=kho=on append=nokaslr "
	"append=kho_exercise_range=0x13f000000,0x7f000000",
	large_blocks, large_blocks, large_blocks);

/*
 * More gaps of the smallest size than are used: the next kernel has to look for larger
 * ones, and for its memmap there is room in that of this kernel.
 */
static void gaps(struct lu_run *run)
{
	char line[80] = "", *p;

	if (!run->stage) {
		kho_do("scatter %d %d", 1200, 10);
	} else {
		kho_check_update(run->stage);
		LU_EQ(kho_log_count("preserved pages in ", line, sizeof(line)), 1);
		p = strstr(line, " in ");
		if (run->stage == 1)
			LU_CHECK(p && atoi(p + 4) >= 1200, "the log says '%s'", line);
	}
	if (run->stage == 2)
		kho_do("restore");
	else
		kho_do("alloc %d", run->stage);
	if (run->stage == 1)
		kho_do("preserve");
	else
		kho_do("free");
}

LU_TEST(many_gaps, "mem=6G flavour=prod append=kho=on", gaps, gaps, gaps);

/*
 * Where the kernel is differs from boot to boot, but it is always in scratch, and
 * never on what is preserved.
 */
static void kaslr(struct lu_run *run)
{
	long long text = kho_state("text");

	if (run->stage) {
		lu_set(run, "moved", "%lld", lu_get_num(run, "moved") +
		       (text != lu_get_num(run, "text")));
	} else {
		lu_set(run, "moved", "%d", 0);
	}
	lu_set(run, "text", "%lld", text);
	update(run);
	if (run->stage + 1 == run->nr_stages)
		LU_CHECK(lu_get_num(run, "moved") > 5, "the kernel moved only %lld times",
			 lu_get_num(run, "moved"));
}

LU_TEST(kaslr_20_boots, "mem=1G flavour=prod append=kho=on timeout=200",
	kaslr, kaslr, kaslr, kaslr, kaslr, kaslr, kaslr, kaslr, kaslr, kaslr, kaslr,
	kaslr, kaslr, kaslr, kaslr, kaslr, kaslr, kaslr, kaslr, kaslr, kaslr);

/*
 * From the first update on each kernel has as much memory as the others, and that is
 * as much as before. In every other one test_kho holds some, see verdict().
 */
#define BOOT_NOISE	64	/* pages */
#define FREE_NOISE	1024

static void nothing_lost(struct lu_run *run)
{
	long long managed = kho_state("managed"), free;
	const char *key = run->stage % 2 ? "free1" : "free0";

	if (run->stage) {
		kho_check_update(run->stage);
		kho_do("restore");
		kho_do("free");
		managed = kho_state("managed");
		free = kho_state("free");
		lu_note("update %d: %lld pages managed, %lld free", run->stage, managed, free);
		if (run->stage == 1)
			LU_CHECK(managed > lu_get_num(run, "managed") - BOOT_NOISE,
				 "%lld pages managed, %s before", managed, lu_get(run, "managed"));
		else
			LU_EQ(managed, lu_get_num(run, "managed"));
		if (run->stage < 3)
			lu_set(run, key, "%lld", free);
		else
			LU_CHECK(llabs(free - lu_get_num(run, key)) <= FREE_NOISE,
				 "%lld pages free, %s before", free, lu_get(run, key));
	} else {
		lu_note("%lld pages managed", managed);
	}
	lu_set(run, "managed", "%lld", managed);
	if (run->stage + 1 < run->nr_stages) {
		kho_do("alloc %d", run->stage);
		kho_do("preserve");
	}
}

LU_TEST(nothing_lost_in_ten, "mem=1G flavour=prod append=kho=on append=nokaslr timeout=120",
	nothing_lost, nothing_lost, nothing_lost, nothing_lost, nothing_lost, nothing_lost,
	nothing_lost, nothing_lost, nothing_lost, nothing_lost, nothing_lost);

static void nothing_lost_early(struct lu_run *run)
{
	check_not_deferred();
	nothing_lost(run);
}

/* What is free is not mapped: whoever looks there, kmemleak in scratch, is found out. */
LU_TEST(nothing_lost, "mem=1G flavour=debug append=kho=on append=nokaslr "
	"append=debug_pagealloc=on append=early_page_ext",
	nothing_lost_early, nothing_lost_early, nothing_lost_early, nothing_lost_early);

LU_MAIN
