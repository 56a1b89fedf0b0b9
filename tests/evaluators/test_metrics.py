import math
import sys
from fractions import Fraction

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from nb301_ogb.errors import EvaluationError
from nb301_ogb.evaluators import metrics

ANY_FLOAT = st.floats(allow_nan=False, allow_infinity=False)
TIED = st.sampled_from([-2.5, -0.0, 0.0, 1.0, 1.0 + 2**-52, 1e308, -1e308, 5e-324])
NEARLY_CONSTANT = st.integers(0, 5).map(lambda steps: 90 + steps * 2.0**-46)
PERCENT = st.floats(80, 95).map(lambda value: round(value, 2))
LARGEST = Fraction(sys.float_info.max)


def paired(values, min_size=1):
    pairs = st.lists(st.tuples(values, values), min_size=min_size, max_size=40)
    return pairs.map(lambda rows: tuple(np.array(rows, dtype=np.float64).T))


NASTY = st.one_of(paired(ANY_FLOAT), paired(TIED), paired(NEARLY_CONSTANT), paired(PERCENT))


def exactly(values):
    return [Fraction(float(value)) for value in values]


def assert_close(value, exact, slack=1e-12):
    """`value` is `exact` up to rounding, or infinite where float64 cannot hold it."""
    if math.isinf(value):
        assert abs(exact) > LARGEST * (1 - Fraction(1, 10**12))
        assert (value > 0) == (exact > 0)
    else:
        assert abs(Fraction(value) - exact) <= abs(exact) * Fraction(slack) + Fraction(5e-324)


def squares_exactly(y_true, y_pred):
    return sum((a - b) ** 2 for a, b in zip(exactly(y_true), exactly(y_pred), strict=True))


def tau_b_by_pairs(y_true, y_pred):
    sign_true = np.sign(np.subtract.outer(y_true, y_true))
    sign_pred = np.sign(np.subtract.outer(y_pred, y_pred))
    untied = np.count_nonzero(sign_true) * np.count_nonzero(sign_pred)
    return float((sign_true * sign_pred).sum() / math.sqrt(untied)) if untied else 0.0


@given(NASTY)
def test_rmse_is_exact_over_the_whole_range_of_float64(pair):
    value = metrics.rmse(*pair)
    mean = squares_exactly(*pair) / len(pair[0])
    if math.isinf(value):
        assert mean > (LARGEST * (1 - Fraction(1, 10**12))) ** 2
    else:
        assert (Fraction(value) + Fraction(5e-324)) ** 2 >= mean * (1 - Fraction(1, 10**12))
        assert max(Fraction(value) - Fraction(5e-324), 0) ** 2 <= mean * (1 + Fraction(1, 10**12))


@given(NASTY)
def test_mae_is_exact_over_the_whole_range_of_float64(pair):
    total = sum(abs(a - b) for a, b in zip(exactly(pair[0]), exactly(pair[1]), strict=True))
    assert_close(metrics.mae(*pair), total / len(pair[0]))


@given(NASTY)
def test_r2_is_exact_over_the_whole_range_of_float64(pair):
    y_true, y_pred = pair
    value = metrics.r2(y_true, y_pred)
    truth = exactly(y_true)
    mean = sum(truth) / len(truth)
    total = sum((a - mean) ** 2 for a in truth)
    if total == 0:
        assert value == (1.0 if np.array_equal(y_true, y_pred) else 0.0)
        return
    ratio = squares_exactly(y_true, y_pred) / total
    if math.isinf(value):
        assert_close(value, 1 - ratio)
    else:
        assert abs(Fraction(value) - (1 - ratio)) <= max(ratio, 1) * Fraction(1e-11)


