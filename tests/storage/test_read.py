import copy
import hashlib
import json
import pickle
import subprocess
import sys

import h5py
import numpy as np
import pytest

from nb301_ogb.errors import DatasetNameError, FileFormatError, IntegrityError
from nb301_ogb.storage.content import content_hash
from nb301_ogb.storage.read import DatasetFile
from nb301_ogb.storage.verify import verify
from nb301_ogb.storage.write import write


@pytest.fixture
def path(tmp_path, make_contents):
    write(tmp_path / "file.h5", make_contents())
    return tmp_path / "file.h5"


def sealed(path):
    """Makes the first block of a file right again after its HDF5 part was changed."""
    rest = path.read_bytes()[512:]
    path.write_bytes(f"nb301-ogb 1\nsha256 {hashlib.sha256(rest).hexdigest()}\n".encode().ljust(512, b"\0") + rest)
    return path


def test_what_a_file_says_of_itself(path, make_contents):
    file = DatasetFile(path)
    assert file.header == make_contents().header
    assert file.num_graphs == 12
    assert file.target_names == ("runtime", "val_accuracy")
    assert file.split_names == ("first", "some")
    assert file.curve_names == ("val",)
    assert file.content_hash == content_hash(make_contents())
    assert file.attributes["created_with"].startswith("nb301-ogb ")
    assert repr(file) == f"DatasetFile({str(path)!r}, ogbg-small, 12 graphs)"
    assert DatasetFile(str(path)).path == path


PLAIN = """
import h5py, json, sys
with h5py.File(sys.argv[1]) as file:
    told = {"attributes": {key: str(value) for key, value in file.attrs.items()}, "arrays": {}}
    def tell(name, item):
        if isinstance(item, h5py.Dataset):
            told["arrays"][name] = [str(item.dtype), item.shape]
    file.visititems(tell)
    told["codes"] = file["architectures/code"][:2].tolist()
assert not any(name.startswith("nb301_ogb") for name in sys.modules)
print(json.dumps(told))
"""


def test_plain_h5py_reads_it_as_the_layout_says(path, make_contents):
    done = subprocess.run([sys.executable, "-c", PLAIN, path], capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    edges = len(make_contents().graphs.edge_feat)
    assert told["codes"] == make_contents().code[:2].tolist()
    assert told["arrays"] == {
        "graphs/node_ptr": ["int64", [13]],
        "graphs/edge_ptr": ["int64", [13]],
        "graphs/node_feat": ["uint8", [48, 2]],
        "graphs/edge_index": ["uint8", [2, edges]],
        "graphs/edge_feat": ["uint8", [edges, 1]],
        "architectures/code": ["uint8", [12, 6]],
        "architectures/canonical_key": ["uint8", [12, 16]],
        "targets/val_accuracy": ["float32", [12, 3]],
        "targets/runtime": ["float32", [12, 1]],
        "curves/val": ["float32", [12, 5]],
        "origin/run_id": ["int32", [12, 3]],
        "origin/group": ["uint8", [12]],
        "origin/record": ["|S14", [12]],
        "origin/model_size": ["float64", [12, 3]],
        "origin/budget": ["int64", [12]],
        "report": ["object", []],
        **{f"splits/first/{part}": ["int64", [size]] for part, size in (("train", 6), ("valid", 3), ("test", 3))},
        **{f"splits/some/{part}": ["int64", [size]] for part, size in (("train", 2), ("valid", 0), ("test", 1))},
    }
    assert told["attributes"].keys() == {
        "format", "format_version", "name", "version", "space", "label", "license", "citation", "sources",
        "content_hash", "created_with", "curves_hash",
    }  # fmt: skip
    assert told["attributes"]["format"] == "nb301-ogb"
    assert json.loads(told["attributes"]["sources"]) == [{"url": "https://example.org/a", "sha256": "00", "size": 7}]


@pytest.mark.parametrize("compression", [None, "lzf", "gzip"])
def test_a_file_that_another_program_wrote(tmp_path, path, make_contents, compression):
    other = tmp_path / "other.h5"
    with h5py.File(path) as source, h5py.File(other, "w", userblock_size=512, libver="latest") as target:

        def rewrite(name, item):
            if isinstance(item, h5py.Group):
                made = target.create_group(name)
            elif item.dtype.kind in "iu" and name != "origin/group":
                made = target.create_dataset(name, data=item[...].astype(">i8"), compression=compression)
            else:
                kind = h5py.string_dtype() if name == "report" else item.dtype
                made = target.create_dataset(name, data=item[...], dtype=kind)
            made.attrs.update(item.attrs)

        source.visititems(rewrite)
        target.attrs.update(source.attrs)
    assert all(check.ok for check in verify(sealed(other)))
    assert content_hash(DatasetFile(other).contents()) == content_hash(make_contents())
    assert other.read_bytes() != path.read_bytes()


def test_memory_has_the_types_that_users_expect(path):
    file = DatasetFile(path)
    graphs = file.graphs()
    assert {array.dtype for array in vars(graphs).values()} == {np.dtype(np.int64)}
    assert all(array.flags.writeable for array in vars(graphs).values())
    assert file.codes().dtype == file.canonical_keys().dtype == np.uint8
    assert file.values("runtime").dtype == np.float32
    assert file.run_ids().dtype == np.int32
    assert {rows.dtype for rows in file.split("some").parts().values()} == {np.dtype(np.int64)}


def test_the_parts_one_by_one(path, make_contents):
    file, contents = DatasetFile(path), make_contents()
    names, group = file.groups()
    assert names == contents.groups
    assert np.array_equal(group, contents.group)
    assert file.records() == contents.records
    assert file.report() == contents.report
    assert file.split("first").statistics == {"num_train": 6}
    assert file.target("runtime").unit == "seconds"
    assert np.array_equal(file.values("val_accuracy"), contents.targets["val_accuracy"].values, equal_nan=True)


def test_a_file_without_what_may_be_missing(tmp_path, make_contents):
    bare = make_contents(
        groups=(), group=None, records=(), extra_origin={}, curves={}, report="", splits={}, targets={}
    )
    write(tmp_path / "file.h5", bare)
    file = DatasetFile(tmp_path / "file.h5")
    assert (file.target_names, file.split_names, file.curve_names) == ((), (), ())
    assert file.groups() is None
    assert file.records() == ()
    assert file.report() == ""
    with pytest.raises(DatasetNameError, match="no learning curve 'val'; it has none"):
        file.curve("val")


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda file: file.target("accuracy"), "ogbg-small has no target 'accuracy'; it has runtime, val_accuracy"),
        (lambda file: file.values(""), "ogbg-small has no target ''; it has runtime, val_accuracy"),
        (lambda file: file.split("default"), "ogbg-small has no split 'default'; it has first, some"),
        (lambda file: file.split("first/train"), "ogbg-small has no split 'first/train'; it has first, some"),
        (lambda file: file.curve("test"), "ogbg-small has no learning curve 'test'; it has val"),
    ],
)
def test_names_that_are_not_there(path, ask, words):
    with pytest.raises(DatasetNameError, match=words):
        ask(DatasetFile(path))


