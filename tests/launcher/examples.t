#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Each description in examples/ is accepted as it is, and says how to run it.

import glob
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "lib"))
import tap  # noqa: E402
from launcher import ROOT, Launcher, elf, free_port, linux_image, refused  # noqa: E402

EXAMPLES = sorted(glob.glob(os.path.join(ROOT, "examples", "*.dts")))
# What `make setup guests` and `make debian` prepare, by stand-ins.
FILES = {"Image": linux_image(), "initramfs.cpio.gz": b"an initrd", "hello.elf": elf(),
         "busy.elf": elf()}
DEBIAN = {"debian/Image": linux_image(), "debian/initrd.img": b"an initrd",
          "debian.img": bytes(512)}


def with_free_ports(text):
    """The description, with forwarded ports that nothing on this computer has."""
    return re.sub(r"(tcp|udp):[0-9]+:", lambda rule: "%s:%d:" % (
        rule.group(1), free_port(rule.group(1))), text)


def example_test(path):
    name = os.path.basename(path)

    def test():
        with open(path) as file:
            text = file.read()
        command = re.search(r"^ \*\t\./doppel (run examples/.*)$", text, re.MULTILINE)
        arguments = command.group(1).split()
        tap.same(arguments[1], "examples/" + name)
        with Launcher() as box:
            box.put("tree/examples/" + name, with_free_ports(text))
            os.symlink(box.path("tree/examples"), box.path("examples"))
            for file, data in FILES.items():
                box.put("tree/build/guest/" + file, data)
            if "guest/debian" in text:
                refused(box, arguments[1:] + ["--check"], ("does not exist: run make debian",))
            for file, data in DEBIAN.items():
                box.put("tree/build/guest/" + file, data)
            result = box.run(*arguments, "--check")
            tap.same((result.status, result.err), (0, ""))
    test.__doc__ = name
    return test


def test_there_are_some():
    """the examples that the documents name are there"""
    names = {os.path.basename(path) for path in EXAMPLES}
    for document in ("README.md", "docs/vm-description.md"):
        with open(os.path.join(ROOT, document)) as file:
            named = set(re.findall(r"examples/([\w-]+\.dts)", file.read()))
        tap.same((bool(named), named - names), (True, set()))


tap.run([test_there_are_some] + [example_test(path) for path in EXAMPLES])
