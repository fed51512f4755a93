// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of file handlers and file-bound objects: who may be registered, what
 * is counted, in which order callbacks come, what is handed over, and what is
 * believed of a table from the previous kernel.
 */
#include <kunit/test-bug.h>
#include <kunit/test.h>
#include <linux/fs.h>
#include <linux/liveupdate.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "luo_internal.h"
#include "luo_records.h"

#define NR_FLBS		3

struct handler_test {
	char log[256];
	struct liveupdate_flb *flbs[LUO_FLB_MAX + 1];
	struct liveupdate_file_handler *fh[2];
	struct luo_flb_header_ser *table, *real_table;
	bool enabled;
	struct liveupdate_flb *fails;
	int err;
	int obj;
};

/* The handlers themselves are never asked: the tests say which file it is. */
static struct file *mine;

static bool can_preserve(struct liveupdate_file_handler *handler,
			 struct file *file)
{
	return file == mine;
}

static int op(struct liveupdate_file_op_args *args)
{
	return 0;
}

static void undo(struct liveupdate_file_op_args *args)
{
}

static const struct liveupdate_file_ops ops = {
	.can_preserve = can_preserve,
	.preserve = op,
	.unpreserve = undo,
	.retrieve = op,
	.finish = undo,
};

/* FLBs are known by the last character of their format. */
static int flb_event(struct liveupdate_flb *flb, const char *what)
{
	struct handler_test *t = kunit_get_current_test()->priv;
	size_t len = strlen(t->log);

	snprintf(t->log + len, sizeof(t->log) - len, "%s%c ", what,
		 flb->compatible[strlen(flb->compatible) - 1]);
	return flb == t->fails ? t->err : 0;
}

static int flb_preserve(struct liveupdate_flb_op_args *argp)
{
	struct handler_test *t = kunit_get_current_test()->priv;

	argp->data = 0x1000;
	argp->obj = &t->obj;
	return flb_event(argp->flb, "p");
}

static void flb_unpreserve(struct liveupdate_flb_op_args *argp)
{
	flb_event(argp->flb, "u");
}

static int flb_freeze(struct liveupdate_flb_op_args *argp)
{
	argp->data++;
	return flb_event(argp->flb, "f");
}

static void flb_unfreeze(struct liveupdate_flb_op_args *argp)
{
	flb_event(argp->flb, "x");
}

static int flb_retrieve(struct liveupdate_flb_op_args *argp)
{
	struct handler_test *t = kunit_get_current_test()->priv;

	argp->obj = &t->obj;
	return flb_event(argp->flb, "r");
}

static void flb_finish(struct liveupdate_flb_op_args *argp)
{
	struct handler_test *t = kunit_get_current_test()->priv;

	KUNIT_EXPECT_PTR_EQ(kunit_get_current_test(), argp->obj, (void *)&t->obj);
	flb_event(argp->flb, "d");
}

static const struct liveupdate_flb_ops flb_ops = {
	.preserve = flb_preserve,
	.unpreserve = flb_unpreserve,
	.freeze = flb_freeze,
	.unfreeze = flb_unfreeze,
	.retrieve = flb_retrieve,
	.finish = flb_finish,
};

static void expect_log(struct kunit *test, const char *want)
{
	struct handler_test *t = test->priv;

	KUNIT_EXPECT_STREQ(test, t->log, want);
	t->log[0] = '\0';
}

static struct liveupdate_file_handler *
new_handler(struct kunit *test, const struct liveupdate_file_ops *fh_ops,
	    const char *compatible)
{
	struct liveupdate_file_handler *fh;

	fh = kunit_kzalloc(test, sizeof(*fh), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fh);
	fh->ops = fh_ops;
	strscpy((char *)fh->compatible, compatible, sizeof(fh->compatible));
	return fh;
}

static struct liveupdate_flb *new_flb(struct kunit *test, const char *compatible)
{
	struct liveupdate_flb *flb;

	flb = kunit_kzalloc(test, sizeof(*flb), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, flb);
	flb->ops = &flb_ops;
	strscpy((char *)flb->compatible, compatible, sizeof(flb->compatible));
	return flb;
}

