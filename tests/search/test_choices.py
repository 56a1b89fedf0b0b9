"""Codes as independent choices, and points of the unit cube as codes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nb301_ogb.search.choices import Choices
from nb301_ogb.search.features import features
from nb301_ogb.spaces import get_space
from nb301_ogb.spaces.darts_cells import EDGE_NODES

SPACES = {name: get_space(name) for name in ("nasbench201", "darts")}
CHOICES = {name: Choices(space) for name, space in SPACES.items()}


def test_there_is_a_combination_for_every_code():
    assert len(CHOICES["nasbench201"]) == 6
    assert len(CHOICES["darts"]) == 22
    for name, choices in CHOICES.items():
        assert np.prod(choices.limits.astype(object)) == SPACES[name].size
        assert len(set(choices.names)) == len(choices)


@pytest.mark.parametrize("name", SPACES)
def test_choices_are_the_inverse_of_codes(name):
    codes = SPACES[name].sample(500, np.random.default_rng(0))
    found = CHOICES[name].of(codes)
    assert (found < CHOICES[name].limits).all()
    np.testing.assert_array_equal(CHOICES[name].codes(found), codes)
    one_hot = CHOICES[name].one_hot(codes)
    assert one_hot.shape == (500, CHOICES[name].limits.sum())
    np.testing.assert_array_equal(one_hot.sum(axis=1), len(CHOICES[name]))
    assert len(np.unique(one_hot, axis=0)) == len(np.unique(codes, axis=0))


@pytest.mark.parametrize("name", SPACES)
@given(data=st.data())
def test_every_vector_is_a_valid_code(name, data):
    axes = len(CHOICES[name])
    numbers = st.floats(width=64, allow_nan=True, allow_infinity=True) | st.sampled_from([0.0, 1.0, -0.0, 1 - 1e-17])
    vectors = data.draw(arrays(np.float64, (3, axes), elements=numbers))
    codes = CHOICES[name].decode(vectors)
    np.testing.assert_array_equal(SPACES[name].check(codes), codes)


@pytest.mark.parametrize("name", SPACES)
def test_equal_shares_of_an_axis(name):
    choices = CHOICES[name]
    for axis, limit in enumerate(choices.limits):
        vectors = np.zeros((limit, len(choices)))
        vectors[:, axis] = (np.arange(limit) + 0.5) / limit
        np.testing.assert_array_equal(choices.of(choices.decode(vectors))[:, axis], np.arange(limit))


@given(seed=st.integers(0, 2**32 - 1))
def test_paths_of_darts_against_a_walk(seed):
    """Ops, and sequences of two ops, that begin a path at each input, counted one by one."""
    space, choices = SPACES["darts"], CHOICES["darts"]
    code = space.sample(1, np.random.default_rng(seed))
    found = features(space, choices, code)[0]
    expected = []
    for cell in code.reshape(2, 16).astype(int):
        ops, parents = cell[:8], cell[8:]
        counts = np.zeros((2, 7 + 49))
        for edge in range(8):
            if parents[edge] > 1:
                continue
            counts[parents[edge], ops[edge]] += 1
            for onward in range(8):
                if parents[onward] == EDGE_NODES[edge]:
                    counts[parents[edge], 7 + 7 * ops[edge] + ops[onward]] += 1
        expected.append(counts.ravel())
    np.testing.assert_array_equal(found[int(choices.limits.sum()) :], np.concatenate(expected))
