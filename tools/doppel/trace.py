# SPDX-License-Identifier: BSD-2-Clause
"""The verb "trace": shows what ./doppel run --trace has written (docs/trace.md)."""

import collections
import csv
import json
import os
import re
import sys

from . import Refusal, chrome, explain, sequence, symbols, tracefile
from .disasm import Disassembler

TOP = 12                    # lines of a table of the summary
COLUMNS = ("time_s", "vm", "vcpu", "hart", "mode", "cause", "pc", "symbol", "insn", "instruction",
           "kind", "gpa", "value", "outcome", "action", "ticks", "instructions")


class Selection:
    """The exits that the options ask for."""

    def __init__(self, file, options, names):
        self.file = file
        self.vm = options.vm
        self.vcpu = options.vcpu
        self.cause = check_cause(options.cause)
        self.since = file.machine.time + (options.since or 0) * file.hz
        self.until = None if options.until is None else file.machine.time + options.until * file.hz
        self.low, self.high = address_range(options.pc, names)

    def __iter__(self):
        for event, vm in self.file.exits():
            if self.until is not None and event.time > self.until:
                return
            if self.wants(event, vm):
                yield event, vm

    def wants(self, event, vm):
        return (event.time >= self.since and self.low <= event.pc <= self.high and
                (self.vm is None or vm.name == self.vm) and
                (self.vcpu is None or event.vcpu == self.vcpu) and
                (self.cause is None or tracefile.cause_name(event.cause) == self.cause))


def check_cause(name):
    if name is not None and name not in tracefile.CAUSES.values():
        raise Refusal("--cause %s is no cause of an exit: docs/stats.md lists them" % name)
    return name


def address_range(text, names):
    """ADDRESS, FIRST-LAST, or a function."""
    if text is None:
        return 0, (1 << 64) - 1
    match = re.fullmatch(r"(0x[0-9a-fA-F]+)(?:-(0x[0-9a-fA-F]+))?", text)
    if match:
        first = int(match[1], 16)
        return first, int(match[2], 16) if match[2] else first
    if names:
        for at, (address, name) in enumerate(names.pairs):
            if name == text:
                behind = names.addresses[at + 1:at + 2] or [address + symbols.MAX_DISTANCE]
                return address, behind[0] - 1
    raise Refusal("--pc %s is no address: give 0x1000, 0x1000-0x1fff, or a function of --symbols"
                  % text)


def since_start(file, event):
    return file.seconds(event.time - file.machine.time)


def mode(event):
    return "VU" if event.flags & tracefile.USER else "VS"


# The listing


def rows(file, selection, names):
    """A dict of COLUMNS for each exit."""
    words = Disassembler()
    for event, vm in selection:
        fault = explain.is_fault(event)
        yield {
            "time_s": "%.7f" % since_start(file, event), "vm": vm.name, "vcpu": event.vcpu,
            "hart": event.hart, "mode": mode(event), "cause": tracefile.cause_name(event.cause),
            "pc": "0x%x" % event.pc, "symbol": names.name(event.pc) if names else "",
            "insn": "0x%x" % event.insn if event.insn else "",
            "instruction": explain.instruction(event, words), "kind": explain.kind(event),
            "gpa": "0x%x" % explain.gpa(event) if fault else "",
            "value": "0x%x" % event.value if event.flags & tracefile.VALUE else "",
            "outcome": tracefile.OUTCOMES[event.what], "action": explain.action(event),
            "ticks": event.ticks,
            "instructions": event.instructions if counts_instructions(file) else ""}


def counts_instructions(file):
    """Without --icount QEMU's instret counts something else."""
    return bool(file.header.get("icount"))


def print_list(file, selection, names):
    for row in rows(file, selection, names):
        where = "%s %s" % (row["pc"][2:].rjust(16), row["symbol"])
        cost = "%d instructions" % row["instructions"] if row["instructions"] != "" else \
            "%.1f us" % (row["ticks"] * 1e6 / file.hz)
        print("%12s  hart %d  %s.%d %s  %-22s %s  %-24s %s  [%s]" % (
            row["time_s"], row["hart"], row["vm"], row["vcpu"], row["mode"], row["cause"],
            where.rstrip(), row["instruction"], row["action"], cost))


def print_csv(columns, lines):
    out = csv.DictWriter(sys.stdout, columns, lineterminator="\r\n")
    out.writeheader()
    for line in lines:
        out.writerow(line)


def print_json_list(file, selection, names):
    print("[")
    separator = ""
    for row in rows(file, selection, names):
        print(separator + json.dumps(row), end="")
        separator = ",\n"
    print("\n]")


# The summary


