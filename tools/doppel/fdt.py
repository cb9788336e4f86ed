# SPDX-License-Identifier: BSD-2-Clause
"""Flattened device trees (devicetree specification v0.4, chapter 5): reader and writer."""

import struct

MAGIC = 0xD00DFEED
VERSION = 17
LAST_COMPATIBLE_VERSION = 16
HEADER = struct.Struct(">10I")

BEGIN_NODE, END_NODE, PROP, NOP, END = 1, 2, 3, 4, 9
PROP_HEADER = 12  # bytes of a property before its value
LARGE = 4096


class BadTree(Exception):
    """The bytes are not a well-formed flattened device tree."""


class Node:
    """A node: its properties (bytes, in file order) and its children, also in order."""

    def __init__(self, name=""):
        self.name = name
        self.props = {}
        self.children = []

    def add(self, name):
        child = Node(name)
        self.children.append(child)
        return child

    def child(self, name):
        return next((c for c in self.children if c.name == name), None)

    def __eq__(self, other):
        return (self.name, self.props, self.children) == (other.name, other.props, other.children)


def string(text):
    return text.encode() + b"\0"


def cells(*values):
    return struct.pack(">%dI" % len(values), *values)


def _align4(n):
    return (n + 3) & ~3


def write(root):
    """The tree as a blob, with an empty memory reservation block."""
    names = {}
    strings = bytearray()
    block = bytearray()

    def name_offset(name):
        if name not in names:
            names[name] = len(strings)
            strings.extend(string(name))
        return names[name]

    def put(data):
        block.extend(data)
        block.extend(b"\0" * (_align4(len(data)) - len(data)))

    def put_property(name, value):
        # A payload is copied twice as fast from where 8-byte words are aligned.
        if len(value) >= LARGE and (len(block) + PROP_HEADER) % 8:
            block.extend(cells(NOP))
        block.extend(cells(PROP, len(value), name_offset(name)))
        put(value)

    def put_node(node):
        block.extend(cells(BEGIN_NODE))
        put(string(node.name))
        for name, value in node.props.items():
            put_property(name, value)
        for child in node.children:
            put_node(child)
        block.extend(cells(END_NODE))

    put_node(root)
    block.extend(cells(END))
    reserve_at = HEADER.size
    struct_at = reserve_at + 16
    strings_at = struct_at + len(block)
    total = strings_at + len(strings)
    if total >= 1 << 32:
        raise BadTree("it would be %d bytes large; a device tree cannot exceed 4 GiB" % total)
    header = HEADER.pack(MAGIC, total, struct_at, strings_at, reserve_at, VERSION,
                         LAST_COMPATIBLE_VERSION, 0, len(strings), len(block))
    return b"".join((header, b"\0" * 16, bytes(block), bytes(strings)))


class _Reader:
    """The structure block, taken token by token; every read is bounded by the block."""

    def __init__(self, blob):
        if len(blob) < HEADER.size:
            raise BadTree("it is shorter than a device tree header")
        (magic, total, struct_at, strings_at, _, version, compatible, _,
         strings_size, struct_size) = HEADER.unpack_from(blob)
        if magic != MAGIC:
            raise BadTree("it does not start with the device tree magic number")
        if compatible > VERSION or version < VERSION:
            raise BadTree("it has format version %d, not %d" % (version, VERSION))
        if total > len(blob):
            raise BadTree("it is truncated: %d of %d bytes" % (len(blob), total))
        if struct_at + struct_size > total or strings_at + strings_size > total:
            raise BadTree("its blocks reach past its end")
        self.data = memoryview(blob)[struct_at:struct_at + struct_size]
        self.strings = bytes(blob[strings_at:strings_at + strings_size])
        self.at = 0

    def take(self, size):
        if size > len(self.data) - self.at:
            raise BadTree("its structure block ends early")
        piece = bytes(self.data[self.at:self.at + size])
        self.at = min(_align4(self.at + size), len(self.data))
        return piece

    def u32(self):
        return struct.unpack(">I", self.take(4))[0]

    def token(self):
        token = NOP
        while token == NOP:
            token = self.u32()
        return token

    def node_name(self):
        end = self.at
        while end < len(self.data) and self.data[end]:
            end += 1
        name = self.take(end - self.at + 1)[:-1]
        return name.decode("ascii", "backslashreplace")

    def prop(self, node):
        size, name_at = self.u32(), self.u32()
        end = self.strings.find(b"\0", name_at)
        if end < 0:
            raise BadTree("a property has no name")
        name = self.strings[name_at:end].decode("ascii", "backslashreplace")
        if name in node.props:
            raise BadTree("node \"%s\" has property \"%s\" twice" % (node.name or "/", name))
        node.props[name] = self.take(size)


def read(blob):
    """The root node of a blob. Raises BadTree for anything malformed."""
    reader = _Reader(blob)
    path = []
    root = None
    while True:
        token = reader.token()
        if token == BEGIN_NODE:
            if not path and root:
                raise BadTree("it has two roots")
            name = reader.node_name()
            node = path[-1].add(name) if path else Node(name)
            root = root or node
            path.append(node)
        elif token == PROP and path:
            reader.prop(path[-1])
        elif token == END_NODE and path:
            path.pop()
        elif token == END and root and not path:
            return root
        else:
            raise BadTree("it has token %d where none is allowed" % token)
