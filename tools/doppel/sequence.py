# SPDX-License-Identifier: BSD-2-Clause
"""Sequence diagrams as textbooks draw them: process, guest OS, VMM. What is drawn is a list of
steps, from a trace or from elsewhere (docs/trace.md)."""

import collections
import json

from . import Refusal, explain, trace_svg, tracefile
from .disasm import Disassembler

PROCESS, GUEST_OS, VMM = "process", "guest OS", "VMM"
COLUMNS = (PROCESS, GUEST_OS, VMM)
# Where a step is known from: an exit of the trace; or what hedeleg and hideleg say about a trap
# that is no exit, of which the trace shows no more than that nothing happened there.
TRACE, DELEGATION = "trace", "delegation"

Step = collections.namedtuple("Step", ("source", "target", "text", "origin"))

# Calls by which a guest marks what it is about to do: SBI's probe_extension of an id in the
# experimental space, whose answer nobody needs (tests/guest/traced/main.c).
MARK, MARK_MASK = 0x08D0B000, 0xFFFFFF00
PROBE = (0x10, 3)
KINDS = {"syscall": 1, "page-fault": 2, "timer-tick": 3, "device-access": 4}
CAUSES = {"syscall": (8,), "page-fault": (12, 13, 15)}
TITLES = {"syscall": "a system call", "page-fault": "a page fault", "timer-tick": "a timer tick",
          "device-access": "a device access"}
MAX_WINDOW = 64             # exits of a marked piece, at most


class Diagram:
    """What is drawn. notes: sentences below."""

    def __init__(self, title, steps, notes, columns=COLUMNS):
        self.title = title
        self.steps = steps
        self.notes = notes
        self.columns = columns

    def as_dict(self):
        return {"title": self.title, "columns": list(self.columns), "notes": self.notes,
                "steps": [step._asdict() for step in self.steps]}


def from_dict(data):
    """The inverse: for steps that others have found."""
    return Diagram(data["title"], [Step(**step) for step in data["steps"]], data["notes"],
                   tuple(data["columns"]))


# Finding the pieces of a trace


def mark_of(event):
    """(kind's number, is it the end) of a marking call, or None."""
    if event.cause != tracefile.ECALL or (event.call, event.function) != PROBE or \
            event.value & MARK_MASK != MARK:
        return None
    return event.value >> 1 & 0x7F, event.value & 1


def marked(selection, kind):
    """The marked piece of that kind that has the fewest exits in it: (begin, exits, end)."""
    best, pieces = None, {}
    for event, vm in selection:
        key, mark = (vm.id, event.vcpu), mark_of(event)
        if mark == (KINDS[kind], 0):
            pieces[key] = (event, [])
        elif mark == (KINDS[kind], 1) and key in pieces:
            begin, exits = pieces.pop(key)
            if best is None or len(exits) < len(best[1]):
                best = begin, exits, event
        elif key in pieces and len(pieces[key][1]) < MAX_WINDOW:
            pieces[key][1].append(event)
    return best


def found(selection, kind):
    """The same where a guest marks nothing: what is an exit can be found by itself."""
    armed = {}
    for event, vm in selection:
        key = vm.id, event.vcpu
        if kind == "device-access" and explain.device(explain.gpa(event))[0] and \
                event.cause == tracefile.LOAD_FAULT:
            return [event]
        if kind == "timer-tick" and explain.kind(event) == "sbi time.set_timer":
            armed[key] = [event]
        elif kind == "timer-tick" and key in armed:
            armed[key].append(event)
            if tracefile.cause_name(event.cause) == "irq-timer":
                return armed.pop(key)
    return None


# From exits to steps


def side_of(event):
    return PROCESS if event.flags & tracefile.USER else GUEST_OS


def steps_of(event, names, words):
    """An exit is two steps: into the VMM, and back."""
    side, name = side_of(event), tracefile.cause_name(event.cause)
    if event.cause & tracefile.INTERRUPT:
        text = "%s: an interrupt of the hart" % name
    else:
        text = "%s: %s" % (explain.instruction(event, words) or "an access", name)
    where = names.function(event.pc) if names else ""
    back = side
    if event.what == tracefile.INJECTED:
        back = GUEST_OS
    return [Step(side, VMM, text + (", in %s" % where if where else ""), TRACE),
            Step(VMM, VMM, explain.action(event), TRACE),
            Step(VMM, back, "sret: the guest goes on", TRACE)]


