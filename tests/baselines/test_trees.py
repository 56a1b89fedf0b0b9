"""Boosted trees: what their libraries are told, and what is refused before they pass over it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nb301_ogb.baselines.config import TreeConfig
from nb301_ogb.baselines.model import Table
from nb301_ogb.baselines.models import make_model
from nb301_ogb.errors import ConfigError
from nb301_ogb.loaders.labelled import LabelledTable


@pytest.fixture(scope="module")
def table() -> Table:
    data = LabelledTable("nb201-cifar10")
    rows = np.random.default_rng(0).permutation(data.split("random").train)
    return Table("nasbench201", data.codes(), data.labels, rows[:200], rows[200:300])


def fitted(table: Table, library: str, params: dict[str, Any]) -> np.ndarray:
    model = make_model(TreeConfig(library=library, rounds=5, params=params), "nasbench201")
    model.fit(table, 0)
    return model.predict(table.codes[:50])


@pytest.mark.parametrize(
    ("library", "name"),
    [
        ("lightgbm", "objective"),
        ("lightgbm", "seed"),
        ("lightgbm", "random_state"),
        ("lightgbm", "num_boost_round"),
        ("xgboost", "eval_metric"),
        ("xgboost", "nthread"),
    ],
)
def test_parameters_that_the_model_decides(table: Table, library: str, name: str) -> None:
    with pytest.raises(ConfigError, match=rf"sets {name} itself; take that out of \[params\]"):
        fitted(table, library, {name: "x"})


@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
def test_a_name_that_the_library_would_pass_over(table: Table, library: str) -> None:
    with pytest.raises(ConfigError, match=f"{library} has no use for lamda, learnig_rate in"):
        fitted(table, library, {"learnig_rate": 0.1, "lamda": 1, "learning_rate": 0.1})


@pytest.mark.parametrize(
    ("library", "params", "words"),
    [
        ("lightgbm", {"num_leaves": -5}, "num_leaves"),
        ("lightgbm", {"bagging_fraction": 3.0}, "bagging_fraction"),
        ("lightgbm", {"boosting": "darts"}, "darts"),
        ("xgboost", {"max_depth": -5}, "max_depth"),
        ("xgboost", {"subsample": 3.0}, "subsample"),
        ("xgboost", {"booster": "darts"}, "darts"),
        ("xgboost", {"learning_rate": "fast"}, "fast|ast"),
        ("ngboost", {"learning_rate": "fast"}, "NGBoost does not take"),
        ("ngboost", {"max_depth": -5}, "max_depth"),
    ],
)
def test_a_value_that_the_library_does_not_take(table: Table, library: str, params: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as told:
        fitted(table, library, params)
    assert "params" in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(("one", "other"), [("feature_fraction", "colsample_bytree"), ("lambda_l2", "reg_lambda")])
def test_other_names_of_a_parameter(table: Table, one: str, other: str) -> None:
    assert np.array_equal(fitted(table, "lightgbm", {one: 0.4}), fitted(table, "lightgbm", {other: 0.4}))
