"""The boards as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nb301_ogb.leaderboard.build import BoardResult, Entry
from nb301_ogb.leaderboard.leaks import pairs, verdict
from nb301_ogb.leaderboard.wording import (
    METHOD,
    comparison_texts,
    number,
    rank_text,
    seeds_text,
    spread_text,
    vacancy,
)

_COLUMNS = (
    "rank", "model", "test RMSE", "test Kendall τ", "validation RMSE", "validation Kendall τ", "parameters", "seeds",
    "against the entry above",
)  # fmt: skip
_LEFT = 2


def markdown(results: Sequence[BoardResult]) -> str:
    """Every board as a section with a table."""
    lines = ["# Leaderboard", ""]
    for result in results:
        lines += _board(result)
    said = verdict(pairs(results))
    if said:
        lines += ["## What the leaks are worth", "", escape(said), ""]
    lines += ["## How it is computed", "", *(f"* {sentence}" for sentence in METHOD)]
    return "\n".join(lines) + "\n"


def _board(result: BoardResult) -> Iterator[str]:
    board = result.board
    yield f"## {board.title}{' (official)' if board.official else ''}"
    yield ""
    yield board.about
    yield ""
    for caveat in result.caveats:
        yield f"**{escape(caveat)}**"
        yield ""
    if not result.entries:
        yield vacancy(result)
        yield ""
        return
    yield f"| {' | '.join(_COLUMNS)} |"
    yield "|" + "".join("---|" if at < _LEFT else "---:|" for at in range(len(_COLUMNS)))
    for entry in result.entries:
        yield f"| {' | '.join(_cells(entry))} |"
    ceiling = [result.ceiling("rmse"), result.ceiling("kendall_tau")]
    if None not in ceiling:
        cells = [number(one) for one in ceiling if one is not None]
        yield f"| | *noise ceiling* | {' | '.join(cells)} | | | | | |"
    yield ""
    notes = [(entry.judged.head.model, note) for entry in result.entries for note in _notes(entry)]
    if notes:
        yield from (f"* {escape(model)}: {escape(note)}" for model, note in notes)
        yield ""


def _cells(entry: Entry) -> list[str]:
    head, scores = entry.judged.head, entry.scores
    return [
        rank_text(entry.place),
        escape(head.model),
        *(spread_text(scores[part][metric]) for part in ("test", "valid") for metric in ("rmse", "kendall_tau")),
        f"{head.num_params:,}",
        seeds_text(entry),
        "; ".join(text for text in comparison_texts(entry.place.above if entry.place else None) if text),
    ]


def _notes(entry: Entry) -> list[str]:
    found = [f"flagged: {sign}" for sign in entry.suspicions]
    if entry.judged.shortfalls:
        found.append(f"unofficial: {', '.join(entry.judged.shortfalls)}.")
    return found


def escape(text: str) -> str:
    """Text of a submission as Markdown that shows it as it is, in a table too."""
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", " ")
    return "".join(f"\\{one}" if one in "\\`*_{}[]()#+!|~" else one for one in plain)
