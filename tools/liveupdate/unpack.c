// SPDX-License-Identifier: GPL-2.0-only
/*
 * luctl: what is packed in a kernel image.
 *
 * The unpacked kernel is never held as a whole: it goes to a sink, piece by piece. What it
 * may take is limited, so that an image cannot be a bomb. Which methods there are depends
 * on the libraries that luctl was built with (HAVE_ZLIB, HAVE_LZMA, HAVE_ZSTD).
 */
#include <stdlib.h>
#include <string.h>

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

#define MAX_UNPACKED	(1ULL << 30)
#define MAX_MEMORY	(256ULL << 20)
#define PIECE		65536

/* Without any library there is nobody who needs these. */
#define maybe_unused	__attribute__((unused))

static const char too_large[] maybe_unused = "it unpacks to more than 1 GiB";
static const char damaged[] maybe_unused = "what is packed in it is damaged";
static const char no_memory[] maybe_unused = "there is no memory left";

struct sink {
	unpack_sink call;
	void *arg;
	uint64_t total;
};

static bool maybe_unused sink_takes(struct sink *sink, const uint8_t *data, size_t size)
{
	sink->total += size;
	if (sink->total > MAX_UNPACKED)
		return false;
	sink->call(sink->arg, data, size);
	return true;
}

#ifdef HAVE_ZLIB
static const char *unpack_gzip(const uint8_t *data, size_t size, struct sink *sink)
{
	z_stream stream = { .next_in = (uint8_t *)data, .avail_in = size };
	static uint8_t piece[PIECE];
	const char *why = NULL;
	int ret;

	if (size > UINT32_MAX)
		return damaged;
	/* 31: a gzip header, windows of up to 32 KiB */
	if (inflateInit2(&stream, 31) != Z_OK)
		return no_memory;
	do {
		stream.next_out = piece;
		stream.avail_out = sizeof(piece);
		ret = inflate(&stream, Z_NO_FLUSH);
		if (!sink_takes(sink, piece, sizeof(piece) - stream.avail_out))
			why = too_large;
		else if (ret != Z_OK && ret != Z_STREAM_END)
			why = damaged;
	} while (!why && ret != Z_STREAM_END);
	inflateEnd(&stream);
	return why;
}
#endif

#ifdef HAVE_LZMA
static const char *unpack_lzma(const uint8_t *data, size_t size, struct sink *sink)
{
	lzma_stream stream = LZMA_STREAM_INIT;
	static uint8_t piece[PIECE];
	const char *why = NULL;
	lzma_ret ret;

	/* Either of the two containers. */
	if (lzma_auto_decoder(&stream, MAX_MEMORY, 0) != LZMA_OK)
		return no_memory;
	stream.next_in = data;
	stream.avail_in = size;
	do {
		stream.next_out = piece;
		stream.avail_out = sizeof(piece);
		ret = lzma_code(&stream, LZMA_RUN);
		if (!sink_takes(sink, piece, sizeof(piece) - stream.avail_out))
			why = too_large;
		else if (ret != LZMA_OK && ret != LZMA_STREAM_END)
			why = ret == LZMA_MEMLIMIT_ERROR ? no_memory : damaged;
	} while (!why && ret != LZMA_STREAM_END);
	lzma_end(&stream);
	return why;
}
#endif

#ifdef HAVE_ZSTD
static const char *unpack_zstd(const uint8_t *data, size_t size, struct sink *sink)
{
	ZSTD_DStream *stream = ZSTD_createDStream();
	ZSTD_inBuffer in = { .src = data, .size = size };
	static uint8_t piece[PIECE];
	const char *why = NULL;
	size_t ret, before;

	if (!stream)
		return no_memory;
	/* As large as kernels are packed with: 128 MiB. */
	ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, 27);
	do {
		ZSTD_outBuffer out = { .dst = piece, .size = sizeof(piece) };

		before = in.pos;
		ret = ZSTD_decompressStream(stream, &out, &in);
		if (!sink_takes(sink, piece, out.pos))
			why = too_large;
		else if (ZSTD_isError(ret) || (ret && in.pos == before && !out.pos))
			why = damaged;
	} while (!why && ret);
	ZSTD_freeDStream(stream);
	return why;
}
#endif

static const struct packing {
	const char *name;
	uint8_t magic[6];
	unsigned int len;
	const char *(*unpack)(const uint8_t *data, size_t size, struct sink *sink);
} packings[] = {
#ifdef HAVE_ZLIB
	{ "gzip", { 0x1f, 0x8b }, 2, unpack_gzip },
#else
	{ "gzip", { 0x1f, 0x8b }, 2, NULL },
#endif
#ifdef HAVE_LZMA
	{ "xz", { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, unpack_lzma },
	{ "lzma", { 0x5d, 0, 0 }, 3, unpack_lzma },
#else
	{ "xz", { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, NULL },
	{ "lzma", { 0x5d, 0, 0 }, 3, NULL },
#endif
#ifdef HAVE_ZSTD
	{ "zstd", { 0x28, 0xb5, 0x2f, 0xfd }, 4, unpack_zstd },
#else
	{ "zstd", { 0x28, 0xb5, 0x2f, 0xfd }, 4, NULL },
#endif
	{ "lz4", { 0x02, 0x21, 0x4c, 0x18 }, 4, NULL },
	{ "bzip2", { 'B', 'Z', 'h' }, 3, NULL },
	{ "lzo", { 0x89, 'L', 'Z', 'O' }, 4, NULL },
};

static const struct packing *find_packing(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < ARRAY_LEN(packings); i++)
		if (size >= packings[i].len && !memcmp(data, packings[i].magic, packings[i].len))
			return &packings[i];
	return NULL;
}

const char *unpack_name(const uint8_t *data, size_t size)
{
	const struct packing *packing = find_packing(data, size);

	return packing ? packing->name : NULL;
}

const char *unpack(const uint8_t *data, size_t size, unpack_sink sink, void *arg)
{
	const struct packing *packing = find_packing(data, size);
	struct sink out = { .call = sink, .arg = arg };

	if (!packing)
		return "it is packed with a method that luctl does not know";
	if (!packing->unpack)
		return text("it is packed with %s, which this luctl cannot open", packing->name);
	return packing->unpack(data, size, &out);
}

const char *unpack_verdict(bool too_many)
{
	return too_many ? "it has more names of formats than any kernel" : NULL;
}
