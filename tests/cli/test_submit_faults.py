"""The commands on predictions with a fault or a flag: what they say, and that nothing is written."""

# ruff: noqa: E501 - the table of faults reads best a line a fault

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from nb301_ogb.cli.app import app
from nb301_ogb.errors import SubmissionError
from nb301_ogb.evaluators.submission.form import Exam
from nb301_ogb.loaders.labelled import LabelledTable
from tests.submissions import data_of

ABOUT = ("--author", "A", "--contact", "a@example.org", "--num-params", "1000", "--code", "https://example.org/x",
         "--hardware", "a computer", "--external-data", "none", "--command", "make predictions")  # fmt: skip
runner = CliRunner()


def invoke(*arguments: str) -> str:
    result = runner.invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def predictions(name: str, noise: float, seeds: int, salt: int = 0) -> dict[str, np.ndarray]:
    """Labels with noise of their own for every seed, under the names of an .npz file."""
    table = LabelledTable(name)
    rng = np.random.default_rng(salt)
    found = {}
    for part in ("valid", "test"):
        rows = rng.permutation(table.split().parts()[part])
        noisy = table.labels[rows] + noise * rng.normal(size=(len(rows), seeds))
        found[f"{name}/{part}/code"] = table.codes()[rows]
        found[f"{name}/{part}/y_pred"] = noisy.astype(np.float32)
    return found


def test_a_table_of_comma_separated_values(tmp_path: Path) -> None:
    arrays = predictions("nb201-cifar10", 1.0, 2)
    path = tmp_path / "mine.csv"
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["dataset", "part", "seed", "architecture", "prediction"])
        for part in ("valid", "test"):
            for code, row in zip(
                arrays[f"nb201-cifar10/{part}/code"], arrays[f"nb201-cifar10/{part}/y_pred"], strict=True
            ):
                text = "".join(map(str, code))
                writer.writerows(["nb201-cifar10", part, seed, text, f"{value:.6f}"] for seed, value in enumerate(row))
    target = tmp_path / "mine.submission"
    out = invoke("submit", str(path), "--model", "mine", "--output", str(target), *ABOUT)
    assert "without a fault" in out
    assert "2 of at least 10 seeds" in out
    path.write_text(path.read_text().replace("architecture,prediction", "architecture,guess"))
    with pytest.raises(SubmissionError, match="prediction"):
        runner.invoke(app, ["submit", str(path), "--output", str(target), *ABOUT], catch_exceptions=False)


def test_options_of_tables_are_refused_where_they_mean_nothing(tmp_path: Path) -> None:
    packed = tmp_path / "x.submission"
    packed.write_bytes(data_of([Exam("ogbg-nb201-cifar10", "equivalence")], seeds=2))
    for option, value in (("--dataset", "nb201-cifar10"), ("--split", "random")):
        with pytest.raises(SubmissionError, match=f"{option} {value} is of use for a CSV or NPZ table alone"):
            runner.invoke(app, ["submit", str(packed), option, value], catch_exceptions=False)


def test_a_name_in_another_encoding_is_one_sentence(tmp_path: Path) -> None:
    source, target = tmp_path / "x.npz", tmp_path / "x.submission"
    np.savez(source, seeds=np.arange(2), **predictions("nb201-cifar10", 1.0, 2))
    words = [
        "submit",
        str(source),
        "--model",
        "x",
        "--num-params",
        "1",
        "--author",
        "B\udcf6hm",
        "--output",
        str(target),
    ]
    with pytest.raises(SubmissionError, match=r"no UTF-8 \(near '.*B\\udcf6'\)"):
        runner.invoke(app, words, catch_exceptions=False)
    assert not target.exists()


