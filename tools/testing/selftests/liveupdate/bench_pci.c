// SPDX-License-Identifier: GPL-2.0
/*
 * bench_pci: what a preserved device costs, when it is preserved, while the kernel is
 * replaced, and when it is taken; and what it costs to have live update on and no
 * device that is preserved.
 */
#define _GNU_SOURCE
#include "pci_common.h"

#define TOKEN	100
#define DEVICES	64

#define PORT(n)								\
	"device=pcie-root-port,id=rp" #n ",chassis=" #n " "		\
	"device=edu,bus=rp" #n ",addr=0.0,multifunction=on device=edu,bus=rp" #n ",addr=0.1 "	\
	"device=edu,bus=rp" #n ",addr=0.2 device=edu,bus=rp" #n ",addr=0.3 "		\
	"device=edu,bus=rp" #n ",addr=0.4 device=edu,bus=rp" #n ",addr=0.5 "		\
	"device=edu,bus=rp" #n ",addr=0.6 device=edu,bus=rp" #n ",addr=0.7 "
/*
 * Nobody waits for disks that are not there; and test_kho would preserve something in every
 * other kernel.
 */
#define MACHINE	"mem=1G append=libata.force=disable append=initcall_blacklist=kho_test_init "	\
	PORT(1) PORT(2) PORT(3) PORT(4) PORT(5) PORT(6) PORT(7) PORT(8)

static struct pci_set edus;
static int fds[PCI_MAX];

static void nothing(struct lu_run *run)
{
	(void)run;
}

/*
 * The same machine without and with live update, the devices being there to be scanned: without
 * the driver, which binds to them with live update only.
 */
LU_TEST(off, MACHINE, nothing, nothing, nothing);
LU_TEST(empty, MACHINE LUO_ON "append=initcall_blacklist=stub_init bound=1.005 against=off ",
	nothing, nothing, nothing);

/* None, then a quarter, a half and all of them; the gap grows by as much for each. */
static const int counts[] = { 0, DEVICES / 4, DEVICES / 2, DEVICES };

static double figure(const char *what, int count, long long value)
{
	char name[32];

	snprintf(name, sizeof(name), "%s_%d", what, count);
	lu_figure(name, (double)value / count, "device", NULL);
	return (double)value / count;
}

/* One of many may not cost more than one of a few. */
static void constant(struct lu_run *run, const char *what, int count, long long value)
{
	double each = figure(what, count, value);

	if (count == counts[1])
		lu_set(run, what, "%.0f", each);
	else
		LU_CHECK(each <= 1.2 * lu_get_num(run, what), "%s: %.0f for each of %d, %lld of %d",
			 what, each, count, lu_get_num(run, what), counts[1]);
}

static void take(struct lu_run *run, int count)
{
	int session = pci_retrieve("bench");
	unsigned long long begin = lu_clock();

	for (int i = 0; i < count; i++)
		fds[i] = luo_take(session, TOKEN + i);
	constant(run, "retrieve", count, lu_clock() - begin);
	begin = lu_clock();
	luo_finish(session);
	constant(run, "finish", count, lu_clock() - begin);
	close(session);
	for (int i = 0; i < count; i++)
		close(fds[i]);
}

/* The last one to freeze fails, so that all the others freeze and come back. */
static void freeze(struct lu_run *run, int count)
{
	unsigned long long begin;

	luo_load_next(run);
	pci_set_attr(edus.bdf[count - 1], "lu_stub/fail", "freeze 28");
	begin = lu_clock();
	LU_EQ(luo_try_jump(), -ENOSPC);
	constant(run, "freeze_and_back", count, lu_clock() - begin);
}

static void preserve(struct lu_run *run, int count)
{
	int session = pci_create("bench");
	unsigned long long begin;

	for (int i = 0; i < count; i++)
		fds[i] = pci_open(edus.bdf[i]);
	begin = lu_clock();
	for (int i = 0; i < count; i++)
		luo_preserve(session, fds[i], TOKEN + i);
	constant(run, "preserve", count, lu_clock() - begin);
}

static void carry(struct lu_run *run)
{
	unsigned long long now = lu_clock();

	pci_find(&edus, 0x1234, 0x11e8);
	LU_EQ(edus.nr, DEVICES);
	if (run->stage == 1)
		lu_set(run, "base", "%llu", now - lu_get_num(run, "jump"));
	if (run->stage > 1) {
		figure("gap_more_with", counts[run->stage - 1],
		       (long long)now - lu_get_num(run, "jump") - lu_get_num(run, "base"));
		take(run, counts[run->stage - 1]);
	}
	if (run->stage + 1 == run->nr_stages)
		return;
	if (counts[run->stage]) {
		preserve(run, counts[run->stage]);
		freeze(run, counts[run->stage]);
	}
	lu_set(run, "jump", "%llu", lu_clock());
}

LU_TEST(carry, MACHINE LUO_ON, carry, carry, carry, carry, carry);

LU_MAIN
