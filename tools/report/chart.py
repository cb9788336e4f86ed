# SPDX-License-Identifier: BSD-2-Clause
"""Charts, drawn by gnuplot: bars, dots on a logarithmic axis, and stacked steps over time.

Each is drawn twice, for a wide and for a narrow page; the style sheet shows one. gnuplot is told
colours that stand for names (rgb 1,1,N), which become custom properties of the page: so charts
follow its scheme.
"""

import re
import subprocess

from . import Trouble, svg
from .markup import element, esc

INK, GRID = 1, 2
SERIES = 16                     # the first of the series' numbers
COLOURS = {INK: "var(--ink)", GRID: "var(--line)"}
SENTINEL = re.compile(r"rgb\(\s*1,\s*1,\s*(\d+)\)")

# (of the page, width of the picture, room at the left for names)
WIDE, NARROW = ("wide", 860, 150), ("narrow", 350, 112)
POINTS = (7, 9, 5, 13, 11, 6)                          # gnuplot's numbers of filled shapes, a ring
GLYPHS = ("●", "▲", "■", "◆", "▼", "○")                 # the same in a legend


def colour(number):
    return 'rgb "#0101%02x"' % number


class Series:
    """name: as shown. tone: number of its colour in the style sheet. values: numbers or None."""

    def __init__(self, name, tone, values):
        self.name = name
        self.tone = tone
        self.values = values


def draw(ident, title, description, script):
    """`script(width, left)` gives gnuplot's words for one width."""
    pictures = []
    for kind, width, left in (WIDE, NARROW):
        text = gnuplot(script(width, left))
        inner = svg.inline(text, "%s-%s" % (ident, kind), title, description)
        inner = SENTINEL.sub(named, inner)
        pictures.append(element("div", inner, class_="chart " + kind))
    return "".join(pictures)


def named(match):
    number = int(match[1])
    return COLOURS.get(number) or "var(--s%d)" % (number - SERIES)


def gnuplot(script):
    try:
        done = subprocess.run(["gnuplot"], input=script.encode(), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False)
    except FileNotFoundError as error:
        raise Trouble("gnuplot is not installed: run ./doppel setup report-packages") from error
    if done.returncode or not done.stdout.rstrip().endswith(b"</svg>"):
        raise Trouble("gnuplot: " + done.stderr.decode(errors="replace").strip())
    return tidy(done.stdout.decode())


def tidy(text):
    """Without what gnuplot writes into each picture and none here uses."""
    text = re.sub(r"<filter\b.*?</filter>", "", text, flags=re.DOTALL)
    text = re.sub(r"<g [^>]*>\s*</g>", "", text)
    text = re.sub(r'<(rect|circle|path|use)\b[^>]*\bid=\'(gp\w+)\'[^>]*/>',
                  lambda match: match[0] if text.count(match[2]) > 1 else "", text)
    return re.sub(r"\s*\n\s*", "\n", text)


def quote(text):
    return '"%s"' % text.replace("\\", "\\\\").replace('"', '\\"')


def number(value):
    """As a reader wants it: at most three digits behind the point, one of large numbers, none that
    are nothing."""
    text = "%.*f" % (1 if value >= 100 else 3, value)
    return text.rstrip("0").rstrip(".")


def head(width, height, left):
    return """
set terminal svg size {width},{height} font "system-ui,sans-serif,13" noenhanced
set lmargin at screen {left}
set style fill solid 1.0 border lc {ink}
set border 0
set tics nomirror scale 0 textcolor {ink}
set grid xtics lt 1 lc {grid} lw 1
unset key
""".format(width=width, height=height, left=left / width, ink=colour(INK), grid=colour(GRID))


# Bars and dots: a group of lines for each row, a line for each series


