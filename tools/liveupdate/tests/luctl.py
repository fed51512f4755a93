#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Tests of luctl that need no live update: images, command lines, texts, exit statuses.

luctl.py LUCTL KERNEL-OF-A-DISTRIBUTION, or luctl.py LUCTL for one that is built with libc alone

Images are made here, and so are the /proc, /sys and /run that luctl looks at (--root).
Nothing is loaded, and nothing of this machine is changed. Prints KTAP.
"""

import bz2
import gzip
import json
import lzma
import os
import pty
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

LUCTL = Path(sys.argv[1]).resolve()
DISTRIBUTION = Path(sys.argv[2]) if len(sys.argv) > 2 else None
LIBC_ALONE = DISTRIBUTION is None
MACHINE = os.uname().machine
ON = 'kho=on liveupdate=on'
FORMATS = ('kho kho-v4 rw 0 0\nsubtree luo-v5 rw 0 0\nsubtree luo-timeline-v1 rw 0 0\n'
           'file memfd-v2 rw 0 0\nobject pci-state-v1 rw 0x1 0x2\ndevice nvme-v1 rw 0 0\n')
KINDS = {'kho': 1, 'subtree': 2, 'file': 3, 'object': 4, 'device': 5}


# What luctl is given

def table(formats=FORMATS, flags=0, **lies):
    entries = b''
    for line in formats.splitlines():
        kind, name, access, required, optional = line.split()
        entries += struct.pack('<48sIIQQ', name.encode(), KINDS[kind],
                               ('r' in access) | ('w' in access) << 1, int(required, 0),
                               int(optional, 0))
    head = {'magic': b'LiveUpdateTable', 'size': 32 + len(entries), 'head_size': 32,
            'entry_size': 72, 'flags': flags, **lies}
    return struct.pack('<16sIIII', *head.values()) + entries


def bzimage(formats=None, payload=b'', version=b'6.12.117', **fields):
    """An x86 kernel, as far as its header goes; formats is a table's bytes."""
    code = bytearray(64)
    if formats is not None:
        info = struct.pack('<4sII4sI', b'LToP', 12, 20 + len(formats), b'LUft', 8 + len(formats))
        code += info + formats
    code += bytes(-len(code) % 16)
    payload_offset = len(code)
    code += payload + bytes(-len(payload) % 16)
    image = bytearray(1024)
    image[0x1f1] = 1
    values = {'syssize': len(code) // 16, 'boot_flag': 0xaa55, 'magic': b'HdrS', 'protocol': 0x20f,
              'kernel_version': 0x300 - 512, 'xloadflags': 1, 'cmdline_size': 2047,
              'payload_offset': payload_offset, 'payload_length': len(payload),
              'kernel_info': 64 if formats is not None else 0, **fields}
    places = {'syssize': (0x1f4, 'I'), 'boot_flag': (0x1fe, 'H'), 'magic': (0x202, '4s'),
              'protocol': (0x206, 'H'), 'kernel_version': (0x20e, 'H'), 'xloadflags': (0x236, 'H'),
              'cmdline_size': (0x238, 'I'), 'payload_offset': (0x248, 'I'),
              'payload_length': (0x24c, 'I'), 'kernel_info': (0x268, 'I')}
    for key, value in values.items():
        at, kind = places[key]
        struct.pack_into('<' + kind, image, at, value)
    image[0x300:0x300 + len(version)] = version
    return bytes(image + code)


def arm64(rest=b''):
    return b'\0' * 0x38 + b'ARM\x64' + b'\0' * 4 + rest


def vmlinux(*names):
    """Something of the size of a small kernel that has these strings in it."""
    return b'code' * 50000 + b'\0' + b''.join(n.encode() + b'\0' for n in names) + b'data' * 50000


MAINLINE = ('the format is not kho-v4', 'luo-v5', 'memfd-v2')


class Root:
    """A /proc, /sys and /run."""

    def __init__(self, path, state='on', reason='', cmdline=ON, **files):
        self.path = Path(path)
        shutil.rmtree(self.path, ignore_errors=True)
        (self.path / 'sys/kernel').mkdir(parents=True)
        self.write('proc/cmdline', f'BOOT_IMAGE=/vmlinuz {cmdline}\n')
        self.write('proc/sys/kernel/osrelease', '6.12.117\n')
        self.write('proc/iomem', '00001000-3fffffff : System RAM\n')
        self.write('sys/kernel/kexec_loaded', '0\n')
        if state:
            for name, text in (('state', state), ('reason', reason), ('number', '2'),
                               ('handlers', 'memfd-v2')):
                self.write(f'sys/kernel/liveupdate/{name}', text + '\n')
            self.write('sys/kernel/liveupdate/formats', FORMATS)
        for name, text in files.items():
            self.write(name, text)

    def write(self, name, text):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding='utf-8')


