// SPDX-License-Identifier: GPL-2.0
/*
 * pci-lu-stub: what user space does with a device through its file.
 *
 * Life cycle: a file holds a reference of its struct stub, so that it can outlive the
 * driver; then all that it still answers is -ENODEV, and what was mapped is gone.
 * All ioctls run under stub->lock and undo what they did if they fail.
 */

#include <linux/anon_inodes.h>
#include <linux/cleanup.h>
#include <linux/dma-mapping.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/interrupt.h>
#include <linux/memfd.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pci_liveupdate.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <uapi/linux/pci_lu_stub.h>

#include "pci-lu-stub.h"

/**
 * struct stub_file - an open file
 * @list: in stub.files
 * @stub: the device, with a reference
 * @file: the file
 */
struct stub_file {
	struct list_head list;
	struct stub *stub;
	struct file *file;
};

static const struct file_operations stub_fops;

struct stub *stub_alloc(struct pci_dev *pdev)
{
	struct stub *stub = kzalloc(sizeof(*stub), GFP_KERNEL);

	if (!stub)
		return NULL;
	kref_init(&stub->kref);
	stub->pdev = pci_dev_get(pdev);
	mutex_init(&stub->lock);
	INIT_LIST_HEAD(&stub->maps);
	INIT_LIST_HEAD(&stub->files);
	init_waitqueue_head(&stub->let_go);
	snprintf(stub->name, sizeof(stub->name), STUB_NAME "-%s", pci_name(pdev));
	snprintf(stub->node, sizeof(stub->node), STUB_NAME "/%s", pci_name(pdev));
	stub->misc.minor = MISC_DYNAMIC_MINOR;
	stub->misc.name = stub->name;
	stub->misc.nodename = stub->node;
	stub->misc.fops = &stub_fops;
	stub->misc.parent = &pdev->dev;
	return stub;
}

static void stub_free(struct kref *kref)
{
	struct stub *stub = container_of(kref, struct stub, kref);

	pci_dev_put(stub->pdev);
	kfree(stub->in);
	kfree(stub->initial);
	kfree(stub);
}

void stub_put(struct stub *stub)
{
	kref_put(&stub->kref, stub_free);
}

/* Memory */

/* The folio that holds [@offset, @offset + @length) of @memfd, pinned. */
static struct folio *stub_pin(struct file *memfd, u64 offset, u64 length)
{
	struct folio *folio;
	pgoff_t first;
	long nr;

	if (!length || !PAGE_ALIGNED(offset | length) || offset + length < offset ||
	    offset + length > i_size_read(file_inode(memfd)))
		return ERR_PTR(-EINVAL);
	nr = memfd_pin_folios(memfd, offset, offset + length - 1, &folio, 1, &first);
	if (nr < 0)
		return ERR_PTR(nr);
	if (first + length > folio_size(folio)) {
		unpin_folio(folio);
		return ERR_PTR(-EINVAL);
	}
	return folio;
}

/*
 * The address must be that of the memory itself, which alone is the same in the next
 * kernel: neither a bounce buffer nor a translation is carried over here.
 */
static int stub_map_dma(struct stub *stub, struct stub_map *map)
{
	struct device *dev = &stub->pdev->dev;
	size_t at = offset_in_folio(map->folio, map->offset);
	dma_addr_t address;

	address = dma_map_page(dev, folio_page(map->folio, 0), at, map->length,
			       DMA_BIDIRECTIONAL);
	if (dma_mapping_error(dev, address))
		return -EIO;
	if (address != page_to_phys(folio_page(map->folio, 0)) + at) {
		dma_unmap_page(dev, address, map->length, DMA_BIDIRECTIONAL);
		return -EOPNOTSUPP;
	}
	map->address = address;
	return 0;
}

int stub_map_add(struct stub *stub, struct file *memfd, u64 offset, u64 length, u64 *address)
{
	struct stub_map *map;
	int ret;

	lockdep_assert_held(&stub->lock);

	map = kzalloc(sizeof(*map), GFP_KERNEL_ACCOUNT);
	if (!map)
		return -ENOMEM;
	map->folio = stub_pin(memfd, offset, length);
	if (IS_ERR(map->folio)) {
		ret = PTR_ERR(map->folio);
		goto free;
	}
	map->memfd = get_file(memfd);
	map->offset = offset;
	map->length = length;
	ret = stub_map_dma(stub, map);
	if (ret)
		goto unpin;
	list_add_tail(&map->list, &stub->maps);
	stub->nr_maps++;
	*address = map->address;
	return 0;

unpin:
	fput(map->memfd);
	unpin_folio(map->folio);
free:
	kfree(map);
	return ret;
}

static void stub_map_remove(struct stub *stub, struct stub_map *map)
{
	lockdep_assert_held(&stub->lock);

	list_del(&map->list);
	stub->nr_maps--;
	dma_unmap_page(&stub->pdev->dev, map->address, map->length, DMA_BIDIRECTIONAL);
	fput(map->memfd);
	unpin_folio(map->folio);
	kfree(map);
}

