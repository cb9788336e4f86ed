# SPDX-License-Identifier: BSD-2-Clause
"""VM descriptions: the binding of docs/vm-description.md, checked, read and written."""

from . import Refusal, devices, dts, fdt, image, sizes, values
from .dts import IMAGES, Place
from .sizes import MIB

ROOT_COMPATIBLE = "doppel,vms"
VM_COMPATIBLE = "doppel,vm"
RANGES = {"vcpus": (1, 32), "weight": (1, 10000), "cap": (1, 3200)}
DEFAULT_WEIGHT = 100
MAX_HARTS, MAX_HART_ID = 32, 4095
MIN_MEMORY = 8 * MIB
MEMORY_STEP = 2 * MIB
MAX_MEMORY = image.MAX_NEED
MAX_BOOTARGS = 4095
MAX_SCRIPT = MIB
MAX_STARTED = 256
PROPERTIES = ("compatible", "vcpus", "memory", "kernel", "kernel-image", "initrd", "initrd-image",
              "bootargs", "autostart", "weight", "cap", "harts")


class Vm:
    """One virtual machine: values as the guest gets them, payloads as bytes."""

    def __init__(self, name, vcpus, memory, kernel, initrd=b"", bootargs="", autostart=True,
                 platform=devices.PLATFORM, weight=DEFAULT_WEIGHT, cap=None, harts=None, virtio=()):
        self.name = name
        self.vcpus = vcpus
        self.memory = memory
        self.kernel = kernel
        self.initrd = initrd
        self.bootargs = bootargs
        self.autostart = autostart
        self.platform = platform    # names in the node "devices"
        self.virtio = virtio        # devices.Device, in the order of their slots
        self.weight = weight
        self.cap = cap              # percent of one hart; None: no limit
        self.harts = harts          # ids of the host's harts; None: any


class Description:
    """What the hypervisor is given: VMs, and monitor commands to run at boot (None: none)."""

    def __init__(self, vms, script=None):
        self.vms = vms
        self.script = script


class CommandLine(Place):
    """Options are their own source: --memory rather than "memory" of a file."""

    def __init__(self, payloads):
        super().__init__("--", payloads=payloads)

    def of(self, node):
        return self

    def named(self, prop):
        return "--" + {"vcpus": "cpus", "bootargs": "append"}.get(prop, prop)

    def payload(self, prop):
        return "%s %s" % (self.named(prop), self.payloads[prop])


class Payloads:
    """Unpacks and checks each payload once, however many VMs have it."""

    def __init__(self):
        self.kernels = {}
        self.initrds = set()

    def kernel(self, data, where):
        if data not in self.kernels:
            self.kernels[data] = image.parse_kernel(image.unpack_kernel(data, where), where)
        return self.kernels[data]

    def check_initrd(self, data, where):
        if data not in self.initrds:
            image.check_initrd(data, where)
            self.initrds.add(data)


def check(vm, place, payloads):
    """Refuses what no VM can have, and unpacks the kernel."""
    if not values.NAME.fullmatch(vm.name) or vm.name == IMAGES:
        raise Refusal("%s \"%s\" is not a VM name: %s, and not \"%s\""
                      % (place.of("").named("name"), vm.name, values.NAME_RULE, IMAGES))
    for prop, (low, high) in RANGES.items():
        value = getattr(vm, prop)
        if value is not None and not low <= value <= high:
            raise Refusal("%s of %d is out of range: give %d to %d"
                          % (place.named(prop), value, low, high))
    check_harts(vm.harts, place)
    check_memory(vm.memory, place)
    if len(vm.bootargs.encode()) > MAX_BOOTARGS:
        raise Refusal("%s is longer than %d bytes: shorten it"
                      % (place.named("bootargs"), MAX_BOOTARGS))
    kernel = payloads.kernel(vm.kernel, place.payload("kernel"))
    vm.kernel = kernel.data
    if vm.initrd:
        payloads.check_initrd(vm.initrd, place.payload("initrd"))
    image.check_fit(kernel, vm.initrd, vm.memory, place.payload("kernel"))


def check_memory(size, place):
    if size < MIN_MEMORY:
        raise Refusal("%s of %s is too small: give at least %s"
                      % (place.named("memory"), sizes.text(size), sizes.text(MIN_MEMORY)))
    if size > MAX_MEMORY:
        raise Refusal("%s of %s is too large: give at most %s"
                      % (place.named("memory"), sizes.text(size), sizes.text(MAX_MEMORY)))
    if size % MEMORY_STEP:
        raise Refusal("%s of %s is not a multiple of 2M: round it"
                      % (place.named("memory"), sizes.text(size)))


