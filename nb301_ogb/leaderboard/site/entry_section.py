"""The section of one entry: who made it, its scores by dataset, where it errs, how to make it again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import numpy as np

from nb301_ogb.evaluators.submission.form import Environment, Exam
from nb301_ogb.leaderboard.build import METRICS, BoardResult, Entry
from nb301_ogb.leaderboard.diagnostics import Subset
from nb301_ogb.leaderboard.scores import Spread
from nb301_ogb.leaderboard.site.figures import scatter
from nb301_ogb.leaderboard.site.page import Cell, Column, escape, facts, link, table
from nb301_ogb.leaderboard.wording import (
    METRIC_NAMES,
    PART_NAMES,
    number,
    rank_text,
    seed_list,
    seeds_text,
    spread_text,
)

_KINDS = {"group": "group of the source", "label": "label", "seen": "what training has seen"}


def entry_section(entry: Entry, result: BoardResult) -> str:
    """The section as HTML.

    Args:
        entry: one of the board's.
        result: the board.
    """
    head = entry.judged.head
    large = "" if entry.small else " large"
    body = [
        f'<h3 id="{entry.name}-title">{escape(head.model)} <span class="tag">rank {rank_text(entry.place)}</span></h3>',
        _flags(entry),
        _about(entry),
        _figures(entry),
        _exam_table(entry) if len(entry.exams) > 1 else "",
        _details("Error by group", _subset_tables(entry)),
        _details("Diagnostics", _diagnostic_table(entry)),
        _details("How to reproduce", _reproduce(entry, result)),
    ]
    return (
        f'<section class="entry{large}" id="entry-{entry.name}" aria-labelledby="{entry.name}-title">'
        f"{''.join(body)}</section>"
    )


def _details(title: str, content: str) -> str:
    return f"<details><summary>{title}</summary>{content}</details>" if content else ""


def _flags(entry: Entry) -> str:
    signs = "".join(f"<li>{escape(one)}</li>" for one in entry.suspicions)
    short = entry.judged.shortfalls
    missing = f"<p><strong>Unofficial:</strong> {escape(', '.join(short))}.</p>" if short else ""
    return (f'<ul class="flags" aria-label="Flags">{signs}</ul>' if signs else "") + missing


def _about(entry: Entry) -> str:
    head = entry.judged.head
    return facts(
        [
            ("Authors", escape(", ".join(head.authors))),
            ("Contact", escape(head.contact)),
            ("Paper", link(head.paper) if head.paper else ""),
            ("Code", link(head.code) if head.code else ""),
            ("Parameters", f"{head.num_params:,}"),
            ("Seeds", f"{seeds_text(entry)} ({seed_list(head.seeds)})"),
            ("Hardware", escape(head.hardware)),
            ("External data", escape(head.external_data)),
            ("Note", escape(head.note)),
        ]
    )


def _figures(entry: Entry) -> str:
    seed = entry.judged.head.seeds[0]
    drawn = "".join(_figure(entry, exam) for exam in entry.exams)
    return (
        f'<h4>Predicted against true, test part, seed {seed}</h4><div class="figures">{drawn}</div>'
        '<p class="quiet">Left all rows, right the upper half of the labels; both in percent.</p>'
    )


def _figure(entry: Entry, exam: Exam) -> str:
    scores = entry.judged.exams[exam]
    true, predicted = scores.data.parts["test"].labels, scores.y_pred["test"][:, 0]
    upper = true >= np.median(true)
    name = f"{entry.judged.head.model} on {_short(exam)}"
    pictures = scatter(true, predicted, name, "all rows") + scatter(
        true[upper], predicted[upper], name, "upper half of the labels"
    )
    return f'<figure><div class="figures">{pictures}</div><figcaption>{escape(_short(exam))}</figcaption></figure>'


def _short(exam: Exam) -> str:
    """An exam within a board, where nobody needs to be told both."""
    name = exam.dataset.removeprefix("ogbg-")
    return f"{name}, {exam.split}" if exam.split.startswith("leave_out_") else name


def _exam_table(entry: Entry) -> str:
    columns = [Column("dataset", text=True)]
    columns += [Column(f"{PART_NAMES[part]} {METRIC_NAMES[m]}") for part in PART_NAMES for m in METRICS]
    rows = []
    for exam, found in entry.exams.items():
        cells = [Cell(escape(_short(exam)), heads=True)]
        cells += [_spread_cell(found[part][metric]) for part in PART_NAMES for metric in METRICS]
        rows.append(("", cells))
    return table(f"{entry.name}-exams", f"{escape(entry.judged.head.model)}, dataset by dataset", columns, rows)


def _spread_cell(value: Spread, digits: int = 4) -> Cell:
    return Cell(spread_text(value, digits))


def _subset_tables(entry: Entry) -> str:
    columns = [
        Column("by", text=True),
        Column("test rows", text=True),
        Column("number"),
        Column("RMSE"),
        Column("Kendall τ"),
        Column("bias"),
    ]

    def row(one: Subset) -> tuple[str, list[Cell]]:
        cells = [Cell(_KINDS[one.kind]), Cell(escape(one.name), heads=True), Cell(f"{one.rows:,}")]
        return "", cells + [_spread_cell(value) for value in (one.rmse, one.kendall_tau, one.bias)]

    return "".join(
        table(f"{entry.name}-group-{at}", escape(_short(exam)), columns, [row(one) for one in found])
        for at, (exam, found) in enumerate(entry.subsets.items())
    )


def _diagnostic_table(entry: Entry) -> str:
    """The figures as rows, the exams as columns."""
    columns = [Column("figure", text=True), *(Column(escape(_short(exam))) for exam in entry.diagnostics)]
    columns.append(Column("what it is", text=True))
    every = {one.name: one.meaning for found in entry.diagnostics.values() for one in found}
    values = [{one.name: one.value for one in found} for found in entry.diagnostics.values()]
    rows = []
    for name, meaning in every.items():
        cells = [_spread_cell(one[name]) if name in one else Cell("–") for one in values]
        rows.append(("", [Cell(escape(name), heads=True), *cells, Cell(escape(meaning), wraps=True)]))
    return table(f"{entry.name}-figures", "Test part, mean ± standard deviation over the seeds", columns, rows)


def _reproduce(entry: Entry, result: BoardResult) -> str:
    judged = entry.judged
    commands = judged.head.commands
    listed = escape("\n".join(commands)) if commands else "# the authors gave no command"
    check = escape(f"nb301-ogb submit {shlex.quote(judged.where)}")
    hashes = dict.fromkeys((exam.dataset, result.data[exam].key.content_hash) for exam in result.board.exams)
    pairs = [(escape(name), f"content hash <code>{digest}</code>") for name, digest in hashes]
    pairs += [("packed with", f"nb301-ogb {escape(judged.head.package_version)}")]
    pairs += [("made on", escape(text)) for text in _environments(judged.head.environments)]
    return (
        f"<p>The commands that made the predictions{' of all seeds' if len(commands) > 1 else ''}:</p>"
        f"<pre><code>{listed}</code></pre>"
        f'<p>Check the <a href="submissions/{escape(judged.where)}" download>predictions</a> (sha256 '
        f"<code>{judged.digest}</code>):</p><pre><code>{check}</code></pre>{facts(pairs)}"
    )


def _environments(found: tuple[Environment, ...]) -> Iterator[str]:
    """Each environment in a line."""
    for one in found:
        parts = [f"nb301-ogb {one.nb301_ogb}" if one.nb301_ogb else "", f"Python {one.python}" if one.python else ""]
        parts += [f"{library} {version}" for library, version in sorted(one.libraries.items())]
        parts += [one.platform, one.processor, f"{number(one.cores, 0)} cores" if one.cores else "", one.gpu or ""]
        yield ", ".join(part for part in parts if part)
