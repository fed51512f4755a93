# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# base.sh: the pristine kernel, as a git repository in build/linux.
#
# The base is Debian's linux-source-6.12, or what LU_BASE names. It is unpacked and
# committed in a temporary folder which takes its final name only when all went
# well, so that an interrupted or failed import leaves nothing. The commit has a
# fixed author and date: everyone who imports the same source has the same
# base-commit. Tag "base" is that commit; tree.sh writes our edits on top of it.

LU_TREE=$LU_OUT/linux
LU_BASE_MIN=100
LU_BASE_DEB=/usr/src/linux-source-6.12.tar.xz

base_version() { # FOLDER: its version as x.y.z, nothing if it is no kernel
	awk -F' *= *' '/^VERSION =/ { v = $2 } /^PATCHLEVEL =/ { p = $2 } /^SUBLEVEL =/ { s = $2; exit }
		END { if (v != "") print v "." p "." s }' "$1/Makefile" 2> /dev/null
}

base_release() { cat "$LU_TREE/.git/lu-base-version"; }

base_check_version() { # FOLDER NAME
	local version

	version=$(base_version "$1")
	[ -n "$version" ] || die "$2: holds no Linux kernel; set LU_BASE to a linux-6.12.y archive or folder"
	if [[ ! $version =~ ^6\.12\.([0-9]+)$ ]] || [ "${BASH_REMATCH[1]}" -lt "$LU_BASE_MIN" ]; then
		die "$2: is Linux $version, but the series is for 6.12.$LU_BASE_MIN or a later 6.12.y; set LU_BASE to one or install linux-source-6.12"
	fi
}

# A key that changes when the base does, without reading all of it.
base_key() {
	if [ -d "$1" ]; then
		[ -f "$1/Makefile" ] || die "$1: holds no Linux kernel; set LU_BASE to a linux-6.12.y archive or folder"
		echo "$1 $(stat -c '%Y %s' "$1/Makefile")"
	else
		echo "$1 $(stat -Lc '%Y %s' "$1")"
	fi
}

base_unpack() { # SOURCE FOLDER
	if [ -d "$1" ]; then
		cp -a -- "$1/." "$2"
		rm -rf -- "$2/.git"
	else
		tar -xvf "$1" -C "$2" --strip-components=1
	fi
}

base_commit() { # FOLDER VERSION
	local LU_TREE=$1

	export GIT_AUTHOR_NAME=base GIT_AUTHOR_EMAIL=base@localhost GIT_AUTHOR_DATE='2024-11-17T00:00:00Z' \
		GIT_COMMITTER_NAME=base GIT_COMMITTER_EMAIL=base@localhost GIT_COMMITTER_DATE='2024-11-17T00:00:00Z'
	tree_git init -q
	# 85 000 files for a few months: speed counts, size does not.
	tree_git config core.looseCompression 0
	tree_git config core.untrackedCache false
	tree_git config user.name base
	tree_git config user.email base@localhost
	tree_git add -A -f .
	tree_git commit -q -m "Linux $2"
	tree_git tag base
	echo "$2" > "$1/.git/lu-base-version"
}

# MAINTAINERS in the tree is made from ours, see merge_maintainers().
EDIT_PATHS=(. ':(exclude)MAINTAINERS')

# The tree's own edits that are in no patch yet; empty output: none.
tree_edits() {
	local patched

	patched=$(cat "$LU_TREE/.git/lu-patched" 2> /dev/null || echo base)
	tree_git diff --name-only "$patched" -- "${EDIT_PATHS[@]}"
}

prepare_base() {
	local source=${LU_BASE:-$LU_BASE_DEB} tmp version key edits

	take_lock
	if [ -z "${LU_BASE:-}" ]; then
		need_packages "for the base, Linux 6.12 as Debian ships it" linux-source-6.12
	fi
	[ -e "$source" ] || die "$source: no such file; set LU_BASE to a linux-6.12.y.tar.xz or a folder, or unset it for Debian's"
	source=$(readlink -f "$source")
	key=$(base_key "$source") || exit 1
	if [ -f "$LU_TREE/.git/lu-base-key" ] && [ "$(cat "$LU_TREE/.git/lu-base-key")" = "$key" ]; then
		return 0
	fi
	if [ -d "$LU_TREE/.git" ]; then
		edits=$(tree_edits)
		[ -z "$edits" ] || die "the base is now $source, but build/linux has edits of its own (${edits//$'\n'/, }); save them with ./lu patch, or drop them with ./lu clean"
	fi

	rm -rf -- "$LU_OUT"/.base.*
	tmp=$(mktemp -d "$LU_OUT/.base.XXXXXX")
	# shellcheck disable=SC2064 # the folder of now is meant
	trap "rm -rf -- '$tmp'" EXIT
	[ ! -d "$source" ] || base_check_version "$source" "$source"
	if [ -e "$source/.config" ]; then
		die "$source: is configured or built in place; run 'make mrproper' in it, or set LU_BASE to a clean one"
	fi
	step "unpacking ${source##*/}" "$LU_LOGS/base.log" . 87000 base_unpack "$source" "$tmp" || {
		tail -n 2 "$LU_LOGS/base.log" | sed 's/^/    /' >&2
		die "$source: cannot be unpacked, it is damaged or not complete; get it again (apt-get install --reinstall linux-source-6.12) or set LU_BASE to another"
	}
	base_check_version "$tmp" "$source"
	version=$(base_version "$tmp")
	step "recording Linux $version as the base" "$LU_LOGS/base.log" . 0 base_commit "$tmp" "$version" ||
		die "$source: git could not record it, see build/logs/base.log (is the disk full?)"
	# Its other folder goes with the repository that it is of.
	rm -rf -- "$LU_TREE" "$LU_OUT/verify"
	echo "$key" > "$tmp/.git/lu-base-key"
	mv -- "$tmp" "$LU_TREE"
	trap - EXIT
}
