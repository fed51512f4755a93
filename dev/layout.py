#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Hold the layouts of the handover formats against what is recorded of them.

layout.py [--top DIR] [--tree DIR] [--build DIR] [--cc CC] [--list]
          [--record [--extended FORMAT | --unreleased FORMAT]...]

A format is a string like "memfd-v2" in a header of include/linux/kho/abi/. Its layout
is that of the structures that belong to it, as the compiler lays them out, and the
values of the constants next to it. It is recorded in layouts/FORMAT.txt beside the
headers. Whatever is in a header is found there, nothing is listed here:

  - A format is each macro whose value is a string that ends in -v and a number, and each
    macro NAME_VERSION that is a number, whose format is the header's NODE_NAME and -v
    and that number.
  - A structure belongs to the format that was last defined above it. Of several that
    are defined together it is the one in the header's title, else the first.
  - A header without a format says whose part it is: 'part of the format "..."', or
    'needs a new MACRO', MACRO being the format's. So may any other header of include/.

It fails if a layout is not the recorded one although the string is; if a format has no
record; if a record has no format, or a structure of it is gone; if a format is declared
with liveupdate_format() that is in no header (those of tests in lib/ need none), or none
but tests declare one that is in a header; if the catalogue in
Documentation/core-api/liveupdate-formats.rst is not what the records say.

--record writes records of new formats, adds new constants and feature bits to old ones,
and brings the catalogue up to date. It changes no recorded layout: that takes a new string.
Two exceptions have to be named. --extended is for a format that says that its structures
may grow: new fields are at the end, or where a reserved one was, all others stay.
--unreleased is for a format that no kernel in use writes or reads.

