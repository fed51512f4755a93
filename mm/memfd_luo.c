// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live update of memfds: their pages stay where they are over a kexec. This is the
 * handler, and the old kernel's half of it; the new kernel's is in memfd_luo_in.c.
 *
 * preserve() goes through what is in the page cache or in swap, pins each folio,
 * preserves it, and writes a record of it. From then on the mapping is frozen: the
 * size stays, no page goes away. Reading and writing go on, and so does filling holes,
 * which are left as they are. freeze() does the same with what has come into holes
 * since, and records what else has changed; a task that wants to fill a hole later than
 * that waits until unfreeze(), or for the jump. unpreserve() undoes it all. preserve()
 * and freeze() may fail, also by a fatal signal.
 *
 * A folio that is locked, in our mapping and pinned cannot be moved, split, collapsed
 * or reclaimed any more, nor can it leave the file while the mapping is frozen.
 * Everything else may change at any time, and does: faults need no inode lock. What
 * came in behind the back of preserve() is found by freeze().
 *
 * Callers: the live update core only, see struct liveupdate_file_ops; and
 * mm/shmem.c for memfd_luo_wait_hole().
 */

#define pr_fmt(fmt) "memfd_luo: " fmt

#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/liveupdate.h>
#include <linux/liveupdate_format.h>
#include <linux/memfd.h>
#include <linux/pagemap.h>
#include <linux/pagevec.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "internal.h"
#include "memfd_luo.h"

/**
 * struct memfd_luo - a preserved file
 * @ser: what is handed over
 * @records: of all folios that are pinned and preserved
 * @poisoned: memfd_luo_nr_poisoned() when none of them was
 * @gfp: where pages of the file came from before
 */
struct memfd_luo {
	struct memfd_luo_ser *ser;
	struct memfd_luo_records records;
	long poisoned;
	gfp_t gfp;
};

/* Add records of several folios. Returns of how many; fewer if there is no page. */
static unsigned int memfd_luo_add_records(struct memfd_luo_records *records,
					  struct folio **folios, unsigned int nr,
					  int *err)
{
	unsigned int room = records->nr % MEMFD_LUO_RECORDS_PER_PAGE, i;
	struct memfd_luo_folio_ser *record = records->page + room;

	room = room ? MEMFD_LUO_RECORDS_PER_PAGE - room : 0;
	for (i = 0; i < nr; i++) {
		struct folio *folio = folios[i];

		if (!room--) {
			void *page = kho_page_list_append(&records->list);

			if (IS_ERR(page)) {
				*err = PTR_ERR(page);
				break;
			}
			records->page = page;
			record = page;
			room = MEMFD_LUO_RECORDS_PER_PAGE - 1;
		}
		/*
		 * Both flags, always: pages may be written to until the jump, which
		 * would not be seen here any more.
		 */
		*record++ = (struct memfd_luo_folio_ser){
			.pfn = folio_pfn(folio),
			.flags = MEMFD_LUO_FOLIO_DIRTY | MEMFD_LUO_FOLIO_UPTODATE,
			.index = folio->index,
		};
		records->nr_pages += folio_nr_pages(folio);
	}
	records->nr += i;
	return i;
}

/* Let go of all folios, and of their records. */
static void memfd_luo_drop(struct memfd_luo_records *records)
{
	const struct memfd_luo_folio_ser *record;
	struct memfd_luo_it it;

	memfd_luo_it_init(&it, records);
	while ((record = memfd_luo_it_next(&it))) {
		struct folio *folio = pfn_folio(record->pfn);

		kho_unpreserve_folio(folio);
		unpin_folio(folio);
	}
	kho_page_list_destroy(&records->list);
	*records = (struct memfd_luo_records){};
}

/**
 * struct memfd_luo_walk - collecting the folios of a file
 * @file: the file
 * @records: of what has been collected
 * @what: of what there is
 * @index: where to go on
 * @end: the last index that is below the file's size
 * @folios: some that are pinned, in ascending order
 * @nr: how many they are
 */
