#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# make debian without a network and without its first boot: three small packages, a fake QEMU.

import hashlib
import os
import shutil
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "lib"))
import tap  # noqa: E402
from launcher import ROOT, Launcher, is_alive, wait_until  # noqa: E402
from doppel import host  # noqa: E402

MODULES = "virtio_mmio", "virtio_blk", "crc32c_generic", "ext4"
MIRROR = "http://mirror.example/debian"
DONE = "say install: step configuring;Setting up one (1) ...;install: done"


def package(box, name, files, control="", **parts):
    """A package of these files {path: text, or (target of a link,)}; `parts` go beside control."""
    top = "source/" + name
    for path, content in files.items():
        if isinstance(content, tuple):
            os.makedirs(os.path.dirname(box.path(top, path)), exist_ok=True)
            os.symlink(content[0], box.path(top, path))
        else:
            box.put("%s/%s" % (top, path), content)
    box.put(top + "/DEBIAN/control", "Package: %s\nVersion: 1\nArchitecture: riscv64\n"
            "Maintainer: nobody <nobody@example>\n%sDescription: for a test\n" % (name, control))
    for part, text in parts.items():
        os.chmod(box.put("%s/DEBIAN/%s" % (top, part), text), 0o755)
    os.makedirs(box.path("cache/debian-1"), exist_ok=True)
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", box.path(top),
                    box.path("cache/debian-1/%s_1_riscv64.deb" % name)], check=True,
                   stdout=subprocess.DEVNULL)


def prepare(box):
    """What setup would have put into the cache, and the parts of the tree that are needed."""
    for needed in ("fakeroot", "mke2fs", "debugfs", "ssh-keygen", "dpkg-deb", "dpkg-query"):
        if not shutil.which(needed, path=os.environ["PATH"] + host.SBIN):
            raise tap.Skip("there is no %s" % needed)
    os.environ["PATH"] += host.SBIN
    shutil.copytree(os.path.join(ROOT, "guest"), box.path("tree/guest"))
    package(box, "base-files", {"usr/lib/base": "", "lib": ("usr/lib",), "etc/base": "default\n"},
            conffiles="/etc/base\n")
    # Comes before base-files in the alphabet, and still has a /lib of its own.
    package(box, "a-library", {"lib/a.so": "library"}, "Multi-Arch: same\n",
            postinst="#!/bin/sh\n", triggers="interest-noawait /usr/share/a\ninterest named\n")
    package(box, "linux-image", {
        "boot/vmlinux-1.2": "the kernel",
        "usr/lib/modules/1.2/modules.builtin": "".join("kernel/%s.ko\n" % m for m in MODULES)})
    box.put("cache/images-1/busybox", "the busybox")
    with open(box.path("tree/guest/debian/packages")) as file:
        lines = [line.split("#")[0].strip() for line in file]
    box.put("cache/debian-1/wanted", "".join(line + "\n" for line in lines if line))


def make(box, fake=DONE):
    return subprocess.run([sys.executable, box.path("tree/tools/mkdebian")], cwd=box.directory,
                          env=box.environment(fake, DEBIAN_MIRROR=MIRROR), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)


def ask(box, request, image="tree/build/guest/debian.img"):
    done = subprocess.run(["debugfs", "-R", request, box.path(image)], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=True)
    return done.stdout.decode()


def test_unpacked():
    """packages are unpacked as dpkg would: it knows all of them, and has still to configure them"""
    with Launcher() as box:
        prepare(box)
        subprocess.run(["fakeroot", sys.executable, os.path.join(ROOT, "tools/debian/rootfs"),
                        "--archives", box.path("cache/debian-1"), "--tree", box.path("root"),
                        "--image", box.path("image"), "--size", str(64 << 20),
                        "--label", "a-label"], check=True)
        database = box.path("root/var/lib/dpkg")
        known = subprocess.run(["dpkg-query", "--admindir=" + database, "-W", "-f",
                                "${db:Status-Abbrev}${Package}${Conffiles}\n"], check=True,
                               stdout=subprocess.PIPE).stdout.decode()
        tap.same(known, "iU a-library\niU base-files /etc/base %s\niU linux-image\n"
                 % hashlib.md5(b"default\n").hexdigest())
        tap.same(os.path.islink(box.path("root/lib")), True)
        with open(database + "/info/a-library:riscv64.list") as file:
            tap.same(file.read(), "/.\n/lib\n/lib/a.so\n")
        tap.same(os.access(database + "/info/a-library:riscv64.postinst", os.X_OK), True)
        with open(database + "/triggers/File") as file:
            tap.same(file.read(), "/usr/share/a a-library:riscv64/noawait\n")
        with open(database + "/triggers/named") as file:
            tap.same(file.read(), "a-library:riscv64\n")
        tap.same(ask(box, "cat /usr/lib/a.so", "image"), "library")
        tap.holds(ask(box, "stat /etc/base", "image"), "User:     0   Group:     0")
        tap.holds(ask(box, "stats", "image"), "a-label")


