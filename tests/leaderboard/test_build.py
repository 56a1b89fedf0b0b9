"""From files to boards: scores, places, order, groups and figures."""

import json
import shutil

import numpy as np
import pytest

from nb301_ogb.errors import SubmissionError
from nb301_ogb.evaluators.evaluator import Evaluator
from nb301_ogb.evaluators.submission import file
from nb301_ogb.evaluators.submission.form import Exam
from nb301_ogb.leaderboard.build import build, find_submissions, judge_all
from nb301_ogb.leaderboard.exam_data import opener
from nb301_ogb.leaderboard.leaks import leaks, pairs
from nb301_ogb.leaderboard.markdown import escape, markdown
from nb301_ogb.leaderboard.record import record, rounded
from nb301_ogb.leaderboard.site.board_page import board_page
from nb301_ogb.leaderboard.site.index_page import index_page
from nb301_ogb.leaderboard.wording import METHOD, number, p_text, seed_list
from tests.small_files import darts_file
from tests.submissions import EQUIVALENCE, OFFICIAL, RANDOM, open_exam, save


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("submissions")
    save(found / "good.submission", EQUIVALENCE + RANDOM, sigma=1.0, model="good", **OFFICIAL)
    save(found / "twin.submission", EQUIVALENCE, sigma=1.0, seed=1, model="twin", num_params=600_000, **OFFICIAL)
    save(found / "poor.submission", EQUIVALENCE, sigma=2.0, seed=2, model="poor", std=True)
    save(found / "early.submission", EQUIVALENCE[:1], sigma=0.5, seed=3, seeds=3, model="early")
    (found / "README.md").write_text("no submission")
    (found / ".hidden.submission").write_text("no submission")
    return found


@pytest.fixture(scope="module")
def judged(folder):
    return judge_all(find_submissions(folder), open_exam)


@pytest.fixture(scope="module")
def results(judged):
    return {result.board.name: result for result in build(judged, open_exam)}


def test_scores_are_recomputed(folder, results):
    """By hand, from the file's arrays, for one entry."""
    submission = file.read(folder / "poor.submission")
    entry = next(one for one in results["nb201"].entries if one.judged.head.model == "poor")
    by_seed = np.zeros((10, 3))
    for at, exam in enumerate(EQUIVALENCE):
        part, data = submission.predictions[exam]["test"], open_exam(exam)
        known = {bytes(code): row for row, code in enumerate(part.codes)}
        rows = [known[bytes(code)] for code in data.key.part("test")]
        for seed in range(10):
            given = {"y_true": data.parts["test"].labels[:, None], "y_pred": part.y_pred[rows, seed, None]}
            by_seed[seed, at] = Evaluator(exam.dataset).eval(given)["rmse"]
    macro = by_seed.mean(axis=1)
    assert entry.scores["test"]["rmse"].values == pytest.approx(macro, rel=1e-12)
    assert entry.scores["test"]["rmse"].mean == pytest.approx(macro.mean())
    assert entry.scores["test"]["rmse"].std == pytest.approx(macro.std(ddof=1))
    assert entry.exams[EQUIVALENCE[1]]["test"]["rmse"].values == pytest.approx(by_seed[:, 1])


def test_boards_and_places(results):
    assert list(results) == [
        "nb301",
        "nb301-leave-one-optimizer-out",
        "nb201",
        "nb201-random",
        "nb201-cifar10-equivalence",
    ]
    assert results["nb301"].entries == ()
    assert results["nb301"].data == {}
    first, second, third = results["nb201"].entries
    assert {first.judged.head.model, second.judged.head.model} == {"good", "twin"}
    assert first.place.rank == second.place.rank == 1
    assert first.place.tied
    assert second.place.tied
    assert first.place.above is None
    assert second.place.above.tied
    assert third.place.rank == 3
    assert third.place.above.welch_p < 0.001
    assert third.place.above.low > 0


def test_entries_with_few_seeds_have_no_rank(results):
    *ranked, early = results["nb201-cifar10-equivalence"].entries
    assert early.judged.head.model == "early"
    assert early.scores["test"]["rmse"].mean < ranked[0].scores["test"]["rmse"].mean
    assert early.place is None
    assert early.place_small is None
    assert {one.place.rank for one in ranked} == {1, 3}


