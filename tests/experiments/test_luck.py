"""The luck of the best measured architecture."""

import numpy as np
import pytest

from nb301_ogb.experiments.luck import luck


def test_a_run_that_had_no_part_judges():
    runs = np.array([[90.0, 91, 80], [89, 89, 89], [92, np.nan, 92], [88, 85, 93]])
    found = luck(runs, np.array([1.0, 2.0, 9.0, 0.0]))
    assert found["architectures"] == 3
    # Without run 0 the second and the fourth row are best (89), the first of them counts; and so on.
    assert [turn["promised"] for turn in found["turns"]] == [11.0, 9.5, 9.5]
    assert [turn["truth"] for turn in found["turns"]] == [11.0, 15.0, 20.0]
    assert [turn["surrogate"] for turn in found["turns"]] == [11.0, 11.0, 11.0]
    assert found["mean"]["truth"] == pytest.approx(46 / 3)


def test_without_noise_there_is_no_luck():
    values = np.random.default_rng(0).uniform(50, 95, 200)
    found = luck(np.stack([values] * 3, axis=1), values)
    for word in ("promised", "truth", "surrogate"):
        assert found["mean"][word] == pytest.approx(100 - values.max())


def test_luck_is_what_the_best_of_many_equals_promises_too_much():
    runs = 80 + np.random.default_rng(0).normal(size=(5000, 3))
    found = luck(runs, np.zeros(5000))
    assert found["mean"]["truth"] - found["mean"]["promised"] > 1.5
    assert abs(found["mean"]["truth"] - 20) < 2.5


@pytest.mark.parametrize("runs", [np.full((4, 3), np.nan), np.ones((4, 1))])
def test_nothing_to_judge_by(runs):
    assert luck(runs, np.zeros(4)) is None
