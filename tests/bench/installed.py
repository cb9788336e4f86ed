# SPDX-License-Identifier: BSD-2-Clause
"""
Part of the benchmark report: what the installed Debian does under Doppel, over what it does natively.

Two machines are up at a time, one under Doppel and one without, each booted once. A load runs on one
and then on the other, in each round the other way round: so what else the computer does meets both
alike, and no boot is paid for twice. Meanwhile the other one idles, which takes two percent of a
processor. Each throughput is the median of the rounds, and the ratio the median of their ratios.

Times are as good as the computer is quiet. Less depends on that what is done for each second of
processor time that the emulators use. Exits do not depend on it: VMs count them, and they say where
time goes.
"""

import collections
import contextlib
import json
import os
import pathlib
import shutil
import socket
import socketserver
import statistics
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "debian"))

import debian  # noqa: E402
import loads  # noqa: E402

SHOWN = 0.04  # the part of all exits from which on a cause is shown


class Failed(Exception):
    """A machine or a load did not do what it should."""


# The machines

TWO = """/dts-v1/;
/ {{ compatible = "doppel,vms";
	images {{
		kernel {{ data = /incbin/("{files}/Image"); }};
		initrd {{ data = /incbin/("{files}/initrd.img"); }};
	}};
%s}};
"""
ONE_OF_TWO = """
	%(name)s {{ compatible = "doppel,vm"; vcpus = <1>; memory = "1G"; autostart;
		kernel-image = "kernel"; initrd-image = "initrd";
		bootargs = "console=ttyS0 root=/dev/vda rw quiet systemd.hostname=%(name)s %(words)s";
		disk {{ compatible = "doppel,disk"; image = "{image}"; overlay; }};
		%(nets)s
	}};
"""
NAT = 'nat {{ compatible = "doppel,net"; forward = "tcp:{port}:22"; }};'
LAN = 'lan {{ compatible = "doppel,net"; switch = "lan"; }};'


