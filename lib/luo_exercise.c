// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exerciser of live update: a kind of file that can be carried over, on behalf of
 * the selftests in tools/testing/selftests/liveupdate, in
 * /sys/kernel/debug/luo_exercise:
 *
 *	new		ioctl(LUO_EX_NEW, &value) gives a descriptor of a new file
 *	do		verbs, one for each write(); fails with the errno of the verb
 *	log		callbacks since "clear", oldest first: "freeze 7"
 *	mutations	names for "mutate"
 *
 * A file has a value, which is what verbs and log know it by, and a page of data for
 * read() and write(). ioctl(LUO_EX_VALUE, &value) on it tells the value. All of them
 * share an FLB, whose value is "flb".
 *
 *	fail CALLBACK VALUE ERRNO	once: ERRNO is what it returns, as it is, be it
 *				negative or not; VALUE may be "any". The next one on
 *				the same callback and value takes its place
 *	depend VALUE TOKEN_OF	from its preserve on, the file needs the other one
 *	clear			empty log, nothing fails, nothing depends
 *	register, unregister	the handler; with luo_exercise.late=1 it is not
 *				registered at boot, with luo_exercise.variant= it is of
 *				another format
 *	flb get_outgoing, put_outgoing, get_incoming, put_incoming
 *	flb required BITS	from its next preserve on, these features are required
 *	mutate NAME [SESSION [FILE]]	damage the handover just before the jump, by
 *				the number of a session and of a file in it
 *	poke WHERE OFFSET VALUE [SESSION [FILE]]	the same, for any u64; see
 *				luo_exercise_mutate.c
 *	forget FORMAT		what is known of the loaded image loses a format
 *
 * Callbacks that can fail: preserve freeze retrieve can_finish flb_preserve flb_freeze
 * flb_retrieve. Wrong order of callbacks, or wrong data, is an error in the kernel log.
 * Only for test machines: some of these verbs are weapons.
 */

#define pr_fmt(fmt) "luo_exercise: " fmt

#include <linux/anon_inodes.h>
#include <linux/bits.h>
#include <linux/cleanup.h>
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/list.h>
#include <linux/liveupdate.h>
#include <linux/liveupdate_format.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "../kernel/liveupdate/kho_internal.h"
#include "luo_exercise.h"

#define LUO_EX_NEW	_IOW('L', 0x70, __u64)
#define LUO_EX_VALUE	_IOR('L', 0x71, __u64)

#define EX_FORMAT	"luo-exercise-v1"
#define EX_FORMAT_BUMPED	"luo-exercise-v2"
#define EX_FLB_FORMAT	"luo-exercise-flb-v1"
#define EX_FEATURE	BIT_ULL(0)
#define EX_MAGIC	0x6c756f2065786572ULL

enum ex_state { EX_IDLE, EX_PRESERVED, EX_FROZEN };

/* Which kernel this is, of those that differ in the format of a file. */
enum ex_variant { EX_PLAIN, EX_BUMPED, EX_OPTIONAL, EX_REQUIRED, EX_NR_VARIANTS };

/* What is handed over of a file. */
struct ex_ser {
	u64 magic;
	u64 value;
	u64 page;
	u64 needs;
	u64 needed_token;
	u64 required;
	u64 optional;
};

/* And of the FLB. */
struct ex_flb_ser {
	u64 magic;
	u64 freezes;
};

/**
 * struct ex_item - a file
 * @list: in ex_items
 * @file: what user space sees of it
 * @value: its name
 * @folio: its data
 * @ser: its record, while preserved
 * @state: where in its life cycle it is
 */
struct ex_item {
	struct list_head list;
	struct file *file;
	u64 value;
	struct folio *folio;
	struct ex_ser *ser;
	enum ex_state state;
};

