# SPDX-License-Identifier: GPL-2.0
"""The host's half of pci_stream.c: numbered frames, at moments that the console tells.

    send_frames COUNT       so many, now
    stream                  some more at each of MOMENTS of the next kernel
    streamed                waits for that; the number of frames so far
"""

import os
import re
import socket
import threading
import time

import pcitrace

MOMENTS = ("early console|Linux version", "Memory: ", "PCI host bridge to bus", "Run /init")
EACH = 8


class Stream:
    """The far end of the wire."""

    def __init__(self, vm):
        self.vm = vm
        self.number = 0
        self.failed = None
        self.thread = None
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def send(self, count):
        for _ in range(count):
            frame = b"\xff" * 12 + b"\x88\xb5" + bytes([self.number]) + bytes(
                (b + self.number) & 0xff for b in range(15, 100))
            self.sock.sendto(frame, self.vm.path("net"))
            self.number += 1
        return "ok"

    def start(self):
        begin = os.path.getsize(self.vm.path("console.log"))
        self.thread = threading.Thread(target=self._run, args=(begin,), daemon=True)
        self.thread.start()
        return "ok"

    def _run(self, begin):
        try:
            with open(self.vm.path("console.log"), errors="replace", encoding="utf-8") as log:
                log.seek(begin)
                text = ""
                for moment in MOMENTS:
                    while not (match := re.search(moment, text)):
                        time.sleep(0.005)
                        text += log.read()
                    text = text[match.end():]
                    self.send(EACH)
        except (OSError, ValueError) as error:
            self.failed = error

    def streamed(self):
        self.thread.join(60)
        if self.failed or self.thread.is_alive():
            raise ValueError(f"the stream broke off: {self.failed}")
        return self.number


def ask(vm, words):
    """Ours, or what the trace answers."""
    if not hasattr(vm, "pci_stream"):
        vm.pci_stream = Stream(vm)
    if words[0] == "send_frames":
        return vm.pci_stream.send(int(words[1]))
    if words[0] == "stream":
        return vm.pci_stream.start()
    if words[0] == "streamed":
        return vm.pci_stream.streamed()
    return pcitrace.ask(vm, words)
