"""Figures and sentences as every form of the leaderboard shows them."""

from __future__ import annotations

from collections.abc import Sequence

from nb301_ogb.evaluators.submission.form import OFFICIAL_SEEDS
from nb301_ogb.leaderboard.build import BoardResult, Entry, Place
from nb301_ogb.leaderboard.comparison import DRAWS, Comparison
from nb301_ogb.leaderboard.scores import Spread

METRIC_NAMES = {"rmse": "RMSE", "kendall_tau": "Kendall τ"}
PART_NAMES = {"test": "Test", "valid": "Validation"}
WAITING = "No reference result yet: the reference models have not been run on this dataset so far."
EMPTY = "No entry yet."

METHOD = (
    "Scores are recomputed from each submission's predictions by the official evaluator, for each seed; shown are the "
    "mean and the unbiased standard deviation over the seeds.",
    "Entries are in the order of their test RMSE. Two entries are told apart where both tests do it: a paired "
    f"bootstrap over the test's components ({DRAWS:,} samples; what is equivalent or shares a run is drawn together), "
    "whose 95% interval of the difference must leave out 0, and Welch's test over the seeds at p < 0.05. An entry that "
    "cannot be told from the first of the group above it shares its rank.",
    f"Entries with fewer than {OFFICIAL_SEEDS} seeds have no rank. An entry is unofficial where it lacks something "
    "that the rules ask for.",
    "The noise ceiling is what a model that knew every architecture's expected accuracy would reach: the error that "
    "the noise of the trainings leaves in the label, estimated from architectures with repeated runs, copied runs left "
    "out. Kendall τ is that of the label with the label plus such noise, which is somewhat too high.",
    "A flag is a sign for people to look at, not a verdict: predictions closer to a run or to the label than noise "
    "allows, seeds or entries with equal predictions, validation far worse than test.",
)
"""How a board is made, a sentence or two each."""


def number(value: float, digits: int = 4) -> str:
    """A figure with a fixed number of decimals; never `-0.0000`."""
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text.replace("-", "−")


def spread_text(value: Spread, digits: int = 4) -> str:
    """Mean ± standard deviation; the mean alone for one seed."""
    if value.std is None:
        return number(value.mean, digits)
    return f"{number(value.mean, digits)} ± {number(value.std, digits)}"


def rank_text(place: Place | None) -> str:
    """`1`, `1=` for a tie, or a dash for an entry without a rank."""
    if place is None:
        return "–"
    return f"{place.rank}=" if place.tied else str(place.rank)


def p_text(value: float | None) -> str:
    """A p-value as people write it."""
    if value is None:
        return "p unknown"
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def comparison_texts(found: Comparison | None) -> tuple[str, str]:
    """Whether an entry is behind the one above and by how much; the interval of that, and Welch's p-value."""
    if found is None:
        return "", ""
    verdict = "tie" if found.tied else "behind"
    interval = f"[{number(found.low, 3)}, {number(found.high, 3)}], {p_text(found.welch_p)}"
    return f"{verdict}, +{number(found.difference)}", interval


def seed_list(seeds: Sequence[int]) -> str:
    """Seeds as people write them, such as `0-9` or `0-3, 7`."""
    parts: list[list[int]] = []
    for seed in sorted(seeds):
        if parts and seed == parts[-1][-1] + 1:
            parts[-1][1:] = [seed]
        else:
            parts.append([seed])
    return ", ".join("-".join(map(str, part)) for part in parts)


def seeds_text(entry: Entry) -> str:
    """The number of seeds, and how many are asked for where they are too few."""
    count = len(entry.judged.head.seeds)
    return str(count) if count >= OFFICIAL_SEEDS else f"{count} of {OFFICIAL_SEEDS}"


def vacancy(result: BoardResult) -> str:
    """What a board without an entry says."""
    return WAITING if result.board.waits else EMPTY
