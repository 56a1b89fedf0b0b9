"""The report on a dataset: complete, the same for the same data, with a note where one is given."""

import importlib.util
import json
import re

import numpy as np
import pytest
from typer.testing import CliRunner

from nb301_ogb.cli.app import app
from nb301_ogb.errors import OutputError
from nb301_ogb.experiments import plots
from nb301_ogb.experiments.dataset import write_report
from nb301_ogb.storage.read import DatasetFile
from nb301_ogb.storage.write import write
from tests.small_files import darts_file, part_of_nb201

FILES = {"nasbench201": part_of_nb201, "darts": darts_file}
runner = CliRunner()
NOTE = "Every number is <made up>."
TITLES = {
    "nasbench201": {"Noise between runs"},
    "darts": {"Validation against test accuracy"},
}
EVERYWHERE = {
    "Overview", "Label distribution", "Accuracy against size and time", "Accuracy against cell depth",
    "Ops among the best and the worst", "Twins, and leaks by split", "Architectures drawn",
}  # fmt: skip


@pytest.fixture(scope="module", params=list(FILES))
def written(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    file = FILES[request.param](folder / "small.h5", rows=200)
    numbers = write_report(file, folder / "out", NOTE)
    return request.param, file, numbers, folder / "out"


def test_every_section_is_there(written):
    space, _, _, folder = written
    html = (folder / "report.html").read_text()
    assert set(re.findall(r"<h2[^>]*>([^<]*)</h2>", html)) == EVERYWHERE | TITLES[space]
    text = (folder / "report.md").read_text()
    assert set(re.findall(r"^## (.*)$", text, re.MULTILINE)) == EVERYWHERE | TITLES[space]
    assert {path.name for path in folder.iterdir()} == {"report.html", "report.md", "report.json"}


def test_the_note_stands_first(written):
    _, _, _, folder = written
    html = (folder / "report.html").read_text()
    assert html.index("Every number is &lt;made up&gt;.") < html.index("<h2")
    assert (folder / "report.md").read_text().splitlines()[2] == f"> **{NOTE}**"
    assert json.loads((folder / "report.json").read_text())["note"] == NOTE


def test_figures_are_told_and_nothing_comes_from_outside(written):
    _, _, _, folder = written
    html = (folder / "report.html").read_text()
    figures = re.findall(r"<figure><svg (.*?)>", html)
    assert len(figures) == 8
    assert all("aria-label" in one and 'role="img"' in one for one in figures)
    ids = re.findall(r'\bid="([^"]*)"', html)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'url\(#([^)]*)\)|href="#([^"]*)"', html)) > set()
    for one, other in re.findall(r'url\(#([^)]*)\)|href="#([^"]*)"', html):
        assert (one or other) in ids
    assert not re.search(r"<script|<link|src=|@import|href=\"http", html)
    assert len(html) < 1_500_000


def test_the_numbers_are_those_of_the_file(written):
    space, file, numbers, folder = written
    assert json.loads((folder / "report.json").read_text()) == numbers
    assert numbers["content_hash"] == file.content_hash
    values = file.values("val_accuracy")
    assert numbers["label"]["max"] == pytest.approx(np.nanmean(values, axis=1).max())
    assert (numbers["noise"] is None) == (space == "darts")
    assert (numbers["validation_against_test"] is None) == (space == "nasbench201")
    assert set(numbers["splits"]) == set(file.split_names)
    text = (folder / "report.md").read_text()
    assert f"{numbers['label']['median']:.2f}" in text
    assert numbers["examples"]["best"]["genotype"] in text


def test_the_command_gives_the_same_bytes(written, tmp_path):
    _, file, numbers, folder = written
    command = ["experiment", "dataset", str(file.path), "--output", str(tmp_path), "--note", NOTE, "--json"]
    asked = runner.invoke(app, command, catch_exceptions=False)
    assert json.loads(asked.stdout) == numbers
    for name in ("report.html", "report.md", "report.json"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_the_command_tells_what_it_wrote(written, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    command = ["experiment", "dataset", str(written[1].path), "--output", str(tmp_path)]
    shown = runner.invoke(app, command, catch_exceptions=False)
    assert shown.exit_code == 0
    assert all(str(tmp_path / name) in shown.stdout for name in ("report.html", "report.md", "report.json"))
    helped = runner.invoke(app, ["experiment", "dataset", "--help"], catch_exceptions=False)
    assert "Example: nb301-ogb experiment dataset" in " ".join(helped.stdout.split())


def test_without_matplotlib_the_tables_are_there(written, tmp_path, monkeypatch):
    _, file, numbers, _ = written
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert write_report(file, tmp_path, NOTE) == numbers
    html = (tmp_path / "report.html").read_text()
    assert html.count("<figure>") == 3
    assert html.count("<table>") >= 5
    assert "nb301-ogb[plots]" in html


def test_a_label_that_is_one_number(tmp_path):
    file = darts_file(tmp_path / "a.h5", rows=20)
    contents = file.contents()
    for target in contents.targets.values():
        target.values[:] = 50.0
    write(tmp_path / "b.h5", contents)
    numbers = write_report(DatasetFile(tmp_path / "b.h5"), tmp_path / "out")
    assert numbers["label"]["min"] == numbers["label"]["max"] == 50
    assert "spearman" not in numbers["against"]["num_params"]


def test_a_folder_that_cannot_be_written(written):
    with pytest.raises(OutputError, match="choose another folder"):
        write_report(written[1], written[1].path / "out")


def test_the_stretched_scale():
    scale = plots.Scale("val_accuracy", "percent")
    assert scale.title == "validation accuracy (percent)"
    np.testing.assert_allclose(np.diff(scale([0, 90, 99])), [1, 1])
    assert np.isfinite(scale(100.0))
    np.testing.assert_array_equal(plots.Scale("runtime", "seconds")([1.0, 2.0]), [1.0, 2.0])


def test_the_running_median():
    x = np.repeat([1.0, 2.0, 3.0], 50)
    y = x * 10 + np.tile([-1.0, 0.0, 1.0, 0.0, 0.0], 30)
    middle, median = plots.running_median(x, y)
    np.testing.assert_array_equal(median, middle * 10)
    assert [len(one) for one in plots.running_median(np.ones(5), np.arange(5.0))] == [1, 1]
