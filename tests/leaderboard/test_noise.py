"""The noise ceiling, and the signs that predictions know what they cannot know, on data whose noise is known."""

import re
from dataclasses import replace

import numpy as np
import pytest

from nb301_ogb.evaluators.metrics import kendall_tau, rmse
from nb301_ogb.leaderboard.exam_data import PartData
from nb301_ogb.leaderboard.noise import ceiling, moments
from nb301_ogb.leaderboard.suspicion import suspicions, tracked_noise
from tests.submissions import EQUIVALENCE, RANDOM, open_exam

ROWS, SIGMA = 4000, 0.7


def made_up(runs=3, offset=(0.0, 0.0, 0.0), seed=0):
    """Rows with a known expected accuracy and known noise."""
    rng = np.random.default_rng(seed)
    expected = rng.normal(70, 5, ROWS)
    values = expected[:, None] + SIGMA * rng.normal(size=(ROWS, runs)) + np.array(offset[:runs])
    number = np.arange(ROWS)
    part = PartData(
        labels=values.mean(axis=1),
        runs=values,
        usable=np.ones_like(values, dtype=bool),
        weights=np.full(ROWS, 1 / runs),
        component=number,
        equivalent=number,
        group=np.empty(0, dtype=np.int64),
        seen={},
        joined=np.ones(ROWS, dtype=bool),
        related=np.zeros(ROWS, dtype=bool),
    )
    return part, expected


def of(part):
    """An exam with this test part."""
    data = open_exam(EQUIVALENCE[0])
    return replace(data, parts=data.parts | {"test": part})


@pytest.mark.parametrize("runs", [2, 3])
def test_the_ceiling_is_what_a_perfect_model_reaches(runs):
    part, expected = made_up(runs)
    found = ceiling(of(part))
    assert found.rows == found.rows_used == ROWS
    assert found.rmse == pytest.approx(SIGMA / np.sqrt(runs), rel=0.03)
    assert found.rmse == pytest.approx(rmse(part.labels, expected), rel=0.03)
    assert found.kendall_tau == pytest.approx(kendall_tau(part.labels, expected), abs=0.005)
    assert found.run_rmse == pytest.approx(SIGMA * np.sqrt(1 + 1 / (runs - 1)), rel=0.03)
    assert found.run_kendall_tau < found.kendall_tau


