/* SPDX-License-Identifier: GPL-2.0 */
/*
 * lu_test: the frame of the live update tests.
 *
 * A test program holds cases; a case has one stage, or several that run in
 * successive kernels of one machine. After each stage but the last the frame
 * loads the next kernel and jumps; what a stage has open or mapped at
 * its end stays so until the jump. A small key-value state crosses
 * with the command line.
 *
 *	static void before(struct lu_run *run) { lu_set(run, "pages", "%d", 7); }
 *	static void after(struct lu_run *run) { LU_EQ(lu_get_num(run, "pages"), 7); }
 *	LU_TEST(crosses, "mem=512M", before, after);
 *	LU_MAIN
 *
 * Run by hand, as kselftest does it, the program runs its one-stage cases that this
 * very machine fits, and skips the others with the reason. The VM runner (vm/run.py)
 * reads the cases with --describe and has lu_init run each stage with --stage.
 *
 * The machine is words, each with a default:
 *
 *	mem=512M cpus=1		memory and processors
 *	numa=1			nodes, memory and processors spread evenly; numa=256M,0,256M
 *				gives each node its memory, 0 for a memoryless one
 *	flavour=prod,debug	in which kernels the case runs. What follows a plus is only for
 *				"./lu check --all", or who names the case in full: a debug
 *				kernel takes eight times as long, so flavour=prod+debug is
 *				for what it is not likely to see anything more in
 *	uefi			firmware of that kind, which takes its time to begin, instead of
 *				a BIOS
 *	append=ARG		a kernel argument; may be repeated
 *	qemu=ARG		an argument for QEMU; may be repeated, $DIR is the run's folder
 *	device=ARG		short for qemu=-device qemu=ARG
 *	image=FLAVOUR		a further kernel at hand as /boot/bzImage.FLAVOUR; "other" is
 *				the one that LU_OTHER names, or debug
 *	program=NAME		a further program at hand as /lu/NAME
 *	module=DIR/NAME.ko	a module of the kernel's at hand as /lu/NAME.ko
 *	timeout=60		seconds that it may take on a machine with KVM; scaled
 *	leaks=last		which kernel of the case looks for leaks: the one in
 *				which it ends or, with leaks=first, the one in which it
 *				began, right before its jump. One, since a scan takes longer
 *				than a boot; leaks=each are all of them, as they are for
 *				each case in "./lu check --all"
 *	expect=REGEX		a kernel report that is no failure; may be repeated
 *	icount			its clock counts instructions, a nanosecond each: for cases that
 *				hold one duration against another, which a busy host must
 *				not lengthen. Emulated where there is KVM, too
 *	own			a machine of its own even for a single stage
 *	fails=REGEX		the case is right when it fails with this reason (the
 *				frame's own tests)
 *	bound=1.05		a benchmark: the gap of each of its updates is at most so
 *				many times that of a plain kexec
 *	against=CASE		or that of the same update of this case of the program
 *
 * A blank inside a word is written as \x20.
 */
#ifndef LU_TEST_H
#define LU_TEST_H

#include <stdbool.h>
#include <stddef.h>

#define LU_MAX_STAGES	24

struct lu_run {
	int stage;		/* from 0 */
	int nr_stages;
	char state[1024];	/* key=value;key=value; as it goes on the command line */
	char image[64];		/* the next kernel, a path; empty for the same */
	char append[512];	/* what its command line has besides */
	void (*last)(void *arg); /* called when the next kernel is loaded, right before the jump */
	void *last_arg;
};

typedef void (*lu_stage_fn)(struct lu_run *run);

struct lu_case {
	const char *name;
	const char *machine;
	lu_stage_fn stage[LU_MAX_STAGES + 1];
	struct lu_case *next;
};

void lu_register(struct lu_case *c);
int lu_main(int argc, char **argv);

#define LU_TEST(_name, _machine, ...)						\
	static struct lu_case lu_case_##_name = {				\
		.name = #_name, .machine = _machine, .stage = { __VA_ARGS__ },	\
	};									\
	static void __attribute__((constructor)) lu_register_##_name(void)	\
	{									\
		lu_register(&lu_case_##_name);					\
	}									\
	struct lu_case

#define LU_MAIN int main(int argc, char **argv) { return lu_main(argc, argv); }

/* The end of a case: it failed, or it cannot run here. */
void __attribute__((noreturn, format(printf, 3, 4)))
lu_fail(const char *file, int line, const char *fmt, ...);
void __attribute__((noreturn, format(printf, 1, 2))) lu_skip(const char *fmt, ...);

#define LU_FAIL(...) lu_fail(__FILE__, __LINE__, __VA_ARGS__)

/* @cond has to be true; the rest is a printf that says what was wrong. */
#define LU_CHECK(cond, fmt, ...)						\
	do {									\
		if (!(cond))							\
			LU_FAIL("%s: " fmt, #cond, ##__VA_ARGS__);		\
	} while (0)

#define LU_EQ(a, b)								\
	do {									\
		long long _a = (a), _b = (b);					\
										\
		if (_a != _b)							\
			LU_FAIL("%s is %lld, not %s (%lld)", #a, _a, #b, _b);	\
	} while (0)

/* A call that has to succeed, with its errno if it does not; gives its value. */
#define LU_OK(call)								\
	({									\
		long _r = (call);						\
										\
		if (_r < 0)							\
			LU_FAIL("%s: %m", #call);				\
		_r;								\
	})

/* The state that crosses: keys and values of letters, digits and . _ - : , / */
void __attribute__((format(printf, 3, 4)))
lu_set(struct lu_run *run, const char *key, const char *fmt, ...);
const char *lu_get(struct lu_run *run, const char *key);
long long lu_get_num(struct lu_run *run, const char *key);

/* A line in the case's output. */
void __attribute__((format(printf, 1, 2))) lu_note(const char *fmt, ...);

/*
 * Ask the host. "hmp COMMAND" goes to QEMU's monitor, "send NAME TEXT" and
 * "recv NAME" to the socket $DIR/NAME, "file NAME" reads a file of
 * $DIR; anything else to the host's half of the case, PROGRAM.host.py.
 * Returns the answer, which is valid until the next call.
 */
const char *__attribute__((format(printf, 1, 2))) lu_host(const char *fmt, ...);

/* A sentence for the one who watches ./lu demo. */
void __attribute__((format(printf, 1, 2))) lu_tell(const char *fmt, ...);

/*
 * A figure of a benchmark: @value per @unit of what @name says, and the figure
 * that it is a ratio to, if any. lu_clock() counts guest instructions in
 * ./lu bench; the gap of a jump is measured by the frame.
 */
void lu_figure(const char *name, double value, const char *unit, const char *base);
unsigned long long lu_clock(void);

/* A whole small file; fails the case if it cannot be read. */
const char *lu_read(const char *path);
void lu_write(const char *path, const char *text);
/* The number after @key in a file like /proc/meminfo; -1 without such a line. */
long long lu_read_key(const char *path, const char *key);
/* Does the kernel log of this boot hold @text? */
bool lu_dmesg_has(const char *text);

/* Load a module of the machine's, /lu/NAME.ko. */
void lu_add_module(const char *path);

/* kexec_file_load() of @image with this kernel's initrd, or why not. */
int lu_kexec_load(const char *image, const char *cmdline, unsigned long flags);
/* This kernel's command line without what the frame put there. */
const char *lu_cmdline(void);

#endif /* LU_TEST_H */
