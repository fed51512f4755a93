// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live update of PCI devices: the records of the previous kernel that are good.
 *
 * Everything in them is checked before it is used. What is good is copied to a table by
 * key, then the blocks are freed. What is bad is named in one line and left out; the
 * others go on. A record is only good if the bridge above it has a good one, and a
 * bridge only if there is a good device below it. What a bad record refers to stays
 * reserved, and so does a list with a bad record in it: nobody can know whose it is.
 *
 * Called once at boot, in process context. Cannot fail: what there is no memory for
 * is left out, too.
 */
#define pr_fmt(fmt) "PCI: liveupdate: " fmt

#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "liveupdate_internal.h"

/* For messages; a key that is not good is named as well as it can be */
const char *pci_lu_key_name(u64 key, char *name)
{
	snprintf(name, PCI_LU_NAME_SIZE, "%04llx:%02x:%02x.%d",
		 pci_lu_key_segment(key), pci_lu_key_bus(key),
		 PCI_SLOT((u8)key), PCI_FUNC((u8)key));
	return name;
}

static void pci_lu_in_free(struct kref *kref)
{
	struct pci_lu_in *in = container_of(kref, struct pci_lu_in, kref);

	kvfree(in->config);
	kvfree(in->initial);
	kfree(in);
}

void pci_lu_in_put(struct pci_lu_in *in)
{
	if (in)
		kref_put(&in->kref, pci_lu_in_free);
}

static struct pci_lu_in *pci_lu_in_new(u64 key, bool is_bridge)
{
	struct pci_lu_in *in = kzalloc(sizeof(*in), GFP_KERNEL);

	if (!in)
		return NULL;
	kref_init(&in->kref);
	in->key = key;
	in->state = PCI_LU_INCOMING;
	in->is_bridge = is_bridge;
	return in;
}

static const char *pci_lu_table_insert(struct xarray *table,
				       struct pci_lu_in *in)
{
	switch (xa_insert(table, in->key, in, GFP_KERNEL)) {
	case 0:
		return NULL;
	case -EBUSY:
		return "there is another one for the same function";
	default:
		return "out of memory";
	}
}

/* The state that @ref stands for; NULL and *@why for a bad one, or for none */
static void *pci_lu_gather(const struct pci_state_ref_ser *ref, u64 key,
			   u16 kind, void **chunks, const char **why)
{
	const struct pci_state_chunk_ser *chunk;
	void *buf;
	u32 i;

	if (!ref->length)
		return NULL;
	buf = kvmalloc(ref->length, GFP_KERNEL);
	if (!buf) {
		*why = "out of memory";
		return NULL;
	}
	for (i = 0; i < pci_lu_nr_chunks(ref->length); i++) {
		chunk = chunks[ref->first + i];
		*why = pci_lu_check_chunk(chunk, key, kind, i, ref->length);
		if (*why)
			goto err_free;
		memcpy(buf + i * PCI_STATE_CHUNK_BYTES, chunk->bytes,
		       chunk->length);
	}
	*why = pci_lu_check_config(buf, ref->length);
	if (*why)
		goto err_free;
	return buf;

err_free:
	kvfree(buf);
	return NULL;
}

/**
 * pci_lu_table_add_device - check the record of a device and take it in
 * @table: the table
 * @rec: the record
 * @size: its size, which is at least what this kernel knows
 * @chunks: all chunks
 * @nr_chunks: number of chunks
 *
 * Return: NULL, or what is wrong
 */
const char *
pci_lu_table_add_device(struct xarray *table,
			const struct pci_state_device_ser *rec, u32 size,
			void **chunks, u64 nr_chunks)
{
	struct pci_lu_in *in;
	const char *why;

	why = pci_lu_check_device(rec, nr_chunks);
	if (why)
		return why;
	in = pci_lu_in_new(rec->id.key, false);
	if (!in)
		return "out of memory";

	memcpy(&in->device, rec, min_t(u32, size, sizeof(in->device)));
	in->config = pci_lu_gather(&rec->config, rec->id.key,
				   PCI_STATE_CHUNK_CONFIG, chunks, &why);
	if (!why)
		in->initial = pci_lu_gather(&rec->initial, rec->id.key,
					    PCI_STATE_CHUNK_INITIAL, chunks,
					    &why);
	if (!why)
		why = pci_lu_table_insert(table, in);
	if (why)
		pci_lu_in_put(in);
	return why;
}

