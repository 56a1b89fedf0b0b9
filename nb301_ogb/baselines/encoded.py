"""What models of encoded architectures share: features in, one complete target out."""

from __future__ import annotations

import abc
import dataclasses
import importlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from nb301_ogb.baselines.encodings import Features, default_encoding, dense, encode, num_features
from nb301_ogb.baselines.label_scale import SCALES, LabelScale
from nb301_ogb.baselines.model import History, Model, Observer, Record, Table
from nb301_ogb.baselines.scores import score
from nb301_ogb.baselines.settings import SVRConfig, TreeConfig
from nb301_ogb.errors import ConfigError, missing_extra
from nb301_ogb.spaces import Space, get_space
from nb301_ogb.spaces.graphs import CodeArray

_MARKS = 20


def library(name: str, model: str, extra: str = "trees", package: str | None = None) -> Any:
    """An optional library's module.

    Args:
        name: of the module.
        model: that needs it.
        extra: of this package that installs it.
        package: how the library is called where it is installed from, if not like its module.

    Raises:
        MissingExtraError: with the command that installs it.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise missing_extra(package or name.partition(".")[0], extra, f"the model {model}") from error


class EncodedModel(Model):
    """A model of encoded architectures.

    Args:
        config: the model and its training.
        space: the search space's name.
        num_tasks: must be 1.
        threads: that the library may use; 0 leaves it to the library.

    Attributes:
        config: with the encoding that is used.
        space: the search space.

    Raises:
        ConfigError: for several tasks, or an encoding that does not exist.
    """

    def __init__(self, config: TreeConfig | SVRConfig, space: str, num_tasks: int = 1, threads: int = 1) -> None:
        if num_tasks != 1:
            msg = f"the model {self._name_of(config)} predicts one target, not {num_tasks}; choose one."
            raise ConfigError(msg)
        self.space: Space = get_space(space)
        self.config = dataclasses.replace(config, encoding=config.encoding or default_encoding(self.space))
        self.name = self._name_of(config)
        self.threads = threads
        self.num_features = num_features(self.space, self.config.encoding)

    @staticmethod
    def _name_of(config: TreeConfig | SVRConfig) -> str:
        return config.library if isinstance(config, TreeConfig) else config.variant

    def encode(self, codes: CodeArray) -> Features:
        """float32 [G, features], what the model sees."""
        return encode(self.space, codes, self.config.encoding)

    def _dense(self, codes: CodeArray) -> NDArray[np.float32]:
        return dense(self.encode(codes))

    def _parts(self, table: Table) -> tuple[Features, NDArray, Features, NDArray]:
        """Features and labels on the label scale, of the training and of the validation part."""
        labels = table.labels[:, 0]
        if np.isnan(labels[table.train]).any() or np.isnan(labels[table.valid]).any():
            msg = f"the model {self.name} needs a measurement in every row; choose another target or run."
            raise ConfigError(msg)
        LabelScale.fitted(self.config.label_scale, table.labels[table.train])  # tells labels that do not fit
        scaled = SCALES[self.config.label_scale].there(torch.from_numpy(labels)).numpy()
        x, x_valid = self.encode(table.codes[table.train]), self.encode(table.codes[table.valid])
        return x, scaled[table.train], x_valid, scaled[table.valid]

    def _labels(self, scaled: NDArray) -> NDArray[np.float32]:
        """float32 [G, 1] in the label's unit from [G] on the label scale."""
        return SCALES[self.config.label_scale].back(torch.from_numpy(scaled)).float().numpy()[:, None]

    def _read(self, folder: Path) -> dict[str, NDArray]:
        """The arrays of a safetensors file.

        Raises:
            ConfigError: where it is damaged, or of a model with other features.
        """
        path = folder / self.weights_file
        try:
            found: dict[str, NDArray] = load_file(path)
            features = int(found["features"][0])
        except (OSError, SafetensorError, KeyError, IndexError) as error:
            msg = f"{path} holds no {self.name} model ({error}); give a folder that `save` wrote."
            raise ConfigError(msg) from error
        if features != self.num_features:
            msg = f"{path} was fitted on {features} features, its configuration gives {self.num_features}."
            raise ConfigError(msg)
        return found


class RoundsModel(EncodedModel):
    """A model that is a sum over rounds, of which validation chooses how many."""

    @abc.abstractmethod
    def _after(self, features: Features, marks: Sequence[int]) -> Iterator[NDArray]:
        """What the first so many rounds predict, [G] on the label scale, for each of some numbers that grow."""

    def _history(
        self, table: Table, features: Features, rounds: int, best: int, started: float, observer: Observer | None
    ) -> History:
        """Validation scores after some numbers of rounds, in the label's unit."""
        seconds = time.perf_counter() - started
        truth = table.labels[table.valid].astype(np.float64)
        marks = sorted({1, best, rounds, *np.linspace(1, rounds, _MARKS).round().astype(int).tolist()})
        records: list[Record] = []
        for mark, scaled in zip(marks, self._after(features, marks), strict=True):
            scores = score(truth, self._labels(scaled))
            records.append({"epoch": mark, "valid": scores, "seconds": round(seconds * mark / rounds, 3)})
            if observer is not None:
                observer(records[-1])
        return History(records, best)
