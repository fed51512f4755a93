// SPDX-License-Identifier: GPL-2.0
/*
 * pci_bad: bad luck at the jump. The host (vm/pcihands.py) pulls, swaps and resets devices
 * while the machine stands there, and damages what is being handed over. What is hit does
 * not survive, and the log says why; everything else does.
 */
#define _GNU_SOURCE
#include <unistd.h>

#include "pci_common.h"

#define TOKEN		100
#define EDU_VENDOR	0x1234
#define EDU_DEVICE	0x11e8

/* Small, since the host reads all of it; what the debug kernel runs needs more. */
#define MACHINE		"mem=512M " LUO_ON PCI_TRACE PCI_QTEST
#define PORT(n)		"device=pcie-root-port,id=rp" #n ",chassis=0x" #n ",addr=0x" #n ".0 "
#define EDU(n)		PORT(n) "device=edu,id=edu" #n ",bus=rp" #n " "
#define DISK(n)									\
	"qemu=-blockdev qemu=driver=null-co,read-zeroes=on,node-name=disk" #n ",size=67108864 "
#define NVME(n)									\
	PORT(n) DISK(n) "device=nvme,id=nvme" #n ",serial=s,drive=disk" #n ",bus=rp" #n " "
#define SWITCH(n)								\
	PORT(n) "device=x3130-upstream,id=up" #n ",bus=rp" #n " "		\
	"device=xio3130-downstream,id=dn" #n ",bus=up" #n ",chassis=6" #n " "	\
	"device=edu,bus=dn" #n " "

/* The ports of EDU(n). */
#define BDF_PORT(n)	"0000:00:0" #n ".0"

static struct pci_set edus;
static int fds[PCI_MAX];

static void preserve_all(void)
{
	int session = pci_create("bad");

	for (int i = 0; i < edus.nr; i++) {
		pci_bind_stub(edus.bdf[i]);
		if (fds[i] <= 0)
			fds[i] = pci_open(edus.bdf[i]);
		luo_preserve(session, fds[i], TOKEN + i);
	}
}

static void befall(const char *what)
{
	pci_find(&edus, EDU_VENDOR, EDU_DEVICE);
	preserve_all();
	pci_leave(&edus);
	lu_host("at Linux.version %s", what);
}

static bool is(const char *bdf, const char *state)
{
	return !strcmp(pci_attr(bdf, "liveupdate/state"), state);
}

static void check_works(int fd)
{
	volatile uint32_t *reg = pci_map_bar(fd, 0, 4096);

	LU_EQ(reg[0] & 0xff, 0xed);
	reg[1] = 0x1234;
	LU_EQ(reg[1], 0xffffedcb);
	munmap((void *)reg, 4096);
}

/* All survive but those with a bit in @lost, each of which @why is said of. */
static void check_survivors(unsigned int lost, const char *why)
{
	int session, ret, nr = 0;

	LU_CHECK(!strncmp(lu_host("waited"), "done", 4), "it was not done");
	session = pci_retrieve("bad");
	for (int i = 0; i < 32; i++) {
		const char *bdf = lu_host("get edu%d", i);
		char copy[PCI_BDF];

		if (!strcmp(bdf, "-"))
			break;
		snprintf(copy, sizeof(copy), "%s", bdf);
		if (lost & 1 << i) {
			LU_CHECK(!pci_there(copy) || is(copy, "none"), "%s is %s", copy,
				 pci_attr(copy, "liveupdate/state"));
			LU_EQ(luo_try_take(session, TOKEN + i), -ENODEV);
			continue;
		}
		LU_CHECK(is(copy, "incoming"), "%s is %s", copy,
			 pci_attr(copy, "liveupdate/state"));
		pci_compare(copy);
		ret = luo_take(session, TOKEN + i);
		check_works(ret);
		nr++;
	}
	LU_CHECK(nr, "nothing survived");
	luo_finish(session);
	LU_CHECK(lu_dmesg_has(why), "the log does not say '%s'", why);
}

