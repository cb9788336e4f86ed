#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""VMs that are made after one description: which disks they may share, and what is their own."""

import pathlib
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "monitor"))

import monitors  # noqa: E402

TAP = monitors.Tap()
DISK = '%s { compatible = "doppel,disk"; image = "%s"; %s };'

# What is created, and whether the last of it is refused.
CASES = (
    ("a disk that is written to is not shared with a copy", ["create writer", "create writer copy"],
     True),
    ("nor with a copy of which the first is not called so", ["create writer a", "create writer b"],
     True),
    ("a VM that is gone has no disk any more",
     ["create writer", "destroy writer", "create writer copy"], False),
    ("disks that are read-only or have an overlay are shared",
     ["create reader", "create reader a", "create reader b"], False),
)


def script(qemu, lines):
    with tempfile.TemporaryDirectory() as directory:
        for name in ("a.img", "b.img"):
            pathlib.Path(directory, name).write_bytes(bytes(1 << 20))
        a, b = ("%s/%s.img" % (directory, name) for name in "ab")
        return monitors.Script(qemu, [
            monitors.vm("writer", DISK % ("disk", a, ""), autostart=False),
            monitors.vm("reader", DISK % ("one", b, "read-only;") + DISK % ("two", b, "overlay;"),
                        autostart=False)], lines + ["quit"])


for qemu, label in monitors.emulators():
    for name, lines, is_refused in CASES:
        run = script(qemu, lines)
        said = "%s: another disk has the same image, and one of them writes to it" % (
            lines[-1].split()[-1])
        TAP.ok(run.status == (5 if is_refused else 0) and (said in run.text) == is_refused,
               "%s, %s" % (name, label), run.tail)

TAP.done()
