# SPDX-License-Identifier: BSD-2-Clause
"""Sequences without the H extension: what the census' monitor saw of one operation, trap by trap."""

from .markup import esc, nobreak, table

try:
    from doppel import sequence, trace_svg
except ImportError:             # a tree without the trace: tables only
    sequence = None

FILE = "sequence-classic.csv"
NEEDED = ("emulator", "operation", "step", "mode", "cause", "instruction", "action")
COLUMNS = ("process", "guest OS", "VMM")
COLUMN_OF = {"user program": "process", "guest kernel": "guest OS"}
# The operations that are drawn, and where each stands among the sequences with H.
OPERATIONS = {"syscall": "a system call", "page-fault": "a page fault",
              "timer-tick": "a timer tick", "device-read": "a device access"}
REFLECTED = "reflected"         # how the monitor hands a trap on to the guest's kernel
MADE_BY_USER = ("syscall", "page-fault")


def load(data):
    """{operation: its steps}, of the newest emulator."""
    rows = data.rows(FILE, *NEEDED)
    newest = rows[-1]["emulator"] if rows else None
    return {operation: [row for row in rows
                        if (row["emulator"], row["operation"]) == (newest, operation)]
            for operation in OPERATIONS}


def piece(operation, rows):
    """The operation itself: around one that a user program makes, it is entered and left."""
    if operation not in MADE_BY_USER:
        return rows
    starts = [place for place, row in enumerate(rows) if row["action"].startswith(REFLECTED)]
    starts.append(len(rows))
    return rows[starts[0]:starts[1]] if len(starts) > 1 else rows


def diagram(operation, rows):
    """As sequence.from_dict() takes it."""
    shown = piece(operation, rows)
    steps = []
    for row, following in zip(shown, shown[1:] + [None]):
        here = COLUMN_OF.get(row["mode"], row["mode"])
        back = COLUMN_OF.get(following["mode"]) if following else after(row, here)
        steps.append(step(here, "VMM", "%s: %s" % (row["cause"], row["instruction"])))
        steps.append(step("VMM", back, row["action"]))
    note = "From the census on %s: %d traps" % (rows[0]["emulator"], len(shown))
    if len(shown) < len(rows):
        note += "; before and after, %d more, the user program is entered and left" \
                % (len(rows) - len(shown))
    return {"title": "Without H: %s" % OPERATIONS[operation], "columns": list(COLUMNS),
            "steps": steps, "notes": [note + "."]}


def after(row, here):
    """Where the guest goes on after the last trap."""
    if row["instruction"] == "sret":
        return "process"
    return "guest OS" if row["action"].startswith(REFLECTED) else here


def step(source, target, text):
    return {"source": source, "target": target, "text": text, "origin": "trace"}


def drawing(told):
    """As SVG, or None."""
    return trace_svg.sequence(sequence.from_dict(told)) if sequence else None


def steps_table(told):
    rows = [[str(number), nobreak(one["source"]), nobreak(one["target"]), esc(one["text"])]
            for number, one in enumerate(told["steps"], 1)]
    return table(told["title"], ("step", "from", "to", "what"), rows)