static void remember_names(void)
{
	for (int i = 0; i < edus.nr; i++)
		lu_host("put edu%d %s", i, edus.bdf[i]);
	lu_host("put edu%d -", edus.nr);
}

/* Somebody pulls the card. */
static void pull(struct lu_run *run)
{
	(void)run;
	befall("pull " BDF_PORT(4));
	remember_names();
}

static void pulled(struct lu_run *run)
{
	(void)run;
	check_survivors(1 << 1, "is missing");
	LU_CHECK(!pci_there(lu_host("get edu1")), "it is still there");
}

LU_TEST(pulled, PCI_PROD MACHINE EDU(3) EDU(4) EDU(5), pull, pulled);

/* And puts in another one of the same kind, which knows nothing. */
static void replace(struct lu_run *run)
{
	(void)run;
	befall("pull " BDF_PORT(4) " and hmp device_add edu,bus=rp4 and power " BDF_PORT(4));
	remember_names();
}

static void replaced(struct lu_run *run)
{
	(void)run;
	check_survivors(1 << 1, "changed: ");
	/* A new device, that works. */
	check_works(pci_open(lu_host("get edu1")));
}

LU_TEST(replaced, PCI_PROD MACHINE EDU(3) EDU(4) EDU(5), replace, replaced);

/* Or another device, which the built-in driver may have. */
static void swap(struct lu_run *run)
{
	(void)run;
	befall("pull " BDF_PORT(4) " and hmp device_add nvme,serial=x,drive=disk7,bus=rp4 "
	       "and power " BDF_PORT(4));
	remember_names();
}

static void swapped(struct lu_run *run)
{
	(void)run;
	check_survivors(1 << 1, "foreign: it is another device");
	LU_CHECK(!strcmp(pci_driver(lu_host("get edu1")), "nvme"), "its driver is '%s'",
		 pci_driver(lu_host("get edu1")));
}

LU_TEST(foreign, PCI_PROD MACHINE EDU(3) EDU(4) EDU(5) DISK(7), swap, swapped);

/* Two exchanged: same kinds, other places. */
static void exchange(struct lu_run *run)
{
	struct pci_set nvme;

	(void)run;
	pci_find(&nvme, 0x1b36, 0x0010);
	LU_EQ(nvme.nr, 1);
	pci_find(&edus, EDU_VENDOR, EDU_DEVICE);
	strcpy(edus.bdf[edus.nr++], nvme.bdf[0]);
	preserve_all();
	pci_leave(&edus);
	remember_names();
	lu_host("at Linux.version pull " BDF_PORT(4) " and pull " BDF_PORT(6)
		" and hmp device_add edu,bus=rp6 and hmp device_add nvme,serial=x,drive=disk7,bus=rp4"
		" and power " BDF_PORT(4) " and power " BDF_PORT(6));
}

static void exchanged(struct lu_run *run)
{
	(void)run;
	check_survivors(1 << 1 | 1 << 3, "foreign: it is another device");
}

LU_TEST(exchanged, PCI_PROD MACHINE EDU(3) EDU(4) EDU(5) NVME(6) DISK(7), exchange, exchanged);

/*
 * Two of the same kind exchanged, a third one in another slot: a serial number tells them
 * apart, and where they have gone.
 */
#define CARD(n)		PORT(n) "device=e1000e,mac=52:54:00:00:00:0" #n ",romfile=,bus=rp" #n " "
#define PLUG(mac, port)	"hmp device_add e1000e,mac=52:54:00:00:00:0" #mac ",romfile=,bus=rp" #port \
	" and power " BDF_PORT(port)

static void move(struct lu_run *run)
{
	struct pci_set cards;

	(void)run;
	pci_find(&edus, EDU_VENDOR, EDU_DEVICE);
	pci_find(&cards, 0x8086, 0x10d3);
	LU_EQ(cards.nr, 3);
	for (int i = 0; i < cards.nr; i++)
		strcpy(edus.bdf[edus.nr++], cards.bdf[i]);
	preserve_all();
	pci_leave(&edus);
	remember_names();
	lu_host("at Linux.version pull " BDF_PORT(4) " and pull " BDF_PORT(5) " and pull "
		BDF_PORT(6) " and " PLUG(5, 4) " and " PLUG(4, 5) " and " PLUG(6, 7));
}

