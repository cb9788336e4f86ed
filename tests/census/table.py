# SPDX-License-Identifier: BSD-2-Clause
"""The census' items, and what the specification demands of each: csrs.csv, instructions.csv, demands.csv,
gates.csv. Nothing here knows what was observed.

Sections: I is volume I, II volume II of the RISC-V Instruction Set Manual, both of version 20240411.
"""

import csv
import fnmatch
import pathlib
from typing import NamedTuple

HERE = pathlib.Path(__file__).resolve().parent
MODES = ("S", "U", "HS", "VS", "VU")
CLASSES = ("control-sensitive", "behaviour-sensitive", "innocuous")
CSRRS, CSRRW, REG_A0 = 2, 1, 10

# How the guest programs execute an item; items.h has them as enum how.
HOW = ("csr-read", "csr-write", "ram", "ram+1", "hole", "hole+1", "sbi", "sret", "wfi")


class Item(NamedTuple):
    name: str
    kind: str           # csr-read, csr-write, instruction, access, reserved
    group: str          # of demands.csv
    word: int           # the instruction; a compressed one has a c.nop in its upper half
    count: int          # instructions, from one CSR number to the next
    step: int
    how: str
    extension: str      # must be there, else the instruction is illegal: names with + between them
    section: str


class Demand(NamedTuple):
    outcomes: dict      # of a mode: "trap 2|executes"
    section: str
    sensitive: dict     # of "": the class below M or HS, of "V": that of executing it with V=1
    reason: str


def rows(name):
    with open(HERE / name, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def csr_word(funct3, csr, rs1):
    return 0x73 | REG_A0 << 7 | funct3 << 12 | rs1 << 15 | csr << 20


def csr_items():
    for row in rows("csrs.csv"):
        number = int(row["first"], 16)
        for verb, kind, funct3, rs1 in (("csrr", "csr-read", CSRRS, 0), ("csrw", "csr-write", CSRRW, REG_A0)):
            yield Item("%s %s" % (verb, row["csr"]), kind, row["group"], csr_word(funct3, number, rs1),
                       int(row["count"]), int(row["step"]), kind, row["extension"], row["section"])


def instruction_items():
    for row in rows("instructions.csv"):
        yield Item(row["item"], row["kind"], row["group"], int(row["code"], 16), 1, 1, row["argument"],
                   row["extension"], row["section"])


def items():
    """In the order of their numbers in the programs' output."""
    return list(csr_items()) + list(instruction_items())


def demands():
    """{(group, kind): Demand}"""
    found = {}
    for row in rows("demands.csv"):
        assert row["class"] in CLASSES and row["class-v"] in CLASSES, row
        found[row["group"], row["kind"]] = Demand({mode: row[mode] for mode in MODES}, row["section"],
                                                  {"": row["class"], "V": row["class-v"]}, row["reason"])
    return found


def gates():
    """{(gate, mode): {item name: (demanded, section)}}, with the patterns expanded."""
    names = [item.name for item in items()]
    found = {}
    for row in rows("gates.csv"):
        matching = fnmatch.filter(names, row["items"])
        assert matching, "gates.csv: no item is called %s" % row["items"]
        for mode in row["modes"].split():
            for name in matching:
                found.setdefault((row["gate"], mode), {})[name] = (row["demanded"], row["section"])
    return found


def isa_extensions(isa):
    """The names in an ISA string: "rv64imafdc_zicsr_sstc"."""
    base, *longer = isa.split("_")
    return set(base[4:]) | set(longer)


def is_present(item, extensions):
    return all(name in extensions for name in item.extension.split("+") if name)
