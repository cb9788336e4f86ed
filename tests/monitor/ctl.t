#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The control channel: ./doppel ctl, and the protocol as programs speak it; what is no request."""

import contextlib
import json
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import monitors  # noqa: E402
from monitors import vm  # noqa: E402

TAP = monitors.Tap()
MACHINES = [vm("target", vcpus=2), vm("spare", bootargs="wait", autostart=False)]
PATIENCE = 120  # seconds; only a hang takes so long


def same(got, expected, name):
    TAP.ok(got == expected, name, "got %r, expected %r" % (got, expected))


@contextlib.contextmanager
def running(qemu):
    """A run; gives the path of its control socket when it is there, and the process."""
    with tempfile.TemporaryDirectory() as directory:
        path = str(pathlib.Path(directory, "ctl"))
        process = subprocess.Popen(
            monitors.command(directory, qemu, MACHINES, "--ctl", path), stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        try:
            until = time.monotonic() + PATIENCE
            while not pathlib.Path(path).exists() and time.monotonic() < until:
                time.sleep(0.1)
            yield path, process
        finally:
            process.terminate()
            process.communicate()


def ctl(path, *words, typed=None):
    """./doppel ctl: its status, what it printed, what it complained."""
    done = subprocess.run([str(monitors.ROOT / "doppel"), "ctl", "--socket", path, *words],
                          input=typed, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=PATIENCE, check=False)
    return done.returncode, done.stdout, done.stderr


class Client:
    """A program's own connection."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")

    def receive(self):
        return json.loads(self.file.readline().decode())

    def ask(self, line):
        """What comes back for a line, which need not be a request."""
        self.socket.sendall(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n")
        return self.receive()

    def close(self):
        self.file.close()
        self.socket.close()


def test_command(path, label):
    status, _, why = ctl(path, "wait", "target", "output", "ready", "60")
    TAP.ok(status == 0, "ctl waits for a VM's output, " + label, why)
    status, said, _ = ctl(path, "vms")
    TAP.ok(status == 0 and re.search(r"^ +1 +target +running", said, re.M), "ctl vms, " + label, said)
    status, said, _ = ctl(path, "--json", "info", "target")
    same((status, json.loads(said)["state"]), (0, "running"), "ctl --json info, " + label)
    same(json.loads(ctl(path, "info", "target", "--json")[1])["state"], "running",
         "ctl info --json, " + label)
    same(ctl(path, "devices", "--json")[1], "[]\n", "ctl devices --json, " + label)
    same(ctl(path, "pause", "target")[0], 0, "ctl pause, " + label)
    same(json.loads(ctl(path, "--json", "vms")[1])[0]["state"], "paused",
         "the VM is paused, " + label)
    status, said, why = ctl(path, "pause", "target")
    TAP.ok(status == 1 and not said and "paused already" in why, "a refusal is status 1, " + label, why)
    status, said, why = ctl(path, typed="resume target\n# a comment\n\ninfo nobody\nvms\n")
    TAP.ok(status == 1 and "nobody" in why and "NAME" not in said,
           "lines of standard input, up to the first that fails, " + label, said + why)


def test_protocol(path, label):
    client = Client(path)
    greeting = client.receive()
    TAP.ok(greeting.get("doppel", {}).get("harts", 0) > 0, "a greeting, " + label, str(greeting))
    names = [command["name"] for command in client.ask({"execute": "query-commands"})["return"]]
    TAP.ok({"vms", "info", "stats", "devices", "kill"} <= set(names), "query-commands, " + label)
    same(client.ask({"execute": "qmp_capabilities", "id": "x"}), {"return": "", "id": "x"},
         "qmp_capabilities, " + label)
    same(client.ask({"execute": "echo", "arguments": {"words": ["a b", 7]}, "id": [1, {"k": 2}]}),
         {"return": "a b 7", "id": [1, {"k": 2}]}, "words, and an id as it was, " + label)
    answer = client.ask({"execute": "stop", "arguments": {"vm": "target"}})
    state = client.ask({"execute": "info", "arguments": {"words": ["target"]}})["return"]["state"]
    same(("return" in answer, state), (True, "paused"), "QMP's stop, " + label)
    client.ask({"execute": "cont", "arguments": {"vm": "target"}})
    answer = client.ask({"execute": "human-monitor-command",
                         "arguments": {"command-line": "info target"}})
    TAP.ok("target: running" in answer["return"], "QMP's human-monitor-command, " + label, str(answer))

    for line, what in NO_REQUESTS:
        answer = client.ask(line)
        TAP.ok("desc" in answer.get("error", {}), "%s is refused, %s" % (what, label), str(answer))
    # One that waits is given up when who asked goes.
    client.socket.sendall(b'{"execute": "sleep", "arguments": {"words": [1000]}}\n')
    client.close()
    client = Client(path)
    client.receive()
    same(client.ask({"execute": "echo", "arguments": {"words": ["again"]}}),
         {"return": "again"}, "the next client is answered, " + label)
    for i in range(200):
        client.socket.sendall(b'{"execute": "vms", "id": %d}\n' % i)
    same([client.receive()["id"] for _ in range(200)], list(range(200)),
         "200 requests at once are answered in order, " + label)
    client.close()


NO_REQUESTS = [
    (b"\x00\xff\xfe\n", "binary"), (b"{}\n", "an empty object"), (b"[]\n", "an array"),
    (b'{"execute": 7}\n', "a number as a command"), (b'{"execute": "echo\n', "half a string"),
    (b'{"execute": "vms"} x\n', "something behind the object"),
    (b'{"execute": "' + b"x" * 5000 + b'"}\n', "a line of more than 4096 bytes"),
    (b"[" * 4000 + b"\n", "deep nesting"),
    ({"execute": "nothing-like-this"}, "an unknown command"),
    ({"execute": "vms; kill target"}, "more than a name"),
    ({"execute": "info", "arguments": {"words": ["nobody"]}}, "a VM that is not there"),
    ({"execute": "info", "arguments": {"words": ['target" "x']}}, "a quote in a word"),
    ({"execute": "info", "arguments": {"words": ["x" * 300]}}, "a word that is too long"),
    ({"execute": "info", "arguments": {"words": [None]}}, "a word that is null"),
    ({"execute": "info"}, "a missing word"),
    ({"execute": "stop", "arguments": {"vm": 1}}, "a number as a VM"),
    ({"execute": "human-monitor-command"}, "no command line"),
    ({"execute": "top", "arguments": {"words": ["0"]}}, "a refused argument"),
]


def test_end(path, process, label):
    status = ctl(path, "quit")[0]
    same((status, process.wait(PATIENCE)), (0, 0), "ctl quit ends the run, " + label)
    status, _, why = ctl(path, "vms")
    TAP.ok(status == 2 and "run over" in why, "without a run, ctl says so, " + label, why)


for path_of_qemu, name in monitors.emulators():
    with running(path_of_qemu) as (control, run):
        test_command(control, name)
        test_protocol(control, name)
        test_end(control, run, name)
TAP.done()
