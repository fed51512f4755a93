// SPDX-License-Identifier: GPL-2.0
/*
 * luo_mutate: what the previous kernel left is untrusted. The exerciser damages one field
 * or another just before the jump. The next kernel must neither trip nor panic, say what it
 * leaves out, and give back everything that was not damaged.
 */
#define _GNU_SOURCE
#include "luo_common.h"

#define MACHINE	"mem=512M timeout=200 append=nokaslr " LUO_ON
#define STAGES_8(fn) fn, fn, fn, fn, fn, fn, fn, fn
#define STAGES_24(fn) STAGES_8(fn), STAGES_8(fn), STAGES_8(fn)

/*
 * Session 0 is sound, then victims and neighbours take turns, the last one is sound
 * again. In each: a memfd, two files of the exerciser.
 */
#define VICTIMS		20
#define SESSIONS	(2 + 2 * VICTIMS)
#define FILES		3
#define SIZE		8192

static const char *name_of(int i)
{
	static char name[32];

	if (!i || i == SESSIONS - 1)
		snprintf(name, sizeof(name), "sound %d", i);
	else
		snprintf(name, sizeof(name), "%s %02d", i % 2 ? "victim" : "neighbour", i);
	return name;
}

static uint64_t value_of(int i, int f)
{
	return i * 10 + f;
}

static void make_all(int dev)
{
	for (int i = 0; i < SESSIONS; i++) {
		int session = luo_create(dev, name_of(i));

		luo_preserve(session, luo_memfd("x", 0, SIZE, i), 0);
		for (int f = 1; f < FILES; f++) {
			uint64_t value = value_of(i, f);
			int fd = luo_ex_new(value);

			LU_EQ(pwrite(fd, &value, sizeof(value), 64), sizeof(value));
			luo_preserve(session, fd, f);
		}
	}
}

/* A list says of each file what retrieving it, which gave @got, has said. */
static void check_listed_files(int session, const int *got)
{
	struct liveupdate_file_info info[FILES + 1];
	struct liveupdate_session_list_files list = {
		.size = sizeof(list), .entries = (uintptr_t)info, .entry_size = sizeof(info[0]),
		.count = FILES + 1,
	};

	LU_EQ(luo_ioctl(session, LIVEUPDATE_SESSION_LIST_FILES, &list), 0);
	for (unsigned int i = 0; i < list.count; i++) {
		int ret;

		LU_CHECK(info[i].token < FILES, "token %#llx", (long long)info[i].token);
		ret = got[info[i].token];
		LU_EQ(info[i].flags, ret >= 0 ? LIVEUPDATE_FILE_INFO_RETRIEVED :
				     ret == -ENOENT ? LIVEUPDATE_FILE_INFO_NO_HANDLER : 0);
		LU_EQ(info[i].status, ret >= 0 || ret == -ENOENT ? 0 : ret);
	}
}

/* What is retrieved is what was preserved. With @whole it all has to be there. */
static int take_one(int dev, int i, bool whole)
{
	int session = luo_try_retrieve(dev, name_of(i)), fd, err = 0, got[FILES];
	uint64_t value;

	if (session < 0) {
		LU_CHECK(!whole, "session '%s': %s", name_of(i), strerror(-session));
		LU_EQ(session, -ENOENT);
		return session;
	}
	for (int f = 0; f < FILES; f++) {
		fd = luo_try_take(session, f);
		got[f] = fd;
		if (!f && fd < 0)
			err = fd;
		if (fd < 0) {
			LU_CHECK(!whole, "file %d of '%s': %s", f, name_of(i), strerror(-fd));
			continue;
		}
		if (!whole && f)
			continue;
		if (f) {
			LU_EQ(luo_ex_value(fd), value_of(i, f));
			LU_EQ(pread(fd, &value, sizeof(value), 64), sizeof(value));
			LU_EQ(value, value_of(i, f));
		} else if (whole) {
			LU_EQ(luo_size(fd), SIZE);
			luo_verify(fd, 0, SIZE, i);
		}
	}
	check_listed_files(session, got);
	luo_finish(session);
	luo_close(session);
	return err;
}

/* How many lines speak of session @i, by its name or by its number. */
static int lines_about(int i)
{
	char text[64];
	int count = luo_log_count(name_of(i), NULL, 0);

	snprintf(text, sizeof(text), "session %d of the previous kernel", i);
	return count + luo_log_count(text, NULL, 0);
}

