"""Times the evaluator against the same metrics by scikit-learn with scipy, and by torchmetrics.

    python -m benchmarks.evaluator --json evaluator.json

Values are compared first. Kendall's tau of torchmetrics is quadratic in the rows, so it is timed on few.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.stats
import torch
from sklearn import metrics

from benchmarks.common import in_turn, machine, write
from nb301_ogb import Evaluator

try:
    import torchmetrics.functional.regression as torchmetrics
except ImportError:
    torchmetrics = None


def _scikit(y: np.ndarray, p: np.ndarray) -> dict[str, float]:
    return {
        "rmse": metrics.root_mean_squared_error(y, p),
        "mae": metrics.mean_absolute_error(y, p),
        "r2": metrics.r2_score(y, p),
        "kendall_tau": scipy.stats.kendalltau(y, p)[0],
        "sparse_kendall_tau": scipy.stats.kendalltau(y, p.round(1))[0],
        "spearman": scipy.stats.spearmanr(y, p)[0],
    }


def _torchmetrics(y: torch.Tensor, p: torch.Tensor) -> dict[str, float]:
    tau = torchmetrics.kendall_rank_corrcoef
    found = {
        "rmse": torchmetrics.mean_squared_error(p, y, squared=False),
        "mae": torchmetrics.mean_absolute_error(p, y),
        "r2": torchmetrics.r2_score(p, y),
        "kendall_tau": tau(p, y),
        "sparse_kendall_tau": tau((p * 10).round() / 10, y),
        "spearman": torchmetrics.spearman_corrcoef(p, y),
    }
    return {name: float(value) for name, value in found.items()}


def _check(found: dict[str, float], expected: dict[str, float]) -> None:
    for name, value in expected.items():
        if abs(found[name] - value) > 1e-5 * max(1.0, abs(value)):
            sys.exit(f"{name}: {found[name]} is not {value}")


def measure(rows: int, repeats: int, reference: str) -> dict[str, Any]:
    """Our time and theirs for all six metrics on so many rows."""
    rng = np.random.default_rng(0)
    y = rng.uniform(80, 95, rows).round(2)
    p = y + rng.normal(0, 0.5, rows)
    evaluator = Evaluator("ogbg-nb201-cifar10")
    given = {"y_true": y[:, None], "y_pred": p[:, None]}
    if reference == "scikit-learn":
        theirs: Callable[[], dict[str, float]] = lambda: _scikit(y, p)  # noqa: E731
    else:
        tensors = torch.from_numpy(y), torch.from_numpy(p)
        theirs = lambda: _torchmetrics(*tensors)  # noqa: E731
    _check(evaluator.eval(given), theirs())
    return {"reference": reference, "rows": rows, **in_turn(lambda: evaluator.eval(given), theirs, repeats)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1_562, 46_526, 423_624])
    parser.add_argument("--few", type=int, default=1_562, help="rows for torchmetrics")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found = [measure(rows, arguments.repeats, "scikit-learn") for rows in arguments.rows]
    if torchmetrics is not None:
        found.append(measure(arguments.few, arguments.repeats, "torchmetrics"))
    figures = {"evaluator": found}
    print(json.dumps(figures, indent=1))
    if arguments.json is not None:
        write(arguments.json, {"machine": machine(), **figures})


if __name__ == "__main__":
    main()
