#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Disks, interfaces and consoles of VMs: what QEMU and the hypervisor are told, and what is refused.

import contextlib
import fcntl
import gzip
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "lib"))
import tap  # noqa: E402
from launcher import (  # noqa: E402
    MIB, ROOT, Launcher, description, free_port, is_alive, linux_image, option, refused,
    wait_until)
from doppel import Refusal, devices, dts, fdt, runs, watch, wiring  # noqa: E402

KERNEL = linux_image()
F_OFD_SETLK = 37


def disk(image='image = "a.img";', more="", name="disk"):
    return '%s { compatible = "doppel,disk"; %s %s };' % (name, image, more)


def net(more="", name="net"):
    return '%s { compatible = "doppel,net"; %s };' % (name, more)


def console(more="", name="hvc"):
    return '%s { compatible = "doppel,console"; %s };' % (name, more)


def two(one, other):
    """A description of the VMs linux and two with these devices."""
    return description(extra=one, body='two { compatible = "doppel,vm"; vcpus = <1>; '
                       'memory = "64M"; kernel = /incbin/("Image"); autostart; %s };' % other)


def filled(box):
    box.put("Image", KERNEL)
    for name in ("a.img", "b.img"):
        box.put(name, bytes(MIB))
    return box


# Refusals

DEVICE, DISK, NET, CONSOLE = (
    'VM "linux": device "%s": ' % name for name in ("dev", "disk", "net", "hvc"))
FILES = {"empty.img": b"", "odd.img": bytes(1000), "small.img": bytes(511),
         "qcow2.img": b"QFI\xfb" + bytes(508), "vmdk.img": b"KDMV" + bytes(508),
         "image.gz": gzip.compress(bytes(512)) + bytes(480), "image.bz2": b"BZh9" + bytes(508),
         "image.xz": b"\xfd7zXZ\0" + bytes(506)}

