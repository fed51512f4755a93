// SPDX-License-Identifier: GPL-2.0-only
/*
 * luctl: a kernel image: what it is, and which formats are in it.
 *
 * An image is untrusted: each offset in it is checked against the size of the file. One with
 * a table of formats is judged by that; another one is unpacked, and judged by the names
 * of formats in it. A name that is there is not quite a promise, but one that is not there
 * is certain.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "luctl.h"

#define MAX_IMAGE	(1ULL << 30)

/* Documentation/arch/x86/boot.rst */
#define X86_SETUP_SECTS		0x1f1
#define X86_SYSSIZE		0x1f4
#define X86_BOOT_FLAG		0x1fe
#define X86_MAGIC		0x202
#define X86_VERSION		0x206
#define X86_KERNEL_VERSION	0x20e
#define X86_XLOADFLAGS		0x236
#define X86_CMDLINE_SIZE	0x238
#define X86_PAYLOAD_OFFSET	0x248
#define X86_PAYLOAD_LENGTH	0x24c
#define X86_HEADER		0x268
#define XLF_KERNEL_64		0x1

/* Documentation/arch/arm64/booting.rst */
#define ARM64_MAGIC		0x38
#define ARM64_PE		0x3c
#define ARM64_HEADER		0x40

static uint16_t le16(const uint8_t *p)
{
	return p[0] | p[1] << 8;
}

static uint32_t le32(const uint8_t *p)
{
	return le16(p) | (uint32_t)le16(p + 2) << 16;
}

/* Finding names of formats in what is unpacked */

/* More of them than any kernel has: something else that looks like it. */
#define MAX_NAMES	1000

#define LONGEST		48

struct scan {
	struct image *image;
	/* The last bytes of what came before, then what came now. */
	uint8_t tail[LONGEST];
	size_t tail_len;
	bool full;
};

static bool is_word(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-' || c == '.';
}

/* The name whose "-v" is at @at, if a number and a NUL follow. */
static void scan_name(struct scan *scan, const uint8_t *data, size_t at, size_t end)
{
	struct formats *formats = &scan->image->formats;
	size_t stop = at + 2, begin = at;
	struct format format = { .reads = true };
	char *name;

	while (stop < end && stop - at < 8 && data[stop] >= '0' && data[stop] <= '9')
		stop++;
	if (stop == at + 2 || stop == end || data[stop])
		return;
	while (begin && at - begin < LONGEST - 12 && is_word(data[begin - 1]))
		begin--;
	if (begin == at)
		return;
	if (formats->nr == MAX_NAMES) {
		scan->full = true;
		return;
	}
	/* It may begin before the tail, and was seen as a whole with what came before. */
	if (!begin && scan->tail_len == LONGEST)
		return;
	name = text("%.*s", (int)(stop - begin), data + begin);
	for (size_t i = 0; i < formats->nr; i++) {
		if (!strcmp(formats->list[i].name, name)) {
			free(name);
			return;
		}
	}
	format.name = name;
	formats_add(formats, &format);
}

static void scan_piece(void *arg, const uint8_t *data, size_t size)
{
	struct scan *scan = arg;
	size_t total = scan->tail_len + size, from, keep;
	uint8_t *all = must_alloc(total);
	const uint8_t *p;

	memcpy(all, scan->tail, scan->tail_len);
	memcpy(all + scan->tail_len, data, size);
	from = 0;
	while (total - from > 2 && (p = memchr(all + from, '-', total - from - 2))) {
		from = p - all + 1;
		if (p[1] == 'v')
			scan_name(scan, all, p - all, total);
	}
	keep = total < LONGEST ? total : LONGEST;
	memcpy(scan->tail, all + total - keep, keep);
	scan->tail_len = keep;
	free(all);
}

static void look_into(struct image *image)
{
	struct scan scan = { .image = image };

	progress("unpacking the image");
	if (image->packing)
		image->unread = unpack(image->payload, image->payload_size, scan_piece, &scan);
	else
		scan_piece(&scan, image->payload, image->payload_size);
	progress(NULL);
	if (!image->unread)
		image->unread = unpack_verdict(scan.full);
	/* Half of it says nothing. */
	if (image->unread)
		image->formats.nr = 0;
}

