"""The boards as plain values for JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec

from nb301_ogb._version import __version__
from nb301_ogb.leaderboard.build import BoardResult, Entry, Place
from nb301_ogb.leaderboard.leaks import LEAKY, Gap, leaks, pairs, within
from nb301_ogb.leaderboard.scores import Spread

FORMAT = "nb301-ogb-leaderboard"
_DIGITS = 6


def record(results: Sequence[BoardResult]) -> dict[str, Any]:
    """Everything that the pages show, as plain values; figures have 6 significant digits."""
    boards = [_board(result) for result in results]
    return {"format": FORMAT, "package_version": __version__, "boards": boards, "leaks": _leaks(results)}


def _board(result: BoardResult) -> dict[str, Any]:
    board = result.board
    return {
        "name": board.name,
        "title": board.title,
        "official": board.official,
        "about": board.about,
        "exams": [
            {
                "dataset": exam.dataset,
                "split": exam.split,
                **({"content_hash": result.data[exam].key.content_hash} if exam in result.data else {}),
                **({"caveat": result.data[exam].caveat} if exam in result.data and result.data[exam].caveat else {}),
                "noise_ceiling": _plain(vars(result.ceilings[exam])) if exam in result.ceilings else None,
            }
            for exam in board.exams
        ],
        "noise_ceiling": {metric: rounded(result.ceiling(metric)) for metric in ("rmse", "kendall_tau")},
        "entries": [_entry(entry) for entry in result.entries],
    }


def _leaks(results: Sequence[BoardResult]) -> dict[str, Any]:
    """What the random splits add to the models that stand on both boards, and what training has seen of them."""
    both = pairs(results)
    random = [one for one in results if one.board.name == LEAKY]
    return {
        "pairs": [
            {
                "model": pair.model,
                "equivalence": pair.clean.judged.digest,
                "random": pair.leaky.judged.digest,
                "mean": {metric: _gap(one) for metric, one in pair.gaps.items()},
                "datasets": {
                    name: {metric: _gap(one) for metric, one in gaps.items()} for name, gaps in pair.by_dataset.items()
                },
            }
            for pair in both
        ],
        "seen": [
            {"dataset": leak.exam.dataset, "split": leak.exam.split}
            | {name: value for name, value in vars(leak).items() if name != "exam"}
            for result in random
            for leak in leaks(result)
        ],
        "within": [
            {"model": one.entry.judged.head.model, "random": one.entry.judged.digest}
            | {name: _plain(getattr(one, name)) for name in ("seen", "unseen", "related", "alone")}
            for result in random
            for one in within(result, both)
        ],
    }


def _gap(one: Gap) -> dict[str, float | None]:
    values = {"equivalence": one.clean.mean, "random": one.leaky.mean, "gain": one.gain}
    return {name: rounded(value) for name, value in (values | {"std": one.std, "welch_p": one.welch_p}).items()}


def _entry(entry: Entry) -> dict[str, Any]:
    judged = entry.judged
    return {
        "model": judged.head.model,
        "file": judged.where,
        "sha256": judged.digest,
        "rank": _place(entry.place),
        "rank_small": _place(entry.place_small),
        **_plain(entry.scores),
        "exams": [
            {
                "dataset": exam.dataset,
                "split": exam.split,
                **_plain(found),
                "by_group": [_plain(vars(one)) for one in entry.subsets[exam]],
                "diagnostics": [_plain(vars(one)) for one in entry.diagnostics[exam]],
            }
            for exam, found in entry.exams.items()
        ],
        "suspicions": list(entry.suspicions),
        "unofficial": list(judged.shortfalls),
        "submission": msgspec.to_builtins(judged.head),
    }


def _place(place: Place | None) -> dict[str, Any] | None:
    if place is None:
        return None
    above = _plain(vars(place.above)) if place.above else None
    return {"rank": place.rank, "tied": place.tied, "against_above": above}


def _plain(value: Any) -> Any:
    if isinstance(value, Spread):
        return {"mean": rounded(value.mean), "std": rounded(value.std), "values": [rounded(v) for v in value.values]}
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return rounded(value) if isinstance(value, float) else value


def rounded(value: float | None) -> float | None:
    """A figure with 6 significant digits; None for one that JSON does not have."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{_DIGITS}g}")
