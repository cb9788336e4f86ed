#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# What the launcher refuses: exit status 2, one sentence with the right names, no QEMU started.

import gzip
import os
import struct
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "lib"))
import tap  # noqa: E402
from launcher import MIB, Launcher, description, elf, linux_image, refused  # noqa: E402
from doppel import fdt  # noqa: E402

GOOD = linux_image()


def patched(data, at, value):
    return data[:at] + value + data[at + len(value):]


def elf_with(**fields):
    """An ELF whose one program header has these fields changed."""
    at = {"offset": 72, "vaddr": 80, "paddr": 88, "in_file": 96}
    data = elf()
    for name, value in fields.items():
        data = patched(data, at[name], struct.pack("<Q", value))
    return data


# name of the test, what --kernel is given, words that the sentence must have
KERNELS = (
    ("a kernel that does not exist", None, ("does not exist",)),
    ("an empty kernel", b"", ("is empty",)),
    ("a truncated gzip file", gzip.compress(GOOD)[:-9], ("gzip", "truncated")),
    ("a corrupt gzip file", patched(gzip.compress(GOOD), 12, b"\xff\xff\xff\xff"),
     ("gzip", "corrupt")),
    ("a gzip file with a wrong checksum",
     gzip.compress(GOOD)[:-8] + b"\1\2\3\4" + gzip.compress(GOOD)[-4:], ("gzip", "corrupt")),
    ("a gzip file of nothing", gzip.compress(b""), ("holds nothing",)),
    ("a gzip-compressed kernel for arm64", gzip.compress(patched(GOOD, 0x38, b"ARM\x64")),
     ("arm64", "riscv64")),
    ("an xz-compressed kernel", b"\xfd7zXZ\0" + b"x" * 99, ("xz", "decompress")),
    ("a zstd-compressed kernel", b"\x28\xb5\x2f\xfd" + b"x" * 99, ("zstd", "decompress")),
    ("a U-Boot image", b"\x27\x05\x19\x56" + b"x" * 99, ("uImage",)),
    ("a device tree blob as kernel", fdt.write(fdt.Node()), ("device tree",)),
    ("a Debian package", b"!<arch>\ndebian-binary", ("Debian package",)),
    ("a shell script", b"#!/bin/sh\n", ("script",)),
    ("an Image for arm64", patched(GOOD, 0x38, b"ARM\x64"), ("arm64", "riscv64")),
    ("a bzImage for x86", patched(b"MZ" + bytes(4094), 0x202, b"HdrS"), ("x86", "riscv64")),
    ("an EFI zboot image", b"MZ\0\0zimg" + bytes(4088), ("zboot", "uncompressed")),
    ("an Image whose EFI stub ends past the file", linux_image(pe_end=8192),
     ("truncated", "4096 of 8192")),
    ("an Image cut inside its EFI header", linux_image(pe_end=8192)[:0x50],
     ("truncated",)),
    ("an Image cut inside its own header", GOOD[:0x3C], ("truncated",)),
    ("an Image larger than the memory", linux_image(image_size=600 * MIB),
     ("memory of 512M", "at least 604M")),
    ("an Image with an absurd size", linux_image(image_size=2**64 - 1), ("damaged",)),
    ("an Image loaded beyond the memory", linux_image(text_offset=2**63), ("damaged",)),
    ("an Image with an odd text_offset", linux_image(text_offset=0x1000), ("text_offset",)),
    ("an ELF for another machine", elf(machine=62), ("machine 62", "RISC-V")),
    ("an ELF of 32 bits", elf(bits=1), ("64-bit",)),
    ("an ELF object file", elf(kind=1), ("executable",)),
    ("an ELF cut in its header", elf()[:60], ("truncated",)),
    ("an ELF cut in its program headers", elf()[:100], ("truncated", "program headers")),
    ("an ELF cut in its segment", elf()[:-1], ("truncated", "segment")),
    ("an ELF with a wild segment offset", elf_with(offset=2**64 - 16), ("truncated", "segment")),
    ("an ELF with a segment larger in the file", elf_with(in_file=2**40), ("larger in the file",)),
    ("an ELF without segments", elf(count=0), ("program headers",)),
    ("an ELF linked below RAM", elf(paddr=0x10000), ("0x10000", "below")),
    ("an ELF linked beyond the memory", elf(paddr=0xC0000000), ("memory of 512M",)),
    ("an ELF with a segment at the end of addresses", elf(paddr=2**64 - 4096), ("damaged",)),
    ("an ELF entered outside its segments", elf(entry=0x80000000), ("entry point",)),
    ("a flat binary beyond a small memory", bytes(7 * MIB), ("memory",)),
)