TREE is a patched kernel tree, BUILD the folder where it was configured, TOP has the
headers and the records (default: build/linux, build/prod and . of this repository).
"""

import argparse
import difflib
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ABI = 'include/linux/kho/abi'
RECORDS = ABI + '/layouts'
CATALOGUE = 'Documentation/core-api/liveupdate-formats.rst'
BEGIN = '.. The catalogue begins: dev/layout.py --record writes what follows.'
END = '.. The catalogue ends.'

FORMAT = re.compile(r'[a-z][a-z0-9.-]*-v[0-9]+')
DEFINE = re.compile(r'^[ \t]*#[ \t]*define[ \t]+([A-Za-z_]\w*)[ \t]+(\S(?:.*\\\n)*.*)$', re.M)
ATTRIBUTES = r'(?:__\w+\b(?:\s*\([^;{]*?\))?\s*)*'
STRUCT = re.compile(rf'^(?:typedef\s+)?(struct|union)\s+{ATTRIBUTES}(?!__)(\w+)\s*\{{', re.M)
ANY_STRUCT = re.compile(r'^(?:typedef\s+)?(?:struct|union)\b[^;{}=]*\{', re.M)
ENUM = re.compile(r'\benum\b[^{};]*\{[^}]*\}')
NAMELESS = re.compile(rf'^typedef\s+(?:struct|union)\s*{ATTRIBUTES}\{{', re.M)
PART_OF = re.compile(r'\bpart of the format "([^"]+)"', re.I)
NEEDS = re.compile(r'\bneeds a new (\w+)')
DECLARED = re.compile(r'^liveupdate_format(?:_features)?\(\s*\w+\s*,\s*\w+\s*,\s*'
                      r'((?:"[^"]*"|\w+(?:\(\w*\))?|\s)+?)\s*[,)]', re.M)
INCLUDES = ['arch/x86/include', '!arch/x86/include/generated', 'include', '!include',
            'arch/x86/include/uapi', '!arch/x86/include/generated/uapi', 'include/uapi',
            '!include/generated/uapi']
FORCED = ['linux/compiler-version.h', 'linux/kconfig.h', 'linux/compiler_types.h']
FLAGS = ['-std=gnu11', '-fshort-wchar', '-funsigned-char', '-fno-common', '-fno-PIE', '-m64',
         '-ffreestanding', '-O2', '-D__KERNEL__', '-w']


class Wrong(Exception):
    """What keeps the check from being made, and what to do."""


class Format:
    """A format: where it is defined, and what was found of it."""

    def __init__(self, name, header, macro):
        self.name, self.header, self.macro = name, header, macro
        self.structs = []       # names, in order
        self.constants = []     # (macro, value), in order
        self.parts = []         # further headers

    def text(self, layouts):
        """The record, line by line."""
        lines = [f'format {self.name}', f'header {self.header}']
        lines += [f'header {part}' for part in self.parts]
        for name in self.structs:
            lines += ['', *layouts[name]]
        if self.constants:
            lines += ['', 'constants']
            lines += [f'\t{macro} = {value}' for macro, value in self.constants]
        return lines


# What a header says

def blank(match):
    return re.sub(r'[^\n]', ' ', match.group())


def code_of(text):
    """The text with blanks in place of comments."""
    return re.sub(r'/\*.*?\*/|//[^\n]*', blank, text, flags=re.S)


def prose_of(text):
    """All comments in one line."""
    comments = re.findall(r'/\*(.*?)\*/', text, flags=re.S)
    return ' '.join(' '.join(re.sub(r'^\s*\*', '', line, flags=re.M)
                             for line in comments).split())


def string_of(value):
    parts = re.fullmatch(r'\s*((?:"(?:[^"\\]|\\.)*"\s*)+)', value)
    if not parts:
        return None
    return ''.join(re.findall(r'"((?:[^"\\]|\\.)*)"', parts[1]))


class Header:
    """A header: its formats, structures and constants by their position."""

    def __init__(self, top, path):
        self.path = path
        self.include = str(path.relative_to(top / 'include'))
        # An architecture's header is a wrapper of the generic one.
        self.include = re.sub(r'^asm-generic/', 'asm/', self.include)
        self.name = str(path.relative_to(top))
        self.text = path.read_text(encoding='utf-8')
        self.code = code_of(self.text)
        self.prose = prose_of(self.text)
        self.defines = [(m.start(), m[1], m[2].replace('\\\n', ' ').strip())
                        for m in DEFINE.finditer(self.code)]
        self.structs = [(m.start(), m[2]) for m in STRUCT.finditer(self.code)]
        self.unions = {m[2] for m in STRUCT.finditer(self.code) if m[1] == 'union'}
        self.enums = [(m.start() + e.start(), e[1]) for m in ENUM.finditer(self.code)
                      for e in re.finditer(r'(?:[{,])\s*([A-Za-z_]\w*)', m.group())]
        self.formats = list(self.find_formats())

    def find_formats(self):
        node = next((string_of(value) for _, macro, value in self.defines
                     if macro.endswith('_NODE_NAME') and string_of(value)), None)
        for at, macro, value in self.defines:
            text = string_of(value)
            if text is not None and FORMAT.fullmatch(text):
                yield at, Format(text, self.name, macro)
            elif macro.endswith('_VERSION') and re.fullmatch(r'\d+', value):
                name = f'{node or self.path.stem.replace("_", "-")}-v{value}'
                yield at, Format(name, self.name, macro)

    def owner(self, at, single):
        """The format that what begins at this position belongs to."""
        above = [f for f in self.formats if f[0] < at] or self.formats[:1]
        if single:
            return above[-1][1]
        # All that were defined together: no structure between them.
        first = len(above) - 1
        while first and not any(above[first - 1][0] < s < above[first][0]
                                for s, _ in self.structs):
            first -= 1
        group = [f for _, f in above[first:]]
        title = next((f for f in group if f'"{f.name}"' in self.prose), None)
        return title or group[0]


def find_headers(top):
    folder = top / ABI
    if not folder.is_dir():
        raise Wrong(f'{folder}: no such folder; --top is the folder that has {ABI}')
    headers = [Header(top, path) for path in sorted(folder.rglob('*.h'))]
    for path in sorted((top / 'include').rglob('*.h')):
        if folder not in path.parents and PART_OF.search(prose_of(path.read_text('utf-8'))):
            headers.append(Header(top, path))
    return headers


def find_formats(headers):
    """All formats by their names, and whatever is wrong with the headers."""
    formats, macros, wrong = {}, {}, []
    for header in headers:
        for _, found in header.formats:
            if found.name in formats:
                wrong.append(f'{header.name}: the format {found.name} is that of '
                             f'{formats[found.name].header}, too; name it once')
            formats[found.name] = macros[found.macro] = found
    for header in headers:
        if NAMELESS.search(header.code):
            wrong.append(f'{header.name}: it has a structure without a name, whose layout cannot '
                         'be recorded; name it')
        seen = {m.start() for regexp in (STRUCT, NAMELESS) for m in regexp.finditer(header.code)}
        wrong += [f'{header.name}: dev/layout.py does not understand "{" ".join(m.group().split())}"; '
                  'write struct NAME {' for m in ANY_STRUCT.finditer(header.code)
                  if m.start() not in seen]
        if header.formats:
            continue
        part, needs = PART_OF.search(header.prose), NEEDS.search(header.prose)
        owner = formats.get(part[1]) if part else macros.get(needs[1]) if needs else None
        if owner:
            owner.parts.append(header.name)
            header.formats = [(0, owner)]
        elif header.structs or header.path.parent.name == 'abi':
            wrong.append(f'{header.name}: it has no format string, and does not say which one it '
                         'belongs to; define one, or say in a comment what it is: part of the '
                         'format "NAME-v1"')
    for header in headers:
        for at, name in header.structs:
            if header.formats:
                header.owner(at, False).structs.append(name)
    return formats, wrong


def find_undeclared(top, headers, formats):
    """Declarations of formats that are in no header, and formats that nobody declares."""
    values = {macro: string_of(value) or value for h in headers for _, macro, value in h.defines}
    values.update({f.macro: f.name for f in formats.values() if f.macro in values and
                   not values[f.macro].isdigit()})

    def part(match):
        word = re.fullmatch(r'__stringify\((\w+)\)', match.group())
        name = word[1] if word else match.group()
        return name.strip('"') if name.startswith('"') else values.get(name, f'<{name}>')

    declared = set()
    for path in sorted(top.rglob('*.c')):
        name = path.relative_to(top)
        if name.parts[0] in ('lib', 'build', 'tools') or name.stem.endswith('_kunit'):
            continue
        for match in DECLARED.finditer(code_of(path.read_text(encoding='utf-8'))):
            said = re.sub(r'"[^"]*"|\w+(?:\(\w*\))?', part, match[1])
            said = re.sub(r'\s+', '', said)
            declared.add(said)
            if said not in formats:
                yield f'{name}: the format {said} is declared, but in no header of {ABI}'
    for name in sorted(formats.keys() - declared):
        yield (f'{formats[name].header}: the format {name} is not declared; do it with '
               'liveupdate_format() next to the code that reads and writes it')


# What the compiler says

class Compiler:
    """The kernel's own flags, as far as they have to do with layouts."""

    def __init__(self, args, work):
        self.work = work
        self.cc = args.cc
        flags = [*FLAGS, '-nostdinc', '-I', str(args.top / 'include')]
        for path in INCLUDES:
            root = args.build if path[0] == '!' else args.tree
            flags += ['-I', str(root / path.lstrip('!'))]
        for path in FORCED:
            flags += ['-include', str(args.tree / 'include' / path)]
        self.flags = flags
        if not (args.build / 'include/generated/autoconf.h').exists():
            raise Wrong(f'{args.build}: no kernel was configured there; run ./lu build, or give '
                        'the folder with --build')

    def run(self, name, text, *options, may_fail=False):
        source = self.work / name
        source.write_text(text)
        done = subprocess.run([self.cc, *self.flags, *options, str(source)], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              cwd=self.work)
        if done.returncode and not may_fail:
            raise Wrong('the headers do not compile:\n' + '\n'.join(
                done.stderr.splitlines()[:12]))
        return done.stderr


