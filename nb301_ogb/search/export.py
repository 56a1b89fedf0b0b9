"""What leaves a search besides its histories: every evaluation as CSV, and the drawing of an architecture."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from nb301_ogb.search.history import History
from nb301_ogb.spaces import Space
from nb301_ogb.storage.whole import write_bytes

CSV_COLUMNS = ("optimiser", "seed", "evaluation", "architecture", "value", "mean", "runtime", "simulated_time")


def write_csv(path: str | Path, space: Space, histories: Sequence[History]) -> None:
    """Writes every evaluation as a line of CSV; architectures as genotypes, what is not known as an empty field.

    Raises:
        OutputError: where the disk does not take it.
    """
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow(CSV_COLUMNS)
    for history in histories:
        different, which = np.unique(history.codes, axis=0, return_inverse=True)
        names = [str(space.genotype(code)) for code in different]
        numbers = (history.value, history.mean, history.runtime, history.simulated_time)
        columns = [["" if value != value else value for value in column.tolist()] for column in numbers]
        architectures = (names[one] for one in which.ravel().tolist())
        rows = zip(range(len(history)), architectures, *columns, strict=True)
        writer.writerows((history.optimiser, history.seed, *row) for row in rows)
    write_bytes(path, stream.getvalue().encode())


def write_drawing(path: str | Path, space: Space, code: ArrayLike) -> None:
    """Writes the drawing of an architecture's cells as SVG.

    Raises:
        OutputError: where the disk does not take it.
    """
    write_bytes(path, space.drawing(code).encode())
