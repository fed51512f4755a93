# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# vm.sh: the test programs and the VM, for check, shell, demo and bench.

LU_PROGRAMS=$LU_OUT/selftests

compile_programs() {
	kernel_make "$LU_OUT/prod" headers
	mkdir -p "$LU_PROGRAMS"
	make -C "$LU_TREE/tools/testing/selftests/liveupdate" OUTPUT="$LU_PROGRAMS" \
		KHDR_INCLUDES="-isystem $LU_OUT/prod/usr/include"
}

# The test programs, from the tree. The prod kernel is configured by then.
build_programs() {
	local log=$LU_LOGS/selftests.log key

	key=$( (
		cd "$LU_TOP" || exit 1
		overlay_files | grep -E '^(tools/(testing/selftests|liveupdate)|include/uapi)/|liveupdate_format|format_table' | xargs -r -d '\n' sha256sum
		gcc --version
	) | hash_of)
	if [ "$(cat "$LU_PROGRAMS/.lu-key" 2> /dev/null)" = "$key" ]; then
		return 0
	fi
	rm -rf -- "$LU_PROGRAMS"
	step "compiling the test programs" "$log" '^(  |gcc)' 0 compile_programs || {
		show_failure "$log"
		die "the test programs do not compile; all of it is in ${log#"$LU_TOP"/}"
	}
	echo "$key" > "$LU_PROGRAMS/.lu-key"
}
