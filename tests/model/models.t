#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Checks the models beside this file with spin: as they are there is no error; with each of the
switches that a model's first comment names, which remove a protection, there is one.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SWITCH = re.compile(r"^ \*   ([A-Z_]+) +\S", re.MULTILINE)
DEPTH = "1000000"
SECONDS = 120       # one check takes 10 at most


def switches(model):
    return SWITCH.findall(model.read_text().split("*/")[1])


def run(command, directory):
    done = subprocess.run(command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          universal_newlines=True, timeout=SECONDS, check=False)
    return done.returncode, done.stdout


def check(model, options):
    """(the number of errors, what was printed); None: spin did not get through."""
    with tempfile.TemporaryDirectory() as work:
        for command in (["spin", *options, "-a", str(model)],
                        ["cc", "-w", "-O2", "-DSAFETY", "-DCOLLAPSE", "-o", "pan", "pan.c"],
                        ["./pan", "-m" + DEPTH]):
            status, output = run(command, work)
            if status:
                return None, output
        errors = re.search(r"errors: (\d+)", output)
        if not errors or "max search depth too small" in output:
            return None, output
        return int(errors.group(1)), output


class Tap:
    def __init__(self):
        self.count = self.failed = 0

    def ok(self, passed, name, output):
        self.count += 1
        self.failed += not passed
        print("%s %d - %s" % ("ok" if passed else "not ok", self.count, name), flush=True)
        if not passed:
            print("".join("# %s\n" % line for line in output.splitlines()))

    def done(self):
        print("1..%d" % self.count)
        return 1 if self.failed else 0


def main():
    for tool in ("spin", "cc"):
        if not shutil.which(tool):
            print("1..0 # SKIP there is no %s: ./doppel setup test-packages" % tool)
            return 0
    tap = Tap()
    for model in sorted(HERE.glob("*.pml")):
        errors, output = check(model, [])
        tap.ok(errors == 0, "%s holds" % model.stem, output)
        names = switches(model)
        tap.ok(names, "%s names what it can do without" % model.stem, "no switch found")
        for name in names:
            errors, output = check(model, ["-D" + name])
            tap.ok(errors, "%s fails with %s" % (model.stem, name), output)
    return tap.done()


sys.exit(main())
