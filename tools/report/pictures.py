# SPDX-License-Identifier: BSD-2-Clause
"""The section of pictures that the trace draws: sequences, and the walk of both stages."""

import xml.etree.ElementTree as ET

from . import classic, svg
from .markup import Figure, element, missing, paragraph, scroll, section, slug

COMMAND = "make trace-boot"
PATTERNS = ("sequence*.svg", "walk*.svg")
ORDER = ("syscall", "page-fault", "timer-tick", "device-access")     # as textbooks go on


class Pictures:
    def __init__(self, data):
        self.data = data
        self.figures = []

    def html(self, number):
        parts = [paragraph(
            "Who has the processor while one thing is done: the process, its operating system, or "
            "the hypervisor (VMM). With the H extension most of it passes between the first two, "
            "and the third is not asked.")]
        for pattern, words in zip(PATTERNS, ("Sequence diagrams are missing.",
                                             "The walk of both stages is missing.")):
            names = sorted(self.data.names(pattern), key=place)
            parts += [self.picture(name) for name in names] or [missing(words, COMMAND)]
            if pattern == PATTERNS[0]:
                parts += self.without_h()
        return section(number, "pictures", "Sequences, and the two-stage walk", *parts)

    def picture(self, name):
        stem = name.rpartition(".")[0]
        ident = "picture-" + slug(stem)
        text = self.data.text(name)
        title = title_of(text) or stem
        if title in (figure.title for figure in self.figures):
            title += " (%s)" % stem
        figure = Figure(slug(stem), title, COMMAND, [name])
        self.figures.append(figure)
        return figure.html(drawing(text, ident, title, self.description(name)))

    def without_h(self):
        """The same operations under the census' monitor."""
        found = {operation: rows for operation, rows in classic.load(self.data).items() if rows}
        if not found:
            return [missing("Sequences without the H extension are missing.", "make census")]
        return [self.classic(classic.diagram(operation, rows)) for operation, rows in found.items()]

    def classic(self, told):
        ident = slug(told["title"])
        figure = Figure(ident, told["title"], "make census", [classic.FILE])
        self.figures.append(figure)
        text = classic.drawing(told)
        shown = classic.steps_table(told)
        if not text:
            return figure.html(shown)
        return figure.html(drawing(text, "picture-" + ident, told["title"], words_of(told)),
                           element("details", element("summary", "The steps as a table"), shown))

    def description(self, name):
        """The steps of a sequence in words, from the file that has them beside the picture."""
        return words_of(self.data.json(name.rpartition(".")[0] + ".json") or {})


def words_of(told):
    return " ".join("%s to %s: %s." % (step["source"], step["target"], step["text"])
                    for step in told.get("steps", []))


def drawing(text, ident, title, description):
    inner = svg.inline(text, ident, title, description)
    return paragraph("The picture is wider than this page: it scrolls sideways.", class_="hint") + \
        scroll(title, element("div", inner, class_="drawing"))


def place(name):
    """Where a picture stands among those of its kind."""
    known = [number for number, kind in enumerate(ORDER) if kind in name]
    return known[0] if known else len(ORDER), len(name)


def title_of(text):
    """What the picture itself says that it is."""
    try:
        root = ET.fromstring(text)
    except ET.ParseError:
        return None             # svg.inline() refuses it
    words = root.get("aria-label") or root.findtext("{%s}title" % svg.SVG) or ""
    return words[:1].upper() + words[1:]