void stub_map_remove_all(struct stub *stub)
{
	struct stub_map *map, *next;

	list_for_each_entry_safe(map, next, &stub->maps, list)
		stub_map_remove(stub, map);
}

/* Interrupt */

static irqreturn_t stub_interrupt(int irq, void *data)
{
	struct stub *stub = data;

	/* A pin stays up until user space has served the device: masked so long. */
	if (stub->intx && !pci_check_and_mask_intx(stub->pdev))
		return IRQ_NONE;
	atomic64_inc(&stub->nr_irqs);
	eventfd_signal(stub->listener);
	return IRQ_HANDLED;
}

void stub_irq_stop(struct stub *stub)
{
	lockdep_assert_held(&stub->lock);

	if (!stub->listener)
		return;
	free_irq(stub->irq, stub);
	pci_free_irq_vectors(stub->pdev);
	eventfd_ctx_put(stub->listener);
	stub->listener = NULL;
}

static int stub_irq_start(struct stub *stub, struct eventfd_ctx *listener)
{
	struct pci_dev *pdev = stub->pdev;
	int ret;

	lockdep_assert_held(&stub->lock);

	ret = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_ALL_TYPES);
	if (ret < 0)
		return ret;
	stub->irq = pci_irq_vector(pdev, 0);
	stub->intx = !pdev->msi_enabled && !pdev->msix_enabled;
	stub->listener = listener;
	ret = request_irq(stub->irq, stub_interrupt, stub->intx ? IRQF_SHARED : 0,
			  stub->name, stub);
	if (ret) {
		stub->listener = NULL;
		pci_free_irq_vectors(pdev);
	}
	return ret;
}

/* The file itself */

static int stub_ioctl_info(struct stub *stub, void *arg)
{
	struct pci_lu_stub_info *info = arg;

	if (info->reserved)
		return -EINVAL;
	info->updates = stub->updates;
	info->nr_maps = stub->nr_maps;
	info->nr_irqs = atomic64_read(&stub->nr_irqs);
	return 0;
}

static int stub_ioctl_map(struct stub *stub, void *arg)
{
	struct pci_lu_stub_map *map = arg;
	struct file *memfd;
	int ret;

	if (stub->preserved)
		return -EBUSY;
	memfd = fget(map->fd);
	if (!memfd)
		return -EBADF;
	ret = stub_map_add(stub, memfd, map->offset, map->length, &map->address);
	fput(memfd);
	return ret;
}

static int stub_ioctl_unmap(struct stub *stub, void *arg)
{
	struct pci_lu_stub_unmap *unmap = arg;
	struct stub_map *map;

	if (unmap->reserved)
		return -EINVAL;
	if (stub->preserved)
		return -EBUSY;
	list_for_each_entry(map, &stub->maps, list) {
		if (map->address == unmap->address) {
			stub_map_remove(stub, map);
			return 0;
		}
	}
	return -ENOENT;
}

static int stub_ioctl_irq(struct stub *stub, void *arg)
{
	struct pci_lu_stub_irq *irq = arg;
	struct eventfd_ctx *listener;
	int ret;

	if (stub->preserved)
		return -EBUSY;
	if (irq->fd < 0) {
		stub_irq_stop(stub);
		return 0;
	}
	listener = eventfd_ctx_fdget(irq->fd);
	if (IS_ERR(listener))
		return PTR_ERR(listener);
	stub_irq_stop(stub);
	ret = stub_irq_start(stub, listener);
	if (ret)
		eventfd_ctx_put(listener);
	return ret;
}

union stub_ioctl_arg {
	struct pci_lu_stub_info info;
	struct pci_lu_stub_map map;
	struct pci_lu_stub_unmap unmap;
	struct pci_lu_stub_irq irq;
};

/* By number. */
static const struct stub_ioctl_op {
	unsigned int cmd;
	u32 size;
	u32 min_size;
	int (*execute)(struct stub *stub, void *arg);
} stub_ioctls[] = {
	{ PCI_LU_STUB_INFO, sizeof(struct pci_lu_stub_info),
	  offsetofend(struct pci_lu_stub_info, nr_irqs), stub_ioctl_info },
	{ PCI_LU_STUB_MAP, sizeof(struct pci_lu_stub_map),
	  offsetofend(struct pci_lu_stub_map, address), stub_ioctl_map },
	{ PCI_LU_STUB_UNMAP, sizeof(struct pci_lu_stub_unmap),
	  offsetofend(struct pci_lu_stub_unmap, address), stub_ioctl_unmap },
	{ PCI_LU_STUB_IRQ, sizeof(struct pci_lu_stub_irq),
	  offsetofend(struct pci_lu_stub_irq, fd), stub_ioctl_irq },
};

