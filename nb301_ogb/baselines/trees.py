"""Gradient-boosted tree ensembles on encoded architectures."""

from __future__ import annotations

import abc
import importlib
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nb301_ogb.baselines.config import TreeConfig
from nb301_ogb.baselines.encodings import encode
from nb301_ogb.baselines.label_scale import SCALES, LabelScale
from nb301_ogb.baselines.model import History, Model, Observer, Record, Table
from nb301_ogb.baselines.scores import score
from nb301_ogb.errors import ConfigError, missing_extra
from nb301_ogb.spaces import Space, get_space
from nb301_ogb.spaces.graphs import CodeArray

_MARKS = 20


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise missing_extra(name, "trees", f"the model {name}") from error


class _TreeModel(Model):
    """What the libraries' models share: encoded architectures in, one target out.

    Args:
        config: the ensemble and its training.
        space: the search space's name.
        num_tasks: must be 1.
        threads: that the library may use; 0 leaves it to the library.

    Raises:
        ConfigError: for several tasks.
        MissingExtraError: where the library is not installed.
    """

    def __init__(self, config: TreeConfig, space: str, num_tasks: int = 1, threads: int = 1) -> None:
        if num_tasks != 1:
            msg = f"a tree ensemble predicts one target, not {num_tasks}; choose one."
            raise ConfigError(msg)
        self.config = config
        self.name = config.library
        self.space: Space = get_space(space)
        self.threads = threads
        self.library = _library(config.library)

    def encode(self, codes: CodeArray) -> NDArray[np.float32]:
        """float32 [G, features], what the trees see."""
        return encode(self.space, codes, self.config.encoding)

    def _parts(self, table: Table) -> tuple[NDArray, NDArray, NDArray, NDArray]:
        labels = table.labels[:, 0]
        if np.isnan(labels[table.train]).any() or np.isnan(labels[table.valid]).any():
            msg = "a tree ensemble needs a measurement in every row; choose another target or run."
            raise ConfigError(msg)
        features = self.encode(table.codes)
        LabelScale.fitted(self.config.label_scale, table.labels[table.train])  # tells labels that do not fit
        scaled = SCALES[self.config.label_scale].there(torch.from_numpy(labels)).numpy()
        return features[table.train], scaled[table.train], features[table.valid], scaled[table.valid]

    def _labels(self, scaled: NDArray) -> NDArray[np.float32]:
        return SCALES[self.config.label_scale].back(torch.from_numpy(scaled)).float().numpy()[:, None]

    @abc.abstractmethod
    def _after(self, features: NDArray[np.float32], rounds: int) -> NDArray:
        """What the first `rounds` trees predict, on the scale of the fit."""

    def _history(self, table: Table, rounds: int, best: int, seconds: float, observer: Observer | None) -> History:
        """Validation scores after some numbers of trees, in the label's unit."""
        features = self.encode(table.codes[table.valid])
        truth = table.labels[table.valid].astype(np.float64)
        marks = sorted({1, best, rounds, *np.linspace(1, rounds, _MARKS).round().astype(int).tolist()})
        records: list[Record] = []
        for mark in marks:
            scores = score(truth, self._labels(self._after(features, mark)))
            records.append({"epoch": mark, "valid": scores, "seconds": round(seconds * mark / rounds, 3)})
            if observer is not None:
                observer(records[-1])
        return History(records, best)


