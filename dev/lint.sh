# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# lint.sh: what a reviewer's tools would say, before a reviewer has to.
#
# Each check is a function lint_NAME that prints what is wrong, with file and line,
# and fails; "./lu lint" runs them all and tells each one's verdict.

# checkpatch says these of every series with new files, whatever is in it:
#   FILE_PATH_CHANGES  asks for MAINTAINERS entries, which one of the topics adds
#   SPDX_LICENSE_TAG   runs a script of the tree that needs Python packages
#   UNDOCUMENTED_DT_STRING  of ".compatible", which is not always a device tree's
CHECKPATCH_IGNORE=FILE_PATH_CHANGES,SPDX_LICENSE_TAG,UNDOCUMENTED_DT_STRING

# What it says of single files: memblock's own BUG_ON() is on a line that changes, and initialisers
# take constants.
CHECKPATCH_KNOWN='^mm/memblock\.c:[0-9]+: WARNING:AVOID_BUG:'
CHECKPATCH_KNOWN+='|^(include/linux/kho_block\.h|lib/luo_exercise_mutate\.c):[0-9]+: CHECK:MACRO_ARG_REUSE:'

# Of user-space code it asks for what only the kernel has (strscpy, ARRAY_SIZE, BIT, __printf), and
# frowns on macros that a test frame and the shims of kernel headers are made of.
CHECKPATCH_IGNORE_USER=STRCPY,STRNCPY,STRLCPY,ARRAY_SIZE,BIT_MACRO,PREFER_DEFINED_ATTRIBUTE_MACRO
CHECKPATCH_IGNORE_USER+=,MACRO_ARG_REUSE,MACRO_ARG_UNUSED,MACRO_ARG_PRECEDENCE,MACRO_WITH_FLOW_CONTROL
CHECKPATCH_IGNORE_USER+=,COMPLEX_MACRO,SPACING,SPLIT_STRING,VOLATILE,SINGLE_STATEMENT_DO_WHILE_MACRO
CHECKPATCH_IGNORE_USER+=,EMBEDDED_FUNCTION_NAME,IS_ENABLED_CONFIG,NEW_TYPEDEFS,CAMELCASE
CHECKPATCH_IGNORE_USER+=,QUOTED_WHITESPACE_BEFORE_NEWLINE

our_files() { # PATTERN: of the kernel tree
	overlay_files | grep -E -- "$1" || :
}

lint_shellcheck() {
	(cd "$LU_TOP" && {
		echo lu
		git ls-files -co --exclude-standard '*.sh' '*.bash-completion' .ci/run
	} | sort -u | xargs shellcheck -x)
}