enum {
	QUIET = 1,	/* nobody can see that it is wrong */
	SHARED = 2,	/* the neighbour is affected, too */
	ALIKE = 4,	/* quiet, if it is the format of the next file that it gets */
	DAMAGED = 8,	/* a list says so of the session, or of the neighbour if SHARED */
};

struct damage {
	const char *name;
	int flags;
};

/* On records of sessions: each victim of a kernel has another one. */
static const struct damage session_damages[] = {
	{ "session_name_empty", 0 },
	{ "session_name_endless", 0 },
	{ "session_name_binary", QUIET },
	{ "session_name_unknown", QUIET },
	{ "session_name_twice", SHARED },
	{ "session_files_null", DAMAGED },
	{ "session_files_not_ram", DAMAGED },
	{ "session_files_unaligned", DAMAGED },
	{ "session_files_not_preserved", DAMAGED },
	{ "session_files_huge", DAMAGED },
	{ "session_files_twice", SHARED | DAMAGED },
	{ "session_files_is_sessions", DAMAGED },
	{ "session_files_is_root", DAMAGED },
	{ "session_files_is_flbs", DAMAGED },
	{ "session_files_is_data", DAMAGED },
	{ "session_count_0", DAMAGED },
	{ "session_count_more", DAMAGED },
	{ "session_count_huge", DAMAGED },
	{ "file_block_next_not_ram", DAMAGED },
	{ "file_block_next_unaligned", DAMAGED },
	{ "file_block_next_not_preserved", DAMAGED },
	{ "file_block_next_huge", DAMAGED },
	{ "file_block_next_self", DAMAGED },
	{ "file_block_next_is_sessions", DAMAGED },
	{ "file_block_count_0", DAMAGED },
	{ "file_block_count_more", DAMAGED },
	{ "file_block_count_huge", DAMAGED },
};

/* On records of files: the number is that of the file. */
static const struct damage file_damages[] = {
	{ "file_format_empty", DAMAGED },
	{ "file_format_endless", DAMAGED },
	{ "file_format_binary", 0 },
	{ "file_format_unknown", 0 },
	{ "file_format_twice", ALIKE },
	{ "file_data_null", 0 },
	{ "file_data_not_ram", 0 },
	{ "file_data_unaligned", 0 },
	{ "file_data_not_preserved", 0 },
	{ "file_data_huge", 0 },
	{ "file_data_twice", 0 },
	{ "file_data_is_files", 0 },
	{ "file_data_is_sessions", 0 },
	{ "file_token_twice", DAMAGED },
};

#define PER_KERNEL	VICTIMS

static bool is_quiet(const struct damage *damage, int file)
{
	return damage->flags & QUIET || (damage->flags & ALIKE && file > 0);
}

/* Which sessions have lost something is known before anyone takes them. */
static void check_listed_sessions(int dev, const struct damage *list, int nr, int first)
{
	struct liveupdate_session_info info[SESSIONS];
	struct liveupdate_ioctl_list_sessions arg = {
		.size = sizeof(arg), .direction = LIVEUPDATE_INCOMING,
		.entries = (uintptr_t)info, .entry_size = sizeof(info[0]), .count = SESSIONS,
	};
	unsigned int damaged = 0, expected = 0;

	LU_EQ(luo_ioctl(dev, LIVEUPDATE_IOCTL_LIST_SESSIONS, &arg), 0);
	for (int i = 0; i < SESSIONS; i++) {
		int v = (i - 1) / 2;
		bool is_victim = i % 2, has_victim = i && v < VICTIMS && first + v < nr;
		int flags = has_victim ? list[first + v].flags : 0;
		unsigned int want = 0;

		if (flags & DAMAGED && is_victim == !(flags & SHARED))
			want = LIVEUPDATE_SESSION_INFO_DAMAGED;
		expected += !!want;
		for (unsigned int n = 0; n < arg.count; n++) {
			if (strcmp((char *)info[n].name, name_of(i)))
				continue;
			LU_CHECK(info[n].flags == want, "%s: '%s' is listed with flags %#x",
				 has_victim ? list[first + v].name : "nothing", name_of(i),
				 info[n].flags);
			damaged += !!want;
		}
	}
	LU_EQ(damaged, expected);
}

