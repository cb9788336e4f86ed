#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
A driver that breaks the rules of virtio (tests/guest/virtio-hostile), beside a VM that shares a
disk's base and a switch with it. What comes of each case is in tests/guest/virtio-hostile/expect.
"""

import difflib
import hashlib
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import machines  # noqa: E402

TAP = machines.Tap()
EXPECT = machines.ROOT / "tests" / "guest" / "virtio-hostile" / "expect"
PROGRAM = machines.ROOT / "build" / "guest" / "virtio-hostile.elf"
SECTORS = 16384

VM = """{name} {{ compatible = "doppel,vm"; vcpus = <{vcpus}>; memory = "64M"; bootargs = "{name}";
    kernel = /incbin/("{program}"); autostart;
    disk {{ compatible = "doppel,disk"; image = "{image}"; overlay = "{overlay}"; }}; {more} }};"""
NET = """{name} {{ compatible = "doppel,net"; switch = "lan"; mac = [52 54 00 00 00 {last:02x}]; }};"""
HOSTILE = """reader {{ compatible = "doppel,disk"; image = "{image}"; read-only; }};
    console {{ compatible = "doppel,console"; ports = "port"; }};
    rng {{ compatible = "doppel,rng"; }}; balloon {{ compatible = "doppel,balloon"; }};"""


def write_base(path):
    """The pattern of tests/guest/virtio-hostile/disk.c; the hash of it."""
    data = bytearray()
    for sector in range(SECTORS):
        first = ((sector + 1) * 0x9E3779B97F4A7C15 & (1 << 64) - 1) >> 8
        data += struct.pack("<64Q", *range(first, first + 64))
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def description(image):
    hostile = "".join([NET.format(name="net", last=1), NET.format(name="watch", last=2),
                       HOSTILE.format(image=image)])
    neighbour = NET.format(name="a", last=10) + NET.format(name="b", last=11)
    return '/dts-v1/;\n/ { compatible = "doppel,vms";\n%s\n%s\n};\n' % tuple(
        VM.format(name=name, program=PROGRAM, image=image, vcpus=vcpus, overlay=overlay, more=more)
        for name, vcpus, overlay, more in (("hostile", 2, "4M", hostile), ("neighbour", 1, "16M", neighbour)))


def description_of_one(image):
    """The hostile VM without a neighbour."""
    return '/dts-v1/;\n/ { compatible = "doppel,vms";\n%s\n};\n' % VM.format(
        name="alone", program=PROGRAM, image=image, vcpus=1, overlay="4M", more=HOSTILE.format(image=image))


class Run:
    def __init__(self, qemu, describe=description, *args):
        with tempfile.TemporaryDirectory() as directory:
            image = pathlib.Path(directory, "base.img")
            before = write_base(image)
            path = pathlib.Path(directory, "vms.dts")
            path.write_text(describe(image))
            result = subprocess.run(
                [str(machines.ROOT / "doppel"), "run", str(path), "--qemu", qemu, "--canary",
                 "--consoles", "all", "--timeout", str(machines.TIMEOUT), *args, *sys.argv[1:]],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            self.base_is_unchanged = hashlib.sha256(image.read_bytes()).hexdigest() == before
        self.status = result.returncode
        self.text = result.stdout.decode(errors="replace").replace("\r", "")
        self.hostile = machines.lines_of(self.text, "hostile")
        self.neighbour = machines.lines_of(self.text, "neighbour")

    @property
    def did(self):
        """What the neighbour did: numbers of reads, writes, frames, words."""
        found = re.findall(r"^\[neighbour\] did: (\d+) reads, (\d+) writes, (\d+) frames, (\d+) words",
                           self.text, re.M)
        return [int(number) for number in found[0]] if found else [0]

    @property
    def tail(self):
        return "status %d, the last lines:\n" % self.status + "\n".join(
            self.text.splitlines()[-20:])


def without_checks(lines):
    return [line for line in lines if not line.startswith("ok ")]


def test_hostile(qemu, label):
    run = Run(qemu)
    said, rows = without_checks(run.hostile), EXPECT.read_text().splitlines()
    for device in dict.fromkeys(row.partition(":")[0] for row in rows):
        want = [row for row in rows if row.startswith(device + ": ")]
        got = [line for line in said if line.startswith((device + ": ", "BAD %s: " % device))]
        diff = difflib.unified_diff(want, got, "expected", "got", lineterm="", n=0)
        TAP.ok(got == want, "%s: %d cases, %s" % (device, len(want), label), "\n".join(diff))
    others = [line for line in said if line not in rows]
    TAP.ok(len(rows) > 0 and not others, "nothing else happens, " + label, "\n".join(others))
    TAP.ok("ok the neighbour still answers" in run.hostile,
           "the hostile VM's devices work at the end, " + label, run.tail)
    TAP.ok(min(run.did) > 0 and not re.search("BAD", "\n".join(run.neighbour)),
           "the neighbour saw nothing of it, " + label, "\n".join(run.neighbour))
    TAP.ok(run.base_is_unchanged, "the base of both disks is unchanged, " + label)
    TAP.ok(run.status == 0 and re.search(r"^stat doppel canary\.pages [1-9]", run.text, re.M)
           and "stat doppel canary.bad 0\n" in run.text,
           "nothing was written elsewhere, " + label, run.tail)


def test_alone(qemu, label):
    """On one hart, where nobody else's turn lets it see that a disk is done."""
    run = Run(qemu, description_of_one, "--host-cpus", "1")
    want = [row for row in EXPECT.read_text().splitlines() if row.startswith("load: ")]
    got = [line for line in run.text.splitlines() if line.startswith("load: ")]
    TAP.ok(run.status == 0 and got == want, "alone on one hart: %d cases under load, %s" % (len(want), label),
           run.tail)


if __name__ == "__main__":
    for emulator, name in machines.emulators():
        test_hostile(emulator, name)
        test_alone(emulator, name)
    TAP.done()
