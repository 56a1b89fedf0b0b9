"""What is known of the repeats of a search: for the display, and for the file."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from nb301_ogb.errors import SearchError
from nb301_ogb.loaders.fetch.lock import work_lock
from nb301_ogb.search.budget import Budget
from nb301_ogb.search.history import History
from nb301_ogb.search.history_file import About, read_histories, write_histories
from nb301_ogb.search.repeat import Job

Key = tuple[str, int]
"""An optimiser as a text, and a seed."""

REPORT_EVERY, SAVE_EVERY = 0.1, 15.0
"""Seconds between two reports, and between two writings of the file."""

_WAIT = 60.0
"""Seconds for which another search may keep the file to itself."""


@dataclass(frozen=True)
class Progress:
    """How far a search is.

    Attributes:
        share: of the budget of all repeats, from 0 to 1.
        finished: repeats.
        repeats: wanted.
        evaluations: of all repeats.
        best: the highest value of any repeat, in percent; NaN while there is none.
    """

    share: float
    finished: int
    repeats: int
    evaluations: int
    best: float


Report = Callable[[Progress], None]


class Ledger(Protocol):
    """Where running repeats are noted."""

    @property
    def due(self) -> bool:
        """Whether unfinished histories should be handed in."""

    def note(self, key: Key, share: float, count: int, best: float) -> None:
        """Notes how far a repeat is: the share of its budget, its evaluations, the best of its new values."""

    def hand_in(self, histories: Sequence[History]) -> None:
        """Takes the present state of repeats."""


class Books:
    """The ledger of a whole search.

    Other searches may write the same file meanwhile, as the jobs of a cluster do: it is read again before it is
    written, and what they did stays in it.

    Args:
        jobs: the repeats that are wanted.
        budget: of each.
        held: histories that are there already, by their keys.
        path: where the file shall be, or None.
        about: what the histories are about.
        report: is told how far the search is, or None.
        overwrite: whether what the file holds goes, as soon as it is written.

    Attributes:
        todo: the jobs that are not done yet.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        budget: Budget,
        held: Mapping[Key, History],
        path: Path | None,
        about: About,
        report: Report | None,
        overwrite: bool = False,
    ) -> None:
        self._jobs, self._budget, self._path, self._about, self._report = jobs, budget, path, about, report
        self._overwrite = overwrite
        self._histories = dict(held)
        done = {key for key, history in held.items() if history.cut(budget).end != "interrupted"}
        self.todo = [job for job in jobs if job.key not in done]
        self._shares = {job.key: float(job.key in done) for job in jobs}
        self._counts = {job.key: len(held[job.key].cut(budget)) for job in jobs if job.key in held}
        values = [held[job.key].cut(budget).value for job in jobs if job.key in held]
        self._best = float(np.fmax.reduce(np.concatenate([[np.nan], *values])))
        self._reported = self._saved = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether unfinished histories should be handed in."""
        return self._path is not None and time.monotonic() - self._saved > SAVE_EVERY

    def note(self, key: Key, share: float, count: int, best: float) -> None:
        """Notes how far a repeat is, and reports if it is time."""
        self._shares[key], self._counts[key] = share, count
        self._best = float(np.fmax(self._best, best))
        now = time.monotonic()
        if now - self._reported > REPORT_EVERY:
            self._reported = now
            self.tell()

    def tell(self) -> None:
        """Reports how far the search is."""
        if self._report is None or not self._jobs:
            return
        shares = list(self._shares.values())
        finished = sum(share >= 1 for share in shares)
        evaluations = sum(self._counts.values())
        self._report(Progress(sum(shares) / len(shares), finished, len(shares), evaluations, self._best))

    def hand_in(self, histories: Sequence[History]) -> None:
        """Takes the present state of repeats, and writes the file if it is time."""
        for history in histories:
            self._keep(history)
        if self.due:
            self.save()

    def _keep(self, history: History) -> None:
        key = (history.optimiser, history.seed)
        # A repeat that was stopped while it went through what was recorded has less than the record.
        if key not in self._histories or len(history) >= len(self._histories[key]):
            self._histories[key] = history

    def save(self) -> None:
        """Writes the file, if there shall be one.

        Raises:
            SearchError: where another search has made the file one about something else.
            OutputError: where it cannot be written.
        """
        if self._path is not None:
            with contextlib.suppress(OSError):  # the writing tells what is wrong
                self._path.parent.mkdir(parents=True, exist_ok=True)
            with work_lock(self._path.with_name(f".{self._path.name}.lock"), _WAIT):
                there = {} if self._overwrite else held_in(self._path, self._about)
                self._overwrite = False
                for key, history in there.items():
                    if key not in self._histories or len(history) > len(self._histories[key]):
                        self._histories[key] = history
                write_histories(self._path, self._about, [self._histories[key] for key in sorted(self._histories)])
        self._saved = time.monotonic()

    def results(self) -> list[History]:
        """A history for each job, within the budget."""
        return [self._histories[job.key].cut(self._budget) for job in self._jobs]


def held_in(path: Path, about: About) -> dict[Key, History]:
    """The histories of a file, if there is one, by their keys.

    Raises:
        SearchError: where they are about something else.
    """
    if not path.exists():
        return {}
    found, histories = read_histories(path)
    if found != about:
        noise = "with" if found.noise else "without"
        msg = (
            f"{path} holds searches on {found.benchmark} {noise} noise, not on this benchmark in this way; choose "
            "another --output, or remove the file."
        )
        raise SearchError(msg)
    return {(history.optimiser, history.seed): history for history in histories}
