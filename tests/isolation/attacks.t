#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
A hostile guest beside a Linux guest that checks itself: nothing of what it does is noticed there.
With names of attacks as arguments, only those are made; what stands behind -- is for ./doppel run.
"""

import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import beside  # noqa: E402

TAP = beside.Tap()
ATTACK_MS = 1000
BOOT_MS = (4000, 12000)  # what the victim has to boot, and more for a busy test machine
BETWEEN_MS = 400        # what the end of an attack and the reboot behind it take, on a busy machine
REST_MS = 1500          # in peace
LATER_MS = 1500         # the victim's clock begins when its kernel does
TICKS_A_SECOND = 50     # the victim's kernel has 250, and at least a third of a hart
STALL_MS = 900          # the victim's lines come every 250 ms
TYPED = b"typed to one who does not read\n" * 3000   # 90 KiB: more than fits anywhere on the way


def check_victim(run, label, until=None):
    """until: ms of the victim's clock; what comes later may keep it waiting."""
    TAP.ok(not run.complaints, "the victim is well, " + label,
           "\n".join(run.complaints) + "\n" + run.tail)
    slices = run.slices
    ticks = slices[-1][3] - slices[0][3] if slices else 0
    span = slices[-1][1] - slices[0][1] if slices else 1
    TAP.ok(ticks * 1000 > TICKS_A_SECOND * span, "its ticks arrive, " + label,
           "%d in %d ms" % (ticks, span))
    times = [s[1] for s in slices]
    if until:
        times = [time for time in times if time < until] + [until]
    stall = max((b - a for a, b in zip(times, times[1:])), default=-1)
    TAP.ok(0 <= stall < STALL_MS and times[0] < BOOT_MS[-1], "it is never kept waiting, " + label,
           "begins at %s ms, %d ms between two lines" % (times[:1], stall))


def check_attacker(run, roles, label):
    TAP.ok(not run.findings, "the attacker found nothing, " + label, "\n".join(run.findings))
    for role in roles:
        TAP.ok(run.operations(role) > 0, "%s was attempted to its end, %s" % (role, label), run.tail)
    TAP.ok(run.in_order("doppel: vm attacker: powered off", "doppel: vm victim: powered off"),
           "the victim saw all of it, " + label, run.tail)


def attack(qemu, roles, *args, late=False, **more):
    """
    A run in which the victim was there before the attacks began. That may take a second try.
    late: whoever reads the terminal does not, until most of the attacks are over.
    """
    for boot in BOOT_MS:
        end = boot + len(roles) * (ATTACK_MS + BETWEEN_MS) + REST_MS
        run = beside.Run(
            qemu, "attack=%s ms=%d after=%d" % (",".join(roles), ATTACK_MS, boot), *args, *MORE,
            words="selfcheck.end=%d" % end,
            pause=(boot + len(roles) * ATTACK_MS) / 1000 if late else 0, **more)
        run.attack_ends = boot + len(roles) * ATTACK_MS - LATER_MS
        if run.slices and run.slices[0][1] < boot:
            break
    return run


def test_attacks(qemu, label, roles):
    """One after another, with more vCPUs than there are harts."""
    run = attack(qemu, roles, "--host-cpus", "2")
    check_victim(run, label)
    check_attacker(run, roles, label)


def test_terminal(qemu, label, roles):
    """
    The attacker has the terminal, prints, and never reads what is typed; nor does the user read
    what it prints. One hart for all.
    """
    label = "the attacker at the terminal, " + label
    run = attack(qemu, roles, "--host-cpus", "1", vcpus=(1, 2), attacker_first=True, typed=TYPED,
                 late=True)
    # When the attacker is gone, what was typed for it is the victim's to read, and takes its time.
    check_victim(run, label, run.attack_ends)
    check_attacker(run, roles, label)


AT = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
CHOSEN, MORE = sys.argv[1:AT] or beside.ROLES, sys.argv[AT + 1:]
for path, name in beside.emulators():
    test_attacks(path, name, CHOSEN)
    if {"console", "fill"} & set(CHOSEN):
        test_terminal(path, name, [role for role in ("console", "fill") if role in CHOSEN])
TAP.done()
