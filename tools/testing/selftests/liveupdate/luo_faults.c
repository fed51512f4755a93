// SPDX-License-Identifier: GPL-2.0
/*
 * luo_faults: in each call each allocation fails once, by /proc/self/fail-nth. The call says
 * so and has changed nothing, or it succeeds all the same; and the next one succeeds. Of
 * preserving, what is handed over is the same after each of them. No page is lost, neither
 * of those that preserving takes nor of those that retrieving gives back; what else is leaked
 * kmemleak finds. Where the kernel has CONFIG_FAULT_INJECTION_USERCOPY, each access to user
 * memory fails, too; elsewhere luo_device and luo_incoming have answers that cannot be
 * written.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <glob.h>
#include <sys/reboot.h>

#include "kho_common.h"
#include "luo_common.h"

#define MACHINE	"mem=2G flavour=debug timeout=200 " LUO_ON
#define LIMIT	3000

static int nth_fd;

static void set_up(void)
{
	static const char *const attributes[] = {
		"failslab/ignore-gfp-wait", "fail_page_alloc/ignore-gfp-wait",
		"fail_page_alloc/ignore-gfp-highmem",
	};
	char path[320];
	struct dirent *entry;
	DIR *dir;

	nth_fd = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);
	if (nth_fd < 0)
		lu_skip("no fault injection: %m");
	for (size_t i = 0; i < ARRAY_LEN(attributes); i++) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/%s", attributes[i]);
		lu_write(path, "N");
	}
	lu_write("/sys/kernel/debug/fail_page_alloc/min-order", "0");
	/* Each of them would print a trace. */
	dir = opendir("/sys/kernel/debug");
	LU_CHECK(dir, "debugfs: %m");
	while ((entry = readdir(dir))) {
		if (strncmp(entry->d_name, "fail", 4))
			continue;
		snprintf(path, sizeof(path), "/sys/kernel/debug/%s/verbose", entry->d_name);
		lu_write(path, "0");
	}
	closedir(dir);
}

static void arm(unsigned int n)
{
	char text[16];
	int len = sprintf(text, "%u", n);

	LU_EQ(pwrite(nth_fd, text, len, 0), len);
}

/* Whether it has happened; these two calls themselves may be hit otherwise. */
static bool disarm(void)
{
	char text[16] = "";
	ssize_t n = pread(nth_fd, text, sizeof(text) - 1, 0);
	bool hit = n > 0 && !strcmp(text, "0\n");

	for (int i = 0; i < 3; i++)
		if (pwrite(nth_fd, "0", 1, 0) == 1)
			return hit;
	LU_FAIL("fail-nth: %m");
}

/* So many allocations of this task out of a hundred fail, until it is 0 again. */
static void storm(int percent)
{
	static const char *const kinds[] = { "failslab", "fail_page_alloc" };
	static const struct {
		const char *name, *value;
	} settings[] = {
		{ "interval", "1" }, { "times", "-1" }, { "task-filter", "Y" },
	};
	static int fd = -1;
	char path[128], text[16];

	if (fd < 0)
		fd = LU_OK(open("/proc/self/make-it-fail", O_WRONLY | O_CLOEXEC));
	if (percent) {
		for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
			for (size_t n = 0; n < ARRAY_LEN(settings); n++) {
				snprintf(path, sizeof(path), "/sys/kernel/debug/%s/%s", kinds[i],
					 settings[n].name);
				lu_write(path, settings[n].value);
			}
			snprintf(path, sizeof(path), "/sys/kernel/debug/%s/probability", kinds[i]);
			snprintf(text, sizeof(text), "%d", percent);
			lu_write(path, text);
		}
	}
	LU_EQ(pwrite(fd, percent ? "1" : "0", 1, 0), 1);
}

struct sweep {
	const char *name;
	void (*prepare)(void);
	int (*call)(void);	/* a descriptor, 0 or a negative errno */
	void (*undo)(int ret);	/* what the successful call has done */
	int done_errno;		/* of a second call, if -EFAULT came of a done one */
	bool allocates;
	bool preserves;		/* it changes what is handed over, and has to undo that */
};

/* What is handed over, and the memory that there is. */
struct state {
	long long blocks, hash, nodes, managed, free;
};

static struct state look(void)
{
	const char *text = kho_look();

