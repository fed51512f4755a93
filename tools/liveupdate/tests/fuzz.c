// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzzer of what in luctl reads what others wrote: images with and without a table, the
 * table itself, packed kernels, and the kernel's text files.
 *
 * Deterministic: iteration i of a target is always the same. It begins with something
 * that is sound, made here, and damages it. A failure is a sanitizer's report, a crash,
 * ten seconds without progress, or an outcome that is never seen in the run.
 *
 *	fuzz [ITERATIONS [FIRST [TARGET]]]
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef HAVE_ZLIB
#include <zlib.h>
#endif
#ifdef HAVE_LZMA
#include <lzma.h>
#endif
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

#include "luctl.h"

#define SETUP_SIZE	1024
#define CODE_SIZE	2048
#define INFO_AT		64
#define HANG_SECONDS	10

static const char *target_name = "none";
static unsigned long iteration;
static uint64_t rng_state;

static uint64_t rng(void)
{
	uint64_t z = rng_state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint64_t below(uint64_t n)
{
	return rng() % n;
}

static uint64_t interesting(void)
{
	switch (below(5)) {
	case 0:
		return below(100);
	case 1:
		return -1 - below(20);
	case 2:
		return (1ULL << below(64)) - below(3) + 1;
	case 3:
		return below(8192);
	default:
		return rng() >> below(64);
	}
}

static void say_where(void)
{
	char line[128];
	int len = snprintf(line, sizeof(line), "# again: fuzz 1 %lu %s\n", iteration, target_name);

	if (write(STDOUT_FILENO, line, len) != len)
		_exit(2);
}

static void on_signal(int sig)
{
	(void)sig;
	say_where();
	_exit(1);
}

static void put(uint8_t *p, uint64_t value, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++)
		p[i] = value >> 8 * i;
}

/* Damage: numbers where there are some, bytes anywhere, another length. */
static void damage(uint8_t *data, size_t *size, const uint16_t *fields, size_t nr_fields)
{
	for (unsigned int n = below(4); n; n--) {
		switch (below(4)) {
		case 0:
		case 1:
			if (nr_fields) {
				size_t at = fields[below(nr_fields)];

				if (at + 4 <= *size)
					put(data + at, interesting(), 1 << below(3));
			}
			break;
		case 2:
			if (*size)
				data[below(*size)] = below(4) ? rng() : 0;
			break;
		default:
			if (!below(4))
				*size = below(*size + 1);
		}
	}
}

/* Images */

static size_t make_table(uint8_t *data)
{
	static const char * const names[] = { "kho-v4", "luo-v5", "memfd-v2", "pci-state-v1" };
	unsigned int nr = below(5), head = 32 + 8 * below(3), entry = 72 + 8 * below(3);

	memset(data, 0, head + 4 * entry);
	memcpy(data, "LiveUpdateTable", 16);
	put(data + 16, head + nr * entry, 4);
	put(data + 20, head, 4);
	put(data + 24, entry, 4);
	put(data + 28, below(8), 4);
	for (unsigned int i = 0; i < nr && i < ARRAY_LEN(names); i++) {
		uint8_t *p = data + head + i * entry;

		strcpy((char *)p, names[i]);
		put(p + 48, 1 + i, 4);
		put(p + 52, below(4), 4);
		put(p + 56, interesting(), 8);
	}
	return head + nr * entry;
}

