"""Writing a dataset file: to a temporary name, checked, then moved to its place."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import io
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

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

_CURVE_ROWS = 256
# Not the suffix of downloads: what is swept here is told by locks, which downloads do without.
_SUFFIX = ".writing"


def write(path: Path, contents: Contents) -> str:
    """Writes a dataset file and returns its content hash.

    The file appears at `path` whole or not at all; a file that stood there before is replaced in one step. Before that
    it is read back and held against `contents`. What a killed writer of the same file left behind is removed.

    Args:
        path: where the file shall be; its folder must exist.
        contents: what it shall hold.

    Raises:
        FileFormatError: for a column that is not made of numbers.
        IntegrityError: where the file does not give `contents` back, such as for a text with a zero byte at its end.
        OSError: where the disk does not take it.
    """
    path = Path(path)
    digest = content_hash(contents)
    image = _image(contents, digest)
    _sweep(path)
    with _temporary(path) as (temporary, stream):
        stream.write(image)
        stream.flush()
        os.fsync(stream.fileno())
        found = DatasetFile(temporary).contents()
        if (content_hash(found), curves_hash(found)) != (digest, curves_hash(contents)):
            msg = f"{path} was not written: the file layout cannot hold these contents; check their types and texts."
            raise IntegrityError(msg)
        temporary.chmod(0o644)
        os.replace(temporary, path)
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


@contextlib.contextmanager
def _temporary(path: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A new file beside `path`, locked while it is written and gone afterwards unless it was renamed."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=_SUFFIX, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            with contextlib.suppress(OSError):  # a file system without locks; then nothing is swept there either
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield Path(name), stream
    finally:
        Path(name).unlink(missing_ok=True)


def _sweep(path: Path) -> None:
    """Removes the temporary files of killed writers; a living one holds a lock on its own."""
    for name in glob.glob(f".{glob.escape(path.name)}.*{_SUFFIX}", root_dir=path.parent):
        stale = path.parent / name
        with contextlib.suppress(OSError), stale.open("r+b") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            stale.unlink()


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
