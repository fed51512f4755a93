// SPDX-License-Identifier: GPL-2.0
/*
 * pci_driver: the way of a device through the callbacks of its driver, also when it ends
 * early: somebody refuses, gives up, never comes, or comes too soon.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/reboot.h>
#include <sys/wait.h>

#include "formats_common.h"
#include "pci_common.h"
#include "pci_e1000e.h"

#define TOKEN		100
#define TOKEN_MEMORY	1
#define TOKEN_CARD	50

#define EDU_VENDOR	0x1234
#define EDU_DEVICE	0x11e8
#define EDU_IRQ_STATUS	0x24
#define EDU_RAISE	0x60
#define EDU_ACK		0x64

#define CACHE_LINE	0x0c

#define EDU(n)							\
	"device=pcie-root-port,id=rp" #n ",chassis=" #n " "	\
	"device=edu,dma_mask=0xffffffffffffffff,bus=rp" #n " "
#define THREE	EDU(1) EDU(2) EDU(3)
#define MACHINE	"mem=1G " LUO_ON PCI_TRACE

static struct pci_set edus;
static int fds[PCI_MAX];

static void find_all(void)
{
	pci_find(&edus, EDU_VENDOR, EDU_DEVICE);
	LU_CHECK(edus.nr, "there is no edu");
}

static void open_all(void)
{
	find_all();
	for (int i = 0; i < edus.nr; i++)
		fds[i] = pci_open(edus.bdf[i]);
}

static void check_history(const char *bdf, const char *want)
{
	LU_CHECK(!strcmp(pci_attr(bdf, "lu_stub/history"), want), "the history of %s is '%s'", bdf,
		 pci_attr(bdf, "lu_stub/history"));
}

static void check_state(const char *bdf, const char *want)
{
	LU_CHECK(!strcmp(pci_attr(bdf, "liveupdate/state"), want), "%s is %s, not %s", bdf,
		 pci_attr(bdf, "liveupdate/state"), want);
}

static void check_works(int i)
{
	volatile uint32_t *reg = pci_map_bar(fds[i], 0, 4096);
	int event = LU_OK(eventfd(0, EFD_CLOEXEC));

	LU_EQ(pci_try_listen(fds[i], event), 0);
	reg[EDU_RAISE / 4] = 1;
	LU_EQ(pci_events(event, 5000), 1);
	reg[EDU_ACK / 4] = reg[EDU_IRQ_STATUS / 4];
	LU_EQ(pci_try_listen(fds[i], -1), 0);
	munmap((void *)reg, 4096);
	close(event);
}

/* Old kernel only */

static void cancel(struct lu_run *run)
{
	int dev = luo_open(), session;
	struct pci_set above;
	uint64_t address;
	int memfd;

	(void)run;
	open_all();
	memfd = luo_memfd("m", 0, 4096, 1);
	pci_bridges(edus.bdf[0], &above);
	for (int round = 0; round < 2; round++) {
		session = luo_create(dev, "cancel");
		luo_preserve(session, fds[0], TOKEN);
		check_state(edus.bdf[0], "outgoing");
		check_state(above.bdf[0], "outgoing");
		check_state(edus.bdf[1], "none");
		LU_CHECK(!strcmp(pci_attr(edus.bdf[0], "liveupdate/compatible"), "pci-lu-stub-v1"),
			 "the format is %s", pci_attr(edus.bdf[0], "liveupdate/compatible"));
		/* Not twice, by whichever file; and nothing changes meanwhile. */
		LU_EQ(luo_try_preserve(session, fds[0], TOKEN + 1), -EBUSY);
		LU_EQ(luo_try_preserve(session, pci_open(edus.bdf[0]), TOKEN + 1), -EBUSY);
		LU_EQ(pci_try_map(fds[0], memfd, 0, 4096, &address), -EBUSY);
		luo_close(session);
		check_state(edus.bdf[0], "none");
		check_state(above.bdf[0], "none");
		LU_EQ(pci_try_map(fds[0], memfd, 0, 4096, &address), 0);
		LU_EQ(pci_try_unmap(fds[0], address), 0);
		LU_EQ(pci_try_unmap(fds[0], address), -ENOENT);
	}
	check_history(edus.bdf[0], "prepare cancel prepare cancel ");
	check_works(0);
}

LU_TEST(cancel, MACHINE THREE "own flavour=prod+debug", cancel);

