// SPDX-License-Identifier: GPL-2.0
/*
 * pci_edu: QEMU's "edu" device in the hands of pci-lu-stub over live updates: a DMA that
 * begins right before the jump, its registers, its interrupt. That DMA takes 0.1 s, which may
 * be over before the jump on a busy host; it is not where instructions are counted.
 */
#define _GNU_SOURCE
#include <sys/eventfd.h>

#include "pci_e1000e.h"
#include "pci_edu.h"

#define PAGE		4096

#define EDU	"device=edu,dma_mask=0xffffffffffffffff "
#define BEHIND_PORT							\
	"device=pcie-root-port,id=rp,chassis=1 "			\
	"device=edu,dma_mask=0xffffffffffffffff,bus=rp "
#define MACHINE	"mem=1G " LUO_ON PCI_TRACE

/* Its interrupts are MSI-X; those of edu are MSI. */
#define CARD	"device=e1000e,romfile= "

enum { TOKEN_MEMORY = 1, TOKEN_EDU = 100, TOKEN_CARD = 101 };
enum { PAGE_FROM, PAGE_TO, PAGES };

/* The device's own buffer is filled, and an empty page waits for it. */
static void dma_prepare(const struct edu *edu, int memfd)
{
	uint64_t from = pci_map(edu->fd, memfd, PAGE_FROM * PAGE, PAGE);

	edu_dma_start(edu, from, EDU_BUFFER, 0);
	edu_dma_wait(edu);
}

struct dma {
	const struct edu *edu;
	uint64_t to;
};

static void dma_go(void *arg)
{
	const struct dma *dma = arg;

	edu_dma_start(dma->edu, EDU_BUFFER, dma->to, EDU_DMA_TO_RAM);
}

static int memory(void)
{
	int memfd = luo_memfd("dma", 0, PAGES * PAGE, 7);

	LU_OK(fallocate(memfd, 0, 0, PAGES * PAGE));
	luo_fill(memfd, PAGE_TO * PAGE, PAGE, 8);
	return memfd;
}

/* Is the beginning of one page in the other? */
static bool landed(int memfd)
{
	char from[EDU_COUNT], to[EDU_COUNT];

	LU_EQ(pread(memfd, from, EDU_COUNT, PAGE_FROM * PAGE), EDU_COUNT);
	LU_EQ(pread(memfd, to, EDU_COUNT, PAGE_TO * PAGE), EDU_COUNT);
	return !memcmp(from, to, EDU_COUNT);
}

static void dma_before(struct lu_run *run)
{
	int session = pci_create("edu"), memfd = memory();
	struct pci_set one;
	static struct dma dma;
	static struct edu edu;

	edu_find(&one);
	edu = edu_of(pci_open(one.bdf[0]));
	dma.edu = &edu;
	dma.to = pci_map(edu.fd, memfd, PAGE_TO * PAGE, PAGE);
	dma_prepare(&edu, memfd);
	edu_set(&edu, EDU_LIVE, 0x12345678);
	edu_set(&edu, EDU_FACTORIAL, 5);
	while (edu_get(&edu, EDU_STATUS) & 1)
		;
	LU_EQ(edu_get(&edu, EDU_FACTORIAL), 120);

	luo_preserve(session, memfd, TOKEN_MEMORY);
	luo_preserve(session, edu.fd, TOKEN_EDU);
	lu_set(run, "to", "%#llx", (unsigned long long)dma.to);
	pci_leave(&one);
	LU_CHECK(!landed(memfd), "the DMA was there before it began");
	run->last = dma_go;
	run->last_arg = &dma;
}

