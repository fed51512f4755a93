/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Handover format of the KHO subtree "memblock": reserve_mem= regions.
 *
 * The blob is an FDT in one preserved page:
 *
 *	/ {
 *		compatible = "memblock-v1";
 *		name {
 *			compatible = "reserve-mem-v1";
 *			start = <u64: address>;
 *			size = <u64: bytes>;
 *		};
 *		...
 *	};
 *
 * Values are in native byte order and may be unaligned. The memory of each
 * region is preserved as pages. A change of the node of a region needs a new
 * RESERVE_MEM_KHO_NODE_COMPATIBLE, any other one a new
 * MEMBLOCK_KHO_NODE_COMPATIBLE.
 */
#ifndef LINUX_KHO_ABI_MEMBLOCK_H
#define LINUX_KHO_ABI_MEMBLOCK_H

#define MEMBLOCK_KHO_FDT		"memblock"
#define MEMBLOCK_KHO_NODE_COMPATIBLE	"memblock-v1"

#define RESERVE_MEM_KHO_NODE_COMPATIBLE	"reserve-mem-v1"
#define RESERVE_MEM_KHO_START_PROP_NAME	"start"
#define RESERVE_MEM_KHO_SIZE_PROP_NAME	"size"

#endif /* LINUX_KHO_ABI_MEMBLOCK_H */
