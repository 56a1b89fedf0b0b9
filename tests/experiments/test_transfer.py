"""The experiment `transfer`: what is left out, what the searches then say, its files, its command line."""

import json
import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from typer.testing import CliRunner

from nb301_ogb.baselines.benchmark import TabularBenchmark
from nb301_ogb.baselines.config import TreeConfig
from nb301_ogb.baselines.surrogate import Surrogate
from nb301_ogb.cli.app import app
from nb301_ogb.errors import ConfigError
from nb301_ogb.experiments import transfer as module
from nb301_ogb.experiments.report import Remarks
from nb301_ogb.experiments.transfer import Models, measure, transfer
from nb301_ogb.experiments.transfer_data import group_material, visited_material
from nb301_ogb.experiments.transfer_page import verdict
from nb301_ogb.loaders.labelled import LabelledTable
from nb301_ogb.search import Budget, jobs, read_histories, search
from tests.experiments.test_search_experiments import Shifted, Upside
from tests.loaders.nb301_archive import SHARED, needs_shared, rehearsal
from tests.search.search_benchmarks import Sum

runner = CliRunner()
ACCURACY = TreeConfig(rounds=30, params={"learning_rate": 0.3, "num_leaves": 15})
RUNTIME = TreeConfig(rounds=10, label_scale="log", params={"learning_rate": 0.3})
QUICK = {"others": ("rs",), "evaluations": 60, "repeats": 4, "checkpoints": (20, 60), "records": 2}
MODELS = Models(ACCURACY, RUNTIME)


@pytest.fixture(scope="module")
def data():
    return LabelledTable("nb201-cifar10")


@pytest.fixture(scope="module")
def recorded():
    return search(TabularBenchmark("nb201-cifar10"), jobs("re", range(2)), Budget(100))


def rows_of(split):
    return np.concatenate([split.train, split.valid])


def test_what_searches_visit_is_left_out_with_all_that_is_equivalent(data, recorded):
    material = visited_material(data, recorded, 0)
    whole, without = data.split(None), material.fits["without"].split
    keys = data.space.canonical_keys
    visited = {key.tobytes() for history in recorded for key in keys(history.codes)}
    here = np.array([key.tobytes() in visited for key in keys(data.codes())])
    here &= data.space.connected(data.codes())
    assert not here[rows_of(without)].any()
    # Nothing else is missing.
    np.testing.assert_array_equal(without.train, whole.train[~here[whole.train]])
    np.testing.assert_array_equal(without.valid, whole.valid[~here[whole.valid]])
    np.testing.assert_array_equal(without.test, whole.test)
    assert material.left_out == here[rows_of(whole)].sum() > 100
    np.testing.assert_array_equal(material.such, whole.test[here[whole.test]])
    np.testing.assert_array_equal(np.union1d(material.such, material.others), whole.test)


def test_as_much_is_drawn_at_random(data, recorded):
    material = visited_material(data, recorded, 0)
    whole = data.split(None)
    one, other = material.fits["with"].split, material.fits["without"].split
    assert (len(one.train), len(one.valid)) == (len(other.train), len(other.valid))
    assert np.isin(one.train, whole.train).all()
    assert np.isin(one.valid, whole.valid).all()
    gone = np.setdiff1d(rows_of(whole), rows_of(one))
    keys = [key.tobytes() for key in data.space.canonical_keys(data.codes())]
    left = {keys[row] for row in rows_of(one)}
    assert not any(keys[row] in left for row in gone)
    sizes = [
        sorted(Counter(keys[row] for row in np.setdiff1d(whole.train, split.train)).values()) for split in (one, other)
    ]
    assert sizes[0] == sizes[1]
    assert data.space.connected(data.codes()[gone]).all()
    again, third = visited_material(data, recorded, 0), visited_material(data, recorded, 1)
    assert again.fits["with"].name == material.fits["with"].name != third.fits["with"].name
    assert third.fits["without"].name == material.fits["without"].name


def test_nothing_may_be_left_to_fit_on(data):
    everything = search(Sum(), jobs("rs:batch=15625", [0, 1, 2, 3]), Budget(15_625))
    with pytest.raises(ConfigError, match="record fewer searches"):
        visited_material(data, [*everything, *[_all_of_them(everything[0], data)]], 0)


