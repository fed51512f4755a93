// SPDX-License-Identifier: GPL-2.0-only
/*
 * LUO: whether it is on, what it takes over and hands over, and the reboot.
 *
 * Life cycle: liveupdate= is known from early parameters on. At early_initcall the
 * root blob of the previous kernel is taken over; at late_initcall the one for the
 * next kernel is published, with nothing in it but the number of the update, and
 * the device appears. liveupdate_reboot() is the last thing that may fail before
 * a kexec: it freezes sessions, then FLBs, and only when nothing can go wrong any
 * more it puts the address of the sessions into the blob.
 *
 * What can fail: the blob that came in may be of another format or unsound. It stays
 * reserved then, and opening the device gives EIO, so this kernel has no sessions to
 * hand over; but the next one will do live updates again. When the outgoing side cannot
 * be made, LUO is off. Neither is a reason to panic: memory that nobody claims stays
 * reserved. A freeze that fails rolls itself back, and the system goes on.
 */

#define pr_fmt(fmt) "luo: " fmt

#include <linux/cleanup.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/init.h>
#include <linux/io.h>
#include <linux/kexec.h>
#include <linux/kexec_handover.h>
#include <linux/kho/abi/luo.h>
#include <linux/kstrtox.h>
#include <linux/liveupdate.h>
#include <linux/liveupdate_format.h>
#include <linux/lockdep.h>
#include <linux/printk.h>
#include <linux/string.h>
#include <linux/wait.h>

#include "kho_internal.h"
#include "luo_gate.h"
#include "luo_internal.h"
#include "luo_records.h"

struct luo_status luo_status __ro_after_init;

DECLARE_RWSEM(luo_serialize_rwsem);

static bool luo_wanted __initdata;

/* The blob for the next kernel, NULL until there is one. */
static struct luo_ser *luo_out __ro_after_init;

/* The sessions are frozen for good. Under luo_serialize_rwsem. */
static bool luo_committed;

/* Nobody ever wakes this. */
static DECLARE_WAIT_QUEUE_HEAD(luo_committed_wait);

static int __init luo_parse_enable(char *p)
{
	return kstrtobool(p, &luo_wanted);
}
early_param("liveupdate", luo_parse_enable);

/**
 * liveupdate_enabled - can files be carried over to the next kernel?
 *
 * From early_initcall on. May go from true to false until late_initcall is through.
 *
 * Return: true if live update was asked for, and nothing was in the way
 */
bool liveupdate_enabled(void)
{
	return luo_status.enabled;
}
EXPORT_SYMBOL_GPL(liveupdate_enabled);

liveupdate_format(luo, SUBTREE, LUO_ABI_COMPATIBLE);

int luo_enter(void)
{
	if (down_read_killable(&luo_serialize_rwsem))
		return -EINTR;
	if (likely(!luo_committed))
		return 0;

	up_read(&luo_serialize_rwsem);
	wait_event_killable(luo_committed_wait, false);
	return -EINTR;
}

bool luo_enter_release(void)
{
	down_read(&luo_serialize_rwsem);
	if (likely(!luo_committed))
		return true;

	up_read(&luo_serialize_rwsem);
	return false;
}

void luo_leave(void)
{
	up_read(&luo_serialize_rwsem);
}

/* Why the blob cannot be taken over; NULL if it can. */
static const char * __init luo_check_blob(phys_addr_t phys, size_t size)
{
	const struct luo_ser *ser = phys_to_virt(phys);
	enum luo_reject why;

	if (!kho_range_is_stamped(phys, 1))
		return "the root record does not lie in a page of its own";
	why = luo_check_root(ser, size);
	if (why == LUO_ROOT_FORMAT)
		pr_err("the previous kernel's format is \"%*pE\", this kernel reads \"%s\" only\n",
		       luo_text_len(ser->compatible), ser->compatible,
		       LUO_ABI_COMPATIBLE);
	return why ? luo_reject_str(why) : NULL;
}

/*
 * Take the blob of the previous kernel over: give its page back and copy it to @in,
 * which is zero if there is none. With LUO off only look at it: what it leads to
 * cannot be freed by a kernel without handlers, so it had better not change.
 */
static const char * __init luo_receive_root(struct luo_ser *in)
{
	struct luo_ser *ser;
	phys_addr_t phys;
	const char *why;
	size_t size;
	int err;

	memset(in, 0, sizeof(*in));
	err = kho_retrieve_subtree(LUO_KHO_ENTRY_NAME, &phys, &size);
	if (err == -ENOENT)
		return NULL;
	if (err)
		return "the subtree of the root record is broken";

	why = luo_check_blob(phys, size);
	if (why)
		return why;

	ser = phys_to_virt(phys);
	*in = *ser;
	if (luo_status.enabled)
		kho_restore_free(ser);
	return NULL;
}

