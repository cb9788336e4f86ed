# SPDX-License-Identifier: BSD-2-Clause
"""Addresses of a guest by the names of its functions: from a System.map, the guest's own
/proc/kallsyms, or an ELF64 program."""

import bisect
import re
import struct

from . import Refusal

CODE = "tTwW"               # kinds of symbols in a map
MAX_DISTANCE = 1 << 20      # bytes behind a symbol that are no longer its own
ELF_HEADER = struct.Struct("<16xHHIQQQIHHHHHH")
ELF_SECTION = struct.Struct("<IIQQQQIIQQ")
ELF_SYMBOL = struct.Struct("<IBBHQQ")
SHT_SYMTAB = 2
STT_FUNC, STT_NOTYPE = 2, 0


class Symbols:
    """What stands at an address."""

    def __init__(self, pairs):
        self.pairs = sorted(set(pairs))
        self.addresses = [address for address, _ in self.pairs]

    def find(self, address):
        """(name, distance), or None."""
        at = bisect.bisect_right(self.addresses, address) - 1
        if at < 0 or address - self.addresses[at] > MAX_DISTANCE:
            return None
        return self.pairs[at][1], address - self.addresses[at]

    def name(self, address):
        """NAME+0xN, or ""."""
        found = self.find(address)
        return "%s+0x%x" % found if found else ""

    def function(self, address):
        found = self.find(address)
        return found[0] if found else ""


def load(path):
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise Refusal("--symbols %s cannot be read (%s): check the path" % (path, error.strerror))
    try:
        pairs = from_elf(data) if data.startswith(b"\x7fELF") else from_map(data)
    except (struct.error, ValueError, IndexError):
        pairs = []
    if not pairs:
        raise Refusal("--symbols %s has no symbols of code: give a System.map, the guest's "
                      "/proc/kallsyms as root sees it, or an ELF64 program with its symbols" % path)
    return Symbols(pairs)


def from_map(data):
    lines = re.findall(rb"^([0-9a-fA-F]{8,16}) (\w) (\S+)", data, re.M)
    pairs = [(int(address, 16), name.decode("ascii", "replace"))
             for address, kind, name in lines if kind.decode() in CODE]
    # Who may not see addresses sees zeroes.
    return [pair for pair in pairs if pair[0]]


def from_elf(data):
    fields = ELF_HEADER.unpack_from(data)
    offset, entry_size, count = fields[5], fields[10], fields[11]
    sections = [ELF_SECTION.unpack_from(data, offset + i * entry_size) for i in range(count)]
    pairs = []
    for section in sections:
        if section[1] == SHT_SYMTAB:
            names = sections[section[6]]
            pairs += symbols_of(data, section, data[names[4]:names[4] + names[5]])
    return pairs


def symbols_of(data, section, names):
    for at in range(section[4], section[4] + section[5], ELF_SYMBOL.size):
        name, info, _, where, value, _ = ELF_SYMBOL.unpack_from(data, at)
        text = names[name:names.index(b"\0", name)].decode("ascii", "replace")
        # Mapping symbols ($x) and labels of the assembler (.L) name nothing.
        if info & 15 in (STT_FUNC, STT_NOTYPE) and where and text and text[0] not in "$.":
            yield value, text
