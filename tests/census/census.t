#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
The census of sensitive instructions on each emulator: complete, the same each time, no hole in Doppel, the guest's
machine equal to the real one; and planted holes are seen. Names of mutants are in mutants.py.
"""

import concurrent.futures
import csv
import pathlib
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import equivalence  # noqa: E402
import judge  # noqa: E402
import machine  # noqa: E402
import mutants  # noqa: E402
import operations  # noqa: E402

LEAST_ROWS = 150
DOCUMENT = machine.ROOT / "docs" / "popek-goldberg.md"
# In a document: `WAY MODE GATE: ITEM`, as in `gates VS open: csrr sstatus`.
REFERENCE = re.compile(r"`((?:native|doppel|gates|classic) [^`:]+: [^`]+)`")
VERDICTS = {judge.SPECIFIED, judge.DEVIATES, judge.DOPPEL}

failed = 0
number = 0


def ok(good, what, why=""):
    global failed, number
    number += 1
    failed += not good
    print("%s %d - %s" % ("ok" if good else "not ok", number, what))
    for line in () if good else str(why).splitlines()[-30:]:
        print("#   " + line[:200])
    sys.stdout.flush()


def run(directory, *arguments):
    done = subprocess.run([str(HERE / "run"), "--out", str(directory), *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout, done.returncode


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def check_rows(rows, label):
    wrong = [row for row in rows if row["verdict"] not in VERDICTS or not row["demanded"] or not row["observed"]]
    ok(len(rows) >= LEAST_ROWS and not wrong, "%s: %d rows, each with a verdict" % (label, len(rows)), wrong[:5])
    holes = [row for row in rows if row["verdict"] == judge.DOPPEL]
    ok(not holes, label + ": no hole in Doppel", holes[:5])
    unknown = [row for row in rows if row["verdict"] == judge.DEVIATES and not row["note"]]
    ok(not unknown, label + ": every deviation of the emulator has its name", "\n".join(map(str, unknown[:5])))
    modes = {(row["way"], row["mode"]) for row in rows}
    wanted = {("native", "S"), ("native", "U"), ("doppel", "VS"), ("doppel", "VU"), ("gates", "HS"), ("gates", "U"),
              ("gates", "VS"), ("gates", "VU"), ("classic", "U"), ("classic", "S in U"), ("classic", "U in U")}
    ok(wanted <= modes, label + ": all ways and modes", wanted - modes)


def check_equivalence(rows, label):
    differing = [row for row in rows if row["verdict"] == equivalence.DIFFERS]
    ok(len(rows) > LEAST_ROWS and not differing, label + ": a guest observes what the machine shows", differing[:5])
    justified = {row["item"] for row in rows if row["verdict"] == equivalence.JUSTIFIED}
    ok(len(justified) <= 10, "%s: but for %d items, which are justified" % (label, len(justified)), justified)


def check_operations(rows, emulator):
    totals = {(row["engine"], row["operation"]): row for row in rows
              if row["emulator"] == emulator and not row["detail"]}

    def exits(engine, operation):
        row = totals.get((engine, operation))
        return int(row["exits"]) / int(row["count"]) if row else None

    operations = {operation for _, operation in totals}
    ok({"syscall", "context-switch", "pte-update", "page-fault", "timer-tick", "timer-tick-sstc", "device-read",
        "hypercall"} == operations, emulator + ": all operations", operations)
    ok(all(exits("riscv-bare", operation) == 0 for operation in operations), emulator + ": the machine itself never exits")
    without = ("syscall", "context-switch", "pte-update", "page-fault", "timer-tick-sstc")
    got = {operation: exits("riscv-h", operation) for operation in operations}
    ok(all(got.get(operation, 1) < 0.01 for operation in without), emulator + ": with H, no exits where none are needed", got)
    ok(1 <= got.get("device-read", 0) < 1.01 and 1 <= got.get("hypercall", 0) < 1.01,
       emulator + ": with H, one exit for each access to a device and each call", got)
    got = {operation: exits("riscv-classic", operation) for operation in operations}
    ok(all(got.get(operation) and got[operation] >= 1 for operation in operations) and got["syscall"] >= 4,
       emulator + ": without H everything exits", got)


def check_again(rows, emulator):
    """Some operations once more."""
    name = "qemu-%d" % emulator.major
    again = [*operations.rows_at_once(operations.run_at_once(emulator, operations.KERNEL), name, "riscv-bare"),
             *operations.measure_guest(emulator, name, ["page-fault", "device-read"])]
    known = {tuple(row.values()) for row in rows}
    new = [row for row in again if tuple(map(str, row)) not in known]
    ok(again and not new, name + ": operations take the same exits and instructions again", new)


def check_sequences(rows, emulator):
    """A system call without H: to the monitor first, which hands it to the kernel, whose way back traps too."""
    calls = [(row["mode"], row["cause"], row["instruction"], row["action"]) for row in rows
             if (row["emulator"], row["operation"]) == (emulator, "syscall")]
    first = calls.index(("user program", "ecall-u", "ecall", "reflected to the guest kernel"))
    last = calls.index(("guest kernel", "illegal-instruction", "sret", "emulated"), first)
    ok(all(mode == "guest kernel" for mode, *_ in calls[first + 1:last]),
       "%s: the %d exits of one system call without H, in their order" % (emulator, last - first + 1), calls)


def check_references(rows):
    known = {"%s %s %s: %s" % (row["way"], row["mode"], row["gate"], row["item"]) for row in rows}
    named = REFERENCE.findall(DOCUMENT.read_text(encoding="utf-8"))
    missing = [name for name in named if name not in known]
    return named, missing


def main():
    paths = machine.emulators()
    references = []
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        text, status = run(first, *(word for path in paths for word in ("--qemu", path)))
        ok(status == 0, "the census runs", text)
        if status:
            print("1..%d" % number)
            return 1
        run(second, "--no-operations", *(word for path in paths for word in ("--qemu", path)))
        files = sorted(path.name for path in pathlib.Path(second).iterdir())
        differing = [name for name in files
                     if pathlib.Path(first, name).read_bytes() != pathlib.Path(second, name).read_bytes()]
        ok(len(files) == 2 * len(paths) + 1 and not differing, "the same bytes twice: " + " ".join(files), differing)
        counted = read(pathlib.Path(first, "operations-riscv.csv"))
        check_again(counted, machine.Emulator(paths[0]))
        for path in paths:
            major = machine.Emulator(path).major
            rows = read(pathlib.Path(first, "census-%d.csv" % major))
            check_rows(rows, "qemu-%d" % major)
            check_equivalence(read(pathlib.Path(first, "equivalence-%d.csv" % major)), "qemu-%d" % major)
            check_operations(counted, "qemu-%d" % major)
            check_sequences(read(pathlib.Path(first, "sequence-classic.csv")), "qemu-%d" % major)
            references.append(check_references(rows))
    # A row may be there on one emulator alone: that of a CPU's extension, say.
    missing = set.intersection(*(set(lost) for _, lost in references))
    ok(references[0][0] and not missing, "docs/popek-goldberg.md: its %d references are rows" % len(references[0][0]), missing)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = pool.map(lambda mutant: mutants.try_one(mutant, paths[0]), mutants.MUTANTS)
        for mutant, wrong in zip(mutants.MUTANTS, results):
            ok(wrong is None, "seen: " + mutant.name, wrong or "")
    print("1..%d" % number)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
