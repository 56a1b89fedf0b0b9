import math
import statistics
import sys

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from nb301_ogb.errors import EvaluationError
from nb301_ogb.evaluators import uncertainty

ACCURACY = st.floats(50, 100)
SPREAD = st.floats(1e-3, 30)


def by_integration(y_pred, y_std, mean, std):
    """KL(N(mean, std) || N(y_pred, y_std)), integrated on a fine grid."""
    x = np.linspace(mean - 12 * std, mean + 12 * std, 20_001)
    log_p = scipy.stats.norm.logpdf(x, mean, std)
    log_q = scipy.stats.norm.logpdf(x, y_pred, y_std)
    return np.trapezoid(np.exp(log_p) * (log_p - log_q), x)


def test_quantile():
    assert statistics.NormalDist().inv_cdf(0.975) == pytest.approx(uncertainty.Z_95, rel=1e-15)


@given(st.lists(st.tuples(ACCURACY, ACCURACY, SPREAD), min_size=1, max_size=30))
def test_nll_and_coverage_match_scipy(rows):
    y_true, y_pred, y_std = np.array(rows).T
    expected = -scipy.stats.norm.logpdf(y_true, y_pred, y_std).mean()
    assert uncertainty.nll(y_true, y_pred, y_std) == pytest.approx(expected, rel=1e-9)
    tail = 2 * scipy.stats.norm.sf(np.abs(y_true - y_pred) / y_std)
    if np.abs(tail - 0.05).min() > 1e-9:
        assert uncertainty.coverage_95(y_true, y_pred, y_std) == np.mean(tail > 0.05)


def test_nll_is_least_at_the_true_distribution():
    rng = np.random.default_rng(0)
    y_pred = rng.normal(90, 2, 20_000)
    y_true = y_pred + rng.normal(0, 0.3, y_pred.size)
    losses = {std: uncertainty.nll(y_true, y_pred, np.full_like(y_pred, std)) for std in (0.1, 0.2, 0.3, 0.4, 0.9)}
    assert min(losses, key=losses.get) == 0.3
    assert uncertainty.coverage_95(y_true, y_pred, np.full_like(y_pred, 0.3)) == pytest.approx(0.95, abs=0.01)


def test_coverage_counts_the_ends():
    zeros, ones = np.zeros(4), np.ones(4)
    z = uncertainty.Z_95
    labels = np.array([z, -z, np.nextafter(z, 9), -np.nextafter(z, 9)])
    assert uncertainty.coverage_95(labels, zeros, ones) == 0.5


def test_kl_matches_integration():
    rng = np.random.default_rng(1)
    y_runs = rng.normal(90, 1, (20, 3))
    y_runs[:8, 2] = np.nan
    y_pred, y_std = rng.normal(90, 1, 20), rng.uniform(0.3, 2, 20)
    expected = [
        by_integration(y_pred[row], y_std[row], np.nanmean(y_runs[row]), np.nanstd(y_runs[row], ddof=1))
        for row in range(20)
    ]
    value, left_out = uncertainty.kl(y_runs, y_pred, y_std)
    assert left_out == 0
    assert value == pytest.approx(np.mean(expected), rel=1e-6)


def test_kl_leaves_out_rows_without_a_spread():
    y_runs = np.array([[0.1, 0.1, 0.1], [np.nan, 5.0, np.nan], [np.nan] * 3, [89.0, 91.0, np.nan], [7.0, 7.0, np.nan]])
    y_pred, y_std = np.full(5, 90.0), np.full(5, math.sqrt(2))
    value, left_out = uncertainty.kl(y_runs, y_pred, y_std)
    assert left_out == 4
    assert value == pytest.approx(0, abs=1e-15)
    assert value >= 0


