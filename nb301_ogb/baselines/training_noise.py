"""How much the trainings of one architecture differ: what a surrogate's noise is drawn from.

A surrogate's own standard deviation will not do for that. It also holds what the surrogate does not know: where members
of an ensemble disagree by tens of points over a network that never learns, all its trainings end alike at chance, and
draws from that deviation would let a search find it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BINS, _LEAST = 50, 50
"""Groups of architectures at most, and architectures in each at least."""


@dataclass(frozen=True)
class TrainingNoise:
    """The standard deviation of one training's accuracy, a broken line over the expected accuracy.

    Attributes:
        mean: expected accuracies in percent, ascending.
        std: the standard deviation at each, in points; beyond the first and the last it stays as it is there.

    Raises:
        ValueError: where these are no points of a line.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        finite = np.isfinite([*self.mean, *self.std]).all() and len(self.mean) == len(self.std) > 0
        if not finite or (np.diff(self.mean) < 0).any() or min(self.std) < 0:
            msg = "the noise needs as many accuracies, ascending, as standard deviations, which are not negative."
            raise ValueError(msg)

    def at(self, mean: NDArray) -> NDArray[np.float64]:
        """The standard deviation where such accuracies are expected, float64 like `mean`."""
        return np.interp(mean, self.mean, self.std)


def training_noise(runs: NDArray) -> TrainingNoise | None:
    """Measures the noise on architectures that were trained several times.

    They are put in groups of equal size by their mean accuracy; in each the unbiased variances between an
    architecture's trainings are averaged.

    Args:
        runs: accuracies in percent, [G, R]; NaN where there is no run.

    Returns:
        The noise; None where fewer than 50 architectures have two runs.
    """
    runs = np.asarray(runs, dtype=np.float64)
    runs = runs[(~np.isnan(runs)).sum(axis=1) > 1]
    if len(runs) < _LEAST:
        return None
    mean, variance = np.nanmean(runs, axis=1), np.nanvar(runs, axis=1, ddof=1)
    groups = np.array_split(np.argsort(mean, kind="stable"), min(_BINS, len(runs) // _LEAST))
    return TrainingNoise(
        tuple(float(mean[group].mean()) for group in groups),
        tuple(float(np.sqrt(variance[group].mean())) for group in groups),
    )
