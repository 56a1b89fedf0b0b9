import re
from dataclasses import FrozenInstanceError, fields

import pytest

from nb301_ogb import dataset_names, get_info, get_space
from nb301_ogb.catalog import LEAVE_OUT_GROUPS, NB201_IMAGES, PARTS, DatasetInfo, part_name
from nb301_ogb.errors import DatasetNameError, Nb301OgbError
from nb301_ogb.loaders.dataset_path import dataset_path
from nb301_ogb.storage.read import DatasetFile

EMBEDDED = [name for name in dataset_names() if get_info(name).embedded]


def test_names():
    names = dataset_names()
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"ogbg-[a-z0-9-]+", name) for name in names)
    assert {f"ogbg-nb201-{image}" for image in NB201_IMAGES} | {"ogbg-nb301"} <= set(names)
    assert [f"ogbg-nb201-{image}" for image in NB201_IMAGES] == EMBEDDED


@pytest.mark.parametrize("name", dataset_names())
def test_an_entry_is_whole(name):
    info = get_info(name)
    assert info.name == name
    assert info.filename == f"{name}-v{info.version}.h5"
    assert get_space(info.space).name == info.space
    assert info.default_split == info.splits[0]
    assert len(set(info.splits)) == len(info.splits)
    assert info.label in info.targets
    assert (info.eval_metric, info.task_type, info.num_tasks) == ("rmse", "regression", 1)
    assert info.citation.startswith("@inproceedings{")
    assert info.citation.count("{") == info.citation.count("}")
    assert all(getattr(info, field.name) for field in fields(info) if field.type == "str")
    assert info.citation not in repr(info)
    with pytest.raises(FrozenInstanceError):
        info.version = 2


@pytest.mark.parametrize("name", EMBEDDED)
def test_an_embedded_file_agrees_with_its_entry(name):
    info, file = get_info(name), DatasetFile(dataset_path(get_info(name)))
    header = file.header
    assert (header.name, header.version, header.space, header.label) == (name, info.version, info.space, info.label)
    assert (header.license, header.citation) == (info.license, info.citation)
    assert set(file.target_names) == set(info.targets)
    assert set(file.split_names) == set(info.splits)
    assert file.num_graphs == info.rows


def test_splits_of_nb301():
    info = get_info("nb301")
    assert info.default_split == "default"
    assert len(LEAVE_OUT_GROUPS) == 11
    assert set(info.splits) == {"default", "equivalence", "top"} | {f"leave_out_{group}" for group in LEAVE_OUT_GROUPS}


@pytest.mark.parametrize("spelling", ["{}", " {}\n", "{}".upper(), "{0}"])
@pytest.mark.parametrize("name", dataset_names())
def test_spellings(name, spelling):
    for written in (name, name.removeprefix("ogbg-"), name.replace("-", "_"), name.upper()):
        assert get_info(spelling.format(written)) is get_info(name)


@pytest.mark.parametrize("name", ["ogbg-", "", "nb201", "ogbg-ogbg-nb301", "nb301-v1", None, 7])
def test_a_name_that_does_not_exist(name):
    with pytest.raises(DatasetNameError) as raised:
        get_info(name)
    assert isinstance(raised.value, ValueError)
    assert isinstance(raised.value, Nb301OgbError)
    assert str(raised.value).split("\n") == [
        f"Invalid dataset name {name}.", "Available datasets are as follows:", *dataset_names()
    ]  # fmt: skip


def test_parts():
    assert PARTS == ("train", "valid", "test")
    assert [part_name(part) for part in ("train", "valid", "val", "validation", "test")] == [
        "train", "valid", "valid", "valid", "test",
    ]  # fmt: skip
    for part in ("Train", "", "dev", None):
        with pytest.raises(DatasetNameError, match=r"a split has no part .*; its parts are train, valid, test"):
            part_name(part)


def test_filenames_carry_the_version():
    info = get_info("nb201-cifar10")
    values = {field.name: getattr(info, field.name) for field in fields(DatasetInfo)}
    assert DatasetInfo(**values | {"version": 2}).filename == "ogbg-nb201-cifar10-v2.h5"