static int handler_test_init(struct kunit *test)
{
	struct handler_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	char name[] = "kunit-flb-0";

	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;
	t->enabled = luo_status.enabled;
	luo_status.enabled = true;
	t->table = (void *)get_zeroed_page(GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t->table);
	t->table->pgcnt = LUO_FLB_PGCNT;
	t->real_table = luo_flb_swap_table(t->table);
	for (int i = 0; i < NR_FLBS; i++, name[sizeof(name) - 2]++)
		t->flbs[i] = new_flb(test, name);
	t->fh[0] = new_handler(test, &ops, "kunit-0");
	t->fh[1] = new_handler(test, &ops, "kunit-1");
	KUNIT_ASSERT_EQ(test, luo_handler_register(t->fh[0]), 0);
	KUNIT_ASSERT_EQ(test, luo_handler_register(t->fh[1]), 0);
	return 0;
}

static void handler_test_exit(struct kunit *test)
{
	struct handler_test *t = test->priv;

	luo_handler_unregister(t->fh[1]);
	luo_handler_unregister(t->fh[0]);
	luo_flb_swap_table(t->real_table);
	luo_flb_forget_incoming();
	free_page((unsigned long)t->table);
	luo_status.enabled = t->enabled;
}

/* Handlers */

static void registers(struct kunit *test)
{
	struct handler_test *t = test->priv;
	struct liveupdate_file_handler *fh;

	fh = luo_handler_of_format("kunit-1");
	KUNIT_EXPECT_PTR_EQ(test, fh, t->fh[1]);
	luo_handler_put(fh);
	KUNIT_EXPECT_NULL(test, luo_handler_of_format("kunit-2"));
	KUNIT_EXPECT_NULL(test, luo_handler_of_format(""));

	fh = new_handler(test, &ops, "kunit-0");
	KUNIT_EXPECT_EQ(test, luo_handler_register(fh), -EEXIST);
	luo_handler_unregister(t->fh[0]);
	KUNIT_EXPECT_NULL(test, luo_handler_of_format("kunit-0"));
	KUNIT_EXPECT_EQ(test, luo_handler_register(fh), 0);
	luo_handler_unregister(fh);
	KUNIT_EXPECT_EQ(test, luo_handler_register(t->fh[0]), 0);
}

static void refuses_incomplete(struct kunit *test)
{
	struct liveupdate_file_ops bad[5] = { ops, ops, ops, ops, ops };
	struct liveupdate_file_handler *fh;

	bad[0].can_preserve = NULL;
	bad[1].preserve = NULL;
	bad[2].unpreserve = NULL;
	bad[3].retrieve = NULL;
	bad[4].finish = NULL;
	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		fh = new_handler(test, &bad[i], "kunit-bad");
		KUNIT_EXPECT_EQ(test, luo_handler_register(fh), -EINVAL);
	}
	fh = new_handler(test, NULL, "kunit-bad");
	KUNIT_EXPECT_EQ(test, luo_handler_register(fh), -EINVAL);
	fh = new_handler(test, &ops, "");
	KUNIT_EXPECT_EQ(test, luo_handler_register(fh), -EINVAL);
	memset((char *)fh->compatible, 'x', sizeof(fh->compatible));
	KUNIT_EXPECT_EQ(test, luo_handler_register(fh), -EINVAL);
	((char *)fh->compatible)[sizeof(fh->compatible) - 1] = '\0';
	KUNIT_EXPECT_EQ(test, luo_handler_register(fh), 0);
	luo_handler_unregister(fh);
}

static void refuses_when_off(struct kunit *test)
{
	struct handler_test *t = test->priv;
	void *obj;

	luo_status.enabled = false;
	KUNIT_EXPECT_EQ(test, liveupdate_register_file_handler(t->fh[0]),
			-EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, liveupdate_register_flb(t->fh[0], t->flbs[0]),
			-EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, liveupdate_flb_get_incoming(t->flbs[0], &obj),
			-EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, liveupdate_flb_get_outgoing(t->flbs[0], &obj),
			-EOPNOTSUPP);
	liveupdate_flb_put_incoming(t->flbs[0]);
	liveupdate_flb_put_outgoing(t->flbs[0]);
	liveupdate_unregister_flb(t->fh[0], t->flbs[0]);
	liveupdate_unregister_file_handler(t->fh[0]);
}

