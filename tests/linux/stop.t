#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The monitor's `stop` presses the power button, and Debian powers off by itself."""

import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import linux  # noqa: E402

# acpid is there by then, or a moment later.
SCRIPT = """\
wait guest output ":~# " 200
sleep 1
stop guest
wait guest output "doppel-init: power button" 60
wait guest off 60
quit
"""


def run(qemu, *args):
    with tempfile.NamedTemporaryFile("w", suffix=".script") as script:
        script.write(SCRIPT)
        script.flush()
        return linux.Boot(qemu, "--script", script.name, *args, append="quiet")


def main():
    tap = linux.Tap()
    for which in 0, 1:
        qemu = linux.emulator(which)
        if not qemu:
            tap.skip("stop on emulator number %d" % which, "there is none; see tools/emulators")
            continue
        name = "QEMU %d.%d" % linux.version(qemu)
        for args in ("--cpus", "2"), ("--cpus", "1", "--cpu", "rv64,sstc=off"):
            boot = run(qemu, *args)
            tap.ok(boot.status == 0 and boot.matches("^doppel: vm guest: powered off"),
                   "%s, %s: the guest hears the button and powers off" % (name, " ".join(args)),
                   "status %d\n%s" % (boot.status, boot.tail))
    tap.done()


main()
