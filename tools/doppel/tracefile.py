# SPDX-License-Identifier: BSD-2-Clause
"""The file of a trace (docs/trace.md): its blocks as they arrive, and its events in the order of
time."""

import collections
import heapq
import json
import os
import struct

from . import Refusal

MAGIC = b"doppel-trace 1\n"
MAX_HEADER = 65536          # bytes of the line behind it
BLOCK = struct.Struct("<IIQQH38x")
BLOCK_MAGIC = 0x4B4C4254    # "TBLK"
MAX_BLOCK = 65536
RECORD = struct.Struct("<QQQQQIIIIHBBBBBB")
NAME_AT, NAME_SIZE = 8, 32  # of a VM, in its record

HANDLED, INJECTED, BLOCKED, LEFT = range(4)
OF_MACHINE, OF_VM, OF_END = 0x10, 0x11, 0x1F
OUTCOMES = ("handled", "injected", "blocked", "left")
USER, TRANSFORMED, VALUE, STORE = 1, 2, 4, 8
RAISED = {16: "VSSIP", 32: "VSTIP", 64: "VSEIP"}     # in hvip, during the exit
INTERRUPT = 0x80

CAUSES = {
    0: "fetch-misaligned", 1: "fetch-access-fault", 2: "illegal-instruction", 3: "breakpoint",
    4: "load-misaligned", 5: "load-access-fault", 6: "store-misaligned", 7: "store-access-fault",
    8: "ecall-u", 9: "ecall-hs", 10: "ecall-vs", 12: "fetch-page-fault", 13: "load-page-fault",
    15: "store-page-fault", 18: "software-check", 20: "guest-fetch-page-fault",
    21: "guest-load-page-fault", 22: "virtual-instruction", 23: "guest-store-page-fault",
    0x81: "irq-soft", 0x82: "irq-vs-soft", 0x85: "irq-timer", 0x86: "irq-vs-timer",
    0x89: "irq-external", 0x8A: "irq-vs-external", 0x8C: "irq-guest-external"}
ECALL, ILLEGAL, VIRTUAL = 10, 2, 22
FETCH_FAULT, LOAD_FAULT, STORE_FAULT = 20, 21, 23

Event = collections.namedtuple("Event", (
    "time", "pc", "stval", "htval", "value", "insn", "call", "ticks", "instructions", "vm", "vcpu",
    "cause", "what", "flags", "function", "result", "hart", "number"))


def cause_name(cause):
    """As --stats has it."""
    return CAUSES.get(cause, "reserved")


class Broken(Exception):
    """What is no block of a trace; the value says why."""


def check_block(head):
    """(size, first, lost, hart) of the block that begins with these bytes."""
    magic, size, first, lost, hart = BLOCK.unpack(head)
    if magic != BLOCK_MAGIC:
        raise Broken("is no block of records")
    if not BLOCK.size + RECORD.size <= size <= MAX_BLOCK or (size - BLOCK.size) % RECORD.size:
        raise Broken("is a block of %d bytes, which cannot be" % size)
    return size, first, lost, hart


class Account:
    """Counts what blocks say: nothing is lost silently."""

    def __init__(self):
        self.records = 0
        self.exits = 0
        self.next = collections.Counter()       # the number of a hart's next record
        self.lost = collections.Counter()
        self.missing = 0                        # records that were told, and never came
        self.end = None                         # (records, lost), as the last record says

    def add(self, first, lost, hart, records):
        """A block, with its records as bytes."""
        if first < self.next[hart] or lost < self.lost[hart]:
            raise Broken("has records of hart %d again" % hart)
        self.missing += first - self.next[hart]
        count = len(records) // RECORD.size
        self.next[hart] = first + count
        self.lost[hart] = lost
        self.records += count
        kinds = records[RECORD.size - 4::RECORD.size]
        self.exits += sum(kind <= LEFT for kind in kinds)
        if kinds[0] == OF_END:
            last = RECORD.unpack(records[:RECORD.size])
            self.end = last[4], last[1]

    def losses(self):
        """How many records are known to be missing."""
        told, lost = self.end or (self.records, 0)
        return max(sum(self.lost.values()), lost) + max(self.missing, told - self.records)


