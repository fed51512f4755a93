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
	write_if_there("/sys/kernel/debug/fail_usercopy/verbose", "0");
}

/* Open already: nothing but the verb itself is to fail. */
static int nth_fd = -1, verb_fd = -1;

/* The verb with its @nth allocation failing; @done if there were not as many. */
static int try_nth(const char *verb, int nth, bool *done)
{
	char text[16];
	int len, ret;

	if (nth_fd < 0) {
		nth_fd = LU_OK(open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC));
		verb_fd = LU_OK(open(KHO_EXERCISE "do", O_WRONLY | O_CLOEXEC));
	}
	len = snprintf(text, sizeof(text), "%d", nth);
	LU_EQ(pwrite(nth_fd, text, len, 0), len);
	ret = write(verb_fd, verb, strlen(verb)) < 0 ? -errno : 0;
	memset(text, 0, sizeof(text));
	/* Copies to user space fail as well, this one's if the verb had too few. */
	if (pread(nth_fd, text, sizeof(text) - 1, 0) < 0) {
		LU_CHECK(errno == EFAULT, "/proc/self/fail-nth: %m");
		*done = true;
	} else {
		*done = atoi(text) != 0;
	}
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
	s->free = kho_find(look, "free");
	memset(s->fdt, 0, sizeof(s->fdt));
	fd = LU_OK(open("/sys/kernel/debug/kho/out/fdt", O_RDONLY | O_CLOEXEC));
	LU_CHECK(read(fd, s->fdt, sizeof(s->fdt)) > 0, "an empty root FDT");
	close(fd);
}

/* Free pages may differ by what slab keeps. */
#define SLACK	192

static void preserve_fails(const char *kind)
{
	static struct state before, after;
	int nth, refused = 0;
	bool done = false;

	kho_do("alloc 9 %s", kind);
	/* Once without: tables of the tree stay, and caches fill. */
	for (int i = 0; i < 2; i++) {
		kho_do("preserve");
		kho_do("unpreserve");
	}
	look(&before);
	for (nth = 1; !done; nth++) {
		int ret = try_nth("preserve", nth, &done);

		LU_CHECK(nth < 5000, "%s: no end of allocations", kind);
		if (!ret) {
			/* What is only for the eyes may be missing. */
			kho_do("unpreserve");
		} else {
			LU_CHECK(ret == -ENOMEM || ret == -EFAULT, "%s: allocation %d: %s", kind,
				 nth, strerror(-ret));
			refused++;
		}
		look(&after);
		LU_CHECK(after.blocks == before.blocks && after.hash == before.hash,
			 "%s: allocation %d: %lld blocks preserved, not %lld", kind, nth,
			 after.blocks, before.blocks);
		LU_EQ(after.nodes, before.nodes);
		LU_EQ(after.vmalloc, before.vmalloc);
		LU_CHECK(!memcmp(after.fdt, before.fdt, sizeof(after.fdt)),
			 "%s: allocation %d: the root FDT has changed", kind, nth);
	}
	lu_note("%s: %d allocations, %d refused, %lld pages more free", kind, nth - 2, refused,
		after.free - before.free);
	LU_CHECK(refused > 0, "%s: nothing was refused", kind);
	LU_CHECK(before.free - after.free < SLACK, "%s: %lld pages lost", kind,
		 before.free - after.free);
	kho_do("verify");
	kho_do("free");
}

static void preserve(struct lu_run *run)
{
	all_allocations();
	preserve_fails("folio");
	preserve_fails("pages");
	preserve_fails("vmalloc");
	preserve_fails("tree");
	(void)run;
}

LU_TEST(preserve, "mem=1G flavour=debug own append=kho=on timeout=120", preserve);

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
			LU_CHECK(ret == -ENOMEM || ret == -EFAULT, "allocation %d: %s", nth,
				 strerror(-ret));
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

LU_TEST(first_preserve, "mem=1G flavour=debug append=kho=on timeout=120",
	first_preserve, after_all);

/* Restoring: what cannot be restored for lack of memory stays where it is. */
static void leave(struct lu_run *run)
{
	kho_do("alloc 11 vmalloc");
	kho_do("preserve");
	(void)run;
}

static void restore_fails(struct lu_run *run)
{
	bool done;
	int ret;

	all_allocations();
	kho_check_update(1);
	ret = try_nth("restore", 3 + run->stage, &done);
	LU_CHECK(ret < 0 && !done, "nothing has failed");
	kho_try("free");
	kho_check_kernel();
}

LU_TEST(restore, "mem=1G flavour=debug append=kho=on", leave, restore_fails);

LU_MAIN
