#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Who gets how much of the harts. On one hart with --icount: the guests count what they did, in
rounds of a thousand instructions, a microsecond each, and the run is the same each time.

On two harts Doppel's own accounts are looked at, which a run on one hart is held against. In real
time, in which a busy computer takes the hart away from whoever runs on it, and Doppel cannot know:
what is expected is less exact, and may be tried again.
"""

import pathlib
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import machines  # noqa: E402

TAP = machines.Tap()
MS = 1000  # rounds
TRIES = 10


class Shares(machines.Run):
    """A run of VMs that are given as name: (role, properties), to its end."""

    def __init__(self, qemu, vms, *args):
        self.vcpus = {name: int((re.findall(r"vcpus = <(\d+)>", more) or [1])[0])
                      for name, (_, more) in vms.items()}
        super().__init__(
            qemu, [(name, role, "8M", more) for name, (role, more) in vms.items()],
            "--consoles", "all", "--stats", *args)

    def work(self, name):
        """Rounds that the VM did while it measured."""
        return self.number(r"^(?:\[%s\] )?work: (\d+) rounds" % name)

    def stat(self, name, counter):
        return self.number(r"^stat %s %s (\d+)" % (name, re.escape(counter)))

    def on_hart(self, name):
        """Microseconds that the VM's vCPUs had a hart."""
        return self.stat(name, "time.guest-us") + self.stat(name, "time.hypervisor-us")

    def share(self, name):
        """The same in harts: of the time that one of its vCPUs has been there."""
        time = self.on_hart(name) + self.stat(name, "time.stolen-us") + \
            self.stat(name, "time.idle-us")
        return self.on_hart(name) * self.vcpus[name] / time

    @property
    def is_good(self):
        return self.status == 0 and "BAD" not in self.text


def within(what, label, run, got, low, high):
    print("# %s: %.4f" % (what, got))
    TAP.ok(run.is_good and low <= got <= high, "%s, %s" % (what, label),
           "%.4f is not in %.4f to %.4f; %s" % (got, low, high, run.tail))


def near(what, label, run, got, want, tolerance):
    within(what, label, run, got, want * (1 - tolerance), want * (1 + tolerance))


# --- One hart, instructions counted

def test_equal(qemu, label):
    run = Shares(qemu, {"a": ("work span=10000", ""), "b": ("work span=10000", "")}, "--icount")
    a, b = run.work("a"), run.work("b")
    near("two equal VMs, over 10 s", label, run, a / b, 1, 0.02)
    near("together they have the whole hart", label, run, (a + b) / (10000 * MS), 1, 0.01)


def test_weights(qemu, label):
    run = Shares(qemu, {"three": ("work span=4000", "weight = <300>;"),
                        "one": ("work span=4000", "weight = <100>;")}, "--icount")
    near("weights 3:1", label, run, run.work("three") / run.work("one"), 3, 0.05)
    run = Shares(qemu, {"three": ("work span=4000", "weight = <300>; vcpus = <1>;"),
                        "one": ("work span=4000", "weight = <100>; vcpus = <4>;")}, "--icount")
    near("weights 3:1, the lighter one has 4 vCPUs", label, run,
         run.work("three") / run.work("one"), 3, 0.05)


def test_caps(qemu, label):
    run = Shares(qemu, {"capped": ("work span=4000", "cap = <25>;")}, "--icount")
    near("a cap of 25, alone", label, run, run.work("capped") / (4000 * MS), 0.25, 0.02)
    near("the accounts agree", label, run, run.share("capped"), 0.25, 0.02)
    run = Shares(qemu, {"capped": ("work span=4000", "cap = <25>; vcpus = <2>;"),
                        "other": ("work span=4000", "")}, "--icount")
    near("a cap of 25, two vCPUs beside another VM", label, run,
         run.work("capped") / (4000 * MS), 0.25, 0.02)
    near("the other one has the rest", label, run, run.work("other") / (4000 * MS), 0.75, 0.02)