static int load_with(const char *more)
{
	char line[4096];

	snprintf(line, sizeof(line), "%s %s", lu_cmdline(), more);
	return lu_kexec_load("/boot/bzImage.prod", line, 0);
}

/* Command lines with which devices do not survive. */
static void next_loses_devices(int dev)
{
	static const char * const words[] = {
		"pci=nommconf", "acpi=off", "iommu=pt", "intel_iommu=on",
	};
	int session = luo_create(dev, "loses");
	char text[128];

	LU_EQ(load_with("pci=nommconf"), 0);
	LU_EQ(luo_log_count("pci=nommconf: ", NULL, 0), 0);
	LU_EQ(luo_try_preserve(session, fds[0], TOKEN), -EPROTONOSUPPORT);
	LU_EQ(luo_log_count("cannot go over for the command line of the loaded kernel, "
			    "pci=nommconf: PCI devices", NULL, 0), 1);
	check_state(edus.bdf[0], "none");

	LU_EQ(load_with(""), 0);
	luo_preserve(session, fds[0], TOKEN);
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		LU_EQ(load_with(words[i]), 0);
		snprintf(text, sizeof(text), "luo: command line of the next kernel, %s: ",
			 words[i]);
		LU_EQ(luo_log_count(text, NULL, 0), 1);
		LU_EQ(luo_try_jump(), -EPROTONOSUPPORT);
		snprintf(text, sizeof(text), "called off for the command line of the next kernel, "
			 "%s: ", words[i]);
		LU_EQ(luo_log_count(text, NULL, 0), 1);
		check_state(edus.bdf[0], "outgoing");
	}
	luo_close(session);
}

/* The kernel that is loaded reads all, but not what the driver writes. */
static void next_lacks_format(struct lu_run *run)
{
	struct formats_image image = formats_read("/boot/bzImage.prod");
	int dev = luo_open(), session = luo_create(dev, "lacks");

	(void)run;
	formats_rename(&image, "pci-lu-stub-v1", "pci-lu-stub-v9");
	formats_write(&image, "/tmp/lacks");
	LU_EQ(lu_kexec_load("/tmp/lacks", lu_cmdline(), 0), 0);
	open_all();
	LU_EQ(luo_try_preserve(session, fds[0], TOKEN), -EPROTONOSUPPORT);
	LU_EQ(formats_refused("lacks", TOKEN, "does not read format pci-lu-stub-v1"), 1);
	check_state(edus.bdf[0], "none");
	check_history(edus.bdf[0], "prepare cancel ");

	LU_EQ(lu_kexec_load("/boot/bzImage.prod", lu_cmdline(), 0), 0);
	luo_preserve(session, fds[0], TOKEN);
	luo_close(dev);
	LU_EQ(formats_luctl_check("/tmp/lacks", "session lacks: the device of 1 file (first: token "
				  "100) is lost: the image does not read the format "
				  "pci-lu-stub-v1, only pci-lu-stub-v9"), 4);
	dev = luo_open();
	/* One line for a format, not for a device. */
	luo_preserve(session, fds[1], TOKEN + 1);
	LU_EQ(lu_kexec_load("/tmp/lacks", lu_cmdline(), 0), -EPROTONOSUPPORT);
	LU_EQ(formats_refused("lacks", TOKEN, "does not read format pci-lu-stub-v1"), 2);
	LU_EQ(luo_log_count("does not read format pci-lu-stub-v1.", NULL, 0), 2);
	formats_rename(&image, "pci-lu-stub-v9", "pci-lu-stub-v1");
	formats_rename(&image, "pci-state-v1", "pci-state-v9");
	formats_write(&image, "/tmp/lacks");
	LU_EQ(lu_kexec_load("/tmp/lacks", lu_cmdline(), 0), -EPROTONOSUPPORT);
	LU_EQ(formats_refused("lacks", TOKEN, "does not read format pci-state-v1"), 1);
	check_state(edus.bdf[0], "outgoing");
	luo_close(session);

	next_loses_devices(dev);
	/* Nothing was frozen. */
	check_history(edus.bdf[0], "prepare cancel prepare cancel prepare cancel prepare cancel ");
	luo_close(dev);
	check_works(0);
}

LU_TEST(next_lacks_format, PCI_PROD MACHINE THREE FORMATS_LUCTL "own image=prod",
	next_lacks_format);

