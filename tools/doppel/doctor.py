# SPDX-License-Identifier: BSD-2-Clause
"""The verb "doctor": what is there, what is not, and what to do about it."""

import os
import shutil
import subprocess
import tempfile

from . import HYPERVISOR, cache, fdt, host, qemu, setup

OK, MISSING, OPTIONAL = "ok", "MISSING", "-"


def run():
    rows = [row(need, "./doppel setup") for need in host.RUN]
    rows.append(h_extension())
    rows.append(images())
    needed = list(rows)
    rows.append(hypervisor())
    rows += [row(need, "./doppel setup test-packages", OPTIONAL) for need in host.TEST
             if need not in host.RUN]
    rows += [row(need, "./doppel setup extra-packages", OPTIONAL) for need in host.EXTRA
             if need not in host.TEST]
    rows += [row(need, "./doppel setup debian-packages", OPTIONAL) for need in host.DEBIAN
             if need not in host.RUN]
    rows.append(qemu10())
    for state, name, text in rows:
        print("%-8s %-26s %s" % (state, name, text))
    if any(state == MISSING for state, _, _ in needed):
        print("\nmake run would not work yet: do what the lines marked MISSING say.")
        return 2
    print("\nmake run has all it needs.")
    return 0


def row(need, remedy, absent=MISSING):
    found = need.find()
    return (OK, need.name, found) if found else (
        absent, need.name, "needed to %s: %s" % (need.purpose, remedy)
        if absent == MISSING else "for %s: %s" % (need.purpose, remedy))


def h_extension():
    """Whether the emulator offers the H extension, as its own device tree tells."""
    name = "H extension in QEMU"
    path = shutil.which(os.environ.get("DOPPEL_QEMU") or qemu.NAME)
    if not path:
        return (MISSING, name, "install QEMU first")
    isa = isa_of(device_tree(qemu.Qemu(path)))
    if "h" in isa.split("_")[0][4:]:
        return (OK, name, isa.split("_")[0])
    return (MISSING, name, "this QEMU's CPU %s is \"%s\": install QEMU %d.%d or later"
            % (qemu.DEFAULT_CPU, isa, *qemu.OLDEST))


def device_tree(emulator):
    """The device tree blob of the machine that the emulator would emulate."""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "virt.dtb")
        subprocess.run([emulator.path] + emulator.arguments +
                       ["-nodefaults", "-display", "none", "-bios", "none", "-cpu",
                        qemu.DEFAULT_CPU, "-machine", "virt,dumpdtb=" + path],
                       env=emulator.environment, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        try:
            with open(path, "rb") as file:
                return file.read()
        except OSError:
            return b""


def isa_of(blob):
    """riscv,isa of the first CPU in QEMU's device tree; empty when there is none."""
    try:
        root = fdt.read(blob)
        cpus = root.child("cpus").children
        return next(cpu.props["riscv,isa"] for cpu in cpus
                    if "riscv,isa" in cpu.props).rstrip(b"\0").decode()
    except (fdt.BadTree, AttributeError, StopIteration):
        return ""


def images():
    if cache.has(setup.IMAGES):
        version = os.listdir(cache.path(setup.IMAGES, "modules"))
        return (OK, "guest images", "%s in %s" % (" ".join(version), cache.path(setup.IMAGES)))
    return (MISSING, "guest images", "./doppel setup images")


def hypervisor():
    if os.path.exists(HYPERVISOR):
        return (OK, "build/doppel.elf", HYPERVISOR)
    return (OPTIONAL, "build/doppel.elf", "not built yet: make")


def qemu10():
    path = setup.qemu10_path()
    return (OK, "QEMU 10", path) if path else (OPTIONAL, "QEMU 10",
                                               "for the tests: ./doppel setup qemu10")
