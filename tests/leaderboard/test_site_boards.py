"""The first page and the page of leaks, for models on both kinds of split and on secondary boards."""

import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import ttest_ind

from nb301_ogb.evaluators.submission import file
from nb301_ogb.evaluators.submission.form import Environment
from nb301_ogb.leaderboard.build import build, find_submissions, judge_all
from nb301_ogb.leaderboard.leaks import Pair, gap, leaks, pairs, verdict, within
from nb301_ogb.leaderboard.markdown import escape as markdown_escape
from nb301_ogb.leaderboard.markdown import markdown
from nb301_ogb.leaderboard.record import record, rounded
from nb301_ogb.leaderboard.scores import spread
from nb301_ogb.leaderboard.site.board_page import board_page
from nb301_ogb.leaderboard.site.figures import _ticks
from nb301_ogb.leaderboard.site.index_page import index_page
from nb301_ogb.leaderboard.site.leaks_page import leaks_page
from nb301_ogb.leaderboard.site.page import escape
from nb301_ogb.leaderboard.wording import number, p_text, spread_text
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
    for caption, body in re.findall(r"<caption[^>]*><div>(.*?)</div></caption>.*?<tbody>(.*?)</tbody>", page):
        rows = re.findall(r"<tr[^>]*>(.*?)</tr>", body)
        found[caption] = [[re.sub("<[^>]*>", "", one) for one in re.findall("<t[hd].*?</t[hd]>", row)] for row in rows]
    return found


def test_what_training_has_seen(results):
    board = next(one for one in results if one.board.name == "nb201-random")
    rows = cells(leaks_page(results))["Test architectures of the random splits"]
    assert rows[0] == [
        "ogbg-nb201-cifar10, split random",
        "1,563",
        "1,098 (70%)",
        "585 (37%)",
        "1,105 (71%)",
        "33 (2%)",
    ]
    assert [int(row[4].split()[0].replace(",", "")) for row in rows] == [one.either for one in leaks(board)]


def test_the_same_models_on_both_splits(results):
    page = cells(leaks_page(results))
    (rows,) = [rows for caption, rows in page.items() if "the random split adds" in caption]
    found = pairs(results)
    assert {row[0] for row in rows} == {"alpha10 seeds", "beta10 seeds"}
    for row, pair in zip(rows, found, strict=True):
        clean, leaky = (spread(np.mean(joined_rmse(one), axis=0)) for one in (pair.clean, pair.leaky))
        gain = pair.gaps["rmse"]
        assert row[1:3] == [spread_text(clean), spread_text(leaky)]
        said = f"{number(clean.mean - leaky.mean)} ± {number(np.hypot(clean.std, leaky.std))}"
        assert row[3] == f"{said}{number(100 * gain.share, 1)}%, {escape(p_text(gain.welch_p))}"
        assert row[6].startswith(f"{number(pair.gaps['kendall_tau'].gain)} ± ")
    (each,) = [rows for caption, rows in page.items() if "on each dataset" in caption]
    assert len(each) == 2 * 3


def joined_rmse(entry):
    """For each exam the test RMSE over the architectures with a path, [S]."""
    found = []
    for exam in entry.exams:
        scores = entry.judged.exams[exam]
        joined = scores.data.key.space.depth(scores.data.key.part("test")).min(axis=1) > 0
        found.append(np.sqrt(np.mean(np.square(scores.error("test")[joined]), axis=0)))
    return found


def test_networks_without_a_path_decide_nothing(tmp_path):
    """They are in the random test part alone; a model that misses them there loses nothing by it."""
    head, predictions = make(EQUIVALENCE + RANDOM, sigma=1.0, seeds=3)
    for exam in RANDOM:
        data, part = open_exam(exam), predictions[exam]["test"]
        joined = data.key.space.depth(part.codes).min(axis=1) > 0
        assert not joined.all()
        predictions = changed(predictions, exam, "test", y_pred=np.where(joined[:, None], part.y_pred, 70))
    (tmp_path / "x.submission").write_bytes(file.to_bytes(head, predictions))
    results = build_from(tmp_path)
    (pair,) = pairs(results)
    assert pair.leaky.scores["test"]["rmse"].mean > 5
    assert pair.gaps["rmse"].leaky.mean == pytest.approx(1, abs=0.1)
    (board,) = [one for one in results if one.board.name == "nb201-random"]
    (found,) = within(board, [pair])
    for one in (found.seen, found.unseen, found.related, found.alone):
        assert one.mean == pytest.approx(1, abs=0.1)


def test_the_leaks_as_json_are_those_of_the_page(results):
    leaks_told = json.loads(json.dumps(record(results)["leaks"], allow_nan=False))
    told = leaks_told["pairs"]
    assert next(one["either"] for one in leaks_told["seen"]) == 1105
    assert [one["model"] for one in leaks_told["within"]] == ["alpha", "beta", "gamma"]
    assert [one["related"] is None for one in leaks_told["within"]] == [False, False, True]
    assert [one["model"] for one in told] == [pair.model for pair in pairs(results)]
    for one, pair in zip(told, pairs(results), strict=True):
        assert one["mean"]["rmse"]["gain"] == rounded(pair.gaps["rmse"].gain)
        mean = np.mean([each["rmse"]["gain"] for each in one["datasets"].values()])
        assert mean == pytest.approx(one["mean"]["rmse"]["gain"], abs=1e-5)


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
    (tmp_path / "x.submission").write_bytes(file.to_bytes(head, predictions))
    rows = cells(leaks_page(build_from(tmp_path)))[str(RANDOM[0])]
    assert [float(row[3].split()[0]) for row in rows[:2]] == [0, 0]
    assert float(rows[2][3].split()[0]) > 2
    (board,) = [one for one in build_from(tmp_path) if one.board.name == "nb201-random"]
    (found,) = within(board)
    assert (found.seen.mean, found.unseen.mean) == (0, pytest.approx(3, abs=0.5))
    (said,) = [rows for caption, rows in cells(leaks_page([board])).items() if "seen: in either form" in caption]
    assert said == [["model", spread_text(found.seen), spread_text(found.unseen), "–", "–", "–", "–"]]


