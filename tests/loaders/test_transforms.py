import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import Batch, Data
from torch_geometric.loader import DataLoader
from torch_geometric.transforms import Compose, Constant, ToUndirected

from nb301_ogb import get_space
from nb301_ogb.errors import ArchitectureError
from nb301_ogb.loaders.in_memory import GraphTableDataset
from nb301_ogb.loaders.transforms import AddReverseEdges, Canonical, OpsOnNodes, as_table_transforms, steps_of
from nb301_ogb.spaces.graphs import GraphTable

SPACES = ("nasbench201", "darts")
NB201 = get_space("nasbench201")


def chains(space):
    """Every sensible use of the transforms on the graphs of a space."""
    found = {
        "reverse": [AddReverseEdges()],
        "nodes": [OpsOnNodes(space)],
        "canonical": [Canonical(space)],
        "nodes, reverse": [OpsOnNodes(space), AddReverseEdges()],
        "canonical, reverse": [Canonical(space), AddReverseEdges()],
    }
    return found | ({"canonical, nodes": [Canonical(space), OpsOnNodes(space)]} if space == "darts" else {})


CASES = [(space, chain) for space in SPACES for chain in chains(space)]


def items_of(graphs, **more):
    """Each graph as an item of its own, made without the package's loaders."""
    found = []
    for row in range(len(graphs)):
        graph = graphs[row]
        arrays = {"x": "node_feat", "edge_index": "edge_index", "edge_attr": "edge_feat"}
        item = Data(**{name: torch.from_numpy(graph[key]) for name, key in arrays.items()}, **more)
        item.num_nodes = graph["num_nodes"]
        item.y = torch.tensor([[float(row)]])
        found.append(item)
    return found


def codes_of(space, seed, rows):
    codes = get_space(space).sample(rows, np.random.default_rng(seed))
    if space == "nasbench201" and rows > 1:
        codes[:: 1 + seed % 3] *= codes[:: 1 + seed % 3] > 2  # few edges, often none
    return codes


def assert_same_batch(one, other):
    assert type(one) is type(other)
    keys = set(one.keys())
    assert keys == set(other.keys())
    for key in keys:
        if isinstance(one[key], torch.Tensor):
            assert one[key].dtype == other[key].dtype, key
            assert one[key].shape == other[key].shape, key
            assert torch.equal(one[key], other[key]), key
        else:
            assert one[key] == other[key], key
    for name in ("_slice_dict", "_inc_dict"):
        mine, theirs = getattr(one, name), getattr(other, name)
        assert set(mine) == set(theirs), name
        for key in mine:
            assert torch.equal(torch.as_tensor(mine[key]), torch.as_tensor(theirs[key])), (name, key)
    assert one._store._num_nodes == other._store._num_nodes
    assert one.num_graphs == other.num_graphs
    for mine, theirs in zip(one.to_data_list(), other.to_data_list(), strict=True):
        mine, theirs = mine.to_dict(), theirs.to_dict()
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(torch.as_tensor(mine[key]), torch.as_tensor(theirs[key])) for key in mine)


# By hand


def by_hand():
    """conv3 0->1, skip 1->2, pool 1->3, conv1 2->3."""
    return items_of(NB201.graphs(NB201.parse("301042")[None]))[0]


def test_reverse_edges_by_hand():
    data = AddReverseEdges()(by_hand())
    assert data.edge_index.tolist() == [[0, 1, 1, 2, 1, 2, 3, 3], [1, 2, 3, 3, 0, 1, 1, 2]]
    assert data.edge_attr.tolist() == [[3, 0], [1, 0], [4, 0], [2, 0], [3, 1], [1, 1], [4, 1], [2, 1]]
    assert data.x.tolist() == by_hand().x.tolist()


def test_ops_on_nodes_by_hand():
    data = OpsOnNodes("nasbench201")(by_hand())
    # The old nodes, then the ops of 0->1, 1->2, 1->3 and 2->3 as nodes 4 to 7.
    assert data.x.tolist() == [[0, 0], [1, 0], [1, 0], [2, 0], [6, 0], [4, 0], [7, 0], [5, 0]]
    assert data.edge_index.tolist() == [[4, 5, 6, 7, 0, 1, 1, 2], [1, 2, 3, 3, 4, 5, 6, 7]]
    assert data.edge_attr.tolist() == [[1]] * 8
    assert data.num_nodes == 8


