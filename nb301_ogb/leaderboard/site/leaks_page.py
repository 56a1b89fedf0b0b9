"""The page that shows what the leaks of the random splits are worth."""

from __future__ import annotations

from collections.abc import Sequence

from nb301_ogb.leaderboard.build import BoardResult
from nb301_ogb.leaderboard.leaks import CLEAN, LEAKY, Gap, Pair, leaks, pairs, verdict, within
from nb301_ogb.leaderboard.site.figures import axis, error_bar, scale
from nb301_ogb.leaderboard.site.page import Cell, Column, escape, page, table
from nb301_ogb.leaderboard.wording import METRIC_NAMES, number, p_text, spread_text

_LEAD = (
    "In NAS-Bench-201 many architectures are the same network, and some trainings were copied from one architecture to "
    "another. A random split puts them on both sides: a model is then asked for what it has seen. The split "
    "<code>equivalence</code> keeps what belongs together on one side."
)


_READING = (
    "A gain is what the random split adds to the score of the model of the same name and authors: the RMSE that falls, "
    "the Kendall τ that rises. Its ± is the standard deviation of the difference of two seeds, one of each split; p is "
    "that of Welch's test over the seeds.",
    "Networks without a path from input to output are left out on both sides. They stay at chance; all of them are in "
    "training where a split keeps them together, and the few in a random test part would weigh more in the RMSE than "
    "their number.",
    "The two test parts hold different architectures, so a part of a gain may be theirs. The tables below hold the "
    "test part fixed.",
    "Nothing here says that a model is bad: it says that a figure on a random split and one on the other are not to be "
    "compared.",
)

_APART = (
    "The same predictions, on the architectures that training has seen in one form or another and on those that it has "
    "not; networks without a path are left out. What training has not seen may also be harder by itself. So the last "
    "columns tell the same ratio where nothing was seen: on the split equivalence, between test architectures without "
    "and with relatives in the dataset. Only what the first ratio has beyond the last can be recognition."
)


def leaks_page(results: Sequence[BoardResult]) -> str:
    """The page as HTML."""
    body = ["<h1>What the leaks are worth</h1>", f'<p class="lead">{_LEAD}</p>']
    clean, random = (next((one for one in results if one.board.name == name), None) for name in (CLEAN, LEAKY))
    if random is None or not random.entries:
        body.append("<p>No entry has been judged on the random splits yet.</p>")
        return page("What the leaks are worth", "\n".join(body), "leaks.html")
    both = pairs(results)
    if both and clean is not None:
        body += [
            f'<p class="verdict"><strong>{escape(verdict(both))}</strong></p>',
            "<h2>The same models on both splits</h2>",
            _both(both),
            f"<ul>{''.join(f'<li>{one}</li>' for one in _READING)}</ul>",
            "<h2>Dataset by dataset</h2>",
            _by_dataset(both),
        ]
    body += [
        "<h2>What training has seen</h2>",
        _counts(random),
        "<h2>Within the random test part</h2>",
        f"<p>{_APART}</p>",
        _apart(random, both),
        "<p>Dataset by dataset, over all test rows, those of networks without a path among the first:</p>",
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
        Column("without a path"),
    ]
    rows = []
    for one in leaks(random):
        cells = [Cell(escape(one.exam), heads=True), Cell(f"{one.rows:,}")]
        cells += [
            Cell(f"{count:,} ({count / one.rows:.0%})") for count in (one.equivalent, one.run, one.either, one.pathless)
        ]
        rows.append(("", cells))
    return table("counts", "Test architectures of the random splits", columns, rows)


def _both(found: Sequence[Pair]) -> str:
    columns = [Column("model", text=True, first="ascending"), *_gap_columns()]
    columns.append(Column("test RMSE: equivalence (dot), random (ring)", text=True))
    where = scale([one for pair in found for one in (pair.gaps["rmse"].clean, pair.gaps["rmse"].leaky)], [])
    rows = []
    for pair in found:
        rmse = pair.gaps["rmse"]
        counts = dict.fromkeys(str(len(one.judged.head.seeds)) for one in (pair.clean, pair.leaky))
        name = f"{escape(pair.model)}<small>{' and '.join(counts)} seeds</small>"
        cells = [Cell(name, pair.model.lower(), heads=True), *_gap_cells(pair.gaps)]
        drawn = error_bar(rmse.clean, rmse.leaky, None, where, ("equivalence", "random"))
        rows.append(("", [*cells, Cell(drawn)]))
    foot = [Cell("", heads=True), *(Cell("") for _ in _gap_columns()), Cell(axis(where))]
    caption = (
        "Test scores over the three image datasets, of networks with a path, mean ± standard deviation over the seeds; "
        "a positive gain is what the random split adds."
    )
    return table("both", caption, columns, rows, foot)


def _by_dataset(found: Sequence[Pair]) -> str:
    columns = [Column("dataset", text=True, first="ascending"), Column("model", text=True, first="ascending")]
    rows = []
    for pair in found:
        for name, gaps in pair.by_dataset.items():
            cells = [Cell(escape(name), name, heads=True), Cell(escape(pair.model), pair.model.lower())]
            rows.append(("", [*cells, *_gap_cells(gaps)]))
    rows.sort(key=lambda row: str(row[1][0].value))
    caption = "Test scores on each dataset, of networks with a path, mean ± standard deviation over the seeds."
    return table("by-dataset", caption, [*columns, *_gap_columns()], rows)


def _gap_columns() -> list[Column]:
    columns = []
    for metric, first in (("rmse", "ascending"), ("kendall_tau", "descending")):
        columns += [Column(f"{METRIC_NAMES[metric]}, {split}", first=first) for split in ("equivalence", "random")]
        columns.append(Column(f"gain in {METRIC_NAMES[metric]}", first="descending"))
    return columns


def _gap_cells(gaps: dict[str, Gap]) -> list[Cell]:
    cells = []
    for metric in METRIC_NAMES:
        one = gaps[metric]
        cells += [Cell(spread_text(side), side.mean) for side in (one.clean, one.leaky)]
        deviation = "" if one.std is None else f" ± {number(one.std)}"
        small = f"<small>{number(100 * one.share, 1)}%, {escape(p_text(one.welch_p))}</small>"
        cells.append(Cell(f"{number(one.gain)}{deviation}{small}", one.gain))
    return cells


def _apart(random: BoardResult, found: Sequence[Pair]) -> str:
    """For each entry the error on what training has seen and on the rest, over all datasets."""
    columns = [Column("model", text=True, first="ascending")]
    columns += [Column(name, first="ascending") for name in ("RMSE, seen in training", "RMSE, not seen")]
    columns.append(Column("not seen / seen", first="descending"))
    names = ("RMSE on equivalence, with relatives", "RMSE on equivalence, without")
    columns += [Column(name, first="ascending") for name in names]
    columns.append(Column("without / with", first="descending"))
    rows = []
    for one in within(random, found):
        model = one.entry.judged.head.model
        cells = [Cell(escape(model), model.lower(), heads=True)]
        for first, second in ((one.seen, one.unseen), (one.related, one.alone)):
            if first is None or second is None:
                cells += [Cell("–")] * 3
                continue
            ratio = second.mean / first.mean if first.mean else None
            cells += [Cell(spread_text(each), each.mean) for each in (first, second)]
            cells.append(Cell("–" if ratio is None else number(ratio, 2), ratio))
        rows.append(("", cells))
    if not rows:
        return ""
    caption = "Test RMSE of networks with a path, the mean over the three image datasets; seen: in either form."
    return table("apart", caption, columns, rows)


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
