// SPDX-License-Identifier: GPL-2.0
/*
 * kho_machine: the handover beside other things that a machine does with its
 * memory or with kexec.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/kexec.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "kho_common.h"

/* kho=off in the second kernel, which takes over but does not hand on. */
static void on_before(struct lu_run *run)
{
	kho_check_cold();
	kho_do("alloc 1");
	kho_do("preserve");
	strcpy(run->append, "kho=off");
}

static void off(struct lu_run *run)
{
	LU_EQ(kho_state("kho_boot"), 1);
	LU_EQ(kho_state("enabled"), 0);
	kho_do("restore");
	LU_EQ(kho_try("preserve"), -EOPNOTSUPP);
	kho_do("verify");
	kho_do("free");
	strcpy(run->append, "kho=on");
}

static void on_after(struct lu_run *run)
{
	kho_check_cold();
	kho_do("alloc 3");
	kho_do("preserve");
	(void)run;
}

static void on_at_last(struct lu_run *run)
{
	kho_check_update(1);
	kho_do("restore");
	kho_do("free");
	(void)run;
}

LU_TEST(kho_off_on_either_side, "mem=1G flavour=prod append=kho=on", on_before, off, on_after,
	on_at_last);

/* Off means off: no files, no scratch, nothing in the log. */
static void never_on(struct lu_run *run)
{
	LU_EQ(kho_state("enabled"), 0);
	LU_EQ(kho_state("scratch_pageblocks"), 0);
	LU_CHECK(access("/sys/kernel/debug/kho", F_OK), "there is a debugfs folder");
	LU_CHECK(!lu_dmesg_has("KHO: "), "the log speaks of KHO");
	(void)run;
}

LU_TEST(off_means_off, "own flavour=prod+debug", never_on);

/* A kernel that knows nothing of the handover comes up, and so does the next one. */
static void to_stranger(struct lu_run *run)
{
	kho_do("alloc 1");
	kho_do("preserve");
	strcpy(run->image, "/boot/bzImage.bare");
}

static void stranger(struct lu_run *run)
{
	LU_CHECK(access(KHO_EXERCISE, F_OK), "this kernel has the option");
	LU_CHECK(lu_dmesg_has("Passed KHO data, but CONFIG_KEXEC_HANDOVER not set"),
		 "the log does not say that there is a handover");
	LU_CHECK(lu_read_key("/proc/meminfo", "MemFree") > 100 << 10, "no memory is free");
	strcpy(run->image, "");
}

static void from_stranger(struct lu_run *run)
{
	kho_check_cold();
	(void)run;
}

LU_TEST(kernel_without_kho, "mem=1G flavour=prod image=bare append=kho=on",
	to_stranger, stranger, from_stranger);

/* The last two begin and end inside of pages, perhaps of the same one. */
static void region_before(struct lu_run *run)
{
	static const char * const regions[] = { "lu_one", "lu_two", "lu_odd", "lu_tiny" };
	char line[80];

	if (run->stage)
		kho_check_update(run->stage);
	for (int i = 0; run->stage && i < 4; i++) {
		snprintf(line, sizeof(line), "Revived memory reservation '%s' from KHO",
			 regions[i]);
		LU_CHECK(lu_dmesg_has(line), "%s was not revived", regions[i]);
		kho_do("region_check %s %d", regions[i], 100 * i + run->stage);
	}
	for (int i = 0; i < 4; i++)
		kho_do("region %s %d", regions[i], 100 * i + run->stage + 1);
}

LU_TEST(reserve_mem, "mem=1G flavour=prod+debug append=kho=on append=reserve_mem=4M:4096:lu_one "
	"append=reserve_mem=12K:4096:lu_two append=reserve_mem=6000:64:lu_odd "
	"append=reserve_mem=3000:64:lu_tiny",
	region_before, region_before, region_before);

