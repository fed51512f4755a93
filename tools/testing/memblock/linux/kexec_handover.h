/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _TOOLS_KEXEC_HANDOVER_H
#define _TOOLS_KEXEC_HANDOVER_H

#include <linux/types.h>

/* One scratch area, for the tests to set. */
extern phys_addr_t kho_scratch_base;
extern phys_addr_t kho_scratch_size;

static inline bool is_kho_boot(void)
{
	return kho_scratch_size;
}

static inline bool kho_scratch_overlap(phys_addr_t phys, size_t size)
{
	return phys < kho_scratch_base + kho_scratch_size &&
	       kho_scratch_base < phys + size;
}

static inline void kho_memory_init(void)
{
}

static inline bool kho_reserve_mem_revive(const char *name, phys_addr_t size,
					  phys_addr_t align, phys_addr_t *start)
{
	return false;
}

static inline void kho_reserve_mem_add(const char *name, phys_addr_t start,
				       phys_addr_t size)
{
}

#endif
