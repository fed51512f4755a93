// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live update of PCI devices: is a record possible at all?
 *
 * Each check looks at one record alone, or at one and that of the bridge above it, and
 * believes nothing: not that a string ends, not that a number is in range. Nothing is
 * allocated, locked or changed, and no device is looked at, so this also builds and
 * runs outside of a kernel. Whether the record is true is found out elsewhere, when
 * the device is there to compare it with.
 *
 * A check of the record of a bridge with that of the bridge above it makes sure that
 * bus numbers grow from the root down, so no chain of parents has a loop.
 */
#include <linux/string.h>

#include "liveupdate_check.h"

/* Anything longer was not made from a configuration space of 4096 bytes */
#define PCI_LU_MAX_CONFIG	65536

/* What is left of a block, see kho/abi/block.h, which wants a page size */
#define PCI_LU_MAX_RECORD	4080

#define PCI_LU_IO		1	/* PCI_BASE_ADDRESS_SPACE_IO */
#define PCI_LU_MEM_TYPE		6	/* PCI_BASE_ADDRESS_MEM_TYPE_MASK */
#define PCI_LU_MEM_64		4	/* PCI_BASE_ADDRESS_MEM_TYPE_64 */
#define PCI_LU_ROM_ENABLE	1	/* PCI_ROM_ADDRESS_ENABLE */
#define PCI_LU_ROM		6

static bool pci_lu_text_ok(const char *text, u32 size)
{
	u32 i;

	for (i = 0; i < size && text[i]; i++) {
		if (text[i] < ' ' || text[i] > '~')
			return false;
	}
	return i < size;
}

static bool pci_lu_record_size_ok(u32 size, u32 at_least)
{
	return size >= at_least && size <= PCI_LU_MAX_RECORD && !(size % 8);
}

/* A set is empty or it is not, and no set has more than a billion records */
static bool pci_lu_set_ok(u64 head_pa, u64 nr)
{
	return !head_pa == !nr && nr < 1U << 30;
}

/**
 * pci_lu_check_head - check the head
 * @head: the head
 *
 * Return: NULL, or what is wrong
 */
const char *pci_lu_check_head(const struct pci_state_head_ser *head)
{
	if (head->magic != PCI_STATE_MAGIC)
		return "no PCI state";
	if (!pci_lu_record_size_ok(head->size, sizeof(*head)))
		return "impossible size of the head";
	if (head->required & ~PCI_STATE_HEAD_REQUIRED)
		return "it needs features that this kernel does not know";
	if (!pci_lu_record_size_ok(head->device_size,
				   sizeof(struct pci_state_device_ser)) ||
	    !pci_lu_record_size_ok(head->bridge_size,
				   sizeof(struct pci_state_bridge_ser)) ||
	    head->chunk_size != sizeof(struct pci_state_chunk_ser))
		return "impossible size of records";
	if (!pci_lu_set_ok(head->devices, head->nr_devices) ||
	    !pci_lu_set_ok(head->bridges, head->nr_bridges) ||
	    !pci_lu_set_ok(head->chunks, head->nr_chunks))
		return "impossible number of records";
	if (!head->nr_devices && head->nr_bridges)
		return "bridges without devices";
	return NULL;
}

static const char *pci_lu_check_id(const struct pci_state_id_ser *id)
{
	if (id->key >= PCI_LU_KEY_LIMIT)
		return "impossible address";
	if (id->parent != PCI_STATE_ROOT) {
		if (id->parent >= PCI_LU_KEY_LIMIT ||
		    pci_lu_key_segment(id->parent) != pci_lu_key_segment(id->key))
			return "impossible address of the bridge above";
		if (pci_lu_key_bus(id->parent) >= pci_lu_key_bus(id->key))
			return "the bridge above is not above";
	}
	if (!id->vendor || id->vendor == 0xffff)
		return "impossible vendor";
	if (id->class >> 24)
		return "impossible class";
	if (!pci_lu_text_ok(id->root_uid, sizeof(id->root_uid)))
		return "name of the host bridge is no text";
	return NULL;
}