/**
 * pci_lu_table_add_bridge - check the record of a bridge and take it in
 * @table: the table
 * @rec: the record
 * @size: its size, which is at least what this kernel knows
 *
 * Return: NULL, or what is wrong
 */
const char *
pci_lu_table_add_bridge(struct xarray *table,
			const struct pci_state_bridge_ser *rec, u32 size)
{
	struct pci_lu_in *in;
	const char *why;

	why = pci_lu_check_bridge(rec);
	if (why)
		return why;
	in = pci_lu_in_new(rec->id.key, true);
	if (!in)
		return "out of memory";

	memcpy(&in->bridge, rec, min_t(u32, size, sizeof(in->bridge)));
	why = pci_lu_table_insert(table, in);
	if (why)
		pci_lu_in_put(in);
	return why;
}

static void pci_lu_table_refuse(const char *what, u64 key, const char *why)
{
	char name[PCI_LU_NAME_SIZE];

	pr_err("record of %s %s is bad and ignored: %s\n", what,
	       pci_lu_key_name(key, name), why);
}

static const struct pci_state_id_ser *pci_lu_in_id(const struct pci_lu_in *in)
{
	return in->is_bridge ? &in->bridge.id : &in->device.id;
}

static void pci_lu_table_erase(struct xarray *table, struct pci_lu_in *in)
{
	xa_erase(table, in->key);
	pci_lu_in_put(in);
}

static void pci_lu_table_link_one(struct xarray *table, struct pci_lu_in *in)
{
	const struct pci_state_id_ser *id = pci_lu_in_id(in);
	struct pci_lu_in *parent = NULL;
	const char *why;

	if (id->parent != PCI_STATE_ROOT)
		parent = xa_load(table, id->parent);
	if (parent && !parent->is_bridge)
		parent = NULL;
	why = pci_lu_check_parent(id, parent ? &parent->bridge : NULL);
	if (why) {
		pci_lu_table_refuse(in->is_bridge ? "bridge" : "device",
				    in->key, why);
		pci_lu_table_erase(table, in);
		return;
	}

	in->parent = parent;
	if (in->is_bridge)
		return;
	for (; parent; parent = parent->parent)
		parent->nr_devices++;
}

/**
 * pci_lu_table_link - find the bridge above each, count the devices below each
 * @table: the table
 *
 * What has no good bridge above, or no device below, goes. Bus numbers grow from the
 * root down, so that walking by key comes to a bridge before what is below it.
 */
void pci_lu_table_link(struct xarray *table)
{
	struct pci_lu_in *in;
	unsigned long key;

	xa_for_each(table, key, in)
		pci_lu_table_link_one(table, in);
	xa_for_each(table, key, in) {
		if (!in->is_bridge || in->nr_devices)
			continue;
		pci_lu_table_refuse("bridge", in->key, "no good device below it");
		pci_lu_table_erase(table, in);
	}
}

/* An empty set if it cannot be followed */
static void pci_lu_set_restore(struct kho_block_set *set, u64 head_pa, u32 size,
			       const char *what)
{
	int err;

	kho_block_set_init(set, size);
	err = kho_block_set_restore(set, head_pa);
	if (!err)
		return;
	pr_err("the list of %s is damaged and lost (%d)\n", what, err);
	kho_block_set_init(set, size);
}

/* Free the blocks if they are ours without a doubt, else leave them where they are */
static void pci_lu_set_release(struct kho_block_set *set, bool good)
{
	struct kho_block *block, *next;

	if (good) {
		kho_block_set_destroy(set);
		return;
	}
	list_for_each_entry_safe(block, next, &set->blocks, list)
		kfree(block);
}