static void moved(struct lu_run *run)
{
	static const char says[] = "was %s before, a device that moves does not survive";
	char text[128];

	(void)run;
	check_survivors(1 << 1 | 1 << 2 | 1 << 3, "foreign: it is another device");
	for (int i = 1; i <= 3; i++) {
		snprintf(text, sizeof(text), says, lu_host("get edu%d", i));
		LU_CHECK(lu_dmesg_has(text), "the log does not say '%s'", text);
	}
}

LU_TEST(moved, PCI_PROD MACHINE EDU(3) CARD(4) CARD(5) CARD(6) PORT(7), move, moved);

/* A whole switch goes, with what is below. */
static void pull_switch(struct lu_run *run)
{
	(void)run;
	befall("pull " BDF_PORT(4));
	remember_names();
}

static void pulled_switch(struct lu_run *run)
{
	(void)run;
	check_survivors(1 << 1, "is missing");
	LU_CHECK(lu_dmesg_has("bridge 0000:"), "the log does not speak of the bridges");
}

LU_TEST(bridge_removed, PCI_PROD MACHINE EDU(3) SWITCH(4) EDU(5), pull_switch, pulled_switch);

/* Something turned it off. */
static void turn_off(struct lu_run *run)
{
	char what[128];

	(void)run;
	pci_find(&edus, EDU_VENDOR, EDU_DEVICE);
	snprintf(what, sizeof(what), "config %s 0x04 2 0x0400", edus.bdf[1]);
	befall(what);
	remember_names();
}

static void turned_off(struct lu_run *run)
{
	(void)run;
	check_survivors(1 << 1, "changed: it was reset or turned off");
}

LU_TEST(turned_off, PCI_PROD MACHINE EDU(3) EDU(4) EDU(5), turn_off, turned_off);

static void move_bar(struct lu_run *run)
{
	char what[128];

	(void)run;
	pci_find(&edus, EDU_VENDOR, EDU_DEVICE);
	snprintf(what, sizeof(what), "config %s 0x10 4 0xf0000000", edus.bdf[1]);
	befall(what);
	remember_names();
}

static void moved_bar(struct lu_run *run)
{
	(void)run;
	check_survivors(1 << 1, "changed: a BAR is not where it was");
}

LU_TEST(bar_moved, PCI_PROD MACHINE EDU(3) EDU(4) EDU(5), move_bar, moved_bar);

static void renumber(struct lu_run *run)
{
	(void)run;
	/* Secondary and subordinate. */
	befall("config " BDF_PORT(4) " 0x19 1 0x90 and config " BDF_PORT(4) " 0x1a 1 0x90");
	remember_names();
}

static void renumbered(struct lu_run *run)
{
	(void)run;
	check_survivors(1 << 1, "changed: bus numbers are not what they were");
}

LU_TEST(bus_renumbered, PCI_PROD MACHINE EDU(3) EDU(4) EDU(5), renumber, renumbered);

/* Records in a format of which nothing is known but that it is about PCI. */
static void other_format(struct lu_run *run)
{
	(void)run;
	befall("rename pci-state-v1 pci-state-v9");
	remember_names();
}

static void unknown_format(struct lu_run *run)
{
	int session;

	(void)run;
	LU_CHECK(!strncmp(lu_host("waited"), "done", 4), "it was not done");
	LU_CHECK(lu_dmesg_has("in a format that this one does not read"),
		 "the log does not say so");
	LU_CHECK(lu_dmesg_has("but nothing stands for it: bus mastering turned off"),
		 "it may go on with its DMA");
	session = pci_retrieve("bad");
	LU_EQ(luo_try_take(session, TOKEN), -ENOENT);
	luo_finish(session);
	check_works(pci_open(lu_host("get edu0")));
}

