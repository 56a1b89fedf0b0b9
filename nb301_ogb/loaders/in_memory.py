"""A table of graphs as PyG holds it in memory, laid out as its collation would, without a loop over graphs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data, InMemoryDataset

from nb301_ogb.spaces import GraphTable


def collated(graphs: GraphTable, labels: Tensor | None = None) -> tuple[Data, dict[str, Tensor]]:
    """What `InMemoryDataset.collate` gives for the items of a table: the joined `Data`, and its slices.

    Args:
        graphs: G graphs.
        labels: [G, num_tasks], or None for items without `y`.
    """
    data = Data(
        edge_index=torch.from_numpy(graphs.edge_index),
        edge_attr=torch.from_numpy(graphs.edge_feat),
        x=torch.from_numpy(graphs.node_feat),
    )
    nodes, edges = torch.from_numpy(graphs.node_ptr), torch.from_numpy(graphs.edge_ptr)
    slices = {"edge_index": edges, "edge_attr": edges, "x": nodes}
    if labels is not None:
        data.y = labels
        slices["y"] = torch.arange(len(graphs) + 1)
    sizes = np.diff(graphs.node_ptr)
    data.num_nodes = int(sizes.sum())
    data._store._num_nodes = sizes.tolist()
    return data, slices


class GraphTableDataset(InMemoryDataset):
    """A table of graphs, with labels or without, as a PyG dataset.

    Args:
        graphs: G graphs.
        labels: float32 [G, num_tasks], or None.
        transform: applied to each item when it is taken.
    """

    def __init__(
        self, graphs: GraphTable, labels: Tensor | None = None, transform: Callable[[Data], Data] | None = None
    ) -> None:
        super().__init__(None, transform)
        self._data, self.slices = collated(graphs, labels)
