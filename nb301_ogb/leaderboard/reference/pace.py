"""How far many runs are, and how long the rest of them will take, from what the finished ones took."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from nb301_ogb.leaderboard.reference.plan import FINISHED, Plan, state

_MINUTE, _HOUR = 60, 3600


@dataclass(frozen=True)
class Standing:
    """How far it is.

    Attributes:
        done: runs that are finished.
        total: all runs.
        trained: seconds of training in the finished runs, as far as these say it.
        rest: seconds until the last one is finished; None where no run that is missing can be told.
        untimed: the models of which a run is missing and none has been timed; their runs are not in `rest`.
    """

    done: int
    total: int
    trained: float
    rest: float | None
    untimed: tuple[str, ...]

    def __str__(self) -> str:
        text = f"{self.done} of {self.total} runs, {duration(self.trained)} of training so far"
        if self.done == self.total:
            return text
        if self.rest is None:
            return f"{text}, the rest is not known before a run has ended"
        if self.untimed:
            return f"{text}, more than {duration(self.rest)} to go (no run of {', '.join(self.untimed)} yet)"
        return f"{text}, about {duration(self.rest)} to go"


@dataclass
class Pace:
    """Counts runs as they end.

    Attributes:
        waiting: runs that are to be made, by model.
        took: seconds of training of finished runs, by model.
        workers: runs at a time, until it shows how much they get done together.
        clock: gives the time in seconds.
    """

    waiting: Counter[str]
    took: dict[str, list[float]]
    done: int = 0
    workers: int = 1
    clock: Callable[[], float] = time.monotonic
    _started: float = field(init=False)
    _here: float = field(init=False, default=0.0)
    _share: float = field(init=False)

    def __post_init__(self) -> None:
        self._started = self.clock()
        self._share = 1 / self.workers

    def ended(self, model: str, seconds: float) -> None:
        """Notes that a run has ended.

        Args:
            model: of the run.
            seconds: of training; NaN where the run does not say it.
        """
        self.waiting[model] -= 1
        self.done += 1
        if not math.isnan(seconds):
            self.took.setdefault(model, []).append(seconds)
            self._here += seconds
            if self._here:
                # What a second of training costs here: less than one where several runs go on at a time.
                self._share = (self.clock() - self._started) / self._here

    def standing(self) -> Standing:
        """How far it is now."""
        missing = {model: count for model, count in self.waiting.items() if count > 0}
        timed = {model: fmean(self.took[model]) for model in missing if self.took.get(model)}
        rest = sum(missing[model] * seconds for model, seconds in timed.items()) * self._share if timed else None
        trained = sum(sum(each) for each in self.took.values())
        untimed = tuple(model for model in missing if model not in timed)
        return Standing(self.done, self.done + sum(missing.values()), trained, rest if missing else 0.0, untimed)


def pace_of(plan: Plan, workers: int = 1) -> Pace:
    """The pace of a plan, from the runs of it that are there.

    Args:
        plan: whose runs are counted; one of several boards counts once.
        workers: runs at a time.
    """
    waiting: Counter[str] = Counter()
    took: dict[str, list[float]] = {}
    done = 0
    for model in plan.models:
        for exam in plan.exams:
            for seed in plan.seeds:
                place = plan.place(model, exam, seed)
                if state(place) != FINISHED:
                    waiting[model.name] += 1
                    continue
                done += 1
                seconds = training_seconds(place.folder)
                if seconds is not None:
                    took.setdefault(model.name, []).append(seconds)
    return Pace(waiting, took, done, workers)


def training_seconds(folder: Path) -> float | None:
    """How long the training of a finished run took; None where the run does not say it."""
    try:
        lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        records = [json.loads(line) for line in lines[-2:-1]]
    except (OSError, ValueError):
        return None
    seconds = records[-1].get("seconds") if records else None
    return None if seconds is None else float(seconds)


def duration(seconds: float) -> str:
    """A time as people say it: `42 s`, `12 min`, `3 h 05 min`."""
    if round(seconds) < _MINUTE:
        return f"{seconds:.0f} s"
    minutes = round(seconds / _MINUTE)
    if minutes < _MINUTE:
        return f"{minutes} min"
    return f"{minutes // _MINUTE} h {minutes % _MINUTE:02d} min"
