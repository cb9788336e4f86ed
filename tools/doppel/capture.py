# SPDX-License-Identifier: BSD-2-Clause
"""The launcher's end of a trace: a thread that writes to the file what the machine tells."""

import json
import os
import socket
import threading

from . import Refusal, tracefile

PORT = "org.doppel.trace.0"
BUFFER = 1 << 20            # of the socket, if the computer allows as much; and of one reading
PATIENCE = 3                # seconds for the last bytes, when QEMU is gone


class Capture:
    """A file that a run is traced into. QEMU inherits one end of a socket."""

    def __init__(self, path, header):
        self.path = path
        self.account = tracefile.Account()
        self.problem = None         # why the file ends early
        self.rest = b""             # of a block that has not arrived as a whole
        try:
            self.file = open(path, "wb", buffering=0)
            self._write(tracefile.MAGIC + json.dumps(header).encode() + b"\n")
        except OSError as error:
            raise Refusal("--trace %s cannot be written (%s): choose another path"
                          % (path, error.strerror))
        self.ours, self.qemus = socket.socketpair()
        self.qemus.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        self.thread = threading.Thread(target=self._run, daemon=True)

    def options(self):
        return ["-chardev", "socket,id=trace,fd=%d" % self.qemus.fileno(),
                "-device", "virtserialport,bus=streams.0,chardev=trace,name=" + PORT]

    def inherited(self):
        return self.qemus.fileno()

    def start(self):
        """QEMU runs: its end is its own, so that ours sees when it is gone."""
        self.qemus.close()
        self.thread.start()

    def finish(self):
        """After QEMU's end. Returns a sentence: what is in the file."""
        if self.thread.is_alive():
            self.thread.join(PATIENCE)
        self.qemus.close()
        if self.thread.is_alive():
            self.problem = self.problem or "whoever reads it has stopped"
        self.ours.close()
        self.file.close()
        if self.problem:
            return "the trace %s ends early, after %d exits: %s" % (
                self.path, self.account.exits, self.problem)
        return "%d exits are in %s, %s" % (self.account.exits, self.path,
                                           tracefile.describe(self.account))

    def _run(self):
        try:
            while self._take(self.ours.recv(BUFFER)):
                pass
        except tracefile.Broken as broken:
            self.problem = "what the machine told then %s" % broken
        except OSError as error:
            self.problem = error.strerror or str(error)
        # The hypervisor sees that nobody listens, and waits for nobody.
        self.ours.close()

    def _take(self, data):
        """Writes whole blocks only: what is in the file is always a trace. False: the end."""
        if not data:
            return False
        data, at = self.rest + data, 0
        while len(data) - at >= tracefile.BLOCK.size:
            size, first, lost, hart = tracefile.check_block(
                data[at:at + tracefile.BLOCK.size])
            if len(data) - at < size:
                break
            self._write(data[at:at + size])
            self.account.add(first, lost, hart, data[at + tracefile.BLOCK.size:at + size])
            at += size
        self.rest = data[at:]
        return True

    def _write(self, data):
        data = memoryview(data)
        while data:
            data = data[os.write(self.file.fileno(), data):]
