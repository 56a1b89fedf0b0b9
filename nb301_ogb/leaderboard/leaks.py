"""What the leaks of the random splits are worth: the same models on both kinds of split.

Networks without a path from input to output stand apart. They are one component: all of them are in training where a
split keeps components whole, and on both sides of a random one, where the few in test, at chance, would rule an RMSE.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.evaluators.submission.form import Exam
from nb301_ogb.leaderboard.build import METRICS, BoardResult, Entry
from nb301_ogb.leaderboard.comparison import LEVEL, welch
from nb301_ogb.leaderboard.exam_data import FloatArray, PartData
from nb301_ogb.leaderboard.scores import ExamScores, Spread, spread
from nb301_ogb.leaderboard.wording import METRIC_NAMES, number

Mask = NDArray[np.bool_]

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
        pathless: rows without a path from input to output.
    """

    exam: Exam
    rows: int
    equivalent: int
    run: int
    either: int
    pathless: int


@dataclass(frozen=True)
class Gap:
    """How much better a model looks on the random split than on the other.

    Attributes:
        clean: the test score on the split that keeps equivalent architectures together.
        leaky: that on the random split.
        gain: of the mean; positive where the random split makes the model look better, whatever the metric.
        std: of the difference of two seeds, one of each split: the root of the sum of both variances, since nothing
            but its number ties a seed of one split to that of the other. None for one seed.
        welch_p: two-sided p-value of Welch's test over the seeds; None for one seed.
    """

    clean: Spread
    leaky: Spread
    gain: float
    std: float | None
    welch_p: float | None

    @property
    def share(self) -> float:
        """The gain as a share of the score on the clean split; NaN where that is 0."""
        return self.gain / abs(self.clean.mean) if self.clean.mean else float("nan")


@dataclass(frozen=True, eq=False)
class Pair:
    """A model's best entries on both boards.

    Attributes:
        clean: on the split that keeps equivalent architectures together.
        leaky: on the random split.
    """

    clean: Entry
    leaky: Entry

    @property
    def model(self) -> str:
        """The name of both."""
        return self.clean.judged.head.model

    @cached_property
    def gaps(self) -> dict[str, Gap]:
        """By metric, the mean over the datasets, on test rows with a path."""
        return {metric: gap(metric, *map(_over_datasets, self._values[metric])) for metric in METRICS}

    @property
    def by_dataset(self) -> dict[str, dict[str, Gap]]:
        """The same for each dataset."""
        return {
            name: {metric: gap(metric, *(spread(side[name]) for side in self._values[metric])) for metric in METRICS}
            for name in self._values["rmse"][0]
        }

    @cached_property
    def _values(self) -> dict[str, list[dict[str, FloatArray]]]:
        """By metric, for the clean and for the leaky split, by dataset: float64 [S]."""
        return {
            metric: [
                {one.data.info.name: scored(one, one.data.parts["test"].joined) for one in _exams(entry)}
                for entry in (self.clean, self.leaky)
            ]
            for metric, scored in (("rmse", ExamScores.rmse_on), ("kendall_tau", ExamScores.kendall_on))
        }


@dataclass(frozen=True)
class Within:
    """A model's error on the random test parts, by what training has seen, on rows with a path.

    Attributes:
        entry: on the random split.
        seen: test RMSE on rows for which training holds an equivalent architecture or a run of theirs.
        unseen: that on all other rows.
        related: of the same model on the split that keeps components whole, where training has seen none of them: on
            rows that have relatives in the dataset; None where the model has no entry there.
        alone: that on rows without relatives.
    """

    entry: Entry
    seen: Spread
    unseen: Spread
    related: Spread | None = None
    alone: Spread | None = None


def _exams(entry: Entry) -> list[ExamScores]:
    return [entry.judged.exams[exam] for exam in entry.exams]


def _over_datasets(values: dict[str, FloatArray]) -> Spread:
    return spread(np.mean(list(values.values()), axis=0))


def _seen(part: PartData) -> Mask:
    """Rows for which training holds an equivalent architecture or a run of theirs."""
    return part.seen["equivalent"] | part.seen["run"]


def gap(metric: str, clean: Spread, leaky: Spread) -> Gap:
    """What the random split adds to a score.

    Args:
        metric: `rmse`, where less is better, or `kendall_tau`.
        clean: the score on the split that keeps equivalent architectures together.
        leaky: that on the random split.
    """
    change = leaky.mean - clean.mean
    std = None if clean.std is None or leaky.std is None else float(np.hypot(clean.std, leaky.std))
    return Gap(clean, leaky, -change if metric == "rmse" else change, std, welch(clean, leaky))


def within(result: BoardResult, found: Sequence[Pair] = ()) -> list[Within]:
    """For each entry of a board its error on what training has seen and on the rest, the mean over the datasets.

    Entries are left out where a test part has no row of one sort.

    Args:
        result: the board of the random splits.
        found: the models that stand on both boards.
    """
    clean = {pair.leaky.judged.digest: pair.clean for pair in found}
    told = []
    for entry in result.entries:
        parts = _rmse_of_two(_exams(entry), _seen)
        if parts is None:
            continue
        other = clean.get(entry.judged.digest)
        apart = None if other is None else _rmse_of_two(_exams(other), lambda part: part.related)
        told.append(Within(entry, *parts, *(apart or ())))
    return told


