# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# tree.sh: build/linux = base + patches/series + our files.
#
# Patches are applied to a copy of git's index first; only when all of them fit does
# one "git read-tree -m -u" move the folder from the old set to the new one, touching
# just the files that differ, so that a build after it compiles just those. Our files
# are then copied over the tree where they differ, and those that are gone from
# the repository are removed from the tree. The tree's state is in .git/lu-*:
#
#   lu-patched    the git tree of base + patches, as it stands in the folder
#   lu-patch-key  what it was made from
#   lu-overlay    the files of ours that are in the folder

# What in the repository is not a file of the kernel tree.
overlay_skip='^(lu|README\.md|MAINTAINERS|LICENSE|COPYING|\.[^/]*|(dev|patches|build|\.ci)/.*)$'

overlay_files() {
	git -C "$LU_TOP" ls-files -co --exclude-standard | LC_ALL=C sort -u | grep -vE "$overlay_skip" |
		while read -r f; do
			[ ! -f "$LU_TOP/$f" ] || echo "$f"
		done
}

# The patches for this base: a line of patches/series may end in "since 6.12.N" or
# "until 6.12.N", where the same edit looks different in older kernels.
series_patches() {
	local patch word version base

	base=$(base_release)
	sed -e 's/#.*//' "$LU_TOP/patches/series" | while read -r patch word version; do
		case $word in
		since) [ "${base##*.}" -ge "${version##*.}" ] || continue ;;
		until) [ "${base##*.}" -le "${version##*.}" ] || continue ;;
		esac
		[ -z "$patch" ] || echo "$patch"
	done
}

patch_has_diff() { grep -q '^diff --git ' "$LU_TOP/patches/$1"; }

# Insert our entries into the base's MAINTAINERS, each before the title that follows it
# in the alphabet (the base's list is not quite sorted).
merge_maintainers() { # BASE-FILE OUR-FILE
	LC_ALL=C awk '
	FNR == 1 { file++; list = 0; blank = 0 }
	file == 1 {
		if ($0 == "") { fresh = 0; next }
		if (!fresh) { n++; fresh = 1; name[n] = $0 }
		text[n] = text[n] $0 "\n"
		next
	}
	list && blank && /^[0-9A-Z]/ && !/^[A-Z]:\t/ {
		for (i = 1; i <= n; i++) {
			if (file == 2 && $0 > name[i] && (!(i in next_title) || $0 < next_title[i]))
				next_title[i] = $0
			if (file == 3 && $0 == next_title[i])
				printf "%s\n", text[i]
		}
	}
	{ blank = $0 == "" }
	/^Maintainers List/ { list = 1 }
	file == 3' "$2" "$1" "$1"
}

# The whole of patches/series in an index of its own; prints the git tree.
series_tree() {
	local index patch key_version err

	index=$(mktemp "$LU_OUT/.index.XXXXXX")
	# An index must not exist empty.
	rm -f -- "$index"
	key_version=$(base_release)
	GIT_INDEX_FILE=$index tree_git read-tree base
	for patch in $(series_patches); do
		if [ ! -f "$LU_TOP/patches/$patch" ]; then
			rm -f -- "$index"
			die "patches/series names $patch, but there is no patches/$patch; add the file or take the line out"
		fi
		patch_has_diff "$patch" || continue
		if ! err=$(GIT_INDEX_FILE=$index tree_git apply --cached --whitespace=nowarn "$LU_TOP/patches/$patch" 2>&1); then
			rm -f -- "$index"
			printf '%s\n' "$err" | sed 's/^/    /' >&2
			die "patches/$patch: does not apply to Linux $key_version; rework it for this base, or set LU_BASE to another"
		fi
	done
	if [ -f "$LU_TOP/MAINTAINERS" ]; then
		tree_git show base:MAINTAINERS > "$index.base"
		merge_maintainers "$index.base" "$LU_TOP/MAINTAINERS" > "$index.new"
		GIT_INDEX_FILE=$index tree_git update-index --cacheinfo \
			"100644,$(tree_git hash-object -w "$index.new"),MAINTAINERS"
	fi
	GIT_INDEX_FILE=$index tree_git write-tree
	rm -f -- "$index" "$index.base" "$index.new"
}

apply_series() {
	local key old new err

	key=$( (
		tree_git rev-parse base
		cd "$LU_TOP" || exit 1
		cat patches/series
		series_patches | sed 's,^,patches/,' | xargs -r cat -- 2> /dev/null || :
		cat MAINTAINERS dev/tree.sh
	) | hash_of)
	if [ -f "$LU_TREE/.git/lu-patch-key" ] && [ "$(cat "$LU_TREE/.git/lu-patch-key")" = "$key" ]; then
		return 0
	fi
	old=$(cat "$LU_TREE/.git/lu-patched" 2> /dev/null || tree_git rev-parse 'base^{tree}')
	new=$(series_tree) || exit 1
	tree_git update-index -q --refresh > /dev/null || :
	if ! err=$(tree_git read-tree -m -u "$old" "$new" 2>&1); then
		printf '%s\n' "$err" | sed 's/^/    /' >&2
		die "patches/ changed files that are edited in build/linux too; save the edits with ./lu patch, or drop them with git -C build/linux checkout FILE"
	fi
	echo "$new" > "$LU_TREE/.git/lu-patched"
	echo "$key" > "$LU_TREE/.git/lu-patch-key"
}

apply_overlay() {
	local list=$LU_OUT/.overlay.new old=$LU_TREE/.git/lu-overlay f clash

	overlay_files > "$list"
	clash=$(tree_git ls-tree -r --name-only base | LC_ALL=C sort | LC_ALL=C comm -12 - "$list" | head -n 1)
	[ -z "$clash" ] ||
		die "$clash: would overwrite a file of the base; make the edit a patch: edit build/linux/$clash, then ./lu patch"
	if [ -f "$old" ]; then
		LC_ALL=C comm -23 "$old" "$list" | while read -r f; do
			rm -f -- "$LU_TREE/$f"
			rmdir -p --ignore-fail-on-non-empty -- "$(dirname "$LU_TREE/$f")" 2> /dev/null || :
		done
	fi
	# The record first: what an interrupted copy left is then removed by a later run.
	{
		cat "$list"
		[ ! -f "$old" ] || cat "$old"
	} | LC_ALL=C sort -u > "$old.all"
	mv -- "$old.all" "$old"
	while read -r f; do
		if ! cmp -s -- "$LU_TOP/$f" "$LU_TREE/$f"; then
			mkdir -p "$(dirname "$LU_TREE/$f")"
			rm -f -- "$LU_TREE/$f"
			cp -- "$LU_TOP/$f" "$LU_TREE/$f"
		elif [ -x "$LU_TOP/$f" ] && [ ! -x "$LU_TREE/$f" ]; then
			chmod +x -- "$LU_TREE/$f"
		fi
	done < "$list"
	mv -- "$list" "$old"
}

prepare_tree() {
	need_packages "to build a kernel" "${PACKAGES_BUILD[@]}"
	prepare_base
	apply_series
	apply_overlay
}
