#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Much data through the installed Debian: fio verifies what it wrote, files cross the network between two
VMs and from this computer, and the file systems are clean. DOPPEL_DATA_MIB=N is the size of the
files (default 1024).
"""

import hashlib
import os
import pathlib
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import debian  # noqa: E402

TAP = debian.Tap()
MIB = int(os.environ.get("DOPPEL_DATA_MIB", "1024"))

# Random and mixed sizes, four jobs; verified while it writes, and once more when all is written.
FIO = "fio --name=mixed --directory=/root --size=%dM --numjobs=4 --rw=randrw --rwmixread=30 " \
    "--bsrange=512-256k --bs_unaligned=0 --blockalign=512 --ioengine=libaio --direct=1 --iodepth=8 " \
    "--verify=crc32c --verify_fatal=1 --do_verify=1 --fsync=64 --group_reporting" % max(MIB // 16, 8)

TWO = """/dts-v1/;
/ {{ compatible = "doppel,vms";
	images {{ kernel {{ data = /incbin/("{files}/Image"); }}; initrd {{ data = /incbin/("{files}/initrd.img"); }}; }};
	debian {{ compatible = "doppel,vm"; vcpus = <2>; memory = "1G"; autostart;
		kernel-image = "kernel"; initrd-image = "initrd";
		bootargs = "console=ttyS0 root=/dev/vda rw quiet systemd.hostname=one";
		disk {{ compatible = "doppel,disk"; image = "{image}"; }};
		nat {{ compatible = "doppel,net"; forward = "tcp:{port}:22"; }};
		lan {{ compatible = "doppel,net"; switch = "lan"; address = "10.9.0.1/24"; }};
		rng {{ compatible = "doppel,rng"; }};
	}};
	two {{ compatible = "doppel,vm"; vcpus = <2>; memory = "1G"; autostart;
		kernel-image = "kernel"; initrd-image = "initrd";
		bootargs = "console=ttyS0 root=/dev/vda rw quiet systemd.hostname=two";
		disk {{ compatible = "doppel,disk"; image = "{image}2"; }};
		lan {{ compatible = "doppel,net"; switch = "lan"; address = "10.9.0.2/24"; }};
		rng {{ compatible = "doppel,rng"; }};
	}};
}};
"""


def check(image, what):
    status, said = debian.check_file_system(image)
    TAP.ok(status == 0, "the file system is clean, " + what, said)


def test_fio(qemu, image, label):
    with debian.running(qemu, image) as machine:
        machine.wait_for(r"login:")
        status, said = machine.ssh(FIO)
        TAP.ok(status == 0 and "err= 0" in said, "fio verifies what it wrote, " + label, said[-1500:])
        TAP.ok(machine.power_off() == 0, "it powers off after fio, " + label, machine.tail)
    check(image, "after fio, " + label)


def send_file(machine, path):
    """The guest's sha256 of what it got over ssh."""
    with open(path, "rb") as file:
        return machine.ssh("cat > /root/data && sync && sha256sum < /root/data", stdin=file)[1]


def in_two(machine, command):
    """What a command says in the other VM, which only the first one reaches."""
    return machine.ssh("ssh -i /root/key -o StrictHostKeyChecking=no -o LogLevel=ERROR root@10.9.0.2 '%s'"
                       % command)[1]


def test_copies(qemu, image, label):
    second = pathlib.Path(str(image) + "2")
    subprocess.run(["cp", "--sparse=always", str(debian.IMAGE), str(second)], check=True)
    data = image.parent / "data"
    digest = hashlib.sha256()
    with open(data, "wb") as file:
        for _ in range(MIB):
            block = os.urandom(1 << 20)
            digest.update(block)
            file.write(block)
    expected = digest.hexdigest()
    with debian.running(qemu, image, description=TWO) as machine:
        # Not the prompts: of those that stand in unfinished lines, one is shown.
        TAP.ok(machine.wait_for(r"Linux \d+ one ttyS0") and machine.wait_for(r"Linux \d+ two ttyS0"),
               "two VMs with a switch between them, " + label, machine.tail)
        said = send_file(machine, data)
        TAP.ok(expected in said, "%d MiB over ssh from the host, %s" % (MIB, label), said)
        # The key of this checkout opens the other VM, too; it is only handed on for this. The data goes
        # without: what emulated harts need for ciphers would be most of the time.
        key = (debian.FILES / "id_ed25519").read_text()
        machine.ssh("umask 77; cat > /root/key <<'E'\n%sE" % key)
        machine.ssh("systemd-run --unit files python3 -m http.server -d /root 8000")
        said = in_two(machine, "curl -sS --retry 60 --retry-connrefused -o /root/data "
                               "http://10.9.0.1:8000/data && sync && sha256sum < /root/data")
        TAP.ok(expected in said, "%d MiB from VM to VM, %s" % (MIB, label), said)
        print("# " + "\n# ".join((machine.ctl("devices", "debian", "lan")).splitlines()))
        in_two(machine, "systemctl poweroff")
        TAP.ok(machine.power_off() == 0, "both power off, " + label, machine.tail)
    check(image, "of the first, " + label)
    check(second, "of the second, " + label)


for path_of_qemu, name in debian.emulators():
    with debian.directory_with_image() as copy:
        test_fio(path_of_qemu, copy, name)
        test_copies(path_of_qemu, copy, name)
TAP.done()