struct memfd_luo_walk {
	struct file *file;
	struct memfd_luo_records *records;
	enum {
		MEMFD_LUO_ALL,		/* all, and none of it is collected yet */
		MEMFD_LUO_MARKED,	/* what came in since the mapping was frozen */
		MEMFD_LUO_REST,		/* all, wherever it came from */
	} what;
	pgoff_t index;
	pgoff_t end;
	struct folio *folios[PAGEVEC_SIZE];
	unsigned int nr;
};

/*
 * Lock a folio of ours and make it one that never goes away by itself. -EAGAIN: it is
 * not ours any more. Inline, as the call alone is a twelfth of what a page costs.
 */
static __always_inline int memfd_luo_lock(struct address_space *mapping,
					  struct folio *folio)
{
	int err;

	if (!folio_trylock(folio)) {
		err = folio_lock_killable(folio);
		if (err)
			return err;
	}

	err = -EAGAIN;
	if (folio->mapping != mapping)
		goto err_unlock;
	err = -EIO;
	if (folio_contain_hwpoisoned_page(folio))
		goto err_unlock;

	if (!folio_test_uptodate(folio)) {
		folio_zero_range(folio, 0, folio_size(folio));
		flush_dcache_folio(folio);
		folio_mark_uptodate(folio);
	}
	if (!folio_test_dirty(folio))
		folio_mark_dirty(folio);
	return 0;

err_unlock:
	folio_unlock(folio);
	return err;
}

/* In swap, or where it must not stay: somebody has to get it for us. */
static bool memfd_luo_is_far(struct folio *entry)
{
	return xa_is_value(entry) || !folio_is_longterm_pinnable(entry);
}

/* What try_grab_folio() does for FOLL_PIN, except for the statistics. */
static void memfd_luo_grab(struct folio *folio)
{
	if (folio_test_large(folio)) {
		folio_ref_inc(folio);
		atomic_inc(&folio->_pincount);
	} else {
		folio_ref_add(folio, GUP_PIN_COUNTING_BIAS);
	}
}

/*
 * Pin folios from @walk->index on, up to the first one that is far, which is left for
 * memfd_luo_pin_far(): true then. Whoever takes one of them out of the mapping, or
 * freezes its reference count, has to hold the lock of the mapping.
 */
static bool memfd_luo_pin(struct memfd_luo_walk *walk)
{
	struct address_space *mapping = walk->file->f_mapping;
	unsigned long block, near = ULONG_MAX;
	struct pglist_data *node = NULL;
	xa_mark_t mark = XA_PRESENT;
	unsigned int nr = 0;
	struct folio *folio;
	bool far = false;

	XA_STATE(xas, &mapping->i_pages, walk->index);

	if (walk->what == MEMFD_LUO_MARKED)
		mark = SHMEM_MARK_NEW;

	xas_lock_irq(&xas);
	for (folio = mark == XA_PRESENT ? xas_find(&xas, walk->end) :
					  xas_find_marked(&xas, walk->end, mark);
	     folio && nr < ARRAY_SIZE(walk->folios);
	     folio = mark == XA_PRESENT ? xas_next_entry(&xas, walk->end) :
					  xas_next_marked(&xas, walk->end, mark)) {
		far = xa_is_value(folio);
		if (far)
			break;
		/* What is true of one page is true of the page block. */
		block = folio_pfn(folio) / pageblock_nr_pages;
		if (block != near) {
			far = memfd_luo_is_far(folio);
			if (far || (node && node != folio_pgdat(folio)))
				break;
			node = folio_pgdat(folio);
			near = block;
		}
		memfd_luo_grab(folio);
		walk->folios[nr++] = folio;
		/* Over the other slots of a large one. */
		if (folio_test_large(folio))
			xas_advance(&xas, folio_next_index(folio) - 1);
	}
	/* Go on at the one that was looked at and not taken. */
	walk->index = folio ? xas.xa_index : walk->end + 1;
	walk->nr = nr;
	if (nr)
		__mod_node_page_state(node, NR_FOLL_PIN_ACQUIRED, nr);
	xas_unlock_irq(&xas);
	return far;
}

