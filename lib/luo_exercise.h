/* SPDX-License-Identifier: GPL-2.0-only */
/* What the two halves of the live update exerciser share; see luo_exercise.c. */
#ifndef LUO_EXERCISE_H
#define LUO_EXERCISE_H

#include <linux/seq_file.h>
#include <linux/types.h>

/* luo_exercise_mutate.c: do it at the next kexec, just before the jump. */
int ex_luo_mutate(const char *name, unsigned int session, unsigned int file);
int ex_luo_poke(const char *where, unsigned int offset, u64 value,
		unsigned int session, unsigned int file);
/* The same file: the loaded image does not read that format, as far as is known from now on. */
int ex_luo_forget(const char *format);
int ex_luo_mutations_show(struct seq_file *m, void *v);

#endif /* LUO_EXERCISE_H */
