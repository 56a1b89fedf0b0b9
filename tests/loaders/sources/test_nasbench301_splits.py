"""The official split lists: read whole or refused."""

import json

import pytest

from nb301_ogb.errors import BuildError
from nb301_ogb.loaders.sources.nasbench301_splits import list_files, read_lists
from tests.loaders.nb301_archive import SHARED, needs_shared


def test_small_lists(small_nb301):
    made, named, folder = small_nb301
    lists = read_lists(list_files(folder))
    assert {which: list(keys) for which, keys in lists.parts.items()} == named
    assert lists.listed == set(made)
    assert lists.splits == tuple(dict.fromkeys(split for split, _ in named))


def test_a_list_that_is_not_there(small_nb301):
    _, _, folder = small_nb301
    (folder / "leave_out_re/val_paths.json").unlink()
    with pytest.raises(BuildError, match=r"leave_out_re/val_paths\.json is not there; give the folder"):
        list_files(folder)


def test_a_list_that_was_changed(small_nb301):
    _, _, folder = small_nb301
    path = folder / "default_split/test_paths.json"
    path.write_text(json.dumps(json.loads(path.read_text())[1:]))
    with pytest.raises(BuildError, match=r"test_paths\.json is not the official split list: its sha256"):
        read_lists(list_files(folder))


@needs_shared
def test_the_official_lists():
    folder = SHARED / "splits"
    lists = read_lists(list_files(folder))
    assert len(lists.listed) == 46_537
    assert len(lists.splits) == 10
    for (split, part), keys in lists.parts.items():
        place = f"{split}_split" if split == "default" else split
        paths = json.loads((folder / place / f"{'val' if part == 'valid' else part}_paths.json").read_bytes())
        assert list(keys) == ["/".join(path.split("/")[-2:]) for path in paths]
