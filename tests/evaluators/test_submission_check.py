"""Submissions held against their datasets: what is wrong is said in one sentence, with counts and the first row."""

import re
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nb301_ogb.evaluators.submission import file
from nb301_ogb.evaluators.submission.check import align, faults, shortfalls
from nb301_ogb.evaluators.submission.form import PARTS, Exam, ExamHead, PartPredictions, Submission
from nb301_ogb.evaluators.submission.key import exam_key, numbers
from nb301_ogb.leaderboard.exam_data import opener
from tests.small_files import darts_file
from tests.submissions import OFFICIAL, changed, make, small_root

EXAM = Exam("ogbg-nb201-cifar10", "equivalence")


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    return opener(small_root(tmp_path_factory.mktemp("root")))


@pytest.fixture(scope="module")
def made(load):
    return make([EXAM], load, seeds=3)


def found(head, predictions, load):
    submission = file.from_bytes(file.to_bytes(head, predictions), "x")
    sentences = faults(submission, lambda exam: load(exam).key)
    for sentence in sentences:
        assert sentence.endswith(".")
        assert "\n" not in sentence
    return sentences


def one(made, load, part="test", **arrays):
    """The only fault of a submission with some arrays of one part replaced."""
    head, predictions = made
    (sentence,) = found(head, changed(predictions, EXAM, part, **arrays), load)
    assert f"the {part} part of ogbg-nb201-cifar10, split equivalence" in sentence
    return sentence


def test_nothing_is_wrong(made, load):
    assert found(*made, load) == []


@given(st.randoms(use_true_random=False))
def test_the_order_of_architectures_does_not_matter(made, load, random):
    head, predictions = made
    part = predictions[EXAM]["test"]
    order = list(range(len(part.codes)))
    random.shuffle(order)
    mixed = PartPredictions(part.codes[order], part.y_pred[order])
    key = load(EXAM).key
    assert np.array_equal(align(mixed, key, "test")[0], align(part, key, "test")[0])
    assert found(head, changed(predictions, EXAM, "test", codes=mixed.codes, y_pred=mixed.y_pred), load) == []


def test_aligned_predictions_belong_to_their_rows(load):
    key = load(EXAM).key
    codes = key.part("test")[::-1]
    values = codes @ 10.0 ** np.arange(6)
    predicted, std = align(PartPredictions(codes, values[:, None].astype(np.float32)), key, "test")
    assert std is None
    assert np.array_equal(predicted[:, 0], key.part("test") @ 10.0 ** np.arange(6))


def test_an_architecture_with_several_rows_is_predicted_once(tmp_path):
    dataset = darts_file(tmp_path / "x.h5")
    key = exam_key(dataset, "default")
    rows = np.arange(len(key.codes))
    key = replace(key, rows={"train": rows[:0], "valid": rows, "test": rows})
    codes = np.unique(key.codes, axis=0)
    assert len(codes) == len(rows) - 10
    values = np.arange(len(codes), dtype=np.float32)[:, None]
    predicted, _ = align(PartPredictions(codes, values), key, "test")
    assert np.array_equal(codes[predicted[:, 0].astype(int)], key.codes)
    parts = {part: PartPredictions(codes, values) for part in PARTS}
    head = msgspec.structs.replace(
        make([EXAM])[0], seeds=(0,), exams=(ExamHead("ogbg-nb301", "default", key.content_hash),)
    )
    assert faults(Submission(head, {key.exam: parts}), lambda exam: key) == []
    twice = PartPredictions(key.codes, np.zeros((len(rows), 1), dtype=np.float32))
    (sentence,) = faults(Submission(head, {key.exam: parts | {"test": twice}}), lambda exam: key)
    assert f"10 architecture(s) stand more than once ({len(rows)} rows, the part has {len(codes)})" in sentence


def test_missing_architectures(made, load):
    part = made[1][EXAM]["test"]
    sentence = one(made, load, codes=part.codes[3:], y_pred=part.y_pred[3:])
    size = len(part.codes)
    assert f"3 of {size} architectures are missing" in sentence
    row = int(re.search(r"row (\d+) of the dataset", sentence)[1])
    key = load(EXAM).key
    assert row in key.rows["test"]
    assert row == min(key.rows["test"][(key.part("test")[:, None] == part.codes[:3]).all(axis=2).any(axis=1)])
    assert f"architecture {''.join(map(str, key.codes[row]))}" in sentence


def test_architectures_that_stand_twice(made, load):
    part = made[1][EXAM]["test"]
    rows = [*range(len(part.codes)), 7, 7, 2]
    sentence = one(made, load, codes=part.codes[rows], y_pred=part.y_pred[rows])
    size = len(part.codes)
    assert f"2 architecture(s) stand more than once ({size + 3} rows, the part has {size})" in sentence
    assert f"the first again is row {size} (architecture {''.join(map(str, part.codes[7]))})" in sentence


