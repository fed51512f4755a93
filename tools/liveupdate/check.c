// SPDX-License-Identifier: GPL-2.0-only
/*
 * luctl: the pre-flight: what would survive an update into an image.
 *
 * A check changes nothing. It collects findings, each of a level: YES it survives, NOTE
 * it is good to know, DOUBT it cannot be told, NO something would be lost. The worst one is
 * the verdict.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "luctl.h"

void find(struct check *check, enum level level, const char *fmt, ...)
{
	struct finding *finding;
	va_list args;
	char *out;

	va_start(args, fmt);
	if (vasprintf(&out, fmt, args) < 0)
		abort();
	va_end(args);
	check->findings = must_grow(check->findings,
				    (check->nr + 1) * sizeof(check->findings[0]));
	finding = &check->findings[check->nr++];
	finding->level = level;
	finding->text = out;
}

enum level check_level(const struct check *check)
{
	enum level worst = YES;

	for (size_t i = 0; i < check->nr; i++)
		if (check->findings[i].level > worst)
			worst = check->findings[i].level;
	return worst;
}

enum status check_status(const struct check *check)
{
	static const enum status statuses[] = {
		[YES] = ST_OK, [NOTE] = ST_OK, [DOUBT] = ST_UNKNOWN, [NO] = ST_LOST,
	};

	return statuses[check_level(check)];
}

/* Formats */

static const char *instead(const struct check *check, const char *name)
{
	const char *other = image_relative(check->image, name);

	return other ? text(", only %s", shown(other)) : "";
}

/* The kernel lets nothing pass that is not certain. */
static bool refuses_unknown(void)
{
	char *word = host_read("/sys/module/liveupdate/parameters/unknown");

	return word && !strncmp(word, "refuse", 6);
}

bool check_refuses_unknown(const struct check *check)
{
	return refuses_unknown() && (check->sessions || check->unlisted);
}

static bool is_of_module(enum format_kind kind, const char *name)
{
	const struct formats *formats = formats_of_host();

	for (size_t i = 0; i < formats->nr; i++)
		if (formats->list[i].kind == kind && !strcmp(formats->list[i].name, name))
			return formats->list[i].module;
	/* Of modules, only the formats of files are listed. */
	return kind != KIND_FILE && formats->complete;
}

/* True if it is read; else @what is said to be lost. */
static bool check_format(struct check *check, enum format_kind kind, const char *name,
			 uint64_t required, const char *what)
{
	const struct format lost = { .kind = kind, .name = name };
	enum image_reads reads;

	reads = check->image ? image_reads(check->image, kind, name, required) : READS;
	if (reads == READS)
		return true;
	formats_add(&check->lost, &lost);
	switch (reads) {
	case READS_UNKNOWN:
		find(check, DOUBT,
		     "%s: it cannot be told whether the image reads the format %s: %s; give one with a table, or packed with gzip, xz or zstd",
		     what, shown(name), check->image->unread);
		return false;
	case READS_NOT_FEATURES:
		find(check, NO,
		     "%s is lost: the image reads the format %s, but not all features %s that are in use; give a newer image",
		     what, shown(name), text("%#" PRIx64, required));
		return false;
	default:
		if (check->image->table && is_of_module(kind, name) && refuses_unknown()) {
			find(check, NO,
			     "%s is refused: the image reads the format %s with a module, or not at all, and liveupdate.unknown=refuse is set; set it to warn, if the image has the module",
			     what, shown(name));
			return false;
		}
		if (check->image->table && is_of_module(kind, name)) {
			find(check, DOUBT,
			     "%s may be lost: the image reads the format %s with a module, or not at all; make sure that it has the module",
			     what, shown(name));
			return false;
		}
		find(check, NO,
		     "%s is lost: the image does not read the format %s%s; give an image that does",
		     what, shown(name), instead(check, name));
		return false;
	}
}

