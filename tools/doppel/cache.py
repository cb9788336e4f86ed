# SPDX-License-Identifier: BSD-2-Clause
"""The cache shared by all clones: one directory a thing, each put into place in one step."""

import contextlib
import fcntl
import os
import shutil
import tempfile

from . import Refusal


def path(*parts):
    top = os.environ.get("DOPPEL_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "doppel")
    return os.path.join(os.path.abspath(top), *parts)


@contextlib.contextmanager
def locked():
    """Only one process of the user fills the cache (or installs packages) at a time."""
    try:
        os.makedirs(path(), exist_ok=True)
        lock = os.open(path("lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise Refusal("the cache %s cannot be written (%s): set DOPPEL_CACHE to another directory"
                      % (path(), error.strerror))
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waiting for another setup to finish", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def has(name):
    return os.path.isdir(path(name))


@contextlib.contextmanager
def filling(name):
    """An empty directory that becomes `name` when the block ends without an exception.

    Call with the lock held: what a killed setup left behind is removed first.
    """
    for left in os.listdir(path()):
        if left.startswith("tmp-"):
            shutil.rmtree(path(left), ignore_errors=True)
    work = tempfile.mkdtemp(prefix="tmp-", dir=path())
    try:
        content = os.path.join(work, "content")
        os.mkdir(content)
        yield content
        if has(name):
            os.rename(path(name), os.path.join(work, "old"))
        os.rename(content, path(name))
    finally:
        shutil.rmtree(work, ignore_errors=True)