enum ex_op {
	EX_OP_PRESERVE, EX_OP_UNPRESERVE, EX_OP_FREEZE, EX_OP_UNFREEZE,
	EX_OP_RETRIEVE, EX_OP_CAN_FINISH, EX_OP_FINISH,
	EX_OP_FLB_PRESERVE, EX_OP_FLB_UNPRESERVE, EX_OP_FLB_FREEZE,
	EX_OP_FLB_UNFREEZE, EX_OP_FLB_RETRIEVE, EX_OP_FLB_FINISH,
	EX_NR_OPS,
};

static const char * const ex_op_str[EX_NR_OPS] = {
	"preserve", "unpreserve", "freeze", "unfreeze",
	"retrieve", "can_finish", "finish",
	"flb_preserve", "flb_unpreserve", "flb_freeze",
	"flb_unfreeze", "flb_retrieve", "flb_finish",
};

struct ex_event {
	enum ex_op op;
	u64 value;
};

struct ex_failure {
	bool pending;
	bool any;
	enum ex_op op;
	u64 value;
	int ret;
};

static bool ex_late;
module_param_named(late, ex_late, bool, 0);
MODULE_PARM_DESC(late, "do not register the file handler at boot");

static unsigned int ex_variant = CONFIG_LIVEUPDATE_EXERCISE_VARIANT;
module_param_named(variant, ex_variant, uint, 0);
MODULE_PARM_DESC(variant, "0: plain, 1: bumped format, 2: optional feature, 3: required feature");

/* Serializes verbs. */
static DEFINE_MUTEX(ex_do_lock);

/* Protects all of this. */
static DEFINE_MUTEX(ex_lock);
static LIST_HEAD(ex_items);
static struct ex_event ex_log[4096];
static unsigned int ex_log_len;
static struct ex_failure ex_failures[16];
static struct { u64 value, needs; } ex_deps[16];
static unsigned int ex_nr_deps;

/* What the FLB says about itself. */
static bool ex_flb_frozen;
static u64 ex_flb_required;

#define EX_FLB_VALUE	U64_MAX

/* Log it, and tell what it has to return. */
static int ex_event(enum ex_op op, u64 value)
{
	guard(mutex)(&ex_lock);
	if (ex_log_len < ARRAY_SIZE(ex_log))
		ex_log[ex_log_len++] = (struct ex_event) { op, value };
	for (int i = 0; i < ARRAY_SIZE(ex_failures); i++) {
		struct ex_failure *f = &ex_failures[i];

		if (f->pending && f->op == op && (f->any || f->value == value)) {
			f->pending = false;
			return f->ret;
		}
	}
	return 0;
}

static int ex_fail(enum ex_op op, bool any, u64 value, int ret)
{
	struct ex_failure *slot = NULL;

	guard(mutex)(&ex_lock);
	for (int i = 0; i < ARRAY_SIZE(ex_failures); i++) {
		struct ex_failure *f = &ex_failures[i];

		if (!f->pending)
			slot = slot ?: f;
		else if (f->op == op && f->any == any && f->value == value)
			slot = f;
	}
	if (!slot)
		return -ENOSPC;
	*slot = (struct ex_failure) { true, any, op, value, ret };
	return 0;
}

static int ex_depend(u64 value, u64 needs)
{
	guard(mutex)(&ex_lock);
	if (ex_nr_deps == ARRAY_SIZE(ex_deps))
		return -ENOSPC;
	ex_deps[ex_nr_deps].value = value;
	ex_deps[ex_nr_deps++].needs = needs;
	return 0;
}

static void ex_clear(void)
{
	guard(mutex)(&ex_lock);
	ex_log_len = 0;
	ex_nr_deps = 0;
	memset(ex_failures, 0, sizeof(ex_failures));
}

/* From one state to the other, or a complaint. */
static void ex_step(struct ex_item *item, enum ex_op op, enum ex_state from,
		    enum ex_state to)
{
	if (item->state != from)
		pr_err("%s of file %llu in state %d, not %d\n", ex_op_str[op],
		       item->value, item->state, from);
	item->state = to;
}

/* The file */

