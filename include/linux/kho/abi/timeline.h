/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Handover format of the KHO subtree "liveupdate-timeline": when the old kernel
 * did what, on a clock that goes on over kexec.
 *
 * The blob is alone in a preserved page. The version string comes first and stays
 * first; any change below it needs a new one. A reader ignores a version that it
 * does not know: the update goes on, only its time line is unknown.
 */
#ifndef _LINUX_KHO_ABI_TIMELINE_H
#define _LINUX_KHO_ABI_TIMELINE_H

#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/types.h>

#define LUO_TIMELINE_KHO_ENTRY_NAME	"liveupdate-timeline"
#define LUO_TIMELINE_COMPATIBLE		"luo-timeline-v1"

/* What the stamps count. Stamps of one clock cannot be compared with another's. */
#define LUO_TIMELINE_CLOCK_NONE		0
#define LUO_TIMELINE_CLOCK_X86_TSC	1
#define LUO_TIMELINE_CLOCK_ARM64_CNTVCT	2

/**
 * struct luo_timeline_ser - the blob
 * @compatible: LUO_TIMELINE_COMPATIBLE, NUL terminated
 * @clock: LUO_TIMELINE_CLOCK_*
 * @hz: frequency of the clock; 0 if the writer did not trust the clock
 * @freeze_start: reading at the start of the freeze that led to the jump
 * @freeze_end: reading when nothing could fail any more
 * @jump: reading right before the jump
 */
struct luo_timeline_ser {
	char compatible[16];
	u64 clock;
	u64 hz;
	u64 freeze_start;
	u64 freeze_end;
	u64 jump;
} __packed;

static_assert(sizeof(LUO_TIMELINE_COMPATIBLE) == 16);
static_assert(sizeof(struct luo_timeline_ser) == 56);
static_assert(offsetof(struct luo_timeline_ser, compatible) == 0);
static_assert(offsetof(struct luo_timeline_ser, clock) == 16);
static_assert(offsetof(struct luo_timeline_ser, hz) == 24);
static_assert(offsetof(struct luo_timeline_ser, freeze_start) == 32);
static_assert(offsetof(struct luo_timeline_ser, freeze_end) == 40);
static_assert(offsetof(struct luo_timeline_ser, jump) == 48);

#endif /* _LINUX_KHO_ABI_TIMELINE_H */
