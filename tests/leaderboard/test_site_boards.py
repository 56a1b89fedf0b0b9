"""The first page and the page of leaks, for models on both kinds of split and on secondary boards."""

import re

import numpy as np
import pytest

from nb301_ogb.evaluators.submission.form import Environment
from nb301_ogb.leaderboard.build import build, find_submissions, judge_all
from nb301_ogb.leaderboard.leaks import leaks, pairs
from nb301_ogb.leaderboard.site.board_page import board_page
from nb301_ogb.leaderboard.site.index_page import index_page
from nb301_ogb.leaderboard.site.leaks_page import leaks_page
from nb301_ogb.leaderboard.wording import number, spread_text
from tests.submissions import EQUIVALENCE, OFFICIAL, RANDOM, changed, data_of, make, open_exam

MACHINE = Environment(
    nb301_ogb="0.1.0", python="3.11.7", libraries={"torch": "2.9", "numpy": "2.0"}, processor="a CPU", cores=1024
)


def build_from(folder):
    return build(judge_all(find_submissions(folder), open_exam), open_exam)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("submissions")
    both = EQUIVALENCE + RANDOM
    facts = {"environments": (MACHINE,), **OFFICIAL}
    (folder / "a.submission").write_bytes(data_of(both, sigma=1.0, model="alpha", **facts))
    (folder / "b.submission").write_bytes(data_of(both, sigma=1.0, seed=1, model="beta", **OFFICIAL))
    (folder / "c.submission").write_bytes(data_of(RANDOM, sigma=2.0, seed=2, seeds=2, model="gamma"))
    return build_from(folder)


def cells(page):
    """The texts of the rows of every table of a page, by the table's caption."""
    found = {}
    for caption, body in re.findall(r"<caption[^>]*>(.*?)</caption>.*?<tbody>(.*?)</tbody>", page):
        rows = re.findall(r"<tr[^>]*>(.*?)</tr>", body)
        found[caption] = [[re.sub("<[^>]*>", "", one) for one in re.findall("<t[hd].*?</t[hd]>", row)] for row in rows]
    return found


def test_what_training_has_seen(results):
    board = next(one for one in results if one.board.name == "nb201-random")
    rows = cells(leaks_page(results))["Test architectures of the random splits"]
    assert rows[0] == ["ogbg-nb201-cifar10, split random", "1,563", "1,098 (70%)", "585 (37%)", "1,105 (71%)"]
    assert [int(row[4].split()[0].replace(",", "")) for row in rows] == [one.either for one in leaks(board)]


def test_the_same_models_on_both_splits(results):
    (rows,) = [rows for caption, rows in cells(leaks_page(results)).items() if "leak's gain" in caption]
    found = pairs(results)
    assert {row[0] for row in rows} == {"alpha", "beta"}
    for row, pair in zip(rows, found, strict=True):
        clean, leaky = (one.scores["test"]["rmse"] for one in (pair.clean, pair.leaky))
        assert row[1:4] == [spread_text(clean), spread_text(leaky), number(leaky.mean - clean.mean)]


def test_within_the_random_test_part(results):
    found = cells(leaks_page(results))
    for exam in RANDOM:
        rows = found[str(exam)]
        assert len(rows) == 3 * 3
        assert {row[0] for row in rows} == {"alpha", "beta", "gamma"}
        assert [row[2] for row in rows[:3]] == ["1,098", "585", "458"]


def test_a_model_that_knows_what_leaked(tmp_path):
    """What leaks are worth shows where predictions are right exactly on what training has seen."""
    head, predictions = make(RANDOM, sigma=3.0, seeds=2)
    for exam in RANDOM:
        data, part = open_exam(exam), predictions[exam]["test"]
        known = data.parts["test"].seen["equivalent"] | data.parts["test"].seen["run"]
        row = {bytes(code): at for at, code in enumerate(data.key.part("test"))}
        at = [row[bytes(code)] for code in part.codes]
        labels = data.parts["test"].labels[at, None].astype(np.float32)
        values = np.where(known[at, None], labels, part.y_pred)
        predictions = changed(predictions, exam, "test", y_pred=values)
    from nb301_ogb.evaluators.submission import file

    (tmp_path / "x.submission").write_bytes(file.to_bytes(head, predictions))
    rows = cells(leaks_page(build_from(tmp_path)))[str(RANDOM[0])]
    assert [float(row[3].split()[0]) for row in rows[:2]] == [0, 0]
    assert float(rows[2][3].split()[0]) > 2


def test_the_first_page(results):
    page = index_page(results)
    found = cells(page)
    official, secondary = found["Ranked by test RMSE, in percent"], found["Other splits and single datasets"]
    assert [row[0] for row in official] == ["ogbg-nb301", "ogbg-nb301, leave one optimizer out", "ogbg-nb201"]
    assert official[0][2:] == ["0", "No reference result yet: the reference models have not been run on this dataset "
                               "so far.", "–"]  # fmt: skip
    best = next(one for one in results if one.board.name == "nb201").entries[0]
    assert official[2][2] == "2"
    assert official[2][3].startswith(f"{best.judged.head.model}: {spread_text(best.scores['test']['rmse'])}")
    assert official[2][3].endswith("(tied with 1 other)")
    assert [row[0] for row in secondary] == ["ogbg-nb201, random"]
    assert secondary[0][2] == "3"


def test_a_board_without_a_ranked_entry(tmp_path):
    (tmp_path / "x.submission").write_bytes(data_of(EQUIVALENCE, seeds=2))
    found = build_from(tmp_path)
    assert cells(index_page(found))["Ranked by test RMSE, in percent"][2][3] == "No entry has a rank yet."


def test_what_an_entry_was_made_on(results):
    page = board_page(next(one for one in results if one.board.name == "nb201"))
    line = "nb301-ogb 0.1.0, Python 3.11.7, numpy 2.0, torch 2.9, a CPU, 1024 cores"
    assert page.count(f"<dt>made on</dt><dd>{line}</dd>") == 1
