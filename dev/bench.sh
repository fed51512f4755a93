# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# bench.sh: the commands that run one VM: bench, demo and shell.

# ready_vm FLAVOUR: kernel, test programs and what runs them.
ready_vm() {
	need_packages "to run VMs" "${PACKAGES_VM[@]}"
	build_kernel "$1"
	build_programs
}

cmd_bench() {
	local args=()

	while [ $# -gt 0 ]; do
		case $1 in
		--json) args+=(--json) ;;
		-*) die "bench: $1: no such option; there is --json" ;;
		*) args+=("$1") ;;
		esac
		shift
	done
	ready_vm prod
	"$LU_TESTS/vm/bench.py" --programs "$LU_PROGRAMS" --image "$LU_OUT/prod/arch/x86/boot/bzImage" \
		--logs "$LU_LOGS/bench" "${args[@]}" 9>&-
}

cmd_demo() {
	[ $# -eq 0 ] || die "demo: takes no arguments"
	ready_vm prod
	"$LU_TESTS/vm/demo.py" --programs "$LU_PROGRAMS" --image "$LU_OUT/prod/arch/x86/boot/bzImage" \
		--logs "$LU_LOGS/demo" 9>&-
}

cmd_shell() {
	local flavour=prod

	case ${1:-} in
	prod | debug)
		flavour=$1
		shift
		;;
	esac
	ready_vm "$flavour"
	exec "$LU_TESTS/vm/shell.py" --programs "$LU_PROGRAMS" \
		--image "$LU_OUT/$flavour/arch/x86/boot/bzImage" --busybox /bin/busybox \
		--logs "$LU_LOGS/shell" "$@" 9>&-
}