def _all_of_them(history, data):
    return type(history)("rs", 9, data.codes(), *(np.zeros(15_625) for _ in range(4)))


def test_a_group_is_left_out_by_its_split(tmp_path):
    with pytest.raises(ConfigError, match="no split leave_out_re"):
        group_material(LabelledTable("nb201-cifar10"), "re")


def run(word, benchmark, repeats=4):
    found = {}
    for history in search(benchmark, jobs(["rs", "re"], range(repeats)), Budget(80)):
        found.setdefault(history.optimiser, []).append(history)
    return found


def test_numbers_where_the_truth_is_known():
    benchmarks = {"truth": Sum(), "with": Shifted(), "without": Upside()}
    numbers = measure({word: run(word, one) for word, one in benchmarks.items()}, benchmarks, [20, 80])
    assert numbers["judge"] == "truth"
    for entry in numbers["checkpoints"]:
        for errors in entry["errors"].values():
            assert errors["with_judged"] == errors["truth"]
            assert errors["with"]["mean"] == pytest.approx(errors["truth"]["mean"] + 2)
            assert errors["with_loss"]["mean"] == 0
            assert errors["price"] == errors["without_loss"]
        assert entry["order"]["with"]["same"]
    assert numbers["checkpoints"][-1]["errors"]["re"]["price"]["mean"] > 10
    assert numbers["curves"]["re"]["areas"]["with"] == pytest.approx(2.0)
    last = numbers["curves"]["re"]["without_judged"]["mean"]
    assert last[-1] > numbers["curves"]["re"]["truth"]["mean"][-1] + 10


def test_numbers_without_truth_are_by_the_surrogate_that_has_seen_such_data():
    benchmarks = {"with": Sum("darts"), "without": Shifted("darts")}
    numbers = measure({word: run(word, one) for word, one in benchmarks.items()}, benchmarks, [80])
    assert numbers["judge"] == "with"
    errors = numbers["checkpoints"][0]["errors"]["re"]
    assert set(errors) == {"with", "without", "without_judged", "without_loss", "price"}
    assert errors["without_judged"] == errors["with"]
    assert errors["price"]["mean"] == 0
    assert set(numbers["curves"]["re"]["areas"]) == {"without"}


def test_the_verdict_in_words():
    def entry(mean, error):
        return {"evaluations": 1000, "errors": {"re": {"price": {"mean": mean, "standard_error": error}}}}

    numbers = {"optimiser": "re", "judge": "truth", "checkpoints": [entry(0.5, 0.1)]}
    assert "0.500 ± 0.100 points worse in truth" in verdict(numbers)
    numbers["checkpoints"] = [entry(-0.5, 0.1)]
    assert "points better in truth" in verdict(numbers)
    numbers |= {"checkpoints": [entry(0.1, 0.1)], "judge": "with"}
    assert "not clearly worse or better by the surrogate with such data (0.100 ± 0.100 points)" in verdict(numbers)
    numbers["checkpoints"] = [entry(float("nan"), float("nan"))]
    assert "nothing to compare" in verdict(numbers)


