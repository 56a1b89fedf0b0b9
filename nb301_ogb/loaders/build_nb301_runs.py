"""From the repeated trainings in the archive of NAS-Bench-301 to the dataset file `ogbg-nb301-runs`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.catalog import get_info
from nb301_ogb.loaders import splits
from nb301_ogb.loaders.build_nb301 import (
    MAX_REJECTED,
    Origin,
    Report,
    Source,
    described,
    finished,
    header,
    paths,
    report_of,
    require_few_rejected,
    require_share,
    targets_of,
    without_copies,
)
from nb301_ogb.loaders.sources.nasbench301 import Progress, Records, read_records, run_place, sort_key
from nb301_ogb.loaders.splits_nb301 import SALT, equivalence
from nb301_ogb.spaces.darts import SPACE
from nb301_ogb.spaces.graphs import IntArray
from nb301_ogb.storage.layout import Contents


def build_runs(
    source: Source,
    output: str | Path,
    *,
    max_rejected: float = MAX_REJECTED,
    progress: Progress | None = None,
    origin: Origin | None = None,
) -> Report:
    """Builds the dataset file of `ogbg-nb301-runs`: a row an architecture, a column a training of it.

    Rows are in the order of the files' numbers, runs in that of the seeds. See `build` for the arguments.

    Returns:
        The build report, which the file holds too.

    Raises:
        BuildError: where the archive is not what it should be, has no repeated trainings, or too many records are
            rejected.
    """
    require_share(max_rejected)
    info = get_info("ogbg-nb301-runs")
    records = read_records(paths(source), run_place, progress=progress)
    require_few_rejected(records, max_rejected)
    records = without_copies(records)
    row, column = _places(records)
    shape = (int(row.max()) + 1, int(column.max()) + 1)

    def table(values: NDArray, absent: float | int) -> NDArray:
        cells = np.full((*shape, *values.shape[1:]), absent, dtype=values.dtype)
        cells[row, column] = values
        return cells

    first = np.flatnonzero(column == 0)
    code = SPACE.check(records.code[first[np.argsort(row[first])]])
    key = SPACE.canonical_keys(code)
    present = table(np.ones(len(records), dtype=bool), False)
    run_id = np.where(present, np.cumsum(present).reshape(shape) - 1, -1).astype(np.int32)
    seed = np.array([int(one.partition("/")[0]) for one in records.keys], dtype=np.int32)
    counts = np.bincount(present.sum(axis=1)).tolist()
    report = report_of(info, records, records.code)
    report["architectures_by_runs"] = {str(runs): count for runs, count in enumerate(counts) if count}
    contents = Contents(
        header=header(info, described(source) if origin is None else origin),
        code=code,
        canonical_key=key,
        graphs=SPACE.graphs(code),
        targets=targets_of(table(records.values[:, :3], np.nan), code),
        splits={"equivalence": equivalence(code, key, run_id, SALT + "runs/equivalence")},
        run_id=run_id,
        records=_names(records.keys, row, column),
        extra_origin={
            "model_parameters": table(records.model_parameters, -1),
            "seed": table(seed, -1),
        },
        report=json.dumps(report, indent=1),
    )
    return finished(report, contents, output)


def _places(records: Records) -> tuple[IntArray, IntArray]:
    """The row and the column of each record: a row an architecture, by its smallest file number, a column a run."""
    architecture = splits.row_classes(records.code)
    number = np.array([sort_key(key)[1] for key in records.keys], dtype=np.int64)
    smallest = np.full(architecture.max() + 1, np.iinfo(np.int64).max)
    np.minimum.at(smallest, architecture, number)
    rank = np.empty(len(smallest), dtype=np.int64)
    rank[np.argsort(smallest, kind="stable")] = np.arange(len(smallest))
    row = rank[architecture]
    order = np.argsort(row, kind="stable")
    sizes = np.bincount(row)
    column = np.empty(len(row), dtype=np.int64)
    column[order] = np.arange(len(row)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return row, column


def _names(keys: Sequence[str], row: IntArray, column: IntArray) -> tuple[str, ...]:
    """For each row the keys of its records, separated by spaces."""
    order = np.lexsort((column, row))
    ends = np.cumsum(np.bincount(row))[:-1]
    return tuple(" ".join(keys[one] for one in part.tolist()) for part in np.split(order, ends))