/* The ones that everything depends on. False if all is lost anyway. */
static bool check_foundations(struct check *check)
{
	const struct formats *formats = formats_of_host();
	const struct image *image = check->image;
	bool any = image->table, good = true;

	for (size_t i = 0; i < image->formats.nr; i++)
		any |= !strncmp(image->formats.list[i].name, "kho-v", 5);
	if (!any && !image->unread) {
		find(check, NO,
		     "the image has no live update: everything that is preserved is lost; give an image with CONFIG_LIVEUPDATE");
		return false;
	}
	for (size_t i = 0; i < formats->nr; i++) {
		const struct format *format = &formats->list[i];

		if (!format->writes)
			continue;
		if (format->kind == KIND_KHO)
			good &= check_format(check, KIND_KHO, format->name, format->required,
					     "all that is preserved");
		if (format->kind == KIND_SUBTREE && !strncmp(format->name, "luo-v", 5))
			good &= check_format(check, KIND_SUBTREE, format->name, format->required,
					     "each session");
	}
	if (good)
		find(check, YES, "the handover itself is read");
	return good;
}

static bool same_needs(const struct file *a, const struct file *b)
{
	return !strcmp(a->format, b->format) && a->required == b->required &&
	       !strcmp(a->device_format, b->device_format);
}

/* Sessions, file by file; what a file needs is told once for each session. */
static void check_session(struct check *check, int dev, const struct session *session,
			  bool *devices)
{
	const char *name = shown(session->name);
	struct files files;
	bool good = true;

	if (!device_files(dev, LIVEUPDATE_OUTGOING, session->name, &files))
		return;
	check->sessions++;
	check->files += files.nr;
	for (size_t i = 0; i < files.nr; i++) {
		const struct file *file = &files.list[i];
		uint64_t alike = 0;
		bool again = false;
		const char *what;

		*devices |= *file->device_format || !strncmp(file->format, "pci", 3) ||
			    !strncmp(file->format, "vfio", 4);
		for (size_t j = 0; j < files.nr && !again; j++) {
			if (!same_needs(&files.list[j], file))
				continue;
			again = j < i;
			alike++;
		}
		if (again)
			continue;
		what = text("%s (first: token %ju)", count_of(alike, "file"),
			    (uintmax_t)file->token);
		good &= check_format(check, KIND_FILE, file->format, file->required,
				     text("session %s: %s", name, what));
		if (*file->device_format)
			good &= check_format(check, KIND_DEVICE, file->device_format, 0,
					     text("session %s: the device of %s", name, what));
	}
	if (good)
		find(check, YES, "session %s: %s", name, count_of(files.nr, "file"));
}

static void check_incoming(struct check *check, const struct sessions *sessions)
{
	for (size_t i = 0; i < sessions->nr; i++)
		if (!(sessions->list[i].flags & LIVEUPDATE_SESSION_INFO_FINISHED))
			find(check, NO,
			     "session %s of the previous kernel is lost: it was not finished, and is not handed on; have it retrieved and preserved again, or discard it",
			     shown(sessions->list[i].name));
}

/* Returns what it would be if devices were stopped: NO, DOUBT or NOTE. */
static enum level check_sessions(struct check *check)
{
	struct sessions outgoing, incoming;
	bool devices = false;
	int dev;

	check->unlisted = true;
	dev = device_try(O_RDONLY);
	if (dev < 0) {
		int pid = dev == -EBUSY ? device_holder() : 0;

		if (pid)
			find(check, DOUBT,
			     "what is preserved cannot be listed: process %d (%s) has /dev/liveupdate open; end it, or ask it",
			     pid, process_name(pid));
		else
			find(check, DOUBT,
			     "what is preserved cannot be listed: /dev/liveupdate: %s; run luctl as root, and see luctl status",
			     strerror(-dev));
		return DOUBT;
	}
	if (!device_sessions(dev, LIVEUPDATE_OUTGOING, &outgoing) ||
	    !device_sessions(dev, LIVEUPDATE_INCOMING, &incoming)) {
		find(check, DOUBT,
		     "what is preserved cannot be listed: this kernel has no lists; ask the programs that preserve");
		close(dev);
		return DOUBT;
	}
	check->unlisted = false;
	for (size_t i = 0; i < outgoing.nr; i++)
		check_session(check, dev, &outgoing.list[i], &devices);
	check_incoming(check, &incoming);
	close(dev);
	if (!outgoing.nr)
		find(check, NOTE,
		     "nothing is preserved now; luctl list shows when there is something");
	return devices ? NO : NOTE;
}

