"""The search for settings: repeatable, resumable, blind to the test part, and its winner can be trained."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from nb301_ogb.baselines.config import TreeConfig, load_config, to_toml
from nb301_ogb.baselines.model import Table
from nb301_ogb.baselines.models import make_model
from nb301_ogb.baselines.scores import score
from nb301_ogb.catalog import get_info
from nb301_ogb.cli.app import app
from nb301_ogb.errors import ConfigError, MissingExtraError, SweepError
from nb301_ogb.loaders.labelled import LabelledTable
from nb301_ogb.sweeps import tuning
from nb301_ogb.sweeps.engine import Outcome
from nb301_ogb.sweeps.engines import LocalEngine
from nb301_ogb.sweeps.ranges import Range, Ranges
from nb301_ogb.sweeps.tuning import Search, Tried, best_of, config_of, ranked, tune
from nb301_ogb.sweeps.tuning_page import write_results
from tests.small_files import part_of_nb201

pytest.importorskip("optuna")
pytest.importorskip("lightgbm")

TREES = TreeConfig(params={"learning_rate": 0.2, "num_leaves": 7}, rounds=20, patience=5)
RANGES = """
patience = 4

[params]
learning_rate = { low = 0.01, high = 0.5, log = true }
num_leaves = { low = 2, high = 31 }
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    info, root = get_info("nb201-cifar10"), tmp_path_factory.mktemp("root")
    (root / info.folder).mkdir()
    part_of_nb201(root / info.folder / info.filename)
    (root / "ranges.toml").write_text(RANGES)
    (root / "small.toml").write_text(to_toml(TREES))
    return root


@pytest.fixture(scope="module")
def search(root: Path) -> Search:
    ranges = {"params.learning_rate": Range(0.01, 0.5, True), "params.num_leaves": Range(2, 31)}
    return Search("ogbg-nb201-cifar10", TREES, Ranges("small", ranges, {"patience": 4}), 3, "equivalence", root)


def told(tried: list[Tried]) -> list[Tried]:
    return [dataclasses.replace(one, seconds=0.0) for one in tried]


@pytest.fixture(scope="module")
def expected(search: Search, tmp_path_factory: pytest.TempPathFactory) -> list[Tried]:
    return tune(search, 14, tmp_path_factory.mktemp("expected"), LocalEngine())


def test_trials(search: Search, expected: list[Tried]) -> None:
    """What a trial says is what its configuration gives; the first is the configuration as it was."""
    assert [one.number for one in expected] == list(range(14))
    assert len({one.settings["params.num_leaves"] for one in expected}) > 5
    assert config_of(search, expected[0]) == TREES
    data = LabelledTable(search.dataset, search.root)
    table = Table.of(data)
    for one in (expected[0], expected[9]):
        config = config_of(search, one)
        assert config.params == {name.removeprefix("params."): value for name, value in one.settings.items()}
        model = make_model(config, "nasbench201")
        history = model.fit(table, search.seed)
        assert one.valid == score(data.labels[table.valid].astype("f8"), model.predict(table.codes[table.valid]))
        assert one.chosen_at == history.best
    assert best_of(expected).value == max(one.value for one in expected if one.value is not None)
    assert ranked(expected)[0] == best_of(expected)


def test_an_interrupted_search_goes_on_as_it_would_have(search: Search, expected: list[Tried], tmp_path: Path) -> None:
    def stop(tried: Tried) -> None:
        if tried.number == 11:  # where the sampler goes by what it has seen
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(search, 14, tmp_path, LocalEngine(), progress=stop)
    kept = (tmp_path / "trials.jsonl").read_text().splitlines()
    assert len(kept) == 13
    fitted: list[int] = []
    engine = LocalEngine()
    run = engine.run
    engine.run = lambda work, tasks: run(lambda task: fitted.append(task.number) or work(task), tasks)
    seen: list[int] = []
    found = tune(search, 14, tmp_path, engine, progress=lambda tried: seen.append(tried.number))
    assert fitted == [12, 13]
    assert seen == list(range(14))
    assert told(found) == told(expected)
    assert (tmp_path / "trials.jsonl").read_text().splitlines()[:13] == kept
    assert told(tune(search, 5, tmp_path, LocalEngine())) == told(expected[:5])
    assert os.listdir(tmp_path) == ["trials.jsonl"]


