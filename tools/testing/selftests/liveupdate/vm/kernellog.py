#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A serial console's log: what the kernel complained about, and KUnit's results.

kernellog.py LOG prints the complaints, and fails if there are any.
"""

import re
import sys

# Each is the first line of a report; the reports of a chain of kernels are all found.
REPORTS = re.compile("|".join((
    r"\bBUG: ", r"\bBUG [a-z0-9_-]+ ", r"kernel BUG at ", r"WARNING: ", r"\bOops: ", r"Kernel panic", r"KASAN: ", r"KFENCE: ",
    r"UBSAN: ", r"general protection fault", r"invalid opcode:", r"stack segment:", r"double fault:",
    r"unable to handle", r"kmemleak: unreferenced object", r"kmemleak: [1-9]\d* new suspected",
    r"INFO: task .* blocked for more", r"rcu: INFO: .*stall", r"possible (circular|recursive|irq) ",
    r"suspicious RCU usage", r"inconsistent lock state", r"DEBUG_LOCKS_WARN_ON", r"Bad page state",
    r"list_(add|del) corruption", r"refcount_t: ", r"soft lockup", r"hard LOCKUP", r"segfault at ",
    r"held lock freed", r"lock held when returning", r"sleeping function called",
    r"pagealloc: (single bit error|memory corruption)", r"non-static key", r"nobody cared",
    r"locking correctness validator", r"Kernel memory leak detector disabled",
    r"Cannot allocate a kmemleak_object", r"slab-out-of-bounds", r"possible memory leak", r"Initramfs unpacking failed",
    # Errors of the test drivers, by all else that they say.
    r"liveupdate test: .*(expected|cannot be) ",
    r"luo_exercise: (?!mutation \S+$|a file of the previous kernel makes no sense)",
)))
STAMP = re.compile(r"^\[ *\d+\.\d+\](\[[^]]*\])? ?")


def lines(path):
    """The log's lines without their time stamps."""
    try:
        with open(path, errors="replace", encoding="utf-8") as f:
            return [STAMP.sub("", line.rstrip("\r\n")) for line in f]
    except FileNotFoundError:
        return []


def reports(log, expected=()):
    """(index, line) of each report that no expression in expected foresees."""
    found = []
    for i, line in enumerate(log):
        if REPORTS.search(line) and not line.startswith("lu: "):
            if not any(re.search(e, line) for e in expected):
                found.append((i, line))
    return found


def kunit_results(log):
    """(name, "ok"|"not ok"|"skip", index of its verdict, of its first line) of each case in a
    KTAP log, and what is wrong with the log."""
    results, trouble, path = [], [], []
    plan = cases = None
    seen = reported = first = since = 0
    for at, line in enumerate(log):
        match = re.match(r"( *)(KTAP version|# Subtest: (.*)|1\.\.(\d+)$|(ok|not ok) \d+ (.*))", line)
        if not match:
            continue
        depth = len(match[1]) // 4
        if match[3] is not None:
            path = path[:depth - 1] + [match[3]]
        elif match[4] is not None and depth == 0:
            plan = int(match[4])
        elif match[4] is not None and depth == 1:
            cases = int(match[4])
        elif match[5]:
            name = match[6].partition(" #")[0]
            status = "skip" if "# SKIP" in match[6] else match[5]
            reported += depth == 1
            # A suite or a parametrised case sums up those below it, which were counted.
            if depth == 0:
                seen += 1
                if cases is not None and reported != cases:
                    trouble.append(f"{name} planned {cases} cases and reported {reported}")
                elif status == "not ok" and all(r[1] != "not ok" for r in results[first:]):
                    trouble.append(f"{name} failed, but none of its cases")
                path, cases, reported, first = [], None, 0, len(results)
            elif depth == len(path) - 1 and path[-1] == name:
                path = path[:depth]
            else:
                results.append((".".join(path[:depth] + [name]), status, at, since))
            since = at + 1
    if plan is None:
        trouble.append("no KUnit plan in the log")
    elif seen != plan:
        trouble.append(f"KUnit planned {plan} suites and reported {seen}")
    return results, trouble


if __name__ == "__main__":
    complaints = reports(lines(sys.argv[1]))
    for _, complaint in complaints:
        print(complaint)
    sys.exit(bool(complaints))
