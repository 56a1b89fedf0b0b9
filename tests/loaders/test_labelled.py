import shutil

import numpy as np
import pytest

from nb301_ogb import get_info
from nb301_ogb.errors import DatasetNameError, FileFormatError, IntegrityError
from nb301_ogb.loaders.dataset_path import dataset_path
from nb301_ogb.loaders.labelled import LabelledTable, choose_runs

VALUES = np.array([[1, 2, np.nan], [4, 5, 7], [np.nan, np.nan, np.nan]], dtype=np.float32)
ONE = np.array([[1], [2], [np.nan]], dtype=np.float32)


@pytest.mark.parametrize(
    ("values", "runs", "expected"),
    [
        (VALUES, "mean", [[1.5], [16 / 3], [np.nan]]),
        (VALUES, "all", VALUES),
        (VALUES, 0, VALUES[:, :1]),
        (VALUES, 2, VALUES[:, 2:]),
        (VALUES, np.int64(1), VALUES[:, 1:2]),
        (ONE, "mean", ONE),
        (ONE, "all", ONE),
        (ONE, 2, ONE),
        (VALUES[:0], "mean", np.empty((0, 1))),
    ],
)
def test_choose_runs(values, runs, expected):
    found = choose_runs(values, runs, 3)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.asarray(expected, dtype=np.float32))


def test_the_mean_is_taken_in_double_precision():
    values = np.array([[16_777_216.0, 1.0, 1.0, 1.0]], dtype=np.float32)
    assert choose_runs(values, "mean", 4).item() == np.float32((16_777_216 + 3) / 4)


@pytest.mark.parametrize("runs", [3, -1, True, "first", None, 0.0, "0", np.array([0])])
@pytest.mark.parametrize("values", [VALUES, ONE])
def test_a_choice_that_does_not_exist(values, runs):
    with pytest.raises(DatasetNameError, match=r"^runs=.* is no choice; write 'mean', 'all', or a run from 0 to 2\.$"):
        choose_runs(values, runs, 3)


def test_labels_are_the_columns_asked_for():
    table = LabelledTable("nb201-cifar10", targets=("num_params", "val_accuracy"), runs="all")
    assert table.targets == ("num_params", "val_accuracy")
    assert table.labels.shape == (15_625, 4)
    assert table.labels.dtype == np.float32
    np.testing.assert_array_equal(table.labels[:, 1:], table.file.values("val_accuracy"))
    np.testing.assert_array_equal(table.labels[:, :1], table.file.values("num_params"))
    assert LabelledTable("nb201-cifar10", targets="runtime").targets == ("runtime",)
    assert LabelledTable("nb201-cifar10", targets=["runtime", "runtime"]).labels.shape == (15_625, 2)


def test_the_default_label_is_the_mean_accuracy():
    table = LabelledTable("nb201-cifar10")
    accuracy = table.file.values("val_accuracy").astype(np.float64)
    np.testing.assert_array_equal(table.labels[:, 0], np.nanmean(accuracy, axis=1).astype(np.float32))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"targets": ("accuracy",)}, "ogbg-nb201-cifar10 has no target 'accuracy'; it has latency, num_params"),
        ({"targets": ()}, "at least one target is needed; ogbg-nb201-cifar10 has latency"),
        ({"runs": 3}, "runs=3 is no choice"),
        ({"targets": ("num_params",), "runs": 3}, "runs=3 is no choice"),
        ({"meta_dict": {}}, "meta_dict needs the key 'dir_path'"),
        ({"meta_dict": {"dir_path": "nowhere"}}, r"names nowhere, which holds no ogbg-nb201-cifar10-v1\.h5"),
    ],
)
def test_what_does_not_exist(arguments, words):
    with pytest.raises(DatasetNameError, match=words):
        LabelledTable("nb201-cifar10", **arguments)


def test_a_split_by_name():
    table = LabelledTable("nb201-cifar10")
    assert table.split().rule == table.split("equivalence").rule
    assert len(table.split("few_shot_156").train) == 156
    with pytest.raises(DatasetNameError, match="no split 'scaffold'; it has equivalence, few_shot_156, "):
        table.split("scaffold")


def test_meta_info_has_the_keys_of_ogb():
    info = LabelledTable("nb201-cifar10", runs="all").meta_info()
    assert info["num tasks"] == 3
    assert info["eval metric"] == "rmse"
    assert info["task type"] == "regression"
    assert info["num classes"] == -1
    assert info["split"] == "equivalence"
    assert info["version"] == 1
    assert len(info["content_hash"]) == 64


def test_a_folder_by_meta_dict(small_root):
    folder = small_root / "ogbg_nb201_cifar10"
    for path in (folder, str(folder)):
        assert len(LabelledTable("nb201-cifar10", meta_dict={"dir_path": path}).labels) == 150


def test_a_file_that_is_another_dataset_or_damaged(tmp_path):
    own = tmp_path / get_info("nb201-cifar10").filename
    shutil.copy(dataset_path(get_info("nb201-cifar100")), own)
    with pytest.raises(
        FileFormatError,
        match="holds ogbg-nb201-cifar100 version 1, not ogbg-nb201-cifar10 version 1; give the right file",
    ):
        LabelledTable("nb201-cifar10", meta_dict={"dir_path": tmp_path})
    own.write_bytes(own.read_bytes()[:-1])
    with pytest.raises(IntegrityError, match="damaged"):
        LabelledTable("nb201-cifar10", meta_dict={"dir_path": tmp_path})
