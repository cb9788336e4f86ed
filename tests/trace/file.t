#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# ./doppel trace on files made by hand: what it shows, and that broken ones are refused.

import csv
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import xml.dom.minidom

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[0] / "launcher" / "lib")]
import chrome_rules  # noqa: E402
import sample  # noqa: E402
import tap  # noqa: E402
from launcher import Launcher, linux_image, option  # noqa: E402
from launcher import refused as tap_refused  # noqa: E402
from doppel import capture, disasm, sequence, trace_svg, tracefile, walk  # noqa: E402

DOPPEL = str(HERE.parents[1] / "doppel")


def run(data, *arguments):
    """./doppel trace of a file with these bytes: (status, output, errors)."""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "sample.trace")
        with open(path, "wb") as file:
            file.write(data)
        done = subprocess.run([DOPPEL, "trace", path, *arguments], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, cwd=directory, timeout=60, check=False)
        return done.returncode, done.stdout.decode(), done.stderr.decode()


def shown(*arguments, data=None):
    status, out, err = run(data or sample.whole(), *arguments)
    tap.same((status, err), (0, ""))
    return out


def test_summary():
    """the summary counts by VM, cause, place and outcome, and says that nothing is lost"""
    out = shown()
    for words in ("%d exits" % sample.EXITS, "none lost", "left             guest-load-page-fault",
                  "right            guest-load-page-fault", "read serial lsr",
                  "sbi time.set_timer", "1 injected", "1 blocked", "VU-mode 1"):
        tap.holds(out, words)
    summary = json.loads(shown("--summary", "--json"))
    tap.same((summary["exits"], summary["lost"], summary["ended"]), (sample.EXITS, 0, True))
    tap.same(summary["vms"]["right"], {"guest-load-page-fault": 1})
    tap.same(sum(sum(vm.values()) for vm in summary["vms"].values()), sample.EXITS)


def test_over_time():
    """exits over time, by cause, in the VM's own time"""
    rows = list(csv.DictReader(io.StringIO(shown("--summary", "--csv", "--vm", "left"))))
    tap.same(sum(int(row["exits"]) for row in rows), sample.EXITS - 1)
    tap.same([row["ms"] for row in rows if row["cause"] == "virtual-instruction"], ["100"])
    rows = list(csv.DictReader(io.StringIO(shown("--summary", "--csv", "--bin", "10"))))
    tap.same([row["ms"] for row in rows if row["cause"] == "virtual-instruction"], ["190"])


def rows_of(*arguments):
    return list(csv.DictReader(io.StringIO(shown("--csv", *arguments))))


def test_order():
    """blocks of several harts, in any order, become one order of time"""
    rows = rows_of()
    tap.same([row["hart"] for row in rows], list("010101110"))
    tap.same([float(row["time_s"]) for row in rows], sorted(float(row["time_s"]) for row in rows))
    tap.same(json.loads(shown("--json")),
             [{**row, **{name: int(row[name]) for name in ("vcpu", "hart", "ticks",
                                                          "instructions")}} for row in rows])


def test_words():
    """instructions are disassembled, and what was done is said"""
    rows = rows_of()
    tap.same([row["instruction"] for row in rows[:3]], ["ecall", "lbu a5,5(a5)", ""])
    tap.same(rows[3]["instruction"], "sb a1,(...)")
    tap.same(rows[5]["instruction"], "c.lw a0,0(a0)")
    tap.same([row["action"] for row in rows[:6]], [
        "sbi time.set_timer(0x1234): ok", "serial lsr -> 0x60",
        "handles an interrupt of the machine, raises VSTIP", "serial rbr/thr <- 0x41",
        "serial lsr -> 0x60", "injects load-access-fault"])
    tap.same((rows[5]["gpa"], rows[6]["mode"]), ("0x401", "VU"))
    tap.holds(shown("--list"), "serial rbr/thr <- 0x41  [100 instructions]")
    tap.holds(shown("--list", data=sample.whole({"icount": False})), "[1.0 us]")


def test_filters():
    """filters choose exits"""
    for arguments, count in ((("--vm", "right"), 1), (("--vcpu", "1"), 5), (("--vm", "nobody"), 0),
                             (("--cause", "irq-timer"), 1), (("--from", "0.1"), 3),
                             (("--to", "0.00003"), 3), (("--from", "0.1", "--to", "0.2"), 2),
                             (("--pc", "0x80002004"), 2), (("--pc", "0x80001000-0x80001fff"), 2)):
        tap.same((arguments, len(rows_of(*arguments))), (arguments, count))
    for arguments, word in ((("--cause", "nothing"), "is no cause"), (("--pc", "main"), "no address"),
                            (("--symbols", "/nonexistent"), "cannot be read"),
                            (("--symbols", "/dev/null"), "no symbols"),
                            (("--chrome", "/nonexistent/x"), "cannot be written")):
        refused(sample.whole(), word, *arguments)


