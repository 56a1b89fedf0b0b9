"""Judging a finished run again: predictions from the run, labels from the dataset."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from nb301_ogb.baselines.runs import PARTS, Run, read_run
from nb301_ogb.errors import ConfigError
from nb301_ogb.evaluators.evaluator import Evaluator
from nb301_ogb.loaders.labelled import LabelledTable


def rescore(folder: Path, root: Path | None = None) -> Run:
    """The run with its metrics computed anew by the official evaluator.

    Raises:
        ConfigError: where the run belongs to other data, or its rows are not those of the split.
    """
    run = read_run(folder)
    info = run.info
    table = LabelledTable(info.dataset, root, info.targets, info.runs)
    if table.file.content_hash != info.content_hash:
        msg = (
            f"{folder} was made on {info.dataset} with content hash {info.content_hash[:12]}, here it is "
            f"{table.file.content_hash[:12]}; use the same version of the dataset."
        )
        raise ConfigError(msg)
    rows = table.split(info.split).parts()
    evaluator = Evaluator(info.dataset, num_tasks=table.labels.shape[1])
    metrics = dict(run.metrics)
    for part in PARTS:
        found = run.predictions[part]
        if not np.array_equal(found.rows, rows[part]):
            msg = f"{folder}: the rows of its {part} part are not those of split {info.split}; train it again."
            raise ConfigError(msg)
        metrics[part] = evaluator.eval({"y_true": table.labels[rows[part]], "y_pred": found.y_pred})
    return dataclasses.replace(run, metrics=metrics)
