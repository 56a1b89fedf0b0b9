"""The experiment `noise`: what is learned from, what is judged, and that the two never meet."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from nb301_ogb import get_info
from nb301_ogb.baselines.config import load_config
from nb301_ogb.cli.app import app
from nb301_ogb.errors import ConfigError, SweepError
from nb301_ogb.experiments import noise_fits
from nb301_ogb.experiments.noise import Settings, noise
from nb301_ogb.experiments.noise_page import verdict
from nb301_ogb.experiments.noise_turn import choose_ratio, floor, shrunk, turn_of
from nb301_ogb.experiments.report import Remarks
from nb301_ogb.sweeps.engines import LocalEngine
from tests.small_files import darts_file, part_of_nb201

GNN = 'kind = "gnn"\nnum_layer = 1\nemb_dim = 4\nepochs = 1\nbatch_size = 512\nlabel_scale = "log_error"\n'
runner = CliRunner()


@st.composite
def tables(draw):
    """Runs with copies, gaps and failures: values [G, R], run ids, keys."""
    rows, runs = draw(st.integers(2, 30)), draw(st.integers(2, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    run_id = rng.integers(0, rows * runs * draw(st.sampled_from([1, 4])), (rows, runs)).astype(np.int32)
    run_id[:, 1:][rng.random((rows, runs - 1)) < 0.2] = -1
    measured = rng.uniform(40, 95, run_id.max() + 1)  # a copied run has one value
    values = np.where(run_id >= 0, measured[run_id], np.nan)
    keys = np.zeros((rows, 16), np.uint8)
    keys[:, 3] = rng.integers(0, rows, rows)
    return values, run_id, keys, int(rng.integers(runs))


@settings(deadline=None)
@given(tables())
def test_turns_are_what_a_loop_over_rows_makes(table):
    values, run_id, keys, number = table
    turn = turn_of(values, run_id, keys, number, 50.0)
    learned, label = {}, []
    for row in range(len(values)):
        there = [run for run in range(values.shape[1]) if run_id[row, run] >= 0]
        run = there[number % len(there)] if there else None
        good = run is not None and values[row, run] >= 50
        label.append(values[row, run] if good else np.nan)
        if good:
            learned.setdefault(int(keys[row, 3]), {})[int(run_id[row, run])] = values[row, run]
    np.testing.assert_array_equal(turn.label, label)
    every_learned = {run for some in learned.values() for run in some}
    judged = []
    for row in range(len(values)):
        others = [run for run in range(values.shape[1]) if run != number]
        complete = (run_id[row] >= 0).all() and (values[row] >= 50).all()
        if complete and not every_learned & set(run_id[row, others].tolist()):
            judged.append((row, values[row, others].mean()))
        mine = learned.get(int(keys[row, 3]), {})
        which = turn.equivalent[row]
        assert turn.different[which] == len(mine)
        expected = np.mean(list(mine.values())) if mine else np.nan
        assert turn.class_mean[which] == pytest.approx(expected, nan_ok=True)
    assert turn.judged.tolist() == [row for row, _ in judged]
    np.testing.assert_allclose(turn.truth, [truth for _, truth in judged])
    assert sorted(turn.equivalent[turn.representatives]) == sorted({turn.equivalent[row] for row in turn.once})


@settings(deadline=None)
@given(tables(), st.integers(0, 2**32 - 1))
def test_nothing_but_the_truth_depends_on_runs_that_are_not_learned_from(table, seed):
    values, run_id, keys, number = table
    turn = turn_of(values, run_id, keys, number, 50.0)
    learned = {run for row, run in zip(*np.nonzero(values == turn.label[:, None]), strict=True)}
    ids = {int(run_id[row, run]) for row, run in zip(*np.nonzero(values == turn.label[:, None]), strict=True)}
    assert learned <= set(range(values.shape[1]))
    free = ~np.isin(run_id, list(ids)) & (values >= 50)
    other = np.where(free, np.random.default_rng(seed).uniform(50, 95, values.shape), values)
    changed = turn_of(other, run_id, keys, number, 50.0)
    apart = np.random.default_rng(seed).uniform(50, 95, len(turn.different))
    for name in ("label", "class_mean", "different", "once", "judged", "representatives"):
        np.testing.assert_array_equal(getattr(turn, name), getattr(changed, name))
    assert choose_ratio(turn, apart) == choose_ratio(changed, apart)
    np.testing.assert_array_equal(shrunk(turn, apart, 0.7), shrunk(changed, apart, 0.7))
    if len(turn.representatives):
        np.testing.assert_array_equal(noise_fits.folds_of(turn, 2, 0), noise_fits.folds_of(changed, 2, 0))


def gaussian(classes=3000, runs=3, per_class=3, model_error=1.0, seed=0):
    """Classes of architectures with runs of unit noise around an expected accuracy, and a model's predictions."""
    rng = np.random.default_rng(seed)
    expected = rng.uniform(70, 90, classes)
    of = np.repeat(np.arange(classes), rng.integers(1, per_class + 1, classes))
    values = expected[of, None] + rng.normal(0, 1, (len(of), runs))
    keys = of[:, None].astype(np.int64).view(np.uint8)
    run_id = np.arange(values.size, dtype=np.int32).reshape(values.shape)
    turn = turn_of(values, run_id, keys, 0, 50.0)
    place = np.empty(classes, dtype=np.int64)
    place[turn.equivalent] = of
    return turn, expected[place], (expected + rng.normal(0, model_error, classes))[place]