class Failed(Exception):
    """A check that did not hold."""


class Result:
    def __init__(self, done, as_json):
        self.status, self.out, self.err = done.returncode, done.stdout, done.stderr
        self.json = json.loads(self.out) if as_json else None

    def findings(self, level):
        return [f['text'] for f in self.json['findings'] if f['level'] == level]


def expect(condition, *what):
    if not condition:
        raise Failed(' '.join(map(str, what)))


work = Path(tempfile.mkdtemp())


def run(*args, status=0, root=None, as_json=True, env=None):
    command = [LUCTL, *(['--root', root.path] if root else []), *(['--json'] if as_json else []),
               *args]
    done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, text=True,
                          capture_output=True, check=False, errors='replace',
                          env={**os.environ, 'ASAN_OPTIONS': 'detect_leaks=0', **(env or {})})
    expect(done.returncode == status,
           f'luctl {args}: status {done.returncode}, not {status}: {done.stdout}{done.stderr}')
    return Result(done, as_json)


def file(data, name='image'):
    path = work / name
    path.write_bytes(data)
    return path


def root(**kwargs):
    return Root(work / 'root', **kwargs)


def refused(data, text):
    """An image that is no good: one clear line, and status 5."""
    done = run('check', file(data), status=5, root=root(), as_json=False)
    expect(text in done.err, f'no "{text}" in {done.err}')
    expect(done.err.count('\n') == 1 and not done.out, f'not one line: {done.out}{done.err}')
    done = run('formats', file(data), status=5, root=root())
    expect(done.json['command'] == 'error' and text in done.json['message'], done.json)


# The tests

def test_usage():
    for args in ((), ('check', '--nonsense'), ('show',), ('list', 'x'), ('hold',), ('hold', '--', 'true'),
                 ('load',), ('discard',), ('run', 'x'), ('--colour', 'red', 'status'),
                 ('hold', '--memfd', '7', '--', 'true'), ('hold', '--fd', 'x', '--', 'true'),
                 ('hold', '--fd', '7', '--fd', '7', '--', 'true'), ('nonsense',)):
        run(*args, status=2, root=root())
    expect('luctl help' in run('nonsense', status=2, as_json=False).err, 'no remedy')
    expect('timeline' in run('help', as_json=False).out, 'no help')
    expect('timeline' in run('check', '--help', as_json=False).out, 'no help of a command')
    for args in (('help',), ('--help',), ('check', '--help')):
        done = run(*args)
        expect(done.json['command'] == 'help', done.json)
        for command in done.json['commands']:
            expect(f'  {command["name"]} {command["arguments"]}\n      {command["does"]}\n'
                   in run('help', as_json=False).out, command)
        expect('timeline' in [c['name'] for c in done.json['commands']], done.json)


def test_status_of_each_cause():
    for kwargs, remedy in (
            ({'state': None}, 'boot a kernel with CONFIG_LIVEUPDATE; the options do'),
            ({'state': None, 'cmdline': ''}, 'boot a kernel with CONFIG_LIVEUPDATE, with kho=on'),
            ({'state': 'off', 'cmdline': '', 'reason': 'r'}, 'add kho=on liveupdate=on to'),
            ({'state': 'off', 'cmdline': 'kho=on', 'reason': 'r'}, 'add liveupdate=on to'),
            ({'state': 'off', 'cmdline': 'liveupdate=y', 'reason': 'r'}, 'add kho=on to'),
            ({'state': 'off', 'reason': 'r'}, 'log says of "KHO:"'),
            # It was on by default.
            ({'state': 'off', 'cmdline': 'liveupdate=y', 'reason': 'kexec handover could not be set up'},
             'log says of "KHO:"'),
            ({'state': 'off', 'cmdline': 'kho=off liveupdate=y', 'reason': 'kexec handover is off'}, 'add kho=on to'),
            ({'state': 'error', 'reason': 'r'}, 'then reboot')):
        done = run('status', status=3, root=root(**kwargs))
        expect(remedy in done.json['live_update']['remedy'], kwargs, done.json)
        expect(remedy in run('status', status=3, root=root(**kwargs), as_json=False).out, kwargs)
    nothing = root()
    shutil.rmtree(nothing.path / 'sys')
    expect('mount sysfs' in run('status', status=3, root=nothing).json['live_update']['remedy'], 'sysfs')
    done = run('status', root=root())
    expect(done.json['live_update']['state'] == 'on' and done.json['live_update']['number'] == 2, done.json)
    expect(done.json['next'] == {'loaded': False, 'image': None, 'takes_over': None}, done.json)


