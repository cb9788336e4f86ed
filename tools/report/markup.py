# SPDX-License-Identifier: BSD-2-Clause
"""HTML in pieces. A piece is a string; what is not markup goes through esc()."""

import re
from html import escape as esc

VOID = ("input",)               # elements that have no end


def element(name, /, *content, **attributes):
    """<name attributes>content</name>. class_ and for_ are class and for; a_b is a-b; True is an
    attribute without a value, None is none."""
    words = [name]
    for key, value in attributes.items():
        key = key.rstrip("_").replace("_", "-")
        if value is True:
            words.append(key)
        elif value is not None and value is not False:
            words.append('%s="%s"' % (key, esc(str(value))))
    ending = "" if name in VOID else "</%s>" % name
    return "<%s>%s%s" % (" ".join(words), "".join(content), ending)


def slug(text):
    """As a part of an id: lower case, digits and single hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def link(target, *content):
    return element("a", *content, href=target)


def code(text):
    return element("code", esc(text))


def nobreak(text):
    return element("span", esc(text), class_="nobreak")


def paragraph(*content, **attributes):
    return element("p", *content, **attributes)


def section(number, ident, title, *content):
    return element("section", element("h2", "%d. " % number, esc(title)), *content, id=ident)


def subsection(ident, title, *content):
    return element("section", element("h3", esc(title)), *content, id=ident, class_="sub")


def scroll(label, *content):
    """What is wider than the page scrolls by itself, with keys too."""
    return element("div", *content, class_="scroll", tabindex="0", role="region", aria_label=label)


def table(caption, heads, rows, numbers=()):
    """A table that stands as it is. heads: texts. rows: lists of markup, the first cell names the
    row. numbers: the columns that hold numbers."""
    def kind(column):
        return "number" if column in numbers else None

    head = element("tr", *(element("th", esc(text), scope="col", class_=kind(number))
                           for number, text in enumerate(heads)))
    body = [element("tr", element("th", row[0], scope="row"),
                    *(element("td", cell, class_=kind(number))
                      for number, cell in enumerate(row[1:], 1))) for row in rows]
    return scroll(caption, element("table", element("caption", esc(caption)),
                                   element("thead", head), element("tbody", *body)))


def missing(what, command):
    """Says that something is not in the data, and what makes it."""
    return paragraph(esc(what), " ", code(command), " makes it.", class_="missing")


class Figure:
    """A figure and how to make it again; what the last section lists."""

    def __init__(self, ident, title, command, files):
        self.ident = ident
        self.title = title
        self.command = command
        self.files = files

    def html(self, *content):
        made = element("span", "Made again by ", code(self.command), "; data: ",
                       ", ".join(link("data/" + name, esc(name)) for name in self.files), ".",
                       class_="made")
        return element("figure", *content,
                       element("figcaption", element("b", esc(self.title) + "."), " ", made),
                       id=self.ident)
