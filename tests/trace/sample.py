# SPDX-License-Identifier: BSD-2-Clause
"""Traces made by hand: what tests of ./doppel trace read."""

import json
import pathlib
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from doppel import tracefile  # noqa: E402

HZ = 10000000
START = 5 * HZ
ECALL, LOAD, STORE, VIRTUAL, ILLEGAL = 10, 21, 23, 22, 2
SOFT, TIMER = 0x81, 0x85
TIME, BASE = 0x54494D45, 0x10
SERIAL_LSR = 0x10000005
HEDELEG, HIDELEG = 0xB1FF, 0x444


def record(time, pc=0, cause=0, stval=0, htval=0, value=0, insn=0, call=0, ticks=10,
           instructions=100, vm=0, vcpu=0, what=0, flags=0, function=0, result=0):
    return tracefile.RECORD.pack(START + time, pc, stval, htval, value, insn, call, ticks,
                                 instructions, vm, vcpu, cause, what, flags, function, result)


def machine(hz=HZ):
    return record(0, pc=HEDELEG, stval=HIDELEG, htval=2, value=hz, what=tracefile.OF_MACHINE)


def vm(time, number, name, vcpus=1):
    fields = struct.unpack("<QQQQ", name.encode().ljust(32, b"\0"))
    return record(time, pc=fields[0], stval=fields[1], htval=fields[2], value=fields[3],
                  vm=number, vcpu=vcpus, what=tracefile.OF_VM)


def end(time, told, lost=0):
    return record(time, pc=lost, value=told, what=tracefile.OF_END)


def block(hart, first, records, lost=0):
    data = b"".join(records)
    return tracefile.BLOCK.pack(tracefile.BLOCK_MAGIC, tracefile.BLOCK.size + len(data), first,
                                lost, hart) + data


def set_timer(time, **more):
    return record(time, 0x80001000, ECALL, insn=0x73, call=TIME, value=0x1234, flags=4, **more)


def read_lsr(time, **more):
    """lbu a5,5(a5), fetched."""
    return record(time, 0x80002004, LOAD, stval=SERIAL_LSR, htval=SERIAL_LSR >> 2, value=0x60,
                  insn=0x0057C783, flags=4, **more)


def whole(header=None):
    """Two VMs on two harts, whose blocks come out of order; EXITS exits, none lost."""
    zero = [machine(), vm(10, 0, "left", 2), vm(20, 1, "right"), set_timer(100),
            record(300, 0x80001100, TIMER, flags=32, ticks=5),
            read_lsr(500, vm=1, ticks=50)]
    one = [read_lsr(200, vcpu=1),
           record(400, 0x80003000, STORE, stval=0x10000000, htval=0x4000000, value=0x41,
                  insn=0x00B50023 & ~(31 << 15), flags=2 | 4 | 8, vcpu=1),
           record(600, 0x80004000, LOAD, stval=0x401, htval=0x100, insn=0x4108, vcpu=1, what=1,
                  result=5),
           record(1000000, 0x10074, ILLEGAL, insn=0x0007B787, flags=1, vcpu=1),
           record(2000000, 0x80005000, VIRTUAL, insn=0x10500073, what=2, vcpu=1)]
    more = [record(3000000, 0x80006000, SOFT)]
    return file(block(1, 0, one), block(0, 0, zero), block(0, 6, more),
                block(0, 7, [end(3000001, 13)]), header=header)


def file(*blocks, header=None):
    header = json.dumps(header or {"what": "sample", "icount": True, "vms": ["left", "right"]})
    return tracefile.MAGIC + header.encode() + b"\n" + b"".join(blocks)


EXITS = 9
