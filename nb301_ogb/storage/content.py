"""The content hash: equal for equal data, whoever built the file and with whatever library version."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.storage.layout import FORMAT_VERSION, Contents


def content_hash(contents: Contents) -> str:
    """The sha256, in hex, over every array and every attribute that bears on the data's meaning.

    An array counts by its name, its kind of number, its shape and its little-endian values, so neither compression nor
    the width of an integer matters. Provenance (sources, report, citation, who built it) does not count.
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
    for name, values in _arrays(contents):
        digest.update(f"\n{name} {values.dtype.kind} {list(values.shape)}\n".encode())
        digest.update(values.tobytes())
    if contents.records:
        digest.update(("\n/origin/record\n" + "\n".join(contents.records)).encode())
    return digest.hexdigest()


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
    named |= {f"/targets/{k}": t.values for k, t in contents.targets.items()}
    named |= {f"/curves/{k}": v for k, v in contents.curves.items()}
    for split, rows in contents.splits.items():
        named |= {f"/splits/{split}/{part}": values for part, values in rows.parts().items()}
    for name in sorted(named):
        values = named[name]
        wide = "<f4" if values.dtype.kind == "f" else "<i8"
        standard = np.ascontiguousarray(values, dtype=wide)
        if standard.dtype.kind == "f":
            standard = np.where(np.isnan(standard), np.float32(np.nan), standard)
        yield name, standard