static void __init luo_receive(void)
{
	struct luo_ser in;
	const char *why;

	why = luo_receive_root(&in);
	luo_status.number = in.liveupdate_num;

	if (!luo_status.enabled) {
		if (why || in.sessions_pa)
			pr_warn("the previous kernel's sessions are out of reach, their memory stays reserved until the next reboot: %s\n",
				luo_status.reason);
		return;
	}

	if (!why && in.liveupdate_num)
		pr_info("live update number %llu\n", in.liveupdate_num);
	if (!why && luo_sessions_receive(in.sessions_pa))
		why = "the records of the sessions are not preserved or malformed";
	if (why) {
		luo_status.incoming_err = -EIO;
		luo_status.reason =
			"what the previous kernel left cannot be read, see the kernel's log";
		pr_err("the previous kernel's sessions cannot be taken over, %s; their memory stays reserved and /dev/liveupdate cannot be opened until the next reboot\n",
		       why);
		return;
	}
	luo_flb_setup_incoming(in.flbs_pa);
}

static const char * __init luo_why_no_kho(void)
{
	if (kho_has_failed())
		return "kexec handover could not be set up";
	return "kexec handover is off: kho=on is not on the kernel's command line";
}

static int __init luo_early_init(void)
{
	luo_status.enabled = luo_wanted && kho_is_enabled();
	if (!luo_wanted) {
		luo_status.reason =
			"liveupdate=on is not on the kernel's command line";
	} else if (!luo_status.enabled) {
		luo_status.reason = luo_why_no_kho();
		pr_warn("liveupdate=on has no effect: %s\n", luo_status.reason);
	}
	luo_receive();
	return 0;
}
early_initcall(luo_early_init);

static int __init luo_setup_outgoing(void)
{
	struct luo_ser *ser;
	int err;

	ser = kho_alloc_preserve(sizeof(*ser));
	if (IS_ERR(ser))
		return PTR_ERR(ser);

	strscpy(ser->compatible, LUO_ABI_COMPATIBLE);
	ser->liveupdate_num = luo_status.number + 1;
	err = luo_flb_setup_outgoing(ser);
	if (err)
		goto err_free;
	err = kho_add_subtree(LUO_KHO_ENTRY_NAME, ser, sizeof(*ser));
	if (err)
		goto err_flb;

	luo_out = ser;
	return 0;

err_flb:
	luo_flb_teardown_outgoing(ser);
err_free:
	kho_unpreserve_free(ser);
	return err;
}

static void __init luo_teardown_outgoing(void)
{
	kho_remove_subtree(luo_out);
	luo_flb_teardown_outgoing(luo_out);
	kho_unpreserve_free(luo_out);
	luo_out = NULL;
}

static int __init luo_late_init(void)
{
	const char *what;
	int err;

	if (!luo_status.enabled)
		return 0;

	what = luo_why_no_kho();
	err = -EOPNOTSUPP;
	if (!kho_is_enabled())
		goto err_disable;

	what = "nothing can be handed over to the next kernel";
	err = luo_setup_outgoing();
	if (err)
		goto err_disable;

	what = "/dev/liveupdate could not be made";
	err = luo_device_init();
	if (err)
		goto err_outgoing;
	return 0;

err_outgoing:
	luo_teardown_outgoing();
err_disable:
	luo_status.enabled = false;
	luo_status.reason = what;
	pr_err("disabled: %s: %pe\n", what, ERR_PTR(err));
	return err;
}
late_initcall(luo_late_init);

/* What will not survive although nothing failed. The kexec lock is held. */
static void luo_warn_of_losses(void)
{
	u64 outgoing = luo_sessions_outgoing();
	u64 unfinished = luo_sessions_unfinished();

	if (outgoing && !kexec_image->kho.fdt)
		pr_err("%llu sessions are going to be lost: the loaded image cannot carry them. Load it with kexec_file_load(), that is kexec -s\n",
		       outgoing);
	if (unfinished)
		pr_warn("%llu sessions of the previous kernel are going to be lost: they were not finished, and are not handed on\n",
			unfinished);
}

/**
 * liveupdate_reboot - hand over all sessions to the kernel that is loaded
 *
 * After success sessions cannot change any more: who tries waits for the jump.
 *
 * Context: from kernel_kexec(), before anything is shut down, with the kexec lock.
 * Return: 0; a negative errno if the reboot must not go on. Everything is as before
 * then.
 */
int liveupdate_reboot(void)
{
	u64 sessions_pa;
	int err;

	if (!luo_status.enabled || kexec_image->preserve_context)
		return 0;

	luo_timeline_stamp(LUO_PHASE_FREEZE_START);
	if (down_write_killable(&luo_serialize_rwsem))
		return -EINTR;
	luo_warn_of_losses();

	err = luo_gate_freeze(kexec_image);
	if (err)
		goto err_unlock;
	err = luo_sessions_freeze(&sessions_pa);
	if (err)
		goto err_unlock;
	err = luo_flb_freeze();
	if (err)
		goto err_unfreeze;

	luo_out->sessions_pa = sessions_pa;
	luo_committed = true;
	up_write(&luo_serialize_rwsem);
	luo_timeline_stamp(LUO_PHASE_FREEZE_END);
	return 0;

err_unfreeze:
	luo_sessions_unfreeze();
err_unlock:
	up_write(&luo_serialize_rwsem);
	pr_err("the live update was called off, all sessions are as before: %pe\n",
	       ERR_PTR(err));
	return err;
}
