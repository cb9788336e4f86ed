# SPDX-License-Identifier: BSD-2-Clause
"""The section on x86: the same questions, of ring 3, of bare metal and of guests under SVM."""

from .filtertable import FilterTable, address
from .markup import Figure, element, esc, link, missing, paragraph, section, slug, table
from .theorems import reference

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
# Modes in which an instruction is asked the question of theorem 1: below the most privileged one,
# or in a guest, where all are.
BELOW = "cpl3"
VIRTUAL = "svm"
SPECIAL = ("-closed", "-iopl3")        # modes that have some of the instructions only


def which(items):
    return element("div", esc(", ".join(dict.fromkeys(items))), class_="wide-text")


class X86:
    """theorems: theorems.Theorems, which has RISC-V's side."""

    def __init__(self, data, theorems):
        self.files = [name for name in FILES if data.rows(name)]
        self.rows = [row for name in FILES for row in data.rows(name, *NEEDED)]
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
        figure = Figure("side-by-side", "Sensitive instructions that do not trap", COMMAND,
                        self.files)
        self.figures.append(figure)
        rows = self.x86_rows() + self.riscv_rows()
        words = paragraph("Sensitive instructions below, and those among them that neither trap "
                          "nor act on a copy of the guest's own. On x86 a hypervisor cannot see "
                          "those: this is what kept it from being virtualized by trapping and "
                          "emulating. Rows of RISC-V count what traps behind a gate as trapping; "
                          "those marked literally ask more than the theorem needs (see above). "
                          "Modes in which a hardware switch closes or opens some (UMIP, TSD, IOPL "
                          "3) are in the table of all rows.")
        heads = ("machine", "mode", "sensitive", "trap, or the guest's own", "neither", "which")
        return words + figure.html(table("Sensitive instructions, x86 and RISC-V", heads, rows,
                                         numbers=(2, 3, 4)))

    def x86_rows(self):
        groups = {}
        for place, row in enumerate(self.rows):
            concerned = row["mode"].startswith(BELOW) or row["where"].startswith(VIRTUAL)
            if row["class"] != "innocuous" and concerned and not row["mode"].endswith(SPECIAL):
                groups.setdefault((row["where"], row["mode"]), []).append(place)
        return [self.x86_row(where, mode, places) for (where, mode), places in groups.items()]

    def x86_row(self, where, mode, places):
        holes = [place for place in places if self.rows[place]["verdict"].startswith("hole")]
        ident = ".".join(map(slug, (where, mode, "holes")))
        self.sets[ident] = holes
        return [link(address("x86-instructions", where=where, mode=mode), esc("x86: " + where)),
                esc(mode), str(len(places)), str(len(places) - len(holes)),
                link(address("x86-instructions", set=ident), str(len(holes))) if holes else "0",
                which(self.rows[place]["item"] for place in holes)]

    def riscv_rows(self):
        rows = []
        for emulator, claims in (self.theorems.verdicts or {}).items():
            for name, claim in claims.items():
                if name.startswith("theorem 1"):
                    found = claim["observed"].get("exceptions", [])
                    rows.append([
                        link("#" + slug(name), esc("RISC-V: %s, %s" % (emulator, name))),
                        "U" if "base" in name else "VS, VU", str(claim["instructions"]),
                        str(claim["instructions"] - len(found)),
                        self.theorems.value(name, emulator, "observed", "exceptions", found),
                        which(reference(row).partition(": ")[2] for row in found)])
        return rows

    def table(self):
        figure = Figure("x86-table", "Instructions on x86, %d rows" % len(self.rows), COMMAND,
                        self.files)
        self.figures.append(figure)
        return figure.html(FilterTable("x86-instructions", "Instructions on x86", COLUMNS, SELECTS,
                                       self.rows, self.sets, files=self.files).html())
