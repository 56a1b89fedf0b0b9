"""Gathers whole batches from arrays."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data.storage import GlobalStorage

from nb301_ogb.loaders.batching.arrays import Attribute, Cut, Cuts, cumulated
from nb301_ogb.loaders.batching.source import NotVectorisable, within

_LAYOUTS = 8
"""Batch sizes whose layouts are kept: a loader has two, a batch sampler of its own may have many."""

Vectors = tuple[Tensor, Tensor]
"""The graph of each entry, int64 [joined], and where each graph begins, int64 [B + 1]."""


Located = tuple[Tensor, Tensor, int]
"""Rows, int64 [n], in main memory and on the arrays' device, and their number."""


@dataclass(frozen=True)
class Form:
    """What PyG's batches of a dataset are made of, beside tensors.

    Attributes:
        kind: their class.
        state: what the object holds beside its storage.
        counted: whether it lists the number of nodes of each graph.
    """

    kind: type
    state: dict[str, Any]
    counted: bool

    @classmethod
    def of(cls, batch: Any, counted: bool) -> Form:
        """The form of a batch that PyG made.

        Raises:
            NotVectorisable: where it holds more than PyG's own batches do.
        """
        state = {name: value for name, value in vars(batch).items() if name != "_store"}
        known = {"_mapping", "_parent", "_num_nodes", "_num_graphs", "_slice_dict", "_inc_dict"}
        if not all(isinstance(value, type) for value in state.values()) or not known >= set(vars(batch._store)):
            msg = f"{type(batch).__name__} keeps a state of its own"
            raise NotVectorisable(msg)
        return cls(type(batch), state, counted)

    def build(
        self,
        mapping: dict[str, Any],
        counts: list[int] | None,
        graphs: int,
        slices: dict[str, Tensor],
        sums: dict[str, Tensor],
    ) -> Any:
        """The batch that holds `mapping`, with PyG's private entries.

        Fills the objects directly: their constructors and attribute access cost more than gathering a small batch.
        """
        batch: Any = object.__new__(self.kind)
        store: Any = object.__new__(GlobalStorage)
        inside = store.__dict__
        inside["_mapping"] = mapping
        inside["_parent"] = weakref.ref(batch)
        if counts is not None:
            inside["_num_nodes"] = counts
        inside["_num_graphs"] = graphs
        inside["_slice_dict"] = slices
        inside["_inc_dict"] = sums
        state = batch.__dict__
        state.update(self.state)
        state["_store"] = store
        return batch


@dataclass(frozen=True)
class _Step:
    """How one attribute of a batch of a certain size is gathered, as far as the size decides it.

    Attributes:
        attribute: what is gathered.
        shape: of its values; None where they come in it, or where graphs differ in size.
        slices: int64 [B + 1] in the batch; None where graphs differ in size.
        sums: int64 [B], what has been added to each graph; None where graphs differ in it.
        offsets: `sums` laid as `Attribute.offsets` says; None where graphs differ or nothing is added.
        vectors: of an attribute that is followed, where graphs have one size.
    """

    attribute: Attribute
    shape: tuple[int, ...] | None
    slices: Tensor | None
    sums: Tensor | None
    offsets: Tensor | None
    vectors: Vectors | None

    @property
    def simple(self) -> bool:
        """Whether the values need a table, rows and nothing else that depends on the batch."""
        return self.slices is not None and self.sums is not None and not self.attribute.follow


_Select = Callable[[int, Tensor], Tensor]
_Line = tuple[str, _Select, int, tuple[int, ...] | None, Tensor | None, _Step | None]


@dataclass(frozen=True)
class _Layout:
    """How a batch of a certain size is gathered, as far as the size decides it.

    Attributes:
        steps: for each attribute its key, `index_select` of its table and along which dimension, shape and offsets,
            and the whole step where it is not simple. The method is bound once: a small batch costs little more than
            the calls.
        simple: the keys of the simple steps.
        mixed: whether there are other steps.
        slices_and_sums: those of the simple steps, one after the other; copied whole and cut again, as copies of each
            would cost a third of a small batch.
        lengths: of the parts of `slices_and_sums`.
        nodes: `clone` of the vectors `batch` and `ptr`, where all graphs have the same number of nodes.
        counts: the number of nodes of each graph, where it is the same for all.
    """

    steps: list[_Line]
    simple: list[str]
    mixed: bool
    slices_and_sums: Tensor
    lengths: list[int]
    nodes: tuple[Callable[[], Tensor], Callable[[], Tensor]] | None
    counts: list[int]


