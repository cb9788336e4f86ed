# SPDX-License-Identifier: BSD-2-Clause
"""A table of thousands of rows with filters: its rows as data for page.js, the first ones as HTML.

The data are told by columns, each as the list of its different values and, for each row, the
number of its value: so ten thousand rows take some hundred kilobytes, and filters compare numbers.
"""

import json
from urllib.parse import quote

from . import spec
from .markup import element, esc, link, scroll

SHOWN = 50                      # rows of a page


class FilterTable:
    """columns: [(key, head)]. selects: keys that get a list of their values. rows: dicts. sets:
    {name: numbers of rows}, for links to rows that no filter describes. sections: the key whose
    values are sections of the RISC-V manual."""

    def __init__(self, ident, caption, columns, selects, rows, sets=None, sections=None, files=()):
        self.ident = ident
        self.caption = caption
        self.columns = columns
        self.selects = selects
        self.rows = rows
        self.sets = sets or {}
        self.sections = sections
        self.files = files

    def html(self):
        heads = (element("th", esc(head), scope="col", role="columnheader")
                 for _, head in self.columns)
        body = (element("tr", *(self.cell(row, key, head) for key, head in self.columns),
                        role="row") for row in self.rows[:SHOWN])
        table = element("table", element("caption", esc(self.caption)),
                        element("thead", element("tr", *heads, role="row"), role="rowgroup"),
                        element("tbody", *body, role="rowgroup"), role="table", class_="cards")
        return element("div", self.filters(), self.no_script(), scroll(self.caption, table),
                       self.pages(), self.data(), id=self.ident, class_="filter-table")

    def cell(self, row, key, head):
        value = row[key]
        content = spec_cell(value) if key == self.sections else esc(value)
        if key == "verdict":
            content = element("span", content)
        return element("td", content, role="cell", data_label=head,
                       class_="verdict" if key == "verdict" else None,
                       data_tone=tone(value) if key == "verdict" else None)

    def filters(self):
        fields = [element("label", "Text ", element(
            "input", type="search", name="q", autocomplete="off", spellcheck="false",
            placeholder="words, in any column"))]
        heads = dict(self.columns)
        for key in self.selects:
            options = [element("option", "all", value="")]
            options += [element("option", esc(value or "(none)"), value=value or "-")
                        for value in self.values(key)]
            fields.append(element("label", esc(heads[key]), " ",
                                  element("select", *options, name=key)))
        fields.append(element("button", "Clear", type="reset"))
        return element("form", *fields, class_="filters", role="search", hidden=True,
                       aria_label="filter of: " + self.caption)

    def no_script(self):
        files = ", ".join(link("data/" + name, esc(name)) for name in self.files)
        words = "Without JavaScript only the first %d of %d rows are shown; all of them: %s." % (
            min(SHOWN, len(self.rows)), len(self.rows), files)
        return element("noscript", element("p", words))

    def pages(self):
        buttons = (element("button", words, type="button", data_go=go)
                   for go, words in (("first", "First"), ("previous", "Previous"),
                                     ("next", "Next"), ("last", "Last")))
        return element("div", element("ul", class_="chips"),
                       element("p", class_="count", role="status"),
                       element("div", *buttons, class_="buttons"), class_="pages", hidden=True)

    def values(self, key):
        return list(dict.fromkeys(row[key] for row in self.rows))

    def data(self):
        columns = []
        for key, head in self.columns:
            values = self.values(key)
            number = {value: place for place, value in enumerate(values)}
            columns.append({"key": key, "head": head, "values": values,
                            "rows": [number[row[key]] for row in self.rows]})
        told = {"size": SHOWN, "columns": columns, "sets": self.sets}
        if self.sections:
            told["sections"] = self.sections
            told["links"] = {value: spec.parts(value) for value in self.values(self.sections)}
        if "verdict" in dict(self.columns):
            told["tones"] = {value: tone(value) for value in self.values("verdict")}
        # "<" would end the element where a value has "</script>" in it.
        text = json.dumps(told, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")
        return element("script", text, type="application/json")


def spec_cell(value):
    return "; ".join(element("a", esc(text), href=address, title=name) if address else esc(text)
                     for text, name, address in spec.parts(value))


def tone(verdict):
    """How a verdict is coloured: good, odd or bad."""
    if verdict == "DOPPEL" or verdict.startswith("hole"):
        return "bad"
    return "odd" if "deviates" in verdict else "good"


def address(ident, **filters):
    """The link to the rows of a table that have these values."""
    return "#%s?%s" % (ident, "&".join("%s=%s" % (key, quote(value or "-", safe=""))
                                       for key, value in filters.items()))