DIE = re.compile(r'^ <([0-9a-f]+)><([0-9a-f]+)>: Abbrev Number: \d+ \(DW_TAG_(\w+)\)')
ATTRIBUTE = re.compile(r'^    <[0-9a-f]+>\s+DW_AT_(\w+)\s*:\s*(.*)')
SCALAR = {1: '8', 2: '16', 4: '32', 8: '64', 16: '128'}


class Dwarf:
    """The types of an object file, from readelf's text."""

    def __init__(self, path):
        self.dies, self.roots = {}, []
        stack = []
        die = None
        for line in self.dump(path, 'info'):
            head = DIE.match(line)
            if head:
                depth = int(head[1], 16)
                die = {'tag': head[3], 'children': []}
                self.dies[head[2]] = die
                del stack[depth:]
                (stack[-1]['children'] if stack else self.roots).append(die)
                stack.append(die)
                continue
            attribute = ATTRIBUTE.match(line)
            if attribute and die is not None:
                value = attribute[2].strip()
                # Newer readelf names the form first; of strings it tells where they are.
                value = re.sub(r'^\(\w+\)\s+', '', value)
                value = re.sub(r'^\([^)]*offset[^)]*\): ', '', value)
                die[attribute[1]] = value

    @staticmethod
    def dump(path, what):
        done = subprocess.run(['readelf', '-W', f'--debug-dump={what}', str(path)], check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                              errors='replace')
        return done.stdout.splitlines()

    def type_of(self, die):
        """The type of a member without names for it and qualifiers."""
        ref = die.get('type')
        while ref:
            target = self.dies[re.search(r'<(?:0x)?([0-9a-f]+)>', ref)[1]]
            if target['tag'] not in ('typedef', 'const_type', 'volatile_type', 'atomic_type'):
                return target
            ref = target.get('type')
        return None

    def size(self, die):
        if die is None:
            return 0
        if 'byte_size' in die:
            return int(die['byte_size'], 0)
        if die['tag'] == 'pointer_type':
            return 8
        if die['tag'] == 'array_type':
            total = self.size(self.type_of(die))
            for count in self.counts(die):
                total *= count or 0
            return total
        return 0

    @staticmethod
    def counts(die):
        for child in die['children']:
            if child['tag'] == 'subrange_type':
                if 'count' in child:
                    yield int(child['count'].split()[0], 0)
                elif 'upper_bound' in child and re.fullmatch(r'(0x)?[0-9a-f]+',
                                                             child['upper_bound']):
                    yield int(child['upper_bound'], 0) + 1
                else:
                    yield None

    def name(self, die):
        """(what a member is, what follows its name)"""
        if die is None:
            return 'void', ''
        tag = die['tag']
        if tag == 'array_type':
            name, after = self.name(self.type_of(die))
            return name, ''.join(f'[{"" if c is None else c}]' for c in self.counts(die)) + after
        if tag == 'pointer_type':
            return self.name(self.type_of(die))[0] + ' *', ''
        if tag in ('structure_type', 'union_type', 'enumeration_type'):
            word = {'structure_type': 'struct', 'union_type': 'union'}.get(tag, 'enum')
            return f'{word} {die["name"]}' if 'name' in die else word, ''
        if tag == 'base_type':
            size = int(die['byte_size'], 0)
            encoding = die.get('encoding', '')
            if 'boolean' in encoding:
                return 'bool', ''
            if die.get('name') == 'char':
                return 'char', ''
            return ('s' if '(signed' in encoding else 'u') + SCALAR.get(size, str(size * 8)), ''
        return tag.removesuffix('_type'), ''

    def members(self, die, base, indent, out):
        for member in die['children']:
            if member['tag'] != 'member':
                continue
            kind = self.type_of(member)
            at = base + int(member.get('data_member_location', '0').split()[0], 0)
            what, after = self.name(kind)
            text = ' '.join(w for w in (what, member.get('name')) if w) + after
            if 'bit_size' in member:
                bits = int(member['bit_size'], 0)
                if 'bit_offset' in member:
                    # The old way: from the top of the unit that it is in.
                    unit = int(member.get('byte_size', str(self.size(kind))), 0)
                    bit = (at + unit) * 8 - int(member['bit_offset'], 0) - bits
                else:
                    bit = base * 8 + int(member.get('data_bit_offset', '0'), 0)
                place = f'{bit // 8}:{bit % 8}'
                out.append(f'\t{place:>6} {bits:>5} bits  {indent}{text}')
            else:
                out.append(f'\t{at:>6} {self.size(kind):>5} bytes {indent}{text}')
            while kind and kind['tag'] == 'array_type':
                kind = self.type_of(kind)
            if kind and kind['tag'] in ('structure_type', 'union_type'):
                self.members(kind, at, indent + '  ', out)

    def layouts(self):
        found = {}
        for unit in self.roots:
            for die in unit['children']:
                if (die['tag'] in ('structure_type', 'union_type') and 'name' in die and
                        'byte_size' in die):
                    out = [f'{self.name(die)[0]}: {int(die["byte_size"], 0)} bytes']
                    self.members(die, 0, '', out)
                    found[die['name']] = out
        return found


