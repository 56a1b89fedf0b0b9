"""Training a reference model on a dataset's split, one run folder a seed."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np

from nb301_ogb.baselines import runs
from nb301_ogb.baselines.checkpoint import differences, remove_checkpoint
from nb301_ogb.baselines.config import Config
from nb301_ogb.baselines.distributed import Team, join
from nb301_ogb.baselines.environment import environment
from nb301_ogb.baselines.model import Model, Record, ResumableModel, Table
from nb301_ogb.baselines.models import make_model
from nb301_ogb.baselines.report import write_report
from nb301_ogb.baselines.scores import judge
from nb301_ogb.errors import ConfigError
from nb301_ogb.jsonable import finite
from nb301_ogb.loaders.labelled import LabelledTable
from nb301_ogb.storage.folder import make_folder, new_folder, replaces
from nb301_ogb.storage.whole import write_bytes

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
    job: Job,
    seeds: Sequence[int],
    output: Path,
    overwrite: bool = False,
    progress: Progress | None = None,
    resume: bool = False,
    summary: bool = True,
    command: str | None = None,
) -> list[runs.Run]:
    """Trains one model a seed and writes `output/seed-<seed>`, then `summary.json` and `report.html` over all of them.

    While a network is trained, `output/.seed-<seed>.checkpoint` holds where it stands. Under torchrun all processes
    call this together; they share the work and the folder, but only the first one writes.

    Args:
        job: what to train, and on what.
        seeds: a run for each.
        output: the folder for the runs.
        overwrite: whether runs that are there, finished or not, are replaced.
        progress: called after each epoch.
        resume: whether finished runs that are there count, and interrupted ones go on. Each ends bit for bit as it
            would have ended without the interruption, on the same machine.
        summary: whether `summary.json` and `report.html` are written.
        command: what the runs say made them; by default this process's command line.

    Returns:
        The runs; in processes other than the first none.

    Raises:
        ConfigError: where a run or a checkpoint is in the way, or of another job, or a setting is wrong.
        OutputError: where a folder that is no run stands at a run's place, or the disk does not take a run.
    """
    output = Path(output).expanduser()
    places = [runs.RunPlace(output, seed) for seed in seeds]
    check_places(places, overwrite, resume)
    team, device = join(job.device)
    job = dataclasses.replace(job, device=device)
    table = LabelledTable(job.dataset, job.root, job.targets, job.runs)
    rows = _rows(job, table)
    team.wait()  # nobody looks at the folder any more when the first run appears in it
    if overwrite and team.leads:
        for place in places:
            remove_checkpoint(place.checkpoint)
    finished = []
    for place in places:
        if not (resume and place.folder.exists()):
            _train_one(job, table, rows, place, overwrite, progress, team, command)
        if team.leads:
            finished.append(_kept(job, table, rows, place) if resume else runs.read_run(place.folder))
        team.wait()
    if team.leads and summary:
        write_summary(output, finished)
    return finished


def check_places(places: Sequence[runs.RunPlace], overwrite: bool, resume: bool) -> None:
    """Looks at where runs shall be, before long work.

    Raises:
        ConfigError: where a run or a checkpoint is in the way.
        OutputError: where a folder that is no run stands at a run's place.
    """
    if overwrite and resume:
        msg = "--overwrite starts anew and --resume goes on; say one of them."
        raise ConfigError(msg)
    for place in places if not resume else ():
        if overwrite:
            replaces(place.folder, runs.MARK, overwrite)  # told now, not when the training is over
        else:
            place.check_free()


def finished_runs(job: Job, places: Sequence[runs.RunPlace]) -> list[runs.Run | None]:
    """The finished run at each place, None where there is none.

    Raises:
        ConfigError: where one is of another job.
    """
    if not any(place.folder.exists() for place in places):
        return [None] * len(places)
    table = LabelledTable(job.dataset, job.root, job.targets, job.runs)
    rows = _rows(job, table)
    return [_kept(job, table, rows, place) if place.folder.exists() else None for place in places]


def _kept(job: Job, table: LabelledTable, rows: Table, place: runs.RunPlace) -> runs.Run:
    """A finished run, after a check that it is of this job; what interruptions have left beside it is removed.

    Raises:
        ConfigError: where it is of another job.
    """
    run = runs.read_run(place.folder)
    config = _model(job, table).config
    split = job.split or table.info.default_split
    expected = (table.info.name, table.file.content_hash, split, place.seed, table.targets, table.runs, len(rows.train))
    info = run.info
    found = (info.dataset, info.content_hash, info.split, info.seed, info.targets, info.runs, info.num_train)
    other = [f"{one!r}, now {two!r}" for one, two in zip(found, expected, strict=True) if one != two]
    other += differences(dataclasses.asdict(run.config), dataclasses.asdict(config))
    if other:
        msg = (
            f"{place.folder} is another run ({', '.join(other)}); choose another folder for these runs, or replace it "
            "by `nb301-ogb train --overwrite`."
        )
        raise ConfigError(msg)
    place.clean()
    return run


def _model(job: Job, table: LabelledTable) -> Model:
    return make_model(job.config, table.space.name, table.labels.shape[1], job.device, job.threads)


def _rows(job: Job, table: LabelledTable) -> Table:
    """What every seed is fitted on."""
    rows = Table.of(table, job.split)
    if job.train_rows is None or job.train_rows >= len(rows.train):
        return rows
    chosen = np.random.default_rng(0).permutation(rows.train)[: job.train_rows]
    return dataclasses.replace(rows, train=np.sort(chosen))


def _train_one(
    job: Job,
    table: LabelledTable,
    rows: Table,
    place: runs.RunPlace,
    overwrite: bool,
    progress: Progress | None,
    team: Team,
    command: str | None,
) -> None:
    seed, codes = place.seed, rows.codes
    split = table.split(job.split)
    model = _model(job, table)
    observer = None if progress is None else lambda record: progress(seed, record)
    if isinstance(model, ResumableModel):
        if team.leads:
            make_folder(place.checkpoint.parent)
        history = model.fit(rows, seed, observer, place.checkpoint)
    else:
        history = model.fit(rows, seed, observer)
    if not team.leads:
        return
    with new_folder(place.folder, runs.MARK, overwrite) as temporary:
        predictions = {
            part: runs.Predictions(where, codes[where], model.predict(codes[where]), table.labels[where])
            for part, where in (("valid", split.valid), ("test", split.test))
        }
        metrics = {part: judge(table.info.name, found.y_true, found.y_pred) for part, found in predictions.items()}
        # Training rows are judged once, at the chosen epoch.
        metrics["train"] = judge(table.info.name, table.labels[rows.train], model.predict(codes[rows.train]))
        info = runs.RunInfo(
            model=model.name,
            dataset=table.info.name,
            content_hash=table.file.content_hash,
            split=job.split or table.info.default_split,
            seed=seed,
            num_params=model.num_parameters(),
            targets=table.targets,
            runs=table.runs,
            num_train=len(rows.train),
        )
        runs.write_config(temporary, info, model.config)
        runs.write_metrics(temporary, history, metrics)
        runs.write_predictions(temporary, info, predictions)
        model.save(temporary)
        (temporary / "environment.json").write_text(json.dumps(environment(command), indent=1) + "\n", encoding="utf-8")
        write_report(temporary / "report.html", [runs.read_run(temporary)])
    remove_checkpoint(place.checkpoint)


def summarise(finished: Sequence[runs.Run]) -> dict[str, Any]:
    """Mean and unbiased standard deviation of every metric over the seeds, as plain values.

    The standard deviation is NaN, null in JSON, for a single seed.

    Raises:
        ConfigError: where the runs are not of one model on one split of one dataset.
    """
    first, info = finished[0], finished[0].info
    for run in finished:
        other = _unlike(run, first)
        if other:
            msg = f"{run.folder} and {first.folder} are no runs of one model ({', '.join(other)}); give them apart."
            raise ConfigError(msg)
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


def _unlike(run: runs.Run, other: runs.Run) -> list[str]:
    """In what two runs differ beside seed and result."""
    mine, theirs = (dataclasses.asdict(one.info) | {"seed": 0, "num_params": 0} for one in (run, other))
    return differences(mine, theirs) + differences(dataclasses.asdict(run.config), dataclasses.asdict(other.config))


def write_summary(output: Path, finished: Sequence[runs.Run]) -> dict[str, Any]:
    """Writes `summary.json` and `report.html` over several seeds."""
    summary = summarise(finished)
    text = json.dumps(finite(summary), indent=1)
    write_bytes(output / "summary.json", f"{text}\n".encode())
    write_report(output / "report.html", list(finished))
    return summary
