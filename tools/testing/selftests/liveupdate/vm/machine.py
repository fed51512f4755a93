# SPDX-License-Identifier: GPL-2.0
"""A test machine: its description, its QEMU, its serial lines and its monitor.

Life cycle: Machine.run() makes a folder, starts QEMU in it, hands each message
that comes over the wire (lu_wire.h) to the caller and returns when QEMU has ended,
by itself or because the time limit was reached. Nothing is left running; the
folder with console.log, output.log and qemu.cmd stays. If QEMU failed, trouble says how.
"""

import json
import os
import re
import select
import shlex
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field

WIRE_TAG = "@lu "
# Debian's ovmf, code and variables in one, which are forgotten at power-off.
UEFI = "/usr/share/ovmf/OVMF.fd"


def size_in_mib(text):
    """512M or 6G, as QEMU takes it, in MiB."""
    match = re.fullmatch(r"(\d+)([MG]?)", text)
    if not match:
        raise ValueError(f"{text}: a size is a number with M or G")
    return int(match[1]) * (1024 if match[2] == "G" else 1)


@dataclass
class Spec:
    """What a case asks for; lu_test.h says what each word means."""

    mem: str = "512M"
    cpus: int = 1
    numa: str = "1"
    flavour: tuple = ("prod", "debug")
    rarely: tuple = ()
    append: list = field(default_factory=list)
    qemu: list = field(default_factory=list)
    image: list = field(default_factory=list)
    program: list = field(default_factory=list)
    module: list = field(default_factory=list)
    timeout: int = 60
    expect: list = field(default_factory=list)
    own: bool = False
    uefi: bool = False
    icount: bool = False
    fails: str = ""
    bound: float = 0
    leaks: str = "last"
    against: str = ""

    @classmethod
    def parse(cls, words):
        spec = cls()
        for word in words.split():
            word = word.replace("\\x20", " ")
            key, _, value = word.partition("=")
            if key in ("own", "uefi", "icount"):
                setattr(spec, key, True)
            elif key in ("mem", "numa", "fails", "against"):
                setattr(spec, key, value)
            elif key in ("cpus", "timeout"):
                setattr(spec, key, int(value))
            elif key == "bound":
                spec.bound = float(value)
            elif key == "leaks" and value in ("first", "last", "each"):
                spec.leaks = value
            elif key == "flavour":
                often, _, rarely = value.partition("+")
                spec.flavour = tuple(filter(None, often.split(",")))
                spec.rarely = tuple(filter(None, rarely.split(",")))
            elif key in ("append", "qemu", "image", "program", "module", "expect"):
                getattr(spec, key).append(value)
            elif key == "device":
                spec.qemu += ["-device", value]
            else:
                raise ValueError(f"{word}: no such word for a machine; lu_test.h lists them")
        for size in [spec.mem] + (spec.numa.split(",") if "," in spec.numa else []):
            size_in_mib(size)
        return spec

    def shape(self):
        """Cases of equal shape can share a machine."""
        return (self.mem, self.cpus, self.numa, self.uefi, tuple(self.append), tuple(self.qemu),
                tuple(self.image), tuple(self.program), tuple(self.module), self.icount)

    def numa_arguments(self):
        if self.numa == "1":
            return ["-m", self.mem]
        if "," in self.numa:
            sizes = [size_in_mib(s) for s in self.numa.split(",")]
        else:
            nodes = int(self.numa)
            sizes = [size_in_mib(self.mem) // nodes] * nodes
        args = ["-m", f"{sum(sizes)}M"]
        for node, size in enumerate(sizes):
            # A node must have a processor or memory; the processors go round.
            cpus = ",".join(f"cpus={c}" for c in range(self.cpus) if c % len(sizes) == node)
            node_arg = f"node,nodeid={node}" + ("," + cpus if cpus else "")
            if size:
                args += ["-object", f"memory-backend-ram,id=ram{node},size={size}M"]
                node_arg += f",memdev=ram{node}"
            args += ["-numa", node_arg]
        return args


class Monitor:
    """QEMU's monitor, by its machine protocol."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(path)
        self.file = self.sock.makefile("rw")
        self.file.readline()
        self.command("qmp_capabilities")

    def command(self, name, **arguments):
        self.file.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        self.file.flush()
        while True:
            line = self.file.readline()
            if not line:
                raise ValueError(f"{name}: QEMU closed its monitor")
            answer = json.loads(line)
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise ValueError(f"{name}: {answer['error']['desc']}")

    def human(self, line):
        return self.command("human-monitor-command", **{"command-line": line})


class Machine:
    """One run of QEMU."""

    def __init__(self, spec, folder, kernel, initrd, accel, append=(), qemu=(), ask=None):
        self.spec = spec
        self.folder = os.path.abspath(folder)
        self.ask = ask
        self.sockets = {}
        self.trouble = ""
        self._monitor = None
        # The machine type is of the age of Debian 12's QEMU: newer ones hand the guest a
        # random seed, which makes runs differ.
        self.command = [
            "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none",
            "-no-reboot", "-machine", "pc-q35-7.1",
            # Processors of different nodes are in different sockets.
            "-smp", f"{spec.cpus},sockets={spec.cpus}",
            *accel, *spec.numa_arguments(), *(["-bios", UEFI] if spec.uefi else []),
            "-kernel", os.path.abspath(kernel), "-initrd", os.path.abspath(initrd), "-append",
            # On a busy host ticks get lost, and the kernel would give the timer up.
            " ".join(["console=ttyS0 earlyprintk=serial,ttyS0 panic=-1 retain_initrd",
                      "no_timer_check", *spec.append, *append]),
            "-chardev", "file,id=console,path=console.log", "-serial", "chardev:console",
            "-chardev", "socket,id=wire,path=wire", "-serial", "chardev:wire",
            "-qmp", "unix:qmp,server=on,wait=off",
            *[q.replace("$DIR", ".") for q in spec.qemu], *qemu,
        ]

    def path(self, name):
        """A file of the run's folder; sockets have short paths this way."""
        return f"/proc/self/fd/{self.folder_fd}/{name}"

    def monitor(self):
        if not self._monitor:
            self._monitor = Monitor(self.path("qmp"))
        return self._monitor

    def answer(self, line):
        """lu_host(): one line in, one line out."""
        words = line.split()
        try:
            if not words:
                raise ValueError("lu_host() needs a verb")
            if words[0] == "hmp":
                text = self.monitor().human(line[4:])
            elif words[0] == "qmp":
                text = json.dumps(self.monitor().command(words[1], **json.loads(
                    line.split(None, 2)[2] if len(words) > 2 else "{}")))
            elif words[0] == "send":
                self.far_side(words[1]).sendall(line.split(None, 2)[2].encode())
                text = ""
            elif words[0] == "recv":
                text = self.far_side(words[1]).recv(16384).decode(errors="replace")
            elif words[0] == "file":
                with open(self.path(words[1]), errors="replace", encoding="utf-8") as f:
                    text = f.read()
            elif self.ask:
                text = str(self.ask(self, words))
            else:
                raise ValueError(f"{words[0]}: no such verb, and the test has no .host.py")
        except Exception as error:  # pylint: disable=broad-except
            text = f"error {error}"
        return text.replace("\r", "").replace("\n", "\\n") + "\n"

    def far_side(self, name):
        if name not in self.sockets:
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(30)
            sock.connect(self.path(name))
            self.sockets[name] = sock
        return self.sockets[name]

    def run(self, limit, message):
        """Run to the end; message(words) for each line of the wire, output lines as
        ("output", line). Returns True if the time limit ended it."""
        os.makedirs(self.folder, exist_ok=True)
        for name in ("wire", "qmp", "console.log", "output.log"):
            if os.path.lexists(os.path.join(self.folder, name)):
                os.unlink(os.path.join(self.folder, name))
        self.folder_fd = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        with open(os.path.join(self.folder, "qemu.cmd"), "w", encoding="utf-8") as f:
            f.write(shlex.join(self.command) + "\n")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.path("wire"))
        listener.listen(1)
        with open(os.path.join(self.folder, "qemu.log"), "wb") as log:
            process = subprocess.Popen(self.command, cwd=self.folder, stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log)
        try:
            return self._follow(process, listener, time.monotonic() + limit, message)
        finally:
            if process.poll() is None:
                process.kill()
            elif process.returncode:
                with open(self.path("qemu.log"), errors="replace", encoding="utf-8") as said:
                    self.trouble = (f"QEMU ended with {process.returncode}: "
                                    + " ".join(said.read().split("\n")[-4:]))
            process.wait()
            for sock in (*self.sockets.values(), listener):
                sock.close()
            os.close(self.folder_fd)

    def _follow(self, process, listener, deadline, message):
        wire, pending = None, b""
        output = open(os.path.join(self.folder, "output.log"), "wb")
        with output:
            while True:
                left = deadline - time.monotonic()
                if left <= 0:
                    return True
                ready = select.select([wire or listener], [], [], min(left, 0.2))[0]
                if not ready:
                    if process.poll() is not None:
                        return False
                    continue
                if not wire:
                    wire = listener.accept()[0]
                    continue
                data = wire.recv(65536)
                if not data:
                    process.wait(timeout=max(left, 1))
                    return False
                output.write(data)
                output.flush()
                *lines, pending = (pending + data.replace(b"\r", b"")).split(b"\n")
                for line in lines:
                    text = line.decode(errors="replace")
                    if text.startswith(WIRE_TAG + "host "):
                        wire.sendall(self.answer(text[len(WIRE_TAG) + 5:]).encode())
                    elif text.startswith(WIRE_TAG):
                        message(text[len(WIRE_TAG):].split(" "))
                    else:
                        message(["output", text])


def interrupt_all():
    """^C ends the runner and with it, as its children, every QEMU."""
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
