"""The boards: what a model is judged on to stand on each of them."""

from __future__ import annotations

from dataclasses import dataclass

from nb301_ogb.catalog import LEAVE_OUT_GROUPS, NB201_IMAGES, NB201_SPLITS, dataset_names, get_info
from nb301_ogb.evaluators.submission.form import Exam

SMALL = 500_000
"""The most parameters of a model that the filter for small models leaves on a board."""


@dataclass(frozen=True)
class Board:
    """A ranking of models by their test RMSE, averaged over some exams.

    Attributes:
        name: as file names and links have it.
        title: for people.
        exams: what a model is judged on; a score of the board is the unweighted mean over them.
        about: what the board asks, one or two sentences.
        official: whether it is one of the three official boards.
    """

    name: str
    title: str
    exams: tuple[Exam, ...]
    about: str
    official: bool = False

    @property
    def waits(self) -> bool:
        """Whether nobody has been able to make a reference result for it yet, since its data must be downloaded."""
        return any(not get_info(exam.dataset).embedded for exam in self.exams)


def _slug(split: str) -> str:
    return split.replace("_", "-")


def _images(split: str) -> tuple[Exam, ...]:
    return tuple(Exam(f"ogbg-nb201-{image}", split) for image in NB201_IMAGES)


OFFICIAL = (
    Board(
        "nb301",
        "ogbg-nb301",
        (Exam("ogbg-nb301", "default"),),
        "Accuracy of DARTS-space architectures on CIFAR-10, on the official split of NAS-Bench-301.",
        official=True,
    ),
    Board(
        "nb301-leave-one-optimizer-out",
        "ogbg-nb301, leave one optimizer out",
        tuple(Exam("ogbg-nb301", f"leave_out_{group}") for group in LEAVE_OUT_GROUPS),
        f"For each of the {len(LEAVE_OUT_GROUPS)} optimizers whose architectures NAS-Bench-301 holds: trained without "
        "them, judged on them. Scores are the unweighted mean over the optimizers.",
        official=True,
    ),
    Board(
        "nb201",
        "ogbg-nb201",
        _images("equivalence"),
        "Accuracy of NAS-Bench-201's architectures on CIFAR-10, CIFAR-100 and ImageNet16-120, equivalent architectures "
        "and copied runs kept on one side of the split. Scores are the unweighted mean over the three datasets.",
        official=True,
    ),
)

_ABOUT_201 = {
    "random": "The same architectures split at random: most test architectures have an equivalent one, or a copied "
    "run, in training. It is here to compare with published numbers and to show what those leaks are worth.",
    "few_shot_156": "Trained on 156 architectures of 15,625.",
    "few_shot_781": "Trained on 781 architectures of 15,625.",
    "few_shot_1563": "Trained on 1,563 architectures of 15,625.",
}

_SEVERAL = OFFICIAL + tuple(
    Board(
        f"nb201-{_slug(split)}",
        f"ogbg-nb201, {split}",
        _images(split),
        f"{_ABOUT_201.get(split, f'Split {split}.')} Scores are the unweighted mean over the three image datasets.",
    )
    for split in NB201_SPLITS[1:]
)


def _single() -> tuple[Board, ...]:
    known = {board.exams for board in _SEVERAL}
    boards = []
    for name in dataset_names():
        info = get_info(name)
        for split in info.splits:
            exam = Exam(name, split)
            if (exam,) not in known:
                slug = _slug(f"{name.removeprefix('ogbg-')}-{split}")
                boards.append(Board(slug, f"{name}, {split}", (exam,), f"{info.title}; split {split}."))
    return tuple(boards)


BOARDS = _SEVERAL + _single()
"""Every board, the official ones first; each dataset and split has one of its own."""


def boards_of(exams: frozenset[Exam]) -> tuple[Board, ...]:
    """The boards for which a submission with these exams counts, the largest alone where one holds another."""
    counted = [board for board in BOARDS if exams.issuperset(board.exams)]
    within = {exam for board in counted if len(board.exams) > 1 for exam in board.exams}
    return tuple(board for board in counted if len(board.exams) > 1 or board.exams[0] not in within)


def shown(submissions: list[frozenset[Exam]]) -> tuple[Board, ...]:
    """The boards that a site shows for some submissions, given by their exams: the official ones, and all in use."""
    used = {board for exams in submissions for board in boards_of(exams)}
    return tuple(board for board in BOARDS if board.official or board in used)
