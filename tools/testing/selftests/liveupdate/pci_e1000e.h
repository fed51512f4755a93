/* SPDX-License-Identifier: GPL-2.0 */
/* QEMU's e1000e in the hands of pci-lu-stub: a device with MSI-X. */
#ifndef PCI_E1000E_H
#define PCI_E1000E_H

#include "pci_common.h"

#define E1000E_VENDOR	0x8086
#define E1000E_DEVICE	0x10d3
#define E1000E_SIZE	(128 * 1024)

#define E1000E_ICR	0x00c0
#define E1000E_ICS	0x00c8
#define E1000E_IMS	0x00d0
#define E1000E_IMC	0x00d8
#define E1000E_IVAR	0x00e4
#define  IVAR_OTHER_0	(8 << 16)
#define  CAUSE_OTHER	(1 << 24)

/*
 * One by vector 0, which is the one that pci-lu-stub has. That the link comes up, half a
 * second after a reset, is such a cause as well: it may have come before, or come now.
 */
static inline void e1000e_interrupt(volatile uint32_t *reg, int event)
{
	reg[E1000E_ICR / 4] = ~0U;
	reg[E1000E_IVAR / 4] = IVAR_OTHER_0;
	reg[E1000E_IMS / 4] = CAUSE_OTHER;
	reg[E1000E_ICS / 4] = CAUSE_OTHER;
	LU_CHECK(pci_events(event, 5000), "no interrupt");
	reg[E1000E_IMC / 4] = ~0U;
	reg[E1000E_ICR / 4] = ~0U;
	pci_events(event, 0);
	/*
	 * For 128 us QEMU holds further ones back, and ends with a failed assertion if
	 * MSI-X goes off meanwhile. Its timers go off in order, that of this sleep later.
	 */
	usleep(2000);
}

#endif /* PCI_E1000E_H */