# name of the test, devices of the VM linux, words that the sentence must have
REFUSED = (
    ("of no kind", 'dev { compatible = "doppel,gpu"; };',
     (DEVICE + "compatible", "doppel,balloon, doppel,console, doppel,disk")),
    ("with a bad name", disk(name="Disk"), ('VM "linux"', "Disk", "not the name of a device")),
    ("with the name of the PLIC", disk(name="plic"),
     ('VM "linux"', '"plic"', "a device of the platform", "choose another")),
    ("with the name of the serial port", disk(name="serial"), ('VM "linux"', '"serial"', "choose")),
    ("with the name of the clock", net(name="rtc"), ('VM "linux"', '"rtc"', "choose another")),
    ("with the name of the power button", 'power-button { compatible = "doppel,rng"; };',
     ('VM "linux"', '"power-button"', "choose another")),
    ("with the name of what powers off", 'test { compatible = "doppel,balloon"; };',
     ('VM "linux"', '"test"', "choose another")),
    ("with an unknown property", disk(more="colour;"), (DISK + "colour", "unknown", "image")),
    ("with the hypervisor's property", disk(more='host-disk = "d0";'), (DISK + "host-disk",)),
    ("with a node", disk(more="deep { };"), (DISK + "deep", "unknown")),
    ("twice", disk() + disk(), (DISK[:-2], "twice")),
    ("without an image", disk(""), (DISK + "image is missing",)),
    ("with an empty name of an image", disk('image = "";'), (DISK + "image is missing",)),
    ("with two images", disk('image = "a.img", "b.img";'), (DISK + "image", "one string")),
    ("whose image does not exist", disk('image = "nope.img";'),
     (DISK + "image", "nope.img does not exist", "check the path")),
    ("whose image is a directory", disk('image = "dir";'), (DISK + "image", "dir is a directory")),
    ("whose image is a device", disk('image = "/dev/null";'), (DISK + "image", "is a device")),
    ("whose image is empty", disk('image = "empty.img";'), (DISK + "image", "is empty")),
    ("whose image has no whole sectors", disk('image = "odd.img";'),
     (DISK + "image", "1000 bytes", "multiple of 512", "truncate")),
    ("whose image is shorter than a sector", disk('image = "small.img";'), (DISK, "511 bytes")),
    ("whose image is qcow2", disk('image = "qcow2.img";'), (DISK, "qcow2", "qemu-img convert")),
    ("whose image is a VMDK", disk('image = "vmdk.img";'), (DISK, "VMDK", "qemu-img convert")),
    ("whose image is compressed", disk('image = "image.gz";'), (DISK, "gzip", "decompress")),
    ("whose image is compressed with bzip2", disk('image = "image.bz2";'), (DISK, "bzip2 -d")),
    ("whose image is compressed with xz", disk('image = "image.xz";'), (DISK, "xz", "decompress")),
    ("that are read-only with a value", disk(more="read-only = <1>;"),
     (DISK + "read-only has a value",)),
    ("that are read-only with an overlay", disk(more="read-only; overlay;"),
     (DISK + "read-only and overlay are both given",)),
    ("with a small overlay", disk(more='overlay = "1M";'), (DISK + "overlay of 1M", "2M to 512G")),
    ("with an overlay that is no size", disk(more="overlay = <1>;"), (DISK + "overlay",)),
    ("with a long serial number", disk(more='serial = "123456789012345678901";'),
     (DISK + "serial", "1 to 20")),
    ("with an empty serial number", disk(more='serial = "";'), (DISK + "serial", "1 to 20")),
    ("with a low rate", disk(more='rate-bytes = "1K";'), (DISK + "rate-bytes of 1K", "64K")),
    ("with a rate of no requests", disk(more="rate-iops = <0>;"), (DISK + "rate-iops", "1 or")),
    ("with a rate as a string", disk(more='rate-iops = "9";'), (DISK + "rate-iops", "one number")),
    ("that write to one image", disk() + disk(name="other"),
     ('device "other": image', DISK[:-2], "read-only or overlay")),
    ("that write to one image by two names", disk() + disk('image = "link.img";', name="other"),
     ('device "other": image', "link.img", DISK[:-2])),
    ("of which one writes to an image", disk(more="read-only;") + disk(name="other"),
     ('device "other": image', DISK[:-2], "writes to it")),
    ("with too many images", "".join(
        disk('image = "%d.img";' % i, name="disk-%d" % i) for i in range(7)),
     ("more than the 8", "fewer images")),
    ("more than a VM can have", "".join(
        'rng-%d { compatible = "doppel,rng"; };' % i for i in range(25)), ("25", "at most 24")),
    ("with a bad switch", net('switch = "My Lan";'), (NET + "switch", "My Lan")),
    ("with a short MAC address", net("mac = [52 54 00 12 34];"), (NET + "mac", "6 bytes")),
    ("with a multicast MAC address", net("mac = [01 00 5e 00 00 01];"), (NET + "mac", "6 bytes")),
    ("with one MAC address", net("mac = [52 54 00 00 00 01];") +
     net("mac = [52 54 00 00 00 01];", name="net-2"),
     ('device "net-2": mac 52:54:00:00:00:01', NET[:-2])),
    ("with an address without bits", net('switch = "lan"; address = "10.9.0.1";'),
     (NET + "address", "10.9.0.1", "/24")),
    ("with an address of five numbers", net('switch = "lan"; address = "10.9.0.1.2/24";'),
     (NET + "address",)),
    ("with an address with a netmask", net('switch = "lan"; address = "10.9.0.1/255.255.255.0";'),
     (NET + "address",)),
    ("with the address of a network", net('switch = "lan"; address = "10.9.0.0/24";'),
     (NET + "address", "cannot be a computer's")),
    ("with the address of all", net('switch = "lan"; address = "10.9.0.255/24";'),
     (NET + "address", "cannot be a computer's")),
    ("with a network of two", net('switch = "lan"; address = "10.9.0.1/31";'), (NET + "address",)),
    ("with one address", net('switch = "lan"; address = "10.9.0.1/24";') +
     net('switch = "lan"; address = "10.9.0.1/24";', name="net-2"),
     ('device "net-2": address 10.9.0.1', NET[:-2])),
    ("with a foreign address on nat", net('address = "10.9.0.1/24";'),
     (NET + "address", "10.0.2.0/24")),
    ("with the gateway's address", net('address = "10.0.2.2/24";'), (NET + "address", "10.0.2.2")),
    ("with other bits on nat", net('address = "10.0.2.20/25";'), (NET + "address", "10.0.2.0/24")),
    ("with a gateway that is none", net('gateway = "router";'), (NET + "gateway", "router")),
    ("with a gateway but no address", net('switch = "lan"; gateway = "10.9.0.1";'),
     (NET + "gateway", "need an address")),
    ("with a forward that is none", net('forward = "2222:22";'),
     (NET + "forward", "2222:22", "tcp:2222:22")),
    ("with a forward to port 0", net('forward = "tcp:2222:0";'), (NET + "forward", "1 to 65535")),
    ("with a forward from port 65536", net('forward = "tcp:65536:22";'),
     (NET + "forward", "port 65536")),
    ("with a forward as a number", net("forward = <1>;"), (NET + "forward", "list of strings")),
    ("with a forward on another switch", net('switch = "lan"; forward = "tcp:2222:22";'),
     (NET + "forward", "only the switch nat")),
    ("with a forwarded port twice", net('forward = "tcp:2222:22", "tcp:2222:80";'),
     (NET + "forward tcp:2222:80", "has tcp port 2222 already")),
    ("with a bad port", console('ports = "Agent";'), (CONSOLE + "ports", "Agent")),
    ("with an empty port", console('ports = "";'), (CONSOLE + "ports",)),
    ("with a port twice", console('ports = "a", "b", "a";'), (CONSOLE + "ports", '"a" twice')),
    ("with a port of another one's name", console('ports = "a", "b";') +
     console('ports = "c", "b";', name="hvc-2"),
     ('device "hvc-2": ports has "b"', 'as VM "linux": device "hvc" does')),
    ("with nine ports", console("ports = %s;" % ", ".join('"p%d"' % i for i in range(9))),
     (CONSOLE + "ports are 9", "at most 8")),
    ("with more ports than the machine", "".join(
        console("ports = %s;" % ", ".join('"p%d-%d"' % (d, i) for i in range(8)), "hvc-%d" % d)
        for d in range(4)), ("32 ports", "29")),
)


