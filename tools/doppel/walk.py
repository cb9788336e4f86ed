# SPDX-License-Identifier: BSD-2-Clause
"""The verb "walk": a picture of both stages of an address translation, from what the monitor's
`walk ... all` tells of a run that is going on."""

import json
import re
import sys

from . import Refusal, ctl, trace_svg

ENTRY = re.compile(r" +level (\d): table (gpa|hpa) (0x[0-9a-f]+), entry (\d+)"
                   r"(?: = (0x[0-9a-f]+): (.*))?$")
G_LEAF = re.compile(r" +G-stage: gpa (0x[0-9a-f]+) -> hpa (0x[0-9a-f]+), level \d, (.*) page, .*$")
HEAD = re.compile(r"gva (0x[0-9a-f]+), satp (0x[0-9a-f]+): (.*)$")
LAST_GPA = re.compile(r"gpa (0x[0-9a-f]+), G-stage (.*)$")
END = re.compile(r"gva 0x[0-9a-f]+ = gpa (0x[0-9a-f]+) = hpa (0x[0-9a-f]+)$")


def parse(text):
    """The walk as a dict: `guest`, the entries of the guest's tables, each with the `host` entries
    that lead to it; `host`, those that lead to the page; how it ended."""
    walk = {"gva": None, "satp": None, "mode": "", "guest": [], "host": [], "gpa": None,
            "hpa": None, "stops": None}
    for line in text.splitlines():
        read_line(walk, line)
    if walk["gva"] is None:
        raise Refusal("the run answers what is no walk: is it of another version of Doppel?")
    return walk


def read_line(walk, line):
    entry, leaf = ENTRY.match(line), G_LEAF.match(line)
    head, last, end = HEAD.match(line), LAST_GPA.match(line), END.match(line)
    if head:
        walk["gva"], walk["satp"], walk["mode"] = head.groups()
    elif last:
        walk["gpa"] = last[1]
    elif end:
        walk["gpa"], walk["hpa"] = end.groups()
    elif line.startswith("stops here: "):
        walk["stops"] = line[len("stops here: "):]
    elif entry:
        level, space, table, index, pte, bits = entry.groups()
        step = {"level": int(level), "table": table, "index": int(index), "pte": pte, "bits": bits}
        if space == "gpa":
            walk["guest"].append(dict(step, gpa="0x%x" % (int(table, 16) + 8 * int(index)),
                                      hpa=None, host=[]))
        elif walk["gpa"] is None:
            walk["guest"][-1]["host"].append(step)
        else:
            walk["host"].append(step)
    elif leaf and walk["guest"]:
        walk["guest"][-1]["hpa"] = leaf[2]


def reads(walk):
    """How many entries of tables the hardware reads for one access, if its TLB knows nothing."""
    return len(walk["guest"]) + len(walk["host"]) + sum(
        len(step["host"]) for step in walk["guest"])


# As text: a row for each table of the guest, with the G-stage's entries that lead to it.


def draw_text(walk):
    lines = ["gva %s, satp %s: %s" % (walk["gva"], walk["satp"], walk["mode"]), ""]
    for step in walk["guest"]:
        lines += text_of_host(step["gpa"], step["host"], step["hpa"])
        if step["pte"]:
            lines.append("  [VS level %d] entry %3d of the table at gpa %s = %s  %s" % (
                step["level"], step["index"], step["table"], step["pte"], step["bits"]))
            lines.append("       |")
    if walk["gpa"]:
        lines += text_of_host(walk["gpa"], walk["host"], walk["hpa"])
    if walk["stops"]:
        lines.append("  stops here: %s" % walk["stops"])
    lines += ["", "%d entries are read: %d of the guest's tables, %d of the G-stage's." % (
        reads(walk), len(walk["guest"]), reads(walk) - len(walk["guest"]))]
    if walk["hpa"]:
        lines.append("gva %s = gpa %s = hpa %s" % (walk["gva"], walk["gpa"], walk["hpa"]))
    return "\n".join(lines) + "\n"


def text_of_host(gpa, steps, hpa):
    lines = ["  gpa %s" % gpa]
    for step in steps:
        lines.append("       --> [G level %d] entry %4d at hpa %s = %s  %s" % (
            step["level"], step["index"], step["table"], step["pte"], step["bits"]))
    return lines + (["       --> hpa %s" % hpa] if hpa else [])


def run(options):
    channel = ctl.Channel(ctl.find_socket(options))
    try:
        answer = channel.execute("human-monitor-command", **{"command-line": " ".join(
            map(ctl.quote, ("walk", options.vcpu, options.address, "all")))})
    except ctl.Failure as failure:
        print("doppel: %s" % failure, file=sys.stderr)
        return ctl.FAILED
    finally:
        channel.close()
    walk = parse(answer)
    if options.svg:
        write(options.svg, trace_svg.walk(walk))
    elif options.json:
        print(json.dumps(walk, indent=1))
    else:
        print(draw_text(walk), end="")
    return 0


def write(path, text):
    try:
        with open(path, "w") as out:
            out.write(text)
    except OSError as error:
        raise Refusal("--svg %s cannot be written (%s): choose another path"
                      % (path, error.strerror))
