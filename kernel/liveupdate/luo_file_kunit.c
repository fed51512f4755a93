// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the files of a session: errors of each step and that nothing is
 * left of them, order of callbacks, records as they are handed over, and what is
 * believed of records from the previous kernel.
 */
#include <kunit/static_stub.h>
#include <kunit/test-bug.h>
#include <kunit/test.h>
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/liveupdate.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/syscalls.h>

#include "kho_libs.h"
#include "luo_file.h"
#include "luo_internal.h"
#include "luo_records.h"

#define NR_FDS		200
#define PER_BLOCK	KHO_BLOCK_ENTRIES(sizeof(struct luo_file_ser))

/* Which callback fails for which file, with what. */
struct file_test {
	char log[512];
	struct liveupdate_session out, in;
	struct kho_block_header_ser *pages[16];
	unsigned int nr_pages;
	int fds[NR_FDS];
	bool fail_alloc;
	char fail_op;
	long fail_nr;
	int fail_err;
	u64 ask_for;		/* token or number of the file that is needed */
	long ask_from;		/* and which file needs it */
	int answer;
};

static const struct file_operations kunit_fops;

/* Files are known by a number: data that they hand over, and private data. */
static int event(char op, long nr)
{
	struct file_test *t = kunit_get_current_test()->priv;
	size_t len = strlen(t->log);

	snprintf(t->log + len, sizeof(t->log) - len, "%c%ld ", op, nr);
	return op == t->fail_op && nr == t->fail_nr ? t->fail_err : 0;
}

static bool can_preserve(struct liveupdate_file_handler *handler,
			 struct file *file)
{
	return file->f_op == &kunit_fops;
}

/* If file @nr is the one, it asks for the token of another one. */
static void ask_for_token(struct liveupdate_file_op_args *args, long nr)
{
	struct file_test *t = kunit_get_current_test()->priv;
	struct file *file;

	if (t->ask_from != nr)
		return;
	file = fget(t->fds[t->ask_for]);
	t->answer = liveupdate_get_token_outgoing(args->session, file,
						  &t->ask_for);
	fput(file);
}

static int preserve(struct liveupdate_file_op_args *args)
{
	long nr = (long)args->file->private_data;

	ask_for_token(args, nr);
	args->serialized_data = 0x1000 * nr;
	args->private_data = (void *)nr;
	return event('p', nr);
}

static void unpreserve(struct liveupdate_file_op_args *args)
{
	event('u', (long)args->private_data);
}

static int freeze(struct liveupdate_file_op_args *args)
{
	ask_for_token(args, (long)args->private_data);
	args->serialized_data++;
	return event('f', (long)args->private_data);
}

static void unfreeze(struct liveupdate_file_op_args *args)
{
	event('x', (long)args->private_data);
}

/* The same in the new kernel, for the other one itself. */
static void ask_for_file(struct liveupdate_file_op_args *args, long nr)
{
	struct file_test *t = kunit_get_current_test()->priv;
	struct file *file;

	if (t->ask_from != nr)
		return;
	t->answer = liveupdate_get_file_incoming(args->session, t->ask_for,
						 &file);
	if (!t->answer)
		fput(file);
}

static int retrieve(struct liveupdate_file_op_args *args)
{
	struct file_test *t = kunit_get_current_test()->priv;
	long nr = args->serialized_data / 0x1000;
	int err;

	ask_for_file(args, nr);
	err = event('r', nr);
	if (err)
		return err;
	args->file = fget(t->fds[nr]);
	return 0;
}

static bool can_finish(struct liveupdate_file_op_args *args)
{
	ask_for_file(args, args->serialized_data / 0x1000);
	return !event('c', args->serialized_data / 0x1000);
}

static void finish(struct liveupdate_file_op_args *args)
{
	event(args->retrieve_status > 0 ? 'd' :
	      args->retrieve_status ? 'e' : 'w', args->serialized_data / 0x1000);
}

static const struct liveupdate_file_ops ops = {
	.can_preserve = can_preserve,
	.preserve = preserve,
	.unpreserve = unpreserve,
	.freeze = freeze,
	.unfreeze = unfreeze,
	.retrieve = retrieve,
	.can_finish = can_finish,
	.finish = finish,
};

static struct liveupdate_file_handler handler = {
	.ops = &ops,
	.compatible = "kunit-file",
};

static void expect_log(struct kunit *test, const char *want)
{
	struct file_test *t = test->priv;

	KUNIT_EXPECT_STREQ(test, t->log, want);
	t->log[0] = '\0';
}

