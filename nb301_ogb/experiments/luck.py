"""How much of the best measured architecture's lead is luck, and how far a surrogate's best is behind without it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def luck(runs: Values, predicted: Values) -> dict[str, Any] | None:
    """The best architecture by all runs but one, and the best by a surrogate, judged by the run that was left out.

    The best of many measured means was partly lucky: its next training will be worse. A run that had no part in the
    choice tells the two without that. Every run is left out in its turn; rows without all runs are left out.

    Args:
        runs: float64 [G, R], accuracies in percent; NaN where there is no run.
        predicted: float64 [G], what the surrogate says.

    Returns:
        Errors in percent: by turn, and their mean, `promised` by the other runs of the truth's best, and by the left
        out run that of the `truth`'s and of the `surrogate`'s best; None where no row has two runs or more.
    """
    rows = np.flatnonzero(~np.isnan(runs).any(axis=1))
    if runs.shape[1] < 2 or not len(rows):
        return None
    errors, turns = 100 - runs[rows], []
    guess = int(predicted[rows].argmax())
    for run in range(runs.shape[1]):
        others = np.delete(errors, run, axis=1).mean(axis=1)
        best = int(others.argmin())
        turns.append(
            {
                "run": run,
                "promised": float(others[best]),
                "truth": float(errors[best, run]),
                "surrogate": float(errors[guess, run]),
            }
        )
    words = ("promised", "truth", "surrogate")
    mean = {word: float(np.mean([turn[word] for turn in turns])) for word in words}
    return {"architectures": len(rows), "runs": runs.shape[1], "turns": turns, "mean": mean}
