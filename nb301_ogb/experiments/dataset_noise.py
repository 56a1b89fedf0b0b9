"""The noise of a label, where architectures were trained more than once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from nb301_ogb.experiments.dataset_facts import Values, summary
from nb301_ogb.loaders.splits import own_runs


@dataclass(frozen=True, eq=False)
class Noise:
    """What repeated trainings tell.

    Attributes:
        facts: numbers for the report; see `measure`.
        level: float64 [n]; the mean of the own runs of each row that has two or more.
        spread: float64 [n]; the unbiased standard deviation of these runs.
    """

    facts: dict[str, Any]
    level: Values
    spread: Values


def measure(values: NDArray[np.float32], run_id: NDArray[np.int32]) -> Noise | None:
    """The noise of a target, float32 [G, R]; None where no row has two runs of its own.

    An entry whose training stands elsewhere too is left out: copies would make runs look more alike than they are, and
    which of their architectures was trained is not known. `facts` holds

    * `entries`, `copied_entries`: all runs, and those that are left out;
    * `rows`: those with two or more own runs, and `spread`, the summary of their standard deviations (unbiased);
    * `by_runs`: for each number of own runs in a row the rows, the mean absolute difference between one run and the
      mean of the others (every run of a row takes its turn), and Kendall's tau between the first run and that mean;
    * `with_copies`: `by_runs` again with the copied entries, to compare.
    """
    present = ~np.isnan(values) & (run_id >= 0)
    own = own_runs(run_id) & present
    several = own.sum(axis=1) >= 2
    if not several.any():
        return None
    kept = np.where(own, values.astype(np.float64), np.nan)[several]
    level, spread = np.nanmean(kept, axis=1), np.nanstd(kept, axis=1, ddof=1)
    facts = {
        "entries": int(present.sum()),
        "copied_entries": int((present & ~own).sum()),
        "rows": int(several.sum()),
        "spread": summary(spread),
        "by_runs": _by_runs(values, own),
        "with_copies": _by_runs(values, present),
    }
    return Noise(facts, level, spread)


def _by_runs(values: NDArray[np.float32], used: NDArray[np.bool_]) -> dict[str, dict[str, float | int]]:
    found = {}
    number = used.sum(axis=1)
    for runs in np.unique(number[number >= 2]).tolist():
        rows = number == runs
        table = values[rows].astype(np.float64)[used[rows]].reshape(-1, runs)
        others = (table.sum(axis=1, keepdims=True) - table) / (runs - 1)
        entry: dict[str, float | int] = {
            "rows": len(table),
            "mae_of_one_run": float(np.abs(table - others).mean()),
            "mean_spread": float(table.std(axis=1, ddof=1).mean()),
        }
        if len(table) > 1 and np.ptp(table[:, 0]) > 0:
            entry["kendall_tau"] = float(stats.kendalltau(table[:, 0], others[:, 0]).statistic)
        found[str(runs)] = entry
    return found
