"""One run of every architecture to learn from, the mean of its other runs to be judged by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.errors import ConfigError
from nb301_ogb.loaders.labelled import LabelledTable
from nb301_ogb.loaders.splits import components, row_classes
from nb301_ogb.spaces.graphs import CodeArray, IntArray

Values = NDArray[np.float64]

RATIOS = tuple(2.0**power for power in range(-6, 7))
"""Of variances; see `shrunk`."""


@dataclass(frozen=True, eq=False)
class Turn:
    """What is learned from and what is judged by when a run takes its turn.

    Attributes:
        number: of the run, from 0. A row with fewer runs gives the one that this number, counted round, falls on.
        label: float64 [G]; the run, NaN where there is none or it is under the least value.
        judged: int64 [J]; rows with all runs, none of them under the least value, of which no run that they are judged
            by is any row's label (a run may be copied to several rows).
        truth: float64 [J]; the mean of the row's other runs.
        candidates: the rows that would be judged if copied runs were not heeded.
        equivalent: int64 [G]; the class of each row, 0 to C - 1.
        component: int64 [G]; rows that are equivalent or share a run have the same number.
        class_mean: float64 [C]; the mean of the labels of a class, a run that stands there several times counted once;
            NaN where there is none.
        different: int64 [C]; how many different runs that is the mean of.
        once: int64 [D]; a row for each different label of each class.
    """

    number: int
    label: Values
    judged: IntArray
    truth: Values
    candidates: int
    equivalent: IntArray
    component: IntArray
    class_mean: Values
    different: IntArray
    once: IntArray

    @property
    def representatives(self) -> IntArray:
        """int64; the first row with a label of each class that has one."""
        rows = np.flatnonzero(~np.isnan(self.label))
        return rows[np.unique(self.equivalent[rows], return_index=True)[1]]

    def over_class(self, values: Values) -> Values:
        """The mean over a row's class, for each row, of float64 [G]; NaN left out."""
        known = ~np.isnan(values)
        count = np.bincount(self.equivalent[known], minlength=len(self.different))
        total = np.bincount(self.equivalent[known], values[known], minlength=len(self.different))
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)[self.equivalent]

    def judge(self, predicted: Values) -> dict[str, float]:
        """How far predictions, float64 [G], are from the truth.

        Returns:
            `mae`; `ratio`, to the MAE of the label itself; `standard_error` of the ratio, from the differences between
            components, whose rows do not err independently (the linearised ratio estimator of Cochran, Sampling
            Techniques, 1977, chapter 6).
        """
        error, own = (np.abs(values[self.judged] - self.truth) for values in (predicted, self.label))
        ratio = error.sum() / own.sum()
        residual = np.bincount(self.component[self.judged], error - ratio * own)
        return {
            "mae": float(error.mean()),
            "ratio": float(ratio),
            "standard_error": float(np.sqrt(np.square(residual).sum()) / own.sum()),
        }


def make_turn(table: LabelledTable, number: int, least: float) -> Turn:
    """A turn of a table that was opened with all its runs; see `turn_of`.

    Args:
        table: with `runs="all"` and one target.
        number: of the run, from 0.
        least: the smallest value of a run that counts.

    Raises:
        ConfigError: where no architecture has so many runs, or nothing is left to judge by.
    """
    runs = table.labels.shape[1]
    if runs < 2 or not 0 <= number < runs:
        msg = f"{table.info.name} has {runs} run of an architecture at most; take a dataset with two or more."
        raise ConfigError(msg)
    turn = turn_of(table.labels, table.file.run_ids(), table.file.canonical_keys(), number, least)
    if not len(turn.judged):
        msg = f"no architecture of {table.info.name} has {runs} runs of {least:g} or more, none of them copied; "
        raise ConfigError(msg + "choose a smaller --least.")
    return turn


