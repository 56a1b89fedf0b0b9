"""Training a reference model on a dataset's split, one run folder a seed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np

from nb301_ogb.baselines import runs
from nb301_ogb.baselines.config import Config
from nb301_ogb.baselines.environment import environment
from nb301_ogb.baselines.model import Record, Table
from nb301_ogb.baselines.models import make_model
from nb301_ogb.baselines.report import write_report
from nb301_ogb.errors import ConfigError
from nb301_ogb.evaluators.evaluator import Evaluator
from nb301_ogb.loaders.labelled import LabelledTable

Progress = Callable[[int, Record], None]
"""Called with the seed and each epoch's record."""


@dataclass(frozen=True)
class Job:
    """What to train, and on what.

    Attributes:
        dataset: its name.
        config: of the model.
        split: its name, or None for the dataset's default.
        root: a folder of datasets, or None.
        device: for networks: `auto`, `cpu`, `cuda` or `cuda:N`.
        threads: how many the model may use on the CPU; 0 leaves it to its library.
        targets: the targets of the label.
        runs: how the label is made from the runs.
        train_rows: at most so many rows of the training part, its first in a fixed random order; None for all.
    """

    dataset: str
    config: Config
    split: str | None = None
    root: Path | None = None
    device: str = "auto"
    threads: int = 1
    targets: tuple[str, ...] = ("val_accuracy",)
    runs: str | int = "mean"
    train_rows: int | None = None


def train(
    job: Job, seeds: Sequence[int], output: Path, overwrite: bool = False, progress: Progress | None = None
) -> list[runs.Run]:
    """Trains one model a seed and writes `output/seed-<seed>`, then `summary.json` and `report.html` over all of them.

    Raises:
        ConfigError: where a run folder exists, or a setting is wrong.
    """
    output = Path(output)
    folders = [output / f"seed-{seed}" for seed in seeds]
    taken = [folder for folder in folders if folder.exists()]
    if taken and not overwrite:
        msg = f"{taken[0]} exists; choose another --output, or say --overwrite."
        raise ConfigError(msg)
    table = LabelledTable(job.dataset, job.root, job.targets, job.runs)
    finished = [
        _train_one(job, table, seed, folder, overwrite, progress) for seed, folder in zip(seeds, folders, strict=True)
    ]
    write_summary(output, finished)
    return finished


def _train_one(
    job: Job, table: LabelledTable, seed: int, folder: Path, overwrite: bool, progress: Progress | None
) -> runs.Run:
    split = table.split(job.split)
    model = make_model(job.config, table.space.name, table.labels.shape[1], job.device, job.threads)
    codes = table.codes()
    train_rows = split.train
    if job.train_rows is not None and job.train_rows < len(train_rows):
        train_rows = np.sort(np.random.default_rng(0).permutation(train_rows)[: job.train_rows])
    rows = Table(table.space.name, codes, table.labels, train_rows, split.valid)
    with runs.new_folder(folder, overwrite) as temporary:
        history = model.fit(rows, seed, None if progress is None else lambda record: progress(seed, record))
        predictions = {
            part: runs.Predictions(where, codes[where], model.predict(codes[where]), table.labels[where])
            for part, where in (("valid", split.valid), ("test", split.test))
        }
        evaluator = Evaluator(table.info.name, num_tasks=table.labels.shape[1])
        metrics = {
            part: evaluator.eval({"y_true": found.y_true, "y_pred": found.y_pred})
            for part, found in predictions.items()
        }
        # Training rows are judged once, at the chosen epoch.
        on_train = {"y_true": table.labels[train_rows], "y_pred": model.predict(codes[train_rows])}
        metrics["train"] = evaluator.eval(on_train)
        info = runs.RunInfo(
            model=model.name,
            dataset=table.info.name,
            content_hash=table.file.content_hash,
            split=job.split or table.info.default_split,
            seed=seed,
            num_params=model.num_parameters(),
            targets=table.targets,
            runs=table.runs,
        )
        runs.write_config(temporary, info, job.config)
        runs.write_metrics(temporary, history, metrics)
        runs.write_predictions(temporary, info, predictions)
        model.save(temporary)
        (temporary / "environment.json").write_text(json.dumps(environment(), indent=1) + "\n", encoding="utf-8")
        write_report(temporary / "report.html", [runs.read_run(temporary)])
    return runs.read_run(folder)


def summarise(finished: Sequence[runs.Run]) -> dict[str, Any]:
    """Mean and unbiased standard deviation of every metric over the seeds, as plain values.

    The standard deviation is NaN, null in JSON, for a single seed.
    """
    info = finished[0].info
    summary: dict[str, Any] = {
        "model": info.model,
        "dataset": info.dataset,
        "split": info.split,
        "num_params": info.num_params,
        "seeds": [run.info.seed for run in finished],
    }
    for part in runs.PARTS:
        summary[part] = {}
        for metric in finished[0].metrics[part]:
            values = [run.metrics[part][metric] for run in finished]
            summary[part][metric] = {
                "mean": fmean(values),
                "std": stdev(values) if len(values) > 1 else math.nan,
                "values": values,
            }
    return summary


def write_summary(output: Path, finished: Sequence[runs.Run]) -> dict[str, Any]:
    """Writes `summary.json` and `report.html` over several seeds."""
    summary = summarise(finished)
    text = json.dumps(_without_nan(summary), indent=1)
    (output / "summary.json").write_text(text + "\n", encoding="utf-8")
    write_report(output / "report.html", list(finished))
    return summary


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
