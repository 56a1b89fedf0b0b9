"""Encodings: injective where they should be, path counts against a walk over the graph, and no edge left out."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from nb301_ogb.baselines import encodings as e
from nb301_ogb.errors import ConfigError
from nb301_ogb.spaces import get_space, space_names
from nb301_ogb.spaces.darts_cells import OPS, PAIRS
from nb301_ogb.spaces.nasbench201 import EDGES

NB201, DARTS = get_space("nasbench201"), get_space("darts")
SEEDS = st.integers(0, 2**32 - 1)


def sampled(space, count: int, seed: int = 0) -> np.ndarray:
    return space.sample(count, np.random.default_rng(seed))


def test_one_hot_is_one_in_each_block() -> None:
    codes = NB201.table()
    found = e.one_hot(NB201, codes)
    assert found.shape == (15_625, 30)
    blocks = found.reshape(-1, 6, 5)
    assert (blocks.sum(axis=2) == 1).all()
    assert np.array_equal(blocks.argmax(axis=2), codes)


def test_one_hot_of_darts() -> None:
    found = e.one_hot(DARTS, sampled(DARTS, 50))
    assert found.shape == (50, DARTS.code_limits.sum())
    assert (found.sum(axis=1) == 32).all()


@pytest.mark.parametrize("space", space_names())
def test_the_code_itself(space: str) -> None:
    codes = sampled(get_space(space), 9)
    assert np.array_equal(e.code(get_space(space), codes), codes)


def test_integers_of_nasbench201_are_the_code() -> None:
    codes = NB201.table()[:9]
    assert np.array_equal(e.integers(NB201, codes), codes)


@given(SEEDS)
def test_integers_of_darts_are_the_configuration(seed: int) -> None:
    """Against the keys and values that the records of NAS-Bench-301 hold; -1 exactly where a key is not active."""
    codes = sampled(DARTS, 3, seed)
    keys = [f"edge_{cell}_{number}" for cell in ("normal", "reduce") for number in range(14)]
    keys += [f"inputs_node_{cell}_{node}" for cell in ("normal", "reduce") for node in (3, 4, 5)]
    for code, row in zip(codes, e.integers(DARTS, codes), strict=True):
        given_keys = {key.rpartition(":")[2]: value for key, value in DARTS.configuration(code).items()}
        expected = []
        for key in keys:
            pairs = [f"{first}_{second}" for first, second in PAIRS[int(key[-1])]] if "inputs" in key else list(OPS)
            expected.append(pairs.index(given_keys[key]) if key in given_keys else -1)
        assert row.tolist() == expected
        assert len(expected) == 34
        assert expected.count(-1) == 12


@pytest.mark.parametrize("names", [("code",), ("integers",), ("one_hot",), ("edge_ops",)])
@pytest.mark.parametrize("space", space_names())
def test_different_codes_have_different_encodings(space: str, names: tuple[str, ...]) -> None:
    chosen = get_space(space)
    codes = NB201.table() if chosen is NB201 else np.unique(sampled(DARTS, 3000), axis=0)
    assert len(np.unique(e.encode(chosen, codes, names), axis=0)) == len(codes)


def test_edge_ops_have_one_column_for_an_edge_whatever_the_other_parent() -> None:
    found = e.edge_ops(DARTS, sampled(DARTS, 200)).reshape(-1, 2, 14, 7)
    assert (found.sum(axis=(2, 3)) == 8).all()
    cell = [0, 1, 2, 3, 4, 5, 6, 0, 0, 1, 0, 1, 0, 1, 0, 1]
    one = np.array([*cell, *cell], np.uint8)
    other = one.copy()
    other[8 + 7] = 4  # node 5 of the normal cell takes node 4 in place of 1
    before, after = e.edge_ops(DARTS, np.stack([one, other])).reshape(2, 2, 14, 7)
    assert np.argwhere(before != after).tolist() == [[0, 10, 0], [0, 13, 0]]
    nb201 = e.edge_ops(NB201, NB201.table()).reshape(-1, 6, 4)
    assert np.array_equal(nb201.sum(axis=2), NB201.table() > 0)


def test_op_counts() -> None:
    codes = sampled(DARTS, 40)
    found = e.op_counts(DARTS, codes).reshape(-1, 2, 7)
    for code, counts in zip(codes.reshape(-1, 2, 16), found, strict=True):
        assert [[cell[:8].tolist().count(op) for op in range(7)] for cell in code] == counts.tolist()
    assert e.op_counts(NB201, NB201.parse("004432")[None])[0].tolist() == [2, 0, 1, 1, 2]


def _walk(code: np.ndarray) -> dict[tuple[int, ...], int]:
    """Every op sequence on a way from node 0 to node 3 of a NAS-Bench-201 cell, by walking."""
    op = {edge: digit for edge, digit in zip(EDGES, code.tolist(), strict=True) if digit}
    found: Counter = Counter()
    ways = [(0, ())]
    while ways:
        node, sequence = ways.pop()
        if node == 3:
            found[sequence] += 1
        ways += [(target, (*sequence, digit)) for (source, target), digit in op.items() if source == node]
    return found


def test_path_counts_of_nasbench201_by_walking() -> None:
    order = [s for length in (1, 2, 3) for s in itertools.product(range(1, 5), repeat=length)]
    codes = sampled(NB201, 400)
    counts = e.path_counts(NB201, codes)
    assert counts.shape == (400, 84)
    for code, row in zip(codes, counts, strict=True):
        assert {s: int(n) for s, n in zip(order, row, strict=True) if n} == _walk(code)


def test_no_path_exactly_where_disconnected() -> None:
    codes = NB201.table()
    assert np.array_equal(e.path_counts(NB201, codes).any(axis=1), NB201.connected(codes))


def _walk_darts(code: np.ndarray) -> Counter:
    """Every (cell, input, op sequence) of a way from an input to an intermediate node, by walking."""
    found: Counter = Counter()
    for number, cell in enumerate(code.reshape(2, 16).tolist()):
        edges = [
            (parent, 2 + place // 2, op) for place, (op, parent) in enumerate(zip(cell[:8], cell[8:], strict=True))
        ]
        ways = [(0, 0, ()), (1, 1, ())]
        while ways:
            start, node, sequence = ways.pop()
            if sequence:
                found[number, start, sequence] += 1
            ways += [(start, target, (*sequence, op)) for source, target, op in edges if source == node]
    return found


COLUMNS = [
    (cell, start, sequence)
    for cell in (0, 1)
    for start in (0, 1)
    for length in (1, 2, 3, 4)
    for sequence in itertools.product(range(7), repeat=length)
]


@given(SEEDS)
def test_path_counts_of_darts_by_walking(seed: int) -> None:
    codes = sampled(DARTS, 4, seed)
    counts, there = e.path_counts(DARTS, codes), e.paths(DARTS, codes)
    assert counts.shape == there.shape == (4, len(COLUMNS)) == (4, 11_200)
    for code, row, flags in zip(codes, counts.toarray(), there.toarray(), strict=True):
        expected = _walk_darts(code)
        assert {COLUMNS[column]: row[column] for column in np.flatnonzero(row)} == expected
        assert {COLUMNS[column] for column in np.flatnonzero(flags)} == set(expected)
        assert set(flags.tolist()) == {0.0, 1.0}


def test_a_chain_has_a_path_of_every_length() -> None:
    """Nodes that take the one before them: the longest path holds four ops."""
    chain = DARTS.check([[0, 1, 2, 3, 4, 5, 6, 0, 0, 1, 1, 2, 2, 3, 3, 4] * 2])
    lengths = {len(sequence) for _, _, sequence in _walk_darts(chain[0])}
    assert lengths == {1, 2, 3, 4}
    assert e.path_counts(DARTS, chain).sum() == sum(_walk_darts(chain[0]).values())


@pytest.mark.parametrize("edge", range(8))
@pytest.mark.parametrize("cell", [0, 1])
def test_every_edge_counts(edge: int, cell: int) -> None:
    """Each of a cell's eight edges, the last among them, changes the path encoding when its op alone is another."""
    codes = sampled(DARTS, 300)
    codes[:, :8], codes[:, 16:24] = 0, 0  # one op everywhere: no other path can stand in for a lost one
    changed = codes.copy()
    changed[:, 16 * cell + edge] = 6
    for encoding in (e.path_counts, e.paths):
        difference = encoding(DARTS, codes) - encoding(DARTS, changed)
        assert (abs(difference).sum(axis=1) > 0).all()
    random = sampled(DARTS, 300, seed=1)
    changed = random.copy()
    changed[:, 16 * cell + edge] = (random[:, 16 * cell + edge] + 3) % 7
    assert (abs(e.path_counts(DARTS, random) - e.path_counts(DARTS, changed)).sum(axis=1) > 0).all()