/* What kind of image it is */

static const char *parse_version(struct image *image, size_t setup)
{
	size_t at = le16(image->data + X86_KERNEL_VERSION);
	size_t len;

	image->version = "unknown";
	if (!at)
		return NULL;
	at += 512;
	if (at >= setup)
		return "its version is not where its header says; copy it again";
	len = strnlen((const char *)image->data + at, setup - at);
	if (len == setup - at)
		return "its version has no end; copy it again";
	/* Behind the release are the builder and the time. */
	image->version = shown(text("%.*s", (int)strcspn((const char *)image->data + at, " "),
				    image->data + at));
	return NULL;
}

static const char *parse_x86(struct image *image)
{
	uint64_t setup, need, offset, length;
	const uint8_t *data = image->data;
	unsigned int protocol;
	const char *why;

	image->arch = "x86_64";
	protocol = le16(data + X86_VERSION);
	setup = ((data[X86_SETUP_SECTS] ?: 4) + 1) * 512;
	if (setup > image->size)
		return "it is truncated: it ends within its first part; copy it again";
	need = setup + 16ULL * le32(data + X86_SYSSIZE);
	if (need > image->size)
		return text("it is truncated: it has %zu bytes of %llu; copy it again", image->size,
			    (unsigned long long)need);
	if (protocol < 0x020c)
		return text("it is too old: boot protocol %u.%02u, not 2.12; give a newer one",
			    protocol >> 8, protocol & 0xff);
	if (!(le16(data + X86_XLOADFLAGS) & XLF_KERNEL_64)) {
		image->arch = "i686";
		return NULL;
	}
	image->max_cmdline = le32(data + X86_CMDLINE_SIZE);
	why = parse_version(image, setup);
	if (why)
		return why;
	offset = setup + le32(data + X86_PAYLOAD_OFFSET);
	length = le32(data + X86_PAYLOAD_LENGTH);
	if (offset > image->size || length > image->size - offset)
		return "what is packed in it is not where its header says; copy it again";
	image->payload = data + offset;
	image->payload_size = length;
	image->packing = unpack_name(image->payload, image->payload_size) ?: "unknown";
	return NULL;
}

/* Where the sections of the PE file that an Image is, too, end; 0 if it is none. */
static uint64_t pe_end(const uint8_t *data, uint64_t size)
{
	uint64_t pe = le32(data + ARM64_PE), section, end = 0;
	unsigned int nr;

	if (memcmp(data, "MZ", 2) || pe + 24 > size || memcmp(data + pe, "PE\0", 4))
		return 0;
	nr = le16(data + pe + 6);
	section = pe + 24 + le16(data + pe + 20);
	for (; nr && section + 40 <= size; nr--, section += 40) {
		uint64_t stop = (uint64_t)le32(data + section + 16) + le32(data + section + 20);

		if (stop > end)
			end = stop;
	}
	return nr ? section + 40 * nr : end;
}

static const char *parse_arm64(struct image *image)
{
	uint64_t end = pe_end(image->data, image->size);

	image->arch = "aarch64";
	if (end > image->size)
		return text("it is truncated: it has %zu bytes of %ju; copy it again", image->size,
			    (uintmax_t)end);
	image->version = "unknown";
	image->payload = image->data;
	image->payload_size = image->size;
	return NULL;
}

static const char *parse_elf(struct image *image)
{
	static const struct {
		uint16_t machine;
		const char *arch;
	} machines[] = {
		{ 3, "i686" }, { 62, "x86_64" }, { 183, "aarch64" }, { 243, "riscv64" },
		{ 22, "s390x" }, { 21, "ppc64le" },
	};

	if (image->size >= 20)
		for (size_t i = 0; i < ARRAY_LEN(machines); i++)
			if (le16(image->data + 18) == machines[i].machine)
				image->arch = machines[i].arch;
	return "it is an ELF file, such as vmlinux; give the bzImage, which is in /boot";
}