static void refused(struct lu_run *run)
{
	int dev = luo_open(), session = luo_create(dev, "refused"), memfd;
	struct pci_set above;

	(void)run;
	open_all();
	pci_bridges(edus.bdf[0], &above);
	pci_set_attr(edus.bdf[0], "lu_stub/fail", "prepare 28");
	LU_EQ(luo_try_preserve(session, fds[0], TOKEN), -ENOSPC);
	check_state(edus.bdf[0], "none");
	check_state(above.bdf[0], "none");

	/* It may write to memory that stays behind. */
	memfd = luo_memfd("m", 0, 4096, 1);
	pci_map(fds[0], memfd, 0, 4096);
	LU_EQ(luo_try_preserve(session, fds[0], TOKEN), -ENOENT);
	check_state(edus.bdf[0], "none");
	luo_preserve(session, memfd, TOKEN_MEMORY);
	luo_preserve(session, fds[0], TOKEN);
	check_history(edus.bdf[0], "prepare prepare ");
	check_state(edus.bdf[0], "outgoing");
}

LU_TEST(refused, PCI_PROD MACHINE THREE "own", refused);

/* A bridge is there for all that is below it, in whichever session. */
static void bridge_count(struct lu_run *run)
{
	int dev = luo_open(), sessions[2];
	struct pci_set above;

	(void)run;
	open_all();
	LU_EQ(edus.nr, 2);
	LU_EQ(pci_bridges(edus.bdf[0], &above), 3);
	for (int i = 0; i < 2; i++) {
		sessions[i] = luo_create(dev, i ? "b" : "a");
		luo_preserve(sessions[i], fds[i], TOKEN);
	}
	for (int i = 0; i < 2; i++) {
		check_state(above.bdf[1], "outgoing");
		check_state(above.bdf[2], "outgoing");
		luo_close(sessions[i]);
		check_state(edus.bdf[i], "none");
	}
	for (int i = 0; i < above.nr; i++)
		check_state(above.bdf[i], "none");
}

LU_TEST(bridge_count, PCI_PROD MACHINE "device=pcie-root-port,id=rp,chassis=1 "
	"device=x3130-upstream,id=up,bus=rp device=xio3130-downstream,id=d1,bus=up,chassis=2 "
	"device=xio3130-downstream,id=d2,bus=up,chassis=3 device=edu,bus=d1 device=edu,bus=d2 own",
	bridge_count);

/* What is preserved is not taken away; but until it is frozen it is its user's to reset. */
static void outgoing_guards(struct lu_run *run)
{
	int session = pci_create("guards");

	(void)run;
	open_all();
	luo_preserve(session, fds[0], TOKEN);
	LU_EQ(pci_try_set(edus.bdf[0], "remove", "1"), -EBUSY);
	if (!access(pci_path(edus.bdf[0], "reset"), F_OK))
		LU_EQ(pci_try_set(edus.bdf[0], "reset", "1"), 0);
	check_state(edus.bdf[0], "outgoing");
	check_works(1);
}

LU_TEST(outgoing_guards, PCI_PROD MACHINE THREE "own", outgoing_guards);

/* What cannot be carried is refused, and says why. */
static void virtual_functions(struct lu_run *run)
{
	int session = pci_create("vfs");
	struct pci_set nvme;

	(void)run;
	pci_find(&nvme, 0x1b36, 0x0010);
	LU_EQ(nvme.nr, 1);
	pci_set_attr(nvme.bdf[0], "sriov_drivers_autoprobe", "0");
	pci_set_attr(nvme.bdf[0], "sriov_numvfs", "1");
	pci_find(&nvme, 0x1b36, 0x0010);
	LU_EQ(nvme.nr, 2);

	for (int i = 0; i < 2; i++)
		pci_bind_stub(nvme.bdf[i]);
	LU_EQ(luo_try_preserve(session, pci_open(nvme.bdf[0]), TOKEN), -EBUSY);
	LU_CHECK(lu_dmesg_has("it has virtual functions"), "the log does not say why");
	LU_EQ(luo_try_preserve(session, pci_open(nvme.bdf[1]), TOKEN), -EOPNOTSUPP);
	LU_CHECK(lu_dmesg_has("virtual functions cannot be carried over"),
		 "the log does not say why");
	for (int i = 0; i < 2; i++)
		check_state(nvme.bdf[i], "none");
}

