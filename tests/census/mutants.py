# SPDX-License-Identifier: BSD-2-Clause
"""Holes planted in Doppel, each in a copy of the tree: the census must see them."""

import pathlib
import shutil
import subprocess
import tempfile
from typing import NamedTuple

import machine

HERE = pathlib.Path(__file__).resolve().parent


class Mutant(NamedTuple):
    name: str
    file: str
    text: str           # must be there
    instead: str
    seen: str           # what the census then says of Doppel, among other things


MUTANTS = [
    Mutant("hcounteren is left wide open: guests read the machine's counters", "hyp/vcpu/probe.c",
           "csr_write(CSR_HCOUNTEREN, COUNTEREN_TM);", "csr_write(CSR_HCOUNTEREN, 0xffffffff);",
           "DOPPEL: doppel VS VU open and closed: reads of counters that exit"),
    Mutant("what no guest may do is passed over in silence", "hyp/run/instruction.c",
           "what it does not know is illegal. */\n\treturn illegal(vcpu, insn);",
           "what it does not know is illegal. */\n\treturn EXIT_NEXT_4;",
           "DOPPEL: doppel VS open: csrw hgatp"),
    Mutant("a counter is emulated for VU-mode without a look at scounteren", "hyp/run/instruction.c",
           "(vcpu_was_in_user_mode() && !(csr_read(CSR_SCOUNTEREN) & bit))", "(vcpu_was_in_user_mode() && !bit)",
           "DOPPEL: doppel VU closed: csrr cycle"),
    Mutant("an exception of VU-mode is said to come from VS-mode: SRET goes back to the wrong one", "hyp/vcpu/inject.c",
           "if (!vcpu_was_in_user_mode())\n\t\tstatus |= SSTATUS_SPP;", "status |= SSTATUS_SPP;",
           "DOPPEL: doppel VU open: mret"),
]


def plant(mutant, tree):
    """None, or what is wrong."""
    for name in ("Makefile", "linker.ld", "doppel", "boot", "hyp", "platform", "guest", "tools", "tests",
                 "compare"):
        source = machine.ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, tree / name)
    build = machine.ROOT / "build"
    for name in ("boot", "hyp", "platform", "asm_offsets.h", "asm_offsets.d", "asm_offsets.s"):
        source = build / name
        if source.is_dir():
            shutil.copytree(source, tree / "build" / name)
        else:
            shutil.copy2(source, tree / "build" / name)
    path = tree / mutant.file
    text = path.read_text()
    if mutant.text not in text:
        return "%s: the text is not there any more: %s" % (mutant.file, mutant.text)
    path.write_text(text.replace(mutant.text, mutant.instead))
    done = subprocess.run(["make", "-C", str(tree), "all"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    return None if done.returncode == 0 else done.stdout


def try_one(mutant, qemu):
    """None: the census has seen it. Else what is wrong."""
    with tempfile.TemporaryDirectory() as directory:
        tree = pathlib.Path(directory, "tree")
        (tree / "build").mkdir(parents=True)
        wrong = plant(mutant, tree)
        if wrong:
            return wrong
        done = subprocess.run([str(HERE / "run"), "--qemu", qemu, "--ways", "native,doppel", "--no-operations",
                               "--tree", str(tree), "--out", directory],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode == 0 or mutant.seen not in done.stdout:
        return "status %d, and there is no line `%s`:\n%s" % (done.returncode, mutant.seen, done.stdout)
    return None
