// SPDX-License-Identifier: GPL-2.0-only
/*
 * luctl: look at, prepare and perform a live update. See luctl.8.
 *
 * This file: options that all commands have, and the table of commands.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "luctl.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *arguments, *does;
} commands[] = {
	{ "status", cmd_status, "", "is live update on; what is preserved; what is loaded" },
	{ "check", cmd_check, "[IMAGE] [--initrd FILE] [--append STRING | --reuse-cmdline]",
	  "what would survive an update into IMAGE; changes nothing" },
	{ "load", cmd_load, "IMAGE [--initrd FILE] [--append STRING | --reuse-cmdline] [--force]",
	  "check, then load the next kernel; load --unload drops it" },
	{ "run", cmd_run, "[--yes] [--dry-run] [--now] [--force]",
	  "check once more, then perform the update" },
	{ "hold", cmd_hold, "[--name SESSION] [--fd N | --memfd N:SIZE]... [--keep] -- CMD...",
	  "run CMD with descriptors that survive" },
	{ "list", cmd_list, "", "the sessions, of this kernel and of the previous one" },
	{ "show", cmd_show, "SESSION", "the files in a session, and who holds it" },
	{ "discard", cmd_discard, "SESSION", "give up a session that nobody wants" },
	{ "timeline", cmd_timeline, "", "the phases of the last update" },
	{ "formats", cmd_formats, "[IMAGE]", "what this kernel, or IMAGE, reads and writes" },
};

static void help_json(void)
{
	json_begin("help");
	json_array("commands");
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		json_object(NULL);
		json_string("name", commands[i].name);
		json_string("arguments", commands[i].arguments);
		json_string("does", commands[i].does);
		json_close();
	}
	json_close();
	json_end();
}

static int help(void)
{
	if (opt_json) {
		help_json();
		return ST_OK;
	}
	printf("usage: luctl [--json] [--quiet] [--colour WHEN] COMMAND [ARGUMENTS]\n\n");
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		printf("  %s %s\n      %s\n", commands[i].name, commands[i].arguments,
		       commands[i].does);
	printf("\n  --json         a JSON document on stdout\n"
	       "  --quiet        no findings that are good\n"
	       "  --colour WHEN  auto, always or never\n\n"
	       "Exit status: 0 well, 1 failed, 2 usage, 3 live update is off, 4 something would be\n"
	       "lost, 5 bad image, 6 no such thing, 7 busy, 8 not permitted, 9 cannot be told.\n");
	return ST_OK;
}

/* Options that may stand before the command or behind it; takes them out of argv. */
static int take_options(int argc, char **argv)
{
	const char *when = "auto";
	int out = 1, i;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--")) {
			break;
		} else if (!strcmp(argv[i], "--json")) {
			opt_json = true;
		} else if (!strcmp(argv[i], "--quiet")) {
			opt_quiet = true;
		} else if ((!strcmp(argv[i], "--colour") || !strcmp(argv[i], "--color")) &&
			   i + 1 < argc) {
			when = argv[++i];
		} else if (!strcmp(argv[i], "--root") && i + 1 < argc) {
			opt_root = argv[++i];
		} else {
			argv[out++] = argv[i];
		}
	}
	for (; i < argc; i++)
		argv[out++] = argv[i];
	argv[out] = NULL;

	if (strcmp(when, "auto") && strcmp(when, "always") && strcmp(when, "never"))
		usage("--colour auto | always | never");
	opt_colour = !strcmp(when, "always") ||
		     (!strcmp(when, "auto") && isatty(STDOUT_FILENO) && !getenv("NO_COLOR") &&
		      strcmp(getenv("TERM") ?: "dumb", "dumb"));
	return out;
}

int main(int argc, char **argv)
{
	int status;

	argc = take_options(argc, argv);
	if (argc < 2)
		usage("COMMAND [ARGUMENTS]");
	if (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return help();
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (strcmp(argv[1], commands[i].name))
			continue;
		for (int j = 2; j < argc && strcmp(argv[j], "--"); j++)
			if (!strcmp(argv[j], "--help"))
				return help();
		status = commands[i].run(argc - 1, argv + 1);
		if (status == ST_USAGE)
			usage(text("%s %s", commands[i].name, commands[i].arguments));
		if (fflush(stdout) || ferror(stdout))
			die(ST_FAILED,
			    "the output cannot be written; is there room where it goes?");
		return status;
	}
	die(ST_USAGE, "%s: there is no such command; luctl help lists them", shown(argv[1]));
}