LU_TEST(virtual_functions, PCI_PROD MACHINE "device=pcie-root-port,id=rp,chassis=1 "
	"device=nvme-subsys,id=sub device=nvme,serial=s,subsys=sub,bus=rp,sriov_max_vfs=1,"
	"sriov_vq_flexible=2,sriov_vi_flexible=1,max_ioqpairs=4,msix_qsize=5 own",
	virtual_functions);

/* What translates its addresses stays behind. */
static void translated(struct lu_run *run)
{
	int session = pci_create("iommu");

	(void)run;
	open_all();
	LU_EQ(luo_try_preserve(session, fds[0], TOKEN), -EOPNOTSUPP);
	LU_CHECK(lu_dmesg_has("an IOMMU translates its addresses"), "the log does not say why");
	check_state(edus.bdf[0], "none");
	check_history(edus.bdf[0], "");

	/* The next kernel would translate them again. */
	close(fds[0]);
	pci_unbind(edus.bdf[0]);
	pci_set_attr(edus.bdf[0], "iommu_group/type", "identity");
	LU_EQ(pci_try_bind(edus.bdf[0], "pci-lu-stub"), 0);
	fds[0] = pci_open(edus.bdf[0]);
	LU_EQ(luo_try_preserve(session, fds[0], TOKEN), -EOPNOTSUPP);
	LU_CHECK(lu_dmesg_has("an IOMMU would translate its addresses in the next kernel"),
		 "the log does not say why");
	check_state(edus.bdf[0], "none");
}

LU_TEST(translated, PCI_PROD MACHINE THREE "device=intel-iommu append=intel_iommu=on own",
	translated);

/*
 * The next kernel begins to translate: nobody gets a device whose DMA does not arrive. A card,
 * as an edu has its driver before its translation can be changed.
 */
static void passes(struct lu_run *run)
{
	struct pci_set card;

	(void)run;
	pci_find(&card, E1000E_VENDOR, E1000E_DEVICE);
	LU_EQ(card.nr, 1);
	pci_bind_stub(card.bdf[0]);
	luo_preserve(pci_create("carry"), pci_open(card.bdf[0]), TOKEN_CARD);
	pci_leave(&card);
}

static void translates(struct lu_run *run)
{
	struct pci_set card;
	int session;

	(void)run;
	pci_find(&card, E1000E_VENDOR, E1000E_DEVICE);
	pci_arrive(&card);
	pci_set_attr(card.bdf[0], "iommu_group/type", "DMA");
	pci_bind_stub(card.bdf[0]);
	session = pci_retrieve("carry");
	LU_EQ(luo_try_take(session, TOKEN_CARD), -EOPNOTSUPP);
	LU_CHECK(lu_dmesg_has("its DMA does not arrive"), "the log does not say why");
	check_state(card.bdf[0], "incoming");
	LU_EQ(luo_try_finish(session), -EBUSY);
	pci_set_attr(card.bdf[0], "liveupdate/abandon", "1");
	check_state(card.bdf[0], "abandoned");
	luo_finish(session);
}

LU_TEST(next_translates, PCI_PROD MACHINE "device=pcie-root-port,id=rp,chassis=1 "
	"device=e1000e,romfile=,bus=rp device=intel-iommu append=intel_iommu=on append=iommu=pt",
	passes, translates);

/* Called off */

static void listen_all(int *events)
{
	for (int i = 0; i < edus.nr; i++) {
		events[i] = LU_OK(eventfd(0, EFD_CLOEXEC));
		LU_EQ(pci_try_listen(fds[i], events[i]), 0);
	}
}

static void raise_all(const int *events)
{
	for (int i = 0; i < edus.nr; i++) {
		volatile uint32_t *reg = pci_map_bar(fds[i], 0, 4096);

		reg[EDU_RAISE / 4] = 1;
		LU_EQ(pci_events(events[i], 5000), 1);
		reg[EDU_ACK / 4] = reg[EDU_IRQ_STATUS / 4];
		munmap((void *)reg, 4096);
	}
}

/* Until it is killed. While it is frozen it is refused. */
static pid_t reset_all_the_time(const char *bdf)
{
	pid_t pid = LU_OK(fork());
	int err;

	while (!pid) {
		err = pci_try_set(bdf, "reset", "1");
		if (err && err != -EBUSY)
			_exit(1);
	}
	return pid;
}

static void stop_resetting(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	LU_EQ(waitpid(pid, &status, 0), pid);
	LU_CHECK(WIFSIGNALED(status), "a reset failed");
}

