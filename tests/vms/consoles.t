#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""One terminal, several VMs: pasting, switching, and the output of all without loss."""

import os
import pathlib
import pty
import re
import select
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import machines  # noqa: E402

TAP = machines.Tap()
LINES = 5000
PAUSE = 3                   # seconds
ESCAPE = "\x1d"
CTRL_D = b"\x04"
PASTE = b"".join(b"%04d a line of a large paste, numbered so that one sees what is missing\n" % i
                 for i in range(170))


def checksum(data):
    """FNV-1a, 64 bits, as the guest computes it."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % (1 << 64)
    return "%d bytes, checksum %016x" % (len(data), value)


class Session:
    """A run of the launcher with VMs as machines.Run has them; `terminal`: on one, or with pipes."""

    def __init__(self, qemu, vms, *args, terminal=False):
        self.seen = ""
        self.directory = tempfile.TemporaryDirectory()
        path = pathlib.Path(self.directory.name, "vms.dts")
        path.write_text(machines.description(vms))
        command = [str(machines.ROOT / "doppel"), "run", str(path), "--qemu", qemu,
                   "--timeout", str(machines.TIMEOUT), *args]
        if terminal:
            self.there, slave = pty.openpty()
            self.back = self.there
            self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave)
            os.close(slave)
        else:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=subprocess.STDOUT)
            self.there, self.back = self.process.stdin.fileno(), self.process.stdout.fileno()
        os.set_blocking(self.there, False)

    def _move(self, data):
        """Types what is taken of the data, and reads; returns what is left, or None at the end."""
        readable, writable, _ = select.select([self.back], [self.there] if data else [], [], 0.1)
        if readable:
            try:
                chunk = os.read(self.back, 4096)
            except OSError:         # how a terminal ends
                chunk = b""
            if not chunk:
                return None
            self.seen += chunk.decode(errors="replace").replace("\r", "")
        return data[os.write(self.there, data[:1024]):] if writable else data

    def type(self, text):
        data = text if isinstance(text, bytes) else text.encode()
        while data:
            data = self._move(data)

    def sees(self, text):
        """Waits for the text; true, and it and what was before it is forgotten, if it comes."""
        end = time.monotonic() + machines.TIMEOUT
        while text not in self.seen:
            if time.monotonic() > end or self._move(b"") is None:
                return False
        self.seen = self.seen[self.seen.index(text) + len(text):]
        return True

    def ends(self):
        """Reads the rest; the exit status."""
        while self._move(b"") is not None:
            pass
        status = self.process.wait()
        os.close(self.there)
        if self.process.stdout:
            os.close(self.back)
            self.process.stdin = self.process.stdout = None
        self.directory.cleanup()
        return status


def test_paste(qemu, label, terminal):
    """A guest that takes less than the user pastes: every byte reaches it, and comes back."""
    session = Session(qemu, [("vm", "echo", "32M", "")], terminal=terminal)
    ready = session.sees("type\n")
    session.type(PASTE + CTRL_D)
    status = session.ends()
    text = session.seen
    name = "%s of 10 KiB, %s" % ("a terminal: paste" if terminal else "a pipe: input", label)
    TAP.ok(ready and status == 0 and checksum(PASTE) in text, name + ": all arrives", text[-300:])
    TAP.ok(text.startswith(PASTE.decode()), name + ": all comes back", text[-300:])


def test_all(qemu, label):
    """Two VMs that print as fast as they can, and a user who looks late."""
    run = machines.Run(qemu, [("one", "print", "32M", ""), ("two", "dbcn", "32M", "")],
                       "--consoles", "all", pause=PAUSE)
    want = {"one": ["%04d %016x abcdefghijklmnopqrst" % (i, i * 0x9E3779B97F4A7C15 % (1 << 64))
                    for i in range(LINES)],
            "two": ["%04d the same line through the debug console" % i for i in range(LINES)]}
    got = {name: machines.lines_of(run.text, name) for name in want}
    TAP.ok(run.status == 0 and got == want,
           "all: every line of two VMs is whole, none lost, " + label,
           "%d and %d lines\n%s" % (len(got["one"]), len(got["two"]), run.tail))
    strange = [line for line in run.text.splitlines()[-LINES:]
               if not re.match(r"\[(one|two)\] \d|doppel: ", line)]
    TAP.ok(not strange, "all: no other line, " + label, strange)


def test_focus(qemu, label):
    """What a VM prints out of focus is there when the user turns to it; the rest is told of."""
    vms = [("one", "echo", "32M", ""), ("two", "print", "32M", "")]
    session = Session(qemu, vms, "--consoles", "focus", terminal=True)
    ok = session.sees("type\n")
    session.type("abc")
    TAP.ok(ok and session.sees("abc"), "focus: the first VM echoes, " + label, session.seen)
    TAP.ok(session.sees("vm two: powered off") or "powered off" in session.seen,
           "the other VM runs meanwhile, " + label, session.seen)
    session.type(ESCAPE + "2")
    ok = session.sees("doppel: console of two") and session.sees(" bytes were dropped]\n")
    before = session.seen
    ok = ok and session.sees("4999 8d49f544a77cfe13 abcdefghijklmnopqrst\n")
    TAP.ok(ok, "Ctrl-] 2: its last output, and how much is lost, " + label, before[-300:])
    session.type(ESCAPE + "one\r")
    TAP.ok(session.sees("doppel: console of one (Ctrl-] m: monitor, Ctrl-] q: leave)\nabc"),
           "Ctrl-] and a name: back, with the line where the user was, " + label, session.seen)
    session.type(ESCAPE + ESCAPE + CTRL_D.decode())
    TAP.ok(session.sees(checksum(b"abc\x1d")), "Ctrl-] twice reaches the guest, " + label,
           session.seen)
    TAP.ok(session.ends() == 0, "the run ends, " + label, session.seen)


def test_escapes(qemu, label):
    """Both modes, what does not exist, and the way out."""
    vms = [("one", "echo", "32M", ""), ("two", "echo", "32M", "")]
    session = Session(qemu, vms, "--consoles", "focus", terminal=True)
    ok = session.sees("type\n")
    session.type(ESCAPE + "nobody\r")
    TAP.ok(ok and session.sees("doppel: there is no VM nobody; "), "no such VM, " + label,
           session.seen)
    session.type(ESCAPE + "a")
    TAP.ok(session.sees("[two] type\n"), "Ctrl-] a: output of all, " + label, session.seen)
    session.type("x")
    TAP.ok(session.sees("[one] x"), "an unfinished line is shown, " + label, session.seen)
    session.type(ESCAPE + "2" + "y")
    TAP.ok(session.sees("[two] y"), "the other one gets what is typed now, " + label, session.seen)
    session.type(ESCAPE + "q")
    TAP.ok(session.ends() == 0, "Ctrl-] q leaves, " + label, session.seen)


for path, name in machines.emulators():
    test_paste(path, name, False)
    test_paste(path, name, True)
    test_all(path, name)
    test_focus(path, name)
    test_escapes(path, name)
TAP.done()
