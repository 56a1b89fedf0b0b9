"""The experiment `leave_one_out`: models judged on a group of architectures of which they have seen none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nb301_ogb.baselines.runs import Run
from nb301_ogb.baselines.scores import score
from nb301_ogb.catalog import get_info
from nb301_ogb.errors import ConfigError
from nb301_ogb.experiments.report import NO_REMARKS, Remarks
from nb301_ogb.experiments.run_scores import over_seeds, scores_of
from nb301_ogb.experiments.trained import Trainings, missing_seeds, there
from nb301_ogb.loaders.labelled import LabelledTable
from nb301_ogb.spaces.graphs import IntArray

DATASET = "ogbg-nb301"
MODELS = ("lightgbm", "gin")
PREFIX = "leave_out_"
_LEAST = 10
"""Architectures of a group that a comparison with models that have seen the group needs."""


def leave_one_out(
    trainings: Trainings,
    output: str | Path,
    *,
    dataset: str = DATASET,
    models: Sequence[str] = MODELS,
    groups: Sequence[str] = (),
    compare: bool = True,
    remarks: Remarks = NO_REMARKS,
) -> dict[str, Any]:
    """Writes `report.html`, `report.md`, `report.json`, and as `.svg` and `.pdf` `leave_one_out` and `left_out`.

    Args:
        trainings: where the runs lie, and how missing ones are trained.
        output: the folder.
        dataset: its name; it must have splits `leave_out_<group>`.
        models: configurations of the package.
        groups: to leave out, each in its turn; by default all that have a split.
        compare: whether the models are fitted on the dataset's default split too, which leaves no group out, and
            judged there on each group's test architectures.
        remarks: what the report says beside its numbers.

    Returns:
        What `report.json` holds.

    Raises:
        ConfigError: where the dataset has no such splits, or a run is there that is of another job.
        DatasetNameError: for a dataset that does not exist.
        OutputError: where the disk does not take a run or the report.
        SweepError: where trainings failed.
    """
    from nb301_ogb.experiments.leave_one_out_page import write_page

    table = LabelledTable(get_info(dataset).name, trainings.root)
    name, default = table.info.name, table.info.default_split
    chosen = splits_of(table, groups)
    wanted = [*chosen.values(), *([default] if compare else [])]
    plan = {(split, model): trainings.trials(name, split, model) for split in wanted for model in models}
    runs = trainings.gather(plan)
    found = {}
    for group, split in chosen.items():
        rows = table.split(split).parts()
        labels = table.labels[rows["test"], 0].astype(np.float64)
        found[group] = {
            "split": split,
            "rows": {part: len(which) for part, which in rows.items()},
            "label": {"mean": float(np.nanmean(labels)), "std": float(np.nanstd(labels, ddof=1))},
            "models": {model: scores_of(known) for model in models if (known := there(runs[split, model]))},
            "missing": {
                model: missing for model in models if (missing := missing_seeds(runs[split, model], trainings.seeds))
            },
        }
    compared: dict[str, list[int]] = {}
    if compare:
        compared = {m: missing for m in models if (missing := missing_seeds(runs[default, m], trainings.seeds))}
        members = _rows_by_group(table, default)
        for group, one in found.items():
            one["seen"] = {
                model: seen
                for model in models
                if (seen := seen_scores(there(runs[default, model]), members[group])) is not None
            }
    numbers = {
        "experiment": "leave_one_out",
        **remarks.told(),
        "missing_compared": compared,
        "dataset": name,
        "label": table.info.label,
        "unit": table.file.target(table.info.label).unit,
        "compared_with": default if compare else None,
        "seeds": list(trainings.seeds),
        "models": list(models),
        "groups": found,
    }
    best = _shown_model(found, models)
    shown = {group: known[0] for group, split in chosen.items() if (known := there(runs[split, best]))}
    return write_page(Path(output).expanduser(), numbers, shown)


def splits_of(table: LabelledTable, wanted: Sequence[str] = ()) -> dict[str, str]:
    """The splits that leave a group out, by the group, in the order of the dataset's groups.

    Raises:
        ConfigError: where there is none, or none for a group that is wanted.
    """
    groups = table.file.groups()
    names = () if groups is None else groups[0]
    found = {group: PREFIX + group for group in names if PREFIX + group in table.file.split_names}
    if not found:
        msg = f"{table.info.name} has no splits {PREFIX}<group>; give a dataset that has, such as nb301."
        raise ConfigError(msg)
    for group in wanted:
        if group not in found:
            msg = f"{table.info.name} has no split that leaves {group!r} out; its groups are {', '.join(found)}."
            raise ConfigError(msg)
    return {group: split for group, split in found.items() if not wanted or group in wanted}


def _rows_by_group(table: LabelledTable, split: str) -> dict[str, IntArray]:
    """By group the rows of the dataset that are in the test part of a split."""
    groups = table.file.groups()
    assert groups is not None
    test = table.split(split).test
    return {group: test[groups[1][test] == number] for number, group in enumerate(groups[0])}


def seen_scores(runs: Sequence[Run], rows: IntArray) -> dict[str, Any] | None:
    """The scores of runs, over the seeds, on some rows of their test part; None for too few rows."""
    if not runs or len(rows) < _LEAST:
        return None
    found = []
    for run in runs:
        part = run.predictions["test"]
        chosen = np.isin(part.rows, rows)
        found.append(score(part.y_true[chosen].astype(np.float64), part.y_pred[chosen]))
    return {"rows": len(rows)} | {metric: over_seeds(one[metric] for one in found) for metric in found[0]}


def _shown_model(groups: Mapping[str, Any], models: Sequence[str]) -> str:
    """The model with the lowest validation RMSE, averaged over the groups that have it."""

    def error(model: str) -> float:
        values = [one["models"][model]["valid"]["rmse"]["mean"] for one in groups.values() if model in one["models"]]
        return float(np.mean(values)) if values else np.inf

    return min(models, key=error)