def test_canonical_by_hand():
    data = Canonical("nasbench201")(by_hand())
    # The output is pool(c) + conv1(c) with c = conv3(input).
    assert data.x[[0, 1, -1]].tolist() == [[0, 0], [6, 0], [2, 0]]
    assert sorted(data.x[2:4, 0].tolist()) == [5, 7]
    assert data.edge_index.tolist() == [[0, 1, 1, 2, 3], [1, 2, 3, 4, 4]]
    assert data.edge_attr.tolist() == [[1]] * 5


def test_ops_on_nodes_of_darts_keep_concat_and_stack_edges():
    space = get_space("darts")
    codes = space.sample(1, np.random.default_rng(0))
    before = items_of(space.graphs(codes))[0]
    after = OpsOnNodes(space)(before)
    is_op = torch.isin(before.edge_attr[:, 0], torch.tensor(space.op_edge_types))
    assert is_op.sum() == 16
    assert after.num_nodes == 14 + 16
    assert after.num_edges == 26 + 16
    kept = {(*edge, kind) for edge, kind in zip(before.edge_index.t()[~is_op].tolist(),
                                                 before.edge_attr[~is_op, 0].tolist(), strict=True)}  # fmt: skip
    now = {
        (*edge, kind) for edge, kind in zip(after.edge_index.t().tolist(), after.edge_attr[:, 0].tolist(), strict=True)
    }
    assert kept <= now
    for number, edge in enumerate(is_op.nonzero().ravel().tolist()):
        source, target = before.edge_index[:, edge].tolist()
        op = 14 + number
        assert {(source, op, space.identity_edge_type), (op, target, space.identity_edge_type)} <= now
        assert after.x[op].tolist() == [len(space.node_types) + int(before.edge_attr[edge]), int(before.x[target, 1])]


@pytest.mark.parametrize("space", SPACES)
def test_canonical_makes_equivalent_architectures_equal(space):
    codes = codes_of(space, 0, 200)
    graphs = Canonical(space).table(get_space(space).graphs(codes))
    assert graphs.equals(get_space(space).canonical_graphs(codes))
    near = np.concatenate([get_space(space).neighbours(code) for code in codes[:40]])
    if space == "darts":  # where hardly two neighbours are equivalent
        near = np.concatenate([codes, get_space(space).canonical_codes(codes)])
    keys = get_space(space).canonical_keys(near)
    found = Canonical(space).table(get_space(space).graphs(near))
    by_key: dict[bytes, list[int]] = {}
    for row, key in enumerate(keys):
        by_key.setdefault(key.tobytes(), []).append(row)
    pairs = [rows[:2] for rows in by_key.values() if len(rows) > 1]
    assert pairs
    for one, other in pairs:
        first, second = found[one], found[other]
        assert all(np.array_equal(first[name], second[name]) for name in ("node_feat", "edge_index", "edge_feat"))


# One graph, a batch, and a table


@pytest.mark.parametrize(("space", "chain"), CASES)
@given(seed=st.integers(0, 10**6), rows=st.integers(1, 7))
@settings(max_examples=25)
def test_a_graph_a_batch_and_a_table_agree(space, chain, seed, rows):
    transform = Compose(chains(space)[chain])
    graphs = get_space(space).graphs(codes_of(space, seed, rows))
    items = items_of(graphs)
    single = [transform(item) for item in items]
    whole = graphs
    for step in transform.transforms:
        whole = step.table(whole)
    for mine, theirs in zip(single, items_of(whole), strict=True):
        assert all(torch.equal(mine[key], theirs[key]) for key in ("x", "edge_index", "edge_attr", "y"))
        assert mine.num_nodes == theirs.num_nodes
        assert mine.validate()
    assert_same_batch(transform(Batch.from_data_list(items)), Batch.from_data_list(single))


