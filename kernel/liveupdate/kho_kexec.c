// SPDX-License-Identifier: GPL-2.0-only
/*
 * KHO: what kexec_file_load() has to do for it.
 *
 * The next kernel starts with nothing but scratch, so each segment is placed
 * there, and the addresses of scratch array and root FDT travel with the image: the
 * array as a segment of its own, the FDT where it lies, since it is edited until
 * the jump. Images for crash dumps know nothing of this, and neither do images
 * of kexec_load(). The purgatory checks its digest as ever: scratch was in use by
 * movable memory until the jump, and a device may not have heard of it.
 *
 * Called with the kexec lock held, while an image is being loaded. Failure fails
 * the load; nothing needs to be undone but what kexec undoes itself.
 */

#define pr_fmt(fmt) "KHO: " fmt

#include <linux/ioport.h>
#include <linux/kexec.h>
#include <linux/kexec_handover.h>
#include <linux/printk.h>
#include <linux/sizes.h>

#include "../kexec_internal.h"
#include "kho_internal.h"

static bool kho_is_for(const struct kimage *image)
{
	return kho_is_enabled() && kho_out.fdt &&
	       image->type != KEXEC_TYPE_CRASH;
}

/**
 * kho_fill_kimage - make an image carry the handover
 * @image: image being loaded, without the segments of the loader
 *
 * Return: 0, also if there is nothing to carry; errors of kexec_add_buffer()
 */
int kho_fill_kimage(struct kimage *image)
{
	size_t len = kho_scratch_cnt * sizeof(*kho_scratch);
	struct kexec_buf kbuf = {
		.image = image,
		.buffer = kho_scratch,
		.bufsz = len,
		.memsz = len,
		.mem = KEXEC_BUF_MEM_UNKNOWN,
		.buf_align = SZ_64K,
		.buf_max = ULONG_MAX,
		.top_down = true,
	};
	int err;

	if (!kho_is_for(image))
		return 0;

	err = kexec_add_buffer(&kbuf);
	if (err)
		return err;
	image->kho.fdt = virt_to_phys(kho_out.fdt);
	image->kho.scratch = kbuf.mem;
	image->kho.scratch_len = len;
	return 0;
}

static void kho_report_no_hole(const struct kexec_buf *kbuf)
{
	phys_addr_t total = 0, largest = 0;

	for (unsigned int i = 0; i < kho_scratch_cnt; i++) {
		total += kho_scratch[i].size;
		largest = max(largest, kho_scratch[i].size);
	}
	pr_err("cannot load the kernel: a segment of %lu KiB does not fit into scratch (%u areas, %llu KiB in all, the largest %llu KiB)\n",
	       kbuf->memsz >> 10, kho_scratch_cnt, (u64)total >> 10,
	       (u64)largest >> 10);
	pr_err("use a smaller initrd, or reboot (not kexec) with larger areas in kho_scratch=; with kho=off there is no such limit\n");
}

/**
 * kho_locate_mem_hole - find a place in scratch for a segment
 * @kbuf: the segment
 * @func: tries one range of memory: 1 found, 0 not there, or an error
 *
 * Return: 0; 1 if the segment may be anywhere; -EADDRNOTAVAIL
 */
int kho_locate_mem_hole(struct kexec_buf *kbuf,
			int (*func)(struct resource *, void *))
{
	int ret = 0;

	if (!kho_is_for(kbuf->image))
		return 1;

	for (unsigned int i = 0; i < kho_scratch_cnt && !ret; i++) {
		struct resource res = {
			.start = kho_scratch[i].addr,
			.end = kho_scratch[i].addr + kho_scratch[i].size - 1,
		};

		if (kho_scratch[i].size)
			ret = func(&res, kbuf);
	}
	if (ret == 1)
		return 0;
	kho_report_no_hole(kbuf);
	return -EADDRNOTAVAIL;
}

/**
 * kho_warn_kexec_load - say that an image of kexec_load() loses what is preserved
 * @image: the image
 */
void kho_warn_kexec_load(const struct kimage *image)
{
	if (kho_is_for(image) && !image->preserve_context)
		pr_warn("an image loaded by kexec_load() cannot carry the handover, so all preserved memory would be lost: load it by kexec_file_load() (kexec -s)\n");
}
