/* SPDX-License-Identifier: GPL-2.0-only */
/* What the targets of the fuzzer have in common. */
#ifndef HOST_FUZZ_H
#define HOST_FUZZ_H

/* Each iteration begins with a state of its own, see fuzz.c. */
struct rng {
	u64 state;
};

u64 rng_next(struct rng *rng);

/* 0 ... n - 1 */
static inline u64 rng_below(struct rng *rng, u64 n)
{
	return rng_next(rng) % n;
}

/* True once in n times. */
static inline bool rng_once_in(struct rng *rng, u64 n)
{
	return !rng_below(rng, n);
}

/* A number that is likely to be on a border of something. */
u64 rng_interesting(struct rng *rng);

/**
 * struct fuzz_target - something that is fuzzed
 * @name: its name
 * @run: one iteration: make something valid, mutate it, parse it, hold the result
 *	against an independent opinion
 * @outcomes: names of the outcomes of an iteration; each must have been seen in
 *	the corpus, so that nothing can silently stop being reached
 * @seen: how often, by index in @outcomes
 */
struct fuzz_target {
	const char *name;
	unsigned int (*run)(struct rng *rng);
	const char *const *outcomes;
	u64 seen[64];
};

void fuzz_register(struct fuzz_target *target);

/* Whatever is linked is run. */
#define FUZZ_TARGET(target)						\
static struct fuzz_target target;					\
									\
static void __attribute__((constructor)) fuzz_register_##target(void)	\
{									\
	fuzz_register(&(target));					\
}									\
static struct fuzz_target target

/* Spoil an FDT in a buffer of a page; see fuzz_fdt.c. */
void fuzz_mutate_fdt(struct rng *rng, u8 *fdt);

#define FUZZ_ASSERT(cond) do {						\
	if (!(cond))							\
		fuzz_fail(__FILE__, __LINE__, #cond);			\
} while (0)

void __noreturn fuzz_fail(const char *file, int line, const char *what);

#endif /* HOST_FUZZ_H */
