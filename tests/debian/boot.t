#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The installed Debian under Doppel: login prompt, ssh, all services, apt, files kept, a clean end."""

import hashlib
import os
import pathlib
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import debian  # noqa: E402

TAP = debian.Tap()
COPIED = 16 << 20  # bytes through ssh


def test_boot(qemu, image, label):
    with debian.running(qemu, image) as machine:
        TAP.ok(machine.wait_for(r"debian login:"), "a login prompt, " + label, machine.tail)
        status, said = machine.ssh("systemctl is-system-running --wait")
        TAP.ok((status, said.strip()) == (0, "running"), "systemd runs, and all services, " + label, said)
        data = os.urandom(COPIED)
        with tempfile.TemporaryFile() as file:
            file.write(data)
            file.seek(0)
            status, said = machine.ssh("cat > /root/data && sync && sha256sum < /root/data", stdin=file)
        TAP.ok(hashlib.sha256(data).hexdigest() in said, "16 MiB over ssh, " + label, said)
        status, said = machine.ssh("apt-get -q update && apt-get -qy install tree && tree --version")
        if "Could not resolve" in said or "Unable to connect" in said:
            TAP.skip("apt installs a package, " + label, "the mirror is not reachable")
        else:
            TAP.ok(status == 0 and "tree v" in said, "apt installs a package, " + label, said[-600:])
        TAP.ok(machine.power_off() == 0, "it powers off, " + label, machine.tail)
    status, said = debian.check_file_system(image)
    TAP.ok(status == 0, "the file system is clean, " + label, said)
    return hashlib.sha256(data).hexdigest()


def test_again(qemu, image, sha256, label):
    """What was written is there after a second boot."""
    with debian.running(qemu, image) as machine:
        machine.wait_for(r"debian login:")
        said = machine.ssh("sha256sum < /root/data; tree --version")[1]
        TAP.ok(sha256 in said, "what was written is there, " + label, said)
        print("# " + "\n# ".join(machine.ctl("devices", "debian").splitlines()))
        TAP.ok(machine.power_off() == 0, "it powers off again, " + label, machine.tail)


for path, name in debian.emulators():
    with debian.directory_with_image() as copy:
        test_again(path, copy, test_boot(path, copy, name), name)
TAP.done()
