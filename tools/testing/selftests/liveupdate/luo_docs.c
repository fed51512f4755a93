// SPDX-License-Identifier: GPL-2.0
/*
 * luo_docs: the example of the documentation, run as it is printed there.
 */
#define main luo_example
#include "luo_example.c"
#undef main

#include <sys/wait.h>

#include "luo_common.h"

#define TEXT	"what was true before is true after"

/* Start the example; what it prints first goes to @line. */
static pid_t start(char *line, size_t room, int argc, char **argv)
{
	int out[2];
	pid_t pid;
	FILE *f;

	LU_OK(pipe(out));
	pid = LU_OK(fork());
	if (!pid) {
		dup2(out[1], 1);
		_exit(luo_example(argc, argv));
	}
	close(out[1]);
	f = fdopen(out[0], "r");
	LU_CHECK(f && fgets(line, room, f), "the example ended without a word");
	line[strcspn(line, "\n")] = '\0';
	fclose(f);
	return pid;
}

static void saved(struct lu_run *run)
{
	char *argv[5] = { "luo_example", "save", "note", TEXT, NULL };
	char line[128], want[128];
	pid_t pid;

	(void)run;
	pid = start(line, sizeof(line), 4, argv);
	snprintf(want, sizeof(want), "note is preserved as long as process %d runs", pid);
	LU_CHECK(!strcmp(line, want), "it said '%s', not '%s'", line, want);
}

static void loaded(struct lu_run *run)
{
	char *argv[4] = { "luo_example", "load", "note", NULL };
	char line[128];
	pid_t pid;

	(void)run;
	pid = start(line, sizeof(line), 3, argv);
	LU_CHECK(!strcmp(line, TEXT), "it said '%s', not '%s'", line, TEXT);
	luo_reap(pid);
}

LU_TEST(example, "mem=1G flavour=prod+debug " LUO_ON, saved, loaded);

LU_MAIN
