# SPDX-License-Identifier: BSD-2-Clause
"""Pictures as SVG: sequence diagrams, and the walk of both stages of address translation. They
follow the reader's light or dark scheme, and stand alone."""

import textwrap
from html import escape

STYLE = """
 svg { font: 13px system-ui, sans-serif; color: #1b1b1f; background: #fff; }
 text { fill: currentColor; } .title { font-size: 16px; font-weight: 600; }
 .head { font-weight: 600; } .note, .small { font-size: 11.5px; }
 .mono { font: 11.5px ui-monospace, monospace; }
 .life { stroke: currentColor; stroke-opacity: .35; stroke-dasharray: 2 4; }
 .busy { fill: #d97706; } .box { fill: none; stroke: currentColor; stroke-opacity: .55; }
 .arrow { stroke: currentColor; stroke-width: 1.4; } .never { stroke-dasharray: 6 4; }
 .tip { fill: currentColor; } .guest { fill: #2563eb22; } .host { fill: #d9770622; }
 .leaf { stroke-width: 2.5; stroke-opacity: 1; }
 @media (prefers-color-scheme: dark) { svg { color: #e8e8ec; background: #17171b; } }
"""
MARGIN, COLUMN, STEP, LINE = 20, 260, 46, 15


def document(width, height, label, body):
    return ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" '
            'role="img" aria-label="%s" style="max-width:100%%;height:auto">\n<style>%s</style>\n%s\n</svg>\n'
            % (width, height, width, height, escape(label), STYLE, "\n".join(body)))


def text(x, y, words, kind="", anchor="start"):
    return '<text x="%g" y="%g" class="%s" text-anchor="%s">%s</text>' % (
        x, y, kind, anchor, escape(words))


def line(x1, y1, x2, y2, kind):
    return '<line x1="%g" y1="%g" x2="%g" y2="%g" class="%s"/>' % (x1, y1, x2, y2, kind)


def box(x, y, width, height, kind):
    return '<rect x="%g" y="%g" width="%g" height="%g" rx="3" class="%s"/>' % (
        x, y, width, height, kind)


def arrow(x1, x2, y, kind):
    """A level one, with its tip at x2."""
    back = -7 if x2 > x1 else 7
    return [line(x1, y, x2, y, "arrow " + kind),
            '<path d="M%g %g l%g -4 v8 z" class="tip"/>' % (x2, y, back)]


# Sequence diagrams


def sequence(drawn):
    """As SVG what sequence.draw_text() shows."""
    width = 2 * MARGIN + COLUMN * len(drawn.columns)
    centres = {name: MARGIN + COLUMN * n + COLUMN / 2 for n, name in enumerate(drawn.columns)}
    top = 92
    steps, spans, y = [], [], top
    for step in drawn.steps:
        body, height = sequence_step(step, centres, y)
        steps += body
        y += height
        spans.append(y)
    notes = [part for note in drawn.notes for part in textwrap.wrap(note, 115)]
    body = [text(MARGIN, 28, drawn.title, "title")]
    for name, x in centres.items():
        body += [text(x, 62, name, "head", "middle"), line(x, 72, x, y, "life")]
    body += busy_spans(drawn, centres, top, spans) + steps
    body += [text(MARGIN, y + 24 + LINE * n, note, "note") for n, note in enumerate(notes)]
    return document(width, y + 24 + LINE * len(notes) + 4, drawn.title, body)


def sequence_step(step, centres, y):
    """(elements, height)"""
    source, target = centres[step.source], centres[step.target]
    kind = "" if step.origin == "trace" else "never"
    if source == target:
        parts = textwrap.wrap(step.text, 34)
        # What is done in the last column stands left of it: there is no room to its right.
        at_end = source == max(centres.values())
        x, anchor = (source - 14, "end") if at_end else (source + 14, "start")
        words = [text(x, y + 14 + LINE * n, part, "small", anchor)
                 for n, part in enumerate(parts)]
        return words, 12 + LINE * len(parts)
    parts = textwrap.wrap(step.text, int(abs(target - source) / 7.2))
    middle = (source + target) / 2
    words = [text(middle, y + 12 + LINE * n, part, "small", "middle")
             for n, part in enumerate(parts)]
    end = y + 18 + LINE * (len(parts) - 1)
    gap = 7 if target > source else -7
    return words + arrow(source + gap, target - gap, end, kind), end - y + 12


