#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Whatever an attacker does on the only hart, and with how many vCPUs, the victim has at least its
share of it. With --icount, so that time is what the hart has done. With names of attacks as
arguments, only those are made; what stands behind -- is for ./doppel run.
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
TICKS_A_SECOND = 50     # the victim's kernel has 250, and at least 0.45 of a hart
TYPED = b"typed to one who does not read\n" * 3000   # 90 KiB: more than fits anywhere on the way
PAUSE = 10              # seconds: most of such a run


def run_beside(qemu, roles, vcpus, words="", **more):
    return beside.Run(
        qemu, "attack=%s ms=%d after=%d" % (",".join(roles), ATTACK_MS, BOOT_MS), "--icount", *MORE,
        words="selfcheck.start=%d selfcheck.slice=%d %s" % (BOOT_MS, SLICE_MS, words),
        vcpus=vcpus, **more)


def check(run, slices, alone, label):
    """Slices of the victim, most of them beside the attacks; alone: the work of one in peace."""
    TAP.ok(not run.complaints and not run.findings and run.victim_saw_all,
           "the victim is well, and saw all of it, " + label,
           "\n".join(run.complaints + run.findings) + "\n" + run.tail)
    windows = list(zip(*(slices[i:] for i in range(WINDOW))))
    shares = [sum(s[2] for s in window) / WINDOW / alone for window in windows] if alone else []
    TAP.ok(shares and min(shares) >= SHARE, "it has its share of the hart, " + label,
           "at (ms), part of what it does alone:\n" +
           "\n".join("%d %.3f" % (s[1], share) for s, share in zip(slices, shares)))
    rates = [(b[3] - a[3]) * 1000 / (b[1] - a[1]) for a, b in zip(slices, slices[1:])]
    TAP.ok(rates and min(rates) >= TICKS_A_SECOND, "its ticks arrive, " + label,
           " ".join("%.0f" % rate for rate in rates))
    late = max((s[4] for s in slices), default=-1)
    TAP.ok(0 <= late <= LATE_US, "it wakes up in time, " + label, "%d us late" % late)


def test_share(qemu, label, roles):
    """Returns the work of the victim in a slice of peace."""
    end = BOOT_MS + 100 + (ATTACK_MS + 100) * len(roles) + ALONE_MS
    # not 4 vCPUs: hart 3's endless faults execute no instruction, and so take no time (traps.c)
    run = run_beside(qemu, roles, (1, 3), "selfcheck.end=%d" % end,
                     consoles="focus")  # with --icount the emulator's serial port takes very long
    alone = max((s[2] for s in run.slices[-WINDOW:]), default=0)
    check(run, run.slices, alone, label)
    return alone


def test_terminal(qemu, label, roles, alone):
    """
    The attacker has the terminal, prints, and never reads what is typed; nor does the user read
    what it prints. When the attacker is gone, what was typed for it ends the victim.
    """
    run = run_beside(qemu, roles, (1, 2), attacker_first=True, typed=TYPED, pause=PAUSE)
    check(run, [s for s in run.slices if s[1] + SLICE_MS < BOOT_MS + len(roles) * ATTACK_MS], alone,
          "the attacker at the terminal, " + label)


AT = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
CHOSEN, MORE = sys.argv[1:AT] or beside.ROLES, sys.argv[AT + 1:]
for path, name in beside.emulators():
    peace = test_share(path, name, CHOSEN)
    if {"console", "fill"} & set(CHOSEN):
        test_terminal(path, name, [role for role in ("console", "fill") if role in CHOSEN], peace)
TAP.done()