@pytest.mark.parametrize("runs", [2, 3, 5])
def test_who_knows_every_expected_accuracy_reaches_the_floor(runs):
    turn, expected, _ = gaussian(runs=runs)
    found = turn.judge(expected[turn.equivalent])
    assert found["ratio"] == pytest.approx(floor(runs), abs=4 * found["standard_error"])
    assert 0.003 < found["standard_error"] < 0.03
    assert turn.judge(turn.label) == {
        "mae": pytest.approx(turn.judge(turn.label)["mae"]),
        "ratio": 1,
        "standard_error": 0,
    }


def test_the_standard_error_is_that_of_repeated_experiments():
    found = [turn.judge(model[turn.equivalent]) for turn, _, model in (gaussian(300, seed=seed) for seed in range(60))]
    spread = np.std([one["ratio"] for one in found], ddof=1)
    assert spread == pytest.approx(np.mean([one["standard_error"] for one in found]), rel=0.35)


@pytest.mark.parametrize(("model_error", "ratio"), [(0.5, 0.25), (1.0, 1.0), (2.0, 4.0)])
def test_the_ratio_of_variances_is_found_and_the_best(model_error, ratio):
    turn, _, model = gaussian(8000, model_error=model_error)
    chosen, errors = choose_ratio(turn, model)
    assert ratio / 2 <= chosen <= ratio * 2
    assert min(errors, key=lambda one: one["error"])["ratio"] == chosen

    def judged(predicted):
        return turn.judge(predicted)["mae"]

    mixed = judged(shrunk(turn, model, chosen))
    assert mixed < min(judged(turn.class_mean[turn.equivalent]), judged(model[turn.equivalent]))
    assert mixed < min(judged(shrunk(turn, model, factor * ratio)) for factor in (1 / 16, 16))


def test_one_run_a_class_tells_no_ratio():
    turn, _, model = gaussian(50, per_class=1)
    assert choose_ratio(turn, model) == (None, [])


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    info, folder = get_info("nb201-cifar10"), tmp_path_factory.mktemp("root")
    (folder / info.folder).mkdir()
    part_of_nb201(folder / info.folder / info.filename, 300)
    return folder


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """Settings with tiny networks."""
    folder = tmp_path_factory.mktemp("configs")
    (folder / "plain.toml").write_text(GNN)
    (folder / "model.toml").write_text(GNN + 'graph = "canonical"\n')
    return Settings(str(folder / "plain.toml"), str(folder / "model.toml"), members=2)


