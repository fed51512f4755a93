// SPDX-License-Identifier: GPL-2.0
/*
 * pci_trace: does the host see what it is there to see, and reach what it has to? Devices
 * that nobody preserves are sized, moved out of the way and reset, and each of this has
 * to be found.
 */
#define _GNU_SOURCE
#include "pci_common.h"

#define MACHINE	PCI_TRACE "device=pcie-root-port,id=rp,chassis=1 "			\
	"qemu=-blockdev qemu=driver=null-co,read-zeroes=on,node-name=disk,size=67108864 "	\
	"device=nvme,serial=s,drive=disk,bus=rp "

static void find_nvme(struct pci_set *set)
{
	pci_find(set, 0x1b36, 0x0010);
	LU_EQ(set->nr, 1);
}

static void leave(struct lu_run *run)
{
	struct pci_set set;

	(void)run;
	find_nvme(&set);
	pci_leave(&set);
}

static void arrive(struct pci_set *set)
{
	find_nvme(set);
	lu_host("text jump Linux version");
	lu_host("text scan PCI host bridge to bus");
	lu_host("mark up");
}

static void audit(struct lu_run *run)
{
	struct pci_set set;

	(void)run;
	arrive(&set);
	pci_audit("scan", "up");
}

LU_TEST(sized, PCI_PROD MACHINE "fails=Base\\x20Address\\x20Registers\\x20is\\x20not\\x20to\\x20be",
	leave, audit);

static void mappings(struct lu_run *run)
{
	struct pci_set set;
	const char *found;

	(void)run;
	arrive(&set);
	found = lu_host("mappings jump up");
	LU_CHECK(!strcmp(found, "0"), "BAR mappings changed: %s", found);
}

LU_TEST(unmapped, PCI_PROD MACHINE "fails=BAR\\x20mappings\\x20changed", leave, mappings);

static void reset(struct lu_run *run)
{
	struct pci_set set, above;
	const char *found;

	(void)run;
	find_nvme(&set);
	lu_host("mark before");
	pci_set_attr(set.bdf[0], "reset", "1");
	lu_host("mark after");
	pci_bridges(set.bdf[0], &above);
	LU_EQ(above.nr, 1);
	found = lu_host("resets before after");
	LU_CHECK(!strcmp(found, "0"), "something was reset: %s", found);
}

LU_TEST(reset, PCI_PROD MACHINE "own fails=something\\x20was\\x20reset", reset);

/* And nothing is seen where there is nothing. */
static void nothing(struct lu_run *run)
{
	struct pci_set set;

	(void)run;
	find_nvme(&set);
	pci_watch(set.bdf[0]);
	lu_host("mark before");
	lu_host("mark after");
	pci_audit("before", "after");
	LU_CHECK(!strcmp(lu_host("mappings before after"), "0"), "it sees a mapping");
	LU_CHECK(!strcmp(lu_host("resets before after"), "0"), "it sees a reset");
	pci_compare(set.bdf[0]);
}

LU_TEST(nothing, PCI_PROD MACHINE "own", nothing);

static void config_write(struct lu_run *run)
{
	struct pci_set set;

	(void)run;
	find_nvme(&set);
	pci_watch(set.bdf[0]);
	LU_EQ(pci_try_config(set.bdf[0], 0x0c, 1, 0x10), 0);
	pci_compare(set.bdf[0]);
}

LU_TEST(config, PCI_PROD MACHINE "own fails=configuration:", config_write);

/* The host's hands: what is pulled is gone, what is plugged is there. */
static void pull(struct lu_run *run)
{
	(void)run;
	lu_host("at Linux.version pull 0000:00:03.0");
}

static void pulled(struct lu_run *run)
{
	struct pci_set set;

	(void)run;
	LU_CHECK(!strcmp(lu_host("waited"), "done"), "%s", lu_host("waited"));
	pci_find(&set, 0x1b36, 0x0010);
	LU_EQ(set.nr, 0);
}

static void swap(struct lu_run *run)
{
	(void)run;
	lu_host("at Linux.version pull 0000:00:03.0 and hmp device_add edu,bus=rp3 "
		"and power 0000:00:03.0");
}

static void swapped(struct lu_run *run)
{
	struct pci_set set;

	pulled(run);
	pci_find(&set, 0x1234, 0x11e8);
	LU_EQ(set.nr, 1);
}

#define HANDS	PCI_TRACE PCI_QTEST "device=pcie-root-port,id=rp3,chassis=1,addr=3.0 "		\
	"qemu=-blockdev qemu=driver=null-co,read-zeroes=on,node-name=disk,size=67108864 "	\
	"device=nvme,serial=s,drive=disk,bus=rp3 "

LU_TEST(pull, PCI_PROD HANDS, pull, pulled);
LU_TEST(swap, PCI_PROD HANDS, swap, swapped);

LU_MAIN