def test_symbols():
    """symbols of a map"""
    with tempfile.NamedTemporaryFile(suffix=".map", mode="w") as file:
        file.write("0000000080000000 T start\n0000000080002000 t poll\n0000000080002002 D data\n"
                   "0000000080002800 W next\n")
        file.flush()
        tap.same([row["symbol"] for row in rows_of("--symbols", file.name, "--pc", "poll")],
                 ["poll+0x4", "poll+0x4"])
        tap.holds(shown("--symbols", file.name), "  start")


def test_chrome():
    """--chrome: valid trace events; begin and end balanced, time goes on in each track"""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "out.json")
        shown("--chrome", path)
        with open(path) as file:
            data = json.load(file)
    tap.same(data["otherData"]["lost"], 0)
    chrome_rules.check(data)
    exits = [event for event in data["traceEvents"] if event["ph"] == "X"]
    tap.same(len(exits), 2 * sample.EXITS)      # one for the vCPU, one for the hart


def test_chrome_rules():
    """the check of trace events finds what is wrong"""
    event = {"ph": "X", "name": "n", "cat": "c", "pid": 1, "tid": 2, "ts": 5, "dur": 1, "args": {}}
    name = {"ph": "M", "name": "thread_name", "pid": 1, "tid": 2, "ts": 0, "args": {"name": "t"}}
    begin = {"ph": "B", "name": "n", "pid": 1, "tid": 2, "ts": 6}
    end = dict(begin, ph="E")
    chrome_rules.check({"traceEvents": [name, event, begin, end]})
    without = {key: value for key, value in event.items() if key != "dur"}
    for events in ([event], [name, without], [name, dict(event, ts="5")], [name, dict(event, x=1)],
                   [name, begin], [name, end], [name, begin, dict(end, name="m")],
                   [name, begin, event, end], [name, dict(event, ph="?")],
                   [name, dict(event, dur=-1)]):
        try:
            chrome_rules.check({"traceEvents": events})
        except chrome_rules.Wrong:
            continue
        raise AssertionError("nothing is wrong with %r" % events)


# Sequence diagrams


def mark(time, kind, is_end):
    return sample.record(time, 0x80000100, sample.ECALL, insn=0x73, call=sample.BASE, function=3,
                         value=0x08D0B000 | kind << 1 | is_end, flags=4)


def marked(*between, kind=1):
    events = [sample.machine(), sample.vm(1, 0, "guest"), mark(10, kind, 0), *between,
              mark(100, kind, 1)]
    return sample.file(sample.block(0, 0, events),
                       sample.block(0, len(events), [sample.end(200, len(events) + 1)]))


def drawn(data, kind):
    return json.loads(shown("--sequence", kind, "--json", data=data))


def test_sequence():
    """--sequence: no exits between the marks: delegation; exits: what they were"""
    none = drawn(marked(), "syscall")
    tap.same({step["origin"] for step in none["steps"]}, {"delegation"})
    tap.same({step["target"] for step in none["steps"]} & {"VMM"}, set())
    tap.holds(none["notes"][0], "entered 0 times")
    some = drawn(marked(sample.set_timer(20)), "syscall")
    tap.same({step["origin"] for step in some["steps"]}, {"trace"})
    tap.same([step["target"] for step in some["steps"]], ["VMM", "VMM", "guest OS"])
    # Of two pieces the quieter one; without marks what is found; what there is not.
    tap.holds(drawn(sample.whole(), "device-access")["steps"][1]["text"], "serial lsr -> 0x60")
    tap.same(len(drawn(sample.whole(), "timer-tick")["steps"]), 6)
    tap.holds(drawn(sample.whole(), "page-fault")["notes"][0], "of 9 exits 0 have")
    empty = sample.file(sample.block(0, 0, [sample.machine()]))
    refused(empty, "has no device-access", "--sequence", "device-access")


