/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Handover format of the KHO subtree "kexec-metadata": who kexec'd us.
 *
 * The version comes first and stays first. Any change below it needs a new
 * version; a reader ignores a version that it does not know.
 */
#ifndef LINUX_KHO_ABI_KEXEC_METADATA_H
#define LINUX_KHO_ABI_KEXEC_METADATA_H

#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/types.h>
#include <linux/utsname.h>

#define KHO_METADATA_NODE_NAME		"kexec-metadata"
#define KHO_KEXEC_METADATA_VERSION	1

/**
 * struct kho_kexec_metadata - the blob
 * @version: KHO_KEXEC_METADATA_VERSION
 * @previous_release: release of the kernel that wrote this, NUL terminated
 * @kexec_count: number of kexecs with KHO up to and including the coming one
 */
struct kho_kexec_metadata {
	u32 version;
	char previous_release[__NEW_UTS_LEN + 1];
	u32 kexec_count;
} __packed;

static_assert(sizeof(struct kho_kexec_metadata) == 73);
static_assert(offsetof(struct kho_kexec_metadata, version) == 0);
static_assert(offsetof(struct kho_kexec_metadata, previous_release) == 4);
static_assert(offsetof(struct kho_kexec_metadata, kexec_count) == 69);

#endif /* LINUX_KHO_ABI_KEXEC_METADATA_H */
