#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""examples/eight-linux.dts: all eight reach userland and power off; no line is lost or mixed."""

import pathlib
import re
import subprocess
import sys

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lib"))

import linux  # noqa: E402

TAP = linux.Tap()
NAMES = ["ada", "barbara", "edsger", "gerald", "grace", "ken", "melinda", "robert"]
TIMEOUT = 600  # seconds; only a hang takes so long


def run(qemu):
    """The exit status, and the lines since Doppel has the machine."""
    command = [ROOT / "doppel", "run", ROOT / "examples" / "eight-linux.dts", "--qemu", qemu,
               "--consoles", "all", "--host-cpus", "2", "--timeout", str(TIMEOUT)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    text = done.stdout.decode(errors="replace").replace("\r", "")
    return done.returncode, text[max(text.find("doppel: Doppel on "), 0):].splitlines()


def shape(line):
    """What is the same in all eight: the line without its numbers."""
    return re.sub(r"\s+", " ", re.sub(r"\b[0-9a-f]{8}\b|\d+(\.\d+)?", "#", line))


def told(lines, name):
    """What the VM's doppel.run=info says, as shapes."""
    mine = linux.lines_of("\n".join(lines), name)
    if mine.count("doppel-info: begin") != 1 or mine.count("doppel-info: end") != 1:
        return []
    return [shape(x) for x in mine[mine.index("doppel-info: begin"):mine.index("doppel-info: end")]]


def test(qemu, label):
    status, lines = run(qemu)
    tail = "status %d, the last lines:\n%s" % (status, "\n".join(lines[-12:]))
    reached = sum("[%s] doppel-init: userland reached" % name in lines for name in NAMES)
    TAP.ok(reached == len(NAMES), "eight Linux guests reach userland, " + label, tail)
    off = sum("doppel: vm %s: powered off" % name in lines for name in NAMES)
    TAP.ok(status == 0 and off == len(NAMES), "all of them power off, " + label, tail)
    stray = [line for line in lines
             if not re.match(r"doppel: |\[(%s)\] " % "|".join(NAMES), line)]
    TAP.ok(not stray, "each line tells whose it is, " + label, "\n".join(stray[:12]))
    blocks = [told(lines, name) for name in NAMES]
    different = [name for name, block in zip(NAMES, blocks) if block != blocks[0]]
    TAP.ok(len(blocks[0]) > 20 and not different, "no line is lost or mixed, " + label,
           "%d lines; different: %s" % (len(blocks[0]), different))


for path, name in linux.emulators():
    test(path, name)
TAP.done()
