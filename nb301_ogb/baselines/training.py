"""Training a reference model on a dataset's split, one run folder a seed."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nb301_ogb.baselines import runs
from nb301_ogb.baselines.checkpoint import differences, remove_checkpoint
from nb301_ogb.baselines.config import Config
from nb301_ogb.baselines.distributed import Team, join
from nb301_ogb.baselines.environment import environment
from nb301_ogb.baselines.model import History, Model, Record, ResumableModel, Table
from nb301_ogb.baselines.models import make_model
from nb301_ogb.baselines.report import write_report
from nb301_ogb.baselines.scores import official_score
from nb301_ogb.baselines.summary import write_summary
from nb301_ogb.errors import ConfigError
from nb301_ogb.loaders.labelled import LabelledTable
from nb301_ogb.storage.folder import make_folder, new_folder, replaces

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
    task = _Task.of(dataclasses.replace(job, device=device))
    team.wait()  # nobody looks at the folder any more when the first run appears in it
    if overwrite and team.leads:
        for place in places:
            remove_checkpoint(place.checkpoint)
    finished = []
    for place in places:
        if not (resume and place.folder.exists()):
            model, history = task.fit(place, progress, team)
            if team.leads:
                task.write(place, model, history, overwrite, command)
        if team.leads:
            finished.append(task.kept(place) if resume else runs.read_run(place.folder))
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
    task = _Task.of(job)
    return [task.kept(place) if place.folder.exists() else None for place in places]


@dataclass(frozen=True)
class _Task:
    """A job with its data.

    Attributes:
        job: what to train, and on what.
        table: the dataset.
        rows: what every seed is fitted on.
    """

    job: Job
    table: LabelledTable
    rows: Table

    @classmethod
    def of(cls, job: Job) -> _Task:
        table = LabelledTable(job.dataset, job.root, job.targets, job.runs)
        rows = Table.of(table, job.split)
        if job.train_rows is not None and job.train_rows < len(rows.train):
            chosen = np.random.default_rng(0).permutation(rows.train)[: job.train_rows]
            rows = dataclasses.replace(rows, train=np.sort(chosen))
        return cls(job, table, rows)

    def model(self) -> Model:
        job, table = self.job, self.table
        return make_model(job.config, table.space.name, table.labels.shape[1], job.device, job.threads)

    def about(self, seed: int) -> dict[str, Any]:
        """What a run's `RunInfo` says of its job."""
        table = self.table
        return {
            "dataset": table.info.name,
            "content_hash": table.file.content_hash,
            "split": self.job.split or table.info.default_split,
            "seed": seed,
            "targets": table.targets,
            "runs": table.runs,
            "num_train": len(self.rows.train),
        }

    def fit(self, place: runs.RunPlace, progress: Progress | None, team: Team) -> tuple[Model, History]:
        """A fitted model; where it can be interrupted, a checkpoint beside the place says how far it is."""
        model, seed = self.model(), place.seed
        observer = None if progress is None else lambda record: progress(seed, record)
        if not isinstance(model, ResumableModel):
            return model, model.fit(self.rows, seed, observer)
        if team.leads:
            make_folder(place.checkpoint.parent)
        return model, model.fit(self.rows, seed, observer, place.checkpoint)

    def write(self, place: runs.RunPlace, model: Model, history: History, overwrite: bool, command: str | None) -> None:
        """Writes the run, judged by the official evaluator, and removes the checkpoint."""
        table, codes, train = self.table, self.rows.codes, self.rows.train
        split, name = table.split(self.job.split), table.info.name
        with new_folder(place.folder, runs.MARK, overwrite) as temporary:
            predictions = {
                part: runs.Predictions(where, codes[where], model.predict(codes[where]), table.labels[where])
                for part, where in (("valid", split.valid), ("test", split.test))
            }
            metrics = {part: official_score(name, found.y_true, found.y_pred) for part, found in predictions.items()}
            # Training rows are judged once, at the chosen epoch.
            metrics["train"] = official_score(name, table.labels[train], model.predict(codes[train]))
            info = runs.RunInfo(model=model.name, num_params=model.num_parameters(), **self.about(place.seed))
            runs.write_config(temporary, info, model.config)
            runs.write_metrics(temporary, history, metrics)
            runs.write_predictions(temporary, info, predictions)
            model.save(temporary)
            made = json.dumps(environment(command), indent=1)
            (temporary / "environment.json").write_text(f"{made}\n", encoding="utf-8")
            write_report(temporary / "report.html", [runs.read_run(temporary)])
        remove_checkpoint(place.checkpoint)

    def kept(self, place: runs.RunPlace) -> runs.Run:
        """A finished run, after a check that it is of this job; what interruptions have left beside it is removed.

        Raises:
            ConfigError: where it is of another job.
        """
        run, about = runs.read_run(place.folder), self.about(place.seed)
        other = differences({key: getattr(run.info, key) for key in about}, about)
        other += differences(dataclasses.asdict(run.config), dataclasses.asdict(self.model().config))
        if other:
            msg = (
                f"{place.folder} is another run ({', '.join(other)}); choose another folder for these runs, or "
                "replace it by `nb301-ogb train --overwrite`."
            )
            raise ConfigError(msg)
        place.clean()
        return run
