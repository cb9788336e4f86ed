# SPDX-License-Identifier: BSD-2-Clause
"""What kernels do all day, counted: exits and instructions of a thousand each, on RISC-V (docs/census.md).

The workload of tests/census/workload runs on the machine itself, as a guest of Doppel, and under the census' monitor,
with one hart under -icount shift=0: an instruction takes a nanosecond, whoever executes it, and a tick is a hundred.
"""

import concurrent.futures
import csv
import re

import machine

COLUMNS = ("engine", "emulator", "operation", "count", "exits", "instructions", "detail")
INSTRUCTIONS_PER_TICK = 100     # 10 MHz at an instruction a nanosecond
KERNEL = machine.ROOT / "build" / "guest" / "census-workload.elf"
CLASSIC = machine.ROOT / "build" / "guest" / "census-classic-workload.elf"

# Exceptions by their code, as docs/stats.md calls them; interrupts have 24 added.
CAUSES = {1: "fetch-access-fault", 2: "illegal-instruction", 3: "breakpoint", 5: "load-access-fault",
          7: "store-access-fault", 8: "ecall-u", 12: "fetch-page-fault", 13: "load-page-fault",
          15: "store-page-fault", 24 + 1: "irq-soft", 24 + 5: "irq-timer", 24 + 9: "irq-external"}


def read(lines):
    """({operation: (count, ticks, exits)}, {operation: {cause: exits}}, {counter of --stats: value})"""
    if "== end workload" not in lines:
        raise machine.Broken("\n".join(["the workload did not come to its end; the last lines:"] + lines[-15:]))
    operations, causes, stats = {}, {}, {}
    for line in lines:
        words = line.split()
        if words[:1] == ["op"] and len(words) == 5:
            operations[words[1]] = tuple(int(word, 16) for word in words[2:])
        elif words[:1] == ["x"] and len(words) == 4:
            causes.setdefault(words[1], {})[CAUSES.get(int(words[2]), words[2])] = int(words[3])
        elif re.fullmatch(r"stat \S+ exit\S* \d+", line):
            stats[words[2]] = int(words[3])
    return operations, causes, stats


def rows(engine, emulator, operation, done, by_cause):
    """The total, and a row for each cause."""
    count, ticks, exits = done
    yield engine, emulator, operation, count, exits, ticks * INSTRUCTIONS_PER_TICK, ""
    for cause in sorted(by_cause):
        yield engine, emulator, operation, count, by_cause[cause], "", cause


def measure_at_once(emulator, name, engine, kernel):
    """All operations in one run; the monitor counts its exits itself, and without one there are none."""
    lines, _ = machine.launch(emulator, kernel, "--native", "--icount")
    operations, causes, _ = read(lines)
    for operation, done in operations.items():
        if operation != "none":
            yield from rows(engine, name, operation, done, causes.get(operation, {}))


def measure_guest(emulator, name, known):
    """A run of Doppel for each operation: its counters are of the whole run, so a run without any is subtracted."""
    def one(operation):
        lines, _ = machine.launch(emulator, KERNEL, "--icount", "--stats", "--append", operation)
        return read(lines)

    _, _, idle = one("none")
    for operation in known:
        operations, _, stats = one(operation)
        count, ticks, _ = operations[operation]
        more = {key: stats[key] - idle.get(key, 0) for key in stats if stats[key] != idle.get(key, 0)}
        by_cause = {key[len("exit."):]: value for key, value in more.items() if key.startswith("exit.")}
        yield from rows("riscv-h", name, operation, (count, ticks, more.get("exits", 0)), by_cause)


def measure_one(emulator):
    name = "qemu-%d" % emulator.major
    bare = list(measure_at_once(emulator, name, "riscv-bare", KERNEL))
    known = [row[2] for row in bare]
    return (bare + list(measure_guest(emulator, name, known)) +
            list(measure_at_once(emulator, name, "riscv-classic", CLASSIC)))


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


def measure(emulators, directory):
    """Writes operations-riscv.csv."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        found = [row for part in pool.map(measure_one, emulators) for row in part]
    with open(directory / "operations-riscv.csv", "w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(COLUMNS)
        out.writerows(found)
    show(found)
