# SPDX-License-Identifier: BSD-2-Clause
"""The verb "run": checks everything, starts QEMU, and turns its end into an exit status."""

import contextlib
import os
import socket
import stat
import sys

from . import GUEST_INITRD, GUEST_KERNEL, HYPERVISOR, Refusal
from . import capture, console, devices, dts, image, qemu, runs, sizes, vms, watch, wiring
from .sizes import GIB, MIB

DEFAULT_CPUS, DEFAULT_MEMORY = 2, "512M"
MAX_DEFAULT_HOST_CPUS = 8
MAX_HOST_CPUS = 512         # of QEMU's virt machine
PAYLOAD_AT = 130 * MIB      # where QEMU loads -initrd, from the start of RAM, at most
PAYLOAD_SLACK = 64 * MIB    # device tree, hypervisor tables
# QEMU 7.2 limits -initrd to RAM size minus the *address* it is loaded at, when that is positive.
PAYLOAD_ADDRESS = image.RAM_BASE + PAYLOAD_AT

PANIC, BAD_INPUT, KILLED, FAILED, SCRIPT = 101, 102, 103, 104, 105
TIMEOUT_STATUS = 124
# QEMU's exit code (the hypervisor sets it through the virt machine's test device) -> ours.
STATUS = {0: 0, PANIC: 1, BAD_INPUT: 2, KILLED: 3, FAILED: 4, SCRIPT: 5}


def run(options):
    if options.trace and options.no_trace:
        raise Refusal("--trace and --no-trace exclude each other: leave one out")
    if any(word.startswith("-semihosting") for word in options.qemu_arguments):
        raise Refusal("-semihosting would let the guest open files of this machine: leave it out")
    emulator = qemu.find(options.qemu)
    if not options.native and not os.path.isfile(HYPERVISOR):
        raise Refusal("build/doppel.elf does not exist: run make first")
    description = load_description(options)
    plan = plan_native if options.native else plan_doppel
    try:
        names = wiring.stream_names(description.vms)
        with console.Signals(), runs.directories(names) as (payloads, sockets), \
                control_socket(options, sockets) as control:
            command, images = plan(emulator, options, description, payloads, sockets, control)
            if options.check:
                print("doppel: nothing is wrong; nothing was started")
                return 0
            if not options.native:
                runs.tell(sockets, control, options.description or description.vms[0].name)
            return start(emulator, command, options, images,
                         capture_of(emulator, options, description))
    except console.Stopped as stopped:
        return 128 + stopped.args[0]
    except console.OutputLost:
        return 1
    except OSError as error:
        raise Refusal("%s: %s" % (error.filename or "build/run", error.strerror))


# What to run


def load_description(options):
    if options.description:
        for name in ("kernel", "initrd", "append", "cpus", "memory", "name", "disk", "net"):
            if getattr(options, name) is not None:
                raise Refusal("--%s cannot be given together with %s: write it in the description"
                              % (name, options.description))
        description = vms.load(options.description)
    else:
        description = vms.Description([vm_of_options(options)])
    if options.script is not None:
        description.script = read_script(options.script)
    return description


def read_script(path):
    """The text of --script; it takes the place of the description's own."""
    where = "--script %s" % path
    try:
        with open(0 if path == "-" else path, "rb", closefd=path != "-") as file:
            return vms.check_script(file.read(vms.MAX_SCRIPT + 1), where)
    except OSError as error:
        raise Refusal("%s cannot be read (%s): check the path" % (where, error.strerror))


