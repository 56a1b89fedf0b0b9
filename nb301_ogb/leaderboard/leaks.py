"""What the leaks of the random splits are worth: the same models on both kinds of split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nb301_ogb.evaluators.submission.form import Exam
from nb301_ogb.leaderboard.build import METRICS, BoardResult, Entry
from nb301_ogb.leaderboard.comparison import welch
from nb301_ogb.leaderboard.scores import Spread, spread
from nb301_ogb.leaderboard.wording import METRIC_NAMES, number

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

    @property
    def gaps(self) -> dict[str, Gap]:
        """By metric, of the boards' test scores."""
        return {
            metric: gap(metric, *(one.scores["test"][metric] for one in (self.clean, self.leaky))) for metric in METRICS
        }

    def by_dataset(self) -> dict[str, dict[str, Gap]]:
        """The same for each dataset."""
        clean, leaky = ({exam.dataset: found for exam, found in one.exams.items()} for one in (self.clean, self.leaky))
        return {
            name: {metric: gap(metric, clean[name]["test"][metric], leaky[name]["test"][metric]) for metric in METRICS}
            for name in clean
        }


@dataclass(frozen=True)
class Within:
    """A model's error on the random test parts, by what training has seen.

    Attributes:
        entry: on the random split.
        seen: test RMSE on rows for which training holds an equivalent architecture or a run of theirs.
        unseen: that on all other rows.
    """

    entry: Entry
    seen: Spread
    unseen: Spread


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


def within(result: BoardResult) -> list[Within]:
    """For each entry of a board its error on what training has seen and on the rest, the mean over the datasets.

    Entries are left out where a test part has no row of one sort.
    """
    found = []
    for entry in result.entries:
        values: dict[bool, list[np.ndarray]] = {True: [], False: []}
        for exam in result.board.exams:
            scores = entry.judged.exams[exam]
            known = scores.data.parts["test"].seen
            either = known["equivalent"] | known["run"]
            for seen, rows in ((True, either), (False, ~either)):
                if rows.any():
                    values[seen].append(np.sqrt(np.mean(np.square(scores.error("test")[rows]), axis=0)))
        if all(len(each) == len(result.board.exams) for each in values.values()):
            found.append(Within(entry, *(spread(np.mean(values[seen], axis=0)) for seen in (True, False))))
    return found


def leaks(result: BoardResult) -> list[Leak]:
    """How much of each of a board's test parts training has seen."""
    found = []
    for exam, data in result.data.items():
        equivalent, run = data.parts["test"].seen["equivalent"], data.parts["test"].seen["run"]
        counts = (int(np.count_nonzero(one)) for one in (equivalent, run, equivalent | run))
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
    count, better = len(found), sum(pair.gaps["rmse"].gain > 0 for pair in found)
    if count == 1:
        looks = f"{found[0].model}, the one model on both, {'looks' if better else 'does not look'} better"
    else:
        looks = f"{'All' if better == count else f'{better} of'} {count} models look better"
    return " ".join([f"{looks} on the random splits.", _range(found), *([_order(found)] if count > 1 else [])])


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
    return f"The random splits {verb} {' and '.join(texts)}{' (negative: worse)' if worse else ''}."


def _order(found: Sequence[Pair]) -> str:
    clean, leaky = (
        [pair.model for pair in sorted(found, key=lambda pair: getattr(pair.gaps["rmse"], side).mean)]
        for side in ("clean", "leaky")
    )
    if clean == leaky:
        return "The order of the models is the same on both."
    first = f"{clean[0]} is the best on both" if clean[0] == leaky[0] else f"{leaky[0]} overtakes {clean[0]} at the top"
    return f"The order of the models changes; {first}."
