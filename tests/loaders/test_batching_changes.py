"""Batches own their memory, and a changed dataset gives changed batches."""

from __future__ import annotations

import copy
import pickle
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch.utils.data import Subset
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader

from nb301_ogb import FastDataLoader
from nb301_ogb.loaders.batching.gatherer import Gatherer
from tests.loaders.batching_graphs import (
    ArrayDataset,
    assert_all_equal,
    assert_equal,
    darts_graphs,
    epoch,
    from_graphs,
    nasbench201_graphs,
    ragged_graphs,
)

DATASETS = {"regular": darts_graphs, "mixed": nasbench201_graphs, "ragged": ragged_graphs}


def tensors(batch) -> list[torch.Tensor]:
    held = [*batch._store.values(), *batch._slice_dict.values(), *batch._inc_dict.values()]
    return [value for value in held if isinstance(value, torch.Tensor)]


def fresh_pyg(dataset, **settings):
    """PyG's batches of the dataset as it is now, without the graphs that PyG cached before."""
    inner = dataset
    while isinstance(inner, Subset):
        inner = inner.dataset
    inner._data_list = None
    batches = list(DataLoader(dataset, **settings))
    inner._data_list = None
    return batches


@pytest.mark.parametrize("device", [None, "cpu"])
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("kind", sorted(DATASETS))
def test_writing_into_a_batch_changes_nothing_else(kind, shuffle, device):
    dataset = DATASETS[kind]()
    before = {key: value.clone() for key, value in dataset._data.to_dict().items() if isinstance(value, torch.Tensor)}
    loader = FastDataLoader(dataset, batch_size=4, shuffle=shuffle, device=device, follow_batch=["x", "edge_index"])
    expected = epoch(loader)[0]
    kept = pickle.loads(pickle.dumps(expected))
    for batch in epoch(loader)[0]:
        for value in tensors(batch):
            value.fill_(1)
        if "_num_nodes" in vars(batch._store):
            batch._store._num_nodes.clear()
        batch._slice_dict.clear()
    assert_all_equal(expected, kept)
    assert_all_equal(epoch(loader)[0], kept)
    assert all(torch.equal(dataset._data[key], value) for key, value in before.items())


@pytest.mark.parametrize("kind", sorted(DATASETS))
def test_no_two_tensors_share_memory(kind):
    dataset = DATASETS[kind]()
    whole = [value for value in dataset._data.to_dict().values() if isinstance(value, torch.Tensor)]
    batches = list(FastDataLoader(dataset, batch_size=4, follow_batch=["x", "edge_index"]))
    held = [value for batch in [whole, *map(tensors, batches)] for value in batch]
    ranges = sorted((value.data_ptr(), value.data_ptr() + value.nbytes) for value in held if value.nbytes)
    assert all(end <= begin for (_, end), (begin, _) in pairwise(ranges))
    # What is saved with a batch is the batch, not a larger block that it was cut from.
    for batch in batches:
        storages = {value.untyped_storage().data_ptr(): value.untyped_storage().nbytes() for value in tensors(batch)}
        assert sum(storages.values()) == sum(value.nbytes for value in tensors(batch))
        values = [value for value in batch._store.values() if isinstance(value, torch.Tensor)]
        assert all(value.untyped_storage().nbytes() == value.nbytes for value in values)


def write_values(dataset):
    dataset._data.y.mul_(2)


def write_through_a_view(dataset):
    dataset._data.y[2:3].fill_(5)


def write_data(dataset):
    dataset._data.y.data.mul_(2)


def write_indices(dataset):
    dataset._data.edge_index.zero_()


def replace_tensor(dataset):
    dataset._data.x = dataset._data.x + 1


def swap_data(dataset):
    dataset._data.y.data = dataset._data.y.data + 1


def replace_data(dataset):
    dataset._data = copy.copy(dataset._data)
    dataset._data.y = dataset._data.y - 1


