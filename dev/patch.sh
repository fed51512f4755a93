# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# patch.sh: turn edits of base files in build/linux into a patch of the series.
#
# "./lu patch" shows what is edited. "./lu patch TOPIC" puts the edits into
# patches/NNNN-TOPIC.patch: into the one that exists, whose message and number
# stay, or into a new one at the end of the series. An edit that belongs
# to an earlier patch must fit there; whatever follows it must still apply.

# The tree TREE with the diff in FILE applied to it.
tree_with() { # TREE FILE
	local index rc=0

	index=$(mktemp -u "$LU_OUT/.index.XXXXXX")
	GIT_INDEX_FILE=$index tree_git read-tree "$1"
	GIT_INDEX_FILE=$index tree_git apply --cached --3way --whitespace=nowarn "$2" >&2 || rc=$?
	[ "$rc" -ne 0 ] || GIT_INDEX_FILE=$index tree_git write-tree
	rm -f -- "$index"
	return "$rc"
}

# The message and the Adds lines of a patch: all before its diff.
patch_head() { sed '/^diff --git /,$d' "$LU_TOP/patches/$1"; }

next_number() {
	local last

	last=$(series_patches | sed -n 's/^\([0-9]\{4\}\)-.*/\1/p' | sort -n | tail -n 1)
	printf '%04d' $((10#${last:-0} + 1))
}

# The diff between two trees as it stands in a patch.
patch_diff() { # OLD NEW
	tree_git diff --full-index "$1" "$2" -- |
		sed -E '/^index [0-9a-f]{40}/s/([0-9a-f]{12})[0-9a-f]{28}/\1/g'
}

# Puts the diff of FILE into PATCH of the series, and writes the new texts of it and of what
# follows it to FOLDER. What follows is carried over as git's merge does it.
refresh_patches() { # FILE PATCH FOLDER
	local old new step p found=

	old=$(tree_git rev-parse 'base^{tree}')
	new=$old
	for p in $(series_patches); do
		step=$old
		! patch_has_diff "$p" || step=$(tree_with "$old" "$LU_TOP/patches/$p") || return 1
		if [ -z "$found" ] && [ "$p" != "$2" ]; then
			old=$step
			new=$step
			continue
		fi
		tree_git diff --full-index --binary "$old" "$step" -- > "$3/.diff"
		old=$step
		step=$new
		[ ! -s "$3/.diff" ] || step=$(tree_with "$new" "$3/.diff") || return 1
		if [ -z "$found" ]; then
			found=1
			step=$(tree_with "$step" "$1") || return 1
		fi
		{
			patch_head "$p"
			patch_diff "$new" "$step"
		} > "$3/$p"
		new=$step
	done
	rm -f -- "$3/.diff"
}

cmd_patch() {
	local topic=${1:-} edits patch work author diff=$LU_OUT/.edits.diff tmp=$LU_OUT/.patches.new

	[ $# -le 1 ] || die "patch: takes one topic, like memblock-flags"
	[[ $topic =~ ^[a-z0-9-]*$ ]] || die "patch: '$topic': a topic is of small letters, digits and dashes"
	[ -f "$LU_TREE/.git/lu-patched" ] || die "patch: there is no build/linux yet; run ./lu build, then edit in it"
	take_lock
	edits=$(tree_edits)
	if [ -z "$edits" ]; then
		say "build/linux has no edits of base files; edit there, then run ./lu patch TOPIC"
		return 0
	fi
	work=$(cat "$LU_TREE/.git/lu-patched")
	if [ -z "$topic" ]; then
		say "edited in build/linux and in no patch yet:"
		tree_git --no-pager diff --stat "$work" -- "${EDIT_PATHS[@]}" >&2
		say "./lu patch TOPIC makes them a patch"
		return 0
	fi

	rm -rf -- "$tmp"
	mkdir -p "$tmp"
	tree_git diff --full-index --binary "$work" -- "${EDIT_PATHS[@]}" > "$diff"
	patch=$(series_patches | grep -E "^[0-9]{4}-$topic\.patch$" || :)
	if [ -n "$patch" ]; then
		refresh_patches "$diff" "$patch" "$tmp" > "$LU_LOGS/patch.log" 2>&1 ||
			die "the edits do not fit into patches/$patch: a later patch changes the same lines; name that one (build/logs/patch.log)"
	else
		author=$(git -C "$LU_TOP" -c user.useConfigOnly=true var GIT_AUTHOR_IDENT 2> /dev/null) ||
			die "patch: git does not know who signs it off; tell it with git config user.name NAME and git config user.email MAIL, then again"
		patch=$(next_number)-$topic.patch
		{
			printf 'Subject: %s: what it does\n\nWhy.\n\nSigned-off-by: %s>\n---\n' \
				"${edits%%$'\n'*}" "${author%>*}"
			patch_diff "$work" "$(tree_with "$work" "$diff")"
		} > "$tmp/$patch"
		echo "$patch" >> "$LU_TOP/patches/series"
		say "patches/$patch is new: write its message"
	fi
	mv -- "$tmp"/*.patch "$LU_TOP/patches/"
	rm -rf -- "$diff" "$tmp"

	# The folder has it all already; only the record of it moves on.
	work=$(series_tree) || exit 1
	tree_git show "$work:MAINTAINERS" > "$LU_TREE/MAINTAINERS"
	tree_git add -u
	[ "$(tree_git write-tree)" = "$work" ] ||
		say "build/linux differs from the new series; ./lu build sorts it out"
	tree_git read-tree -m "$work"
	echo "$work" > "$LU_TREE/.git/lu-patched"
	rm -f -- "$LU_TREE/.git/lu-patch-key"
	say "patches/$patch: $(grep -c '^@@' "$LU_TOP/patches/$patch") hunks"
}
