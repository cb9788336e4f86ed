# SPDX-License-Identifier: BSD-2-Clause
"""Driving the monitor: scripts, and sessions as a person would have them."""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lib"))

import linux  # noqa: E402
from linux import Tap, emulators  # noqa: E402,F401

PROGRAM = ROOT / "build" / "guest" / "inspected.elf"
ROLES = ROOT / "build" / "guest" / "vm-roles.elf"
TIMEOUT = 600  # seconds; only a hang takes so long
PROMPT = "doppel> "


def vm(name, more="", kernel=PROGRAM, vcpus=1, memory="32M", bootargs="", autostart=True):
    """The source of one VM."""
    return '%s { compatible = "doppel,vm"; vcpus = <%d>; memory = "%s"; bootargs = "%s"; ' \
        'kernel = /incbin/("%s"); %s %s };\n' % (
            name, vcpus, memory, bootargs, kernel, "autostart;" if autostart else "", more)


def description(*machines):
    return '/dts-v1/;\n/ { compatible = "doppel,vms";\n%s};\n' % "".join(machines)


def command(directory, qemu, machines, *args):
    """The launcher's command line, with the description in a file."""
    path = pathlib.Path(directory, "vms.dts")
    path.write_text(description(*machines))
    return [str(ROOT / "doppel"), "run", str(path), "--qemu", qemu, "--timeout", str(TIMEOUT), *args]


class Script:
    """One run with a script, to its end. answers[COMMAND] is what was printed behind it."""

    def __init__(self, qemu, machines, lines, *args):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory, "script")
            path.write_text("\n".join(lines) + "\n")
            result = subprocess.run(
                command(directory, qemu, machines, "--script", str(path), *args),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                check=False)
        self.status = result.returncode
        self.text = result.stdout.decode(errors="replace").replace("\r", "")
        self.answers = {}
        for part in re.split("^" + PROMPT, self.text, flags=re.M)[1:]:
            line, _, answer = part.partition("\n")
            # Lines of VMs and messages may come between.
            self.answers[line] = "".join(
                line + "\n" for line in answer.splitlines()
                if not re.match(r"\[[a-z0-9-]+\] |doppel: ", line))

    def json(self, line):
        """The answer to a command, parsed; None if that is not one line of JSON."""
        answer = self.answers.get(line, "").splitlines()
        try:
            return json.loads(answer[0]) if answer else None
        except ValueError:
            return None

    @property
    def tail(self):
        return "status %d, the last lines:\n" % self.status + "\n".join(
            self.text.splitlines()[-30:])
