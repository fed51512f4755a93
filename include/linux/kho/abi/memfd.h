/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Handover format "memfd-v2": a memfd.
 *
 * &luo_file_ser.data is the address of a struct memfd_luo_ser in a page of its own,
 * which is preserved as a folio of order 0. It leads to records in the form of a
 * vmalloc area (kexec_handover.h), one for each folio of the file. Each folio is
 * preserved as such; its order is the one it was preserved with.
 *
 * Everything is without padding and in native (little endian) byte order, addresses are
 * physical, 0 for none. Any change of a layout, a name or a meaning in this file
 * needs a new MEMFD_LUO_FH_COMPATIBLE. A kernel takes over exactly its own string.
 */
#ifndef LINUX_KHO_ABI_MEMFD_H
#define LINUX_KHO_ABI_MEMFD_H

#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/kho/abi/kexec_handover.h>
#include <linux/stddef.h>
#include <linux/types.h>
#include <uapi/linux/fcntl.h>

#define MEMFD_LUO_FH_COMPATIBLE	"memfd-v2"

/* All seals that @seals of a struct memfd_luo_ser may hold. */
#define MEMFD_LUO_ALL_SEALS	(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | \
				 F_SEAL_WRITE | F_SEAL_FUTURE_WRITE |	     \
				 F_SEAL_EXEC)

/*
 * Bits of &memfd_luo_ser.flags, from the top. Mainline defines none, writes 0 and does
 * not look at them: what they say is lost there. A reader ignores those that it does
 * not know.
 */
#define MEMFD_LUO_RDONLY	BIT(31)	/* descriptor is not open for writing */
#define MEMFD_LUO_WRONLY	BIT(30)	/* descriptor is not open for reading */
#define MEMFD_LUO_NOEXEC	BIT(29)	/* nobody may execute the file */

/**
 * struct memfd_luo_ser - a memfd
 * @pos: position of the descriptor
 * @size: size of the file in bytes
 * @seals: F_SEAL_*
 * @flags: MEMFD_LUO_RDONLY etc.
 * @nr_folios: number of records
 * @folios: the records; has no meaning if there are none
 */
struct memfd_luo_ser {
	u64 pos;
	u64 size;
	u32 seals;
	u32 flags;
	u64 nr_folios;
	struct kho_vmalloc folios;
} __packed __aligned(8);

static_assert(sizeof(struct memfd_luo_ser) == 48);
static_assert(offsetof(struct memfd_luo_ser, pos) == 0);
static_assert(offsetof(struct memfd_luo_ser, size) == 8);
static_assert(offsetof(struct memfd_luo_ser, seals) == 16);
static_assert(offsetof(struct memfd_luo_ser, flags) == 20);
static_assert(offsetof(struct memfd_luo_ser, nr_folios) == 24);
static_assert(offsetof(struct memfd_luo_ser, folios) == 32);

/* Bits of &memfd_luo_folio_ser.flags */
#define MEMFD_LUO_FOLIO_DIRTY		BIT(0)	/* must not be dropped */
#define MEMFD_LUO_FOLIO_UPTODATE	BIT(1)	/* has contents */

/**
 * struct memfd_luo_folio_ser - a folio of a memfd
 * @pfn: its first page frame; 0 for a record without meaning
 * @flags: MEMFD_LUO_FOLIO_*
 * @index: where it is in the file, in pages; a multiple of the folio's size, and
 *	below the file's size
 *
 * Records are in no particular order. What none of them covers is a hole.
 */
struct memfd_luo_folio_ser {
	u64 pfn : 52;
	u64 flags : 12;
	u64 index;
} __packed __aligned(8);

static_assert(sizeof(struct memfd_luo_folio_ser) == 16);
static_assert(offsetof(struct memfd_luo_folio_ser, index) == 8);

/* A record is never in two pages. */
#define MEMFD_LUO_RECORDS_PER_PAGE					\
	(PAGE_SIZE / sizeof(struct memfd_luo_folio_ser))

#endif /* LINUX_KHO_ABI_MEMFD_H */
