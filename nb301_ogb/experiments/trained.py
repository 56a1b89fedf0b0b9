"""The runs that an experiment needs: those that are there, and those that are trained now."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from nb301_ogb.baselines.config import Config, change, config_names, load_config
from nb301_ogb.baselines.models import make_model
from nb301_ogb.baselines.runs import Run
from nb301_ogb.catalog import get_info
from nb301_ogb.errors import ConfigError, MissingExtraError
from nb301_ogb.sweeps.engine import Engine
from nb301_ogb.sweeps.reference import reference_trials
from nb301_ogb.sweeps.trials import Progress, Trial, finished, run_trials

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Trainings:
    """Where the runs of an experiment lie, and how those that are missing are trained.

    Attributes:
        runs: the folder of all runs, laid out as `nb301_ogb.sweeps.reference.runs_folder` says.
        seeds: a run for each.
        engine: trains what is missing; None leaves it missing.
        root: a folder of datasets, or None.
        device: for networks.
        threads: that a run may use on the CPU.
        changes: settings that replace those of the configurations, where these have them and the value is not None.
        progress: makes, for a number of trials, what `run_trials` tells how far it is.
    """

    runs: Path
    seeds: Sequence[int]
    engine: Engine | None
    root: Path | None = None
    device: str = "auto"
    threads: int = 1
    changes: Mapping[str, Any] = field(default_factory=dict)
    progress: Callable[[int], AbstractContextManager[Progress | None]] = lambda _: nullcontext()

    def trials(self, dataset: str, split: str, model: str) -> list[Trial]:
        """The trials of one model on a split of a dataset, one a seed.

        Raises:
            ConfigError: for a model that is no configuration of the package.
            DatasetNameError: for a dataset that does not exist.
        """
        if model not in config_names():
            msg = f"there is no configuration {model!r}; there are {', '.join(config_names())}."
            raise ConfigError(msg)
        found = reference_trials(
            self.runs, [dataset], split, [model], self.seeds,
            data_root=self.root, device=self.device, threads=self.threads,
        )  # fmt: skip
        return [
            dataclasses.replace(one, job=dataclasses.replace(one.job, config=self._changed(one.job.config)))
            for one in found
        ]

    def _changed(self, config: Config) -> Config:
        known = {one.name for one in dataclasses.fields(config)}
        return change(config, {key: value for key, value in self.changes.items() if key in known}, "the command line")

    def gather(self, plan: Mapping[Key, Sequence[Trial]]) -> dict[Key, list[Run | None]]:
        """The run of each trial, by the plan's keys; None where it is missing and nothing is trained.

        Raises:
            ConfigError: where a run is there that is of another job.
            OutputError: where the disk does not take a run.
            SweepError: where trials failed, after all others are finished.
        """
        trials = [trial for group in plan.values() for trial in group]
        if self.engine is None:
            runs = finished(trials)
        else:
            with self.progress(len(trials)) as progress:
                runs = list(run_trials(trials, self.engine, progress))
        rest = iter(runs)
        return {key: [next(rest) for _ in group] for key, group in plan.items()}


def there(runs: Sequence[Run | None]) -> list[Run]:
    """Those that are not missing."""
    return [run for run in runs if run is not None]


def missing_seeds(runs: Sequence[Run | None], seeds: Sequence[int]) -> list[int]:
    """The seeds whose run is missing."""
    return [seed for seed, run in zip(seeds, runs, strict=True) if run is None]


def installed(models: Iterable[str], datasets: Iterable[str]) -> dict[str, str]:
    """For each model an empty text, or the sentence that says which library it lacks on this machine.

    Raises:
        ConfigError: for a model that is no configuration.
    """
    spaces = {get_info(name).space for name in datasets}
    told = {}
    for model in models:
        told[model] = ""
        for space in spaces:
            try:
                make_model(load_config(model, space), space, device="cpu")
            except MissingExtraError as error:
                told[model] = str(error)
    return told