static ssize_t ex_read(struct file *file, char __user *buf, size_t count,
		       loff_t *ppos)
{
	struct ex_item *item = file->private_data;

	return simple_read_from_buffer(buf, count, ppos,
				       folio_address(item->folio), PAGE_SIZE);
}

static ssize_t ex_write(struct file *file, const char __user *buf,
			size_t count, loff_t *ppos)
{
	struct ex_item *item = file->private_data;

	return simple_write_to_buffer(folio_address(item->folio), PAGE_SIZE,
				      ppos, buf, count);
}

static loff_t ex_llseek(struct file *file, loff_t offset, int whence)
{
	return fixed_size_llseek(file, offset, whence, PAGE_SIZE);
}

static long ex_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct ex_item *item = file->private_data;

	if (cmd != LUO_EX_VALUE)
		return -ENOTTY;
	return put_user(item->value, (u64 __user *)arg);
}

static int ex_release(struct inode *inode, struct file *file)
{
	struct ex_item *item = file->private_data;

	scoped_guard(mutex, &ex_lock)
		list_del(&item->list);
	if (item->folio)
		folio_put(item->folio);
	kfree(item);
	return 0;
}

static const struct file_operations ex_fops = {
	.owner = THIS_MODULE,
	.read = ex_read,
	.write = ex_write,
	.llseek = ex_llseek,
	.unlocked_ioctl = ex_ioctl,
	.release = ex_release,
};

/* A file for @folio, whose reference it takes if it succeeds. */
static struct file *ex_new_file(u64 value, struct folio *folio)
{
	struct ex_item *item;
	struct file *file;

	item = kzalloc(sizeof(*item), GFP_KERNEL);
	if (!item)
		return ERR_PTR(-ENOMEM);
	file = anon_inode_getfile("[luo_exercise]", &ex_fops, item, O_RDWR);
	if (IS_ERR(file)) {
		kfree(item);
		return file;
	}
	file->f_mode |= FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE;
	item->value = value;
	item->folio = folio;
	item->file = file;
	scoped_guard(mutex, &ex_lock)
		list_add_tail(&item->list, &ex_items);
	return file;
}

static struct file *ex_new(u64 value)
{
	struct folio *folio = folio_alloc(GFP_KERNEL | __GFP_ZERO, 0);
	struct file *file;

	if (!folio)
		return ERR_PTR(-ENOMEM);
	file = ex_new_file(value, folio);
	if (IS_ERR(file))
		folio_put(folio);
	return file;
}

static long ex_new_ioctl(struct file *dir, unsigned int cmd, unsigned long arg)
{
	struct file *file;
	u64 value;
	int fd;

	if (cmd != LUO_EX_NEW)
		return -ENOTTY;
	if (get_user(value, (u64 __user *)arg))
		return -EFAULT;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	file = ex_new(value);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	fd_install(fd, file);
	return fd;
}

/* The handler, old kernel */

static bool ex_can_preserve(struct liveupdate_file_handler *handler,
			    struct file *file)
{
	return file->f_op == &ex_fops;
}

static struct file *ex_get_file_by_value(u64 value)
{
	struct ex_item *item;

	guard(mutex)(&ex_lock);
	list_for_each_entry(item, &ex_items, list)
		if (item->value == value)
			return get_file_active(&item->file);
	return NULL;
}

static bool ex_needs(u64 value, u64 *needs)
{
	guard(mutex)(&ex_lock);
	for (unsigned int i = 0; i < ex_nr_deps; i++) {
		if (ex_deps[i].value == value) {
			*needs = ex_deps[i].needs;
			return true;
		}
	}
	return false;
}

static int ex_resolve_need(struct liveupdate_file_op_args *args,
			   struct ex_ser *ser)
{
	struct file *file;
	u64 value;
	int err;

	if (!ex_needs(ser->value, &value))
		return 0;
	file = ex_get_file_by_value(value);
	if (!file)
		return -ENOENT;
	err = liveupdate_get_token_outgoing(args->session, file,
					    &ser->needed_token);
	fput(file);
	ser->needs = !err;
	return err;
}

