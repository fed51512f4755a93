// SPDX-License-Identifier: GPL-2.0
/*
 * Saved configuration state on its way to the next kernel.
 *
 * struct pci_saved_state is what the PCI core saved of a device, in a form that is
 * nobody else's business, nor is it looked into here. It is loaded into the buffers of the
 * device, from there becomes a list that describes itself (struct pci_state_cap_ser),
 * and the other way round; what the buffers held before is put back.
 *
 * Life cycle: the old kernel asks for the size at preserve and writes at freeze;
 * nothing is kept. The new kernel reads the list once the capabilities of the device
 * are initialised, and gets a state that pci_load_saved_state() takes and kfree() frees:
 * of the device at the jump before a driver probes it, of what it goes back to when
 * that asks for it.
 *
 * Who may call: the PCI core, from process context; the device is only read.
 *
 * What can fail: allocations, and reading. A list that is not well-formed is refused as a
 * whole; a capability that this kernel cannot take is named in the log and left out.
 */

#include <linux/err.h>
#include <linux/kho/abi/pci.h>
#include <linux/pci.h>

#include "liveupdate.h"
#include "liveupdate_caps.h"
#include "liveupdate_check.h"
#include "pci.h"

#define PCI_LU_HEADER_BYTES	64
#define PCI_LU_CAP_VERSION	1
#define PCI_LU_CAP_ALIGN	8

static_assert(sizeof_field(struct pci_dev, saved_config_space) == PCI_LU_HEADER_BYTES);

static size_t pci_lu_entry_size(size_t length)
{
	return sizeof(struct pci_state_cap_ser) + ALIGN(length, PCI_LU_CAP_ALIGN);
}

/**
 * struct pci_lu_buffers - what the buffers of a device held
 * @state: their contents
 * @valid: and whether these meant anything
 */
struct pci_lu_buffers {
	struct pci_saved_state *state;
	bool valid;
};

static int pci_lu_buffers_begin(struct pci_dev *dev, struct pci_lu_buffers *before)
{
	before->valid = dev->state_saved;
	/* Or the core would take what is in them for nothing. */
	dev->state_saved = true;
	before->state = pci_store_saved_state(dev);
	if (!before->state) {
		dev->state_saved = before->valid;
		return -ENOMEM;
	}
	return 0;
}

static void pci_lu_buffers_end(struct pci_dev *dev, struct pci_lu_buffers *before)
{
	pci_load_and_free_saved_state(dev, &before->state);
	dev->state_saved = before->valid;
}

/**
 * pci_lu_state_dup - copy a saved state
 * @dev: the device
 * @state: of pci_store_saved_state()
 *
 * Return: the copy, to be freed with kfree(); NULL without memory
 */
struct pci_saved_state *pci_lu_state_dup(struct pci_dev *dev,
					 const struct pci_saved_state *state)
{
	struct pci_saved_state *copy = NULL;
	struct pci_lu_buffers before;

	if (pci_lu_buffers_begin(dev, &before))
		return NULL;
	if (!pci_load_saved_state(dev, (struct pci_saved_state *)state))
		copy = pci_store_saved_state(dev);
	pci_lu_buffers_end(dev, &before);
	return copy;
}

/**
 * pci_lu_state_size - bytes that a saved state of this device may take
 * @dev: the device, its capabilities initialised
 *
 * Return: upper limit of what pci_lu_state_write() needs, now and later
 */
u32 pci_lu_state_size(struct pci_dev *dev)
{
	const struct pci_cap_saved_state *tmp;
	size_t size = pci_lu_entry_size(PCI_LU_HEADER_BYTES);

	hlist_for_each_entry(tmp, &dev->saved_cap_space, next)
		size += pci_lu_entry_size(tmp->cap.size);
	return size;
}

static void pci_lu_put(void *at, u16 id, u8 space, u16 offset, const void *payload, u16 length)
{
	struct pci_state_cap_ser ser = {
		.id = id,
		.space = space,
		.version = PCI_LU_CAP_VERSION,
		.length = length,
		.offset = offset,
	};

	memcpy(at, &ser, sizeof(ser));
	at += sizeof(ser);
	memcpy(at, payload, length);
	memset(at + length, 0, ALIGN(length, PCI_LU_CAP_ALIGN) - length);
}

/* What is in the buffers of @dev. */
static int pci_lu_state_put(struct pci_dev *dev, void *buf, size_t size)
{
	size_t used = pci_lu_entry_size(PCI_LU_HEADER_BYTES);
	const struct pci_cap_saved_state *tmp;

	if (used > size)
		return -ENOSPC;
	pci_lu_put(buf, 0, PCI_STATE_CAP_HEADER, 0, dev->saved_config_space,
		   PCI_LU_HEADER_BYTES);

	hlist_for_each_entry(tmp, &dev->saved_cap_space, next) {
		u16 id = tmp->cap.cap_nr, offset;
		bool extended = tmp->cap.cap_extended;

		if (!pci_lu_cap_has_format(id, extended, tmp->cap.size)) {
			pci_warn(dev,
				 "liveupdate: saved state of %scapability %#x (%u bytes) has no format and is left behind\n",
				 extended ? "extended " : "", id, tmp->cap.size);
			continue;
		}
		if (pci_lu_entry_size(tmp->cap.size) > size - used)
			return -ENOSPC;
		offset = extended ? pci_find_ext_capability(dev, id) :
				    pci_find_capability(dev, id);
		pci_lu_put(buf + used, id, extended ? PCI_STATE_CAP_EXTENDED :
			   PCI_STATE_CAP_NORMAL, offset, tmp->cap.data, tmp->cap.size);
		used += pci_lu_entry_size(tmp->cap.size);
	}
	return used;
}

