// SPDX-License-Identifier: GPL-2.0
/*
 * bench_luo: what a live update costs: per session, per file, per page and MiB, and
 * the blackout with its phases. Sizes are n, 2n, 4n (files: 8n), so that a cost
 * that is not constant shows. Each size takes an update of its own.
 *
 * A figure "aim_*" is no measurement: it is half of what mainline 7.3 takes for the
 * same thing, of records 0.4 % of what they are of, of huge folios 1/256 of what their
 * memory may take in pages. A figure that is over its aim fails the benchmark, and so does
 * one of many that is over that of n by more than a fifth.
 */
#define _GNU_SOURCE
#include <linux/random.h>
#include <sys/resource.h>

#include "kho_common.h"
#include "luo_common.h"

#define TIMELINE	LUO_SYSFS "timeline"
#define PAGE		4096
#define MIB		(1024 * 1024)
#define HUGE		(2 * MIB)

static const char * const sizes[] = { "n", "2n", "4n", "8n" };

/*
 * A figure about @what for the @size'th size, as a ratio to the aim if there is one, else
 * to that of the first size.
 */
static void figure(const char *what, int size, double value, const char *unit, bool aimed)
{
	char name[64], base[64];

	snprintf(name, sizeof(name), "%s_%s", what, sizes[size]);
	snprintf(base, sizeof(base), aimed ? "aim_%s" : "%s_n", what);
	lu_figure(name, value, unit, aimed || size ? base : NULL);
}

/* A figure that is none of ours, but what one of ours is made of. */
static void aside(const char *what, int size, double value, const char *unit)
{
	char name[64];

	snprintf(name, sizeof(name), "%s_%s", what, sizes[size]);
	lu_figure(name, value, unit, NULL);
}

static void aim(const char *what, double value, const char *unit)
{
	char name[64];

	snprintf(name, sizeof(name), "aim_%s", what);
	lu_figure(name, value, unit, NULL);
}

/* A nanosecond is an instruction here. */
static long long phase(const char *name)
{
	long long ns = lu_read_key(TIMELINE, name);

	LU_CHECK(ns >= 0 && !strstr(lu_read(TIMELINE), "unknown"), "%s has no %s", TIMELINE,
		 name);
	return ns;
}

static void many_descriptors(void)
{
	struct rlimit limit = { .rlim_cur = 65536, .rlim_max = 65536 };

	LU_OK(setrlimit(RLIMIT_NOFILE, &limit));
}

/*
 * This machine has no entropy, so that it counts the same each time. Until the generator
 * is seeded, the random number in each new inode costs 12 000 instructions.
 */
static void seed_random(void)
{
	struct {
		struct rand_pool_info head;
		__u32 data[16];
	} pool = { .head = { .entropy_count = 512, .buf_size = sizeof(pool.data) } };
	int fd = LU_OK(open("/dev/random", O_RDWR | O_CLOEXEC));

	LU_OK(ioctl(fd, RNDADDENTROPY, &pool));
	close(fd);
}

static int *descriptors(int count)
{
	int *fds = calloc(count, sizeof(*fds));

	LU_CHECK(fds, "no memory for %d numbers", count);
	return fds;
}

static int one_page_memfd(void)
{
	int fd = LU_OK(memfd_create("bench", MFD_CLOEXEC));

	LU_EQ(write(fd, "page", 4), 4);
	return fd;
}

static void close_all(int *fds, int count)
{
	for (int i = 0; i < count; i++)
		close(fds[i]);
	free(fds);
}

/* Each of @count sessions has one file of one page. */
static void leave_sessions(int count, int size)
{
	int *files = descriptors(count), *sessions = descriptors(count);
	int dev = luo_open();
	unsigned long long begin;
	char name[32];

	for (int i = 0; i < count; i++)
		files[i] = one_page_memfd();

	begin = lu_clock();
	for (int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "bench-%d", i);
		sessions[i] = luo_create(dev, name);
	}
	figure("create", size, (double)(lu_clock() - begin) / count, "session", !size);

	begin = lu_clock();
	for (int i = 0; i < count; i++)
		luo_preserve(sessions[i], files[i], 0);
	figure("preserve", size, (double)(lu_clock() - begin) / count, "file", false);

	close_all(files, count);
	luo_close(dev);
}

