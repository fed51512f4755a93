/* SPDX-License-Identifier: GPL-2.0-only */
/* The handover formats of this kernel; see linux/liveupdate_format.h. */
#ifndef _LINUX_FORMATS_H
#define _LINUX_FORMATS_H

#include <linux/liveupdate_format.h>
#include <linux/types.h>

/* The table, by the linker. */
extern const char __start_liveupdate_formats[], __stop_liveupdate_formats[];

/* Is it declared that this kernel reads it? */
bool formats_declared(enum liveupdate_format_kind kind, const char *name);

/* Text, a line for each: at most @count bytes of it, from @pos on, to @buf. */
ssize_t formats_show(char *buf, loff_t pos, size_t count);

#endif /* _LINUX_FORMATS_H */
