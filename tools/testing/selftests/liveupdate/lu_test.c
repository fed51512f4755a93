// SPDX-License-Identifier: GPL-2.0
/*
 * lu_test: the frame of the live update tests; lu_test.h says how it is used.
 *
 * Life cycle of a case: lu_init starts the program with --stage; the stage
 * runs in this very process, which then loads the next kernel and jumps, so that
 * its descriptors and mappings live until the last moment. A failure ends the
 * process with kselftest's exit status and lu_init reports it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "../kselftest.h"
#include "lu_test.h"
#include "lu_wire.h"

static struct lu_case *cases, **cases_tail = &cases;
/* Not in the VM runner: what the machine lacks is no failure. */
static bool by_hand;

void lu_register(struct lu_case *c)
{
	*cases_tail = c;
	cases_tail = &c->next;
}

void lu_note(const char *fmt, ...)
{
	va_list args;

	printf("# ");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
}

void lu_tell(const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	lu_wire("tell %s", text);
}

void lu_figure(const char *name, double value, const char *unit, const char *base)
{
	lu_wire("figure %s %.3f %s %s", name, value, unit, base ?: "-");
}

void lu_fail(const char *file, int line, const char *fmt, ...)
{
	va_list args;

	printf("# FAIL %s:%d: ", file, line);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	_exit(KSFT_FAIL);
}

void lu_skip(const char *fmt, ...)
{
	va_list args;

	printf("# SKIP ");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	_exit(KSFT_SKIP);
}

/* Before a file is opened that a machine may not have. */
static void need(const char *path)
{
	if (by_hand && access(path, F_OK))
		lu_skip("there is no %s", path);
}

/* The value of @key in @run's state and, at @end, where it stops. */
static char *state_find(struct lu_run *run, const char *key, char **end)
{
	size_t len = strlen(key);
	char *p = run->state;

	while (*p) {
		char *semi = strchrnul(p, ';');

		if (!strncmp(p, key, len) && p[len] == '=') {
			*end = semi;
			return p + len + 1;
		}
		p = *semi ? semi + 1 : semi;
	}
	return NULL;
}

void lu_set(struct lu_run *run, const char *key, const char *fmt, ...)
{
	char value[256], *end, *old;
	va_list args;
	size_t used;

	va_start(args, fmt);
	LU_CHECK(vsnprintf(value, sizeof(value), fmt, args) < (int)sizeof(value),
		 "the value of %s is too long", key);
	va_end(args);
	LU_CHECK(!strpbrk(value, " ;=\"'\n"), "the value of %s would not cross: %s", key, value);

	old = state_find(run, key, &end);
	if (old) {
		char *start = old - strlen(key) - 1;

		memmove(start, *end ? end + 1 : end, strlen(*end ? end + 1 : end) + 1);
	}
	used = strlen(run->state);
	LU_CHECK(snprintf(run->state + used, sizeof(run->state) - used, "%s=%s;", key, value) <
		 (int)(sizeof(run->state) - used), "the state is too long with %s", key);
}

const char *lu_get(struct lu_run *run, const char *key)
{
	static char value[256];
	char *end, *p = state_find(run, key, &end);

	LU_CHECK(p, "the previous stage left no %s", key);
	snprintf(value, sizeof(value), "%.*s", (int)(end - p), p);
	return value;
}

long long lu_get_num(struct lu_run *run, const char *key)
{
	return strtoll(lu_get(run, key), NULL, 0);
}

const char *lu_read(const char *path)
{
	static char *text;
	size_t size = 0, room = 65536;
	ssize_t n;
	int fd;

	free(text);
	text = malloc(room);
	LU_CHECK(text, "no memory for %s", path);
	need(path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	LU_CHECK(fd >= 0, "%s: %m", path);
	while ((n = read(fd, text + size, room - size - 1)) > 0) {
		size += n;
		if (room - size < 4096) {
			room *= 2;
			text = realloc(text, room);
			LU_CHECK(text, "no memory for %s", path);
		}
	}
	LU_CHECK(n == 0, "%s: %m", path);
	close(fd);
	text[size] = '\0';
	return text;
}

void lu_write(const char *path, const char *text)
{
	int fd;

	need(path);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	LU_CHECK(fd >= 0, "%s: %m", path);
	LU_CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text), "%s: %m", path);
	close(fd);
}

long long lu_read_key(const char *path, const char *key)
{
	const char *p = lu_read(path);
	size_t len = strlen(key);

	for (; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (!strncmp(p, key, len) && (!len || strchr(": \t", p[len])))
			return strtoll(p + len + strspn(p + len, ": \t"), NULL, 0);
		if (!*p)
			break;
	}
	return -1;
}

