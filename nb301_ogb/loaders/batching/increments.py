"""What PyG adds to the values of each graph when it joins graphs (`Data.__inc__`), for all graphs at once."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.data.separate import separate

from nb301_ogb.loaders.batching.arrays import Cuts
from nb301_ogb.loaders.batching.source import NotVectorisable, Source

_ADDABLE = {
    torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.float32, torch.float64,
}  # fmt: skip
"""Types that keep their type and their exact sum under PyG's addition, graph by graph, and under one for all."""


def graph(source: Source, number: int) -> Any:
    """Graph `number` as `InMemoryDataset.get` cuts it out, without filling the dataset's cache.

    Raises:
        NotVectorisable: where PyG cannot cut it out.
    """
    try:
        return separate(cls=type(source.data), batch=source.data, idx=number, slice_dict=source.slices, decrement=False)
    except Exception as error:
        msg = f"graph {number} cannot be cut out of the arrays ({error})"
        raise NotVectorisable(msg) from error


def concatenation_dims(source: Source, keys: list[str]) -> dict[str, int | None]:
    """PyG's `__cat_dim__` of each attribute.

    Raises:
        NotVectorisable: where it is no single dimension.
    """
    dims = {}
    for key in keys:
        value = source.store[key]
        dim = source.data.__cat_dim__(key, value, source.store)
        if dim is not None and (type(dim) is not int or not -value.dim() <= dim < value.dim()):
            msg = f"{key} is joined along {dim!r}"
            raise NotVectorisable(msg)
        dims[key] = dim
    return dims


def find_increments(source: Source, dims: dict[str, int | None], nodes: Cuts | None) -> dict[str, int | Tensor]:
    """What each graph adds to the values of those after it: one integer for all, or int64 [G, ...].

    PyG's own rule is evaluated for all graphs at once. A class with rules of its own is asked graph by graph, once
    for each change of the data rather than once for each batch.

    Raises:
        NotVectorisable: where the rule gives anything but integers of one shape.
    """
    kind = type(source.data)
    own_rule = kind.__inc__ is not Data.__inc__ or kind.num_nodes is not Data.num_nodes
    asked = [key for key in dims if own_rule or "batch" in key]
    own_dims = kind.__cat_dim__ is not Data.__cat_dim__
    found = _ask(source, dims, asked) if asked or own_dims else {}
    increments: dict[str, int | Tensor] = {}
    for key in dims:
        if key in found:
            increments[key] = found[key]
        elif "index" not in key and key != "face":
            increments[key] = 0
        elif nodes is None:
            msg = f"the number of nodes that {key} needs is not stored"
            raise NotVectorisable(msg)
        else:
            increments[key] = nodes.lengths if nodes.size is None else nodes.size
        _check_addition(key, source.store[key], dims[key], increments[key])
    return increments


def _ask(source: Source, dims: dict[str, int | None], asked: list[str]) -> dict[str, int | Tensor]:
    source.depend_on_values()
    rows = torch.arange(source.graphs) if source.rows is None else source.rows.unique()
    answers: dict[str, list[Any]] = {key: [] for key in asked}
    for number in rows.tolist():
        single = graph(source, number)
        try:
            for key, dim in dims.items():
                value = single._store[key]
                _check_dim(key, single.__cat_dim__(key, value, single._store), dim)
                if key in answers:
                    laid = value.unsqueeze(0) if dim is None or value.dim() == 0 else value
                    answers[key].append(single.__inc__(key, laid, single._store))
        except NotVectorisable:
            raise
        except Exception as error:
            msg = f"{type(single).__name__} gives no increment for graph {number} ({error})"
            raise NotVectorisable(msg) from error
    return {key: _summarised(key, answers[key], rows, source.graphs) for key in asked}


def _check_dim(key: str, dim: Any, expected: int | None) -> None:
    if dim != expected or type(dim) is not type(expected):
        msg = f"{key} is not joined along the same dimension in all graphs"
        raise NotVectorisable(msg)


def _summarised(key: str, answers: list[Any], rows: Tensor, graphs: int) -> int | Tensor:
    kinds = set(map(type, answers))
    if kinds == {Tensor} and len({(answer.shape, answer.dtype) for answer in answers}) == 1:
        table = torch.stack(answers).cpu()
    elif kinds == {int}:
        table = torch.tensor(answers)
    elif not kinds:
        return 0
    else:
        msg = f"the increments of {key} are not all integers"
        raise NotVectorisable(msg)
    if table.dtype != torch.int64:
        msg = f"the increments of {key} are {table.dtype}"
        raise NotVectorisable(msg)
    if table.dim() == 1 and bool((table == table[0]).all()):
        return int(table[0])
    full = table.new_zeros((graphs, *table.shape[1:]))
    full[rows] = table
    return full


def _check_addition(key: str, value: Tensor, dim: int | None, increments: int | Tensor) -> None:
    if isinstance(increments, int) and increments == 0:
        return
    fits = value.dtype in _ADDABLE
    if isinstance(increments, Tensor) and increments.dim() > 1:
        # One increment per graph and entry of the other dimensions, broadcast against a graph's values.
        wide = increments.shape[1:]
        shape = (1, *value.shape[1:]) if dim is None else tuple(value.shape)
        along = (dim or 0) % value.dim()
        fits = fits and len(wide) <= len(shape) and torch.result_type(value, increments) == value.dtype
        padded = (1,) * (len(shape) - len(wide)) + tuple(wide)
        fits = fits and all(size == 1 or (at != along and size == shape[at]) for at, size in enumerate(padded))
    if not fits:
        msg = f"the increments of {key} cannot be added to all graphs at once"
        raise NotVectorisable(msg)