def compile_layouts(compiler, headers, formats):
    includes = ''.join(f'#include <{h.include}>\n' for h in headers)
    wanted = [name for f in formats.values() for name in f.structs]
    words = {name: 'union' if name in h.unions else 'struct'
             for h in headers for _, name in h.structs}
    # A variable of each keeps its type in the object's debugging information.
    text = includes + ''.join(f'{words[name]} {name} *layout_{name};\n' for name in wanted)
    compiler.run('layouts.c', text, '-gdwarf-5', '-c', '-o', 'layouts.o')
    layouts = Dwarf(compiler.work / 'layouts.o').layouts()
    missing = [name for name in wanted if name not in layouts]
    if missing:
        raise Wrong(f'the compiler knows no layout of struct {missing[0]}: is it declared under '
                    'an #ifdef that is off? A format has no optional parts')
    return layouts


def compile_constants(compiler, headers):
    """Each macro that is a number or a string, and each enumerator, where it belongs."""
    includes = ''.join(f'#include <{h.include}>\n' for h in headers)
    names, order = [], []
    for header in headers:
        found = [(at, macro, string_of(value), f'defined({macro})')
                 for at, macro, value in header.defines]
        found += [(at, name, None, '1') for at, name in header.enums]
        for at, name, text, there in sorted(found):
            if not header.formats or any(f.macro == name for _, f in header.formats):
                continue
            order.append((header.owner(at, True), name, text))
            if text is None:
                names.append((name, there))
    lines = [f'#if {there}\nconst unsigned long long layout_{name} =\n#line {n} "macro"\n'
             f'(unsigned long long)({name});\n#endif\n'
             for n, (name, there) in enumerate(names, 1)]
    # What is no number does not compile: its line says so.
    errors = compiler.run('macros.c', includes + ''.join(lines), '-fsyntax-only', '-ferror-limit=0'
                          if 'clang' in compiler.cc else '-fmax-errors=0', may_fail=True)
    bad = {int(n) for n in re.findall(r'^macro:(\d+):\d+: error', errors, re.M)}
    good = [line for n, line in enumerate(lines, 1) if n not in bad]
    compiler.run('constants.c', includes + ''.join(good), '-S', '-o', 'constants.s')
    assembly = (compiler.work / 'constants.s').read_text()
    values = {}
    for name, directive, value in re.findall(r'^layout_(\w+):\n\s*\.(quad|zero|xword)\s+(-?\w+)',
                                             assembly, re.M):
        values[name] = 0 if directive == 'zero' else int(value, 0) & (1 << 64) - 1
    for owner, macro, text in order:
        if text is not None:
            owner.constants.append((macro, f'"{text}"'))
        elif macro in values:
            owner.constants.append((macro, hex(values[macro])))


