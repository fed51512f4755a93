// SPDX-License-Identifier: GPL-2.0
/*
 * pci_carry: devices of all kinds, in all places, over live updates. Each of them has
 * a twin that is not preserved: to that one the new kernel does what it does to any
 * device, its built-in driver comes, and the host sees it.
 */
#define _GNU_SOURCE
#include "pci_common.h"

#define TOKEN		100

/* On the root bus. */
#define TESTDEV									\
	"device=pci-testdev,membar=4G,addr=0x10.0,multifunction=on "		\
	"device=edu,addr=0x10.1 device=pci-testdev,membar=1M,addr=0x10.3 "
/* Behind root ports: one each, with functions that are not neighbours. */
#define NVME(n)									\
	"device=pcie-root-port,id=nvme" #n ",chassis=1" #n " "			\
	"qemu=-blockdev qemu=driver=null-co,read-zeroes=on,node-name=disk" #n ",size=67108864 " \
	"device=nvme,serial=s" #n ",drive=disk" #n ",bus=nvme" #n " "
/* With virtual functions to be had, and so with ARI. */
#define ARI(n)									\
	"device=pcie-root-port,id=ari" #n ",chassis=7" #n " device=nvme-subsys,id=sub" #n " "	\
	"device=nvme,serial=a" #n ",subsys=sub" #n ",bus=ari" #n ",sriov_max_vfs=1,"		\
	"sriov_vq_flexible=2,sriov_vi_flexible=1,max_ioqpairs=4,msix_qsize=5 "
/* Behind a switch below a switch. */
#define SWITCH(n)								\
	"device=pcie-root-port,id=sw" #n ",chassis=2" #n " "			\
	"device=x3130-upstream,id=up" #n ",bus=sw" #n " "			\
	"device=xio3130-downstream,id=dn" #n "1,bus=up" #n ",chassis=3" #n " "	\
	"device=xio3130-downstream,id=dn" #n "2,bus=up" #n ",chassis=4" #n " "	\
	"device=x3130-upstream,id=uq" #n ",bus=dn" #n "2 "			\
	"device=xio3130-downstream,id=dq" #n ",bus=uq" #n ",chassis=5" #n " "
#define E1000E(bus)	"device=e1000e,bus=" bus " "
#define VIRTIO(bus)	"device=virtio-net-pci,disable-legacy=on,bus=" bus " "
/* Behind a second root bus. */
#define SECOND_ROOT								\
	"device=pxb-pcie,id=pxb,bus_nr=64,bus=pcie.0 "				\
	"device=pcie-root-port,id=far,bus=pxb,chassis=61 device=edu,bus=far "	\
	"device=pcie-root-port,id=far2,bus=pxb,chassis=62 " VIRTIO("far2")

#define MACHINE	"mem=1G " LUO_ON PCI_TRACE

/* With a register that a reset clears, and what it keeps otherwise. */
struct kind {
	int vendor, device;
	const char *driver;
	int bar, offset, size;
	uint32_t stamp, kept;
};

static const struct kind kinds[] = {
	/* pci-testdev, edu: liveness; nvme: admin queue; e1000e: ring; virtio: status */
	{ 0x1b36, 0x0005, "", .size = 0 },
	{ 0x1234, 0x11e8, "pci-lu-stub", 0, 0x04, 4, 0x12345678, 0xedcba987 },
	{ 0x1b36, 0x0010, "nvme", 0, 0x28, 4, 0x12345000, 0x12345000 },
	{ 0x8086, 0x10d3, "e1000e", 0, 0x2800, 4, 0x12345670, 0x12345670 },
	{ 0x1af4, 0x1041, "virtio-pci", 4, 0x14, 1, 3, 3 },
};

/* Of two of a kind the second is the twin; of testdev and edu all are preserved. */
static void sort_out(struct pci_set *carried, struct pci_set *twins)
{
	struct pci_set found;

	carried->nr = 0;
	twins->nr = 0;
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		pci_find(&found, kinds[k].vendor, kinds[k].device);
		for (int i = 0; i < found.nr; i++) {
			struct pci_set *set = i && k > 1 ? twins : carried;

			strcpy(set->bdf[set->nr++], found.bdf[i]);
		}
	}
	LU_CHECK(carried->nr, "there is nothing to carry");
}

