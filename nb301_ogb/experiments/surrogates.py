"""The experiment `surrogates`: every model on every dataset, judged, and timed when it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nb301_ogb.baselines.finished import load_model
from nb301_ogb.baselines.runs import Run
from nb301_ogb.catalog import get_info
from nb301_ogb.experiments.query_time import query_times
from nb301_ogb.experiments.report import NO_REMARKS, Remarks
from nb301_ogb.experiments.run_scores import scores_of
from nb301_ogb.experiments.trained import Trainings, missing_seeds, there
from nb301_ogb.loaders.labelled import LabelledTable

Runs = Mapping[str, Mapping[str, Sequence[Run | None]]]
"""By dataset and model a run for each seed, None where it is missing."""

DATASETS = ("ogbg-nb201-cifar10", "ogbg-nb201-cifar100", "ogbg-nb201-imagenet16")
MODELS = (
    "gin", "gin-virtual", "gcn", "gcn-virtual", "ensemble", "lightgbm", "xgboost", "random_forest", "ngboost", "mlp",
    "svr", "nu_svr",
)  # fmt: skip


def surrogates(
    trainings: Trainings,
    output: str | Path,
    *,
    datasets: Sequence[str] = DATASETS,
    models: Sequence[str] = MODELS,
    split: str = "equivalence",
    query_time: bool = True,
    remarks: Remarks = NO_REMARKS,
    report: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Writes `report.html`, `report.md`, `report.json`, and as `.svg` and `.pdf` `surrogates` and `predicted`.

    Args:
        trainings: where the runs lie, and how missing ones are trained.
        output: the folder.
        datasets: their names.
        models: configurations of the package.
        split: of all datasets.
        query_time: whether a run of each model is loaded and timed.
        remarks: what the report says beside its numbers.
        report: told what is timed.

    Returns:
        What `report.json` holds.

    Raises:
        ConfigError: where a run is there that is of another job, or a model that is timed is damaged.
        DatasetNameError: for a dataset or a split that does not exist.
        OutputError: where the disk does not take a run or the report.
        SweepError: where trainings failed.
    """
    from nb301_ogb.experiments.surrogates_page import write_page

    names = [get_info(name).name for name in datasets]
    tables = {name: LabelledTable(name, trainings.root) for name in names}
    parts = {name: table.split(split).parts() for name, table in tables.items()}
    plan = {(name, model): trainings.trials(name, split, model) for name in names for model in models}
    runs = trainings.gather(plan)
    found = {name: {model: runs[name, model] for model in models} for name in names}
    measured: dict[str, dict[str, Any]] = {}
    for name, table in tables.items():
        measured[name] = {
            "label": table.info.label,
            "unit": table.file.target(table.info.label).unit,
            "rows": {part: len(rows) for part, rows in parts[name].items()},
            "models": {model: scores_of(known) for model in models if (known := there(found[name][model]))},
            "missing": {
                model: missing
                for model, runs_of_one in found[name].items()
                if (missing := missing_seeds(runs_of_one, trainings.seeds))
            },
        }
        for model, one in measured[name]["models"].items():
            if query_time:
                if report is not None:
                    report(f"{model} on {name}")
                fitted = load_model(there(found[name][model])[0], "cpu", trainings.threads)
                one["query"] = query_times(fitted, table.codes(), np.random.default_rng(0))
    numbers = {
        "experiment": "surrogates",
        **remarks.told(),
        "split": split,
        "seeds": list(trainings.seeds),
        "threads": trainings.threads,
        "datasets": measured,
    }
    return write_page(Path(output).expanduser(), numbers, shown_predictions(found, measured))


def best_model(models: Mapping[str, Any]) -> str | None:
    """The model with the lowest mean validation RMSE; None where there is none."""
    return min(models, key=lambda name: models[name]["valid"]["rmse"]["mean"], default=None)


def shown_predictions(found: Runs, datasets: Mapping[str, Any]) -> dict[str, tuple[str, Run]]:
    """For each dataset the model that validation prefers, and its first run."""
    chosen = {}
    for name, one in datasets.items():
        best = best_model(one["models"])
        if best is not None:
            chosen[name] = (best, there(found[name][best])[0])
    return chosen
