// SPDX-License-Identifier: GPL-2.0
/*
 * memfd_kinds: memfds of all kinds go over two updates: as they were made, and as they
 * came back. A kind says how its memfd is made and what is true of it ever after.
 */
#define _GNU_SOURCE
#include <linux/falloc.h>
#include <linux/kernel-page-flags.h>
#include <linux/loop.h>
#include <linux/mempolicy.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>

#include "luo_common.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

#define PAGE	4096
#define PMD	(2 << 20)
#define SHMEM_HUGE	"/sys/kernel/mm/transparent_hugepage/shmem_enabled"

/* Without make and check: so many bytes of that seed. */
struct kind {
	const char *name;
	int (*make)(void);
	void (*late)(int fd);	/* what is done to it after it was preserved */
	void (*check)(int fd);
	off_t size;
	uint64_t seed;
};

static int sized(off_t size, uint64_t seed)
{
	int fd = LU_OK(memfd_create("kind", MFD_CLOEXEC));

	LU_OK(ftruncate(fd, size));
	luo_fill(fd, 0, size, seed);
	return fd;
}

static void check_sized(int fd, off_t size, uint64_t seed)
{
	char c;

	LU_EQ(luo_size(fd), size);
	luo_verify(fd, 0, size, seed);
	LU_EQ(pread(fd, &c, 1, size), 0);
}

/* The last page is zero behind the end, also if somebody has written there. */
static int make_tail(void)
{
	int fd = sized(PAGE + 100, 17);
	char *map = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	LU_CHECK(map != MAP_FAILED, "mmap: %m");
	memset(map + PAGE + 100, 0xee, PAGE - 100);
	munmap(map, 2 * PAGE);
	return fd;
}

static void check_tail(int fd)
{
	check_sized(fd, PAGE + 100, 17);
}

/* Data ranges, as SEEK_DATA and SEEK_HOLE see them. */
static void check_ranges(int fd, const off_t *range, int nr)
{
	off_t at = 0;

	for (int i = 0; i < nr; i++) {
		at = LU_OK(lseek(fd, at, SEEK_DATA));
		LU_CHECK(at == range[2 * i], "data %d begins at %lld, not %lld", i, (long long)at,
			 (long long)range[2 * i]);
		at = LU_OK(lseek(fd, at, SEEK_HOLE));
		LU_CHECK(at == range[2 * i + 1], "data %d ends at %lld, not %lld", i,
			 (long long)at, (long long)range[2 * i + 1]);
	}
	LU_CHECK(lseek(fd, at, SEEK_DATA) < 0 && errno == ENXIO, "there is more data behind %lld",
		 (long long)at);
	LU_OK(lseek(fd, 0, SEEK_SET));
}

#define SPARSE_SIZE	(5ll << 30)

static const off_t sparse_ranges[] = {
	3 * PAGE, 5 * PAGE,
	700 << 20, (700 << 20) + PAGE,
	(1ll << 32) - PAGE, (1ll << 32) + PAGE,
	SPARSE_SIZE - PAGE, SPARSE_SIZE,
};

static int make_sparse(void)
{
	int fd = LU_OK(memfd_create("sparse", MFD_CLOEXEC));

	LU_OK(ftruncate(fd, SPARSE_SIZE));
	for (size_t i = 0; i < ARRAY_LEN(sparse_ranges); i += 2)
		luo_fill(fd, sparse_ranges[i], sparse_ranges[i + 1] - sparse_ranges[i], 20);
	return fd;
}

static void check_sparse(int fd)
{
	LU_EQ(luo_size(fd), SPARSE_SIZE);
	check_ranges(fd, sparse_ranges, ARRAY_LEN(sparse_ranges) / 2);
	for (size_t i = 0; i < ARRAY_LEN(sparse_ranges); i += 2)
		luo_verify(fd, sparse_ranges[i], sparse_ranges[i + 1] - sparse_ranges[i], 20);
	luo_verify_zero(fd, 0, 3 * PAGE);
}

