#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
A hostile guest beside a Linux guest that checks itself: nothing of what it does is noticed there.
With names of attacks as arguments, only those are made; what stands behind -- is for ./doppel run.

In real time, so that harts do meet. Nothing here depends on how long anything takes: share.t tells
whether the victim is kept waiting.
"""

import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import beside  # noqa: E402

TAP = beside.Tap()
ATTACK_MS = 1000
# The attacks begin when the victim is there, and it ends when they are over.
SCRIPT = ["pause attacker", 'wait victim output "selfcheck: line 1 " 300', "resume attacker",
          "wait attacker off 300", "send victim end"]
BOOT_MS = 4000          # what the victim has to boot, where there is no script
TERMINAL_MS = 3000      # of an attack at the terminal: what it prints is more than a console holds
TYPED = b"typed to one who does not read\n" * 3000   # 90 KiB: more than fits anywhere on the way


def check(run, roles, label):
    TAP.ok(not run.complaints, "the victim is well, " + label,
           "\n".join(run.complaints) + "\n" + run.tail)
    TAP.ok(not run.findings, "the attacker found nothing, " + label, "\n".join(run.findings))
    for role in roles:
        TAP.ok(run.operations(role) > 0, "%s was attempted to its end, %s" % (role, label), run.tail)
    TAP.ok(run.victim_saw_all, "the victim saw all of it, " + label, run.tail)


def attack(roles, ms, after=0):
    return "attack=%s ms=%d after=%d" % (",".join(roles), ms, after)


def test_attacks(qemu, label, roles):
    """One after another, with more vCPUs than there are harts."""
    run = beside.Run(qemu, attack(roles, ATTACK_MS), "--host-cpus", "2", *MORE, script=SCRIPT)
    check(run, roles, label)


def test_terminal(qemu, label, roles):
    """
    The attacker has the terminal, prints, and never reads what is typed; nor does the user read
    what it prints, until most of the attacks are over. One hart for all. When the attacker is gone,
    what was typed for it reaches the victim, and ends it.
    """
    run = beside.Run(qemu, attack(roles, TERMINAL_MS, BOOT_MS), "--host-cpus", "1", *MORE,
                     vcpus=(1, 2), attacker_first=True, typed=TYPED,
                     pause=(BOOT_MS + len(roles) * TERMINAL_MS) / 1000)
    check(run, roles, "the attacker at the terminal, " + label)


AT = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
CHOSEN, MORE = sys.argv[1:AT] or beside.ROLES, sys.argv[AT + 1:]
for path, name in beside.emulators():
    test_attacks(path, name, CHOSEN)
    if {"console", "fill"} & set(CHOSEN):
        test_terminal(path, name, [role for role in ("console", "fill") if role in CHOSEN])
TAP.done()