/* An image of kexec_load() cannot carry it, which is said when it is loaded. */
static void by_kexec_load(struct lu_run *run)
{
	static char code[4096];
	struct kexec_segment {
		const void *buf;
		size_t bufsz;
		const void *mem;
		size_t memsz;
	} segment = { code, sizeof(code), (void *)0x1000000, sizeof(code) };

	LU_CHECK(!lu_dmesg_has("kexec_load() cannot carry"), "it is said too early");
	LU_OK(syscall(SYS_kexec_load, 0x1000000, 1, &segment, KEXEC_ARCH_DEFAULT));
	LU_EQ(kho_log_count("an image loaded by kexec_load() cannot carry the handover",
			    NULL, 0), 1);
	LU_OK(syscall(SYS_kexec_load, 0, 0, NULL, KEXEC_ARCH_DEFAULT));
	(void)run;
}

LU_TEST(kexec_load, "mem=1G flavour=prod+debug own append=kho=on", by_kexec_load);

/* Scratch that is too small is said at load, and nothing is harmed. */
static void too_small(struct lu_run *run)
{
	LU_EQ(lu_kexec_load("/boot/bzImage.prod", lu_cmdline(), 0), -EADDRNOTAVAIL);
	LU_CHECK(lu_dmesg_has("does not fit into scratch"), "the log does not say why");
	kho_check_cold();
	(void)run;
}

LU_TEST(scratch_too_small, "mem=512M own append=kho=on append=kho_scratch=4M,4M,4M "
	"image=prod flavour=prod",
	too_small);

/*
 * A command line that leaves a scratch area out of RAM: that is what is said, and it
 * is a cold boot with what RAM there is.
 */
#define SCRATCH	"append=kho=on append=kho_scratch=96M,16M,16M"

static void less_ram(struct lu_run *run, const char *fmt, unsigned long long where)
{
	kho_check_cold();
	kho_do("alloc 1");
	kho_note_items(run);
	kho_do("preserve");
	snprintf(run->append, sizeof(run->append), fmt, where);
}

static void memmap_before(struct lu_run *run)
{
	unsigned long long addr[KHO_MAX_AREAS];
	int nr = kho_scratch_file("scratch_phys", addr);

	/* The area of the node, where no kernel fits in. */
	LU_EQ(nr, 3);
	less_ram(run, "memmap=1M$0x%llx", addr[2] + (8 << 20));
}

static void mem_before(struct lu_run *run)
{
	unsigned long long addr[KHO_MAX_AREAS];

	LU_EQ(kho_scratch_file("scratch_phys", addr), 3);
	LU_CHECK(addr[0] < 3ULL << 30 && addr[1] > 4ULL << 30, "areas at 0x%llx and 0x%llx",
		 addr[0], addr[1]);
	less_ram(run, "mem=%lluG", 3);
}

static void less_ram_after(struct lu_run *run)
{
	char line[256] = "";

	LU_EQ(kho_log_count(KHO_LOST, line, sizeof(line)), 1);
	LU_CHECK(strstr(line, "a scratch area is not in RAM"), "the log says '%s'", line);
	kho_check_cold();
	kho_do("alloc 2");
	kho_do("preserve");
	(void)run;
}

static void memmap_after(struct lu_run *run)
{
	int err = kho_try_claimed(run);

	/* A little of it was in use before the map could be read. */
	LU_CHECK(!err || err == -EBADMSG, "what was preserved is given away: %s", strerror(-err));
	less_ram_after(run);
}

LU_TEST(memmap_in_scratch, "mem=1G flavour=prod " SCRATCH, memmap_before, memmap_after);
LU_TEST(mem_below_scratch, "mem=4G flavour=prod " SCRATCH, mem_before, less_ram_after);

/*
 * kho_init() fails at each of its steps. A cold boot takes scratch back; what came from
 * the previous kernel can be had all the same.
 */
static void failed(struct lu_run *run, const char *what)
{
	char line[128];

	snprintf(line, sizeof(line), "KHO: disabled, nothing can be preserved for the next "
		 "kernel: %s (-", what);
	LU_EQ(kho_log_count(line, NULL, 0), 1);
	LU_EQ(kho_state("enabled"), 0);
	LU_CHECK(access("/sys/kernel/debug/kho", F_OK), "there is a debugfs folder");
	if (kho_state("kho_boot")) {
		kho_do("restore");
		kho_do("verify");
		LU_CHECK(kho_state("scratch_pageblocks") > 0, "scratch is no scratch any more");
		LU_EQ(kho_state("scratch_not_cma"), 0);
	} else {
		kho_do("alloc %d", run->stage);
		LU_EQ(kho_state("scratch_pageblocks"), 0);
		LU_EQ(lu_read_key("/proc/meminfo", "CmaFree"), 0);
		LU_CHECK(llabs(kho_state("managed") - lu_get_num(run, "managed")) < 256,
			 "%lld pages managed, %s with scratch", kho_state("managed"),
			 lu_get(run, "managed"));
	}
	LU_EQ(kho_try("preserve"), -EOPNOTSUPP);
	kho_do("free");
}

