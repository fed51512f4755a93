// SPDX-License-Identifier: GPL-2.0-only
/*
 * Run KUnit tests as an ordinary program. Writes KTAP.
 *
 * On top of what the tests expect, each one has to give back all memory and must
 * not cause a WARNING.
 */
#include <stdarg.h>

#define MAX_STUBS	8

static struct kunit_suite *suites;
static struct kunit *current;

static struct {
	host_fn real, replacement;
} stubs[MAX_STUBS];

void host_kunit_register(struct kunit_suite *suite)
{
	suite->next = suites;
	suites = suite;
}

struct kunit *kunit_get_current_test(void)
{
	return current;
}

void host_stub_set(host_fn real, host_fn replacement)
{
	unsigned int i;

	for (i = 0; i < MAX_STUBS; i++) {
		if (stubs[i].real && stubs[i].real != real)
			continue;
		stubs[i].real = real;
		stubs[i].replacement = replacement;
		return;
	}
	abort();
}

static host_fn find_stub(host_fn real)
{
	unsigned int i;

	for (i = 0; i < MAX_STUBS; i++)
		if (stubs[i].real == real)
			return stubs[i].replacement;
	return NULL;
}

void *kunit_kzalloc(struct kunit *test, size_t size, gfp_t gfp)
{
	void *ptr = calloc(1, size);

	test->allocs = realloc(test->allocs, (test->nr_allocs + 1) *
			       sizeof(*test->allocs));
	if (!ptr || !test->allocs)
		abort();
	test->allocs[test->nr_allocs++] = ptr;
	return ptr;
}

void host_kunit_fail(struct kunit *test, bool fatal, const char *file, int line,
		     const char *fmt, ...)
{
	va_list args;

	printf("    # %s: expected at %s:%d: ", test->name, file, line);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
	test->failures++;
	if (fatal)
		longjmp(test->abort, 1);
}

static bool run_case(struct kunit_suite *suite, struct kunit_case *c,
		     unsigned int nr)
{
	struct kunit test = { .name = c->name };
	unsigned int pages = host_pages_live, warnings = host_warnings;

	current = &test;
	if (!setjmp(test.abort)) {
		if (suite->init && suite->init(&test))
			host_kunit_fail(&test, true, __FILE__, __LINE__, "init");
		c->run(&test);
	}
	if (suite->exit && test.priv && !setjmp(test.abort))
		suite->exit(&test);
	while (test.nr_allocs)
		free(test.allocs[--test.nr_allocs]);
	free(test.allocs);
	memset(stubs, 0, sizeof(stubs));

	if (host_pages_live != pages)
		host_kunit_fail(&test, false, __FILE__, __LINE__,
				"no page is leaked");
	if (host_warnings != warnings)
		host_kunit_fail(&test, false, __FILE__, __LINE__,
				"no WARNING");
	printf("    %s %u %s%s%s\n", test.failures ? "not ok" : "ok", nr,
	       c->name, test.skipped ? " # SKIP " : "", test.skipped ?: "");
	fflush(stdout);
	return !test.failures;
}

static bool run_suite(struct kunit_suite *suite, unsigned int nr)
{
	struct kunit_case *c;
	unsigned int n = 0;
	bool ok = true;

	for (c = suite->test_cases; c->run; c++)
		n++;
	printf("    KTAP version 1\n    # Subtest: %s\n    1..%u\n",
	       suite->name, n);
	n = 0;
	for (c = suite->test_cases; c->run; c++)
		ok &= run_case(suite, c, ++n);
	printf("%s %u %s\n", ok ? "ok" : "not ok", nr, suite->name);
	return ok;
}

/* Nothing in these is replaced by a test, so nothing calls it. */
void *kho_alloc_preserve(size_t size)
{
	abort();
}

void kho_unpreserve_free(void *mem)
{
	abort();
}

void kho_restore_free(void *mem)
{
	abort();
}

bool kho_range_is_stamped(phys_addr_t phys, unsigned long nr_pages);

bool kho_range_is_stamped(phys_addr_t phys, unsigned long nr_pages)
{
	abort();
}

int main(void)
{
	struct kunit_suite *suite;
	unsigned int n = 0;
	bool ok = true;

	host_stub = find_stub;
	for (suite = suites; suite; suite = suite->next)
		n++;
	printf("KTAP version 1\n1..%u\n", n);
	n = 0;
	for (suite = suites; suite; suite = suite->next)
		ok &= run_suite(suite, ++n);
	return ok ? 0 : 1;
}
