# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# check.sh: every test, or those whose names match.
#
# The runner is tools/testing/selftests/liveupdate/vm/run.py. A flavour is built only
# when a test of it is wanted.

host_tests() {
	find "$LU_DEV/tests" -name '*.sh' -type f -perm -u+x 2> /dev/null | sort
}

# Our KUnit suites and their cases, as SUITE and SUITE.CASE, with commas between.
kunit_names() {
	(cd "$LU_TOP" && overlay_files | grep '_kunit\.c$' | xargs -r -d '\n' cat) |
		sed -n -e 's/.*KUNIT_CASE[A-Z_]*(\(\w*\).*/case \1/p' \
			-e '/struct kunit_suite/,/};/s/.*\.name = "\(.*\)".*/suite \1/p' |
		awk '$1 == "case" { cases[n++] = $2 }
			$1 == "suite" { print $2; while (n) print $2 "." cases[--n] }' | paste -sd, -
}

cmd_check() {
	local args=() patterns=() name flavour wanted f

	while [ $# -gt 0 ]; do
		case $1 in
		-l | --list) args+=(--list) ;;
		-a | --all) args+=(--all) ;;
		-j)
			[ $# -gt 1 ] || die "check: -j needs a number"
			LU_JOBS=$2
			shift
			;;
		-*) die "check: $1: no such option; there are -a, -l and -j N" ;;
		*) patterns+=("$1") ;;
		esac
		shift
	done
	[ -z "${LU_OTHER:-}" ] || [ -f "$LU_OTHER" ] ||
		die "check: LU_OTHER=$LU_OTHER: there is no such bzImage"
	need_packages "to run VMs" "${PACKAGES_VM[@]}" "${PACKAGES_CHECK[@]}"
	take_lock
	prepare_tree
	[ -f "$LU_OUT/prod/.config" ] || configure_kernel prod
	build_programs
	while read -r f; do
		args+=(--host "$f")
	done < <(host_tests)
	args+=(--programs "$LU_PROGRAMS" --logs "$LU_LOGS/check" --jobs "$LU_JOBS"
		--kunit "debug=$(kunit_names)")
	if [[ " ${args[*]} " == *" --list "* ]]; then
		"$LU_TESTS/vm/run.py" "${args[@]}" -- "${patterns[@]}"
		return 0
	fi
	wanted=$("$LU_TESTS/vm/run.py" "${args[@]}" --needs -- "${patterns[@]}")
	for name in $wanted; do
		if [ "$name" = other ] && [ -n "${LU_OTHER:-}" ]; then
			args+=(--image "other=$(realpath -e -- "$LU_OTHER")")
			continue
		fi
		# Without another kernel, the flavour that differs most.
		flavour=${name/#other/debug}
		build_kernel "$flavour"
		args+=(--image "$name=$LU_OUT/$flavour/arch/x86/boot/bzImage")
	done
	"$LU_TESTS/vm/run.py" "${args[@]}" -- "${patterns[@]}" 9>&-
}
