// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exerciser of live update: damages to the handover, by name.
 *
 * They are chosen by the verbs "mutate FIELD_HOW" and "poke", several if wanted, and
 * done in that order by a reboot notifier: after everything was frozen and written,
 * before the jump. The next kernel has to say what is wrong, to leave out what is affected,
 * and to go on with the rest.
 *
 * Damaged is a field of one of these:
 *
 *	root		the LUO blob
 *	session_block	the first block of sessions
 *	session		the record of a session
 *	file_block	the first block of the files of that session
 *	file		the record of a file of that session
 *	data		the page that the record of the file leads to
 *	chunk		if that is a memfd: the page that tells where its array of
 *			folios is
 *	folios		the first page of that array
 *	flb_table	the table of FLBs
 *	flb		its first entry
 *	timeline	when each phase of the update was
 *
 * Not to the handover, and at once: what is known of the loaded image. To load it and to
 * preserve files was right when that was done, so that the freeze alone can find out.
 *
 * What cannot be done, for lack of a session for instance, is said in the log.
 *
 * Before that, at each kexec, damage asked for or not: an empty block in what LUO has
 * written is an error in the log. This kernel's reader takes it, a mainline kernel panics.
 */

#define pr_fmt(fmt) "luo_exercise: " fmt

#include <linux/array_size.h>
#include <linux/bits.h>
#include <linux/cleanup.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/io.h>
#include <linux/kho/abi/block.h>
#include <linux/kho/abi/kexec_handover.h>
#include <linux/kho/abi/luo.h>
#include <linux/kho/abi/memfd.h>
#include <linux/kho/abi/timeline.h>
#include <linux/liveupdate.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/printk.h>
#include <linux/reboot.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include "../kernel/liveupdate/kho_internal.h"
#include "../kernel/liveupdate/luo_gate.h"
#include "luo_exercise.h"

#define EX_NOT_RAM		BIT_ULL(45)
#define EX_NOT_PRESERVED	0x1000

enum ex_where {
	EX_ROOT, EX_SESSION_BLOCK, EX_SESSION, EX_FILE_BLOCK, EX_FILE, EX_DATA,
	EX_CHUNK, EX_FOLIOS, EX_FLB_TABLE, EX_FLB, EX_TIMELINE, EX_NR_WHERE,
};

static const char * const ex_where_str[EX_NR_WHERE] = {
	"root", "session_block", "session", "file_block", "file", "data",
	"chunk", "folios", "flb_table", "flb", "timeline",
};

/* What a field is decides what can be done to it. */
enum {
	EX_ADDRESS = BIT(0),
	EX_COUNT = BIT(1),
	EX_STRING = BIT(2),
	EX_TOKEN = BIT(3),
	EX_FLAGS = BIT(4),
	EX_ANY = EX_ADDRESS | EX_COUNT | EX_STRING | EX_TOKEN,
};

struct ex_field {
	const char *name;
	enum ex_where where;
	unsigned int kind;
	unsigned int offset;
	unsigned int len;
};

#define EX_FIELD(_name, _where, _kind, _type, _field)			\
	{								\
		.name = _name,						\
		.where = _where,					\
		.kind = _kind,						\
		.offset = offsetof(struct _type, _field),		\
		.len = sizeof_field(struct _type, _field),		\
	}

