#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The monitor's `stop` presses the power button, and Debian powers off by itself."""

import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import linux  # noqa: E402

# The button is pressed when acpid listens.
SCRIPT = """\
wait guest output ":~# " 200
send guest "until ls -l /proc/[0-9]*/fd | grep -q /dev/input/event; do sleep 0.2; done; echo listens"
wait guest output "\\nlistens" 100
stop guest
wait guest output "doppel-init: power button" 100
wait guest off 100
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