# What is recorded

TITLE = ['# SPDX-License-Identifier: GPL-2.0-only',
         '# A handover format as it is laid out in memory, on machines with 4 KiB pages:',
         '# offset and size of each field. Written by dev/layout.py --record, and held against',
         '# the header by ./lu lint. See Documentation/core-api/liveupdate-formats.rst.']


def read_record(path):
    return [line for line in path.read_text(encoding='utf-8').splitlines()
            if not line.startswith('#')]


def split(lines):
    """(structures by name, constants) of a record."""
    structs, constants, current = {}, {}, None
    for line in lines:
        if line == 'constants':
            current = constants
        elif re.match(r'(struct|union) \w+: ', line):
            current = structs.setdefault(line.split(':')[0], [])
            current.append(line)
        elif line.startswith('\t') and current is constants:
            macro, _, value = line.strip().partition(' = ')
            constants[macro] = value
        elif line.startswith('\t') and current is not None:
            current.append(line)
    return structs, constants


def side_by_side(old, new):
    """Recorded and compiled, line by line; < and > mark what one side alone has."""
    rows = []
    for tag, a1, a2, b1, b2 in difflib.SequenceMatcher(None, old, new, False).get_opcodes():
        for i in range(max(a2 - a1, b2 - b1)):
            left = old[a1 + i] if a1 + i < a2 else ''
            right = new[b1 + i] if b1 + i < b2 else ''
            mark = ' ' if tag == 'equal' else '|' if left and right else '<' if left else '>'
            rows.append((left.expandtabs(2), mark, right.expandtabs(2)))
    width = max([len('recorded')] + [len(r[0]) for r in rows])
    print(f'    {"recorded":<{width}}   compiled')
    for left, mark, right in rows:
        print(f'    {left:<{width}} {mark} {right}'.rstrip())


