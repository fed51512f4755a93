#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# layout.sh: the guard of the handover formats sees what it has to see.
#
# Works on a copy of the headers, of their records and of what declares formats, in a temporary folder that is removed at
# the end; the kernel's other headers are those of build/. LU_LAYOUT_TREE and
# LU_LAYOUT_BUILD take those of another tree. Prints KTAP; each test is a function test_NAME.
#
# shellcheck disable=SC2317

set -uo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=dev/ktap.sh
source "$top/dev/ktap.sh"
tree=${LU_LAYOUT_TREE:-$top/build/linux}
build=${LU_LAYOUT_BUILD:-$top/build/prod}
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
abi=$work/include/linux/kho/abi
page=$work/Documentation/core-api/liveupdate-formats.rst

fresh() {
	rm -rf -- "${work:?}"/*
	mkdir -p "$work/Documentation/core-api"
	cp -r "$top/include" "$work/"
	(cd "$top" && grep -rlZ --include='*.c' '^liveupdate_format' kernel mm drivers |
		xargs -0 cp --parents -t "$work")
	cp "$top/Documentation/core-api/liveupdate-formats.rst" "$page"
}

guard() { # OPTIONS
	"$top/dev/layout.py" --top "$work" --tree "$tree" --build "$build" "$@" > "$work/out" 2>&1
}

passes() { # OPTIONS
	guard "$@" || {
		sed 's/^/# /' "$work/out"
		fail "it failed"
	}
}

refuses() { # TEXT OPTIONS
	local text=$1
	shift
	if guard "$@"; then
		fail "it found nothing"
		return 1
	fi
	grep -qE -- "$text" "$work/out" || {
		sed 's/^/# /' "$work/out"
		fail "no '$text'"
	}
}

# Two fields of struct memfd_luo_ser change places; the assertions are made to agree.
move_a_field() {
	sed -i -e '/^struct memfd_luo_ser {/,/^}/{/^\tu64 pos;/d;s/^\tu64 size;/\tu64 size;\n\tu64 pos;/}' \
		-e 's/\(offsetof(struct memfd_luo_ser, pos) ==\) 0/\1 8/' \
		-e 's/\(offsetof(struct memfd_luo_ser, size) ==\) 8/\1 0/' "$abi/memfd.h"
}

add_a_header() {
	cat > "$abi/tomorrow.h" <<-'HEADER'
		/* Handover format "tomorrow-v1": something that is added tomorrow. */
		#include <linux/types.h>

		#define TOMORROW_COMPATIBLE	"tomorrow-v1"
		#define TOMORROW_REQUIRED	0x1

		enum tomorrow_kind {
			TOMORROW_PLAIN = 3,
			TOMORROW_FANCY,
		};

		struct tomorrow_ser {
			u64 first;
			u32 low : 3;
			u32 high : 29;
			u32 reserved[5];
		};
	HEADER
	echo 'liveupdate_format(tomorrow, FILE, TOMORROW_COMPATIBLE);' > "$work/kernel/tomorrow.c"
}

test_as_recorded() {
	passes && grep -q 'all as recorded' "$work/out"
}

test_a_moved_field() {
	move_a_field
	refuses 'layout of struct memfd_luo_ser changed, but the string "memfd-v2" is the same' &&
		grep -qE '0 +8 bytes u64 pos +\| +0 +8 bytes u64 size' "$work/out" ||
		fail "the two are not side by side" || return
	refuses 'a new string in MEMFD_LUO_FH_COMPATIBLE' --record || return
	guard
	[ $? -eq 1 ] || fail "--record took it" || return
	# With a new string it is a new format, and the old one's record is left over.
	sed -i 's/"memfd-v2"/"memfd-v3"/' "$abi/memfd.h"
	refuses 'the format memfd-v3 has no record' || return
	refuses 'no header has the format memfd-v2 any more' --record || return
	rm "$abi/layouts/memfd-v2.txt"
	passes --record && passes && grep -q 'memfd-v3' "$page"
}

test_a_header_in_a_subfolder() {
	add_a_header
	mkdir "$abi/sub"
	mv "$abi/tomorrow.h" "$abi/sub/"
	refuses 'the format tomorrow-v1 has no record' && passes --record && passes &&
		grep -q 'tomorrow-v1' "$page"
}

