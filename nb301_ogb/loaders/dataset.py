"""The library-agnostic dataset: numpy arrays and dictionaries, no torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.loaders.labelled import LabelledTable, Runs
from nb301_ogb.spaces import GraphTable
from nb301_ogb.spaces.graphs import IntArray

Item = tuple[dict[str, Any], NDArray[np.float32]]


class GraphPropPredDataset:
    """A dataset as pairs of a graph and its label, with the interface of `ogb.graphproppred.GraphPropPredDataset`.

    A graph is a dictionary: `edge_index` int64 [2, E], `edge_feat` int64 [E, 1], `node_feat` int64 [N, 2],
    `num_nodes` int. A label is float32 [num_tasks], in the target's unit (percent for accuracies).

    Args:
        name: such as `ogbg-nb201-cifar10`; the prefix may be left out.
        root: a folder of datasets as OGB lays it out; None for the user's cache and the files inside the package.
        meta_dict: `{"dir_path": folder}` to read the dataset's file from that folder.
        targets: the measured columns that labels hold.
        runs: `"mean"` over the runs present, `"all"` for a column a run (NaN where there is none), or one run's number.

    Attributes:
        name, root, meta_info, num_tasks, eval_metric, task_type, num_classes, binary: as in OGB.
        labels: float32 [G, num_tasks].
        graphs: all graphs; `graphs[i]` is a dictionary.
        content_hash: identifies the data, whoever built the file.

    Raises:
        DatasetNameError: for a name, a target or a run that does not exist.
    """

    def __init__(
        self,
        name: str,
        root: str | Path | None = None,
        meta_dict: dict[str, Any] | None = None,
        *,
        targets: Sequence[str] | str = ("val_accuracy",),
        runs: Runs = "mean",
    ) -> None:
        self.table = LabelledTable(name, root, targets, runs, meta_dict)
        self.graphs: GraphTable = self.table.graphs()
        self.labels = self.table.labels
        self.name = self.table.info.name
        self.root = str(self.table.file.path.parent)
        self.meta_info = self.table.meta_info()
        self.num_tasks: int = self.labels.shape[1]
        self.eval_metric = self.table.info.eval_metric
        self.task_type = self.table.info.task_type
        self.num_classes = -1
        self.binary = False
        self.content_hash = self.table.file.content_hash

    def get_idx_split(self, split_type: str | None = None) -> dict[str, IntArray]:
        """The rows of `train`, `valid` and `test`, int64 each; None is the default split.

        Raises:
            DatasetNameError: listing the splits there are.
        """
        return self.table.split(split_type).parts()

    def __len__(self) -> int:
        return len(self.graphs)

    def __getitem__(self, idx: int) -> Item:
        if not isinstance(idx, int | np.integer) or isinstance(idx, bool):
            msg = f"Only integer is valid index (got {type(idx).__name__})."
            raise IndexError(msg)
        if not -len(self) <= idx < len(self):
            msg = f"row {idx} is outside of {self.name}, which has {len(self)} rows."
            raise IndexError(msg)
        return self.graphs[int(idx)], self.labels[idx].copy()

    def __iter__(self) -> Iterator[Item]:
        return (self[row] for row in range(len(self)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)})"
