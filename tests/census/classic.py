# SPDX-License-Identifier: BSD-2-Clause
"""The de-privileged way: the supervisor's program in U-mode under the monitor of tests/census/monitor."""


def rows(name, output, extensions, deviation):
    return []