def test_the_whole_experiment_and_again(tmp_path, monkeypatch):
    numbers = transfer("nb201-cifar10", tmp_path, models=MODELS, **QUICK)
    files = {path.name for path in tmp_path.iterdir()}
    assert files == {
        "report.html", "report.md", "report.json", "transfer.pdf", "transfer.svg", "surrogates", "recorded.h5",
        "truth.h5", "with.h5", "without.h5",
    }  # fmt: skip
    assert json.loads((tmp_path / "report.json").read_text()) == numbers
    # Those that are recorded are none of those that are compared.
    seeds = {word: {one.seed for one in read_histories(tmp_path / f"{word}.h5")[1]} for word in ("recorded", "truth")}
    assert seeds == {"recorded": {4, 5}, "truth": {0, 1, 2, 3}}
    fits = numbers["fits"]
    assert fits["with"]["train"] == fits["without"]["train"] < 12_500
    assert fits["with"]["surrogate"] == Surrogate.load(tmp_path / "surrogates" / "with").name
    assert 0 < fits["without"]["best_seen"] < 1
    assert numbers["predictions"]["such"]["with"]["rmse"] > 0
    judge = TabularBenchmark("nb201-cifar10")
    found = {
        word: [100 - judge.query_codes(one.codes[one.best][None]).mean[0] for one in histories if one.optimiser == "re"]
        for word in ("with", "without")
        for histories in [read_histories(tmp_path / f"{word}.h5")[1]]
    }
    price = numbers["checkpoints"][-1]["errors"]["re"]["price"]["mean"]
    assert price == pytest.approx(np.mean(np.subtract(found["without"], found["with"])))
    page = (tmp_path / "report.html").read_text()
    drawings = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    assert len([ElementTree.fromstring(one) for one in drawings]) == 1
    assert "found on the one without, judged" in drawings[0]

    def fit(*_, **__):
        raise AssertionError("a surrogate that lies in the folder is not fitted again")

    monkeypatch.setattr(Surrogate, "fit", fit)
    before = {name: (tmp_path / name).read_bytes() for name in ("report.html", "report.json", "transfer.pdf")}
    transfer("nb201-cifar10", tmp_path, models=MODELS, **QUICK)
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    for changed in (Models(RUNTIME, RUNTIME), Models(ACCURACY, RUNTIME, seed=1)):
        with pytest.raises(ConfigError, match="fitted in another way"):
            transfer("nb201-cifar10", tmp_path, models=changed, **QUICK)


@needs_shared
def test_a_group_of_a_rehearsal(tmp_path):
    raw = rehearsal(tmp_path / "raw", "--count", "1200")
    place = tmp_path / "root" / "ogbg_nb301" / "ogbg-nb301-v1.h5"
    place.parent.mkdir(parents=True)
    call("build", "nb301", "--source", raw, "--splits", SHARED / "splits", "--output", place)
    root = tmp_path / "root"
    data = LabelledTable("nb301", root)
    material = group_material(data, "re")
    groups, number = data.file.groups()[1], data.file.groups()[0].index("re")
    assert not (groups[rows_of(material.fits["without"].split)] == number).any()
    assert (groups[material.such] == number).all()
    for fit in material.fits.values():
        assert not np.isin(material.such, rows_of(fit.split)).any()
        assert not np.isin(material.others, rows_of(fit.split)).any()
    assert material.left_out == (groups[rows_of(data.split(None))] == number).sum()
    quick = {**QUICK, "evaluations": 30, "repeats": 3, "checkpoints": (30,)}
    numbers = transfer("nb301", tmp_path / "out", models=MODELS, root=root, remarks=Remarks("A rehearsal."), **quick)
    assert numbers["judge"] == "with"
    assert "A rehearsal." in (tmp_path / "out" / "report.md").read_text()
    assert not (tmp_path / "out" / "truth.h5").exists()
    with pytest.raises(ConfigError, match="no split leave_out_ls"):
        transfer("nb301", tmp_path / "ls", optimiser="ls", models=MODELS, root=root, **quick)


def call(*arguments):
    result = runner.invoke(app, [str(one) for one in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_command(tmp_path: Path):
    (tmp_path / "model.toml").write_text('kind = "trees"\nrounds = 10\n[params]\nlearning_rate = 0.3\n')
    words = ["experiment", "transfer", "--output", tmp_path / "t", "--model", tmp_path / "model.toml",
             "--runtime", tmp_path / "model.toml", "--repeats", 2, "--evaluations", 55, "--records", 1]  # fmt: skip
    found = json.loads(call(*words, "--others", "rs", "--json"))
    assert set(found["optimisers"]) == {"re", "rs"}
    assert [entry["evaluations"] for entry in found["checkpoints"]] == [55]
    text = call(*words, "--others", "")
    assert str(tmp_path / "t" / "transfer.pdf") in text
    assert "stands among" not in (tmp_path / "t" / "report.md").read_text()
    assert "Example: nb301-ogb experiment transfer" in " ".join(call("experiment", "transfer", "--help").split())
    assert module.FITS == ("with", "without")
