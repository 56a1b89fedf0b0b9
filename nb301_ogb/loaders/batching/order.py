"""The order of an epoch, drawn as torch's own samplers draw it, but in whole tensors."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import BatchSampler, RandomSampler, SequentialSampler

from nb301_ogb.loaders.batching.gather import Located, Plan

_AHEAD = 64
"""Batches whose rows are cut at once: tensors that all live through an epoch would set Python to collecting garbage."""


class Order:
    """The batches of one epoch.

    Random numbers are drawn at the same moments as torch's samplers draw them, so that a generator shared with other
    code stands where it would stand with torch's own loader.

    Args:
        sampler: for which `understands` is true.
    """

    def __init__(self, sampler: BatchSampler) -> None:
        self._sampler = sampler
        self._positions: Tensor | None = None
        self._next = self._full = self._count = 0
        self._number = -1
        self._ended = False
        self._plan: Plan | None = None
        self._located: Iterator[Located] | None = None
        self._generator: torch.Generator | None = None

    @staticmethod
    def understands(sampler: Any) -> bool:
        """Whether a batch sampler is one that torch makes when it is given none."""
        if type(sampler) is not BatchSampler:
            return False
        inner = sampler.sampler
        if type(inner) is RandomSampler:
            return not inner.replacement and inner._num_samples is None
        return type(inner) is SequentialSampler

    def take(self, plan: Plan | None) -> Located | None:
        """Goes on to the next batch, and gives its rows.

        Returns None without a plan, or where a position lies outside the plan's dataset.

        Raises:
            StopIteration: at the end of the epoch.
        """
        number = self._next
        if number >= self._full or self._positions is None:
            self._reach(number)
        self._next = number + 1
        self._number = number
        if plan is not self._plan:
            self._locate(plan)
        return None if self._located is None else next(self._located)

    def positions(self) -> list[int]:
        """The positions in the batch that was taken last."""
        assert self._positions is not None
        size = self._sampler.batch_size
        return self._positions[self._number * size : (self._number + 1) * size].tolist()

    def _reach(self, number: int) -> None:
        if self._positions is None:
            self._draw()
        if number >= self._full and not self._ended:
            self._end()
        if number >= self._count:
            raise StopIteration

    def _locate(self, plan: Plan | None) -> None:
        assert self._positions is not None
        self._plan = plan
        located = None if plan is None else plan.locate(self._positions)
        if located is None:
            self._located = None
            return
        rows, there, length = located
        size = self._sampler.batch_size
        step = size * _AHEAD

        def cut(first: int) -> Iterator[Located]:
            last = min(first + step, length)
            # Unsafe only where gradients are computed.
            batches = rows[first:last].unsafe_split(size)
            batches_there = batches if there is rows else there[first:last].unsafe_split(size)
            counts = [size] * ((last - first) // size) + [(last - first) % size]
            return zip(batches, batches_there, counts, strict=False)

        self._located = chain.from_iterable(map(cut, range(self._number * size, length, step)))

    def _draw(self) -> None:
        inner: Any = self._sampler.sampler
        size = self._sampler.batch_size
        length = len(inner.data_source)
        if isinstance(inner, RandomSampler):
            self._generator = inner.generator
            if self._generator is None:
                seed = int(torch.empty((), dtype=torch.int64).random_().item())
                generator = torch.Generator()
                generator.manual_seed(seed)
            else:
                generator = self._generator
            self._positions = torch.randperm(length, generator=generator)
        else:
            self._positions = torch.arange(length)
        self._full = length // size
        self._count = self._full if self._sampler.drop_last else -(-length // size)

    def _end(self) -> None:
        # torch's sampler draws a second permutation, of which it takes nothing, when it is asked for more.
        self._ended = True
        if self._generator is not None:
            assert self._positions is not None
            torch.randperm(self._positions.shape[0], generator=self._generator)
