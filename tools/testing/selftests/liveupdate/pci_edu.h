/* SPDX-License-Identifier: GPL-2.0 */
/* QEMU's "edu" device in the hands of pci-lu-stub: its registers, and its DMA. */
#ifndef PCI_EDU_H
#define PCI_EDU_H

#include "pci_common.h"

#define EDU_VENDOR	0x1234
#define EDU_DEVICE	0x11e8
#define EDU_SIZE	(1 << 20)

#define EDU_ID		0x00
#define EDU_LIVE	0x04
#define EDU_FACTORIAL	0x08
#define EDU_STATUS	0x20
#define EDU_IRQ_STATUS	0x24
#define EDU_RAISE	0x60
#define EDU_ACK		0x64
#define EDU_DMA_FROM	0x80
#define EDU_DMA_TO	0x88
#define EDU_DMA_COUNT	0x90
#define EDU_DMA_COMMAND	0x98
#define  EDU_DMA_START	1
#define  EDU_DMA_TO_RAM	2
#define EDU_BUFFER	0x40000

/* Some versions of QEMU do not let the last byte of its buffer be used. */
#define EDU_COUNT	2048

struct edu {
	int fd;
	volatile uint32_t *reg;
};

static inline uint32_t edu_get(const struct edu *edu, int reg)
{
	return edu->reg[reg / 4];
}

static inline void edu_set(const struct edu *edu, int reg, uint32_t value)
{
	edu->reg[reg / 4] = value;
}

static inline void edu_set64(const struct edu *edu, int reg, uint64_t value)
{
	*(volatile uint64_t *)&edu->reg[reg / 4] = value;
}

static inline struct edu edu_of(int fd)
{
	struct edu edu = { .fd = fd, .reg = pci_map_bar(fd, 0, EDU_SIZE) };

	LU_EQ(edu_get(&edu, EDU_ID) & 0xffff, 0x00ed);
	return edu;
}

static inline void edu_find(struct pci_set *set)
{
	pci_find(set, EDU_VENDOR, EDU_DEVICE);
	LU_EQ(set->nr, 1);
}

static inline void edu_dma_start(const struct edu *edu, uint64_t from, uint64_t to,
				 uint32_t command)
{
	edu_set64(edu, EDU_DMA_FROM, from);
	edu_set64(edu, EDU_DMA_TO, to);
	edu_set64(edu, EDU_DMA_COUNT, EDU_COUNT);
	edu_set64(edu, EDU_DMA_COMMAND, command | EDU_DMA_START);
}

static inline void edu_dma_wait(const struct edu *edu)
{
	double begin = luo_seconds();

	while (edu_get(edu, EDU_DMA_COMMAND) & EDU_DMA_START)
		LU_CHECK(luo_seconds() - begin < 20, "the DMA does not end");
}

#endif /* PCI_EDU_H */