static const struct kind *kind_of(const char *bdf)
{
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
		if (pci_config(bdf, 0, 2) == (uint32_t)kinds[k].vendor &&
		    pci_config(bdf, 2, 2) == (uint32_t)kinds[k].device)
			return &kinds[k];
	LU_FAIL("%s is of no kind", bdf);
}

static const char *usual_driver(const char *bdf)
{
	return kind_of(bdf)->driver;
}

/* What it would lose if it were reset; on the way back it is to be there. */
static void stamp(int fd, const char *bdf, bool check)
{
	const struct kind *kind = kind_of(bdf);
	volatile char *bar;
	uint32_t is;

	if (!kind->size)
		return;
	bar = pci_map_bar(fd, kind->bar, 0x4000);
	if (kind->size == 1) {
		volatile uint8_t *reg = (void *)(bar + kind->offset);

		if (!check)
			*reg = kind->stamp;
		is = *reg;
	} else {
		volatile uint32_t *reg = (void *)(bar + kind->offset);

		if (!check)
			*reg = kind->stamp;
		is = *reg;
	}
	LU_CHECK(is == kind->kept, "%s: register %#x of BAR %d is %#x, not %#x", bdf, kind->offset,
		 kind->bar, is, kind->kept);
	munmap((void *)bar, 0x4000);
}

static void check_twins(const struct pci_set *twins)
{
	for (int i = 0; i < twins->nr; i++)
		LU_CHECK(!strcmp(pci_driver(twins->bdf[i]), usual_driver(twins->bdf[i])),
			 "the driver of %s is '%s', not '%s'", twins->bdf[i],
			 pci_driver(twins->bdf[i]), usual_driver(twins->bdf[i]));
}

static int fds[PCI_MAX];

static void preserve_all(int session, const struct pci_set *set)
{
	for (int i = 0; i < set->nr; i++) {
		if (!fds[i])
			fds[i] = pci_open(set->bdf[i]);
		stamp(fds[i], set->bdf[i], false);
		luo_preserve(session, fds[i], TOKEN + i);
	}
}

static void before(struct lu_run *run)
{
	int session = pci_create("carry");
	struct pci_set carried, twins;

	sort_out(&carried, &twins);
	check_twins(&twins);
	for (int i = 0; i < carried.nr; i++)
		pci_bind_stub(carried.bdf[i]);
	preserve_all(session, &carried);
	lu_set(run, "carried", "%d", carried.nr);
	lu_set(run, "twins", "%d", twins.nr);
	pci_leave(&carried);
}

static void keep_off(const char *bdf)
{
	const char *usual = usual_driver(bdf);

	if (!strcmp(usual, "pci-lu-stub"))
		return;
	LU_CHECK(!pci_driver(bdf)[0], "%s drives %s", pci_driver(bdf), bdf);
	if (usual[0])
		LU_EQ(pci_try_bind(bdf, usual), -EBUSY);
	LU_CHECK(!pci_driver(bdf)[0], "%s drives %s", pci_driver(bdf), bdf);
	LU_CHECK(!strcmp(pci_attr(bdf, "liveupdate/state"), "incoming"), "%s is %s", bdf,
		 pci_attr(bdf, "liveupdate/state"));
}

static void take_all(const char *name, const struct pci_set *carried)
{
	int session = pci_retrieve(name);
	const char *resets;

	for (int i = 0; i < carried->nr; i++) {
		fds[i] = luo_take(session, TOKEN + i);
		LU_CHECK(!strcmp(pci_attr(carried->bdf[i], "liveupdate/state"), "retrieved"),
			 "%s is %s", carried->bdf[i],
			 pci_attr(carried->bdf[i], "liveupdate/state"));
		stamp(fds[i], carried->bdf[i], true);
	}
	/* Up to here nobody has written to them but to take them over. */
	lu_host("mark taken");
	pci_audit("jump", "taken");
	luo_finish(session);
	close(session);
	lu_host("mark finished");
	pci_audit("taken", "finished");
	resets = lu_host("resets up finished");
	LU_CHECK(!strcmp(resets, "0"), "something was reset: %s", resets);
	for (int i = 0; i < carried->nr; i++)
		stamp(fds[i], carried->bdf[i], true);
}

