"""Configurations: reading, changing, writing back, and what is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nb301_ogb.baselines import config as c
from nb301_ogb.baselines.models import make_model
from nb301_ogb.errors import ConfigError
from nb301_ogb.spaces import space_names


@pytest.mark.parametrize("name", c.config_names())
def test_every_configuration_of_the_package_loads(name: str) -> None:
    for space in (None, *space_names()):
        assert c.load_config(name, space).kind in ("gnn", "mlp", "trees", "svr", "ensemble")


@pytest.mark.parametrize(
    ("setting", "names"),
    [
        ("gnn", ["gin", "gin-virtual", "gcn", "gcn-virtual", "diffpool"]),
        ("library", ["lightgbm", "xgboost", "random_forest", "ngboost"]),
        ("variant", ["svr", "nu_svr"]),
        ("kind", ["mlp"]),
    ],
)
def test_the_reference_models_are_there(setting: str, names: list[str]) -> None:
    for name in names:
        assert getattr(c.load_config(name), setting) == name


SPACES = """
kind = "trees"
rounds = 100
[params]
num_leaves = 31
max_bin = 63
[space.darts]
rounds = 200
params = {num_leaves = 63}
"""


def test_settings_of_a_space_replace_the_others(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(SPACES)
    for space in (None, "nasbench201"):
        assert c.load_config(path, space) == c.TreeConfig(rounds=100, params={"num_leaves": 31, "max_bin": 63})
    assert c.load_config(path, "darts") == c.TreeConfig(rounds=200, params={"num_leaves": 63, "max_bin": 63})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[space.dart]\nlr = 1", r"\[space.<name>\]; the names are nasbench201, darts"),
        ("space = 1", r"\[space.<name>\]"),
        ("[space]\ndarts = 1", "is no table"),
        ("[space.darts]\nbatch = 1", "there is no setting 'batch'"),
        ("[space.darts.lr]\na = 1", "is no float"),
    ],
)
def test_wrong_settings_of_a_space(tmp_path: Path, text: str, words: str) -> None:
    """They are told whatever the space is that the configuration is read for."""
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        c.load_config(path, "nasbench201")


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
    | st.builds(
        c.MLPConfig, loss=st.sampled_from(["l1", "l1+hinge"]), grad_clip=st.floats(0, 10), margin=st.floats(0, 1)
    )
    | st.builds(
        c.SVRConfig, C=st.floats(1e-6, 1e6), shrinking=st.booleans(), variant=st.sampled_from(["svr", "nu_svr"])
    )
)
def test_toml_round_trip(config: c.Config) -> None:
    values = c.tomllib.loads(c.to_toml(config, {"format": "x", "seed": 3}))
    assert values.pop("seed") == 3
    assert c.from_values(values["config"], "here") == config


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"kind": "svm"}, "allowed are gnn, mlp, trees, svr"),
        ({"kind": ["gnn"]}, "allowed are gnn, mlp, trees, svr"),
        ({"emb_dims": 3}, "no setting 'emb_dims'"),
        ({"emb_dim": "wide"}, "is no int"),
        ({"emb_dim": True}, "is no int"),
        ({"lr": "fast"}, "is no float"),
        ({"kind": "trees", "encoding": "one_hot"}, "is no tuple"),
        ({"num_layer": 0}, "num_layer = 0 is out of range; allowed is at least 1"),
        ({"drop_ratio": 1.5}, "drop_ratio = 1.5 is out of range; allowed is at least 0 and at most 1"),
        ({"lr": 0.0}, "lr = 0.0 is out of range; allowed is above 0"),
        ({"lr": float("nan")}, "lr = nan is no finite number"),
        ({"weight_decay": float("inf")}, "is no finite number"),
        ({"batch_size": -32}, "out of range"),
        ({"kind": "trees", "rounds": 0}, "allowed is at least 1"),
        ({"kind": "svr", "nu": 1.01}, "allowed is at most 1 and above 0"),
        ({"kind": "ensemble", "size": 1}, "allowed is at least 2"),
        ({"kind": "ensemble", "epochs": -1}, "allowed is at least 0"),
    ],
)
def test_wrong_values(values: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        c.from_values(values, "mine.toml")


def test_a_model_is_not_made_of_settings_out_of_range() -> None:
    with pytest.raises(ConfigError, match="GNNConfig: emb_dim = 0 is out of range"):
        make_model(c.GNNConfig(emb_dim=0), "nasbench201", device="cpu")


def test_unknown_name() -> None:
    with pytest.raises(ConfigError, match="gin-virtual"):
        c.load_config("gat")


def test_a_configuration_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(b'gnn = "\xff"')
    with pytest.raises(ConfigError, match="give a TOML file in UTF-8"):
        c.load_config(tmp_path / "x.toml")


def test_no_toml(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text("a = = b")
    with pytest.raises(ConfigError, match="is no TOML"):
        c.load_config(path)


def test_none_leaves_a_value() -> None:
    assert c.change(c.GNNConfig(), {"emb_dim": None, "epochs": 3}, "x") == c.GNNConfig(epochs=3)
