# SPDX-License-Identifier: GPL-2.0
"""What befalls a machine while it stands at the jump: the host's hands in pci_bad.c.

The test says what is to be done when the console shows a text; a thread of ours
waits for it, stops the machine, does it, and lets it go on. It has to be done before the new
kernel looks at PCI, or it says so.

Configuration space and memory are reached through QEMU's qtest socket, so nothing of the
guest takes part.

    at REGEX ACTION... [and ACTION...]
    see REGEX ACTION...             the same, with the machine running on: its disks would end
                                    what they are at before it stops
    waited                          "done" and what the actions answered; waits for them

Actions:

    hmp COMMAND                     QEMU's monitor
    pull BDF                        what is in the slot of this port is gone
    eject NUMBER                    what is in this slot of the first bus of ACPI's is gone
    power BDF                       the slot has power again, after something was plugged
    poke KIND NUMBER FIELD VALUE    a field of a record that is being handed over, or FIELD+N,
                                    a byte of it
    config BDF OFFSET SIZE VALUE    a write to configuration space
    rename OLD NEW                  format of a file-bound object that is handed over
    quiet BDF                       a look: no source of interrupts of it is on, or it fails
    differ A B SIZE                 a look: two pieces of memory are different, or it fails
"""

import os
import re
import socket
import struct
import threading
import time

HEADER = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                      "../../../../../include/linux/kho/abi/pci.h")
SCAN = "PCI host bridge to bus"
POWER_OFF = 0x0700      # power controller off, power indicator off
SLOT_EVENTS = 0x011f
ACPI_EJECT = 0x0cc8     # of the bus whose number is in ACPI_BUS
ACPI_BUS = 0x0cd0

KINDS = ("head", "device", "bridge", "chunk")


def layout(kind, path=HEADER):
    """{field: (offset, size)} of struct pci_state_KIND_ser, inner structures dissolved."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    size = int(re.search(rf"sizeof\(struct pci_state_{kind}_ser\) == (\d+)", text)[1])
    offsets = [(int(at), name) for name, at in re.findall(
        rf"offsetof\(struct pci_state_{kind}_ser, (\w+)\) == (\d+)", text)]
    body = re.search(rf"struct pci_state_{kind}_ser {{\n(.*?)\n}};", text, re.S)[1]
    inner = {name: (struct_name, count) for struct_name, name, count in re.findall(
        r"struct pci_state_(\w+)_ser (\w+)(?:\[(\w+)\])?;", body)}
    fields = {}
    for (at, name), (end, _) in zip(offsets, offsets[1:] + [(size, "")]):
        if name not in inner:
            fields[name] = (at, end - at)
            continue
        parts = layout(inner[name][0], path)
        width = max(o + s for o, s in parts.values())
        for number in range((end - at) // width):
            for part, (o, s) in parts.items():
                label = f"{name}.{number}.{part}" if inner[name][1] else f"{name}.{part}"
                fields[label] = (at + number * width + o, s)
    return fields


class Qtest:
    """Configuration space and memory, from outside."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(path)
        self.file = self.sock.makefile("rw")

    def command(self, line):
        self.file.write(line + "\n")
        self.file.flush()
        while True:
            answer = self.file.readline().split()
            if not answer:
                raise ValueError(f"{line}: QEMU closed its qtest socket")
            if answer[0] == "OK":
                return answer[1] if len(answer) > 1 else ""
            if answer[0] in ("FAIL", "ERR"):
                raise ValueError(f"{line}: {' '.join(answer)}")

    def _select(self, bdf, offset):
        bus, dev, func = (int(x, 16) for x in re.split("[:.]", bdf[-7:]))
        self.command(f"outl 0xcf8 {1 << 31 | bus << 16 | dev << 11 | func << 8 | offset & ~3:#x}")

    def config(self, bdf, offset, size):
        self._select(bdf, offset)
        return int(self.command(f"in{'.bw.l'[size]} {0xcfc + (offset & 3):#x}"), 0)

    def set_config(self, bdf, offset, size, value):
        self._select(bdf, offset)
        self.command(f"out{'.bw.l'[size]} {0xcfc + (offset & 3):#x} {value:#x}")

    def find_capability(self, bdf, ident):
        pos = self.config(bdf, 0x34, 1)
        while pos:
            if self.config(bdf, pos, 1) == ident:
                return pos
            pos = self.config(bdf, pos + 1, 1)
        return 0

    def capability(self, bdf, ident):
        pos = self.find_capability(bdf, ident)
        if not pos:
            raise ValueError(f"{bdf} has no capability {ident:#x}")
        return pos

    def bar(self, bdf, number):
        low = self.config(bdf, 0x10 + 4 * number, 4)
        high = self.config(bdf, 0x14 + 4 * number, 4) if low & 6 == 4 else 0
        return high << 32 | low & ~0xf

    def read(self, address, size):
        return self.command(f"read {address:#x} {size:#x}")

    def readl(self, address):
        return int(self.command(f"readl {address:#x}"), 0)

    def write(self, address, data):
        self.command(f"write {address:#x} {len(data):#x} 0x{data.hex()}")


