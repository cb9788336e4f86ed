#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Monitor commands from a file: their answers, in words and as JSON, and how a script ends."""

import pathlib
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import monitors  # noqa: E402
from monitors import Script, vm  # noqa: E402

TAP = monitors.Tap()

# What tests/guest/inspected/main.c puts there.
DATA, DATA_GVA = 0x80800000, 0x1234567000
LARGE, LARGE_GVA = 0x80A00000, 0x2000000000
TEXT = b"This text is what the monitor is to show.\0"
NUMBER = 0x0123456789ABCDEF

TARGET = vm("target", vcpus=2)
TALKER = vm("talker", bootargs="loop")
SPARE = vm("spare", bootargs="wait", autostart=False)
READY = "wait target output ready 60"


def bytes_of(dump):
    """The bytes of a hexadecimal dump, checked against its text column."""
    found = b""
    for line in dump.splitlines():
        match = re.match(r"[0-9a-f]{16}  ([0-9a-f ]+?) +\|(.*)\|$", line)
        if not match:
            return line
        data = bytes.fromhex(match.group(1))
        text = "".join(chr(b) if 32 <= b < 127 else "." for b in data)
        if text != match.group(2):
            return line
        found += data
    return found


def test_inspection(qemu, label):
    """What a guest holds that is known: registers, memory, translations."""
    commands = {
        "regs": "regs target", "off": "regs target.1",
        "physical": "mem target 0x%x 0x%x" % (DATA, len(TEXT)),
        "across": "mem target v:0x%x 16" % (DATA_GVA + 0xFF8),
        "register": "mem target.0 v:s2", "most": "mem target 0x80000000 4K",
        "small": "walk target 0x%x" % (DATA_GVA + 8),
        "large": "walk target 0x%x" % (LARGE_GVA + 0x12345),
        "unmapped": "walk target 0x%x" % (DATA_GVA + 0x2000),
        "device": "walk target 0x10000000", "pc": "walk target pc",
    }
    run = Script(qemu, [TARGET], [READY, *commands.values(), "kill target"])
    answers = {name: run.answers.get(line, "") for name, line in commands.items()}
    registers = dict(re.findall(r"\b(pc|[a-z]+[0-9]*|zero) +([0-9a-f]{16})", answers["regs"]))
    TAP.ok(run.status == 0, "a script to its end, " + label, run.tail)
    TAP.ok([int(registers.get(name, "0"), 16) for name in ("s2", "s3", "t6")]
           == [DATA_GVA, NUMBER, 0x66] and len(registers) >= 42,
           "regs: what the guest's registers hold, " + label, answers["regs"])
    TAP.ok("VS-mode" in answers["regs"] and re.search("^satp .* Sv39$", answers["regs"], re.M),
           "regs: mode and satp in words, " + label, answers["regs"])
    TAP.ok(answers["off"].startswith("target.1: off"), "regs: a vCPU that is off, " + label,
           answers["off"])
    TAP.ok(bytes_of(answers["physical"]) == TEXT, "mem: physical, " + label, answers["physical"])
    TAP.ok(bytes_of(answers["across"]) == bytes(8) + NUMBER.to_bytes(8, "little"),
           "mem: virtual, over the end of a page, " + label, answers["across"])
    TAP.ok(bytes_of(answers["register"]) == (TEXT + bytes(64))[:64], "mem: where a register points, "
           + label, answers["register"])
    TAP.ok(len(bytes_of(answers["most"])) == 4096, "mem: 4 KiB, " + label, answers["most"])
    walk = answers["small"]
    TAP.ok(re.search("^gva 0x%x = gpa 0x%x = hpa 0x[0-9a-f]+$" % (DATA_GVA + 8, DATA + 8), walk, re.M)
           and len(re.findall(r"^  level [012]: table gpa .*: V", walk, re.M)) == 3
           and len(re.findall(r"^      G-stage: gpa .* 2 MiB page, V R W X U A D$", walk, re.M)) == 3
           and re.search(r"level 0: .*: V R A$", walk, re.M),
           "walk: three levels, each translated by the G-stage, " + label, walk)
    TAP.ok("a 2 MiB page at gpa 0x%x" % LARGE in answers["large"]
           and "= gpa 0x%x =" % (LARGE + 0x12345) in answers["large"],
           "walk: a large page, " + label, answers["large"])
    TAP.ok(answers["unmapped"].endswith("stops here: the entry is not valid\n"),
           "walk: where there is nothing, " + label, answers["unmapped"])
    TAP.ok(answers["device"].endswith("no RAM of the guest is there; a device may be\n"),
           "walk: where a device is, " + label, answers["device"])
    TAP.ok("gva 0x%s = gpa 0x%s =" % ((registers.get("pc", "").lstrip("0"),) * 2) in answers["pc"],
           "walk: the pc, " + label, answers["pc"])