	return (struct state) {
		.blocks = kho_find(text, "blocks"),
		.hash = kho_find(text, "block_hash"),
		.nodes = kho_find(text, "tree_nodes"),
		.managed = kho_find(text, "managed"),
		/* What slab keeps for later, KASAN's quarantine among it, is not lost. */
		.free = kho_find(text, "free") + kho_find(text, "slab"),
	};
}

static void check_same(const struct sweep *s, unsigned int n, const struct state *before)
{
	struct state now = look();

	LU_CHECK(now.blocks == before->blocks && now.hash == before->hash,
		 "%s, fault %u: %lld blocks are preserved, not %lld", s->name, n, now.blocks,
		 before->blocks);
}

/* What a fault may look like. */
/* ENOSPC is what shmem says when it gets no inode. */
static bool is_fault(int ret)
{
	return ret == -ENOMEM || ret == -EFAULT || ret == -ENFILE || ret == -ENOSPC;
}

static void sweep(const struct sweep *s)
{
	unsigned int n, failed = 0, survived = 0;
	struct state before;

	if (s->preserves)
		before = look();
	for (n = 1; n < LIMIT; n++) {
		int ret, next, first;
		bool hit;

		if (s->prepare)
			s->prepare();
		next = luo_next_fd();
		arm(n);
		ret = s->call();
		hit = disarm();
		if (ret >= 0) {
			if (s->undo)
				s->undo(ret);
			if (!hit)
				break;
			survived++;
			continue;
		}
		LU_CHECK(hit && is_fault(ret), "%s, fault %u: %s", s->name, n, strerror(-ret));
		LU_CHECK(luo_next_fd() == next, "%s, fault %u: a descriptor is left", s->name, n);
		if (s->preserves)
			check_same(s, n, &before);
		failed++;
		first = ret;
		ret = s->call();
		if (first == -EFAULT && ret < 0 && ret == -s->done_errno)
			ret = 0;
		LU_CHECK(ret >= 0, "%s, after fault %u: %s", s->name, n, strerror(-ret));
		if (s->undo)
			s->undo(ret);
	}
	if (s->preserves)
		check_same(s, n, &before);
	lu_note("%s: %u faults, %u seen, %u survived", s->name, n - 1, failed, survived);
	LU_CHECK(n < LIMIT, "%s: no end of faults", s->name);
	LU_CHECK(n > 1 || !s->allocates, "%s: no faults at all", s->name);
}

/*
 * A page that is lost on one of these ways shows after so many sweeps. Tables of the tree
 * are not lost: they stay for where pages have come from once.
 */
#define SWEEPS	16
#define ROUNDS	3

static void sweep_again(const struct sweep *s)
{
	struct state before, after;
	long long lost = SWEEPS;

	/* Caches fill. */
	for (int i = 0; i < 2; i++)
		s->undo(s->call());
	sweep(s);
	/* What KASAN keeps of the freed grows, too, but not for long. */
	for (int round = 0; round < ROUNDS && lost >= SWEEPS; round++) {
		before = look();
		for (int i = 0; i < SWEEPS; i++)
			sweep(s);
		after = look();
		lost = before.free - after.free - (after.nodes - before.nodes);
		lu_note("%s: %lld pages lost in %d sweeps", s->name, lost, SWEEPS);
	}
	LU_CHECK(lost < SWEEPS, "%s: %lld pages lost", s->name, lost);
}

static int dev = -1, session, file, one_page, many_pages, sparse, full;

static int call_open(void)
{
	return luo_try_open(0);
}

static void undo_close(int fd)
{
	luo_close(fd);
}

static int call_create(void)
{
	return luo_try_create(dev, "fault");
}

static int call_preserve(void)
{
	return luo_try_preserve(session, file, 7);
}

static void undo_preserve(int ret)
{
	struct liveupdate_session_unpreserve_fd arg = { .size = sizeof(arg), .token = 7 };

	(void)ret;
	LU_EQ(luo_ioctl(session, LIVEUPDATE_SESSION_UNPRESERVE_FD, &arg), 0);
}

static int call_preserve_full(void)
{
	return luo_try_preserve(full, file, 1000);
}

static void undo_preserve_full(int ret)
{
	struct liveupdate_session_unpreserve_fd arg = { .size = sizeof(arg), .token = 1000 };

	(void)ret;
	LU_EQ(luo_ioctl(full, LIVEUPDATE_SESSION_UNPRESERVE_FD, &arg), 0);
}

static void prepare_drop(void)
{
	luo_preserve(session, file, 7);
}

