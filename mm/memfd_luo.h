/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What both halves of live update of memfds share: the records of a file.
 */
#ifndef MM_MEMFD_LUO_H
#define MM_MEMFD_LUO_H

#include <linux/kho/abi/memfd.h>
#include <linux/kho_page_list.h>
#include <linux/sched.h>
#include <linux/types.h>

struct liveupdate_file_op_args;

/**
 * struct memfd_luo_records - the records of a file
 * @list: the pages they are in
 * @page: the last one of them (old kernel)
 * @nr: number of records
 * @nr_pages: number of pages in all of their folios (old kernel)
 */
struct memfd_luo_records {
	struct kho_page_list list;
	struct memfd_luo_folio_ser *page;
	u64 nr;
	u64 nr_pages;
};

/* A position in front of a record. */
struct memfd_luo_it {
	struct kho_page_list_it pages;
	struct memfd_luo_folio_ser *page;
	u64 left;
	unsigned int i;
};

static inline void memfd_luo_it_init(struct memfd_luo_it *it,
				     const struct memfd_luo_records *records)
{
	*it = (struct memfd_luo_it){
		.left = records->nr,
		.i = MEMFD_LUO_RECORDS_PER_PAGE,
	};
	kho_page_list_it_init(&it->pages, &records->list);
}

static inline const struct memfd_luo_folio_ser *
memfd_luo_it_next(struct memfd_luo_it *it)
{
	if (!it->left)
		return NULL;
	it->left--;
	if (it->i == MEMFD_LUO_RECORDS_PER_PAGE) {
		if (it->page)
			cond_resched();
		it->page = kho_page_list_it_next(&it->pages);
		it->i = 0;
	}
	return &it->page[it->i++];
}

/* memfd_luo_check.c */
int memfd_luo_check(const struct memfd_luo_ser *ser,
		    struct memfd_luo_records *records, const char **why);

/* memfd_luo_in.c; contracts: struct liveupdate_file_ops */
int memfd_luo_retrieve(struct liveupdate_file_op_args *args);
void memfd_luo_finish(struct liveupdate_file_op_args *args);

#endif /* MM_MEMFD_LUO_H */