def check_harts(harts, place):
    if harts is None:
        return
    if not 1 <= len(harts) <= MAX_HARTS:
        raise Refusal("%s has %d numbers: give 1 to %d, or leave it out for all harts"
                      % (place.named("harts"), len(harts), MAX_HARTS))
    for hart in harts:
        if hart > MAX_HART_ID:
            raise Refusal("%s has %d: the number of a hart is 0 to %d"
                          % (place.named("harts"), hart, MAX_HART_ID))
        if harts.count(hart) > 1:
            raise Refusal("%s has %d twice: give each hart once" % (place.named("harts"), hart))


def check_script(data, where):
    """The text of monitor commands in `data`, bytes."""
    if len(data) > MAX_SCRIPT:
        raise Refusal("%s is longer than %s: shorten it" % (where, sizes.text(MAX_SCRIPT)))
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise Refusal("%s is not UTF-8 text: correct it" % where)
    if "\0" in text:
        raise Refusal("%s has a zero byte: give text" % where)
    return text


# Reading


def load(path):
    """The checked description in a file: device tree source, or a blob that dtc made of it."""
    data = image.read_file(path, "description")
    place = Place(path)
    if not data.startswith(fdt.MAGIC.to_bytes(4, "big")):
        source = data.decode("utf-8", "replace")
        place.payloads = dts.check_payloads(source, path)
        data = dts.compile_source(path)
    try:
        root = fdt.read(data)
    except fdt.BadTree as error:
        raise Refusal("%s: not a device tree blob, %s: make it again with dtc" % (path, error))
    return _read_root(root, place)


def _read_root(root, place):
    if not _is_compatible(root, ROOT_COMPATIBLE):
        raise Refusal("%s: the root node is not compatible with \"%s\": "
                      "see docs/vm-description.md" % (place.source, ROOT_COMPATIBLE))
    for name in root.props:
        if name not in ("compatible", "script"):
            raise Refusal("%s: unknown property \"%s\" in the root node: remove it"
                          % (place.source, name))
    script = None
    if "script" in root.props:
        script = check_script(values.string(root, "script", place).encode(), place.named("script"))
    _check_names(root, place, "")
    images = _read_images(root.child(IMAGES), place)
    vms = [_read_vm(node, images, place.of(node.name))
           for node in root.children if node.name != IMAGES]
    if not vms:
        raise Refusal("%s: no VM is described: see docs/vm-description.md" % place.source)
    if sum(vm.autostart for vm in vms) > MAX_STARTED:
        raise Refusal("%s: more than %d VMs have the property \"autostart\": take it from some"
                      % (place.source, MAX_STARTED))
    payloads = Payloads()
    for vm in vms:
        check(vm, place.of(vm.name), payloads)
    return Description(vms, script)


def _is_compatible(node, wanted):
    return wanted.encode() in node.props.get("compatible", b"").split(b"\0")


def _check_names(parent, place, prefix):
    seen = set()
    for node in parent.children:
        if node.name in seen:
            raise Refusal(place.of(prefix + node.name).twice())
        seen.add(node.name)


def _read_images(node, place):
    """{name: bytes} of the node of shared payloads."""
    if node is None:
        return {}
    for name in node.props:
        raise Refusal("%s: unknown property \"%s\" in the node %s: images are nodes, such as "
                      "debian { data = /incbin/(\"FILE\"); };" % (place.source, name, IMAGES))
    _check_names(node, place, IMAGES + "/")
    return {child.name: _read_image(child, place.of(IMAGES + "/" + child.name))
            for child in node.children}


def _read_image(node, place):
    if not values.NAME.fullmatch(node.name):
        raise Refusal("%s \"%s\" is not the name of an image: %s"
                      % (place.of("").named("name"), node.name, values.NAME_RULE))
    for name in node.props:
        if name != "data":
            raise Refusal("%s is an unknown property: the only one is \"data\""
                          % place.named(name))
    for child in node.children:
        raise Refusal("%s is an unknown node: an image has none" % place.named(child.name))
    if not node.props.get("data"):
        raise Refusal("%s is missing: add data = /incbin/(\"FILE\");" % place.named("data"))
    return node.props["data"]


