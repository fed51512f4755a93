/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A table of handover formats, see linux/liveupdate_format.h, as somebody else wrote it.
 *
 * Pure: works on what it is given and nothing else, so that it runs in the kernel at
 * any time and on the host under sanitizers
 * (tools/testing/selftests/liveupdate/host).
 */
#ifndef _LINUX_FORMAT_TABLE_H
#define _LINUX_FORMAT_TABLE_H

#include <linux/liveupdate_format.h>
#include <linux/types.h>

/**
 * struct format_table - a table that was found sound
 * @data: where it begins
 * @size: its size
 * @head_size: where the entries begin
 * @entry_size: distance between them
 * @nr: number of them
 * @flags: LIVEUPDATE_FORMATS_*
 */
struct format_table {
	const void *data;
	u32 size;
	u32 head_size;
	u32 entry_size;
	u32 nr;
	u32 flags;
};

/* What there is in an image. */
enum format_image {
	FORMAT_IMAGE_OK,
	FORMAT_IMAGE_NO_TABLE,
	FORMAT_IMAGE_UNSOUND,
};

/* Can data of a format be read? */
enum format_verdict {
	FORMAT_READ,
	FORMAT_UNKNOWN,
	FORMAT_FEATURES,
};

const char *format_table_check(const void *data, size_t size,
			       struct format_table *table);
enum format_image format_table_in_bzimage(const void *image, size_t size,
					  struct format_table *table,
					  const char **why);
enum format_image format_table_in_arm64_image(const void *image, size_t size,
					      struct format_table *table,
					      const char **why);

void format_table_entry(const struct format_table *table, u32 i,
			struct liveupdate_format *format);
enum format_verdict format_table_reads(const struct format_table *table,
				       enum liveupdate_format_kind kind,
				       const char *name, u64 required,
				       u64 *lacking);

#endif /* _LINUX_FORMAT_TABLE_H */
