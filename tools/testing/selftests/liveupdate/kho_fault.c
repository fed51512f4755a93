// SPDX-License-Identifier: GPL-2.0
/*
 * kho_fault: each allocation on the way of preserving something fails once. The
 * call says so, all is as it was before, and nothing leaks.
 *
 * fail-nth of this very task is used: the first, second, ... allocation of one
 * verb of the exerciser fails, until it gets through without.
 */
#define _GNU_SOURCE
#include <stdlib.h>

#include "kho_common.h"

static void write_if_there(const char *path, const char *text)
{
	if (!access(path, W_OK))
		lu_write(path, text);
}

static void all_allocations(void)
{
	if (access("/proc/self/fail-nth", W_OK))
		lu_skip("no /proc/self/fail-nth (CONFIG_FAULT_INJECTION)");
	write_if_there("/sys/kernel/debug/failslab/ignore-gfp-wait", "N");
	write_if_there("/sys/kernel/debug/failslab/verbose", "0");
	write_if_there("/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "N");
	write_if_there("/sys/kernel/debug/fail_page_alloc/ignore-gfp-highmem", "N");
	write_if_there("/sys/kernel/debug/fail_page_alloc/min-order", "0");
	write_if_there("/sys/kernel/debug/fail_page_alloc/verbose", "0");
}

/* Open already: nothing but the verb itself is to fail. */
static int nth_fd = -1, verb_fd = -1;

static void open_both(void)
{
	if (nth_fd >= 0)
		return;
	nth_fd = LU_OK(open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC));
	verb_fd = LU_OK(open(KHO_EXERCISE "do", O_WRONLY | O_CLOEXEC));
}

static int do_verb(const char *verb)
{
	return write(verb_fd, verb, strlen(verb)) < 0 ? -errno : 0;
}

/* The verb with its @nth allocation failing; @done if there were not as many. */
static int try_nth(const char *verb, int nth, bool *done)
{
	char text[16];
	int len, ret;

	open_both();
	len = snprintf(text, sizeof(text), "%d", nth);
	LU_EQ(pwrite(nth_fd, text, len, 0), len);
	ret = do_verb(verb);
	memset(text, 0, sizeof(text));
	LU_CHECK(pread(nth_fd, text, sizeof(text) - 1, 0) > 0, "/proc/self/fail-nth: %m");
	*done = atoi(text) != 0;
	LU_EQ(pwrite(nth_fd, "0", 1, 0), 1);
	return ret;
}

struct state {
	long long blocks, hash, nodes, free, vmalloc;
	char fdt[4096];
};

static void look(struct state *s)
{
	const char *look = kho_look();
	int fd;

	s->blocks = kho_find(look, "blocks");
	s->hash = kho_find(look, "block_hash");
	s->nodes = kho_find(look, "tree_nodes");
	s->vmalloc = kho_find(look, "vmalloc");
	/* What slab keeps for later, KASAN's quarantine among it, is not lost. */
	s->free = kho_find(look, "free") + kho_find(look, "slab");
	memset(s->fdt, 0, sizeof(s->fdt));
	fd = LU_OK(open("/sys/kernel/debug/kho/out/fdt", O_RDONLY | O_CLOEXEC));
	LU_CHECK(read(fd, s->fdt, sizeof(s->fdt)) > 0, "an empty root FDT");
	close(fd);
}

/* Each allocation in turn, with a look at what it leaves behind if there is a @before. */
static int sweep(const char *kind, const struct state *before)
{
	static struct state after;
	int nth, refused = 0;
	bool done = false;

	for (nth = 1; !done; nth++) {
		int ret = try_nth("preserve", nth, &done);

		LU_CHECK(nth < 5000, "%s: no end of allocations", kind);
		if (!ret) {
			/* What is only for the eyes may be missing. */
			kho_do("unpreserve");
		} else {
			LU_CHECK(ret == -ENOMEM, "%s: allocation %d: %s", kind, nth,
				 strerror(-ret));
			refused++;
		}
		if (!before)
			continue;
		look(&after);
		LU_CHECK(after.blocks == before->blocks && after.hash == before->hash,
			 "%s: allocation %d: %lld blocks preserved, not %lld", kind, nth,
			 after.blocks, before->blocks);
		LU_CHECK(after.nodes >= before->nodes, "%s: allocation %d: %lld tables, not %lld",
			 kind, nth, after.nodes, before->nodes);
		LU_EQ(after.vmalloc, before->vmalloc);
		LU_CHECK(!memcmp(after.fdt, before->fdt, sizeof(after.fdt)),
			 "%s: allocation %d: the root FDT has changed", kind, nth);
	}
	LU_CHECK(refused > 0, "%s: nothing was refused", kind);
	return refused;
}

/*
 * A leak of one page in one of these paths shows after this many sweeps. Tables of the
 * tree are not lost: they stay for where pages have come from once.
 */
#define SWEEPS	16
#define ROUNDS	3