def test_off_ends_each_command():
    for args in (('list',), ('show', 'x'), ('discard', 'x'), ('timeline',),
                 ('hold', '--memfd', '7:1M', '--', 'true')):
        done = run(*args, status=3, root=root(state='off', reason='the reason', cmdline=''))
        expect('the reason; add kho=on' in done.json['message'], done.json)


def test_no_device():
    run('list', status=3, root=root())
    done = run('status', root=root())
    expect('No such file' in done.json['not_listed'], done.json)


def test_formats():
    names = [line.split()[1] for line in FORMATS.splitlines()]
    done = run('formats', root=root())
    expect([f['name'] for f in done.json['formats']] == names and done.json['table'], done.json)
    expect(done.json['formats'][4]['required'] == 1, done.json)
    # Also when it is off.
    run('formats', root=root(state='off', cmdline=''))
    run('formats', status=3, root=root(state=None))
    done = run('formats', file(bzimage(table())), root=root(state='off'))
    expect([f['name'] for f in done.json['formats']] == names and done.json['table'], done.json)
    # A kernel from before the table: its handlers, and what such kernels have.
    old = root()
    (old.path / 'sys/kernel/liveupdate/formats').unlink()
    done = run('formats', root=old)
    expect([f['name'] for f in done.json['formats']] == ['kho-v4', 'luo-v5', 'memfd-v2'], done.json)
    strange = root()
    strange.write('sys/kernel/liveupdate/formats', 'kho kho-v4 rw\n')
    expect('is not understood' in run('formats', root=strange).err, 'not seen')
    # A handler of a module is not in the table.
    module = root()
    module.write('sys/kernel/liveupdate/handlers', 'memfd-v2\nmodule-v1\n')
    expect(run('formats', root=module).json['formats'][-1]['name'] == 'module-v1', 'no module')


def test_check_a_good_image():
    done = run('check', file(bzimage(table())), status=9, root=root())
    # There is no device below --root: all that is in doubt is what is preserved.
    expect(len(done.findings('unknown')) == 1 and not done.findings('no'), done.json)
    expect('cannot be listed' in done.findings('unknown')[0], done.json)
    expect(done.json['command_line'] == ON, done.json)
    expect(done.json['image']['version'] == '6.12.117', done.json)


def test_check_formats():
    for formats, level, text in (
            (FORMATS.replace('kho-v4', 'kho-v5'), 'no', 'does not read the format kho-v4, only kho-v5'),
            (FORMATS.replace('luo-v5', 'luo-v6'), 'no', 'each session is lost'),
            (FORMATS.replace('file memfd-v2', 'file memfd-v1'), 'note', 'does not read the format memfd-v2'),
            (FORMATS.replace('file memfd-v2 rw', 'file memfd-v2 w'), 'note', 'does not read the format memfd-v2'),
            (FORMATS.replace('pci-state-v1 rw', 'pci-state-v1 w'), 'unknown',
             'the format pci-state-v1, and preserved PCI devices'),
            (FORMATS.replace('0x1 0x2', '0x2 0x0'), 'unknown',
             'pci-state-v1, but not all features 0x1'),
            (FORMATS.replace('nvme-v1', 'nvme-v2'), 'note', 'does not read the format nvme-v1'),
            (FORMATS.replace('luo-timeline-v1', 'x-v1'), None, 'luo-timeline-v1'),
            # An optional feature that the image lacks is none of our business.
            (FORMATS.replace('0x1 0x2', '0x3 0x0'), None, 'pci-state-v1'),
            # The same name in another name space is another format.
            (FORMATS.replace('file memfd-v2', 'object memfd-v2'), 'note', 'memfd-v2'),
            ('', 'no', 'all that is preserved is lost')):
        done = run('check', file(bzimage(table(formats))), root=root(),
                   status=4 if level == 'no' else 9)
        everything = ' '.join(f['text'] for f in done.json['findings'])
        expect((text in everything) == (level is not None), text, done.json)
        if level:
            expect(any(text in t for t in done.findings(level)), text, done.json)


def test_check_reserved_memory():
    reserve = root(cmdline=ON + ' reserve_mem=4K:4K:x')
    reserve.write('sys/kernel/liveupdate/formats', FORMATS + 'subtree reserve-mem-v1 rw 0 0\n')
    done = run('check', file(bzimage(table())), status=4, root=reserve)
    expect(any('reserve_mem= is lost' in t for t in done.findings('no')), done.json)


