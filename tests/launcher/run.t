#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# How the launcher runs QEMU: arguments, exit statuses, the console; nothing is left behind.

import gzip
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "lib"))
import tap  # noqa: E402
from launcher import (  # noqa: E402
    MIB, Launcher, description, elf, is_alive, linux_image, option, wait_until)
from doppel import fdt  # noqa: E402

KERNEL = linux_image()


def arguments_of(box, *options, kernel=KERNEL, status=0):
    result = box.run("run", "--kernel", box.put("kernel", kernel), *options)
    tap.same((result.status, result.err), (status, ""))
    box.nothing_is_left()
    return box.qemu()["args"]


# What QEMU is started with


def test_arguments():
    """the defaults: a hart for each vCPU, 1 GiB more memory, no monitor, no semihosting"""
    with Launcher() as box:
        arguments = arguments_of(box)
        for name, value in (("-machine", "virt"), ("-cpu", "rv64"), ("-smp", "2"),
                            ("-m", "%dK" % (1536 * 1024)), ("-monitor", "none"),
                            ("-append", "log=info consoles=all"),
                            ("-kernel", os.path.realpath(box.path("tree/build/doppel.elf")))):
            tap.same(option(arguments, name), value)
        tap.same([a for a in arguments if "semihosting" in a], [])


def test_options():
    """options reach QEMU and the hypervisor"""
    with Launcher() as box:
        arguments = arguments_of(box, "--cpus", "4", "--memory", "64M", "--cpu", "max", "--machine",
                                 "aclint=on", "--host-cpus", "3", "--host-memory", "1G", "--stats",
                                 "--log", "debug", "--no-trace", "--json", "--consoles", "focus",
                                 "--", "-d", "int")
        for name, value in (("-machine", "virt,aclint=on"), ("-cpu", "max"), ("-smp", "3"),
                            ("-m", "%dK" % (1 << 20)), ("-d", "int"),
                            ("-append", "log=debug stats trace=off consoles=focus json")):
            tap.same(option(arguments, name), value)


def test_gigabytes():
    """a guest of 1 GiB or more counts in whole GiB, and at most 8 harts are the default"""
    with Launcher() as box:
        arguments = arguments_of(box, "--memory", "1026M", "--cpus", "32")
        tap.same((option(arguments, "-m"), option(arguments, "-smp")), ("%dK" % (3 << 20), "8"))


def test_qemu_limit():
    """RAM sizes with which QEMU 7.2 would not load the payload are avoided"""
    with Launcher() as box:
        kernel = box.put("kernel", bytes(3 * MIB))
        box.run("run", "--kernel", kernel, "--host-memory", "2177M")
        tap.same(option(box.qemu()["args"], "-m"), "%dK" % (2177 << 10))
        result = box.run("run", "--kernel", kernel, "--host-memory", "2180M")
        tap.same(result.status, 2)
        tap.holds(result.err, "at least 2182M")
        one = 'compatible = "doppel,vm"; vcpus = <1>; kernel = /incbin/("kernel"); autostart;'
        path = box.put("vms.dts", """/dts-v1/; / { compatible = "doppel,vms";
            a { %s memory = "512M"; }; b { %s memory = "644M"; }; };""" % (one, one))
        tap.same(box.run("run", path).status, 0)
        tap.same(option(box.qemu()["args"], "-m"), "%dK" % (2182 << 10))


def test_icount():
    """--icount: one hart, and no clock but the instructions"""
    with Launcher() as box:
        arguments = arguments_of(box, "--icount", "--cpus", "4")
        tap.same((option(arguments, "-smp"), option(arguments, "-icount")),
                 ("1", "shift=0,sleep=off"))


def test_native():
    """--native: the VM's own size, kernel, initrd and command line"""
    with Launcher() as box:
        arguments = arguments_of(box, "--native", "--cpus", "3", "--memory", "256M", "--initrd",
                                 box.put("initrd", b"x"), "--append", "a b",
                                 kernel=gzip.compress(KERNEL))
        for name, value in (("-smp", "3"), ("-m", "%dK" % (256 << 10)), ("-append", "a b")):
            tap.same(option(arguments, name), value)
        tap.same(os.path.basename(option(arguments, "-initrd")), "initrd")