static int make_hole(void)
{
	int fd = LU_OK(memfd_create("hole", MFD_CLOEXEC));

	LU_OK(ftruncate(fd, 1ll << 40));
	return fd;
}

static void check_hole(int fd)
{
	struct stat st;

	LU_OK(fstat(fd, &st));
	LU_EQ(st.st_size, 1ll << 40);
	LU_EQ(st.st_blocks, 0);
	luo_verify_zero(fd, (1ll << 39) + 5, 8192);
}

/* Holes that were filled after it was preserved, in each way, at each border. */
#define LATE_SIZE	(64ll << 20)

static int make_late(void)
{
	int fd = LU_OK(memfd_create("late", MFD_CLOEXEC));

	LU_OK(ftruncate(fd, LATE_SIZE));
	luo_fill(fd, 32 << 20, 2 * PAGE, 21);
	return fd;
}

static const off_t late_ranges[] = {
	0, PAGE,
	(32 << 20) - PAGE, (32 << 20) + 3 * PAGE,
	40 << 20, (40 << 20) + (1 << 20),
	LATE_SIZE - PAGE, LATE_SIZE,
};

/* Again in each kernel: the second time they are no holes any more. */
static void late_late(int fd)
{
	char *map = mmap(NULL, LATE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	LU_CHECK(map != MAP_FAILED, "mmap: %m");
	luo_fill(fd, 0, PAGE, 21);
	luo_fill(fd, (32 << 20) - PAGE, PAGE, 21);
	luo_fill(fd, (32 << 20) + 2 * PAGE, PAGE, 21);
	for (off_t at = 0; at < 1 << 20; at += PAGE)
		map[(40 << 20) + at] = 1;
	luo_fill(fd, 40 << 20, 1 << 20, 21);
	map[LATE_SIZE - 1] = 'z';
	munmap(map, LATE_SIZE);
}

static void check_late(int fd)
{
	char c;

	LU_EQ(luo_size(fd), LATE_SIZE);
	LU_EQ(pread(fd, &c, 1, LATE_SIZE - 1), 1);
	LU_EQ(c, 'z');
	check_ranges(fd, late_ranges, ARRAY_LEN(late_ranges) / 2);
	for (int i = 0; i < 3; i++)
		luo_verify(fd, late_ranges[2 * i], late_ranges[2 * i + 1] - late_ranges[2 * i], 21);
	luo_verify_zero(fd, LATE_SIZE - PAGE, PAGE - 1);
}

/* Allocated, never touched, and some of it behind the end. */
static int make_fallocated(void)
{
	int fd = LU_OK(memfd_create("fallocated", MFD_CLOEXEC));

	LU_OK(fallocate(fd, 0, 0, 1 << 20));
	LU_OK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 1 << 20, 1 << 20));
	luo_fill(fd, 8192, PAGE, 22);
	return fd;
}

static void check_fallocated(int fd)
{
	struct stat st;

	LU_OK(fstat(fd, &st));
	LU_EQ(st.st_size, 1 << 20);
	LU_EQ(st.st_blocks, (1 << 20) / 512);
	luo_verify_zero(fd, 0, 8192);
	luo_verify(fd, 8192, PAGE, 22);
	luo_verify_zero(fd, 12288, (1 << 20) - 12288);
}

/* What was written after it was preserved is what counts. */
static void late_plain(int fd)
{
	char *map = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	LU_CHECK(map != MAP_FAILED, "mmap: %m");
	memset(map, 0, 1 << 20);
	madvise(map, 1 << 20, MADV_PAGEOUT);
	madvise(map, 1 << 20, MADV_COLLAPSE);
	munmap(map, 1 << 20);
	luo_fill(fd, 0, 1 << 20, 10);
}