static int ex_preserve(struct liveupdate_file_op_args *args)
{
	struct ex_item *item = args->file->private_data;
	struct ex_ser *ser;
	int err;

	err = ex_event(EX_OP_PRESERVE, item->value);
	if (err)
		return err;
	ser = kho_alloc_preserve(sizeof(*ser));
	if (IS_ERR(ser))
		return PTR_ERR(ser);
	err = kho_preserve_folio(item->folio);
	if (err)
		goto err_free;
	ser->magic = EX_MAGIC;
	ser->value = item->value;
	ser->page = PFN_PHYS(folio_pfn(item->folio));
	ser->required = ex_variant == EX_REQUIRED ? EX_FEATURE : 0;
	ser->optional = ex_variant == EX_OPTIONAL ? EX_FEATURE : 0;
	args->required = ser->required;
	err = ex_resolve_need(args, ser);
	if (err)
		goto err_unpreserve;
	ex_step(item, EX_OP_PRESERVE, EX_IDLE, EX_PRESERVED);
	item->ser = ser;
	args->serialized_data = virt_to_phys(ser);
	args->private_data = ser;
	return 0;

err_unpreserve:
	kho_unpreserve_folio(item->folio);
err_free:
	kho_unpreserve_free(ser);
	return err;
}

static void ex_check_args(struct liveupdate_file_op_args *args, enum ex_op op)
{
	struct ex_item *item = args->file->private_data;

	if (args->private_data != item->ser ||
	    args->serialized_data != virt_to_phys(item->ser))
		pr_err("%s of file %llu with wrong arguments\n", ex_op_str[op],
		       item->value);
}

static void ex_unpreserve(struct liveupdate_file_op_args *args)
{
	struct ex_item *item = args->file->private_data;

	ex_event(EX_OP_UNPRESERVE, item->value);
	ex_check_args(args, EX_OP_UNPRESERVE);
	ex_step(item, EX_OP_UNPRESERVE, EX_PRESERVED, EX_IDLE);
	kho_unpreserve_folio(item->folio);
	kho_unpreserve_free(item->ser);
	item->ser = NULL;
}

static int ex_freeze(struct liveupdate_file_op_args *args)
{
	struct ex_item *item = args->file->private_data;
	int err = ex_event(EX_OP_FREEZE, item->value);

	ex_check_args(args, EX_OP_FREEZE);
	if (!err)
		ex_step(item, EX_OP_FREEZE, EX_PRESERVED, EX_FROZEN);
	return err;
}

static void ex_unfreeze(struct liveupdate_file_op_args *args)
{
	struct ex_item *item = args->file->private_data;

	ex_event(EX_OP_UNFREEZE, item->value);
	ex_check_args(args, EX_OP_UNFREEZE);
	ex_step(item, EX_OP_UNFREEZE, EX_FROZEN, EX_PRESERVED);
}

/* The handler, new kernel */

static struct ex_ser *ex_check_ser(u64 data)
{
	struct ex_ser *ser;

	if (!IS_ALIGNED(data, PAGE_SIZE) || !kho_range_is_stamped(data, 1))
		return NULL;
	ser = phys_to_virt(data);
	if (ser->magic != EX_MAGIC || ser->page == data ||
	    !kho_range_is_stamped(ser->page, 1))
		return NULL;
	return ser;
}

/* Takes what was preserved, apart from the record. */
static struct file *ex_restore(struct ex_ser *ser)
{
	struct ex_item *item;
	struct file *file;

	/* First what may fail and be tried again. */
	file = ex_new_file(ser->value, NULL);
	if (IS_ERR(file))
		return file;
	item = file->private_data;
	item->folio = kho_restore_folio(ser->page);
	if (!item->folio) {
		fput(file);
		return ERR_PTR(-EIO);
	}
	return file;
}

static void ex_discard(struct ex_ser *ser)
{
	kho_restore_free(phys_to_virt(ser->page));
	kho_restore_free(ser);
}

