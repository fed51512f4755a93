# SPDX-License-Identifier: GPL-2.0
"""The machines' initrd: a cpio with lu_init, the test programs and the kernels to jump to."""

import os
import stat


class Archive:
    """A cpio in the kernel's "newc" form."""

    def __init__(self, file):
        self.file = file
        self.inode = 0
        self.folders = set()

    def _entry(self, name, mode, size, rdev=(0, 0)):
        self.inode += 1
        fields = (self.inode, mode, 0, 0, 1, 0, size, 0, 0, *rdev, len(name) + 1, 0)
        self.file.write(b"070701" + b"".join(b"%08X" % f for f in fields))
        self._padded(name.encode() + b"\0", 110)

    def _padded(self, data, before=0):
        self.file.write(data)
        self.file.write(b"\0" * (-(before + len(data)) % 4))

    def _parents(self, name):
        parts = name.split("/")[:-1]
        for i in range(len(parts)):
            folder = "/".join(parts[:i + 1])
            if folder not in self.folders:
                self.folders.add(folder)
                self._entry(folder, stat.S_IFDIR | 0o755, 0)

    def add(self, name, data, mode=0o644):
        self._parents(name)
        self._entry(name, stat.S_IFREG | mode, len(data))
        self._padded(data)

    def add_file(self, name, path, mode=0o755):
        with open(path, "rb") as f:
            self.add(name, f.read(), mode)

    def add_link(self, name, target):
        self._parents(name)
        self._entry(name, stat.S_IFLNK | 0o777, len(target))
        self._padded(target.encode())

    def add_console(self):
        self._parents("dev/console")
        self._entry("dev/console", stat.S_IFCHR | 0o600, 0, (5, 1))

    def close(self):
        self._entry("TRAILER!!!", 0, 0)


def make(path, programs, run_list, kernels):
    """programs: {name: path}, run_list: lines for /lu/run, kernels: {name in /boot: path}."""
    with open(path + ".new", "wb") as f:
        archive = Archive(f)
        archive.add_console()
        for name, source in programs.items():
            archive.add_file("init" if name == "lu_init" else f"lu/{name}", source)
        archive.add("lu/run", "".join(line + "\n" for line in run_list).encode())
        for name, source in kernels.items():
            archive.add_file(f"boot/{name}", source)
        archive.close()
    os.rename(path + ".new", path)
