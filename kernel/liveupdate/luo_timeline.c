// SPDX-License-Identifier: GPL-2.0-only
/*
 * The blackout clock: when each phase of the last update was.
 *
 * The old kernel stamps the freeze and the jump straight into a preserved page of
 * its own, the next one reads that page at boot, gives it back, and adds its own
 * stamps. Shown is only the update that led to this kernel.
 *
 * A stamp is a raw reading of a counter that goes on over kexec: the TSC on x86,
 * the architected counter on arm64. Frequencies are compared when the time line is
 * read. Whenever the two kernels' readings may not be of one steady clock, the
 * answer is "unknown"; elsewhere there is no such clock, and it is always that.
 *
 * Stamps may be taken by anyone, at any time, without a lock: each phase has one
 * word. Of the new kernel's phases the first stamp counts, of the last finish the
 * latest. A freeze that fails is overwritten by the next one.
 *
 * Nothing here can fail an update. Without memory for the page, or with a page that
 * makes no sense, there is no time line, and one line in the log says so.
 */

#define pr_fmt(fmt) "luo: " fmt

#include <linux/err.h>
#include <linux/errno.h>
#include <linux/init.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/kexec_handover.h>
#include <linux/kho/abi/timeline.h>
#include <linux/liveupdate.h>
#include <linux/liveupdate_format.h>
#include <linux/printk.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/time64.h>

#if defined(CONFIG_X86)
#include <asm/tsc.h>
#elif defined(CONFIG_ARM64)
#include <asm/arch_timer.h>
#include <clocksource/arm_arch_timer.h>
#endif

#include "kho_internal.h"
#include "luo_timeline.h"

static const char * const luo_phase_names[] = {
	[LUO_PHASE_FREEZE_START] = "freeze-start",
	[LUO_PHASE_FREEZE_END] = "freeze-end",
	[LUO_PHASE_JUMP] = "jump",
	[LUO_PHASE_START] = "start",
	[LUO_PHASE_KHO_READY] = "kho-ready",
	[LUO_PHASE_LUO_READY] = "luo-ready",
	[LUO_PHASE_FIRST_OPEN] = "first-open",
	[LUO_PHASE_FIRST_RETRIEVE] = "first-retrieve",
	[LUO_PHASE_LAST_FINISH] = "last-finish",
};

static_assert(ARRAY_SIZE(luo_phase_names) == LUO_NR_PHASES);

liveupdate_format(timeline, SUBTREE, LUO_TIMELINE_COMPATIBLE);

static struct luo_timeline luo_timeline_in;

/* What the next kernel gets; NULL before there is a page, and if there is none. */
static struct luo_timeline_ser *luo_timeline_out __ro_after_init;

/* The counter. Readable from the first line of setup_arch() on, hz only later. */

#if defined(CONFIG_X86)

#define LUO_CLOCK	LUO_TIMELINE_CLOCK_X86_TSC

static u64 luo_clock_read(void)
{
	return rdtsc_ordered();
}

static u64 luo_clock_hz(void)
{
	return check_tsc_unstable() ? 0 : tsc_khz * 1000ULL;
}

#elif defined(CONFIG_ARM64)

#define LUO_CLOCK	LUO_TIMELINE_CLOCK_ARM64_CNTVCT

static u64 luo_clock_read(void)
{
	return arch_timer_read_counter();
}

static u64 luo_clock_hz(void)
{
	return arch_timer_get_cntfrq();
}

#else

#define LUO_CLOCK	LUO_TIMELINE_CLOCK_NONE

static u64 luo_clock_read(void)
{
	return 1;
}

static u64 luo_clock_hz(void)
{
	return 0;
}

#endif

static void luo_timeline_stamp_out(struct luo_timeline_ser *ser,
				   enum luo_phase phase, u64 now)
{
	ser->hz = luo_clock_hz();
	switch (phase) {
	case LUO_PHASE_FREEZE_START:
		ser->freeze_start = now;
		ser->freeze_end = 0;
		ser->jump = 0;
		break;
	case LUO_PHASE_FREEZE_END:
		ser->freeze_end = now;
		break;
	default:
		ser->jump = now;
	}
}

