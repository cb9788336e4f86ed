# SPDX-License-Identifier: BSD-2-Clause
"""Runs the census' programs on an emulator, and reads what they print."""

import os
import pathlib
import re
import subprocess
import sys
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from doppel import qemu  # noqa: E402

TIMEOUT = 300           # seconds: only a hang takes so long
NO_TRAP = None

# What the CPU should have beyond the model's default, as far as the emulator knows the property: so that there is
# something behind the gates. An extension that is switched on here is there, whatever the ISA string tells.
WISHES = ("svinval", "v", "zkr", "zicbom", "zicboz", "zawrs", "smstateen")
ALONGSIDE = {"v": ("vext_spec=v1.0",)}


class Outcome(NamedTuple):
    cause: object       # an exception code, or NO_TRAP
    tval: str           # the letters of struct outcome in shared/item.h
    flag: str
    value: int
    real_cause: object
    real_count: int


class Output(NamedTuple):
    isa: str
    sweeps: dict        # {(mode, gate): {(item number, number in its range): Outcome}}, complete
    stats: dict         # of --stats: {name: count}
    counter_reads: int  # that the program has executed


class Emulator:
    def __init__(self, path):
        self.path = path
        self.qemu = qemu.find(path)
        self.major = self.qemu.version()[0]
        self.extensions = [name for name in WISHES if self.accepts(self.model("rv64", [name]))]

    @staticmethod
    def model(base, extensions):
        words = [base]
        for name in extensions:
            words += [name + "=true", *ALONGSIDE.get(name, ())]
        return ",".join(words)

    def accepts(self, cpu):
        """Whether it knows the CPU's properties: started, it would only wait to be told to quit."""
        done = subprocess.run([self.qemu.path, *self.qemu.arguments, "-nodefaults", "-machine", "virt", "-bios", "none",
                               "-cpu", cpu, "-display", "none", "-S", "-monitor", "stdio"], input=b"quit\n",
                              env=self.qemu.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=TIMEOUT, check=False)
        return done.returncode == 0

    def cpu(self, with_h=True):
        return self.model("rv64" if with_h else "rv64,h=off", self.extensions)


def emulators():
    """Those of DOPPEL_QEMUS, else what tools/emulators prints."""
    listed = os.environ.get("DOPPEL_QEMUS") or subprocess.run(
        [str(ROOT / "tools" / "emulators")], stdout=subprocess.PIPE, text=True, check=True).stdout
    return listed.split()


def launch(emulator, kernel, *arguments, tree=ROOT, cpu=None):
    """What ./doppel run prints, as lines, and its exit status."""
    command = [str(tree / "doppel"), "run", "--qemu", emulator.path, "--cpus", "1", "--timeout", str(TIMEOUT),
               "--cpu", cpu or emulator.cpu("--native" not in arguments), "--kernel", str(kernel), *arguments]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          cwd=ROOT, check=False)
    lines = done.stdout.decode(errors="replace").replace("\r", "").splitlines()
    return lines, done.returncode


class Broken(Exception):
    """A program did not come to its end."""


def number(word):
    return None if word == "-" else int(word)


def read_output(lines):
    """From `== begin census` to `== end census`."""
    if "== begin census" not in lines or "== end census" not in lines:
        raise Broken("\n".join(["the program did not come to its end; the last lines:"] + lines[-15:]))
    isa, sweeps, stats, counter_reads, base, now = "", {}, {}, 0, {}, None
    for line in lines:
        words = line.split(" ")
        if words[0] == "isa":
            isa = words[1]
        elif words[0] == "m" and len(words) >= 3:
            mode, gate = words[1], " ".join(words[2:])
            now = sweeps[mode, gate] = dict(base.get(mode, {}))
            base.setdefault(mode, now)
        elif words[0] == "r" and now is not None:
            first, last = map(int, words[2].split("-"))
            outcome = Outcome(number(words[3]), words[4], words[5], int(words[6], 16), number(words[7]), int(words[8]))
            for n in range(first, last + 1):
                now[int(words[1]), n] = outcome
        elif words[0] == "c" and len(words) == 2:
            counter_reads = int(words[1])
        elif re.fullmatch(r"stat \S+ \S+ \d+", line):
            stats[words[2]] = int(words[3])
    return Output(isa, sweeps, stats, counter_reads)


def census(emulator, program, *arguments, tree=ROOT, cpu=None):
    lines, _ = launch(emulator, ROOT / "build" / "guest" / ("census-%s.elf" % program), *arguments, tree=tree, cpu=cpu)
    return read_output(lines)