def kernel_test(name, data, words):
    def test():
        with Launcher() as box:
            path = box.path("kernel.bin")
            if data is not None:
                box.put("kernel.bin", data)
            small = ("--memory", "8M") if "small memory" in name else ()
            refused(box, ("--kernel", path) + small, words + (path, "--kernel"))
    test.__doc__ = "refused: " + name
    return test


# name of the test, options, words that the sentence must have; KERNEL stands for a good kernel
OPTIONS = (
    ("an option that does not exist", ("--kernel", "KERNEL", "--bogus"), ("--bogus",)),
    ("a directory as kernel", ("--kernel", "."), ("--kernel", "directory")),
    ("a directory as initrd", ("--kernel", "KERNEL", "--initrd", "."), ("--initrd", "directory")),
    ("an initrd that does not exist", ("--kernel", "KERNEL", "--initrd", "nope"),
     ("--initrd", "nope", "does not exist")),
    ("an empty initrd", ("--kernel", "KERNEL", "--initrd", "EMPTY"), ("--initrd", "is empty")),
    ("a truncated gzip initrd", ("--kernel", "KERNEL", "--initrd", "CUT"),
     ("--initrd", "truncated")),
    ("an initrd that does not fit", ("--kernel", "KERNEL", "--initrd", "BIG", "--memory", "8M"),
     ("--kernel", "memory of 8M", "at least 10M")),
    ("no vCPUs", ("--kernel", "KERNEL", "--cpus", "0"), ("--cpus", "1 to 32")),
    ("too many vCPUs", ("--kernel", "KERNEL", "--cpus", "33"), ("--cpus", "33", "1 to 32")),
    ("vCPUs that are no number", ("--kernel", "KERNEL", "--cpus", "two"), ("--cpus", "two")),
    ("memory that is no size", ("--kernel", "KERNEL", "--memory", "lots"), ("--memory", "lots")),
    ("memory without a unit", ("--kernel", "KERNEL", "--memory", "512"), ("--memory", "512")),
    ("negative memory", ("--kernel", "KERNEL", "--memory=-1G"), ("--memory", "-1G")),
    ("memory that is no multiple of 2M", ("--kernel", "KERNEL", "--memory", "9M"),
     ("--memory", "9M", "multiple of 2M")),
    ("too little memory", ("--kernel", "KERNEL", "--memory", "6M"), ("--memory", "6M", "8M")),
    ("no memory", ("--kernel", "KERNEL", "--memory", "0K"), ("--memory",)),
    ("too much memory", ("--kernel", "KERNEL", "--memory", "999999999999G"), ("--memory",)),
    ("a bad VM name", ("--kernel", "KERNEL", "--name", "My VM"), ("--name", "My VM")),
    ("a VM with the name of the images", ("--kernel", "KERNEL", "--name", "images"),
     ("--name", "images")),
    ("a long VM name", ("--kernel", "KERNEL", "--name", "x" * 32), ("--name",)),
    ("host memory that is too small", ("--kernel", "KERNEL", "--host-memory", "512M"),
     ("--host-memory", "512M", "at least")),
    ("host memory that is no size", ("--kernel", "KERNEL", "--host-memory", "big"),
     ("--host-memory", "big")),
    ("no host CPUs", ("--kernel", "KERNEL", "--host-cpus", "0"), ("--host-cpus",)),
    ("several host CPUs with --icount", ("--kernel", "KERNEL", "--icount", "--host-cpus", "2"),
     ("--icount", "one hart")),
    ("host memory with --native", ("--kernel", "KERNEL", "--native", "--host-memory", "2G"),
     ("--host-memory", "--native")),
    ("a script with --native", ("--kernel", "KERNEL", "--native", "--script", "EMPTY"),
     ("--script", "--native")),
    ("consoles with --native", ("--kernel", "KERNEL", "--native", "--consoles", "all"),
     ("--consoles", "--native")),
    ("JSON with --native", ("--kernel", "KERNEL", "--native", "--json"), ("--json", "--native")),
    ("a script that does not exist", ("--kernel", "KERNEL", "--script", "nope"),
     ("--script", "nope", "cannot be read")),
    ("a script that is a directory", ("--kernel", "KERNEL", "--script", "."),
     ("--script", "cannot be read")),
    ("a script that is no text", ("--kernel", "KERNEL", "--script", "CUT"),
     ("--script", "not UTF-8")),
    ("a script with a zero byte", ("--kernel", "KERNEL", "--script", "ZERO"),
     ("--script", "zero byte")),
    ("a script that is too long", ("--kernel", "KERNEL", "--script", "LONG"),
     ("--script", "longer than 1M")),
    ("consoles that do not exist", ("--kernel", "KERNEL", "--consoles", "none"),
     ("--consoles", "none")),
    ("an emulator that does not exist", ("--kernel", "KERNEL", "--qemu", "nope"),
     ("--qemu", "nope")),
    ("a log level that does not exist", ("--kernel", "KERNEL", "--log", "loud"), ("--log", "loud")),
    ("a timeout of zero", ("--kernel", "KERNEL", "--timeout", "0"), ("--timeout",)),
    ("a timeout that is not a number", ("--kernel", "KERNEL", "--timeout", "nan"), ("--timeout",)),
    ("semihosting", ("--kernel", "KERNEL", "--", "-semihosting"), ("-semihosting",)),
    ("the default guest before setup", (), ("./doppel setup",)),
    ("a description with --memory", ("x.dts", "--memory", "1G"), ("--memory", "x.dts")),
    ("a description that does not exist", ("x.dts",), ("x.dts", "does not exist")),
)