class Summary:
    """What is counted in one pass."""

    def __init__(self, file, selection, names, bin_ms):
        self.file = file
        self.causes = collections.Counter()     # (VM, cause)
        self.kinds = collections.Counter()      # (cause, kind)
        self.places = collections.Counter()     # pc, or function
        self.outcomes = collections.Counter()
        self.ticks = collections.Counter()      # by cause and kind
        self.instructions = collections.Counter()
        self.modes = collections.Counter()
        self.bins = collections.Counter()       # (ms of the guest's time, cause)
        self.first = self.last = None
        for event, vm in selection:
            self._add(event, vm, names, bin_ms)

    def _add(self, event, vm, names, bin_ms):
        cause = tracefile.cause_name(event.cause)
        key = (cause, explain.kind(event))
        self.causes[vm.name, cause] += 1
        self.kinds[key] += 1
        self.ticks[key] += event.ticks
        self.instructions[key] += event.instructions
        self.places[(names and names.function(event.pc)) or "0x%x" % event.pc] += 1
        self.outcomes[tracefile.OUTCOMES[event.what]] += 1
        self.modes[mode(event)] += 1
        # Guest time: the VM's clock begins with its boot.
        since = int(self.file.seconds(event.time - vm.started) * 1000)
        self.bins[since // bin_ms * bin_ms, cause] += 1
        self.first = self.first or event
        self.last = event

    def seconds(self):
        return self.file.seconds(self.last.time - self.first.time) if self.first else 0.0

    def total(self):
        return sum(self.causes.values())

    def over_time(self):
        return [{"ms": ms, "cause": cause, "exits": count}
                for (ms, cause), count in sorted(self.bins.items())]

    def mean(self, key):
        """What one exit of that kind costs in the hypervisor, as text."""
        if counts_instructions(self.file):
            return "%.0f instructions" % (self.instructions[key] / self.kinds[key])
        return "%.1f us" % (self.file.seconds(self.ticks[key]) * 1e6 / self.kinds[key])

    def as_dict(self):
        account = self.file.account
        return {
            "header": self.file.header, "harts": self.file.machine.htval, "hz": self.file.hz,
            "hedeleg": "0x%x" % self.file.machine.pc, "hideleg": "0x%x" % self.file.machine.stval,
            "exits": self.total(), "seconds": round(self.seconds(), 7),
            "in_file": account.exits, "lost": account.losses(), "ended": bool(account.end),
            "vms": {vm: {cause: n for (name, cause), n in sorted(self.causes.items())
                         if name == vm} for vm in sorted({name for name, _ in self.causes})},
            "kinds": [{"cause": key[0], "kind": key[1], "exits": count, "ticks": self.ticks[key],
                       "instructions": self.instructions[key]
                       if counts_instructions(self.file) else None}
                      for key, count in self.kinds.most_common()],
            "places": [{"place": place, "exits": count}
                       for place, count in self.places.most_common(TOP)],
            "outcomes": dict(self.outcomes), "modes": dict(self.modes),
            "over_time": self.over_time()}


def share(count, total):
    return "%8d  %5.1f %%" % (count, 100 * count / total)


def print_summary(file, summary):
    total = summary.total()
    print("%s: %d exits in %.3f s on %d harts; %s" % (
        file.path, total, summary.seconds(), file.machine.htval,
        tracefile.describe(file.account)))
    if not total:
        return
    print("\nby VM and cause")
    for (vm, cause), count in summary.causes.most_common():
        print("  %s  %-16s %s" % (share(count, total), vm, cause))
    print("\nwhat for, and what one costs in the hypervisor")
    for key, count in summary.kinds.most_common(TOP):
        print("  %s  %-36s %s" % (share(count, total), key[1], summary.mean(key)))
    print("\nfrom where in the guest")
    for place, count in summary.places.most_common(TOP):
        print("  %s  %s" % (share(count, total), place))
    print("\nwhat came of them: %s" % ", ".join(
        "%d %s" % (count, outcome) for outcome, count in summary.outcomes.most_common()))
    print("the guest was in: %s" % ", ".join(
        "%s-mode %d" % (name, count) for name, count in summary.modes.most_common()))


def show_summary(file, selection, names, options):
    summary = Summary(file, selection, names, options.bin)
    if options.json:
        print(json.dumps(summary.as_dict(), indent=1))
    elif options.csv:
        print_csv(("ms", "cause", "exits"), summary.over_time())
    else:
        print_summary(file, summary)


# The verb


def run(options):
    names = symbols.load(options.symbols) if options.symbols else None
    file = tracefile.File(options.file)
    try:
        show(file, Selection(file, options, names), names, options)
        sys.stdout.flush()
    except BrokenPipeError:         # who reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    finally:
        file.close()
    return 0


def show(file, selection, names, options):
    if options.chrome:
        write(options.chrome, chrome.write, file, selection, names)
    if options.sequence:
        sequence.show(file, selection, names, options)
    if options.chrome or options.sequence:
        return
    if options.summary or not (options.list or options.csv or options.json):
        show_summary(file, selection, names, options)
    elif options.csv:
        print_csv(COLUMNS, rows(file, selection, names))
    elif options.json:
        print_json_list(file, selection, names)
    else:
        print_list(file, selection, names)


def write(path, function, *arguments):
    try:
        with open(path, "w") as out:
            function(out, *arguments)
    except OSError as error:
        raise Refusal("%s cannot be written (%s): choose another path" % (path, error.strerror))
