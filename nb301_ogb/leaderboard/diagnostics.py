"""Where an entry errs: its error by group of the test's rows, and what its predictions say of themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.leaderboard.exam_data import ExamData, FloatArray
from nb301_ogb.leaderboard.scores import ExamScores, Spread, spread

_FEWEST = 5


@dataclass(frozen=True)
class Subset:
    """The error on some rows of the test part.

    Attributes:
        kind: why the rows belong together: `group`, `label` or `seen`.
        name: of the rows, for people.
        rows: how many.
        rmse: over the seeds.
        kendall_tau: over the seeds.
        bias: mean of prediction minus label, over the seeds.
    """

    kind: str
    name: str
    rows: int
    rmse: Spread
    kendall_tau: Spread
    bias: Spread


@dataclass(frozen=True)
class Diagnostic:
    """A figure about an entry on one exam.

    Attributes:
        name: what it is.
        value: over the seeds.
        meaning: one sentence.
    """

    name: str
    value: Spread
    meaning: str


def subsets(scores: ExamScores) -> list[Subset]:
    """The error on every set of test rows that has at least 5 of them."""
    error = scores.error("test")
    found = []
    for kind, name, mask in _masks(scores.data):
        if np.count_nonzero(mask) < _FEWEST:
            continue
        found.append(
            Subset(
                kind,
                name,
                int(np.count_nonzero(mask)),
                spread(scores.rmse_on(mask)),
                spread(scores.kendall_on(mask)),
                spread(error[mask].mean(axis=0)),
            )
        )
    return found


def _masks(data: ExamData) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    part = data.parts["test"]
    for number, name in enumerate(data.groups):
        yield "group", name, part.group == number
    rank = np.empty(len(part.labels), dtype=np.int64)
    rank[np.argsort(part.labels, kind="stable")] = np.arange(len(part.labels))
    share = rank / len(part.labels)
    yield "label", "the lower half of the labels", share < 0.5
    yield "label", "the upper half", share >= 0.5
    yield "label", "the best tenth", share >= 0.9
    equivalent, run = part.seen["equivalent"], part.seen["run"]
    if (equivalent | run).any():
        yield "seen", "an equivalent architecture is in training", equivalent
        yield "seen", "a run of theirs is in training", run
        yield "seen", "neither", ~(equivalent | run)


def diagnostics(scores: ExamScores) -> list[Diagnostic]:
    """Figures that say how predictions err beyond the metrics."""
    values = scores.values["test"]
    found = [
        Diagnostic("MAE", spread(values["mae"]), "mean absolute error"),
        Diagnostic("R²", spread(values["r2"]), "share of the labels' variance that is explained"),
        Diagnostic("Spearman ρ", spread(values["spearman"]), "rank correlation"),
        Diagnostic("sparse Kendall τ", spread(values["sparse_kendall_tau"]), "with predictions rounded to one decimal"),
        Diagnostic("bias", spread(scores.error("test").mean(axis=0)), "mean of prediction minus label"),
        Diagnostic("slope", spread(_slope(scores)), "of the label on the prediction; 1 is best, below 1 too spread"),
    ]
    apart = _equivalent_apart(scores)
    if apart is not None:
        found.append(apart)
    for metric, name, meaning in (
        ("nll", "NLL", "mean Gaussian negative log likelihood under the predicted standard deviation"),
        ("coverage_95", "coverage", "share of labels within ±1.96 predicted standard deviations; 0.95 is best"),
        ("kl", "KL", "mean divergence of the predicted from the measured Gaussian"),
    ):
        if metric in values:
            found.append(Diagnostic(name, spread(values[metric]), meaning))
    return found


def _slope(scores: ExamScores) -> FloatArray:
    """The least-squares slope of the label on the prediction for each seed; 0 for a constant prediction."""
    labels = scores.data.parts["test"].labels
    centred = scores.y_pred["test"] - scores.y_pred["test"].mean(axis=0)
    power = np.square(centred).sum(axis=0)
    return np.where(power > 0, (labels - labels.mean()) @ centred / np.where(power > 0, power, 1), 0)


def _equivalent_apart(scores: ExamScores) -> Diagnostic | None:
    """How far predictions for equivalent test architectures are apart; None where the part has fewer than 5 of them."""
    number = np.unique(scores.data.parts["test"].equivalent, return_inverse=True)[1].ravel()
    size = np.bincount(number)
    rows = size[number] > 1
    if np.count_nonzero(rows) < _FEWEST:
        return None
    predicted = scores.y_pred["test"]
    mean = np.stack([np.bincount(number, column) for column in predicted.T], axis=1) / size[:, None]
    square = np.square(predicted - mean[number])[rows].sum(axis=0)
    freedom = np.sum(size[size > 1] - 1)
    return Diagnostic(
        "spread of equivalents",
        spread(np.sqrt(square / freedom)),
        "standard deviation of the predictions for equivalent test architectures; 0 for a model that knows them",
    )