static void after(struct lu_run *run)
{
	struct pci_set carried, twins;

	sort_out(&carried, &twins);
	LU_EQ(carried.nr, lu_get_num(run, "carried"));
	LU_EQ(twins.nr, lu_get_num(run, "twins"));
	pci_arrive(&carried);

	check_twins(&twins);
	for (int i = 0; i < twins.nr; i++) {
		LU_CHECK(strtol(lu_host("writes %s 0x10 jump up", twins.bdf[i]), NULL, 10) > 0,
			 "the host did not see %s being sized", twins.bdf[i]);
		LU_CHECK(!strcmp(pci_attr(twins.bdf[i], "liveupdate/state"), "none"), "%s is %s",
			 twins.bdf[i], pci_attr(twins.bdf[i], "liveupdate/state"));
	}
	for (int i = 0; i < carried.nr; i++) {
		LU_EQ(strtol(lu_host("writes %s 0x10 jump up", carried.bdf[i]), NULL, 10), 0);
		keep_off(carried.bdf[i]);
		pci_bind_stub(carried.bdf[i]);
	}
	take_all("carry", &carried);
	for (int i = 0; i < carried.nr; i++) {
		pci_compare(carried.bdf[i]);
		LU_EQ(pci_info(fds[i]).updates, run->stage);
		LU_EQ(pci_config(carried.bdf[i], 4, 2) & 6, 6);
	}
	if (run->stage + 1 < run->nr_stages) {
		preserve_all(pci_create("carry"), &carried);
		pci_leave(&carried);
		return;
	}
	/* An ordinary device from now on: the usual driver can have it. */
	for (int i = 0; i < carried.nr; i++) {
		const char *usual = usual_driver(carried.bdf[i]);

		close(fds[i]);
		if (!usual[0] || !strcmp(usual, "pci-lu-stub"))
			continue;
		pci_unbind(carried.bdf[i]);
		pci_set_attr(carried.bdf[i], "driver_override", "\n");
		LU_EQ(pci_try_bind(carried.bdf[i], usual), 0);
	}
}

LU_TEST(testdev, MACHINE TESTDEV, before, after);
LU_TEST(nvme, PCI_PROD MACHINE NVME(1) NVME(2), before, after);
LU_TEST(behind_switches, PCI_PROD MACHINE SWITCH(1) SWITCH(2) E1000E("dq1") VIRTIO("dn11")
	E1000E("dq2") VIRTIO("dn21"), before, after);
LU_TEST(second_root, PCI_PROD MACHINE SECOND_ROOT VIRTIO("pcie.0"), before, after);

#define EVERYTHING	MACHINE TESTDEV NVME(1) NVME(2) SWITCH(1) SWITCH(2)		\
	E1000E("dq1") VIRTIO("dn11") E1000E("dq2") VIRTIO("dn21") SECOND_ROOT

LU_TEST(everything, PCI_PROD EVERYTHING, before, after);
LU_TEST(three_updates, PCI_PROD EVERYTHING, before, after, after, after);

/*
 * A switch with a twin below its first port and an edu below its second; the next bus is
 * that of another port with an edu. A new number for the first port would be that bus.
 */
#define HALF_SWITCH								\
	"device=pcie-root-port,id=hs,chassis=71 "				\
	"device=x3130-upstream,id=hu,bus=hs "					\
	"device=xio3130-downstream,id=hd1,bus=hu,chassis=72 "			\
	"device=xio3130-downstream,id=hd2,bus=hu,chassis=73 "			\
	VIRTIO("hd1") "device=edu,bus=hd2 "					\
	"device=pcie-root-port,id=hb,chassis=74 device=edu,bus=hb "

/* What the next kernel is told to do with its devices. */
static void hostile(struct lu_run *run, const char *append)
{
	before(run);
	snprintf(run->append, sizeof(run->append), "%s", append);
}

static void assign_busses(struct lu_run *run)
{
	hostile(run, "pci=assign-busses");
}

/* The twin of the nvme, to which the option does what it does not to the carried ones. */
static void find_twin(char *bdf)
{
	struct pci_set nvme;

	pci_find(&nvme, 0x1b36, 0x0010);
	LU_EQ(nvme.nr, 2);
	strcpy(bdf, nvme.bdf[1]);
}

/* It wants more room than there is in its window, which has to move for that. */
#define REALLOC_ALIGN	(1 << 24)