def test_json(qemu, label):
    """--json behind a command, and for all of them."""
    lines = [READY, "wait talker output line 60", "sleep 0.5", "vms --json", "info target --json",
             "stats talker --json", "stats --json", "vms", "kill target", "kill talker"]
    run = Script(qemu, [TARGET, TALKER, SPARE], lines)
    vms, info = run.json("vms --json") or [], run.json("info target --json") or {}
    TAP.ok([(v["name"], v["state"], v["vcpus"], v["memory"]) for v in vms]
           == [("target", "running", 2, 32 << 20), ("talker", "running", 1, 32 << 20),
               ("spare", "described", 1, 32 << 20)], "vms as JSON, " + label, run.tail)
    TAP.ok(vms and vms[0]["cpu_permille"] > 100 and vms[1]["exits_per_second"] > 0
           and vms[1]["top_cause"], "rates in it, " + label, vms)
    TAP.ok(info.get("name") == "target" and len(info["vcpus"]) == 2 and info["kill_reason"] is None
           and info["vcpus"][0]["guest_us"] > 100000 and info["vcpus"][1]["state"] == "off"
           and "serial" in info["devices"] and info["weight"] == 100 and info["cap"] == 0,
           "info as JSON, " + label, info)
    stats, own = run.json("stats talker --json") or {}, run.json("stats --json") or {}
    TAP.ok(stats.get("name") == "talker" and stats["boots"] == 1 and stats["mmio.serial"] > 10
           and stats["exits"] >= stats["exit.guest-store-page-fault"] > 0,
           "stats of a VM as JSON, " + label, stats)
    TAP.ok(own.get("name") == "doppel" and own["vms"] == 2
           and 0 < own["memory.pages-used"] < own["memory.pages-total"],
           "stats of the hypervisor as JSON, " + label, own)
    TAP.ok(run.answers["vms"].split()[:3] == ["NO", "NAME", "STATE"],
           "without --json, words, " + label, run.answers["vms"])
    run = Script(qemu, [TARGET], ["vms", "info target", "kill target", "info other"], "--json")
    TAP.ok(run.json("vms")[0]["name"] == "target" and run.json("info target")["name"] == "target",
           "--json of the launcher, " + label, run.tail)
    TAP.ok(run.status == 5 and "no VM" in (run.json("info other") or {}).get("error", ""),
           "an error as JSON, " + label, run.tail)


