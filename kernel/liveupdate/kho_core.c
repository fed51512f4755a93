// SPDX-License-Identifier: GPL-2.0-only
/*
 * KHO: whether this kernel takes part as the old kernel, and the start of that.
 *
 * kho= is known from early parameters on. From then on the flag can only go from
 * on to off: in a kdump kernel, when scratch cannot be reserved, and when
 * kho_init() fails. After fs_initcall it does not change any more.
 *
 * kho_init() makes the outgoing side: the tree of preserved blocks, the root FDT
 * and in it the metadata. All three are live: what they say at the moment of the
 * jump is what the next kernel sees. It may fail for lack of memory; it then
 * undoes all of it, gives scratch back if it was reserved by this boot, and
 * leaves KHO disabled. Whatever came from the previous kernel is not affected.
 */

#define pr_fmt(fmt) "KHO: " fmt

#include <linux/cc_platform.h>
#include <linux/export.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/kexec_handover.h>
#include <linux/kho/abi/kexec_handover.h>
#include <linux/kstrtox.h>
#include <linux/liveupdate_format.h>
#include <linux/printk.h>
#include <linux/string.h>

#include "kho_internal.h"

/* Tree, vmalloc areas, blocks: all that is in the headers that this string is for. */
liveupdate_format(kho, KHO, KHO_FDT_COMPATIBLE);

struct kho_out kho_out = {
	.lock = __MUTEX_INITIALIZER(kho_out.lock),
};

static bool kho_enabled __ro_after_init =
	IS_ENABLED(CONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT);

/* It was on, and could not stay so. */
static bool kho_failed __initdata;

/**
 * kho_is_enabled - can memory be preserved for the next kernel?
 *
 * Says nothing about what came from the previous kernel, see is_kho_boot().
 *
 * Return: true unless switched off by kho= or configuration, or by a failure.
 */
bool kho_is_enabled(void)
{
	return kho_enabled;
}
EXPORT_SYMBOL_GPL(kho_is_enabled);

static int __init kho_parse_enable(char *p)
{
	return kstrtobool(p, &kho_enabled);
}
early_param("kho", kho_parse_enable);

void __init kho_disable(void)
{
	kho_enabled = false;
	kho_failed = true;
}

bool __init kho_has_failed(void)
{
	return kho_failed;
}

#ifdef CONFIG_KEXEC_HANDOVER_EXERCISE
/* For tests: the step of kho_init() that fails. */
static char kho_failing[16] __initdata;

static int __init kho_parse_fail(char *p)
{
	strscpy(kho_failing, p ?: "");
	return 0;
}
early_param("kho_exercise_fail", kho_parse_fail);

static int __init kho_should_fail(const char *step)
{
	return strcmp(kho_failing, step) ? 0 : -ENOMEM;
}
#else
static int __init kho_should_fail(const char *step)
{
	return 0;
}
#endif

static int __init kho_init(void)
{
	const char *what;
	int err;

	if (!kho_enabled)
		return 0;

	what = "memory encryption";
	err = -EOPNOTSUPP;
	if (cc_platform_has(CC_ATTR_MEM_ENCRYPT))
		goto err_disable;

	what = "preserved-memory tree";
	err = kho_should_fail("tree") ?: kho_radix_init_tree(&kho_out.tree, NULL);
	if (err)
		goto err_disable;

	what = "root FDT";
	err = kho_should_fail("fdt") ?: kho_subtree_init();
	if (err)
		goto err_tree;

	kho_metadata_receive();
	what = "metadata";
	err = kho_should_fail("metadata") ?: kho_metadata_publish();
	if (err)
		goto err_subtree;

	kho_scratch_release_cma();
	kho_debugfs_init();
	return 0;

err_subtree:
	kho_subtree_exit();
err_tree:
	kho_radix_destroy_tree(&kho_out.tree);
err_disable:
	kho_scratch_free();
	kho_disable();
	pr_err("disabled, nothing can be preserved for the next kernel: %s (%pe)\n",
	       what, ERR_PTR(err));
	return 0;
}
fs_initcall(kho_init);
