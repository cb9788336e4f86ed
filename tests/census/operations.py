# SPDX-License-Identifier: BSD-2-Clause
"""What kernels do all day, counted: exits and instructions of a thousand each, on RISC-V (docs/census.md).

The workload of tests/census/workload runs on the machine itself, as a guest of Doppel, and under the census' monitor,
with one hart under -icount shift=0: an instruction takes a nanosecond, whoever executes it, and a tick is a hundred.
"""

import concurrent.futures
import csv
import re
from typing import NamedTuple

import machine
import table

SEQUENCE_COLUMNS = ("emulator", "operation", "step", "mode", "cause", "instruction", "action")
COLUMNS = ("engine", "emulator", "operation", "count", "exits", "instructions", "detail")
INSTRUCTIONS_PER_TICK = 100     # 10 MHz at an instruction a nanosecond
KERNEL = machine.ROOT / "build" / "guest" / "census-workload.elf"
CLASSIC = machine.ROOT / "build" / "guest" / "census-classic-workload.elf"

# Exceptions by their code, as docs/stats.md calls them; interrupts have 24 added.
CAUSES = {1: "fetch-access-fault", 2: "illegal-instruction", 3: "breakpoint", 5: "load-access-fault",
          7: "store-access-fault", 8: "ecall-u", 12: "fetch-page-fault", 13: "load-page-fault",
          15: "store-page-fault", 24 + 1: "irq-soft", 24 + 5: "irq-timer", 24 + 9: "irq-external"}


MODES = {"S": "guest kernel", "U": "user program"}
ACTIONS = {"r": "reflected to the guest kernel", "e": "emulated", "f": "shadow page table filled", "d": "device emulated"}
OPCODES = {0x03: "load", 0x23: "store", 0x73: "system"}
WHOLE = {0x73: "ecall", 0x10200073: "sret", 0x10500073: "wfi"}
CSR_FORMS = {1: "csrrw", 2: "csrrs", 3: "csrrc", 5: "csrrwi", 6: "csrrsi", 7: "csrrci"}
MASK_RS1_RS2 = 0xfe007fff


class Workload(NamedTuple):
    operations: dict    # {name: (count, ticks, exits)}
    causes: dict        # {name: {cause: exits}}; only the monitor tells
    sequences: dict     # {name: [(mode, cause, instruction, action)]}: one operation; only the monitor tells
    stats: dict         # exits of --stats


def name_instruction(word):
    """As far as a monitor has to know it; a compressed or other one is an access to memory, or is being fetched."""
    csrs = {int(row["first"], 16): row["csr"] for row in table.rows("csrs.csv") if row["count"] == "1"}
    funct3 = word >> 12 & 7
    if word in WHOLE:
        return WHOLE[word]
    if word & MASK_RS1_RS2 == 0x12000073:
        return "sfence.vma"
    if word & 0x7f == 0x73 and funct3 in CSR_FORMS:
        return "%s %s" % (CSR_FORMS[funct3], csrs.get(word >> 20, hex(word >> 20)))
    return "%s 0x%x" % (OPCODES.get(word & 0x7f, "instruction"), word)


def read(lines):
    if "== end workload" not in lines:
        raise machine.Broken("\n".join(["the workload did not come to its end; the last lines:"] + lines[-15:]))
    found = Workload({}, {}, {}, {})
    for line in lines:
        words = line.split()
        if words[:1] == ["op"] and len(words) == 5:
            found.operations[words[1]] = tuple(int(word, 16) for word in words[2:])
        elif words[:1] == ["x"] and len(words) == 4:
            found.causes.setdefault(words[1], {})[CAUSES.get(int(words[2]), words[2])] = int(words[3])
        elif words[:1] == ["e"] and len(words) == 6:
            found.sequences.setdefault(words[1], []).append(
                (MODES[words[2]], CAUSES.get(int(words[3]), words[3]), name_instruction(int(words[5], 16)),
                 ACTIONS[words[4]]))
        elif re.fullmatch(r"stat \S+ exit\S* \d+", line):
            found.stats[words[2]] = int(words[3])
    return found


def rows(engine, emulator, operation, done, by_cause):
    """The total, and a row for each cause."""
    count, ticks, exits = done
    yield engine, emulator, operation, count, exits, ticks * INSTRUCTIONS_PER_TICK, ""
    for cause in sorted(by_cause):
        yield engine, emulator, operation, count, by_cause[cause], "", cause


def run_at_once(emulator, kernel):
    """All operations in one run; the monitor counts its exits itself, and without one there are none."""
    lines, _ = machine.launch(emulator, kernel, "--native", "--icount")
    return read(lines)


def rows_at_once(workload, name, engine):
    for operation, done in workload.operations.items():
        if operation != "none":
            yield from rows(engine, name, operation, done, workload.causes.get(operation, {}))


def measure_guest(emulator, name, known):
    """A run of Doppel for each operation: its counters are of the whole run, so a run without any is subtracted."""
    def one(operation):
        lines, _ = machine.launch(emulator, KERNEL, "--icount", "--stats", "--append", operation)
        return read(lines)

    idle = one("none").stats
    for operation in known:
        done = one(operation)
        count, ticks, _ = done.operations[operation]
        more = {key: value - idle.get(key, 0) for key, value in done.stats.items() if value != idle.get(key, 0)}
        by_cause = {key[len("exit."):]: value for key, value in more.items() if key.startswith("exit.")}
        yield from rows("riscv-h", name, operation, (count, ticks, more.get("exits", 0)), by_cause)


def measure_one(emulator):
    """Rows of operations, and rows of sequences."""
    name = "qemu-%d" % emulator.major
    bare, classic = run_at_once(emulator, KERNEL), run_at_once(emulator, CLASSIC)
    known = [operation for operation in bare.operations if operation != "none"]
    found = [*rows_at_once(bare, name, "riscv-bare"), *measure_guest(emulator, name, known),
             *rows_at_once(classic, name, "riscv-classic")]
    steps = [(name, operation, step, *entry) for operation, log in classic.sequences.items()
             for step, entry in enumerate(log, 1)]
    return found, steps


def show(found):
    """Exits and instructions for one operation, by engine."""
    totals = {(row[1], row[2], row[0]): row for row in found if not row[6]}
    engines = ("riscv-bare", "riscv-h", "riscv-classic")
    for emulator in sorted({row[1] for row in found}):
        print("\n%s: exits and instructions for one operation" % emulator)
        print("  %-18s" % "" + "".join("%24s" % engine for engine in engines))
        for operation in dict.fromkeys(row[2] for row in found if row[1] == emulator):
            cells = []
            for engine in engines:
                row = totals.get((emulator, operation, engine))
                cells.append("%14.2f%10.0f" % (row[4] / row[3], row[5] / row[3]) if row else "%24s" % "-")
            print("  %-18s" % operation + "".join(cells))


def write(path, columns, lines):
    with open(path, "w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(columns)
        out.writerows(lines)


def measure(emulators, directory):
    """Writes operations-riscv.csv and sequence-classic.csv."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = list(pool.map(measure_one, emulators))
    found = [row for part, _ in results for row in part]
    write(directory / "operations-riscv.csv", COLUMNS, found)
    write(directory / "sequence-classic.csv", SEQUENCE_COLUMNS, [row for _, part in results for row in part])
    show(found)
