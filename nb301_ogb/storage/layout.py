"""The layout of a dataset file: names, types, and the block of bytes in front of the HDF5 data.

A file is plain HDF5 behind a user block of 512 bytes, which the HDF5 library skips. The block is text: a format line
and the sha256 of every byte after the block, so that damage is found before a parser sees the file.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.errors import FileFormatError, IntegrityError
from nb301_ogb.spaces.graphs import CodeArray, GraphTable, IntArray

FORMAT = "nb301-ogb"
FORMAT_VERSION = 1
USER_BLOCK = 512
_HEADER_LINES = 2


@dataclass(frozen=True, eq=False)
class Target:
    """A measured column.

    Attributes:
        values: float32 [G, runs]; NaN where there is no run.
        unit: `percent`, `seconds` or `count`.
        direction: `higher` or `lower`, whichever is better.
        description: one sentence.
    """

    values: NDArray[np.float32]
    unit: str
    direction: str
    description: str


@dataclass(frozen=True, eq=False)
class Split:
    """A named partition.

    Attributes:
        train: int64 rows, as are `valid` and `test`.
        rule: one sentence that says how a row gets to its part.
        source: `official`, or `nb301-ogb` for the splits of this package.
        statistics: what is published beside the split, such as the test rows with a twin in train.
    """

    train: IntArray
    valid: IntArray
    test: IntArray
    rule: str
    source: str
    statistics: dict[str, int | float] = field(default_factory=dict)

    def parts(self) -> dict[str, IntArray]:
        """The rows of each part, by its name."""
        return {"train": self.train, "valid": self.valid, "test": self.test}


@dataclass(frozen=True)
class Header:
    """The attributes of a file's root: what the data is, and where it comes from.

    Attributes:
        name: the dataset's name.
        version: of its content.
        space: its search space.
        label: the target that `y` holds by default.
        license: of the measurements.
        citation: BibTeX.
        sources: for each source file a dictionary with url, sha256 and size.
    """

    name: str
    version: int
    space: str
    label: str
    license: str
    citation: str
    sources: tuple[dict[str, str | int], ...] = ()


@dataclass(frozen=True, eq=False)
class Contents:
    """Everything that a dataset file holds, in memory.

    Attributes:
        header: what the data is.
        code: uint8 [G, C].
        canonical_key: uint8 [G, 16].
        graphs: the G graphs.
        targets: measured columns by name.
        splits: partitions by name.
        groups: the names of the origin groups; may be empty.
        group: uint8 [G]; index into `groups`.
        records: G texts that name each record at its source; may be empty.
        run_id: int32 [G, runs]; equal for a copied run, -1 where there is no run.
        extra_origin: further columns of numbers of the source by name, each [G, ...], kept as they were.
        curves: float32 [G, epochs] by name; may be empty.
        report: the build report as JSON text; may be empty.
    """

    header: Header
    code: CodeArray
    canonical_key: CodeArray
    graphs: GraphTable
    targets: dict[str, Target]
    splits: dict[str, Split]
    run_id: NDArray[np.int32]
    groups: tuple[str, ...] = ()
    group: NDArray[np.uint8] | None = None
    records: tuple[str, ...] = ()
    extra_origin: dict[str, NDArray] = field(default_factory=dict)
    curves: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    report: str = ""


def smallest_unsigned(values: NDArray) -> NDArray:
    """The same non-negative integers in the smallest unsigned type that holds them."""
    top = int(values.max()) if values.size else 0
    return values.astype(np.min_scalar_type(top))


def digest_after_block(stream: BinaryIO) -> str:
    """The sha256, in hex, of every byte after the user block."""
    stream.seek(USER_BLOCK)
    digest = hashlib.sha256()
    while chunk := stream.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()


def _block(digest: str) -> bytes:
    return f"{FORMAT} {FORMAT_VERSION}\nsha256 {digest}\n".encode("ascii").ljust(USER_BLOCK, b"\0")


def fill_block(image: memoryview) -> None:
    """Fills the user block of the bytes of a finished HDF5 file."""
    image[:USER_BLOCK] = _block(hashlib.sha256(image[USER_BLOCK:]).hexdigest())


def read_block(stream: BinaryIO, path: Path) -> str:
    """The sha256 that the user block promises.

    Raises:
        FileFormatError: where the file is no dataset file, or one of another format version.
        IntegrityError: where the block holds anything but what `fill_block` writes.
    """
    stream.seek(0)
    block = stream.read(USER_BLOCK)
    lines = block.rstrip(b"\0").split(b"\n")
    first = lines[0].split(b" ")
    if first[0] != FORMAT.encode() or len(lines) < _HEADER_LINES:
        msg = f"{path} is no {FORMAT} dataset file; give a file that `nb301-ogb build` or `download` wrote."
        raise FileFormatError(msg)
    if first[1:] != [str(FORMAT_VERSION).encode()]:
        said = b" ".join(first[1:]).decode("ascii", "replace")
        msg = f"{path} has format version {said}, this package reads version {FORMAT_VERSION}; upgrade nb301-ogb."
        raise FileFormatError(msg)
    promised = lines[1].removeprefix(b"sha256 ").decode("ascii", "replace")
    if not re.fullmatch("[0-9a-f]{64}", promised) or block != _block(promised):
        msg = f"{path} has a damaged first block; delete the file and get it again."
        raise IntegrityError(msg)
    return promised


def check_block(path: Path) -> str:
    """Checks a file's bytes against its user block and returns their sha256.

    Raises:
        FileFormatError: where the file is no dataset file.
        IntegrityError: where its bytes are not those that were written.
    """
    with path.open("rb") as stream:
        promised = read_block(stream, path)
        found = digest_after_block(stream)
    if found != promised:
        msg = f"{path} is damaged: sha256 {found[:12]}, not {promised[:12]} as written; delete it and get it again."
        raise IntegrityError(msg)
    return found
