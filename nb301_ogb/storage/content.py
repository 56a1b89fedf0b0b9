"""The content hash: equal for equal data, whoever built the file and with whatever library version."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.errors import FileFormatError
from nb301_ogb.storage.layout import FORMAT_VERSION, Contents

if TYPE_CHECKING:
    from hashlib import _Hash as Digest


def content_hash(contents: Contents) -> str:
    """The sha256, in hex, over every array and every attribute that bears on the data's meaning.

    An array counts by its name, its kind (whole or real numbers), its shape and its little-endian values, so neither
    compression nor an integer's type matters. Provenance (sources, report, citation, who built it) does not count.
    Nor do learning curves: a file with them holds the same dataset as one without, and `curves_hash` is theirs.

    Raises:
        FileFormatError: for a column that holds neither numbers nor truth values.
    """
    digest = hashlib.sha256()
    head = contents.header
    meaning = {
        "format_version": FORMAT_VERSION,
        "name": head.name,
        "version": head.version,
        "space": head.space,
        "label": head.label,
        "groups": list(contents.groups),
        "targets": {k: [t.unit, t.direction] for k, t in sorted(contents.targets.items())},
        "splits": {k: [s.rule, s.source] for k, s in sorted(contents.splits.items())},
    }
    digest.update(json.dumps(meaning, sort_keys=True, separators=(",", ":")).encode())
    _update(digest, _arrays(contents))
    if contents.records:
        digest.update(("\n/origin/record\n" + json.dumps(contents.records)).encode())
    return digest.hexdigest()


def curves_hash(contents: Contents) -> str:
    """The sha256, in hex, over the learning curves; empty where there are none."""
    if not contents.curves:
        return ""
    digest = hashlib.sha256()
    _update(digest, ((f"/curves/{k}", np.asarray(v, dtype=np.float32)) for k, v in sorted(contents.curves.items())))
    return digest.hexdigest()


def _update(digest: Digest, arrays: Iterable[tuple[str, NDArray]]) -> None:
    for name, values in arrays:
        kind, standard = _standard(name, values)
        digest.update(f"\n{name} {kind} {list(values.shape)}\n".encode())
        digest.update(standard.tobytes())


def _arrays(contents: Contents) -> Iterator[tuple[str, NDArray]]:
    graphs = contents.graphs
    named: dict[str, NDArray] = {
        "/graphs/node_ptr": graphs.node_ptr,
        "/graphs/edge_ptr": graphs.edge_ptr,
        "/graphs/node_feat": graphs.node_feat,
        "/graphs/edge_index": graphs.edge_index,
        "/graphs/edge_feat": graphs.edge_feat,
        "/architectures/code": contents.code,
        "/architectures/canonical_key": contents.canonical_key,
        "/origin/run_id": contents.run_id,
    }
    if contents.group is not None:
        named["/origin/group"] = contents.group
    named |= {f"/origin/{k}": v for k, v in contents.extra_origin.items()}
    named |= {f"/targets/{k}": np.asarray(t.values, dtype=np.float32) for k, t in contents.targets.items()}
    for split, rows in contents.splits.items():
        named |= {f"/splits/{split}/{part}": values for part, values in rows.parts().items()}
    for name in sorted(named):
        yield name, named[name]


def _standard(name: str, values: NDArray) -> tuple[str, NDArray]:
    """`i` and int64 values, or `f` and float values with one of the many NaNs."""
    if values.dtype.kind in "iub":
        return "i", values.astype("<i8")
    if values.dtype.kind == "f":
        standard = values.astype("<f4" if values.dtype.itemsize <= 4 else "<f8")
        standard[np.isnan(standard)] = np.nan
        return "f", standard
    msg = f"{name} holds {values.dtype}, but a dataset file holds columns of numbers or truth values."
    raise FileFormatError(msg)