def test_kernels():
    """every kind of kernel is accepted"""
    with Launcher() as box:
        for kernel in (KERNEL, linux_image(pe_end=4096), gzip.compress(KERNEL), elf(),
                       gzip.compress(elf()), b"\x13\0\0\0", elf(paddr=0x80000000, in_memory=MIB)):
            arguments_of(box, kernel=kernel)


def test_data_directory():
    """--qemu: the data directory and the libraries beside it are used"""
    with Launcher() as box:
        os.makedirs(box.path("opt/usr/bin"))
        with open(os.path.join(os.path.dirname(os.path.realpath(__file__)), "lib/fake-qemu"),
                  "rb") as fake:
            qemu = box.put("opt/usr/bin/qemu-system-riscv64", fake.read())
        os.chmod(qemu, 0o755)
        box.put("opt/usr/share/qemu/opensbi-riscv64-generic-fw_dynamic.bin", b"x")
        arguments = arguments_of(box, "--qemu", qemu)
        tap.same(option(arguments, "-L"), os.path.realpath(box.path("opt/usr/share/qemu")))


# What the hypervisor is given


def written(box, path, *options):
    """The tree that the hypervisor is given."""
    result = box.run("run", path, *options, fake="keep-initrd " + box.path("kept"))
    tap.same((result.status, result.err), (0, ""))
    with open(box.path("kept"), "rb") as file:
        return fdt.read(file.read())


def test_description():
    """a description: checked, kernels decompressed, defaults spelt out, paths beside the source"""
    with Launcher() as box:
        box.put("sub/Image.gz", gzip.compress(KERNEL))
        box.put("sub/initrd", b"the initrd")
        path = box.put("sub/vms.dts", description(
            vcpus="<2>", kernel='/incbin/("Image.gz")', memory='"65536K"',
            extra='initrd = /incbin/("initrd"); bootargs = "a=b";',
            body='two-2 { compatible = "doppel,vm"; vcpus = <1>; memory = "64M"; weight = <300>; '
                 'cap = <25>; harts = <1 0>; kernel = /incbin/("Image.gz"); '
                 'devices { serial { }; }; };'))
        root = written(box, path)
        linux, two, images = root.child("linux"), root.child("two-2"), root.child("images")
        tap.same(root.props, {"compatible": b"doppel,vms\0"})
        tap.same(linux.props, {
            "compatible": b"doppel,vm\0", "vcpus": b"\0\0\0\2", "memory": b"64M\0",
            "weight": b"\0\0\0\x64", "bootargs": b"a=b\0", "autostart": b"",
            "kernel-image": b"image-0\0", "initrd-image": b"image-1\0"})
        tap.same([c.name for c in linux.child("devices").children],
                 ["serial", "rtc", "test", "power-button"])
        tap.same(two.props, {
            "compatible": b"doppel,vm\0", "vcpus": b"\0\0\0\1", "memory": b"64M\0",
            "weight": b"\0\0\1\x2c", "cap": b"\0\0\0\x19", "harts": fdt.cells(1, 0),
            "kernel-image": b"image-0\0"})
        tap.same([c.name for c in two.child("devices").children], ["serial"])
        tap.same([(c.name, c.props) for c in images.children],
                 [("image-0", {"data": KERNEL}), ("image-1", {"data": b"the initrd"})])
        tap.same(option(box.qemu()["args"], "-smp"), "2")
        box.nothing_is_left()


def test_images():
    """payloads of images, and equal ones in several files, are written once"""
    vm = ('%s { compatible = "doppel,vm"; vcpus = <1>; memory = "64M"; initrd-image = "disk"; '
          'autostart; %s };')
    with Launcher() as box:
        box.put("Image.gz", gzip.compress(KERNEL))
        box.put("Image", KERNEL)
        box.put("disk", b"the disk")
        path = box.put("vms.dts", '/dts-v1/; / { compatible = "doppel,vms"; %s };' % " ".join((
            vm % ("a", 'kernel-image = "packed";'), vm % ("b", 'kernel-image = "packed";'),
            vm % ("c", 'kernel = /incbin/("Image");'),
            'images { packed { data = /incbin/("Image.gz"); }; disk { data = /incbin/("disk"); }; '
            'unused { data = /incbin/("disk"); }; };')))
        root = written(box, path)
        tap.same([c.props["data"] for c in root.child("images").children], [KERNEL, b"the disk"])
        for name in "abc":
            vm_props = root.child(name).props
            tap.same((vm_props["kernel-image"], vm_props["initrd-image"]),
                     (b"image-0\0", b"image-1\0"))


