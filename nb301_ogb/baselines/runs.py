"""Run folders: what one training leaves behind, written whole or not at all, and read back with checks."""

from __future__ import annotations

import json
import math
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from nb301_ogb.baselines.config import Config, from_values, to_toml
from nb301_ogb.baselines.model import History
from nb301_ogb.errors import ConfigError
from nb301_ogb.jsonable import finite
from nb301_ogb.spaces.graphs import CodeArray, IntArray

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FORMAT = "nb301-ogb-run"
PARTS = ("valid", "test")
MARK = "config.toml"
"""The file by which a run folder is known."""


@dataclass(frozen=True)
class Predictions:
    """What a model says of one part of a split.

    Attributes:
        rows: int64 [B], rows of the dataset.
        codes: uint8 [B, C].
        y_pred: float32 [B, num_tasks], in the label's unit.
        y_true: float32 [B, num_tasks].
    """

    rows: IntArray
    codes: CodeArray
    y_pred: NDArray[np.float32]
    y_true: NDArray[np.float32]


@dataclass(frozen=True)
class RunInfo:
    """What a run was about.

    Attributes:
        model: the model's name.
        dataset: the dataset's name.
        content_hash: of the dataset.
        split: the split's name.
        seed: of the model.
        num_params: the model's parameters.
        targets: the targets of the label.
        runs: how the label was made from the runs.
        num_train: the rows that it was fitted on; 0 where that was not recorded.
    """

    model: str
    dataset: str
    content_hash: str
    split: str
    seed: int
    num_params: int
    targets: tuple[str, ...] = ("val_accuracy",)
    runs: str | int = "mean"
    num_train: int = 0


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        info: what it was about.
        config: of the model.
        predictions: by part, `valid` and `test`.
        metrics: for each part every metric, at the chosen epoch.
        records: one for each epoch.
        best: the epoch that validation chose; 0 where it chose none.
        best_train: the lowest running training RMSE of any epoch; NaN where the model has none.
        folder: where it lies.
    """

    info: RunInfo
    config: Config
    predictions: dict[str, Predictions]
    metrics: dict[str, dict[str, float]]
    records: list[dict[str, Any]]
    best: int
    best_train: float
    folder: Path

    @property
    def fit_seconds(self) -> float:
        """What the fit took, in seconds; NaN where the records of the run do not tell it."""
        return float(self.records[-1].get("seconds", math.nan)) if self.records else math.nan


@dataclass(frozen=True)
class RunPlace:
    """Where a run of one seed lies, and what stands beside it while it is made.

    Attributes:
        output: the folder for all seeds.
        seed: of the model.
    """

    output: Path
    seed: int

    @property
    def folder(self) -> Path:
        """Of the finished run."""
        return self.output / f"seed-{self.seed}"

    @property
    def checkpoint(self) -> Path:
        """The file from which an interrupted training goes on."""
        return self.output / f".seed-{self.seed}.checkpoint"

    def check_free(self) -> None:
        """Checks that neither a run nor a checkpoint is there.

        Raises:
            ConfigError: where one is.
        """
        if self.folder.exists():
            msg = (
                f"{self.folder} exists; say --resume to keep it and go on with the others, choose another --output, "
                "or say --overwrite."
            )
            raise ConfigError(msg)
        if self.checkpoint.exists():
            msg = (
                f"{self.checkpoint} is left of an interrupted training; say --resume to go on with it, or --overwrite "
                "to start anew."
            )
            raise ConfigError(msg)

    def clean(self) -> None:
        """Removes what interruptions have left beside the finished run."""
        self.checkpoint.unlink(missing_ok=True)
        for left in self.output.glob(f".{self.folder.name}.*.part"):
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)


def write_config(folder: Path, info: RunInfo, config: Config) -> None:
    """Writes `config.toml`: the dataset, the split, the seed, and every setting of the model."""
    head = {
        "format": FORMAT,
        "model": info.model,
        "dataset": info.dataset,
        "content_hash": info.content_hash,
        "split": info.split,
        "seed": info.seed,
        "num_params": info.num_params,
        "targets": info.targets,
        "runs": info.runs,
        "num_train": info.num_train,
    }
    (folder / "config.toml").write_text(to_toml(config, head), encoding="utf-8")


def write_metrics(folder: Path, history: History, metrics: dict[str, dict[str, float]]) -> None:
    """Writes `metrics.jsonl`: a line for each epoch, and a last one with the metrics at the chosen epoch."""
    last = {"final": True, "epoch": history.best, "best_train_rmse": history.best_train, **metrics}
    lines = [json.dumps(finite(record), allow_nan=False) for record in [*history.records, last]]
    (folder / "metrics.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_predictions(folder: Path, info: RunInfo, predictions: dict[str, Predictions]) -> None:
    """Writes `predictions.h5`: for each part rows, codes, predictions and labels, and what they belong to."""
    with h5py.File(folder / "predictions.h5", "w", locking=False) as file:
        file.attrs["format"] = FORMAT
        for key in ("model", "dataset", "content_hash", "split", "seed", "num_params"):
            file.attrs[key] = getattr(info, key)
        for part, found in predictions.items():
            group = file.create_group(part)
            for name, values in (
                ("row", found.rows),
                ("code", found.codes),
                ("y_pred", found.y_pred),
                ("y_true", found.y_true),
            ):
                group.create_dataset(name, data=values, compression="gzip", shuffle=True, track_times=False)


def read_run(folder: str | Path) -> Run:
    """Reads a run folder.

    Raises:
        ConfigError: where a file of it is missing or damaged.
    """
    folder = Path(folder)
    try:
        head = tomllib.loads((folder / "config.toml").read_text(encoding="utf-8"))
        config = from_values(head.pop("config"), str(folder / "config.toml"))
        head.pop("format")
        info = RunInfo(**{**head, "targets": tuple(head["targets"])})
        for name in ("seed", "num_params", "num_train"):
            if type(getattr(info, name)) is not int:
                raise ValueError(f"{name} = {getattr(info, name)!r} is no integer")
        lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        *records, last = [json.loads(line) for line in lines]
        predictions = _read_predictions(folder / "predictions.h5")
        metrics = {part: last[part] for part in (*PARTS, "train")}
        best_train = math.nan if last["best_train_rmse"] is None else last["best_train_rmse"]
        return Run(info, config, predictions, metrics, records, last["epoch"], best_train, folder)
    except (OSError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        msg = f"{folder} is no finished run folder ({error}); give one that `nb301-ogb train` wrote."
        raise ConfigError(msg) from error


def _read_predictions(path: Path) -> dict[str, Predictions]:
    with h5py.File(path, "r", locking=False) as file:
        return {
            part: Predictions(*(file[part][name][...] for name in ("row", "code", "y_pred", "y_true")))
            for part in PARTS
        }


def find_runs(folders: list[Path]) -> list[Path]:
    """The run folders among and directly below the given folders, in the order of their seeds.

    Raises:
        ConfigError: where a folder neither is nor holds a run.
    """
    found: list[Path] = []
    for folder in folders:
        if (folder / "predictions.h5").is_file():
            found.append(folder)
            continue
        inside = [entry.parent for entry in folder.glob("*/predictions.h5") if not entry.parent.name.startswith(".")]
        if not inside:
            msg = f"{folder} neither is nor holds a run folder; give one that `nb301-ogb train` wrote."
            raise ConfigError(msg)
        found += sorted(inside, key=lambda path: (len(path.name), path.name))
    return found