/* 0 if @entry is far. A folio that is so is made to stay until somebody gets it. */
static int memfd_luo_hold_far(struct memfd_luo_walk *walk, struct folio *entry)
{
	int err;

	if (xa_is_value(entry))
		return 0;
	err = memfd_luo_lock(walk->file->f_mapping, entry);
	if (err)
		return err;
	err = memfd_luo_is_far(entry) ? 0 : -EAGAIN;
	folio_unlock(entry);
	return err;
}

/*
 * Have the folio at @walk->index brought near, and those that follow without a gap and
 * are far as well. None of them is a hole: each one was made dirty, or is in swap.
 */
static int memfd_luo_pin_far(struct memfd_luo_walk *walk)
{
	loff_t size = i_size_read(file_inode(walk->file));
	pgoff_t indices[PAGEVEC_SIZE], index = walk->index, next = index, offset;
	struct folio_batch fbatch;
	long nr, i, pinned;
	int err = -EAGAIN;
	loff_t end;

	folio_batch_init(&fbatch);
	nr = find_get_entries(walk->file->f_mapping, &index, walk->end, &fbatch,
			      indices);
	for (i = 0; i < nr; i++) {
		struct folio *entry = fbatch.folios[i];

		if (indices[i] != next)
			break;
		err = memfd_luo_hold_far(walk, entry);
		if (err)
			break;
		next = xa_is_value(entry) ? next + 1 : folio_next_index(entry);
	}
	/* Nothing can be migrated while there is a reference. */
	folio_batch_remove_exceptionals(&fbatch);
	if (folio_batch_count(&fbatch))
		folios_put(&fbatch);
	if (next == walk->index)
		return err;

	end = min_t(loff_t, size, (loff_t)next << PAGE_SHIFT) - 1;
	pinned = memfd_pin_folios(walk->file, (loff_t)walk->index << PAGE_SHIFT, end,
				  walk->folios, ARRAY_SIZE(walk->folios), &offset);
	if (pinned < 0)
		return pinned;
	for (i = 0; i < pinned; i++) {
		struct folio *folio = walk->folios[i];

		if (i && folio == walk->folios[walk->nr - 1])
			unpin_folio(folio);
		else
			walk->folios[walk->nr++] = folio;
	}
	walk->index = folio_next_index(walk->folios[walk->nr - 1]);
	return 0;
}

/*
 * Of the folios that are pinned, none of them below @index, keep those that belong to us
 * and are not collected yet. If this fails, those from the first bad one on are gone,
 * and the walk goes on there.
 */
static int memfd_luo_sift(struct memfd_luo_walk *walk, pgoff_t index)
{
	struct address_space *mapping = walk->file->f_mapping;
	unsigned int i, nr = 0;
	int err = 0;

	for (i = 0; i < walk->nr; i++) {
		struct folio *folio = walk->folios[i];

		err = memfd_luo_lock(mapping, folio);
		if (err)
			break;
		folio_unlock(folio);
		if (walk->what != MEMFD_LUO_ALL && kho_folio_is_preserved(folio))
			unpin_folio(folio);
		else
			walk->folios[nr++] = folio;
	}
	if (err) {
		walk->index = i ? folio_next_index(walk->folios[i - 1]) : index;
		unpin_folios(walk->folios + i, walk->nr - i);
	}
	walk->nr = nr;
	return err;
}

/* Preserve and record all folios that are pinned; those where that fails are unpinned. */
static int memfd_luo_keep(struct memfd_luo_walk *walk)
{
	unsigned int kept = 0, i;
	int err;

	err = kho_preserve_folios(walk->folios, walk->nr);
	if (!err) {
		kept = memfd_luo_add_records(walk->records, walk->folios, walk->nr,
					     &err);
		for (i = kept; i < walk->nr; i++)
			kho_unpreserve_folio(walk->folios[i]);
	}
	if (kept < walk->nr)
		unpin_folios(walk->folios + kept, walk->nr - kept);
	walk->nr = 0;
	return err;
}

/*
 * Pin and preserve folios of a file, and record them. If it fails, what was collected
 * by then stays so.
 */