/* Blocks */

static struct kho_block_header_ser *page_alloc(void)
{
	struct file_test *t = kunit_get_current_test()->priv;
	struct kho_block_header_ser *ser;

	if (t->fail_alloc || t->nr_pages == ARRAY_SIZE(t->pages))
		return ERR_PTR(-ENOMEM);
	ser = (void *)get_zeroed_page(GFP_KERNEL);
	if (!ser)
		return ERR_PTR(-ENOMEM);
	t->pages[t->nr_pages++] = ser;
	return ser;
}

static void page_free(struct kho_block_header_ser *ser, bool incoming)
{
	struct kunit *test = kunit_get_current_test();
	struct file_test *t = test->priv;

	for (unsigned int i = 0; i < t->nr_pages; i++) {
		if (t->pages[i] != ser)
			continue;
		t->pages[i] = t->pages[--t->nr_pages];
		free_page((unsigned long)ser);
		return;
	}
	KUNIT_FAIL(test, "freed what was not allocated");
}

static bool page_valid(u64 phys)
{
	struct file_test *t = kunit_get_current_test()->priv;

	for (unsigned int i = 0; i < t->nr_pages; i++)
		if (virt_to_phys(t->pages[i]) == phys)
			return true;
	return false;
}

static void init_session(struct liveupdate_session *session, const char *name,
			 bool incoming)
{
	strscpy_pad(session->name, name);
	session->incoming = incoming;
	mutex_init(&session->mutex);
	mutex_lock(&session->mutex);
	luo_file_set_init(&session->files, session);
}

static int file_test_init(struct kunit *test)
{
	struct file_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;
	t->ask_from = -1;
	for (int i = 0; i < NR_FDS; i++) {
		t->fds[i] = anon_inode_getfd("[luo_kunit]", &kunit_fops,
					     (void *)(long)i, O_RDWR);
		KUNIT_ASSERT_GE(test, t->fds[i], 0);
	}
	kunit_activate_static_stub(test, kho_block_alloc_page, page_alloc);
	kunit_activate_static_stub(test, kho_block_free_page, page_free);
	kunit_activate_static_stub(test, kho_block_page_valid, page_valid);
	init_session(&t->out, "out", false);
	mutex_unlock(&t->out.mutex);
	init_session(&t->in, "in\n", true);
	mutex_unlock(&t->in.mutex);
	return luo_handler_register(&handler);
}

static void file_test_exit(struct kunit *test)
{
	struct file_test *t = test->priv;

	scoped_guard(mutex, &t->out.mutex) {
		luo_file_unpreserve_all(&t->out.files);
		luo_file_set_destroy(&t->out.files);
	}
	scoped_guard(mutex, &t->in.mutex) {
		t->fail_op = 0;
		KUNIT_EXPECT_EQ(test, luo_file_set_finish(&t->in.files), 0);
		luo_file_set_destroy(&t->in.files);
	}
	luo_handler_unregister(&handler);
	KUNIT_EXPECT_EQ(test, t->nr_pages, 0);
	kunit_deactivate_static_stub(test, kho_block_alloc_page);
	kunit_deactivate_static_stub(test, kho_block_free_page);
	kunit_deactivate_static_stub(test, kho_block_page_valid);
	for (int i = 0; i < NR_FDS; i++)
		close_fd(t->fds[i]);
}

/* Old kernel */

static void preserve_some(struct kunit *test, int nr)
{
	struct file_test *t = test->priv;

	for (int i = 0; i < nr; i++)
		KUNIT_ASSERT_EQ(test, luo_file_preserve(&t->out.files, 100 + i,
							t->fds[i]), 0);
	t->log[0] = '\0';
}

static void preserves(struct kunit *test)
{
	struct file_test *t = test->priv;
	struct luo_file_set *set = &t->out.files;

	guard(mutex)(&t->out.mutex);
	KUNIT_EXPECT_EQ(test, luo_file_preserve(set, 0, t->fds[3]), 0);
	KUNIT_EXPECT_EQ(test, luo_file_preserve(set, ~0ULL, t->fds[1]), 0);
	KUNIT_EXPECT_EQ(test, luo_file_preserve(set, 7, t->fds[2]), 0);
	expect_log(test, "p3 p1 p2 ");
	KUNIT_EXPECT_EQ(test, set->count, 3);
	KUNIT_EXPECT_EQ(test, luo_file_unpreserve(set, 8), -ENOENT);
	KUNIT_EXPECT_EQ(test, luo_file_unpreserve(set, ~0ULL), 0);
	KUNIT_EXPECT_EQ(test, luo_file_unpreserve(set, ~0ULL), -ENOENT);
	expect_log(test, "u1 ");
	KUNIT_EXPECT_EQ(test, luo_file_preserve(set, ~0ULL, t->fds[1]), 0);
	expect_log(test, "p1 ");
	luo_file_unpreserve_all(set);
	expect_log(test, "u1 u2 u3 ");
	KUNIT_EXPECT_EQ(test, set->count, 0);
	KUNIT_EXPECT_EQ(test, t->nr_pages, 0);
}