static const char *pci_lu_check_bar(const struct pci_state_bar_ser *bar,
				    bool rom)
{
	bool is_64 = !rom && !(bar->flags & PCI_LU_IO) &&
		     (bar->flags & PCI_LU_MEM_TYPE) == PCI_LU_MEM_64;

	if (!bar->size)
		return NULL;
	if (bar->size & (bar->size - 1))
		return "size of a BAR is no power of two";
	if (bar->address & (bar->size - 1))
		return "address of a BAR is not aligned to its size";
	if (bar->address + (bar->size - 1) < bar->address)
		return "BAR goes beyond the end of memory";
	if (!is_64 && (bar->address + (bar->size - 1)) >> 32)
		return "32-bit BAR beyond 4 GiB";
	if (rom ? bar->flags & ~PCI_LU_ROM_ENABLE : bar->flags >> 4)
		return "impossible flags of a BAR";
	return NULL;
}

static const char *pci_lu_check_bars(const struct pci_state_bar_ser *bars,
				     int nr, int rom)
{
	const char *why;
	int i;

	for (i = 0; i < nr; i++) {
		why = pci_lu_check_bar(&bars[i], i == rom);
		if (why)
			return why;
		if (i == rom || !bars[i].size || bars[i].flags & PCI_LU_IO ||
		    (bars[i].flags & PCI_LU_MEM_TYPE) != PCI_LU_MEM_64)
			continue;
		if (i + 1 >= rom || bars[i + 1].size)
			return "64-bit BAR without an upper half";
	}
	return NULL;
}

static const char *pci_lu_check_ref(const struct pci_state_ref_ser *ref,
				    u64 nr_chunks)
{
	if (!ref->length)
		return NULL;
	if (ref->length > PCI_LU_MAX_CONFIG)
		return "impossible length of configuration state";
	if ((u64)ref->first + pci_lu_nr_chunks(ref->length) > nr_chunks)
		return "configuration state beyond the last chunk";
	return NULL;
}

/**
 * pci_lu_check_device - check the record of a device
 * @rec: the record
 * @nr_chunks: number of chunks in all
 *
 * Return: NULL, or what is wrong
 */
const char *pci_lu_check_device(const struct pci_state_device_ser *rec,
				u64 nr_chunks)
{
	const char *why;

	why = pci_lu_check_id(&rec->id);
	if (why)
		return why;
	if (rec->required & ~PCI_STATE_DEVICE_REQUIRED)
		return "it needs features that this kernel does not know";
	if (rec->id.hdr_type != 0)
		return "it is no device";
	if (!rec->format[0] || !pci_lu_text_ok(rec->format, sizeof(rec->format)))
		return "its format is no text";
	if (!pci_lu_text_ok(rec->driver, sizeof(rec->driver)))
		return "its driver is no text";
	if (rec->irq_type > 3)
		return "impossible kind of interrupt";
	why = pci_lu_check_bars(rec->bars, PCI_STATE_NR_BARS, PCI_LU_ROM);
	if (why)
		return why;
	why = pci_lu_check_ref(&rec->config, nr_chunks);
	if (why)
		return why;
	return pci_lu_check_ref(&rec->initial, nr_chunks);
}

/**
 * pci_lu_check_bridge - check the record of a bridge
 * @rec: the record
 *
 * Return: NULL, or what is wrong
 */
const char *pci_lu_check_bridge(const struct pci_state_bridge_ser *rec)
{
	const char *why;

	why = pci_lu_check_id(&rec->id);
	if (why)
		return why;
	if (rec->required & ~PCI_STATE_BRIDGE_REQUIRED)
		return "it needs features that this kernel does not know";
	if (rec->id.hdr_type != 1)
		return "it is no bridge";
	if (!rec->nr_devices)
		return "no device below it";
	if (rec->primary && rec->primary != pci_lu_key_bus(rec->id.key))
		return "its primary bus is not the one that it is on";
	if (rec->secondary <= pci_lu_key_bus(rec->id.key) ||
	    rec->subordinate < rec->secondary)
		return "impossible bus numbers";
	if (rec->windows & ~(PCI_STATE_WINDOW_IO | PCI_STATE_WINDOW_PREF |
			     PCI_STATE_WINDOW_PREF_64))
		return "impossible windows";
	return pci_lu_check_bars(rec->bars, 3, 2);
}

