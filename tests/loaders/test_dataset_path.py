import os
import shutil

import pytest

from nb301_ogb import dataset_names, get_info
from nb301_ogb.loaders.dataset_path import dataset_path

EMBEDDED = [name for name in dataset_names() if get_info(name).embedded]


@pytest.mark.parametrize("name", EMBEDDED)
def test_the_embedded_file_is_found_wherever_one_stands(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "no home"))
    info = get_info(name)
    path = dataset_path(info)
    assert path.name == info.filename == f"{name}-v1.h5"
    assert path.parent.name == "data"
    assert path.is_file()
    assert dataset_path(info, "dataset") == dataset_path(info, tmp_path / "dataset") == path
    assert os.listdir(tmp_path) == []


def test_a_file_under_the_root_comes_first(tmp_path, monkeypatch):
    info = get_info("nb201-cifar10")
    own = tmp_path / "root" / "ogbg_nb201_cifar10" / info.filename
    own.parent.mkdir(parents=True)
    shutil.copy(dataset_path(info), own)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert dataset_path(info, tmp_path / "root") == own
    assert dataset_path(info, "root").resolve() == own
    assert dataset_path(info, "~/root") == own
    assert dataset_path(info) != own
    assert dataset_path(get_info("nb201-cifar100"), tmp_path / "root").parent.name == "data"
