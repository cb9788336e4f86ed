#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The monitor as a person uses it: one long session at a terminal, with Linux and a bare guest."""

import os
import pathlib
import re
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

try:
    import pexpect
except ImportError:  # Debian's package is for Debian's Python
    if os.path.realpath(sys.executable) == os.path.realpath("/usr/bin/python3"):
        raise
    os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])

import monitors  # noqa: E402
from monitors import vm  # noqa: E402

TAP = monitors.Tap()

LINUX = vm("linux", vcpus=2, memory="256M", kernel=monitors.linux.KERNEL,
           bootargs="console=ttyS0 quiet",
           more='initrd = /incbin/("%s");' % monitors.linux.INITRD)
TALKER = vm("talker", more='noise { compatible = "doppel,rng"; };', bootargs="loop")
TARGET = vm("target", autostart=False)

PATIENCE = 300  # seconds; only a hang takes so long
LONG_US = 300000  # of the machine's time

CTRL_A, CTRL_C, CTRL_D, CTRL_K, ESCAPE, CTRL_U = "\1", "\3", "\4", "\x0b", "\x1d", "\x15"
UP, DOWN, LEFT, DELETE = "\33[A", "\33[B", "\33[D", "\33[3~"

# Every error names the remedy.
ERRORS = (
    ("bogus", 'there is no command "bogus"; help lists them'),
    ("info", "usage: info VM"),
    ("info nobody", 'no VM is called "nobody"; vms lists them'),
    ("start target", "target is described, but not created; create target makes it"),
    ("create nothing", '"nothing" is not described'),
    ("create target UP", '"UP" is no name'),
    ("create target linux", "linux exists; give another name"),
    ("start linux", "linux: it is running already"),
    ("resume linux", "linux: it is not paused"),
    ("destroy linux", "linux: it is running or paused; kill it first"),
    ("stop talker", "talker: its guest does not listen to the power button; kill ends it"),
    ("regs linux.7", "linux has no vCPU 7; the last is linux.1"),
    ("regs linux.x", "a vCPU is given by its number, as in linux.0"),
    ("mem linux nowhere", '"nowhere" is no address; give a number'),
    ("mem linux 0x10000000", "0x10000000 is not in the guest's RAM, which is 0x80000000 to 0x8fffffff"),
    ("mem linux 0x80000000 5K", '"5K" is no length; give 1 to 4096 bytes'),
    ("weight linux 0", '"0" is no weight; give 1 to 10000'),
    ("cap linux much", '"much" is no cap; give 1 to 3200 percent of one hart, or off'),
    ("pin linux 0,77", '"77" is no hart; harts lists them'),
    ("trace linux upside", "usage: trace VM on|off|show"),
    ("log loud", '"loud" is no level; there are error, warn, info and debug'),
    ("wait linux ready", '"ready" is nothing to wait for'),
    ("sleep long", '"long" is no number of seconds'),
    ('send linux "no end', "a quote has no end"),
)


class Session:
    """A person at the terminal. What is expected and does not come ends the test."""

    def __init__(self, qemu, directory, *machines, args=()):
        command = monitors.command(directory, qemu, machines, *args)
        self.child = pexpect.spawn(command[0], command[1:], timeout=PATIENCE,
                                   encoding="utf-8", codec_errors="replace", dimensions=(24, 80))
        self.seen = ""

    def type(self, keys):
        self.child.send(keys)

    def expect(self, text):
        """Reads as far as the text; returns what came before it."""
        self.child.expect_exact(text)
        self.seen += self.child.before + self.child.after
        return self.child.before

    def command(self, line):
        """Types a command at the prompt; returns what is printed until the next prompt."""
        self.type(line + "\r")
        self.expect("\r\n")  # the end of the command's own line
        answer = self.expect(monitors.PROMPT)
        self.expect("\33[K")
        return answer.replace("\r", "")

    def open_monitor(self):
        self.type(ESCAPE + "m")
        self.expect(monitors.PROMPT)
        self.expect("\33[K")

    def stolen(self, name):
        """From a VM's first vCPU, in us."""
        self.type("info %s --json\r" % name)
        self.child.expect(r'"stolen_us":(\d+),')
        return int(self.child.match.group(1))

    def uptime(self):
        """Of the Linux guest, at its shell."""
        self.type("\recho up=$(cut -d' ' -f1 /proc/uptime)s\r")
        self.child.expect(r"up=([0-9.]+)s")
        return float(self.child.match.group(1))