static int ex_retrieve(struct liveupdate_file_op_args *args)
{
	struct ex_ser *ser = ex_check_ser(args->serialized_data);
	struct file *file;
	int err;

	if (!ser)
		return -EINVAL;
	err = ex_event(EX_OP_RETRIEVE, ser->value);
	if (!err && ser->needs) {
		err = liveupdate_get_file_incoming(args->session,
						   ser->needed_token, &file);
		if (!err)
			fput(file);
	}
	if (err && liveupdate_error_is_transient(err))
		return err;
	if (!err && ser->required & ~(ex_variant == EX_REQUIRED ? EX_FEATURE : 0))
		err = -EPROTONOSUPPORT;
	if (err) {
		ex_discard(ser);
		return err;
	}
	file = ex_restore(ser);
	if (IS_ERR(file) && liveupdate_error_is_transient(PTR_ERR(file)))
		return PTR_ERR(file);
	kho_restore_free(ser);
	if (IS_ERR(file))
		return PTR_ERR(file);
	args->file = file;
	return 0;
}

static u64 ex_value(const struct liveupdate_file_op_args *args)
{
	struct ex_ser *ser;

	if (args->file)
		return ((struct ex_item *)args->file->private_data)->value;
	ser = args->retrieve_status ? NULL : ex_check_ser(args->serialized_data);
	return ser ? ser->value : 0;
}

static bool ex_can_finish(struct liveupdate_file_op_args *args)
{
	return !ex_event(EX_OP_CAN_FINISH, ex_value(args));
}

static void ex_finish(struct liveupdate_file_op_args *args)
{
	struct ex_ser *ser;

	ex_event(EX_OP_FINISH, ex_value(args));
	if (args->retrieve_status)
		return;
	ser = ex_check_ser(args->serialized_data);
	if (ser)
		ex_discard(ser);
	else
		pr_warn("a file of the previous kernel makes no sense: its memory stays reserved until the next reboot\n");
}

static const struct liveupdate_file_ops ex_ops = {
	.can_preserve = ex_can_preserve,
	.preserve = ex_preserve,
	.unpreserve = ex_unpreserve,
	.freeze = ex_freeze,
	.unfreeze = ex_unfreeze,
	.retrieve = ex_retrieve,
	.can_finish = ex_can_finish,
	.finish = ex_finish,
	.owner = THIS_MODULE,
};

static struct liveupdate_file_handler ex_handlers[] = {
	{ .ops = &ex_ops, .compatible = EX_FORMAT },
	{ .ops = &ex_ops, .compatible = EX_FORMAT_BUMPED },
};

static struct liveupdate_file_handler *ex_handler = &ex_handlers[0];

/* As it was built; luo_exercise.variant= makes a kernel whose table lies. */
#if CONFIG_LIVEUPDATE_EXERCISE_VARIANT == 1
liveupdate_format(file, FILE, EX_FORMAT_BUMPED);
#elif CONFIG_LIVEUPDATE_EXERCISE_VARIANT == 2
liveupdate_format_features(file, FILE, EX_FORMAT,
			   LIVEUPDATE_FORMAT_READ | LIVEUPDATE_FORMAT_WRITE,
			   0, EX_FEATURE);
#elif CONFIG_LIVEUPDATE_EXERCISE_VARIANT == 3
liveupdate_format_features(file, FILE, EX_FORMAT,
			   LIVEUPDATE_FORMAT_READ | LIVEUPDATE_FORMAT_WRITE,
			   EX_FEATURE, 0);
#else
liveupdate_format(file, FILE, EX_FORMAT);
#endif
liveupdate_format(flb, FLB, EX_FLB_FORMAT);

/* The FLB */

static int ex_flb_preserve(struct liveupdate_flb_op_args *argp)
{
	struct ex_flb_ser *ser;
	int err;

	err = ex_event(EX_OP_FLB_PRESERVE, EX_FLB_VALUE);
	if (err)
		return err;
	ser = kho_alloc_preserve(sizeof(*ser));
	if (IS_ERR(ser))
		return PTR_ERR(ser);
	ser->magic = EX_MAGIC;
	argp->data = virt_to_phys(ser);
	argp->required = READ_ONCE(ex_flb_required);
	argp->obj = ser;
	return 0;
}

