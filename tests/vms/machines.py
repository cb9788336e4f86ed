# SPDX-License-Identifier: BSD-2-Clause
"""Runs several VMs of the program tests/guest/vm-roles, each with a role of its own."""

import fcntl
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lib"))

from linux import Tap, emulators, lines_of  # noqa: E402,F401

PROGRAM = ROOT / "build" / "guest" / "vm-roles.elf"
TIMEOUT = 500  # seconds; only a hang takes so long
F_SETPIPE_SZ = 1031  # fcntl.F_SETPIPE_SZ of newer Pythons
PIPE_SIZE = 4096  # so that it is soon full when nobody reads


def description(machines):
    """Device tree source; machines are (name, role, memory, properties), with one vCPU by default."""
    nodes = [
        '%s { compatible = "doppel,vm"; memory = "%s"; bootargs = "%s"; '
        'kernel = /incbin/("%s"); autostart; %s };'
        % (name, memory, role, PROGRAM, more if "vcpus" in more else "vcpus = <1>; " + more)
        for name, role, memory, more in machines
    ]
    return '/dts-v1/;\n/ { compatible = "doppel,vms";\n%s\n};\n' % "\n".join(nodes)


class Run:
    """
    One run of the launcher to its end. `machines` as above; nothing of the output is read for the
    first `pause` seconds.
    """

    def __init__(self, qemu, machines, *args, pause=0):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory, "vms.dts")
            path.write_text(description(machines))
            command = [str(ROOT / "doppel"), "run", str(path), "--qemu", qemu]
            command += ["--timeout", str(TIMEOUT), *args]
            with subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            ) as process:
                fcntl.fcntl(process.stdout, F_SETPIPE_SZ, PIPE_SIZE)
                time.sleep(pause)
                output = process.stdout.read()
            self.status = process.returncode
        self.text = output.decode(errors="replace").replace("\r", "")

    def at(self, pattern):
        """Where a line matches, or -1."""
        found = re.search(pattern, self.text, re.M)
        return found.start() if found else -1

    def number(self, pattern):
        """The group of the first match as a number, or -1."""
        found = re.search(pattern, self.text, re.M)
        return int(found.group(1)) if found else -1

    def in_order(self, *patterns):
        """Whether there is a line for each pattern, in this order."""
        places = [self.at(pattern) for pattern in patterns]
        return places[0] >= 0 and places == sorted(places)

    @property
    def tail(self):
        return "status %d, the last lines:\n" % self.status + "\n".join(
            self.text.splitlines()[-12:])
