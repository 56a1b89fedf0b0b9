"""How long a fitted model takes to answer."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from nb301_ogb.baselines.model import Model
from nb301_ogb.spaces.graphs import CodeArray

SINGLE, BULK = 50, 10_000
"""Architectures that are asked one by one, and those that are asked together."""
_WARM, _PASSES, _LONGEST = 3, 3, 20.0


def query_times(model: Model, codes: CodeArray, rng: np.random.Generator) -> dict[str, Any]:
    """The time for mean and deviation of one architecture, and the architectures in a second where many are asked.

    Args:
        model: fitted.
        codes: uint8 [G, C], of which the architectures are drawn.
        rng: draws them; none twice as long as there are enough.

    Returns:
        `one_ms`, the median in milliseconds over `single` architectures that are asked one by one, and `per_second`,
        the best of three passes over `bulk` architectures that are asked together.
    """
    chosen = codes[rng.permutation(len(codes))[:BULK]]
    for code in chosen[:_WARM]:
        model.predict_distribution(code[None])
    single = [_seconds(model, code[None]) for code in chosen[:SINGLE]]
    passes: list[float] = []
    while len(passes) < _PASSES and sum(passes) < _LONGEST:
        passes.append(_seconds(model, chosen))
    return {
        "one_ms": 1000 * float(np.median(single)),
        "single": len(single),
        "per_second": len(chosen) / min(passes),
        "bulk": len(chosen),
    }


def _seconds(model: Model, codes: CodeArray) -> float:
    started = time.perf_counter()
    model.predict_distribution(codes)
    return time.perf_counter() - started
