#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Runs the benchmarks (bench_*) and prints their figures, as a table or as JSON.

    bench.py --programs DIR --image BZIMAGE --logs DIR [--json] [PATTERN...]

The machine counts guest instructions (QEMU's -icount, one processor) and its clock is
that count, so that figures do not depend on how fast or busy the host is.
Wall-clock figures stand besides, under their own heading; they are of an emulator.
"""

import argparse
import fnmatch
import json
import os
import re
import subprocess
import sys
import time

import initrd
import kernellog
from machine import Machine, Spec, interrupt_all

# One nanosecond an instruction; no host time and no host randomness gets in.
ICOUNT = ["-accel", "tcg,tb-size=64", "-icount", "shift=0,sleep=off",
          "-cpu", "max,la57=off,rdrand=off,rdseed=off",
          "-rtc", "base=2026-01-01,clock=vm"]
APPEND = ["nokaslr", "norandmaps", "random.trust_bootloader=off"]
LIMIT = 1200
# What the gap of each update is held against.
PLAIN = "kexec.plain.gap1"
# How much more than one of n a thing may cost where there are several times n.
GROWTH = 1.2


def run_case(args, program, name, spec):
    """The figures of one case: [(name, value, unit, base)], and what went wrong."""
    folder = os.path.join(args.logs, f"{program}.{name}")
    os.makedirs(folder, exist_ok=True)
    ramdisk = os.path.join(folder, "initrd")
    programs = {p: os.path.join(args.programs, p) for p in ("lu_init", program)}
    initrd.make(ramdisk, programs, [f"{program} {name}"], {"bzImage": args.image})
    figures, wall, output, result = [], [], [], []
    jump = [None]
    prefix = f"{program[len('bench_'):]}.{name}"

    def message(words):
        now = time.monotonic()
        if words[0] == "figure":
            figures.append((f"{prefix}.{words[1]}", float(words[2]), words[3],
                            f"{prefix}.{words[4]}" if "." not in words[4] and words[4] != "-"
                            else words[4]))
        elif words[0] == "jump":
            jump[0] = (int(words[3]), now)
        elif words[0] == "boot" and jump[0]:
            number = words[1]
            base = "-" if prefix == "kexec.plain" else PLAIN
            if spec.against:
                base = f"{prefix.split('.')[0]}.{spec.against}.gap{number}"
            figures.append((f"{prefix}.gap{number}", int(words[3]) - jump[0][0], "update", base))
            wall.append((f"{prefix}.gap{number}", now - jump[0][1], "update"))
        elif words[0] == "result":
            result[:] = words[3:]
        elif words[0] == "output":
            output.append(words[1])

    Machine(spec, folder, args.image, ramdisk, ICOUNT, APPEND).run(LIMIT, message)
    os.unlink(ramdisk)
    found = kernellog.reports(kernellog.lines(os.path.join(folder, "console.log")))
    trouble = [line for _, line in found]
    if result != ["ok"]:
        trouble += [" ".join(result) or "never reported"] + output[-5:]
    return figures, wall, trouble, folder


def beyond_bound(spec, figures, values):
    """What is to be said of gaps that are longer than the case allows."""
    if not spec.bound:
        return []
    return [f"{name} is {value / values[base]:.4f} times {base}, more than {spec.bound}"
            for name, value, _, base in figures
            if re.search(r"\.gap\d+$", name) and values.get(base)
            and value > spec.bound * values[base]]


def beyond_aim(figures):
    """What is to be said of figures that are over their aim, or grow with their number."""
    values = {name: value for name, value, *_ in figures}
    found = []
    for name, value, _, base in figures:
        aim = values.get(base, value)
        if re.search(r"\.aim_\w+$", base) and value > aim:
            found.append(f"{name} is {value:.1f}, its aim {aim:.1f}")
        if re.sub(r"_\d+n$", "_n", name) == base and value > GROWTH * aim:
            found.append(f"{name} is {value:.1f}, more than {GROWTH} times {base}, {aim:.1f}")
    return found


def progress(line, done):
    """One line that changes on a terminal, a line for each that is done elsewhere."""
    if sys.stderr.isatty():
        print(f"\r\033[K{'' if done else line}", end="", file=sys.stderr, flush=True)
    elif done:
        print(line, file=sys.stderr, flush=True)


def table(figures, wall):
    values = {name: value for name, value, *_ in figures}
    width = max([len(name) for name in values] + [10])
    print(f"{'guest instructions':{width}}  {'':>16}  {'per':8}  ratio")
    for name, value, unit, base in figures:
        ratio = f"{value / values[base]:10.4f} x {base}" if values.get(base) else ""
        print(f"{name:{width}}  {value:16,.1f}  {unit:8}  {ratio}".rstrip())
    print(f"\n{'wall clock, under emulation':{width}}")
    for name, value, unit in wall:
        print(f"{name:{width}}  {value:16.3f}  {'s/' + unit}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", required=True)
    parser.add_argument("--image", required=True)
    parser.add_argument("--logs", required=True)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("pattern", nargs="*")
    args = parser.parse_args()
    interrupt_all()
    cases, wanted, needed = [], [], {("bench_kexec", "plain")}
    for program in sorted(p for p in os.listdir(args.programs) if p.startswith("bench_")):
        text = subprocess.run([os.path.join(args.programs, program), "--describe"],
                              capture_output=True, text=True, check=True).stdout
        for line in text.splitlines():
            name, _, words = line.split(" ", 2)
            full = f"{program}.{name}"
            cases.append((program, name, Spec.parse(words)))
            if not args.pattern or any(fnmatch.fnmatchcase(full, f"*{p}*") for p in args.pattern):
                wanted.append((program, name))
                # What it is measured against, besides the plain kexec.
                needed.add((program, cases[-1][2].against))
    if not wanted:
        names = [f"{program}.{name}".removeprefix("bench_") for program, name, _ in cases]
        raise SystemExit(f"bench: no benchmark matches {' '.join(args.pattern)}; there are: "
                         f"{' '.join(names)}")
    cases = [case for case in cases if case[:2] in wanted or case[:2] in needed]
    cases.sort(key=lambda c: c[0] != "bench_kexec")
    figures, wall, failed, values = [], [], 0, {}
    for number, (program, name, spec) in enumerate(cases, 1):
        if spec.cpus != 1:
            raise SystemExit(f"bench: {program}.{name}: a benchmark has one processor")
        begin = time.monotonic()
        what = f"bench: {number} of {len(cases)}: {program.removeprefix('bench_')}.{name}"
        progress(what, False)
        more, more_wall, trouble, folder = run_case(args, program, name, spec)
        progress(f"{what}: {time.monotonic() - begin:.0f} s", True)
        trouble += beyond_bound(spec, more, values)
        trouble += beyond_aim(more)
        values.update((figure, value) for figure, value, *_ in more)
        figures += more
        wall += more_wall
        if trouble:
            failed += 1
            print(f"bench: {program}.{name} failed: {trouble[0]}; logs: {folder}", file=sys.stderr)
            for line in trouble[1:]:
                print(f"    {line}", file=sys.stderr)
    if args.json:
        print(json.dumps({
            "guest_instructions": [
                {"name": n, "value": v, "per": u}
                | ({"ratio": v / values[b], "ratio_to": b} if values.get(b) else {})
                for n, v, u, b in figures],
            "wall_clock_seconds": [{"name": n, "value": v, "per": u} for n, v, u in wall],
        }, indent=2))
    else:
        table(figures, wall)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
