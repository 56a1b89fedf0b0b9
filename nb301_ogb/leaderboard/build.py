"""From files to boards: everything that the pages show, computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nb301_ogb.errors import SubmissionError
from nb301_ogb.evaluators.submission.file import read
from nb301_ogb.evaluators.submission.form import FILE_NAME, OFFICIAL_SEEDS, PARTS, SUFFIX, Exam
from nb301_ogb.leaderboard.boards import SMALL, Board, shown
from nb301_ogb.leaderboard.comparison import Comparison, bootstrap_rmse, compare, ranks
from nb301_ogb.leaderboard.diagnostics import Diagnostic, Subset, diagnostics, subsets
from nb301_ogb.leaderboard.exam_data import ExamData, FloatArray, Opener
from nb301_ogb.leaderboard.noise import Ceiling, ceiling
from nb301_ogb.leaderboard.scores import Judged, Spread, judge, spread
from nb301_ogb.leaderboard.suspicion import suspicions

METRICS = ("rmse", "kendall_tau")
"""What a board shows for validation and test."""

Notice = Callable[[str], None]


@dataclass(frozen=True)
class Place:
    """Where an entry stands in a ranking.

    Attributes:
        rank: 1 for the best; equal ranks are ties.
        tied: whether another entry has the same rank.
        above: the entry before it held against it; None for the first.
    """

    rank: int
    tied: bool
    above: Comparison | None


@dataclass(frozen=True, eq=False)
class Entry:
    """A submission on a board.

    Attributes:
        judged: the submission.
        name: of the entry within links and files, unique on the site.
        scores: by part and metric, over the seeds.
        exams: the same for each exam.
        place: among all ranked entries; None with fewer than 10 seeds.
        place_small: among ranked entries with at most 500k parameters; None for others.
        subsets: for each exam the error by group of rows.
        diagnostics: for each exam.
        suspicions: one sentence each.
    """

    judged: Judged
    name: str
    scores: dict[str, dict[str, Spread]]
    exams: dict[Exam, dict[str, dict[str, Spread]]]
    place: Place | None
    place_small: Place | None
    subsets: dict[Exam, list[Subset]]
    diagnostics: dict[Exam, list[Diagnostic]]
    suspicions: tuple[str, ...]

    @property
    def small(self) -> bool:
        """Whether it has at most 500k parameters."""
        return self.judged.head.num_params <= SMALL


@dataclass(frozen=True, eq=False)
class BoardResult:
    """A board with its entries.

    Attributes:
        board: what it asks.
        entries: ranked ones first, from the best to the worst.
        ceilings: by exam, where runs repeat.
        data: by exam; empty for a board without an entry.
    """

    board: Board
    entries: tuple[Entry, ...]
    ceilings: dict[Exam, Ceiling]
    data: dict[Exam, ExamData]

    @property
    def caveats(self) -> tuple[str, ...]:
        """What must be said of the datasets that were judged on, a sentence each."""
        return tuple(dict.fromkeys(one.caveat for one in self.data.values() if one.caveat))

    def ceiling(self, metric: str) -> float | None:
        """The noise ceiling of a board's metric: the mean over the exams; None where one has none."""
        if not self.board.exams or any(exam not in self.ceilings for exam in self.board.exams):
            return None
        return float(np.mean([getattr(self.ceilings[exam], metric) for exam in self.board.exams]))


def find_submissions(folder: Path) -> list[Path]:
    """The submissions in a folder, sorted by name.

    Raises:
        SubmissionError: where there is no such folder, or a name would not do as part of a link.
    """
    if not folder.is_dir():
        msg = f"{folder} is no folder; give one that holds {SUFFIX} files."
        raise SubmissionError(msg)
    found = sorted(path for path in folder.iterdir() if path.suffix == SUFFIX and not path.name.startswith("."))
    wrong = [path.name for path in found if FILE_NAME.fullmatch(path.name) is None]
    if wrong:
        msg = f"{folder} holds a file named {wrong[0]!r}; use letters, digits, dots, hyphens and underscores alone."
        raise SubmissionError(msg)
    return found


def judge_all(
    paths: Sequence[Path], open_exam: Opener, official: bool = False, notice: Notice | None = None
) -> list[Judged]:
    """Reads, checks and scores submissions; their order does not depend on that of the paths.

    Args:
        paths: of the files.
        open_exam: loads what an exam is judged by.
        official: whether what a submission lacks for an official board is a fault too.
        notice: told the name of each file before it is read.

    Raises:
        SubmissionError: with a sentence for each fault of each file.
    """
    faults: list[str] = []
    found: dict[str, Judged] = {}
    for path in sorted(paths, key=lambda one: (one.name, str(one))):
        if notice is not None:
            notice(path.name)
        try:
            judged = judge(read(path), open_exam, path.name)
        except SubmissionError as error:
            faults += error.faults
            continue
        if official:
            faults += [f"{path.name} is not official: {one}." for one in judged.shortfalls]
        if judged.digest in found:
            faults.append(f"{path.name} and {found[judged.digest].where} are the same submission: remove one.")
        found[judged.digest] = judged
    if faults:
        raise SubmissionError(*faults)
    return [found[digest] for digest in sorted(found)]


