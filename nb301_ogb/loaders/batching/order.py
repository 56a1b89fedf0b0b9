"""The order of an epoch, drawn as torch's own samplers draw it, but in whole tensors."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils.data import BatchSampler, RandomSampler, SequentialSampler

from nb301_ogb.loaders.batching.gather import Located, Plan


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
        self._located: list[Located] | None = None
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
        return None if self._located is None else self._located[number]

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
        size = self._sampler.batch_size
        rows = located[0].split(size)
        there = rows if located[1] is located[0] else located[1].split(size)
        counts = [size] * self._full + [located[2] % size]
        self._located = list(zip(rows, there, counts, strict=False))

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
