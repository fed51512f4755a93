// SPDX-License-Identifier: GPL-2.0-only
/*
 * LUO: the gate. Will the kernel that is loaded be able to take over what is preserved?
 *
 * It is asked three times, and the earliest that can know refuses: when an image is
 * loaded, against what is preserved by then; when a session is made or a file
 * preserved, against the image that is loaded by then; and at the reboot, before any
 * callback, for what slipped between. A refusal is -EPROTONOSUPPORT, has said in the
 * log what it was for, and leaves nothing to undo.
 *
 * What counts is what is preserved: the root formats once there is a session, even
 * one without files, which is handed over by its name and would be lost; the format
 * and the required features of each file and of each object that it depends on, and
 * the format of the state of the device that it stands for. A format of a module
 * that the loaded kernel does not have may be in a module there: nobody can tell. Of
 * an image without a table, or of kexec_load(), nothing is known at all. In both
 * cases liveupdate.unknown= decides.
 *
 * The command line of the next kernel is looked at when it is loaded, and said what is
 * wrong with it. What would be lost by it is not preserved any more; the reboot refuses
 * what was preserved before.
 *
 * Load and reboot have the kexec lock, so there is one walk at a time. A walk takes
 * time in proportion to the number of files: a format is looked up once.
 */

#define pr_fmt(fmt) "luo: " fmt

#include <linux/cleanup.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/kexec.h>
#include <linux/kexec_handover.h>
#include <linux/kho/abi/kexec_handover.h>
#include <linux/kho/abi/memblock.h>
#include <linux/list.h>
#include <linux/liveupdate.h>
#include <linux/lockdep.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "kho_internal.h"
#include "luo_file.h"
#include "luo_gate.h"
#include "luo_internal.h"

/* The FLB of PCI devices, whatever its version. */
#define LUO_FLB_PCI	"pci-"

/* In this order. */
enum { LUO_UNKNOWN_WARN, LUO_UNKNOWN_REFUSE };
static const char * const luo_unknown_words[] = { "warn", "refuse" };

static int luo_unknown = LUO_UNKNOWN_WARN;

#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX "liveupdate."

static int luo_unknown_set(const char *val, const struct kernel_param *kp)
{
	int word = sysfs_match_string(luo_unknown_words, val);

	if (word < 0)
		return word;
	WRITE_ONCE(luo_unknown, word);
	return 0;
}

static int luo_unknown_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%s\n", luo_unknown_words[READ_ONCE(luo_unknown)]);
}

static const struct kernel_param_ops luo_unknown_ops = {
	.set = luo_unknown_set,
	.get = luo_unknown_get,
};
module_param_cb(unknown, &luo_unknown_ops, NULL, 0644);
MODULE_PARM_DESC(unknown, "What to do with an image whose formats are not known: warn or refuse");

/**
 * struct luo_gate - the question, while it is being asked
 * @next: the image
 * @walk: number of the walk, for marks; 0 if it is about one file
 * @session: what is looked at
 * @file: the same; NULL if it is the session as such
 * @devices: formats of devices that the walk has come to
 * @again: it is asked again, so what is not certain is said then
 * @missing: number of formats that are missing so far
 */
struct luo_gate {
	const struct luo_image *next;
	u64 walk;
	const struct liveupdate_session *session;
	const struct luo_file *file;
	struct list_head devices;
	bool again;
	unsigned int missing;
};

/**
 * struct luo_gate_device - a format of devices, which has nowhere else to put a mark
 * @list: in luo_gate.devices
 * @mark: of this walk
 * @format: its name
 */
struct luo_gate_device {
	struct list_head list;
	struct luo_gate_mark mark;
	char format[LIVEUPDATE_FORMAT_NAME_LEN];
};

/* Under the kexec lock. */
static u64 luo_gate_walks;

static void luo_gate_say(const struct luo_gate *gate, const char *format,
			 enum format_verdict verdict, u64 lacking)
{
	const char *name = gate->session->name;
	int len = luo_text_len(gate->session->name);

	if (!gate->file)
		pr_err("session %*pE cannot go over: the loaded kernel does not read format %s. Load another one\n",
		       len, name, format);
	else if (verdict == FORMAT_FEATURES)
		pr_err("session %*pE: the file with token %#llx cannot go over: the loaded kernel lacks the features %#llx of format %s. Load another one, or drop the file\n",
		       len, name, gate->file->token, lacking, format);
	else
		pr_err("session %*pE: the file with token %#llx cannot go over: the loaded kernel does not read format %s. Load another one, or drop the file\n",
		       len, name, gate->file->token, format);
}

