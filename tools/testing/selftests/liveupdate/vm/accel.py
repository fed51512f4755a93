# SPDX-License-Identifier: GPL-2.0
"""Which accelerator runs this very kernel, and how fast, found out by booting it.

KVM counts only if the kernel has booted with it; otherwise it is emulation. The
boot's duration is what time limits are scaled with. What was found is kept
in a file beside the image until the image, QEMU or the answer of /dev/kvm changes.
"""

import hashlib
import json
import os
import subprocess
import time

import initrd
from machine import Machine, Spec

# la57 doubles what a page walk costs an emulator and no test needs it. A small translation
# buffer: without it a kernel after kexec runs up to ten times slower.
TCG = ["-accel", "tcg,tb-size=64", "-cpu", "max,la57=off"]
KVM = ["-accel", "kvm", "-cpu", "host"]
DEVICE = "/dev/kvm"
KVM_BOOT = 1.0
# Emulated, and its clock is the number of instructions, a nanosecond each.
ICOUNT = [*TCG, "-icount", "shift=0,sleep=off"]
ARGUMENTS = {"kvm": KVM, "tcg": TCG, "icount": ICOUNT}
PROBE_LIMIT = {"kvm": 20, "tcg": 600, "icount": 600}


class Accelerator:
    """The QEMU arguments, and how many times slower than a plain KVM boot it is."""

    def __init__(self, name, boot):
        self.name = name
        self.boot = boot
        self.arguments = ARGUMENTS[name]
        self.scale = max(1.0, boot / KVM_BOOT)


def _key(image):
    with open(image, "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    version = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, text=True,
                             check=True).stdout.splitlines()[0]
    return f"{digest} {version} kvm={os.access(DEVICE, os.W_OK)}"


def _boot(arguments, image, programs, folder, limit):
    """Seconds from power-on to lu_init's end, or None."""
    os.makedirs(folder, exist_ok=True)
    ramdisk = os.path.join(folder, "initrd")
    initrd.make(ramdisk, {"lu_init": programs["lu_init"]}, [], {})
    done = []
    begin = time.monotonic()
    Machine(Spec(), folder, image, ramdisk, arguments).run(limit, lambda words: (
        done.append(time.monotonic() - begin) if words[0] == "done" else None))
    os.unlink(ramdisk)
    return done[0] if done else None


def probe(image, programs, logs, icount=False):
    """The accelerator for image, or that which counts instructions; None if it boots with none."""
    record = image + (".icount" if icount else ".accel")
    key = _key(image)
    try:
        with open(record, encoding="utf-8") as f:
            kept = json.load(f)
        if kept["key"] == key:
            return Accelerator(kept["name"], kept["boot"])
    except (OSError, ValueError, KeyError):
        pass
    for name in ("icount",) if icount else ("kvm", "tcg"):
        if name == "kvm" and not os.access(DEVICE, os.W_OK):
            continue
        boot = _boot(ARGUMENTS[name], image, programs, os.path.join(logs, f"probe-{name}"),
                     PROBE_LIMIT[name])
        if boot:
            with open(record, "w", encoding="utf-8") as f:
                json.dump({"key": key, "name": name, "boot": boot}, f)
            return Accelerator(name, boot)
    return None
