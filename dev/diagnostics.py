#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Hold the messages of the code against the diagnostics sections of the admin guide.

diagnostics.py TREE

Each format string of a pr_*(), panic() or WARN_ONCE() in the files of a part, and
each reason that such a message can end in, has to be in the section "Diagnostics"
of the part's page, with <something> in place of each conversion. Each message in
that section has to be in the code. PARTS says what belongs to which page.

In the section, a message is a paragraph of a literal block, wrapped as need be,
that begins at the block's own indentation; lines that are indented further
continue it. A reason is ``reason`` on a line of its own, as an item of a list or not.

Exit status 1 if anything is missing or stale, with its name.
"""

import re
import sys
from pathlib import Path

TITLE = 'Diagnostics'
ABI = 'include/linux/kho/abi/*.h'

# Messages of ours in files of others: the file, and a word in the message.
HOOKS = {
    'arch/x86/kernel/setup.c': re.compile(r'\bkho_|\bKHO\b'),
    'arch/x86/kernel/e820.c': re.compile(r'\bkho_|\bKHO\b'),
    'arch/x86/kernel/kexec-bzimage64.c': re.compile(r'\bkho_|\bKHO\b'),
    'drivers/of/fdt.c': re.compile(r'kho'),
    'drivers/of/kexec.c': re.compile(r'kho'),
    'kernel/kexec.c': re.compile(r'\bKHO\b'),
    'kernel/kexec_file.c': re.compile(r'\bKHO\b'),
    'mm/memblock.c': re.compile(r'\bKHO\b'),
}


class Part:
    """A page, the files whose messages it explains, and the prefixes of these."""
    def __init__(self, page, files, prefixes, hooks=None):
        self.page, self.files, self.prefixes = page, files, prefixes
        self.hooks = hooks or {}


PARTS = [
    Part('Documentation/admin-guide/mm/kho.rst', ['kernel/liveupdate/kho_*.c'],
         ['KHO: '], HOOKS),
    Part('Documentation/admin-guide/liveupdate.rst',
         ['kernel/liveupdate/luo_*.c', 'kernel/liveupdate/format*.c', 'mm/memfd_luo*.c'], ['luo: ', 'memfd_luo: ']),
]

STRING = r'"(?:[^"\\]|\\.)*"'
PRINT = re.compile(r'\b(pr_(?:emerg|alert|crit|err|warn|notice|info)(?:_once|_ratelimited)?'
                   r'|printk|panic)\(\s*(' + STRING + r'(?:\s*(?:' + STRING + r'|\w+))*)\s*[,)]')
WARN = re.compile(r'\bWARN(?:_ONCE)?\((?:[^"();]|\([^"]*?\))*?,\s*(' + STRING + r')')
REASON = re.compile(r'(?:\breturn|\bwhy =|\bwhat =|\bkho_reject\(|\[(?:KHO|LUO_(?!PHASE))\w+\]\s*=)\s*'
                    r'(' + STRING + r'(?:\s*[A-Z_]+)?)\s*[;,]')
CONVERSION = re.compile(r'%[-+ #0]*(?:\*|\d+)?(?:\.(?:\*|\d+))?(?:hh|h|ll|l|z|t|L)?'
                        r'(?:p[A-Za-z]*|[diouxXcs%])')
NO_REASON = {'all is well', 'it is sound', '?'}


def strip_comments(text):
    return re.sub(r'/\*.*?\*/', ' ', text, flags=re.S)


def macros(tree):
    found = {}
    for path in sorted(tree.glob(ABI)):
        for name, value in re.findall(r'#define\s+(\w+)\s+(' + STRING + ')', path.read_text()):
            found[name] = value[1:-1]
    return found


def literal(expr, known):
    """The text of string literals and string macros in a row."""
    text = ''
    for part in re.findall(STRING + r'|\w+', expr):
        text += part[1:-1] if part[0] == '"' else known.get(part, '')
    return text.replace('\\n', '').replace('\\"', '"')


def normal(text):
    return ' '.join(text.split())


def pattern(fmt):
    """A regular expression for the message as the page has it."""
    out, at = '', 0
    for conv in CONVERSION.finditer(fmt):
        out += re.escape(normal_keep(fmt[at:conv.start()]))
        out += '%' if conv.group().endswith('%%') or conv.group() == '%%' else r'<[^<>]+>'
        at = conv.end()
    return re.compile(out + re.escape(normal_keep(fmt[at:])))


def normal_keep(text):
    return re.sub(r'\s+', ' ', text)


def section(name, page):
    """Lines of the section, up to the next title with the same underline."""
    lines = page.split('\n')
    for start, line in enumerate(lines):
        if line == TITLE and re.fullmatch(r'([=~^-])\1+', lines[start + 1]):
            break
    else:
        sys.exit(f'{name}: no section "{TITLE}"')
    rule = lines[start + 1][0]
    for end in range(start + 2, len(lines) - 1):
        if re.fullmatch(re.escape(rule) + '{3,}', lines[end + 1]) and lines[end].strip():
            return lines[start + 2:end]
    return lines[start + 2:]


def documented(lines):
    """Messages in literal blocks, and reasons."""
    messages, reasons = [], []
    block = None
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if block is None:
            if line.endswith('::') and indent == 0:
                block = -1
            elif re.fullmatch(r"(?:- )?``[^`]+``", line.strip()):
                reasons.append(line.strip().lstrip("- ")[2:-2])
            continue
        if not line.strip():
            continue
        if indent == 0:
            block = -1 if line.endswith('::') else None
            continue
        if block < 0:
            block = indent
        if indent == block:
            messages.append(line.strip())
        else:
            messages[-1] += ' ' + line.strip()
    return messages, reasons


def hold(tree, part, known):
    """Hold the files of a part against its page: whether anything is amiss."""
    messages, reasons = documented(section(part.page, (tree / part.page).read_text()))

    files = [(p, None) for glob in part.files for p in sorted(tree.glob(glob))
             if not p.name.endswith('_kunit.c')]
    files += [(tree / name, word) for name, word in part.hooks.items()
              if (tree / name).exists()]

    prefix = '(?:' + '|'.join(part.prefixes) + ')?'
    failed = False
    used, used_reasons = set(), set()
    for path, word in files:
        text = strip_comments(path.read_text())
        name = path.relative_to(tree)
        formats = [literal(m.group(2), known) for m in PRINT.finditer(text)]
        formats += [literal(m.group(1), known) for m in WARN.finditer(text)]
        # Each call has to be understood.
        if word is None:
            calls = len(re.findall(r'\b(?:pr_(?!fmt|debug|cont|devel)\w+|panic|printk)\(', text))
            if calls != len(list(PRINT.finditer(text))):
                print(f'{name}: {calls} messages, not all of them understood')
                failed = True
        for fmt in formats:
            if word and not word.search(fmt):
                continue
            expr = pattern(fmt)
            hits = [m for m in messages
                    if re.fullmatch(prefix + '(?:' + expr.pattern + ')', m)]
            used.update(hits)
            if not hits:
                print(f'{name}: not in {part.page}: {fmt}')
                failed = True
        if word is None:
            for m in REASON.finditer(text):
                reason = literal(m.group(1), known)
                if reason in NO_REASON:
                    continue
                used_reasons.add(reason)
                if reason not in reasons:
                    print(f'{name}: reason not in {part.page}: {reason}')
                    failed = True

    # A tree without the patches of existing files does not have the hooks.
    hooked = all((tree / name).exists() for name in part.hooks)
    for stale in [m for m in messages if m not in used and
                  (hooked or m.startswith(tuple(part.prefixes)))]:
        print(f'{part.page}: no such message in the code: {stale}')
        failed = True
    for stale in [r for r in reasons if r not in used_reasons]:
        print(f'{part.page}: no such reason in the code: {stale}')
        failed = True
    if not failed:
        print(f'{part.page}: {len(used)} messages, {len(used_reasons)} reasons: '
              'all documented')
    return failed


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    tree = Path(sys.argv[1])
    known = macros(tree)
    return max([hold(tree, part, known) for part in PARTS])


sys.exit(main())
