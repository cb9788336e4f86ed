#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
A guest whose disk and interface are at work all the time restarts their drivers, reboots, is reset,
killed and destroyed. Another one, on the same switch, reads, writes and fetches meanwhile, and checks
all of it; and whatever the first one has flushed is there afterwards.
"""

import hashlib
import http.server
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import threading

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lib"))

import linux  # noqa: E402

TAP = linux.Tap()
TIMEOUT = 1500       # seconds; only a hang takes so long
MIB = 1 << 20
PAGE = 256 << 10     # bytes that are fetched
RESTARTS = 1         # of each driver, in each boot
BOOTS = 4
SIZE = 12 * MIB      # of the disk: records of 4096 bytes, and
LOAD_AT = 4 * MIB    # behind them what the load copies over itself

COMMON = """#!/bin/sh
# Disks are found by their serial number: the letter is another one while the old one is open.
disk() {
	for found in /sys/block/vd*; do
		[ "$(cat $found/serial)" = DATA ] && echo /dev/${found##*/} && return
	done
}
fetch() { timeout 60 wget -q -O - http://10.0.2.2:PORT/ 2>/dev/null; }
fetches_right() {
	for try in 1 2 3 4 5; do
		fetch | sha256sum | grep -q SUM && return
	done
	false
}
network() { ifconfig eth0 10.0.2.ADDRESS netmask 255.255.255.0 up; }
network
"""

BUSY = COMMON + """
record() { dd if=$1 bs=4k skip=$2 count=1 iflag=direct 2>/dev/null | head -n 1; }
has() { [ "$(record $1 $2)" = "record $2" ]; }
count() { n=0; while has $1 $n; do n=$((n + 1)); done; echo $n; }
records() {
	for i in 1 2 3 4; do
		echo "record $n" | dd of=$(disk) bs=4k seek=$n conv=notrunc,sync,fsync 2>/dev/null &&
			echo "flushed: $n" && n=$((n + 1))
	done
}
copy() {
	while :; do
		d=$(disk)
		dd if=$d of=$d bs=64k skip=$1 seek=$1 count=32 iflag=direct oflag=direct conv=notrunc \\
			2>/dev/null || sleep 1
	done
}
get() { while :; do fetch >/dev/null || sleep 1; done; }
post() { printf 'POST / HTTP/1.0\\r\\nContent-Length: %s\\r\\n\\r\\n' $(stat -c %s $1); cat $1; }
put() { while :; do post /tmp/page | timeout 60 nc 10.0.2.2 PORT >/dev/null 2>&1 || sleep 1; done; }
restart_disk() {
	d=$(disk)
	device=$(basename $(readlink -f /sys/block/${d#/dev/}/device))
	echo $device >/sys/bus/virtio/drivers/virtio_blk/unbind
	[ -z "$(disk)" ] || echo "BAD: the disk is still there"
	echo $device >/sys/bus/virtio/drivers/virtio_blk/bind
}
restart_net() { rmmod virtio_net && modprobe virtio_net && network; }

n=$(count $(disk))
echo "found: $n"
fetch >/tmp/page
copy 64 & copy 128 & get & put &
for i in RESTARTS; do
	records
	restart_disk
	records
	[ "$(count $(disk))" = $n ] || echo "BAD: of $n records there are $(count $(disk))"
	restart_net
	fetches_right || echo "BAD: the network"
	echo "restarted: disk and network"
done
[ $n = FIRST ] && reboot -f
echo "ready"
while :; do records; done
"""

OTHER = COMMON + """
(read line; echo >/tmp/stop) </dev/ttyS0 &
pattern() { yes "round $1" | head -c 65536; }
n=0
while :; do
	stop=$(ls /tmp/stop 2>/dev/null)
	pattern $n | dd of=$(disk) bs=64k seek=$((n % 64)) count=1 iflag=fullblock conv=notrunc,fsync \\
		2>/dev/null
	there=$(dd if=$(disk) bs=64k skip=$((n % 64)) count=1 iflag=direct 2>/dev/null)
	[ "$there" = "$(pattern $n)" ] || echo "BAD: the disk, round $n"
	fetches_right || echo "BAD: the network, round $n"
	n=$((n + 1))
	echo "round: $n"
	[ "$stop" ] && break
done
echo "rounds: $n"
sleep 1000000
"""

DESCRIPTION = """/dts-v1/;
/ {{ compatible = "doppel,vms";
    images {{ linux {{ data = /incbin/("{kernel}"); }}; initrd {{ data = /incbin/("{initrd}"); }}; }};
    {vms} }};
"""
VM = """{name} {{ compatible = "doppel,vm"; vcpus = <2>; memory = "192M"; autostart;
        kernel-image = "linux"; initrd-image = "initrd";
        bootargs = "console=ttyS0 quiet doppel.run=/test/{name}";
        disk {{ compatible = "doppel,disk"; image = "{image}"; serial = "DATA"; }};
        net {{ compatible = "doppel,net"; address = "10.0.2.{address}/24"; }}; }};
"""
# The first boot ends by itself.
SCRIPT = """wait other output "round: 2" {t}
wait busy output "ready" {t}
reset busy
wait other output "round: " {t}
wait busy output "ready" {t}
kill busy
start busy
wait other output "round: " {t}
wait busy output "ready" {t}
wait busy output "flushed: " {t}
kill busy
destroy busy
send other "stop"
wait other output "rounds: " {t}
devices other
quit
"""


class Server:
    """A page to fetch from this computer, which takes pages, too."""

    def __init__(self):
        self.page = page = random.Random(2).randbytes(PAGE)

        self.sent = sent = []   # whether each page that has come whole was right

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def do_POST(self):
                data = self.rfile.read(int(self.headers["Content-Length"]))
                if len(data) == len(page):
                    sent.append(data == page)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *args):
                pass

            def handle(self):
                try:
                    super().handle()
                except ConnectionError:     # the guest has ended
                    pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def fill_in(self, program, address):
        for word, value in (("PORT", self.server.server_address[1]), ("ADDRESS", address),
                            ("SUM", hashlib.sha256(self.page).hexdigest()), ("FIRST", 8 * RESTARTS),
                            ("RESTARTS", " ".join(str(n) for n in range(RESTARTS)))):
            program = re.sub(r"\b%s\b" % word, str(value), program)
        return program.encode()


class Run:
    def __init__(self, qemu, directory):
        server, path = Server(), pathlib.Path(directory)
        self.copied = random.Random(1).randbytes(SIZE - LOAD_AT)
        self.image = path / "busy.img"
        self.image.write_bytes(bytes(LOAD_AT) + self.copied)
        (path / "other.img").write_bytes(bytes(LOAD_AT))
        (path / "initrd").write_bytes(linux.initrd_with(
            "test", {"busy": server.fill_in(BUSY, 15), "other": server.fill_in(OTHER, 16)}))
        (path / "vms.dts").write_text(DESCRIPTION.format(
            kernel=linux.KERNEL, initrd=path / "initrd",
            vms="".join(VM.format(name=name, image=path / (name + ".img"), address=address)
                        for name, address in (("busy", 15), ("other", 16)))))
        (path / "script").write_text(SCRIPT.format(t=TIMEOUT))
        done = subprocess.run(
            [str(ROOT / "doppel"), "run", str(path / "vms.dts"), "--qemu", qemu, "--consoles", "all",
             "--script", str(path / "script"), "--timeout", str(2 * TIMEOUT)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        self.status = done.returncode
        self.text = done.stdout.decode(errors="replace").replace("\r", "")
        self.data = self.image.read_bytes()
        self.sent = server.sent

    def said(self, vm, what):
        """Numbers behind `what: `."""
        return [int(line.rpartition(" ")[2]) for line in linux.lines_of(self.text, vm)
                if re.fullmatch(what + r": \d+", line)]

    def found_and_flushed(self):
        """For each boot, how many records it found, and had been flushed before; the last of all."""
        found, last = [], -1
        for line in linux.lines_of(self.text, "busy"):
            # A reset may end a line: what comes after it stands behind the number.
            said = re.match(r"(found|flushed): (\d+)", line)
            if said and said[1] == "found":
                found.append((int(said[2]), last + 1))
            elif said:
                last = int(said[2])
        return found, last

    def complaints(self, vm):
        return [line for line in linux.lines_of(self.text, vm) if re.search(
            r"BAD|BUG:|Oops|Kernel panic|WARNING:|rcu.*stall|blocked for more", line)]

    @property
    def tail(self):
        return "status %d\n%s" % (self.status, "\n".join(self.text.splitlines()[-40:]))


def test(qemu, label):
    with tempfile.TemporaryDirectory() as directory:
        run = Run(qemu, directory)
    TAP.ok(run.status == 0, "two VMs run to their end, " + label, run.tail)
    restarted = linux.lines_of(run.text, "busy").count("restarted: disk and network")
    TAP.ok(restarted == BOOTS * RESTARTS and not run.complaints("busy"),
           "drivers of a disk and an interface at work are restarted %d times, %s"
           % (BOOTS * RESTARTS, label), "%d\n%s\n%s" % (restarted, run.complaints("busy"), run.tail))
    found, last = run.found_and_flushed()
    TAP.ok(len(found) == BOOTS and all(there >= before for there, before in found),
           "a reboot, a reset and a kill lose nothing that was flushed, " + label, found)
    TAP.ok(last > 8 * RESTARTS * BOOTS - 1 and all(
        run.data[4096 * n:].startswith(b"record %d\n" % n) for n in range(last + 1)),
        "all of it is in the image, " + label, last)
    TAP.ok(run.sent and all(run.sent), "it sends while it gets, " + label, run.sent)
    TAP.ok(run.data[LOAD_AT:] == run.copied, "what was copied over itself is the same, " + label)
    rounds = run.said("other", "rounds")
    TAP.ok(rounds and rounds[0] > 4 and not run.complaints("other")
           and "I/O error" not in "\n".join(linux.lines_of(run.text, "other")),
           "another VM's disk and network work on, " + label, "%s\n%s" % (run.complaints("other"), run.tail))
    print("# %d records, %d rounds of the other VM, %s" % (last + 1, sum(rounds), label), flush=True)


for path_of_qemu, name in linux.emulators():
    test(path_of_qemu, name)
TAP.done()