def option_test(name, options, words):
    def test():
        with Launcher() as box:
            files = {"KERNEL": box.put("kernel", GOOD), "EMPTY": box.put("empty", b""),
                     "CUT": box.put("cut.gz", gzip.compress(bytes(9999))[:-9]),
                     "BIG": box.put("big", b"x" * (3 * MIB)), "ZERO": box.put("zero", b"vms\0"),
                     "LONG": box.put("long", b"#" * (MIB + 1))}
            refused(box, [files.get(option, option) for option in options], words)
    test.__doc__ = "refused: " + name
    return test


VM = 'VM "linux"'
# name of the test, description, words that the sentence must have
DESCRIPTIONS = (
    ("a payload that does not exist", description(kernel='/incbin/("nope")'),
     (VM, "kernel", "nope", "does not exist")),
    ("a payload of another VM that does not exist",
     description(body='two { compatible = "doppel,vm"; vcpus = <1>; memory = "64M"; '
                      'kernel = /incbin/("Image"); initrd = /incbin/("none.gz"); };'),
     ('VM "two"', "initrd", "none.gz", "does not exist")),
    ("a payload that is a directory", description(kernel='/incbin/("dir")'),
     (VM, "kernel", "directory")),
    ("an empty payload", description(kernel='/incbin/("empty")'), (VM, "kernel", "is empty")),
    ("a damaged kernel", description(kernel='/incbin/("bad.gz")'),
     (VM, "kernel", "bad.gz", "truncated")),
    ("a VM without kernel", description(kernel='""').replace('kernel = "";', ""),
     (VM, "kernel is missing")),
    ("a kernel that is an empty property",
     description(kernel='""').replace('kernel = "";', "kernel;"), (VM, "kernel is empty")),
    ("a VM without vcpus", description().replace("vcpus = <1>;", ""), (VM, "vcpus is missing")),
    ("a VM without memory", description().replace('memory = "64M";', ""),
     (VM, "memory is missing")),
    ("no vCPUs", description(vcpus="<0>"), (VM, "vcpus", "1 to 32")),
    ("too many vCPUs", description(vcpus="<33>"), (VM, "vcpus", "33")),
    ("vcpus as two numbers", description(vcpus="<1 2>"), (VM, "vcpus", "one number")),
    ("vcpus as a string", description(vcpus='"2"'), (VM, "vcpus", "one number")),
    ("memory as a number", description(memory="<512>"), (VM, "memory", "one string")),
    ("memory as two strings", description(memory='"64M", "64M"'), (VM, "memory", "one string")),
    ("memory that is no size", description(memory='"64MB"'), (VM, "memory", "64MB")),
    ("memory that is too small", description(memory='"4M"'), (VM, "memory", "4M")),
    ("memory that is no multiple of 2M", description(memory='"65M"'), (VM, "memory", "65M")),
    ("a kernel that does not fit", description(memory='"8M"', kernel='/incbin/("big")'),
     (VM, "kernel", "big", "at least")),
    ("an unknown property", description(extra='colour = "red";'), (VM, "colour", "unknown")),
    ("an unknown property of the root",
     description().replace("linux {", "colour;\n linux {"), ("colour", "root")),
    ("an unknown node", description(extra="disk { };"),
     (VM, "disk", "unknown", "doppel,disk")),
    ("an unknown device", description(extra="devices { gpu { }; };"), (VM, "gpu", "unknown")),
    ("a device with a property", description(extra="devices { rtc { x; }; };"), (VM, "rtc")),
    ("a property among the devices", description(extra="devices { x; };"), (VM, "x", "unknown")),
    ("a value for autostart", description(autostart="autostart = <1>;"), (VM, "autostart")),
    ("no VM with autostart", description(autostart=""), ("autostart", "at least one", "--script")),
    ("a weight of zero", description(extra="weight = <0>;"), (VM, "weight", "1 to 10000")),
    ("a weight that is too large", description(extra="weight = <10001>;"), (VM, "weight of 10001")),
    ("a weight as a string", description(extra='weight = "3";'), (VM, "weight", "one number")),
    ("a cap of zero", description(extra="cap = <0>;"), (VM, "cap", "1 to 3200")),
    ("a cap that is too large", description(extra="cap = <3201>;"), (VM, "cap of 3201")),
    ("a cap without a value", description(extra="cap;"), (VM, "cap", "one number")),
    ("harts without a value", description(extra="harts;"), (VM, "harts", "1 to 32")),
    ("too many harts", description(extra="harts = <%s>;" % " ".join(map(str, range(33)))),
     (VM, "harts has 33", "1 to 32")),
    ("harts as a string", description(extra='harts = "0";'), (VM, "harts", "<0 1>")),
    ("a hart that no machine has", description(extra="harts = <4096>;"), (VM, "harts has 4096")),
    ("a hart that this machine lacks", description(extra="harts = <8 0>;"),
     (VM, "harts has 8", "0 to 7", "--host-cpus 9")),
    ("a hart twice", description(extra="harts = <0 1 0>;"), (VM, "harts has 0 twice")),
    ("an empty initrd", description(extra="initrd;"), (VM, "initrd is empty")),
    ("a kernel in two ways", description(extra='kernel-image = "a";'),
     (VM, "kernel and kernel-image are both given")),
    ("an initrd in two ways", description(extra='initrd = [00]; initrd-image = "a";'),
     (VM, "initrd and initrd-image are both given")),
    ("an image that is not described",
     description(kernel='""').replace('kernel = ""', 'kernel-image = "debian"'),
     (VM, "kernel-image", "no image \"debian\"")),
    ("the name of an image as a number", description(extra="initrd-image = <1>;"),
     (VM, "initrd-image", "one string")),
    ("an image without data", description(body="images { debian { }; };"),
     ('image "debian"', "data is missing")),
    ("an image whose file does not exist",
     description(body='images { debian { data = /incbin/("nope"); }; };'),
     ('image "debian"', "data", "nope", "does not exist")),
    ("an image of a damaged kernel",
     description(body='images { debian { data = /incbin/("bad.gz"); }; };').replace(
         'kernel = /incbin/("Image")', 'kernel-image = "debian"'),
     (VM, "kernel", "image debian", "bad.gz", "truncated")),
    ("an image with another property", description(body="images { debian { kind = <1>; }; };"),
     ('image "debian"', "kind", "unknown")),
    ("an image with a node", description(body="images { debian { data = [00]; deep { }; }; };"),
     ('image "debian"', "deep", "unknown")),
    ("an image with a bad name", description(body="images { Debian { data = [00]; }; };"),
     ("Debian", "name of an image")),
    ("two images of one name", description(body="images { a { }; a { }; };"),
     ('image "a"', "twice")),
    ("a property among the images", description(body="images { data = [00]; };"),
     ("data", "images", "unknown")),
    ("only images", '/dts-v1/; / { compatible = "doppel,vms"; images { a { data = [00]; }; }; };',
     ("no VM",)),
    ("a script that is a number", description().replace("linux {", "script = <1>;\n linux {"),
     ("script", "one string")),
    ("a script that is too long",
     description().replace("linux {", 'script = "%s";\n linux {' % ("#" * (MIB + 1))),
     ("script", "longer than 1M")),
    ("no VM at all", '/dts-v1/; / { compatible = "doppel,vms"; };', ("no VM",)),
    ("another root", description().replace("doppel,vms", "linux,machine"),
     ("root", "doppel,vms")),
    ("a node that is no VM", description().replace('"doppel,vm"', '"other"'), (VM, "doppel,vm")),
    ("a name with a unit address", description(vm="linux@1"), ("linux@1", "not a VM name")),
    ("a name in capitals", description(vm="Linux"), ("Linux", "not a VM name")),
    ("a name that is too long", description(vm="x" * 32), ("not a VM name",)),
    ("two VMs of one name", description(body="linux { };"), (VM, "twice")),
    ("a syntax error", description(vcpus="<1"), ("dtc says", "syntax error")),
    ("no device tree at all", "hello\n", ("dtc says",)),
    ("bytes instead of text", bytes(range(128, 256)), ("dtc says",)),
    ("an included file that does not exist", "/dts-v1/;\n/include/ \"nope.dtsi\"\n",
     ("nope.dtsi",)),
    ("bootargs that are too long", description(extra='bootargs = "%s";' % ("x" * 4096)),
     (VM, "bootargs", "4095")),
    ("a truncated blob", fdt.write(fdt.Node())[:50], ("truncated",)),
)


