"""What a search did: every evaluation of one repeat, in order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nb301_ogb.search.budget import Budget
from nb301_ogb.search.interface import Values, merit
from nb301_ogb.spaces.graphs import CodeArray, IntArray

COLUMNS = ("codes", "value", "mean", "runtime", "simulated_time")
"""The attributes of a history that have an entry for each evaluation."""

ENDS = ("interrupted", "budget", "exhausted")
"""How a repeat ended: not yet, as far as is known; its budget was used up; its optimiser had nothing more to ask."""


@dataclass(frozen=True)
class History:
    """One repeat of a search.

    Attributes:
        optimiser: its specification, such as `re` or `re:population=100`.
        seed: of the repeat.
        codes: uint8 [n, C], in the order of evaluation.
        value: float64 [n]; what the optimiser was told, in percent; NaN where the benchmark had no answer.
        mean: float64 [n]; the benchmark's mean; the same as `value` in a search without noise.
        runtime: float64 [n]; the benchmark's training time in seconds; NaN where it has none.
        simulated_time: float64 [n]; seconds that had passed when the evaluation ended.
        end: one of ENDS.
        beyond: simulated second at which the evaluation that the budget did not allow would have ended; NaN where no
            evaluation was refused.
    """

    optimiser: str
    seed: int
    codes: CodeArray
    value: Values
    mean: Values
    runtime: Values
    simulated_time: Values
    end: str = "interrupted"
    beyond: float = np.nan

    def __len__(self) -> int:
        return len(self.codes)

    def incumbents(self) -> IntArray:
        """int64 [n]: for each evaluation which one was the best so far (the first of equals); -1 where none was."""
        if not len(self):
            return np.empty(0, dtype=np.int64)
        merits = merit(self.value)
        best = np.maximum.accumulate(merits)
        rises = np.concatenate([merits[:1] > -np.inf, best[1:] > best[:-1]])
        return np.maximum.accumulate(np.where(rises, np.arange(len(self)), -1))

    def best_mean(self) -> Values:
        """float64 [n]: the mean of the incumbent, in percent; NaN before there is one."""
        which = self.incumbents()
        return np.where(which >= 0, self.mean[which], np.nan) if len(self) else np.empty(0)

    @property
    def best(self) -> int:
        """The evaluation with the highest value, -1 if there is none."""
        return int(self.incumbents()[-1]) if len(self) else -1

    def at_evaluations(self, counts: ArrayLike) -> IntArray:
        """int64: the incumbent after so many evaluations, or after the last one if there are fewer; -1 for none."""
        which = np.concatenate([[-1], self.incumbents()])
        return which[np.clip(np.asarray(counts), 0, len(self))]

    def at_seconds(self, seconds: ArrayLike) -> IntArray:
        """int64: the incumbent after so many simulated seconds; -1 where there is none yet."""
        return self.at_evaluations(np.searchsorted(self.simulated_time, np.asarray(seconds), side="right"))

    def cut(self, budget: Budget) -> History:
        """The part within a budget: what the same search with that budget would have left."""
        count = len(self)
        if budget.seconds is not None:
            count = int(np.searchsorted(self.simulated_time, budget.seconds, side="right"))
        if budget.evaluations is not None:
            count = min(count, budget.evaluations)
        refused = budget.seconds is not None and self.beyond > budget.seconds
        if count < len(self) or count == budget.evaluations or refused:
            end = "budget"
        else:
            end = "exhausted" if self.end == "exhausted" else "interrupted"
        columns: dict[str, Any] = {name: getattr(self, name)[:count] for name in COLUMNS}
        return replace(self, **columns, end=end)


def charge(runtime: Values, known: float, count: int) -> tuple[Values, float, int]:
    """What evaluations cost in simulated seconds.

    A runtime that is missing or not above 0 costs the mean of those known before it, so that an evaluation without an
    answer is not free; 0 while none is known.

    Args:
        runtime: of the evaluations, in their order, float64 [n].
        known: the sum of the runtimes known before.
        count: how many those were.

    Returns:
        The costs, float64 [n], and sum and count with these evaluations. They do not depend on how a search is cut
        into calls.
    """
    there = (runtime > 0) & (runtime < np.inf)
    if len(runtime) == 1 and there[0]:  # most searches ask one by one
        return runtime, known + float(runtime[0]), count + 1
    sums = np.cumsum(np.concatenate([[known], np.where(there, runtime, 0.0)]))
    counts = count + np.concatenate([[0], np.cumsum(there)])
    cost = runtime if there.all() else np.where(there, runtime, sums[:-1] / np.maximum(counts[:-1], 1))
    return cost, float(sums[-1]), int(counts[-1])