def replace_slices(dataset):
    dataset.slices = {**dataset.slices, "edge_index": dataset.slices["edge_index"] // 2}


def write_slices(dataset):
    dataset.slices["edge_index"].floor_divide_(2)


def reorder_slices(dataset):
    dataset.slices = dict(reversed(dataset.slices.items()))


def add_attribute(dataset):
    graphs = len(dataset.slices["y"]) - 1
    dataset._data.number = torch.arange(graphs)
    dataset.slices["number"] = torch.arange(graphs + 1)


def remove_attribute(dataset):
    del dataset._data.edge_index


def replace_counts(dataset):
    dataset._data._store._num_nodes = [count + 1 for count in dataset._data._store._num_nodes]


def write_counts(dataset):
    dataset._data._store._num_nodes[3] += 2


def choose_rows(dataset):
    dataset._indices = [4, 2, 2, 1, 0, 3, 6]


def write_rows(dataset):
    dataset._indices[1] = 0


def set_transform(dataset):
    dataset.transform = Data.clone


CHANGES = [
    write_values, write_through_a_view, write_data, write_indices, replace_tensor, swap_data, replace_data,
    replace_slices, write_slices, reorder_slices, add_attribute, remove_attribute, replace_counts, write_counts,
    choose_rows, write_rows, set_transform,
]  # fmt: skip
# In the midst of an epoch, a look at every entry of a list would cost more than the batch.
SEEN_AT_ONCE = [change for change in CHANGES if change not in (swap_data, write_counts, write_rows)]


@pytest.mark.parametrize("change", CHANGES)
def test_changes_are_seen_by_the_next_epoch(change):
    dataset = ragged_graphs(9)[[3, 1, 8, 0, 5, 2, 7]]
    loader = FastDataLoader(dataset, batch_size=3)
    assert_all_equal(list(loader), fresh_pyg(dataset, batch_size=3))
    change(dataset)
    assert_all_equal(list(loader), fresh_pyg(dataset, batch_size=3))
    assert (loader.fallback_reason is None) is (change is not set_transform)


@pytest.mark.parametrize("sampled", [False, True])
@pytest.mark.parametrize("change", SEEN_AT_ONCE)
def test_changes_are_seen_by_the_next_batch(change, sampled):
    dataset = ragged_graphs(9)[[3, 1, 8, 0, 5, 2, 7]]
    settings = {"sampler": [0, 1, 2, 3, 4, 5, 6]} if sampled else {}
    loader = FastDataLoader(dataset, batch_size=3, **settings)
    batches = iter(loader)
    assert_equal(next(batches), fresh_pyg(dataset, batch_size=3)[0])
    change(dataset)
    assert_all_equal(list(batches), fresh_pyg(dataset, batch_size=3)[1:])


def test_a_transform_that_is_taken_away_again():
    dataset = darts_graphs()
    loader = FastDataLoader(dataset, batch_size=5)
    set_transform(dataset)
    assert loader.fallback_reason == "the dataset has a transform"
    dataset.transform = None
    assert loader.fallback_reason is None
    assert_all_equal(list(loader), fresh_pyg(dataset, batch_size=5))


@pytest.mark.parametrize("indices", [[3, 1, 0, 2], torch.tensor([3, 1, 0, 2])])
def test_changed_torch_subsets(indices):
    dataset = Subset(ragged_graphs(9), indices)
    loader = FastDataLoader(dataset, batch_size=3)
    list(loader)
    dataset.indices[0] = 7
    assert_all_equal(list(loader), fresh_pyg(dataset, batch_size=3))
    dataset.indices = [8, 8, 8, 8]
    assert_all_equal(list(loader), fresh_pyg(dataset, batch_size=3))
    dataset.dataset = darts_graphs()
    assert_all_equal(list(loader), fresh_pyg(dataset, batch_size=3))
    assert loader.fallback_reason is None


def test_a_shorter_dataset_in_the_midst_of_an_epoch():
    dataset = ragged_graphs(9)[[3, 1, 8, 0]]
    batches = iter(FastDataLoader(dataset, batch_size=2))
    next(batches)
    dataset._indices = [3, 1]
    with pytest.raises(IndexError):
        next(batches)


def test_graphs_that_pyg_has_cached():
    dataset = ragged_graphs(9)
    loader = FastDataLoader(dataset, batch_size=4)
    for position in range(5):
        dataset[position]
    assert dataset._data_list is not None
    assert loader.fallback_reason is None
    for _ in dataset:
        pass
    dataset._data.x.mul_(3)
    assert loader.fallback_reason is None
    assert_all_equal(list(loader), list(DataLoader(dataset, batch_size=4)))
    # PyG goes on giving the cached graphs, and so the loader has to.
    dataset._data.x = dataset._data.x + 1
    assert loader.fallback_reason is not None
    assert_all_equal(list(loader), list(DataLoader(dataset, batch_size=4)))
    dataset._data_list = None
    assert loader.fallback_reason is None


@pytest.mark.parametrize("key", ["x", "edge_index", "num_nodes", "added"])
def test_graphs_that_somebody_else_has_cached(key):
    dataset = ragged_graphs(9)
    loader = FastDataLoader(dataset, batch_size=4)
    assert loader.fallback_reason is None
    graphs = [dataset.get(number) for number in range(9)]
    for graph in graphs:
        graph[key] = graph[key] + 1 if key in graph else 1
    batches = iter(loader)
    next(batches)
    dataset._data_list = graphs
    assert_all_equal(list(batches), list(DataLoader(dataset, batch_size=4))[1:])
    assert "_data_list" in loader.fallback_reason


@pytest.mark.parametrize("other", [Data(x=torch.zeros(2, 3)), None, np.zeros(3)])
def test_one_cached_graph_that_somebody_replaces(other):
    dataset = ragged_graphs(9)
    loader = FastDataLoader(dataset, batch_size=4)
    for _ in dataset:
        pass
    assert loader.fallback_reason is None
    dataset._data_list[4] = other
    # PyG cuts out again what is not there.
    assert (loader.fallback_reason is None) is (other is None)
    dataset._data_list[4] = dataset._data_list[3]
    assert loader.fallback_reason is not None
    assert_all_equal(list(loader), list(DataLoader(dataset, batch_size=4)))


def test_cached_graphs_of_a_class_that_stacks():
    class Stacks(Data):
        def __cat_dim__(self, key, value, *args, **kwargs):
            return None if key == "stacked" else super().__cat_dim__(key, value, *args, **kwargs)

    dataset = from_graphs([Stacks(x=torch.rand(n, 1), stacked=torch.rand(3)) for n in (1, 2, 3)])
    loader = FastDataLoader(dataset, batch_size=2)
    for _ in dataset:
        pass
    assert loader.fallback_reason is None
    assert_all_equal(list(loader), list(DataLoader(dataset, batch_size=2)))


def test_another_collation():
    dataset = ragged_graphs()
    loader = FastDataLoader(dataset, batch_size=3)
    list(loader)
    loader.collate_fn.exclude_keys = ["y"]
    assert_all_equal(list(loader), list(DataLoader(dataset, batch_size=3, exclude_keys=["y"])))
    loader.collate_fn = len
    assert list(loader) == [3, 3, 3]
    assert loader.fallback_reason == "the collation is not PyG's own"


@pytest.mark.parametrize("rows", [[7, 6, 5, 4, 3, 2, 1, 0], [5, 1, 1, 0, 7], [3, 3, 3], [6]])
@pytest.mark.parametrize("kind", [*sorted(DATASETS), "stacked"])
def test_copies_for_a_device(kind, rows):
    # A plan is copied to another device only; here it is copied to the same, where values can be compared.
    dataset = stacked_graphs() if kind == "stacked" else DATASETS[kind]()
    dataset = dataset[rows]
    reference = DataLoader(dataset, batch_size=len(dataset), follow_batch=["x", "edge_index"])
    expected = next(iter(reference))
    plan = Gatherer(dataset, reference.collate_fn, None).renew().on(torch.device("cpu"))
    dataset._data_list = None
    for key, value in dataset._data.to_dict().items():
        if isinstance(value, torch.Tensor):
            dataset._data[key].fill_(0)
    assert_equal(plan.gather(*plan.locate(torch.arange(len(dataset)))), expected)


def stacked_graphs() -> ArrayDataset:
    """Graphs whose increments are tensors, as between the two sides of a bipartite graph."""

    class Bipartite(Data):
        def __inc__(self, key, value, *args, **kwargs):
            if key == "between_index":
                return torch.tensor([[self.x.size(0)], [self.z.size(0)]])
            return super().__inc__(key, value, *args, **kwargs)

    graphs = [
        Bipartite(
            x=torch.rand(1 + n % 3, 2),
            z=torch.rand(1 + n % 2),
            between_index=torch.zeros(2, n, dtype=torch.int64),
            edge_index=torch.zeros(2, 3, dtype=torch.int64),
        )
        for n in range(8)
    ]
    return from_graphs(graphs)