@pytest.mark.parametrize("chain", chains("nasbench201"))
def test_batches_of_graphs_without_an_edge(chain):
    transform = Compose(chains("nasbench201")[chain])
    for rows in (1, 3):
        items = items_of(NB201.graphs(np.zeros((rows, 6), dtype=np.uint8)))
        changed = transform(Batch.from_data_list(items))
        assert_same_batch(changed, Batch.from_data_list([transform(item) for item in items]))
        assert changed.edge_index.shape == (2, 0)
        assert changed.edge_index.dtype == changed.edge_attr.dtype == torch.long


@pytest.mark.parametrize(("space", "chain"), CASES)
def test_tables_without_rows_and_of_many(space, chain):
    graphs = get_space(space).graphs(codes_of(space, 1, 500))
    for table in (graphs.take([]), graphs):
        for step in chains(space)[chain]:
            table = step.table(table)
        assert {array.dtype for array in vars(table).values()} == {np.dtype(np.int64)}
        owner = table.graph_of_edge()
        assert (table.edge_index < np.diff(table.node_ptr)[owner]).all()


@pytest.mark.parametrize(("space", "chain"), CASES)
def test_dims_are_the_vocabulary(space, chain):
    space = get_space(space)
    rows = 15_625 if space is NB201 else 3_000
    table = space.graphs(NB201.table() if space is NB201 else space.sample(rows, np.random.default_rng(0)))
    node, edge = space.node_feat_dims, space.edge_feat_dims
    for step in chains(space.name)[chain]:
        table = step.table(table)
        node, edge = step.dims(node, edge)
    assert (len(node), len(edge)) == (table.node_feat.shape[1], table.edge_feat.shape[1])
    assert (table.node_feat.max(axis=0) < node).all()
    assert (table.edge_feat.max(axis=0) < edge).all()
    assert table.node_feat[:, 0].max() == node[0] - 1 or space.name == "darts"


def test_the_batch_itself_and_the_item_stay_as_they_were():
    items = items_of(NB201.graphs(NB201.table()[9_000:9_005]))
    for transform in (AddReverseEdges(), OpsOnNodes(NB201), Canonical(NB201)):
        batch = Batch.from_data_list(items)
        before = copy.deepcopy(batch)
        transform(batch)
        assert_same_batch(batch, before)
        item = items_of(NB201.graphs(NB201.table()[9_000:9_001]))[0]
        transform(item)
        assert item.edge_index.tolist() == items[0].edge_index.tolist()
        assert item.num_nodes == 4


def test_other_attributes_stay():
    codes = NB201.table()[9_000:9_003]
    items = items_of(NB201.graphs(codes), name="one", weight=torch.ones(1))
    batch = OpsOnNodes(NB201)(Batch.from_data_list(items))
    assert batch.y.tolist() == [[0.0], [1.0], [2.0]]
    assert batch.name == ["one"] * 3
    assert [item.weight.tolist() for item in batch.to_data_list()] == [[1.0]] * 3


def test_edges_of_a_batch_in_an_order_of_their_own():
    items = items_of(NB201.graphs(NB201.table()[9_000:9_020]))
    batch = Batch.from_data_list(items)
    order = torch.cat([torch.arange(0, batch.num_edges, 2), torch.arange(1, batch.num_edges, 2)])
    shuffled = copy.copy(batch)
    shuffled.edge_index, shuffled.edge_attr = batch.edge_index[:, order], batch.edge_attr[order]
    for transform in (OpsOnNodes(NB201), Canonical(NB201)):
        mine, theirs = transform(shuffled), transform(batch)
        assert torch.equal(mine.ptr, theirs.ptr)
        assert torch.equal(torch.sort(mine.x[:, 0])[0], torch.sort(theirs.x[:, 0])[0])
        if isinstance(transform, Canonical):
            assert_same_batch(mine, theirs)


@pytest.mark.parametrize("transform", [AddReverseEdges(), OpsOnNodes(NB201), Canonical(NB201)])
@pytest.mark.parametrize("missing", ["x", "edge_index", "edge_attr"])
def test_graphs_without_features(transform, missing):
    item = by_hand()
    del item[missing]
    with pytest.raises(ArchitectureError, match=f"{type(transform).__name__} needs graphs with x, edge_index and"):
        transform(item)


