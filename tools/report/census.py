# SPDX-License-Identifier: BSD-2-Clause
"""The section on the census: its rows, and how a guest of Doppel compares with the bare machine."""

from collections import Counter

from .filtertable import FilterTable
from .markup import Figure, esc, missing, paragraph, section, subsection, table

NEEDED = ("way", "emulator", "mode", "gate", "item", "section", "class", "demanded", "observed",
          "verdict")
HEADS = {"section": "specification"}
SELECTS = ("way", "emulator", "mode", "gate", "kind", "class", "verdict")
COMPARED = ("emulator", "mode", "gate", "item", "native", "guest", "verdict")


def load(data):
    """The rows of all emulators, and the files they are from."""
    names = data.names("census-*.csv")
    rows = [row for name in names for row in data.rows(name, *NEEDED)]
    return rows, names


class Census:
    def __init__(self, data, rows, names, sets):
        self.data = data
        self.rows = rows
        self.names = names
        self.sets = sets
        self.figures = []

    def html(self, number):
        title = "The census of sensitive instructions"
        if not self.rows:
            return section(number, "instructions", title,
                           missing("The census is not there.", "make census"))
        return section(number, "instructions", title, *self.introduction(), self.table(),
                       self.equivalence())

    def introduction(self):
        counts = Counter((row["emulator"], row["verdict"]) for row in self.rows)
        emulators = list(dict.fromkeys(row["emulator"] for row in self.rows))
        verdicts = list(dict.fromkeys(row["verdict"] for row in self.rows))
        rows = [[esc(emulator)] + [str(counts[emulator, verdict]) for verdict in verdicts]
                for emulator in emulators]
        figure = Figure("census-counts", "Verdicts of the census", "make census", self.names)
        self.figures.append(figure)
        return (paragraph(
            "Each row is one instruction or access, executed in one mode with one setting of the "
            "gates: what kind of instruction Popek and Goldberg call it, what the specification "
            "demands, what was observed. It is executed natively, as a guest of Doppel, in a "
            "harness that opens and closes each gate, and where there are such rows, de-privileged "
            "under a monitor that has no H extension."),
                figure.html(table("Rows by verdict", ["emulator"] + verdicts, rows,
                                  numbers=range(1, len(verdicts) + 1))))

    def table(self):
        keys = [key for key in self.rows[0] if any(row.get(key) for row in self.rows)]
        columns = [(key, HEADS.get(key, key)) for key in keys]
        figure = Figure("census-table", "The census, %d rows" % len(self.rows), "make census",
                        self.names)
        self.figures.append(figure)
        return figure.html(FilterTable(
            "census", "The census", columns, [key for key in SELECTS if key in keys], self.rows,
            self.sets, "section", self.names).html())

    def equivalence(self):
        names = self.data.names("equivalence-*.csv")
        rows = [row for name in names for row in self.data.rows(name, *COMPARED)]
        if not rows:
            return subsection("equivalence", "Native and guest", missing(
                "The comparison of native rows with a guest's is not there.", "make census"))
        counts = Counter(row["verdict"] for row in rows)
        differ = [[esc(row.get(key, "")) for key in ("item", "emulator", "mode", "gate", "native",
                                                     "guest", "verdict", "note")]
                  for row in rows if row["verdict"] != "same"]
        figure = Figure("equivalence-table", "Native and guest, compared row by row", "make census",
                        names)
        self.figures.append(figure)
        words = ", ".join("%d %s" % (count, verdict) for verdict, count in counts.items())
        return subsection(
            "equivalence", "Native and guest",
            paragraph("The same program, natively and as a guest of Doppel, must observe the same. "
                      "Of %d rows: %s. These are not the same:" % (len(rows), esc(words))),
            figure.html(table("Rows that differ", ("item", "emulator", "mode", "gate", "native",
                                                   "guest", "verdict", "reason"), differ)))
