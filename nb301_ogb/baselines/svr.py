"""Support vector regression on encoded architectures, fitted by scikit-learn, kept and evaluated as arrays."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from nb301_ogb.baselines.encoded import EncodedModel, library
from nb301_ogb.baselines.encodings import dense
from nb301_ogb.baselines.label_scale import LabelScale
from nb301_ogb.baselines.model import History, Observer, Record, Table
from nb301_ogb.baselines.scores import score
from nb301_ogb.baselines.settings import SVRConfig
from nb301_ogb.errors import ConfigError
from nb301_ogb.spaces.graphs import CodeArray

VARIANTS = ("svr", "nu_svr")
_CHUNK = 1 << 22
"""Kernel values that are computed at once."""
_CACHE = 1000
"""MB that the solver keeps of the kernel."""


class SVRModel(EncodedModel):
    """Epsilon-SVR and nu-SVR (Smola & Schoelkopf, Statistics and Computing 2004) with a Gaussian kernel.

    The fit is exact, so the seed changes nothing. It needs scikit-learn; a saved model does without. Arguments and
    errors as for `EncodedModel`.
    """

    weights_file = "model.safetensors"
    config: SVRConfig
    vectors: NDArray[np.float64]
    weights: NDArray[np.float64]
    offset: float
    gamma: float
    shift: float
    spread: float

    def __init__(self, config: SVRConfig, space: str, num_tasks: int = 1, threads: int = 1) -> None:
        if config.variant not in VARIANTS:
            msg = f"variant = {config.variant!r} is no choice; allowed are {', '.join(VARIANTS)}."
            raise ConfigError(msg)
        super().__init__(config, space, num_tasks, threads)

    def fit(self, table: Table, seed: int, observer: Observer | None = None) -> History:
        """Fits the training part; validation chooses nothing.

        Raises:
            MissingExtraError: where scikit-learn is not installed.
        """
        svm = library("sklearn.svm", self.name, package="scikit-learn")
        config = self.config
        x, y, _, _ = self._parts(table)
        x = dense(x).astype(np.float64)
        scale = LabelScale.fitted(config.label_scale, table.labels[table.train])
        self.shift, self.spread = float(scale.shift[0]), float(scale.spread[0])
        spread = float(x.var())
        self.gamma = config.gamma or (1.0 / (x.shape[1] * spread) if spread > 0 else 1.0)
        common = {"C": config.C, "gamma": self.gamma, "shrinking": config.shrinking, "cache_size": _CACHE}
        started = time.perf_counter()
        solver = svm.SVR(epsilon=config.epsilon, **common) if self.name == "svr" else svm.NuSVR(nu=config.nu, **common)
        solver.fit(x, (y.astype(np.float64) - self.shift) / self.spread)
        self.vectors = np.ascontiguousarray(solver.support_vectors_)
        self.weights = np.ascontiguousarray(solver.dual_coef_[0])
        self.offset = float(solver.intercept_[0])
        record: Record = {
            "epoch": 1,
            "valid": score(table.labels[table.valid].astype(np.float64), self.predict(table.codes[table.valid])),
            "seconds": round(time.perf_counter() - started, 3),
        }
        if observer is not None:
            observer(record)
        return History([record])

    def _standard(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Predictions on the standardised scale: the sum over support vectors v of w exp(-gamma |x - v|^2), and b."""
        found = np.empty(len(features), dtype=np.float64)
        squares = np.square(self.vectors).sum(axis=1)
        rows = max(1, _CHUNK // max(1, len(self.vectors)))
        for start in range(0, len(features), rows):
            x = features[start : start + rows].astype(np.float64)
            far = np.square(x).sum(axis=1)[:, None] + squares - 2 * (x @ self.vectors.T)
            found[start : start + rows] = np.exp(-self.gamma * np.maximum(far, 0.0)) @ self.weights + self.offset
        return found

    def predict(self, codes: CodeArray) -> NDArray[np.float32]:
        """Predictions for a table of codes, float32 [G, 1], in the label's unit."""
        return self._labels(self._standard(self._dense(codes)) * self.spread + self.shift)

    def num_parameters(self) -> int:
        """The support vectors, their weights, and the offset."""
        return self.vectors.size + self.weights.size + 1

    def save(self, folder: Path) -> None:
        """Writes `model.safetensors`: support vectors and weights, and the kernel's and the label's constants."""
        constants = np.array([self.offset, self.gamma, self.shift, self.spread])
        features = np.array([self.num_features], dtype=np.int64)
        arrays = {"features": features, "vectors": self.vectors, "weights": self.weights, "constants": constants}
        save_file(arrays, folder / self.weights_file)

    def load(self, folder: Path) -> None:
        """Reads `model.safetensors`.

        Raises:
            ConfigError: where it is damaged, or of a model with other features.
        """
        found = self._read(folder)
        try:
            self.vectors, self.weights = found["vectors"], found["weights"]
            self.offset, self.gamma, self.shift, self.spread = map(float, found["constants"])
            if self.vectors.shape != (len(self.weights), self.num_features):
                raise ValueError(self.vectors.shape)
        except (KeyError, ValueError) as error:
            msg = f"{folder / self.weights_file} holds no {self.name} model ({error}); give a folder that `save` wrote."
            raise ConfigError(msg) from error
