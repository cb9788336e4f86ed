#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# The comparison with x86: what the programs observe against the manuals, exits and instructions of
# operations, and whether the comparison notices what is wrong.

import csv
import functools
import importlib.machinery
import importlib.util
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "launcher" / "lib"), str(ROOT / "compare" / "x86")]
import tap  # noqa: E402
import items  # noqa: E402
import judge  # noqa: E402
import runs  # noqa: E402

# Of the list of 17, what does not trap at CPL 3. INT n does: into the kernel, or by #GP.
HOLES = ["SGDT", "SIDT", "SLDT", "SMSW", "PUSHF", "POPF", "LAR", "LSL", "VERR/VERW", "POP", "PUSH",
         "CALL", "JMP", "RET", "STR", "MOV"]
# Those that no kernel can close: Linux may close the others by UMIP.
HOLES_OF_LINUX = ["PUSHF", "POPF", "LAR", "LSL", "VERR/VERW", "POP", "PUSH", "CALL", "JMP", "RET",
                  "MOV"]
ONLY_64 = {"mov_from_cr8", "mov_to_cr8", "swapgs", "sysret", "rdfsbase"}
ONLY_32 = {"sysexit"}
CLOSED = {"sgdt", "sidt", "sldt", "smsw", "str", "rdtsc", "rdtscp"}
OPENED = ["popf_if", "iret_if", "cli", "sti", "in", "out"]

bare = functools.cache(runs.run_bare)
svm = functools.cache(runs.run_svm)
WIDE = ("qemu-system-x86_64", 64)


def all_bare_rows():
    return [row for where, bits in runs.BARE for row in judge.rows_bare(where, bare(where, bits))]


def all_svm_rows():
    return [row for where, bits in runs.SVM for row in judge.rows_svm(where, svm(where, bits))]


def unexplained(rows):
    """Rows that deviate from the manuals, and not in the way that the emulator is known to."""
    return [row for row in rows if judge.deviates(row) and not judge.known_deviation(row)]


def test_complete():
    """each instruction of the list is run at both levels, in both widths, everywhere"""
    for run, bits in [(bare(*each), each[1]) for each in runs.BARE] + [
            (svm(*each), each[1]) for each in runs.SVM]:
        wanted = [item.name for item in items.ITEMS
                  if item.name not in (ONLY_32 if bits == 64 else ONLY_64)]
        for mode, names in (("cpl0-%d", wanted), ("cpl3-%d", wanted), ("cpl3-%d-closed", wanted),
                            ("cpl3-%d-iopl3", OPENED)):
            mode %= bits
            tap.same((mode, sorted(p.item for p in run.probes if p.mode == mode)),
                     (mode, sorted(names)))


def test_list_of_17():
    """the list has 17 instructions, each with a use of it that is run"""
    tap.same(len(set(items.CLASSIC.values())), 17)
    tap.same(set(items.CLASSIC) <= set(items.BY_NAME), True)


def test_bare_manual():
    """bare machines do what the manuals say, but for what QEMU is known to do otherwise"""
    tap.same(unexplained(all_bare_rows()), [])


def test_bare_holes():
    """at CPL 3, 16 of the 17 do not trap; all privileged instructions do"""
    for where, bits in runs.BARE:
        rows = [row for row in judge.rows_bare(where, bare(where, bits))
                if row.mode == "cpl3-%d" % bits]
        tap.same(judge.classic_holes(rows), HOLES)
        others = [row.item for row in rows if judge.is_hole(row) and
                  row.item not in items.CLASSIC and not judge.known_deviation(row)]
        tap.same(others, ["iret_if", "rdtsc", "rdtscp", "xgetbv"] +
                 (["rdfsbase"] if bits == 64 else []))


