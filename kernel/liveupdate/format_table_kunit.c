// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of tables of handover formats: where they are found in an image, what is
 * believed of them, and what they say. Also built on the host, see
 * tools/testing/selftests/liveupdate/host.
 */
#include <kunit/test.h>
#include <linux/array_size.h>
#include <linux/string.h>

#include "format_table.h"

#define ENTRIES		3
#define CODE		1024	/* one sector of setup */
#define INFO		(CODE + 32)
#define TABLE		(INFO + 16 + 8)

/* As compiled: what is in images of kernels with it. */
struct table {
	struct liveupdate_formats_head head;
	struct liveupdate_format entry[ENTRIES];
};

static const struct table sound = {
	.head = {
		.magic = LIVEUPDATE_FORMATS_MAGIC,
		.size = sizeof(struct table),
		.head_size = sizeof(struct liveupdate_formats_head),
		.entry_size = sizeof(struct liveupdate_format),
		.flags = LIVEUPDATE_FORMATS_KHO_ON,
	},
	.entry = {
		{ "one-v1", LIVEUPDATE_FORMAT_FILE, LIVEUPDATE_FORMAT_READ, 0x1 },
		{ "one-v1", LIVEUPDATE_FORMAT_FILE, LIVEUPDATE_FORMAT_READ, 0x6 },
		{ "old-v1", LIVEUPDATE_FORMAT_FLB, LIVEUPDATE_FORMAT_WRITE },
	},
};

static const char *check(const struct table *table, size_t size)
{
	struct format_table found;

	return format_table_check(table, size, &found);
}

static void accepts(struct kunit *test)
{
	struct format_table table;

	KUNIT_EXPECT_NULL(test, format_table_check(&sound, sizeof(sound), &table));
	KUNIT_EXPECT_EQ(test, table.nr, ENTRIES);
	KUNIT_EXPECT_EQ(test, table.flags, LIVEUPDATE_FORMATS_KHO_ON);
	KUNIT_EXPECT_PTR_EQ(test, table.data, (const void *)&sound);
	/* What comes behind it is not its business. */
	KUNIT_EXPECT_NULL(test, format_table_check(&sound, sizeof(sound) + 1, &table));
}

static void rejects(struct kunit *test)
{
	struct table bad;

	for (size_t size = 0; size < sizeof(sound); size++)
		KUNIT_EXPECT_NOT_NULL(test, check(&sound, size));

#define REJECTS(field, value) do {					\
	bad = sound;							\
	bad.field = (value);						\
	KUNIT_EXPECT_NOT_NULL(test, check(&bad, sizeof(bad)));		\
} while (0)
	REJECTS(head.magic[15], 'x');
	REJECTS(head.size, 0);
	REJECTS(head.size, sizeof(bad.head) - 1);
	REJECTS(head.size, sizeof(bad) - 1);
	REJECTS(head.size, sizeof(bad) + 1);
	REJECTS(head.size, ~0U);
	REJECTS(head.head_size, sizeof(bad.head) - 1);
	REJECTS(head.head_size, sizeof(bad) + 1);
	REJECTS(head.head_size, ~0U);
	REJECTS(head.entry_size, 0);
	REJECTS(head.entry_size, sizeof(bad.entry[0]) - 1);
	REJECTS(head.entry_size, sizeof(bad.entry[0]) + 1);
	REJECTS(head.entry_size, ~0U);
	REJECTS(entry[1].name[0], '\0');
	REJECTS(entry[1].name[1], '\n');
	REJECTS(entry[1].name[1], ' ');
	REJECTS(entry[1].name[1], '\x7f');
	REJECTS(entry[1].name[1], '\x80');

	bad = sound;
	memset(bad.entry[2].name, 'x', sizeof(bad.entry[2].name));
	KUNIT_EXPECT_NOT_NULL(test, check(&bad, sizeof(bad)));
	bad.entry[2].name[sizeof(bad.entry[2].name) - 1] = '\0';
	KUNIT_EXPECT_NULL(test, check(&bad, sizeof(bad)));

	/* None at all is none. */
	bad = sound;
	bad.head.size = sizeof(bad.head);
	KUNIT_EXPECT_NULL(test, check(&bad, sizeof(bad)));
}