def test_copies_do_not_count():
    part, _ = made_up()
    usable = part.usable.copy()
    usable[: ROWS // 2, 1:] = False
    runs = part.runs.copy()
    runs[: ROWS // 2, 1:] = runs[: ROWS // 2, :1]
    found = ceiling(of(replace(part, runs=runs, usable=usable)))
    assert found.rows_used == ROWS // 2
    assert found.rmse == pytest.approx(SIGMA / np.sqrt(3), rel=0.05)


def test_rows_without_a_run():
    part, _ = made_up()
    runs = part.runs.copy()
    runs[::2, 2] = np.nan
    part = replace(part, runs=runs, usable=~np.isnan(runs))
    count, mean, variance = moments(runs)
    assert set(count) == {2, 3}
    assert mean == pytest.approx(np.nanmean(runs, axis=1))
    assert variance == pytest.approx(np.nanvar(runs, axis=1, ddof=1))
    assert ceiling(of(part)).rows_used == ROWS


def test_no_repeats_no_ceiling():
    part, _ = made_up()
    single = replace(part, runs=part.runs[:, :1], usable=part.usable[:, :1])
    assert ceiling(of(single)) is None
    assert list(tracked_noise(single, part.runs[:, 0], "test")) == []


def test_the_real_ceiling_leaves_copies_out():
    found = ceiling(open_exam(EQUIVALENCE[0]))
    file_runs = open_exam(EQUIVALENCE[0]).parts["test"]
    assert found.rows_used == np.count_nonzero(file_runs.usable.sum(axis=1) > 1)
    assert found.rows_used < found.rows == 1562
    assert 0.3 < found.rmse < 0.4
    assert 0.9 < found.run_kendall_tau < found.kendall_tau < 0.96
    # A random split shares runs across its parts, so it has more copies.
    assert ceiling(open_exam(RANDOM[0])).rows_used < found.rows_used


# Signs of what nobody can know


def signs(part, predicted):
    return list(tracked_noise(part, predicted, "test"))


def test_the_expected_accuracy_is_not_suspicious():
    for seed in range(5):
        part, expected = made_up(seed=seed)
        assert signs(part, expected) == []


@pytest.mark.parametrize("bias", [-20.0, -0.5, 0.0, 0.5])
@pytest.mark.parametrize("error", [0.0, 1.0, 20.0])
def test_honest_models_are_not_suspicious(bias, error):
    """Neither biased ones, nor where one run's position is usually better than another's."""
    part, expected = made_up(offset=(0.2, -0.1, 0.0))
    predicted = expected + bias + np.random.default_rng(1).normal(0, error, ROWS)
    assert signs(part, predicted) == []


def test_constants_are_not_suspicious():
    for exam in EQUIVALENCE + RANDOM:
        for name, part in open_exam(exam).parts.items():
            for quantile in (0, 0.3, 0.5, 1):
                constant = np.full(len(part.labels), np.quantile(part.labels, quantile))
                assert list(tracked_noise(part, constant, name)) == []


def test_whoever_knows_a_run_is_found():
    part, _ = made_up()
    close = part.runs[:, 1] + np.random.default_rng(0).normal(0, 0.1, ROWS)
    floor, side = signs(part, close)
    assert "closer to run 1 than its noise allows: RMSE 0.09978 on 3,800 rows" in floor
    assert "follow the noise of run 1" in side
    # Far from every run, and still on the side of one.
    (side,) = signs(part, part.runs[:, 2] + np.random.default_rng(0).normal(0, 1.0, ROWS))
    assert re.search(r"noise of run 2: .* in 6\d% of", side)


def test_whoever_knows_the_labels_is_found():
    part, _ = made_up()
    found = signs(part, part.labels)
    assert "closer to the label than its noise allows: RMSE 0 on" in found[0]
    for exam in EQUIVALENCE + RANDOM:
        part = open_exam(exam).parts["test"]
        assert any("the label" in sign for sign in signs(part, part.labels))


# Signs that a whole submission gives


def judged(exams=EQUIVALENCE[:1], change=None, where="x.submission", **options):
    from nb301_ogb.evaluators.submission import file
    from nb301_ogb.leaderboard.scores import judge
    from tests.submissions import make

    head, predictions = make(exams, **options)
    if change is not None:
        predictions = change(predictions)
    return judge(file.from_bytes(file.to_bytes(head, predictions), where), open_exam, where)


def with_part(predictions, part, change):
    from tests.submissions import changed

    exam = EQUIVALENCE[0]
    return changed(predictions, exam, part, y_pred=change(predictions[exam][part].y_pred).astype(np.float32))


def test_an_ordinary_submission():
    assert suspicions(judged(), [judged(seed=1)]) == ()
    assert suspicions(judged(seeds=1), []) == ()


def test_equal_seeds():
    def repeat(predictions):
        for part in ("valid", "test"):
            predictions = with_part(predictions, part, lambda values: values[:, [0, 1, 2, 1, 4]])
        return predictions

    (sign,) = suspicions(judged(change=repeat, seeds=5), [])
    assert "the predictions of 2 of 5 seeds equal those of another, such as 1 and 3" in sign


def test_validation_far_worse_than_test():
    worse = judged(change=lambda p: with_part(p, "valid", lambda v: v + 5 * np.sin(np.arange(len(v)))[:, None]))
    (sign,) = suspicions(worse, [])
    assert "validation is far worse than test: MAE " in sign
    other = judged(change=lambda p: with_part(p, "test", lambda v: v + 5 * np.sin(np.arange(len(v)))[:, None]))
    assert suspicions(other, []) == ()


def test_a_copied_entry():
    first = judged(where="a.submission")
    copy = judged(where="b.submission", model="other")
    (sign,) = suspicions(copy, [first, copy])
    assert sign.endswith("the predictions equal those of model (a.submission).")


def test_a_copied_entry_with_its_seeds_in_another_order():
    def roll(predictions):
        for part in ("valid", "test"):
            predictions = with_part(predictions, part, lambda values: np.roll(values, 1, axis=1))
        return predictions

    first = judged(where="a.submission")
    (sign,) = suspicions(judged(where="b.submission", model="other", change=roll), [first])
    assert sign.endswith("the predictions equal those of model (a.submission).")