static void to_failure(struct lu_run *run)
{
	kho_check_cold();
	lu_set(run, "managed", "%lld", kho_state("managed"));
	kho_do("alloc 1");
	kho_do("preserve");
	strcpy(run->append, "kho_exercise_fail=metadata");
}

static void metadata_fails(struct lu_run *run)
{
	LU_EQ(kho_state("kho_boot"), 1);
	failed(run, "metadata");
	strcpy(run->append, "kho_exercise_fail=fdt");
}

static void fdt_fails(struct lu_run *run)
{
	LU_EQ(kho_state("kho_boot"), 0);
	failed(run, "root FDT");
	strcpy(run->append, "kho_exercise_fail=tree");
}

static void tree_fails(struct lu_run *run)
{
	LU_EQ(kho_state("kho_boot"), 0);
	failed(run, "preserved-memory tree");
	strcpy(run->append, "kho_exercise_fail=none");
}

static void from_failure(struct lu_run *run)
{
	kho_check_cold();
	(void)run;
}

LU_TEST(init_fails, "mem=1G flavour=prod append=kho=on", to_failure, metadata_fails, fdt_fails,
	tree_fails, from_failure);

/* The firmware of the next kernel may want memory that was preserved: that block is lost. */
static void to_claim(struct lu_run *run)
{
	unsigned long long phys;

	kho_do("alloc 1");
	kho_note_items(run);
	kho_do("preserve");
	phys = strtoull(lu_get(run, "item01"), NULL, 10);
	snprintf(run->append, sizeof(run->append), "kho_exercise_claim=0x%llx,8K", phys + 4096);
}

static void from_claim(struct lu_run *run)
{
	char line[128] = "";
	unsigned long long nr, all;

	kho_check_update(1);
	LU_EQ(kho_log_count("preserved blocks are lost", NULL, 0), 1);
	LU_EQ(kho_log_count("KHO: 1 of ", line, sizeof(line)), 1);
	LU_CHECK(sscanf(line, "KHO: %llu of %llu preserved blocks are lost: the firmware claims",
			&nr, &all) == 2 && all > 1, "the log says '%s'", line);
	/* That one is missing, the others are there. */
	LU_EQ(kho_try("restore"), -EINVAL);
	kho_do("verify");
	LU_CHECK(kho_item_pages(0) > 1024, "more is missing");
	LU_EQ(kho_log_count("kho_exercise: not restored", NULL, 0), 1);
	kho_do("free");
	kho_check_kernel();
	(void)run;
}

LU_TEST(claimed_by_firmware, "mem=1G flavour=prod append=kho=on", to_claim, from_claim);

/*
 * UEFI firmware. The memory that its table of memory attributes is in is nobody's after the first
 * kernel: what is found there later must not be taken for the table.
 */
static void uefi(struct lu_run *run)
{
	long long total = lu_read_key("/proc/meminfo", "MemTotal");

	LU_CHECK(!access("/sys/firmware/efi/runtime-map", F_OK), "no runtime services");
	LU_CHECK(lu_dmesg_has(" MEMATTR=0x"), "no such table");
	LU_EQ(lu_dmesg_has(" MEMATTR=0xffffffffffffffff"), !!run->stage);
	if (run->stage) {
		kho_check_update(run->stage);
		LU_CHECK(total > lu_get_num(run, "total") - (64 << 10), "%lld KiB, %s before",
			 total, lu_get(run, "total"));
		kho_do("restore");
	} else {
		kho_check_cold();
		lu_set(run, "total", "%lld", total);
		kho_do("alloc 8");
		kho_do("mutate efi_memattr");
	}
	kho_do("verify");
	if (run->stage + 1 < run->nr_stages)
		kho_do("preserve");
}

