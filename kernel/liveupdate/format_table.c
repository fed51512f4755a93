// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tables of handover formats: find one in the image of a kernel, check it, look up.
 *
 * Nothing of an image is believed before it is checked against the size of what is
 * there, and whatever is read twice is copied first. Time is linear in the size of
 * what is given. Nothing is allocated or kept: the caller holds the memory that a
 * struct format_table points to. Everything may be called by anyone.
 *
 * A finding is NULL, or a clause that says what is wrong with the table.
 */
#include <linux/bitops.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/unaligned.h>

#include "format_table.h"

/* As of the x86 boot protocol, Documentation/arch/x86/boot.rst. */
#define SETUP_SECTS		0x1f1
#define SETUP_MAGIC		0x202
#define SETUP_VERSION		0x206
#define SETUP_KERNEL_INFO	0x268
#define SETUP_END		0x26c

#define KERNEL_INFO_VERSION	0x020f
#define KERNEL_INFO_SIZE	4
#define KERNEL_INFO_SIZE_TOTAL	8
#define KERNEL_INFO_HEADER	12
#define KERNEL_INFO_ITEM	8

/* As of Documentation/arch/arm64/booting.rst. */
#define ARM64_MAGIC		0x38
#define ARM64_HEADER		0x40

static const char *format_head_check(const struct liveupdate_formats_head *head,
				     size_t size)
{
	if (head->size < sizeof(*head) || head->size > size)
		return "its size is out of bounds";
	if (head->head_size < sizeof(*head) || head->head_size > head->size)
		return "the size of its head is out of bounds";
	if (head->entry_size < sizeof(struct liveupdate_format) ||
	    head->entry_size > SZ_4K)
		return "the size of its entries is out of bounds";
	if ((head->size - head->head_size) % head->entry_size)
		return "it ends within an entry";
	return NULL;
}

static const char *format_entry_check(const struct liveupdate_format *format)
{
	size_t len = strnlen(format->name, sizeof(format->name));

	if (!len)
		return "an entry has no name";
	if (len == sizeof(format->name))
		return "the name of an entry has no end";
	for (size_t i = 0; i < len; i++)
		if (format->name[i] <= ' ' || format->name[i] > '~')
			return "the name of an entry is not printable";
	return NULL;
}

static bool format_head_read(const void *data, size_t size,
			     struct liveupdate_formats_head *head)
{
	if (size < sizeof(*head))
		return false;
	memcpy(head, data, sizeof(*head));
	return !memcmp(head->magic, LIVEUPDATE_FORMATS_MAGIC, sizeof(head->magic));
}

static const char *format_table_accept(const void *data,
				       const struct liveupdate_formats_head *head,
				       struct format_table *table)
{
	struct liveupdate_format format;
	const char *why;

	*table = (struct format_table) {
		.data = data,
		.size = head->size,
		.head_size = head->head_size,
		.entry_size = head->entry_size,
		.nr = (head->size - head->head_size) / head->entry_size,
		.flags = head->flags,
	};
	for (u32 i = 0; i < table->nr; i++) {
		format_table_entry(table, i, &format);
		why = format_entry_check(&format);
		if (why)
			return why;
	}
	return NULL;
}

/**
 * format_table_check - is this a sound table?
 * @data: where it begins
 * @size: how much there is
 * @table: where to put what was found
 *
 * Return: NULL, or what is wrong with it
 */
const char *format_table_check(const void *data, size_t size,
			       struct format_table *table)
{
	struct liveupdate_formats_head head;
	const char *why;

	if (!format_head_read(data, size, &head))
		return "it does not begin with the magic number";
	why = format_head_check(&head, size);
	return why ?: format_table_accept(data, &head, table);
}

static enum format_image format_kernel_info(const void *info, size_t size,
					    struct format_table *table,
					    const char **why)
{
	u32 pos = get_unaligned_le32(info + KERNEL_INFO_SIZE);
	u32 end = get_unaligned_le32(info + KERNEL_INFO_SIZE_TOTAL);
	u32 item;

	if (pos < KERNEL_INFO_HEADER || pos > end || end > size) {
		*why = "kernel_info is out of bounds";
		return FORMAT_IMAGE_UNSOUND;
	}
	for (; end - pos >= KERNEL_INFO_ITEM; pos += item) {
		item = get_unaligned_le32(info + pos + 4);
		if (item < KERNEL_INFO_ITEM || item > end - pos) {
			*why = "an item of kernel_info is out of bounds";
			return FORMAT_IMAGE_UNSOUND;
		}
		if (memcmp(info + pos, LIVEUPDATE_FORMATS_ITEM, 4))
			continue;
		*why = format_table_check(info + pos + KERNEL_INFO_ITEM,
					  item - KERNEL_INFO_ITEM, table);
		return *why ? FORMAT_IMAGE_UNSOUND : FORMAT_IMAGE_OK;
	}
	return FORMAT_IMAGE_NO_TABLE;
}

