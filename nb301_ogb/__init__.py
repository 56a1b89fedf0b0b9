"""Neural-architecture accuracy as graph datasets, with fixed splits, an official evaluator and reference models.

The public names are imported when they are first used: `import nb301_ogb` loads neither torch nor ogb.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from nb301_ogb._version import __version__

if TYPE_CHECKING:
    from nb301_ogb.baselines.encoders import EdgeEncoder, NodeEncoder
    from nb301_ogb.catalog import dataset_names, get_info
    from nb301_ogb.evaluators.evaluator import Evaluator
    from nb301_ogb.loaders.batching import FastDataLoader
    from nb301_ogb.loaders.dataset import GraphPropPredDataset
    from nb301_ogb.loaders.dataset_pyg import PygGraphPropPredDataset
    from nb301_ogb.spaces import get_space

_HOME = {
    "EdgeEncoder": "nb301_ogb.baselines.encoders",
    "Evaluator": "nb301_ogb.evaluators.evaluator",
    "FastDataLoader": "nb301_ogb.loaders.batching",
    "GraphPropPredDataset": "nb301_ogb.loaders.dataset",
    "NodeEncoder": "nb301_ogb.baselines.encoders",
    "PygGraphPropPredDataset": "nb301_ogb.loaders.dataset_pyg",
    "dataset_names": "nb301_ogb.catalog",
    "get_info": "nb301_ogb.catalog",
    "get_space": "nb301_ogb.spaces",
}

__all__ = [
    "EdgeEncoder",
    "Evaluator",
    "FastDataLoader",
    "GraphPropPredDataset",
    "NodeEncoder",
    "PygGraphPropPredDataset",
    "__version__",
    "dataset_names",
    "get_info",
    "get_space",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        msg = f"module 'nb301_ogb' has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
