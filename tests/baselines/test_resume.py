"""Interrupted training: it goes on, and ends bit for bit as it would have ended without the interruption."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from nb301_ogb.baselines.checkpoint import Checkpoint
from nb301_ogb.baselines.config import GNNConfig, MLPConfig, NetworkConfig, TreeConfig, to_toml
from nb301_ogb.baselines.model import History, Table
from nb301_ogb.baselines.models import make_model
from nb301_ogb.baselines.optim import Stepper
from nb301_ogb.baselines.runs import Run, read_run
from nb301_ogb.baselines.training import Job, train
from nb301_ogb.catalog import get_info
from nb301_ogb.cli.app import app
from nb301_ogb.errors import ConfigError
from nb301_ogb.loaders.labelled import LabelledTable
from tests.small_files import part_of_nb201

COMMON = {"batch_size": 64, "epochs": 6, "lr": 1e-2, "label_scale": "log_error", "warmup": 0.1, "patience": 9}
GIN = GNNConfig(gnn="gin-virtual", num_layer=2, emb_dim=8, drop_ratio=0.3, grad_clip=1.0, **COMMON)
CONFIGS = {
    "gin": GIN,
    "half precision": dataclasses.replace(GIN, gnn="gcn", norm="layer", amp="fp16", loss="log_error+hinge"),
    "mlp": MLPConfig(emb_dim=8, drop_ratio=0.3, **COMMON),
    "workers": dataclasses.replace(GIN, num_workers=1, epochs=3),
}


class Stopped(Exception):
    """Stands for whatever ends a process."""


@pytest.fixture(scope="module")
def table() -> Table:
    data = LabelledTable("nb201-cifar10")
    rows = np.random.default_rng(0).permutation(data.split("random").train)
    return Table("nasbench201", data.codes(), data.labels, rows[:300], rows[300:400])


@pytest.fixture(autouse=True)
def always_due(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a slow disk decides after which epochs there is a checkpoint."""
    monkeypatch.setattr(Checkpoint, "due", lambda _: True)


