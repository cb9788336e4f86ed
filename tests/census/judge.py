# SPDX-License-Identifier: BSD-2-Clause
"""What the specification demands of an execution, and whether what was observed is that.

A demand is a list of outcomes, any of which will do: "trap 2|executes". A star means HS-qualified (II 19.6.1): the
outcome is demanded if HS-mode (or S-mode, without H) can execute the instruction, as its own row shows; else the
instruction is illegal.
"""

import re
from typing import NamedTuple

import table

SPECIFIED, DEVIATES, DOPPEL = "as specified", "emulator deviates", "DOPPEL"
VIRTUAL = {"VS": "S", "VU": "U"}        # the mode that a guest of Doppel takes its own for

# hedeleg: which exceptions go on to VS-mode when all its bits have been written (II 19.2.2).
DELEGATED = {0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 15, 18, 19}

# What stval may be (II 10.1.9; 3.1.16): the letters of struct outcome.
TVAL = {2: "0i", 22: "0i", 3: "0p", 8: "0", 9: "0", 10: "0"}
ADDRESS = "0a"
FLAGS = {"e": "wrong sepc", "m": "wrong mode", "h": "wrong htval", "r": "real register", "?": "no register",
         "s": "SD differs in vsstatus"}


class Row(NamedTuple):
    way: str
    emulator: str
    mode: str
    gate: str
    item: str
    kind: str
    section: str
    klass: str
    demanded: str
    observed: str
    verdict: str
    note: str = ""

    def key(self):
        return self.mode, self.gate, self.item


COLUMNS = ("way", "emulator", "mode", "gate", "item", "kind", "section", "class", "demanded", "observed", "verdict",
           "note")


def describe(outcome):
    """An outcome in the words of demands.csv, with what is wrong about it behind a comma."""
    if outcome.cause is None:
        words = "vs-copy" if outcome.flag in "cs" else "executes"
    else:
        words = ("VS trap %d" if outcome.flag == "d" else "trap %d") % outcome.cause
        if outcome.tval not in TVAL.get(outcome.cause, ADDRESS):
            words += ", wrong stval"
    if outcome.flag in FLAGS:
        words += ", " + FLAGS[outcome.flag]
    return words


def resolve(demanded, is_qualified):
    """The set of outcomes, without stars."""
    outcomes = set()
    for word in demanded.split("|"):
        outcomes.add(word.rstrip("*") if is_qualified or not word.endswith("*") else "trap 2")
    return outcomes


def delegate(outcomes):
    """The same with hedeleg all ones."""
    def one(word):
        match = re.fullmatch(r"trap (\d+)", word)
        return "VS " + word if match and int(match.group(1)) in DELEGATED else word
    return {one(word) for word in outcomes}


def sections(*texts):
    """ "II 10.1; 19.2" and "I 7; II 19.2" as "I 7; II 10.1, 19.2"."""
    found = {}
    for text in texts:
        volume = ""
        for part in text.split("; "):
            words = part.split(" ")
            volume = words[0] if len(words) > 1 else volume
            found.setdefault(volume, []).append(words[-1])
    return "; ".join("%s %s" % (volume, ", ".join(dict.fromkeys(found[volume]))) for volume in sorted(found))


def join(words):
    return " or ".join(sorted(set(words)))


def by_range(observed):
    """{number in the range: words} as one text: "executes", or "executes (0-15), trap 2 (16-28)"."""
    groups = []
    for n in sorted(observed):
        if groups and groups[-1][0] == observed[n]:
            groups[-1][2] = n
        else:
            groups.append([observed[n], n, n])
    if len(groups) == 1:
        return groups[0][0]
    return "; ".join("%s (%d-%d)" % tuple(group) for group in groups)


class Judge:
    """Rows of one way on one emulator."""

    def __init__(self, way, emulator, output, extensions):
        self.way, self.emulator, self.output = way, emulator, output
        self.extensions = table.isa_extensions(output.isa) | set(extensions)
        self.items, self.demands, self.gates = table.items(), table.demands(), table.gates()

    def spec_mode(self, mode):
        """Whose demands apply: a guest of Doppel is a machine of its own, without H."""
        return VIRTUAL.get(mode, mode) if self.way in ("doppel", "classic") else mode

    def demanded(self, item, mode, gate):
        """The text of demands.csv or gates.csv, and its section."""
        mode = self.spec_mode(mode)
        if not table.is_present(item, self.extensions):
            return "trap 2", "II 2.1" if item.kind.startswith("csr") else "I 1.7"
        override = self.gates.get((gate, mode), {}).get(item.name)
        if override:
            return override
        demand = self.demands[item.group, item.kind]
        return demand.outcomes[mode], demand.section

    def is_qualified(self, number, n):
        """Whether the most privileged mode of this run executes it."""
        for mode in ("HS", "S", "VS"):
            sweep = self.output.sweeps.get((mode, "open"))
            if sweep:
                return sweep[number, n].cause is None
        return False

    def row(self, number, mode, gate):
        item = self.items[number]
        sweep = self.output.sweeps[mode, gate]
        text, section = self.demanded(item, mode, gate)
        demanded, observed, wrong = set(), {}, False
        for n in range(item.count):
            outcomes = resolve(text, self.is_qualified(number, n))
            if gate == "hedeleg=all":
                outcomes = delegate(outcomes)
            demanded |= outcomes
            observed[n] = describe(sweep[number, n])
            wrong |= observed[n] not in outcomes
        demand = self.demands[item.group, item.kind]
        return Row(self.way, self.emulator, mode, gate, item.name, item.kind,
                   sections(item.section, section),
                   demand.sensitive["V" if mode in VIRTUAL else ""], join(demanded), by_range(observed),
                   DEVIATES if wrong else SPECIFIED)

    def sweep_rows(self, mode, gate):
        """All of the open sweep. Behind a closed gate: what it concerns and what differs, and all others as one."""
        base = self.output.sweeps[mode, "open"]
        sweep = self.output.sweeps[mode, gate]
        concerned = self.gates.get((gate, self.spec_mode(mode)), {})
        others = 0
        for number, item in enumerate(self.items):
            changed = any(describe(base[number, n]) != describe(sweep[number, n]) for n in range(item.count))
            if gate in ("open", "hedeleg=all") or item.name in concerned or changed:
                yield self.row(number, mode, gate)
            else:
                others += 1
        if others:
            yield Row(self.way, self.emulator, mode, gate, "all others", "summary", "II 19.6.1", "",
                      "%d as open" % others, "%d as open" % others, SPECIFIED, "compared one by one")

    def rows(self):
        for mode, gate in self.output.sweeps:
            yield from self.sweep_rows(mode, gate)
