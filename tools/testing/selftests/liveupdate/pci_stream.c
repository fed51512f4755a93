// SPDX-License-Identifier: GPL-2.0
/*
 * pci_stream: a network card receives while there is no kernel. Its ring is in a
 * preserved memfd; the host sends numbered frames before the jump, while the new kernel boots,
 * scans and comes up, and afterwards. None may be missing.
 */
#define _GNU_SOURCE
#include "pci_common.h"

#define PAGE		4096
#define DESCRIPTORS	64
#define BUFFER		2048
/* The ring, then two buffers to a page. */
#define PAGES		(1 + DESCRIPTORS / 2)

#define E1000E_CTRL	0x0000
#define  CTRL_SLU	(1 << 6)
#define  CTRL_RST	(1 << 26)
#define E1000E_STATUS	0x0008
#define  STATUS_LU	(1 << 1)
#define E1000E_IMC	0x00d8
#define E1000E_RCTL	0x0100
#define  RCTL_EN	(1 << 1)
#define  RCTL_UPE	(1 << 3)
#define  RCTL_MPE	(1 << 4)
#define  RCTL_BAM	(1 << 15)
#define  RCTL_SECRC	(1 << 26)
#define E1000E_RDBAL	0x2800
#define E1000E_RDBAH	0x2804
#define E1000E_RDLEN	0x2808
#define E1000E_RDH	0x2810
#define E1000E_RDT	0x2818

#define TOKEN_MEMORY	1
#define TOKEN_CARD	2

#define MACHINE	"mem=1G " LUO_ON PCI_TRACE						\
	"device=pcie-root-port,id=rp,chassis=1 "					\
	"qemu=-netdev qemu=dgram,id=net,local.type=unix,local.path=net,remote.type=unix,"	\
	"remote.path=host device=e1000e,netdev=net,bus=rp,romfile= "

struct descriptor {
	uint64_t address;
	uint16_t length;
	uint16_t checksum;
	uint8_t status;
	uint8_t errors;
	uint16_t special;
};

static volatile uint32_t *reg;
static volatile struct descriptor *ring;
static char *memory;

static void set(int at, uint32_t value)
{
	reg[at / 4] = value;
}

static void find_card(struct pci_set *found)
{
	pci_find(found, 0x8086, 0x10d3);
	LU_EQ(found->nr, 1);
}

static void map_memory(int memfd)
{
	memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	LU_CHECK(memory != MAP_FAILED, "mmap: %m");
	ring = (void *)memory;
}

static void set_up(int fd, int memfd)
{
	uint64_t at;

	set(E1000E_CTRL, CTRL_RST);
	while (reg[E1000E_CTRL / 4] & CTRL_RST)
		;
	set(E1000E_IMC, 0xffffffff);
	for (int page = 1; page < PAGES; page++) {
		at = pci_map(fd, memfd, page * PAGE, PAGE);
		ring[2 * page - 2].address = at;
		ring[2 * page - 1].address = at + BUFFER;
	}
	at = pci_map(fd, memfd, 0, PAGE);
	set(E1000E_RDBAL, at);
	set(E1000E_RDBAH, at >> 32);
	set(E1000E_RDLEN, DESCRIPTORS * sizeof(struct descriptor));
	set(E1000E_RDH, 0);
	set(E1000E_RDT, DESCRIPTORS - 1);
	set(E1000E_CTRL, CTRL_SLU);
	set(E1000E_RCTL, RCTL_EN | RCTL_UPE | RCTL_MPE | RCTL_BAM | RCTL_SECRC);
	for (int i = 0; i < 5000 && !(reg[E1000E_STATUS / 4] & STATUS_LU); i++)
		usleep(1000);
	LU_CHECK(reg[E1000E_STATUS / 4] & STATUS_LU, "the link does not come up");
}

/* Frames 0 to @count - 1, in order, each as it was sent; waits for them. */
static void check_frames(int count)
{
	double begin = luo_seconds();

	LU_CHECK(count < DESCRIPTORS, "the ring has no room for %d frames", count);
	for (int i = 0; i < count; i++) {
		const unsigned char *frame = (void *)memory + PAGE + i * BUFFER;

		while (!(ring[i].status & 1))
			LU_CHECK(luo_seconds() - begin < 10, "frame %d of %d never came", i, count);
		LU_EQ(frame[14], i);
		for (int b = 15; b < 100; b++)
			LU_EQ(frame[b], (b + i) & 0xff);
	}
	LU_CHECK(!(ring[count].status & 1), "there are more than %d frames", count);
}

static void before(struct lu_run *run)
{
	int memfd = luo_memfd("ring", 0, PAGES * PAGE, 1);
	int session = pci_create("stream");
	struct pci_set card;
	int fd;

	(void)run;
	luo_fill(memfd, 0, PAGES * PAGE, 1);
	map_memory(memfd);
	memset(memory, 0, PAGES * PAGE);
	find_card(&card);
	pci_bind_stub(card.bdf[0]);
	fd = pci_open(card.bdf[0]);
	reg = pci_map_bar(fd, 0, 128 * 1024);
	set_up(fd, memfd);
	luo_preserve(session, memfd, TOKEN_MEMORY);
	luo_preserve(session, fd, TOKEN_CARD);
	pci_leave(&card);
	lu_host("send_frames 5");
	check_frames(5);
	lu_host("stream");
}

static void after(struct lu_run *run)
{
	int session, fd, memfd, frames;
	struct pci_set card;

	(void)run;
	frames = strtol(lu_host("streamed"), NULL, 10);
	lu_note("%d frames until user space came up", frames);
	find_card(&card);
	pci_arrive(&card);
	pci_bind_stub(card.bdf[0]);
	session = pci_retrieve("stream");
	memfd = luo_take(session, TOKEN_MEMORY);
	map_memory(memfd);
	check_frames(frames);

	fd = luo_take(session, TOKEN_CARD);
	reg = pci_map_bar(fd, 0, 128 * 1024);
	lu_host("send_frames 3");
	check_frames(frames + 3);
	luo_finish(session);
	lu_host("send_frames 3");
	check_frames(frames + 6);
}

LU_TEST(receives_all_the_time, PCI_PROD MACHINE, before, after);

LU_MAIN