/* A later version: head and entries are longer. */
static void grows(struct kunit *test)
{
	struct {
		struct liveupdate_formats_head head;
		u64 more;
		struct {
			struct liveupdate_format format;
			u64 more;
		} entry[2];
	} later = {
		.head = sound.head,
		.more = ~0ULL,
		.entry = {
			{ sound.entry[2], ~0ULL },
			{ sound.entry[0], ~0ULL },
		},
	};
	struct liveupdate_format format;
	struct format_table table;
	u64 lacking;

	later.head.size = sizeof(later);
	later.head.head_size = offsetof(typeof(later), entry);
	later.head.entry_size = sizeof(later.entry[0]);
	KUNIT_ASSERT_TRUE(test, !format_table_check(&later, sizeof(later), &table));
	KUNIT_EXPECT_EQ(test, table.nr, 2);
	format_table_entry(&table, 1, &format);
	KUNIT_EXPECT_STREQ(test, format.name, "one-v1");
	KUNIT_EXPECT_EQ(test, format_table_reads(&table, LIVEUPDATE_FORMAT_FILE,
						 "one-v1", 1, &lacking), FORMAT_READ);
}

static void reads(struct kunit *test)
{
	static const struct {
		enum liveupdate_format_kind kind;
		const char *name;
		u64 required;
		enum format_verdict verdict;
		u64 lacking;
	} cases[] = {
		{ LIVEUPDATE_FORMAT_FILE, "one-v1", 0, FORMAT_READ },
		{ LIVEUPDATE_FORMAT_FILE, "one-v1", 1, FORMAT_READ },
		{ LIVEUPDATE_FORMAT_FILE, "one-v1", 6, FORMAT_READ },
		/* Two readers do not make one that knows both. */
		{ LIVEUPDATE_FORMAT_FILE, "one-v1", 7, FORMAT_FEATURES, 1 },
		{ LIVEUPDATE_FORMAT_FILE, "one-v1", 9, FORMAT_FEATURES, 8 },
		{ LIVEUPDATE_FORMAT_FILE, "one-v1", 1ULL << 63, FORMAT_FEATURES,
		  1ULL << 63 },
		/* Of another kind, of another name, written only. */
		{ LIVEUPDATE_FORMAT_FLB, "one-v1", 0, FORMAT_UNKNOWN },
		{ LIVEUPDATE_FORMAT_FILE, "one-v", 0, FORMAT_UNKNOWN },
		{ LIVEUPDATE_FORMAT_FILE, "one-v11", 0, FORMAT_UNKNOWN },
		{ LIVEUPDATE_FORMAT_FILE, "", 0, FORMAT_UNKNOWN },
		{ LIVEUPDATE_FORMAT_FLB, "old-v1", 0, FORMAT_UNKNOWN },
	};
	struct format_table table;
	u64 lacking;

	KUNIT_ASSERT_TRUE(test, !format_table_check(&sound, sizeof(sound), &table));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		lacking = 0;
		KUNIT_EXPECT_EQ(test, format_table_reads(&table, cases[i].kind,
							 cases[i].name,
							 cases[i].required, &lacking),
				cases[i].verdict);
		KUNIT_EXPECT_EQ(test, lacking, cases[i].lacking);
	}
}

static void put(u8 *at, u32 value, size_t width)
{
	for (size_t i = 0; i < width; i++)
		at[i] = value >> 8 * i;
}

/* The least that a bzImage has to have. */
static u8 *bzimage(struct kunit *test, size_t *size)
{
	u8 *image;

	*size = TABLE + sizeof(sound);
	image = kunit_kzalloc(test, *size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, image);
	image[0x1f1] = 1;
	memcpy(image + 0x202, "HdrS", 4);
	put(image + 0x206, 0x20f, 2);
	put(image + 0x268, INFO - CODE, 4);
	memcpy(image + INFO, "LToP", 4);
	put(image + INFO + 4, 16, 4);
	put(image + INFO + 8, *size - INFO, 4);
	memcpy(image + TABLE - 8, LIVEUPDATE_FORMATS_ITEM, 4);
	put(image + TABLE - 4, 8 + sizeof(sound), 4);
	memcpy(image + TABLE, &sound, sizeof(sound));
	return image;
}

