"""Training: that it learns, repeats itself, chooses by validation, and leaves whole run folders."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from nb301_ogb.baselines import runs
from nb301_ogb.baselines.config import GNNConfig, TreeConfig, load_config
from nb301_ogb.baselines.finished import rescore
from nb301_ogb.baselines.gnn_model import GNNModel, resolve_device
from nb301_ogb.baselines.model import Table
from nb301_ogb.baselines.models import make_model
from nb301_ogb.baselines.report import write_report
from nb301_ogb.baselines.scores import score
from nb301_ogb.baselines.training import Job, train
from nb301_ogb.errors import ConfigError, OutputError
from nb301_ogb.evaluators.metrics import kendall_tau, rmse
from nb301_ogb.loaders.labelled import LabelledTable

SMALL = dataclasses.replace(load_config("gin"), num_layer=2, emb_dim=16, batch_size=64, epochs=4, lr=5e-3, patience=10)
TREES = TreeConfig(params={"learning_rate": 0.2, "max_depth": 6}, rounds=60, patience=20)


@pytest.fixture(scope="module")
def data() -> LabelledTable:
    return LabelledTable("nb201-cifar10")


@pytest.fixture(scope="module")
def table(data: LabelledTable) -> Table:
    split = data.split("random")
    rng = np.random.default_rng(0)
    train_rows, valid_rows = rng.permutation(split.train)[:1500], rng.permutation(split.valid)[:300]
    return Table("nasbench201", data.codes(), data.labels, train_rows, valid_rows)


def test_a_network_learns(table: Table) -> None:
    model = GNNModel(dataclasses.replace(SMALL, epochs=10, label_scale="linear"), "nasbench201", device="cpu")
    seen: list[dict] = []
    history = model.fit(table, 0, seen.append)
    truth = table.labels[table.valid, 0]
    assert seen == history.records
    assert [record["epoch"] for record in seen] == list(range(1, 11))
    predicted = model.predict(table.codes[table.valid])[:, 0]
    assert rmse(truth, predicted) < 0.9 * truth.std()
    assert kendall_tau(truth, predicted) > 0.5
    assert seen[-1]["train_loss"] < seen[0]["train_loss"]


def test_the_chosen_epoch_is_the_best_on_validation(table: Table) -> None:
    model = GNNModel(dataclasses.replace(SMALL, lr=0.05), "nasbench201", device="cpu")
    history = model.fit(table, 0)
    scores = [record["valid"]["rmse"] for record in history.records]
    assert history.best == 1 + int(np.argmin(scores))
    again = score(table.labels[table.valid].astype(np.float64), model.predict(table.codes[table.valid]))
    assert again["rmse"] == pytest.approx(min(scores), rel=1e-6)


def test_the_last_epoch_can_be_chosen(table: Table) -> None:
    # Without patience the training ends where validation says nothing.
    config = dataclasses.replace(SMALL, select="last", patience=1, epochs=4)
    seen: list[np.ndarray] = []
    model = GNNModel(config, "nasbench201", device="cpu")
    history = model.fit(table, 0, lambda record: seen.append(model.predict(table.codes[table.valid])))
    assert history.best == len(history.records) == len(seen) == 4
    assert np.array_equal(model.predict(table.codes[table.valid]), seen[-1])
    assert not np.array_equal(seen[-2], seen[-1])


@pytest.mark.parametrize(("select", "told"), [("rmse", True), ("last", False)])
def test_the_report_says_whether_validation_chose(tmp_path: Path, select: str, told: bool) -> None:
    config = dataclasses.replace(SMALL, select=select, epochs=2)
    train(Job("nb201-cifar10", config, "few_shot_156", device="cpu"), [0], tmp_path)
    assert ("was chosen by validation" in (tmp_path / "report.html").read_text()) is told


def test_selection_by_a_metric_that_grows(table: Table) -> None:
    model = GNNModel(dataclasses.replace(SMALL, select="kendall_tau"), "nasbench201", device="cpu")
    history = model.fit(table, 0)
    scores = [record["valid"]["kendall_tau"] for record in history.records]
    assert history.best == 1 + int(np.argmax(scores))


@pytest.mark.parametrize("gnn", ["gin", "gcn-virtual"])
def test_a_seed_repeats_itself_and_leaves_torch_alone(table: Table, gnn: str) -> None:
    config = dataclasses.replace(SMALL, gnn=gnn, epochs=2, drop_ratio=0.2)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    found = []
    for seed in (3, 3, 4):
        model = GNNModel(config, "nasbench201", device="cpu")
        model.fit(table, seed)
        found.append(model.predict(table.codes[:50]))
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


@pytest.mark.parametrize("gnn", ["gin", "gcn-virtual"])
def test_both_loaders_give_the_same_model(table: Table, gnn: str) -> None:
    found = []
    for loader in ("fast", "pyg"):
        config = dataclasses.replace(SMALL, gnn=gnn, epochs=2, drop_ratio=0.1, loader=loader)
        model = GNNModel(config, "nasbench201", device="cpu")
        history = model.fit(table, 0)
        found.append((model.predict(table.codes[:200]), [record["train_loss"] for record in history.records]))
    assert np.array_equal(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]


def test_on_canonical_graphs_equivalent_architectures_get_equal_predictions(table: Table) -> None:
    model = GNNModel(dataclasses.replace(SMALL, graph="canonical", epochs=1), "nasbench201", device="cpu")
    model.fit(table, 0)
    space, codes = model.space, model.space.table()
    keys = space.canonical_keys(codes)
    predicted = model.predict(codes)[:, 0]
    _, first, which = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    assert np.allclose(predicted, predicted[first][which.ravel()], atol=1e-4)
    assert len(np.unique(predicted.round(3))) > 500


def test_early_stopping(table: Table) -> None:
    # A learning rate of nearly nothing: the first epoch stays the best, or nearly so.
    model = GNNModel(dataclasses.replace(SMALL, lr=1e-12, patience=1, epochs=9), "nasbench201", device="cpu")
    assert len(model.fit(table, 0).records) < 9


def test_missing_measurements_do_not_count(data: LabelledTable) -> None:
    split = data.split("random")
    labels = np.concatenate([data.labels, data.labels], axis=1)
    labels[split.train[::2], 1] = np.nan
    table = Table("nasbench201", data.codes(), labels, split.train[:500], split.valid[:100])
    model = GNNModel(SMALL, "nasbench201", num_tasks=2, device="cpu")
    history = model.fit(table, 0)
    assert np.isfinite(history.records[-1]["train_loss"])
    assert model.predict(table.codes[:3]).shape == (3, 2)


def test_divergence_is_told(table: Table) -> None:
    labels = np.full_like(table.labels, np.nan)
    with pytest.raises(ConfigError):
        GNNModel(SMALL, "nasbench201", device="cpu").fit(dataclasses.replace(table, labels=labels), 0)


@pytest.mark.parametrize("name", ["gin", "lightgbm", "xgboost"])
def test_save_and_load(table: Table, tmp_path: Path, name: str) -> None:
    config = SMALL if name == "gin" else dataclasses.replace(TREES, library=name)
    model = make_model(config, "nasbench201", device="cpu", threads=1)
    model.fit(table, 0)
    model.save(tmp_path)
    again = make_model(config, "nasbench201", device="cpu", threads=1)
    again.load(tmp_path)
    codes = table.codes[::50]
    assert np.allclose(model.predict(codes), again.predict(codes), rtol=1e-5)
    assert again.num_parameters() == model.num_parameters() > 0


@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_damaged_trees(table: Table, tmp_path: Path, name: str) -> None:
    config = dataclasses.replace(TREES, library=name, rounds=5)
    model = make_model(config, "nasbench201")
    model.fit(table, 0)
    model.save(tmp_path)
    with pytest.raises(ConfigError, match="fitted on 114 features, its configuration gives 30"):
        make_model(dataclasses.replace(config, encoding=("one_hot",)), "nasbench201").load(tmp_path)
    path = tmp_path / model.weights_file
    if name == "lightgbm":  # the library itself reads the files, too
        plain = model.library.Booster(model_file=str(path)).predict(model.encode(table.codes[:9]))
    else:
        booster = model.library.Booster(model_file=str(path))
        plain = booster.predict(model.library.DMatrix(model.encode(table.codes[:9])))
    assert np.allclose(model.predict(table.codes[:9])[:, 0], plain)
    whole = path.read_bytes()
    changed = whole.replace(b"0", b"1", 1)
    for part in (b"", whole[:100], whole[: len(whole) // 2], whole[:-1], changed):
        path.write_bytes(part)
        with pytest.raises(ConfigError, match="no model of its library"):
            make_model(config, "nasbench201").load(tmp_path)
    path.unlink()
    with pytest.raises(ConfigError, match="no model of its library"):
        make_model(config, "nasbench201").load(tmp_path)


@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_trees_learn_and_repeat(table: Table, name: str) -> None:
    config = dataclasses.replace(TREES, library=name)
    found = []
    for _ in range(2):
        model = make_model(config, "nasbench201", threads=1)
        history = model.fit(table, 0)
        found.append(model.predict(table.codes[table.valid]))
    truth = table.labels[table.valid, 0]
    assert np.array_equal(found[0], found[1])
    assert rmse(truth, found[0][:, 0]) < 0.5 * truth.std()
    assert 1 <= history.best <= config.rounds


def test_trees_take_one_complete_target(table: Table) -> None:
    with pytest.raises(ConfigError, match="one target"):
        make_model(TREES, "nasbench201", num_tasks=2)
    labels = table.labels.copy()
    labels[table.train[0]] = np.nan
    with pytest.raises(ConfigError, match="in every row"):
        make_model(TREES, "nasbench201").fit(dataclasses.replace(table, labels=labels), 0)


def test_unknown_choices() -> None:
    with pytest.raises(ConfigError, match="lightgbm"):
        make_model(TreeConfig(library="catboost"), "nasbench201")
    with pytest.raises(ConfigError, match="huber"):
        GNNModel(GNNConfig(loss="hinge"), "nasbench201")
    with pytest.raises(ConfigError, match="auto, cpu"):
        resolve_device("tpu7")
    with pytest.raises(ConfigError, match="torch sees"):
        resolve_device("cuda:99")
    assert resolve_device("cpu").type == "cpu"


def test_weights_of_another_network(table: Table, tmp_path: Path) -> None:
    GNNModel(SMALL, "nasbench201", device="cpu").save(tmp_path)
    with pytest.raises(ConfigError, match="another network"):
        GNNModel(dataclasses.replace(SMALL, emb_dim=8), "nasbench201", device="cpu").load(tmp_path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[runs.Run]]:
    output = tmp_path_factory.mktemp("runs") / "gin"
    job = Job("ogbg-nb201-cifar10", dataclasses.replace(SMALL, epochs=2), device="cpu", train_rows=1000)
    return output, train(job, [0, 1], output)


def test_a_run_folder_holds_everything(trained: tuple[Path, list[runs.Run]], data: LabelledTable) -> None:
    output, finished = trained
    for run in finished:
        names = {path.name for path in run.folder.iterdir()}
        assert names == {
            "config.toml",
            "metrics.jsonl",
            "predictions.h5",
            "model.safetensors",
            "environment.json",
            "report.html",
        }
        assert run.info.content_hash == data.file.content_hash
    assert [run.info.seed for run in finished] == [0, 1]
    split = data.split()
    with h5py.File(output / "seed-0" / "predictions.h5") as file:
        assert file.attrs["content_hash"] == data.file.content_hash
        assert np.array_equal(file["test/row"], split.test)
        assert np.array_equal(file["test/y_true"], data.labels[split.test])
        assert np.array_equal(file["valid/code"], data.codes()[split.valid])
    environment = json.loads((output / "seed-0" / "environment.json").read_text())
    assert environment["libraries"]["torch"]
    assert not [path for path in output.iterdir() if path.name.startswith(".")]


def test_rescoring_gives_the_same(trained: tuple[Path, list[runs.Run]]) -> None:
    _, finished = trained
    for run in finished:
        assert rescore(run.folder).metrics["test"] == pytest.approx(run.metrics["test"])


def test_runs_are_not_replaced_unasked(trained: tuple[Path, list[runs.Run]]) -> None:
    output, _ = trained
    before = (output / "seed-0" / "metrics.jsonl").read_text()
    with pytest.raises(ConfigError, match="--overwrite"):
        train(Job("nb201-cifar10", SMALL, device="cpu"), [0], output)
    assert (output / "seed-0" / "metrics.jsonl").read_text() == before


def test_a_failure_leaves_the_old_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output, job = tmp_path / "runs", Job("nb201-cifar10", TREES, train_rows=500)
    train(job, [0], output)
    before = {path.name: path.read_bytes() for path in (output / "seed-0").iterdir()}

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("nb301_ogb.baselines.training.write_report", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(job, [0], output, overwrite=True)
    assert {path.name: path.read_bytes() for path in (output / "seed-0").iterdir()} == before
    assert not [path for path in output.iterdir() if path.name.startswith(".")]
    train(job, [0], output, overwrite=True)
    assert (output / "seed-0" / "predictions.h5").is_file()


def test_a_folder_of_the_users_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tmp_path / "seed-0" / "thesis.tex"
    mine.parent.mkdir()
    mine.write_text("years of work")
    monkeypatch.setattr("nb301_ogb.baselines.training._Task.fit", lambda *_: pytest.fail("trained all the same"))
    with pytest.raises(OutputError, match="was not written by this command"):
        train(Job("nb201-cifar10", TREES), [0], tmp_path, overwrite=True)
    assert mine.read_text() == "years of work"


def test_the_report(trained: tuple[Path, list[runs.Run]]) -> None:
    output, finished = trained
    page = (output / "report.html").read_text()
    write_report(output / "again.html", finished)
    assert (output / "again.html").read_text() == page
    assert page.count("<svg") == 2
    assert f"{finished[0].info.num_params:,} parameters" in page
    assert "Kendall" in page
    assert "±" in page


def test_damaged_runs(trained: tuple[Path, list[runs.Run]], tmp_path: Path) -> None:
    _, finished = trained
    with pytest.raises(ConfigError, match="no finished run"):
        runs.read_run(tmp_path)
    with pytest.raises(ConfigError, match="neither is nor holds"):
        runs.find_runs([tmp_path])
    assert runs.find_runs([finished[0].folder.parent]) == [run.folder for run in finished]
    for name in ("config.toml", "metrics.jsonl", "predictions.h5"):
        copy = tmp_path / f"broken-{name}"
        copy.mkdir()
        for path in finished[0].folder.iterdir():
            (copy / path.name).write_bytes(b"\0x" if path.name == name else path.read_bytes())
        with pytest.raises(ConfigError, match="no finished run"):
            runs.read_run(copy)


def test_a_run_on_other_data(trained: tuple[Path, list[runs.Run]], tmp_path: Path) -> None:
    _, finished = trained
    copy = tmp_path / "run"
    copy.mkdir()
    for path in finished[0].folder.iterdir():
        data = path.read_bytes()
        if path.name == "config.toml":
            data = data.replace(finished[0].info.content_hash.encode(), b"0" * 64)
        (copy / path.name).write_bytes(data)
    with pytest.raises(ConfigError, match="content hash"):
        rescore(copy)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu(table: Table) -> None:
    found = []
    for _ in range(2):
        model = GNNModel(SMALL, "nasbench201", device="cuda")
        model.fit(table, 0)
        found.append(model.predict(table.codes[table.valid]))
    assert np.allclose(found[0], found[1], atol=0.05)


def test_every_line_of_metrics_is_json_for_everybody(tmp_path: Path) -> None:
    (run,) = train(Job("nb201-cifar10", TREES, train_rows=300), [0], tmp_path)
    for line in (run.folder / "metrics.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert np.isnan(run.best_train)
    assert run.info.num_train == 300
    with pytest.raises(ConfigError, match="300"):
        train(Job("nb201-cifar10", TREES), [0], tmp_path, resume=True)


# What people meet

SHORT = GNNConfig(gnn="gin", num_layer=1, emb_dim=8, batch_size=512, epochs=1, drop_ratio=0.0)


@pytest.mark.parametrize("which", ["all", 2])
def test_runs_that_some_architectures_lack_are_not_judged(tmp_path, which):
    """The third run is missing for about half of them; the evaluator takes no label that is NaN."""
    job = Job("ogbg-nb201-cifar10", SHORT, device="cpu", runs=which)
    (run,) = train(job, [0], tmp_path)
    found = run.predictions["test"]
    missing = np.isnan(found.y_true)
    assert missing.any()
    assert not missing.all()
    columns = [
        np.sqrt(np.mean((found.y_true[known, column].astype("f8") - found.y_pred[known, column]) ** 2))
        for column, known in enumerate((~missing).T)
    ]
    assert run.metrics["test"]["rmse"] == pytest.approx(np.mean(columns), rel=1e-5)
    again = rescore(run.folder)
    assert again.metrics["test"] == run.metrics["test"]


def test_a_tilde_that_no_shell_has_replaced(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    job = Job("ogbg-nb201-cifar10", TreeConfig(rounds=5), device="cpu")
    (run,) = train(job, [0], Path("~/runs"))
    assert run.folder == tmp_path / "runs/seed-0"
    assert (tmp_path / "runs/summary.json").is_file()
    assert len(train(job, [0, 1], Path("~/runs"), resume=True)) == 2


def test_an_output_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("mine")
    job = Job("ogbg-nb201-cifar10", SHORT, device="cpu")
    with pytest.raises(OutputError, match="cannot be written"):
        train(job, [0], tmp_path / "file")


def test_a_run_says_the_command_of_whoever_asked(tmp_path):
    job = Job("ogbg-nb201-cifar10", TreeConfig(rounds=5), device="cpu")
    (run,) = train(job, [0], tmp_path, command="nb301-ogb train --seeds 0")
    assert json.loads((run.folder / "environment.json").read_text())["command"] == "nb301-ogb train --seeds 0"
