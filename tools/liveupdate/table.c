// SPDX-License-Identifier: GPL-2.0-only
/*
 * luctl: the table of formats in an image.
 *
 * The parser is the kernel's own, kernel/liveupdate/format_table.c, compiled with
 * kernel_shim.h in place of the kernel's headers. This file alone sees both worlds.
 */
#include "kernel_shim.h"

#include "format_table.h"
#include "luctl.h"

static enum format_image find_anywhere(const struct image *image, struct format_table *table,
				       const char **why)
{
	enum format_image found = format_table_in_bzimage(image->data, image->size, table, why);

	if (found == FORMAT_IMAGE_NO_TABLE)
		found = format_table_in_arm64_image(image->data, image->size, table, why);
	return found;
}

enum table_found table_find(struct image *image, const char **why)
{
	struct liveupdate_format entry;
	struct format_table table;

	switch (find_anywhere(image, &table, why)) {
	case FORMAT_IMAGE_NO_TABLE:
		return TABLE_NONE;
	case FORMAT_IMAGE_UNSOUND:
		return TABLE_UNSOUND;
	default:
		break;
	}

	image->table = true;
	image->formats.complete = true;
	image->kho_on = table.flags & LIVEUPDATE_FORMATS_KHO_ON;
	image->liveupdate_on = table.flags & LIVEUPDATE_FORMATS_LIVEUPDATE_ON;
	image->cmdline_built_in = table.flags & LIVEUPDATE_FORMATS_CMDLINE;
	for (u32 i = 0; i < table.nr; i++) {
		struct format format;

		format_table_entry(&table, i, &entry);
		format = (struct format) {
			.kind = (enum format_kind)entry.kind,
			.name = text("%.*s", (int)sizeof(entry.name), entry.name),
			.reads = entry.access & LIVEUPDATE_FORMAT_READ,
			.writes = entry.access & LIVEUPDATE_FORMAT_WRITE,
			.required = entry.required,
			.optional = entry.optional,
		};
		formats_add(&image->formats, &format);
	}
	return TABLE_FOUND;
}
