"""`leaderboard` as a table, as JSON and as a site, on small datasets."""

import json

import pytest
from typer.testing import CliRunner

from nb301_ogb.cli.app import app
from nb301_ogb.errors import SubmissionError
from nb301_ogb.evaluators.submission.form import Exam
from nb301_ogb.leaderboard.exam_data import opener
from tests.small_files import darts_file
from tests.submissions import OFFICIAL, save, small_root

SMALL, DARTS = Exam("ogbg-nb201-cifar10", "equivalence"), Exam("ogbg-nb301", "default")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    found = small_root(tmp_path_factory.mktemp("root"), rows=200)
    (found / "ogbg_nb301").mkdir()
    darts_file(found / "ogbg_nb301" / "ogbg-nb301-v1.h5", rows=300)
    return found


@pytest.fixture(scope="module")
def folder(root, tmp_path_factory):
    found, load = tmp_path_factory.mktemp("submissions"), opener(root)
    save(found / "a.submission", [SMALL, DARTS], load, sigma=0.5, model="[bold]alpha[/bold]", **OFFICIAL)
    save(found / "b.submission", [SMALL, DARTS], load, sigma=5.0, seed=1, model="beta", **OFFICIAL)
    save(found / "c.submission", [SMALL], load, sigma=1.0, seed=2, seeds=2, model="gamma")
    return found


def call(root, *arguments):
    result = CliRunner().invoke(app, ["leaderboard", *map(str, arguments), "--root", str(root)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_tables(root, folder):
    text = call(root, folder)
    assert "ogbg-nb301 (official)" in text
    assert "ogbg-nb201-cifar10, equivalence" in text
    assert "ogbg-nb201 (official)\nNo entry yet." in text
    lines = [line.split() for line in text.splitlines() if line.startswith(("1 ", "2 ", "–"))]
    assert [line[:2] for line in lines] == [
        ["1", "[bold]alpha[/bold]"],
        ["2", "beta"],
        ["1", "[bold]alpha[/bold]"],
        ["2", "beta"],
        ["–", "gamma"],
    ]
    assert "2 of 10" in text
    assert "behind, +" in text


def test_json_is_what_the_site_holds(root, folder, tmp_path):
    shown = json.loads(call(root, folder, "--json", "--output", tmp_path / "site"))
    assert shown == json.loads((tmp_path / "site" / "leaderboard.json").read_text())
    boards = {board["name"]: board for board in shown["boards"]}
    assert [one["model"] for one in boards["nb301"]["entries"]] == ["[bold]alpha[/bold]", "beta"]
    assert boards["nb301"]["noise_ceiling"] == {"rmse": None, "kendall_tau": None}
    for path in folder.iterdir():
        assert (tmp_path / "site" / "submissions" / path.name).read_bytes() == path.read_bytes()


def test_a_second_build_replaces_the_first_with_the_same(root, folder, tmp_path):
    builds = []
    for _ in range(2):
        assert "site: " in call(root, folder, "--output", tmp_path / "site")
        pages = sorted(path for path in (tmp_path / "site").rglob("*") if path.is_file())
        builds.append([(path, path.read_bytes()) for path in pages])
    assert builds[0] == builds[1]
    assert len(builds[0]) > 8


def test_a_board_whose_noise_is_not_known(root, folder, tmp_path):
    call(root, folder, "--output", tmp_path / "site")
    page = (tmp_path / "site" / "nb301.html").read_text()
    assert "The noise ceiling is not known, since no architecture was trained several times" in page
    assert "noise ceiling (dashed line)" not in page
    assert "group of the source" in page


def test_official_ones_alone(root, folder):
    arguments = ["leaderboard", str(folder), "--official", "--root", str(root)]
    with pytest.raises(SubmissionError, match=r"c\.submission is not official: 2 of at least 10 seeds"):
        CliRunner().invoke(app, arguments, catch_exceptions=False)
