"""Several processes that train one network: they see what one would see, and end where it would end.

Batch normalisation over processes needs GPUs, so the networks here have LayerNorm.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from nb301_ogb.baselines.config import to_toml
from nb301_ogb.baselines.distributed import Team, current_team, join, launched
from nb301_ogb.baselines.training import Job, train
from nb301_ogb.catalog import get_info
from tests.baselines.together import CONFIGS, GIN, fitted
from tests.small_files import part_of_nb201

pytestmark = pytest.mark.skipif(
    not (torch.distributed.is_available() and torch.distributed.is_gloo_available()),
    reason="this torch was built without gloo, so processes on the CPU cannot speak to each other",
)

RAN = dataclasses.replace(GIN, epochs=2)
ALONE = {"RANK", "WORLD_SIZE", "LOCAL_RANK", "TORCHELASTIC_RUN_ID"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where two processes have left what they found."""
    folder = tmp_path_factory.mktemp("together")
    info = get_info("nb201-cifar10")
    (folder / "root" / info.folder).mkdir(parents=True)
    part_of_nb201(folder / "root" / info.folder / info.filename)
    (folder / "small.toml").write_text(to_toml(RAN, {}).replace("[config]\n", ""))
    root = Path(__file__).parents[2]
    path = os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH"))))
    environment = {key: value for key, value in os.environ.items() if key not in ALONE} | {"PYTHONPATH": path}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += [str(root / "tests" / "baselines" / "together.py"), str(folder)]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment, start_new_session=True)
    try:
        printed, complaints = process.communicate(timeout=100)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # the launcher and all that it has started
        raise
    assert process.returncode == 0, complaints
    (folder / "printed").write_text(printed)
    return folder


@pytest.fixture(scope="module")
def found(folder: Path) -> list[dict[str, np.ndarray]]:
    return [dict(np.load(folder / f"rank-{rank}.npz")) for rank in (0, 1)]


@pytest.mark.parametrize("name", CONFIGS)
def test_two_processes_end_where_one_does(found: list[dict], name: str) -> None:
    """Within rounding: 165 rows of which some have no label, in steps of 32, shared out by two."""
    expected = fitted(CONFIGS[name])
    assert expected["told"] == 3
    for key, value in expected.items():
        if key != "told":
            assert np.allclose(found[0][f"{name}/{key}"], value, rtol=1e-3, atol=1e-4), key


@pytest.mark.parametrize("name", [*CONFIGS, "whole", "resumed"])
def test_both_processes_hold_the_same_network(found: list[dict], name: str) -> None:
    first, second = ({key: one[key] for key in one if key.startswith(f"{name}/")} for one in found)
    assert len(first) > 5
    told = f"{name}/told"
    assert second.pop(told) == 0  # only the first process tells
    assert first.pop(told) > 0
    assert all(np.array_equal(first[key], second[key]) for key in first)


def test_an_interruption_changes_no_bit(found: list[dict], folder: Path) -> None:
    """With dropout, of which each process draws its own."""
    assert found[0]["resumed/told"] == 1
    for key in (key.removeprefix("whole/") for key in found[0] if key.startswith("whole/")):
        assert key == "told" or np.array_equal(found[0][f"whole/{key}"], found[0][f"resumed/{key}"]), key
    assert (folder / "kept").exists()


def test_what_the_processes_tell_each_other(found: list[dict]) -> None:
    for one in found:
        assert one["gathered"].tolist() == [[0], [1], [2], [3], [4], [5]]
        assert one["agreed"].tolist() == [0.1, 7.0]


def test_what_several_processes_cannot_do(found: list[dict]) -> None:
    for one in found:
        assert "33 cannot be shared out among 2 processes" in one["refused"][0]
        assert "needs GPUs; set norm = 'layer'" in one["refused"][1]


def test_the_verb(folder: Path, tmp_path: Path) -> None:
    """One run folder, one table, and the numbers of one process."""
    assert sorted(os.listdir(folder / "verb")) == ["report.html", "seed-0", "summary.json"]
    assert (folder / "printed").read_text().count("runs and report:") == 1
    job = Job("nb201-cifar10", RAN, root=folder / "root", device="cpu")
    (run,) = train(job, [0], tmp_path)
    with h5py.File(folder / "verb" / "seed-0" / "predictions.h5") as file:
        assert np.allclose(file["test/y_pred"], run.predictions["test"].y_pred, atol=0.01)
    assert '"processes": 2' in (folder / "verb" / "seed-0" / "environment.json").read_text()
    assert '"processes": 1' in (run.folder / "environment.json").read_text()


def test_alone() -> None:
    assert current_team() == launched() == Team(0, 1)
    team, device = join("auto")
    assert team.leads
    assert device == "auto"
    assert not torch.distributed.is_initialized()
    values = torch.ones(2, requires_grad=True)
    assert team.gather(values) is values
    assert team.gather_all(values) == [values]
    assert team.agree([0.5]) == [0.5]
    team.wait()