def refusal_test(name, text, words):
    def test():
        with Launcher() as box:
            filled(box)
            for file, data in FILES.items():
                box.put(file, data)
            for number in range(7):
                box.put("%d.img" % number, bytes(512))
            os.mkdir(box.path("dir"))
            os.link(box.path("a.img"), box.path("link.img"))
            path = box.put("vms.dts", description(extra=text))
            several = "machine" in name or "too many" in name
            refused(box, (path,), words + (() if several else (path,)))
    test.__doc__ = "refused: devices " + name
    return test


def test_options_refused():
    """refused: --disk and --net that say nothing sensible"""
    with Launcher() as box:
        kernel = box.put("kernel", KERNEL)
        filled(box)
        for options, words in (
                (("--disk", "nope.img"), ("--disk nope.img: nope.img does not exist",)),
                (("--disk", "a.img,readonly"), ("a.img,readonly does not exist",)),
                (("--disk", "a.img,overlay,read-only"), ("read-only", "overlay", "both given")),
                (("--disk", "a.img", "--disk", "a.img"), ("--disk a.img", 'device "disk"')),
                (("--net=22",), ("--net 22", "tcp:2222:22")),
                (("--ctl", "."), ("--ctl .", "no socket")),
                (("--ctl", "none/ctl"), ("--ctl none/ctl", "directory")),
                (("--ctl", "x" * 200), ("--ctl", "longer than 107")),
                (("--native", "--ctl", "c"), ("--ctl", "--native"))):
            refused(box, ("--kernel", kernel) + options, words)
        refused(box, (box.put("vms.dts", description()), "--disk", "a.img"), ("--disk",))


def test_two_vms_refused():
    """refused: what only one of two VMs can have"""
    with Launcher() as box:
        filled(box)
        for one, other, words in (
                (disk(), disk(), ('VM "two": device "disk": image', 'VM "linux": device "disk"')),
                (disk(more="overlay;"), disk(), ('VM "two"', 'VM "linux"', "writes to it")),
                (net("mac = [52 54 00 00 00 01];"), net("mac = [52 54 00 00 00 01];"),
                 ('VM "two": device "net": mac', 'VM "linux"')),
                (net('address = "10.0.2.15/24";'), net('address = "10.0.2.15/24";'),
                 ('VM "two": device "net": address', 'VM "linux"')),
                (net('forward = "udp:5353:53";'), net('forward = "udp:5353:53";'),
                 ('VM "two": device "net": forward udp:5353:53', 'VM "linux"'))):
            refused(box, (box.put("vms.dts", two(one, other)),), words)


def test_debian_missing():
    """refused: files of make debian before it was run"""
    with Launcher() as box:
        filled(box)
        for text in (description(extra=disk('image = "tree/build/guest/debian.img";')),
                     description(kernel='/incbin/("tree/build/guest/debian/Image")')):
            refused(box, (box.put("vms.dts", text),), ('VM "linux"', "run make debian"))


def test_port_in_use():
    """refused: a forwarded port that something of this computer has"""
    for protocol, kind in (("tcp", socket.SOCK_STREAM), ("udp", socket.SOCK_DGRAM)):
        with Launcher() as box, socket.socket(socket.AF_INET, kind) as other:
            filled(box)
            other.bind(("127.0.0.1", 0))
            if protocol == "tcp":
                other.listen()
            rule = "%s:%d:22" % (protocol, other.getsockname()[1])
            path = box.put("vms.dts", description(extra=net('forward = "%s";' % rule)))
            refused(box, (path,), (NET + "forward " + rule, "is in use"))
            refused(box, (path, "--native"), (NET + "forward " + rule, "is in use"))
            refused(box, (path, "--check"), (NET + "forward " + rule, "is in use"))


