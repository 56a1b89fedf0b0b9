"""Runs over several seeds: what they have in common, and the mean and deviation of their scores."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from nb301_ogb.baselines import runs
from nb301_ogb.baselines.checkpoint import differences
from nb301_ogb.baselines.report import write_report
from nb301_ogb.errors import ConfigError
from nb301_ogb.jsonable import finite
from nb301_ogb.storage.whole import write_bytes


def summarise(finished: Sequence[runs.Run]) -> dict[str, Any]:
    """Mean and unbiased standard deviation of every metric over the seeds, as plain values.

    The standard deviation is NaN, null in JSON, for a single seed.

    Raises:
        ConfigError: where the runs are not of one model on one split of one dataset, or a seed stands there twice.
    """
    first, info = finished[0], finished[0].info
    for run in finished:
        other = _unlike(run, first)
        if other:
            msg = f"{run.folder} and {first.folder} are no runs of one model ({', '.join(other)}); give them apart."
            raise ConfigError(msg)
    seeds = [run.info.seed for run in finished]
    twice = sorted({seed for seed in seeds if seeds.count(seed) > 1})
    if twice:
        msg = f"several runs beside {first.folder} hold seed {', '.join(map(str, twice))}; give each seed once."
        raise ConfigError(msg)
    summary: dict[str, Any] = {
        "model": info.model,
        "dataset": info.dataset,
        "split": info.split,
        "num_params": info.num_params,
        "seeds": seeds,
    }
    for part in runs.PARTS:
        summary[part] = {}
        for metric in finished[0].metrics[part]:
            values = [run.metrics[part][metric] for run in finished]
            summary[part][metric] = {
                "mean": fmean(values),
                "std": stdev(values) if len(values) > 1 else math.nan,
                "values": values,
            }
    return summary


def _unlike(run: runs.Run, other: runs.Run) -> list[str]:
    """In what two runs differ beside seed and result."""
    mine, theirs = (dataclasses.asdict(one.info) | {"seed": 0, "num_params": 0} for one in (run, other))
    return differences(mine, theirs) + differences(dataclasses.asdict(run.config), dataclasses.asdict(other.config))


def write_summary(output: Path, finished: Sequence[runs.Run]) -> dict[str, Any]:
    """Writes `summary.json` and `report.html` over several seeds."""
    summary = summarise(finished)
    text = json.dumps(finite(summary), indent=1)
    write_bytes(output / "summary.json", f"{text}\n".encode())
    write_report(output / "report.html", list(finished))
    return summary
