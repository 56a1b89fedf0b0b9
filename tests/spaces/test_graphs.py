import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nb301_ogb.spaces.graphs import GraphTable, pointers, ranges


@st.composite
def graph_tables(draw):
    sizes = draw(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 5)), max_size=6))
    nodes, edges = ([size[which] for size in sizes] for which in (0, 1))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    limit = np.repeat(np.array(nodes, dtype=np.int64), edges)
    return GraphTable(
        pointers(np.array(nodes, dtype=int)),
        pointers(np.array(edges, dtype=int)),
        rng.integers(0, 9, (sum(nodes), 2)),
        rng.integers(0, limit, (2, sum(edges))),
        rng.integers(0, 9, (sum(edges), 1)),
    )


def listed(graphs):
    return [
        {name: value if name == "num_nodes" else value.tolist() for name, value in graphs[row].items()}
        for row in range(len(graphs))
    ]


@given(graph_tables(), st.data())
def test_take_gives_the_graphs_of_the_rows_in_their_order(graphs, data):
    count = len(graphs)
    rows = data.draw(st.lists(st.integers(-count, count - 1), max_size=8)) if count else []
    expected = [listed(graphs)[row] for row in rows]
    assert listed(graphs.take(np.array(rows, dtype=np.int64))) == listed(graphs.take(rows)) == expected
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=count, max_size=count)), dtype=bool)
    kept = [graph for graph, keep in zip(listed(graphs), mask, strict=True) if keep]
    assert listed(graphs.take(mask)) == kept
    assert graphs.take(np.arange(count)).equals(graphs)


@given(graph_tables())
def test_owners(graphs):
    for owner, ptr in ((graphs.graph_of_node(), graphs.node_ptr), (graphs.graph_of_edge(), graphs.edge_ptr)):
        assert owner.tolist() == [row for row in range(len(graphs)) for _ in range(ptr[row], ptr[row + 1])]


def example():
    return GraphTable(
        np.array([0, 2, 5]),
        np.array([0, 1, 3]),
        np.arange(10).reshape(5, 2),
        np.array([[0, 0, 1], [1, 1, 2]]),
        np.array([[7], [8], [9]]),
    )


def test_one_graph_is_a_dictionary_of_its_own():
    graphs = example()
    graph = graphs[1]
    assert graph["edge_index"].tolist() == [[0, 1], [1, 2]]
    assert graph["edge_feat"].tolist() == [[8], [9]]
    assert graph["node_feat"].tolist() == [[4, 5], [6, 7], [8, 9]]
    assert graph["num_nodes"] == 3
    assert type(graph["num_nodes"]) is int
    for name in ("edge_index", "edge_feat", "node_feat"):
        graph[name][:] = -1
    assert graphs.equals(example())
    assert listed(graphs)[-1] == {**listed(graphs)[1]} == listed(graphs.take([-1]))[0]
    assert [graph["num_nodes"] for graph in graphs] == [2, 3]


@pytest.mark.parametrize("row", [2, -3])
def test_rows_that_are_not_there(row):
    with pytest.raises(IndexError):
        example()[row]
    with pytest.raises(IndexError):
        example().take([0, row])


@pytest.mark.parametrize("rows", [[True], [True, False, True], [0.0, 1.0]])
def test_rows_of_the_wrong_kind(rows):
    with pytest.raises(IndexError):
        example().take(rows)


@pytest.mark.parametrize("name", ["node_ptr", "edge_ptr", "node_feat", "edge_index", "edge_feat"])
def test_equals_sees_every_array(name):
    graphs, other = example(), example()
    assert graphs.equals(other)
    getattr(other, name)[(-1,) * getattr(other, name).ndim] += 1
    assert not graphs.equals(other)
    assert not graphs.equals(graphs.take([0]))


def test_tables_are_compared_by_identity_otherwise():
    graphs = example()
    assert graphs == graphs
    assert graphs != example()
    assert len({graphs, example()}) == 2


@given(st.lists(st.integers(0, 5), max_size=8), st.data())
def test_ranges_and_pointers(lengths, data):
    ptr = pointers(np.array(lengths, dtype=int))
    assert ptr.tolist() == [sum(lengths[:row]) for row in range(len(lengths) + 1)]
    rows = data.draw(st.lists(st.integers(0, len(lengths) - 1), max_size=6)) if lengths else []
    positions, new_ptr = ranges(ptr, np.array(rows, dtype=np.int64))
    assert positions.tolist() == [place for row in rows for place in range(ptr[row], ptr[row + 1])]
    assert new_ptr.tolist() == pointers(np.array([lengths[row] for row in rows], dtype=int)).tolist()