static bool is_said(const struct check *check, const struct format *format)
{
	for (size_t i = 0; i < check->lost.nr; i++)
		if (check->lost.list[i].kind == format->kind &&
		    !strcmp(check->lost.list[i].name, format->name))
			return true;
	return false;
}

/* Subtrees that are written in any case, and whose loss is none. */
static bool is_by_the_way(const struct format *format)
{
	return format->kind == KIND_SUBTREE && (!strncmp(format->name, "luo-timeline-v", 14) ||
						!strncmp(format->name, "kexec-metadata-v", 16));
}

/* Which files depend on an object is not listed. */
static void check_object(struct check *check, const struct format *format, enum level devices)
{
	if (!strncmp(format->name, "pci-", 4))
		find(check, devices,
		     "the image does not read the format %s, and preserved PCI devices are lost without; give an image that does",
		     shown(format->name));
	else
		find(check, check->files ? DOUBT : NOTE,
		     "the image does not read objects of the format %s, and files that depend on one are lost; give an image that does, or do not preserve such files",
		     shown(format->name));
}

/* Which features are in use is not listed, but for files. */
static void check_features(struct check *check, const struct format *format, enum level devices)
{
	bool object = format->kind == KIND_OBJECT && (check->files || devices != NOTE);

	find(check, object ? DOUBT : NOTE,
	     "the image reads the format %s, but not all features %s that this kernel can make use of; give a newer image, or do not preserve what needs them",
	     shown(format->name), text("%#" PRIx64, format->required));
}

/* What could be preserved by the time of the update, but would not survive. */
static void check_others(struct check *check, enum level devices)
{
	const struct formats *formats = formats_of_host();
	const struct image *image = check->image;
	bool reserve = cmdline_value(host_cmdline(), "reserve_mem");

	for (size_t i = 0; i < formats->nr; i++) {
		const struct format *format = &formats->list[i];
		bool memory = strstr(format->name,
				     "memblock-v") || strstr(format->name, "reserve-mem-v");
		enum image_reads reads;

		if (!format->writes || format->kind == KIND_KHO ||
		    !strncmp(format->name, "luo-v", 5) || is_by_the_way(format) ||
		    is_said(check, format))
			continue;
		reads = image_reads(image, format->kind, format->name, format->required);
		if (reads == READS)
			continue;
		if (reads == READS_NOT_FEATURES)
			check_features(check, format, devices);
		else if (format->kind == KIND_SUBTREE && memory && reserve)
			find(check, NO,
			     "the memory of reserve_mem= is lost: the image does not read the format %s; give an image that does",
			     shown(format->name));
		else if (format->kind == KIND_OBJECT)
			check_object(check, format, devices);
		else
			find(check, NOTE,
			     "the image does not read the format %s; do not preserve any of it",
			     shown(format->name));
	}
}

static void check_host(struct check *check)
{
	const struct host *host = host_get();
	char *disabled;

	if (host->remedy)
		find(check, NO,
		     "nothing survives, as live update is not on here: %s; %s", host->reason,
		     host->remedy);
	disabled = host_read("/proc/sys/kernel/kexec_load_disabled");
	if (disabled && *disabled == '1')
		find(check, NO,
		     "no kernel can be loaded any more: kernel.kexec_load_disabled is 1; it stays so until the next reboot");
}

static void check_initrd(struct check *check)
{
	struct stat st;

	if (!check->initrd)
		return;
	if (stat(check->initrd, &st) || access(check->initrd, R_OK))
		die(errno == EACCES ? ST_PERMISSION : ST_IMAGE,
		    "%s: the initrd cannot be read: %m; give the path of one that can",
		    shown(check->initrd));
	if (!S_ISREG(st.st_mode) || !st.st_size)
		die(ST_IMAGE, "%s: is no initrd, but empty or no regular file; give another one",
		    shown(check->initrd));
}

