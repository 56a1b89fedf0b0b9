"""Histories in one HDF5 file, readable without this package.

    /  attrs: format="nb301-ogb-search", format_version, space, benchmark, noise, created_with, digest
    /repeats/{optimiser (enum), seed, count, end (enum), beyond}     one entry a repeat
    /queries/{optimiser (enum), seed, evaluation, code, value, mean, runtime, simulated_time}     one row an evaluation

The rows of a repeat stand together in their order, `count` of them; `evaluation` counts from 0. Values in percent,
times in seconds. The file is written to a temporary name, read back, then renamed.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from nb301_ogb._version import __version__
from nb301_ogb.errors import FileFormatError, IntegrityError, OutputError
from nb301_ogb.search.history import COLUMNS, ENDS, History
from nb301_ogb.storage.whole import Temporary

FORMAT = "nb301-ogb-search"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class About:
    """What the histories of a file are about.

    Attributes:
        space: the search space's name.
        benchmark: its name with its version.
        noise: whether values are single trainings in place of means.
    """

    space: str
    benchmark: str
    noise: bool = False


def write_histories(path: str | Path, about: About, histories: Sequence[History]) -> None:
    """Writes a file of histories; one that stood there is replaced in one step.

    Raises:
        IntegrityError: where the file does not give the histories back.
        OutputError: where the disk does not take it.
    """
    path = Path(path).expanduser().absolute()
    try:
        with Temporary(path) as temporary:
            temporary.sweep()
            temporary.stream.write(_image(about, histories))
            temporary.sync()
            if _digest(*read_histories(temporary.path)) != _digest(about, histories):
                msg = f"{path} was not written: what was written does not read back; try another disk."
                raise IntegrityError(msg)
            temporary.keep()
    except OSError as error:
        raise OutputError.of(path, error, "--output") from error


def read_histories(path: str | Path) -> tuple[About, list[History]]:
    """What a file holds.

    Raises:
        FileFormatError: where it is no file of histories.
        IntegrityError: where its contents are not those that were written.
    """
    path = Path(path)
    try:
        # From memory, so that the file is not kept open and no lock is needed.
        with h5py.File(io.BytesIO(path.read_bytes()), "r") as file:
            attributes = {name: _plain(value) for name, value in file.attrs.items()}
            if attributes.get("format") != FORMAT:
                msg = f"{path} holds no search history; give a file that `nb301-ogb search` wrote."
                raise FileFormatError(msg)
            if attributes["format_version"] != FORMAT_VERSION:
                msg = f"{path} has version {attributes['format_version']} of its format; update nb301-ogb to read it."
                raise FileFormatError(msg)
            about = About(attributes["space"], attributes["benchmark"], bool(attributes["noise"]))
            histories = _histories(file)
    except FileNotFoundError:
        msg = f"there is no file {path}; give a file that `nb301-ogb search` wrote."
        raise FileFormatError(msg) from None
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        if isinstance(error, FileFormatError):
            raise
        msg = f"{path} cannot be read as a search history; remove it to write it again."
        raise FileFormatError(msg) from error
    if attributes.get("digest") != _digest(about, histories):
        msg = f"{path} is damaged: its contents are not those that were written; remove it to write it again."
        raise IntegrityError(msg)
    return about, histories


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _digest(about: About, histories: Sequence[History]) -> str:
    found = hashlib.sha256(repr((about.space, about.benchmark, about.noise)).encode())
    for history in histories:
        found.update(repr((history.optimiser, history.seed, len(history), history.end, history.beyond)).encode())
        for name in COLUMNS:
            found.update(np.ascontiguousarray(getattr(history, name)).tobytes())
    return found.hexdigest()


def _image(about: About, histories: Sequence[History]) -> memoryview:
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        file.attrs.update(
            {
                "format": FORMAT,
                "format_version": FORMAT_VERSION,
                "space": about.space,
                "benchmark": about.benchmark,
                "noise": about.noise,
                "created_with": f"nb301-ogb {__version__}",
                "digest": _digest(about, histories),
            }
        )
        counts = np.array([len(history) for history in histories], dtype=np.int64)
        labels = sorted({history.optimiser for history in histories})
        optimiser = np.array([labels.index(history.optimiser) for history in histories], dtype=np.uint16)
        kind = h5py.enum_dtype({label: number for number, label in enumerate(labels)} or {"none": 0}, basetype="u2")
        seed = np.array([history.seed for history in histories], dtype=np.int64)
        _array(file, "repeats/optimiser", optimiser, kind)
        _array(file, "repeats/seed", seed)
        _array(file, "repeats/count", counts)
        ends = h5py.enum_dtype({end: number for number, end in enumerate(ENDS)}, basetype="u1")
        _array(file, "repeats/end", np.array([ENDS.index(one.end) for one in histories], dtype=np.uint8), ends)
        _array(file, "repeats/beyond", np.array([history.beyond for history in histories], dtype=np.float64))
        _array(file, "queries/optimiser", np.repeat(optimiser, counts), kind)
        _array(file, "queries/seed", np.repeat(seed, counts))
        first = np.repeat(np.cumsum(counts) - counts, counts)
        _array(file, "queries/evaluation", np.arange(counts.sum()) - first)
        if histories:
            for name in COLUMNS:
                joined = np.concatenate([getattr(one, name) for one in histories])
                _array(file, f"queries/{name.removesuffix('s')}", joined)
    return memory.getbuffer()


def _array(file: h5py.File, name: str, values: NDArray, dtype: Any = None) -> None:
    options = {"compression": "gzip", "shuffle": True} if values.size else {}
    file.create_dataset(name, data=values, dtype=dtype, track_times=False, **options)


def _histories(file: h5py.File) -> list[History]:
    repeats = file["repeats"]
    names = {number: label for label, number in h5py.check_enum_dtype(repeats["optimiser"].dtype).items()}
    counts = repeats["count"][:]
    if not len(counts):
        return []
    columns = {name: file["queries"][name.removesuffix("s")][:] for name in COLUMNS}
    bounds = np.concatenate([[0], np.cumsum(counts)])
    if {len(column) for column in columns.values()} != {bounds[-1]}:
        msg = "columns of different lengths"
        raise ValueError(msg)
    heads = zip(*(repeats[name][:].tolist() for name in ("optimiser", "seed", "end", "beyond")), strict=True)
    return [
        History(names[which], seed, **{name: columns[name][low:high] for name in COLUMNS}, end=ENDS[end], beyond=beyond)
        for (which, seed, end, beyond), low, high in zip(heads, bounds[:-1], bounds[1:], strict=True)
    ]