def description_test(name, text, words):
    def test():
        with Launcher() as box:
            box.put("Image", GOOD)
            box.put("empty", b"")
            box.put("big", bytes(7 * MIB))
            box.put("bad.gz", gzip.compress(GOOD)[:-9])
            os.mkdir(box.path("dir"))
            path = box.put("vms.dts", text)
            refused(box, (path,), words + (path,))
    test.__doc__ = "refused: a description with " + name
    return test


def test_same_name_in_blob():
    """refused: a blob with two VMs of one name"""
    root = fdt.Node()
    root.props["compatible"] = fdt.string("doppel,vms")
    for _ in range(2):
        vm = root.add("linux")
        vm.props.update(compatible=fdt.string("doppel,vm"), vcpus=fdt.cells(1),
                        memory=fdt.string("64M"), kernel=GOOD)
    with Launcher() as box:
        refused(box, (box.put("vms.dtb", fdt.write(root)),), (VM, "twice"))


def test_images_of_one_name_in_blob():
    """refused: a blob with two images of one name"""
    root = fdt.Node()
    root.props["compatible"] = fdt.string("doppel,vms")
    images = root.add("images")
    for _ in range(2):
        images.add("debian").props["data"] = GOOD
    with Launcher() as box:
        refused(box, (box.put("vms.dtb", fdt.write(root)),), ('image "debian"', "twice"))


