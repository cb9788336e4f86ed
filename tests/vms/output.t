#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A terminal that does not read for some seconds: nothing is lost, and nobody else waits for it."""

import pathlib
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import machines  # noqa: E402

TAP = machines.Tap()
LINES = 5000        # of about 40 bytes: more than all the pipes on the way hold
PAUSE = 3           # seconds
LATE = 200          # ms of the machine's time: who waits for the reader is later than this

UART_LINES = ["%04d %016x abcdefghijklmnopqrst" % (i, i * 0x9E3779B97F4A7C15 % (1 << 64))
              for i in range(LINES)]
DBCN_LINES = ["%04d the same line through the debug console" % i for i in range(LINES)]


def difference(want, got):
    for i, (a, b) in enumerate(zip(want, got)):
        if a != b:
            return "line %d is %r, expected %r" % (i, b, a)
    return "%d lines, expected %d" % (len(got), len(want))


def test_all_arrives(qemu, label, role, want):
    run = machines.Run(qemu, [("writer", role, "32M", "")], pause=PAUSE)
    got = re.findall(r"^\d{4} .*$", run.text, re.M)
    TAP.ok(run.status == 0 and got == want, "%s: all of it arrives, %s" % (role, label),
           difference(want, got) + "\n" + run.tail)


def test_neighbour(qemu, label):
    """
    The ticks of another VM on the same hart go on during the pause. With --icount, so that time is
    what the machine has done.
    """
    run = machines.Run(
        qemu, [("writer", "dbcn", "32M", ""), ("clock", "ticks", "32M", "")],
        "--icount", pause=PAUSE)
    late = run.number(r"400 ticks, the latest (\d+) ms late")
    TAP.ok(run.status == 0 and 0 <= late < LATE,
           "another VM does not wait, " + label, "%d ms\n%s" % (late, run.tail))


for path, name in machines.emulators():
    test_all_arrives(path, name, "print", UART_LINES)
    test_all_arrives(path, name, "dbcn", DBCN_LINES)
    test_neighbour(path, name)
TAP.done()