/* All chunks in their order, so that each can be found by its number */
static void **pci_lu_chunk_array(struct kho_block_set *set, u64 *nr, bool *good)
{
	struct kho_block_set_it it;
	void **chunks, *chunk;
	u64 n = 0, want = *nr;

	*nr = min_t(u64, *nr, set->nblocks * set->count_per_block);
	chunks = kvcalloc(*nr, sizeof(*chunks), GFP_KERNEL);
	if (!chunks && *nr)
		pr_err("no memory for the configuration state of any device\n");
	if (!chunks)
		*nr = 0;
	kho_block_set_it_init(&it, set);
	while (n < *nr) {
		chunk = kho_block_set_it_read_entry(&it);
		if (!chunk)
			break;
		if (!pci_lu_chunk_is_possible(chunk))
			*good = false;
		chunks[n++] = chunk;
	}
	if (n != want || kho_block_set_it_read_entry(&it))
		*good = false;
	*nr = n;
	return chunks;
}

static bool pci_lu_table_count(const char *what, u64 n, u64 nr)
{
	if (n == nr)
		return true;
	pr_err("there should be %llu records of %s, but there are %llu\n", nr,
	       what, n);
	return false;
}

/* True if all of them are good, here and below */
static bool pci_lu_table_read_bridges(struct xarray *table,
				      struct kho_block_set *set, u32 size,
				      u64 nr)
{
	const struct pci_state_bridge_ser *rec;
	struct kho_block_set_it it;
	bool good = true;
	const char *why;
	u64 n;

	kho_block_set_it_init(&it, set);
	for (n = 0; (rec = kho_block_set_it_read_entry(&it)); n++) {
		why = pci_lu_table_add_bridge(table, rec, size);
		if (!why)
			continue;
		pci_lu_table_refuse("bridge", rec->id.key, why);
		good = false;
	}
	return pci_lu_table_count("bridges", n, nr) && good;
}

static bool pci_lu_table_read_devices(struct xarray *table,
				      struct kho_block_set *set, u32 size,
				      u64 nr, void **chunks, u64 nr_chunks)
{
	const struct pci_state_device_ser *rec;
	struct kho_block_set_it it;
	bool good = true;
	const char *why;
	u64 n;

	kho_block_set_it_init(&it, set);
	for (n = 0; (rec = kho_block_set_it_read_entry(&it)); n++) {
		why = pci_lu_table_add_device(table, rec, size, chunks,
					      nr_chunks);
		if (!why)
			continue;
		pci_lu_table_refuse("device", rec->id.key, why);
		good = false;
	}
	return pci_lu_table_count("devices", n, nr) && good;
}

/**
 * pci_lu_table_read - take in all records
 * @table: empty; what is good is there afterwards
 * @head: the head, checked
 */
void pci_lu_table_read(struct xarray *table,
		       const struct pci_state_head_ser *head)
{
	struct kho_block_set devices, bridges, chunk_set;
	bool bridges_good, devices_good, chunks_good = true;
	u64 nr_chunks = head->nr_chunks;
	void **chunks;

	pci_lu_set_restore(&bridges, head->bridges, head->bridge_size,
			   "bridges");
	pci_lu_set_restore(&devices, head->devices, head->device_size,
			   "devices");
	pci_lu_set_restore(&chunk_set, head->chunks, head->chunk_size,
			   "configuration state");
	chunks = pci_lu_chunk_array(&chunk_set, &nr_chunks, &chunks_good);

	bridges_good = pci_lu_table_read_bridges(table, &bridges,
						 head->bridge_size,
						 head->nr_bridges);
	devices_good = pci_lu_table_read_devices(table, &devices,
						 head->device_size,
						 head->nr_devices, chunks,
						 nr_chunks);
	pci_lu_table_link(table);

	kvfree(chunks);
	pci_lu_set_release(&chunk_set, chunks_good);
	pci_lu_set_release(&devices, devices_good);
	pci_lu_set_release(&bridges, bridges_good);
}
