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
static int memfd_luo_take(const struct memfd_luo_ser *ser,
			  const struct memfd_luo_records *records,
			  const char **why)
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
				      MEMFD_LUO_FOLIO_UPTODATE)) {
			*why = "a folio has unknown flags";
			return -EINVAL;
		}
		if (record->index >= end) {
			*why = "a folio is beyond the end of the file";
			return -EINVAL;
		}
		folio = kho_restore_folio_near(PFN_PHYS(record->pfn), folio);
		if (!folio) {
			*why = "a folio is not preserved";
			return -EIO;
		}
		if (!folio_test_large(folio))
			continue;
		if (!IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE)) {
			*why = "this kernel has no large folios";
			return -EINVAL;
		}
		if (!IS_ALIGNED(record->index, folio_nr_pages(folio))) {
			*why = "a folio is not aligned";
			return -EINVAL;
		}
		folio_set_large_rmappable(folio);
	}
	return 0;
}

/**
 * memfd_luo_check - check a file and take its folios and records over
 * @ser: a copy of its descriptor
 * @records: all zero; filled in. None if the file is empty.
 * @why: what is wrong, if it fails
 *
 * Context: may sleep.
 * Return: 0; -EIO if a folio cannot be restored, -EINVAL if anything else is unsound:
 * there are no records then
 */
int memfd_luo_check(const struct memfd_luo_ser *ser,
		    struct memfd_luo_records *records, const char **why)
{
	int err;

	*why = memfd_luo_check_ser(ser);
	if (*why)
		return -EINVAL;
	if (!ser->nr_folios)
		return 0;
	records->nr = ser->nr_folios;
	*why = "it has more folios than records";
	if (DIV_ROUND_UP(records->nr, MEMFD_LUO_RECORDS_PER_PAGE) >
	    ser->folios.total_pages)
		return -EINVAL;
	*why = "its records are not preserved";
	if (kho_page_list_restore(&records->list, &ser->folios))
		return -EINVAL;
	err = memfd_luo_take(ser, records, why);
	if (err)
		kho_page_list_destroy(&records->list);
	return err;
}
