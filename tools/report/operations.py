# SPDX-License-Identifier: BSD-2-Clause
"""The section on operations: exits and instructions for each, by architecture."""

import re

from . import chart
from .chart import Series, number
from .markup import Figure, element, esc, missing, paragraph, section, subsection, table

NEEDED = ("engine", "emulator", "operation", "count", "exits", "instructions", "detail")
ENGINES = {                     # the order of columns, the names, the tones of the charts
    "riscv-bare": ("RISC-V, bare", 1),
    "riscv-h": ("RISC-V, H: Doppel", 2),
    "riscv-classic": ("RISC-V, no H: de-privileged", 3),
    "x86-bare": ("x86, bare", 4),
    "x86-svm-npt": ("x86, SVM, nested paging", 5),
    "x86-svm-shadow": ("x86, SVM, shadow page tables", 6),
}
BARE = {"riscv": "riscv-bare", "x86": "x86-bare"}
OPERATIONS = {
    "syscall": "the user program calls its kernel, and comes back",
    "context-switch": "the kernel goes to another address space and touches a page there",
    "pte-update": "the kernel maps a page to another frame, invalidates it and touches it",
    "page-fault": "the user program touches a page that its kernel maps then",
    "timer-tick": "the kernel arms its timer; the interrupt comes and is quieted",
    "timer-tick-sstc": "the same with the supervisor's own timer register, stimecmp",
    "device-read": "a read of the serial port's line status register",
    "hypercall": "a call to the monitor that does nothing",
}
COMMANDS = {"riscv": "make census", "x86": "make compare-x86"}


def short(emulator):
    """Without what all have in common."""
    return re.sub(r"^qemu-system-\S+ ", "qemu-", emulator)


