#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What the hypervisor tells when it has a bug: the word test-panic plants one."""

import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import machines  # noqa: E402

TAP = machines.Tap()


def test_panic(qemu, label):
    """
    A store to where nothing is mapped, on the boot hart, while the other runs a guest. Which hart
    boots is the firmware's choice.
    """
    run = machines.Run(
        qemu, [("clock", "ticks", "32M", "")], "--host-cpus", "2", "--cpu", "rv64,sstc=off", "--",
        "-append", "test-panic")
    TAP.ok(run.status == 1, "a panic ends the machine with status 1, " + label, run.tail)
    TAP.ok(run.in_order(r"^ +ra [0-9a-f]{16}", r"^doppel: PANIC on hart 0: unexpected trap: store-page-fault"),
           "it shows the registers and the trap, " + label, run.tail)
    TAP.ok(run.in_order(r"the last exits of each hart", r"hart [01] vm 0.0 time \d+ pc [0-9a-f]{16} ecall-vs"),
           "it shows the last exits, " + label, run.tail)


for path, name in machines.emulators():
    test_panic(path, name)
TAP.done()
