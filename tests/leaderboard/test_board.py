"""From predictions to the board: packing, checking, ranking, pages, and what is flagged."""

# ruff: noqa: E501 - the table of faults reads best a line a fault

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from nb301_ogb.cli.app import app
from nb301_ogb.errors import Nb301OgbError
from nb301_ogb.evaluators.submission.file import from_bytes
from nb301_ogb.leaderboard.comparison import ranks
from nb301_ogb.loaders.labelled import LabelledTable

DATASETS = ("nb201-cifar10", "nb201-cifar100", "nb201-imagenet16")
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


def submission(folder: Path, model: str, noise: float, seeds: int = 10, salt: int = 0) -> Path:
    arrays: dict[str, np.ndarray] = {"seeds": np.arange(seeds)}
    for name in DATASETS:
        arrays |= predictions(name, noise, seeds, salt)
    source, target = folder / f"{model}.npz", folder / "submissions" / f"{model}.submission"
    target.parent.mkdir(exist_ok=True)
    np.savez(source, **arrays)
    invoke("submit", str(source), "--model", model, "--output", str(target), *ABOUT)
    return target


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("board")
    submission(found, "good", 1.0)
    submission(found, "twin-of-good", 1.0, salt=7)
    submission(found, "poor", 3.0, salt=2)
    return found


def test_the_ranking(folder: Path) -> None:
    boards = json.loads(invoke("leaderboard", str(folder / "submissions"), "--json"))
    text = json.dumps(boards)
    assert text.index('"good"') < text.index('"poor"')
    assert "No reference result yet" in invoke("leaderboard", str(folder / "submissions"))


def test_the_site_and_that_it_repeats_itself(folder: Path, tmp_path: Path) -> None:
    sites = []
    for number, order in enumerate((("good", "poor", "twin-of-good"), ("twin-of-good", "poor", "good"))):
        source = tmp_path / f"in{number}"
        source.mkdir()
        for name in order:
            (source / f"{name}.submission").write_bytes((folder / "submissions" / f"{name}.submission").read_bytes())
        invoke("leaderboard", str(source), "--output", str(tmp_path / f"site{number}"))
        pages = (tmp_path / f"site{number}").rglob("*")
        sites.append(
            {path.relative_to(tmp_path / f"site{number}"): path.read_bytes() for path in pages if path.is_file()}
        )
    assert sites[0] == sites[1]
    page = sites[0][Path("nb201.html")].decode()
    for word in ("<table", "good", "poor", "Kendall", 'lang="en"'):
        assert word in page
    assert 'src="http' not in page
    assert {Path("index.html"), Path("leaderboard.json"), Path("leaderboard.md"), Path("leaks.html")} <= set(sites[0])


def test_scores_are_those_of_the_evaluator(folder: Path) -> None:
    shown = json.loads(invoke("submit", str(folder / "submissions" / "poor.submission"), "--json"))
    assert "poor" in json.dumps(shown)
    assert "without a fault" in invoke("submit", str(folder / "submissions" / "poor.submission"))


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
    with pytest.raises(Nb301OgbError, match="prediction"):
        runner.invoke(app, ["submit", str(path), "--output", str(target), *ABOUT], catch_exceptions=False)


