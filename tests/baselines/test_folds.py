"""Folds: components stay whole, sizes and strata are even, the same for a seed."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nb301_ogb.baselines.folds import component_folds, label_deciles


@given(st.lists(st.integers(0, 30), min_size=1, max_size=200), st.integers(2, 6), st.integers(0, 9))
def test_components_stay_whole(component: list[int], folds: int, seed: int) -> None:
    parts = np.array(component)
    strata = np.arange(len(parts)) % 3
    fold = component_folds(parts, strata, folds, np.random.default_rng(seed))
    assert fold.shape == parts.shape
    assert fold.min() >= 0
    assert fold.max() < folds
    for one in np.unique(parts):
        assert len(np.unique(fold[parts == one])) == 1
    assert np.array_equal(fold, component_folds(parts, strata, folds, np.random.default_rng(seed)))


def test_sizes_and_strata_are_even() -> None:
    rng = np.random.default_rng(0)
    component = rng.integers(0, 2000, 5000)
    labels = rng.normal(size=5000)[component].astype(np.float32)
    strata = label_deciles(labels)
    fold = component_folds(component, strata, 10, np.random.default_rng(1))
    assert np.ptp(np.bincount(fold)) <= 10
    for one in range(10):
        assert np.ptp(np.bincount(fold[strata == one], minlength=10)) <= 10


def test_another_seed_deals_otherwise() -> None:
    component, strata = np.arange(500), np.zeros(500, dtype=int)
    first, second = (component_folds(component, strata, 5, np.random.default_rng(seed)) for seed in (0, 1))
    assert not np.array_equal(first, second)


def test_deciles() -> None:
    labels = np.random.default_rng(0).permutation(1000).astype(np.float32)
    assert np.bincount(label_deciles(labels)).tolist() == [100] * 10