/**
 * pci_lu_state_write - write a saved state as a list that describes itself
 * @dev: the device
 * @state: of pci_store_saved_state(); NULL for the device as it is now
 * @buf: where to
 * @size: its size, what pci_lu_state_size() says
 *
 * A capability whose saved registers have no format for the next kernel is named in
 * the log and left out. What the core has saved of the device is not changed.
 *
 * Return: bytes written; -ENOSPC, -ENOMEM, or -EINVAL if @state is not of this device
 */
int pci_lu_state_write(struct pci_dev *dev, const struct pci_saved_state *state,
		       void *buf, u32 size)
{
	struct pci_lu_buffers before;
	int ret;

	ret = pci_lu_buffers_begin(dev, &before);
	if (ret)
		return ret;
	ret = state ? pci_load_saved_state(dev, (struct pci_saved_state *)state) :
		      pci_save_state(dev);
	if (!ret)
		ret = pci_lu_state_put(dev, buf, size);
	pci_lu_buffers_end(dev, &before);
	return ret;
}

/* Take one entry into the buffers of @dev; NULL, or why it cannot be restored. */
static const char *pci_lu_cap_take(struct pci_dev *dev, const struct pci_state_cap_ser *ser)
{
	bool extended = ser->space == PCI_STATE_CAP_EXTENDED;
	struct pci_cap_saved_state *tmp;

	if (!pci_lu_cap_known(ser->id, extended))
		return "this kernel does not know it";
	if (ser->version != PCI_LU_CAP_VERSION)
		return "this kernel does not know its version";
	if (!pci_lu_cap_has_format(ser->id, extended, ser->length))
		return "its length is wrong";

	hlist_for_each_entry(tmp, &dev->saved_cap_space, next) {
		if (tmp->cap.cap_extended != extended || tmp->cap.cap_nr != ser->id)
			continue;
		if (tmp->cap.size != ser->length)
			return "this kernel saves another number of registers";
		memcpy(tmp->cap.data, ser + 1, ser->length);
		return NULL;
	}
	return "the device does not have it, or this kernel does not restore it";
}

/* All but addresses: those that the device has now are claimed. */
static void pci_lu_header_take(struct pci_dev *dev, const struct pci_state_cap_ser *header)
{
	const u32 *words = (const u32 *)(header + 1);

	for (unsigned int at = 0; at < PCI_LU_HEADER_BYTES; at += sizeof(*words))
		if (at != PCI_ROM_ADDRESS &&
		    (at < PCI_BASE_ADDRESS_0 || at > PCI_BASE_ADDRESS_5))
			dev->saved_config_space[at / sizeof(*words)] = words[at / sizeof(*words)];
}

/* The entries behind the header. */
static void pci_lu_state_take(struct pci_dev *dev, const void *buf, u32 length)
{
	const struct pci_state_cap_ser *ser;
	size_t at = pci_lu_entry_size(PCI_LU_HEADER_BYTES);

	for (; at < length; at += pci_lu_entry_size(ser->length)) {
		const char *why;
		bool extended;

		ser = buf + at;
		extended = ser->space == PCI_STATE_CAP_EXTENDED;
		why = pci_lu_cap_take(dev, ser);
		if (why)
			pci_warn(dev,
				 "liveupdate: saved state of %scapability %#x (%s) at %#x, version %u, %u bytes, cannot be restored: %s\n",
				 extended ? "extended " : "", ser->id,
				 pci_lu_cap_name(ser->id, extended), ser->offset, ser->version,
				 ser->length, why);
	}
}

/**
 * pci_lu_state_read - make a saved state of what the previous kernel left
 * @dev: the device, its capabilities initialised
 * @buf: a list of struct pci_state_cap_ser aligned to 8 bytes, not trusted
 * @length: its size, 0 for none
 *
 * Each capability that cannot be restored is named in the log; the others are taken,
 * and what is missing is as the device has it now.
 *
 * Return: a state for pci_load_saved_state(), to be freed with kfree(); NULL if there
 * is none; ERR_PTR(-EINVAL) if the list is not well-formed, ERR_PTR(-ENOMEM)
 */
struct pci_saved_state *pci_lu_state_read(struct pci_dev *dev, const void *buf, u32 length)
{
	const struct pci_state_cap_ser *header = buf;
	struct pci_lu_buffers before;
	struct pci_saved_state *state;
	int ret;

	if (!length)
		return NULL;
	if (!IS_ALIGNED((unsigned long)buf, PCI_LU_CAP_ALIGN) ||
	    pci_lu_check_config(buf, length) || header->version != PCI_LU_CAP_VERSION)
		return ERR_PTR(-EINVAL);

	ret = pci_lu_buffers_begin(dev, &before);
	if (ret)
		return ERR_PTR(ret);
	ret = pci_save_state(dev);
	if (!ret) {
		pci_lu_header_take(dev, header);
		pci_lu_state_take(dev, buf, length);
		state = pci_store_saved_state(dev);
		ret = state ? 0 : -ENOMEM;
	}
	pci_lu_buffers_end(dev, &before);
	return ret ? ERR_PTR(ret) : state;
}
