"""The order of an epoch, drawn as torch's own samplers draw it, but in whole tensors."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils.data import BatchSampler, RandomSampler, SequentialSampler

from nb301_ogb.loaders.batching.gather import Plan

Located = tuple[Tensor, Tensor]


class Order:
    """The batches of one epoch: iterating gives their numbers.

    Random numbers are drawn at the same moments as torch's samplers draw them, so that a generator shared with other
    code stands where it would stand with torch's own loader.

    Args:
        sampler: for which `understands` is true.
    """

    def __init__(self, sampler: BatchSampler) -> None:
        self._sampler = sampler
        self._positions: Tensor | None = None
        self._next = self._full = self._count = 0
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

    def __iter__(self) -> Order:
        return self

    def __next__(self) -> int:
        if self._positions is None:
            self._draw()
        if self._next >= self._full and not self._ended:
            self._end()
        if self._next >= self._count:
            raise StopIteration
        self._next += 1
        return self._next - 1

    def positions(self, number: int) -> list[int]:
        """The positions in batch `number`."""
        assert self._positions is not None
        size = self._sampler.batch_size
        return self._positions[number * size : (number + 1) * size].tolist()

    def located(self, plan: Plan, number: int) -> Located | None:
        """The rows of batch `number`; None where a position lies outside the plan's dataset."""
        if plan is not self._plan:
            self._plan = plan
            assert self._positions is not None
            located = plan.locate(self._positions)
            size = self._sampler.batch_size
            if located is None:
                self._located = None
            else:
                rows = located[0].split(size)
                there = rows if located[1] is located[0] else located[1].split(size)
                self._located = list(zip(rows, there, strict=True))
        return None if self._located is None else self._located[number]

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
