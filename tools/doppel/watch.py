# SPDX-License-Identifier: BSD-2-Clause
"""Images of disks that somebody cuts short while QEMU has them. It would read zeroes behind the new
end, and make the file long again by writing there. Told of the end, it reports errors."""

import json
import os
import socket
import time

PERIOD = 0.25       # seconds from one look to the next
CHUNK = 4096
SECTOR = 512


class Watch:
    """Looks at the images of a run. QEMU inherits one end of a socket, for its monitor (QMP)."""

    def __init__(self, images):
        self.files = {found: open(found.path, "rb", buffering=0) for found in images}
        self.ends = {found: length_of(file) for found, file in self.files.items()}
        self.looked = 0
        self.ours, self.qemus = socket.socketpair()
        self.is_connected = True
        self.heard = b""
        self._execute("qmp_capabilities")

    def close(self):
        for each in (*self.files.values(), self.ours, self.qemus):
            each.close()

    def fileno(self):
        return self.ours.fileno()

    def options(self):
        return ["-chardev", "socket,id=watch,fd=%d" % self.inherited(),
                "-mon", "chardev=watch,mode=control"]

    def inherited(self):
        return self.qemus.fileno()

    def look(self):
        """At the images, if it is time. Returns sentences for the user, as hear() does."""
        if time.monotonic() < self.looked + PERIOD:
            return []
        self.looked = time.monotonic()
        lengths = ((found, length_of(file)) for found, file in self.files.items())
        return [self._cut(found, length) for found, length in lengths if length < self.ends[found]]

    def _cut(self, found, length):
        was, self.ends[found] = self.ends[found], length
        self._execute("blockdev-reopen", options=[{
            "driver": "raw", "node-name": found.node(), "file": found.file_node(),
            "read-only": not found.is_written(), "discard": "unmap",
            "size": length // SECTOR * SECTOR}])
        return ("%s is in use, and was cut from %d to %d bytes: the VMs have I/O errors behind its "
                "end" % (found.path, was, length))

    def _execute(self, command, **arguments):
        try:
            line = json.dumps({"execute": command, "arguments": arguments}) + "\n"
            self.ours.sendall(line.encode())
        except OSError:             # QEMU is ending
            pass

    def hear(self):
        """Answers of QEMU; of interest are refusals."""
        try:
            data = self.ours.recv(CHUNK)
        except OSError:
            data = b""
        self.is_connected = bool(data)
        *lines, self.heard = (self.heard + data).split(b"\n")
        answers = [json.loads(line) for line in lines]
        return ["QEMU refuses to see the new end of an image: %s" % answer["error"]["desc"]
                for answer in answers if "error" in answer]


def length_of(file):
    return os.fstat(file.fileno()).st_size
