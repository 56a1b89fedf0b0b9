"""Scores while a model is fitted, where the evaluator's strictness would be in the way."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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