def test_pictures():
    """diagrams and walks: text, and SVG that is well-formed; hostile text stays text"""
    steps = [sequence.Step("process", "guest OS", "<script>&\"", "trace"),
             sequence.Step("guest OS", "guest OS", "x" * 200, "delegation"),
             sequence.Step("VMM", "VMM", "emulates", "trace"),
             sequence.Step("guest OS", "VMM", "traps", "trace")]
    picture = sequence.Diagram("a & b", steps, ["a note of <some> words"])
    tap.same(sequence.from_dict(picture.as_dict()).steps, steps)
    tap.holds(sequence.draw_text(picture), "----------->")
    document = xml.dom.minidom.parseString(trace_svg.sequence(picture))
    tap.same(document.documentElement.tagName, "svg")
    tap.same(document.getElementsByTagName("script"), [])
    found = walk.parse(WALK)
    tap.same((len(found["guest"]), len(found["guest"][0]["host"]), len(found["host"])), (2, 2, 3))
    tap.same((found["guest"][1]["hpa"], found["gpa"], found["hpa"]),
             ("0x90001008", "0x80400123", "0x90400123"))
    tap.same(walk.reads(found), 2 + 2 + 1 + 3)
    tap.holds(walk.draw_text(found), "8 entries are read: 2 of the guest's tables")
    svg = xml.dom.minidom.parseString(trace_svg.walk(found))
    tap.same(len([box for box in svg.getElementsByTagName("rect")
                  if box.getAttribute("class").startswith("box")]), 8)
    stopped = walk.parse(WALK.split("      G-stage: gpa 0x80001008")[0] +
                         "stops here: the entry is not valid\n")
    tap.holds(walk.draw_text(stopped), "stops here: the entry is not valid")
    xml.dom.minidom.parseString(trace_svg.walk(stopped))


WALK = """\
gva 0x40200123, satp 0x8000000000080001: Sv39, ASID 0
  level 2: table gpa 0x80000000, entry 1 = 0x0000000020000401: V
      G-stage: gpa 0x80000008 -> hpa 0x90000008, level 1, 2 MiB page, V R W X U A D
        level 2: table hpa 0x70000000, entry 2 = 0x000000001c001001: V
        level 1: table hpa 0x70004000, entry 0 = 0x00000000240000df: V R W X U A D
  level 1: table gpa 0x80001000, entry 1 = 0x00000000201000cf: V R W X A D
      G-stage: gpa 0x80001008 -> hpa 0x90001008, level 2, 1 GiB page, V R W X U A D
        level 2: table hpa 0x70000000, entry 2 = 0x00000000240000df: V R W X U A D
      a 2 MiB page at gpa 0x80400000
gpa 0x80400123, G-stage Sv39x4
  level 2: table hpa 0x70000000, entry 2 = 0x000000001c001001: V
  level 1: table hpa 0x70004000, entry 2 = 0x000000001c001401: V
  level 0: table hpa 0x70005000, entry 0 = 0x00000000241000df: V R W X U A D
hpa 0x90400123, in a 4 KiB page
gva 0x40200123 = gpa 0x80400123 = hpa 0x90400123
"""


def test_disassembler():
    """the launcher's own decoder, held against the specification's encodings"""
    for word, text in ((0x00A53023, "sd a0,0(a0)"), (0xFE532E23, "sw t0,-4(t1)"),
                       (0x80054503, "lbu a0,-2048(a0)"), (0xC0002573, "csrrs a0,cycle,zero"),
                       (0x10045073, "csrrwi zero,sstatus,8"), (0x12050073, "sfence.vma a0,zero"),
                       (0x10200073, "sret"), (0x4188, "c.lw a0,0(a1)"), (0xE188, "c.sd a0,0(a1)"),
                       (0x6522, "c.ldsp a0,8(sp)"), (0xC42A, "c.swsp a0,8(sp)"),
                       (0x5D5C, "c.lw a5,60(a0)"), (0x7D7C, "c.ld a5,248(a0)")):
        tap.same((hex(word), disasm.decode(word)), (hex(word), text))
    tap.same(disasm.decode(0x00000013), None)
    tap.same(disasm.decode(0x00002501, True), "lw a0,(...)")       # in htinst: a compressed one


# Losses


def test_losses():
    """what is lost is told: dropped, missing, cut short"""
    machine = [sample.machine()]
    for blocks, words in (
            ((sample.block(0, 0, machine), sample.block(0, 1, [sample.set_timer(5)], lost=7),
              sample.block(0, 2, [sample.end(9, 3, 7)], lost=7)), "; 7 lost"),
            ((sample.block(0, 0, machine), sample.block(0, 5, [sample.set_timer(5)])), "; 4 lost"),
            ((sample.block(0, 0, machine), sample.block(0, 1, [sample.end(9, 12, 2)])),
             "; 12 lost"),
            ((sample.block(0, 0, machine),), "cut short")):
        tap.holds(shown(data=sample.file(*blocks)), words)


def refused(data, word, *arguments):
    """One sentence with the word, status 2."""
    status, out, err = run(data, *arguments)
    tap.same((word, status, out, err.count("\n")), (word, 2, "", 1))
    tap.holds(err, word)


