#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# What setup and mkinitramfs do, without a network: apt is a fake.

import contextlib
import gzip
import lzma
import os
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "lib"))
import tap  # noqa: E402
from launcher import ROOT, Launcher  # noqa: E402
from doppel import Refusal, apt, cache, setup  # noqa: E402

ONE_LINE = """
# deb http://old.example/debian bookworm main
deb [arch=amd64 signed-by=/a/b.gpg] https://packages.example/sdk sdk-bookworm main
deb-src http://source.example/debian bookworm main
deb http://mirror.example/debian bookworm main contrib # comment
"""
DEB822 = """
# the system's own
Types: deb deb-src
URIs: http://security.example/debian-security
Suites: bookworm-security
Components: main

Types: deb
URIs: https://docker.example/linux/debian
Suites: bookworm
Components: stable

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main

Types: deb
URIs:
 http://mirror.example/debian/
Suites: bookworm bookworm-updates
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 xsFNBGPL0BUBEADmW5NdOOHwPIJlgPu6JDcKw/NZJPR8lsD3K87ZM18gzyQZJD+w
 -----END PGP PUBLIC KEY BLOCK-----
"""


@contextlib.contextmanager
def environment(**values):
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def test_one_line_sources():
    """the mirror of a sources.list"""
    tap.same(apt.choose_mirror(list(apt.one_line_sources(ONE_LINE))),
             "http://mirror.example/debian")


def test_deb822_sources():
    """the mirror of a .sources file: not security, not disabled, not another's"""
    tap.same(apt.choose_mirror(list(apt.deb822_sources(DEB822))), "http://mirror.example/debian")


def test_other_mirrors():
    """mirrors with other names, and machines without one"""
    for uri in ("mirror+file:///etc/apt/mirrors/debian.list", "http://a.example/deb",
                "http://snapshot.example/archive/debian/20250520T000000Z"):
        tap.same(apt.choose_mirror([("http://x.example/y", "noble", ["main"]),
                                    (uri, "trixie", ["main"])]), uri)
    tap.same(apt.choose_mirror([("http://x.example/ubuntu", "noble", ["main"])]), None)


def test_mirror_override():
    """DEBIAN_MIRROR overrides apt's configuration"""
    with environment(DEBIAN_MIRROR="http://other.example/debian/"):
        tap.same(apt.mirror(), "http://other.example/debian")


def test_kernel_package():
    """the kernel is what the package of no version depends on"""
    tap.same(setup.kernel_package("linux-image-riscv64\n  Depends: linux-image-6.12.1+x-riscv64\n"),
             "linux-image-6.12.1+x-riscv64")


def test_cache():
    """a thing appears in the cache whole or not at all, and leftovers are removed"""
    with Launcher() as box, environment(DOPPEL_CACHE=box.path("cache")):
        box.put("cache/tmp-killed/half", "x")
        with cache.locked():
            try:
                with cache.filling("thing") as directory:
                    with open(os.path.join(directory, "file"), "w"):
                        tap.same(cache.has("thing"), False)
                    raise KeyError
            except KeyError:
                pass
            tap.same(sorted(os.listdir(cache.path())), ["lock"])
            for _ in range(2):
                with cache.filling("thing") as directory:
                    with open(os.path.join(directory, "file"), "w"):
                        pass
            tap.same(sorted(os.listdir(cache.path())), ["lock", "thing"])


FAKE_APT = """#!/bin/sh
echo "$@" >> %(log)s
case "$*" in *" install "*) ln -s %(dtc)s %(bin)s/dtc ;; esac
"""


def bare_machine(box):
    """A PATH with all that setup looks for but dtc, and a fake apt-get that brings dtc."""
    tools = box.path("bin")
    os.mkdir(tools)
    for name in ("env", "sh", "ln", "make", "qemu-system-riscv64", "riscv64-linux-gnu-gcc",
                 "riscv64-unknown-elf-gcc", "apt-cache"):
        if shutil.which(name):
            os.symlink(shutil.which(name), os.path.join(tools, name))
    box.put("bin/apt-get", FAKE_APT % {"log": box.path("apt.log"), "bin": tools,
                                      "dtc": shutil.which("dtc")})
    os.chmod(os.path.join(tools, "apt-get"), 0o755)
    return {**box.environment(), "PATH": tools, "DOPPEL_QEMU": "", "CROSS_COMPILE": "", "LLVM": ""}


def run_setup(box, environ, *arguments):
    return subprocess.run(box.command("setup", *arguments), env=environ, cwd=box.directory,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          check=False)