/* Each error in its order, and nothing is left of it. */
static void preserve_errors(struct kunit *test)
{
	struct file_test *t = test->priv;
	struct luo_file_set *set = &t->out.files;
	int other;

	other = anon_inode_getfd("[luo_other]", &simple_dir_operations, NULL, O_RDWR);
	KUNIT_ASSERT_GE(test, other, 0);

	guard(mutex)(&t->out.mutex);
	preserve_some(test, PER_BLOCK);
	KUNIT_EXPECT_EQ(test, t->nr_pages, 1);

	t->fail_alloc = true;
	KUNIT_EXPECT_EQ(test, luo_file_preserve(set, 100, -1), -EEXIST);
	KUNIT_EXPECT_EQ(test, luo_file_preserve(set, 1, -1), -ENOMEM);
	t->fail_alloc = false;
	set->count = KHO_MAX_BLOCKS * PER_BLOCK;
	KUNIT_EXPECT_EQ(test, luo_file_preserve(set, 100, -1), -EEXIST);
	KUNIT_EXPECT_EQ(test, luo_file_preserve(set, 1, -1), -ENOSPC);
	set->count = PER_BLOCK;
	KUNIT_EXPECT_EQ(test, luo_file_preserve(set, 1, -1), -EBADF);
	KUNIT_EXPECT_EQ(test, luo_file_preserve(set, 1, other), -ENOENT);
	KUNIT_EXPECT_EQ(test, luo_file_preserve(set, 1, t->fds[0]), -EBUSY);
	expect_log(test, "");
	t->fail_op = 'p';
	t->fail_nr = 100;
	t->fail_err = -EFBIG;
	KUNIT_EXPECT_EQ(test, luo_file_preserve(set, 1, t->fds[100]), -EFBIG);
	t->fail_err = 1;
	KUNIT_EXPECT_EQ(test, luo_file_preserve(set, 1, t->fds[100]), -EIO);
	KUNIT_EXPECT_EQ(test, t->nr_pages, 1);
	KUNIT_EXPECT_EQ(test, set->count, PER_BLOCK);
	t->fail_op = 0;
	KUNIT_EXPECT_EQ(test, luo_file_preserve(set, 1, t->fds[100]), 0);
	KUNIT_EXPECT_EQ(test, t->nr_pages, 2);
	KUNIT_EXPECT_EQ(test, luo_file_unpreserve(set, 100), 0);
	KUNIT_EXPECT_EQ(test, t->nr_pages, 1);
	close_fd(other);
}

static const struct luo_file_ser *nth_record(struct luo_file_set *set, int nr)
{
	const struct luo_file_ser *ser;
	struct kho_block_set_it it;

	kho_block_set_it_init(&it, &set->blocks);
	do {
		ser = kho_block_set_it_read_entry(&it);
	} while (ser && nr--);
	return ser;
}

static void freezes(struct kunit *test)
{
	struct file_test *t = test->priv;
	struct luo_file_set *set = &t->out.files;
	struct luo_file_set_ser ser = { };
	const struct luo_file_ser *record;

	guard(mutex)(&t->out.mutex);
	KUNIT_EXPECT_EQ(test, luo_file_set_freeze(set, &ser), 0);
	KUNIT_EXPECT_EQ(test, ser.files, 0);
	KUNIT_EXPECT_EQ(test, ser.count, 0);

	preserve_some(test, PER_BLOCK + 1);
	KUNIT_EXPECT_EQ(test, luo_file_set_freeze(set, &ser), 0);
	KUNIT_EXPECT_EQ(test, ser.files, set->blocks.head_pa);
	KUNIT_EXPECT_EQ(test, ser.count, PER_BLOCK + 1);
	for (int i = 0; i < PER_BLOCK + 1; i++) {
		record = nth_record(set, i);
		KUNIT_ASSERT_NOT_NULL(test, record);
		KUNIT_EXPECT_STREQ(test, record->compatible, "kunit-file");
		KUNIT_EXPECT_EQ(test, record->data, 0x1000 * i + 1);
		KUNIT_EXPECT_EQ(test, record->token, 100 + i);
	}
	KUNIT_EXPECT_NULL(test, nth_record(set, PER_BLOCK + 1));

	luo_file_set_unfreeze(set, &ser);
	KUNIT_EXPECT_EQ(test, ser.files, 0);
	KUNIT_EXPECT_EQ(test, ser.count, 0);
	KUNIT_EXPECT_NULL(test, nth_record(set, 0));
}