static void take_sessions(int count, int size)
{
	int *files = descriptors(count), *sessions = descriptors(count);
	unsigned long long begin;
	char name[32];
	int dev;

	begin = lu_clock();
	dev = luo_open();
	figure("deserialise", size, (double)(lu_clock() - begin) / count, "session", false);
	figure("freeze", size, (double)phase("freeze-end") / count, "session", false);

	begin = lu_clock();
	for (int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "bench-%d", i);
		sessions[i] = luo_retrieve(dev, name);
	}
	figure("retrieve_session", size, (double)(lu_clock() - begin) / count, "session", false);

	begin = lu_clock();
	for (int i = 0; i < count; i++)
		files[i] = luo_take(sessions[i], 0);
	figure("retrieve_file", size, (double)(lu_clock() - begin) / count, "file", false);

	begin = lu_clock();
	for (int i = 0; i < count; i++)
		luo_finish(sessions[i]);
	figure("finish", size, (double)(lu_clock() - begin) / count, "session", false);

	begin = lu_clock();
	close_all(sessions, count);
	figure("close", size, (double)(lu_clock() - begin) / count, "session", false);
	close_all(files, count);
	luo_close(dev);
}

#define SESSIONS	1000

static void sessions(struct lu_run *run)
{
	seed_random();
	many_descriptors();
	if (run->stage)
		take_sessions(SESSIONS << (run->stage - 1), run->stage - 1);
	else
		aim("create", 18000 / 2, "session");
	if (run->stage + 1 < run->nr_stages)
		leave_sessions(SESSIONS << run->stage, run->stage);
}

LU_TEST(sessions, "mem=1G " LUO_ON, sessions, sessions, sessions, sessions);

/* One session has @count files of one page. */
static void leave_files(int count, int size)
{
	int *files = descriptors(count);
	int dev = luo_open(), session = luo_create(dev, "bench");
	unsigned long long begin;

	/* What such a file costs to begin with: a retrieve makes one, too. */
	begin = lu_clock();
	for (int i = 0; i < count; i++)
		files[i] = LU_OK(memfd_create("bench", MFD_CLOEXEC));
	aside("memfd_create", size, (double)(lu_clock() - begin) / count, "file");
	begin = lu_clock();
	for (int i = 0; i < count; i++)
		LU_EQ(write(files[i], "page", 4), 4);
	aside("first_write", size, (double)(lu_clock() - begin) / count, "file");

	begin = lu_clock();
	for (int i = 0; i < count; i++)
		luo_preserve(session, files[i], i);
	figure("preserve", size, (double)(lu_clock() - begin) / count, "file", !size);

	/* What it costs to drop it all, and the second time everything is in place. */
	begin = lu_clock();
	luo_close(session);
	figure("unpreserve", size, (double)(lu_clock() - begin) / count, "file", false);
	session = luo_create(dev, "bench");
	begin = lu_clock();
	for (int i = 0; i < count; i++)
		luo_preserve(session, files[i], i);
	figure("preserve_again", size, (double)(lu_clock() - begin) / count, "file", false);

	close_all(files, count);
	luo_close(dev);
}

static void take_files(int count, int size)
{
	int *files = descriptors(count);
	unsigned long long begin;
	int dev, session;

	begin = lu_clock();
	dev = luo_open();
	figure("deserialise", size, (double)(lu_clock() - begin) / count, "file", false);
	figure("freeze", size, (double)phase("freeze-end") / count, "file", false);

	session = luo_retrieve(dev, "bench");
	begin = lu_clock();
	for (int i = 0; i < count; i++)
		files[i] = luo_take(session, i);
	figure("retrieve", size, (double)(lu_clock() - begin) / count, "file", !size);

	begin = lu_clock();
	luo_finish(session);
	figure("finish", size, (double)(lu_clock() - begin) / count, "file", false);
	close_all(files, count);
	luo_close(session);
	luo_close(dev);
}