class LightGBMModel(_TreeModel):
    """LightGBM (Ke et al., NeurIPS 2017)."""

    weights_file = "model.txt"
    booster: Any = None

    def fit(self, table: Table, seed: int, observer: Observer | None = None) -> History:
        """Fits trees until the validation RMSE has not improved for `patience` rounds."""
        lightgbm = self.library
        x, y, x_valid, y_valid = self._parts(table)
        train = lightgbm.Dataset(x, y)
        valid = lightgbm.Dataset(x_valid, y_valid, reference=train)
        # One thread order, one result: the histogram's sums depend on how the rows are shared out.
        fixed = {"objective": "regression", "metric": "rmse", "verbosity": -1, "deterministic": True}
        fixed |= {"force_row_wise": True, "seed": seed, "num_threads": self.threads}
        started = time.perf_counter()
        self.booster = lightgbm.train(
            {**self.config.params, **fixed},
            train,
            self.config.rounds,
            valid_sets=[valid],
            callbacks=[
                lightgbm.early_stopping(self.config.patience, verbose=False),
            ],
        )
        seconds = time.perf_counter() - started
        rounds, best = self.booster.current_iteration(), self.booster.best_iteration
        history = self._history(table, rounds, best, seconds, observer)
        # What is kept, saved and counted is the chosen part.
        self.booster = lightgbm.Booster(model_str=self.booster.model_to_string(num_iteration=best))
        return history

    def _after(self, features: NDArray[np.float32], rounds: int) -> NDArray:
        return self.booster.predict(features, num_iteration=rounds, num_threads=self.threads)

    def predict(self, codes: CodeArray) -> NDArray[np.float32]:
        """Predictions for a table of codes, float32 [G, 1], in the label's unit."""
        return self._labels(self.booster.predict(self.encode(codes), num_threads=self.threads))

    def num_parameters(self) -> int:
        """Leaf values, and a feature and a threshold for each inner node."""
        leaves = sum(tree["num_leaves"] for tree in self.booster.dump_model()["tree_info"])
        trees = self.booster.current_iteration()
        return leaves + 2 * (leaves - trees)

    def save(self, folder: Path) -> None:
        """Writes `model.txt`, the library's own text format."""
        self.booster.save_model(str(folder / self.weights_file))

    def load(self, folder: Path) -> None:
        """Reads `model.txt`."""
        self.booster = self.library.Booster(model_file=str(folder / self.weights_file))


class XGBoostModel(_TreeModel):
    """XGBoost (Chen & Guestrin, KDD 2016)."""

    weights_file = "model.ubj"
    booster: Any = None

    def fit(self, table: Table, seed: int, observer: Observer | None = None) -> History:
        """Fits trees until the validation RMSE has not improved for `patience` rounds."""
        xgboost = self.library
        x, y, x_valid, y_valid = self._parts(table)
        train, valid = xgboost.DMatrix(x, label=y), xgboost.DMatrix(x_valid, label=y_valid)
        fixed = {"objective": "reg:squarederror", "eval_metric": "rmse", "seed": seed, "nthread": self.threads}
        started = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            self.booster = xgboost.train(
                {**self.config.params, **fixed},
                train,
                self.config.rounds,
                evals=[(valid, "valid")],
                early_stopping_rounds=self.config.patience,
                verbose_eval=False,
            )
        seconds = time.perf_counter() - started
        rounds, best = self.booster.num_boosted_rounds(), self.booster.best_iteration + 1
        history = self._history(table, rounds, best, seconds, observer)
        self.booster = self.booster[:best]
        return history

    def _after(self, features: NDArray[np.float32], rounds: int) -> NDArray:
        return self.booster.predict(self.library.DMatrix(features), iteration_range=(0, rounds))

    def predict(self, codes: CodeArray) -> NDArray[np.float32]:
        """Predictions for a table of codes, float32 [G, 1], in the label's unit."""
        return self._labels(self.booster.predict(self.library.DMatrix(self.encode(codes))))

    def num_parameters(self) -> int:
        """Leaf values, and a feature and a threshold for each inner node."""
        text = "".join(self.booster.get_dump())
        leaves = text.count("leaf=")
        return leaves + 2 * (leaves - self.booster.num_boosted_rounds())

    def save(self, folder: Path) -> None:
        """Writes `model.ubj`, the library's own format."""
        self.booster.save_model(folder / self.weights_file)

    def load(self, folder: Path) -> None:
        """Reads `model.ubj`."""
        self.booster = self.library.Booster()
        self.booster.load_model(folder / self.weights_file)


TREES: dict[str, type[LightGBMModel] | type[XGBoostModel]] = {"lightgbm": LightGBMModel, "xgboost": XGBoostModel}
