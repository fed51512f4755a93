// SPDX-License-Identifier: GPL-2.0
/*
 * pci_guard: what somebody or something does to a device that came over and is not
 * finished. What a user asks for is refused, what the hardware asks for has to wait; after
 * finish, both work as ever.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pci_common.h"

#define TOKEN		100

#define PCI_HEADER	64
#define EDU_VENDOR	0x1234
#define EDU_DEVICE	0x11e8
#define EDU_IRQ_STATUS	0x24
#define EDU_RAISE	0x60
#define EDU_ACK		0x64

/* Ports have fixed places, for the host to find them; slots work with PCIe or with ACPI. */
#define PORT		"0000:00:04.0"
#define EDU							\
	"device=pcie-root-port,id=rp,chassis=4,slot=4,addr=4.0 "		\
	"device=edu,id=edu,dma_mask=0xffffffffffffffff,bus=rp "
#define NATIVE							\
	"qemu=-global qemu=ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off "
#define MACHINE	"mem=1G " LUO_ON PCI_TRACE EDU

static struct pci_set edus;
static int session, edu;

static bool comes_true(bool (*what)(void), double seconds)
{
	double begin = luo_seconds();

	while (!what()) {
		if (luo_seconds() - begin > seconds)
			return false;
		usleep(100000);
	}
	return true;
}

static bool is_gone(void)
{
	return !pci_there(edus.bdf[0]);
}

static void check_works(void)
{
	volatile uint32_t *reg = pci_map_bar(edu, 0, 4096);
	int event = LU_OK(eventfd(0, EFD_CLOEXEC));

	LU_EQ(pci_try_listen(edu, event), 0);
	reg[EDU_RAISE / 4] = 1;
	LU_EQ(pci_events(event, 5000), 1);
	reg[EDU_ACK / 4] = reg[EDU_IRQ_STATUS / 4];
	LU_EQ(pci_try_listen(edu, -1), 0);
	munmap((void *)reg, 4096);
	close(event);
}

static void before(struct lu_run *run)
{
	(void)run;
	pci_find(&edus, EDU_VENDOR, EDU_DEVICE);
	LU_EQ(edus.nr, 1);
	session = pci_create("guard");
	edu = pci_open(edus.bdf[0]);
	luo_preserve(session, edu, TOKEN);
	pci_leave(&edus);
}

static void arrive(void)
{
	pci_find(&edus, EDU_VENDOR, EDU_DEVICE);
	LU_EQ(edus.nr, 1);
	pci_arrive(&edus);
	session = pci_retrieve("guard");
	edu = luo_take(session, TOKEN);
	lu_host("mark taken");
}

static void check_untouched(void)
{
	const char *resets;

	lu_host("mark untouched");
	pci_audit("taken", "untouched");
	/* What happens to the port may be seen in its registers. */
	pci_compare_one(edus.bdf[0]);
	resets = lu_host("resets taken untouched");
	LU_CHECK(!strcmp(resets, "0"), "resets: %s", resets);
}

/* Files that pci_driver.c has not */

static int try_write(const char *path, const void *data, size_t len, off_t offset)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret = 0;

	if (fd < 0)
		return -errno;
	if (pwrite(fd, data, len, offset) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

static int try_proc(const char *bdf)
{
	char path[64];
	uint16_t command = 0;

	snprintf(path, sizeof(path), "/proc/bus/pci/%.2s/%.4s", bdf + 5, bdf + 8);
	return try_write(path, &command, sizeof(command), 4);
}

/* 0 or a negative errno; slots have the names that firmware gives them. */
static int try_slot_off(void)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/slots/4/power");
	return try_write(path, "0", 1, 0);
}

