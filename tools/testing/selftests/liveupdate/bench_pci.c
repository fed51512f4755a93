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
/* Nobody waits for disks that are not there. */
#define MACHINE	"mem=1G append=libata.force=disable "			\
	PORT(1) PORT(2) PORT(3) PORT(4) PORT(5) PORT(6) PORT(7) PORT(8)

static struct pci_set edus;
static int fds[PCI_MAX];

static void nothing(struct lu_run *run)
{
	(void)run;
}

/* The same machine without and with live update, the devices being there to be scanned. */
LU_TEST(off, MACHINE, nothing, nothing, nothing);
LU_TEST(empty, MACHINE LUO_ON, nothing, nothing, nothing);

static void figure(const char *what, int count, long long value)
{
	char name[32];

	snprintf(name, sizeof(name), "%s_%d", what, count);
	lu_figure(name, (double)value / count, "device", NULL);
}

static void take(int count)
{
	int session = pci_retrieve("bench");
	unsigned long long begin = lu_clock();

	for (int i = 0; i < count; i++)
		fds[i] = luo_take(session, TOKEN + i);
	figure("retrieve", count, lu_clock() - begin);
	begin = lu_clock();
	luo_finish(session);
	figure("finish", count, lu_clock() - begin);
	close(session);
	for (int i = 0; i < count; i++)
		close(fds[i]);
}

static void preserve(int count)
{
	int session = pci_create("bench");
	unsigned long long begin;

	for (int i = 0; i < count; i++)
		fds[i] = pci_open(edus.bdf[i]);
	begin = lu_clock();
	for (int i = 0; i < count; i++)
		luo_preserve(session, fds[i], TOKEN + i);
	figure("preserve", count, lu_clock() - begin);
}

/* None, then a quarter, a half and all of them; the gap grows by as much for each. */
static const int counts[] = { 0, DEVICES / 4, DEVICES / 2, DEVICES };

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
		take(counts[run->stage - 1]);
	}
	if (run->stage + 1 == run->nr_stages)
		return;
	if (counts[run->stage])
		preserve(counts[run->stage]);
	lu_set(run, "jump", "%llu", lu_clock());
}

LU_TEST(carry, MACHINE LUO_ON, carry, carry, carry, carry, carry);

LU_MAIN
