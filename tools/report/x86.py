# SPDX-License-Identifier: BSD-2-Clause
"""The section on x86: the same questions, of ring 3, of bare metal and of guests under SVM."""

from . import Trouble
from .filtertable import FilterTable, address
from .markup import (Figure, element, esc, link, missing, nobreak, paragraph, section, slug,
                     table)
from .theorems import reference, whole_answer

NEEDED = ("item", "section", "class", "where", "mode", "demanded", "manual", "observed", "verdict")
COLUMNS = [("where", "where"), ("mode", "mode"), ("item", "item"), ("class", "class"),
           ("section", "manual's section"), ("demanded", "demanded"), ("manual", "manual says"),
           ("observed", "observed"), ("verdict", "verdict")]
SELECTS = ("where", "mode", "class", "verdict")
FILES = ("x86-ring3.csv", "x86-bare.csv", "x86-svm.csv")
COMMAND = "make compare-x86"
ABSENT = {
    "x86-ring3.csv": "Ring 3 of a running Linux is missing: it can be looked at on an x86 machine "
                     "only, and this report was made without one, or without its data.",
    "x86-bare.csv": "The bare machine is missing.",
    "x86-svm.csv": "Guests under SVM are missing.",
}
THEOREM = "x86-theorem.csv"     # the sums
SUMS = ("where", "mode", "sensitive", "holes", "theorem_1", "items", "classic")


def which(items):
    return element("div", esc(", ".join(dict.fromkeys(items))), class_="wide-text")


class X86:
    """theorems: theorems.Theorems, which has RISC-V's side."""

    def __init__(self, data, theorems):
        self.files = [name for name in FILES if data.rows(name)]
        self.rows = [row for name in FILES for row in data.rows(name, *NEEDED)]
        self.sums = data.rows(THEOREM, *SUMS)
        self.theorems = theorems
        self.sets = {}
        self.figures = []

    def html(self, number):
        absent = [missing(words, COMMAND) for name, words in ABSENT.items()
                  if name not in self.files]
        parts = [paragraph(
            "What Popek and Goldberg demand of an instruction, what the manuals of AMD (APM) and "
            "Intel (SDM) say that it does, and what it was observed to do: in ring 3 of a Linux, "
            "on an emulated machine without an operating system, and in guests of a small SVM "
            "monitor that intercepts all it can, with nested paging (svm-npt) and with shadow page "
            "tables (svm-shadow). An instruction that has several uses is several items.")] + absent
        if self.rows:
            parts += [self.side_by_side(), self.table()]
        return section(number, "x86", "x86, side by side", *parts)

    def side_by_side(self):
        """How many sensitive instructions there are, and how many of them are no traps."""
        if not self.sums:
            return missing("The sums for theorem 1 are missing.", COMMAND)
        figure = Figure("side-by-side", "Sensitive instructions that do not trap", COMMAND,
                        [THEOREM])
        self.figures.append(figure)
        words = paragraph(
            "Sensitive instructions, and those among them that neither trap nor act on a copy of the "
            "guest's own. On x86 a hypervisor cannot see those: this is what kept it from being "
            "virtualized by trapping and emulating. Robin and Irvine listed 17 of them in 2000. Modes that "
            "end in closed have UMIP and TSD on. Rows of RISC-V count what traps behind a gate as "
            "trapping; those marked literally ask more than the theorem needs (see above).")
        heads = ("machine", "mode", "sensitive", "trap, or the guest's own", "neither",
                 "of the classic 17", "theorem 1", "which")
        rows = [self.x86_row(row) for row in self.sums] + self.riscv_rows()
        return words + figure.html(table("Sensitive instructions, x86 and RISC-V", heads, rows,
                                         numbers=(2, 3, 4, 5)))

    def x86_row(self, row):
        where, mode, items = row["where"], row["mode"], row["items"].split()
        holes = [place for place, one in enumerate(self.rows)
                 if (one["where"], one["mode"]) == (where, mode) and one["item"] in items
                 and one["verdict"].startswith("hole")]
        if len(holes) != int(row["holes"]):
            raise Trouble("%s counts %s holes of %s, %s; the other files have %d: make compare-x86 "
                          "makes all" % (THEOREM, row["holes"], where, mode, len(holes)))
        ident = ".".join(map(slug, (where, mode, "holes")))
        self.sets[ident] = holes
        classic = len(row["classic"].split(", ")) if row["classic"] else 0
        return [link(address("x86-instructions", where=where, mode=mode), esc("x86: " + where)),
                nobreak(mode), row["sensitive"], str(int(row["sensitive"]) - len(holes)),
                link(address("x86-instructions", set=ident), str(len(holes))) if holes else "0",
                str(classic), esc(row["theorem_1"]), which(items)]

    def riscv_rows(self):
        rows = []
        for emulator, claims in (self.theorems.verdicts or {}).items():
            for name, claim in claims.items():
                if name.startswith("theorem 1") and claim["instructions"]:
                    found = claim["observed"].get("exceptions", [])
                    rows.append([
                        link("#" + slug(name), esc("RISC-V: %s, %s" % (emulator, name))),
                        "U" if "base" in name else nobreak("VS, VU"), str(claim["instructions"]),
                        str(claim["instructions"] - len(found)),
                        self.theorems.value(name, emulator, "observed", "exceptions", found), "–",
                        whole_answer(claim["observed"]),
                        which(reference(row).partition(": ")[2] for row in found)])
        return rows

    def table(self):
        figure = Figure("x86-table", "Instructions on x86, %d rows" % len(self.rows), COMMAND,
                        self.files)
        self.figures.append(figure)
        return figure.html(FilterTable("x86-instructions", "Instructions on x86", COLUMNS, SELECTS,
                                       self.rows, self.sets, files=self.files).html())