static const struct kind kinds[] = {
	{ "plain", .late = late_plain, .size = 1 << 20, .seed = 10 },
	{ "empty", .size = 0, .seed = 11 },
	{ "one byte", .size = 1, .seed = 12 },
	{ "page", .size = PAGE, .seed = 13 },
	{ "page and byte", .size = PAGE + 1, .seed = 14 },
	{ "odd", .size = 123457, .seed = 15 },
	/* Several batches, whatever their size. */
	{ "larger", .size = 37 * 31 * PAGE, .seed = 16 },
	{ "tail", .make = make_tail, .check = check_tail },
	{ "sparse", .make = make_sparse, .check = check_sparse },
	{ "hole", .make = make_hole, .check = check_hole },
	{ "late", .make = make_late, .late = late_late, .check = check_late },
	{ "fallocated", .make = make_fallocated, .check = check_fallocated },
};

static int make(const struct kind *kind)
{
	return kind->make ? kind->make() : sized(kind->size, kind->seed);
}

static void check(const struct kind *kind, int fd)
{
	if (kind->check)
		kind->check(fd);
	else
		check_sized(fd, kind->size, kind->seed);
}

static void keep(int session, const struct kind *kind, int fd, int token)
{
	luo_preserve(session, fd, token);
	if (kind->late)
		kind->late(fd);
	luo_close(fd);
}

/* All of what came: looked at once, and taken again before the session is gone. */
static int *take_all(int dev, const struct kind *list, int nr)
{
	int session = luo_retrieve(dev, "kinds"), *fds = calloc(nr, sizeof(*fds));

	for (int i = 0; i < nr; i++) {
		int fd = luo_take(session, i);

		lu_note("%s", list[i].name);
		check(&list[i], fd);
		luo_close(fd);
		fds[i] = luo_take(session, i);
	}
	luo_finish(session);
	luo_close(session);
	return fds;
}

static void update(struct lu_run *run, const struct kind *list, int nr)
{
	int dev = luo_open(), session, *fds = NULL;

	if (run->stage)
		fds = take_all(dev, list, nr);
	if (run->stage + 1 == run->nr_stages) {
		for (int i = 0; i < nr; i++)
			check(&list[i], fds[i]);
		return;
	}
	session = luo_create(dev, "kinds");
	for (int i = 0; i < nr; i++)
		keep(session, &list[i], fds ? fds[i] : make(&list[i]), i);
}

static void all_kinds(struct lu_run *run)
{
	update(run, kinds, ARRAY_LEN(kinds));
}

LU_TEST(kinds, "mem=512M flavour=prod " LUO_ON, all_kinds, all_kinds, all_kinds);
LU_TEST(kinds_debug, "mem=1G flavour=debug " LUO_ON, all_kinds, all_kinds);

static long long huge_kib(void)
{
	return lu_read_key("/proc/meminfo", "ShmemHugePages");
}

/* A huge page, and one with a hole in it. */
static int make_broken(void)
{
	int fd = sized(2 * PMD, 31);

	LU_OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PMD + 5 * PAGE, 3 * PAGE));
	return fd;
}

static void check_broken(int fd)
{
	LU_EQ(luo_size(fd), 2 * PMD);
	luo_verify(fd, 0, PMD + 5 * PAGE, 31);
	luo_verify_zero(fd, PMD + 5 * PAGE, 3 * PAGE);
	luo_verify(fd, PMD + 8 * PAGE, PMD - 8 * PAGE, 31);
}

static const struct kind huge_kinds[] = {
	{ "huge", .size = 3 * PMD, .seed = 30 },
	{ "broken", .make = make_broken, .check = check_broken },
	{ "unaligned", .size = PMD + 7 * PAGE + 9, .seed = 32 },
};

static void huge(struct lu_run *run)
{
	if (access(SHMEM_HUGE, F_OK))
		lu_skip("no huge pages (CONFIG_TRANSPARENT_HUGEPAGE)");
	/* The new kernel has it off: what is huge is what came. */
	if (!run->stage)
		lu_write(SHMEM_HUGE, "force");
	update(run, huge_kinds, ARRAY_LEN(huge_kinds));
	lu_note("%lld KiB of huge pages", huge_kib());
	LU_CHECK(huge_kib() >= 4 * (PMD >> 10), "only %lld KiB of huge pages", huge_kib());
}

LU_TEST(huge_pages, "mem=1G " LUO_ON, huge, huge, huge);

