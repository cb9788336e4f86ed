# SPDX-License-Identifier: BSD-2-Clause
"""Memory sizes: "512M" in, "512M" out."""

import re

from . import Refusal

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
UNITS = {"K": KIB, "M": MIB, "G": GIB}


def parse(text, what):
    """Bytes of a size such as 512M; `what` begins the sentence of a refusal."""
    match = re.fullmatch(r"([0-9]{1,12})([KMG])", text)
    if not match:
        raise Refusal("%s \"%s\" is not a size: give a whole number with K, M or G, such as 512M"
                      % (what, text))
    return int(match.group(1)) * UNITS[match.group(2)]


def text(size):
    """The shortest exact form; a size that is no multiple of 1 KiB in bytes."""
    for unit in "GMK":
        if size and size % UNITS[unit] == 0:
            return "%d%s" % (size // UNITS[unit], unit)
    return "%d bytes" % size


def round_up(size, step):
    return -(-size // step) * step
