"""Gradient-boosted tree ensembles on encoded architectures."""

from __future__ import annotations

import importlib
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.baselines.config import TreeConfig
from nb301_ogb.baselines.encodings import encode
from nb301_ogb.baselines.model import History, Model, Observer, Table
from nb301_ogb.errors import ConfigError, missing_extra
from nb301_ogb.spaces import Space, get_space
from nb301_ogb.spaces.graphs import CodeArray

_REPORT_EVERY = 100


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

    def __init__(self, config: TreeConfig, space: str, num_tasks: int = 1, threads: int = 0) -> None:
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
        return features[table.train], labels[table.train], features[table.valid], labels[table.valid]

    def _history(self, curve: list[float], best: int, seconds: float, observer: Observer | None) -> History:
        records = [
            {"epoch": position + 1, "valid": {"rmse": curve[position]}, "seconds": round(seconds, 3)}
            for position in range(len(curve))
            if (position + 1) % _REPORT_EVERY == 0 or position + 1 in (1, best, len(curve))
        ]
        for record in records if observer is not None else []:
            observer(record)  # type: ignore[misc]
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
        curve: dict[str, dict[str, list[float]]] = {}
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
                lightgbm.record_evaluation(curve),
            ],
        )
        seconds = time.perf_counter() - started
        return self._history(curve["valid_0"]["rmse"], self.booster.best_iteration, seconds, observer)

    def predict(self, codes: CodeArray) -> NDArray[np.float32]:
        """Predictions for a table of codes, float32 [G, 1], in the label's unit."""
        return self.booster.predict(self.encode(codes), num_threads=self.threads).astype(np.float32)[:, None]

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
        curve: dict[str, dict[str, list[float]]] = {}
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
                evals_result=curve,
                verbose_eval=False,
            )
        seconds = time.perf_counter() - started
        best = self.booster.best_iteration + 1
        self.booster = self.booster[:best]
        return self._history([float(v) for v in curve["valid"]["rmse"]], best, seconds, observer)

    def predict(self, codes: CodeArray) -> NDArray[np.float32]:
        """Predictions for a table of codes, float32 [G, 1], in the label's unit."""
        return self.booster.predict(self.library.DMatrix(self.encode(codes)))[:, None]

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