static const struct ex_field ex_fields[] = {
	EX_FIELD("root_format", EX_ROOT, EX_STRING, luo_ser, compatible),
	EX_FIELD("root_number", EX_ROOT, EX_COUNT, luo_ser, liveupdate_num),
	EX_FIELD("sessions", EX_ROOT, EX_ADDRESS, luo_ser, sessions_pa),
	EX_FIELD("flbs", EX_ROOT, EX_ADDRESS, luo_ser, flbs_pa),
	EX_FIELD("session_block_next", EX_SESSION_BLOCK, EX_ADDRESS,
		 kho_block_header_ser, next),
	EX_FIELD("session_block_count", EX_SESSION_BLOCK, EX_COUNT,
		 kho_block_header_ser, count),
	EX_FIELD("session_name", EX_SESSION, EX_STRING, luo_session_ser, name),
	EX_FIELD("session_files", EX_SESSION, EX_ADDRESS, luo_session_ser,
		 file_set_ser.files),
	EX_FIELD("session_count", EX_SESSION, EX_COUNT, luo_session_ser,
		 file_set_ser.count),
	EX_FIELD("file_block_next", EX_FILE_BLOCK, EX_ADDRESS,
		 kho_block_header_ser, next),
	EX_FIELD("file_block_count", EX_FILE_BLOCK, EX_COUNT,
		 kho_block_header_ser, count),
	EX_FIELD("file_format", EX_FILE, EX_STRING, luo_file_ser, compatible),
	EX_FIELD("file_data", EX_FILE, EX_ADDRESS, luo_file_ser, data),
	EX_FIELD("file_token", EX_FILE, EX_TOKEN, luo_file_ser, token),
	/* Bits of its first word. */
	{ "folio_flags", EX_FOLIOS, EX_FLAGS, 0, sizeof(u64) },
	EX_FIELD("flb_table_pages", EX_FLB_TABLE, EX_COUNT, luo_flb_header_ser,
		 pgcnt),
	EX_FIELD("flb_table_count", EX_FLB_TABLE, EX_COUNT, luo_flb_header_ser,
		 count),
	EX_FIELD("flb_name", EX_FLB, EX_STRING, luo_flb_ser, name),
	EX_FIELD("flb_data", EX_FLB, EX_ADDRESS, luo_flb_ser, data),
	EX_FIELD("flb_count", EX_FLB, EX_COUNT, luo_flb_ser, count),
};

enum ex_verb {
	EX_SET,		/* to the value */
	EX_ADD,		/* the value */
	EX_FILL,	/* with that character, all of it */
	EX_TEXT,	/* put the text there */
	EX_NEXT,	/* copy it from the next record */
	EX_SELF,	/* the address of this record */
	EX_ALIAS,	/* and of another one */
};

struct ex_how {
	const char *name;
	unsigned int kinds;
	enum ex_verb verb;
	u64 value;
	const char *text;
};

static const struct ex_how ex_hows[] = {
	{ "null", EX_ADDRESS, EX_SET, 0 },
	{ "not_ram", EX_ADDRESS, EX_SET, EX_NOT_RAM },
	{ "not_preserved", EX_ADDRESS, EX_SET, EX_NOT_PRESERVED },
	{ "unaligned", EX_ADDRESS, EX_ADD, 8 },
	{ "self", EX_ADDRESS, EX_SELF },
	{ "is_root", EX_ADDRESS, EX_ALIAS, EX_ROOT },
	{ "is_sessions", EX_ADDRESS, EX_ALIAS, EX_SESSION_BLOCK },
	{ "is_files", EX_ADDRESS, EX_ALIAS, EX_FILE_BLOCK },
	{ "is_data", EX_ADDRESS, EX_ALIAS, EX_DATA },
	{ "is_flbs", EX_ADDRESS, EX_ALIAS, EX_FLB_TABLE },
	{ "0", EX_COUNT, EX_SET, 0 },
	{ "less", EX_COUNT, EX_ADD, -1 },
	{ "more", EX_COUNT, EX_ADD, 1 },
	{ "64", EX_COUNT, EX_SET, 64 },
	{ "huge", EX_ADDRESS | EX_COUNT, EX_SET, -1 },
	{ "empty", EX_STRING, EX_FILL, 0 },
	{ "endless", EX_STRING, EX_FILL, 'x' },
	{ "binary", EX_STRING, EX_TEXT, 0, "\033[2J\n\"\377\001" },
	{ "unknown", EX_STRING, EX_TEXT, 0, "unknown" },
	{ "old", EX_STRING, EX_TEXT, 0, "luo-v4" },
	{ "more", EX_FLAGS, EX_ADD, BIT_ULL(54) },
	{ "twice", EX_ANY, EX_NEXT },
};

struct ex_pending {
	struct ex_field field;
	struct ex_how how;
	unsigned int session;
	unsigned int file;
};

static struct ex_pending ex_pending[64];
static unsigned int ex_nr_pending;

/* Where the records are */

static void *ex_entry(u64 block, size_t size, unsigned int nr)
{
	struct kho_block_header_ser *ser;

	for (; block; block = ser->next) {
		ser = phys_to_virt(block);
		if (nr < ser->count)
			return (void *)(ser + 1) + nr * size;
		nr -= ser->count;
	}
	return NULL;
}