struct card {
	char bdf[PCI_BDF];
	volatile uint32_t *reg;
	int msix, event;
};

/* One with MSI-X, and the first to freeze. */
static struct card open_card(int session)
{
	struct pci_set set;
	struct card card;
	int fd;

	pci_find(&set, E1000E_VENDOR, E1000E_DEVICE);
	LU_EQ(set.nr, 1);
	strcpy(card.bdf, set.bdf[0]);
	pci_bind_stub(card.bdf);
	fd = pci_open(card.bdf);
	card.msix = pci_capability(card.bdf, PCI_CAP_MSIX);
	card.reg = pci_map_bar(fd, 0, E1000E_SIZE);
	card.event = LU_OK(eventfd(0, EFD_CLOEXEC));
	LU_EQ(pci_try_listen(fd, card.event), 0);
	e1000e_interrupt(card.reg, card.event);
	luo_preserve(session, fd, TOKEN_CARD);
	return card;
}

static void check_called_off(const struct card *card, int control, char config[][64])
{
	for (int i = 0; i < edus.nr; i++) {
		check_state(edus.bdf[i], "outgoing");
		for (int r = 0; r < 64; r++)
			LU_EQ((char)pci_config(edus.bdf[i], r, 1), config[i][r]);
	}
	/* Its MSI-X was off for a while. */
	LU_EQ(pci_config(card->bdf, card->msix + 2, 2), control);
	e1000e_interrupt(card->reg, card->event);
}

#define CALLED_OFF	"freeze unfreeze "

static void freeze_fails(struct lu_run *run)
{
	int session = pci_create("carry"), events[PCI_MAX], control, other;
	struct card card;
	char config[PCI_MAX][64];
	pid_t resetting;
	int seen = 0;

	card = open_card(session);
	control = pci_config(card.bdf, card.msix + 2, 2);
	LU_EQ(control & 0xc000, 0x8000);
	open_all();
	listen_all(events);
	raise_all(events);
	for (int i = 0; i < edus.nr; i++)
		luo_preserve(session, fds[i], TOKEN + i);
	LU_EQ(lu_kexec_load("/boot/bzImage", lu_cmdline(), 0), 0);
	for (int i = 0; i < edus.nr; i++)
		for (int r = 0; r < 64; r++)
			config[i][r] = pci_config(edus.bdf[i], r, 1);

	/* The last one of three, then the first one. */
	for (int k = edus.nr - 1; k >= 0; k -= edus.nr - 1) {
		pci_set_attr(edus.bdf[k], "lu_stub/fail", "freeze 28");
		LU_CHECK(reboot(RB_KEXEC) < 0 && errno == ENOSPC,
			 "the update was not called off: %m");
		check_called_off(&card, control, config);
		raise_all(events);
	}
	check_history(edus.bdf[0], "prepare freeze unfreeze freeze ");
	check_history(edus.bdf[1], "prepare freeze unfreeze ");
	check_history(edus.bdf[2], "prepare freeze ");

	/* And when something else fails, after PCI was frozen. */
	luo_ex("register");
	luo_ex("clear");
	other = pci_create("other");
	luo_preserve(other, luo_ex_new(1), 1);
	luo_ex("fail flb_freeze flb %d", -28);
	LU_CHECK(reboot(RB_KEXEC) < 0 && errno == ENOSPC, "the update was not called off: %m");
	check_called_off(&card, control, config);
	raise_all(events);
	check_history(edus.bdf[0], "prepare freeze unfreeze freeze " CALLED_OFF);
	check_history(edus.bdf[2], "prepare freeze " CALLED_OFF);

	/*
	 * While somebody resets one of them: seen, or refused, but never both at a time. A
	 * freeze that comes between two resets goes on to where the other one fails.
	 */
	resetting = reset_all_the_time(edus.bdf[1]);
	for (int i = 0; i < 500 && seen < 3; i++) {
		luo_ex("fail flb_freeze flb %d", -28);
		LU_CHECK(reboot(RB_KEXEC) < 0 && (errno == EBUSY || errno == ENOSPC),
			 "the update was not called off: %m");
		seen += errno == EBUSY;
	}
	stop_resetting(resetting);
	LU_EQ(seen, 3);
	luo_close(other);
	check_called_off(&card, control, config);
	raise_all(events);

	/* And once more, for good. */
	(void)run;
	pci_leave(&edus);
}

