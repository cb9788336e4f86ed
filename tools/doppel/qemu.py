# SPDX-License-Identifier: BSD-2-Clause
"""The emulator: where it is, its version, and its command line."""

import glob
import os
import re
import shutil
import subprocess

from . import HYPERVISOR, Refusal

NAME = "qemu-system-riscv64"
OLDEST = (7, 2)
FIRMWARE = "opensbi-riscv64-generic-fw_dynamic.bin"
DEFAULT_CPU = "rv64"


class Qemu:
    """An emulator binary, with the data directory and libraries found beside it."""

    def __init__(self, path):
        self.path = path
        prefix = os.path.dirname(os.path.dirname(os.path.realpath(path)))
        data = os.path.join(prefix, "share", "qemu")
        self.is_system = prefix == "/usr"
        self.arguments = []
        self.environment = dict(os.environ)
        if not self.is_system and os.path.isfile(os.path.join(data, FIRMWARE)):
            self.arguments = ["-L", data]
            self._use_libraries(prefix)

    def _use_libraries(self, prefix):
        found = {os.path.dirname(lib) for lib in glob.glob(prefix + "/lib/*-linux-gnu/lib*.so.*")}
        if found:
            inherited = self.environment.get("LD_LIBRARY_PATH")
            paths = sorted(found) + ([inherited] if inherited else [])
            self.environment["LD_LIBRARY_PATH"] = ":".join(paths)

    def version(self):
        """(major, minor), or None when the binary does not run."""
        try:
            done = subprocess.run([self.path, "--version"], env=self.environment, check=False,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, timeout=30)
        except (OSError, subprocess.TimeoutExpired):
            return None
        match = re.search(rb"version ([0-9]+)\.([0-9]+)", done.stdout)
        return (int(match.group(1)), int(match.group(2))) if match else None


def find(option):
    """The emulator that --qemu, DOPPEL_QEMU or PATH gives."""
    wanted = option or os.environ.get("DOPPEL_QEMU") or NAME
    path = shutil.which(wanted)
    if path:
        return Qemu(os.path.abspath(path))
    if option:
        raise Refusal("--qemu %s is not a program: check the path" % option)
    if wanted != NAME:
        raise Refusal("DOPPEL_QEMU=%s is not a program: check the path" % wanted)
    raise Refusal("%s is not installed: run ./doppel setup" % NAME)


def hypervisor_words(options):
    """The command line of the hypervisor itself (QEMU's -append)."""
    words = ["log=" + options.log]
    if options.stats:
        words.append("stats")
    if options.no_trace:
        words.append("trace=off")
    if options.trace:
        words.append("trace=host")
    words.append("consoles=" + options.consoles)
    if os.isatty(0):
        words.append("escape=on")
    if options.json:
        words.append("json")
    if options.canary:
        words.append("canary")
    return " ".join(words)


def command(qemu, options, cpus, memory, payload):
    """QEMU's arguments. `payload` is the list of -kernel, -initrd and -append arguments."""
    machine = "virt" + ("," + options.machine if options.machine else "")
    icount = ["-icount", "shift=0,sleep=off", "-seed", "1",
              "-rtc", "base=2026-01-01T00:00:00,clock=vm"] if options.icount else []
    return ([qemu.path] + qemu.arguments +
            ["-nodefaults", "-no-user-config", "-machine", machine, "-cpu", options.cpu,
             "-smp", str(cpus), "-m", "%dK" % (memory >> 10),
             "-display", "none", "-monitor", "none",
             "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"] +
            icount + payload + options.qemu_arguments)


def doppel_payload(description, options):
    return ["-kernel", HYPERVISOR, "-initrd", description, "-append", hypervisor_words(options)]


def native_payload(vm, kernel, initrd):
    return (["-kernel", kernel] + (["-initrd", initrd] if initrd else []) +
            (["-append", vm.bootargs] if vm.bootargs else []))
