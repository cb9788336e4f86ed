#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Disks, with Debian's kernel: what is written is in the image, byte for byte; read-only ones refuse;
errors of this computer's disk are the guest's; overlays leave their base alone; reboots, resets and
kills under load lose nothing that was flushed.

Guests get their programs as a disk of their own, vda: a shell script, in whole sectors.
"""

import hashlib
import pathlib
import random
import re
import stat
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lib"))

import linux  # noqa: E402

TAP = linux.Tap()
TIMEOUT = 1500  # seconds; only a hang takes so long
MIB = 1 << 20


def shell(vm):
    """Until the guest has booted, and asks for a command."""
    return ['wait %s output "A root shell" 400' % vm, 'wait %s output ":~# " 60' % vm]


def program(vm):
    # A copy, so that the driver can be removed.
    return [*shell(vm), 'send %s "cp /dev/vda /tmp/program; sh /tmp/program"' % vm]


def content(seed, size):
    return random.Random(seed).randbytes(size)


def sha(data):
    return hashlib.sha256(data).hexdigest()


class Machine:
    """Images and VMs in a directory of their own, and one run of them."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.vms = []

    def image(self, name, data):
        path = self.directory / name
        path.write_bytes(data)
        return path

    def vm(self, name, program, *disks, vcpus=2):
        """disks: (path, properties), in the order vdb, vdc, ..."""
        script = self.image(name + ".sh", program.encode().ljust(64 * 1024, b"\n"))
        nodes = ["disk%d { compatible = \"doppel,disk\"; image = \"%s\"; %s };" % (number, path, more)
                 for number, (path, more) in enumerate([(script, "read-only;"), *disks])]
        self.vms.append("""
            %s {
                compatible = "doppel,vm"; vcpus = <%d>; memory = "256M"; autostart;
                kernel-image = "linux"; initrd-image = "initrd";
                bootargs = "console=ttyS0 quiet";
                %s
            };""" % (name, vcpus, "\n".join(nodes)))

    def run(self, qemu, *commands, harts=2):
        tree = self.directory / "vms.dts"
        tree.write_text("""/dts-v1/; / { compatible = "doppel,vms"; images {
            linux { data = /incbin/("%s"); }; initrd { data = /incbin/("%s"); }; }; %s };"""
                        % (linux.KERNEL, linux.INITRD, "".join(self.vms)))
        script = self.directory / "script"
        script.write_text("\n".join(commands) + "\n")
        done = subprocess.run(
            [ROOT / "doppel", "run", tree, "--qemu", qemu, "--host-cpus", str(harts), "--consoles", "all",
             "--script", script, "--timeout", str(TIMEOUT)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        self.status = done.returncode
        self.text = done.stdout.decode(errors="replace").replace("\r", "")

    def said(self, vm, what):
        """What stands behind `what: ` in lines of that VM."""
        return re.findall(r"^\[%s\] %s: (.*)$" % (vm, what), self.text, re.M)

    def numbers(self, vm, what):
        """The same, where a number stands there. A reset may end the line behind it."""
        return [int(n) for n in re.findall(r"^\[%s\] %s: (\d+)" % (vm, what), self.text, re.M)]

    @property
    def tail(self):
        return "status %d\n%s" % (self.status, "\n".join(self.text.splitlines()[-30:]))

    @property
    def complaints(self):
        return re.findall(r"^.*(?:BUG:|Oops|Kernel panic|WARNING:|rcu.*stall|blocked for more).*$",
                          self.text, re.M)


# --- What is written is in the image

# (from, to, size of a block, blocks): copies within the disk that do not touch each other.
COPIES = [(0, 16 * MIB, 4096, 1024), (4 * MIB, 20 * MIB, 512, 3000), (8 * MIB, 24 * MIB, MIB, 4),
          (12 * MIB, 28 * MIB, 3584, 900)]

TRANSFERS = """\
cd /dev
echo 3 > /proc/sys/vm/drop_caches
echo "read: $(sha256sum < vdb)"
copy() {
	dd if=vdb of=vdb bs=$3 skip=$(($1 / $3)) seek=$(($2 / $3)) count=$4 conv=notrunc,fsync iflag=direct oflag=direct 2>/tmp/$1 || cat /tmp/$1
}
COPY
wait
echo "cache: $(cat /sys/block/vdb/queue/write_cache)"
echo "serial: $(cat /sys/block/vdb/serial)"
rmmod virtio_blk
echo "without: $(ls /dev/vd* 2>/dev/null | wc -l)"
modprobe virtio_blk
echo "again: $(sha256sum < vdb)"
echo "ro: $(cat /sys/block/vdc/ro)"
dd if=vdb of=vdc bs=4k count=1 conv=notrunc 2>/dev/null && echo "refused: no" || echo "refused: yes"
write() {
	dd if=vdb of=vdd bs=4k count=1 seek=$1 oflag=direct conv=notrunc 2>&1 | grep -c "I/O error\\|Input/output error"
}
echo "below: $(write 100)"
echo "above: $(write 40000)"
echo "after: $(write 200)"
now() { cut -d " " -f 1 /proc/uptime | tr -d .; }
begin=$(now)
dd if=vde of=/dev/null bs=4k count=100 iflag=direct 2>/dev/null
echo "limited: $(($(now) - begin))"
echo "end: of it"
"""


def limited(qemu, directory, kib):
    """An emulator that cannot write to files beyond that: as if this computer's disk were full."""
    path = pathlib.Path(directory) / "qemu"
    # ulimit counts 512 bytes in dash, 1 KiB in bash.
    path.write_text("#!/bin/bash\ntrap '' XFSZ\nulimit -f %d\nexec %s \"$@\"\n" % (kib, qemu))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def copied(data):
    result = bytearray(data)
    for source, to, block, count in COPIES:
        to = to // block * block
        source = source // block * block
        result[to:to + block * count] = data[source:source + block * count]
    return bytes(result)


def test_transfers(qemu, label):
    with tempfile.TemporaryDirectory() as directory:
        machine = Machine(directory)
        before, kept = content(1, 32 * MIB), content(2, MIB)
        disk, read_only = machine.image("disk", before), machine.image("read-only", kept)
        large = machine.image("large", b"")
        with open(large, "r+b") as file:
            file.truncate(256 * MIB)
        jobs = "\n".join("copy %d %d %d %d &" % copy for copy in COPIES)
        machine.vm("guest", TRANSFERS.replace("COPY", jobs), (disk, 'serial = "DATA-1";'),
                   (read_only, "read-only;"), (large, ""),
                   (read_only, "read-only; rate-iops = <100>;"))
        machine.run(limited(qemu, directory, 128 * 1024), *program("guest"),
                    'wait guest output "end: of it" 800',
                    "devices guest disk1", "quit")
        want = copied(before)
        TAP.ok(machine.status == 0 and not machine.complaints,
               "a guest with five disks, to its end, " + label, machine.tail)
        TAP.ok(machine.said("guest", "read") == [sha(before) + "  -"],
               "it reads what the image holds, " + label, machine.tail)
        TAP.ok(disk.read_bytes() == want, "the image holds what four jobs wrote at once, " + label,
               machine.tail)
        TAP.ok(machine.said("guest", "again") == [sha(want) + "  -"]
               and machine.said("guest", "without") == ["0"],
               "the driver is removed, and reads the same when it is back, " + label, machine.tail)
        flushes = re.search(r"\bflushes\b\D+(\d+)", machine.text)
        TAP.ok(machine.said("guest", "cache") == ["write back"] and flushes
               and int(flushes[1]) > 0, "it knows of the cache, and flushes it, " + label,
               machine.tail)
        TAP.ok(machine.said("guest", "serial") == ["DATA-1"], "the serial number, " + label,
               machine.tail)
        TAP.ok(machine.said("guest", "ro") == ["1"] and machine.said("guest", "refused") == ["yes"]
               and read_only.read_bytes() == kept, "a read-only disk stays as it is, " + label,
               machine.tail)
        limited_for = [int(x) for x in machine.said("guest", "limited")]
        TAP.ok(len(limited_for) == 1 and limited_for[0] >= 80,
               "100 requests, 100 of them a second and 10 at first, take 0.9 s at least, " + label,
               "%s cs\n%s" % (limited_for, machine.tail))
        TAP.ok([machine.said("guest", x) for x in ("below", "above", "after")]
               == [["0"], ["1"], ["0"]], "an error is told, and goes no further, " + label,
               machine.tail)


# --- Overlays

OVERLAYS = """\
cd /dev
echo "base: $(sha256sum < vdb)"
yes WHO | head -c 6000000 | dd of=vdb bs=64k seek=5 conv=notrunc,fsync 2>/dev/null
for i in 1 2 3 4 5 6 7 8 9; do
	echo WHO $i | dd of=vdb bs=512 seek=$((20000 + 3 * i)) count=1 conv=notrunc,sync 2>/dev/null
done
sync
echo 3 > /proc/sys/vm/drop_caches
echo "mine: $(sha256sum < vdb)"
echo "written: yes"
"""


def overlaid(base, who):
    data = bytearray(base)
    text = (who + "\n").encode()
    data[5 * 65536:5 * 65536 + 6000000] = (text * 6000000)[:6000000]
    for i in range(1, 10):
        at = (20000 + 3 * i) * 512
        data[at:at + 512] = ("%s %d\n" % (who, i)).encode().ljust(512, b"\0")
    return bytes(data)


def test_overlays(qemu, label):
    names = ["one", "two"]
    with tempfile.TemporaryDirectory() as directory:
        machine = Machine(directory)
        before = content(3, 16 * MIB)
        base = machine.image("base", before)
        for name in names:
            machine.vm(name, OVERLAYS.replace("WHO", name), (base, 'overlay = "32M";'))
        machine.run(qemu, *program("one"), *program("two"),
                    *('wait %s output "written: yes" 800' % name for name in names),
                    # What was written is there after a reset, and is not after the VM's end.
                    "reset one", *shell("one"), 'send one "echo reset: $(sha256sum < /dev/vdb)"',
                    'wait one output "reset: " 100', "wait one output \":~# \" 100",
                    "kill two", "destroy two", "create two", "start two", *shell("two"),
                    'send two "echo created: $(sha256sum < /dev/vdb)"',
                    'wait two output "created: " 100', "wait two output \":~# \" 100", "quit")
        TAP.ok(machine.status == 0 and not machine.complaints,
               "two guests on one image, each with an overlay, " + label, machine.tail)
        for name in names:
            TAP.ok(machine.said(name, "base") == [sha(before) + "  -"]
                   and machine.said(name, "mine") == [sha(overlaid(before, name)) + "  -"],
                   "%s sees what it has written itself, %s" % (name, label), machine.tail)
        TAP.ok(machine.said("one", "reset") == [sha(overlaid(before, "one")) + " -"],
               "a reset leaves the overlay, " + label, machine.tail)
        TAP.ok(machine.said("two", "created") == [sha(before) + " -"],
               "a VM that is made anew has a new one, " + label, machine.tail)
        TAP.ok(base.read_bytes() == before, "the base has not changed, " + label)


# --- Ends under load

LOAD = """\
cd /dev
check() {
	n=0
	while [ "$(dd if=vdb bs=4k skip=$n count=1 iflag=direct 2>/dev/null | head -n 1)" = "record $n" ]; do
		n=$((n + 1))
	done
	echo "found: $n"
}
load() {
	for i in 1 2 3; do
		while :; do
			dd if=vdb of=vdb bs=64k skip=$((i * 64)) seek=$((i * 64)) count=64 iflag=direct oflag=direct conv=notrunc 2>/dev/null
		done &
	done
}
check
load
while :; do
	echo "record $n" | dd of=vdb bs=4k seek=$n conv=notrunc,sync,fsync 2>/dev/null || break
	echo "flushed: $n"
	n=$((n + 1))
	[ $n = 8 ] && reboot -f
done
"""


def test_ends(qemu, label):
    with tempfile.TemporaryDirectory() as directory:
        machine = Machine(directory)
        disk = machine.image("disk", bytes(4 * MIB) + content(4, 12 * MIB))
        idle = machine.image("idle", content(5, 4 * MIB))
        machine.vm("busy", LOAD, (disk, ""))
        machine.vm("other", 'echo "other: $(sha256sum < /dev/vdb)"\n', (idle, ""))
        start = program("busy")
        machine.run(qemu, *shell("other"), *start,
                    'wait busy output "flushed: 7" 400',  # and the guest reboots
                    *start, 'wait busy output "flushed: 15" 400', "reset busy",
                    *start, 'wait busy output "flushed: 23" 400', "kill busy", "start busy",
                    *start, 'wait busy output "flushed: 31" 400',
                    'send other "sh /dev/vda"', 'wait other output "other: " 400', "sleep 1",
                    "kill busy", "destroy busy", "devices other", "quit")
        TAP.ok(machine.status == 0 and not machine.complaints,
               "a reboot, a reset and two kills under load, " + label, machine.tail)
        found = machine.numbers("busy", "found")
        TAP.ok(len(found) == 4 and all(n >= 8 * i for i, n in enumerate(found)),
               "what was flushed before is there afterwards, " + label, "%s\n%s" % (found, machine.tail))
        flushed = max(machine.numbers("busy", "flushed"), default=0)
        data = disk.read_bytes()
        TAP.ok(all(data[4096 * n:].startswith(b"record %d\n" % n) for n in range(flushed + 1)),
               "all of it is in the image, " + label, machine.tail)
        TAP.ok(data[4 * MIB:] == content(4, 12 * MIB), "what was written over itself is the same, "
               + label)
        TAP.ok(machine.said("other", "other") == [sha(content(5, 4 * MIB)) + "  -"],
               "another VM's disk works on, " + label, machine.tail)


# --- A reset waits for what is in flight, on the hart that the real disk interrupts

RESETS = """\
cd /sys/bus/virtio/drivers/virtio_blk
device=$(basename $(readlink -f /sys/block/vdb/device))
for i in 1 2 3 4 5 6 7 8; do
	cat /dev/vdb >/dev/null 2>&1 &
	usleep 20000
	echo $device >unbind
	echo $device >bind
	wait
	echo 3 >/proc/sys/vm/drop_caches
done
echo "resets: $i"
echo "after: $(sha256sum </dev/vdb)"
"""


def test_resets_on_one_hart(qemu, label):
    with tempfile.TemporaryDirectory() as directory:
        machine = Machine(directory)
        data = content(6, 16 * MIB)
        machine.vm("guest", RESETS, (machine.image("disk", data), "read-only;"), vcpus=1)
        machine.run(qemu, *program("guest"), 'wait guest output "after: " 400',
                    'wait guest output ":~# " 60', "quit", harts=1)
        TAP.ok(machine.status == 0 and machine.said("guest", "resets") == ["8"],
               "a disk is reset while it reads, on one hart, " + label, machine.tail)
        TAP.ok(machine.said("guest", "after") == [sha(data) + "  -"], "and reads right, " + label,
               machine.tail)


def main():
    only = sys.argv[1:]
    for which in 0, 1:
        qemu = linux.emulator(which)
        if not qemu:
            TAP.skip("disks on emulator number %d" % which, "there is none; see tools/emulators")
            continue
        label = "QEMU %d.%d" % linux.version(qemu)
        for test in test_transfers, test_overlays, test_ends, test_resets_on_one_hart:
            if not only or test.__name__ in only:
                test(qemu, label)
    TAP.done()


main()
