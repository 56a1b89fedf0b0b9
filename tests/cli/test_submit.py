"""From nothing to a page in three commands, as a person types them, each a process of its own."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from nb301_ogb.cli.app import app
from nb301_ogb.errors import Nb301OgbError
from nb301_ogb.evaluators.submission.form import PARTS, Exam
from tests.submissions import data_of, make, open_exam

EXAM = Exam("ogbg-nb201-cifar10", "equivalence")
runner = CliRunner()
TINY = ("--epochs", "1", "--emb_dim", "8", "--num_layer", "1", "--batch_size", "512", "--device", "cpu")


def call(folder, *arguments):
    command = [sys.executable, "-c", "from nb301_ogb.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=folder)


def done(folder, *arguments):
    found = call(folder, *arguments)
    assert found.returncode == 0, found.stderr
    return found.stdout


def refused(folder, *arguments):
    """The lines of the error, in this process: `test_an_error_is_a_line_for_each_fault` shows what a person sees."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with pytest.raises(Nb301OgbError) as found:
            runner.invoke(app, [*map(str, arguments)], catch_exceptions=False)
    return str(found.value).splitlines()


def test_an_error_is_a_line_for_each_fault(tmp_path):
    (tmp_path / "a.submission").write_bytes(b"\x1b[31m")
    (tmp_path / "b.submission").write_bytes(b"")
    found = call(tmp_path, "leaderboard", tmp_path, "--output", "site")
    assert found.returncode == 1
    assert found.stdout == ""
    assert "Traceback" not in found.stderr
    assert found.stderr.startswith("nb301-ogb: ")
    assert found.stderr.count("is no whole submission") == found.stderr.count("\n") == 2
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize("seeds", ["0-1", pytest.param("0-9", marks=pytest.mark.slow)])
def test_from_nothing_in_three_commands(tmp_path, seeds):
    count = int(seeds[-1]) + 1
    done(
        tmp_path, "train", "--dataset", "nb201-cifar10", "--gnn", "gcn", "--seeds", seeds, "--output", "runs/gcn", *TINY
    )
    packed = done(tmp_path, "submit", "runs/gcn", "--output", "mine/gcn.submission")
    assert f"{count} seed(s)" in packed
    assert "no authors, no contact" in packed
    size = (tmp_path / "mine" / "gcn.submission").stat().st_size
    assert size < 300_000
    shown = done(tmp_path, "leaderboard", "mine", "--output", "site")
    assert "ogbg-nb201-cifar10, equivalence" in shown
    page = (tmp_path / "site" / "nb201-cifar10-equivalence.html").read_text(encoding="utf-8")
    summary = json.loads((tmp_path / "runs" / "gcn" / "summary.json").read_text())
    assert f"{summary['test']['rmse']['mean']:.4f}" in page
    assert f"{summary['test']['rmse']['std']:.4f}" in page
    assert f"--seeds {seeds} --output runs/gcn" in page
    assert f"{summary['num_params']:,}" in page
    faults = refused(tmp_path, "leaderboard", "mine", "--official")
    assert "gcn.submission is not official: no authors." in faults


@pytest.fixture
def submission(tmp_path):
    (tmp_path / "x.submission").write_bytes(data_of([EXAM], seeds=2))
    return tmp_path / "x.submission"


def test_a_packed_file_is_checked(submission):
    found = json.loads(done(submission.parent, "submit", submission, "--json"))
    assert found["model"] == "model"
    assert found["seeds"] == [0, 1]
    assert found["boards"] == [{"name": "nb201-cifar10-equivalence", "official": False}]
    assert found["exams"][0]["test"]["rmse"]["mean"] == pytest.approx(1.04, abs=0.1)
    assert found["unofficial"][0] == "2 of at least 10 seeds"
    (fault,) = refused(submission.parent, "submit", submission, "--model", "other")
    assert "is packed already" in fault
    submission.write_bytes(submission.read_bytes()[:-1])
    (fault,) = refused(submission.parent, "submit", submission)
    assert "no whole submission" in fault


def test_a_tilde_that_no_shell_has_replaced(tmp_path, monkeypatch):
    _, predictions = make([EXAM], open_exam, seeds=1)
    parts = {f"{part}/{name}": getattr(predictions[EXAM][part], field)
             for part in PARTS for name, field in (("code", "codes"), ("y_pred", "y_pred"))}  # fmt: skip
    np.savez(tmp_path / "p.npz", seeds=np.array([0]), **parts)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    options = ("--model", "m", "--num-params", 1, "--dataset", "nb201-cifar10", "--output=~/m.submission", "--json")
    found = json.loads(done(tmp_path, "submit", "p.npz", *options))
    assert found["file"] == str(tmp_path / "home/m.submission")
    assert found["bytes"] == (tmp_path / "home/m.submission").stat().st_size


def test_a_table_with_everything(tmp_path):
    _, predictions = make([EXAM], open_exam, seeds=2, std=True)
    with (tmp_path / "p.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["part", "seed", "architecture", "prediction", "std"])
        for part in PARTS:
            one = predictions[EXAM][part]
            for row, code in enumerate(one.codes):
                for seed in (0, 1):
                    writer.writerow([part, seed, "".join(map(str, code)), one.y_pred[row, seed], one.y_std[row, seed]])
    options = ["--model", "My [bold]model[/bold]", "--num-params", 12_345, "--dataset", "nb201-cifar10"]
    about = ["--author", "A", "--author", "B", "--contact", "a@example.org", "--paper", "https://example.org/p",
             "--hardware", "a GPU", "--external-data", "none", "--command", "python x.py", "--note", "x"]  # fmt: skip
    shown = done(tmp_path, "submit", "p.csv", *options, *about)
    assert "My [bold]model[/bold]: 2 seed(s), 12,345 parameters" in shown
    path = tmp_path / "My--bold-model--bold.submission"
    assert path.exists(), list(tmp_path.iterdir())
    found = json.loads(done(tmp_path, "submit", path.name, "--json"))
    assert found["unofficial"] == ["2 of at least 10 seeds"]
    assert {"nll", "coverage_95"} <= set(found["exams"][0]["test"])
    (fault,) = refused(tmp_path, "submit", "p.csv", "--dataset", "nb201-cifar10")
    assert fault.endswith("add --model and --num-params.")
    (fault,) = refused(tmp_path, "submit", "p.csv", "p.csv", *options)
    assert "into one table" in fault
    (fault,) = refused(tmp_path, "submit", "p.csv", *options, "--output", "x.zip")
    assert "does not end with .submission" in fault
    faults = refused(tmp_path, "submit", "p.csv", *options, "--split", "random")
    assert len(faults) == 4
    assert all("split random: " in fault for fault in faults)
    (fault,) = refused(tmp_path, "submit", "p.csv", *options, "--split", "holdout")
    assert "has no split 'holdout'" in fault
    assert {one.name for one in tmp_path.iterdir()} == {"p.csv", path.name}


def test_a_board_of_nothing(tmp_path):
    assert "No reference result yet" in done(tmp_path, "leaderboard", tmp_path, "--output", "site")
    assert Path(tmp_path, "site", "index.html").is_file()
    (fault,) = refused(tmp_path, "leaderboard", "nowhere")
    assert "is no folder" in fault