static void first_handler_wins(struct kunit *test)
{
	struct handler_test *t = test->priv;
	struct liveupdate_file_handler *fh;
	struct file file = { };
	unsigned long id;

	mine = NULL;
	KUNIT_EXPECT_NULL(test, luo_handler_of_file(&file));
	KUNIT_EXPECT_FALSE(test, luo_handler_file_id(&file, &id));
	mine = &file;
	fh = luo_handler_of_file(&file);
	KUNIT_EXPECT_PTR_EQ(test, fh, t->fh[0]);
	luo_handler_put(fh);
	KUNIT_EXPECT_TRUE(test, luo_handler_file_id(&file, &id));
	KUNIT_EXPECT_EQ(test, id, (unsigned long)&file);
	mine = NULL;
}

/* FLBs, old kernel */

static void flb_registers(struct kunit *test)
{
	struct handler_test *t = test->priv;
	struct liveupdate_flb *twin = new_flb(test, "kunit-flb-0");
	char name[] = "kunit-many-00";
	int i, err;

	KUNIT_EXPECT_EQ(test, luo_flb_register(t->fh[0], t->flbs[0]), 0);
	KUNIT_EXPECT_EQ(test, luo_flb_register(t->fh[0], t->flbs[0]), -EEXIST);
	KUNIT_EXPECT_EQ(test, luo_flb_register(t->fh[0], twin), -EEXIST);
	KUNIT_EXPECT_EQ(test, luo_flb_register(t->fh[1], twin), -EEXIST);
	KUNIT_EXPECT_EQ(test, luo_flb_register(t->fh[1], t->flbs[0]), 0);
	luo_flb_unregister(t->fh[0], t->flbs[0]);
	KUNIT_EXPECT_EQ(test, luo_flb_register(t->fh[0], twin), -EEXIST);
	luo_flb_unregister(t->fh[1], t->flbs[0]);
	luo_flb_unregister(t->fh[1], t->flbs[0]);
	KUNIT_EXPECT_EQ(test, luo_flb_register(t->fh[0], twin), 0);
	luo_flb_unregister(t->fh[0], twin);

	/* Others may be registered already, by built-in tests. */
	for (i = 0, err = 0; !err && i <= LUO_FLB_MAX; i++) {
		name[sizeof(name) - 3] = '0' + i / 10;
		name[sizeof(name) - 2] = '0' + i % 10;
		t->flbs[i] = new_flb(test, name);
		err = luo_flb_register(t->fh[0], t->flbs[i]);
	}
	KUNIT_EXPECT_EQ(test, err, -ENOSPC);
	KUNIT_EXPECT_GT(test, i, 40);
	KUNIT_EXPECT_EQ(test, luo_flb_register(t->fh[1], t->flbs[0]), 0);
}

static void flb_counts(struct kunit *test)
{
	struct handler_test *t = test->priv;
	u64 seq, late;
	void *obj;

	for (int i = 0; i < NR_FLBS; i++)
		KUNIT_ASSERT_EQ(test, luo_flb_register(t->fh[0], t->flbs[i]), 0);
	KUNIT_ASSERT_EQ(test, luo_flb_register(t->fh[1], t->flbs[1]), 0);
	KUNIT_EXPECT_EQ(test, liveupdate_flb_get_outgoing(t->flbs[1], &obj),
			-ENOENT);

	KUNIT_EXPECT_EQ(test, luo_flb_file_preserve(t->fh[0], &seq), 0);
	expect_log(test, "p0 p1 p2 ");
	KUNIT_EXPECT_EQ(test, luo_flb_file_preserve(t->fh[1], &seq), 0);
	KUNIT_EXPECT_EQ(test, luo_flb_file_preserve(t->fh[0], &seq), 0);
	expect_log(test, "");

	/* A link made later does not concern files from before. */
	KUNIT_ASSERT_EQ(test, luo_flb_register(t->fh[1], t->flbs[2]), 0);
	KUNIT_EXPECT_EQ(test, luo_flb_file_preserve(t->fh[1], &late), 0);
	luo_flb_file_unpreserve(t->fh[0], seq);
	luo_flb_file_unpreserve(t->fh[0], seq);
	expect_log(test, "u0 ");
	luo_flb_file_unpreserve(t->fh[1], seq);
	expect_log(test, "");

	/* A user keeps it. */
	KUNIT_EXPECT_EQ(test, liveupdate_flb_get_outgoing(t->flbs[1], &obj), 0);
	KUNIT_EXPECT_PTR_EQ(test, obj, (void *)&t->obj);
	luo_flb_file_unpreserve(t->fh[1], late);
	expect_log(test, "u2 ");
	liveupdate_flb_put_outgoing(t->flbs[1]);
	expect_log(test, "u1 ");
	KUNIT_EXPECT_EQ(test, liveupdate_flb_get_outgoing(t->flbs[1], &obj),
			-ENOENT);
}