static void *ex_at(u64 phys)
{
	return phys ? phys_to_virt(phys) : NULL;
}

static void *ex_subtree(const char *name)
{
	u64 phys, len;

	return kho_fdt_find(kho_out.fdt, name, &phys, &len) ? NULL : ex_at(phys);
}

static struct luo_ser *ex_root(void)
{
	return ex_subtree(LUO_KHO_ENTRY_NAME);
}

static struct luo_session_ser *ex_session(const struct ex_pending *p)
{
	struct luo_ser *root = ex_root();

	return root ? ex_entry(root->sessions_pa, sizeof(struct luo_session_ser),
			       p->session) : NULL;
}

static struct luo_file_ser *ex_file(const struct ex_pending *p)
{
	struct luo_session_ser *session = ex_session(p);

	return session ? ex_entry(session->file_set_ser.files,
				  sizeof(struct luo_file_ser), p->file) : NULL;
}

/* Only a memfd that is not empty has these. */
static struct kho_vmalloc_chunk *ex_chunk(const struct luo_file_ser *file)
{
	struct memfd_luo_ser *ser;

	if (!file || strcmp(file->compatible, MEMFD_LUO_FH_COMPATIBLE))
		return NULL;
	ser = ex_at(file->data);
	return ser && ser->nr_folios ? ex_at(ser->folios.first.phys) : NULL;
}

static void *ex_record(const struct ex_pending *p, enum ex_where where)
{
	struct luo_session_ser *session = ex_session(p);
	struct luo_file_ser *file = ex_file(p);
	struct kho_vmalloc_chunk *chunk = ex_chunk(file);
	struct luo_ser *root = ex_root();
	struct luo_flb_header_ser *table;

	if (!root)
		return NULL;
	table = ex_at(root->flbs_pa);
	switch (where) {
	case EX_ROOT:
		return root;
	case EX_SESSION_BLOCK:
		return ex_at(root->sessions_pa);
	case EX_SESSION:
		return session;
	case EX_FILE_BLOCK:
		return session ? ex_at(session->file_set_ser.files) : NULL;
	case EX_FILE:
		return file;
	case EX_DATA:
		return file ? ex_at(file->data) : NULL;
	case EX_CHUNK:
		return chunk;
	case EX_FOLIOS:
		return chunk ? ex_at(chunk->phys[0]) : NULL;
	case EX_FLB_TABLE:
		return table;
	case EX_FLB:
		return table && table->count ? table + 1 : NULL;
	case EX_TIMELINE:
		return ex_subtree(LUO_TIMELINE_KHO_ENTRY_NAME);
	default:
		return NULL;
	}
}

/* Of those that come one after the other, else 0. */
static size_t ex_record_size(enum ex_where where)
{
	switch (where) {
	case EX_SESSION:
		return sizeof(struct luo_session_ser);
	case EX_FILE:
		return sizeof(struct luo_file_ser);
	case EX_FLB:
		return sizeof(struct luo_flb_ser);
	default:
		return 0;
	}
}

static int ex_damage(const struct ex_pending *p)
{
	void *record = ex_record(p, p->field.where);
	void *at = record + p->field.offset, *other;
	u64 value = p->how.value;

	if (!record)
		return -ENOENT;
	switch (p->how.verb) {
	case EX_SET:
		break;
	case EX_ADD:
		value += *(u64 *)at;
		break;
	case EX_FILL:
		memset(at, value, p->field.len);
		return 0;
	case EX_TEXT:
		strscpy_pad(at, p->how.text, p->field.len);
		return 0;
	case EX_NEXT:
		memcpy(at, at + ex_record_size(p->field.where), p->field.len);
		return 0;
	case EX_SELF:
		value = virt_to_phys(record);
		break;
	case EX_ALIAS:
		other = ex_record(p, value);
		if (!other)
			return -ENOENT;
		value = virt_to_phys(other);
		break;
	}
	memcpy(at, &value, sizeof(value));
	return 0;
}

static int ex_luo_add(const struct ex_field *field, const struct ex_how *how,
		      unsigned int session, unsigned int file)
{
	if (ex_nr_pending == ARRAY_SIZE(ex_pending))
		return -ENOSPC;
	ex_pending[ex_nr_pending++] = (struct ex_pending) {
		.field = *field,
		.how = *how,
		.session = session,
		.file = file,
	};
	return 0;
}

