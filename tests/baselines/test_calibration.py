"""Calibration: coverage on data of the same kind, known scales found again, degenerate input."""

from __future__ import annotations

import numpy as np
import pytest

from nb301_ogb.baselines.calibration import calibrate
from nb301_ogb.errors import ConfigError
from nb301_ogb.evaluators.uncertainty import coverage_95, nll


def drawn(n: int, seed: int, heavy: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    spread = rng.gamma(2.0, 0.2, n)
    noise = rng.standard_t(4, n) if heavy else rng.normal(size=n)
    mean = rng.uniform(60, 90, n)
    return mean + noise * np.sqrt((3.0 * spread) ** 2 + 0.2**2), mean, spread


@pytest.mark.parametrize("heavy", [False, True])
def test_coverage_holds_on_new_data(heavy: bool) -> None:
    found = calibrate(*drawn(3000, 0, heavy))
    y, mean, spread = drawn(20_000, 1, heavy)
    assert coverage_95(y, mean, found.std(spread)) == pytest.approx(0.95, abs=0.015)
    assert coverage_95(y, mean, spread) < 0.75
    assert nll(y, mean, found.std(spread)) < nll(y, mean, spread)


def test_known_scales_are_found() -> None:
    found = calibrate(*drawn(20_000, 2))
    assert found.slope * found.stretch == pytest.approx(3.0, rel=0.1)
    assert found.floor * found.stretch == pytest.approx(0.2, abs=0.1)


def test_members_that_agree_completely() -> None:
    y, mean, _ = drawn(500, 3)
    found = calibrate(y, mean, np.zeros(500))
    assert coverage_95(y, mean, found.std(np.zeros(500))) == pytest.approx(0.95, abs=0.01)


def test_perfect_predictions_keep_a_positive_deviation() -> None:
    y = np.linspace(0, 1, 50)
    assert (calibrate(y, y, np.zeros(50)).std(np.zeros(3)) > 0).all()


def test_too_few_rows() -> None:
    with pytest.raises(ConfigError, match="at least 20"):
        calibrate(np.ones(5), np.ones(5), np.ones(5))


def test_labels_that_are_missing_do_not_count() -> None:
    y, mean, spread = drawn(500, 4)
    holes = y.copy()
    holes[::5] = np.nan
    known = ~np.isnan(holes)
    assert calibrate(holes, mean, spread) == calibrate(y[known], mean[known], spread[known])
    with pytest.raises(ConfigError, match="at least 20 validation labels"):
        calibrate(np.full(50, np.nan), mean[:50], spread[:50])