/* For each file: it fails, all is rolled back, the second attempt works. */
static void freeze_fails(struct kunit *test)
{
	static const char * const logs[] = {
		"f0 ", "f0 f1 x0 ", "f0 f1 f2 x1 x0 ", "f0 f1 f2 f3 x2 x1 x0 ",
	};
	struct file_test *t = test->priv;
	struct luo_file_set *set = &t->out.files;
	struct luo_file_set_ser ser = { };

	guard(mutex)(&t->out.mutex);
	preserve_some(test, ARRAY_SIZE(logs));
	for (int i = 0; i < 2 * ARRAY_SIZE(logs); i++) {
		t->fail_op = 'f';
		t->fail_nr = i / 2;
		t->fail_err = i % 2 ? -EBUSY : 1;
		KUNIT_EXPECT_EQ(test, luo_file_set_freeze(set, &ser),
				i % 2 ? -EBUSY : -EIO);
		expect_log(test, logs[i / 2]);
		KUNIT_EXPECT_EQ(test, ser.files, 0);
		KUNIT_EXPECT_EQ(test, ser.count, 0);
		KUNIT_EXPECT_NULL(test, nth_record(set, 0));

		t->fail_op = 0;
		KUNIT_EXPECT_EQ(test, luo_file_set_freeze(set, &ser), 0);
		expect_log(test, "f0 f1 f2 f3 ");
		KUNIT_EXPECT_EQ(test, ser.count, ARRAY_SIZE(logs));
		luo_file_set_unfreeze(set, &ser);
		expect_log(test, "x3 x2 x1 x0 ");
	}
}

static void lists(struct kunit *test)
{
	struct liveupdate_file_info info[8];
	struct file_test *t = test->priv;
	struct luo_file_set *set = &t->out.files;
	u64 cookie = 0, other;
	unsigned int n, nr = 0;

	guard(mutex)(&t->out.mutex);
	KUNIT_EXPECT_EQ(test, luo_file_set_list(set, &cookie, info, 8), 0);
	KUNIT_EXPECT_EQ(test, cookie, 0);
	preserve_some(test, 100);
	while ((n = luo_file_set_list(set, &cookie, info, 1 + nr % 8))) {
		for (unsigned int i = 0; i < n; i++, nr++) {
			KUNIT_EXPECT_EQ(test, info[i].token, 100 + nr);
			KUNIT_EXPECT_STREQ(test, (char *)info[i].format, "kunit-file");
			KUNIT_EXPECT_EQ(test, info[i].status, 0);
			KUNIT_EXPECT_EQ(test, info[i].flags, 0);
		}
		/* Somebody else comes across. */
		other = 0;
		if (nr % 3)
			luo_file_set_list(set, &other, &info[0], 1);
	}
	KUNIT_EXPECT_EQ(test, nr, 100);

	/* Files go, among them the one where the list is. */
	cookie = 0;
	KUNIT_EXPECT_EQ(test, luo_file_set_list(set, &cookie, info, 8), 8);
	for (u64 token = 105; token < 110; token++)
		KUNIT_EXPECT_EQ(test, luo_file_unpreserve(set, token), 0);
	KUNIT_EXPECT_EQ(test, luo_file_set_list(set, &cookie, info, 1), 1);
	KUNIT_EXPECT_EQ(test, info[0].token, 110);
	cookie = ~0ULL;
	KUNIT_EXPECT_EQ(test, luo_file_set_list(set, &cookie, info, 1), 0);
}

