"""Metrics of a predicted distribution: one Gaussian per architecture, N(y_pred, y_std**2), one task at a time.

As in `metrics`: arrays or tensors of any real dtype, finite, n >= 1; computed in float64; no metric is ever NaN.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nb301_ogb.errors import EvaluationError
from nb301_ogb.evaluators.inputs import FloatArray, as_float64, check_finite, check_positive, vectors
from nb301_ogb.evaluators.metrics import difference, scale, unscale

Z_95 = 1.959963984540054
"""The 97.5% quantile of the standard normal distribution: 95% of it lies within +- this many standard deviations."""


def nll(y_true: Any, y_pred: Any, y_std: Any) -> float:
    """Mean negative log likelihood of the labels under the predicted Gaussians, in nats; lower is better.

    The mean over rows of log(y_std) + log(2 pi) / 2 + ((y_true - y_pred) / y_std)**2 / 2.

    Args:
        y_true: [n], the label.
        y_pred: [n], the predicted mean.
        y_std: [n], the predicted standard deviation, above 0, in the unit of the label.

    Raises:
        EvaluationError: for arguments that are not finite arrays of one length, or a `y_std` that is not above 0.

    >>> nll(np.array([90.0]), np.array([90.0]), np.array([1.0]))
    0.9189385332046727
    """
    truth, mean, std = _gaussians(y_true, y_pred, y_std)
    gap, shift = difference(truth, mean)
    with np.errstate(over="ignore", under="ignore"):
        scaled, exponent = scale(gap / std)
        squares = unscale(np.mean(np.square(scaled)) / 2, 2 * (exponent + shift))
    return float(np.mean(np.log(std))) + math.log(2 * math.pi) / 2 + squares


def coverage_95(y_true: Any, y_pred: Any, y_std: Any) -> float:
    """Share of the labels within y_pred +- 1.96 y_std (the exact quantile, `Z_95`; the ends count as within).

    A calibrated surrogate has 0.95; less is overconfident, more is underconfident. Arguments and errors as for `nll`.

    >>> coverage_95(np.array([90.0, 92.0]), np.array([90.5, 90.0]), np.array([1.0, 1.0]))
    0.5
    """
    truth, mean, std = _gaussians(y_true, y_pred, y_std)
    gap, shift = difference(truth, mean)
    with np.errstate(over="ignore", under="ignore"):
        return float(np.mean(np.abs(gap) <= Z_95 * np.ldexp(std, -shift)))


def kl(y_runs: Any, y_pred: Any, y_std: Any) -> tuple[float, int]:
    """Kullback-Leibler divergence KL(measured || surrogate) between Gaussians, in nats; lower is better.

    For each architecture the measured Gaussian has the mean m and the standard deviation s of its runs (ddof = 1), and
    KL = log(y_std / s) + (s**2 + (m - y_pred)**2) / (2 y_std**2) - 1/2. Rows with fewer than two runs, or whose runs
    are all equal, have no measured Gaussian: they are left out and counted. With few runs s is rough, and so is KL: a
    surrogate that knows the true distribution does not reach 0.

    Args:
        y_runs: [n, R], the label of each run, NaN where there is no run.
        y_pred: [n], the predicted mean.
        y_std: [n], the predicted standard deviation, above 0.

    Returns:
        The mean over the rows that have a measured Gaussian, and the number of rows left out.

    Raises:
        EvaluationError: for arguments of other shapes or values, and where every row would be left out.

    >>> runs = np.array([[89.0, 91.0, np.nan], [90.0, np.nan, np.nan]])
    >>> value, left_out = kl(runs, np.array([90.0, 90.0]), np.array([2.0, 2.0]))
    >>> round(value, 6), left_out
    (0.096574, 1)
    """
    mean, std = vectors(y_pred=y_pred, y_std=y_std)
    check_positive("y_std", std)
    runs = as_float64("y_runs", y_runs)
    if runs.ndim != 2 or len(runs) != len(mean):
        msg = f"y_runs has shape {list(runs.shape)}: give one row of runs a graph, of shape [{len(mean)}, runs]."
        raise EvaluationError(msg)
    check_finite("y_runs", runs, allow_nan=True)
    present = ~np.isnan(runs)
    # Equal runs are found by comparing them: the rounding of their mean would give them a spread.
    lowest, highest = (np.where(present, runs, fill) for fill in (np.inf, -np.inf))
    usable = lowest.min(axis=1, initial=np.inf) < highest.max(axis=1, initial=-np.inf)
    if not usable.any():
        msg = f"none of the {len(runs)} rows of y_runs holds two runs that differ, as kl needs: leave y_runs out."
        raise EvaluationError(msg)
    each = _kl_rows(runs[usable], present[usable], mean[usable], std[usable])
    scaled, exponent = scale(each)
    return unscale(np.mean(scaled), exponent), int(np.count_nonzero(~usable))


def _kl_rows(runs: FloatArray, present: Any, mean: FloatArray, std: FloatArray) -> FloatArray:
    """KL of each row, where each has at least two runs that differ."""
    count = present.sum(axis=1)
    runs = np.where(present, runs, 0.0)
    exponent = np.frexp(np.abs(runs).max(axis=1))[1]
    with np.errstate(over="ignore", under="ignore"):
        scaled = np.ldexp(runs, -exponent[:, None])
        centre = scaled.sum(axis=1) / count
        spread = np.sqrt((np.where(present, scaled - centre[:, None], 0.0) ** 2).sum(axis=1) / (count - 1))
        # y_std = fraction * 2**power, so that the ratio of two huge or two tiny spreads is exact.
        fraction, power = np.frexp(std)
        log_ratio = np.log(spread / fraction) + (exponent - power) * math.log(2)
        ratio = np.ldexp(spread / fraction, exponent - power)
        gap, shift = difference(np.ldexp(centre, exponent), mean)
        z = np.ldexp(gap / std, shift)
        # Rounding may leave a divergence of 0 slightly below it.
        return np.maximum((ratio - 1) / 2 * (ratio + 1) - log_ratio + z / 2 * z, 0.0)


def _gaussians(y_true: Any, y_pred: Any, y_std: Any) -> tuple[FloatArray, ...]:
    arrays = vectors(y_true=y_true, y_pred=y_pred, y_std=y_std)
    check_positive("y_std", arrays[2])
    return arrays