static void preserve_fails(const char *kind, int rounds)
{
	static struct state before, after;
	int refused = 0;
	long long lost = SWEEPS;

	kho_do("alloc 9 %s", kind);
	/* Once without: tables of the tree stay, and caches fill. */
	for (int i = 0; i < 2; i++) {
		kho_do("preserve");
		kho_do("unpreserve");
	}
	look(&before);
	lu_note("%s: %d allocations refused", kind, sweep(kind, &before));
	/* What KASAN keeps of the freed grows, too, but not for long. */
	for (int round = 0; round < rounds && lost >= SWEEPS; round++) {
		look(&before);
		for (int i = 0; i < SWEEPS; i++)
			refused = sweep(kind, NULL);
		look(&after);
		lost = before.free - after.free - (after.nodes - before.nodes);
		lu_note("%s: %d allocations refused, %lld pages lost in %d sweeps", kind, refused,
			lost, SWEEPS);
	}
	LU_CHECK(!rounds || lost < SWEEPS, "%s: %lld pages lost", kind, lost);
	kho_do("verify");
	kho_do("free");
}

static void preserve(struct lu_run *run)
{
	all_allocations();
	preserve_fails("folio", 0);
	preserve_fails("pages", 0);
	preserve_fails("vmalloc", 0);
	preserve_fails("tree", 0);
	(void)run;
}

LU_TEST(preserve, "mem=2G flavour=debug own append=kho=on timeout=120", preserve);

/* Time and again, which shows pages that are lost. */
static void preserve_often(struct lu_run *run)
{
	all_allocations();
	preserve_fails("folio", ROUNDS);
	preserve_fails("pages", ROUNDS);
	preserve_fails("vmalloc", ROUNDS);
	preserve_fails("tree", ROUNDS);
	(void)run;
}

LU_TEST(preserve_often, "mem=2G flavour=+debug own append=kho=on timeout=600", preserve_often);

/* The same with a tree that has no tables yet: those of the call are given back. */
static void first_preserve(struct lu_run *run)
{
	struct state before, after;
	bool done = false;

	all_allocations();
	kho_do("alloc 9 folio");
	look(&before);
	for (int nth = 1; !done; nth++) {
		int ret = try_nth("preserve", nth, &done);

		LU_CHECK(nth < 5000, "no end of allocations");
		if (ret)
			LU_CHECK(ret == -ENOMEM, "allocation %d: %s", nth, strerror(-ret));
		else
			kho_do("unpreserve");
		look(&after);
		LU_EQ(after.blocks, before.blocks);
		LU_EQ(after.hash, before.hash);
	}
	kho_do("preserve");
	(void)run;
}

/* And what was preserved at last is as good as any. */
static void after_all(struct lu_run *run)
{
	kho_check_update(1);
	kho_do("restore");
	kho_do("free");
	(void)run;
}

LU_TEST(first_preserve, "mem=2G flavour=debug append=kho=on timeout=120 leaks=first",
	first_preserve, after_all);

/*
 * Restoring: what cannot be restored for lack of memory stays where it is, and is no
 * trouble for the next update. Another allocation fails in each kernel; some are of
 * the debugging aids, which do without. In the last kernel all fail, after the first
 * bytes: the task has no memory from there on.
 */
#define SLAB	"/sys/kernel/debug/failslab/"

static int without_memory(const char *verb)
{
	int ret, fd;

	open_both();
	lu_write(SLAB "task-filter", "Y");
	lu_write(SLAB "times", "-1");
	lu_write(SLAB "space", "512");
	lu_write(SLAB "probability", "100");
	fd = LU_OK(open("/proc/self/make-it-fail", O_RDWR | O_CLOEXEC));
	LU_EQ(pwrite(fd, "1", 1, 0), 1);
	ret = do_verb(verb);
	LU_EQ(pwrite(fd, "0", 1, 0), 1);
	close(fd);
	lu_write(SLAB "probability", "0");
	return ret;
}

static void restore_fails(struct lu_run *run)
{
	int nth = 4 * run->stage, ret;
	bool done;

	all_allocations();
	if (run->stage) {
		kho_check_update(run->stage);
		if (run->stage + 1 < run->nr_stages) {
			ret = try_nth("restore", nth, &done);
			LU_CHECK(!done, "there were less than %d allocations", nth);
			lu_note("allocation %d: %s", nth, ret ? strerror(-ret) : "restored");
		} else {
			ret = without_memory("restore");
			LU_CHECK(ret, "restored without memory");
			lu_note("all allocations: %s", strerror(-ret));
		}
		kho_try("free");
		kho_check_kernel();
	}
	if (run->stage + 1 < run->nr_stages) {
		kho_do("alloc %d vmalloc", 11 + run->stage);
		kho_do("preserve");
	}
}

LU_TEST(restore, "mem=2G flavour=debug append=kho=on timeout=120", restore_fails,
	restore_fails, restore_fails, restore_fails, restore_fails);

LU_MAIN