@pytest.mark.parametrize("n", [2, 3, 50, 1000])
@pytest.mark.parametrize("seed", range(3))
def test_metrics_match_the_libraries(n, seed):
    rng = np.random.default_rng(seed)
    y_true = rng.normal(90, 2, n).round(1)
    y_pred = y_true + rng.normal(0, 1, n)
    if len(set(y_true)) == 1:
        y_true[0] += 1
    assert metrics.rmse(y_true, y_pred) == np.sqrt(np.mean((y_true - y_pred) ** 2))
    assert metrics.rmse(y_true, y_pred) == pytest.approx(sklearn.metrics.root_mean_squared_error(y_true, y_pred))
    assert metrics.mae(y_true, y_pred) == pytest.approx(sklearn.metrics.mean_absolute_error(y_true, y_pred), rel=1e-14)
    assert metrics.r2(y_true, y_pred) == pytest.approx(sklearn.metrics.r2_score(y_true, y_pred), rel=1e-12)
    assert metrics.kendall_tau(y_true, y_pred) == scipy.stats.kendalltau(y_true, y_pred).statistic
    rounded = scipy.stats.kendalltau(y_true, np.round(y_pred, 1)).statistic
    assert metrics.sparse_kendall_tau(y_true, y_pred) == (0.0 if np.isnan(rounded) else rounded)
    assert metrics.spearman(y_true, y_pred) == pytest.approx(scipy.stats.spearmanr(y_true, y_pred).statistic, rel=1e-12)


@given(NASTY)
def test_kendall_tau_matches_counting_every_pair(pair):
    y_true, y_pred = (np.unique(values, return_inverse=True)[1].astype(float) for values in pair)
    assert metrics.kendall_tau(*pair) == pytest.approx(tau_b_by_pairs(y_true, y_pred), abs=1e-12)


@given(paired(TIED, min_size=2))
def test_spearman_is_the_correlation_of_the_mean_ranks(pair):
    value = metrics.spearman(*pair)
    if min(len(set(values)) for values in pair) == 1:
        assert value == 0.0
    else:
        ranks = [scipy.stats.rankdata(values) for values in pair]
        assert value == pytest.approx(np.corrcoef(*ranks)[0, 1], abs=1e-12)


@given(NASTY)
def test_correlations_are_bounded_symmetric_and_odd(pair):
    for metric in (metrics.kendall_tau, metrics.spearman):
        value = metric(*pair)
        assert -1.0 <= value <= 1.0
        assert metric(pair[1], pair[0]) == pytest.approx(value, abs=1e-12)
        assert metric(pair[0], -pair[1]) == pytest.approx(-value, abs=1e-12)


@given(st.lists(st.tuples(PERCENT, st.integers(0, 1000), st.floats(-0.049, 0.049)), min_size=1, max_size=40))
def test_sparse_tau_is_the_tau_of_tenths(rows):
    y_true, tenths, offset = np.array(rows).T
    assert metrics.sparse_kendall_tau(y_true, tenths / 10 + offset) == metrics.kendall_tau(y_true, tenths)


@given(NASTY)
def test_sparse_tau_is_finite_over_the_whole_range_of_float64(pair):
    assert -1.0 <= metrics.sparse_kendall_tau(*pair) <= 1.0


def test_sparse_tau_forgives_small_differences():
    y_true = np.array([93.11, 93.12, 94.0])
    wrong_by_little = np.array([93.04, 93.01, 94.0])
    assert metrics.kendall_tau(y_true, wrong_by_little) == pytest.approx(1 / 3)
    assert metrics.sparse_kendall_tau(y_true, wrong_by_little) == pytest.approx(2 / math.sqrt(6))
    # Were the label rounded too, its own tie would make this 1.
    assert metrics.sparse_kendall_tau(y_true, np.round(y_true, 1)) == pytest.approx(2 / math.sqrt(6))
    assert metrics.sparse_kendall_tau(y_true, np.array([93.01, 93.04, 93.02])) == 0.0


def test_sparse_tau_leaves_huge_predictions_alone():
    huge = np.array([1e308, 1.5e308, -1e308, 2.0**53, 2.0**53 + 2])
    assert metrics.sparse_kendall_tau(huge, huge) == metrics.kendall_tau(huge, huge) == pytest.approx(1.0, abs=1e-15)


@pytest.mark.parametrize("metric", [metrics.kendall_tau, metrics.sparse_kendall_tau, metrics.spearman])
def test_correlation_with_a_constant_is_0(metric):
    ramp, flat = np.arange(5.0), np.full(5, 0.1)
    assert metric(ramp, flat) == metric(flat, ramp) == metric(flat, flat) == 0.0
    assert metric(np.array([3.0]), np.array([4.0])) == 0.0


