// SPDX-License-Identifier: GPL-2.0-only
/*
 * luctl: the command line of the next kernel, and what in it is in the way.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "luctl.h"

/* The word that begins at @p ends where this points to; quotes hold blanks together. */
static const char *word_end(const char *p)
{
	bool quoted = false;

	for (; *p && (quoted || !isspace((unsigned char)*p)); p++)
		if (*p == '"')
			quoted = !quoted;
	return p;
}

/* An option is the same with dashes and underscores. */
static bool same_key(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if (*a != *b && !((*a == '-' || *a == '_') && (*b == '-' || *b == '_')))
			return false;
	return *a == *b;
}

/* Call @fn for each option, as the kernel finds them; the value is NULL without a "=". */
static void walk(const char *line, void (*fn)(void *arg, const char *key, const char *value),
		 void *arg)
{
	for (const char *p = line, *end; *p; p = end) {
		size_t skip = *p == '"', len;
		char *word, *value;

		if (isspace((unsigned char)*p)) {
			end = p + 1;
			continue;
		}
		end = word_end(p);
		/* What follows is for init. */
		if (end - p == 2 && !strncmp(p, "--", 2))
			break;
		word = text("%.*s", (int)(end - p - skip), p + skip);
		value = strchr(word, '=');
		if (value) {
			*value++ = '\0';
			value += *value == '"';
		}
		len = strlen(value ?: word);
		if (len && (value ?: word)[len - 1] == '"')
			(value ?: word)[len - 1] = '\0';
		fn(arg, word, value);
	}
}

struct wanted {
	const char *key, *value;	/* the value NULL for any */
	bool in_list;			/* it may be one of several */
	char *found;
};

static bool lists(const char *list, const char *word)
{
	char *other, *save;

	for (other = strtok_r(text("%s", list), ",", &save); other;
	     other = strtok_r(NULL, ",", &save))
		if (!strcmp(other, word))
			return true;
	return false;
}

static void take_value(void *arg, const char *key, const char *value)
{
	struct wanted *wanted = arg;

	if (!same_key(key, wanted->key))
		return;
	value = value ?: "";
	if (!wanted->value ||
	    (wanted->in_list ? lists(value, wanted->value) : !strcmp(value, wanted->value)))
		wanted->found = text("%s", value);
}

char *cmdline_value(const char *line, const char *key)
{
	struct wanted wanted = { .key = key };

	walk(line, take_value, &wanted);
	return wanted.found;
}

static bool has(const char *line, const char *key, const char *value)
{
	struct wanted wanted = { .key = key, .value = value ?: "" };

	walk(line, take_value, &wanted);
	return wanted.found;
}

/* The same, also if it is one of several values. */
static bool has_in_list(const char *line, const char *key, const char *value)
{
	struct wanted wanted = { .key = key, .value = value, .in_list = true };

	walk(line, take_value, &wanted);
	return wanted.found;
}

int cmdline_bool(const char *value)
{
	switch (tolower((unsigned char)value[0])) {
	case 'y':
	case 't':
	case '1':
		return 1;
	case 'n':
	case 'f':
	case '0':
		return 0;
	case 'o':
		if (tolower((unsigned char)value[1]) == 'n')
			return 1;
		if (tolower((unsigned char)value[1]) == 'f')
			return 0;
	}
	return -1;
}

/* This kernel's, without what the boot loader put there for itself. */
static char *reused(void)
{
	char *line = host_cmdline(), *out = must_alloc(strlen(line) + 1);

	for (const char *p = line, *end; *p; p = end) {
		if (isspace((unsigned char)*p)) {
			end = p + 1;
			continue;
		}
		end = word_end(p);
		if (!strncmp(p, "BOOT_IMAGE=", 11))
			continue;
		if (*out)
			strcat(out, " ");
		strncat(out, p, end - p);
	}
	return out;
}

char *cmdline_make(const struct cmdline_options *options)
{
	char *line, *init;

	if (options->append && !options->reuse)
		return text("%s", options->append);
	line = reused();
	if (!options->append)
		return line;
	/* What is behind "--" is for init. */
	init = strstr(line, " -- ");
	if (!init)
		return text("%s %s", line, options->append);
	return text("%.*s %s%s", (int)(init - line), line, options->append, init);
}

/* What switches it on */

static void check_switch(struct check *check, const char *key, bool by_default)
{
	const struct image *image = check->image;
	char *value = cmdline_value(check->cmdline, key);
	int on = value ? cmdline_bool(value) : -1;

	if (on == 1)
		find(check, YES, "%s is on in the next kernel", key);
	else if (on == 0)
		find(check, NO,
		     "%s=%s is on the next kernel's command line, so it takes nothing over; make it %s=on",
		     key, shown(value), key);
	else if (value)
		find(check, DOUBT,
		     "%s=%s on the next kernel's command line is neither on nor off; make it %s=on",
		     key, shown(value), key);
	else if (by_default)
		find(check, YES, "%s is on by default in the next kernel", key);
	else if (image && !image->table && !strcmp(key, "kho"))
		find(check, DOUBT,
		     "%s=on is missing on the next kernel's command line, and it cannot be told whether it is on by default there; add it",
		     key);
	else if (image && image->cmdline_built_in)
		find(check, DOUBT,
		     "%s=on is missing on the next kernel's command line, but may be built into its image; add it",
		     key);
	else
		find(check, NO,
		     "%s=on is missing on the next kernel's command line, so it takes nothing over; add it",
		     key);
}