def test_bare_closed():
    """CR4.UMIP and CR4.TSD close seven of the holes, IOPL 3 opens others"""
    rows = all_bare_rows()
    for bits in (32, 64):
        found = [{row.item for row in rows if judge.is_hole(row) and row.mode == mode}
                 for mode in ("cpl3-%d" % bits, "cpl3-%d-closed" % bits)]
        tap.same(found[0] - found[1], CLOSED)
        tap.same(found[1] - found[0], set())
    tap.same(judge.holes([row for row in rows if row.mode.endswith("iopl3")]), OPENED)


def test_svm_manual():
    """SVM guests exit where the manual says, but for what QEMU is known to do otherwise"""
    tap.same(unexplained(all_svm_rows()), [])


def test_svm_theorem():
    """in an SVM guest every sensitive instruction exits or acts on the guest's own state"""
    tap.same([row for row in all_svm_rows() if judge.is_hole(row)], [])


def test_svm_paging():
    """shadow page tables change nothing that a guest can see"""
    for bits in (32, 64):
        tap.same(svm("svm-npt", bits).probes, svm("svm-shadow", bits).probes)


def totals(run):
    return {operation.name: operation.exits for operation in run.operations}


def test_counts_nested():
    """exits of operations, nested paging: devices, the timer and calls alone"""
    tap.same(totals(svm("svm-npt", 64)), {
        "syscall": {}, "context-switch": {}, "pte-update": {}, "page-fault": {},
        "timer-tick": {"NPF": 2000, "INTR": 1000}, "device-read": {"IOIO": 1000},
        "hypercall": {"VMMCALL": 1000}})


def test_counts_shadow():
    """exits of operations, shadow page tables: each change of page tables too"""
    found = totals(svm("svm-shadow", 64))
    hidden = {name: exits.pop("EXCP14 hidden", 0) for name, exits in found.items()}
    if "CR0_READ" in next(probe.exits for probe in svm("svm-shadow", 64).probes
                          if probe.item == "mov_from_cr2"):
        # The emulator takes the kernel's reads of CR2 for reads of CR0, which must exit.
        for exits in found.values():
            exits.pop("CR0_READ", None)
    tap.same(found, {
        "syscall": {}, "context-switch": {"CR3_WRITE": 1000}, "pte-update": {"INVLPG": 1000},
        "page-fault": {"EXCP14": 1000},
        "timer-tick": {"EXCP14 device": 2000, "INTR": 1000}, "device-read": {"IOIO": 1000},
        "hypercall": {"VMMCALL": 1000}})
    # A page that the guest has changed, or mapped, misses once; a new address space misses each page.
    tap.same(all(1000 <= hidden[name] < 1020 for name in ("pte-update", "page-fault")), True)
    tap.same(hidden["context-switch"] >= 3000, True)
    tap.same(hidden["syscall"] < 10, True)


def test_instructions():
    """the time-stamp counter counts instructions, and nested paging adds none where nothing exits"""
    machine, nested = bare(*WIDE), svm("svm-npt", 64)
    tap.same((machine.counts_instructions, nested.counts_instructions), (True, True))
    of = {operation.name: operation.ticks for operation in machine.operations}
    for operation in nested.operations:
        if not operation.exits:
            # The same program; the emulator counts one more or less where a block of code ends.
            tap.same((operation.name, abs(operation.ticks - of[operation.name]) <= 2),
                     (operation.name, True))


def test_deterministic():
    """a second run says the same, byte for byte"""
    tap.same(runs.run_bare(*WIDE).text, bare(*WIDE).text)
    for where in runs.SVM_PAGING:
        tap.same(runs.run_svm(where, 64).text, svm(where, 64).text)