bool lu_dmesg_has(const char *text)
{
	int size = klogctl(10 /* SYSLOG_ACTION_SIZE_BUFFER */, NULL, 0);
	bool found;
	char *log;

	LU_CHECK(size > 0, "the kernel log: %m");
	log = calloc(1, size + 1);
	LU_CHECK(log, "no memory for the kernel log");
	LU_CHECK(klogctl(3 /* SYSLOG_ACTION_READ_ALL */, log, size) >= 0, "the kernel log: %m");
	found = strstr(log, text);
	free(log);
	return found;
}

const char *lu_cmdline(void)
{
	static char line[4096];
	const char *src = lu_read("/proc/cmdline");
	char *copy = strdup(src), *word, *save;

	line[0] = '\0';
	LU_CHECK(copy, "no memory for the command line");
	for (word = strtok_r(copy, " \n", &save); word; word = strtok_r(NULL, " \n", &save)) {
		if (!strncmp(word, "lu.", 3))
			continue;
		if (line[0])
			strcat(line, " ");
		strcat(line, word);
	}
	free(copy);
	return line;
}

void lu_add_module(const char *path)
{
	int fd;

	need(path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	LU_CHECK(fd >= 0, "%s: %m", path);
	LU_CHECK(!syscall(SYS_finit_module, fd, "", 0), "%s: %m", path);
	close(fd);
}

int lu_kexec_load(const char *image, const char *cmdline, unsigned long flags)
{
	static const char initrd[] = "/sys/firmware/initrd";
	int kernel_fd, initrd_fd, ret = 0;

	need(image);
	need(initrd);
	kernel_fd = open(image, O_RDONLY | O_CLOEXEC);
	LU_CHECK(kernel_fd >= 0, "%s: %m", image);
	initrd_fd = open(initrd, O_RDONLY | O_CLOEXEC);
	LU_CHECK(initrd_fd >= 0, "%s: %m (boot with retain_initrd)", initrd);
	if (syscall(SYS_kexec_file_load, kernel_fd, initrd_fd, strlen(cmdline) + 1, cmdline,
		    flags) < 0)
		ret = -errno;
	close(initrd_fd);
	close(kernel_fd);
	return ret;
}

const char *lu_host(const char *fmt, ...)
{
	static char answer[65536];
	static FILE *wire;
	va_list args;
	size_t len;

	if (by_hand)
		lu_skip("there is a host only in the VM runner");
	if (!wire) {
		wire = fopen(LU_WIRE, "r+");
		LU_CHECK(wire, "%s: %m (there is a host only in the VM runner)", LU_WIRE);
		setvbuf(wire, NULL, _IONBF, 0);
	}
	fflush(stdout);
	dprintf(fileno(wire), LU_WIRE_TAG "host ");
	va_start(args, fmt);
	vdprintf(fileno(wire), fmt, args);
	va_end(args);
	dprintf(fileno(wire), "\n");

	/* The answer: one line, its own line ends as \n. */
	LU_CHECK(fgets(answer, sizeof(answer), wire), "the host does not answer");
	len = strcspn(answer, "\r\n");
	answer[len] = '\0';
	LU_CHECK(strncmp(answer, "error ", 6), "the host: %s", answer + 6);
	for (char *p = answer; (p = strstr(p, "\\n")); p++) {
		*p = '\n';
		memmove(p + 1, p + 2, strlen(p + 2) + 1);
	}
	return answer;
}

/* lu_init says which kernels of this run look for leaks; the last one does it itself. */
static bool looks_for_leaks(int stage)
{
	const char *leaks = getenv("LU_LEAKS") ?: "";

	return !strcmp(leaks, "each") || (!stage && !strcmp(leaks, "first"));
}

static void next_kernel(const struct lu_case *c, struct lu_run *run)
{
	const char *image = run->image[0] ? run->image : "/boot/bzImage";
	char cmdline[4096];
	int ret;

	LU_CHECK(snprintf(cmdline, sizeof(cmdline), "%s%s%s lu.stage=%d lu.state=%s",
			  lu_cmdline(), run->append[0] ? " " : "", run->append, run->stage + 1,
			  run->state) < 2048, "the command line is too long");
	ret = lu_kexec_load(image, cmdline, 0);
	LU_CHECK(!ret, "kexec_file_load of %s: %s", image, strerror(-ret));
	if (looks_for_leaks(run->stage))
		lu_kmemleak();
	if (run->last)
		run->last(run->last_arg);
	lu_wire("jump %s %d %llu", c->name, run->stage, lu_clock());
	reboot(RB_KEXEC);
	LU_FAIL("reboot(RB_KEXEC): %m");
}

static int run_stage(struct lu_case *c, int stage, const char *state)
{
	struct lu_run run = { .stage = stage };

	while (run.nr_stages < LU_MAX_STAGES && c->stage[run.nr_stages])
		run.nr_stages++;
	LU_CHECK(stage < run.nr_stages, "%s has no stage %d", c->name, stage);
	LU_CHECK(strlen(state) < sizeof(run.state), "the state is too long");
	strcpy(run.state, state);
	c->stage[stage](&run);
	if (stage + 1 < run.nr_stages)
		next_kernel(c, &run);
	return KSFT_PASS;
}

/* Does the command line have these words? A blank in a machine's word is \\x20. */
static bool on_cmdline(const char *words)
{
	static char line[4096], want[512];
	char *p;

	snprintf(line, sizeof(line), " %s", lu_read("/proc/cmdline"));
	line[strcspn(line, "\n")] = ' ';
	snprintf(want, sizeof(want), " %s ", words);
	while ((p = strstr(want, "\\x20"))) {
		*p = ' ';
		memmove(p + 1, p + 4, strlen(p + 4) + 1);
	}
	return strstr(line, want);
}

static unsigned long long memory_size(const char *text)
{
	char *end;
	unsigned long long size = strtoull(text, &end, 10);

	return size << (*end == 'G' ? 30 : 20);
}

/* Does this machine have what a word of lu_test.h asks for? */
static bool word_fits(const char *word)
{
	size_t key = strcspn(word, "=");
	const char *value = word + key + !!word[key];

	if (!strncmp(word, "append=", key + 1))
		return on_cmdline(value) &&
		       (strcmp(value, "liveupdate=on") || !access("/dev/liveupdate", F_OK));
	if (!strncmp(word, "mem=", key + 1))
		/* Some of it is the kernel's. */
		return sysconf(_SC_PHYS_PAGES) >= (long)(memory_size(value) / 4096 / 4 * 3);
	if (!strncmp(word, "cpus=", key + 1))
		return sysconf(_SC_NPROCESSORS_ONLN) >= atoi(value);
	if (!strncmp(word, "flavour=", key + 1))
		return strstr(value, "prod");
	if (!strcmp(word, "uefi"))
		return !access("/sys/firmware/efi", F_OK);
	if (!strncmp(word, "numa=", key + 1))
		return !strcmp(value, "1");
	return !strncmp(word, "timeout=", key + 1) || !strncmp(word, "leaks=", key + 1);
}

/* The first thing that keeps a case from this machine, for a SKIP; NULL if there is none. */
static const char *unfit(const struct lu_case *c)
{
	static const char * const switches[] = { "kho=on", "liveupdate=on" };
	static char words[1024];
	char *word, *save;

	if (c->stage[1])
		return "a machine of its own";
	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++)
		if (on_cmdline(switches[i]) && !strstr(c->machine, switches[i]))
			return i ? "a kernel without liveupdate=on" : "a kernel without kho=on";
	snprintf(words, sizeof(words), "%s", c->machine);
	for (word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save))
		if (!word_fits(word))
			return strcmp(word, "own") ? word : "a machine of its own";
	return NULL;
}