static int memfd_luo_collect(struct file *file, struct memfd_luo_records *records,
			     int what)
{
	struct memfd_luo_walk walk = {
		.file = file,
		.records = records,
		.what = what,
	};
	loff_t size = i_size_read(file_inode(file));
	int err, sifted;

	if (!size)
		return 0;
	walk.end = (size - 1) >> PAGE_SHIFT;

	while (walk.index <= walk.end) {
		pgoff_t index = walk.index;

		if (memfd_luo_pin(&walk) && !walk.nr) {
			err = memfd_luo_pin_far(&walk);
			if (err && err != -EAGAIN)
				return err;
		}
		sifted = memfd_luo_sift(&walk, index);
		err = walk.nr ? memfd_luo_keep(&walk) : 0;
		if (!err && sifted != -EAGAIN)
			err = sifted;
		if (!err && fatal_signal_pending(current))
			err = -EINTR;
		if (err)
			return err;
		cond_resched();
	}
	return 0;
}

/*
 * Has the mapping more in it than was recorded? What was recorded cannot have gone.
 * Pages beyond the end of the file count as well, though nobody collects them.
 */
static bool memfd_luo_has_grown(struct memfd_luo *memfd, struct inode *inode)
{
	struct address_space *mapping = inode->i_mapping;
	bool grown;

	/* Whoever adds a page under this lock from now on sees frozen holes. */
	xa_lock_irq(&mapping->i_pages);
	grown = mapping->nrpages != memfd->records.nr_pages ||
		READ_ONCE(SHMEM_I(inode)->swapped);
	xa_unlock_irq(&mapping->i_pages);
	return grown;
}

/*
 * Collect what has come in since preserve(). All of it is marked, but what came while
 * that was under way may have been collected there, and what was swapped out or
 * collapsed since may have lost its mark.
 */
static int memfd_luo_collect_new(struct memfd_luo *memfd, struct file *file)
{
	struct memfd_luo_records *records = &memfd->records;
	struct inode *inode = file_inode(file);
	int err;

	if (!memfd_luo_has_grown(memfd, inode))
		return 0;
	err = memfd_luo_collect(file, records, MEMFD_LUO_MARKED);
	if (err || !memfd_luo_has_grown(memfd, inode))
		return err;
	return memfd_luo_collect(file, records, MEMFD_LUO_REST);
}

/* Pages of the whole machine in which memory has failed. */
static long memfd_luo_nr_poisoned(void)
{
#ifdef CONFIG_MEMORY_FAILURE
	return atomic_long_read(&num_poisoned_pages);
#else
	return 0;
#endif
}

/* Has memory of the file failed since it was preserved? */
static int memfd_luo_check_poison(struct memfd_luo *memfd, struct file *file)
{
	const struct memfd_luo_folio_ser *record;
	long poisoned = memfd_luo_nr_poisoned();
	struct memfd_luo_it it;

	if (poisoned == memfd->poisoned)
		return 0;
	memfd_luo_it_init(&it, &memfd->records);
	while ((record = memfd_luo_it_next(&it))) {
		if (!folio_contain_hwpoisoned_page(pfn_folio(record->pfn)))
			continue;
		pr_err("memory of \"%pD\" has failed, at or after page %llu: it cannot be handed over. Drop the file from its session, and replace the page\n",
		       file, (u64)record->index);
		return -EIO;
	}
	memfd->poisoned = poisoned;
	return 0;
}

static void memfd_luo_clear_marks(struct address_space *mapping)
{
	XA_STATE(xas, &mapping->i_pages, 0);
	unsigned int n = 0;
	void *entry;

	xas_lock_irq(&xas);
	xas_for_each_marked(&xas, entry, ULONG_MAX, SHMEM_MARK_NEW) {
		xas_clear_mark(&xas, SHMEM_MARK_NEW);
		if (++n % XA_CHECK_SCHED)
			continue;
		xas_pause(&xas);
		xas_unlock_irq(&xas);
		cond_resched();
		xas_lock_irq(&xas);
	}
	xas_unlock_irq(&xas);
}

static void memfd_luo_freeze_holes(struct inode *inode)
{
	set_bit(ilog2(SHMEM_F_HOLES_FROZEN), &SHMEM_I(inode)->flags);
}

