"""The verb `train` on a dataset that was built from a NAS-Bench-301 archive, by the same command as on nb201.

The archive is a rehearsal: its labels are made up, so nothing measured here is a result.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nb301_ogb.baselines.runs import read_run
from nb301_ogb.catalog import get_info
from nb301_ogb.cli.app import app
from nb301_ogb.evaluators.metrics import kendall_tau
from nb301_ogb.loaders.labelled import LabelledTable
from tests.loaders.nb301_archive import SHARED, needs_shared, rehearsal

pytestmark = needs_shared


def verb(*words: object) -> None:
    app([str(word) for word in words], standalone_mode=False)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of datasets with 1,500 records, built by the verb `build`."""
    folder, info = tmp_path_factory.mktemp("rehearsal"), get_info("nb301")
    raw = rehearsal(folder / "raw", "--count", "1500")
    (folder / "root" / info.folder).mkdir(parents=True)
    place = folder / "root" / info.folder / info.filename
    verb("build", "nb301", "--source", raw, "--splits", SHARED / "splits", "--output", place)
    return folder / "root"


@pytest.fixture(scope="module")
def data(root: Path) -> LabelledTable:
    return LabelledTable("nb301", root)


def trained(root: Path, output: Path, name: str, *words: object):
    verb("train", "--dataset", "nb301", "--gnn", name, "--root", root, "--output", output, "--device", "cpu", *words)
    return read_run(output / "seed-0")


def fits_the_dataset(run, data: LabelledTable, split: str) -> None:
    parts = data.split(split)
    assert (run.info.dataset, run.info.split) == ("ogbg-nb301", split)
    assert run.info.content_hash == data.file.content_hash
    for name, rows in (("valid", parts.valid), ("test", parts.test)):
        found = run.predictions[name]
        assert np.array_equal(found.rows, rows)
        assert np.array_equal(found.codes, data.codes()[rows])
        assert np.array_equal(found.y_true, data.labels[rows])
        assert len(np.unique(found.y_pred)) > len(rows) // 2
        assert run.metrics[name]["kendall_tau"] == pytest.approx(
            kendall_tau(found.y_true[:, 0].astype(float), found.y_pred[:, 0].astype(float)), abs=1e-6
        )


@pytest.mark.parametrize("name", ["gin", "gcn"])
def test_an_epoch_of_a_network(root: Path, data: LabelledTable, tmp_path: Path, name: str) -> None:
    run = trained(root, tmp_path, name, "--epochs", 1, "--emb-dim", 16, "--num-layer", 2)
    fits_the_dataset(run, data, "default")
    assert len(run.records) == run.best == 1
    assert np.isfinite([run.records[0]["train_loss"], run.metrics["test"]["rmse"]]).all()


def test_trees_find_the_order(root: Path, data: LabelledTable, tmp_path: Path) -> None:
    run = trained(root, tmp_path, "lightgbm")
    fits_the_dataset(run, data, "default")
    assert run.metrics["test"]["kendall_tau"] > 0.7
    truth = run.predictions["test"].y_true
    assert run.metrics["test"]["rmse"] < 0.6 * truth.std()


def test_a_group_left_out(root: Path, data: LabelledTable, tmp_path: Path) -> None:
    """Test rows are the group's alone, and going on after the end changes nothing."""
    words = ("--split", "leave_out_re", "--epochs", 1, "--emb-dim", 8, "--num-layer", 1)
    run = trained(root, tmp_path, "gin", *words)
    fits_the_dataset(run, data, "leave_out_re")
    names, group = data.file.groups()
    assert {names[number] for number in group[run.predictions["test"].rows]} == {"re"}
    assert "re" not in {names[number] for number in group[data.split("leave_out_re").train]}
    written = (run.folder / "model.safetensors").stat().st_mtime_ns
    again = trained(root, tmp_path, "gin", *words, "--resume")
    assert (again.folder / "model.safetensors").stat().st_mtime_ns == written
    assert json.loads((tmp_path / "summary.json").read_text())["split"] == "leave_out_re"