def test_equivalent_architectures_have_equal_paths() -> None:
    codes = sampled(DARTS, 200)
    canonical = DARTS.canonical_codes(codes)
    assert not np.array_equal(codes, canonical)
    assert abs(e.path_counts(DARTS, codes) - e.path_counts(DARTS, canonical)).sum() == 0


def test_side_by_side() -> None:
    codes = NB201.table()[:7]
    found = e.encode(NB201, codes, ("one_hot", "path_counts"))
    assert np.array_equal(found, np.concatenate([e.one_hot(NB201, codes), e.path_counts(NB201, codes)], axis=1))
    codes = sampled(DARTS, 5)
    found = e.encode(DARTS, codes, ("one_hot", "paths"))
    assert sparse.issparse(found)
    assert found.dtype == np.float32
    assert np.array_equal(
        e.dense(found), np.concatenate([e.one_hot(DARTS, codes), e.dense(e.paths(DARTS, codes))], axis=1)
    )


@pytest.mark.parametrize("space", space_names())
@pytest.mark.parametrize("name", e.ENCODINGS)
def test_an_empty_table(space: str, name: str) -> None:
    chosen = get_space(space)
    found = e.encode(chosen, np.empty((0, chosen.code_length), np.uint8), (name,))
    assert found.shape == (0, e.num_features(chosen, (name,)))
    assert e.encode(chosen, sampled(chosen, 2), (name,)).shape[1] == found.shape[1] > 0


@pytest.mark.parametrize("space", space_names())
def test_defaults_are_dense_and_tell_architectures_apart(space: str) -> None:
    chosen = get_space(space)
    codes = np.unique(sampled(chosen, 500), axis=0)
    found = e.encode(chosen, codes, e.default_encoding(chosen))
    assert isinstance(found, np.ndarray)
    assert len(np.unique(found, axis=0)) == len(codes)


def test_unknown_encoding() -> None:
    with pytest.raises(ConfigError, match="one_hot"):
        e.encode(NB201, NB201.table()[:1], ("two_hot",))
    with pytest.raises(ConfigError, match="at least one of code, integers"):
        e.encode(NB201, NB201.table()[:1], ())


@pytest.mark.parametrize("encoding", [e.path_counts, e.paths, e.edge_ops])
def test_a_space_without_that_encoding(encoding, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(NB201), "name", "another")
    with pytest.raises(ConfigError, match=r"for the space another; choose another"):
        encoding(NB201, NB201.table()[:1])
