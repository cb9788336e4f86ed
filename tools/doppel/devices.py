# SPDX-License-Identifier: BSD-2-Clause
"""The virtio devices of a VM: the binding of docs/vm-description.md, read, checked and written."""

import ipaddress
import os
import re

from . import Refusal, fdt, values
from .sizes import GIB, KIB, MIB, text

PREFIX = "doppel,"
MAX_DEVICES = 24
MAX_PORTS = 8
MAX_SERIAL = 20             # bytes, of a disk
OVERLAY = (2 * MIB, 512 * GIB)
DEFAULT_OVERLAY = 256 * MIB
RATE_BYTES = (64 * KIB, 512 * GIB)
MAX_PREFIX = 30             # bits of an IPv4 network
PLATFORM = ("serial", "rtc", "test", "power-button")    # what a VM can have besides, by name
PLIC = "plic"                                           # and always has
NAT = "nat"                 # the switch with the way out
NAT_NETWORK = ipaddress.ip_network("10.0.2.0/24")   # as QEMU's user network has it
NAT_GATEWAY, NAT_DNS = ipaddress.ip_address("10.0.2.2"), ipaddress.ip_address("10.0.2.3")


class Device:
    """One device. `place` names it in messages."""

    def __init__(self, name, place):
        self.name = name
        self.place = place

    def write(self, node):
        """Writes what the hypervisor is to know of it."""
        node.props["compatible"] = fdt.string(PREFIX + self.kind)


class Disk(Device):
    kind = "disk"
    properties = ("compatible", "image", "read-only", "overlay", "serial", "rate-bytes",
                  "rate-iops")

    def __init__(self, name, place, image, read_only=False, overlay=None, serial=None,
                 rate_bytes=None, rate_iops=None):
        super().__init__(name, place)
        self.image = image          # a path
        self.read_only = read_only
        self.overlay = overlay      # bytes; None: none
        self.serial = serial
        self.rate_bytes = rate_bytes
        self.rate_iops = rate_iops
        self.host_disk = None       # serial number of the machine's disk
        self._check()

    @classmethod
    def read(cls, node, place):
        image = values.string(node, "image", place)
        if not image:
            raise Refusal("%s is missing: add image = \"FILE\";" % place.named("image"))
        return cls(node.name, place, os.path.join(os.path.dirname(place.source), image),
                   values.flag(node, "read-only", place), cls._overlay(node, place),
                   values.string(node, "serial", place),
                   values.size(node, "rate-bytes", place, *RATE_BYTES),
                   values.cell(node, "rate-iops", place))

    @staticmethod
    def _overlay(node, place):
        if node.props.get("overlay") == b"":
            return DEFAULT_OVERLAY
        return values.size(node, "overlay", place, *OVERLAY)

    def _check(self):
        if self.read_only and self.overlay is not None:
            raise Refusal("%s and overlay are both given: leave one out"
                          % self.place.named("read-only"))
        if self.serial is not None and not re.fullmatch(r"[ -~]{1,%d}" % MAX_SERIAL, self.serial):
            raise Refusal("%s \"%s\" is no serial number: give 1 to %d printable ASCII characters"
                          % (self.place.named("serial"), self.serial, MAX_SERIAL))
        if self.rate_iops == 0:
            raise Refusal("%s of 0 would stop the disk: give 1 or more"
                          % self.place.named("rate-iops"))

    def writes(self):
        """Whether the image itself may change."""
        return not self.read_only and self.overlay is None

    def write(self, node):
        super().write(node)
        node.props["host-disk"] = fdt.string(self.host_disk)
        if self.read_only:
            node.props["read-only"] = b""
        if self.overlay is not None:
            node.props["overlay"] = fdt.string(text(self.overlay))
        if self.serial is not None:
            node.props["serial"] = fdt.string(self.serial)
        if self.rate_bytes is not None:
            node.props["rate-bytes"] = fdt.string(text(self.rate_bytes))
        if self.rate_iops is not None:
            node.props["rate-iops"] = fdt.cells(self.rate_iops)


