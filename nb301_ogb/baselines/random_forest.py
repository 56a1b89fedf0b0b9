"""A random forest on encoded architectures, fitted by scikit-learn, kept and evaluated as arrays."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file

from nb301_ogb.baselines.encoded import RoundsModel, library
from nb301_ogb.baselines.encodings import Features, dense
from nb301_ogb.baselines.forest import Forest
from nb301_ogb.baselines.label_scale import SCALES
from nb301_ogb.baselines.model import History, Observer, Table
from nb301_ogb.baselines.settings import TreeConfig
from nb301_ogb.errors import ConfigError
from nb301_ogb.spaces.graphs import CodeArray


class RandomForestModel(RoundsModel):
    """A random forest (Breiman, Machine Learning 2001).

    Fitting needs scikit-learn; a saved model does without. Arguments and errors as for `EncodedModel`.
    """

    weights_file = "model.safetensors"
    config: TreeConfig
    forest: Forest

    def fit(self, table: Table, seed: int, observer: Observer | None = None) -> History:
        """Fits `rounds` trees to the training part; validation chooses nothing.

        Raises:
            ConfigError: for params that scikit-learn does not take.
            MissingExtraError: where scikit-learn is not installed.
        """
        ensemble = library("sklearn.ensemble", self.name, package="scikit-learn")
        x, y, x_valid, _ = self._parts(table)
        started = time.perf_counter()
        try:
            regressor = ensemble.RandomForestRegressor(
                n_estimators=self.config.rounds, random_state=seed, n_jobs=self.threads or None, **self.config.params
            )
            regressor.fit(x, y)
        except (TypeError, ValueError) as error:
            reason = str(error).splitlines()[0].rstrip(".")
            msg = f"the random forest cannot be fitted with these params ({reason}); see RandomForestRegressor."
            raise ConfigError(msg) from error
        self.forest = Forest.of([tree.tree_ for tree in regressor.estimators_])
        rounds = len(self.forest)
        return History(self._history(table, x_valid, rounds, rounds, started, observer).records)

    def _after(self, features: Features, marks: Sequence[int]) -> Iterator[NDArray]:
        values = self.forest.values(dense(features))
        return (values[:, :mark].mean(axis=1) for mark in marks)

    def predict(self, codes: CodeArray) -> NDArray[np.float32]:
        """The trees' mean on the label scale, float32 [G, 1], in the label's unit."""
        return self._labels(self.forest.values(self._dense(codes)).mean(axis=1))

    def predict_distribution(self, codes: CodeArray) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The prediction, and the standard deviation of the trees' own predictions about their mean."""
        values = self.forest.values(self._dense(codes))
        each = SCALES[self.config.label_scale].back(torch.from_numpy(values)).numpy()
        return self._labels(values.mean(axis=1)), each.std(axis=1).astype(np.float32)[:, None]

    def num_parameters(self) -> int:
        """Leaf values, and a feature and a threshold for each inner node."""
        return self.forest.num_parameters()

    def save(self, folder: Path) -> None:
        """Writes `model.safetensors`, the trees as arrays."""
        features = np.array([self.num_features], dtype=np.int64)
        save_file({"features": features, **self.forest.arrays()}, folder / self.weights_file)

    def load(self, folder: Path) -> None:
        """Reads `model.safetensors`.

        Raises:
            ConfigError: where it is damaged, or of a model with other features.
        """
        self.forest = Forest.of_arrays(self._read(folder), self.num_features)
