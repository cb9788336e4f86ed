# SPDX-License-Identifier: BSD-2-Clause
"""Popek and Goldberg's theorems, decided by the census' rows.

A row says twice what an instruction does: what the specification demands, and what was observed. So each verdict is
computed twice. A sensitive instruction is an exception to a theorem if none of the gates that were tried makes it trap.
"""

from typing import NamedTuple

import table

H_GROUPS = {"h", "h-ro", "h-optional", "h-stateen", "vs", "vs-ro", "hfence", "hlv"}
# What HS-mode does otherwise than VS-mode, besides: a guest hypervisor's own must be seen, or its gate closed.
H_AFFECTED = {"sret", "csrr satp", "csrw satp", "sfence.vma", "sfence.vma address", "sfence.vma asid",
              "sfence.vma address asid", "sinval.vma", "wfi", "csrr stimecmp", "csrw stimecmp", "csrr senvcfg",
              "csrw senvcfg"}


class Claim(NamedTuple):
    name: str
    text: str
    way: str
    modes: tuple
    is_concerned: object    # of (row, item): whether the instruction is sensitive in the claim's sense
    swap: bool = False      # exceptions without a VS register are harmless if the hypervisor swaps the register


def traps(words):
    """Whether every outcome in a column of a row is a trap, in every CSR of the row."""
    return all("trap" in word for part in words.split("; ") for word in part.split(" or "))


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
          lambda row, item, demands: (item.group in H_GROUPS and literally(row, item, demands)) or
          item.name in H_AFFECTED),
    Claim("theorem 3, hybrid", "every instruction that is sensitive when a user program executes it traps in U-mode",
          "native", ("U",), lambda row, item, demands: row.klass != "innocuous"),
)


def name_of(row):
    """How documents refer to a row."""
    return "%s %s %s: %s" % (row.way, row.mode, row.gate, row.item)


def judge_one(claim, rows, items, demands):
    """For each concerned instruction and mode: the rows that show it, and whether one of them is a trap."""
    concerned = {}
    for row in rows:
        item = items.get(row.item)
        if row.way == claim.way and row.mode in claim.modes and item and claim.is_concerned(row, item, demands):
            concerned.setdefault((row.mode, row.item), []).append(row)
    verdict = {"claim": claim.text, "instructions": len(concerned)}
    for column in ("demanded", "observed"):
        always, gated, exceptions = [], [], []
        for shown in concerned.values():
            trapping = [row for row in shown if traps(getattr(row, column))]
            opened = [row for row in shown if row.gate == "open"]
            if len(trapping) == len(shown):
                always.append(name_of(opened[0]))
            elif trapping:
                gated.append(name_of(trapping[0]))
            else:
                exceptions.append({"row": name_of(opened[0]), "does": getattr(opened[0], column)})
        verdict[column] = {"holds": not exceptions, "always traps": always, "traps behind a gate": gated,
                           "exceptions": exceptions}
    return verdict


def judge(rows):
    """{claim: verdict} for the rows of one emulator."""
    items = {item.name: item for item in table.items()}
    demands = table.demands()
    return {claim.name: judge_one(claim, rows, items, demands) for claim in CLAIMS}
