"""Predictions of any framework from a table of comma-separated values, a row a prediction."""

from __future__ import annotations

import csv
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.catalog import get_info, part_name
from nb301_ogb.errors import DatasetNameError, SubmissionError
from nb301_ogb.evaluators.submission.architectures import codes_of_texts
from nb301_ogb.evaluators.submission.form import MAX_ROWS, MAX_SEEDS, PARTS, Exam, PartPredictions, Predictions
from nb301_ogb.evaluators.submission.key import known_dataset
from nb301_ogb.spaces import get_space

COLUMNS = {
    "dataset": "the dataset's name; may be left out where --dataset says it",
    "split": "the split's name; where it is left out, --split or the dataset's default split",
    "part": "valid or test",
    "seed": "the model's random seed, a whole number",
    "architecture": "in any text form of the search space, such as its digits or its genotype",
    "prediction": "in the label's unit (percent), a decimal number",
    "std": "the standard deviation of the prediction, above 0; may be left out",
}
"""The columns of a table of predictions and what they hold."""

_OPTIONAL = {"dataset", "split", "std"}
_NUMBER = re.compile(r"\s*[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|nan|inf(?:inity)?)\s*", re.ASCII | re.IGNORECASE)
_SEED = re.compile(r"\s*\d{1,15}\s*", re.ASCII)
_MAX_LINES = MAX_ROWS * 10


@dataclass
class _Cells:
    """The rows of one part of one exam, as columns of numbers."""

    names: dict[str, int] = field(default_factory=dict)
    lines: array = field(default_factory=lambda: array("q"))
    seeds: array = field(default_factory=lambda: array("q"))
    architectures: array = field(default_factory=lambda: array("q"))
    predictions: array = field(default_factory=lambda: array("d"))
    stds: array = field(default_factory=lambda: array("d"))


