"""Turning the spread of an ensemble into a standard deviation that can be trusted.

An ensemble's members agree more than they are right: their spread leaves out what all of them miss, and the noise of
a single training. Calibration stretches it, on validation data alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from nb301_ogb.errors import ConfigError
from nb301_ogb.evaluators.uncertainty import Z_95

_FLOOR = 1e-6


@dataclass(frozen=True)
class Calibration:
    """std = stretch * sqrt(slope^2 * spread^2 + floor^2).

    Attributes:
        slope: factor of the ensemble's spread.
        floor: standard deviation where the members agree, in the label's unit.
        stretch: factor by which 95% of the validation labels fall within 1.96 standard deviations.
    """

    slope: float = 1.0
    floor: float = 0.0
    stretch: float = 1.0

    def std(self, spread: NDArray) -> NDArray[np.float64]:
        """The calibrated standard deviation, in the label's unit; never 0."""
        spread = np.asarray(spread, dtype=np.float64)
        return np.maximum(self.stretch * np.sqrt((self.slope * spread) ** 2 + self.floor**2), _FLOOR)


def calibrate(y_true: NDArray, mean: NDArray, spread: NDArray) -> Calibration:
    """Fits a calibration to validation data.

    Slope and floor minimise the Gaussian negative log likelihood; the stretch then brings exactly 95% of the labels
    into the 95% interval, since the likelihood is ruled by a few large errors.

    Args:
        y_true: labels, [n]; rows without one (NaN) do not count.
        mean: the ensemble's mean, [n].
        spread: the standard deviation between its members, [n].

    Raises:
        ConfigError: for fewer than 20 labels.
    """
    y_true, mean, spread = (np.asarray(values, dtype=np.float64).ravel() for values in (y_true, mean, spread))
    known = ~np.isnan(y_true)
    y_true, mean, spread = y_true[known], mean[known], spread[known]
    if len(y_true) < 20:
        msg = f"calibration needs at least 20 validation labels, not {len(y_true)}."
        raise ConfigError(msg)
    residual = y_true - mean
    start = max(float(np.median(np.abs(residual))), _FLOOR)

    def loss(log: NDArray) -> float:
        variance = (np.exp(log[0]) * spread) ** 2 + np.exp(2 * log[1]) + _FLOOR**2
        return float(np.mean(0.5 * np.log(variance) + 0.5 * residual**2 / variance))

    found = minimize(loss, np.array([0.0, np.log(start)]), method="Nelder-Mead", options={"xatol": 1e-4, "fatol": 1e-8})
    slope, floor = np.exp(found.x)
    std = np.maximum(np.sqrt((slope * spread) ** 2 + floor**2), _FLOOR)
    stretch = float(np.quantile(np.abs(residual) / std, 0.95)) / Z_95
    return Calibration(float(slope), float(floor), stretch)
