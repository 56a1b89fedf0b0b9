"""Where the file of a dataset is, and whether it is the right one."""

from __future__ import annotations

from pathlib import Path

from nb301_ogb.catalog import DatasetInfo
from nb301_ogb.errors import FileFormatError
from nb301_ogb.loaders.fetch.cache import Cache
from nb301_ogb.loaders.fetch.resource import Resource
from nb301_ogb.loaders.fetch.retrieval import locate
from nb301_ogb.storage.layout import check_block
from nb301_ogb.storage.read import DatasetFile


def dataset_resource(info: DatasetInfo) -> Resource:
    """The file of a dataset, by its place in a cache folder and below a mirror."""
    return Resource(f"{info.folder}/{info.filename}", info.urls)


def find(info: DatasetInfo, cache: Cache) -> Path | None:
    """The dataset's file in the cache, whole; None where there is none. A damaged one is passed over."""
    return locate(dataset_resource(info), cache, check_block)


def require_dataset(file: DatasetFile, info: DatasetInfo) -> None:
    """Checks that a file is the dataset, and the version of it, that the catalogue means.

    Raises:
        FileFormatError: where it is not.
    """
    found, wanted = (file.attributes["name"], int(file.attributes["version"])), (info.name, info.version)
    if found != wanted:
        holds, means = (f"{name} version {version}" for name, version in (found, wanted))
        msg = f"{file.path} holds {holds}, not {means}; give the right file."
        raise FileFormatError(msg)
