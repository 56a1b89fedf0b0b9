"""What an architecture is: one module a search space, one interface."""

from __future__ import annotations

import importlib

from nb301_ogb.errors import DatasetNameError
from nb301_ogb.spaces.base import Space
from nb301_ogb.spaces.graphs import GraphTable

_MODULES = {"nasbench201": "nb301_ogb.spaces.nasbench201", "darts": "nb301_ogb.spaces.darts"}

__all__ = ["GraphTable", "Space", "get_space", "space_names"]


def space_names() -> tuple[str, ...]:
    """The names of all search spaces."""
    return tuple(_MODULES)


def get_space(name: str) -> Space:
    """The search space of that name.

    Raises:
        DatasetNameError: naming the spaces there are.
    """
    if name not in _MODULES:
        msg = f"there is no search space {name!r}; there are {', '.join(_MODULES)}."
        raise DatasetNameError(msg)
    return importlib.import_module(_MODULES[name]).SPACE