@pytest.fixture(scope="module")
def done(root, quick, tmp_path_factory):
    """A finished experiment: its folder and its numbers."""
    folder = tmp_path_factory.mktemp("noise")
    return folder, noise("nb201-cifar10", folder, quick, root=root, remarks=Remarks("Tiny."))


def test_the_report(done):
    folder, numbers = done
    assert json.loads((folder / "report.json").read_text()) == numbers
    assert {path.name for path in folder.iterdir()} >= {"report.html", "report.md", "noise.svg", "noise.pdf", "fits"}
    assert list(numbers["methods"]) == [
        "tabular", "class_mean", "plain", "plain_over_class", "single", "ensemble", "apart", "surrogate",
    ]  # fmt: skip
    for found in numbers["methods"].values():
        assert found["mean"]["ratio"] == pytest.approx(np.mean([one["ratio"] for one in found["turns"]]))
        for one, own in zip(found["turns"], numbers["methods"]["tabular"]["turns"], strict=True):
            assert one["ratio"] == pytest.approx(one["mae"] / own["mae"])
    for turn, by_turn in enumerate(numbers["turns"]):
        assert by_turn["run"] == turn
        assert 0 < by_turn["judged"] <= by_turn["candidates"] <= by_turn["learned_from"] <= 300
    assert sum(one["judged"] for one in numbers["by_different_runs"]) == sum(one["judged"] for one in numbers["turns"])
    text = (folder / "report.md").read_text()
    assert "> **Tiny.**" in text
    assert "](noise.svg)" in text
    assert f"{numbers['methods']['surrogate']['mean']['ratio']:.3f} of that of a table" in text
    assert "0.577 = 1/sqrt(3)" in text


def test_fits_are_kept_and_of_these_settings(done, root, quick, monkeypatch):
    folder, numbers = done

    def never(*_, **__):
        raise AssertionError("a fit that is kept is made again")

    monkeypatch.setattr(noise_fits, "make_model", never)
    assert noise("nb201-cifar10", folder, quick, root=root, remarks=Remarks("Tiny.")) == numbers
    with pytest.raises(ConfigError, match="other settings"):
        noise("nb201-cifar10", folder, dataclasses.replace(quick, epochs=2), root=root)
    with pytest.raises(ConfigError, match="other settings"):
        noise("nb201-cifar10", folder, dataclasses.replace(quick, seed=1), root=root)


def test_what_is_damaged_is_told_and_what_is_missing_is_made_again(done, root, quick):
    folder, numbers = done
    path = folder / "fits" / "run-1" / "without-1.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    with pytest.raises(ConfigError, match=r"without-1\.safetensors is damaged"):
        noise("nb201-cifar10", folder, quick, root=root)
    path.unlink()
    assert noise("nb201-cifar10", folder, quick, root=root, remarks=Remarks("Tiny.")) == numbers
    assert path.read_bytes() == whole


def test_a_fit_that_fails_leaves_the_others(root, quick, tmp_path, monkeypatch):
    right = noise_fits.make_model

    def sometimes(config, *rest):
        if config.graph == "raw":
            raise ConfigError("no.")
        return right(config, *rest)

    monkeypatch.setattr(noise_fits, "make_model", sometimes)
    with pytest.raises(SweepError, match=r"3 of 12 fits failed, the first plain.safetensors of run 0: no\."):
        noise("nb201-cifar10", tmp_path, quick, root=root)
    assert len(list(tmp_path.rglob("*.safetensors"))) == 9


