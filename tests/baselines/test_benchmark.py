"""The table of measurements as a benchmark."""

from __future__ import annotations

import numpy as np
import pytest

from nb301_ogb.baselines.benchmark import TabularBenchmark
from nb301_ogb.errors import ArchitectureError
from nb301_ogb.loaders.labelled import LabelledTable
from nb301_ogb.spaces import get_space

BEST = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"


@pytest.fixture(scope="module")
def table() -> TabularBenchmark:
    return TabularBenchmark("nb201-cifar10")


def test_the_best_architecture(table: TabularBenchmark) -> None:
    answer = table.query(BEST)
    assert answer.mean[0] == pytest.approx(91.61, abs=0.005)
    assert answer.value[0] == answer.mean[0]
    assert answer.runtime[0] == pytest.approx(2879.749, abs=1e-2)
    assert table.query("333132").mean[0] == answer.mean[0]


def test_every_row_is_the_datasets(table: TabularBenchmark) -> None:
    data = LabelledTable("nb201-cifar10")
    codes = data.codes()
    order = np.random.default_rng(0).permutation(len(codes))
    assert np.allclose(table.query_codes(codes[order]).mean, data.labels[order, 0], atol=1e-4)


def test_noise_draws_a_run(table: TabularBenchmark) -> None:
    data = LabelledTable("nb201-cifar10", runs="all")
    codes = data.codes()[:4000]
    drawn = table.query(codes, noise=True, seed=3).value
    assert (np.abs(data.labels[:4000] - drawn[:, None]) < 1e-4).any(axis=1).all()
    assert np.array_equal(drawn, table.query(codes, noise=True, seed=3).value)
    assert not np.array_equal(drawn, table.query(codes, noise=True, seed=4).value)


def test_noise_draws_all_runs(table: TabularBenchmark) -> None:
    codes = np.repeat(get_space("nasbench201").parse("333132")[None], 300, axis=0)
    assert len(np.unique(table.query(codes, noise=True, seed=0).value)) == 3


def test_lists_and_errors(table: TabularBenchmark) -> None:
    assert len(table.query(["333132", BEST, [3, 3, 3, 1, 3, 2]])) == 3
    with pytest.raises(ArchitectureError, match="architecture 1 of 2"):
        table.query(["333132", "33313x"])
    with pytest.raises(ArchitectureError, match="six digits"):
        table.query("33")
    with pytest.raises(ValueError, match="rng"):
        table.query_codes(get_space("nasbench201").table()[:2], noise=True)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (["nor_conv_3x3"] * 5 + ["nor_conv_5x5"], "^edge 2->3 holds 'nor_conv_5x5'"),
        ([1, 2, 3, 4, 5, 0], "^edge 1->3 holds 5"),
        ([3, 3], r"^\[3, 3\] is no architecture"),
        (["333132", "33313x"], "^architecture 1 of 2: '33313x'"),
        ([[1, 2, 3, 4, 0, 0], [9] * 6], "^architecture 1 of 2: edge 0->1 holds 9"),
    ],
)
def test_what_is_wrong_is_said_of_what_was_asked(table: TabularBenchmark, asked: list, words: str) -> None:
    with pytest.raises(ArchitectureError, match=words):
        table.query(asked)
