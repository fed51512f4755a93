// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test of file-bound objects: a few of them are registered with each file handler
 * there is, so that they go over with the first file that is preserved. The next
 * kernel with this test verifies what it gets. There is nothing to be called: what
 * happens is in the log, and anything at error level is a failure.
 */

#define pr_fmt(fmt) "liveupdate test: " fmt

#include <linux/array_size.h>
#include <linux/err.h>
#include <linux/liveupdate.h>
#include <linux/liveupdate_format.h>
#include <linux/once.h>
#include <linux/printk.h>

#include "../../kernel/liveupdate/luo_internal.h"

#define TEST_MAGIC	0xFEEDF00DCAFEBEE0ULL

static const struct liveupdate_flb_ops test_flb_ops;

#define TEST_FLB(i)						\
	{							\
		.ops = &test_flb_ops,				\
		.compatible = LIVEUPDATE_TEST_FLB_COMPATIBLE(i), \
	}

static struct liveupdate_flb test_flbs[] = {
	TEST_FLB(0), TEST_FLB(1), TEST_FLB(2),
};

liveupdate_format(flb_0, FLB, LIVEUPDATE_TEST_FLB_COMPATIBLE(0));
liveupdate_format(flb_1, FLB, LIVEUPDATE_TEST_FLB_COMPATIBLE(1));
liveupdate_format(flb_2, FLB, LIVEUPDATE_TEST_FLB_COMPATIBLE(2));

static u64 test_data(struct liveupdate_flb *flb)
{
	return TEST_MAGIC + (flb - test_flbs);
}

static int test_preserve(struct liveupdate_flb_op_args *argp)
{
	argp->data = test_data(argp->flb);
	pr_info("%s: preserved\n", argp->flb->compatible);
	return 0;
}

static void test_unpreserve(struct liveupdate_flb_op_args *argp)
{
	pr_info("%s: unpreserved\n", argp->flb->compatible);
}

static int test_retrieve(struct liveupdate_flb_op_args *argp)
{
	u64 expected = test_data(argp->flb);

	if (argp->data != expected) {
		pr_err("%s: found %#llx of the previous boot, expected %#llx\n",
		       argp->flb->compatible, argp->data, expected);
		return -EINVAL;
	}
	argp->obj = (void *)(uintptr_t)expected;
	pr_info("%s: found data of the previous boot\n", argp->flb->compatible);
	return 0;
}

static void test_finish(struct liveupdate_flb_op_args *argp)
{
	void *expected = (void *)(uintptr_t)test_data(argp->flb);

	if (argp->obj != expected)
		pr_err("%s: finished with object %p, expected %p\n",
		       argp->flb->compatible, argp->obj, expected);
	else
		pr_info("%s: finished\n", argp->flb->compatible);
}

static const struct liveupdate_flb_ops test_flb_ops = {
	.preserve = test_preserve,
	.unpreserve = test_unpreserve,
	.retrieve = test_retrieve,
	.finish = test_finish,
};

/* The object stays where it is until the last file is finished. */
static void test_incoming(void)
{
	void *obj;
	int err;

	for (int i = 0; i < ARRAY_SIZE(test_flbs); i++) {
		err = liveupdate_flb_get_incoming(&test_flbs[i], &obj);
		if (!err)
			liveupdate_flb_put_incoming(&test_flbs[i]);
		else if (err != -ENODATA && err != -ENOENT)
			pr_err("%s: cannot be had (%pe)\n",
			       test_flbs[i].compatible, ERR_PTR(err));
	}
}

void liveupdate_test_register(struct liveupdate_file_handler *fh)
{
	int err;

	DO_ONCE_SLEEPABLE(test_incoming);

	for (int i = 0; i < ARRAY_SIZE(test_flbs); i++) {
		err = liveupdate_register_flb(fh, &test_flbs[i]);
		if (err)
			pr_err("%s: cannot be registered with %s (%pe)\n",
			       test_flbs[i].compatible, fh->compatible,
			       ERR_PTR(err));
	}

	err = liveupdate_register_flb(fh, &test_flbs[0]);
	if (err != -EEXIST)
		pr_err("%s: registered with %s again (%pe), expected %pe\n",
		       test_flbs[0].compatible, fh->compatible, ERR_PTR(err),
		       ERR_PTR(-EEXIST));

	pr_info("%zu objects registered with %s\n", ARRAY_SIZE(test_flbs),
		fh->compatible);
}