def test_uses_that_make_no_sense():
    with pytest.raises(ArchitectureError, match="one edge column; put it before AddReverseEdges"):
        Compose([AddReverseEdges(), OpsOnNodes(NB201)])(by_hand())
    with pytest.raises(ArchitectureError, match="of nasbench201 whose ops are edges; in these they are nodes already"):
        Compose([OpsOnNodes(NB201), OpsOnNodes(NB201)])(by_hand())
    with pytest.raises(ArchitectureError, match="they are nodes already"):
        Compose([Canonical(NB201), OpsOnNodes(NB201)])(by_hand())
    for first in (AddReverseEdges(), OpsOnNodes(NB201), Canonical(NB201)):
        with pytest.raises(ArchitectureError, match="of nasbench201"):
            Compose([first, Canonical(NB201)])(by_hand())
    with pytest.raises(ArchitectureError):
        Canonical("darts")(by_hand())
    with pytest.raises(ValueError, match="no search space 'moon'"):
        OpsOnNodes("moon")


def test_steps():
    one, two, other = AddReverseEdges(), OpsOnNodes("darts"), Constant()
    assert as_table_transforms(None) == steps_of(None) == []
    assert as_table_transforms(one) == [one]
    assert as_table_transforms(Compose([two, Compose([one])])) == [two, one]
    assert as_table_transforms(Compose([two, other])) is None
    assert as_table_transforms(lambda data: data) is None
    assert steps_of(Compose([Compose([two, other]), one])) == [two, other, one]
    assert repr(two) == "OpsOnNodes('darts')"
    assert repr(one) == "AddReverseEdges()"
    assert repr(Canonical(NB201)) == "Canonical('nasbench201')"


def test_transforms_of_pyg_come_before_and_after():
    batch = Batch.from_data_list(items_of(NB201.graphs(NB201.table()[9_000:9_010])))
    both = Compose([AddReverseEdges(), Constant()])(batch)
    assert both.x.shape[1] == 3
    undirected = ToUndirected()(copy.copy(batch))
    after = AddReverseEdges()(undirected)
    assert after.num_edges == 2 * undirected.num_edges == 4 * batch.num_edges


def test_a_table_keeps_its_own_arrays():
    graphs = NB201.graphs(NB201.table()[9_000:9_010])
    before = GraphTable(*(array.copy() for array in vars(graphs).values()))
    for step in (AddReverseEdges(), OpsOnNodes(NB201), Canonical(NB201)):
        step.table(graphs)
    assert graphs.equals(before)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize(("space", "chain"), CASES)
def test_batches_on_a_gpu(space, chain):
    transform = Compose(chains(space)[chain])
    batch = Batch.from_data_list(items_of(get_space(space).graphs(codes_of(space, 0, 9))))
    changed = transform(batch.to("cuda"))
    assert all(changed[key].is_cuda for key in ("x", "edge_index", "edge_attr", "batch", "ptr", "y"))
    assert_same_batch(changed.to("cpu"), transform(batch.to("cpu")))


@pytest.mark.parametrize("transform", [OpsOnNodes("nasbench201"), AddReverseEdges()])
def test_followed_vectors_follow(transform):
    """What `follow_batch` adds to a batch is that of the transformed graphs."""
    keys = ["x", "edge_index", "edge_attr"]
    space = get_space("nasbench201")
    graphs = space.graphs(space.sample(7, np.random.default_rng(0)))
    found = transform(next(iter(DataLoader(GraphTableDataset(graphs), batch_size=7, follow_batch=keys))))
    made = GraphTableDataset(transform.table(graphs))
    expected = next(iter(DataLoader(made, batch_size=7, follow_batch=keys)))
    for key in keys:
        assert torch.equal(found[f"{key}_batch"], expected[f"{key}_batch"])
        assert torch.equal(found[f"{key}_ptr"], expected[f"{key}_ptr"])