WOKEN = r"wake: worst (\d+) ns, 99 of 100 within (\d+) ns"


def test_wakeup(qemu, label):
    """One that sleeps and wakes beside spinners; it needs less than it is due."""
    spinner = ("work span=6000", "")
    for what, sleeper, more in [("it does nothing", "wake", ""),
                                ("it works 2 ms of 10", "wake busy=2000", ""),
                                ("a light one", "wake", "weight = <10>;")]:
        run = Shares(qemu, {"sleeper": (sleeper, more), "one": spinner, "two": spinner,
                            "three": ("work span=6000", "vcpus = <4>;")}, "--icount")
        worst, most = run.number(WOKEN), run.number(WOKEN.replace(r"(\d+)", r"\d+", 1))
        print("# the worst %d us, 99 of 100 within %d us" % (worst / 1000, most / 1000))
        TAP.ok(run.is_good and 0 <= worst <= 2000000,
               "a sleeper beside spinners wakes within 2 ms: %s, %s" % (what, label), run.tail)


def test_sleep_saves_nothing(qemu, label):
    """After a long sleep it is due 20 ms at most; from then on both get the same."""
    run = Shares(qemu, {"spinner": ("work from=2000 span=200", ""),
                        "sleeper": ("wake count=1 from=2000 busy=500000", "")}, "--icount")
    within("beside one that has slept long, of a hart", label, run,
           run.work("spinner") / (200 * MS), 0.44, 0.46)


def test_restless(qemu, label):
    """Who wakes all the time does not cost the others a switch each time."""
    run = Shares(qemu, {"worker": ("work span=2000", ""),
                        "restless": ("restless span=2000", "vcpus = <4>;")}, "--icount")
    within("beside 4 vCPUs that sleep for 10 us, of a hart", label, run,
           run.work("worker") / (2000 * MS), 0.48, 1)
    within("and its vCPU comes to the hart a thousand times a second at most", label, run,
           run.stat("worker", "sched.load"), 100, 2300)


# --- Two harts, by the accounts

def two_harts(what, label, qemu, vms, measure, low, high):
    """What measure() makes of a run of these VMs is in the range."""
    for _ in range(TRIES):
        run = Shares(qemu, vms, "--host-cpus", "2")
        if run.is_good and low <= measure(run) <= high:
            break
    within(what, label, run, measure(run), low, high)


def test_single(qemu, label):
    vms = {"four": ("work span=1500", "vcpus = <4>;"), "single": ("work span=1500", "")}
    two_harts("one vCPU beside a VM with 4 that spin, of a hart", label, qemu, vms,
              lambda run: run.share("single"), 0.9, 1)


def test_weights_two_harts(qemu, label):
    vms = {"heavy": ("work span=1500", "vcpus = <2>; weight = <300>;"),
           "light": ("work span=1500", "vcpus = <2>;")}
    two_harts("weights 3:1 on two harts", label, qemu, vms,
              lambda run: run.share("heavy") / run.share("light"), 2.3, 3.7)


def test_cap_two_harts(qemu, label):
    vms = {"capped": ("work span=1500", "vcpus = <2>; cap = <150>;")}
    two_harts("a cap of 150 on two harts", label, qemu, vms,
              lambda run: run.share("capped"), 1.4, 1.6)


def test_pinned(qemu, label):
    vms = {name: ("work span=1000", "harts = <0>;") for name in ("a", "b")}
    two_harts("pinned to hart 0, both of them have", label, qemu, vms,
              lambda run: run.share("a") + run.share("b"), 0.95, 1.02)
    vms["b"] = ("work span=1000", "harts = <1>;")
    two_harts("pinned to a hart each, they have", label, qemu, vms,
              lambda run: run.share("a") + run.share("b"), 1.8, 2)


for path, emulator in machines.emulators():
    for test in (test_equal, test_weights, test_caps, test_wakeup, test_sleep_saves_nothing, test_restless,
                 test_single, test_weights_two_harts, test_cap_two_harts, test_pinned):
        test(path, emulator)
TAP.done()
