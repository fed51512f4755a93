// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the gate's parts: what is known of an image, and what the command line
 * of the next kernel would do.
 */
#include <kunit/test.h>
#include <linux/cleanup.h>
#include <linux/err.h>
#include <linux/kexec.h>
#include <linux/limits.h>
#include <linux/liveupdate.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "luo_gate.h"

/* Command line */

struct findings {
	char text[512];
	unsigned int losing;
};

static void found(void *arg, const char *what, const char *why, bool loses)
{
	struct findings *f = arg;
	size_t len = strlen(f->text);

	snprintf(f->text + len, sizeof(f->text) - len, "%s;", what);
	f->losing += loses;
}

/* Memory that is needed: from 256M to 512M. */
static bool in_use(u64 start, u64 end)
{
	return start < SZ_512M && end > SZ_256M;
}

static void expect(struct kunit *test, struct luo_cmdline_env env,
		   const char *cmdline, const char *text, unsigned int losing)
{
	struct findings f = { };

	env.own = env.own ?: "";
	env.in_use = in_use;
	env.found = found;
	env.arg = &f;
	KUNIT_EXPECT_EQ(test, luo_cmdline_check(cmdline, &env), 0);
	KUNIT_EXPECT_STREQ(test, f.text, text);
	KUNIT_EXPECT_EQ(test, f.losing, losing);
}

#define NO_KHO	"kho=on is missing;"
#define NO_LUO	"liveupdate=on is missing;"

static void switches(struct kunit *test)
{
	static const struct luo_cmdline_env none = { };
	static const struct luo_cmdline_env built_in = { .kho = true, .liveupdate = true };
	static const struct luo_cmdline_env unsure = { .unsure = true };

	expect(test, none, "", NO_KHO NO_LUO, 2);
	expect(test, none, "kho=on liveupdate=on", "", 0);
	expect(test, none, "  kho=1\tliveupdate=y\n", "", 0);
	expect(test, none, "\"kho=on\" liveupdate=\"on\"", "", 0);
	expect(test, none, "kho=on", NO_LUO, 1);
	expect(test, none, "liveupdate=on", NO_KHO, 1);
	/* The last one counts; what is no bool does not. */
	expect(test, none, "kho=on liveupdate=on kho=off", NO_KHO, 1);
	expect(test, none, "kho=off kho=on liveupdate=on", "", 0);
	expect(test, none, "kho=on kho=maybe kho liveupdate=on", "", 0);
	expect(test, none, "xkho=on kho-=on liveupdate.x=on", NO_KHO NO_LUO, 2);
	/* Not for the kernel. */
	expect(test, none, "kho=on -- liveupdate=on", NO_LUO, 1);
	expect(test, none, "kho=on liveupdate=on -- kho=off", "", 0);
	expect(test, none, "kho=on --x liveupdate=on", "", 0);
	/* The kernel can have them on by itself, which can be turned off. */
	expect(test, built_in, "", "", 0);
	expect(test, built_in, "kho=off", NO_KHO, 1);
	/* Said, but not known. */
	expect(test, unsure, "", NO_KHO NO_LUO, 0);
	/* What is in a bootconfig is read when it is too late for them. */
	expect(test, none, "bootconfig", NO_KHO NO_LUO, 2);
}

static void memory(struct kunit *test)
{
	static const struct luo_cmdline_env env = { .kho = true, .liveupdate = true };
	struct luo_cmdline_env same = env;

	expect(test, env, "mem=300M", "mem=300M;", 1);
	expect(test, env, "mem=1M", "mem=1M;", 1);
	expect(test, env, "mem=512M", "", 0);
	expect(test, env, "mem=0x20000000", "", 0);
	expect(test, env, "mem", "", 0);
	expect(test, env, "mem=", "", 0);
	expect(test, env, "mem=nopentium", "", 0);
	expect(test, env, "mem=0", "", 0);
	expect(test, env, "memmap=300M", "memmap=300M;", 1);
	expect(test, env, "memmap=exactmap", "memmap=exactmap;", 1);
	expect(test, env, "memmap=1M$255M", "", 0);
	expect(test, env, "memmap=1M$256M", "memmap=1M$256M;", 1);
	expect(test, env, "memmap=1M#0x10000000", "memmap=1M#0x10000000;", 1);
	expect(test, env, "memmap=512M!0", "memmap=512M!0;", 1);
	expect(test, env, "memmap=1M%511M-1+2", "memmap=1M%511M-1+2;", 1);
	expect(test, env, "memmap=1M$512M", "", 0);
	/* It adds memory. */
	expect(test, env, "memmap=1M@256M", "", 0);
	/* A range that wraps ends where everything does. */
	expect(test, env, "memmap=0xffffffffffffffff$256M",
	       "memmap=0xffffffffffffffff$256M;", 1);
	expect(test, env, "memmap=1M$1G,1M$300M,x,1M$400M",
	       "memmap=1M$300M;memmap=1M$400M;", 2);
	/* What this kernel has itself takes nothing away. */
	same.own = "quiet mem=300M memmap=exactmap";
	expect(test, same, "mem=300M", "", 0);
	expect(test, same, "memmap=exactmap", "", 0);
	expect(test, same, "mem=299M", "mem=299M;", 1);
}