/* @file is the file that is damaged, -1 for none. */
static void check_victims(int dev, const struct damage *list, int nr, int first, int file)
{
	check_listed_sessions(dev, list, nr, first);
	take_one(dev, 0, true);
	take_one(dev, SESSIONS - 1, true);
	for (int v = 0; v < VICTIMS; v++) {
		int i = 1 + 2 * v;
		const struct damage *damage = first + v < nr ? &list[first + v] : NULL;

		lu_note("%s", damage ? damage->name : "nothing");
		take_one(dev, i, !damage);
		take_one(dev, i + 1, !damage || !(damage->flags & SHARED));
		if (!damage)
			LU_CHECK(!lines_about(i), "a line about session %d, which is sound", i);
		else if (!is_quiet(damage, file))
			LU_CHECK(lines_about(i) ||
				 (damage->flags & SHARED && lines_about(i + 1)),
				 "%s of file %d: no line about it", damage->name, file);
	}
}

static void damage(struct lu_run *run, const struct damage *list, int nr, int file)
{
	int next = run->stage * PER_KERNEL, dev = luo_open();

	if (run->stage)
		check_victims(dev, list, nr, next - PER_KERNEL, file);
	if (run->stage + 1 == run->nr_stages) {
		LU_CHECK(next >= nr, "%d of %d damages were not done", nr - next, nr);
		return;
	}
	make_all(dev);
	for (int v = 0; v < VICTIMS && next + v < nr; v++)
		luo_ex("mutate %s %d %d", list[next + v].name, 1 + 2 * v, file < 0 ? 0 : file);
}

static void sessions(struct lu_run *run)
{
	damage(run, session_damages, ARRAY_LEN(session_damages), -1);
}

LU_TEST(sessions, MACHINE "flavour=prod", sessions, sessions, sessions);
LU_TEST(sessions_debug, "mem=1G flavour=+debug timeout=200 append=nokaslr " LUO_ON,
	sessions, sessions, sessions);

static void memfds(struct lu_run *run)
{
	damage(run, file_damages, ARRAY_LEN(file_damages), 0);
}

LU_TEST(memfds, MACHINE "flavour=prod", memfds, memfds);
LU_TEST(memfds_debug, "mem=1G flavour=+debug timeout=200 append=nokaslr " LUO_ON,
	memfds, memfds);

static void files(struct lu_run *run)
{
	damage(run, file_damages, ARRAY_LEN(file_damages), 1);
}

LU_TEST(files, MACHINE "flavour=prod", files, files);

/*
 * Further up there is one of each, and it may cost everything: one damage a kernel. Where
 * the device cannot be opened any more the next kernel has to be clean again.
 */
enum {
	ALL_LOST = 1,	/* the device cannot be opened */
	SESSIONS_GONE = 2,	/* nothing has come */
};

static const struct damage root_damages[] = {
	{ "root_format_empty", ALL_LOST },
	{ "root_format_endless", ALL_LOST },
	{ "root_format_binary", ALL_LOST },
	{ "root_format_unknown", ALL_LOST },
	{ "root_format_old", ALL_LOST },
	{ "root_number_0", 0 },
	{ "root_number_huge", 0 },
	{ "sessions_null", SESSIONS_GONE },
	{ "sessions_not_ram", ALL_LOST },
	{ "sessions_unaligned", ALL_LOST },
	{ "sessions_not_preserved", ALL_LOST },
	{ "sessions_huge", ALL_LOST },
	{ "sessions_is_root", ALL_LOST },
	{ "sessions_is_flbs", ALL_LOST },
	{ "sessions_is_files", SESSIONS_GONE },
	{ "session_block_next_not_ram", ALL_LOST },
	{ "session_block_next_unaligned", ALL_LOST },
	{ "session_block_next_self", ALL_LOST },
	{ "session_block_count_0", SESSIONS_GONE },
	{ "session_block_count_huge", ALL_LOST },
};

static const struct damage flb_damages[] = {
	{ "flbs_null", QUIET },
	{ "flbs_not_ram", 0 },
	{ "flbs_unaligned", 0 },
	{ "flbs_not_preserved", 0 },
	{ "flbs_huge", 0 },
	{ "flbs_is_root", 0 },
	{ "flbs_is_sessions", 0 },
	{ "flb_table_pages_0", 0 },
	{ "flb_table_pages_huge", 0 },
	{ "flb_table_count_0", QUIET },
	{ "flb_table_count_more", 0 },
	{ "flb_table_count_64", 0 },
	{ "flb_table_count_huge", 0 },
	{ "flb_name_empty", 0 },
	{ "flb_name_endless", 0 },
	{ "flb_name_binary", QUIET },
	{ "flb_data_not_ram", 0 },
	{ "flb_data_unaligned", 0 },
	{ "flb_data_not_preserved", 0 },
	{ "flb_count_0", 0 },
	{ "flb_count_more", QUIET },
	{ "flb_count_huge", QUIET },
};