def test_one_row():
    one, two = np.array([1.0]), np.array([2.0])
    assert (metrics.rmse(one, two), metrics.mae(one, two), metrics.r2(one, two), metrics.r2(one, one)) == (1, 1, 0, 1)


def test_r2_of_a_constant_label_does_not_depend_on_the_rounding_of_its_mean():
    flat = np.full(10, 0.1)  # its mean in float64 is not 0.1
    assert metrics.r2(flat, flat) == 1.0
    assert metrics.r2(flat, flat + 1) == 0.0
    assert metrics.r2(flat, flat) == sklearn.metrics.r2_score(flat, flat)


def test_r2_of_labels_that_differ_in_their_last_digit():
    y_true = np.array([90.0, 90.0, 90.0 + 2**-46])
    y_pred = np.array([90.0, 90.0, 90.0])
    # SS_total is 2/3 and SS_residual 1, in units of 2**-92.
    assert metrics.r2(y_true, y_pred) == pytest.approx(-0.5, rel=1e-12)


def test_only_unrepresentable_results_are_infinite():
    top = sys.float_info.max
    assert metrics.rmse(np.array([top, 0.0, 0.0, 0.0]), np.array([-top, 0.0, 0.0, 0.0])) == top
    assert metrics.rmse(np.array([top]), np.array([-top])) == math.inf
    assert metrics.mae(np.array([top, top]), np.zeros(2)) == top
    assert metrics.rmse(np.array([3e-320, 4e-320]), np.zeros(2)) == pytest.approx(3.5355e-320, rel=1e-3)
    assert metrics.r2(np.array([0.0, 1e-200]), np.array([1e200, 0.0])) == -math.inf
    assert metrics.r2(np.array([1e-200, 3e-200]), np.array([2e-200, 3e-200])) == pytest.approx(0.5)
    assert metrics.r2(np.array([1e200, 3e200]), np.array([2e200, 3e200])) == pytest.approx(0.5)


@pytest.mark.parametrize("metric", metrics.METRICS.values(), ids=metrics.METRICS)
def test_every_metric_gives_python_floats_and_checks_its_arguments(metric):
    column = np.arange(4.0)
    assert type(metric(column, column.astype(np.float32))) is float
    with pytest.raises(EvaluationError, match=r"y_pred has shape \[4, 1\]"):
        metric(column, column[:, None])
    with pytest.raises(EvaluationError, match="y_pred has 3 rows and y_true has 4"):
        metric(column, column[:3])
    with pytest.raises(EvaluationError, match="y_true holds no rows"):
        metric(column[:0], column[:0])
    with pytest.raises(EvaluationError, match=r"y_pred holds 1 value that is NaN or infinite, first in row 2"):
        metric(column, np.where(column == 2, np.nan, column))
    with np.errstate(all="raise"):  # a caller's settings must not change a result
        assert math.isfinite(metric(np.array([1e300, 1e-300, 5e-324]), np.array([0.0, 1e-300, 1e300])))


def test_every_metric_has_a_direction():
    y_true = np.arange(10.0)
    better, worse = y_true + 0.1, y_true[::-1].copy()
    for name, metric in metrics.METRICS.items():
        gain = metric(y_true, better) - metric(y_true, worse)
        assert (gain > 0) == (name in metrics.HIGHER_IS_BETTER), name
    assert set(metrics.METRICS) >= metrics.HIGHER_IS_BETTER


def test_kendall_tau_of_a_large_table():
    rng = np.random.default_rng(0)
    y_true = rng.normal(90, 2, 200_000).round(2)
    y_pred = y_true + rng.normal(0, 2, y_true.size)
    assert metrics.kendall_tau(y_true, y_pred) == scipy.stats.kendalltau(y_true, y_pred).statistic
    assert metrics.spearman(y_true, y_pred) == pytest.approx(scipy.stats.spearmanr(y_true, y_pred).statistic, rel=1e-12)
