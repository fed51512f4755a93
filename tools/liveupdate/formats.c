// SPDX-License-Identifier: GPL-2.0-only
/*
 * luctl: lists of data formats, and luctl formats.
 *
 * The running kernel lists its own in sysfs, one on a line: kind, name, "r", "w" or "rw",
 * the required and the optional feature bits.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "luctl.h"

#define SYSFS_FORMATS	"/sys/kernel/liveupdate/formats"

/* What kernels of the series had before they could tell. */
static const struct format assumed[] = {
	{ KIND_KHO, "kho-v4", true, true, false, 0, 0 },
	{ KIND_SUBTREE, "luo-v5", true, true, false, 0, 0 },
};

static const char * const kinds[] = {
	[KIND_KHO] = "kho", [KIND_SUBTREE] = "subtree", [KIND_FILE] = "file",
	[KIND_OBJECT] = "object", [KIND_DEVICE] = "device",
};

const char *kind_name(enum format_kind kind)
{
	return kind && kind < ARRAY_LEN(kinds) ? kinds[kind] : "other";
}

void formats_add(struct formats *formats, const struct format *format)
{
	/* Room doubles at powers of two. */
	if (!(formats->nr & (formats->nr - 1)))
		formats->list = must_grow(formats->list, 2 * (formats->nr ?: 1) *
					  sizeof(formats->list[0]));
	formats->list[formats->nr++] = *format;
}

bool formats_parse(const char *lines, struct formats *formats)
{
	const char *p = lines;

	while (*p) {
		char kind[16], name[LIVEUPDATE_FILE_FORMAT_LENGTH], access[4];
		struct format format = { 0 };
		int len = 0;

		if (sscanf(p, "%15s %47s %3[rw] %" SCNi64 " %" SCNi64 "%n", kind, name, access,
			   (int64_t *)&format.required, (int64_t *)&format.optional, &len) != 5 ||
		    p[len] != '\n')
			return false;
		for (size_t i = 1; i < ARRAY_LEN(kinds); i++)
			if (!strcmp(kind, kinds[i]))
				format.kind = i;
		format.name = text("%s", name);
		format.reads = strchr(access, 'r');
		format.writes = strchr(access, 'w');
		formats_add(formats, &format);
		p += len + 1;
	}
	return true;
}

static void add_handlers(struct formats *formats)
{
	char *handlers = host_read("/sys/kernel/liveupdate/handlers"), *name, *save;

	for (name = strtok_r(handlers ?: text("%s", ""), "\n", &save); name;
	     name = strtok_r(NULL, "\n", &save)) {
		struct format format = {
			.kind = KIND_FILE, .name = name, .reads = true, .writes = true,
			.module = formats->complete,
		};
		bool there = false;

		for (size_t i = 0; i < formats->nr; i++)
			there |= formats->list[i].kind == KIND_FILE &&
				 !strcmp(formats->list[i].name, name);
		if (!there)
			formats_add(formats, &format);
	}
}

const struct formats *formats_of_host(void)
{
	static struct formats formats;
	static bool known;
	char *lines;

	if (known)
		return &formats;
	known = true;
	lines = host_read(SYSFS_FORMATS);
	if (lines && formats_parse(lines, &formats)) {
		formats.complete = true;
	} else {
		if (lines)
			warn("%s is not understood; use the luctl that came with this kernel",
			     SYSFS_FORMATS);
		formats.nr = 0;
		for (size_t i = 0; i < ARRAY_LEN(assumed); i++)
			formats_add(&formats, &assumed[i]);
	}
	/* Those of modules are not in the table. */
	add_handlers(&formats);
	return &formats;
}

/* Much else in a kernel is called something-v1. */
static bool is_ours(const char *name)
{
	static const char * const families[] = {
		"kho-v", "luo-v", "luo-timeline-v", "memfd-v", "memblock-v", "reserve-mem-v",
		"pci-state-v", "pci-lu-stub-v", "pci-lu-stub-file-v", "vfio-pci-v", "iommufd-v",
	};

	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		if (!strncmp(name, families[i], strlen(families[i])))
			return true;
	return false;
}

static void keep_ours(struct formats *formats)
{
	size_t kept = 0;

	for (size_t i = 0; i < formats->nr; i++)
		if (is_ours(formats->list[i].name))
			formats->list[kept++] = formats->list[i];
	formats->nr = kept;
}

static void print(const struct formats *formats, bool traces)
{
	int width = 24;

	for (size_t i = 0; i < formats->nr; i++)
		if ((int)strlen(formats->list[i].name) > width)
			width = strlen(formats->list[i].name);
	printf("%s%-8s  %-*s  %s%s\n", colour(BOLD), "KIND", width, "FORMAT",
	       traces ? "" : "ACCESS", colour(PLAIN));
	for (size_t i = 0; i < formats->nr; i++) {
		const struct format *format = &formats->list[i];

		printf("%-8s  %-*s  ", traces ? "?" : kind_name(format->kind), width, format->name);
		if (!traces)
			printf("%s%s", format->reads ? "reads " : "",
			       format->writes ? "writes" : "");
		if (format->required | format->optional)
			printf("  features: required %#jx, optional %#jx",
			       (uintmax_t)format->required, (uintmax_t)format->optional);
		putchar('\n');
	}
}

static void print_json(const struct formats *formats, bool traces)
{
	json_array("formats");
	for (size_t i = 0; i < formats->nr; i++) {
		const struct format *format = &formats->list[i];

		json_object(NULL);
		json_string("kind", traces ? NULL : kind_name(format->kind));
		json_string("name", format->name);
		if (traces) {
			json_null("reads");
			json_null("writes");
		} else {
			json_bool("reads", format->reads);
			json_bool("writes", format->writes);
		}
		json_number("required", format->required);
		json_number("optional", format->optional);
		json_close();
	}
	json_close();
}

int cmd_formats(int argc, char **argv)
{
	const struct formats *formats;
	struct image *image = NULL;

	if (argc > 2 || (argc == 2 && argv[1][0] == '-'))
		return ST_USAGE;
	if (argc == 2)
		image = image_open(argv[1]);
	if (image && !image->table)
		keep_ours(&image->formats);
	if (!image && !host_read(SYSFS_FORMATS))
		host_must_be_on();
	formats = image ? &image->formats : formats_of_host();
	json_begin("formats");
	json_string("image", image ? image->path : NULL);
	json_bool("table", formats->complete);
	json_string("unread", image ? image->unread : NULL);
	print_json(formats, image && !image->table);
	json_end();
	if (opt_json)
		return image && image->unread ? ST_UNKNOWN : ST_OK;
	if (image && !image->table) {
		if (image->unread)
			die(ST_UNKNOWN,
			    "%s: it has no table of formats, and cannot be looked into: %s; see luctl(8) for what can be opened",
			    shown(image->path), image->unread);
		if (!formats->nr) {
			printf("%s: no table and no name of a format: it has no live update\n",
			       shown(image->path));
			return ST_OK;
		}
		printf("%s: no table of formats; these names are in it\n", shown(image->path));
	}
	print(formats, image && !image->table);
	return ST_OK;
}