@pytest.mark.parametrize("home", ["train", "valid"])
def test_architectures_of_another_part(made, load, home):
    part = made[1][EXAM]["test"]
    foreign = load(EXAM).key.part(home)[:2]
    codes = np.concatenate([part.codes[:5], foreign, part.codes[5:]])
    values = np.concatenate([part.y_pred[:5], part.y_pred[:2], part.y_pred[5:]])
    sentence = one(made, load, codes=codes, y_pred=values)
    assert "2 architecture(s) do not belong to it" in sentence
    assert f"the first is row 5 (architecture {''.join(map(str, foreign[0]))}; it belongs to {home})" in sentence


def test_architectures_of_no_part(made, load):
    part, key = made[1][EXAM]["test"], load(EXAM).key
    every = key.space.sample(2000, np.random.default_rng(0))
    other = every[~np.isin(*numbers(every, key.codes))][:1]
    sentence = one(
        made, load, codes=np.concatenate([part.codes, other]), y_pred=np.concatenate([part.y_pred, part.y_pred[:1]])
    )
    assert "it is in no part of the split" in sentence


def test_one_in_the_place_of_another_is_two_faults(made, load):
    part = made[1][EXAM]["test"]
    codes = part.codes.copy()
    codes[4] = codes[9]
    sentences = found(made[0], changed(made[1], EXAM, "test", codes=codes), load)
    assert [re.search("more than once|are missing", sentence)[0] for sentence in sentences] == [
        "more than once",
        "are missing",
    ]


def test_what_is_no_architecture(made, load):
    codes = made[1][EXAM]["valid"].codes.copy()
    codes[3, 2] = 9
    assert "row 3, column 2 of the codes of nasbench201 holds 9; allowed are 0 to 4" in one(
        made, load, "valid", codes=codes
    )
    sentence = one(made, load, codes=np.zeros((len(codes), 32), dtype=np.uint8), y_pred=made[1][EXAM]["valid"].y_pred)
    assert "codes of 32 integers, those of nasbench201 have 6" in sentence


def test_no_rows(made, load):
    size = len(made[1][EXAM]["test"].codes)
    empty = {"codes": np.zeros((0, 6), dtype=np.uint8), "y_pred": np.zeros((0, 3), dtype=np.float32)}
    assert f"{size} of {size} architectures are missing" in one(made, load, **empty)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(made, load, value):
    values = made[1][EXAM]["test"].y_pred.copy()
    values[4, 2] = values[6, 1] = value
    sentence = one(made, load, y_pred=values)
    assert f"2 of {values.size} predictions are NaN or infinite, the first is row 4 (architecture " in sentence
    assert sentence.endswith("seed 2.")


def test_values_beyond_all_bounds(made, load):
    values = made[1][EXAM]["test"].y_pred.copy()
    values[1, 1] = -3e38
    assert "1 of" in (sentence := one(made, load, y_pred=values))
    assert "beyond 1,000,000" in sentence


def test_standard_deviations(load):
    head, predictions = make([EXAM], load, seeds=2, std=True)
    assert found(head, predictions, load) == []
    for value, fault in ((0.0, "not above 0"), (-1.0, "not above 0"), (np.nan, "NaN or infinite")):
        wrong = predictions[EXAM]["test"].y_std.copy()
        wrong[2, 1] = value
        (sentence,) = found(head, changed(predictions, EXAM, "test", y_std=wrong), load)
        assert f"1 of {wrong.size} standard deviations are {fault}, the first is row 2" in sentence


def with_exam(made, load, **fields):
    """The faults of a submission with one exam, which claims to be another."""
    head, predictions = made
    claimed = msgspec.structs.replace(head.exams[0], **fields)
    exam = Exam(claimed.dataset, claimed.split)
    return found(msgspec.structs.replace(head, exams=(claimed,)), {exam: predictions[EXAM]}, load)


def test_another_version_of_the_dataset(made, load):
    (sentence,) = with_exam(made, load, content_hash="0" * 64)
    assert "content hash 000000000000, the dataset here has " in sentence


@pytest.mark.parametrize("name", ["ogbg-nb999", "x"])
def test_datasets_that_do_not_exist(made, load, name):
    (sentence,) = with_exam(made, load, dataset=name)
    assert f"there is no dataset '{name}': there are ogbg-nb201-cifar10" in sentence


@pytest.mark.parametrize("name", ["nb201-cifar10", "ogbg_nb201_cifar10", "OGBG-NB201-CIFAR10"])
def test_names_that_are_not_written_out(made, load, name):
    (sentence,) = with_exam(made, load, dataset=name)
    assert sentence == f"'{name}' is not the full name of a dataset: write ogbg-nb201-cifar10."


def test_splits_that_do_not_exist(made, load):
    (sentence,) = with_exam(made, load, split="holdout")
    assert "ogbg-nb201-cifar10 has no split 'holdout': it has equivalence" in sentence