@given(st.lists(st.tuples(ACCURACY, ACCURACY, ACCURACY, SPREAD), min_size=1, max_size=20), st.integers(-900, 900))
def test_kl_has_no_unit_and_no_sign(rows, power):
    first, second, y_pred, y_std = np.array(rows).T
    y_runs = np.column_stack([first, second])
    if (first == second).all():
        with pytest.raises(EvaluationError, match="two runs that differ"):
            uncertainty.kl(y_runs, y_pred, y_std)
        return
    value, left_out = uncertainty.kl(y_runs, y_pred, y_std)
    assert value >= 0
    assert left_out == np.count_nonzero(first == second)
    unit = 2.0**power
    scaled, _ = uncertainty.kl(y_runs * unit, y_pred * unit, y_std * unit)
    assert scaled == pytest.approx(value, rel=1e-9, abs=1e-12)


def test_kl_prefers_the_measured_spread():
    rng = np.random.default_rng(2)
    y_pred = rng.normal(90, 2, 3000)
    y_runs = y_pred[:, None] + rng.normal(0, 0.5, (3000, 30))
    values = {std: uncertainty.kl(y_runs, y_pred, np.full(3000, std))[0] for std in (0.1, 0.25, 0.5, 1.0, 4.0)}
    assert min(values, key=values.get) == 0.5


def test_extremes_neither_overflow_nor_vanish():
    top, one = sys.float_info.max, np.ones(1)
    with np.errstate(all="raise"):
        assert uncertainty.nll(one * 1e200, one, one * 1e200) == pytest.approx(math.log(1e200) + 1.4189385332, rel=1e-9)
        assert uncertainty.nll(one * 1e-200, one * 3e-200, one * 1e-200) == pytest.approx(
            math.log(1e-200) + 2.9189385332
        )
        assert uncertainty.nll(one, 2 * one, one * 1e-200) == math.inf
        assert uncertainty.nll(one * top, -one * top, one * top) == pytest.approx(math.log(top) + 2.9189385332)
        assert uncertainty.coverage_95(one * top, -one * top, one * top) == 0.0
        assert uncertainty.coverage_95(one * top, -one * top * 0.9, one * top) == 1.0
        assert uncertainty.coverage_95(one, one, one * 5e-324) == 1.0
        runs = np.array([[top, -top], [1e-300, 3e-300]])
        value, _ = uncertainty.kl(runs, np.array([0.0, 2e-300]), np.array([top, 1e-300]))
        assert value == pytest.approx(0.5 - 0.5 * math.log(2))
        value, _ = uncertainty.kl(np.array([[top, top / 2]]), -one * top, one * top)
        assert value == pytest.approx(0.5 * math.log(8) + (1 / 8 + 1.75**2) / 2 - 0.5)


@pytest.mark.parametrize("bad", [0.0, -1.0])
def test_standard_deviations_have_to_be_positive(bad):
    ones = np.ones(3)
    y_std = np.array([1.0, bad, 1.0])
    runs = np.arange(6.0).reshape(3, 2)
    for call in (
        lambda: uncertainty.nll(ones, ones, y_std),
        lambda: uncertainty.coverage_95(ones, ones, y_std),
        lambda: uncertainty.kl(runs, ones, y_std),
    ):
        with pytest.raises(EvaluationError, match=r"y_std holds 1 value that is not above 0.*in row 1"):
            call()


def test_kl_checks_the_runs():
    ones = np.ones(3)
    with pytest.raises(EvaluationError, match=r"y_runs has shape \[2, 2\]: .*\[3, runs\]"):
        uncertainty.kl(np.ones((2, 2)), ones, ones)
    with pytest.raises(EvaluationError, match=r"y_runs has shape \[3\]"):
        uncertainty.kl(ones, ones, ones)
    with pytest.raises(EvaluationError, match=r"y_runs holds 1 value that is infinite.*row 2, column 0"):
        uncertainty.kl(np.array([[1, 2], [1, 2], [np.inf, 2]]), ones, ones)
    with pytest.raises(EvaluationError, match="none of the 3 rows of y_runs"):
        uncertainty.kl(np.ones((3, 0)), ones, ones)
