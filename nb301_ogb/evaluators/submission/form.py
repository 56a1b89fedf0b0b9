"""What a submission is: who made which model how, and its predictions for each exam, part, architecture and seed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

import msgspec
import numpy as np
from numpy.typing import NDArray

from nb301_ogb.spaces.graphs import CodeArray

FORMAT = "nb301-ogb-submission"
FORMAT_VERSION = 1
SUFFIX = ".submission"
FILE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,120}", re.ASCII)
"""What a submission's file may be called: its name becomes part of links."""

PARTS = ("valid", "test")
"""The parts of a split that a submission predicts."""

OFFICIAL_SEEDS = 10
"""As many seeds as OGB's leaderboards ask for."""

MAX_SEEDS = 100
MAX_EXAMS = 32
MAX_ROWS = 2_000_000

MAX_NAME = 80
"""Characters in a model's name."""

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)]
Line = Annotated[str, msgspec.Meta(max_length=300)]
_MOST_CORES = 1_000_000
Paragraph = Annotated[str, msgspec.Meta(max_length=2000)]
Command = Annotated[str, msgspec.Meta(min_length=1, max_length=4000)]
Seed = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]


@dataclass(frozen=True, order=True)
class Exam:
    """A dataset and a split of it: what a model is judged on.

    Attributes:
        dataset: its full name.
        split: its name.
    """

    dataset: str
    split: str

    def __str__(self) -> str:
        return f"{self.dataset}, split {self.split}"


class ExamHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An exam as a submission names it.

    Attributes:
        dataset: its full name.
        split: its name.
        content_hash: of the dataset on which the predictions were made.
    """

    dataset: Name
    split: Name
    content_hash: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]

    @property
    def exam(self) -> Exam:
        """The exam that is meant."""
        return Exam(self.dataset, self.split)


class Environment(msgspec.Struct, frozen=True):
    """What the predictions were made on: versions and hardware; unknown fields of a file are passed over."""

    nb301_ogb: Line = ""
    python: Line = ""
    libraries: Annotated[dict[Name, Line], msgspec.Meta(max_length=50)] = {}
    platform: Line = ""
    processor: Line = ""
    cores: Annotated[int, msgspec.Meta(ge=0, le=_MOST_CORES)] | None = None
    gpu: Line | None = None


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything in a submission but its predictions. Nothing in it is a score.

    Attributes:
        format: always `nb301-ogb-submission`.
        format_version: of the file's layout.
        model: the name that the leaderboard shows.
        num_params: the model's parameters, the most of any seed and exam.
        seeds: of the model, one for each column of the predictions.
        exams: what is predicted.
        with_std: whether a standard deviation stands beside each prediction.
        authors, contact, paper, code, hardware, note: free text; `paper` and `code` are links.
        commands: that made the predictions.
        external_data: what was used beyond the dataset's training part; `none` where nothing was, empty where the
            authors have not said it.
        package_version: of the package that packed the file.
        environments: those of the runs, each once.
    """

    format: str = FORMAT
    format_version: int = FORMAT_VERSION
    model: Name
    num_params: Annotated[int, msgspec.Meta(ge=0, le=10**15)]
    seeds: Annotated[tuple[Seed, ...], msgspec.Meta(min_length=1, max_length=MAX_SEEDS)]
    exams: Annotated[tuple[ExamHead, ...], msgspec.Meta(min_length=1, max_length=MAX_EXAMS)]
    with_std: bool = False
    authors: Annotated[tuple[Name, ...], msgspec.Meta(max_length=100)] = ()
    contact: Line = ""
    paper: Line = ""
    code: Line = ""
    hardware: Line = ""
    external_data: Line = ""
    note: Paragraph = ""
    commands: Annotated[tuple[Command, ...], msgspec.Meta(max_length=500)] = ()
    package_version: Name
    environments: Annotated[tuple[Environment, ...], msgspec.Meta(max_length=500)] = ()


@dataclass(frozen=True, eq=False)
class PartPredictions:
    """The predictions for one part of an exam, keyed by architecture.

    Attributes:
        codes: uint8 [A, C], each architecture of the part once, in any order.
        y_pred: float32 [A, S], a column for each seed, in the label's unit.
        y_std: float32 [A, S], the predicted standard deviation, or None.
    """

    codes: CodeArray
    y_pred: NDArray[np.float32]
    y_std: NDArray[np.float32] | None = None


Predictions = dict[Exam, dict[str, PartPredictions]]
"""The predictions of a submission, by exam and part."""


@dataclass(frozen=True, eq=False)
class Submission:
    """A submission as it was read: well formed, not yet held against the dataset.

    Attributes:
        head: who, what and how.
        predictions: by exam and part.
        digest: the sha256 of the file, in hex; empty where it has not been written.
    """

    head: Head
    predictions: Predictions
    digest: str = ""

    @property
    def exams(self) -> tuple[Exam, ...]:
        """What is predicted, in the head's order."""
        return tuple(one.exam for one in self.head.exams)


def member(exam: Exam, part: str, array: str) -> str:
    """The name of an array in the file."""
    return f"{exam.dataset}/{exam.split}/{part}/{array}.npy"