def test_script():
    """--script: a file, standard input, and in the place of the description's own"""
    text = "create linux\n# gr\u00fcn\nquit\n"
    with Launcher() as box:
        box.put("Image", KERNEL)
        box.put("commands", text)
        for own in ("", 'script = "vms";\n'):
            path = box.put("vms.dts",
                           description(autostart="").replace("linux {", own + "linux {"))
            root = written(box, path, "--script", box.path("commands"))
            tap.same(root.props["script"], text.encode() + b"\0")
            tap.same("autostart" in root.child("linux").props, False)
        tap.same(written(box, path).props["script"], b"vms\0")
        result = box.run("run", path, "--script", "-", stdin=text.encode(),
                         fake="keep-initrd " + box.path("kept"))
        tap.same(result.status, 0)
        with open(box.path("kept"), "rb") as file:
            tap.same(fdt.read(file.read()).props["script"], text.encode() + b"\0")


def test_consoles():
    """--consoles; without a terminal: all"""
    with Launcher() as box:
        for options, consoles in (((), "all"), (("--consoles", "focus"), "focus")):
            tap.same(option(arguments_of(box, *options), "-append"), "log=info consoles=" + consoles)


def test_host_memory():
    """RAM for all VMs; --host-memory need suffice for those that start; a warning if it is absurd"""
    later = 'later { compatible = "doppel,vm"; vcpus = <1>; memory = "512M"; kernel = [13]; };'
    with Launcher() as box:
        box.put("Image", KERNEL)
        path = box.put("vms.dts", description(body=later))
        tap.same(box.run("run", path).status, 0)
        tap.same(option(box.qemu()["args"], "-m"), "%dK" % ((1024 + 64 + 512) << 10))
        result = box.run("run", path, "--host-memory", "512M")
        tap.same((result.status, result.err), (0, ""))
        tap.same(option(box.qemu()["args"], "-m"), "%dK" % (512 << 10))
        result = box.run("run", path, "--host-memory", "256000G")
        tap.same((result.status, result.err.count("\n")), (0, 1))
        tap.holds(result.err, "warning: the machine is to have 256000G of RAM")


def test_harts():
    """the machine has the harts that a VM names"""
    with Launcher() as box:
        box.put("Image", KERNEL)
        path = box.put("vms.dts", description(extra="harts = <3 0>;"))
        tap.same(box.run("run", path).status, 0)
        tap.same(option(box.qemu()["args"], "-smp"), "4")
        tap.same(box.run("run", path, "--host-cpus", "3").status, 2)


def test_check():
    """--check: the same refusals, and nothing is started"""
    with Launcher() as box:
        kernel = box.put("kernel", KERNEL)
        result = box.run("run", "--check", "--kernel", kernel)
        tap.same((result.status, result.err, box.qemu()), (0, "", None))
        tap.holds(result.out, b"nothing was started")
        result = box.run("run", "--check", "--kernel", kernel, "--host-memory", "128M")
        tap.same((result.status, box.qemu()), (2, None))
        box.nothing_is_left()


def test_document():
    """the example of docs/vm-description.md is a valid description"""
    here = os.path.dirname(os.path.realpath(__file__))
    with open(os.path.join(here, "../../docs/vm-description.md")) as file:
        example = file.read().split("```dts\n")[1].split("```")[0]
    with Launcher() as box:
        box.put("Image", KERNEL)
        box.put("initramfs.cpio.gz", gzip.compress(b"x"))
        tap.same(box.run("run", box.put("vms.dts", example)).status, 0)


# How it ends