/* Was this looked up by this walk, or has it been said what is wrong with it? */
static bool luo_gate_seen(const struct luo_gate *gate,
			  struct luo_gate_mark *mark, u64 required)
{
	if (!gate->walk || !mark)
		return false;
	if (mark->walk == gate->walk &&
	    (mark->required == required || mark->refused))
		return true;
	*mark = (struct luo_gate_mark) { gate->walk, required };
	return false;
}

static void luo_gate_ask(struct luo_gate *gate, enum liveupdate_format_kind kind,
			 const char *format, u64 required,
			 const struct module *owner, struct luo_gate_mark *mark)
{
	enum format_verdict verdict;
	u64 lacking;

	if (luo_gate_seen(gate, mark, required))
		return;
	verdict = format_table_reads(&gate->next->table, kind, format, required,
				     &lacking);
	if (verdict == FORMAT_READ)
		return;
	if (mark && gate->walk)
		mark->refused = true;
	if (verdict == FORMAT_UNKNOWN && owner &&
	    READ_ONCE(luo_unknown) == LUO_UNKNOWN_WARN) {
		if (!gate->again)
			pr_warn("session %*pE: it is not known whether the file with token %#llx can go over: the loaded kernel reads format %s with a module, or not at all\n",
				luo_text_len(gate->session->name),
				gate->session->name, gate->file->token, format);
		return;
	}
	luo_gate_say(gate, format, verdict, lacking);
	gate->missing++;
}

static void luo_gate_ask_flb(struct liveupdate_flb *flb, u64 required, void *arg)
{
	luo_gate_ask(arg, LIVEUPDATE_FORMAT_FLB, flb->compatible, required,
		     flb->ops->owner, &flb->mark);
}

/* There are as many as there are drivers. Without memory a line is said twice. */
static struct luo_gate_mark *luo_gate_device_mark(struct luo_gate *gate,
						  const char *format)
{
	struct luo_gate_device *device;

	if (!gate->walk)
		return NULL;
	list_for_each_entry(device, &gate->devices, list)
		if (!strcmp(device->format, format))
			return &device->mark;
	device = kzalloc(sizeof(*device), GFP_KERNEL);
	if (!device)
		return NULL;
	strscpy(device->format, format);
	list_add(&device->list, &gate->devices);
	return &device->mark;
}

static void luo_gate_forget_devices(struct luo_gate *gate)
{
	struct luo_gate_device *device, *next;

	list_for_each_entry_safe(device, next, &gate->devices, list)
		kfree(device);
}

static void luo_gate_ask_file(struct luo_gate *gate, const struct luo_file *file,
			      u64 flb_seq)
{
	struct liveupdate_file_handler *fh = file->fh;

	gate->file = file;
	luo_gate_ask(gate, LIVEUPDATE_FORMAT_FILE, fh->compatible, file->required,
		     fh->ops->owner, &fh->mark);
	luo_flb_for_each(fh, flb_seq, luo_gate_ask_flb, gate);
	if (file->device_format)
		luo_gate_ask(gate, LIVEUPDATE_FORMAT_DEVICE, file->device_format, 0,
			     fh->ops->owner,
			     luo_gate_device_mark(gate, file->device_format));
	gate->file = NULL;
}

/* What any session needs. */
static void luo_gate_ask_root(struct luo_gate *gate)
{
	luo_gate_ask(gate, LIVEUPDATE_FORMAT_KHO, KHO_FDT_COMPATIBLE, 0, NULL, NULL);
	luo_gate_ask(gate, LIVEUPDATE_FORMAT_SUBTREE, LUO_ABI_COMPATIBLE, 0, NULL,
		     NULL);
}

static void luo_gate_ask_session(struct liveupdate_session *session, void *arg)
{
	const struct luo_file *file;
	struct luo_gate *gate = arg;
	bool first = !gate->session;

	lockdep_assert_held(&session->mutex);

	gate->session = session;
	if (first)
		luo_gate_ask_root(gate);
	list_for_each_entry(file, &session->files.files, list) {
		luo_gate_ask_file(gate, file, file->flb_seq);
		cond_resched();
	}
}

static int luo_gate_unsound(const struct luo_image *next)
{
	pr_err("the loaded kernel is refused, its table of formats is unsound: %s. Load another one\n",
	       next->why);
	return -EPROTONOSUPPORT;
}

/* There is something to be handed over to a kernel that says nothing. */
static int luo_gate_unknown(struct luo_image *next)
{
	const char *what;

	lockdep_assert_held(&luo_images_lock);

	if (next->kind == LUO_IMAGE_UNSOUND)
		return luo_gate_unsound(next);
	what =
		"the loaded kernel does not say which formats it reads; luctl check may know";
	if (next->kind == LUO_IMAGE_KEXEC_LOAD)
		what =
			"kexec_load() cannot carry them; use kexec_file_load(), that is kexec -s";
	if (READ_ONCE(luo_unknown) == LUO_UNKNOWN_REFUSE) {
		pr_err("the loaded image is refused for the sessions there are (liveupdate.unknown=refuse): %s\n",
		       what);
		return -EPROTONOSUPPORT;
	}
	if (!next->said)
		pr_warn("sessions may be lost: %s\n", what);
	next->said = true;
	return 0;
}