def test_without_optuna_nothing_is_begun(search: Search, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'nb301-ogb\[search\]'"):
        tune(search, 2, tmp_path, LocalEngine())
    assert not list(tmp_path.iterdir())
    assert len(tune(search, 1, tmp_path, LocalEngine())) == 1  # trial 0 proposes nothing


def test_no_label_of_the_test_part_is_there(search: Search, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[Table] = []

    def make(config, space, *rest):
        model = make_model(config, space, *rest)
        fit = model.fit
        model.fit = lambda table, seed: seen.append(table) or fit(table, seed)
        return model

    monkeypatch.setattr(tuning, "make_model", make)
    tune(search, 2, tmp_path, LocalEngine())
    data = LabelledTable(search.dataset, search.root)
    split = data.split("equivalence")
    for table in seen:
        known = np.flatnonzero(~np.isnan(table.labels[:, 0]))
        assert np.array_equal(known, np.sort(np.concatenate([split.train, split.valid])))
    assert len(seen) == 2


def test_a_trial_that_fails_is_noted(search: Search, tmp_path: Path) -> None:
    """Half of the settings are none that the library takes."""
    ranges = dataclasses.replace(search.ranges, ranges={"params.num_leaves": Range(-20, 20)})
    found = tune(dataclasses.replace(search, ranges=ranges), 6, tmp_path, LocalEngine())
    failed = [one for one in found if one.error is not None]
    assert 0 < len(failed) < 6
    assert all(one.value is None and one.settings["params.num_leaves"] < 2 for one in failed)
    assert "num_leaves" in failed[0].error
    again = tune(dataclasses.replace(search, ranges=ranges), 6, tmp_path, LocalEngine())
    assert again == found
    write_results(tmp_path, "small", search, found)
    assert f"| {failed[0].number} | - | - | 0 | 0.0 | failed: " in (tmp_path / "trials.md").read_text()


def test_what_cannot_be_searched(search: Search, tmp_path: Path) -> None:
    woods = dataclasses.replace(search, config=dataclasses.replace(TREES, library="woods"))
    with pytest.raises(SweepError, match=r"trial 0, the configuration .* failed: there is no tree library 'woods'"):
        tune(woods, 3, tmp_path, LocalEngine())
    assert not (tmp_path / "trials.jsonl").exists()
    tune(search, 1, tmp_path, LocalEngine())
    with pytest.raises(ConfigError, match=r"trials\.jsonl is of another search \(seed\)"):
        tune(dataclasses.replace(search, seed=4), 1, tmp_path, LocalEngine())
    assert len(tune(dataclasses.replace(search, seed=4), 1, tmp_path, LocalEngine(), overwrite=True)) == 1
    journal = tmp_path / "trials.jsonl"
    about, line = journal.read_text().splitlines()
    tried = json.loads(line)
    tried["valid"]["kendall_tau"] = None  # what a NaN becomes
    journal.write_text(f"{about}\n{json.dumps(tried)}\n")
    with pytest.raises(SweepError, match="none of 1 trials ranks anything"):
        tune(dataclasses.replace(search, seed=4), 1, tmp_path, LocalEngine())
    journal.write_text("{}\n[")
    with pytest.raises(ConfigError, match=r"trials\.jsonl is damaged"):
        tune(search, 1, tmp_path, LocalEngine())
    with pytest.raises(ConfigError, match="0 trials find nothing"):
        tune(search, 0, tmp_path, LocalEngine())


def test_the_verb(root: Path, search: Search, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["tune", "--config", str(root / "small.toml"), "--ranges", str(root / "ranges.toml"), "--trials", "4"]
    command += ["--root", str(root), "--seed", "3", "--output", str(tmp_path)]
    app(command, standalone_mode=False)
    printed = capsys.readouterr().out
    assert "small on ogbg-nb201-cifar10, split equivalence: the best of 4 trials" in printed
    assert f"--config {tmp_path}/best.toml" in printed
    app([*command, "--json"], standalone_mode=False)
    facts = json.loads(capsys.readouterr().out)
    assert facts == json.loads((tmp_path / "trials.json").read_text()) | {"output": str(tmp_path)}
    numbers = [one["number"] for one in facts["trials"]]
    assert numbers == [0, 1, 2, 3]
    best = facts["best"]
    assert best["valid"]["kendall_tau"] == max(one["valid"]["kendall_tau"] for one in facts["trials"])
    winner = load_config(tmp_path / "best.toml", "nasbench201")
    params = {name.removeprefix("params."): value for name, value in best["settings"].items()}
    assert winner == dataclasses.replace(TREES, params=params, patience=4 if best["number"] else 5)
    page = (tmp_path / "trials.md").read_text()
    assert page.count("\n| ") == 1 + 4
    assert page.index(f"\n| {best['number']} |") < page.index("\n| ", page.index(f"\n| {best['number']} |") + 1)


@pytest.mark.slow
def test_several_workers(search: Search, expected: list[Tried], tmp_path: Path) -> None:
    """Which trials come later depends on which end first; the random ones of the beginning do not."""
    found = tune(search, 8, tmp_path, LocalEngine(2))
    assert told(found) == told(expected[:8])
    assert len((tmp_path / "trials.jsonl").read_text().splitlines()) == 9


class Losing:
    """An engine whose second task is lost."""

    def run(self, work, tasks):
        for number, task in enumerate(tasks):
            yield task, Outcome(error="its process died 3 times", lost=True) if number == 1 else Outcome(work(task))


def test_a_lost_trial_is_tried_again(search: Search, tmp_path: Path) -> None:
    with pytest.raises(SweepError, match="1 of 3 trials are missing"):
        tune(search, 3, tmp_path, Losing())
    kept = (tmp_path / tuning.JOURNAL).read_text().splitlines()
    assert [json.loads(line)["number"] for line in kept[1:]] == [0, 2]
    found = tune(search, 3, tmp_path, LocalEngine())
    assert [one.number for one in found] == [0, 1, 2]
    assert all(one.error is None for one in found)