static void freeze_failed(struct lu_run *run)
{
	struct pci_set card;
	int session;

	(void)run;
	find_all();
	pci_arrive(&edus);
	pci_find(&card, E1000E_VENDOR, E1000E_DEVICE);
	pci_bind_stub(card.bdf[0]);
	session = pci_retrieve("carry");
	luo_take(session, TOKEN_CARD);
	for (int i = 0; i < edus.nr; i++)
		fds[i] = luo_take(session, TOKEN + i);
	luo_finish(session);
	for (int i = 0; i < edus.nr; i++) {
		check_history(edus.bdf[i], "finish ");
		check_works(i);
	}
}

LU_TEST(freeze_fails, MACHINE THREE "leaks=first device=e1000e,romfile= append=luo_exercise.late=1",
	freeze_fails, freeze_failed);

/* The next kernel's user space */

static void before(struct lu_run *run)
{
	int session = pci_create("carry"), memfd = luo_memfd("m", 0, 4096, 1);

	(void)run;
	find_all();
	pci_unbind(edus.bdf[0]);
	LU_EQ(pci_try_config(edus.bdf[0], CACHE_LINE, 1, 0x10), 0);
	pci_bind_stub(edus.bdf[0]);
	LU_EQ(pci_try_config(edus.bdf[0], CACHE_LINE, 1, 0x20), 0);
	open_all();
	luo_preserve(session, memfd, TOKEN_MEMORY);
	for (int i = 0; i < edus.nr; i++) {
		pci_map(fds[i], memfd, 0, 4096);
		luo_preserve(session, fds[i], TOKEN + i);
	}
	pci_leave(&edus);
}

/* Guards, from up to finish. */
static void guarded(struct lu_run *run)
{
	static const struct {
		const char *file, *text;
		int error;
	} list[] = {
		{ "reset", "1", EBUSY }, { "remove", "1", EBUSY }, { "enable", "0", EBUSY },
		{ "enable", "1", EBUSY }, { "rescan", "1", EBUSY },
	};
	struct pci_set above;
	int session = -1;

	(void)run;
	find_all();
	pci_arrive(&edus);
	pci_bridges(edus.bdf[0], &above);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < ARRAY_LEN(list); i++) {
			int ret;

			if (access(pci_path(edus.bdf[0], list[i].file), F_OK))
				continue;
			ret = pci_try_set(edus.bdf[0], list[i].file, list[i].text);
			LU_CHECK(ret == -list[i].error, "%s: %s", list[i].file, strerror(-ret));
		}
		LU_EQ(pci_try_set(above.bdf[0], "remove", "1"), -EBUSY);
		if (!access(pci_path(above.bdf[0], "reset"), F_OK))
			LU_EQ(pci_try_set(above.bdf[0], "reset", "1"), -EBUSY);
		LU_EQ(pci_try_config(edus.bdf[0], 0x04, 2, 0), -EBUSY);
		LU_EQ(pci_try_config(above.bdf[0], 0x19, 1, 0), -EBUSY);
		if (!access(pci_path(edus.bdf[0], "power/runtime_status"), F_OK))
			LU_CHECK(strcmp(pci_attr(edus.bdf[0], "power/runtime_status"), "suspended"),
				 "it sleeps");
		if (!round) {
			session = pci_retrieve("carry");
			for (int i = 0; i < edus.nr; i++)
				fds[i] = luo_take(session, TOKEN + i);
		}
	}
	LU_CHECK(pci_there(edus.bdf[0]), "it is gone");
	lu_host("mark guarded");
	pci_audit("up", "guarded");
	pci_compare(edus.bdf[0]);
	luo_finish(session);
	/* An ordinary device again. */
	LU_EQ(pci_try_config(edus.bdf[0], 0x0c, 1, 0x10), 0);
	for (int i = 0; i < edus.nr; i++) {
		check_works(i);
		close(fds[i]);
	}
	LU_EQ(pci_try_set(edus.bdf[0], "remove", "1"), 0);
	LU_CHECK(!pci_there(edus.bdf[0]), "it is still there");
	lu_write("/sys/bus/pci/rescan", "1");
	LU_CHECK(pci_there(edus.bdf[0]), "it did not come back");
	check_state(edus.bdf[0], "none");
}

LU_TEST(guards, MACHINE "flavour=prod+debug " THREE, before, guarded);