FAULTS = {
    "missing rows": (r"1 of 1,562 architectures are missing", lambda a: {k: v[1:] if "/test/" in k else v for k, v in a.items()}),
    "duplicate rows": (r"1 architecture\(s\) stand more than once", lambda a: {k: np.concatenate([v[:1], v[:1], v[2:]]) if k.endswith("test/code") else v for k, v in a.items()}),
    "NaN": (r"1 of 3,124 predictions are NaN or infinite", lambda a: {k: np.where(np.arange(v.size).reshape(v.shape) == 5, np.nan, v) if k.endswith("test/y_pred") else v for k, v in a.items()}),
    "infinity": (r"predictions are NaN or infinite", lambda a: {k: v * np.inf if k.endswith("valid/y_pred") else v for k, v in a.items()}),
    "rows of another part": (r"do not belong to it", lambda a: {k: a[k.replace("/test/", "/valid/")] if k.endswith(("test/code", "test/y_pred")) else v for k, v in a.items()}),
    "the same seed twice": (r"1 seed\(s\) stand several times", lambda a: a | {"seeds": np.zeros(2, dtype=int)}),
    "no such codes": (r"allowed are 0 to 4", lambda a: {k: np.full_like(v, 9) if k.endswith("test/code") else v for k, v in a.items()}),
    "texts": (r"holds values of dtype <U8", lambda a: {k: v.astype("U8") if k.endswith("test/y_pred") else v for k, v in a.items()}),
    "another shape": (r"has shape \[1562, 2, 1\]", lambda a: {k: v[:, :, None] if k.endswith("test/y_pred") else v for k, v in a.items()}),
    "a missing array": (r"lacks the array y_pred for the test part", lambda a: {k: v for k, v in a.items() if not k.endswith("test/y_pred")}),
    "an unknown array": (r"an array named 'extra'", lambda a: a | {"extra": np.zeros(3)}),
    "an unknown dataset": (r"there is no dataset 'nb999'", lambda a: {k.replace("nb201-cifar10", "nb999"): v for k, v in a.items()}),
}  # fmt: skip


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_faults_are_named_and_nothing_is_written(fault: str, tmp_path: Path) -> None:
    sentence, change = FAULTS[fault]
    arrays = change({"seeds": np.arange(2), **predictions("nb201-cifar10", 1.0, 2)})
    source, target = tmp_path / "x.npz", tmp_path / "x.submission"
    np.savez(source, **arrays)
    with pytest.raises(SubmissionError, match=sentence):
        runner.invoke(
            app, ["submit", str(source), "--model", "x", "--output", str(target), *ABOUT], catch_exceptions=False
        )
    assert not target.exists()


def test_a_submission_with_a_fault_stops_the_board(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    data = bytearray(data_of([Exam("ogbg-nb201-cifar10", "equivalence")], seeds=2))
    data[len(data) // 2] ^= 1
    (source / "bad.submission").write_bytes(data)
    with pytest.raises(SubmissionError, match=r"bad\.submission"):
        runner.invoke(app, ["leaderboard", str(source), "--output", str(tmp_path / "site")], catch_exceptions=False)
    assert not (tmp_path / "site").exists()


def test_equal_seeds_are_flagged(tmp_path: Path) -> None:
    arrays = {"seeds": np.arange(2), **predictions("nb201-cifar10", 1.0, 2)}
    for key, value in arrays.items():
        if key.endswith("y_pred"):
            value[:, 1] = value[:, 0]
    np.savez(tmp_path / "x.npz", **arrays)
    out = invoke("submit", str(tmp_path / "x.npz"), "--model", "x", "--output", str(tmp_path / "x.submission"), *ABOUT)
    assert "flagged" in out
    assert "equal those of another" in out


def test_predictions_that_know_one_run_are_flagged(tmp_path: Path) -> None:
    table = LabelledTable("nb201-cifar10", runs=0)
    arrays: dict[str, np.ndarray] = {"seeds": np.arange(2)}
    rng = np.random.default_rng(0)
    for part in ("valid", "test"):
        rows = table.split().parts()[part]
        arrays[f"nb201-cifar10/{part}/code"] = table.codes()[rows]
        noisy = table.labels[rows] + 0.01 * rng.normal(size=(len(rows), 2))
        arrays[f"nb201-cifar10/{part}/y_pred"] = noisy.astype(np.float32)
    np.savez(tmp_path / "x.npz", **arrays)
    out = invoke("submit", str(tmp_path / "x.npz"), "--model", "x", "--output", str(tmp_path / "x.submission"), *ABOUT)
    assert "flagged" in out