def delegated(kind, machine):
    """The steps that the VMM never sees; None: it would see them."""
    if kind == "timer-tick":
        if not machine.stval >> 6 & 1:          # hideleg: VS timer interrupts
            return None
        return [Step(GUEST_OS, GUEST_OS, "writes stimecmp, which is vstimecmp", DELEGATION),
                Step(GUEST_OS, GUEST_OS, "the hart raises VSTIP: the OS's own handler", DELEGATION),
                Step(GUEST_OS, GUEST_OS, "writes stimecmp anew; sret", DELEGATION)]
    if not all(machine.pc >> cause & 1 for cause in CAUSES.get(kind, ())):
        return None                             # hedeleg
    if kind == "syscall":
        return [Step(PROCESS, GUEST_OS, "ecall: cause 8, to VS-mode", DELEGATION),
                Step(GUEST_OS, GUEST_OS, "serves the call", DELEGATION),
                Step(GUEST_OS, PROCESS, "sret", DELEGATION)]
    if kind == "page-fault":
        return [Step(PROCESS, GUEST_OS, "an access: cause 12, 13 or 15", DELEGATION),
                Step(GUEST_OS, GUEST_OS, "writes its page table, sfence.vma", DELEGATION),
                Step(GUEST_OS, PROCESS, "sret: the access again", DELEGATION)]
    return None


def steps_of_exits(exits, names):
    words = Disassembler()
    return [step for event in exits for step in steps_of(event, names, words)]


def title_of(kind, exits):
    words = TITLES[kind]
    if kind == "timer-tick":
        words += ", without Sstc" if exits else ", with Sstc"
    return "With H: %s" % words


def diagram(file, selection, names, kind):
    piece = marked(selection, kind)
    own = delegated(kind, file.machine)
    title = title_of(kind, piece[1] if piece else found(selection, kind))
    if piece:
        begin, exits, end = piece
        notes = ["From the trace: between the calls that mark it (%.7f s and %.7f s, vCPU %d) the "
                 "VMM was entered %d times." % (
                     file.seconds(begin.time - file.machine.time),
                     file.seconds(end.time - file.machine.time), begin.vcpu, len(exits))]
        if exits or not own:
            return Diagram(title, steps_of_exits(exits, names), notes)
        return Diagram(title, own, notes + [delegation_note(file, kind)])
    exits = found(selection, kind)
    if exits:
        return Diagram(title, steps_of_exits(exits, names),
                       ["From the trace: exits of vCPU %d from %.7f s on." % (
                           exits[0].vcpu, file.seconds(exits[0].time - file.machine.time))])
    if own:
        return Diagram(title, own, [never_note(file, kind), delegation_note(file, kind)])
    raise Refusal("%s has no %s: trace a guest that has one" % (file.path, kind))


def never_note(file, kind):
    names = [tracefile.cause_name(cause) for cause in CAUSES.get(kind, ())] or ["irq-vs-timer"]
    count = sum(tracefile.cause_name(event.cause) in names for event, _ in file.exits())
    return "From the trace: of %d exits %d have the cause %s." % (
        file.account.exits, count, " or ".join(names))


def delegation_note(file, kind):
    if kind == "timer-tick":
        return ("Dashed: no exits. hideleg = 0x%x delegates the VS timer interrupt (bit 6), and "
                "henvcfg.STCE gives the guest stimecmp." % file.machine.stval)
    return "Dashed: no exits. hedeleg = 0x%x delegates %s." % (
        file.machine.pc, " and ".join("cause %d" % cause for cause in CAUSES[kind]))


# Showing it


def draw_text(drawn, width=34):
    """Lifelines as columns of text."""
    centres = [width // 2 + width * n for n in range(len(drawn.columns))]
    line = [" "] * (width * len(drawn.columns))
    lines = [drawn.title, ""]
    lines.append("".join(name.center(width) for name in drawn.columns).rstrip())
    for step in drawn.steps:
        lines += text_of(step, drawn, centres, list(line))
    return "\n".join(lines + [""] + drawn.notes) + "\n"


def text_of(step, drawn, centres, blank):
    source, target = (centres[drawn.columns.index(name)] for name in (step.source, step.target))
    labels, row = list(blank), list(blank)
    for centre in centres:
        labels[centre] = row[centre] = "|"
    if source == target:
        text = "  * " + step.text
        row[source + 1:source + 1 + len(text)] = text
        return ["".join(row).rstrip()]
    low, high = sorted((source, target))
    row[low + 1:high] = ("-" if step.origin == TRACE else ".") * (high - low - 1)
    if source < target:
        row[high - 1] = ">"
    else:
        row[low + 1] = "<"
    at = low + 2
    labels[at:at + len(step.text)] = step.text
    return ["".join(labels).rstrip(), "".join(row).rstrip()]


def show(file, selection, names, options):
    drawn = diagram(file, selection, names, options.sequence)
    if options.svg:
        try:
            with open(options.svg, "w") as out:
                out.write(trace_svg.sequence(drawn))
        except OSError as error:
            raise Refusal("--svg %s cannot be written (%s): choose another path"
                          % (options.svg, error.strerror))
    elif options.json:
        print(json.dumps(drawn.as_dict(), indent=1))
    else:
        print(draw_text(drawn), end="")
