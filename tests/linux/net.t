#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Linux guests and their networks: DHCP, a switch of their own, the computer outside, a liar."""

import hashlib
import http.server
import os
import pathlib
import re
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import urllib.request

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lib"))

import linux  # noqa: E402

TAP = linux.Tap()
TIMEOUT = int(os.environ.get("DOPPEL_TEST_TIMEOUT", "600"))  # seconds; only a hang takes so long
MIB = int(os.environ.get("DOPPEL_NET_MIB", "8"))  # that each VM gets from the other
PART = max(1, MIB // 4)  # MiB to and from outside

MACS = {"one": bytes.fromhex("525400000001"), "two": bytes.fromhex("525400000002")}
NOBODY = bytes.fromhex("020000000066")
LIES = 10  # frames: tests/linux/net/guest

VMS = """/dts-v1/;
/ {{ compatible = "doppel,vms";
    images {{ linux {{ data = /incbin/("{kernel}"); }}; initrd {{ data = /incbin/("{initrd}"); }}; }};
    one {{ compatible = "doppel,vm"; vcpus = <2>; memory = "{memory}"; autostart;
        kernel-image = "linux"; initrd-image = "initrd";
        bootargs = "{words} net.peer=10.9.0.2 net.get={get} net.put={put}";
        lan {{ compatible = "doppel,net"; switch = "lan"; mac = [52 54 00 00 00 01]; address = "10.9.0.1/24"; }};
        nat {{ compatible = "doppel,net"; forward = "tcp:{forward}:80"; }}; }};
    two {{ compatible = "doppel,vm"; vcpus = <1>; memory = "{memory}"; autostart;
        kernel-image = "linux"; initrd-image = "initrd"; bootargs = "{words} net.peer=10.9.0.1";
        lan {{ compatible = "doppel,net"; switch = "lan"; mac = [52 54 00 00 00 02]; address = "10.9.0.2/24"; }}; }};
}};
"""
SCRIPT = """wait one output "net: end" {timeout}
wait two output "net: end" {timeout}
devices one lan
devices two lan
kill one
kill two
"""


def arp_request(source, sender):
    """Who has 10.9.0.2? Its sender's addresses are remembered by whoever has it."""
    packet = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, source, socket.inet_aton(sender),
                         bytes(6), socket.inet_aton("10.9.0.2"))
    return b"\xff" * 6 + source + struct.pack("!H", 0x0806) + packet


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Outside:
    """This computer, as the guest sees it: a page to get, and a port that takes data."""

    def __init__(self):
        self.page = os.urandom(PART << 20)
        self.taken = hashlib.sha256()
        page = self.page

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        threading.Thread(target=self.take, daemon=True).start()

    def take(self):
        connection, _ = self.listener.accept()
        with connection:
            while data := connection.recv(1 << 16):
                self.taken.update(data)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Run:
    """One run of both VMs. `fetched` is what this computer got from VM one through its forwarded port."""

    def __init__(self, qemu):
        self.outside = Outside()
        self.forward = free_port()
        self.fetched = b""
        self.lines = []
        files = {"guest": (ROOT / "tests/linux/net/guest").read_bytes(),
                 "send-frame": (ROOT / "build/guest/send-frame").read_bytes(),
                 "spoofed": arp_request(NOBODY, "10.9.0.66"),
                 "honest": arp_request(MACS["one"], "10.9.0.67")}
        with tempfile.TemporaryDirectory() as directory:
            initrd, vms, script = (pathlib.Path(directory, name) for name in ("initrd", "vms.dts", "script"))
            initrd.write_bytes(linux.initrd_with("net", files))
            vms.write_text(VMS.format(
                kernel=linux.KERNEL, initrd=initrd, memory="%dM" % (128 + 4 * MIB), forward=self.forward,
                words="console=ttyS0 quiet doppel.run=/net/guest net.mib=%d net.part=%d" % (MIB, PART),
                get=self.outside.server.server_address[1], put=self.outside.listener.getsockname()[1]))
            script.write_text(SCRIPT.format(timeout=TIMEOUT))
            command = [str(ROOT / "doppel"), "run", str(vms), "--qemu", qemu, "--consoles", "all",
                       "--script", str(script), "--timeout", str(2 * TIMEOUT)]
            with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT) as process:
                for line in process.stdout:
                    self.lines.append(line.decode(errors="replace").rstrip())
                    if self.lines[-1] == "[one] net: host may ask":
                        threading.Thread(target=self.ask, daemon=True).start()
            self.status = process.returncode

    def ask(self):
        place = "http://127.0.0.1:%d/" % self.forward
        with urllib.request.urlopen(place + "part", timeout=TIMEOUT) as page:
            self.fetched = page.read()
        urllib.request.urlopen(place + "cgi-bin/note?asked", timeout=TIMEOUT).close()

    def said(self, vm, pattern):
        """The part of what the VM said that the pattern has in parentheses; None if it did not."""
        for line in linux.lines_of("\n".join(self.lines), vm):
            match = re.fullmatch("net: " + pattern, line)
            if match:
                return match.group(1)
        return None

    def device(self, vm):
        """{name: number} of what the monitor says of the VM's interface on the switch."""
        text = "\n".join(self.lines)
        answer = text.partition("doppel> devices %s lan\n" % vm)[2].partition("doppel> ")[0]
        return {name: int(number) for name, number in re.findall(r"^ +([a-z-]+) +(\d+)\b", answer, re.M)}

    @property
    def tail(self):
        return "status %d, the last lines:\n" % self.status + "\n".join(self.lines[-40:])


