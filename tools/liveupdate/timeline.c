// SPDX-License-Identifier: GPL-2.0-only
/*
 * luctl: timeline: the phases of the last update, as a bar chart on a terminal.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "luctl.h"

#define MAX_PHASES	32
#define WIDTH		120
/* The longest word for a phase, and all columns up to the bar. */
#define WHAT		31
#define BEFORE_BAR	(14 + 2 + 12 + 2 + 12 + 2 + WHAT + 2)

struct phase {
	char name[32];
	bool known;
	uint64_t ns;
};

/* What goes on until the phase is reached. */
static const char *what_until(const char *name)
{
	static const char * const words[][2] = {
		{ "freeze-start", "the old kernel begins to freeze" },
		{ "freeze-end", "freezing sessions" },
		{ "jump", "shutting devices down" },
		{ "start", "kexec: checksum, unpacking" },
		{ "kho-ready", "finding preserved memory" },
		{ "luo-ready", "booting the new kernel" },
		{ "first-open", "starting user space" },
		{ "first-retrieve", "getting the first file back" },
		{ "last-finish", "finishing sessions" },
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (!strcmp(name, words[i][0]))
			return words[i][1];
	return "";
}

static size_t parse(const char *p, struct phase *phases)
{
	size_t nr = 0;

	while (*p && nr < MAX_PHASES) {
		struct phase *phase = &phases[nr++];
		char value[24];
		int len = 0;

		if (sscanf(p, "%31[a-z-] %23[a-z0-9]%n", phase->name, value, &len) != 2 ||
		    p[len] != '\n')
			die(ST_FAILED,
			    "/sys/kernel/liveupdate/timeline is not understood; use the luctl that came with this kernel");
		phase->known = strcmp(value, "unknown");
		phase->ns = phase->known ? strtoull(value, NULL, 10) : 0;
		p += len + 1;
	}
	return nr;
}

static int columns(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_col)
		return WIDTH;
	return size.ws_col;
}

/* Each bar begins where the one above it ends. */
static void draw(const struct phase *phase, uint64_t before, uint64_t total, int room)
{
	int from = total ? before * room / total : 0;
	int to = total ? phase->ns * room / total : 0;

	printf("  %*s%s", from, "", colour(GREEN));
	for (int i = from; i < to || i == from; i++)
		fputs(i < to ? "█" : "▏", stdout);
	printf("%s", colour(PLAIN));
}

int cmd_timeline(int argc, char **argv)
{
	bool chart = isatty(STDOUT_FILENO) || opt_colour;
	struct phase phases[MAX_PHASES];
	uint64_t before = 0, total = 0;
	size_t nr, i;
	char *lines;
	int room;

	(void)argv;
	if (argc > 1)
		return ST_USAGE;
	host_must_be_on();
	lines = host_read("/sys/kernel/liveupdate/timeline");
	if (!lines)
		die(ST_FAILED,
		    "/sys/kernel/liveupdate/timeline cannot be read: %m; this kernel may have no time line");
	nr = parse(lines, phases);
	if (!nr)
		die(ST_NONE,
		    "there is no time line: this kernel was not reached by a live update; perform one with luctl run");
	for (i = 0; i < nr; i++)
		if (phases[i].known)
			total = phases[i].ns;

	json_begin("timeline");
	json_array("phases");
	for (i = 0; i < nr; i++) {
		json_object(NULL);
		json_string("phase", phases[i].name);
		if (phases[i].known) {
			json_number("ns", phases[i].ns);
			json_number("took_ns", phases[i].ns < before ? 0 : phases[i].ns - before);
			before = phases[i].ns;
		} else {
			json_null("ns");
			json_null("took_ns");
		}
		json_close();
	}
	json_close();
	json_end();
	if (opt_json)
		return ST_OK;

	room = columns() - BEFORE_BAR - 1;
	printf("%s%-14s  %12s  %12s  %s%s\n", colour(BOLD), "PHASE", "AT ms", "TOOK ms",
	       "UNTIL THEN", colour(PLAIN));
	for (before = 0, i = 0; i < nr; i++) {
		const struct phase *phase = &phases[i];

		if (!phase->known) {
			printf("%-14s  %12s  %12s  %s\n", phase->name, "unknown", "unknown",
			       what_until(phase->name));
			continue;
		}
		printf("%-14s  %12.3f  %12.3f  ", phase->name, phase->ns / 1e6,
		       phase->ns < before ? 0 : (phase->ns - before) / 1e6);
		if (chart && room > 8 && phase->ns >= before) {
			printf("%-*s", WHAT, what_until(phase->name));
			draw(phase, before, total, room);
		} else {
			fputs(what_until(phase->name), stdout);
		}
		putchar('\n');
		before = phase->ns;
	}
	return ST_OK;
}