class Machine(debian.Machine):
    """
    One that does loads, told over a connection that stays: a new one for each would be counted.
    vms: those whose exits count.
    """

    peer = None

    def __init__(self, qemu, image, *args, vms=("debian",), **more):
        super().__init__(qemu, image, *args, **more)
        self.label = "native" if "--native" in args else "Doppel"
        self.vms = () if "--native" in args else vms
        self.shell = None
        self.prepared = {""}

    def booted(self, name):
        """Waits for the greeting. (The prompt is no line, and may be shown later.)"""
        if not self.wait_for(r"GNU/Linux \S+ %s ttyS0" % name):
            raise Failed("%s: %s did not boot:\n%s" % (self.label, name, self.tail))

    def connect(self, name):
        self.booted(name)
        self.shell = subprocess.Popen(self.ssh_command("bash"), stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.run("true")

    def run(self, command):
        """What a command says in root's home."""
        guard = threading.Timer(debian.PATIENCE, self.process.terminate)
        guard.start()
        said = ""
        try:
            self.shell.stdin.write(b"( cd /root; %s\n) </dev/null; printf '\\n@ %%d\\n' $?\n" % command.encode())
            self.shell.stdin.flush()
            for line in map(bytes.decode, self.shell.stdout):
                if line == "@ 0\n":
                    return said
                if line.startswith("@ "):
                    break
                said += line
        except OSError as error:
            said += str(error)
        finally:
            guard.cancel()
        raise Failed("%s: %s\n%s" % (self.label, command[-200:], said[-1000:]))

    def prepare(self, command):
        if command not in self.prepared:
            self.run(command)
            self.prepared.add(command)

    def counters(self):
        """Those of all VMs together; of their virtio devices by kind."""
        counts = collections.Counter()
        for vm in self.vms:
            stats = json.loads(self.ctl("--json", "stats", vm))
            counts.update({name: n for name, n in stats.items() if name != "name"})
            for device in json.loads(self.ctl("--json", "devices", vm)):
                counts.update({"%s.%s" % (device["type"], name): n for name, n in device["counters"].items()})
        return counts

    def cpu_seconds(self):
        """What the emulator has used so far; that of the machine behind the cable, too."""
        own = sum(map(debian.linux.cpu_seconds, debian.linux.children(self.process.pid)))
        return own + (self.peer.cpu_seconds() if self.peer else 0)

    def close(self):
        if self.shell:
            self.shell.terminate()
            self.shell.communicate()
        super().close()


@contextlib.contextmanager
def closed_after(*machines):
    with contextlib.ExitStack() as stack:
        for machine in machines:
            stack.callback(machine.close)
        yield


@contextlib.contextmanager
def one_vm(qemu):
    """A machine without Doppel, and one with."""
    with debian.directory_with_image() as image, debian.directory_with_image() as its_image:
        machines = [Machine(qemu, its_image, "--native"), Machine(qemu, image)]
        with closed_after(*machines):
            for machine in machines:
                machine.connect("debian")
            yield machines


@contextlib.contextmanager
def two_vms(qemu):
    """Two VMs on a switch; natively, two machines with a cable between them. The first is told."""
    one = ONE_OF_TWO % {"name": "one", "nets": NAT + LAN,
                        "words": "ip=10.9.0.1:::255.255.255.0::eth1:off"}
    two = ONE_OF_TWO % {"name": "two", "nets": LAN,
                        "words": "systemd.wants=netperf systemd.wants=iperf3 "
                        "ip=%s:::255.255.255.0::eth0:off" % loads.PEER}
    with debian.directory_with_image() as image:
        def native(text, name, bus, end):
            """One with an end of the cable, on the transport behind those of its own devices."""
            (image.parent / name).mkdir()
            link = image.parent / name / "debian.img"
            link.symlink_to(image)
            return Machine(qemu, link, "--native", "--", "-netdev",
                           "stream,id=lan,server=%s,addr.type=unix,addr.path=%s" % (end, cable), "-device",
                           "virtio-net-device,netdev=lan,bus=virtio-mmio-bus.%d,mac=52:54:00:00:09:0%d" % (bus, bus),
                           description=TWO % text.replace(LAN, ""))

        cable = image.parent / "cable"
        ours = Machine(qemu, image, description=TWO % (one + two), vms=("one", "two"))
        its = native(one, "one", 5, "on")
        with closed_after(ours, its):
            while not cable.exists() and its.process.poll() is None:
                time.sleep(0.1)
            its.peer = native(two, "two", 6, "off")
            with closed_after(its.peer):
                its.peer.booted("two")
                ours.booted("two")
                its.connect("one")
                ours.connect("one")
                yield [its, ours]


class Echo(socketserver.BaseRequestHandler):
    """The other end of TCP_RR."""

    def handle(self):
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while byte := self.request.recv(1):
            self.request.sendall(byte)


@contextlib.contextmanager
def host_servers():
    """The other ends of network loads, on this computer; what commands need to know of them."""
    port = debian.free_port()
    server = subprocess.Popen(["iperf3", "-s", "-B", "127.0.0.1", "-p", str(port)],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as echo:
        echo.daemon_threads = True
        threading.Thread(target=echo.serve_forever, daemon=True).start()
        try:
            yield {"iperf_port": port, "rr_port": echo.server_address[1], "seconds": loads.SECONDS}
        finally:
            echo.shutdown()
            server.terminate()
            server.wait()


# Measuring

Result = collections.namedtuple("Result", "throughput operations cpu counts")


def measure(machine, load, values):
    machine.prepare(load.prepare)
    before, used = machine.counters(), machine.cpu_seconds()
    said = machine.run(load.command.format(**values))
    used = machine.cpu_seconds() - used
    counts = machine.counters()
    counts.subtract(before)
    try:
        return Result(*load.read(said), used, counts)
    except (AttributeError, KeyError, ValueError, statistics.StatisticsError) as error:
        raise Failed("%s: %s says\n%s" % (machine.label, load.title, said[-1000:])) from error


def in_turn(machines, load, values, rounds):
    """The results of each machine, round after round."""
    results = [[], []]
    for number in range(rounds):
        for which in (0, 1) if number % 2 == 0 else (1, 0):
            results[which].append(measure(machines[which], load, values))
    return results


def causes(counts):
    """{cause: exits}; page faults by the device, calls by the extension."""
    detailed = ("exit.guest-load-page-fault", "exit.guest-store-page-fault", "exit.ecall-vs")
    return {name.removeprefix("exit."): n for name, n in counts.items()
            if name.startswith(("exit.", "mmio.", "sbi.")) and name not in detailed}


def exits(load, ours):
    """A line about the exits of all rounds together."""
    counts = sum((result.counts for result in ours), collections.Counter())
    operations = sum(result.operations for result in ours)
    if not counts["exits"] or not operations:
        return "no exits"
    parts = sorted(causes(counts).items(), key=lambda item: -item[1])
    text = "exits per %s %.2f: " % (load.operation, counts["exits"] / operations) + ", ".join(
        "%s %.2f" % (name, n / operations) for name, n in parts if n > SHOWN * counts["exits"])
    frames = counts["net.frames-sent"] + counts["net.frames-received"]
    if frames > operations:
        text += "; per frame %.2f" % (counts["exits"] / frames)
    return text


def ratio(native, ours, figure):
    return statistics.median(figure(our) / figure(its) for its, our in zip(native, ours))


def show(load, native, ours, say):
    cells = [statistics.median(result.throughput for result in results) for results in (native, ours)]
    of_time = ratio(native, ours, lambda result: result.throughput)
    of_cpu = ratio(native, ours, lambda result: result.operations / result.cpu)
    verdict = "" if load.target is None else "ok" if of_time >= load.target else "MISSED"
    limits = ("-" if limit is None else "%.2f" % limit for limit in (load.target, load.published))
    say(f"  {load.title:28}{cells[0]:>9.1f}{cells[1]:>9.1f} {load.unit:8}{of_time:>6.2f}"
        + "".join(f"{limit:>8}" for limit in limits) + f"{of_cpu:>8.2f}  {verdict}")
    say("      " + exits(load, ours))


def missing():
    """What to do before this can run, or None."""
    if not debian.IMAGE.exists():
        return "build/guest/debian.img is missing (make debian)"
    if not shutil.which("iperf3"):
        return "iperf3 is not installed (./doppel setup extra-packages)"
    return None


def report(qemu, words, rounds, say):
    """Says how the loads and groups of these names do; all, without any."""
    if missing():
        say("\nNo installed Debian: " + missing())
        return
    say(f"\nAn installed Debian: medians of {rounds} rounds; ratios of throughput, Doppel over native;\n"
        "CPU: the same for each second of processor time")
    if os.getloadavg()[0] > os.cpu_count():
        say("  ! this computer does much else (load %.1f): ratios of time mean little" % os.getloadavg()[0])
    say(f"  {'':28}{'native':>9}{'Doppel':>9} {'':8}{'ratio':>6}{'target':>8}{'KVM/Arm':>8}{'CPU':>8}")
    with host_servers() as values:
        for boot, those in (one_vm, loads.chosen(words)), (two_vms, loads.chosen(words, between_vms=True)):
            if those:
                with complaints(say), boot(qemu) as machines:
                    for load in those:
                        with complaints(say):
                            show(load, *in_turn(machines, load, values, rounds), say)


@contextlib.contextmanager
def complaints(say):
    try:
        yield
    except Failed as failed:
        say("  ! " + str(failed).strip().replace("\n", "\n  !   "))
