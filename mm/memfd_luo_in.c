// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live update of memfds: the new kernel's half.
 *
 * What came in is untrusted: a file is only begun once memfd_luo_check.c has found its
 * descriptor and all of its records to be sound. retrieve() puts the folios into the
 * page cache of a new memfd. If it is short of something it keeps what it has, and goes
 * on from there the next time; finish() frees what nobody retrieved. A file that is not
 * sound costs a line or two in the log, and its memory.
 *
 * Callers: memfd_luo.c hands both to the live update core, which calls them for one
 * file at a time. Two files may still lead to one descriptor, or to the same folios,
 * if the previous kernel says so: whoever takes a page first has it.
 */

#define pr_fmt(fmt) "memfd_luo: " fmt

#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/liveupdate.h>
#include <linux/memcontrol.h>
#include <linux/memfd.h>
#include <linux/mm_inline.h>
#include <linux/pagemap.h>
#include <linux/pid_namespace.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <linux/xarray.h>
#include <uapi/linux/memfd.h>

#include "internal.h"
#include "memfd_luo.h"

/* Seals that make the contents immutable; F_SEAL_EXEC implies them if there is an x. */
#define MEMFD_LUO_FIXED	(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | \
			 F_SEAL_FUTURE_WRITE)

/* How many folios are put into the file at once, and how many pages are accounted. */
#define MEMFD_LUO_BATCH		31
#define MEMFD_LUO_ACCOUNT	512

/* What the file is called here: the name it had is not handed over. */
#define MEMFD_LUO_NAME	"memfd:luo"

/**
 * struct memfd_luo_in - a file that came in
 * @ser: copy of its descriptor
 * @records: its records, all of whose folios are ours
 * @it: the records whose folios are not in @file yet
 * @file: what the folios go into; NULL as long as nobody has asked for it
 * @nr_new: number of pages that are in @file but not accounted to it yet
 * @next: the folio that comes after @folios, or NULL
 * @nr: number of @folios
 * @folios: the next ones, charged, all of one zone and memory cgroup; the only member
 *	that is not initialised
 */
struct memfd_luo_in {
	struct memfd_luo_ser ser;
	struct memfd_luo_records records;
	struct memfd_luo_it it;
	struct file *file;
	unsigned long nr_new;
	struct folio *next;
	unsigned int nr;
	struct folio *folios[MEMFD_LUO_BATCH];
};

/* Those whose retrieve() could not go on, by the page frame of their descriptor. */
static DEFINE_XARRAY(memfd_luo_begun);

/* Put it aside until somebody tries again. */
static void memfd_luo_put_aside(const struct memfd_luo_in *in, u64 data)
{
	xa_store(&memfd_luo_begun, PHYS_PFN(data),
		 kmemdup(in, sizeof(*in), GFP_KERNEL | __GFP_NOFAIL),
		 GFP_KERNEL | __GFP_NOFAIL);
}

/* Undo memfd_luo_put_aside(). False if nobody has begun with the file at @data. */
static bool memfd_luo_take_up(struct memfd_luo_in *in, u64 data)
{
	struct memfd_luo_in *begun;

	if (xa_empty(&memfd_luo_begun))
		return false;
	begun = xa_erase(&memfd_luo_begun, PHYS_PFN(data));
	if (!begun)
		return false;
	*in = *begun;
	kfree(begun);
	return true;
}

/*
 * Fill in @in: with the file that was begun with at @data, or with a new one once all
 * of it is checked. What is unsound is nobody's.
 */
static int memfd_luo_open(struct memfd_luo_in *in, u64 data)
{
	struct folio *folio;
	const char *why;
	int err;

	if (memfd_luo_take_up(in, data))
		return 0;

	memset(in, 0, offsetof(struct memfd_luo_in, folios));
	why = "its descriptor is not preserved";
	err = -EINVAL;
	folio = data ? kho_restore_folio(data) : NULL;
	if (!folio || folio_test_large(folio))
		goto refuse;
	/* What is checked, and used, is the copy. */
	in->ser = *(struct memfd_luo_ser *)folio_address(folio);
	err = memfd_luo_check(&in->ser, &in->records, &why);
	if (err)
		goto refuse;

	folio_put(folio);
	memfd_luo_it_init(&in->it, &in->records);
	return 0;

refuse:
	pr_warn("memfd at %#llx cannot be restored, %s: its memory stays reserved\n",
		data, why);
	return err;
}

/* The folio of the next record, NULL at the end. Nobody has seen it yet. */
static struct folio *memfd_luo_next(struct memfd_luo_in *in)
{
	const struct memfd_luo_folio_ser *record;
	struct folio *folio;

	do {
		record = memfd_luo_it_next(&in->it);
		if (!record)
			return NULL;
	} while (!record->pfn);

	folio = pfn_folio(record->pfn);
	folio->index = record->index;
	__folio_set_swapbacked(folio);
	if (record->flags & MEMFD_LUO_FOLIO_UPTODATE)
		__folio_mark_uptodate(folio);
	if (record->flags & MEMFD_LUO_FOLIO_DIRTY)
		folio_set_dirty(folio);
	return folio;
}

