# SPDX-License-Identifier: BSD-2-Clause
"""Instructions as text: those that trap, by a decoder of our own; what that one does not know, by
objdump for RISC-V, where it is installed."""

import re
import shutil
import struct
import subprocess
import tempfile

OBJDUMPS = ("riscv64-linux-gnu-objdump", "riscv64-unknown-elf-objdump")
REGISTERS = ("zero ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 "
             "s11 t3 t4 t5 t6").split()
LOADS = ("lb", "lh", "lw", "ld", "lbu", "lhu", "lwu")
STORES = ("sb", "sh", "sw", "sd")
CSR_OPS = {1: "csrrw", 2: "csrrs", 3: "csrrc", 5: "csrrwi", 6: "csrrsi", 7: "csrrci"}
FIXED = {0x00000073: "ecall", 0x00100073: "ebreak", 0x10200073: "sret", 0x30200073: "mret",
         0x10500073: "wfi", 0x00D00073: "wrs.nto", 0x01D00073: "wrs.sto", 0x9002: "ebreak"}
CSRS = {
    0x001: "fflags", 0x002: "frm", 0x003: "fcsr", 0x015: "seed", 0x100: "sstatus", 0x104: "sie",
    0x105: "stvec", 0x106: "scounteren", 0x10A: "senvcfg", 0x140: "sscratch", 0x141: "sepc",
    0x142: "scause", 0x143: "stval", 0x144: "sip", 0x14D: "stimecmp", 0x180: "satp",
    0x600: "hstatus", 0x602: "hedeleg", 0x603: "hideleg", 0x604: "hie", 0x606: "hcounteren",
    0x60A: "henvcfg", 0x643: "htval", 0x644: "hip", 0x645: "hvip", 0x64A: "htinst",
    0x680: "hgatp", 0xC00: "cycle", 0xC01: "time", 0xC02: "instret", 0x8: "vstart",
    0xC20: "vl", 0xC21: "vtype", 0xC22: "vlenb"}
CSRS.update({0xC00 + n: "hpmcounter%d" % n for n in range(3, 32)})


def signed(value, bits):
    return value - (1 << bits) if value >> (bits - 1) else value


def address(insn, transformed, store):
    """The operand of a load or store. In htinst rs1 and the offset are not the guest's."""
    if transformed:
        return "(...)"
    offset = (insn >> 25 << 5 | insn >> 7 & 31) if store else insn >> 20
    return "%d(%s)" % (signed(offset, 12), REGISTERS[insn >> 15 & 31])


def decode(insn, transformed=False):
    """Text, or None: it is not known here."""
    if insn in FIXED:
        return FIXED[insn]
    if transformed:
        insn |= 2           # bit 1 tells that it had 16 bits
    if insn & 3 != 3:
        return decode_compressed(insn)
    opcode, funct3 = insn & 0x7F, insn >> 12 & 7
    if opcode == 0x03 and funct3 < len(LOADS):
        return "%s %s,%s" % (LOADS[funct3], REGISTERS[insn >> 7 & 31],
                             address(insn, transformed, False))
    if opcode == 0x23 and funct3 < len(STORES):
        return "%s %s,%s" % (STORES[funct3], REGISTERS[insn >> 20 & 31],
                             address(insn, transformed, True))
    return decode_system(insn, funct3) if opcode == 0x73 else None


def decode_system(insn, funct3):
    if funct3 in CSR_OPS:
        csr = CSRS.get(insn >> 20, "0x%x" % (insn >> 20))
        source = insn >> 15 & 31
        return "%s %s,%s,%s" % (CSR_OPS[funct3], REGISTERS[insn >> 7 & 31], csr,
                                source if funct3 & 4 else REGISTERS[source])
    names = {0x09: "sfence.vma", 0x11: "hfence.vvma", 0x31: "hfence.gvma", 0x0B: "sinval.vma"}
    name = names.get(insn >> 25) if funct3 == 0 and not insn >> 7 & 31 else None
    if name:
        return "%s %s,%s" % (name, REGISTERS[insn >> 15 & 31], REGISTERS[insn >> 20 & 31])
    return None


def decode_compressed(insn):
    """c.lw, c.ld, c.sw, c.sd and those of the stack (unprivileged specification, chapter 26)."""
    if insn >> 16:
        return None
    kind = (insn & 3) << 3 | insn >> 13
    short, base = REGISTERS[8 + (insn >> 2 & 7)], REGISTERS[8 + (insn >> 7 & 7)]
    word = (insn >> 10 & 7) << 3 | (insn >> 6 & 1) << 2 | (insn >> 5 & 1) << 6
    double = (insn >> 10 & 7) << 3 | (insn >> 5 & 3) << 6
    texts = {2: ("c.lw", short, word, base), 3: ("c.ld", short, double, base),
             6: ("c.sw", short, word, base), 7: ("c.sd", short, double, base)}
    rd, rs2 = REGISTERS[insn >> 7 & 31], REGISTERS[insn >> 2 & 31]
    sp_word = (insn >> 4 & 7) << 2 | (insn >> 12 & 1) << 5 | (insn >> 2 & 3) << 6
    sp_double = (insn >> 5 & 3) << 3 | (insn >> 12 & 1) << 5 | (insn >> 2 & 7) << 6
    texts.update({
        2 << 3 | 2: ("c.lwsp", rd, sp_word, "sp"), 2 << 3 | 3: ("c.ldsp", rd, sp_double, "sp"),
        2 << 3 | 6: ("c.swsp", rs2, (insn >> 9 & 15) << 2 | (insn >> 7 & 3) << 6, "sp"),
        2 << 3 | 7: ("c.sdsp", rs2, (insn >> 10 & 7) << 3 | (insn >> 7 & 7) << 6, "sp")})
    return "%s %s,%d(%s)" % texts[kind] if kind in texts else None


class Disassembler:
    """Remembers what it has been asked for."""

    def __init__(self):
        self.texts = {0: ""}
        self.objdump = next(filter(None, map(shutil.which, OBJDUMPS)), None)

    def text(self, insn, transformed=False):
        key = (insn, transformed) if transformed else insn
        if key not in self.texts:
            self.texts[key] = decode(insn, transformed) or self._ask_objdump(insn) or \
                ".insn 0x%x" % insn
        return self.texts[key]

    def _ask_objdump(self, insn):
        if not self.objdump:
            return None
        length = 4 if insn & 3 == 3 else 2
        with tempfile.NamedTemporaryFile(suffix=".bin") as file:
            file.write(struct.pack("<I", insn)[:length])
            file.flush()
            done = subprocess.run(
                [self.objdump, "-D", "-b", "binary", "-m", "riscv:rv64", file.name],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
        found = re.search(r"^ +0:\t[0-9a-f ]+\t(.*)$", done.stdout, re.M)
        text = " ".join(found.group(1).split()) if found else None
        return None if not text or text.startswith((".", "unimp")) else text
