# SPDX-License-Identifier: BSD-2-Clause
"""Runs QEMU with its serial port connected to this terminal, until either ends."""

import atexit
import ctypes
import os
import select
import signal
import subprocess
import termios
import time
import tty

from .watch import PERIOD

ESCAPE = 0x1D               # Ctrl-]
LEAVE = ord("q")
CHUNK = 4096
TAIL = 4096                 # how much of QEMU's own messages is kept
PR_SET_PDEATHSIG = 1

LEFT, TIMED_OUT = "left", "timed out"


class Stopped(Exception):
    """A signal asks the launcher to end; the value is its number."""


class OutputLost(Exception):
    """Nobody reads what the guest prints: a closed pipe, or a terminal that hung up."""


class Keyboard:
    """Ctrl-] q leaves; all else passes unchanged, other escapes are the hypervisor's to read."""

    def __init__(self, escapes):
        self.escapes = escapes
        self.escaped = False

    def feed(self, data):
        """Returns (bytes for the guest, whether the user leaves)."""
        if not self.escapes:
            return data, False
        out = bytearray()
        for byte in data:
            if self.escaped:
                if byte == LEAVE:
                    return bytes(out), True
                out += bytes((ESCAPE, byte))
                self.escaped = False
            elif byte == ESCAPE:
                self.escaped = True
            else:
                out.append(byte)
        return bytes(out), False


class RawTerminal:
    """Standard input in raw mode while in the `with` block, if it is a terminal of ours."""

    def __init__(self):
        self.saved = None

    def __enter__(self):
        if os.isatty(0):
            self.saved = termios.tcgetattr(0)
            # Again at exit, should a signal cut __exit__ short.
            atexit.register(self._restore)
            tty.setraw(0, termios.TCSANOW)
        return self

    def __exit__(self, *_):
        self._restore()
        atexit.unregister(self._restore)

    def _restore(self):
        if not self.saved:
            return
        try:
            # What was typed for the guest must not become commands of the host's shell.
            termios.tcflush(0, termios.TCIFLUSH)
            termios.tcsetattr(0, termios.TCSANOW, self.saved)
        except termios.error:
            pass                    # a terminal that hung up has no settings left


class Signals:
    """SIGINT, SIGTERM and SIGHUP raise Stopped while in the `with` block."""

    HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __enter__(self):
        self.previous = {number: signal.signal(number, self._stop) for number in self.HANDLED}
        return self

    def __exit__(self, *_):
        for number, handler in self.previous.items():
            signal.signal(number, handler)

    @staticmethod
    def _stop(number, _):
        # The first one decides: a second must not cut the clean-up short.
        for other in Signals.HANDLED:
            signal.signal(other, signal.SIG_IGN)
        raise Stopped(number)


def _die_with_parent(parent):
    """In the child: the kernel kills QEMU should the launcher be killed."""
    libc = ctypes.CDLL(None)

    def prepare():
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


class Session:
    """One run of QEMU. After run(), `status` is QEMU's exit code and `said` its messages. `watch`
    looks at the images meanwhile, if there are some; `capture` writes a trace, if one is wanted."""

    def __init__(self, command, environment, timeout=None, watch=None, capture=None):
        self.command = command
        self.watch = watch
        self.capture = capture
        self.environment = environment
        self.deadline = time.monotonic() + timeout if timeout else None
        self.said = b""
        self.status = None
        self.to_guest = b""
        self.keyboard = Keyboard(escapes=os.isatty(0))
        self.reading = True

    def start(self):
        """Starts QEMU; OSError when that is impossible."""
        self.child = subprocess.Popen(
            self.command, env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, bufsize=0, start_new_session=True,
            pass_fds=[end.inherited() for end in (self.watch, self.capture) if end],
            preexec_fn=_die_with_parent(os.getpid()))
        if self.capture:
            self.capture.start()

    def run(self):
        """Returns LEFT, TIMED_OUT, or None when QEMU ended by itself. QEMU is gone afterwards."""
        try:
            with RawTerminal() as terminal:
                self.raw = terminal.saved is not None
                os.set_blocking(self.child.stdin.fileno(), False)
                outcome = self._relay()
            if outcome is None:
                self.status = self.child.wait()
            return outcome
        finally:
            if self.child.poll() is None:
                self.child.kill()
            self.child.wait()
            for pipe in (self.child.stdin, self.child.stdout, self.child.stderr):
                pipe.close()

    def _relay(self):
        """Moves bytes until QEMU has closed both of its outputs."""
        serial, messages = self.child.stdout.fileno(), self.child.stderr.fileno()
        guest_in = self.child.stdin.fileno()
        outputs = {serial, messages}
        while outputs:
            if self.deadline and time.monotonic() >= self.deadline:
                return TIMED_OUT
            # Typed bytes are taken only when the last ones are gone: nothing is dropped.
            sources = outputs | ({0} if self.reading and not self.to_guest else set())
            if self.watch and self.watch.is_connected:
                sources.add(self.watch)
            readable, writable, _ = select.select(
                sources, [guest_in] if self.to_guest else [], [], self._time_left())
            if self.watch:
                self._look(self.watch in readable)
            if serial in readable:
                self._copy_serial(serial, outputs)
            if messages in readable:
                self._copy_messages(messages, outputs)
            if 0 in readable and self._read_keyboard():
                return LEFT
            if writable:
                self._write_guest(guest_in)
        return None

    def _time_left(self):
        """Until the loop has something to do by itself."""
        times = [max(0, self.deadline - time.monotonic())] if self.deadline else []
        return min(times + ([PERIOD] if self.watch else []), default=None)

    def _look(self, has_answers):
        for sentence in (self.watch.hear() if has_answers else []) + self.watch.look():
            line = "doppel: %s.%s" % (sentence, "\r\n" if self.raw else "\n")
            write_all(2, line.encode(errors="surrogateescape"))

    def _copy_serial(self, serial, outputs):
        data = os.read(serial, CHUNK)
        if data:
            write_all(1, data)
        else:
            outputs.discard(serial)

    def _copy_messages(self, messages, outputs):
        data = os.read(messages, CHUNK)
        if not data:
            outputs.discard(messages)
        self.said = (self.said + data)[-TAIL:]
        write_all(2, data.replace(b"\n", b"\r\n") if self.raw else data)

    def _read_keyboard(self):
        try:
            data = os.read(0, CHUNK)
        except BlockingIOError:     # another reader was faster
            return False
        except OSError:             # the terminal is gone
            data = b""
        if not data:
            self.reading = False
            return False
        self.to_guest, leaves = self.keyboard.feed(data)
        return leaves

    def _write_guest(self, guest_in):
        try:
            self.to_guest = self.to_guest[os.write(guest_in, self.to_guest):]
        except BlockingIOError:
            pass
        except BrokenPipeError:     # QEMU is ending: its outputs will tell
            self.to_guest, self.reading = b"", False


def write_all(fd, data):
    """Writes everything, also to a descriptor that someone else made non-blocking."""
    while data:
        try:
            data = data[os.write(fd, data):]
        except BlockingIOError:
            select.select([], [fd], [])
        except OSError:
            raise OutputLost()
