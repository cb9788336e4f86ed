#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Which reads of device registers are no exit, by the VM's own counters."""

import pathlib
import re
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import machines  # noqa: E402

TAP = machines.Tap()
GUEST = machines.ROOT / "build" / "guest" / "idle-claims.elf"
READS = 3000    # of the guest, of registers that are shown
ROUNDS = 207    # each claims, completes, and finds nothing more to claim


def counters(qemu):
    command = [str(machines.ROOT / "doppel"), "run", "--qemu", qemu, "--kernel", str(GUEST), "--cpus", "2",
               "--stats", "--timeout", str(machines.TIMEOUT)]
    run = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    text = run.stdout.decode(errors="replace").replace("\r", "")
    return {name: int(n) for name, n in re.findall(r"^stat \S+ (\S+) (\d+)$", text, re.M)}, text


for path, label in machines.emulators():
    stats, said = counters(path)
    exits = stats.get("mmio.plic", -1)
    # A round has two exits; one that polls may have a third, if it sees the page go while it reads.
    TAP.ok(2 * ROUNDS <= exits < 4 * ROUNDS,
           "%d reads of idle registers are no exits, %s" % (READS, label), "mmio.plic %d\n%s" % (exits, said[-1500:]))
TAP.done()
