"""A benchmark of a small space, answered for every architecture once and then looked up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.baselines.benchmark import Answer, Benchmark
from nb301_ogb.spaces import Space
from nb301_ogb.spaces.graphs import CodeArray

MOST = 100_000
"""The largest space of which a table is made."""

_ROWS = 4096


def tabulated(benchmark: Benchmark) -> Benchmark:
    """The same answers, in a table where the space is small enough, so that each costs some microseconds.

    Answers with noise are still the benchmark's own.
    """
    size = benchmark.space.size
    # In a space whose columns depend on each other, not every combination is an architecture.
    if isinstance(benchmark, _Tabulated) or size > MOST or size != benchmark.space.code_limits.prod():
        return benchmark
    return _Tabulated(benchmark)


def every_code(space: Space) -> CodeArray:
    """uint8 [size, C]: all codes, in their order as numbers, of a space whose columns do not depend on each other."""
    limits = space.code_limits
    return np.stack(np.unravel_index(np.arange(int(limits.prod())), limits), axis=1).astype(np.uint8)


class _Tabulated(Benchmark):
    """The table.

    Args:
        benchmark: what is asked, for the whole space.
    """

    def __init__(self, benchmark: Benchmark) -> None:
        self.name = benchmark.name
        self.space = benchmark.space
        self._benchmark = benchmark
        limits = benchmark.space.code_limits
        codes = every_code(benchmark.space)
        parts = [benchmark.query_codes(codes[first : first + _ROWS]) for first in range(0, len(codes), _ROWS)]
        self._table: NDArray[np.float64] = np.stack(
            [np.concatenate([getattr(part, name) for part in parts]) for name in ("mean", "std", "value", "runtime")]
        )
        self._weights = np.concatenate([np.cumprod(limits[:0:-1])[::-1], [1]])

    def query_codes(self, codes: CodeArray, noise: bool = False, rng: np.random.Generator | None = None) -> Answer:
        """The benchmark's answers."""
        if noise:
            return self._benchmark.query_codes(codes, noise, rng)
        return Answer(*self._table[:, self.space.check(codes) @ self._weights])
