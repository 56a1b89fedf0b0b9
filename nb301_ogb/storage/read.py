"""Reading a dataset file: checked once, opened only while something is read from it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from nb301_ogb.errors import DatasetNameError, FileFormatError, IntegrityError
from nb301_ogb.spaces.graphs import CodeArray, GraphTable, IntArray
from nb301_ogb.storage.layout import Contents, Header, Split, Target, check_block

_ATTRIBUTES = ("name", "version", "space", "label", "license", "citation", "sources", "content_hash")
_KNOWN_ORIGIN = {"run_id", "group", "record"}


class DatasetFile:
    """A dataset file on disk.

    Nothing stays open between calls, so an object can be copied, sent to another process, or kept for long.

    Args:
        path: the file.
        check: whether to check its bytes against the sha256 in its first block (a few milliseconds).

    Raises:
        FileFormatError: where the file is no dataset file.
        IntegrityError: where its bytes are damaged, or a part of the layout is missing.
        OSError: where it cannot be opened.
    """

    def __init__(self, path: str | Path, check: bool = True) -> None:
        self.path = Path(path)
        if check:
            check_block(self.path)
        with self._open() as file:
            self.attributes: dict[str, Any] = {key: _plain(value) for key, value in file.attrs.items()}
            for key in _ATTRIBUTES:
                self.attributes[key]
            self.target_names = tuple(file["targets"])
            self.split_names = tuple(file["splits"])
            self.curve_names = tuple(file["curves"]) if "curves" in file else ()
            self.num_graphs = int(file["architectures/code"].shape[0])

    @contextmanager
    def _open(self) -> Iterator[h5py.File]:
        try:
            file = h5py.File(self.path, "r", locking=False)
        except OSError as error:
            if error.errno is None:
                msg = f"{self.path} cannot be read as HDF5 ({error}); delete the file and get it again."
                raise IntegrityError(msg) from error
            # The system's error, not one of the bytes, which may be whole.
            msg = f"{self.path} cannot be opened ({os.strerror(error.errno)}); make that possible and open it anew."
            raise FileFormatError(msg) from error
        with file:
            try:
                yield file
            except KeyError as error:
                msg = f"{self.path} lacks a part of the layout ({error.args[0]}); get the file again."
                raise IntegrityError(msg) from error
            except OSError as error:
                msg = f"{self.path} cannot be read to its end ({error}); delete the file and get it again."
                raise IntegrityError(msg) from error

    @property
    def header(self) -> Header:
        """What the data is."""
        get = self.attributes
        texts = {key: str(get[key]) for key in ("name", "space", "label", "license", "citation")}
        return Header(version=int(get["version"]), sources=tuple(self._json(get["sources"])), **texts)

    def _json(self, text: str) -> Any:
        try:
            return json.loads(text)
        except ValueError as error:
            msg = f"{self.path} holds an attribute that is no JSON ({error}); get the file again."
            raise IntegrityError(msg) from error

    @property
    def content_hash(self) -> str:
        """The content hash as written; `nb301_ogb.storage.verify` recomputes it."""
        return str(self.attributes["content_hash"])

    def graphs(self) -> GraphTable:
        """All graphs, in the types that PyG's users expect (int64)."""
        with self._open() as file:
            group = file["graphs"]
            names = ("node_ptr", "edge_ptr", "node_feat", "edge_index", "edge_feat")
            return GraphTable(*(group[name][...].astype(np.int64, copy=False) for name in names))

    def codes(self) -> CodeArray:
        """uint8 [G, C]."""
        return self._read("architectures/code")

    def canonical_keys(self) -> CodeArray:
        """uint8 [G, 16]."""
        return self._read("architectures/canonical_key")

    def run_ids(self) -> NDArray[np.int32]:
        """int32 [G, runs]; equal for a copied run, -1 where there is no run."""
        return self._read("origin/run_id")

    def _read(self, name: str) -> NDArray:
        with self._open() as file:
            return file[name][...]

    def values(self, target: str) -> NDArray[np.float32]:
        """float32 [G, runs] of one target; NaN where there is no run."""
        return self.target(target).values

    def target(self, name: str) -> Target:
        """One target with its unit and direction.

        Raises:
            DatasetNameError: naming the targets there are.
        """
        if name not in self.target_names:
            msg = f"{self.attributes['name']} has no target {name!r}; it has {', '.join(self.target_names)}."
            raise DatasetNameError(msg)
        with self._open() as file:
            dataset = file[f"targets/{name}"]
            attributes = {key: _plain(dataset.attrs[key]) for key in ("unit", "direction", "description")}
            return Target(dataset[...], **attributes)

    def split(self, name: str) -> Split:
        """One split.

        Raises:
            DatasetNameError: naming the splits there are.
        """
        if name not in self.split_names:
            msg = f"{self.attributes['name']} has no split {name!r}; it has {', '.join(self.split_names)}."
            raise DatasetNameError(msg)
        with self._open() as file:
            group = file[f"splits/{name}"]
            parts: dict[str, IntArray] = {part: group[part][...] for part in ("train", "valid", "test")}
            statistics = self._json(group.attrs["statistics"])
            return Split(
                **parts, rule=_plain(group.attrs["rule"]), source=_plain(group.attrs["source"]), statistics=statistics
            )

    def curve(self, name: str, rows: IntArray | None = None) -> NDArray[np.float32]:
        """float32 [rows, epochs] of a learning curve; only the chunks that hold `rows` are read.

        Args:
            name: of the curve.
            rows: int64 in any order, repeats allowed, negative ones counted from the end; or bool [G]; None for all.

        Raises:
            DatasetNameError: naming the curves there are.
            IndexError: for a row that is not there.
        """
        if name not in self.curve_names:
            there = ", ".join(self.curve_names) or "none"
            msg = f"{self.attributes['name']} has no learning curve {name!r}; it has {there}."
            raise DatasetNameError(msg)
        with self._open() as file:
            dataset = file[f"curves/{name}"]
            if rows is None:
                return dataset[...]
            rows = np.arange(len(dataset))[np.asarray(rows) if len(rows) else slice(0)]
            found = np.empty((len(rows), *dataset.shape[1:]), dtype=dataset.dtype)
            height = dataset.chunks[0] if dataset.chunks else max(1, len(dataset))
            block = rows // height
            for one in np.unique(block):
                here = block == one
                found[here] = dataset[one * height : (one + 1) * height][rows[here] - one * height]
            return found

    def groups(self) -> tuple[tuple[str, ...], NDArray[np.uint8]] | None:
        """The names of the origin groups, and uint8 [G] that points into them; None where the source has none."""
        with self._open() as file:
            if "group" not in file["origin"]:
                return None
            dataset = file["origin/group"]
            names = h5py.check_enum_dtype(dataset.dtype)
            return tuple(sorted(names, key=names.__getitem__)), dataset[...].astype(np.uint8)

    def records(self) -> tuple[str, ...]:
        """The text that names each record at its source; empty where the source has none."""
        with self._open() as file:
            if "record" not in file["origin"]:
                return ()
            return tuple(text.decode() for text in file["origin/record"][...].tolist())

    def extra_origin(self) -> dict[str, NDArray]:
        """Further columns of numbers of the source by name, each [G, ...], as they were."""
        with self._open() as file:
            return {name: file[f"origin/{name}"][...] for name in file["origin"] if name not in _KNOWN_ORIGIN}

    def report(self) -> str:
        """The build report as JSON text, or an empty text."""
        with self._open() as file:
            return file["report"][()].decode() if "report" in file else ""

    def contents(self) -> Contents:
        """Everything in the file, in memory."""
        groups = self.groups()
        return Contents(
            header=self.header,
            code=self.codes(),
            canonical_key=self.canonical_keys(),
            graphs=self.graphs(),
            targets={name: self.target(name) for name in self.target_names},
            splits={name: self.split(name) for name in self.split_names},
            run_id=self.run_ids(),
            groups=groups[0] if groups else (),
            group=groups[1] if groups else None,
            records=self.records(),
            extra_origin=self.extra_origin(),
            curves={name: self.curve(name) for name in self.curve_names},
            report=self.report(),
        )

    def __repr__(self) -> str:
        return f"DatasetFile({str(self.path)!r}, {self.attributes['name']}, {self.num_graphs} graphs)"


def _plain(value: Any) -> Any:
    """An HDF5 attribute as a Python value."""
    return value.item() if isinstance(value, np.generic) else value
