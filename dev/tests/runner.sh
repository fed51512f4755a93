#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# runner.sh: the runner of the tests counts each failure, whatever it looks like.
#
# Feeds it host tests and logs of KUnit, no machine. Works in a temporary folder that is
# removed at the end. Prints KTAP; each test is a function test_NAME.
#
# shellcheck disable=SC2317

set -uo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
vm=$top/tools/testing/selftests/liveupdate/vm
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
export PYTHONDONTWRITEBYTECODE=1

fail() {
	printf '# %s\n' "$*"
	return 1
}

fresh() {
	rm -rf -- "${work:?}"/*
	mkdir "$work/programs" "$work/logs"
	hosts=()
}

host() { # NAME BODY: a host test that is this script
	printf '#!/bin/sh\n%s\n' "$2" > "$work/$1.sh"
	chmod +x "$work/$1.sh"
	hosts+=(--host "$work/$1.sh")
}

# What the runner makes of them: its exit status, its last line, and a line in its output.
ends_with() { # STATUS LAST [LINE...]
	local status=$1 last=$2 rc=0
	shift 2

	"$vm/run.py" --programs "$work/programs" --logs "$work/logs" --jobs 1 "${hosts[@]}" \
		> "$work/out" 2>&1 || rc=$?
	judge "$rc" "$status" "$last" "$@"
}

judge() { # RC STATUS LAST [LINE...]
	local rc=$1 status=$2 last=$3 line
	shift 3

	if [ "$rc" -eq "$status" ] && [ "$(tail -n 1 "$work/out")" = "$last" ]; then
		for line; do
			grep -qxF -- "$line" "$work/out" || break
			line=
		done
		[ -n "${line-}" ] || return 0
	fi
	sed 's/^/# /' "$work/out"
	fail "exit status $rc; wanted $status, '$last' and '${line-}'"
}

test_a_success() {
	host good 'printf "KTAP version 1\n1..2\nok 1 first\nok 2 - second # 3 s\n"'
	ends_with 0 '3 passed, 0 failed' 'ok 1 host.good.first' 'ok 2 host.good.second' '1..3'
}

test_a_failure() {
	host bad 'printf "1..2\nok 1 first\n# because\nnot ok 2 second\n"; exit 1'
	host good 'printf "1..1\nok 1 first\n"'
	ends_with 1 '3 passed, 1 failed' 'not ok 2 host.bad.second' '#   # because' \
		"#   logs: $work/logs/host.bad" 'ok 3 host.good.first'
}

# The same of KUnit, whose log is on stdin, without a machine.
kunit_ends_with() { # STATUS LAST LINE...
	local status=$1 last=$2 rc=0
	shift 2

	PYTHONPATH=$vm python3 -c '
import argparse, sys, run
runner = object.__new__(run.Runner)
runner.args = argparse.Namespace(pattern=[], logs="logs")
runner.report = run.Report(0)
log = sys.stdin.read().splitlines()
runner.boot = lambda *_: (False, 60, log)
runner.run_kunit("debug")
sys.exit(runner.report.close())' > "$work/out" 2>&1 || rc=$?
	judge "$rc" "$status" "$last" "$@"
}

test_a_kunit_failure() {
	kunit_ends_with 1 '2 passed, 1 failed' 'ok 1 kunit.one.a@debug' '#   |     # b: EXPECTATION FAILED at x.c:7' \
		'# kunit.one.b@debug: see logs/kunit@debug/console.log' 'not ok 2 kunit.one.b@debug' <<-'LOG' || return
		1..1
		    # Subtest: one
		    1..2
		    # a: all is well
		    ok 1 a
		    # b: EXPECTATION FAILED at x.c:7
		    not ok 2 b
		not ok 1 one
	LOG
	! grep 'all is well' "$work/out"
}

test_a_failure_that_exits_well() {
	host bad 'printf "1..1\nnot ok 1 first\n"'
	ends_with 1 '1 passed, 1 failed' 'not ok 1 host.bad.first'
}

test_a_bad_exit() {
	host bad 'printf "1..1\nok 1 first\n"; exit 3'
	ends_with 1 '1 passed, 1 failed' '# host.bad: exit status 3' 'not ok 2 host.bad'
}

test_a_crash() {
	host bad 'printf "1..2\nok 1 first\n"; kill -SEGV $$'
	ends_with 1 '1 passed, 1 failed' '# host.bad: exit status -11' 'not ok 2 host.bad'
}

test_an_early_end() {
	host bad 'printf "1..3\nok 1 first\nok 2 second\n"'
	ends_with 1 '2 passed, 1 failed' '# host.bad: planned 3 tests and reported 2'
}

test_no_ktap() {
	host bad 'echo all is well'
	ends_with 1 '0 passed, 1 failed' '# host.bad: no KTAP plan' '#   all is well'
}

test_several_plans() {
	host good 'printf "1..1\nok 1 first\nKTAP version 1\n1..1\nok 1 second\n"'
	ends_with 0 '3 passed, 0 failed'
}

test_a_skip() {
	host good 'printf "1..2\nok 1 first # SKIP no such thing here\nok 2 second # SKIP\n"'
	ends_with 0 '1 passed, 0 failed' '# 2 skipped' 'ok 1 host.good.first # SKIP no such thing here'
}

test_a_hang() {
	host bad "trap : TERM; echo 'ok 1 first'; sleep 1000; sh -c 'echo \$\$ > $work/pid; exec sleep 1000'; sleep 1000"
	host good 'printf "1..1\nok 1 first\n"'
	hosts+=(--host-limit 2)
	ends_with 1 '3 passed, 1 failed' '# host.bad: ended by the time limit of 2 s' \
		"#   logs: $work/logs/host.bad" 'not ok 2 host.bad' 'ok 3 host.good.first' || return
	[ -s "$work/pid" ] || fail "its second child did not start" || return
	! grep -qs sleep "/proc/$(cat "$work/pid")/cmdline" || fail "a child of it is left"
}

test_nothing_at_all() {
	ends_with 1 '0 passed, 0 failed'
}

# What there is to do for these patterns.
names() { # WANTED --list|--needs PATTERN...
	local wanted=$1 got
	shift

	got=$("$vm/run.py" --programs "$work/programs" --logs "$work/logs" "${hosts[@]}" \
		--kunit debug=suite,suite.parses "$@" | paste -sd' ')
	[ "$got" = "$wanted" ] || fail "$*: '$got', not '$wanted'"
}

test_a_pattern() {
	local part

	host good 'printf "1..2\nok 1 first [a]\nok 2 second\n"'
	host other 'printf "1..1\nok 1 first\n"'
	names 'kunit@debug host.good host.other' --list && names 'host.good' --list good || return
	names 'host.good' --list 'host.good.first [a]' && names 'host.other' --list 'o*r' || return
	for part in suite parses suite.parses kunit.suite.parses@debug kunit.log_is_clean@debug; do
		names kunit@debug --list "$part" || return
	done
	hosts+=(host.good.second)
	ends_with 0 '3 passed, 0 failed' 'ok 1 host.good.first [a]' 'ok 2 host.good.second'
	hosts[-1]=host.good.x
	hosts+=(host.goo.first)
	ends_with 0 '3 passed, 0 failed'
	hosts=("${hosts[@]:0:4}" host.nosuch.first)
	ends_with 1 '0 passed, 0 failed' '# no test matches host.nosuch.first; ./lu check -l lists them'
}

test_needed_kernels() {
	host good 'printf "1..1\nok 1 first\n"'
	names prod --needs host.good && names debug --needs kunit && names 'prod debug' --needs &&
		names '' --needs nosuch
}

# Results and trouble that are found in a KUnit log, which is on stdin.
kunit() {
	PYTHONPATH=$vm python3 -c '
import sys, kernellog
results, trouble = kernellog.kunit_results(sys.stdin.read().splitlines())
print("; ".join([" ".join(r[:2]) for r in results] + trouble))'
}

finds() { # RESULT
	local found

	found=$(kunit)
	[ "$found" = "$1" ] || fail "found '$found', not '$1'"
}

test_kunit_results() {
	finds 'one.a ok; one.b not ok; one.c skip; two.p.x ok; two.p.y not ok; two.q ok' <<-'LOG'
		noise
		KTAP version 1
		1..2
		    KTAP version 1
		    # Subtest: one
		    1..3
		    ok 1 a
		    # b: EXPECTATION FAILED
		    not ok 2 b
		    ok 3 c # SKIP none here
		# one: pass:1 fail:1 skip:1 total:3
		not ok 1 one
		    KTAP version 1
		    # Subtest: two
		    1..2
		        KTAP version 1
		        # Subtest: p
		        ok 1 x
		        not ok 2 y
		    not ok 1 p
		    ok 2 q
		not ok 2 two
	LOG
}

# A case that is called as its suite is not taken for the suite's sum.
test_kunit_names() {
	finds 'one.one not ok; one.two ok' <<-'LOG'
		1..1
		    # Subtest: one
		    1..2
		    not ok 1 one
		    ok 2 two
		not ok 1 one
	LOG
}

test_kunit_suite_that_cannot_begin() {
	finds 'one failed, but none of its cases' <<-'LOG'
		1..1
		not ok 1 one
	LOG
}

test_kunit_without_a_plan() {
	finds 'no KUnit plan in the log' < /dev/null
}

test_kunit_that_ends_early() {
	finds 'one.a ok; KUnit planned 2 suites and reported 1' <<-'LOG'
		1..2
		    # Subtest: one
		    1..1
		    ok 1 a
		ok 1 one
	LOG
	finds 'one.a ok; two.a ok; KUnit planned 2 suites and reported 1' <<-'LOG'
		1..2
		    # Subtest: one
		    1..1
		    ok 1 a
		ok 1 one
		    # Subtest: two
		    1..2
		    ok 1 a
		Kernel panic - not syncing
	LOG
}

test_kunit_with_a_short_suite() {
	finds 'one.a ok; one planned 2 cases and reported 1' <<-'LOG'
		1..1
		    # Subtest: one
		    1..2
		    ok 1 a
		ok 1 one
	LOG
}

number=0 failed=0
echo "KTAP version 1"
while read -r name; do
	number=$((number + 1))
	fresh
	if "test_$name" < /dev/null; then
		echo "ok $number $name"
	else
		echo "not ok $number $name"
		failed=1
	fi
done < <(sed -n 's/^test_\([a-z_]*\)() {$/\1/p' "$0")
echo "1..$number"
exit "$failed"
