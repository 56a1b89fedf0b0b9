"""The repeated trainings of NAS-Bench-301: a row an architecture, a column a seed."""

import random

import numpy as np
import pytest

from nb301_ogb import GraphPropPredDataset
from nb301_ogb.catalog import get_info
from nb301_ogb.errors import BuildError
from nb301_ogb.loaders.build_nb301_runs import build_runs
from nb301_ogb.spaces.darts import SPACE
from nb301_ogb.storage.read import DatasetFile
from nb301_ogb.storage.verify import verify
from tests.loaders.nb301_archive import files_of, needs_shared, pack, record_of, records, rehearsal

CODES = SPACE.sample(20, np.random.default_rng(11))


def trainings(seeds=range(1, 6)):
    """Twenty architectures, trained with each seed."""
    rng = np.random.default_rng(12)
    return {
        f"de_multi_seed/{seed}/results_{number}.json": record_of(
            code,
            round(94 + rng.normal(0, 0.2), 2),
            round(93.5 + rng.normal(0, 0.2), 2),
            round(rng.uniform(2e3, 9e3), 1),
        )
        for seed in seeds
        for number, code in enumerate(CODES)
    }


def built(files, path, form="a.zip", **options):
    report = build_runs(pack(files, path / form), path / "runs.h5", **options)
    return report, DatasetFile(path / "runs.h5")


def test_what_a_file_holds(tmp_path):
    made = trainings()
    report, file = built(files_of(made | records(2)), tmp_path)
    assert [check for check in verify(file.path) if not check.ok] == []
    assert np.array_equal(file.codes(), CODES)
    for name, place in (("val_accuracy", ("info", 0, "val_accuracy")), ("runtime", ("runtime",))):
        expected = np.empty((20, 5), np.float32)
        for key, one in made.items():
            _, seed, result = key.split("/")
            for step in place:
                one = one[step]
            expected[int(result[8:-5]), int(seed) - 1] = one
        assert np.array_equal(file.target(name).values, expected)
    assert file.target("num_params").values.shape == (20, 1)
    assert set(file.target_names) == set(get_info("nb301-runs").targets)
    assert file.split_names == get_info("nb301-runs").splits
    assert file.run_ids().tolist() == np.arange(100).reshape(20, 5).tolist()
    assert file.contents().extra_origin["seed"].tolist() == [[1, 2, 3, 4, 5]] * 20
    assert file.records()[3] == " ".join(f"{seed}/results_3.json" for seed in range(1, 6))
    assert report["architectures_by_runs"] == {"5": 20}
    assert report["left_out"][0]["reason"] == "outside of de_multi_seed"
    assert report["left_out"][0]["count"] == 22


@pytest.mark.parametrize("form", ["b.tar.gz", "b"])
def test_order_and_form_do_not_matter(tmp_path, form):
    files = files_of(trainings())
    digest = built(files, tmp_path)[0]["content_hash"]
    shuffled = list(files_of(trainings(), "other").items())
    random.Random(2).shuffle(shuffled)
    assert built(dict(shuffled), tmp_path, form)[0]["content_hash"] == digest


def test_seeds_and_numbers_that_do_not_match(tmp_path):
    """An architecture is known by its code: its files may have any number, and it may lack a seed."""
    made = trainings()
    made["de_multi_seed/3/results_500.json"] = made.pop("de_multi_seed/3/results_4.json")
    del made["de_multi_seed/2/results_9.json"]
    report, file = built(files_of(made), tmp_path)
    assert np.array_equal(file.codes(), CODES)
    seeds = file.contents().extra_origin["seed"]
    assert seeds[4].tolist() == [1, 2, 3, 4, 5]
    assert seeds[9].tolist() == [1, 3, 4, 5, -1]
    assert np.isnan(file.target("val_accuracy").values[9]).tolist() == [False] * 4 + [True]
    assert file.run_ids()[9].tolist() == [45, 46, 47, 48, -1]
    assert report["architectures_by_runs"] == {"4": 1, "5": 19}
    assert [check for check in verify(file.path) if not check.ok] == []


def test_a_copied_run_counts_once(tmp_path):
    made = trainings()
    made["de_multi_seed/5/results_0.json"] = made["de_multi_seed/1/results_0.json"]
    report, file = built(files_of(made), tmp_path)
    assert np.isnan(file.target("val_accuracy").values[0]).sum() == 1
    assert "copy of 1/results_0.json" in str(report["left_out"])


def test_an_archive_without_repeated_trainings(tmp_path):
    with pytest.raises(BuildError, match="outside of de_multi_seed"):
        built(files_of(records(2)), tmp_path)


def test_as_a_dataset(tmp_path):
    info = get_info("nb301-runs")
    build_runs(pack(files_of(trainings()), tmp_path / "a.zip"), tmp_path / "root" / info.folder / info.filename)
    dataset = GraphPropPredDataset("nb301-runs", root=tmp_path / "root", runs="all")
    assert (len(dataset), dataset.num_tasks) == (20, 5)
    mean = GraphPropPredDataset("nb301-runs", root=tmp_path / "root")
    assert np.allclose(mean.labels[:, 0], dataset.labels.mean(axis=1))
    parts = mean.get_idx_split()
    assert sorted(np.concatenate(list(parts.values()))) == list(range(20))


@needs_shared
def test_the_one_of_the_messy_rehearsal(tmp_path):
    path = rehearsal(tmp_path / "messy.zip", "--count", "50", "--messy")
    report = build_runs(path, tmp_path / "runs.h5")
    file = DatasetFile(tmp_path / "runs.h5")
    assert file.records() == ("1/results_0.json",)
    assert report["records_read"] == 1
