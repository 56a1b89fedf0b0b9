"""Decides from a dataset's arrays how its batches are gathered, or why they cannot be."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data.storage import N_KEYS

from nb301_ogb.loaders.batching.arrays import Attribute, Cuts, cumulated
from nb301_ogb.loaders.batching.gather import Form, Plan
from nb301_ogb.loaders.batching.identity import difference
from nb301_ogb.loaders.batching.increments import concatenation_dims, find_increments, graph
from nb301_ogb.loaders.batching.source import NotVectorisable, Source

Collate = Callable[[list[Any]], Any]


def make_plan(source: Source, follow: Collection[str], exclude: Collection[str], collate: Collate) -> Plan:
    """Plans how batches are gathered, and gathers one to compare it with PyG's.

    Args:
        source: the arrays.
        follow: attributes that get vectors of their own, `<key>_batch` and `<key>_ptr`.
        exclude: attributes that are left out.
        collate: PyG's collation.

    Raises:
        NotVectorisable: where a batch could not be, or is not, what PyG makes.
    """
    if source.length == 0:
        msg = "the dataset is empty"
        raise NotVectorisable(msg)
    home = _check_values(source, exclude)
    cuts = _find_cuts(source, home)
    sample = graph(source, 0 if source.rows is None else int(source.rows[0]))
    nodes = _find_nodes(source, sample, cuts, home)
    wanted = [key for key in source.keys if key not in exclude]
    if not wanted:
        msg = "every attribute is excluded"
        raise NotVectorisable(msg)
    dims = concatenation_dims(source, wanted)
    attributes = []
    for key, increments in find_increments(source, dims, nodes).items():
        if dims[key] is None and cuts[key].size != 1:
            msg = f"{key} does not hold one entry for each graph"
            raise NotVectorisable(msg)
        attributes.append(_attribute(source, key, dims[key], cuts[key], increments, key in follow))
    _check_names(attributes, "num_nodes" in sample._store, nodes)
    form = Form.of(collate([sample]), "num_nodes" in sample._store and "num_nodes" not in exclude)
    plan = Plan(attributes, nodes if sample._store.can_infer_num_nodes else None, form, source.rows, source.length)
    _try(plan, source, collate)
    return plan


def _check_values(source: Source, exclude: Collection[str]) -> torch.device:
    devices = set()
    for key in source.keys:
        value = source.store[key]
        if type(value) is list and key in exclude and len(value) >= source.graphs:
            continue
        plain = type(value) is Tensor and value.layout == torch.strided and not value.is_nested
        if not plain or value.is_quantized or value.is_conj() or value.is_neg() or value.dim() == 0:
            msg = f"{key} is no plain tensor"
            raise NotVectorisable(msg)
        if value.requires_grad or value.is_inference():
            msg = f"{key} takes part in a computation of gradients"
            raise NotVectorisable(msg)
        devices.add(value.device)
    if len(devices) != 1 or next(iter(devices)).type not in ("cpu", "cuda"):
        msg = "the arrays do not lie on one CPU or CUDA device"
        raise NotVectorisable(msg)
    return devices.pop()


def _find_cuts(source: Source, device: torch.device) -> dict[str, Cuts]:
    """The cuts of each tensor attribute; equal ones are one object."""
    bounds: list[Tensor] = []
    distinct: list[Cuts] = []
    found = {}
    for key in source.keys:
        value, slices = source.store[key], source.slices[key]
        if (
            type(slices) is not Tensor
            or slices.dtype != torch.int64
            or slices.dim() != 1
            or slices.device.type != "cpu"
        ):
            msg = f"the slices of {key} are no int64 vector"
            raise NotVectorisable(msg)
        if slices.shape[0] <= source.graphs:
            msg = f"{key} is not there for every graph"
            raise NotVectorisable(msg)
        if type(value) is list:
            continue
        places = slices[: source.graphs + 1]
        same = next((at for at, other in enumerate(bounds) if torch.equal(other, places)), None)
        if same is None:
            lengths = places.diff()
            if bool((lengths < 0).any()) or int(places[0]) < 0:
                msg = f"the slices of {key} do not ascend"
                raise NotVectorisable(msg)
            same = len(bounds)
            bounds.append(places)
            distinct.append(Cuts.of(places[:-1].clone(), lengths, device))
        found[key] = distinct[same]
    return found


def _find_nodes(source: Source, sample: Any, cuts: dict[str, Cuts], device: torch.device) -> Cuts | None:
    """The number of nodes of each graph, found where PyG's `num_nodes` finds it; None where a graph has none.

    Raises:
        NotVectorisable: where PyG would guess it, with a warning for each graph.
    """
    store = sample._store
    if "num_nodes" in store:
        counts = source.store.__dict__.get("_num_nodes")
        if type(counts) is not list or set(map(type, counts)) != {int} or len(counts) < source.graphs:
            msg = "num_nodes is not stored as one int for each graph"
            raise NotVectorisable(msg)
        source.watch.sequence(counts)
        lengths = torch.tensor(counts[: source.graphs])
        if bool((lengths < 0).any()):
            msg = "num_nodes is negative"
            raise NotVectorisable(msg)
        for known in cuts.values():
            if torch.equal(known.lengths, lengths):
                return known
        return Cuts.of(cumulated(lengths)[:-1], lengths, device)
    for revealing in (N_KEYS.__contains__, lambda key: "node" in key):
        for key in filter(revealing, store):
            if not isinstance(store[key], Tensor):
                continue
            dim = source.data.__cat_dim__(key, store[key], store)
            if type(dim) is not int or key not in cuts:
                msg = f"the number of nodes cannot be read off {key}"
                raise NotVectorisable(msg)
            return cuts[key]
    if store.can_infer_num_nodes:
        msg = "the number of nodes is neither stored nor told by a node attribute"
        raise NotVectorisable(msg)
    return None


def _attribute(
    source: Source, key: str, dim: int | None, cuts: Cuts, increments: int | Tensor, follow: bool
) -> Attribute:
    value = source.store[key]
    along = (dim or 0) % value.dim()
    if int(cuts.starts[-1] + cuts.lengths[-1]) > value.shape[along]:
        msg = f"the slices of {key} reach beyond its end"
        raise NotVectorisable(msg)
    table = Attribute.table_of(value, along, cuts, source.graphs)
    if isinstance(increments, int):
        return Attribute(key, along, cuts, table, increments, None, None, follow)
    return Attribute(key, along, cuts, table, None, increments, increments.to(table.device), follow)


def _check_names(attributes: list[Attribute], counted: bool, nodes: Cuts | None) -> None:
    names = [attribute.key for attribute in attributes]
    names += [f"{attribute.key}_{word}" for attribute in attributes if attribute.follow for word in ("batch", "ptr")]
    names += ["batch", "ptr", "num_nodes"]
    if len(set(names)) != len(names):
        msg = "an attribute bears the name of a vector that PyG adds"
        raise NotVectorisable(msg)


def _try(plan: Plan, source: Source, collate: Collate) -> None:
    """Holds a batch of the plan against PyG's, so that a rule this module does not know cannot pass unseen."""
    positions = torch.tensor(sorted({0, source.length // 2, source.length - 1}))
    located = plan.locate(positions)
    if located is None:
        msg = "the subset's indices reach outside the dataset"
        raise NotVectorisable(msg)
    expected = collate([graph(source, row) for row in located[0].tolist()])
    found = difference(plan.gather(*located), expected)
    if found is not None:
        msg = f"a gathered batch differs from PyG's in {found}"
        raise NotVectorisable(msg)