#define FILES	1000

static void files(struct lu_run *run)
{
	seed_random();
	many_descriptors();
	if (run->stage) {
		take_files(FILES << (run->stage - 1), run->stage - 1);
	} else {
		aim("preserve", 23000 / 2, "file");
		aim("retrieve", 12000 / 2, "file");
	}
	if (run->stage + 1 < run->nr_stages)
		leave_files(FILES << run->stage, run->stage);
}

LU_TEST(files, "mem=1G " LUO_ON, files, files, files, files, files);

/* The pages that are preserved, and those that the handover itself takes to tell which. */
static long long preserved_pages(void)
{
	const char *look = kho_look();

	return kho_find(look, "block_pages") + kho_find(look, "tree_nodes");
}

/* One file of @mib MiB, populated. */
static void leave_memory(int mib, int size, int folio, const char *unit)
{
	int file = LU_OK(memfd_create("bench", MFD_CLOEXEC));
	int dev = luo_open(), session = luo_create(dev, "bench");
	off_t length = (off_t)mib * MIB;
	unsigned long long begin, spent;
	long long pages;
	char *map;

	LU_OK(ftruncate(file, length));
	map = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	LU_CHECK(map != MAP_FAILED, "mmap: %m");
	for (off_t at = 0; at < length; at += PAGE)
		map[at] = 1;
	munmap(map, length);
	if (folio == HUGE)
		LU_CHECK(lu_read_key("/proc/meminfo", "ShmemHugePages") >= mib * 1024,
			 "the file has no folios of 2 MiB");

	pages = preserved_pages();
	begin = lu_clock();
	luo_preserve(session, file, 0);
	spent = lu_clock() - begin;
	figure("preserve", size, (double)spent * folio / length, unit, folio == PAGE && !size);
	figure("preserve_mib", size, (double)spent / mib, "MiB", false);
	pages = preserved_pages() - pages - length / PAGE;
	/* Of a small file those few pages are more that every file has. */
	if (folio == PAGE && size == 2)
		figure("records", size, (double)pages * PAGE / mib, "MiB", true);
	else
		aside("records", size, (double)pages * PAGE / mib, "MiB");

	begin = lu_clock();
	luo_close(session);
	spent = lu_clock() - begin;
	figure("unpreserve", size, (double)spent * folio / length, unit, false);

	/*
	 * The first time folios were moved out of scratch; now none of them is there. What
	 * each file takes, however large it is, counts for much with the fewest folios.
	 */
	session = luo_create(dev, "bench");
	begin = lu_clock();
	luo_preserve(session, file, 0);
	spent = lu_clock() - begin;
	figure("preserve_again", size, (double)spent * folio / length, unit,
	       folio == HUGE && size == 2);
	luo_close(file);
	luo_close(dev);
}

static void take_memory(struct lu_run *run, int mib, int size, int folio, const char *unit)
{
	int dev = luo_open(), session = luo_retrieve(dev, "bench"), file;
	long long boot = phase("kho-ready") - phase("start");
	off_t length = (off_t)mib * MIB;
	unsigned long long begin, spent;

	figure("freeze", size, phase("freeze-end"), "file", false);
	/* What twice as much makes early boot longer. */
	if (size)
		figure("early_boot", size, (double)(boot - lu_get_num(run, "boot")) * folio /
		       (length / 2), unit, false);
	lu_set(run, "boot", "%lld", boot);

	begin = lu_clock();
	file = luo_take(session, 0);
	spent = lu_clock() - begin;
	figure("retrieve", size, (double)spent * folio / length, unit, folio == PAGE && !size);
	figure("retrieve_mib", size, (double)spent / mib, "MiB", false);
	LU_EQ(luo_size(file), length);

	begin = lu_clock();
	luo_finish(session);
	figure("finish", size, lu_clock() - begin, "file", false);
	luo_close(file);
	luo_close(session);
	luo_close(dev);
}

#define PAGES_MIB	64