static int call_drop(void)
{
	struct liveupdate_session_unpreserve_fd arg = { .size = sizeof(arg), .token = 7 };

	return luo_ioctl(session, LIVEUPDATE_SESSION_UNPRESERVE_FD, &arg);
}

static int call_get_name(void)
{
	char name[LIVEUPDATE_SESSION_NAME_LENGTH];

	return luo_try_name(session, name);
}

static int call_list_sessions(void)
{
	struct liveupdate_session_info info[4];
	struct liveupdate_ioctl_list_sessions arg = {
		.size = sizeof(arg), .entries = (uintptr_t)info, .entry_size = sizeof(info[0]),
		.count = 4,
	};

	return luo_ioctl(dev, LIVEUPDATE_IOCTL_LIST_SESSIONS, &arg);
}

static int call_list_files(void)
{
	struct liveupdate_file_info info[100];
	struct liveupdate_ioctl_list_files arg = {
		.size = sizeof(arg), .entries = (uintptr_t)info, .entry_size = sizeof(info[0]),
		.count = 100, .name = "full",
	};

	return luo_ioctl(dev, LIVEUPDATE_IOCTL_LIST_FILES, &arg);
}

static int call_list_own_files(void)
{
	struct liveupdate_file_info info[100];
	struct liveupdate_session_list_files arg = {
		.size = sizeof(arg), .entries = (uintptr_t)info, .entry_size = sizeof(info[0]),
		.count = 100,
	};

	return luo_ioctl(full, LIVEUPDATE_SESSION_LIST_FILES, &arg);
}

/* A PCI device with a bridge above it: both are as before when preserving its file failed. */
static char device[64];

static int open_device(void)
{
	glob_t found;
	int fd;

	LU_EQ(glob("/dev/pci-lu-stub/*", 0, NULL, &found), 0);
	LU_EQ(found.gl_pathc, 1);
	fd = LU_OK(open(found.gl_pathv[0], O_RDWR | O_CLOEXEC));
	snprintf(device, sizeof(device), "/sys/bus/pci/devices/%.15s",
		 strrchr(found.gl_pathv[0], '/') + 1);
	globfree(&found);
	return fd;
}

static void check_device(void)
{
	static const char *const files[] = { "liveupdate/state", "../liveupdate/state" };
	char path[128];

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", device, files[i]);
		LU_CHECK(!strcmp(lu_read(path), "none\n"), "%s: %s", path, lu_read(path));
	}
}

/* Undoing cannot fail, whatever does. */
static void sweep_close(void)
{
	unsigned int n = 0;
	bool hit;

	do {
		session = luo_create(dev, "close");
		luo_preserve(session, one_page, 1);
		luo_preserve(session, many_pages, 2);
		luo_preserve(session, luo_ex_new(3), 3);
		arm(++n);
		close(session);
		hit = disarm();
		luo_close(luo_create(dev, "close"));
		for (int i = 0; i < 2; i++) {
			int fd = i ? one_page : many_pages;
			off_t size = luo_size(fd);

			LU_OK(ftruncate(fd, size + 4096));
			LU_OK(ftruncate(fd, size));
		}
	} while (hit && n < LIMIT);
	lu_note("close: %u faults", n - 1);
}

