/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kho_common: what the kexec handover tests share. They drive lib/kho_exercise.c by
 * its files in debugfs; the verbs are explained there.
 */
#ifndef KHO_COMMON_H
#define KHO_COMMON_H

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "lu_test.h"

#define KHO_EXERCISE	"/sys/kernel/debug/kho_exercise/"
#define KHO_LOST	"handed over is lost: "

/* A verb of the exerciser: 0 or a negative errno. */
static inline int __attribute__((format(printf, 1, 2))) kho_try(const char *fmt, ...)
{
	char verb[80];
	va_list args;
	int fd, ret;

	va_start(args, fmt);
	vsnprintf(verb, sizeof(verb), fmt, args);
	va_end(args);
	fd = open(KHO_EXERCISE "do", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		lu_skip("%s: %s (CONFIG_KEXEC_HANDOVER_EXERCISE)", KHO_EXERCISE, strerror(errno));
	ret = write(fd, verb, strlen(verb)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

/* A verb that has to succeed. */
#define kho_do(...)								\
	do {									\
		int _ret = kho_try(__VA_ARGS__);				\
										\
		if (_ret)							\
			LU_FAIL("kho_do(%s): %s", #__VA_ARGS__, strerror(-_ret));	\
	} while (0)

static inline long long kho_state(const char *key)
{
	return lu_read_key(KHO_EXERCISE "state", key);
}

static inline long long kho_figure(const char *key)
{
	return lu_read_key(KHO_EXERCISE "figures", key);
}

/* How often the kernel log of this boot has @text; @line gets the first such line. */
static inline int kho_log_count(const char *text, char *line, size_t room)
{
	static char log[1 << 20];
	int count = 0, n;
	char *p = log;

	n = klogctl(3 /* SYSLOG_ACTION_READ_ALL */, log, sizeof(log) - 1);
	LU_CHECK(n >= 0, "the kernel log: %m");
	log[n] = '\0';
	while ((p = strstr(p, text))) {
		if (!count++ && line)
			snprintf(line, room, "%.*s", (int)strcspn(p, "\n"), p);
		p += strlen(text);
	}
	return count;
}

#define KHO_MAX_AREAS	8

/* The numbers in a file of debugfs about the scratch areas, and how many there are. */
static inline int kho_scratch_file(const char *name, unsigned long long nums[KHO_MAX_AREAS])
{
	char path[64], *end;
	const char *p;
	int nr = 0;

	snprintf(path, sizeof(path), "/sys/kernel/debug/kho/out/%s", name);
	for (p = lu_read(path); *p; p = end + 1) {
		LU_CHECK(nr < KHO_MAX_AREAS, "there are more areas than that");
		nums[nr++] = strtoull(p, &end, 0);
		LU_CHECK(end > p && *end == '\n', "%s says '%s'", path, p);
	}
	return nr;
}

/* A whole file, which may have any bytes in it. */
static inline int kho_file(const char *path, void *buf, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), n, len = 0;

	LU_CHECK(fd >= 0, "%s: %m", path);
	while ((n = read(fd, buf + len, room - len)) > 0)
		len += n;
	LU_CHECK(!n, "%s: %m", path);
	close(fd);
	return len;
}

/* Does the root FDT for the next kernel have such a child, and a file with its data? */
static inline void kho_check_child(const char *name)
{
	static char fdt[1 << 16], data[1 << 16];
	char path[128];
	int len = kho_file("/sys/kernel/debug/kho/out/fdt", fdt, sizeof(fdt));

	LU_CHECK(memmem(fdt, len, name, strlen(name) + 1), "out/fdt has no %s", name);
	snprintf(path, sizeof(path), "/sys/kernel/debug/kho/out/sub_fdts/%s", name);
	LU_CHECK(kho_file(path, data, sizeof(data)) > 0, "%s is empty", path);
}

/* The blob of the metadata, from or for the kernel next to this one: its count. */
static inline int kho_metadata_count(const char *side)
{
	struct {
		unsigned int version;
		char release[65];
		unsigned int count;
	} __attribute__((packed)) blob;
	char path[64], more[sizeof(blob) + 1];

	snprintf(path, sizeof(path), "/sys/kernel/debug/kho/%s/sub_fdts/kexec-metadata", side);
	LU_EQ(kho_file(path, more, sizeof(more)), sizeof(blob));
	memcpy(&blob, more, sizeof(blob));
	LU_EQ(blob.version, 1);
	return blob.count;
}

/* Pages of the items of a kind. */
static inline long long kho_item_pages(unsigned int kind)
{
	long long pages, sum = 0;
	unsigned int k;
	FILE *f = fopen(KHO_EXERCISE "items", "re");

	LU_CHECK(f, "the items: %m");
	while (fscanf(f, "%u %*u %lld %*u", &k, &pages) == 2)
		sum += k == kind ? pages : 0;
	fclose(f);
	return sum;
}

/* Several keys of one look at the state, which costs the kernel some time. */
static inline const char *kho_look(void)
{
	static char text[2048];

	snprintf(text, sizeof(text), "%s", lu_read(KHO_EXERCISE "state"));
	return text;
}

static inline long long kho_find(const char *look, const char *key)
{
	char line[64];
	const char *p;

	snprintf(line, sizeof(line), "\n%s: ", key);
	p = strstr(look, line);
	LU_CHECK(p, "the exerciser tells nothing of %s", key);
	return strtoll(p + strlen(line), NULL, 0);
}

/* Address, pages and seed of the first and the last folio, and of such ranges of pages. */
static inline void kho_note_items(struct lu_run *run)
{
	unsigned long long phys, pages, seed;
	char line[64], key[16];
	unsigned int kind;
	bool seen[2] = {};
	FILE *f = fopen(KHO_EXERCISE "items", "re");

	LU_CHECK(f, "the items: %m");
	while (fgets(line, sizeof(line), f)) {
		LU_CHECK(sscanf(line, "%u %llu %llu %llu", &kind, &phys, &pages, &seed) == 4,
			 "the items: '%s'", line);
		if (kind > 1)
			continue;
		for (int last = seen[kind]; last < 2; last++) {
			snprintf(key, sizeof(key), "item%u%d", kind, last);
			lu_set(run, key, "%llu,%llu,%llu", phys, pages, seed);
		}
		seen[kind] = true;
	}
	fclose(f);
	LU_CHECK(seen[0] && seen[1], "there are no items of some kind");
}

/* Are they kept out of use, although nothing can be restored? */
static inline int kho_try_claimed(struct lu_run *run)
{
	static const char * const keys[] = { "item00", "item01", "item10", "item11" };
	unsigned long long phys, pages, seed;
	int err = 0;

	for (unsigned int i = 0; !err && i < sizeof(keys) / sizeof(keys[0]); i++) {
		LU_CHECK(sscanf(lu_get(run, keys[i]), "%llu,%llu,%llu", &phys, &pages,
				&seed) == 3, "%s is '%s'", keys[i], lu_get(run, keys[i]));
		err = kho_try("claimed %llu %llu %llu", phys, pages, seed);
	}
	return err;
}

/* What has to hold in every kernel with the handover on, at any time. */
static inline void kho_check_kernel(void)
{
	const char *look = kho_look();

	LU_EQ(kho_find(look, "enabled"), 1);
	LU_CHECK(kho_find(look, "scratch_pageblocks") > 0, "there is no scratch");
	LU_EQ(kho_find(look, "scratch_not_cma"), 0);
	LU_EQ(kho_find(look, "scratch_pinned"), 0);
	if (kho_find(look, "kho_boot"))
		LU_CHECK(kho_find(look, "text_in_scratch"), "this kernel is not in scratch");
}

/* This kernel got what its predecessor preserved; it is number @count in the chain. */
static inline void kho_check_update(int count)
{
	struct utsname uts;
	char text[128];

	LU_OK(uname(&uts));
	LU_CHECK(!lu_dmesg_has(KHO_LOST), "the handover was rejected");
	snprintf(text, sizeof(text), "KHO: exec from: %s (count %d)", uts.release, count);
	LU_CHECK(lu_dmesg_has(text), "the log has no '%s'", text);
	LU_EQ(access("/sys/kernel/debug/kho/in/fdt", R_OK), 0);
	LU_EQ(kho_metadata_count("in"), count);
	LU_EQ(kho_metadata_count("out"), count + 1);
	kho_check_child("kexec-metadata");
	LU_EQ(kho_state("kho_boot"), 1);
	kho_check_kernel();
}

/* This kernel made a cold boot, and can hand over as ever. */
static inline void kho_check_cold(void)
{
	LU_EQ(kho_state("kho_boot"), 0);
	LU_CHECK(access("/sys/kernel/debug/kho/in", F_OK), "there is something incoming");
	LU_EQ(kho_try("restore"), -ENOENT);
	kho_check_kernel();
}

#endif /* KHO_COMMON_H */
