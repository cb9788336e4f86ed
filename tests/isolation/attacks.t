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
BOOT_MS = 3000          # the victim needs less, unless the test machine is busy: no harm then
BETWEEN_MS = 400        # what the end of an attack and the reboot behind it take, on a busy machine
REST_MS = 1500          # in peace
TICKS_A_SECOND = 50     # the victim's kernel has 250, and at least a third of a hart
TYPED = b"typed to one who does not read\n" * 3000   # 90 KiB: more than fits anywhere on the way


def check_victim(run, label):
    TAP.ok(not run.complaints, "the victim is well, " + label,
           "\n".join(run.complaints) + "\n" + run.tail)
    slices = run.slices
    ticks = slices[-1][3] - slices[0][3] if slices else 0
    span = slices[-1][1] - slices[0][1] if slices else 1
    TAP.ok(ticks * 1000 > TICKS_A_SECOND * span, "its ticks arrive, " + label,
           "%d in %d ms" % (ticks, span))


def check_attacker(run, roles, label):
    TAP.ok(not run.findings, "the attacker found nothing, " + label, "\n".join(run.findings))
    for role in roles:
        TAP.ok(run.operations(role) > 0, "%s was attempted to its end, %s" % (role, label), run.tail)
    TAP.ok(run.in_order("doppel: vm attacker: powered off", "doppel: vm victim: powered off"),
           "the victim saw all of it, " + label, run.tail)


def test_attacks(qemu, label, roles):
    """One after another, with two vCPUs more than there are harts."""
    end = BOOT_MS + len(roles) * (ATTACK_MS + BETWEEN_MS) + REST_MS
    run = beside.Run(
        qemu, "attack=%s ms=%d after=%d" % (",".join(roles), ATTACK_MS, BOOT_MS),
        "--host-cpus", "2", *MORE, words="selfcheck.end=%d" % end)
    check_victim(run, label)
    check_attacker(run, roles, label)


def test_terminal(qemu, label, roles):
    """The attacker has the terminal, prints, and never reads what is typed. One hart for all."""
    label = "the attacker at the terminal, " + label
    end = BOOT_MS + len(roles) * (ATTACK_MS + BETWEEN_MS) + REST_MS
    run = beside.Run(
        qemu, "attack=%s ms=%d after=%d" % (",".join(roles), ATTACK_MS, BOOT_MS),
        "--host-cpus", "1", *MORE, words="selfcheck.end=%d" % end, vcpus=(1, 2),
        attacker_first=True, typed=TYPED)
    check_victim(run, label)
    check_attacker(run, roles, label)


AT = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
CHOSEN, MORE = sys.argv[1:AT] or beside.ROLES, sys.argv[AT + 1:]
for path, name in beside.emulators():
    test_attacks(path, name, CHOSEN)
    if {"console", "fill"} & set(CHOSEN):
        test_terminal(path, name, [role for role in ("console", "fill") if role in CHOSEN])
TAP.done()
