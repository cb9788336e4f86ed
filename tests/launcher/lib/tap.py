# SPDX-License-Identifier: BSD-2-Clause
"""TAP output: functions of a test file named test_*, run in order, one line each."""

import sys
import traceback


class Skip(Exception):
    """The test cannot run here; the value says why."""


def run(functions):
    """Runs the test functions; a docstring is a test's name. Ends the program."""
    print("TAP version 13")
    print("1..%d" % len(functions))
    failed = 0
    for number, function in enumerate(functions, 1):
        try:
            function()
            state, why = "ok", ""
        except Skip as skip:
            state, why = "ok", " # SKIP %s" % skip
        except Exception:
            failed += 1
            state, why = "not ok", ""
            for line in traceback.format_exc().splitlines():
                print("# " + line)
        print("%s %d - %s%s" % (state, number, function.__doc__ or function.__name__, why))
        sys.stdout.flush()
    sys.exit(1 if failed else 0)


def main(module):
    run([value for name, value in vars(module).items() if name.startswith("test_")])


def same(got, expected):
    if got != expected:
        raise AssertionError("got %r, expected %r" % (got, expected))


def holds(text, part):
    if part not in text:
        raise AssertionError("%r is not in %r" % (part, text))
