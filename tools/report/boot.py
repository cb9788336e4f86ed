# SPDX-License-Identifier: BSD-2-Clause
"""The section on a Linux boot: exits over time by cause."""

from collections import Counter

from . import chart
from .chart import Series
from .markup import Figure, esc, missing, paragraph, section, table

FILE = "trace-boot.csv"
COMMAND = "make trace-boot"
LARGEST = 6                     # causes with a colour of their own; the others share one
TONES = (8, 9, 10, 11, 12, 13)
OTHERS = 7


class Boot:
    def __init__(self, data):
        self.rows = [(int(row["ms"]), row["cause"], int(row["exits"]))
                     for row in data.rows(FILE, "ms", "cause", "exits")]
        self.figures = []

    def html(self, number):
        title = "A boot of Linux"
        if not self.rows:
            return section(number, "boot", title, missing("No boot was traced.", COMMAND))
        totals = Counter()
        for _, cause, exits in self.rows:
            totals[cause] += exits
        figures = [Figure("boot-exits", "Exits of a boot over time, by cause", COMMAND, [FILE]),
                   Figure("boot-causes", "Exits of a boot, by cause", COMMAND, [FILE])]
        self.figures += figures
        return section(number, "boot", title,
                       paragraph("Each exit of the default Linux guest, from its first instruction to its "
                                 "shell, as the trace recorded it: %d in %.1f seconds of the guest's time."
                                 % (sum(totals.values()), self.end() / 1000)),
                       figures[0].html(self.picture(totals)), figures[1].html(self.table(totals)))

    def width(self):
        """Of a bin, in ms."""
        times = sorted({ms for ms, _, _ in self.rows})
        return min((later - sooner for sooner, later in zip(times, times[1:])), default=100)

    def end(self):
        return max(ms for ms, _, _ in self.rows) + self.width()

    def picture(self, totals):
        largest = [cause for cause, _ in totals.most_common(LARGEST)]
        begin = min(ms for ms, _, _ in self.rows)
        bins = range(begin, self.end(), self.width())
        series = [Series(cause, tone, self.in_bins(bins, lambda one, cause=cause: one == cause))
                  for cause, tone in zip(largest, TONES)]
        if len(totals) > len(largest):
            series.append(Series("others", OTHERS,
                                 self.in_bins(bins, lambda one: one not in largest)))
        return chart.stack("chart-boot", "Exits of a boot over time",
                           "Stacked steps, the most frequent cause at the bottom.",
                           [ms / 1000 for ms in bins], self.width() / 1000, series,
                           ("seconds of the guest's time", "exits in %d ms" % self.width()))

    def in_bins(self, bins, is_wanted):
        sums = [0] * len(bins)
        for ms, cause, exits in self.rows:
            if is_wanted(cause):
                sums[(ms - bins.start) // bins.step] += exits
        return sums

    def table(self, totals):
        everything = sum(totals.values()) or 1
        rows = [[esc(cause), str(exits), "%.1f %%" % (100 * exits / everything)]
                for cause, exits in totals.most_common()]
        return table("Exits of a boot by cause", ("cause", "exits", "of all"), rows, numbers=(1, 2))