static void outgoing(struct lu_run *run)
{
	static const struct sweep preserve = {
		"preserve", NULL, call_preserve, undo_preserve, EEXIST, true, true,
	};
	static const struct {
		const char *name;
		int *file;
	} files[] = {
		{ "one page", &one_page }, { "many pages", &many_pages }, { "sparse", &sparse },
	};
	static const struct sweep sweeps[] = {
		{ "drop", prepare_drop, call_drop, NULL, ENOENT, false, false },
		{ "create", NULL, call_create, undo_close, 0, true, true },
		{ "name", NULL, call_get_name, NULL, 0, false, false },
		{ "list sessions", NULL, call_list_sessions, NULL, 0, false, false },
		{ "list files", NULL, call_list_files, NULL, 0, false, false },
		{ "list own files", NULL, call_list_own_files, NULL, 0, false, false },
	};
	static const struct sweep preserve_full = {
		"preserve in a new block", NULL, call_preserve_full, undo_preserve_full, EEXIST,
		true, true,
	};
	static const struct sweep open_sweep = {
		"open", NULL, call_open, undo_close, 0, true, false,
	};
	struct sweep named = preserve;
	long long free;

	set_up();
	sweep(&open_sweep);
	dev = luo_open();
	session = luo_create(dev, "session");
	full = luo_create(dev, "full");
	for (int i = 0; i < 63; i++)
		luo_preserve(full, luo_memfd("x", 0, 4096, i), i);
	one_page = luo_memfd("x", 0, 4096, 1);
	many_pages = luo_memfd("x", 0, 600 * 4096, 2);
	sparse = luo_memfd("x", 0, 4096, 3);
	LU_OK(ftruncate(sparse, 1ll << 32));
	luo_fill(sparse, 1ll << 31, 8192, 3);
	free = luo_free_memory();
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		file = *files[i].file;
		named.name = files[i].name;
		sweep_again(&named);
		LU_OK(ftruncate(file, luo_size(file) + 4096));
		LU_OK(ftruncate(file, luo_size(file) - 4096));
	}
	file = luo_ex_new(1);
	named.name = "exerciser";
	sweep_again(&named);
	sweep_again(&preserve_full);
	file = open_device();
	named.name = "PCI device";
	named.prepare = check_device;
	sweep(&named);
	file = one_page;
	for (size_t i = 0; i < ARRAY_LEN(sweeps); i++)
		sweep(&sweeps[i]);
	sweep_close();
	luo_verify(one_page, 0, 4096, 1);
	luo_verify(many_pages, 0, 600 * 4096, 2);
	luo_verify(sparse, 1ll << 31, 8192, 3);
	free -= luo_free_memory();
	lu_note("%lld KiB less free", free);
	LU_CHECK(free < 16 << 10, "%lld KiB are gone", free);

	/* 51 sessions in a block. */
	luo_close(full);
	for (int i = 1; i < 51; i++) {
		char name[32];

		snprintf(name, sizeof(name), "block %d", i);
		luo_create(dev, name);
	}
	sweep_again(&sweeps[1]);
	(void)run;
}

LU_TEST(outgoing, MACHINE "device=pcie-root-port,id=rp,chassis=1 device=edu,bus=rp", outgoing);

/* The other side: enough of everything, since what has succeeded cannot be done again. */
#define COPIES	100

static void incoming_before(struct lu_run *run)
{
	char name[32];

	dev = luo_open();
	for (int i = 0; i < COPIES; i++) {
		snprintf(name, sizeof(name), "copy %d", i);
		session = luo_create(dev, name);
		file = luo_memfd("x", 0, 4096, 1);
		luo_preserve(session, file, 1);
		luo_close(file);
		file = luo_memfd("x", 0, 600 * 4096, 2);
		luo_preserve(session, file, 2);
		luo_close(file);
		file = luo_memfd("x", 0, 4096, 3);
		LU_OK(ftruncate(file, 1ll << 32));
		luo_fill(file, 1ll << 31, 8192, 3);
		luo_preserve(session, file, 3);
		luo_close(file);
		file = luo_ex_new(4);
		luo_preserve(session, file, 4);
		luo_close(file);
	}
	(void)run;
}

static void check_file(int fd, int token)
{
	switch (token) {
	case 1:
		LU_EQ(luo_size(fd), 4096);
		luo_verify(fd, 0, 4096, 1);
		break;
	case 2:
		LU_EQ(luo_size(fd), 600 * 4096);
		luo_verify(fd, 0, 600 * 4096, 2);
		break;
	case 3:
		LU_EQ(luo_size(fd), 1ll << 32);
		luo_verify(fd, 0, 4096, 3);
		luo_verify(fd, 1ll << 31, 8192, 3);
		LU_EQ(lseek(fd, 4096, SEEK_DATA), 1ll << 31);
		break;
	default:
		LU_EQ(luo_ex_value(fd), 4);
	}
	luo_close(fd);
}

static int copy, token;

static void next_copy(void)
{
	char name[32];

	LU_CHECK(copy < COPIES, "there are too few copies");
	snprintf(name, sizeof(name), "copy %d", copy++);
	session = luo_retrieve(dev, name);
}

/*
 * Each copy that is used up gives the same number of pages back to the system, whatever has
 * failed meanwhile; and those are free then. What a fault loses it loses so many times, which
 * is more than what comes and goes by itself.
 */
#define REPEATS	128

static long long pages_of_copy;
static struct state begun;
static int first_copy;

static void begin_count(void)
{
	begun = look();
	first_copy = copy;
}

