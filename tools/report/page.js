// SPDX-License-Identifier: BSD-2-Clause
// The page's own behaviour: tables with filters (tools/report/filtertable.py), and the switch of colours.
"use strict";

const NONE = "-"; // in a filter: the empty value

// A filter is {q: words, set: a named set of rows, column's key: its value}. In the address it follows the
// table's id: #census?mode=VU&q=sfence
class FilterTable {
	constructor(root) {
		this.root = root;
		this.told = JSON.parse(root.querySelector("script").textContent);
		this.columns = this.told.columns;
		this.count = this.columns[0].rows.length;
		this.form = root.querySelector("form");
		this.body = root.querySelector("tbody");
		this.texts = null;
		this.first = 0;
		this.filter = {};
		this.form.hidden = false;
		this.form.addEventListener("input", () => this.take_form());
		this.form.addEventListener("submit", (event) => event.preventDefault());
		this.form.addEventListener("reset", () => this.choose({}));
		for (const button of root.querySelectorAll("[data-go]"))
			button.addEventListener("click", () => this.go(button.dataset.go));
		root.querySelector(".pages").hidden = false;
		this.show();
	}

	value(column, row) {
		return column.values[column.rows[row]];
	}

	// What the form has no field for stays as it is.
	take_form() {
		const filter = { ...this.filter };
		for (const field of this.form.elements)
			if (field.name && field.value)
				filter[field.name] = field.value;
			else
				delete filter[field.name];
		this.filter = filter;
		this.first = 0;
		this.tell_address();
		this.show();
	}

	choose(filter) {
		this.filter = filter;
		this.first = 0;
		this.fill_form();
		this.tell_address();
		this.show();
	}

	fill_form() {
		for (const field of this.form.elements)
			if (field.name)
				field.value = this.filter[field.name] ?? "";
	}

	tell_address() {
		const words = Object.entries(this.filter).map(([key, value]) => key + "=" + encodeURIComponent(value));
		history.replaceState(null, "", "#" + this.root.id + (words.length ? "?" + words.join("&") : ""));
	}

	// The numbers of the rows that the filter lets through.
	matches() {
		const tests = [];
		for (const column of this.columns)
			if (column.key in this.filter) {
				const wanted = this.filter[column.key];
				const number = column.values.indexOf(wanted === NONE ? "" : wanted);
				tests.push((row) => column.rows[row] === number);
			}
		if (this.filter.q) {
			const words = this.filter.q.toLowerCase().split(/\s+/).filter(Boolean);
			tests.push((row) => words.every((word) => this.text(row).includes(word)));
		}
		const found = [];
		const candidates = this.filter.set === undefined ? null : this.told.sets[this.filter.set] ?? [];
		for (let place = 0; place < (candidates ?? this.columns[0].rows).length; place++) {
			const row = candidates ? candidates[place] : place;
			if (tests.every((test) => test(row)))
				found.push(row);
		}
		return found;
	}

	text(row) {
		this.texts ??= Array.from({ length: this.count }, (_, number) =>
			this.columns.map((column) => this.value(column, number)).join("\n").toLowerCase());
		return this.texts[row];
	}

	show() {
		const found = this.matches();
		const last_page = Math.max(0, Math.ceil(found.length / this.told.size) - 1) * this.told.size;
		this.first = Math.min(this.first, last_page);
		this.last_page = last_page;
		const shown = found.slice(this.first, this.first + this.told.size);
		this.body.replaceChildren(...shown.map((row) => this.line(row)));
		this.root.querySelector(".count").textContent = this.summary(found, shown);
		this.show_chips();
		for (const button of this.root.querySelectorAll("[data-go]")) {
			const is_back = button.dataset.go === "first" || button.dataset.go === "previous";
			button.disabled = is_back ? this.first === 0 : this.first === last_page;
		}
	}