def test_small_models_are_ranked_among_themselves(results):
    places = {one.judged.head.model: one.place_small for one in results["nb201"].entries}
    assert places["twin"] is None
    assert places["good"].rank == 1
    assert not places["good"].tied
    assert places["poor"].rank == 2


def test_the_ceiling_of_a_board_is_the_mean_over_its_exams(results):
    board = results["nb201"]
    each = [board.ceilings[exam].rmse for exam in EQUIVALENCE]
    assert board.ceiling("rmse") == pytest.approx(np.mean(each))
    assert results["nb301"].ceiling("rmse") is None


def test_the_order_of_paths_does_not_matter(folder, judged):
    paths = find_submissions(folder)
    digests = [one.digest for one in judge_all([paths[at] for at in (2, 0, 3, 1)], open_exam)]
    assert digests == [one.digest for one in judged]


def test_nothing_depends_on_the_order_and_the_names_of_files(folder, results, tmp_path):
    for at, path in enumerate(find_submissions(folder)):
        shutil.copy(path, tmp_path / f"{9 - at}.submission")
    renamed = build(judge_all(find_submissions(tmp_path), open_exam)[::-1], open_exam)

    def without_names(found):
        text = json.dumps(record(found))
        for path in [*find_submissions(folder), *find_submissions(tmp_path)]:
            text = text.replace(f'"{path.name}"', '"x"')
        return text

    assert without_names(renamed) == without_names(results.values())


def test_the_error_by_group_adds_up(results):
    entry = results["nb201"].entries[0]
    for exam in EQUIVALENCE:
        found = {one.name: one for one in entry.subsets[exam]}
        low, high = found["the lower half of the labels"], found["the upper half"]
        assert low.rows + high.rows == 1562
        assert found["the best tenth"].rows == 156
        total = (np.square(low.rmse.values) * low.rows + np.square(high.rmse.values) * high.rows) / 1562
        assert np.sqrt(total) == pytest.approx(entry.exams[exam]["test"]["rmse"].values)
        assert {one.kind for one in entry.subsets[exam]} == {"label"}
    seen = {one.name: one.rows for one in results["nb201-random"].entries[0].subsets[RANDOM[0]] if one.kind == "seen"}
    assert seen["an equivalent architecture is in training"] == 1098
    assert seen["a run of theirs is in training"] == 585


def test_figures(results):
    poor = results["nb201"].entries[-1]
    found = {one.name: one.value for one in poor.diagnostics[EQUIVALENCE[0]]}
    assert found["coverage"].mean == pytest.approx(0.95, abs=0.05)
    assert found["slope"].mean == pytest.approx(1, abs=0.1)
    assert found["bias"].mean == pytest.approx(0, abs=0.1)
    assert found["spread of equivalents"].mean > 1
    assert {"NLL", "KL"} <= set(found)
    good = {one.name for one in results["nb201"].entries[0].diagnostics[EQUIVALENCE[0]]}
    assert not {"NLL", "KL", "coverage"} & good


def test_what_the_leaks_are_worth(results):
    (pair,) = pairs(list(results.values()))
    assert pair.clean.judged.head.model == pair.leaky.judged.head.model == "good"
    first = leaks(results["nb201-random"])[0]
    assert (first.rows, first.equivalent, first.run) == (1563, 1098, 585)
    assert first.equivalent < first.either < first.equivalent + first.run
    assert [one.either for one in leaks(results["nb201"])] == [0, 0, 0]
    assert pairs([results["nb201"]]) == []


def test_groups_of_the_source(tmp_path):
    (tmp_path / "ogbg_nb301").mkdir()
    darts_file(tmp_path / "ogbg_nb301" / "ogbg-nb301-v1.h5", rows=300)
    load, exam = opener(tmp_path), Exam("ogbg-nb301", "default")
    save(tmp_path / "x.submission", [exam], load, seeds=2)
    board = build(judge_all(find_submissions(tmp_path), load), load)[0]
    (entry,) = board.entries
    groups = [one for one in entry.subsets[exam] if one.kind == "group"]
    assert [one.name for one in groups] == ["rs", "de", "tpe"]
    assert sum(one.rows for one in groups) == len(load(exam).parts["test"].labels)
    assert board.ceiling("rmse") is None


