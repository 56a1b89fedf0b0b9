import copy
import io
import os
import pickle
import warnings

import numpy as np
import pytest
import torch
from torch_geometric.data import Batch, InMemoryDataset
from torch_geometric.loader import DataLoader
from torch_geometric.transforms import Compose, Constant

from nb301_ogb import GraphPropPredDataset, PygGraphPropPredDataset
from nb301_ogb.errors import ArchitectureError
from nb301_ogb.loaders.transforms import AddReverseEdges, Canonical, OpsOnNodes
from nb301_ogb.spaces.nasbench201 import SPACE

NAME = "ogbg-nb201-cifar10"
CHAINS = {
    "reverse": [AddReverseEdges()],
    "nodes": [OpsOnNodes(SPACE)],
    "canonical": [Canonical(SPACE)],
    "nodes, reverse": [OpsOnNodes(SPACE), AddReverseEdges()],
}


@pytest.fixture(scope="module")
def dataset():
    return PygGraphPropPredDataset(NAME)


@pytest.fixture
def small(small_root):
    """Makes the dataset of 150 rows, the first of which has no edge."""

    def make(**arguments):
        return PygGraphPropPredDataset(NAME, small_root, **arguments)

    return make


def same(one, other):
    one, other = one.to_dict(), other.to_dict()
    return one.keys() == other.keys() and all(
        torch.equal(torch.as_tensor(one[k]), torch.as_tensor(other[k])) for k in one
    )


def many_edges(data):
    return data.num_edges >= 4


def test_items_are_those_of_the_other_class(dataset):
    plain = GraphPropPredDataset(NAME)
    for row in [0, 1, 15_624, *range(7, 15_000, 501)]:
        graph, label = plain[row]
        item = dataset[row]
        assert item.x.tolist() == graph["node_feat"].tolist()
        assert item.edge_index.tolist() == graph["edge_index"].tolist()
        assert item.edge_attr.tolist() == graph["edge_feat"].tolist()
        assert item.y.tolist() == [label.tolist()]
        assert item.num_nodes == graph["num_nodes"]


def test_the_layout_in_memory_is_that_of_a_collation(small):
    dataset = small()
    data, slices = InMemoryDataset.collate([dataset[row] for row in range(len(dataset))])
    assert same(dataset._data, data)
    assert dataset._data._store._num_nodes == data._store._num_nodes
    assert slices.keys() == dataset.slices.keys()
    assert all(torch.equal(slices[key], dataset.slices[key]) for key in slices)


def test_targets_and_runs(small):
    dataset = small(targets=("val_accuracy", "num_params"), runs="all")
    assert dataset.num_tasks == 4
    assert dataset[0].y.shape == (1, 4)
    assert dataset[0].y.dtype == torch.float32
    one = small(targets="val_accuracy", runs=1)
    assert torch.equal(one._data.y[:, 0], dataset._data.y[:, 1])


# Filters and transforms


def test_a_filter_leaves_rows_out_and_splits_name_those_that_are_left(dataset, small):
    whole, kept = small(), small(pre_filter=many_edges)
    keep = (whole.codes > 0).sum(axis=1) >= 4
    assert 0 < len(kept) == keep.sum() < len(whole)
    assert np.array_equal(kept.codes, whole.codes[keep])
    assert all(item.num_edges >= 4 for item in kept)
    for split in ("equivalence", "random", "few_shot_1563"):
        before, after = whole.get_idx_split(split), kept.get_idx_split(split)
        for part, rows in after.items():
            wanted = before[part][torch.from_numpy(keep)[before[part]]]
            assert rows.dtype == torch.long
            assert np.array_equal(kept.codes[rows], whole.codes[wanted])
            assert [same(kept[a], whole[b]) for a, b in zip(rows.tolist(), wanted.tolist(), strict=True)].count(
                False
            ) == 0


def test_a_filter_that_keeps_everything_or_nothing(small):
    whole = small()
    assert torch.equal(small(pre_filter=lambda _: True).get_idx_split()["train"], whole.get_idx_split()["train"])
    for transform in (None, AddReverseEdges(), lambda data: data):
        none = small(pre_filter=lambda _: False, pre_transform=transform)
        assert len(none) == 0
        assert list(none) == []
        assert none.codes.shape == (0, 6)
        assert {part: len(rows) for part, rows in none.get_idx_split().items()} == {"train": 0, "valid": 0, "test": 0}


