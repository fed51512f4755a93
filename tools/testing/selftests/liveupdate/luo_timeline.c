// SPDX-License-Identifier: GPL-2.0
/*
 * luo_timeline: the blackout clock, from both sides of the jump and from outside. What
 * it makes of a broken time line is KUnit's (luo_timeline).
 */
#define _GNU_SOURCE
#include <limits.h>
#include <time.h>

#include "luo_common.h"

#define TIMELINE	LUO_SYSFS "timeline"
#define UNKNOWN		(-1)
#define MISSING		(-2)

static const char * const phases[] = {
	"freeze-start", "freeze-end", "jump", "start", "kho-ready", "luo-ready",
	"first-open", "first-retrieve", "last-finish",
};

#define READY	5
#define OPEN	6
#define TAKEN	7
#define FINISH	8

/* Reads the file and holds its form against what is documented. */
static void read_timeline(long long *ns)
{
	const char *p = lu_read(TIMELINE);
	unsigned int next = 0;

	for (unsigned int i = 0; i < ARRAY_LEN(phases); i++)
		ns[i] = MISSING;
	while (*p) {
		char name[32], value[32];
		int len = 0;
		unsigned int i;

		LU_CHECK(sscanf(p, "%31[a-z-] %31[a-z0-9]%n", name, value, &len) == 2 &&
			 p[len] == '\n', "this is no line of a time line: %.60s", p);
		for (i = next; i < ARRAY_LEN(phases) && strcmp(name, phases[i]); i++)
			;
		LU_CHECK(i < ARRAY_LEN(phases), "%s is out of place", name);
		ns[i] = strcmp(value, "unknown") ? strtoll(value, NULL, 10) : UNKNOWN;
		next = i + 1;
		p += len + 1;
	}
}

/* All phases up to @last are there and in order, and none behind it. */
static void check_order(const long long *ns, unsigned int last)
{
	LU_EQ(ns[0], 0);
	for (unsigned int i = 1; i < ARRAY_LEN(phases); i++) {
		if (i > last)
			LU_CHECK(ns[i] == MISSING, "%s is there already", phases[i]);
		else
			LU_CHECK(ns[i] >= ns[i - 1], "%s %lld comes before %s %lld", phases[i],
				 ns[i], phases[i - 1], ns[i - 1]);
	}
}

static void leave_one(void)
{
	int dev = luo_open(), session = luo_create(dev, "clock");

	luo_preserve(session, luo_memfd("clock", 0, 65536, 7), 1);
	luo_close(dev);
}

static void look(int dev)
{
	struct liveupdate_session_info session;
	struct liveupdate_ioctl_list_sessions sessions = {
		.size = sizeof(sessions), .direction = LIVEUPDATE_INCOMING, .count = 1,
		.entries = (uintptr_t)&session, .entry_size = sizeof(session),
	};
	struct liveupdate_file_info file;
	struct liveupdate_ioctl_list_files files = {
		.size = sizeof(files), .direction = LIVEUPDATE_INCOMING, .count = 1,
		.entries = (uintptr_t)&file, .entry_size = sizeof(file),
	};

	LU_EQ(luo_ioctl(dev, LIVEUPDATE_IOCTL_LIST_SESSIONS, &sessions), 0);
	LU_EQ(sessions.count, 1);
	memcpy(files.name, session.name, sizeof(files.name));
	LU_EQ(luo_ioctl(dev, LIVEUPDATE_IOCTL_LIST_FILES, &files), 0);
	LU_EQ(files.count, 1);
}

static void take_one(void)
{
	long long ns[ARRAY_LEN(phases)];
	int dev, session;

	read_timeline(ns);
	check_order(ns, READY);

	/* Who only looks is not who was waited for. */
	dev = LU_OK(open(LUO_DEV, O_RDONLY | O_CLOEXEC));
	look(dev);
	luo_close(dev);
	read_timeline(ns);
	check_order(ns, READY);

	dev = luo_open();
	read_timeline(ns);
	check_order(ns, OPEN);

	session = luo_retrieve(dev, "clock");
	luo_verify(luo_take(session, 1), 0, 65536, 7);
	read_timeline(ns);
	check_order(ns, TAKEN);
	LU_CHECK(!lu_dmesg_has("update finished;"), "the log has the time line too early");

	luo_finish(session);
	read_timeline(ns);
	check_order(ns, FINISH);
	LU_EQ(luo_log_count("update finished; ms since the freeze began: freeze-end ", NULL, 0), 1);
	luo_close(dev);
}

/* The host's clock and ours at one moment: of several readings the quickest. */
static void read_clocks(long long *host, long long *ticks)
{
	long long best = LLONG_MAX;

	for (unsigned int i = 0; i < 10; i++) {
		long long before = lu_clock(), now = strtoll(lu_host("now"), NULL, 10);
		long long took = lu_clock() - before;

		if (took >= best)
			continue;
		best = took;
		*host = now;
		*ticks = before + took / 2;
	}
}

