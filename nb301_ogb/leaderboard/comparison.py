"""Which of two entries is ahead: a bootstrap over the test's components, a test over the seeds, ranks with ties."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr

from nb301_ogb.leaderboard.exam_data import ExamData, FloatArray
from nb301_ogb.leaderboard.scores import Spread

DRAWS = 4000
"""Bootstrap samples of the test's components."""

LEVEL = 0.95
_AT_ONCE = 2_000_000  # drawn components that are held in memory


@dataclass(frozen=True)
class Comparison:
    """An entry against a better one.

    Attributes:
        difference: of their test RMSE, never negative.
        low: of the bootstrap's 95% interval of the difference.
        high: of that interval.
        welch_p: two-sided p-value of Welch's test over the seeds; None where an entry has one seed.
        tied: whether the two cannot be told apart: the interval holds 0, or the p-value is not below 0.05.
    """

    difference: float
    low: float
    high: float
    welch_p: float | None
    tied: bool


def bootstrap_rmse(exams: Sequence[ExamData], errors: Sequence[FloatArray], draws: int = DRAWS) -> FloatArray:
    """The board's RMSE on bootstrap samples of the test's components, float64 [draws, S].

    Components, not rows, are drawn with replacement, since what is equivalent or shares a run has related errors.
    Exams with the same test architectures in the same components (the image datasets of NAS-Bench-201) are drawn
    together. The draws depend on the exams alone, so those of two entries are paired.

    Args:
        exams: of the board.
        errors: for each exam prediction minus label on test, float64 [B, S]; the columns of several entries may stand
            side by side.
        draws: how many samples.
    """
    total = np.zeros((draws, errors[0].shape[1]))
    for data, error in zip(exams, errors, strict=True):
        component = np.unique(data.parts["test"].component, return_inverse=True)[1].ravel()
        size = np.bincount(component)
        squares = np.stack([np.bincount(component, column) for column in np.square(error).T], axis=1)
        codes = data.key.part("test")
        seed = hashlib.sha256(codes.tobytes() + component.astype("<i8").tobytes()).digest()
        rng = np.random.default_rng(int.from_bytes(seed[:16], "little"))
        step = max(1, _AT_ONCE // len(size))
        for start in range(0, draws, step):
            count = min(step, draws - start)
            drawn = rng.integers(0, len(size), size=(count, len(size)))
            drawn += len(size) * np.arange(count)[:, None]
            times = np.bincount(drawn.ravel(), minlength=count * len(size)).reshape(count, -1).astype(np.float64)
            total[start : start + count] += np.sqrt(times @ squares / (times @ size)[:, None])
    return total / len(exams)


def compare(better: Spread, worse: Spread, better_draws: FloatArray, worse_draws: FloatArray) -> Comparison:
    """Holds an entry against a better one.

    Args:
        better: the test RMSE of the better entry.
        worse: that of the other.
        better_draws: the better one's RMSE, the mean over its seeds, on each bootstrap sample, float64 [draws].
        worse_draws: that of the other on the same samples.
    """
    difference = worse_draws - better_draws
    tail = (1 - LEVEL) / 2
    low, high = (float(one) for one in np.quantile(difference, (tail, 1 - tail)))
    p = welch(better, worse)
    return Comparison(worse.mean - better.mean, low, high, p, low <= 0 or p is None or p >= 1 - LEVEL)


def welch(left: Spread, right: Spread) -> float | None:
    """The two-sided p-value of Welch's t-test for equal means; None for a single seed.

    t = (m1 - m2) / sqrt(s1^2/n1 + s2^2/n2), with the degrees of freedom of Welch and Satterthwaite.
    Where neither side varies it is 1 for equal means and 0 for others.
    """
    if left.std is None or right.std is None:
        return None
    first, second = left.std**2 / len(left.values), right.std**2 / len(right.values)
    gap = abs(left.mean - right.mean)
    if first + second == 0:
        return float(gap == 0)
    freedom = (first + second) ** 2 / (first**2 / (len(left.values) - 1) + second**2 / (len(right.values) - 1))
    return float(2 * stdtr(freedom, -gap / np.sqrt(first + second)))


def ranks(count: int, tied: Callable[[int, int], bool]) -> list[int]:
    """Ranks of entries that stand in the order of their scores, 1, 1, 3, ...

    An entry shares the rank of the entry that leads the group above it unless the two can be told apart; else it leads
    a group of its own.

    Args:
        count: how many entries.
        tied: whether the entry at the first place and the one at the second cannot be told apart.
    """
    found: list[int] = []
    leader = 0
    for place in range(count):
        if place and not tied(leader, place):
            leader = place
        found.append(leader + 1)
    return found