static long stub_ioctl(struct file *file, unsigned int cmd, unsigned long user)
{
	struct stub *stub = stub_of_file(file);
	const struct stub_ioctl_op *op;
	union stub_ioctl_arg arg = { };
	u32 size;
	int ret;

	if (_IOC_NR(cmd) < PCI_LU_STUB_CMD_BASE ||
	    _IOC_NR(cmd) - PCI_LU_STUB_CMD_BASE >= ARRAY_SIZE(stub_ioctls))
		return -EINVAL;
	op = &stub_ioctls[_IOC_NR(cmd) - PCI_LU_STUB_CMD_BASE];
	if (get_user(size, (u32 __user *)user))
		return -EFAULT;
	if (op->cmd != cmd)
		return -ENOIOCTLCMD;
	if (size < op->min_size)
		return -EINVAL;
	ret = copy_struct_from_user(&arg, op->size, (void __user *)user, size);
	if (ret)
		return ret;
	scoped_guard(mutex, &stub->lock)
		ret = stub->gone ? -ENODEV : op->execute(stub, &arg);
	if (!ret && copy_to_user((void __user *)user, &arg, min(size, op->size)))
		return -EFAULT;
	return ret;
}

static int stub_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct stub *stub = stub_of_file(file);
	struct pci_dev *pdev = stub->pdev;
	const unsigned int shift = ilog2(PCI_LU_STUB_BAR(1)) - PAGE_SHIFT;
	unsigned long bar = vma->vm_pgoff >> shift;
	unsigned long first = vma->vm_pgoff & (BIT(shift) - 1);

	if (bar >= PCI_STD_NUM_BARS || !(vma->vm_flags & VM_SHARED) ||
	    !(pci_resource_flags(pdev, bar) & IORESOURCE_MEM) ||
	    !PAGE_ALIGNED(pci_resource_start(pdev, bar)))
		return -EINVAL;
	if (first + vma_pages(vma) > pci_resource_len(pdev, bar) >> PAGE_SHIFT)
		return -EINVAL;

	guard(mutex)(&stub->lock);
	if (stub->gone)
		return -ENODEV;
	vma->vm_page_prot = pgprot_noncached(vma->vm_page_prot);
	return io_remap_pfn_range(vma, vma->vm_start,
				  PHYS_PFN(pci_resource_start(pdev, bar)) + first,
				  vma->vm_end - vma->vm_start, vma->vm_page_prot);
}

static void stub_file_add(struct stub *stub, struct stub_file *sf, struct file *file)
{
	lockdep_assert_held(&stub->lock);

	kref_get(&stub->kref);
	sf->stub = stub;
	sf->file = file;
	list_add(&sf->list, &stub->files);
}

/* Opens wait for misc_deregister(), so the driver is there. */
static int stub_open(struct inode *inode, struct file *file)
{
	struct stub *stub = container_of(file->private_data, struct stub, misc);
	struct stub_file *sf = kmalloc(sizeof(*sf), GFP_KERNEL);

	if (!sf)
		return -ENOMEM;
	guard(mutex)(&stub->lock);
	/* It belongs to the one who retrieves it. */
	if (stub->in && !stub->retrieved) {
		kfree(sf);
		return -EBUSY;
	}
	stub_file_add(stub, sf, file);
	file->private_data = sf;
	return 0;
}

static int stub_release(struct inode *inode, struct file *file)
{
	struct stub_file *sf = file->private_data;
	struct stub *stub = sf->stub;

	scoped_guard(mutex, &stub->lock)
		list_del(&sf->list);
	stub_put(stub);
	kfree(sf);
	return 0;
}

static const struct file_operations stub_fops = {
	.owner = THIS_MODULE,
	.open = stub_open,
	.release = stub_release,
	.unlocked_ioctl = stub_ioctl,
	.mmap = stub_mmap,
};

bool stub_file_is_ours(struct file *file)
{
	return file->f_op == &stub_fops;
}

struct stub *stub_of_file(struct file *file)
{
	struct stub_file *sf = file->private_data;

	return sf->stub;
}

/* As if it had been opened, but with an inode of its own, which has its mappings only. */
struct file *stub_file_create(struct stub *stub)
{
	struct stub_file *sf;
	struct file *file;

	lockdep_assert_held(&stub->lock);

	sf = kmalloc(sizeof(*sf), GFP_KERNEL);
	if (!sf)
		return ERR_PTR(-ENOMEM);
	file = anon_inode_create_getfile("[" STUB_NAME "]", &stub_fops, sf, O_RDWR, NULL);
	if (IS_ERR(file))
		kfree(sf);
	else
		stub_file_add(stub, sf, file);
	return file;
}

/* Nobody reaches the device any more. */
void stub_file_revoke_all(struct stub *stub)
{
	struct stub_file *sf;

	lockdep_assert_held(&stub->lock);

	stub->gone = true;
	list_for_each_entry(sf, &stub->files, list)
		unmap_mapping_range(sf->file->f_mapping, 0, 0, 1);
}
