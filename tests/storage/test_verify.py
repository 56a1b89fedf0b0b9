from dataclasses import replace

import numpy as np
import pytest

from nb301_ogb import dataset_names, get_info
from nb301_ogb.errors import IntegrityError
from nb301_ogb.loaders.dataset_path import dataset_path
from nb301_ogb.spaces.nasbench201 import SPACE
from nb301_ogb.storage.layout import Split
from nb301_ogb.storage.verify import require_valid, verify
from nb301_ogb.storage.write import write

EMBEDDED = [name for name in dataset_names() if get_info(name).embedded]


def changed(values, place, value):
    values = values.copy()
    values[place] = value
    return values


def graphs(contents, **arrays):
    return replace(contents, graphs=replace(contents.graphs, **arrays))


def target(contents, name="runtime", **fields):
    return replace(contents, targets=contents.targets | {name: replace(contents.targets[name], **fields)})


def split(contents, train, valid, test):
    parts = [np.array(rows, dtype=np.int64) for rows in (train, valid, test)]
    return replace(contents, splits={"first": Split(*parts, "rule", "source")})


def exchanged(contents):
    """Two equivalent codes for each other, so that keys and graphs still are those of some code."""
    codes = changed(contents.code, 0, SPACE.parse("300010"))
    codes[1] = SPACE.parse("000300")
    keys = SPACE.canonical_keys(codes)
    return replace(contents, code=codes[[1, 0, *range(2, 12)]], canonical_key=keys, graphs=SPACE.graphs(codes))


DAMAGE = {
    "code out of range": ("codes", "row 3, column 2", lambda c: replace(c, code=changed(c.code, (3, 2), 9))),
    "code of another length": ("codes", "[12, 7]", lambda c: replace(c, code=np.zeros((12, 7), dtype=np.uint8))),
    "another code": ("graphs", "differ", lambda c: replace(c, code=changed(c.code, 0, (c.code[0] + 1) % 5))),
    "equivalent code": ("graphs", "differ", exchanged),
    "another key": ("canonical keys", "differ", lambda c: replace(c, canonical_key=c.canonical_key[::-1])),
    "edge feature": ("graphs", "differ", lambda c: graphs(c, edge_feat=c.graphs.edge_feat % 4 + 1)),
    "node feature": ("graphs", "differ", lambda c: graphs(c, node_feat=c.graphs.node_feat[::-1].copy())),
    "edge order": ("graphs", "differ", lambda c: graphs(c, edge_index=c.graphs.edge_index[:, ::-1].copy())),
    "edge out of graph": ("edges", "out of its graph", lambda c: graphs(c, edge_index=c.graphs.edge_index + 2)),
    "edges of one row": ("edges", "shape", lambda c: graphs(c, edge_index=c.graphs.edge_index[:1])),
    "edges fewer": ("edges", "shape", lambda c: graphs(c, edge_index=c.graphs.edge_index[:, 1:])),
    "node pointers fall": ("node_ptr", "rise", lambda c: graphs(c, node_ptr=changed(c.graphs.node_ptr, 2, 99))),
    "edge pointers fall": ("edge_ptr", "rise", lambda c: graphs(c, edge_ptr=changed(c.graphs.edge_ptr, 2, 99))),
    "edge pointers start late": ("edge_ptr", "rise", lambda c: graphs(c, edge_ptr=changed(c.graphs.edge_ptr, 0, 1))),
    "edge pointers end early": ("edge_ptr", "rise", lambda c: graphs(c, edge_ptr=changed(c.graphs.edge_ptr, -1, 0))),
    "no pointers": ("node_ptr", "rise", lambda c: graphs(c, node_ptr=c.graphs.node_ptr[:0])),
    "fewer pointers": ("edges", "pointers", lambda c: graphs(c, edge_ptr=changed(c.graphs.edge_ptr[1:], 0, 0))),
    "fewer graphs": ("lengths", "'graphs': 11", lambda c: replace(c, graphs=c.graphs.take(range(11)))),
    "fewer keys": ("lengths", "'canonical_key': 11", lambda c: replace(c, canonical_key=c.canonical_key[1:])),
    "fewer run ids": ("lengths", "'run_id': 11", lambda c: replace(c, run_id=c.run_id[1:])),
    "fewer values": ("lengths", "'target runtime': 11", lambda c: target(c, values=c.targets["runtime"].values[1:])),
    "fewer curves": ("lengths", "'curve val': 11", lambda c: replace(c, curves={"val": c.curves["val"][1:]})),
    "fewer records": ("lengths", "'record': 11", lambda c: replace(c, records=c.records[1:])),
    "fewer groups": ("lengths", "'group': 11", lambda c: replace(c, group=c.group[1:])),
    "fewer others": (
        "lengths", "'origin budget': 11", lambda c: replace(c, extra_origin={"budget": c.extra_origin["budget"][1:]})
    ),
    "group without name": ("group", "past the 2 names", lambda c: replace(c, group=changed(c.group, 5, 2))),
    "percent": (
        "target val_accuracy", "100.5",
        lambda c: target(c, "val_accuracy", values=changed(c.targets["val_accuracy"].values, (0, 0), 100.5)),
    ),
    "negative": ("target runtime", "-1", lambda c: target(c, values=np.full((12, 1), -1.0))),
    "infinite": ("target runtime", "inf", lambda c: target(c, values=np.full((12, 1), np.inf))),
    "no value": ("target runtime", "no value", lambda c: target(c, values=np.full((12, 1), np.nan))),
    "one column": ("target runtime", "[12]", lambda c: target(c, values=np.ones(12))),
    "no label": ("label", "no target val_accuracy", lambda c: replace(c, targets={"runtime": c.targets["runtime"]})),
    "run without id": ("run ids", "do not match", lambda c: replace(c, run_id=changed(c.run_id, (0, 0), -1))),
    "id without run": ("run ids", "do not match", lambda c: replace(c, run_id=np.abs(c.run_id))),
    "runs fewer": ("run ids", "do not match", lambda c: replace(c, run_id=c.run_id[:, :2])),
    "overlap": ("split first", "overlap", lambda c: split(c, [0, 1], [1], [2])),
    "twice": ("split first", "overlap", lambda c: split(c, [0, 0], [1], [2])),
    "past the end": ("split first", "leave the table", lambda c: split(c, [0], [1], [12])),
    "before the start": ("split first", "leave the table", lambda c: split(c, [0], [1], [-1])),
    "unknown space": ("space", "no search space 'moon'", lambda c: replace(c, header=replace(c.header, space="moon"))),
}  # fmt: skip


