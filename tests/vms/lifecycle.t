#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""VMs that are created, started, paused, reset, killed and destroyed by scripts of monitor commands."""

import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import machines  # noqa: E402

TAP = machines.Tap()
STORM = machines.ROOT / "build" / "guest" / "storm.elf"
CYCLES = 1000
STORMS = 20
COMMANDS = 25  # of one storm
SEED = 20240229

DESCRIPTION = """/dts-v1/;
/ {
	compatible = "doppel,vms";
	images { storm { data = /incbin/("%s"); }; };
	%s
};
"""
NODE = """
	%s {
		compatible = "doppel,vm";
		vcpus = <%d>;
		memory = "16M";
		kernel-image = "storm";
		bootargs = "%s";
		%s
	};
"""


class Scripted:
    """One run with a script; `vms` are (name, vcpus, bootargs, properties)."""

    def __init__(self, qemu, vms, script, *args):
        nodes = "".join(NODE % vm for vm in vms)
        with tempfile.TemporaryDirectory() as directory:
            pathlib.Path(directory, "disk.img").write_bytes(bytes(1 << 20))
            description = pathlib.Path(directory, "vms.dts")
            description.write_text(DESCRIPTION % (STORM, nodes))
            commands = pathlib.Path(directory, "script")
            commands.write_text("\n".join(script) + "\n")
            done = subprocess.run(
                [str(machines.ROOT / "doppel"), "run", str(description), "--script", str(commands),
                 "--qemu", qemu, "--timeout", str(machines.TIMEOUT), *args],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        self.status = done.returncode
        self.text = done.stdout.decode(errors="replace").replace("\r", "")

    def answers(self, command):
        """The JSON answers to a command, in order."""
        # Lines of VMs, "[name] text", may come in between.
        pattern = r"^doppel> %s\n(?:\[\w+\] .*\n)*([{\[].*[}\]])$" % re.escape(command)
        return [json.loads(found) for found in re.findall(pattern, self.text, re.M)]

    @property
    def tail(self):
        return "status %d, the last lines:\n" % self.status + "\n".join(self.text.splitlines()[-15:])


def test_nothing_leaks(qemu, label):
    """What was taken for a VM comes back: the counters are what they were before."""
    # What is still to be shown has a timer of its own.
    script = ["sleep 0.5", "stats --json"]
    for i in range(CYCLES):
        script.append("create worker")
        if i % 20 == 0:
            script += ["start worker", "pause worker", "resume worker", "kill worker"]
        script.append("destroy worker")
    script += ["sleep 0.5", "stats --json", "quit"]
    run = Scripted(qemu, [("worker", 4, "", "")], script)
    answers = run.answers("stats --json")
    TAP.ok(run.status == 0 and len(answers) == 2, "%d VMs come and go, %s" % (CYCLES, label), run.tail)
    TAP.ok(len(answers) == 2 and answers[0] == answers[1] and "memory.pages-used" in str(answers[0]),
           "pages, RAM, timers and identifiers are given back, " + label, "\n".join(map(str, answers)))


DEVICES = """
    read-only { compatible = "doppel,disk"; image = "disk.img"; read-only; };
    overlay { compatible = "doppel,disk"; image = "disk.img"; overlay; };
    net { compatible = "doppel,net"; switch = "lan"; };
    hvc { compatible = "doppel,console"; ports = "a", "b", "c", "d", "e", "f", "g", "h"; };
    rng { compatible = "doppel,rng"; };
    balloon { compatible = "doppel,balloon"; };
"""


def test_devices_are_given_back(qemu, label):
    """What a VM's devices hold is told, is all they hold, and comes back: ports of the machine, too."""
    names = ["copy-%d" % n for n in range(10)]     # 80 ports
    script = ["create worker first", "stats --json"]    # the switch stays
    for name in names:
        script += ["create worker " + name, "destroy " + name]
    script += ["stats --json", "create worker last", "stats last --json", "stats --json", "quit"]
    run = Scripted(qemu, [("worker", 2, "", DEVICES)], script, "--host-memory", "256M")
    own, last = run.answers("stats --json"), run.answers("stats last --json")
    TAP.ok(run.status == 0 and len(own) == 3 and len(last) == 1,
           "%d VMs with devices come and go, %s" % (len(names), label), run.tail)
    held = [(stats["memory.pages-used"] * 4096, stats["memory.guest-ram-free"]) for stats in own]
    TAP.ok(held[:1] == held[1:2], "devices are given back, " + label, own)
    TAP.ok(last and held[2][0] - held[1][0] == last[0]["memory.hypervisor-bytes"],
           "what they take is counted, " + label, (held, last))


def test_ram_is_cleared(qemu, label):
    """Nobody finds in his RAM what another VM left there."""
    vms = [("first", 1, "mark", ""), ("second", 1, "look", "")]
    script = ["create first", "start first", "wait first off 100", "destroy first",
              "create second", "start second", "wait second off 100", "quit"]
    run = Scripted(qemu, vms, script)
    TAP.ok(run.status == 0 and "] marked\n" in run.text and "] words that are not 0: 0\n" in run.text,
           "RAM of another VM is cleared, " + label, run.tail)


class Model:
    """What state a VM is in after the commands until now."""

    NEXT = {
        "running": {"pause": "paused", "reset": "running", "kill": "killed"},
        "paused": {"resume": "running", "reset": "running", "kill": "killed"},
        "killed": {"start": "running"},
    }

    def __init__(self, name):
        self.name, self.state = name, "running"

    def step(self, choose):
        command = choose.choice(sorted(self.NEXT[self.state]))
        self.state = self.NEXT[self.state][command]
        return "%s %s" % (command, self.name)


def storm(number):
    """One storm: random commands, then all victims run and are well."""
    choose = random.Random(SEED + number)
    victims = [Model("one"), Model("two"), Model("three")]
    script = ["echo storm %d" % number]
    for _ in range(COMMANDS):
        script.append(choose.choice(victims).step(choose))
        if choose.random() < 0.3:
            script.append("sleep 0.0%d" % choose.randrange(1, 10))
    script.append("vms --json")
    expected = {victim.name: victim.state for victim in victims}
    for victim in victims:
        script += {"paused": ["resume " + victim.name], "killed": ["start " + victim.name]}.get(victim.state, [])
    for victim in victims:
        script.append('wait %s output "storm alive" 100' % victim.name)
    script.append('wait keeper output "storm alive" 100')
    return script, expected


def test_storms(qemu, label):
    vms = [("keeper", 2, "", "autostart;"), ("one", 2, "", "autostart;"),
           ("two", 1, "", "autostart;"), ("three", 4, "", "autostart;")]
    script, expected = [], []
    for number in range(STORMS):
        commands, states = storm(number)
        script += commands
        expected.append(states)
    run = Scripted(qemu, vms, script + ["quit"], "--host-cpus", "2")
    seen = [{vm["name"]: vm["state"] for vm in answer if vm["name"] != "keeper"}
            for answer in run.answers("vms --json")]
    TAP.ok(run.status == 0 and "BAD" not in run.text,
           "%d storms of pause, reset, kill and start: all are well in the end, %s" % (STORMS, label), run.tail)
    TAP.ok(seen == expected, "and each is in its state after every storm, " + label,
           "\n".join("%s, expected %s" % pair for pair in zip(seen, expected) if pair[0] != pair[1]))


for path, name in machines.emulators():
    test_nothing_leaks(path, name)
    test_devices_are_given_back(path, name)
    test_ram_is_cleared(path, name)
    test_storms(path, name)
TAP.done()
