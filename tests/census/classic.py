# SPDX-License-Identifier: BSD-2-Clause
"""The de-privileged way: the supervisor's program in U-mode under the monitor of tests/census/monitor.

Each item has two rows. Mode `U`, gate `de-privileged`: what the hart did with the supervisor's instruction; the
specification's demand is that of U-mode. Modes `S in U` and `U in U`: what the program saw after the monitor had done its
part; the demand is that of the mode which it believes to be in.
"""

import judge
import table

DE_PRIVILEGED = "de-privileged"
SEEN = {"S": "S in U", "U": "U in U"}


def hardware_outputs(output):
    """The traps that the monitor noted while the program was in what it takes for S-mode, as a sweep of U-mode."""
    def real(outcome):
        trap = outcome.real_cause
        return outcome._replace(cause=trap, tval="-" if trap is None else "0", flag=".")
    sweep = {key: real(outcome) for key, outcome in output.sweeps["S", "open"].items()}
    return output._replace(sweeps={("U", DE_PRIVILEGED): sweep, ("U", "open"): sweep,
                                   ("S", "open"): output.sweeps["S", "open"]})


def rows(name, output, extensions, deviation):
    found = []
    seen = judge.Judge("classic", name, output, extensions)
    for row in seen.rows():
        found.append((row, SEEN[row.mode]))
    hardware = judge.Judge("classic", name, hardware_outputs(output), extensions)
    for number in range(len(table.items())):
        found.append((hardware.row(number, "U", DE_PRIVILEGED), "U"))
    for row, mode in found:
        known = deviation(row) if row.verdict == judge.DEVIATES else None
        yield row._replace(mode=mode, note=": ".join(known) if known else row.note)
