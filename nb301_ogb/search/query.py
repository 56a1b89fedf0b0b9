"""Asking a benchmark for the answers that several repeats wait for, whatever it does."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from nb301_ogb.baselines.benchmark import Answer, Benchmark
from nb301_ogb.errors import SearchError
from nb301_ogb.spaces.graphs import CodeArray

_GIVE_UP = 20
"""So many failures in a row from the start, and a benchmark is taken to be broken."""


class Questioner:
    """Asks a benchmark; an architecture for which it fails has no answer (NaN).

    Args:
        benchmark: the black box.
        noise: whether values are single trainings. The noise of an evaluation comes from the seed and the number of
            the evaluation, so that it does not depend on what else is asked.
    """

    def __init__(self, benchmark: Benchmark, noise: bool = False) -> None:
        self.benchmark = benchmark
        self.noise = noise
        self._failures = 0
        self._answers = 0

    def ask(self, codes: Sequence[CodeArray], seeds: Sequence[int], counts: Sequence[int]) -> list[Answer]:
        """The answers to each table of codes.

        Args:
            codes: for each repeat what it asks, uint8 [n, C].
            seeds: of the repeats.
            counts: the evaluations that each repeat has made before.

        Raises:
            SearchError: where the benchmark has failed for every architecture so far, and for several.
        """
        if self.noise:
            return [
                _join([self._one(code[None], seed, first + row) for row, code in enumerate(table)])
                for table, seed, first in zip(codes, seeds, counts, strict=True)
            ]
        joined = codes[0] if len(codes) == 1 else np.concatenate(codes)
        try:
            answer = _checked(self.benchmark.query_codes(joined), len(joined))
            self._answers += len(joined)
        except Exception:
            # One architecture that fails must not take the others along.
            answer = _join([self._one(code[None]) for code in joined])
        bounds = itertools.accumulate(map(len, codes), initial=0)
        return [_rows(answer, low, high) for low, high in itertools.pairwise(bounds)]

    def _one(self, code: CodeArray, seed: int = 0, number: int = 0) -> Answer:
        try:
            # A spawned stream: that of [seed, 0] would be that of the seed, from which the optimiser draws.
            stream = np.random.SeedSequence(seed, spawn_key=(number,)) if self.noise else None
            rng = None if stream is None else np.random.default_rng(stream)
            answer = _checked(self.benchmark.query_codes(code, self.noise, rng), 1)
        except Exception as error:
            self._failures += 1
            if not self._answers and self._failures >= _GIVE_UP:
                msg = f"{self.benchmark.name} failed for each of {_GIVE_UP} architectures; the last time: {error!r}."
                raise SearchError(msg) from error
            return Answer(*(np.full(1, np.nan) for _ in range(4)))
        self._answers += 1
        return answer


def _checked(answer: Answer, count: int) -> Answer:
    """The answer as float64.

    Raises:
        SearchError: where it has not one number for each architecture.
    """
    columns = [np.asarray(one, dtype=np.float64) for one in (answer.mean, answer.std, answer.value, answer.runtime)]
    if any(column.shape != (count,) for column in columns):
        msg = f"an answer holds one number for each of the {count} architectures."
        raise SearchError(msg)
    return Answer(*columns)


def _rows(answer: Answer, low: int, high: int) -> Answer:
    return Answer(answer.mean[low:high], answer.std[low:high], answer.value[low:high], answer.runtime[low:high])


def _join(answers: Sequence[Answer]) -> Answer:
    return Answer(
        np.concatenate([one.mean for one in answers]),
        np.concatenate([one.std for one in answers]),
        np.concatenate([one.value for one in answers]),
        np.concatenate([one.runtime for one in answers]),
    )
