# SPDX-License-Identifier: BSD-2-Clause
"""The section of pictures that the trace draws: sequences, and the walk of both stages."""

import xml.etree.ElementTree as ET

from . import svg
from .markup import Figure, element, missing, paragraph, scroll, section, slug

COMMAND = "make trace-boot"
PATTERNS = ("sequence*.svg", "walk*.svg")


class Pictures:
    def __init__(self, data):
        self.data = data
        self.figures = []

    def html(self, number):
        parts = [paragraph(
            "Who has the processor while one thing is done: the process, its operating system, or the "
            "hypervisor (VMM). With the H extension most of it passes between the first two, and the third "
            "is not asked.")]
        for pattern, words in zip(PATTERNS, ("Sequence diagrams are missing.",
                                             "The walk of both stages is missing.")):
            names = self.data.names(pattern)
            parts += [self.picture(name) for name in names] or [missing(words, COMMAND)]
        return section(number, "pictures", "Sequences, and the two-stage walk", *parts)

    def picture(self, name):
        ident = "picture-" + slug(name.rpartition(".")[0])
        text = self.data.text(name)
        title = title_of(text) or name.rpartition(".")[0]
        figure = Figure(slug(name.rpartition(".")[0]), title, COMMAND, [name])
        self.figures.append(figure)
        drawing = element("div", svg.inline(text, ident, title), class_="drawing")
        return figure.html(scroll(title, drawing))


def title_of(text):
    """What the picture itself says that it is."""
    try:
        root = ET.fromstring(text)
    except ET.ParseError:
        return None             # svg.inline() refuses it
    words = root.get("aria-label") or root.findtext("{%s}title" % svg.SVG) or ""
    return words[:1].upper() + words[1:]