def test_members_are_apart_from_the_classes_they_foretell(root, quick, tmp_path):
    """Other runs of a fold's components change no member that is fitted without it, but for the epoch it keeps."""
    from nb301_ogb.baselines.model import Table
    from nb301_ogb.experiments.noise import _fits
    from nb301_ogb.experiments.noise_turn import make_turn
    from nb301_ogb.loaders.labelled import LabelledTable

    table = LabelledTable("nb201-cifar10", root, runs="all")
    turn = make_turn(table, 0, 50.0)
    seen = []

    class Watch:
        def fit(self, part: Table, seed):
            seen.append(part)

        def predict(self, codes):
            return np.zeros((len(codes), 1), np.float32)

    one = list(_fits(table, 0, quick, tmp_path, root))[2:]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(noise_fits, "make_model", lambda *_: Watch())
        noise_fits.predictions(one, table, LocalEngine())
    fold = noise_fits.folds_of(turn, 2, 0)
    run_id, keys = table.file.run_ids(), [bytes(key) for key in table.file.canonical_keys()]
    for number, part in enumerate(seen):
        foretold = turn.representatives[fold == number]
        assert not set(foretold) & set(part.train)
        assert not {keys[row] for row in foretold} & {keys[row] for row in part.train}
        assert not set(run_id[foretold, 0]) & set(run_id[part.train, 0])
        np.testing.assert_allclose(part.labels[part.train, 0], turn.class_mean[turn.equivalent[part.train]], rtol=1e-6)


def test_what_cannot_be_done_is_said(root, quick, tmp_path):
    info = get_info("nb301")
    (tmp_path / info.folder).mkdir()
    darts_file(tmp_path / info.folder / info.filename, 60)
    with pytest.raises(ConfigError, match="1 run of an architecture at most"):
        noise("nb301", tmp_path / "out", quick, root=tmp_path)
    with pytest.raises(ConfigError, match="smaller --least"):
        noise("nb201-cifar10", tmp_path / "out", dataclasses.replace(quick, least=99.0), root=root)
    with pytest.raises(ConfigError, match="--members 2 or more"):
        noise("nb201-cifar10", tmp_path / "out", dataclasses.replace(quick, members=1), root=root)
    with pytest.raises(ConfigError, match="ensemble: the experiment makes its ensemble itself"):
        noise("nb201-cifar10", tmp_path / "out", dataclasses.replace(quick, model="ensemble"), root=root)


def test_the_command(done, root, quick):
    folder, numbers = done
    command = [
        "experiment", "noise", "--output", str(folder), "--root", str(root), "--plain", quick.plain,
        "--model", quick.model, "--members", "2", "--note", "Tiny.",
    ]  # fmt: skip
    found = runner.invoke(app, command)
    assert found.exit_code == 0, found.output
    assert f"{numbers['methods']['surrogate']['mean']['ratio']:.3f}" in found.output
    assert "noise.pdf" in found.output
    told = json.loads(runner.invoke(app, [*command, "--json"]).stdout)
    assert told.pop("command").startswith("nb301-ogb experiment noise --plain ")
    assert told == {name: value for name, value in numbers.items() if name != "command"}


def test_the_verdict():
    assert "no higher than the 0.76" in verdict(0.76, 0.76, 0.577)
    assert "is higher than the 0.76" in verdict(0.77, 0.76, 0.577)
    assert "leak" in verdict(0.57, 0.76, 0.577)


def test_which_epoch_a_fit_keeps():
    chosen = {
        kind: noise_fits.for_noise(load_config("gin"), 7, "gin", kind)
        for kind in (noise_fits.PLAIN, noise_fits.ALL, noise_fits.WITHOUT)
    }
    assert {kind: config.select for kind, config in chosen.items()} == {"plain": "mae", "all": "mae", "without": "last"}
    assert {config.epochs for config in chosen.values()} == {7}
    trees = load_config("lightgbm")
    assert noise_fits.for_noise(trees, 7, "lightgbm", noise_fits.WITHOUT) == trees
