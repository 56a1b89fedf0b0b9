"""Checks that the graphs a dataset has cached are those of its arrays."""

from __future__ import annotations

from operator import is_not
from typing import Any

from torch import Tensor
from torch_geometric.data import Data

from nb301_ogb.loaders.batching.source import Source


class CachedGraphs:
    """Follows `dataset._data_list`, the graphs that `InMemoryDataset.get` keeps and gives again.

    PyG's batches are made of them, whatever the arrays hold by then; gathered batches are made of the arrays.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._state = vars(source.dataset)
        self._seen: list[Any] = []
        keys = source.keys
        self._keys = [*keys, "num_nodes"] if "_num_nodes" in vars(source.store) else keys
        self._starts: dict[str, list[int]] = {}
        # PyG's graphs are equal to nothing but themselves, and lists compare without touching what is the same.
        self._by_equality = type(source.data).__eq__ is Data.__eq__

    def agree(self) -> bool:
        """Whether every cached graph is a view of the arrays; only those not yet seen are looked at."""
        cached = self._state.get("_data_list")
        if cached is None:
            self._seen = []
            return True
        if type(cached) is not list or len(cached) != self._source.graphs:
            return False
        if self._by_equality and _equal(cached, self._seen):
            return True
        seen = self._seen or [None] * len(cached)
        for number, new in enumerate(map(is_not, cached, seen)):
            if new and cached[number] is not None and not self._is_view(number, cached[number]):
                return False
        self._seen = list(cached)
        return True

    def _is_view(self, number: int, graph: Any) -> bool:
        source = self._source
        if type(graph) is not type(source.data) or list(graph._store) != self._keys:
            return False
        for key in source.keys:
            value, whole = graph._store[key], source.store[key]
            if isinstance(whole, Tensor):
                if not isinstance(value, Tensor) or not self._is_piece(key, number, value, whole):
                    return False
            elif value is not whole[number]:
                return False
        counts = vars(source.store).get("_num_nodes")
        return counts is None or graph._store["num_nodes"] == counts[number]

    def _is_piece(self, key: str, number: int, value: Tensor, whole: Tensor) -> bool:
        dim = self._source.data.__cat_dim__(key, whole, self._source.store)
        if key not in self._starts:
            self._starts[key] = self._source.slices[key].tolist()
        start, stop = self._starts[key][number : number + 2]
        shape, stride = list(whole.shape), list(whole.stride())
        along = (dim or 0) % whole.dim()
        offset = whole.storage_offset() + start * stride[along]
        shape[along] = stop - start
        if dim is None and shape[0] == 1:
            del shape[0], stride[0]
        same_storage = value.untyped_storage().data_ptr() == whole.untyped_storage().data_ptr()
        form = (list(value.shape), list(value.stride()), value.storage_offset(), value.dtype)
        return same_storage and form == (shape, stride, offset, whole.dtype)


def _equal(first: list[Any], second: list[Any]) -> bool:
    try:
        return first == second
    except Exception:  # something that is no graph, and cannot be asked
        return False
