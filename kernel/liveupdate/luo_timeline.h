/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The blackout clock, see luo_timeline.c. Of its own so that KHO's early boot
 * can stamp without the rest of LUO.
 */
#ifndef _LINUX_LUO_TIMELINE_H
#define _LINUX_LUO_TIMELINE_H

#include <linux/types.h>

struct luo_timeline_ser;

/**
 * enum luo_phase - the moments of an update, in their order
 * @LUO_PHASE_FREEZE_START: old kernel: liveupdate_reboot() begins
 * @LUO_PHASE_FREEZE_END: old kernel: it has succeeded
 * @LUO_PHASE_JUMP: old kernel: right before the jump
 * @LUO_PHASE_START: new kernel: it has seen that there is a handover
 * @LUO_PHASE_KHO_READY: new kernel: preserved memory is out of reach
 * @LUO_PHASE_LUO_READY: new kernel: the device and its built-in handlers are there
 * @LUO_PHASE_FIRST_OPEN: new kernel: the device was opened for writing, sessions were
 *	read
 * @LUO_PHASE_FIRST_RETRIEVE: new kernel: the first file was retrieved
 * @LUO_PHASE_LAST_FINISH: new kernel: the latest finish of a session so far
 * @LUO_NR_PHASES: number of them
 */
enum luo_phase {
	LUO_PHASE_FREEZE_START,
	LUO_PHASE_FREEZE_END,
	LUO_PHASE_JUMP,
	LUO_PHASE_START,
	LUO_PHASE_KHO_READY,
	LUO_PHASE_LUO_READY,
	LUO_PHASE_FIRST_OPEN,
	LUO_PHASE_FIRST_RETRIEVE,
	LUO_PHASE_LAST_FINISH,
	LUO_NR_PHASES
};

/**
 * struct luo_timeline - the last update, as far as it is known
 * @stamps: by enum luo_phase, readings of the clock; 0 if not reached
 * @clock: what the previous kernel's stamps count, LUO_TIMELINE_CLOCK_*
 * @hz: frequency of that clock; 0 if the previous kernel did not trust it
 */
struct luo_timeline {
	u64 stamps[LUO_NR_PHASES];
	u64 clock;
	u64 hz;
};

#ifdef CONFIG_LIVEUPDATE

/* Any context, from setup_arch() on to the jump. */
void luo_timeline_stamp(enum luo_phase phase);

/*
 * An incoming session was finished, and @left ones are not. Stamps
 * LUO_PHASE_LAST_FINISH; the first time that none is left the time line is logged.
 */
void luo_timeline_finished(u64 left);

/* For sysfs: at most a page; empty if this kernel did not come by an update. */
ssize_t luo_timeline_show(char *buf);

#else

static inline void luo_timeline_stamp(enum luo_phase phase) { }

#endif

/* luo_timeline_in.c: the pure parts */
const char *luo_timeline_parse(struct luo_timeline *timeline,
			       const struct luo_timeline_ser *ser, size_t size);
int luo_timeline_ns(const struct luo_timeline *timeline, enum luo_phase phase,
		    u64 clock, u64 hz, u64 *ns);

#endif /* _LINUX_LUO_TIMELINE_H */