/* What came as a huge page can be split as any other, and each part freed. */
static void to_split(struct lu_run *run)
{
	if (access(SHMEM_HUGE, F_OK))
		lu_skip("no huge pages (CONFIG_TRANSPARENT_HUGEPAGE)");
	lu_write(SHMEM_HUGE, "force");
	keep(luo_create(luo_open(), "kinds"), &huge_kinds[0], make(&huge_kinds[0]), 0);
	LU_CHECK(huge_kib() >= 3 * (PMD >> 10), "only %lld KiB of huge pages", huge_kib());
	(void)run;
}

static void from_split(struct lu_run *run)
{
	int fd = take_all(luo_open(), huge_kinds, 1)[0];

	LU_EQ(huge_kib(), 3 * (PMD >> 10));
	LU_OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PMD + PAGE, PAGE));
	LU_EQ(huge_kib(), 2 * (PMD >> 10));
	luo_verify(fd, 0, PMD + PAGE, 30);
	luo_verify_zero(fd, PMD + PAGE, PAGE);
	luo_verify(fd, PMD + 2 * PAGE, 2 * PMD - 2 * PAGE, 30);
	LU_OK(ftruncate(fd, 0));
	LU_EQ(huge_kib(), 0);
	(void)run;
}

LU_TEST(huge_page_split, "mem=512M flavour=prod+debug " LUO_ON, to_split, from_split);

/* Of every order between, side by side in one file: a MiB of each. */
#define ORDER_SIZE	(10 << 20)
#define ORDER_MIN	2
#define ORDER_MAX	8
#define ORDER_AT(order)	(((order) - ORDER_MIN) << 20)

static const char *order_file(int order, const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "/sys/kernel/mm/transparent_hugepage/hugepages-%dkB/%s",
		 4 << order, name);
	return path;
}