def test_made_once():
    """the image with its key and the mirror, kernel and initramfs; the second time nothing is done"""
    with Launcher() as box:
        prepare(box)
        first = make(box)
        tap.same((first.returncode, first.stderr), (0, b""))
        tap.holds(first.stdout, b"debian.img is ready")
        output = box.path("tree/build/guest/debian/")
        with open(output + "id_ed25519.pub") as file:
            tap.same(ask(box, "cat /root/.ssh/authorized_keys"), file.read())
        tap.same(os.stat(output + "id_ed25519").st_mode & 0o777, 0o600)
        tap.holds(ask(box, "stat /root/.ssh"), "Mode:  0700")
        tap.holds(ask(box, "cat /etc/apt/sources.list.d/debian.sources"), "URIs: %s\n" % MIRROR)
        tap.holds(ask(box, "cat /etc/fstab"), "LABEL=doppel-root / ext4")
        with open(output + "Image") as file:
            tap.same(file.read(), "the kernel")
        tap.same(os.path.getsize(output + "initrd.img") > 0, True)
        tap.same(os.path.exists(box.path("tree/build/debian-work")), False)
        os.unlink(box.log)
        again = make(box)
        tap.same((again.returncode, again.stdout, box.qemu()), (0, b"", None))


def test_made_again():
    """another input makes another image; the one that was there is kept, and so is the key"""
    with Launcher() as box:
        prepare(box)
        tap.same(make(box).returncode, 0)
        image, key = box.path("tree/build/guest/debian.img"), "tree/build/guest/debian/id_ed25519"
        with open(box.path(key)) as file:
            text = file.read()
        number = os.stat(image).st_ino
        box.put("tree/guest/debian/files/etc/more", "more")
        tap.same(make(box).returncode, 0)
        tap.same(os.stat(image + ".old").st_ino, number)
        tap.same(ask(box, "cat /etc/more"), "more")
        with open(box.path(key)) as file:
            tap.same(file.read(), text)


def test_failed_boot():
    """a first boot that fails or ends early is said, and puts no image into place"""
    with Launcher() as box:
        prepare(box)
        for fake, words in (("say install: failed: dpkg", b"failed: dpkg"),
                            ("say Setting up one (1) ...", b"ended early"),
                            ("exit 1", b"ended early")):
            done = make(box, fake)
            tap.same(done.returncode, 1)
            tap.holds(done.stderr, words)
            tap.holds(done.stderr, b"build.log")
            tap.same(done.stderr.count(b"\n"), 1)
            tap.same(os.path.exists(box.path("tree/build/guest/debian.img")), False)
        tap.same(make(box).returncode, 0)


def test_interrupted():
    """the end of an interrupted build is the emulator's end, too"""
    with Launcher() as box:
        prepare(box)
        build = subprocess.Popen([sys.executable, box.path("tree/tools/mkdebian")],
                                 env=box.environment("sleep", DEBIAN_MIRROR=MIRROR),
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        wait_until(box.qemu, "QEMU", 300)
        build.send_signal(signal.SIGTERM)
        tap.holds(build.communicate()[1], b"interrupted")
        wait_until(lambda: not is_alive(box.qemu()["pid"]), "QEMU's end", 60)
        tap.same(os.path.exists(box.path("tree/build/guest/debian.img")), False)


tap.main(sys.modules[__name__])
