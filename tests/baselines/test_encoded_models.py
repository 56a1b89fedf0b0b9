"""Models of encoded architectures: equal to their libraries, kept without pickle, usable without their libraries."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from sklearn.ensemble import RandomForestRegressor
from sklearn.svm import SVR, NuSVR

from nb301_ogb.baselines.config import Config, SVRConfig, TreeConfig, load_config
from nb301_ogb.baselines.encoded import EncodedModel
from nb301_ogb.baselines.label_scale import SCALES
from nb301_ogb.baselines.model import Table
from nb301_ogb.baselines.models import make_model
from nb301_ogb.errors import ConfigError, MissingExtraError
from nb301_ogb.evaluators.metrics import kendall_tau, rmse
from nb301_ogb.loaders.labelled import LabelledTable

FOREST = TreeConfig("random_forest", rounds=12, label_scale="log_error", params={"max_features": 0.3})
BOOST = TreeConfig(
    "ngboost",
    rounds=30,
    patience=30,
    label_scale="log_error",
    params={"learning_rate": 0.1, "max_depth": 4, "minibatch_frac": 0.8, "col_sample": 0.8},
)
SVM = SVRConfig(label_scale="log_error", C=3.0)
NU_SVM = dataclasses.replace(SVM, variant="nu_svr")
SMALL = {"random_forest": FOREST, "ngboost": BOOST, "svr": SVM, "nu_svr": NU_SVM}
KEPT = pytest.mark.parametrize("name", SMALL)


@pytest.fixture(scope="module")
def table() -> Table:
    data = LabelledTable("nb201-cifar10")
    rows = np.random.default_rng(0).permutation(data.split("random").train)
    return Table("nasbench201", data.codes(), data.labels, rows[:500], rows[500:700])


@pytest.fixture(scope="module")
def models(table: Table) -> dict[str, EncodedModel]:
    fitted = {name: make_model(config, "nasbench201") for name, config in SMALL.items()}
    for model in fitted.values():
        model.fit(table, 5)
    return fitted


def log_errors(table: Table, rows: np.ndarray) -> np.ndarray:
    """On the label scale, to the last bit."""
    return SCALES["log_error"].there(torch.from_numpy(table.labels[rows, 0])).numpy()


@KEPT
def test_it_learns(models: dict, table: Table, name: str) -> None:
    truth, found = table.labels[table.valid, 0], models[name].predict(table.codes[table.valid])
    assert found.dtype == np.float32
    assert found.shape == (200, 1)
    assert rmse(truth, found[:, 0]) < truth.std()
    assert kendall_tau(truth, found[:, 0]) > 0.6


@KEPT
def test_a_seed_repeats_itself(models: dict, table: Table, name: str) -> None:
    for seed, same in ((5, True), (6, "svr" in name)):
        again = make_model(SMALL[name], "nasbench201")
        again.fit(table, seed)
        assert np.array_equal(again.predict(table.codes[:90]), models[name].predict(table.codes[:90])) is same


@KEPT
def test_what_is_saved_predicts_without_the_library(
    models: dict, table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    model = models[name]
    model.save(tmp_path)
    for hidden in [one for one in sys.modules if one.partition(".")[0] in ("sklearn", "ngboost")]:
        monkeypatch.setitem(sys.modules, hidden, None)
    again = make_model(SMALL[name], "nasbench201")
    again.load(tmp_path)
    codes = table.codes[::20]
    for one, two in zip(again.predict_distribution(codes), model.predict_distribution(codes), strict=True):
        assert np.array_equal(one, two, equal_nan=True)
    assert np.array_equal(again.predict(codes), model.predict_distribution(codes)[0])
    assert again.num_parameters() == model.num_parameters() > 0
    assert len(again.predict(table.codes[:0])) == 0


@pytest.mark.parametrize(
    ("name", "hidden", "command"),
    [
        ("lightgbm", "lightgbm", r"lightgbm needs lightgbm.*'nb301-ogb\[trees\]'"),
        ("xgboost", "xgboost", r"xgboost needs xgboost.*'nb301-ogb\[trees\]'"),
        ("random_forest", "sklearn.ensemble", r"random_forest needs scikit-learn.*pip install 'nb301-ogb\[trees\]'"),
        ("svr", "sklearn.svm", r"svr needs scikit-learn.*pip install 'nb301-ogb\[trees\]'"),
        ("nu_svr", "sklearn.svm", r"nu_svr needs scikit-learn.*pip install 'nb301-ogb\[trees\]'"),
        ("ngboost", "ngboost", r"ngboost needs ngboost.*pip install 'nb301-ogb\[ngboost\]'"),
    ],
)
def test_a_missing_library(table: Table, monkeypatch: pytest.MonkeyPatch, name: str, hidden: str, command: str) -> None:
    monkeypatch.setitem(sys.modules, hidden, None)
    with pytest.raises(MissingExtraError, match=command):
        make_model(load_config(name), "nasbench201").fit(table, 0)


@KEPT
def test_damaged_files(models: dict, tmp_path: Path, name: str) -> None:
    config = SMALL[name]
    models[name].save(tmp_path)
    path = tmp_path / "model.safetensors"
    arrays = load_file(path)
    for key in arrays:
        save_file({other: value for other, value in arrays.items() if other != key}, path)
        with pytest.raises(ConfigError, match=r"fit the model again|folder that `save` wrote"):
            make_model(config, "nasbench201").load(tmp_path)
    save_file(arrays, path)
    with pytest.raises(ConfigError, match="fitted on 114 features, its configuration gives 30"):
        make_model(dataclasses.replace(config, encoding=("one_hot",)), "nasbench201").load(tmp_path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ConfigError, match="folder that `save` wrote"):
        make_model(config, "nasbench201").load(tmp_path)


@pytest.mark.parametrize("config", [*SMALL.values(), TreeConfig("lightgbm")])
def test_one_complete_target(table: Table, config: Config) -> None:
    with pytest.raises(ConfigError, match="predicts one target, not 2"):
        make_model(config, "nasbench201", num_tasks=2)
    labels = table.labels.copy()
    labels[table.train[0]] = np.nan
    with pytest.raises(ConfigError, match="a measurement in every row"):
        make_model(config, "nasbench201").fit(dataclasses.replace(table, labels=labels), 0)


def test_what_does_not_exist() -> None:
    with pytest.raises(ConfigError, match="lightgbm, xgboost, random_forest, ngboost"):
        make_model(TreeConfig("catboost"), "nasbench201")
    with pytest.raises(ConfigError, match="allowed are svr, nu_svr"):
        make_model(SVRConfig("linear"), "nasbench201")
    with pytest.raises(ConfigError, match="there is no encoding 'hot'"):
        make_model(TreeConfig("random_forest", encoding=("hot",)), "nasbench201")


# Trees


def test_boosted_trees_after_some_rounds(table: Table) -> None:
    model = make_model(TreeConfig("lightgbm", rounds=30, params={"num_leaves": 7}), "nasbench201")
    model.fit(table, 0)
    x = model.encode(table.codes[table.valid])
    for mark, found in zip((1, 1, 8, 30), model._after(x, (1, 1, 8, 30)), strict=True):
        assert np.allclose(found, model.booster.predict(x, num_iteration=mark), rtol=1e-12)
    trees = model.booster.dump_model()["tree_info"]
    leaves = sum(tree["num_leaves"] for tree in trees)
    assert model.num_parameters() == leaves + 2 * (leaves - len(trees))


# Random forest


def test_a_forest_is_that_of_scikit_learn(models: dict, table: Table) -> None:
    model = models["random_forest"]
    x = model.encode(table.codes)
    plain = RandomForestRegressor(12, max_features=0.3, random_state=5).fit(
        x[table.train], log_errors(table, table.train)
    )
    assert np.allclose(model.forest.values(x).mean(axis=1), plain.predict(x), rtol=1e-12)
    assert np.allclose(model.predict(table.codes)[:, 0], 100 - np.exp(plain.predict(x)), rtol=1e-6)
    nodes = sum(tree.tree_.node_count for tree in plain.estimators_)
    leaves = sum(tree.tree_.n_leaves for tree in plain.estimators_)
    assert model.num_parameters() == leaves + 2 * (nodes - leaves)


def test_the_deviation_of_a_forest_is_that_of_its_trees(models: dict, table: Table) -> None:
    model = models["random_forest"]
    mean, std = model.predict_distribution(table.codes[:50])
    each = 100 - np.exp(model.forest.values(model.encode(table.codes[:50])))
    assert np.allclose(std[:, 0], each.std(axis=1), rtol=1e-5)
    assert np.array_equal(mean, model.predict(table.codes[:50]))


def test_history_after_numbers_of_trees(table: Table) -> None:
    model, seen = make_model(FOREST, "nasbench201"), []
    history = model.fit(table, 5, seen.append)
    assert history.records == seen
    assert [record["epoch"] for record in seen] == list(range(1, 13))
    assert history.best == 0, "a forest of trees is not chosen by validation"
    alone = make_model(dataclasses.replace(FOREST, rounds=3), "nasbench201")
    assert alone.fit(table, 5).records[-1]["valid"] == pytest.approx(seen[2]["valid"], rel=1e-6)


@pytest.mark.parametrize("params", [{"depth": 3}, {"max_features": "many"}])
def test_params_that_scikit_learn_does_not_take(table: Table, params: dict) -> None:
    with pytest.raises(ConfigError, match=r"random forest cannot be fitted with these params .*depth|max_features"):
        make_model(dataclasses.replace(FOREST, params=params), "nasbench201").fit(table, 0)


# NGBoost


def test_rounds_are_those_of_the_library(models: dict, table: Table) -> None:
    from ngboost import NGBRegressor
    from sklearn.tree import DecisionTreeRegressor

    model = models["ngboost"]
    x = model.encode(table.codes)
    valid = log_errors(table, table.valid)
    plain = NGBRegressor(
        Base=DecisionTreeRegressor(max_depth=4, random_state=5),
        n_estimators=30, learning_rate=0.1, minibatch_frac=0.8, col_sample=0.8, random_state=5, verbose=False,
    ).fit(x[table.train], log_errors(table, table.train), x[table.valid], valid, early_stopping_rounds=30)  # fmt: skip
    best = plain.best_val_loss_itr + 1
    expected = plain.pred_dist(x, max_iter=best)
    found = model._parameters(x, best)
    assert len(model.steps) == best > 3
    assert np.allclose(found[0], expected.params["loc"], rtol=1e-9)
    assert np.allclose(found[1], expected.params["scale"], rtol=1e-9)


@pytest.mark.parametrize("kind", ["linear", "log", "log_error"])
def test_moments_of_the_distribution(table: Table, kind: str) -> None:
    """Against draws from the normal distribution on the label scale, taken to the label's unit."""
    model = make_model(dataclasses.replace(BOOST, rounds=8, label_scale=kind), "nasbench201")
    model.fit(table, 0)
    codes = table.codes[table.valid[:4]]
    place, spread = model._parameters(model.encode(codes), len(model.steps))
    draws = place[:, None] + spread[:, None] * np.random.default_rng(0).standard_normal((4, 200_000))
    labels = {"linear": draws, "log": np.exp(draws), "log_error": 100 - np.exp(draws)}[kind]
    mean, std = model.predict_distribution(codes)
    assert np.allclose(mean[:, 0], labels.mean(axis=1), rtol=2e-3)
    assert np.allclose(std[:, 0], labels.std(axis=1), rtol=2e-2)
    assert np.array_equal(model.predict(codes), mean)


