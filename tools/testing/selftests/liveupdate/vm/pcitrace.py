# SPDX-License-Identifier: GPL-2.0
"""What QEMU saw of PCI: the host's half of the pci_*.c tests.

QEMU traces configuration writes, changes of BAR mappings and resets into qemu.log, in
the order in which they happen; between them, each byte that goes to the serial
ports, and each command of its monitor. So a text on the console is a marker, and so is
a command that the test has us send.

Verbs, for lu_host():

    mark NAME                       a marker, now
    text NAME REGEX                 the first match on the console after the last marker is one
    watch BDF HEX                   a function, with its configuration space as it is now
    compare BDF HEX                 "same", or how it differs from what watch was given
    audit FROM TO                   "clean", or each configuration write to a watched function
                                    that the table in Documentation/PCI/liveupdate.rst
                                    does not allow between two markers
    writes BDF OFFSET FROM TO       number of configuration writes to that register
    mappings FROM TO                number of changes of BAR mappings of watched functions
    resets FROM TO                  number of device resets
    put KEY TEXT, get KEY           memory that no kernel has
"""

import csv
import os
import re
import struct
import time

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                     "../../../../../Documentation/PCI/liveupdate.rst")

CFG = re.compile(r"pci_cfg_write (\S+) ([0-9a-f]+):([0-9a-f]+)\.([0-9a-f]+) "
                 r"@0x([0-9a-f]+) <- 0x([0-9a-f]+)")
MAP = re.compile(r"pci_update_mappings_(add|del) .*?([0-9a-f]{2}):([0-9a-f]{2})\.([0-9a-f])")
SERIAL = re.compile(r"serial_write write addr 0x0+ val 0x([0-9a-f]+)")
COMMAND = re.compile(r'handle_qmp_command .*"command-line": "mark (\S+)"')
RESET = re.compile(r"(qdev_reset|resettable_reset|qdev_reset_tree|qdev_reset_all) ")

# Standard capabilities by id: registers (offset, size) whose contents change by themselves.
STATUS = {
    ("header", 0, "device"): [(0x06, 2)],
    ("header", 0, "bridge"): [(0x06, 2), (0x1e, 2)],
    ("cap", 0x01): [(0x04, 2)],
    ("cap", 0x10): [(0x0a, 2), (0x12, 2), (0x1a, 2), (0x20, 4), (0x2a, 2), (0x32, 2), (0x3a, 2)],
    ("ecap", 0x01): [(0x04, 4), (0x10, 4), (0x1c, 16), (0x30, 4), (0x34, 4)],
    ("ecap", 0x1d): [(0x08, 2)],
}
# What is different across the jump on purpose: interrupts are off. (offset, size, mask)
INTERRUPTS = {
    ("header", 0): [(0x04, 2, 0x0400), (0x3c, 1, 0xff)],
    ("cap", 0x05): [(0x02, 2, 0x0001), (0x04, 20, None)],
    ("cap", 0x11): [(0x02, 2, 0xc000)],
    # Of a port itself, for its services: it may have none in the new kernel.
    ("cap", 0x10, "bridge"): [(0x18, 2, 0x103f), (0x1c, 2, 0x001f)],
    ("ecap", 0x01, "bridge"): [(0x2c, 4, 0x00000007)],
}


