// SPDX-License-Identifier: GPL-2.0
/*
 * lu_init: PID 1 of a test machine.
 *
 * Life cycle: mounts what a test needs, reads which cases to run from /lu/run
 * (lines "PROGRAM CASE [LEAKS]", in the initrd) and which stage this kernel is from
 * the command line (lu.stage=, lu.state=), runs them one after the other,
 * reports each over the wire (lu_wire.h) and powers the machine off. A case
 * that jumps does not come back; the next kernel's lu_init goes on with the next
 * stage of the same case.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "../kselftest.h"
#include "lu_wire.h"

static void mount_all(void)
{
	static const struct {
		const char *type, *where;
	} list[] = {
		{ "devtmpfs", "/dev" }, { "proc", "/proc" }, { "sysfs", "/sys" },
		{ "debugfs", "/sys/kernel/debug" }, { "tracefs", "/sys/kernel/tracing" },
		{ "cgroup2", "/sys/fs/cgroup" }, { "tmpfs", "/tmp" }, { "tmpfs", "/dev/shm" },
		{ "devpts", "/dev/pts" }, { "tmpfs", "/run" },
	};

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		mkdir(list[i].where, 0755);
		/* Not every kernel has every one of them. */
		mount(list[i].type, list[i].where, list[i].type, 0, NULL);
	}
}

static void open_wire(void)
{
	struct termios tio;
	int fd = open(LU_WIRE, O_RDWR | O_NOCTTY);

	if (fd < 0)
		return;
	if (!tcgetattr(fd, &tio)) {
		cfmakeraw(&tio);
		tcsetattr(fd, TCSANOW, &tio);
	}
	/* Left open for ever: the line keeps its settings. */
	dup2(fd, 1);
	dup2(fd, 2);
}

/* The value of @name= in the command line. */
static char *cmdline_value(const char *name)
{
	static char line[4096];
	size_t len = strlen(name);
	char *word, *save;
	int fd, n;

	fd = open("/proc/cmdline", O_RDONLY);
	n = fd < 0 ? 0 : read(fd, line, sizeof(line) - 1);
	if (fd >= 0)
		close(fd);
	line[n > 0 ? n : 0] = '\0';
	for (word = strtok_r(line, " \n", &save); word; word = strtok_r(NULL, " \n", &save))
		if (!strncmp(word, name, len) && word[len] == '=')
			return strdup(word + len + 1);
	return NULL;
}

static void run_case(const char *program, const char *name, const char *leaks,
		     const char *stage, const char *state)
{
	char path[256];
	int status;
	pid_t pid;

	lu_wire("start %s %s %s", program, name, stage);
	setenv("LU_LEAKS", leaks, 1);
	pid = fork();
	if (!pid) {
		snprintf(path, sizeof(path), "/lu/%s", program);
		execl(path, path, "--stage", name, stage, state, (char *)NULL);
		printf("# %s: %s\n", path, strerror(errno));
		_exit(KSFT_FAIL);
	}
	while (waitpid(pid, &status, 0) != pid)
		;
	/* It has ended in this kernel, be it the first one or a later one. */
	if (!atoi(stage) || strcmp(leaks, "first"))
		lu_kmemleak();
	if (WIFSIGNALED(status))
		lu_wire("result %s %s fail killed by signal %d", program, name, WTERMSIG(status));
	else if (WEXITSTATUS(status) == KSFT_PASS)
		lu_wire("result %s %s ok", program, name);
	else if (WEXITSTATUS(status) == KSFT_SKIP)
		lu_wire("result %s %s skip", program, name);
	else
		lu_wire("result %s %s fail exit status %d", program, name, WEXITSTATUS(status));
}

int main(void)
{
	char line[256], program[128], name[128], leaks[16];
	char *stage, *state;
	unsigned long long begin = lu_clock();
	struct utsname uts;
	FILE *list;

	mount_all();
	open_wire();
	stage = cmdline_value("lu.stage");
	state = cmdline_value("lu.state");
	uname(&uts);
	lu_wire("boot %s %s %llu", stage ?: "0", uts.release, begin);

	list = fopen("/lu/run", "re");
	while (list && fgets(line, sizeof(line), list)) {
		leaks[0] = '\0';
		if (sscanf(line, "%127s %127s %15s", program, name, leaks) >= 2)
			run_case(program, name, leaks, stage ?: "0", state ?: "");
	}
	/* The cases of KUnit ran before this did. */
	if (cmdline_value("kunit.enable"))
		lu_kmemleak();
	lu_wire("done");
	/* The last line has to leave the port before the machine goes. */
	tcdrain(1);
	reboot(RB_POWER_OFF);
	return 1;
}