def test_exit_status():
    """the exit status says how the guest ended"""
    with Launcher() as box:
        kernel = box.put("kernel", KERNEL)
        for qemu, ours in ((0, 0), (101, 1), (102, 2), (103, 3), (104, 4), (105, 5)):
            result = box.run("run", "--kernel", kernel, fake="exit %d" % qemu)
            tap.same((result.status, result.err), (ours, ""))
            box.nothing_is_left()


def test_qemu_fails():
    """QEMU's own failure: status 1 and a sentence with what QEMU said"""
    with Launcher() as box:
        kernel = box.put("kernel", KERNEL)
        for native in ((), ("--native",)):
            result = box.run("run", "--kernel", kernel, *native, fake="exit 1 no such machine")
            tap.same(result.status, 1)
            tap.holds(result.err, "status 1, saying \"no such machine\"")
        result = box.run("run", "--kernel", kernel, fake="signal 11")
        tap.same(result.status, 1)
        tap.holds(result.err, "signal 11")
        box.nothing_is_left()


def test_native_status():
    """--native: the hypervisor's exit codes mean nothing, whatever the guest writes"""
    with Launcher() as box:
        kernel = box.put("kernel", KERNEL)
        for qemu, ours in ((0, 0), (101, 1), (103, 1), (104, 1), (105, 1)):
            result = box.run("run", "--native", "--kernel", kernel, fake="exit %d" % qemu)
            tap.same(result.status, ours)


def test_not_a_program():
    """an emulator that cannot be run: status 2"""
    with Launcher() as box:
        qemu = box.put("qemu", b"\0\0\0\0")
        os.chmod(qemu, 0o755)
        result = box.run("run", "--kernel", box.put("kernel", KERNEL), "--qemu", qemu)
        tap.same(result.status, 2)
        tap.holds(result.err, "cannot be run")
        box.nothing_is_left()


def test_timeout():
    """--timeout: status 124, a sentence, QEMU gone"""
    with Launcher() as box:
        begin = time.monotonic()
        result = box.run("run", "--kernel", box.put("kernel", KERNEL), "--timeout", "0.3",
                         fake="sleep")
        tap.same(result.status, 124)
        tap.same(result.out in (b"ready\r\n", b""), True)   # a slow computer has not come so far
        tap.holds(result.err, "timeout of 0.3 s")
        tap.same(time.monotonic() - begin < 50, True)
        box.nothing_is_left()


def started(box, fake, *options, path=None, **settings):
    """The launcher, running a description or a kernel, with a fake QEMU that is ready."""
    what = (path,) if path else ("--kernel", box.put("kernel", KERNEL))
    process = subprocess.Popen(
        box.command("run", *what, *options), cwd=box.directory,
        env=box.environment(fake), **{"stdin": subprocess.PIPE, "stdout": subprocess.PIPE,
                                      "stderr": subprocess.DEVNULL, **settings})
    wait_until(box.qemu, "QEMU's start")
    return process


def test_signals():
    """SIGTERM, SIGHUP and SIGINT end QEMU too"""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        with Launcher() as box:
            process = started(box, "sleep")
            process.send_signal(number)
            tap.same(process.wait(20), 128 + number)
            box.nothing_is_left()


def test_killed():
    """QEMU does not survive a killed launcher, and the next run removes what it left"""
    with Launcher() as box:
        process = started(box, "sleep")
        process.kill()
        process.wait()
        pid = box.qemu()["pid"]
        wait_until(lambda: not is_alive(pid), "QEMU's end")
        tap.same(len(os.listdir(box.path("tree/build/run"))), 1)
        tap.same(box.run("run", "--kernel", box.path("kernel")).status, 0)
        box.nothing_is_left()


def test_side_by_side():
    """a second run leaves the files of the first alone"""
    with Launcher() as box:
        process = started(box, "sleep")
        tap.same(box.run("run", "--kernel", box.path("kernel")).status, 0)
        tap.same(len(os.listdir(box.path("tree/build/run"))), 1)
        process.terminate()
        process.wait()


# The console


def test_pipes():
    """pipes: every byte passes, Ctrl-] too, and the end of input does not end the run"""
    sent = bytes(range(256)) + b"\x1dq\x03"
    with Launcher() as box:
        result = box.run("run", "--kernel", box.put("kernel", KERNEL), stdin=sent,
                         fake="echo %d" % len(sent))
        tap.same(result.status, 0)
        tap.same(bytes.fromhex(result.out.decode().replace("ready\r\n", "").replace("\n", "")),
                 sent)