static int luo_gate_walk(struct luo_image *next)
{
	struct luo_gate gate = {
		.next = next,
		.walk = ++luo_gate_walks,
		.devices = LIST_HEAD_INIT(gate.devices),
	};

	if (!luo_sessions_outgoing())
		return 0;
	if (next->kind != LUO_IMAGE_TABLE) {
		guard(mutex)(&luo_images_lock);
		return luo_gate_unknown(next);
	}
	luo_sessions_for_each(luo_gate_ask_session, &gate);
	luo_gate_forget_devices(&gate);
	return gate.missing ? -EPROTONOSUPPORT : 0;
}

static void luo_gate_cmdline_say(void *arg, const char *what, const char *why,
				 bool loses)
{
	pr_warn("command line of the next kernel, %*pE: %s\n", (int)strlen(what),
		what, why);
}

static void luo_gate_cmdline_note(void *arg, const char *what, const char *why,
				  bool loses)
{
	struct luo_image *next = arg;

	next->loses |= loses;
}

static void luo_gate_cmdline_refuse(void *arg, const char *what,
				    const char *why, bool loses)
{
	struct luo_gate *gate = arg;
	const char *name = gate->session->name;
	int len = luo_text_len(gate->session->name);

	if (!loses)
		return;
	if (gate->file)
		pr_err("session %*pE: the file with token %#llx cannot go over for the command line of the loaded kernel, %*pE: %s. Load it with another one\n",
		       len, name, gate->file->token, (int)strlen(what), what, why);
	else
		pr_err("session %*pE cannot go over for the command line of the loaded kernel, %*pE: %s. Load it with another one\n",
		       len, name, (int)strlen(what), what, why);
	gate->missing++;
}

static void luo_gate_cmdline_freeze(void *arg, const char *what,
				    const char *why, bool loses)
{
	struct luo_gate *gate = arg;

	if (!loses)
		return;
	pr_err("the update is called off for the command line of the next kernel, %*pE: %s. Load it with another one\n",
	       (int)strlen(what), what, why);
	gate->missing++;
}

/* As if everything were preserved. */
static bool luo_gate_all_in_use(u64 start, u64 end)
{
	return true;
}

static struct luo_cmdline_env luo_gate_env(const struct luo_image *next)
{
	bool known = next->kind == LUO_IMAGE_TABLE;
	unsigned int flags = next->table.flags;

	return (struct luo_cmdline_env){
		.own = saved_command_line,
		/* What is not known is taken as mainline can be configured. */
		.kho = !known || flags & LIVEUPDATE_FORMATS_KHO_ON,
		.liveupdate = known && flags & LIVEUPDATE_FORMATS_LIVEUPDATE_ON,
		.unsure = known && flags & LIVEUPDATE_FORMATS_CMDLINE,
		.pci = luo_flb_is_preserved(LUO_FLB_PCI),
		.in_use = kho_range_in_use,
	};
}

/* Says all; and remembers whether it has to be looked at ever again. */
static int luo_gate_cmdline_load(struct luo_image *next)
{
	struct luo_cmdline_env env = luo_gate_env(next);
	int err;

	if (!next->cmdline)
		return 0;
	env.found = luo_gate_cmdline_say;
	err = luo_cmdline_check(next->cmdline, &env);
	if (err)
		return err;
	env.pci = true;
	env.in_use = luo_gate_all_in_use;
	env.found = luo_gate_cmdline_note;
	env.arg = next;
	return luo_cmdline_check(next->cmdline, &env);
}

/* @gate is for @found, and counts what is lost. */
static int luo_gate_cmdline(struct luo_gate *gate,
			    typeof_member(struct luo_cmdline_env, found) found)
{
	struct luo_cmdline_env env;
	int err;

	if (!gate->next->loses)
		return 0;
	env = luo_gate_env(gate->next);
	env.found = found;
	env.arg = gate;
	err = luo_cmdline_check(gate->next->cmdline, &env);
	if (err)
		return err;
	return gate->missing ? -EPROTONOSUPPORT : 0;
}

