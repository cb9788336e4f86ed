# SPDX-License-Identifier: BSD-2-Clause
"""What stands behind the devices of VMs: image files, a network, sockets of this computer; and
QEMU's options for them."""

import errno
import fcntl
import itertools
import os
import socket
import struct

from . import Refusal, image
from .devices import NAT, NAT_DNS, NAT_GATEWAY, NAT_NETWORK, Balloon, Console, Disk, Net, Rng

TRANSPORTS = 8              # virtio-mmio of QEMU's virt machine
SECTOR = 512
FIRST_ADDRESS = 15          # of NAT_NETWORK, that an interface is given
MAX_STREAMS = 30            # ports of a virtio-serial device
CONTROL = "org.doppel.ctl.0"
HERE = "127.0.0.1"

# Magic bytes of what is no raw image, and what to do instead.
STRANGERS = image.COMPRESSED + (
    (image.GZIP_MAGIC, "is compressed with gzip", "decompress it with \"gzip -d\""),
    (b"QFI\xfb", "is a qcow2 image", "make a raw one of it with \"qemu-img convert -O raw\""),
    (b"KDMV", "is a VMDK image", "make a raw one of it with \"qemu-img convert -O raw\""),
    (b"<<< ", "is a VDI image", "make a raw one of it with \"qemu-img convert -O raw\""),
)

# QEMU locks these bytes of an image: it writes; it lets no one else write (QEMU:
# block/file-posix.c, RAW_LOCK_PERM_BASE and RAW_LOCK_SHARED_BASE plus the bit of BLK_PERM_WRITE).
LOCK_WRITES, LOCK_NO_OTHER_WRITES = 101, 201
F_OFD_GETLK = 36            # Linux
FLOCK = struct.Struct("hhqqi4x")


class Image:
    """A file that is a disk of the machine; several disks of VMs may be on it."""

    def __init__(self, path, serial):
        self.path = os.path.realpath(path)   # ".." behind a link is not what it seems
        self.serial = serial
        self.users = []             # (Vm, Disk)

    def is_written(self):
        return any(disk.writes() for _, disk in self.users)

    def node(self):
        """QEMU's name of its contents."""
        return self.serial + "-raw"

    def file_node(self):
        """QEMU's name of the file."""
        return self.serial + "-file"


class Wiring:
    """Checks everything that the devices of these VMs need of this computer."""

    def __init__(self, machines):
        self.machines = machines
        self.images = []
        self._find_images()
        self.nets = list(of_kind(machines, Net))
        self._check_macs()
        self._give_addresses()
        self._check_forwards()
        self._check_streams()

    def _find_images(self):
        known = {}
        for vm, disk in of_kind(self.machines, Disk):
            where = disk.place.named("image")
            image.check_readable(disk.image, where)
            status = os.stat(disk.image)
            key = (status.st_dev, status.st_ino)
            if key not in known:
                known[key] = Image(disk.image, "d%d" % len(known))
                self.images.append(known[key])
                check_raw(disk.image, where)
            check_shared(vm, disk, known[key].users)
            known[key].users.append((vm, disk))
            disk.host_disk = known[key].serial
        for found in self.images:
            disk = next((d for _, d in found.users if d.writes()), found.users[0][1])
            check_access(disk, found)

    def _check_macs(self):
        seen = {}
        for vm, net in self.nets:
            other = seen.setdefault((net.switch, bytes(net.mac)), (vm, net))
            if other[1] is not net:
                raise Refusal("%s %s is that of %s, too: give each interface on a switch its own"
                              % (net.place.named("mac"), net.mac_text(), named(*other)))

    def _give_addresses(self):
        """Each interface on the switch nat has an address, with which ports can be forwarded."""
        seen = {}
        for vm, net in self.nets:
            if net.address:
                other = seen.setdefault((net.switch, net.address.ip), (vm, net))
                if other[1] is not net:
                    raise Refusal("%s %s is that of %s, too: give each its own"
                                  % (net.place.named("address"), net.address.ip, named(*other)))
        free = (host for host in itertools.islice(NAT_NETWORK, FIRST_ADDRESS, 255)
                if (NAT, host) not in seen)
        for _, net in self.nets:
            if net.switch != NAT:
                continue
            if not net.address:
                host = next(free, None)
                if host is None:
                    raise Refusal("%s: the switch %s has no address left: connect fewer interfaces "
                                  "to it" % (net.place.named("switch"), NAT))
                net.address = Net.interface(host)
            net.gateway = net.gateway or NAT_GATEWAY
            net.dns = net.dns or NAT_DNS

    def _check_forwards(self):
        seen = {}
        for vm, net in self.nets:
            for forward in net.forwards:
                where = "%s %s" % (forward.place.named("forward"), forward.rule)
                other = seen.setdefault((forward.protocol, forward.here), (vm, net, forward))
                if other[2] is not forward:
                    raise Refusal("%s: %s has %s port %d already: choose another port"
                                  % (where, named(*other[:2]), forward.protocol, forward.here))
                check_port_is_free(forward, where)

    def _check_streams(self):
        seen = {}
        for vm, console in of_kind(self.machines, Console):
            for port in console.ports:
                other = seen.setdefault((vm, port), console)
                if other is not console:
                    raise Refusal("%s has \"%s\", as %s does: give each port of a VM its own name"
                                  % (console.place.named("ports"), port, named(vm, other)))


