import itertools
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from nb301_ogb import get_space
from nb301_ogb.errors import ArchitectureError, DatasetNameError
from nb301_ogb.spaces import space_names
from nb301_ogb.spaces.graphs import GraphTable, pointers
from nb301_ogb.spaces.nasbench201 import EDGES, OPS, SPACE, NasBench201

BEST = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"
TABLE = SPACE.table()
a_code = st.lists(st.integers(0, 4), min_size=6, max_size=6).map(lambda digits: np.array(digits, dtype=np.uint8))


def digits(text):
    return np.array([int(digit) for digit in text], dtype=np.uint8)


def test_the_table_counts_in_digits():
    np.testing.assert_array_equal(TABLE, list(itertools.product(range(5), repeat=6)))
    np.testing.assert_array_equal(SPACE.index(TABLE[::-1]), np.arange(SPACE.size)[::-1])


def test_a_large_space_has_no_table():
    darts = get_space("darts")
    assert SPACE.has_table
    assert not darts.has_table
    for ask in (darts.table, lambda: darts.index(darts.sample(2, np.random.default_rng(0)))):
        with pytest.raises(ArchitectureError, match="no table of all of them"):
            ask()


def without_path(code):
    """Whether no way of ops leads from node 0 to node 3, by following the edges."""
    reached = {0}
    for (source, target), op in zip(EDGES, code, strict=True):
        if op and source in reached:
            reached.add(target)
    return 3 not in reached


def test_the_space_is_found_by_its_name():
    assert get_space("nasbench201") is SPACE
    assert isinstance(SPACE, NasBench201)
    assert "nasbench201" in space_names()
    assert repr(SPACE) == "<search space nasbench201: 15625 architectures>"
    with pytest.raises(DatasetNameError, match=r"no search space 'nb201'.*nasbench201"):
        get_space("nb201")


def test_the_table_holds_every_code_once_in_the_order_of_its_digits():
    assert TABLE.shape == (SPACE.size, 6) == (15_625, 6)
    assert TABLE.dtype == np.uint8
    assert [int("".join(map(str, code)), 5) for code in TABLE.tolist()] == list(range(15_625))
    assert np.array_equal(SPACE.index(TABLE), np.arange(15_625))
    assert SPACE.index([[3, 3, 3, 1, 3, 2]]) == int("333132", 5)


def test_vocabularies():
    assert SPACE.node_feat_dims == (3, 1)
    assert SPACE.edge_feat_dims == (5,)
    assert SPACE.canonical_node_feat_dims == (8, 1)
    assert SPACE.code_limits.tolist() == [5] * 6
    assert SPACE.edge_types == OPS == ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")


def test_the_string_of_the_best_architecture():
    code = digits("333132")
    assert SPACE.genotype(code) == BEST
    assert SPACE.forms(code) == {"string": BEST, "digits": "333132"}
    assert np.array_equal(SPACE.parse(BEST), code)
    for form, example in SPACE.genotype_forms.items():
        assert SPACE.forms(SPACE.parse(example))[form] == example


def test_every_code_comes_back_from_each_of_its_text_forms():
    for code in TABLE:
        forms = SPACE.forms(code)
        assert set(forms) == set(SPACE.genotype_forms)
        for text in forms.values():
            assert np.array_equal(SPACE.parse(text), code)
        assert SPACE.genotype(code) == forms["string"]


@given(a_code)
def test_every_other_form_that_parse_reads(code):
    names = [OPS[digit] for digit in code]
    forms = [code, code.tolist(), tuple(code), tuple(code.tolist()), code.tobytes(), code.astype(np.int64), names]
    forms += [np.array(names), [str(digit) for digit in code], [*names[:3], *code[3:].tolist()]]
    forms += [f"  {SPACE.genotype(code)}\n", np.str_("".join(map(str, code)))]
    for form in forms:
        parsed = SPACE.parse(form)
        assert parsed.dtype == np.uint8
        assert np.array_equal(parsed, code), form


