"""The statistics of repeated searches against loops, and the landscape against local search itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from nb301_ogb.baselines.benchmark import TabularBenchmark
from nb301_ogb.experiments import curves
from nb301_ogb.experiments.landscape import descents, landscape, one_change
from nb301_ogb.search import Budget, jobs, search, tabulated
from tests.search.search_benchmarks import Constant, Patchy, Sum


@pytest.fixture(scope="module")
def histories():
    return search(Patchy(), jobs("re", range(6)), Budget(120))


def found_after(history, seconds):
    """The incumbent by a loop."""
    best = None
    for place in range(len(history)):
        if history.simulated_time[place] > seconds:
            break
        value = history.value[place]
        if not np.isnan(value) and (best is None or value > history.value[best]):
            best = place
    return best


def test_errors_over_time_against_a_loop(histories):
    seconds = np.geomspace(50, 20_000, 40)
    errors = curves.errors_over(histories, seconds)
    judged = curves.judged_over(histories, seconds, Sum())
    for row, history in enumerate(histories):
        for column, moment in enumerate(seconds):
            best = found_after(history, moment)
            expected = np.nan if best is None else 100 - history.mean[best]
            np.testing.assert_equal(errors[row, column], expected)
            true = np.nan if best is None else 100 - Sum().values(history.codes[best][None])[0]
            np.testing.assert_equal(judged[row, column], true)


def test_errors_after_evaluations(histories):
    errors = curves.errors_at(histories, [1, 50, 120, 500])
    judged = curves.judged_at(histories, [1, 50, 120, 500], Constant())
    for row, history in enumerate(histories):
        assert errors[row, 2] == errors[row, 3] == 100 - np.nanmax(history.mean)
        assert errors[row, 1] == 100 - np.nanmax(history.mean[:50])
    assert set(judged[~np.isnan(judged)]) == {10.0}
    np.testing.assert_array_equal(np.isnan(judged), np.isnan(errors))


def test_times_are_those_at_which_all_can_be_compared(histories):
    seconds = curves.times([histories[:3], histories[3:]])
    assert not np.isnan(curves.errors_over(histories, seconds)).any()
    assert seconds[-1] == min(history.simulated_time[-1] for history in histories)
    earlier = np.nextafter(seconds[0], 0)
    assert np.isnan(curves.errors_over(histories, np.array([earlier]))).any()
    np.testing.assert_allclose(np.diff(np.log(seconds)), np.diff(np.log(seconds))[0])
    once = search(Sum(), jobs("ls-once", range(3)), Budget(5000))
    assert {one.end for one in once} == {"exhausted"}
    assert curves.times([once])[-1] == max(one.simulated_time[-1] for one in once)
    assert curves.times([once, histories])[-1] == seconds[-1]


@given(st.lists(st.tuples(st.sampled_from([1.0, 2.0, 3.0]), st.sampled_from([1.0, 2.0, 3.0])), max_size=7))
def test_kendall_against_scipy(pairs):
    one, other = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    if len(set(one)) < 2 or len(set(other)) < 2:
        assert np.isnan(curves.kendall(one, other))
    else:
        assert curves.kendall(one, other) == pytest.approx(kendalltau(one, other).statistic)


def test_mean_and_error():
    values = np.array([1.0, 2.0, np.nan, 6.0])
    found = curves.mean_and_error(values)
    assert found["mean"] == 3.0
    assert found["standard_error"] == pytest.approx(np.std([1, 2, 6], ddof=1) / np.sqrt(3))
    assert np.isnan(curves.mean_and_error(np.array([np.nan]))["mean"])
    assert curves.area_between([1.0, 2.0], [2.0, 0.0]) == 1.5


def test_order_tells_swaps_and_whether_they_are_clear():
    rng = np.random.default_rng(0)
    seeds = rng.standard_normal(50)
    truth = {"a": 8 + seeds, "b": 9 + seeds + 0.01 * rng.standard_normal(50), "c": 20 + seeds}
    noisy = {"a": 9.1 + seeds, "b": 9 + seeds + rng.standard_normal(50), "c": 20 + seeds}
    found = curves.order_agreement(truth, noisy)
    assert found["truth"] == ["a", "b", "c"]
    assert found["surrogate"] == ["b", "a", "c"]
    assert not found["same"]
    (swap,) = found["swapped"]
    assert swap["pair"] == ["a", "b"]
    assert swap["truth_gap"]["mean"] == pytest.approx(-1, abs=0.01)
    assert not swap["clear"]
    assert found["kendall_tau"] == pytest.approx(1 / 3)
    assert found["kendall_tau_of_truth_halves"] == 1
    reversed_ = {"a": 20 + seeds, "b": 9 + seeds, "c": 8 + seeds}
    found = curves.order_agreement(truth, reversed_)
    assert found["kendall_tau"] == -1
    assert [swap["clear"] for swap in found["swapped"]] == [True, True, True]
    assert curves.order_agreement(truth, truth)["same"]
    assert curves.order_agreement(truth, truth)["swapped"] == []
    tied = {name: np.full(50, 8.355) for name in truth}
    found = curves.order_agreement(truth, tied)
    assert found["same"]
    assert np.isnan(found["kendall_tau"])


def test_descents_against_a_walk():
    rng = np.random.default_rng(1)
    values = rng.choice([np.nan, *range(40)], size=300).astype(float)
    neighbours = np.stack([rng.choice(300, size=5, replace=False) for _ in range(300)])
    ends, moves = descents(values, neighbours)
    merits = np.where(np.isnan(values), -np.inf, values)
    for start in range(300):
        here, count = start, 0
        while merits[neighbours[here]].max() > merits[here]:
            here = neighbours[here][merits[neighbours[here]].argmax()]
            count += 1
        assert (ends[start], moves[start]) == (here, count)


def test_one_change_is_the_neighbourhood_of_the_space():
    space = Sum().space
    codes = space.table()
    places = one_change(space)
    for row in range(0, len(codes), 501):
        expected = {code.tobytes() for code in space.neighbours(codes[row])}
        assert {codes[place].tobytes() for place in places[row]} == expected
    assert places.shape == (15_625, 24)


def test_the_landscape_is_what_local_search_meets():
    table = tabulated(TabularBenchmark("nb201-cifar10"))
    facts = landscape(table)
    assert (facts["architectures"], facts["neighbours"]) == (15_625, 24)
    assert facts["lowest_error"] == 100 - table.query_codes(table.space.table()).mean.max()
    runs = search(table, jobs("ls-once", range(150)), Budget(5000))
    reached = np.array([100 - run.mean[run.best] for run in runs])
    share = np.mean(reached <= facts["lowest_error"])
    # 150 starts of all of them: three standard errors of a share.
    assert abs(share - facts["share_to_the_best"]) < 3 * np.sqrt(0.25 / 150)
    assert abs(reached.mean() - facts["mean_error_reached"]) < 3 * reached.std() / np.sqrt(150)
    assert landscape(Sum())["local_optima"] == 1
    assert landscape(Sum())["share_to_the_best"] == 1.0
    assert landscape(Sum("darts")) is None