def of_kind(machines, kind):
    """(VM, device) for each device of that kind."""
    return ((vm, device) for vm in machines for device in vm.virtio if isinstance(device, kind))


def named(vm, device):
    return "VM \"%s\": device \"%s\"" % (vm.name, device.name)


# Images


def check_raw(path, where):
    with open(path, "rb") as file:
        head = file.read(8)
    image.refuse_strangers(head, STRANGERS, "%s: %s" % (where, path))
    size = os.path.getsize(path)
    if size % SECTOR:
        raise Refusal("%s: %s has %d bytes, no multiple of %d: enlarge it with \"truncate -s %%%d\""
                      % (where, path, size, SECTOR, SECTOR))


def check_shared(vm, disk, others):
    """An image that somebody writes to has one user."""
    for other_vm, other in others:
        if disk.writes() or other.writes():
            raise Refusal("%s: %s is the image of %s, too, and %s writes to it: make both of them "
                          "read-only or overlay, or copy the image"
                          % (disk.place.named("image"), disk.image, named(other_vm, other),
                             "that one" if other.writes() else named(vm, disk)))


def check_access(disk, found):
    where = disk.place.named("image")
    if found.is_written() and not os.access(found.path, os.W_OK):
        raise Refusal("%s: %s cannot be written: change its permissions, or give the disk "
                      "read-only or overlay" % (where, disk.image))
    if is_in_use(found.path, found.is_written()):
        raise Refusal("%s: %s is in use by another run: end that one first, or %s"
                      % (where, disk.image, "copy the image" if found.is_written() else
                         "let all runs have it read-only or overlay"))


def is_in_use(path, for_writing):
    """Whether QEMU, of another run, has the image in a way that excludes ours."""
    with open(path, "rb") as file:
        for byte in (LOCK_WRITES,) + ((LOCK_NO_OTHER_WRITES,) if for_writing else ()):
            try:
                answer = fcntl.fcntl(file, F_OFD_GETLK,
                                     FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0))
            except OSError:         # a file system without locks: QEMU has none either
                return False
            if FLOCK.unpack(answer)[0] != fcntl.F_UNLCK:
                return True
    return False


# Ports


def check_port_is_free(forward, where):
    kind = socket.SOCK_STREAM if forward.protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as probe:
        if forward.protocol == "tcp":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)     # as QEMU does
        try:
            probe.bind((HERE, forward.here))
        except OSError as error:
            if error.errno == errno.EACCES:
                raise Refusal("%s: %s port %d of this computer needs root: choose one from 1024 up"
                              % (where, forward.protocol, forward.here))
            raise Refusal("%s: %s port %d of this computer is in use: end what uses it, or choose "
                          "another port" % (where, forward.protocol, forward.here))


# QEMU's options


class Bus:
    """Hands out the machine's virtio-mmio transports."""

    def __init__(self, order):
        self.order = iter(order)

    def next(self):
        number = next(self.order, None)
        if number is None:
            raise Refusal("the VMs need more than the %d virtio devices that the machine has: use "
                          "fewer images" % TRANSPORTS)
        return "bus=virtio-mmio-bus.%d" % number


def escaped(path):
    """As a value in QEMU's options, where a comma ends one."""
    return path.replace(",", ",,")


def drive(name, path, *more):
    return ["-drive", ",".join(("if=none,id=%s,file=%s,format=raw,discard=unmap"
                                % (name, escaped(path)),) + more)]


def disk_device(bus, name, *more):
    # Else QEMU would stop the machine when this computer's disk is full.
    return ["-device", ",".join(("virtio-blk-device", bus.next(), "drive=" + name,
                                 "werror=report,rerror=report") + more)]


