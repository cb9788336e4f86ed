# SPDX-License-Identifier: BSD-2-Clause
"""VM descriptions: the binding of docs/vm-description.md, checked, read and written."""

import os
import re
import subprocess

from . import Refusal, fdt, image, sizes
from .sizes import MIB

ROOT_COMPATIBLE = "doppel,vms"
VM_COMPATIBLE = "doppel,vm"
MAX_VCPUS = 32
MIN_MEMORY = 8 * MIB
MEMORY_STEP = 2 * MIB
MAX_MEMORY = image.MAX_NEED
MAX_BOOTARGS = 4095
DEVICES = ("serial", "rtc", "test")
PROPERTIES = ("compatible", "vcpus", "memory", "kernel", "initrd", "bootargs", "autostart")
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")


class Vm:
    """One virtual machine: values as the guest gets them, payloads as bytes."""

    def __init__(self, name, vcpus, memory, kernel, initrd=b"", bootargs="", autostart=True,
                 devices=DEVICES):
        self.name = name
        self.vcpus = vcpus
        self.memory = memory
        self.kernel = kernel
        self.initrd = initrd
        self.bootargs = bootargs
        self.autostart = autostart
        self.devices = devices


class Place:
    """Where a value came from, for messages: a description or the command line."""

    def __init__(self, source, vm=None, payloads=None):
        self.source = source
        self.vm = vm
        self.payloads = payloads or {}

    def of(self, vm):
        return Place(self.source, vm, self.payloads)

    def named(self, prop):
        vm = " VM \"%s\":" % self.vm if self.vm else ""
        return "%s:%s %s" % (self.source, vm, prop)

    def payload(self, prop):
        path = self.payloads.get((self.vm, prop))
        return self.named(prop) + (" (%s)" % path if path else "")


class CommandLine(Place):
    """Options are their own source: --memory rather than "memory" of a file."""

    def __init__(self, payloads):
        super().__init__("--", payloads=payloads)

    def of(self, vm):
        return self

    def named(self, prop):
        return "--" + {"vcpus": "cpus", "bootargs": "append"}.get(prop, prop)

    def payload(self, prop):
        return "%s %s" % (self.named(prop), self.payloads[prop])


def check(vm, place):
    """Refuses what no VM can have, and unpacks the kernel. Returns what the kernel is."""
    if not NAME.fullmatch(vm.name):
        raise Refusal("%s \"%s\" is not a VM name: use 1 to 31 of a-z, 0-9 and -, "
                      "the first not -" % (place.of(None).named("name"), vm.name))
    if not 1 <= vm.vcpus <= MAX_VCPUS:
        raise Refusal("%s of %d is out of range: give 1 to %d"
                      % (place.named("vcpus"), vm.vcpus, MAX_VCPUS))
    if vm.memory < MIN_MEMORY:
        raise Refusal("%s of %s is too small: give at least %s"
                      % (place.named("memory"), sizes.text(vm.memory), sizes.text(MIN_MEMORY)))
    if vm.memory > MAX_MEMORY:
        raise Refusal("%s of %s is too large: give at most %s"
                      % (place.named("memory"), sizes.text(vm.memory), sizes.text(MAX_MEMORY)))
    if vm.memory % MEMORY_STEP:
        raise Refusal("%s of %s is not a multiple of 2M: round it"
                      % (place.named("memory"), sizes.text(vm.memory)))
    if len(vm.bootargs.encode()) > MAX_BOOTARGS:
        raise Refusal("%s is longer than %d bytes: shorten it"
                      % (place.named("bootargs"), MAX_BOOTARGS))
    vm.kernel = image.unpack_kernel(vm.kernel, place.payload("kernel"))
    kernel = image.parse_kernel(vm.kernel, place.payload("kernel"))
    image.check_initrd(vm.initrd, place.payload("initrd") if vm.initrd else "")
    image.check_fit(kernel, vm.initrd, vm.memory, place.payload("kernel"))
    return kernel


# Reading