def test_params_that_the_library_does_not_know(table: Table) -> None:
    with pytest.raises(ConfigError, match=r"NGBoost does not take .*depth"):
        make_model(dataclasses.replace(BOOST, params={"depth": 3}), "nasbench201").fit(table, 0)


# Support vectors


@pytest.mark.parametrize(
    ("config", "plain"),
    [
        (SVM, SVR(C=3.0, epsilon=0.1, gamma="scale")),
        (NU_SVM, NuSVR(C=3.0, nu=0.5, gamma="scale")),
        (dataclasses.replace(SVM, gamma=0.02, C=0.5, epsilon=0.3), SVR(C=0.5, epsilon=0.3, gamma=0.02)),
    ],
)
def test_support_vectors_are_those_of_scikit_learn(table: Table, config: SVRConfig, plain: SVR) -> None:
    model = make_model(config, "nasbench201")
    model.fit(table, 0)
    x, some = model.encode(table.codes).astype(float), table.valid
    labels = log_errors(table, table.train).astype(float)
    plain.fit(x[table.train], (labels - labels.mean()) / labels.std())
    expected = 100 - np.exp(plain.predict(x[some]) * labels.std() + labels.mean())
    assert np.allclose(model.predict(table.codes[some])[:, 0], expected, rtol=1e-4)
    assert len(model.vectors) == len(plain.support_)


@pytest.mark.parametrize(
    ("config", "changes"),
    [
        (SVM, {"C": 0.1}),
        (SVM, {"epsilon": 0.5}),
        (SVM, {"gamma": 0.001}),
        (NU_SVM, {"C": 0.1}),
        (NU_SVM, {"nu": 0.1}),
        (NU_SVM, {"gamma": 0.001}),
    ],
)
def test_every_setting_counts(models: dict, table: Table, config: SVRConfig, changes: dict) -> None:
    other = make_model(dataclasses.replace(config, **changes), "nasbench201")
    other.fit(table, 0)
    before = models[config.variant].predict(table.codes[:200])
    assert np.abs(other.predict(table.codes[:200]) - before).max() > 0.05


def test_no_deviation_where_a_model_knows_none(models: dict, table: Table) -> None:
    mean, std = models["svr"].predict_distribution(table.codes[:9])
    assert np.array_equal(mean, models["svr"].predict(table.codes[:9]))
    assert std.shape == (9, 1)
    assert np.isnan(std).all()
