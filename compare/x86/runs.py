# SPDX-License-Identifier: BSD-2-Clause
"""Runs the programs and reads what they print: observations, without any judgement."""

import collections
import os
import pathlib
import platform
import re
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("BUILD", "build") / "compare" / "x86"
TIMEOUT = 120  # seconds; a run takes about one

# One instruction a nanosecond, and the clock jumps when the processor waits: each run is the same.
DETERMINISTIC = ["-icount", "shift=0,sleep=off"]
MACHINE = ["-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio", "-m", "128",
           "-cpu", "max", "-accel", "tcg", "-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
EXITED = 1  # what isa-debug-exit makes of the programs' 0

# `where` and `bits` of the runs on emulators, and how each is started.
BARE = [("qemu-system-i386", 32), ("qemu-system-x86_64", 32), ("qemu-system-x86_64", 64)]
SVM = [("svm-npt", 32), ("svm-npt", 64), ("svm-shadow", 32), ("svm-shadow", 64)]
SVM_PAGING = {"svm-npt": "nested", "svm-shadow": "shadow"}
SVM_QEMU = "qemu-system-x86_64"


class Failure(Exception):
    """A run that did not end as it should; the value says what is wrong and what to do."""


Probe = collections.namedtuple("Probe", "item mode outcome exits")
Operation = collections.namedtuple("Operation", "name count ticks exits")


class Run:
    """What one program printed."""

    def __init__(self, text):
        self.text = text
        self.probes = []
        self.operations = []
        self.notes = []
        self.calibration = None  # the length of a loop, and the ticks it took
        self._read()

    def _read(self):
        exits, counted = None, {}
        for line in self.text.splitlines():
            word, _, rest = line.partition(" ")
            if word == "exits":
                exits = rest.split()
            elif word == "exit":
                number, name = rest.split(" ", 1)
                counted[name] = int(number)
            elif word == "probe":
                item, mode, outcome = rest.split(" ", 2)
                self.probes.append(Probe(item, mode, outcome, exits))
                exits = None
            elif word == "operation":
                name, count, ticks = rest.split()
                self.operations.append(Operation(name, int(count), int(ticks), counted))
                counted = {}
            elif word == "calibration":
                self.calibration = tuple(map(int, rest.split()))
            elif word == "note":
                self.notes.append(rest)

    @property
    def counts_instructions(self):
        """Whether the time-stamp counter counts instructions; a few belong to reading it."""
        if not self.calibration:
            return False
        length, ticks = self.calibration
        return 0 <= ticks - length < 100


def emulator(name):
    path = shutil.which(name)
    if not path:
        raise Failure("%s is missing: ./doppel setup test-packages installs it" % name)
    return path


def version(name):
    """The emulator's name and version, as data files have it."""
    text = subprocess.run([emulator(name), "--version"], capture_output=True, text=True,
                          check=True).stdout
    return "%s %s" % (name, re.search(r"version (\d[\d.]*)", text)[1])


def program(name):
    path = BUILD / name
    if not path.exists():
        raise Failure("%s is missing: make compare-x86-programs builds it" % path)
    return str(path)


def emulate(qemu, *arguments):
    command = [emulator(qemu), *MACHINE, *DETERMINISTIC, *arguments]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired as late:
        raise Failure("%s did not end within %d seconds; it said:\n%s"
                      % (qemu, TIMEOUT, tail(late.stdout))) from None
    text = done.stdout.decode(errors="replace").replace("\r", "")
    if done.returncode != EXITED or not re.search(r"^end \d+$", text, re.M):
        raise Failure("%s ended with status %d; it said:\n%s%s"
                      % (" ".join(command), done.returncode, tail(done.stdout),
                         done.stderr.decode(errors="replace")))
    return Run(text)


def tail(output):
    return "\n".join((output or b"").decode(errors="replace").splitlines()[-5:]) + "\n"


def run_bare(where, bits):
    return emulate(where, "-kernel", program("bare-%d" % bits))


def run_svm(where, bits, more=""):
    return emulate(SVM_QEMU, "-kernel", program("svm-64"), "-initrd", program("bare-%d" % bits),
                   "-append", "paging=%s %s" % (SVM_PAGING[where], more))


# The program for Linux


def why_not_ring3():
    """Why the part on this computer's own processor cannot run, or None."""
    if platform.machine() not in ("x86_64", "i686"):
        return "this computer is no x86 (%s)" % platform.machine()
    if platform.system() != "Linux":
        return "this computer does not run Linux"
    return None


def run_ring3(bits):
    """The run; or a text: why a kernel does not run programs of that width."""
    try:
        done = subprocess.run([program("ring3-%d" % bits)], capture_output=True, timeout=TIMEOUT,
                              check=False)
    except OSError as error:
        return "this kernel runs no %d-bit x86 programs (%s)" % (bits, error.strerror)
    text = done.stdout.decode(errors="replace")
    if done.returncode or not re.search(r"^end \d+$", text, re.M):
        return "the %d-bit program ended early, with status %d" % (bits, done.returncode)
    return Run(text)


def processor_flags():
    """Of /proc/cpuinfo: what the processor has and the kernel uses."""
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text()
    except OSError:
        return set()
    found = re.search(r"^flags\s*:(.*)$", text, re.M)
    return set(found[1].split()) if found else set()