static bool check_top(const struct damage *damage, bool root)
{
	int dev = luo_try_open(0);
	char state[16];

	snprintf(state, sizeof(state), "%.10s", lu_read(LUO_SYSFS "state"));
	lu_note("%s: %s", damage->name, dev < 0 ? strerror(-dev) : "opened");
	if (root && damage->flags & ALL_LOST) {
		LU_EQ(dev, -EIO);
		/* For ever. */
		LU_EQ(luo_try_open(0), -EIO);
		LU_CHECK(!strncmp(state, "error", 5), "the state is %s", state);
		LU_CHECK(luo_log_count("luo: ", NULL, 0), "the log says nothing");
		return false;
	}
	LU_CHECK(dev >= 0, "%s: %s", damage->name, strerror(-dev));
	if (root && damage->flags & SESSIONS_GONE) {
		for (int i = 0; i < SESSIONS; i++)
			LU_EQ(luo_try_retrieve(dev, name_of(i)), -ENOENT);
	} else {
		for (int i = 0; i < SESSIONS; i++)
			take_one(dev, i, true);
	}
	if (!root && !(damage->flags & QUIET))
		LU_CHECK(luo_log_count("luo: object", NULL, 0) ||
			 luo_log_count("luo: the object", NULL, 0),
			 "%s: no line about it", damage->name);
	luo_close(dev);
	return true;
}

static void top(struct lu_run *run, const struct damage *list, int first, int last, bool root)
{
	int next = run->stage ? lu_get_num(run, "next") : first;
	bool pending = run->stage && lu_get_num(run, "pending");

	if (pending) {
		lu_set(run, "pending", "%d", 0);
		if (!check_top(&list[next++], root)) {
			lu_set(run, "next", "%d", next);
			if (next == last)
				exit(0);
			return;
		}
	}
	lu_set(run, "next", "%d", next);
	if (next == last)
		exit(0);
	LU_CHECK(run->stage + 1 < run->nr_stages, "there are too few kernels for %s",
		 list[next].name);
	make_all(luo_open());
	luo_ex("mutate %s 0 0", list[next].name);
	lu_set(run, "pending", "%d", 1);
}

static void root_1(struct lu_run *run)
{
	top(run, root_damages, 0, 10, true);
}

static void root_2(struct lu_run *run)
{
	top(run, root_damages, 10, ARRAY_LEN(root_damages), true);
}

static void flb(struct lu_run *run)
{
	top(run, flb_damages, 0, ARRAY_LEN(flb_damages), false);
}

LU_TEST(root, MACHINE "flavour=prod", STAGES_24(root_1));
LU_TEST(chain_of_sessions, MACHINE "flavour=prod", STAGES_24(root_2));
LU_TEST(flbs, MACHINE "flavour=prod expect=test-flb-v0:\\x20found\\x20.*expected "
	"expect=test-flb-v0:\\x20cannot\\x20be\\x20had", STAGES_24(flb));

static const struct damage some_top[] = {
	{ "root_format_old", ALL_LOST },
	{ "sessions_not_ram", ALL_LOST },
	{ "sessions_is_files", SESSIONS_GONE },
	{ "flbs_is_sessions", 0 },
};

static void some(struct lu_run *run)
{
	top(run, some_top, 0, ARRAY_LEN(some_top), true);
}

LU_TEST(some_debug, "mem=1G flavour=debug timeout=200 append=nokaslr " LUO_ON, STAGES_8(some));

#define UNKNOWN_SEAL	"0x40"
/* A page frame that is never preserved. */
#define NO_FOLIO	"1"

/* Every field of what a memfd is described by, in the record, its chunk and its folios. */
static const struct {
	const char *where;
	unsigned int offset;
	const char *value;
} pokes[] = {
	{ "data", 0, "-1" },			/* pos */
	{ "data", 8, "0" },			/* size */
	{ "data", 8, "1" },
	{ "data", 8, "-1" },
	{ "data", 8, "0x7fffffffffffffff" },
	{ "data", 8, "0x100000000000" },
	{ "data", 16, "0xffffffff" },		/* seals, flags */
	{ "data", 16, UNKNOWN_SEAL },
	{ "data", 16, "-1" },
	{ "data", 24, "0" },			/* nr_folios */
	{ "data", 24, "1" },
	{ "data", 24, "3" },
	{ "data", 24, "0x100000000" },
	{ "data", 24, "-1" },
	{ "data", 32, "0" },			/* first */
	{ "data", 32, "8" },
	{ "data", 32, "0x200000000000" },
	{ "data", 32, "-1" },
	{ "data", 40, "0" },			/* total_pages, flags, order */
	{ "data", 40, "0x0000000100000000" },
	{ "data", 40, "-1" },
	{ "data", 40, "0x00000001ffffffff" },
	{ "data", 40, "0x003f000100000001" },
	{ "chunk", 0, "8" },
	{ "chunk", 0, "0x200000000000" },
	{ "chunk", 0, "-1" },
	{ "chunk", 8, "0" },
	{ "chunk", 8, "8" },
	{ "chunk", 8, "0x200000000000" },
	{ "chunk", 8, "-1" },
	{ "chunk", 16, "0x1000" },
	{ "folios", 0, "0" },			/* pfn */
	{ "folios", 0, NO_FOLIO },
	{ "folios", 0, "-1" },
	{ "folios", 0, "0x0030000200000000" },
	{ "folios", 8, "1" },			/* index, as of the next one */
	{ "folios", 8, "2" },
	{ "folios", 8, "-1" },
	{ "folios", 8, "0x7ffffffffffff" },
	{ "flags", 0, "more" },			/* of a folio whose pfn is sound */
};

