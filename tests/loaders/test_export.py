"""Exports: a table that gives everything back, folders that appear whole."""

import csv
import gzip
import json

import numpy as np
import pytest

from nb301_ogb.errors import ConfigError, DatasetNameError, OutputError
from nb301_ogb.loaders import export_ogb
from nb301_ogb.loaders.export import MANIFEST, export
from nb301_ogb.loaders.export_csv import number_texts
from nb301_ogb.spaces import get_space
from nb301_ogb.storage.write import write
from tests.small_files import darts_file, part_of_nb201

FILES = {"nasbench201": part_of_nb201, "darts": darts_file}


@pytest.fixture(scope="module", params=list(FILES))
def dataset(request, tmp_path_factory):
    return FILES[request.param](tmp_path_factory.mktemp("file") / "small.h5")


@pytest.fixture(scope="module")
def exported(dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("csv") / "out"
    export(dataset, "csv", folder)
    return folder


@pytest.fixture(scope="module")
def rows(exported):
    with (exported / "architectures.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def numbers(rows, name):
    return np.array([np.float32(row[name]) if row[name] else np.nan for row in rows], dtype=np.float32)


def test_architectures_come_back(dataset, rows):
    space, codes = get_space(dataset.header.space), dataset.codes()
    assert [row["row"] for row in rows] == [str(row) for row in range(len(codes))]
    for column in ("code", "genotype"):
        np.testing.assert_array_equal(np.stack([space.parse(row[column]) for row in rows]), codes)
    keys = np.array([list(bytes.fromhex(row["canonical_key"])) for row in rows], dtype=np.uint8)
    np.testing.assert_array_equal(keys, dataset.canonical_keys())


def test_every_number_comes_back_exactly(dataset, rows):
    arrays = {name: dataset.values(name) for name in dataset.target_names} | dataset.extra_origin()
    arrays["run_id"] = np.where(dataset.run_ids() < 0, np.nan, dataset.run_ids())
    for name, values in arrays.items():
        flat = values.reshape(len(values), -1).astype(np.float32)
        for place, column in enumerate(flat.T):
            title = name if flat.shape[1] == 1 else f"{name}_{place}"
            np.testing.assert_array_equal(numbers(rows, title), column, err_msg=title)
    mean = np.nanmean(dataset.values("val_accuracy"), axis=1, dtype=np.float64).astype(np.float32)
    np.testing.assert_array_equal(numbers(rows, "label"), mean)


def test_origin_and_splits_come_back(dataset, rows):
    for name in dataset.split_names:
        for part, expected in dataset.split(name).parts().items():
            found = [place for place, row in enumerate(rows) if row[f"split_{name}"] == part]
            np.testing.assert_array_equal(found, np.sort(expected))
    if dataset.groups():
        names, which = dataset.groups()
        assert [row["group"] for row in rows] == [names[one] for one in which]
        assert tuple(row["record"] for row in rows) == dataset.records()


def test_the_readme_tells_every_column_and_the_source(dataset, exported, rows):
    readme = (exported / "README.md").read_text()
    assert all(f"`{column}`" in readme for column in rows[0])
    assert dataset.content_hash in readme
    assert dataset.header.citation in readme
    assert dataset.header.license in readme


def test_the_manifest(dataset, exported):
    found = json.loads((exported / MANIFEST).read_text())
    assert found["content_hash"] == dataset.content_hash
    assert found["files"] == {name: (exported / name).stat().st_size for name in ("README.md", "architectures.csv")}


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (np.array([91.61, np.nan, 9.7], np.float32), ["91.61", "", "9.7"]),
        (np.array([1532730, np.nan], np.float32), ["1532730", ""]),
        (np.array([np.nan, np.nan], np.float32), ["", ""]),
        (np.array([0.1, 1e-12, 3e20], np.float64), ["0.1", "1e-12", "3e+20"]),
        (np.array([-5, 300], np.int64), ["-5", "300"]),
        (np.array([True, False]), ["1", "0"]),
    ],
)
def test_numbers_as_texts(values, texts):
    assert number_texts(values) == texts


def test_codes_beyond_a_digit_are_separated(tmp_path):
    class Wide:
        code_limits = np.array([12, 3])

    from nb301_ogb.loaders.export_csv import code_texts

    assert code_texts(np.array([[11, 2], [0, 1]], np.uint8), Wide()) == ["11 2", "0 1"]


def test_what_cannot_be_exported(dataset, tmp_path):
    with pytest.raises(ConfigError, match="write ogb or csv"):
        export(dataset, "parquet", tmp_path / "x")
    with pytest.raises(ConfigError, match="every target"):
        export(dataset, "csv", tmp_path / "x", targets=("runtime",))
    with pytest.raises(ConfigError, match="every run"):
        export(dataset, "csv", tmp_path / "x", runs=0)
    with pytest.raises(DatasetNameError, match="val_accuracy"):
        export(dataset, "ogb", tmp_path / "x", targets=("beauty",))
    with pytest.raises(DatasetNameError, match="runs=7"):
        export(dataset, "ogb", tmp_path / "x", runs=7)
    assert list(tmp_path.iterdir()) == []


def test_an_export_is_replaced_only_when_asked(dataset, tmp_path):
    target = tmp_path / "out"
    export(dataset, "csv", target)
    with pytest.raises(OutputError, match="--overwrite"):
        export(dataset, "csv", target)
    (target / "architectures.csv").write_text("old")
    export(dataset, "csv", target, overwrite=True)
    assert (target / "architectures.csv").stat().st_size > 1000


def test_ogb_that_fails_leaves_nothing(dataset, tmp_path, monkeypatch):
    class Saver:
        def __init__(self, **_options):
            print("something was said")  # noqa: T201

        def save_graph_list(self, _graphs):
            raise SystemExit(-1)

    monkeypatch.setattr(export_ogb, "_dataset_saver", lambda: Saver)
    with pytest.raises(OutputError, match=r"SystemExit.*something was said"):
        export(dataset, "ogb", tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_equal_data_gives_equal_bytes(dataset, exported, tmp_path):
    again = dataset.path.with_name("again.h5")
    write(again, dataset.contents())
    export(type(dataset)(again), "csv", tmp_path / "out")
    assert (tmp_path / "out/architectures.csv").read_bytes() == (exported / "architectures.csv").read_bytes()
    export_ogb.write_csv(dataset, tmp_path, compress=True)
    packed = (tmp_path / "architectures.csv.gz").read_bytes()
    assert gzip.decompress(packed) == (exported / "architectures.csv").read_bytes()
    assert packed[4:8] == bytes(4)
