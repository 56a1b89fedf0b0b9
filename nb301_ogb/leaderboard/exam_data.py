"""What an exam's scores are made from: labels, runs, components and groups of the rows of each part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.catalog import DatasetInfo
from nb301_ogb.evaluators.submission.form import PARTS, Exam
from nb301_ogb.evaluators.submission.key import ExamKey, exam_key
from nb301_ogb.loaders.labelled import LabelledTable
from nb301_ogb.loaders.provenance import by_hand
from nb301_ogb.loaders.splits import components, copied_runs, own_runs, row_classes
from nb301_ogb.spaces.graphs import IntArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PartData:
    """The rows of one part of an exam.

    Attributes:
        labels: float64 [B], the mean over a row's runs.
        runs: float64 [B, R], each run; NaN where there is none.
        usable: bool [B, R], the runs that are no copies: their id stands once in the whole dataset.
        weights: float64 [B], the sum of squares of the different runs' shares in the label, 1 / runs where none is
            there twice; times the variance of a run it is the variance of the label's noise.
        component: int64 [B], rows that are equivalent or share a run have the same number.
        equivalent: int64 [B], rows with an equal canonical key have the same number.
        group: int64 [B], index into the exam's groups; empty where the dataset has none.
        seen: what of each row is known from train, bool [B] by `equivalent` and `run`.
        joined: bool [B], whether a path leads from input to output; a network without one stays at chance.
        related: bool [B], whether the dataset holds, in whatever part, an equivalent architecture or a run of theirs.
    """

    labels: FloatArray
    runs: FloatArray
    usable: NDArray[np.bool_]
    weights: FloatArray
    component: IntArray
    equivalent: IntArray
    group: IntArray
    seen: dict[str, NDArray[np.bool_]]
    joined: NDArray[np.bool_]
    related: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ExamData:
    """An exam with everything that judging needs.

    Attributes:
        info: of the dataset.
        key: the architectures that a submission predicts.
        parts: by name, `valid` and `test`.
        groups: the names of the groups of the dataset's rows; empty where it has none.
        unit: of the label.
        caveat: a sentence about a dataset of which no public archive is known; else empty.
    """

    info: DatasetInfo
    key: ExamKey
    parts: dict[str, PartData]
    groups: tuple[str, ...]
    unit: str
    caveat: str = ""

    @property
    def exam(self) -> Exam:
        """The dataset and the split."""
        return self.key.exam


Opener = Callable[[Exam], ExamData]


def opener(root: Path | None = None) -> Opener:
    """A function that loads exams and keeps them: the same object for the same exam.

    Args:
        root: a folder of datasets, or None for the user's cache and the embedded files.
    """

    @cache
    def table(dataset: str) -> LabelledTable:
        return LabelledTable(dataset, root)

    @cache
    def load(exam: Exam) -> ExamData:
        return _load(table(exam.dataset), exam.split)

    return load


def _load(table: LabelledTable, split: str) -> ExamData:
    file, label = table.file, table.info.label
    key = exam_key(file, split)
    run_id, target = file.run_ids(), file.target(label)
    keys = file.canonical_keys()
    component, equivalent = components(keys, run_id), row_classes(keys)
    groups = file.groups()
    train = key.rows["train"]
    copied = copied_runs(key.space, key.codes, run_id)
    seen_runs = copied[train][copied[train] >= 0]
    usable = own_runs(run_id)
    joined, related = key.space.depth(key.codes).min(axis=1) > 0, np.bincount(component)[component] > 1
    weights = _weights(run_id)
    parts = {}
    for part in PARTS:
        rows = key.rows[part]
        parts[part] = PartData(
            labels=table.labels[rows, 0].astype(np.float64),
            runs=target.values[rows].astype(np.float64),
            usable=usable[rows],
            weights=weights[rows],
            component=component[rows],
            equivalent=equivalent[rows],
            group=groups[1][rows].astype(np.int64) if groups else np.empty(0, dtype=np.int64),
            seen={
                "equivalent": np.isin(equivalent[rows], equivalent[train]),
                "run": np.any(np.isin(copied[rows], seen_runs) & (copied[rows] >= 0), axis=1),
            },
            joined=joined[rows],
            related=related[rows],
        )
    return ExamData(table.info, key, parts, groups[0] if groups else (), target.unit, by_hand(file))


def _weights(run_id: NDArray[np.int32]) -> FloatArray:
    there = run_id >= 0
    equal = (run_id[:, :, None] == run_id[:, None, :]) & there[:, :, None] & there[:, None, :]
    # Each run counts as often as it is there, so the sum over all pairs of equal runs is the sum of squared counts.
    return equal.sum(axis=(1, 2)) / np.maximum(there.sum(axis=1), 1) ** 2
