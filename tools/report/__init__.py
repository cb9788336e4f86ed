# SPDX-License-Identifier: BSD-2-Clause
"""The HTML report of `make report` (docs/report.md): python standard library, and gnuplot."""

import os

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


class Trouble(Exception):
    """The report cannot be made from what is there: one sentence for the user."""
