"""What the leaks of the random splits are worth: the same models on both kinds of split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nb301_ogb.evaluators.submission.form import Exam
from nb301_ogb.leaderboard.build import BoardResult, Entry

CLEAN, LEAKY = "nb201", "nb201-random"
"""The boards that are held against each other."""


@dataclass(frozen=True)
class Leak:
    """How much of a test part training has seen.

    Attributes:
        exam: the dataset and the split.
        rows: of its test part.
        equivalent: rows for which an equivalent architecture is in training.
        run: rows of which a run is in training.
        either: rows with one or the other.
    """

    exam: Exam
    rows: int
    equivalent: int
    run: int
    either: int


@dataclass(frozen=True, eq=False)
class Pair:
    """A model's best entries on both boards.

    Attributes:
        clean: on the split that keeps equivalent architectures together.
        leaky: on the random split.
    """

    clean: Entry
    leaky: Entry


def leaks(result: BoardResult) -> list[Leak]:
    """How much of each of a board's test parts training has seen."""
    found = []
    for exam, data in result.data.items():
        equivalent, run = data.parts["test"].seen["equivalent"], data.parts["test"].seen["run"]
        counts = (int(np.count_nonzero(one)) for one in (equivalent, run, equivalent | run))
        found.append(Leak(exam, len(equivalent), *counts))
    return found


def pairs(results: Sequence[BoardResult]) -> list[Pair]:
    """The models that stand on both boards by the same name, in the order of the first."""
    boards = {result.board.name: result for result in results}
    if CLEAN not in boards or LEAKY not in boards:
        return []
    best: dict[str, Entry] = {}
    for entry in boards[LEAKY].entries:
        best.setdefault(entry.judged.head.model, entry)
    found: dict[str, Pair] = {}
    for entry in boards[CLEAN].entries:
        model = entry.judged.head.model
        if model in best:
            found.setdefault(model, Pair(entry, best[model]))
    return list(found.values())
