"""The raw archive of NAS-Bench-301, a zip, a tar or a folder, as columns of checked records.

The archive holds `<root>/<group>/results_<id>.json`, in group `rs` also `results_<id>_ti.json`, one file a record;
`<root>/de_multi_seed/<seed>/` holds repeated trainings, and further folders what is no part of the training set.
A record's key is the last two parts of its path.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.catalog import LEAVE_OUT_GROUPS
from nb301_ogb.errors import BuildError, NoRecordError
from nb301_ogb.loaders.sources.archive import Member, members, packed_size
from nb301_ogb.loaders.sources.left_out import LeftOut
from nb301_ogb.loaders.sources.nasbench301_curves import CurveSpool
from nb301_ogb.loaders.sources.nasbench301_record import Record, Rejection, record_reader
from nb301_ogb.spaces.graphs import CodeArray, IntArray

GROUPS = LEAVE_OUT_GROUPS
RUNS_FOLDER = "de_multi_seed"
OTHER_FOLDERS = (
    RUNS_FOLDER, "only_skip_connect", "only_avg_pool_3x3", "only_max_pool_3x3", "cell_topology_analysis",
    "lowpar_training_data",
)  # fmt: skip
"""Folders that may stand beside the groups and are no part of the training set."""

_RECORD_NAME = re.compile(r"results_([0-9]{1,18})(_ti)?\.json")
_SYSTEM_FOLDER = "__MACOSX"
_STEP = 512
"""Members between two calls of a progress bar."""

Place = tuple[str, str]
"""The folder that holds a record's group, and the record's key."""


class Progress(Protocol):
    """Called now and then while an archive is read."""

    def __call__(self, done_bytes: int, total_bytes: int | None, /) -> object:
        """Takes the bytes so far, and the bytes in all or None for a folder."""
        ...


@dataclass(frozen=True)
class Records:
    """The records that count, in the order of `sort_key`.

    Attributes:
        keys: of the R records, `<group>/<file>`.
        code: uint8 [R, 32].
        values: float64 [R, 4]: validation accuracy and test accuracy (percent), runtime (seconds), training loss.
        model_parameters: int64 [R]: the record's own count, -1 where it has none.
        row: int64 [R]: the place of each in the order of reading, by which a `CurveSpool` knows it.
        read: how many records were read in all.
        rejected: those among them that do not count.
        left_out: all other files.
    """

    keys: tuple[str, ...]
    code: CodeArray
    values: NDArray[np.float64]
    model_parameters: IntArray
    row: IntArray
    read: int
    rejected: LeftOut
    left_out: LeftOut

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, rows: IntArray) -> Records:
        """The records at `rows`, in that order; what is told of the others stays."""
        return Records(
            tuple(self.keys[row] for row in rows.tolist()),
            self.code[rows],
            self.values[rows],
            self.model_parameters[rows],
            self.row[rows],
            self.read,
            self.rejected,
            self.left_out,
        )

    def trainings(self) -> IntArray:
        """int64 [R]: equal for records of one and the same training, in the order of first appearance.

        A training is known by its architecture, both accuracies, its runtime, its training loss and its parameters.
        """
        parts = [self.code, self.values.view(np.uint8), self.model_parameters[:, None].view(np.uint8)]
        together = np.ascontiguousarray(np.concatenate(parts, axis=1))
        _, first, which = np.unique(
            together.view(f"V{together.shape[1]}").ravel(), return_index=True, return_inverse=True
        )
        rank = np.empty(len(first), dtype=np.int64)
        rank[np.argsort(first)] = np.arange(len(first))
        return rank[which.ravel()]


def group_place(parts: Sequence[str]) -> Place | str:
    """Where a record of the training set lies, or why a file is none; `parts` are those of its path."""
    name, folders = parts[-1], parts[-3:-1]
    if name.startswith(".") or _SYSTEM_FOLDER in parts:
        return "hidden, or of the operating system"
    other = next((folder for folder in OTHER_FOLDERS if folder in folders), None)
    if other is not None:
        return f"in {other}, which is no part of the training set"
    if folders and folders[-1] in GROUPS:
        if _RECORD_NAME.fullmatch(name) is None:
            return "in a group's folder, but not named as a record"
        return "/".join(parts[:-2]), f"{folders[-1]}/{name}"
    if folders and _RECORD_NAME.fullmatch(name):
        return f"in {folders[-1]}, which is no group"
    return "no record, by its place and name"


def run_place(parts: Sequence[str]) -> Place | str:
    """Where a record of the repeated trainings lies, or why a file is none."""
    if len(parts) < 3 or parts[-3] != RUNS_FOLDER or _SYSTEM_FOLDER in parts:
        return f"outside of {RUNS_FOLDER}"
    if _RECORD_NAME.fullmatch(parts[-1]) is None or not re.fullmatch("[0-9]{1,9}", parts[-2]):
        return f"in {RUNS_FOLDER}, but not named as a record"
    return "/".join(parts[:-3]), f"{parts[-2]}/{parts[-1]}"


def sort_key(key: str) -> tuple[int, int, str]:
    """The order of records: groups as in `GROUPS` (seeds by their number), then the numbers of the files."""
    folder, name = key.split("/")
    match = _RECORD_NAME.fullmatch(name)
    assert match is not None  # only such names become keys
    return (GROUPS.index(folder) if folder in GROUPS else int(folder), int(match[1]), name)


def read_records(
    sources: Sequence[str | Path],
    place: Callable[[Sequence[str]], Place | str] = group_place,
    *,
    curves: CurveSpool | None = None,
    progress: Progress | None = None,
) -> Records:
    """Reads all records of some archives or folders.

    Args:
        sources: read one after the other, as if they were one.
        place: `group_place` for the training set, `run_place` for the repeated trainings.
        curves: takes the learning curves of every record; without it they are not read.
        progress: called with the bytes of the source that is being read.

    Returns:
        The records of the root folder that holds most of them; others are told in `left_out`.

    Raises:
        BuildError: where a source is damaged or unsafe, holds no record, or holds two different ones of one key.
    """
    rows = _Rows(curves)
    for source in sources:
        total, prefix = packed_size(source), _prefix(source)
        for number, member in enumerate(members(source)):
            rows.add(member, place([*prefix, *member.name.split("/")]))
            if progress is not None and number % _STEP == 0:
                progress(member.offset, total)
        if progress is not None and total is not None:
            progress(total, total)
    found = rows.records()
    if not len(found):
        named = ", ".join(str(source) for source in sources)
        why = (found.rejected if found.rejected.total else found.left_out).summary()
        msg = f"{named}: no record of NAS-Bench-301 can be read from it ({why or 'it is empty'}); give its archive."
        raise (BuildError if found.rejected.total else NoRecordError)(msg)
    return _one_a_key(found)


def _prefix(source: str | Path) -> list[str]:
    """The name of a source that is itself the folder of a group, or of the repeated trainings."""
    name = Path(source).resolve().name
    return [name] if Path(source).is_dir() and name in (*GROUPS, RUNS_FOLDER) else []


def _one_a_key(records: Records) -> Records:
    """Leaves out a second record of the same key, as it stands where an archive and its unpacked folder are read."""
    trainings = records.trainings()
    keep = np.ones(len(records), dtype=bool)
    for row in range(1, len(records)):
        if records.keys[row] == records.keys[row - 1]:
            if trainings[row] != trainings[row - 1]:
                msg = f"there are two different records {records.keys[row]}; give one release of the archive alone."
                raise BuildError(msg)
            keep[row] = False
            records.left_out.add("there a second time under the same name", records.keys[row])
    return records if keep.all() else records.take(np.flatnonzero(keep))


class _Rows:
    """Columns that grow by a record, in arrays of plain numbers."""

    def __init__(self, curves: CurveSpool | None) -> None:
        self._read = record_reader(full_logs=curves is not None)
        self._curves = curves
        self._keys: list[str] = []
        self._codes = bytearray()
        self._values = array("d")
        self._model_parameters = array("q")
        self._roots: dict[str, int] = {}
        self._root_of = array("q")
        self._rejected: dict[str, LeftOut] = defaultdict(LeftOut)
        self._left_out = LeftOut()

    def add(self, member: Member, place: Place | str) -> None:
        if isinstance(place, str):
            self._left_out.add(place, member.name)
            return
        root, key = place
        try:
            record, code = self._read(member.read())
        except Rejection as fault:
            self._rejected[root].add(fault.reason, key, fault.detail)
            return
        self._append(root, key, code, record)

    def _append(self, root: str, key: str, code: bytes, record: Record) -> None:
        info = record.info[0]
        loss, count = info.train_loss, info.model_parameters
        if self._curves is not None:
            self._curves.add(len(self._keys), key, record.curves)
        self._keys.append(key)
        self._codes += code
        self._values.extend((info.val_accuracy, record.test_accuracy, record.runtime, np.nan if loss is None else loss))
        self._model_parameters.append(-1 if count is None else count)
        self._root_of.append(self._roots.setdefault(root, len(self._roots)))

    def records(self) -> Records:
        """What was added, without the records of smaller root folders."""
        counts = Counter(self._root_of)
        names = list(self._roots)
        fullest = min(self._roots, key=lambda root: (-counts[self._roots[root]], root), default="")
        rows = [row for row, root in enumerate(self._root_of) if names[root] == fullest]
        rows.sort(key=lambda row: sort_key(self._keys[row]))
        elsewhere = f"outside of the folder {fullest or '/'}, which holds most records"
        for row, number in enumerate(self._root_of):
            if names[number] != fullest:
                self._left_out.add(elsewhere, f"{names[number]}/{self._keys[row]}")
        for root, rejected in self._rejected.items():
            if root != fullest and self._roots:
                self._left_out.merge(rejected, elsewhere)
        rejected = self._rejected[fullest] if self._roots else self._all_rejected()
        order = np.array(rows, dtype=np.int64)
        return Records(
            tuple(self._keys[row] for row in rows),
            np.frombuffer(bytes(self._codes), np.uint8).reshape(-1, 32)[order],
            np.frombuffer(self._values, np.float64).reshape(-1, 4)[order],
            np.frombuffer(self._model_parameters, np.int64)[order],
            order,
            len(rows) + rejected.total,
            rejected,
            self._left_out,
        )

    def _all_rejected(self) -> LeftOut:
        together = LeftOut()
        for rejected in self._rejected.values():
            together.merge(rejected)
        return together
