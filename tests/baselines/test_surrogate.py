"""Surrogates: fitted, saved, loaded by folder and name, asked in every form."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from nb301_ogb.baselines import surrogate as module
from nb301_ogb.baselines.config import GNNConfig, TreeConfig
from nb301_ogb.baselines.surrogate import Surrogate, open_benchmark, released_folder, released_names
from nb301_ogb.baselines.training import Job, train
from nb301_ogb.baselines.training_noise import TrainingNoise, training_noise
from nb301_ogb.baselines.trees import LightGBMModel
from nb301_ogb.errors import ArchitectureError, ConfigError, DatasetNameError
from nb301_ogb.loaders.labelled import LabelledTable
from nb301_ogb.spaces import get_space

STRING = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"
ACCURACY = TreeConfig(rounds=40, params={"learning_rate": 0.3, "num_leaves": 15})
RUNTIME = GNNConfig(num_layer=2, emb_dim=8, drop_ratio=0.0, batch_size=256, epochs=3, lr=1e-2, label_scale="log")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    fitted = Surrogate.fit("nb201-cifar10", accuracy=ACCURACY, runtime=RUNTIME, split="few_shot_1563", device="cpu")
    path = tmp_path_factory.mktemp("surrogates") / "small"
    fitted.save(path)
    return path


def test_what_it_says_of_itself(folder: Path) -> None:
    info = Surrogate.load(folder).info
    assert info.dataset == "ogbg-nb201-cifar10"
    assert info.split == "few_shot_1563"
    assert {"rmse", "kendall_tau"} <= set(info.scores["test"])
    assert "lightgbm v1" in info.name


def test_other_times_are_another_benchmark(folder: Path, tmp_path: Path) -> None:
    train(Job("nb201-cifar10", ACCURACY, "few_shot_1563", device="cpu"), [0], tmp_path)
    other = Surrogate.from_run(tmp_path / "seed-0", runtime=replace(RUNTIME, epochs=2), device="cpu")
    known = Surrogate.load(folder)
    assert np.array_equal(other.query("333132").mean, known.query("333132").mean)
    assert other.name != known.name


def test_a_table_answers_without_the_models(folder: Path) -> None:
    program = f"""
import sys
from nb301_ogb.baselines.surrogate import Surrogate
surrogate = Surrogate.load({str(folder)!r})
print(surrogate.query("333132").mean[0], sorted({{"torch", "lightgbm"}} & set(sys.modules)))
print(surrogate.accuracy.name, surrogate.runtime.name)
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    mean, loaded, *models = found.replace("\n", " ").split()
    assert float(mean) == Surrogate.load(folder).query("333132").mean[0]
    assert (loaded, models) == ("[]", ["lightgbm", "gin"])


def test_of_a_run_it_is_what_a_fit_would_be(folder: Path, tmp_path: Path) -> None:
    job = Job("nb201-cifar10", ACCURACY, "few_shot_1563", device="cpu")
    train(job, [0], tmp_path)
    made = Surrogate.from_run(tmp_path / "seed-0", runtime=RUNTIME, device="cpu")
    assert made.info == replace(Surrogate.load(folder).info, files={})
    assert np.array_equal(made.table().mean, Surrogate.load(folder).table().mean)
    made.save(tmp_path / "surrogate")
    assert Surrogate.load(tmp_path / "surrogate").name == made.name


def test_a_run_on_a_part_of_the_rows_is_refused(tmp_path: Path) -> None:
    train(Job("nb201-cifar10", ACCURACY, "few_shot_1563", device="cpu", train_rows=500), [0], tmp_path)
    with pytest.raises(ConfigError, match=r"of 500 rows; a surrogate is made of .* of all 1,563"):
        Surrogate.from_run(tmp_path / "seed-0", runtime=RUNTIME)
    with pytest.raises(ConfigError, match="no finished run folder"):
        Surrogate.from_run(tmp_path)


def test_a_wrong_runtime_model_is_told_before_anything_is_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LightGBMModel, "fit", lambda *_: pytest.fail("the accuracy model was fitted"))
    with pytest.raises(ConfigError, match="no_such_model"):
        Surrogate.fit("nb201-cifar10", accuracy=ACCURACY, runtime="no_such_model", device="cpu")


def test_every_form_gives_the_same_answer(folder: Path) -> None:
    surrogate = Surrogate.load(folder)
    answers = [surrogate.query(form) for form in (STRING, "333132", [3, 3, 3, 1, 3, 2], np.array([3, 3, 3, 1, 3, 2]))]
    assert len({answer.mean[0] for answer in answers}) == 1
    assert 80 < answers[0].mean[0] < 95
    assert 500 < answers[0].runtime[0] < 10_000