static void realloc_on(struct lu_run *run)
{
	char twin[PCI_BDF], option[128];

	find_twin(twin);
	LU_CHECK(pci_bar(twin, 0) & (REALLOC_ALIGN - 1), "its BAR is aligned already");
	snprintf(option, sizeof(option), "pci=realloc=on,resource_alignment=24@%s", twin);
	hostile(run, option);
}

static void after_realloc(struct lu_run *run)
{
	char twin[PCI_BDF];

	after(run);
	find_twin(twin);
	LU_CHECK(pci_bar(twin, 0) && !(pci_bar(twin, 0) & (REALLOC_ALIGN - 1)),
		 "the BAR of the twin did not move: it is at %#llx",
		 (unsigned long long)pci_bar(twin, 0));
}

/* Both have ARI, and their ports have it on. */
static void check_ari(int carried, int twin)
{
	struct pci_set nvme, above;

	pci_find(&nvme, 0x1b36, 0x0010);
	LU_EQ(nvme.nr, 2);
	pci_bridges(nvme.bdf[0], &above);
	LU_EQ(pci_config(above.bdf[0], pci_capability(above.bdf[0], PCI_CAP_EXPRESS) + 0x28, 2) &
	      0x20, 0x20);
	LU_EQ(strtol(pci_attr(nvme.bdf[0], "ari_enabled"), NULL, 10), carried);
	LU_EQ(strtol(pci_attr(nvme.bdf[1], "ari_enabled"), NULL, 10), twin);
}

static void no_ari(struct lu_run *run)
{
	check_ari(1, 1);
	hostile(run, "pci=noari");
}

static void after_noari(struct lu_run *run)
{
	check_ari(1, 0);
	after(run);
}

static int acs_of_port(const char *bdf)
{
	struct pci_set above;
	int pos;

	pci_bridges(bdf, &above);
	pos = pci_ext_capability(above.bdf[0], PCI_EXT_ACS);
	LU_CHECK(pos, "%s has no ACS", above.bdf[0]);
	return pci_config(above.bdf[0], pos + 6, 2);
}

static void config_acs(struct lu_run *run)
{
	char twin[PCI_BDF];

	find_twin(twin);
	lu_set(run, "acs", "%d", acs_of_port(twin));
	hostile(run, "pci=config_acs=1111111@pci:0:0");
}

static void after_acs(struct lu_run *run)
{
	char twin[PCI_BDF];

	find_twin(twin);
	LU_CHECK(acs_of_port(twin) != lu_get_num(run, "acs"), "the option did nothing to the twin");
	after(run);
}

static void no_msi(struct lu_run *run)
{
	hostile(run, "pci=nomsi");
}

static void alignment(struct lu_run *run)
{
	struct pci_set carried, twins;
	char option[512] = "pci=resource_alignment=";

	/* Not the twins: they would have no room in the windows as they are. */
	sort_out(&carried, &twins);
	for (int i = 0; i < carried.nr; i++)
		snprintf(option + strlen(option), sizeof(option) - strlen(option), "%s24@%s",
			 i ? ";" : "", carried.bdf[i]);
	hostile(run, option);
}

static void peer2peer(struct lu_run *run)
{
	hostile(run, "pci=pcie_bus_peer2peer");
}

static void aspm_force(struct lu_run *run)
{
	hostile(run, "pcie_aspm=force pcie_aspm.policy=powersupersave");
}

LU_TEST(against_assign_busses, PCI_PROD EVERYTHING HALF_SWITCH, assign_busses, after);
LU_TEST(against_realloc, PCI_PROD EVERYTHING, realloc_on, after_realloc);
LU_TEST(against_noari, PCI_PROD MACHINE TESTDEV ARI(1) ARI(2), no_ari, after_noari);
LU_TEST(against_config_acs, PCI_PROD EVERYTHING, config_acs, after_acs);
LU_TEST(against_nomsi, PCI_PROD EVERYTHING, no_msi, after);
LU_TEST(against_resource_alignment, PCI_PROD EVERYTHING, alignment, after);
LU_TEST(against_peer2peer, PCI_PROD EVERYTHING, peer2peer, after);
LU_TEST(against_aspm, PCI_PROD EVERYTHING, aspm_force, after);

LU_MAIN