def vm_of_options(options):
    """The one VM that the command line describes: by default the guest that setup has made."""
    kernel, initrd, append = options.kernel, options.initrd, options.append
    if kernel is None:
        kernel, initrd = GUEST_KERNEL, initrd or GUEST_INITRD
        if not os.path.exists(kernel) or not os.path.exists(initrd):
            raise Refusal("the default guest is not there yet: run ./doppel setup")
        append = default_append() if append is None else append
    place = vms.CommandLine({"kernel": kernel, "initrd": initrd})
    name = options.name or ("guest" if options.kernel else "debian")
    machine = vms.Vm(name=name,
                     vcpus=DEFAULT_CPUS if options.cpus is None else options.cpus,
                     memory=sizes.parse(options.memory or DEFAULT_MEMORY, "--memory"),
                     kernel=image.read_file(kernel, "--kernel"),
                     initrd=image.read_file(initrd, "--initrd") if initrd else b"",
                     bootargs=append or "",
                     virtio=devices_of_options(options, name))
    vms.check(machine, place, vms.Payloads())
    return machine


def devices_of_options(options, vm):
    """The devices that --disk and --net give, called disk, disk-2, ... and net, net-2, ..."""
    found = []
    for number, text in enumerate(options.disk or (), 1):
        found.append(disk_of_option(text, numbered("disk", number)))
    for number, text in enumerate(options.net or (), 1):
        forwards = text.split(",") if text else ()
        found.append(devices.Net(numbered("net", number), dts.Option("--net %s" % text), vm,
                                 forwards=forwards))
    if len(found) > devices.MAX_DEVICES:
        raise Refusal("--disk and --net are given %d times: give a VM at most %d devices"
                      % (len(found), devices.MAX_DEVICES))
    return found


def numbered(name, number):
    return name if number == 1 else "%s-%d" % (name, number)


def disk_of_option(text, name):
    """FILE[,read-only][,overlay]; the file's own name may have commas, too."""
    place, words = dts.Option("--disk " + text), []
    path, comma, last = text.rpartition(",")
    while comma and last in {"read-only", "overlay"}.difference(words):
        text = path
        words.append(last)
        path, comma, last = text.rpartition(",")
    return devices.Disk(name, place, text, read_only="read-only" in words,
                        overlay=devices.DEFAULT_OVERLAY if "overlay" in words else None)


def default_append():
    """The default guest's command line; a serial line cannot ask how large the terminal is."""
    words = "console=ttyS0 quiet"
    if os.isatty(0) and os.isatty(1):
        size = os.get_terminal_size(1)
        if size.columns and size.lines:
            words += " doppel.tty=%dx%d" % (size.columns, size.lines)
    return words


# How to run it


@contextlib.contextmanager
def control_socket(options, directory):
    """The path of the control socket, which QEMU makes: the one of --ctl, or in the directory."""
    if not options.ctl:
        yield os.path.join(directory, runs.CONTROL)
        return
    path = os.path.abspath(options.ctl)
    check_control(options.ctl, path)
    try:
        yield path
    finally:
        if not options.check:
            with contextlib.suppress(OSError):
                os.unlink(path)


def check_control(given, path):
    """Refuses what QEMU would fail on, and what it would remove: whatever is no socket of a run
    that is over."""
    if len(path.encode()) > runs.MAX_SOCKET_PATH:
        raise Refusal("--ctl %s is longer than %d bytes as an absolute path: choose a shorter one"
                      % (given, runs.MAX_SOCKET_PATH))
    if not os.access(os.path.dirname(path), os.W_OK):
        raise Refusal("--ctl %s: its directory is missing or cannot be written: choose another"
                      % given)
    if not os.path.lexists(path):
        return
    if not stat.S_ISSOCK(os.lstat(path).st_mode):
        raise Refusal("--ctl %s exists and is no socket: choose another path" % given)
    with socket.socket(socket.AF_UNIX) as probe:
        if probe.connect_ex(path) == 0:
            raise Refusal("--ctl %s belongs to another run: choose another path" % given)