def load(path):
    """The checked VMs of a description: device tree source, or a blob that dtc made of it."""
    data = image.read_file(path, "description")
    place = Place(path)
    if not data.startswith(fdt.MAGIC.to_bytes(4, "big")):
        source = data.decode("utf-8", "replace")
        place.payloads = _check_payloads(source, path)
        data = _compile(path)
    try:
        root = fdt.read(data)
    except fdt.BadTree as error:
        raise Refusal("%s: not a device tree blob, %s: make it again with dtc" % (path, error))
    vms = _read_root(root, place)
    for vm in vms:
        check(vm, place.of(vm.name))
    return vms


def _compile(path):
    """The blob that dtc makes of a description. /incbin/ paths are relative to its directory."""
    try:
        done = subprocess.run(["dtc", "-q", "-I", "dts", "-O", "dtb", path],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False)
    except FileNotFoundError:
        raise Refusal("dtc, the device tree compiler, is not installed: run ./doppel setup")
    if done.returncode:
        raise Refusal(_dtc_sentence(path, done.stderr.decode("utf-8", "replace")))
    return done.stdout


def _dtc_sentence(path, messages):
    """One sentence of what dtc printed: its first error, with the line in the description."""
    lines = [line.strip() for line in messages.splitlines() if line.strip()]
    twice = re.search(r"duplicate_node_names\): /([^:]*): ", messages)
    if twice:
        return ("%s: VM \"%s\" is described twice: give each VM its own name"
                % (path, twice.group(1)))
    for line in lines:
        error = re.search(r"(?:Error: |ERROR \S+ |FATAL ERROR: )(.*)", line)
        if error and error.group(1) != "Unable to parse input tree":
            spot = error.group(1)
            spot = spot[len(path) + 1:] if spot.startswith(path + ":") else spot
            return "%s: dtc says \"%s\": correct the description" % (path, spot)
    return "%s: dtc says \"%s\": correct the description" % (path, lines[0] if lines else "failed")


_TOKEN = re.compile(r"""
    /\*.*?\*/ | //[^\n]*                                          # comments
  | /incbin/\s*\(\s*"(?P<path>(?:\\.|[^"\\])*)"                   # a payload
  | "(?:\\.|[^"\\])*"                                             # any other string
  | (?P<node>/|[\w,.+\-@]+)\s*\{                                   # a node begins
  | (?P<end>\})                                                   # a node ends
  | (?P<prop>[\w,.+?\#-]+)\s*=                                    # a property begins
""", re.VERBOSE | re.DOTALL)


def _check_payloads(source, path):
    """Finds each /incbin/ and checks its file: dtc would name neither VM nor property."""
    payloads, nodes, prop = {}, [], ""
    for match in _TOKEN.finditer(source):
        if match.group("node"):
            nodes.append(match.group("node"))
        elif match.group("end") and nodes:
            nodes.pop()
        elif match.group("prop"):
            prop = match.group("prop")
        elif match.group("path") is not None:
            vm = nodes[1] if len(nodes) > 1 else None
            file = os.path.join(os.path.dirname(path), match.group("path"))
            image.check_readable(file, Place(path, vm).named(prop))
            payloads[(vm, prop)] = file
    return payloads


def _read_root(root, place):
    if not _is_compatible(root, ROOT_COMPATIBLE):
        raise Refusal("%s: the root node is not compatible with \"%s\": "
                      "see docs/vm-description.md" % (place.source, ROOT_COMPATIBLE))
    for name in root.props:
        if name != "compatible":
            raise Refusal("%s: unknown property \"%s\" in the root node: remove it"
                          % (place.source, name))
    if not root.children:
        raise Refusal("%s: no VM is described: see docs/vm-description.md" % place.source)
    vms, seen = [], set()
    for node in root.children:
        if node.name in seen:
            raise Refusal("%s: VM \"%s\" is described twice: give each VM its own name"
                          % (place.source, node.name))
        seen.add(node.name)
        vms.append(_read_vm(node, place.of(node.name)))
    if not any(vm.autostart for vm in vms):
        raise Refusal("%s: no VM has the property \"autostart\": nothing would run: "
                      "give it to at least one" % place.source)
    return vms