def test_a_filter_that_keeps_one(small):
    one = small(pre_filter=lambda data: data.num_edges == 0)
    assert len(one) == 1
    assert one[0].edge_index.shape == (2, 0)
    assert one[0].num_nodes == 4
    assert one[0].y.shape == (1, 1)


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("keep", [None, many_edges])
def test_a_transform_beforehand_is_the_same_graph_by_graph(small, chain, keep):
    transform = Compose(CHAINS[chain])
    table = small(pre_transform=transform, pre_filter=keep)
    one_by_one = small(pre_transform=lambda data: transform(data), pre_filter=keep)
    later = small(transform=transform, pre_filter=keep)
    assert len(table) == len(one_by_one) == len(later)
    assert all(same(a, b) and same(a, c) for a, b, c in zip(table, one_by_one, later, strict=True))
    assert np.array_equal(table.codes, one_by_one.codes)


def test_a_filter_sees_the_graph_before_it_is_transformed(small):
    seen = []
    small(pre_filter=lambda data: seen.append(data.edge_attr.shape[1]) or True, pre_transform=AddReverseEdges())
    assert set(seen) == {1}


@pytest.mark.parametrize(
    ("transform", "node", "edge"),
    [
        (None, (3, 1), (5,)),
        (AddReverseEdges(), (3, 1), (5, 2)),
        (Compose([OpsOnNodes(SPACE), AddReverseEdges()]), (8, 1), (5, 2)),
        (Canonical(SPACE), (8, 1), (5,)),
        (Compose([AddReverseEdges(), lambda data: data]), (3, 1), (5, 2)),
        (Compose([lambda data: data, Compose([OpsOnNodes(SPACE)])]), (8, 1), (5,)),
    ],
)
def test_vocabularies_after_the_transform(small, transform, node, edge):
    dataset = small(pre_transform=transform)
    assert (dataset.node_feat_dims, dataset.edge_feat_dims) == (node, edge)
    assert (dataset._data.x.max(dim=0).values < torch.tensor(node)).all()
    assert (dataset._data.edge_attr.max(dim=0).values < torch.tensor(edge)).all()
    assert dataset.num_node_features == 2
    assert dataset.num_edge_features == len(edge)


def test_a_callable_that_adds_an_attribute(small):
    dataset = small(pre_transform=Constant(cat=False))
    assert dataset[3].x.tolist() == [[1.0]] * 4

    def mark(data):
        data.mark = data.num_edges
        return data

    marked = small(pre_transform=mark)
    assert [item.mark for item in marked] == [item.num_edges for item in marked]


# What users do with a dataset


def test_indexing(dataset):
    rows = torch.tensor([3, 1, 15_624])
    mask = torch.zeros(15_625, dtype=torch.bool)
    mask[[1, 3]] = True
    for index, expected in (
        (rows, [3, 1, 15_624]), (rows.numpy(), [3, 1, 15_624]), ([3, 1], [3, 1]), (mask, [1, 3]),
        (mask.numpy(), [1, 3]), (slice(5, 8), [5, 6, 7]), (slice(-2, None), [15_623, 15_624]), (range(2), [0, 1]),
        (slice(0, 9, 4), [0, 4, 8]), (torch.tensor([], dtype=torch.long), []), (-1, None),
    ):  # fmt: skip
        if expected is None:
            assert same(dataset[index], dataset[15_624])
            continue
        part = dataset[index]
        assert isinstance(part, PygGraphPropPredDataset)
        assert np.array_equal(part.codes, SPACE.table()[expected].reshape(-1, 6))
        assert [same(item, dataset[row]) for item, row in zip(part, expected, strict=True)].count(False) == 0
        assert part.num_tasks == 1
    nested = dataset[100:200][torch.tensor([5, 7])]
    assert np.array_equal(nested.codes, SPACE.table()[[105, 107]])


@pytest.mark.parametrize("rows", [np.array([1], dtype=np.int32), np.array([1], dtype=np.uint32), "1", 1.0])
def test_indexing_by_other_types_is_refused_as_in_pyg(dataset, rows):
    with pytest.raises(IndexError):
        dataset[rows]


def test_batches_are_those_of_a_collation(dataset):
    split = dataset.get_idx_split()
    part = dataset[split["test"]]
    loader = DataLoader(part, batch_size=512)
    seen = 0
    for batch in loader:
        rows = split["test"][seen : seen + 512]
        by_hand = Batch.from_data_list([dataset[row] for row in rows.tolist()])
        assert same(batch, by_hand)
        assert batch.y.shape == (batch.num_graphs, 1)
        assert batch.x.dtype == batch.edge_attr.dtype == batch.edge_index.dtype == torch.long
        seen += batch.num_graphs
    assert seen == len(part) == len(split["test"])