class Function:
    """A watched function: its configuration space, and what is where in it."""

    def __init__(self, bdf, config):
        self.bdf = bdf
        self.config = config
        self.kind = "bridge" if config[0x0e] & 0x7f == 1 else "device"
        self.caps = [(0, "header", 0)]
        if config[0x06] & 0x10:
            self._normal()
        if len(config) >= 4096:
            self._extended()
        self.caps.sort()

    def _normal(self):
        pos, seen = self.config[0x34] & ~3, set()
        while pos >= 0x40 and pos not in seen:
            seen.add(pos)
            self.caps.append((pos, "cap", self.config[pos]))
            pos = self.config[pos + 1] & ~3

    def _extended(self):
        pos, seen = 0x100, set()
        while pos >= 0x100 and pos not in seen:
            seen.add(pos)
            (head,) = struct.unpack_from("<I", self.config, pos)
            if not head or head == 0xffffffff:
                return
            self.caps.append((pos, "ecap", head & 0xffff))
            pos = head >> 20 & ~3

    def where(self, offset):
        """(space, id, offset in it) of a register."""
        best = (0, "header", 0)
        for cap in self.caps:
            if cap[0] <= offset:
                best = cap
        if best[1] == "header" and offset >= 0x40:
            return ("none", 0, offset)
        return (best[1], best[2], offset - best[0])

    def value(self, offset, size):
        return int.from_bytes(self.config[offset:offset + size], "little")

    def volatile(self):
        """offset: mask of the bits of this byte that may differ."""
        masks = {}
        for pos, space, ident in self.caps:
            for key in ((space, ident), (space, ident, self.kind)):
                for off, size in STATUS.get(key, ()):
                    for i in range(size):
                        masks[pos + off + i] = 0xff
                for off, size, mask in INTERRUPTS.get(key, ()):
                    for i in range(size):
                        bits = 0xff if mask is None else mask >> 8 * i & 0xff
                        masks[pos + off + i] = masks.get(pos + off + i, 0) | bits
        return masks

    def differences(self, now):
        if len(now) != len(self.config):
            return [f"{len(now)} bytes, was {len(self.config)}"]
        masks = self.volatile()
        found = []
        for i, (old, new) in enumerate(zip(self.config, now)):
            if (old ^ new) & ~masks.get(i, 0):
                space, ident, off = self.where(i)
                found.append(f"{self.bdf} {i:#x} ({space} {ident:#x} + {off:#x}): "
                             f"{old:#04x}, now {new:#04x}")
        return found


class Row:
    """A row of the table of writes: who may write which bits of a register."""

    def __init__(self, fields):
        self.function = fields["function"]
        self.space = fields["space"]
        self.ident = int(fields["id"], 16)
        self.offset = int(fields["offset"], 16)
        self.bytes = int(fields["bytes"], 0)
        self.mask = int(fields["mask"], 16)
        self.verdict = fields["verdict"]
        self.name = fields["register"]
        if self.verdict not in ("suppressed", "same", "harmless"):
            raise ValueError(f"the table has a verdict '{self.verdict}'")

    def covers(self, kind, space, ident, offset):
        return (self.function in (kind, "both") and self.space == space and
                self.ident == ident and self.offset <= offset < self.offset + self.bytes)

    def size(self, offset):
        """Of a write at offset: the trace does not tell, the register does."""
        left = self.offset + self.bytes - offset
        return 4 if left >= 4 and not offset % 4 else 2 if left >= 2 and not offset % 2 else 1

    def bits(self, offset):
        """The mask as seen from offset; one mask stands for each 32 bits of many."""
        return self.mask if self.bytes > 4 else self.mask >> 8 * (offset - self.offset)