/**
 * format_table_in_bzimage - the table of an x86 kernel
 * @image: the file
 * @size: its size
 * @table: where to put what was found
 * @why: what is wrong with it; NULL unless it is FORMAT_IMAGE_UNSOUND
 *
 * Return: whether there is one, and whether it is sound
 */
enum format_image format_table_in_bzimage(const void *image, size_t size,
					  struct format_table *table,
					  const char **why)
{
	size_t code, info;

	*why = NULL;
	if (size < SETUP_END || memcmp(image + SETUP_MAGIC, "HdrS", 4) ||
	    get_unaligned_le16(image + SETUP_VERSION) < KERNEL_INFO_VERSION)
		return FORMAT_IMAGE_NO_TABLE;

	/* It is relative to the code, which follows boot sector and setup. */
	code = ((*(const u8 *)(image + SETUP_SECTS) ?: 4) + 1) * 512;
	info = get_unaligned_le32(image + SETUP_KERNEL_INFO);
	if (!info || code > size || info > size - code)
		return FORMAT_IMAGE_NO_TABLE;
	info += code;
	if (size - info < KERNEL_INFO_HEADER || memcmp(image + info, "LToP", 4))
		return FORMAT_IMAGE_NO_TABLE;
	return format_kernel_info(image + info, size - info, table, why);
}

/**
 * format_table_in_arm64_image - the table of an arm64 kernel
 * @image: the file, not compressed
 * @size: its size
 * @table: where to put what was found
 * @why: what is wrong with it; NULL unless it is FORMAT_IMAGE_UNSOUND
 *
 * The header of an Image has no room for an offset, so the magic number is looked
 * for. A place that has it without a sound head behind it is something else, such as
 * the code that looks for it. The first head that is sound is the kernel's own: what
 * else may be in an Image, a root file system with kernels in it, comes after the
 * read-only data.
 *
 * Return: whether there is one, and whether it is sound
 */
enum format_image format_table_in_arm64_image(const void *image, size_t size,
					      struct format_table *table,
					      const char **why)
{
	struct liveupdate_formats_head head;

	*why = NULL;
	if (size < ARM64_HEADER || memcmp(image + ARM64_MAGIC, "ARM\x64", 4))
		return FORMAT_IMAGE_NO_TABLE;

	for (size_t pos = 0; size - pos >= sizeof(head); pos += 8) {
		if (!format_head_read(image + pos, size - pos, &head) ||
		    format_head_check(&head, size - pos))
			continue;
		*why = format_table_accept(image + pos, &head, table);
		return *why ? FORMAT_IMAGE_UNSOUND : FORMAT_IMAGE_OK;
	}
	return FORMAT_IMAGE_NO_TABLE;
}

/**
 * format_table_entry - an entry of a table
 * @table: the table, sound
 * @i: which one
 * @format: where to put it
 */
void format_table_entry(const struct format_table *table, u32 i,
			struct liveupdate_format *format)
{
	size_t pos = table->head_size + (size_t)i * table->entry_size;

	memcpy(format, table->data + pos, sizeof(*format));
}

/**
 * format_table_reads - does a kernel with this table read such data?
 * @table: the table, sound
 * @kind: which name space
 * @name: the format's string
 * @required: the required feature bits that the data has
 * @lacking: where to put those that the entry which comes closest lacks; 0 but for
 *	FORMAT_FEATURES
 *
 * Return: FORMAT_READ if it does
 */
enum format_verdict format_table_reads(const struct format_table *table,
				       enum liveupdate_format_kind kind,
				       const char *name, u64 required,
				       u64 *lacking)
{
	enum format_verdict verdict = FORMAT_UNKNOWN;
	struct liveupdate_format format;
	u64 bits, closest = 0;

	*lacking = 0;
	for (u32 i = 0; i < table->nr; i++) {
		format_table_entry(table, i, &format);
		if (format.kind != kind ||
		    !(format.access & LIVEUPDATE_FORMAT_READ) ||
		    strncmp(format.name, name, sizeof(format.name)))
			continue;
		bits = required & ~format.required;
		if (!bits)
			return FORMAT_READ;
		if (verdict == FORMAT_UNKNOWN ||
		    hweight64(bits) < hweight64(closest))
			closest = bits;
		verdict = FORMAT_FEATURES;
	}
	*lacking = closest;
	return verdict;
}