test_a_structure_within() {
	# What is embedded in another format's structure changes that one as well.
	sed -i -e '/^struct kho_vmalloc {/,/^}/s/^\tu32 total_pages;/\tu32 pages;/' \
		-e '/offsetof(struct kho_vmalloc, total_pages)/d' "$abi/kexec_handover.h"
	refuses 'struct kho_vmalloc changed, but the string "kho-v4"' || return
	refuses 'struct memfd_luo_ser changed, but the string "memfd-v2"'
}

test_a_constant() {
	sed -i 's/^#define MEMFD_LUO_FOLIO_DIRTY.*/#define MEMFD_LUO_FOLIO_DIRTY BIT(2)/' "$abi/memfd.h"
	refuses 'MEMFD_LUO_FOLIO_DIRTY, of the format memfd-v2, was 0x1 and is 0x4' || return
	sed -i 's/"start"/"begin"/' "$abi/memblock.h"
	refuses 'RESERVE_MEM_KHO_START_PROP_NAME.* was "start" and is "begin"'
}

test_the_number_of_a_version() {
	sed -i 's/^#define KHO_KEXEC_METADATA_VERSION.*/#define KHO_KEXEC_METADATA_VERSION 2/' "$abi/kexec_metadata.h"
	refuses 'the format kexec-metadata-v2 has no record'
}

test_a_header_of_tomorrow() {
	add_a_header
	refuses 'tomorrow.h: the format tomorrow-v1 has no record' || return
	passes --record && passes || return
	grep -q 'TOMORROW_FANCY = 0x4' "$abi/layouts/tomorrow-v1.txt" &&
		grep -qE '8:3 +29 bits +u32 high' "$abi/layouts/tomorrow-v1.txt" || fail "not recorded" || return
	# Another structure of it, tomorrow's morrow.
	printf 'struct tomorrow_more_ser {\n\tu64 a;\n};\n' >> "$abi/tomorrow.h"
	refuses 'struct tomorrow_more_ser was added to the format tomorrow-v1'
}

test_growth() {
	add_a_header
	passes --record || return
	# A feature bit is no change of the layout, only the record is out of date.
	sed -i 's/^#define TOMORROW_REQUIRED.*/#define TOMORROW_REQUIRED 0x3/' "$abi/tomorrow.h"
	refuses 'tomorrow-v1.txt: is out of date' || return
	passes --record || return
	sed -i 's/^#define TOMORROW_REQUIRED.*/#define TOMORROW_REQUIRED 0x1/' "$abi/tomorrow.h"
	refuses 'TOMORROW_REQUIRED.* was 0x3 and is 0x1' --record || return
	sed -i 's/^#define TOMORROW_REQUIRED.*/#define TOMORROW_REQUIRED 0x3/' "$abi/tomorrow.h"
	# A field in place of a reserved one, and one at the end: if it is said to be so.
	sed -i 's/^u32 reserved\[5\];/u32 more;\nu32 reserved[4];\nu64 last;/' "$abi/tomorrow.h"
	refuses 'struct tomorrow_ser changed' --record || return
	passes --record --extended tomorrow-v1 && passes || return
	sed -i 's/^u32 more;/u32 reserved2;\nu32 more;/' "$abi/tomorrow.h"
	refuses 'no extension of tomorrow-v1' --record --extended tomorrow-v1 || return
	passes --record --unreleased tomorrow-v1
}

test_a_structure_without_string() {
	printf '/* A mystery. */\nstruct mystery_ser {\n\tint a;\n};\n' > "$abi/mystery.h"
	refuses 'mystery.h: it has no format string' || return
	printf '/* Part of the format "kho-v4". */\nstruct mystery_ser {\n\tint a;\n};\n' > "$abi/mystery.h"
	refuses 'struct mystery_ser was added to the format kho-v4' || return
	printf '/* Part of the format "kho-v4". */\ntypedef struct {\n\tint a;\n} mystery;\n' > "$abi/mystery.h"
	refuses 'a structure without a name'
}

