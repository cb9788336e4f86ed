# SPDX-License-Identifier: BSD-2-Clause
"""Sections of the RISC-V Instruction Set Manual, version 20240411: names and addresses.

spec-sections.csv has, for each, the file of the manual's sources in which it stands and the line of
its headline; the address leads to that line, in that version. (Later versions have other numbers.)
"""

import csv
import os
import re

from . import HERE
from .markup import element, esc

SOURCE = "https://github.com/riscv/riscv-isa-manual/blob/20240411/src/%s?plain=1#L%s"
VOLUMES = ("I", "II")


def _load():
    with open(os.path.join(HERE, "spec-sections.csv"), newline="", encoding="utf-8") as file:
        return {(row["volume"], row["section"]): (row["name"], SOURCE % (row["file"], row["line"]))
                for row in csv.DictReader(line for line in file if line[0] != "#")}


SECTIONS = _load()


def split(words):
    """("II 3.1.6.6; 19.2.11, 2.1") -> [(volume, section)]: a volume is told once."""
    volume, found = "", []
    for part in re.split("[;,] ", words):
        first, _, rest = part.partition(" ")
        if first in VOLUMES and rest:
            volume, part = first, rest
        found.append((volume, part))
    return found


def parts(words):
    """[(text, name, address)]; name and address are None for what is no known section."""
    known = [(volume, number) + SECTIONS.get((volume, number), (None, None))
             for volume, number in split(words)]
    return [(("%s %s" % (volume, number)).strip(), name, address)
            for volume, number, name, address in known]


def links(words):
    """As markup, by the names of the sections; each once."""
    found = []
    for text, name, address in parts(words):
        words = element("a", esc("%s, %s" % (text, name)), href=address) if name else esc(text)
        if words not in found:
            found.append(words)
    return "; ".join(found)
