"""What both dataset classes share: a checked file, its graphs, and the label matrix that a user asked for."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.catalog import DatasetInfo, get_info
from nb301_ogb.errors import DatasetNameError
from nb301_ogb.loaders.dataset_path import dataset_path
from nb301_ogb.loaders.locate import require_dataset
from nb301_ogb.spaces import GraphTable, Space, get_space
from nb301_ogb.spaces.graphs import CodeArray
from nb301_ogb.storage.layout import Split
from nb301_ogb.storage.read import DatasetFile

Runs = str | int


class LabelledTable:
    """A dataset file, and the columns that `y` holds.

    Args:
        name: of the dataset.
        root: a folder of datasets as OGB lays it out, or None for the user's cache and the embedded files.
        targets: the targets that `y` holds, in this order.
        runs: `"mean"` over the runs present, `"all"` for a column a run (NaN where there is none), or the number of
            one run, counted from 0 (NaN in the rows without it).
        meta_dict: OGB's way to name a folder: its `dir_path` is where the dataset's file lies.

    Raises:
        DatasetNameError: for a name, a target or a run that does not exist.
        FileFormatError: where the file holds another dataset, or another version, than its name says.
    """

    def __init__(
        self,
        name: str,
        root: str | Path | None = None,
        targets: Sequence[str] | str = ("val_accuracy",),
        runs: Runs = "mean",
        meta_dict: dict[str, Any] | None = None,
    ) -> None:
        self.info = get_info(name)
        # What comes from a cache or the network was checked on the way.
        checked = meta_dict is None and not self.info.embedded
        self.file = DatasetFile(self._path(root, meta_dict), check=not checked)
        require_dataset(self.file, self.info)
        self.targets = (targets,) if isinstance(targets, str) else tuple(targets)
        self.runs = runs
        self.space: Space = get_space(self.info.space)
        self.labels = self._labels()

    def _path(self, root: str | Path | None, meta_dict: dict[str, Any] | None) -> Path:
        if meta_dict is None:
            return dataset_path(self.info, root)
        if "dir_path" not in meta_dict:
            msg = f"meta_dict needs the key 'dir_path', the folder that holds {self.info.filename}."
            raise DatasetNameError(msg)
        path = Path(meta_dict["dir_path"]) / self.info.filename
        if not os.path.isfile(path):  # Path.is_file raises where a folder may not be entered
            msg = f"meta_dict['dir_path'] names {path.parent}, which holds no {self.info.filename}."
            raise DatasetNameError(msg)
        return path

    def _labels(self) -> NDArray[np.float32]:
        if not self.targets:
            msg = f"at least one target is needed; {self.info.name} has {', '.join(self.file.target_names)}."
            raise DatasetNameError(msg)
        values = {name: self.file.values(name) for name in {*self.targets, self.info.label}}
        count = values[self.info.label].shape[1]
        return np.concatenate([choose_runs(values[name], self.runs, count) for name in self.targets], axis=1)

    def graphs(self) -> GraphTable:
        """The graphs of all rows."""
        return self.file.graphs()

    def codes(self) -> CodeArray:
        """uint8 [G, C]."""
        return self.file.codes()

    def split(self, split_type: str | None = None) -> Split:
        """A split; None is the default one.

        Raises:
            DatasetNameError: naming the splits there are.
        """
        return self.file.split(split_type or self.info.default_split)

    def meta_info(self) -> dict[str, Any]:
        """The facts about the dataset under the keys of OGB's `meta_info`."""
        info: DatasetInfo = self.info
        return {
            "num tasks": self.labels.shape[1],
            "eval metric": info.eval_metric,
            "task type": info.task_type,
            "num classes": -1,
            "split": info.default_split,
            "version": info.version,
            "has_node_attr": True,
            "has_edge_attr": True,
            "add_inverse_edge": False,
            "data type": "architectures",
            "binary": False,
            "is hetero": False,
            "license": info.license,
            "content_hash": self.file.content_hash,
        }


def choose_runs(values: NDArray[np.float32], runs: Runs, count: int) -> NDArray[np.float32]:
    """float32 [G, columns] of a target's runs, float32 [G, R]; a target with one column has it for every run.

    Args:
        values: the target.
        runs: `"mean"`, `"all"`, or the number of a run.
        count: how many runs the dataset has at most.

    Raises:
        DatasetNameError: for a choice that does not exist.
    """
    if isinstance(runs, str) and runs == "all":
        return values
    if isinstance(runs, str) and runs == "mean":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a row without any run stays NaN
            return np.asarray(np.nanmean(values, axis=1, dtype=np.float64), dtype=np.float32)[:, None]
    if isinstance(runs, int | np.integer) and not isinstance(runs, bool) and 0 <= runs < count:
        return values if values.shape[1] == 1 else values[:, runs : runs + 1]
    msg = f"runs={runs!r} is no choice; write 'mean', 'all', or a run from 0 to {count - 1}."
    raise DatasetNameError(msg)