def _rmse_of_two(exams: Sequence[ExamScores], first: Callable[[PartData], Mask]) -> tuple[Spread, Spread] | None:
    """The mean over the exams of the RMSE on rows with a path of a first sort, and on the others; None without any."""
    found = []
    for sign in (True, False):
        parts = [one.data.parts["test"] for one in exams]
        rows = [(first(part) == sign) & part.joined for part in parts]
        if not all(mask.any() for mask in rows):
            return None
        found.append(spread(np.mean([one.rmse_on(mask) for one, mask in zip(exams, rows, strict=True)], axis=0)))
    return found[0], found[1]


def leaks(result: BoardResult) -> list[Leak]:
    """How much of each of a board's test parts training has seen."""
    found = []
    for exam, data in result.data.items():
        part = data.parts["test"]
        equivalent, run = part.seen["equivalent"], part.seen["run"]
        counts = (int(np.count_nonzero(one)) for one in (equivalent, run, _seen(part), ~part.joined))
        found.append(Leak(exam, len(equivalent), *counts))
    return found


def pairs(results: Sequence[BoardResult]) -> list[Pair]:
    """The models that the same authors have put on both boards by the same name, in the order of the first."""
    boards = {result.board.name: result for result in results}
    if CLEAN not in boards or LEAKY not in boards:
        return []
    best: dict[tuple[str, tuple[str, ...]], Entry] = {}
    for entry in boards[LEAKY].entries:
        best.setdefault(_identity(entry), entry)
    found: dict[tuple[str, tuple[str, ...]], Pair] = {}
    for entry in boards[CLEAN].entries:
        identity = _identity(entry)
        if identity in best:
            found.setdefault(identity, Pair(entry, best[identity]))
    return list(found.values())


def _identity(entry: Entry) -> tuple[str, tuple[str, ...]]:
    return entry.judged.head.model, entry.judged.head.authors


def verdict(found: Sequence[Pair]) -> str:
    """What the leaks are worth, in a few sentences; empty without a pair."""
    if not found:
        return ""
    told = [_side(pair.gaps["rmse"]) for pair in found]
    better, worse, open_ = (told.count(side) for side in (1, -1, 0))
    if len(found) == 1:
        how = "looks better" if better else "looks worse" if worse else "looks neither clearly better nor clearly worse"
        return f"{found[0].model}, the one model on both, {how} on the random splits. {_range(found)}"
    counts = [(better, "looks better", "look better"), (worse, "looks worse", "look worse")]
    words = [f"{count} {one if count == 1 else many}" for count, one, many in counts if count]
    words += [f"{open_} cannot be told apart"] if open_ else []
    return f"Of {len(found)} models {' and '.join(words)} on the random splits. {_range(found)} {_order(found)}"


def _side(one: Gap) -> int:
    """1 where the random split clearly makes a model look better, -1 where worse, 0 where seeds do not tell."""
    return 0 if one.welch_p is None or one.welch_p >= 1 - LEVEL else 1 if one.gain > 0 else -1


def _range(found: Sequence[Pair]) -> str:
    texts, worse = [], False
    for metric, name in METRIC_NAMES.items():
        ordered = sorted(found, key=lambda pair: pair.gaps[metric].gain)
        worse |= ordered[0].gaps[metric].gain < 0
        ends = [
            f"{number(pair.gaps[metric].gain, 3)} ({pair.model}, {number(100 * pair.gaps[metric].share, 1)}%)"
            for pair in (ordered[0], ordered[-1])
        ]
        texts.append(f"{name} by {' to '.join(dict.fromkeys(ends))}")
    verb = "change" if worse else "improve"
    signs = " (negative: worse)" if worse else ""
    return f"By the means over seeds the random splits {verb} {' and '.join(texts)}{signs}."


def _order(found: Sequence[Pair]) -> str:
    clean, leaky = (
        sorted(found, key=lambda pair: getattr(pair.gaps["rmse"], side).mean) for side in ("clean", "leaky")
    )
    if [pair.model for pair in clean] == [pair.model for pair in leaky]:
        return "The order of the models by their mean RMSE is the same on both."
    one, other = clean[0], leaky[0]
    if one is other:
        return f"The order of the models by their mean RMSE changes; {one.model} is the first on both."
    p_values = [
        welch(getattr(one.gaps["rmse"], side), getattr(other.gaps["rmse"], side)) for side in ("clean", "leaky")
    ]
    clear = all(p is not None and p < 1 - LEVEL for p in p_values)
    how = f"{other.model} overtakes {one.model} at the top" if clear else "at the top by no more than seeds differ"
    return f"The order of the models by their mean RMSE changes; {how}."