def test_predictions_for_another_split(made, load):
    sentences = with_exam(made, load, split="random")
    assert any("do not belong to it" in sentence for sentence in sentences)
    assert any("are missing" in sentence for sentence in sentences)


def test_predictions_for_another_dataset():
    """The image datasets have the same architectures, but not the same content."""
    other = Exam("ogbg-nb201-cifar100", "equivalence")
    from tests.submissions import open_exam

    head, predictions = make([EXAM], seeds=1)
    claimed = (msgspec.structs.replace(head.exams[0], dataset=other.dataset),)
    head = msgspec.structs.replace(head, exams=claimed)
    (sentence,) = found(head, {other: predictions[EXAM]}, open_exam)
    assert "made on content hash" in sentence


def test_heads(made, load):
    head, predictions = made
    cases = {
        "1 seed(s) stand several times, the first is 1": {"seeds": (0, 1, 1)},
        "paper is 'javascript:alert(1)': give a link": {"paper": "javascript:alert(1)"},
        "code is 'https://': give a link": {"code": "https://"},
        "code is 'https://[x': give a link": {"code": "https://[x"},
        "model is 'a\\nb': give one line": {"model": "a\nb"},
        "model is ' a': give one line": {"model": " a"},
        "model is 'a\\u202eb': give one line": {"model": "a\u202eb"},
        "author 2 is": {"authors": ("a", "\x1b[31m")},
        "note holds characters that cannot be printed": {"note": "a\x07"},
        "command 1 holds characters": {"commands": ("a\x00",)},
    }
    for fault, fields in cases.items():
        (sentence,) = found(msgspec.structs.replace(head, **fields), predictions, load)
        assert sentence.startswith(fault)
    assert (
        found(msgspec.structs.replace(head, note="two\nlines", paper="http://example.org/x"), predictions, load) == []
    )


def test_an_exam_twice(made, load):
    head, predictions = made
    twice = msgspec.structs.replace(head, exams=head.exams * 2)
    sentences = faults(Submission(twice, predictions), lambda exam: load(exam).key)
    assert sentences == ["ogbg-nb201-cifar10, split equivalence stands 2 times: give each dataset and split once."]


def test_every_fault_is_named(made, load):
    head, predictions = made
    values = predictions[EXAM]["valid"].y_pred.copy()
    values[0, 0] = np.nan
    part = predictions[EXAM]["test"]
    wrong = changed(predictions, EXAM, "valid", y_pred=values)
    wrong = changed(wrong, EXAM, "test", codes=part.codes[1:], y_pred=part.y_pred[1:])
    assert len(found(msgspec.structs.replace(head, seeds=(4, 4, 4)), wrong, load)) == 3


def test_what_an_official_board_asks_for(made):
    head = made[0]
    assert shortfalls(head) == [
        "3 of at least 10 seeds",
        "no authors",
        "no contact",
        "no hardware",
        "no command that made the predictions",
        "external data not declared",
        "no link to code or a paper",
    ]
    assert shortfalls(msgspec.structs.replace(head, seeds=tuple(range(10)), **OFFICIAL)) == []


@given(st.data())
def test_whatever_is_changed_is_found(made, load, data):
    """No submission is accepted that lacks an architecture, has one twice, or holds what is no number."""
    head, predictions = made
    part = predictions[EXAM]["test"]
    rows = data.draw(st.lists(st.integers(0, len(part.codes) - 1), max_size=len(part.codes) + 3))
    if data.draw(st.booleans()):
        rows = list(dict.fromkeys([*rows, *range(len(part.codes))]))
    values = part.y_pred[rows].copy()
    if rows and data.draw(st.booleans()):
        values[data.draw(st.integers(0, len(rows) - 1)), 0] = data.draw(st.floats(width=32))
    codes = part.codes[rows].copy()
    if rows and data.draw(st.booleans()):
        codes[data.draw(st.integers(0, len(rows) - 1)), data.draw(st.integers(0, 5))] = data.draw(st.integers(0, 255))
    right = (
        sorted(map(bytes, codes)) == sorted(map(bytes, part.codes))
        and np.isfinite(values).all()
        and np.abs(values).max() <= 1e6
    )
    assert (found(head, changed(predictions, EXAM, "test", codes=codes, y_pred=values), load) == []) == right


@pytest.mark.slow
def test_a_million_rows(made, load):
    """Far more than the dataset has is three sentences, not a wait."""
    codes = load(EXAM).key.space.sample(1_000_000, np.random.default_rng(0))
    values = np.zeros((len(codes), 3), dtype=np.float32)
    values[999_999, 2] = np.nan
    twice, foreign, unknown = found(made[0], changed(made[1], EXAM, "test", codes=codes, y_pred=values), load)
    assert "15,625 architecture(s) stand more than once (1,000,000 rows, the part has" in twice
    assert "architecture(s) do not belong to it" in foreign
    assert "1 of 3,000,000 predictions are NaN or infinite, the first is row 999999 " in unknown
