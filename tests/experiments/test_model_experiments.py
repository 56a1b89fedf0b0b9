"""The experiments on fitted models: their numbers, their files, their command lines."""

import json
import re
from dataclasses import asdict, replace
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from nb301_ogb.baselines.ensemble import EnsembleModel
from nb301_ogb.baselines.finished import load_model
from nb301_ogb.baselines.runs import read_run
from nb301_ogb.baselines.training import train
from nb301_ogb.catalog import get_info
from nb301_ogb.errors import ConfigError, DatasetNameError
from nb301_ogb.evaluators.metrics import rmse
from nb301_ogb.evaluators.submission.form import Exam
from nb301_ogb.evaluators.uncertainty import coverage_95, kl, nll
from nb301_ogb.experiments.data_size import data_size, training_sizes
from nb301_ogb.experiments.ensemble_source import open_sources
from nb301_ogb.experiments.ensembles import LEVELS, Part, by_deviation, ensembles, measure, observed
from nb301_ogb.experiments.leave_one_out import leave_one_out
from nb301_ogb.experiments.query_time import query_times
from nb301_ogb.experiments.report import Remarks
from nb301_ogb.experiments.run_scores import cell, over_seeds
from nb301_ogb.experiments.surrogates import best_model, surrogates
from nb301_ogb.experiments.trained import Trainings
from nb301_ogb.leaderboard.exam_data import opener
from nb301_ogb.leaderboard.noise import ceiling, usable_runs
from nb301_ogb.loaders import splits
from nb301_ogb.loaders.labelled import LabelledTable
from nb301_ogb.storage.write import write
from nb301_ogb.sweeps.engines import LocalEngine
from tests.small_files import darts_file, part_of_nb201

NAME, DARTS = "ogbg-nb201-cifar10", "ogbg-nb301"
TINY = {"epochs": 2, "emb_dim": 8, "num_layer": 1, "batch_size": 64, "rounds": 12, "size": 3, "member": "lightgbm"}
GROUPS = ("rs", "de", "re")
runner = CliRunner()


def place(root, name):
    folder = root / get_info(name).folder
    folder.mkdir(parents=True)
    return folder / get_info(name).filename


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A folder of datasets: 500 rows of nb201-cifar10, and 300 made-up ones of nb301 in three groups."""
    folder = tmp_path_factory.mktemp("datasets")
    part_of_nb201(place(folder, NAME), rows=500)
    whole = darts_file(folder / "whole.h5", rows=300).contents()
    code, key, runs = whole.code, whole.canonical_key, whole.run_id
    rows, left_out = np.arange(len(code)), {}
    for number, group in enumerate(GROUPS):
        others = np.flatnonzero(whole.group != number)
        parts = {"train": others[::2], "valid": others[1::2], "test": rows[whole.group == number]}
        left_out[f"leave_out_{group}"] = splits.make_split(parts, "a group", code, key, runs)
    write(place(folder, DARTS), replace(whole, groups=GROUPS, splits=whole.splits | left_out))
    return folder


@pytest.fixture
def trainings(root, tmp_path):
    """Into a folder without runs."""
    return Trainings(tmp_path / "runs", (0, 1), LocalEngine(), root, "cpu", changes=TINY)


@pytest.fixture(scope="module")
def shared(root, tmp_path_factory):
    """Into a folder whose runs the tests share."""
    return Trainings(tmp_path_factory.mktemp("runs"), (0, 1), LocalEngine(), root, "cpu", changes=TINY)


def tree(folder):
    """When every file below a folder was written."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def files(folder):
    return {path.name for path in folder.iterdir()}


def report_files(*figures):
    drawn = {f"{name}.{kind}" for name in figures for kind in ("svg", "pdf")}
    return {"report.html", "report.md", "report.json"} | drawn


def drawings(folder):
    found = re.findall(r"<svg.*?</svg>", (folder / "report.html").read_text(), flags=re.DOTALL)
    return [ElementTree.fromstring(one) for one in found]


# surrogates