class Forbidden:
    """os.access() for somebody who may not: the tests may run as root."""

    def __init__(self, mode):
        self.mode = mode

    def __enter__(self):
        self.access = os.access
        os.access = lambda path, mode: mode != self.mode

    def __exit__(self, *_):
        os.access = self.access


def test_permissions():
    """refused: an image that cannot be read, or not be written although a VM would"""
    with Launcher() as box:
        filled(box)
        for mode, options, words in (
                (os.R_OK, {}, "cannot be read"), (os.R_OK, {"read_only": True}, "cannot be read"),
                (os.W_OK, {}, "cannot be written"), (os.W_OK, {"read_only": True}, None),
                (os.W_OK, {"overlay": MIB}, None)):
            place = dts.Place("vms.dts", "linux/disk")
            device = devices.Disk("disk", place, box.path("a.img"), **options)
            machine = type("Vm", (), {"name": "linux", "virtio": [device]})
            said = None
            with Forbidden(mode):
                try:
                    wiring.Wiring([machine])
                except Refusal as refusal:
                    said = str(refusal)
            tap.same(said is None, words is None)
            tap.holds(said or "", words or "")


class Locked:
    """Byte `at` of a file, locked for reading as QEMU does it."""

    def __init__(self, path, at):
        self.file = open(path, "rb")
        fcntl.fcntl(self.file, F_OFD_SETLK, wiring.FLOCK.pack(fcntl.F_RDLCK, 0, at, 1, 0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()


def test_image_in_use():
    """refused: an image to which another run writes, or from which it reads if we would write"""
    with Launcher() as box:
        filled(box)
        writing = box.put("writing.dts", description(extra=disk()))
        reading = [box.put("reading.dts", description(extra=disk(more="read-only;"))),
                   box.put("over.dts", description(extra=disk(more="overlay;")))]
        with Locked(box.path("a.img"), wiring.LOCK_WRITES):
            for path in [writing] + reading:
                refused(box, (path,), (path, DISK + "image", "a.img is in use by another run"))
        with Locked(box.path("a.img"), wiring.LOCK_NO_OTHER_WRITES):
            refused(box, (writing,), (DISK + "image", "a.img is in use by another run"))
            for path in reading:
                tap.same(box.run("run", path).status, 0)


def test_image_in_use_by_qemu():
    """the emulators lock images in the way that the launcher looks for"""
    emulators = os.environ.get("DOPPEL_QEMUS", "").split() or list(
        filter(None, [shutil.which("qemu-system-riscv64")]))
    if not emulators:
        raise tap.Skip("no emulator is here")
    with Launcher() as box:
        filled(box)
        for emulator in emulators:
            for drive, ours, found in (("", "", True), (",read-only=on", "", True),
                                       ("", "read-only;", True),
                                       (",read-only=on", "overlay;", False)):
                path = box.put("vms.dts", description(extra=disk(more=ours)))
                with real_qemu(emulator, box.path("a.img"), drive):
                    result = box.run("run", "--check", path)
                    tap.same((result.status, "in use" in result.err), (2 if found else 0, found))


class real_qemu:
    """An emulator that has an image, and does nothing."""

    def __init__(self, path, image_path, drive):
        from doppel import qemu
        emulator = qemu.Qemu(path)
        self.child = subprocess.Popen(
            [path] + emulator.arguments +
            ["-nodefaults", "-display", "none", "-machine", "virt", "-bios", "none", "-S", "-drive",
             "if=none,id=d,format=raw,file=%s%s" % (image_path, drive), "-device",
             "virtio-blk-device,drive=d", "-monitor", "stdio"],
            env=emulator.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert b"QEMU" in self.child.stdout.readline()      # the monitor: the devices are there

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.communicate()


# What the hypervisor is told


def written(box, path, *options):
    result = box.run("run", path, *options, fake="keep-initrd " + box.path("kept"))
    tap.same((result.status, result.err), (0, ""))
    with open(box.path("kept"), "rb") as file:
        return fdt.read(file.read())


def nodes(vm):
    return [(c.name, c.props) for c in vm.children if c.name != "devices"]


def test_written():
    """devices are written in their order: images by serial number, defaults spelt out"""
    with Launcher() as box:
        filled(box)
        path = box.put("sub/vms.dts", description(kernel='/incbin/("../Image")', extra="".join((
            net(name="eth"), 'devices { serial { }; };',
            disk('image = "../a.img";', 'serial = "DATA 1"; rate-bytes = "50M"; '
                 'rate-iops = <1000>;'),
            disk('image = "%s";' % box.path("b.img"), "overlay;", "second"),
            disk('image = "../b.img";', 'overlay = "3M";', "third"),
            disk('image = "../b.img";', "read-only;", "fourth"),
            net('switch = "lan"; mac = [52 54 00 12 34 56]; address = "10.9.0.1/24"; '
                'gateway = "10.9.0.9"; dns = "10.9.0.8"; rate-bytes = "10M";', "lan"),
            console('ports = "agent", "log";'), 'rng { compatible = "doppel,rng"; };',
            'balloon { compatible = "doppel,balloon"; };'))))
        text = fdt.string
        tap.same(nodes(written(box, path).child("linux")), [
            ("eth", {"compatible": text("doppel,net"), "switch": text("nat"),
                     "mac": devices.default_mac("linux", "eth"), "address": text("10.0.2.15/24"),
                     "gateway": text("10.0.2.2"), "dns": text("10.0.2.3")}),
            ("disk", {"compatible": text("doppel,disk"), "host-disk": text("d0"),
                      "serial": text("DATA 1"), "rate-bytes": text("50M"),
                      "rate-iops": fdt.cells(1000)}),
            ("second", {"compatible": text("doppel,disk"), "host-disk": text("d1"),
                        "overlay": text("256M")}),
            ("third", {"compatible": text("doppel,disk"), "host-disk": text("d1"),
                       "overlay": text("3M")}),
            ("fourth", {"compatible": text("doppel,disk"), "host-disk": text("d1"),
                        "read-only": b""}),
            ("lan", {"compatible": text("doppel,net"), "switch": text("lan"),
                     "mac": bytes((0x52, 0x54, 0, 0x12, 0x34, 0x56)),
                     "address": text("10.9.0.1/24"), "gateway": text("10.9.0.9"),
                     "dns": text("10.9.0.8"), "rate-bytes": text("10M")}),
            ("hvc", {"compatible": text("doppel,console"), "ports": b"agent\0log\0"}),
            ("rng", {"compatible": text("doppel,rng")}),
            ("balloon", {"compatible": text("doppel,balloon")})])
        # 1 GiB for the hypervisor, the VM's 64M, and overlays of 256M and 4M.
        tap.same(option(box.qemu()["args"], "-m"), "%dK" % ((1024 + 64 + 256 + 4) << 10))


def test_addresses():
    """interfaces on nat get addresses in their order, but those that were given; others get none"""
    with Launcher() as box:
        filled(box)
        path = box.put("vms.dts", two(
            net() + net('switch = "lan";', "lan") + net('address = "10.0.2.16/24";', "fixed"),
            net() + net(name="more")))
        root = written(box, path)
        found = [props.get("address") for name in ("linux", "two")
                 for _, props in nodes(root.child(name))]
        tap.same(found, [b"10.0.2.15/24\0", None, b"10.0.2.16/24\0", b"10.0.2.17/24\0",
                         b"10.0.2.18/24\0"])


def test_no_addresses_left():
    """refused: more interfaces on nat than it has addresses"""
    vm = ('vm-%d { compatible = "doppel,vm"; vcpus = <1>; memory = "8M"; kernel = [13]; %s };')
    with Launcher() as box:
        text = '/dts-v1/; / { compatible = "doppel,vms"; %s };'
        many = [vm % (i, "".join(net(name="net-%d" % j) for j in range(24))) for i in range(10)]
        tap.same(box.run("run", box.put("vms.dts", text % "".join(many)), "--script", "-").status,
                 0)
        os.unlink(box.log)
        refused(box, (box.put("vms.dts", text % "".join(many + [vm % (10, net())])), "--script",
                      "-"), ('VM "vm-10": device "net"', "no address left"))


def test_documented():
    """docs/vm-description.md tells every property of every device"""
    with open(os.path.join(ROOT, "docs/vm-description.md")) as file:
        text = file.read().split("## Devices on virtio")[1].split("\n## ")[0]
    for compatible, cls in devices.KINDS.items():
        tap.holds(text, '"%s"' % compatible)
        for name in cls.properties[1:]:
            tap.holds(text, "`%s`" % name)


# What QEMU is told


def values(arguments, name):
    return [value for key, value in zip(arguments, arguments[1:]) if key == name]


def test_qemu_without_devices():
    """every machine has randomness and a control channel, and nothing else that is not needed"""
    with Launcher() as box:
        tap.same(box.run("run", "--kernel", box.put("kernel", KERNEL)).status, 0)
        arguments = box.qemu()["args"]
        tap.same(values(arguments, "-global"), ["virtio-mmio.force-legacy=false"])
        tap.same(values(arguments, "-device"), [
            "virtio-rng-device,bus=virtio-mmio-bus.0",
            "virtio-serial-device,id=streams,bus=virtio-mmio-bus.1",
            "virtserialport,bus=streams.0,chardev=stream0,name=org.doppel.ctl.0"])
        tap.same([values(arguments, name) for name in ("-drive", "-netdev", "-mon")], [[]] * 3)
        control = values(arguments, "-chardev")[1]
        tap.same(re.sub(r"run-\w+", "RUN", control),
                 "socket,id=stream0,path=%s/RUN/ctl,server=on,wait=off"
                 % os.path.realpath(box.path("tree/build/run")))


def test_qemu_devices():
    """a disk an image, a network for nat, a stream a port of a console"""
    port = free_port()
    with Launcher() as box:
        filled(box)
        box.put("with,comma.img", bytes(512))
        path = box.put("vms.dts", two(
            disk(more="read-only;") + disk('image = "b.img";', name="data") +
            net('forward = "tcp:%d:22";' % port) + console('ports = "agent";'),
            disk(more="overlay;") + disk('image = "with,comma.img";', name="data") +
            net('forward = "udp:%d:53"; address = "10.0.2.99/24";' % port)))
        tap.same(box.run("run", path).status, 0)
        arguments = box.qemu()["args"]
        tap.same(values(arguments, "-drive"), [
            "if=none,id=d%d,file=%s,format=raw,discard=unmap,node-name=d%d-raw,file.node-name=d%d-file%s"
            % (i, box.path(name), i, i, more) for i, (name, more) in enumerate(
                (("a.img", ",read-only=on"), ("b.img", ""), ("with,,comma.img", "")))])
        tap.same(values(arguments, "-mon"), ["chardev=watch,mode=control"])
        tap.same(values(arguments, "-netdev"), [
            "user,id=net0,hostfwd=tcp:127.0.0.1:%d-10.0.2.15:22,"
            "hostfwd=udp:127.0.0.1:%d-10.0.2.99:53" % (port, port)])
        tap.same(values(arguments, "-device"), [
            "virtio-blk-device,bus=virtio-mmio-bus.%d,drive=d%d,werror=report,rerror=report,"
            "serial=d%d" % (i, i, i) for i in range(3)] + [
            "virtio-net-device,bus=virtio-mmio-bus.3,netdev=net0",
            "virtio-rng-device,bus=virtio-mmio-bus.4",
            "virtio-serial-device,id=streams,bus=virtio-mmio-bus.5",
            "virtserialport,bus=streams.0,chardev=stream0,name=org.doppel.ctl.0",
            "virtserialport,bus=streams.0,chardev=stream1,name=linux.agent"])


def test_cut_images():
    """QEMU hears of images that have become shorter, once each time; its refusals are shown"""
    with Launcher() as box:
        filled(box)
        found = wiring.Image(box.path("a.img"), "d0")
        with contextlib.closing(watch.Watch([found])) as eyes:
            heard = eyes.qemus.makefile()
            tap.same(json.loads(heard.readline())["execute"], "qmp_capabilities")
            for length, size, sentences in ((MIB, None, 0), (2000, 1536, 1), (2000, None, 0),
                                            (4000, None, 0), (0, 0, 1)):
                os.truncate(found.path, length)
                eyes.looked = 0
                tap.same(len(eyes.look()), sentences)
                if sentences:
                    said = json.loads(heard.readline())
                    tap.same((said["execute"], said["arguments"]["options"]),
                             ("blockdev-reopen", [{
                                 "driver": "raw", "node-name": "d0-raw", "file": "d0-file",
                                 "read-only": True, "discard": "unmap", "size": size}]))
            eyes.looked = time.monotonic()
            tap.same(eyes.look(), [])
            eyes.qemus.sendall(b'{"QMP": {}}\r\n{"return": {}}\r\n{"error": {"class": "X",')
            tap.same(eyes.hear(), [])
            eyes.qemus.sendall(b' "desc": "no such node"}}\r\n')
            tap.holds(eyes.hear()[0], "no such node")
            heard.close()
            eyes.qemus.close()
            tap.same((eyes.hear(), eyes.is_connected), ([], False))


def test_inner_switches():
    """without an interface on nat the machine has no network"""
    with Launcher() as box:
        filled(box)
        path = box.put("vms.dts", description(extra=net('switch = "lan";')))
        tap.same(box.run("run", path).status, 0)
        tap.same(values(box.qemu()["args"], "-netdev"), [])


def test_options():
    """--disk and --net: the same for one VM without a description"""
    port, other = free_port(), free_port("udp")
    with Launcher() as box:
        filled(box)
        box.put("a,overlay", bytes(512))
        result = box.run("run", "--kernel", "Image", "--name", "one", "--disk", "a.img", "--disk",
                         "b.img,read-only", "--disk", "a,overlay,overlay", "--net", "--net=tcp:"
                         "%d:22,udp:%d:53" % (port, other),
                         fake="keep-initrd " + box.path("kept"))
        tap.same((result.status, result.err), (0, ""))
        with open(box.path("kept"), "rb") as file:
            found = nodes(fdt.read(file.read()).child("one"))
        tap.same([name for name, _ in found], ["disk", "disk-2", "disk-3", "net", "net-2"])
        tap.same(["read-only" in found[1][1], found[2][1]["overlay"]], [True, b"256M\0"])
        arguments = box.qemu()["args"]
        tap.same([os.path.basename(value.split(",format")[0]) for value
                  in values(arguments, "-drive")], ["a.img", "b.img", "a,,overlay"])
        tap.holds(values(arguments, "-netdev")[0], "tcp:127.0.0.1:%d-10.0.2.16:22" % port)
        tap.holds(values(arguments, "-netdev")[0], "udp:127.0.0.1:%d-10.0.2.16:53" % other)


def test_native():
    """--native: the same devices directly, from the last transport down"""
    port = free_port()
    with Launcher() as box:
        filled(box)
        path = box.put("vms.dts", description(extra="".join((
            disk(more='serial = "A"; rate-bytes = "1M"; rate-iops = <9>;'),
            disk('image = "b.img";', "overlay;", "b"), disk('image = "b.img";', "read-only;", "c"),
            net('forward = "tcp:%d:22";' % port), net('address = "10.0.2.77/24";', "net-2"),
            console('ports = "agent";'), 'rng { compatible = "doppel,rng"; };',
            'balloon { compatible = "doppel,balloon"; };'))))
        tap.same(box.run("run", path, "--native").status, 0)
        arguments = box.qemu()["args"]
        tap.same(values(arguments, "-drive"), [
            "if=none,id=disk0,file=%s,format=raw,discard=unmap,throttling.bps-total=1048576,"
            "throttling.iops-total=9" % box.path("a.img"),
            "if=none,id=disk1,file=%s,format=raw,discard=unmap,snapshot=on" % box.path("b.img"),
            "if=none,id=disk2,file=%s,format=raw,discard=unmap,read-only=on" % box.path("b.img")])
        tap.same(values(arguments, "-netdev"), [
            "user,id=net3,dhcpstart=10.0.2.15,hostfwd=tcp:127.0.0.1:%d-10.0.2.15:22" % port,
            "user,id=net4,dhcpstart=10.0.2.77"])
        macs = [":".join("%02x" % byte for byte in devices.default_mac("linux", name))
                for name in ("net", "net-2")]
        tap.same(values(arguments, "-device"), [
            "virtio-blk-device,bus=virtio-mmio-bus.7,drive=disk0,werror=report,rerror=report,"
            "serial=A",
            "virtio-blk-device,bus=virtio-mmio-bus.6,drive=disk1,werror=report,rerror=report",
            "virtio-blk-device,bus=virtio-mmio-bus.5,drive=disk2,werror=report,rerror=report",
            "virtio-net-device,bus=virtio-mmio-bus.4,netdev=net3,mac=" + macs[0],
            "virtio-net-device,bus=virtio-mmio-bus.3,netdev=net4,mac=" + macs[1],
            "virtio-serial-device,id=console5,bus=virtio-mmio-bus.2",
            "virtconsole,bus=console5.0,chardev=console5-0",
            "virtserialport,bus=console5.0,chardev=stream500,name=agent",
            "virtio-rng-device,bus=virtio-mmio-bus.1",
            "virtio-balloon-device,bus=virtio-mmio-bus.0"])


def test_native_refused():
    """refused: --native with another switch, or with more devices than transports"""
    with Launcher() as box:
        filled(box)
        path = box.put("vms.dts", description(extra=net('switch = "lan";')))
        refused(box, (path, "--native"), (NET + "switch", "--native"))
        path = box.put("vms.dts", description(extra="".join(
            'rng-%d { compatible = "doppel,rng"; };' % i for i in range(9))))
        refused(box, (path, "--native"), ("more than the 8",))


# Sockets


def control_path(arguments):
    return re.search(r"path=([^,]*)", values(arguments, "-chardev")[1]).group(1)


def test_sockets():
    """sockets: in XDG_RUNTIME_DIR, else beside the payloads, else in /tmp; removed at the end"""
    with Launcher() as box:
        kernel = box.put("kernel", KERNEL)
        os.mkdir(box.path("runtime"))
        deep = box.path("x" * 80)
        os.mkdir(deep)
        os.mkdir(os.path.join(deep, "shared"))
        os.chmod(os.path.join(deep, "shared"), 0o777)
        build = os.path.realpath(box.path("tree/build/run"))
        for runtime, parent in ((box.path("runtime"), box.path("runtime/doppel")), (deep, build),
                                ("", build), ("relative", build), ("/dev/null", build)):
            tap.same(box.run("run", "--kernel", kernel, XDG_RUNTIME_DIR=runtime).status, 0)
            path = control_path(box.qemu()["args"])
            tap.same(os.path.dirname(os.path.dirname(path)), parent)
            tap.same(os.path.exists(os.path.dirname(path)), False)
            box.nothing_is_left()
        tap.same(os.stat(box.path("runtime/doppel")).st_mode & 0o777, 0o700)
        os.rename(box.path("tree"), os.path.join(deep, "tree"))
        done = subprocess.run(
            [sys.executable, os.path.join(deep, "tree/doppel"), "run", "--kernel", kernel],
            env=box.environment(), check=False)
        tap.same(done.returncode, 0)
        tap.same(control_path(box.qemu()["args"]).startswith("/tmp/doppel-%d/run-" % os.getuid()),
                 True)


def test_shared_directory():
    """a directory in which others could put sockets is not used"""
    with Launcher() as box:
        os.makedirs(box.path("runtime/doppel"))
        os.chmod(box.path("runtime/doppel"), 0o777)
        tap.same(box.run("run", "--kernel", box.put("kernel", KERNEL),
                         XDG_RUNTIME_DIR=box.path("runtime")).status, 0)
        tap.same(os.path.dirname(os.path.dirname(control_path(box.qemu()["args"]))),
                 os.path.realpath(box.path("tree/build/run")))


def started(box, *options):
    process = subprocess.Popen(box.command("run", *options), cwd=box.directory,
                               env=box.environment("sleep", XDG_RUNTIME_DIR=box.path("runtime")),
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    wait_until(box.qemu, "QEMU's start")
    return process


def running(box):
    before = dict(os.environ)
    os.environ["XDG_RUNTIME_DIR"] = box.path("runtime")
    try:
        return [run for run in runs.running() if run[1].startswith(box.directory)]
    finally:
        os.environ.clear()
        os.environ.update(before)


def test_running():
    """runs that are going on can be found, also by others; those that were killed cannot"""
    with Launcher() as box:
        os.mkdir(box.path("runtime"))
        filled(box)
        path = box.put("vms.dts", description())
        tap.same(running(box), [])
        process = started(box, path)
        tap.same(running(box), [(process.pid, control_path(box.qemu()["args"]), path)])
        process.send_signal(signal.SIGINT)
        tap.same(process.wait(20), 130)
        tap.same((running(box), os.listdir(box.path("runtime/doppel"))), ([], []))
        os.unlink(box.log)
        process = started(box, path)
        process.kill()
        process.wait()
        wait_until(lambda: not is_alive(box.qemu()["pid"]), "QEMU's end")
        tap.same((running(box), len(os.listdir(box.path("runtime/doppel")))), ([], 1))
        tap.same(box.run("run", path, XDG_RUNTIME_DIR=box.path("runtime")).status, 0)
        tap.same(os.listdir(box.path("runtime/doppel")), [])


def test_ctl():
    """--ctl: the control socket is there; one that a run left is replaced, one in use is not"""
    with Launcher() as box:
        kernel = box.put("kernel", KERNEL)
        tap.same(box.run("run", "--kernel", kernel, "--ctl", "ctl").status, 0)
        tap.same(control_path(box.qemu()["args"]), box.path("ctl"))
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(box.path("ctl"))
            tap.same(box.run("run", "--kernel", kernel, "--ctl", "ctl", "--check").status, 0)
            tap.same(os.path.exists(box.path("ctl")), True)
            tap.same(box.run("run", "--kernel", kernel, "--ctl", "ctl").status, 0)
            tap.same(os.path.exists(box.path("ctl")), False)
        os.unlink(box.log)
        with socket.socket(socket.AF_UNIX) as used:
            used.bind(box.path("ctl"))
            used.listen()
            refused(box, ("--kernel", kernel, "--ctl", "ctl"), ("--ctl ctl", "another run"))
            tap.same(os.path.exists(box.path("ctl")), True)


tap.run([refusal_test(*row) for row in REFUSED] +
        [value for name, value in list(globals().items()) if name.startswith("test_")])