/* Memory limits */

static uint64_t parse_size(const char *value, char **end)
{
	uint64_t size = strtoull(value, end, 0);
	const char *units = "KMGT", *unit;

	unit = **end ? strchr(units, toupper((unsigned char)**end)) : NULL;
	if (unit) {
		size <<= 10 * (unit - units + 1);
		(*end)++;
	}
	return size;
}

/* The end of memory, 0 if it is not to be seen. */
static uint64_t memory_end(void)
{
	char *iomem = host_read("/proc/iomem"), *line, *save;
	uint64_t end = 0, first, last;

	for (line = strtok_r(iomem ?: text("%s", ""), "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		if (strstr(line, ": System RAM") &&
		    sscanf(line, "%" SCNx64 "-%" SCNx64, &first, &last) == 2 && last > end)
			end = last + 1;
	return end > 1 ? end : 0;
}

static void check_memmap(struct check *check, const char *value)
{
	char *part, *save, *rest;

	for (part = strtok_r(text("%s", value), ",", &save); part;
	     part = strtok_r(NULL, ",", &save)) {
		uint64_t size = parse_size(part, &rest);

		/* Memory that is added. */
		if (rest != part && size && *rest == '@')
			continue;
		find(check, DOUBT,
		     "memmap=%s may take memory away that is preserved; drop it from the command line",
		     shown(part));
	}
}

/* What this kernel lives with takes nothing more away. */
static void check_memory(void *arg, const char *key, const char *value)
{
	struct check *check = arg;
	uint64_t end, size;
	char *rest;

	if (!value || (!same_key(key, "mem") && !same_key(key, "memmap")) ||
	    has(host_cmdline(), key, value))
		return;
	if (same_key(key, "memmap")) {
		check_memmap(check, value);
		return;
	}
	size = parse_size(value, &rest);
	if (rest == value || !size)
		return;
	end = memory_end();
	if (!end)
		find(check, DOUBT,
		     "mem=%s may leave memory out in the next kernel; drop it from the command line",
		     shown(value));
	else if (size < end)
		find(check, NO,
		     "mem=%s leaves memory out in the next kernel, and what is preserved there is lost; drop it from the command line",
		     shown(value));
}

/* Options that reach devices, or translate their DMA, in another way than this kernel does */

struct devices {
	struct check *check;
	enum level level;
	const char *other;	/* the command line to compare with */
};

static void not_reached(const struct devices *devices, const char *key, const char *value)
{
	find(devices->check, devices->level,
	     "with %s=%s the next kernel does not reach preserved PCI devices as this one does, and they are lost; drop it from the command line",
	     key, value);
}

static void check_acpi(void *arg, const char *key, const char *value)
{
	struct devices *devices = arg;

	if (value && same_key(key, "acpi") && !strcmp(value, "off") &&
	    !has(devices->other, key, value))
		not_reached(devices, key, value);
}

static void check_pci(void *arg, const char *key, const char *value)
{
	static const char * const bad[] = {
		"off", "conf1", "conf2", "nommconf", "noacpi",
	};
	struct devices *devices = arg;

	if (!value || !same_key(key, "pci"))
		return;
	/* What this kernel lives with as well does no harm. */
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (lists(value, bad[i]) && !has_in_list(devices->other, key, bad[i]))
			not_reached(devices, key, bad[i]);
}

static void check_iommu(void *arg, const char *key, const char *value)
{
	static const char * const keys[] = {
		"iommu", "intel_iommu", "amd_iommu", "iommu.passthrough",
	};
	struct devices *devices = arg;

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (same_key(key, keys[i]) && !has(devices->other, key, value))
			find(devices->check, devices->level,
			     "%s=%s is on one of the two command lines only, and preserved devices do not survive that; make them the same",
			     keys[i], shown(value ?: ""));
}

void check_cmdline(struct check *check, enum level devices)
{
	const struct image *image = check->image;
	const char *own = host_cmdline();
	struct devices env = { .check = check, .level = devices, .other = own };

	check_switch(check, "kho", image && image->kho_on);
	check_switch(check, "liveupdate", image && image->liveupdate_on);
	walk(check->cmdline, check_memory, check);
	walk(check->cmdline, check_acpi, &env);
	walk(check->cmdline, check_pci, &env);
	walk(check->cmdline, check_iommu, &env);
	env.other = check->cmdline;
	walk(own, check_iommu, &env);
	if (image && image->max_cmdline && strlen(check->cmdline) > image->max_cmdline)
		find(check, NO,
		     "the command line has %zu bytes, and the next kernel takes %u; shorten it",
		     strlen(check->cmdline), image->max_cmdline);
}
