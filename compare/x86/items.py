# SPDX-License-Identifier: BSD-2-Clause
"""The list of instructions, and what the manuals say of each: written by hand, before anything is run.

Sections: "SDM" is Intel's Software Developer's Manual, whose volume 2 describes each instruction by
its name; "APM" is AMD's Architecture Programmer's Manual.
"""

CONTROL, BEHAVIOUR, INNOCUOUS = "control-sensitive", "behaviour-sensitive", "innocuous"

# Selectors, as error codes of #GP hold them: of the bare kernel (bare/layout.h), and of Linux's.
BARE = {"cs": "0x8", "ds": "0x10"}
LINUX = {"cs": "0x10", "ds": "0x18"}

# The 17 of Robin and Irvine (2000), "Analysis of the Intel Pentium's Ability to Support a Secure
# Virtual Machine Monitor"; verr and verw are one entry of the manual, and one of the list.
CLASSIC = {
    "sgdt": "SGDT", "sidt": "SIDT", "sldt": "SLDT", "smsw": "SMSW", "pushf": "PUSHF",
    "popf_if": "POPF", "popf_iopl": "POPF", "lar": "LAR", "lsl": "LSL", "verr": "VERR/VERW",
    "verw": "VERR/VERW", "pop_seg": "POP", "pop_seg_cpl0": "POP", "push_seg": "PUSH",
    "call_far": "CALL", "call_far_cpl0": "CALL", "call_gate": "CALL", "jmp_far": "JMP",
    "jmp_far_cpl0": "JMP", "int_n": "INT n", "int_n_cpl0": "INT n", "ret_far": "RET",
    "ret_far_cpl0": "RET", "str": "STR", "mov_from_seg": "MOV", "mov_to_seg": "MOV",
    "mov_to_seg_cpl0": "MOV",
}


class Item:
    """One instruction in one use.

    cpl0, cpl3: what it does there: "trap #XX(code)" or what the program that runs it can see: reads
    (state of the machine), done, ignored, allowed or denied (the zero flag), enters CPL 0. `closed`:
    at CPL 3 with CR4.UMIP and CR4.TSD set, if that differs; `iopl3`: at CPL 3 with IOPL 3. `exit`: the intercept of
    SVM, with "first" if it comes before the instruction's exceptions (APM 2, table 15-7).
    """

    def __init__(self, name, section, kind, cpl0, cpl3, exit=None, closed=None, iopl3=None):
        self.name = name
        self.section = section
        self.kind = kind
        self.outcomes = {"cpl0": cpl0, "cpl3": cpl3, "closed": closed or cpl3, "iopl3": iopl3}
        self.exit, _, order = (exit or "").partition(" ")
        self.exits_first = order == "first"

    @property
    def sensitive(self):
        return self.kind != INNOCUOUS

    @property
    def of_memory(self):
        return self.name in ("load_cpl0", "store_cpl0")

    @property
    def of_svm(self):
        return self.name in SVM_INSTRUCTIONS

    def outcome(self, level, selectors):
        """What the manual says, on a machine whose kernel has these selectors."""
        text = self.outcomes[level]
        return text and text.format(**selectors)


GP = "trap #GP(0)"
UD = "trap #UD"


def privileged(name, section, kind, exit, cpl0="done", cpl3=GP, **more):
    return Item(name, section, kind, cpl0, cpl3, exit, **more)


def of_svm(name, instruction):
    """Without EFER.SVME: #UD. A guest has SVME set, which it does not know: see judge.py."""
    return Item(name, "APM 3, " + instruction + "; APM 2, 15.4", CONTROL, UD, UD,
                instruction if instruction != "VMMCALL" else "VMMCALL first")


