#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# The report of `make report`, built from a few recorded rows and opened in Chromium.

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(ROOT, "tests", "launcher", "lib")]
import tap  # noqa: E402
from browser import Browser  # noqa: E402

WIDTHS, SCHEMES = (390, 1400), ("light", "dark")
SPECIFICATION = "https://github.com/riscv/riscv-isa-manual/blob/20240411/src/"
CENSUS = "document.querySelector('#census')"
COUNT = CENSUS + ".querySelector('.count').textContent"
CHIPS = CENSUS + ".querySelectorAll('.chips button').length"
ROWS = "document.querySelectorAll('#census tbody tr').length"
FIRST = "[...document.querySelectorAll('#census tbody tr')].map(row => row.innerText)"

# What stands outside the window, and is not in a box that scrolls.
OVERFLOWS = """(() => {
	const wide = document.documentElement.clientWidth;
	const out = [...document.body.querySelectorAll('*')].filter((one) => {
		const box = one.getBoundingClientRect();
		return box.width && box.left >= 0 && box.right > wide + 1 && !one.closest('.scroll > *');
	});
	const page = document.documentElement.scrollWidth;
	return out.map((one) => one.tagName + '.' + one.getAttribute('class') + ' ' + one.id)
		.concat(page > wide ? ['the page: ' + page] : []);
})()"""

# Texts whose colour is too near to that behind them: less than 4.5 to 1 (WCAG 2.1, 1.4.3); of
# legends' marks, which are no texts, 3 to 1 (1.4.11).
FAINT = """(() => {
	const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
	const known = new Map();
	function rgba(colour) {
		if (!known.has(colour))
			known.set(colour, draw(colour));
		return known.get(colour);
	}
	function draw(colour) {
		canvas.clearRect(0, 0, 1, 1);
		canvas.fillStyle = colour;
		canvas.fillRect(0, 0, 1, 1);
		return [...canvas.getImageData(0, 0, 1, 1).data];
	}
	function light(colour) {
		const [r, g, b] = rgba(colour).slice(0, 3).map((part) => part / 255)
			.map((part) => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	}
	function behind(one) {
		for (; one; one = one.parentElement)
			if (rgba(getComputedStyle(one).backgroundColor)[3] === 255)
				return getComputedStyle(one).backgroundColor;
		return 'white';
	}
	const found = new Set();
	let looked_at = 0;
	for (const one of document.body.querySelectorAll('*')) {
		const has_text = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
		if (!has_text || !one.getClientRects().length || one.closest(':disabled'))
			continue;
		const style = getComputedStyle(one);
		const [a, b] = [light(one.namespaceURI.endsWith('svg') ? style.fill : style.color),
			light(behind(one))].sort((x, y) => y - x);
		looked_at++;
		if ((a + 0.05) / (b + 0.05) < (one.className === 'glyph' ? 3 : 4.5))
			found.add(one.tagName + '.' + one.getAttribute('class') + ': ' + one.textContent.slice(0, 40));
	}
	return {looked_at, found: [...found]};
})()"""

# Pieces without the names that readers of screens need.
NAMELESS = """(() => {
	const lacks = (selector, is_fine) => [...document.querySelectorAll(selector)]
		.filter((one) => !is_fine(one)).map((one) => selector + ' ' + one.outerHTML.slice(0, 80));
	return [
		...lacks('th', (one) => one.scope),
		...lacks('table', (one) => one.caption && one.caption.textContent),
		...lacks('svg', (one) => one.getAttribute('role') === 'img' &&
			document.getElementById(one.getAttribute('aria-labelledby').split(' ')[0])?.textContent),
		...lacks('input, select', (one) => one.labels.length),
		...lacks('button', (one) => one.textContent),
		...lacks('figure', (one) => one.querySelector('figcaption code')),
		...lacks('.scroll', (one) => one.tabIndex === 0 && one.getAttribute('aria-label')),
	];
})()"""

LINKS = """[...document.querySelectorAll('a[href]')].map((one) => one.getAttribute('href'))"""
DOUBLE = """(() => {
	const all = [...document.querySelectorAll('[id]')].map((one) => one.id);
	return all.filter((one, place) => all.indexOf(one) !== place);
})()"""
SCHEME = "getComputedStyle(document.body).backgroundColor"


