"""The catalogue of NAS-Bench-301's files."""

import hashlib
import json
import pathlib

import pytest

from nb301_ogb.catalog import LEAVE_OUT_GROUPS, PARTS
from nb301_ogb.errors import DatasetNameError
from nb301_ogb.loaders.fetch import Cache, fetch_all
from nb301_ogb.loaders.resources import NB301_DATASET, NB301_FULL_LOGS, SPLIT_LISTS, SPLITS_COMMIT, split_list
from tests.loaders.fetch_server import Loopback, body

COPIES = pathlib.Path(__file__).resolve().parents[2] / ".." / "shared" / "nb301" / "splits"
needs_copies = pytest.mark.skipif(not COPIES.is_dir(), reason="the copies of the split lists are not here")


def copy_of(resource):
    return COPIES.joinpath(*resource.name.split("/")[-2:])


def test_every_split_has_three_lists():
    splits = ["default", *(f"leave_out_{group}" for group in sorted(LEAVE_OUT_GROUPS) if group not in ("rs", "drnas"))]
    assert list(dict.fromkeys(split for split, _ in SPLIT_LISTS)) == splits
    assert set(SPLIT_LISTS) == {(split, part) for split in splits for part in PARTS}
    assert len({resource.name for resource in SPLIT_LISTS.values()}) == 30


def test_addresses():
    resource = split_list("leave_out_darts", "validation")
    assert resource.urls == (
        f"https://raw.githubusercontent.com/automl/nasbench301/{SPLITS_COMMIT}"
        "/nasbench301/surrogate_models/configs/data_splits/leave_out_darts/val_paths.json",
    )
    assert "/default_split/train_paths.json" in split_list("default", "train").urls[0]
    assert (NB301_DATASET.id, NB301_FULL_LOGS.id) == (13246952, 13286105)


def test_what_has_no_list():
    with pytest.raises(DatasetNameError, match="leave_out_rs"):
        split_list("leave_out_rs", "train")
    with pytest.raises(DatasetNameError, match="no part"):
        split_list("default", "all")


@needs_copies
def test_sizes_and_hashes():
    for resource in SPLIT_LISTS.values():
        content = copy_of(resource).read_bytes()
        assert (resource.size, resource.sha256) == (len(content), hashlib.sha256(content).hexdigest())


@needs_copies
def test_the_lists_from_a_mirror(tmp_path):
    with Loopback() as server:
        for resource in SPLIT_LISTS.values():
            server.on(f"/{resource.name}", body(copy_of(resource).read_bytes()))
        wanted = [split_list("default", part) for part in PARTS]
        paths = fetch_all(wanted, cache=Cache(tmp_path), mirrors=[server.url()], offline=False)
        assert len(server.requests) == 3
    assert [len(json.loads(path.read_bytes())) for path in paths] == [37_225, 4_652, 4_649]
