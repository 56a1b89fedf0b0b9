"""Scores of a submission, recomputed from its predictions by the official evaluator."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.errors import SubmissionError
from nb301_ogb.evaluators.evaluator import Evaluator
from nb301_ogb.evaluators.metrics import kendall_tau
from nb301_ogb.evaluators.submission.check import align, faults, shortfalls
from nb301_ogb.evaluators.submission.form import PARTS, Exam, Head, Submission
from nb301_ogb.leaderboard.boards import Board
from nb301_ogb.leaderboard.exam_data import ExamData, FloatArray, Opener


@dataclass(frozen=True, eq=False)
class ExamScores:
    """A submission's predictions for an exam, and what they are worth.

    Attributes:
        data: of the exam.
        y_pred: by part, float64 [B, S], a column for each seed.
        y_std: by part the predicted standard deviations, or nothing.
        values: by part and metric, float64 [S].
    """

    data: ExamData
    y_pred: dict[str, FloatArray]
    y_std: dict[str, FloatArray]
    values: dict[str, dict[str, FloatArray]]

    def error(self, part: str) -> FloatArray:
        """Prediction minus label, float64 [B, S]."""
        return self.y_pred[part] - self.data.parts[part].labels[:, None]

    def rmse_on(self, rows: NDArray[np.bool_]) -> FloatArray:
        """The RMSE over some rows of the test part, of which there is one, float64 [S]."""
        return np.sqrt(np.mean(np.square(self.error("test")[rows]), axis=0))

    def kendall_on(self, rows: NDArray[np.bool_]) -> FloatArray:
        """Kendall's tau over some rows of the test part, float64 [S]."""
        labels = self.data.parts["test"].labels[rows]
        return np.array([kendall_tau(labels, column) for column in self.y_pred["test"][rows].T])


@dataclass(frozen=True, eq=False)
class Judged:
    """A submission without a fault, and its scores.

    Attributes:
        head: who, what and how.
        digest: the sha256 of its file.
        where: the name of its file.
        exams: its scores by exam.
        shortfalls: what it lacks for an official board.
        fingerprint: the sha256 of its aligned predictions: equal for equal predictions, whoever packed them and in
            whatever order of the seeds.
    """

    head: Head
    digest: str
    where: str
    exams: dict[Exam, ExamScores]
    shortfalls: tuple[str, ...]
    fingerprint: dict[Exam, str]

    def board_values(self, board: Board, part: str, metric: str) -> FloatArray:
        """A metric of a part, float64 [S]: the unweighted mean over the board's exams for each seed."""
        return np.mean([self.exams[exam].values[part][metric] for exam in board.exams], axis=0)


@dataclass(frozen=True)
class Spread:
    """Mean and unbiased standard deviation over the seeds; the latter is None for one seed.

    Attributes:
        mean: over the seeds.
        std: with the divisor S - 1.
        values: one for each seed.
    """

    mean: float
    std: float | None
    values: tuple[float, ...]


def spread(values: Sequence[float] | FloatArray) -> Spread:
    """Mean and unbiased standard deviation of some values."""
    array = np.asarray(values, dtype=np.float64)
    std = float(array.std(ddof=1)) if len(array) > 1 else None
    return Spread(float(array.mean()), std, tuple(array.tolist()))


def judge(submission: Submission, open_exam: Opener, where: str) -> Judged:
    """Checks a submission against its datasets and scores it.

    Args:
        submission: as `read` gives it.
        open_exam: loads what an exam is judged by.
        where: the name of its file, for people.

    Raises:
        SubmissionError: with a sentence for each fault.
    """
    found = faults(submission, lambda exam: open_exam(exam).key)
    if found:
        raise SubmissionError(*(f"{where}: {fault}" for fault in found))
    exams, prints = {}, {}
    for exam in sorted(submission.exams):
        data = open_exam(exam)
        y_pred, y_std, values = {}, {}, {}
        for part in PARTS:
            y_pred[part], std = align(submission.predictions[exam][part], data.key, part)
            if std is not None:
                y_std[part] = std
            values[part] = _scores(data, part, y_pred[part], std)
        exams[exam] = ExamScores(data, y_pred, y_std, values)
        columns = np.concatenate([y_pred[part] for part in PARTS]).T
        seeds = sorted(hashlib.sha256(column.tobytes()).digest() for column in columns)
        prints[exam] = hashlib.sha256(b"".join(seeds)).hexdigest()
    return Judged(submission.head, submission.digest, where, exams, tuple(shortfalls(submission.head)), prints)


def _scores(data: ExamData, part: str, y_pred: FloatArray, y_std: FloatArray | None) -> dict[str, FloatArray]:
    evaluator = Evaluator(data.info.name)
    rows = data.parts[part]
    found = []
    for column in range(y_pred.shape[1]):
        given = {"y_true": rows.labels[:, None], "y_pred": y_pred[:, column : column + 1]}
        if y_std is not None:
            given["y_std"] = y_std[:, column : column + 1]
            if rows.runs.shape[1] > 1:
                given["y_runs"] = rows.runs
        found.append(evaluator.eval(given))
    return {metric: np.array([one[metric] for one in found]) for metric in found[0]}
