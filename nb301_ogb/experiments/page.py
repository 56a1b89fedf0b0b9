"""A page of text, tables and figures, once as HTML with everything inside and once as Markdown."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

_STYLE = """
body { font: 16px/1.55 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1c2024;
  background: #fff; color-scheme: light; }
h1 { line-height: 1.2; } h2 { margin-top: 2.8rem; border-bottom: 1px solid #d9dce1; padding-bottom: .2rem; }
h3 { margin-bottom: .3rem; } a { color: #1f5fa8; }
nav ol { columns: 2; padding-left: 1.4rem; }
.note { border-left: 5px solid #c8551b; background: #fdf1ea; padding: .6rem 1rem; font-weight: 600; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: 1.2rem 0; font-size: .95rem; }
caption { text-align: left; color: #5a6069; padding-bottom: .3rem; white-space: nowrap; }
th, td { padding: .25rem .7rem .25rem 0; border-bottom: 1px solid #d9dce1; text-align: right; vertical-align: top; }
th.text, td.text { text-align: left; } th[scope=row] { font-weight: normal; }
td { font-variant-numeric: tabular-nums; }
figure { margin: 1.6rem 0; } figure svg { max-width: 100%; height: auto; }
figcaption, .quiet { color: #5a6069; overflow-wrap: anywhere; }
code { background: #f2f3f5; padding: .1rem .3rem; border-radius: 3px; overflow-wrap: anywhere; }
@media print { body { max-width: none; margin: 0; font-size: 10.5pt; } nav { display: none; }
  figure, table, tr, .note { break-inside: avoid; } h2, h3, caption { break-after: avoid; }
  .scroll { overflow: visible; } a { color: inherit; text-decoration: none; } }
"""
_ID = re.compile(r'(\bid="|url\(#|href="#)')


@dataclass(frozen=True)
class Text:
    """A paragraph of plain text."""

    text: str


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        caption: what it tells.
        columns: their titles.
        rows: texts, as many in each as there are columns; the first names the row.
        left: how many columns from the left are texts, the others are numbers.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: int = 1


@dataclass(frozen=True)
class Figure:
    """A figure.

    Attributes:
        svg: the document, from `<svg` on.
        alt: what is to be seen, for those who do not see it; empty where the document tells it itself.
        caption: below the figure.
        code: a text below the caption that is set as code.
        file: of the same figure beside the page, which Markdown shows; empty where there is none.
    """

    svg: str
    alt: str
    caption: str
    code: str = ""
    file: str = ""


Block = Text | Table | Figure


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it."""

    title: str
    blocks: Sequence[Block]


def to_html(title: str, sections: Sequence[Section], note: str = "", footer: str = "") -> str:
    """The page as one HTML document without anything outside of it.

    Args:
        title: of the page.
        sections: its parts.
        note: shown above everything else, where there is one.
        footer: the last line.
    """
    names = [re.sub(r"[^a-z0-9]+", "-", section.title.lower()).strip("-") for section in sections]
    listed = zip(names, sections, strict=True)
    contents = "".join(f'<li><a href="#{name}">{html.escape(section.title)}</a></li>' for name, section in listed)
    body = [f"<h1>{html.escape(title)}</h1>"]
    if note:
        body.append(f'<p class="note" role="note">{html.escape(note)}</p>')
    body.append(f'<nav aria-label="Contents"><ol>{contents}</ol></nav>')
    number = 0
    for name, section in zip(names, sections, strict=True):
        body.append(f'<section aria-labelledby="{name}"><h2 id="{name}">{html.escape(section.title)}</h2>')
        for block in section.blocks:
            number += 1
            body.append(_html(block, f"f{number}-"))
        body.append("</section>")
    if footer:
        body.append(f'<footer><p class="quiet">{html.escape(footer)}</p></footer>')
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"/><title>{html.escape(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"/><style>{_STYLE}</style></head>\n<body>'
        "<main>\n" + "\n".join(body) + "\n</main></body></html>\n"
    )


def _html(block: Block, prefix: str) -> str:
    if isinstance(block, Text):
        return f"<p>{html.escape(block.text)}</p>"
    if isinstance(block, Table):
        return _html_table(block)
    svg = _ID.sub(rf"\g<1>{prefix}", block.svg.strip())
    svg = re.sub(
        r'aria-labelledby="([^"]*)"', lambda m: f'aria-labelledby="{" ".join(prefix + i for i in m[1].split())}"', svg
    )
    if block.alt:
        svg = svg.replace("<svg ", f'<svg role="img" aria-label="{html.escape(block.alt)}" ', 1)
    code = f"<br/><code>{html.escape(block.code)}</code>" if block.code else ""
    return f"<figure>{svg}<figcaption>{html.escape(block.caption)}{code}</figcaption></figure>"


def _html_table(table: Table) -> str:
    def cell(place: int, text: str, tag: str, scope: str = "") -> str:
        kind = ' class="text"' if place < table.left else ""
        return f"<{tag}{scope}{kind}>{html.escape(text)}</{tag}>"

    head = "".join(cell(place, title, "th", ' scope="col"') for place, title in enumerate(table.columns))
    rows = []
    for row in table.rows:
        first = cell(0, row[0], "th", ' scope="row"')
        rows.append(f"<tr>{first}{''.join(cell(place, text, 'td') for place, text in enumerate(row) if place)}</tr>")
    return (
        f'<div class="scroll" role="region" aria-label="{html.escape(table.caption)}" tabindex="0"><table>'
        f"<caption>{html.escape(table.caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def to_markdown(title: str, sections: Sequence[Section], note: str = "", footer: str = "") -> str:
    """The page's text and tables as Markdown; of a figure what it shows in words."""
    parts = [f"# {title}"]
    if note:
        parts.append(f"> **{note}**")
    for section in sections:
        parts.append(f"## {section.title}")
        parts += [text for block in section.blocks if (text := _markdown(block))]
    if footer:
        parts.append(footer)
    return "\n\n".join(parts) + "\n"


def _markdown(block: Block) -> str:
    if isinstance(block, Text):
        return block.text
    if isinstance(block, Figure):
        code = f" `{block.code}`" if block.code else ""
        shown = f"![{block.alt}]({block.file})\n\n" if block.file else ""
        return f"{shown}*{block.caption}*{code}" + (f" {block.alt}" if block.alt and not shown else "")
    marks = ["---" if place < block.left else "---:" for place in range(len(block.columns))]
    lines = [block.columns, marks, *block.rows]
    rows = "\n".join("| " + " | ".join(str(text).replace("|", r"\|") for text in line) + " |" for line in lines)
    return f"{block.caption}\n\n{rows}"