void luo_timeline_stamp(enum luo_phase phase)
{
	u64 *stamp = &luo_timeline_in.stamps[phase];
	u64 now = luo_clock_read();

	if (phase > LUO_PHASE_JUMP) {
		if (phase == LUO_PHASE_LAST_FINISH)
			WRITE_ONCE(*stamp, now);
		else if (!READ_ONCE(*stamp))
			cmpxchg64(stamp, 0, now);
	} else if (luo_timeline_out) {
		luo_timeline_stamp_out(luo_timeline_out, phase, now);
	}
}

/**
 * liveupdate_jump - the next instruction of importance is the next kernel's
 *
 * Context: the last step of kernel_kexec(): one CPU, no interrupts.
 */
void liveupdate_jump(void)
{
	luo_timeline_stamp(LUO_PHASE_JUMP);
}

ssize_t luo_timeline_show(char *buf)
{
	u64 hz = luo_clock_hz();
	enum luo_phase phase;
	int len = 0;
	u64 ns;

	if (!is_kho_boot())
		return 0;

	for (phase = 0; phase < LUO_NR_PHASES; phase++) {
		switch (luo_timeline_ns(&luo_timeline_in, phase, LUO_CLOCK, hz, &ns)) {
		case 0:
			len += sysfs_emit_at(buf, len, "%s %llu\n",
					     luo_phase_names[phase], ns);
			break;
		case -ERANGE:
			len += sysfs_emit_at(buf, len, "%s unknown\n",
					     luo_phase_names[phase]);
		}
	}
	return len;
}

static void luo_timeline_log(void)
{
	u64 hz = luo_clock_hz();
	enum luo_phase phase;
	char line[320];
	int len = 0;
	u64 ns;

	line[0] = '\0';
	for (phase = LUO_PHASE_FREEZE_END; phase < LUO_NR_PHASES; phase++) {
		switch (luo_timeline_ns(&luo_timeline_in, phase, LUO_CLOCK, hz, &ns)) {
		case 0:
			len += scnprintf(line + len, sizeof(line) - len, " %s %llu.%03llu",
					 luo_phase_names[phase], ns / NSEC_PER_MSEC,
					 ns % NSEC_PER_MSEC / NSEC_PER_USEC);
			break;
		case -ERANGE:
			len += scnprintf(line + len, sizeof(line) - len, " %s unknown",
					 luo_phase_names[phase]);
		}
	}
	pr_info("update finished; ms since the freeze began:%s\n", line);
}

void luo_timeline_finished(u64 left)
{
	static atomic_t logged = ATOMIC_INIT(0);

	luo_timeline_stamp(LUO_PHASE_LAST_FINISH);
	if (!left && !atomic_xchg(&logged, 1))
		luo_timeline_log();
}

static void __init luo_timeline_receive(void)
{
	struct luo_timeline_ser *ser;
	phys_addr_t phys;
	const char *why;
	size_t size;
	int err;

	err = kho_retrieve_subtree(LUO_TIMELINE_KHO_ENTRY_NAME, &phys, &size);
	if (err == -ENOENT)
		return;

	if (err) {
		why = "its subtree is broken";
	} else if (!kho_range_is_stamped(phys, 1)) {
		why = "it is not alone in a page";
	} else {
		ser = phys_to_virt(phys);
		why = luo_timeline_parse(&luo_timeline_in, ser, size);
		kho_restore_free(ser);
	}
	if (why && liveupdate_enabled())
		pr_warn("the time line of the last update is unknown: %s\n", why);
}

static int __init luo_timeline_publish(void)
{
	struct luo_timeline_ser *ser;
	int err;

	ser = kho_alloc_preserve(sizeof(*ser));
	if (IS_ERR(ser))
		return PTR_ERR(ser);
	memcpy(ser->compatible, LUO_TIMELINE_COMPATIBLE, sizeof(ser->compatible));
	ser->clock = LUO_CLOCK;

	err = kho_add_subtree(LUO_TIMELINE_KHO_ENTRY_NAME, ser, sizeof(*ser));
	if (err)
		kho_unpreserve_free(ser);
	else
		luo_timeline_out = ser;
	return err;
}

/* After all that late_initcall()s do: device, handlers. */
static int __init luo_timeline_init(void)
{
	int err;

	luo_timeline_receive();
	if (!liveupdate_enabled())
		return 0;

	err = luo_timeline_publish();
	if (err)
		pr_warn("the next update will have no time line: %pe\n", ERR_PTR(err));
	if (is_kho_boot())
		luo_timeline_stamp(LUO_PHASE_LUO_READY);
	return 0;
}
late_initcall_sync(luo_timeline_init);
