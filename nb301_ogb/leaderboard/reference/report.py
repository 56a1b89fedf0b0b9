"""A plan and its entries as plain values, for tables and JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nb301_ogb.leaderboard.build import METRICS
from nb301_ogb.leaderboard.reference.data import Whereabouts
from nb301_ogb.leaderboard.reference.pace import Standing
from nb301_ogb.leaderboard.reference.plan import STATES, Plan
from nb301_ogb.leaderboard.scores import Judged, spread


def plan_values(plan: Plan, datasets: Sequence[Whereabouts], standing: Standing) -> dict[str, Any]:
    """What is there and what is missing."""
    entries = []
    for board in plan.boards:
        for model in plan.models:
            count, path = plan.states(model, board), plan.submission(model, board)
            entries.append(
                {
                    "board": board.title,
                    "official": board.official,
                    "model": model.name,
                    **{state: count[state] for state in STATES},
                    "submission": str(path),
                    "packed": path.is_file(),
                }
            )
    return {
        "reproduces": plan.name,
        "folder": str(plan.folder),
        "seeds": list(plan.seeds),
        "datasets": [
            {"name": one.name, "file": None if one.path is None else str(one.path), "where": one.said}
            for one in datasets
        ],
        "runs": standing_values(standing),
        "entries": entries,
    }


def standing_values(standing: Standing) -> dict[str, Any]:
    """How far the runs are; times in seconds."""
    return {
        "finished": standing.done,
        "total": standing.total,
        "seconds_trained": standing.trained,
        "seconds_to_go": standing.rest,
        "models_not_timed": list(standing.untimed),
    }


def entry_values(plan: Plan, entries: Mapping[Path, Judged]) -> list[dict[str, Any]]:
    """The entries of a plan, the best of each board first, and what they are worth."""
    found = []
    for board in plan.boards:
        own: list[tuple[float, dict[str, Any]]] = []
        for model in plan.models:
            path = plan.submission(model, board)
            if path not in entries:
                continue
            judged = entries[path]
            scores = {
                part: {metric: spread(judged.board_values(board, part, metric)) for metric in METRICS}
                for part in ("test", "valid")
            }
            values = {
                "board": board.title,
                "model": model.name,
                "seeds": len(judged.head.seeds),
                "num_params": judged.head.num_params,
                **{
                    part: {metric: {"mean": one.mean, "std": one.std} for metric, one in each.items()}
                    for part, each in scores.items()
                },
                "official": board.official and not judged.shortfalls,
                "lacks": list(judged.shortfalls),
                "submission": str(path),
            }
            own.append((scores["test"]["rmse"].mean, values))
        found += [values for _, values in sorted(own, key=lambda one: one[0])]
    return found