def test_check_when_off():
    done = run('check', file(bzimage(table())), status=4, root=root(state='off', reason='why', cmdline=''))
    expect(any('not on here: why' in t for t in done.findings('no')), done.json)


def test_check_the_command_line():
    image = file(bzimage(table()))
    default = file(bzimage(table(flags=3)), 'default')
    builtin = file(bzimage(table(flags=4)), 'builtin')
    for path, line, level, text in (
            (image, '', 'no', 'kho=on is missing'),
            (image, 'kho=on', 'no', 'liveupdate=on is missing'),
            (image, ON + ' liveupdate=off', 'no', 'liveupdate=off is on'),
            (image, 'kho=on liveupdate=off liveupdate=on', 'yes', 'liveupdate is on'),
            (image, 'liveupdate=on -- kho=on', 'no', 'kho=on is missing'),
            (image, '"kho=on" liveupdate="on"', 'yes', 'kho is on'),
            (image, 'xkho=on liveupdate=on', 'no', 'kho=on is missing'),
            (image, 'kho=maybe liveupdate=on', 'unknown', 'neither on nor off'),
            (default, '', 'yes', 'kho is on by default'),
            (default, 'kho=0', 'no', 'kho=0 is on'),
            (builtin, '', 'unknown', 'may be built into its image'),
            (image, ON + ' mem=512M', 'no', 'mem=512M leaves memory out'),
            (image, ON + ' mem=4G', 'yes', 'kho is on'),
            (image, ON + ' memmap=64M$1G', 'unknown', 'memmap=64M$1G may take memory away'),
            (image, ON + ' memmap=1M@4K,512M$256M', 'unknown', 'memmap=512M$256M may take memory away'),
            # Whether a device is preserved cannot be seen here.
            (image, ON + ' pci=nocrs,nommconf', 'unknown', 'pci=nommconf the next kernel does not'),
            (image, ON + ' acpi=off', 'unknown', 'acpi=off the next kernel does not'),
            (image, ON + ' pci=noacpi', 'unknown', 'pci=noacpi the next kernel does not'),
            (image, ON + ' intel-iommu=off', 'unknown', 'intel_iommu=off is on one of the two'),
            (image, ON + ' memmap=1M@4K', 'yes', 'kho is on'),
            (image, 'kho=on bootconfig', 'no', 'liveupdate=on is missing'),
            (image, 'kho=on liveupdate', 'unknown', 'neither on nor off'),
            (image, ON + ' x=' + 'y' * 2047, 'no', 'the next kernel takes 2047')):
        done = run('check', path, '--append', line, root=root(), status=4 if level == 'no' else 9)
        expect(any(text in t for t in done.findings(level)), line, done.json)
        expect(not any('mem=4G' in t for t in done.findings('no')), done.json)
    # What this kernel has as well changes nothing; what it has alone does.
    both = ON + ' pci=nocrs,nommconf'
    done = run('check', image, '--append', both + ',noacpi', root=root(cmdline=both), status=9)
    expect(not any('nommconf' in t for t in done.findings('unknown')) and
           any('pci=noacpi' in t for t in done.findings('unknown')), done.json)
    # A word counts whole, in whichever list it is.
    done = run('check', image, '--append', ON + ' pci=conf1x,off pci=conf1', status=9,
               root=root(cmdline=ON + ' pci=off,nocrs pci=noaer'))
    expect(not any('pci=off' in t for t in done.findings('unknown')) and
           sum('pci=conf1' in t for t in done.findings('unknown')) == 1, done.json)
    same = ' mem=512M memmap=64M$1G iommu=pt'
    done = run('check', image, '--append', ON + same, root=root(cmdline=ON + same), status=9)
    expect(len(done.findings('unknown')) == 1, done.json)
    done = run('check', image, '--append', ON, root=root(cmdline=ON + same), status=9)
    expect(any('iommu=pt is on one of the two' in t for t in done.findings('unknown')), done.json)
    done = run('check', image, '--append', 'more', '--reuse-cmdline', root=root(), status=9)
    expect(done.json['command_line'] == ON + ' more', done.json)
    done = run('check', image, '--append', 'more', '--reuse-cmdline', root=root(cmdline=ON + ' -- single'),
               status=9)
    expect(done.json['command_line'] == ON + ' more -- single', done.json)


def test_check_the_initrd():
    image = file(bzimage(table()))
    run('check', image, '--initrd', file(b'x', 'initrd'), status=9, root=root())
    expect('initrd cannot be read' in run('check', image, '--initrd', work / 'none', status=5,
                                          root=root()).err, 'missing')
    expect('is no initrd' in run('check', image, '--initrd', file(b'', 'empty'), status=5,
                                 root=root()).err, 'empty')
    expect('is no initrd' in run('check', image, '--initrd', work, status=5, root=root()).err, 'folder')