def turn_of(
    values: NDArray[np.floating], run_id: NDArray[np.int32], keys: CodeArray, number: int, least: float
) -> Turn:
    """A turn of a table of runs.

    Args:
        values: [G, R]; NaN where there is no run.
        run_id: int32 [G, R]; equal for a copied run, -1 where there is none.
        keys: uint8 [G, 16]; equal for equivalent architectures.
        number: of the run, from 0 to R - 1.
        least: the smallest value of a run that counts; architectures with one under it are not judged.
    """
    values = values.astype(np.float64)
    rows, runs = values.shape
    every = np.arange(rows)
    present = ~np.isnan(values) & (run_id >= 0)
    count = present.sum(axis=1)
    in_order = np.argsort(~present, axis=1, kind="stable")  # the runs that are there come first
    chosen = in_order[every, number % np.maximum(count, 1)]
    label = np.where((count > 0) & (values[every, chosen] >= least), values[every, chosen], np.nan)
    learned = np.where(np.isnan(label), -1, run_id[every, chosen])
    candidate = (count == runs) & (np.where(present, values, -np.inf).min(axis=1) >= least)
    others = np.delete(np.arange(runs), number)
    seen = np.isin(run_id[:, others], learned[learned >= 0]).any(axis=1)
    judged = np.flatnonzero(candidate & ~seen)
    equivalent = row_classes(keys)
    known = np.flatnonzero(learned >= 0)
    once = known[np.unique(np.stack([equivalent[known], learned[known]]), axis=1, return_index=True)[1]]
    different = np.bincount(equivalent[once], minlength=int(equivalent.max()) + 1)
    total = np.bincount(equivalent[once], label[once], minlength=len(different))
    return Turn(
        number=number,
        label=label,
        judged=judged,
        truth=values[judged][:, others].mean(axis=1),
        candidates=int(candidate.sum()),
        equivalent=equivalent,
        component=components(keys, run_id),
        class_mean=np.where(different > 0, total / np.maximum(different, 1), np.nan),
        different=different,
        once=once,
    )


def floor(runs: int) -> float:
    """The ratio of a predictor that knows every expected accuracy, where runs have equal Gaussian noise.

    The mean of R - 1 runs is then sd / sqrt(R - 1) from the predictor in the root of the mean square, and
    sd * sqrt(1 + 1 / (R - 1)) from another run; mean absolute errors are in the same ratio, 1 / sqrt(R).
    """
    return 1 / float(np.sqrt(runs))


def shrunk(turn: Turn, apart: Values, ratio: float) -> Values:
    """The class mean and a prediction that does not know it, weighed by their variances; float64 [G].

    Where the prediction's error and a run's noise are independent and normal, the expected accuracy of a class with n
    different runs has the posterior mean w * class mean + (1 - w) * prediction, w = n r / (1 + n r).

    Args:
        turn: whose class means.
        apart: float64 [C], by class, of models that have seen none of the class's runs.
        ratio: r, the variance of the prediction's error over that of a run's noise.
    """
    share = turn.different * ratio / (1 + turn.different * ratio)
    return (share * turn.class_mean + (1 - share) * apart)[turn.equivalent]


def choose_ratio(turn: Turn, apart: Values) -> tuple[float | None, list[dict[str, Any]]]:
    """The ratio of variances that foretells training runs best; runs that are judged by play no part.

    In every class with two or more different runs, each is foretold from the others and from the prediction that has
    seen none; the error is the mean over classes of their mean absolute error.

    Args:
        turn: whose training runs.
        apart: as for `shrunk`.

    Returns:
        The ratio, None where every class has one run; and for each of `RATIOS` its error.
    """
    classes = turn.equivalent[turn.once]
    several = (turn.different[classes] > 1) & ~np.isnan(apart[classes])
    if not several.any():
        return None, []
    rows, classes = turn.once[several], classes[several]
    own = turn.label[rows]
    others = turn.different[classes] - 1
    mean = (turn.class_mean[classes] * turn.different[classes] - own) / others
    weight = 1 / turn.different[classes]
    errors = []
    for ratio in RATIOS:
        share = others * ratio / (1 + others * ratio)
        gap = np.abs(share * mean + (1 - share) * apart[classes] - own)
        errors.append({"ratio": ratio, "error": float((gap * weight).sum() / weight.sum())})
    best = min(errors, key=lambda one: one["error"])
    return float(best["ratio"]), errors
