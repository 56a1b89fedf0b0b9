"""Metrics of a prediction, one task at a time.

Every function takes `y_true` and `y_pred`, numpy arrays or torch tensors of shape [n] with n >= 1 and finite values of
any real dtype, computes in float64 and returns a Python float. Other input is an `EvaluationError`.

No metric is ever NaN, so a table of results can always be sorted and averaged: where one side is constant, a rank
correlation is 0 (there is no order to be right about), and where `y_true` is constant, `r2` is 1 for a perfect
prediction and 0 for another one. Values are scaled by powers of two on the way, so squares and sums neither overflow
nor vanish; only a result that is itself beyond the range of float64 is infinite.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.evaluators.inputs import FloatArray, vectors


def rmse(y_true: Any, y_pred: Any) -> float:
    """Root mean squared error, in the unit of the label; lower is better.

    Args:
        y_true: [n], the label.
        y_pred: [n], the prediction.

    Raises:
        EvaluationError: for arguments that are not two finite arrays of one length.

    >>> rmse(np.array([90.0, 91.0]), np.array([93.0, 95.0]))
    3.5355339059327378
    """
    gap, shift = difference(*vectors(y_true=y_true, y_pred=y_pred))
    scaled, exponent = scale(gap)
    return unscale(np.sqrt(np.mean(np.square(scaled))), exponent + shift)


def mae(y_true: Any, y_pred: Any) -> float:
    """Mean absolute error, in the unit of the label; lower is better. Arguments and errors as for `rmse`.

    >>> mae(np.array([90.0, 91.0]), np.array([93.0, 95.0]))
    3.5
    """
    gap, shift = difference(*vectors(y_true=y_true, y_pred=y_pred))
    scaled, exponent = scale(gap)
    return unscale(np.mean(np.abs(scaled)), exponent + shift)


def r2(y_true: Any, y_pred: Any) -> float:
    """Coefficient of determination, 1 - SS_residual / SS_total; at most 1, higher is better.

    Arguments and errors as for `rmse`. A constant `y_true`, one row among them, gives 1 if the prediction is exact and
    0 otherwise (the rule of scikit-learn's `r2_score(force_finite=True)`, extended to one row).

    >>> r2(np.array([90.0, 91.0, 92.0]), np.array([90.0, 91.0, 93.0]))
    0.5
    >>> r2(np.array([90.0, 90.0]), np.array([90.0, 91.0]))
    0.0
    """
    truth, prediction = vectors(y_true=y_true, y_pred=y_pred)
    if truth.min() == truth.max():
        return float(np.array_equal(truth, prediction))
    gap, shift = difference(truth, prediction)
    residual, residual_exponent = scale(gap)
    total, total_exponent = scale(truth)
    # Twice: the first mean is rounded, which shows where the spread is small beside the values.
    total = total - total.mean()
    total = total - total.mean()
    ratio = np.sum(np.square(residual)) / np.sum(np.square(total))
    return 1.0 - unscale(ratio, 2 * (residual_exponent + shift - total_exponent))


def kendall_tau(y_true: Any, y_pred: Any) -> float:
    """Kendall's rank correlation tau-b (Kendall 1945), from -1 to 1; higher is better.

    tau-b = (concordant - discordant) / sqrt((pairs - ties in y_true) * (pairs - ties in y_pred)), in O(n log n).
    Arguments and errors as for `rmse`. It is 0 where one side is constant.

    >>> round(kendall_tau(np.array([1.0, 2.0, 3.0]), np.array([10.0, 30.0, 20.0])), 6)
    0.333333
    >>> kendall_tau(np.array([1.0, 2.0, 3.0]), np.array([5.0, 5.0, 5.0]))
    0.0
    """
    return _tau_b(*vectors(y_true=y_true, y_pred=y_pred))


def sparse_kendall_tau(y_true: Any, y_pred: Any) -> float:
    """Kendall's tau-b with the prediction rounded to one decimal, from -1 to 1; higher is better.

    The sparse Kendall tau of NAS-Bench-301: differences of less than 0.1 percent between predictions do not count as
    an order. Both arguments are in percent, and only the prediction is rounded (half to even, after the conversion to
    float64). Arguments and errors otherwise as for `rmse`. It is 0 where one side, after rounding, is constant.

    >>> y_true, y_pred = np.array([93.1, 93.2, 94.0]), np.array([93.12, 93.11, 94.0])
    >>> round(sparse_kendall_tau(y_true, y_pred), 4), round(kendall_tau(y_true, y_pred), 4)
    (0.8165, 0.3333)
    """
    truth, prediction = vectors(y_true=y_true, y_pred=y_pred)
    # From 2**53 on a float64 has no decimals, and ten times it might overflow.
    rounded = np.where(np.abs(prediction) < 2.0**53, np.round(np.clip(prediction, -(2.0**53), 2.0**53), 1), prediction)
    return _tau_b(truth, rounded)


def spearman(y_true: Any, y_pred: Any) -> float:
    """Spearman's rank correlation: Pearson's of the ranks, ties at their mean rank; from -1 to 1, higher is better.

    Arguments and errors as for `rmse`. It is 0 where one side is constant.

    >>> spearman(np.array([1.0, 2.0, 3.0]), np.array([10.0, 30.0, 20.0]))
    0.5
    """
    truth, prediction = (_centred_ranks(values) for values in vectors(y_true=y_true, y_pred=y_pred))
    spread = np.sqrt(np.dot(truth, truth) * np.dot(prediction, prediction))
    if not spread:
        return 0.0
    return float(np.clip(np.dot(truth, prediction) / spread, -1.0, 1.0))


METRICS: dict[str, Callable[[Any, Any], float]] = {
    "rmse": rmse,
    "mae": mae,
    "r2": r2,
    "kendall_tau": kendall_tau,
    "sparse_kendall_tau": sparse_kendall_tau,
    "spearman": spearman,
}
"""Every metric of a prediction, in the order in which results list them."""

HIGHER_IS_BETTER = frozenset({"r2", "kendall_tau", "sparse_kendall_tau", "spearman"})
"""The metrics that grow with quality; the others shrink."""


def _tau_b(truth: FloatArray, prediction: FloatArray) -> float:
    ranks = [np.unique(values, return_inverse=True)[1] for values in (truth, prediction)]
    if min(rank.max() for rank in ranks) == 0:
        return 0.0
    # Here, because scipy.stats takes about a second to import.
    from scipy.stats import kendalltau

    return float(kendalltau(*ranks).statistic)


def _centred_ranks(values: FloatArray) -> FloatArray:
    """Twice the mean ranks less their mean: whole numbers, so that their sums of products stay exact for long."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    twice = 2 * np.cumsum(counts) - counts + 1
    return (twice - (len(values) + 1)).astype(np.float64)[inverse]


def difference(left: FloatArray, right: FloatArray) -> tuple[FloatArray, int]:
    """Gives `d`, always finite, and `shift`, 0 or 1, with left - right = d * 2**shift."""
    with np.errstate(over="ignore", under="ignore"):
        gap = left - right
        if np.isfinite(gap).all():
            return gap, 0
        return left / 2 - right / 2, 1


def scale(values: NDArray) -> tuple[FloatArray, int]:
    """Gives `s`, largest in [0.5, 1), and `exponent` with values = s * 2**exponent, exactly but for underflow."""
    peak = np.abs(values).max()
    exponent = int(np.frexp(peak)[1]) if np.isfinite(peak) else 0
    with np.errstate(over="ignore", under="ignore"):
        return np.ldexp(values, -exponent), exponent


def unscale(value: Any, exponent: int) -> float:
    """Gives value * 2**exponent; infinite where that is beyond float64."""
    with np.errstate(over="ignore", under="ignore"):
        return float(np.ldexp(value, exponent))