static void flb_preserve_fails(struct kunit *test)
{
	struct handler_test *t = test->priv;
	u64 seq;

	for (int i = 0; i < NR_FLBS; i++)
		KUNIT_ASSERT_EQ(test, luo_flb_register(t->fh[0], t->flbs[i]), 0);
	t->fails = t->flbs[2];
	t->err = -ENOMEM;
	KUNIT_EXPECT_EQ(test, luo_flb_file_preserve(t->fh[0], &seq), -ENOMEM);
	expect_log(test, "p0 p1 p2 u1 u0 ");
	t->err = 1;
	KUNIT_EXPECT_EQ(test, luo_flb_file_preserve(t->fh[0], &seq), -EIO);
	expect_log(test, "p0 p1 p2 u1 u0 ");
	t->fails = NULL;
	KUNIT_EXPECT_EQ(test, luo_flb_file_preserve(t->fh[0], &seq), 0);
	luo_flb_file_unpreserve(t->fh[0], seq);
	expect_log(test, "p0 p1 p2 u2 u1 u0 ");
}

static void flb_goes_with_link(struct kunit *test)
{
	struct handler_test *t = test->priv;
	u64 seq;

	KUNIT_ASSERT_EQ(test, luo_flb_register(t->fh[0], t->flbs[0]), 0);
	KUNIT_ASSERT_EQ(test, luo_flb_register(t->fh[1], t->flbs[0]), 0);
	luo_flb_file_preserve(t->fh[0], &seq);
	luo_flb_file_preserve(t->fh[0], &seq);
	luo_flb_file_preserve(t->fh[1], &seq);
	expect_log(test, "p0 ");
	luo_flb_unregister(t->fh[0], t->flbs[0]);
	luo_flb_file_unpreserve(t->fh[0], seq);
	expect_log(test, "");
	luo_flb_unregister(t->fh[1], t->flbs[0]);
	expect_log(test, "u0 ");
	luo_flb_file_unpreserve(t->fh[1], seq);
	expect_log(test, "");
}

static void flb_freezes(struct kunit *test)
{
	struct handler_test *t = test->priv;
	struct luo_flb_ser *ser = (void *)(t->table + 1);
	static const struct luo_flb_ser none;
	u64 seq[2];
	void *obj;

	for (int i = 0; i < NR_FLBS; i++)
		KUNIT_ASSERT_EQ(test, luo_flb_register(t->fh[i > 0], t->flbs[i]), 0);
	luo_flb_file_preserve(t->fh[1], &seq[0]);
	luo_flb_file_preserve(t->fh[1], &seq[1]);
	KUNIT_EXPECT_EQ(test, liveupdate_flb_get_outgoing(t->flbs[1], &obj), 0);
	expect_log(test, "p1 p2 ");

	t->fails = t->flbs[2];
	t->err = -EBUSY;
	KUNIT_EXPECT_EQ(test, luo_flb_freeze(), -EBUSY);
	expect_log(test, "f1 f2 x1 ");
	t->err = 1;
	KUNIT_EXPECT_EQ(test, luo_flb_freeze(), -EIO);
	expect_log(test, "f1 f2 x1 ");
	KUNIT_EXPECT_EQ(test, t->table->count, 0);
	KUNIT_EXPECT_MEMEQ(test, &ser[0], &none, sizeof(none));

	t->fails = NULL;
	KUNIT_EXPECT_EQ(test, luo_flb_freeze(), 0);
	expect_log(test, "f1 f2 ");
	KUNIT_EXPECT_EQ(test, t->table->pgcnt, 1);
	KUNIT_EXPECT_EQ(test, t->table->count, 2);
	KUNIT_EXPECT_STREQ(test, ser[0].name, "kunit-flb-1");
	KUNIT_EXPECT_STREQ(test, ser[1].name, "kunit-flb-2");
	/* Frozen three times, twice in vain; two files depend on it, users do not count. */
	KUNIT_EXPECT_EQ(test, ser[0].data, 0x1003);
	KUNIT_EXPECT_EQ(test, ser[0].count, 2);
	KUNIT_EXPECT_EQ(test, ser[1].count, 2);
	KUNIT_EXPECT_MEMEQ(test, &ser[2], &none, sizeof(none));

	liveupdate_flb_put_outgoing(t->flbs[1]);
	luo_flb_file_unpreserve(t->fh[1], seq[1]);
	luo_flb_file_unpreserve(t->fh[1], seq[0]);
	expect_log(test, "u2 u1 ");
}