static size_t pack(uint8_t *out, size_t room, const uint8_t *data, size_t size)
{
	static const uint8_t zstd[] = { 0x28, 0xb5, 0x2f, 0xfd };
	size_t len = room < size ? room : size;

	switch (below(6)) {
#ifdef HAVE_ZLIB
	case 0: {
		z_stream stream = { .next_in = (uint8_t *)data, .avail_in = size, .next_out = out,
				    .avail_out = room };

		deflateInit2(&stream, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
		deflate(&stream, Z_FINISH);
		deflateEnd(&stream);
		return stream.total_out;
	}
#endif
#ifdef HAVE_LZMA
	case 1:
	case 2:
		len = 0;
		if (lzma_easy_buffer_encode(0, LZMA_CHECK_CRC32, NULL, data, size, out, &len,
					    room) != LZMA_OK)
			return 0;
		return len;
#endif
#ifdef HAVE_ZSTD
	case 3:
		len = ZSTD_compress(out, room, data, size, 1);
		return ZSTD_isError(len) ? 0 : len;
#endif
	case 4:
		memcpy(out, zstd, sizeof(zstd));
		return sizeof(zstd);
	default:
		memcpy(out, data, len);
		return len;
	}
}

static const uint16_t x86_fields[] = {
	0x1f1, 0x1f4, 0x1fe, 0x202, 0x206, 0x20e, 0x236, 0x238, 0x248, 0x24c, 0x268,
	SETUP_SIZE + INFO_AT, SETUP_SIZE + INFO_AT + 4, SETUP_SIZE + INFO_AT + 8,
	SETUP_SIZE + INFO_AT + 12, SETUP_SIZE + INFO_AT + 16, SETUP_SIZE + INFO_AT + 20,
	SETUP_SIZE + INFO_AT + 36, SETUP_SIZE + INFO_AT + 40, SETUP_SIZE + INFO_AT + 44,
	SETUP_SIZE + INFO_AT + 48,
};

/* What is packed: names of formats among other things. */
static size_t make_kernel(uint8_t *data, size_t room)
{
	static const char * const words[] = {
		"the format is not kho-v4",
			"luo-v5",
			"memfd-v2", "x-v", "-v1", "pci-state-v12345678",
		"a-rather-long-name-that-is-longer-than-any-format-could-be-v1", "sha-v1",
	};
	size_t size = 0;

	while (size + 128 < room && below(12)) {
		const char *word = words[below(ARRAY_LEN(words))];

		memset(data + size, below(2) ? 0 : 'x', 32);
		size += below(32);
		memcpy(data + size, word, strlen(word) + 1);
		size += strlen(word) + below(8);
	}
	return size;
}

static unsigned int run_image(void)
{
	static uint8_t data[SETUP_SIZE + CODE_SIZE + 65536], kernel[65536 / 4];
	size_t size = SETUP_SIZE + CODE_SIZE, table = 0, packed;
	struct image image = { .path = "image" };
	const char *why;
	uint8_t *exact;

	memset(data, 0, SETUP_SIZE + CODE_SIZE);
	data[0x1f1] = 1;
	put(data + 0x1fe, 0xaa55, 2);
	memcpy(data + 0x202, "HdrS", 4);
	put(data + 0x206, 0x020f, 2);
	put(data + 0x20e, 0x300 - 512, 2);
	strcpy((char *)data + 0x300, "6.12.117 (lu@lu)");
	put(data + 0x236, 1, 2);
	put(data + 0x238, 2047, 4);
	if (below(3)) {
		uint8_t *info = data + SETUP_SIZE + INFO_AT;

		put(data + 0x268, INFO_AT, 4);
		memcpy(info, "LToP", 4);
		memcpy(info + 12, "LUft", 4);
		table = make_table(info + 20);
		put(info + 16, table + 8, 4);
		put(info + 4, 12, 4);
		put(info + 8, 12 + 8 + table, 4);
	}
	packed = pack(data + size, 65536, kernel, make_kernel(kernel, sizeof(kernel)));
	put(data + 0x248, CODE_SIZE, 4);
	put(data + 0x24c, packed, 4);
	size += (packed + 15) & ~15UL;
	put(data + 0x1f4, (size - SETUP_SIZE) / 16, 4);
	damage(data, &size, x86_fields, ARRAY_LEN(x86_fields));

	/* Of its very size, for the sanitizer. */
	exact = malloc(size ?: 1);
	memcpy(exact, data, size);
	image.data = exact;
	image.size = size;
	why = image_parse(&image, "x86_64");
	if (!why) {
		image_reads(&image, KIND_KHO, "kho-v4", 0);
		image_reads(&image, KIND_FILE, "memfd-v2", 1);
		image_relative(&image, "memfd-v3");
	}
	free(exact);
	if (why)
		return strstr(why, "table") ? 1 : 0;
	return image.table ? 2 : image.unread ? 3 : image.formats.nr ? 4 : 5;
}

static unsigned int run_arm64(void)
{
	static const uint16_t fields[] = { 0x38, 0x10, 0x100, 0x110, 0x114, 0x118, 0x11c, 0x120 };
	static uint8_t data[4096];
	struct image image = { .path = "image" };
	size_t size = sizeof(data);
	const char *why;
	uint8_t *exact;

	memset(data, 0, sizeof(data));
	memcpy(data + 0x38, "ARM\x64", 4);
	if (below(4))
		make_table(data + 0x100);
	else
		make_kernel(data + 0x100, 2048);
	damage(data, &size, fields, ARRAY_LEN(fields));
	exact = malloc(size ?: 1);
	memcpy(exact, data, size);
	image.data = exact;
	image.size = size;
	why = image_parse(&image, "aarch64");
	free(exact);
	return why ? 0 : image.table ? 1 : 2;
}

/* Anything at all. */
static unsigned int run_noise(void)
{
	static const char * const begins[] = {
		"\177ELF", "\x1f\x8b", "MZ\0\0zimg", "BZh", "\3757zXZ", "", "HdrS",
	};
	size_t size = below(5000), word = below(ARRAY_LEN(begins));
	struct image image = { .path = "image", .size = size };
	uint8_t *data = malloc(size ?: 1);
	const char *why;

	for (size_t i = 0; i < size; i++)
		data[i] = rng();
	if (size >= 8)
		memcpy(data, begins[word], strlen(begins[word]));
	image.data = data;
	why = image_parse(&image, "x86_64");
	free(data);
	return why ? 0 : 1;
}

/* The text of /sys/kernel/liveupdate/formats, and a command line. */
static unsigned int run_text(void)
{
	static const char lines[] = "kho kho-v4 rw 0 0\nsubtree luo-v5 rw 0 0\n"
				    "file memfd-v2 r 0x1 0xffffffffffffffff\n"
				    "object pci-state-v1 w 0 0x3\n";
	static const char cmdline[] = "kho=on \"a b=c d\" liveupdate=off mem=1G -- kho=off";
	static const char * const keys[] = { "kho", "liveupdate", "mem", "", "a b" };
	struct formats formats = { 0 };
	char copy[256];
	size_t size;
	bool good;

	memset(copy, 0, sizeof(copy));
	memcpy(copy, lines, sizeof(lines));
	size = sizeof(lines) - 1;
	damage((uint8_t *)copy, &size, NULL, 0);
	copy[size] = '\0';
	good = formats_parse(copy, &formats);

	memset(copy, 0, sizeof(copy));
	memcpy(copy, cmdline, sizeof(cmdline));
	size = sizeof(cmdline) - 1;
	damage((uint8_t *)copy, &size, NULL, 0);
	copy[size] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		char *value = cmdline_value(copy, keys[i]);

		if (value)
			cmdline_bool(value);
	}
	return good;
}

