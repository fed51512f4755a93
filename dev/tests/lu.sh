#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# lu.sh: what ./lu does with bases, patches and files that are not as they should be.
#
# Works on a copy of the repository with a base of a few files, in a temporary folder
# that is removed at the end. Prints KTAP; each test is a function test_NAME, and they
# run in the order of this file.
#
# shellcheck disable=SC2317

set -uo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=dev/ktap.sh
source "$top/dev/ktap.sh"
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
unset LU_LOCKED LU_BASE LU_NO_INSTALL
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null

# A base with just what the patches of the copy touch.
make_base() { # FOLDER SUBLEVEL
	mkdir -p "$1/kernel"
	printf 'VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = %s\nEXTRAVERSION =\n' "$2" > "$1/Makefile"
	printf 'int a;\nint b;\nint c;\n' > "$1/kernel/a.c"
	printf 'Maintainers List\n----------------\n\nALPHA\nS:\tMaintained\n\nZULU\nS:\tMaintained\n' > "$1/MAINTAINERS"
}

# The repository as it is, with a series and files of its own.
make_copy() { # FOLDER
	mkdir -p "$1/patches" "$1/kernel"
	cp -r "$top/lu" "$top/dev" "$top/.gitignore" "$top/MAINTAINERS" "$1/"
	printf 'Subject: a series\n\nOf a test.\n' > "$1/patches/cover-letter"
	printf '0001-ours.patch\n' > "$1/patches/series"
	cat > "$1/patches/0001-ours.patch" <<-'PATCH'
		Subject: kernel: add what is ours

		For a test.

		Signed-off-by: An Author <author@localhost>
		---
		Adds: kernel/ours*
		Adds: MAINTAINERS
		diff --git a/kernel/a.c b/kernel/a.c
		--- a/kernel/a.c
		+++ b/kernel/a.c
		@@ -1,3 +1,4 @@
		 int a;
		+int ours;
		 int b;
		 int c;
	PATCH
	echo 'int file;' > "$1/kernel/ours.c"
	git -C "$1" init -q
	git -C "$1" config user.name tester
	git -C "$1" config user.email tester@localhost
	git -C "$1" add -A
	git -C "$1" commit -qm copy
}

lu() { # ARGUMENTS: in the copy, with its base
	(cd "$work/copy" && LU_BASE=${base:-$work/base} ./lu "$@") > "$work/out" 2>&1
}

refuses() { # TEXT ARGUMENTS
	local text=$1
	shift
	if lu "$@"; then
		fail "./lu $* succeeded"
		return 1
	fi
	grep -qF -- "$text" "$work/out" || {
		sed 's/^/# /' "$work/out"
		fail "./lu $*: no '$text'"
	}
}

works() { # ARGUMENTS
	lu "$@" || {
		sed 's/^/# /' "$work/out"
		fail "./lu $*: failed"
	}
}

nothing_left() {
	[ -z "$(find "$work/copy/build" -maxdepth 1 \( -name '.base.*' -o -name '.index*' \) 2> /dev/null)" ] ||
		fail "left behind: $(find "$work/copy/build" -maxdepth 1)"
}

test_wrong_version() {
	make_base "$work/old" 99
	base=$work/old refuses "$work/old: is Linux 6.12.99, but the series is for 6.12.100" series "$work/mbox" &&
		nothing_left && [ ! -e "$work/copy/build/linux" ]
}

test_no_kernel() {
	mkdir -p "$work/empty"
	base=$work/empty refuses "$work/empty: holds no Linux kernel" series "$work/mbox" && nothing_left &&
		base=$work/nowhere refuses "$work/nowhere: no such file" series "$work/mbox"
}

test_truncated_archive() {
	tar -C "$work" -cJf "$work/base.tar.xz" base
	head -c 300 "$work/base.tar.xz" > "$work/short.tar.xz"
	base=$work/short.tar.xz refuses "$work/short.tar.xz: cannot be unpacked, it is damaged" series "$work/mbox" &&
		nothing_left && [ ! -e "$work/copy/build/linux" ] || return
	base=$work/base.tar.xz works series "$work/mbox" && [ -f "$work/copy/build/linux/kernel/ours.c" ]
}