def plan_doppel(emulator, options, description, directory, sockets, control):
    machines = description.vms
    if not any(vm.autostart for vm in machines) and description.script is None \
            and not os.isatty(0):
        raise Refusal("%s: no VM has the property \"autostart\": nothing would run: give it to at "
                      "least one, or start them with --script" % options.description)
    path = os.path.join(directory, "vms.dtb")
    wires = wiring.Wiring(machines)
    blob = vms.write(description)
    cpus = host_cpus(options, machines)
    memory = host_memory(options, machines, len(blob))
    options.consoles = options.consoles or default_consoles()
    with open(path, "wb") as file:
        file.write(blob)
    command = qemu.command(emulator, options, cpus, memory, qemu.doppel_payload(path, options) +
                           wiring.doppel_options(wires, sockets, control, bool(options.trace)))
    return command, wires.images


def default_consoles():
    """A person looks at one VM at a time; a file gets all of them."""
    return "focus" if os.isatty(0) and os.isatty(1) else "all"


def plan_native(emulator, options, description, directory, sockets, _):
    machines = description.vms
    if len(machines) > 1:
        raise Refusal("%s: --native runs one VM, and this describes %d: give one with one VM"
                      % (options.description, len(machines)))
    for name, given in (("cpus", options.host_cpus), ("memory", options.host_memory)):
        if given is not None:
            raise Refusal("--host-%s has no meaning with --native: the machine is as large as the "
                          "VM, change that" % name)
    for name in ("script", "json", "consoles", "ctl", "trace"):
        if getattr(options, name):
            raise Refusal("--%s has no meaning with --native: there is no monitor, leave it out"
                          % name)
    machine = machines[0]
    paths = {"kernel": "", "initrd": ""}
    for name in paths:
        if getattr(machine, name):
            paths[name] = os.path.join(directory, name)
            with open(paths[name], "wb") as file:
                file.write(getattr(machine, name))
    command = qemu.command(emulator, options, machine.vcpus, machine.memory,
                           qemu.native_payload(machine, paths["kernel"], paths["initrd"]) +
                           wiring.native_options(wiring.Wiring(machines), sockets))
    return command, []          # their images are QEMU's own business


def host_cpus(options, machines):
    """As many harts as the largest VM has vCPUs, and as `harts` names, up to 8; at least two for
    several VMs."""
    cpus = options.host_cpus
    if options.icount:
        if cpus not in (None, 1):
            raise Refusal("--icount runs on one hart: leave out --host-cpus %d" % cpus)
        cpus = 1
    elif cpus is None:
        largest = max(max([vm.vcpus] + [hart + 1 for hart in vm.harts or ()]) for vm in machines)
        if len(machines) > 1:
            largest = max(largest, min(2, os.cpu_count() or 1))
        cpus = min(largest, MAX_DEFAULT_HOST_CPUS)
    elif not 1 <= cpus <= MAX_HOST_CPUS:
        raise Refusal("--host-cpus of %d is out of range: give 1 to %d" % (cpus, MAX_HOST_CPUS))
    for vm in machines:
        check_harts(vm, cpus, options)
    return cpus


def check_harts(vm, cpus, options):
    highest = max(vm.harts or (0,))
    if highest >= cpus:
        raise Refusal("%s: VM \"%s\": harts has %d, and the machine's harts are 0 to %d: %s, or "
                      "change harts" % (options.description, vm.name, highest, cpus - 1,
                                        "leave out --icount" if options.icount else
                                        "give --host-cpus %d" % (highest + 1)))