def test_broken():
    """files that are broken, or no traces, are refused with one sentence"""
    good = sample.block(0, 0, [sample.machine()])
    again = sample.block(0, 0, [sample.set_timer(5)])
    odd = tracefile.BLOCK.pack(tracefile.BLOCK_MAGIC, 64 + 65, 0, 0, 0) + bytes(65)
    huge = tracefile.BLOCK.pack(tracefile.BLOCK_MAGIC, 0xFFFFFFC0, 0, 0, 0)
    empty = tracefile.BLOCK.pack(tracefile.BLOCK_MAGIC, 64, 0, 0, 0)
    for data, word in (
            (b"", "no trace"), (b"doppel-trace 2\n{}\n", "no trace"), (os.urandom(4096), "no trace"),
            (tracefile.MAGIC, "header"), (tracefile.MAGIC + b"[]\n", "header"),
            (tracefile.MAGIC + b"{" * 70000, "header"), (tracefile.MAGIC + b"\xff\xfe\n", "header"),
            (tracefile.MAGIC + b"{}\n", "machine"), (sample.file(again), "machine"),
            (sample.file(sample.block(0, 0, [sample.machine(0)])), "machine"),
            (sample.file(good) + b"x", "beginning of a block"),
            (sample.file(good, good[:100]), "beginning of a block"),
            (sample.file(good, bytes(128)), "no block"), (sample.file(good, odd), "cannot be"),
            (sample.file(good, huge), "cannot be"), (sample.file(good, empty), "cannot be"),
            (sample.file(good, again), "again")):
        refused(data, word)
    done = subprocess.run([DOPPEL, "trace", "/nonexistent"], stderr=subprocess.PIPE, check=False)
    tap.same((done.returncode, done.stderr.count(b"\n")), (2, 1))


def test_hostile():
    """any bytes in records: shown as numbers, and no more than that"""
    for seed in range(8):
        noise = bytes((seed * 131 + at * 7919 + (at * at >> 3)) % 256 for at in range(64 * 200))
        data = sample.file(sample.block(0, 0, [sample.machine(), sample.vm(1, 5, "\x1b[2J\n<b>")]),
                           sample.block(1, 0, [noise]))
        for arguments in ((), ("--list",), ("--csv",), ("--json",), ("--summary", "--json")):
            status, out, err = run(data, *arguments)
            tap.same((status, err), (0, ""))
            tap.same("\x1b" in out, False)


# The launcher's end of the stream


def test_capture():
    """what arrives in pieces is written as whole blocks; what is no trace ends the file"""
    data = sample.whole()
    body = data[data.index(b"\n", len(tracefile.MAGIC)) + 1:]
    for stream, words in ((body, "9 exits are in"), (body + body[:100], "9 exits are in"),
                          (body + bytes(64), "ends early, after 9 exits: what the machine told")):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "trace")
            writer = capture.Capture(path, {"icount": True})
            machine = os.dup(writer.inherited())
            writer.start()
            for at in range(0, len(stream), 37):
                os.write(machine, stream[at:at + 37])
            os.close(machine)
            tap.holds(writer.finish(), words)
            with open(path, "rb") as file:
                tap.same(file.read().endswith(body), True)


def test_launcher():
    """run --trace: a port of the machine's console, and a word for the hypervisor"""
    with Launcher() as box:
        path, kernel = box.path("out.trace"), box.put("kernel", linux_image())
        result = box.run("run", "--kernel", kernel, "--trace", path)
        tap.same(result.status, 0)
        tap.holds(result.err, "0 exits are in %s, none lost; the run was cut short" % path)
        arguments = box.qemu()["args"]
        tap.holds(option(arguments, "-append"), " trace=host ")
        tap.holds(" ".join(arguments), "virtserialport,bus=streams.0,chardev=trace,"
                  "name=org.doppel.trace.0")
        with open(path, "rb") as file:
            header = json.loads(file.read()[len(tracefile.MAGIC):])
        tap.same((header["vms"], header["qemu"], header["icount"]), (["guest"], "7.2", False))
        box.nothing_is_left()


def test_launcher_refuses():
    """run --trace is refused where it cannot be"""
    with Launcher() as box:
        kernel = box.put("kernel", linux_image())
        for arguments, words in (
                (("--trace", box.path("no/where")), ("cannot be written", "No such file")),
                (("--trace", box.path("t"), "--no-trace"), ("exclude each other",)),
                (("--trace", box.path("t"), "--native"), ("no meaning with --native",))):
            tap_refused(box, ("--kernel", kernel, *arguments), words)


tap.main(sys.modules[__name__])