LU_TEST(other_format, PCI_PROD MACHINE EDU(3), other_format, unknown_format);

/*
 * Damaged records. Each second device, or bridge, has one of its fields damaged; those
 * between are good and have to survive. A damaged one may or may not; nobody may trip
 * over it. One kernel after the other goes on with the next fields.
 */
static const char * const values[] = { "0", "0xffffffffffffffff", "0x5a5aa5a5f00f1234" };

static bool survives(const char *bdf)
{
	return pci_there(bdf) && is(bdf, "incoming");
}

/* Take what can be taken; give up what is running and cannot. */
static void clean_up(bool (*good)(int i))
{
	int session = pci_retrieve("bad"), ret, lost = 0;

	for (int i = 0; i < edus.nr; i++) {
		bool incoming = survives(edus.bdf[i]);

		LU_CHECK(incoming || !good(i), "%s, whose record is good, is %s", edus.bdf[i],
			 pci_attr(edus.bdf[i], "liveupdate/state"));
		lost += !incoming;
		ret = luo_try_take(session, TOKEN + i);
		LU_CHECK(ret >= 0 || !good(i), "%s: %s", edus.bdf[i], strerror(-ret));
		/* A BAR that was said to be smaller than it is: not all of it is there. */
		if (ret >= 0 && good(i))
			check_works(ret);
		else if (ret < 0 && survives(edus.bdf[i]))
			pci_set_attr(edus.bdf[i], "liveupdate/abandon", "1");
		/* Another one for the next kernel. */
		if (ret >= 0)
			close(ret);
	}
	lu_note("%d of %d did not survive", lost, edus.nr);
	luo_finish(session);
	close(session);
}

static bool even(int i)
{
	return !(i % 2);
}

static bool none(int i)
{
	(void)i;
	return false;
}

/*
 * The next fields of @kind, of each second record, get value number @value; a record is the
 * first one of @each.
 */
static void damage(const char *kind, int each, int first, int value)
{
	static char command[32768];
	char *fields = strdup(lu_host("fields %s", kind)), *word, *save;
	int nr = 0, used, records = edus.nr;

	used = sprintf(command, "at Linux.version");
	for (word = strtok_r(fields, " ", &save); word; word = strtok_r(NULL, " ", &save), nr++) {
		if (nr < first || nr >= first + records / 2)
			continue;
		used += sprintf(command + used, "%s poke %s %d %s %s", used > 20 ? " and" : "",
				kind, each * (2 * (nr - first) + 1), word, values[value]);
	}
	LU_CHECK(used > 20, "%s has no more fields", kind);
	lu_host("%s", command);
	free(fields);
}

static void damage_devices(struct lu_run *run)
{
	pci_find(&edus, EDU_VENDOR, EDU_DEVICE);
	if (run->stage) {
		lu_host("waited");
		clean_up(even);
	}
	if (run->stage + 1 < run->nr_stages) {
		preserve_all();
		damage("device", 1, run->stage % 2 * (edus.nr / 2), run->stage / 2);
	}
}

#define EDU8(n)										\
	PORT(n)										\
	"device=edu,bus=rp" #n ",addr=0.0,multifunction=on device=edu,bus=rp" #n ",addr=0.1 "	\
	"device=edu,bus=rp" #n ",addr=0.2 device=edu,bus=rp" #n ",addr=0.3 "			\
	"device=edu,bus=rp" #n ",addr=0.4 device=edu,bus=rp" #n ",addr=0.5 "			\
	"device=edu,bus=rp" #n ",addr=0.6 device=edu,bus=rp" #n ",addr=0.7 "

LU_TEST(damaged_devices, PCI_PROD MACHINE EDU8(2) EDU8(3) EDU8(4) EDU8(5) EDU8(6) EDU8(7) EDU8(8)
	"timeout=200",
	damage_devices, damage_devices, damage_devices, damage_devices, damage_devices,
	damage_devices, damage_devices);

/* A few of them, for KASAN. */
LU_TEST(damaged_debug, MACHINE EDU8(2) EDU8(3) "timeout=200 flavour=debug mem=1G",
	damage_devices, damage_devices);

