// SPDX-License-Identifier: GPL-2.0-only
/*
 * The handover formats of this kernel: the head of the table in its image, and what
 * the running kernel has to say of them.
 *
 * The table is made by the linker and never changes. Everything may be called at any
 * time, and nothing can fail.
 */
#include <linux/bug.h>
#include <linux/kernel.h>
#include <linux/liveupdate_format.h>
#include <linux/minmax.h>
#include <linux/printk.h>
#include <linux/sprintf.h>
#include <linux/string.h>

#include "format_table.h"
#include "formats.h"

#ifdef CONFIG_CMDLINE
#define FORMATS_CMDLINE (sizeof(CONFIG_CMDLINE) > 1)
#else
#define FORMATS_CMDLINE 0
#endif

/* Head of the table. Its size, which is between these two, is the linker's. */
static const char formats_magic[16]
__used __section(".liveupdate_formats.magic") __aligned(8) =
	LIVEUPDATE_FORMATS_MAGIC;

static const struct {
	u32 head_size;
	u32 entry_size;
	u32 flags;
} formats_head __used __section(".liveupdate_formats.head") __aligned(4) = {
	.head_size = sizeof(struct liveupdate_formats_head),
	.entry_size = sizeof(struct liveupdate_format),
	.flags = (IS_ENABLED(CONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT) ?
		  LIVEUPDATE_FORMATS_KHO_ON : 0) |
		 (FORMATS_CMDLINE ? LIVEUPDATE_FORMATS_CMDLINE : 0),
};

static_assert(sizeof(formats_magic) + sizeof(u32) + sizeof(formats_head) ==
	      sizeof(struct liveupdate_formats_head));

/* It was made by the linker, of what was compiled with it: it is sound. */
static struct format_table formats_table(void)
{
	size_t size = __stop_liveupdate_formats - __start_liveupdate_formats;
	struct format_table table = { };

	if (WARN_ON_ONCE(format_table_check(__start_liveupdate_formats, size,
					    &table)))
		table.nr = 0;
	return table;
}

bool formats_declared(enum liveupdate_format_kind kind, const char *name)
{
	struct format_table table = formats_table();
	u64 lacking;

	return format_table_reads(&table, kind, name, 0, &lacking) == FORMAT_READ;
}

static int formats_line(const struct liveupdate_format *format, char *line,
			size_t room)
{
	static const char * const kinds[] = {
		[LIVEUPDATE_FORMAT_KHO] = "kho",
		[LIVEUPDATE_FORMAT_SUBTREE] = "subtree",
		[LIVEUPDATE_FORMAT_FILE] = "file",
		[LIVEUPDATE_FORMAT_FLB] = "object",
		[LIVEUPDATE_FORMAT_DEVICE] = "device",
	};

	return scnprintf(line, room, "%s %s %s%s %#llx %#llx\n",
			 kinds[format->kind], format->name,
			 format->access & LIVEUPDATE_FORMAT_READ ? "r" : "",
			 format->access & LIVEUPDATE_FORMAT_WRITE ? "w" : "",
			 format->required, format->optional);
}

ssize_t formats_show(char *buf, loff_t pos, size_t count)
{
	struct format_table table = formats_table();
	struct liveupdate_format format;
	char line[128];
	size_t done = 0, part;
	int len;

	for (u32 i = 0; i < table.nr && done < count; i++) {
		format_table_entry(&table, i, &format);
		len = formats_line(&format, line, sizeof(line));
		if (pos < len) {
			part = min_t(size_t, len - pos, count - done);
			memcpy(buf + done, line + pos, part);
			done += part;
		}
		pos = max(pos - len, 0);
	}
	return done;
}