def test_a_dataset_given_by_hand_is_told_wherever_a_figure_stands(tmp_path, results):
    (tmp_path / "ogbg_nb301").mkdir()
    file = darts_file(tmp_path / "ogbg_nb301" / "ogbg-nb301-v1.h5", rows=300)
    load, exam = opener(tmp_path), Exam("ogbg-nb301", "default")
    save(tmp_path / "x.submission", [exam], load, seeds=2)
    found = build(judge_all(find_submissions(tmp_path), load), load)
    said = (
        "This ogbg-nb301 was built from made up, given by hand and not known to be the public archive: figures on it "
        f"hold for content hash {file.content_hash[:12]} alone."
    )
    assert found[0].caveats == (said,)
    assert f'<p class="warning" role="note">{said}</p>' in board_page(found[0])
    assert index_page(found).count("dataset given by hand") == 1
    assert markdown(found).count(said) == 1
    assert record(found)["boards"][0]["exams"][0]["caveat"] == said
    assert all(result.caveats == () for result in results.values())


# What stops a board


def test_every_fault_of_every_file(folder, tmp_path):
    data = (folder / "early.submission").read_bytes()
    (tmp_path / "a.submission").write_bytes(data[:-1])
    (tmp_path / "b.submission").write_bytes(data)
    (tmp_path / "c.submission").write_bytes(data)
    with pytest.raises(SubmissionError) as found:
        judge_all(find_submissions(tmp_path), open_exam, official=True)
    faults = "\n".join(found.value.faults)
    assert "a.submission is no whole submission" in faults
    assert "c.submission and b.submission are the same submission: remove one." in faults
    assert "b.submission is not official: 3 of at least 10 seeds." in faults
    (tmp_path / "c.submission").unlink()
    (tmp_path / "a.submission").unlink()
    assert len(judge_all(find_submissions(tmp_path), open_exam)) == 1


def test_official_submissions_pass(folder):
    assert len(judge_all([folder / "good.submission"], open_exam, official=True)) == 1


def test_folders_that_hold_no_board(tmp_path):
    assert find_submissions(tmp_path) == []
    with pytest.raises(SubmissionError, match="is no folder"):
        find_submissions(tmp_path / "nowhere")
    (tmp_path / 'a"><script>.submission').write_text("")
    with pytest.raises(SubmissionError, match="use letters, digits"):
        find_submissions(tmp_path)


# Words and figures


def test_markdown(results):
    text = markdown(list(results.values()))
    assert "| 1= | good |" in text
    assert "| *noise ceiling* | 0.4182 |" in text
    assert "No reference result yet" in text
    assert "* poor: unofficial: no authors" in text
    assert all(sentence in text for sentence in METHOD)
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") - line.count("\\|") for line in table} == {10}


def test_hostile_names_in_markdown():
    assert escape("a|b*c\n# d [x](y) <b>") == r"a\|b\*c \# d \[x\]\(y\) &lt;b&gt;"


def test_records_are_json(results):
    text = json.dumps(record(list(results.values())), allow_nan=False)
    boards = {board["name"]: board for board in json.loads(text)["boards"]}
    entry = boards["nb201"]["entries"][2]
    assert entry["model"] == "poor"
    assert entry["rank"]["against_above"]["tied"] is False
    assert len(entry["test"]["rmse"]["values"]) == 10
    assert entry["submission"]["seeds"] == list(range(10))
    assert boards["nb201"]["exams"][0]["noise_ceiling"]["rows_used"] == 1509


def test_figures_as_people_write_them():
    assert [number(-0.00001), number(-1.5, 1), number(2)] == ["0.0000", "−1.5", "2.0000"]
    assert [p_text(None), p_text(0.0001), p_text(0.25)] == ["p unknown", "p < 0.001", "p = 0.250"]
    assert [seed_list([3]), seed_list(range(10)), seed_list([7, 0, 1, 3])] == ["3", "0-9", "0-1, 3, 7"]
    assert [rounded(float("nan")), rounded(None), rounded(1.23456789)] == [None, None, 1.23457]
