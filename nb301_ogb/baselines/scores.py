"""Scores where the evaluator's strictness would be in the way: while a model is fitted, and where runs are missing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.evaluators.evaluator import Evaluator
from nb301_ogb.evaluators.metrics import METRICS


def score(truth: NDArray[np.float64], predicted: NDArray[np.float32]) -> dict[str, float]:
    """Every metric, averaged over the columns; entries without a measurement do not count."""
    found = {}
    for name, metric in METRICS.items():
        values = []
        for column in range(truth.shape[1]):
            known = ~np.isnan(truth[:, column])
            values.append(float(metric(truth[known, column], predicted[known, column].astype(np.float64))))
        found[name] = float(np.mean(values))
    return found


def official_score(dataset: str, truth: NDArray[np.float32], predicted: NDArray[np.float32]) -> dict[str, float]:
    """Every metric by the official evaluator; where measurements are missing, which it refuses, over those there are.

    Args:
        dataset: its name.
        truth: labels, [G, tasks]; NaN where there is no measurement.
        predicted: predictions, [G, tasks].
    """
    if np.isnan(truth).any():
        return score(truth.astype(np.float64), predicted)
    return Evaluator(dataset, num_tasks=truth.shape[1]).eval({"y_true": truth, "y_pred": predicted})
