"""Configurations: reading, changing, writing back, and what is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nb301_ogb.baselines import config as c
from nb301_ogb.errors import ConfigError


@pytest.mark.parametrize("name", c.config_names())
def test_every_configuration_of_the_package_loads(name: str) -> None:
    loaded = c.load_config(name)
    assert loaded.kind in ("gnn", "trees")
    assert name in (getattr(loaded, "gnn", None), getattr(loaded, "library", None))


def test_the_reference_models_are_there() -> None:
    assert {"gin", "gin-virtual", "gcn", "gcn-virtual", "lightgbm", "xgboost"} <= set(c.config_names())


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('gnn = "gcn"\nlr = 1\n')
    loaded = c.load_config(path)
    assert loaded == dataclasses.replace(c.GNNConfig(), gnn="gcn", lr=1.0)
    assert isinstance(loaded.lr, float)


@given(
    st.builds(
        c.GNNConfig,
        gnn=st.sampled_from(["gin", "gcn"]),
        emb_dim=st.integers(1, 512),
        lr=st.floats(1e-9, 1.0),
        residual=st.booleans(),
        feature=st.text(max_size=8).filter(lambda text: text.isprintable()),
    )
    | st.builds(
        c.TreeConfig,
        rounds=st.integers(1, 10**6),
        encoding=st.lists(st.sampled_from(["one_hot", "integers"]), min_size=1).map(tuple),
        params=st.dictionaries(st.from_regex(r"\A[a-z_]{1,8}\Z"), st.integers() | st.floats(-1e9, 1e9) | st.booleans()),
    )
)
def test_toml_round_trip(config: c.Config) -> None:
    values = c.tomllib.loads(c.to_toml(config, {"format": "x", "seed": 3}))
    assert values.pop("seed") == 3
    assert c.from_values(values["config"], "here") == config


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"kind": "svm"}, "allowed are gnn, trees"),
        ({"emb_dims": 3}, "no setting 'emb_dims'"),
        ({"emb_dim": "wide"}, "is no int"),
        ({"emb_dim": True}, "is no int"),
        ({"lr": "fast"}, "is no float"),
        ({"kind": "trees", "encoding": "one_hot"}, "is no tuple"),
    ],
)
def test_wrong_values(values: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        c.from_values(values, "mine.toml")


def test_unknown_name() -> None:
    with pytest.raises(ConfigError, match="gin-virtual"):
        c.load_config("gat")


def test_no_toml(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text("a = = b")
    with pytest.raises(ConfigError, match="is no TOML"):
        c.load_config(path)


def test_none_leaves_a_value() -> None:
    assert c.change(c.GNNConfig(), {"emb_dim": None, "epochs": 3}, "x") == c.GNNConfig(epochs=3)