def test_surrogates_are_the_runs_scores(shared, tmp_path):
    out, models = tmp_path / "report", ("gin", "svr", "ensemble")
    numbers = surrogates(shared, out, datasets=["nb201-cifar10"], models=models, remarks=Remarks("A trial."))
    assert files(out) == report_files("surrogates", "predicted")
    assert json.loads((out / "report.json").read_text()) == numbers
    found = numbers["datasets"][NAME]
    assert list(found["models"]) == list(models)
    assert found["missing"] == {}
    for model, one in found["models"].items():
        runs = [read_run(shared.runs / "equivalence" / model / NAME / f"seed-{seed}") for seed in (0, 1)]
        for part in ("valid", "test"):
            values = [run.metrics[part]["kendall_tau"] for run in runs]
            assert one[part]["kendall_tau"]["values"] == values
            assert one[part]["kendall_tau"]["std"] == pytest.approx(np.std(values, ddof=1))
        assert one["fit_seconds"]["mean"] == pytest.approx(np.mean([run.records[-1]["seconds"] for run in runs]))
        assert one["query"]["one_ms"] > 0
        assert one["query"]["bulk"] == 500
        assert one["num_train"] == found["rows"]["train"]
    assert len(drawings(out)) == 2
    assert "A trial." in (out / "report.html").read_text()
    text = (out / "report.md").read_text()
    assert text.count("| svr |") == 3
    assert cell(found["models"]["svr"]["test"]["rmse"] | {"std": float("nan")}) in text


def test_an_interrupted_experiment_goes_on_and_existing_trains_nothing(trainings, tmp_path):
    both = {"datasets": [NAME], "models": ["lightgbm", "svr"], "query_time": False}
    trainings.gather({"": trainings.trials(NAME, "equivalence", "lightgbm")[1:]})
    before = tree(trainings.runs)
    numbers = surrogates(replace(trainings, engine=None), tmp_path / "a", **both)
    assert tree(trainings.runs) == before
    assert numbers["datasets"][NAME]["missing"] == {"lightgbm": [0], "svr": [0, 1]}
    assert list(numbers["datasets"][NAME]["models"]) == ["lightgbm"]
    assert f"| {NAME} | svr | 0, 1 |" in (tmp_path / "a" / "report.md").read_text()
    numbers = surrogates(trainings, tmp_path / "a", **both)
    assert numbers["datasets"][NAME]["missing"] == {}
    assert numbers["datasets"][NAME]["models"]["svr"]["seeds"] == [0, 1]
    after = tree(trainings.runs)
    assert {path: after[path] for path in before} == before


def test_nothing_there_is_a_page_too(trainings, tmp_path):
    numbers = surrogates(replace(trainings, engine=None), tmp_path / "a", datasets=[NAME], models=["gin"])
    assert numbers["datasets"][NAME]["models"] == {}
    assert "| gin | 0, 1 |" in (tmp_path / "a" / "report.md").read_text()
    assert files(tmp_path / "a") == {"report.html", "report.md", "report.json"}


def test_runs_of_another_job_are_told(shared, tmp_path):
    quick = {"datasets": [NAME], "models": ["svr"], "query_time": False}
    shared.gather({"": shared.trials(NAME, "equivalence", "svr")})
    for engine in (LocalEngine(), None):
        other = replace(shared, engine=engine, changes={"C": 9.0})
        with pytest.raises(ConfigError, match="is another run"):
            surrogates(other, tmp_path / "a", **quick)
    with pytest.raises(ConfigError, match="there is no configuration 'gan'"):
        surrogates(shared, tmp_path / "a", datasets=[NAME], models=["gan"])
    with pytest.raises(DatasetNameError, match="no split 'default'"):
        surrogates(shared, tmp_path / "a", split="default", **quick)


def test_the_best_model_is_chosen_on_validation():
    def model(kind, valid, test):
        return {"kind": kind, "valid": {"rmse": {"mean": valid}}, "test": {"rmse": {"mean": test}}}

    models = {"a": model("gnn", 1.0, 3.0), "b": model("trees", 2.0, 1.0), "c": model("trees", 1.5, 2.0)}
    assert best_model(models) == "a"
    assert best_model({}) is None


