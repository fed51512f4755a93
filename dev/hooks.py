#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The hooks of live update in the PCI core are those that the documentation lists.

    hooks.py PAGE PATCH...

PAGE has a table between two comments, hook-table-begin and hook-table-end, with file,
function and call in a row; the patches are the edits. Each call that one of them adds has to
be in a row of its file, and each call of a row in one of them.
"""

import csv
import re
import sys

CALL = re.compile(r"\b(pci_lu_[a-z_]+|pci_liveupdate_incoming)\b")
# No hooks: what everything else needs to be there.
OTHER = ("include/linux/pci.h", "drivers/pci/pci.h")


def listed(path):
    """{(file, call)} of the table; files relative to drivers/pci/."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    table = re.search(r"\.\. hook-table-begin\n(.*?)\.\. hook-table-end", text, re.S)
    if not table:
        raise SystemExit(f"{path}: there is no table of hooks")
    rows = csv.reader([line.strip() for line in table[1].splitlines()
                       if line.strip().startswith('"')], skipinitialspace=True)
    return {(row[0], call) for row in rows for call in CALL.findall(row[2])}


def added(path):
    """{(file, call)} of the patch."""
    found, file = set(), None
    with open(path, encoding="utf-8") as f:
        for line in f:
            if line.startswith("+++ b/"):
                file = line[6:].strip()
            elif line.startswith("+") and file and file.endswith((".c", ".h")):
                if file not in OTHER:
                    short = re.sub(r"^drivers/pci/", "", re.sub(r"^drivers/(?!pci/)", "../", file))
                    found |= {(short, call) for call in CALL.findall(line)}
    return found


def main():
    if len(sys.argv) < 3:
        raise SystemExit(__doc__.strip())
    page, patches = sys.argv[1], sys.argv[2:]
    in_page, in_patch = listed(page), set().union(*map(added, patches))
    for file, call in sorted(in_patch - in_page):
        print(f"{page}: {call}() in {file} is not listed; add a row")
    for file, call in sorted(in_page - in_patch):
        print(f"{page}: {call}() is listed for {file}, where it is not; remove it")
    return 1 if in_page != in_patch else 0


if __name__ == "__main__":
    sys.exit(main())
