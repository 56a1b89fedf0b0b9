"""What an exam asks for: the architectures of each part, as the dataset's file has them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nb301_ogb.catalog import DatasetInfo, dataset_names, get_info
from nb301_ogb.errors import DatasetNameError, SubmissionError
from nb301_ogb.evaluators.submission.form import PARTS, Exam
from nb301_ogb.spaces import Space, get_space
from nb301_ogb.spaces.graphs import CodeArray, IntArray
from nb301_ogb.storage.read import DatasetFile


@dataclass(frozen=True, eq=False)
class ExamKey:
    """The architectures of an exam.

    Attributes:
        exam: the dataset and the split.
        content_hash: of the dataset.
        space: its search space.
        codes: uint8 [G, C] of the whole dataset.
        rows: int64 rows of `train`, `valid` and `test`.
    """

    exam: Exam
    content_hash: str
    space: Space
    codes: CodeArray
    rows: dict[str, IntArray]

    def part(self, part: str) -> CodeArray:
        """uint8 [B, C]: the code of each row of a part; a code stands several times where several rows have it."""
        return self.codes[self.rows[part]]


def exam_key(file: DatasetFile, split: str) -> ExamKey:
    """The key of a split of a dataset.

    Raises:
        DatasetNameError: for a split that does not exist.
    """
    return ExamKey(
        exam=Exam(str(file.attributes["name"]), split),
        content_hash=file.content_hash,
        space=get_space(str(file.attributes["space"])),
        codes=file.codes(),
        rows=file.split(split).parts(),
    )


def numbers(*tables: CodeArray) -> list[IntArray]:
    """For each table of codes int64 [rows]: the same number for equal codes, also across tables."""
    stacked = np.concatenate([np.ascontiguousarray(table, dtype=np.uint8) for table in tables])
    packed = stacked.view(f"V{stacked.shape[1]}").ravel()
    found = np.unique(packed, return_inverse=True)[1].ravel().astype(np.int64)
    return np.split(found, np.cumsum([len(table) for table in tables])[:-1])


def known_dataset(name: str) -> DatasetInfo:
    """The catalogue's entry for a name that somebody else wrote.

    Raises:
        SubmissionError: listing the datasets there are.
    """
    try:
        return get_info(name)
    except DatasetNameError as error:
        msg = f"there is no dataset {name[:100]!r}: there are {', '.join(dataset_names())}."
        raise SubmissionError(msg) from error


def code_text(code: CodeArray) -> str:
    """A code as people write it: its digits."""
    separator = "" if code.max(initial=0) < 10 else "-"
    return separator.join(str(int(one)) for one in code)


def other_parts(part: str) -> tuple[str, ...]:
    """The parts of a split beside the given one, those that are predicted first."""
    return tuple(one for one in (*PARTS, "train") if one != part)
