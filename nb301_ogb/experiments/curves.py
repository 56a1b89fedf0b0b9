"""What the histories of repeated searches say together: errors after so many evaluations, or so much simulated time."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.baselines.benchmark import Benchmark
from nb301_ogb.search import History
from nb301_ogb.spaces.graphs import IntArray

Values = NDArray[np.float64]
POINTS = 160


def errors_of(histories: Sequence[History], incumbents: Sequence[IntArray]) -> Values:
    """The errors of incumbents, in percent by the benchmark's own mean, [repeats, K]; NaN where there is none.

    Args:
        histories: of the repeats.
        incumbents: for each, K evaluations, -1 for none, as `at_evaluations` and `at_seconds` give.
    """
    means = [np.concatenate([history.mean, [np.nan]]) for history in histories]
    return 100.0 - np.stack([mean[which] for mean, which in zip(means, incumbents, strict=True)])


def errors_at(histories: Sequence[History], evaluations: Sequence[int]) -> Values:
    """The error, in percent, of what each repeat had found after so many evaluations: [repeats, K]."""
    return errors_of(histories, [history.at_evaluations(evaluations) for history in histories])


def judged_at(histories: Sequence[History], evaluations: Sequence[int], judge: Benchmark) -> Values:
    """As `errors_at`, by the mean of another benchmark, that did not lead the search."""
    return _judged(histories, [history.at_evaluations(evaluations) for history in histories], judge)


def judged_over(histories: Sequence[History], seconds: Values, judge: Benchmark) -> Values:
    """As `judged_at`, after so many simulated seconds of the searches."""
    return _judged(histories, [history.at_seconds(seconds) for history in histories], judge)


def _judged(histories: Sequence[History], incumbents: Sequence[IntArray], judge: Benchmark) -> Values:
    found = np.full((len(histories), len(incumbents[0])), np.nan)
    there = np.stack(incumbents) >= 0
    if there.any():
        pairs = zip(histories, incumbents, strict=True)
        codes = np.concatenate([history.codes[which[which >= 0]] for history, which in pairs])
        # A repeat has few incumbents, each for many of the K: every architecture is asked about once.
        different, back = np.unique(codes, axis=0, return_inverse=True)
        found[there] = 100.0 - judge.query_codes(different).mean[back.ravel()]
    return found


def times(groups: Sequence[Sequence[History]], points: int = POINTS) -> Values:
    """Simulated seconds at which all repeats of all groups can be compared, evenly spaced in their logarithm.

    They begin where every repeat has an incumbent and end where the first repeat's budget ends; a repeat whose
    optimiser had nothing more to ask keeps what it found. Empty where a repeat has no incumbent at all.

    Args:
        groups: histories, at least one.
        points: how many.
    """
    histories = [history for group in groups for history in group]
    if any(history.best < 0 for history in histories):
        return np.empty(0)
    first = max(float(one.simulated_time[np.argmax(one.incumbents() >= 0)]) for one in histories)
    lasting = [one for one in histories if one.end != "exhausted"]
    ends = [float(one.simulated_time[-1]) for one in lasting or histories]
    last = min(ends) if lasting else max(ends)
    if not 0 < first < last:
        return np.empty(0)
    # The logarithm must not take the ends beyond themselves.
    return np.clip(np.geomspace(first, last, points), first, last)


def errors_over(histories: Sequence[History], seconds: Values) -> Values:
    """The error, in percent, of what each repeat had found after so many simulated seconds: [repeats, T]."""
    return errors_of(histories, [history.at_seconds(seconds) for history in histories])


def mean_and_error(values: Values) -> dict[str, float]:
    """Mean and standard error over the repeats that have a value."""
    there = values[~np.isnan(values)]
    if not len(there):
        return {"mean": np.nan, "standard_error": np.nan}
    spread = float(there.std(ddof=1) / np.sqrt(len(there))) if len(there) > 1 else np.nan
    return {"mean": float(there.mean()), "standard_error": spread}


def band(errors: Values) -> dict[str, list[float]]:
    """Mean and standard deviation over repeats, [repeats, T], as lists."""
    spread = errors.std(axis=0, ddof=1) if len(errors) > 1 else np.zeros(errors.shape[1])
    return {"mean": errors.mean(axis=0).tolist(), "std": spread.tolist()}


def area_between(one: Sequence[float], other: Sequence[float]) -> float:
    """Mean absolute distance of two curves that share an even grid, in their unit; NaN for empty ones."""
    return float(np.mean(np.abs(np.subtract(one, other)))) if len(one) else np.nan


def kendall(one: Sequence[float], other: Sequence[float]) -> float:
    """Kendall's tau-b of two short lists; NaN where one of them is constant or too short."""
    pairs = list(itertools.combinations(range(len(one)), 2))
    signs = np.array([(np.sign(one[a] - one[b]), np.sign(other[a] - other[b])) for a, b in pairs]).reshape(-1, 2)
    scale = np.sqrt(np.abs(signs[:, 0]).sum() * np.abs(signs[:, 1]).sum())
    return float((signs[:, 0] * signs[:, 1]).sum() / scale) if scale > 0 else np.nan


def ranks(errors: Mapping[str, Values]) -> list[str]:
    """Names in the order of their mean error, the smallest first; ties in the order given."""
    return sorted(errors, key=lambda name: _mean(errors[name]))


def _mean(values: Values) -> float:
    """The mean, so that sums in another order do not break a tie."""
    return round(mean_and_error(values)["mean"], 9)


def order_agreement(truth: Mapping[str, Values], surrogate: Mapping[str, Values]) -> dict[str, Any]:
    """Whether optimisers stand in the same order by their mean error, and where they do not.

    The order is the same where no pair changes places; a tie changes none. A pair is *clear* where its gap is more than
    two standard errors on both benchmarks; the gaps are of repeats with the same seed. Halves of the truth's repeats,
    held against each other, tell how much order there is to agree with.

    Args:
        truth: the errors of the repeats of each optimiser, [repeats].
        surrogate: the same on the other benchmark.
    """
    names = list(truth)
    means = [[_mean(errors[name]) for name in names] for errors in (truth, surrogate)]
    swapped = []
    for a, b in itertools.combinations(names, 2):
        gaps = [mean_and_error(errors[a] - errors[b]) for errors in (truth, surrogate)]
        if np.sign(_mean(truth[a] - truth[b])) * np.sign(_mean(surrogate[a] - surrogate[b])) < 0:
            clear = all(abs(gap["mean"]) > 2 * gap["standard_error"] for gap in gaps)
            swapped.append({"pair": [a, b], "truth_gap": gaps[0], "surrogate_gap": gaps[1], "clear": clear})
    halves = [[_mean(truth[name][half::2]) for name in names] for half in (0, 1)]
    return {
        "truth": ranks(truth),
        "surrogate": ranks(surrogate),
        "same": not swapped and not bool(np.isnan(means).any()),
        "kendall_tau": kendall(*means),
        "kendall_tau_of_truth_halves": kendall(*halves),
        "swapped": swapped,
    }
