# SPDX-License-Identifier: BSD-2-Clause
"""What the data were made with: versions of emulators and of the guest's kernel."""

import os
import re
import subprocess

from . import ROOT

KERNEL = os.path.join(ROOT, "build", "guest", "Image")
X86_EMULATOR = "qemu-system-x86_64"
# What a kernel prints first: its release, how it was compiled, a number, Debian's version and date.
BANNER = re.compile(rb"Linux version (\d\S+) [^\n\0]*#\d* [^\n\0]*?"
                    rb"(\w+ [\d.]+\S* \(\d{4}-\d\d-\d\d\))")


def gather():
    """{"emulators": [...], "kernel": ...}: texts without paths and host names."""
    found = [version(path) for path in riscv_emulators()] + [version(X86_EMULATOR)]
    return {"emulators": [text for text in found if text], "kernel": kernel()}


def riscv_emulators():
    done = subprocess.run([os.path.join(ROOT, "tools", "emulators")], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=False)
    return done.stdout.decode().split()


def version(path):
    """The first line of --version with the program's name before it, or None."""
    try:
        done = subprocess.run([path, "--version"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, check=False)
    except OSError:
        return None
    match = re.match(r"QEMU emulator version (.*)", done.stdout.decode(errors="replace"))
    return "%s %s" % (os.path.basename(path), match[1]) if match else None


def kernel():
    """Version and date of the guest's kernel, as the image itself tells; or None."""
    try:
        with open(KERNEL, "rb") as file:
            image = file.read()
    except OSError:
        return None
    match = BANNER.search(image)
    return "Linux %s, %s" % tuple(part.decode() for part in match.groups()) if match else None
