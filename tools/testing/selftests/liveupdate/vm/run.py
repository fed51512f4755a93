#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Runs the live update tests in VMs, and host tests beside them.

    run.py --programs DIR --image prod=BZIMAGE [--image debug=...] --logs DIR [PATTERN...]

Cases come from the test programs (PROGRAM --describe, see lu_test.h), KUnit
cases from the debug kernel's own log, host tests from executables that print KTAP.
Cases that need no machine of their own and agree on its shape share one. KTAP on
stdout, one test a case, and "N passed, N failed" as the last line.

A case is named PROGRAM.CASE@FLAVOUR, a KUnit case kunit.SUITE.CASE@FLAVOUR, a host
test host.FILE.NAME. PATTERN is a shell pattern for a part of the name; of a host test
whose name it is, all of the file runs.
"""

import argparse
import concurrent.futures
import contextlib
import fnmatch
import glob
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

import accel
import initrd
import kernellog
from machine import Machine, Spec, interrupt_all

# How much longer than on an idle machine a case may take among others.
CROWD = 4
# What KUnit needs on the command line: else the suites have nothing to test.
KUNIT = ["kunit.enable=1", "kho=on", "liveupdate=on"]
TAIL = 15


def family(pid):
    """A process and those below it. They have no process group of their own: so ^C reaches
    them, and sudo the terminal."""
    found = [pid]
    for path in glob.glob(f"/proc/{pid}/task/*/children"):
        with contextlib.suppress(OSError), open(path, encoding="ascii") as f:
            for child in f.read().split():
                found += family(int(child))
    return found


def end(process):
    pids = set()
    for number, patience in ((signal.SIGTERM, 5), (signal.SIGKILL, None)):
        if process.poll() is None:
            pids.update(family(process.pid))
        for pid in pids:
            with contextlib.suppress(OSError):
                os.kill(pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)


class Case:
    """One case in one flavour, and what became of it."""

    def __init__(self, program, name, stages, spec, flavour):
        self.program = program
        self.name = name
        self.stages = stages
        self.spec = spec
        self.flavour = flavour
        self.started = False
        self.status = None
        self.reason = ""
        self.output = []

    def __str__(self):
        return f"{self.program}.{self.name}@{self.flavour}"

    @property
    def alone(self):
        return self.stages > 1 or self.spec.own or bool(self.spec.expect)

    def settle(self):
        """A case that is meant to fail is right if it did, for the right reason."""
        if not self.spec.fails:
            return
        reason = " ".join([self.reason, *self.output])
        if self.status == "skip":
            reason += " skipped"
        if self.status in ("fail", "skip") and re.search(self.spec.fails, reason):
            self.status, self.reason = "ok", ""
        else:
            self.reason = f"should have failed with '{self.spec.fails}', but: {self.status} {reason}"
            self.status = "fail"


class Report:
    """KTAP on stdout; the numbers at the end."""

    def __init__(self, total):
        self.lock = threading.Lock()
        self.number = 0
        self.count = {"ok": 0, "fail": 0, "skip": 0}
        self.failed = []
        print("KTAP version 1")
        if total:
            print(f"1..{total}")

    def case(self, name, status, reason="", seconds=None, details=()):
        with self.lock:
            self.number += 1
            self.count[status] += 1
            line = f"{'not ok' if status == 'fail' else 'ok'} {self.number} {name}"
            if status == "skip":
                line += f" # SKIP {reason}"
            elif seconds is not None:
                line += f" # {seconds:.1f} s"
            for detail in details:
                print(f"# {detail}")
            if status == "fail":
                self.failed.append(name)
                print(f"# {name}: {reason}")
            print(line, flush=True)

    def plan(self):
        print(f"1..{self.number}")

    def close(self):
        for name in self.failed:
            print(f"# failed: {name}")
        if self.count["skip"]:
            print(f"# {self.count['skip']} skipped")
        print(f"{self.count['ok']} passed, {self.count['fail']} failed")
        return 1 if self.count["fail"] or not self.number else 0


class Runner:
    """Everything that the machines of one run have in common."""

    def __init__(self, args):
        self.args = args
        self.images = dict(image.split("=", 1) for image in args.image)
        self.programs = {name: os.path.join(args.programs, name)
                         for name in sorted(os.listdir(args.programs))
                         if os.access(os.path.join(args.programs, name), os.X_OK)
                         and os.path.isfile(os.path.join(args.programs, name))}
        self.accels = {}
        self.report = None

    def wanted(self, name):
        return not self.args.pattern or any(
            p in name or fnmatch.fnmatchcase(name, f"*{p}*") for p in self.args.pattern)

    def wanted_host(self, path):
        name = f"host.{os.path.basename(path).partition('.')[0]}"
        return self.wanted(name) or any(p.startswith(name + ".") for p in self.args.pattern)

    def wanted_kunit(self, case, flavour):
        suite = case.partition(".")[0]
        return any(self.wanted(name) for name in (
            f"kunit.{case}@{flavour}", f"kunit.{suite}@{flavour}", f"kunit@{flavour}"))

    def cases(self):
        found = []
        for program, path in self.programs.items():
            if program.startswith(("lu_", "bench_")):
                continue
            text = subprocess.run([path, "--describe"], capture_output=True, text=True, check=True)
            for line in text.stdout.splitlines():
                name, stages, words = line.split(" ", 2)
                spec = Spec.parse(words)
                for flavour in spec.flavour + spec.rarely:
                    case = Case(program, name, int(stages), spec, flavour)
                    often = flavour in spec.flavour or self.args.all
                    if str(case) in self.args.pattern or (often and self.wanted(str(case))):
                        found.append(case)
        return found

    def kunit_flavours(self):
        for kunit in self.args.kunit:
            flavour, _, names = kunit.partition("=")
            if any("kunit" in p for p in self.args.pattern) or any(
                    self.wanted_kunit(name, flavour) for name in names.split(",")):
                yield flavour

    def accelerator(self, flavour, icount=False):
        if (flavour, icount) not in self.accels:
            found = accel.probe(self.images[flavour], self.programs, self.args.logs, icount)
            if not found:
                raise SystemExit(f"run.py: the {flavour} kernel boots neither with KVM nor under "
                                 f"emulation; see {self.args.logs}/probe-tcg/console.log")
            print(f"# {flavour}: {found.name}, a boot takes {found.boot:.1f} s", flush=True)
            self.accels[flavour, icount] = found
        return self.accels[flavour, icount]

    def host_half(self, program):
        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", program + ".host.py")
        if not os.path.exists(path):
            return None
        spec = importlib.util.spec_from_file_location(program + "_host", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.ask

    def boot(self, cases, flavour, folder, append=()):
        """One machine for cases; sets their status. Returns (timed out, log)."""
        spec = cases[0].spec if cases else Spec(mem="1G", timeout=60)
        accelerator = self.accelerator(flavour, spec.icount)
        by_name = {(c.program, c.name): c for c in cases}
        limit = max([spec.timeout] + [c.spec.timeout for c in cases]) + 2 * len(cases)
        stages = sum(c.stages for c in cases)
        # The boots are measured; what a case does besides takes as many times longer.
        limit = CROWD * (accelerator.boot * (stages + 1) + limit * accelerator.scale / 4)
        if spec.timeout < 10:
            limit = CROWD * accelerator.boot * (stages + 1) + spec.timeout
        current = [None]

        def message(words):
            if words[0] == "start":
                current[0] = by_name.get((words[1], words[2]))
                if current[0]:
                    current[0].started = True
            elif words[0] == "result":
                case = by_name[(words[1], words[2])]
                case.status = words[3]
                case.reason = " ".join(words[4:])
            elif words[0] == "output" and current[0] and words[1].strip():
                current[0].output.append(words[1])

        os.makedirs(folder, exist_ok=True)
        ramdisk = os.path.join(folder, "initrd")
        kernels = {}
        if any(c.stages > 1 for c in cases):
            kernels["bzImage"] = self.images[flavour]
        for image in spec.image:
            kernels[f"bzImage.{image}"] = self.images[image]
        wanted = {"lu_init", *spec.program} | {c.program for c in cases}
        programs = {p: self.programs[p] for p in wanted}
        for module in spec.module:
            # What is built beside the image, that is arch/x86/boot/bzImage.
            build = os.path.join(os.path.dirname(self.images[flavour]), "../../..")
            programs[os.path.basename(module)] = os.path.join(build, module)
        initrd.make(ramdisk, programs,
                    [f"{c.program} {c.name} {'each' if self.args.all else c.spec.leaks}"
                     for c in cases], kernels)
        ask = self.host_half(cases[0].program) if cases else None
        machine = Machine(spec, folder, self.images[flavour], ramdisk, accelerator.arguments,
                          append, ask=ask)
        timed_out = machine.run(limit, message)
        os.unlink(ramdisk)
        log = kernellog.lines(os.path.join(folder, "console.log"))
        return timed_out, limit, log + ([machine.trouble] if machine.trouble else [])

    def run_cases(self, cases, flavour):
        first = cases[0]
        missing = [image for image in first.spec.image if image not in self.images]
        if missing:
            for case in cases:
                self.report.case(str(case), "skip", f"there is no {missing[0]} kernel at hand")
            return
        name = str(first) if first.alone else f"shared-{first}"
        folder = os.path.join(self.args.logs, name)
        begin = time.monotonic()
        timed_out, limit, log = self.boot(cases, flavour, folder)
        seconds = time.monotonic() - begin
        self.judge(cases, log, timed_out, limit)
        for case in cases:
            case.settle()
            details = []
            if case.status == "fail":
                details = [f"  {line}" for line in case.output[-TAIL:]]
                details += [f"  | {line}" for line in log[-TAIL:]]
                details.append(f"  logs: {folder}")
            self.report.case(str(case), case.status, case.reason,
                             seconds if len(cases) == 1 else None, details)

    @staticmethod
    def judge(cases, log, timed_out, limit):
        """What the log and the end of the machine say about each case."""
        marks = [i for i, line in enumerate(log) if line.startswith("lu: start ")]
        for case in cases:
            if case.status is None:
                if not case.started and len(cases) > 1:
                    reason = "never started; an earlier case took the machine with it"
                elif timed_out:
                    reason = f"ended by the time limit of {limit:.0f} s"
                elif not case.started:
                    reason = "never reported: the machine ended before init ran"
                else:
                    reason = "never reported: the machine ended"
                case.status, case.reason = "fail", reason
            if case.status == "skip":
                case.reason = next((line[7:] for line in case.output
                                    if line.startswith("# SKIP ")), "")
            found = kernellog.reports(log, case.spec.expect)
            if len(cases) > 1:
                start = f"lu: start {case.program} {case.name} "
                mine = [i for i in marks if log[i].startswith(start)]
                end = min([i for i in marks if mine and i > mine[-1]], default=len(log))
                found = [(i, line) for i, line in found if mine and mine[0] <= i < end
                         or i < min(marks, default=len(log))]
            if found:
                case.reason = f"kernel report: {found[0][1]}" + (
                    f" (and: {case.reason})" if case.status == "fail" else "")
                case.output += [f"| {line}" for _, line in found[1:4]]
                case.status = "fail"
            elif case.spec.expect and case.status == "ok":
                missing = [e for e in case.spec.expect
                           if not any(re.search(e, line) for line in log)]
                if missing:
                    case.status, case.reason = "fail", f"no '{missing[0]}' in the kernel log"

    def never_ran(self, flavour, seen):
        """The cases of the sources that the kernel has not got."""
        for kunit in self.args.kunit:
            which, _, names = kunit.partition("=")
            for case in names.split(","):
                if which == flavour and "." in case and not any(
                        f"{name}.".startswith(f"{case}.") for name in seen):
                    yield f"{case} never ran"

    def run_kunit(self, flavour):
        folder = os.path.join(self.args.logs, f"kunit@{flavour}")
        timed_out, limit, log = self.boot([], flavour, folder, KUNIT)
        results, trouble = kernellog.kunit_results(log)
        if timed_out:
            trouble.append(f"ended by the time limit of {limit:.0f} s")
        trouble += [line for _, line in kernellog.reports(log)]
        trouble += self.never_ran(flavour, [name for name, *_ in results])
        for name, status, at, since in results:
            details = [f"  | {line}" for line in log[max(since, at - TAIL):at]]
            if self.wanted_kunit(name, flavour):
                self.report.case(f"kunit.{name}@{flavour}", {"not ok": "fail"}.get(status, status),
                                 f"see {folder}/console.log",
                                 details=details if status == "not ok" else [])
        if self.wanted_kunit("log_is_clean", flavour):
            self.report.case(f"kunit.log_is_clean@{flavour}", "fail" if trouble else "ok",
                             "; ".join(trouble), details=[f"  logs: {folder}"] if trouble else [])

    def run_host(self, path):
        """An executable that prints KTAP or TAP and exits with its verdict."""
        name = os.path.basename(path).partition(".")[0]
        log = os.path.join(self.args.logs, f"host.{name}")
        os.makedirs(log, exist_ok=True)
        begin = time.monotonic()
        with tempfile.TemporaryFile("w+", dir=log) as output:
            with subprocess.Popen([path], stdin=subprocess.DEVNULL, stdout=output,
                                  stderr=subprocess.STDOUT) as process:
                try:
                    status = process.wait(self.args.host_limit)
                except subprocess.TimeoutExpired:
                    end(process)
                    status = None
            output.seek(0)
            text = output.read().splitlines()
        with open(os.path.join(log, "output.log"), "w", encoding="utf-8") as f:
            f.write("\n".join(text) + "\n")
        failed, seen, plans, since = 0, 0, [], []
        for line in text:
            match = re.match(r"(ok|not ok) \d+ (?:- )?(.*)", line)
            if not match:
                plans += [int(n) for n in re.findall(r"^1\.\.(\d+)", line)]
                since.append(line)
                continue
            case, _, directive = match[2].partition(" # ")
            verdict = "skip" if directive.startswith("SKIP") else (
                "ok" if match[1] == "ok" else "fail")
            failed += verdict == "fail"
            seen += 1
            details = [f"  {s}" for s in since[-TAIL:]] + [f"  logs: {log}"]
            self.report.case(f"host.{name}.{case}", verdict, directive.removeprefix("SKIP").lstrip(),
                             details=details if verdict == "fail" else [])
            since = []
        late = status is None
        trouble = f"ended by the time limit of {self.args.host_limit} s" if late else (
            f"exit status {status}" if status else
            "no KTAP plan" if not plans else
            f"planned {sum(plans)} tests and reported {seen}" if sum(plans) != seen else "")
        if trouble and (late or not failed):
            self.report.case(f"host.{name}", "fail", trouble,
                             details=[f"  {s}" for s in text[-TAIL:]] + [f"  logs: {log}"])
        elif not status:
            self.report.case(f"host.{name}.ended_well", "ok", seconds=time.monotonic() - begin)

    def jobs(self, cases):
        """The machines to run, the longest first."""
        shared, alone = {}, []
        for case in cases:
            if case.alone:
                alone.append((case.stages, case.flavour, [case]))
            else:
                shared.setdefault((case.flavour, case.program, case.spec.shape()), []).append(case)
        machines = alone + [(1, flavour, group) for (flavour, *_), group in shared.items()]
        machines.sort(key=lambda m: (m[1] != "debug", -m[0]))
        return [(self.run_cases, group, flavour) for _, flavour, group in machines]

    def attempt(self, run, what, *more):
        """What goes wrong in the runner itself fails the cases that it was at."""
        try:
            run(what, *more)
        except Exception as error:  # pylint: disable=broad-except
            trace = traceback.format_exc().splitlines()[-TAIL:]
            for name in map(str, what if isinstance(what, list) else [what]):
                self.report.case(name, "fail", f"the runner failed: {error!r}",
                                 details=[f"  | {line}" for line in trace])

    def work(self, items):
        pool = concurrent.futures.ThreadPoolExecutor(self.args.jobs)
        try:
            for future in concurrent.futures.as_completed(
                    [pool.submit(self.attempt, *item) for item in items]):
                future.result()
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            print("# interrupted", flush=True)
            for pid in family(os.getpid())[1:]:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            os._exit(130)
        pool.shutdown()

    def run(self):
        cases = self.cases()
        hosts = [h for h in self.args.host if self.wanted_host(h)]
        kunit = list(self.kunit_flavours())
        if self.args.needs:
            # A host test may boot the kernel that is built as ever.
            for name in sorted({c.flavour for c in cases} | set(kunit) | {"prod" for _ in hosts} |
                               {i for c in cases for i in c.spec.image}, reverse=True):
                print(name)
            return 0
        if self.args.list:
            for name in [str(c) for c in cases] + [f"kunit@{f}" for f in kunit] + [
                    f"host.{os.path.basename(h).partition('.')[0]}" for h in hosts]:
                print(name)
            return 0
        if not cases and not hosts and not kunit:
            print(f"# no test matches {' '.join(self.args.pattern)}; ./lu check -l lists them")
            print("0 passed, 0 failed")
            return 1
        self.report = Report(0 if hosts or kunit else len(cases))
        wanted = {(c.flavour, c.spec.icount) for c in cases} | {(k, False) for k in kunit}
        for flavour, icount in sorted(wanted):
            self.accelerator(flavour, icount)
        work = [(self.run_host, path) for path in hosts]
        work += [(self.run_kunit, flavour) for flavour in kunit] + self.jobs(cases)
        self.work(work)
        if hosts or kunit:
            self.report.plan()
        return self.report.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--programs", required=True, help="the folder with the test programs")
    parser.add_argument("--image", action="append", default=[], metavar="FLAVOUR=BZIMAGE")
    parser.add_argument("--kunit", action="append", default=[], metavar="FLAVOUR=NAME,...",
                        help="that kernel has these KUnit suites of ours: SUITE or SUITE.CASE")
    parser.add_argument("--host", action="append", default=[], metavar="FILE",
                        help="an executable that prints KTAP")
    parser.add_argument("--host-limit", type=int, default=1200, metavar="SECONDS")
    parser.add_argument("--logs", required=True)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--all", action="store_true",
                        help="also what is rarely run, and leaks in each kernel (lu_test.h)")
    parser.add_argument("--list", action="store_true", help="the names of the tests")
    parser.add_argument("--needs", action="store_true", help="the kernels that they need")
    parser.add_argument("pattern", nargs="*")
    args = parser.parse_args()
    interrupt_all()
    if not shutil.which("qemu-system-x86_64"):
        raise SystemExit("run.py: no qemu-system-x86_64; install Debian's qemu-system-x86")
    os.makedirs(args.logs, exist_ok=True)
    return Runner(args).run()


if __name__ == "__main__":
    sys.exit(main())