static void depends(struct kunit *test)
{
	struct file_test *t = test->priv;
	struct luo_file_set *set = &t->out.files;

	guard(mutex)(&t->out.mutex);
	preserve_some(test, 2);

	t->ask_from = 2;
	t->ask_for = 1;
	KUNIT_EXPECT_EQ(test, luo_file_preserve(set, 7, t->fds[2]), 0);
	KUNIT_EXPECT_EQ(test, t->answer, 0);
	KUNIT_EXPECT_EQ(test, t->ask_for, 101);
	KUNIT_EXPECT_EQ(test, luo_file_unpreserve(set, 101), -EBUSY);
	KUNIT_EXPECT_EQ(test, luo_file_unpreserve(set, 7), 0);
	KUNIT_EXPECT_EQ(test, luo_file_unpreserve(set, 101), 0);

	/* Not there (any more), and itself. */
	t->ask_for = 1;
	KUNIT_EXPECT_EQ(test, luo_file_preserve(set, 7, t->fds[2]), 0);
	KUNIT_EXPECT_EQ(test, t->answer, -ENOENT);
	KUNIT_EXPECT_EQ(test, luo_file_unpreserve(set, 7), 0);
	t->ask_for = 2;
	KUNIT_EXPECT_EQ(test, luo_file_preserve(set, 7, t->fds[2]), 0);
	KUNIT_EXPECT_EQ(test, t->answer, -ENOENT);
	KUNIT_EXPECT_EQ(test, luo_file_unpreserve(set, 7), 0);

	/* A file that is not preserved after all does not depend on anything. */
	t->ask_for = 0;
	t->fail_op = 'p';
	t->fail_nr = 2;
	t->fail_err = -ENOMEM;
	KUNIT_EXPECT_EQ(test, luo_file_preserve(set, 7, t->fds[2]), -ENOMEM);
	KUNIT_EXPECT_EQ(test, t->answer, 0);
	KUNIT_EXPECT_EQ(test, luo_file_unpreserve(set, 100), 0);
}

/* While files freeze, tokens of older ones can be had, and nothing depends on them. */
static void asks_in_freeze(struct kunit *test)
{
	struct file_test *t = test->priv;
	struct luo_file_set *set = &t->out.files;
	struct luo_file_set_ser ser = { };

	guard(mutex)(&t->out.mutex);
	preserve_some(test, 3);
	t->ask_from = 1;
	t->ask_for = 0;
	KUNIT_EXPECT_EQ(test, luo_file_set_freeze(set, &ser), 0);
	KUNIT_EXPECT_EQ(test, t->answer, 0);
	KUNIT_EXPECT_EQ(test, t->ask_for, 100);
	luo_file_set_unfreeze(set, &ser);

	/* A newer one is dropped first when all are. */
	t->ask_for = 2;
	KUNIT_EXPECT_EQ(test, luo_file_set_freeze(set, &ser), 0);
	KUNIT_EXPECT_EQ(test, t->answer, -ENOENT);
	luo_file_set_unfreeze(set, &ser);

	t->ask_from = -1;
	KUNIT_EXPECT_EQ(test, luo_file_unpreserve(set, 100), 0);
	KUNIT_EXPECT_EQ(test, luo_file_unpreserve(set, 102), 0);
}

/* New kernel */

/* The set as an old kernel leaves it: files 0 ... @nr - 1 with tokens 100 and up. */
static struct luo_file_ser *fill_in(struct kunit *test,
				    struct luo_file_set_ser *ser, int nr)
{
	struct kho_block_header_ser *page = page_alloc();
	struct luo_file_ser *record = (void *)(page + 1);

	KUNIT_ASSERT_FALSE(test, IS_ERR(page));
	page->count = nr;
	for (int i = 0; i < nr; i++) {
		record[i] = (struct luo_file_ser) {
			.compatible = "kunit-file",
			.data = 0x1000 * i,
			.token = 100 + i,
		};
	}
	ser->files = virt_to_phys(page);
	ser->count = nr;
	return record;
}

static int get(struct kunit *test, u64 token, struct file **filep)
{
	struct file_test *t = test->priv;
	struct file *file;
	int err;

	err = luo_file_retrieve(&t->in.files, token, &file);
	if (err)
		return err;
	if (filep)
		*filep = file;
	fput(file);
	return 0;
}

/* With the incoming session locked: never both at the same time. */
static int preserve_meanwhile(struct file_test *t, u64 token, int fd)
{
	int err;

	mutex_unlock(&t->in.mutex);
	scoped_guard(mutex, &t->out.mutex)
		err = luo_file_preserve(&t->out.files, token, fd);
	mutex_lock(&t->in.mutex);
	return err;
}

