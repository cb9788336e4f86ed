# SPDX-License-Identifier: BSD-2-Clause
"""Device tree source: places in a description for messages, its payload files, and dtc."""

import os
import re
import subprocess

from . import Refusal, image

IMAGES = "images"           # the node of payloads that VMs share


class Place:
    """Where a value came from, for messages: a node of a description, or the command line.

    `node` is "NAME" for a VM, "VM/NAME" for one of its devices, "images/NAME" for an image, "" for
    the root; `payloads` has the file of each (node, property) that is one.
    """

    def __init__(self, source, node="", payloads=None):
        self.source = source
        self.node = node
        self.payloads = payloads or {}

    def of(self, node):
        return Place(self.source, node, self.payloads)

    def owner(self):
        names = self.node.split("/")
        if names[0] == IMAGES:
            return "image \"%s\"" % names[1] if len(names) > 1 else "the node \"%s\"" % IMAGES
        return ": ".join(["VM \"%s\"" % names[0]] + ["device \"%s\"" % n for n in names[1:2]])

    def named(self, prop):
        return "%s:%s %s" % (self.source, " %s:" % self.owner() if self.node else "", prop)

    def twice(self):
        return ("%s: %s is described twice: give each its own name"
                % (self.source, self.owner()))

    def payload(self, prop):
        path = self.payloads.get((self.node, prop))
        return self.named(prop) + (" (%s)" % path if path else "")


class Option(Place):
    """A whole option as the place of everything that it says."""

    def of(self, node):
        return self

    def named(self, prop):
        return self.source if prop in ("image", "forward", "switch") else "%s: %s" % (self.source,
                                                                                     prop)


def compile_source(path):
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
        return Place(path, twice.group(1)).twice()
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


def check_payloads(source, path):
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
            node = "/".join(nodes[1:])
            file = os.path.join(os.path.dirname(path), match.group("path"))
            image.check_readable(file, Place(path, node).named(prop))
            payloads[(node, prop)] = file
    return payloads