/* And of the time line, one in each kernel. */
static const struct {
	unsigned int offset;
	const char *value, *why;
} timelines[] = {
	{ 0, "0x1234567", "its version is not known" },
	{ 32, "-1", "its stamps are not in order" },
};

static void check_timeline(const char *why)
{
	const char *text;
	char line[96];

	snprintf(line, sizeof(line), "luo: the time line of the last update is unknown: %s", why);
	LU_CHECK(luo_log_count(line, NULL, 0) == 1, "no line '%s'", line);
	text = lu_read(LUO_SYSFS "timeline");
	LU_CHECK(strstr(text, "start unknown\n") && !strpbrk(text, "0123456789"),
		 "it is told nevertheless: %s", text);
}

static void poke_all(struct lu_run *run)
{
	int next = run->stage * PER_KERNEL, nr = ARRAY_LEN(pokes), dev = luo_open(), ret, err;

	if (run->stage) {
		if (run->stage <= (int)ARRAY_LEN(timelines))
			check_timeline(timelines[run->stage - 1].why);
		take_one(dev, 0, true);
		take_one(dev, SESSIONS - 1, true);
		for (int v = 0; v < VICTIMS; v++) {
			const int n = next - PER_KERNEL + v;
			int lines = luo_log_count("memfd_luo: memfd at ", NULL, 0);

			take_one(dev, 2 + 2 * v, true);
			if (n < nr)
				lu_note("%s at %u: %s", pokes[n].where, pokes[n].offset,
					pokes[n].value);
			err = take_one(dev, 1 + 2 * v, n >= nr);
			if (err)
				LU_CHECK(luo_log_count("memfd_luo: memfd at ", NULL, 0) > lines,
					 "%s at %u, %s: no line about it", pokes[n].where,
					 pokes[n].offset, pokes[n].value);
			if (n < nr && !strcmp(pokes[n].where, "flags"))
				LU_EQ(err, -EINVAL);
			if (n < nr && !strcmp(pokes[n].value, UNKNOWN_SEAL))
				LU_EQ(err, -EOPNOTSUPP);
			if (n < nr && !strcmp(pokes[n].where, "folios") &&
			    !strcmp(pokes[n].value, NO_FOLIO) && !pokes[n].offset)
				LU_EQ(err, -EIO);
		}
	}
	if (run->stage + 1 == run->nr_stages) {
		LU_CHECK(next >= nr, "%d pokes were not done", nr - next);
		return;
	}
	make_all(dev);
	for (int v = 0; v < VICTIMS && next + v < nr; v++) {
		if (!strcmp(pokes[next + v].where, "flags"))
			ret = luo_ex_try("mutate folio_flags_%s %d 0", pokes[next + v].value,
					 1 + 2 * v);
		else
			ret = luo_ex_try("poke %s %u %s %d 0", pokes[next + v].where,
					 pokes[next + v].offset, pokes[next + v].value, 1 + 2 * v);
		LU_CHECK(!ret, "poke %s: %s", pokes[next + v].where, strerror(-ret));
	}
	if (run->stage < (int)ARRAY_LEN(timelines))
		luo_ex("poke timeline %u %s", timelines[run->stage].offset,
		       timelines[run->stage].value);
}

LU_TEST(memfd_records, MACHINE "flavour=prod", poke_all, poke_all, poke_all);
LU_TEST(memfd_records_debug, "mem=1G flavour=debug timeout=200 append=nokaslr " LUO_ON,
	poke_all, poke_all, poke_all);

LU_MAIN