/*
 * Two readings of the host's clock and ours some time apart tell the frequency of
 * ours; a third one after the jump tells that it went on.
 */
static void measure(struct lu_run *run)
{
	struct timespec pause = { .tv_sec = 2 };
	long long host, ticks, host_then, ticks_then;

	read_clocks(&host_then, &ticks_then);
	nanosleep(&pause, NULL);
	read_clocks(&host, &ticks);
	lu_set(run, "host", "%lld", host);
	lu_set(run, "ticks", "%lld", ticks);
	lu_set(run, "khz", "%lld", (ticks - ticks_then) * 1000000 / (host - host_then));
}

static void check_steady(struct lu_run *run)
{
	long long khz = lu_get_num(run, "khz"), ns[ARRAY_LEN(phases)], host, ticks, ours;

	read_timeline(ns);
	read_clocks(&host, &ticks);
	host -= lu_get_num(run, "host");
	ticks -= lu_get_num(run, "ticks");
	ours = ticks * 1000 / khz * 1000;
	lu_note("%lld kHz; host %lld ns, counter %lld ns, time line %lld ns", khz, host, ours,
		ns[FINISH]);
	LU_CHECK(ticks > 0, "the counter was set back by %lld", -ticks);
	LU_CHECK(llabs(host - ours) < host / 20, "the counter says %lld ns, the host %lld ns", ours,
		 host);
	LU_CHECK(ns[FINISH] < host + host / 20, "the update took %lld ns, and only %lld ns passed",
		 ns[FINISH], host);
	/* What lies between measure() and the freeze, and after the finish, is little. */
	LU_CHECK(ns[FINISH] > host / 4, "the update took %lld ns of %lld ns", ns[FINISH], host);
}

/*
 * A kernel that shares its processor with others finds a wrong frequency out, and says
 * "unknown" if the next one finds another: these are told the right one.
 */
static void tell_frequency(struct lu_run *run)
{
	LU_CHECK(!*lu_read(TIMELINE), "a cold boot has a time line");
	measure(run);
	snprintf(run->append, sizeof(run->append), "tsc_early_khz=%lld", lu_get_num(run, "khz"));
}

static void steady(struct lu_run *run)
{
	if (run->stage > 1) {
		take_one();
		check_steady(run);
	}
	if (run->stage + 1 < run->nr_stages) {
		leave_one();
		LU_EQ(lu_kexec_load("/boot/bzImage", lu_cmdline(), 0), 0);
		measure(run);
	}
}

LU_TEST(steady, "mem=1G flavour=prod+debug " LUO_ON "append=tsc=reliable", tell_frequency, steady,
	steady, steady);

/* A counter that is not to be trusted, in one kernel or the other. */
static void untrusted_before(struct lu_run *run)
{
	leave_one();
	if (strstr(lu_read("/proc/cmdline"), "luo_timeline_new"))
		snprintf(run->append, sizeof(run->append), "tsc=unstable");
}

static void untrusted_after(struct lu_run *run)
{
	long long ns[ARRAY_LEN(phases)];
	int dev = luo_open(), session = luo_retrieve(dev, "clock");

	(void)run;
	luo_verify(luo_take(session, 1), 0, 65536, 7);
	luo_finish(session);
	read_timeline(ns);
	for (unsigned int i = 0; i < ARRAY_LEN(phases); i++)
		LU_CHECK(ns[i] == UNKNOWN, "%s %lld is told", phases[i], ns[i]);
	LU_EQ(luo_log_count("update finished; ms since the freeze began: freeze-end unknown",
			    NULL, 0), 1);
}

LU_TEST(untrusted_by_old, "mem=1G flavour=prod+debug " LUO_ON "append=tsc=unstable",
	untrusted_before, untrusted_after);
LU_TEST(untrusted_by_new, "mem=1G flavour=prod+debug " LUO_ON "append=luo_timeline_new",
	untrusted_before, untrusted_after);

/* An update with nothing in it has a time line up to where it went. */
static void nothing(struct lu_run *run)
{
	long long ns[ARRAY_LEN(phases)];

	if (!run->stage)
		return;
	read_timeline(ns);
	check_order(ns, READY);
}

LU_TEST(empty, "mem=1G flavour=prod+debug " LUO_ON "append=tsc=reliable", nothing, nothing);

/* The previous kernel has live update off: it leaves no time line. */
static void off_before(struct lu_run *run)
{
	LU_CHECK(access(LUO_DEV, F_OK), "there is a device");
	snprintf(run->append, sizeof(run->append), "liveupdate=on");
}

static void off_after(struct lu_run *run)
{
	long long ns[ARRAY_LEN(phases)];

	(void)run;
	luo_close(luo_open());
	read_timeline(ns);
	for (unsigned int i = 0; i < ARRAY_LEN(phases); i++)
		LU_CHECK(ns[i] == (i < 3 || i > OPEN ? MISSING : UNKNOWN), "%s %lld", phases[i],
			 ns[i]);
}

LU_TEST(off, "mem=1G flavour=prod+debug append=kho=on", off_before, off_after);

LU_MAIN
