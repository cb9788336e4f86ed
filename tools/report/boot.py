# SPDX-License-Identifier: BSD-2-Clause
"""The section on a Linux boot: exits over time by cause."""

from collections import Counter

from . import chart
from .chart import Series
from .markup import Figure, element, esc, missing, paragraph, section, table

FILE = "trace-boot.csv"
SUMMARY = "trace-boot.json"     # of the same trace: how many were lost, and what exits were for
COMMAND = "make trace-boot"
LARGEST = 6                     # causes with a colour of their own; the others share one
TONES = (8, 9, 10, 11, 12, 13)
OTHERS = 7


class Boot:
    def __init__(self, data):
        self.rows = [(int(row["ms"]), row["cause"], int(row["exits"]))
                     for row in data.rows(FILE, "ms", "cause", "exits")]
        self.summary = data.json(SUMMARY) or {}
        self.figures = []

    def html(self, number):
        title = "A boot of Linux"
        if not self.rows:
            return section(number, "boot", title, missing("No boot was traced.", COMMAND))
        totals = Counter()
        for _, cause, exits in self.rows:
            totals[cause] += exits
        figure = Figure("boot-exits", "Exits of a boot over time, by cause", COMMAND, [FILE])
        self.figures.append(figure)
        return section(number, "boot", title, paragraph(self.introduction(totals)),
                       figure.html(self.picture(totals)), self.causes(totals), self.kinds())

    def introduction(self, totals):
        words = ("Each exit of the default Linux guest, from its first instruction to the end of "
                 "the trace: %d in %.1f seconds of the guest's time. The steps are of %d ms."
                 % (sum(totals.values()), self.end() / 1000, self.width()))
        if "lost" in self.summary:
            words += " The trace says itself how much is missing: %d exits." % self.summary["lost"]
        return words

    def width(self):
        """Of a bin, in ms."""
        times = sorted({ms for ms, _, _ in self.rows})
        return min((later - sooner for sooner, later in zip(times, times[1:])), default=100)

    def end(self):
        return max(ms for ms, _, _ in self.rows) + self.width()

    def picture(self, totals):
        largest = [cause for cause, _ in totals.most_common(LARGEST)]
        bins = range(0, self.end(), self.width())
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

    def causes(self, totals):
        everything = sum(totals.values()) or 1
        rows = [[esc(cause), str(exits), "%.1f %%" % (100 * exits / everything)]
                for cause, exits in totals.most_common()]
        figure = Figure("boot-causes", "Exits of a boot, by cause", COMMAND, [FILE])
        self.figures.append(figure)
        return figure.html(table("Exits of a boot by cause", ("cause", "exits", "of all"), rows,
                                 numbers=(1, 2)))

    def kinds(self):
        """What the guest wanted, as far as the summary tells. How long it took is not shown: that
        is the emulator's time."""
        rows = [[esc(kind["kind"]), esc(kind["cause"]), str(kind["exits"])]
                for kind in self.summary.get("kinds", [])]
        if not rows:
            return ""
        figure = Figure("boot-kinds", "Exits of a boot, by what they were for", COMMAND, [SUMMARY])
        self.figures.append(figure)
        shown = table("Exits of a boot by what they were for", ("what", "cause", "exits"), rows,
                      numbers=(2,))
        summary = element("summary", "What the exits were for, %d kinds" % len(rows))
        return element("details", summary, figure.html(shown))
