# SPDX-License-Identifier: BSD-2-Clause
"""What an exit was for, and what was done, in words."""

from . import disasm
from .tracefile import (
    BLOCKED, CAUSES, ECALL, FETCH_FAULT, ILLEGAL, INJECTED, INTERRUPT, LEFT, LOAD_FAULT,
    RAISED, STORE, STORE_FAULT, TRANSFORMED, VALUE, VIRTUAL, cause_name)

SBI = {0x10: ("base", ("get_spec_version", "get_impl_id", "get_impl_version", "probe_extension",
                       "get_mvendorid", "get_marchid", "get_mimpid")),
       0x54494D45: ("time", ("set_timer",)), 0x735049: ("ipi", ("send_ipi",)),
       0x52464E43: ("rfence", ("fence_i", "sfence_vma", "sfence_vma_asid", "hfence_gvma_vmid",
                               "hfence_gvma", "hfence_vvma_asid", "hfence_vvma")),
       0x48534D: ("hsm", ("hart_start", "hart_stop", "hart_get_status", "hart_suspend")),
       0x53525354: ("srst", ("system_reset",)),
       0x504D55: ("pmu", ("num_counters", "counter_get_info", "counter_config_matching",
                          "counter_start", "counter_stop", "counter_fw_read",
                          "counter_fw_read_hi", "snapshot_set_shmem")),
       0x4442434E: ("dbcn", ("console_write", "console_read", "console_write_byte")),
       0x535441: ("sta", ("set_shmem",))}
LEGACY = ("set_timer", "console_putchar", "console_getchar", "clear_ipi", "send_ipi",
          "remote_fence_i", "remote_sfence_vma", "remote_sfence_vma_asid", "shutdown")

NEVER = (1 << 64) - 1

# docs/guest-machine.md
DEVICES = ((0x00100000, 0x1000, "test"), (0x00101000, 0x1000, "rtc"),
           (0x00102000, 0x1000, "power-button"), (0x0C000000, 0x600000, "plic"),
           (0x10000000, 0x100, "serial")) + tuple(
               (0x10001000 + 0x1000 * n, 0x1000, "virtio%d" % (n + 1)) for n in range(24))
SERIAL = ("rbr/thr", "ier", "iir/fcr", "lcr", "mcr", "lsr", "msr", "scr")
VIRTIO = {0x00: "MagicValue", 0x04: "Version", 0x08: "DeviceID", 0x10: "DeviceFeatures",
          0x14: "DeviceFeaturesSel", 0x20: "DriverFeatures", 0x24: "DriverFeaturesSel",
          0x30: "QueueSel", 0x34: "QueueNumMax", 0x38: "QueueNum", 0x44: "QueueReady",
          0x50: "QueueNotify", 0x60: "InterruptStatus", 0x64: "InterruptACK", 0x70: "Status"}


def gpa(event):
    """The guest physical address of a guest page fault (privileged specification 19.2.8)."""
    return event.htval << 2 | event.stval & 3


def is_fault(event):
    return event.cause in (FETCH_FAULT, LOAD_FAULT, STORE_FAULT)


def device(address):
    """(device, register) at a guest physical address; ("", "") where none is."""
    for start, size, name in DEVICES:
        if start <= address < start + size:
            return name, register(name, address - start)
    return "", ""


def register(name, offset):
    if name == "serial" and offset < len(SERIAL):
        return SERIAL[offset]
    if name.startswith("virtio"):
        return VIRTIO.get(offset, "config" if offset >= 0x100 else "0x%x" % offset)
    if name == "plic":
        return plic_register(offset)
    return "0x%x" % offset


def plic_register(offset):
    if offset < 0x1000:
        return "priority %d" % (offset // 4)
    if offset < 0x2000:
        return "pending"
    if offset < 0x200000:
        return "enable of context %d" % ((offset - 0x2000) // 0x80)
    context, at = divmod(offset - 0x200000, 0x1000)
    return "%s of context %d" % ({0: "threshold", 4: "claim"}.get(at, "0x%x" % at), context)


def call(event):
    """(extension, function) of a call."""
    if event.call < len(LEGACY):
        return "legacy", LEGACY[event.call]
    name, functions = SBI.get(event.call, ("0x%x" % event.call, ()))
    function = functions[event.function] if event.function < len(functions) else event.function
    return name, str(function)


def kind(event):
    """What it was for, in few words: exits that have the same do the same."""
    if event.cause == ECALL:
        return "sbi %s.%s" % call(event)
    if is_fault(event):
        name, where = device(gpa(event))
        if name:
            return "%s %s %s" % ("read" if event.cause == LOAD_FAULT else "write", name, where)
        return "memory"
    if event.cause in (VIRTUAL, ILLEGAL):
        csr = event.insn >> 20
        if event.insn & 0x7F == 0x73 and event.insn >> 12 & 3:
            return "csr " + disasm.CSRS.get(csr, "0x%x" % csr)
        return disasm.FIXED.get(event.insn, "instruction")
    return cause_name(event.cause)


def action(event):
    """What the hypervisor did."""
    raised = [name for flag, name in RAISED.items() if event.flags & flag]
    return main_action(event) + (", raises %s" % " and ".join(raised) if raised else "")


def main_action(event):
    if event.what == INJECTED:
        return "injects %s" % CAUSES.get(event.result, event.result)
    if event.what == BLOCKED:
        return "the vCPU waits for an interrupt"
    if event.what == LEFT:
        return "the vCPU is off"
    if event.cause == ECALL:
        error = event.result - 256 if event.result > 127 else event.result
        value = "never" if event.value == NEVER and "set_timer" in kind(event) else \
            "0x%x" % event.value
        return "%s(%s): %s" % (kind(event), value, "error %d" % error if error else "ok")
    if is_fault(event):
        return access(event)
    if event.cause == ILLEGAL:
        return "loads floating-point or vector state"
    if event.cause == VIRTUAL:
        return "emulates %s" % kind(event)
    return "handles an interrupt of the machine" if event.cause & INTERRUPT else "handled"


def access(event):
    name, where = device(gpa(event))
    place = "%s %s" % (name, where) if name else "0x%x" % gpa(event)
    if not event.flags & VALUE:
        return "%s: again" % place
    if event.flags & STORE:
        return "%s <- 0x%x" % (place, event.value)
    return "%s -> 0x%x" % (place, event.value)


def instruction(event, disassembler):
    return disassembler.text(event.insn, bool(event.flags & TRANSFORMED))