static void memfd_luo_thaw_holes(struct inode *inode)
{
	struct shmem_inode_info *info = SHMEM_I(inode);

	clear_bit(ilog2(SHMEM_F_HOLES_FROZEN), &info->flags);
	smp_mb__after_atomic(); /* wake_up_var() looks for waiters */
	wake_up_var(&info->flags);
}

/**
 * memfd_luo_wait_hole - somebody wants to allocate a page for a hole
 * @inode: of a shmem file
 * @vmf: the fault that wants it, or NULL
 * @fault_type: result of the fault
 *
 * Between freeze and jump such a page would be lost, so this waits until the freeze
 * is undone. It is killable, and gives mmap_lock up if it may.
 *
 * Return: 0: go on; -EAGAIN: it was undone just now, look again what is there;
 * -EINTR; 1: see @fault_type
 */
int memfd_luo_wait_hole(struct inode *inode, struct vm_fault *vmf,
			vm_fault_t *fault_type)
{
	struct file *fpin = NULL;
	int err;

	if (likely(!shmem_is_frozen(inode, SHMEM_F_HOLES_FROZEN)))
		return 0;

	if (vmf) {
		if (fault_flag_allow_retry_first(vmf->flags) &&
		    (vmf->flags & FAULT_FLAG_RETRY_NOWAIT)) {
			*fault_type |= VM_FAULT_RETRY;
			return 1;
		}
		fpin = maybe_unlock_mmap_for_io(vmf, NULL);
	}
	err = wait_var_event_killable(&SHMEM_I(inode)->flags,
				      !shmem_is_frozen(inode,
						       SHMEM_F_HOLES_FROZEN));
	if (fpin) {
		fput(fpin);
		*fault_type |= VM_FAULT_RETRY;
		return 1;
	}
	return err ? -EINTR : -EAGAIN;
}

static u32 memfd_luo_flags(struct file *file)
{
	u32 flags = 0;

	if (!(file->f_mode & FMODE_WRITE))
		flags |= MEMFD_LUO_RDONLY;
	else if (!(file->f_mode & FMODE_READ))
		flags |= MEMFD_LUO_WRONLY;
	if (!(file_inode(file)->i_mode & 0111))
		flags |= MEMFD_LUO_NOEXEC;
	return flags;
}

static void memfd_luo_describe(struct memfd_luo *memfd, struct file *file)
{
	*memfd->ser = (struct memfd_luo_ser){
		.pos = file->f_pos,
		.size = i_size_read(file_inode(file)),
		.seals = memfd_get_seals(file),
		.flags = memfd_luo_flags(file),
		.nr_folios = memfd->records.nr,
		.folios = memfd->records.list.kv,
	};
}

/* A page for the descriptor, of which only that is ever initialised. */
static struct memfd_luo_ser *memfd_luo_alloc_ser(void)
{
	struct folio *folio = folio_alloc(GFP_KERNEL, 0);
	int err;

	if (!folio)
		return ERR_PTR(-ENOMEM);
	err = kho_preserve_folio(folio);
	if (err) {
		folio_put(folio);
		return ERR_PTR(err);
	}
	return folio_address(folio);
}

static bool memfd_luo_can_preserve(struct liveupdate_file_handler *handler,
				   struct file *file)
{
	struct inode *inode = file_inode(file);

	/* S_PRIVATE: System V shared memory and the like. */
	return shmem_file(file) && S_ISREG(inode->i_mode) && !inode->i_nlink &&
	       !IS_PRIVATE(inode);
}

static unsigned long memfd_luo_get_id(struct file *file)
{
	return (unsigned long)file_inode(file);
}

/* What comes into holes shall not have to be moved at the freeze. */
static void memfd_luo_keep_near(struct memfd_luo *memfd,
				struct address_space *mapping)
{
	memfd->gfp = mapping_gfp_mask(mapping);
	mapping_set_gfp_mask(mapping, memfd->gfp & ~__GFP_MOVABLE);
}

