"""The experiment `data_size`: how the error falls as the training part grows, and what noise leaves to be reached."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nb301_ogb.baselines.runs import Run
from nb301_ogb.catalog import get_info
from nb301_ogb.errors import ConfigError
from nb301_ogb.evaluators.evaluator import Evaluator
from nb301_ogb.evaluators.metrics import rmse
from nb301_ogb.evaluators.submission.form import Exam
from nb301_ogb.experiments.report import NO_REMARKS, Remarks
from nb301_ogb.experiments.run_scores import over_seeds, scores_of
from nb301_ogb.experiments.trained import Trainings, missing_seeds, there
from nb301_ogb.leaderboard.exam_data import ExamData, opener
from nb301_ogb.leaderboard.noise import ceiling, moments, usable_runs
from nb301_ogb.loaders.labelled import LabelledTable
from nb301_ogb.spaces.graphs import IntArray
from nb301_ogb.sweeps.trials import Trial

DATASETS = ("ogbg-nb201-cifar10",)
MODELS = ("lightgbm", "gin")
_SMALLEST = 64


def data_size(
    trainings: Trainings,
    output: str | Path,
    *,
    datasets: Sequence[str] = DATASETS,
    models: Sequence[str] = MODELS,
    split: str | None = None,
    sizes: Sequence[int] = (),
    remarks: Remarks = NO_REMARKS,
) -> dict[str, Any]:
    """Writes `report.html`, `report.md`, `report.json`, `data_size.svg` and `.pdf`.

    The rows of a size are the first of one random order of the training part, the same for every model and seed, so
    that a larger size holds all rows of a smaller one. The runs on the whole part lie where all experiments keep them,
    the others beside them in `rows-N`.

    Args:
        trainings: where the runs lie, and how missing ones are trained.
        output: the folder.
        datasets: their names.
        models: configurations of the package.
        split: of all datasets; None for each one's default.
        sizes: training rows; by default 64, 128, and so on, and the whole part. Sizes beyond it are left out.
        remarks: what the report says beside its numbers.

    Returns:
        What `report.json` holds.

    Raises:
        ConfigError: where a run is there that is of another job, or no size is left.
        DatasetNameError: for a dataset or a split that does not exist.
        OutputError: where the disk does not take a run or the report.
        SweepError: where trainings failed.
    """
    from nb301_ogb.experiments.data_size_page import write_page

    tables = {get_info(name).name: LabelledTable(name, trainings.root) for name in datasets}
    splits = {name: split or table.info.default_split for name, table in tables.items()}
    counts = {name: training_sizes(len(table.split(splits[name]).train), sizes) for name, table in tables.items()}
    plan = {
        (name, model, count): [
            _smaller(trial, count, len(table.split(splits[name]).train))
            for trial in trainings.trials(name, splits[name], model)
        ]
        for name, table in tables.items()
        for model in models
        for count in counts[name]
    }
    runs = trainings.gather(plan)
    measured, open_exam = {}, opener(trainings.root)
    for name, table in tables.items():
        facts, repeated = tabular(open_exam(Exam(name, splits[name])))
        measured[name] = {
            "split": splits[name],
            "label": table.info.label,
            "unit": table.file.target(table.info.label).unit,
            "rows": {part: len(rows) for part, rows in table.split(splits[name]).parts().items()},
            "sizes": counts[name],
            "models": {
                model: [_entry(count, runs[name, model, count], trainings.seeds, repeated) for count in counts[name]]
                for model in models
            },
            "constant": constant(table, splits[name]),
            "tabular": facts,
        }
    numbers = {"experiment": "data_size", **remarks.told(), "seeds": list(trainings.seeds), "datasets": measured}
    return write_page(Path(output).expanduser(), numbers)


def training_sizes(rows: int, wanted: Sequence[int] = ()) -> list[int]:
    """The sizes, ascending: those that are wanted and not beyond `rows`, or powers of two from 64 and `rows`.

    Raises:
        ConfigError: where none is left.
    """
    if wanted:
        found = sorted({one for one in wanted if 0 < one <= rows})
        if not found:
            msg = f"the training part has {rows:,} rows, and no wanted size is within it; give smaller sizes."
            raise ConfigError(msg)
        return found
    powers = [1 << power for power in range(rows.bit_length()) if _SMALLEST <= 1 << power < rows]
    return [*powers, rows]


def _smaller(trial: Trial, count: int, rows: int) -> Trial:
    """The trial on so many of the training rows, beside the one on all of them."""
    if count == rows:
        return trial
    job = dataclasses.replace(trial.job, train_rows=count)
    return dataclasses.replace(trial, job=job, output=trial.output / f"rows-{count}")


def _entry(count: int, runs: Sequence[Run | None], seeds: Sequence[int], repeated: IntArray) -> dict[str, Any]:
    known, missing = there(runs), missing_seeds(runs, seeds)
    if not known:
        return {"rows": count, "missing": missing, "scores": None}
    scores = scores_of(known)
    if len(repeated):
        scores["test_repeated"] = {"rmse": over_seeds(_rmse_on(run, repeated) for run in known)}
    return {"rows": count, "missing": missing, "scores": scores}


def _rmse_on(run: Run, rows: IntArray) -> float:
    """Of a run on some rows of its test part."""
    found = run.predictions["test"]
    chosen = np.isin(found.rows, rows)
    return rmse(found.y_true[chosen, 0], found.y_pred[chosen, 0])


def constant(table: LabelledTable, split: str) -> dict[str, float]:
    """The test scores of the training labels' mean, told for every architecture."""
    parts = table.split(split)
    label = table.labels[:, 0].astype(np.float64)
    truth = label[parts.test][~np.isnan(label[parts.test])]
    guess = np.full(len(truth), np.nanmean(label[parts.train]))
    return Evaluator(table.info.name, num_tasks=1).eval({"y_true": truth[:, None], "y_pred": guess[:, None]})


def tabular(data: ExamData) -> tuple[dict[str, Any] | None, IntArray]:
    """What the measurements say of each other on test; None where too few architectures were trained twice.

    Returns:
        `rows`, `rows_used`: of test, and those with two runs that are no copies; `rmse` and `kendall_tau` of one run
        against the mean of the row's other runs, each run in its turn; `noise_rmse` and `noise_kendall_tau` that a
        model would have against the label if it knew every expected accuracy (see `nb301_ogb.leaderboard.noise`).
        And int64 [rows_used], these rows of the dataset.
    """
    found = ceiling(data)
    if found is None:
        return None, np.empty(0, dtype=np.int64)
    facts = {
        "rows": found.rows,
        "rows_used": found.rows_used,
        "rmse": found.run_rmse,
        "kendall_tau": found.run_kendall_tau,
        "noise_rmse": found.rmse,
        "noise_kendall_tau": found.kendall_tau,
    }
    return facts, data.key.rows["test"][moments(usable_runs(data.parts["test"]))[0] > 1]
