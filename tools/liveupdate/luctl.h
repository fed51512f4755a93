/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * luctl: what its parts share. Each command is a function cmd_NAME(argc, argv) that
 * returns an exit status; each other part is one noun, in a file of that name.
 *
 * Whoever cannot go on calls die(), which does not return. Memory lives as long as the
 * process does: it is short. Nothing is freed but what may be large.
 */
#ifndef LUCTL_H
#define LUCTL_H

#include <linux/liveupdate.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define ARRAY_LEN(a)	(sizeof(a) / sizeof((a)[0]))

#define printf_like(fmt, args)	__attribute__((format(printf, fmt, args)))

/* Exit statuses, as luctl.8 lists them. */
enum status {
	ST_OK = 0,
	ST_FAILED = 1,		/* for none of the other reasons */
	ST_USAGE = 2,
	ST_OFF = 3,		/* live update is not on */
	ST_LOST = 4,		/* something would not survive */
	ST_IMAGE = 5,		/* the image or the initrd is no good */
	ST_NONE = 6,		/* there is no such thing */
	ST_BUSY = 7,		/* somebody else has it */
	ST_PERMISSION = 8,
	ST_UNKNOWN = 9,		/* it cannot be told whether all survives */
};

/* message.c: what goes to the user; results to stdout, all else to stderr */

extern bool opt_json, opt_colour, opt_quiet;
extern const char *opt_root;

void __attribute__((noreturn)) printf_like(2, 3) die(enum status status, const char *fmt, ...);
void printf_like(1, 2) warn(const char *fmt, ...);
void __attribute__((noreturn)) usage(const char *text);
char *printf_like(1, 2) text(const char *fmt, ...);
/* "1 file", "2 files" */
char *count_of(uint64_t number, const char *noun);
/* Bytes as they may be shown: what is not printable as an escape. */
char *shown(const char *bytes);
void *must_alloc(size_t size);
void *must_grow(void *old, size_t size);
/* One line of progress on a terminal, NULL takes it away. */
void progress(const char *what);

/* How something is marked on a terminal, "" elsewhere. */
enum colour { PLAIN, BOLD, GREEN, YELLOW, RED };

const char *colour(enum colour colour);

/* json.c: one document on stdout, once it is complete */

void json_begin(const char *command);
void json_end(void);
void json_object(const char *key);
void json_array(const char *key);
void json_close(void);
void json_string(const char *key, const char *value);
void json_number(const char *key, uint64_t value);
void json_signed(const char *key, int64_t value);
void json_bool(const char *key, bool value);
void json_null(const char *key);
void json_error(enum status status, const char *message);

/* host.c: the running kernel, without /dev/liveupdate */

enum host_state {
	HOST_NO_SYSFS,
	HOST_NONE,		/* not in this kernel */
	HOST_MAINLINE,		/* there is a device, but no sysfs */
	HOST_OFF,
	HOST_ERROR,
	HOST_ON,
};

struct host {
	enum host_state state;
	const char *reason;	/* the kernel's word for it, may be empty */
	const char *remedy;	/* what to do, NULL if it is on */
	const char *release;
	uint64_t number;
	bool image_loaded;
};

char *host_path(const char *path);
/* A whole small file; NULL, and errno, if it cannot be read. */
char *host_read(const char *path);
const struct host *host_get(void);
const char *host_state_name(enum host_state state);
/* Ends the program unless live update is on. */
void host_must_be_on(void);
char *host_cmdline(void);
/* The kernel's log from now on; prints what it says of an update. */
int host_log_begin(void);
void host_log_show(int log);

/* formats.c: which data formats somebody reads and writes */

enum format_kind { KIND_KHO = 1, KIND_SUBTREE, KIND_FILE, KIND_OBJECT, KIND_DEVICE };

struct format {
	enum format_kind kind;
	const char *name;
	bool reads, writes;
	bool module;		/* it belongs to a module: no table has it */
	uint64_t required, optional;
};

struct formats {
	struct format *list;
	size_t nr;
	bool complete;		/* from a table, not from traces of it */
};

const char *kind_name(enum format_kind kind);
void formats_add(struct formats *formats, const struct format *format);
/* What the running kernel says. */
const struct formats *formats_of_host(void);
bool formats_parse(const char *lines, struct formats *formats);

/* image.c: a kernel image */

struct image {
	const char *path;
	const uint8_t *data;
	size_t size;
	const char *arch;	/* as in uname */
	const char *version;
	uint32_t max_cmdline;	/* 0 if it does not say so */
	bool table;
	bool kho_on, liveupdate_on, cmdline_built_in;
	struct formats formats;
	/* For an image without a table. */
	const uint8_t *payload;
	size_t payload_size;
	const char *packing;	/* what it is packed with */
	const char *unread;	/* why it could not be looked into, or NULL */
};

