#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# The device tree reader and writer, compared with dtc.

import os
import random
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "lib"))
import launcher  # noqa: E402,F401  (finds the package)
import tap  # noqa: E402
from doppel import fdt  # noqa: E402

SOURCE = b"""/dts-v1/;
/ {
    compatible = "doppel,vms", "other";
    empty;
    cells = <1 2 0xffffffff>;
    bytes = [01 02 03];
    a { deeper { name-of-3 = "x"; }; };
    b { compatible = ""; };
};
"""


def dtc(data, source, target):
    return subprocess.run(["dtc", "-q", "-I", source, "-O", target, "-"], input=data,
                          stdout=subprocess.PIPE, check=True).stdout


def expected():
    root = fdt.Node()
    root.props["compatible"] = fdt.string("doppel,vms") + fdt.string("other")
    root.props["empty"] = b""
    root.props["cells"] = fdt.cells(1, 2, 0xFFFFFFFF)
    root.props["bytes"] = b"\1\2\3"
    root.add("a").add("deeper").props["name-of-3"] = fdt.string("x")
    root.add("b").props["compatible"] = fdt.string("")
    return root


def is_refused(blob):
    try:
        fdt.read(blob)
    except fdt.BadTree:
        return True
    return False


def test_read():
    """a blob of dtc's is read"""
    tap.same(fdt.read(dtc(SOURCE, "dts", "dtb")) == expected(), True)


def test_write():
    """dtc reads what is written as the same tree"""
    ours = dtc(fdt.write(expected()), "dtb", "dts")
    tap.same(ours, dtc(dtc(SOURCE, "dts", "dtb"), "dtb", "dts"))


def test_round_trip():
    """random trees survive writing and reading"""
    rng = random.Random(1)

    def fill(node, depth):
        for i in range(rng.randrange(4)):
            node.props["p%d" % i] = rng.randbytes(rng.randrange(9))
        for i in range(rng.randrange(4) if depth else 0):
            fill(node.add("n%d" % i), depth - 1)

    for _ in range(100):
        root = fdt.Node()
        fill(root, 3)
        tap.same(fdt.read(fdt.write(root)) == root, True)


def test_truncated():
    """a blob cut anywhere is refused"""
    blob = fdt.write(expected())
    for size in range(len(blob)):
        tap.same(is_refused(blob[:size]), True)


def test_damaged():
    """a damaged blob is refused or read, and nothing else happens"""
    rng = random.Random(2)
    blob = fdt.write(expected())
    refused = 0
    for _ in range(2000):
        damaged = bytearray(blob)
        for _ in range(rng.randrange(1, 4)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        refused += is_refused(bytes(damaged))
    tap.same(refused > 100, True)


tap.main(sys.modules[__name__])