def test_lines(session, label):
    """Editing, completion, history."""
    session.type("he\t")
    session.expect("help ")
    session.type("\r")
    TAP.ok("quit      ends all VMs" in session.expect(monitors.PROMPT), "help, completed by Tab, " + label)
    session.type("info \t\t")
    session.expect("\r\n")
    TAP.ok(session.expect("\r\n").split() == ["linux", "talker"], "two Tabs list the VMs, " + label)
    TAP.ok("talker: running" in session.command("ta\t"), "Tab completes a VM's name, " + label)
    TAP.ok("exit.guest-store-page-fault" in session.command(UP + CTRL_A + DELETE * 4 + "stats"),
           "a line from the history, changed, " + label)
    TAP.ok(session.command("devices talker n\t").startswith("noise: rng at 0x10001000"),
           "Tab completes a device's name, " + label)
    answer = session.command("echo two" + LEFT * 3 + "one " + CTRL_K)
    TAP.ok(answer == "one\n", "text in the middle of a line, " + label, answer)
    session.type("pause linux" + CTRL_C)
    session.expect("^C")
    session.expect("\33[K")
    TAP.ok("linux: running" in session.command("bogus" + CTRL_U + "info linux"),
           "Ctrl-C and Ctrl-U forget a line, " + label)


def test_errors(session, label):
    for line, want in ERRORS:
        answer = session.command(line)
        TAP.ok(want in answer and answer.count("\n") == 1, "%s: the remedy, %s" % (line, label), answer)


def test_pause(session, label):
    """A VM that is paused: its clock stands, and others go on."""
    session.type("console linux\r")
    start = time.monotonic()
    before = session.uptime()
    session.open_monitor()
    TAP.ok("linux: paused" in session.command("pause linux"), "pause, " + label)
    TAP.ok(re.search("linux +paused", session.command("vms")), "vms shows it, " + label)
    lines = [session.command("wait talker output line 60") for _ in range(3)]
    session.command("sleep 4")
    TAP.ok(lines == [""] * 3, "another VM goes on, " + label, lines)
    TAP.ok("linux: running" in session.command("resume linux"), "resume, " + label)
    session.type("console linux\r")
    after, elapsed = session.uptime(), time.monotonic() - start
    TAP.ok(0 < after - before < elapsed - 3.5, "the uptime did not move meanwhile, " + label,
           "uptime %.2f to %.2f in %.2f s" % (before, after, elapsed))
    session.open_monitor()


def test_top(session, label):
    session.type("top\r")
    first = session.expect("Any key ends this.")
    second = session.expect("Any key ends this.")
    session.type(" ")
    session.expect(monitors.PROMPT)
    session.expect("\33[K")
    TAP.ok("harts" in first and "talker" in first and "talker" in second and "linux" in second,
           "top refreshes, and a key ends it, " + label, second)
    session.type("sleep 1\rinfo linux\r")  # typed ahead
    session.expect(monitors.PROMPT)
    TAP.ok("linux: running" in session.expect(monitors.PROMPT), "a line typed ahead is run, " + label)
    session.expect("\33[K")
    session.type("sleep 100\r")
    session.expect("\r\n")
    session.type(CTRL_C)
    TAP.ok("stopped by Ctrl-C" in session.expect(monitors.PROMPT), "Ctrl-C ends a wait, " + label)
    session.expect("\33[K")


def test_looks(session, label):
    """Inside of guests that run."""
    answer = session.command("mem talker 0x80800000 16")
    TAP.ok(answer == "0000000080800000  54 68 69 73 20 74 65 78  74 20 69 73 20 77 68 61  |This text is wha|\n",
           "mem, " + label, answer)
    answer = session.command("walk talker 0x1234567008")
    TAP.ok("gva 0x1234567008 = gpa 0x80800008 = hpa 0x" in answer, "walk, " + label, answer)
    answers = [session.command("walk linux sp") for _ in range(20)]
    TAP.ok(sum("= hpa 0x" in a and "level 4" in a for a in answers) >= 10,
           "walk through the tables of Linux while it runs, " + label, answers[-1])
    answers = [session.command("regs linux.%d" % (n % 2)) for n in range(10)]
    TAP.ok(all(re.search("^satp .* Sv(39|48|57)$", a, re.M) for a in answers), "regs of Linux, " + label,
           answers[-1])
    session.command("send linux echo from the monitor")
    TAP.ok(session.command('wait linux output "\\nfrom the monitor" 60') == "",
           "send types at the guest's shell, " + label)


