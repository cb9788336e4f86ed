# SPDX-License-Identifier: BSD-2-Clause
"""Booting the Debian kernel under ./doppel, and reading what it says; TAP for tests of that."""

import gzip
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
KERNEL = ROOT / "build" / "guest" / "Image"
INITRD = ROOT / "build" / "guest" / "initramfs.cpio.gz"
TIMEOUT = 600  # seconds; only a hang takes so long


class Tap:
    """Prints one line a check, and the plan at the end."""

    def __init__(self):
        self.count = 0
        self.failed = 0

    def ok(self, good, name, why=""):
        self.count += 1
        self.failed += not good
        print(("ok" if good else "not ok"), self.count, "-", name, flush=True)
        if not good:  # of what a test prints, prove shows only standard error
            lines = ["not ok %d - %s" % (self.count, name)] + str(why).splitlines()
            print("".join("# %s\n" % line for line in lines), end="", file=sys.stderr, flush=True)
        return good

    def skip(self, name, why):
        self.count += 1
        print("ok", self.count, "-", name, "# SKIP", why, flush=True)

    def done(self):
        print("1..%d" % self.count)
        sys.exit(1 if self.failed else 0)


def emulator(which):
    """The path of the emulator number which of those that are tested, or None."""
    found = os.environ.get("DOPPEL_QEMUS") or subprocess.run(
        [str(ROOT / "tools" / "emulators")], capture_output=True, text=True, check=False
    ).stdout
    paths = found.split()
    return paths[which] if which < len(paths) else None


def version(qemu):
    """(7, 2) or the like."""
    said = subprocess.run([qemu, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(n) for n in re.search(r"version (\d+)\.(\d+)", said).groups())


def emulators():
    """The path and a label for each of those that are tested."""
    which = 0
    while emulator(which):
        path = emulator(which)
        yield path, "QEMU %d.%d" % version(path)
        which += 1


def lines_of(text, name):
    """
    The lines of one VM. A line that is not finished may be shown early, and again when it is: so is
    the line of a VM that a busy computer stops in the middle.
    """
    found = re.findall(r"^\[%s\] (.*)$" % re.escape(name), text, re.M)
    return [line for line, following in zip(found, found[1:] + [""])
            if not following.startswith(line) or not line]


def cpio_entry(name, data, mode):
    """One file of a newc archive; Linux unpacks archives one after another."""
    fields = [0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)


def initrd_with(directory, files):
    """The bytes of the default guest's initramfs with more behind it: a directory of programs."""
    base = INITRD.read_bytes()
    more = cpio_entry(directory, b"", 0o040755)
    for name, data in files.items():
        more += cpio_entry(directory + "/" + name, data, 0o100755)
    return base + b"\0" * (-len(base) % 4) + gzip.compress(more + cpio_entry("TRAILER!!!", b"", 0))


class Boot:
    """One run of the launcher with the Debian kernel, to its end."""

    def __init__(self, qemu, *args, append="quiet doppel.run=info"):
        command = [str(ROOT / "doppel"), "run", "--qemu", qemu, "--kernel", str(KERNEL)]
        command += ["--initrd", str(INITRD), "--append", "console=ttyS0 " + append]
        command += ["--timeout", str(TIMEOUT), *args]
        result = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        self.status = result.returncode
        self.text = result.stdout.decode(errors="replace").replace("\r", "")

    def matches(self, pattern):
        return re.findall(pattern, self.text, re.M)

    def first(self, pattern):
        found = self.matches(pattern)
        return found[0] if found else None

    @property
    def boots(self):
        return len(self.matches(r"^doppel-init: userland reached"))

    @property
    def cpus(self):
        return int(self.first(r"^nproc: (\d+)") or 0)

    @property
    def isa(self):
        return set(self.matches(r"^isa\s*: (\S+)"))

    @property
    def ram(self):
        """Bytes of System RAM, as /proc/iomem tells."""
        return sum(int(b, 16) - int(a, 16) + 1 for a, b in self.matches(r"^(\w+)-(\w+) : System RAM"))

    @property
    def devices(self):
        """What /proc/interrupts and /proc/tty tell of the devices that guests have."""
        return sorted(
            set(self.matches(r"SiFive PLIC\s+(\d+ \w+\s+(?:ttyS0|101000.rtc))"))
            | set(self.matches(r"^0: (uart:\w+ mmio:\w+)"))
            | set(self.matches(r"^rtc: (\S+ \S+)"))
            | set(self.matches(r"^clocksource: (\S+)"))
        )

    @property
    def tail(self):
        return "\n".join(self.text.splitlines()[-25:])

    @property
    def complaints(self):
        """What a kernel says when it is not well."""
        return self.matches(r"^.*(?:BUG:|Oops|Kernel panic|WARNING:|rcu.*stall|failed to come online).*$")


class Running:
    """A run of the launcher that goes on while the test looks at it."""

    def __init__(self, qemu, *args, append="quiet"):
        command = [str(ROOT / "doppel"), "run", "--qemu", qemu, "--kernel", str(KERNEL)]
        command += ["--initrd", str(INITRD), "--append", "console=ttyS0 " + append]
        command += ["--timeout", str(TIMEOUT), *args]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        os.set_blocking(self.process.stdout.fileno(), False)
        self.text = ""

    def type(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def wait_for(self, pattern, seconds=TIMEOUT):
        """Reads until the text matches; false when that takes too long or the run ends."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            chunk = self.process.stdout.read()
            if chunk:
                self.text += chunk.decode(errors="replace").replace("\r", "")
            if re.search(pattern, self.text, re.M):
                return True
            if chunk == b"" and self.process.poll() is not None:
                return False
            time.sleep(0.05)
        return False

    def children(self):
        """The emulator's process."""
        return children(self.process.pid)

    def power_off(self):
        """Asks the guest's shell; returns the exit status. What it still says is kept."""
        if self.process.poll() is None:
            self.type("poweroff -f\n")
        os.set_blocking(self.process.stdout.fileno(), True)
        rest = self.process.stdout.read() or b""
        self.text += rest.decode(errors="replace").replace("\r", "")
        return self.process.wait()


def children(pid):
    """The processes that a process has started: the launcher's is the emulator."""
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue  # it has ended meanwhile
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def cpu_seconds(pid):
    """Processor time that a process has used, all its threads, user and system."""
    fields = pathlib.Path("/proc/%d/stat" % pid).read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