static void files(struct lu_run *run)
{
	char line[256], bus_rescan[64];

	(void)run;
	arrive();
	snprintf(bus_rescan, sizeof(bus_rescan), "/sys/class/pci_bus/%.7s/rescan", edus.bdf[0]);
	LU_EQ(try_write(bus_rescan, "1", 1, 0), -EBUSY);
	LU_EQ(pci_try_set(PORT, "reset_subordinate", "1"), -EBUSY);
	LU_EQ(try_write("/sys/bus/pci/rescan", "1", 1, 0), -EBUSY);
	LU_EQ(pci_try_set(PORT, "rescan", "1"), -EBUSY);
	LU_EQ(pci_try_set(edus.bdf[0], "rescan", "1"), -EBUSY);
	LU_EQ(try_proc(edus.bdf[0]), -EBUSY);
	LU_EQ(try_proc(PORT), -EBUSY);
	LU_EQ(try_slot_off(), -EBUSY);
	if (!access("/sys/power/state", W_OK))
		LU_EQ(try_write("/sys/power/state", "freeze", 6, 0), -EBUSY);
	check_untouched();
	check_works();
	luo_finish(session);

	LU_CHECK(luo_log_count("refused: it came from the previous kernel", line,
			       sizeof(line)) > 3, "the log does not say why");
	LU_EQ(try_proc(PORT), 0);
	LU_EQ(try_write(bus_rescan, "1", 1, 0), 0);
	LU_EQ(try_write("/sys/bus/pci/rescan", "1", 1, 0), 0);
	close(edu);
	LU_EQ(try_slot_off(), 0);
	LU_CHECK(comes_true(is_gone, 10), "the slot is off and it is still there");
}

LU_TEST(files, PCI_PROD MACHINE NATIVE, before, files);

/* An error that is worth a reset of all that is below the port. */

static bool has_recovered(void)
{
	return lu_dmesg_has("device recovery");
}

static void after_error(struct lu_run *run)
{
	uint8_t saved[PCI_HEADER];
	const char *resets;

	(void)run;
	arrive();
	for (size_t i = 0; i < ARRAY_LEN(saved); i++)
		saved[i] = pci_config(edus.bdf[0], i, 1);
	lu_host("hmp pcie_aer_inject_error rp MALF_TLP");
	usleep(1500000);
	LU_CHECK(lu_dmesg_has("error recovery for"), "nobody has seen the error");
	LU_CHECK(!has_recovered(), "recovery did not wait");
	check_untouched();
	check_works();
	luo_finish(session);
	LU_CHECK(comes_true(has_recovered, 10), "recovery waits for ever");
	/* It was reset, and goes on as it was. */
	LU_CHECK(lu_dmesg_has("device recovery successful"), "it did not recover");
	lu_host("mark recovered");
	resets = lu_host("resets untouched recovered");
	LU_CHECK(strcmp(resets, "0"), "nothing was reset");
	for (size_t i = 0; i < ARRAY_LEN(saved); i++)
		LU_EQ(pci_config(edus.bdf[0], i, 1), saved[i]);
	check_works();
}

LU_TEST(error, MACHINE "flavour=prod+debug " NATIVE, before, after_error);

/* Somebody wants to have the card, and presses the button. */

static void pressed(struct lu_run *run)
{
	(void)run;
	arrive();
	lu_host("hmp device_del edu");
	LU_CHECK(!comes_true(is_gone, 7), "it is gone");
	LU_CHECK(lu_dmesg_has("attention button of its slot refused"), "nobody has seen it");
	check_untouched();
	check_works();
	luo_finish(session);
	close(edu);
	lu_host("hmp device_del edu");
	LU_CHECK(comes_true(is_gone, 15), "it stays for ever");
}

LU_TEST(button, PCI_PROD MACHINE NATIVE, before, pressed);

static void eject(struct lu_run *run)
{
	(void)run;
	arrive();
	lu_host("hmp device_del edu");
	LU_CHECK(!comes_true(is_gone, 3), "it is gone");
	LU_CHECK(lu_dmesg_has("switching off its slot refused"), "nobody has seen it");
	check_untouched();
	check_works();
	luo_finish(session);
	close(edu);
	lu_host("hmp device_del edu");
	LU_CHECK(comes_true(is_gone, 10), "it stays for ever");
}

LU_TEST(eject, PCI_PROD MACHINE, before, eject);

/* Nobody asks, the card is just pulled. */

static bool is_noticed(void)
{
	return lu_dmesg_has("change in its slot");
}

static void pulled(struct lu_run *run)
{
	(void)run;
	arrive();
	lu_host("at GUARD-PULL pull " PORT);
	lu_write("/dev/kmsg", "<1>GUARD-PULL\n");
	LU_CHECK(comes_true(is_noticed, 30), "nobody has seen it");
	lu_host("waited");
	usleep(1500000);
	LU_CHECK(pci_there(edus.bdf[0]), "removal did not wait");
	luo_finish(session);
	close(edu);
	LU_CHECK(comes_true(is_gone, 10), "removal waits for ever");
}

LU_TEST(pull, PCI_PROD MACHINE NATIVE PCI_QTEST, before, pulled);

