"""What becomes of a finished run: its model, and its predictions judged again by the dataset's labels."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from nb301_ogb.baselines.model import Model
from nb301_ogb.baselines.models import make_model
from nb301_ogb.baselines.runs import PARTS, Run, read_run
from nb301_ogb.baselines.scores import official_score
from nb301_ogb.catalog import get_info
from nb301_ogb.errors import ConfigError
from nb301_ogb.loaders.labelled import LabelledTable


def load_model(run: Run, device: str = "cpu", threads: int = 1) -> Model:
    """The fitted model of a run.

    Raises:
        ConfigError: where its files are missing or damaged.
        MissingExtraError: where its library is not installed.
    """
    num_tasks = run.predictions["test"].y_pred.shape[1]
    model = make_model(run.config, get_info(run.info.dataset).space, num_tasks, device, threads)
    model.load(run.folder)
    return model


def dataset_of(run: Run, root: Path | None = None) -> LabelledTable:
    """The dataset that a run was made on, with the run's label.

    Raises:
        ConfigError: where the dataset here has other contents.
    """
    info = run.info
    table = LabelledTable(info.dataset, root, info.targets, info.runs)
    require_contents(table, info.content_hash, str(run.folder))
    return table


def require_contents(table: LabelledTable, content_hash: str, what: str) -> None:
    """Lets what was made on a dataset stay with its contents.

    Args:
        table: the dataset here.
        content_hash: of the dataset that `what` was made on.
        what: for the message.

    Raises:
        ConfigError: where the dataset here has other contents.
    """
    here = table.file.content_hash
    if here != content_hash:
        msg = (
            f"{what} was made on {table.info.name} with content hash {content_hash[:12]}, here it is {here[:12]}; use "
            "the same version of the dataset."
        )
        raise ConfigError(msg)


def learned_the_label(run: Run) -> bool:
    """Whether a run learned what the leaderboard judges and surrogates answer: the dataset's label, over all runs."""
    return run.info.targets == (get_info(run.info.dataset).label,) and run.info.runs == "mean"


def rescore(folder: Path, root: Path | None = None) -> Run:
    """The run with its metrics computed anew by the official evaluator.

    Raises:
        ConfigError: where the run belongs to other data, or its rows are not those of the split.
    """
    run = read_run(folder)
    info, table = run.info, dataset_of(run, root)
    rows = table.split(info.split).parts()
    metrics = dict(run.metrics)
    for part in PARTS:
        found = run.predictions[part]
        if not np.array_equal(found.rows, rows[part]):
            msg = f"{folder}: the rows of its {part} part are not those of split {info.split}; train it again."
            raise ConfigError(msg)
        metrics[part] = official_score(info.dataset, table.labels[rows[part]], found.y_pred)
    return dataclasses.replace(run, metrics=metrics)