@given(st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), min_size=1, max_size=6))
def test_values_that_are_not_known_do_not_count(values):
    found = over_seeds(values)
    known = [one for one in values if one == one]
    assert len(found["values"]) == len(values)
    assert found["mean"] == pytest.approx(np.mean(known) if known else np.nan, nan_ok=True)
    std = np.std(known, ddof=1) if len(known) > 1 else np.nan
    assert found["std"] == pytest.approx(std, nan_ok=True, abs=1e-6)
    assert (cell(found) == "-") == (not known)
    assert ("±" in cell(found)) == (len(known) > 1)


def test_a_loaded_run_predicts_what_it_predicted(shared, root):
    runs = shared.gather({model: shared.trials(NAME, "equivalence", model)[:1] for model in ("gin", "svr")})
    for found in runs.values():
        model, part = load_model(found[0]), found[0].predictions["test"]
        np.testing.assert_allclose(model.predict(part.codes), part.y_pred, rtol=1e-5)
        times = query_times(model, LabelledTable(NAME, root).codes()[:70], np.random.default_rng(0))
        assert (times["single"], times["bulk"]) == (50, 70)
        assert times["per_second"] > 70 / 20


# ensembles


def gaussian(members=4, rows=3000, seed=0, spread=0.5, noise=1.0):
    """A part whose members err independently of each other, around a label with noise of its own."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(90, 3, rows)
    own = spread * np.exp(rng.normal(0, 0.5, rows))
    runs = truth[:, None] + rng.normal(0, noise, (rows, 3))
    runs[: rows // 2, 2] = np.nan
    return Part(np.nanmean(runs, axis=1), runs, truth + own * rng.normal(0, 1, (members, rows)))


def test_scores_of_an_ensemble_are_those_of_its_first_members():
    valid, test = gaussian(), gaussian(seed=1)
    found = measure(valid, test, NAME)
    assert [one["size"] for one in found["sizes"]] == [1, 2, 3, 4]
    assert "nll" not in found["sizes"][0]["raw"]
    errors = [one["calibrated"]["rmse"] for one in found["sizes"]]
    assert errors == sorted(errors, reverse=True)
    for one in found["sizes"][1:]:
        members = test.members[: one["size"]]
        mean, std = members.mean(axis=0), members.std(axis=0, ddof=1)
        assert one["raw"]["rmse"] == one["calibrated"]["rmse"] == pytest.approx(rmse(test.label, mean))
        assert one["raw"]["nll"] == pytest.approx(nll(test.label, mean, std))
        assert one["raw"]["coverage_95"] == pytest.approx(coverage_95(test.label, mean, std))
        assert one["raw"]["kl"] == pytest.approx(kl(test.runs, mean, std)[0])
        assert one["raw"]["sharpness"] == pytest.approx(std.mean())
        assert one["calibrated"]["coverage_95"] == pytest.approx(0.95, abs=0.02)
        assert one["calibrated"]["nll"] < one["raw"]["nll"]


def test_calibration_sees_validation_only():
    valid, test = gaussian(), gaussian(seed=1)
    found = measure(valid, test, NAME)
    shifted = Part(test.label + 5, test.runs + 5, test.members)
    again = measure(valid, shifted, NAME)
    assert [one["calibration"] for one in again["sizes"]] == [one["calibration"] for one in found["sizes"]]
    assert again["sizes"][-1]["calibrated"]["coverage_95"] < 0.5


@given(st.floats(0.2, 5.0))
def test_reliability_of_a_true_and_of_a_wrong_deviation(factor):
    rng = np.random.default_rng(0)
    std = rng.uniform(0.1, 3, 4000)
    error = np.abs(rng.normal(0, 1, 4000) * std)
    true, wrong = np.array(observed(error, std)), np.array(observed(error, factor * std))
    np.testing.assert_allclose(true, LEVELS, atol=0.025)
    assert (wrong >= true).all() if factor >= 1 else (wrong <= true).all()
    groups = by_deviation(error, factor * std)
    np.testing.assert_allclose(np.array(groups["rmse"]) * factor, groups["std"], rtol=0.15)


def test_a_part_without_repeated_runs_has_no_divergence():
    valid, test = gaussian(), gaussian(seed=1)
    alone = Part(test.label, test.label[:, None], test.members)
    assert "kl" not in measure(valid, alone, NAME)["sizes"][-1]["calibrated"]


def test_ensembles_from_runs(shared, root, tmp_path):
    runs = shared.gather({NAME: shared.trials(NAME, "equivalence", "ensemble")})[NAME]
    sources = open_sources(runs[0].folder.parent)
    assert [source.seed for source in sources] == [0, 1]
    numbers = ensembles(sources, tmp_path / "out", root=root)
    names = report_files("ensembles", "reliability")
    assert files(tmp_path / "out") == names
    found = numbers["datasets"][NAME]
    assert (found["members"], found["seeds"]) == (3, [0, 1])
    last = found["sizes"][-1]["calibrated"]
    assert last["rmse"]["values"] == pytest.approx([run.metrics["test"]["rmse"] for run in runs], rel=1e-5)
    assert last["kl_left_out"]["values"][0] < found["rows"]["test"]
    model = load_model(runs[0])
    assert isinstance(model, EnsembleModel)
    assert found["sizes"][-1]["calibrations"][0] == pytest.approx(asdict(model.calibration), rel=1e-3)
    assert len(drawings(tmp_path / "out")) == 2
    first = (tmp_path / "out" / "report.html").read_bytes()
    ensembles(sources, tmp_path / "out", root=root)
    assert (tmp_path / "out" / "report.html").read_bytes() == first


def test_sources_that_are_no_ensembles(shared, root, tmp_path):
    runs = shared.gather({"": shared.trials(NAME, "equivalence", "svr")})[""]
    with pytest.raises(ConfigError, match="which has no members"):
        open_sources(runs[0].folder)
    with pytest.raises(ConfigError, match="there is no ensemble"):
        ensembles([], tmp_path / "out")
    with pytest.raises(DatasetNameError, match="there is no surrogate"):
        open_sources("nothing")
    made = shared.gather({"": shared.trials(NAME, "equivalence", "ensemble")})[""]
    one, other = open_sources(made[0].folder.parent)
    with pytest.raises(ConfigError, match="differ in split"):
        ensembles([one, replace(other, split="random")], tmp_path / "out", root=root)
    with pytest.raises(ConfigError, match="use the same version"):
        ensembles([one], tmp_path / "out")
    with pytest.raises(ConfigError, match="learned 64 of"):
        ensembles([replace(one, num_train=64)], tmp_path / "out", root=root)


@pytest.mark.parametrize("what", [{"targets": ("latency",)}, {"runs": 0}])
def test_sources_that_learned_something_else(shared, tmp_path, what):
    (trial, _) = shared.trials(NAME, "equivalence", "ensemble")
    job = replace(trial.job, **what)
    (run,) = train(job, [0], tmp_path / "runs")
    with pytest.raises(ConfigError, match="is judged by the mean of val_accuracy"):
        open_sources(run.folder)


# data_size


@given(st.integers(1, 40_000), st.lists(st.integers(1, 50_000), max_size=5))
def test_training_sizes(rows, wanted):
    if wanted and min(wanted) > rows:
        with pytest.raises(ConfigError, match="no wanted size"):
            training_sizes(rows, wanted)
        return
    found = training_sizes(rows, wanted)
    assert found == sorted(set(found))
    if wanted:
        assert set(found) == {one for one in wanted if one <= rows}
    else:
        assert found[-1] == rows
        assert all(one >= 64 and one & (one - 1) == 0 for one in found[:-1])


def test_data_size(trainings, root, tmp_path):
    whole = len(LabelledTable(NAME, root).split("equivalence").train)
    folder = trainings.runs / "equivalence" / "lightgbm" / NAME
    numbers = data_size(trainings, tmp_path / "out", datasets=[NAME], models=["lightgbm"], sizes=[80, 10**6, whole])
    found = numbers["datasets"][NAME]
    assert found["sizes"] == [80, whole]
    few, all_rows = (read_run(folder / path / "seed-1") for path in ("rows-80", "."))
    assert (few.info.num_train, all_rows.info.num_train) == (80, whole)
    assert [one["scores"]["num_train"] for one in found["models"]["lightgbm"]] == [80, whole]
    assert found["models"]["lightgbm"][0]["scores"]["test"]["rmse"]["values"][1] == few.metrics["test"]["rmse"]
    assert files(tmp_path / "out") == report_files("data_size")
    assert len(drawings(tmp_path / "out")) == 1


def test_the_lines_around_the_models(trainings, root, tmp_path):
    numbers = data_size(trainings, tmp_path / "out", datasets=[NAME], models=["lightgbm"], sizes=[100])
    found, table = numbers["datasets"][NAME], LabelledTable(NAME, root)
    parts, data = table.split("equivalence"), opener(root)(Exam(NAME, "equivalence"))
    label = table.labels[:, 0].astype(np.float64)
    guess = np.full(len(parts.test), label[parts.train].mean())
    assert found["constant"]["rmse"] == pytest.approx(rmse(label[parts.test], guess))
    assert found["constant"]["kendall_tau"] == 0
    assert found["tabular"]["rmse"] == ceiling(data).run_rmse
    used = (~np.isnan(usable_runs(data.parts["test"]))).sum(axis=1) > 1
    run = read_run(trainings.runs / "equivalence" / "lightgbm" / NAME / "rows-100" / "seed-0")
    part = run.predictions["test"]
    np.testing.assert_array_equal(part.rows, data.key.rows["test"])
    expected = rmse(part.y_true[used, 0], part.y_pred[used, 0])
    (entry,) = found["models"]["lightgbm"]
    assert entry["scores"]["test_repeated"]["rmse"]["values"][0] == pytest.approx(expected)


def test_data_size_where_nothing_was_repeated(trainings, tmp_path):
    numbers = data_size(replace(trainings, engine=None), tmp_path, datasets=[DARTS], models=["lightgbm"], sizes=[50])
    assert numbers["datasets"][DARTS]["tabular"] is None
    assert numbers["datasets"][DARTS]["models"]["lightgbm"][0]["missing"] == [0, 1]
    text = (tmp_path / "report.md").read_text()
    assert "their noise is not known here" in text
    assert "50 (seed 0, 1)" in text


# leave_one_out


def test_leave_one_out(trainings, root, tmp_path):
    out = tmp_path / "out"
    note = "REHEARSAL: every number is made up."
    trainings = replace(trainings, seeds=(0,))
    numbers = leave_one_out(trainings, out, models=["lightgbm", "svr"], remarks=Remarks(note))
    names = report_files("leave_one_out", "left_out")
    assert files(out) == names
    table = LabelledTable(DARTS, root)
    group = table.file.groups()[1]
    assert list(numbers["groups"]) == list(GROUPS)
    for number, (name, one) in enumerate(numbers["groups"].items()):
        run = read_run(trainings.runs / f"leave_out_{name}" / "svr" / DARTS / "seed-0")
        assert (group[run.predictions["test"].rows] == number).all()
        assert one["models"]["svr"]["test"]["rmse"]["values"][0] == run.metrics["test"]["rmse"]
    seen = read_run(trainings.runs / "default" / "svr" / DARTS / "seed-0").predictions["test"]
    for number, name in enumerate(GROUPS):
        chosen = group[seen.rows] == number
        assert ("svr" in numbers["groups"][name]["seen"]) == (chosen.sum() >= 10)
        if chosen.sum() >= 10:
            expected = rmse(seen.y_true[chosen, 0], seen.y_pred[chosen, 0])
            assert numbers["groups"][name]["seen"]["svr"]["rmse"]["values"] == [pytest.approx(expected)]
    assert any(one["seen"] for one in numbers["groups"].values())
    for name in ("report.html", "report.md"):
        head = (out / name).read_text().partition("What was fitted")[0]
        assert note in head
    assert len(drawings(out)) == 2


def test_leave_one_out_of_some_groups(trainings, tmp_path):
    numbers = leave_one_out(trainings, tmp_path / "out", models=["lightgbm"], groups=["re"], compare=False)
    assert list(numbers["groups"]) == ["re"]
    assert "seen" not in numbers["groups"]["re"]
    assert files(trainings.runs) == {"leave_out_re"}
    with pytest.raises(ConfigError, match="leaves 'gdas' out; its groups are rs, de, re"):
        leave_one_out(trainings, tmp_path / "out", groups=["gdas"])
    with pytest.raises(ConfigError, match="has no splits leave_out_"):
        leave_one_out(trainings, tmp_path / "out", dataset=NAME)
