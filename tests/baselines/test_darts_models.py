"""Every reference model on a dataset of the DARTS space, by the configuration of the package."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from nb301_ogb.baselines.config import Config, GNNConfig, MLPConfig, TreeConfig, load_config
from nb301_ogb.baselines.model import Table
from nb301_ogb.baselines.models import make_model
from nb301_ogb.baselines.runs import read_run
from nb301_ogb.catalog import get_info
from nb301_ogb.cli.app import app
from nb301_ogb.loaders.labelled import LabelledTable
from tests.small_files import darts_file

MODELS = ("lightgbm", "xgboost", "random_forest", "ngboost", "svr", "nu_svr", "mlp", "gin-canonical", "diffpool")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    info, root = get_info("nb301"), tmp_path_factory.mktemp("root")
    (root / info.folder).mkdir()
    darts_file(root / info.folder / info.filename)
    return root


@pytest.fixture(scope="module")
def table(root: Path) -> Table:
    data = LabelledTable("nb301", root)
    split = data.split()
    return Table("darts", data.codes(), data.labels, split.train, split.valid)


def quick(name: str) -> Config:
    config = load_config(name, "darts")
    if isinstance(config, GNNConfig | MLPConfig):
        return dataclasses.replace(config, emb_dim=8, num_layer=2, epochs=2)
    return dataclasses.replace(config, rounds=5) if isinstance(config, TreeConfig) else config


def fits_and_is_kept(config: Config, table: Table, folder: Path) -> None:
    model = make_model(config, "darts", device="cpu")
    model.fit(table, 0)
    found = model.predict(table.codes)
    assert found.shape == (len(table.codes), 1)
    assert len(np.unique(found.round(4))) > 4
    model.save(folder)
    again = make_model(model.config, "darts", device="cpu")
    again.load(folder)
    assert np.allclose(again.predict(table.codes), found, rtol=1e-5)
    assert np.allclose(again.predict(table.codes[:1]), found[:1], rtol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_a_model(table: Table, tmp_path: Path, name: str) -> None:
    fits_and_is_kept(quick(name), table, tmp_path)


@pytest.mark.parametrize("library", ["lightgbm", "xgboost", "random_forest"])
def test_trees_on_all_paths(table: Table, tmp_path: Path, library: str) -> None:
    """11,200 columns, which stay sparse."""
    params = {"max_features": 0.05} if library == "random_forest" else {}
    fits_and_is_kept(TreeConfig(library, ("op_counts", "path_counts"), rounds=5, params=params), table, tmp_path)


@pytest.mark.parametrize("name", ["lightgbm", "svr"])
def test_the_verb(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The run says which encoding the model saw, though the configuration leaves that to the space."""
    if name == "lightgbm":  # one report is enough: that of a fit without epochs
        monkeypatch.setattr("nb301_ogb.baselines.training.write_report", lambda path, runs: path.write_text("<svg<svg"))
    output = tmp_path / "out"
    app(["train", "--dataset", "nb301", "--gnn", name, "--root", str(root), "--output", str(output)],
        standalone_mode=False)  # fmt: skip
    run = read_run(output / "seed-0")
    assert run.config.encoding == ("one_hot", "edge_ops", "op_counts")
    assert load_config(name).encoding == ()
    assert (output / "report.html").read_text().count("<svg") == 2
