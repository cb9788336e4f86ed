# SPDX-License-Identifier: BSD-2-Clause
"""A trace in the trace-event format, which Perfetto and Chrome show: a track for each vCPU, and one
for each hart."""

import json

from . import explain, tracefile
from .disasm import Disassembler

HARTS = 0                   # the process of the harts; those of VMs are behind
UNITS = 1000000             # a second


class Writer:
    """One event a line."""

    def __init__(self, out, file):
        self.out = out
        self.file = file
        self.separator = ""

    def microseconds(self, ticks):
        return round((ticks - self.file.machine.time) * UNITS / self.file.hz, 3)

    def put(self, kind, name, process, thread, ticks=None, **more):
        event = {"ph": kind, "name": name, "pid": process, "tid": thread,
                 "ts": 0 if ticks is None else self.microseconds(ticks)}
        event.update(more)
        self.out.write(self.separator + json.dumps(event, separators=(",", ":")))
        self.separator = ",\n"

    def name(self, process, process_name, thread, thread_name):
        self.put("M", "process_name", process, thread, args={"name": process_name})
        self.put("M", "thread_name", process, thread, args={"name": thread_name})


class Tracks:
    """Which are known, and who has each hart."""

    def __init__(self, writer):
        self.writer = writer
        self.named = set()
        self.on_hart = {}           # hart -> (vCPU, end of what is known of it)

    def introduce(self, process, process_name, thread, thread_name):
        if (process, thread) not in self.named:
            self.named.add((process, thread))
            self.writer.name(process, process_name, thread, thread_name)

    def occupy(self, hart, who, start, end):
        """A vCPU was on the hart: a span from its first exit there to its last one."""
        self.introduce(HARTS, "harts", hart, "hart %d" % hart)
        before = self.on_hart.get(hart)
        if not before or before[0] != who:
            if before:
                self.writer.put("E", before[0], HARTS, hart, before[1])
            self.writer.put("B", who, HARTS, hart, start)
        self.on_hart[hart] = (who, end)

    def finish(self):
        for hart, (who, end) in sorted(self.on_hart.items()):
            self.writer.put("E", who, HARTS, hart, end)


def write(out, file, selection, names):
    out.write('{"displayTimeUnit":"ns","otherData":%s,"traceEvents":[\n'
              % json.dumps(dict(file.header, lost=file.account.losses())))
    writer = Writer(out, file)
    tracks, words = Tracks(writer), Disassembler()
    for event, vm in selection:
        process, end = vm.id + 1, event.time + event.ticks
        tracks.introduce(process, "VM " + vm.name, event.vcpu, "vCPU %d" % event.vcpu)
        tracks.occupy(event.hart, "%s.%d" % (vm.name, event.vcpu), event.time, end)
        args = arguments(file, event, names, words)
        duration = round(event.ticks * UNITS / file.hz, 3)
        name = explain.kind(event)
        for where, track in ((process, event.vcpu), (HARTS, event.hart)):
            writer.put("X", name, where, track, event.time, dur=duration,
                       cat=tracefile.cause_name(event.cause), args=args)
    tracks.finish()
    out.write("\n]}\n")


def arguments(file, event, names, words):
    args = {"pc": "0x%x" % event.pc, "mode": "VU" if event.flags & tracefile.USER else "VS",
            "action": explain.action(event)}
    if names and names.name(event.pc):
        args["symbol"] = names.name(event.pc)
    if event.insn:
        args["instruction"] = explain.instruction(event, words)
    if explain.is_fault(event):
        args["gpa"] = "0x%x" % explain.gpa(event)
    if file.header.get("icount"):
        args["instructions"] = event.instructions
    return args
