#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
64 VMs at once on two harts: the RAM of each keeps what it wrote until all have written, its timer's
ticks all arrive, its lines come whole; and what the hypervisor takes for each of them.
"""

import pathlib
import re
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import machines  # noqa: E402

TAP = machines.Tap()
VMS = 64
# Each VM is told to go on when all have filled their RAM, and have slept for a while.
SCRIPT = "".join(["wait vm%d output filled 300\n" % n for n in range(VMS)] + ["sleep 1\n"] +
                 ["send vm%d go\n" % n for n in range(VMS)])
LIMIT = 128 << 10   # bytes beyond its RAM for an idle VM
FILLED = re.compile(r"^(\d+) check (\d+): filled (\d+) KiB$")
CHECKED = re.compile(r"^(\d+) check (\d+): (\d+) words are wrong, (\d+) ticks of (\d+) came$")
OFF = re.compile(r"^doppel: vm vm(\d+): powered off$")


def run_many(qemu, count, role, *args):
    return machines.Run(
        qemu, [("vm%d" % n, role.format(n), "8M", "") for n in range(count)],
        "--consoles", "all", "--stats", "--host-cpus", "2", *args)


def matches(lines, pattern):
    return [tuple(map(int, found.groups())) for found in map(pattern.match, lines) if found]


def whole(found):
    """One line of each VM, and each says that it is of this VM."""
    return sorted(f[0] for f in found) == list(range(VMS)) and all(f[0] == f[1] for f in found)


def test_checks(qemu, label):
    with tempfile.NamedTemporaryFile("w", suffix=".script") as script:
        script.write(SCRIPT)
        script.flush()
        run = run_many(qemu, VMS, "check name={}", "--script", script.name)
    lines = ["%d %s" % (n, line) for n in range(VMS)
             for line in machines.lines_of(run.text, "vm%d" % n)]
    filled, checked = (matches(lines, p) for p in (FILLED, CHECKED))
    off = matches(run.text.splitlines(), OFF)
    TAP.ok(run.status == 0 and sorted(off) == [(n,) for n in range(VMS)],
           "%d VMs end by themselves, %s" % (VMS, label), run.tail)
    TAP.ok(whole(filled) and whole(checked), "each says what it has to say, in whole lines, " + label,
           "%d and %d lines; %s" % (len(filled), len(checked), run.tail))
    TAP.ok(checked and all(wrong == 0 for _, _, wrong, _, _ in checked) and
           all(kib > 4096 for _, _, kib in filled), "RAM keeps what was written, " + label, checked)
    TAP.ok(checked and all(came == due and due > 0 for *_, came, due in checked),
           "all ticks of the timer arrive, " + label, checked)


def pages(run):
    return run.number(r"^stat doppel memory\.pages-used (\d+)")


def test_memory(qemu, label, *args):
    args += ("--host-memory", "2G")  # for both: its map takes pages too
    run, one = (run_many(qemu, count, "idle span=1000", *args) for count in (VMS, 1))
    told = [int(n) for n in re.findall(r"^stat vm\d+ memory\.hypervisor-bytes (\d+)", run.text, re.M)]
    print("# memory of an idle VM beyond its RAM: %s bytes" % sorted(set(told)))
    TAP.ok(run.status == 0 and len(told) == VMS and max(told) <= LIMIT,
           "an idle VM takes at most %d KiB, %s" % (LIMIT >> 10, label), run.tail)
    took = (pages(run) - pages(one)) * 4096
    TAP.ok(one.status == 0 and took == sum(told[1:]), "that is all that it takes, " + label,
           "%d bytes, but %d are told; %s" % (took, sum(told[1:]), one.tail))


for path, name in machines.emulators():
    test_checks(path, name)
    test_memory(path, name)
    test_memory(path, name + ", with vectors", "--cpu", "rv64,v=true")
TAP.done()