static void damage_bridges(struct lu_run *run)
{
	pci_find(&edus, EDU_VENDOR, EDU_DEVICE);
	if (run->stage) {
		lu_host("waited");
		clean_up(even);
	}
	if (run->stage + 1 < run->nr_stages) {
		preserve_all();
		damage("bridge", 1, run->stage % 5 * (edus.nr / 2), 1 + run->stage / 5);
	}
}

LU_TEST(damaged_bridges, PCI_PROD MACHINE EDU(2) EDU(3) EDU(4) EDU(5) EDU(6) EDU(7) EDU(8)
	EDU(9) EDU(a) EDU(b) EDU(c) EDU(d) EDU(e) EDU(f) EDU(10) EDU(11) EDU(12) EDU(13)
	EDU(14) EDU(15)
	"timeout=200",
	damage_bridges, damage_bridges, damage_bridges, damage_bridges, damage_bridges,
	damage_bridges, damage_bridges, damage_bridges, damage_bridges, damage_bridges,
	damage_bridges);

/* An edu has two chunks, its state now and that to go back to. */
static void damage_chunks(struct lu_run *run)
{
	pci_find(&edus, EDU_VENDOR, EDU_DEVICE);
	if (run->stage) {
		lu_host("waited");
		LU_CHECK(lu_dmesg_has("is bad and ignored: configuration state of something else"),
			 "nobody has seen it");
		clean_up(even);
	}
	if (run->stage + 1 < run->nr_stages) {
		preserve_all();
		damage("chunk", 2, 0, run->stage);
	}
}

LU_TEST(damaged_chunks, PCI_PROD MACHINE EDU8(2) EDU8(3) "timeout=200",
	damage_chunks, damage_chunks, damage_chunks, damage_chunks);

/*
 * Saved registers of a later kernel: named, and the device survives without them. The others
 * are what an error has it go back to: not what it had when it came, or nobody would see.
 */
#define FIRST_VERSION	(8 + 64 + 3)	/* of the first capability, behind the header */
#define LINE_SIZE	0x0c
#define CARD_VENDOR	0x8086
#define CARD_DEVICE	0x10d3

static void save_other(struct lu_run *run)
{
	(void)run;
	pci_find(&edus, CARD_VENDOR, CARD_DEVICE);
	LU_EQ(edus.nr, 1);
	preserve_all();
	pci_leave(&edus);
	lu_host("at Linux.version poke chunk 0 bytes+%d 9 and poke chunk 0 bytes+%d 0x5c",
		FIRST_VERSION, 8 + LINE_SIZE);
}

static bool has_recovered(void)
{
	double begin = luo_seconds();

	while (!lu_dmesg_has("device recovery successful")) {
		if (luo_seconds() - begin > 10)
			return false;
		usleep(100000);
	}
	return true;
}

static void restored(struct lu_run *run)
{
	char line[256];
	int session;

	(void)run;
	lu_host("waited");
	pci_find(&edus, CARD_VENDOR, CARD_DEVICE);
	LU_CHECK(is(edus.bdf[0], "incoming"), "it is %s",
		 pci_attr(edus.bdf[0], "liveupdate/state"));
	pci_compare(edus.bdf[0]);
	pci_bind_stub(edus.bdf[0]);
	LU_EQ(luo_log_count("cannot be restored: this kernel does not know its version", line,
			    sizeof(line)), 1);
	LU_CHECK(strstr(line, edus.bdf[0]) && strstr(line, "saved state of ") &&
		 strstr(line, "capability 0x") && strstr(line, ", version 9, "),
		 "the log says '%s'", line);

	session = pci_retrieve("bad");
	luo_take(session, TOKEN);
	pci_compare(edus.bdf[0]);
	LU_CHECK(pci_config(edus.bdf[0], LINE_SIZE, 1) != 0x5c, "it was written to it");
	luo_finish(session);
	lu_host("hmp pcie_aer_inject_error rp2 MALF_TLP");
	LU_CHECK(has_recovered(), "it did not recover");
	LU_EQ(pci_config(edus.bdf[0], LINE_SIZE, 1), 0x5c);
	LU_EQ(pci_config(edus.bdf[0], 4, 2) & 6, 6);
}

