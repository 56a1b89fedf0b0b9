"""NGBoost on encoded architectures: a normal distribution for each, fitted by the library, kept as arrays."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from nb301_ogb.baselines.encoded import RoundsModel, library
from nb301_ogb.baselines.encodings import Features, dense
from nb301_ogb.baselines.forest import Forest
from nb301_ogb.baselines.model import History, Observer, Table
from nb301_ogb.baselines.settings import TreeConfig
from nb301_ogb.errors import ConfigError
from nb301_ogb.spaces.graphs import CodeArray

_TREE = ("max_depth", "min_samples_split", "min_samples_leaf", "max_features", "max_leaf_nodes", "criterion")


class NGBoostModel(RoundsModel):
    """Natural gradient boosting (Duan et al., ICML 2020) with a normal distribution on the label scale.

    Each round adds a tree to the mean m and one to the logarithm of the standard deviation s. Of the settings in
    `params`, those of a tree (`max_depth`, ...) go to scikit-learn's regression tree, the others to `NGBRegressor`.

    Fitting needs ngboost; a saved model does without. Arguments and errors as for `EncodedModel`.
    """

    weights_file = "model.safetensors"
    config: TreeConfig
    forest: Forest
    start: NDArray[np.float64]
    steps: NDArray[np.float64]

    def fit(self, table: Table, seed: int, observer: Observer | None = None) -> History:
        """Adds rounds until the validation likelihood has not improved for `patience` rounds.

        Raises:
            ConfigError: for a setting that neither the library nor its trees have, or a value that they do not take.
            MissingExtraError: where ngboost is not installed.
        """
        ngboost = library("ngboost", self.name, extra="ngboost")
        tree = library("sklearn.tree", self.name, package="scikit-learn")
        x, y, x_valid, y_valid = (dense(part) if part.ndim == 2 else part for part in self._parts(table))
        started = time.perf_counter()
        params = dict(self.config.params)
        own = {name: params.pop(name) for name in _TREE if name in params}
        try:
            regressor = ngboost.NGBRegressor(
                Base=tree.DecisionTreeRegressor(random_state=seed, **own),
                n_estimators=self.config.rounds,
                random_state=seed,
                verbose=False,
                **params,
            )
            regressor.fit(x, y, X_val=x_valid, Y_val=y_valid, early_stopping_rounds=self.config.patience)
        except (TypeError, ValueError) as error:
            reason = str(error).strip().splitlines()[0]
            msg = f"NGBoost does not take these params ({reason}); see the arguments of NGBRegressor."
            raise ConfigError(msg) from error
        self._take(regressor)
        rounds, best = len(self.steps), int(regressor.best_val_loss_itr) + 1
        history = self._history(table, x_valid, rounds, best, started, observer)
        self.forest, self.steps = self.forest.first(2 * best), self.steps[:best]
        return history

    def _take(self, regressor: Any) -> None:
        trees = [model.tree_ for pair in regressor.base_models for model in pair]
        columns = [column for column in regressor.col_idxs for _ in range(2)]
        self.forest = Forest.of(trees, columns)
        self.start = np.asarray(regressor.init_params, dtype=np.float64)
        self.steps = regressor.learning_rate * np.asarray(regressor.scalings, dtype=np.float64)

    def _parameters(self, features: Features, rounds: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation after some rounds, float64 [G] each, on the label scale."""
        each = self.forest.first(2 * rounds).values(dense(features)).reshape(-1, rounds, 2)
        mean, log_std = (self.start - np.einsum("gkp,k->gp", each, self.steps[:rounds])).T
        return mean, np.exp(log_std)

    def _after(self, features: Features, marks: Sequence[int]) -> Iterator[NDArray]:
        return (self._shifted(*self._parameters(features, mark)) for mark in marks)

    def _shifted(self, mean: NDArray[np.float64], std: NDArray[np.float64]) -> NDArray[np.float64]:
        """What stands for the expected label: on a logarithmic scale the logarithm of exp(X)'s mean, m + s^2 / 2."""
        return mean if self.config.label_scale == "linear" else mean + std**2 / 2

    def predict(self, codes: CodeArray) -> NDArray[np.float32]:
        """The mean of the distribution, float32 [G, 1], in the label's unit."""
        return self.predict_distribution(codes)[0]

    def predict_distribution(self, codes: CodeArray) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean and standard deviation of the distribution, float32 [G, 1] each, in the label's unit.

        On a logarithmic scale the label, or its distance from 100, is lognormal: its mean is M = exp(m + s^2 / 2), its
        standard deviation M sqrt(exp(s^2) - 1).
        """
        mean, std = self._parameters(self.encode(codes), len(self.steps))
        place = self._shifted(mean, std)
        if self.config.label_scale != "linear":
            std = np.exp(place) * np.sqrt(np.expm1(std**2))
        return self._labels(place), std.astype(np.float32)[:, None]

    def num_parameters(self) -> int:
        """Leaf values, a feature and a threshold for each inner node, a step for each round, and where it starts."""
        return self.forest.num_parameters() + len(self.steps) + len(self.start)

    def save(self, folder: Path) -> None:
        """Writes `model.safetensors`: the trees as arrays, the steps, and where the sum starts."""
        features = np.array([self.num_features], dtype=np.int64)
        own = {"features": features, "start": self.start, "steps": np.ascontiguousarray(self.steps)}
        save_file(own | self.forest.arrays(), folder / self.weights_file)

    def load(self, folder: Path) -> None:
        """Reads `model.safetensors`.

        Raises:
            ConfigError: where it is damaged, or of a model with other features.
        """
        found = self._read(folder)
        self.forest = Forest.of_arrays(found, self.num_features)
        if "start" not in found or "steps" not in found or 2 * len(found["steps"]) != len(self.forest):
            msg = f"{folder / self.weights_file} holds no {self.name} model; give a folder that `save` wrote."
            raise ConfigError(msg)
        self.start, self.steps = found["start"], found["steps"]
