/* SPDX-License-Identifier: GPL-2.0-only */
/* What the two halves of the KHO exerciser share; see kho_exercise.c. */
#ifndef KHO_EXERCISE_H
#define KHO_EXERCISE_H

#include <linux/kho/abi/kexec_handover.h>
#include <linux/seq_file.h>
#include <linux/types.h>

/* What is published: where everything else is. */
#define EX_SUBTREE	"kho_exercise"
#define EX_MAGIC	0x6b686f2065786572ULL

struct ex_manifest {
	u64 magic;
	u64 seed;
	u64 nr_items;
	u64 items;		/* a set of blocks */
	u64 tree;		/* root of a radix tree of our own */
	u64 tree_keys;
	u64 tree_hash;
};

/* An item as it goes over, entry of that set. The first ones are folios. */
struct ex_item_ser {
	u32 kind;
	u32 order;
	u64 nr_pages;
	u64 seed;
	u64 phys;
	struct kho_vmalloc kv;
};

/* Address of the manifest that is published, 0 if none is. */
phys_addr_t ex_manifest_phys(void);

u64 ex_mix(u64 seed, u64 nr);
int ex_hash_key(unsigned long key, void *hash);

/* kho_exercise_bench.c */
int ex_bench(unsigned int order, unsigned long count);
int ex_scatter(unsigned long count, unsigned int order);
int ex_twice(void);
int ex_preserve_scratch(void);
int ex_try(phys_addr_t phys);
void ex_show_figures(struct seq_file *m);
void ex_show_out(struct seq_file *m);
void ex_show_scratch(struct seq_file *m);

/* kho_exercise_mutate.c: do @name at the next kexec, just before the jump. */
int ex_mutate(const char *name);
int ex_mutations_show(struct seq_file *m, void *v);

#endif /* KHO_EXERCISE_H */
