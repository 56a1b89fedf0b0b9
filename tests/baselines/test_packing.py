"""Runs of several seeds, datasets and jobs put together as one submission, and what keeps them apart."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from nb301_ogb.baselines import runs
from nb301_ogb.baselines.config import TreeConfig
from nb301_ogb.baselines.model import History
from nb301_ogb.baselines.packing import pack_runs
from nb301_ogb.errors import ConfigError, SubmissionError
from nb301_ogb.evaluators.submission import file
from nb301_ogb.evaluators.submission.form import PARTS, Exam
from nb301_ogb.leaderboard.exam_data import opener
from nb301_ogb.leaderboard.scores import judge
from tests.submissions import small_root

EXAM = Exam("ogbg-nb201-cifar10", "equivalence")
INFO = runs.RunInfo("trees", EXAM.dataset, "", EXAM.split, 0, 100)
METRICS = {part: {"rmse": 1.0} for part in ("train", *PARTS)}
ENVIRONMENT = {
    "nb301_ogb": "0.1.0", "python": "3.11.7", "libraries": {"numpy": "2.0"}, "platform": "Linux", "processor": "a CPU",
    "cores": 2, "gpu": None, "command": "nb301-ogb train --seeds 0", "later": "unknown to this version",
}  # fmt: skip


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    return opener(small_root(tmp_path_factory.mktemp("root"), rows=150))


def write_run(folder, load, info=INFO, config=TreeConfig(), environment=ENVIRONMENT, change=None):  # noqa: B008
    """A run folder as training leaves it, without its weights; predictions are the labels plus the seed."""
    folder.mkdir(parents=True)
    data = load(EXAM)
    info = replace(info, content_hash=info.content_hash or data.key.content_hash)
    found = {}
    for part in PARTS:
        rows, labels = data.key.rows[part], data.parts[part].labels[:, None].astype(np.float32)
        found[part] = runs.Predictions(rows, data.key.part(part), labels + np.float32(info.seed), labels)
    found = change(found) if change else found
    runs.write_config(folder, info, config)
    runs.write_metrics(folder, History([{"epoch": 1}], 1), METRICS)
    runs.write_predictions(folder, info, found)
    (folder / "environment.json").write_text(json.dumps(environment))
    return folder


def refused(folders, match):
    with pytest.raises(SubmissionError, match=match) as found:
        pack_runs(folders)
    return found.value.faults


def test_runs_of_separate_jobs(load, tmp_path):
    """In any order, from folders of their own and from a common one."""
    for seed in (3, 0):
        write_run(tmp_path / "common" / f"seed-{seed}", load, replace(INFO, seed=seed, num_params=100 + seed))
    machine = ENVIRONMENT | {"gpu": "a GPU", "command": "nb301-ogb train --seeds 10"}
    write_run(tmp_path / "job" / "seed-10", load, replace(INFO, seed=10), environment=machine)
    packed = pack_runs([tmp_path / "job" / "seed-10", tmp_path / "common"])
    assert packed.head.seeds == (0, 3, 10)
    assert packed.head.num_params == 103
    assert packed.head.model == "trees"
    assert set(packed.head.hardware.split("; ")) == {"a CPU", "a GPU"}
    assert sorted(packed.head.commands) == ["nb301-ogb train --seeds 0", "nb301-ogb train --seeds 10"]
    assert len(packed.head.environments) == 2
    judged = judge(file.from_bytes(file.to_bytes(packed.head, packed.predictions), "x"), load, "x")
    for column, seed in enumerate(packed.head.seeds):
        errors = judged.exams[EXAM].error("test")[:, column]
        assert errors == pytest.approx(np.full(len(errors), seed), abs=1e-4)


def test_several_datasets(load, tmp_path):
    for seed in (0, 1):
        for name in ("ogbg-nb201-cifar10", "ogbg-nb201-cifar100"):
            info = replace(INFO, dataset=name, seed=seed, content_hash="a" * 64)
            write_run(tmp_path / f"{name}-{seed}" / "seed", load, info)
    packed = pack_runs(sorted(tmp_path.iterdir()))
    assert [exam.dataset for exam in packed.predictions] == ["ogbg-nb201-cifar10", "ogbg-nb201-cifar100"]
    assert packed.head.exams[1].content_hash == "a" * 64
    assert pack_runs([tmp_path]).head == packed.head
    shutil.rmtree(tmp_path / "ogbg-nb201-cifar100-1")
    (fault,) = refused(sorted(tmp_path.iterdir()), "1 of 2 seeds")
    assert fault.startswith("ogbg-nb201-cifar100, split equivalence has 1 of 2 seeds, the first that is missing is 1")


def test_a_seed_twice(load, tmp_path):
    for folder in ("a", "b"):
        write_run(tmp_path / folder / "seed-4", load, replace(INFO, seed=4))
    (fault,) = refused([tmp_path / "a", tmp_path / "b"], "both hold seed 4")
    assert str(tmp_path / "a" / "seed-4") in fault


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"model": "other"}, "the runs are of 2 models, other .*, trees"),
        ({"content_hash": "b" * 64}, "different versions of ogbg-nb201-cifar10"),
        ({"targets": ("latency",)}, r"predicts latency \(mean of the runs\), the leaderboard judges val_accuracy"),
        ({"runs": 0}, r"predicts val_accuracy \(0 of the runs\)"),
    ],
)
def test_runs_that_do_not_belong_together(load, tmp_path, fields, match):
    write_run(tmp_path / "seed-0", load)
    write_run(tmp_path / "seed-1", load, replace(INFO, seed=1, **fields))
    refused([tmp_path], match)


def test_other_settings(load, tmp_path):
    write_run(tmp_path / "seed-0", load)
    write_run(tmp_path / "seed-1", load, replace(INFO, seed=1), replace(TreeConfig(), rounds=7))
    refused([tmp_path], "were trained with different settings")


def test_an_architecture_with_two_rows(load, tmp_path):
    """As where two groups of a source hold the same architecture: one prediction, equal up to rounding."""

    def repeat(shift):
        def change(found):
            first, *others = (getattr(found["test"], name) for name in ("rows", "codes", "y_pred", "y_true"))
            again = [np.concatenate([values, values[:1]]) for values in (first, *others)]
            again[2][-1] += np.float32(shift)
            return found | {"test": runs.Predictions(*again)}

        return change

    write_run(tmp_path / "a" / "seed-0", load, change=repeat(1e-5))
    predictions = pack_runs([tmp_path / "a"]).predictions[EXAM]["test"]
    assert len(np.unique(predictions.codes, axis=0)) == len(predictions.codes) == len(load(EXAM).key.rows["test"])
    write_run(tmp_path / "b" / "seed-0", load, change=repeat(1.0))
    (fault,) = refused([tmp_path / "b"], "have another prediction than a row of the same architecture")
    size = len(load(EXAM).key.rows["test"])
    assert (
        f"1 rows of the test part have another prediction than a row of the same architecture, the first is row {size}"
        in fault
    )


def test_runs_on_other_rows(load, tmp_path):
    def shorter(found):
        one = found["test"]
        return found | {"test": runs.Predictions(one.rows[1:], one.codes[1:], one.y_pred[1:], one.y_true[1:])}

    write_run(tmp_path / "seed-0", load)
    write_run(tmp_path / "seed-1", load, replace(INFO, seed=1), change=shorter)
    refused([tmp_path], "predict different architectures of the test part")


@pytest.mark.parametrize("text", ["", "[1]", '{"python": 3}', '{"cores": "two"}'])
def test_environments_that_are_none(load, tmp_path, text):
    folder = write_run(tmp_path / "seed-0", load)
    (folder / "environment.json").write_text(text)
    (fault,) = refused([tmp_path], r"environment\.json")
    assert "nb301-ogb train" in fault


def test_folders_without_runs(tmp_path):
    with pytest.raises(ConfigError, match="neither is nor holds a run folder"):
        pack_runs([tmp_path])
