# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# series.sh: the series as mbox patches for git am.
#
# Each file in patches/series is one commit: its message ("Subject:" and the text up
# to the line "---"), then "Adds: PATTERN" lines that name the files of ours
# which come with it, then the diff of existing files. A file of ours belongs to the first
# topic that names it and must belong to one. Its author is who signed it off first, whoever exports it.

topic_message() { # PATCH
	sed -n '/^---$/q; /^diff --git /q; p' "$LU_TOP/patches/$1" | sed '1s/^Subject: *\(\[PATCH[^]]*\] *\)\?//'
}

topic_author() { # PATCH
	topic_message "$1" | awk 'sub(/^Signed-off-by: */, "") && /^[^ <][^<]* <[^>]+>/ && !n++'
}

topic_adds() { # PATCH
	sed '/^diff --git /,$d' "$LU_TOP/patches/$1" | sed -n 's/^Adds: *//p'
}

# Commits the series on top of base in the tree's git, prints the last commit.
commit_series() {
	local index left mine patch pattern f commit date mode author mail

	index=$(mktemp -u "$LU_OUT/.index.XXXXXX")
	left=$index.left
	mine=$index.mine
	overlay_files > "$left"
	date=$(git -C "$LU_TOP" log -1 --format=%aI 2> /dev/null || date -Is)
	commit=$(tree_git rev-parse base)
	GIT_INDEX_FILE=$index tree_git read-tree base
	for patch in $(series_patches); do
		! patch_has_diff "$patch" ||
			GIT_INDEX_FILE=$index tree_git apply --cached --whitespace=nowarn "$LU_TOP/patches/$patch"
		while read -r pattern; do
			if [ "$pattern" = MAINTAINERS ]; then
				GIT_INDEX_FILE=$index tree_git show :MAINTAINERS > "$mine.base"
				merge_maintainers "$mine.base" "$LU_TOP/MAINTAINERS" > "$mine.new"
				GIT_INDEX_FILE=$index tree_git update-index --cacheinfo \
					"100644,$(tree_git hash-object -w "$mine.new"),MAINTAINERS"
				continue
			fi
			# The pattern is a shell pattern, which may match folders too.
			while read -r f; do
				# shellcheck disable=SC2053
				[[ $f != $pattern ]] || echo "$f"
			done < "$left" > "$mine"
			[ -s "$mine" ] || {
				rm -f -- "$index"*
				die "patches/$patch: 'Adds: $pattern' names no file that is not in an earlier topic; mend or remove the line"
			}
			while read -r f; do
				mode=100644
				[ ! -x "$LU_TOP/$f" ] || mode=100755
				GIT_INDEX_FILE=$index tree_git update-index --add --cacheinfo \
					"$mode,$(tree_git hash-object -w "$LU_TOP/$f"),$f"
			done < "$mine"
			LC_ALL=C comm -23 "$left" "$mine" > "$left.new"
			mv -- "$left.new" "$left"
		done < <(topic_adds "$patch")
		author=$(topic_author "$patch")
		[ -n "$author" ] || {
			rm -f -- "$index"*
			die "patches/$patch: has no 'Signed-off-by: NAME <MAIL>' line; add its author's"
		}
		mail=${author##*<}
		mail=${mail%%>*}
		commit=$(topic_message "$patch" | GIT_AUTHOR_NAME=${author% <*} \
			GIT_AUTHOR_EMAIL=$mail GIT_AUTHOR_DATE=$date \
			GIT_COMMITTER_NAME=lu GIT_COMMITTER_EMAIL=lu@localhost GIT_COMMITTER_DATE=$date \
			tree_git commit-tree -p "$commit" "$(GIT_INDEX_FILE=$index tree_git write-tree)")
	done
	rm -f -- "$index" "$mine" "$mine.base" "$mine.new"
	[ ! -s "$left" ] || {
		f=$(head -n 1 "$left")
		rm -f -- "$left"
		die "$f: is in no topic of the series; add an 'Adds:' line to the patch in patches/ that it belongs to"
	}
	rm -f -- "$left"
	echo "$commit"
}

# Mails in the repository must not be taken for files of the series.
hide_from_overlay() { # DIR
	[[ $1/ == "$LU_TOP"/* ]] && ! git -C "$LU_TOP" check-ignore -q -- "$1/x" || return 0
	[ -z "$(find "$1" -mindepth 1 ! -name '[0-9]*.patch' -print -quit)" ] ||
		die "series: $1 is in the repository and has other files in it; give a folder of its own"
	echo '*' > "$1/.gitignore"
}

export_series() { # DIR
	local dir=$1 last subject

	last=$(commit_series) || exit 1
	mkdir -p "$dir"
	dir=$(readlink -f "$dir")
	hide_from_overlay "$dir"
	find "$dir" -maxdepth 1 -name '[0-9][0-9][0-9][0-9]-*.patch' -delete
	GIT_COMMITTER_NAME=lu GIT_COMMITTER_EMAIL=lu@localhost tree_git format-patch -q -o "$dir" \
		--base=base --cover-letter "base..$last"
	subject=$(sed -n '1s/^Subject: *//p' "$LU_TOP/patches/cover-letter")
	awk -v subject="$subject" -v text="$LU_TOP/patches/cover-letter" '
		/\*\*\* SUBJECT HERE \*\*\*/ { sub(/\*\*\* SUBJECT HERE \*\*\*/, subject) }
		/^\*\*\* BLURB HERE \*\*\*$/ {
			while ((getline line < text) > 0)
				if (n++ > 1) print line
			next
		}
		/^From: / { next }
		{ print }' "$dir/0000-cover-letter.patch" > "$dir/.cover"
	{
		sed -n 1p "$dir/.cover"
		tree_git log -1 --format='From: %an <%ae>' "$last"
		sed 1d "$dir/.cover"
	} > "$dir/0000-cover-letter.patch"
	rm -f -- "$dir/.cover"
}

# A pristine base in build/verify/linux with nothing but what git am puts there.
verify_tree() {
	local tree=$LU_OUT/verify/linux

	tree_git worktree prune
	if [ -d "$tree" ]; then
		LU_TREE=$tree tree_git am --abort 2> /dev/null || :
		LU_TREE=$tree tree_git reset -q --hard base
		LU_TREE=$tree tree_git clean -qfdx
	else
		mkdir -p "$LU_OUT/verify"
		tree_git worktree add --force --detach "$tree" base
	fi
}

am_one() { # PATCH
	GIT_COMMITTER_NAME=lu GIT_COMMITTER_EMAIL=lu@localhost tree_git am -q "$1"
}

# What git am made of the patches in DIR has to be what the series says.
verify_round_trip() { # DIR
	local dir=$1 patch want LU_TREE=$LU_TREE

	step "laying out the pristine base" "$LU_LOGS/verify.log" . 0 verify_tree ||
		die "build/verify/linux cannot be made; see build/logs/verify.log (is the disk full?)"
	want=$(commit_series) || exit 1
	LU_TREE=$LU_OUT/verify/linux
	for patch in "$dir"/[0-9]*.patch; do
		[[ $patch != */0000-* ]] || continue
		if ! am_one "$patch" > "$LU_LOGS/verify.log" 2>&1; then
			sed 's/^/    /' "$LU_LOGS/verify.log" >&2
			die "${patch##*/}: git am does not take it on the pristine base"
		fi
		"${2:-:}" "$patch"
	done
	[ "$(tree_git rev-parse 'HEAD^{tree}')" = "$(tree_git rev-parse "$want^{tree}")" ] ||
		die "git am gives another tree than patches/ and the files here: is $dir of an older state? Export it anew"
}

verify_compile() {
	local out=$LU_OUT/verify/prod

	mkdir -p "$out"
	{
		for f in $(flavour_fragments prod); do
			cat "$LU_TESTS/$f"
		done
		grep KUNIT "$LU_TESTS/config.debug"
	} > "$out/.lu-fragment"
	# What this step lacks yet is dropped from the configuration.
	kernel_make "$out" -s KCONFIG_ALLCONFIG="$out/.lu-fragment" allnoconfig
	kernel_make "$out" bzImage modules
}

verify_step() { # PATCH
	local log=$LU_LOGS/verify-build.log

	step "building up to ${1##*/}" "$log" '^  [A-Z]' 0 verify_compile || {
		show_failure "$log"
		die "${1##*/}: does not build; all of it is in ${log#"$LU_TOP"/}"
	}
}

cmd_series() {
	local dir verify=

	[ "${1:-}" != --verify ] || {
		verify=1
		shift
	}
	[ $# -eq 1 ] || die "series: takes one folder: ./lu series DIR, or ./lu series --verify DIR"
	dir=$1
	take_lock
	prepare_tree
	if [ -z "$verify" ]; then
		export_series "$dir"
		find "$(readlink -f "$dir")" -maxdepth 1 -name '[0-9]*.patch' | sort
		return 0
	fi
	[ -f "$dir/0000-cover-letter.patch" ] || export_series "$dir"
	verify_round_trip "$(readlink -f "$dir")" verify_step
	say "series: each of the $(find "$dir" -name '[0-9]*.patch' ! -name '0000-*' | wc -l) steps applies to Linux $(base_release) and builds"
}
