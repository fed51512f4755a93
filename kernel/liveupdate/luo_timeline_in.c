// SPDX-License-Identifier: GPL-2.0-only
/*
 * The blackout clock: what is believed of the previous kernel's time line, and which
 * times are told.
 *
 * Any context, nothing but what is handed in is looked at.
 */
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/kho/abi/timeline.h>
#include <linux/limits.h>
#include <linux/math.h>
#include <linux/math64.h>
#include <linux/string.h>
#include <linux/time64.h>

#include "luo_timeline.h"

/* Between jump and start lie a checksum and an unpacker, not hours. */
#define LUO_MAX_GAP_SEC		3600

/**
 * luo_timeline_parse - take over what the previous kernel wrote
 * @timeline: the phases of the old kernel are filled in, unless it is unsound
 * @ser: the blob, readable for @size bytes
 * @size: what its subtree says
 *
 * Return: NULL, or why the blob is unsound
 */
const char *luo_timeline_parse(struct luo_timeline *timeline,
			       const struct luo_timeline_ser *ser, size_t size)
{
	if (size < sizeof(ser->compatible))
		return "it is too short";
	if (memcmp(ser->compatible, LUO_TIMELINE_COMPATIBLE, sizeof(ser->compatible)))
		return "its version is not known";
	if (size < sizeof(*ser))
		return "it is too short";
	if (!ser->freeze_start || !ser->freeze_end || !ser->jump)
		return "a stamp is missing";
	if (ser->freeze_start > ser->freeze_end || ser->freeze_end > ser->jump)
		return "its stamps are not in order";

	timeline->stamps[LUO_PHASE_FREEZE_START] = ser->freeze_start;
	timeline->stamps[LUO_PHASE_FREEZE_END] = ser->freeze_end;
	timeline->stamps[LUO_PHASE_JUMP] = ser->jump;
	timeline->clock = ser->clock;
	timeline->hz = ser->hz;
	return NULL;
}

/* Two calibrations of one counter differ by less than one percent. */
static bool luo_hz_agree(u64 a, u64 b)
{
	return a && b && abs_diff(a, b) <= b / 100;
}

/**
 * luo_timeline_ns - when was it?
 * @timeline: the time line
 * @phase: the phase in question
 * @clock: what this kernel's stamps count
 * @hz: frequency of that; 0 if it is not to be trusted
 * @ns: gets the nanoseconds since the start of the freeze
 *
 * Return: 0; -ENODATA if the phase was not reached (yet); -ERANGE if it was, but
 * the time cannot be told for certain
 */
int luo_timeline_ns(const struct luo_timeline *timeline, enum luo_phase phase,
		    u64 clock, u64 hz, u64 *ns)
{
	u64 begin = READ_ONCE(timeline->stamps[LUO_PHASE_FREEZE_START]);
	u64 jump = READ_ONCE(timeline->stamps[LUO_PHASE_JUMP]);
	u64 start = READ_ONCE(timeline->stamps[LUO_PHASE_START]);
	u64 at = READ_ONCE(timeline->stamps[phase]);

	if (!at)
		return -ENODATA;
	if (!begin || timeline->clock != clock || !luo_hz_agree(timeline->hz, hz))
		return -ERANGE;
	/* A counter that was set back, or ahead, by the way. */
	if (start < jump || div64_u64(start - jump, timeline->hz) >= LUO_MAX_GAP_SEC)
		return -ERANGE;
	if (phase > LUO_PHASE_START && at < start)
		return -ERANGE;
	if (div64_u64(at - begin, timeline->hz) >= U64_MAX / NSEC_PER_SEC)
		return -ERANGE;

	*ns = mul_u64_u64_div_u64(at - begin, NSEC_PER_SEC, timeline->hz);
	return 0;
}