lint_python() {
	(cd "$LU_TOP" && git ls-files -co --exclude-standard '*.py' | xargs -r python3 -W error -c '
import ast, sys
for name in sys.argv[1:]:
    with open(name, encoding="utf-8") as f:
        ast.parse(f.read(), name)')
}

# No file is longer than one noun needs, no promise is left in one.
lint_house() {
	local f rc=0 n

	while read -r f; do
		n=$(wc -l < "$LU_TOP/$f")
		if [ "$n" -gt 900 ]; then
			echo "$f: $n lines; a file is one noun, under 900 lines: split it"
			rc=1
		fi
	done < <(our_files '\.(c|h|S|py|sh)$')
	if (cd "$LU_TOP" && git grep -nwE 'TODO|FIXME|XXX' -- ':!dev/lint.sh' ':!patches'); then
		echo "finish what the lines above leave open"
		rc=1
	fi
	while read -r f; do
		[ -n "$(overlay_files | grep -F -- "${f%\*}" | head -n 1)" ] ||
			[ -e "$LU_TREE/${f%\*}" ] || {
			echo "MAINTAINERS: F: $f names no file"
			rc=1
		}
	done < <(sed -n 's/^F:[[:space:]]*//p' "$LU_TOP/MAINTAINERS")
	return "$rc"
}

# Each commit of the series as kernel code, but linker scripts, which checkpatch knows by one name
# only; luctl and the tests, which are user-space programs, by file and without what only kernel code
# can follow.
lint_checkpatch() {
	local commit last rc=0 patch=$LU_OUT/.lint.patch f

	last=$(commit_series)
	for commit in $(tree_git rev-list --reverse "base..$last"); do
		tree_git format-patch --stdout "$commit^..$commit" -- . ':!tools/testing' \
			':!tools/liveupdate' ':!*.lds.h' > "$patch"
		[ ! -s "$patch" ] || run_checkpatch "$patch" "$CHECKPATCH_IGNORE" || rc=1
	done
	rm -f -- "$patch"
	for f in $(our_files '^tools/(testing|liveupdate)/.*\.[ch]$'); do
		run_checkpatch "$f" "$CHECKPATCH_IGNORE,$CHECKPATCH_IGNORE_USER" -f || rc=1
	done
	return "$rc"
}

# What it finds is on stdout; on stderr are tracebacks of a script that lacks its packages.
run_checkpatch() { # FILE IGNORE OPTIONS...
	local file=$1 ignore=$2 found rc=0
	shift 2

	found=$(cd "$LU_TREE" && perl scripts/checkpatch.pl --strict --no-summary --terse --showfile \
		--show-types --color=never --ignore "$ignore" "$@" "$file" 2> /dev/null) || rc=$?
	[ "$rc" -ne 0 ] || return 0
	! grep -vE -- "$CHECKPATCH_KNOWN" <<< "$found" && [ "$rc" -eq 1 ]
}

# Each message is explained in the admin guide, and none that is gone.
lint_diagnostics() {
	python3 "$LU_DEV/diagnostics.py" "$LU_TREE"
}

# The edits of PCI are those that its page lists.
lint_hooks() {
	local patches

	mapfile -t patches < <(series_patches | grep -E -e '-(pci|portdrv)-liveupdate' | sed "s,^,$LU_TOP/patches/,")
	python3 "$LU_DEV/hooks.py" "$LU_TOP/Documentation/PCI/liveupdate.rst" "${patches[@]}"
}

# No format's layout changed without its string, and the catalogue is up to date.
lint_layout() {
	python3 "$LU_DEV/layout.py" --tree "$LU_TREE" --build "$LU_OUT/prod"
}

lint_kerneldoc() {
	local files

	files=$(our_files '^(include|kernel|mm|drivers|lib|arch)/.*\.[ch]$')
	[ -n "$files" ] || return 0
	(cd "$LU_TREE" && xargs perl scripts/kernel-doc -none -Wall -Werror <<< "$files")
}

# Our objects of the prod kernel, recompiled under sparse's eyes; and the KUnit files as they would be
# with KUnit, which that kernel has not got. What they test is declared for them alone.
lint_sparse() {
	local files flags log=$LU_LOGS/sparse.log

	files=$(our_files '^(kernel|mm|drivers|lib)/.*\.c$' | sed 's/\.c$/.o/')
	[ -n "$files" ] || return 0
	flags=$(sed -n 's,.*/\(.*_kunit\.o\)$,CFLAGS_\1=-DCONFIG_KUNIT=1,p' <<< "$files")
	# shellcheck disable=SC2086 # lists of words are meant
	kernel_make "$LU_OUT/prod" C=2 CF="-Wsparse-error -Wno-unknown-attribute" $flags $files > "$log" 2>&1 || {
		grep -E '(error|warning):' "$log" || tail -n 5 "$log"
		return 1
	}
	! grep -E '(error|warning):' "$log"
}

# What is for arm64 compiles there, from nothing as on x86-64; it is not linked, but the linker
# is told of the formats.
lint_arm64() {
	local out=$LU_OUT/arm64 log=$LU_LOGS/arm64.log fragment=$LU_OUT/arm64/.lu-fragment

	mkdir -p "$out"
	grep -vhE 'EXERCISE|TEST_KEXEC|MODULE|PCI' "$LU_TESTS"/config "$LU_TESTS"/config.arm64 > "$fragment"
	(
		export ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu-
		kernel_make "$out" -s KCONFIG_ALLCONFIG="$fragment" allnoconfig
		while read -r symbol; do
			grep -qxF -- "$symbol" "$out/.config" || {
				echo "config.arm64: $symbol was dropped"
				exit 1
			}
		done < <(grep -hE '^CONFIG_' "$fragment")
		# shellcheck disable=SC2046 # a list of words is meant
		kernel_make "$out" KCFLAGS=-Werror $(arm64_objects) arch/arm64/kernel/vmlinux.lds
	) > "$log" 2>&1 || {
		grep -E '(error|warning|dropped)' "$log" || tail -n 5 "$log"
		return 1
	}
	grep -qF 'KEEP(*(.liveupdate_formats.entry))' "$out/arch/arm64/kernel/vmlinux.lds" || {
		echo "arch/arm64/kernel/vmlinux.lds: no table of formats; LIVEUPDATE_FORMATS of asm-generic/vmlinux.lds.h has not reached it"
		return 1
	}
}

# KHO compiles without what the hosts' configuration happens to have: deferred struct pages,
# NUMA, crash kernels, debugfs, hugetlbfs beside transparent huge pages; and with what it has not.
lint_options() {
	local out=$LU_OUT/options log=$LU_LOGS/options.log fragment=$LU_OUT/options/.lu-fragment

	mkdir -p "$out"
	{
		grep -vhE 'DEBUGFS|EXERCISE|TEST|LIVEUPDATE|MODULES|PCI' "$LU_TESTS"/config "$LU_TESTS"/config.x86_64
		printf 'CONFIG_%s=y\n' SMP TRANSPARENT_HUGEPAGE MEM_ALLOC_PROFILING
	} > "$fragment"
	(
		kernel_make "$out" -s KCONFIG_ALLCONFIG="$fragment" allnoconfig
		if grep -E '^CONFIG_(DEFERRED_STRUCT_PAGE_INIT|NUMA|CRASH_DUMP|HUGETLBFS|KEXEC_HANDOVER_.*)=y' "$out/.config" ||
			[ "$(grep -cxE 'CONFIG_(KEXEC_HANDOVER|TRANSPARENT_HUGEPAGE|MEM_ALLOC_PROFILING)=y' "$out/.config")" -ne 3 ]; then
			echo "lint_options: an option that was to be off is on, or one that was to be on is not"
			exit 1
		fi
		# shellcheck disable=SC2046 # a list of words is meant
		kernel_make "$out" KCFLAGS=-Werror kernel/liveupdate/ $(options_objects)
	) > "$log" 2>&1 || {
		grep -E '(error|warning|dropped)' "$log" || tail -n 5 "$log"
		return 1
	}
}

# What the edits of memory management and of x86 touch.
options_objects() {
	for patch in $(series_patches | grep -E 'kho'); do
		sed -n 's,^+++ b/\(.*\.c\)$,\1,p' "$LU_TOP/patches/$patch"
	done | grep -E '^(mm|arch/x86/(kernel|mm))/' | sort -u | while read -r f; do
		# Not those that an option of the hosts brings.
		case $f in
		mm/hugetlb*.c | mm/memtest.c | mm/numa*.c | arch/x86/mm/numa*.c) ;;
		*) echo "${f%.c}.o" ;;
		esac
	done
}