static void ex_flb_unpreserve(struct liveupdate_flb_op_args *argp)
{
	ex_event(EX_OP_FLB_UNPRESERVE, EX_FLB_VALUE);
	if (ex_flb_frozen || argp->data != virt_to_phys(argp->obj))
		pr_err("the FLB cannot be unpreserved now\n");
	kho_unpreserve_free(argp->obj);
}

static int ex_flb_freeze(struct liveupdate_flb_op_args *argp)
{
	struct ex_flb_ser *ser = argp->obj;
	int err;

	if (ex_flb_frozen)
		pr_err("the FLB is frozen already\n");
	err = ex_event(EX_OP_FLB_FREEZE, EX_FLB_VALUE);
	if (err)
		return err;
	ser->freezes++;
	ex_flb_frozen = true;
	return 0;
}

static void ex_flb_unfreeze(struct liveupdate_flb_op_args *argp)
{
	if (!ex_flb_frozen)
		pr_err("the FLB is not frozen\n");
	ex_flb_frozen = false;
	ex_event(EX_OP_FLB_UNFREEZE, EX_FLB_VALUE);
}

static int ex_flb_retrieve(struct liveupdate_flb_op_args *argp)
{
	struct ex_flb_ser *ser;
	struct folio *folio;
	int err;

	err = ex_event(EX_OP_FLB_RETRIEVE, EX_FLB_VALUE);
	if (err)
		return err;
	if (!IS_ALIGNED(argp->data, PAGE_SIZE) ||
	    !kho_range_is_stamped(argp->data, 1))
		return -EINVAL;
	ser = phys_to_virt(argp->data);
	if (ser->magic != EX_MAGIC || !ser->freezes)
		return -EINVAL;
	folio = kho_restore_folio(argp->data);
	if (!folio)
		return -EIO;
	argp->obj = folio_address(folio);
	return 0;
}

static void ex_flb_finish(struct liveupdate_flb_op_args *argp)
{
	struct ex_flb_ser *ser = argp->obj;

	if (ser->magic != EX_MAGIC)
		pr_err("the FLB is finished with a wrong object\n");
	ex_event(EX_OP_FLB_FINISH, EX_FLB_VALUE);
	folio_put(virt_to_folio(ser));
}

static const struct liveupdate_flb_ops ex_flb_ops = {
	.preserve = ex_flb_preserve,
	.unpreserve = ex_flb_unpreserve,
	.freeze = ex_flb_freeze,
	.unfreeze = ex_flb_unfreeze,
	.retrieve = ex_flb_retrieve,
	.finish = ex_flb_finish,
	.owner = THIS_MODULE,
};

static struct liveupdate_flb ex_flb = {
	.ops = &ex_flb_ops,
	.compatible = EX_FLB_FORMAT,
};

static int ex_register(void)
{
	int err;

	err = liveupdate_register_file_handler(ex_handler);
	if (err)
		return err;
	err = liveupdate_register_flb(ex_handler, &ex_flb);
	if (err)
		liveupdate_unregister_file_handler(ex_handler);
	return err;
}

/* Verbs and files */

static int ex_verb_fail(const char *text)
{
	char op[16], value[24];
	u64 nr = 0;
	int ret;

	if (sscanf(text, "%15s %23s %d", op, value, &ret) != 3)
		return -EINVAL;
	if (!strcmp(value, "flb"))
		nr = EX_FLB_VALUE;
	else if (strcmp(value, "any") && kstrtou64(value, 0, &nr))
		return -EINVAL;
	for (int i = 0; i < EX_NR_OPS; i++)
		if (!strcmp(ex_op_str[i], op))
			return ex_fail(i, !strcmp(value, "any"), nr, ret);
	return -ENOENT;
}