def test_life(qemu, label):
    """Every state that a VM can be in, and VMs made after a description."""
    lines = [
        READY, "vms --json", "pause target", "info target", "resume target", "reset target", READY,
        "create spare", "create spare second", "start second", "wait second output ready 60",
        "wait second running", "destroy spare", "kill second", "wait second killed", "start second",
        "wait second output ready 60", "kill second", "info second --json", "destroy second",
        "weight target 300", "cap target 50", "pin target.1 0", "info target --json", "cap target off",
        "pin target any", "info target", "trace target show", "trace target off", "trace target show 1",
        "sleep 0.3", "trace target show 2", "trace target on", "sleep 0.3", "trace target show 3",
        "harts", "stats", "kill target",
    ]
    run = Script(qemu, [TARGET, SPARE], lines)
    states = {line: run.answers.get(line, "").strip() for line in lines}
    TAP.ok(run.status == 0, "all of a VM's life, " + label, run.tail)
    TAP.ok([states[line] for line in (
        "pause target", "resume target", "reset target", "create spare", "create spare second",
        "start second", "destroy spare", "kill second", "destroy second")]
        == ["target: paused", "target: running", "target: running", "spare: created",
            "second: created", "second: running", "spare: destroyed", "second: killed",
            "second: destroyed"], "each command tells the state, " + label, states)
    second = run.json("info second --json") or {}
    TAP.ok(second.get("boots") == 2 and second["description"] == "spare"
           and second["kill_reason"] == "by the operator", "a VM after a description, " + label, second)
    info = run.json("info target --json") or {}
    TAP.ok((info.get("boots"), info.get("weight"), info.get("cap")) == (2, 300, 50)
           and sorted(info["vcpus"][0]["harts"]) == [0, 1] and info["vcpus"][1]["harts"] == [0],
           "reset, weight, cap and pin are seen, " + label, info)
    TAP.ok("weight    300, cap none" in states["info target"] and "pinned" not in states["info target"],
           "and taken back, " + label, states["info target"])
    TAP.ok(re.search(r"^hart \d vm 0\.0 time \d+ pc [0-9a-f]{16} ", states["trace target show"], re.M),
           "trace: the last exits, " + label, states["trace target show"])
    newest = [states["trace target show %d" % n].splitlines()[-1:] for n in (1, 2, 3)]
    TAP.ok(newest[0] == newest[1] != newest[2], "trace off and on, " + label, newest)
    TAP.ok(re.search(r"^ +0  online ", states["harts"], re.M), "harts, " + label, states["harts"])
    TAP.ok("\nvms 1\n" in "\n" + states["stats"], "destroyed VMs are gone, " + label, states["stats"])


def test_switches(qemu, label):
    """devices: of VMs, and without one what connects them."""
    net = '%s { compatible = "doppel,net"; switch = "%s"; mac = [52 54 00 00 00 0%d]; %s };'
    one = vm("one", net % ("lan", "lan", 1, 'address = "10.9.0.1/24";') + net % ("net", "nat", 2, ""))
    two = vm("two", net % ("lan", "lan", 3, ""), bootargs="wait")
    run = Script(qemu, [one, two], ["devices", "devices --json", "devices one net", "quit"])
    TAP.ok(run.answers["devices one net"].startswith("net: net at 0x10002000, interrupt 2\n"),
           "one device of a VM, " + label, run.answers["devices one net"])
    found = {switch["name"]: switch for switch in run.json("devices --json") or []}
    TAP.ok(sorted(found) == ["lan", "nat"] and found["lan"]["learnt"] == [], "switches as JSON, "
           + label, run.tail)
    ports = {name: [(port["vm"], port["mac"], port["address"], port["up"]) for port in
                    found[name]["ports"]] for name in found}
    TAP.ok(ports.get("lan") == [("one", "52:54:00:00:00:01", "10.9.0.1", False),
                                ("two", "52:54:00:00:00:03", None, False)],
           "the ports of VMs, " + label, ports)
    uplink, inside = (ports.get("nat") or [(), ()])[:2]
    TAP.ok(uplink[:1] + uplink[2:] == (None, None, True)
           and inside == ("one", "52:54:00:00:00:02", "10.0.2.15", False),
           "the uplink, " + label, ports)
    TAP.ok(re.search(r"^switch lan\n  PORT  ADDRESS +IPV4 +STATE +SENT +RECEIVED +DROPPED\n"
                     r"  one   52:54:00:00:00:01  10\.9\.0\.1 +down +0 +0 +0\n"
                     r"  two   52:54:00:00:00:03  - +down +0 +0 +0\n", run.answers["devices"], re.M),
           "switches in words, " + label, run.answers["devices"])
    run = Script(qemu, [SPARE], ["devices", "devices --json", "quit"])
    TAP.ok("there are no switches" in run.answers["devices"] and run.json("devices --json") == [],
           "no switches, " + label, run.tail)


