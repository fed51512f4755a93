#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The test machine with a shell on this terminal; "next" in it performs the update.

    shell.py --programs DIR --image BZIMAGE --busybox FILE --logs DIR [--append ARGS]
             [-- QEMU ARGUMENTS]
"""

import argparse
import os
import sys

import accel
import initrd

INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
for m in devtmpfs:/dev proc:/proc sysfs:/sys debugfs:/sys/kernel/debug tmpfs:/tmp tmpfs:/run; do
	mkdir -p ${m#*:}
	mount -t ${m%%:*} ${m%%:*} ${m#*:}
done
export PATH=/bin:/lu HOME=/ PS1='lu# '
ln -sf /lu/lu_next /bin/next
ln -sf /lu/lu_ctl /bin/luctl
echo "Linux $(uname -r), boot $(cut -c1-8 /proc/sys/kernel/random/boot_id)."
echo "next: perform the update   luctl: look at it   poweroff -f: leave   /lu: tools and tests"
setsid cttyhack sh
poweroff -f
"""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", required=True)
    parser.add_argument("--image", required=True)
    parser.add_argument("--busybox", required=True)
    parser.add_argument("--logs", required=True)
    parser.add_argument("--append", default="")
    parser.add_argument("qemu", nargs="*")
    args = parser.parse_args()
    programs = {entry.name: entry.path for entry in os.scandir(args.programs)
                if entry.is_file() and os.access(entry.path, os.X_OK)}
    os.makedirs(args.logs, exist_ok=True)
    accelerator = accel.probe(args.image, programs, args.logs)
    if not accelerator:
        raise SystemExit(f"shell: the kernel does not boot; see {args.logs}/probe-tcg/console.log")
    ramdisk = os.path.join(args.logs, "shell.initrd")
    with open(ramdisk, "wb") as f:
        archive = initrd.Archive(f)
        archive.add_console()
        archive.add("init", INIT.encode(), 0o755)
        archive.add_file("bin/busybox", args.busybox)
        archive.add_file("boot/bzImage", args.image)
        for name, path in programs.items():
            archive.add_file(f"lu/{name}", path)
        archive.close()
    command = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-nographic", "-no-reboot",
               "-machine", "pc-q35-7.1", "-m", "1G", "-smp", "2", *accelerator.arguments,
               "-serial", "mon:stdio", "-kernel", args.image, "-initrd", ramdisk, "-append",
               f"console=ttyS0 panic=-1 retain_initrd quiet kho=on liveupdate=on {args.append}".strip(), *args.qemu]
    os.execvp(command[0], command)


if __name__ == "__main__":
    sys.exit(main())