class Plan:
    """Gathers batches from a dataset's arrays. What it returns shares no memory with them or with other batches.

    Args:
        attributes: in the order in which a batch holds them; one at least.
        nodes: the number of nodes of each graph, where batches have the vectors `batch` and `ptr`.
        form: what batches are made of.
        rows: int64 [length], the graph at each position of the loader's dataset; None where position i is graph i.
        length: of the loader's dataset.
    """

    def __init__(
        self, attributes: list[Attribute], nodes: Cuts | None, form: Form, rows: Tensor | None, length: int
    ) -> None:
        self._attributes = attributes
        self._nodes = nodes
        self._form = form
        self._rows = rows
        self._length = length
        self._layouts: dict[int, _Layout] = {}
        self._keys = [attribute.key for attribute in attributes]
        self.device = attributes[0].table.device

    def on(self, device: torch.device) -> Plan:
        """The same plan with copies of what its loader reads on another device."""
        moved: dict[Cuts, Cuts] = {}

        def move(cuts: Cuts) -> Cuts:
            if cuts not in moved:
                moved[cuts] = cuts.taken(self._rows, device)
            return moved[cuts]

        attributes = [each.taken(self._rows, device, move(each.cuts)) for each in self._attributes]
        nodes = None if self._nodes is None else move(self._nodes)
        return Plan(attributes, nodes, self._form, None, self._length)

    def locate(self, positions: Tensor) -> Located | None:
        """The rows at some positions, int64 [n], in main memory and on the arrays' device, and their number.

        Returns None where there are no positions or one lies outside the dataset.
        """
        inside = within(positions, self._length)
        if inside is None:
            return None
        rows = inside if self._rows is None else self._rows.index_select(0, inside)
        return rows, rows.to(self.device), rows.shape[0]

    def gather(self, rows: Tensor, there: Tensor, count: int) -> Any:
        """The batch of the graphs in some rows.

        Args:
            rows: int64 [B], in main memory.
            there: the same on the device of the arrays.
            count: B.
        """
        layout = self._layouts.get(count) or self._lay_out(count)
        mapping: dict[str, Any] = {}
        simple = layout.simple
        # Unsafe only where gradients are computed.
        parts = layout.slices_and_sums.clone().unsafe_split_with_sizes(layout.lengths) if simple else ()
        # zip's keyword argument would cost more than the dicts.
        slice_dict = dict(zip(simple, parts))  # noqa: B905
        inc_dict = dict(zip(simple, parts[len(simple) :]))  # noqa: B905
        cuts: dict[Cuts, Cut] = {}
        for key, select, dim, shape, offsets, special in layout.steps:
            if special is not None:
                slice_dict[key], inc_dict[key] = self._gather_special(special, rows, there, cuts, mapping)
                continue
            mapping[key] = value = select(dim, there)
            if offsets is not None:
                value.add_(offsets)
            if shape is not None:
                # Not a view: PyG's tensors are none, and some operations refuse views.
                value.resize_(*shape)
        if layout.mixed:
            slice_dict = {key: slice_dict[key] for key in self._keys}
            inc_dict = {key: inc_dict[key] for key in self._keys}
        counts: list[int] | None = None
        nodes = self._nodes
        if nodes is not None:
            if self._form.counted:
                counts = layout.counts.copy() or nodes.lengths.index_select(0, rows).tolist()
                mapping["num_nodes"] = sum(counts) if nodes.size is None else nodes.size * count
            if layout.nodes is not None:
                owner, starts = layout.nodes
                mapping["batch"], mapping["ptr"] = owner(), starts()
            else:
                cut = _cut(nodes, rows, there, cuts)
                mapping["batch"], mapping["ptr"] = cut.owner.clone(), cut.slices_there.clone()
        return self._form.build(mapping, counts, count, slice_dict, inc_dict)

    def _gather_special(
        self, step: _Step, rows: Tensor, there: Tensor, cuts: dict[Cuts, Cut], mapping: dict[str, Any]
    ) -> Vectors:
        attribute = step.attribute
        cut = None if step.slices is not None else _cut(attribute.cuts, rows, there, cuts)
        value = attribute.table.index_select(attribute.along, there if cut is None else cut.index)
        sums, offsets = step.sums, step.offsets
        if sums is None:
            sums, sums_there = _sums(attribute, rows, there)
            offsets = attribute.offsets(sums_there)
        if offsets is not None:
            value.add_(offsets if cut is None else offsets.index_select(attribute.dim, cut.owner))
        if cut is not None:
            value.resize_(*value.shape[attribute.dim == 0 :])
        elif step.shape is not None:
            value.resize_(*step.shape)
        mapping[attribute.key] = value
        if attribute.follow:
            owner, starts = step.vectors if cut is None else (cut.owner, cut.slices_there)  # type: ignore[misc]
            mapping[f"{attribute.key}_batch"] = owner.clone()
            mapping[f"{attribute.key}_ptr"] = starts.clone()
        slices = step.slices if cut is None else cut.slices
        return slices.clone(), sums.clone()  # type: ignore[union-attr]

    def _lay_out(self, count: int) -> _Layout:
        every = [_step(attribute, count) for attribute in self._attributes]
        lines: list[_Line] = []
        for step in every:
            attribute = step.attribute
            table, shape = attribute.table, step.shape
            if step.simple and step.offsets is None:
                table, shape = attribute.flat(count)
            how = (table.index_select, attribute.along, shape, step.offsets)
            lines.append((attribute.key, *how, None if step.simple else step))
        simple = [step for step in every if step.simple]
        parts = [step.slices for step in simple if step.slices is not None]
        parts += [step.sums for step in simple if step.sums is not None]
        block = torch.cat(parts) if parts else torch.empty(0, dtype=torch.int64)
        keys, lengths = [step.attribute.key for step in simple], [part.shape[0] for part in parts]
        layout = _Layout(lines, keys, len(simple) < len(every), block, lengths, None, [])
        if self._nodes is not None and self._nodes.size is not None:
            owner, starts = _vectors(self._nodes, self._nodes.size, count)
            layout = replace(layout, nodes=(owner.clone, starts.clone), counts=[self._nodes.size] * count)
        while len(self._layouts) >= _LAYOUTS:
            del self._layouts[next(iter(self._layouts))]
        self._layouts[count] = layout
        return layout