def test_a_good_file(tmp_path, make_contents):
    write(tmp_path / "file.h5", make_contents())
    checks = verify(tmp_path / "file.h5")
    assert all(check.ok for check in checks)
    assert {check.name for check in checks} == {
        "bytes", "content hash", "hash of the curves", "lengths", "group", "node_ptr", "edge_ptr", "edges", "codes",
        "canonical keys",
        "graphs", "target val_accuracy", "target runtime", "run ids", "split first", "split some",
    }  # fmt: skip
    assert all(check.detail for check in checks)
    require_valid(tmp_path / "file.h5")


@pytest.mark.parametrize("damage", DAMAGE)
def test_each_kind_of_damage_is_named(tmp_path, make_contents, damage):
    name, words, change = DAMAGE[damage]
    path = tmp_path / "file.h5"
    write(path, change(make_contents()))
    failed = {check.name: check.detail for check in verify(path) if not check.ok}
    assert words in failed.get(name, ""), failed
    assert "content hash" not in failed
    with pytest.raises(IntegrityError, match=r"file\.h5 fails the check of its "):
        require_valid(path)


@pytest.mark.parametrize("damage", ["another key", "percent", "overlap", "run without id", "edge order"])
def test_only_the_damage_is_named(tmp_path, make_contents, damage):
    name, _, change = DAMAGE[damage]
    write(tmp_path / "file.h5", change(make_contents()))
    assert [check.name for check in verify(tmp_path / "file.h5") if not check.ok] == [name]


def test_a_content_hash_that_is_not_of_the_content(tmp_path, make_contents, monkeypatch):
    path = tmp_path / "file.h5"
    monkeypatch.setattr("nb301_ogb.storage.write.content_hash", lambda _: "0" * 64)
    write(path, make_contents())
    failed = [check for check in verify(path) if not check.ok]
    assert [check.name for check in failed] == ["content hash"]
    assert "is not the 000000000000" in failed[0].detail


def test_damaged_bytes_are_not_looked_at_further(tmp_path, make_contents):
    path = tmp_path / "file.h5"
    write(path, make_contents())
    path.write_bytes(path.read_bytes()[:-1])
    checks = verify(path)
    assert [(check.name, check.ok) for check in checks] == [("bytes", False)]
    assert "damaged" in checks[0].detail
    with pytest.raises(IntegrityError, match="bytes"):
        require_valid(path)


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        verify(tmp_path / "missing.h5")


@pytest.mark.parametrize("name", EMBEDDED)
def test_the_embedded_files_are_valid(name):
    checks = verify(dataset_path(get_info(name)))
    assert [check for check in checks if not check.ok] == []
    assert len(checks) == 10 + len(get_info(name).targets) + len(get_info(name).splits)