def _is_compatible(node, wanted):
    return wanted.encode() in node.props.get("compatible", b"").split(b"\0")


def _read_vm(node, place):
    if not _is_compatible(node, VM_COMPATIBLE):
        raise Refusal("%s is not \"%s\": see docs/vm-description.md"
                      % (place.named("compatible"), VM_COMPATIBLE))
    for name in node.props:
        if name not in PROPERTIES:
            raise Refusal("%s is an unknown property: known are %s"
                          % (place.named(name), ", ".join(PROPERTIES)))
    for child in node.children:
        if child.name != "devices":
            raise Refusal("%s is an unknown node: the only one is \"devices\""
                          % place.named(child.name))
    for name in ("vcpus", "memory"):
        if name not in node.props:
            raise Refusal("%s is missing: add it" % place.named(name))
    if not node.props.get("kernel"):
        raise Refusal("%s is missing: add kernel = /incbin/(\"FILE\");" % place.named("kernel"))
    if node.props.get("autostart"):
        raise Refusal("%s has a value: write \"autostart;\" alone" % place.named("autostart"))
    return Vm(name=node.name,
              vcpus=_read_cell(node, "vcpus", place),
              memory=sizes.parse(_read_string(node, "memory", place), place.named("memory")),
              kernel=node.props["kernel"],
              initrd=node.props.get("initrd", b""),
              bootargs=_read_string(node, "bootargs", place) if "bootargs" in node.props else "",
              autostart="autostart" in node.props,
              devices=_read_devices(node.child("devices"), place))


def _read_cell(node, name, place):
    value = node.props[name]
    if len(value) != 4:
        raise Refusal("%s is not one number: write it as %s = <1>;" % (place.named(name), name))
    return int.from_bytes(value, "big")


def _read_string(node, name, place):
    value = node.props[name]
    if value.count(b"\0") != 1 or not value.endswith(b"\0"):
        raise Refusal("%s is not one string: write it as %s = \"...\";" % (place.named(name), name))
    try:
        return value[:-1].decode()
    except UnicodeDecodeError:
        raise Refusal("%s is not UTF-8 text: correct it" % place.named(name))


def _read_devices(node, place):
    if node is None:
        return DEVICES
    for name in node.props:
        raise Refusal("%s is an unknown property: devices are nodes, such as serial { };"
                      % place.named("devices/" + name))
    for child in node.children:
        if child.name not in DEVICES:
            raise Refusal("%s is an unknown device: known are %s"
                          % (place.named("devices/" + child.name), ", ".join(DEVICES)))
        if child.props or child.children:
            raise Refusal("%s takes no properties: write \"%s { };\""
                          % (place.named("devices/" + child.name), child.name))
    return tuple(child.name for child in node.children)


# Writing


def write(vms):
    """The description as the hypervisor takes it: kernels uncompressed, every default spelt out."""
    root = fdt.Node()
    root.props["compatible"] = fdt.string(ROOT_COMPATIBLE)
    for vm in vms:
        node = root.add(vm.name)
        node.props["compatible"] = fdt.string(VM_COMPATIBLE)
        node.props["vcpus"] = fdt.cells(vm.vcpus)
        node.props["memory"] = fdt.string(sizes.text(vm.memory))
        if vm.bootargs:
            node.props["bootargs"] = fdt.string(vm.bootargs)
        if vm.autostart:
            node.props["autostart"] = b""
        node.props["kernel"] = vm.kernel
        if vm.initrd:
            node.props["initrd"] = vm.initrd
        devices = node.add("devices")
        for device in vm.devices:
            devices.add(device)
    try:
        return fdt.write(root)
    except fdt.BadTree as error:
        raise Refusal("the description with its payloads is too large, %s: "
                      "use smaller payloads" % error)
