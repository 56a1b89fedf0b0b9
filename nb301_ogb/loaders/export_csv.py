"""A dataset as one table of comma-separated values, a row an architecture, and a README."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.catalog import PARTS
from nb301_ogb.loaders.labelled import choose_runs
from nb301_ogb.loaders.provenance import provenance
from nb301_ogb.spaces import Space, get_space
from nb301_ogb.spaces.graphs import CodeArray
from nb301_ogb.storage.read import DatasetFile

TABLE = "architectures.csv"
README = "README.md"

Column = tuple[str, Iterable[str], str]
"""A column's name, its cells, and what it holds."""


def write_csv(file: DatasetFile, folder: Path, compress: bool = False) -> None:
    """Writes `architectures.csv`, or `architectures.csv.gz`, and `README.md` into a folder."""
    columns = [column for columns in _groups_of_columns(file) for column in columns]
    name = f"{TABLE}.gz" if compress else TABLE
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column for column, _, _ in columns])
    writer.writerows(zip(*(cells for _, cells, _ in columns), strict=True))
    data = text.getvalue().encode()
    # Without a time the packed bytes are the same for the same data.
    (folder / name).write_bytes(gzip.compress(data, mtime=0) if compress else data)
    (folder / README).write_text(_readme(file, columns, name), encoding="utf-8")


def _groups_of_columns(file: DatasetFile) -> Iterator[list[Column]]:
    space = get_space(file.header.space)
    codes = file.codes()
    yield [
        ("row", map(str, range(len(codes))), "the row's number in the dataset, which splits refer to"),
        ("code", code_texts(codes, space), f"the code: {space.code_length} numbers, a digit each"),
        ("genotype", (str(space.genotype(code)) for code in codes), "the genotype, as people write it"),
        ("canonical_key", hex_texts(file.canonical_keys()), "hexadecimal; equal for equivalent architectures"),
    ]
    yield _label(file)
    for name in file.target_names:
        target = file.target(name)
        yield _numbered(name, target.values, f"{target.unit}; {target.description}")
    yield from _origin(file)
    yield [_split(file, name) for name in file.split_names]


def _label(file: DatasetFile) -> list[Column]:
    name = file.header.label
    values = file.values(name)
    mean = choose_runs(values, "mean", values.shape[1])
    what = f"{file.target(name).unit}; the mean of `{name}` over the runs that are there, what `y` holds by default"
    return [("label", number_texts(mean[:, 0]), what)]


def _origin(file: DatasetFile) -> Iterator[list[Column]]:
    groups = file.groups()
    if groups is not None:
        names, which = groups
        yield [("group", [names[one] for one in which.tolist()], "the optimizer that chose the architecture")]
    records = file.records()
    if records:
        yield [("record", records, "the record at its source")]
    yield _numbered(
        "run_id", np.where((ids := file.run_ids()) < 0, np.nan, ids), "equal numbers are one and the same run"
    )
    for name, values in file.extra_origin().items():
        if values.dtype.kind == "i":  # -1 stands for none
            values = np.where(values < 0, np.nan, values)
        yield _numbered(name, values, "as the source has it")


def _split(file: DatasetFile, name: str) -> Column:
    split = file.split(name)
    part = np.full(file.num_graphs, "", dtype="U5")
    for word in PARTS:
        part[split.parts()[word]] = word
    return f"split_{name}", part.tolist(), f"train, valid, test, or empty for no part; {split.rule}"


def _numbered(name: str, values: NDArray, what: str) -> list[Column]:
    """A column for each column of an array, [G, ...]; numbered where there are several."""
    flat = values.reshape(len(values), -1)
    count = flat.shape[1]
    names = [name] if count == 1 else [f"{name}_{number}" for number in range(count)]
    note = what if count == 1 else f"{what}; the number is that of the run"
    return [(one, number_texts(flat[:, place]), note) for place, one in enumerate(names)]


def number_texts(values: NDArray) -> list[str]:
    """Numbers as the shortest texts that give them back in their own type; nothing for NaN, no dot for whole ones."""
    if values.dtype.kind != "f":
        return values.astype(np.int64).astype(str).tolist()
    missing = np.isnan(values)
    known = values[~missing]
    whole = bool((np.abs(known) < 2**53).all() and (known == np.round(known)).all())
    texts = np.full(values.shape, "", dtype="U32")
    texts[~missing] = known.astype(np.int64).astype(str) if whole else known.astype(str)
    return texts.tolist()


def code_texts(codes: CodeArray, space: Space) -> list[str]:
    """A code as a text that the space's `parse` reads: a digit for each number."""
    width = codes.shape[1]
    if space.code_limits.max() > 10:
        return [" ".join(map(str, code)) for code in codes.tolist()]
    digits = (np.ascontiguousarray(codes) + ord("0")).astype(np.uint8).tobytes().decode("ascii")
    return [digits[start : start + width] for start in range(0, len(digits), width)]


def hex_texts(keys: CodeArray) -> list[str]:
    """Each row of bytes, uint8 [G, n], as hexadecimal text."""
    digits = np.ascontiguousarray(keys).tobytes().hex()
    width = 2 * keys.shape[1]
    return [digits[start : start + width] for start in range(0, len(digits), width)]


def _readme(file: DatasetFile, columns: list[Column], name: str) -> str:
    rows = []
    for what, same in itertools.groupby(columns, key=lambda column: column[2]):
        rows.append(f"| {', '.join(f'`{one}`' for one, _, _ in same)} | {what} |")
    table = "\n".join(rows)
    return (
        f"# {file.header.name} as a table\n\n`{name}` has a line of names and {file.num_graphs:,} lines, one an "
        "architecture: UTF-8, commas, quotes where a text holds a comma, a point in numbers, an empty cell where there "
        "is no value. Numbers are the shortest texts that give the measured float32 back. Read `code`, `genotype` and "
        "`canonical_key` as texts: codes may begin with a zero.\n\n"
        "```python\nimport pandas\n"
        f"table = pandas.read_csv({name!r}, dtype={{'code': str, 'canonical_key': str}})\n```\n\n"
        f"```r\ntable <- read.csv({name!r}, colClasses = c(code = 'character', canonical_key = 'character'))\n```\n\n"
        f"| column | what it holds |\n|---|---|\n{table}\n\n{provenance(file)}"
    )
