"""The first page: the boards, who leads them, and how an entry gets there."""

from __future__ import annotations

from collections.abc import Sequence

from nb301_ogb.evaluators.submission.form import OFFICIAL_SEEDS
from nb301_ogb.leaderboard.build import BoardResult
from nb301_ogb.leaderboard.site.page import Cell, Column, escape, page, table
from nb301_ogb.leaderboard.wording import number, spread_text, vacancy

_STEPS = """nb301-ogb train --dataset nb201-cifar10 --gnn gin --seeds 0-9 --output runs/gin
nb301-ogb submit runs/gin --output gin.submission
nb301-ogb leaderboard FOLDER --output site"""


def index_page(results: Sequence[BoardResult]) -> str:
    """The page as HTML."""
    official = [result for result in results if result.board.official]
    others = [result for result in results if not result.board.official]
    body = [
        "<h1>Leaderboard of nb301_ogb</h1>",
        '<p class="lead">Models that predict the accuracy of neural architectures from their graphs. An entry is a '
        "file of predictions; every figure here is computed from such files.</p>",
        "<h2>Official boards</h2>",
        _boards("official", "Ranked by test RMSE, in percent", official),
    ]
    if others:
        body += ["<h2>Secondary boards</h2>", _boards("secondary", "Other splits and single datasets", others)]
    body += [
        "<h2>How to stand on a board</h2>",
        f"<p>Train with {OFFICIAL_SEEDS} seeds, pack the runs, look at the result on your own machine. On a board of "
        "several datasets, train on each and pack all runs together. Predictions of another framework enter by a CSV "
        "or NPZ file.</p>",
        f"<pre><code>{escape(_STEPS)}</code></pre>",
        "<p>Then open a pull request that adds the file to <code>leaderboard/submissions/</code>. The rules are in "
        "<code>docs/leaderboard.md</code>.</p>",
    ]
    return page("Leaderboard of nb301_ogb", "\n".join(body), "index.html")


def _boards(name: str, caption: str, results: Sequence[BoardResult]) -> str:
    columns = [
        Column("board", text=True),
        Column("what it asks", text=True),
        Column("entries"),
        Column("best test RMSE", text=True),
        Column("noise ceiling"),
    ]
    rows = []
    for result in results:
        board = result.board
        floor = result.ceiling("rmse")
        rows.append(
            (
                "",
                [
                    Cell(f'<a href="{board.name}.html">{escape(board.title)}</a>{_caveat(result)}', heads=True),
                    Cell(escape(board.about), wraps=True),
                    Cell(str(len(result.entries))),
                    Cell(_best(result), wraps=True),
                    Cell("–" if floor is None else number(floor)),
                ],
            )
        )
    return table(name, caption, columns, rows)


def _caveat(result: BoardResult) -> str:
    return ' <span class="tag warn">dataset given by hand</span>' if result.caveats else ""


def _best(result: BoardResult) -> str:
    ranked = [entry for entry in result.entries if entry.place is not None]
    if not ranked:
        return vacancy(result) if not result.entries else "No entry has a rank yet."
    best = ranked[0]
    flagged = ' <span class="tag warn">flagged</span>' if best.suspicions else ""
    flagged += ' <span class="tag">unofficial</span>' if best.judged.shortfalls else ""
    text = f"{escape(best.judged.head.model)}: {spread_text(best.scores['test']['rmse'])}{flagged}"
    others = sum(1 for entry in ranked[1:] if entry.place and entry.place.rank == 1)
    return text + (f" (tied with {others} other{'s' if others > 1 else ''})" if others else "")
