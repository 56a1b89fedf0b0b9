"""Verifying a dataset file: bytes, structure, ranges, pointers, graphs against codes, splits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.errors import DatasetNameError, FileFormatError, IntegrityError, Nb301OgbError
from nb301_ogb.spaces import GraphTable, Space, get_space
from nb301_ogb.storage.content import content_hash, curves_hash
from nb301_ogb.storage.layout import Contents
from nb301_ogb.storage.read import DatasetFile

_UNIT_LIMITS = {"percent": (0.0, 100.0), "seconds": (0.0, np.inf), "count": (0.0, np.inf)}


@dataclass(frozen=True)
class Check:
    """One check of a file.

    Attributes:
        name: what was checked.
        ok: whether it holds.
        detail: what was found, for people.
    """

    name: str
    ok: bool
    detail: str


def verify(path: str | Path) -> list[Check]:
    """Runs every check on a dataset file and returns them, the failed ones included.

    A file whose bytes are damaged is not looked at further.

    Raises:
        OSError: where the file cannot be opened.
    """
    try:
        file = DatasetFile(path)
        checks = [Check("bytes", True, f"{file.num_graphs:,} graphs, sha256 as written")]
        contents = file.contents()
    except FileFormatError as error:
        return [Check("bytes", False, str(error))]
    try:
        space = get_space(contents.header.space)
    except DatasetNameError as error:
        return [*checks, Check("space", False, str(error))]
    hashes = _hash_check(file.content_hash, str(file.attributes.get("curves_hash", "")))
    for run in (hashes, _structure, _codes, _keys, _graphs, _targets, _runs, _splits):
        try:
            checks.extend(run(contents, space))
        except Nb301OgbError as error:
            checks.append(Check(run.__name__.strip("_"), False, str(error)))
    return checks


def require_valid(path: str | Path) -> None:
    """Runs every check and raises at the first that fails.

    Raises:
        IntegrityError: naming the check and what was found.
        OSError: where the file cannot be opened.
    """
    for check in verify(path):
        if not check.ok:
            msg = f"{path} fails the check of its {check.name}: {check.detail}"
            raise IntegrityError(msg)


def _hash_check(content: str, curves: str) -> Callable[[Contents, Space], Iterator[Check]]:
    def compare(name: str, found: str, written: str) -> Check:
        detail = found[:12] if found == written else f"{found[:12]}... is not the {written[:12]}... written"
        return Check(name, found == written, detail)

    def hashes(contents: Contents, _: Space) -> Iterator[Check]:
        yield compare("content hash", content_hash(contents), content)
        if contents.curves or curves:
            yield compare("hash of the curves", curves_hash(contents), curves)

    return hashes


def _structure(contents: Contents, _: Space) -> Iterator[Check]:
    rows = len(contents.code)
    lengths = {"canonical_key": len(contents.canonical_key), "graphs": len(contents.graphs)}
    lengths |= {"run_id": len(contents.run_id)}
    lengths |= {f"target {name}": len(target.values) for name, target in contents.targets.items()}
    lengths |= {f"curve {name}": len(curve) for name, curve in contents.curves.items()}
    lengths |= {f"origin {name}": len(column) for name, column in contents.extra_origin.items()}
    lengths |= {"record": len(contents.records)} if contents.records else {}
    lengths |= {"group": len(contents.group)} if contents.group is not None else {}
    wrong = {name: length for name, length in lengths.items() if length != rows}
    yield Check("lengths", not wrong, f"{wrong} instead of {rows}" if wrong else f"{len(lengths)} columns of {rows:,}")
    if contents.group is not None:
        there = len(contents.groups)
        ok = bool((contents.group < there).all())
        yield Check("group", ok, f"{there} names" if ok else f"a row points past the {there} names")
    yield from _pointers(contents.graphs)


def _pointers(graphs: GraphTable) -> Iterator[Check]:
    whole = True
    for name, end in {"node_ptr": len(graphs.node_feat), "edge_ptr": len(graphs.edge_feat)}.items():
        ptr = getattr(graphs, name)
        ok = bool(ptr.ndim == 1 and len(ptr) and ptr[0] == 0 and ptr[-1] == end and (np.diff(ptr) >= 0).all())
        yield Check(name, ok, f"from 0 to {end:,}, never falling" if ok else f"does not rise from 0 to {end:,}")
        whole &= ok
    if graphs.edge_index.shape != (2, len(graphs.edge_feat)):
        yield Check("edges", False, f"edge_index has shape {graphs.edge_index.shape}")
    elif not whole or len(graphs.node_ptr) != len(graphs.edge_ptr):
        yield Check("edges", False, "cannot be given to graphs by these pointers")
    else:
        yield _edges(graphs)


def _edges(graphs: GraphTable) -> Check:
    nodes = np.diff(graphs.node_ptr)[graphs.graph_of_edge()]
    ok = bool(((graphs.edge_index >= 0) & (graphs.edge_index < nodes)).all())
    return Check("edges", ok, "every edge stays in its graph" if ok else "an edge leads out of its graph")


def _codes(contents: Contents, space: Space) -> Iterator[Check]:
    space.check(contents.code)
    yield Check("codes", True, f"every one an architecture of {space.name}")


def _keys(contents: Contents, space: Space) -> Iterator[Check]:
    ok = np.array_equal(space.canonical_keys(contents.code), contents.canonical_key)
    yield Check("canonical keys", ok, "derived again from the codes" if ok else "differ from the codes' keys")


def _graphs(contents: Contents, space: Space) -> Iterator[Check]:
    ok = space.graphs(contents.code).equals(contents.graphs)
    yield Check("graphs", ok, "every one derived again from its code" if ok else "differ from the codes' graphs")


def _targets(contents: Contents, _: Space) -> Iterator[Check]:
    for name, target in contents.targets.items():
        if target.values.ndim != 2:
            yield Check(f"target {name}", False, f"has shape {list(target.values.shape)} instead of [rows, runs]")
            continue
        values = target.values[~np.isnan(target.values)]
        low, high = _UNIT_LIMITS.get(target.unit, (-np.inf, np.inf))
        ok = bool(len(values) and np.isfinite(values).all() and values.min() >= low and values.max() <= high)
        found = f"{values.min():.6g} to {values.max():.6g} {target.unit}" if len(values) else "no value"
        yield Check(f"target {name}", ok, found)


def _runs(contents: Contents, _: Space) -> Iterator[Check]:
    if contents.header.label not in contents.targets:
        yield Check("label", False, f"there is no target {contents.header.label}")
        return
    label = contents.targets[contents.header.label].values
    ok = label.shape == contents.run_id.shape and np.array_equal(contents.run_id >= 0, ~np.isnan(label))
    yield Check("run ids", ok, "one for each measured run" if ok else "do not match the measured runs")


def _splits(contents: Contents, _: Space) -> Iterator[Check]:
    rows = len(contents.code)
    for name, split in contents.splits.items():
        parts: list[NDArray] = list(split.parts().values())
        together = np.concatenate(parts)
        inside = bool(((together >= 0) & (together < rows)).all())
        ok = inside and len(np.unique(together)) == len(together)
        sizes = " / ".join(f"{len(part):,}" for part in parts)
        yield Check(f"split {name}", ok, sizes if ok else f"{sizes}: parts overlap or leave the table")