def describe(account):
    """Whether a trace is whole, as the end of a sentence."""
    lost = account.losses()
    words = "none lost" if not lost else "%d lost" % lost
    if not account.end:
        words += "; the run was cut short: the last 100 ms and what was under way may be missing"
    return words


class File:
    """A trace that is there. Refuses what is none."""

    def __init__(self, path):
        self.path = path
        self.account = Account()
        self.blocks = collections.defaultdict(list)     # hart -> (where, size) of its records
        try:
            self.file = open(path, "rb")
            self.size = os.fstat(self.file.fileno()).st_size
            self.header = self._read_header()
            self._find_blocks()
        except OSError as error:
            raise Refusal("%s cannot be read (%s): check the path" % (path, error.strerror))
        self.machine = self._find_machine()
        self.hz = self.machine.value

    def _refuse(self, why):
        raise Refusal("%s %s: make a new one with ./doppel run --trace" % (self.path, why))

    def _read_header(self):
        if self.file.read(len(MAGIC)) != MAGIC:
            self._refuse("is no trace of this version")
        line = self.file.readline(MAX_HEADER)
        try:
            header = json.loads(line.decode())
        except ValueError:
            header = None
        if not isinstance(header, dict) or not line.endswith(b"\n"):
            self._refuse("has a broken header")
        return header

    def _find_blocks(self):
        at = self.file.tell()
        while at < self.size:
            head = self.file.read(BLOCK.size)
            try:
                if len(head) < BLOCK.size:
                    raise Broken("is the beginning of a block only")
                size, first, lost, hart = check_block(head)
                records = self.file.read(size - BLOCK.size)
                if len(records) < size - BLOCK.size:
                    raise Broken("is the beginning of a block only")
                self.account.add(first, lost, hart, records)
            except Broken as broken:
                self._refuse("is broken: what begins at byte %d %s" % (at, broken))
            self.blocks[hart].append((at + BLOCK.size, size - BLOCK.size))
            at += size

    def _find_machine(self):
        first = next((event for event in self.records() if event.what == OF_MACHINE), None)
        if not first or not first.value:
            self._refuse("does not say of which machine it is")
        return first

    def records(self):
        """All of them, by time."""
        return heapq.merge(*(self._records_of(hart) for hart in sorted(self.blocks)),
                           key=lambda event: event.time)

    def _records_of(self, hart):
        number = 0
        for at, size in self.blocks[hart]:
            # A file of its own position: those of other harts are read in between.
            for fields in RECORD.iter_unpack(os.pread(self.file.fileno(), size, at)):
                yield Event._make(fields + (hart, number))
                number += 1

    def exits(self):
        """(event, VM) of every exit, by time."""
        machines = {}
        for event in self.records():
            if event.what == OF_VM:
                machines[event.vm] = Machine(event)
            elif event.what <= LEFT:
                yield event, machines.setdefault(event.vm, Machine(event))

    def seconds(self, ticks):
        return ticks / self.hz

    def close(self):
        self.file.close()


class Machine:
    """A VM, in one boot of it: its record, or one of its exits, if that record was lost."""

    def __init__(self, event):
        self.id = event.vm
        self.started = event.time
        self.vcpus = event.vcpu
        self.name = "vm%d" % event.vm
        if event.what == OF_VM:
            self.name = name_of(event) or self.name


def name_of(event):
    packed = struct.pack("<QQQQ", event.pc, event.stval, event.htval, event.value)
    text = packed.split(b"\0", 1)[0].decode("ascii", "replace")
    return "".join(c if c.isprintable() else "?" for c in text)
