#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What one VM does must not stop another, although they share a hart."""

import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import machines  # noqa: E402

TAP = machines.Tap()


def powered_off(name):
    return "^doppel: vm %s: powered off" % name


def test_spinning(qemu, label):
    """
    A VM that never waits: one that has not run yet gets its turn, and ends first. With --icount, so
    that time is what the machine has done.
    """
    run = machines.Run(
        qemu, [("spinner", "spin", "32M", ""), ("newcomer", "brief", "32M", "")],
        "--icount")
    TAP.ok(run.status == 0 and run.in_order(powered_off("newcomer"), powered_off("spinner")),
           "a VM runs beside one that spins, " + label, run.tail)


def test_rebooting(qemu, label):
    """
    A VM with much memory that reboots again and again: the ticks of the other come in time. With
    --icount, so that time is what the machine has done.
    """
    run = machines.Run(
        qemu, [("clock", "ticks", "32M", ""), ("restless", "reboot", "512M", "")], "--icount")
    late = run.number(r"^\[clock\] 400 ticks, the latest (\d+) ms late")
    TAP.ok(run.status == 0 and run.at(r"^\[restless\] booted 31 times") >= 0 and run.at(powered_off("clock")) >= 0,
           "a VM with a clock beside one that reboots, " + label, run.tail)
    TAP.ok(0 <= late <= 15, "no tick comes late, " + label, "%d ms\n%s" % (late, run.tail))


for path, name in machines.emulators():
    test_spinning(path, name)
    test_rebooting(path, name)
TAP.done()