LU_TEST(uefi, "mem=3G uefi flavour=prod append=kho=on", uefi, uefi, uefi);

/*
 * What the second kernel is the first to ask for is for long: not where the third one is
 * loaded. Scratch is the highest memory here, and would be the first choice.
 */
static void ask_for(struct lu_run *run)
{
	kho_do("alloc 1");
	kho_do("preserve");
	strcpy(run->append, "cma=256M crashkernel=64M");
}

static void check_beside(unsigned long long start, unsigned long long end)
{
	unsigned long long addr[KHO_MAX_AREAS], size[KHO_MAX_AREAS];
	int nr = kho_scratch_file("scratch_phys", addr);

	LU_EQ(kho_scratch_file("scratch_len", size), nr);
	for (int i = 0; i < nr; i++)
		LU_CHECK(end <= addr[i] || start >= addr[i] + size[i],
			 "0x%llx-0x%llx is in scratch at 0x%llx", start, end, addr[i]);
}

static void beside(struct lu_run *run)
{
	unsigned long long start, end;
	char line[128] = "", *p = NULL;
	size_t len = 0;
	FILE *f;

	kho_check_update(1);
	LU_EQ(kho_log_count("cma: Reserved 256 MiB at ", line, sizeof(line)), 1);
	LU_CHECK(sscanf(line, "cma: Reserved 256 MiB at %llx", &start) == 1, "'%s'", line);
	check_beside(start, start + (256 << 20));

	f = fopen("/proc/iomem", "re");
	LU_CHECK(f, "/proc/iomem: %m");
	while (getline(&p, &len, f) > 0 && !strstr(p, "Crash kernel"))
		;
	LU_CHECK(!feof(f) && sscanf(p, " %llx-%llx", &start, &end) == 2, "no crash kernel");
	check_beside(start, end + 1);
	fclose(f);
	free(p);
	kho_do("restore");
	kho_do("free");
	(void)run;
}

LU_TEST(cma_beside_scratch, "mem=2G flavour=prod append=kho=on append=kho_scratch=64M,64M,512M",
	ask_for, beside);

/* Scratch is the next kernel's. */
static void in_scratch(struct lu_run *run)
{
	LU_EQ(kho_try("scratch"), -EINVAL);
	LU_CHECK(lu_dmesg_has(", 1 pages: in KHO scratch"), "the log does not say it");
	(void)run;
}

LU_TEST(preserve_in_scratch, "mem=1G flavour=prod append=kho=on expect=WARNING:.*kho_may_preserve",
	in_scratch);

/*
 * Memory that is plugged in later is in no memory map that the next kernel gets. Here it is
 * what the command line left out.
 */
#define PLUGGED	(1ULL << 30)

static void plug(struct lu_run *run)
{
	char path[64];

	if (run->stage) {
		kho_check_update(1);
		kho_do("restore");
	} else {
		kho_do("alloc 1");
	}
	LU_EQ(kho_try("try %llu", PLUGGED), -ENOENT);
	lu_write("/sys/devices/system/memory/probe", "0x40000000");
	snprintf(path, sizeof(path), "/sys/devices/system/memory/memory%llu/state",
		 PLUGGED >> 27);
	lu_write(path, "online_movable");
	LU_EQ(kho_try("try %llu", PLUGGED), -EINVAL);
	LU_EQ(kho_try("try %llu", PLUGGED - 4096), 0);
	kho_do("verify");
	kho_do("preserve");
}

LU_TEST(memory_plugged_later, "mem=2G flavour=prod append=kho=on append=mem=1G", plug, plug);

/* With CONFIG_KEXEC_HANDOVER_DEBUG memory has one owner. */
static void twice(struct lu_run *run)
{
	LU_EQ(kho_try("twice"), -EEXIST);
	LU_CHECK(lu_dmesg_has(", order 1: preserved twice"), "the log does not say it");
	(void)run;
}

LU_TEST(preserved_twice, "mem=1G flavour=debug append=kho=on "
	"expect=WARNING:.*kho_preserve", twice);