def test_what_a_gap_is():
    """Positive where the random split makes a model look better, whatever the metric."""
    clean, leaky = spread([3.0, 5.0]), spread([1.0, 1.5])
    found = gap("rmse", clean, leaky)
    assert (found.gain, found.share) == (2.75, 2.75 / 4)
    assert found.std == pytest.approx(np.sqrt(np.var([3, 5], ddof=1) + np.var([1, 1.5], ddof=1)))
    assert found.welch_p == pytest.approx(ttest_ind([3, 5], [1, 1.5], equal_var=False).pvalue)
    assert gap("kendall_tau", clean, leaky).gain == -2.75
    alone = gap("rmse", spread([2.0]), leaky)
    assert (alone.gain, alone.std, alone.welch_p) == (0.75, None, None)


def test_the_verdict(results):
    found = pairs(results)
    said = verdict(found)
    for pair in found:
        assert f"({pair.model}, {number(100 * pair.gaps['rmse'].share, 1)}%)" in said
    assert said.startswith("Of 2 models ")
    assert "The order of the models" in said
    assert verdict(found[:1]).startswith(f"{found[0].model}, the one model on both,")
    assert verdict([]) == ""
    assert escape(said) in leaks_page(results)
    assert markdown_escape(said) in markdown(results)


def fixed(clean, leaky):
    """A pair with such RMSEs on both sides."""
    pair = Pair(SimpleNamespace(judged=SimpleNamespace(head=SimpleNamespace(model=clean[0]))), None)
    sides = {"rmse": gap("rmse", spread(clean[1]), spread(leaky))}
    pair.__dict__["gaps"] = sides | {"kendall_tau": gap("kendall_tau", spread([0.5, 0.6]), spread([0.6, 0.7]))}
    return pair


def test_only_what_seeds_tell_apart_is_called_better():
    near, far = [1.0, 1.1, 1.2], [0.1, 0.11, 0.12]
    a, b = fixed(("a", near), far), fixed(("b", [2.0, 2.1, 2.2]), [2.01, 2.11, 2.21])
    assert verdict([a, b]).startswith("Of 2 models 1 looks better and 1 cannot be told apart on the random splits.")
    assert "same on both" in verdict([a, b])
    assert verdict([b]).startswith("b, the one model on both, looks neither clearly better nor clearly worse")
    assert verdict([fixed(("c", far), near), b]).startswith("Of 2 models 1 looks worse and 1 cannot")
    overtaken = fixed(("d", [0.5, 0.51, 0.52]), [0.5, 0.51, 0.52])
    assert "a overtakes d at the top" in verdict([overtaken, a])
    assert "by no more than seeds differ" in verdict([overtaken, fixed(("e", [0.5, 0.52, 0.53]), [0.4, 0.5, 0.55])])


def test_a_model_that_gets_worse_improves_nothing(results):
    one = pairs(results)[0]
    other = Pair(one.leaky, one.clean)
    gains = [[pair.gaps[metric].gain for metric in ("rmse", "kendall_tau")] for pair in (one, other)]
    assert gains[0] == [-gain for gain in gains[1]]
    assert all(gains[0])
    for pair, gained in zip((one, other), gains, strict=True):
        said = verdict([pair])
        assert ("the random splits improve RMSE by" in said) == (min(gained) > 0)
        assert ("(negative: worse)" in said) == ("the random splits change RMSE by" in said) == (min(gained) < 0)


def test_other_authors_are_no_pair(tmp_path):
    (tmp_path / "a.submission").write_bytes(data_of(EQUIVALENCE, seeds=2, model="one", authors=("A",)))
    (tmp_path / "b.submission").write_bytes(data_of(RANDOM, seeds=2, model="one", authors=("B",)))
    assert pairs(build_from(tmp_path)) == []


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


def test_the_filter_hides_large_models_alone(tmp_path):
    (tmp_path / "a.submission").write_bytes(data_of(EQUIVALENCE, seeds=3, model="few", num_params=1000))
    (tmp_path / "b.submission").write_bytes(data_of(EQUIVALENCE, seeds=3, seed=1, model="large", num_params=500_001))
    (board,) = [one for one in build_from(tmp_path) if one.board.name == "nb201"]
    assert {entry.judged.head.model: entry.small for entry in board.entries} == {"few": True, "large": False}
    assert len(re.findall('<tr class="?large', board_page(board))) == 1
    assert board_page(board).count('class="entry large"') == 1


def test_an_unofficial_best_is_called_so_on_the_first_page(tmp_path):
    (tmp_path / "a.submission").write_bytes(data_of(EQUIVALENCE, model="undeclared"))
    assert re.search(r'undeclared: [^<]*<span class="tag">unofficial</span>', index_page(build_from(tmp_path)))


@pytest.mark.parametrize("high", [0.3, 0.0003, 3.0, 1.0, 7.3])
def test_an_axis_has_round_values(high):
    found = _ticks(0.0, high)
    assert 3 <= len(found) <= 9
    assert found[0] == 0
    assert found[-1] <= high
