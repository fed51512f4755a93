// SPDX-License-Identifier: GPL-2.0
/*
 * kho_scratch: how large the scratch areas are, by default and as kho_scratch= asks for,
 * and what becomes of a wish that makes no sense or cannot be fulfilled.
 */
#define _GNU_SOURCE
#include "kho_common.h"

#define MIB		(1ULL << 20)
#define MALFORMED	"Malformed early option 'kho_scratch'"

struct areas {
	unsigned long long addr[KHO_MAX_AREAS], size[KHO_MAX_AREAS], total;
	int nr;
};

/* What debugfs, the log and /proc say about them has to be the same. */
static struct areas look_at_areas(void)
{
	unsigned long long block = lu_read_key("/proc/meminfo", "Hugepagesize") << 10;
	struct areas areas = { .nr = kho_scratch_file("scratch_phys", areas.addr) };
	char line[80];

	LU_EQ(kho_scratch_file("scratch_len", areas.size), areas.nr);
	for (int i = 0; i < areas.nr; i++) {
		LU_EQ(areas.addr[i] % (4 * MIB), 0);
		LU_EQ(areas.size[i] % (4 * MIB), 0);
		areas.total += areas.size[i];
	}
	snprintf(line, sizeof(line), "KHO: scratch: %lluMiB in %d area(s)", areas.total / MIB,
		 areas.nr);
	LU_CHECK(lu_dmesg_has(line), "the log does not say '%s'", line);
	LU_EQ(kho_state("scratch_pageblocks"), areas.total / block);
	kho_check_kernel();
	for (int i = 0; i < areas.nr; i++)
		lu_note("%llu MiB at 0x%llx", areas.size[i] / MIB, areas.addr[i]);
	return areas;
}

/*
 * No more than the next kernel can need: nothing that grows with memory counts. Above 4G
 * there is swiotlb, which is 64 MiB.
 */
static void by_default(struct lu_run *run)
{
	struct areas areas = look_at_areas();

	LU_CHECK(areas.size[0] >= 32 * MIB, "no kernel fits into %llu MiB", areas.size[0] / MIB);
	LU_CHECK(areas.total <= 256 * MIB, "%llu MiB are too much", areas.total / MIB);
	LU_CHECK(!lu_dmesg_has("scratch areas: lowmem"), "the log speaks of sizes");
	(void)run;
}

LU_TEST(by_default_1g, "mem=1G own flavour=prod append=kho=on", by_default);
LU_TEST(by_default_4g, "mem=4G own flavour=prod append=kho=on", by_default);
/* What was asked for is not of the kernel's own. */
LU_TEST(by_default_asked_for, "mem=6G own flavour=prod append=kho=on append=crashkernel=512M "
	"append=cma=256M append=hugetlb_cma=1G", by_default);
LU_TEST(by_default_2_nodes, "mem=2G cpus=2 numa=2 own flavour=prod append=kho=on", by_default);

/* What is wrong is said and has no effect, one by one. */
static void malformed(struct lu_run *run)
{
	LU_EQ(kho_log_count(MALFORMED, NULL, 0), 11);
	LU_CHECK(!lu_dmesg_has("scratch scale is"), "something was understood");
	by_default(run);
}

LU_TEST(malformed, "mem=1G own flavour=prod append=kho=on append=kho_scratch= "
	"append=kho_scratch=x append=kho_scratch=64M append=kho_scratch=64M,64M "
	"append=kho_scratch=64M,64M,64M,64M append=kho_scratch=64M,,64M "
	"append=kho_scratch=64M,64M,64Mx append=kho_scratch=0,0,0 append=kho_scratch=0% "
	"append=kho_scratch=-5% append=kho_scratch=99999999999%", malformed);

/* Each area to the size that was asked for, on its node. */
static void per_node(struct lu_run *run)
{
	struct areas areas = look_at_areas();

	LU_CHECK(lu_dmesg_has("KHO: scratch areas: lowmem: 96MiB global: 8MiB pernode: 12MiB"),
		 "the log does not say what was understood");
	LU_EQ(areas.nr, 4);
	LU_EQ(areas.size[0], 96 * MIB);
	LU_EQ(areas.size[1], 8 * MIB);
	LU_EQ(areas.size[2], 12 * MIB);
	LU_EQ(areas.size[3], 12 * MIB);
	LU_CHECK(areas.addr[2] + areas.size[2] <= 512 * MIB, "it is not on node 0");
	LU_CHECK(areas.addr[3] >= 512 * MIB, "it is not on node 1");
	(void)run;
}

LU_TEST(per_node, "mem=1G cpus=2 numa=2 own flavour=prod append=kho=on "
	"append=kho_scratch=96M,8M,12M", per_node);

/* Rounded up; and 0 is no area. */
static void rounded(struct lu_run *run)
{
	struct areas areas = look_at_areas();

	LU_EQ(areas.nr, 2);
	LU_EQ(areas.size[0], 36 * MIB);
	LU_EQ(areas.size[1], 4 * MIB);
	(void)run;
}

LU_TEST(rounded, "mem=1G own flavour=prod append=kho=on append=kho_scratch=33M,1K,0", rounded);

/* The last one counts. */
static void percent(struct lu_run *run)
{
	struct areas areas = look_at_areas();

	LU_CHECK(lu_dmesg_has("KHO: scratch scale is 70%"), "the log does not say what was "
		 "understood");
	LU_CHECK(areas.total >= 16 * MIB && areas.total <= 256 * MIB, "%llu MiB of scratch",
		 areas.total / MIB);
	(void)run;
}

LU_TEST(percent, "mem=1G own flavour=prod append=kho=on append=kho_scratch=64M,64M,64M "
	"append=kho_scratch=70%", percent);

/* More than there is: a clear word, KHO is off, and no memory is missing. */
static void too_large(struct lu_run *run, const char *what)
{
	LU_EQ(kho_log_count(what, NULL, 0), 1);
	LU_EQ(kho_log_count("Failed to reserve scratch area, disabling kexec handover", NULL, 0),
	      1);
	LU_EQ(kho_state("enabled"), 0);
	LU_EQ(kho_state("scratch_pageblocks"), 0);
	kho_do("alloc 1");
	LU_EQ(kho_try("preserve"), -EOPNOTSUPP);
	kho_do("free");
	LU_CHECK(lu_read_key("/proc/meminfo", "MemFree") > 600 << 10, "memory is missing");
	LU_EQ(lu_read_key("/proc/meminfo", "CmaFree"), 0);
	(void)run;
}

static void low_too_large(struct lu_run *run)
{
	too_large(run, "KHO: no room for a lowmem scratch area of 8192MiB");
}

static void node_too_large(struct lu_run *run)
{
	too_large(run, "KHO: no room for a scratch area of 8192MiB on node 0");
}

static void percent_too_large(struct lu_run *run)
{
	too_large(run, "KHO: no room for a lowmem scratch area of ");
}

LU_TEST(low_too_large, "mem=1G own flavour=prod append=kho=on append=kho_scratch=8G,0,0",
	low_too_large);
LU_TEST(node_too_large, "mem=1G own flavour=prod append=kho=on append=kho_scratch=64M,64M,8G",
	node_too_large);
LU_TEST(percent_too_large, "mem=1G own flavour=prod append=kho=on append=kho_scratch=4000000000%",
	percent_too_large);

LU_MAIN
