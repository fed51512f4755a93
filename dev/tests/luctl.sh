#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# luctl.sh: luctl on the host: built under ASan and UBSan, tested, and fuzzed, with and
# without the libraries that unpack images. Prints KTAP.
#
# LU_LUCTL_TREE is another tree than build/linux, LU_LUCTL_OUT another folder to build in than
# build/host/luctl. LU_LUCTL_KERNEL is another kernel without live update than Debian's newest,
# which is fetched but not installed. LU_FUZZ is the number of iterations of each target of the
# fuzzer.

set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
tree=${LU_LUCTL_TREE:-$top/build/linux}
out=${LU_LUCTL_OUT:-$top/build/host/luctl}
source=$tree/tools/liveupdate
number=0
failed=0
export ASAN_OPTIONS=detect_leaks=0

# The results of a program that prints KTAP, numbered anew.
include() { # PREFIX COMMAND...
	local prefix=$1 line rc=0 before=$failed
	shift

	failed=0
	"$@" > "$out/log" 2>&1 || rc=$?
	while IFS= read -r line; do
		case $line in
		'ok '* | 'not ok '*)
			number=$((number + 1))
			[[ $line == ok* ]] || failed=1
			sed -E "s/^((not )?ok) [0-9]+ /\1 $number $prefix/" <<< "$line"
			;;
		'KTAP '* | 1..*) ;;
		'#'*) echo "$line" ;;
		*) echo "# $line" ;;
		esac
	done < "$out/log"
	[ "$rc" -eq 0 ] || [ "$failed" -ne 0 ] || verdict "${prefix}ended_well" "$rc"
	[ "$before" -eq 0 ] || failed=1
}

verdict() { # NAME STATUS
	number=$((number + 1))
	if [ "$2" -eq 0 ]; then
		echo "ok $number $1"
	else
		[ ! -s "$out/log" ] || tail -n 15 "$out/log" | sed 's/^/# /'
		echo "not ok $number $1"
		failed=1
	fi
}

build() { # FOLDER ARGUMENTS...
	local folder=$out/$1
	shift

	mkdir -p "$folder"
	make -C "$source" OUTPUT="$folder/" "$@" > "$out/log" 2>&1
}

# Debian's newest kernel, as $out/vmlinuz
distribution_kernel() {
	local pattern='^linux-image-[0-9].*-cloud-amd64-unsigned$' folder=$out/distribution package

	[ ! -s "$out/vmlinuz" ] || return 0
	[ -n "$(apt-cache search --names-only "$pattern")" ] || [ "$(id -u)" -ne 0 ] || apt-get update
	package=$(apt-cache search --names-only "$pattern" | cut -d ' ' -f 1 | sort -V | tail -n 1)
	[ -n "$package" ] || return 1
	rm -rf -- "$folder"
	mkdir -p "$folder"
	(cd "$folder" && apt-get download "$package") || return 1
	dpkg-deb --fsys-tarfile "$folder"/*.deb | tar -xO --wildcards './boot/vmlinuz-*' > "$folder/vmlinuz" || return 1
	mv -- "$folder/vmlinuz" "$out/vmlinuz"
	rm -rf -- "$folder"
}

sanitize='-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer'
echo "KTAP version 1"
mkdir -p "$out"
if build asan CFLAGS="$sanitize -Werror" all "$out/asan/fuzz"; then rc=0; else rc=$?; fi
verdict builds_under_asan "$rc"
[ "$rc" -eq 0 ] || exit 1
if build bare CFLAGS='-O2 -Werror' NO_ZLIB=1 NO_LZMA=1 NO_ZSTD=1 all; then rc=0; else rc=$?; fi
verdict builds_with_libc_alone "$rc"
if build install CFLAGS='-O2 -Werror' DESTDIR="$out/installed" install &&
	[ -x "$out/installed/usr/bin/luctl" ]; then rc=0; else rc=$?; fi
verdict installs "$rc"
include "" python3 "$source/tests/diagnostics.py" "$source" "$tree/kernel/liveupdate/format_table.c"
[ -n "${LU_LUCTL_KERNEL:-}" ] || distribution_kernel > "$out/log" 2>&1 || sed 's/^/# /' "$out/log"
include "" python3 "$source/tests/luctl.py" "$out/asan/luctl" "${LU_LUCTL_KERNEL:-$out/vmlinuz}"
include libc_alone_ python3 "$source/tests/luctl.py" "$out/bare/luctl"
include "" "$out/asan/fuzz" "${LU_FUZZ:-20000}"
echo "1..$number"
exit "$failed"