def test_large_paste():
    """a megabyte of input and three of output: none is lost"""
    sent = os.urandom(MIB)
    with Launcher() as box:
        result = box.run("run", "--kernel", box.put("kernel", KERNEL), stdin=sent,
                         fake="echo %d" % len(sent))
        tap.same(bytes.fromhex(result.out.decode().replace("ready\r\n", "").replace("\n", "")) ==
                 sent, True)
        result = box.run("run", "--kernel", box.path("kernel"), fake="copy %d" % (3 * MIB))
        tap.same(result.out == bytes(i % 251 for i in range(3 * MIB)), True)


class Terminal:
    """A pseudo-terminal with the launcher at its other end."""

    def __init__(self, box, fake, *options, path=None):
        self.master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)
        self.process = started(box, fake, *options, path=path, stdin=self.slave,
                               stdout=self.slave, stderr=self.slave)
        self.seen = b""
        self.read_until(b"ready")

    def read_until(self, text):
        end = time.monotonic() + 50
        while text not in self.seen:
            if time.monotonic() > end:
                raise AssertionError("%r is not in %r" % (text, self.seen))
            if select.select([self.master], [], [], 0.1)[0]:
                self.seen += os.read(self.master, 4096)

    def type(self, data):
        os.write(self.master, data)

    def ends(self, status):
        end = time.monotonic() + 50
        while self.process.poll() is None and time.monotonic() < end:
            if select.select([self.master], [], [], 0.1)[0]:
                self.seen += os.read(self.master, 4096)
        tap.same(self.process.wait(50), status)
        tap.same(termios.tcgetattr(self.slave), self.before)
        os.close(self.master)
        os.close(self.slave)


def test_words_for_a_terminal():
    """a terminal: focus on one VM, escapes, and no VM need be started"""
    with Launcher() as box:
        box.put("Image", KERNEL)
        terminal = Terminal(box, "sleep", path=box.put("vms.dts", description(autostart="")))
        tap.same(option(box.qemu()["args"], "-append"), "log=info consoles=focus escape=on")
        terminal.type(b"\x1dq")
        terminal.ends(0)


def test_leave():
    """Ctrl-] q leaves with status 0 and the terminal as it was"""
    with Launcher() as box:
        terminal = Terminal(box, "sleep")
        tap.holds(terminal.seen.decode(), "Ctrl-] q leaves")
        tap.same(termios.tcgetattr(terminal.slave)[3] & (termios.ICANON | termios.ISIG), 0)
        terminal.type(b"\x1d")
        time.sleep(0.1)
        terminal.type(b"q")
        terminal.ends(0)
        box.nothing_is_left()


def test_keys():
    """Ctrl-C, Ctrl-Z, Ctrl-D, and Ctrl-] with any other key reach the guest"""
    keys = b"\x03\x1a\x04\x1dx\x1d\x1dq\r\n\x11\x13"
    with Launcher() as box:
        terminal = Terminal(box, "echo %d" % len(keys))
        terminal.type(keys)
        terminal.ends(0)
        tap.holds(terminal.seen.replace(b"\n", b"").replace(b"\r", b""), keys.hex().encode())


def test_terminal_restored():
    """the terminal is restored after QEMU's failure, a timeout, SIGTERM and SIGHUP"""
    for fake, options, number, status in (
            ("echo 1", (), None, 0), ("sleep", ("--timeout", "0.5"), None, 124),
            ("sleep", (), signal.SIGTERM, 143), ("sleep", (), signal.SIGHUP, 129),
            ("sleep", (), "kill qemu", 1)):
        with Launcher() as box:
            terminal = Terminal(box, fake, *options)
            if number == "kill qemu":
                os.kill(box.qemu()["pid"], signal.SIGSEGV)
            elif number:
                terminal.process.send_signal(number)
            elif not options:
                terminal.type(b"x")
            terminal.ends(status)
            box.nothing_is_left()


tap.main(sys.modules[__name__])