static int memfd_luo_preserve(struct liveupdate_file_op_args *args)
{
	struct inode *inode = file_inode(args->file);
	struct memfd_luo *memfd;
	int err, seals;

	memfd = kzalloc(sizeof(*memfd), GFP_KERNEL);
	if (!memfd)
		return -ENOMEM;
	memfd->ser = memfd_luo_alloc_ser();
	if (IS_ERR(memfd->ser)) {
		err = PTR_ERR(memfd->ser);
		goto err_memfd;
	}

	err = down_write_killable(&inode->i_rwsem);
	if (err)
		goto err_ser;
	seals = memfd_get_seals(args->file);
	err = seals;
	if (err < 0)
		goto err_inode;
	err = -EOPNOTSUPP;
	if (seals & ~MEMFD_LUO_ALL_SEALS)
		goto err_inode;
	shmem_freeze(inode, true);
	memfd_luo_keep_near(memfd, inode->i_mapping);
	memfd->poisoned = memfd_luo_nr_poisoned();
	err = memfd_luo_collect(args->file, &memfd->records, MEMFD_LUO_ALL);
	if (err)
		goto err_drop;
	memfd_luo_describe(memfd, args->file);
	inode_unlock(inode);

	args->serialized_data = virt_to_phys(memfd->ser);
	args->private_data = memfd;
	return 0;

err_drop:
	memfd_luo_drop(&memfd->records);
	mapping_set_gfp_mask(inode->i_mapping, memfd->gfp);
	shmem_freeze(inode, false);
	memfd_luo_clear_marks(inode->i_mapping);
err_inode:
	inode_unlock(inode);
err_ser:
	kho_unpreserve_free(memfd->ser);
err_memfd:
	kfree(memfd);
	return err;
}

static void memfd_luo_unpreserve(struct liveupdate_file_op_args *args)
{
	struct inode *inode = file_inode(args->file);
	struct memfd_luo *memfd = args->private_data;

	memfd_luo_drop(&memfd->records);
	kho_unpreserve_free(memfd->ser);
	mapping_set_gfp_mask(inode->i_mapping, memfd->gfp);
	kfree(memfd);
	shmem_freeze(inode, false);
	memfd_luo_clear_marks(inode->i_mapping);
}

/*
 * Without the inode lock: somebody may hold it who waits for a hole of this file, or
 * copies from one of another file that is frozen already. Size and pages are frozen
 * since preserve(), and seals are added under the lock of the mapping, which looking
 * for new pages takes: later than that there are none.
 *
 * What it collects stays so if it fails, as if it had been there at preserve().
 */
static int memfd_luo_freeze(struct liveupdate_file_op_args *args)
{
	struct inode *inode = file_inode(args->file);
	struct memfd_luo *memfd = args->private_data;
	int err;

	memfd_luo_freeze_holes(inode);
	err = memfd_luo_collect_new(memfd, args->file);
	if (!err)
		err = memfd_luo_check_poison(memfd, args->file);
	if (err)
		memfd_luo_thaw_holes(inode);
	else
		memfd_luo_describe(memfd, args->file);
	return err;
}

/* Without the inode lock, for the same reason. */
static void memfd_luo_unfreeze(struct liveupdate_file_op_args *args)
{
	memfd_luo_thaw_holes(file_inode(args->file));
}

static const struct liveupdate_file_ops memfd_luo_file_ops = {
	.can_preserve = memfd_luo_can_preserve,
	.preserve = memfd_luo_preserve,
	.unpreserve = memfd_luo_unpreserve,
	.freeze = memfd_luo_freeze,
	.unfreeze = memfd_luo_unfreeze,
	.retrieve = memfd_luo_retrieve,
	.finish = memfd_luo_finish,
	.get_id = memfd_luo_get_id,
	.owner = THIS_MODULE,
};

liveupdate_format(memfd, FILE, MEMFD_LUO_FH_COMPATIBLE);

static struct liveupdate_file_handler memfd_luo_handler = {
	.ops = &memfd_luo_file_ops,
	.compatible = MEMFD_LUO_FH_COMPATIBLE,
};

static int __init memfd_luo_init(void)
{
	int err = liveupdate_register_file_handler(&memfd_luo_handler);

	if (err && err != -EOPNOTSUPP) {
		pr_err("no live update of memfds, handler is refused: %pe\n",
		       ERR_PTR(err));
		return err;
	}
	return 0;
}
late_initcall(memfd_luo_init);