class Report:
    """A page in a directory of its own. data: what it is made from; True: what is recorded."""

    def __init__(self, data=True):
        self.directory = tempfile.mkdtemp(prefix="doppel-report-")
        self.page = os.path.join(self.directory, "index.html")
        self.address = "file://" + self.page
        if data:
            shutil.copytree(os.path.join(HERE, "data"), os.path.join(self.directory, "data"))
        else:
            os.mkdir(os.path.join(self.directory, "data"))

    def make(self):
        return subprocess.run(
            [sys.executable, os.path.join(ROOT, "tools", "mkreport"), "--output", self.page,
             "--facts", os.path.join(HERE, "data", "facts.json")], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, check=False)

    def must_make(self):
        done = self.make()
        tap.same((done.returncode, done.stderr.decode()), (0, ""))
        with open(self.page, encoding="utf-8") as file:
            return file.read()

    def path(self, name):
        return os.path.join(self.directory, "data", name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.directory)


def rows_of(report, name):
    with open(report.path(name), newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def census_of(report):
    return rows_of(report, "census-7.csv") + rows_of(report, "census-10.csv")


def clean(page):
    """The page said nothing, and asked for nothing but itself."""
    tap.same(page.errors, [])
    own = page.run("location.href.split('#')[0]")
    tap.same([address for address in page.requests if address != own], [])


def test_same():
    """the page is built from recorded data, with the same bytes each time"""
    with Report() as report:
        first = report.must_make()
        tap.same(report.must_make(), first)


def test_loads():
    """it loads without an error, asks for nothing else, and has each part"""
    page.open(report.address)
    clean(page)
    tap.same(page.run("[...document.querySelectorAll('main > section')].map(one => one.id)"),
             ["about", "theorems", "instructions", "x86", "operations", "boot", "pictures",
              "again"])
    tap.same(page.run("document.querySelectorAll('.missing').length"), 0)
    tap.same(page.run("document.querySelectorAll('.chart svg').length"), 8)
    pictures = [name for name in os.listdir(report.path("")) if name.endswith(".svg")]
    tap.same(len(pictures) > 4, True)
    # Those without H are drawn by the trace's module.
    drawn = len(pictures) + (len(classic.OPERATIONS) if classic.sequence else 0)
    tap.same(page.run("document.querySelectorAll('.drawing svg').length"), drawn)
    tap.same(page.run("document.querySelectorAll('figure[id^=without-h]').length"),
             len(classic.OPERATIONS))


def test_numbers():
    """counts, verdicts and exits are those of the data"""
    page.open(report.address)
    rows = census_of(report)
    tap.holds(page.run(COUNT), "%d of %d rows" % (len(rows), len(rows)))
    with open(report.path("verdicts.json"), encoding="utf-8") as file:
        verdicts = json.load(file)
    told = page.run("[...document.querySelectorAll('#verdicts tbody tr')]"
                    ".map(row => row.innerText)")
    tap.same(len(told), len(next(iter(verdicts.values()))))
    for line in told:
        name = line.split("\t")[0]
        tap.same([cell.split()[1] for cell in line.split("\t")[1:]],
                 ["yes" if claims[name][side]["holds"] else
                  "if" if claims[name][side]["holds if registers are swapped"] else "no"
                  for claims in verdicts.values() for side in ("demanded", "observed")])
    exits = sum(int(row["exits"]) for row in rows_of(report, "trace-boot.csv"))
    tap.holds(page.run("document.querySelector('#boot p').textContent"), ": %d in" % exits)
    shadow = next(row for row in rows_of(report, "operations-x86-svm-shadow.csv")
                  if row["operation"] == "context-switch" and not row["detail"])
    told = page.run("[...document.querySelectorAll('#exits-table tbody tr')]"
                    ".find(row => row.innerText.startsWith('context-switch')).innerText")
    tap.same(told.split("\t")[-1], "%g" % (int(shadow["exits"]) / int(shadow["count"])))


def test_typing():
    """typing in the filter leaves the rows that have the words, and tells it in the address"""
    page.open(report.address)
    page.type("#census input[name=q]", "csrr HSTATUS")
    want = [row for row in census_of(report)
            if all(word in "\n".join(row.values()).lower() for word in ("csrr", "hstatus"))]
    tap.same(0 < len(want) < 50, True)
    tap.same(page.run(ROWS), len(want))
    tap.same(page.run("location.hash"), "#census?q=csrr%20HSTATUS")
    page.type("#census input[name=q]", " no such words")
    tap.same(page.run(ROWS), 0)
    page.run(CENSUS + ".querySelector('button[type=reset]').click()")
    tap.same(page.run(ROWS), 50)
    clean(page)


def test_selects():
    """each list of values filters, and lists work together"""
    page.open(report.address)
    rows = census_of(report)
    for key in ("way", "mode", "gate", "class", "verdict", "emulator"):
        value = rows[-1][key]
        page.run("(() => { const field = %s.querySelector('[name=%s]'); field.value = %s;"
                 "field.dispatchEvent(new Event('input', {bubbles: true})); })()"
                 % (CENSUS, key, json.dumps(value)))
        rows = [row for row in rows if row[key] == value]
        tap.holds(page.run(COUNT), "%d of " % len(rows))
    clean(page)


def test_hash():
    """an address with a filter selects its rows, at once and on a page that is open"""
    row = next(row for row in census_of(report) if row["verdict"] == "emulator deviates")
    keys = "way", "emulator", "mode", "gate", "item"
    words = "#census?" + "&".join("%s=%s" % (key, row[key].replace(" ", "%20")) for key in keys)
    page.open(report.address + words)
    for _ in range(2):
        tap.same(page.run(ROWS), 1)
        for key in row.keys() - {"section"}:        # told as links
            tap.holds(page.run(FIRST)[0], row[key])
        tap.same(page.run(CENSUS + ".querySelector('[name=mode]').value"), row["mode"])
        tap.same(page.run(CHIPS), 1)
        tap.same(page.run("Math.abs(%s.getBoundingClientRect().top) < 50" % CENSUS), True)
        page.open(report.address)
        page.run("new Promise(done => { addEventListener('hashchange', () => setTimeout(done, 0));"
                 "location.hash = %s; })" % json.dumps(words))
    page.run(CENSUS + ".querySelector('.chips button').click()")
    tap.same((page.run(ROWS) >= 1, page.run(CHIPS)), (True, 0))
    clean(page)


def test_pages():
    """pages are turned, each row is shown once, and there are never more than fit"""
    page.open(report.address)
    seen = []
    for _ in range(20):
        rows = page.run(FIRST)
        tap.same(0 < len(rows) <= 50, True)
        seen += rows
        if page.run(CENSUS + ".querySelector('[data-go=next]').disabled"):
            break
        page.run(CENSUS + ".querySelector('[data-go=next]').click()")
    tap.same(len(seen), len(census_of(report)))
    tap.same(len(seen) > 100, True)
    page.run(CENSUS + ".querySelector('[data-go=first]').click()")
    tap.same(page.run(FIRST), seen[:50])


def test_links():
    """every link inside leads somewhere; those outside lead to the specification"""
    page.open(report.address)
    links = sorted(set(page.run(LINKS)))
    tap.same(page.run(DOUBLE), [])
    tap.same(len([one for one in links if "set=" in one]) > 20, True)
    for one in links:
        if one.startswith("#") and "?" not in one:
            is_there = page.run("!!document.getElementById(%s)" % json.dumps(one[1:]))
            tap.same((one, is_there), (one, True))
        elif one.startswith("#"):
            ident = one[1:].split("?")[0]
            page.run("location.hash = %s; follow_address()" % json.dumps(one))
            count = page.run("document.querySelector('#%s .count').textContent" % ident)
            tap.same((one, count.startswith("0 of")), (one, False))
        elif one.startswith("data/"):
            tap.same((one, os.path.exists(os.path.join(report.directory, one))), (one, True))
        else:
            tap.same(one[:len(SPECIFICATION)], SPECIFICATION)
    clean(page)


def test_sets():
    """a number of rows in a verdict leads to just these rows"""
    page.open(report.address)
    with open(report.path("verdicts.json"), encoding="utf-8") as file:
        verdicts = json.load(file)
    want = verdicts["qemu-10"]["theorem 1, H, literally"]["observed"]["exceptions"]
    page.run("location.hash = '#census?set=qemu-10.theorem-1-h-literally.observed.exceptions';"
             "follow_address()")
    got = [row.split("\t")[:5] for row in page.run(FIRST)]
    tap.same(["%s %s %s: %s" % (way, mode, gate, item) for way, _, mode, gate, item in got],
             [row["row"] for row in want])
    tap.same({row[1] for row in got}, {"qemu-10"})


def test_fits():
    """nothing is wider than the page, on a telephone and on a desk, light and dark"""
    for width in WIDTHS:
        for scheme in SCHEMES:
            page.size(width)
            page.media(scheme)
            page.open(report.address)
            page.run("document.querySelectorAll('details').forEach(one => one.open = true)")
            tap.same((width, scheme, page.run(OVERFLOWS)), (width, scheme, []))
            tap.same(page.run("innerWidth"), width)
            clean(page)
    page.size(1400)


def test_contrast():
    """texts stand out from what is behind them, in both schemes"""
    backgrounds = set()
    for scheme in SCHEMES:
        page.media(scheme)
        page.open(report.address)
        page.run("document.querySelectorAll('details').forEach(one => one.open = true)")
        told = page.run(FAINT)
        tap.same((scheme, told["found"]), (scheme, []))
        tap.same(told["looked_at"] > 1000, True)
        backgrounds.add(page.run(SCHEME))
    tap.same(len(backgrounds), 2)


def test_switch():
    """the switch changes the colours, of pictures too; paper stays white"""
    page.media("light")
    page.open(report.address)
    light = page.run(SCHEME)
    inks = ("[...document.querySelectorAll('svg text')]"
            ".map(one => getComputedStyle(one).fill).join()")
    before = page.run(inks)
    for name, is_light in (("light", True), ("dark", False), ("system", True)):
        page.run("document.getElementById('theme').click()")
        tap.holds(page.run("document.getElementById('theme').textContent"), name)
        tap.same((name, page.run(SCHEME) == light), (name, is_light))
        tap.same((name, page.run(inks) == before), (name, is_light))
        page.media("light", "print")
        tap.same((name, page.run(SCHEME)), (name, light))
        tap.same((name, page.run(inks)), (name, before))
        page.media("light")
    tap.same(page.pdf()[:5], b"%PDF-")
    clean(page)


def test_names():
    """tables, pictures, fields and figures have names, and figures the command that makes them"""
    page.open(report.address)
    tap.same(page.run(NAMELESS), [])
    levels = page.run("[...document.querySelectorAll('h1,h2,h3,h4')].map(one => +one.tagName[1])")
    tap.same([pair for pair in zip(levels, levels[1:]) if pair[1] > pair[0] + 1], [])
    figures = page.run("[...document.querySelectorAll('figure')].map(one => one.id)")
    listed = page.run("[...document.querySelectorAll('#again tbody th a')]"
                      ".map(one => one.getAttribute('href').slice(1))")
    tap.same(sorted(figures), sorted(listed))


def test_no_script():
    """without JavaScript the first rows are there, with links to all of them"""
    page.scripts(False)
    try:
        page.open(report.address)
    finally:
        page.scripts(True)
    tap.same(page.run(ROWS), 50)
    tap.same(page.run("getComputedStyle(document.querySelector('#census form')).display"), "none")
    tap.holds(page.run("document.querySelector('#census noscript').innerText"), "census-10.csv")


def test_sections():
    """each section of the RISC-V manual that the data name is known by its name and address"""
    for row in census_of(report):
        tap.same([part for part in spec.parts(row["section"]) if not part[2]], [])


MISSING = "[...document.querySelectorAll('.missing')].map(one => one.innerText)"


def test_missing():
    """without data the page says what is missing and what makes it; without an x86, only that"""
    with Report(data=False) as empty:
        empty.must_make()
        page.open(empty.address)
        clean(page)
        told = page.run(MISSING + ".join()")
        for command in ("make census", "make compare-x86", "make trace-boot"):
            tap.holds(told, command)
        tap.same(page.run(OVERFLOWS), [])
    with Report() as other:
        os.unlink(other.path("x86-ring3.csv"))
        with open(other.path("x86-theorem.csv"), encoding="utf-8") as file:
            lines = [line for line in file if not line.startswith("linux,")]
        put(other.path("x86-theorem.csv"), "".join(lines))
        other.must_make()
        page.open(other.address)
        clean(page)
        told = page.run(MISSING)
        tap.same(len(told), 1)
        tap.holds(told[0], "x86 machine")


def test_broken():
    """data that cannot be right are refused with one sentence, and the old page stays"""
    with Report() as broken:
        broken.must_make()
        for change in BREAKS:
            must_refuse(broken, *change)


BREAKS = (  # file, what is replaced by what, what is said
    ("census-7.csv", "emulator,", "emulators,", "census-7.csv has no column emulator"),
    ("census-10.csv", "\nnative,", "\nnative,,,,,,,,,,,,,,", "row 2 of census-10.csv"),
    ("verdicts.json", "csrr", "csrrr", "the census has no such row"),
    ("verdicts.json", "{", "", "verdicts.json is no JSON"),
    ("x86-theorem.csv", ",19,", ",20,", "counts 20 holes"),
    ("trace-boot.csv", "ms,", "s,", "trace-boot.csv has no column ms"))


def must_refuse(broken, name, old, new, words):
    with open(broken.path(name), encoding="utf-8") as file:
        text = file.read()
    tap.holds(text, old)
    put(broken.path(name), text.replace(old, new, 1))
    before = os.stat(broken.page).st_mtime_ns
    done = broken.make()
    tap.same((name, done.returncode), (name, 2))
    tap.holds(done.stderr.decode(), words)
    tap.same(done.stderr.count(b"\n"), 1)
    tap.same(os.stat(broken.page).st_mtime_ns, before)
    put(broken.path(name), text)


PICTURE = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9" aria-label="one">
<style>text { fill: #123456 } svg { background: red }
@media (prefers-color-scheme: dark) { text { fill: #abcdef } }</style>
<text id="a" y="9">x</text>%s</svg>"""


def test_pictures():
    """a picture's style stays in it and follows the switch; what could act or load is refused"""
    for words in ("<script>1</script>", '<image href="http://x.example/y"/>',
                  '<a href="http://x.example/">x</a>', '<text onclick="1">x</text>',
                  "<style>@import 'x'</style>", "</text>"):
        with Report(data=False) as report:
            put(report.path("walk.svg"), PICTURE % words)
            tap.same((words, report.make().returncode), (words, 2))
    with Report(data=False) as report:
        for name in ("walk.svg", "sequence-a.svg"):
            put(report.path(name), PICTURE % '<text y="3">y</text>')
        put(report.path("walk.svg"), (PICTURE % "").replace("#123456", "#654321")
            .replace("red", "blue"))
        report.must_make()
        page.media("light")
        page.open(report.address)
        fill = "getComputedStyle(document.querySelector('#picture-%s text')).fill"
        tap.same(page.run(fill % "walk"), "rgb(101, 67, 33)")
        tap.same(page.run(fill % "sequence-a"), "rgb(18, 52, 86)")
        for name, colour in (("walk", "rgb(0, 0, 255)"), ("sequence-a", "rgb(255, 0, 0)")):
            tap.same(page.run("getComputedStyle(document.querySelector('#picture-%s'))"
                              ".backgroundColor" % name), colour)
        tap.same(page.run(DOUBLE), [])
        for _ in range(2):
            page.run("document.getElementById('theme').click()")
        tap.same(page.run(fill % "walk"), "rgb(171, 205, 239)")
        page.run("document.getElementById('theme').click()")
        tap.same(page.run(fill % "walk"), "rgb(101, 67, 33)")
        page.media("dark")
        tap.same(page.run(fill % "walk"), "rgb(171, 205, 239)")
        clean(page)
        page.media("light")


def put(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


sys.path.insert(0, os.path.join(ROOT, "tools"))
from report import classic, spec  # noqa: E402

with Report() as report, Browser() as page:
    report.must_make()
    page.size(1400)
    page.media("light")
    tap.main(sys.modules[__name__])