def host_memory(options, machines, payload):
    """Bytes of RAM for the host: its own share and the memory of all VMs, which need not all be
    started at once: --host-memory may be less.

    A VM of 1 GiB or more counts in whole GiB, so that the hypervisor can map it with 1 GiB pages.
    The hypervisor's page pool, 64 MiB at most, lies before the payload.
    """
    own = PAYLOAD_AT + payload + PAYLOAD_SLACK
    if options.host_memory is not None:
        memory = given_memory(options, own, machines, payload)
    else:
        memory = sizes.round_up(own, GIB) + sum(
            sizes.round_up(vm.memory, GIB) if vm.memory >= GIB else vm.memory
            for vm in machines) + overlays(machines)
        memory = past_qemu_limit(memory, payload)
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if memory > physical:
        say("warning: the machine is to have %s of RAM, and this computer has %s: it may run out "
            "of memory." % (sizes.text(memory), sizes.text(physical // MIB * MIB)))
    return memory


def overlays(machines):
    """Bytes that the overlays of disks may grow to."""
    return sum(sizes.round_up(disk.overlay, vms.MEMORY_STEP)
               for _, disk in wiring.of_kind(machines, devices.Disk) if disk.overlay is not None)


def given_memory(options, own, machines, payload):
    """--host-memory, which must suffice for the VMs that are started at once."""
    memory = sizes.parse(options.host_memory, "--host-memory")
    started = sum(vm.memory for vm in machines if vm.autostart)
    if memory < own + started:
        raise Refusal("--host-memory of %s is too small for %s of guest memory, the payloads "
                      "and the hypervisor: give at least %s"
                      % (sizes.text(memory), sizes.text(started),
                         sizes.text(sizes.round_up(own + started, MIB))))
    if memory != past_qemu_limit(memory, payload):
        raise Refusal("--host-memory of %s is a size for which QEMU 7.2 cannot load the "
                      "payloads: give at least %s"
                      % (sizes.text(memory), sizes.text(past_qemu_limit(memory, payload))))
    return memory


def past_qemu_limit(memory, payload):
    """`memory`, or the next size with which QEMU 7.2 loads the payload."""
    if 0 <= memory - PAYLOAD_ADDRESS < payload:
        return sizes.round_up(PAYLOAD_ADDRESS + payload, MIB)
    return memory


# Running it


def capture_of(emulator, options, description):
    """What writes the trace; None: none is wanted."""
    if not options.trace:
        return None
    return capture.Capture(options.trace, {
        "what": options.description or description.vms[0].name,
        "vms": [vm.name for vm in description.vms], "cpu": options.cpu,
        "qemu": "%d.%d" % (emulator.version() or (0, 0)), "icount": options.icount})


def start(emulator, command, options, images, tracer=None):
    """Runs QEMU, and looks at these images meanwhile."""
    try:
        if not images:
            return run_qemu(emulator, command, options, tracer=tracer)
        with contextlib.closing(watch.Watch(images)) as eyes:
            return run_qemu(emulator, command + eyes.options(), options, eyes, tracer)
    finally:
        if tracer:
            say("%s." % tracer.finish())


def run_qemu(emulator, command, options, eyes=None, tracer=None):
    if os.isatty(0) and os.isatty(2):
        say("Ctrl-] q leaves%s." % ("" if options.native else ", Ctrl-] m opens the monitor"))
    session = console.Session(command + (tracer.options() if tracer else []),
                              emulator.environment, options.timeout, eyes, tracer)
    try:
        session.start()
    except OSError as error:
        raise Refusal("%s cannot be run (%s): check --qemu" % (emulator.path, error.strerror))
    outcome = session.run()
    if outcome == console.LEFT:
        say("left.", "\n" if session.raw else "")
        return 0
    if outcome == console.TIMED_OUT:
        say("the timeout of %g s passed." % options.timeout)
        return TIMEOUT_STATUS
    return exit_status(session, options.native)


def exit_status(session, native):
    """Our exit status for QEMU's; a sentence for an end that QEMU itself is the cause of."""
    if session.status == 0 or (session.status in STATUS and not native):
        return STATUS[session.status]
    said = session.said.decode("utf-8", "replace").strip().splitlines()
    if session.status < 0:
        say("QEMU was ended by signal %d%s." % (-session.status, quoted(said)))
    else:
        say("QEMU ended with status %d%s." % (session.status, quoted(said)))
    return 1


def quoted(lines):
    return ", saying \"%s\"" % lines[-1] if lines else " and said nothing"


def say(sentence, before=""):
    print("%sdoppel: %s" % (before, sentence), file=sys.stderr)
