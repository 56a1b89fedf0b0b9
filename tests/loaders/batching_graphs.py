"""Datasets for the tests of FastDataLoader, and what it means that two batches are equal."""

from __future__ import annotations

import copy
import math

import numpy as np
import torch
from torch_geometric.data import Batch, Data, InMemoryDataset
from torch_geometric.loader import DataLoader

from nb301_ogb import FastDataLoader


class ArrayDataset(InMemoryDataset):
    """A dataset whose arrays are given."""

    def __init__(self, data, slices, transform=None):
        super().__init__(None, transform)
        self._data, self.slices = data, slices


def from_graphs(graphs) -> ArrayDataset:
    """The dataset that PyG's own collation makes of graphs."""
    return ArrayDataset(*InMemoryDataset.collate(graphs))


def darts_graphs(count: int = 12, seed: int = 0) -> ArrayDataset:
    """Graphs of one size, shaped as those of `ogbg-nb301`, with `num_nodes`."""
    rng = torch.Generator().manual_seed(seed)
    graphs = [
        Data(
            edge_index=torch.randint(0, 14, (2, 26), generator=rng),
            edge_attr=torch.randint(0, 9, (26, 1), generator=rng),
            x=torch.randint(0, 4, (14, 2), generator=rng),
            y=torch.rand((1, 1), generator=rng),
            num_nodes=14,
        )
        for _ in range(count)
    ]
    return from_graphs(graphs)


def nasbench201_graphs(count: int = 20, seed: int = 0) -> ArrayDataset:
    """Graphs of 4 nodes and 0 to 6 edges; the first and the last have none."""
    rng = torch.Generator().manual_seed(seed)
    sizes = torch.randint(0, 7, (count,), generator=rng).tolist()
    sizes[0] = sizes[-1] = 0
    graphs = [
        Data(
            edge_index=torch.randint(0, 4, (2, size), generator=rng),
            edge_attr=torch.randint(1, 5, (size, 1), generator=rng),
            x=torch.randint(0, 3, (4, 2), generator=rng),
            y=torch.rand((1, 1), generator=rng),
        )
        for size in sizes
    ]
    return from_graphs(graphs)


def ragged_graphs(count: int = 9, seed: int = 0) -> ArrayDataset:
    """Graphs that differ in nodes and in edges, with `num_nodes`."""
    rng = torch.Generator().manual_seed(seed)
    graphs = []
    for number in range(count):
        nodes, edges = 1 + (number * 5) % 4, (number * 7) % 6
        graphs.append(
            Data(
                x=torch.rand((nodes, 3), generator=rng),
                edge_index=torch.randint(0, nodes, (2, edges), generator=rng),
                y=torch.rand((), generator=rng).item(),
                num_nodes=nodes,
            )
        )
    return from_graphs(graphs)


def both_loaders(dataset, **settings):
    """A FastDataLoader and PyG's loader with the same settings."""
    return FastDataLoader(dataset, **settings), DataLoader(dataset, **settings)


def epoch(loader, seed: int = 0):
    """The batches of one epoch begun with a seed, and the state of the global generator after it."""
    torch.manual_seed(seed)
    return list(loader), torch.get_rng_state()


def assert_loads_equal(dataset, *, gathered: bool = True, epochs: int = 1, **settings) -> None:
    """Both loaders give equal batches and draw equally, and the fast one gathers, or does not."""
    fast, reference = both_loaders(dataset, **settings)
    assert (fast.fallback_reason is None) is gathered, fast.fallback_reason
    for number in range(epochs):
        batches, state = epoch(fast, number)
        expected, expected_state = epoch(reference, number)
        assert_all_equal(batches, expected)
        assert torch.equal(state, expected_state)


def assert_all_equal(batches, expected) -> None:
    assert len(batches) == len(expected)
    for batch, reference in zip(batches, expected, strict=True):
        assert_equal(batch, reference)


def assert_equal(batch, reference) -> None:
    """Two batches are equal in everything that a user can see, and behave equally."""
    assert type(batch) is type(reference)
    assert isinstance(batch, Batch)
    assert set(vars(batch)) == set(vars(reference))
    assert batch._store._parent() is batch
    assert _contents(batch) == _contents(reference)
    assert list(batch._store.keys()) == list(reference._store.keys())
    assert batch.num_graphs == len(batch) == reference.num_graphs
    assert batch._slice_dict is not reference._slice_dict
    assert str(batch) == str(reference)
    for value in batch._store.values():
        # Some operations, such as detach_, refuse views; PyG's tensors are none.
        assert not isinstance(value, torch.Tensor) or value._base is None
    pieces, expected = batch.to_data_list(), reference.to_data_list()
    assert [_contents(piece) for piece in pieces] == [_contents(piece) for piece in expected]
    assert _contents(batch.get_example(0)) == _contents(reference.get_example(0))
    assert [_contents(piece) for piece in batch[::2]] == [_contents(piece) for piece in reference[::2]]
    assert _contents(copy.deepcopy(batch)) == _contents(reference)


def _contents(data) -> tuple:
    """Everything that a batch or a graph holds, as nested tuples that can be compared."""
    store = {name: value for name, value in vars(data._store).items() if name != "_parent"}
    return type(data).__name__, _plain(store)


def _plain(value):
    if isinstance(value, torch.Tensor):
        form = (type(value), str(value.dtype), tuple(value.shape), value.stride(), str(value.device))
        return ("tensor", *form, value.requires_grad, _plain(value.tolist()))
    if isinstance(value, dict):
        return (type(value), tuple((key, _plain(item)) for key, item in value.items()))
    if isinstance(value, (list, tuple)):
        return (type(value), tuple(map(_plain, value)))
    if isinstance(value, np.ndarray):
        return ("array", str(value.dtype), value.shape, value.tobytes())
    if isinstance(value, float) and math.isnan(value):
        return (float, "nan")
    return (type(value), value)