class Forward:
    """A port of this computer that leads to one of a VM."""

    def __init__(self, rule, place):
        match = re.fullmatch(r"(tcp|udp):([0-9]{1,5}):([0-9]{1,5})", rule)
        if not match:
            raise Refusal("%s \"%s\" is no rule: write PROTOCOL:PORT-HERE:PORT-IN-THE-VM, such as "
                          "tcp:2222:22" % (place.named("forward"), rule))
        self.rule = rule
        self.place = place
        self.protocol = match.group(1)
        self.here, self.there = int(match.group(2)), int(match.group(3))
        for port in (self.here, self.there):
            if not 1 <= port <= 65535:
                raise Refusal("%s \"%s\" has port %d: a port is 1 to 65535"
                              % (place.named("forward"), rule, port))


class Net(Device):
    kind = "net"
    properties = ("compatible", "switch", "mac", "address", "gateway", "dns", "forward",
                  "rate-bytes")

    def __init__(self, name, place, vm, switch=NAT, mac=None, address=None, gateway=None, dns=None,
                 forwards=(), rate_bytes=None):
        super().__init__(name, place)
        self.switch = switch
        self.mac = mac or default_mac(vm, name)
        self.address = address      # IPv4Interface
        self.gateway = gateway
        self.dns = dns
        self.forwards = [Forward(rule, place) for rule in forwards]
        self.rate_bytes = rate_bytes
        self._check()

    @classmethod
    def read(cls, node, place, vm):
        return cls(node.name, place, vm, values.string(node, "switch", place, NAT),
                   node.props.get("mac"), cls._address(node, place),
                   cls._ipv4(node, "gateway", place), cls._ipv4(node, "dns", place), values.strings(node, "forward", place),
                   values.size(node, "rate-bytes", place, *RATE_BYTES))

    @staticmethod
    def _address(node, place):
        given = values.string(node, "address", place)
        if given is None:
            return None
        try:
            if not re.fullmatch(r"[0-9.]+/[1-9][0-9]?", given):
                raise ValueError
            address = ipaddress.IPv4Interface(given)
        except ValueError:
            raise Refusal("%s \"%s\" is no address with its network's bits: write it as "
                          "10.9.0.1/24" % (place.named("address"), given))
        network = address.network
        if network.prefixlen > MAX_PREFIX or address.ip in (network.network_address,
                                                            network.broadcast_address):
            raise Refusal("%s \"%s\" cannot be a computer's: give another"
                          % (place.named("address"), given))
        return address

    @staticmethod
    def interface(host):
        """The address of that host on the switch nat."""
        return ipaddress.IPv4Interface("%s/%d" % (host, NAT_NETWORK.prefixlen))

    @staticmethod
    def _ipv4(node, name, place):
        given = values.string(node, name, place)
        try:
            return ipaddress.IPv4Address(given) if given is not None else None
        except ValueError:
            raise Refusal("%s \"%s\" is no address: write it as 10.9.0.1"
                          % (place.named(name), given))

    def _check(self):
        if not values.NAME.fullmatch(self.switch):
            raise Refusal("%s \"%s\" is not the name of a switch: %s"
                          % (self.place.named("switch"), self.switch, values.NAME_RULE))
        if len(self.mac) != 6 or self.mac[0] & 1 or not any(self.mac):
            raise Refusal("%s is no address of one interface: write 6 bytes, such as "
                          "[52 54 00 12 34 56]" % self.place.named("mac"))
        if self.switch != NAT:
            if self.forwards:
                raise Refusal("%s: only the switch %s has a way in from this computer: leave it "
                              "out" % (self.place.named("forward"), NAT))
            if not self.address and (self.gateway or self.dns):
                raise Refusal("%s and dns need an address: add it, or leave them out"
                              % self.place.named("gateway"))
        elif self.address:
            self._check_nat_address()

    def _check_nat_address(self):
        if self.address.network != NAT_NETWORK or self.address.ip in (NAT_GATEWAY, NAT_DNS):
            raise Refusal("%s %s is none of the switch %s: give one of %s, not %s or %s"
                          % (self.place.named("address"), self.address, NAT, NAT_NETWORK,
                             NAT_GATEWAY, NAT_DNS))

    def mac_text(self):
        return ":".join("%02x" % byte for byte in self.mac)

    def write(self, node):
        super().write(node)
        node.props["switch"] = fdt.string(self.switch)
        node.props["mac"] = bytes(self.mac)
        for name in ("address", "gateway", "dns"):
            if getattr(self, name) is not None:
                node.props[name] = fdt.string(str(getattr(self, name)))
        if self.rate_bytes is not None:
            node.props["rate-bytes"] = fdt.string(text(self.rate_bytes))


