// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzzer of what reads the leftovers of a previous kernel.
 *
 * Deterministic: iteration i with seed s is always the same. A run begins with
 * the corpus, which is seed 1 with a fixed number of iterations of each target;
 * then the time that is left is shared among the targets. Whatever fails says how
 * to run only that iteration again. A failure is: a sanitizer's report, an
 * access to memory that is not there, a result other than that of an independent
 * opinion, a WARNING, memory that is not given back, ten seconds of CPU time
 * without any progress.
 */
#include <getopt.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

#include "fuzz.h"

#define CORPUS_SEED		1
#define CORPUS_ITERATIONS	10000
#define BATCH			500
#define HANG_SECONDS		10

#define MAX_TARGETS		16

static struct fuzz_target *targets[MAX_TARGETS];
static unsigned int nr_targets;

static const struct fuzz_target *current;
static u64 current_seed, current_iteration;

void fuzz_register(struct fuzz_target *target)
{
	if (nr_targets == MAX_TARGETS)
		abort();
	targets[nr_targets++] = target;
}

u64 rng_next(struct rng *rng)
{
	u64 z = rng->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

u64 rng_interesting(struct rng *rng)
{
	switch (rng_below(rng, 6)) {
	case 0:
		return rng_below(rng, 20);
	case 1:
		return -1 - rng_below(rng, 20);
	case 2:
		return (1ULL << rng_below(rng, 64)) - rng_below(rng, 3) + 1;
	case 3:
		return PAGE_SIZE + rng_below(rng, 40) - 20;
	case 4:
		return rng_next(rng) >> rng_below(rng, 64);
	default:
		return rng_next(rng) & -PAGE_SIZE;
	}
}

/* Only what may be called from a signal handler. */
static void say_where(void)
{
	char line[200];
	int len;

	len = snprintf(line, sizeof(line),
		       "# again: fuzz --target %s --seed %llu --from %llu --iterations 1\n",
		       current->name, current_seed, current_iteration);
	if (write(STDOUT_FILENO, line, len) < 0)
		return;
}

static void on_signal(int sig)
{
	static const char hang[] = "# no progress\n";

	if (sig == SIGVTALRM && write(STDOUT_FILENO, hang, sizeof(hang) - 1) < 0)
		_exit(1);
	say_where();
	_exit(1);
}

void fuzz_fail(const char *file, int line, const char *what)
{
	fflush(stdout);
	printf("# failed: %s:%d: %s\n", file, line, what);
	fflush(stdout);
	say_where();
	_exit(1);
}

/* CPU time, so that a busy machine is no hang. */
static void expect_end(unsigned int seconds)
{
	struct itimerval timer = { .it_value.tv_sec = seconds };

	setitimer(ITIMER_VIRTUAL, &timer, NULL);
}

static void run(struct fuzz_target *target, u64 seed, u64 from, u64 iterations)
{
	unsigned int pages = host_pages_live;
	unsigned int outcome;
	struct rng rng;
	u64 i;

	current = target;
	current_seed = seed;
	for (i = from; i < from + iterations; i++) {
		if (i % BATCH == 0)
			expect_end(HANG_SECONDS);
		current_iteration = i;
		rng.state = seed * 0x2545f4914f6cdd1d + i * 0xda942042e4dd58b5;
		outcome = target->run(&rng);
		target->seen[outcome]++;
		FUZZ_ASSERT(host_pages_live == pages);
		FUZZ_ASSERT(!host_warnings);
	}
	expect_end(0);
}

static u64 total(const struct fuzz_target *target)
{
	u64 n = 0;
	unsigned int i;

	for (i = 0; target->outcomes[i]; i++)
		n += target->seen[i];
	return n;
}

static bool report(const struct fuzz_target *target, unsigned int nr,
		   bool corpus)
{
	unsigned int i;
	bool ok = true;

	for (i = 0; target->outcomes[i]; i++) {
		printf("# %10llu %s\n", target->seen[i], target->outcomes[i]);
		if (corpus && !target->seen[i])
			ok = false;
	}
	printf("%s %u %s # %llu iterations%s\n", ok ? "ok" : "not ok", nr,
	       target->name, total(target),
	       ok ? "" : ", an outcome was never seen");
	return ok;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void usage(void)
{
	printf("fuzz [--seconds N] [--iterations N] [--seed N] [--from N] [--target NAME]\n"
	       "  --seconds N     stop after that time (default 10); the corpus is run in any case\n"
	       "  --iterations N  no corpus and no limit of time: N iterations of each target\n"
	       "  --seed N        for all but the corpus (default 2)\n"
	       "  --from N        first iteration (default 0)\n"
	       "  --target NAME   only that one:");
	for (unsigned int i = 0; i < nr_targets; i++)
		printf(" %s", targets[i]->name);
	printf("\n");
	exit(2);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "iterations", required_argument, NULL, 'i' },
		{ "seed", required_argument, NULL, 'r' },
		{ "from", required_argument, NULL, 'f' },
		{ "target", required_argument, NULL, 't' },
		{ }
	};
	u64 seconds = 10, iterations = 0, seed = 2, from = 0;
	struct fuzz_target *chosen[MAX_TARGETS];
	unsigned int i, nr = 0;
	const char *only = NULL;
	bool ok = true;
	double end;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 's':
			seconds = strtoull(optarg, NULL, 0);
			break;
		case 'i':
			iterations = strtoull(optarg, NULL, 0);
			break;
		case 'r':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 'f':
			from = strtoull(optarg, NULL, 0);
			break;
		case 't':
			only = optarg;
			break;
		default:
			usage();
		}
	}
	for (i = 0; i < nr_targets; i++)
		if (!only || !strcmp(only, targets[i]->name))
			chosen[nr++] = targets[i];
	if (!nr)
		usage();

	signal(SIGVTALRM, on_signal);
	signal(SIGABRT, on_signal);
#if defined(__SANITIZE_ADDRESS__)
	__sanitizer_set_death_callback(say_where);
#endif

	end = now() + seconds;
	printf("KTAP version 1\n1..%u\n", nr);
	fflush(stdout);
	for (i = 0; i < nr; i++)
		run(chosen[i], iterations ? seed : CORPUS_SEED, from,
		    iterations ?: CORPUS_ITERATIONS);
	while (!iterations && now() < end) {
		for (i = 0; i < nr; i++)
			run(chosen[i], seed, from, BATCH);
		from += BATCH;
	}
	for (i = 0; i < nr; i++)
		ok &= report(chosen[i], i + 1, !iterations);
	return ok ? 0 : 1;
}
