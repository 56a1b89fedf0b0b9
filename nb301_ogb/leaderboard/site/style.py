"""How the pages look, and the one script that they hold: sorting a table by its headings."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --text: #1c2024; --quiet: #5a6069; --line: #d9dce1; --page: #ffffff; --soft: #f4f5f7;
  --link: #1a56a0; --mark: #1f5fa8; --other: #b04a12; --warn: #8a3b00; --warn-soft: #fdf1e6; }
@media (prefers-color-scheme: dark) { :root { --text: #e4e7eb; --quiet: #a3abb6; --line: #3a4048; --page: #16191d;
  --soft: #20252b; --link: #84b6f4; --mark: #6ea8ee; --other: #eb9560; --warn: #f2b27c; --warn-soft: #33261a; } }
* { box-sizing: border-box; }
body { font: 16px/1.55 system-ui, sans-serif; margin: 0; color: var(--text); background: var(--page); }
header, main, footer { max-width: 82rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 1rem; } main { padding-bottom: 3rem; }
footer { border-top: 1px solid var(--line); padding-top: 1rem; padding-bottom: 2rem; color: var(--quiet); }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 1rem 0 .5rem; } h2 { margin: 2.5rem 0 .75rem; font-size: 1.35rem; }
h3 { margin: 0 0 .5rem; font-size: 1.15rem; } h4 { margin: 1.5rem 0 .5rem; font-size: 1rem; }
p, li, dd { max-width: 52rem; } a { color: var(--link); }
a:focus-visible, button:focus-visible, input:focus-visible, summary:focus-visible, [tabindex]:focus-visible {
  outline: 3px solid var(--mark); outline-offset: 2px; }
.skip { position: absolute; left: -100rem; } .skip:focus { position: static; }
.quiet { color: var(--quiet); } .lead { font-size: 1.1rem; }
.scroll { overflow-x: auto; margin: 1rem 0; container-type: inline-size; }
table { border-collapse: collapse; } caption { text-align: left; color: var(--quiet); padding: 0 0 .5rem; }
/* A caption is read whole where its table is wider than the window. */
caption div { position: sticky; left: 0; max-width: min(52rem, 100cqi); }
th, td { font-size: .94rem; padding: .4rem .6rem; border-bottom: 1px solid var(--line); text-align: right;
  vertical-align: top; font-variant-numeric: tabular-nums; white-space: nowrap; }
td small { display: block; color: var(--quiet); font-size: .85em; } th small { display: block; font-weight: normal;
  color: var(--quiet); white-space: normal; }
thead th { white-space: normal; vertical-align: bottom; border-bottom: 2px solid var(--line); }
th.text, td.text { text-align: left; } td.wrap { white-space: normal; min-width: 16rem; }

tbody th { font-weight: 600; } tfoot td, tfoot th { border-bottom: 0; color: var(--quiet); font-weight: normal; }
thead button { font: inherit; font-weight: 600; color: inherit; background: none; border: 0; padding: 0;
  cursor: pointer; text-align: inherit; }
/* The arrow is no part of the heading's name; browsers that do not know how to say that take the first rule. */
thead button::after { content: "\\00a0\\2195"; content: "\\00a0\\2195" / ""; color: var(--quiet); }
th[aria-sort=ascending] button::after { content: "\\00a0\\2191"; content: "\\00a0\\2191" / ""; }
th[aria-sort=descending] button::after { content: "\\00a0\\2193"; content: "\\00a0\\2193" / ""; }
.tag { display: inline-block; font-size: .8rem; font-weight: normal; padding: 0 .5rem; margin-right: .4rem;
  border: 1px solid var(--line); border-radius: 1rem; color: var(--quiet); white-space: nowrap; }
h1 .tag, h3 .tag { margin-left: .4rem; }
.tag.warn, .flags, .warning { color: var(--warn); background: var(--warn-soft); border-color: currentColor; }
.flags { border: 1px solid; border-radius: .5rem; padding: .6rem 1rem .6rem 2rem; max-width: 56rem; }
.warning { border: 1px solid; border-radius: .5rem; padding: .6rem 1rem; max-width: 56rem; }
.entry { border: 1px solid var(--line); border-radius: .6rem; padding: 1.25rem; margin: 1.25rem 0; }
dl.facts { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.25rem; margin: .75rem 0; }
dl.facts dt { color: var(--quiet); } dl.facts dd { margin: 0; overflow-wrap: anywhere; }
.figures { display: flex; flex-wrap: wrap; gap: 1rem 1.5rem; } figure { margin: 0; } figcaption { font-size: .9rem; }
details { margin: .6rem 0; } summary { cursor: pointer; font-weight: 600; }
pre { background: var(--soft); padding: .75rem 1rem; border-radius: .4rem; overflow-x: auto; font-size: .9rem; }
code { overflow-wrap: anywhere; font-size: .92em; } pre code { font-size: 1em; }
.filter { margin: 1rem 0 0; } #small { width: 1.1rem; height: 1.1rem; vertical-align: -.15rem; }
.if-small { display: none; } #small:checked ~ .filtered .large, #small:checked ~ .filtered .if-all { display: none; }
#small:checked ~ .filtered .if-small { display: inline; }
svg { display: block; } svg text { fill: var(--quiet); font: 11px system-ui, sans-serif; }
.axis { stroke: var(--line); fill: none; } .diagonal { stroke: var(--quiet); stroke-dasharray: 3 3; fill: none; }
.points { stroke: var(--mark); stroke-width: 2.5; stroke-linecap: round; fill: none; opacity: .55; }
.bar { stroke: var(--mark); stroke-width: 2; } .dot { fill: var(--mark); }
.bar2 { stroke: var(--other); stroke-width: 1.5; } .dot2 { fill: var(--page); stroke: var(--other); stroke-width: 1.5; }
.floor { stroke: var(--quiet); stroke-dasharray: 2 3; }
@media (max-width: 40rem) { dl.facts { grid-template-columns: 1fr; } dl.facts dd { margin-bottom: .4rem; }
  .entry { padding: .9rem; } }
@media print { .scroll { overflow: visible; } details::details-content { content-visibility: visible; } }
"""

SCRIPT = """
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  const rows = [...table.tBodies[0].rows];
  const status = document.getElementById(table.dataset.status);
  headings.forEach((heading, column) => {
    if (!heading.dataset.first) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const first = heading.dataset.first;
      const other = first === "ascending" ? "descending" : "ascending";
      const order = heading.getAttribute("aria-sort") === first ? other : first;
      headings.forEach((one) => one.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", order);
      const sign = order === "ascending" ? 1 : -1;
      const place = new Map(rows.map((row, at) => [row, at]));
      const value = (row) => row.cells[column].dataset.value;
      const compare = (a, b) => {
        if ((a === undefined) !== (b === undefined)) return a === undefined ? 1 : -1;
        if (a === undefined) return 0;
        return sign * (isNaN(a) || isNaN(b) ? a.localeCompare(b) : Number(a) - Number(b));
      };
      const sorted = [...rows].sort((a, b) => compare(value(a), value(b)) || place.get(a) - place.get(b));
      table.tBodies[0].append(...sorted);
      status.textContent = "Sorted by " + button.textContent.trim() + ", " + order + ".";
    });
  });
}
"""
