// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test of a module that takes part in live update: a file handler and an object that
 * its files depend on, which come and go with the module.
 *
 * /sys/kernel/debug/liveupdate_module is the file that can be preserved: it holds a
 * number, which the next kernel finds in the file that is retrieved. It does not pin
 * the module, so that what does is live update alone; nobody must have it open when
 * the module goes. As long as its parameter "linger" is set the module does not end, but
 * stays about to go.
 */

#define pr_fmt(fmt) "liveupdate module: " fmt

#include <linux/anon_inodes.h>
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kho_block.h>
#include <linux/kstrtox.h>
#include <linux/liveupdate.h>
#include <linux/module.h>
#include <linux/slab.h>

#define MODULE_MAGIC	0x6d6f64756c65ULL

static bool module_linger;
module_param_named(linger, module_linger, bool, 0600);
MODULE_PARM_DESC(linger, "do not go yet, when the module is removed");

static u64 module_value;
static struct dentry *module_dentry;

static ssize_t module_show(char __user *buf, size_t len, loff_t *pos, u64 value)
{
	char text[24];

	return simple_read_from_buffer(buf, len, pos, text,
				       scnprintf(text, sizeof(text), "%llu\n", value));
}

static ssize_t module_read(struct file *file, char __user *buf, size_t len,
			   loff_t *pos)
{
	return module_show(buf, len, pos, module_value);
}

static ssize_t module_write(struct file *file, const char __user *buf,
			    size_t len, loff_t *pos)
{
	int err = kstrtou64_from_user(buf, len, 0, &module_value);

	return err ?: len;
}

static const struct file_operations module_fops = {
	.read = module_read,
	.write = module_write,
};

static ssize_t module_restored_read(struct file *file, char __user *buf,
				    size_t len, loff_t *pos)
{
	return module_show(buf, len, pos, (unsigned long)file->private_data);
}

static const struct file_operations module_restored_fops = {
	.owner = THIS_MODULE,
	.read = module_restored_read,
};

static bool module_can_preserve(struct liveupdate_file_handler *handler,
				struct file *file)
{
	return file_inode(file)->i_private == &module_value;
}

static int module_preserve(struct liveupdate_file_op_args *args)
{
	struct kho_block_set *set = kmalloc(sizeof(*set), GFP_KERNEL);
	struct kho_block_set_it it;
	u64 *record;
	int err;

	if (!set)
		return -ENOMEM;
	kho_block_set_init(set, sizeof(*record));
	err = kho_block_set_grow(set, 1);
	if (err) {
		kfree(set);
		return err;
	}
	kho_block_set_it_init(&it, set);
	record = kho_block_set_it_reserve_entry(&it);
	*record = module_value;
	args->serialized_data = kho_block_set_head_pa(set);
	args->private_data = set;
	return 0;
}

static void module_unpreserve(struct liveupdate_file_op_args *args)
{
	kho_block_set_destroy(args->private_data);
	kfree(args->private_data);
}

/* Takes the number out of what was handed over, which is freed. */
static int module_take(u64 head_pa, u64 *value)
{
	struct kho_block_set set;
	struct kho_block_set_it it;
	u64 *record;
	int err;

	kho_block_set_init(&set, sizeof(*record));
	err = kho_block_set_restore(&set, head_pa);
	if (err)
		return err;
	kho_block_set_it_init(&it, &set);
	record = kho_block_set_it_read_entry(&it);
	if (record)
		*value = *record;
	kho_block_set_destroy(&set);
	return record ? 0 : -EINVAL;
}

static int module_retrieve(struct liveupdate_file_op_args *args)
{
	struct file *file;
	u64 value;
	int err;

	/* The number is set when nothing can fail any more. */
	file = anon_inode_getfile("[liveupdate_module]", &module_restored_fops,
				  NULL, O_RDONLY);
	if (IS_ERR(file))
		return PTR_ERR(file);
	err = module_take(args->serialized_data, &value);
	if (err) {
		fput(file);
		return err;
	}
	file->private_data = (void *)(unsigned long)value;
	args->file = file;
	return 0;
}

static void module_finish(struct liveupdate_file_op_args *args)
{
	u64 value;

	if (!args->retrieve_status && module_take(args->serialized_data, &value))
		pr_err("what was not retrieved is not sound\n");
}

static const struct liveupdate_file_ops module_file_ops = {
	.can_preserve = module_can_preserve,
	.preserve = module_preserve,
	.unpreserve = module_unpreserve,
	.retrieve = module_retrieve,
	.finish = module_finish,
	.owner = THIS_MODULE,
};

static struct liveupdate_file_handler module_handler = {
	.ops = &module_file_ops,
	.compatible = "liveupdate-module-v1",
};

/* The object that the files depend on is a constant. */

static int module_flb_preserve(struct liveupdate_flb_op_args *argp)
{
	argp->data = MODULE_MAGIC;
	return 0;
}

static void module_flb_unpreserve(struct liveupdate_flb_op_args *argp)
{
}

static int module_flb_retrieve(struct liveupdate_flb_op_args *argp)
{
	if (argp->data != MODULE_MAGIC)
		return -EINVAL;
	argp->obj = &module_value;
	return 0;
}

static void module_flb_finish(struct liveupdate_flb_op_args *argp)
{
	pr_info("the object is finished\n");
}

static const struct liveupdate_flb_ops module_flb_ops = {
	.preserve = module_flb_preserve,
	.unpreserve = module_flb_unpreserve,
	.retrieve = module_flb_retrieve,
	.finish = module_flb_finish,
	.owner = THIS_MODULE,
};

static struct liveupdate_flb module_flb = {
	.ops = &module_flb_ops,
	.compatible = "liveupdate-module-flb-v1",
};

static int __init module_start(void)
{
	int err;

	err = liveupdate_register_file_handler(&module_handler);
	if (err)
		return err;
	err = liveupdate_register_flb(&module_handler, &module_flb);
	if (err) {
		liveupdate_unregister_file_handler(&module_handler);
		return err;
	}
	module_dentry = debugfs_create_file("liveupdate_module", 0600, NULL,
					    &module_value, &module_fops);
	return 0;
}

static void __exit module_stop(void)
{
	while (READ_ONCE(module_linger))
		msleep(20);
	debugfs_remove(module_dentry);
	liveupdate_unregister_file_handler(&module_handler);
}

module_init(module_start);
module_exit(module_stop);
MODULE_DESCRIPTION("Test of a module that takes part in live update");
MODULE_LICENSE("GPL");
