// SPDX-License-Identifier: GPL-2.0-only
/*
 * LUO: what is known of the images that are loaded for kexec.
 *
 * Life cycle: made by kexec_file_load() while it has the kernel's file in memory, or by
 * kexec_load(), which knows nothing; kept until kexec frees the image. There is one for
 * the image that kexec would boot, and for a moment one for the image that replaces it.
 * Without live update there is none.
 *
 * Making and freeing is done under the kexec lock; who does not have that finds the
 * current one under luo_images_lock. Making can fail for lack of memory only: an image
 * that makes no sense is known to make none.
 */
#include <linux/cleanup.h>
#include <linux/err.h>
#include <linux/kexec.h>
#include <linux/liveupdate.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "luo_gate.h"

/* Protects the list, and what luo_gate.h says. */
DEFINE_MUTEX(luo_images_lock);

static LIST_HEAD(luo_images);

static enum format_image luo_image_table(const void *buf, size_t size,
					 struct format_table *table,
					 const char **why)
{
	if (IS_ENABLED(CONFIG_X86))
		return format_table_in_bzimage(buf, size, table, why);
	if (IS_ENABLED(CONFIG_ARM64))
		return format_table_in_arm64_image(buf, size, table, why);
	return FORMAT_IMAGE_NO_TABLE;
}

static int luo_image_copy_table(struct luo_image *next)
{
	void *copy = kvmemdup(next->table.data, next->table.size, GFP_KERNEL);

	if (!copy)
		return -ENOMEM;
	next->table.data = copy;
	next->kind = LUO_IMAGE_TABLE;
	return 0;
}

static int luo_image_read(struct luo_image *next, const struct kimage *image)
{
	switch (luo_image_table(image->kernel_buf, image->kernel_buf_len,
				&next->table, &next->why)) {
	case FORMAT_IMAGE_OK:
		return luo_image_copy_table(next);
	case FORMAT_IMAGE_UNSOUND:
		next->kind = LUO_IMAGE_UNSOUND;
		return 0;
	default:
		next->kind = LUO_IMAGE_NO_TABLE;
		return 0;
	}
}

static int luo_image_fill(struct luo_image *next, const struct kimage *image)
{
	const char *cmdline = image->cmdline_buf ?: "";

	if (!image->file_mode) {
		next->kind = LUO_IMAGE_KEXEC_LOAD;
		return 0;
	}
	next->cmdline = kstrdup(cmdline, GFP_KERNEL);
	if (!next->cmdline)
		return -ENOMEM;
	return luo_image_read(next, image);
}

struct luo_image *luo_image_make(const struct kimage *image)
{
	struct luo_image *next = kzalloc(sizeof(*next), GFP_KERNEL);
	int err;

	if (!next)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&next->list);
	next->image = image;
	/* Not destroyed as a LUO_IMAGE_TABLE before it has one. */
	next->kind = LUO_IMAGE_NO_TABLE;
	err = luo_image_fill(next, image);
	if (err) {
		luo_image_destroy(next);
		return ERR_PTR(err);
	}
	return next;
}

void luo_image_destroy(struct luo_image *next)
{
	if (!next)
		return;
	if (next->kind == LUO_IMAGE_TABLE)
		kvfree(next->table.data);
	kfree(next->cmdline);
	kfree(next);
}

void luo_image_keep(struct luo_image *next)
{
	guard(mutex)(&luo_images_lock);
	list_add(&next->list, &luo_images);
}

struct luo_image *luo_image_find(const struct kimage *image)
{
	struct luo_image *next;

	lockdep_assert_held(&luo_images_lock);

	list_for_each_entry(next, &luo_images, list)
		if (next->image == image)
			return next;
	return NULL;
}

/*
 * An image that is freed is not in the list any more; that is said by its address, so
 * who comes just when it is replaced may find none. The freeze is there for that.
 */
struct luo_image *luo_image_loaded(void)
{
	const struct kimage *image = READ_ONCE(kexec_image);

	return image ? luo_image_find(image) : NULL;
}

/**
 * liveupdate_image_free - an image is not going to be booted by kexec any more
 * @image: the image; nothing happens if there is nothing known of it
 */
void liveupdate_image_free(const struct kimage *image)
{
	struct luo_image *next;

	scoped_guard(mutex, &luo_images_lock) {
		next = luo_image_find(image);
		if (next)
			list_del(&next->list);
	}
	luo_image_destroy(next);
}
