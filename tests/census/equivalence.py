# SPDX-License-Identifier: BSD-2-Clause
"""Equivalence: the same program on the machine itself in S and U, and as a guest in VS and VU."""

import csv
import fnmatch

import judge
import table

COLUMNS = ("emulator", "mode", "gate", "item", "native", "guest", "verdict", "note")
SAME, JUSTIFIED, DIFFERS = "same", "justified", "DIFFERS"
NOT_COMPARED = "counter"    # the group whose values are time and work


def words(item, outcome):
    """An outcome with the value that was read, but that of a counter."""
    text = judge.describe(outcome)
    if outcome.cause is None and item.kind == "csr-read" and item.group != NOT_COMPARED:
        text += " = 0x%x" % outcome.value
    return text


def justification(mode, gate, name):
    for row in table.rows("justified.csv"):
        if mode in row["modes"].split() and fnmatch.fnmatch(gate, row["gates"]) and fnmatch.fnmatch(name, row["items"]):
            return row["reason"]
    return None


def compare(emulator, native, guest):
    """Rows of COLUMNS; native and guest are outputs of the same program."""
    items = table.items()
    for mode, gate in native.sweeps:
        for number, item in enumerate(items):
            told = []
            for output in (native, guest):
                sweep = output.sweeps[mode, gate]
                told.append(judge.by_range({n: words(item, sweep[number, n]) for n in range(item.count)}))
            reason = justification(mode, gate, item.name) if told[0] != told[1] else ""
            verdict = SAME if told[0] == told[1] else JUSTIFIED if reason else DIFFERS
            yield emulator, mode, gate, item.name, told[0], told[1], verdict, reason or ""


def write(path, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(COLUMNS)
        out.writerows(rows)