test_archive_and_folder_are_one_base() {
	local first

	works series "$work/mbox" || return
	first=$(git -C "$work/copy/build/linux" rev-parse base)
	base=$work/base.tar.xz works series "$work/mbox" || return
	[ "$first" = "$(git -C "$work/copy/build/linux" rev-parse base)" ] ||
		fail "the base-commit depends on how the base is given"
}

test_patch_does_not_apply() {
	sed -i 's/^ int b;/ int changed;/' "$work/copy/patches/0001-ours.patch"
	refuses "patches/0001-ours.patch: does not apply to Linux 6.12.117" series "$work/mbox" && nothing_left || return
	git -C "$work/copy" checkout -q patches
	works series "$work/mbox"
}

test_patch_missing() {
	echo 0002-gone.patch >> "$work/copy/patches/series"
	refuses "names 0002-gone.patch, but there is no patches/0002-gone.patch" series "$work/mbox"
	local rc=$?
	git -C "$work/copy" checkout -q patches
	return "$rc"
}

test_patch_of_some_bases() {
	local rc=0

	printf '%s\n' '0002-gone.patch until 6.12.116' '0001-ours.patch since 6.12.117' > "$work/copy/patches/series"
	works series "$work/mbox" || rc=1
	echo '0001-ours.patch until 6.12.116 # for old ones' > "$work/copy/patches/series"
	refuses "kernel/ours.c: is in no topic of the series" series "$work/mbox" || rc=1
	git -C "$work/copy" checkout -q patches
	return "$rc"
}

test_overwriting_is_refused() {
	echo 'int other;' > "$work/copy/kernel/a.c"
	refuses "kernel/a.c: would overwrite a file of the base" series "$work/mbox"
	local rc=$?
	rm "$work/copy/kernel/a.c"
	return "$rc"
}

test_deleted_file_disappears() {
	echo 'int more;' > "$work/copy/kernel/ours_more.c"
	works series "$work/mbox" && [ -f "$work/copy/build/linux/kernel/ours_more.c" ] || return
	rm "$work/copy/kernel/ours_more.c"
	works series "$work/mbox" && [ ! -e "$work/copy/build/linux/kernel/ours_more.c" ]
}

test_only_changes_are_written() {
	local a b

	works series "$work/mbox" || return
	sleep 1.1
	touch "$work/stamp"
	echo 'int file2;' > "$work/copy/kernel/ours.c"
	works series "$work/mbox" || return
	a=$(find "$work/copy/build/linux" -name .git -prune -o -type f -newer "$work/stamp" -print)
	b=$work/copy/build/linux/kernel/ours.c
	git -C "$work/copy" checkout -q kernel
	[ "$a" = "$b" ] || fail "written: $a"
}

test_file_without_topic() {
	echo 'int lost;' > "$work/copy/kernel/lost.c"
	refuses "kernel/lost.c: is in no topic of the series" series "$work/mbox" && nothing_left
	local rc=$?
	rm "$work/copy/kernel/lost.c"
	return "$rc"
}

test_edit_becomes_a_patch() {
	works series "$work/mbox" || return
	sed -i 's/int c;/int c, d;/' "$work/copy/build/linux/kernel/a.c"
	works patch && grep -qF 'kernel/a.c' "$work/out" || return
	git -C "$work/copy" config --remove-section user
	refuses "git does not know who signs it off" patch second
	local rc=$?
	git -C "$work/copy" config user.name tester
	git -C "$work/copy" config user.email tester@localhost
	[ "$rc" -eq 0 ] && [ ! -e "$work/copy/patches/0002-second.patch" ] || return
	works patch second && grep -qF '+int c, d;' "$work/copy/patches/0002-second.patch" &&
		grep -qx 'Signed-off-by: tester <tester@localhost>' "$work/copy/patches/0002-second.patch" || return
	# An edit of what the first patch added goes into the first one.
	sed -i 's/int ours;/int ours = 1;/' "$work/copy/build/linux/kernel/a.c"
	works patch ours && grep -qF '+int ours = 1;' "$work/copy/patches/0001-ours.patch" &&
		grep -qF 'Adds: kernel/ours*' "$work/copy/patches/0001-ours.patch" || return
	works series "$work/mbox" && grep -qF 'int ours = 1;' "$work/copy/build/linux/kernel/a.c" || return
	git -C "$work/copy" checkout -q patches
	rm "$work/copy/patches/0002-second.patch"
	works series "$work/mbox" && ! grep -q 'ours = 1' "$work/copy/build/linux/kernel/a.c"
}

