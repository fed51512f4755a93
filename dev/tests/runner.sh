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
# shellcheck source=dev/ktap.sh
source "$top/dev/ktap.sh"
vm=$top/tools/testing/selftests/liveupdate/vm
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
export PYTHONDONTWRITEBYTECODE=1

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

# A suite that is in the sources and not in the kernel; of parametrised cases there are several.
test_a_kunit_suite_that_is_missing() {
	local kunit_sources=prod=three,three.x

	kunit_log() {
		printf '1..1\n    # Subtest: one\n    1..1\n        # Subtest: a\n        ok 1 p\n    ok 1 a\nok 1 one\n'
	}
	kunit_ends_with 0 '2 passed, 0 failed' 'ok 1 kunit.one.a.p@debug' < <(kunit_log) || return
	kunit_sources=debug=one,one.a
	kunit_ends_with 0 '2 passed, 0 failed' < <(kunit_log) || return
	kunit_sources=debug=one,one.a,one.p,two,two.x
	kunit_ends_with 1 '1 passed, 1 failed' '# kunit.log_is_clean@debug: one.p never ran; two.x never ran' < <(kunit_log)
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
runner.args = argparse.Namespace(pattern=[], logs="logs", kunit=sys.argv[1:])
runner.report = run.Report(0)
log = sys.stdin.read().splitlines()
runner.boot = lambda *_: (False, 60, log)
runner.run_kunit("debug")
sys.exit(runner.report.close())' ${kunit_sources:+"$kunit_sources"} > "$work/out" 2>&1 || rc=$?
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

# The ones that have not begun do not begin, those that have are ended.
test_an_interrupt() {
	local signal rc pid

	for signal in TERM INT; do
		rm -f "$work/begun"
		host one "echo one >> $work/begun; sleep 1000"
		host two "echo two >> $work/begun; sleep 1000"
		# A shell has its children ignore SIGINT.
		python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
os.execv(sys.argv[1], sys.argv[1:])' "$vm/run.py" --programs "$work/programs" \
			--logs "$work/logs" --jobs 1 "${hosts[@]}" > "$work/out" 2>&1 &
		pid=$!
		timeout 20 sh -c "until [ -s '$work/begun' ]; do sleep 0.1; done"
		kill "-$signal" "$pid"
		rc=0
		timeout 20 tail --pid="$pid" -f /dev/null || rc=1
		wait "$pid" || rc=$rc$?
		if [ "$rc $(cat "$work/begun")" != '0130 one' ] || ! grep -qx '# interrupted' "$work/out"; then
			sed 's/^/# /' "$work/out"
			fail "SIG$signal: ended with $rc, began $(paste -sd' ' "$work/begun")"
			return
		fi
		hosts=()
	done
}

test_a_fault_of_the_runner() {
	local got

	got=$(PYTHONPATH=$vm python3 -c '
import argparse, sys, run
runner = object.__new__(run.Runner)
runner.args = argparse.Namespace(jobs=1)
runner.report = run.Report(3)
def work(what):
    if what != "sound":
        raise KeyError("lost")
    runner.report.case(what, "ok")
runner.work([(work, ["one", "two"]), (work, "sound")])
sys.exit(runner.report.close())') && fail "it passed" && return
	[ "$(grep -c '^not ok . \(one\|two\)$' <<< "$got") $(tail -n 1 <<< "$got")" = '2 1 passed, 2 failed' ] ||
		fail "$got" || return
	grep -qF "one: the runner failed: KeyError('lost')" <<< "$got" || fail "$got"
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

# The first line of each kind of report, as kernels print them, and what looks like one.
test_reports() {
	PYTHONPATH=$vm python3 -c '
import sys, kernellog
for expected in (True, False):
    for line in iter(sys.stdin.readline, "\n"):
        if bool(kernellog.reports([line.rstrip("\n")])) != expected:
            sys.exit(("not found: " if expected else "taken for a report: ") + line)' <<-'LOG' 2> "$work/out" && return
		WARNING: CPU: 0 PID: 1 at mm/page_alloc.c:4730 __alloc_pages_noprof+0x1/0x2
		BUG: kernel NULL pointer dereference, address: 0000000000000000
		BUG: unable to handle page fault for address: ffffffffffffff00
		Oops: Oops: 0002 [#1] PREEMPT SMP KASAN
		Oops: general protection fault, probably for non-canonical address 0xdffffc0000000000: 0000 [#1]
		kernel BUG at mm/memblock.c:1!
		Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b
		BUG: KASAN: slab-use-after-free in lkdtm_READ_AFTER_FREE+0x1/0x2
		BUG: KFENCE: out-of-bounds read in f+0x1/0x2
		UBSAN: array-index-out-of-bounds in lib/x.c:1:2
		kmemleak: unreferenced object 0xffff888001234560 (size 64):
		kmemleak: 2 new suspected memory leaks (see /sys/kernel/debug/kmemleak)
		WARNING: possible circular locking dependency detected
		WARNING: possible recursive locking detected
		WARNING: inconsistent lock state
		WARNING: suspicious RCU usage
		WARNING: lock held when returning to user space!
		BUG: sleeping function called from invalid context at mm/x.c:1
		BUG: scheduling while atomic: init/1/0x00000002
		BUG: Bad page state in process init  pfn:01234
		BUG: Bad rss-counter state mm:0000000012345678 type:MM_FILEPAGES val:1
		BUG kmalloc-64 (Not tainted): Poison overwritten
		list_add corruption. next->prev should be prev (ffff888001234560), but was 0000000000000000.
		refcount_t: underflow; use-after-free.
		INFO: task init:1 blocked for more than 122 seconds.
		rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:
		watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [init:1]
		pagealloc: memory corruption
		pagealloc: single bit error
		INFO: trying to register non-static key.
		turning off the locking correctness validator.
		irq 11: nobody cared (try booting with the "irqpoll" option)
		kmemleak: Kernel memory leak detector disabled
		kmemleak: Cannot allocate a kmemleak_object structure
		init[1]: segfault at 0 ip 0000000000401000 sp 00007ffc00000000 error 4 in init[401000+1000]

		kmemleak: Kernel memory leak detector initialized (mem pool available: 38000)
		kasan: KernelAddressSanitizer initialized
		kfence: initialized - using 2097152 bytes for 255 objects
		rcu: RCU lockdep checking is enabled.
		Lock dependency validator: Copyright (c) 2006 Red Hat, Inc., Ingo Molnar
		luo: update finished
		lu: start frame warning 0

	LOG
	sed 's/^/# /' "$work/out"
	return 1
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

run_tests
