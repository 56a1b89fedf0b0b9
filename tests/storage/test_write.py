import os
import signal
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nb301_ogb.errors import FileFormatError, IntegrityError
from nb301_ogb.spaces.nasbench201 import SPACE
from nb301_ogb.storage.content import content_hash
from nb301_ogb.storage.layout import Contents, Header, Split, Target
from nb301_ogb.storage.read import DatasetFile
from nb301_ogb.storage.verify import verify
from nb301_ogb.storage.whole import Temporary
from nb301_ogb.storage.write import write

a_text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
a_word = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)


def named(values, max_size=3):
    return st.dictionaries(a_word, values, max_size=max_size)


def reals(shape):
    return hnp.arrays(np.float32, shape, elements=st.floats(width=32))


@st.composite
def contents_of_all_sorts(draw):
    rows = draw(st.integers(0, 5))
    codes = draw(hnp.arrays(np.uint8, (rows, 6), elements=st.integers(0, 4)))
    some_rows = hnp.arrays(np.int64, st.integers(0, 4), elements=st.integers(0, 9))
    numbers = st.sampled_from([np.int64, np.int16, np.uint32, np.uint8, np.float32, np.float64, np.bool_])
    groups = draw(st.lists(a_text.filter(bool), unique=True, max_size=3))
    target = st.builds(Target, reals((rows, draw(st.integers(1, 3)))), a_word, a_word, a_text)
    split = st.builds(
        Split, some_rows, some_rows, some_rows, a_text, a_text, named(st.integers() | st.floats(allow_nan=False))
    )
    return Contents(
        header=draw(
            st.builds(
                Header, a_text, st.integers(0, 99), a_text, a_text, a_text, a_text,
                st.lists(named(a_text | st.integers()), max_size=2).map(tuple),
            )
        ),
        code=codes,
        canonical_key=SPACE.canonical_keys(codes),
        graphs=SPACE.graphs(codes),
        targets=draw(named(target)),
        splits=draw(named(split)),
        run_id=draw(hnp.arrays(np.int32, (rows, 2))),
        groups=tuple(groups),
        group=draw(hnp.arrays(np.uint8, rows, elements=st.integers(0, len(groups) - 1))) if groups else None,
        records=tuple(draw(st.lists(a_text, min_size=rows, max_size=rows))),
        extra_origin={
            f"extra_{name}": draw(hnp.arrays(kind, (rows, 2))) for name, kind in draw(named(numbers)).items()
        },
        curves=draw(named(reals((rows, draw(st.integers(1, 4)))))),
        report=draw(a_text),
    )  # fmt: skip


def assert_same(one, other, where="contents"):
    assert type(one) is type(other), where
    if isinstance(one, np.ndarray):
        assert one.dtype == other.dtype, where
        np.testing.assert_array_equal(one, other, where)
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_same(one[key], other[key], f"{where}/{key}")
    elif hasattr(one, "__dataclass_fields__"):
        for field in fields(one):
            assert_same(getattr(one, field.name), getattr(other, field.name), f"{where}.{field.name}")
    else:
        assert one == other, where


def litter(folder):
    return [path.name for path in folder.iterdir() if path.name.endswith(".part")]


@given(contents_of_all_sorts())
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_contents_come_back_as_they_were(tmp_path, contents):
    path = tmp_path / "file.h5"
    digest = write(path, contents)
    back = DatasetFile(path).contents()
    assert_same(contents, back)
    assert digest == content_hash(contents) == content_hash(back) == DatasetFile(path).content_hash
    assert os.listdir(tmp_path) == ["file.h5"]


def test_everything_comes_back(tmp_path, make_contents):
    write(tmp_path / "file.h5", make_contents())
    assert_same(make_contents(), DatasetFile(tmp_path / "file.h5").contents())
    assert (tmp_path / "file.h5").stat().st_mode & 0o777 == 0o644