static const char *parse_kind(struct image *image)
{
	const uint8_t *data = image->data;
	const char *packed;

	if (!image->size)
		return "it is empty; copy it again";
	if (image->size >= 4 && !memcmp(data, "\177ELF", 4))
		return parse_elf(image);
	packed = unpack_name(data, image->size);
	if (packed)
		return text("it is packed with %s as a whole; unpack it first", packed);
	if (image->size >= 8 && !memcmp(data + 4, "zimg", 4))
		return "it is an EFI image that unpacks itself; give the Image in it";
	if (image->size >= ARM64_HEADER && !memcmp(data + ARM64_MAGIC, "ARM\x64", 4))
		return parse_arm64(image);
	if (image->size >= X86_MAGIC + 4 && !memcmp(data + X86_MAGIC, "HdrS", 4) &&
	    le16(data + X86_BOOT_FLAG) == 0xaa55) {
		if (image->size < X86_HEADER)
			return "it is truncated: it ends within its header; copy it again";
		return parse_x86(image);
	}
	return "it is not a kernel; give the file in /boot whose name begins with vmlinuz";
}

const char *image_parse(struct image *image, const char *machine)
{
	const char *why;

	why = parse_kind(image);
	if (why)
		return why;
	if (strcmp(image->arch, machine))
		return text("it is a kernel for %s, and this machine is %s; give another one",
			    image->arch, machine);
	switch (table_find(image, &why)) {
	case TABLE_UNSOUND:
		return text("its table of formats is unsound, %s; build or fetch it again", why);
	case TABLE_NONE:
		look_into(image);
		break;
	case TABLE_FOUND:
		break;
	}
	return NULL;
}

static uint8_t *read_image(const char *path, size_t *size)
{
	struct stat st;
	uint8_t *data;
	ssize_t n;
	int fd;

	/* Not to wait for the other end of a pipe. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		die(errno == EACCES ? ST_PERMISSION : ST_IMAGE,
		    "%s: cannot be opened: %m; give the path of a kernel that can be read",
		    shown(path));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		die(ST_IMAGE, "%s: is no regular file; give the path of a kernel", shown(path));
	if ((unsigned long long)st.st_size > MAX_IMAGE)
		die(ST_IMAGE,
		    "%s: is larger than 1 GiB, which no kernel is; give the path of a kernel",
		    shown(path));
	data = must_alloc(st.st_size);
	for (*size = 0; *size < (size_t)st.st_size; *size += n) {
		n = read(fd, data + *size, st.st_size - *size);
		if (n < 0)
			die(ST_IMAGE, "%s: cannot be read: %m; is the disk sound?", shown(path));
		if (!n)
			break;
	}
	close(fd);
	return data;
}

struct image *image_open(const char *path)
{
	struct image *image = must_alloc(sizeof(*image));
	struct utsname uts;
	const char *why;

	image->path = path;
	image->data = read_image(path, &image->size);
	if (uname(&uts))
		memset(&uts, 0, sizeof(uts));
	why = image_parse(image, uts.machine);
	if (why)
		die(ST_IMAGE, "%s: cannot be used: %s", shown(path), why);
	return image;
}

/* What it reads */

static bool is_read(const struct format *format, enum format_kind kind, const char *name)
{
	return format->reads && (!format->kind || format->kind == kind) &&
	       !strcmp(format->name, name);
}

enum image_reads image_reads(const struct image *image, enum format_kind kind, const char *name,
			     uint64_t required)
{
	enum image_reads verdict = READS_NOT;

	if (image->unread)
		return READS_UNKNOWN;
	for (size_t i = 0; i < image->formats.nr; i++) {
		const struct format *format = &image->formats.list[i];

		if (!is_read(format, kind, name))
			continue;
		if (!image->table || !(required & ~format->required))
			return READS;
		verdict = READS_NOT_FEATURES;
	}
	return verdict;
}

const char *image_relative(const struct image *image, const char *name)
{
	size_t len = strlen(name);

	while (len && name[len - 1] >= '0' && name[len - 1] <= '9')
		len--;
	for (size_t i = 0; i < image->formats.nr; i++)
		if (strlen(image->formats.list[i].name) > len &&
		    !strncmp(image->formats.list[i].name, name, len))
			return image->formats.list[i].name;
	return NULL;
}