def test_rows_of_a_curve(tmp_path, make_contents):
    rows = 1000
    curve = np.random.default_rng(0).random((rows, 7)).astype(np.float32)
    write(tmp_path / "file.h5", make_contents(rows=rows, curves={"val": curve}))
    file = DatasetFile(tmp_path / "file.h5")
    assert np.array_equal(file.curve("val"), curve)
    for wanted in ([], [5], [999, 0, 256, 255, 0, -1], range(3, 900, 7), np.arange(rows) % 3 == 0, np.array([], int)):
        assert np.array_equal(file.curve("val", wanted), curve[list(wanted) if len(wanted) else slice(0)])
    for wrong in ([rows], [-rows - 1]):
        with pytest.raises(IndexError):
            file.curve("val", wrong)


def test_only_the_chunks_that_hold_the_rows_are_read(tmp_path, make_contents):
    """The other chunks are damaged, and nobody notices."""
    path = tmp_path / "file.h5"
    curve = np.random.default_rng(0).random((1000, 7)).astype(np.float32)
    write(path, make_contents(rows=1000, curves={"val": curve}))
    with h5py.File(path) as file:
        dataset = file["curves/val"]
        assert dataset.chunks == (256, 7)
        chunks = [dataset.id.read_direct_chunk((start, 0))[1] for start in (0, 256, 512, 768)]
    data = path.read_bytes()
    for chunk in chunks[1:]:
        assert data.count(chunk) == 1
        data = data.replace(chunk, bytes(len(chunk)))
    path.write_bytes(data)
    file = DatasetFile(path, check=False)
    assert np.array_equal(file.curve("val", [255, 3]), curve[[255, 3]])
    with pytest.raises(IntegrityError, match="cannot be read to its end"):
        file.curve("val", [256])
    with pytest.raises(IntegrityError, match="damaged"):
        DatasetFile(path)


def test_nothing_stays_open(path, make_contents):
    file = DatasetFile(path)
    for other in (copy.deepcopy(file), pickle.loads(pickle.dumps(file))):
        assert np.array_equal(other.codes(), file.codes())
    write(path, make_contents(seed=1))
    assert np.array_equal(file.codes(), make_contents(seed=1).code)
    path.unlink()
    with pytest.raises(FileFormatError, match="cannot be opened \\(No such file or directory\\); make that possible"):
        file.codes()


def test_a_file_in_a_folder_that_cannot_be_written(path):
    path.chmod(0o444)
    path.parent.chmod(0o555)
    try:
        assert all(check.ok for check in verify(path))
    finally:
        path.parent.chmod(0o755)


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        DatasetFile(tmp_path / "missing.h5")
    with pytest.raises(IsADirectoryError):
        DatasetFile(tmp_path)


@pytest.mark.parametrize(
    "missing",
    ["targets", "splits", "origin", "architectures/code", "graphs/edge_feat", "splits/first/valid", "origin/run_id"],
)
def test_a_missing_part_of_the_layout(path, missing):
    with h5py.File(path, "r+") as file:
        del file[missing]
    sealed(path)
    with pytest.raises(IntegrityError, match=r"file\.h5 lacks a part of the layout"):
        DatasetFile(path).contents()
    failed = [check for check in verify(path) if not check.ok]
    assert [check.name for check in failed] == ["bytes"]


@pytest.mark.parametrize("missing", ["name", "version", "space", "label", "license", "sources", "content_hash"])
def test_a_missing_attribute(path, missing):
    with h5py.File(path, "r+") as file:
        del file.attrs[missing]
    with pytest.raises(IntegrityError, match=f"lacks a part of the layout.*{missing}"):
        DatasetFile(sealed(path))


@pytest.mark.parametrize(("group", "name"), [("/", "sources"), ("splits/first", "statistics")])
def test_an_attribute_that_is_no_json(path, group, name):
    with h5py.File(path, "r+") as file:
        file[group].attrs[name] = "{no json"
    with pytest.raises(IntegrityError, match="no JSON"):
        DatasetFile(sealed(path)).contents()


def test_bytes_that_are_no_hdf5(path):
    path.write_bytes(bytes(512) + b"no HDF5" * 100)
    with pytest.raises(IntegrityError, match="cannot be read as HDF5"):
        DatasetFile(sealed(path))
