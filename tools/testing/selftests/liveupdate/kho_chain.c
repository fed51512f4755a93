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
}

static void update(struct lu_run *run)
{
	if (run->stage) {
		kho_check_update(run->stage);
		kho_do("restore");
		kho_do("verify");
		/* The same memory is not to be had twice. */
		LU_EQ(kho_try("restore"), -EBUSY);
	} else {
		kho_check_cold();
	}
	if (run->stage + 1 < run->nr_stages) {
		preserve_next(run);
	} else {
		kho_do("free");
		LU_EQ(kho_state("vmalloc") >= 0, 1);
	}
	kho_check_kernel();
}

LU_TEST(five_updates, "mem=1G cpus=2 append=kho=on", update, update, update, update, update,
	update);

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

LU_TEST(test_module, "mem=1G append=kho=on", verdict, verdict, verdict, verdict);

/* The range spans the end of node 0. */
LU_TEST(two_nodes, "mem=1G cpus=2 numa=2 append=kho=on "
	"append=kho_exercise_range=0x1fd01000,0x603000",
	nodes, nodes, nodes, nodes);
LU_TEST(three_nodes, "cpus=3 numa=512M,512M,512M append=kho=on "
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

LU_TEST(large_machine, "mem=6G cpus=2 append=kho=on append=hugepagesz=1G append=hugepages=1",
	gigantic, gigantic, gigantic);

static void options(struct lu_run *run)
{
	LU_EQ(lu_read_key("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", ""), 32);
	LU_CHECK(lu_read_key("/sys/kernel/debug/swiotlb/io_tlb_nslabs", "") > 0,
		 "there is no swiotlb");
	LU_CHECK(lu_dmesg_has("cma: Reserved 32 MiB"), "there is no CMA area");
	update(run);
}

LU_TEST(boot_options, "mem=2G cpus=2 append=kho=on append=hugepages=32 "
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
LU_TEST(no_deferred_init, "mem=2G cpus=2 flavour=debug append=kho=on append=early_page_ext",
	update, update, update);

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

/* From the first update on each kernel has as much memory as the others. */
static void nothing_lost(struct lu_run *run)
{
	long long managed;

	if (run->stage) {
		kho_check_update(run->stage);
		kho_do("restore");
		kho_do("free");
		managed = kho_state("managed");
		lu_note("update %d: %lld pages managed, %lld free", run->stage, managed,
			kho_state("free"));
		if (run->stage == 1)
			lu_set(run, "managed", "%lld", managed);
		else
			LU_EQ(managed, lu_get_num(run, "managed"));
	}
	if (run->stage + 1 < run->nr_stages) {
		kho_do("alloc %d", run->stage);
		kho_do("preserve");
	}
}

LU_TEST(nothing_lost_in_ten, "mem=1G flavour=prod append=kho=on append=nokaslr timeout=120",
	nothing_lost, nothing_lost, nothing_lost, nothing_lost, nothing_lost, nothing_lost,
	nothing_lost, nothing_lost, nothing_lost, nothing_lost, nothing_lost);
LU_TEST(nothing_lost, "mem=1G flavour=debug append=kho=on append=nokaslr",
	nothing_lost, nothing_lost, nothing_lost, nothing_lost);

LU_MAIN