static const struct target {
	const char *name;
	unsigned int (*run)(void);
	const char *outcomes[8];
} targets[] = {
	{ "image", run_image, { "no kernel", "unsound table", "table", "cannot be opened",
				"names of formats", "no names" } },
	{ "arm64", run_arm64, { "no kernel", "table", "no table" } },
	{ "noise", run_noise, { "no kernel" } },
	{ "text", run_text, { "not understood", "understood" } },
};

static bool run_target(const struct target *target, unsigned int number, unsigned long first,
		       unsigned long count)
{
	struct itimerval limit = { .it_value.tv_sec = HANG_SECONDS };
	unsigned long seen[8] = { 0 };
	bool ok = true;

	target_name = target->name;
	for (iteration = first; iteration < first + count; iteration++) {
		if (iteration % 100 == 0)
			setitimer(ITIMER_VIRTUAL, &limit, NULL);
		rng_state = iteration * 0xda942042e4dd58b5 + number;
		seen[target->run()]++;
	}
	for (unsigned int i = 0; i < 8 && target->outcomes[i]; i++) {
		printf("# %8lu %s\n", seen[i], target->outcomes[i]);
		ok &= seen[i] || count < 1000;
	}
	printf("%s %u fuzz_%s # %lu iterations%s\n", ok ? "ok" : "not ok", number, target->name,
	       count, ok ? "" : ", an outcome was never seen");
	return ok;
}

int main(int argc, char **argv)
{
	unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 0) : 20000;
	unsigned long first = argc > 2 ? strtoul(argv[2], NULL, 0) : 0;
	bool ok = true;

	signal(SIGVTALRM, on_signal);
	signal(SIGABRT, on_signal);
	signal(SIGSEGV, on_signal);
#if defined(__SANITIZE_ADDRESS__)
	__sanitizer_set_death_callback(say_where);
#endif
	printf("KTAP version 1\n1..%zu\n", ARRAY_LEN(targets));
	for (unsigned int i = 0; i < ARRAY_LEN(targets); i++)
		if (argc < 4 || !strcmp(argv[3], targets[i].name))
			ok &= run_target(&targets[i], i + 1, first, count);
	return !ok;
}
