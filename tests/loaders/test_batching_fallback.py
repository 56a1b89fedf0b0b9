"""What cannot be gathered is left to PyG, batch for batch the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset, IterableDataset, Subset
from torch_geometric import EdgeIndex
from torch_geometric.data import Data, HeteroData, InMemoryDataset
from torch_geometric.loader import DataLoader

from nb301_ogb import FastDataLoader
from tests.loaders.batching_graphs import (
    ArrayDataset,
    assert_all_equal,
    assert_loads_equal,
    both_loaders,
    darts_graphs,
    from_graphs,
    nasbench201_graphs,
    ragged_graphs,
)


def graphs_with(count: int = 5, kind=Data, **extra):
    """Graphs with further attributes, each made by a function of the graph's number."""
    graphs = []
    for number in range(count):
        graph = kind(x=torch.rand(2, 1), edge_index=torch.zeros(2, number, dtype=torch.int64))
        for key, make in extra.items():
            graph[key] = make(number)
        graphs.append(graph)
    return from_graphs(graphs)


class OwnGet(ArrayDataset):
    def get(self, idx):
        data = super().get(idx)
        data.x = data.x + 1
        return data


class OwnItem(ArrayDataset):
    def __getitem__(self, idx):
        data = super().__getitem__(idx)
        return (data, idx) if isinstance(idx, int) else data


class OwnItems(ArrayDataset):
    def __getitems__(self, index):
        return [self[0] for _ in index]


class OwnLen(ArrayDataset):
    def len(self):
        return 3


class OwnIndices(ArrayDataset):
    def indices(self):
        return range(2, 5)


class ClassTransform(ArrayDataset):
    @property
    def transform(self):
        return Data.clone

    @transform.setter
    def transform(self, value):
        pass


class OwnSubset(Subset):
    def __getitems__(self, index):
        return super().__getitems__(index[::-1])


class Remembers(Data):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.__dict__["made"] = [1]


class Floating(Data):
    def __inc__(self, key, value, *args, **kwargs):
        return 0.5 if key == "x" else super().__inc__(key, value, *args, **kwargs)


class Wandering(Data):
    def __cat_dim__(self, key, value, *args, **kwargs):
        if key == "square":
            return int(10 < value.sum() < 50)
        return super().__cat_dim__(key, value, *args, **kwargs)


class Undecided(Data):
    def __inc__(self, key, value, *args, **kwargs):
        if key == "x" and value.sum() > 1:
            return np.int64(1)
        return super().__inc__(key, value, *args, **kwargs)


def rebuilt(kind, dataset):
    return kind(dataset._data, dataset.slices)


def with_transform():
    dataset = darts_graphs()
    dataset.transform = Data.clone
    return dataset


def with_get_on_the_object():
    dataset = darts_graphs()
    whole = dataset.get
    dataset.get = lambda idx: whole(0)
    return dataset


def hetero():
    graphs = []
    for n in range(4):
        graph = HeteroData()
        graph["a"].x = torch.rand(n + 1, 2)
        graph["b"].x = torch.rand(2, 2)
        graph["a", "to", "b"].edge_index = torch.zeros(2, n, dtype=torch.int64)
        graphs.append(graph)
    return from_graphs(graphs)


def counted_by_tensors():
    dataset = graphs_with()
    dataset._data.num_nodes = 10
    dataset._data._store._num_nodes = torch.full((5,), 2)
    return dataset


def square(n):
    return torch.full((3, 3), n)


CASES = {
    "a transform": with_transform,
    "get": lambda: rebuilt(OwnGet, darts_graphs()),
    "getitem": lambda: rebuilt(OwnItem, darts_graphs()),
    "getitems": lambda: rebuilt(OwnItems, darts_graphs()),
    "len": lambda: rebuilt(OwnLen, darts_graphs()),
    "indices": lambda: rebuilt(OwnIndices, darts_graphs()),
    "transform of the class": lambda: rebuilt(ClassTransform, darts_graphs()),
    "get of the object": with_get_on_the_object,
    "a subset of its own": lambda: OwnSubset(darts_graphs(), [1, 2, 3, 4]),
    "heterogeneous graphs": hetero,
    "text": lambda: graphs_with(name=str),
    "texts": lambda: graphs_with(names=lambda n: ["a", str(n)]),
    "a mapping": lambda: graphs_with(more=lambda n: {"a": torch.rand(n + 1), "b": torch.rand(2)}),
    "a list of tensors": lambda: graphs_with(more=lambda n: [torch.rand(n + 1), torch.rand(2)]),
    "a sparse tensor": lambda: graphs_with(adj=lambda n: torch.eye(2).to_sparse()),
    "an EdgeIndex": lambda: from_graphs([Data(edge_index=EdgeIndex([[0, 1], [1, 0]], sparse_size=(2, 2)))] * 3),
    "a gradient": lambda: graphs_with(w=lambda n: torch.rand(n + 1, requires_grad=True)),
    "truth values that count nodes": lambda: graphs_with(known_index=lambda n: torch.rand(2) < 0.5),
    "halves that count nodes": lambda: graphs_with(known_index=lambda n: torch.rand(2).half()),
    "the vector batch": lambda: graphs_with(batch=lambda n: torch.zeros(2, dtype=torch.int64)),
    "images in channels-last order": lambda: graphs_with(
        image=lambda n: torch.rand(1, 2, 3, 4).to(memory_format=torch.channels_last)
    ),
    "numbers of nodes in a tensor": counted_by_tensors,
    "a single graph": lambda: graphs_with(1),
    "a state of the batch": lambda: graphs_with(kind=Remembers),
    "increments of floats": lambda: graphs_with(kind=Floating),
    "increments of two kinds": lambda: graphs_with(kind=Undecided),
    "graphs in a list": lambda: list(ragged_graphs()),
    "graphs in tuples": lambda: [(graph, number) for number, graph in enumerate(ragged_graphs())],
    "two datasets": lambda: ConcatDataset([darts_graphs(), darts_graphs(4, seed=1)]),
}


