# SPDX-License-Identifier: BSD-2-Clause
"""The command line: verbs and their options."""

import argparse
import os
import sys

from . import Refusal, qemu

USAGE_STATUS = 2
LOG_LEVELS = ("error", "warn", "info", "debug")

RUN_TEXT = """\
Boot guests under Doppel on QEMU. Without arguments: the default guest (Debian's kernel, a busybox
shell), which ./doppel setup prepares. With VMS.dts: the VMs of that description
(docs/vm-description.md). With --kernel: one VM described by the options.
"""
RUN_END = """\
keys:
  Ctrl-] q           leaves at once
  Ctrl-] 1 to 9      to the console of that VM; or a space, the VM's name and Enter
  Ctrl-] m           to the monitor, which starts, stops and shows VMs: "help" there
  Ctrl-] a           shows all VMs, or one again: --consoles
  Ctrl-] Ctrl-]      one Ctrl-] for the guest
  All else reaches the guest, Ctrl-C too. With --native, so does Ctrl-] before any key but q.
  When standard input is no terminal, every byte reaches the guest, and its end does not end
  the run.

exit status:
  0    the guests powered off, or you ended the run: Ctrl-] q, or the monitor's kill or quit
  1    the hypervisor panicked, --canary found a change, or QEMU failed
  2    usage or bad input: one sentence says what, nothing was started
  3    the hypervisor killed a VM; the reason is shown
  4    a guest shut down with the reason "system failure" (0 with --native: OpenSBI does not
       pass the reason on)
  5    a command of the script failed
  124  the time of --timeout passed
  128 + N  signal N ended the launcher

environment:
  DOPPEL_QEMU   the emulator to use when --qemu is not given
"""
CTL_TEXT = """\
Send commands of the monitor to a run that is going on, and print the answers: ./doppel ctl vms,
./doppel ctl --json info debian. The consoles of the run stay in use. help lists the commands.
"""
CTL_END = """\
exit status:
  0    the command was done
  1    it was refused: the reason is on standard error
  2    usage, or there is no such run

Programs can use the socket themselves: docs/monitor.md tells the protocol.
"""
TRACE_TEXT = """\
Show a trace that ./doppel run --trace FILE has written: every exit of every guest. docs/trace.md
describes all of this, and the file.
"""
WALK_TEXT = """\
Show, for a virtual address of a guest of a run that is going on, both stages of its translation
with every page-table entry that is read.
"""
SETUP_TEXT = """\
Obtain what Doppel needs. Whatever is there already is left alone and needs no network. Without
arguments: "packages" and "images".
"""
SETUP_END = """\
what:
  packages         host packages to build and run: QEMU, OpenSBI, dtc, a RISC-V compiler
  test-packages    those, and what the tests need: cmocka, clang-format, prove, pexpect,
                   QEMU for x86, Chromium, gnuplot
  extra-packages   those, and what make test-slow and make bench need: spin, iperf3
  debian-packages  those of "packages", and what make debian needs: fakeroot, e2fsprogs
  x86-packages     what make compare-x86 needs: QEMU for x86, a compiler for x86
  report-packages  those of "packages", and what make report needs: gnuplot
  images           Debian's RISC-V kernel and busybox into the cache; build/guest/Image and
                   build/guest/initramfs.cpio.gz
  qemu10           QEMU 10 and its OpenSBI from bookworm-backports into the cache, for the tests

environment:
  DOPPEL_CACHE   the cache, shared by all clones; default ${XDG_CACHE_HOME:-~/.cache}/doppel
  DEBIAN_MIRROR  the Debian mirror; default: the one in this machine's apt configuration
"""


class Parser(argparse.ArgumentParser):
    """argparse, with one sentence for an error and no abbreviated options."""

    def __init__(self, **settings):
        settings.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **settings)

    def error(self, message):
        raise Refusal("%s: see %s --help" % (message, self.prog))


def positive_seconds(text):
    value = float(text)
    if not 0 < value < 1e9:
        raise ValueError(text)
    return value


positive_seconds.__name__ = "number of seconds"


def positive_ms(text):
    value = int(text)
    if not 0 < value <= 3600000:
        raise ValueError(text)
    return value


positive_ms.__name__ = "number of milliseconds"


def parser():
    top = Parser(prog="./doppel", description="Boot RISC-V virtual machines under Doppel.")
    verbs = top.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=Parser)
    _add_run(verbs)
    _add_ctl(verbs)
    _add_trace(verbs)
    _add_walk(verbs)
    _add_doctor(verbs)
    _add_setup(verbs)
    return top