@pytest.mark.parametrize(
    ("architecture", "words"),
    [
        ("333135", ["2->3", "'5'", "0 none", "4 avg_pool_3x3"]),
        (BEST.replace("skip_connect", "sep_conv_3x3"), ["0->3", "'sep_conv_3x3'", "1 skip_connect"]),
        (BEST.replace("nor_conv_1x1~2", "nor_conv_1x1~1"), ["no architecture of nasbench201", "|op~0|+|op~0|op~1|"]),
        ("33313", ["six digits from 0 to 4"]),
        ("3331322", ["six digits from 0 to 4"]),
        ("٣٣٣١٣٢", ["six digits from 0 to 4"]),
        ("", ["six digits from 0 to 4"]),
        ("x" * 10_000, ["six digits from 0 to 4", "..."]),
        ([0, 1, 2, 3, 4], ["needs six ops"]),
        ([0, 1, 2, 3, 4, 5], ["2->3", "5", "allowed are"]),
        ([0, 1, -1, 3, 4, 4], ["1->2", "-1"]),
        ([0, 1.0, 2, 3, 4, 4], ["0->2", "1.0"]),
        ([True, 1, 2, 3, 4, 4], ["0->1", "True"]),
        ([0, 1, None, 3, 4, 4], ["1->2", "None"]),
        ([[0, 1], [2], [3], 4, 4, 4], ["needs six ops"]),
        ([(0, 1)] * 6, ["needs six ops"]),
        (np.zeros((6, 2), dtype=np.uint8), ["needs six ops"]),
        (b"333132", ["0->1", "51"]),
        (333132, ["needs six ops"]),
        (None, ["needs six ops"]),
        ({"0->1": 3}, ["needs six ops"]),
    ],
)
def test_what_is_no_architecture_is_named_with_what_is_allowed(architecture, words):
    with pytest.raises(ArchitectureError) as raised:
        SPACE.parse(architecture)
    message = str(raised.value)
    assert isinstance(raised.value, ValueError)
    assert all(word in message for word in words), message
    assert "\n" not in message
    assert len(message) < 400


@pytest.mark.parametrize(
    ("codes", "words"),
    [
        ([[0, 1, 2, 3, 4, 4], [0, 1, 5, 3, 4, 4]], ["row 1, column 2", "holds 5", "0 to 4"]),
        ([[0, -1, 2, 3, 4, 4]], ["row 0, column 1", "holds -1", "0 to 4"]),
        ([0, 1, 2, 3, 4, 4], ["[architectures, 6]", "[6]"]),
        (np.zeros((2, 7), dtype=np.uint8), ["[architectures, 6]", "[2, 7]"]),
        (np.zeros((2, 6)), ["integers", "float64"]),
        (np.zeros((2, 6), dtype=bool), ["integers", "bool"]),
        ([[0, 1, 2, 3, 4, 4], [0]], ["6 integers"]),
        (np.full((1, 6), 2**64 - 1, dtype=np.uint64), ["row 0, column 0", "0 to 4"]),
    ],
)
def test_a_wrong_table_of_codes_is_refused_by_every_method(codes, words):
    methods = [SPACE.check, SPACE.graphs, SPACE.canonical_keys, SPACE.canonical_graphs, SPACE.connected, SPACE.index]
    methods.append(lambda codes: SPACE.mutate(codes, np.random.default_rng(0)))
    for method in methods:
        with pytest.raises(ArchitectureError) as raised:
            method(codes)
        assert all(word in str(raised.value) for word in words), str(raised.value)


def test_a_table_without_rows_is_legal():
    empty = np.empty((0, 6))
    assert SPACE.check(empty).shape == (0, 6)
    assert len(SPACE.graphs(empty)) == 0
    assert SPACE.codes(SPACE.graphs(empty)).shape == (0, 6)
    assert SPACE.canonical_keys(empty).shape == (0, 16)
    assert len(SPACE.canonical_graphs(empty)) == 0
    assert SPACE.mutate(empty, np.random.default_rng(0)).shape == (0, 6)


# Graphs


def test_the_graph_of_one_code_by_hand():
    graph = SPACE.graphs(digits("301042")[None])[0]
    assert graph["num_nodes"] == 4
    assert graph["node_feat"].tolist() == [[0, 0], [1, 0], [1, 0], [2, 0]]
    assert graph["edge_index"].tolist() == [[0, 1, 1, 2], [1, 2, 3, 3]]
    assert graph["edge_feat"].tolist() == [[3], [1], [4], [2]]
    assert {array.dtype for name, array in graph.items() if name != "num_nodes"} == {np.dtype(np.int64)}


def test_every_code_comes_back_from_its_graph():
    graphs = SPACE.graphs(TABLE)
    assert np.array_equal(SPACE.codes(graphs), TABLE)
    assert np.array_equal(np.diff(graphs.node_ptr), np.full(15_625, 4))
    assert np.array_equal(np.diff(graphs.edge_ptr), (TABLE > 0).sum(axis=1))
    source, target = graphs.edge_index
    assert (source < target).all()
    position = 100 * graphs.graph_of_edge() + 10 * target + source
    assert (np.diff(position) > 0).all(), "edges are ordered by (target, source)"


def test_edges_in_any_order_decode():
    graphs = SPACE.graphs(TABLE)
    owner = graphs.graph_of_edge()
    order = np.lexsort((np.random.default_rng(0).random(len(owner)), owner))
    shuffled = GraphTable(
        graphs.node_ptr, graphs.edge_ptr, graphs.node_feat, graphs.edge_index[:, order], graphs.edge_feat[order]
    )
    assert not shuffled.equals(graphs)
    assert np.array_equal(SPACE.codes(shuffled), TABLE)