static bool ex_applies(const struct ex_field *field, const struct ex_how *how)
{
	if (!(field->kind & how->kinds))
		return false;
	return how->verb != EX_NEXT || ex_record_size(field->where);
}

/* The part of @name after that of the field and "_", or NULL. */
static const char *ex_how_name(const char *name, const struct ex_field *field)
{
	size_t len = str_has_prefix(name, field->name);

	return len && name[len] == '_' ? name + len + 1 : NULL;
}

int ex_luo_mutate(const char *name, unsigned int session, unsigned int file)
{
	for (int i = 0; i < ARRAY_SIZE(ex_fields); i++) {
		const char *how = ex_how_name(name, &ex_fields[i]);

		for (int j = 0; how && j < ARRAY_SIZE(ex_hows); j++)
			if (!strcmp(ex_hows[j].name, how) &&
			    ex_applies(&ex_fields[i], &ex_hows[j]))
				return ex_luo_add(&ex_fields[i], &ex_hows[j],
						  session, file);
	}
	return -ENOENT;
}

int ex_luo_poke(const char *where, unsigned int offset, u64 value,
		unsigned int session, unsigned int file)
{
	struct ex_field field = { .name = "poke", .offset = offset };
	struct ex_how how = { .verb = EX_SET, .value = value };
	int i = match_string(ex_where_str, EX_NR_WHERE, where);

	if (i < 0 || offset > PAGE_SIZE - sizeof(value))
		return -EINVAL;
	field.where = i;
	how.name = ex_where_str[i];
	return ex_luo_add(&field, &how, session, file);
}

int ex_luo_forget(const char *format)
{
	size_t len = strlen(format) + 1;
	struct luo_image *next;
	char *at, *end;

	guard(mutex)(&luo_images_lock);
	next = luo_image_loaded();
	if (!next || next->kind != LUO_IMAGE_TABLE)
		return -ENODATA;
	at = (char *)next->table.data;
	for (end = at + next->table.size; at + len <= end; at++) {
		if (memcmp(at, format, len))
			continue;
		*at = '!';
		return 0;
	}
	return -ENOENT;
}

int ex_luo_mutations_show(struct seq_file *m, void *v)
{
	for (int i = 0; i < ARRAY_SIZE(ex_fields); i++)
		for (int j = 0; j < ARRAY_SIZE(ex_hows); j++)
			if (ex_applies(&ex_fields[i], &ex_hows[j]))
				seq_printf(m, "%s_%s\n", ex_fields[i].name,
					   ex_hows[j].name);
	return 0;
}

static const struct kho_block_header_ser *ex_block(u64 phys, const char *what)
{
	const struct kho_block_header_ser *ser = ex_at(phys);

	if (ser && !ser->count)
		pr_err("an empty block of %s is handed over\n", what);
	return ser;
}

/* Nothing leads to sessions before all of them are written. */
static void ex_check_blocks(void)
{
	const struct kho_block_header_ser *block, *files;
	const struct luo_session_ser *session;
	struct luo_ser *root = ex_root();

	if (!root)
		return;
	for (block = ex_block(root->sessions_pa, "sessions"); block;
	     block = ex_block(block->next, "sessions")) {
		session = (const void *)(block + 1);
		for (u64 i = 0; i < block->count; i++) {
			files = ex_block(session[i].file_set_ser.files, "files");
			while (files)
				files = ex_block(files->next, "files");
		}
	}
}

static int ex_at_reboot(struct notifier_block *nb, unsigned long action,
			void *data)
{
	ex_check_blocks();
	for (unsigned int i = 0; i < ex_nr_pending; i++) {
		const struct ex_pending *p = &ex_pending[i];
		int err = ex_damage(p);

		if (err)
			pr_err("mutation %s_%s is not possible here (%pe)\n",
			       p->field.name, p->how.name, ERR_PTR(err));
		else
			pr_info("mutation %s_%s\n", p->field.name, p->how.name);
	}
	return NOTIFY_DONE;
}

static struct notifier_block ex_reboot_nb = {
	.notifier_call = ex_at_reboot,
	.priority = INT_MIN,
};

static int __init ex_mutate_init(void)
{
	if (!liveupdate_enabled())
		return 0;
	return register_reboot_notifier(&ex_reboot_nb);
}
late_initcall(ex_mutate_init);
