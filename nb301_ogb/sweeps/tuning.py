"""The search for a model's settings: trials judged on validation data by Kendall's tau, kept in a journal."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nb301_ogb.baselines.config import Config
from nb301_ogb.baselines.model import Table
from nb301_ogb.baselines.models import make_model
from nb301_ogb.baselines.scores import score
from nb301_ogb.errors import ConfigError, SweepError
from nb301_ogb.jsonable import finite
from nb301_ogb.loaders.labelled import LabelledTable
from nb301_ogb.storage.whole import write_bytes
from nb301_ogb.sweeps.engine import Engine
from nb301_ogb.sweeps.ranges import Ranges, Settings, optuna_at_hand, suggest

JOURNAL = "trials.jsonl"
OBJECTIVE = "kendall_tau"
_FORMAT = "nb301-ogb-tune"


@dataclass(frozen=True)
class Search:
    """What is searched, and on what.

    Attributes:
        dataset: its name.
        config: from which the search begins, and which its first trial is.
        ranges: of its settings.
        seed: of the search, and of every fit.
        split: its name, or None for the dataset's default.
        root: a folder of datasets, or None.
        device: for networks: `auto`, `cpu`, `cuda` or `cuda:N`.
        threads: how many a fit may use on the CPU; 0 leaves it to its library.
    """

    dataset: str
    config: Config
    ranges: Ranges
    seed: int = 0
    split: str | None = None
    root: Path | None = None
    device: str = "auto"
    threads: int = 1


@dataclass(frozen=True)
class Tried:
    """A finished trial.

    Attributes:
        number: of the trial, from 0, which is the configuration that the search began with.
        settings: that were tried.
        valid: every metric on the validation part; empty where the trial failed.
        chosen_at: the epoch, or round, that validation chose.
        seconds: of the fit.
        error: why it failed, or None.
    """

    number: int
    settings: Settings
    valid: Mapping[str, float | None]
    chosen_at: int
    seconds: float
    error: str | None = None

    @property
    def value(self) -> float | None:
        """What the search makes large; None where there is none."""
        found = self.valid.get(OBJECTIVE)
        return found if found is not None and math.isfinite(found) else None


Progress = Callable[[Tried], None]


@dataclass(frozen=True)
class _Task:
    number: int
    settings: Settings
    config: Config
    search: Search


def _work(task: _Task) -> Tried:
    """Fits one model. The labels of all other parts than training and validation are taken away before."""
    search = task.search
    data = LabelledTable(search.dataset, search.root)
    table = Table.of(data, search.split)
    labels = np.full_like(table.labels, np.nan)
    for part in (table.train, table.valid):
        labels[part] = table.labels[part]
    table = dataclasses.replace(table, labels=labels)
    model = make_model(task.config, table.space, labels.shape[1], search.device, search.threads)
    begin = time.perf_counter()
    history = model.fit(table, search.seed)
    seconds = time.perf_counter() - begin
    valid = score(labels[table.valid].astype(np.float64), model.predict(table.codes[table.valid]))
    return Tried(task.number, task.settings, valid, history.best, round(seconds, 2))


def tune(
    search: Search,
    trials: int,
    output: Path,
    engine: Engine,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> list[Tried]:
    """Tries settings and keeps each trial in `output/trials.jsonl` as soon as it is finished.

    Where the file is there the search goes on; its finished trials are not repeated. With one worker the trials depend
    on the seed alone, interrupted or not; with several also on which of them end first.

    Args:
        search: what is searched.
        trials: how many, those that are there included.
        output: the folder for the journal.
        engine: where the fits run.
        overwrite: whether a journal that is there is replaced.
        progress: called with every trial, first those that are there.

    Returns:
        The trials by their numbers.

    Raises:
        ConfigError: where the journal is of another search, or damaged.
        MissingExtraError: where Optuna is not installed, with the command that installs it.
        SweepError: where trial 0 failed, workers were lost, or no trial ranks anything.
    """
    if trials < 1:
        msg = f"{trials} trials find nothing; give 1 or more."
        raise ConfigError(msg)
    if trials > 1:  # told now, not when trial 0 is over
        with optuna_at_hand():
            pass
    search = _absolute(search)
    journal = _Journal(Path(output) / JOURNAL, _about(search))
    if not overwrite:
        journal.read()
    done = journal.tried
    if progress is not None:
        for tried in done.values():
            progress(tried)
    running: dict[int, Settings] = {}
    lost: list[str | None] = []
    with contextlib.closing(engine.run(_work, _tasks(search, trials, done, running))) as ended:
        for task, outcome in ended:
            del running[task.number]
            if task.number == 0 and outcome.error is not None:
                msg = f"trial 0, the configuration with which the search begins, failed: {outcome.error}"
                raise SweepError(msg)
            if outcome.lost:  # nothing is known of the settings; the same command tries them again
                lost.append(outcome.error)
                continue
            tried = outcome.value or Tried(task.number, task.settings, {}, 0, 0.0, outcome.error)
            journal.add(tried)
            if progress is not None:
                progress(tried)
    if lost:
        msg = f"{len(lost)} of {trials} trials are missing ({lost[0]}); the same command goes on with them."
        raise SweepError(msg)
    found = [done[number] for number in sorted(done) if number < trials]
    if all(tried.value is None for tried in found):
        msg = f"none of {len(found)} trials ranks anything on validation data; begin with another configuration."
        raise SweepError(msg)
    return found


def _tasks(search: Search, trials: int, done: dict[int, Tried], running: dict[int, Settings]) -> Iterator[_Task]:
    """What is to be tried, each when it is asked for, from what is done and what is running by then."""
    for number in range(trials):
        if number in done:
            continue
        settings, config = search.ranges.begin(search.config), search.config
        if number:
            finished = [(one.settings, one.value) for _, one in sorted(done.items())]
            settings = suggest(search.ranges, search.seed, number, finished, list(running.values()))
            config = search.ranges.apply(config, settings)
        running[number] = settings
        yield _Task(number, settings, config, search)


def best_of(tried: Sequence[Tried]) -> Tried:
    """The trial with the highest Kendall's tau on validation data; the first of equals."""
    return ranked(tried)[0]


