// SPDX-License-Identifier: GPL-2.0-only
/*
 * KHO: /sys/kernel/debug/kho, for debugging only.
 *
 *	out/fdt			root FDT for the next kernel, as it is now
 *	out/scratch_phys	start of each scratch area
 *	out/scratch_len		and its size
 *	out/sub_fdts/<name>	blob of each subtree
 *	in/fdt			root FDT of the previous kernel
 *	in/sub_fdts/<name>	its blobs
 *
 * Made by kho_init() once it cannot fail any more, entries come and go with their
 * subtrees. Nothing here may fail anything: what cannot be made is missing.
 */

#define pr_fmt(fmt) "KHO: " fmt

#include <linux/cleanup.h>
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/io.h>
#include <linux/libfdt.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "kho_internal.h"

struct kho_debugfs_blob {
	struct list_head list;
	struct debugfs_blob_wrapper wrapper;
	struct dentry *dentry;
};

/* Those in out/sub_fdts, protected by kho_out.lock. */
static LIST_HEAD(kho_out_blobs);
static struct dentry *kho_out_sub_fdts;

static int kho_out_fdt_open(struct inode *inode, struct file *file)
{
	guard(mutex)(&kho_out.lock);
	file->private_data = kmemdup(kho_out.fdt, PAGE_SIZE, GFP_KERNEL);
	return file->private_data ? 0 : -ENOMEM;
}

static ssize_t kho_out_fdt_read(struct file *file, char __user *buf,
				size_t count, loff_t *pos)
{
	return simple_read_from_buffer(buf, count, pos, file->private_data,
				       fdt_totalsize(file->private_data));
}

static int kho_out_fdt_release(struct inode *inode, struct file *file)
{
	kfree(file->private_data);
	return 0;
}

static const struct file_operations kho_out_fdt_fops = {
	.open = kho_out_fdt_open,
	.read = kho_out_fdt_read,
	.llseek = default_llseek,
	.release = kho_out_fdt_release,
};

static int scratch_phys_show(struct seq_file *m, void *v)
{
	for (unsigned int i = 0; i < kho_scratch_cnt; i++)
		seq_printf(m, "0x%llx\n", (u64)kho_scratch[i].addr);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(scratch_phys);

static int scratch_len_show(struct seq_file *m, void *v)
{
	for (unsigned int i = 0; i < kho_scratch_cnt; i++)
		seq_printf(m, "0x%llx\n", (u64)kho_scratch[i].size);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(scratch_len);

/*
 * Incoming blobs belong to consumers, who may have freed theirs. What is there then
 * is of no use to anybody, but it must not hurt either.
 */
static ssize_t kho_in_blob_read(struct file *file, char __user *buf,
				size_t count, loff_t *pos)
{
	const struct debugfs_blob_wrapper *blob = file->private_data;
	loff_t from = *pos, zero = 0;
	ssize_t ret;
	void *copy;

	if (from < 0)
		return -EINVAL;
	if (from >= blob->size)
		return 0;
	count = min3(count, (size_t)(blob->size - from), PAGE_SIZE);
	copy = kmalloc(count, GFP_KERNEL);
	if (!copy)
		return -ENOMEM;
	if (copy_from_kernel_nofault(copy, blob->data + from, count))
		ret = -EIO;
	else
		ret = simple_read_from_buffer(buf, count, &zero, copy, count);
	kfree(copy);
	if (ret > 0)
		*pos += ret;
	return ret;
}

static const struct file_operations kho_in_blob_fops = {
	.open = simple_open,
	.read = kho_in_blob_read,
	.llseek = default_llseek,
};

static struct kho_debugfs_blob *kho_debugfs_blob(void *data, size_t size)
{
	struct kho_debugfs_blob *blob = kzalloc(sizeof(*blob), GFP_KERNEL);

	if (blob) {
		blob->wrapper.data = data;
		blob->wrapper.size = size;
	}
	return blob;
}

void kho_debugfs_add_subtree(const char *name, void *data, size_t size)
{
	struct kho_debugfs_blob *blob;

	lockdep_assert_held(&kho_out.lock);
	if (!kho_out_sub_fdts)
		return;
	blob = kho_debugfs_blob(data, size);
	if (!blob)
		return;
	blob->dentry = debugfs_create_blob(name, 0400, kho_out_sub_fdts,
					   &blob->wrapper);
	list_add(&blob->list, &kho_out_blobs);
}

void kho_debugfs_remove_subtree(void *data)
{
	struct kho_debugfs_blob *blob;

	lockdep_assert_held(&kho_out.lock);
	list_for_each_entry(blob, &kho_out_blobs, list) {
		if (blob->wrapper.data != data)
			continue;
		list_del(&blob->list);
		/* Waits for readers. */
		debugfs_remove(blob->dentry);
		kfree(blob);
		return;
	}
}

static void __init kho_debugfs_init_out(struct dentry *root)
{
	struct dentry *dir = debugfs_create_dir("out", root);
	struct kho_fdt_child child;
	int offset = 0;

	debugfs_create_file("fdt", 0400, dir, NULL, &kho_out_fdt_fops);
	debugfs_create_file("scratch_phys", 0400, dir, NULL,
			    &scratch_phys_fops);
	debugfs_create_file("scratch_len", 0400, dir, NULL, &scratch_len_fops);

	guard(mutex)(&kho_out.lock);
	kho_out_sub_fdts = debugfs_create_dir("sub_fdts", dir);
	/* What was added already. */
	while (kho_fdt_next(kho_out.fdt, &offset, &child))
		kho_debugfs_add_subtree(child.name, phys_to_virt(child.phys),
					child.size);
}

static void __init kho_debugfs_add_incoming(struct dentry *dir, const char *name,
					    void *data, size_t size)
{
	struct kho_debugfs_blob *blob = kho_debugfs_blob(data, size);

	if (blob)
		debugfs_create_file(name, 0400, dir, &blob->wrapper,
				    &kho_in_blob_fops);
}

static void __init kho_debugfs_init_in(struct dentry *root)
{
	const void *fdt = kho_incoming_fdt();
	struct kho_fdt_child child;
	struct dentry *dir, *sub;
	int offset = 0;

	if (!fdt)
		return;
	dir = debugfs_create_dir("in", root);
	kho_debugfs_add_incoming(dir, "fdt", (void *)fdt, fdt_totalsize(fdt));
	sub = debugfs_create_dir("sub_fdts", dir);
	while (kho_subtree_next_incoming(&offset, &child))
		kho_debugfs_add_incoming(sub, child.name,
					 phys_to_virt(child.phys), child.size);
}

void __init kho_debugfs_init(void)
{
	struct dentry *root = debugfs_create_dir("kho", NULL);

	if (IS_ERR(root))
		return;
	kho_debugfs_init_out(root);
	kho_debugfs_init_in(root);
}
