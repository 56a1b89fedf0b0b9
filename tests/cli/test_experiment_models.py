"""`experiment surrogates`, `ensembles`, `data-size` and `leave-one-out` as a user calls them."""

import html
import json
import shlex
import sys

import pytest
from typer.testing import CliRunner

from nb301_ogb.catalog import get_info
from nb301_ogb.cli.app import app
from nb301_ogb.errors import ConfigError, DatasetNameError
from tests.small_files import part_of_nb201

NAME = "ogbg-nb201-cifar10"
runner = CliRunner()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Where the datasets and the runs of these tests are, as options."""
    folder = tmp_path_factory.mktemp("here")
    path = folder / "datasets" / get_info(NAME).folder / get_info(NAME).filename
    path.parent.mkdir(parents=True)
    part_of_nb201(path, rows=300)
    return ["--root", folder / "datasets", "--runs", folder / "runs"]


def call(*arguments):
    result = runner.invoke(app, ["experiment", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def test_surrogates(place, tmp_path):
    words = ["surrogates", *place, "--datasets", "nb201-cifar10", "--models", "gin svr", "--seeds", "3", "--epochs", 1]
    told = call(*words, "--output", tmp_path / "a", "--note", "A trial.")
    for name in ("report.html", "report.md", "report.json", "surrogates.pdf", "predicted.pdf"):
        assert str(tmp_path / "a" / name) in told.stdout
        assert (tmp_path / "a" / name).is_file()
    assert "timing svr on ogbg-nb201-cifar10" in told.stderr
    assert "A trial." in (tmp_path / "a" / "report.md").read_text()
    found = json.loads(call(*words, "--output", tmp_path / "b", "--existing", "--no-query-time", "--json").stdout)
    assert " --existing --no-query-time " in found["command"]
    assert found["command"].endswith(f" --output {tmp_path / 'b'}")
    assert found["datasets"][NAME]["missing"] == {}
    assert found["datasets"][NAME]["models"]["gin"]["seeds"] == [3]
    assert "query" not in found["datasets"][NAME]["models"]["gin"]


def test_models_whose_library_is_missing_are_left_out_by_default(place, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    words = ["surrogates", *place, "--datasets", NAME, "--existing", "--output", tmp_path, "--json", "--seeds", 8]
    told = call(*words)
    assert "lightgbm is left out:" in told.stderr
    assert "pip install" in told.stderr
    missing = json.loads(told.stdout)["datasets"][NAME]["missing"]
    assert "lightgbm" not in missing
    assert "xgboost" in missing


def test_ensembles(place, tmp_path):
    words = ["ensembles", *place, "--datasets", NAME, "--epochs", 1, "--members", 2]
    found = json.loads(call(*words, "--output", tmp_path / "a", "--json").stdout)
    assert found["datasets"][NAME]["members"] == 2
    run = place[3] / "equivalence" / "ensemble" / NAME / "seed-0"
    told = call("ensembles", *place[:2], "--source", run, "--output", tmp_path / "b")
    for passed_over in (("--members", 5), ("--seeds", "0-2"), ("--existing",), ("--runs", place[3])):
        with pytest.raises(ConfigError, match=f"leave {passed_over[0]} out, which train them"):
            call("ensembles", *place[:2], "--source", run, *passed_over, "--output", tmp_path / "d")
    assert not (tmp_path / "d").exists()
    assert str(tmp_path / "b" / "reliability.pdf") in told.stdout
    again = json.loads((tmp_path / "b" / "report.json").read_text())
    assert again["datasets"][NAME]["sizes"] == found["datasets"][NAME]["sizes"]
    with pytest.raises(ConfigError, match="there is no ensemble to look at"):
        call("ensembles", *place, "--datasets", NAME, "--seeds", 7, "--existing", "--output", tmp_path / "c")


def test_a_report_tells_the_command_that_made_it(place, tmp_path):
    words = ["data-size", *place, "--models", "lightgbm mlp", "--rounds", 5, "--epochs", 1, "--sizes", "60"]
    found = json.loads(call(*words, "--note", "Only a trial.", "--output", tmp_path / "a b", "--json").stdout)
    assert found["note"] == "Only a trial."
    program, *told = shlex.split(found["command"])
    assert program == "nb301-ogb"
    assert told[told.index("--models") + 1] == "lightgbm mlp"
    assert told[told.index("--output") + 1] == str(tmp_path / "a b")
    for left_out in ("--json", "--note", "--seeds"):
        assert left_out not in told
    assert f"({html.escape(found['command'])})" in (tmp_path / "a b" / "report.html").read_text()
    again = json.loads(runner.invoke(app, [*told, "--json"], catch_exceptions=False).stdout)
    assert again == found | {"note": ""}


def test_data_size(place, tmp_path):
    words = ["data-size", *place, "--models", "lightgbm", "--rounds", 5, "--sizes", "100,60", "--seeds", "0-1"]
    found = json.loads(call(*words, "--output", tmp_path, "--json").stdout)
    assert [one["rows"] for one in found["datasets"][NAME]["models"]["lightgbm"]] == [60, 100]
    with pytest.raises(ConfigError, match="--sizes 'all' is not understood"):
        call("data-size", *place, "--sizes", "all", "--output", tmp_path)


def test_leave_one_out_needs_groups(place, tmp_path):
    with pytest.raises(ConfigError, match="ogbg-nb201-cifar10 has no splits leave_out_<group>"):
        call("leave-one-out", *place, "--dataset", NAME, "--output", tmp_path)
    with pytest.raises(DatasetNameError):
        call("leave-one-out", *place, "--dataset", "nb999", "--output", tmp_path)


@pytest.mark.parametrize("name", ["surrogates", "ensembles", "data-size", "leave-one-out"])
def test_help_shows_an_example(name):
    assert f"Example: nb301-ogb experiment {name}" in " ".join(call(name, "--help").stdout.split())