/* FLBs, new kernel */

static struct luo_flb_ser *fill_table(struct kunit *test)
{
	struct handler_test *t = test->priv;
	struct luo_flb_ser *ser = (void *)(t->table + 1);

	for (int i = 0; i < NR_FLBS; i++) {
		strscpy_pad(ser[i].name, t->flbs[i]->compatible);
		ser[i].data = 0x1000 * i;
		ser[i].count = 2;
	}
	t->table->count = NR_FLBS;
	return ser;
}

static void flb_nothing_incoming(struct kunit *test)
{
	struct handler_test *t = test->priv;
	struct luo_flb_ser *ser;
	void *obj;

	KUNIT_ASSERT_EQ(test, luo_flb_register(t->fh[0], t->flbs[0]), 0);
	KUNIT_EXPECT_EQ(test, liveupdate_flb_get_incoming(t->flbs[0], &obj),
			-ENODATA);
	luo_flb_file_finish(t->fh[0]);
	KUNIT_EXPECT_EQ(test, luo_flb_read_table(t->table), LUO_ACCEPTED);
	KUNIT_EXPECT_EQ(test, liveupdate_flb_get_incoming(t->flbs[0], &obj),
			-ENOENT);

	luo_flb_forget_incoming();
	ser = fill_table(test);
	t->table->count = 1;
	ser[0].name[0] = '\0';
	KUNIT_EXPECT_EQ(test, luo_flb_read_table(t->table), LUO_ACCEPTED);
	KUNIT_EXPECT_EQ(test, liveupdate_flb_get_incoming(t->flbs[0], &obj),
			-ENOENT);

	luo_flb_forget_incoming();
	fill_table(test);
	t->table->count = 1;
	KUNIT_EXPECT_EQ(test, luo_flb_read_table(t->table), LUO_ACCEPTED);
	KUNIT_EXPECT_EQ(test, liveupdate_flb_get_incoming(t->flbs[1], &obj),
			-ENOENT);
	expect_log(test, "");
}

static void flb_finishes(struct kunit *test)
{
	struct handler_test *t = test->priv;
	void *obj;

	fill_table(test);
	KUNIT_EXPECT_EQ(test, luo_flb_read_table(t->table), LUO_ACCEPTED);
	memset(t->table, 0xff, PAGE_SIZE);
	for (int i = 0; i < 2; i++)
		KUNIT_ASSERT_EQ(test, luo_flb_register(t->fh[0], t->flbs[i]), 0);

	/* Got before any file is finished, and put: files keep it. */
	KUNIT_EXPECT_EQ(test, liveupdate_flb_get_incoming(t->flbs[0], &obj), 0);
	KUNIT_EXPECT_PTR_EQ(test, obj, (void *)&t->obj);
	liveupdate_flb_put_incoming(t->flbs[0]);
	expect_log(test, "r0 ");
	/* Not even registered: only its data is wanted. */
	KUNIT_EXPECT_EQ(test, liveupdate_flb_get_incoming(t->flbs[2], &obj), 0);
	expect_log(test, "r2 ");

	luo_flb_file_finish(t->fh[0]);
	expect_log(test, "");
	/* FLB 1 was never wanted, and is retrieved to be finished. */
	luo_flb_file_finish(t->fh[0]);
	expect_log(test, "r1 d1 d0 ");
	/* More files than were counted. */
	luo_flb_file_finish(t->fh[0]);
	expect_log(test, "");
	KUNIT_EXPECT_EQ(test, liveupdate_flb_get_incoming(t->flbs[0], &obj),
			-ENODATA);

	/* A user keeps it. */
	KUNIT_ASSERT_EQ(test, luo_flb_register(t->fh[1], t->flbs[2]), 0);
	luo_flb_file_finish(t->fh[1]);
	luo_flb_file_finish(t->fh[1]);
	expect_log(test, "");
	liveupdate_flb_put_incoming(t->flbs[2]);
	expect_log(test, "d2 ");
}

