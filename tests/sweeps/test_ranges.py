"""Ranges of settings: those of the package fit their configurations, others are told what is wrong with them."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nb301_ogb.baselines.config import TreeConfig, load_config
from nb301_ogb.errors import ConfigError, MissingExtraError
from nb301_ogb.sweeps.ranges import Range, Ranges, load_ranges, suggest

MODELS = ("gin", "gin-virtual", "gcn", "gcn-virtual", "gin-canonical", "lightgbm", "xgboost", "random_forest", "mlp")
SMALL = Ranges(
    "small",
    {
        "label_scale": Range(choices=("linear", "log_error")),
        "rounds": Range(10, 90),
        "params.learning_rate": Range(0.01, 1.0, log=True),
        "encoding": Range(choices=([], ["one_hot"])),
    },
    {"patience": 7, "params.num_leaves": 5},
)
TREES = TreeConfig(rounds=20, params={"learning_rate": 0.1})


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("space", ["darts", "nasbench101", "nasbench201"])
def test_every_configuration_lies_in_the_ranges_of_the_package(model: str, space: str) -> None:
    pytest.importorskip("optuna")
    config = load_config(model, space)
    ranges = load_ranges(config)
    begin = ranges.begin(config)
    assert set(begin) == set(ranges.ranges)
    found = suggest(ranges, 1, 1, [(begin, 0.5)])
    assert found != begin
    assert ranges.apply(config, found) != config


def test_what_is_applied() -> None:
    chosen = {"label_scale": "log_error", "rounds": 11, "params.learning_rate": 0.5, "encoding": ["one_hot"]}
    found = SMALL.apply(TREES, chosen)
    params = {"learning_rate": 0.5, "num_leaves": 5}
    assert found == TreeConfig("lightgbm", ("one_hot",), 11, 7, "log_error", params)
    assert TREES.params == {"learning_rate": 0.1}
    assert SMALL.begin(TREES)["params.learning_rate"] == 0.1


@settings(max_examples=20)
@given(st.integers(0, 50), st.integers(0, 50), st.lists(st.floats(0, 1) | st.none(), max_size=14))
def test_suggestions_depend_on_what_they_are_given_alone(seed: int, number: int, values: list) -> None:
    pytest.importorskip("optuna")
    begin = SMALL.begin(TREES)
    finished = [(begin | {"rounds": 10 + place}, value) for place, value in enumerate(values)]
    first = suggest(SMALL, seed, number, finished, [begin])
    assert suggest(SMALL, seed, number, finished, [begin]) == first
    assert all(SMALL.ranges[name].holds(value) for name, value in first.items())
    assert isinstance(first["rounds"], int)


def test_suggestions_move_to_where_it_is_good() -> None:
    pytest.importorskip("optuna")
    begin = SMALL.begin(TREES)
    finished = [(begin, -50.0)]
    for number in range(1, 30):
        found = suggest(SMALL, 0, number, finished)
        finished.append((found, -abs(found["rounds"] - 70.0)))
    late = [found["rounds"] for found, _ in finished[15:]]
    assert sum(abs(rounds - 70) <= 10 for rounds in late) > len(late) / 2  # a quarter would be there by chance


FAULTS = {
    "lr = [": "are no TOML",
    "rounds = 5": "are empty",
    "rounds = { low = 1, high = 5.0 }": "are no range",
    "rounds = { low = 5, high = 1 }": "are no range",
    "rounds = { low = 0, high = 90, log = true }": "are no range",
    "rounds = { low = 1, high = 90, step = 2 }": "has low, high, step; a range has low and high",
    "rounds = { choices = [20] }": "is no list of two or more values",
    "rounds = { low = 30, high = 90 }": "rounds = 20, where the search begins, is not in its range",
    "size = { low = 1, high = 9 }": "there is no setting 'size'",
    "parms.depth = { low = 1, high = 9 }": "there is no setting 'parms.depth'",
    "params.depth = { low = 1, high = 9 }": "params.depth = None, where the search begins, is not in its range",
    "rounds = { low = 1, high = 90 }\npatience = 'long'": "patience = 'long' is no int",
}


@pytest.mark.parametrize("text", FAULTS)
def test_faults_are_told(text: str, tmp_path: Path) -> None:
    path = tmp_path / "ranges.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=FAULTS[text].replace(".", r"\.")) as told:
        load_ranges(TREES, path)
    assert "ranges.toml" in str(told.value)


def test_what_the_package_has_no_ranges_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="no ranges for diffpool, but for gnn, lightgbm, mlp"):
        load_ranges(load_config("diffpool"))
    with pytest.raises(ConfigError, match="no ranges for nu_svr"):
        load_ranges(load_config("nu_svr"))
    with pytest.raises(ConfigError, match=r"ranges .*absent\.toml cannot be read"):
        load_ranges(TREES, tmp_path / "absent.toml")
    with pytest.raises(ConfigError, match=r"rounds = 20000, where the search begins"):
        load_ranges(dataclasses.replace(load_config("random_forest"), rounds=20000))
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'nb301-ogb\[search\]'"):
        suggest(SMALL, 0, 0, [])
