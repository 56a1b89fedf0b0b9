"""Whether two batches are the same to the last attribute."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def difference(first: Any, second: Any) -> str | None:
    """Names the first thing in which two batches differ; None where they are the same.

    Compared are classes, the attributes and their order, types, shapes, dtypes, devices, strides and values (NaN equals
    NaN), the increments and slices from which `to_data_list` rebuilds the graphs, and every private entry.
    """
    if type(first) is not type(second):
        return "its class"
    states = [{name: value for name, value in vars(batch).items() if name != "_store"} for batch in (first, second)]
    stores = [
        {name: value for name, value in vars(batch._store).items() if name != "_parent"} for batch in (first, second)
    ]
    return _differ("state", *states) or _differ("store", *stores)


def _differ(name: str, first: Any, second: Any) -> str | None:
    if type(first) is not type(second):
        return name
    if isinstance(first, Tensor):
        return None if _same_tensor(first, second) else name
    if isinstance(first, dict):
        if list(first) != list(second):
            return f"the keys of {name}"
        return next((found for key in first if (found := _differ(str(key), first[key], second[key]))), None)
    if isinstance(first, (list, tuple)):
        if len(first) != len(second):
            return name
        return next((found for pair in zip(first, second, strict=True) if (found := _differ(name, *pair))), None)
    return None if first is second or first == second else name


def _same_tensor(first: Tensor, second: Tensor) -> bool:
    forms = [(each.shape, each.stride(), each.dtype, each.device, each.requires_grad) for each in (first, second)]
    if forms[0] != forms[1]:
        return False
    if first.dtype.is_floating_point or first.dtype.is_complex:
        return bool(((first == second) | ((first != first) & (second != second))).all())
    return torch.equal(first, second)
