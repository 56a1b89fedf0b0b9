"""Writing a dataset file: to a temporary name, checked, then moved to its place."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from nb301_ogb._version import __version__
from nb301_ogb.errors import IntegrityError
from nb301_ogb.storage.content import content_hash, curves_hash
from nb301_ogb.storage.layout import (
    FORMAT,
    FORMAT_VERSION,
    USER_BLOCK,
    Contents,
    fill_block,
    smallest_unsigned,
)
from nb301_ogb.storage.read import DatasetFile
from nb301_ogb.storage.whole import Temporary

_CURVE_ROWS = 256


def write(path: Path, contents: Contents) -> str:
    """Writes a dataset file and returns its content hash.

    The file appears at `path` whole or not at all; a file that stood there before is replaced in one step. Before that
    it is read back and held against `contents`. What killed writers left behind in the folder is removed.

    Args:
        path: where the file shall be; its folder is made if it is missing.
        contents: what it shall hold.

    Raises:
        FileFormatError: for a column that is not made of numbers.
        IntegrityError: where the file does not give `contents` back, such as for a text with a zero byte at its end.
        OSError: where the disk does not take it.
    """
    path = Path(path)
    digest = content_hash(contents)
    image = _image(contents, digest)
    with Temporary(path) as temporary:
        temporary.sweep()
        temporary.stream.write(image)
        temporary.sync()
        found = DatasetFile(temporary.path).contents()
        if (content_hash(found), curves_hash(found)) != (digest, curves_hash(contents)):
            msg = f"{path} was not written: the file layout cannot hold these contents; check their types and texts."
            raise IntegrityError(msg)
        temporary.keep()
    return digest


def _image(contents: Contents, digest: str) -> memoryview:
    """The bytes of the file, made in memory: the HDF5 library can crash where a disk is full."""
    memory = io.BytesIO()
    with h5py.File(memory, "w", userblock_size=USER_BLOCK, track_order=False) as file:
        _write_root(file, contents, digest)
        _write_rows(file, contents)
        _write_splits(file, contents)
    image = memory.getbuffer()
    fill_block(image)
    return image


def _write_root(file: h5py.File, contents: Contents, digest: str) -> None:
    head = contents.header
    attributes: dict[str, Any] = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "name": head.name,
        "version": head.version,
        "space": head.space,
        "label": head.label,
        "license": head.license,
        "citation": head.citation,
        "sources": json.dumps(list(head.sources)),
        "content_hash": digest,
        "created_with": f"nb301-ogb {__version__}",
    }
    if contents.curves:
        attributes["curves_hash"] = curves_hash(contents)
    for key, value in attributes.items():
        file.attrs[key] = value
    if contents.report:
        # A dataset, since an attribute holds at most 64 KiB.
        file.create_dataset("report", data=contents.report, dtype=h5py.string_dtype())


def _array(file: h5py.File, name: str, values: NDArray, **options: Any) -> h5py.Dataset:
    if values.size:
        options = {"compression": "gzip", "compression_opts": 9, "shuffle": True, **options}
    else:
        options.pop("chunks", None)
    return file.create_dataset(name, data=values, track_times=False, **options)


def _write_rows(file: h5py.File, contents: Contents) -> None:
    graphs = contents.graphs
    _array(file, "graphs/node_ptr", graphs.node_ptr)
    _array(file, "graphs/edge_ptr", graphs.edge_ptr)
    for name in ("node_feat", "edge_index", "edge_feat"):
        _array(file, f"graphs/{name}", smallest_unsigned(getattr(graphs, name)))
    _array(file, "architectures/code", contents.code.astype(np.uint8))
    _array(file, "architectures/canonical_key", contents.canonical_key.astype(np.uint8))
    file.create_group("targets")
    for name, target in contents.targets.items():
        dataset = _array(file, f"targets/{name}", target.values.astype(np.float32))
        dataset.attrs["unit"] = target.unit
        dataset.attrs["direction"] = target.direction
        dataset.attrs["description"] = target.description
    for name, curve in contents.curves.items():
        _array(file, f"curves/{name}", curve.astype(np.float32), chunks=(min(_CURVE_ROWS, len(curve)), curve.shape[1]))
    _array(file, "origin/run_id", contents.run_id.astype(np.int32))
    for name, column in contents.extra_origin.items():
        _array(file, f"origin/{name}", column)
    if contents.group is not None:
        kind = h5py.enum_dtype({group: index for index, group in enumerate(contents.groups)}, basetype="u1")
        _array(file, "origin/group", contents.group.astype(np.uint8), dtype=kind)
    if contents.records:
        texts = np.array([record.encode() for record in contents.records])
        _array(file, "origin/record", texts)


def _write_splits(file: h5py.File, contents: Contents) -> None:
    file.create_group("splits")
    for name, split in contents.splits.items():
        group = file.create_group(f"splits/{name}")
        group.attrs["rule"] = split.rule
        group.attrs["source"] = split.source
        group.attrs["statistics"] = json.dumps(split.statistics, sort_keys=True)
        for part, rows in split.parts().items():
            _array(file, f"splits/{name}/{part}", rows.astype(np.int64))
