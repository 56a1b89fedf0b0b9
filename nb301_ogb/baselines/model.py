"""The interface of a reference model: fit on a dataset's training part, predict for any architecture."""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.loaders.labelled import LabelledTable
from nb301_ogb.loaders.splits import components
from nb301_ogb.spaces.graphs import CodeArray, IntArray

Record = dict[str, Any]
Observer = Callable[[Record], None]
"""Called after each epoch (or some rounds) with what `metrics.jsonl` holds of it."""


@dataclass(frozen=True)
class Table:
    """What a model is fitted on.

    Attributes:
        space: the search space's name.
        codes: uint8 [G, C].
        labels: float32 [G, num_tasks]; NaN where there is no measurement.
        train: int64 rows to fit on.
        valid: int64 rows by which the fit is chosen and stopped.
        component: int64 [G], for models that cut folds: rows that must not be parted; None for equal canonical keys.
        group: int64 [G], for models that cut folds: strata such as the origin groups; None for deciles of the label.
    """

    space: str
    codes: CodeArray
    labels: NDArray[np.float32]
    train: IntArray
    valid: IntArray
    component: IntArray | None = None
    group: IntArray | None = None

    @classmethod
    def of(cls, data: LabelledTable, split: str | None = None) -> Table:
        """A dataset's rows with the training and validation parts of a split; None is the default one."""
        parts, groups = data.split(split), data.file.groups()
        return cls(
            data.space.name,
            data.codes(),
            data.labels,
            parts.train,
            parts.valid,
            components(data.file.canonical_keys(), data.file.run_ids()),
            None if groups is None else groups[1].astype(np.int64),
        )


@dataclass
class History:
    """What happened in a fit.

    Attributes:
        records: one for each epoch (or some rounds).
        best: the epoch, or round, that validation chose, counted from 1; 0 where it chose none.
        best_train: the lowest running training RMSE of any epoch, by OGB's name `BestTrain`.
    """

    records: list[Record] = field(default_factory=list)
    best: int = 0
    best_train: float = float("nan")


class Model(abc.ABC):
    """A model of architectures' labels.

    Attributes:
        name: as leaderboards show it.
        weights_file: the name of the file that `save` writes into a folder.
        config: its settings, with what they leave to the space or the device filled in.
    """

    name: str
    config: Any
    weights_file: str

    @abc.abstractmethod
    def fit(self, table: Table, seed: int, observer: Observer | None = None) -> History:
        """Fits the model; the same seed on the same machine gives the same model."""

    @abc.abstractmethod
    def predict(self, codes: CodeArray) -> NDArray[np.float32]:
        """Predictions for a table of codes, float32 [G, num_tasks], in the label's unit."""

    def predict_distribution(self, codes: CodeArray) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean and standard deviation, float32 [G, num_tasks] each; NaN where the model knows no deviation."""
        mean = self.predict(codes)
        return mean, np.full_like(mean, np.nan)

    @abc.abstractmethod
    def num_parameters(self) -> int:
        """The fitted numbers of the model."""

    @abc.abstractmethod
    def save(self, folder: Path) -> None:
        """Writes `weights_file` into a folder."""

    @abc.abstractmethod
    def load(self, folder: Path) -> None:
        """Reads what `save` wrote, in place of a fit.

        Raises:
            ConfigError: where the file does not fit the configuration.
        """


class ResumableModel(Model):
    """A model whose fit can go on where an interrupted one stopped."""

    @abc.abstractmethod
    def fit(self, table: Table, seed: int, observer: Observer | None = None, checkpoint: Path | None = None) -> History:
        """Fits the model; the same seed on the same machine gives the same model, interrupted or not.

        Args:
            table: what to fit on.
            seed: of everything random.
            observer: called after each epoch.
            checkpoint: a file that is written again and again, and from which the fit goes on if it is there. Whoever
                calls removes it in the end.

        Raises:
            ConfigError: where the checkpoint is damaged, or of another fit.
        """