/* Not promised to survive, so that nothing is refused for them. */
static void luo_gate_reserve_mem(const struct luo_image *next)
{
	const struct format_table *table = &next->table;
	u64 lacking;

	if (!kho_reserve_mem_is_preserved())
		return;
	if (next->kind != LUO_IMAGE_TABLE) {
		pr_warn("it is not known whether what is in reserve_mem= regions will go over: the loaded kernel does not say which formats it reads\n");
		return;
	}
	if (format_table_reads(table, LIVEUPDATE_FORMAT_KHO, KHO_FDT_COMPATIBLE, 0,
			       &lacking) ||
	    format_table_reads(table, LIVEUPDATE_FORMAT_SUBTREE,
			       MEMBLOCK_KHO_NODE_COMPATIBLE, 0, &lacking) ||
	    format_table_reads(table, LIVEUPDATE_FORMAT_SUBTREE,
			       RESERVE_MEM_KHO_NODE_COMPATIBLE, 0, &lacking))
		pr_warn("what is in reserve_mem= regions will not go over: the loaded kernel does not read the format\n");
}

/* Between luo_enter() and luo_leave(). */
static int luo_gate_load(struct luo_image *next)
{
	int err = luo_gate_walk(next);

	if (err)
		return err;
	luo_gate_reserve_mem(next);
	return luo_gate_cmdline_load(next);
}

/**
 * liveupdate_image_load - may this image be loaded, as to what is preserved by now?
 * @image: the image, with the buffers of kexec_file_load()
 *
 * If so, it is remembered for what is preserved later, and for the reboot.
 *
 * Context: kexec_file_load() and kexec_load(), with the kexec lock, before the image
 * replaces another one.
 * Return: 0; -EPROTONOSUPPORT if something that is preserved would be lost; -ENOMEM,
 * -EINTR
 */
int liveupdate_image_load(const struct kimage *image)
{
	struct luo_image *next;
	int err;

	if (!luo_status.enabled || image->type == KEXEC_TYPE_CRASH ||
	    image->preserve_context)
		return 0;

	next = luo_image_make(image);
	if (IS_ERR(next))
		return PTR_ERR(next);
	err = luo_enter();
	if (err)
		goto err_destroy;
	err = luo_gate_load(next);
	luo_leave();
	if (err)
		goto err_destroy;
	luo_image_keep(next);
	return 0;

err_destroy:
	luo_image_destroy(next);
	return err;
}

/* @file is NULL if it is about the session as such. */
static int luo_gate_loaded(struct luo_gate *gate, const struct luo_file *file)
{
	struct luo_image *next;
	int err;

	guard(mutex)(&luo_images_lock);
	next = luo_image_loaded();
	if (!next)
		return 0;
	gate->next = next;
	if (next->kind == LUO_IMAGE_TABLE) {
		luo_gate_ask_root(gate);
		if (file)
			luo_gate_ask_file(gate, file, U64_MAX);
		err = gate->missing ? -EPROTONOSUPPORT : 0;
	} else {
		err = luo_gate_unknown(next);
	}
	if (err)
		return err;
	gate->file = file;
	return luo_gate_cmdline(gate, luo_gate_cmdline_refuse);
}

/**
 * luo_gate_session - may this session be made, as to the image that is loaded?
 * @session: the session, empty and not in a list yet
 *
 * From luo_session_create(). Does not wait for images that are being loaded.
 *
 * Return: 0, also if none is loaded; -EPROTONOSUPPORT; -ENOMEM
 */
int luo_gate_session(const struct liveupdate_session *session)
{
	struct luo_gate gate = { .session = session };

	return luo_gate_loaded(&gate, NULL);
}

/**
 * luo_gate_file - may this file be preserved, as to the image that is loaded?
 * @file: the file, with its handler
 * @preserved: its handler has preserved it, so it is known which features that takes.
 *	Before that what is certain is refused
 *
 * From luo_file_preserve(). Does not wait for images that are being loaded.
 *
 * Return: 0, also if none is loaded; -EPROTONOSUPPORT; -ENOMEM
 */
int luo_gate_file(const struct luo_file *file, bool preserved)
{
	struct luo_gate gate = {
		.session = file->set->session,
		.again = !preserved,
	};

	luo_assert_held(file->set);
	return luo_gate_loaded(&gate, file);
}

/**
 * luo_gate_freeze - may the jump be prepared?
 * @image: the image that it goes to
 *
 * From the reboot, with the kexec lock, before any callback.
 *
 * Return: 0; -EPROTONOSUPPORT if something that is preserved would be lost; -ENOMEM
 */
int luo_gate_freeze(const struct kimage *image)
{
	struct luo_gate gate = { };
	struct luo_image *next;
	int err;

	lockdep_assert_held_write(&luo_serialize_rwsem);

	scoped_guard(mutex, &luo_images_lock)
		next = luo_image_find(image);
	if (!next || !luo_sessions_outgoing())
		return 0;
	err = luo_gate_walk(next);
	if (err)
		return err;
	gate.next = next;
	return luo_gate_cmdline(&gate, luo_gate_cmdline_freeze);
}