def test_data():
    """the rows of the data: a total for each operation, the sum of its causes; columns as told"""
    loader = importlib.machinery.SourceFileLoader("compare", str(ROOT / "compare/x86/compare"))
    compare = importlib.util.module_from_spec(importlib.util.spec_from_loader("compare", loader))
    loader.exec_module(compare)
    for where, engine in compare.ENGINES.items():
        rows = [dict(zip(compare.OPERATION_COLUMNS, row)) for row in
                compare.operation_rows(engine, "QEMU", svm(where, 64))]
        for name, causes in totals(svm(where, 64)).items():
            of = [row for row in rows if row["operation"] == name]
            tap.same([row["exits"] for row in of if not row["detail"]], [sum(causes.values())])
            tap.same({row["detail"]: row["exits"] for row in of if row["detail"]}, causes)
            tap.same([row["instructions"] > 0 for row in of if not row["detail"]], [True])
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "rows.csv"
        compare.write_csv(path, judge.COLUMNS, all_svm_rows())
        with open(path, newline="", encoding="utf-8") as file:
            read = list(csv.reader(file))
        tap.same(read[0], "item section class where mode demanded manual observed verdict".split())
        tap.same([tuple(row) for row in read[1:]], [tuple(row) for row in all_svm_rows()])


def test_theorem_data():
    """the sums: each mode with its sensitive instructions, its holes, and what follows"""
    rows = [dict(zip(judge.THEOREM_COLUMNS, row))
            for row in judge.theorem_rows(all_bare_rows() + all_svm_rows())]
    tap.same(len(rows), len(runs.BARE) * 2 + len(runs.SVM) * 3)
    for row in rows:
        tap.same(row["theorem_1"], "does not apply" if row["holes"] else "holds")
        tap.same(len(row["items"].split()), row["holes"])
        tap.same(row["holes"] < row["sensitive"], True)
        if row["where"].startswith("svm"):
            tap.same(row["holes"], 0)
    by = {(row["where"], row["mode"]): row["classic"] for row in rows}
    tap.same(by["qemu-system-i386", "cpl3-32"], ", ".join(HOLES))
    tap.same(by["qemu-system-i386", "cpl3-32-closed"], ", ".join(HOLES_OF_LINUX))


# Whether it notices


def one_row(text):
    return judge.rows_bare("test", runs.Run(text))[0]


def test_judge_bare():
    """the verdicts: a leak, silence, a trap, and what deviates from the manual"""
    for line, verdict in (
            ("probe sgdt cpl3-64 reads", "hole: reads real state"),
            ("probe sgdt cpl3-64-closed trap #GP(0)", "clean"),
            ("probe sgdt cpl3-64 trap #GP(0)", "clean; deviates from the manual"),
            ("probe popf_if cpl3-64 ignored", "hole: silent"),
            ("probe popf_if cpl3-64 trap #GP(0)", "clean; deviates from the manual"),
            ("probe hlt cpl3-64 trap #GP(0)", "clean"),
            ("probe hlt cpl3-64 done", "hole: executes; deviates from the manual"),
            ("probe hlt cpl3-64 trap #GP(0) elsewhere, at 0x1", "clean; deviates from the manual"),
            ("probe load_cpl0 cpl3-64 done", "hole: executes; deviates from the manual"),
            ("probe add cpl3-64 trap #UD", "hole: does not execute; deviates from the manual"),
            ("probe int_n_cpl0 cpl3-32 trap #GP(0x212)", "clean; deviates from the manual")):
        tap.same((line, one_row(line).verdict), (line, verdict))


def test_judge_svm():
    """the verdicts in a guest: exits, own state, state that is not its own"""
    for text, verdict in (
            ("exits GDTR_READ\nprobe sgdt cpl3-64 reads", "clean: exits"),
            ("exits\nprobe sgdt cpl3-64 reads", "clean: own state; deviates from the manual"),
            ("exits\nprobe sgdt cpl3-64 reads other",
             "hole: differs from a machine of its own; deviates from the manual"),
            ("exits\nprobe lar cpl3-64 denied", "clean: own state"),
            ("exits EXCP13\nprobe hlt cpl3-64 trap #GP(0)", "clean: exits"),
            ("exits HLT\nprobe hlt cpl3-64 done", "clean: exits; deviates from the manual")):
        row = judge.rows_svm("svm-npt", runs.Run(text))[0]
        tap.same((text, row.verdict), (text, verdict))


