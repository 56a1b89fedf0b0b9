"""What makes an entry suspicious: signs that are found in its predictions, for people to look at.

A flag is no verdict. Each is a sentence with the figures that raised it.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from nb301_ogb.evaluators.submission.form import PARTS
from nb301_ogb.leaderboard.exam_data import FloatArray, PartData
from nb301_ogb.leaderboard.noise import moments, usable_runs
from nb301_ogb.leaderboard.scores import ExamScores, Judged
from nb301_ogb.spaces.graphs import IntArray

Z = 4.0
"""How many standard errors beyond what is possible raise a flag; by chance alone one in 30,000 would."""

_SHARE = 0.6
_RATIO = 1.5
_CALM = 0.95
_FEWEST = 100  # rows with repeated runs from which noise is judged
_EQUAL = 1e-6


def suspicions(judged: Judged, others: Iterable[Judged]) -> tuple[str, ...]:
    """Everything suspicious about a submission, sorted.

    Args:
        judged: the submission.
        others: those that it is compared with; itself among them does not count.
    """
    found: list[str] = []
    for exam, scores in judged.exams.items():
        found += [f"{exam}: {sign}" for sign in _exam_signs(scores, judged.head.seeds)]
        for other in others:
            if other.digest != judged.digest and other.fingerprint.get(exam) == judged.fingerprint[exam]:
                found.append(f"{exam}: the predictions equal those of {other.head.model} ({other.where}).")
    return tuple(sorted(found))


def _exam_signs(scores: ExamScores, seeds: tuple[int, ...]) -> Iterable[str]:
    yield from _equal_seeds(scores, seeds)
    yield from _worse_on_valid(scores)
    for part in PARTS:
        yield from tracked_noise(scores.data.parts[part], scores.y_pred[part].mean(axis=1), part)


def _equal_seeds(scores: ExamScores, seeds: tuple[int, ...]) -> Iterable[str]:
    columns = np.concatenate([scores.y_pred[part] for part in PARTS])
    order = np.lexsort(columns[:50])
    equal = [(a, b) for a, b in pairwise(order) if np.max(np.abs(columns[:, a] - columns[:, b])) <= _EQUAL]
    if equal:
        first = " and ".join(str(one) for one in sorted((seeds[equal[0][0]], seeds[equal[0][1]])))
        alike = len({one for pair in equal for one in pair})
        yield f"the predictions of {alike} of {len(seeds)} seeds equal those of another, such as {first}."


def _worse_on_valid(scores: ExamScores) -> Iterable[str]:
    means, variances = {}, {}
    for part in PARTS:
        error = np.abs(scores.error(part)).mean(axis=1)
        means[part] = float(error.mean())
        variances[part] = clustered_sum(error - error.mean(), scores.data.parts[part].component)[1] / len(error) ** 2
    gap, error = means["valid"] - means["test"], float(np.sqrt(variances["valid"] + variances["test"]))
    if means["valid"] > _RATIO * means["test"] and gap > Z * error:
        yield (
            f"validation is far worse than test: MAE {means['valid']:.4g} against {means['test']:.4g}, "
            f"{gap / error if error else np.inf:.1f} standard errors apart."
        )


def tracked_noise(part: PartData, predicted: FloatArray, name: str) -> Iterable[str]:
    """The signs that predictions know the noise of runs that they cannot know.

    Two tests, on rows with at least two runs that are no copies. First, whoever does not know a run is off it by at
    least its noise: the mean of (prediction - run)^2 - s^2 is negative by chance only, and so it is for the label with
    the variance of its noise. Second, such predictions are as often on one run's side of the middle between two as on
    the other's, once the usual difference between the two positions is taken off.

    Args:
        part: the rows.
        predicted: float64 [B].
        name: of the part, for people.
    """
    runs = usable_runs(part)
    count, _, variance = moments(runs)
    used = count > 1
    if np.count_nonzero(used) < _FEWEST:
        return
    # Without the rows of the largest variance, which would drown the others; what is left understates the noise, if
    # anything, so the test errs on the side of the authors.
    used &= variance <= np.quantile(variance[used], _CALM)
    runs, variance, component = runs[used], variance[used], part.component[used]
    guess = predicted[used]
    targets = {"the label": (part.labels[used], variance * part.weights[used])}
    targets |= {f"run {number}": (column, variance) for number, column in enumerate(runs.T)}
    for what, (target, noise) in targets.items():
        known = ~np.isnan(target)
        excess = np.square(guess - target)[known] - noise[known]
        total, square = clustered_sum(excess, component[known])
        if square and total < -Z * np.sqrt(square):
            error = np.sqrt(np.mean(np.square(guess - target)[known]))
            yield (
                f"the {name} predictions are closer to {what} than its noise allows: RMSE {error:.4g} on "
                f"{np.count_nonzero(known):,} rows with repeated runs, the noise alone is "
                f"{np.sqrt(np.mean(noise[known])):.4g}."
            )
    yield from _closer_to_one(runs, guess, component, name)


def _closer_to_one(runs: FloatArray, guess: FloatArray, component: IntArray, name: str) -> Iterable[str]:
    for number, run in enumerate(runs.T):
        others = np.delete(runs, number, axis=1)
        apart = run[:, None] - others
        known = ~np.isnan(apart).all(axis=1)
        if np.count_nonzero(known) < _FEWEST:
            continue
        # Without the usual difference of two positions, which a model that is too low or too high would seem to know.
        apart -= [np.nanmedian(column) if np.isfinite(column).any() else 0.0 for column in apart.T]
        sign = np.sign((guess - (run + others.T) / 2).T * apart)
        score = np.nansum(sign[known], axis=1) / (~np.isnan(sign[known])).sum(axis=1)
        total, square = clustered_sum(score, component[known])
        share = 0.5 + score.mean() / 2
        if share > _SHARE and total > Z * np.sqrt(square):
            yield (
                f"the {name} predictions follow the noise of run {number}: they are on its side of another run "
                f"of the same architecture in {share:.0%} of {np.count_nonzero(known):,} rows, where 50% are expected."
            )


def clustered_sum(values: FloatArray, component: IntArray) -> tuple[float, float]:
    """The sum of some values and its variance if their mean is 0, where values of one component are related."""
    sums = np.bincount(np.unique(component, return_inverse=True)[1].ravel(), values)
    return float(sums.sum()), float(np.square(sums).sum())
