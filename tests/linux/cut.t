#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Images of disks that are cut short while a guest has them, on this computer: behind the new end there
are I/O errors, neither zeroes nor a file that grows again; before it nothing changes.
"""

import os
import pathlib
import random
import re
import sys
import tempfile

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lib"))

import linux  # noqa: E402

TAP = linux.Tap()
MIB = 1 << 20
SIZE, CUT = 16 * MIB, 4 * MIB + 700     # bytes; 700: no whole sectors

READ = "dd if=/dev/%s of=/tmp/data bs=%d skip=%d count=1 iflag=direct"
WRITE = "dd if=/dev/zero of=/dev/%s bs=%d seek=%d count=1 oflag=direct conv=notrunc"


class Guest(linux.Running):
    def does(self, command):
        """What comes of it: "done", "I/O error", or all that it said."""
        before = len(self.text)
        self.type("%s 2>/tmp/said && echo 'did' it || { echo 'did' not; cat /tmp/said; }; echo 'e''nd'\n"
                  % command)
        self.wait_for(r"(?s).{%d}.*^end$" % before)
        said = self.text[before:]
        if re.search(r"^did it$", said, re.M):
            return "done"
        return "I/O error" if re.search(r"(?i)input/output error|I/O error", said) else said


def test(qemu, label):
    with tempfile.TemporaryDirectory() as directory:
        written, kept = pathlib.Path(directory, "written"), pathlib.Path(directory, "kept")
        data = random.Random(1).randbytes(SIZE)
        for path in written, kept:
            path.write_bytes(data)
        guest = Guest(qemu, "--disk", str(written), "--disk", "%s,overlay" % kept)
        TAP.ok(guest.wait_for(r":~# "), "a guest with two disks, " + label, guest.text[-800:])
        ends = [guest.does(READ % (disk, 4096, SIZE // 4096 - 1)) for disk in ("vda", "vdb")]
        TAP.ok(ends == ["done"] * 2, "it reads to their ends, " + label, ends)
        for path in written, kept:
            os.truncate(path, CUT)
        TAP.ok(all(guest.wait_for(r"doppel: %s is in use, and was cut from %d to %d bytes"
                                  % (re.escape(os.path.realpath(path)), SIZE, CUT))
                   for path in (written, kept)), "the user is told, " + label, guest.text[-800:])
        for disk in "vda", "vdb":
            which = "%s, %s" % ("its disk" if disk == "vda" else "a base of an overlay", label)
            said = [guest.does(READ % (disk, 4096, at)) for at in (CUT // 4096, SIZE // 4096 - 1)]
            TAP.ok(said == ["I/O error"] * 2, "it cannot read behind the end of " + which, said)
            said = guest.does(READ % (disk, 8192, CUT // 8192))
            TAP.ok(said == "I/O error", "it cannot read across the end of " + which, said)
            said = guest.does(READ % (disk, 4096, CUT // 4096 - 1))
            TAP.ok(said == "done", "it can read before the end of " + which, said)
        said = guest.does(WRITE % ("vda", 4096, SIZE // 4096 - 1))
        TAP.ok(said == "I/O error", "it cannot write behind the end, " + label, said)
        said = guest.does(WRITE % ("vda", 4096, 0))
        TAP.ok(said == "done", "it can write before the end, " + label, said)
        TAP.ok(guest.power_off() == 0, "it powers off, " + label, guest.text[-800:])
        TAP.ok(written.read_bytes() == bytes(4096) + data[4096:CUT] and kept.read_bytes() == data[:CUT],
               "the images are as short as before, and hold what was written, " + label)


for path_of_qemu, name in linux.emulators():
    test(path_of_qemu, name)
TAP.done()