def ranked(tried: Sequence[Tried]) -> list[Tried]:
    """The trials from the best to the worst, failed ones last."""
    return sorted(tried, key=lambda one: (one.value is None, -(one.value or 0.0), one.number))


def config_of(search: Search, tried: Tried) -> Config:
    """The configuration of a trial."""
    return search.ranges.apply(search.config, tried.settings) if tried.number else search.config


def _absolute(search: Search) -> Search:
    """The search with a path that means the same in other processes."""
    root = None if search.root is None else Path(search.root).expanduser().absolute()
    return dataclasses.replace(search, root=root)


def _about(search: Search) -> dict[str, Any]:
    """What makes a search the same search."""
    data = LabelledTable(search.dataset, search.root)
    return {
        "format": _FORMAT,
        "dataset": data.info.name,
        "content_hash": data.file.content_hash,
        "split": search.split or data.info.default_split,
        "seed": search.seed,
        "kind": search.config.kind,
        "config": dataclasses.asdict(search.config),
        "ranges": {name: dataclasses.asdict(one) for name, one in search.ranges.ranges.items()},
        "fixed": search.ranges.fixed,
    }


class _Journal:
    """The file of finished trials: a line that says what they are about, then a line each."""

    def __init__(self, path: Path, about: dict[str, Any]) -> None:
        self.path = path
        self._about = json.loads(json.dumps(about))  # tuples are lists in the file
        self.tried: dict[int, Tried] = {}

    def read(self) -> None:
        """Reads the file, if it is there.

        Raises:
            ConfigError: where it is of another search, or damaged.
        """
        if not self.path.exists():
            return
        try:
            about, *lines = [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]
            found = [Tried(**line) for line in lines]
            other = [key for key, value in self._about.items() if about.get(key) != value]
        except (OSError, ValueError, TypeError, AttributeError) as error:
            msg = f"{self.path} is damaged ({error}); choose another --output, or say --overwrite."
            raise ConfigError(msg) from error
        if other:
            msg = f"{self.path} is of another search ({', '.join(other)}); choose another --output, or say --overwrite."
            raise ConfigError(msg)
        self.tried.update((one.number, one) for one in found)

    def add(self, tried: Tried) -> None:
        """Writes the file anew with one more trial, whole or not at all."""
        self.tried[tried.number] = tried
        lines = [self._about, *(finite(dataclasses.asdict(one)) for one in self.tried.values())]
        write_bytes(self.path, "".join(json.dumps(line) + "\n" for line in lines).encode())