static void end_count(const char *what)
{
	struct state now = look();
	long long pages = now.managed - begun.managed, lost = pages - (now.free - begun.free);
	int copies = copy - first_copy;

	lu_note("%s: %lld pages of %d copies, %lld of them not free", what, pages, copies, lost);
	LU_CHECK(pages == copies * pages_of_copy, "%s: %d copies have %lld pages, one has %lld",
		 what, copies, pages, pages_of_copy);
	LU_CHECK(lost < REPEATS / 2, "%s: %lld pages lost", what, lost);
}

static void use_copy(void)
{
	next_copy();
	for (int i = 1; i <= 4; i++)
		check_file(luo_take(session, i), i);
	luo_finish(session);
	luo_close(session);
}

static void measure_copy(void)
{
	/* Caches fill. */
	use_copy();
	begin_count();
	use_copy();
	pages_of_copy = look().managed - begun.managed;
	LU_CHECK(pages_of_copy > 600, "a copy has %lld pages", pages_of_copy);
	end_count("no fault");
}

static void sweep_retrieve(void)
{
	unsigned int n, failed = 0;
	char name[32];

	begin_count();
	for (n = 1; n < LIMIT; n++) {
		int ret, next = luo_next_fd();
		bool hit;

		LU_CHECK(copy < COPIES, "there are too few copies");
		snprintf(name, sizeof(name), "copy %d", copy);
		arm(n);
		ret = luo_try_retrieve(dev, name);
		hit = disarm();
		if (ret >= 0) {
			copy++;
			luo_close(ret);
			if (!hit)
				break;
			continue;
		}
		LU_CHECK(hit && is_fault(ret), "retrieve, fault %u: %s", n, strerror(-ret));
		LU_CHECK(luo_next_fd() == next, "retrieve, fault %u: a descriptor is left", n);
		failed++;
	}
	lu_note("retrieve: %u faults, %u seen", n - 1, failed);
	LU_CHECK(n > 1 && n < LIMIT, "retrieve: %u faults", n);
	end_count("retrieve");
}

/* As long as it fails it is the same file, which must not be hurt. */
static void sweep_take(const char *what, int which)
{
	unsigned int n, failed = 0, survived = 0;

	token = which;
	begin_count();
	next_copy();
	for (n = 1; n < LIMIT; n++) {
		int ret = -1, next = luo_next_fd();
		bool hit = false;

		for (int i = 0; i < REPEATS && ret < 0 && ret != -EFAULT; i++) {
			arm(n);
			ret = luo_try_take(session, token);
			hit = disarm();
			if (ret >= 0)
				break;
			LU_CHECK(hit && is_fault(ret), "%s, fault %u: %s", what, n,
				 strerror(-ret));
			LU_CHECK(luo_next_fd() == next, "%s, fault %u: a descriptor is left",
				 what, n);
		}
		if (ret < 0) {
			failed++;
			/* Done, but for the answer? */
			if (ret != -EFAULT)
				continue;
			ret = luo_take(session, token);
		}
		check_file(ret, token);
		luo_finish(session);
		luo_close(session);
		if (!hit)
			break;
		survived += ret >= 0;
		next_copy();
	}
	lu_note("take %s: %u faults, %u seen, %u survived", what, n - 1, failed, survived);
	LU_CHECK(n > 1 && n < LIMIT, "%s: %u faults", what, n);
	end_count(what);
}

/* Finishing cannot fail but for the answer. */
static void sweep_finish(const char *what, int (*finish)(void))
{
	unsigned int n;
	bool hit;

	begin_count();
	for (n = 1; n < LIMIT; n++) {
		int ret;

		next_copy();
		check_file(luo_take(session, 2), 2);
		arm(n);
		ret = finish();
		hit = disarm();
		LU_CHECK(!ret || (hit && ret == -EFAULT), "%s, fault %u: %s", what, n,
			 strerror(-ret));
		if (session >= 0) {
			luo_finish(session);
			luo_close(session);
		}
		if (!hit)
			break;
	}
	lu_note("%s: %u faults", what, n - 1);
	end_count(what);
}

static int call_finish(void)
{
	return luo_try_finish(session);
}

static int call_close(void)
{
	int ret = close(session) ? -errno : 0;

	session = -1;
	return ret;
}

