"""Trials: the runs that they leave, wherever and however often they are begun."""

from __future__ import annotations

import dataclasses
import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from nb301_ogb.baselines import training
from nb301_ogb.baselines.config import GNNConfig, TreeConfig, load_config, to_toml
from nb301_ogb.baselines.training import Job, train
from nb301_ogb.catalog import get_info
from nb301_ogb.cli.app import app
from nb301_ogb.errors import ConfigError, SweepError
from nb301_ogb.sweeps.engine import attempt
from nb301_ogb.sweeps.engines import LocalEngine
from nb301_ogb.sweeps.reference import REFERENCE_MODELS, reference_trials, runs_folder
from nb301_ogb.sweeps.trials import Trial, run_trials, train_seeds
from tests.small_files import part_of_nb201
from tests.sweeps.contents import content

TREES = TreeConfig(params={"learning_rate": 0.2, "num_leaves": 7}, rounds=20, patience=5)
GIN = GNNConfig(num_layer=1, emb_dim=8, drop_ratio=0.1, batch_size=64, epochs=2)


class Far:
    """An engine whose workers see another disk."""

    def __init__(self) -> None:
        self.tasks: list = []

    def run(self, work, tasks):
        for task in tasks:
            self.tasks.append(task)
            yield task, attempt(work, dataclasses.replace(task, sign="of somebody else"))


