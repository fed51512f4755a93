/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * As much of the kernel as format_table.c needs to run in luctl. Stands in for each
 * kernel header that it includes but linux/liveupdate_format.h.
 */
#ifndef LUCTL_KERNEL_SHIM_H
#define LUCTL_KERNEL_SHIM_H

#include <assert.h>
#include <errno.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define BIT(n)			(1UL << (n))
#define SZ_4K			4096
#define __used			__attribute__((used))
#define __section(name)		__attribute__((section(name)))
#define __aligned(n)		__attribute__((aligned(n)))
#define hweight64(bits)		((unsigned int)__builtin_popcountll(bits))

static inline u16 get_unaligned_le16(const void *data)
{
	const u8 *p = data;

	return p[0] | p[1] << 8;
}

static inline u32 get_unaligned_le32(const void *data)
{
	const u8 *p = data;

	return p[0] | p[1] << 8 | p[2] << 16 | (u32)p[3] << 24;
}

#endif /* LUCTL_KERNEL_SHIM_H */
