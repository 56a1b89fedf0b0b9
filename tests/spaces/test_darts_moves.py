"""Neighbours and mutations of DARTS architectures, held against changes written on the genotype."""

import numpy as np
import pytest

from nb301_ogb.errors import ArchitectureError
from nb301_ogb.spaces import get_space
from nb301_ogb.spaces.darts import OPS

SPACE = get_space("darts")
RNG = np.random.default_rng(11)


def edges(code):
    """An architecture as the set of its edges (cell, node, parent, op), from its genotype."""
    genotype = SPACE.genotype(code)
    return frozenset(
        (cell, 2 + place // 2, parent, op)
        for cell, entries in enumerate((genotype.normal, genotype.reduce))
        for place, (op, parent) in enumerate(entries)
    )


def neighbours_by_hand(code):
    """The edge sets that one other op or one other parent makes."""
    here = edges(code)
    for cell, node, parent, op in here:
        rest = here - {(cell, node, parent, op)}
        for other in OPS:
            if other != op:
                yield rest | {(cell, node, parent, other)}
        taken = {edge[2] for edge in here if edge[:2] == (cell, node)}
        for other in set(range(node)) - taken:
            yield rest | {(cell, node, other, op)}


@pytest.mark.parametrize("code", SPACE.sample(12, RNG), ids=str)
def test_neighbours_are_all_single_changes(code):
    found = SPACE.check(SPACE.neighbours(code))
    assert found.shape == (120, 32)
    by_hand = list(neighbours_by_hand(code))
    assert len(by_hand) == 120
    assert {edges(neighbour) for neighbour in found} == set(by_hand)
    assert len({neighbour.tobytes() for neighbour in found} | {code.tobytes()}) == 121
    parents = found.reshape(120, 2, 16)[..., 8:]
    changed = (parents != code.reshape(2, 16)[:, 8:]).any(axis=(1, 2))
    assert changed.sum() == 24
    assert not changed[:96].any()


def test_being_neighbours_is_symmetric():
    for code in SPACE.sample(3, RNG):
        for neighbour in SPACE.neighbours(code):
            assert (SPACE.neighbours(neighbour) == code).all(axis=1).sum() == 1


def test_mutation_reaches_every_neighbour_equally_often():
    code = SPACE.sample(1, RNG)[0]
    draws = 120 * 400
    moved = SPACE.check(SPACE.mutate(np.tile(code, (draws, 1)), np.random.default_rng(4)))
    rows, counts = np.unique(moved, axis=0, return_counts=True)
    assert {row.tobytes() for row in rows} == {row.tobytes() for row in SPACE.neighbours(code)}
    assert (abs(counts - 400) < 6 * np.sqrt(400)).all()


def test_mutation_moves_each_row_of_a_table_by_one_change():
    codes = SPACE.sample(500, RNG)
    before = codes.copy()
    moved = SPACE.mutate(codes, np.random.default_rng(5))
    assert np.array_equal(codes, before)
    for code, other in zip(codes, moved, strict=True):
        assert len(edges(code) - edges(other)) == 1
    assert np.array_equal(moved, SPACE.mutate(codes, np.random.default_rng(5)))
    assert SPACE.mutate(codes[:0], RNG).shape == (0, 32)


def test_invalid_codes_have_no_neighbours():
    wrong = 2 * [9, 9, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1]
    with pytest.raises(ArchitectureError, match=r"^the normal cell, node 2: ops 9 and 9"):
        SPACE.neighbours(wrong)
    with pytest.raises(ArchitectureError, match=r"^row 0, the normal cell, node 2: ops 9 and 9"):
        SPACE.mutate([wrong], RNG)
