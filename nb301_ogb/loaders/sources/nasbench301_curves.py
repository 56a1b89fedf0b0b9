"""The learning curves of NAS-Bench-301's full logs, kept on the disk until they are put in order."""

from __future__ import annotations

import re
import tempfile
from array import array
from contextlib import ExitStack
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.errors import BuildError
from nb301_ogb.loaders.sources.left_out import LeftOut
from nb301_ogb.spaces.graphs import IntArray

EPOCHS = 98
"""Entries of a curve; the trainings have 100 epochs, of which 98 are logged."""

MAX_CURVES = 64
"""Curves with a name of their own; the logs have about ten."""

_UNUSABLE = re.compile(r"[^A-Za-z0-9_.-]+")


def curve_name(key: str) -> str:
    """A curve's name in a dataset file for its key in a record: `Train/val_accuracy` becomes `Train_val_accuracy`."""
    return _UNUSABLE.sub("_", key)


class CurveSpool:
    """Takes the curves of one record after the other; the memory in use does not grow with their number.

    A context manager, since it keeps temporary files.

    Attributes:
        odd: the curves that are left out, by reason.
    """

    def __init__(self) -> None:
        self.odd = LeftOut()
        self._files = ExitStack()
        self._streams: dict[str, BinaryIO] = {}
        self._rows: dict[str, array[int]] = {}

    def __enter__(self) -> CurveSpool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()

    def add(self, row: int, record: str, curves: dict[str, Any]) -> None:
        """Takes the curves of a record.

        Args:
            row: the record's number, larger than those before.
            record: its key, for the report.
            curves: what it has as `learning_curves`.

        Raises:
            BuildError: where there are too many different names.
        """
        for key, values in curves.items():
            numbers = _numbers(values)
            if numbers is None:
                self.odd.add(f"{key} is no list of {EPOCHS} numbers", record)
                continue
            name = curve_name(key)
            if name not in self._streams:
                self._open(name, record)
            if len(self._rows[name]) and self._rows[name][-1] == row:
                self.odd.add(f"{key} has the name of another curve", record)
                continue
            self._rows[name].append(row)
            self._streams[name].write(numbers.tobytes())

    def _open(self, name: str, record: str) -> None:
        if len(self._streams) == MAX_CURVES:
            msg = (
                f"{record} brings the learning curves to more than {MAX_CURVES} names; is this the release's full log?"
            )
            raise BuildError(msg)
        stream = tempfile.TemporaryFile(prefix="nb301-ogb-")  # noqa: SIM115  (closed with the spool)
        self._streams[name] = self._files.enter_context(stream)
        self._rows[name] = array("q")

    def curves(self, rows: IntArray) -> dict[str, NDArray[np.float32]]:
        """float32 [len(rows), 98] by name: the curves of the records with these numbers; NaN where one has none.

        The arrays lie in temporary files, which go with them.
        """
        ordered = ((name, self._ordered(name, rows)) for name in sorted(self._streams))
        return {name: curve for name, curve in ordered if curve is not None}

    def _ordered(self, name: str, rows: IntArray) -> NDArray[np.float32] | None:
        present = np.frombuffer(self._rows[name], np.int64)
        place = np.minimum(np.searchsorted(present, rows), len(present) - 1)
        there = present[place] == rows
        if not there.any():
            return None
        stream = self._streams[name]
        stream.flush()
        stored = np.memmap(stream, np.float32, "r", shape=(len(present), EPOCHS))
        with tempfile.TemporaryFile(prefix="nb301-ogb-") as target:
            ordered = np.memmap(target, np.float32, "w+", shape=(len(rows), EPOCHS))
        ordered[:] = np.nan
        ordered[there] = stored[place[there]]
        return ordered


def _numbers(values: Any) -> NDArray[np.float32] | None:
    if not isinstance(values, list) or len(values) != EPOCHS:
        return None
    if not all(type(value) in (int, float) for value in values):
        return None
    try:
        with np.errstate(over="ignore"):  # beyond float32 is infinite
            return np.array(values, dtype=np.float64).astype(np.float32)
    except OverflowError:
        return None