class Operations:
    def __init__(self, data):
        self.names = data.names("operations-*.csv")
        self.rows = [row for name in self.names for row in data.rows(name, *NEEDED)]
        self.figures = []
        self.totals = {}        # (engine, emulator) -> {operation: row}
        for row in self.rows:
            if not row["detail"]:
                key = row["engine"], row["emulator"]
                self.totals.setdefault(key, {})[row["operation"]] = row
        self.operations = self.in_order(OPERATIONS, [row["operation"] for row in self.rows])

    @staticmethod
    def in_order(known, found):
        return [name for name in known if name in found] + \
            [name for name in dict.fromkeys(found) if name not in known]

    def html(self, place):
        title = "Exits for each operation"
        absent = [missing("Operations on %s are missing." % name, command)
                  for (arch, command), name in zip(COMMANDS.items(), ("RISC-V", "x86"))
                  if not any(row["engine"].startswith(arch) for row in self.rows)]
        parts = [paragraph(
            "The same tiny kernel with a user program on each machine. Counted are the exits, and "
            "the instructions that guest and hypervisor executed together, one for each nanosecond "
            "of the emulator's clock: counts are the same in each run. Times of an emulator would "
            "say nothing about hardware, and are not shown.")] + absent
        if self.rows:
            parts += [self.exits(), self.instructions(), self.cost()]
        return section(place, "operations", title, *parts)

    def command(self):
        archs = [arch for arch in COMMANDS if any(row["engine"].startswith(arch)
                                                  for row in self.rows)]
        return " ".join(["make"] + [COMMANDS[arch].split()[1] for arch in archs])

    def figure(self, ident, title):
        made = Figure(ident, title, self.command(), self.names)
        self.figures.append(made)
        return made

    def machines(self, bare=True):
        """[(engine, emulator)] in order, all emulators of an engine."""
        engines = self.in_order(ENGINES, [engine for engine, _ in self.totals])
        return [key for engine in engines for key in self.totals if key[0] == engine
                and (bare or engine not in BARE.values())]

    def newest(self, bare=True):
        """One emulator for each engine: the last one named, which is the newest. For charts."""
        return list({engine: (engine, emulator)
                     for engine, emulator in self.machines(bare)}.values())

    def each(self, key, operation, column):
        """What one operation takes, or None."""
        row = self.totals[key].get(operation)
        return int(row[column]) / int(row["count"]) if row and row[column] else None

    def over_bare(self, key, operation):
        """Instructions that an exit costs: what an operation takes more than on the bare machine,
        for each of its exits. A hypercall is nothing but its exit, and a bare machine has none, or
        one to its firmware: it is taken whole. None where there are no exits to speak of, or where
        the bare machine's own way takes more."""
        bare = BARE[key[0].split("-")[0]], key[1]
        spent, exits = self.each(key, operation, "instructions"), self.each(key, operation, "exits")
        if bare not in self.totals or spent is None or not exits or exits < 0.5:
            return None
        without = 0 if operation == "hypercall" else self.each(bare, operation, "instructions")
        return (spent - without) / exits if without is not None and spent > without else None

    # The figures

    def exits(self):
        def value(key, name):
            return self.each(key, name, "exits")

        series = self.series(self.newest(bare=False), value)
        picture = chart.bars("chart-exits", "Exits for each operation",
                             "Horizontal bars; the table below has the numbers.", self.operations,
                             series, "exits")
        shown = self.table("Exits for one operation", self.machines(bare=False), value)
        return subsection("exits", "Exits", self.figure(
            "exits-each", "Exits for one operation").html(picture), self.figure(
                "exits-table", "Exits for one operation, all emulators").html(shown), self.causes())

    def instructions(self):
        def value(key, name):
            return self.each(key, name, "instructions")

        series = self.series(self.newest(), value)
        picture = chart.dots("chart-instructions", "Instructions for each operation",
                             "Points on a logarithmic axis; the table below has the numbers.",
                             self.operations, series, "instructions, logarithmic")
        shown = self.table("Instructions for one operation", self.machines(), value)
        return subsection("executed", "Instructions", self.figure(
            "instructions-each", "Instructions for one operation").html(picture), self.figure(
                "instructions-table", "Instructions for one operation, all emulators").html(shown))

    def cost(self):
        """Without rows that have no exits."""
        keys = [key for key in self.newest(bare=False)
                if any(self.over_bare(key, name) is not None for name in self.operations)]
        if not keys:
            return ""
        series = self.series(keys, self.over_bare)
        picture = chart.dots("chart-cost", "Instructions for each exit",
                             "Points on a logarithmic axis.", self.operations, series,
                             "instructions, logarithmic")
        words = paragraph("What an operation takes more than on the bare machine, divided by its "
                          "exits; of a hypercall, all that it takes. There is no value where there "
                          "are no exits, or where the bare machine takes longer: its timer is set "
                          "by a call to the firmware.")
        shown = self.table("Instructions for one exit", keys, self.over_bare)
        return subsection("cost", "Instructions for one exit", words, self.figure(
            "exit-cost", "Instructions for one exit").html(picture, shown))

    def series(self, keys, value):
        return [Series(ENGINES.get(engine, (engine, 7))[0], ENGINES.get(engine, (engine, 7))[1],
                       [value((engine, emulator), name) for name in self.operations])
                for engine, emulator in keys]

    def table(self, caption, keys, value):
        heads = ["operation"] + ["%s (%s)" % (ENGINES.get(engine, (engine,))[0], short(emulator))
                                 for engine, emulator in keys]
        rows = []
        for name in self.operations:
            values = [value(key, name) for key in keys]
            rows.append([element("span", esc(name), title=OPERATIONS.get(name))] +
                        ["–" if one is None else number(one) for one in values])
        return table(caption, heads, rows, numbers=range(1, len(heads)))

    def causes(self):
        """Which exits: the rows with a detail."""
        rows = [[esc(row["operation"]), esc(ENGINES.get(row["engine"], (row["engine"],))[0]),
                 esc(row["emulator"]), esc(row["detail"]),
                 number(int(row["exits"]) / int(row["count"]))]
                for row in self.rows if row["detail"] and row["exits"]]
        if not rows:
            return ""
        shown = table("Exits by cause, for one operation",
                      ("operation", "engine", "emulator", "cause", "exits"), rows, numbers=(4,))
        return element("details", element("summary", "Which exits, by cause"), shown)