def test_judge_linux():
    """faked by the kernel, or leaked: by stepping, or by the values that Linux makes up"""
    for line, flags, verdict in (
            ("sgdt cpl3-64 reads base=0xfffffe0000001000 limit=0x7f by=processor", set(),
             "hole: reads real state"),
            ("sgdt cpl3-64 reads base=0xfffffe0000001000 limit=0x7f by=processor", {"umip"},
             "hole: reads real state; deviates from the manual"),
            ("sgdt cpl3-64 reads base=0xfffffffffffe0000 limit=0x0 by=unknown", {"umip"},
             "clean: faked by the kernel"),
            ("smsw cpl3-64 reads value=0x33 by=kernel", {"umip"}, "clean: faked by the kernel"),
            ("smsw cpl3-64 reads value=0x33 by=processor", set(), "hole: reads real state"),
            ("hlt cpl3-64 trap SIGSEGV #GP(0) si_code=0x80 si_addr=0x0", set(), "clean"),
            ("hlt cpl3-64 trap SIGSEGV (the kernel tells no exception) si_code=0x80 si_addr=0x0",
             set(), "clean"),
            ("hlt cpl3-64 done", set(), "hole: executes; deviates from the manual")):
        row = judge.rows_linux(runs.Run("probe " + line), flags)[0]
        tap.same((line, row.verdict), (line, verdict))


def test_planted_hole():
    """a monitor that does not intercept SGDT is found out"""
    rows = judge.rows_svm("svm-npt", runs.run_svm("svm-npt", 64, "blind"))
    tap.same(sorted({(row.item, row.mode) for row in unexplained(rows)}),
             [("sgdt", "cpl0-64"), ("sgdt", "cpl3-64")])


def test_no_emulator():
    """without an emulator for x86: what is missing, and what installs it"""
    with tempfile.TemporaryDirectory() as empty:
        for tool in ("env", "python3"):
            os.symlink(shutil.which(tool), os.path.join(empty, tool))
        done = subprocess.run([sys.executable, str(ROOT / "compare" / "x86" / "compare"), "--data",
                               os.path.join(empty, "data")], env={**os.environ, "PATH": empty},
                              capture_output=True, text=True, check=False)
        tap.same(done.returncode, 1)
        tap.holds(done.stderr, "qemu-system-i386 is missing: ./doppel setup test-packages")


# This computer's own processor


def ring3(bits):
    why = runs.why_not_ring3()
    run = why or runs.run_ring3(bits)
    if isinstance(run, str):
        raise tap.Skip(run)
    return run


def check_ring3(bits):
    run = ring3(bits)
    rows = judge.rows_linux(run, runs.processor_flags())
    # A monitor below this Linux may answer a call that is not for it: KVM rewrites VMMCALL.
    tap.same([row for row in rows if judge.deviates(row) and row.item != "vmmcall"], [])
    missing = set(HOLES_OF_LINUX) - set(judge.classic_holes(rows))
    tap.same(missing, set())


def test_ring3_64():
    """64-bit programs of this Linux: privileged instructions trap, the list's others do not"""
    check_ring3(64)


def test_ring3_32():
    """the same of 32-bit programs"""
    check_ring3(32)


def test_ring3_elsewhere():
    """on a computer that is no x86 the part is skipped, and says why"""
    machine = platform.machine
    platform.machine = lambda: "aarch64"
    try:
        tap.same(runs.why_not_ring3(), "this computer is no x86 (aarch64)")
    finally:
        platform.machine = machine


def test_ring3_width():
    """a program that the kernel does not run is no result, and says why"""
    program = runs.program
    with tempfile.NamedTemporaryFile() as file:
        runs.program = lambda name: file.name
        os.chmod(file.name, 0o755)
        file.write(b"\x7fELF of another machine")
        file.flush()
        try:
            tap.holds(runs.run_ring3(32), "this kernel runs no 32-bit x86 programs")
        finally:
            runs.program = program


tap.main(sys.modules[__name__])
