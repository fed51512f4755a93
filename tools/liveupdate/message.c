// SPDX-License-Identifier: GPL-2.0-only
/*
 * luctl: messages, text and memory.
 *
 * Each message says what failed, why, and what to do, and is in luctl.8 under DIAGNOSTICS;
 * a test holds the two together. Under --json an error is a document as well.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "luctl.h"

bool opt_json, opt_colour, opt_quiet;
const char *opt_root = "";

static bool progress_shown;

void progress(const char *what)
{
	if (opt_json || opt_quiet || !isatty(STDERR_FILENO))
		return;
	if (what)
		fprintf(stderr, "\r\033[K%s ...", what);
	else if (progress_shown)
		fprintf(stderr, "\r\033[K");
	fflush(stderr);
	progress_shown = what;
}

static char *vtext(const char *fmt, va_list args)
{
	char *out;

	if (vasprintf(&out, fmt, args) < 0) {
		fputs("luctl: there is no memory left; free some and try again\n", stderr);
		exit(ST_FAILED);
	}
	return out;
}

char *text(const char *fmt, ...)
{
	va_list args;
	char *out;

	va_start(args, fmt);
	out = vtext(fmt, args);
	va_end(args);
	return out;
}

void die(enum status status, const char *fmt, ...)
{
	va_list args;
	char *out;

	va_start(args, fmt);
	out = vtext(fmt, args);
	va_end(args);
	progress(NULL);
	fflush(stdout);
	if (opt_json)
		json_error(status, out);
	fprintf(stderr, "luctl: %s\n", out);
	exit(status);
}

char *count_of(uint64_t number, const char *noun)
{
	return text("%" PRIu64 " %s%s", number, noun, number == 1 ? "" : "s");
}

void warn(const char *fmt, ...)
{
	va_list args;

	progress(NULL);
	fflush(stdout);
	va_start(args, fmt);
	fprintf(stderr, "luctl: warning: %s\n", vtext(fmt, args));
	va_end(args);
}

void usage(const char *line)
{
	if (opt_json)
		json_error(ST_USAGE, text("usage: luctl %s", line));
	fprintf(stderr, "usage: luctl %s\nSee luctl(8), or luctl help.\n", line);
	exit(ST_USAGE);
}

void *must_grow(void *old, size_t size)
{
	void *new = realloc(old, size ?: 1);

	if (!new)
		die(ST_FAILED, "there is no memory left; free some and try again");
	return new;
}

void *must_alloc(size_t size)
{
	return memset(must_grow(NULL, size), 0, size);
}

char *shown(const char *bytes)
{
	char *out = must_alloc(4 * strlen(bytes) + 1), *p = out;

	for (; *bytes; bytes++) {
		unsigned char c = *bytes;

		if (isprint(c) && c < 0x7f && c != '\\')
			*p++ = c;
		else
			p += sprintf(p, "\\x%02x", c);
	}
	*p = '\0';
	return out;
}

const char *colour(enum colour which)
{
	static const char * const codes[] = {
		[PLAIN] = "\033[0m", [BOLD] = "\033[1m", [GREEN] = "\033[32m",
		[YELLOW] = "\033[33m", [RED] = "\033[31m",
	};

	return opt_colour ? codes[which] : "";
}
