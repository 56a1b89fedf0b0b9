"""The DARTS space as a set: its size, its topologies, which codes belong to it, uniform samples."""

import itertools
import re

import numpy as np
import pytest

from nb301_ogb.errors import ArchitectureError
from nb301_ogb.spaces import get_space
from nb301_ogb.spaces.darts_cells import OPS, TOPOLOGY_PARENTS, join_cells, split_cells

SPACE = get_space("darts")


def longest_path(parents):
    length = {0: 1, 1: 1}
    for node in (2, 3, 4, 5):
        length[node] = 1 + max(length[parent] for parent in parents[2 * node - 4 : 2 * node - 2])
    return 1 + max(length.values())


def code(normal_ops, normal_parents, ops=(0,) * 8, parents=(0, 1, 0, 1, 0, 1, 0, 1)):
    return np.array([*normal_ops, *normal_parents, *ops, *parents])


def test_the_size_is_exact():
    assert SPACE.size == (180 * 7**8) ** 2 == 1_037_664_180**2
    assert f"{SPACE.size:.4e}" == "1.0767e+18"
    assert isinstance(SPACE.size, int)
    assert repr(SPACE) == "<search space darts: 1.07675e+18 architectures>"


def test_the_limits_count_each_column():
    limits = SPACE.code_limits
    assert limits.dtype == np.int64
    assert limits.tolist() == 2 * [7, 7, 7, 7, 7, 7, 7, 7, 1, 2, 2, 3, 3, 4, 4, 5]
    assert (SPACE.sample(5000, np.random.default_rng(0)).max(axis=0) == limits - 1).all()
    with pytest.raises(ValueError, match="read-only"):
        limits[0] = 9


def test_vocabularies():
    assert SPACE.node_feat_dims == (4, 2)
    assert SPACE.edge_feat_dims == (9,)
    assert SPACE.canonical_node_feat_dims == (4, 2)
    assert SPACE.edge_types == ("concat", *OPS, "stack")
    assert SPACE.node_types == ("input_0", "input_1", "intermediate", "output")
    assert SPACE.cells == ("normal", "reduction")


def test_the_topologies_are_all_choices_of_parents():
    expected = {
        (0, 1, *third, *fourth, *fifth)
        for third in itertools.combinations(range(3), 2)
        for fourth in itertools.combinations(range(4), 2)
        for fifth in itertools.combinations(range(5), 2)
    }
    assert len(expected) == 180
    assert {tuple(parents) for parents in TOPOLOGY_PARENTS.tolist()} == expected


def test_split_and_join_are_inverse_for_every_topology():
    topologies = np.stack([np.arange(180), np.arange(180)[::-1]], axis=1)
    ops = np.random.default_rng(1).integers(7, size=(180, 2, 8), dtype=np.uint8)
    codes = SPACE.check(join_cells(ops, topologies))
    same_ops, same_topologies = split_cells(codes)
    assert np.array_equal(same_ops, ops)
    assert np.array_equal(same_topologies, topologies)


def test_depths_of_all_topologies():
    codes = join_cells(np.zeros((180, 2, 8)), np.stack([np.arange(180), np.arange(180)[::-1]], axis=1))
    depths = SPACE.depth(codes)
    assert depths.shape == (180, 2)
    assert dict(zip(*np.unique(depths[:, 0], return_counts=True), strict=True)) == {3: 1, 4: 63, 5: 92, 6: 24}
    expected = [[longest_path(row[8:16]), longest_path(row[24:])] for row in codes.tolist()]
    assert depths.tolist() == expected


def test_samples_are_valid_and_uniform():
    codes = SPACE.check(SPACE.sample(60_000, np.random.default_rng(2)))
    ops, topologies = split_cells(codes)
    # Six standard deviations of a binomial count: a uniform sampler fails once in far more than a million seeds.
    for counts, cells in ((np.bincount(ops.reshape(-1)), 7), (np.bincount(topologies.reshape(-1), minlength=180), 180)):
        expected = counts.sum() / cells
        assert (abs(counts - expected) < 6 * np.sqrt(expected)).all()
    # The two cells, and the two ops of a node, are drawn independently.
    assert abs(np.corrcoef(topologies.T)[0, 1]) < 0.03
    assert abs(np.corrcoef(ops[:, 0].T.astype(float)) - np.eye(8)).max() < 0.03


def test_samples_come_from_the_generator_alone():
    first, again = (SPACE.sample(10, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first, again)
    assert first.dtype == np.uint8
    assert SPACE.sample(0, np.random.default_rng(0)).shape == (0, 32)


def test_check_gives_back_a_valid_table_as_bytes():
    table = SPACE.sample(7, np.random.default_rng(3))
    for dtype in (np.uint8, np.int8, np.int64, np.uint64):
        checked = SPACE.check(table.astype(dtype))
        assert checked.dtype == np.uint8
        assert np.array_equal(checked, table)
    assert SPACE.check(table.tolist()).shape == (7, 32)
    assert SPACE.check(np.zeros((0, 32))).shape == (0, 32)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (3, 7, "row 2, the normal cell, node 3: ops 0 and 7; allowed are 0 max_pool_3x3, 1 avg_pool_3x3, "),
        (16, -1, "row 2, the reduction cell, node 2: ops -1 and 0; allowed are 0 max_pool_3x3"),
        (29, 2, "row 2, the reduction cell, node 4: parents 2 and 2; allowed are two different parents from 0 to 3"),
        (29, 1, "row 2, the reduction cell, node 4: parents 2 and 1; allowed are two different parents from 0 to 3"),
        (31, 5, "row 2, the reduction cell, node 5: parents 0 and 5; allowed are two different parents from 0 to 4"),
        (9, 0, "row 2, the normal cell, node 2: parents 0 and 0; allowed are 0 and 1."),
        (10, -1, "row 2, the normal cell, node 3: parents -1 and 1; allowed are two different parents from 0 to 2"),
        (15, 300, "row 2, the normal cell, node 5: parents 0 and 300; allowed are two different parents from 0 to 4"),
    ],
)
def test_check_names_the_part_that_is_wrong(column, value, message):
    table = np.tile(code((0,) * 8, (0, 1, 0, 1, 0, 1, 0, 1), parents=(0, 1, 0, 1, 2, 3, 0, 1)), (4, 1))
    SPACE.check(table)
    table[2:, column] = value
    with pytest.raises(ArchitectureError, match=re.escape(message)):
        SPACE.check(table)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (np.zeros(32, dtype=np.uint8), "shape [architectures, 32], not of shape [32]"),
        (np.zeros((3, 31), dtype=np.uint8), "not of shape [3, 31]"),
        (np.zeros((3, 32)), "integers, not float64"),
        ([[0] * 32, [0] * 31], "rows of 32 integers each"),
    ],
)
def test_check_refuses_other_arrays(table, message):
    with pytest.raises(ArchitectureError, match=re.escape(message)):
        SPACE.check(table)