def test_idle(qemu, label):
    """Who sleeps does not seem busy: neither a guest whose WFI does not trap, nor a hart."""
    sleeper = vm("sleeper", "harts = <0>;", kernel=monitors.ROLES, bootargs="idle span=60000")
    run = Script(qemu, [sleeper], ["sleep 0.25", "vms --json"] * 20 + ["harts", "quit"],
                 "--host-cpus", "3")
    rates = [int(rate) for rate in re.findall(r'"cpu_permille":(\d+)', run.text)]
    TAP.ok(run.status == 0 and len(rates) == 20 and max(rates) <= 1000
           and sorted(rates)[len(rates) // 2] < 500, "a guest that sleeps, " + label, rates)
    busy = re.findall(r"^ +[12]  online +([0-9.]+)  ", run.answers["harts"], re.M)
    TAP.ok(len(busy) == 2 and all(float(percent) < 50 for percent in busy),
           "harts that sleep, " + label, run.answers["harts"])


def test_place(qemu, label):
    """What was noted of a VM that is gone is not another's, which has its place."""
    run = Script(qemu, [SPARE], [
        "create spare one", "start one", "wait one output ready 60", "trace one show", "kill one",
        "destroy one", "create spare two", "trace two show", "quit"])
    TAP.ok(run.status == 0 and run.answers["trace one show"].startswith("hart ")
           and run.answers["trace two show"].startswith("no exits of two "),
           "exits of a VM that is gone, " + label, run.tail)


def test_stop(qemu, label):
    """A guest that hears its power button and stays."""
    run = Script(qemu, [vm("deaf", bootargs="listen")],
                 ["wait deaf output ready 60", "stop deaf", "sleep 11", "kill deaf"])
    TAP.ok(run.status == 0 and "deaf: the power button was pressed" in run.answers["stop deaf"]
           and "deaf has not powered off in 10 s; kill deaf ends it" in run.text,
           "stop: a line tells that nothing comes of it, " + label, run.tail)


def test_ends(qemu, label):
    """How a script ends, and what becomes of the VMs."""
    run = Script(qemu, [vm("busy", kernel=monitors.ROLES, bootargs="spin")], ["# nothing", "", "  "])
    TAP.ok(run.status == 0 and "spun" in run.text, "VMs go on behind the script, " + label, run.tail)
    run = Script(qemu, [TARGET], [READY, "echo before", "bogus", "echo behind"])
    TAP.ok(run.status == 5 and "echo before" in run.answers and "echo behind" not in run.answers,
           "a command that fails ends it with status 5, " + label, run.tail)
    run = Script(qemu, [TARGET], ["wait target output never 0.5"])
    TAP.ok(run.status == 5 and 'target has not printed "never"' in run.text,
           "so does a wait in vain, " + label, run.tail)
    run = Script(qemu, [TARGET], ["echo " + "x" * 300])
    TAP.ok(run.status == 5 and "longer than 255 bytes" in run.text, "and a line that is too long, " + label,
           run.tail)
    run = Script(qemu, [TARGET], ["echo before\r", "quit\r", "echo behind"])
    TAP.ok(run.status == 0 and "echo behind" not in run.answers, "quit, " + label, run.tail)
    run = Script(qemu, [SPARE], ["create spare", "start spare", "wait spare output ready 60", "kill spare"])
    TAP.ok(run.status == 0, "no VM that starts by itself, " + label, run.tail)


def test_volume(qemu, label):
    """More output than the monitor's console holds, beside a VM that prints as fast as it can."""
    noisy = vm("noisy", kernel=monitors.ROLES, bootargs="print")
    run = Script(qemu, [noisy], ["help"] * 100 + ["wait noisy off 120"], "--consoles", "all")
    bad = [line for line in run.text.splitlines()
           if line.startswith("vms  ") and not line.endswith("what they are doing")
           or line.startswith("quit  ") and not line.endswith("the machine")]
    TAP.ok(run.status == 0 and not bad and run.text.count("\nvms       lists") == 100
           and run.text.count("\nquit      ends") == 100, "100 times help, every line whole, " + label,
           "\n".join(bad) + run.tail)


for path, name in monitors.emulators():
    test_inspection(path, name)
    test_json(path, name)
    test_life(path, name)
    test_switches(path, name)
    test_idle(path, name)
    test_place(path, name)
    test_stop(path, name)
    test_ends(path, name)
    test_volume(path, name)
TAP.done()