def test_bulk_equals_one_by_one(folder: Path) -> None:
    surrogate = Surrogate.load(folder)
    codes = surrogate.space.sample(40, np.random.default_rng(0))
    together = surrogate.query(codes)
    alone = [surrogate.query(code) for code in codes]
    assert np.allclose(together.mean, [one.mean[0] for one in alone], rtol=1e-5)
    assert np.allclose(together.runtime, [one.runtime[0] for one in alone], rtol=1e-4)


def test_a_table(folder: Path) -> None:
    surrogate = Surrogate.load(folder)
    table = surrogate.table()
    assert len(table) == 15_625
    row = int(surrogate.space.index(surrogate.space.parse("333132")[None])[0])
    assert table.mean[row] == pytest.approx(surrogate.query("333132").mean[0], rel=1e-5)


def test_a_large_space_has_no_table(folder: Path) -> None:
    surrogate = Surrogate.load(folder)
    surrogate.space = get_space("darts")
    with pytest.raises(ArchitectureError, match="no table of all of them"):
        surrogate.table()


@pytest.mark.parametrize(("noise", "std"), [(None, 0.5), (TrainingNoise((10.0, 99.0), (2.0, 2.0)), 2.0)])
def test_noise_by_seed(folder: Path, monkeypatch: pytest.MonkeyPatch, noise: TrainingNoise | None, std: float) -> None:
    loaded = Surrogate.load(folder)
    surrogate = Surrogate(replace(loaded.info, noise=noise), loaded.configs, loaded.accuracy, loaded.runtime)
    plain = surrogate.accuracy.predict
    monkeypatch.setattr(
        surrogate.accuracy,
        "predict_distribution",
        lambda codes: (plain(codes), np.full((len(codes), 1), 0.5, np.float32)),
    )
    codes = np.repeat(surrogate.space.parse("333132")[None], 4000, axis=0)
    answer = surrogate.query(codes, noise=True, seed=7)
    assert answer.value.std() == pytest.approx(std, rel=0.05)
    assert answer.value.mean() == pytest.approx(answer.mean[0], abs=0.1 * std)
    assert answer.std.tolist() == [0.5] * 4000
    assert np.array_equal(answer.value, surrogate.query(codes, noise=True, seed=7).value)
    assert not np.array_equal(answer.value, surrogate.query(codes, noise=True, seed=8).value)
    assert np.array_equal(surrogate.query(codes).value, answer.mean)


def test_without_any_deviation_there_is_no_noise(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = Surrogate.load(folder)
    surrogate = Surrogate(replace(loaded.info, noise=None), loaded.configs, loaded.accuracy, loaded.runtime)
    monkeypatch.setattr(type(surrogate.accuracy), "predict_distribution", lambda self, codes: (
        self.predict(codes), np.full((len(codes), 1), np.nan, np.float32)
    ))  # fmt: skip
    codes = surrogate.space.sample(3, np.random.default_rng(0))
    assert np.isfinite(surrogate.query(codes).value).all()
    with pytest.raises(ConfigError, match="knows no noise"):
        surrogate.query(codes, noise=True, seed=0)


def test_a_runtime_model_that_cannot_learn_seconds_is_told_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LightGBMModel, "fit", lambda *_: pytest.fail("the accuracy model was fitted first"))
    with pytest.raises(ConfigError, match="does not fit labels from"):
        Surrogate.fit("nb201-cifar10", accuracy=TreeConfig(rounds=3), runtime="gin", device="cpu")


def test_noise_is_that_of_trainings_in_the_training_part(folder: Path) -> None:
    info, data = Surrogate.load(folder).info, LabelledTable("nb201-cifar10", runs="all")
    assert info.noise == training_noise(data.labels[data.split(info.split).train])


@pytest.mark.parametrize("name", released_names())
def test_no_noise_makes_a_network_that_never_learns_look_good(name: str) -> None:
    surrogate = Surrogate.load(name)
    codes, best = surrogate.space.table(), surrogate.table().mean.max()
    drawn = [surrogate.query(codes, noise=True, seed=seed) for seed in range(5)]
    for answer in drawn:
        bad = answer.mean < best / 2
        assert bad.any()
        assert np.abs(answer.value - answer.mean)[bad].max() < best / 3
        assert answer.mean[answer.value.argmax()] > best - 3


def test_loading_what_is_not_there(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetNameError, match="no surrogate 'nb999'"):
        Surrogate.load("nb999")
    for name in ("surrogate.json", "accuracy/config.toml", "accuracy/model.txt", "runtime/model.safetensors"):
        copy = tmp_path / name.replace("/", "-")
        for path in folder.rglob("*"):
            if path.is_file():
                target = copy / path.relative_to(folder)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(b"\0{" if str(path.relative_to(folder)) == name else path.read_bytes())
        with pytest.raises((ConfigError, DatasetNameError)):
            Surrogate.load(copy)


