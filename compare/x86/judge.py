# SPDX-License-Identifier: BSD-2-Clause
"""From observations to rows: what is demanded, what the manuals say, and the verdict.

Popek and Goldberg's theorem 1: a virtual machine monitor can be constructed if each sensitive
instruction is privileged, that is, traps in user mode.
"""

import collections
import re

import items

COLUMNS = "item section class where mode demanded manual observed verdict".split()
Row = collections.namedtuple("Row", [name if name != "class" else "kind" for name in COLUMNS])

CLEAN, HOLE = "clean", "hole"

Deviation = collections.namedtuple("Deviation", "items mode observed reason")

# Where the emulator does otherwise than the manuals say, and how: found by the runs, after which the
# manual was read again. The mode is a prefix.
DEVIATIONS = [
    Deviation({"rdpmc"}, "cpl0", r"(exits RDPMC EXCP6; )?trap #UD",
              "QEMU has no performance counters"),
    Deviation({"int_n_cpl0"}, "cpl3-64", r"(exits SWINT EXCP13; )?trap #GP\(0x212\)",
              "QEMU counts 16 bytes a gate in long mode's error codes"),
    Deviation({"invd"}, "cpl0", r"exits WBINVD; done", "QEMU reports WBINVD's intercept for INVD"),
    Deviation({"rdtscp"}, "cpl", r"exits RDTSC; reads",
              "QEMU reports RDTSC's intercept for RDTSCP"),
    Deviation({"xsetbv"}, "cpl", r"no exit; done|exits EXCP13; trap #GP\(0\)",
              "QEMU does not check XSETBV's intercept"),
    Deviation({"skinit"}, "cpl3", r"exits SKINIT; trap #UD",
              "QEMU checks SKINIT's intercept before the privilege level"),
    Deviation({"invd", "wbinvd"}, "cpl3", r"(exits (INVD|WBINVD); )?done",
              "QEMU 10 does not check the privilege level of INVD and WBINVD"),
    Deviation({"mov_from_cr2", "mov_from_cr3", "mov_from_cr4", "mov_from_cr8"}, "cpl0",
              r"exits CR0_READ; reads",
              "QEMU 10 reports CR0's intercept for each read of a control register"),
]


def known_deviation(row):
    """Why a row of an emulator deviates from the manuals, if that is known, or None."""
    for known in DEVIATIONS:
        if row.where != "linux" and row.item in known.items and \
                row.mode.startswith(known.mode) and re.fullmatch(known.observed, row.observed):
            return known.reason
    return None


def level_of(mode):
    """cpl3-64-closed: the key of items.Item.outcomes."""
    parts = mode.split("-")
    return parts[2] if len(parts) > 2 else parts[0]


# --- On a machine of one's own


def demanded_bare(item, mode):
    if mode.startswith("cpl0"):
        return "executes"
    return "trap" if item.sensitive or item.of_memory else "executes"


def controlled(outcome):
    """Whether control went to CPL 0, at an address that the supervisor has chosen."""
    return outcome.startswith(("trap ", "enters CPL 0"))


def verdict_bare(item, mode, outcome):
    if mode.startswith("cpl0"):
        return CLEAN
    if demanded_bare(item, mode) == "executes":
        return CLEAN if outcome == "done" else "%s: does not execute" % HOLE
    if controlled(outcome):
        return CLEAN
    if outcome.startswith("reads"):
        return HOLE + ": reads real state"
    if outcome in ("ignored", "denied", "allowed"):
        return HOLE + ": silent"
    return HOLE + ": executes"


def judged(item, section, where, mode, demanded, manual, observed, verdict, agrees):
    if not agrees:
        verdict += "; deviates from the manual"
    return Row(item.name, section, item.kind, where, mode, demanded, manual, observed, verdict)


def rows_bare(where, run):
    rows = []
    for probe in run.probes:
        item = items.BY_NAME[probe.item]
        manual = item.outcome(level_of(probe.mode), items.BARE)
        rows.append(judged(item, item.section, where, probe.mode, demanded_bare(item, probe.mode),
                           manual, probe.outcome, verdict_bare(item, probe.mode, probe.outcome),
                           manual == probe.outcome))
    return rows


# --- In an SVM guest


def with_exits(exits, outcome):
    return "%s; %s" % ("exits " + " ".join(exits) if exits else "no exit", outcome)


def exception_exit(outcome):
    """The intercept of the exception that a trap is; the monitor intercepts all of them."""
    vector = {"#UD": 6, "#GP": 13, "#PF": 14}
    found = re.match(r"trap (#\w+)", outcome)
    return ["EXCP%d" % vector[found[1]]] if found else []


def manual_svm(item, mode):
    """APM 2, table 15-7: exceptions come before the intercept, unless the item says "first"."""
    level = level_of(mode)
    outcome = item.outcome(level, items.BARE)
    if item.name == "vmmcall":
        return with_exits(["VMMCALL"], "done" if level == "cpl0" else outcome)
    if item.of_svm:
        # SVME is set in a guest: at CPL 0 the intercept, at CPL 3 #GP (APM 3). The monitor makes
        # the #UD of a processor without SVM of both.
        return with_exits([item.exit] if level == "cpl0" else ["EXCP13"], outcome)
    exception = exception_exit(outcome)
    if not item.exit:
        return with_exits(exception, outcome)
    if item.exits_first:
        return with_exits([item.exit] + exception, outcome)
    return with_exits(exception or [item.exit], outcome)


def demanded_svm(item, mode):
    if item.of_memory and mode.startswith("cpl3"):
        return "trap"
    return "exit, or the guest's own state" if item.sensitive else "executes"