def test_life(session, label):
    """created, running, killed, started again, gone; and Linux powers off when asked to."""
    answers = [session.command(line) for line in (
        "create target", "start target", "wait target output ready 60", "kill target", "start target",
        "wait target output ready 60", "pause target", "kill target", "destroy target")]
    TAP.ok([a.splitlines()[-1:] for a in answers] == [
        ["target: created"], ["target: running"], [], ["target: killed"], ["target: running"], [],
        ["target: paused"], ["target: killed"], ["target: destroyed"]], "a VM's life, " + label, answers)
    TAP.ok(re.search("- +target +described", session.command("vms")), "it can be made again, " + label)
    TAP.ok("linux: the power button was pressed" in session.command("stop linux"), "stop, " + label)
    answer = session.command("wait linux off 60")
    TAP.ok("powered off" in answer and "is not off" not in answer, "Linux powers off, " + label, answer)


def test_leaving(session, label):
    session.type(CTRL_D)
    session.expect("console of talker")
    session.expect("line ")
    TAP.ok(True, "Ctrl-D goes to a VM that runs, " + label)
    session.open_monitor()
    TAP.ok("talker: killed" in session.command("kill talker"), "the last VM is killed, " + label)
    TAP.ok(re.search("talker +killed", session.command("vms")), "the monitor stays, " + label)
    session.type(CTRL_D)
    session.child.expect(pexpect.EOF)
    session.child.close()
    TAP.ok(session.child.exitstatus == 0, "Ctrl-D ends the machine, " + label, session.child.exitstatus)


def test_session(qemu, label):
    with tempfile.TemporaryDirectory() as directory:
        session = Session(qemu, directory, LINUX, TALKER, TARGET)
        try:
            session.expect("A root shell")
            session.type(ESCAPE + "m")
            session.expect("help lists the commands")
            session.expect(monitors.PROMPT)
            session.expect("\33[K")
            for part in (test_lines, test_errors, test_pause, test_top, test_looks, test_life, test_leaving):
                part(session, label)
        except pexpect.ExceptionPexpect as problem:
            TAP.ok(False, "the session goes on, " + label,
                   str(problem).splitlines()[0] + "\n" + session.seen[-1500:] + session.child.before)
        finally:
            session.child.close(force=True)


def test_nobody_left(qemu, label):
    """Who turns from the monitor to a VM, with none alive, has the machine end: now or later."""
    for what, lines, keys in (
            ("Ctrl-] to a dead VM", ["kill talker"], ESCAPE + "1"),
            ("a kill that was typed ahead", ["pause talker"], "sleep 1\rkill talker\r" + ESCAPE + "1")):
        with tempfile.TemporaryDirectory() as directory:
            session = Session(qemu, directory, TALKER)
            try:
                session.expect("line ")
                session.open_monitor()
                for line in lines:
                    session.command(line)
                session.type(keys)
                session.child.expect(pexpect.EOF)
            except pexpect.ExceptionPexpect:
                session.seen += session.child.before
            session.child.close(force=True)
        TAP.ok(session.child.exitstatus == 0, "%s ends the machine, %s" % (what, label), session.seen[-1500:])


def test_completion_of_many(qemu, label):
    """While the monitor looks for names, its hart does nothing else. Time is that of --icount."""
    spares = [vm("spare-%d" % n, autostart=False) for n in range(256)]
    with tempfile.TemporaryDirectory() as directory:
        session = Session(qemu, directory, TALKER, *spares, args=["--icount"])
        took = -1
        try:
            session.expect("line ")
            session.open_monitor()
            before = session.stolen("talker")
            session.type("create \t\t")
            session.expect("spare-255")
            session.type(CTRL_U)
            took = session.stolen("talker") - before
        except pexpect.ExceptionPexpect:
            session.seen += session.child.before
        TAP.ok(0 <= took < LONG_US, "256 names are completed soon, " + label,
               "in %d us\n%s" % (took, session.seen[-1500:]))
        session.child.close(force=True)


for path, name in monitors.emulators():
    test_session(path, name)
    test_nobody_left(path, name)
    test_completion_of_many(path, name)
TAP.done()
