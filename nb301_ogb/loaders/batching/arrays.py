"""The parts of a plan: where graphs lie in an array, what is added to their values, and the array itself."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor


def cumulated(values: Tensor) -> Tensor:
    """[n + 1, ...]: the sums of the first 0, 1, ..., n entries of [n, ...]."""
    out = values.new_zeros((values.shape[0] + 1, *values.shape[1:]))
    torch.cumsum(values, 0, out=out[1:])
    return out


@dataclass(eq=False)
class Cuts:
    """Where each graph lies along the joined dimension of an array; attributes cut at the same places share one.

    Attributes:
        starts: int64 [G].
        lengths: int64 [G].
        size: the length of every graph, or None where lengths differ.
        starts_there: `starts` on the device of the arrays.
        lengths_there: `lengths` on the device of the arrays.
    """

    starts: Tensor
    lengths: Tensor
    size: int | None
    starts_there: Tensor
    lengths_there: Tensor

    @classmethod
    def of(cls, starts: Tensor, lengths: Tensor, device: torch.device) -> Cuts:
        """Completes starts and lengths (int64 [G], in main memory)."""
        size = int(lengths[0]) if bool((lengths == lengths[0]).all()) else None
        return cls(starts, lengths, size, starts.to(device), lengths.to(device))

    def taken(self, rows: Tensor | None, device: torch.device) -> Cuts:
        """The same graphs, or those of `rows`, lying one after the other on a device."""
        lengths = self.lengths if rows is None else self.lengths.index_select(0, rows)
        return Cuts.of(cumulated(lengths)[:-1], lengths, device)


class Cut:
    """Where the graphs of one batch lie, before and after they are joined.

    Attributes:
        slices: int64 [B + 1], in the batch, in main memory.
        slices_there: the same on the device of the arrays.
        owner: int64 [joined], the graph that each entry belongs to, on that device.
    """

    def __init__(self, cuts: Cuts, rows: Tensor, there: Tensor) -> None:
        self._cuts = cuts
        self._rows = there
        # A call of numpy on so few numbers takes a third of the time of torch's.
        self._lengths = lengths = cuts.lengths.numpy().take(rows.numpy())
        slices = np.zeros(lengths.shape[0] + 1, dtype=np.int64)
        lengths.cumsum(out=slices[1:])
        self._total = int(slices[-1])
        self.slices = torch.from_numpy(slices)
        self._here = cuts.lengths_there is cuts.lengths
        if self._here:
            # torch.repeat_interleave wakes all threads for a hundred numbers: milliseconds on a busy machine.
            self.slices_there = self.slices
            owner = np.arange(lengths.shape[0]).repeat(lengths)
            # Of an empty array torch would take over a stride of 0.
            self.owner = torch.from_numpy(owner) if self._total else self.slices.new_empty(0)
        else:
            lengths_there = cuts.lengths_there.index_select(0, there)
            self.slices_there = cumulated(lengths_there)
            # With its size known, the device need not be waited for.
            self.owner = torch.repeat_interleave(lengths_there, output_size=self._total)
        self._index: Tensor | None = None

    @property
    def index(self) -> Tensor:
        """int64 [joined]: where each entry of the batch lies in the array."""
        if self._index is None:
            starts, slices = self._cuts.starts_there, self.slices_there
            if self._here:
                shift = starts.numpy().take(self._rows.numpy()) - slices.numpy()[:-1]
                self._index = torch.from_numpy(shift.repeat(self._lengths) + np.arange(self._total))
            else:
                shift_there = starts.index_select(0, self._rows) - slices[:-1]
                entries = torch.arange(self._total, device=self.owner.device)
                self._index = shift_there.index_select(0, self.owner).add_(entries)
        return self._index


@dataclass(eq=False)
class Attribute:
    """An attribute of the graphs, joined along `dim`.

    Attributes:
        key: its name.
        dim: the dimension along which graphs are joined.
        cuts: where each graph lies along it.
        table: the joined values; where all graphs have one size other than 1, the joined dimension is split in two,
            (graph, entry); where it is the first, another of length 1 stands before it.
        constant: what each graph adds to the values of those after it, or None where graphs differ.
        increments: int64 [G, ...], the same graph by graph where graphs differ.
        increments_there: `increments` on the device of the table.
        follow: whether the batch has vectors that tell the graph of each entry.
    """

    key: str
    dim: int
    cuts: Cuts
    table: Tensor
    constant: int | None
    increments: Tensor | None
    increments_there: Tensor | None
    follow: bool

    @staticmethod
    def table_of(value: Tensor, dim: int, cuts: Cuts, graphs: int) -> Tensor:
        """Views joined values of all graphs as a table."""
        if cuts.size is not None:
            value = value.narrow(dim, int(cuts.starts[0]), graphs * cuts.size)
            if cuts.size != 1:
                value = value.unflatten(dim, (graphs, cuts.size))
        # Rows of the second dimension are gathered in two thirds of the time.
        return value.unsqueeze(0) if dim == 0 else value

    @property
    def along(self) -> int:
        """The dimension of the table along which it is gathered."""
        return max(self.dim, 1)

    @property
    def split(self) -> bool:
        """Whether the joined dimension of the table is split in two."""
        return self.cuts.size not in (None, 1)

    def joined_shape(self, count: int) -> tuple[int, ...] | None:
        """The shape of the values of `count` graphs of one size; None where gathering leaves them in that shape."""
        if not self.split and self.dim > 0:
            return None
        shape = list(self.table.shape)
        shape[self.along] = count
        if self.split:
            shape[self.along] *= shape.pop(self.along + 1)
        return tuple(shape[1:] if self.dim == 0 else shape)

    def flat(self, count: int) -> tuple[Tensor, tuple[int, ...] | None]:
        """The table with what follows the graphs in one dimension, and the shape of the values of `count` graphs.

        Rows of one dimension are gathered in two thirds of the time of rows of two. It is a view: writes into the
        array are seen. Only for graphs of one size.
        """
        table, along = self.table, self.along
        shape = self.joined_shape(count)
        single = table.numel() > 0 and table.shape[along + 1 :].numel() == 1
        if table.dim() <= along + (1 if single else 2):
            return table, shape
        try:
            flat = table.view(table.shape[: along + 1] if single else (*table.shape[: along + 1], -1))
        except RuntimeError:  # no array without gaps, or an empty one
            return table, shape
        return flat, shape or (*table.shape[:along], count, *table.shape[along + 1 :])

    def offsets(self, sums: Tensor) -> Tensor:
        """Lays increments summed per graph, [B, ...], so that their graphs stand along `dim`.

        Where all graphs have one size, the result can be added to gathered values; otherwise its entries must be
        repeated along `dim` first.
        """
        dims = self.table.dim() - self.split - (self.dim == 0)
        sums = sums.reshape(sums.shape[0], *[1] * (dims + 1 - sums.dim()), *sums.shape[1:])
        sums = sums.squeeze(self.dim + 1).movedim(0, self.dim)
        return sums.unsqueeze(self.dim + 1) if self.split else sums

    def taken(self, rows: Tensor | None, device: torch.device, cuts: Cuts) -> Attribute:
        """The same attribute, or that of the graphs in `rows`, lying as `cuts` says on another device."""
        increments, table = self.increments, self.table
        count = cuts.lengths.shape[0]
        if self.cuts.size is None:
            # Graphs of several sizes; those of `rows` may all have one.
            every = torch.arange(count) if rows is None else rows
            value = table.index_select(self.along, Cut(self.cuts, every, every.to(table.device)).index)
            table = self.table_of(value.squeeze(0) if self.dim == 0 else value, self.dim, cuts, count)
        elif rows is not None:
            table = table.index_select(self.along, rows.to(table.device))
        if increments is not None and rows is not None:
            increments = increments.index_select(0, rows)
        there = None if increments is None else increments.to(device)
        return replace(self, cuts=cuts, table=table.to(device), increments=increments, increments_there=there)
