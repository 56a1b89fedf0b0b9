"""The verbs `query` and `surrogate`: answers, streaming, errors with the line's number."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from nb301_ogb.baselines.benchmark import TabularBenchmark
from nb301_ogb.cli.app import app
from nb301_ogb.errors import ArchitectureError, ConfigError, Nb301OgbError, OutputError

runner = CliRunner()
TABLE = ("--benchmark", "table:nb201-cifar10")


def invoke(*arguments: str, **options: object) -> str:
    result = runner.invoke(app, list(arguments), catch_exceptions=False, **options)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_one_architecture() -> None:
    assert "91.6067" in invoke("query", "333132", *TABLE)
    (answer,) = json.loads(invoke("query", "333132", *TABLE, "--json"))["answers"]
    assert answer["accuracy"] == pytest.approx(91.60667)
    assert answer["architecture"].startswith("|nor_conv_3x3~0|")


def test_noise_by_seed() -> None:
    def drawn(seed: int) -> list[float]:
        out = invoke("query", *(["333132"] * 8), *TABLE, "--noise", "--seed", str(seed), "--json")
        return [answer["value"] for answer in json.loads(out)["answers"]]

    assert drawn(1) == drawn(1)
    assert len(set(drawn(1))) > 1


def test_a_file_that_is_no_text_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"333132\n\xff\xfe\n")
    with pytest.raises(Nb301OgbError, match="line 2"):
        invoke("query", "--file", str(tmp_path / "x"), *TABLE)


def test_a_file_streams(tmp_path: Path) -> None:
    table = TabularBenchmark("nb201-cifar10")
    codes = table.space.sample(20_000, np.random.default_rng(0))
    texts = ["".join(map(str, code)) for code in codes.tolist()]
    source, target = tmp_path / "in.txt", tmp_path / "out.csv"
    source.write_text("\n".join(texts) + "\n\n")
    invoke("query", "--file", str(source), "--output", str(target), *TABLE)
    with target.open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["architecture"] for row in rows] == texts
    assert np.allclose([float(row["accuracy"]) for row in rows], table.query_codes(codes).mean, atol=1e-5)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_standard_input() -> None:
    rows = list(csv.DictReader(io.StringIO(invoke("query", "--file", "-", *TABLE, input="333132\n000000\n"))))
    assert [row["architecture"] for row in rows] == ["333132", "000000"]


def test_errors(tmp_path: Path) -> None:
    source, target = tmp_path / "in.txt", tmp_path / "out.csv"
    source.write_text("333132\n33\n")
    with pytest.raises(ArchitectureError, match="line 2"):
        invoke("query", "--file", str(source), "--output", str(target), *TABLE)
    assert [path.name for path in tmp_path.iterdir()] == ["in.txt"]
    with pytest.raises(ConfigError, match="--file with one a line"):
        invoke("query", *TABLE)
    with pytest.raises(ConfigError, match="--output goes with --file"):
        invoke("query", "333132", "--output", str(target), *TABLE)
    with pytest.raises(ConfigError, match="say --noise"):
        invoke("query", "333132", "--seed", "1", *TABLE)
    with pytest.raises(ConfigError, match="--file gives CSV"):
        invoke("query", "--file", str(source), "--json", *TABLE)
    source.write_text("333132\n")
    with pytest.raises(OutputError, match="cannot be written"):
        invoke("query", "--file", str(source), "--output", str(source / "x.csv"), *TABLE)
    with pytest.raises(ConfigError, match="cannot be read"):
        invoke("query", "--file", str(tmp_path / "none"), *TABLE)


def test_fit_and_ask(tmp_path: Path) -> None:
    model, runtime, folder = tmp_path / "model.toml", tmp_path / "runtime.toml", tmp_path / "surrogate"
    model.write_text('kind = "trees"\nrounds = 20\n[params]\nlearning_rate = 0.3\n')
    runtime.write_text('emb_dim = 8\nnum_layer = 1\nepochs = 1\nbatch_size = 512\nlabel_scale = "log"\n')
    fit = ("surrogate", "nb201-cifar10", "--model", str(model), "--runtime", str(runtime), "--split", "few_shot_781")
    assert "kendall_tau" in invoke(*fit, "--device", "cpu", "--output", str(folder))
    (answer,) = json.loads(invoke("query", "333132", "--benchmark", str(folder), "--json"))["answers"]
    assert 60 < answer["accuracy"] < 100
    assert answer["std"] is None
    assert invoke("query", "333132", "--benchmark", str(folder)).splitlines()[-1].split()[2] == "-"
    with pytest.raises(OutputError, match="--overwrite"):
        invoke(*fit, "--output", str(folder))


def test_a_surrogate_of_a_run(tmp_path: Path) -> None:
    model, runtime, folder = tmp_path / "model.toml", tmp_path / "runtime.toml", tmp_path / "surrogate"
    model.write_text('kind = "trees"\nrounds = 20\n[params]\nlearning_rate = 0.3\n')
    runtime.write_text('emb_dim = 8\nnum_layer = 1\nepochs = 1\nbatch_size = 512\nlabel_scale = "log"\n')
    where = ("--dataset", "nb201-cifar10", "--split", "few_shot_781", "--device", "cpu")
    invoke("train", *where, "--gnn", str(model), "--seed", "3", "--output", str(tmp_path / "runs"))
    make = ("surrogate", str(tmp_path / "runs" / "seed-3"), "--runtime", str(runtime), "--device", "cpu")
    assert "kendall_tau" in invoke(*make, "--output", str(folder))
    told = json.loads((folder / "surrogate.json").read_text())
    assert (told["dataset"], told["split"], told["seed"]) == ("ogbg-nb201-cifar10", "few_shot_781", 3)
    for option in (("--model", "gin"), ("--split", "random"), ("--seed", "0")):
        with pytest.raises(ConfigError, match=f"leave {option[0]} out, for the run"):
            invoke(*make, *option, "--output", str(tmp_path / "other"))


@pytest.mark.parametrize("benchmark", ["table:nb201-cifar10", "nb201-cifar10"])
def test_a_device_that_no_machine_has_is_told_though_no_network_runs(benchmark: str) -> None:
    with pytest.raises(ConfigError, match="there is no device 'foo'; write auto, cpu, cuda or cuda:N"):
        invoke("query", "333132", "--benchmark", benchmark, "--device", "foo")
    assert "91.6" in invoke("query", "333132", "--benchmark", benchmark, "--device", "0")
