// SPDX-License-Identifier: GPL-2.0
/*
 * pci_nvme: a disk that reads into a preserved memfd while the kernel is replaced. The read
 * begins in the old kernel; the host holds it back until the new one runs, sees that nothing
 * has landed by then, and lets it go. And what becomes of such a disk if nobody takes it.
 */
#define _GNU_SOURCE
#include "pci_common.h"

#define PAGE		4096

enum { ADMIN_QUEUE, ADMIN_DONE, QUEUE, DONE, TARGET, ZEROES, PAGES };
enum { TOKEN_MEMORY = 1, TOKEN_DISK = 2 };

#define NVME_CC		0x14
#define  CC_ENABLE	0x00460001
#define NVME_CSTS	0x1c
#define NVME_AQA	0x24
#define NVME_ASQ	0x28
#define NVME_ACQ	0x30
#define NVME_DOORBELL	0x1000
#define ADMIN_CREATE_SQ	0x01
#define ADMIN_CREATE_CQ	0x05
#define IO_READ		0x02
#define ENTRIES		4

/* Of the layers of the disk, the one in the middle holds requests back. */
#define MACHINE	"mem=1G " LUO_ON PCI_TRACE PCI_QTEST					\
	"device=pcie-root-port,id=rp,chassis=1 "					\
	"qemu=-blockdev qemu=driver=raw,node-name=disk,file.driver=blkdebug,"		\
	"file.image.driver=null-co,file.image.read-zeroes=on,file.image.size=67108864 "	\
	"device=nvme,serial=s,drive=disk,bus=rp "

struct command {
	uint32_t opcode, nsid;
	uint64_t reserved, metadata, prp[2];
	uint32_t dword[6];
};

struct completion {
	uint32_t dword[2];
	uint32_t queue;
	uint32_t status;	/* bit 16 is up in the first round */
};

static volatile uint32_t *reg;
static char *memory;
static uint64_t at[PAGES];
static int memfd, disk;

static void set64(int offset, uint64_t value)
{
	reg[offset / 4] = value;
	reg[offset / 4 + 1] = value >> 32;
}

static void wait_for(volatile uint32_t *word, uint32_t mask, const char *what)
{
	double begin = luo_seconds();

	while (!(*word & mask)) {
		LU_CHECK(luo_seconds() - begin < 20, "%s", what);
		usleep(1000);
	}
}

static volatile struct completion *done_at(int page)
{
	return (void *)(memory + page * PAGE);
}

/* Number @nr of this queue; the caller rings. */
static void submit(int page, int nr, struct command command)
{
	command.opcode |= nr << 16;
	memcpy(memory + page * PAGE + nr * sizeof(command), &command, sizeof(command));
	__sync_synchronize();
	reg[(NVME_DOORBELL + (page == QUEUE ? 8 : 0)) / 4] = nr + 1;
}

static void admin(int nr, uint32_t opcode, uint64_t prp, uint32_t flags)
{
	submit(ADMIN_QUEUE, nr, (struct command){
		.opcode = opcode, .prp = { prp }, .dword = { (ENTRIES - 1) << 16 | 1, flags },
	});
	wait_for(&done_at(ADMIN_DONE)[nr].status, 1 << 16, "the command never ends");
	LU_EQ(done_at(ADMIN_DONE)[nr].status >> 17, 0);
}

static void map_memory(void)
{
	memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	LU_CHECK(memory != MAP_FAILED, "mmap: %m");
}

static void set_up(void)
{
	memfd = luo_memfd("disk", 0, PAGES * PAGE, 1);
	map_memory();
	memset(memory, 0, PAGES * PAGE);
	memset(memory + TARGET * PAGE, 0x5a, PAGE);
	for (int page = 0; page < PAGES; page++)
		at[page] = pci_map(disk, memfd, page * PAGE, PAGE);
	reg[NVME_CC / 4] = 0;
	reg[NVME_AQA / 4] = (ENTRIES - 1) << 16 | (ENTRIES - 1);
	set64(NVME_ASQ, at[ADMIN_QUEUE]);
	set64(NVME_ACQ, at[ADMIN_DONE]);
	reg[NVME_CC / 4] = CC_ENABLE;
	wait_for(&reg[NVME_CSTS / 4], 1, "the disk never gets ready");
	admin(0, ADMIN_CREATE_CQ, at[DONE], 1);
	admin(1, ADMIN_CREATE_SQ, at[QUEUE], 1 << 16 | 1);
}