def test_bad_images():
    good = bzimage(table())
    refused(b'', 'it is empty')
    refused(b'#!/bin/sh\n' * 100, 'it is not a kernel')
    refused(b'\x7fELF' + bytes(14) + struct.pack('<H', 62) + bytes(100), 'it is an ELF file')
    refused(gzip.compress(good), 'it is packed with gzip as a whole')
    refused(b'MZ\0\0zimg' + bytes(100), 'an EFI image that unpacks itself')
    refused(arm64(), 'it is a kernel for aarch64, and this machine is')
    # Its end is known if it is a PE file, too.
    sections = struct.pack('<8sIIIIIIHHI', b'.text', 0, 0, 4096, 8192, 0, 0, 0, 0, 0)
    image = bytearray(arm64(b'PE\0\0' + struct.pack('<HHIIIHH', 0xaa64, 1, 0, 0, 0, 0, 0) + sections))
    image[:2], image[0x3c:0x40] = b'MZ', struct.pack('<I', 64)
    refused(bytes(image), f'it is truncated: it has {len(image)} bytes of 12288')
    refused(bytes(image[:100]), 'it is truncated: it has 100 bytes of 128')
    refused(bytes(image) + bytes(12288), 'it is a kernel for aarch64, and this machine is')
    refused(bzimage(xloadflags=0), 'it is a kernel for i686, and this machine is')
    refused(bzimage(protocol=0x20a), 'boot protocol 2.10')
    refused(good[:0x230], 'it ends within its header')
    refused(good[:0x300], 'it ends within its first part')
    refused(good[:-32], f'it has {len(good) - 32} bytes of {len(good)}')
    refused(bzimage(payload_length=0x7fffffff), 'what is packed in it is not where')
    refused(bzimage(payload_offset=0xffffffff), 'what is packed in it is not where')
    refused(bzimage(version=b'x' * 256), 'its version has no end')


def test_tables_with_lies():
    for lie, text in (({'size': 0xffffffff}, 'its size is out of bounds'), ({'size': 8}, 'its size'),
                      ({'head_size': 8}, 'the size of its head'), ({'head_size': 0xfffffff0}, 'its head'),
                      ({'entry_size': 0}, 'the size of its entries'),
                      ({'entry_size': 0x10000}, 'the size of its entries'),
                      ({'entry_size': 73}, 'it ends within an entry'),
                      ({'magic': b'LiveUpdateTablE'}, 'magic number')):
        refused(bzimage(table(**lie)), text)
    refused(bzimage(table().replace(b'memfd-v2', b'memfd\x07v2')), 'not printable')
    refused(bzimage(table().replace(b'memfd-v2', b'\0emfd-v2')), 'has no name')
    refused(bzimage(table().replace(b'memfd-v2' + bytes(40), b'm' * 48)), 'has no end')
    damaged = bytearray(bzimage(table()))
    struct.pack_into('<I', damaged, 1024 + 64 + 8, 0x7fffffff)
    refused(bytes(damaged), 'kernel_info is out of bounds')
    damaged = bytearray(bzimage(table()))
    struct.pack_into('<I', damaged, 1024 + 64 + 16, 0x7fffffff)
    refused(bytes(damaged), 'an item of kernel_info')


def test_bad_paths():
    for path in (work / 'none', work, '/dev/null', '/dev/zero', ''):
        done = run('check', path, status=5, root=root())
        expect(done.json['status'] == 5, done.json)
    os.mkfifo(work / 'pipe')
    run('check', work / 'pipe', status=5, root=root())
    weird = work / 'a\x1b[31m\udcffz'
    done = run('check', weird, status=5, root=root(), as_json=False)
    expect('\x1b' not in done.err and '\\x1b[31m\\xffz' in done.err, repr(done.err))


def packings(data):
    """As kernels are packed: xz with the filter for x86, zstd with its largest window."""
    yield 'gzip', gzip.compress(data)
    yield 'xz', lzma.compress(data, check=lzma.CHECK_CRC32, filters=[
        {'id': lzma.FILTER_X86}, {'id': lzma.FILTER_LZMA2, 'dict_size': 32 << 20}])
    yield 'lzma', lzma.compress(data, format=lzma.FORMAT_ALONE)
    yield 'zstd', subprocess.run(['zstd', '-qc', '--long=27'], input=data, capture_output=True, check=True).stdout


def unpacks(test):
    """Marks a test that is for a luctl that was built with the libraries."""
    test.unpacks = True
    return test


