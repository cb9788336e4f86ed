# SPDX-License-Identifier: BSD-2-Clause
"""Runs of the installed Debian (make debian) under Doppel, each on a copy of its image."""

import contextlib
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lib"))

import linux  # noqa: E402
from linux import Tap, emulators  # noqa: E402,F401

IMAGE = ROOT / "build" / "guest" / "debian.img"
FILES = ROOT / "build" / "guest" / "debian"
PATIENCE = 1200  # seconds; only a hang takes so long

DESCRIPTION = """/dts-v1/;
/ {{ compatible = "doppel,vms";
	debian {{ compatible = "doppel,vm"; vcpus = <2>; memory = "1G"; autostart;
		kernel = /incbin/("{files}/Image"); initrd = /incbin/("{files}/initrd.img");
		bootargs = "console=ttyS0 root=/dev/vda rw quiet";
		disk {{ compatible = "doppel,disk"; image = "{image}"; }};
		net {{ compatible = "doppel,net"; forward = "tcp:{port}:22"; }};
		rng {{ compatible = "doppel,rng"; }};
	}};
}};
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def directory_with_image():
    """A directory with a copy of the image in it, sparse as the original."""
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as directory:
        copy = pathlib.Path(directory, "debian.img")
        subprocess.run(["cp", "--sparse=always", str(IMAGE), str(copy)], check=True)
        yield copy


class Machine:
    """A run of Debian on an image; commands are given over ssh. With --native there is no ctl()."""

    def __init__(self, qemu, image, *args, description=DESCRIPTION):
        self.port = free_port()
        self.image = image
        path = image.parent / "debian.dts"
        path.write_text(description.format(files=FILES, image=image, port=self.port))
        self.log = open(image.parent / "console", "wb")
        self.control = str(image.parent / "ctl")
        control = () if "--native" in args else ("--ctl", self.control)
        self.process = subprocess.Popen(
            [str(ROOT / "doppel"), "run", str(path), "--qemu", qemu, *control, *args],
            stdin=subprocess.PIPE, stdout=self.log, stderr=subprocess.STDOUT)

    @property
    def console(self):
        return (self.image.parent / "console").read_bytes().decode(errors="replace")

    def wait_for(self, pattern, seconds=PATIENCE):
        """Whether the console says so before the time is over."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.process.poll() is None:
            if re.search(pattern, self.console):
                return True
            time.sleep(0.5)
        return re.search(pattern, self.console) is not None

    def ssh_command(self, *words):
        return ["ssh", "-p", str(self.port), "-i", str(FILES / "id_ed25519"), "-F", "none",
                "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=60", "-o", "ConnectionAttempts=20",
                "root@localhost", *words]

    def ssh(self, command, stdin=subprocess.DEVNULL, seconds=PATIENCE):
        """The status and the output of a command in the guest."""
        done = subprocess.run(
            self.ssh_command(command),
            stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds, check=False)
        return done.returncode, done.stdout.decode(errors="replace")

    def ctl(self, *words):
        done = subprocess.run([str(ROOT / "doppel"), "ctl", "--socket", self.control, *words],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        return done.stdout.decode(errors="replace")

    def power_off(self):
        """The run's status after the guest has powered off; None: it did not."""
        self.ssh("systemctl poweroff")
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            return None

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.communicate()
        self.log.close()

    @property
    def tail(self):
        """The end of the console, harmless for a terminal."""
        return "\n".join(repr(line[:120]) for line in self.console.splitlines()[-12:])


@contextlib.contextmanager
def running(qemu, image, *args, **more):
    machine = Machine(qemu, image, *args, **more)
    try:
        yield machine
    finally:
        machine.close()


def check_file_system(image):
    """What e2fsck -f says: its status (0: clean) and output. Nothing is changed."""
    environment = dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin:/sbin")
    done = subprocess.run(["e2fsck", "-f", "-n", str(image)], env=environment, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout.decode(errors="replace")