enum image_reads { READS, READS_NOT, READS_NOT_FEATURES, READS_UNKNOWN };

struct image *image_open(const char *path);
/* The pure part: what keeps it from being a kernel of this machine, NULL if nothing. */
const char *image_parse(struct image *image, const char *machine);
enum image_reads image_reads(const struct image *image, enum format_kind kind, const char *name,
			     uint64_t required);
/* A format of the same family as @name that it has, such as memfd-v1 for memfd-v2. */
const char *image_relative(const struct image *image, const char *name);

/* table.c: the table in an image, with the kernel's own parser */

enum table_found { TABLE_FOUND, TABLE_NONE, TABLE_UNSOUND };

enum table_found table_find(struct image *image, const char **why);

/* unpack.c: what is packed in an image, piece by piece */

typedef void (*unpack_sink)(void *arg, const uint8_t *data, size_t size);

const char *unpack_name(const uint8_t *data, size_t size);
/* Returns NULL, or why it cannot be unpacked. */
const char *unpack(const uint8_t *data, size_t size, unpack_sink sink, void *arg);
/* The same, for whoever was given the pieces and has had too many names in them. */
const char *unpack_verdict(bool too_many);

/* device.c: /dev/liveupdate */

struct session {
	char name[LIVEUPDATE_SESSION_NAME_LENGTH];
	uint64_t files;
	uint32_t flags;
};

struct file {
	uint64_t token;
	char format[LIVEUPDATE_FILE_FORMAT_LENGTH];
	int status;
	uint32_t flags;
	uint64_t required;
	char device_format[LIVEUPDATE_FILE_FORMAT_LENGTH];
};

#define NR_DIRECTIONS	2

struct sessions {
	struct session *list;
	size_t nr;
};

struct files {
	struct file *list;
	size_t nr;
};

/*
 * The descriptor, or a negative errno; waits a while if somebody else has it. For O_RDONLY
 * the kernel does not take it for the client that an update waits for.
 */
int device_try(int mode);
int device_open(int mode);
/* False if this kernel has no lists. */
bool device_sessions(int dev, unsigned int direction, struct sessions *sessions);
bool device_files(int dev, unsigned int direction, const char *name, struct files *files);
/* A descriptor, or a negative errno. */
int device_create(int dev, const char *name);
int device_retrieve(int dev, const char *name);
void session_name(char *field, const char *name);
const char *direction_name(unsigned int direction);
/* Who has a descriptor of the device, or of the session; 0 if nobody is seen to. */
int device_holder(void);
int session_holder(unsigned int direction, const char *name);
const char *process_name(int pid);

/* cmdline.c: the command line of the next kernel */

struct cmdline_options {
	const char *append;
	bool reuse;
};

char *cmdline_make(const struct cmdline_options *options);
/* The value of the last @key= in it, "" for the word alone, NULL if it is not there. */
char *cmdline_value(const char *line, const char *key);
/* -1 for neither */
int cmdline_bool(const char *value);

/* check.c: the pre-flight */

enum level { YES, NOTE, DOUBT, NO };

struct finding {
	enum level level;
	const char *text;
};

struct check {
	struct image *image;	/* NULL if there is none to look into */
	const char *initrd;
	const char *cmdline;	/* NULL if it is not known */
	struct finding *findings;
	size_t nr;
	bool unlisted;		/* what is preserved cannot be told */
	uint64_t sessions, files;
	struct formats lost;	/* of what is preserved; it is said already */
};

/* @devices: the level of an option that stops devices. */
void check_cmdline(struct check *check, enum level devices);
void check_all(struct check *check);
/* What cannot be told is as bad as what is lost: liveupdate.unknown=refuse. */
bool check_refuses_unknown(const struct check *check);
enum level check_level(const struct check *check);
enum status check_status(const struct check *check);
void check_print(const struct check *check);
void check_json(const struct check *check);
/* A line of it; its first word is the level's name. */
void printf_like(3, 4) find(struct check *check, enum level level, const char *fmt, ...);

/* loaded.c: what luctl load has loaded, in /run, for luctl run and status */

struct loaded {
	const char *image, *initrd, *cmdline;
	bool changed;		/* the file is another one by now */
};

const struct loaded *loaded_get(void);
void loaded_set(const char *image, const char *initrd, const char *cmdline);
void loaded_forget(void);
/* A check of what is loaded, whether anything is known of it or not. */
void loaded_check(struct check *check);

int cmd_status(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_load(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_hold(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_discard(int argc, char **argv);
int cmd_timeline(int argc, char **argv);
int cmd_formats(int argc, char **argv);

#endif /* LUCTL_H */