def user_network(name, nets, *more):
    rules = ["hostfwd=%s:%s:%d-%s:%d" % (forward.protocol, HERE, forward.here, net.address.ip,
                                         forward.there)
             for net in nets for forward in net.forwards]
    return ["-netdev", ",".join(["user,id=" + name] + list(more) + rules)]


def stream(number, name, path, serial):
    return ["-chardev", "socket,id=stream%d,path=%s,server=on,wait=off" % (number, escaped(path)),
            "-device", "virtserialport,bus=%s.0,chardev=stream%d,name=%s"
            % (serial, number, name)]


def stream_names(machines):
    """Ports of the machine's console, VM.PORT, one for each port of a VM's."""
    return ["%s.%s" % (vm.name, port) for vm, console in of_kind(machines, Console)
            for port in console.ports]


def doppel_options(wiring, sockets, control, traces=False):
    """The machine's devices: a disk for each image, a network interface if a VM is on the switch
    nat, randomness, and streams: the control channel and the VMs' ports."""
    bus = Bus(range(TRANSPORTS))
    options = ["-global", "virtio-mmio.force-legacy=false"]
    for found in wiring.images:
        options += drive(found.serial, found.path, "node-name=" + found.node(),
                         "file.node-name=" + found.file_node(),
                         *([] if found.is_written() else ["read-only=on"]))
        options += disk_device(bus, found.serial, "serial=" + found.serial)
    inside = [net for _, net in wiring.nets if net.switch == NAT]
    if inside:
        options += user_network("net0", inside)
        options += ["-device", "virtio-net-device,%s,netdev=net0" % bus.next()]
    options += ["-device", "virtio-rng-device," + bus.next()]
    options += ["-device", "virtio-serial-device,id=streams," + bus.next()]
    options += stream(0, CONTROL, control, "streams")
    names = stream_names(wiring.machines)
    room = MAX_STREAMS - (2 if traces else 1)       # for the control channel, and a trace
    if len(names) > room:
        raise Refusal("the VMs' consoles have %d ports, and the machine has room for %d: use fewer"
                      % (len(names), room))
    for number, name in enumerate(names, 1):
        options += stream(number, name, os.path.join(sockets, name), "streams")
    return options


def native_options(wiring, sockets):
    """The devices of the one VM, directly. QEMU's tree lists its transports from the last one down,
    and Linux names what it finds in that order."""
    bus = Bus(reversed(range(TRANSPORTS)))
    options = ["-global", "virtio-mmio.force-legacy=false"]
    for number, device in enumerate(wiring.machines[0].virtio):
        name = "%s%d" % (device.kind, number)
        if isinstance(device, Disk):
            options += native_disk(bus, name, device)
        elif isinstance(device, Net):
            options += native_net(bus, name, device)
        elif isinstance(device, Console):
            options += native_console(bus, number, device, wiring.machines[0], sockets)
        elif isinstance(device, (Rng, Balloon)):
            options += ["-device", "virtio-%s-device,%s" % (device.kind, bus.next())]
    return options


def native_disk(bus, name, disk):
    more = []
    if disk.read_only:
        more.append("read-only=on")
    if disk.overlay is not None:
        more.append("snapshot=on")
    if disk.rate_bytes is not None:
        more.append("throttling.bps-total=%d" % disk.rate_bytes)
    if disk.rate_iops is not None:
        more.append("throttling.iops-total=%d" % disk.rate_iops)
    serial = [] if disk.serial is None else ["serial=" + escaped(disk.serial)]
    return drive(name, os.path.realpath(disk.image), *more) + disk_device(bus, name, *serial)


def native_net(bus, name, net):
    if net.switch != NAT:
        raise Refusal("%s: --native has no other switch than %s: connect the VM to that one"
                      % (net.place.named("switch"), NAT))
    return user_network(name, [net], "dhcpstart=%s" % net.address.ip) + [
        "-device", "virtio-net-device,%s,netdev=%s,mac=%s" % (bus.next(), name, net.mac_text())]


def native_console(bus, number, console, vm, sockets):
    name = "console%d" % number
    options = ["-device", "virtio-serial-device,id=%s,%s" % (name, bus.next()),
               "-chardev", "null,id=%s-0" % name,
               "-device", "virtconsole,bus=%s.0,chardev=%s-0" % (name, name)]
    for index, port in enumerate(console.ports):
        path = os.path.join(sockets, "%s.%s" % (vm.name, port))
        options += stream(100 * number + index, port, path, name)
    return options