@pytest.fixture(autouse=True, scope="module")
def plain_reports() -> Iterator[None]:
    """Figures take most of the time of a training as small as these."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "write_report", lambda path, runs: path.write_text(f"{len(runs)} runs"))
        yield


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    info, root = get_info("nb201-cifar10"), tmp_path_factory.mktemp("root")
    (root / info.folder).mkdir()
    part_of_nb201(root / info.folder / info.filename)
    return root


@pytest.fixture(scope="module")
def jobs(root: Path) -> tuple[Job, Job]:
    trees = Job("ogbg-nb201-cifar10", TREES, root=root, device="cpu")
    return trees, dataclasses.replace(trees, config=GIN)


@pytest.fixture(scope="module")
def expected(jobs: tuple[Job, Job], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("expected")
    for number, job in enumerate(jobs):
        train(job, [3, 1], folder / str(number))
    return folder


def wanted(jobs: tuple[Job, Job], folder: Path) -> list[Trial]:
    return [Trial(job, seed, folder / str(number)) for seed in (3, 1) for number, job in enumerate(jobs)]


ENGINES = [
    pytest.param(LocalEngine(1), id="here"),
    pytest.param(Far(), id="far"),
    pytest.param(LocalEngine(2), id="processes", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_runs_are_those_of_train(engine, jobs: tuple[Job, Job], expected: Path, tmp_path: Path) -> None:
    trials, told = wanted(jobs, tmp_path), []
    runs = run_trials(trials, engine, lambda trial, run: told.append((trial.place.folder, run and run.info.seed)))
    assert [run.folder for run in runs] == [trial.place.folder for trial in trials]
    assert [run.info.seed for run in runs] == [3, 3, 1, 1]
    for number in ("0", "1"):
        assert sorted(os.listdir(tmp_path / number)) == ["seed-1", "seed-3"]
        for seed in ("seed-1", "seed-3"):
            assert content(tmp_path / number / seed) == content(expected / number / seed)
            assert sorted(os.listdir(tmp_path / number / seed)) == sorted(os.listdir(expected / number / seed))
    assert {place for place, seed in told if seed is None} == {trial.place.folder for trial in trials}
    assert sorted(seed for _, seed in told if seed is not None) == [1, 1, 3, 3]


def test_an_interrupted_sweep_goes_on(jobs: tuple[Job, Job], expected: Path, tmp_path: Path) -> None:
    trials = wanted(jobs, tmp_path)

    def stop(trial: Trial, run) -> None:
        if run is not None and trial == trials[1]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_trials(trials, LocalEngine(), stop)
    there = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/seed-*")}
    assert len(there) == 2
    begun = []
    runs = run_trials(trials, LocalEngine(), lambda trial, run: begun.append(trial) if run is None else None)
    assert begun == trials[2:]
    assert all(path.stat().st_mtime_ns == time for path, time in there.items())
    for run, trial in zip(runs, trials, strict=True):
        assert content(run.folder) == content(expected / trial.output.name / f"seed-{trial.seed}")
    assert not list(tmp_path.rglob(".*"))


def test_a_run_of_another_job_is_refused_before_the_work(jobs: tuple[Job, Job], tmp_path: Path) -> None:
    trial = Trial(jobs[0], 0, tmp_path)
    run_trials([trial], LocalEngine())
    other = Trial(dataclasses.replace(jobs[0], config=dataclasses.replace(TREES, rounds=21)), 0, tmp_path)
    engine = Far()
    with pytest.raises(ConfigError, match=r"seed-0 is another run \(rounds: 20, now 21\)"):
        run_trials([Trial(jobs[1], 5, tmp_path), other], engine)
    assert engine.tasks == []
    with pytest.raises(ConfigError, match="two trials would write the same run folder"):
        run_trials([trial, other], engine)
    (run,) = run_trials([other], LocalEngine(), overwrite=True)
    assert run.config.rounds == 21
    (again,) = run_trials([trial], Far(), overwrite=True)
    assert again.config.rounds == 20


@pytest.mark.parametrize("engine", [LocalEngine(), Far()], ids=["here", "far"])
def test_a_trial_that_fails_is_told_when_the_others_are_done(engine, jobs: tuple[Job, Job], tmp_path: Path) -> None:
    bad = dataclasses.replace(jobs[0], config=dataclasses.replace(TREES, library="woods"))
    trials = [Trial(bad, 4, tmp_path / "bad"), Trial(bad, 5, tmp_path / "bad"), Trial(jobs[0], 0, tmp_path / "good")]
    told = (
        r"bad/seed-4 on ogbg-nb201-cifar10 failed: there is no tree library 'woods'.*\(and 1 more of 3 trials failed\)"
    )
    with pytest.raises(SweepError, match=told):
        run_trials(trials, engine)
    assert (tmp_path / "good" / "seed-0" / "metrics.jsonl").exists()


def test_seeds(jobs: tuple[Job, Job], expected: Path, tmp_path: Path) -> None:
    runs = train_seeds(jobs[0], [3, 1], tmp_path, LocalEngine())
    assert [run.info.seed for run in runs] == [3, 1]
    assert (tmp_path / "summary.json").read_bytes() == (expected / "0" / "summary.json").read_bytes()
    assert (tmp_path / "report.html").exists()
    with pytest.raises(ConfigError, match="seed-3 exists"):
        train_seeds(jobs[0], [3], tmp_path, LocalEngine())
    assert len(train_seeds(jobs[0], [3, 4], tmp_path, LocalEngine(), resume=True)) == 2
    with pytest.raises(ConfigError, match="say one of them"):
        train_seeds(jobs[0], [3], tmp_path, LocalEngine(), overwrite=True, resume=True)


def test_the_verb_with_several_workers(jobs: tuple[Job, Job], expected: Path, tmp_path: Path, capsys) -> None:
    config = tmp_path / "trees.toml"
    config.write_text(to_toml(TREES, {}).replace("[config]\n", "").replace("[config.", "["))
    command = ["train", "--config", str(config), "--root", str(jobs[0].root), "--device", "cpu", "--seeds", "3,1"]
    app([*command, "--workers", "2", "--output", str(tmp_path / "out"), "--json"], standalone_mode=False)
    printed = json.loads(capsys.readouterr().out)
    wanted = json.loads((expected / "0" / "summary.json").read_bytes())
    assert printed == wanted | {"output": str(tmp_path / "out")}


def test_reference_runs(tmp_path: Path) -> None:
    trials = reference_trials(tmp_path, ["nb201-cifar10", "nb201-cifar100"], seeds=range(2))
    assert len(trials) == 2 * len(REFERENCE_MODELS) * 2
    assert trials[1].place.folder == tmp_path / "equivalence" / "gin" / "ogbg-nb201-cifar10" / "seed-1"
    assert runs_folder(tmp_path, "random", "gcn", "nb201-cifar100") == tmp_path / "random/gcn/ogbg-nb201-cifar100"
    assert {trial.job.split for trial in trials} == {"equivalence"}
    assert trials[0].job.config == load_config("gin", "nasbench201")
    assert len({trial.place for trial in trials}) == len(trials)
    with pytest.raises(ConfigError, match="there is no configuration 'lstm'"):
        reference_trials(tmp_path, ["nb201-cifar10"], models=["lstm"])


def test_a_sign_is_not_mistaken(jobs: tuple[Job, Job], tmp_path: Path) -> None:
    """A sweep that was killed has left its sign; workers of the next one go by their own."""
    (tmp_path / ".sweep").write_text(uuid.uuid4().hex)
    run_trials([Trial(jobs[0], 0, tmp_path)], Far())
    assert sorted(os.listdir(tmp_path)) == ["seed-0"]
