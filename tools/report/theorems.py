# SPDX-License-Identifier: BSD-2-Clause
"""The section on Popek and Goldberg's theorems: the census' verdicts, and the rows that decide.

verdicts.json: {emulator: {name: {"claim", "instructions", "demanded", "observed"}}}. Each of the
last two has booleans, and lists of rows; a row is told as "way mode gate: item", alone or in an
object with more.
"""

from . import Trouble, spec
from .filtertable import address
from .markup import (Figure, element, esc, link, missing, paragraph, section, slug, subsection,
                     table)

VERDICTS = "verdicts.json"
SIDES = ("demanded", "observed")
SIDE_NAMES = {"demanded": "specification", "observed": "observed"}
CONDITION = "holds if "
UNSEEN = "not looked at"
MAX_OPEN = 6                    # exceptions, from which on they are folded

INTRODUCTION = (
    "A machine can be virtualized by trapping and emulating if every sensitive instruction is "
    "privileged: if it traps whenever it is executed below the mode that it belongs to. Each claim "
    "below is decided twice, by a program and not by hand: from what the specification demands of "
    "each instruction, and from what the emulator was observed to do. The numbers lead to the rows "
    "of the census that they count.")


class Theorems:
    """The verdicts, with rows found in the census. sets: {name: numbers of its rows}."""

    def __init__(self, data, rows):
        self.verdicts = data.json(VERDICTS)
        self.rows = rows
        self.places = {}
        for place, row in enumerate(rows):
            key = row["emulator"], "%s %s %s: %s" % (row["way"], row["mode"], row["gate"],
                                                     row["item"])
            self.places.setdefault(key, place)
        self.sets = {}
        self.figures = []

    def html(self, number):
        if not self.verdicts:
            return section(number, "theorems", "Popek and Goldberg's theorems",
                           missing("The verdicts are not there.", "make census"))
        names = list(dict.fromkeys(name for claims in self.verdicts.values() for name in claims))
        figure = Figure("verdicts", "The verdicts", "make census", [VERDICTS])
        self.figures.append(figure)
        return section(number, "theorems", "Popek and Goldberg's theorems",
                       paragraph(esc(INTRODUCTION)),
                       figure.html(self.overview(names)), *(self.claim(name) for name in names))

    def sides(self, name):
        """[(emulator, side, verdict)]"""
        return [(emulator, side, claims[name][side]) for emulator, claims in self.verdicts.items()
                if name in claims for side in SIDES]

    def overview(self, names):
        heads = ["claim"] + ["%s: %s" % (emulator, SIDE_NAMES[side])
                             for emulator, side, _ in self.sides(names[0])]
        rows = [[link("#" + slug(name), esc(name))] +
                [whole_answer(verdict) if self.verdicts[emulator][name]["instructions"] else UNSEEN
                 for emulator, _, verdict in self.sides(name)] for name in names]
        return table("Does the claim hold?", heads, rows)

    def claim(self, name):
        claims = {emulator: claims[name] for emulator, claims in self.verdicts.items()
                  if name in claims}
        text = next(iter(claims.values()))["claim"]
        sides = self.sides(name)
        keys = list(dict.fromkeys(key for _, _, verdict in sides for key in verdict))
        if not any(claims[emulator]["instructions"] for emulator, _, _ in sides):
            keys = []           # it would hold of no instruction: that is no verdict
        heads = [""] + ["%s: %s" % (emulator, SIDE_NAMES[side]) for emulator, side, _ in sides]
        rows = [["instructions looked at"] +
                [esc(str(claims[emulator]["instructions"])) for emulator, _, _ in sides]]
        for key in keys:
            rows.append([esc(key)] + [self.value(name, emulator, side, key, verdict.get(key))
                                      for emulator, side, verdict in sides])
        return subsection(slug(name), name[0].upper() + name[1:],
                          paragraph(element("q", esc(text))),
                          table("What decides it", heads, rows, numbers=range(1, len(heads))),
                          self.exceptions(sides))

    def value(self, name, emulator, side, key, value):
        if isinstance(value, bool):
            return answer(value)
        if not value:
            return "0" if value == [] else ""
        ident = ".".join(map(slug, (emulator, name, side, key)))
        self.sets[ident] = [self.place(emulator, reference(row)) for row in value]
        return link(address("census", set=ident), str(len(value)))

    def place(self, emulator, row):
        if (emulator, row) not in self.places:
            raise Trouble("%s refers to \"%s\" on %s, and the census has no such row: make census "
                          "makes both" % (VERDICTS, row, emulator))
        return self.places[emulator, row]

    def exceptions(self, sides):
        """Those of all sides in one table, with the sides that each belongs to."""
        found = {}
        for emulator, side, verdict in sides:
            for row in verdict.get("exceptions", []):
                if isinstance(row, dict):
                    key = row["row"], row.get("does", ""), row.get("note", "")
                    found.setdefault(key, []).append((emulator, side))
        if not found:
            return ""
        rows = [self.exception(key, where) for key, where in found.items()]
        shown = table("Exceptions: sensitive, and no gate that was tried makes them trap",
                      ("row of the census", "it does", "where", "sections", "note"), rows)
        if len(rows) <= MAX_OPEN:
            return shown
        return element("details", element("summary", "The %d exceptions" % len(rows)), shown)

    def exception(self, key, where):
        row, does, note = key
        places = [(emulator, self.rows[self.place(emulator, row)]) for emulator, _ in where]
        first = places[0][1]
        links = link(address("census", way=first["way"], mode=first["mode"], gate=first["gate"],
                             item=first["item"]), esc(row))
        sides = {}
        for emulator, side in where:
            sides.setdefault(side, []).append(emulator)
        told = "; ".join("%s on %s" % (side, ", ".join(names)) for side, names in sides.items())
        return [links, esc(does), esc(told), spec.links(first["section"]), esc(note)]


def reference(row):
    return row["row"] if isinstance(row, dict) else row


def whole_answer(verdict):
    """With the condition under which it holds, if it holds under one only."""
    if not verdict["holds"]:
        for key, value in verdict.items():
            if key.startswith(CONDITION) and value is True:
                return element("span", "△ ", esc(key.removeprefix("holds ")), class_="partly")
    return answer(verdict["holds"])


def answer(holds):
    return element("span", "✓ yes" if holds else "✗ no", class_="yes" if holds else "no")
