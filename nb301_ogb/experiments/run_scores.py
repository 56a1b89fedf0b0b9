"""What the runs of one model say together, as plain values and as the cells of a table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import fmean, stdev
from typing import Any

from nb301_ogb.baselines.runs import Run
from nb301_ogb.baselines.summary import summarise

METRIC_TITLES = {
    "rmse": "RMSE",
    "mae": "MAE",
    "r2": "R²",
    "kendall_tau": "Kendall τ",
    "sparse_kendall_tau": "sparse Kendall τ",
    "spearman": "Spearman ρ",
}
"""The metrics' names for people."""

DIGITS = 4


def over_seeds(values: Iterable[float]) -> dict[str, Any]:
    """Mean and unbiased standard deviation of those values that are known; NaN where there are too few."""
    listed = list(values)
    known = [one for one in listed if not math.isnan(one)]
    return {
        "mean": fmean(known) if known else math.nan,
        "std": stdev(known) if len(known) > 1 else math.nan,
        "values": listed,
    }


def scores_of(runs: Sequence[Run]) -> dict[str, Any]:
    """The scores of one model's runs and what they cost, over the seeds (see `over_seeds`).

    Raises:
        ConfigError: where the runs are not of one model on one split of one dataset.
    """
    summary = summarise(runs)
    return {
        "title": summary["model"],
        "kind": runs[0].config.kind,
        "seeds": summary["seeds"],
        "num_train": runs[0].info.num_train,
        "num_params": over_seeds(float(run.info.num_params) for run in runs),
        "fit_seconds": over_seeds(run.fit_seconds for run in runs),
        "valid": summary["valid"],
        "test": summary["test"],
    }


def cell(values: dict[str, Any], digits: int = DIGITS) -> str:
    """`mean ± std` for a table; the mean alone where there is no deviation, a dash where nothing is known."""
    if math.isnan(values["mean"]):
        return "-"
    mean = f"{values['mean']:,.{digits}f}"
    return mean if math.isnan(values["std"]) else f"{mean} ± {values['std']:,.{digits}f}"


def count(values: dict[str, Any]) -> str:
    """A number of things for a table; its deviation only where it has one."""
    mean = f"{values['mean']:,.0f}"
    return f"{mean} ± {values['std']:,.0f}" if values["std"] > 0 else mean


def duration(seconds: float) -> str:
    """Seconds for a table, with three digits that count."""
    if math.isnan(seconds):
        return "-"
    return f"{seconds:,.0f}" if seconds >= 100 else f"{seconds:.3g}"
