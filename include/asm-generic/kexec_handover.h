/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one piece of the kexec handover format that the x86 decompressor needs as
 * well: the array of scratch areas that is handed to the next kernel. Part of
 * the format "kho-v4", see <linux/kho/abi/kexec_handover.h>.
 */
#ifndef __ASM_GENERIC_KEXEC_HANDOVER_H
#define __ASM_GENERIC_KEXEC_HANDOVER_H

#include <linux/types.h>

/**
 * struct kho_scratch - one scratch area
 * @addr: physical address
 * @size: size in bytes; 0 is an entry without an area
 *
 * Both are multiples of the largest buddy.
 */
struct kho_scratch {
	phys_addr_t addr;
	phys_addr_t size;
};

#endif /* __ASM_GENERIC_KEXEC_HANDOVER_H */