def test_open_benchmark(folder: Path) -> None:
    assert "table" in open_benchmark("table:nb201-cifar10").name
    assert open_benchmark(str(folder)).name == Surrogate.load(folder).name
    with pytest.raises(ArchitectureError, match="six digits"):
        open_benchmark("table:nb201-cifar10").query("zzz")


@pytest.mark.parametrize("name", released_names())
def test_the_surrogates_of_the_package(name: str) -> None:
    surrogate = Surrogate.load(name)
    assert released_folder(surrogate.info.dataset).name == name
    answer = surrogate.query(["333132", "000000"])
    assert answer.mean[0] > answer.mean[1]
    assert (answer.std > 0).all()


def test_an_unfitted_name_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "released_names", lambda: ("nb201-x-v1",))
    with pytest.raises(DatasetNameError, match="nb201-x-v1"):
        released_folder("nb999")


def test_two_fits_have_two_names(folder: Path) -> None:
    """Else a search on the one would go on in the history of the other."""
    other = Surrogate.fit("nb201-cifar10", accuracy=ACCURACY, runtime=RUNTIME, split="few_shot_781", device="cpu")
    assert other.name != Surrogate.load(folder).name


def test_a_small_space_is_answered_from_its_table_to_the_last_bit(folder: Path) -> None:
    surrogate = Surrogate.load(folder)
    codes = surrogate.space.sample(40, np.random.default_rng(0))
    together = surrogate.query(codes)
    alone = [surrogate.query(code) for code in codes]
    for column in ("mean", "std", "runtime"):
        values = getattr(together, column)
        assert np.array_equal(values, [getattr(one, column)[0] for one in alone], equal_nan=True)
    mean, _ = surrogate.accuracy.predict_distribution(codes)
    assert np.allclose(together.mean, mean[:, 0], rtol=1e-5)
    assert np.allclose(together.runtime, surrogate.runtime.predict(codes)[:, 0], rtol=1e-4)


@pytest.mark.parametrize("name", ["table.safetensors", "accuracy/config.toml", "runtime/model.safetensors"])
@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_a_damaged_file_is_told(folder: Path, tmp_path: Path, name: str, damage: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    if damage == "remove":
        (copy / name).unlink()
    else:
        (copy / name).write_bytes(content if damage == "flip" else content[:-1])
    with pytest.raises(ConfigError, match=name):
        Surrogate.load(copy)


def test_a_copy_of_a_copy_answers_the_same(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = Surrogate.load(folder)
    monkeypatch.setattr(loaded, "_predicted", lambda codes: pytest.fail("what was saved is not computed anew"))
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again" / "table.safetensors").read_bytes() == (folder / "table.safetensors").read_bytes()


def test_nobody_is_asked(folder: Path) -> None:
    loaded = Surrogate.load(folder)
    for surrogate in (loaded, Surrogate(loaded.info, loaded.configs, loaded.accuracy, loaded.runtime)):
        assert len(surrogate.query_codes(np.empty((0, 6), np.uint8))) == 0


@pytest.mark.parametrize("change", [{"files": {}}, {"seed": None, "files": {"table.safetensors": "0" * 64}}])
def test_a_head_that_tells_no_files_or_others(folder: Path, tmp_path: Path, change: dict[str, object]) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    head = json.loads((copy / "surrogate.json").read_text()) | change
    (copy / "surrogate.json").write_text(json.dumps(head))
    with pytest.raises(ConfigError, match=r"which files belong to it|is not the file that belongs"):
        Surrogate.load(copy)


def test_a_table_of_another_space(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    save_file({name: np.zeros(7, np.float32) for name in ("mean", "std", "runtime")}, copy / "table.safetensors")
    head = json.loads((copy / "surrogate.json").read_text())
    head["files"]["table.safetensors"] = hashlib.sha256((copy / "table.safetensors").read_bytes()).hexdigest()
    (copy / "surrogate.json").write_text(json.dumps(head))
    with pytest.raises(ConfigError, match="no table of answers"):
        Surrogate.load(copy)


@pytest.mark.parametrize("name", released_names())
def test_the_tables_of_the_package_are_what_its_models_say(name: str) -> None:
    surrogate = Surrogate.load(name)
    codes = surrogate.space.sample(200, np.random.default_rng(0))
    answer = surrogate.query(codes)
    mean, std = surrogate.accuracy.predict_distribution(codes)
    assert np.allclose(answer.mean, mean[:, 0], rtol=1e-4)
    assert np.allclose(answer.std, std[:, 0], rtol=1e-2, atol=1e-4)
    assert np.allclose(answer.runtime, surrogate.runtime.predict(codes)[:, 0], rtol=1e-3)