/* Where a large folio of the file can be mapped whole. */
static char *map_orders(int fd)
{
	char *room = mmap(NULL, ORDER_SIZE + PMD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	LU_CHECK(room != MAP_FAILED, "mmap: %m");
	room = (char *)(((uintptr_t)room + PMD - 1) & -(uintptr_t)PMD);
	LU_CHECK(mmap(room, ORDER_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) ==
		 room, "mmap: %m");
	return room;
}

/* Each folio begins where it has to, and is as long. */
static void check_folios(int fd)
{
	int pagemap = LU_OK(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
	int flags = LU_OK(open("/proc/kpageflags", O_RDONLY | O_CLOEXEC));
	char *map = map_orders(fd);
	uint64_t entry, flag;

	for (int order = ORDER_MIN; order <= ORDER_MAX; order++) {
		for (int page = 0; page < 1 << 8; page++) {
			char *at = map + ORDER_AT(order) + page * PAGE;
			bool head = !(page % (1 << order));

			(void)*(volatile char *)at;
			LU_EQ(pread(pagemap, &entry, 8, (uintptr_t)at / PAGE * 8), 8);
			LU_CHECK(entry >> 63, "a page of order %d is not there", order);
			entry &= (1ull << 55) - 1;
			LU_EQ(pread(flags, &flag, 8, entry * 8), 8);
			LU_CHECK(flag & 1ull << (head ? KPF_COMPOUND_HEAD : KPF_COMPOUND_TAIL),
				 "page %d of order %d is no %s: %#llx", page, order,
				 head ? "head" : "tail", (unsigned long long)flag);
		}
	}
	munmap(map, ORDER_SIZE);
	close(pagemap);
	close(flags);
}

static int make_orders(void)
{
	int fd = LU_OK(memfd_create("orders", MFD_CLOEXEC));
	char *map;

	LU_OK(ftruncate(fd, ORDER_SIZE));
	map = map_orders(fd);
	for (int order = ORDER_MIN; order <= ORDER_MAX; order++) {
		long long before = atoll(lu_read(order_file(order, "stats/shmem_alloc"))), nr;

		lu_write(order_file(order, "shmem_enabled"), "always");
		/* write() takes pages of order 0 whatever is enabled, a fault does not. */
		for (int at = 0; at < 1 << 20; at += PAGE)
			map[ORDER_AT(order) + at] = 1;
		lu_write(order_file(order, "shmem_enabled"), "never");
		nr = atoll(lu_read(order_file(order, "stats/shmem_alloc"))) - before;
		LU_EQ(nr, (1 << 20) / (PAGE << order));
	}
	munmap(map, ORDER_SIZE);
	luo_fill(fd, 0, ORDER_SIZE, 33);
	check_folios(fd);
	return fd;
}

static void check_orders(int fd)
{
	check_sized(fd, ORDER_SIZE, 33);
	check_folios(fd);
}

static const struct kind order_kinds[] = {
	{ "orders", .make = make_orders, .check = check_orders },
};

static void orders(struct lu_run *run)
{
	if (access(order_file(ORDER_MAX, "shmem_enabled"), F_OK))
		lu_skip("no pages of intermediate order");
	update(run, order_kinds, ARRAY_LEN(order_kinds));
}

LU_TEST(all_orders, "mem=512M flavour=prod " LUO_ON, orders, orders, orders);

/* Its pages come from two nodes in turn. */
#define SPREAD_SIZE	(400 * PAGE)

static int make_spread(void)
{
	unsigned long nodes = 3;
	int fd;

	LU_OK(syscall(SYS_set_mempolicy, MPOL_INTERLEAVE, &nodes, 8 * sizeof(nodes)));
	fd = sized(SPREAD_SIZE, 34);
	LU_OK(syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0));
	return fd;
}

static void check_spread(int fd)
{
	int node, count[2] = { 0 };
	char *map;

	check_sized(fd, SPREAD_SIZE, 34);
	map = mmap(NULL, SPREAD_SIZE, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
	LU_CHECK(map != MAP_FAILED, "mmap: %m");
	for (off_t at = 0; at < SPREAD_SIZE; at += PAGE) {
		LU_OK(syscall(SYS_get_mempolicy, &node, NULL, 0, map + at,
			      MPOL_F_NODE | MPOL_F_ADDR));
		LU_CHECK(node == 0 || node == 1, "a page of node %d", node);
		count[node]++;
	}
	munmap(map, SPREAD_SIZE);
	lu_note("pages of node 0: %d, of node 1: %d", count[0], count[1]);
	LU_CHECK(count[0] > 100 && count[1] > 100, "it is not spread");
}

static const struct kind spread_kinds[] = {
	{ "spread", .make = make_spread, .check = check_spread },
};

static void spread(struct lu_run *run)
{
	update(run, spread_kinds, ARRAY_LEN(spread_kinds));
}

LU_TEST(two_nodes, "mem=1G cpus=2 numa=2 flavour=prod " LUO_ON, spread, spread, spread);

/* A swap device: a loop device on a file of memory that is not swapped. */
static void swap_on(off_t size)
{
	static char head[PAGE];
	uint32_t info[3] = { 1, size / PAGE - 1, 0 };
	int file, loop, control, n;
	char path[32];

	LU_OK(mkdir("/noswap", 0700));
	LU_OK(mount("noswap", "/noswap", "tmpfs", 0, "noswap"));
	file = LU_OK(open("/noswap/file", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
	LU_OK(fallocate(file, 0, 0, size));
	memcpy(head + 1024, info, sizeof(info));
	memcpy(head + PAGE - 10, "SWAPSPACE2", 10);
	LU_EQ(pwrite(file, head, PAGE, 0), PAGE);
	control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	if (control < 0)
		lu_skip("no loop devices (CONFIG_BLK_DEV_LOOP)");
	n = LU_OK(ioctl(control, LOOP_CTL_GET_FREE));
	snprintf(path, sizeof(path), "/dev/loop%d", n);
	loop = LU_OK(open(path, O_RDWR | O_CLOEXEC));
	LU_OK(ioctl(loop, LOOP_SET_FD, file));
	LU_OK(swapon(path, 0));
}

static int make_swapped(void)
{
	off_t size = 24 << 20;
	int fd = sized(size, 40);
	long long swapped = 0;
	char *map;

	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	LU_CHECK(map != MAP_FAILED, "mmap: %m");
	for (int i = 0; i < 50 && swapped < 8 << 10; i++) {
		/* Some of them twice, some never. */
		for (off_t at = 0; at < size; at += PAGE)
			(void)*(volatile char *)(map + at);
		LU_OK(madvise(map + size / 4, size / 2, MADV_PAGEOUT));
		swapped = lu_read_key("/proc/meminfo", "SwapTotal") -
			  lu_read_key("/proc/meminfo", "SwapFree");
	}
	munmap(map, size);
	lu_note("%lld KiB are swapped out", swapped);
	LU_CHECK(swapped >= 8 << 10, "only %lld KiB are swapped out", swapped);
	return fd;
}

static void check_swapped(int fd)
{
	check_sized(fd, 24 << 20, 40);
}

static void late_swapped(int fd)
{
	char *map = mmap(NULL, 24 << 20, PROT_READ, MAP_SHARED, fd, 0);
	long long swapped;

	LU_CHECK(map != MAP_FAILED, "mmap: %m");
	/* All of it is back, and stays. */
	swapped = lu_read_key("/proc/meminfo", "SwapTotal") -
		  lu_read_key("/proc/meminfo", "SwapFree");
	madvise(map, 24 << 20, MADV_PAGEOUT);
	munmap(map, 24 << 20);
	LU_CHECK(swapped < 1 << 10, "%lld KiB are still swapped out", swapped);
}

static const struct kind swap_kinds[] = {
	{ "swapped", .make = make_swapped, .late = late_swapped, .check = check_swapped },
};

static void swapped(struct lu_run *run)
{
	if (!run->stage)
		swap_on(64 << 20);
	update(run, swap_kinds, ARRAY_LEN(swap_kinds));
}

LU_TEST(swapped_out, "mem=512M flavour=prod " LUO_ON, swapped, swapped);
LU_TEST(swapped_out_debug, "mem=1G flavour=+debug " LUO_ON, swapped, swapped);

/* Record arrays of exactly as many pages as one chunk has entries, and of more. */
#define CHUNK	511ll
#define RECORDS	(PAGE / 16)

static void arrays_before(struct lu_run *run)
{
	static const int extra[] = { -1, 0, 1 };
	int dev = luo_open(), session = luo_create(dev, "arrays");
	off_t size;

	for (size_t i = 0; i < ARRAY_LEN(extra); i++) {
		size = (CHUNK * RECORDS + extra[i] * RECORDS) * PAGE;
		luo_preserve(session, luo_stamped_memfd(size, i), i);
	}
	(void)run;
}

static void arrays_after(struct lu_run *run)
{
	static const int extra[] = { -1, 0, 1 };
	int dev = luo_open(), session = luo_retrieve(dev, "arrays");
	off_t size;

	for (size_t i = 0; i < ARRAY_LEN(extra); i++) {
		size = (CHUNK * RECORDS + extra[i] * RECORDS) * PAGE;
		luo_check_stamp(luo_take(session, i), size, i);
	}
	luo_finish(session);
	(void)run;
}

LU_TEST(array_of_511_pages, "mem=2500M flavour=prod " LUO_ON, arrays_before, arrays_after);

/* More than 4 GiB, all of it there. */
static void populated_before(struct lu_run *run)
{
	int dev = luo_open(), session = luo_create(dev, "populated");

	lu_write(SHMEM_HUGE, "force");
	luo_preserve(session, luo_stamped_memfd((4ll << 30) + PMD, 50), 1);
	(void)run;
}

static void populated_after(struct lu_run *run)
{
	int dev = luo_open(), session = luo_retrieve(dev, "populated");

	luo_check_stamp(luo_take(session, 1), (4ll << 30) + PMD, 50);
	luo_finish(session);
	(void)run;
}

LU_TEST(populated_4g, "mem=6G flavour=prod " LUO_ON, populated_before, populated_after);

LU_MAIN