def _step(attribute: Attribute, count: int) -> _Step:
    cuts, constant = attribute.cuts, attribute.constant
    slices = None if cuts.size is None else torch.arange(count + 1) * cuts.size
    sums = None if constant is None else torch.arange(count) * constant
    offsets = None
    if sums is not None and constant:
        offsets = attribute.offsets(sums.to(attribute.table.device))
    vectors = _vectors(cuts, cuts.size, count) if attribute.follow and cuts.size is not None else None
    return _Step(attribute, attribute.joined_shape(count), slices, sums, offsets, vectors)


def _vectors(cuts: Cuts, size: int, count: int) -> Vectors:
    graphs = torch.arange(count + 1, device=cuts.starts_there.device)
    return graphs[:-1].repeat_interleave(size), graphs * size


def _cut(cuts: Cuts, rows: Tensor, there: Tensor, made: dict[Cuts, Cut]) -> Cut:
    if cuts not in made:
        made[cuts] = Cut(cuts, rows, there)
    return made[cuts]


def _sums(attribute: Attribute, rows: Tensor, there: Tensor) -> Vectors:
    """What has been added to each graph, [B, ...], in main memory and on the arrays' device."""
    each, each_there = attribute.increments, attribute.increments_there
    assert each is not None
    assert each_there is not None
    sums = cumulated(each.index_select(0, rows)[:-1])
    return sums, sums if each_there is each else cumulated(each_there.index_select(0, there)[:-1])