def busy_spans(drawn, centres, top, ends):
    """The bars on the lifelines of who has the hart."""
    spans, start = [], top
    for step, end in zip(drawn.steps, ends):
        if step.source == step.target:
            extend(spans, step.source, start, end)
        else:
            extend(spans, step.source, start, end - 12)     # the arrow is there
            extend(spans, step.target, end - 12, end)
        start = end
    return [box(centres[name] - 5, start, 10, end - start, "busy") for name, start, end in spans]


def extend(spans, name, start, end):
    """One bar for what follows directly on the same lifeline."""
    if spans and spans[-1][0] == name and spans[-1][2] == start:
        start = spans.pop()[1]
    spans.append((name, start, end))


# The walk: a row for each table of the guest. From the left: the G-stage's entries that lead to the
# table, then the entry of the guest's own; below the last one, the page.

CELL, CELL_HEIGHT, ROW, FIRST = 190, 66, 108, 84
HPA = 116                   # room for an address


def walk(found):
    """As SVG what walk.draw_text() shows."""
    rows = [(step["gpa"], step["host"], step["hpa"], step) for step in found["guest"]]
    if found["gpa"]:
        rows.append((found["gpa"], found["host"], found["hpa"], None))
    columns = max((len(host) for _, host, _, _ in rows), default=0)
    body = [text(MARGIN, 28, "gva %s" % found["gva"], "title"),
            text(MARGIN, 50, "satp %s: %s" % (found["satp"], found["mode"]), "mono"),
            text(MARGIN, 70, "Rows: the G-stage translates the address of a table (orange); then the "
                 "guest's entry is read (blue).", "note")]
    for number, (gpa, host, hpa, step) in enumerate(rows):
        y = FIRST + ROW * number
        body += walk_row(gpa, host, hpa, y)
        if step and step["pte"]:
            body += arrow(MARGIN + CELL * (len(host) + 0.82) + HPA - 30,
                          MARGIN + CELL * (columns + 0.82) + HPA - 4, y + 33, "")
            body += walk_guest_entry(step, MARGIN + CELL * (columns + 0.82) + HPA, y,
                                     number + 1 < len(rows))
    end = FIRST + ROW * len(rows) + 6
    words = "stops here: %s" % found["stops"] if found["stops"] else \
        "gva %s = gpa %s = hpa %s" % (found["gva"], found["gpa"], found["hpa"])
    body.append(text(MARGIN, end, words, "head"))
    body.append(text(MARGIN, end + 20, walk_count(found), "note"))
    return document(2 * MARGIN + CELL * (columns + 1.82) + HPA, end + 34,
                    "translation of %s" % found["gva"], body)


def walk_count(found):
    host = len(found["host"]) + sum(len(step["host"]) for step in found["guest"])
    return "%d entries are read: %d of the guest's tables, %d of the G-stage's." % (
        len(found["guest"]) + host, len(found["guest"]), host)


def walk_row(gpa, host, hpa, y):
    body = [text(MARGIN, y + 20, "guest physical", "small"), text(MARGIN, y + 37, gpa, "mono")]
    for n, step in enumerate(host):
        x = MARGIN + CELL * (n + 0.82)
        body += arrow(x - 20, x - 4, y + 33, "")
        body += walk_cell(x, y, "G", step, n + 1 == len(host), "host")
    if hpa:
        x = MARGIN + CELL * (len(host) + 0.82)
        body += arrow(x - 20, x - 4, y + 33, "")
        body += [text(x, y + 20, "host physical", "small"), text(x, y + 37, hpa, "mono")]
    return body


def walk_cell(x, y, stage, step, is_leaf, kind):
    return [box(x, y, CELL - 26, CELL_HEIGHT, kind),
            box(x, y, CELL - 26, CELL_HEIGHT, "box" + (" leaf" if is_leaf else "")),
            text(x + 8, y + 18, "%s level %d, entry %d" % (stage, step["level"], step["index"]),
                 "small"),
            text(x + 8, y + 37, step["pte"], "mono"), text(x + 8, y + 55, step["bits"], "mono")]


def walk_guest_entry(step, x, y, goes_on):
    is_leaf = bool(set(step["bits"].split()) & {"R", "X"})
    body = walk_cell(x, y, "VS", step, is_leaf, "guest")
    if goes_on:
        middle = x + 20
        body += [line(middle, y + CELL_HEIGHT, middle, y + ROW - 22, "arrow"),
                 line(middle, y + ROW - 22, MARGIN + 40, y + ROW - 22, "arrow"),
                 line(MARGIN + 40, y + ROW - 22, MARGIN + 40, y + ROW + 4, "arrow"),
                 '<path d="M%g %g l-4 -7 h8 z" class="tip"/>' % (MARGIN + 40, y + ROW + 8)]
    return body