ITEMS = [
    Item("sgdt", "SDM 2, SGDT", BEHAVIOUR, "reads", "reads", "GDTR_READ", closed=GP),
    Item("sidt", "SDM 2, SIDT", BEHAVIOUR, "reads", "reads", "IDTR_READ", closed=GP),
    Item("sldt", "SDM 2, SLDT", BEHAVIOUR, "reads", "reads", "LDTR_READ", closed=GP),
    Item("smsw", "SDM 2, SMSW", BEHAVIOUR, "reads", "reads", "CR0_READ", closed=GP),
    Item("pushf", "SDM 2, PUSHF", BEHAVIOUR, "reads", "reads", "PUSHF first"),
    Item("popf_if", "SDM 2, POPF", CONTROL, "done", "ignored", "POPF first", iopl3="done"),
    Item("popf_iopl", "SDM 2, POPF", CONTROL, "done", "ignored", "POPF first"),
    Item("lar", "SDM 2, LAR", BEHAVIOUR, "allowed", "denied"),
    Item("lsl", "SDM 2, LSL", BEHAVIOUR, "allowed", "denied"),
    Item("verr", "SDM 2, VERR/VERW", BEHAVIOUR, "allowed", "denied"),
    Item("verw", "SDM 2, VERR/VERW", BEHAVIOUR, "allowed", "denied"),
    Item("pop_seg", "SDM 2, POP", CONTROL, "done", "done"),
    Item("pop_seg_cpl0", "SDM 2, POP", CONTROL, "done", "trap #GP({ds})"),
    Item("push_seg", "SDM 2, PUSH", BEHAVIOUR, "reads", "reads"),
    Item("call_far", "SDM 2, CALL", BEHAVIOUR, "reads", "reads"),
    Item("call_far_cpl0", "SDM 2, CALL", CONTROL, "reads", "trap #GP({cs})"),
    Item("call_gate", "SDM 2, CALL", CONTROL, "enters CPL 0", "enters CPL 0"),
    Item("jmp_far", "SDM 2, JMP", CONTROL, "done", "done"),
    Item("jmp_far_cpl0", "SDM 2, JMP", CONTROL, "done", "trap #GP({cs})"),
    Item("int_n", "SDM 2, INT n", CONTROL, "enters CPL 0", "enters CPL 0", "SWINT first"),
    # The error code holds the vector, and a bit that says so: 0x21 * 8 + 2 (SDM 3, "Error Code").
    Item("int_n_cpl0", "SDM 2, INT n", CONTROL, "enters CPL 0", "trap #GP(0x10a)", "SWINT first"),
    Item("ret_far", "SDM 2, RET", CONTROL, "done", "done"),
    Item("ret_far_cpl0", "SDM 2, RET", CONTROL, "done", "trap #GP({cs})"),
    Item("str", "SDM 2, STR", BEHAVIOUR, "reads", "reads", "TR_READ", closed=GP),
    Item("mov_from_seg", "SDM 2, MOV", BEHAVIOUR, "reads", "reads"),
    Item("mov_to_seg", "SDM 2, MOV", CONTROL, "done", "done"),
    Item("mov_to_seg_cpl0", "SDM 2, MOV", CONTROL, "done", "trap #GP({ds})"),
    Item("iret_if", "SDM 2, IRET", CONTROL, "done", "ignored", "IRET first", iopl3="done"),
    Item("iret_cpl0", "SDM 2, IRET", CONTROL, "done", "trap #GP({cs})", "IRET first"),
    privileged("cli", "SDM 2, CLI", CONTROL, None, iopl3="done"),
    privileged("sti", "SDM 2, STI", CONTROL, None, iopl3="done"),
    privileged("hlt", "SDM 2, HLT", CONTROL, "HLT"),
    privileged("lgdt", "SDM 2, LGDT/LIDT", CONTROL, "GDTR_WRITE"),
    privileged("lidt", "SDM 2, LGDT/LIDT", CONTROL, "IDTR_WRITE"),
    privileged("lldt", "SDM 2, LLDT", CONTROL, "LDTR_WRITE"),
    privileged("ltr", "SDM 2, LTR", CONTROL, "TR_WRITE"),
    privileged("lmsw", "SDM 2, LMSW", CONTROL, "CR0_WRITE"),
    privileged("clts", "SDM 2, CLTS", CONTROL, "CR0_WRITE"),
    privileged("mov_from_cr0", "SDM 2, MOV (control registers)", BEHAVIOUR, "CR0_READ", "reads"),
    privileged("mov_to_cr0", "SDM 2, MOV (control registers)", CONTROL, "CR0_WRITE"),
    privileged("mov_from_cr2", "SDM 2, MOV (control registers)", BEHAVIOUR, "CR2_READ", "reads"),
    privileged("mov_to_cr2", "SDM 2, MOV (control registers)", CONTROL, "CR2_WRITE"),
    privileged("mov_from_cr3", "SDM 2, MOV (control registers)", BEHAVIOUR, "CR3_READ", "reads"),
    privileged("mov_to_cr3", "SDM 2, MOV (control registers)", CONTROL, "CR3_WRITE"),
    privileged("mov_from_cr4", "SDM 2, MOV (control registers)", BEHAVIOUR, "CR4_READ", "reads"),
    privileged("mov_to_cr4", "SDM 2, MOV (control registers)", CONTROL, "CR4_WRITE"),
    privileged("mov_from_cr8", "SDM 2, MOV (control registers)", BEHAVIOUR, "CR8_READ", "reads"),
    privileged("mov_to_cr8", "SDM 2, MOV (control registers)", CONTROL, "CR8_WRITE"),
    privileged("mov_from_dr7", "SDM 2, MOV (debug registers)", BEHAVIOUR, "DR7_READ", "reads"),
    privileged("mov_to_dr7", "SDM 2, MOV (debug registers)", CONTROL, "DR7_WRITE"),
    privileged("invd", "SDM 2, INVD", CONTROL, "INVD"),
    privileged("wbinvd", "SDM 2, WBINVD", CONTROL, "WBINVD"),
    privileged("invlpg", "SDM 2, INVLPG", CONTROL, "INVLPG"),
    privileged("rdmsr", "SDM 2, RDMSR", BEHAVIOUR, "MSR", "reads"),
    privileged("wrmsr", "SDM 2, WRMSR", CONTROL, "MSR"),
    privileged("rdpmc", "SDM 2, RDPMC", BEHAVIOUR, "RDPMC"),
    privileged("in", "SDM 2, IN", BEHAVIOUR, "IOIO", "reads", iopl3="reads"),
    privileged("out", "SDM 2, OUT", CONTROL, "IOIO", iopl3="done"),
    Item("rdtsc", "SDM 2, RDTSC", BEHAVIOUR, "reads", "reads", "RDTSC", closed=GP),
    Item("rdtscp", "SDM 2, RDTSCP", BEHAVIOUR, "reads", "reads", "RDTSCP", closed=GP),
    Item("xgetbv", "SDM 2, XGETBV", BEHAVIOUR, "reads", "reads"),
    privileged("xsetbv", "SDM 2, XSETBV", CONTROL, "XSETBV first"),
    privileged("monitor", "SDM 2, MONITOR", CONTROL, "MONITOR", cpl3=UD),
    privileged("mwait", "SDM 2, MWAIT", CONTROL, "MWAIT", cpl3=UD),
    Item("rsm", "SDM 2, RSM", CONTROL, UD, UD, "RSM first"),
    privileged("swapgs", "SDM 2, SWAPGS", CONTROL, None),
    privileged("sysret", "SDM 2, SYSRET", CONTROL, None),
    privileged("sysexit", "SDM 2, SYSEXIT", CONTROL, None),
    Item("rdfsbase", "SDM 2, RDFSBASE", BEHAVIOUR, "done", "done"),
    of_svm("vmrun", "VMRUN"),
    of_svm("vmmcall", "VMMCALL"),
    of_svm("vmload", "VMLOAD"),
    of_svm("vmsave", "VMSAVE"),
    of_svm("stgi", "STGI"),
    of_svm("clgi", "CLGI"),
    of_svm("skinit", "SKINIT"),
    of_svm("invlpga", "INVLPGA"),
    Item("load_cpl0", "SDM 3, paging: access rights", INNOCUOUS, "done", "trap #PF(0x5)"),
    Item("store_cpl0", "SDM 3, paging: access rights", INNOCUOUS, "done", "trap #PF(0x7)"),
    Item("add", "SDM 2, ADD", INNOCUOUS, "done", "done"),
    Item("load", "SDM 2, MOV", INNOCUOUS, "done", "done"),
    Item("pause", "SDM 2, PAUSE", INNOCUOUS, "done", "done", "PAUSE"),
    Item("cpuid", "SDM 2, CPUID", INNOCUOUS, "done", "done", "CPUID"),
]

SVM_INSTRUCTIONS = {"vmrun", "vmmcall", "vmload", "vmsave", "stgi", "clgi", "skinit", "invlpga"}
BY_NAME = {item.name: item for item in ITEMS}