test_a_record_without_structure() {
	sed -i -e '/^#define LUO_FLB_MAX/,/sizeof/d' -e '/^struct luo_flb_ser {/,/^}/d' \
		-e '/struct luo_flb_ser/d' "$abi/luo.h"
	refuses 'struct luo_flb_ser, of the format luo-v5, is gone' || return
	fresh
	cp "$abi/layouts/luo-v5.txt" "$abi/layouts/luo-v4.txt"
	refuses 'luo-v4.txt: no header has the format luo-v4 any more'
}

test_a_missing_record() {
	rm "$abi/layouts/luo-v5.txt"
	refuses 'luo.h: the format luo-v5 has no record; write it with dev/layout.py --record' &&
		passes --record && cmp "$abi/layouts/luo-v5.txt" "$top/include/linux/kho/abi/layouts/luo-v5.txt"
}

test_the_catalogue() {
	sed -i 's/bytes u64 nr_folios/bytes u64 nr_pages/' "$page"
	refuses 'the catalogue is not what the records say' && passes --record &&
		cmp "$page" "$top/Documentation/core-api/liveupdate-formats.rst"
}

test_an_attribute() {
	add_a_header
	# Wherever it is, and of whatever kind, a structure is seen.
	cat >> "$abi/tomorrow.h" <<-'HEADER'
		struct __packed packed_ser {
			u8 a;
			u64 b;
		};

		union __attribute__((packed, aligned(2))) either_ser {
			u8 c;
			u64 d;
		};

		typedef struct typed_ser {
			u64 e;
		} typed;
	HEADER
	passes --record && passes || return
	for line in 'struct packed_ser: 9 bytes' 'union either_ser: 8 bytes' 'struct typed_ser: 8 bytes'; do
		grep -qxF "$line" "$abi/layouts/tomorrow-v1.txt" || fail "no '$line'" || return
	done
	sed -i 's/^u8 a;/u16 a;/' "$abi/tomorrow.h"
	refuses 'struct packed_ser changed, but the string "tomorrow-v1"' || return
	fresh
	printf 'typedef struct __packed {\n\tint a;\n} mystery;\n' >> "$abi/luo.h"
	refuses 'a structure without a name' || return
	fresh
	printf 'struct PACKED(1) odd_ser {\n\tint a;\n};\n' >> "$abi/luo.h"
	refuses 'luo.h: dev/layout.py does not understand "struct PACKED\(1\) odd_ser \{"'
}

test_a_declaration() {
	mkdir -p "$work/lib"
	echo 'liveupdate_format_features(luo, SUBTREE, "luo-v5", LIVEUPDATE_FORMAT_READ, 0, 0);' \
		>> "$work/kernel/liveupdate/luo_core.c"
	echo 'liveupdate_format(test, FILE, "test-v1");' > "$work/lib/test.c"
	passes || return
	echo 'liveupdate_format(other, FILE, "other-v1");' >> "$work/mm/memfd_luo.c"
	refuses 'mm/memfd_luo.c: the format other-v1 is declared, but in no header'
}

test_a_missing_declaration() {
	sed -i '/^liveupdate_format/d' "$work/kernel/liveupdate/luo_timeline.c"
	refuses 'timeline.h: the format luo-timeline-v1 is not declared' || return
	# A test's does not count: it is not in the image that is in use.
	mkdir -p "$work/lib"
	echo 'liveupdate_format(timeline, SUBTREE, "luo-timeline-v1");' > "$work/lib/test.c"
	refuses 'timeline.h: the format luo-timeline-v1 is not declared' || return
	fresh
	sed -i '/^liveupdate_format(metadata/,/;/d' "$work/kernel/liveupdate/kho_metadata.c"
	refuses 'kexec_metadata.h: the format kexec-metadata-v1 is not declared'
}

test_what_does_not_compile() {
	echo 'struct broken {' >> "$abi/luo.h"
	refuses 'the headers do not compile' || return
	fresh
	build=/nowhere refuses 'no kernel was configured there; run ./lu build'
}

if [ ! -f "$build/include/generated/asm-offsets.h" ]; then
	make -C "$tree" O="$build" prepare > "$work/log" 2>&1 || {
		tail -n 5 "$work/log" | sed 's/^/# /'
		echo "1..0 # SKIP the tree's headers cannot be made"
		exit 1
	}
fi
run_tests