static void dma_after(struct lu_run *run)
{
	int session, memfd;
	struct pci_set one;
	struct edu edu;

	edu_find(&one);
	pci_arrive(&one);
	LU_CHECK(!strcmp(pci_attr(one.bdf[0], "liveupdate/state"), "incoming"), "it is %s",
		 pci_attr(one.bdf[0], "liveupdate/state"));
	/* It belongs to the one who retrieves it. */
	LU_EQ(pci_try_open(one.bdf[0]), -EBUSY);

	session = pci_retrieve("edu");
	edu = edu_of(luo_take(session, TOKEN_EDU));
	memfd = luo_take(session, TOKEN_MEMORY);
	edu_dma_wait(&edu);
	LU_CHECK(landed(memfd), "the DMA never landed");
	luo_verify(memfd, PAGE_FROM * PAGE, PAGE, 7);

	LU_EQ(edu_get(&edu, EDU_LIVE), 0xedcba987);
	LU_EQ(edu_get(&edu, EDU_FACTORIAL), 120);
	LU_EQ(edu_get(&edu, EDU_DMA_TO), lu_get_num(run, "to") & 0xffffffff);
	LU_EQ(pci_info(edu.fd).updates, 1);
	LU_EQ(pci_info(edu.fd).nr_maps, 2);

	/* The same memory, mapped again: it works on. */
	luo_fill(memfd, PAGE_TO * PAGE, PAGE, 9);
	edu_dma_start(&edu, EDU_BUFFER, lu_get_num(run, "to"), EDU_DMA_TO_RAM);
	edu_dma_wait(&edu);
	LU_CHECK(landed(memfd), "the second DMA never landed");

	luo_finish(session);
	LU_CHECK(!strcmp(pci_attr(one.bdf[0], "liveupdate/state"), "finished"), "it is %s",
		 pci_attr(one.bdf[0], "liveupdate/state"));
	pci_compare(one.bdf[0]);
	luo_fill(memfd, PAGE_TO * PAGE, PAGE, 9);
	edu_dma_start(&edu, EDU_BUFFER, lu_get_num(run, "to"), EDU_DMA_TO_RAM);
	edu_dma_wait(&edu);
	LU_CHECK(landed(memfd), "the third DMA never landed");
	/* Nobody else has it any more. */
	LU_EQ(pci_try_unmap(edu.fd, lu_get_num(run, "to")), 0);
	close(pci_open(one.bdf[0]));
}

LU_TEST(dma, MACHINE EDU, dma_before, dma_after);
/* An IOMMU that lets everything pass is none, in either kernel. */
LU_TEST(dma_past_iommu, PCI_PROD MACHINE EDU "device=intel-iommu append=intel_iommu=on "
	"append=iommu=pt", dma_before, dma_after);
LU_TEST(dma_behind_port, PCI_PROD MACHINE BEHIND_PORT, dma_before, dma_after);

/* The freeze begins when the DMA has, and the jump is long before its 0.1 s are over. */
static void dma_lands_after(struct lu_run *run)
{
	long long jump = lu_read_key(LUO_SYSFS "timeline", "jump");

	lu_note("%lld ns from the freeze to the jump", jump);
	LU_CHECK(jump > 0 && jump < 50000000, "the DMA may have landed before the jump");
	dma_after(run);
}

LU_TEST(dma_lands_after, PCI_PROD MACHINE EDU "icount", dma_before, dma_lands_after);

/* Interrupts */

static void raise_and_count(const struct edu *edu, int event)
{
	edu_set(edu, EDU_RAISE, 1);
	LU_EQ(pci_events(event, 5000), 1);
	edu_set(edu, EDU_ACK, edu_get(edu, EDU_IRQ_STATUS));
}

/* The edu, and the card if there is one. */
static void find_both(struct pci_set *set)
{
	struct pci_set card;

	edu_find(set);
	pci_find(&card, E1000E_VENDOR, E1000E_DEVICE);
	if (card.nr) {
		pci_bind_stub(card.bdf[0]);
		strcpy(set->bdf[set->nr++], card.bdf[0]);
	}
}