static void read_page(int nr)
{
	submit(QUEUE, nr, (struct command){
		.opcode = IO_READ, .nsid = 1, .prp = { at[TARGET] }, .dword = { [2] = 7 },
	});
}

static void find_disk(struct pci_set *set)
{
	pci_find(set, 0x1b36, 0x0010);
	LU_EQ(set->nr, 1);
}

static void before(struct lu_run *run)
{
	int session = pci_create("disk");
	struct pci_set set;

	(void)run;
	find_disk(&set);
	pci_bind_stub(set.bdf[0]);
	disk = pci_open(set.bdf[0]);
	reg = pci_map_bar(disk, 0, 2 * PAGE);
	set_up();
	luo_preserve(session, memfd, TOKEN_MEMORY);
	luo_preserve(session, disk, TOKEN_DISK);
	pci_leave(&set);
	lu_host("hmp qemu-io disk \"break read_aio held\"");
	read_page(0);
	usleep(100000);
	LU_EQ(memory[TARGET * PAGE], 0x5a);
	lu_host("see Linux.version differ %#llx %#llx %d and hmp qemu-io disk \"resume held\"",
		(unsigned long long)at[TARGET], (unsigned long long)at[ZEROES], PAGE);
}

static void landed(int nr)
{
	wait_for(&done_at(DONE)[nr].status, 1 << 16, "the read never ends");
	LU_EQ(done_at(DONE)[nr].status >> 17, 0);
	LU_CHECK(!memcmp(memory + TARGET * PAGE, memory + ZEROES * PAGE, PAGE),
		 "it ended, and nothing has landed");
}

static void after(struct lu_run *run)
{
	int session = pci_retrieve("disk");
	struct pci_set set;

	(void)run;
	LU_CHECK(!strncmp(lu_host("waited"), "done", 4), "%s", lu_host("waited"));
	find_disk(&set);
	pci_arrive(&set);
	memfd = luo_take(session, TOKEN_MEMORY);
	map_memory();
	landed(0);

	/* And so it goes on. */
	pci_bind_stub(set.bdf[0]);
	disk = luo_take(session, TOKEN_DISK);
	reg = pci_map_bar(disk, 0, 2 * PAGE);
	LU_EQ(reg[NVME_CSTS / 4] & 1, 1);
	luo_finish(session);
	at[TARGET] = *(uint64_t *)(memory + QUEUE * PAGE + offsetof(struct command, prp));
	memset(memory + TARGET * PAGE, 0x5a, PAGE);
	read_page(1);
	landed(1);
}

LU_TEST(lands_after, PCI_PROD MACHINE, before, after);

/* Nobody takes it. What it was at is over, and its usual driver comes. */
static void abandoned(struct lu_run *run)
{
	int session = pci_retrieve("disk");
	struct pci_set set;

	(void)run;
	LU_CHECK(!strncmp(lu_host("waited"), "done", 4), "%s", lu_host("waited"));
	find_disk(&set);
	pci_arrive(&set);
	pci_set_attr(set.bdf[0], "liveupdate/abandon", "1");
	lu_host("mark abandoned");
	LU_CHECK(strtol(lu_host("resets up abandoned"), NULL, 10) > 0, "the host saw no reset");
	LU_CHECK(lu_dmesg_has("abandoned and reset"), "the log does not say so");
	LU_CHECK(!strcmp(pci_attr(set.bdf[0], "liveupdate/state"), "abandoned"), "it is %s",
		 pci_attr(set.bdf[0], "liveupdate/state"));
	LU_CHECK(!strcmp(pci_driver(set.bdf[0]), "nvme"), "its driver is '%s'",
		 pci_driver(set.bdf[0]));
	luo_take(session, TOKEN_MEMORY);
	LU_EQ(luo_try_take(session, TOKEN_DISK), -ENODEV);
	luo_finish(session);
}

LU_TEST(abandoned, PCI_PROD MACHINE, before, abandoned);

LU_MAIN