def test_narrow_arrays_are_written_as_the_layout_says(tmp_path, make_contents):
    contents = make_contents()
    graphs = contents.graphs
    narrow = replace(graphs, node_feat=graphs.node_feat.astype(np.uint8), edge_index=graphs.edge_index.astype(np.int32))
    target = contents.targets["val_accuracy"]
    changed = replace(
        contents,
        graphs=narrow,
        code=contents.code.astype(np.int64),
        canonical_key=contents.canonical_key.astype(np.int16),
        run_id=contents.run_id.astype(np.int64),
        targets={**contents.targets, "val_accuracy": replace(target, values=target.values.astype(np.float64))},
    )
    assert write(tmp_path / "file.h5", changed) == content_hash(contents)
    assert_same(contents, DatasetFile(tmp_path / "file.h5").contents())


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code": np.full((12, 6), 256)}, IntegrityError),
        ({"run_id": np.full((12, 3), 2**31)}, IntegrityError),
        ({"records": ("zero byte\0",) * 12}, IntegrityError),
        ({"group": None}, IntegrityError),
        ({"extra_origin": {"name": np.array(["text"] * 12)}}, FileFormatError),
        ({"extra_origin": {"name": np.array([{}] * 12)}}, FileFormatError),
    ],
)
def test_what_would_not_come_back_is_not_written(tmp_path, make_contents, changes, error):
    with pytest.raises(error):
        write(tmp_path / "file.h5", make_contents(**changes))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt(), MemoryError()])
@pytest.mark.parametrize("where", ["h5py.File.create_dataset", "uuid.uuid4", "os.fsync", "os.replace"])
def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path, make_contents, monkeypatch, where, failure):
    path = tmp_path / "file.h5"
    write(path, make_contents())
    before = path.read_bytes()

    def fail(*_, **__):
        raise failure

    monkeypatch.setattr(where, fail)
    with pytest.raises(type(failure)):
        write(path, make_contents(seed=1))
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["file.h5"]


def test_its_folder_is_made(tmp_path, make_contents):
    write(tmp_path / "deep" / "down" / "file.h5", make_contents())
    assert os.listdir(tmp_path / "deep" / "down") == ["file.h5"]


WRITER = """
import os, resource, sys
import numpy as np
from dataclasses import replace
from nb301_ogb.storage.read import DatasetFile
from nb301_ogb.storage.write import write
path, limit = sys.argv[1], int(sys.argv[2])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
else:
    def slow_disk(_):
        print("there", flush=True)
        sys.stdin.readline()
    os.fsync = slow_disk
contents = DatasetFile(path).contents()
noise = np.random.default_rng(0).random((len(contents.code), 10_000))
write(path, replace(contents, extra_origin={"noise": noise}, report="big"))
"""


def writer(path, limit=0):
    """A process that replaces a file; its disk takes `limit` bytes, or is slow: the process says that it is there."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, "-c", WRITER, path, str(limit)], **pipes, text=True)
    if not limit:
        assert process.stdout.readline() == "there\n", process.communicate()
    return process


def test_a_full_disk_leaves_the_old_file_and_no_litter(tmp_path, make_contents):
    path = tmp_path / "file.h5"
    write(path, make_contents())
    before = path.read_bytes()
    process = writer(path, limit=200_000)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1, errors
    assert "OSError: [Errno 27] File too large" in errors
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["file.h5"]


def test_a_killed_write_leaves_the_old_file_and_the_next_one_clears_up(tmp_path, make_contents):
    path = tmp_path / "file.h5"
    write(path, make_contents())
    bystander = tmp_path / ".other.h5.abc.part"
    bystander.touch()
    before = path.read_bytes()
    process = writer(path)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert path.read_bytes() == before
    assert all(check.ok for check in verify(path))
    assert len(litter(tmp_path)) == 2
    write(path, make_contents(seed=1))
    assert litter(tmp_path) == [bystander.name]
    assert_same(make_contents(seed=1), DatasetFile(path).contents())


def test_two_writers_do_not_disturb_each_other(tmp_path, make_contents):
    path = tmp_path / "file.h5"
    write(path, make_contents())
    process = writer(path)
    write(path, make_contents(seed=1))
    assert len(litter(tmp_path)) == 1, "a living writer keeps its file"
    assert_same(make_contents(seed=1), DatasetFile(path).contents())
    _, errors = process.communicate("go on\n", timeout=60)
    assert process.returncode == 0, errors
    assert DatasetFile(path).report() == "big"
    assert os.listdir(tmp_path) == ["file.h5"]


def test_paths_as_text_and_names_with_special_characters(tmp_path, make_contents):
    path = tmp_path / "a [1] *?.h5"
    write(str(path), make_contents())
    assert os.listdir(tmp_path) == [path.name]
    assert Path(path).is_file()
    with h5py.File(path) as file:
        assert file.userblock_size == 512


def test_a_running_download_of_the_same_file_is_left_alone(tmp_path, make_contents):
    with Temporary(tmp_path / "file.h5") as download:
        write(tmp_path / "file.h5", make_contents())
        assert download.path.exists()
        download.stream.write(b"downloaded")
        download.keep()
    assert (tmp_path / "file.h5").read_bytes() == b"downloaded"