test_edits_are_not_lost() {
	works series "$work/mbox" || return
	sed -i 's/int b;/int b2;/' "$work/copy/build/linux/kernel/a.c"
	sed -i 's/^+int ours;/+int theirs;/' "$work/copy/patches/0001-ours.patch"
	refuses "are edited in build/linux too" series "$work/mbox" || return
	grep -q 'int b2;' "$work/copy/build/linux/kernel/a.c" || fail "the edit is lost" || return
	git -C "$work/copy" checkout -q patches
	(cd "$work/copy/build/linux" && sed -i 's/int b2;/int b;/' kernel/a.c)
	works series "$work/mbox"
}

# Mails beside the sources are not taken for sources; other files are left alone.
test_series_in_the_repository() {
	local rc=0

	works series mails && works series mails && [ -f "$work/copy/mails/0000-cover-letter.patch" ] || rc=1
	refuses "has other files in it; give a folder of its own" series kernel || rc=1
	[ ! -e "$work/copy/kernel/.gitignore" ] || fail "kernel/ is hidden" || rc=1
	rm -rf -- "$work/copy/mails"
	return "$rc"
}

# What ./lu series --verify keeps is of the old base.
test_new_base_after_verify() {
	works series "$work/mbox" || return
	mkdir -p "$work/copy/build/verify/linux"
	echo '# newer' >> "$work/base/Makefile"
	works series "$work/mbox" || return
	[ ! -e "$work/copy/build/verify" ] || fail "build/verify is of a base that is gone"
}

test_git_am_takes_it() {
	works series "$work/mbox" || return
	grep -q '^base-commit: ' "$work/mbox/0000-cover-letter.patch" || fail "no base-commit" || return
	cp -r "$work/base" "$work/am"
	(cd "$work/am" && git init -q && git add -A && git -c user.name=x -c user.email=x@y commit -qm x &&
		git -c user.name=x -c user.email=x@y am -q "$work/mbox"/0001-*.patch) || return
	cmp "$work/am/kernel/a.c" "$work/copy/build/linux/kernel/a.c" && [ -f "$work/am/kernel/ours.c" ]
}

# A patch is its author's, whoever exports it, if git knows of nobody at all.
test_series_without_an_identity() {
	local rc=0

	git -C "$work/copy" config --remove-section user
	rm -rf -- "$work/copy/build"
	mkdir -p "$work/home"
	HOME=$work/home XDG_CONFIG_HOME=$work/home GIT_CONFIG_SYSTEM=/dev/null works series "$work/mbox" || rc=1
	git -C "$work/copy" config user.name tester
	git -C "$work/copy" config user.email tester@localhost
	[ "$(sed -n 's/^From: //p' "$work/mbox"/*.patch | sort -u)" = "An Author <author@localhost>" ] ||
		fail "not the author's: $(grep '^From: ' "$work/mbox"/*.patch)" || return
	return "$rc"
}

test_author_is_missing() {
	local rc=0

	sed -i '/^Signed-off-by/d' "$work/copy/patches/0001-ours.patch"
	refuses "patches/0001-ours.patch: has no 'Signed-off-by" series "$work/mbox" && nothing_left || rc=1
	git -C "$work/copy" checkout -q patches
	return "$rc"
}

test_missing_packages_are_named() {
	mkdir -p "$work/bin"
	printf '#!/bin/sh\nexit 1\n' > "$work/bin/dpkg-query"
	chmod +x "$work/bin/dpkg-query"
	PATH=$work/bin:$PATH LU_NO_INSTALL=1 refuses "install them with: apt-get install" series "$work/mbox" &&
		grep -q 'missing: .*flex' "$work/out" &&
		PATH=$work/bin:$PATH LU_NO_INSTALL=1 refuses "install them with: apt-get install" check &&
		grep -q 'missing: .*flex.* qemu-system-x86 .*debootstrap' "$work/out"
}

fake() { # NAME BODY: a program in $work/fake
	mkdir -p "$work/fake"
	printf '#!/bin/sh\n%s\n' "$2" > "$work/fake/$1"
	chmod +x "$work/fake/$1"
}

