# SPDX-License-Identifier: BSD-2-Clause
"""An attacker (tests/guest/attacker) beside a Linux VM that checks itself (selfcheck.c)."""

import fcntl
import gzip
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lib"))

import linux  # noqa: E402
from linux import Tap, emulators  # noqa: E402,F401

ATTACKER = ROOT / "build" / "guest" / "attacker.elf"
SELFCHECK = ROOT / "build" / "guest" / "selfcheck"
TIMEOUT = 500  # seconds; only a hang takes so long
F_SETPIPE_SZ = 1031  # fcntl.F_SETPIPE_SZ of newer Pythons
PIPE_SIZE = 4096  # so that it is soon full when nobody reads

ROLES = ["memory", "sbi", "ipi", "mmio", "console", "faults", "timer", "spin", "harts", "reset", "fill"]


def cpio_entry(name, data, mode):
    """One file of a newc archive; Linux unpacks archives one after another."""
    fields = [0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)


def initrd():
    """The default guest's initramfs, with the victim's program behind it."""
    base = linux.INITRD.read_bytes()
    more = cpio_entry("selfcheck", SELFCHECK.read_bytes(), 0o100755) + cpio_entry("TRAILER!!!", b"", 0)
    return base + b"\0" * (-len(base) % 4) + gzip.compress(more)


# The kernel's watchdogs measure time: a busy computer makes them bark.
NO_WATCHDOGS = "nosoftlockup rcupdate.rcu_cpu_stall_suppress=1"
VICTIM = """victim {{ compatible = "doppel,vm"; vcpus = <{vcpus}>; memory = "128M"; autostart;
    kernel = /incbin/("{kernel}"); initrd = /incbin/("{initrd}");
    bootargs = "console=ttyS0 quiet {watchdogs} doppel.run=/selfcheck {words}"; }};"""
NEIGHBOUR = """attacker {{ compatible = "doppel,vm"; vcpus = <{vcpus}>; memory = "64M"; autostart;
    kernel = /incbin/("{kernel}"); bootargs = "{words}"; }};"""


def mix(value):
    """As in selfcheck.c."""
    mask = (1 << 64) - 1
    value = (value ^ value >> 31) * 0x9E3779B97F4A7C15 & mask
    return value ^ value >> 29


def communicate(command, typed, pause):
    """Runs a command to its end; its exit status and output, which is read late."""
    with tempfile.TemporaryFile() as stdin:
        stdin.write(typed)
        stdin.seek(0)
        process = subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT)
    with process:
        fcntl.fcntl(process.stdout, F_SETPIPE_SZ, PIPE_SIZE)
        if pause:
            try:
                process.wait(pause)
            except subprocess.TimeoutExpired:
                pass
        output = process.stdout.read()
    return process.returncode, output


class Run:
    """
    One run of both VMs to their ends. `words` are the victim's (selfcheck.c), `attack` the
    attacker's bootargs. The one that comes first in the description has the terminal first;
    `consoles` is the launcher's option, `script` the lines of one. `typed` goes to the terminal;
    nothing of the output is read for the first `pause` seconds.
    """

    def __init__(self, qemu, attack, *args, words="", vcpus=(1, 4), attacker_first=False, typed=b"",
                 consoles="all", pause=0, script=None):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory, "vms.dts")
            image = pathlib.Path(directory, "initrd")
            image.write_bytes(initrd())
            if script:
                commands = pathlib.Path(directory, "script")
                commands.write_text("\n".join(script) + "\n")
                args += ("--script", str(commands))
            nodes = [VICTIM.format(vcpus=vcpus[0], kernel=linux.KERNEL, initrd=image,
                                   watchdogs=NO_WATCHDOGS, words=words),
                     NEIGHBOUR.format(vcpus=vcpus[1], kernel=ATTACKER, words=attack)]
            path.write_text('/dts-v1/;\n/ { compatible = "doppel,vms";\n%s\n};\n' %
                            "\n".join(nodes[::-1] if attacker_first else nodes))
            command = [str(ROOT / "doppel"), "run", str(path), "--qemu", qemu, "--no-trace", "--canary"]
            command += ["--consoles", consoles]
            command += ["--timeout", os.environ.get("DOPPEL_TEST_TIMEOUT", str(TIMEOUT)), *args]
            self.status, output = communicate(command, typed, pause)
        # A lone carriage return stays: no line of an attacker begins behind it.
        self.text = output.decode(errors="replace").replace("\r\n", "\n")

    def find(self, pattern, name=""):
        """All matches of a line of that VM, with or without its name in front."""
        return re.findall(r"^(?:\[%s\] )?%s$" % (name, pattern), self.text, re.M)

    def in_order(self, *patterns):
        """Whether there is a line for each pattern, in this order."""
        found = [re.search("^" + pattern, self.text, re.M) for pattern in patterns]
        places = [match.start() if match else -1 for match in found]
        return places[0] >= 0 and places == sorted(places)

    # The victim

    @property
    def slices(self):
        """(number, ms, work, ticks, late in us, hash) of each line."""
        found = self.find(r"selfcheck: line (\d+) at (\d+) work (\d+) ticks (\d+) late (\d+) (\w+)", "victim")
        return [(*map(int, fields[:5]), int(fields[5], 16)) for fields in found]

    @property
    def lines_lost(self):
        """How many of the victim's lines are missing or changed; those of a forger do not count."""
        said = self.find(r"selfcheck: ok rounds=\d+ lines=(\d+)", "victim")
        good = [s for n, s in enumerate(self.slices) if s[0] == n and s[5] == mix(n)]
        return int(said[0]) - len(good) if said else -1

    @property
    def complaints(self):
        """What is wrong with the victim and with the hypervisor, in words; empty: nothing."""
        found = self.find(r"(?!\[attacker\]).*(?:selfcheck: FAILED|BUG:|Oops|Kernel panic).*", "victim")
        found += self.find(r"doppel: (?:error: )?(?:PANIC on hart|.*killed: ).*")
        found += self.find(r"doppel: (?:error: )?canary: .*")
        if not self.find(r"stat doppel canary\.pages [1-9]\d*"):
            found.append("the canary was not checked")
        if self.status != 0:
            found.append("status %d" % self.status)
        if self.lines_lost:
            found.append("%d lines of the victim are missing or changed" % self.lines_lost)
        return found

    # The attacker

    @property
    def findings(self):
        return self.find(r"FINDING .*", "attacker")

    def operations(self, role):
        """How many the attack made; 0: it did not come to its end."""
        found = self.find(r"attack: %s: (\d+) operations on \d+ harts" % role, "attacker")
        return int(found[0]) if found else 0

    @property
    def victim_saw_all(self):
        """Whether it ended when the attacker had."""
        return self.in_order("doppel: vm attacker: powered off", "doppel: vm victim: powered off")

    @property
    def tail(self):
        """The end of the output, harmless for a terminal."""
        lines = [repr(line[:120]) for line in self.text.splitlines()[-12:]]
        return "status %d, the last lines:\n%s" % (self.status, "\n".join(lines))