/**
 * pci_lu_check_parent - is the bridge above where it has to be?
 * @id: a checked device or bridge
 * @parent: the checked bridge that @id has as parent, NULL if there is none
 *
 * Return: NULL, or what is wrong
 */
const char *pci_lu_check_parent(const struct pci_state_id_ser *id,
				const struct pci_state_bridge_ser *parent)
{
	if (id->parent == PCI_STATE_ROOT)
		return NULL;
	if (!parent)
		return "the bridge above it has no record that is good";
	if (parent->secondary != pci_lu_key_bus(id->key))
		return "it is not on the bus below the bridge above it";
	return NULL;
}

/**
 * pci_lu_nr_chunks - number of chunks of a state
 * @length: its length
 *
 * Return: the number
 */
u32 pci_lu_nr_chunks(u32 length)
{
	return length / PCI_STATE_CHUNK_BYTES + !!(length % PCI_STATE_CHUNK_BYTES);
}

/**
 * pci_lu_chunk_bytes - bytes in a chunk
 * @index: number of the chunk within the state, less than pci_lu_nr_chunks()
 * @length: length of the state
 *
 * Return: the number
 */
u32 pci_lu_chunk_bytes(u32 index, u32 length)
{
	u32 rest = length - index * PCI_STATE_CHUNK_BYTES;

	return rest < PCI_STATE_CHUNK_BYTES ? rest : PCI_STATE_CHUNK_BYTES;
}

/**
 * pci_lu_check_chunk - does a chunk belong where it is?
 * @chunk: the chunk
 * @key: device that it should belong to
 * @kind: state that it should belong to
 * @index: number that it should have
 * @length: length of the state
 *
 * Return: NULL, or what is wrong
 */
const char *pci_lu_check_chunk(const struct pci_state_chunk_ser *chunk,
			       u64 key, u16 kind, u32 index, u32 length)
{
	if (chunk->key != key || chunk->kind != kind || chunk->index != index)
		return "configuration state of something else";
	if (chunk->length != pci_lu_chunk_bytes(index, length))
		return "configuration state with a hole";
	return NULL;
}

/**
 * pci_lu_chunk_is_possible - is this a chunk at all, whoever it belongs to?
 * @chunk: the chunk
 *
 * Return: true if it is
 */
bool pci_lu_chunk_is_possible(const struct pci_state_chunk_ser *chunk)
{
	if (chunk->kind == PCI_STATE_CHUNK_UNUSED)
		return !chunk->key && !chunk->index && !chunk->length;
	return chunk->key < PCI_LU_KEY_LIMIT && chunk->length &&
	       chunk->length <= PCI_STATE_CHUNK_BYTES;
}

/**
 * pci_lu_check_config - is this a list of capabilities?
 * @buf: configuration state
 * @length: its length
 *
 * Return: NULL, or what is wrong
 */
const char *pci_lu_check_config(const void *buf, u32 length)
{
	struct pci_state_cap_ser cap;
	u32 pos = 0, padded;
	bool is_header;

	while (pos < length) {
		if (length - pos < sizeof(cap))
			return "configuration state ends in the middle";
		memcpy(&cap, buf + pos, sizeof(cap));
		is_header = cap.space == PCI_STATE_CAP_HEADER;
		if (is_header != !pos)
			return "configuration state does not begin with a header";
		pos += sizeof(cap);
		padded = (cap.length + 7U) & ~7U;
		if (length - pos < padded)
			return "configuration state ends in the middle";
		pos += padded;

		if (cap.space > PCI_STATE_CAP_HEADER)
			return "configuration state of an unknown space";
		if (is_header && (cap.id || cap.length != 64))
			return "impossible header in configuration state";
	}
	return length ? NULL : "configuration state is empty";
}