void check_all(struct check *check)
{
	bool on = !host_get()->remedy;
	enum level devices = NOTE;

	check_host(check);
	if (check->image && check->image->unread)
		find(check, DOUBT,
		     "the image has no table of formats and cannot be looked into: %s; give one with a table, or packed with gzip, xz or zstd",
		     check->image->unread);
	else if (check->image && !check->image->table)
		find(check, NOTE,
		     "the image has no table of formats; it is judged by the names in it, which is less certain");
	if ((!check->image || check_foundations(check)) && on)
		devices = check_sessions(check);
	if (check->image && !check->image->table && check_refuses_unknown(check))
		find(check, NO,
		     "the kernel refuses an image without a table of formats while there are sessions, as liveupdate.unknown=refuse is set; set it to warn, or give an image with a table");
	if (check->image && !check->image->unread && on)
		check_others(check, devices);
	if (check->cmdline)
		check_cmdline(check, devices);
	check_initrd(check);
}

/* Its result */

static const char * const level_names[] = {
	[YES] = "yes", [NOTE] = "note", [DOUBT] = "unknown", [NO] = "no",
};

static const char *verdict(const struct check *check)
{
	static const char * const verdicts[] = {
		[YES] = "everything survives", [NOTE] = "everything survives",
		[DOUBT] = "it cannot be told whether everything survives",
		[NO] = "something would be lost",
	};

	return verdicts[check_level(check)];
}

void check_print(const struct check *check)
{
	static const enum colour colours[] = {
		[YES] = GREEN, [NOTE] = BOLD, [DOUBT] = YELLOW, [NO] = RED,
	};

	if (check->image)
		printf("%s: Linux %s for %s, with%s a table of formats\n",
		       shown(check->image->path), check->image->version, check->image->arch,
		       check->image->table ? "" : "out");
	for (size_t i = 0; i < check->nr; i++) {
		const struct finding *finding = &check->findings[i];

		if (opt_quiet && finding->level == YES)
			continue;
		printf("  %s%-7s%s  %s\n", colour(colours[finding->level]),
		       level_names[finding->level], colour(PLAIN), finding->text);
	}
	printf("%s%s%s\n", colour(colours[check_level(check)]), verdict(check), colour(PLAIN));
}

void check_json(const struct check *check)
{
	json_string("verdict", level_names[check_level(check) == NOTE ? YES : check_level(check)]);
	json_object("image");
	if (check->image) {
		json_string("path", check->image->path);
		json_string("version", check->image->version);
		json_string("arch", check->image->arch);
		json_bool("table", check->image->table);
	}
	json_close();
	json_string("initrd", check->initrd);
	json_string("command_line", check->cmdline);
	json_number("sessions", check->sessions);
	json_number("files", check->files);
	json_array("findings");
	for (size_t i = 0; i < check->nr; i++) {
		json_object(NULL);
		json_string("level", level_names[check->findings[i].level]);
		json_string("text", check->findings[i].text);
		json_close();
	}
	json_close();
}

int cmd_check(int argc, char **argv)
{
	static const struct option options[] = {
		{ "initrd", required_argument, NULL, 'i' },
		{ "append", required_argument, NULL, 'a' },
		{ "command-line", required_argument, NULL, 'a' },
		{ "reuse-cmdline", no_argument, NULL, 'r' },
		{ }
	};
	struct cmdline_options cmdline = { 0 };
	struct check check = { 0 };
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'i')
			check.initrd = optarg;
		else if (opt == 'a')
			cmdline.append = optarg;
		else if (opt == 'r')
			cmdline.reuse = true;
		else
			return ST_USAGE;
	}
	if (argc - optind > 1)
		return ST_USAGE;
	if (optind < argc) {
		check.image = image_open(argv[optind]);
		check.cmdline = cmdline_make(&cmdline);
		check_all(&check);
	} else if (check.initrd || cmdline.append || cmdline.reuse) {
		return ST_USAGE;
	} else if (!host_get()->image_loaded) {
		die(ST_NONE, "check: no image is loaded; use luctl check IMAGE, or luctl load");
	} else {
		loaded_check(&check);
	}
	json_begin("check");
	check_json(&check);
	json_end();
	if (!opt_json)
		check_print(&check);
	return check_status(&check);
}
