"""Encodings: injective where they should be, and path counts against a walk over the graph."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from nb301_ogb.baselines.encodings import encode, integers, one_hot, path_counts
from nb301_ogb.errors import ConfigError
from nb301_ogb.spaces import get_space
from nb301_ogb.spaces.nasbench201 import EDGES

SPACE = get_space("nasbench201")


def test_one_hot_is_one_in_each_block() -> None:
    codes = SPACE.table()
    found = one_hot(SPACE, codes)
    assert found.shape == (15_625, 30)
    blocks = found.reshape(-1, 6, 5)
    assert (blocks.sum(axis=2) == 1).all()
    assert np.array_equal(blocks.argmax(axis=2), codes)


def test_integers_are_the_code() -> None:
    codes = SPACE.table()[:9]
    assert np.array_equal(integers(SPACE, codes), codes)


def test_one_hot_of_darts() -> None:
    darts = get_space("darts")
    codes = darts.sample(50, np.random.default_rng(0))
    found = one_hot(darts, codes)
    assert found.shape == (50, darts.code_limits.sum())
    assert (found.sum(axis=1) == 32).all()


def _walk(code: np.ndarray) -> dict[tuple[int, ...], int]:
    """Every op sequence on a way from node 0 to node 3, by walking."""
    op = {edge: digit for edge, digit in zip(EDGES, code.tolist(), strict=True) if digit}
    found: dict[tuple[int, ...], int] = {}
    ways = [(0, ())]
    while ways:
        node, sequence = ways.pop()
        if node == 3:
            found[sequence] = found.get(sequence, 0) + 1
        ways += [(target, (*sequence, digit)) for (source, target), digit in op.items() if source == node]
    return found


def test_path_counts_by_walking() -> None:
    order = [s for length in (1, 2, 3) for s in itertools.product(range(1, 5), repeat=length)]
    codes = SPACE.sample(400, np.random.default_rng(0))
    counts = path_counts(SPACE, codes)
    assert counts.shape == (400, 84)
    for code, row in zip(codes, counts, strict=True):
        assert {s: int(n) for s, n in zip(order, row, strict=True) if n} == _walk(code)


def test_no_path_exactly_where_disconnected() -> None:
    codes = SPACE.table()
    assert np.array_equal(path_counts(SPACE, codes).any(axis=1), SPACE.connected(codes))


def test_side_by_side() -> None:
    codes = SPACE.table()[:7]
    assert encode(SPACE, codes, ("one_hot", "path_counts")).shape == (7, 114)


def test_unknown_encoding() -> None:
    with pytest.raises(ConfigError, match="one_hot"):
        encode(SPACE, SPACE.table()[:1], ("two_hot",))