static void in_bzimage(struct kunit *test)
{
	static const struct {
		size_t at;
		u32 value, width;
		enum format_image found;
	} cases[] = {
		{ 0x202, 0, 4, FORMAT_IMAGE_NO_TABLE },
		{ 0x206, 0x20e, 2, FORMAT_IMAGE_NO_TABLE },
		{ 0x268, 0, 4, FORMAT_IMAGE_NO_TABLE },
		{ 0x268, ~0U, 4, FORMAT_IMAGE_NO_TABLE },
		{ 0x1f1, 255, 1, FORMAT_IMAGE_NO_TABLE },
		{ INFO, 0, 4, FORMAT_IMAGE_NO_TABLE },
		{ INFO + 4, 0, 4, FORMAT_IMAGE_UNSOUND },
		{ INFO + 4, ~0U, 4, FORMAT_IMAGE_UNSOUND },
		{ INFO + 8, ~0U, 4, FORMAT_IMAGE_UNSOUND },
		{ INFO + 8, 16, 4, FORMAT_IMAGE_NO_TABLE },
		{ TABLE - 8, 0, 4, FORMAT_IMAGE_NO_TABLE },
		{ TABLE - 4, 0, 4, FORMAT_IMAGE_UNSOUND },
		{ TABLE - 4, 7, 4, FORMAT_IMAGE_UNSOUND },
		{ TABLE - 4, ~0U, 4, FORMAT_IMAGE_UNSOUND },
		{ TABLE - 4, 8, 4, FORMAT_IMAGE_UNSOUND },
		{ TABLE, 0, 4, FORMAT_IMAGE_UNSOUND },
	};
	struct format_table table;
	const char *why;
	size_t size;
	u8 *image;

	image = bzimage(test, &size);
	KUNIT_EXPECT_EQ(test, format_table_in_bzimage(image, size, &table, &why),
			FORMAT_IMAGE_OK);
	KUNIT_EXPECT_NULL(test, why);
	KUNIT_EXPECT_EQ(test, table.nr, ENTRIES);
	/* Cut off anywhere, there is no table, or none that is sound. */
	for (size_t cut = 0; cut < size; cut++)
		KUNIT_EXPECT_NE(test, format_table_in_bzimage(image, cut, &table, &why),
				FORMAT_IMAGE_OK);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		image = bzimage(test, &size);
		put(image + cases[i].at, cases[i].value, cases[i].width);
		KUNIT_EXPECT_EQ(test, format_table_in_bzimage(image, size, &table, &why),
				cases[i].found);
		KUNIT_EXPECT_EQ(test, !why, cases[i].found != FORMAT_IMAGE_UNSOUND);
	}
}

static void in_arm64_image(struct kunit *test)
{
	size_t size = 0x400 + sizeof(sound);
	struct format_table table;
	const char *why;
	u8 *image;

	image = kunit_kzalloc(test, size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, image);
	memcpy(image + 0x400, &sound, sizeof(sound));
	KUNIT_EXPECT_EQ(test, format_table_in_arm64_image(image, size, &table, &why),
			FORMAT_IMAGE_NO_TABLE);
	memcpy(image + 0x38, "ARM\x64", 4);
	KUNIT_EXPECT_EQ(test, format_table_in_arm64_image(image, size, &table, &why),
			FORMAT_IMAGE_OK);
	KUNIT_EXPECT_PTR_EQ(test, table.data, (const void *)(image + 0x400));
	/* The code that looks for it has the magic number, too. */
	memcpy(image + 0x100, LIVEUPDATE_FORMATS_MAGIC, 16);
	KUNIT_EXPECT_EQ(test, format_table_in_arm64_image(image, size, &table, &why),
			FORMAT_IMAGE_OK);
	KUNIT_EXPECT_PTR_EQ(test, table.data, (const void *)(image + 0x400));
	for (size_t cut = 0; cut < size; cut++)
		KUNIT_EXPECT_EQ(test, format_table_in_arm64_image(image, cut, &table, &why),
				FORMAT_IMAGE_NO_TABLE);
	image[0x400 + sizeof(sound.head)] = '\0';
	KUNIT_EXPECT_EQ(test, format_table_in_arm64_image(image, size, &table, &why),
			FORMAT_IMAGE_UNSOUND);
	KUNIT_EXPECT_NOT_NULL(test, why);
}

static struct kunit_case format_table_cases[] = {
	KUNIT_CASE(accepts),
	KUNIT_CASE(rejects),
	KUNIT_CASE(grows),
	KUNIT_CASE(reads),
	KUNIT_CASE(in_bzimage),
	KUNIT_CASE(in_arm64_image),
	{}
};

static struct kunit_suite format_table_suite = {
	.name = "format_table",
	.test_cases = format_table_cases,
};

kunit_test_suite(format_table_suite);