@unpacks
def test_images_without_a_table():
    for name, packed in packings(vmlinux(*MAINLINE)):
        path = file(bzimage(payload=packed + b'size', version=b'7.3.0 (x@y)'))
        done = run('formats', path, root=root())
        expect([f['name'] for f in done.json['formats']] == ['kho-v4', 'luo-v5', 'memfd-v2'], name, done.json)
        done = run('check', path, status=9, root=root())
        expect(done.json['image']['version'] == '7.3.0' and not done.findings('no'), name, done.json)
        expect(any('the format pci-state-v1, and preserved' in t for t in done.findings('unknown')), done.json)
        # Mainline can be configured to have KHO on.
        done = run('check', path, '--append', 'liveupdate=on', root=root(), status=9)
        expect(any('kho=on is missing' in t for t in done.findings('unknown')), done.json)
        # Damaged in the middle: nothing is said of it.
        broken = bytearray(packed)
        broken[len(broken) // 2] ^= 0xff
        del broken[-8:]
        done = run('check', file(bzimage(payload=bytes(broken))), status=9, root=root())
        expect(any('cannot be looked into' in t for t in done.findings('unknown')), name, done.json)
    for names, text in (((), 'the image has no live update'),
                        (('kho-v4', 'luo-v4', 'memfd-v2'), 'does not read the format luo-v5, only luo-v4'),
                        (('kho-v3', 'luo-v5'), 'does not read the format kho-v4, only kho-v3'),
                        (('xkho-v4', 'kho-v4x', 'kho-v', 'kho-v44'), 'only kho-v44')):
        done = run('check', file(bzimage(payload=gzip.compress(vmlinux(*names)))), status=4, root=root())
        expect(any(text in t for t in done.findings('no')), names, done.json)
    return None


@unpacks
def test_names_at_the_seam_of_pieces():
    for at in range(65536 - 12, 65536 + 2):
        data = b'x' * (at - 1) + b'\0kho-v4\0luo-v5\0' + b'x' * 70000
        done = run('formats', file(bzimage(payload=gzip.compress(data))), root=root())
        expect([f['name'] for f in done.json['formats']] == ['kho-v4', 'luo-v5'], at, done.json)
    # A part of a longer word is no name.
    for at in range(65536 - 60, 65536 + 2):
        data = b'x' * at + b'kho-v4\0' + b'x' * 70000
        done = run('formats', file(bzimage(payload=gzip.compress(data))), root=root())
        expect(not done.json['formats'], at, done.json)
    return None


def test_packings_that_cannot_be_opened():
    cases = [(b'\x02\x21\x4c\x18' + bytes(100), 'packed with lz4, which this luctl cannot'),
             (bz2.compress(vmlinux(*MAINLINE)), 'packed with bzip2, which this luctl cannot'),
             (b'\x89LZO\0\r\n\x1a\n' + bytes(100), 'packed with lzo, which this luctl cannot'),
             (b'nothing', 'does not know'), (b'', 'does not know')]
    if LIBC_ALONE:
        cases += [(packed, f'packed with {name}, which this luctl cannot') for name, packed in packings(b'x')]
    for data, text in cases:
        done = run('check', file(bzimage(payload=data)), status=9, root=root())
        expect(any(text in t for t in done.findings('unknown')), text, done.json)
        run('formats', file(bzimage(payload=data)), status=9, root=root())
        run('formats', file(bzimage(payload=data)), status=9, root=root(), as_json=False)


@unpacks
def test_too_many_names():
    names = [f'name{i}-v1' for i in range(1000)]
    done = run('check', file(bzimage(payload=gzip.compress(vmlinux(*names, 'kho-v4')))), status=9, root=root())
    expect(any('more names of formats than any' in t for t in done.findings('unknown')), done.json)
    return None


@unpacks
def test_a_bomb():
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b''.join(packer.compress(bytes(1 << 26)) for _ in range(17)) + packer.flush()
    done = run('formats', file(bzimage(payload=bomb)), status=9, root=root())
    expect('more than 1 GiB' in done.json['unread'], done.json)
    return None


@unpacks
def test_a_distribution_kernel():
    if not DISTRIBUTION.exists():
        return f'{DISTRIBUTION}: no such file; apt could not get one'
    done = run('check', DISTRIBUTION, status=4, root=root())
    expect(any('the image has no live update' in t for t in done.findings('no')), done.json)
    done = run('formats', DISTRIBUTION, root=root(), as_json=False)
    expect('it has no live update' in done.out, done.out)
    return None


def test_load_refuses_what_would_be_lost():
    done = run('load', file(bzimage(table(''))), status=4, root=root())
    expect(done.json['command'] == 'load' and not done.json['done'], done.json)
    done = run('load', file(bzimage(table(''))), status=4, root=root(), as_json=False)
    expect('not done, as something would be lost' in done.err, done.err)


def loaded(image, cmdline=ON, initrd=''):
    """A root where luctl has loaded this."""
    st = image.stat()
    place = root()
    place.write('sys/kernel/kexec_loaded', '1\n')
    seconds, nanoseconds = divmod(st.st_mtime_ns, 10 ** 9)
    place.write('run/luctl/loaded', f'{image}\n{initrd}\n{st.st_dev}:{st.st_ino}:{st.st_size}:'
                                    f'{seconds}.{nanoseconds:09}\n{cmdline}')
    return place


def test_run():
    run('run', '--dry-run', status=6, root=root())
    image = file(bzimage(table()))
    done = run('run', '--dry-run', status=9, root=loaded(image))
    expect(not done.json['done'] and done.json['by'] == 'reboot', done.json)
    expect(not done.findings('no') and done.json['image']['path'] == str(image), done.json)
    systemd = loaded(image)
    systemd.write('run/systemd/system/x', '')
    expect(run('run', '--dry-run', status=9, root=systemd).json['by'] == 'systemctl kexec', 'by')
    expect(run('run', '--dry-run', '--now', status=9, root=systemd).json['by'] == 'reboot', 'now')
    # Nobody is there to say yes.
    run('run', status=2, root=loaded(image))
    # The initrd has been loaded as well, and is not needed any more.
    gone = loaded(image, initrd=work / 'gone')
    run('run', '--dry-run', status=9, root=gone)
    run('check', status=9, root=gone)
    expect(run('status', root=gone).json['next']['takes_over'] == 'unknown', 'status')
    done = run('run', '--yes', status=4, root=loaded(image, cmdline='kho=on'))
    expect(any('liveupdate=on is missing' in t for t in done.findings('no')), done.json)
    # Loaded by somebody else; changed behind our back.
    other = root()
    other.write('sys/kernel/kexec_loaded', '1\n')
    done = run('run', '--dry-run', status=9, root=other)
    expect(any('luctl did not load it' in t for t in done.findings('unknown')), done.json)
    changed = loaded(image)
    image.write_bytes(bzimage(table('')) + b'x')
    done = run('run', '--dry-run', status=9, root=changed)
    expect(any('has changed since' in t for t in done.findings('unknown')), done.json)
    expect(run('status', root=changed).json['next']['takes_over'] == 'unknown', 'status')
    expect(run('status', root=other).json['next']['takes_over'] == 'unknown', 'status')
    run('check', status=9, root=changed)
    run('check', status=9, root=other)
    run('check', status=6, root=root())


def test_refuses_what_is_unknown():
    refuse = {'sys/module/liveupdate/parameters/unknown': 'refuse\n'}
    is_loaded = {'sys/kernel/kexec_loaded': '1\n'}
    what = 'cannot tell what it reads is refused'
    image = file(bzimage(table()))
    # There is no device below --root, so there may be sessions.
    other = root(**is_loaded, **refuse)
    for args in (('run', '--dry-run'), ('check',)):
        done = run(*args, status=4, root=other)
        expect(any(what in t for t in done.findings('no')), done.json)
    run('run', '--dry-run', '--force', status=4, root=other)
    # What can be looked into is as good as ever.
    place = loaded(image)
    for name, text in refuse.items():
        place.write(name, text)
    run('run', '--dry-run', status=9, root=place)
    image.write_bytes(bzimage(table('')) + b'x')
    done = run('run', '--dry-run', status=4, root=place)
    expect(any(what in t for t in done.findings('no')), done.json)
    # Nothing is preserved where it is off.
    done = run('check', status=4, root=root(state='off', cmdline='', **is_loaded, **refuse))
    expect(not any(what in t for t in done.findings('no')), done.json)


def on_terminal(command, answer=b'', **env):
    output = b''
    pid, fd = pty.fork()
    if not pid:
        os.execve(command[0], command, {**os.environ, 'TERM': 'xterm', 'ASAN_OPTIONS': 'detect_leaks=0', **env})
    os.write(fd, answer)
    try:
        while chunk := os.read(fd, 4096):
            output += chunk
    except OSError:
        pass
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(fd)
    return status, output.decode()


def test_run_asks():
    image = file(bzimage(table()))
    status, said = on_terminal([str(LUCTL), '--root', str(loaded(image).path), 'run'], b'n\n')
    expect(status == 1 and 'as you did not say yes' in said, status, said)
    expect('It cannot be told whether everything survives, see above. Start' in said, said)


TIMELINE = 'freeze-start 0\nfreeze-end 582126\njump 3341471\nstart 1155910238\nfirst-open unknown\n'


def test_timeline():
    place = root()
    place.write('sys/kernel/liveupdate/timeline', TIMELINE)
    phases = run('timeline', root=place).json['phases']
    expect(phases[2] == {'phase': 'jump', 'ns': 3341471, 'took_ns': 3341471 - 582126}, phases)
    expect(phases[4] == {'phase': 'first-open', 'ns': None, 'took_ns': None}, phases)
    text = run('timeline', root=place, as_json=False).out
    expect('1155.910' in text and '\x1b' not in text and '█' not in text, text)
    text = run('--colour', 'always', 'timeline', root=place, as_json=False).out
    expect('█' in text, text)
    place.write('sys/kernel/liveupdate/timeline', '')
    run('timeline', status=6, root=place)
    for line in ('jump\n', 'JUMP 1\n', 'jump 1 2\n', 'jump 1'):
        place.write('sys/kernel/liveupdate/timeline', line)
        run('timeline', status=1, root=place)
    run('timeline', status=1, root=root())


def test_colour_only_on_a_terminal():
    command = [str(LUCTL), '--root', str(root().path), 'status']
    plain = subprocess.run(command, capture_output=True, check=False).stdout
    expect(b'\x1b' not in plain, plain)
    expect('\x1b[32m' in on_terminal(command)[1], 'no colour on a terminal')
    expect('\x1b[32m' not in on_terminal(command, NO_COLOR='1')[1], 'NO_COLOR does nothing')
    expect('\x1b[32m' not in on_terminal(command, TERM='dumb')[1], 'colour on a dumb terminal')


def test_quiet():
    image = file(bzimage(table()))
    out = run('check', image, status=9, root=root(), as_json=False).out
    expect('the handover itself is read' in out, out)
    out = run('--quiet', 'check', image, status=9, root=root(), as_json=False).out
    expect('the handover itself is read' not in out and 'unknown' in out, out)


def test_output_that_cannot_be_written():
    with open('/dev/full', 'w', encoding='utf-8') as full:
        done = subprocess.run([str(LUCTL), '--root', str(root().path), 'status'], stdout=full,
                              stderr=subprocess.PIPE, check=False)
    expect(done.returncode == 1 and b'cannot be written' in done.stderr, done)


def test_completion():
    script = Path(__file__).resolve().parent.parent / 'luctl.bash-completion'
    for words, want in ((['luctl', 'ti'], 'timeline'), (['luctl', '--json', 'sta'], 'status'),
                        (['luctl', 'run', '--d'], '--dry-run'), (['luctl', 'load', '--in'], '--initrd'),
                        (['luctl', '--colour', 'nev'], 'never'), (['luctl', 'hold', '--', 'bas'], 'bash')):
        quoted = ' '.join(f"'{w}'" for w in words)
        done = subprocess.run(['bash', '-c', f'source {script}; COMP_WORDS=({quoted}); '
                               f'COMP_CWORD={len(words) - 1}; _luctl; printf "%s\\n" "${{COMPREPLY[@]}}"'],
                              capture_output=True, text=True, check=False)
        expect(want in done.stdout.split() and not done.stderr, words, done)


def test_man_page():
    page = Path(__file__).resolve().parent.parent / 'luctl.8'
    text = page.read_text(encoding='utf-8').replace('\\-', '-')
    listed = run('help', as_json=False).out
    for line in listed.splitlines():
        word = line.split()[0] if line.startswith('  ') and not line.startswith('   ') else ''
        expect(word in text, f'{word} is not in the man page')
    done = subprocess.run(['groff', '-man', '-Tutf8', '-ww', str(page)], capture_output=True, text=True,
                          check=False)
    expect(not done.returncode and not done.stderr, done.stderr)
    return None


def main():
    tests = [(name[5:], test) for name, test in globals().items() if name.startswith('test_')
             and not (LIBC_ALONE and hasattr(test, 'unpacks'))]
    if MACHINE != 'x86_64':
        print('KTAP version 1\n1..0 # SKIP these images are for x86_64')
        return 0
    print(f'KTAP version 1\n1..{len(tests)}')
    failed = False
    for number, (name, test) in enumerate(tests, 1):
        for path in work.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        try:
            skipped = test()
            print(f'ok {number} {name}' + (f' # SKIP {skipped}' if skipped else ''))
        except (Failed, ValueError, KeyError, TypeError) as error:
            for line in str(error).splitlines():
                print(f'# {line}')
            print(f'not ok {number} {name}')
            failed = True
        sys.stdout.flush()
    shutil.rmtree(work)
    return failed


sys.exit(main())