def read_csv(path: Path, dataset: str | None = None, split: str | None = None) -> tuple[tuple[int, ...], Predictions]:
    """The seeds and the predictions of a table, see `COLUMNS`; the first line names the columns, in any order.

    Args:
        path: of the table, UTF-8.
        dataset: the dataset's name where the table has no such column.
        split: the split's name where the table has no such column.

    Raises:
        SubmissionError: a sentence for each fault, with the line where it was found first.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            cells = _read_lines(csv.reader(stream, strict=True), path, dataset, split)
    except OSError as error:
        msg = f"{path} cannot be read ({error.strerror}); give a table of predictions."
        raise SubmissionError(msg) from error
    except (csv.Error, UnicodeDecodeError) as error:
        msg = f"{path} is no table of comma-separated values in UTF-8 ({error}); write it anew."
        raise SubmissionError(msg) from error
    if not cells:
        msg = f"{path} holds no predictions; give a row for each part, seed and architecture."
        raise SubmissionError(msg)
    seeds = tuple(sorted({seed for one in cells.values() for seed in set(one.seeds)}))
    if len(seeds) > MAX_SEEDS:
        msg = f"{path} holds {len(seeds):,} different seeds, at most {MAX_SEEDS} are allowed."
        raise SubmissionError(msg)
    faults: list[str] = []
    predictions: Predictions = {}
    for (exam, part), one in sorted(cells.items()):
        found = _pivot(one, seeds, f"{path}: the {part} part of {exam}", exam, faults)
        if found is not None:
            predictions.setdefault(exam, {})[part] = found
    for exam in sorted({exam for exam, _ in cells}):
        faults += [f"{path} has no row for the {part} part of {exam}." for part in PARTS if (exam, part) not in cells]
    if faults:
        raise SubmissionError(*faults)
    return seeds, predictions


def _read_lines(
    reader: Iterator[list[str]], path: Path, dataset: str | None, split: str | None
) -> dict[tuple[Exam, str], _Cells]:
    columns = _columns(next(reader, []), path, dataset)
    width, with_std = len(columns), "std" in columns
    cells: dict[tuple[Exam, str], _Cells] = {}
    places: dict[tuple[str, str, str], _Cells] = {}
    at = {name: columns.get(name, -1) for name in COLUMNS}
    for line, row in enumerate(reader, 2):
        if not row:
            continue
        if len(row) != width or line > _MAX_LINES:
            wrong = f"has {len(row)} cells, the first line names {width} columns"
            msg = f"{path}, line {line}: " + (wrong if len(row) != width else f"more than {_MAX_LINES:,} lines")
            raise SubmissionError(msg + ".")
        row.append("")  # what a column that is not there holds, at place -1
        place = (row[at["dataset"]], row[at["split"]], row[at["part"]])
        if place not in places:
            places[place] = cells.setdefault(_place(path, line, place, dataset, split), _Cells())
        one = places[place]
        seed, prediction, architecture = row[at["seed"]], row[at["prediction"]], row[at["architecture"]]
        if _SEED.fullmatch(seed) is None:
            msg = f"{path}, line {line}: the seed is {seed[:40]!r}; give a whole number."
            raise SubmissionError(msg)
        one.lines.append(line)
        one.seeds.append(int(seed))
        one.architectures.append(one.names.setdefault(architecture, len(one.names)))
        one.predictions.append(_number(path, line, "prediction", prediction))
        if with_std:
            one.stds.append(_number(path, line, "std", row[at["std"]]))
    return cells


def _columns(header: list[str], path: Path, dataset: str | None) -> dict[str, int]:
    names = [name.strip().lower() for name in header]
    unknown = [name for name in names if name not in COLUMNS]
    needed = [name for name in COLUMNS if name not in _OPTIONAL or (name == "dataset" and dataset is None)]
    missing = [name for name in needed if name not in names]
    if unknown or missing or len(set(names)) != len(names):
        named = ", ".join(names)[:200] or "nothing"
        msg = (
            f"{path}: the first line names {named}; the columns are {', '.join(COLUMNS)}, of which "
            f"{', '.join(needed)} are needed, each once."
        )
        raise SubmissionError(msg)
    return {name: position for position, name in enumerate(names)}


def _place(
    path: Path, line: int, place: tuple[str, str, str], dataset: str | None, split: str | None
) -> tuple[Exam, str]:
    try:
        info = known_dataset(place[0] or dataset or "")
        part = part_name(place[2].strip())
    except (SubmissionError, DatasetNameError) as error:
        msg = f"{path}, line {line}: {error}"
        raise SubmissionError(msg) from error
    if part not in PARTS:
        msg = f"{path}, line {line}: the part is {place[2]!r}; predictions are for {' and '.join(PARTS)}."
        raise SubmissionError(msg)
    return Exam(info.name, place[1].strip() or split or info.default_split), part


def _number(path: Path, line: int, column: str, text: str) -> float:
    if _NUMBER.fullmatch(text) is None:
        msg = f"{path}, line {line}: the {column} is {text[:40]!r}; give a decimal number."
        raise SubmissionError(msg)
    return float(text)


def _pivot(cells: _Cells, seeds: tuple[int, ...], where: str, exam: Exam, faults: list[str]) -> PartPredictions | None:
    """The matrix of a part; a cell that is filled twice or not at all is a fault."""
    names = list(cells.names)
    try:
        codes = codes_of_texts(names, get_space(get_info(exam.dataset).space))
    except SubmissionError as error:
        faults.append(f"{where}: {error}")
        return None
    row = np.asarray(cells.architectures, dtype=np.int64)
    column = np.searchsorted(np.array(seeds), np.asarray(cells.seeds, dtype=np.int64))
    cell, first, count = np.unique(row * len(seeds) + column, return_index=True, return_counts=True)
    if (count > 1).any():
        again = int(np.setdiff1d(np.arange(len(row)), first)[0])
        faults.append(
            f"{where}: {np.count_nonzero(count > 1):,} predictions stand more than once, the first again is on line "
            f"{cells.lines[again]} (architecture {names[row[again]][:200]}, seed {cells.seeds[again]}): give each once."
        )
        return None
    size = len(names) * len(seeds)
    if len(cell) < size:
        empty = int(np.setdiff1d(np.arange(size), cell)[0])
        faults.append(
            f"{where}: {size - len(cell):,} of {size:,} predictions are missing, the first is that for architecture "
            f"{names[empty // len(seeds)][:200]}, seed {seeds[empty % len(seeds)]}: give one for each seed."
        )
        return None

    def matrix(values: array) -> NDArray[np.float32]:
        filled = np.empty(size, dtype=np.float64)
        filled[row * len(seeds) + column] = np.asarray(values)
        with np.errstate(over="ignore"):  # what is beyond float32 becomes infinite, which the check reports
            return filled.reshape(len(names), len(seeds)).astype(np.float32)

    return PartPredictions(codes, matrix(cells.predictions), matrix(cells.stds) if len(cells.stds) else None)
