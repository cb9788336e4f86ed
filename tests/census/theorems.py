# SPDX-License-Identifier: BSD-2-Clause
"""Popek and Goldberg's theorems, decided by the census' rows.

A row says twice what an instruction does: what the specification demands, and what was observed. So each verdict is
computed twice. A sensitive instruction is an exception to a theorem if none of the gates that were tried makes it trap.
"""

from typing import NamedTuple

import table

# What a hypervisor manages its guests by, and SRET, which in HS-mode enters them (II 19.6.4: hstatus.SPV).
H_GROUPS = {"h", "h-ro", "h-optional", "h-stateen", "vs", "vs-ro", "hfence", "hlv", "sret"}

# Registers of a guest's that the hardware does not keep apart (II 19.2): the hypervisor must swap them, as it does
# with the general registers; then they are no more real state than those.
SWAPPED_GROUPS = {"s-shared", "s-stateen"}


class Claim(NamedTuple):
    name: str
    text: str
    way: str
    modes: tuple
    is_concerned: object    # of (row, item, demands): whether the instruction is sensitive in the claim's sense


def alternatives(words):
    """The outcomes in a column of a row, of all its CSRs."""
    return [word for part in words.split("; ") for word in part.split(" or ")]


def traps(words):
    return all("trap" in word for word in alternatives(words))


def may_trap(words):
    """The specification leaves it to the implementation or the firmware."""
    return any("trap" in word for word in words.split(" or "))


def literally(row, item, demands):
    return demands[item.group, item.kind].sensitive[""] != "innocuous"


CLAIMS = (
    Claim("theorem 1, base", "every sensitive instruction of S-mode is privileged: it traps in U-mode", "native", ("U",),
          literally),
    Claim("theorem 1, H, literally", "every instruction that is sensitive in HS-mode traps in VS-mode and VU-mode",
          "gates", ("VS", "VU"), literally),
    Claim("theorem 1, H, real state", "every instruction that with V=1 touches the real machine's state traps in VS-mode "
          "and VU-mode", "gates", ("VS", "VU"), lambda row, item, demands: row.klass != "innocuous"),
    Claim("theorem 2, recursion", "every instruction by which a hypervisor in VS-mode would manage guests traps, so that "
          "the hypervisor below can do it instead", "gates", ("VS",),
          lambda row, item, demands: item.group in H_GROUPS and literally(row, item, demands)),
    Claim("theorem 3, hybrid", "every instruction that is sensitive when a user program executes it traps in U-mode",
          "native", ("U",), lambda row, item, demands: row.klass != "innocuous"),
)


def name_of(row):
    """How documents refer to a row."""
    return "%s %s %s: %s" % (row.way, row.mode, row.gate, row.item)


def sort(shown, column):
    """Which list of a verdict an instruction belongs to, by all rows that show it in a mode; and the row that decides."""
    opened = next(row for row in shown if row.gate == "open")
    trapping = [row for row in shown if traps(getattr(row, column))]
    if len(trapping) == len(shown):
        return "always traps", opened
    if trapping:
        return "traps behind a gate", trapping[0]
    open_to_choice = [row for row in shown if column == "demanded" and may_trap(row.demanded)]
    if open_to_choice:
        return "may trap", open_to_choice[0]
    return "exceptions", opened


def judge_one(claim, rows, items, demands):
    concerned = {}
    for row in rows:
        item = items.get(row.item)
        if row.way == claim.way and row.mode in claim.modes and item and claim.is_concerned(row, item, demands):
            concerned.setdefault((row.mode, row.item), []).append(row)
    verdict = {"claim": claim.text, "instructions": len(concerned)}
    for column in ("demanded", "observed"):
        lists = {"always traps": [], "traps behind a gate": [], "may trap": [], "exceptions": []}
        swapped = True
        for shown in concerned.values():
            name, row = sort(shown, column)
            if name == "exceptions":
                lists[name].append({"row": name_of(row), "does": getattr(row, column), "note": row.note})
                swapped &= items[row.item].group in SWAPPED_GROUPS
            else:
                lists[name].append(name_of(row))
        # A claim about nothing is not one that holds: not all ways were run.
        verdict[column] = {"holds": bool(concerned) and not lists["exceptions"],
                           "holds if registers are swapped": bool(concerned) and swapped, **lists}
    return verdict


def judge(rows):
    """{claim: verdict} for the rows of one emulator."""
    items = {item.name: item for item in table.items()}
    demands = table.demands()
    return {claim.name: judge_one(claim, rows, items, demands) for claim in CLAIMS}