def test_batches_of_graphs_without_an_edge(dataset):
    batch = next(iter(DataLoader(dataset[[0, 0, 0]], batch_size=3)))
    assert batch.num_nodes == 12
    assert batch.edge_index.shape == (2, 0)
    assert batch.ptr.tolist() == [0, 4, 8, 12]


def test_worker_processes(small):
    dataset = small(transform=AddReverseEdges())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where this process has threads, forking warns
        found = list(DataLoader(dataset, batch_size=64, num_workers=2, multiprocessing_context="fork"))
    assert len(found) == 3
    assert all(same(a, b) for a, b in zip(found, DataLoader(dataset, batch_size=64), strict=True))


def test_copies(small):
    dataset = small(pre_transform=OpsOnNodes(SPACE), transform=AddReverseEdges(), pre_filter=many_edges)
    stream = io.BytesIO()
    torch.save(dataset, stream)
    stream.seek(0)
    for other in (
        copy.copy(dataset), copy.deepcopy(dataset), pickle.loads(pickle.dumps(dataset)),
        torch.load(stream, weights_only=False), dataset.copy(),
    ):  # fmt: skip
        assert len(other) == len(dataset)
        assert all(same(a, b) for a, b in zip(other, dataset, strict=True))
        assert other.node_feat_dims == (8, 1)
        assert torch.equal(other.get_idx_split()["test"], dataset.get_idx_split()["test"])
        assert np.array_equal(other.codes, dataset.codes)


@pytest.mark.parametrize("keep", [None, many_edges])
def test_a_copy_of_some_knows_which_they_are(small, keep):
    dataset = small(pre_filter=keep)
    rows = torch.tensor([len(dataset) - 1, 3, 7, 3])
    for chosen, other in (
        (dataset[rows], dataset.copy(rows)),
        (dataset[rows], dataset[rows].copy()),
        (dataset[rows][1:], dataset[rows].copy(torch.tensor([1, 2, 3]))),
    ):
        assert all(same(a, b) for a, b in zip(other, chosen, strict=True))
        assert np.array_equal(other.codes, chosen.codes)
    parts, whole = dataset.copy(rows).get_idx_split(), dataset.get_idx_split()
    assert sorted(torch.cat(list(parts.values())).tolist()) == [0, 1, 2, 3]
    for part, where in parts.items():
        assert set(rows[where].tolist()) <= set(whole[part].tolist())


@pytest.mark.parametrize("transform", [OpsOnNodes("darts"), Compose([Canonical("darts"), AddReverseEdges()])])
def test_a_transform_of_another_space_is_refused(transform):
    for where in ("transform", "pre_transform"):
        with pytest.raises(ArchitectureError, match="is made for darts, ogbg-nb201-cifar10 is of nasbench201"):
            PygGraphPropPredDataset("ogbg-nb201-cifar10", **{where: transform})


def test_shuffle_and_concatenation(small):
    shuffled, order = small().shuffle(return_perm=True)
    assert np.array_equal(shuffled.codes, small().codes[order])
    together = torch.utils.data.ConcatDataset([small(), small()])
    assert len(together) == 300


def test_two_datasets_do_not_share_anything(small):
    one, other = small(), small()
    one[0].y.zero_()
    one._data.y.zero_()
    assert other._data.y.min() > 0


def test_nothing_is_written(tmp_path, monkeypatch, small_root):
    monkeypatch.chdir(tmp_path)
    inside = PygGraphPropPredDataset(NAME, root="dataset", pre_transform=AddReverseEdges(), force_reload=True, log=True)
    folders = [inside.root, str(small_root), str(small_root / "ogbg_nb201_cifar10")]
    before = [sorted(os.listdir(folder)) for folder in folders]
    PygGraphPropPredDataset(NAME)[0]
    PygGraphPropPredDataset(NAME, small_root, pre_transform=lambda data: data, pre_filter=many_edges)[0]
    assert [sorted(os.listdir(folder)) for folder in folders] == before
    assert os.listdir(tmp_path) == []


def test_summary(dataset):
    summary = dataset[:100].get_summary()
    assert summary.num_graphs == 100
    assert summary.num_nodes.mean == 4