@pytest.fixture(autouse=True)
def short_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes longer than the trainings of these tests."""
    monkeypatch.setattr("nb301_ogb.baselines.training.write_report", lambda path, runs: path.write_text("a report"))


def fitted(config: NetworkConfig, table: Table, path: Path | None, stop_after: int | None = None):
    model = make_model(config, table.space, device="cpu")

    def observer(record: dict) -> None:
        if record["epoch"] == stop_after:
            raise Stopped

    return model, model.fit(table, 3, observer, path)


def story(history: History) -> list:
    """Everything but the time that it took."""
    records = [{key: value for key, value in one.items() if key != "seconds"} for one in history.records]
    return [records, history.best, history.best_train]


def weights(model) -> list[bytes]:
    return [tensor.numpy().tobytes() for tensor in model.network.state_dict().values()]


@pytest.mark.parametrize("kind", CONFIGS)
def test_stopped_after_each_epoch(table: Table, tmp_path: Path, kind: str) -> None:
    config = CONFIGS[kind]
    whole, expected = fitted(config, table, None)
    path = tmp_path / "x"
    for epoch in range(1, config.epochs + 1):
        with pytest.raises(Stopped):
            fitted(config, table, path, epoch)
    model, history = fitted(config, table, path)
    assert story(history) == story(expected)
    assert weights(model) == weights(whole)
    assert np.array_equal(model.predict(table.codes[:50]), whole.predict(table.codes[:50]))


@pytest.mark.parametrize("step", [1, 7, 13])
def test_stopped_within_an_epoch(table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    config, path = CONFIGS["gin"], tmp_path / "x"
    whole, expected = fitted(config, table, None)
    descend = Stepper.descend

    def fall(self: Stepper, loss: torch.Tensor) -> None:
        if self.step == step:
            raise Stopped
        descend(self, loss)

    with monkeypatch.context() as patch:
        patch.setattr(Stepper, "descend", fall)
        with pytest.raises(Stopped):
            fitted(config, table, path)
    assert path.exists() == (step >= 5)
    model, history = fitted(config, table, path)
    assert weights(model) == weights(whole)
    assert story(history) == story(expected)


def test_without_interruption_a_checkpoint_changes_nothing(table: Table, tmp_path: Path) -> None:
    before = torch.get_rng_state()
    whole, expected = fitted(GIN, table, None)
    model, history = fitted(GIN, table, tmp_path / "x")
    assert story(history) == story(expected)
    assert weights(model) == weights(whole)
    assert torch.equal(torch.get_rng_state(), before)
    again, same = fitted(GIN, table, tmp_path / "x")  # it is over: nothing is trained any more
    assert story(same) == story(expected)
    assert weights(again) == weights(whole)


def test_patience_goes_on_too(table: Table, tmp_path: Path) -> None:
    config = dataclasses.replace(GIN, lr=1e-12, patience=2, epochs=50)
    _, expected = fitted(config, table, None)
    assert len(expected.records) < 50
    with pytest.raises(Stopped):
        fitted(config, table, tmp_path / "x", len(expected.records))
    assert story(fitted(config, table, tmp_path / "x")[1]) == story(expected)


def test_another_fit_does_not_go_on(table: Table, tmp_path: Path) -> None:
    path = tmp_path / "x"
    fitted(GIN, table, path)
    with pytest.raises(ConfigError, match=r"grad_clip: 1\.0, now 2\.0"):
        fitted(dataclasses.replace(GIN, grad_clip=2.0), table, path)
    with pytest.raises(ConfigError, match="other data"):
        fitted(GIN, dataclasses.replace(table, labels=table.labels + 1e-3), path)
    with pytest.raises(ConfigError, match="other data"):
        fitted(GIN, dataclasses.replace(table, train=table.train[::-1]), path)
    with pytest.raises(ConfigError, match="seed: 3, now 4"):
        make_model(GIN, table.space, device="cpu").fit(table, 4, None, path)


def test_divergence_leaves_no_checkpoint(table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    with pytest.raises(Stopped):
        fitted(GIN, table, path, 1)
    descend = Stepper.descend
    monkeypatch.setattr(Stepper, "descend", lambda self, loss: descend(self, loss * float("nan")))
    model, history = fitted(GIN, table, path)
    assert len(history.records) == 1  # what was good before it stays
    assert np.isfinite(model.predict(table.codes[:5])).all()
    path.unlink()
    with pytest.raises(ConfigError, match="lower lr"):
        fitted(GIN, table, path)
    assert not path.exists()


# The whole job, in processes

SMALL = dataclasses.replace(GIN, gnn="gin", epochs=25, patience=25)


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """On a part of the dataset, so that little time passes outside of the training."""
    info, root = get_info("nb201-cifar10"), tmp_path_factory.mktemp("root")
    (root / info.folder).mkdir()
    part_of_nb201(root / info.folder / info.filename)
    return Job(info.name, SMALL, root=root, device="cpu")


def killed(command: list[str], checkpoint: Path, passed: float, later: float = 0.0) -> float | None:
    """Starts a process and kills it some seconds after its checkpoint is newer than `passed`.

    Tells how new that is; None where the process was through before.
    """
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    ends = time.monotonic() + 100
    while time.monotonic() < ends and process.poll() is None:
        if checkpoint.exists() and checkpoint.stat().st_mtime > passed:
            break
        time.sleep(0.002)
    time.sleep(later)
    process.send_signal(signal.SIGKILL)
    output, _ = process.communicate()
    assert process.returncode in (0, -signal.SIGKILL), output
    return checkpoint.stat().st_mtime if process.returncode else None


def holds_the_same(run: Run, expected: Run) -> None:
    """Whether two runs are equal but for the time that they took."""
    one, two = (story(History(which.records, which.best, which.best_train)) for which in (run, expected))
    assert one == two
    for name in ("model.safetensors", "config.toml"):
        assert (run.folder / name).read_bytes() == (expected.folder / name).read_bytes()
    with h5py.File(run.folder / "predictions.h5") as first, h5py.File(expected.folder / "predictions.h5") as second:
        assert np.array_equal(first["test/y_pred"], second["test/y_pred"])
    assert run.metrics == expected.metrics


def command_of(job: Job, output: Path, seed: int, folder: Path) -> list[str]:
    config = folder / "small.toml"
    config.write_text(to_toml(job.config, {}).replace("[config]\n", ""))
    command = [sys.executable, "-m", "nb301_ogb.cli", "train", "--config", str(config), "--device", "cpu"]
    return [*command, "--root", str(job.root), "--seed", str(seed), "--output", str(output)]


def test_a_killed_process_ends_as_if_nothing_had_happened(job: Job, tmp_path: Path) -> None:
    (expected,) = train(job, [7], tmp_path / "whole")
    output = tmp_path / "killed"
    assert killed(command_of(job, output, 7, tmp_path), output / ".seed-7.checkpoint", 0.0)
    assert not (output / "seed-7").exists()
    with pytest.raises(ConfigError, match=r"--resume to go on with it, or --overwrite"):
        train(job, [7], output)
    (output / ".seed-7.abc.part").mkdir()
    app([*command_of(job, output, 7, tmp_path)[3:], "--resume"], standalone_mode=False)
    holds_the_same(read_run(output / "seed-7"), expected)
    assert sorted(os.listdir(output)) == ["report.html", "seed-7", "summary.json"]


@pytest.mark.slow
def test_killed_again_and_again(job: Job, tmp_path: Path) -> None:
    """At moments of which none is planned: while training, while writing a checkpoint, while starting."""
    (expected,) = train(job, [7], tmp_path / "whole")
    output, passed, rng = tmp_path / "killed", 0.0, np.random.default_rng(0)
    command = command_of(job, output, 7, tmp_path)
    for number in range(8):
        resume = ["--resume"] if number else []
        passed = killed([*command, *resume], output / ".seed-7.checkpoint", passed, rng.uniform(0, 0.3))
        if passed is None:  # a busy machine may see the end before the eighth
            assert number > 2
            break
    (run,) = train(job, [7], output, resume=True)
    holds_the_same(run, expected)


def test_finished_runs_stay(job: Job, tmp_path: Path) -> None:
    job = dataclasses.replace(job, config=dataclasses.replace(SMALL, epochs=1))
    train(job, [0], tmp_path)
    written = (tmp_path / "seed-0" / "model.safetensors").stat().st_mtime_ns
    finished = train(job, [0, 1], tmp_path, resume=True)
    assert [run.info.seed for run in finished] == [0, 1]
    assert (tmp_path / "seed-0" / "model.safetensors").stat().st_mtime_ns == written
    assert json.loads((tmp_path / "summary.json").read_text())["seeds"] == [0, 1]
    other = dataclasses.replace(job, config=dataclasses.replace(SMALL, epochs=2))
    with pytest.raises(ConfigError, match=r"seed-0 is another run \(epochs: 1, now 2\)"):
        train(other, [0], tmp_path, resume=True)
    with pytest.raises(ConfigError, match=r"another run .*equivalence"):
        train(dataclasses.replace(job, split="random"), [0], tmp_path, resume=True)
    with pytest.raises(ConfigError, match="say one of them"):
        train(job, [0], tmp_path, overwrite=True, resume=True)


def test_models_without_checkpoints_start_again(job: Job, tmp_path: Path) -> None:
    job = dataclasses.replace(job, config=TreeConfig(rounds=5))
    (run,) = train(job, [0], tmp_path, resume=True)
    assert run.config.rounds == 5
    assert [one.info.seed for one in train(job, [0], tmp_path, resume=True)] == [0]


def test_overwriting_forgets_a_checkpoint(job: Job, tmp_path: Path) -> None:
    job = dataclasses.replace(job, config=dataclasses.replace(SMALL, epochs=2))

    def stop(_: int, record: dict) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        train(job, [0], tmp_path, progress=stop)
    assert (tmp_path / ".seed-0.checkpoint").exists()
    other = dataclasses.replace(job, config=dataclasses.replace(SMALL, epochs=1))
    train(other, [0], tmp_path, overwrite=True)
    assert sorted(os.listdir(tmp_path)) == ["report.html", "seed-0", "summary.json"]