/* As kselftest has it: what can run on this machine is run, the rest is skipped. */
static int run_here(void)
{
	struct lu_case *c;
	int nr = 0;

	by_hand = true;
	for (c = cases; c; c = c->next)
		nr++;
	ksft_print_header();
	if (geteuid())
		ksft_exit_skip("only root can run them\n");
	ksft_set_plan(nr);
	for (c = cases; c; c = c->next) {
		const char *lacks = unfit(c);
		int status;
		pid_t pid;

		if (lacks) {
			ksft_test_result_skip("%s: needs %s: ./lu check\n", c->name, lacks);
			continue;
		}
		fflush(stdout);
		pid = LU_OK(fork());
		if (!pid)
			_exit(run_stage(c, 0, ""));
		LU_OK(waitpid(pid, &status, 0));
		if (WIFEXITED(status) && WEXITSTATUS(status) == KSFT_SKIP)
			ksft_test_result_skip("%s\n", c->name);
		else
			ksft_test_result(!status, "%s\n", c->name);
	}
	ksft_finished();
}

int lu_main(int argc, char **argv)
{
	struct lu_case *c;
	int stages;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 1)
		return run_here();
	if (argc == 2 && !strcmp(argv[1], "--describe")) {
		for (c = cases; c; c = c->next) {
			for (stages = 0; c->stage[stages]; stages++)
				;
			printf("%s %d %s\n", c->name, stages, c->machine);
		}
		return 0;
	}
	if (argc == 5 && !strcmp(argv[1], "--stage")) {
		for (c = cases; c; c = c->next)
			if (!strcmp(c->name, argv[2]))
				return run_stage(c, atoi(argv[3]), argv[4]);
		printf("# %s: no such case\n", argv[2]);
		return KSFT_FAIL;
	}
	fprintf(stderr, "usage: %s [--describe | --stage CASE NUMBER STATE]\n", argv[0]);
	return KSFT_FAIL;
}