# Who is not root is asked by sudo before anything runs out of sight.
test_packages_through_sudo() {
	fake id 'echo 1000'
	fake dpkg-query 'exit 1'
	fake apt-cache 'exit 0'
	fake apt-get "echo \"\$@\" > '$work/apt-get'"
	fake sudo 'echo "sudo: a password is required" >&2; exit 1'
	PATH=$work/fake:$PATH refuses "cannot become root to install them" series "$work/mbox" &&
		grep -qxF 'sudo: a password is required' "$work/out" && [ ! -e "$work/apt-get" ] || return
	fake sudo 'shift; exec "$@"'
	PATH=$work/fake:$PATH works series "$work/mbox" && grep -q '^install -y .* flex' "$work/apt-get"
}

test_clean() {
	works series "$work/mbox" && works clean && [ ! -e "$work/copy/build" ] &&
		works clean && works series "$work/mbox" || return
	# Files of root's, which another user cannot remove.
	fake id 'echo 1000'
	fake rm 'exit 1'
	fake sudo "PATH=$PATH; shift; exec \"\$@\""
	PATH=$work/fake:$PATH works clean && [ ! -e "$work/copy/build" ] || return
	works series "$work/mbox" || return
	fake sudo 'echo "sudo: a password is required" >&2; exit 1'
	PATH=$work/fake:$PATH refuses "sudo: a password is required" clean
}

# compile_variant() without a compiler: COMPILE is what it does in its place, in the image's folder.
variant() { # COMPILE
	LU_TOP=$work LU_OUT=$work/variant bash -ec '
		source "$2/common.sh"
		source "$2/build.sh"
		make_config() { :; }
		compile_kernel() { cd "$1/arch/x86/boot" && eval "$compile"; }
		compile=$1
		compile_variant bumped' - "$1" "$top/dev"
}

is_prod() { # in this folder, as it was before a variant
	[ "$(cat "$1/.lu-key" "$1"/arch/x86/boot/*)" = $'key\nprod' ] || fail "not as it was: $(head "$1"/.l* "$1"/*/*/*/*)"
}

test_variant_leaves_prod() {
	local prod=$work/variant/prod image=$work/variant/prod/arch/x86/boot/bzImage

	mkdir -p "${image%/*}"
	echo prod > "$image"
	echo key > "$prod/.lu-key"
	variant 'echo bumped > bzImage' && is_prod "$prod" &&
		[ "$(cat "$work/variant/bumped/arch/x86/boot/bzImage")" = bumped ] || return
	if variant 'echo bumped > bzImage; return 1'; then
		fail "a failure is lost"
		return 1
	fi
	is_prod "$prod" || return
	variant 'echo bumped > bzImage; exit 130'
	[ ! -e "$prod/.lu-key" ] || fail "prod has a key, and the image of a variant"
}

test_dropped_symbol() {
	# Needs a real tree; ./lu check has made it.
	local out=$work/config

	[ -d "$top/build/linux/scripts/kconfig" ] || fail "no build/linux" || return
	mkdir -p "$work/tests"
	cp "$top"/tools/testing/selftests/liveupdate/config* "$work/tests/"
	echo 'CONFIG_NO_SUCH_SYMBOL=y' >> "$work/tests/config.host"
	(
		export LU_TOP=$top LU_OUT=$top/build LU_DEV=$top/dev LU_LOCKED=1
		LU_TESTS=$work/tests
		for part in common base tree config; do
			# shellcheck source=/dev/null
			source "$LU_DEV/$part.sh"
		done
		set -e
		make_config prod "$out"
	) > "$work/out" 2>&1 && fail "the symbol was not missed" && return 1
	grep -q 'config.host: CONFIG_NO_SUCH_SYMBOL=y' "$work/out" || {
		tail -n 5 "$work/out" | sed 's/^/# /'
		return 1
	}
}

# What kselftest-merge adds to a distributor's configuration is all that the tests need.
test_kselftest_merge() {
	local out=$work/merge symbol

	make -C "$top/build/linux" O="$out" -s defconfig kselftest-merge > "$work/out" 2>&1 || {
		tail -n 5 "$work/out" | sed 's/^/# /'
		return 1
	}
	while read -r symbol; do
		grep -qxF -- "$symbol" "$out/.config" || fail "$symbol was dropped" || return
	done < <(grep ^CONFIG_ "$top/tools/testing/selftests/liveupdate/config")
}

make_base "$work/base" 117
make_copy "$work/copy"
run_tests
