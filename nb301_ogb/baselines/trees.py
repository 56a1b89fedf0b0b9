"""Gradient-boosted tree ensembles on encoded architectures."""

from __future__ import annotations

import hashlib
import re
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.baselines.encoded import RoundsModel, library
from nb301_ogb.baselines.encodings import Features
from nb301_ogb.baselines.model import History, Observer, Table
from nb301_ogb.baselines.settings import TreeConfig
from nb301_ogb.errors import ConfigError
from nb301_ogb.spaces.graphs import CodeArray

_MARK = b"\nsha256:"
_FEW = 8
"""Rows on which parameters are tried before the fit."""
_UNUSED = re.compile(r"Parameters: \{(.*?)\} are not used", re.DOTALL)
_QUOTED = re.compile(r'"(.*?)"')
_LEAVES = re.compile(r"^num_leaves=(\d+)$", re.MULTILINE)


class _BoosterModel(RoundsModel):
    """A library's gradient-boosted trees (arguments and errors as for `EncodedModel`).

    Raises:
        MissingExtraError: where the library is not installed.
    """

    config: TreeConfig

    def __init__(self, config: TreeConfig, space: str, num_tasks: int = 1, threads: int = 1) -> None:
        super().__init__(config, space, num_tasks, threads)
        self.library = library(config.library, config.library)

    def _write(self, folder: Path, content: bytes) -> None:
        """Writes what the library gives, and a last line with its digest, which the library itself passes over."""
        (folder / self.weights_file).write_bytes(content + _MARK + _digest(content))

    def _content(self, folder: Path) -> bytes:
        """What `_write` was given; the libraries end the whole process on some damaged files, so they see none.

        Raises:
            ConfigError: where the file is not there, or damaged.
        """
        path = folder / self.weights_file
        try:
            content, mark, digest = path.read_bytes().rpartition(_MARK)
        except OSError as error:
            raise _damaged(path, error) from error
        if not mark or digest != _digest(content):
            raise _damaged(path, ValueError("its bytes are not those that `save` wrote"))
        return content

    def _check_features(self, features: int, folder: Path) -> None:
        path = folder / self.weights_file
        if features != self.num_features:
            msg = f"{path} was fitted on {features} features, its configuration gives {self.num_features}."
            raise ConfigError(msg)

    def _with(self, fixed: dict[str, Any], same: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The parameters for the library: the configuration's, and those that the model decides.

        Args:
            fixed: the latter.
            same: the one name of a parameter for each that the library takes, where it has several.

        Raises:
            ConfigError: where the configuration sets one of the latter.
        """
        same = same or {}
        decided = {same.get(name, name) for name in fixed}
        taken = sorted(name for name in self.config.params if same.get(name, name) in decided)
        if taken:
            msg = f"{self.name} sets {', '.join(taken)} itself; take that out of [params]."
            raise ConfigError(msg)
        return {**self.config.params, **fixed}

    @contextmanager
    def _told(self, error: type[Exception]) -> Iterator[None]:
        """Tells an error of the library, which is one of the parameters, in a sentence."""
        try:
            yield
        except (error, TypeError, ValueError) as found:
            reason = str(found).strip().splitlines()[0]
            msg = f"{self.name} cannot be fitted with the [params] of its configuration: {reason}"
            raise ConfigError(msg) from found

    def _refuse(self, unknown: Iterable[str]) -> None:
        names = sorted(unknown)
        if names:
            msg = f"{self.name} has no use for {', '.join(names)} in [params]; correct the name or take it out."
            raise ConfigError(msg)


class LightGBMModel(_BoosterModel):
    """LightGBM (Ke et al., NeurIPS 2017)."""

    weights_file = "model.txt"
    booster: Any = None

    def fit(self, table: Table, seed: int, observer: Observer | None = None) -> History:
        """Fits trees until the validation RMSE has not improved for `patience` rounds.

        Raises:
            ConfigError: for parameters that the library does not have or take, or that the model decides.
        """
        lightgbm = self.library
        same = _lightgbm_names(lightgbm)
        self._refuse(set(self.config.params) - set(same) if same else ())
        x, y, x_valid, y_valid = self._parts(table)
        train = lightgbm.Dataset(x, y)
        valid = lightgbm.Dataset(x_valid, y_valid, reference=train)
        # One thread order, one result: the histogram's sums depend on how the rows are shared out.
        fixed = {"objective": "regression", "metric": "rmse", "verbosity": -1, "deterministic": True}
        fixed |= {"force_row_wise": True, "seed": seed, "num_threads": self.threads}
        params = self._with({**fixed, "num_iterations": self.config.rounds}, same)
        stop = lightgbm.early_stopping(self.config.patience, verbose=False)
        started = time.perf_counter()
        with self._told(lightgbm.basic.LightGBMError):
            self.booster = lightgbm.train(params, train, valid_sets=[valid], callbacks=[stop])
        rounds, best = self.booster.current_iteration(), self.booster.best_iteration
        history = self._history(table, x_valid, rounds, best, started, observer)
        # What is kept, saved and counted is the chosen part.
        self.booster = lightgbm.Booster(model_str=self.booster.model_to_string(num_iteration=best))
        return history

    def _after(self, features: Features, marks: Sequence[int]) -> Iterator[NDArray]:
        total, done = np.zeros(features.shape[0]), 0
        for mark in marks:
            if mark > done:  # a booster that is asked for no rounds answers with all of them
                more = self.booster.predict(
                    features, start_iteration=done, num_iteration=mark - done, num_threads=self.threads
                )
                total, done = total + more, mark
            yield total

    def predict(self, codes: CodeArray) -> NDArray[np.float32]:
        """Predictions for a table of codes, float32 [G, 1], in the label's unit."""
        return self._labels(self.booster.predict(self.encode(codes), num_threads=self.threads))

    def num_parameters(self) -> int:
        """Leaf values, and a feature and a threshold for each inner node."""
        leaves = sum(map(int, _LEAVES.findall(self.booster.model_to_string())))
        trees = self.booster.current_iteration()
        return leaves + 2 * (leaves - trees)

    def save(self, folder: Path) -> None:
        """Writes `model.txt`, the library's own text format and a line with its digest."""
        self._write(folder, self.booster.model_to_string().encode())

    def load(self, folder: Path) -> None:
        """Reads `model.txt`.

        Raises:
            ConfigError: where it is damaged, or of a model with other features.
        """
        self.booster = self.library.Booster(model_str=self._content(folder).decode())
        self._check_features(self.booster.num_feature(), folder)


class XGBoostModel(_BoosterModel):
    """XGBoost (Chen & Guestrin, KDD 2016)."""

    weights_file = "model.ubj"
    booster: Any = None

    def fit(self, table: Table, seed: int, observer: Observer | None = None) -> History:
        """Fits trees until the validation RMSE has not improved for `patience` rounds.

        Raises:
            ConfigError: for parameters that the library does not have or take, or that the model decides.
        """
        xgboost = self.library
        x, y, x_valid, y_valid = self._parts(table)
        train, valid = xgboost.DMatrix(x, label=y), xgboost.DMatrix(x_valid, label=y_valid)
        fixed = {"objective": "reg:squarederror", "eval_metric": "rmse", "seed": seed, "nthread": self.threads}
        params = self._with(fixed)
        with warnings.catch_warnings(record=True) as told, self._told(xgboost.core.XGBoostError):
            warnings.simplefilter("always", UserWarning)
            xgboost.train(params, xgboost.DMatrix(x[:_FEW], label=y[:_FEW]), 1)  # it tells of the names as it begins
        unused = " ".join(part for one in told for part in _UNUSED.findall(str(one.message)))
        self._refuse(_QUOTED.findall(unused))
        started = time.perf_counter()
        with warnings.catch_warnings(), self._told(xgboost.core.XGBoostError):
            warnings.simplefilter("ignore", UserWarning)
            self.booster = xgboost.train(
                params,
                train,
                self.config.rounds,
                evals=[(valid, "valid")],
                early_stopping_rounds=self.config.patience,
                verbose_eval=False,
            )
        rounds, best = self.booster.num_boosted_rounds(), self.booster.best_iteration + 1
        history = self._history(table, x_valid, rounds, best, started, observer)
        self.booster = self.booster[:best]
        return history

    def _after(self, features: Features, marks: Sequence[int]) -> Iterator[NDArray]:
        matrix = self.library.DMatrix(features)
        return (self.booster.predict(matrix, iteration_range=(0, mark)) for mark in marks)

    def predict(self, codes: CodeArray) -> NDArray[np.float32]:
        """Predictions for a table of codes, float32 [G, 1], in the label's unit."""
        return self._labels(self.booster.predict(self.library.DMatrix(self.encode(codes))))

    def num_parameters(self) -> int:
        """Leaf values, and a feature and a threshold for each inner node."""
        text = "".join(self.booster.get_dump())
        leaves = text.count("leaf=")
        return leaves + 2 * (leaves - self.booster.num_boosted_rounds())

    def save(self, folder: Path) -> None:
        """Writes `model.ubj`, the library's own format and a line with its digest."""
        self._write(folder, bytes(self.booster.save_raw("ubj")))

    def load(self, folder: Path) -> None:
        """Reads `model.ubj`.

        Raises:
            ConfigError: where it is damaged, or of a model with other features.
        """
        content = self._content(folder)
        self.booster = self.library.Booster()
        self.booster.load_model(bytearray(content))
        self._check_features(self.booster.num_features(), folder)
        if self.threads:
            self.booster.set_param({"nthread": self.threads})


def _lightgbm_names(lightgbm: Any) -> dict[str, str]:
    """The one name of a parameter for each that LightGBM takes; empty where the library does not tell.

    LightGBM passes over names that it does not know, and its list of them has no public name.
    """
    tell = getattr(getattr(lightgbm.basic, "_ConfigAliases", None), "_get_all_param_aliases", dict)
    return {alias: name for name, aliases in tell().items() for alias in (name, *aliases)}


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode() + b"\n"


def _damaged(path: Path, error: Exception) -> ConfigError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return ConfigError(f"{path} holds no model of its library ({reason}); train it again.")


TREES: dict[str, type[LightGBMModel] | type[XGBoostModel]] = {"lightgbm": LightGBMModel, "xgboost": XGBoostModel}
