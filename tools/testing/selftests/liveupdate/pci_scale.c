// SPDX-License-Identifier: GPL-2.0
/*
 * pci_scale: 200 devices below many switches, all carried, the last about as dear as the first;
 * and what is done at once with all of them takes about twice the time for twice as many. The
 * clock counts instructions: of some hundred microseconds a busy host would leave nothing.
 */
#define _GNU_SOURCE
#include "pci_common.h"

#define TOKEN	1000
#define DEVICES	200
#define FIRST	(DEVICES / 4)

#define EDU8(bus)									\
	"device=edu,bus=" bus ",addr=0.0,multifunction=on device=edu,bus=" bus ",addr=0.1 "	\
	"device=edu,bus=" bus ",addr=0.2 device=edu,bus=" bus ",addr=0.3 "		\
	"device=edu,bus=" bus ",addr=0.4 device=edu,bus=" bus ",addr=0.5 "		\
	"device=edu,bus=" bus ",addr=0.6 device=edu,bus=" bus ",addr=0.7 "
#define DOWN(n, m)									\
	"device=xio3130-downstream,id=d" #n #m ",bus=u" #n ",chassis=" #n #m " " EDU8("d" #n #m)
/* A root port, a switch with five ports, and eight functions behind each of these. */
#define SWITCH(n)									\
	"device=pcie-root-port,id=r" #n ",chassis=" #n " "				\
	"device=x3130-upstream,id=u" #n ",bus=r" #n " "					\
	DOWN(n, 1) DOWN(n, 2) DOWN(n, 3) DOWN(n, 4) DOWN(n, 5)
#define MACHINE	"mem=1G icount timeout=200 " LUO_ON						\
	SWITCH(1) SWITCH(2) SWITCH(3) SWITCH(4) SWITCH(5)

static struct pci_set edus;
static int fds[PCI_MAX];

static void find_all(void)
{
	pci_find(&edus, 0x1234, 0x11e8);
	LU_EQ(edus.nr, DEVICES);
}

/* How long each quarter took; the last about as long as the first. */
static void check_linear(const char *what, const double *at)
{
	double first = at[1] - at[0], last = at[4] - at[3];

	lu_note("%s: the first quarter %.0f us, the last %.0f us", what, first * 1e6, last * 1e6);
	LU_CHECK(last < 1.5 * first, "%s gets slower: %.0f us, then %.0f us", what, first * 1e6,
		 last * 1e6);
}

/* Of twice as many as the last time, unless it is the first time. Quadratic would be four. */
#define DOUBLE	2.4
/* No timer's interrupt is in the best of three, and what is the same for any number is. */
#define FREEZE	2.0
/* Whatever else there is in a boot is most of it, and makes it far less than twice. */
#define BOOT	1.4

static void check_doubled(struct lu_run *run, const char *what, bool first, double seconds,
			  double times)
{
	double last = first ? 0 : lu_get_num(run, what) / 1e6;

	lu_note("%s: %.0f us, with half as many %.0f us", what, seconds * 1e6, last * 1e6);
	LU_CHECK(first || seconds <= times * last, "%s takes %.0f us, and took %.0f us", what,
		 seconds * 1e6, last * 1e6);
	lu_set(run, what, "%.0f", seconds * 1e6);
}

/* The last one to freeze fails, so that all the others freeze and come back. */
static void measure_freeze(struct lu_run *run, int nr)
{
	double best = 1e9, begin;

	luo_load_next(run);
	for (int i = 0; i < 3; i++) {
		pci_set_attr(edus.bdf[nr - 1], "lu_stub/fail", "freeze 28");
		begin = luo_seconds();
		LU_EQ(luo_try_jump(), -ENOSPC);
		if (luo_seconds() - begin < best)
			best = luo_seconds() - begin;
	}
	check_doubled(run, "freeze", nr == FIRST, best, FREEZE);
}

/* Up to @nr, when there are some already. */
static void preserve(struct lu_run *run, int session, int from, int nr)
{
	double at[5];

	for (int i = from; i < nr; i++)
		fds[i] = pci_open(edus.bdf[i]);
	at[0] = luo_seconds();
	for (int i = from; i < nr; i++) {
		luo_preserve(session, fds[i], TOKEN + i);
		at[1 + (i - from) * 4 / (nr - from)] = luo_seconds();
	}
	check_linear("preserve", at);
	measure_freeze(run, nr);
}

static void stamp(int i, uint32_t value)
{
	volatile uint32_t *reg = pci_map_bar(fds[i], 0, 4096);

	reg[1] = value;
	munmap((void *)reg, 4096);
}

static uint32_t stamp_of(int i)
{
	volatile uint32_t *reg = pci_map_bar(fds[i], 0, 4096);
	uint32_t value = ~reg[1];

	munmap((void *)reg, 4096);
	return value;
}

static void take_all(struct lu_run *run, int nr)
{
	int session = pci_retrieve("scale");
	double at[5] = { 0 }, begin;

	at[0] = luo_seconds();
	for (int i = 0; i < nr; i++) {
		fds[i] = luo_take(session, TOKEN + i);
		at[1 + i * 4 / nr] = luo_seconds();
	}
	check_linear("retrieve", at);
	check_doubled(run, "retrieve", run->stage == 1, at[4] - at[0], DOUBLE);
	for (int i = 0; i < nr; i++) {
		LU_EQ(stamp_of(i), 0x1000 * run->stage + i);
		LU_CHECK(pci_info(fds[i]).updates > 0, "%s is a new one", edus.bdf[i]);
	}
	begin = luo_seconds();
	luo_finish(session);
	check_doubled(run, "finish", run->stage == 1, luo_seconds() - begin, DOUBLE);
	close(session);
	for (int i = 0; i < nr; i++) {
		LU_CHECK(!strcmp(pci_attr(edus.bdf[i], "liveupdate/state"), "finished"), "%s is %s",
			 edus.bdf[i], pci_attr(edus.bdf[i], "liveupdate/state"));
		close(fds[i]);
	}
}

static void update(struct lu_run *run)
{
	double boot = luo_seconds();
	int session, nr = run->stage ? DEVICES : DEVICES / 2;

	find_all();
	if (run->stage) {
		check_doubled(run, "boot", run->stage == 1, boot, BOOT);
		take_all(run, DEVICES / 2 * run->stage);
	}
	if (run->stage + 1 == run->nr_stages)
		return;
	session = pci_create("scale");
	if (!run->stage)
		preserve(run, session, 0, FIRST);
	preserve(run, session, run->stage ? 0 : FIRST, nr);
	for (int i = 0; i < nr; i++)
		stamp(i, 0x1000 * (run->stage + 1) + i);
}

LU_TEST(two_hundred, PCI_PROD MACHINE, update, update, update);

LU_MAIN
