# SPDX-License-Identifier: BSD-2-Clause
"""Talks to a run over its control socket: a request and an answer, each a line of JSON
(docs/monitor.md)."""

import json
import shlex
import socket
import sys
import time

from . import Refusal, runs

FAILED = 1
CONNECT_TRIES = 20     # every 100 ms
GREETING_SECONDS = 60  # a machine that boots answers when it has booted


class Failure(Exception):
    """The run answered with an error."""


class Channel:
    """The control channel of one run."""

    def __init__(self, path, timeout=None):
        self.path = path
        self.socket = self.connect()
        self.file = self.socket.makefile("rb")
        self.socket.settimeout(GREETING_SECONDS)
        self.greeting = self.receive()
        self.socket.settimeout(timeout)
        self.number = 0

    def connect(self):
        """A run that is just starting has made the socket a moment before it listens."""
        for tries_left in range(CONNECT_TRIES, -1, -1):
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(self.path)
                return connection
            except OSError as error:
                connection.close()
                if not isinstance(error, ConnectionRefusedError) or not tries_left:
                    raise Refusal("%s: nothing answers there (%s): is the run over?" %
                                  (self.path, error.strerror)) from None
            time.sleep(0.1)

    def close(self):
        self.file.close()
        self.socket.close()

    def receive(self):
        try:
            line = self.file.readline()
        except socket.timeout:
            raise Refusal("%s does not answer: somebody else may be connected" %
                          self.path) from None
        except OSError:
            line = b""
        if not line.endswith(b"\n"):
            raise Refusal("%s: the run is over" % self.path)
        return json.loads(line.decode())

    def execute(self, command, **arguments):
        """What the command returns; raises Failure with the reason."""
        self.number += 1
        request = {"execute": command, "id": self.number}
        if arguments:
            request["arguments"] = arguments
        try:
            self.socket.sendall(json.dumps(request).encode() + b"\n")
        except OSError:
            raise Refusal("%s: the run is over" % self.path) from None
        answer = self.receive()
        while answer.get("id") != self.number:
            answer = self.receive()
        if "error" in answer:
            raise Failure(answer["error"]["desc"])
        return answer["return"]


def find_socket(options):
    if options.socket:
        return options.socket
    found = [run for run in runs.running() if options.pid in (None, run[0])]
    if not found:
        raise Refusal("no run of Doppel is found%s: start one with ./doppel run, or give its "
                      "socket with --socket" % (" with that process id" if options.pid else ""))
    if len(found) > 1:
        raise Refusal("%d runs are going on (%s): choose one with --pid" %
                      (len(found), ", ".join("%d: %s" % (pid, what) for pid, _, what in found)))
    return found[0][1]


def list_runs():
    for pid, path, what in runs.running():
        print("%d  %s  %s" % (pid, path, what))
    return 0


def show(answer, as_json):
    """What a command with its own --json returns is no string."""
    if as_json or not isinstance(answer, str):
        print(json.dumps(answer))
    elif answer:
        print(answer)
    sys.stdout.flush()


def ask(channel, words, as_json):
    """One command of the monitor; the status."""
    try:
        if as_json:
            answer = channel.execute(words[0], words=words[1:])
        else:
            answer = channel.execute("human-monitor-command",
                                     **{"command-line": " ".join(map(quote, words))})
    except Failure as failure:
        print("doppel: %s" % failure, file=sys.stderr)
        return FAILED
    show(answer, as_json)
    return 0


def quote(word):
    """As the monitor reads words: quotes around blanks."""
    if '"' in word:
        raise Refusal("%s: the monitor's words cannot have quotes in them" % word)
    return '"%s"' % word if not word or any(c.isspace() for c in word) else word


def ask_lines(channel, as_json):
    """Commands from standard input; ends at the first that fails, unless somebody types them."""
    is_typed = sys.stdin.isatty()
    if is_typed:
        import readline  # noqa: F401  (line editing for input())
    while True:
        try:
            line = input("doppel> " if is_typed else "")
        except EOFError:
            return 0
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise Refusal("%s: %s" % (line, error)) from None
        if not words:
            continue
        status = ask(channel, words, as_json)
        if status and not is_typed:
            return status


def run(options):
    if options.list:
        return list_runs()
    channel = Channel(find_socket(options), options.timeout)
    try:
        if options.command:
            return ask(channel, options.command, options.json)
        return ask_lines(channel, options.json)
    finally:
        channel.close()

