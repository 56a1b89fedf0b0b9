"""The page that shows what the leaks of the random splits are worth."""

from __future__ import annotations

from collections.abc import Sequence

from nb301_ogb.leaderboard.build import BoardResult
from nb301_ogb.leaderboard.leaks import LEAKY, Pair, leaks, pairs
from nb301_ogb.leaderboard.site.page import Cell, Column, escape, page, table
from nb301_ogb.leaderboard.wording import METRIC_NAMES, number, spread_text

_LEAD = (
    "In NAS-Bench-201 many architectures are the same network, and some trainings were copied from one architecture to "
    "another. A random split puts them on both sides: a model is then asked for what it has seen. The split "
    "<code>equivalence</code> keeps what belongs together on one side."
)


def leaks_page(results: Sequence[BoardResult]) -> str:
    """The page as HTML."""
    body = ["<h1>What the leaks are worth</h1>", f'<p class="lead">{_LEAD}</p>']
    random = next((result for result in results if result.board.name == LEAKY), None)
    if random is None or not random.entries:
        body.append("<p>No entry has been judged on the random splits yet.</p>")
        return page("What the leaks are worth", "\n".join(body), "leaks.html")
    body += ["<h2>What training has seen</h2>", _counts(random)]
    both = pairs(results)
    if both:
        body += [
            "<h2>The same models on both splits</h2>",
            "<p>The two test parts are different architectures, so part of a difference is theirs; the table "
            "after this one holds the split fixed.</p>",
            _both(both),
        ]
    body += [
        "<h2>Within the random test part</h2>",
        "<p>The same predictions, on the architectures that training has seen in one form or another and on those that "
        "it has not.</p>",
        *_within(random),
    ]
    return page("What the leaks are worth", "\n".join(body), "leaks.html", script=True)


def _counts(random: BoardResult) -> str:
    columns = [
        Column("dataset", text=True),
        Column("test rows"),
        Column("an equivalent one in training"),
        Column("a run of theirs in training"),
        Column("one or the other"),
    ]
    rows = []
    for one in leaks(random):
        cells = [Cell(escape(one.exam), heads=True), Cell(f"{one.rows:,}")]
        cells += [Cell(f"{count:,} ({count / one.rows:.0%})") for count in (one.equivalent, one.run, one.either)]
        rows.append(("", cells))
    return table("counts", "Test architectures of the random splits", columns, rows)


def _both(found: Sequence[Pair]) -> str:
    columns = [Column("model", text=True, first="ascending")]
    for metric, first in (("rmse", "ascending"), ("kendall_tau", "descending")):
        columns += [Column(f"{METRIC_NAMES[metric]}, {split}", first=first) for split in ("equivalence", "random")]
        columns.append(Column("difference", first=first))
    rows = []
    for pair in found:
        model = pair.clean.judged.head.model
        cells = [Cell(escape(model), model.lower(), heads=True)]
        for metric in METRIC_NAMES:
            clean, leaky = pair.clean.scores["test"][metric], pair.leaky.scores["test"][metric]
            change = leaky.mean - clean.mean
            cells += [Cell(spread_text(one), one.mean) for one in (clean, leaky)]
            cells.append(Cell(number(change), change))
        rows.append(("", cells))
    caption = "Test scores, mean ± standard deviation over the seeds; a negative difference in RMSE is the leak's gain."
    return table("both", caption, columns, rows)


def _within(random: BoardResult) -> list[str]:
    columns = [
        Column("model", text=True),
        Column("test rows", text=True),
        Column("number"),
        Column("RMSE"),
        Column("Kendall τ"),
    ]
    tables = []
    for at, exam in enumerate(random.board.exams):
        rows = []
        for entry in random.entries:
            for one in entry.subsets[exam]:
                if one.kind == "seen":
                    cells = [Cell(escape(entry.judged.head.model), heads=True), Cell(one.name), Cell(f"{one.rows:,}")]
                    rows.append(("", [*cells, Cell(spread_text(one.rmse)), Cell(spread_text(one.kendall_tau))]))
        tables.append(table(f"within-{at}", escape(exam), columns, rows))
    return tables