/* And one is added on the same bus, which firmware tells us to look at as a whole. */

static bool has_neighbour(void)
{
	struct pci_set neighbours;

	pci_find(&neighbours, 0x1b36, 0x0005);
	return neighbours.nr && pci_bar(neighbours.bdf[0], 0);
}

static void check_bus(struct lu_run *run)
{
	(void)run;
	arrive();
	lu_host("at GUARD-CHECK eject 3 and hmp device_add pci-testdev,bus=bridge,addr=4.0");
	lu_write("/dev/kmsg", "<1>GUARD-CHECK\n");
	/* It has its BARs when those before it on the bus were looked at. */
	LU_CHECK(comes_true(has_neighbour, 10), "the neighbour waits for a removal");
	lu_host("waited");
	LU_CHECK(pci_there(edus.bdf[0]), "removal did not wait");
	luo_finish(session);
	close(edu);
	lu_host("hmp device_add pci-testdev,bus=bridge,addr=5.0");
	LU_CHECK(comes_true(is_gone, 10), "it stays for ever");
}

LU_TEST(device_check, PCI_PROD "mem=1G " LUO_ON PCI_TRACE PCI_ACPI_QTEST
	"device=pci-bridge,id=bridge,chassis_nr=9,addr=6.0 device=edu,bus=bridge,addr=3.0",
	before, check_bus);

/*
 * All may sleep who can. A port sleeps when nothing below it is awake, and a function without
 * a driver is not: the twin's port sleeps, that of the device does not, in either kernel. It
 * takes functions that know of power states, which edu does not.
 */
#define TWIN_PORT	"0000:00:05.0"
#define CARD(n)	"device=pcie-root-port,id=rp" #n ",chassis=" #n ",slot=" #n ",addr=" #n ".0 "	\
	"device=e1000e,romfile=,bus=rp" #n " "

static struct pci_set cards;

static bool is_suspended(const char *bdf)
{
	return !strcmp(pci_attr(bdf, "power/runtime_status"), "suspended");
}

static bool twin_sleeps(void)
{
	return is_suspended(TWIN_PORT);
}

static bool port_sleeps(void)
{
	return is_suspended(PORT);
}

static void let_sleep(void)
{
	pci_unbind(cards.bdf[1]);
	for (int i = 0; i < cards.nr; i++)
		pci_set_attr(cards.bdf[i], "power/control", "auto");
	pci_set_attr(PORT, "power/control", "auto");
	pci_set_attr(TWIN_PORT, "power/control", "auto");
	LU_CHECK(comes_true(twin_sleeps, 10), "the port of the twin does not sleep: %s",
		 pci_attr(TWIN_PORT, "power/runtime_status"));
	LU_CHECK(!is_suspended(cards.bdf[0]) && !is_suspended(PORT), "it sleeps");
}

static void sleep_before(struct lu_run *run)
{
	struct pci_set one;

	(void)run;
	pci_find(&cards, 0x8086, 0x10d3);
	LU_EQ(cards.nr, 2);
	session = pci_create("guard");
	pci_bind_stub(cards.bdf[0]);
	edu = pci_open(cards.bdf[0]);
	luo_preserve(session, edu, TOKEN);
	let_sleep();
	one = cards;
	one.nr = 1;
	pci_leave(&one);
}

static void sleep_after(struct lu_run *run)
{
	struct pci_set one;

	(void)run;
	pci_find(&cards, 0x8086, 0x10d3);
	LU_EQ(cards.nr, 2);
	one = cards;
	one.nr = 1;
	pci_arrive(&one);
	/* Not even without a driver. */
	pci_unbind(cards.bdf[0]);
	let_sleep();
	pci_bind_stub(cards.bdf[0]);
	session = pci_retrieve("guard");
	edu = luo_take(session, TOKEN);
	LU_CHECK(!comes_true(port_sleeps, 1), "its port sleeps");
	pci_compare(cards.bdf[0]);
	luo_finish(session);
	close(edu);
	pci_unbind(cards.bdf[0]);
	LU_CHECK(comes_true(port_sleeps, 10), "its port never sleeps again");
}

LU_TEST(runtime_pm, PCI_PROD "mem=1G " LUO_ON PCI_TRACE CARD(4) CARD(5) NATIVE
	"append=pcie_port_pm=force", sleep_before, sleep_after);

LU_MAIN
