"""Predictions of any framework from an .npz file of numpy arrays."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.catalog import part_name
from nb301_ogb.errors import DatasetNameError, SubmissionError
from nb301_ogb.evaluators.submission import container, npy
from nb301_ogb.evaluators.submission.form import MAX_EXAMS, MAX_SEEDS, PARTS, Exam, PartPredictions, Predictions
from nb301_ogb.evaluators.submission.key import known_dataset

_FORM = (".npz file", "write it with numpy.savez anew")

ARRAYS = {
    "seeds": "integers [S], the seeds of the columns, for the whole file",
    "code": "integers [A, C], the codes of the architectures",
    "y_pred": "floats [A, S] (or [A] for one seed), the predictions in the label's unit",
    "y_std": "floats [A, S], their standard deviations; may be left out",
}
"""The arrays of a file of predictions; all but `seeds` are named `[DATASET/[SPLIT/]]PART/ARRAY`."""

_NAME = re.compile(r"(?:(?P<dataset>[^/]+)/)?(?:(?P<split>[^/]+)/)?(?P<part>[^/]+)/(?P<array>code|y_pred|y_std)")


def read_npz(path: Path, dataset: str | None = None, split: str | None = None) -> tuple[tuple[int, ...], Predictions]:
    """The seeds and the predictions of an .npz file, see `ARRAYS`.

    Args:
        path: of the file, as `numpy.savez` or `savez_compressed` writes it.
        dataset: the dataset's name where the arrays' names have none.
        split: the split's name where the arrays' names have none.

    Raises:
        SubmissionError: one sentence that says what is wrong.
    """
    members = container.unzip(container.read(path), str(path), form=_FORM)
    arrays = {name.removesuffix(".npy"): (f"{path}: {name}", values) for name, values in members.items()}
    seeds = _seeds(path, arrays)
    grouped: dict[tuple[Exam, str], dict[str, tuple[str, bytes]]] = {}
    for name, value in arrays.items():
        exam, part, array = _place(path, name, dataset, split)
        grouped.setdefault((exam, part), {})[array] = value
    exams = sorted({exam for exam, _ in grouped})
    if not 0 < len(exams) <= MAX_EXAMS:
        msg = f"{path} holds predictions for {len(exams)} datasets and splits; give 1 to {MAX_EXAMS}."
        raise SubmissionError(msg)
    faults = [
        f"{path} lacks the array {array} for the {part} part of {exam}."
        for exam in exams
        for part in PARTS
        for array in ("code", "y_pred")
        if array not in grouped.get((exam, part), {})
    ]
    if faults:
        raise SubmissionError(*faults)
    return seeds, {exam: {part: _part(grouped[exam, part], len(seeds)) for part in PARTS} for exam in exams}


def _seeds(path: Path, arrays: dict[str, tuple[str, bytes]]) -> tuple[int, ...]:
    if "seeds" not in arrays:
        msg = f"{path} lacks the array seeds; it holds the seed of each column of y_pred."
        raise SubmissionError(msg)
    values = npy.decode(*arrays.pop("seeds"), "iu")
    seeds = tuple(int(one) for one in values.ravel())
    wrong = [one for one in seeds if not 0 <= one < 2**53]
    if wrong or not 0 < len(seeds) <= MAX_SEEDS:
        found = f"the seed {wrong[0]}" if wrong else f"{len(seeds)} seeds"
        msg = f"{path} holds {found}; give 1 to {MAX_SEEDS} whole numbers from 0."
        raise SubmissionError(msg)
    return seeds


def _place(path: Path, name: str, dataset: str | None, split: str | None) -> tuple[Exam, str, str]:
    found = _NAME.fullmatch(name)
    if found is None:
        msg = f"{path} holds an array named {name[:100]!r}; names are seeds and [DATASET/[SPLIT/]]PART/code or y_pred."
        raise SubmissionError(msg)
    given = found["dataset"] or dataset
    if given is None:
        msg = f"{path} does not say for which dataset {name!r} is; say --dataset, or name it DATASET/{name}."
        raise SubmissionError(msg)
    try:
        info, part = known_dataset(given), part_name(found["part"])
    except (SubmissionError, DatasetNameError) as error:
        msg = f"{path}, array {name[:100]!r}: {error}"
        raise SubmissionError(msg) from error
    if part not in PARTS:
        msg = f"{path} holds an array for the part {part!r}; predictions are for {' and '.join(PARTS)}."
        raise SubmissionError(msg)
    return Exam(info.name, found["split"] or split or info.default_split), part, found["array"]


def _part(arrays: dict[str, tuple[str, bytes]], seeds: int) -> PartPredictions:
    name = arrays["code"][0]
    codes = npy.decode(*arrays["code"], "iu")
    if codes.ndim != 2:
        msg = f"{name} has shape {list(codes.shape)}; give [architectures, code length]."
        raise SubmissionError(msg)
    wrong = (codes < 0) | (codes > 255)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        msg = f"{name}: row {row}, column {column} holds {codes[row, column]}, which is in no code."
        raise SubmissionError(msg)
    return PartPredictions(
        codes.astype(np.uint8),
        _matrix(arrays["y_pred"], len(codes), seeds),
        _matrix(arrays["y_std"], len(codes), seeds) if "y_std" in arrays else None,
    )


def _matrix(array: tuple[str, bytes], rows: int, seeds: int) -> NDArray[np.float32]:
    values = npy.decode(*array, "fiu")
    if values.ndim == 1 and seeds == 1:
        values = values[:, None]
    if values.shape != (rows, seeds):
        msg = (
            f"{array[0]} has shape {list(values.shape)}; with {rows:,} architectures and {seeds} seed(s) it is "
            f"[{rows}, {seeds}]."
        )
        raise SubmissionError(msg)
    with np.errstate(over="ignore"):  # what is beyond float32 becomes infinite, which the check reports
        return values.astype(np.float32)