def _add_run(verbs):
    run = verbs.add_parser("run", help="boot guests", description=RUN_TEXT, epilog=RUN_END)
    run.add_argument("description", nargs="?", metavar="VMS.dts",
                     help="a description of VMs, device tree source or blob")
    vm = run.add_argument_group("one VM, without a description")
    vm.add_argument("--kernel", metavar="FILE", help="Linux Image (also gzip-compressed), "
                    "ELF64, or a flat binary, which is loaded at RAM + 2 MiB")
    vm.add_argument("--initrd", metavar="FILE", help="initial RAM disk")
    vm.add_argument("--append", metavar="TEXT", help="kernel command line")
    vm.add_argument("--cpus", type=int, metavar="N", help="vCPUs, 1 to 32 (default 2)")
    vm.add_argument("--memory", metavar="SIZE", help="memory, a multiple of 2M (default 512M)")
    vm.add_argument("--name", metavar="NAME", help="name of the VM")
    vm.add_argument("--disk", metavar="FILE[,read-only|,overlay]", action="append",
                    help="a disk: an image file, raw. With overlay the VM may write, and the file "
                    "does not change. Again for another one")
    vm.add_argument("--net", metavar="PORTS", nargs="?", const="", action="append",
                    help="a network interface. PORTS: forwarded ones, such as --net=tcp:2222:22, "
                    "with commas between several")
    host = run.add_argument_group("the machine below")
    host.add_argument("--host-cpus", type=int, metavar="N",
                      help="harts (default: as many as the largest VM's vCPUs and as harts in the "
                      "description names, two for several VMs, at most 8)")
    host.add_argument("--host-memory", metavar="SIZE",
                      help="RAM (default: as needed for all VMs that are described)")
    host.add_argument("--qemu", metavar="PATH", help="the emulator (default: %s)" % qemu.NAME)
    host.add_argument("--cpu", metavar="MODEL", default=qemu.DEFAULT_CPU,
                      help="QEMU's CPU model (default %s)" % qemu.DEFAULT_CPU)
    host.add_argument("--machine", metavar="OPTS", help="options of QEMU's virt machine")
    mode = run.add_argument_group("how to run")
    mode.add_argument("--native", action="store_true",
                      help="boot the same guest directly on QEMU, without Doppel")
    mode.add_argument("--icount", action="store_true",
                      help="deterministic: one hart, one instruction a nanosecond")
    mode.add_argument("--check", action="store_true",
                      help="check everything that a run needs, and start nothing")
    mode.add_argument("--consoles", choices=("focus", "all"),
                      help="show the VM that the keyboard belongs to, or the lines of all VMs with "
                      "their names in front (default: focus on a terminal, else all)")
    mode.add_argument("--script", metavar="FILE",
                      help="run the monitor commands in FILE (- for standard input) at the start")
    mode.add_argument("--json", action="store_true",
                      help="the monitor answers vms, info, stats and devices in JSON, a line each")
    mode.add_argument("--ctl", metavar="PATH",
                      help="make the control socket there")
    mode.add_argument("--stats", action="store_true", help="print counters at the end")
    mode.add_argument("--trace", metavar="FILE",
                      help="write every exit to FILE, for ./doppel trace (docs/trace.md)")
    mode.add_argument("--no-trace", action="store_true", help="do not note the last exits")
    mode.add_argument("--canary", action="store_true",
                      help="check at the end that memory which is no VM's has not changed")
    mode.add_argument("--log", choices=LOG_LEVELS, default="info",
                      help="the hypervisor's messages (default info)")
    mode.add_argument("--timeout", type=positive_seconds, metavar="S",
                      help="end the run after S seconds, with status 124")
    run.usage = "%(prog)s [VMS.dts | --kernel FILE ...] [options] [-- MORE QEMU ARGUMENTS]"


def _add_ctl(verbs):
    ctl = verbs.add_parser("ctl", help="command a run from another terminal or a program",
                           description=CTL_TEXT, epilog=CTL_END)
    ctl.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND [WORD ...]",
                     help="a command of the monitor; without one, lines of standard input are")
    ctl.add_argument("--list", action="store_true",
                     help="list the runs: process id, control socket, what is run")
    ctl.add_argument("--pid", type=int, metavar="N", help="the run with this process id")
    ctl.add_argument("--socket", metavar="PATH", help="the run with this control socket")
    ctl.add_argument("--json", action="store_true", help="print answers as JSON, a line each")
    ctl.add_argument("--timeout", type=positive_seconds, metavar="S",
                     help="give up when an answer takes longer")
    ctl.usage = "%(prog)s [--list | --pid N | --socket PATH] [--json] [--timeout S] [COMMAND ...]"


