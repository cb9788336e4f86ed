# SPDX-License-Identifier: BSD-2-Clause
"""What the host must have: how to see that it is there, and the package that brings it."""

import glob
import importlib.util
import os
import platform
import shutil
import subprocess

from . import apt, qemu

SBIN = ":/usr/sbin:/sbin"    # where it is not in everybody's PATH
CHROMIUMS = ("chromium-headless-shell", "chromium")
RISCV_COMPILERS = ("riscv64-unknown-elf-gcc", "riscv64-linux-gnu-gcc")


class Need:
    """One tool: `find` returns a text that describes it, or None when it is missing."""

    def __init__(self, name, packages, find, purpose):
        self.name = name
        self.packages = packages
        self.find = find
        self.purpose = purpose


def _program(name, more_path=""):
    return lambda: shutil.which(name, path=os.environ.get("PATH", os.defpath) + more_path)


def _file(*names):
    return lambda: next((name for name in names if os.path.exists(name)), None)


def _qemu():
    path = shutil.which(os.environ.get("DOPPEL_QEMU") or qemu.NAME)
    version = qemu.Qemu(path).version() if path else None
    return "%s, version %d.%d" % (path, *version) if version and version >= qemu.OLDEST else None


def _firmware():
    """QEMU's own copy, or Debian's package."""
    return next(iter(glob.glob("/usr/share/qemu/" + qemu.FIRMWARE) +
                     glob.glob("/usr/local/share/qemu/" + qemu.FIRMWARE)), None)


def _compiler():
    prefix = os.environ.get("CROSS_COMPILE")
    if prefix:
        return shutil.which(prefix + "gcc")
    if os.environ.get("LLVM"):
        return shutil.which("clang") if shutil.which("ld.lld") else None
    return next(filter(None, map(shutil.which, RISCV_COMPILERS)), None)


def _host_compiler():
    path = shutil.which("cc") or shutil.which("gcc")
    if not path:
        return None
    done = subprocess.run([path, "-fsyntax-only", "-x", "c", "-"], input=b"#include <stdio.h>\n",
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return path if done.returncode == 0 else None


def _x86_emulators():
    """Both widths: Debian has them in one package."""
    return shutil.which("qemu-system-i386") and shutil.which("qemu-system-x86_64")


def _x86_compiler():
    """This machine's own, if it is an x86; compare/compare.mk chooses in the same way."""
    if platform.machine() == "x86_64":
        return shutil.which("gcc")
    return shutil.which("x86_64-linux-gnu-gcc")


def _x86_compiler_packages():
    return ["gcc"] if platform.machine() == "x86_64" else ["gcc-x86-64-linux-gnu"]


def _prove():
    return shutil.which("prove")


def _pexpect():
    """For this Python, or for the system's, which gets Debian's package."""
    found = importlib.util.find_spec("pexpect")
    return found.origin if found else _file("/usr/lib/python3/dist-packages/pexpect/__init__.py")()


def _chromium():
    """The program that draws to no screen, or the whole browser, which can do that too."""
    return next(filter(None, map(shutil.which, CHROMIUMS)), None)


def _qemu_packages():
    # Debian 13 moved the RISC-V emulator to a package of its own.
    return ["qemu-system-riscv" if apt.is_known("qemu-system-riscv") else "qemu-system-misc"]


GNUPLOT = Need("gnuplot", lambda: ["gnuplot-nox"], _program("gnuplot"),
               "make report, make bench: charts")
RUN = (
    Need("make", lambda: ["make"], _program("make"), "build"),
    Need("RISC-V compiler", lambda: ["clang", "lld"] if os.environ.get("LLVM")
         else ["gcc-riscv64-linux-gnu"], _compiler, "build"),
    Need("QEMU %d.%d or later" % qemu.OLDEST, _qemu_packages, _qemu, "run"),
    Need("OpenSBI firmware", lambda: ["opensbi"], _firmware, "run"),
    Need("dtc", lambda: ["device-tree-compiler"], _program("dtc"), "run descriptions of VMs"),
    Need("Debian's archive keyring", lambda: ["debian-archive-keyring"], _file(apt.KEYRING),
         "check the guest's packages"),
)
X86 = (
    Need("make", lambda: ["make"], _program("make"), "build"),
    Need("x86 emulators", lambda: ["qemu-system-x86"], _x86_emulators, "make compare-x86"),
    Need("x86 compiler", _x86_compiler_packages, _x86_compiler, "make compare-x86"),
)
TEST = RUN + X86[1:] + (
    Need("host C compiler", lambda: ["gcc", "libc6-dev"], _host_compiler, "unit tests"),
    Need("cmocka", lambda: ["libcmocka-dev"], _file("/usr/include/cmocka.h",
                                                    "/usr/local/include/cmocka.h"), "unit tests"),
    Need("prove", lambda: ["perl"], _prove, "run the tests"),
    Need("pexpect", lambda: ["python3-pexpect"], _pexpect, "tests of the monitor"),
    Need("clang-format", lambda: ["clang-format"], _program("clang-format"), "make lint"),
    Need("Chromium", lambda: ["chromium-headless-shell"], _chromium, "tests of the report"),
    GNUPLOT,
)
EXTRA = TEST + (
    Need("spin", lambda: ["spin"], _program("spin"), "make test-slow: the models"),
    Need("libFuzzer", lambda: ["clang"], _program("clang"), "make fuzz"),
    Need("iperf3", lambda: ["iperf3"], _program("iperf3"), "make bench: networks"),
)
REPORT = RUN + (GNUPLOT,)
DEBIAN = RUN + (
    Need("fakeroot", lambda: ["fakeroot"], _program("fakeroot"), "make debian"),
    Need("mke2fs with -d", lambda: ["e2fsprogs"], _program("mke2fs", SBIN), "make debian"),
    Need("ssh-keygen", lambda: ["openssh-client"], _program("ssh-keygen"), "make debian"),
)


def missing(group):
    return [need for need in group if not need.find()]


def missing_packages(group):
    packages = []
    for need in missing(group):
        packages += need.packages()
    return packages
