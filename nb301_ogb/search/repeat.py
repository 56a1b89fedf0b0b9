"""One repeat of a search, question by question: it asks its optimiser, keeps the books and knows when to stop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nb301_ogb.baselines.benchmark import Answer
from nb301_ogb.errors import ArchitectureError, SearchError
from nb301_ogb.search.budget import Budget
from nb301_ogb.search.history import COLUMNS, History, charge
from nb301_ogb.search.interface import Values
from nb301_ogb.search.optimisers import OptimiserLike, Spec, parse_spec
from nb301_ogb.spaces import Space
from nb301_ogb.spaces.graphs import CodeArray

_UNTIMED = 100
"""So many evaluations without any runtime, and a benchmark is taken to have none."""


@dataclass(frozen=True)
class Job:
    """A repeat that is wanted.

    Attributes:
        spec: the optimiser.
        seed: of the repeat, at least 0.
    """

    spec: Spec
    seed: int

    @property
    def key(self) -> tuple[str, int]:
        """The optimiser as a text, and the seed: what a history goes by."""
        return str(self.spec), self.seed


def jobs(specs: Sequence[OptimiserLike] | OptimiserLike, seeds: range | list[int]) -> list[Job]:
    """A job for each optimiser and seed.

    Args:
        specs: one or several, as `parse_spec` reads them.
        seeds: of the repeats of each.

    Raises:
        SearchError: for an optimiser that does not exist or stands there twice, or a seed below 0 or from 2**63.
    """
    listed = [parse_spec(spec) for spec in ([specs] if isinstance(specs, str | Spec | type) else specs)]
    found = [Job(spec, int(seed)) for spec in listed for seed in seeds]
    if len({job.key for job in found}) != len(found) or any(not 0 <= seed < 2**63 for seed in seeds):
        msg = "each optimiser and each seed may stand there once, and seeds are 0 or above and below 2**63."
        raise SearchError(msg)
    return found


class Repeat:
    """A repeat in progress.

    What a history holds already is taken from there: the optimiser is made anew from its seed and must ask the same.

    Args:
        job: the optimiser and the seed.
        space: where to search.
        budget: never exceeded.
        recorded: the history of the same job, whole or not, or None.

    Attributes:
        finished: whether the budget is used up or the optimiser has nothing more to ask.
    """

    def __init__(self, job: Job, space: Space, budget: Budget, recorded: History | None = None) -> None:
        self.job = job
        self.budget = budget
        self.finished = False
        self._space = space
        self._optimiser = job.spec.make(space, np.random.default_rng(job.seed))
        self._recorded = recorded
        self._batch: CodeArray = np.empty((0, space.code_length), dtype=np.uint8)
        self._first = 0
        """The evaluation with which the batch began."""
        self._count = 0
        self._columns: dict[str, Any] = {name: np.empty(0) for name in COLUMNS[1:]} | {"codes": self._batch}
        self._known, self._known_count = 0.0, 0
        self._end = "interrupted"
        self._beyond = np.nan

    @property
    def count(self) -> int:
        """The evaluations so far."""
        return self._count

    @property
    def share(self) -> float:
        """How much of the budget is used, from 0 to 1."""
        if self.finished:
            return 1.0
        used = [0.0]
        if self.budget.evaluations is not None:
            used.append(self._count / self.budget.evaluations)
        if self.budget.seconds is not None and self._count:
            used.append(float(self._columns["simulated_time"][self._count - 1]) / self.budget.seconds)
        return min(1.0, max(used))

    def ask(self) -> CodeArray:
        """What the benchmark shall answer next, uint8 [n, C]; n = 0 when the repeat is finished.

        Raises:
            SearchError: where the optimiser does not ask what the recorded history holds.
        """
        while not self.finished:
            self._batch, self._first = self._asked(), self._count
            if not len(self._batch):
                self._finish("exhausted")
                break
            allowed = self._batch
            if self.budget.evaluations is not None:
                allowed = allowed[: self.budget.evaluations - self._count]
            held = self._from_record(allowed)
            if self.finished:
                break
            if held < len(allowed):
                return allowed[held:]
            self._end_of_batch()
        return self._batch[:0]

    def _asked(self) -> CodeArray:
        """What the optimiser asks for, checked: an own one may ask for anything.

        Raises:
            SearchError: where these are no architectures of the space.
        """
        codes = self._optimiser.ask()
        try:
            return self._space.check(codes)
        except ArchitectureError as error:
            msg = f"the optimiser {self.job.spec.title} asks for what is no architecture: {error}"
            raise SearchError(msg) from error

    def _from_record(self, codes: CodeArray) -> int:
        """Takes what the recorded history holds of a batch; how many rows that were."""
        if self._recorded is None:
            return 0
        old = self._recorded
        low, high = self._count, min(self._count + len(codes), len(old))
        held = high - low
        if held <= 0:
            self._recorded = None
            return 0
        if not np.array_equal(old.codes[low:high], codes[:held]):
            msg = (
                f"the history of {old.optimiser}, seed {old.seed}, cannot be continued: another version or another "
                "machine made it; choose another --output, or remove the file to start anew."
            )
            raise SearchError(msg)
        rows = slice(low, high)
        self._take(codes[:held], old.value[rows], old.mean[rows], old.runtime[rows])
        return held

    def take(self, codes: CodeArray, answer: Answer) -> None:
        """The benchmark's answers to the last `ask`."""
        value = np.where(np.isfinite(answer.value), answer.value, np.nan)
        self._take(codes, value, np.where(np.isnan(value), np.nan, answer.mean), answer.runtime)
        if not self.finished:
            self._end_of_batch()

    def _take(self, codes: CodeArray, value: Values, mean: Values, runtime: Values) -> None:
        cost, self._known, self._known_count = charge(runtime, self._known, self._known_count)
        before = self._columns["simulated_time"][self._count - 1] if self._count else 0.0
        time = cost + before if len(cost) == 1 else np.cumsum(np.concatenate([[before], cost]))[1:]
        n = len(codes)
        if self.budget.seconds is not None and time[-1] > self.budget.seconds:
            n = int(np.searchsorted(time, self.budget.seconds, side="right"))
            self._beyond = float(time[n])
            self._finish("budget")
        self._append(n, codes=codes, value=value, mean=mean, runtime=runtime, simulated_time=time)
        if self.budget.seconds is not None and not self._known_count and self._count >= _UNTIMED:
            msg = (
                "the benchmark tells no runtimes, so no budget in simulated time can be kept; give one in evaluations."
            )
            raise SearchError(msg)

    def _append(self, n: int, **columns: Values | CodeArray) -> None:
        end = self._count + n
        if end > len(self._columns["value"]):
            size = max(64, 2 * end)
            for name, old in self._columns.items():
                new = np.empty((size, *old.shape[1:]), dtype=old.dtype)
                new[: self._count] = old[: self._count]
                self._columns[name] = new
        for name, values in columns.items():
            self._columns[name][self._count : end] = values[:n]
        self._count = end

    def _end_of_batch(self) -> None:
        """Tells the optimiser, or finishes where the budget is used up."""
        if self._count - self._first == len(self._batch):
            self._optimiser.tell(self._batch, self._columns["value"][self._first : self._count].copy())
        if self.budget.evaluations is not None and self._count >= self.budget.evaluations:
            self._finish("budget")

    def _finish(self, end: str) -> None:
        self.finished, self._end = True, end

    def history(self) -> History:
        """What was evaluated so far."""
        columns = {name: values[: self._count].copy() for name, values in self._columns.items()}
        return History(str(self.job.spec), self.job.seed, **columns, end=self._end, beyond=self._beyond)