static void flb_retrieve_fails(struct kunit *test)
{
	struct handler_test *t = test->priv;
	void *obj;

	fill_table(test);
	KUNIT_EXPECT_EQ(test, luo_flb_read_table(t->table), LUO_ACCEPTED);
	KUNIT_ASSERT_EQ(test, luo_flb_register(t->fh[0], t->flbs[0]), 0);
	KUNIT_ASSERT_EQ(test, luo_flb_register(t->fh[1], t->flbs[1]), 0);

	t->fails = t->flbs[0];
	t->err = -ENOMEM;
	KUNIT_EXPECT_EQ(test, liveupdate_flb_get_incoming(t->flbs[0], &obj),
			-ENOMEM);
	t->err = -EINVAL;
	KUNIT_EXPECT_EQ(test, liveupdate_flb_get_incoming(t->flbs[0], &obj),
			-EINVAL);
	t->fails = NULL;
	KUNIT_EXPECT_EQ(test, liveupdate_flb_get_incoming(t->flbs[0], &obj),
			-EINVAL);
	expect_log(test, "r0 r0 ");
	luo_flb_file_finish(t->fh[0]);
	luo_flb_file_finish(t->fh[0]);
	expect_log(test, "");
	KUNIT_EXPECT_EQ(test, liveupdate_flb_get_incoming(t->flbs[0], &obj),
			-ENODATA);

	/* Out of memory with the last file: whoever wants it next may have better luck. */
	t->fails = t->flbs[1];
	t->err = -ENOMEM;
	luo_flb_file_finish(t->fh[1]);
	luo_flb_file_finish(t->fh[1]);
	luo_flb_file_finish(t->fh[1]);
	KUNIT_EXPECT_EQ(test, liveupdate_flb_get_incoming(t->flbs[1], &obj),
			-ENOMEM);
	expect_log(test, "r1 r1 ");
	t->fails = NULL;
	KUNIT_EXPECT_EQ(test, liveupdate_flb_get_incoming(t->flbs[1], &obj), 0);
	liveupdate_flb_put_incoming(t->flbs[1]);
	expect_log(test, "r1 d1 ");
	KUNIT_EXPECT_EQ(test, liveupdate_flb_get_incoming(t->flbs[1], &obj),
			-ENODATA);
}

#ifdef CONFIG_MODULES
/* Nothing can be got from a module like this. */
static struct module going = { .state = MODULE_STATE_GOING };