	line(row) {
		const line = make("tr", { role: "row" });
		for (const column of this.columns) {
			const value = this.value(column, row);
			const cell = make("td", { role: "cell", "data-label": column.head });
			if (column.key === this.told.sections)
				cell.append(...this.section_links(value));
			else if (column.key !== "verdict")
				cell.textContent = value;
			else {
				cell.append(make("span", {}, value));
				cell.className = "verdict";
				cell.dataset.tone = this.told.tones[value];
			}
			line.append(cell);
		}
		return line;
	}

	section_links(value) {
		const box = make("span", {});
		this.told.links[value].forEach(([text, name, address], place) => {
			if (place)
				box.append("; ");
			box.append(address ? make("a", { href: address, title: name }, text) : text);
		});
		return [box];
	}

	summary(found, shown) {
		const verdicts = this.columns.find((column) => column.key === "verdict");
		const counts = new Map();
		if (verdicts)
			for (const row of found) {
				const verdict = this.value(verdicts, row);
				counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
			}
		const told = [...counts].map(([verdict, count]) => `${count} ${verdict}`).join(", ");
		const range = shown.length ? `, shown ${this.first + 1} to ${this.first + shown.length}` : "";
		return `${found.length} of ${this.count} rows${range}` + (told ? `: ${told}` : "");
	}

	// Filters that have no field of their own can be seen, and taken away.
	show_chips() {
		const fields = new Set([...this.form.elements].map((field) => field.name));
		const keys = Object.keys(this.filter).filter((key) => !fields.has(key));
		this.root.querySelector(".chips").replaceChildren(...keys.map((key) => {
			const button = make("button", { type: "button" }, `${key}: ${this.filter[key]} ✕`);
			button.setAttribute("aria-label", `take away the filter ${key}: ${this.filter[key]}`);
			button.addEventListener("click", () => {
				const { [key]: _, ...rest } = this.filter;
				this.choose(rest);
			});
			const item = make("li", {});
			item.append(button);
			return item;
		}));
	}

	go(where) {
		const size = this.told.size;
		this.first = { first: 0, previous: Math.max(0, this.first - size), next: this.first + size,
			last: this.last_page }[where];
		this.show();
	}
}

function make(name, attributes, text) {
	const element = document.createElement(name);
	for (const [key, value] of Object.entries(attributes))
		element.setAttribute(key, value);
	if (text !== undefined)
		element.textContent = text;
	return element;
}

const tables = new Map();
for (const root of document.querySelectorAll(".filter-table"))
	tables.set(root.id, new FilterTable(root));

function follow_address() {
	const [ident, words] = location.hash.slice(1).split(/\?(.*)/s);
	const table = tables.get(ident);
	if (!table || words === undefined)
		return;
	const filter = {};
	for (const part of words.split("&")) {
		const [key, value] = part.split(/=(.*)/s);
		if (key && value)
			filter[key] = decodeURIComponent(value);
	}
	table.choose(filter);
	table.root.scrollIntoView();
}

window.addEventListener("hashchange", follow_address);
follow_address();

// Colours: as the system has them, or as chosen here. Where nothing can be kept, the choice is for once.
const THEMES = ["system", "light", "dark"];
const button = document.getElementById("theme");

function set_theme(name) {
	if (name === "system")
		delete document.documentElement.dataset.theme;
	else
		document.documentElement.dataset.theme = name;
	button.textContent = "Colours: " + name;
	button.dataset.now = name;
}

function kept_theme() {
	try {
		return localStorage.getItem("doppel-theme");
	} catch {
		return null;
	}
}

button.hidden = false;
set_theme(THEMES.includes(kept_theme()) ? kept_theme() : "system");
button.addEventListener("click", () => {
	set_theme(THEMES[(THEMES.indexOf(button.dataset.now) + 1) % THEMES.length]);
	try {
		localStorage.setItem("doppel-theme", button.dataset.now);
	} catch {
		// nothing is kept
	}
});
