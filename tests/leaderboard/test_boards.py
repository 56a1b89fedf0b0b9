"""Which boards there are, and which of them a submission stands on."""

from nb301_ogb.catalog import LEAVE_OUT_GROUPS, dataset_names, get_info
from nb301_ogb.evaluators.submission.form import Exam
from nb301_ogb.leaderboard.boards import BOARDS, OFFICIAL, boards_of, shown
from tests.submissions import EQUIVALENCE, RANDOM


def names(boards):
    return [board.name for board in boards]


def test_the_official_boards():
    default, left_out, nb201 = OFFICIAL
    assert default.exams == (Exam("ogbg-nb301", "default"),)
    assert left_out.exams == tuple(Exam("ogbg-nb301", f"leave_out_{group}") for group in LEAVE_OUT_GROUPS)
    assert len(left_out.exams) == 11
    assert nb201.exams == EQUIVALENCE
    assert [board.official for board in BOARDS] == [True] * 3 + [False] * (len(BOARDS) - 3)
    assert [board.waits for board in OFFICIAL] == [True, True, False]


def test_every_board_can_be_reached():
    assert len({board.name for board in BOARDS}) == len(BOARDS)
    assert len({board.exams for board in BOARDS}) == len(BOARDS)
    for board in BOARDS:
        assert board.name.replace("-", "").isalnum()
        assert all(exam.split in get_info(exam.dataset).splits for exam in board.exams)
    exams = {exam for board in BOARDS for exam in board.exams if len(board.exams) == 1}
    assert exams == {Exam(name, split) for name in dataset_names() for split in get_info(name).splits}


def test_where_a_submission_stands():
    assert names(boards_of(frozenset(EQUIVALENCE))) == ["nb201"]
    assert names(boards_of(frozenset(EQUIVALENCE + RANDOM))) == ["nb201", "nb201-random"]
    assert names(boards_of(frozenset(EQUIVALENCE[:1]))) == ["nb201-cifar10-equivalence"]
    assert names(boards_of(frozenset(EQUIVALENCE[:2] + RANDOM))) == [
        "nb201-random",
        "nb201-cifar10-equivalence",
        "nb201-cifar100-equivalence",
    ]
    assert names(boards_of(frozenset({Exam("ogbg-nb301", "default")}))) == ["nb301"]


def test_which_boards_are_shown():
    official = ["nb301", "nb301-leave-one-optimizer-out", "nb201"]
    assert names(shown([])) == official
    assert names(shown([frozenset(EQUIVALENCE)])) == official
    assert names(shown([frozenset(EQUIVALENCE), frozenset(RANDOM[:1])])) == [*official, "nb201-cifar10-random"]