def is_extension(old, new):
    """Whether each field of old is where it was, but reserved ones."""
    def fields(lines):
        return {line for line in lines[1:] if not re.search(r'\breserved\w*(\[\d+\])?$', line)}
    old, new = split(old)[0], split(new)[0]
    return all(name in new and fields(lines) <= fields(new[name]) for name, lines in old.items())


def more_features(macro, old, new):
    """A word of the features that are known has got new bits."""
    return (re.search(r'_(REQUIRED|OPTIONAL)$', macro) and new is not None and
            not int(old, 16) & ~int(new, 16))


def compare(fmt, old, new):
    """(whether a layout changed, whether the record is just incomplete); prints both."""
    old_structs, old_constants = split(old)
    new_structs, new_constants = split(new)
    changed = stale = False
    for name in old_structs:
        if name not in new_structs:
            print(f'{fmt.header}: {name}, of the format {fmt.name}, is gone, but the string is '
                  'still there')
            changed = True
    for name, lines in new_structs.items():
        if name not in old_structs:
            print(f'{fmt.header}: {name} was added to the format {fmt.name}, but the string is '
                  'the same')
            side_by_side([], lines)
            changed = True
        elif lines != old_structs[name]:
            print(f'{fmt.header}: the layout of {name} changed, but the string "{fmt.name}" is '
                  'the same')
            side_by_side(old_structs[name], lines)
            changed = True
    for macro, value in old_constants.items():
        if new_constants.get(macro) != value and not more_features(macro, value,
                                                                   new_constants.get(macro)):
            print(f'{fmt.header}: {macro}, of the format {fmt.name}, was {value} and is '
                  f'{new_constants.get(macro, "gone")}, but the string is the same')
            changed = True
    stale = not changed and old != new
    return changed, stale


def catalogue(formats, texts):
    """The part of the page that is generated: a table, then each record."""
    def table(rows):
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        rule = '  '.join('=' * w for w in widths)
        lines = ['  '.join(f'{c:<{w}}' for c, w in zip(row, widths)).rstrip() for row in rows]
        return [rule, lines[0], rule, *lines[1:], rule]

    rows = [('format', 'header', 'structures')]
    for name in sorted(formats):
        count = len(split(texts[name])[0])
        rows.append((f'``{name}``', f'``{Path(formats[name].header).name}``',
                     str(count) if count else 'none, see the header'))
    lines = ['', *table(rows)]
    for name in sorted(formats):
        fmt = formats[name]
        lines += ['', name, '-' * len(name), '']
        lines += [f'``{header}``' + (',' if header != [fmt.header, *fmt.parts][-1] else '')
                  for header in [fmt.header, *fmt.parts]]
        structs, constants = split(texts[name])
        if structs or constants:
            lines += ['', '::', '']
        for number, body in enumerate(structs.values()):
            lines += [''] * bool(number)
            lines += ['    ' + line.replace('\t', '    ') for line in body]
        if constants:
            lines += [''] * bool(structs)
            lines += [f'    {macro} = {value}' for macro, value in constants.items()]
    return lines + ['']


