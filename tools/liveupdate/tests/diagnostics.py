#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Hold the messages of luctl against the section DIAGNOSTICS of its man page.

diagnostics.py DIR PARSER [--list]

DIR has the sources and luctl.8, PARSER is the kernel's format_table.c, whose findings
luctl shows. Each format string of die(), warn(), refuse() and find() has to be in the section, with
<something> in place of each conversion, and so has each reason that such a message can
have in it: a string that is returned, or assigned to why. Each message in the section has
to be in the code. Each says what to do, behind a semicolon; but for what is good, and for
reasons that a message has something behind.

In the page a message is the argument of .B after .TP or .TQ. Prints KTAP.
"""

import re
import sys
from pathlib import Path

STRING = r'"(?:[^"\\\n]|\\.)*"'
STRINGS = STRING + r'(?:\s*(?:' + STRING + r'|PRIu64|PRIx64))*'
CALL = re.compile(r'\b(?:(?:die|refuse)\(\s*[^;"]*?,|warn\(|find\(\s*[&\w>-]+,[^;"]*?,)\s*(' + STRINGS + ')')
REASON = re.compile(r'(?:\breturn|\bwhy = |\*why = |\breason =|\bmaybe_unused =|'
                    r'[?:])\s*(?:text\(\s*)?(' + STRINGS + r')')
CONVERSION = re.compile(r'%[-+ #0]*(?:\*|\d+)?(?:\.(?:\*|\d+))?(?:hh|h|ll|l|z|t|L|j)?[diouxXcspm%]')
MACROS = {'PRIu64': 'u', 'PRIx64': 'x'}
# What is a word in a message or a result rather than a reason.
MIN_WORDS = 3
REASON_FILES = ('image.c', 'unpack.c', 'host.c', 'status.c', 'format_table.c')
# Those whose reasons are the end of what is shown.
LAST_FILES = ('image.c', 'status.c')
# A message that ends in such a reason, and a state of live update rather than a reason.
NO_REMEDY = ('<>: cannot be used: <>',)
NO_REASON = ('not in this kernel',)


def strip_comments(text):
    return re.sub(r'/\*.*?\*/', ' ', text, flags=re.S)


def literal(expr):
    text = ''
    for part in re.findall(STRING + r'|\w+', expr):
        text += part[1:-1] if part[0] == '"' else MACROS.get(part, '')
    return text.replace('\\n', '').replace('\\"', '"')


def skeleton(fmt):
    """The message with <> in place of each conversion."""
    return CONVERSION.sub(lambda m: '%' if m.group().endswith('%%') else '<>', fmt)


def messages(folder, parser):
    found, silent = {}, []
    for path in [*sorted(folder.glob('*.c')), parser]:
        code = strip_comments(path.read_text(encoding='utf-8'))
        for match in CALL.finditer(code):
            fmt = skeleton(literal(match[1]))
            found.setdefault(fmt, path.name)
            if '; ' not in fmt and fmt not in NO_REMEDY and ', YES,' not in match[0]:
                silent.append(f'{path.name}: does not say what to do: {fmt}')
        calls = len(re.findall(r'\b(?:die|refuse|warn|find)\((?!enum|struct|const|_status|__VA)', code))
        if calls != len(CALL.findall(code)):
            print(f'# {path.name}: {calls} messages, {len(CALL.findall(code))} of them understood')
            found[f'{path.name}: a call that is not understood'] = path.name
        if path.name in REASON_FILES:
            for match in REASON.finditer(code):
                fmt = skeleton(literal(match[1]))
                if len(fmt.split()) < MIN_WORDS or '/' in fmt.split()[0] or fmt in NO_REASON:
                    continue
                found.setdefault(fmt, path.name)
                if path.name in LAST_FILES and '; ' not in fmt:
                    silent.append(f'{path.name}: does not say what to do: {fmt}')
    return found, silent


def documented(page):
    section = page.split('.SH DIAGNOSTICS\n', 1)[1].split('\n.SH ', 1)[0]
    found = []
    for match in re.finditer(r'^\.T[PQ]\n\.B (.*)$', section, re.M):
        line = match[1].strip()
        if line.startswith('"') and line.endswith('"'):
            line = line[1:-1]
        for escape, char in ((r'\-', '-'), (r'\(dq', '"'), (r'\(aq', "'"), (r'\&', ''), (r'\e', '\\')):
            line = line.replace(escape, char)
        line = re.sub(r'<[^<>]+>', '<>', line)
        found.append(line.replace('/run/luctl/loaded cannot', '<> cannot'))
    return found


def main():
    folder = Path(sys.argv[1])
    code, silent = messages(folder, Path(sys.argv[2]))
    if '--list' in sys.argv:
        print('\n'.join(f'{where}\t{fmt}' for fmt, where in code.items()))
        return 0
    page = documented((folder / 'luctl.8').read_text(encoding='utf-8'))
    missing = [f'{where}: not in luctl.8: {fmt}' for fmt, where in code.items() if fmt not in page]
    stale = [f'luctl.8: no such message in the code: {fmt}' for fmt in page if fmt not in code]
    twice = [f'luctl.8: twice: {fmt}' for fmt in set(page) if page.count(fmt) > 1]
    print('KTAP version 1\n1..3')
    for number, (name, wrong) in enumerate((('all_documented', missing),
                                            ('none_stale', stale + twice),
                                            ('say_what_to_do', silent)), 1):
        for line in wrong:
            print(f'# {line}')
        print(f'{"not ok" if wrong else "ok"} {number} diagnostics_{name} # {len(code)} messages')
    return 1 if missing or stale or twice or silent else 0


sys.exit(main())
