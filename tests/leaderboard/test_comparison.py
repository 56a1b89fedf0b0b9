"""The bootstrap over components, Welch's test, and ranks with ties."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from nb301_ogb.leaderboard.comparison import bootstrap_rmse, compare, ranks, welch
from nb301_ogb.leaderboard.scores import spread
from tests.submissions import EQUIVALENCE, RANDOM, open_exam


def with_components(data, component):
    part = replace(data.parts["test"], component=np.asarray(component))
    return replace(data, parts=data.parts | {"test": part})


@pytest.fixture(scope="module")
def exam():
    return open_exam(EQUIVALENCE[0])


@pytest.fixture(scope="module")
def errors(exam):
    return np.random.default_rng(0).normal(size=(len(exam.parts["test"].labels), 3)) * [1, 1, 2]


def test_the_draws_are_resampled_components(exam, errors):
    """Against a loop that gathers the rows of each drawn component."""
    errors = errors[:40]
    exam = replace(exam, key=replace(exam.key, rows={**exam.key.rows, "test": exam.key.rows["test"][:40]}))
    component = np.random.default_rng(1).integers(0, 7, 40)
    found = bootstrap_rmse([with_components(exam, component)], [errors], draws=3000)
    rng = np.random.default_rng(2)
    slow = np.empty((3000, 3))
    rows = [np.flatnonzero(component == one) for one in range(7)]
    for draw in slow:
        drawn = np.concatenate([rows[one] for one in rng.integers(0, 7, 7)])
        draw[:] = np.sqrt(np.mean(np.square(errors[drawn]), axis=0))
    assert found.mean(axis=0) == pytest.approx(slow.mean(axis=0), abs=0.02)
    assert found.std(axis=0) == pytest.approx(slow.std(axis=0), rel=0.1)


def test_rows_of_one_component_are_no_independent_evidence(exam, errors):
    """With each component's rows equal, the interval is that of the components, not of the rows."""
    size = len(errors)
    lonely = bootstrap_rmse([with_components(exam, np.arange(size))], [errors])
    joined = bootstrap_rmse([with_components(exam, np.arange(size) // 10)], [np.repeat(errors[::10], 10, 0)[:size]])
    assert joined.std(axis=0).mean() > 2.5 * lonely.std(axis=0).mean()


def test_draws_are_paired_and_the_same_every_time(exam, errors):
    found = bootstrap_rmse([exam], [errors], draws=200)
    alone = bootstrap_rmse([exam], [errors[:, 2:]], draws=200)
    assert np.allclose(found[:, 2], alone[:, 0], rtol=1e-12)
    assert np.array_equal(found, bootstrap_rmse([exam], [errors], draws=200))
    more = bootstrap_rmse([exam], [np.tile(errors, 50)], draws=200)
    assert np.allclose(more[:, :3], found, rtol=1e-12)


def test_image_datasets_are_drawn_together(errors):
    first, second = (open_exam(exam) for exam in EQUIVALENCE[:2])
    other = open_exam(RANDOM[0])
    column = errors[:, :1]
    together = bootstrap_rmse([first, second], [column, column], draws=300)
    assert np.allclose(together, bootstrap_rmse([first], [column], draws=300))
    longer = np.concatenate([column, column[:1]])
    apart = bootstrap_rmse([first, other], [column, longer], draws=300)
    assert apart.std() < 0.85 * together.std()


def test_a_comparison():
    better, worse = spread([1.0, 1.1, 0.9]), spread([2.0, 2.1, 1.9])
    rng = np.random.default_rng(0)
    draws = rng.normal(1, 0.1, 1000)
    clear = compare(better, worse, draws, draws + rng.normal(1, 0.01, 1000))
    assert not clear.tied
    assert clear.difference == pytest.approx(1.0)
    assert clear.low < 1 < clear.high
    assert compare(better, worse, draws, draws + rng.normal(1, 0.6, 1000)).tied
    assert compare(better, spread([1.0, 3.0, 2.0]), draws, draws + 1).tied
    assert compare(spread([1.0]), spread([2.0]), draws, draws + 1).tied
    assert compare(better, better, draws, draws).tied


values = st.lists(st.integers(-1000, 1000).map(lambda one: one / 10), min_size=2, max_size=12)


@pytest.mark.filterwarnings("ignore:Precision loss")
@given(values, values)
def test_welch_is_scipys(left, right):
    a, b = spread(left), spread(right)
    found = welch(a, b)
    if a.std + b.std == 0:
        assert found == (left[0] == right[0])
        return
    assert found == pytest.approx(stats.ttest_ind(left, right, equal_var=False).pvalue, abs=1e-9)


def test_welch_where_nothing_varies():
    assert welch(spread([1.0, 1.0]), spread([1.0, 1.0, 1.0])) == 1
    assert welch(spread([1.0, 1.0]), spread([2.0, 2.0])) == 0
    assert welch(spread([1.0]), spread([2.0, 3.0])) is None


def test_spread_is_mean_and_unbiased_std():
    found = spread([1.0, 2.0, 4.0])
    assert found.mean == pytest.approx(np.mean([1, 2, 4]))
    assert found.std == pytest.approx(np.std([1, 2, 4], ddof=1))
    assert spread([3.0]).std is None


@pytest.mark.parametrize(
    ("apart", "expected"),
    [([], [1, 1, 1, 1]), ([(0, 3)], [1, 1, 1, 4]), ([(0, 1), (0, 2), (0, 3), (1, 3)], [1, 2, 2, 4])],
)
def test_ranks(apart, expected):
    assert ranks(4, lambda leader, place: (leader, place) not in apart) == expected


def test_ranks_of_none_and_of_clear_orders():
    assert ranks(0, lambda *_: False) == []
    assert ranks(3, lambda *_: False) == [1, 2, 3]