static void card_before(const char *bdf, int session)
{
	int fd = pci_open(bdf), event = LU_OK(eventfd(0, EFD_CLOEXEC));

	LU_EQ(pci_try_listen(fd, event), 0);
	e1000e_interrupt(pci_map_bar(fd, 0, E1000E_SIZE), event);
	LU_EQ(pci_config(bdf, pci_capability(bdf, PCI_CAP_MSIX) + 2, 2) & 0xc000, 0x8000);
	luo_preserve(session, fd, TOKEN_CARD);
}

static void irq_before(struct lu_run *run)
{
	int session = pci_create("edu"), event = LU_OK(eventfd(0, EFD_CLOEXEC));
	struct pci_set both;
	struct edu edu;

	(void)run;
	find_both(&both);
	edu = edu_of(pci_open(both.bdf[0]));
	LU_EQ(pci_try_listen(edu.fd, event), 0);
	raise_and_count(&edu, event);
	LU_EQ(pci_try_listen(edu.fd, event), 0);
	raise_and_count(&edu, event);

	luo_preserve(session, edu.fd, TOKEN_EDU);
	LU_EQ(pci_try_listen(edu.fd, event), -EBUSY);
	if (both.nr > 1) {
		LU_EQ(pci_config(both.bdf[0], pci_capability(both.bdf[0], PCI_CAP_MSI) + 2, 2) & 1,
		      1);
		card_before(both.bdf[1], session);
	}
	pci_leave(&both);
	if (both.nr > 1)
		lu_host("at Linux.version quiet %s and quiet %s", both.bdf[0], both.bdf[1]);
}

static void card_after(int session)
{
	int fd = luo_take(session, TOKEN_CARD), event = LU_OK(eventfd(0, EFD_CLOEXEC));

	LU_EQ(pci_try_listen(fd, event), 0);
	e1000e_interrupt(pci_map_bar(fd, 0, E1000E_SIZE), event);
}

static void irq_after(struct lu_run *run)
{
	int session, event = LU_OK(eventfd(0, EFD_CLOEXEC));
	bool msi = !strstr(lu_cmdline(), "nomsi");
	struct pci_set both;
	struct edu edu;

	(void)run;
	find_both(&both);
	pci_arrive(&both);
	/* Off in the device, whatever it was, before this kernel came to it. */
	if (both.nr > 1)
		LU_CHECK(!strncmp(lu_host("waited"), "done", 4), "%s", lu_host("waited"));
	LU_EQ(pci_config(both.bdf[0], 0x04, 2) & 0x400, 0x400);
	LU_CHECK(access(pci_path(both.bdf[0], "msi_irqs"), F_OK), "software has an MSI already");

	session = pci_retrieve("edu");
	edu = edu_of(luo_take(session, TOKEN_EDU));
	LU_EQ(pci_try_listen(edu.fd, event), 0);
	LU_EQ(!access(pci_path(both.bdf[0], "msi_irqs"), F_OK), msi);
	LU_EQ(pci_events(event, 100), 0);
	raise_and_count(&edu, event);
	if (!msi)
		LU_EQ(pci_try_listen(edu.fd, event), 0);
	if (both.nr > 1)
		card_after(session);

	/* One for an edge that may have been lost, and no more. */
	luo_finish(session);
	LU_EQ(pci_events(event, 1000), 1);
	LU_EQ(pci_events(event, 100), 0);
	raise_and_count(&edu, event);
}

LU_TEST(interrupt, MACHINE "flavour=prod+debug " EDU CARD PCI_QTEST, irq_before, irq_after);
LU_TEST(interrupt_without_msi, PCI_PROD MACHINE EDU "append=pci=nomsi ", irq_before, irq_after);

static void lose_msi(struct lu_run *run)
{
	irq_before(run);
	strcpy(run->append, "pci=nomsi");
}

LU_TEST(interrupt_to_nomsi, PCI_PROD MACHINE EDU, lose_msi, irq_after);

LU_MAIN
