/* SPDX-License-Identifier: GPL-2.0 */
/*
 * formats_common: kernels that differ in their table of handover formats, made by
 * editing the table in a copy of the image at hand. The kernel in it is the same one;
 * luo_exercise.variant= on its command line makes it behave as the table says.
 *
 *	struct formats_image image = formats_read("/boot/bzImage");
 *
 *	formats_rename(&image, "luo-exercise-v1", "luo-exercise-v2");
 *	formats_write(&image, "/tmp/bumped");
 */
#ifndef FORMATS_COMMON_H
#define FORMATS_COMMON_H

#include <stddef.h>
#include <stdint.h>

struct lu_run;

/* As in include/linux/liveupdate_format.h. */
struct formats_head {
	char magic[16];
	uint32_t size;
	uint32_t head_size;
	uint32_t entry_size;
	uint32_t flags;
};

struct formats_entry {
	char name[48];
	uint32_t kind;
	uint32_t access;
	uint64_t required;
	uint64_t optional;
};

/**
 * struct formats_image - a bzImage in memory
 * @data: all of it
 * @size: its size
 * @item: the item of kernel_info that has the table
 * @head: the table
 */
struct formats_image {
	uint8_t *data;
	size_t size;
	uint8_t *item;
	struct formats_head *head;
};

/* Fails the case if there is no such image, or no table in it. */
struct formats_image formats_read(const char *path);
void formats_write(const struct formats_image *image, const char *path);

/* The @i-th entry; NULL after the last one. */
struct formats_entry *formats_entry(const struct formats_image *image, unsigned int i);
/* The first one of that name; fails the case if there is none. */
struct formats_entry *formats_find(const struct formats_image *image, const char *name);
void formats_rename(const struct formats_image *image, const char *from, const char *to);

/*
 * The next kernel is the same, but has a command line built in, as its table has it:
 * nobody knows what it lacks, so that it is not refused for that.
 */
void formats_jump_unsure(struct lu_run *run);

/*
 * How often the log has it that this file of that session was refused for what the
 * loaded kernel does not do: "does not read format x-v1".
 */
int formats_refused(const char *session, unsigned long long token, const char *lacks);

/*
 * luctl check of an image: its exit status, and @said is in what it says. The device must
 * not be open; the case has to have FORMATS_LUCTL.
 */
#define FORMATS_LUCTL	"program=lu_ctl "

int formats_luctl_check(const char *image, const char *said);

#endif /* FORMATS_COMMON_H */