static void retrieves(struct kunit *test)
{
	struct file_test *t = test->priv;
	struct luo_file_set *set = &t->in.files;
	struct liveupdate_file_info info[4];
	struct luo_file_set_ser ser = { };
	struct file *file, *again;
	u64 cookie = 0;

	guard(mutex)(&t->in.mutex);
	KUNIT_EXPECT_EQ(test, luo_file_set_deserialize(set, &ser), 0);
	KUNIT_EXPECT_EQ(test, luo_file_set_finish(set), 0);

	fill_in(test, &ser, 3);
	KUNIT_EXPECT_EQ(test, luo_file_set_deserialize(set, &ser), 0);
	KUNIT_EXPECT_FALSE(test, set->damaged);
	KUNIT_EXPECT_EQ(test, set->count, 3);
	KUNIT_EXPECT_EQ(test, t->nr_pages, 0);
	KUNIT_EXPECT_EQ(test, get(test, 99, NULL), -ENOENT);
	KUNIT_EXPECT_EQ(test, get(test, 102, &file), 0);
	KUNIT_EXPECT_EQ(test, get(test, 102, &again), 0);
	KUNIT_EXPECT_PTR_EQ(test, file, again);
	expect_log(test, "r2 ");
	KUNIT_EXPECT_EQ(test, luo_file_set_list(set, &cookie, info, 4), 3);
	KUNIT_EXPECT_EQ(test, info[1].flags, 0);
	KUNIT_EXPECT_EQ(test, info[2].flags, LIVEUPDATE_FILE_INFO_RETRIEVED);

	/* Until it is finished it cannot be preserved. */
	KUNIT_EXPECT_EQ(test, preserve_meanwhile(t, 1, t->fds[2]), -EBUSY);
	t->fail_op = 'c';
	t->fail_nr = 1;
	t->fail_err = 1;
	KUNIT_EXPECT_EQ(test, luo_file_set_finish(set), -EBUSY);
	expect_log(test, "c0 c1 ");
	KUNIT_EXPECT_EQ(test, set->count, 3);
	t->fail_op = 0;
	KUNIT_EXPECT_EQ(test, luo_file_set_finish(set), 0);
	expect_log(test, "c0 c1 c2 d2 w1 w0 ");
	KUNIT_EXPECT_EQ(test, set->count, 0);
	KUNIT_EXPECT_EQ(test, get(test, 102, NULL), -ENOENT);
	KUNIT_EXPECT_EQ(test, luo_file_set_finish(set), 0);
	KUNIT_EXPECT_EQ(test, preserve_meanwhile(t, 1, t->fds[2]), 0);
}

static void retrieve_fails(struct kunit *test)
{
	static const int transient[] = {
		-ENOMEM, -ENOSPC, -EINTR, -ERESTARTSYS, -EAGAIN, -ENFILE,
		-EACCES, -EPERM,
	};
	struct file_test *t = test->priv;
	struct luo_file_set *set = &t->in.files;
	struct luo_file_set_ser ser;

	guard(mutex)(&t->in.mutex);
	fill_in(test, &ser, 2);
	KUNIT_EXPECT_EQ(test, luo_file_set_deserialize(set, &ser), 0);

	t->fail_op = 'r';
	t->fail_nr = 0;
	for (int i = 0; i < ARRAY_SIZE(transient); i++) {
		t->fail_err = transient[i];
		KUNIT_EXPECT_EQ(test, get(test, 100, NULL), transient[i]);
		expect_log(test, "r0 ");
	}
	t->fail_err = -EINVAL;
	KUNIT_EXPECT_EQ(test, get(test, 100, NULL), -EINVAL);
	expect_log(test, "r0 ");
	t->fail_op = 0;
	KUNIT_EXPECT_EQ(test, get(test, 100, NULL), -EINVAL);
	expect_log(test, "");
	KUNIT_EXPECT_EQ(test, get(test, 101, NULL), 0);
	KUNIT_EXPECT_EQ(test, luo_file_set_finish(set), 0);
	expect_log(test, "r1 c0 c1 d1 e0 ");
}