def _add_trace(verbs):
    trace = verbs.add_parser("trace", help="show what ./doppel run --trace has written",
                             description=TRACE_TEXT)
    trace.add_argument("file", metavar="FILE", help="a trace")
    show = trace.add_argument_group("what to show (default: a summary)")
    show.add_argument("--summary", action="store_true",
                      help="counts; with --csv, exits over time by cause")
    show.add_argument("--list", action="store_true", help="every exit, a line each")
    show.add_argument("--csv", action="store_true", help="every exit as CSV")
    show.add_argument("--json", action="store_true",
                      help="every exit as JSON; with --summary or --sequence, that one")
    show.add_argument("--chrome", metavar="OUT",
                      help="write trace events for Perfetto (ui.perfetto.dev) and Chrome")
    show.add_argument("--sequence", choices=("syscall", "page-fault", "timer-tick",
                                             "device-access"),
                      help="a sequence diagram of one that is in the trace")
    show.add_argument("--svg", metavar="OUT", help="write that diagram as SVG")
    only = trace.add_argument_group("which exits")
    only.add_argument("--vm", metavar="NAME", help="of that VM")
    only.add_argument("--vcpu", type=int, metavar="N", help="of that vCPU")
    only.add_argument("--cause", metavar="NAME", help="with that cause (docs/stats.md)")
    only.add_argument("--from", dest="since", type=float, metavar="S",
                      help="from S seconds after the start of the trace on")
    only.add_argument("--to", dest="until", type=float, metavar="S", help="up to then")
    only.add_argument("--pc", metavar="WHERE",
                      help="at an address, in a range (FIRST-LAST), or in a function")
    trace.add_argument("--symbols", metavar="MAP",
                       help="names of the guest's functions: System.map, its /proc/kallsyms, "
                       "or an ELF64 program")
    trace.add_argument("--bin", type=positive_ms, default=100, metavar="MS",
                       help="for exits over time (default 100)")


def _add_walk(verbs):
    walk = verbs.add_parser("walk", help="show how an address of a guest is translated",
                            description=WALK_TEXT)
    walk.add_argument("vcpu", metavar="VM[.vCPU]")
    walk.add_argument("address", metavar="ADDRESS", help="a guest virtual address, or a register")
    walk.add_argument("--svg", metavar="OUT", help="write a picture")
    walk.add_argument("--json", action="store_true", help="print it as JSON")
    walk.add_argument("--pid", type=int, metavar="N", help="the run with this process id")
    walk.add_argument("--socket", metavar="PATH", help="the run with this control socket")


def _add_doctor(verbs):
    verbs.add_parser("doctor", help="say what is installed, missing or too old",
                     description="Say what is installed, what is missing or too old, and what to "
                     "do about it. Exit status 0 when everything that make run needs is there, "
                     "2 when not.")


def _add_setup(verbs):
    setup = verbs.add_parser("setup", help="obtain what is missing", description=SETUP_TEXT,
                             epilog=SETUP_END)
    setup.add_argument("what", nargs="*", metavar="WHAT",
                       help="packages, test-packages, extra-packages, debian-packages, "
                       "x86-packages, report-packages, images, qemu10")
    setup.add_argument("--refresh", action="store_true",
                       help="get images or QEMU 10 again although the cache has them")
    setup.add_argument("--print-cache", action="store_true", help="print the cache's path")
    setup.add_argument("--print-qemu10", action="store_true",
                       help="print the path of QEMU 10; status 2 when it is not there")


def split_qemu_arguments(arguments):
    """Everything after the first "--" is for QEMU."""
    if "--" in arguments:
        at = arguments.index("--")
        return arguments[:at], arguments[at + 1:]
    return arguments, []


def open_standard_descriptors():
    """A closed standard descriptor would be taken by one of QEMU's pipes."""
    while True:
        descriptor = os.open(os.devnull, os.O_RDWR)
        if descriptor > 2:
            os.close(descriptor)
            return


def main(arguments):
    open_standard_descriptors()
    arguments, for_qemu = split_qemu_arguments(arguments)
    try:
        options = parser().parse_args(arguments)
        options.qemu_arguments = for_qemu
        if for_qemu and options.verb != "run":
            raise Refusal("only run takes arguments for QEMU: leave out \"--\"")
        return dispatch(options)
    except Refusal as refusal:
        print("doppel: %s" % refusal, file=sys.stderr)
        return USAGE_STATUS
    except KeyboardInterrupt:
        return 130


def dispatch(options):
    if options.verb == "run":
        from . import run
        return run.run(options)
    if options.verb == "ctl":
        from . import ctl
        return ctl.run(options)
    if options.verb == "trace":
        from . import trace
        return trace.run(options)
    if options.verb == "walk":
        from . import walk
        return walk.run(options)
    if options.verb == "doctor":
        from . import doctor
        return doctor.run()
    from . import setup
    return setup.run(options)