def bars(ident, title, description, rows, series, axis):
    """Horizontal bars with their values at the ends."""
    def script(width, left):
        step = len(series) + 1
        top = max((value for one in series for value in one.values if value is not None), default=1)
        lines = [head(width, 16 * step * len(rows) + 50, left),
                 row_names(rows, step, len(series)),
                 'set xrange [0:%g]' % (top * (1.12 if width > 500 else 1.3) or 1),
                 'set xlabel %s textcolor %s' % (quote(axis), colour(INK))]
        plots = []
        for place, one in enumerate(series):
            lines.append(block("$s%d" % place, (
                (step * row + place, value, number(value))
                for row, value in enumerate(one.values) if value is not None)))
            plots += ["$s%d using (0):1:(0):2:($1-.42):($1+.42) with boxxyerror lc %s title %s"
                      % (place, colour(SERIES + one.tone), quote(one.name)),
                      "$s%d using 2:1:3 with labels left offset 0.6,0 font \",11\" tc %s notitle"
                      % (place, colour(INK))]
        return "\n".join(lines + ["plot " + ", ".join(plots), ""])

    return draw(ident, title, description, script) + legend(series)


def dots(ident, title, description, rows, series, axis):
    """A point for each value, on a logarithmic axis: what is a hundred times as much fits."""
    def script(width, left):
        lines = [head(width, 34 * len(rows) + 60, left), row_names(rows, 1, 1),
                 "set logscale x", 'set format x "%g"',
                 "set grid ytics lt 1 lc %s lw 1" % colour(GRID), "set rmargin 3",
                 'set xlabel %s textcolor %s' % (quote(axis), colour(INK))]
        plots = []
        for place, one in enumerate(series):
            lines.append(block("$s%d" % place, (
                (row + 0.1 * (place - (len(series) - 1) / 2), value)
                for row, value in enumerate(one.values) if value)))
            plots.append("$s%d using 2:1 with points pt %d ps 1.1 lc %s title %s" % (
                place, POINTS[place % len(POINTS)], colour(SERIES + one.tone), quote(one.name)))
        return "\n".join(lines + ["plot " + ", ".join(plots), ""])

    return draw(ident, title, description, script) + legend(series, GLYPHS)


def row_names(rows, step, lines):
    places = ", ".join("%s %g" % (quote(name), step * row + (lines - 1) / 2)
                       for row, name in enumerate(rows))
    end = step * len(rows) - (0.2 if step == 1 else 1.2)
    return "set ytics (%s)\nset yrange [%g:-0.8]" % (places, end)


def block(name, rows):
    """A data block of gnuplot. An empty one would be an error: it gets a row that is nowhere."""
    lines = [" ".join(str(value) for value in row) for row in rows] or ["NaN NaN NaN"]
    return "%s << EOD\n%s\nEOD" % (name, "\n".join(lines))


# Over time


def stack(ident, title, description, seconds, width_of_bin, series, axes):
    """Steps upon each other. seconds: where each bin begins; axes: names of x and y."""
    sums = []
    below = [0] * len(seconds)
    for one in series:
        below = [low + value for low, value in zip(below, one.values)]
        sums.append(below)

    def script(width, left):
        lines = [head(width, 340 if width > 500 else 280, 62 if width > 500 else 50),
                 "unset grid", "set grid ytics lt 1 lc %s lw 1" % colour(GRID),
                 'set xlabel %s textcolor %s' % (quote(axes[0]), colour(INK)),
                 'set ylabel %s textcolor %s offset 1,0'
                 % (quote(axes[1]) if width > 500 else '""', colour(INK)),
                 "set xrange [%g:%g]" % (seconds[0], seconds[-1] + width_of_bin),
                 "set yrange [0:*]", "set rmargin 2", "set style fill solid 1.0 noborder"]
        plots = []
        # From the top down: each paints over the part of the one before that is not its own.
        for place in reversed(range(len(series))):
            points = list(zip(seconds, sums[place]))
            points.append((seconds[-1] + width_of_bin, sums[place][-1]))
            lines.append(block("$s%d" % place, points))
            plots.append("$s%d using 1:2 with fillsteps lc %s title %s" % (
                place, colour(SERIES + series[place].tone), quote(series[place].name)))
        return "\n".join(lines + ["plot " + ", ".join(plots), ""])

    return draw(ident, title, description, script) + legend(series)


def legend(series, glyphs=None):
    items = []
    for place, one in enumerate(series):
        style = ("color" if glyphs else "background") + ":var(--s%d)" % one.tone
        mark = glyphs[place % len(glyphs)] if glyphs else ""
        items.append(element("li", element("span", mark, style=style, aria_hidden="true",
                                           class_="glyph" if glyphs else "swatch"), esc(one.name)))
    return element("ul", *items, class_="legend")
