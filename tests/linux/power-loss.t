#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Power loss: the emulator is killed at random moments (of a fixed seed) while a guest appends records
to a file and makes new files, each with fsync. Whatever it has reported as synced is there
afterwards, and the file system is in order once its journal is replayed: by e2fsck, and by the next boot,
which goes on where this one ended. DOPPEL_KILLS=N is how often.
"""

import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lib"))

import linux  # noqa: E402

TAP = linux.Tap()
KILLS = int(os.environ.get("DOPPEL_KILLS", "2"))
SEED = 20
MOST = 30            # records of one boot
RECORD = 4096        # bytes
IMAGE_SIZE = 64 << 20
TIMEOUT = 600        # seconds; only a hang takes so long
ENVIRONMENT = dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin:/sbin")

WRITER = r"""#!/bin/sh
# Appends records of 4096 bytes to a file; every fourth time it makes a file, too.
modprobe crc32c_generic
modprobe ext4
mkdir -p /mnt && mount -t ext4 /dev/vda /mnt || { echo "power-loss: cannot mount"; exit 1; }
n=0
[ -e /mnt/log ] && n=$(($(stat -c %s /mnt/log) / 4096))
echo "power-loss: mounted, $n records"
while [ ! -e /mnt/stop ]; do
	yes "record $n" | dd of=/mnt/log bs=4096 count=1 seek=$n iflag=fullblock conv=notrunc,fsync 2>/dev/null || break
	[ $((n % 4)) = 0 ] && { echo "file $n" | dd of=/mnt/file$n conv=fsync 2>/dev/null || break; }
	echo "power-loss: synced $n"
	n=$((n + 1))
done
"""

DESCRIPTION = """/dts-v1/;
/ {{ compatible = "doppel,vms";
	linux {{ compatible = "doppel,vm"; vcpus = <2>; memory = "256M"; autostart;
		kernel = /incbin/("{kernel}"); initrd = /incbin/("{initrd}");
		bootargs = "console=ttyS0 quiet doppel.run=/bin/writer";
		disk {{ compatible = "doppel,disk"; image = "{image}"; }};
	}};
}};
"""


def record(number):
    text = ("record %d\n" % number).encode()
    return (text * (RECORD // len(text) + 1))[:RECORD]


def cached(*names):
    """A file of the guest images' cache."""
    cache = subprocess.run([str(ROOT / "doppel"), "setup", "--print-cache"], stdout=subprocess.PIPE,
                           check=True).stdout.decode().strip()
    return next(pathlib.Path(cache).glob("/".join(("images-*",) + names)))


class Machine:
    def __init__(self, directory):
        self.directory = directory
        self.image = directory / "disk.img"
        writer, initrd = directory / "writer", directory / "initrd"
        writer.write_text(WRITER)
        writer.chmod(0o755)
        subprocess.run([str(ROOT / "tools" / "mkinitramfs"), "--busybox", str(cached("busybox")),
                        "--modules", str(next(cached("modules").iterdir())),
                        "--load", "virtio_mmio,virtio_blk,ext4,crc32c_generic",
                        "--add", "%s:bin/writer" % writer, "--output", str(initrd)], check=True)
        with open(self.image, "wb") as file:
            file.truncate(IMAGE_SIZE)
        subprocess.run(["mke2fs", "-q", "-t", "ext4", str(self.image)], env=ENVIRONMENT, check=True)
        self.description = directory / "vms.dts"
        self.description.write_text(DESCRIPTION.format(kernel=linux.KERNEL, initrd=initrd, image=self.image))

    def run_and_kill(self, qemu, after, delay):
        """Kills the emulator when so many more records are synced, and some ms later; the output."""
        process = subprocess.Popen(
            [str(ROOT / "doppel"), "run", str(self.description), "--qemu", qemu, "--timeout", str(TIMEOUT)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        text = b""
        while text.count(b"power-loss: synced") < after:
            chunk = os.read(process.stdout.fileno(), 65536)
            text += chunk
            if not chunk:
                break
        time.sleep(delay / 1000)
        for pid in linux.children(process.pid):
            os.kill(pid, signal.SIGKILL)
        text += process.stdout.read()
        process.wait()
        return text.decode(errors="replace").replace("\r", "")

    def look(self):
        """
        What e2fsck says of a copy, whose journal it replays (0 or 1: it had nothing else to do), and
        then says again; a directory with the files that are there.
        """
        copy = self.directory / "copy.img"
        shutil.copyfile(self.image, copy)
        files = self.directory / "files"
        shutil.rmtree(files, ignore_errors=True)    # of the look before
        files.mkdir()
        first = subprocess.run(["e2fsck", "-f", "-y", str(copy)], env=ENVIRONMENT, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, check=False)
        second = subprocess.run(["e2fsck", "-f", "-n", str(copy)], env=ENVIRONMENT, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, check=False)
        subprocess.run(["debugfs", "-R", "rdump / %s" % files, str(copy)], env=ENVIRONMENT,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        said = first.stdout.decode() + second.stdout.decode()
        in_order = first.returncode in (0, 1) and second.returncode == 0 and "Fixed" not in said \
            and "FIXED" not in said and "<y>" not in said
        return in_order, said, files


def missing(files, synced):
    """
    What was reported as synced, and is not there. All records up to the last are checked. Files are
    checked if their own number was reported: one that was not made before the power was lost is not
    made later.
    """
    log = (files / "log").read_bytes() if (files / "log").exists() else b""
    lost = ["record %d" % n for n in range(max(synced, default=-1) + 1)
            if log[n * RECORD:(n + 1) * RECORD] != record(n)]
    for n in sorted(n for n in synced if n % 4 == 0):
        path = files / ("file%d" % n)
        if not path.exists() or path.read_text() != "file %d\n" % n:
            lost.append("file%d" % n)
    return lost


def test(qemu, label):
    chance = random.Random(SEED)
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as directory:
        machine = Machine(pathlib.Path(directory))
        synced = set()      # all numbers that were reported, of all boots
        for kill in range(1, KILLS + 1):
            text = machine.run_and_kill(qemu, chance.randint(1, MOST), chance.randint(0, 200))
            which = "kill %d of %d, %s" % (kill, KILLS, label)
            now = {int(n) for n in re.findall(r"power-loss: synced (\d+)\n", text)}
            synced |= now
            TAP.ok("power-loss: mounted" in text and now, "it mounts, and writes; " + which, text[-800:])
            in_order, said, files = machine.look()
            TAP.ok(in_order, "the file system is in order; " + which, said)
            lost = missing(files, synced)
            TAP.ok(not lost, "all that was synced is there; " + which, ", ".join(lost))
        print("# %d records of %d boots were synced, %s" % (len(synced), KILLS, label), flush=True)


for path_of_qemu, name in linux.emulators():
    test(path_of_qemu, name)
TAP.done()