def test(qemu, label):
    run = Run(qemu)
    data = {vm: run.said(vm, r"data is (\w{64}) .*") for vm in ("one", "two")}
    part = run.said("one", r"data is .* part is (\w{64})")
    seen = {vm: run.device(vm) for vm in ("one", "two")}
    shown = []

    def ok(good, name):
        """What the run said last is told once, with the first check that fails."""
        TAP.ok(good, "%s, %s" % (name, label), "" if shown else run.tail)
        if not good:
            shown.append(name)

    ok(run.status == 0 and run.said("one", "(end)") and run.said("two", "(end)"),
       "two VMs with networks run to their end")
    ok([run.said(vm, r"eth0 has (.*)") for vm in ("one", "two")]
       == ["10.9.0.%d 255.255.255.0 router= dns= host=%s" % (n, vm) for n, vm in ((1, "one"), (2, "two"))],
       "DHCP gives the addresses that are described")
    ok(run.said("one", r"eth1 has (.*)") == "10.0.2.15 255.255.255.0 router=10.0.2.2 dns=10.0.2.3 host=one",
       "and on nat the next one, with router and name server")
    ok([run.said(vm, r"(ping.*)") for vm in ("one", "two")] == ["ping yes large yes"] * 2,
       "they reach each other, with fragments, too")
    ok(data["one"] and data["one"] == run.said("two", r"from peer (\w+)"), "%d MiB go from one to two" % MIB)
    ok(data["two"] and data["two"] == run.said("one", r"from peer (\w+)"), "%d MiB go from two to one" % MIB)
    ok(run.said("one", r"from host (\w+)") == sha256(run.outside.page), "a VM gets %d MiB from outside" % PART)
    ok(part and run.outside.taken.hexdigest() == part, "a VM sends %d MiB outside" % PART)
    ok(part and sha256(run.fetched) == part, "%d MiB are had from a VM through a forwarded port" % PART)
    ok(run.said("two", r"heard of (.*)") == "10.9.0.67",
       "a frame with another's source address arrives nowhere, an honest one does")
    ok(run.said("one", "(the address can be changed)") is None, "the driver may not choose another address")
    ok(run.said("one", r"again (.*)") == "yes", "the driver goes, and comes back")
    ok(seen["one"].get("spoofed") == LIES and seen["two"].get("spoofed") == 0
       and all(counts.get("refused") == 0 and counts.get("in-flight") == 0 for counts in seen.values()),
       "what was dropped is counted, and nothing else was")
    for vm, counts in seen.items():
        frames = counts.get("frames-sent", 0) + counts.get("frames-received", 0)
        print("# %s: %d frames, %.2f exits a frame" % (vm, frames, counts.get("exits", 0) / max(1, frames)))


for path, name in linux.emulators():
    test(path, name)
TAP.done()
