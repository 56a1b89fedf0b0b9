"""The canonical form of DARTS architectures, held against counting by Burnside's lemma and against brute force."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nb301_ogb.errors import ArchitectureError
from nb301_ogb.spaces import get_space

SPACE = get_space("darts")
ORDERS = tuple(itertools.permutations((2, 3, 4, 5)))

cell_parents = st.tuples(*(st.sampled_from(list(itertools.permutations(range(node), 2))) for node in (2, 3, 4, 5))).map(
    lambda pairs: list(itertools.chain(*pairs))
)
cells = st.tuples(cell_parents, st.lists(st.integers(0, 6), min_size=8, max_size=8)).map(
    lambda both: tuple(zip(*both, strict=True))
)
architectures = st.tuples(cells, cells)
seeds = st.integers(0, 2**32 - 1)


def code_of(*both):
    return SPACE.parse(tuple(both))


def renamings(cell):
    """The cell, eight pairs (parent, op), under every renaming that keeps parents before children."""
    found = []
    for order in ORDERS:
        name = {0: 0, 1: 1, **dict(zip((2, 3, 4, 5), order, strict=True))}
        nodes = {name[2 + place]: [(name[p], op) for p, op in cell[2 * place : 2 * place + 2]] for place in range(4)}
        if all(parent < node for node, pair in nodes.items() for parent, _ in pair):
            found.append(tuple(entry for node in sorted(nodes) for entry in nodes[node]))
    return found


def brute_form(cell):
    """Equal exactly for equivalent cells: the least of the sorted edge lists under all 24 renamings."""
    edges = [(2 + place // 2, parent, op) for place, (parent, op) in enumerate(cell)]
    name = ({0: 0, 1: 1, **dict(zip((2, 3, 4, 5), order, strict=True))} for order in ORDERS)
    return min(sorted((names[node], names[parent], op) for node, parent, op in edges) for names in name)


def burnside():
    """For each class of equivalent topologies, the cycle counts of its automorphisms on the edges."""
    topologies = {
        frozenset((node, parent) for node, pair in zip((2, 3, 4, 5), pairs, strict=True) for parent in pair)
        for pairs in itertools.product(*(itertools.combinations(range(node), 2) for node in (2, 3, 4, 5)))
    }
    classes = {}
    for topology in topologies:
        images = []
        for order in ORDERS:
            name = {0: 0, 1: 1, **dict(zip((2, 3, 4, 5), order, strict=True))}
            images.append({edge: (name[edge[0]], name[edge[1]]) for edge in topology})
        least = min(tuple(sorted(image.values())) for image in images)
        symmetries = [image for image in images if set(image.values()) == topology]
        classes[least] = [_cycles(image) for image in symmetries]
    return len(topologies), classes


def _cycles(image):
    left, number = set(image), 0
    while left:
        number += 1
        edge = left.pop()
        while (edge := image[edge]) in left:
            left.remove(edge)
    return number


def orbits(classes, ops):
    return sum(sum(ops**cycles for cycles in group) // len(group) for group in classes.values())


def test_the_counts_of_topologies_and_cells():
    topologies, classes = burnside()
    assert (topologies, len(classes)) == (180, 79)
    assert orbits(classes, 7) == 382_128_166
    assert f"{orbits(classes, 7) ** 2:.4e}" == "1.4602e+17"
    assert orbits(classes, 1) == 79


@pytest.mark.parametrize("ops", [(4,), (0, 6), (1, 2, 5)])
def test_every_cell_with_few_ops_falls_into_the_right_number_of_classes(ops):
    _, classes = burnside()
    parents = np.array(
        [
            (0, 1, *third, *fourth, *fifth)
            for third in itertools.combinations(range(3), 2)
            for fourth in itertools.combinations(range(4), 2)
            for fifth in itertools.combinations(range(5), 2)
        ],
        dtype=np.uint8,
    )
    choices = np.array(list(itertools.product(ops, repeat=8)), dtype=np.uint8)
    every = np.empty((180, len(choices), 32), dtype=np.uint8)
    every[..., :8], every[..., 8:16] = choices, parents[:, None]
    every[..., 16:] = (0, 1, 2, 3, 4, 5, 6, 0, 0, 1, 1, 2, 2, 3, 0, 4)
    keys = SPACE.canonical_keys(every.reshape(-1, 32))
    assert len(np.unique(keys.view("V16"))) == orbits(classes, len(ops))


def test_keys_partition_cells_as_brute_force_does():
    rng = np.random.default_rng(0)
    codes = SPACE.sample(4000, rng)
    codes[:, :8] = codes[:, :8] % 2  # two ops alone, so that many of these cells are equivalent
    codes[:, 16:] = codes[0, 16:]
    forms = [tuple(brute_form(SPACE.compact(code)[0])) for code in codes]
    keys = [key.tobytes() for key in SPACE.canonical_keys(codes)]
    assert len(set(forms)) < 3800
    assert len(set(zip(forms, keys, strict=True))) == len(set(forms)) == len(set(keys))


@given(architectures, seeds)
@settings(max_examples=150, deadline=None)
def test_renaming_and_swapping_inputs_change_nothing(architecture, seed):
    rng = np.random.default_rng(seed)
    renamed = []
    for cell in architecture:
        choices = renamings(cell)
        chosen = choices[rng.integers(len(choices))]
        pairs = [chosen[place : place + 2] for place in range(0, 8, 2)]
        renamed.append(tuple(entry for pair in pairs for entry in (pair if rng.random() < 0.5 else pair[::-1])))
    one, other = code_of(*architecture), code_of(*renamed)
    assert SPACE.canonical_key(one) == SPACE.canonical_key(other)
    both = np.stack([one, other])
    first, second = SPACE.canonical_codes(both)
    assert np.array_equal(first, second)
    graphs = SPACE.canonical_graphs(both)
    assert graphs.take(np.array([0])).equals(graphs.take(np.array([1])))


@given(architectures)
@settings(max_examples=60, deadline=None)
def test_another_op_is_another_architecture(architecture):
    # Renaming keeps the number of each op, so no change of a single op can be undone by it.
    code = code_of(*architecture)
    keys = SPACE.canonical_keys(np.concatenate([code[None], SPACE.neighbours(code)[:96]]))
    assert not (keys[1:] == keys[0]).all(axis=1).any()


@given(architectures)
@settings(max_examples=30, deadline=None)
def test_another_parent_is_another_architecture_unless_it_is_a_renaming(architecture):
    code = code_of(*architecture)
    moved = SPACE.neighbours(code)[96:]
    same_key = (SPACE.canonical_keys(moved) == SPACE.canonical_keys(code[None])).all(axis=1)
    here = [brute_form(cell) for cell in SPACE.compact(code)]
    assert same_key.tolist() == [[brute_form(cell) for cell in SPACE.compact(other)] == here for other in moved]


def test_inputs_and_cells_are_not_interchangeable():
    chain = ((0, 3), (1, 4), (0, 1), (2, 2), (2, 5), (3, 6), (0, 0), (4, 1))
    mirrored = tuple((1 - parent if parent < 2 else parent, op) for parent, op in chain)
    other = ((0, 0), *chain[1:])
    keys = {
        SPACE.canonical_key(code_of(*both))
        for both in ((chain, chain), (mirrored, chain), (chain, other), (other, chain))
    }
    assert len(keys) == 4


def test_the_canonical_code_is_an_equivalent_code_and_stays():
    codes = SPACE.sample(2000, np.random.default_rng(1))
    canonical = SPACE.check(SPACE.canonical_codes(codes))
    assert np.array_equal(SPACE.canonical_codes(canonical), canonical)
    assert np.array_equal(SPACE.canonical_keys(canonical), SPACE.canonical_keys(codes))
    for code, other in zip(codes[:200], canonical, strict=False):
        for cell, least in zip(SPACE.compact(code), SPACE.compact(other), strict=True):
            assert brute_form(cell) == brute_form(least)
    assert SPACE.canonical_graphs(codes).equals(SPACE.graphs(canonical))


def test_keys_hold_both_cells_exactly():
    codes = SPACE.sample(3000, np.random.default_rng(2))
    keys = SPACE.canonical_keys(codes)
    assert keys.shape == (3000, 16)
    assert keys.dtype == np.uint8
    numbers = [(int.from_bytes(key[:8].tobytes(), "big"), int.from_bytes(key[8:].tobytes(), "big")) for key in keys]
    assert all(0 <= number < 180 * 7**8 for pair in numbers for number in pair)
    assert keys[7].tobytes() == SPACE.canonical_key(codes[7])
    swapped = SPACE.canonical_keys(np.roll(codes, 16, axis=1))
    assert np.array_equal(swapped, np.roll(keys, 8, axis=1))
    assert SPACE.canonical_keys(codes[:0]).shape == (0, 16)


def test_invalid_codes_have_no_key():
    with pytest.raises(ArchitectureError, match="node 5: parents 4 and 4"):
        SPACE.canonical_keys([[0] * 8 + [0, 1, 0, 1, 0, 1, 4, 4] + [0] * 8 + [0, 1, 0, 1, 0, 1, 0, 1]])
