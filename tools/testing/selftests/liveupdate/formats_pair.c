// SPDX-License-Identifier: GPL-2.0
/*
 * formats_pair: updates between kernels whose formats differ: one has another string,
 * one an optional feature, one a required one. What the next kernel reads goes over;
 * what it does not read is refused before the jump, and is still there.
 */
#include "formats_common.h"
#include "luo_common.h"

#define IMAGE	"/boot/bzImage"
#define FORMAT	"luo-exercise-v1"
#define PROD	"mem=768M flavour=prod " LUO_ON
#define BOTH	"mem=1G " LUO_ON

enum { PLAIN, BUMPED, OPTIONAL, REQUIRED };

/* An image of a kernel of that variant; its command line has to say so, too. */
static const char *variant(int which)
{
	static const char * const paths[] = {
		IMAGE, "/tmp/bumped", "/tmp/optional", "/tmp/required",
	};
	struct formats_image image = formats_read(IMAGE);

	if (which == BUMPED)
		formats_rename(&image, FORMAT, "luo-exercise-v2");
	else if (which == OPTIONAL)
		formats_find(&image, FORMAT)->optional = 1;
	else if (which == REQUIRED)
		formats_find(&image, FORMAT)->required = 1;
	if (which != PLAIN)
		formats_write(&image, paths[which]);
	free(image.data);
	return paths[which];
}

/* The next kernel is to be of that variant. */
static void next(struct lu_run *run, int which)
{
	snprintf(run->image, sizeof(run->image), "%s", variant(which));
	snprintf(run->append, sizeof(run->append), "luo_exercise.variant=%d", which);
}

static int try_load(int which)
{
	char line[4096];

	snprintf(line, sizeof(line), "%s luo_exercise.variant=%d", lu_cmdline(), which);
	return lu_kexec_load(variant(which), line, 0);
}

static int make(int dev, const char *name, uint64_t value)
{
	int session = luo_create(dev, name), file = luo_ex_new(value);

	LU_EQ(pwrite(file, name, 4, 0), 4);
	luo_preserve(session, file, value);
	return session;
}

static void take(int dev, const char *name, uint64_t value)
{
	int session = luo_retrieve(dev, name), file = luo_take(session, value);
	char text[4];

	LU_EQ(luo_ex_value(file), value);
	LU_EQ(pread(file, text, 4, 0), 4);
	LU_CHECK(!memcmp(text, name, 4), "file %d has lost its contents", (int)value);
	luo_finish(session);
	luo_close(session);
}

static void bump_before(struct lu_run *run)
{
	int dev = luo_open(), session = make(dev, "file", 1), other;

	other = luo_create(dev, "memory");
	luo_preserve(other, luo_memfd("m", 0, 65536, 3), 3);
	LU_EQ(try_load(BUMPED), -EPROTONOSUPPORT);
	LU_EQ(formats_refused("file", 1, "does not read format " FORMAT), 1);
	/* It is alive; dropped on purpose, the rest goes. */
	LU_EQ(luo_try_preserve(session, -1, 1), -EEXIST);
	luo_close(session);
	next(run, BUMPED);
}

static void bump_after(struct lu_run *run)
{
	int dev = luo_open(), session = luo_retrieve(dev, "memory");

	luo_verify(luo_take(session, 3), 0, 65536, 3);
	luo_finish(session);
	luo_close(session);
	LU_EQ(luo_try_retrieve(dev, "file"), -ENOENT);
	LU_CHECK(strstr(lu_read(LUO_SYSFS "handlers"), "luo-exercise-v2\n"),
		 "it is the old kernel");
	/* And back: what this one writes the old one cannot read. */
	session = make(dev, "file", 2);
	LU_EQ(try_load(PLAIN), -EPROTONOSUPPORT);
	LU_EQ(luo_log_count("does not read format luo-exercise-v2", NULL, 0), 1);
	/* Its own kind can. */
	next(run, BUMPED);
}

static void bump_again(struct lu_run *run)
{
	take(luo_open(), "file", 2);
	(void)run;
}

LU_TEST(bumped, PROD, bump_before, bump_after, bump_again);

static void optional_before(struct lu_run *run)
{
	make(luo_open(), "opt1", 1);
	next(run, OPTIONAL);
}

static void optional_after(struct lu_run *run)
{
	int dev = luo_open();

	take(dev, "opt1", 1);
	make(dev, "opt2", 2);
	next(run, PLAIN);
}

static void optional_back(struct lu_run *run)
{
	take(luo_open(), "opt2", 2);
	LU_EQ(luo_log_count("cannot go over", NULL, 0), 0);
	(void)run;
}

LU_TEST(optional_feature, PROD, optional_before, optional_after, optional_back);

static void required_before(struct lu_run *run)
{
	make(luo_open(), "req1", 1);
	next(run, REQUIRED);
}

static void required_after(struct lu_run *run)
{
	int dev = luo_open(), session;

	/* Data without the feature can be read. */
	take(dev, "req1", 1);
	session = make(dev, "req2", 2);
	LU_EQ(try_load(PLAIN), -EPROTONOSUPPORT);
	LU_EQ(formats_refused("req2", 2, "lacks the features 0x1 of format " FORMAT), 1);
	luo_close(dev);
	LU_EQ(formats_luctl_check(IMAGE, FORMAT ", but not all features 0x1 that are in use"), 4);
	dev = luo_open();
	/* The same, the other way round: nothing is left of what was refused. */
	luo_close(session);
	LU_EQ(try_load(PLAIN), 0);
	session = luo_create(dev, "req2");
	luo_ex("clear");
	LU_EQ(luo_try_preserve(session, luo_ex_new(3), 3), -EPROTONOSUPPORT);
	luo_ex_expect("flb_preserve,preserve 3,unpreserve 3,flb_unpreserve,");
	luo_close(session);
	LU_EQ(try_load(REQUIRED), 0);
	make(dev, "req2", 2);
	next(run, REQUIRED);
}

static void required_again(struct lu_run *run)
{
	take(luo_open(), "req2", 2);
	(void)run;
}

LU_TEST(required_feature, BOTH "flavour=prod+debug " FORMATS_LUCTL, required_before, required_after,
	required_again);

LU_MAIN