class Console(Device):
    kind = "console"
    properties = ("compatible", "ports")

    def __init__(self, name, place, ports=()):
        super().__init__(name, place)
        self.ports = ports
        if len(ports) > MAX_PORTS:
            raise Refusal("%s are %d: give at most %d"
                          % (place.named("ports"), len(ports), MAX_PORTS))
        for port in ports:
            if not values.NAME.fullmatch(port):
                raise Refusal("%s has \"%s\", which is not the name of a port: %s"
                              % (place.named("ports"), port, values.NAME_RULE))
            if ports.count(port) > 1:
                raise Refusal("%s has \"%s\" twice: give each its own name"
                              % (place.named("ports"), port))

    @classmethod
    def read(cls, node, place):
        return cls(node.name, place, values.strings(node, "ports", place))

    def write(self, node):
        super().write(node)
        if self.ports:
            node.props["ports"] = b"".join(map(fdt.string, self.ports))


class Simple(Device):
    """A device without properties."""

    properties = ("compatible",)

    @classmethod
    def read(cls, node, place):
        return cls(node.name, place)


class Rng(Simple):
    kind = "rng"


class Balloon(Simple):
    kind = "balloon"


KINDS = {PREFIX + cls.kind: cls for cls in (Disk, Net, Console, Rng, Balloon)}


def read(nodes, vm, place):
    """The devices of the VM called so, one a node; `place` is the VM's."""
    found = []
    for node in nodes:
        where = place.of("%s/%s" % (place.node, node.name))
        cls = KINDS.get(node.props["compatible"].rstrip(b"\0").decode("ascii", "replace"))
        if not values.NAME.fullmatch(node.name):
            raise Refusal("%s \"%s\" is not the name of a device: %s"
                          % (place.named("node"), node.name, values.NAME_RULE))
        if node.name in PLATFORM + (PLIC,):     # counters are told by names alone
            raise Refusal("%s \"%s\" is the name of a device of the platform: choose another"
                          % (place.named("node"), node.name))
        if node.name in (device.name for device in found):
            raise Refusal(where.twice())
        if cls is None:
            raise Refusal("%s is no device's: known are %s"
                          % (where.named("compatible"), ", ".join(sorted(KINDS))))
        values.refuse_unknown(node, cls.properties, where)
        for child in node.children:
            raise Refusal("%s is an unknown node: a device has none" % where.named(child.name))
        found.append(cls.read(node, where, vm) if cls is Net else cls.read(node, where))
    if len(found) > MAX_DEVICES:
        raise Refusal("%s has %d devices: give it at most %d"
                      % (place.named("it"), len(found), MAX_DEVICES))
    return found


def default_mac(vm, device):
    """52:54:00, and 24 bits of the FNV-1a hash of "VM/DEVICE", as in the hypervisor."""
    state = 2166136261
    for byte in ("%s/%s" % (vm, device)).encode():
        state = (state ^ byte) * 16777619 & 0xFFFFFFFF
    return bytes((0x52, 0x54, 0x00)) + state.to_bytes(4, "big")[1:]
