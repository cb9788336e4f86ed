#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Whatever an attacker does on the only hart, and with how many vCPUs, the victim has at least its
share of it. With --icount, so that time is what the hart has done. With names of attacks as
arguments, only those are made.
"""

import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import beside  # noqa: E402

TAP = beside.Tap()
ATTACK_MS = 400
SLICE_MS = 100
WINDOW = 3              # slices over which the share is taken: an attack lasts four
BOOT_MS = 3000
ALONE_MS = 500          # at the end, when there is no attacker any more
SHARE = 0.5 * 0.9       # two VMs of equal weight, and 10 % for what it costs to have two
LATE_US = 30000         # the latest that a sleep of the victim may end


def shares(slices, alone):
    """What the victim did in each window, as a part of what it does alone."""
    work = [s[2] for s in slices]
    return [sum(work[i:i + WINDOW]) / WINDOW / alone for i in range(len(work) - WINDOW + 1)]


def test_share(qemu, label, roles):
    end = BOOT_MS + 100 + (ATTACK_MS + 100) * len(roles) + ALONE_MS
    run = beside.Run(
        qemu, "attack=%s ms=%d after=%d" % (",".join(roles), ATTACK_MS, BOOT_MS), "--icount",
        consoles="focus",  # with --icount the emulator's serial port takes very long
        # not 4: hart 3's endless faults execute no instruction, and so take no time (traps.c)
        vcpus=(1, 3),
        words="selfcheck.start=%d selfcheck.end=%d selfcheck.slice=%d" % (BOOT_MS, end, SLICE_MS))
    TAP.ok(not run.complaints and not run.findings, "the victim is well, " + label,
           "\n".join(run.complaints + run.findings) + "\n" + run.tail)
    slices = run.slices
    alone = max((s[2] for s in slices[-WINDOW:]), default=0)
    got = shares(slices, alone) if alone else [0]
    TAP.ok(min(got) >= SHARE, "it has its share of the hart, " + label,
           "at (ms), part of what it does alone:\n" +
           "\n".join("%d %.3f" % (s[1], share) for s, share in zip(slices, got)))
    late = max((s[4] for s in slices), default=-1)
    TAP.ok(0 <= late <= LATE_US, "it wakes up in time, " + label, "%d us late" % late)


CHOSEN = sys.argv[1:] or beside.ROLES
for path, name in beside.emulators():
    test_share(path, name, CHOSEN)
TAP.done()