static int ex_verb_flb(const char *verb)
{
	void *obj;
	u64 bits;

	if (sscanf(verb, "required %lli", &bits) == 1) {
		WRITE_ONCE(ex_flb_required, bits);
		return 0;
	}
	if (!strcmp(verb, "get_outgoing"))
		return liveupdate_flb_get_outgoing(&ex_flb, &obj);
	if (!strcmp(verb, "get_incoming"))
		return liveupdate_flb_get_incoming(&ex_flb, &obj);
	if (!strcmp(verb, "put_outgoing"))
		liveupdate_flb_put_outgoing(&ex_flb);
	else if (!strcmp(verb, "put_incoming"))
		liveupdate_flb_put_incoming(&ex_flb);
	else
		return -ENOENT;
	return 0;
}

static int ex_do(const char *text)
{
	unsigned int session = 0, file = 0, offset;
	u64 value, other;
	char word[40];

	if (!strcmp(text, "clear")) {
		ex_clear();
		return 0;
	}
	if (!strcmp(text, "register"))
		return ex_register();
	if (!strcmp(text, "unregister")) {
		liveupdate_unregister_file_handler(ex_handler);
		return 0;
	}
	if (str_has_prefix(text, "fail "))
		return ex_verb_fail(text + 5);
	if (str_has_prefix(text, "flb "))
		return ex_verb_flb(text + 4);
	if (sscanf(text, "depend %llu %llu", &value, &other) == 2)
		return ex_depend(value, other);
	if (sscanf(text, "mutate %39s %u %u", word, &session, &file) >= 1)
		return ex_luo_mutate(word, session, file);
	if (sscanf(text, "poke %39s %u %lli %u %u", word, &offset, &value,
		   &session, &file) >= 3)
		return ex_luo_poke(word, offset, value, session, file);
	if (sscanf(text, "forget %39s", word) == 1)
		return ex_luo_forget(word);
	return -EINVAL;
}

static ssize_t ex_do_write(struct file *file, const char __user *buf,
			   size_t count, loff_t *ppos)
{
	char *text;
	int err;

	if (count > 128)
		return -EINVAL;
	text = memdup_user_nul(buf, count);
	if (IS_ERR(text))
		return PTR_ERR(text);
	scoped_guard(mutex, &ex_do_lock)
		err = ex_do(strim(text));
	kfree(text);
	return err ?: count;
}

static const struct file_operations ex_do_fops = {
	.owner = THIS_MODULE,
	.write = ex_do_write,
};

static const struct file_operations ex_new_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = ex_new_ioctl,
};

static int ex_log_show(struct seq_file *m, void *v)
{
	guard(mutex)(&ex_lock);
	for (unsigned int i = 0; i < ex_log_len; i++) {
		seq_puts(m, ex_op_str[ex_log[i].op]);
		if (ex_log[i].op < EX_OP_FLB_PRESERVE)
			seq_printf(m, " %llu", ex_log[i].value);
		seq_putc(m, '\n');
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(ex_log);
DEFINE_SHOW_ATTRIBUTE(ex_luo_mutations);

static int __init ex_init(void)
{
	struct dentry *dir;
	int err;

	if (!liveupdate_enabled())
		return 0;
	if (ex_variant >= EX_NR_VARIANTS)
		return -EINVAL;
	ex_handler = &ex_handlers[ex_variant == EX_BUMPED];
	dir = debugfs_create_dir("luo_exercise", NULL);
	debugfs_create_file("do", 0200, dir, NULL, &ex_do_fops);
	debugfs_create_file("new", 0600, dir, NULL, &ex_new_fops);
	debugfs_create_file("log", 0400, dir, NULL, &ex_log_fops);
	debugfs_create_file("mutations", 0400, dir, NULL,
			    &ex_luo_mutations_fops);
	if (ex_late)
		return 0;
	err = ex_register();
	if (err)
		pr_err("the handler cannot be registered (%pe)\n", ERR_PTR(err));
	return err;
}
late_initcall(ex_init);
