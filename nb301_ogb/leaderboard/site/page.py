"""The pieces of a page: escaped text, tables, lists of facts, and the frame around them."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from nb301_ogb.leaderboard.site.style import SCRIPT, STYLE


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: of its heading; HTML.
        text: whether it holds texts, which stand on the left.
        first: the order that the heading's button gives first, `ascending` or `descending`; empty for a column by
            which nobody sorts.
    """

    title: str
    text: bool = False
    first: str = ""


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        content: HTML.
        value: by which the column is sorted; None where it has none, which comes last in any order.
        heads: whether it names its row.
        wraps: whether its text may fold.
    """

    content: str
    value: float | str | None = None
    heads: bool = False
    wraps: bool = False


def escape(text: object) -> str:
    """Any text as HTML that shows it as it is."""
    return html.escape(str(text), quote=True)


def link(address: str, text: str | None = None) -> str:
    """A link to an address of a submission: only http and https, and the target learns nothing of this page."""
    if urlsplit(address).scheme not in ("http", "https"):
        return escape(text or address)
    return f'<a href="{escape(address)}" rel="nofollow noreferrer noopener">{escape(text or address)}</a>'


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """A list of names and contents (HTML); pairs without a content are left out."""
    return f'<dl class="facts">{"".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in pairs if text)}</dl>'


def table(
    name: str,
    caption: str,
    columns: Sequence[Column],
    rows: Sequence[tuple[str, Sequence[Cell]]],
    foot: Sequence[Cell] = (),
) -> str:
    """A table that scrolls within the page, by keyboard too.

    Args:
        name: an id, unique on the page.
        caption: HTML.
        columns: its headings.
        rows: for each its class and its cells.
        foot: the cells of a last row that is not sorted.
    """
    sortable = any(column.first for column in columns)
    heads = "".join(
        f'<th scope="col"{_class(column.text)}{f" data-first={column.first}" if column.first else ""}>'
        f"{column.title}</th>"
        for column in columns
    )
    body = "".join(
        f"<tr{f' class={kind}' if kind else ''}>{''.join(map(_cell, cells, columns))}</tr>" for kind, cells in rows
    )
    footer = f"<tfoot><tr>{''.join(map(_cell, foot, columns))}</tr></tfoot>" if foot else ""
    mark = f' class="sortable" data-status="{name}-status"' if sortable else ""
    status = f'<p id="{name}-status" class="quiet" role="status"></p>' if sortable else ""
    return (
        f'<div class="scroll" role="region" aria-labelledby="{name}-caption" tabindex="0"><table{mark}>'
        f'<caption id="{name}-caption"><div>{caption}</div></caption><thead><tr>{heads}</tr></thead>'
        f"<tbody>{body}</tbody>{footer}</table></div>{status}"
    )


def _class(text: bool, wraps: bool = False) -> str:
    names = ["text"] * text + ["wrap"] * wraps
    return f' class="{" ".join(names)}"' if names else ""


def _cell(cell: Cell, column: Column) -> str:
    value = "" if cell.value is None else f' data-value="{escape(cell.value)}"'
    if cell.heads:
        return f'<th scope="row"{_class(column.text, cell.wraps)}{value}>{cell.content}</th>'
    return f"<td{_class(column.text, cell.wraps)}{value}>{cell.content}</td>"


def page(title: str, body: str, current: str = "", script: bool = False) -> str:
    """A whole page, which loads nothing from anywhere.

    Args:
        title: plain text.
        body: HTML of the main part.
        current: the page's file name where the navigation leads to it.
        script: whether the page holds the script that sorts tables.
    """
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    allowed = f"script-src 'sha256-{digest}'; " if script else ""
    policy = f"default-src 'none'; style-src 'unsafe-inline'; {allowed}base-uri 'none'; form-action 'none'"
    places = (("index.html", "All boards"), ("leaks.html", "What the leaks are worth"))
    navigation = " · ".join(
        f'<a href="{file}"{" aria-current=page" if file == current else ""}>{text}</a>' for file, text in places
    )
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n"
        '<header><a class="skip" href="#main">Skip to the content</a>'
        f'<nav aria-label="Pages">{navigation}</nav></header>\n'
        f'<main id="main">\n{body}\n</main>\n'
        "<footer>Made by <code>nb301-ogb leaderboard</code> from submissions that hold predictions. The same figures: "
        '<a href="leaderboard.json">JSON</a>, <a href="leaderboard.md">Markdown</a>.</footer>\n'
        f"{f'<script>{SCRIPT}</script>' if script else ''}\n</body>\n</html>\n"
    )
