"""Checkpoint files: what goes in comes out, whole or not at all, and only for the fit that wrote it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nb301_ogb.baselines.checkpoint import Checkpoint, differences, digest, remove_checkpoint
from nb301_ogb.errors import ConfigError

ABOUT = {"config": {"lr": 0.1, "encoding": ("a", "b")}, "seed": 3, "data": "9" * 64}
TENSORS = {
    "weights": torch.randn(3, 2, generator=torch.Generator().manual_seed(0)),
    "random": torch.arange(9, dtype=torch.uint8),
    "step": torch.tensor(7.0),
    "turned": torch.arange(6).reshape(2, 3).T,
}
STATE = {"records": [{"epoch": 1, "lr": 0.1 + 0.2}], "best_score": float("inf"), "best_train": float("nan")}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".seed-0.checkpoint"


def test_there_and_back(path: Path) -> None:
    checkpoint = Checkpoint(path, ABOUT)
    assert checkpoint.read() is None
    checkpoint.write(TENSORS, STATE)
    tensors, state = Checkpoint(path, ABOUT).read()
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)
    assert all(tensors[name].dtype == TENSORS[name].dtype for name in TENSORS)
    assert state["records"] == STATE["records"]
    assert state["best_score"] == float("inf")
    assert np.isnan(state["best_train"])
    assert [one.name for one in path.parent.iterdir()] == [path.name]


@given(st.floats(allow_nan=False))
def test_numbers_keep_every_bit(tmp_path_factory: pytest.TempPathFactory, value: float) -> None:
    checkpoint = Checkpoint(tmp_path_factory.mktemp("one") / "x", {})
    checkpoint.write({}, {"value": value})
    assert checkpoint.read()[1]["value"].hex() == value.hex()


@pytest.mark.parametrize(
    ("about", "words"),
    [
        (ABOUT | {"seed": 4}, "seed: 3, now 4"),
        (ABOUT | {"config": {"lr": 0.2, "encoding": ["a", "b"]}}, "fit: lr: 0.1, now 0.2;"),
        (ABOUT | {"data": "8" * 64}, "other data"),
        (ABOUT | {"more": 1}, "more: None, now 1"),
    ],
)
def test_of_another_fit(path: Path, about: dict, words: str) -> None:
    Checkpoint(path, ABOUT).write(TENSORS, STATE)
    with pytest.raises(ConfigError, match=words):
        Checkpoint(path, about).read()
    assert path.exists()


@pytest.mark.parametrize("length", [0, 4, 30, -1])
def test_damaged(path: Path, length: int) -> None:
    checkpoint = Checkpoint(path, ABOUT)
    checkpoint.write(TENSORS, STATE)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ConfigError, match=r"cannot be read .*--overwrite"):
        checkpoint.read()


@pytest.mark.parametrize("place", [-1, -40])
def test_a_changed_byte(path: Path, place: int) -> None:
    """It would go unnoticed: every number is a possible weight."""
    checkpoint = Checkpoint(path, ABOUT)
    checkpoint.write(TENSORS, STATE)
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(ConfigError, match=r"its bytes have changed.*--overwrite"):
        checkpoint.read()


def test_a_changed_state(path: Path) -> None:
    checkpoint = Checkpoint(path, ABOUT)
    checkpoint.write(TENSORS, {"records": [], "best": 1})
    path.write_bytes(path.read_bytes().replace(b'\\"best\\": 1', b'\\"best\\": 2'))
    with pytest.raises(ConfigError, match="its bytes have changed"):
        checkpoint.read()


def test_another_file_of_that_name(path: Path) -> None:
    from safetensors.torch import save_file

    save_file(TENSORS | {"turned": torch.zeros(1)}, path)
    with pytest.raises(ConfigError, match="cannot be read"):
        Checkpoint(path, ABOUT).read()


def test_a_write_that_ends_early_leaves_the_old_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = Checkpoint(path, ABOUT)
    checkpoint.write(TENSORS, STATE)

    def fail(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        checkpoint.write({"weights": torch.zeros(1)}, {})
    assert torch.equal(checkpoint.read()[0]["weights"], TENSORS["weights"])
    checkpoint.remove()
    assert not list(path.parent.iterdir())
    remove_checkpoint(path)  # nothing there is nothing to do


def test_writing_takes_a_small_share_of_the_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("nb301_ogb.baselines.checkpoint.time.perf_counter", lambda: now[0])
    checkpoint = Checkpoint(path, ABOUT)
    assert checkpoint.due()
    monkeypatch.setattr(os, "replace", lambda *_: now.__setitem__(0, 103.0))  # a write of three seconds
    checkpoint.write(TENSORS, STATE)
    for seconds, due in ((103.0, False), (132.9, False), (133.0, True), (500.0, True)):
        now[0] = seconds
        assert checkpoint.due() is due


def test_differences() -> None:
    assert differences({"a": 1, "b": {"c": 2}}, {"a": 1, "b": {"c": 2}}) == []
    assert differences({"a": 1, "b": {"c": 2}}, {"b": {"c": 3}}) == ["a: 1, now None", "c: 2, now 3"]
    assert differences("x" * 50, "y", "long") == ["other long"]


def test_digests() -> None:
    one = np.arange(6, dtype=np.uint8)
    assert digest([one]) == digest([one.copy()])
    others = [one.reshape(2, 3), one.astype(np.int8), one[::-1], one[:5]]
    assert len({digest([one]), *(digest([other]) for other in others), digest([one, one])}) == 6
    assert digest([one.reshape(2, 3).T]) == digest([np.ascontiguousarray(one.reshape(2, 3).T)])