FAULTS = {
    "missing rows": lambda a: {k: v[1:] if "/test/" in k else v for k, v in a.items()},
    "duplicate rows": lambda a: {k: np.concatenate([v[:1], v[:1], v[2:]]) if k.endswith("test/code") else v for k, v in a.items()},
    "NaN": lambda a: {k: np.where(np.arange(v.size).reshape(v.shape) == 5, np.nan, v) if k.endswith("test/y_pred") else v for k, v in a.items()},
    "infinity": lambda a: {k: v * np.inf if k.endswith("valid/y_pred") else v for k, v in a.items()},
    "rows of another part": lambda a: {k: a[k.replace("/test/", "/valid/")] if k.endswith(("test/code", "test/y_pred")) else v for k, v in a.items()},
    "the same seed twice": lambda a: a | {"seeds": np.zeros(2, dtype=int)},
    "no such codes": lambda a: {k: np.full_like(v, 9) if k.endswith("test/code") else v for k, v in a.items()},
    "texts": lambda a: {k: v.astype("U8") if k.endswith("test/y_pred") else v for k, v in a.items()},
    "another shape": lambda a: {k: v[:, :, None] if k.endswith("test/y_pred") else v for k, v in a.items()},
    "a missing array": lambda a: {k: v for k, v in a.items() if not k.endswith("test/y_pred")},
    "an unknown array": lambda a: a | {"extra": np.zeros(3)},
    "an unknown dataset": lambda a: {k.replace("nb201-cifar10", "nb999"): v for k, v in a.items()},
}  # fmt: skip


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_faults_are_named_and_nothing_is_written(fault: str, tmp_path: Path) -> None:
    arrays = FAULTS[fault]({"seeds": np.arange(2), **predictions("nb201-cifar10", 1.0, 2)})
    source, target = tmp_path / "x.npz", tmp_path / "x.submission"
    np.savez(source, **arrays)
    with pytest.raises(Nb301OgbError) as found:
        runner.invoke(
            app, ["submit", str(source), "--model", "x", "--output", str(target), *ABOUT], catch_exceptions=False
        )
    assert str(found.value)
    assert not target.exists()


def test_a_submission_with_a_fault_stops_the_board(folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    data = bytearray((folder / "submissions" / "good.submission").read_bytes())
    data[len(data) // 2] ^= 1
    (source / "bad.submission").write_bytes(data)
    with pytest.raises(Nb301OgbError, match=r"bad\.submission"):
        runner.invoke(app, ["leaderboard", str(source), "--output", str(tmp_path / "site")], catch_exceptions=False)
    assert not (tmp_path / "site").exists()


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(change=st.data())
def test_damaged_bytes_are_refused(folder: Path, change: st.DataObject) -> None:
    data = bytearray((folder / "submissions" / "good.submission").read_bytes())
    kind = change.draw(st.sampled_from(["flip", "cut", "grow", "rubbish"]))
    place = change.draw(st.integers(0, len(data) - 1))
    if kind == "flip":
        data[place] ^= 1 << change.draw(st.integers(0, 7))
    elif kind == "cut":
        data = data[:place]
    elif kind == "grow":
        data += change.draw(st.binary(min_size=1, max_size=50))
    else:
        data = bytearray(change.draw(st.binary(max_size=500)))
    with pytest.raises(Nb301OgbError):
        from_bytes(bytes(data), "x.submission")


def test_equal_seeds_are_flagged(tmp_path: Path) -> None:
    arrays = {"seeds": np.arange(2), **predictions("nb201-cifar10", 1.0, 2)}
    for key, value in arrays.items():
        if key.endswith("y_pred"):
            value[:, 1] = value[:, 0]
    np.savez(tmp_path / "x.npz", **arrays)
    out = invoke("submit", str(tmp_path / "x.npz"), "--model", "x", "--output", str(tmp_path / "x.submission"), *ABOUT)
    assert "flagged" in out
    assert "identical" in out


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


def test_runs_are_packed(tmp_path: Path) -> None:
    config = tmp_path / "trees.toml"
    config.write_text('kind = "trees"\nrounds = 15\n[params]\nlearning_rate = 0.3\n')
    for seeds in ("0", "1"):  # as separate jobs of a cluster would
        invoke(
            "train",
            "--dataset",
            "nb201-cifar10",
            "--config",
            str(config),
            "--seeds",
            seeds,
            "--output",
            str(tmp_path / "runs"),
        )
    target = tmp_path / "trees.submission"
    out = invoke("submit", str(tmp_path / "runs"), "--model", "trees", "--output", str(target))
    assert "2 seed" in out
    assert "without a fault" in out
    scores = json.loads((tmp_path / "runs" / "seed-0" / "metrics.jsonl").read_text().splitlines()[-1])
    assert f"{scores['test']['rmse']:.4f}" in out


@pytest.mark.parametrize(
    ("pairs", "expected"), [(set(), [1, 2, 3]), ({(0, 1)}, [1, 1, 3]), ({(0, 1), (0, 2)}, [1, 1, 1])]
)
def test_ties(pairs: set, expected: list[int]) -> None:
    assert ranks(3, lambda first, second: (first, second) in pairs) == expected
