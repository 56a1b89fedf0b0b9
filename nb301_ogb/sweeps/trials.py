"""Trials: many trainings, each of which leaves a run folder, on whatever engine there is."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from nb301_ogb.baselines.environment import command_line
from nb301_ogb.baselines.runs import MARK, Run, RunPlace, read_run
from nb301_ogb.baselines.summary import write_summary
from nb301_ogb.baselines.training import Job, check_places, finished_runs, train
from nb301_ogb.errors import ConfigError, OutputError, SweepError
from nb301_ogb.storage.folder import new_folder
from nb301_ogb.sweeps.engine import GOES_ON, Engine, Outcome

_SIGN = ".sweep"
"""A file in the output folder by which a worker knows that it sees the same folder."""


@dataclass(frozen=True)
class Trial:
    """One training.

    Attributes:
        job: what to train, and on what.
        seed: of the model.
        output: the folder below which the run lands, as `seed-<seed>`.
    """

    job: Job
    seed: int
    output: Path

    @property
    def place(self) -> RunPlace:
        """Where the run lies."""
        return RunPlace(self.output, self.seed)

    def __str__(self) -> str:
        return f"{self.place.folder} on {self.job.dataset}"


Progress = Callable[[Trial, Run | None], None]
"""Called with None when a trial is handed to a worker, and with its run when it is finished."""


@dataclass(frozen=True)
class _Task:
    trial: Trial
    overwrite: bool
    sign: str
    command: str
    """Of the process that asks: a worker's own says nothing, and may hold what belongs to its cluster alone."""


def _work(task: _Task) -> dict[str, bytes] | None:
    """Trains; None where the run then lies in its place, otherwise its files."""
    trial = task.trial
    if _read(trial.output / _SIGN) == task.sign:
        train(
            trial.job,
            [trial.seed],
            trial.output,
            task.overwrite,
            resume=not task.overwrite,
            summary=False,
            command=task.command,
        )
        return None
    with tempfile.TemporaryDirectory() as folder:
        (run,) = train(trial.job, [trial.seed], Path(folder), summary=False, command=task.command)
        found = [path for path in sorted(run.folder.rglob("*")) if path.is_file()]
        return {path.relative_to(run.folder).as_posix(): path.read_bytes() for path in found}


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return None


def run_trials(
    trials: Sequence[Trial], engine: Engine, progress: Progress | None = None, overwrite: bool = False
) -> list[Run]:
    """Runs trials.

    Finished runs that are there count and interrupted ones go on, so that calling this again after an interruption ends
    with the same runs. A trial that fails does not hold up the others.

    Args:
        trials: what to train.
        engine: where.
        progress: called when a trial begins and when it ends.
        overwrite: whether runs that are there are replaced.

    Returns:
        The runs in the order of the trials.

    Raises:
        ConfigError: where a run is there that is of another job, or two trials have one place.
        OutputError: where a folder that is no run stands at a run's place, or the disk does not take a run.
        SweepError: where trials failed, after all others are finished.
    """
    trials = [_absolute(trial) for trial in trials]
    if len({trial.place for trial in trials}) != len(trials):
        msg = "two trials would write the same run folder; give each job an output of its own."
        raise ConfigError(msg)
    check_places([trial.place for trial in trials], overwrite, resume=not overwrite)
    there = [] if overwrite else finished(trials)
    runs: dict[int, Run] = {number: run for number, run in enumerate(there) if run is not None}
    todo = [number for number in range(len(trials)) if number not in runs]
    for number, run in runs.items():
        if progress is not None:
            progress(trials[number], run)
    failed = []
    for number, outcome in _outcomes(trials, todo, engine, progress, overwrite):
        if outcome.error is not None:
            failed.append((trials[number], outcome.error))
            continue
        runs[number] = _received(trials[number], outcome.value, overwrite)
        if progress is not None:
            progress(trials[number], runs[number])
    if failed:
        raise _told(failed, len(trials))
    return [runs[number] for number in range(len(trials))]


def train_seeds(
    job: Job,
    seeds: Sequence[int],
    output: Path,
    engine: Engine,
    overwrite: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
) -> list[Run]:
    """Trains one model a seed on an engine, and writes what `nb301_ogb.baselines.training.train` writes.

    Raises:
        ConfigError: where a run or a checkpoint is in the way, or of another job.
        OutputError: where a folder that is no run stands at a run's place, or the disk does not take a run.
        SweepError: where trials failed, after all others are finished.
    """
    output = Path(output).expanduser()
    check_places([RunPlace(output, seed) for seed in seeds], overwrite, resume)
    runs = run_trials([Trial(job, seed, output) for seed in seeds], engine, progress, overwrite)
    write_summary(output, runs)
    return runs


def _absolute(trial: Trial) -> Trial:
    """The trial with paths that mean the same in other processes."""
    root = trial.job.root
    job = trial.job if root is None else dataclasses.replace(trial.job, root=Path(root).expanduser().absolute())
    return dataclasses.replace(trial, job=job, output=Path(trial.output).expanduser().absolute())


def finished(trials: Sequence[Trial]) -> list[Run | None]:
    """The run of each trial that is there, and None for the others; neighbours of one job open its dataset once.

    Raises:
        ConfigError: where a run is there that is of another job.
    """
    found: list[Run | None] = []
    trials = [_absolute(trial) for trial in trials]
    for _, group in groupby(trials, key=lambda trial: trial.job):
        together = list(group)
        found += finished_runs(together[0].job, [trial.place for trial in together])
    return found


def _outcomes(
    trials: Sequence[Trial], todo: Sequence[int], engine: Engine, progress: Progress | None, overwrite: bool
) -> Iterator[tuple[int, Outcome]]:
    sign = uuid.uuid4().hex
    numbers = {trials[number].place: number for number in todo}

    def tasks() -> Iterator[_Task]:
        for number in todo:
            if progress is not None:
                progress(trials[number], None)
            yield _Task(trials[number], overwrite, sign, command_line())

    folders = {trials[number].output for number in todo}
    with _signed(folders, sign), contextlib.closing(engine.run(_work, tasks())) as running:
        for task, outcome in running:
            yield numbers[task.trial.place], outcome


@contextlib.contextmanager
def _signed(folders: set[Path], sign: str) -> Iterator[None]:
    """Within it the folders, made where they are missing, hold the sign."""
    try:
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / _SIGN).write_text(sign, encoding="utf-8")
    except OSError as error:
        raise OutputError.of(folder, error, "folder") from error
    try:
        yield
    finally:
        for folder in folders:
            if _read(folder / _SIGN) == sign:
                (folder / _SIGN).unlink(missing_ok=True)


def _received(trial: Trial, files: dict[str, bytes] | None, overwrite: bool) -> Run:
    """The run of a trial, after what came from a worker that does not see the folder is written."""
    if files is not None:
        with new_folder(trial.place.folder, MARK, overwrite) as temporary:
            for name, content in files.items():
                path = temporary / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        trial.place.clean()
    return read_run(trial.place.folder)


def _told(failed: Sequence[tuple[Trial, str]], count: int) -> SweepError:
    trial, error = failed[0]
    others = f" (and {len(failed) - 1} more of {count} trials failed)" if len(failed) > 1 else ""
    return SweepError(f"{trial} failed: {error.rstrip('.')}{others}; {GOES_ON}.")
