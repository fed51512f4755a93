# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# ktap.sh: runs the functions test_NAME of a host test that sources this, in the order of its file
# and each after fresh() where there is one. Prints KTAP.

# Why a test fails.
fail() {
	printf '# %s\n' "$*"
	return 1
}

run_tests() {
	local name number=0 failed=0

	echo "KTAP version 1"
	while read -r name; do
		number=$((number + 1))
		! declare -F fresh > /dev/null || fresh
		if "test_$name" < /dev/null; then
			echo "ok $number $name"
		else
			echo "not ok $number $name"
			failed=1
		fi
	done < <(sed -n 's/^test_\([A-Za-z0-9_]*\)() {$/\1/p' "$0")
	echo "1..$number"
	return "$failed"
}
