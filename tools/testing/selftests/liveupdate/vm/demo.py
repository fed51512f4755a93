#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Runs the demo in a VM and prints what it tells, with times and the gap.

    demo.py --programs DIR --image BZIMAGE --logs DIR
"""

import argparse
import os
import subprocess
import sys
import time

import accel
import initrd
import kernellog
from machine import Machine, Spec, interrupt_all


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", required=True)
    parser.add_argument("--image", required=True)
    parser.add_argument("--logs", required=True)
    args = parser.parse_args()
    interrupt_all()
    programs = {p: os.path.join(args.programs, p) for p in ("lu_init", "lu_ctl", "demo")}
    os.makedirs(args.logs, exist_ok=True)
    accelerator = accel.probe(args.image, programs, args.logs)
    if not accelerator:
        raise SystemExit(f"demo: the kernel does not boot; see {args.logs}/probe-tcg/console.log")
    print(f"A virtual machine starts ({'KVM' if accelerator.name == 'kvm' else 'emulated'}).")
    folder = os.path.join(args.logs, "demo")
    os.makedirs(folder, exist_ok=True)
    ramdisk = os.path.join(folder, "initrd")
    initrd.make(ramdisk, programs, ["demo update"], {"bzImage": args.image})
    begin = time.monotonic()
    state = {"step": 0, "jump": None, "result": None, "output": []}

    def message(words):
        now = time.monotonic()
        if words[0] == "tell":
            told = " ".join(words[1:])
            if told.startswith("    "):
                print(f"{'':10}{told}", flush=True)
                return
            state["step"] += 1
            print(f"{now - begin:6.1f} s  {state['step']}. {told}", flush=True)
        elif words[0] == "jump":
            state["jump"] = now
            print(f"{now - begin:6.1f} s  ---- jump ----", flush=True)
        elif words[0] == "boot" and state["jump"]:
            print(f"{now - begin:6.1f} s  ---- the new kernel's first process runs: "
                  f"a gap of {now - state['jump']:.2f} s ----", flush=True)
        elif words[0] == "result":
            state["result"] = words[3:]
        elif words[0] == "output":
            state["output"].append(words[1])

    described = subprocess.run([programs["demo"], "--describe"], capture_output=True, text=True,
                               check=True).stdout
    spec = Spec.parse(described.split(" ", 2)[2])
    machine = Machine(spec, folder, args.image, ramdisk, accelerator.arguments)
    if machine.run(60 + 20 * accelerator.boot, message):
        machine.trouble = "it took too long, and was ended"
    os.unlink(ramdisk)
    found = kernellog.reports(kernellog.lines(os.path.join(folder, "console.log")))
    if state["result"] == ["ok"] and not found:
        print("The live update went well.")
        return 0
    for line in [*state["output"][-10:], *(line for _, line in found[:5]), machine.trouble]:
        print(f"    {line}")
    print(f"demo: the live update failed; the kernels' log is {folder}/console.log")
    return 1


if __name__ == "__main__":
    sys.exit(main())