def _read_vm(node, images, place):
    if not _is_compatible(node, VM_COMPATIBLE):
        raise Refusal("%s is not \"%s\": see docs/vm-description.md"
                      % (place.named("compatible"), VM_COMPATIBLE))
    values.refuse_unknown(node, PROPERTIES, place)
    virtio = [child for child in node.children if child.name != "devices"]
    for child in virtio:
        if "compatible" not in child.props:
            raise Refusal("%s is an unknown node: known are \"devices\", and devices with a "
                          "compatible, such as %s"
                          % (place.named(child.name), ", ".join(sorted(devices.KINDS))))
    for name in ("vcpus", "memory"):
        if name not in node.props:
            raise Refusal("%s is missing: add it" % place.named(name))
    kernel = _read_payload(node, "kernel", images, place)
    if not kernel:
        raise Refusal("%s is missing: add kernel = /incbin/(\"FILE\");, or name a kernel-image"
                      % place.named("kernel"))
    return Vm(name=node.name,
              vcpus=values.cell(node, "vcpus", place),
              memory=sizes.parse(values.string(node, "memory", place), place.named("memory")),
              kernel=kernel,
              initrd=_read_payload(node, "initrd", images, place),
              bootargs=values.string(node, "bootargs", place, ""),
              autostart=values.flag(node, "autostart", place),
              platform=_read_platform(node.child("devices"), place),
              virtio=devices.read(virtio, node.name, place),
              weight=values.cell(node, "weight", place, DEFAULT_WEIGHT),
              cap=values.cell(node, "cap", place),
              harts=_read_harts(node, place))


def _read_payload(node, direct, images, place):
    """The bytes that the property holds, or those of the image that its twin names."""
    by_name = direct + "-image"
    if by_name not in node.props:
        if node.props.get(direct) == b"":
            raise Refusal("%s is empty: write it as %s = /incbin/(\"FILE\");"
                          % (place.named(direct), direct))
        return node.props.get(direct, b"")
    if direct in node.props:
        raise Refusal("%s and %s are both given: leave one out" % (place.named(direct), by_name))
    name = values.string(node, by_name, place)
    if name not in images:
        raise Refusal("%s: there is no image \"%s\": describe it in the node %s"
                      % (place.named(by_name), name, IMAGES))
    file = place.payloads.get((IMAGES + "/" + name, "data"))
    place.payloads[(node.name, direct)] = "image %s%s" % (name, ", " + file if file else "")
    return images[name]


def _read_harts(node, place):
    value = node.props.get("harts")
    if value is None:
        return None
    if len(value) % 4:
        raise Refusal("%s is no list of numbers: write it as harts = <0 1>;"
                      % place.named("harts"))
    return [int.from_bytes(value[at:at + 4], "big") for at in range(0, len(value), 4)]


def _read_platform(node, place):
    if node is None:
        return devices.PLATFORM
    for name in node.props:
        raise Refusal("%s is an unknown property: devices are nodes, such as serial { };"
                      % place.named("devices/" + name))
    for child in node.children:
        if child.name not in devices.PLATFORM:
            raise Refusal("%s is an unknown device: known are %s"
                          % (place.named("devices/" + child.name), ", ".join(devices.PLATFORM)))
        if child.props or child.children:
            raise Refusal("%s takes no properties: write \"%s { };\""
                          % (place.named("devices/" + child.name), child.name))
    return tuple(child.name for child in node.children)


# Writing


def write(description):
    """The blob as the hypervisor takes it: kernels uncompressed, each payload once, in the images,
    and every default spelt out."""
    root = fdt.Node()
    root.props["compatible"] = fdt.string(ROOT_COMPATIBLE)
    if description.script is not None:
        root.props["script"] = fdt.string(description.script)
    images = root.add(IMAGES)
    names = {}                  # of the image with these bytes

    def image_name(data):
        if data not in names:
            names[data] = "image-%d" % len(names)
            images.add(names[data]).props["data"] = data
        return fdt.string(names[data])

    for vm in description.vms:
        _write_vm(vm, root.add(vm.name), image_name)
    try:
        return fdt.write(root)
    except fdt.BadTree as error:
        raise Refusal("the description with its payloads is too large, %s: "
                      "use smaller payloads" % error)


def _write_vm(vm, node, image_name):
    node.props["compatible"] = fdt.string(VM_COMPATIBLE)
    node.props["vcpus"] = fdt.cells(vm.vcpus)
    node.props["memory"] = fdt.string(sizes.text(vm.memory))
    node.props["weight"] = fdt.cells(vm.weight)
    if vm.cap is not None:
        node.props["cap"] = fdt.cells(vm.cap)
    if vm.harts is not None:
        node.props["harts"] = fdt.cells(*vm.harts)
    if vm.bootargs:
        node.props["bootargs"] = fdt.string(vm.bootargs)
    if vm.autostart:
        node.props["autostart"] = b""
    node.props["kernel-image"] = image_name(vm.kernel)
    if vm.initrd:
        node.props["initrd-image"] = image_name(vm.initrd)
    platform = node.add("devices")
    for name in vm.platform:
        platform.add(name)
    for device in vm.virtio:
        device.write(node.add(device.name))