/* Free whatever of it is left. */
static void memfd_luo_discard(struct memfd_luo_in *in)
{
	struct folio *folio;
	unsigned int i;

	for (i = 0; i < in->nr; i++)
		folio_put(in->folios[i]);
	if (in->next)
		folio_put(in->next);
	while ((folio = memfd_luo_next(in)))
		folio_put(folio);
	if (in->file)
		fput(in->file);
	kho_page_list_destroy(&in->records.list);
}

/*
 * F_SEAL_EXEC says that there was no x, or that all of MEMFD_LUO_FIXED is sealed. With
 * all of them the old kernel has to say, or the one who retrieves.
 */
static bool memfd_luo_is_noexec(const struct memfd_luo_ser *ser)
{
	if (ser->flags & MEMFD_LUO_NOEXEC)
		return true;
	if (!(ser->seals & F_SEAL_EXEC))
		return false;
	return (ser->seals & MEMFD_LUO_FIXED) != MEMFD_LUO_FIXED ||
	       pidns_memfd_noexec_scope(task_active_pid_ns(current)) >=
	       MEMFD_NOEXEC_SCOPE_NOEXEC_SEAL;
}

static struct file *memfd_luo_create(const struct memfd_luo_ser *ser)
{
	unsigned int flags = MFD_ALLOW_SEALING;
	struct inode *inode;
	struct file *file;
	int err;

	/* Most are not made to be sealed, and this is all there is to their seals. */
	if (ser->seals == F_SEAL_SEAL)
		flags = 0;
	file = memfd_alloc_file(MEMFD_LUO_NAME, flags);
	if (IS_ERR(file))
		return file;
	inode = file_inode(file);
	if (memfd_luo_is_noexec(ser))
		inode->i_mode &= ~0111;
	/* While there is no page yet nothing has to be waited for. */
	err = flags && ser->seals ? memfd_add_seals(file, ser->seals) : 0;
	if (err) {
		fput(file);
		return ERR_PTR(err);
	}
	i_size_write(inode, ser->size);
	return file;
}

/*
 * Get the next folios, and charge them to the caller. What cannot be charged stays, and
 * may be tried again, by somebody else.
 */
static int memfd_luo_charge(struct memfd_luo_in *in)
{
	gfp_t gfp = mapping_gfp_mask(in->file->f_mapping);
	struct mem_cgroup *memcg = NULL;
	struct zone *zone = NULL;
	int err;

	if (in->nr) {
		zone = folio_zone(in->folios[0]);
		memcg = folio_memcg(in->folios[0]);
	}
	while (in->nr < ARRAY_SIZE(in->folios)) {
		struct folio *folio = in->next ?: memfd_luo_next(in);

		in->next = folio;
		if (!folio)
			break;
		if (!folio_memcg(folio)) {
			/* One that is too small is nothing to kill for. */
			err = mem_cgroup_charge(folio, NULL,
						gfp | __GFP_RETRY_MAYFAIL);
			if (err)
				return err;
		}
		if (!in->nr) {
			zone = folio_zone(folio);
			memcg = folio_memcg(folio);
		} else if (folio_zone(folio) != zone ||
			   folio_memcg(folio) != memcg) {
			break;
		}
		in->folios[in->nr++] = folio;
		in->next = NULL;
	}
	return 0;
}

/*
 * Put @in->folios[] into the page cache, up to one whose place is taken already. Returns
 * how many they are.
 */
static unsigned int memfd_luo_store(struct memfd_luo_in *in)
{
	struct address_space *mapping = in->file->f_mapping;
	gfp_t gfp = mapping_gfp_mask(mapping) & GFP_RECLAIM_MASK;
	struct folio *folio, *last = NULL;
	unsigned int i = 0;
	void *there;

	XA_STATE(xas, &mapping->i_pages, 0);

	do {
		xas_lock_irq(&xas);
		for (; i < in->nr; i++, last = folio) {
			folio = in->folios[i];
			if (last && xas_valid(&xas) && !folio_test_large(last) &&
			    !folio_test_large(folio) &&
			    folio->index == last->index + 1) {
				there = xas_next(&xas);
			} else {
				xas_set_order(&xas, folio->index,
					      folio_order(folio));
				there = xas_find_conflict(&xas);
			}
			if (there)
				break;
			xas_store(&xas, folio);
			if (xas_error(&xas))
				break;
			folio->mapping = mapping;
			if (folio_test_large(folio))
				folio_ref_add(folio, folio_nr_pages(folio) - 1);
			mapping->nrpages += folio_nr_pages(folio);
		}
		xas_unlock_irq(&xas);
		/* If memory is short, this shows where it is charged. */
	} while (xas_nomem(&xas, gfp | __GFP_NOFAIL));

	return i;
}

