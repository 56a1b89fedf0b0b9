"""The dataset for PyTorch Geometric."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch_geometric.data import InMemoryDataset
from torch_geometric.data.dataset import IndexType

from nb301_ogb.errors import ArchitectureError
from nb301_ogb.loaders.in_memory import collated
from nb301_ogb.loaders.labelled import LabelledTable, Runs
from nb301_ogb.loaders.transforms import SpaceTransform, TableTransform, as_table_transforms, steps_of
from nb301_ogb.spaces import GraphTable, Space
from nb301_ogb.spaces.graphs import CodeArray


class PygGraphPropPredDataset(InMemoryDataset):
    """A dataset as PyG `Data` objects, with the interface of `ogb.graphproppred.PygGraphPropPredDataset`.

    An item is `Data(edge_index, edge_attr, x, y, num_nodes)`: `x` int64 [N, 2] (node type, cell), `edge_attr` int64
    [E, 1] (edge type), `y` float32 [1, num_tasks] in the target's unit. The arrays come straight from the dataset's
    file: there is no processed copy on disk, and opening takes no loop over graphs.

    Args:
        name: such as `ogbg-nb201-cifar10`; the prefix may be left out.
        root: a folder of datasets as OGB lays it out; None for the user's cache and the files inside the package.
        transform: applied to each item when it is taken.
        pre_transform: applied once. The transforms of this package run on the whole table at once, any other callable
            runs graph by graph.
        meta_dict: `{"dir_path": folder}` to read the dataset's file from that folder.
        pre_filter: keeps the graphs for which it is true; splits then name the rows that are left.
        targets: the measured columns that `y` holds.
        runs: `"mean"` over the runs present, `"all"` for a column a run (NaN where there is none), or one run's number.
        force_reload: accepted for PyG's sake; nothing is cached, so the file is read anew each time.
        log: accepted for PyG's sake.

    Attributes:
        name, meta_info, num_tasks, eval_metric, task_type, num_classes, binary: as in OGB.
        space: the search space.
        node_feat_dims: vocabulary size of each column of `x`, after `pre_transform`.
        edge_feat_dims: the same of `edge_attr`.
        content_hash: identifies the data, whoever built the file.

    Raises:
        ArchitectureError: where a transform is made for another space.
        DatasetNameError: for a name, a target or a run that does not exist.
    """

    def __init__(
        self,
        name: str,
        root: str | Path | None = None,
        transform: Callable | None = None,
        pre_transform: Callable | None = None,
        meta_dict: dict[str, Any] | None = None,
        *,
        pre_filter: Callable | None = None,
        targets: Sequence[str] | str = ("val_accuracy",),
        runs: Runs = "mean",
        force_reload: bool = False,
        log: bool = True,
    ) -> None:
        table = LabelledTable(name, root, targets, runs, meta_dict)
        for step in (*steps_of(pre_transform), *steps_of(transform)):
            meant = step.space if isinstance(step, SpaceTransform) else table.space
            if meant.name != table.space.name:
                msg = f"{type(step).__name__} is made for {meant.name}, {table.info.name} is of {table.space.name}."
                raise ArchitectureError(msg)
        super().__init__(str(table.file.path.parent), transform, pre_transform, pre_filter, log, force_reload)
        self.table = table
        self.name = table.info.name
        self.meta_info = table.meta_info()
        self.num_tasks: int = table.labels.shape[1]
        self.eval_metric = table.info.eval_metric
        self.task_type = table.info.task_type
        self.binary = False
        self.space: Space = table.space
        self.content_hash = table.file.content_hash
        self.node_feat_dims = self.space.node_feat_dims
        self.edge_feat_dims = self.space.edge_feat_dims
        self._kept: torch.Tensor | None = None
        self._fill(table.graphs(), torch.from_numpy(table.labels))

    def _fill(self, graphs: GraphTable, labels: torch.Tensor) -> None:
        chain = as_table_transforms(self.pre_transform)
        if self.pre_filter is None and chain is not None:
            graphs = self._transformed(graphs, chain)
            self._store(graphs, labels)
            return
        # PyG's order: the filter sees the graph before it is transformed.
        self._store(graphs, labels)
        if self.pre_filter is not None:
            keep = [bool(self.pre_filter(self.get(row))) for row in range(len(self))]
            self._kept = torch.tensor(keep).nonzero().ravel()
            graphs, labels = graphs.take(self._kept.numpy()), labels[self._kept]
            self._store(graphs, labels)
        if chain is not None:
            self._store(self._transformed(graphs, chain), labels)
        elif self.pre_transform is not None:
            items = [self.pre_transform(self.get(row)) for row in range(len(graphs))]
            if items:
                self._data, self.slices = self.collate(items)
            self._know_dims([step for step in steps_of(self.pre_transform) if isinstance(step, TableTransform)])
        self._data_list = None

    def _transformed(self, graphs: GraphTable, chain: list[TableTransform]) -> GraphTable:
        for step in chain:
            graphs = step.table(graphs)
        self._know_dims(chain)
        return graphs

    def _know_dims(self, chain: list[TableTransform]) -> None:
        for step in chain:
            self.node_feat_dims, self.edge_feat_dims = step.dims(self.node_feat_dims, self.edge_feat_dims)

    def _store(self, graphs: GraphTable, labels: torch.Tensor) -> None:
        """Lays the arrays out as PyG's collation would."""
        self._data, self.slices = collated(graphs, labels)
        self._data_list = None

    @property
    def num_classes(self) -> int:
        """-1, as in OGB for regression."""
        return -1

    @property
    def codes(self) -> CodeArray:
        """uint8 [G, C]: the code of each row of the dataset (of this subset, where it is one)."""
        codes = self.table.codes()
        rows = np.arange(len(codes)) if self._kept is None else self._kept.numpy()
        return codes[rows[np.asarray(self.indices(), dtype=np.int64)]]

    def get_idx_split(self, split_type: str | None = None) -> dict[str, torch.Tensor]:
        """The rows of `train`, `valid` and `test`, `torch.long` each; None is the default split.

        Raises:
            DatasetNameError: listing the splits there are.
        """
        parts = {part: torch.from_numpy(rows) for part, rows in self.table.split(split_type).parts().items()}
        if self._kept is None:
            return parts
        found = {}
        for part, rows in parts.items():
            rank = torch.full((self.table.file.num_graphs,), -1)
            rank[rows] = torch.arange(len(rows))
            here = (rank[self._kept] >= 0).nonzero().ravel()
            found[part] = here[rank[self._kept[here]].argsort(stable=True)]
        return found

    def copy(self, idx: IndexType | None = None) -> PygGraphPropPredDataset:
        """A dataset of its own of the chosen graphs, as PyG's; its `codes` and splits are theirs."""
        chosen = self if idx is None else self.index_select(idx)
        rows = torch.as_tensor(list(chosen.indices()), dtype=torch.long)
        found = super().copy(idx)
        found._kept = rows if self._kept is None else self._kept[rows]
        return found
