// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live update of memfds: what the previous kernel says of a file, is it sound?
 *
 * Descriptor and records are untrusted. To find out what a record leads to is to take
 * it, so that each folio is the file's alone.
 */

#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/kexec_handover.h>
#include <linux/mm.h>
#include <linux/pfn.h>

#include "memfd_luo.h"

static const char *memfd_luo_check_ser(const struct memfd_luo_ser *ser)
{
	if (ser->size > MAX_LFS_FILESIZE)
		return "its size is out of range";
	if (ser->pos > MAX_LFS_FILESIZE)
		return "its position is out of range";
	if (ser->nr_folios > DIV_ROUND_UP(ser->size, PAGE_SIZE))
		return "it has more folios than pages";
	if ((ser->flags & MEMFD_LUO_RDONLY) && (ser->flags & MEMFD_LUO_WRONLY))
		return "it is open for nothing";
	return NULL;
}

/*
 * Hold all records against the size, and take their folios. What a file that is not
 * sound has taken by then is nobody's any more.
 */
static const char *memfd_luo_take(const struct memfd_luo_ser *ser,
				  const struct memfd_luo_records *records)
{
	u64 end = DIV_ROUND_UP(ser->size, PAGE_SIZE);
	const struct memfd_luo_folio_ser *record;
	struct memfd_luo_it it;
	struct folio *folio;

	memfd_luo_it_init(&it, records);
	folio = pfn_folio(PHYS_PFN(records->list.kv.first.phys));
	while ((record = memfd_luo_it_next(&it))) {
		if (!record->pfn)
			continue;
		if (record->flags & ~(MEMFD_LUO_FOLIO_DIRTY |
				      MEMFD_LUO_FOLIO_UPTODATE))
			return "a folio has unknown flags";
		if (record->index >= end)
			return "a folio is beyond the end of the file";
		folio = kho_restore_folio_near(PFN_PHYS(record->pfn), folio);
		if (!folio)
			return "a folio is not preserved";
		if (!folio_test_large(folio))
			continue;
		if (!IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE))
			return "this kernel has no large folios";
		if (!IS_ALIGNED(record->index, folio_nr_pages(folio)))
			return "a folio is not aligned";
		folio_set_large_rmappable(folio);
	}
	return NULL;
}

/**
 * memfd_luo_check - check a file and take its folios and records over
 * @ser: a copy of its descriptor
 * @records: all zero; filled in. None if the file is empty.
 *
 * Context: may sleep.
 * Return: NULL; or why it is not sound: there are no records then
 */
const char *memfd_luo_check(const struct memfd_luo_ser *ser,
			    struct memfd_luo_records *records)
{
	const char *why;

	why = memfd_luo_check_ser(ser);
	if (why || !ser->nr_folios)
		return why;
	records->nr = ser->nr_folios;
	if (DIV_ROUND_UP(records->nr, MEMFD_LUO_RECORDS_PER_PAGE) >
	    ser->folios.total_pages)
		return "it has more folios than records";
	if (kho_page_list_restore(&records->list, &ser->folios))
		return "its records are not preserved";
	why = memfd_luo_take(ser, records);
	if (why)
		kho_page_list_destroy(&records->list);
	return why;
}
