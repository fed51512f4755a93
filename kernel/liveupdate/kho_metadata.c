// SPDX-License-Identifier: GPL-2.0-only
/*
 * KHO: who kexec'd us, and for how long this has been going on.
 *
 * Part of kho_init(): read the metadata of the previous kernel, publish ours for
 * the next one. What is wrong with the former is said and does no harm; failure to
 * publish fails kho_init(). The incoming page is only read and stays as it is.
 */

#define pr_fmt(fmt) "KHO: " fmt

#include <linux/err.h>
#include <linux/init.h>
#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/kho/abi/kexec_metadata.h>
#include <linux/liveupdate_format.h>
#include <linux/printk.h>
#include <linux/string.h>
#include <linux/stringify.h>
#include <linux/utsname.h>

#include "kho_internal.h"

/* Its version is a number. */
liveupdate_format(metadata, SUBTREE,
		  "kexec-metadata-v" __stringify(KHO_KEXEC_METADATA_VERSION));

/* kexecs with KHO up to the one that started this kernel */
static u32 kho_kexec_count __initdata;

void __init kho_metadata_receive(void)
{
	const struct kho_kexec_metadata *from;
	phys_addr_t phys;
	size_t size;
	int err;

	err = kho_retrieve_subtree(KHO_METADATA_NODE_NAME, &phys, &size);
	if (err == -ENOENT)
		return;
	if (err || size < sizeof(from->version)) {
		pr_warn("metadata of the previous kernel is ignored: broken\n");
		return;
	}

	from = phys_to_virt(phys);
	if (from->version != KHO_KEXEC_METADATA_VERSION) {
		pr_warn("metadata of the previous kernel is ignored: version %u is not known, only %u is\n",
			from->version, KHO_KEXEC_METADATA_VERSION);
		return;
	}
	if (size < sizeof(*from)) {
		pr_warn("metadata of the previous kernel is ignored: %zu bytes are too short\n",
			size);
		return;
	}

	kho_kexec_count = from->kexec_count;
	pr_info("exec from: %*pE (count %u)\n",
		(int)strnlen(from->previous_release,
			     sizeof(from->previous_release)),
		from->previous_release, kho_kexec_count);
}

int __init kho_metadata_publish(void)
{
	struct kho_kexec_metadata *ours;
	int err;

	ours = kho_alloc_preserve(sizeof(*ours));
	if (IS_ERR(ours))
		return PTR_ERR(ours);
	ours->version = KHO_KEXEC_METADATA_VERSION;
	ours->kexec_count = kho_kexec_count + 1;
	strscpy(ours->previous_release, init_uts_ns.name.release,
		sizeof(ours->previous_release));

	err = kho_add_subtree(KHO_METADATA_NODE_NAME, ours, sizeof(*ours));
	if (err)
		kho_unpreserve_free(ours);
	return err;
}