/* Nobody comes; the first is given up, the others are taken after all. */
static void abandon(struct lu_run *run)
{
	int dev = luo_open(), session;

	(void)run;
	find_all();
	pci_arrive(&edus);
	check_state(edus.bdf[0], "incoming");
	LU_EQ(pci_try_open(edus.bdf[0]), -EBUSY);

	session = luo_retrieve(dev, "carry");
	LU_EQ(luo_try_finish(session), -EBUSY);
	for (int i = 1; i < edus.nr; i++) {
		/* Once not, which must not look as if it had been. */
		pci_set_attr(edus.bdf[i], "lu_stub/fail", "retrieve 11");
		LU_EQ(luo_try_take(session, TOKEN + i), -EAGAIN);
		check_state(edus.bdf[i], "incoming");
		fds[i] = luo_take(session, TOKEN + i);
	}
	LU_EQ(luo_try_finish(session), -EBUSY);

	/* And never. */
	pci_set_attr(edus.bdf[0], "lu_stub/fail", "retrieve 5");
	LU_EQ(luo_try_take(session, TOKEN), -EIO);
	LU_EQ(luo_try_finish(session), -EBUSY);
	LU_EQ(pci_config(edus.bdf[0], 4, 2) & 4, 4);
	pci_set_attr(edus.bdf[0], "liveupdate/abandon", "1");
	check_state(edus.bdf[0], "abandoned");
	LU_EQ(pci_config(edus.bdf[0], 4, 2) & 4, 0);
	/* As it was when the first driver came, not when the first kernel ended. */
	LU_EQ(pci_config(edus.bdf[0], CACHE_LINE, 1), 0x10);
	LU_EQ(luo_try_take(session, TOKEN), -EIO);
	luo_finish(session);
	for (int i = 1; i < edus.nr; i++) {
		check_state(edus.bdf[i], "finished");
		check_works(i);
	}
	/* It cannot do DMA before somebody takes it. */
	if (pci_driver(edus.bdf[0])[0])
		pci_unbind(edus.bdf[0]);
	LU_EQ(pci_config(edus.bdf[0], 4, 2) & 4, 0);
	LU_EQ(pci_try_bind(edus.bdf[0], "pci-lu-stub"), 0);
	fds[0] = pci_open(edus.bdf[0]);
	check_works(0);
	LU_EQ(pci_info(fds[0]).updates, 0);
}

LU_TEST(abandon, MACHINE THREE, before, abandon);

/* The next update comes before anybody took them: they end there. */
static void too_soon(struct lu_run *run)
{
	(void)run;
	find_all();
	pci_arrive(&edus);
	for (int i = 0; i < edus.nr; i++)
		check_state(edus.bdf[i], "incoming");
}

static void too_late(struct lu_run *run)
{
	(void)run;
	open_all();
	for (int i = 0; i < edus.nr; i++) {
		check_state(edus.bdf[i], "none");
		LU_EQ(pci_info(fds[i]).updates, 0);
		check_works(i);
	}
}

LU_TEST(two_before_finish, PCI_PROD MACHINE THREE, before, too_soon, too_late);

/* Retrieved and not finished, then another update. */
static void unfinished(struct lu_run *run)
{
	int dev = luo_open(), session = luo_retrieve(dev, "carry"), next;

	(void)run;
	find_all();
	pci_arrive(&edus);
	for (int i = 0; i < edus.nr; i++)
		fds[i] = luo_take(session, TOKEN + i);
	next = luo_create(dev, "next");
	LU_EQ(luo_try_preserve(next, fds[0], TOKEN), -EBUSY);
}

LU_TEST(two_before_finish_retrieved, PCI_PROD MACHINE THREE, before, unfinished, too_late);

static void without(struct lu_run *run)
{
	before(run);
	strcpy(run->append, "liveupdate=off");
	formats_jump_unsure(run);
}

static void plain(struct lu_run *run)
{
	(void)run;
	find_all();
	for (int i = 0; i < edus.nr; i++) {
		LU_CHECK(!pci_driver(edus.bdf[i])[0], "%s drives it", pci_driver(edus.bdf[i]));
		LU_EQ(pci_config(edus.bdf[i], 4, 2) & 2, 2);
		LU_CHECK(access(pci_path(edus.bdf[i], "liveupdate"), F_OK),
			 "there is a liveupdate folder");
	}
	LU_CHECK(access(LUO_DEV, F_OK), "live update is on");
}

LU_TEST(next_without, PCI_PROD MACHINE THREE, without, plain);

LU_MAIN