static void module_goes(struct kunit *test)
{
	struct handler_test *t = test->priv;
	struct liveupdate_file_ops going_ops = ops;
	struct liveupdate_flb_ops going_flb_ops = flb_ops;
	struct file file = { };
	void *obj;
	u64 seq;

	/* Of the handler: another one that would take the file is not asked instead. */
	going_ops.owner = &going;
	t->fh[0]->ops = &going_ops;
	mine = &file;
	KUNIT_EXPECT_NULL(test, luo_handler_of_file(&file));
	mine = NULL;
	KUNIT_EXPECT_NULL(test, luo_handler_of_format("kunit-0"));
	t->fh[0]->ops = &ops;

	/* Of an FLB: those before it are undone. */
	for (int i = 0; i < NR_FLBS; i++)
		KUNIT_ASSERT_EQ(test, luo_flb_register(t->fh[0], t->flbs[i]), 0);
	going_flb_ops.owner = &going;
	t->flbs[2]->ops = &going_flb_ops;
	KUNIT_EXPECT_EQ(test, luo_flb_file_preserve(t->fh[0], &seq), -ENODEV);
	expect_log(test, "p0 p1 u1 u0 ");
	t->flbs[2]->ops = &flb_ops;
	KUNIT_EXPECT_EQ(test, luo_flb_file_preserve(t->fh[0], &seq), 0);
	expect_log(test, "p0 p1 p2 ");
	luo_flb_file_unpreserve(t->fh[0], seq);
	expect_log(test, "u2 u1 u0 ");

	/* And incoming: it is there again with its module. */
	fill_table(test);
	KUNIT_EXPECT_EQ(test, luo_flb_read_table(t->table), LUO_ACCEPTED);
	t->flbs[0]->ops = &going_flb_ops;
	KUNIT_EXPECT_EQ(test, liveupdate_flb_get_incoming(t->flbs[0], &obj),
			-ENODEV);
	expect_log(test, "");
	t->flbs[0]->ops = &flb_ops;
	KUNIT_EXPECT_EQ(test, liveupdate_flb_get_incoming(t->flbs[0], &obj), 0);
	liveupdate_flb_put_incoming(t->flbs[0]);
	expect_log(test, "r0 ");
}
#endif

/* An unsound table costs all FLBs, an unsound entry that FLB. */
static void flb_hostile(struct kunit *test)
{
	struct handler_test *t = test->priv;
	struct luo_flb_ser *ser = fill_table(test);
	void *obj;

	t->table->count = LUO_FLB_MAX + 1;
	KUNIT_EXPECT_EQ(test, luo_flb_read_table(t->table), LUO_TABLE_COUNT);
	t->table->count = NR_FLBS;
	t->table->pgcnt = 2;
	KUNIT_EXPECT_EQ(test, luo_flb_read_table(t->table), LUO_TABLE_PAGES);
	t->table->pgcnt = 1;
	KUNIT_EXPECT_EQ(test, liveupdate_flb_get_incoming(t->flbs[2], &obj),
			-ENODATA);

	for (int how = 0; how < 5; how++) {
		ser = fill_table(test);
		switch (how) {
		case 0:
			ser[1].name[0] = '\0';
			break;
		case 1:
			memset(ser[1].name, 'x', sizeof(ser[1].name));
			break;
		case 2:
			ser[1].count = 0;
			break;
		case 3:
			strscpy(ser[1].name, ser[0].name);
			ser[1].data = 0xbad;
			break;
		case 4:
			strscpy(ser[1].name, "\033[2J\n");
			break;
		}
		luo_flb_forget_incoming();
		for (int i = 0; i < NR_FLBS; i++)
			t->flbs[i]->incoming = NULL;
		KUNIT_EXPECT_EQ(test, luo_flb_read_table(t->table), LUO_ACCEPTED);
		KUNIT_EXPECT_EQ(test, liveupdate_flb_get_incoming(t->flbs[0], &obj), 0);
		KUNIT_EXPECT_EQ(test, liveupdate_flb_get_incoming(t->flbs[1], &obj),
				-ENOENT);
		KUNIT_EXPECT_EQ(test, liveupdate_flb_get_incoming(t->flbs[2], &obj), 0);
	}
}

static struct kunit_case luo_handler_cases[] = {
	KUNIT_CASE(registers),
	KUNIT_CASE(refuses_incomplete),
	KUNIT_CASE(refuses_when_off),
	KUNIT_CASE(first_handler_wins),
	KUNIT_CASE(flb_registers),
	KUNIT_CASE(flb_counts),
	KUNIT_CASE(flb_preserve_fails),
	KUNIT_CASE(flb_goes_with_link),
	KUNIT_CASE(flb_freezes),
	KUNIT_CASE(flb_nothing_incoming),
	KUNIT_CASE(flb_finishes),
	KUNIT_CASE(flb_retrieve_fails),
#ifdef CONFIG_MODULES
	KUNIT_CASE(module_goes),
#endif
	KUNIT_CASE(flb_hostile),
	{}
};

static struct kunit_suite luo_handler_suite = {
	.name = "luo_handler",
	.init = handler_test_init,
	.exit = handler_test_exit,
	.test_cases = luo_handler_cases,
};

kunit_test_suite(luo_handler_suite);
