# SPDX-License-Identifier: BSD-2-Clause
"""A copy of the launcher in a directory of its own, with a fake QEMU and small payloads."""

import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

LIB = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(LIB)))
FAKE_QEMU = os.path.join(LIB, "fake-qemu")

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "tools"))
import tap  # noqa: E402

MIB = 1 << 20


class Result:
    def __init__(self, status, out, err):
        self.status = status
        self.out = out
        self.err = err


class Launcher:
    """./doppel of this tree, but with a build/ that belongs to the test."""

    def __init__(self):
        self.directory = os.path.realpath(tempfile.mkdtemp(prefix="doppel-test-"))
        os.mkdir(self.path("tree"))
        for name in ("doppel", "tools"):
            source = os.path.join(ROOT, name)
            if os.path.isdir(source):
                shutil.copytree(source, self.path("tree", name),
                                ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, self.path("tree", name))
        self.put("tree/build/doppel.elf", b"never loaded: QEMU is a fake")
        self.log = self.path("qemu.log")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.directory)

    def path(self, *parts):
        return os.path.join(self.directory, *parts)

    def put(self, name, data):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
        return path

    def environment(self, fake="exit 0", **more):
        environ = {name: value for name, value in os.environ.items() if name != "XDG_RUNTIME_DIR"}
        return {**environ, "DOPPEL_QEMU": FAKE_QEMU, "FAKE_QEMU": fake,
                "FAKE_QEMU_LOG": self.log, "DOPPEL_CACHE": self.path("cache"), **more}

    def command(self, *arguments):
        return [sys.executable, self.path("tree", "doppel")] + list(arguments)

    def run(self, *arguments, fake="exit 0", stdin=b"", **environ):
        done = subprocess.run(self.command(*arguments), input=stdin, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=self.environment(fake, **environ),
                              cwd=self.directory, timeout=300, check=False)
        return Result(done.returncode, done.stdout, done.stderr.decode())

    def qemu(self):
        """The process id and arguments of the fake QEMU; None when none was started."""
        if not os.path.exists(self.log):
            return None
        with open(self.log) as file:
            return json.load(file)

    def nothing_is_left(self):
        runs = self.path("tree", "build", "run")
        left = os.listdir(runs) if os.path.isdir(runs) else []
        if left:
            raise AssertionError("build/run holds %s" % left)
        qemu = self.qemu()
        if qemu and is_alive(qemu["pid"]):
            raise AssertionError("QEMU %d is still running" % qemu["pid"])


def refused(box, arguments, words, **settings):
    """run with these arguments: exit status 2, one sentence with these words, no QEMU started."""
    result = box.run("run", *arguments, **settings)
    tap.same((result.status, result.out), (2, b""))
    tap.same(result.err.count("\n"), 1)
    tap.same(result.err.startswith("doppel: "), True)
    for word in words:
        tap.holds(result.err, word)
    tap.same(box.qemu(), None)
    box.nothing_is_left()


def option(arguments, name):
    return arguments[arguments.index(name) + 1]


def free_port(protocol="tcp"):
    """A port of 127.0.0.1 that nothing has."""
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_alive(pid):
    try:
        os.kill(pid, 0)
        return True
    except ProcessLookupError:
        return False


def wait_until(condition, what, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("waited in vain for %s" % what)
        time.sleep(0.02)


def linux_image(size=4096, image_size=None, text_offset=2 * MIB, pe_end=None):
    """The head of a Linux Image for RISC-V; with `pe_end`, one whose EFI stub ends there."""
    data = bytearray(size)
    struct.pack_into("<QQ", data, 8, text_offset, size if image_size is None else image_size)
    data[0x30:0x38] = b"RISCV\0\0\0"
    data[0x38:0x3C] = b"RSC\x05"
    if pe_end is not None:
        data[0:2] = b"MZ"
        struct.pack_into("<I", data, 0x3C, 0x40)
        data[0x40:0x44] = b"PE\0\0"
        struct.pack_into("<H", data, 0x46, 1)
        struct.pack_into("<H", data, 0x54, 0)
        struct.pack_into("<II", data, 0x58 + 16, pe_end - 0x100, 0x100)
    return bytes(data)


def elf(machine=243, bits=2, kind=2, paddr=0x80200000, entry=None, content=b"\x13\0\0\0" * 16,
        in_memory=None, count=1):
    """A small ELF executable with one segment."""
    head = bytearray(64)
    head[0:6] = b"\x7fELF" + bytes((bits, 1))
    struct.pack_into("<HHIQQ", head, 16, kind, machine, 1, paddr if entry is None else entry, 64)
    struct.pack_into("<HHH", head, 52, 64, 56, count)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 120, paddr, paddr, len(content),
                          len(content) if in_memory is None else in_memory, 4096)
    return bytes(head) + segment + content


def description(body="", vm="linux", vcpus="<1>", memory='"64M"', kernel='/incbin/("Image")',
                autostart="autostart;", extra=""):
    return """/dts-v1/;
/ {
    compatible = "doppel,vms";
    %s {
        compatible = "doppel,vm";
        vcpus = %s;
        memory = %s;
        kernel = %s;
        %s
        %s
    };
    %s
};
""" % (vm, vcpus, memory, kernel, autostart, extra, body)