static void sweep_discard(void)
{
	struct liveupdate_ioctl_discard_session arg = { .size = sizeof(arg) };
	unsigned int n;
	bool hit;

	begin_count();
	for (n = 1; n < LIMIT; n++) {
		int ret;

		LU_CHECK(copy < COPIES, "there are too few copies");
		sprintf((char *)arg.name, "copy %d", copy++);
		arm(n);
		ret = luo_ioctl(dev, LIVEUPDATE_IOCTL_DISCARD_SESSION, &arg);
		hit = disarm();
		LU_CHECK(!ret || (hit && is_fault(ret)), "discard, fault %u: %s", n,
			 strerror(-ret));
		if (ret) {
			ret = luo_ioctl(dev, LIVEUPDATE_IOCTL_DISCARD_SESSION, &arg);
			LU_CHECK(!ret || ret == -ENOENT, "discard again, fault %u: %s", n,
				 strerror(-ret));
		}
		LU_EQ(luo_try_retrieve(dev, (char *)arg.name), -ENOENT);
		if (!hit)
			break;
	}
	lu_note("discard: %u faults", n - 1);
	end_count("discard");
}

static void incoming_after(struct lu_run *run)
{
	unsigned int failed = 0;

	set_up();
	/* The first open reads what came; what was not read for lack of memory is read next. */
	storm(10);
	for (;;) {
		dev = luo_try_open(0);
		if (dev >= 0)
			break;
		LU_CHECK(is_fault(dev) && failed++ < 10000, "first open, %u: %s", failed,
			 strerror(-dev));
	}
	storm(0);
	lu_note("first open: failed %u times", failed);
	LU_CHECK(failed > 5, "first open: failed only %u times", failed);
	measure_copy();
	sweep_retrieve();
	sweep_take("one page", 1);
	sweep_take("many pages", 2);
	sweep_take("sparse", 3);
	sweep_take("exerciser", 4);
	sweep_finish("finish", call_finish);
	sweep_finish("close", call_close);
	sweep_discard();
	lu_note("%d of %d copies used", copy, COPIES);
	/* But for the last one, which takes its FLBs with it. */
	begin_count();
	while (copy < COPIES - 1)
		use_copy();
	end_count("the rest");
	use_copy();
	(void)run;
}

LU_TEST(incoming, MACHINE, incoming_before, incoming_after);

/* The freeze: as long as something fails there is no jump, and then there is one. */
#define LATE	8
#define AREA	(300ll * 4096)

static int late[LATE];

static void freeze_before(struct lu_run *run)
{
	unsigned int failed = 0;
	int err;

	set_up();
	lu_set(run, "jumps", "%s", "itself");
	incoming_before(run);
	for (int i = 0; i < LATE; i++) {
		char name[32];

		snprintf(name, sizeof(name), "late %d", i);
		session = luo_create(dev, name);
		late[i] = luo_memfd("x", 0, 4096, i);
		LU_OK(ftruncate(late[i], 1ll << 32));
		luo_preserve(session, late[i], 1);
	}
	luo_load_next(run);
	for (;;) {
		/* There is always something that only the freeze can record, in a new page. */
		for (int i = 0; i < LATE; i++)
			luo_fill(late[i], (1 + failed) * AREA, AREA, 9);
		storm(failed ? 4 : 100);
		err = reboot(RB_KEXEC) ? errno : 0;
		storm(0);
		LU_CHECK(err == ENOMEM, "freeze, after %u failures: %s", failed, strerror(err));
		failed++;
		for (int i = 0; i < LATE; i++)
			luo_verify(late[i], 0, 4096, i);
		LU_EQ(luo_try_create(dev, "late 0"), -EEXIST);
		LU_CHECK(failed < 2000, "freeze: no end of failures");
	}
}

static void freeze_after(struct lu_run *run)
{
	LU_CHECK(!strcmp(lu_get(run, "jumps"), "itself"), "who jumped?");
	dev = luo_open();
	for (copy = 0; copy < COPIES;)
		use_copy();
	for (int i = 0; i < LATE; i++) {
		long long count = 0;
		char name[32];

		snprintf(name, sizeof(name), "late %d", i);
		session = luo_retrieve(dev, name);
		file = luo_take(session, 1);
		luo_verify(file, 0, 4096, i);
		for (off_t at = 4096; (at = lseek(file, at, SEEK_DATA)) >= 0; at += AREA, count++)
			luo_verify(file, at, AREA, 9);
		lu_note("freeze: it took %lld attempts", count);
		LU_CHECK(count > 1, "no attempt has failed");
		luo_finish(session);
	}
}

LU_TEST(freeze, MACHINE, freeze_before, freeze_after);

LU_MAIN