def verdict_svm(item, mode, probe):
    """Without an exit, the instruction must do to the guest what it does on a machine of its own."""
    if demanded_svm(item, mode) == "executes":
        return CLEAN if probe.outcome == "done" else "%s: does not execute" % HOLE
    if probe.exits:
        return CLEAN + ": exits"
    if probe.outcome == item.outcome(level_of(mode), items.BARE):
        return CLEAN + ": own state"
    return HOLE + ": differs from a machine of its own"


def rows_svm(where, run):
    rows = []
    for probe in run.probes:
        item = items.BY_NAME[probe.item]
        manual = manual_svm(item, probe.mode)
        observed = with_exits(probe.exits, probe.outcome)
        rows.append(judged(item, item.section + "; APM 2, 15.9", where, probe.mode,
                           demanded_svm(item, probe.mode), manual, observed,
                           verdict_svm(item, probe.mode, probe), manual == observed))
    return rows


# --- Under this computer's Linux

UMIP = ("sgdt", "sidt", "sldt", "smsw", "str")
# Values that Linux makes up (Documentation of arch/x86/kernel/umip.c), on each kernel since 4.15.
MADE_UP = {"sgdt": r"base=0x(f{8})?fffe0000 limit=0x0", "sidt": r"base=0x(f{8})?ffff0000 limit=0x0"}


def manual_linux(item, flags):
    if item.name in UMIP and "umip" in flags:
        return GP_ANSWERED
    if item.name == "rdfsbase" and "fsgsbase" not in flags:
        return items.UD
    if item.name == "rdtscp" and "rdtscp" not in flags:
        return items.UD
    if item.name in ("xgetbv", "xsetbv") and "osxsave" not in flags and "xsave" not in flags:
        return items.UD
    return item.outcome("cpl3", items.LINUX)


GP_ANSWERED = "trap #GP(0), which Linux may answer with made-up values"


def observed_linux(item, outcome):
    """Names what was read: leaked, or faked by the kernel. Two witnesses, either is enough: stepping
    shows that the kernel was there, or the value is one that Linux makes up."""
    if not outcome.startswith("reads"):
        return outcome
    text, _, who = outcome.partition(" by=")
    made_up = re.search(MADE_UP.get(item.name, "(?!)") + "$", text)
    if who == "kernel" or made_up:
        return text.replace("reads", "faked by the kernel:", 1)
    return text


def verdict_linux(item, observed):
    if observed.startswith("faked"):
        return CLEAN + ": faked by the kernel"
    return verdict_bare(item, "cpl3", re.sub(r"^reads.*", "reads", observed))


def agrees_linux(manual, observed):
    """The manual's exception, as the kernel tells it; a page fault's code depends on the kernel."""
    if manual == GP_ANSWERED:
        return observed.startswith(("faked", "trap SIGSEGV"))
    if manual == "reads":
        return observed.startswith("reads") and not observed.startswith("reads other")
    if not manual.startswith("trap "):
        return observed == manual
    exception = manual[len("trap "):].replace("#PF(0x5)", "#PF(").replace("#PF(0x7)", "#PF(")
    signal = "SIGILL" if exception == "#UD" else "SIGSEGV"
    silent_kernel = "trap %s (the kernel tells no exception)" % signal
    return observed.startswith(("trap %s %s" % (signal, exception), silent_kernel)) and \
        " elsewhere" not in observed


def rows_linux(run, flags):
    rows = []
    for probe in run.probes:
        item = items.BY_NAME[probe.item]
        manual = manual_linux(item, flags)
        observed = observed_linux(item, probe.outcome)
        rows.append(judged(item, item.section, "linux", probe.mode, demanded_bare(item, probe.mode),
                           manual, observed, verdict_linux(item, observed),
                           agrees_linux(manual, observed)))
    return rows


# --- Theorem 1


def is_hole(row):
    return row.verdict.startswith(HOLE)


def deviates(row):
    return "deviates" in row.verdict


def holes(rows):
    """Sensitive instructions that did not trap, in their order, each once."""
    return list(dict.fromkeys(row.item for row in rows if is_hole(row)))


def classic_holes(rows):
    """Those of the list of 17, by the list's names."""
    return list(dict.fromkeys(items.CLASSIC[name] for name in holes(rows) if name in items.CLASSIC))


THEOREM_COLUMNS = "where mode sensitive holes theorem_1 items classic".split()


def theorem_rows(rows):
    """For each place and mode: how many uses of sensitive instructions were run, and which of them
    neither trap nor, in a guest, exit or act on the guest's own state."""
    for where, mode in dict.fromkeys((row.where, row.mode) for row in rows):
        chosen = [row for row in rows if (row.where, row.mode) == (where, mode)]
        # The theorem is about what is not the supervisor, and about the whole list.
        if mode.endswith("iopl3") or mode.startswith("cpl0") and not where.startswith("svm"):
            continue
        found = holes(chosen)
        yield [where, mode, sum(row.kind != items.INNOCUOUS for row in chosen), len(found),
               "does not apply" if found else "holds", " ".join(found),
               ", ".join(classic_holes(chosen))]


def theorem_1(rows):
    """One sentence about rows of one place and mode."""
    found = holes(rows)
    if not found:
        return "theorem 1 holds: each sensitive instruction traps, exits, or acts on the guest's own state"
    return "theorem 1 does not apply: %d uses of sensitive instructions do not trap; of the list of 17: %s" % (
        len(found), ", ".join(classic_holes(rows)) or "none")