@pytest.mark.filterwarnings("ignore:Sparse invariant checks")
@pytest.mark.parametrize("name", sorted(CASES))
def test_left_to_pyg(name):
    dataset = CASES[name]()
    fast, reference = both_loaders(dataset, batch_size=2, shuffle=True)
    reason = fast.fallback_reason
    assert reason
    assert "analysed" not in reason
    for number in range(2):
        torch.manual_seed(number)
        batches = list(fast)
        torch.manual_seed(number)
        expected = list(reference)
        if isinstance(batches[0], (list, tuple)):
            batches = [part for batch in batches for part in batch if not isinstance(part, torch.Tensor)]
            expected = [part for batch in expected for part in batch if not isinstance(part, torch.Tensor)]
        if name in ("heterogeneous graphs",):
            assert [str(batch.to_dict()) for batch in batches] == [str(batch.to_dict()) for batch in expected]
        elif name in ("a gradient", "a sparse tensor", "an EdgeIndex"):
            assert [str(list(batch)) for batch in batches] == [str(list(batch)) for batch in expected]
        else:
            assert_all_equal(batches, expected)


def test_excluding_what_stands_in_the_way():
    dataset = graphs_with(name=str)
    assert_loads_equal(dataset, batch_size=2, exclude_keys=["name"])
    assert_loads_equal(dataset, gathered=False, batch_size=2)


def test_a_guessed_number_of_nodes_is_pygs_guess_and_warning():
    dataset = from_graphs([Data(edge_index=torch.tensor([[0, n], [n, 0]])) for n in range(3)])
    fast, reference = both_loaders(dataset, batch_size=2)
    assert "number of nodes" in fast.fallback_reason
    with pytest.warns(UserWarning, match="num_nodes"):
        batches = list(fast)
    with pytest.warns(UserWarning, match="num_nodes"):
        expected = list(reference)
    for batch, other in zip(batches, expected, strict=True):
        assert torch.equal(batch.edge_index, other.edge_index)
        assert torch.equal(batch.batch, other.batch)


def test_a_dimension_that_depends_on_the_graph():
    dataset = graphs_with(kind=Wandering, square=square)
    fast, reference = both_loaders(dataset, batch_size=1)
    assert "square" in fast.fallback_reason
    assert_all_equal(list(fast), list(reference))


def test_what_fails_with_pyg_fails_the_same():
    dataset = darts_graphs()
    dataset.slices["x"] = dataset.slices["x"][:5]
    dataset.slices = dict(reversed(dataset.slices.items()))
    fast, reference = both_loaders(dataset, batch_size=6)
    assert fast.fallback_reason == "x is not there for every graph"
    for loader in (fast, reference):
        with pytest.raises(IndexError):
            list(loader)


@pytest.mark.parametrize(
    ("slices", "reason"),
    [
        (torch.tensor([0, 2, 1, 3]), "ascend"),
        (torch.tensor([0, 2, 4, 60]), "beyond"),
        (torch.tensor([0.0, 1, 2, 3]), "int64"),
        ([0, 1, 2, 3], "int64"),
        ({"a": torch.arange(4)}, "int64"),
    ],
)
def test_slices_that_make_no_sense(slices, reason):
    dataset = ArrayDataset(Data(y=torch.rand(3), x=torch.rand(6, 1)), {"y": torch.arange(4), "x": slices})
    assert reason in FastDataLoader(dataset).fallback_reason


@pytest.mark.parametrize("indices", [[0, -1], [0, 20], ["a"], [0.5], torch.tensor([[1]]), "text", {1: 2}])
def test_indices_that_make_no_sense(indices):
    dataset = nasbench201_graphs(20)
    dataset._indices = indices
    assert "indices" in FastDataLoader(dataset).fallback_reason


def test_a_dataset_without_arrays():
    class Empty(InMemoryDataset):
        pass

    assert FastDataLoader(Empty()).fallback_reason


class Stream(IterableDataset):
    def __iter__(self):
        return iter(ragged_graphs())


def test_streams():
    fast, reference = both_loaders(Stream(), batch_size=4)
    assert fast.fallback_reason == "Stream is no InMemoryDataset"
    assert_all_equal(list(fast), list(reference))
    fast, reference = (loader(Stream(), batch_size=4, num_workers=1) for loader in (FastDataLoader, DataLoader))
    assert_all_equal(list(fast), list(reference))


def test_a_collation_given_as_an_argument_is_ignored_as_by_pyg():
    assert_loads_equal(darts_graphs(), batch_size=3, collate_fn=len)