static void devices(struct kunit *test)
{
	static const struct luo_cmdline_env none = { .kho = true, .liveupdate = true };
	struct luo_cmdline_env env = none;

	/* Only if there is something to be lost. */
	expect(test, none, "pci=off acpi=off iommu=off intel_iommu=on", "", 0);

	env.pci = true;
	expect(test, env, "pci=off", "pci=off;", 1);
	expect(test, env, "pci", "", 0);
	expect(test, env, "pci=noaer,conf1,x,nommconf", "pci=conf1;pci=nommconf;", 2);
	expect(test, env, "pci=noacpi", "pci=noacpi;", 1);
	expect(test, env, "pci=realloc,assign-busses", "", 0);
	expect(test, env, "acpi=off", "acpi=off;", 1);
	expect(test, env, "acpi acpi=force acpi=offline", "", 0);
	expect(test, env, "iommu=off", "iommu=off;", 1);
	expect(test, env, "intel_iommu=on intel-iommu=on", "intel_iommu=on;intel-iommu=on;", 2);
	expect(test, env, "amd_iommu=off iommu.passthrough=1",
	       "amd_iommu=off;iommu.passthrough=1;", 2);
	env.own = "pci=nocrs pci=noaer,nommconf";
	expect(test, env, "pci=nommconf", "", 0);
	expect(test, env, "pci=nommconf,conf1", "pci=conf1;", 1);
	/* What is behind "--" is not this kernel's either. */
	env.own = "quiet -- acpi=off pci=nommconf iommu=pt";
	expect(test, env, "acpi=off pci=nommconf iommu=pt",
	       "acpi=off;pci=nommconf;iommu=pt;", 3);
	env.own = "acpi=off iommu=pt intel_iommu=on";
	expect(test, env, "intel_iommu=on iommu=pt acpi=off", "", 0);
	expect(test, env, "intel_iommu=on", "iommu=pt;", 1);
	expect(test, env, "intel_iommu=off iommu=pt", "intel_iommu=off;intel_iommu=on;", 2);
}

/* Images */

static struct luo_image *make(struct kunit *test, void *buf, size_t size,
			      char *cmdline)
{
	struct kimage image = {
		.file_mode = 1,
		.kernel_buf = buf,
		.kernel_buf_len = size,
		.cmdline_buf = cmdline,
	};
	struct luo_image *next = luo_image_make(&image);

	KUNIT_ASSERT_FALSE(test, IS_ERR(next));
	return next;
}

static void images(struct kunit *test)
{
	static char junk[4096], line[] = "kho=on";
	struct kimage image = { };
	struct luo_image *next;

	next = make(test, junk, sizeof(junk), line);
	KUNIT_EXPECT_EQ(test, next->kind, LUO_IMAGE_NO_TABLE);
	KUNIT_EXPECT_STREQ(test, next->cmdline, line);
	KUNIT_EXPECT_PTR_NE(test, next->cmdline, (char *)line);
	luo_image_destroy(next);

	next = make(test, junk, 1, NULL);
	KUNIT_EXPECT_EQ(test, next->kind, LUO_IMAGE_NO_TABLE);
	KUNIT_EXPECT_STREQ(test, next->cmdline, "");
	luo_image_destroy(next);

	next = luo_image_make(&image);
	KUNIT_ASSERT_FALSE(test, IS_ERR(next));
	KUNIT_EXPECT_EQ(test, next->kind, LUO_IMAGE_KEXEC_LOAD);
	KUNIT_EXPECT_NULL(test, next->cmdline);

	/* Found as long as it is there; freeing what is not known does nothing. */
	luo_image_keep(next);
	scoped_guard(mutex, &luo_images_lock)
		KUNIT_EXPECT_PTR_EQ(test, luo_image_find(&image), next);
	liveupdate_image_free(&image);
	scoped_guard(mutex, &luo_images_lock)
		KUNIT_EXPECT_NULL(test, luo_image_find(&image));
	liveupdate_image_free(&image);
	luo_image_destroy(NULL);
}

static struct kunit_case luo_gate_cases[] = {
	KUNIT_CASE(switches),
	KUNIT_CASE(memory),
	KUNIT_CASE(devices),
	KUNIT_CASE(images),
	{}
};

static struct kunit_suite luo_gate_suite = {
	.name = "luo_gate",
	.test_cases = luo_gate_cases,
};

kunit_test_suite(luo_gate_suite);