LU_TEST(restored, PCI_PROD MACHINE PORT(2) "device=e1000e,romfile=,bus=rp2 ", save_other, restored);

/* What decides about a device: it is lost if this is damaged, and the log names it. */
static const struct {
	const char *field, *value, *why;
} deciding[] = {
	{ "id.device", "0x1111", "foreign: it is another device" },
	{ "required", "0x8000000000000000", NULL },
	{ "bars.0.address", "0xf0000000", "changed: a BAR is not where it was" },
	{ "config.length", "0xffffffff", NULL },
};

static void damage_deciding(struct lu_run *run)
{
	char what[512] = "";
	int used = 0;

	(void)run;
	for (size_t i = 0; i < ARRAY_LEN(deciding); i++)
		used += sprintf(what + used, "%spoke device %zu %s %s", i ? " and " : "", 2 * i + 1,
				deciding[i].field, deciding[i].value);
	befall(what);
	LU_EQ(edus.nr, 2 * ARRAY_LEN(deciding) + 1);
}

static void check_deciding(struct lu_run *run)
{
	char text[128];
	int session, ret;

	(void)run;
	lu_host("waited");
	pci_find(&edus, EDU_VENDOR, EDU_DEVICE);
	session = pci_retrieve("bad");
	for (int i = 0; i < edus.nr; i++) {
		ret = luo_try_take(session, TOKEN + i);
		if (even(i)) {
			LU_CHECK(ret >= 0, "%s, whose record is good: %s", edus.bdf[i],
				 strerror(-ret));
			check_works(ret);
			continue;
		}
		LU_CHECK(is(edus.bdf[i], "none"), "%s is %s", edus.bdf[i],
			 pci_attr(edus.bdf[i], "liveupdate/state"));
		LU_CHECK(ret == -ENODEV || ret == -ENOENT, "%s with a bad %s: %s", edus.bdf[i],
			 deciding[i / 2].field, strerror(-ret));
		if (deciding[i / 2].why)
			snprintf(text, sizeof(text), "%s: liveupdate: it does not survive, "
				 "it is treated as a new one: %s", edus.bdf[i],
				 deciding[i / 2].why);
		else
			snprintf(text, sizeof(text), "record of device %s is bad and ignored",
				 edus.bdf[i]);
		LU_CHECK(lu_dmesg_has(text), "%s: the log does not say '%s'", deciding[i / 2].field,
			 text);
	}
	luo_finish(session);
}

LU_TEST(damaged_deciding, PCI_PROD MACHINE EDU(2) EDU(3) EDU(4) EDU(5) EDU(6) EDU(7) EDU(8) EDU(9)
	EDU(a), damage_deciding, check_deciding);

/* The head: one field after the other; nobody need survive. */
static void damage_head(struct lu_run *run)
{
	char *fields, *word, *save;
	int nr = 0;

	pci_find(&edus, EDU_VENDOR, EDU_DEVICE);
	if (run->stage) {
		lu_host("waited");
		clean_up(none);
	}
	if (run->stage + 1 == run->nr_stages)
		return;
	preserve_all();
	fields = strdup(lu_host("fields head"));
	for (word = strtok_r(fields, " ", &save); word; word = strtok_r(NULL, " ", &save), nr++)
		if (nr == run->stage)
			lu_host("at Linux.version poke head 0 %s 0x5a5aa5a5f00f1234", word);
	LU_CHECK(run->stage < nr, "the head has only %d fields", nr);
	free(fields);
}

LU_TEST(damaged_head, PCI_PROD MACHINE EDU(2) EDU(3) "timeout=200",
	damage_head, damage_head, damage_head, damage_head, damage_head, damage_head, damage_head,
	damage_head, damage_head, damage_head, damage_head, damage_head, damage_head, damage_head);

LU_MAIN
