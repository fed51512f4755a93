// SPDX-License-Identifier: GPL-2.0-only
/*
 * luctl: one JSON document.
 *
 * Life cycle: json_begin() opens it, what follows is written to memory, and json_end()
 * prints it. If the program ends before, there is no half of a document: die() prints
 * one that says what went wrong instead. Without --json all of this does nothing.
 *
 * Names may be any bytes. What is no UTF-8 becomes a lone surrogate U+DC80 to U+DCFF
 * for each byte, as Python's "surrogateescape" has it, so that nothing is lost.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "luctl.h"

#define MAX_DEPTH	16

static struct {
	FILE *out;
	char *text;
	size_t size;
	char ends[MAX_DEPTH];
	bool some[MAX_DEPTH];
	unsigned int depth;
} json;

/* Length of the UTF-8 sequence that begins here, 0 if it is none. */
static unsigned int utf8(const unsigned char *p)
{
	unsigned int len, i;
	uint32_t c;

	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] < 0xe0) {
		len = 2;
		c = p[0] & 0x1f;
	} else if (p[0] >= 0xe0 && p[0] < 0xf0) {
		len = 3;
		c = p[0] & 0x0f;
	} else if (p[0] >= 0xf0 && p[0] < 0xf5) {
		len = 4;
		c = p[0] & 0x07;
	} else {
		return 0;
	}
	for (i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if ((len == 3 && (c < 0x800 || (c >= 0xd800 && c < 0xe000))) ||
	    (len == 4 && (c < 0x10000 || c > 0x10ffff)))
		return 0;
	return len;
}

static void quoted(FILE *out, const char *value)
{
	const unsigned char *p = (const unsigned char *)value;

	fputc('"', out);
	while (*p) {
		unsigned int len = utf8(p);

		if (!len)
			fprintf(out, "\\udc%02x", *p++);
		else if (*p == '"' || *p == '\\')
			fprintf(out, "\\%c", *p++);
		else if (*p < 0x20 || *p == 0x7f)
			fprintf(out, "\\u%04x", *p++);
		else
			for (; len; len--)
				fputc(*p++, out);
	}
	fputc('"', out);
}

static bool item(const char *key)
{
	if (!json.out)
		return false;
	if (json.some[json.depth])
		fputs(", ", json.out);
	json.some[json.depth] = true;
	if (key) {
		quoted(json.out, key);
		fputs(": ", json.out);
	}
	return true;
}

static void nest(const char *key, char begin, char end)
{
	if (!item(key))
		return;
	fputc(begin, json.out);
	json.depth++;
	json.ends[json.depth] = end;
	json.some[json.depth] = false;
}

void json_object(const char *key)
{
	nest(key, '{', '}');
}

void json_array(const char *key)
{
	nest(key, '[', ']');
}

void json_close(void)
{
	if (json.out)
		fputc(json.ends[json.depth--], json.out);
}

void json_string(const char *key, const char *value)
{
	if (!value)
		json_null(key);
	else if (item(key))
		quoted(json.out, value);
}

void json_number(const char *key, uint64_t value)
{
	if (item(key))
		fprintf(json.out, "%" PRIu64, value);
}

void json_signed(const char *key, int64_t value)
{
	if (item(key))
		fprintf(json.out, "%" PRId64, value);
}

void json_bool(const char *key, bool value)
{
	if (item(key))
		fputs(value ? "true" : "false", json.out);
}

void json_null(const char *key)
{
	if (item(key))
		fputs("null", json.out);
}

void json_begin(const char *command)
{
	if (!opt_json)
		return;
	json.out = open_memstream(&json.text, &json.size);
	if (!json.out)
		abort();
	json.depth = 0;
	json.some[0] = false;
	json_object(NULL);
	json_string("command", command);
}

void json_end(void)
{
	if (!json.out)
		return;
	json_close();
	fclose(json.out);
	json.out = NULL;
	puts(json.text);
}

void json_error(enum status status, const char *message)
{
	json_begin("error");
	json_number("status", status);
	json_string("message", message);
	json_end();
	fflush(stdout);
}