/* What KUnit can test only without kho=on. */
static void kunit_off(struct lu_run *run)
{
	LU_CHECK(lu_dmesg_has("ok 1 kho_disabled_test"), "it failed, or was not run");
	LU_CHECK(!lu_dmesg_has("kho_disabled_test # SKIP"), "it was skipped");
	(void)run;
}

LU_TEST(kunit_without_kho, "mem=1G own flavour=debug append=kunit.enable=1 "
	"append=kunit.filter_glob=kho_core.kho_disabled_test", kunit_off);

/*
 * Fill memory with all kinds of kernel objects and page cache, so that scratch is
 * wanted by everyone; only what can be moved may be in it.
 */
static void under_pressure(struct lu_run *run)
{
	long long left = lu_read_key("/proc/meminfo", "MemFree");
	char path[64];
	static char page[65536];
	bool full = false;

	if (run->stage) {
		kho_check_update(run->stage);
		kho_do("restore");
	} else {
		kho_do("alloc 5");
	}
	/* Directory entries and inodes, then page cache, until little is free. */
	for (int i = 0; i < 4000; i++) {
		snprintf(path, sizeof(path), "/tmp/%d", i);
		close(LU_OK(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)));
	}
	for (int i = 0; i < 4000 && !full && lu_read_key("/proc/meminfo", "MemFree") > left / 5;
	     i++) {
		int fd;

		snprintf(path, sizeof(path), "/tmp/%d", i);
		fd = LU_OK(open(path, O_WRONLY | O_CLOEXEC));
		/* tmpfs takes half of the memory and no more. */
		for (int n = 0; n < 16 && !full; n++)
			full = write(fd, page, sizeof(page)) != sizeof(page);
		close(fd);
	}
	kho_check_kernel();
	kho_do("verify");
	kho_do("preserve");
	lu_note("%lld pageblocks of scratch, %lld KiB free", kho_state("scratch_pageblocks"),
		lu_read_key("/proc/meminfo", "MemFree"));
}

LU_TEST(scratch_stays_movable, "mem=1G cpus=2 flavour=prod append=kho=on",
	under_pressure, under_pressure);
/* KASAN takes an eighth, and its shadow is in nobody's way. */
LU_TEST(scratch_stays_movable_debug, "mem=2G cpus=2 flavour=+debug append=kho=on",
	under_pressure, under_pressure);

/* The crash kernel of a kernel that took over: it boots, and leaves all alone. */
static void load_crash(struct lu_run *run)
{
	char cmdline[4096];

	if (!run->stage) {
		kho_do("alloc 7");
		kho_do("preserve");
		return;
	}
	kho_check_update(1);
	kho_do("restore");
	kho_do("preserve");
	LU_EQ(lu_read_key("/sys/kernel/kexec_crash_size", "") > 0, 1);
	snprintf(cmdline, sizeof(cmdline), "%s lu.stage=2 lu.state=%s", lu_cmdline(), run->state);
	LU_EQ(lu_kexec_load("/boot/bzImage", cmdline, KEXEC_FILE_ON_CRASH), 0);
	lu_write("/proc/sysrq-trigger", "c");
	sleep(60);
	LU_FAIL("no crash");
}

static void crash_kernel(struct lu_run *run)
{
	struct stat st;

	LU_OK(stat("/proc/vmcore", &st));
	LU_EQ(kho_state("kho_boot"), 0);
	LU_EQ(kho_state("enabled"), 0);
	LU_CHECK(lu_dmesg_has("KHO: disabled in the kdump kernel"), "the log does not say it");
	LU_EQ(kho_try("restore"), -ENOENT);
	(void)run;
}

LU_TEST(crash_after_update, "mem=1G flavour=prod append=kho=on append=crashkernel=256M "
	"expect=sysrq\\x20triggered\\x20crash",
	load_crash, load_crash, crash_kernel);
LU_TEST(crash_after_update_debug, "mem=2G flavour=+debug append=kho=on "
	"append=crashkernel=768M leaks=first expect=sysrq\\x20triggered\\x20crash",
	load_crash, load_crash, crash_kernel);

LU_MAIN