static void pages(struct lu_run *run)
{
	if (run->stage) {
		take_memory(run, PAGES_MIB << (run->stage - 1), run->stage - 1, PAGE, "page");
	} else {
		/* 465 and 1097 in mainline. */
		aim("preserve", 232.5, "page");
		aim("retrieve", 548.5, "page");
		aim("records", MIB * 0.004, "MiB");
	}
	if (run->stage + 1 < run->nr_stages)
		leave_memory(PAGES_MIB << run->stage, run->stage, PAGE, "page");
}

LU_TEST(pages, "mem=1G " LUO_ON, pages, pages, pages, pages);

#define HUGE_MIB	256

static void huge(struct lu_run *run)
{
	lu_write("/sys/kernel/mm/transparent_hugepage/shmem_enabled", "always");
	if (run->stage)
		take_memory(run, HUGE_MIB << (run->stage - 1), run->stage - 1, HUGE, "folio");
	else
		/* Of a MiB 1/256 of what it takes in pages. */
		aim("preserve_again", 232.5 * 2, "folio");
	if (run->stage + 1 < run->nr_stages)
		leave_memory(HUGE_MIB << run->stage, run->stage, HUGE, "folio");
}

LU_TEST(huge, "mem=3G " LUO_ON, huge, huge, huge, huge);

/* A session that is not taken, and dropped with its file of @mib MiB. */
static void discard(struct lu_run *run)
{
	unsigned long long begin;
	int dev, session;

	if (!run->stage) {
		dev = luo_open();
		session = luo_create(dev, "bench");
		luo_preserve(session, luo_stamped_memfd(PAGES_MIB * MIB, 1), 0);
		return;
	}
	dev = luo_open();
	session = luo_retrieve(dev, "bench");
	begin = lu_clock();
	luo_finish(session);
	lu_figure("drop", (double)(lu_clock() - begin) * PAGE / (PAGES_MIB * MIB), "page", NULL);
}

LU_TEST(discard, "mem=1G " LUO_ON, discard, discard);

/*
 * The blackout: one session, one file of 64 MiB, taken at once. The phases are set
 * against the whole of a plain kexec; the gap, which the frame measures, too.
 */
static void blackout_before(struct lu_run *run)
{
	int dev = luo_open(), session = luo_create(dev, "bench");

	luo_preserve(session, luo_stamped_memfd(64 * MIB, 1), 0);
	luo_close(dev);
	LU_EQ(lu_kexec_load("/boot/bzImage", lu_cmdline(), 0), 0);
	lu_set(run, "ticks", "%llu", lu_clock());
}

static void blackout_after(struct lu_run *run)
{
	static const char * const phases[] = {
		"freeze-start", "freeze-end", "jump", "start", "kho-ready", "luo-ready",
		"first-open", "first-retrieve", "last-finish",
	};
	static const char * const names[] = {
		"", "freeze", "shutdown", "loader_and_unpack", "early_boot", "boot",
		"to_first_open", "retrieve", "finish",
	};
	int dev = luo_open(), session = luo_retrieve(dev, "bench"), file = luo_take(session, 0);
	long long ticks, total;

	luo_finish(session);
	ticks = lu_clock() - lu_get_num(run, "ticks");
	total = phase("last-finish");
	luo_check_stamp(file, 64 * MIB, 1);

	for (unsigned int i = 1; i < ARRAY_LEN(phases); i++)
		lu_figure(names[i], phase(phases[i]) - phase(phases[i - 1]), "update",
			  "kexec.plain.gap1");
	lu_figure("total", total, "update", "kexec.plain.gap1");

	/* The counter went on: from outside and from inside it was equally long. */
	LU_CHECK(total < ticks + ticks / 50 && total > ticks / 4,
		 "the time line has %lld ns, the counter %lld", total, ticks);
}

LU_TEST(blackout, "mem=1G " LUO_ON, blackout_before, blackout_after);

/* With live update on, and nothing in it. */
static void empty(struct lu_run *run)
{
	if (run->stage == 1)
		lu_figure("freeze", phase("freeze-end"), "update", NULL);
}

LU_TEST(empty, "mem=1G " LUO_ON, empty, empty, empty);

LU_MAIN
