#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# bench.sh: two runs of a benchmark agree to 0.1 %, and a figure that is too high fails it.
#
# Needs a built prod kernel and the test programs. Prints KTAP; each test is a function test_NAME.
#
# shellcheck disable=SC2317

set -uo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=dev/ktap.sh
source "$top/dev/ktap.sh"
vm=$top/tools/testing/selftests/liveupdate/vm
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT

bench() { # NAME
	"$vm/bench.py" --programs "$top/build/selftests" --image "$top/build/prod/arch/x86/boot/bzImage" \
		--logs "$top/build/logs/bench-$1" --json kexec.plain luo.discard > "$work/$1" 2> "$work/$1.err" ||
		fail "$1: $(cat "$work/$1.err")"
}

# How busy the machine is is up to what else runs: in ./lu check, other tests.
test_two_runs_agree() {
	bench one && bench two || return 1
	grep -qxE 'bench: 1 of 2: kexec\.plain: [0-9]+ s' "$work/one.err" ||
		fail "it does not say how far it is: $(cat "$work/one.err")" || return 1
	python3 - "$work/one" "$work/two" <<-'PYTHON'
		import json, sys

		one, two = ({f["name"]: f["value"] for f in json.load(open(name))["guest_instructions"]}
		              for name in sys.argv[1:])
		names = {"kexec.plain.syscall", "kexec.plain.load", "kexec.plain.gap1",
		         "luo.discard.drop", "luo.discard.gap1"}
		wrong = [f"{name}: {one.get(name)} and {two.get(name)}" for name in sorted(names | {*one, *two})
		         if name not in one or name not in two or abs(one[name] / two[name] - 1) > 0.001]
		print(*(f"# {line}" for line in wrong), sep="\n", end="\n" if wrong else "")
		sys.exit(bool(wrong))
	PYTHON
}

# It is said before anything boots.
test_no_match() {
	local wanted='bench: no benchmark matches nosuch no*ne; there are: kexec.plain' rc=0

	mkdir "$work/programs"
	printf '#!/bin/sh\necho plain 2 mem=512M\n' > "$work/programs/bench_kexec"
	chmod +x "$work/programs/bench_kexec"
	"$vm/bench.py" --programs "$work/programs" --image none --logs "$work/logs" nosuch 'no*ne' \
		> "$work/out" 2>&1 || rc=$?
	[ "$rc $(cat "$work/out")" = "1 $wanted" ] || fail "exit status $rc: $(cat "$work/out")"
}

# What beyond_aim() says of the figures "a.aim_x_n" = 100 and these.
beyond() { # NAME VALUE BASE ...
	PYTHONPATH=$vm python3 - "$@" <<-'PYTHON'
		import sys
		import bench

		words = sys.argv[1:]
		figures = [("a.aim_x", 100.0, "file", "-")]
		figures += [(n, float(v), "file", b) for n, v, b in zip(words[::3], words[1::3], words[2::3])]
		print("; ".join(bench.beyond_aim(figures)))
	PYTHON
}

expect() { # WANTED NAME VALUE BASE ...
	local wanted=$1 got

	shift
	got=$(beyond "$@")
	[ "$got" = "$wanted" ] || fail "of $*: '$got', not '$wanted'"
}

test_aims_count() {
	expect "" a.x_n 100 a.aim_x a.x_2n 115 a.x_n a.y_4n 300 - || return 1
	expect "a.x_n is 100.1, its aim 100.0" a.x_n 100.1 a.aim_x || return 1
	expect "a.x_4n is 121.0, more than 1.2 times a.x_n, 100.0" a.x_n 100 a.aim_x a.x_4n 121 a.x_n
}

run_tests
