"""The noise ceiling: how well the accuracy of a training can be foretold where trainings are repeated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nb301_ogb.evaluators.metrics import kendall_tau, rmse
from nb301_ogb.leaderboard.exam_data import ExamData, FloatArray, PartData

_DRAWS = 50


@dataclass(frozen=True)
class Ceiling:
    """What noise leaves to be reached on a part of an exam.

    Attributes:
        rows: of the part.
        rows_used: those with at least two runs that are no copies; the others do not count here.
        rmse: the root mean squared noise of the label, which a model that knows every architecture's expected accuracy
            would have as its error.
        kendall_tau: the mean rank correlation of the label with the label plus such noise; somewhat too high, since
            the label stands in for the expected accuracy.
        run_rmse: between one run and the mean of the row's others, averaged over the runs.
        run_kendall_tau: between one run and the mean of the row's others, averaged over the runs.
    """

    rows: int
    rows_used: int
    rmse: float
    kendall_tau: float
    run_rmse: float
    run_kendall_tau: float


def usable_runs(part: PartData) -> FloatArray:
    """The runs that are no copies, float64 [B, R]; NaN elsewhere."""
    return np.where(part.usable, part.runs, np.nan)


def moments(runs: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The number, the mean and the unbiased variance of each row's runs, each float64 [B]; NaN where too few."""
    known = ~np.isnan(runs)
    count = known.sum(axis=1).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known, runs, 0).sum(axis=1) / count
        squares = np.where(known, np.square(runs - mean[:, None]), 0).sum(axis=1)
        variance = np.where(count > 1, squares / (count - 1), np.nan)
    return count, mean, variance


def ceiling(data: ExamData, part: str = "test") -> Ceiling | None:
    """The noise ceiling of a part; None where fewer than 10 rows have two runs that are no copies.

    A row's runs x_1 .. x_r have the unbiased variance s^2, and its label the noise variance s^2 times the sum of
    squares of the runs' shares in it (1/R where the label is the mean of R runs). For the rank correlation, noise is
    drawn from the row's own runs: (x_k - mean) sqrt(r / (r - 1)) has the variance of a run.
    """
    rows = data.parts[part]
    runs = usable_runs(rows)
    count, mean, variance = moments(runs)
    used = count > 1
    if np.count_nonzero(used) < 10:
        return None
    runs, count, mean, variance = runs[used], count[used], mean[used], variance[used]
    labels, weights = rows.labels[used], rows.weights[used]
    scaled = (runs - mean[:, None]) * np.sqrt(count / (count - 1) * weights)[:, None]
    return Ceiling(
        rows=len(rows.labels),
        rows_used=len(labels),
        rmse=float(np.sqrt(np.mean(variance * weights))),
        kendall_tau=_noisy_tau(labels, scaled),
        **_run_against_others(runs, count, mean),
    )


def _noisy_tau(labels: FloatArray, noise: FloatArray) -> float:
    """The mean rank correlation of the labels with the labels plus one of each row's noises, its sign drawn too."""
    rng = np.random.default_rng(0)
    order = np.argsort(np.isnan(noise), axis=1, kind="stable")  # the runs that are there come first
    count = (~np.isnan(noise)).sum(axis=1)
    every = np.arange(len(labels))
    found = []
    for _ in range(_DRAWS):
        chosen = order[every, (rng.random(len(labels)) * count).astype(np.int64)]
        sign = rng.integers(0, 2, len(labels)) * 2 - 1
        found.append(kendall_tau(labels, labels + sign * noise[every, chosen]))
    return float(np.mean(found))


def _run_against_others(runs: FloatArray, count: FloatArray, mean: FloatArray) -> dict[str, float]:
    errors, taus = [], []
    for column in runs.T:
        known = ~np.isnan(column)
        if np.count_nonzero(known) < 2:
            continue
        others = (mean[known] * count[known] - column[known]) / (count[known] - 1)
        errors.append(rmse(others, column[known]))
        taus.append(kendall_tau(others, column[known]))
    return {"run_rmse": float(np.mean(errors)), "run_kendall_tau": float(np.mean(taus))}