/* Count the first @nr of @in->folios[], and give them to reclaim. */
static void memfd_luo_release(struct memfd_luo_in *in, unsigned int nr)
{
	struct folio *first = in->folios[0];
	long pages = nr, huge = 0;
	struct lruvec *lruvec;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		struct folio *folio = in->folios[i];

		if (!folio_test_large(folio))
			continue;
		pages += folio_nr_pages(folio) - 1;
		if (folio_test_pmd_mappable(folio))
			huge += folio_nr_pages(folio);
	}
	lruvec_stat_mod_folio(first, NR_FILE_PAGES, pages);
	lruvec_stat_mod_folio(first, NR_SHMEM, pages);
	if (huge)
		lruvec_stat_mod_folio(first, NR_SHMEM_THPS, huge);
	in->nr_new += pages;

	if (lru_gen_enabled()) {
		for (i = 0; i < nr; i++)
			folio_add_lru(in->folios[i]);
		return;
	}
	/* From when the lock is given up they may be gone at any time. */
	lruvec = folio_lruvec_lock_irq(first);
	__acquire(&lruvec->lru_lock); /* which the function does not declare */
	for (i = 0; i < nr; i++) {
		list_add(&in->folios[i]->lru, &lruvec->lists[LRU_INACTIVE_ANON]);
		folio_set_lru(in->folios[i]);
	}
	update_lru_size(lruvec, LRU_INACTIVE_ANON, folio_zonenum(first), pages);
	unlock_page_lruvec_irq(lruvec);
}

/*
 * Put @in->folios[] into the file. Nobody else knows the file, and its folios are on no
 * list until the end, so they need not be locked.
 */
static int memfd_luo_insert(struct memfd_luo_in *in)
{
	unsigned int nr = memfd_luo_store(in);

	if (nr)
		memfd_luo_release(in, nr);
	in->nr -= nr;
	if (!in->nr)
		return 0;
	memmove(in->folios, in->folios + nr, in->nr * sizeof(*in->folios));
	return -EINVAL;
}

/*
 * Account what was inserted since the last time. Not before: as long as it is not
 * restored, this kernel may well be smaller than the file.
 */
static int memfd_luo_account(struct memfd_luo_in *in)
{
	struct inode *inode = file_inode(in->file);
	int err;

	if (!in->nr_new)
		return 0;
	err = shmem_inode_acct_blocks(inode, in->nr_new);
	if (err)
		return err;
	shmem_recalc_inode(inode, in->nr_new, 0);
	in->nr_new = 0;
	return 0;
}

static int memfd_luo_fill(struct memfd_luo_in *in)
{
	int err;

	for (;;) {
		err = memfd_luo_charge(in);
		if (err)
			return err;
		if (!in->nr)
			return memfd_luo_account(in);
		err = memfd_luo_insert(in);
		if (err)
			return err;
		if (in->nr_new < MEMFD_LUO_ACCOUNT)
			continue;
		err = memfd_luo_account(in);
		if (err)
			return err;
		if (fatal_signal_pending(current))
			return -EINTR;
	}
}

/* The mode that the descriptor had. */
static int memfd_luo_reopen(struct memfd_luo_in *in)
{
	int flags = O_LARGEFILE;
	struct file *file;

	if (in->ser.flags & MEMFD_LUO_RDONLY)
		flags |= O_RDONLY;
	else if (in->ser.flags & MEMFD_LUO_WRONLY)
		flags |= O_WRONLY;
	else
		return 0;

	file = dentry_open(&in->file->f_path, flags, current_cred());
	if (IS_ERR(file))
		return PTR_ERR(file);
	fput(in->file);
	in->file = file;
	return 0;
}

static int memfd_luo_make(struct memfd_luo_in *in)
{
	struct file *file;
	int err;

	if (in->ser.seals & ~MEMFD_LUO_ALL_SEALS)
		return -EOPNOTSUPP;
	if (!in->file) {
		file = memfd_luo_create(&in->ser);
		if (IS_ERR(file))
			return PTR_ERR(file);
		in->file = file;
	}
	err = memfd_luo_fill(in);
	if (err)
		return err;
	err = memfd_luo_reopen(in);
	if (err)
		return err;
	vfs_setpos(in->file, in->ser.pos, MAX_LFS_FILESIZE);
	return 0;
}

int memfd_luo_retrieve(struct liveupdate_file_op_args *args)
{
	struct memfd_luo_in in __uninitialized;
	int err;

	err = memfd_luo_open(&in, args->serialized_data);
	if (err)
		return err;
	err = memfd_luo_make(&in);
	if (liveupdate_error_is_transient(err)) {
		memfd_luo_put_aside(&in, args->serialized_data);
		return err;
	}
	if (!err) {
		args->file = in.file;
		in.file = NULL;
	} else {
		pr_warn("memfd at %#llx cannot be restored, error %d: it is lost\n",
			args->serialized_data, err);
	}
	memfd_luo_discard(&in);
	return err;
}

void memfd_luo_finish(struct liveupdate_file_op_args *args)
{
	struct memfd_luo_in in __uninitialized;

	if (!args->retrieve_status &&
	    !memfd_luo_open(&in, args->serialized_data))
		memfd_luo_discard(&in);
}