def test_too_many_started():
    """refused: more VMs with autostart than the hypervisor holds"""
    one = ('vm-%d { compatible = "doppel,vm"; vcpus = <1>; memory = "8M"; autostart; '
           'kernel = [13]; };')
    text = description(body="\n".join(one % i for i in range(256)))
    with Launcher() as box:
        box.put("Image", GOOD)
        refused(box, (box.put("vms.dts", text),), ("more than 256", "autostart"))


def test_hart_with_icount():
    """refused: a second hart with --icount"""
    with Launcher() as box:
        box.put("Image", GOOD)
        refused(box, (box.put("vms.dts", description(extra="harts = <1>;")), "--icount"),
                (VM, "harts has 1", "--icount"))


def test_memory_of_all_vms():
    """refused: VMs that together exceed --host-memory"""
    text = description(memory='"512M"', body='two { compatible = "doppel,vm"; vcpus = <1>; '
                       'memory = "512M"; kernel = /incbin/("Image"); autostart; };')
    with Launcher() as box:
        box.put("Image", GOOD)
        refused(box, (box.put("vms.dts", text), "--host-memory", "1G"),
                ("--host-memory", "1G of guest memory"))


def test_native_with_two():
    """refused: --native with two VMs"""
    text = description(body='two { compatible = "doppel,vm"; vcpus = <1>; memory = "64M"; '
                       'kernel = /incbin/("Image"); };')
    with Launcher() as box:
        box.put("Image", GOOD)
        refused(box, (box.put("vms.dts", text), "--native"), ("--native", "one VM"))


def test_hypervisor_missing():
    """refused: a run before the hypervisor is built"""
    with Launcher() as box:
        os.unlink(box.path("tree", "build", "doppel.elf"))
        refused(box, ("--kernel", box.put("kernel", GOOD)), ("build/doppel.elf", "make"))


def test_no_verb():
    """refused: no verb, a wrong verb, QEMU arguments for another verb"""
    with Launcher() as box:
        for arguments in ((), ("walk",), ("doctor", "--", "-s"), ("setup", "nothing")):
            result = box.run(*arguments)
            tap.same((result.status, result.err.count("\n")), (2, 1))


tap.run([kernel_test(*row) for row in KERNELS] + [option_test(*row) for row in OPTIONS] +
        [description_test(*row) for row in DESCRIPTIONS] +
        [value for name, value in list(globals().items())
         if name.startswith("test_")])
