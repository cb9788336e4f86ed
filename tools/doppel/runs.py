# SPDX-License-Identifier: BSD-2-Clause
"""Directories of runs, removed at their end: payloads below build/run, sockets where their paths
are short enough. A lock tells the ones of killed runs apart."""

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile

from . import BUILD, Refusal

PAYLOADS = os.path.join(BUILD, "run")
MAX_SOCKET_PATH = 107       # bytes: sockaddr_un has 108
PREFIX = "run-"
NAME_ROOM = len("/run-12345678/")
ABOUT = "about"             # a file beside the sockets: what the run is of
CONTROL = "ctl"             # the control socket's name


def socket_parents():
    """Where directories of sockets may be, the best first."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return (([os.path.join(runtime, "doppel")] if runtime and os.path.isabs(runtime) else []) +
            [PAYLOADS, "/tmp/doppel-%d" % os.getuid()])


def socket_parent(names):
    """The first in which sockets of these names can be made."""
    longest = max([len(name.encode()) for name in names] + [len(CONTROL)])
    for parent in socket_parents():
        if len(parent.encode()) + NAME_ROOM + longest > MAX_SOCKET_PATH:
            continue
        if is_ours(parent):
            return parent
    raise Refusal("no directory for sockets can be made: set XDG_RUNTIME_DIR to one of yours with "
                  "a short path")


def is_ours(parent):
    """Makes the directory if need be. Nobody else may put anything there."""
    try:
        os.makedirs(parent, mode=0o700, exist_ok=True)
        status = os.lstat(parent)
    except OSError:
        return False
    return (stat.S_ISDIR(status.st_mode) and os.access(parent, os.W_OK) and
            (parent == PAYLOADS or (status.st_uid == os.getuid() and
                                    not status.st_mode & 0o022)))


@contextlib.contextmanager
def directories(names):
    """(directory of payloads, directory in which there is room for sockets of these names)"""
    parent = socket_parent(names)
    with directory(PAYLOADS) as payloads:
        if parent == PAYLOADS:
            yield payloads, payloads
        else:
            with directory(parent) as sockets:
                yield payloads, sockets


@contextlib.contextmanager
def directory(parent):
    os.makedirs(parent, exist_ok=True)
    sweep(parent)
    path = tempfile.mkdtemp(prefix=PREFIX, dir=parent)
    lock = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def sweep(parent):
    """Removes what runs left that were killed. A run that is just starting has no files yet."""
    for path in _paths(parent):
        with _unused(path) as unused:
            if unused and os.listdir(path):
                shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _unused(path):
    """Whether no run has the directory; while in the block, none can."""
    try:
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        yield False
        return
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            unused = True
        except OSError:
            unused = False
        yield unused
    finally:
        os.close(lock)


def _paths(parent):
    try:
        names = sorted(os.listdir(parent))
    except OSError:
        return []
    return [os.path.join(parent, name) for name in names if name.startswith(PREFIX)]


def tell(sockets, control, what):
    """Leaves word for running() of what is run."""
    with open(os.path.join(sockets, ABOUT), "w") as file:
        file.write("%d\n%s\n%s\n" % (os.getpid(), control, what))


def running():
    """(process id, path of the control socket, what is run) of each run."""
    found = []
    for parent in socket_parents():
        for path in _paths(parent):
            with _unused(path) as unused:
                about = os.path.join(path, ABOUT)
                if not unused and os.path.exists(about):
                    with open(about) as file:
                        pid, control, what = file.read().split("\n", 2)
                    found.append((int(pid), control, what.rstrip("\n")))
    return found
