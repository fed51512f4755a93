/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Handover formats that this kernel knows, as a table in its image.
 *
 * A component that hands data over declares each format that it reads or writes
 * with liveupdate_format(), next to the code that does it. The linker collects
 * the declarations, behind a head, in the section .liveupdate_formats:
 *
 *  - the running kernel finds them between its bounds,
 *  - the bzImage has a copy that is not compressed, as the item "LUft" of
 *    kernel_info's variable length data (Documentation/arch/x86/boot.rst),
 *  - the Image of arm64 is not compressed anyway: a loader looks for the magic
 *    number, at multiples of 8 bytes, and takes the first place that is followed by
 *    a sound head.
 *
 * So a loader can tell before the jump whether the next kernel reads what it is
 * going to be given. Loaders read the table of kernels of other versions: its
 * layout grows at the ends of head and entry only, whose sizes are in the head, and
 * what a loader does not know it passes over. Numbers are little endian.
 *
 * A declaration in a module is not in the image: whether the next kernel has the
 * module cannot be told from its image. What is handed over by code of a module is
 * therefore warned of, if the format is missing; with liveupdate.unknown=refuse it is
 * refused. A driver that wants to be sure declares its formats in a file that is
 * built in whenever the module is built.
 */
#ifndef _LINUX_LIVEUPDATE_FORMAT_H
#define _LINUX_LIVEUPDATE_FORMAT_H

#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/stddef.h>
#include <linux/types.h>

#define LIVEUPDATE_FORMATS_MAGIC	"LiveUpdateTable"
#define LIVEUPDATE_FORMAT_NAME_LEN	48

/* The item in kernel_info. */
#define LIVEUPDATE_FORMATS_ITEM		"LUft"

/* &liveupdate_formats_head.flags: nothing on the command line is needed for it. */
#define LIVEUPDATE_FORMATS_KHO_ON	BIT(0)
#define LIVEUPDATE_FORMATS_LIVEUPDATE_ON	BIT(1)
/* The image has a command line built in, which may say anything. */
#define LIVEUPDATE_FORMATS_CMDLINE	BIT(2)

/**
 * enum liveupdate_format_kind - name spaces of formats
 * @LIVEUPDATE_FORMAT_KHO: the root of the handover
 * @LIVEUPDATE_FORMAT_SUBTREE: a subtree of it, or part of one
 * @LIVEUPDATE_FORMAT_FILE: a file handler's
 * @LIVEUPDATE_FORMAT_FLB: a file-bound object's
 * @LIVEUPDATE_FORMAT_DEVICE: of the state of a device, by its driver
 *
 * The numbers are in images: none may ever change.
 */
enum liveupdate_format_kind {
	LIVEUPDATE_FORMAT_KHO		= 1,
	LIVEUPDATE_FORMAT_SUBTREE	= 2,
	LIVEUPDATE_FORMAT_FILE		= 3,
	LIVEUPDATE_FORMAT_FLB		= 4,
	LIVEUPDATE_FORMAT_DEVICE	= 5,
};

#define LIVEUPDATE_FORMAT_READ		BIT(0)
#define LIVEUPDATE_FORMAT_WRITE		BIT(1)

/**
 * struct liveupdate_formats_head - begins the table
 * @magic: LIVEUPDATE_FORMATS_MAGIC, NUL-terminated
 * @size: of the whole table
 * @head_size: of this, where the entries begin
 * @entry_size: of an entry
 * @flags: LIVEUPDATE_FORMATS_*
 */
struct liveupdate_formats_head {
	char magic[16];
	u32 size;
	u32 head_size;
	u32 entry_size;
	u32 flags;
};

/**
 * struct liveupdate_format - an entry: one format
 * @name: the format's string, NUL-terminated and padded
 * @kind: enum liveupdate_format_kind
 * @access: LIVEUPDATE_FORMAT_READ, LIVEUPDATE_FORMAT_WRITE
 * @required: feature bits that data may have and that are understood; data with any
 *	other required bit cannot be read
 * @optional: feature bits that are made use of when data has them
 *
 * Both words are zero for a format without features. There may be several entries
 * of one name: data that fits one of them can be read.
 */
struct liveupdate_format {
	char name[LIVEUPDATE_FORMAT_NAME_LEN];
	u32 kind;
	u32 access;
	u64 required;
	u64 optional;
};

static_assert(sizeof(LIVEUPDATE_FORMATS_MAGIC) == 16);
static_assert(sizeof(struct liveupdate_formats_head) == 32);
static_assert(offsetof(struct liveupdate_formats_head, magic) == 0);
static_assert(offsetof(struct liveupdate_formats_head, size) == 16);
static_assert(offsetof(struct liveupdate_formats_head, head_size) == 20);
static_assert(offsetof(struct liveupdate_formats_head, entry_size) == 24);
static_assert(offsetof(struct liveupdate_formats_head, flags) == 28);
static_assert(sizeof(struct liveupdate_format) == 72);
static_assert(offsetof(struct liveupdate_format, name) == 0);
static_assert(offsetof(struct liveupdate_format, kind) == 48);
static_assert(offsetof(struct liveupdate_format, access) == 52);
static_assert(offsetof(struct liveupdate_format, required) == 56);
static_assert(offsetof(struct liveupdate_format, optional) == 64);

/**
 * liveupdate_format_features - declare a format that has feature words
 * @_id: an identifier, unique in the file
 * @_kind: KHO, SUBTREE, FILE, FLB or DEVICE
 * @_name: the format's string, a literal
 * @_access: LIVEUPDATE_FORMAT_READ, LIVEUPDATE_FORMAT_WRITE or both
 * @_required: required feature bits that are understood
 * @_optional: optional feature bits that are made use of
 */
#define liveupdate_format_features(_id, _kind, _name, _access, _required, _optional)	\
	static_assert(sizeof(_name) <= LIVEUPDATE_FORMAT_NAME_LEN);		\
	static const struct liveupdate_format __liveupdate_format_##_id		\
	__used __section(".liveupdate_formats.entry") __aligned(8) = {		\
		.name = _name,							\
		.kind = LIVEUPDATE_FORMAT_##_kind,				\
		.access = (_access),						\
		.required = (_required),					\
		.optional = (_optional),					\
	}

/**
 * liveupdate_format - declare a format that is read and written
 * @_id: an identifier, unique in the file
 * @_kind: KHO, SUBTREE, FILE, FLB or DEVICE
 * @_name: the format's string, a literal
 */
#define liveupdate_format(_id, _kind, _name)					\
	liveupdate_format_features(_id, _kind, _name,				\
				   LIVEUPDATE_FORMAT_READ | LIVEUPDATE_FORMAT_WRITE, 0, 0)

#endif /* _LINUX_LIVEUPDATE_FORMAT_H */
