# SPDX-License-Identifier: BSD-2-Clause
"""The tests that boot the Debian kernel, for one emulator."""

import time

from linux import Boot, Running, Tap, cpu_seconds, emulator, version

MIB = 1 << 20
GIB = 1 << 30
PROMPT = r":~# "


def shapes(qemu):
    """Name, arguments, CPUs, RAM."""
    vectors = "max" if version(qemu) >= (10, 0) else "rv64,v=true,vext_spec=v1.0"
    return [
        ("1 vCPU", ["--cpus", "1"], 1, 512 * MIB),
        ("2 vCPUs, 256 MiB", ["--cpus", "2", "--memory", "256M"], 2, 256 * MIB),
        ("4 vCPUs on 4 harts, 2 GiB", ["--cpus", "4", "--memory", "2G"], 4, 2 * GIB),
        ("4 vCPUs on 2 harts", ["--cpus", "4", "--host-cpus", "2"], 4, 512 * MIB),
        ("2 vCPUs on 1 hart, without Sstc", ["--cpus", "2", "--host-cpus", "1", "--cpu", "rv64,sstc=off"], 2, 512 * MIB),
        ("4 vCPUs without Sstc", ["--cpus", "4", "--cpu", "rv64,sstc=off"], 4, 512 * MIB),
        ("8 vCPUs on 8 harts", ["--cpus", "8", "--memory", "1G"], 8, GIB),
        ("2 vCPUs with " + vectors, ["--cpus", "2", "--cpu", vectors], 2, 512 * MIB),
    ]


def boots(tap, qemu):
    for name, args, cpus, ram in shapes(qemu):
        boot = Boot(qemu, *args)
        well = boot.status == 0 and boot.boots == 1 and not boot.complaints
        tap.ok(well, name + ": boots to userland and powers off", boot.complaints or boot.tail)
        tap.ok((boot.cpus, boot.ram) == (cpus, ram), name + ": the guest sees what it was given",
               "CPUs %s, RAM %s" % (boot.cpus, boot.ram))


def without_h(isa):
    base, *names = isa.split("_")
    return "_".join([base.replace("h", ""), *names])


def equivalence(tap, qemu):
    """Without Doppel the same kernel sees the same machine, the H extension excepted."""
    args = ["--cpus", "4", "--memory", "1G"]
    native, guest = Boot(qemu, "--native", *args), Boot(qemu, *args)
    tap.ok(native.status == 0 and guest.status == 0, "native and guest power off", guest.tail)
    tap.ok(bool(native.isa) and {without_h(isa) for isa in native.isa} == guest.isa,
           "same CPU features, less h", "native %s\nguest %s" % (native.isa, guest.isa))
    tap.ok(native.matches(r"^mmu\s*: .*") == guest.matches(r"^mmu\s*: .*"), "same MMU")
    tap.ok(native.cpus == guest.cpus == 4, "same CPUs")
    # Newer firmware hides from its system what it keeps for itself.
    tap.ok(0 <= guest.ram - native.ram <= MIB, "same RAM, less the firmware's",
           "native %s, guest %s" % (native.ram, guest.ram))
    tap.ok(bool(guest.devices) and set(guest.devices) <= set(native.devices), "its devices are the machine's",
           "native %s\nguest %s" % (native.devices, guest.devices))


def reboot(tap, qemu):
    """A warm reboot: the machine starts again from its images."""
    run = Running(qemu, "--cpus", "2", "--stats")
    ok = run.wait_for(r"^doppel-init: userland reached") and run.wait_for(PROMPT)
    if ok:
        run.text = ""
        run.type("reboot -f\n")
    ok = ok and run.wait_for(r"^doppel-init: userland reached") and run.wait_for(PROMPT)
    status = run.power_off()
    tap.ok(ok and status == 0, "reboots and comes up again", run.text[-2000:])
    tap.ok("stat guest boots 2" in run.text, "two boots are counted")


def idle(tap, qemu):
    """A guest that waits for its user leaves the emulator asleep: spinning would take all of a CPU."""
    run = Running(qemu, "--cpus", "2")
    ok = run.wait_for(r"^doppel-init: userland reached") and run.wait_for(PROMPT)
    for _ in range(12):  # at first, the kernel has still things to do
        before = [cpu_seconds(pid) for pid in run.children()]
        time.sleep(5)
        used = sum(cpu_seconds(pid) for pid in run.children()) - sum(before)
        if used < 0.1 * 5:
            break
    status = run.power_off()
    tap.ok(ok and status == 0 and len(before) == 1, "a shell comes up and takes commands", run.text[-2000:])
    tap.ok(used < 0.1 * 5, "idle guest: less than 10 % of a CPU", "%.2f s in 5 s" % used)


def stats_are_deterministic(tap, qemu):
    """With --icount the same instructions run each time: so do the same exits."""
    runs = [Boot(qemu, "--cpus", "1", "--icount", "--stats", append="quiet doppel.run=poweroff") for _ in range(2)]
    stats = [run.matches(r"^stat guest exit\S* \d+$") for run in runs]
    tap.ok(all(run.status == 0 for run in runs) and len(stats[0]) > 3, "boots with --icount", runs[0].tail)
    tap.ok(stats[0] == stats[1], "--icount: the same exits twice", "%s\n%s" % tuple(stats))


def main(which):
    tap = Tap()
    qemu = emulator(which)
    if not qemu:
        tap.skip("Linux on emulator number %d" % which, "there is none; see tools/emulators")
        tap.done()
    for test in (boots, equivalence, reboot, idle, stats_are_deterministic):
        test(tap, qemu)
    tap.done()