@pytest.mark.parametrize(
    ("edges", "ops", "words"),
    [
        ([(1, 0)], [2], ["graph 1", "lower to a higher node"]),
        ([(0, 1), (0, 1)], [2, 2], ["graph 1", "at most one for each pair"]),
        ([(0, 4)], [2], ["graph 1"]),
        ([(-1, 1)], [2], ["graph 1"]),
        ([(2, 2)], [2], ["graph 1"]),
        ([(0, 1)], [0], ["graph 1", "op from 1 to 4"]),
        ([(0, 1)], [5], ["graph 1", "op from 1 to 4"]),
        ([(0, 1)], [257], ["graph 1", "op from 1 to 4"]),
    ],
)
def test_edges_that_no_code_has_are_refused(edges, ops, words):
    fine = SPACE.graphs(digits("333132")[None])
    broken = GraphTable(
        4 * np.arange(3),
        pointers([6, len(edges)]),
        np.tile(fine.node_feat, (2, 1)),
        np.concatenate([fine.edge_index, np.array(edges).T], axis=1),
        np.concatenate([fine.edge_feat[:, 0], ops])[:, None],
    )
    with pytest.raises(ArchitectureError) as raised:
        SPACE.codes(broken)
    assert all(word in str(raised.value) for word in words), str(raised.value)


def test_nodes_or_columns_that_no_code_has_are_refused():
    graphs = SPACE.graphs(TABLE[:3])
    swapped = graphs.node_feat.copy()
    swapped[[4, 5]] = swapped[[5, 4]]
    other_cell = graphs.node_feat.copy()
    other_cell[8, 1] = 1
    for nodes, row in ((swapped, 1), (other_cell, 2), (graphs.node_feat[:, :1], 0)):
        with pytest.raises(ArchitectureError, match=f"graph {row} is no graph.*input, intermediate, intermediate"):
            SPACE.codes(GraphTable(graphs.node_ptr, graphs.edge_ptr, nodes, graphs.edge_index, graphs.edge_feat))
    fewer = GraphTable(
        np.array([0, 4, 8, 11]), graphs.edge_ptr, graphs.node_feat[:11], graphs.edge_index, graphs.edge_feat
    )
    with pytest.raises(ArchitectureError, match="graph 2"):
        SPACE.codes(fewer)
    directions = np.zeros((len(graphs.edge_feat), 2), dtype=np.int64)
    for columns in (directions, directions[:, :0]):
        with pytest.raises(ArchitectureError, match="one edge column"):
            SPACE.codes(GraphTable(graphs.node_ptr, graphs.edge_ptr, graphs.node_feat, graphs.edge_index, columns))


# Moves


def test_sample_is_uniform():
    codes = SPACE.sample(60_000, np.random.default_rng(0))
    assert codes.dtype == np.uint8
    counts = np.stack([np.bincount(column, minlength=5) for column in codes.T])
    assert counts.shape == (6, 5)
    assert all(chisquare(row).pvalue > 1e-3 for row in counts)
    pairs = np.bincount(25 * codes[:, 0] + 5 * codes[:, 3] + codes[:, 5], minlength=125)
    assert chisquare(pairs).pvalue > 1e-3
    assert np.array_equal(codes[:100], SPACE.sample(60_000, np.random.default_rng(0))[:100])
    assert SPACE.sample(0, np.random.default_rng(0)).shape == (0, 6)


def test_neighbours_are_the_24_codes_with_one_other_op_and_symmetric():
    for code in SPACE.sample(50, np.random.default_rng(1)):
        found = SPACE.neighbours(code)
        assert found.shape == (24, 6)
        assert found.dtype == np.uint8
        assert len(np.unique(found, axis=0)) == 24
        assert ((found != code).sum(axis=1) == 1).all()
        assert all((SPACE.neighbours(other) == code).all(axis=1).any() for other in found)


def test_mutate_is_uniform_over_the_neighbours_and_leaves_its_input_alone():
    code = digits("021043")
    many = np.tile(code, (48_000, 1))
    moved = SPACE.mutate(many, np.random.default_rng(2))
    assert (many == code).all()
    neighbours = SPACE.neighbours(code)
    counts = np.array([(moved == other).all(axis=1).sum() for other in neighbours])
    assert counts.sum() == 48_000
    assert chisquare(counts).pvalue > 1e-3
    assert np.array_equal(moved, SPACE.mutate(many, np.random.default_rng(2)))


def test_341_architectures_have_no_path():
    connected = SPACE.connected(TABLE)
    assert np.array_equal(~connected, [without_path(code) for code in TABLE.tolist()])
    assert (~connected).sum() == 341


def test_genotypes_look_as_people_write_them():
    form = re.compile(r"\|\w+~0\|\+\|\w+~0\|\w+~1\|\+\|\w+~0\|\w+~1\|\w+~2\|")
    assert all(form.fullmatch(SPACE.genotype(code)) for code in TABLE[::97])