# Our own objects and those that the series edits, as far as arm64 has them: not those of PCI yet.
arm64_objects() {
	{
		our_files '^(kernel|mm|drivers|lib|arch/arm64)/.*\.c$'
		for patch in $(series_patches); do
			sed -n 's,^+++ b/\(.*\.c\)$,\1,p' "$LU_TOP/patches/$patch"
		done | grep -E '^(kernel|mm|drivers|lib|arch/arm64)/'
	} | grep -vE '(_kunit|_module|test_.*|(kho|luo)_exercise.*)\.c$|^drivers/(pci|usb)/' | sort -u | sed 's/\.c$/.o/'
}

# The exported series is the tree: nothing missing, nothing stale, git am takes it.
lint_roundtrip() {
	local dir=$LU_OUT/.lint.series

	export_series "$dir"
	verify_round_trip "$dir"
	rm -rf -- "$dir"
}

# One check, its verdict and its time. A failed one leaves its name.
run_check() { # NAME
	local log=$LU_LOGS/lint-$1.log begin=$SECONDS clear='' rc=0

	("lint_$1") > "$log" 2>&1 || rc=$?
	[ ! -t 2 ] || clear=$'\r\033[K'
	if [ "$rc" -eq 0 ]; then
		printf '%slu: lint: %s: clean, %d s\n' "$clear" "$1" $((SECONDS - begin)) >&2
		return 0
	fi
	echo "$1" >> "$LU_LOGS/lint-failed"
	printf '%s%s\nlu: lint: %s: FAILED\n' "$clear" "$(sed 's/^/    /' "$log")" "$1" >&2
}

# Until fewer than that many checks run; on a terminal one line counts those that are done.
await_checks() { # NUMBER BEGUN ALL SINCE
	local running

	while running=$(jobs -pr | wc -l) && [ "$running" -ge "$1" ]; do
		[ ! -t 2 ] || printf '\r\033[Klu: lint: %d of %d, %d s' $(($2 - running)) "$3" $((SECONDS - $4)) >&2
		sleep 0.3
	done
}

cmd_lint() {
	local check since groups=() checks=(checkpatch arm64 options sparse roundtrip layout kerneldoc
		shellcheck python house diagnostics hooks)

	[ $# -eq 0 ] || die "lint: takes no arguments"
	need_packages "to check the sources" "${PACKAGES_LINT[@]}"
	take_lock
	build_kernel prod
	: > "$LU_LOGS/lint-failed"
	since=$SECONDS
	# Side by side, the longest first. As in step(): whoever ends this ends all of it.
	for check in "${checks[@]}"; do
		await_checks "$LU_JOBS" ${#groups[@]} ${#checks[@]} "$since"
		set -m
		run_check "$check" 9>&- < /dev/null &
		set +m
		groups+=("-$!")
		# shellcheck disable=SC2064 # those of now are meant
		trap "kill -- ${groups[*]} 2> /dev/null || :; exit 130" INT TERM HUP
	done
	await_checks 1 ${#groups[@]} ${#checks[@]} "$since"
	wait
	trap - INT TERM HUP
	[ ! -t 2 ] || printf '\r\033[K' >&2
	[ ! -s "$LU_LOGS/lint-failed" ] || die "lint: $(paste -sd' ' "$LU_LOGS/lint-failed"): see above"
	say "lint: clean"
}