def table(path=TABLE):
    """The rows between the two marks of the page."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    match = re.search(r"\.\. write-table-begin\n(.*?)\.\. write-table-end", text, re.S)
    header = match and re.search(r":header: (.*)", match[1])
    if not header:
        raise ValueError(f"{path} has no table of writes")
    names, *rows = csv.reader(
        [header[1]] + [line.strip() for line in match[1].splitlines()
                       if line.strip().startswith('"')], skipinitialspace=True)
    return [Row(dict(zip(names, row))) for row in rows]


class Trace:
    """qemu.log, read as far as it goes. A mark is (events, characters of console) so far."""

    def __init__(self, vm):
        self.vm = vm
        self.events = []        # (kind, ...)
        self.marks = {}
        self.console = ""
        self.lines = []         # the mark at the end of each line of the console
        self.offset = 0
        self.pending = ""

    def read(self):
        with open(self.vm.path("qemu.log"), errors="replace", encoding="utf-8") as f:
            f.seek(self.offset)
            text = f.read()
            self.offset = f.tell()
        *lines, self.pending = (self.pending + text).split("\n")
        chars = []
        for line in lines:
            match = SERIAL.search(line)
            if match:
                chars.append(chr(int(match[1], 16) & 0x7f))
                if chars[-1] == "\n":
                    self._console(chars)
            else:
                self._console(chars)
                self._event(line)
        self._console(chars)

    def _console(self, chars):
        if chars:
            self.console += "".join(chars)
            self.lines.append((len(self.events), len(self.console)))
            chars.clear()

    def _event(self, line):
        match = CFG.search(line)
        if match:
            bdf = f"{match[2].zfill(2)}:{match[3].zfill(2)}.{match[4]}"
            self.events.append(("cfg", bdf, int(match[5], 16), int(match[6], 16)))
            return
        match = MAP.search(line)
        if match:
            self.events.append(("map", f"{match[2]}:{match[3]}.{match[4]}", line))
            return
        match = COMMAND.search(line)
        if match:
            self.marks[match[1]] = (len(self.events), len(self.console))
        elif RESET.search(line):
            self.events.append(("reset", line))

    def text(self, name, regex):
        start = max(self.marks.values(), default=(0, 0))[1]
        match = re.compile(regex).search(self.console, start)
        if not match:
            raise ValueError(f"the console did not say '{regex}'")
        self.marks[name] = next(mark for mark in self.lines if mark[1] >= match.end())

    def between(self, first, last):
        for name in (first, last):
            if name not in self.marks:
                raise ValueError(f"there is no marker {name}")
        return self.events[self.marks[first][0]:self.marks[last][0]]


class Host:
    """All that is known of one machine."""

    def __init__(self, vm):
        self.vm = vm
        self.trace = Trace(vm)
        self.watched = {}
        self.memory = {}

    def mark(self, name):
        # No such command, but the trace has it.
        self.vm.monitor().human(f"mark {name}")
        for _ in range(100):
            self.trace.read()
            if name in self.trace.marks:
                return "ok"
            time.sleep(0.02)
        raise ValueError(f"the trace does not show the marker {name}: is QEMU told to trace?")

    def text(self, name, *regex):
        self.trace.read()
        self.trace.text(name, " ".join(regex))
        return "ok"

    def watch(self, bdf, config):
        function = Function(bdf[-7:], bytes.fromhex(config))
        self.watched[function.bdf] = function
        return function.kind

    def compare(self, bdf, config):
        found = self.watched[bdf[-7:]].differences(bytes.fromhex(config))
        return "\n".join(found) or "same"

    @staticmethod
    def _offence(function, rows, offset, value):
        """What is wrong with a write, None if nothing is."""
        space, ident, off = function.where(offset)
        rows = [r for r in rows if r.covers(function.kind, space, ident, off)]
        what = f"{function.bdf} {offset:#x} ({space} {ident:#x} + {off:#x}) <- {value:#x}"
        if not rows:
            return f"{what}: the table has no row for it"
        size = min(r.size(off) for r in rows)
        there = function.value(offset, size)
        what += f", was {there:#x}"
        if all(r.verdict == "suppressed" for r in rows):
            return f"{what}: {rows[0].name} is not to be written"
        changed = (there ^ value) & ((1 << 8 * size) - 1)
        for row in rows:
            if row.verdict == "harmless":
                changed &= ~row.bits(off)
        return f"{what}: bits {changed:#x} of {rows[0].name} are to stay" if changed else None

    def audit(self, first, last):
        self.trace.read()
        rows = table()
        found, seen = [], 0
        for kind, *rest in self.trace.between(first, last):
            if kind != "cfg" or rest[0] not in self.watched:
                continue
            seen += 1
            offence = self._offence(self.watched[rest[0]], rows, rest[1], rest[2])
            if offence and offence not in found:
                found.append(offence)
        return "\n".join(found) or f"clean of {seen}"

    def writes(self, bdf, offset, first, last):
        self.trace.read()
        return sum(1 for kind, *rest in self.trace.between(first, last)
                   if kind == "cfg" and rest[0] == bdf[-7:] and rest[1] == int(offset, 16))

    def mappings(self, first, last):
        self.trace.read()
        found = [rest[1] for kind, *rest in self.trace.between(first, last)
                 if kind == "map" and rest[0] in self.watched]
        return "\n".join([str(len(found)), *found])

    def resets(self, first, last):
        self.trace.read()
        found = [rest[0] for kind, *rest in self.trace.between(first, last) if kind == "reset"]
        return "\n".join([str(len(found)), *found])

    def put(self, key, *text):
        self.memory[key] = " ".join(text)
        return "ok"

    def get(self, key):
        return self.memory[key]


VERBS = ("mark", "text", "watch", "compare", "audit", "writes", "mappings", "resets", "put", "get")


def ask(vm, words):
    """The entry for *.host.py."""
    if not hasattr(vm, "pci_host"):
        vm.pci_host = Host(vm)
    host = vm.pci_host
    if words[0] not in VERBS:
        raise ValueError(f"{words[0]}: pcitrace.py knows no such verb")
    return getattr(host, words[0])(*words[1:])