static void needs_others(struct kunit *test)
{
	struct file_test *t = test->priv;
	struct luo_file_set *set = &t->in.files;
	struct luo_file_set_ser ser;

	guard(mutex)(&t->in.mutex);
	fill_in(test, &ser, 3);
	KUNIT_EXPECT_EQ(test, luo_file_set_deserialize(set, &ser), 0);

	t->ask_from = 0;
	t->ask_for = 102;
	KUNIT_EXPECT_EQ(test, get(test, 100, NULL), 0);
	KUNIT_EXPECT_EQ(test, t->answer, 0);
	expect_log(test, "r2 r0 ");
	/* Itself; and one that is not there. */
	t->ask_from = 1;
	t->ask_for = 101;
	KUNIT_EXPECT_EQ(test, get(test, 101, NULL), 0);
	KUNIT_EXPECT_EQ(test, t->answer, -ELOOP);
	KUNIT_EXPECT_EQ(test, luo_file_set_finish(set), 0);
}

/* Whether files can be finished is asked without changing any of them. */
static void needs_others_to_finish(struct kunit *test)
{
	struct file_test *t = test->priv;
	struct luo_file_set *set = &t->in.files;
	struct luo_file_set_ser ser;

	guard(mutex)(&t->in.mutex);
	fill_in(test, &ser, 3);
	KUNIT_EXPECT_EQ(test, luo_file_set_deserialize(set, &ser), 0);
	KUNIT_EXPECT_EQ(test, get(test, 102, NULL), 0);
	expect_log(test, "r2 ");

	t->ask_from = 0;
	t->ask_for = 102;
	t->fail_op = 'c';
	t->fail_nr = 2;
	t->fail_err = 1;
	KUNIT_EXPECT_EQ(test, luo_file_set_finish(set), -EBUSY);
	KUNIT_EXPECT_EQ(test, t->answer, 0);
	t->ask_for = 101;
	KUNIT_EXPECT_EQ(test, luo_file_set_finish(set), -EBUSY);
	KUNIT_EXPECT_EQ(test, t->answer, -ENOENT);
	expect_log(test, "c0 c1 c2 c0 c1 c2 ");

	/* It can be had again after the refusal. */
	KUNIT_EXPECT_EQ(test, get(test, 101, NULL), 0);
	t->fail_op = 0;
	KUNIT_EXPECT_EQ(test, luo_file_set_finish(set), 0);
	expect_log(test, "r1 c0 c1 c2 d2 d1 w0 ");
}

/* A handler that comes late, or never. */
static void waits_for_handler(struct kunit *test)
{
	struct file_test *t = test->priv;
	struct luo_file_set *set = &t->in.files;
	struct liveupdate_file_info info[4];
	struct luo_file_ser *record;
	struct luo_file_set_ser ser;
	u64 cookie = 0;

	guard(mutex)(&t->in.mutex);
	record = fill_in(test, &ser, 3);
	strscpy(record[1].compatible, "kunit-\nunknown");
	luo_handler_unregister(&handler);
	KUNIT_EXPECT_EQ(test, luo_file_set_deserialize(set, &ser), 0);
	KUNIT_EXPECT_FALSE(test, set->damaged);
	KUNIT_EXPECT_EQ(test, get(test, 100, NULL), -ENOENT);
	KUNIT_EXPECT_EQ(test, luo_handler_register(&handler), 0);
	KUNIT_EXPECT_EQ(test, get(test, 100, NULL), 0);
	KUNIT_EXPECT_EQ(test, get(test, 101, NULL), -ENOENT);
	expect_log(test, "r0 ");
	KUNIT_EXPECT_EQ(test, luo_file_set_list(set, &cookie, info, 4), 3);
	KUNIT_EXPECT_EQ(test, info[0].flags, LIVEUPDATE_FILE_INFO_RETRIEVED);
	KUNIT_EXPECT_EQ(test, info[1].flags, LIVEUPDATE_FILE_INFO_NO_HANDLER);
	KUNIT_EXPECT_STREQ(test, (char *)info[1].format, "kunit-\nunknown");
	KUNIT_EXPECT_EQ(test, luo_file_set_finish(set), 0);
	expect_log(test, "c0 c2 w2 d0 ");
	KUNIT_EXPECT_EQ(test, set->count, 0);
}

