"""Ensembles: what each member saw, the mean, the calibrated deviation, and a round trip through files."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from nb301_ogb.baselines import ensemble as module
from nb301_ogb.baselines.config import EnsembleConfig, GNNConfig, TreeConfig
from nb301_ogb.baselines.gnn_model import GNNModel
from nb301_ogb.baselines.model import Table
from nb301_ogb.baselines.models import make_model
from nb301_ogb.errors import ConfigError
from nb301_ogb.evaluators.uncertainty import coverage_95
from nb301_ogb.loaders.labelled import LabelledTable
from nb301_ogb.loaders.splits import components

MEMBERS = {
    "tiny": GNNConfig(
        num_layer=2, emb_dim=8, batch_size=64, epochs=3, lr=1e-2, drop_ratio=0.0, norm="batch", graph="canonical",
        label_scale="log_error",
    ),
    "tiny-gcn": GNNConfig(gnn="gcn", num_layer=2, emb_dim=8, batch_size=64, epochs=2, lr=1e-2, drop_ratio=0.0),
    "trees": TreeConfig(rounds=30, params={"learning_rate": 0.3, "num_leaves": 15}),
    "ensemble": EnsembleConfig(),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _small_members(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "load_config", lambda name, space: MEMBERS[name])
    monkeypatch.setattr(module, "config_names", lambda: tuple(MEMBERS))


@pytest.fixture(scope="module")
def table() -> Table:
    data = LabelledTable("nb201-cifar10")
    split = data.split()
    rng = np.random.default_rng(0)
    component = components(data.file.canonical_keys(), data.file.run_ids())
    train, valid = rng.permutation(split.train)[:1200], rng.permutation(split.valid)[:400]
    return Table("nasbench201", data.codes(), data.labels, train, valid, component)


def test_folds_part_no_component(table: Table) -> None:
    model = make_model(EnsembleConfig("trees", 4), "nasbench201")
    fold = model.folds(table, 0)
    assert sorted(set(fold)) == [0, 1, 2, 3]
    assert table.component is not None
    of_rows = table.component[table.train]
    assert all(len(set(fold[of_rows == one])) == 1 for one in np.unique(of_rows))
    without = model.folds(dataclasses.replace(table, component=None), 0)
    assert without.shape == fold.shape


def test_a_fold_with_an_odd_component_chooses_no_epoch(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = []
    fit = GNNModel.fit

    def watched(self: GNNModel, *arguments: object) -> object:
        kept.append(fit(self, *arguments))  # type: ignore[arg-type]
        return kept[-1]

    monkeypatch.setattr(GNNModel, "fit", watched)
    make_model(EnsembleConfig("tiny", 2), "nasbench201", device="cpu").fit(table, 0)
    assert [history.best for history in kept] == [3, 3]
    chosen = make_model(EnsembleConfig("tiny", 2, select="rmse"), "nasbench201", device="cpu").member_config
    assert isinstance(chosen, GNNConfig)
    assert chosen.select == "rmse"


def test_members_never_see_validation(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Table] = []
    model = make_model(EnsembleConfig("trees", 3), "nasbench201")
    for member in model.members:
        fit = member.fit
        monkeypatch.setattr(member, "fit", lambda part, seed, fit=fit: (seen.append(part), fit(part, seed))[1])
    model.fit(table, 0)
    for part in seen:
        assert not set(part.train) & set(part.valid)
        assert not (set(part.train) | set(part.valid)) & set(table.valid)
        assert sorted([*part.train, *part.valid]) == sorted(table.train)
    assert sorted(np.concatenate([part.valid for part in seen])) == sorted(table.train)


@pytest.mark.parametrize("member", ["tiny", "tiny-gcn", "trees"])
def test_mean_deviation_and_files(table: Table, member: str, tmp_path: Path) -> None:
    model = make_model(EnsembleConfig(member, 3), "nasbench201", device="cpu")
    seen: list[dict] = []
    history = model.fit(table, 0, seen.append)
    assert [record["epoch"] for record in history.records] == [1, 2, 3]
    assert 0 < history.records[0]["seconds"] <= history.records[2]["seconds"]
    assert seen == history.records
    codes = table.codes[table.valid]
    each = np.stack([one.predict(codes)[:, 0] for one in model.members])
    assert np.allclose(model.member_predictions(codes), each, atol=1e-3)
    mean, std = model.predict_distribution(codes)
    assert np.allclose(mean[:, 0], each.mean(axis=0), atol=1e-3)
    assert np.allclose(std[:, 0], model.calibration.std(each.std(axis=0, ddof=1)), rtol=1e-2, atol=1e-3)
    # The calibration was fitted on these rows.
    assert coverage_95(table.labels[table.valid, 0], mean[:, 0], std[:, 0]) == pytest.approx(0.95, abs=0.01)
    model.save(tmp_path)
    again = make_model(EnsembleConfig(member, 3), "nasbench201", device="cpu")
    again.load(tmp_path)
    assert np.allclose(again.predict(codes), mean, atol=1e-4)
    assert again.calibration == model.calibration
    assert again.num_parameters() == sum(one.num_parameters() for one in model.members)


def test_equivalent_architectures_get_one_answer(table: Table) -> None:
    model = make_model(EnsembleConfig("tiny", 2), "nasbench201", device="cpu")
    model.fit(table, 0)
    first, second = (model.space.parse(text) for text in ("333132", "333132"))
    codes = model.space.table()[::7]
    alone = np.concatenate([model.predict(codes[row : row + 1]) for row in range(20)])
    assert np.allclose(alone, model.predict(codes)[:20], atol=1e-3)
    assert np.array_equal(model.predict(np.stack([first, second]))[0], model.predict(first[None])[0])


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no ensembles themselves"):
        make_model(EnsembleConfig("ensemble", 3), "nasbench201")
    with pytest.raises(ConfigError, match=r"'mine\.toml' is no configuration of the package"):
        make_model(EnsembleConfig("mine.toml", 2), "nasbench201")
    with pytest.raises(ConfigError, match="size = 1 is out of range"):
        make_model(EnsembleConfig("trees", 1), "nasbench201")
    model = make_model(EnsembleConfig("trees", 2), "nasbench201")
    with pytest.raises(ConfigError, match="is no ensemble"):
        model.load(tmp_path)
    (tmp_path / "ensemble.json").write_text('{"calibration": {}, "size": 5}')
    with pytest.raises(ConfigError, match="holds 5 members"):
        model.load(tmp_path)


def test_a_choice_by_validation_is_claimed_only_where_there_was_one(table: Table) -> None:
    assert make_model(EnsembleConfig("trees", 2), "nasbench201").fit(table, 0).best == 0
    forest = make_model(TreeConfig(library="random_forest", rounds=3), "nasbench201")
    assert forest.fit(table, 0).best == 0


def test_no_architectures() -> None:
    model = make_model(EnsembleConfig(member="tiny", size=2), "darts", device="cpu")
    assert model.predict(np.empty((0, 32), np.uint8)).shape == (0, 1)
