"""Finds the arrays behind a dataset and which rows of them a loader reads."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Subset
from torch_geometric.data import Batch, Data, Dataset, InMemoryDataset
from torch_geometric.data.storage import GlobalStorage

from nb301_ogb.loaders.batching.watch import Watch

_OWNERS = {
    "__getitem__": Dataset,
    "__len__": Dataset,
    "indices": Dataset,
    "get": InMemoryDataset,
    "len": InMemoryDataset,
    "__getattribute__": object,
}
"""The methods that decide which graph a position means, and the class whose version is understood."""

_STATE = ("_data", "slices", "_indices", "transform", "_data_list")

_DATA_METHODS = (
    "stores", "stores_as", "__getitem__", "__setitem__", "__getattr__", "__setattr__", "__copy__", "__getattribute__",
)  # fmt: skip


class NotVectorisable(Exception):
    """Why a dataset's batches are left to PyG; it never leaves this package."""


@dataclass(frozen=True)
class Source:
    """The arrays of an `InMemoryDataset` as one loader reads them.

    Attributes:
        dataset: that holds the arrays; subsets are resolved.
        data: all graphs joined.
        slices: where each graph lies in each attribute.
        graphs: the number of graphs in the arrays.
        rows: int64 [length], the graph at each position of the loader's dataset; None where position i is graph i.
        length: of the loader's dataset.
        watch: notices when any of this changes.
    """

    dataset: Any
    data: Any
    slices: dict[str, Tensor]
    graphs: int
    rows: Tensor | None
    length: int
    watch: Watch

    @property
    def store(self) -> Any:
        """The storage of `data`."""
        return self.data._store

    def depend_on_values(self) -> None:
        """Has writes into the arrays noticed: something was computed from them or copied, rather than viewed."""
        self.watch.values(self.store._mapping.values())

    @property
    def keys(self) -> list[str]:
        """The attributes that a single graph has, in its order (`num_nodes` apart)."""
        return [key for key in self.slices if key in self.store._mapping]


def find_source(dataset: Any) -> Source:
    """Resolves subsets and checks that every graph is cut out of plain arrays.

    Raises:
        NotVectorisable: saying what stands in the way.
    """
    watch = Watch()
    picks: list[Any] = []
    while type(dataset) is Subset:
        watch.bind(vars(dataset), "dataset", "indices")
        picks.insert(0, dataset.indices)
        dataset = dataset.dataset
    _check_dataset(dataset)
    state = vars(dataset)
    watch.bind(state, "_data", "slices", "_indices", "transform", "_data_list")
    data, slices = state["_data"], state["slices"]
    _check_data(data, slices)
    graphs = _count(slices)
    watch.mapping(slices)
    watch.values(slices.values())
    watch.mapping(data._store._mapping)
    if "_num_nodes" in vars(data._store):
        watch.bind(vars(data._store), "_mapping", "_num_nodes")
    rows, length = None, graphs
    for sequence in (state["_indices"], *picks):
        if sequence is None:
            continue
        positions = _resolve(sequence, length, negative=sequence is not state["_indices"])
        watch.sequence(sequence)
        rows = positions if rows is None else rows.index_select(0, positions)
        length = rows.shape[0]
    return Source(dataset, data, slices, graphs, rows, length, watch)


def as_positions(sequence: Any) -> Tensor | None:
    """int64 [n] of a sequence of integers; None where it holds anything else."""
    if isinstance(sequence, range):
        return torch.tensor(np.arange(sequence.start, sequence.stop, sequence.step, dtype=np.int64))
    if isinstance(sequence, Tensor):
        plain = sequence.dtype == torch.int64 and sequence.dim() == 1 and not sequence.is_inference()
        return sequence.detach().cpu() if plain else None
    if isinstance(sequence, np.ndarray):
        return torch.tensor(sequence) if sequence.dtype == np.int64 and sequence.ndim == 1 else None
    if type(sequence) not in (list, tuple) or not _all_integers(sequence):
        return None
    if not sequence:
        return torch.empty(0, dtype=torch.int64)
    try:
        # Several times faster than torch.tensor(list), which looks at every element for its type and shape.
        return torch.frombuffer(array("q", sequence), dtype=torch.int64)
    except OverflowError:
        return None


def within(positions: Tensor, length: int) -> Tensor | None:
    """The positions with negative ones counted from the end; None where one lies outside `length` or there are none."""
    if positions.shape[0] == 0:
        return None
    low, high = positions.aminmax()
    lowest = int(low)
    if lowest < -length or int(high) >= length:
        return None
    return positions if lowest >= 0 else torch.where(positions < 0, positions + length, positions)


def _all_integers(sequence: Sequence[Any]) -> bool:
    kinds = set(map(type, sequence))
    if kinds == {Tensor}:
        return all(item.dim() == 0 and item.dtype == torch.int64 for item in sequence)
    return all(issubclass(kind, (int, np.integer)) for kind in kinds)


def _resolve(sequence: Any, length: int, *, negative: bool) -> Tensor:
    positions = as_positions(sequence)
    if positions is None:
        msg = f"the subset's indices are a {type(sequence).__name__} that is not plainly of integers"
        raise NotVectorisable(msg)
    if positions.shape[0] == 0:
        return positions
    inside = within(positions, length)
    if inside is None or (not negative and int(positions.min()) < 0):
        msg = "the subset's indices reach outside the dataset"
        raise NotVectorisable(msg)
    return inside


def _check_dataset(dataset: Any) -> None:
    kind = type(dataset)
    if not isinstance(dataset, InMemoryDataset):
        msg = f"{kind.__name__} is no InMemoryDataset"
        raise NotVectorisable(msg)
    state = vars(dataset)
    for name, owner in _OWNERS.items():
        if getattr(kind, name) is not getattr(owner, name) or name in state:
            msg = f"{kind.__name__} has its own {name}"
            raise NotVectorisable(msg)
    if hasattr(kind, "__getitems__") or "__getitems__" in state:
        msg = f"{kind.__name__} has its own __getitems__"
        raise NotVectorisable(msg)
    for name in _STATE:
        if hasattr(kind, name) or name not in state:
            msg = f"{kind.__name__} does not keep {name} as PyG does"
            raise NotVectorisable(msg)
    if state["transform"] is not None:
        msg = "the dataset has a transform"
        raise NotVectorisable(msg)


def _check_data(data: Any, slices: Any) -> None:
    kind = type(data)
    if not isinstance(data, Data) or isinstance(data, Batch) or type(data._store) is not GlobalStorage:
        msg = f"the graphs are {kind.__name__}, not homogeneous Data"
        raise NotVectorisable(msg)
    for name in _DATA_METHODS:
        if getattr(kind, name) is not getattr(Data, name):
            msg = f"{kind.__name__} has its own {name}"
            raise NotVectorisable(msg)
    if type(slices) is not dict or not slices:
        msg = "the dataset has no slices"
        raise NotVectorisable(msg)


def _count(slices: dict[str, Tensor]) -> int:
    first = next(iter(slices.values()))
    if type(first) is not Tensor or first.dim() != 1:
        msg = "the dataset's slices are no vectors"
        raise NotVectorisable(msg)
    graphs = first.shape[0] - 1
    if graphs < 2:
        msg = "the dataset holds a single graph"
        raise NotVectorisable(msg)
    return graphs
