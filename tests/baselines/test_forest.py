"""Trees as arrays: against scikit-learn's, in any number, and damaged ones told apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.tree import DecisionTreeRegressor

from nb301_ogb.baselines import forest as module
from nb301_ogb.baselines.forest import Forest
from nb301_ogb.errors import ConfigError


def grown(rows: int, features: int, trees: int, depth: int | None, seed: int):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 3, (rows, features)).astype(np.float32)
    plain = [
        DecisionTreeRegressor(max_depth=depth, random_state=number).fit(x, rng.standard_normal(rows))
        for number in range(trees)
    ]
    return x, plain, Forest.of([one.tree_ for one in plain])


@settings(max_examples=25)
@given(st.integers(1, 40), st.integers(1, 5), st.integers(1, 4), st.sampled_from([1, 3, None]), st.integers(0, 999))
def test_values_are_those_of_scikit_learn(rows: int, features: int, trees: int, depth: int | None, seed: int) -> None:
    x, plain, forest = grown(rows, features, trees, depth, seed)
    new = np.random.default_rng(seed + 1).normal(1, 1, (17, features)).astype(np.float32)
    for part in (x, new):
        assert np.array_equal(forest.values(part), np.stack([one.predict(part) for one in plain], axis=1))
    leaves = sum(one.get_n_leaves() for one in plain)
    assert forest.num_parameters() == leaves + 2 * (leaves - trees)


def test_many_rows_are_taken_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    x, _, forest = grown(40, 4, 3, None, 0)
    expected = forest.values(x)
    for places in (1, 7, 10_000):
        monkeypatch.setattr(module, "_CHUNK", places)
        assert np.array_equal(forest.values(x), expected)


def test_the_first_trees() -> None:
    x, _, forest = grown(30, 4, 5, None, 1)
    for count in (1, 3, 5):
        assert np.array_equal(forest.first(count).values(x), forest.values(x)[:, :count])
        assert len(forest.first(count)) == count


def test_trees_that_were_shown_some_columns() -> None:
    x, plain, _ = grown(30, 2, 2, None, 2)
    wide = np.random.default_rng(0).normal(size=(30, 6)).astype(np.float32)
    columns = [np.array([4, 1]), np.array([0, 5])]
    for number in (0, 1):
        wide[:, columns[number]] = x
        forest = Forest.of([plain[number].tree_], [columns[number]])
        assert np.array_equal(forest.values(wide)[:, 0], plain[number].predict(x))


def test_arrays_there_and_back() -> None:
    x, _, forest = grown(30, 4, 3, None, 3)
    again = Forest.of_arrays(forest.arrays(), 4)
    assert np.array_equal(again.values(x), forest.values(x))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("root", lambda a: a + 1000),
        ("root", lambda a: a - 1),
        ("feature", lambda a: a + 4),
        ("feature", lambda a: a[:-1]),
        ("threshold", lambda a: a[:-1]),
        ("child", lambda a: a + len(a)),
        ("child", lambda a: a - len(a)),
        ("child", lambda a: a.reshape(-1)),
        ("child", lambda a: np.zeros_like(a)),
        ("child", lambda a: np.repeat(np.arange(len(a), dtype=a.dtype)[:, None], 2, axis=1)),
        ("depth", lambda a: a - 1),
        ("depth", lambda a: a + 1_000_000),
        ("depth", lambda a: a[:-1]),
        ("feature", lambda a: a.astype(np.float64)),
        ("value", lambda a: a[:-1]),
    ],
)
def test_damaged_arrays(name: str, change) -> None:
    """A forest that would look outside of its arrays is refused when it is read."""
    _, _, forest = grown(30, 4, 3, None, 3)
    arrays = forest.arrays()
    arrays[f"forest.{name}"] = change(arrays[f"forest.{name}"])
    with pytest.raises(ConfigError, match="fit the model again"):
        Forest.of_arrays(arrays, 4)