def build(judged: Sequence[Judged], open_exam: Opener) -> list[BoardResult]:
    """Every board that a site shows.

    Args:
        judged: the submissions, in any order.
        open_exam: loads what an exam is judged by.
    """
    submissions = sorted(judged, key=lambda one: one.digest)
    flags = {one.digest: suspicions(one, submissions) for one in submissions}
    details = {
        (one.digest, exam): (subsets(scores), diagnostics(scores))
        for one in submissions
        for exam, scores in one.exams.items()
    }
    results = []
    for board in shown([frozenset(one.exams) for one in submissions]):
        there = [one for one in submissions if set(one.exams) >= set(board.exams)]
        data = {exam: open_exam(exam) for exam in board.exams} if there else {}
        ceilings = {exam: found for exam, one in data.items() if (found := ceiling(one)) is not None}
        entries = _entries(board, there, flags, details)
        results.append(BoardResult(board, entries, ceilings, data))
    return results


def _entries(
    board: Board,
    submissions: list[Judged],
    flags: dict[str, tuple[str, ...]],
    details: dict[tuple[str, Exam], tuple[list[Subset], list[Diagnostic]]],
) -> tuple[Entry, ...]:
    scores = {
        one.digest: {part: {m: spread(one.board_values(board, part, m)) for m in METRICS} for part in PARTS}
        for one in submissions
    }

    def order(one: Judged) -> tuple[float, float, str, str]:
        test = scores[one.digest]["test"]
        return test["rmse"].mean, -test["kendall_tau"].mean, one.head.model, one.digest

    ranked = sorted((one for one in submissions if len(one.head.seeds) >= OFFICIAL_SEEDS), key=order)
    others = sorted((one for one in submissions if len(one.head.seeds) < OFFICIAL_SEEDS), key=order)
    rmse = {digest: found["test"]["rmse"] for digest, found in scores.items()}
    draws = _draws(board, submissions)
    places = _places(ranked, rmse, draws)
    small = _places([one for one in ranked if one.head.num_params <= SMALL], rmse, draws)
    return tuple(
        Entry(
            judged=one,
            name=one.digest[:12],
            scores=scores[one.digest],
            exams={exam: _exam_spreads(one, exam) for exam in board.exams},
            place=places.get(one.digest),
            place_small=small.get(one.digest),
            subsets={exam: details[one.digest, exam][0] for exam in board.exams},
            diagnostics={exam: details[one.digest, exam][1] for exam in board.exams},
            suspicions=_about(board, flags[one.digest]),
        )
        for one in [*ranked, *others]
    )


def _exam_spreads(one: Judged, exam: Exam) -> dict[str, dict[str, Spread]]:
    values = one.exams[exam].values
    return {part: {metric: spread(values[part][metric]) for metric in METRICS} for part in PARTS}


def _about(board: Board, found: tuple[str, ...]) -> tuple[str, ...]:
    """The suspicions that concern the exams of a board."""
    return tuple(one for one in found if any(one.startswith(f"{exam}: ") for exam in board.exams))


def _draws(board: Board, submissions: list[Judged]) -> dict[str, FloatArray]:
    """For each submission its test RMSE, the mean over its seeds, on the board's bootstrap samples."""
    if not submissions:
        return {}
    errors = [np.concatenate([one.exams[exam].error("test") for one in submissions], axis=1) for exam in board.exams]
    found = bootstrap_rmse([submissions[0].exams[exam].data for exam in board.exams], errors)
    ends = np.cumsum([len(one.head.seeds) for one in submissions])
    parts = np.split(found, ends[:-1], axis=1)
    return {one.digest: part.mean(axis=1) for one, part in zip(submissions, parts, strict=True)}


def _places(ranked: list[Judged], rmse: dict[str, Spread], draws: dict[str, FloatArray]) -> dict[str, Place]:
    digests = [one.digest for one in ranked]

    def against(better: int, worse: int) -> Comparison:
        first, second = digests[better], digests[worse]
        return compare(rmse[first], rmse[second], draws[first], draws[second])

    found = ranks(len(digests), lambda leader, place: against(leader, place).tied)
    return {
        digest: Place(found[at], found.count(found[at]) > 1, against(at - 1, at) if at else None)
        for at, digest in enumerate(digests)
    }
