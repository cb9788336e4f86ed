# SPDX-License-Identifier: BSD-2-Clause
"""The page as a whole: its sections in order, the style, the script."""

import os

from . import HERE, census, theorems
from .boot import Boot
from .markup import code, element, esc, link, paragraph, section, table
from .operations import Operations
from .pictures import Pictures
from .x86 import X86

TITLE = "Doppel: the evidence"
CONTENTS = (("about", "What this is"), ("theorems", "Theorems"), ("instructions", "Census"),
            ("x86", "x86"), ("operations", "Operations"), ("boot", "A boot"),
            ("pictures", "Sequences"), ("again", "Make it again"))
# The page can load nothing, whatever is in the data.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def make(data, facts):
    """The HTML text. facts: as facts.gather() returns them."""
    rows, names = census.load(data)
    verdicts = theorems.Theorems(data, rows)
    all_rows = census.Census(data, rows, names, verdicts.sets)
    parts = [verdicts, all_rows, X86(data, verdicts), Operations(data), Boot(data), Pictures(data)]
    # Others name sets of rows that the census' table must know: so it is written last.
    done = {part: part.html(number) for number, part in enumerate(parts, 2) if part != all_rows}
    done[all_rows] = all_rows.html(2 + parts.index(all_rows))
    figures = [figure for part in parts for figure in part.figures]
    sections = [about(facts)] + [done[part] for part in parts] + [again(2 + len(parts), figures)]
    return document("".join(sections))


def about(facts):
    emulators = element("ul", *(element("li", esc(text))
                                for text in facts.get("emulators") or ["not known"]))
    return section(1, "about", "What this is", paragraph(
        "Doppel is a trap-and-emulate hypervisor for RISC-V with the H extension; this page holds "
        "what was measured about it, and about the architecture below it. It asks of each "
        "instruction whether it can be virtualized as Popek and Goldberg demanded in 1974, counts "
        "what the same operations cost with and without hardware support on RISC-V and on x86, and "
        "shows where a guest's exits come from. Everything is computed from the CSV and JSON files "
        "in ", link("data/", code("data/")),
        " beside this page; ", code("make report"), " measures and makes it all again."),
        element("dl", element("dt", "Emulators"), element("dd", emulators),
                element("dt", "The guest's kernel"),
                element("dd", esc(facts.get("kernel") or "not known"))))


def again(number, figures):
    rows = [[link("#" + figure.ident, esc(figure.title)), code(figure.command),
             ", ".join(link("data/" + name, esc(name)) for name in figure.files)]
            for figure in figures]
    return section(number, "again", "How to make each figure again",
                   paragraph(code("make report"), " makes all of them, and this page."),
                   table("Figures", ("figure", "command", "data"), rows))


def read(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return file.read()


def document(sections):
    entries = (element("li", link("#" + ident, words)) for ident, words in CONTENTS)
    header = element("header", element("h1", TITLE),
                     element("button", "Colours: system", id="theme", type="button", hidden=True),
                     element("nav", element("ol", *entries), aria_label="Contents"))
    meta = ('<meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            '<meta http-equiv="Content-Security-Policy" content="%s">' % POLICY)
    return "<!DOCTYPE html>\n" + element(
        "html", element("head", meta, element("title", TITLE), element("style", read("page.css"))),
        element("body", link("#about", "Skip the contents").replace("<a ", '<a class="skip" '),
                header, element("main", sections), element("script", read("page.js"))),
        lang="en") + "\n"
