"""The page of one board: its table, every entry, and how the figures are made."""

from __future__ import annotations

from collections.abc import Callable

from nb301_ogb.evaluators.submission.form import OFFICIAL_SEEDS
from nb301_ogb.leaderboard.boards import SMALL, Board
from nb301_ogb.leaderboard.build import BoardResult, Entry, Place
from nb301_ogb.leaderboard.scores import Spread
from nb301_ogb.leaderboard.site.entry_section import entry_section
from nb301_ogb.leaderboard.site.figures import Scale, axis, error_bar, scale
from nb301_ogb.leaderboard.site.page import Cell, Column, escape, facts, page, table
from nb301_ogb.leaderboard.wording import (
    METHOD,
    comparison_texts,
    number,
    rank_text,
    seeds_text,
    vacancy,
)

_COLUMNS = (
    Column("Rank", first="ascending"),
    Column("Model", text=True, first="ascending"),
    Column("Test RMSE", first="ascending"),
    Column("Test Kendall τ", first="descending"),
    Column("Validation RMSE", first="ascending"),
    Column("Validation Kendall τ", first="descending"),
    Column("Test RMSE (dot) and validation RMSE (ring)", text=True),
    Column("Parameters", first="ascending"),
    Column("Seeds", first="descending"),
    Column("Against the next better", text=True),
)


_UNKNOWN = "The noise ceiling is not known, since no architecture was trained several times."


def board_page(result: BoardResult) -> str:
    """The page as HTML."""
    board = result.board
    tag = "official board" if board.official else "secondary board"
    body = [
        f'<h1>{escape(board.title)} <span class="tag">{tag}</span></h1>',
        f'<p class="lead">{escape(board.about)}</p>',
        *(f'<p class="warning" role="note">{escape(one)}</p>' for one in result.caveats),
        _judged_on(result),
        "<h2>Ranking</h2>",
    ]
    if result.entries:
        body += [
            '<input type="checkbox" id="small" autocomplete="off"> '
            f'<label for="small">only models with at most {SMALL:,} parameters, ranked among themselves</label>',
            '<div class="filtered">',
            _ranking(result),
            "<h2>Entries</h2>",
            *(entry_section(entry, result) for entry in result.entries),
            "</div>",
        ]
    else:
        body.append(f"<p>{vacancy(result)}</p>")
        if board.official:
            body.append(f"<p>One command makes the reference entries:</p><pre><code>{_command(board)}</code></pre>")
    body += ["<h2>How the figures are made</h2>", f"<ul>{''.join(f'<li>{one}</li>' for one in METHOD)}</ul>"]
    return page(f"{board.title}: leaderboard", "\n".join(body), script=bool(result.entries))


def _command(board: Board) -> str:
    name = board.title.partition(",")[0]
    return escape(f"nb301-ogb reproduce {name} --seeds 0-{OFFICIAL_SEEDS - 1}")


def _judged_on(result: BoardResult) -> str:
    datasets = dict.fromkeys(exam.dataset for exam in result.board.exams)
    splits = dict.fromkeys(exam.split for exam in result.board.exams)
    pairs = [
        ("Datasets" if len(datasets) > 1 else "Dataset", escape(", ".join(datasets))),
        ("Splits" if len(splits) > 1 else "Split", escape(", ".join(splits))),
        ("Ranked by", "test RMSE in percent, lower is better; Kendall τ beside it, higher is better"),
    ]
    return facts(pairs) + (_ceilings(result) if result.data else "")


def _ceilings(result: BoardResult) -> str:
    """The test parts, and what noise leaves to be reached on each."""
    columns = [Column("dataset", text=True), Column("split", text=True), Column("test architectures")]
    if result.ceilings:
        columns += [Column("with repeated runs"), Column("noise ceiling, RMSE"), Column("noise ceiling, Kendall τ")]
        columns += [Column("one run against the others, RMSE"), Column("one run against the others, Kendall τ")]
    rows = []
    for exam, data in result.data.items():
        cells = [Cell(escape(exam.dataset), heads=True), Cell(escape(exam.split))]
        cells.append(Cell(f"{len(data.parts['test'].labels):,}"))
        if exam in result.ceilings:
            found = result.ceilings[exam]
            cells.append(Cell(f"{found.rows_used:,}"))
            values = (found.rmse, found.kendall_tau, found.run_rmse, found.run_kendall_tau)
            cells += [Cell(number(value)) for value in values]
        rows.append(("", cells + [Cell("–")] * (len(columns) - len(cells))))
    unknown = "" if result.ceilings else f'<p class="quiet">{_UNKNOWN}</p>'
    return table("exams", "What is judged", columns, rows) + unknown


def _ranking(result: BoardResult) -> str:
    floor = result.ceiling("rmse")
    spreads = [entry.scores[part]["rmse"] for entry in result.entries for part in ("test", "valid")]
    where = scale(spreads, [] if floor is None else [floor])
    rows = [("" if entry.small else "large", _cells(entry, floor, where)) for entry in result.entries]
    tau = result.ceiling("kendall_tau")
    known = floor is not None and tau is not None
    foot = [Cell(""), Cell("noise ceiling (dashed line)" if known else "", heads=known)]
    foot += [Cell(number(floor) if floor is not None else ""), Cell(number(tau) if tau is not None else "")]
    foot += [Cell(""), Cell(""), Cell(axis(where)), Cell(""), Cell(""), Cell("")]
    caption = (
        "Mean ± standard deviation over the seeds; an equals sign marks tied ranks. The last column: how much larger "
        "the test RMSE is than that of the next better entry, the bootstrap's 95% interval of it, and Welch's p-value."
    )
    return table("ranking", caption, _COLUMNS, rows, foot)


def _cells(entry: Entry, floor: float | None, where: Scale) -> list[Cell]:
    head, test, valid = entry.judged.head, entry.scores["test"], entry.scores["valid"]
    tags = '<span class="tag warn">flagged</span>' if entry.suspicions else ""
    tags += '<span class="tag">unofficial</span>' if entry.judged.shortfalls else ""
    name = f'<a href="#entry-{entry.name}">{escape(head.model)}</a><small>{escape(_authors(entry))}</small>{tags}'
    cells = [
        Cell(_both(rank_text, entry.place, entry.place_small), entry.place.rank if entry.place else None),
        Cell(name, head.model.lower(), heads=True),
    ]
    cells += [_spread_cell(one[metric]) for one in (test, valid) for metric in ("rmse", "kendall_tau")]
    above = _both(_above, entry.place, entry.place_small)
    return [
        *cells,
        Cell(error_bar(test["rmse"], valid["rmse"], floor, where)),
        Cell(f"{head.num_params:,}", head.num_params),
        Cell(seeds_text(entry), len(head.seeds)),
        Cell(above),
    ]


def _spread_cell(value: Spread) -> Cell:
    deviation = "" if value.std is None else f" <small>± {number(value.std)}</small>"
    return Cell(number(value.mean) + deviation, value.mean)


def _authors(entry: Entry) -> str:
    first, *others = entry.judged.head.authors or ("",)
    return f"{first} and {len(others)} others" if len(others) > 1 else " and ".join((first, *others))


def _above(place: Place | None) -> str:
    verdict, figures = comparison_texts(place.above if place else None)
    return f"{verdict}<small>{figures}</small>" if verdict else ""


def _both(text: Callable[[Place | None], str], place: Place | None, small: Place | None) -> str:
    """A text for the whole board and one for its small models, of which the filter shows one."""
    return f'<span class="if-all">{text(place)}</span><span class="if-small">{text(small)}</span>'
