#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# memblock.sh: the tree's own user-space tests of memblock pass with our edits of it.
# Works on a copy, as that makefile leaves links in its folder. Prints KTAP.

set -uo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
echo "KTAP version 1"
echo "1..2"
cd "$top/build/linux" || exit 1
cp -r --parents tools/testing/memblock tools/arch tools/include tools/lib tools/scripts \
	tools/testing/selftests/kselftest.h arch/x86/include mm lib include "$work/"
number=0
status=0
for options in "" "NUMA=1"; do
	number=$((number + 1))
	make -C "$work/tools/testing/memblock" clean > /dev/null 2>&1
	# shellcheck disable=SC2086 # an empty word is no option
	if make -C "$work/tools/testing/memblock" $options > "$work/log" 2>&1 &&
		"$work/tools/testing/memblock/main" > "$work/log" 2>&1; then
		echo "ok $number unit_tests_${options:-default}"
	else
		tail -n 10 "$work/log" | sed 's/^/# /'
		echo "not ok $number unit_tests_${options:-default}"
		status=1
	fi
done
exit "$status"
