# SPDX-License-Identifier: BSD-2-Clause
"""Part of the benchmark report: what sharing harts costs, and how throughput goes with more VMs.

The guests are tests/guest/vm-roles. On one hart with --icount a round of their work is a thousand
instructions; on two harts in real time rounds of one run count against those of another.
"""

import pathlib
import re
import resource
import shutil
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "build" / "guest" / "vm-roles.elf"
BENCH = ROOT / "build" / "guest" / "bench.elf"
PLOT = ROOT / "build" / "bench" / "throughput.svg"
COUNTS = (1, 2, 4, 8, 16, 32, 64, 128)
ROUNDS = 3
TIMEOUT = 120
NODE = """vm%d { compatible = "doppel,vm"; vcpus = <1>; memory = "8M"; kernel-image = "roles";
    bootargs = "%s"; autostart; };"""


def run(*args):
    done = subprocess.run([str(ROOT / "doppel"), "run", "--timeout", str(TIMEOUT), *map(str, args)],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False)
    return done.stdout.decode(errors="replace").replace("\r", "")


def run_vms(qemu, roles, *args):
    """A VM for each role; what they print."""
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory, "vms.dts")
        path.write_text(
            '/dts-v1/;\n/ { compatible = "doppel,vms"; images { roles { data = /incbin/("%s"); }; };\n'
            "%s\n};\n" % (PROGRAM, "\n".join(NODE % pair for pair in enumerate(roles))))
        return run(path, "--qemu", qemu, "--consoles", "all", "--stats", *args)


def numbers(text, pattern):
    return [int(n) for n in re.findall(pattern, text, re.M)]


def work(text, count):
    """Rounds of all VMs together, or None if one is missing."""
    rounds = numbers(text, r"work: (\d+) rounds$")
    return sum(rounds) if len(rounds) == count else None


def wake_cost(qemu):
    text = run("--kernel", BENCH, "--qemu", qemu, "--icount", "--cpus", 2)
    return (numbers(text, r"^bench switch (\d+)$") or ["-"])[0]


def slice_cost(qemu):
    """Instructions for each end of a slice at which another VM goes on: what is missing."""
    role = "work span=4000"
    one = work(run_vms(qemu, [role], "--icount"), 1)
    text = run_vms(qemu, [role] * 2, "--icount")
    two = work(text, 2)
    turns = sum(numbers(text, r"^stat vm\d+ sched.load (\d+)$")) * 4000 // 4200
    return round((one - two) * 1000 / turns) if one and two and turns else "-"


def wake_latency(qemu, others):
    text = run_vms(qemu, ["wake"] + ["work span=6000"] * others, "--icount")
    found = re.search(r"wake: worst (\d+) ns, 99 of 100 within (\d+) ns, half within (\d+) ns", text)
    return tuple("%.1f" % (int(n) / 1000) for n in reversed(found.groups())) if found else ("-",) * 3


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def throughput(qemu):
    """
    {number of VMs: (work of all of them together, the same for each second of CPU time that the
    emulator used)}, where one VM does 1. The best of some runs that took turns: what else the
    computer does only takes away, most of all from the first figure.
    """
    best = {}
    for _ in range(ROUNDS):
        for count in COUNTS:
            before = cpu_seconds()
            text = run_vms(qemu, ["work from=1500 span=1500 after=500"] * count, "--host-cpus", 2)
            done = work(text, count) or 0
            most, efficient = best.get(count, (0, 0))
            best[count] = max(most, done), max(efficient, done / (cpu_seconds() - before))
    return {n: (most / best[1][0], efficient / best[1][1])
            for n, (most, efficient) in best.items() if most and best[1][0]}


def plot(tables, say):
    if not shutil.which("gnuplot"):
        say("  no plot: install gnuplot-nox, and build/bench/throughput.svg will be drawn")
        return
    PLOT.parent.mkdir(parents=True, exist_ok=True)
    data = "".join("$d%d << EOD\n%s\nEOD\n" % (i, "\n".join("%d %.3f %.3f" % (n, *pair) for n, pair in t.items()))
                   for i, t in enumerate(tables.values()))
    curves = ", ".join(
        '$d%d using 1:%d with linespoints linetype %d dashtype %d pointtype 7 title "%s%s"'
        % (i, column, i + 1, column - 1, name, more)
        for i, name in enumerate(tables) for column, more in ((2, ""), (3, ", for each CPU second")))
    script = data + (
        'set terminal svg size 720,420 background "white"\nset output "%s"\nset logscale x 2\n'
        'set xlabel "VMs, each with one busy vCPU, on two harts"\n'
        'set ylabel "work done together (one VM: 1)"\nset yrange [0:2.5]\nset grid\n'
        "set key bottom right\nplot %s\n" % (PLOT, curves))
    done = subprocess.run(["gnuplot"], input=script.encode(), stderr=subprocess.PIPE, check=False)
    say("  plot: build/bench/throughput.svg" if done.returncode == 0 else
        "  ! gnuplot: " + done.stderr.decode(errors="replace").strip())


def costs(qemu, say):
    say("\nSharing a hart, in instructions (-icount shift=0)")
    say(f"  {'IPI, WFI and switch to the vCPU that it wakes':50}{wake_cost(qemu):>8}")
    say(f"  {'end of a slice, switch to another VM':50}{slice_cost(qemu):>8}")
    say("\nWake-up by a timer every 10 ms, us from deadline to the instruction behind the WFI")
    say(f"  {'':50}{'median':>8}{'99 %':>8}{'worst':>8}")
    for others in 0, 1, 4:
        cells = "".join(f"{cell:>8}" for cell in wake_latency(qemu, others))
        say(f"  {'beside %d VMs that spin' % others:50}{cells}")


def show_throughput(table, say):
    say("\nWork of busy VMs together, two harts (one VM: 1)")
    say(f"  {'VMs':34}" + "".join(f"{n:>7}" for n in table))
    for title, which in ("work", 0), ("work for each second of CPU time", 1):
        say(f"  {title:34}" + "".join(f"{pair[which]:>7.2f}" for pair in table.values()))
