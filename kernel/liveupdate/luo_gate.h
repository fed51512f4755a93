/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the gate share: will the kernel that is loaded be able to take
 * over what is preserved?
 *
 * luo_gate.c		when it is asked, and what follows from the answer
 * luo_image.c		what is known of an image that is loaded
 * luo_cmdline.c	what its command line would do
 */
#ifndef _LINUX_LUO_GATE_H
#define _LINUX_LUO_GATE_H

#include <linux/list.h>
#include <linux/types.h>

#include "format_table.h"

struct kimage;
struct liveupdate_session;
struct luo_file;

/* How an image says which formats its kernel reads. */
enum luo_image_kind {
	LUO_IMAGE_TABLE,
	LUO_IMAGE_NO_TABLE,
	LUO_IMAGE_UNSOUND,
	LUO_IMAGE_KEXEC_LOAD,
};

/**
 * struct luo_image - what is known of an image that is loaded
 * @list: in the list of all of them, of which there are two at most
 * @image: the image, never looked into
 * @kind: whether there is a table
 * @why: LUO_IMAGE_UNSOUND: what is wrong with it
 * @table: LUO_IMAGE_TABLE: a copy of it
 * @cmdline: command line of the next kernel, NULL if it is not known
 * @loses: it could lose something, by what is preserved
 * @said: that it is not known what it reads is in the log
 */
struct luo_image {
	struct list_head list;
	const struct kimage *image;
	enum luo_image_kind kind;
	const char *why;
	struct format_table table;
	char *cmdline;
	bool loses;
	bool said;
};

/* luo_image.c; of those that are kept, @said is under luo_images_lock. */
extern struct mutex luo_images_lock;

/* What is known of @image, while it has its buffers; an ERR_PTR() for -ENOMEM. */
struct luo_image *luo_image_make(const struct kimage *image);
void luo_image_destroy(struct luo_image *next);
/* Until liveupdate_image_free(). */
void luo_image_keep(struct luo_image *next);
/* With luo_images_lock: what is known of @image, or of what kexec would boot. */
struct luo_image *luo_image_find(const struct kimage *image);
struct luo_image *luo_image_loaded(void);

/* luo_cmdline.c */

/**
 * struct luo_cmdline_env - what a command line is judged by
 * @own: command line of this kernel
 * @kho: the next kernel has kexec handover on without kho=
 * @liveupdate: and live update without liveupdate=
 * @unsure: it has further parameters, which are not known
 * @pci: PCI devices are preserved
 * @in_use: does anything in [start, end) have to be memory of the next kernel?
 * @found: called for each finding: the parameter, and what it does. @loses is
 *	false if it may also be harmless.
 * @arg: for @found
 */
struct luo_cmdline_env {
	const char *own;
	bool kho;
	bool liveupdate;
	bool unsure;
	bool pci;
	bool (*in_use)(u64 start, u64 end);
	void (*found)(void *arg, const char *what, const char *why, bool loses);
	void *arg;
};

/* -ENOMEM; else 0. */
int luo_cmdline_check(const char *cmdline, const struct luo_cmdline_env *env);

/* luo_gate.c; by whom it is called is said there. */
int luo_gate_session(const struct liveupdate_session *session);
int luo_gate_file(const struct luo_file *file, bool preserved);
int luo_gate_freeze(const struct kimage *image);

#endif /* _LINUX_LUO_GATE_H */