class Records:
    """What the old kernel left, found in a copy of the machine's memory."""

    def __init__(self, path):
        with open(path, "rb") as f:
            self.memory = f.read()
        self.head = self._find_head()

    def _find_head(self):
        fields = layout("head")
        at = -4096
        while True:
            at = self.memory.find(b"PCISTATE", at + 4096)
            if at < 0:
                raise ValueError("there is no head in memory")
            if at % 4096:
                at -= at % 4096
                continue
            size = self._number(at, fields["size"])
            if size == max(o + s for o, s in fields.values()):
                return at

    def _number(self, at, field):
        return int.from_bytes(self.memory[at + field[0]:at + sum(field)], "little")

    def address(self, kind, number):
        """Of a record; entries follow the 16 bytes of the header of their block."""
        if kind == "head":
            return self.head
        fields = layout("head")
        block = self._number(self.head, fields[f"{kind}s"])
        size = self._number(self.head, fields[f"{kind}_size"])
        wanted = number
        while block:
            following, count = struct.unpack_from("<QQ", self.memory, block)
            if number < count:
                return block + 16 + number * size
            number -= count
            block = following
        raise ValueError(f"there is no {kind} {wanted}")


class Hands:
    """All that is being done to one machine."""

    def __init__(self, vm):
        self.vm = vm
        self.thread = None
        self.answers = []
        self.records = None
        self._qtest = None

    def qtest(self):
        if not self._qtest:
            self._qtest = Qtest(self.vm.path("qtest"))
        return self._qtest

    def at(self, regex, *words):
        """The monitor is ours until the new kernel's user space asks for something."""
        return self._begin(True, regex, words)

    def see(self, regex, *words):
        return self._begin(False, regex, words)

    def _begin(self, stop, regex, words):
        actions, action = [], []
        for word in (*words, "and"):
            if word == "and":
                actions.append(action)
                action = []
            else:
                action.append(word)
        begin = os.path.getsize(self.vm.path("console.log"))
        self.answers = []
        # Each kernel has them somewhere else.
        self.records = None
        self.vm.monitor()
        self.qtest()
        self.thread = threading.Thread(target=self._wait, args=(stop, regex, begin, actions),
                                       daemon=True)
        self.thread.start()
        return "ok"

    def _wait(self, stop, regex, begin, actions):
        try:
            with open(self.vm.path("console.log"), errors="replace", encoding="utf-8") as log:
                log.seek(begin)
                text = ""
                while not re.search(regex, text):
                    time.sleep(0.002)
                    text += log.read()
                if stop:
                    self.vm.monitor().command("stop")
                text += log.read()
            if stop and SCAN in text:
                raise ValueError("it was too late: the new kernel has looked at PCI already")
            for action in actions:
                self.answers.append(str(getattr(self, "do_" + action[0])(*action[1:])))
        except (ValueError, OSError, AttributeError) as error:
            self.answers.append(f"failed: {error}")
        # It goes on all the same, for the test to say what failed.
        if stop:
            self.vm.monitor().command("cont")

    def waited(self):
        if not self.thread:
            raise ValueError("nothing was to be done")
        self.thread.join(60)
        failed = [a for a in self.answers if a.startswith("failed")]
        if failed or self.thread.is_alive():
            raise ValueError("; ".join(failed) or "it was never done")
        return " ".join(["done", *self.answers]).strip()

    def do_hmp(self, *words):
        answer = self.vm.monitor().human(" ".join(words))
        if answer.strip():
            raise ValueError(f"{' '.join(words)}: {answer}")
        return ""

    def do_config(self, bdf, offset, size, value):
        self.qtest().set_config(bdf, int(offset, 0), int(size), int(value, 0))
        return ""

    def _slot(self, bdf):
        return self.qtest().capability(bdf, 0x10) + 0x18

    def do_pull(self, bdf):
        slot = self._slot(bdf)
        control = self.qtest().config(bdf, slot, 2)
        # On first: it is the change that counts.
        self.qtest().set_config(bdf, slot, 2, control & ~POWER_OFF | 0x0100)
        self.qtest().set_config(bdf, slot, 2, control | POWER_OFF)
        self.qtest().set_config(bdf, slot, 2, control)
        return ""

    def do_eject(self, number):
        self.qtest().command(f"outl {ACPI_BUS:#x} 0")
        self.qtest().command(f"outl {ACPI_EJECT:#x} {1 << int(number):#x}")
        return ""

    def do_power(self, bdf):
        """The slot is as if nothing had happened: no event waits for the slot's driver."""
        slot = self._slot(bdf)
        control = self.qtest().config(bdf, slot, 2)
        self.qtest().set_config(bdf, slot, 2, control & ~POWER_OFF | 0x0100)
        # QEMU takes a write that clears more than there is for a mistake, and undoes it.
        events = self.qtest().config(bdf, slot + 2, 2) & SLOT_EVENTS
        self.qtest().set_config(bdf, slot + 2, 2, events)
        return ""

    def do_poke(self, kind, number, field, value):
        if not self.records:
            path = self.vm.path("memory")
            size = self.vm.monitor().command("query-memory-size-summary")["base-memory"]
            self.vm.monitor().command("pmemsave", val=0, size=size, filename="memory")
            self.records = Records(path)
            os.unlink(path)
        name, _, byte = field.partition("+")
        offset, size = layout(kind)[name]
        if byte:
            offset, size = offset + int(byte), 1
        data = int(value, 0) & (1 << 8 * size) - 1
        self.qtest().write(self.records.address(kind, int(number)) + offset,
                           data.to_bytes(size, "little"))
        return ""

    def do_rename(self, old, new):
        """Its entry, of 64 bytes, is in a page with two numbers before: 1, and how many."""
        path = self.vm.path("memory")
        size = self.vm.monitor().command("query-memory-size-summary")["base-memory"]
        self.vm.monitor().command("pmemsave", val=0, size=size, filename="memory")
        with open(path, "rb") as f:
            memory = f.read()
        os.unlink(path)
        for match in re.finditer(re.escape(old.encode()) + b"\\0", memory):
            at = match.start()
            pages, count = struct.unpack_from("<QQ", memory, at & ~4095)
            if pages == 1 and at % 64 == 16 and at % 4096 < 64 * count:
                self.qtest().write(at, new.encode() + b"\0")
                return ""
        raise ValueError(f"there is no {old} that could be renamed")

    def do_quiet(self, bdf):
        config, loud = self.qtest().config, []
        if config(bdf, 0x3d, 1) and not config(bdf, 0x04, 2) & 0x0400:
            loud.append("INTx")
        msi = self.qtest().find_capability(bdf, 0x05)
        if msi and config(bdf, msi + 2, 2) & 0x0001:
            loud.append("MSI")
        msix = self.qtest().find_capability(bdf, 0x11)
        if msix:
            control, table = config(bdf, msix + 2, 2), config(bdf, msix + 4, 4)
            if control & 0x8000:
                loud.append("MSI-X")
            table = self.qtest().bar(bdf, table & 7) + (table & ~7)
            loud += [f"vector {v} of MSI-X" for v in range((control & 0x7ff) + 1)
                     if not self.qtest().readl(table + 16 * v + 12) & 1]
        if loud:
            raise ValueError(f"interrupts of {bdf} are on: {', '.join(loud)}")
        return "quiet"

    def do_differ(self, a, b, size):
        if self.qtest().read(int(a, 0), int(size, 0)) == self.qtest().read(int(b, 0), int(size, 0)):
            raise ValueError(f"what is at {a} is at {b} already")
        return "different"

    @staticmethod
    def fields(kind):
        return " ".join(name for name in layout(kind) if "reserved" not in name)


VERBS = ("at", "see", "waited", "fields")


def ask(vm, words):
    """The entry for *.host.py."""
    if not hasattr(vm, "pci_hands"):
        vm.pci_hands = Hands(vm)
    if words[0] not in VERBS:
        raise ValueError(f"{words[0]}: pcihands.py knows no such verb")
    return getattr(vm.pci_hands, words[0])(*words[1:])
