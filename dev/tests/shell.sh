#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# shell.sh: "./lu shell" on a terminal: it comes to a prompt, has the series' tools, performs the
# update by the one word that it offers, and is left.
#
# Needs a built prod kernel and the test programs. What the terminal showed is in
# build/logs/shell/terminal.log. Prints KTAP.

set -uo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$top/build/logs/shell"
exec python3 - "$top" <<'PYTHON'
import os
import pty
import re
import select
import signal
import sys
import time

top = sys.argv[1]
log = top + "/build/logs/shell/terminal.log"
sys.dont_write_bytecode = True
sys.path.insert(0, top + "/tools/testing/selftests/liveupdate/vm")
import kernellog  # noqa: E402

LIMIT = 300
PROMPT = r"lu# "
ESCAPE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class Trouble(Exception):
    """What the user would see go wrong."""


class Terminal:
    """./lu shell, and what it has shown that nobody has looked at yet."""

    def __init__(self):
        self.text = ""
        self.end = time.monotonic() + LIMIT
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os.execv(top + "/lu", ["lu", "shell"])
        self.log = open(log, "wb")

    def more(self, wanted):
        """False at its end."""
        left = self.end - time.monotonic()
        if left <= 0 or not select.select([self.fd], [], [], left)[0]:
            raise Trouble(f"{wanted} did not come in {LIMIT} s")
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        self.log.write(data)
        self.log.flush()
        self.text = ESCAPE.sub("", self.text + data.decode(errors="replace"))
        return bool(data)

    def await_(self, wanted):
        """The match of what is wanted; everything up to it has been looked at."""
        while not (found := re.search(wanted, self.text)):
            if not self.more(f"'{wanted}'"):
                raise Trouble(f"it ended without '{wanted}'")
        self.text = self.text[found.end():]
        return found

    def type(self, line):
        os.write(self.fd, line.encode() + b"\n")

    def does(self, command, wanted):
        """At a prompt: the command succeeds, and prints that."""
        self.type(command + "; echo $?.")
        status = self.await_(r"(?s)^(.*?)\n(\d+)\.\r*\n")
        self.await_(PROMPT)
        if status[2] != "0" or not re.search(wanted, status[1]):
            raise Trouble(f"{command}: status {status[2]}, no '{wanted}': {status[1]!r}")

    def close(self):
        """Its exit status."""
        while self.more("the end"):
            pass
        status, self.pid = os.waitpid(self.pid, 0)[1], None
        return os.waitstatus_to_exitcode(status)


def comes_to_a_prompt():
    shell.boot = shell.await_(r"boot (\w+)\.")[1]
    shell.word = shell.await_(rf"(\S+): perform the update|{PROMPT}")[1]
    if not shell.word:
        raise Trouble("it offers no word for the update")
    shell.await_(PROMPT)


def has_the_tools():
    shell.does("luctl status", "live update: +on")
    shell.does("cat /sys/kernel/liveupdate/number", r"\n0\r")
    # What was loaded is remembered from one command to the other.
    shell.does("luctl load /boot/bzImage --initrd /sys/firmware/initrd", "is loaded; luctl run")
    shell.does("luctl run --dry-run", "everything survives")


def updates_by_one_word():
    shell.type(shell.word)
    boot = shell.await_(rf"boot (\w+)\.|{PROMPT}")[1]
    if boot in (None, shell.boot):
        raise Trouble(f"'{shell.word}' came to no next kernel")
    shell.await_(PROMPT)
    shell.does("cat /sys/kernel/liveupdate/number", r"\n1\r")
    shell.does("luctl status", "live update: +on")


def is_left():
    shell.type("poweroff -f")
    status = shell.close()
    if status:
        raise Trouble(f"exit status {status}")
    for _, line in kernellog.reports(kernellog.lines(log)):
        raise Trouble(f"the kernel complains: {line}")


steps = [comes_to_a_prompt, has_the_tools, updates_by_one_word, is_left]
print(f"KTAP version 1\n1..{len(steps)}", flush=True)
begin = time.monotonic()
shell = Terminal()
failed = 0
for number, step in enumerate(steps, 1):
    try:
        if not failed:
            step()
    except Trouble as trouble:
        print(f"# {trouble}; see {log}")
        failed = 1
        if shell.pid:
            os.kill(shell.pid, signal.SIGTERM)
    print(f"{'not ok' if failed else 'ok'} {number} {step.__name__} # {time.monotonic() - begin:.0f} s",
          flush=True)
sys.exit(failed)
PYTHON