def hold_catalogue(args, formats, texts):
    """Whether the page is not what the records say; brings it up to date with --record."""
    path = args.top / CATALOGUE
    if not path.exists():
        return False
    page = path.read_text(encoding='utf-8').split('\n')
    if BEGIN not in page or END not in page:
        print(f'{CATALOGUE}: the lines "{BEGIN}" and "{END}" are missing; put them back')
        return True
    first, last = page.index(BEGIN) + 1, page.index(END)
    want = catalogue(formats, texts)
    if page[first:last] == want:
        return False
    if args.record:
        path.write_text('\n'.join(page[:first] + want + page[last:]), encoding='utf-8')
        print(f'{CATALOGUE}: written')
        return False
    print(f'{CATALOGUE}: the catalogue is not what the records say; run dev/layout.py --record')
    return True


def hold(args, fmt, text):
    """Hold one format against its record: whether anything is amiss."""
    path = args.top / RECORDS / f'{fmt.name}.txt'
    if not path.exists():
        if not args.record:
            print(f'{fmt.header}: the format {fmt.name} has no record; write it with '
                  'dev/layout.py --record')
            return True
    else:
        old = read_record(path)
        if old == text:
            return False
        changed, stale = compare(fmt, old, text)
        if args.record and fmt.name in args.extended and not is_extension(old, text):
            print(f'{fmt.header}: this is no extension of {fmt.name}: a field has moved or is '
                  'gone')
            return True
        if changed and not (args.record and fmt.name in args.extended + args.unreleased):
            print('    Kernels that are in use read and write the recorded one. Give the new '
                  f'layout a new string in {fmt.macro}, see Documentation/core-api/liveupdate-formats.rst')
            return True
        if stale and not args.record:
            print(f'{path.relative_to(args.top)}: is out of date; run dev/layout.py --record')
            side_by_side(old, text)
            return True
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('\n'.join(TITLE + text) + '\n', encoding='utf-8')
    print(f'{path.relative_to(args.top)}: written')
    return False


def check(args, work):
    headers = find_headers(args.top)
    formats, wrong = find_formats(headers)
    wrong += find_undeclared(args.top, headers, formats)
    for line in wrong:
        print(line)
    compiler = Compiler(args, work)
    layouts = compile_layouts(compiler, headers, formats)
    compile_constants(compiler, headers)
    texts = {name: fmt.text(layouts) for name, fmt in formats.items()}
    if args.list:
        for name in sorted(texts):
            print('\n'.join(texts[name]) + '\n')
        return bool(wrong)

    failed = bool(wrong)
    for name, fmt in sorted(formats.items()):
        failed |= hold(args, fmt, texts[name])
    for path in sorted((args.top / RECORDS).glob('*')):
        if path.suffix != '.txt' or path.stem not in formats:
            print(f'{path.relative_to(args.top)}: no header has the format {path.stem} any more; '
                  'a format that is retired takes its record with it: remove the file')
            failed = True
    if not failed:
        failed = hold_catalogue(args, formats, texts)
    if not failed:
        count = sum(len(f.structs) for f in formats.values())
        print(f'{len(formats)} formats with {count} structures: all as recorded')
    return failed


def main():
    top = Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--top', type=Path, default=top)
    parser.add_argument('--tree', type=Path)
    parser.add_argument('--build', type=Path)
    parser.add_argument('--cc', default='gcc')
    parser.add_argument('--list', action='store_true',
                        help='print what is found, and compare nothing')
    parser.add_argument('--record', action='store_true')
    parser.add_argument('--extended', action='append', default=[], metavar='FORMAT')
    parser.add_argument('--unreleased', action='append', default=[], metavar='FORMAT')
    args = parser.parse_args()
    args.top = args.top.resolve()
    args.tree = (args.tree or top / 'build/linux').resolve()
    args.build = (args.build or top / 'build/prod').resolve()
    if args.extended + args.unreleased and not args.record:
        parser.error('--extended and --unreleased go with --record')
    for tool in (args.cc, 'readelf'):
        if not shutil.which(tool):
            print(f'layout.py: {tool} is missing; install gcc and binutils')
            return 2
    with tempfile.TemporaryDirectory() as work:
        try:
            return check(args, Path(work))
        except Wrong as wrong:
            print(f'layout.py: {wrong}')
            return 2


sys.exit(main())