def test_install():
    """missing packages are installed, once"""
    if os.geteuid():
        raise tap.Skip("not root")
    with Launcher() as box:
        environ = bare_machine(box)
        tap.same(run_setup(box, environ, "packages").returncode, 0)
        with open(box.path("apt.log")) as file:
            tap.holds(file.read(), "install device-tree-compiler\n")
        os.unlink(box.path("apt.log"))
        again = run_setup(box, environ, "packages")
        tap.same((again.returncode, again.stdout, os.path.exists(box.path("apt.log"))),
                 (0, b"", False))


def test_no_root():
    """without root or sudo: the line to run, and apt is not called"""
    with Launcher() as box:
        geteuid = os.geteuid
        os.geteuid = lambda: 1000
        try:
            with environment(PATH=bare_machine(box)["PATH"]):
                apt.install(["one", "two"])
            raise AssertionError("not refused")
        except Refusal as refusal:
            tap.holds(str(refusal), "apt-get install -y --no-install-recommends one two")
            tap.same("\n" in str(refusal), False)
        finally:
            os.geteuid = geteuid
        tap.same(os.path.exists(box.path("apt.log")), False)


def test_doctor():
    """doctor names what is missing, and its status is 2"""
    with Launcher() as box:
        environ = bare_machine(box)
        done = subprocess.run(box.command("doctor"), env=environ, stdout=subprocess.PIPE,
                              check=False)
        tap.same(done.returncode, 2)
        lines = [line.split() for line in done.stdout.decode().splitlines()]
        tap.same([line[1] for line in lines if line and line[0] == "MISSING"], ["dtc", "guest"])


def cpio_entries(data):
    """{path: (mode, content)} of a newc archive."""
    entries, at = {}, 0
    while True:
        fields = [int(data[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        name_end = at + 110 + fields[11]
        name = data[at + 110:name_end - 1].decode()
        content_at = (name_end + 3) & ~3
        at = (content_at + fields[6] + 3) & ~3
        if name == "TRAILER!!!":
            return entries
        tap.same((fields[2], fields[3], fields[5]), (0, 0, 0))
        entries[name] = (fields[1], data[content_at:content_at + fields[6]])


def test_initramfs():
    """the initramfs: modules with what they need, decompressed; the same bytes every time"""
    with Launcher() as box:
        modules = {"virtio_mmio": "", "virtio_blk": "", "virtio-rng": "", "virtio_balloon": "",
                   "virtio_net": "a-b,core", "a_b": "deep", "deep": "", "altera_ps2": "serio",
                   "serio": "", "evdev": ""}
        for name, needs in modules.items():
            box.put("m/1.2/kernel/x/%s.ko.xz" % name,
                    lzma.compress(b"ELF\0license=GPL\0depends=%s\0more" % needs.encode()))
        box.put("m/1.2/modules.builtin", "kernel/virtio_console.ko\nkernel/core.ko\n")
        box.put("busybox", "the busybox")
        box.put("extra", "more")
        outputs = []
        for name in ("one", "two"):
            subprocess.run([sys.executable, os.path.join(ROOT, "tools/mkinitramfs"), "--busybox",
                            box.path("busybox"), "--modules", box.path("m/1.2"), "--add",
                            box.path("extra") + ":/opt/x/extra", "--output", box.path(name)],
                           check=True)
            with open(box.path(name), "rb") as file:
                outputs.append(file.read())
        tap.same(outputs[0] == outputs[1], True)
        entries = cpio_entries(gzip.decompress(outputs[0]))
        tap.same(list(entries), sorted(entries))
        tap.same(entries["bin/busybox"], (0o100755, b"the busybox"))
        tap.same(entries["opt/x/extra"], (0o100644, b"more"))
        tap.same("opt/x" in entries and "opt" in entries, True)
        tap.same(entries["dev/console"][0], 0o020600)
        tap.holds(entries["lib/modules/1.2/modules.dep"][1].decode(),
                  "virtio_net.ko: a_b.ko deep.ko\n")
        tap.holds(entries["lib/modules/1.2/deep.ko"][1], b"license")


def test_missing_module():
    """a kernel without a module that the guest needs is refused"""
    with Launcher() as box:
        box.put("m/1.2/modules.builtin", "kernel/virtio_console.ko\n")
        box.put("busybox", "the busybox")
        done = subprocess.run([sys.executable, os.path.join(ROOT, "tools/mkinitramfs"), "--busybox",
                               box.path("busybox"), "--modules", box.path("m/1.2"), "--output",
                               box.path("out")], stderr=subprocess.PIPE, check=False)
        tap.same(done.returncode != 0 and not os.path.exists(box.path("out")), True)
        tap.holds(done.stderr.decode(), "kernel module")


tap.main(sys.modules[__name__])
