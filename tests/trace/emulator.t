#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Traces of guests, against Doppel's own counters; readers that are slow, full or gone; walks."""

import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
import xml.dom.minidom

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "monitor"), str(ROOT / "tools"), str(ROOT / "tests" / "trace")]

import chrome_rules  # noqa: E402
import monitors  # noqa: E402
from doppel import explain, tracefile, walk  # noqa: E402

TAP = monitors.Tap()
DOPPEL = str(ROOT / "doppel")
GUEST = ROOT / "build" / "guest"
TRACED, BENCH = GUEST / "traced.elf", GUEST / "bench.elf"
ROUNDS = 8                  # of what tests/guest/traced does
PATIENCE = 300              # seconds; only a hang takes so long


def run(qemu, *arguments):
    """A run to its end: (status, what it printed)."""
    done = subprocess.run([DOPPEL, "run", "--qemu", qemu, "--stats", "--timeout", str(PATIENCE),
                           *map(str, arguments)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout.decode(errors="replace").replace("\r", "")


def counters(text, vm):
    """Exits by cause, as the hypervisor has counted them."""
    return {name: int(count) for name, count in
            re.findall(r"^stat %s exit\.(\S+) (\d+)$" % vm, text, re.M)}


def in_trace(path):
    """The same, as the trace has them: {VM: {cause: exits}}."""
    file = tracefile.File(path)
    found = collections.defaultdict(collections.Counter)
    for event, vm in file.exits():
        found[vm.name][tracefile.cause_name(event.cause)] += 1
    file.close()
    return found, file.account


def same(got, expected, name):
    TAP.ok(got == expected, name, "got %r, expected %r" % (got, expected))


def test_counts(qemu, directory, label):
    """All exits of one guest on one hart, with and without Sstc; the same each time."""
    for cpu in ("rv64", "rv64,sstc=off"):
        path = os.path.join(directory, cpu)
        status, text = run(qemu, "--icount", "--cpus", 1, "--cpu", cpu, "--kernel", TRACED,
                           "--trace", path)
        found, account = in_trace(path)
        same((status, "none lost." in text), (0, True), "%s is traced, %s" % (cpu, label))
        same(dict(found["guest"]), counters(text, "guest"), "the counters agree, %s, %s" % (
            cpu, label))
        same((account.losses(), account.end is not None), (0, True),
             "nothing is lost, %s, %s" % (cpu, label))
        check_pieces(path, cpu, label)
    again = os.path.join(directory, "again")
    run(qemu, "--icount", "--cpus", 1, "--cpu", cpu, "--kernel", TRACED, "--trace", again)
    same(own_exits(again) == own_exits(path), True, "the same exits again, " + label)


def own_exits(path):
    """What the guest does itself. Interrupts of the machine come when this computer has time."""
    return [(event.pc, event.cause, event.insn, event.flags, event.result, event.instructions)
            for event, _ in tracefile.File(path).exits()
            if not event.cause & tracefile.INTERRUPT]


def sequence(path, kind):
    done = subprocess.run([DOPPEL, "trace", path, "--sequence", kind, "--json"],
                          stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def check_pieces(path, cpu, label):
    """What is between the marks, and what instructions and values are."""
    events = [event for event, _ in tracefile.File(path).exits()]
    for kind, exits in (("syscall", 0), ("page-fault", 0), ("device-access", 1),
                        ("timer-tick", 3 if "sstc=off" in cpu else 0)):
        note = sequence(path, kind)["notes"][0]
        TAP.ok("entered %d times" % exits in note, "%d exits for a %s, %s, %s" % (
            exits, kind, cpu, label), note)
    reads = [event for event in events if explain.kind(event) == "read serial lsr" and
             event.flags & tracefile.VALUE]
    TAP.ok(len(reads) >= ROUNDS and all(event.value & 0x20 for event in reads),
           "values that were read, %s, %s" % (cpu, label), str(reads[:3]))
    injected = [event for event in events if event.what == tracefile.INJECTED]
    same([event.result for event in injected], [5] * ROUNDS,
         "what was injected, %s, %s" % (cpu, label))
    same([explain.gpa(event) for event in injected], [0x400] * ROUNDS,
         "where there is nothing, %s, %s" % (cpu, label))
    raised = sum(event.flags & 32 != 0 for event in events)
    same(raised, ROUNDS if "sstc=off" in cpu else 0, "VSTIP that was raised, %s, %s" % (cpu, label))


def test_harts(qemu, directory, label):
    """Two VMs, four vCPUs in all, on two harts."""
    path = os.path.join(directory, "harts")
    machines = [monitors.vm(name, kernel=TRACED, vcpus=2) for name in ("left", "right")]
    done = subprocess.run(
        monitors.command(directory, qemu, machines, "--stats", "--host-cpus", "2", "--trace", path),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    text = done.stdout.decode(errors="replace").replace("\r", "")
    found, account = in_trace(path)
    same(account.losses(), 0, "nothing of two VMs is lost, " + label)
    for name in ("left", "right"):
        same(dict(found[name]), counters(text, name), "the counters of %s agree, %s" % (name, label))
    check_chrome(path, directory, label)


def check_chrome(path, directory, label):
    """Trace events of a real trace keep the rules of their format."""
    out = os.path.join(directory, "chrome.json")
    subprocess.run([DOPPEL, "trace", path, "--chrome", out], check=True)
    try:
        events = chrome_rules.check(json.loads(pathlib.Path(out).read_text()))
        TAP.ok(events > 600, "trace events for Perfetto, " + label, str(events))
    except chrome_rules.Wrong as wrong:
        TAP.ok(False, "trace events for Perfetto, " + label, str(wrong))


def test_full(qemu, label):
    """The disk is full from the beginning on, or after a while: the guest does not notice."""
    status, text = run(qemu, "--kernel", TRACED, "--cpus", 1, "--trace", "/dev/full")
    TAP.ok(status == 2 and "cannot be written" in text, "a full disk is refused, " + label, text)
    with tempfile.TemporaryDirectory() as directory:
        fifo = os.path.join(directory, "fifo")
        os.mkfifo(fifo)
        # Whoever reads goes after the first bytes.
        reader = threading.Thread(target=lambda: os.close(read_some(fifo)))
        reader.start()
        status, text = run(qemu, "--kernel", BENCH, "--cpus", 1, "--trace", fifo)
        reader.join()
        TAP.ok(status == 0 and "ends early" in text, "a reader that goes away, " + label, text[-600:])


def read_some(path):
    descriptor = os.open(path, os.O_RDONLY)
    os.read(descriptor, 4096)
    return descriptor


def test_stopped(qemu, label):
    """A reader that reads nothing more holds nobody up, and what is lost is counted."""
    with tempfile.TemporaryDirectory() as directory:
        fifo = os.path.join(directory, "fifo")
        os.mkfifo(fifo)
        held = []
        reader = threading.Thread(target=lambda: held.append(read_some(fifo)))
        reader.start()
        start = time.monotonic()
        status, text = run(qemu, "--kernel", BENCH, "--cpus", 1, "--trace", fifo)
        took = time.monotonic() - start
        reader.join()
        os.close(held[0])
        TAP.ok(status == 0 and "has stopped" in text, "a reader that stops, " + label,
               "%.0f s, %s" % (took, text[-600:]))


def test_off(qemu, label):
    """--no-trace switches the rings off, too: other words may follow the one that says so."""
    script = monitors.Script(qemu, [monitors.vm("target")], ["trace target on"], "--no-trace")
    TAP.ok(script.status == 5 and "there is no room for traces" in script.text,
           "--no-trace, " + label, script.tail)


def test_walk(qemu, label):
    """./doppel walk shows what the monitor's walk tells."""
    with tempfile.TemporaryDirectory() as directory:
        control = os.path.join(directory, "ctl")
        process = subprocess.Popen(
            monitors.command(directory, qemu, [monitors.vm("target", vcpus=2)], "--ctl", control),
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        try:
            until = time.monotonic() + PATIENCE
            while not os.path.exists(control) and time.monotonic() < until:
                time.sleep(0.1)
            check_walk(control, directory, label)
        finally:
            process.terminate()
            process.communicate()


MAPPED = "0x1234567008"     # by tests/guest/inspected, when it is up


def check_walk(control, directory, label):
    where, told = ("--socket", control), ""
    until = time.monotonic() + PATIENCE
    while " = hpa " not in told and time.monotonic() < until:
        told = subprocess.run([DOPPEL, "ctl", *where, "walk", "target.0", MAPPED, "all"],
                              stdout=subprocess.PIPE, text=True, check=True).stdout
    done = subprocess.run([DOPPEL, "walk", *where, "target.0", MAPPED, "--json"],
                          stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout)
    TAP.ok(found == walk.parse(told) and found["hpa"] and
           told.count(" entry ") == walk.reads(found) > 0, "a walk, " + label, told)
    picture = os.path.join(directory, "walk.svg")
    subprocess.run([DOPPEL, "walk", *where, "target.0", MAPPED, "--svg", picture], check=True)
    same(xml.dom.minidom.parse(picture).documentElement.tagName, "svg", "its picture, " + label)
    done = subprocess.run([DOPPEL, "walk", *where, "nobody", "sp"], stderr=subprocess.PIPE,
                          text=True, check=False)
    TAP.ok(done.returncode == 1 and "nobody" in done.stderr, "a VM that is not there, " + label,
           done.stderr)


for path_of_qemu, name in monitors.emulators():
    with tempfile.TemporaryDirectory() as temporary:
        test_counts(path_of_qemu, temporary, name)
        test_harts(path_of_qemu, temporary, name)
    test_full(path_of_qemu, name)
    test_stopped(path_of_qemu, name)
    test_off(path_of_qemu, name)
    test_walk(path_of_qemu, name)
TAP.done()
