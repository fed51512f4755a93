/* SPDX-License-Identifier: GPL-2.0 */
/* What is known about capabilities, see liveupdate_caps.c. */
#ifndef DRIVERS_PCI_LIVEUPDATE_CAPS_H
#define DRIVERS_PCI_LIVEUPDATE_CAPS_H

#include <linux/types.h>

const char *pci_lu_cap_name(u16 id, bool extended);
bool pci_lu_cap_known(u16 id, bool extended);
bool pci_lu_cap_has_format(u16 id, bool extended, size_t size);

#endif /* DRIVERS_PCI_LIVEUPDATE_CAPS_H */