/* A bad record costs that record. */
static void hostile_record(struct kunit *test)
{
	struct file_test *t = test->priv;
	struct luo_file_set *set = &t->in.files;
	struct luo_file_set_ser ser;
	struct luo_file_ser *record;

	guard(mutex)(&t->in.mutex);
	for (int how = 0; how < 3; how++) {
		record = fill_in(test, &ser, 3);
		switch (how) {
		case 0:
			record[1].compatible[0] = '\0';
			break;
		case 1:
			memset(record[1].compatible, '\033',
			       sizeof(record[1].compatible));
			break;
		case 2:
			record[1].token = 100;
			break;
		}
		KUNIT_EXPECT_EQ(test, luo_file_set_deserialize(set, &ser), 0);
		KUNIT_EXPECT_TRUE(test, set->damaged);
		KUNIT_EXPECT_EQ(test, set->count, 2);
		KUNIT_EXPECT_EQ(test, get(test, 100, NULL), 0);
		KUNIT_EXPECT_EQ(test, get(test, 101, NULL), -ENOENT);
		KUNIT_EXPECT_EQ(test, get(test, 102, NULL), 0);
		expect_log(test, "r0 r2 ");
		KUNIT_EXPECT_EQ(test, luo_file_set_finish(set), 0);
		expect_log(test, "c0 c2 d2 d0 ");
		KUNIT_EXPECT_EQ(test, t->nr_pages, 0);
		set->damaged = false;
	}
}

/* Whatever is wrong with the set as a whole, what can be read is. */
static void hostile_set(struct kunit *test)
{
	struct file_test *t = test->priv;
	struct luo_file_set *set = &t->in.files;
	struct luo_file_set_ser ser, good;
	struct kho_block_header_ser *page;

	guard(mutex)(&t->in.mutex);
	for (int how = 0; how < 9; how++) {
		bool readable = how < 3;

		fill_in(test, &ser, 2);
		good = ser;
		page = phys_to_virt(ser.files);
		switch (how) {
		case 0:
			ser.count = 0;
			break;
		case 1:
			ser.count = 3;
			break;
		case 2:
			ser.count = ~0ULL;
			break;
		case 3:
			ser.files = 0;
			break;
		case 4:
			ser.files += 8;
			break;
		case 5:
			ser.files = BIT_ULL(45);
			break;
		case 6:
			page->next = ser.files;
			break;
		case 7:
			page->count = PER_BLOCK + 1;
			break;
		case 8:
			page->next = ~0ULL;
			break;
		}
		KUNIT_EXPECT_EQ(test, luo_file_set_deserialize(set, &ser), 0);
		KUNIT_EXPECT_TRUE(test, set->damaged);
		KUNIT_EXPECT_EQ(test, set->count, readable ? 2 : 0);
		KUNIT_EXPECT_EQ(test, t->nr_pages, !readable);
		KUNIT_EXPECT_EQ(test, luo_file_set_finish(set), 0);
		if (!readable)
			page_free(phys_to_virt(good.files), true);
		set->damaged = false;
	}
}

/* Two sets cannot have the same blocks. */
static void hostile_alias(struct kunit *test)
{
	struct liveupdate_session *twin;
	struct file_test *t = test->priv;
	struct luo_file_set_ser ser;

	twin = kunit_kzalloc(test, sizeof(*twin), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, twin);
	init_session(twin, "twin", true);
	fill_in(test, &ser, 2);
	KUNIT_EXPECT_EQ(test, luo_file_set_deserialize(&twin->files, &ser), 0);
	KUNIT_EXPECT_FALSE(test, twin->files.damaged);
	mutex_unlock(&twin->mutex);

	scoped_guard(mutex, &t->in.mutex) {
		KUNIT_EXPECT_EQ(test, luo_file_set_deserialize(&t->in.files, &ser), 0);
		KUNIT_EXPECT_TRUE(test, t->in.files.damaged);
		KUNIT_EXPECT_EQ(test, t->in.files.count, 0);
	}
	scoped_guard(mutex, &twin->mutex)
		KUNIT_EXPECT_EQ(test, luo_file_set_finish(&twin->files), 0);
}

static struct kunit_case luo_file_cases[] = {
	KUNIT_CASE(preserves),
	KUNIT_CASE(preserve_errors),
	KUNIT_CASE(freezes),
	KUNIT_CASE(freeze_fails),
	KUNIT_CASE(lists),
	KUNIT_CASE(depends),
	KUNIT_CASE(asks_in_freeze),
	KUNIT_CASE(retrieves),
	KUNIT_CASE(retrieve_fails),
	KUNIT_CASE(needs_others),
	KUNIT_CASE(needs_others_to_finish),
	KUNIT_CASE(waits_for_handler),
	KUNIT_CASE(hostile_record),
	KUNIT_CASE(hostile_set),
	KUNIT_CASE(hostile_alias),
	{}
};

static struct kunit_suite luo_file_suite = {
	.name = "luo_file",
	.init = file_test_init,
	.exit = file_test_exit,
	.test_cases = luo_file_cases,
};

kunit_test_suite(luo_file_suite);
